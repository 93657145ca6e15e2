"""Shows a replay in the terminal until it is over, or somebody has seen enough."""

from __future__ import annotations

import io
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from math import inf
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from tv2sim.realtime.terminal.header import Surroundings, done_of, what
from tv2sim.realtime.terminal.keys import Keys
from tv2sim.realtime.terminal.picture import picture
from tv2sim.realtime.terminal.screen import Screen
from tv2sim.realtime.terminal.signals import Signals
from tv2sim.realtime.terminal.text import Pen, pen_for

if TYPE_CHECKING:
    from tv2sim.realtime.clock import Speed
    from tv2sim.realtime.session import Replay
    from tv2sim.realtime.snapshot import Snapshot

__all__ = ["changed_speed", "show", "sum_up", "summary"]

PERIOD = 0.1
"""Wall seconds between two pictures."""
SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def show(replay: Replay, *, stay: bool = False) -> bool:
    """Show a replay in the terminal until it is over; keys pause it, change its speed and stop it.

    The replay has its own thread: a terminal that is slow misses pictures, and nothing else is late.

    Parameters
    ----------
    replay : Replay
        One that was started.
    stay : bool
        Whether to go on showing how it has ended.

    Returns
    -------
    bool
        Whether it was stopped by key.
    """
    screen, keys = Screen(sys.stdout), Keys()
    with Signals(urgent=screen.is_writing) as signals, _held_messages() as held, keys, screen:
        return _look_on(replay, screen, keys, signals, held, stay)
    return False


def _look_on(replay: Replay, screen: Screen, keys: Keys, signals: Signals, held: _Held, stay: bool) -> bool:
    """Draw and obey, until it is over or a signal has come."""
    pen = pen_for(sys.stdout)
    while True:
        over = replay.over
        if screen.takes():
            size = screen.size
            around = Surroundings(keys.working, replay.url, held.last)
            screen.draw(picture(replay.snapshot(), pen, *size, around), size)
        if over and not (stay and replay.phase == "finished"):
            return False
        for key in keys.pressed(PERIOD):
            if key in "qQ":
                replay.stop()
                return not over
            _steer(replay, key)
        if signals.end:
            return False
        if signals.suspend:
            _suspend(replay, screen, keys, signals)
        elif signals.resumed:  # after a stop that could not be noticed
            keys.enter()
            screen.enter()
            signals.resumed = False


def _suspend(replay: Replay, screen: Screen, keys: Keys, signals: Signals) -> None:
    """Give the terminal back to the shell until it lets the program go on; meanwhile the replay is paused."""
    paused = replay.paused
    replay.pause()
    screen.leave()
    keys.leave()
    signals.stand_still()
    keys.enter()
    screen.enter()
    if not paused:
        replay.resume()


def _steer(replay: Replay, key: str) -> None:
    if replay.over:
        return
    if key == " ":
        if replay.paused:
            replay.resume()
        else:
            replay.pause()
    elif key in "+=":
        replay.speed = changed_speed(replay.speed, faster=True)
    elif key in "-_":
        replay.speed = changed_speed(replay.speed, faster=False)


def changed_speed(speed: Speed, *, faster: bool) -> Speed:
    """Return the next one of the usual speeds."""
    now = inf if speed == "max" else speed
    if faster:
        above = bisect_right(SPEEDS, now)
        return SPEEDS[above] if above < len(SPEEDS) else "max"
    return SPEEDS[max(0, bisect_left(SPEEDS, now) - 1)]


# -- what stays in the terminal ----------------------------------------------------------------------------


def sum_up(replay: Replay) -> None:
    """Print a summary of what was shown, if the terminal takes it."""
    screen = Screen(sys.stdout)
    if not screen.takes(0.3):
        return
    console = Console(file=sys.stdout, highlight=False)
    width, _ = screen.size
    for line in summary(replay.snapshot(), pen_for(sys.stdout), width):
        console.print(line, soft_wrap=True)


def summary(snapshot: Snapshot, pen: Pen, width: int) -> list[Text]:
    """Return what there is to say of a replay that is over, in a few lines."""
    pipe, between = snapshot.pipeline, pen.glyphs.between
    done, _ = done_of(snapshot)
    parts = [
        f"{pipe.stats['published']} of {done} published in time",
        "" if pipe.on_time_rate is None else f"{100 * pipe.on_time_rate:.1f} %",
        f"{pipe.publishers_started} publishers started",
    ]
    lines = [what(snapshot, pen, width), Text(between.join(part for part in parts if part))]
    if pipe.failed:
        titles = ", ".join(video.title for video in pipe.failed)
        lines.append(Text(pen.title(f"failed, the last first: {titles}", width), "red"))
    return lines


# -- the rest of the world ---------------------------------------------------------------------------------


class _Held(io.StringIO):
    """Messages that would tear the picture."""

    @property
    def last(self) -> str:
        """The last line that was written."""
        lines = self.getvalue()[-_LONGEST:].split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")


_LONGEST = 2000


@contextmanager
def _held_messages() -> Iterator[_Held]:
    """Hold what is written to standard error, if that is a terminal, and write it afterwards."""
    held, stream = _Held(), sys.stderr
    if stream is None or not stream.isatty():
        yield held
        return
    try:
        with redirect_stderr(held):
            yield held
    finally:
        _pass_on(held.getvalue(), stream)


def _pass_on(text: str, stream: TextIO) -> None:
    with suppress(OSError):  # nobody hears it
        stream.write(text)
        stream.flush()
