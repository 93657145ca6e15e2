"""Charts of what failures cost: points in lines or alone, dominated or on the frontier."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import inf, nan
from os.path import commonprefix
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pandas import isna

from tv2sim.base.checks import one_of
from tv2sim.base.digits import rate, three_digits
from tv2sim.experiments.candidates import in_short
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.comparison_tables import dominance, frontier_of
from tv2sim.experiments.planning import Plan
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.experiments.verdicts import dominated
from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.plots.study import Ends, Series, Shown, Study, checked, ends, families, study_of
from tv2sim.results.figures import axis, in_words, scaled
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE

# -- points with intervals of two figures ------------------------------------------------------------------


_TOO_NEAR = 15.0
"""Points between two texts, below which the second one is not written."""
_LETTER = 5.0
"""Points that a letter is wide, about."""
_PALE = 0.35
"""The opacity of dominated points."""


class Point(NamedTuple):
    """A point of a chart: its line, the text beside it, and its two figures with intervals.

    The vertical figure cannot be below `bound`. A dominated point is pale, and the best one has a ring.
    """

    family: str
    text: str
    x: Ends
    y: Ends
    bound: float = nan
    is_dominated: bool = False
    is_best: bool = False


Looks: TypeAlias = Mapping[str, style.Look]
"""The look of each line by its name."""


def looks_of(names: Iterable[str]) -> Looks:
    """Return a look for each distinct name of a line."""
    return {name: style.look(number) for number, name in enumerate(dict.fromkeys(names))}


def handles_of(looks: Looks) -> tuple[list[Line2D], list[str]]:
    """Return handles and texts of a legend of the lines."""
    lines = [Line2D([], [], color=one.colour, marker=one.marker, linestyle=one.line) for one in looks.values()]
    return lines, [style.fold(name, 44, 1) for name in looks]


def draw(ax: Axes, points: Sequence[Point], looks: Looks) -> None:
    """Draw the points of each line, joined in their order."""
    for name, look in looks.items():
        _draw_line(ax, [one for one in points if one.family == name], look)


def _draw_line(ax: Axes, points: Sequence[Point], look: style.Look) -> None:
    """Draw a line of points; a point below a logarithmic axis is a hollow triangle at its lower edge."""
    floor, top = ax.get_ylim() if ax.get_yscale() == "log" else (-inf, inf)
    heights = [_height_of(one, floor) for one in points]
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


def _height_of(one: Point, floor: float) -> float:
    return floor if one.y[0] <= floor else one.y[0]


def write_texts(ax: Axes, points: Iterable[Point], looks: Looks) -> None:
    """Write texts beside points where there is room: the best point first, dominated points last."""
    dpi = style.figure_of(ax).dpi / 72
    taken: list[Any] = []
    top = ax.bbox.y1 / dpi
    for one in sorted(points, key=lambda one: (not one.is_best, one.is_dominated)):
        at = one.x[0], _height_of(one, ax.get_ylim()[0])
        place = ax.transData.transform(at) / dpi
        room = max(_TOO_NEAR, _LETTER * len(one.text)), _TOO_NEAR
        if not one.text or any((np.abs(place - other) < room).all() for other in taken):
            continue
        taken.append(place)
        beside = (7, 7) if place[1] + 18 < top else (9, -3)
        style.note(
            ax, one.text, at, beside, xycoords="data", color=looks[one.family].colour, in_layout=False,
            fontweight="bold" if one.is_best else "normal", alpha=2 * _PALE if one.is_dominated else 1,
        )  # fmt: skip


# -- failures against what they cost -----------------------------------------------------------------------


def frontier(
    study: Comparison | Replications,
    ax: Axes | None = None,
    *,
    metric: str = "failed",
    against: str | None = None,
) -> Axes:
    """Show a metric against what it costs: failed videos, on a logarithmic scale, against idle time or cost.

    Strategies that differ in one number, such as pools of several sizes, are one line, along which that number
    is written. The lower and the more to the left, the better. A pale point is dominated: another point of its
    panel has one better mean and no worse one. A short dash is the number of videos that must fail, by theory
    (:func:`tv2sim.theory.queueing.failed_bound`). The price of the last failure is what one failure less costs
    at the point with the fewest failures, against the one before it. A mean of 0 has no place on a logarithmic
    scale: it is a hollow triangle at the lower edge, below the upper end of its interval.
    :attr:`tv2sim.Comparison.frontier` has the figures.

    Parameters
    ----------
    study : Comparison or Replications
        As for :func:`tv2sim.plots.on_time_rates`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure. There is a panel for each catalogue and scenario.
    metric : str
        The name of the metric to show, of which less is better.
    against : str, optional
        The name of the metric to show it against, of which less is better; default is "cost" if there are
        prices, else "idle".

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
    >>> import tv2sim as tv
    >>> pools = [f"2c:{size}" for size in range(8, 13)]
    >>> study = tv.compare(tv.generate_catalogue(), ["2a", *pools], replications=20, progress=False)
    >>> ax = tv.plots.frontier(study)
    >>> ax.get_xlabel(), [text.get_text() for text in ax.get_legend().get_texts()]
    ('idle (s)', ['2a', '2c: prewarmed publishers'])
    """
    data = study_of(study)
    against = against or (COST if data.shown[0].reps.prices else "idle")
    for name in (metric, against):
        one_of("metric", name, METRICS)
    table = frontier_of(study.cells, data.shown[0].confidence, [against], metric).to_dict("records")
    rows = dict(zip(study.cells, table, strict=True))
    points = [_points_of_panel(families(group), rows, metric, against) for group in data.groups.values()]
    last = [_last_failure((rows[one.cell] for one in group), metric, against) for group in data.groups.values()]
    looks, own = looks_of(one.family for group in points for one in group), ax is None
    ax = style.axes(ax, frontier_height(study, style.WIDTH))
    panels = style.panels_in(
        ax, [f"{name}\n{price}".strip() for name, price in zip(data.groups, last, strict=True)]
    )
    for panel, group in zip(panels, points, strict=True):
        style.logarithmic(panel, [one.y for group in points for one in group])
        draw(panel, group, looks)
    _share_scale(panels)
    explained = f"Means with {data.interval}s, {data.size}; lower left is better; pale: dominated"
    style.titles(
        ax, f"{METRICS[metric].label.capitalize()} against {METRICS[against].label}",
        "; ".join(filter(None, [explained, *(last if len(last) == 1 else [])])),
        x=axis(against), y=axis(metric),
    )  # fmt: skip
    style.lay_out(style.figure_of(ax))
    below = style.label_frame(ax, panels)
    style.legend(ax, *handles_of(looks), below=below + 24)
    if own:
        style.lay_out(style.figure_of(ax))
    for panel, group in zip(panels, points, strict=True):
        write_texts(panel, group, looks)
    return ax


def frontier_height(study: Comparison | Replications, width: float) -> float:
    """Return the height in inches that :func:`frontier` needs in a figure of this width."""
    data = study_of(study)
    names = dict.fromkeys(_name_of_line(line) for shown in data.groups.values() for line in families(shown))
    return style.panels_height(width, list(data.groups)) + style.room_for(list(names), width) - style.HEIGHT


def _name_of_line(series: Series) -> str:
    """Return what the strategies of a line have in common, and the parameter in which they differ."""
    if not series.of:
        return series.name
    names = list(dict.fromkeys(shown.cell.strategy for shown in series.shown))
    common = re.sub(r"\([^)]*$", "", commonprefix(names)).rstrip(" :=0123456789")  # noqa: RUF071 (of characters)
    return f"{common or series.name}: {series.of}"


# -- the points of a frontier ------------------------------------------------------------------------------


def _points_of_panel(
    lines: Iterable[Series], rows: Mapping[Cell, Mapping[Hashable, Any]], metric: str, against: str
) -> list[Point]:
    """Return the points of a panel, line by line."""
    return [
        Point(
            _name_of_line(series),
            in_words(series.values[number]) if series.values else "",
            _ends_of_mean(row, against),
            _ends_of_mean(row, metric),
            row["bound"],
            row["dominated"],
        )
        for series in lines
        for number, row in enumerate(rows[shown.cell] for shown in series.shown)
    ]


def _ends_of_mean(row: Mapping[Hashable, Any], metric: str) -> Ends:
    """Return a mean and the ends of its interval; NaN for a mean that is infinite."""
    return ends(metric, Interval(row[metric], nan, row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]))


def _last_failure(rows: Iterable[Mapping[Hashable, Any]], metric: str, against: str) -> str:
    """Return the price of the last failure in words.

    The text is empty if the metric is not that of failed videos, or no point has a price of a failure.
    """
    prices = [(row[metric], row["price_of_failure"]) for row in rows if not np.isnan(row["price_of_failure"])]
    if metric != "failed" or not prices:
        return ""
    return f"price of the last failure: {three_digits(min(prices)[1])} {METRICS[against].unit}".strip()


def _share_scale(panels: list[Axes]) -> None:
    """Let all panels have the same horizontal scale, from 0 if that is near."""
    limits = np.array([panel.get_xlim() for panel in panels])
    low, high = limits[:, 0].min(), limits[:, 1].max()
    for panel in panels:
        panel.set_xlim(0 if low < 0.3 * high else low, high)


# -- the candidates of a plan ------------------------------------------------------------------------------


_FAR = 10
"""Costs of which one is so many times another are on a logarithmic scale."""


def plan(plan: Plan, ax: Axes | None = None) -> Axes:
    """Show the candidates of a plan: the share of late videos, on a logarithmic scale, against the price.

    The price is idle time, or the cost if the plan has prices. Candidates of a strategy are a line, along which
    the values of its fields are written. A short dash below a candidate is the share that must be late, by
    theory. Candidates below the dashed line meet the target, and the best of them has a ring. A pale candidate
    is dominated: another one is better in both. A mean of 0 has no place on a logarithmic scale: it is a hollow
    triangle at the lower edge. If the least cost was asked for, the cost is shown against the idle time. Its
    scale is logarithmic where some candidates cost more than ten times as much as others.

    Parameters
    ----------
    plan : Plan
        What :func:`tv2sim.plan` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `plan` is not one.

    Examples
    --------
    >>> import tv2sim as tv
    >>> plan = tv.plan(tv.generate_catalogue(), "2c", vary={"prewarmed": range(8, 15)}, target=0.999)
    >>> ax = tv.plots.plan(plan)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('idle (s)', 'late videos (%)')
    """
    plan = checked(plan, Plan, "a chart of a plan", "plan")
    ax = style.axes(ax)
    rows, against = plan.candidates.to_dict("records"), _price_of(plan)
    points = [_candidate(plan, row) for row in rows]
    looks = looks_of(one.family for one in points)
    title, y, below = "What costs least", axis(COST), "Mean costs of a run with intervals"
    if plan.target is not None:
        title, y = f"What publishes {rate(plan.target)} of the videos in time", "late videos (%)"
        below = "Means with intervals; a dash is what must be late; below the dashed line the target is met"
        late = 100 * (1 - plan.target)
        style.logarithmic(ax, [(late, late, late), *(one.y for one in points)], at_most=110)
        ax.axhline(late, color=style.GREY, linewidth=1.4, linestyle=(0, (5, 3)), zorder=1.5)
    elif max(one.y[0] for one in points) > _FAR * min(one.y[0] for one in points):
        style.logarithmic(ax, (one.y for one in points))
    draw(ax, points, looks)
    ax.set_xlim(left=0)
    if plan.target is None and ax.get_yscale() == "linear":
        ax.set_ylim(bottom=0)
    rings = (f"; ring: {_named(plan, row)}" for row in rows if row["best"])
    style.titles(ax, title, f"{below}{''.join(rings)}", x=axis(against), y=y)
    if len(looks) > 1:
        style.legend(ax, *handles_of(looks))
    style.lay_out(style.figure_of(ax))
    write_texts(ax, points, looks)
    return ax


def _price_of(plan: Plan) -> str:
    """Return the metric of the horizontal axis."""
    return COST if plan.target is not None and COST in plan.candidates else "idle"


def _candidate(plan: Plan, row: Mapping[Hashable, Any]) -> Point:
    """Return a candidate as a point; where the least cost was asked for, no other figure dominates."""
    is_rate, late = plan.target is not None, [100 * (1 - row[name]) for name in _RATES]
    return Point(
        row["strategy"],
        ", ".join(_varied(plan, row).values()),
        _ends_of_mean(row, _price_of(plan)),
        (late[0], late[1], late[2]) if is_rate else _ends_of_mean(row, COST),
        late[3] if is_rate else nan,
        is_rate and row["dominated"],
        row["best"],
    )


_RATES = (ON_TIME_RATE, "ci_high", "ci_low", "bound")


def _named(plan: Plan, row: Mapping[Hashable, Any]) -> str:
    """Return the strategy of a candidate, with the fields that are varied."""
    return ", ".join([row["strategy"], *(f"{name}={value}" for name, value in _varied(plan, row).items())])


def _varied(plan: Plan, row: Mapping[Hashable, Any]) -> dict[str, str]:
    """Return the fields of a candidate that are varied, with their values as they are typed."""
    return {name: in_short(row[name]) for name in plan.fields if not isna(row[name])}


# -- on-time rate against what it costs --------------------------------------------------------------------


_SPENT = {"idle": "idle publishers"}
"""What a metric is called in the title, if not by its label."""
_MOST_FRONTIERS = 3
"""The most scenarios in which lines join the points that are not dominated; more would be a tangle."""


def tradeoff(study: Comparison | Replications, ax: Axes | None = None, *, cost: str | None = None) -> Axes:
    """Show on-time rate against what it costs: idle publisher-seconds, or the cost at the study's prices.

    A hollow point is dominated: another strategy in the same scenario is shown to be better in one of the two
    figures, and is no worse in the other (see :func:`tv2sim.experiments.verdicts.dominated`). A line joins the
    points that no mean is better than, unless there are many scenarios. Several scenarios are numbered. Each
    point has the numbers of the scenarios in which a strategy is at this point.

    Parameters
    ----------
    study : Comparison or Replications
        As for :func:`tv2sim.plots.on_time_rates`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
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
    handles, entries = _legend_of(data)
    ax = style.axes(ax, style.room_for(entries) if several else style.HEIGHT)
    ax.margins(0.1, 0.12)
    points: list[NDArray[np.float64]] = []
    lines: list[NDArray[np.float64]] = []
    for group in data.groups.values():
        points.append(_draw_group(ax, group, cost, lines, _sizes(data)))
        if len(data.groups) <= _MOST_FRONTIERS:
            lines.append(efficient(points[-1]))
            ax.plot(*lines[-1].T, color=style.GREY, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1.5)
    if several:
        style.legend(ax, handles, entries)
    named = _places_named(data, np.concatenate(points))
    below = style.titles(
        ax, f"On-time rate against {_SPENT.get(cost, METRICS[cost].label)}",
        f"Means with {data.interval}s, {data.size}; hollow: shown to be dominated",
        x=axis(cost), y=axis(ON_TIME_RATE),
    )  # fmt: skip
    names = [style.fold(name, 26, 4) for name in named.values()]
    style.span(ax, x=0.05 * max(ax.get_xlim()), y=1)
    placed = style.label_points(ax, np.array(list(named)), names, around=np.concatenate(points), lines=lines)
    if not placed:
        handles, entries = handles[: len(data.strategies)], entries[: len(data.strategies)]
        style.legend(ax, handles, entries)
        if own:
            style.figure_of(ax).set_figheight(style.room_for(entries))
        if several:
            below.set_text(f"{below.get_text()}; too close to be numbered")
    return ax


def efficient(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distinct points (cost, on-time rate) of which no other is better in one and no worse in both.

    Examples
    --------
    >>> efficient(np.array([[0.0, 40], [90, 83], [95, 80], [90, 83]])).tolist()
    [[0.0, 40.0], [90.0, 83.0]]
    """
    cost, rate = points.T
    return np.unique(points[~dominance(-rate, cost)[0]], axis=0)


def tradeoff_height(study: Comparison | Replications, width: float) -> float:
    """Return the height in inches that :func:`tradeoff` needs in a figure of this width, with its legend."""
    data = study_of(study)
    return style.room_for(_legend_of(data)[1], width) if len(data.groups) > 1 else style.HEIGHT


def _places_named(data: Study, points: NDArray[np.float64]) -> dict[tuple[float, ...], str]:
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


def _draw_group(
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


def _legend_of(data: Study) -> tuple[list[Line2D], list[str]]:
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
