"""The door to the engines: which of them simulates, and how many replications it takes at once.

Nothing else reaches the model: :func:`tv2sim.simulate` and replays by :func:`simulate_one`, replications and
comparisons by :func:`simulate_chunk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tv2sim.errors import InputError
from tv2sim.model import UsersError, run_model, startup_times
from tv2sim.validation import one_of

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.facts import Facts
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["chunks_of", "engine_named", "simulate_chunk", "simulate_one"]


class Engine(NamedTuple):
    """What simulates chunks of replications.

    Attributes
    ----------
    simulate : callable
        As :func:`simulate_chunk`, without the engine's name.
    replications, entities : int
        The largest chunk: so many replications, and so many videos and prewarmed publishers in all of them.
    """

    simulate: Callable[..., Iterator[Facts]]
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


def simulate_chunk(
    engine: str,
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replications: range,
    **watched: Any,
) -> Iterator[Facts]:
    """Simulate replications and yield the facts of each, in their order.

    Parameters
    ----------
    engine : str
        As :func:`engine_named` returns it.
    catalogue, strategy, scenario, seed, replications
        What to simulate.
    **watched
        How it is watched, put on another clock, or fed while it runs: see :func:`tv2sim.model.run_model`.
    """
    try:
        yield from _ENGINES[engine].simulate(catalogue, strategy, scenario, seed, replications, **watched)
    except UsersError as carrier:
        raise carrier.error from None


def simulate_one(
    engine: str,
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replication: int,
    **watched: Any,
) -> Facts:
    """Simulate one replication, as :func:`simulate_chunk` does several, and return its facts.

    What a user's code raises comes out as it is; a generator would turn a StopIteration into a RuntimeError.
    """
    one = range(replication, replication + 1)
    try:
        (facts,) = _ENGINES[engine].simulate(catalogue, strategy, scenario, seed, one, **watched)
    except UsersError as carrier:
        raise carrier.error from None
    return facts


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
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replications: range,
    **watched: Any,
) -> Iterator[Facts]:
    several = startup_times(scenario.startup_time, seed, replications, len(catalogue), strategy.prewarmed)
    for startups in several:
        yield run_model(catalogue, strategy, scenario, startups, **watched)


_ENGINES = {"simpy": Engine(_simpy, replications=25, entities=5000)}
"""By name."""
