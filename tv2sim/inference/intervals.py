"""Intervals and paired differences over replications.

Replications are independent of each other; the videos of one replication are not, so no function here takes
videos for samples. SciPy is imported when a quantile is needed.

References
----------
Clopper and Pearson (1934), Biometrika 26; Fisher (1935), The Design of Experiments, ch. III; McNemar (1947),
Psychometrika 12; Wilson (1927), JASA 22; Woodruff (1952), JASA 47; Cochran (1977), Sampling Techniques, 3rd
ed.; Holm (1979), Scand. J. Statist. 6; Francisco and Fuller (1991), Ann. Statist. 19; Hall (1992), JRSS B 54;
Fay and Feuer (1997), Statist. Med. 16; White (1997), Simulation 69; Korn and Graubard (1998), Survey
Methodology 24; White, Cobb and Spratt (2000), Winter Simulation Conference; Zou and Donner (2008), Statist.
Med. 27.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cbrt, ceil, hypot, inf, isnan, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_number, a_share, shown
from tv2sim.base.errors import InputError
from tv2sim.base.fields import Fields


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    mean: float
    half_width: float
    """The larger distance from the mean to an end; NaN where there is no interval."""
    ci_low: float
    ci_high: float
    n: int | None = None
    """The number of replications that the estimate rests on; None if it is not known."""
    differing: int | None = None
    """The number of replications that differ from the commonest value; None if it is not known."""
    missing: int = 0
    """The number of replications without a value, such as an elapsed time where nothing was published."""
    between: tuple[float, float] | None = None
    """The smallest and the largest value of a replication, where these hardly differ: there is no interval."""

    @property
    def is_exact(self) -> bool:
        """Whether the value is known, not estimated: it cannot vary."""
        return self.half_width == 0


class Difference(NamedTuple):
    """A paired difference between two strategies, and how much the pairing reduced its variance."""

    mean: float
    half_width: float
    ci_low: float
    ci_high: float
    p_value: float
    variance_ratio: float
    """Variance of the difference of unpaired means, divided by the variance of the paired difference; 1 is no
    gain."""
    n: int
    differing: int
    """The number of replications that differ from the commonest difference."""
    between: tuple[float, float] | None = None
    """The smallest and the largest difference, where there is no interval."""

    @property
    def interval(self) -> Interval:
        """The mean with its interval."""
        return Interval(*self[:4], self.n, self.differing, between=self.between)


def as_confidence(confidence: object) -> float:
    """Return a valid confidence level.

    Raises
    ------
    InputError
        If it does not lie strictly between 0 and 1.
    """
    value = a_share("confidence", confidence, above=0)
    if value == 1:
        raise InputError(f"confidence must be less than 1, not {confidence!r}")
    return value


def exactly(value: float, n: int) -> Interval:
    """Return the interval of width 0 of a value that is known, since no replication can differ."""
    return Interval(value, 0.0, value, value, n, 0)


def mean_interval(
    values: NDArray[np.float64],
    confidence: float = 0.95,
    *,
    low: float = -inf,
    high: float = inf,
    step: float | None = None,
    far_out: bool = False,
) -> Interval:
    """Return the mean of independent values with its confidence interval.

    The method follows from the values; ``docs/intervals.md`` has its measured coverage.

    * Student's t, if there are more than 25 g² values, g being their skewness (Cochran 1977, p. 42), or fewer
      than 10. Else Hall's transformation of t, which corrects for skewness (Hall 1992).
    * Where values have a least step, and fewer than 50 of them and at most a third differ from the commonest
      one: an exact interval for the number of those that differ (:func:`rare_interval`).
    * No interval (NaN) where values have no least step and too few of them differ to show how large differences
      are: fewer than 10, and at most 40 %. Nor where values are infinite.

    Parameters
    ----------
    values : numpy.ndarray
        One per replication; those that are NaN are left out.
    confidence : float
        Between 0 and 1.
    low, high : float
        The bounds of the values, if they have any.
    step : float, optional
        The least amount by which values differ, such as 1 for counts. If it is None, or there are fewer than 10
        values, and none differs, the range between the bounds is taken.
    far_out : bool
        Whether Hall's interval is used instead of Student's for any number of values. At a very high
        confidence, as for many simultaneous intervals, a little skewness matters.

    Examples
    --------
    >>> mean_interval(np.array([1.0, 2.0, 3.0])).half_width.__round__(3)
    2.484
    >>> mean_interval(np.zeros(1000), low=0, high=154, step=1).ci_high.__round__(4)
    0.0037
    """
    values = np.asarray(values, dtype=np.float64)
    missing = int(np.count_nonzero(np.isnan(values)))
    values = values[~np.isnan(values)] if missing else values
    n = len(values)
    if n < 2:
        return Interval(float(values[0]) if n else nan, nan, nan, nan, n, 0, missing)
    usual = _usual(values)
    differing = int(np.count_nonzero(values != usual))
    if np.isinf(values).any():  # infinitely late videos: a mean of infinite values has no interval
        with np.errstate(invalid="ignore"):  # the mean of both infinities is NaN
            mean = float(values.mean())
        return _without_interval(values, mean, differing, missing)
    mean = float(values.mean()) if differing else usual
    if not differing and (step is None or n < _FEW):  # so few may agree by chance, however large the steps are
        step = high - low
    if step is not None and step < inf and _is_rare(differing, n):
        possible = (usual - low > _TINY * step, high - usual > _TINY * step)
        ends = tuple(usual + end for end in rare_interval(values - usual, confidence, step, possible))
    elif step in (None, inf) and differing < _FEW and differing <= 0.4 * n:
        return _without_interval(values, mean, differing, missing)
    else:
        skew = _skew_term(values, mean, always=far_out)
        ends = _bent(n, mean, _standard_error(values), skew, confidence)
    ci_low, ci_high = max(ends[0], low), min(ends[1], high)
    return Interval(mean, max(mean - ci_low, ci_high - mean), ci_low, ci_high, n, differing, missing)


def _without_interval(values: NDArray[np.float64], mean: float, differing: int, missing: int = 0) -> Interval:
    """Return a mean without an interval, with the smallest and the largest value."""
    ends = float(values.min()), float(values.max())
    return Interval(mean, nan, nan, nan, len(values), differing, missing, ends)


_FEW = 10
"""The least number of values that show how large differences are, or that there are none."""
_RARE = 50
"""The least number of replications that differ with which a t interval holds."""
_TINY = 1e-9
"""The largest relative difference that counts as rounding."""


def _usual(values: NDArray[np.float64]) -> float:
    """Return the upper median, which is the commonest value if more than half of the values are equal."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def _is_rare(differing: int, n: int) -> bool:
    return differing < _RARE and 3 * differing <= n


