"""The view of a replay in the terminal: a picture made of rich's layouts and tables, and its keys."""

from __future__ import annotations

import codecs
import copy
import io
import locale
import os
import shutil
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from math import ceil, inf, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TextIO, TypeAlias

import msgspec
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from tv2sim.base.errors import printable
from tv2sim.realtime.clock import LAG_LIMIT, Speed
from tv2sim.realtime.pipeline_state import UNDER_WAY, Encoder, Publisher, Snapshot
from tv2sim.realtime.terminal import Keys, Output, messages_held, start, suspend, suspensions_noted, takes

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

    from tv2sim.realtime.handle import Replay


PERIOD = 0.1
"""Wall seconds between two pictures."""
SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def show(replay: Replay, is_ending: Callable[[], bool] = lambda: False, *, stay: bool = False) -> bool:
    """Show a replay in the terminal until it is over; keys pause it, change its speed and stop it.

    The replay has a thread of its own. A slow terminal misses pictures, and does not delay the replay.

    Parameters
    ----------
    replay : Replay
        A replay that was started.
    is_ending : callable
        Returns whether the program has to end, which ends the view.
    stay : bool
        Whether to show its final state until a key or `is_ending` ends that.

    Returns
    -------
    bool
        Whether it was stopped with a key.
    """
    charset = charset_of(sys.stdout)
    with suspensions_noted() as noted, messages_held() as messages:
        while not is_ending():
            with Keys() as keys, Screen(sys.stdout, charset) as screen:
                while not (noted or is_ending()):
                    over = replay.over
                    if screen.ready():
                        warning = messages.getvalue()[-2000:].rstrip().rpartition("\n")[2]
                        screen.draw(
                            Picture(replay.snapshot(), charset, keys.working, replay.url or "", warning)
                        )
                    if over and not (stay and replay.phase not in ("stopped", "failed")):
                        return False
                    if not _obey(replay, keys.wait_for_keys(PERIOD)):
                        return not over
            _suspend(replay, noted)
    return False


def _suspend(replay: Replay, noted: list[int]) -> None:
    """Pause the replay while the process is suspended."""
    paused = replay.paused
    replay.pause()
    suspend(noted)
    if not paused:
        replay.resume()


def _obey(replay: Replay, keys: str) -> bool:
    """Carry out the commands of keys; return False after the command to stop."""
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


# -- the screen --------------------------------------------------------------------------------------------


