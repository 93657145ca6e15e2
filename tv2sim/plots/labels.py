"""Names beside the ends of lines, and beside points, where they cover nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isnan
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase, ScaledTranslation, Transform
from numpy.typing import NDArray

from tv2sim.plots import style

# -- names beside the ends of lines ------------------------------------------------------------------------


_WIDEST = 0.3
"""The largest share of the figure's width that names may take."""
_CHARACTERS = 24
"""How many characters of a name are on one line."""


class End(NamedTuple):
    """The right end of a line; NaN if nothing is drawn."""

    x: float
    y: float
    coordinates: Transform
    """The coordinates in which the line is drawn."""
    colour: str


def write_names(ax: Axes, names: Sequence[str]) -> list[Annotation]:
    """Write names right of the axes, for :func:`place_names` to move; return none if they are too long."""
    folded = [style.fold(name, _CHARACTERS) for name in names]
    if any(name.endswith("…") for name in folded):
        return []
    labels = [style.note(ax, name, (1, 0.5), (18, 0), linespacing=1.0) for name in folded]
    widest = max(label.get_window_extent().width for label in labels)
    return labels if widest <= _WIDEST * style.figure_of(ax).bbox.width else remove_names(labels)


def remove_names(labels: list[Annotation]) -> list[Annotation]:
    """Remove the labels and return what is left: nothing."""
    for label in labels:
        label.remove()
    return []


def place_names(ax: Axes, labels: Sequence[Annotation], ends: Sequence[End]) -> bool:
    """Move each label to the height of its line's end, as near as the others allow, and join them.

    Call it last, when the figure is laid out. Returns whether there is room for all; if not, none is moved.
    """
    figure = style.figure_of(ax)
    point = figure.dpi / 72
    height = ax.bbox.height / point
    pitch = style.LINE * max(label.get_text().count("\n") + 1 for label in labels)
    if pitch * len(labels) > height:
        return False
    left, bottom = ax.get_xlim()[0], ax.bbox.y0
    heights = [float(ax.transData.transform((left, end.y))[1] - bottom) / point for end in ends]
    wanted = [0.0 if isnan(end.y) else at for end, at in zip(ends, heights, strict=True)]
    places = spread_out(np.array(wanted), pitch, height).tolist()
    for label, end, middle in zip(labels, ends, places, strict=True):
        label.set_position((18, middle - height / 2))
        if isnan(end.y):
            label.set_text(f"{label.get_text()}: –")
            continue
        beside = ax.transAxes + ScaledTranslation(16 / 72, (middle - height / 2) / 72, figure.dpi_scale_trans)
        joint = ConnectionPatch(
            (end.x, end.y), (1, 0.5), coordsA=end.coordinates, coordsB=beside, color=end.colour, linewidth=1,
            shrinkA=6, clip_on=False, in_layout=False,
        )  # fmt: skip
        ax.add_artist(joint)
    return True


def spread_out(wanted: NDArray[np.float64], pitch: float, height: float) -> NDArray[np.float64]:
    """Return the middles of labels, as near as possible to those wanted, at least `pitch` apart.

    Labels keep their order; of labels at the same height, the first becomes the highest. All labels are
    between 0 and `height`.

    Examples
    --------
    >>> spread_out(np.array([50.0, 50.0, 20.0, 99.0]), 10, 100).tolist()
    [55.0, 45.0, 20.0, 95.0]
    """
    number = np.arange(len(wanted))
    order = np.lexsort((-number, wanted))
    # the ascending least squares fit of the heights wanted, less the space that the labels below take
    blocks: list[list[float]] = []
    for height_of_label in (wanted[order] - pitch * number).tolist():
        blocks.append([height_of_label])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    fitted = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    placed = np.empty(len(wanted))
    placed[order] = np.clip(fitted, pitch / 2, height - pitch * (len(wanted) - 0.5)) + pitch * number
    return placed


# -- names beside points -----------------------------------------------------------------------------------


_SIDES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=np.float64)
_DISTANCES = (7, 11, 16, 22, 30, 40, 52)
"""Points from the middle of the marker to the nearest edge of the label."""
_NEAR = 16
"""Labels further away than this are joined to their points by a line."""