def _bent(n: int, mean: float, error: float, a: float, confidence: float) -> tuple[float, float]:
    """Return the ends of the t interval of a mean, or of Hall's interval if there is a skew term."""
    from scipy.special import stdtrit

    t = float(stdtrit(n - 1, (1 + confidence) / 2))
    if not a:
        return mean - t * error, mean + t * error

    def unbent(end: float) -> float:
        """Return 3 / a (cbrt(1 + a y) - 1), which would be 0 for a tiny a, in another form."""
        y = end - a / 6
        root = cbrt(1 + a * y)
        return 3 * y / (root**2 + root + 1)

    return mean - error * unbent(t), mean - error * unbent(-t)


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) / sqrt(len(values))


def _skew_term(values: NDArray[np.float64], mean: float, *, always: bool = False) -> float:
    """Return the skewness divided by the root of n, for Hall's transformation; 0 for Student's t."""
    n, deviations = len(values), values - mean
    square = float(np.mean(deviations**2))
    if n < _FEW or square == 0:
        return 0.0
    skewness = float(np.mean(deviations**3)) / square**1.5
    return skewness / sqrt(n) if always or n <= 25 * skewness**2 else 0.0


def mean_of_sum(
    values: NDArray[np.float64],
    counts: NDArray[np.float64],
    size: float,
    confidence: float = 0.95,
    *,
    low: float = -inf,
    high: float = inf,
    shift: float = 0.0,
    error: float = 0.0,
) -> Interval:
    """Return the mean of values + size * counts, such as the cost of publishers and of failures.

    Where failures are rare and dear, most of the cost may be in replications that were not seen. So values and
    counts have their own intervals: Student's or Hall's for the values, and that of :func:`mean_interval` for
    the counts. The two are combined as by Zou and Donner (2008), with their correlation. If both are Student's,
    the result is the t interval of the sums.

    Parameters
    ----------
    values, counts : numpy.ndarray
        One per replication.
    size : float
        The value of one count.
    confidence : float
        Between 0 and 1.
    low, high : float
        The bounds of a count, if it has any.
    shift, error : float
        A part of the mean that is known, to be added, and by how much it may be off.

    Examples
    --------
    Of 1,000 replications none had a failure, so the mean number of failures may be up to .0037:

    >>> found = mean_of_sum(np.arange(1000.0), np.zeros(1000), 5000, low=0, high=154)
    >>> [round(end, 1) for end in (found.ci_low, found.mean, found.ci_high)]
    [481.6, 499.5, 525.2]
    """
    return _moved(_of_sum(values, counts, size, (low, high))(confidence), shift, error)


