"""How a mean settles as replications are added."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from tv2sim.base.checks import one_of
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.plots import style
from tv2sim.plots.study import study_of
from tv2sim.results.figures import axis, estimate, scaled
from tv2sim.results.metrics import METRICS, ON_TIME_RATE

__all__ = ["convergence"]

_POINTS = 150
"""Numbers of replications at which a mean is drawn; evenly spaced on the logarithmic axis."""
_MOST_BANDS = 12
"""The most cells whose intervals are drawn as bands; more would hide each other."""


def convergence(
    study_or_reps: Comparison | Replications, ax: Axes | None = None, *, metric: str = ON_TIME_RATE
) -> Axes:
    """Show the running mean of a metric, with its interval, against the number of replications.

    Parameters
    ----------
    study_or_reps : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned, with at least 2 replications.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.
    metric : str
        The name of the metric to show.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If there is no such metric, or fewer than 2 replications.

    Examples
    --------
    >>> import tv2sim as tv
    >>> reps = tv.replicate(tv.generate_catalogue(), "2c", replications=20)
    >>> tv.plots.convergence(reps, metric="published").get_ylabel()
    'published in time (videos)'
    """
    one_of("metric", metric, METRICS)
    data = study_of(study_or_reps, least=2)
    shown = data.shown
    names = [style.fold(name, 34, 1) for name in data.strategies]
    if len(data.groups) == 1:
        final = [estimate(metric, one.interval(metric)) for one in shown]
        names = [f"{name}: {text}" for name, text in zip(names, final, strict=True)]
    ax = style.axes(ax, style.room_for(names))
    style.grid(ax)
    looks = enumerate(data.strategies.items())
    hows = {name: style.line(look, number, len(names)) for number, (name, look) in looks}
    for one in shown:
        first = 10 if len(one.reps) >= 20 else 2  # the interval of very few would dwarf all others
        counts = np.unique(np.geomspace(first, len(one.reps), _POINTS).astype(np.int64))
        band = np.array([scaled(metric, one.interval(metric, first=n))[:4] for n in counts])
        if len(shown) <= _MOST_BANDS:
            ax.fill_between(counts, band[:, 2], band[:, 3], color=one.look.colour, alpha=0.2, linewidth=0)
        ax.plot(counts, band[:, 0], **hows[one.cell.strategy])
    _logarithmic(ax, max(len(one.reps) for one in shown))
    style.legend(ax, [Line2D([], [], **how) for how in hows.values()], names)
    below = f"Mean of the first n replications, band: its {data.interval}; below: all"
    if len(data.groups) > 1:
        below = f"Mean of the first n replications in each of {len(data.groups)} scenarios"
    title = f"{METRICS[metric].label.capitalize()}: how the mean settles"
    style.titles(ax, title, below, x="replications n (logarithmic)", y=axis(metric))
    return ax


def _logarithmic(ax: Axes, most: int) -> None:
    """Make the horizontal axis logarithmic, with ticks at 2, 5, 10, ... and at the last number."""
    ax.set_xscale("log")
    first = 10 if most >= 20 else 2
    ticks = [m * 10**k for k in range(8) for m in (1, 2, 5) if first <= m * 10**k <= most * 0.5]
    ax.set_xticks([*ticks, most])
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", which="minor", length=0)
    ax.set_xlim(first if most > first else 1.5, most * 1.02)
