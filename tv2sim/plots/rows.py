"""The charts with a row per cell: an estimate with its interval, and a remark at the right."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tv2sim.errors import InputError
from tv2sim.experiment import Comparison, Replications
from tv2sim.metrics import ON_TIME_RATE, Verdict
from tv2sim.numbers import axis, estimate, scaled
from tv2sim.plots import style
from tv2sim.plots.study import Shown, Study, study_of
from tv2sim.statistics import Interval
from tv2sim.validation import one_of

__all__ = ["differences", "on_time_rates", "published_per_replication"]

_VERDICTS = {
    Verdict.BETTER: (style.BLUE, "^"),
    Verdict.WORSE: (style.VERMILLION, "v"),
    Verdict.UNDECIDED: (style.GREY, "o"),
    Verdict.HIGHER: (style.BLACK, ">"),
    Verdict.LOWER: (style.BLACK, "<"),
}
"""Colour and marker of each."""
_MOST_BARS = 160
"""The most bars of a histogram; more would be thinner than a line."""


def on_time_rates(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show the share of videos published in time, with its interval, of every strategy and scenario.

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
    ax, places, _ = _rows(ax, data, data.shown, pitch=0.24)
    for shown, y in places:
        interval = shown.interval(ON_TIME_RATE)
        _point(ax, ON_TIME_RATE, interval, y, shown.look.colour, shown.look.marker)
        style.remark(ax, y, estimate(ON_TIME_RATE, interval))
    ax.margins(x=0.06)
    style.span(ax, x=1)
    below = f"Mean of {data.size} with {data.interval}"
    style.titles(ax, "Share of videos published in time", below, x=axis(ON_TIME_RATE))
    return ax


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
    if not isinstance(study, Comparison):
        raise InputError(f"a chart of differences needs what compare gave, not {study!r}")
    one_of("metric", metric, study.metrics)
    data = study_of(study)
    shown = [shown for shown in data.shown if shown.cell.strategy != study.baseline]
    if not shown:
        known = f"the study has only its baseline, {study.baseline!r}"
        raise InputError(f"{known}: there is nothing to compare it with")
    compared = {one.cell: one for one in study.compared if one.metric == metric}
    ax, places, dense = _rows(ax, data, shown, pitch=0.24)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    for (cell, *_), y in places:
        verdict, interval = compared[cell].verdict, compared[cell].interval
        colour, marker = _VERDICTS[verdict]
        _point(ax, metric, interval, y, colour, marker, size=9, hollow=verdict == Verdict.UNDECIDED)
        text = (", " if dense else "\n").join([verdict, estimate(metric, interval, difference=True)])
        style.remark(ax, y, text, colour=colour)
    ax.margins(x=0.08)
    below = f"Paired, {data.size}, {data.interval}s; verdicts adjusted after Holm"
    title = f"Difference from the baseline, strategy {style.fold(study.baseline, 24, 1)}"
    style.titles(ax, title, below, x=f"difference in {axis(metric, difference=True)}")
    return ax


def published_per_replication(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show how the number of videos published in time varies from replication to replication.

    Each row is a histogram over replications, drawn to its own peak; below it the mean with its interval.

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
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
    >>> ax = tv.plots.published_per_replication(study)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1', '2a']
    """
    data = study_of(study)
    ax, places, _ = _rows(ax, data, data.shown, pitch=0.27, whole=True)
    values = {shown.cell: shown.reps.values("published") for shown in data.shown}
    edges = _edges(np.concatenate(list(values.values())))
    for shown, y in places:
        counts = np.histogram(values[shown.cell], edges)[0]
        base = y - 0.12
        heights = base + 0.55 * counts / counts.max()
        ax.stairs(heights, edges, baseline=base, fill=True, color=shown.look.colour, linewidth=0)
        ax.axhline(base, color=style.LIGHT, linewidth=0.7, zorder=0.5)
        interval = shown.interval("published")
        _point(ax, "published", interval, y - 0.25, style.INK, "D", size=4.5)
        style.remark(ax, y, estimate("published", interval))
    videos = {len(shown.reps.catalogue) for shown in data.shown}
    of = f"of {videos.pop()}" if len(videos) == 1 else "videos"
    below = f"Histograms over {data.size}; below each: mean with {data.interval}"
    style.titles(ax, "Videos published in time, per replication", below, x=f"videos published in time ({of})")
    return ax


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of the histograms' bars: a bar for each whole number, or for a few of them together."""
    low, high = int(values.min()), int(values.max())
    width = -(-(high - low + 1) // _MOST_BARS)
    return np.arange(low, high + width + 1, width, dtype=np.float64) - 0.5


# -- the layout of the rows ---------------------------------------------------------------------------------


def _rows(
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


def _point(
    ax: Axes, metric: str, interval: Interval, y: float, colour: str, marker: str, *, size: float = 8,
    hollow: bool = False,
) -> None:  # fmt: skip
    """Draw an estimate with its interval; an interval that is NaN, as after one replication, is not drawn."""
    mean, _, low, high = scaled(metric, interval)
    ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    ax.plot(
        [mean], [y], linestyle="none", marker=marker, markersize=size, markeredgecolor=colour,
        markerfacecolor="white" if hollow else colour, markeredgewidth=1.6 if hollow else 0,
    )  # fmt: skip
