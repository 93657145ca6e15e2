"""The share of videos published in time, with its interval."""

from __future__ import annotations

from matplotlib.axes import Axes

from tv2sim.experiment import Comparison, Replications
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.numbers import axis, estimate
from tv2sim.plots import style
from tv2sim.plots.rows import laid_out, point
from tv2sim.plots.study import study_of


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
    ax, places, _ = laid_out(ax, data, data.shown, pitch=0.24)
    for shown, y in places:
        interval = shown.interval(ON_TIME_RATE)
        point(ax, ON_TIME_RATE, interval, y, shown.look.colour, shown.look.marker)
        style.remark(ax, y, estimate(ON_TIME_RATE, interval))
    ax.margins(x=0.06)
    style.span(ax, x=1)
    below = f"Mean of {data.size} with {data.interval}"
    style.titles(ax, "Share of videos published in time", below, x=axis(ON_TIME_RATE))
    return ax
