"""Points with the intervals of two figures, in lines, as charts of what failures cost show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite, nan
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.results.figures import scaled

__all__ = ["Ends", "Point", "draw", "ends", "handles_of", "logarithmic", "scale_of_late_videos", "write_texts"]

_NEAR = 15.0
"""Points between two texts, below which the second one is not written."""
_LETTER = 5.0
"""Points that a letter is wide, about."""
_PALE = 0.35
"""The opacity of what is dominated."""

Ends: TypeAlias = tuple[float, float, float]
"""A mean and the ends of its interval."""


def ends(metric: str, interval: Interval) -> Ends:
    """Return a mean and the ends of its interval in the unit of a chart; a mean that is infinite is NaN."""
    mean, _, low, high = scaled(metric, interval)[:4]
    return (mean if isfinite(mean) else nan), low, high


class Point(NamedTuple):
    """What is shown at a place: its line, the text beside it, and its figures with intervals.

    `bound` is a value that the vertical figure cannot be below; what is dominated is pale, and the best one has
    a ring.
    """

    family: str
    text: str
    x: Ends
    y: Ends
    bound: float = nan
    is_dominated: bool = False
    is_best: bool = False


def logarithmic(
    ax: Axes,
    heights: Iterable[Ends],
    *,
    at_least: float = 0.0,
    at_most: float = inf,
    along: Literal["x", "y"] = "y",
) -> None:
    """Let an axis be logarithmic: at least a tenfold, and a little more than what is above 0.

    Of a mean of 0, which has no place there, the upper end of the interval has.
    """
    seen = [(mean, high) for mean, _, high in heights if isfinite(mean)]
    highs = [high for _, high in seen if 0 < high < inf]
    lows = [mean if mean > 0 else high / 3 for mean, high in seen if 0 < max(mean, high) < inf]
    low = max(min(lows, default=1.0) / 1.8, at_least)
    ends = low, min(max(1.4 * max(highs, default=0.0), 18 * low), at_most)
    ax.set(**{f"{along}scale": "log", f"{along}lim": ends})
    axis = ax.xaxis if along == "x" else ax.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def scale_of_late_videos(ax: Axes, shares: Iterable[Ends], along: Literal["x", "y"]) -> None:
    """Let an axis be a logarithmic one of late videos in percent, down to one in a million."""
    logarithmic(ax, shares, at_least=1e-4, at_most=110, along=along)


def handles_of(looks: Mapping[str, style.Look]) -> tuple[list[Line2D], list[str]]:
    """Return handles and texts of a legend of the lines."""
    lines = [Line2D([], [], color=one.colour, marker=one.marker, linestyle=one.line) for one in looks.values()]
    return lines, [style.fold(name, 44, 1) for name in looks]


def draw(ax: Axes, points: Sequence[Point], look: style.Look) -> None:
    """Draw a line of points; what is below a logarithmic axis is a hollow triangle at its lower edge."""
    floor, top = ax.get_ylim() if ax.get_yscale() == "log" else (-inf, inf)
    heights = [_height(one, floor) for one in points]
    ax.plot([one.x[0] for one in points], heights, color=look.colour, linestyle=look.line, linewidth=1.4)
    for one, y in zip(points, heights, strict=True):
        (x, left, right), (mean, *ends) = one.x, one.y
        alpha = _PALE if one.is_dominated else 1.0
        for bar in (([left, right], [y, y]), ([x, x], np.clip(ends, floor, top))):
            ax.plot(*bar, color=look.colour, linewidth=1.2, alpha=0.7 * alpha, solid_capstyle="butt")
        if one.bound > max(floor, 0):
            ax.plot(
                x, one.bound, color=look.colour, marker="_", markersize=11, markeredgewidth=1.6, alpha=alpha
            )
        how: dict[str, Any] = {"marker": look.marker}
        if mean <= floor:
            how = {"marker": "v", "markerfacecolor": "white"}
        ax.plot(x, y, color=look.colour, markersize=6.5, clip_on=False, zorder=3, alpha=alpha, **how)
        if one.is_best:
            ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": style.VERMILLION}
            ax.plot(x, y, marker="o", markersize=15, markeredgewidth=1.8, zorder=4, clip_on=False, **ring)


def _height(one: Point, floor: float) -> float:
    return floor if one.y[0] <= floor else one.y[0]


def write_texts(ax: Axes, points: Iterable[Point], looks: Mapping[str, style.Look]) -> None:
    """Write the texts at their points, as far as there is room: the best one first, dominated ones last."""
    dpi = style.figure_of(ax).dpi / 72
    taken: list[Any] = []
    top = ax.bbox.y1 / dpi
    for one in sorted(points, key=lambda one: (not one.is_best, one.is_dominated)):
        at = one.x[0], _height(one, ax.get_ylim()[0])
        place = ax.transData.transform(at) / dpi
        room = max(_NEAR, _LETTER * len(one.text)), _NEAR
        if not one.text or any((np.abs(place - other) < room).all() for other in taken):
            continue
        taken.append(place)
        beside = (7, 7) if place[1] + 18 < top else (9, -3)
        style.note(
            ax, one.text, at, beside, xycoords="data", color=looks[one.family].colour, in_layout=False,
            fontweight="bold" if one.is_best else "normal", alpha=2 * _PALE if one.is_dominated else 1,
        )  # fmt: skip
