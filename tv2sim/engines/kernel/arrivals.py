"""When videos may be offered: fixed arrivals, a row for each replication, and pauses under a changing rate.

Compiled code adds in floats, and says if that leaves open to which tick a pause is rounded; then
:meth:`tv2sim.world.profiles.Profile.ticks_of_pause` decides, which is exact.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import borrowing, compiled, inlined
from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.engines.kernel.philox import draw_numbers
from tv2sim.world.distributions import Exponential
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.engines.kernel.inputs import World

__all__ = ["before_of", "pause_from", "steps_of"]

_BEGIN, _END, _RATE, _OTHERS = range(4)
_PERIOD, _INEXACT, _HIGHEST, _LOWEST = range(4)
"""Rows of steps: from and to which tick, and the rate in a second; the last one is of the profile."""
_ERROR = 2.0**-50
"""More than the relative error of a few operations."""
_LEAST = 2.0**-14
"""Rates and amounts of at least this have no digit below 2**-67; so what differs, differs by 2**-68 or more."""
_NOTHING = 2.0**-70
_MOST_STEPS = 1000
_QUICK = 2.0**40
_SPLIT = 2.0**27 + 1


def steps_of(rate: float | Profile) -> NDArray[np.float64]:
    """Return the steps of a profile as columns; none for a rate that does not change."""
    if not isinstance(rate, Profile):
        return np.empty((4, 0))
    begins, rates = zip(*rate.steps, strict=True)
    ends = [*begins[1:], inf if rate.period is None else rate.period]
    steps = np.full((4, max(4, len(begins))), inf)
    steps[:_OTHERS, : len(begins)] = (
        np.multiply(begins, PER_SECOND),
        np.multiply(ends, PER_SECOND),
        rates,
    )
    known = [time for time in (*begins, *ends) if time < inf]
    inexact = any(Fraction(time) * PER_SECOND != int(time * PER_SECOND) for time in known)
    period = inf if rate.period is None else rate.period * PER_SECOND
    steps[_OTHERS, :4] = period, inexact, max(rates), min(each for each in rates if each)
    return steps


@inlined
def _product(a: Any, b: Any) -> Any:
    """Return a product, and its rounding error (Dekker 1971)."""
    c, d = _SPLIT * a, _SPLIT * b
    a1, b1 = c - (c - a), d - (d - b)
    a2, b2 = a - a1, b - b1
    product = a * b
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


@inlined
def _sum(a: Any, b: Any) -> Any:
    """Return a sum, and its rounding error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@inlined
def _less(high: Any, low: Any, rate: Any, ticks: Any) -> Any:
    """Return a number of twice as many digits, less a product."""
    product, error = _product(rate, ticks)
    s1, s2 = _sum(high, -product)
    t1, t2 = _sum(low, -error)
    s1, s2 = _sum(s1, s2 + t1)
    return _sum(s1, s2 + t2)


@borrowing
def pause_from(time: Any, amount: Any, steps: Any) -> Any:
    """Return the ticks from a time on until the integral of the rate has grown so much, NaN if it is open."""
    period, inexact = steps[_OTHERS, _PERIOD], steps[_OTHERS, _INEXACT]
    at, k = time, 0
    if period < inf:
        at -= np.floor(time / period) * period
        if at >= period:  # by rounding
            at = 0.0
    while not steps[_END, k] > at:
        k += 1
    rate = steps[_RATE, k]
    found = amount * PER_SECOND / rate if rate > 0 else inf
    if at + found < steps[_END, k] - 1 and at - steps[_BEGIN, k] >= 2 * inexact and found < _QUICK:
        whole = np.rint(found)  # within one step
        return max(1.0, whole) if abs(found - whole) < 0.499 else _rounded(amount, rate)
    return _over_steps(time, at, k, amount, steps)


@inlined
def _rounded(amount: Any, rate: Any) -> Any:
    """Return a pause at one rate that ends about halfway between two ticks."""
    high, low = _product(amount, float(PER_SECOND))
    whole = np.floor(high / rate)
    more, _ = _less(high, low, rate, whole + 0.5)
    if abs(more) <= _NOTHING:
        return max(1.0, whole + whole % 2) if min(amount, rate) >= _LEAST else nan
    return max(1.0, whole + 1 if more > 0 else whole)


