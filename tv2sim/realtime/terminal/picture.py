"""The whole picture for a size: lines at the top and at the bottom, and the parts between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.control import Control
from rich.layout import Layout, RowSplitter
from rich.padding import Padding
from rich.region import Region
from rich.segment import Segment
from rich.text import Text

from tv2sim.realtime.clock import LAG_LIMIT
from tv2sim.realtime.terminal.parts import COUNTERS, ENCODERS, EVENTS, POOL, WAITING, Part
from tv2sim.realtime.terminal.text import joined

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from tv2sim.realtime.snapshot import Snapshot
    from tv2sim.realtime.terminal.text import Pen

__all__ = ["done_of", "picture", "what"]


class _Band(NamedTuple):
    """Parts beside each other, with their shares of the width."""

    parts: dict[Part, int]
    rank: int
    """How many bands are more important."""
    most: int = 0
    """Lines that it may have at most, if no other band needs them."""
    spare: bool = False
    """Whether it is shown only if all other bands have a useful height."""


_MANY = 41
"""Lines for a heading and everything that a snapshot lists one by one."""
_WIDE = (
    _Band({ENCODERS: 39, WAITING: 31, POOL: 30}, 0, _MANY),
    _Band({EVENTS: 60, COUNTERS: 40}, 1),
)
_MIDDLE = (
    _Band({ENCODERS: 50, POOL: 50}, 0, _MANY),
    _Band({WAITING: 50, COUNTERS: 50}, 1, 14),
    _Band({EVENTS: 100}, 2, spare=True),
)
_NARROW = (
    _Band({COUNTERS: 100}, 0),
    _Band({ENCODERS: 100}, 1),
    _Band({WAITING: 100}, 3, _MANY),
    _Band({POOL: 100}, 2, _MANY),
    _Band({EVENTS: 100}, 4, spare=True),
)
_GAP = 3


def picture(
    snapshot: Snapshot, pen: Pen, size: tuple[int, int], *, keys: bool = False, url: str = "", warning: str = ""
) -> Layout:
    """Return what fills a screen.

    Parameters
    ----------
    snapshot : Snapshot
        What is shown.
    pen : Pen
        Makes the texts.
    size : tuple of int
        Columns and rows.
    keys : bool
        Whether keys can be read.
    url : str
        The address of the page, or "".
    warning : str
        The last message on standard error, or "".
    """
    width, height = size
    above = _above(snapshot, pen, width, height)
    below = _below(snapshot, pen, width, height, keys, url, warning)
    bands = _WIDE if width >= 110 else _MIDDLE if width >= 72 else _NARROW
    room = max(0, height - len(above) - len(below))
    heights = _allotted(snapshot, bands, width, room)
    shown = [(band, lines) for band, lines in zip(bands, heights, strict=True) if lines]
    blocks = [_block(snapshot, pen, band, width, lines) for band, lines in shown]
    whole = Layout()
    whole.split_column(
        Layout(_Lines(above), size=len(above)),
        *blocks,
        Layout(_Lines([]), visible=room > sum(heights)),
        Layout(_Lines(below), size=len(below), visible=bool(below)),
    )
    return whole


def _block(snapshot: Snapshot, pen: Pen, band: _Band, width: int, height: int) -> Layout:
    """Return the parts of a band beside each other, with gaps between them."""
    block = Layout(size=height)
    for part, start, cells in _places(band, width):
        drawn = _Lines(part.draw(snapshot, pen, cells, height), start)
        block.add_split(Layout(Padding(drawn, (0, _GAP, 0, 0)), size=cells + _GAP))
    block.splitter = RowSplitter()
    return block


class _Lines:
    """Lines that begin at a column, even if the terminal shows the text before them wider or narrower."""

    def __init__(self, lines: list[Text], column: int = 0) -> None:
        self._lines, self._column = lines, column

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines[: options.height]:
            if self._column:
                yield Control.move_to_column(self._column)
            yield from line.render(console)
            yield Segment.line()


def _places(band: _Band, width: int) -> list[tuple[Part, int, int]]:
    """Return the parts of a band, the column at which each begins, and its width."""
    shares = [Layout(ratio=share) for share in band.parts.values()]
    regions = RowSplitter().divide(shares, Region(0, 0, width + _GAP, 1))
    return [(part, at.x, at.width - _GAP) for part, (_, at) in zip(band.parts, regions, strict=True)]


def _allotted(snapshot: Snapshot, bands: Sequence[_Band], width: int, room: int) -> list[int]:
    """Return how many lines each band gets, at most `room` in all.

    There are three steps. First each band that is not spare gets its least useful height, in the order of the
    ranks. Then each band gets the largest useful height that fits, in the same order. Then the bands share what
    is left, in the opposite order.

    Invariant: the sum of the lines is at most `room`, and the lines of a band never decrease. So what does not
    fit in one step does not fit in a later one either.
    """
    order = sorted(range(len(bands)), key=lambda number: bands[number].rank)
    useful = [_heights(snapshot, band, width) for band in bands]
    steps: list[tuple[int, Sequence[int]]] = [(n, useful[n][:1]) for n in order if not bands[n].spare]
    steps += [(n, useful[n]) for n in order]
    steps += [(n, range(useful[n][0], bands[n].most + 1)) for n in reversed(order)]
    lines = [0] * len(bands)
    for number, heights in steps:
        left = room - sum(lines) + lines[number]
        lines[number] = max([lines[number], *(height for height in heights if height <= left)])
    return lines


def _heights(snapshot: Snapshot, band: _Band, width: int) -> list[int]:
    """Return the heights that are useful to a part of a band, and not too low for the others."""
    each = [part.heights(snapshot, cells) for part, _, cells in _places(band, width)]
    least = max(heights[0] for heights in each)
    return sorted({least, *(height for heights in each for height in heights if height > least)})


# -- above -------------------------------------------------------------------------------------------------


def _above(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Return the lines at the top: one to four, by the height of the screen."""
    first, second = what(snapshot, pen, width), _state(snapshot)
    if height < 8:
        return [second]
    now, most = _milliseconds(snapshot.lag), _milliseconds(snapshot.lag_max)
    style = "bold red" if snapshot.lag_max > LAG_LIMIT else "dim"
    lags = [Text(f"lag {now}, at most {most}", style), Text(f"lag {now}", style)]
    lag = next((lag for lag in lags if first.cell_len + 2 + lag.cell_len <= width), Text())
    done = _done(snapshot, pen, width - second.cell_len - 2)
    lines = [joined(first, lag, width), joined(second, done, width)]
    if not lag and height >= 12:
        lines.append(joined(_client(snapshot, pen, width), lags[-1], width))
    elif height >= 18:
        lines.append(_client(snapshot, pen, width))
    return [*lines, Text()] if height >= 30 else lines


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 10 else f"{seconds:.0f} s"


