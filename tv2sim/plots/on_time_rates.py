"""The share of videos published in time, with its interval."""

from __future__ import annotations

from matplotlib.axes import Axes

from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.plots import style
from tv2sim.plots.points import ends, scale_of_late_videos
from tv2sim.plots.rows import laid_out, point
from tv2sim.plots.study import is_rarely_late, late, study_of
from tv2sim.results.figures import axis, estimate
from tv2sim.results.metrics import ON_TIME_RATE


def on_time_rates(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show the share of videos published in time, with its interval, of every strategy and scenario.

    Where at least two strategies, or the only one, publish 99 % in time, it is the share of late videos, on a
    logarithmic scale. A share too small for the scale is a hollow triangle at the left edge.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

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
    ax, places, _ = laid_out(ax, data, data.shown, pitch=0.24)
    title, x, below = "Share of videos published in time", axis(ON_TIME_RATE), ""
    intervals = [shown.interval(ON_TIME_RATE) for shown, _ in places]
    if rare:
        title, x, below = "Share of videos that are late", "late videos (%)", ", on a logarithmic scale"
        intervals = list(map(late, intervals))
        scale_of_late_videos(ax, (ends(ON_TIME_RATE, one) for one in intervals), "x")
    for (shown, y), interval in zip(places, intervals, strict=True):
        point(ax, ON_TIME_RATE, interval, y, shown.look.colour, shown.look.marker)
        style.remark(ax, y, estimate(ON_TIME_RATE, interval))
    if not rare:
        ax.margins(x=0.06)
        style.span(ax, x=1)
    style.titles(ax, title, f"Mean of {data.size} with {data.interval}{below}", x=x)
    return ax
