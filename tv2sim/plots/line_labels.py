"""The names of lines, written beside their ends."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch
from matplotlib.text import Annotation
from matplotlib.transforms import ScaledTranslation, Transform
from numpy.typing import NDArray

from tv2sim.plots import style

__all__ = ["End", "place", "removed", "spread", "written"]

_WIDEST = 0.3
"""The largest share of the figure's width that names may take."""
_CHARACTERS = 24
"""How many characters of a name are on one line."""


class End(NamedTuple):
    """The right end of a line; NaN if nothing is drawn."""

    x: float
    y: float
    drawn: Transform
    """The coordinates in which it is drawn."""
    colour: str


def written(ax: Axes, names: Sequence[str]) -> list[Annotation]:
    """Write names right of the axes, where :func:`place` finds their places; none if they are too long."""
    folded = [style.fold(name, _CHARACTERS) for name in names]
    if any(name.endswith("…") for name in folded):
        return []
    labels = [style.note(ax, name, (1, 0.5), (18, 0), linespacing=1.0) for name in folded]
    widest = max(label.get_window_extent().width for label in labels)
    return labels if widest <= _WIDEST * style.figure_of(ax).bbox.width else removed(labels)


def removed(labels: list[Annotation]) -> list[Annotation]:
    """Remove the labels and return what is left: nothing."""
    for label in labels:
        label.remove()
    return []


def place(ax: Axes, labels: Sequence[Annotation], ends: Sequence[End]) -> bool:
    """Move each label to the height of its line's end, as near as the others allow, and join them.

    Call it last, when the figure is laid out. Returns whether there is room for all; if not, none is moved.
    """
    figure = style.figure_of(ax)
    point = figure.dpi / 72
    height = ax.bbox.height / point
    pitch = style.LINE * max(label.get_text().count("\n") + 1 for label in labels)
    if pitch * len(labels) > height:
        return False
    wanted = [0.0 if isnan(end.y) else _height(ax, end.y) / point for end in ends]
    places = spread(np.array(wanted), pitch, height).tolist()
    for label, end, middle in zip(labels, ends, places, strict=True):
        label.set_position((18, middle - height / 2))
        if isnan(end.y):
            label.set_text(f"{label.get_text()}: –")
            continue
        beside = ax.transAxes + ScaledTranslation(16 / 72, (middle - height / 2) / 72, figure.dpi_scale_trans)
        joint = ConnectionPatch(
            (end.x, end.y), (1, 0.5), coordsA=end.drawn, coordsB=beside, color=end.colour, linewidth=1,
            shrinkA=6, clip_on=False, in_layout=False,
        )  # fmt: skip
        ax.add_artist(joint)
    return True


def _height(ax: Axes, y: float) -> float:
    """Return the height of a value above the lower edge of the axes in pixels."""
    return float(ax.transData.transform((ax.get_xlim()[0], y))[1] - ax.bbox.y0)


def spread(wanted: NDArray[np.float64], pitch: float, height: float) -> NDArray[np.float64]:
    """Return the middles of labels, as near as possible to those wanted, at least `pitch` apart.

    They keep their order; of equal ones, the first is the highest. All labels are between 0 and `height`.

    Examples
    --------
    >>> spread(np.array([50.0, 50.0, 20.0, 99.0]), 10, 100).tolist()
    [55.0, 45.0, 20.0, 95.0]
    """
    number = np.arange(len(wanted))
    order = np.lexsort((-number, wanted))
    # the least squares fit that ascends, of what is wanted less the space that the labels below take
    blocks: list[list[float]] = []
    for place in (wanted[order] - pitch * number).tolist():
        blocks.append([place])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    fitted = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    placed = np.empty(len(wanted))
    placed[order] = np.clip(fitted, pitch / 2, height - pitch * (len(wanted) - 0.5)) + pitch * number
    return placed