def what(snapshot: Snapshot, pen: Pen, width: int) -> Text:
    """Return what is played. The name of the catalogue is cut if there is no room for the rest."""
    rest = ["", f"strategy {pen.plain(snapshot.strategy)}", f"seed {snapshot.seed}"]
    if snapshot.replication:
        rest.append(f"replication {snapshot.replication}")
    tail = pen.glyphs.between.join(rest)
    return Text.assemble((pen.title(snapshot.catalogue, max(8, width - len(tail))), "bold"), tail)


def _state(snapshot: Snapshot) -> Text:
    """Return the simulated time, the phase and the speed."""
    of = "" if snapshot.until is None else f" of {snapshot.until:g}"
    longest = 7 if snapshot.until is None else len(f"{snapshot.until:.1f}{of} s")
    time, phase = f"{snapshot.time:.1f}{of} s", str(snapshot.phase)
    if phase in ("waiting", "running"):
        rest = "  full speed" if snapshot.speed == "max" else f"  speed {snapshot.speed:g}"
        if snapshot.paused:
            phase, rest = "paused", f" {rest}"
    else:
        rest = f"  {snapshot.ending or ''}" if phase == "finished" else ""
    word, style = _PHASES.get(phase, (phase.upper(), "bold red"))
    return Text.assemble((f"{time:<{longest}}  ", "bold"), (word, style), rest)


_PHASES = {
    "waiting": ("WAITING for the first video", "bold yellow"),
    "running": ("RUNNING", "bold green"),
    "paused": ("PAUSED", "bold reverse yellow"),
    "finished": ("FINISHED", "bold green"),
}


def done_of(snapshot: Snapshot) -> tuple[int, int | None]:
    """Return how many videos have an outcome, and how many there are; None if more may come."""
    pipe = snapshot.pipeline
    return pipe.settled, None if pipe.client.left is None else pipe.client.taken + pipe.client.left


def _done(snapshot: Snapshot, pen: Pen, width: int) -> Text:
    """Return how many videos have an outcome, with a bar if there is room."""
    done, total = done_of(snapshot)
    if total is None:
        return Text(f"{done} done")
    line = Text(f"{done} of {total} done")
    room = min(40, width - line.cell_len - 2)
    if room >= 8 and total:
        return line.append("  ").append(pen.bar(done / total, room, "green"))
    return line if room >= -2 else Text(f"{done}/{total}")


def _client(snapshot: Snapshot, pen: Pen, width: int) -> Text:
    """Return what the client does."""
    client, line = snapshot.pipeline.client, Text.assemble(("client   ", "dim"))
    rest = "more may come" if client.left is None else f"{client.left or 'nothing'} more to offer"
    if client.again:
        rest += f", {client.again} to be offered again"
    if client.video is None:
        return line.append(rest)
    tail = f"  {max(0.0, snapshot.time - client.since):.1f} s{pen.glyphs.between}{rest}"
    line.append("waits for an encoder with ")
    title = pen.title(client.video.title, max(8, width - line.cell_len - len(tail)))
    return line.append(title, "bold").append(tail)


# -- below -------------------------------------------------------------------------------------------------


def _below(
    snapshot: Snapshot, pen: Pen, width: int, height: int, working: bool, url: str, warning: str
) -> list[Text]:
    """Return the lines at the bottom: the last warning, the keys, and the address."""
    if height < 5:
        return []
    lines = []
    if warning and height >= 10:
        lines.append(Text(pen.title(warning, width), "yellow"))
    keys, url = _keys(snapshot, working, brief=width < 44), pen.plain(url)
    if keys.cell_len + len(url) + 2 > width:
        if len(url) <= width and height >= 20:
            return [*lines, Text(url, "dim"), keys]
        url = url.partition("#")[0]
    return [*lines, joined(keys, Text(url, "dim"), width)]


def _keys(snapshot: Snapshot, working: bool, *, brief: bool) -> Text:
    if not working:
        return Text("Ctrl-C stops it", "dim")
    if snapshot.phase not in ("waiting", "running"):
        keys = {"q": "quit"}
    else:
        speed = {"+ -": "speed"} if brief else {"+": "faster", "-": "slower"}
        keys = {"space": "resume" if snapshot.paused else "pause", **speed, "q": "stop"}
    shown = [Text.assemble((key, "bold"), (f" {meaning}", "dim")) for key, meaning in keys.items()]
    return Text("  " if brief else "   ").join(shown)
