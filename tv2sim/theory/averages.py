"""Means over a distribution, from its quantile function alone."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.world.distributions import EXTREMES, Empirical

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.world.distributions import Distribution

__all__ = ["mean_of_least", "mean_over", "squared_variation"]

_NODES = 16
_HALVINGS = 50
"""Pieces become half as long towards 0 and 1, where quantile functions may rise without limit."""
_BETWEEN = 64
"""Pieces of the same length from 1/4 to 3/4."""


def mean_over(
    distribution: Distribution,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    share: float = 1.0,
) -> float:
    """Return the integral of function(quantile(u)) for u from 0 to `share`.

    For 1, all times, it is the mean of the function. Gauss and Legendre's rule is applied to pieces, so that it
    holds to about 12 digits where the quantile function is smooth, and to about 6 where it has corners.
    Measured times are summed up.
    """
    if isinstance(distribution, Empirical):
        samples = np.array(distribution.samples)
        weights = np.diff(np.minimum(np.arange(len(samples) + 1) / len(samples), share))
        return float(weights @ function(samples))
    u, weights = _rule()
    return share * float(weights @ function(distribution.quantile(share * u)))


def mean_of_least(distribution: Distribution, time: float) -> float:
    """Return the mean of the lesser of a time that is drawn and this one: the integral of 1 - F up to it."""
    reached = distribution.cdf(time)
    return mean_over(distribution, lambda times: times, reached) + max(0.0, time) * (1 - reached)


def squared_variation(distribution: Distribution) -> float:
    """Return the squared coefficient of variation: the variance in squares of the mean."""
    mean = distribution.mean
    return mean_over(distribution, lambda times: (times / mean - 1) ** 2) if mean else 0.0


@cache
def _rule() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the numbers between 0 and 1 at which a function is taken, and their weights."""
    towards_0 = 2.0 ** -np.arange(_HALVINGS, 1, -1)
    ends = np.concatenate(
        [[0], towards_0, np.linspace(0.25, 0.75, _BETWEEN + 1)[1:-1], 1 - towards_0[::-1], [1]]
    )
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    lengths = np.diff(ends)[:, np.newaxis]
    u = ends[:-1, np.newaxis] + lengths * (nodes + 1) / 2
    return np.minimum(u.ravel(), EXTREMES[1]), (lengths * weights / 2).ravel()
