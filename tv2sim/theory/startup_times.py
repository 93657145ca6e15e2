"""Start-up times: their distribution, the times that replications draw, and how many publishers are ready."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.world.distributions import EXTREMES, drawn_ticks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.world.scenario import Scenario


# -- the distribution of a start-up time, with start-ups that fail -----------------------------------------


_POINTS = 2**17
"""The most multiples of a step on which times are rounded."""
_NOTHING = 1e-12
"""A probability that is taken for 0."""


@dataclass(frozen=True)
class Ready:
    """A distribution of ticks.

    Attributes
    ----------
    by : callable
        The probability that a publisher is ready by so many ticks after the first start.
    shortest, longest : float
        The probability is 0 before `shortest`, and 1 from `longest` on.
    """

    by: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    shortest: float
    longest: float


def ready_times(scenario: Scenario, until: float) -> tuple[Ready, ...]:
    """Return the distribution of the time until a publisher is ready; two bounds of it if start-ups fail.

    The time is that of the first start-up if it succeeds. A start-up that fails is followed by another one,
    after the failure is noticed and a start is provided. The first bound is not above the distribution, the
    second one is not below it.

    Parameters
    ----------
    scenario : Scenario
        Start-up times, how often start-ups fail, and when that is noticed.
    until : float
        Ticks up to which the distribution is needed.

    Notes
    -----
    With failures, times are rounded up, or down, to the multiples of a step, and the geometric sum of their
    convolutions is taken on these. The truth lies between. The step is 1, 2 or 5 times a power of ten in ticks,
    so that times such as 2.5 s are not rounded at all.
    """
    time, fails = scenario.startup_time, scenario.faults.startup
    shortest, longest = drawn_ticks(time, EXTREMES).tolist()
    if not fails:
        return (Ready(lambda ticks: time.cdf(ticks / PER_SECOND), shortest - 1, longest + 1),)
    step = _step(until / _POINTS)
    return tuple(_on_grid(scenario, step, ceil(until / step) + 1, up=up) for up in (True, False))


def _step(least: float) -> float:
    """Return the first of 1, 2, 5, 10, 20, 50, ... that is at least this."""
    return next(
        step for exponent in range(20) for step in (10.0**exponent * n for n in (1, 2, 5)) if step >= least
    )


def _on_grid(scenario: Scenario, step: float, points: int, *, up: bool) -> Ready:
    """Return the distribution of times that are rounded to multiples of a step."""
    time, faults = scenario.startup_time, scenario.faults
    grid = np.arange(points) * step
    # rounded down, a time belongs to the point before it: a thousandth of a tick excludes the next point
    first = time.cdf((grid if up else grid + step - 1e-3) / PER_SECOND)
    between = (to_ticks(faults.noticed_after) + to_ticks(scenario.provisioning_delay)) / step
    pause = ceil(between) if up else floor(between)
    one, again = np.diff(first, prepend=0.0), np.zeros(points)
    again[pause:] = faults.startup * one[: max(0, points - pause)]
    reached = np.cumsum((1 - faults.startup) * _geometric_sum(one, again))
    reached = np.where(first > 0, np.minimum(reached, 1.0), 0.0)
    begins, full = (np.flatnonzero(of)[:1] * step for of in (reached > 0, reached >= 1 - _NOTHING))
    return Ready(
        lambda ticks: reached[np.clip(ticks // step, 0, points - 1).astype(np.int64)] * (ticks >= 0),
        float(begins.min(initial=inf)),
        float(full.min(initial=inf)),
    )


def _geometric_sum(one: NDArray[np.float64], again: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the convolution of a sequence with 1 + a + a * a + a * a * a + ..., up to its length.

    The sum is (1 + a)(1 + a^2)(1 + a^4)..., whose powers soon become negligible.
    """
    size = 2 ** (2 * len(one) - 1).bit_length()
    while again.sum() > _NOTHING:
        power = np.fft.rfft(again, size)
        one = one + np.maximum(np.fft.irfft(np.fft.rfft(one, size) * power, size)[: len(one)], 0)
        again = np.maximum(np.fft.irfft(power * power, size)[: len(one)], 0)
    return one


# -- the start-up times that replications draw -------------------------------------------------------------


OF_SLOTS = Purpose.STARTUP_OF_SLOT, Purpose.STARTUP_FAILURE_OF_SLOT
FOR_VIDEOS = Purpose.STARTUP_FOR_VIDEO, Purpose.STARTUP_FAILURE_FOR_VIDEO


