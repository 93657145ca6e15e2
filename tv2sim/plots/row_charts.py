"""Charts with a row for each strategy and scenario: estimates, histograms, and costs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tv2sim.base.checks import one_of
from tv2sim.base.errors import InputError
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.plots.study import Shown, Study, checked, ends, is_rarely_late, share_late, study_of
from tv2sim.results.figures import axis, estimate, scaled
from tv2sim.results.metrics import COST, ON_TIME_RATE, Verdict
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
