"""The view of a replay in the terminal: a picture made of rich's layouts and tables, and what keys do."""

from __future__ import annotations

import codecs
import io
import locale
import os
import shutil
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import ceil, inf, isfinite
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from tv2sim.realtime.clock import LAG_LIMIT
from tv2sim.realtime.snapshot import UNDER_WAY
from tv2sim.realtime.terminal import Keys, Output, messages_held, start, suspend, suspensions_noted, takes

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

    from tv2sim.realtime.clock import Speed
    from tv2sim.realtime.handle import Replay
    from tv2sim.realtime.snapshot import Encoder, Publisher, Snapshot

__all__ = ["Charset", "Picture", "Screen", "changed_speed", "show", "sum_up", "summary"]

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
                    if not _obeyed(replay, keys.pressed(PERIOD)):
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


# -- the screen --------------------------------------------------------------------------------------------


class Screen:
    """The terminal's alternate screen. rich draws into a buffer, and the rows that have changed are sent.

    No write blocks: as long as the terminal has not taken a picture, no other one is drawn.

    Parameters
    ----------
    stream : text file
        The terminal.
    charset : Charset
        The characters that it can show.
    """

    def __init__(self, stream: TextIO, charset: Charset) -> None:
        self._stream, self._charset = stream, charset
        self._output = Output(stream)
        self._unsent = b""
        self._rows: dict[int, str] = {}  # the picture that the terminal has, or will have
        self._buffer = io.StringIO()
        self._console = Console(
            file=self._buffer, force_terminal=True, force_interactive=True, legacy_windows=False
        )
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        # without wrapping, a title that the terminal shows wider does not shift the next row
        self._send(self._rendered() + "\x1b[?7l")
        return self

    def __exit__(self, *_: object) -> None:
        start(self._stream)
        self._live.stop()
        self._unsent = b""
        self._send("\x1b[0m\x1b[?7h" + self._rendered(), _PATIENCE)
        self._output.close()

    def ready(self) -> bool:
        """Return whether the terminal has taken all that was drawn, after sending what it takes now."""
        self._send("")
        return not self._unsent

    def draw(self, picture: Picture) -> None:
        """Draw a picture for the size that the terminal has now."""
        size = self._output.size
        if self._console.size != size:
            self._console.size = size
            self._rows.clear()
            self._console.clear()
        self._live.update(picture.layout(*size), refresh=True)
        cleared, _, drawn = self._rendered().rpartition(_HOME)
        rows = dict(enumerate(drawn.split("\n"), 1))
        # erased first, since a title that the terminal shows narrower would leave old text
        changed = [f"\x1b[0m\x1b[{at};1H\x1b[K{row}" for at, row in rows.items() if row != self._rows.get(at)]
        self._rows = rows
        self._send(cleared + "".join(changed))

    def _rendered(self) -> str:
        """Return what rich has written into the buffer, and empty the buffer."""
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return self._charset.drawn(text)

    def _send(self, text: str, timeout: float = 0.0) -> None:
        self._unsent += text.encode(self._charset.encoding, "backslashreplace")
        with suppress(OSError):  # the terminal was stopped just now, or is closed
            self._unsent = self._unsent[self._output.write(self._unsent, timeout) :]


_HOME = "\x1b[H"
_PATIENCE = 0.3
"""Wall seconds to wait at the end for a terminal that does not take data."""