def _of_sum(
    values: NDArray[np.float64],
    counts: NDArray[np.float64],
    size: float,
    bounds: tuple[float, float] = (-inf, inf),
) -> Callable[[float], Interval]:
    """Return the function that gives :func:`mean_of_sum` for a confidence; all else is computed once."""
    n = len(values)
    if n < 2:
        alone = Interval(float(values[0] + size * counts[0]) if n else nan, nan, nan, nan, n, 0)
        return lambda confidence: alone
    mean, rest = float((values + size * counts).mean()), float(values.mean())
    vary = np.ptp(values) > 0
    error, skew = (_standard_error(values), _skew_term(values, rest)) if vary else (0.0, 0.0)
    correlation = float(np.corrcoef(values, counts)[0, 1]) if vary and np.ptp(counts) > 0 else 0.0
    differing = int(np.count_nonzero((values != _usual(values)) | (counts != _usual(counts))))

    def reach(one: float, other: float) -> float:
        """Return the distance from the mean to an end, given the distances of the two parts."""
        return sqrt(max(0.0, one**2 + other**2 + 2 * correlation * one * other))

    def found(confidence: float) -> Interval:
        events = mean_interval(counts, confidence, low=bounds[0], high=bounds[1], step=1.0)
        if isnan(events.half_width):
            return _without_interval(values + size * counts, mean, events.differing or 0)
        low, high = _bent(n, rest, error, skew, confidence)
        below = reach(rest - low, size * (events.mean - events.ci_low))
        above = reach(high - rest, size * (events.ci_high - events.mean))
        return Interval(mean, max(below, above), mean - below, mean + above, n, differing)

    return found


def rare_interval(
    deviations: NDArray[np.float64], confidence: float, step: float, possible: tuple[bool, bool] = (True, True)
) -> tuple[float, float]:
    """Return the ends of an interval for the mean of deviations, most of which are 0.

    The deviations above 0 and those below are two kinds of events. The mean of each kind has the interval of
    Clopper and Pearson for the number of events, times their size. Where sizes differ, the number is taken to
    be (sum of sizes)² / sum of squares. The upper end counts one more event, of mean size (Fay and Feuer 1997).
    Without any event, this one more has the least size. The two intervals are combined as by Zou and Donner
    (2008).

    Parameters
    ----------
    deviations : numpy.ndarray
        One per replication.
    step : float
        The least size of an event.
    possible : tuple of bool
        Whether there can be events below and above 0.

    Examples
    --------
    >>> [round(end, 5) for end in rare_interval(np.array([0.0] * 999 + [1.0]), 0.95, 1.0, (False, True))]
    [3e-05, 0.00556]
    """
    below, above = (
        _of_events(sizes, confidence, step) if there else (0.0, 0.0, 0.0)
        for sizes, there in zip((-deviations, deviations), possible, strict=True)
    )
    mean = above[0] - below[0]
    return (
        mean - hypot(above[0] - above[1], below[2] - below[0]),
        mean + hypot(above[2] - above[0], below[0] - below[1]),
    )


