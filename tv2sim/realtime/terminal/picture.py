"""The whole picture for a size: what is most important has its place first, the rest where room is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rich.text import Text

from tv2sim.realtime.terminal.header import footer, header
from tv2sim.realtime.terminal.text import fitted
from tv2sim.realtime.terminal.videos import (
    counters,
    counters_heights,
    events,
    events_heights,
    waiting,
    waiting_heights,
)
from tv2sim.realtime.terminal.workers import encoders, encoders_heights, pool, pool_heights

if TYPE_CHECKING:
    from tv2sim.realtime.snapshot import Snapshot
    from tv2sim.realtime.terminal.header import Surroundings
    from tv2sim.realtime.terminal.text import Pen

__all__ = ["Row", "picture"]

Row: TypeAlias = list[tuple[int, Text]]
"""A line of the screen: texts with the column at which each begins."""


class _Part(NamedTuple):
    heights: Callable[[Snapshot, int], list[int]]
    draw: Callable[[Snapshot, Pen, int, int], list[Text]]


_ENCODERS = _Part(encoders_heights, encoders)
_POOL = _Part(pool_heights, pool)
_WAITING = _Part(waiting_heights, waiting)
_COUNTERS = _Part(counters_heights, counters)
_EVENTS = _Part(events_heights, events)


class _Band(NamedTuple):
    """Parts beside each other, with their shares of the width."""

    parts: Sequence[tuple[_Part, int]]
    rank: int
    """How many others are more important."""
    most: int = 0
    """Lines that it can take if nobody else needs them."""
    spare: bool = False
    """Whether it is shown only if all others have what is of use to them."""


_MANY = 41
"""Lines for everything that is known one by one, and a heading."""
_WIDE = (
    _Band([(_ENCODERS, 39), (_WAITING, 31), (_POOL, 30)], 0, _MANY),
    _Band([(_EVENTS, 60), (_COUNTERS, 40)], 1),
)
_MIDDLE = (
    _Band([(_ENCODERS, 50), (_POOL, 50)], 0, _MANY),
    _Band([(_WAITING, 50), (_COUNTERS, 50)], 1, 14),
    _Band([(_EVENTS, 100)], 2, spare=True),
)
_NARROW = (
    _Band([(_COUNTERS, 100)], 0),
    _Band([(_ENCODERS, 100)], 1),
    _Band([(_WAITING, 100)], 3, _MANY),
    _Band([(_POOL, 100)], 2, _MANY),
    _Band([(_EVENTS, 100)], 4, spare=True),
)
_GAP = 3


def picture(snapshot: Snapshot, pen: Pen, width: int, height: int, around: Surroundings) -> list[Row]:
    """Return the lines of the screen, `height` of them, none longer than `width`."""
    above = header(snapshot, pen, width, height)
    below = footer(snapshot, pen, width, height, around)
    bands = _WIDE if width >= 110 else _MIDDLE if width >= 72 else _NARROW
    room = max(0, height - len(above) - len(below))
    rows: list[Row] = [[(0, line)] for line in above]
    for band, lines in zip(bands, _allotted(snapshot, bands, width, room), strict=True):
        if lines:
            rows += _drawn(snapshot, pen, band, width, lines)
    rows += [[(0, fitted(Text(), width))] for _ in range(height - len(rows) - len(below))]
    rows += [[(0, line)] for line in below]
    return rows[:height]


def _drawn(snapshot: Snapshot, pen: Pen, band: _Band, width: int, lines: int) -> list[Row]:
    rows: list[Row] = [[] for _ in range(lines)]
    for (part, _), (start, cells) in zip(band.parts, _places(band, width), strict=True):
        drawn = part.draw(snapshot, pen, cells, lines)
        for row, line in zip(rows, drawn + [Text()] * (lines - len(drawn)), strict=True):
            row.append((start, fitted(line.copy(), cells)))
    return rows


def _places(band: _Band, width: int) -> list[tuple[int, int]]:
    """Return where each part of a band begins, and how wide it is."""
    room, whole = width - _GAP * (len(band.parts) - 1), sum(share for _, share in band.parts)
    places, start, before = [], 0, 0
    for number, (_, share) in enumerate(band.parts):
        before += share
        end = room * before // whole + _GAP * number
        places.append((start, end - start))
        start = end + _GAP
    return places


def _allotted(snapshot: Snapshot, bands: Sequence[_Band], width: int, room: int) -> list[int]:
    """Return how many lines each band gets: the least for all, then what is of use, then what is left."""
    order = sorted(range(len(bands)), key=lambda number: bands[number].rank)
    useful = [_heights(snapshot, band, width) for band in bands]
    lines = [0] * len(bands)

    def give(number: int, heights: Sequence[int]) -> None:
        left = room - sum(lines) + lines[number]
        lines[number] = max([lines[number], *(height for height in heights if height <= left)])

    for spare in (False, True):
        chosen = [number for number in order if bands[number].spare == spare]
        for number in chosen:
            give(number, useful[number][:1])
        for number in chosen:
            if lines[number]:
                give(number, useful[number])
    for number in reversed(order):
        if lines[number]:
            give(number, range(bands[number].most + 1))
    return lines


def _heights(snapshot: Snapshot, band: _Band, width: int) -> list[int]:
    each = [
        part.heights(snapshot, cells)
        for (part, _), (_, cells) in zip(band.parts, _places(band, width), strict=True)
    ]
    least = max(heights[0] for heights in each)
    return sorted({least, *(height for heights in each for height in heights if height > least)})
