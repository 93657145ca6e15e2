"""The time from the order of a publisher until one is ready, start-ups that fail included."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, inf
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.world.distributions import EXTREMES, drawn_ticks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.world.scenario import Scenario

__all__ = ["Ready", "ready_times"]

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
    reached = np.cumsum((1 - faults.startup) * _times_geometric(one, again))
    reached = np.where(first > 0, np.minimum(reached, 1.0), 0.0)
    begins, full = (np.flatnonzero(of)[:1] * step for of in (reached > 0, reached >= 1 - _NOTHING))
    return Ready(
        lambda ticks: reached[np.clip(ticks // step, 0, points - 1).astype(np.int64)] * (ticks >= 0),
        float(begins.min(initial=inf)),
        float(full.min(initial=inf)),
    )


def _times_geometric(one: NDArray[np.float64], again: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the convolution of a sequence with 1 + a + a * a + a * a * a + ..., up to its length.

    It is (1 + a)(1 + a^2)(1 + a^4)..., in which the powers become negligible soon.
    """
    size = 2 ** (2 * len(one) - 1).bit_length()
    while again.sum() > _NOTHING:
        power = np.fft.rfft(again, size)
        one = one + np.maximum(np.fft.irfft(np.fft.rfft(one, size) * power, size)[: len(one)], 0)
        again = np.maximum(np.fft.irfft(power * power, size)[: len(one)], 0)
    return one
