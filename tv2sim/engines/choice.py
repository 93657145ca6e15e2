"""The door to the engines: which of them simulates, and how many replications it takes at once.

Nothing else reaches an engine: :func:`tv2sim.simulate`, theory and replays by :func:`simulate_one`,
replications and comparisons by :func:`measure_chunk`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tv2sim.base.checks import one_of
from tv2sim.base.errors import InputError
from tv2sim.base.fields import unknown_to
from tv2sim.engines.model import Draws, UsersError, run_model
from tv2sim.results.metrics import needs
from tv2sim.strategies import HOOKS, Strategy
from tv2sim.world.scenario import Scenario, check_encoding_times

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.results.facts import Facts

__all__ = [
    "EngineName", "Measured", "as_engine", "chunks_of", "compiles_at_all", "elapsed", "engine_for",
    "engines_for", "explained",
    "measure_by_kernels", "measure_chunk", "package_of", "runs_in_threads", "simulate_chunk", "simulate_one",
]  # fmt: skip

EngineName: TypeAlias = Literal["auto", "simpy", "kernel"]
Measured: TypeAlias = "tuple[Mapping[str, NDArray[np.float64]], NDArray[np.int64]]"
"""For each metric one value per replication, and how often each video was on time."""

WorldToSimulate: TypeAlias = "tuple[Catalogue, Strategy, Scenario]"

_WORTH_IT = 25_000
"""Videos times replications from which "auto" takes the kernel: loading it takes as long as SimPy here."""
_SECONDS_PER_VIDEO = 1e-4
"""About how long the SimPy model simulates one."""


class Engine(NamedTuple):
    """What simulates chunks of replications.

    Attributes
    ----------
    simulate : callable
        As :func:`simulate_chunk`, without the engine's name.
    measure : callable or None
        As :func:`measure_chunk`, without the engine's name, if it can compute metrics without facts.
    elapsed : callable or None
        As :func:`elapsed`, without the engine's name, if it can do that without facts.
    replications, entities : int
        The largest chunk: so many replications, and so many videos and prewarmed publishers in all of them.
    package : str
        What it is made with.
    threads : bool
        Whether it releases the GIL, so that threads simulate side by side.
    """

    simulate: Callable[..., Iterator[Facts]]
    measure: Callable[..., Measured] | None
    elapsed: Callable[..., NDArray[np.float64]] | None
    replications: int
    entities: int
    package: str
    threads: bool = False


# -- the choice --------------------------------------------------------------------------------------------


def as_engine(engine: object) -> str:
    """Return a valid name: "auto" or that of an engine.

    Raises
    ------
    InputError
        If there is no such engine.
    """
    return str(one_of("engine", engine, ("auto", *_ENGINES), error=InputError))


def engine_for(
    engine: str,
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    replications: int,
    *,
    watched: bool = False,
) -> str:
    """Return the name of the engine that simulates one world, as :func:`engines_for` does.

    `watched` runs have observers, which only the SimPy model calls.
    """
    return engines_for(engine, [(catalogue, strategy, scenario)], replications, watched=watched)[0]


def engines_for(
    engine: str, worlds: Sequence[WorldToSimulate], replications: int, *, watched: bool = False
) -> list[str]:
    """Return the name of the engine that simulates each world of one call.

    "auto" is the kernel where it knows all that is asked for, if it saves more time than it takes to load it
    for all worlds, and to compile what is not on disk yet for some of them.

    Parameters
    ----------
    engine : str
        As :func:`as_engine` returns it.
    worlds : sequence of (catalogue, strategy, scenario)
        All that is simulated in this call.
    replications : int
        Of each.
    watched : bool
        Whether there are observers.

    Raises
    ------
    InputError
        If the kernel is asked for, and it is not installed or does not know the strategy; or if there are
        encoders, but a video has no encoding time.
    """
    for catalogue, _, scenario in worlds:
        check_encoding_times(catalogue, scenario)
    if engine == "simpy":
        return ["simpy"] * len(worlds)
    videos = [len(catalogue) * replications for catalogue, _, _ in worlds]
    if engine == "auto" and sum(videos) < _WORTH_IT:
        return ["simpy"] * len(worlds)
    missing = [why_not_compiled(strategy, scenario, watched=watched) for _, strategy, scenario in worlds]
    if engine == "kernel":
        if why := next(filter(None, missing), ""):
            raise InputError(f"engine 'kernel' cannot simulate this: {why}; use engine='auto' or 'simpy'")
        return ["kernel"] * len(worlds)
    able = [row for row, why in enumerate(missing) if not why]
    if sum(videos[row] for row in able) < _WORTH_IT:
        return ["simpy"] * len(worlds)
    taken = {able[row] for row in _worth_compiling([(*worlds[row], videos[row]) for row in able])}
    return ["kernel" if row in taken else "simpy" for row in range(len(worlds))]


def _worth_compiling(worlds: Sequence[tuple[Catalogue, Strategy, Scenario, int]]) -> list[int]:
    """Return which worlds, each with a number of videos, take SimPy longer than compiling what they need."""
    needs = [_not_compiled(catalogue, strategy, scenario) for catalogue, strategy, scenario, _ in worlds]
    saved = Counter[str]()
    for parts, (*_, videos) in zip(needs, worlds, strict=True):
        saved.update(dict.fromkeys(parts, videos * _SECONDS_PER_VIDEO))
    return [
        row for row, parts in enumerate(needs) if all(saved[part] >= seconds for part, seconds in parts.items())
    ]


def _not_compiled(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> dict[str, float]:
    """Return the seconds that compiling takes, by the name of each part that is needed and not on disk."""
    from tv2sim.engines.kernel import not_compiled, world_of

    return not_compiled(world_of(catalogue, strategy.sized(catalogue, scenario), scenario))


def package_of(engine: str) -> str:
    """Return the package that an engine is made with."""
    return _ENGINES[engine].package


def runs_in_threads(engine: str) -> bool:
    """Return whether threads simulate side by side, as they do with an engine that releases the GIL."""
    return _ENGINES[engine].threads


def compiles_at_all() -> bool:
    """Return whether what compiles the kernels is installed."""
    return find_spec("numba") is not None


def why_not_compiled(strategy: Strategy, scenario: Scenario, *, watched: bool = False) -> str:
    """Return why the compiled engine cannot simulate this, or an empty text."""
    if not compiles_at_all():
        return "it needs numba, which is not installed (pip install 'tv2sim[fast]')"
    for hook, (_, engines) in HOOKS.items():
        if "kernel" not in engines and strategy._overrides(hook):
            return f"strategy {strategy.name!r} has a {hook} of its own, which only Python can ask"
    if watched:
        return "observers are called by the SimPy model alone"
    fields = [f"the strategy's {name}" for name in unknown_to("kernel", strategy, Strategy)]
    fields += [f"the scenario's {name}" for name in unknown_to("kernel", scenario, Scenario)]
    return f"it does not know {', '.join(fields)}" if fields else ""


def explained(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> tuple[str, list[str]]:
    """Return the kernel of the compiled engine that simulates this (empty: none), and what it depends on."""
    if missing := why_not_compiled(strategy, scenario):
        return "", [missing]
    from tv2sim.engines.kernel import features_of, kernels_for, world_of

    world = world_of(catalogue, strategy.sized(catalogue, scenario), scenario)
    return kernels_for(world)[0], [feature.text for feature in features_of(world)]


# -- simulating --------------------------------------------------------------------------------------------


def measure_by_kernels(
    catalogue: Catalogue, strategy: Strategy, scenario: Scenario, seed: int, replications: range
) -> Iterator[tuple[str, Callable[[], tuple[Measured, NDArray[np.float64]]]]]:
    """Yield each kernel that knows this, the fastest first: its name, and a function that simulates with it.

    The function returns all metrics that the compiled engine measures without facts, as :func:`measure_chunk`
    does, and the elapsed times, as :func:`elapsed` does.
    """
    from tv2sim.engines.kernel import MEASURED, elapsed_of, kernels_for, measured, world_of

    world = world_of(catalogue, strategy.sized(catalogue, scenario), scenario)

    def simulating(kernel: str) -> Callable[[], tuple[Measured, NDArray[np.float64]]]:
        return lambda: (
            measured(world, seed, replications, MEASURED, kernel),
            elapsed_of(world, seed, replications, kernel),
        )

    for kernel in kernels_for(world):
        yield kernel, simulating(kernel)


def measure_chunk(
    engine: str,
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replications: range,
    metrics: Sequence[str],
    of_facts: Callable[[Iterator[Facts], Sequence[str]], Measured],
    memo: dict[Any, Any],
) -> Measured:
    """Simulate replications; return their metrics, and how often each video was on time.

    Parameters
    ----------
    engine : str
        As :func:`engine_for` returns it.
    catalogue, strategy, scenario, seed, replications, metrics
        What to simulate and to compute.
    of_facts : callable
        Takes the facts of each replication and names of metrics, and returns these metrics, for an engine that
        gives no more than facts.
    memo : dict
        The same for all chunks of the same catalogue, strategy and scenario; the engine keeps there what it can
        use again.
    """
    what = catalogue, strategy, scenario, seed, replications
    if (compute := _ENGINES[engine].measure) is None:
        return of_facts(simulate_chunk(engine, *what), metrics)
    return compute(*what, metrics, of_facts, memo)


def elapsed(
    engine: str,
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replications: range,
) -> NDArray[np.float64]:
    """Simulate replications; return the ticks from the start of encoding to publication, a row for each.

    A video that is not published when the run ends has infinity: it is later than any other.
    """
    import numpy as np

    what = catalogue, strategy, scenario, seed
    if (compute := _ENGINES[engine].elapsed) is not None:
        return compute(*what, replications)
    out = np.empty((len(replications), len(catalogue)))
    chunks = chunks_of(engine, catalogue, strategy, replications)
    several = (facts for chunk in chunks for facts in simulate_chunk(engine, *what, chunk))
    for row, facts in zip(out, several, strict=True):
        row[:] = facts.elapsed
    out[np.isnan(out)] = np.inf
    return out


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
        As :func:`engine_for` returns it.
    catalogue, strategy, scenario, seed, replications
        What to simulate.
    **watched
        How it is watched, put on another clock, or fed while it runs: see
        :func:`tv2sim.engines.model.run_model`. Only SimPy knows that.
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
    entities = max(1, len(catalogue) + strategy.known_stock)
    size = max(1, min(largest.replications, largest.entities // entities))
    start = replications.start
    while start < replications.stop:
        stop = min(start - start % size + size, replications.stop)
        yield range(start, stop)
        start = stop


# -- the engines -------------------------------------------------------------------------------------------


def _simpy(
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replications: range,
    **watched: Any,
) -> Iterator[Facts]:
    strategy = strategy.sized(catalogue, scenario)
    watched["knowledge"] = strategy.knowledge(catalogue, scenario)
    for replication in replications:
        yield run_model(catalogue, strategy, scenario, Draws(seed, replication), **watched)


def _kernel(
    catalogue: Catalogue, strategy: Strategy, scenario: Scenario, seed: int, replications: range
) -> Iterator[Facts]:
    from tv2sim.engines.kernel import facts_of, world_of

    strategy = strategy.sized(catalogue, scenario)
    return facts_of(world_of(catalogue, strategy, scenario), seed, replications)


def _measure_kernel(
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    seed: int,
    replications: range,
    metrics: Sequence[str],
    of_facts: Callable[[Iterator[Facts], Sequence[str]], Measured],
    memo: dict[Any, Any],
) -> Measured:
    """Measure what the kernels know in all replications at once, and other metrics from facts."""
    from tv2sim.engines.kernel import MEASURED, facts_of, measured, world_of

    if "world" not in memo:
        memo["world"] = world_of(catalogue, strategy.sized(catalogue, scenario), scenario)
    world, idle = memo["world"], memo.setdefault(("idle", tuple(metrics)), [])
    known = [metric for metric in metrics if metric in MEASURED]
    others = [metric for metric in metrics if metric not in MEASURED]
    values, on_time = measured(world, seed, replications, known, idle=idle)
    if others:
        more, _ = of_facts(facts_of(world, seed, replications, needs(others)), others)
        values = {metric: (values if metric in values else more)[metric] for metric in metrics}
    return values, on_time


def _elapsed_kernel(
    catalogue: Catalogue, strategy: Strategy, scenario: Scenario, seed: int, replications: range
) -> NDArray[np.float64]:
    from tv2sim.engines.kernel import elapsed_of, world_of

    strategy = strategy.sized(catalogue, scenario)
    return elapsed_of(world_of(catalogue, strategy, scenario), seed, replications)


_ENGINES = {
    "simpy": Engine(_simpy, None, None, replications=25, entities=5_000, package="simpy"),
    "kernel": Engine(
        _kernel,
        _measure_kernel,
        _elapsed_kernel,
        replications=16_384,
        entities=4_000_000,
        package="numba",
        threads=True,
    ),
}
"""By name."""
