"""The layout of charts with a row per cell: an estimate with its interval, and a remark at the right."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.plots.study import Shown, Study
from tv2sim.results.figures import scaled

__all__ = ["edges_of", "laid_out", "point"]

_MOST_BARS = 160
"""The most bars of a histogram of whole numbers; more would be thinner than a line."""
_BARS = 40
"""The bars of a histogram of other numbers."""


def laid_out(
    ax: Axes | None, data: Study, shown: list[Shown], pitch: float, *, whole: bool = False
) -> tuple[Axes, list[tuple[Shown, float]], bool]:
    """Lay out rows from top to bottom: one per strategy, below the group's name if there are several.

    Where each group has only one strategy, the groups are the rows. `pitch` is the height of a row in inches;
    the ticks are at whole numbers if `whole`. Returns the axes, the place of each row, and whether rows are so
    dense that a remark has to fit on one line.
    """
    several = len(data.groups) > 1
    headed = several and len({one.cell.strategy for one in shown}) > 1
    places: list[tuple[Shown, float]] = []
    heads: dict[str, float] = {}
    y = 0.0
    for one in shown:
        if headed and one.group not in heads:
            heads[one.group] = y
            y -= 1
        places.append((one, y))
        y -= 1
    names = [style.fold(one.group if several and not headed else one.cell.strategy, 26) for one, _ in places]
    lines = sum(name.count("\n") + 1 for name in names)
    ax = style.axes(ax, 1.5 + max(pitch * -y, 0.19 * lines + 0.1 * len(names)))
    dense = -y > 8
    style.tick_names(ax, [y for _, y in places], names, size=style.SMALL if dense else style.TEXT)
    for name, at in heads.items():
        ax.axhspan(at - 0.45, at + 0.45, color=style.PALE, linewidth=0, zorder=2.5)
        style.remark(ax, at, style.fold(name, 70, 1), x=0, offset=4)
    ax.set_ylim(y + 0.4, 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=whole, steps=[1, 2, 2.5, 5, 10]))
    style.grid(ax, "x")
    return ax, places, dense


def point(
    ax: Axes, metric: str, interval: Interval, y: float, colour: str, marker: str, *, size: float = 8,
    hollow: bool = False,
) -> None:  # fmt: skip
    """Draw an estimate with its interval; an interval that is NaN, as after one replication, is not drawn.

    What is below a logarithmic axis is a hollow triangle at its edge.
    """
    mean, _, low, high = scaled(metric, interval)[:4]
    if ax.get_xscale() == "log":
        floor = ax.get_xlim()[0]
        marker, hollow = ("<", True) if mean <= floor else (marker, hollow)
        mean, low, high = np.maximum([mean, low, high], floor).tolist()
    ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    ax.plot(
        [mean], [y], linestyle="none", marker=marker, markersize=size, markeredgecolor=colour,
        markerfacecolor="white" if hollow else colour, markeredgewidth=1.6 if hollow else 0,
    )  # fmt: skip


def edges_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of a histogram's bars; a bar for each whole number, or for a few of them together."""
    low, high = float(values.min()), float(values.max())
    if (values % 1).any():
        return np.linspace(low, high, _BARS + 1)
    width = -(-(high - low + 1) // _MOST_BARS)
    return np.arange(low, high + width + 1, width) - 0.5
