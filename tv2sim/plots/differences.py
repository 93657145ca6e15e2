"""The differences from the baseline, with the verdicts."""

from __future__ import annotations

from matplotlib.axes import Axes

from tv2sim.base.checks import one_of
from tv2sim.base.errors import InputError
from tv2sim.experiments.comparison import Comparison
from tv2sim.plots import style
from tv2sim.plots.rows import laid_out, point
from tv2sim.plots.study import study_of
from tv2sim.results.figures import axis, estimate
from tv2sim.results.metrics import ON_TIME_RATE, Verdict

_VERDICTS = {
    Verdict.BETTER: (style.BLUE, "^"),
    Verdict.WORSE: (style.VERMILLION, "v"),
    Verdict.UNDECIDED: (style.GREY, "o"),
    Verdict.SMALL: (style.GREY, "D"),
    Verdict.HIGHER: (style.BLACK, ">"),
    Verdict.LOWER: (style.BLACK, "<"),
}
"""Colour and marker of each."""


def differences(study: Comparison, ax: Axes | None = None, *, metric: str = ON_TIME_RATE) -> Axes:
    """Show the paired differences from the baseline as a forest plot, with the verdicts.

    Parameters
    ----------
    study : Comparison
        What :func:`tv2sim.compare` returned, with at least one strategy besides the baseline.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.
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
    ax, places, dense = laid_out(ax, data, shown, pitch=0.24)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    for (cell, *_), y in places:
        verdict, interval = compared[cell].verdict, compared[cell].interval
        colour, marker = _VERDICTS[verdict]
        point(
            ax,
            metric,
            interval,
            y,
            colour,
            marker,
            size=9,
            hollow=verdict in (Verdict.UNDECIDED, Verdict.SMALL),
        )
        text = (", " if dense else "\n").join([verdict, estimate(metric, interval, difference=True)])
        style.remark(ax, y, text, colour=colour)
    ax.margins(x=0.08)
    below = f"Paired, {data.size}, {data.interval}s; verdicts adjusted after Holm"
    title = f"Difference from the baseline, strategy {style.fold(study.baseline, 24, 1)}"
    style.titles(ax, title, below, x=f"difference in {axis(metric, difference=True)}")
    return ax
