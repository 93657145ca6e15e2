"""Labels beside points that cover neither points, nor lines, nor each other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.plots.style import GREY, INK, SMALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["place"]

_SIDES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=np.float64)
_DISTANCES = (7, 11, 16, 22, 30, 40, 52)
"""Points from the marker's middle to the label's nearest edge."""
_NEAR = 16
"""Labels further away than this are joined to their points by a line."""


class _Place(NamedTuple):
    """Where a label goes: its offset, half its size, and what it and its line cover, in pixels."""

    offset: NDArray[np.float64]
    half: NDArray[np.float64]
    boxes: NDArray[np.float64]
    joined: bool


def place(
    ax: Axes,
    points: NDArray[np.float64],
    names: Sequence[str],
    *,
    around: NDArray[np.float64],
    lines: Sequence[NDArray[np.float64]] = (),
) -> bool:
    """Write a name beside each point, at the nearest place where it covers nothing; or none at all.

    Call it last: it lays out the figure as it is, and keeps the limits of the axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where the points are.
    points : array of shape (n, 2)
        In the coordinates of the data.
    names : sequence of str
        One per point.
    around : array of shape (m, 2)
        All markers that must stay visible.
    lines : sequence of arrays of shape (k, 2)
        Lines to keep clear of.

    Returns
    -------
    bool
        Whether there was room for all.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    figure.draw_without_rendering()
    unit = figure.dpi / 72  # pixels per point
    taken = np.concatenate(
        [_squares(ax.transData.transform(around), 6 * unit)]
        + [_along(*ends, unit) for line in lines for ends in _segments(ax.transData.transform(line))]
    )
    labels = [  # not in the layout, by which they are placed
        ax.annotate(
            name, (x, y), (0, 0), textcoords="offset points", parse_math=False, fontsize=SMALL + 0.5, color=INK,
            ha="center", va="center", linespacing=1.0, zorder=4, in_layout=False,
        )
        for (x, y), name in zip(points.tolist(), names, strict=True)
    ]  # fmt: skip
    places: list[_Place] = []
    for at, label in zip(ax.transData.transform(points), labels, strict=True):
        found = _free(at, np.array(label.get_window_extent().size), taken, np.array(ax.bbox.extents), unit)
        if found is None:
            for other in labels:
                other.remove()
            return False
        places.append(found)
        taken = np.concatenate([taken, found.boxes])
    for (x, y), label, found in zip(points.tolist(), labels, places, strict=True):
        label.set_position(tuple(found.offset / unit))
        if found.joined:
            joint = {"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 5}
            nearest = np.sign(found.offset) * np.maximum(np.abs(found.offset) - found.half, 0)
            ax.annotate(
                "", (x, y), tuple(nearest / unit), textcoords="offset points", arrowprops=joint, in_layout=False
            )
    return True


def _free(
    at: NDArray[np.float64],
    size: NDArray[np.float64],
    taken: NDArray[np.float64],
    inside: NDArray[np.float64],
    unit: float,
) -> _Place | None:
    """Return the nearest free place of a label of this size, all in pixels."""
    for distance in _DISTANCES:
        for side in _SIDES:
            offset = side * (size / 2 + distance * unit / np.hypot(*side))
            box = np.concatenate([at + offset - size / 2, at + offset + size / 2])
            if (box[:2] < inside[:2]).any() or (box[2:] > inside[2:]).any() or _overlap(box, taken).any():
                continue
            if distance <= _NEAR:
                return _Place(offset, size / 2, box[None], joined=False)
            nearest = np.clip(at, box[:2], box[2:])
            away = 8 * unit * (nearest - at) / np.hypot(*(nearest - at))
            joint = _along(at + away, nearest, unit)
            if not any(_overlap(piece, taken).any() for piece in joint):
                return _Place(offset, size / 2, np.concatenate([box[None], joint]), joined=True)
    return None


def _overlap(box: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which of the boxes (left, bottom, right, top) a box overlaps."""
    return np.asarray((box[:2] < taken[:, 2:]).all(axis=1) & (taken[:, :2] < box[2:]).all(axis=1))


def _squares(middles: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    return np.concatenate([middles - reach, middles + reach], axis=1)


def _segments(line: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    return list(pairwise(line))


def _along(start: NDArray[np.float64], stop: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """Return small boxes along a line."""
    steps = max(2, int(np.hypot(*(stop - start)) / (3 * unit)))
    return _squares(np.linspace(start, stop, steps), unit)
