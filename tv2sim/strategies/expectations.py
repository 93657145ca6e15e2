"""What the coverage rule knows of a world before a run."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.strategies.coverage import Coverage, Startups, coverage, startups
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.strategies.coverage import Arrivals
    from tv2sim.strategies.strategy import Strategy
    from tv2sim.world.distributions import Distribution
    from tv2sim.world.scenario import Scenario

__all__ = ["knowledge"]


def knowledge(strategy: Strategy, catalogue: Catalogue, scenario: Scenario) -> Coverage:
    """Return what the rule knows: the start-up time, the client's rate, and the mix of a forecast.

    A catalogue whose videos have times, in a world without encoders, comes at random with its mean rate.
    """
    from tv2sim.strategies.strategy import submitted_rate

    rate = submitted_rate(catalogue) if scenario.encoders is None else None
    arrivals: Arrivals = "poisson" if rate is not None or scenario.arrivals == "poisson" else "even"
    forecast: Any = strategy.forecast
    if forecast is not None and forecast != "online":
        forecast = [
            (0.0 if scenario.encoders is None else to_ticks(encoding), to_ticks(timeout))
            for encoding, timeout, number in forecast
            for _ in range(number)
        ]
    return coverage(
        _startups(scenario.startup_time, to_ticks(scenario.provisioning_delay)),
        _gaps(scenario, rate),
        price=strategy.price or 0.0,
        holding=strategy.holds or 0.0,
        startup_fails=scenario.faults.startup,
        publishing=to_ticks(scenario.mean_publishing_time),
        arrivals=arrivals,
        forecast=forecast,
    )


def _gaps(scenario: Scenario, submitted: float | None) -> list[float]:
    """Return the ticks between two videos, for each rate of the client; all alike if the catalogue has one."""
    rate = scenario.requests_per_second
    rates = [one for _, one in rate.steps] if isinstance(rate, Profile) else [rate]
    if submitted is not None:
        return [PER_SECOND / submitted] * len(rates)
    if isinstance(rate, Profile):
        return [max(1.0, PER_SECOND / one) if one else inf for one in rates]
    return [to_ticks(scenario.gap)]


def _startups(startup_time: Distribution, delay: float) -> Startups:
    try:
        return _kept_startups(startup_time, delay)
    except TypeError:  # a user's class without a hash
        return startups(startup_time, delay)


_kept_startups = lru_cache(maxsize=16)(startups)