def label_points(
    ax: Axes,
    points: NDArray[np.float64],
    names: Sequence[str],
    *,
    around: NDArray[np.float64],
    lines: Sequence[NDArray[np.float64]] = (),
) -> bool:
    """Write a name beside each point, at the nearest place where it covers nothing, or write none at all.

    Call it last: it lays out the figure as it is, and fixes the limits of the axes.

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
        Lines that labels must not cover.

    Returns
    -------
    bool
        Whether there was room for all.
    """
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    figure = style.figure_of(ax)
    style.lay_out(figure)
    unit = figure.dpi / 72  # pixels per point
    # labels are placed within the layout as it is, so they must not change it
    usual: dict[str, Any] = {"textcoords": "offset points", "in_layout": False}
    labels = [
        ax.annotate(
            name, (x, y), (0, 0), parse_math=False, fontsize=style.SMALL + 0.5, color=style.INK,
            ha="center", va="center", linespacing=1.0, zorder=4, **usual,
        )
        for (x, y), name in zip(points.tolist(), names, strict=True)
    ]  # fmt: skip
    middles = ax.transData.transform(points)
    sizes = np.array([label.get_window_extent().size for label in labels])
    markers = _squares(ax.transData.transform(around), 6 * unit)
    crossed = [
        box
        for line in lines
        for start, stop in pairwise(ax.transData.transform(line))
        for box in _along(start, stop, unit)
    ]
    # if there is no room elsewhere, labels may cover lines, but neither markers nor each other
    found = _all_free(middles, sizes, markers + crossed, ax.bbox, unit) or _all_free(
        middles, sizes, markers, ax.bbox, unit
    )
    if found is None:
        for label in labels:
            label.remove()
        return False
    joint = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 5}
    for label, size, (offset, covered) in zip(labels, sizes, found, strict=True):
        label.set_position(tuple(offset / unit))
        if len(covered) > 1:
            nearest = np.sign(offset) * np.maximum(np.abs(offset) - size / 2, 0) / unit
            ax.annotate("", label.xy, tuple(nearest), arrowprops=joint, **usual)
    return True


_Label: TypeAlias = tuple[NDArray[np.float64], list[Bbox]]
"""The offset of a label, and the boxes that it covers with its line."""


def _all_free(
    middles: NDArray[np.float64],
    sizes: NDArray[np.float64],
    taken: Sequence[Bbox],
    inside: BboxBase,
    unit: float,
) -> list[_Label] | None:
    """Return a free place for each label, one after the other; None if one of them finds no place."""
    taken, found = list(taken), []
    for at, size in zip(middles, sizes, strict=True):
        if (place := _free(at, size, taken, inside, unit)) is None:
            return None
        found.append(place)
        taken += place[1]
    return found


def _free(
    at: NDArray[np.float64], size: NDArray[np.float64], taken: Sequence[Bbox], inside: BboxBase, unit: float
) -> _Label | None:
    """Return the nearest free place of a label; all lengths are in pixels."""
    for distance in _DISTANCES:
        for side in _SIDES:
            offset = side * (size / 2 + distance * unit / np.hypot(*side))
            box = Bbox([at + offset - size / 2, at + offset + size / 2])
            if not (inside.contains(*box.min) and inside.contains(*box.max)) or box.count_overlaps(taken):
                continue
            if distance <= _NEAR:
                return offset, [box]
            nearest = np.clip(at, box.min, box.max)
            away = 8 * unit * (nearest - at) / np.hypot(*(nearest - at))
            joint = _along(at + away, nearest, unit)
            if not any(piece.count_overlaps(taken) for piece in joint):
                return offset, [box, *joint]
    return None


def _squares(middles: NDArray[np.float64], reach: float) -> list[Bbox]:
    return [Bbox([middle - reach, middle + reach]) for middle in middles]


def _along(start: NDArray[np.float64], stop: NDArray[np.float64], unit: float) -> list[Bbox]:
    """Return small boxes along a line."""
    steps = max(2, int(np.hypot(*(stop - start)) / (3 * unit)))
    return _squares(np.linspace(start, stop, steps), unit)
