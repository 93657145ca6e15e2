"""Intervals and paired differences over replications.

Replications are independent of each other, so their means have t intervals. The videos of one replication are
not, so no function here pools videos. SciPy is imported when a quantile is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.errors import InputError
from tv2sim.fields import Fields
from tv2sim.validation import a_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Difference", "Interval", "Precision", "Stopped", "as_confidence", "clopper_pearson", "holm",
    "mean_interval", "paired_difference", "wilson",
]  # fmt: skip


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    mean: float
    half_width: float
    ci_low: float
    ci_high: float


class Difference(NamedTuple):
    """A paired difference between two strategies, and how much the pairing reduced its variance."""

    mean: float
    half_width: float
    ci_low: float
    ci_high: float
    p_value: float
    variance_ratio: float
    """Variance of the difference of two unpaired means over that of the paired one; 1 is no gain."""


def as_confidence(confidence: object) -> float:
    """Return a valid confidence level.

    Raises
    ------
    InputError
        If it does not lie strictly between 0 and 1.
    """
    value = a_number("confidence", confidence, above=0, at_most=1)
    if value == 1:
        raise InputError(f"confidence must be less than 1, not {confidence!r}")
    return value


def mean_interval(
    values: NDArray[np.float64], confidence: float = 0.95, *, low: float = -inf, high: float = inf
) -> Interval:
    """Return the mean of independent values with its Student t interval.

    Where all values are the same, a t interval would have no width, as if no other value could occur. If the
    values are known to lie between `low` and `high`, the interval is that of the Clopper-Pearson bound on the
    share of replications with another value: if none of n replications has one, that share is at most
    1 - (alpha/2)**(1/n).

    Parameters
    ----------
    values : numpy.ndarray
        One per replication; those that are NaN are left out.
    confidence : float
        Between 0 and 1.
    low, high : float
        The bounds of the values, if they have any.

    Examples
    --------
    >>> mean_interval(np.array([1.0, 2.0, 3.0])).half_width.__round__(3)
    2.484
    >>> mean_interval(np.ones(1000), low=0, high=1).ci_low.__round__(4)
    0.9963
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    n = len(values)
    if n == 0:
        return Interval(nan, nan, nan, nan)
    mean = float(values.mean())
    if n > 1 and np.ptp(values) > 0:
        from scipy.special import stdtrit

        half_width = float(stdtrit(n - 1, (1 + confidence) / 2)) * float(values.std(ddof=1)) / sqrt(n)
        return Interval(mean, half_width, max(mean - half_width, low), min(mean + half_width, high))
    mean = float(values[0])
    if low == -inf or high == inf:
        return Interval(mean, 0.0, mean, mean) if n > 1 else Interval(mean, nan, nan, nan)
    different = clopper_pearson(0, n, confidence).ci_high
    ci_low, ci_high = mean - different * (mean - low), mean + different * (high - mean)
    return Interval(mean, max(mean - ci_low, ci_high - mean), ci_low, ci_high)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with its Wilson score interval (Wilson 1927), which stays within 0 and 1.

    `mean` is the share itself; the interval is not symmetric about it, and `half_width` is half its length.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(90, 100)[2:]]
    [0.8256, 0.9448]
    """
    from scipy.special import ndtri

    if n == 0:
        return Interval(nan, nan, nan, nan)
    z = float(ndtri((1 + confidence) / 2))
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (0.0 if successes == 0 else middle - reach), (1.0 if successes == n else middle + reach)
    return Interval(share, (high - low) / 2, low, high)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with its exact interval (Clopper and Pearson 1934), whose coverage is never too low.

    Examples
    --------
    >>> round(clopper_pearson(0, 1000).ci_high, 5)
    0.00368
    """
    from scipy.special import betaincinv

    if n == 0:
        return Interval(nan, nan, nan, nan)
    alpha = 1 - confidence
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, alpha / 2))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - alpha / 2))
    return Interval(successes / n, (high - low) / 2, low, high)


