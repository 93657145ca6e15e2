"""The videos that must fail, as a control variate for failed videos and for costs in which failures count."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import inf, nan
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tv2sim.inference import intervals
from tv2sim.inference.intervals import Difference, Interval
from tv2sim.results.metrics import METRICS, Setting
from tv2sim.theory.conditions import if_covered
from tv2sim.theory.queueing import FailedBound, failed_bound
from tv2sim.world.prices import Prices


@dataclass(eq=False)
class Control:
    """The control variate of some replications: the videos that must fail in each of them.

    Their number is at most that of failed videos, and its mean is known exactly
    (:func:`tv2sim.queueing.failed_bound`). So only the mean of the other failures is estimated, which
    are few: a control variate with the coefficient 1 (Lavenberg and Welch 1981).

    Attributes
    ----------
    setting : Setting
        What is simulated.
    seed : int
        As for :func:`tv2sim.simulate`.
    """

    setting: Setting
    seed: int
    _counted: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64), repr=False)

    @cached_property
    def bound(self) -> FailedBound | None:
        """The bound that has the mean and the counts; None where theory does not cover the setting."""
        one = self.setting
        if one.is_deterministic:
            return None
        return if_covered(lambda: failed_bound(one.catalogue, one.strategy, one.scenario))

    @property
    def mean(self) -> float:
        """The expected number of videos that must fail."""
        return nan if self.bound is None else self.bound.failed

    @property
    def error(self) -> float:
        """By how much the mean may be off: 0 unless start-ups fail."""
        return nan if self.bound is None else self.bound.error * len(self.setting.catalogue)

    def others(self, failed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many of the failures of each replication, from the first on, did not have to be."""
        assert self.bound is not None
        done, count = len(self._counted), len(failed)
        if done < count:
            more = self.bound.of_replications(self.seed, range(done, count))
            self._counted = np.concatenate([self._counted, more])
        return failed - self._counted[:count]

    def variance_ratio(self, failed: NDArray[np.float64]) -> float:
        """Return by what factor the control lowers the variance of a mean number of failures."""
        others = self.others(failed)
        before, after = (float(values.var()) if np.ptp(values) else 0.0 for values in (failed, others))
        return before / after if after else inf if before else nan


def controlled_interval(
    control: Control, failed: NDArray[np.float64], metric: str, confidence: float
) -> Interval:
    """Return the mean of a metric that follows from the failures, with its interval."""
    videos = len(control.setting.catalogue)
    found = intervals.mean_interval(control.others(failed), confidence, low=0, high=videos, step=1)
    at_none, each = _of_failures(metric, videos)
    low, high = found.ci_low + control.mean - control.error, found.ci_high + control.mean + control.error
    mean, *ends = (at_none + each * min(value, videos) for value in (found.mean + control.mean, low, high))
    low, high = sorted(ends)
    return Interval(mean, max(mean - low, high - mean), low, high, found.n)


def controlled_difference(
    controls: tuple[Control, Control],
    failed: tuple[NDArray[np.float64], NDArray[np.float64]],
    metric: str,
    confidence: float,
) -> Difference:
    """Return the mean difference of a metric that follows from the failures, paired by replication."""
    _, each = _of_failures(metric, len(controls[0].setting.catalogue))
    one, other = (each * control.others(some) for control, some in zip(controls, failed, strict=True))
    return intervals.paired_difference(
        one,
        other,
        confidence,
        step=abs(each),
        shift=each * _less_known(*controls),
        error=abs(each) * (controls[0].error + controls[1].error),
    )


def _less_known(one: Control, other: Control) -> float:
    """Return the difference of two exact means of failures; less than 1e-9 is no difference."""
    return round(one.mean - other.mean, 9)


def _of_failures(metric: str, videos: int) -> tuple[float, float]:
    """Return a metric's value in a run without failures, and what each failure adds to it."""
    of = METRICS[metric]
    step = of.step(videos) or 0.0
    return (of.limits(videos)[1], -step) if of.better == "more" else (0.0, step)


# -- costs -------------------------------------------------------------------------------------------------

PartsOfCost: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64]]"
"""In each replication, what publishers cost and how many videos failed."""

Estimate = TypeVar("Estimate", Interval, Difference)


def cost_interval(
    prices: Prices, parts: PartsOfCost, videos: int, control: Control | None, confidence: float
) -> Interval:
    """Return the mean cost of a run with its interval.

    Failed videos may be rare and dear, so their number has an interval of its own.
    """
    unit = _unit(prices)
    publishers, failed = parts[0] / unit, parts[1]
    if not prices.failed:
        return _times(unit, intervals.mean_interval(publishers, confidence))
    bounds = dict(zip(("low", "high"), METRICS["failed"].limits(videos), strict=True))
    size, known = prices.failed / unit, {}
    if control and len(failed) > 1:
        failed = control.others(failed)
        known = {"shift": size * control.mean, "error": size * control.error}
    return _times(unit, intervals.mean_of_sum(publishers, failed, size, confidence, **bounds, **known))


def cost_difference(
    prices: Prices,
    parts: PartsOfCost,
    others: PartsOfCost,
    controls: tuple[Control | None, Control | None],
    confidence: float,
) -> Difference:
    """Return the mean difference of the costs of two strategies at the same prices, paired by replication."""
    unit = _unit(prices)
    publishers, failed = zip(parts, others, strict=True)
    publishers = publishers[0] / unit, publishers[1] / unit
    if not prices.failed:
        return _times(unit, intervals.paired_difference(*publishers, confidence))
    size, known = prices.failed / unit, {}
    one, base = controls
    if one and base and len(failed[0]) > 1:
        failed = one.others(failed[0]), base.others(failed[1])
        known = {"shift": size * _less_known(one, base), "error": size * (one.error + base.error)}
    pair = (publishers[0], failed[0]), (publishers[1], failed[1])
    return _times(unit, intervals.paired_sum(pair[0], pair[1], size, confidence, **known))


def _unit(prices: Prices) -> float:
    """Return the lowest price. A cost in this unit is about as large as a number of seconds or publishers."""
    unit: float = min(price for price in vars(prices).values() if price)
    return unit


def _times(unit: float, estimate: Estimate) -> Estimate:
    """Return an estimate in units of 1."""
    names = ("mean", "half_width", "ci_low", "ci_high")
    ends = estimate.between
    between = None if ends is None else (unit * ends[0], unit * ends[1])
    return estimate._replace(**{name: unit * getattr(estimate, name) for name in names}, between=between)
