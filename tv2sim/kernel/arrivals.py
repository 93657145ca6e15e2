"""When videos may be offered: fixed arrivals, a row for each replication, and pauses under a changing rate.

Compiled code adds in floats, and says if that leaves open to which tick a pause is rounded; then
:meth:`tv2sim.profiles.Profile.ticks_of_pause` decides, which is exact.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.distributions import Exponential
from tv2sim.draws import Purpose
from tv2sim.kernel.compiled import borrowing, compiled
from tv2sim.kernel.draws import draw_numbers
from tv2sim.profiles import Profile
from tv2sim.ticks import PER_SECOND, whole_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.kernel.world import World

__all__ = ["before_of", "pause_from", "steps_of"]

_BEGIN, _END, _RATE, _EVEN, _OTHERS = range(5)
_PERIOD, _AREA, _INEXACT, _HIGHEST = range(4)
"""Rows of steps: ticks, the rate in a tick, the even pause within a step; the last one is of the profile."""
_ERROR = 2.0**-50
"""More than the relative error of a few operations."""


def steps_of(rate: float | Profile) -> NDArray[np.float64]:
    """Return the steps of a profile as columns; none for a rate that does not change."""
    if not isinstance(rate, Profile):
        return np.empty((5, 0))
    begins = [begin for begin, _ in rate.steps]
    steps = np.zeros((5, max(4, len(begins))))
    steps[_BEGIN], steps[_END] = inf, inf
    for column, ((begin, height), end) in enumerate(zip(rate.steps, [*begins[1:], rate.period], strict=True)):
        steps[_BEGIN, column] = begin * PER_SECOND
        steps[_END, column] = inf if end is None else end * PER_SECOND
        steps[_RATE, column] = height / PER_SECOND
        steps[_EVEN, column] = max(1, round(PER_SECOND / Fraction(height))) if height else nan
    steps[_OTHERS, _PERIOD] = inf
    if rate.period is not None:
        steps[_OTHERS, _PERIOD] = rate.period * PER_SECOND
        steps[_OTHERS, _AREA] = rate.mean * rate.period
    times = [*begins, rate.period or 0.0]
    exact = all(Fraction(time) * PER_SECOND == int(time * PER_SECOND) for time in times)
    steps[_OTHERS, _INEXACT], steps[_OTHERS, _HIGHEST] = not exact, steps[_RATE].max()
    return steps


@borrowing
def pause_from(time: Any, amount: Any, steps: Any) -> Any:
    """Return the ticks from a time on until the integral of the rate has grown so much, NaN if it is open."""
    period, inexact = steps[_OTHERS, _PERIOD], steps[_OTHERS, _INEXACT]
    highest = inexact * steps[_OTHERS, _HIGHEST]
    at, passed, left, error = time, 0.0, amount, amount * _ERROR
    if period < inf:
        at -= np.floor(time / period) * period
        area = steps[_OTHERS, _AREA]
        periods = max(0.0, np.floor(amount / area) - 1.0)
        passed, left = periods * period, amount - periods * area
    k, count = 0, steps.shape[1]
    while True:
        end = steps[_END, k]
        if end > at:
            rate = steps[_RATE, k]
            begun = max(steps[_BEGIN, k], at)
            area = rate * (end - begun) if rate > 0 else 0.0
            error += amount * _ERROR + highest * _ERROR * (time + begun)
            following = k + 1 if k + 1 < count and steps[_BEGIN, k + 1] < inf else 0
            if abs(left - area) <= error and not steps[_RATE, following] > 0:
                return nan
            if left <= area and rate > 0:
                is_whole = amount == 1.0 and passed == 0.0 and left == 1.0 and left + error < area
                if is_whole and at - steps[_BEGIN, k] >= inexact * (1 + _ERROR * time):
                    return steps[_EVEN, k]
                found = passed + left / rate
                whole = np.rint(found)
                open_ = 0.5 - abs(found - whole) <= error / rate + _ERROR * (found + inexact * (time + found))
                return nan if open_ else max(1.0, whole)
            left -= area
            passed += end - begun
        k += 1
        if k == count or steps[_BEGIN, k] == inf:
            k, at = 0, 0.0


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