def paired_difference(
    values: NDArray[np.float64], baseline: NDArray[np.float64], confidence: float = 0.95
) -> Difference:
    """Return the mean of values - baseline, replication by replication, with its t interval and p-value.

    Where every replication has the same difference, its variance is 0 and there is no t test: the p-value is
    then that of the sign test, 2**(1 - n), or 1 where the difference is 0. Pairs of which one value is NaN are
    left out. Differences that are the same when rounded to 1e-9 are taken as the same: a subtraction of
    seconds is not exact, though the times are.

    Examples
    --------
    >>> difference = paired_difference(np.array([3.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(difference.mean, 3), round(difference.p_value, 3), round(difference.variance_ratio, 3)
    (2.333, 0.02, 10.0)
    """
    values, baseline = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    both = ~np.isnan(values - baseline)
    values, baseline = values[both], baseline[both]
    difference = values - baseline
    if len(difference) and np.ptp(rounded := difference.round(9)) == 0:
        difference = rounded
    interval = mean_interval(difference, confidence)
    if len(difference) < 2:
        return Difference(*interval, p_value=nan, variance_ratio=nan)
    paired = _variance(difference)
    unpaired = _variance(values) + _variance(baseline)
    ratio = unpaired / paired if paired > 0 else inf if unpaired > 0 else nan
    return Difference(*interval, _p_value(len(difference), interval.mean, paired), ratio)


def _variance(values: NDArray[np.float64]) -> float:
    """Return the sample variance; exactly 0 where all values are the same, whatever the rounding."""
    return float(values.var(ddof=1)) if np.ptp(values) > 0 else 0.0


def _p_value(n: int, mean: float, variance: float) -> float:
    from scipy.special import stdtr

    if variance == 0:
        return 1.0 if mean == 0 else 2.0 ** (1 - n)
    return float(2 * stdtr(n - 1, -abs(mean) / sqrt(variance / n)))


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values for their number (Holm 1979); those that are NaN stay so and do not count.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p_values), nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0) if len(order) else 0.0
    return adjusted


@dataclass(frozen=True)
class Precision(Fields):
    """The precision to reach for a mean: the half width of its interval, absolute or relative to the mean.

    Parameters
    ----------
    metric : str
        The name of the metric, such as ``"published"``.
    absolute : float, optional
        The half width, in the metric's unit.
    relative : float, optional
        The half width as a share of the mean.
    confidence : float
        The confidence level of the interval.

    Raises
    ------
    InputError
        Unless exactly one of `absolute` and `relative` is given.

    Examples
    --------
    >>> Precision("published", absolute=0.1).is_met(Interval(152.3, 0.08, 152.22, 152.38))
    True
    """

    metric: str
    absolute: float | None = None
    relative: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if (self.absolute is None) == (self.relative is None):
            raise InputError(
                f"a precision is absolute or relative, one of both, not absolute={self.absolute!r} and "
                f"relative={self.relative!r}"
            )
        name, value = ("absolute", self.absolute) if self.relative is None else ("relative", self.relative)
        a_number(f"precision's {name} half width", value, above=0)
        as_confidence(self.confidence)

    def target(self, mean: float) -> float:
        """Return the half width to reach, given the mean."""
        return self.absolute if self.absolute is not None else (self.relative or 0.0) * abs(mean)

    def is_met(self, interval: Interval) -> bool:
        """Return whether an interval is narrow enough."""
        return interval.half_width <= self.target(interval.mean)


@dataclass(frozen=True)
class Stopped:
    """Why a study with a precision ended; ``str()`` is a sentence.

    Attributes
    ----------
    precision : Precision
        The precision that was asked for.
    interval : Interval
        The interval of the mean that is furthest from it.
    replications : int
        The number of replications that were made.

    Examples
    --------
    >>> print(Stopped(Precision("published", absolute=0.1), Interval(152.3, 0.08, 152.22, 152.38), 900))
    the precision was met after 900 replications: published 152.3 ± 0.08, asked for ± 0.1
    """

    precision: Precision
    interval: Interval
    replications: int

    @property
    def met(self) -> bool:
        """Whether the precision was met; else the replications were used up."""
        return self.precision.is_met(self.interval)

    def __str__(self) -> str:
        return (
            f"{'the precision was met' if self.met else 'the budget ended'} after {self.replications} "
            f"replications: {self.precision.metric} {self.interval.mean:.6g} ± {self.interval.half_width:.2g}, "
            f"asked for ± {self.precision.target(self.interval.mean):.2g}"
        )
