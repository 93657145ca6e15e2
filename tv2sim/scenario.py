"""The world that a strategy works in: encoders, requests, start-up times, queue and cut-off."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim import plain
from tv2sim.distributions import DISTRIBUTIONS, Distribution, Uniform, as_distribution
from tv2sim.errors import ScenarioError
from tv2sim.validation import LONGEST_TIME, a_number, a_time, a_whole_number, with_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Explanation", "Scenario"]

_TIGHT = 1.1
"""A pool whose capacity is below this multiple of the arrival rate makes videos wait for long."""


@dataclass(frozen=True)
class Scenario:
    """Everything that is not the strategy; checked when it is made, and immutable.

    Parameters
    ----------
    encoders : int
        How many videos can be encoded at once; at least 1.
    requests_per_second : float
        The client offers its next video 1/`requests_per_second` s after an encoder took the last one.
    startup_time : Distribution, float or str
        Seconds from a publisher's start until it is ready: a distribution, a number for a constant, or a
        text such as ``"uniform(2, 6)"``.
    publishing_time : float
        Seconds that a publisher needs for its video.
    publishing_queue_capacity : int or None
        How many encoded videos may wait for any publisher; more keep their encoders. None: no limit.
    until : float or None
        The cut-off in seconds: what happens at that very time still counts. None: run to the end.

    Raises
    ------
    ScenarioError
        If a value is impossible, quoting it.

    Examples
    --------
    >>> Scenario(encoders=5).replace(startup_time=4).startup_time
    Constant(value=4.0)
    >>> Scenario(encoders=0)
    Traceback (most recent call last):
    tv2sim.errors.ScenarioError: encoders must be a whole number of at least 1, not 0
    """

    encoders: int = 10
    requests_per_second: float = 2.0
    startup_time: Distribution = field(default_factory=lambda: Uniform(2, 6))
    publishing_time: float = 0.0
    publishing_queue_capacity: int | None = 100
    until: float | None = None

    if TYPE_CHECKING:
        # what the generated one accepts, since __post_init__ makes a distribution of `startup_time`

        def __init__(
            self,
            encoders: int = 10,
            requests_per_second: float = 2.0,
            startup_time: Distribution | float | str = ...,
            publishing_time: float = 0.0,
            publishing_queue_capacity: int | None = 100,
            until: float | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        self._set("encoders", a_whole_number("encoders", self.encoders, at_least=1, error=ScenarioError))
        rate = a_number(
            "requests_per_second", self.requests_per_second, above=0, at_most=1e6, error=ScenarioError
        )
        if 1 / rate > LONGEST_TIME:
            raise ScenarioError(
                f"requests_per_second must leave at most {LONGEST_TIME:.0f} s between two, not {rate!r}"
            )
        self._set("requests_per_second", rate)
        self._set("startup_time", as_distribution("startup_time", self.startup_time))
        self._set("publishing_time", a_time("publishing_time", self.publishing_time, error=ScenarioError))
        if (capacity := self.publishing_queue_capacity) is not None:
            name = "publishing_queue_capacity, if not None,"
            self._set(
                "publishing_queue_capacity", a_whole_number(name, capacity, at_least=0, error=ScenarioError)
            )
        if self.until is not None:
            self._set("until", a_time("until, if not None,", self.until, above=0, error=ScenarioError))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def gap(self) -> float:
        """Seconds from a hand-over until the client offers the next video."""
        return 1 / self.requests_per_second

    def replace(self, **changes: Any) -> Scenario:
        """Return a copy with some values changed, checked again.

        Raises
        ------
        ScenarioError
            If a name is unknown or a value impossible.
        """
        return with_changes(self, "a scenario", changes, error=ScenarioError)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, which :meth:`from_dict` takes back."""
        return plain.to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scenario:
        """Return the scenario that :meth:`to_dict` described.

        >>> Scenario.from_dict(Scenario(until=60).to_dict()) == Scenario(until=60)
        True
        """
        try:
            scenario: Scenario = plain.from_dict(data, cls, *DISTRIBUTIONS)
        except LookupError as error:
            known = ", ".join(kind.__name__.lower() for kind in DISTRIBUTIONS)
            raise ScenarioError(f"a distribution's kind must be one of {known}, not {error}") from error
        return scenario

    def explain(self, encoding_time: Any = None, *, prewarmed: int | None = None) -> Explanation:
        """Say, before anything is simulated, what load this offers and whether a pool keeps up with it.

        Parameters
        ----------
        encoding_time : Catalogue, float or array, optional
            The videos, or their encoding times in seconds, or the mean of these.
        prewarmed : int, optional
            The size of the pool of prewarmed publishers to judge.

        Raises
        ------
        ScenarioError
            If one of them is impossible.

        Examples
        --------
        >>> print(Scenario().explain(encoding_time=3.2, prewarmed=8))
        offered load: 2 requests/s x 3.2 s encoding = 6.4 encoders' work, 64 % of each of 10
        arrivals at the publishing stage: 2 videos/s
        pool: 8 publishers / 4 s mean start-up = 2 videos/s
        warning: a pool of 8 just keeps up with 2 requests/s: waits grow without bound in a long run
        """
        encoding_time = getattr(encoding_time, "encoding_time", encoding_time)
        mean = None
        if encoding_time is not None:
            mean = a_number("encoding_time", _mean(encoding_time), error=ScenarioError)
        rate = self.requests_per_second
        if mean:
            rate = min(rate, self.encoders / mean)
        startup = self.startup_time.mean
        capacity = None
        if prewarmed is not None:
            prewarmed = a_whole_number("prewarmed", prewarmed, at_least=0, error=ScenarioError)
            capacity = prewarmed / startup if startup > 0 else math.inf
        load = None if mean is None else self.requests_per_second * mean / self.encoders
        return Explanation(self, mean, load, rate, prewarmed, capacity)


