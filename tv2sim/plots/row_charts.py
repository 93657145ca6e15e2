"""Charts in rows: a row for each strategy and scenario, each field, or each encoding time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tv2sim.base.checks import one_of, plural
from tv2sim.base.digits import p_equals, rate
from tv2sim.base.errors import InputError
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.experiments.sensitivity import End, Moved, Sensitivity
from tv2sim.experiments.validate import Agreement, Runs, Validation
from tv2sim.experiments.verdicts import is_shown
from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.plots.study import Shown, Study, checked, ends, is_rarely_late, share_late, study_of
from tv2sim.results.figures import axis, estimate, scaled
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE, Verdict
from tv2sim.world.prices import Prices, needed

# -- the layout of rows, and what is drawn in them ---------------------------------------------------------


_MOST_BARS = 160
"""The most bars of a histogram of whole numbers; more would be thinner than a line."""
_BARS = 40
"""The bars of a histogram of other numbers."""


def lay_out_rows(
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
    ax = style.axes(ax, 1.5 + max(pitch * -y, 0.19 * lines + 0.1 * len(names)), grid="x")
    dense = -y > 8
    style.tick_names(ax, [y for _, y in places], names, size=style.SMALL if dense else style.TEXT)
    for name, at in heads.items():
        ax.axhspan(at - 0.45, at + 0.45, color=style.PALE, linewidth=0, zorder=2.5)
        style.remark(ax, at, style.fold(name, 70, 1), x=0, offset=4)
    ax.set_ylim(y + 0.4, 0.6)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=whole, steps=[1, 2, 2.5, 5, 10]))
    return ax, places, dense


def point(
    ax: Axes, metric: str, interval: Interval, y: float, colour: str, marker: str, *, size: float = 8,
    hollow: bool = False,
) -> None:  # fmt: skip
    """Draw an estimate with its interval; an interval that is NaN, as after one replication, is not drawn.

    A mean below a logarithmic axis is a hollow triangle at its edge.
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


# -- the share of videos published in time -----------------------------------------------------------------


