"""Rates that change over time, step by step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import MISSING, dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import lcm
from typing import TYPE_CHECKING, Any, TypeAlias

from tv2sim.base.checks import LONGEST_TIME, a_number, a_time, shown
from tv2sim.base.errors import InputError, ScenarioError
from tv2sim.base.fields import Fields, check_fields, or_none, parameter, with_parameters
from tv2sim.base.ticks import PER_SECOND, in_decimals


def a_rate(name: str, value: object, *, error: type[InputError], **bounds: float) -> float:
    """Return a number of events per second; the time between two is at most the longest time."""
    rate = a_number(name, value, at_most=1e6, error=error, **(bounds or {"above": 0}))
    if rate and 1 / rate > LONGEST_TIME:
        raise error(f"{name} must leave at most {LONGEST_TIME:.0f} s between two, not {rate!r}")
    return rate


def _steps(name: str, value: Any, *, error: type[InputError]) -> tuple[tuple[float, float], ...]:
    try:
        pairs = [(start, rate) for start, rate in value]
    except (TypeError, ValueError):
        pairs = []
    if not pairs:
        raise error(
            f"{name} must be pairs of (from, rate), such as [(0, 2.0), (3600, 0.5)], not {shown(value)}"
        )
    found = [
        (
            a_time("the start of a step", start, error=error),
            a_rate("a step's rate", rate, at_least=0, error=error),
        )
        for start, rate in pairs
    ]
    starts = [start for start, _ in found]
    if starts[0] != 0 or any(one >= other for one, other in pairwise(starts)):
        raise error(f"{name} must begin at 0 and follow each other in time, not start at {shown(starts)}")
    return tuple(found)


@with_parameters
@dataclass(frozen=True)
class Profile(Fields):
    """A rate that changes over time, for :attr:`Scenario.requests_per_second`.

    {parameters}

    Raises
    ------
    ScenarioError
        If a value is impossible, or the rate stays 0.

    Examples
    --------
    Two requests a second by day, one in ten seconds by night:

    >>> day = Profile([(0, 2.0), (57_600, 0.1)], period=86_400)
    >>> day.mean.__round__(3)
    1.367
    >>> Profile([(0, 2.0), (10, 0.5)]).pause(9.75)
    1.25
    """

    steps: tuple[tuple[float, float], ...] = parameter(
        MISSING, _steps,
        text="Pairs of (from, rate): from this second on, the rate is this many per second.",
    )  # fmt: skip
    period: float | None = parameter(
        None, or_none(a_time), above=0,
        text="Seconds after which the steps begin again. None: the last rate lasts for ever.",
    )  # fmt: skip

    _error = ScenarioError
    _is_one_value = True

    if TYPE_CHECKING:

        def __init__(self, steps: Iterable[tuple[float, float]], period: float | None = None) -> None: ...

    def __post_init__(self) -> None:
        check_fields(self, error=self._error, owner="Profile's ")
        last = self.steps[-1]
        if self.period is not None and self.period <= last[0]:
            raise ScenarioError(
                f"Profile's period must be longer than its steps, {last[0]:g} s, not {self.period:g}"
            )
        a_rate("Profile's mean rate", self.mean, error=ScenarioError)

    def __str__(self) -> str:
        steps = ", ".join(f"{rate:g} from {start:g} s" for start, rate in self.steps)
        return steps if self.period is None else f"{steps}, again every {self.period:g} s"

    @property
    def mean(self) -> float:
        """The rate in the long run, per second."""
        scale, steps = self._whole  # computed as it is made, so that equal profiles always have the same state
        period = steps[-1][1]
        return self.steps[-1][1] if period is None else float(Fraction(_area(steps), period * scale))

    @cached_property
    def _whole(self) -> tuple[int, list[_Step]]:
        """A scale, and the steps with times and rates multiplied by the scale, which makes them whole."""
        begun, rates = zip(*self.steps, strict=True)
        ends = (*begun[1:], self.period)
        numbers = [Fraction(number) for number in (*begun, *rates, self.period or 0)]
        scale = lcm(*(number.denominator for number in numbers))

        def whole(number: float) -> int:
            return int(Fraction(number) * scale)

        return scale, [
            (whole(start), None if end is None else whole(end), whole(rate))
            for start, end, rate in zip(begun, ends, rates, strict=True)
        ]

    def at(self, time: float) -> float:
        """Return the rate at a time, in seconds.

        >>> day = Profile([(0, 2.0), (57_600, 0.1)], period=86_400)
        >>> day.at(57_599), day.at(57_600), day.at(86_400)
        (2.0, 0.1, 2.0)
        """
        moment = time if self.period is None else time % self.period
        return self.steps[bisect_right(self.steps, (moment, math.inf)) - 1][1]

    def scaled(self, factor: float) -> Profile:
        """Return the profile with all rates multiplied by a factor.

        >>> Profile([(0, 2.0), (10, 0.5)]).scaled(1.1)
        Profile(steps=((0.0, 2.2), (10.0, 0.55)), period=None)
        """
        return Profile([(start, in_decimals(factor * rate)) for start, rate in self.steps], self.period)

    def amount(self, end: float) -> float:
        """Return the integral of the rate from 0 to `end`: the number of requests that are expected by then."""
        scale, steps = self._whole
        rest, parts = (scale * Fraction(end)).as_integer_ratio()
        period = steps[-1][1]
        periods, rest = (0, rest) if period is None else divmod(rest, period * parts)
        in_the_rest = sum(
            rate * (min(rest, last * parts if last else rest) - begun * parts)
            for begun, last, rate in steps
            if begun * parts < rest
        )
        return float(Fraction(periods * _area(steps) * parts + in_the_rest, scale * scale * parts))

    def busiest(self, seconds: float, until: float = math.inf) -> float:
        """Return the largest mean rate in a window of `seconds`; windows end by `until`, or begin at 0.

        >>> Profile([(0, 1), (100, 3), (130, 1)]).busiest(60)
        2.0
        """
        ends = [start for start, _ in self.steps] + ([] if self.period is None else [self.period])
        again = (0.0,) if self.period is None else (0.0, self.period)
        starts = {
            max(0.0, end + later - before) for end in ends for later in again for before in (0.0, seconds)
        }
        last = max(0.0, until - seconds)
        starts = {min(start, last) for start in starts}
        return max(self.amount(start + seconds) - self.amount(start) for start in starts) / seconds

    def pause(self, start: float, amount: float = 1.0) -> float:
        """Return the seconds from `start` until the integral of the rate has grown by `amount`."""
        return float(self.exact_pause(Fraction(start), amount))

    def ticks_of_pause(self, time: float, amount: float) -> float:
        """Return the pause from a tick in ticks: at least one, rounded once."""
        return float(max(1, round(self.exact_pause(int(time), amount, PER_SECOND))))

    def exact_pause(self, start: Fraction | int, amount: float, per_second: int = 1) -> Fraction:
        """Return the pause as an exact fraction; `start` and the pause are in units of 1/`per_second` s."""
        # in whole numbers, since fractions take many times as long
        scale, steps = self._whole
        now, parts = start.as_integer_ratio()
        left, per_amount = amount.as_integer_ratio()
        unit, parts = scale * parts, parts * per_second
        steps = [(begun * parts, end and end * parts, rate * per_amount) for begun, end, rate in steps]
        now, passed, left = now * scale, 0, left * scale * scale * parts
        if period := steps[-1][1]:
            now %= period
            periods = max(0, left // _area(steps) - 1)
            passed, left = periods * period, left - periods * _area(steps)
        while True:
            for begun, end, rate in steps:
                if end is not None and end <= now:
                    continue
                if end is None or left <= (room := rate * (end - max(begun, now))):
                    return Fraction(passed * rate + left, rate * unit)
                left -= room
                passed += end - max(begun, now)
            now = 0


_Step: TypeAlias = tuple[int, int | None, int]
"""Start and end of a step (None: it has no end), and its rate."""


def _area(steps: Iterable[_Step]) -> int:
    """Return the integral of the rate over a period."""
    return sum(rate * (end - begun) for begun, end, rate in steps if end is not None)
