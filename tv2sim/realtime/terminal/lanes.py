"""Encoders and publishers side by side: a line for each, or one character if room is short."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import set_cell_size
from rich.text import Text

from tv2sim.realtime.terminal.text import Pen, fitted

__all__ = ["Lane", "lanes", "most_columns", "strip"]

GAP = 2
NARROWEST = 8
"""Cells of a lane with its number and a bar."""


class Lane(NamedTuple):
    """One of them: how far it is, or in a word what it does instead; for how long; with which video."""

    number: int
    style: str
    fraction: float = 0.0
    word: str = ""
    figure: str = ""
    title: str = ""
    mark: str = ""
    """What stands for the word where there is room for one character."""


def most_columns(width: int) -> int:
    """Return how many lanes fit beside each other."""
    return max(1, (width + GAP) // (NARROWEST + GAP))


def lanes(
    pen: Pen, shown: list[Lane], total: int, columns: int, width: int, height: int, *, titled: bool
) -> list[Text]:
    """Return lanes from top to bottom and then from left to right; how many do not fit is in the last place.

    Parameters
    ----------
    pen : Pen
        What to draw with.
    shown : list of Lane
        Those that are known one by one.
    total : int
        How many there are.
    columns, width, height : int
        Of the area.
    titled : bool
        Whether to keep some room for titles.
    """
    room = columns * height
    kept = shown if total <= min(room, len(shown)) else shown[: max(0, room - 1)]
    digits = max(2, max((len(str(lane.number)) for lane in kept), default=0))
    cell = (width - GAP * (columns - 1)) // columns
    places = [_lane(pen, lane, digits, cell, titled=titled) for lane in kept]
    if room and total > len(kept):
        more = f"and {total - len(kept)} more" if cell >= 20 else f"+{total - len(kept)}"
        places.append(fitted(Text(f"{'':>{digits}} {more}", "dim"), cell))
    rows = [places[row::height] for row in range(height)]
    return [Text(" " * GAP).join(row) for row in rows if row]


def _lane(pen: Pen, lane: Lane, digits: int, width: int, *, titled: bool) -> Text:
    line = Text.assemble((f"{lane.number:>{digits}} ", "dim"))
    room = width - line.cell_len
    # a title begins at the same place whether there is one or not
    titled = titled and room >= 24
    if titled:
        bar = 16 if room >= 60 else 12 if room >= 44 else 10 if room >= 36 else 7
    else:
        bar = room - 8 if room >= 15 else max(0, room)
    if lane.word:
        line.append(set_cell_size(pen.title(lane.word, bar), bar), lane.style)
    else:
        line.append(pen.bar(lane.fraction, bar, lane.style))
    if bar < room:
        line.append(f" {lane.figure:>7}")
    if titled:
        line.append("  ").append(pen.title(lane.title, width - line.cell_len))
    return fitted(line, width)


def strip(pen: Pen, shown: list[Lane], total: int, width: int, height: int) -> list[Text]:
    """Return a character for each lane."""
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    line = Text()
    for lane in shown[: max(0, width * height - len(more))]:
        line.append(lane.mark or pen.level(lane.fraction), lane.style)
    line.append(more, "dim")
    return list(line.divide(range(width, len(line), width)))[:height]
