"""Rates that change over time, step by step."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tv2sim.errors import InputError, ScenarioError
from tv2sim.fields import Fields, check_fields, or_none, parameter, with_parameters
from tv2sim.validation import LONGEST_TIME, a_number, a_time, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Profile", "a_rate"]


def a_rate(name: str, value: object, *, error: type[InputError], **bounds: float) -> float:
    """Return a number of events per second, of which two are not further apart than the longest time."""
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
        return self.steps[-1][1] if self.period is None else float(self._in_a_period / Fraction(self.period))

    @property
    def _in_a_period(self) -> Fraction:
        pieces = self._within(Fraction(0))
        return sum((rate * (end - begun) for begun, end, rate in pieces if end is not None), Fraction(0))

    def _within(self, start: Fraction) -> Iterator[tuple[Fraction, Fraction | None, Fraction]]:
        """Yield (begun, end, rate) of each step from a time on, to the end of the period or for ever (None)."""
        ends = [*(begun for begun, _ in self.steps[1:]), self.period]
        for (begun, rate), end in zip(self.steps, ends, strict=True):
            if end is None or end > start:
                last = None if end is None else Fraction(end)
                yield max(Fraction(begun), start), last, Fraction(rate)

    def amount(self, end: float) -> float:
        """Return the integral of the rate from 0 to `end`: the number of requests that are expected by then."""
        periods, rest = (
            (0, Fraction(end)) if self.period is None else divmod(Fraction(end), Fraction(self.period))
        )
        steps = self._within(Fraction(0))
        parts = (rate * (min(rest, last or rest) - begun) for begun, last, rate in steps if begun < rest)
        return float(sum(parts, Fraction(0)) + (periods and periods * self._in_a_period))

    def busiest(self, seconds: float, until: float = math.inf) -> float:
        """Return the largest mean rate in so many seconds, of those that end by `until` if that is later.

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
        return float(self.exact_pause(Fraction(start), Fraction(amount)))

    def exact_pause(self, start: Fraction, amount: Fraction) -> Fraction:
        """Return the same exactly, so that it is rounded once, however it is computed."""
        passed = Fraction(0)
        if self.period is not None:
            start %= Fraction(self.period)
            periods = max(0, amount // self._in_a_period - 1)
            passed, amount = periods * Fraction(self.period), amount - periods * self._in_a_period
        while True:
            for begun, end, rate in self._within(start):
                if end is None or amount <= rate * (end - begun):
                    return passed + amount / rate
                amount -= rate * (end - begun)
                passed += end - begun
            start = Fraction(0)