class Screen:
    """The terminal's alternate screen. rich draws a picture, and the rows that have changed are sent.

    No write blocks: as long as the terminal has not taken a picture, no other one is drawn.

    Parameters
    ----------
    stream : text file
        The terminal.
    charset : Charset
        The characters that the terminal can show.
    """

    def __init__(self, stream: TextIO, charset: Charset) -> None:
        self._stream, self._charset = stream, charset
        self._output = Output(stream)
        self._unsent = b""
        self._rows: list[str] = []  # the picture that the terminal has, or will have
        self._console = Console(file=io.StringIO(), force_terminal=True, legacy_windows=False)

    def __enter__(self) -> Self:
        self._send(_ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        start(self._stream)
        self._unsent = b""
        self._send(_LEAVE, 0.3)
        self._output.close()

    def ready(self) -> bool:
        """Send unsent data, and return whether the terminal has taken all of it."""
        self._send("")
        return not self._unsent

    def draw(self, picture: Picture) -> None:
        """Draw a picture for the size that the terminal has now."""
        size = self._output.size
        if self._console.size != size:
            self._console.size = size
            self._rows = []
            self._send("\x1b[2J")
        with self._console.capture() as drawn:
            self._console.print(picture.layout(*size), end="")
        rows = self._charset.drawn(drawn.get()).splitlines()
        for at, (row, before) in enumerate(zip_longest(rows, self._rows), 1):
            if row != before:
                # erased first, since a title that the terminal shows narrower would leave old text
                self._send(f"\x1b[0m\x1b[{at};1H\x1b[K{row}")
        self._rows = rows

    def _send(self, text: str, timeout: float = 0.0) -> None:
        self._unsent += text.encode(self._charset.encoding, "backslashreplace")
        with suppress(OSError):  # the terminal was stopped just now, or is closed
            self._unsent = self._unsent[self._output.write(self._unsent, timeout) :]


# the other screen, without a cursor, and without wrapping: a title that the terminal shows wider than rich
# assumes does not shift the next row
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"


# -- the summary that stays in the terminal ----------------------------------------------------------------


def sum_up(replay: Replay) -> None:
    """Print a summary of the replay, unless the terminal is stopped."""
    if takes(sys.stdout):
        lines = summary(replay.snapshot(), charset_of(sys.stdout), shutil.get_terminal_size().columns)
        sys.stdout.write("\n".join([*lines, ""]))


def summary(snapshot: Snapshot, charset: Charset, width: int) -> list[str]:
    """Return a summary of a replay that is over, in a few lines."""
    picture = Picture(snapshot, charset)
    pipe = picture.pipe
    rate = "" if pipe.on_time_rate is None else f"{100 * pipe.on_time_rate:.1f} % · "
    published = f"{pipe.stats['published']} of {pipe.settled} published in time"
    lines = [picture.title(width).plain, f"{published} · {rate}{pipe.publishers_started} publishers started"]
    if pipe.failed:
        lines.append(f"failed, the last first: {', '.join(video.title for video in pipe.failed)}")
    return [charset.drawn(_cut(line, width)) for line in lines]


# -- the characters of a terminal --------------------------------------------------------------------------


class Charset:
    """The characters that a terminal can show.

    Parameters
    ----------
    encoding : str
        The encoding of the terminal.
    ascii_only : bool
        Whether to draw with ASCII characters even if the encoding has the others.
    """

    def __init__(self, encoding: str = "utf-8", *, ascii_only: bool = False) -> None:
        self.encoding = encoding
        try:
            "".join(map(chr, _IN_ASCII)).encode(encoding)
        except UnicodeEncodeError:
            ascii_only = True
        self._replaced = _IN_ASCII if ascii_only else {}

    def escaped(self, value: Any) -> Any:
        """Return data whose texts hold only characters that the terminal can show; others are escaped."""
        if isinstance(value, str):
            text = printable(value.translate(_SELECTORS))
            return text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        if isinstance(value, dict):
            return {name: self.escaped(one) for name, one in value.items()}
        return [self.escaped(one) for one in value] if isinstance(value, list) else value

    def drawn(self, text: str) -> str:
        """Return a drawn text, with lines, bars and dots in ASCII if the terminal needs that."""
        return text.translate(self._replaced)


_IN_ASCII = str.maketrans("━─·…", "#--~")
_SELECTORS = dict.fromkeys([*range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400)])
"""Characters that are left out, since terminals disagree on the width of the character before them."""


