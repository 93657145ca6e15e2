"""The pace of the client: how long it pauses before it offers a video, or when a video arrives."""

from __future__ import annotations

from itertools import chain, count, repeat
from math import isnan
from typing import TYPE_CHECKING

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.draws import drawn
from tv2sim.world.distributions import Exponential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simpy import Environment

    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.world.scenario import Scenario

__all__ = ["pauses"]


def pauses(
    env: Environment, scenario: Scenario, startups: StartupTimes, given: Sequence[float]
) -> Iterator[float]:
    """Return for one video after the other the ticks from now until the client may offer it.

    Each is asked for right after the hand-over before it. `given` are the ticks of the videos' submission, NaN
    where unknown.
    """
    poisson, rate = scenario.arrivals == "poisson", scenario.requests_per_second
    if poisson or scenario.encoders is None:
        times = given if scenario.encoders is None else None
        return _fixed(env, _pause(scenario, startups), times, pauses_first=poisson)
    if isinstance(rate, float):
        return chain((0.0,), repeat(to_ticks(scenario.gap)))
    return _after_each_other(env, _pause(scenario, startups))


def _pause(scenario: Scenario, startups: StartupTimes) -> Callable[[float, int], float]:
    """Return a function of a tick and a video: the ticks from then on until the rate lets it come."""
    rate = scenario.requests_per_second
    amount: Callable[[int], float] = _one
    if scenario.arrivals == "poisson":
        amount = drawn("arrivals", Exponential(1), Purpose.PAUSE, startups, ticks=False)
    if isinstance(rate, float):
        return lambda time, video: max(1.0, to_ticks(amount(video) / rate))
    return lambda time, video: rate.ticks_of_pause(time, amount(video))


def _one(video: int) -> float:
    return 1.0


def _after_each_other(env: Environment, pause: Callable[[float, int], float]) -> Iterator[float]:
    """Let the first video come at once, and each other one a pause after the hand-over before it."""
    yield 0.0
    for video in count(1):
        yield pause(env.now, video)


def _fixed(
    env: Environment,
    pause: Callable[[float, int], float],
    given: Sequence[float] | None,
    *,
    pauses_first: bool,
) -> Iterator[float]:
    """Let each video come at an arrival that does not depend on what happens to the others.

    It is the one given, or a pause after the arrival before; `pauses_first`: the first one has a pause, too.
    """
    arrival = 0.0
    for video in count():
        if given is not None and not isnan(given[video]):
            arrival = given[video]
        elif video or pauses_first:
            arrival += pause(arrival, video)
        yield max(0.0, arrival - env.now)