def on_time_rates(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show the share of videos published in time, with its interval, of every strategy and scenario.

    Where at least two strategies, or the only one, publish 99 % in time, it is the share of late videos, on a
    logarithmic scale. A share too small for the scale is a hollow triangle at the left edge.

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
    >>> import tv2sim as tv
    >>> ax = tv.plots.on_time_rates(tv.replicate(tv.generate_catalogue(), "2a", replications=20))
    >>> ax.get_xlabel()
    'on-time rate (%)'
    """
    data = study_of(study)
    rare = is_rarely_late(data)
    ax, places, _ = lay_out_rows(ax, data, data.shown, pitch=0.24)
    title, x, below = "Share of videos published in time", axis(ON_TIME_RATE), ""
    intervals = [shown.interval(ON_TIME_RATE) for shown, _ in places]
    if rare:
        title, x, below = "Share of videos that are late", "late videos (%)", ", on a logarithmic scale"
        intervals = list(map(share_late, intervals))
        style.scale_of_late_videos(ax, (ends(ON_TIME_RATE, one) for one in intervals), "x")
    for (shown, y), interval in zip(places, intervals, strict=True):
        point(ax, ON_TIME_RATE, interval, y, shown.look.colour, shown.look.marker)
        style.remark(ax, y, estimate(ON_TIME_RATE, interval))
    if not rare:
        ax.margins(x=0.06)
        style.span(ax, x=1)
    style.titles(ax, title, f"Mean of {data.size} with {data.interval}{below}", x=x)
    return ax


# -- videos published in time, by replication --------------------------------------------------------------


def published_per_replication(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show how the number of videos published in time varies from replication to replication.

    Each row is a histogram over replications, drawn to its own peak; below it the mean with its interval.

    Parameters
    ----------
    study : Comparison or Replications
        As for :func:`tv2sim.plots.on_time_rates`.
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
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
    >>> ax = tv.plots.published_per_replication(study)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1', '2a']
    """
    data = study_of(study)
    ax, places, _ = lay_out_rows(ax, data, data.shown, pitch=0.27, whole=True)
    values = {shown.cell: shown.reps.values("published") for shown in data.shown}
    edges = edges_of(np.concatenate(list(values.values())))
    for shown, y in places:
        counts = np.histogram(values[shown.cell], edges)[0]
        base = y - 0.12
        heights = base + 0.55 * counts / counts.max()
        ax.stairs(heights, edges, baseline=base, fill=True, color=shown.look.colour, linewidth=0)
        ax.axhline(base, color=style.LIGHT, linewidth=0.7, zorder=0.5)
        interval = shown.interval("published")
        point(ax, "published", interval, y - 0.25, style.INK, "D", size=4.5)
        style.remark(ax, y, estimate("published", interval))
    videos = {len(shown.reps.catalogue) for shown in data.shown}
    of = f"of {videos.pop()}" if len(videos) == 1 else "videos"
    below = f"Histograms over {data.size}; below each: mean with {data.interval}"
    style.titles(ax, "Videos published in time, per replication", below, x=f"videos published in time ({of})")
    return ax


# -- differences from the baseline -------------------------------------------------------------------------


_VERDICTS = {
    Verdict.BETTER: (style.BLUE, "^"),
    Verdict.WORSE: (style.VERMILLION, "v"),
    Verdict.UNDECIDED: (style.GREY, "o"),
    Verdict.SMALL: (style.GREY, "D"),
    Verdict.HIGHER: (style.BLACK, ">"),
    Verdict.LOWER: (style.BLACK, "<"),
}
"""The colour and the marker of each verdict."""


def differences(study: Comparison, ax: Axes | None = None, *, metric: str = ON_TIME_RATE) -> Axes:
    """Show the paired differences from the baseline as a forest plot, with the verdicts.

    Parameters
    ----------
    study : Comparison
        What :func:`tv2sim.compare` returned, with at least one strategy besides the baseline.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
    metric : str
        One of the study's metrics.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is not a comparison, has only the baseline, or does not have the metric.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
    >>> tv.plots.differences(study).get_xlabel()
    'difference in on-time rate (percentage points)'
    """
    study = checked(study, Comparison, "a chart of differences", "compare")
    one_of("metric", metric, study.metrics)
    data = study_of(study)
    shown = [shown for shown in data.shown if shown.cell.strategy != study.baseline]
    if not shown:
        known = f"the study has only its baseline, {study.baseline!r}"
        raise InputError(f"{known}: there is nothing to compare it with")
    compared = {one.cell: one for one in study.compared if one.metric == metric}
    ax, places, dense = lay_out_rows(ax, data, shown, pitch=0.24)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    for (cell, *_), y in places:
        verdict, interval = compared[cell].verdict, compared[cell].interval
        colour, marker = _VERDICTS[verdict]
        hollow = verdict in (Verdict.UNDECIDED, Verdict.SMALL)
        point(ax, metric, interval, y, colour, marker, size=9, hollow=hollow)
        text = (", " if dense else "\n").join([verdict, estimate(metric, interval, difference=True)])
        style.remark(ax, y, text, colour=colour)
    ax.margins(x=0.08)
    below = f"Paired, {data.size}, {data.interval}s; verdicts adjusted after Holm"
    title = f"Difference from the baseline, strategy {style.fold(study.baseline, 24, 1)}"
    style.titles(ax, title, below, x=f"difference in {axis(metric, difference=True)}")
    return ax


# -- what a run costs, by part -----------------------------------------------------------------------------


_PARTS: dict[str, dict[str, Any]] = {
    "starting": {"facecolor": style.MIDDLE},
    "ready": {"facecolor": style.GREEN},
    "busy": {"facecolor": style.BLUE, "hatch": "///"},
    "start": {"facecolor": style.ORANGE, "hatch": "..."},
    "failed": {"facecolor": style.VERMILLION, "hatch": "xxx"},
}
"""How the part of each price is drawn, publishers as in a timeline; hatches tell them apart without colour."""
_EDGE: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.8}