def _of_events(sizes: NDArray[np.float64], confidence: float, step: float) -> tuple[float, float, float]:
    """Return mean, lower and upper end for events of one kind; only sizes above 0 are events."""
    from scipy.special import betaincinv

    n, happened, alpha = len(sizes), sizes[sizes > 0], 1 - confidence
    total, squares, lower = float(happened.sum()), float((happened**2).sum()), 0.0
    if total:
        effective = total**2 / squares
        lower = squares / total * float(betaincinv(effective, n - effective + 1, alpha / 2))
    one_more = total / len(happened) if total else step
    total_above, squares_above = total + one_more, squares + one_more**2
    effective = total_above**2 / squares_above
    upper = squares_above / total_above * float(betaincinv(effective, n - effective + 1, 1 - alpha / 2))
    return total / n, lower, upper


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with its Wilson score interval (Wilson 1927), which stays within 0 and 1.

    `mean` is the share itself; the interval is not symmetric about it.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(90, 100)[2:4]]
    [0.8256, 0.9448]
    """
    from scipy.special import ndtri

    if n == 0:
        return Interval(nan, nan, nan, nan, 0, 0)
    z = float(ndtri((1 + confidence) / 2))
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (0.0 if successes == 0 else middle - reach), (1.0 if successes == n else middle + reach)
    return _of_share(successes, n, low, high)


def _of_share(successes: int, n: int, low: float, high: float) -> Interval:
    share = successes / n
    return Interval(share, max(share - low, high - share), low, high, n, min(successes, n - successes))


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with its exact interval (Clopper and Pearson 1934), whose coverage is never too low.

    Examples
    --------
    >>> round(clopper_pearson(0, 1000).ci_high, 5)
    0.00368
    """
    from scipy.special import betaincinv

    if n == 0:
        return Interval(nan, nan, nan, nan, 0, 0)
    alpha = 1 - confidence
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, alpha / 2))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - alpha / 2))
    return _of_share(successes, n, low, high)