def _mean(values: float | NDArray[np.float64]) -> float:
    return float(values.mean()) if isinstance(values, np.ndarray) else values


@dataclass(frozen=True)
class Explanation:
    """What :meth:`Scenario.explain` found; ``str()`` of it is for people.

    Attributes
    ----------
    scenario : Scenario
        The scenario that is explained.
    encoding_time : float or None
        Mean encoding time, seconds.
    load_per_encoder : float or None
        Offered work per encoder; above 1 the client is held back.
    arrival_rate : float
        Videos per second that reach the publishing stage: the requested rate, or what the encoders can do.
    prewarmed : int or None
        The pool's size.
    pool_capacity : float or None
        Videos per second that the pool can serve: its size over the mean start-up time.
    """

    scenario: Scenario
    encoding_time: float | None
    load_per_encoder: float | None
    arrival_rate: float
    prewarmed: int | None
    pool_capacity: float | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to be aware of, a sentence each."""
        found = []
        requested = f"{self.scenario.requests_per_second:g} requests/s"
        if self.load_per_encoder is not None and self.load_per_encoder > 1:
            found.append(
                f"{self.scenario.encoders} encoders cannot take {requested}: the client is held back to "
                f"{self.arrival_rate:.3g} videos/s"
            )
        if self.pool_capacity is not None:
            ratio = self.pool_capacity / self.arrival_rate
            at_rate = (
                requested
                if self.arrival_rate == self.scenario.requests_per_second
                else (f"{self.arrival_rate:.3g} videos/s")
            )
            if self.prewarmed == 0:
                found.append("a pool of 0 publishes nothing unless publishers are started otherwise")
            elif math.isclose(ratio, 1):
                found.append(
                    f"a pool of {self.prewarmed} just keeps up with {at_rate}: "
                    f"waits grow without bound in a long run"
                )
            elif ratio < 1:
                found.append(f"a pool of {self.prewarmed} cannot keep up with {at_rate}: waits grow steadily")
            elif ratio < _TIGHT:
                found.append(f"a pool of {self.prewarmed} barely keeps up with {at_rate}: expect long waits")
        return tuple(found)

    def __str__(self) -> str:
        rate = self.scenario.requests_per_second
        lines = []
        if self.encoding_time is not None and self.load_per_encoder is not None:
            lines.append(
                f"offered load: {rate:g} requests/s x {self.encoding_time:.3g} s encoding = "
                f"{rate * self.encoding_time:.3g} encoders' work, {self.load_per_encoder:.0%} of each of "
                f"{self.scenario.encoders}".replace("%", " %")
            )
        lines.append(f"arrivals at the publishing stage: {self.arrival_rate:.3g} videos/s")
        if self.pool_capacity is not None:
            lines.append(
                f"pool: {self.prewarmed} publishers / {self.scenario.startup_time.mean:.3g} s mean start-up = "
                f"{self.pool_capacity:.3g} videos/s"
            )
        return "\n".join(lines + [f"warning: {warning}" for warning in self.warnings])
