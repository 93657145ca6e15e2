"""Whether measured times have a distribution: their quantiles against its own."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tv2sim.base.digits import p_equals
from tv2sim.base.errors import InputError
from tv2sim.plots import style
from tv2sim.world.fitting import Fit

__all__ = ["qq"]

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
        As for all of :mod:`tv2sim.plots`.
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
    if not isinstance(fit, Fit):
        raise InputError(f"a Q-Q chart needs what fit gave, not {fit!r}")
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
    style.grid(ax)
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