def charset_of(stream: TextIO) -> Charset:
    """Return the characters that a stream can show."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    if sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8"):
        # in the locale C Python takes UTF-8, but the terminal may have ASCII only
        encoding = locale.getencoding()
    # the font of the Linux console lacks the blocks that show levels
    return Charset(codecs.lookup(encoding).name, ascii_only=os.environ.get("TERM") == "linux")


# -- the summary that stays in the terminal ----------------------------------------------------------------


def sum_up(replay: Replay) -> None:
    """Print a summary of the replay, unless the terminal is stopped."""
    if takes(sys.stdout):
        lines = summary(replay.snapshot(), charset_of(sys.stdout), shutil.get_terminal_size().columns)
        sys.stdout.write("\n".join([*lines, ""]))


def summary(snapshot: Snapshot, charset: Charset, width: int) -> list[str]:
    """Return a summary of a replay that is over, in a few lines."""
    pipe = snapshot.pipeline
    rate = "" if pipe.on_time_rate is None else f"{100 * pipe.on_time_rate:.1f} % · "
    published = f"{pipe.stats['published']} of {pipe.settled} published in time"
    lines = [Picture(snapshot, charset).title(width).plain]
    lines.append(f"{published} · {rate}{pipe.publishers_started} publishers started")
    if pipe.failed:
        titles = ", ".join(video.title for video in pipe.failed)
        lines.append(f"failed, the last first: {charset.escape(titles)}")
    return [charset.drawn(_cut(line, width)) for line in lines]


# -- what a terminal can show ------------------------------------------------------------------------------


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

    def escape(self, text: str) -> str:
        """Return text with control characters, and characters that the terminal cannot show, escaped."""
        visible = text.translate(_SELECTORS)
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in visible)
        return shown.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def drawn(self, text: str) -> str:
        """Return what rich has drawn, with lines, bars and dots in ASCII if the terminal needs that."""
        return text.translate(self._replaced)


_IN_ASCII = str.maketrans("━─·…", "#--~")
_SELECTORS = dict.fromkeys([*range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400)])
"""Characters that are left out, since terminals disagree on the width of what they follow."""

# -- the arrangement ---------------------------------------------------------------------------------------

_WIDE = ({"encoders": 39, "waiting": 31, "publishers": 30}, {"counters": 40, "events": 60})
_MIDDLE = ({"encoders": 1, "publishers": 1}, {"counters": 1, "waiting": 1}, {"events": 1})
_NARROW = ({"counters": 1}, {"encoders": 1}, {"publishers": 1}, {"waiting": 1}, {"events": 1})
"""Rows of parts with their shares of the width, the most important row first."""
_HEIGHTS = {
    "encoders": (2, 11, 41),
    "publishers": (2, 11, 41),
    "waiting": (2, 7, 41),
    "counters": (4, 7, 11),
    "events": (3, 3, 13),
}
"""Lines of each part: the least, the usual number, and the most that is of use."""
_GAP = 2


class _Part(NamedTuple):
    """A part of the picture, which is drawn for the width and the height that it gets."""

    draw: Callable[[int, int], Iterable[RenderableType]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = max(1, options.max_width - _GAP), options.height or 1
        yield from console.render(Group(*self.draw(width, height)), options.update(width=width))


def _heights(rows: Sequence[dict[str, int]], room: int) -> list[int]:
    """Return how many lines each row gets, at most `room` in all.

    First each row gets its least height, then its usual height, in the order of importance. Then each row gets
    the most that is of use, in the opposite order. A row of events alone has no least height.
    """
    wanted = [[max(heights) for heights in zip(*map(_HEIGHTS.get, row), strict=True)] for row in rows]
    order = range(len(rows))
    steps = [(n, 0) for n in order if list(rows[n]) != ["events"]]
    steps += [(n, 1) for n in order] + [(n, 2) for n in reversed(order)]
    lines = [0] * len(rows)
    for number, step in steps:
        left = room - sum(lines) + lines[number]
        if left >= wanted[number][0]:
            lines[number] = max(lines[number], min(wanted[number][step], left))
    return lines


class Picture:
    """What is drawn of a snapshot: lines at the top and at the bottom, and parts between them.

    Parameters
    ----------
    snapshot : Snapshot
        What is shown.
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
        self._snapshot, self._pipe, self._escape = snapshot, snapshot.pipeline, charset.escape
        self._keys, self._url, self._warning = keys, url, warning

    def layout(self, width: int, height: int) -> Layout:
        """Return what fills a screen of so many columns and rows."""
        above, below = self._above(width, height), self._below(width, height)
        rows = _WIDE if width >= 110 else _MIDDLE if width >= 72 else _NARROW
        room = max(0, height - len(above) - len(below))
        lines = _heights(rows, room)
        blocks = [Layout(size=size, visible=size > 0) for size in lines]
        for row, block in zip(rows, blocks, strict=True):
            block.split_row(*(Layout(_Part(getattr(self, name)), ratio=share) for name, share in row.items()))
        whole = Layout()
        whole.split_column(
            Layout(Group(*above), size=len(above)),
            *blocks,
            Layout("", visible=room > sum(lines)),
            Layout(Group(*below), size=len(below), visible=bool(below)),
        )
        return whole

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._escape(text), style)

    # -- above and below -----------------------------------------------------------------------------------

    def _above(self, width: int, height: int) -> list[Text]:
        """Return the lines at the top: one to four, by the height of the screen."""
        state, snapshot = self._state(), self._snapshot
        if height < 8:
            return [state]
        lag = Text(f"lag {1000 * snapshot.lag:.1f} ms, at most {1000 * snapshot.lag_max:.1f} ms")
        lag.style = "bold red" if snapshot.lag_max > LAG_LIMIT else "dim"
        title = self.title(width - lag.cell_len - _GAP)
        done = self._done(width - state.cell_len - _GAP)
        lines = [_joined(title, lag, width), _joined(state, done, width)]
        if height >= 18:
            lines.append(self._client())
        return [*lines, Text()] if height >= 30 else lines

    def title(self, width: int) -> Text:
        """Return what is played. The name of the catalogue is cut if there is no room for the rest."""
        snapshot = self._snapshot
        rest = f" · strategy {self._escape(snapshot.strategy)} · seed {snapshot.seed}"
        if snapshot.replication:
            rest += f" · replication {snapshot.replication}"
        return _line((_cut(self._escape(snapshot.catalogue), max(8, width - len(rest))), "bold"), rest)

    def _state(self) -> Text:
        """Return the simulated time, the phase and the speed."""
        snapshot, phase, rest = self._snapshot, str(self._snapshot.phase), ""
        end = "" if snapshot.until is None else f" of {snapshot.until:g}"
        if phase == "finished":
            rest = snapshot.ending or ""
        elif phase in UNDER_WAY:
            rest = "full speed" if snapshot.speed == "max" else f"speed {snapshot.speed:g}"
            phase = "paused" if snapshot.paused else phase
        style = _PHASES.get(phase, "bold green")
        return _line((f"{snapshot.time:.1f}{end} s  ", "bold"), (phase.upper(), style), f"  {rest}")

    def _done(self, width: int) -> Text:
        """Return how many videos have an outcome, with a bar if there is room."""
        done, client = self._pipe.settled, self._pipe.client
        total = None if client.left is None else client.taken + client.left
        line = Text(f"{done} done" if total is None else f"{done} of {total} done")
        room = min(40, width - line.cell_len - 2)
        return line.append("  ").append(_bar(done / total, "green", room)) if total and room >= 8 else line

    def _client(self) -> Text:
        """Return what the client does."""
        client = self._pipe.client
        rest = "more may come" if client.left is None else f"{client.left or 'nothing'} more to offer"
        if client.again:
            rest += f", {client.again} to be offered again"
        if client.video is not None:
            blocked = max(0.0, self._snapshot.time - client.since)
            rest += f" · waits {blocked:.1f} s for an encoder with {self._escape(client.video.title)}"
        return _line(("client   ", "dim"), rest)

    def _below(self, width: int, height: int) -> list[Text]:
        """Return the lines at the bottom: the last warning, the keys, and the address."""
        if height < 5:
            return []
        lines = [_line((self._escape(self._warning), "yellow"))] if self._warning and height >= 10 else []
        pauses = "resume" if self._snapshot.paused else "pause"
        over = "q quit" if self._snapshot.phase not in UNDER_WAY else f"space {pauses}   + - speed   q stop"
        keys, address = _line(over if self._keys else "Ctrl-C stops it"), self._escape(self._url)
        if keys.cell_len + len(address) + _GAP > width:
            if len(address) <= width and height >= 20:
                return [*lines, _line((address, "dim")), keys]
            address = address.partition("#")[0]
        return [*lines, _joined(keys, Text(address, "dim"), width)]

    # -- parts ---------------------------------------------------------------------------------------------

    def encoders(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw a lane for each encoder."""
        pipe = self._pipe
        found = {"blocked": pipe.encoders_blocked, "down": pipe.encoders_down, "interrupted": pipe.interrupted}
        busy = f"{pipe.encoders_busy} of {pipe.encoders_total} busy" if pipe.encoders_total else "none"
        yield _heading("encoders", ", ".join([busy, *(f"{n} {what}" for what, n in found.items() if n)]))
        yield _lanes(map(self._encoder, pipe.encoders), pipe.encoders_total, width, height - 1)

    def _encoder(self, encoder: Encoder) -> Lane:
        number, video = encoder.number, encoder.video
        if encoder.down:
            return _lane(number, "bold red", "down")
        if video is None:
            return _lane(number, "dim", "free")
        left, took = encoder.end - self._snapshot.time, encoder.end - encoder.start
        if encoder.blocked:
            return _lane(number, "bold red", "blocked", -left, self._escape(video.title))
        fraction = 1 - max(0.0, left) / took if took > 0 else 1.0
        return _lane(number, "cyan", fraction, left, self._escape(video.title))

    def publishers(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw a lane for each publisher."""
        pipe = self._pipe
        starting, ready, busy = pipe.publishers_starting, pipe.publishers_ready, pipe.publishers_busy
        yield _heading("pool", f"{starting} starting, {ready} ready, {busy} busy")
        yield _lanes(map(self._publisher, pipe.publishers), starting + ready + busy, width, height - 1)

    def _publisher(self, publisher: Publisher) -> Lane:
        number, since = publisher.number, self._snapshot.time - publisher.since
        if publisher.state == "starting":
            mean = self._snapshot.startup_mean
            return _lane(number, "yellow", since / mean if mean > 0 else 0.0, since)
        if publisher.state == "ready":
            return _lane(number, "bold green", "ready", since)
        title = "" if publisher.video is None else publisher.video.title
        return _lane(number, "magenta", "busy", since, self._escape(title))

    def waiting(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw the publishing queue, and the videos beside it that wait for their own publisher."""
        pipe, rows = self._pipe, max(0, height - 1)
        yield _heading(f"queue {pipe.queue_total}", f"own publisher {pipe.beside_total}")
        # the queue and the videos beside it may use the rows that the other leaves; else each gets half
        beside = min(pipe.beside_total, max(rows // 2, rows - pipe.queue_total))
        table = _table(_right("dim"), _right(), _rest())
        waiting = [(str(place), video) for place, video in enumerate(pipe.queue, 1)][: rows - beside]
        for place, video in [*waiting, *(("own", video) for video in pipe.beside[:beside])]:
            left = video.deadline - self._snapshot.time
            when = Text("too late", "red") if left < 0 else Text(f"{left:.1f} s" if isfinite(left) else "")
            table.add_row(place, when, self._text(video.title))
        yield table

    def counters(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw the counters, and if there is room the videos that failed last."""
        pipe = self._pipe
        rate = "none is out yet" if pipe.on_time_rate is None else f"{100 * pipe.on_time_rate:.1f} % on time"
        yield _heading("counters", rate)
        values = {name: pipe.stats[key] for name, key in _COUNTERS.items()}
        values["publishers"] = pipe.publishers_started
        styles = {name: _STYLES.get(name, "") if value else "" for name, value in values.items()}
        cells = [(name, Text(str(value), styles[name])) for name, value in values.items()]
        columns = min(3, max(1, width // 18))
        table = _table(*(column for _ in range(columns) for column in (_rest(), _right("bold"))))
        yield _filled(table, cells, ceil(len(cells) / columns))
        if pipe.further:
            yield Text(", ".join(f"{value} {name}" for name, value in pipe.further.items()))
        if pipe.failed:
            yield Text("failed, the last first:", "dim")
            yield from (_line(("  " + self._escape(video.title), "red")) for video in pipe.failed)

    def events(self, width: int, height: int) -> Iterable[RenderableType]:
        """Draw the last lines of the event log, the latest first."""
        yield _heading("events", "the last first")
        table = _table(_right("dim"), _rest(0), _rest(0), _rest())
        for one in self._pipe.events:
            event = Text(one.event, _STYLES.get(one.event, ""))
            table.add_row(f"{one.time:.3f}", event, self._text(one.resource or ""), self._text(one.title))
        yield table


_PHASES = {"waiting": "yellow", "paused": "reverse yellow", "stopped": "bold red", "failed": "bold red"}
_COUNTERS = {
    "submitted": "client_submitted", "encoded": "encoded", "published": "published", "failed": "publish_failed",
    "parse errors": "client_parse_errors",
}  # fmt: skip
_STYLES = {"published": "green", "failed": "red"}

# -- lines and tables --------------------------------------------------------------------------------------


def _cut(text: str, width: int) -> str:
    """Return text cut to at most `width` cells."""
    line = Text(text)
    line.truncate(max(1, width), overflow="ellipsis")
    return line.plain


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _joined(left: Text, right: Text, width: int) -> Text:
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


def _filled(table: Table, places: Sequence[Sequence[RenderableType]], rows: int) -> Table:
    """Add places to a table, each some cells wide, from top to bottom and then from left to right."""
    for row in range(min(rows, len(places))):
        table.add_row(*(cell for cells in places[row::rows] for cell in cells))
    return table


def _bar(fraction: float, style: str, width: int) -> Text:
    """Return a bar of `width` cells of which a fraction is full."""
    full = int(min(1.0, max(0.0, fraction)) * width)
    return Text.assemble(("━" * full, style), ("─" * (width - full), "dim"))


class _Bar(NamedTuple):
    """A bar that fills its cell."""

    fraction: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _bar(*self, options.max_width)


# -- lanes: a line for each encoder and publisher ----------------------------------------------------------

Lane: TypeAlias = list[RenderableType]
"""The number of an encoder or publisher, its state, a time, and the title of its video."""
_NARROWEST = 19
"""Cells of a lane without a title, at least."""


def _lane(number: int, style: str, state: str | float, seconds: float | None = None, title: str = "") -> Lane:
    """Return a lane whose state is a word, or a bar for how much is done."""
    time = "" if seconds is None else f"{max(0.0, seconds):.1f} s"
    shown = Text(state, style) if isinstance(state, str) else _Bar(state, style)
    return [str(number), shown, time, Text(title)]


def _lanes(lanes: Iterable[Lane], total: int, width: int, height: int) -> Table:
    """Draw those of `total` lanes that fit, in columns; if some do not fit, the last place says how many."""
    shown = list(lanes)
    columns = max(1, min(width // _NARROWEST, ceil(total / max(1, height))))
    if total > min(columns * height, len(shown)):
        shown = shown[: max(0, columns * height - 1)]
        shown.append(["", Text(f"+{total - len(shown)}", "dim"), "", ""])
    cells = 4 if width // columns >= 36 else 3  # titles need more room
    kinds = [kind for _ in range(columns) for kind in (_right("dim"), _rest(), _right(), _rest(2))[:cells]]
    return _filled(_table(*kinds), [lane[:cells] for lane in shown], height)
