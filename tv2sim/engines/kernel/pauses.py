"""The client's pauses under a rate that changes over time, compiled.

Compiled code adds in floats, and returns NaN if that leaves open to which tick a pause is rounded. Then
:meth:`tv2sim.world.profiles.Profile.ticks_of_pause` decides, which is exact.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import borrowing, inlined
from tv2sim.base.ticks import PER_SECOND
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pause_from", "steps_of"]

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