def costs(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show the mean cost of a run as a bar of its parts, for every strategy and scenario.

    A line at the end of a bar is the interval of the cost. Parts without a price are left out.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned, with prices.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is neither, or there are no prices.

    Examples
    --------
    >>> import tv2sim as tv
    >>> prices = tv.Prices(starting=0.01, ready=0.02, failed=5)
    >>> study = tv.compare(tv.generate_catalogue(), ["2c", "2c:12"], replications=20, prices=prices)
    >>> ax = tv.plots.costs(study)
    >>> [text.get_text() for text in ax.get_legend().texts]
    ['starting', 'ready', 'failures']
    """
    data = study_of(study)
    parts = _parts(data)
    ax, places, _ = lay_out_rows(ax, data, data.shown, pitch=0.3)
    for shown, y in places:
        left = 0.0
        for part in parts:
            mean = shown.reps.mean_costs[part]
            ax.barh(y, mean, 0.62, left, **_EDGE, **_PARTS[part])
            left += mean
        interval = shown.interval(COST)
        ends = [interval.ci_low, interval.ci_high]
        ax.plot(ends, [y, y], color=style.INK, linewidth=2, solid_capstyle="butt")
        style.remark(ax, y, estimate(COST, interval))
    ax.set_xlim(left=0)
    below = f"Means of {data.size}; line: {data.interval} of the cost"
    style.titles(ax, "What a run costs", below, x=axis(COST))
    style.legend(ax, [Patch(**_EDGE, **_PARTS[part]) for part in parts], list(parts.values()))
    return ax


def costs_height(study: Comparison | Replications) -> float:
    """Return the height in inches that :func:`costs` needs where its names and its legend take a line each."""
    data = study_of(study)
    heads = len(data.groups) if len(data.groups) > 1 and len(data.strategies) > 1 else 0
    return max(style.HEIGHT, 2.2 + 0.25 * (len(data.shown) + heads))


def _parts(data: Study) -> dict[str, str]:
    """Return the label of each price that some cell has."""
    prices = [needed(shown.reps.prices) for shown in data.shown]
    return {
        field.name: field.metadata["label"]
        for field in fields(Prices)
        if any(getattr(one, field.name) for one in prices)
    }


# -- what matters: a metric when each field is moved --------------------------------------------------------

_HALF = 0.36
"""The height of a bar; rows are 1 apart."""
_PALE = 0.3
"""The opacity of a bar whose interval includes 0."""


def tornado(sensitivity: Sensitivity, ax: Axes | None = None) -> Axes:
    """Show how a metric changes when each field is moved, the field with the longest bar on top.

    Each field has two bars that begin at the metric's usual value: the upper one is for the lower value of the
    field, and the lower one for the higher value. The value of the field is at the end of its bar: of times
    and rates the mean. A line across the end is the interval of the difference from the usual value; where it
    includes 0, the bar is pale.

    Parameters
    ----------
    sensitivity : Sensitivity
        What :func:`tv2sim.sensitivity` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `sensitivity` is something else, or the usual mean is infinite or missing.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ax = tv.plots.tornado(tv.sensitivity(tv.generate_catalogue(), "2c", replications=50))
    >>> [label.get_text() for label in ax.get_yticklabels()][:2]
    ['prewarmed publishers: 10', 'startup time: 4']
    """
    sensitivity = checked(sensitivity, Sensitivity, "a chart of a sensitivity", "sensitivity")
    usual = scaled(sensitivity.metric, sensitivity.interval).mean
    if not isfinite(usual):
        raise InputError(
            f"a mean of {METRICS[sensitivity.metric].label} that is {usual:g} has no place in a chart"
        )
    ax = style.axes(ax, 1.4 + 0.44 * len(sensitivity.rows), grid="x")
    figure = style.figure_of(ax)
    narrow = figure.get_figwidth() < 0.6 * style.WIDTH
    names = [_field_name(row, 16 if narrow else 30) for row in sensitivity.rows]
    style.tick_names(ax, [-float(at) for at in range(len(names))], names)
    ax.axvline(usual, color=style.INK, linewidth=1.2)
    ends = [
        (end.short, *_bar(ax, sensitivity.metric, usual, end, -at + side * _HALF / 2, colour))
        for at, row in enumerate(sensitivity.rows)
        for end, side, colour in ((row.low, 1, style.BLUE), (row.high, -1, style.ORANGE))
        if end is not None and isfinite(end.difference.mean)
    ]
    ax.set_ylim(-len(names) + 0.4, 0.6)
    style.lay_out(figure)
    _label_ends(ax, usual, ends)
    share = rate(sensitivity.by)
    below = [
        f"Upper bars: {share} less, lower bars: {share} more; pale: no effect shown",
        f"{rate(sensitivity.confidence)} intervals, {plural(len(sensitivity.usual), 'replication')}",
        f"usually {estimate(sensitivity.metric, sensitivity.interval)}",
    ]
    title = f"What matters most: {METRICS[sensitivity.metric].label}"
    style.titles(
        ax, "What matters" if narrow else title, "; ".join(below[: 1 if narrow else 3]),
        x=axis(sensitivity.metric), width=style.width_of(ax),
    )  # fmt: skip
    return ax


def _field_name(row: Moved, width: int) -> str:
    """Return the name of a field with its usual value, on the same line if there is room."""
    name, value = style.fold(row.label, width), style.fold(row.short, width, 1)
    fits = len(name.rpartition("\n")[2]) + len(value) + 2 <= width
    return f"{name}:{' ' if fits else chr(10)}{value}"


def _bar(ax: Axes, metric: str, usual: float, end: End, y: float, colour: str) -> tuple[float, float]:
    """Draw a bar with its interval; return its end, beyond the interval, and its height."""
    difference = scaled(metric, end.difference.interval)
    alpha = 1 if is_shown(end.difference) else _PALE
    ax.barh(y, difference.mean, _HALF, left=usual, color=colour, alpha=alpha, linewidth=0)
    ends = [usual + one for one in (difference.ci_low, difference.ci_high)]
    ax.plot(ends, [y, y], color=style.INK, linewidth=1.2, alpha=max(alpha, 0.5), solid_capstyle="butt")
    reach = [usual + difference.mean, *(one for one in ends if isfinite(one))]
    return (max(reach) if difference.mean >= 0 else min(reach)), y


def _label_ends(ax: Axes, usual: float, ends: list[tuple[str, float, float]]) -> None:
    """Write the values of the fields at the ends of their bars, and make room for them."""
    places = [usual, *(x for _, x, _ in ends)]
    low, high = min(places), max(places)
    width = 72 * style.width_of(ax)
    left = _room(text for text, x, _ in ends if x < usual)
    right = _room(text for text, x, _ in ends if x >= usual)
    unit = (high - low or 1.0) / max(width - left - right, 0.3 * width)
    first, last = low - unit * left, high + unit * right
    ticks = MaxNLocator(max(4, int(width / 50)), steps=[1, 2, 2.5, 5, 10]).tick_values(first, last)
    ax.set_xlim(first, last)
    ax.set_xticks([tick for tick in ticks if (first if low < 0 else max(first, 0)) <= tick <= last])
    for text, x, y in ends:
        side, where = (-1, "right") if x < usual else (1, "left")
        style.note(ax, text, (x, y), (4 * side, 0), xycoords="data", in_layout=False, ha=where)


def _room(texts: Iterable[str]) -> float:
    """Return the points that the longest text takes."""
    return max((style.LETTER * len(text) for text in texts), default=0.0) + 8


# -- who is on time: a row for each encoding time -----------------------------------------------------------

_MOST_CELLS = 16
_COLOURS = "cividis"


def on_time_map(reps: Replications, ax: Axes | None = None) -> Axes:
    """Show the probability of being on time by encoding time and timeout, and the number of videos.

    Values that are multiples of a step have a cell each, at their place on the axes; others are grouped into
    intervals. Cells without videos are blank.

    Parameters
    ----------
    reps : Replications
        What :func:`tv2sim.replicate` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `reps` is something else, or has no video or no replication.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ax = tv.plots.on_time_map(tv.replicate(tv.generate_catalogue(), "1", replications=20))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('publication timeout (s)', 'encoding time (s)')
    """
    reps = checked(reps, Replications, "a map of on-time probabilities", "replicate")
    if not len(reps) or not len(reps.catalogue):
        raise InputError("a map of on-time probabilities needs at least one replication and one video")
    encoding_time = np.nan_to_num(reps.catalogue.encoding_time)
    across, along = _scale(reps.catalogue.publication_timeout), _scale(encoding_time)
    shape = (len(along.edges) - 1, len(across.edges) - 1)
    cell = np.ravel_multi_index((along.places, across.places), shape)
    count, good = (
        np.bincount(cell, weights, minlength=prod(shape)).reshape(shape)
        for weights in (None, reps.on_time["on_time"])
    )
    share = np.divide(good, count * len(reps), out=np.full(shape, np.nan), where=count > 0)
    ax = style.axes(ax, 1.6 + 0.46 * shape[0], grid=None)
    mesh = ax.pcolormesh(
        across.edges, along.edges, share, cmap=_COLOURS, vmin=0, vmax=1, edgecolor="white", linewidth=1.2
    )
    for row, column in np.argwhere(count > 0).tolist():
        at = (across.edges[column : column + 2].mean(), along.edges[row : row + 2].mean())
        value = float(share[row, column])
        how = {"xycoords": "data", "ha": "center", "color": _on(colormaps[_COLOURS](value)[:3])}
        style.note(ax, _percent(value), at, (0, 5), fontsize=style.TEXT, **how)
        style.note(ax, f"{count[row, column]:,}", at, (0, -8), fontsize=9, **how)
    ax.xaxis.set_ticks(*across.ticks)
    ax.yaxis.set_ticks(*along.ticks)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    bar = style.figure_of(ax).colorbar(mesh, ax=ax, pad=0.02, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0", "25", "50", "75", "100"], fontsize=style.SMALL, color=style.INK)
    bar.set_label("on time (%)", fontsize=style.TEXT, color=style.INK)
    bar.outline.set_visible(False)
    title = f"Which videos are on time: strategy {style.fold(reps.strategy.name, 24, 1)}"
    below = f"On-time probability in %, below it the number of videos; {len(reps):,} replications"
    style.titles(ax, title, below, x="publication timeout (s)", y="encoding time (s)")
    return ax


class _Scale(NamedTuple):
    """The intervals that an axis is divided into, and its ticks: positions and texts."""

    edges: NDArray[np.float64]
    ticks: tuple[list[float], list[str]]
    places: NDArray[np.int64]
    """The number of the interval of each video."""


def _scale(values: NDArray[np.float64]) -> _Scale:
    """Divide an axis: a cell per step, or per distinct value if they are few, or intervals of round numbers."""
    distinct = np.unique(values)
    step = _step(distinct)
    cells = round((distinct[-1] - distinct[0]) / step) + 1 if step else 0
    if 0 < cells <= _MOST_CELLS:
        middles = distinct[0] + step * np.arange(cells)
        edges = np.append(middles - step / 2, middles[-1] + step / 2)
        return _Scale(edges, (middles.tolist(), _written(middles)), np.searchsorted(edges, values) - 1)
    if len(distinct) <= _MOST_CELLS:
        places = np.searchsorted(distinct, values)
        number = np.arange(len(distinct) + 1.0)
        return _Scale(number - 0.5, (number[:-1].tolist(), _written(distinct)), places)
    round_numbers = MaxNLocator(_MOST_CELLS - 4, steps=[1, 2, 2.5, 5, 10])
    edges = np.asarray(round_numbers.tick_values(distinct[0], distinct[-1]), dtype=np.float64)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return _Scale(edges, (edges.tolist(), _written(edges)), places)


def _step(distinct: NDArray[np.float64]) -> float:
    """Return the greatest step that all differences are multiples of, or 0 if values have over 3 decimals.

    Examples
    --------
    >>> _step(np.array([1.0, 3.0, 6.0])), _step(np.array([0.5, 1.5, 3.0])), _step(np.array([0.0, 1 / 3]))
    (1.0, 0.5, 0.0)
    """
    if len(distinct) == 1:
        return 1.0
    for decimals in range(4):
        whole = np.rint(distinct * 10**decimals)
        if abs(whole[-1]) < 1e15 and np.allclose(whole, distinct * 10**decimals, rtol=1e-12, atol=1e-9):
            return float(np.gcd.reduce(np.diff(whole).astype(np.int64)) / 10**decimals)
    return 0.0


def _written(values: NDArray[np.float64]) -> list[str]:
    return [f"{value:.6g}".replace("-", "−") for value in values]


def _on(colour: tuple[float, ...]) -> str:
    """Return black or white, whichever has more contrast with a colour (relative luminance of WCAG 2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def _percent(share: float) -> str:
    """Write a share in whole percent; only never is 0, and only always is 100.

    >>> [_percent(share) for share in (0, 0.001, 0.5, 0.999, 1)]
    ['0', '<1', '50', '>99', '100']
    """
    if 0 < share < 0.01:
        return "<1"
    return ">99" if 0.99 < share < 1 else f"{100 * share:.0f}"


# -- observed runs among simulated ones --------------------------------------------------------------------


_NEAREST, _FARTHEST = 3.5, 6.0
"""Standard deviations on each side of the mean that are shown: at least and at most so many."""
_HISTOGRAM_HEIGHT = 0.55
"""The height of a histogram; rows are 1 apart."""


def validation(result: Validation, ax: Axes | None = None) -> Axes:
    """Show the observed runs among the simulated ones.

    Each row is a histogram of the simulated runs under a strategy, on a scale of their standard deviations; a
    diamond is an observed run. Below is the observed mean, on a bar that holds the mean of as many simulated
    runs with a probability of 1 - level. An arrow stands for what lies beyond the edge.

    Parameters
    ----------
    result : Validation
        What :func:`tv2sim.validate` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `result` is something else.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2c"], replications=100)
    >>> ax = tv.plots.validation(tv.validate(study, {"1": [58, 64], "2c": [154, 152]}))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1', '2c']
    """
    result = checked(result, Validation, "a chart of a validation", "validate")
    rows = {-float(at): row for at, row in enumerate(result.rows)}
    ax = style.axes(ax, 1.5 + 0.6 * len(rows), grid="x")
    names = [
        runs.strategy if runs.quantity in METRICS else f"{runs.strategy}: {runs.quantity}"
        for runs in (row.runs for row in result.rows)
    ]
    style.tick_names(ax, [*rows], [style.fold(name, 26) for name in names], size=style.TEXT)
    farthest = max(float(np.abs(row.runs.scaled(row.runs.all)).max()) for row in result.rows)
    reach = min(max(_NEAREST, farthest), _FARTHEST)
    for y, row in rows.items():
        _histogram(ax, row.runs, y - 0.12)
        _runs(ax, row.runs, y - 0.02, reach)
        _mean(ax, row, y - 0.27, reach, result.level)
        seen, made = row.runs.means
        runs = plural(len(row.runs.observed), "run")
        style.remark(ax, y, f"{runs}: {seen}\nsimulated: {made}\n{p_equals(row.p_value)}")
    ax.set_xlim(-1.05 * reach, 1.05 * reach)
    ax.set_ylim(-len(rows) + 0.5, 0.6)
    verdict = "rejected" if result.rejected else "not rejected"
    below = (
        f"The simulation is {verdict} ({p_equals(result.p_value)}). Diamonds: observed runs; dot: their mean; "
        f"bar: where {rate(1 - result.level)} of such means lie in the simulation"
    )
    x = "standard deviations from the simulated mean"
    style.titles(ax, "Observed runs among simulated ones", below, x=x)
    return ax


def _histogram(ax: Axes, runs: Runs, y: float) -> None:
    """Draw the simulated runs; a bar is no wider than a standard deviation, since few values would fill all."""
    edges = edges_of(runs.simulated)
    counts = np.histogram(runs.simulated, edges)[0]
    middles = runs.scaled((edges[1:] + edges[:-1]) / 2)
    half = min(float(edges[1] - edges[0]) / runs.deviation, 1.0) / 2 if runs.deviation else 0.1
    places = np.column_stack([middles - half, middles + half]).ravel()
    heights = y + _HISTOGRAM_HEIGHT * np.column_stack([counts / counts.max(), 0 * counts]).ravel()[:-1]
    ax.stairs(heights, places, baseline=y, fill=True, color=style.MIDDLE, linewidth=0)
    ax.axhline(y, color=style.LIGHT, linewidth=0.7, zorder=0.5)


def _runs(ax: Axes, runs: Runs, y: float, reach: float) -> None:
    """Draw the observed runs, those at the same place above each other."""
    counts = Counter(_within_reach(reach, place, "D") for place in runs.scaled(runs.observed).tolist())
    for (place, marker), count in counts.items():
        for number in range(count):
            _mark(ax, place, y + number * min(0.14, 0.5 / count), marker, style.ORANGE)


def _mean(ax: Axes, row: Agreement, y: float, reach: float, level: float) -> None:
    """Draw the observed mean on a bar that covers its usual range."""
    runs = row.runs
    usual = row.usual * runs.error / (runs.deviation or 1.0)
    ax.plot(
        np.clip([-usual, usual], -reach, reach), [y, y], color=style.SKY, linewidth=6, solid_capstyle="butt"
    )
    (mean,) = runs.scaled(np.array([runs.observed.mean()]))
    place, marker = _within_reach(reach, float(mean), "o")
    _mark(ax, place, y, marker, style.VERMILLION if row.p_value < level else style.BLUE)


def _within_reach(reach: float, place: float, marker: str) -> tuple[float, str]:
    """Return a place and its marker; for a place beyond the edge, the edge and an arrow."""
    return (-reach, "<") if place < -reach else (reach, ">") if place > reach else (place, marker)


def _mark(ax: Axes, place: float, y: float, marker: str, colour: str) -> None:
    ax.plot(
        [place], [y], linestyle="none", marker=marker, markersize=6,
        markerfacecolor=colour, markeredgecolor=style.INK, markeredgewidth=0.7,
    )  # fmt: skip
