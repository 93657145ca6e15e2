"""Paired differences from the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.errors import InputError
from tv2sim.experiment import Comparison
from tv2sim.plots import style
from tv2sim.plots.rows import point, rows
from tv2sim.plots.study import metric_named, study_of
from tv2sim.statistics import Interval
from tv2sim.validation import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["differences"]

_VERDICTS = {
    "better": (style.BLUE, "^"),
    "worse": (style.VERMILLION, "v"),
    "no difference shown": (style.GREY, "o"),
    "higher": (style.BLACK, ">"),
    "lower": (style.BLACK, "<"),
}
"""Colour and marker of each."""


def differences(study: Comparison, ax: Axes | None = None, *, metric: str = "on_time_rate") -> Axes:
    """Show the paired differences from the baseline as a forest plot, with the verdicts.

    Parameters
    ----------
    study : Comparison
        What :func:`tv2sim.compare` returned, with a strategy beside the baseline.
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
    written, data = metric_named(metric), study_of(study)
    shown = [shown for shown in data.shown if shown.cell.strategy != study.baseline]
    if not shown:
        raise InputError(
            f"the study has only its baseline, {study.baseline!r}: there is nothing to compare it with"
        )
    frame = study.differences[study.differences["metric"] == metric]
    ax, table = rows(ax, data, shown, pitch=0.24)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    written = written._replace(unit="percentage points" if written.unit == "%" else written.unit)
    intervals = frame[list(Interval._fields)].to_numpy(dtype=np.float64)
    for (_, y), verdict, numbers in zip(table.rows, frame["verdict"], intervals, strict=True):
        colour, marker = _VERDICTS[verdict]
        interval = Interval(*numbers.tolist())
        hollow = verdict == "no difference shown"
        point(ax, interval, y, colour, marker, scale=written.scale, size=9, hollow=hollow)
        number = written.write(interval)
        sign = "+" if interval.mean > 0 and float(number.split()[0]) > 0 else ""
        table.remark(ax, y, f"{verdict}\n{sign}{number}".replace("-", "−"), colour)
    ax.margins(x=0.08)
    style.few_ticks(ax)
    below = f"Paired, {data.size}, {data.interval}s; verdicts adjusted after Holm"
    name = style.fold(study.baseline, 24, 1)
    words = written.words.replace("published in time", "videos published in time")
    x = f"difference in {words} ({written.unit})".replace(" (videos)", "")
    style.titles(ax, f"Difference from the baseline, strategy {name}", below, x=x)
    return ax
