"""When publishers are ready: the distribution of start-up times, those drawn, and how many are ready."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
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
        The probability that a publisher is ready so many ticks after the start of the first one.
    shortest, longest : float
        Before the first it is 0, and from the other on 1.
    """

    by: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    shortest: float
    longest: float


def ready_times(scenario: Scenario, until: float) -> tuple[Ready, ...]:
    """Return the distribution, or if start-ups fail one that is not above it and one that is not below it.

    The time is that of the first start-up, if it succeeds; each that fails is followed by another one, when
    that has been noticed and a start has been provided.

    Parameters
    ----------
    scenario : Scenario
        Start-up times, how often start-ups fail, and when that is noticed.
    until : float
        Ticks up to which it is needed.

    Notes
    -----
    With failures, times are rounded up, or down, to the multiples of a step, and the geometric sum of their
    convolutions is taken on these. The truth lies between. The step is a power of ten in ticks, or 2 or 5 times
    one, so that times such as 2.5 s are not rounded at all.
    """
    time, fails = scenario.startup_time, scenario.faults.startup
    shortest, longest = drawn_ticks(time, EXTREMES).tolist()
    if not fails:
        return (Ready(lambda ticks: time.cdf(ticks / PER_SECOND), shortest - 1, longest + 1),)
    step = _step(until / _POINTS)
    return tuple(_on_grid(scenario, step, ceil(until / step) + 1, up=up) for up in (True, False))


def _step(least: float) -> float:
    """Return the first of 1, 2, 5, 10, 20, 50, ... that is not less."""
    return next(
        step for exponent in range(20) for step in (10.0**exponent * n for n in (1, 2, 5)) if step >= least
    )


def _on_grid(scenario: Scenario, step: float, points: int, *, up: bool) -> Ready:
    """Return the distribution of times that are rounded to multiples of a step."""
    time, faults = scenario.startup_time, scenario.faults
    grid = np.arange(points) * step
    # a thousandth of a tick before the next point: what is at that point does not count
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

    It is (1 + a)(1 + a^2)(1 + a^4)..., in which the powers become negligible soon.
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
    times, chances = origin
    found = _drawn_once(scenario, times, seed, replications, count, 0)
    failed = _failures(scenario, chances, seed, replications, count, 0)
    between = to_ticks(scenario.faults.noticed_after) + to_ticks(scenario.provisioning_delay)
    further = 1
    while failed.any():
        found[failed] += between + _drawn_once(scenario, times, seed, replications, count, further)[failed]
        failed &= _failures(scenario, chances, seed, replications, count, further)
        further += 1
    return found


def _drawn_once(
    scenario: Scenario, purpose: Purpose, seed: int, replications: range, count: int, further: int
) -> NDArray[np.float64]:
    u = _uniforms(seed, purpose, replications, count, further)
    return drawn_ticks(scenario.startup_time, u.ravel()).reshape(u.shape)


def _failures(
    scenario: Scenario, purpose: Purpose, seed: int, replications: range, count: int, further: int
) -> NDArray[np.bool_]:
    if not scenario.faults.startup:
        return np.zeros((len(replications), count), dtype=np.bool_)
    return _uniforms(seed, purpose, replications, count, further) < scenario.faults.startup


def _uniforms(
    seed: int, purpose: Purpose, replications: range, count: int, further: int
) -> NDArray[np.float64]:
    if find_spec("numba") is not None:
        from tv2sim.engines.kernel.philox import draw_uniforms

        return draw_uniforms(seed, purpose, replications, count, further)
    rows = [uniforms(seed, purpose, replication, count, further=further) for replication in replications]
    return np.array(rows).reshape(len(replications), count)


# -- how many publishers are ready (Poisson-binomial) ------------------------------------------------------


_AT_ONCE = 256
"""Times for which the numbers are found together: a processor's cache holds them."""


class Numbers(NamedTuple):
    """The distribution of the number of publishers that are ready, a row for each time."""

    sure: NDArray[np.int64]
    """How many are ready in any case."""
    others: NDArray[np.float64]
    """The probability that so many others are."""

    def below(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability that fewer than `count` are ready."""
        missing = np.minimum(count - self.sure, self.others.shape[1])
        up_to = np.take_along_axis(
            self.others.cumsum(axis=1), np.maximum(missing - 1, 0)[:, np.newaxis], axis=1
        )
        return np.where(missing > 0, up_to[:, 0], 0.0)

    def above(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean of how many more than `count` are ready; none if fewer are."""
        more = self.sure[:, np.newaxis] + np.arange(self.others.shape[1]) - count[:, np.newaxis]
        return np.asarray((np.maximum(more, 0) * self.others).sum(axis=1))


def numbers_ready(
    of_numbers: Callable[[Numbers, slice], NDArray[np.float64]],
    times: NDArray[np.float64],
    begun: NDArray[np.float64],
    ready: Ready,
    first: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return what a function makes of the number of publishers ready by each time.

    Parameters
    ----------
    of_numbers : callable
        Takes the numbers at some of the times, and which times these are; returns a number for each.
    times : numpy.ndarray
        Ticks.
    begun : numpy.ndarray
        When each publisher starts up, ascending; minus infinity if it is ready from the beginning.
    ready : Ready
        The distribution of start-up times.
    first : numpy.ndarray, optional
        For each time, how many of the publishers count, from the first on; default is all.

    Notes
    -----
    Of those that count, the ones that started long before are ready, those that started just before are not,
    and the others are convolved one by one. All terms are positive, so also small probabilities are exact.
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
