"""On-time rate against idle publishers: strategies as points, dominated or on the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase
from numpy.typing import NDArray

from tv2sim.experiment import Comparison, Replications
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.numbers import axis, scaled
from tv2sim.plots import style
from tv2sim.plots.study import Shown, Study, study_of

__all__ = ["dominated", "tradeoff"]

_SIDES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=np.float64)
_DISTANCES = (7, 11, 16, 22, 30, 40, 52)
"""Points from the middle of the marker to the nearest edge of the label."""
_NEAR = 16
"""Labels further away than this are joined to their points by a line."""


def tradeoff(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show on-time rate against idle publisher-seconds, the cost of it.

    A hollow point is dominated: another strategy in the same scenario has the same on-time rate with less
    idling, or a higher one with no more idling. A line joins the others. Several scenarios are numbered.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is neither.

    Examples
    --------
    Parts 1 and 2b differ only where encoders are kept waiting, so they share a point:

    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), replications=20)
    >>> [text.get_text() for text in tv.plots.tradeoff(study).texts][1:]
    ['1, 2b', '2a', '2c']
    """
    data = study_of(study)
    own, several = ax is None, len(data.groups) > 1
    handles, entries = _key(data)
    ax = style.axes(ax, style.room_for(entries) if several else style.HEIGHT)
    style.grid(ax)
    ax.margins(0.1, 0.12)
    points: list[NDArray[np.float64]] = []
    fronts: list[NDArray[np.float64]] = []
    bars: list[NDArray[np.float64]] = []
    for group in data.groups.values():
        points.append(_points(ax, group, bars))
        at = points[-1][~dominated(points[-1])]
        fronts.append(np.unique(at, axis=0))
        ax.plot(*fronts[-1].T, color=style.GREY, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1.5)
    if several:
        style.legend(ax, handles, entries)
        named = {tuple(front[-1]): [str(number)] for number, front in enumerate(fronts, start=1)}
    else:
        named = {}
        for shown, point in zip(data.shown, points[0].tolist(), strict=True):
            named.setdefault(tuple(point), []).append(shown.cell.strategy)
    style.titles(
        ax, "On-time rate against idle publishers",
        f"Means with {data.interval}s, {data.size}; hollow: dominated",
        x=axis("idle"), y=axis(ON_TIME_RATE),
    )  # fmt: skip
    names = [style.fold(", ".join(sharing), 26) for sharing in named.values()]
    style.span(ax, x=0.05 * max(ax.get_xlim()), y=1)
    placed = _place(ax, np.array(list(named)), names, around=np.concatenate(points), lines=fronts + bars)
    if not placed and not several:
        style.legend(ax, handles, entries)
        if own:
            style.figure_of(ax).set_figheight(style.room_for(entries))
    return ax


def dominated(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of each point (idle, on-time rate) whether another one is no worse in both and better in one.

    Examples
    --------
    >>> dominated(np.array([[0, 40], [90, 83], [95, 80], [90, 83]])).tolist()
    [False, False, True, False]
    """
    # sums of the same times in another order may differ in the last bits
    cost, rate = np.round(points, 9).T
    no_worse = (cost[:, None] <= cost) & (rate[:, None] >= rate)
    better = (cost[:, None] < cost) | (rate[:, None] > rate)
    return np.asarray((no_worse & better).any(axis=0))


def _points(ax: Axes, group: list[Shown], bars: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Draw the points of a group with their intervals; return the points, and add the intervals to `bars`."""
    idle = np.array([shown.interval("idle")[:4] for shown in group])
    rate = np.array([scaled(ON_TIME_RATE, shown.interval(ON_TIME_RATE))[:4] for shown in group])
    points = np.stack([idle[:, 0], rate[:, 0]], axis=-1)
    rows = zip(group, points.tolist(), dominated(points).tolist(), idle[:, 2:], rate[:, 2:], strict=True)
    for shown, (x, y), hollow, across, along in rows:
        colour = shown.look.colour
        for bar in (np.array([across, [y, y]]).T, np.array([[x, x], along]).T):
            ax.plot(*bar.T, color=colour, linewidth=1.2)
            if np.isfinite(bar).all():  # there is no interval after one replication
                bars.append(bar)
        (marker,) = ax.plot(x, y, shown.look.marker, color=colour, markersize=9, zorder=3)
        marker.set(markerfacecolor="white" if hollow else colour, markeredgewidth=1.8 if hollow else 0)
    return points


def _key(data: Study) -> tuple[list[Line2D], list[str]]:
    """Return handles and texts of a legend: the strategies and, if there are several groups, their numbers."""
    key = [
        (Line2D([], [], linestyle="none", marker=look.marker, color=look.colour, markersize=8), name)
        for name, look in data.strategies.items()
    ]
    handles, entries = [handle for handle, _ in key], [style.fold(name, 40, 1) for _, name in key]
    if len(data.groups) > 1:
        handles += [Line2D([], [], linestyle="none") for _ in data.groups]
        entries += [f"{n}: {style.fold(name, 44, 1)}" for n, name in enumerate(data.groups, start=1)]
    return handles, entries


# -- labels beside points that cover neither points, nor lines, nor each other ------------------------------


def _place(
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
    figure.draw_without_rendering()
    unit = figure.dpi / 72  # pixels per point
    taken = _squares(ax.transData.transform(around), 6 * unit)
    for line in lines:
        for start, stop in pairwise(ax.transData.transform(line)):
            taken += _along(start, stop, unit)
    # labels are placed within the layout as it is, so they must not change it
    usual: dict[str, Any] = {"textcoords": "offset points", "in_layout": False}
    labels = [
        ax.annotate(
            name, (x, y), (0, 0), parse_math=False, fontsize=style.SMALL + 0.5, color=style.INK,
            ha="center", va="center", linespacing=1.0, zorder=4, **usual,
        )
        for (x, y), name in zip(points.tolist(), names, strict=True)
    ]  # fmt: skip
    made: list[Annotation] = list(labels)
    joint = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 5}
    for at, label in zip(ax.transData.transform(points), labels, strict=True):
        size = np.array(label.get_window_extent().size)
        found = _free(at, size, taken, ax.bbox, unit)
        if found is None:
            for artist in made:
                artist.remove()
            return False
        offset, covered = found
        taken += covered
        label.set_position(tuple(offset / unit))
        if len(covered) > 1:
            nearest = np.sign(offset) * np.maximum(np.abs(offset) - size / 2, 0) / unit
            made.append(ax.annotate("", label.xy, tuple(nearest), arrowprops=joint, **usual))
    return True


def _free(
    at: NDArray[np.float64], size: NDArray[np.float64], taken: Sequence[Bbox], inside: BboxBase, unit: float
) -> tuple[NDArray[np.float64], list[Bbox]] | None:
    """Return the nearest free place of a label: its offset, and the boxes that it covers with its line.

    All lengths are in pixels.
    """
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