def share_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with the interval of Clopper and Pearson, or Wilson's where both outcomes occur 50 times.

    With fewer, the coverage of Wilson's interval falls to .84.

    Examples
    --------
    >>> [round(end, 4) for end in share_interval(1, 1000)[2:4]]
    [0.0, 0.0056]
    """
    rare = min(successes, n - successes) < _RARE
    return (clopper_pearson if rare else wilson)(successes, n, confidence)


def paired_difference(
    values: NDArray[np.float64],
    baseline: NDArray[np.float64],
    confidence: float = 0.95,
    *,
    step: float | None = None,
    shift: float = 0.0,
    error: float = 0.0,
) -> Difference:
    """Return the mean of values - baseline, replication by replication, with its interval and p-value.

    The interval is that of :func:`mean_interval`. The p-value follows from the same method, with two
    exceptions, both exact: where all differences that are not 0 have the same size, as those of yes and no, it
    is that of McNemar (1947); where few replications differ, that of all assignments of signs to the
    differences (Fisher 1935). Pairs are left out if one value is NaN or both are infinite. Differences that are
    equal when rounded to 1e-9 count as equal, since the subtraction of seconds is not exact.

    Parameters
    ----------
    values, baseline : numpy.ndarray
        One per replication.
    confidence : float
        Between 0 and 1.
    step : float, optional
        The least amount by which values differ, such as 1 for counts.
    shift, error : float
        A part of the mean difference that is known, to be added, and by how much it may be off. With
        such a part, the p-value is always that of the interval's method.

    Examples
    --------
    >>> difference = paired_difference(np.array([3.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(difference.mean, 3), round(difference.p_value, 3), round(difference.variance_ratio, 3)
    (2.333, 0.02, 10.0)
    """
    values, baseline = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # the difference of two infinite values is NaN, too
        both = ~np.isnan(values - baseline)
    values, baseline = values[both], baseline[both]
    difference = values - baseline
    rounded = np.rint(difference / step) * step + 0.0 if step else difference.round(9)
    some = rounded[:_RARE]
    if step or len(np.unique(some)) < len(some):  # where values recur, it matters which are the same
        difference = rounded

    def found(confidence: float) -> Interval:
        return _moved(mean_interval(difference, confidence, step=step), shift, error)

    interval = found(confidence)
    if len(difference) < 2 or np.isinf(difference).any():
        return _as_difference(interval, nan, nan, len(difference))
    paired = _variance(difference)
    unpaired = _variance(values) + _variance(baseline)
    ratio = unpaired / paired if paired > 0 else inf if unpaired > 0 else nan
    p_value = _p_of(found) if shift or error else _p_value(difference, interval)
    return _as_difference(interval, p_value, ratio, len(difference))


def _as_difference(interval: Interval, p_value: float, ratio: float, n: int) -> Difference:
    of = interval.differing or 0
    return Difference(*interval[:4], p_value, ratio, n, of, interval.between)


def _moved(interval: Interval, shift: float, error: float) -> Interval:
    """Return an interval moved by a shift that is known up to an error."""
    if not (shift or error):
        return interval
    mean, low, high = interval.mean + shift, interval.ci_low + shift - error, interval.ci_high + shift + error
    half_width = max(mean - low, high - mean)
    return interval._replace(mean=mean, half_width=half_width, ci_low=low, ci_high=high, between=None)


def paired_sum(
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    baseline: tuple[NDArray[np.float64], NDArray[np.float64]],
    size: float,
    confidence: float = 0.95,
    *,
    shift: float = 0.0,
    error: float = 0.0,
) -> Difference:
    """Return the mean difference of a sum from a baseline, paired by replication.

    The interval is that of :func:`mean_of_sum`, and the p-value is the error rate with which it ends at 0.

    Parameters
    ----------
    values, baseline : tuple of numpy.ndarray
        Values and counts, one per replication.
    size : float
        The value of one count.
    confidence : float
        Between 0 and 1.
    shift, error : float
        A part of the mean difference that is known, to be added, and by how much it may be off.

    Examples
    --------
    All replications are dearer by 3, but one failure in 300 replications would outweigh that:

    >>> dearer, none = (np.full(1000, 3.0), np.zeros(1000)), (np.zeros(1000), np.zeros(1000))
    >>> found = paired_sum(dearer, none, 900.0)
    >>> found.mean, round(found.ci_low, 2), round(found.p_value, 3)
    (3.0, -0.31, 0.071)
    """
    sums = [seconds + size * counts for seconds, counts in (values, baseline)]
    whole = paired_difference(sums[0], sums[1], confidence)
    differences, more = (values[0] - baseline[0]).round(9), values[1] - baseline[1]

    of_sum = _of_sum(differences, more, size)

    def found(confidence: float) -> Interval:
        return _moved(of_sum(confidence), shift, error)

    interval = found(confidence)
    whole = whole._replace(mean=whole.mean + shift)
    if isnan(interval.half_width):  # of fewer than 10 replications, which do not show how rare events are
        return whole._replace(half_width=nan, ci_low=nan, ci_high=nan, p_value=1.0 if whole.n > 1 else nan)
    return whole._replace(
        half_width=interval.half_width, ci_low=interval.ci_low, ci_high=interval.ci_high,
        p_value=_p_of(found), differing=interval.differing or 0,
    )  # fmt: skip


def _p_of(found: Callable[[float], Interval]) -> float:
    """Return the least error rate with which an interval leaves out 0; NaN where there is no interval."""
    if isnan(found(0.5).half_width):
        return nan
    low, high = _LEAST_P, 0.0  # logarithms to base 10
    while high - low > 1e-4:
        middle = (low + high) / 2
        interval = found(1 - 10**middle)
        low, high = (middle, high) if interval.ci_low <= 0 <= interval.ci_high else (low, middle)
    return float(10**high)


_LEAST_P = -12.0
"""The logarithm of the least p-value that is distinguished from 0."""


def _variance(values: NDArray[np.float64]) -> float:
    """Return the sample variance; exactly 0 where all values are the same, whatever the rounding."""
    return float(values.var(ddof=1)) if np.ptp(values) > 0 else 0.0


def _p_value(differences: NDArray[np.float64], interval: Interval) -> float:
    """Return the two-sided p-value of the hypothesis that the mean difference is 0."""
    from scipy.special import stdtr

    n, apart = len(differences), differences[differences != 0]
    sizes = np.abs(apart)
    if not len(apart) or np.ptp(sizes) <= _TINY * sizes[0]:
        return _mcnemar(int(np.count_nonzero(apart > 0)), len(apart))
    if _is_rare(len(apart), n):
        return _of_signs(apart)
    t, a = interval.mean / _standard_error(differences), _skew_term(differences, interval.mean)
    t += a * t**2 / 3 + a**2 * t**3 / 27 + a / 6
    return float(2 * stdtr(n - 1, -abs(t)))


def _mcnemar(more: int, differing: int) -> float:
    """Return the probability that `differing` fair coins are at least as unequal."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(more, differing - more), differing, 0.5))) if differing else 1.0


def _of_signs(differences: NDArray[np.float64]) -> float:
    """Return the share of all assignments of signs whose sum is at least as far from 0.

    Sizes are rounded to a grid, on which the distribution of the sum is built up one difference at a time;
    a sum that is closer to the observed one than the rounding counts as equal to it.
    """
    sizes = np.abs(differences)
    smallest = float(sizes.min())
    multiples = np.allclose(sizes / smallest, np.rint(sizes / smallest), rtol=0, atol=1e-6)
    grain = smallest if multiples and sizes.sum() / smallest < _GRID else float(sizes.sum()) / _GRID
    steps = np.rint(sizes / grain).astype(np.int64)
    probability = np.zeros(2 * int(steps.sum()) + 1)  # of the sums -steps.sum() ... steps.sum()
    probability[steps.sum()] = 1
    for step in steps.tolist():
        probability = (np.roll(probability, step) + np.roll(probability, -step)) / 2
    sums = np.abs(np.arange(len(probability)) - steps.sum())
    reached = abs(float(differences.sum())) / grain - (0.5 if multiples else len(steps) / 2)
    return min(1.0, float(probability[sums >= reached].sum()))


_GRID = 10_000
"""The most steps of a sum of differences."""


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for their number (Holm 1979); NaN stays NaN and does not count.

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


_ENOUGH_EVENTS = 30
"""The number of rare events that gives a relative standard error of 18 %, 1/sqrt(30)."""


@dataclass(frozen=True)
class Precision(Fields):
    """The precision to reach for a mean: the half width of its interval, absolute or relative to the mean.

    A metric may differ from its commonest value in at most a third of the replications. Then the precision is
    not met before 30 replications differ: the first few rare events do not show how rare they are. With the
    control variate of :func:`tv2sim.replicate` most of the mean is known, and this condition does not apply.

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
        """Return whether an interval is narrow enough, and rests on enough replications that differ."""
        return self.is_narrow(interval) and (interval.is_exact or self.lacking(interval) == 0)

    def is_narrow(self, interval: Interval) -> bool:
        """Return whether an interval is narrow enough."""
        return interval.half_width <= self.target(interval.mean)

    def lacking(self, interval: Interval) -> int:
        """Return the number of further replications that would have to differ from the commonest value."""
        if interval.n is None or interval.differing is None or not _is_rare(interval.differing, interval.n):
            return 0
        return max(0, _ENOUGH_EVENTS - interval.differing)


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
        mean, half_width, *_ = self.interval
        target = self.precision.target(mean)
        says = (
            f"{'the precision was met' if self.met else 'the budget ended'} after {self.replications} "
            f"replications: {self.precision.metric} {mean:.6g} ± {half_width:.2g}, asked for ± {target:.2g}"
        )
        if self.met or not self.precision.lacking(self.interval):
            return says
        return (
            f"{says}, of which {self.interval.differing or 'none'} differ from the commonest value; "
            f"an estimate needs {_ENOUGH_EVENTS} that do"
        )


# -- quantiles over the videos of all replications ---------------------------------------------------------


class Quantile(NamedTuple):
    """A quantile over the videos of several replications, with its confidence interval."""

    value: float
    half_width: float
    """The larger distance from the value to an end; NaN where there is no interval."""
    ci_low: float
    ci_high: float
    replications: int
    """The number of replications, each of which has `videos` videos."""
    videos: int


def pooled_quantiles(
    values: NDArray[np.float64], shares: Sequence[float], confidence: float = 0.95
) -> list[Quantile]:
    """Return quantiles over the values of all replications together, with their intervals.

    The videos of one replication depend on each other, so each replication is a section, which gives one
    observation: the share of its values that do not exceed x. The mean of these shares has an interval (Korn
    and Graubard 1998). The interval of a quantile begins at the first x at which the upper end of this interval
    reaches the share. It ends at the first x at which the lower end does (Woodruff 1952; Francisco and Fuller
    1991).

    The interval holds from about 10 replications on, also for values that many videos have, and for infinite
    ones. Its width is 0 where no other value can be the quantile. Its end is infinite where too few values are
    beyond the quantile. With one replication there is no interval (NaN).

    Parameters
    ----------
    values : numpy.ndarray
        A row for each replication, of a number for each video, which may be infinite.
    shares : sequence of float
        Which quantiles: 0.99 is what 99 % of all values do not exceed.
    confidence : float
        Between 0 and 1.

    Examples
    --------
    >>> late = np.array([[1, 1, 1, 4], [1, 1, 1, 5], [1, 1, 2, 6], [1, 1, 3, inf]])
    >>> for found in pooled_quantiles(late, [0.25, 0.5]):
    ...     print(found[:4])
    (1.0, 0.0, 1.0, 1.0)
    (1.0, 2.0, 1.0, 3.0)
    """
    ordered = np.sort(values, axis=None)
    return [_pooled_quantile(values, ordered, share, confidence) for share in shares]


def _pooled_quantile(
    values: NDArray[np.float64], ordered: NDArray[np.float64], share: float, confidence: float
) -> Quantile:
    n, videos = values.shape
    value, low, high = quantile_of(ordered, share), nan, nan
    if n > 1 and videos:
        enough = share * (1 - _ROUNDING)
        found = int(np.searchsorted(ordered, value))
        low = _first(ordered[: found + 1], lambda x: _share_up_to(x, values, confidence)[1] >= enough)
        high = _first(ordered[found:], lambda x: _share_up_to(x, values, confidence)[0] >= enough)
    half_width = 0.0 if low == high else max(value - low, high - value)
    return Quantile(value, half_width, low, high, n, videos)


_ROUNDING = 1e-12
"""The relative rounding error of a share times a number."""


def quantile_of(ordered: NDArray[np.float64], share: float) -> float:
    """Return the first of the sorted values up to which there is at least this share of them; NaN for none.

    >>> quantile_of(np.array([1.0, 2.0, 3.0, inf]), 0.5), quantile_of(np.array([1.0, 2.0, 3.0, inf]), 0.76)
    (2.0, inf)
    """
    if not len(ordered):
        return nan
    rank = ceil(share * len(ordered) * (1 - _ROUNDING))
    return float(ordered[max(rank, 1) - 1])


def _first(ordered: NDArray[np.float64], holds: Callable[[float], bool]) -> float:
    """Return the first of the sorted values from which on a condition holds; infinity if it never holds."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if holds(float(ordered[middle])):
            high = middle
        else:
            low = middle + 1
    return float(ordered[low]) if low < len(ordered) else inf


def _share_up_to(x: float, values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the interval of the share of values that do not exceed x, of which each row is one observation.

    The interval is the exact one for a number of independent values that has the variance of the rows. The
    number is reduced because this variance is estimated (Korn and Graubard 1998). Where all rows have the same
    share, a row that differs is taken to differ by one value.
    """
    from scipy.special import betaincinv, ndtri, stdtrit

    n, videos = values.shape
    counts = np.count_nonzero(values <= x, axis=1)
    share, tail = float(counts.mean()) / videos, (1 - confidence) / 2
    if np.ptp(counts) == 0:
        reach = clopper_pearson(0, n, confidence).ci_high / videos
        return max(share - reach, 0.0), min(share + reach, 1.0)
    variance = float(counts.var(ddof=1)) / n / videos**2
    effective = share * (1 - share) / variance * (ndtri(tail) / stdtrit(n - 1, tail)) ** 2
    below, above = effective * share, effective * (1 - share)
    return float(betaincinv(below, above + 1, tail)), float(betaincinv(below + 1, above, 1 - tail))


# -- the start of a long run -------------------------------------------------------------------------------


class WarmUp(NamedTuple):
    """The start of a series that is left out of its mean; ``str()`` is a sentence."""

    left_out: int
    """The number of values at the start that are left out."""
    mean: float
    """The mean of the others."""
    values: int
    """The number of values of the series."""
    enough: bool
    """Whether the series is long enough to tell; if not, what is left may still depend on the start."""

    def __str__(self) -> str:
        if self.enough:
            left_out = f"the first {self.left_out} of {self.values} values are left out"
            return f"{left_out}, the mean of the others is {self.mean:.6g}"
        return (
            f"{self.values} values are too few to tell where the start ends: make a run twice as long or longer"
        )


_BATCH = 5
_FEW_BATCHES = 10


def mser5(values: Sequence[float] | NDArray[np.float64]) -> WarmUp:
    """Return how much of the start of a series to leave out, so that the rest has the long run's mean (MSER-5).

    At the start of a run a queue is empty or a pool is cold, so values differ from those of the long run. They
    are averaged in batches of 5. The number of batches to leave out is the one with the smallest squared
    standard error of the mean of the others, taken as independent (White 1997; White, Cobb and Spratt 2000).
    The series is too short to tell if that is half of it or more, or if it has fewer than 10 batches.

    Parameters
    ----------
    values : sequence of float
        The values of a run in the order of time, such as the waits of one video after the other; or their means
        over several replications, value by value, which shows the start more clearly.

    Returns
    -------
    WarmUp
        How many to leave out, the mean of the others, and whether the series is long enough.

    Raises
    ------
    InputError
        If there are fewer than 5 values, or one is not finite.

    Examples
    --------
    >>> waits = [9.0, 7.0, 5.0, 3.0, 1.0] + [0.0, 1.0] * 50
    >>> print(mser5(waits))
    the first 5 of 105 values are left out, the mean of the others is 0.5
    >>> print(mser5(range(100)))
    100 values are too few to tell where the start ends: make a run twice as long or longer
    """
    try:
        series = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):  # texts, or rows of different lengths
        series = np.empty(0)
    if series.ndim != 1 or len(series) < _BATCH or not np.isfinite(series).all():
        raise InputError(
            f"values must be a series of at least {_BATCH} finite numbers, not {shown(values, 80)}"
        )
    batches = series[: len(series) // _BATCH * _BATCH].reshape(-1, _BATCH).mean(axis=1)
    left = np.arange(len(batches), 0, -1)
    apart = batches - batches[-1]
    sums, squares = (np.cumsum(of[::-1])[::-1] for of in (apart, apart**2))
    errors = np.maximum(squares - sums**2 / left, 0.0) / left**2
    best = int(errors[: max(1, len(batches) - _BATCH)].argmin())  # a few at the end agree by chance
    enough = len(batches) >= _FEW_BATCHES and best < len(batches) / 2
    return WarmUp(best * _BATCH, float(series[best * _BATCH :].mean()), len(series), enough)
