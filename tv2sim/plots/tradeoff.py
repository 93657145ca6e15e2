"""On-time rate against what it costs: strategies as points, dominated or on the frontier."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from tv2sim.base.checks import one_of
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.frontier import dominance
from tv2sim.experiments.replications import Replications
from tv2sim.experiments.verdicts import dominated
from tv2sim.plots import style
from tv2sim.plots.point_labels import label_points
from tv2sim.plots.study import Shown, Study, study_of
from tv2sim.results.figures import axis, scaled
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE

__all__ = ["frontier", "tradeoff", "tradeoff_height"]

_TITLES = {"idle": "idle publishers"}
"""What a metric is called in the title, if not by its label."""
_MOST_FRONTIERS = 3
"""The most scenarios in which lines join the points that are not dominated; more would be a tangle."""


def tradeoff(study: Comparison | Replications, ax: Axes | None = None, *, cost: str | None = None) -> Axes:
    """Show on-time rate against what it costs: idle publisher-seconds, or the cost at the study's prices.

    A hollow point is dominated: another strategy in the same scenario is shown to have a higher on-time rate or
    to cost less, and is no worse in the other (see :func:`tv2sim.experiments.verdicts.dominated`). A line joins
    the points that no mean is better than, unless there are many scenarios.
    Several scenarios are numbered, and each point has the number of its scenario beside it, or of all
    scenarios in which a strategy is at this point.

    Parameters
    ----------
    study : Comparison or Replications
        As for :func:`tv2sim.plots.on_time_rates`.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.
    cost : str, optional
        The metric of the horizontal axis, of which less is better; default is "cost" if there are prices, else
        "idle".

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is neither, or there is no such metric.

    Examples
    --------
    Parts 1 and 2b differ only where encoders are kept waiting, so they share a point:

    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), replications=20)
    >>> [text.get_text() for text in tv.plots.tradeoff(study).texts][1:]
    ['1, 2b', '2a', '2c']
    """
    data = study_of(study)
    cost = one_of("cost", cost or (COST if data.shown[0].reps.prices else "idle"), METRICS)
    own, several = ax is None, len(data.groups) > 1
    handles, entries = _key(data)
    ax = style.axes(ax, style.room_for(entries) if several else style.HEIGHT)
    style.grid(ax)
    ax.margins(0.1, 0.12)
    points: list[NDArray[np.float64]] = []
    lines: list[NDArray[np.float64]] = []
    for group in data.groups.values():
        points.append(_points(ax, group, cost, lines, _sizes(data)))
        if len(data.groups) <= _MOST_FRONTIERS:
            lines.append(frontier(points[-1]))
            ax.plot(*lines[-1].T, color=style.GREY, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1.5)
    if several:
        style.legend(ax, handles, entries)
    named = _named(data, np.concatenate(points))
    below = style.titles(
        ax, f"On-time rate against {_TITLES.get(cost, METRICS[cost].label)}",
        f"Means with {data.interval}s, {data.size}; hollow: shown to be dominated",
        x=axis(cost), y=axis(ON_TIME_RATE),
    )  # fmt: skip
    names = [style.fold(name, 26, 4) for name in named.values()]
    style.span(ax, x=0.05 * max(ax.get_xlim()), y=1)
    placed = label_points(ax, np.array(list(named)), names, around=np.concatenate(points), lines=lines)
    if not placed:
        handles, entries = handles[: len(data.strategies)], entries[: len(data.strategies)]
        style.legend(ax, handles, entries)
        if own:
            style.figure_of(ax).set_figheight(style.room_for(entries))
        if several:
            below.set_text(f"{below.get_text()}; too close to be numbered")
    return ax


def frontier(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distinct points (cost, on-time rate) of which no other is better in one and no worse in both.

    Examples
    --------
    >>> frontier(np.array([[0.0, 40], [90, 83], [95, 80], [90, 83]])).tolist()
    [[0.0, 40.0], [90.0, 83.0]]
    """
    cost, rate = points.T
    return np.unique(points[~dominance(-rate, cost)[0]], axis=0)


def tradeoff_height(study: Comparison | Replications, width: float) -> float:
    """Return the height in inches that :func:`tradeoff` needs in a figure of this width, with its legend."""
    data = study_of(study)
    return style.room_for(_key(data)[1], width) if len(data.groups) > 1 else style.HEIGHT


def _named(data: Study, points: NDArray[np.float64]) -> dict[tuple[float, ...], str]:
    """Return the label of each place where there are points: strategies, or the numbers of scenarios."""
    numbers = {name: number for number, name in enumerate(data.groups, start=1)}
    at: dict[tuple[float, ...], dict[str, list[int]]] = {}
    for shown, point in zip(data.shown, np.round(points, 9).tolist(), strict=True):
        at.setdefault(tuple(point), {}).setdefault(shown.cell.strategy, []).append(numbers[shown.group])
    if len(numbers) == 1:
        return {point: ", ".join(strategies) for point, strategies in at.items()}
    return {point: _in_numbers(strategies) for point, strategies in at.items()}


def _in_numbers(strategies: dict[str, list[int]]) -> str:
    """Return the numbers of scenarios, with the strategies if these are not in the same scenarios.

    >>> _in_numbers({"1": [1, 2, 3, 5], "2b": [1, 2, 3, 5]}), _in_numbers({"1": [1, 2], "2b": [1]})
    ('1–3, 5', '1: 1, 2; 2b: 1')
    """
    numbers = {name: _ranges(those) for name, those in strategies.items()}
    if len(set(numbers.values())) == 1:
        return next(iter(numbers.values()))
    return "; ".join(f"{name}: {those}" for name, those in numbers.items())


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers, three or more successive ones as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _sizes(data: Study) -> dict[str, float]:
    """Return the size of each strategy's markers: of several that coincide, all are seen."""
    of = len(data.strategies)
    more = 4.0 if len(data.groups) > 1 else 0.0
    return {name: 9 + more * (of - 1 - n) / of for n, name in enumerate(data.strategies)}


def _points(
    ax: Axes, group: list[Shown], cost: str, bars: list[NDArray[np.float64]], sizes: dict[str, float]
) -> NDArray[np.float64]:
    """Draw the points of a group with their intervals; return the points, and add the intervals to `bars`."""
    spent = np.array([scaled(cost, shown.interval(cost))[:4] for shown in group])
    rate = np.array([scaled(ON_TIME_RATE, shown.interval(ON_TIME_RATE))[:4] for shown in group])
    points = np.stack([spent[:, 0], rate[:, 0]], axis=-1)
    hollows = dominated([shown.reps for shown in group], group[0].confidence, cost)
    rows = zip(group, points.tolist(), hollows, spent[:, 2:], rate[:, 2:], strict=True)
    for shown, (x, y), hollow, across, along in rows:
        colour = shown.look.colour
        for bar in (np.array([across, [y, y]]).T, np.array([[x, x], along]).T):
            ax.plot(*bar.T, color=colour, linewidth=1.2)
            if np.isfinite(bar).all():  # there is no interval after one replication
                bars.append(bar)
        (marker,) = ax.plot(
            x, y, shown.look.marker, color=colour, markersize=sizes[shown.cell.strategy], zorder=3
        )
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
        entries += [style.fold(f"{n}: {name}", 44, 3) for n, name in enumerate(data.groups, start=1)]
    return handles, entries
