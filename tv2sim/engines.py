"""The door to the engines: which of them simulates, and how many replications it takes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tv2sim.errors import InputError
from tv2sim.model import Observer, System, run_model, startup_times
from tv2sim.validation import one_of

if TYPE_CHECKING:
    from simpy import Environment

    from tv2sim.catalogue import Catalogue
    from tv2sim.facts import Facts
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["chunks_of", "engine_named", "live_system", "simulate_chunk", "simulate_one"]


class Engine(NamedTuple):
    """What simulates chunks of replications.

    Attributes
    ----------
    simulate : callable
        Takes catalogue, strategy, scenario, seed and a range of replications, and yields the facts of each.
    replications, entities : int
        The largest chunk: so many replications, and so many videos and prewarmed publishers in all of them.
    """

    simulate: Callable[[Catalogue, Strategy, Scenario, int, range], Iterator[Facts]]
    replications: int
    entities: int


def engine_named(engine: object) -> str:
    """Return the name of the engine to use; "auto" leaves the choice to this function.

    Raises
    ------
    InputError
        If there is no such engine.
    """
    one_of("engine", engine, ("auto", *_ENGINES), error=InputError)
    return "simpy" if engine == "auto" else str(engine)


def simulate_one(
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    *,
    seed: int,
    replication: int,
    observers: Sequence[Observer] = (),
    offered: Iterable[int] | None = None,
    env: Environment | None = None,
    own: bytearray | None = None,
) -> Facts:
    """Simulate one replication, observed or on another clock if that is asked for; see :func:`run_model`."""
    return run_model(
        catalogue,
        strategy,
        scenario,
        seed=seed,
        replication=replication,
        observers=observers,
        offered=offered,
        env=env,
        own=own,
    )


def live_system(
    env: Environment,
    strategy: Strategy,
    scenario: Scenario,
    *,
    seed: int,
    replication: int,
    observers: Sequence[Observer] = (),
    own: bytearray | None = None,
) -> System:
    """Return a system to which videos can be added while it runs."""
    return System(env, strategy, scenario, seed=seed, replication=replication, observers=observers, own=own)


def simulate_chunk(
    engine: str, catalogue: Catalogue, strategy: Strategy, scenario: Scenario, seed: int, replications: range
) -> Iterator[Facts]:
    """Simulate replications and yield the facts of each, in their order."""
    return _ENGINES[engine].simulate(catalogue, strategy, scenario, seed, replications)


def chunks_of(engine: str, catalogue: Catalogue, strategy: Strategy, replications: range) -> Iterator[range]:
    """Cut replications at the multiples of an engine's chunk size.

    The size depends on the engine, the catalogue and the strategy alone, so that the same chunks come out
    wherever and whenever they are simulated.
    """
    largest = _ENGINES[engine]
    entities = max(1, len(catalogue) + strategy.prewarmed)
    size = max(1, min(largest.replications, largest.entities // entities))
    start = replications.start
    while start < replications.stop:
        stop = min(start - start % size + size, replications.stop)
        yield range(start, stop)
        start = stop


def _simpy(
    catalogue: Catalogue, strategy: Strategy, scenario: Scenario, seed: int, replications: range
) -> Iterator[Facts]:
    several = startup_times(scenario.startup_time, seed, replications, len(catalogue), strategy.prewarmed)
    for replication, startups in zip(replications, several, strict=True):
        yield run_model(catalogue, strategy, scenario, seed=seed, replication=replication, startups=startups)


_ENGINES = {"simpy": Engine(_simpy, replications=25, entities=5000)}
"""By name."""
