"""Rates that change over time, step by step."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from itertools import pairwise
from math import inf
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

    @property
    def mean(self) -> float:
        """The rate in the long run, per second."""
        return self.steps[-1][1] if self.period is None else self._in_a_period / self.period

    @property
    def _in_a_period(self) -> float:
        return sum(rate * (end - start) for start, end, rate in self._within(0.0))

    def _within(self, start: float) -> Iterator[tuple[float, float, float]]:
        """Yield the pieces (start, end, rate) from a time on, up to the end of the period, or for ever."""
        ends = [step[0] for step in self.steps[1:]] + [inf if self.period is None else self.period]
        for (begun, rate), end in zip(self.steps, ends, strict=True):
            if end > start:
                yield max(begun, start), end, rate

    def pause(self, start: float, amount: float = 1.0) -> float:
        """Return the seconds from `start` until the integral of the rate has grown by `amount`."""
        passed = 0.0
        if self.period is not None:
            start %= self.period
            periods = max(0.0, amount // self._in_a_period - 1)
            passed, amount = periods * self.period, amount - periods * self._in_a_period
        while True:
            for begun, end, rate in self._within(start):
                if amount <= rate * (end - begun):
                    return passed + amount / rate
                amount -= rate * (end - begun)
                passed += end - begun
            start = 0.0