@borrowing
def _over_steps(time: Any, at: Any, k: Any, amount: Any, steps: Any) -> Any:
    """Return a pause that begins at `at` of a period, in step `k`, with twice as many digits as floats have."""
    inexact, count = steps[_OTHERS, _INEXACT], steps.shape[1]
    sure = not inexact and min(amount, steps[_OTHERS, _LOWEST]) >= _LEAST
    high, low = _product(amount, float(PER_SECOND))  # what is left: rates times ticks
    least = _NOTHING if sure else high * 2.0**-80
    passed = 0.0
    for _ in range(_MOST_STEPS):
        end, rate = steps[_END, k], steps[_RATE, k]
        following = k + 1 if k + 1 < count and steps[_BEGIN, k + 1] < inf else 0
        begun = max(steps[_BEGIN, k], at)
        error = least + inexact * steps[_OTHERS, _HIGHEST] * _ERROR * (time + passed + begun)
        more, less = -1.0, 0.0
        if rate == 0:
            more, less = high, low
        elif end < inf:
            more, less = _less(high, low, rate, end - begun)
        if abs(more) <= error and steps[_RATE, following] == 0 and not sure:
            return nan
        if more <= (_NOTHING if sure else 0.0) and rate > 0:
            whole = np.floor(passed + high / rate)
            more, less = _less(high, low, rate, whole + 0.5 - passed)
            if abs(more) <= error:
                return max(1.0, whole + whole % 2) if sure else nan
            return max(1.0, whole + 1 if more > 0 else whole)
        high, low = more, less
        passed += end - begun
        if following == 0:
            at = 0.0
        k = following
    return nan


def before_of(world: World, seed: int, replications: range) -> NDArray[np.float64]:
    """Return before which tick each video is not offered, in a single row if it is the same in all."""
    if not world.fixed_arrivals:
        return world.submitted[np.newaxis]
    scenario, videos = world.scenario, len(world.catalogue)
    rate, poisson = scenario.requests_per_second, scenario.arrivals == "poisson"
    if poisson:
        amounts = draw_numbers(Exponential(1), "arrivals", seed, Purpose.PAUSE, replications, videos)
    else:
        amounts = np.ones((1, videos))
    pauses = amounts if isinstance(rate, Profile) else np.maximum(1.0, whole_ticks(amounts / rate))
    if not poisson:
        pauses[:, 0] = 0.0
    given = world.given if scenario.encoders is None else np.full(videos, nan)
    out, open_ = np.empty_like(pauses), np.zeros(len(pauses), dtype=np.bool_)
    _arrive(pauses, given, world.submitted, steps_of(rate), out, open_)
    for row in np.flatnonzero(open_).tolist():
        assert isinstance(rate, Profile)
        _arrive_exactly(pauses[row], given, world.submitted, rate, out[row])
    return out


@compiled
def _arrive(pauses: Any, given: Any, submitted: Any, steps: Any, out: Any, open_: Any) -> None:
    """Fill in the arrivals of each replication; say where a pause is open."""
    changing = steps.shape[1] > 0
    for r in range(len(pauses)):
        arrival = 0.0
        for video in range(len(given)):
            time = pauses[r, video]
            if given[video] == given[video]:
                arrival = given[video]
            elif time > 0:
                arrival += pause_from(arrival, time, steps) if changing else time
            if arrival != arrival:
                open_[r] = True
                break
            out[r, video] = max(arrival, submitted[video])


def _arrive_exactly(
    amounts: NDArray[np.float64],
    given: NDArray[np.float64],
    submitted: NDArray[np.float64],
    profile: Profile,
    out: NDArray[np.float64],
) -> None:
    arrival = 0.0
    for video, (amount, known) in enumerate(zip(amounts.tolist(), given.tolist(), strict=True)):
        if known == known:
            arrival = known
        elif amount > 0:
            arrival += profile.ticks_of_pause(arrival, amount)
        out[video] = max(arrival, submitted[video])
