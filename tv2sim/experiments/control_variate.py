"""The videos that must fail, as a control variate for those that do."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isnan, nan
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.digits import three_digits
from tv2sim.inference.intervals import Difference, Interval, mean_interval, paired_difference
from tv2sim.results.metrics import METRICS
from tv2sim.theory.conditions import if_covered
from tv2sim.theory.queueing import failed_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tv2sim.experiments.replications import Cell, Replications
    from tv2sim.results.metrics import Setting
    from tv2sim.theory.queueing import FailedBound

__all__ = ["Control", "controlled", "controlled_difference", "controlled_interval", "less_known"]


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
        """What knows the mean and counts; None where it does not cover what is simulated."""
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
    found = mean_interval(control.others(failed), confidence, low=0, high=videos, step=1)
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
    return paired_difference(
        one,
        other,
        confidence,
        step=abs(each),
        shift=each * less_known(*controls),
        error=abs(each) * (controls[0].error + controls[1].error),
    )


def less_known(one: Control, other: Control) -> float:
    """Return the difference of two exact means of failures; less than 1e-9 is no difference."""
    return round(one.mean - other.mean, 9)


def _of_failures(metric: str, videos: int) -> tuple[float, float]:
    """Return a metric's value in a run without failures, and what each failure adds to it."""
    of = METRICS[metric]
    step = of.step(videos) or 0.0
    return (of.limits(videos)[1], -step) if of.better == "more" else (0.0, step)


def controlled(cells: Mapping[Cell, Replications]) -> str:
    """Return which strategies have a control variate for their failures, and its gain; nothing if none has.

    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2c:10", "2c:13"], replications=1000)
    >>> controlled(study.cells).partition(": ")[2]
    '2c:10 (variance 4.79 times lower), 2c:13 (no others were seen).'
    """
    gains: dict[str, list[float]] = {}
    for cell, reps in cells.items():
        if not isnan(gain := reps.variance_ratio):
            gains.setdefault(cell.strategy, []).append(gain)
    which = ", ".join(f"{name} ({_gain(found)})" for name, found in gains.items())
    begin = "Mean failures are exact for videos that must fail and estimated for the others (control variate): "
    return f"{begin}{which}." if which else ""


def _gain(gains: list[float]) -> str:
    """Return in words how much lower variances are, of a strategy in one world or in several."""
    low, high = min(gains), max(gains)
    if low == inf:
        return "no others were seen"
    most = f" to {three_digits(high)}" if low < high < inf else ""
    return f"variance {'at least ' if high == inf else ''}{three_digits(low)}{most} times lower"
