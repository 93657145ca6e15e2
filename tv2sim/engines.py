"""The engines: which one simulates, and how many replications it simulates at once.

The model is called from here only. :func:`tv2sim.simulate` and replays use :func:`simulate_one`; replications
and comparisons use :func:`simulate_chunk`.
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
    """An engine, and the largest chunk of replications that it simulates at once.

    Attributes
    ----------
    simulate : callable
        The same as :func:`simulate_chunk`, without the argument `engine`.
    replications, entities : int
        The most replications in a chunk, and the most videos and prewarmed publishers in all of them together.
    """

    simulate: Callable[..., Iterator[Facts]]
    replications: int
    entities: int


def engine_named(engine: object) -> str:
    """Return the name of the engine to use; for "auto" one is chosen.

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
    """Simulate replications and yield the facts of each, in the order of their numbers.

    Parameters
    ----------
    engine : str
        A name that :func:`engine_named` returned.
    catalogue, strategy, scenario, seed, replications
        What to simulate.
    **watched
        Observers, progress, clock and feed: keyword arguments of :func:`tv2sim.model.run_model`.
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

    It does not call that function: a generator turns a StopIteration of a user's code into a RuntimeError.
    """
    one = range(replication, replication + 1)
    try:
        (facts,) = _ENGINES[engine].simulate(catalogue, strategy, scenario, seed, one, **watched)
    except UsersError as carrier:
        raise carrier.error from None
    return facts


def chunks_of(engine: str, catalogue: Catalogue, strategy: Strategy, replications: range) -> Iterator[range]:
    """Divide replications into chunks, at the multiples of the engine's chunk size.

    Invariant: the size depends only on the engine, the catalogue and the strategy, and never on timing. So the
    chunks are the same in every process and on every machine.
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
"""The engines by name."""