def drawn_startups(
    scenario: Scenario, origin: tuple[Purpose, Purpose], seed: int, replications: range, count: int
) -> NDArray[np.float64]:
    """Return the ticks from the first start for each slot or video until a start-up has succeeded.

    There is a row for each replication.
    """
    times_of, chances_of = origin

    def times(further: int) -> NDArray[np.float64]:
        u = _uniforms(seed, times_of, replications, count, further)
        return drawn_ticks(scenario.startup_time, u.ravel()).reshape(u.shape)

    found, further = times(0), 0
    if not scenario.faults.startup:
        return found
    between = to_ticks(scenario.faults.noticed_after) + to_ticks(scenario.provisioning_delay)
    failed = np.ones(found.shape, dtype=np.bool_)
    while True:
        failed &= _uniforms(seed, chances_of, replications, count, further) < scenario.faults.startup
        if not failed.any():
            return found
        further += 1
        found[failed] += between + times(further)[failed]


def _uniforms(
    seed: int, purpose: Purpose, replications: range, count: int, further: int
) -> NDArray[np.float64]:
    if "tv2sim.engines.kernel" in sys.modules:  # if not loaded, loading takes longer than drawing without it
        from tv2sim.engines.kernel.philox import draw_uniforms

        return draw_uniforms(seed, purpose, replications, count, further)
    rows = [uniforms(seed, purpose, replication, count, further=further) for replication in replications]
    return np.array(rows).reshape(len(replications), count)


# -- how many publishers are ready (Poisson-binomial) ------------------------------------------------------


_AT_ONCE = 256
"""Times whose distributions are computed together, so that they fit into a processor's cache."""


class Numbers(NamedTuple):
    """The distribution of the number of publishers that are ready, a row for each time."""

    sure: NDArray[np.int64]
    """How many publishers are ready with certainty."""
    others: NDArray[np.float64]
    """The probability that 0, 1, 2, ... others are ready."""

    def below(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability that fewer than `count` are ready."""
        missing = np.minimum(count - self.sure, self.others.shape[1])
        up_to = np.take_along_axis(
            self.others.cumsum(axis=1), np.maximum(missing - 1, 0)[:, np.newaxis], axis=1
        )
        return np.where(missing > 0, up_to[:, 0], 0.0)

    def above(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean number of publishers ready beyond `count`."""
        more = self.sure[:, np.newaxis] + np.arange(self.others.shape[1]) - count[:, np.newaxis]
        return np.asarray((np.maximum(more, 0) * self.others).sum(axis=1))


def numbers_ready(
    of_numbers: Callable[[Numbers, slice], NDArray[np.float64]],
    times: NDArray[np.float64],
    begun: NDArray[np.float64],
    ready: Ready,
    first: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return a function of the distribution of the number of publishers ready by each time.

    Parameters
    ----------
    of_numbers : callable
        The function: takes the numbers at a slice of the times, and the slice; returns a value for each time.
    times : numpy.ndarray
        Ticks.
    begun : numpy.ndarray
        When each start-up begins, ascending; minus infinity for a publisher that is ready at the start.
    ready : Ready
        The distribution of start-up times.
    first : numpy.ndarray, optional
        For each time, how many of the first publishers count; default is all.

    Notes
    -----
    Publishers that started long before a time are ready, and those that started just before it are not. The
    others are convolved one by one. All terms are positive, so that small probabilities are exact too.
    """
    found = np.empty(len(times))
    counted = np.full(len(times), len(begun)) if first is None else first
    for start in range(0, len(times), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = of_numbers(_numbers(times[part], begun, ready, counted[part]), part)
    return found


def _numbers(
    times: NDArray[np.float64], begun: NDArray[np.float64], ready: Ready, counted: NDArray[np.int64]
) -> Numbers:
    sure = np.minimum(np.searchsorted(begun, times - ready.longest, "right"), counted)
    possible = np.minimum(np.searchsorted(begun, times - ready.shortest, "right"), counted)
    width = int((possible - sure).max(initial=0))
    others = np.zeros((len(times), width + 1))
    others[:, 0] = 1.0
    for further in range(width):
        one = sure + further
        p = np.where(one < possible, ready.by(times - begun[np.minimum(one, len(begun) - 1)]), 0.0)
        p = p[:, np.newaxis]
        some = others[:, : further + 2]
        some[:, 1:] = some[:, 1:] * (1 - p) + some[:, :-1] * p
        some[:, :1] *= 1 - p
    return Numbers(sure, others)