def charset_of(stream: TextIO) -> Charset:
    """Return the characters that a stream can show."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    if sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8"):
        # in the locale C Python takes UTF-8, but the terminal may have ASCII only
        encoding = locale.getencoding()
    # the font of the Linux console lacks the characters of bars
    return Charset(codecs.lookup(encoding).name, ascii_only=os.environ.get("TERM") == "linux")


# -- the picture -------------------------------------------------------------------------------------------

_WIDE = ({"encoders": 39, "waiting": 31, "publishers": 30}, {"counters": 40, "events": 60})
_MIDDLE = ({"encoders": 1, "publishers": 1}, {"counters": 1, "waiting": 1}, {"events": 1})
_NARROW = ({"counters": 1}, {"encoders": 1}, {"publishers": 1}, {"waiting": 1}, {"events": 1})
"""Rows of parts with their shares of the width, the most important row first."""
_ARRANGEMENTS = (
    (110, 24, _WIDE), (72, 28, _MIDDLE), (72, 12, _MIDDLE[:2]), (0, 42, _NARROW), (0, 14, _NARROW[:4]),
    (0, 10, _NARROW[:2]), (0, 5, _NARROW[:1]), (0, 0, ()),
)  # fmt: skip
"""Rows of parts by the columns and lines that the terminal has at least; the first that fits is taken."""
_HEIGHTS = {"encoders": 11, "publishers": 11, "waiting": 8, "counters": 8, "events": 8}
"""The share of each part in the height; the counters have at least 4 lines."""
_GAP = 2


class _Part(NamedTuple):
    """A part of the picture, which is drawn for the width and the height that it gets."""

    draw: Callable[[int, int], Iterable[RenderableType]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = max(1, options.max_width - _GAP), options.height or 1
        yield from console.render(Group(*self.draw(width, height)), options.update(width=width))


class Picture:
    """A drawing of a snapshot: lines at the top and at the bottom, and parts between them.

    Parameters
    ----------
    snapshot : Snapshot
        The replay at one time.
    charset : Charset
        The characters that the terminal can show.
    keys : bool
        Whether keys can be read.
    url : str
        The address of the page, or "".
    warning : str
        The last message on standard error, or "".
    """

    def __init__(
        self, snapshot: Snapshot, charset: Charset, keys: bool = False, url: str = "", warning: str = ""
    ) -> None:
        # all texts are escaped here, so that none of the methods below has to
        data, self._url, self._warning = charset.escaped([msgspec.to_builtins(snapshot), url, warning])
        self._snapshot, self._keys = msgspec.convert(data, Snapshot), keys
        self.pipe = self._snapshot.pipeline

    def layout(self, width: int, height: int) -> Layout:
        """Return a layout that fills a screen of so many columns and rows."""
        above, below = self._above(width, height), self._below(width, height)
        blocks = []
        for row in next(rows for columns, lines, rows in _ARRANGEMENTS if width >= columns and height >= lines):
            share, least = max(map(_HEIGHTS.__getitem__, row)), 4 if "counters" in row else 2
            block = Layout(ratio=share, minimum_size=least)
            block.split_row(*(Layout(_Part(getattr(self, name)), ratio=part) for name, part in row.items()))
            blocks.append(block)
        whole = Layout()
        whole.split_column(
            Layout(Group(*above), size=len(above)),
            *(blocks or [Layout("")]),
            Layout(Group(*below), size=len(below), visible=bool(below)),
        )
        return whole

    # -- above and below -----------------------------------------------------------------------------------

    def _above(self, width: int, height: int) -> list[RenderableType]:
        """Return the lines at the top: one to four, by the height of the screen."""
        state, snapshot = self._state(), self._snapshot
        if height < 8:
            return [state]
        lag = Text(f"lag {1000 * snapshot.lag:.1f} ms, at most {1000 * snapshot.lag_max:.1f} ms")
        lag.style = "bold red" if snapshot.lag_max > LAG_LIMIT else "dim"
        progress = _table(Column(no_wrap=True), Column(), _rest())
        progress.add_row(state, *self._done())
        title = self.title(width - lag.cell_len - _GAP)
        lines: list[RenderableType] = [_line_with_ends(title, lag, width), progress]
        if height >= 18:
            lines.append(self._client())
        return [*lines, Text()] if height >= 30 else lines

    def title(self, width: int) -> Text:
        """Return the names of catalogue and strategy, and the seed. A long name of a catalogue is cut."""
        snapshot = self._snapshot
        rest = f" · strategy {snapshot.strategy} · seed {snapshot.seed}"
        if snapshot.replication:
            rest += f" · replication {snapshot.replication}"
        return _line((_cut(snapshot.catalogue, max(8, width - len(rest))), "bold"), rest)

    def _state(self) -> Text:
        """Return the simulated time, the phase and the speed."""
        snapshot, phase, rest = self._snapshot, str(self._snapshot.phase), ""
        end = "" if snapshot.until is None else f" of {snapshot.until:g}"
        if phase == "finished":
            rest = snapshot.ending or ""
        elif phase in UNDER_WAY:
            rest = "full speed" if snapshot.speed == "max" else f"speed {snapshot.speed:g}"
            phase = "paused" if snapshot.paused else phase
        style = _STYLES.get(phase, "bold green")
        return _line((f"{snapshot.time:.1f}{end} s  ", "bold"), (phase.upper(), style), f"  {rest}")

    def _done(self) -> tuple[Text, RenderableType]:
        """Return how many videos have an outcome, and a bar if it is known how many there will be."""
        done, client = self.pipe.settled, self.pipe.client
        if client.left is None:
            return _line(f"{done} done"), ""
        total = client.taken + client.left
        return _line(f"{done} of {total} done"), _Bar(done / total, "green") if total else ""

    def _client(self) -> Text:
        """Return the videos left to offer, and the video that waits for an encoder."""
        client = self.pipe.client
        rest = "more may come" if client.left is None else f"{client.left or 'nothing'} more to offer"
        if client.again:
            rest += f", {client.again} to be offered again"
        if client.video is not None:
            blocked = max(0.0, self._snapshot.time - client.since)
            rest += f" · waits {blocked:.1f} s for an encoder with {client.video.title}"
        return _line(("client   ", "dim"), rest)

    def _below(self, width: int, height: int) -> list[Text]:
        """Return the lines at the bottom: the last warning, the keys, and the address."""
        if height < 5:
            return []
        lines = [_line((self._warning, "yellow"))] if self._warning and height >= 10 else []
        pauses = "resume" if self._snapshot.paused else "pause"
        over = "q quit" if self._snapshot.phase not in UNDER_WAY else f"space {pauses}   + - speed   q stop"
        keys, address = _line(over if self._keys else "Ctrl-C stops it"), self._url
        if keys.cell_len + len(address) + _GAP > width:
            if len(address) <= width and height >= 20:
                return [*lines, _line((address, "dim")), keys]
            address = address.partition("#")[0]
        return [*lines, _line_with_ends(keys, Text(address, "dim"), width)]

    # -- parts ---------------------------------------------------------------------------------------------

    def encoders(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw a lane for each encoder."""
        pipe = self.pipe
        found = {"blocked": pipe.encoders_blocked, "down": pipe.encoders_down, "interrupted": pipe.interrupted}
        busy = f"{pipe.encoders_busy} of {pipe.encoders_total} busy" if pipe.encoders_total else "none"
        yield _heading("encoders", ", ".join([busy, *(f"{n} {what}" for what, n in found.items() if n)]))
        yield _lanes(map(self._encoder, pipe.encoders), pipe.encoders_total, width, height - 1)

    def _encoder(self, encoder: Encoder) -> Lane:
        if encoder.down:
            return _lane(encoder, Text("down", "bold red"))
        if encoder.video is None:
            return _lane(encoder, Text("free", "dim"))
        left, took = encoder.end - self._snapshot.time, encoder.end - encoder.start
        if encoder.blocked:
            return _lane(encoder, Text("blocked", "bold red"), -left)
        return _lane(encoder, _Bar(1 - max(0.0, left) / took if took > 0 else 1.0, "cyan"), left)

    def publishers(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw a lane for each publisher."""
        pipe = self.pipe
        starting, ready, busy = pipe.publishers_starting, pipe.publishers_ready, pipe.publishers_busy
        yield _heading("pool", f"{starting} starting, {ready} ready, {busy} busy")
        yield _lanes(map(self._publisher, pipe.publishers), starting + ready + busy, width, height - 1)

    def _publisher(self, publisher: Publisher) -> Lane:
        since, mean = self._snapshot.time - publisher.since, self._snapshot.startup_mean
        if publisher.state == "starting":
            return _lane(publisher, _Bar(since / mean if mean > 0 else 0.0, "yellow"), since)
        return _lane(publisher, Text(publisher.state, _STYLES[publisher.state]), since)

    def waiting(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw the publishing queue, and the videos beside it that wait for their own publisher."""
        pipe, rows = self.pipe, max(0, height - 1)
        yield _heading(f"queue {pipe.queue_total}", f"own publisher {pipe.beside_total}")
        # the queue and the videos beside it may use the rows that the other leaves; else each gets half
        beside = min(pipe.beside_total, max(rows // 2, rows - pipe.queue_total))
        table = _table(_right("dim"), _right(), _rest())
        waiting = [(str(place), video) for place, video in enumerate(pipe.queue, 1)][: rows - beside]
        for place, video in [*waiting, *(("own", video) for video in pipe.beside[:beside])]:
            left = video.deadline - self._snapshot.time
            when = Text("too late", "red") if left < 0 else Text(f"{left:.1f} s" if isfinite(left) else "")
            table.add_row(place, when, Text(video.title))
        yield table

    def counters(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw the counters, and if there is room the videos that failed last."""
        pipe = self.pipe
        rate = "none is out yet" if pipe.on_time_rate is None else f"{100 * pipe.on_time_rate:.1f} % on time"
        yield _heading("counters", rate)
        values = {name: pipe.stats[key] for name, key in _COUNTERS.items()}
        values["publishers"] = pipe.publishers_started
        cells = [(name, Text(str(n), _STYLES.get(name, "") if n else "")) for name, n in values.items()]
        columns = min(3, max(1, width // 18))
        yield _in_columns([_rest(), _right("bold")] * columns, cells, ceil(len(cells) / columns))
        if pipe.further:
            yield Text(", ".join(f"{value} {name}" for name, value in pipe.further.items()))
        if pipe.failed:
            yield Text("failed, the last first:", "dim")
            yield from (_line(("  " + video.title, "red")) for video in pipe.failed)

    def events(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw the last lines of the event log, the latest first."""
        yield _heading("events", "the last first")
        table = _table(_right("dim"), _rest(0), _rest(0), _rest())
        for one in self.pipe.events:
            event = Text(one.event, _STYLES.get(one.event, ""))
            table.add_row(f"{one.time:.3f}", event, one.resource, Text(one.title))
        yield table


_COUNTERS = {
    "submitted": "client_submitted", "encoded": "encoded", "published": "published", "failed": "publish_failed",
    "parse errors": "client_parse_errors",
}  # fmt: skip
_STYLES = {
    "waiting": "yellow", "paused": "reverse yellow", "stopped": "bold red", "published": "green",
    "failed": "red", "ready": "bold green", "busy": "magenta",
}  # fmt: skip
"""The styles of phases, outcomes, and states of publishers."""

# -- lines and tables --------------------------------------------------------------------------------------


def _cut(text: str, width: int) -> str:
    """Return text cut to at most `width` cells."""
    line = Text(text)
    line.truncate(max(1, width), overflow="ellipsis")
    return line.plain


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _line_with_ends(left: Text, right: Text, width: int) -> Text:
    """Return a line with a text at each end, or only the left text if there is no room for both."""
    gap = width - left.cell_len - right.cell_len
    return left if gap < _GAP else left.append(" " * gap).append_text(right)


def _heading(name: str, detail: str) -> Rule:
    return Rule(Text.assemble((name, "bold"), f"  {detail}"), align="left", style="dim")


def _right(style: str = "") -> Column:
    return Column(style=style, justify="right", no_wrap=True)


def _rest(ratio: int = 1) -> Column:
    """Return a column that takes a share of the width that is left; with 0, it is as wide as its content."""
    return Column(ratio=ratio or None, no_wrap=True, overflow="ellipsis")


def _table(*columns: Column) -> Table:
    return Table.grid(*columns, padding=(0, 2, 0, 0), expand=True)


def _in_columns(columns: Sequence[Column], places: Sequence[Sequence[RenderableType]], rows: int) -> Table:
    """Return a table of places, each some cells wide, from top to bottom and then from left to right."""
    table = _table(*(copy.deepcopy(column) for column in columns))
    for row in range(min(rows, len(places))):
        table.add_row(*(cell for cells in places[row::rows] for cell in cells))
    return table


class _Bar(NamedTuple):
    """A bar that fills its cell, of which a fraction is full."""

    fraction: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full = int(min(1.0, max(0.0, self.fraction)) * options.max_width)
        yield Text.assemble(("━" * full, self.style), ("─" * (options.max_width - full), "dim"))


# -- lanes: a line for each encoder and publisher ----------------------------------------------------------

Lane: TypeAlias = list[RenderableType]
"""The number of an encoder or publisher, its state, a time, and the title of its video."""
_NARROWEST = 19
"""Cells of a lane without a title, at least."""


def _lane(of: Encoder | Publisher, state: RenderableType, seconds: float | None = None) -> Lane:
    time = "" if seconds is None else f"{max(0.0, seconds):.1f} s"
    return [str(of.number), state, time, Text("" if of.video is None else of.video.title)]


def _lanes(lanes: Iterable[Lane], total: int, width: int, height: int) -> Table:
    """Draw the lanes that fit, in columns; the last place counts the other ones of `total` lanes."""
    shown = list(lanes)
    columns = max(1, min(width // _NARROWEST, ceil(total / max(1, height))))
    if total > min(columns * height, len(shown)):
        shown = shown[: max(0, columns * height - 1)]
        shown.append(["", Text(f"+{total - len(shown)}", "dim"), "", ""])
    cells = 4 if width // columns >= 36 else 3  # titles need more room
    kinds = [_right("dim"), _rest(), _right(), _rest(2)][:cells] * columns
    return _in_columns(kinds, [lane[:cells] for lane in shown], height)
