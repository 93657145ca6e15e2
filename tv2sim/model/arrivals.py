"""The pace of the client: how long it pauses before it offers a video, or when a video arrives."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tv2sim.distributions import Exponential
from tv2sim.draws import Purpose
from tv2sim.model.startups import Drawn
from tv2sim.ticks import PER_SECOND, to_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simpy import Environment

    from tv2sim.scenario import Scenario

__all__ = ["Pace", "pace"]

Pace: TypeAlias = "Callable[[int], float]"
"""A function that takes the next video and returns the ticks from now until it may be offered."""


def pace(env: Environment, scenario: Scenario, seed: int, replication: int, given: Sequence[float]) -> Pace:
    """Return the pace of a scenario; `given` are the ticks of the videos' submission, NaN where unknown."""
    pause = _pauses(scenario, seed, replication)
    if scenario.arrivals == "poisson" or scenario.encoders is None:
        return _Fixed(
            env, pause, given if scenario.encoders is None else None, first=scenario.arrivals == "poisson"
        )
    constant = isinstance(scenario.requests_per_second, float)
    return _Even(to_ticks(scenario.gap)) if constant else _AfterEachOther(env, pause)


def _pauses(scenario: Scenario, seed: int, replication: int) -> Callable[[float, int], float]:
    """Return a function of a tick and a video: the ticks from then on until the client may offer it."""
    rate = scenario.requests_per_second
    if scenario.arrivals == "even" and isinstance(rate, float):
        gap = to_ticks(scenario.gap)
        return lambda time, video: gap
    amount: Callable[[int], float] = lambda video: 1.0  # noqa: E731
    if scenario.arrivals == "poisson":
        amount = Drawn(seed, replication, Purpose.PAUSE, Exponential(1).quantile)
    if isinstance(rate, float):
        return lambda time, video: max(1.0, to_ticks(amount(video) / rate))
    return lambda time, video: max(1.0, to_ticks(rate.pause(time / PER_SECOND, amount(video))))


class _Even:
    """The first video may be offered at once, each other one a fixed pause after the hand-over before it."""

    def __init__(self, gap: float) -> None:
        self._gap, self._pause = gap, 0.0

    def __call__(self, video: int) -> float:
        pause, self._pause = self._pause, self._gap
        return pause


class _AfterEachOther:
    """Each video may be offered a pause after the hand-over of the one before, the first one at once."""

    def __init__(self, env: Environment, pause: Callable[[float, int], float]) -> None:
        self._env, self._pause = env, pause
        self._first = True

    def __call__(self, video: int) -> float:
        if self._first:
            self._first = False
            return 0.0
        return self._pause(self._env.now, video)


class _Fixed:
    """Each video has an arrival that does not depend on what happens to the others.

    It is the one given, or a pause after the arrival before; `first` says whether the first one has a pause.
    """

    def __init__(
        self,
        env: Environment,
        pause: Callable[[float, int], float],
        given: Sequence[float] | None,
        *,
        first: bool,
    ) -> None:
        self._env, self._pause, self._given = env, pause, given
        self._arrival = 0.0
        self._pauses = first

    def __call__(self, video: int) -> float:
        given = np.nan if self._given is None else self._given[video]
        if not isnan(given):
            self._arrival = given
        elif self._pauses:
            self._arrival += self._pause(self._arrival, video)
        self._pauses = True
        return max(0.0, self._arrival - self._env.now)
