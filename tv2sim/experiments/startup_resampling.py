"""How far results may be off because start-up times are known from a sample alone: a bootstrap of that sample.

The interval of a mean over replications takes the measured times for the truth: with more replications it
becomes as narrow as one likes. Other samples of the same size would have given other results. So the sample is
drawn again, with replacement, and each such resample is simulated for a few replications: the spread of their
means is what not knowing the distribution matters, and a little noise of the simulation.

References
----------
Barton and Schruben (2001), Winter Simulation Conference, 372-378; Barton, Nelson and Xie (2014), INFORMS J.
Computing 26, 74-87; Song, Nelson and Pegden (2014), Winter Simulation Conference, 162-176; Hesterberg (2015),
Amer. Statist. 69, 371-386.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.errors import InputError, ScenarioError
from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.experiments.workers import Chunk, Task, compute
from tv2sim.inference.intervals import Interval
from tv2sim.results.metrics import COST, Setting, costs, total
from tv2sim.world.distributions import Distribution, Empirical
from tv2sim.world.measured_times import as_measured
from tv2sim.world.prices import needed
from tv2sim.world.scenario import Scenario

RESAMPLES = 500
"""The number of resamples of the measured times."""
ENDS = ("input_ci_low", "input_ci_high")
"""The ends of the wider interval, as columns."""
_FEWEST, _MOST, _SHARE = 10, 50, 20
"""Replications of each resample: a 20th of those of the study, within these limits."""


@dataclass(frozen=True, eq=False)
class Resamples:
    """What the resamples of measured start-up times gave for one strategy in one scenario.

    Attributes
    ----------
    times : int
        The number of measured times.
    replications : int
        The number of replications of each resample.
    means : mapping
        For each metric that was computed, the mean of each resample; NaN if no replication has a value.
    variances : mapping
        For each of them the variance between the replications of one resample, on average.
    """

    times: int
    replications: int
    means: Mapping[str, NDArray[np.float64]]
    variances: Mapping[str, float]

    def __repr__(self) -> str:
        count = len(next(iter(self.means.values())))
        return f"<{count} resamples of {self.times} start-up times, {self.replications} replications each>"

    def share(self, metric: str) -> float:
        """Return which share of the variance of the means is due to the start-up times; the rest is noise.

        NaN if the means do not vary. Resamples without a value, or with an infinite one, are left out.
        """
        means = self._of(metric)
        means = means[np.isfinite(means)]
        variance = float(means.var(ddof=1)) if len(means) > 1 else 0.0
        return max(0.0, 1 - self.variances[metric] / self.replications / variance) if variance else nan

    def values(self, metric: str, setting: Setting) -> NDArray[np.float64]:
        """Return the mean of each resample; that of the cost follows from other metrics."""
        if metric != COST:
            return self._of(metric)
        zeros = np.zeros(len(next(iter(self.means.values()))))
        parts = costs(needed(setting.prices), lambda name: self._of(name) if name in setting.priced else zeros)
        return np.asarray(total(parts) + zeros)

    def _of(self, metric: str) -> NDArray[np.float64]:
        if metric not in self.means:
            raise InputError(
                f"the resamples have no {metric!r}, only {', '.join(self.means)}: name it in metrics"
            )
        return self.means[metric]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Resamples:
        """Return resamples from plain data, as :func:`tv2sim.base.dictionaries.to_dict` makes it."""
        means = {name: np.array(column, dtype=np.float64) for name, column in data["means"].items()}
        variances = {name: nan if value is None else float(value) for name, value in data["variances"].items()}
        return cls(int(data["times"]), int(data["replications"]), means, variances)


# -- what is drawn -----------------------------------------------------------------------------------------


def as_samples(samples: Any) -> Empirical:
    """Return measured start-up times as a distribution, in which each is equally likely.

    Raises
    ------
    InputError
        If one of them is not a time, or not known in full, or there are fewer than two.
    """
    given = samples.samples if isinstance(samples, Empirical) else samples
    if isinstance(given, Distribution):
        raise InputError(f"startup_samples are measured times, not the distribution {given}")
    measured = as_measured(given)
    if measured.unit != "different sample" or not measured.complete:
        raise InputError(
            f"startup_samples must be times that are known in full, not {measured}: fit a distribution with "
            f"tv2sim.fit, and give it as startup_time"
        )
    if len(measured) < 2:
        raise InputError("startup_samples needs at least 2 times: one says nothing about how they vary")
    return Empirical(measured.equally_likely())


def with_samples(scenario: Scenario, samples: Empirical) -> Scenario:
    """Return a scenario with measured start-up times.

    Raises
    ------
    ScenarioError
        If it has start-up times of its own.
    """
    if scenario.startup_time not in (Scenario().startup_time, samples):
        raise ScenarioError(
            f"startup_samples are the start-up times of every scenario, but one has its own, "
            f"{scenario.startup_time}: leave out one of them"
        )
    return scenario.replace(startup_time=samples)


def resample_of(samples: Empirical, seed: int, number: int) -> Empirical:
    """Return a resample: as many times, drawn with replacement.

    >>> resample_of(Empirical([2, 3, 4, 5]), 1, 0).samples
    (3.0, 3.0, 4.0, 5.0)
    """
    count = len(samples.samples)
    drawn = uniforms(seed, Purpose.MEASURED_TIME, number, count)
    return Empirical(np.array(samples.samples)[(drawn * count).astype(np.int64)])


def replications_of_each(replications: int) -> int:
    """Return how many replications each resample has in a study of so many.

    >>> [replications_of_each(count) for count in (20, 400, 10_000)]
    [10, 20, 50]
    """
    return min(max(replications // _SHARE, _FEWEST), _MOST)


# -- what is simulated -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Resampling:
    """Lets each resample have replications of its own: resample b those from b times their number on.

    In the task that is divided, those of the first of `numbers` come first, and so on.
    """

    samples: Empirical
    each: int
    numbers: Sequence[int] = range(RESAMPLES)

    def __call__(self, task: Task) -> Iterator[Task]:
        """Yield a task for each resample in the one that is given."""
        first, last = task.replications.start, task.replications.stop
        for place in range(first // self.each, -(-last // self.each)):
            number = self.numbers[place]
            begin, end = (min(max(at - place * self.each, 0), self.each) for at in (first, last))
            part = range(number * self.each + begin, number * self.each + end)
            world = task.scenario.replace(startup_time=resample_of(self.samples, task.seed, number))
            yield replace(task, scenario=world, replications=part, memo={}, divided=None)


def resample(tasks: Sequence[Task], samples: Empirical, each: int, **how: Any) -> list[Resamples]:
    """Return what the resamples give for each task, with `each` replications; those of the tasks do not matter.

    A resample and the numbers of its replications are the same for all tasks, so that strategies are compared
    under common random numbers. `how` is for :func:`tv2sim.experiments.workers.compute`.
    """
    part, divided = range(RESAMPLES * each), Resampling(samples, each)
    chunks = compute([replace(task, replications=part, divided=divided) for task in tasks], **how)
    return [_summed_up(chunk, len(samples.samples), each) for chunk in chunks]


def _summed_up(chunk: Chunk, times: int, each: int) -> Resamples:
    means, variances = {}, {}
    for name, column in chunk.values.items():
        rows = column.reshape(-1, each)
        values = np.where(np.isnan(rows), 0.0, rows)
        known = np.count_nonzero(~np.isnan(rows), axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):  # no value in a resample; infinite ones
            mean = values.sum(axis=1) / known
            squares = np.where(np.isnan(rows), 0.0, (values - mean[:, np.newaxis]) ** 2)
            of = squares.sum(axis=1) / (known - 1)
        of = of[(known > 1) & np.isfinite(of)]
        means[name], variances[name] = mean, float(of.mean()) if len(of) else nan
    return Resamples(times, each, means, variances)


# -- the interval ------------------------------------------------------------------------------------------


def input_interval(plain: Interval, means: NDArray[np.float64], times: int, confidence: float) -> Interval:
    """Return the wider interval of a mean or of a difference, from its own and from the means of the resamples.

    It is the percentile interval of these means, at the levels of Hesterberg (2015), which are farther out for
    small samples. It holds the interval of the replications in any case.
    """
    low, high = _percentiles(means[~np.isnan(means)], _level(confidence, times))
    low, high = float(np.fmin(low, plain.ci_low)), float(np.fmax(high, plain.ci_high))
    return Interval(plain.mean, max(plain.mean - low, high - plain.mean), low, high)


def _level(confidence: float, count: int) -> float:
    """Return the share of the resamples below the interval: less than half of the error rate."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(sqrt(count / (count - 1)) * stdtrit(count - 1, (1 - confidence) / 2)))


def _percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return two of the values; at most a share `level` of all values lies beyond each."""
    if not len(values):
        return nan, nan
    ordered, beyond = np.sort(values), int(level * len(values))
    return float(ordered[beyond]), float(ordered[-1 - beyond])
