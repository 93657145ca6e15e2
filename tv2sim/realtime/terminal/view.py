"""Shows a replay in the terminal until it is over or is stopped."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from math import inf
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from tv2sim.realtime.snapshot import UNDER_WAY
from tv2sim.realtime.terminal import takes
from tv2sim.realtime.terminal.picture import done_of, picture, what
from tv2sim.realtime.terminal.screen import taken
from tv2sim.realtime.terminal.text import Pen, pen_for

if TYPE_CHECKING:
    from tv2sim.realtime.clock import Speed
    from tv2sim.realtime.session import Replay
    from tv2sim.realtime.snapshot import Snapshot
    from tv2sim.realtime.terminal.screen import Terminal

__all__ = ["changed_speed", "show", "sum_up", "summary"]

PERIOD = 0.1
"""Wall seconds between two pictures."""
SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def show(replay: Replay, *, stay: bool = False) -> bool:
    """Show a replay in the terminal until it is over; keys pause it, change its speed and stop it.

    The replay has a thread of its own. A slow terminal misses pictures, and does not delay the replay.

    Parameters
    ----------
    replay : Replay
        A replay that was started.
    stay : bool
        Whether to show its final state until a key or a signal ends that.

    Returns
    -------
    bool
        Whether it was stopped with a key.
    """
    pen = pen_for(sys.stdout)
    with taken(sys.stdout) as terminal:
        while not terminal.end:
            over = replay.over
            if terminal.screen.takes():
                size, message = terminal.screen.size, terminal.messages.getvalue()[-2000:].rstrip()
                whole = picture(
                    replay.snapshot(), pen, size, keys=terminal.keys.working, url=replay.url or "",
                    warning=message.rpartition("\n")[2],
                )  # fmt: skip
                terminal.screen.draw(whole, size)
            if over and not (stay and replay.phase not in ("stopped", "failed")):
                break
            if not _obeyed(replay, terminal.keys.pressed(PERIOD)):
                return not over
            if terminal.suspended:
                _suspend(replay, terminal)
            elif terminal.resumed:  # after SIGSTOP, which cannot be handled
                terminal.resumed = False
                terminal.leave()
                terminal.enter()
    return False


def _suspend(replay: Replay, terminal: Terminal) -> None:
    """Pause the replay, and stop the process until the shell continues it."""
    paused = replay.paused
    replay.pause()
    terminal.suspend()
    if not paused:
        replay.resume()


def _obeyed(replay: Replay, keys: str) -> bool:
    """Do what keys ask for; return False if that is to stop."""
    for key in keys:
        if key in "qQ":
            replay.stop()
            return False
        if replay.phase not in UNDER_WAY:
            continue
        if key in "+=-_":
            replay.speed = changed_speed(replay.speed, faster=key in "+=")
        elif key == " " and replay.paused:
            replay.resume()
        elif key == " ":
            replay.pause()
    return True


def changed_speed(speed: Speed, *, faster: bool) -> Speed:
    """Return the next of :data:`SPEEDS` above or below; "max" is above all of them."""
    now = inf if speed == "max" else speed
    if faster:
        above = bisect_right(SPEEDS, now)
        return SPEEDS[above] if above < len(SPEEDS) else "max"
    return SPEEDS[max(0, bisect_left(SPEEDS, now) - 1)]


# -- the summary that stays in the terminal ----------------------------------------------------------------


def sum_up(replay: Replay) -> None:
    """Print a summary of the replay, unless the terminal is stopped."""
    if takes(sys.stdout):
        console = Console(file=sys.stdout, highlight=False)
        for line in summary(replay.snapshot(), pen_for(sys.stdout), console.width):
            console.print(line, soft_wrap=True)


def summary(snapshot: Snapshot, pen: Pen, width: int) -> list[Text]:
    """Return a summary of a replay that is over, in a few lines."""
    pipe, (done, _) = snapshot.pipeline, done_of(snapshot)
    parts = [f"{pipe.stats['published']} of {done} published in time"]
    if pipe.on_time_rate is not None:
        parts.append(f"{100 * pipe.on_time_rate:.1f} %")
    parts.append(f"{pipe.publishers_started} publishers started")
    lines = [what(snapshot, pen, width), Text(pen.glyphs.between.join(parts))]
    if pipe.failed:
        titles = ", ".join(video.title for video in pipe.failed)
        lines.append(Text(pen.title(f"failed, the last first: {titles}", width), "red"))
    return lines
