"""Charts of what was measured against a model: quantiles of times, and observed runs among simulated ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tv2sim.base.checks import plural
from tv2sim.base.digits import p_equals, rate
from tv2sim.base.errors import InputError
from tv2sim.experiments.validate import Agreement, Runs, Validation
from tv2sim.plots import style
from tv2sim.plots.row_charts import edges_of
from tv2sim.plots.study import checked
from tv2sim.results.metrics import METRICS
from tv2sim.world.fitting import Fit

# -- measured times against a fitted distribution ----------------------------------------------------------


_BAND = (0.025, 0.975)


def qq(fit: Fit, ax: Axes | None = None, *, family: str | None = None) -> Axes:
    """Show measured times against the quantiles of a distribution fitted to them (Q-Q chart).

    On the line they agree. If the times had this distribution, each point would be in the band with a
    probability of 95 %.

    Parameters
    ----------
    fit : Fit
        What :func:`tv2sim.fit` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
    family : str, optional
        The candidate, such as "gamma"; default is the best one, or if none fits, the one with the lowest AIC.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `fit` is not a fit, or has no such candidate.

    Examples
    --------
    >>> import tv2sim as tv
    >>> measured = tv.Gamma(2, 2).quantile((np.arange(50) + 0.5) / 50)
    >>> ax = tv.plots.qq(tv.fit(measured), family="gamma")
    >>> ax.get_ylabel()
    'measured time (s)'
    """
    fit = checked(fit, Fit, "a Q-Q chart", "fit")
    candidates = {one.family: one for one in fit.families}
    known = ", ".join(candidates)
    if not candidates:
        raise InputError(f"a Q-Q chart needs a candidate, and this fit has none: {fit}")
    if family not in (None, *candidates):
        raise InputError(f"family must be one of {known}, not {family!r}")
    one = candidates[family] if family else fit.chosen or fit.families[0]
    measured, share = fit.sample.points()
    count = len(fit.sample)

    ax = style.axes(ax)
    expected = one.distribution.quantile(share)
    low, high = (one.distribution.quantile(_at(bound, share, count)) for bound in _BAND)
    ax.fill_between(expected, low, high, color=style.SKY, alpha=0.3, linewidth=0)
    ends = [min(expected[0], measured[0]), max(expected[-1], measured[-1])]
    ax.plot(ends, ends, color=style.INK, linewidth=1.2)
    ax.plot(expected, measured, "o", color=style.BLUE, markersize=4, alpha=0.7, markeredgewidth=0)
    ax.margins(0.04)
    verdict = "fits" if one.fits else "does not fit"
    below = f"{one} {verdict} {fit.sample} ({p_equals(one.p_value)}); band: 95 % of such samples, at each point"
    x = f"quantile of {one} (s)"
    style.titles(ax, "Measured times and a fitted distribution", below, x=x, y="measured time (s)")
    return ax


def _at(bound: float, share: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the quantile of the share that lies below the order statistic of this mean share."""
    from scipy.special import betaincinv

    return np.asarray(betaincinv(count * share + 0.5, count * (1 - share) + 0.5, bound))


# -- observed runs among simulated ones --------------------------------------------------------------------


_LEAST, _MOST = 3.5, 6.0
"""Standard deviations on each side of the mean that are shown: at least and at most so many."""
_HEIGHT = 0.55
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
    reach = min(max(_LEAST, farthest), _MOST)
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
    heights = y + _HEIGHT * np.column_stack([counts / counts.max(), 0 * counts]).ravel()[:-1]
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
