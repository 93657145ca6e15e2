"""The kernels compiled before they are needed, and what it costs if they are not."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from tv2sim.base.compiling import is_compiled
from tv2sim.catalogue import generate_catalogue
from tv2sim.engines.kernel import lanes, replicating, stream, varied
from tv2sim.engines.kernel.elapsed import elapsed_of
from tv2sim.engines.kernel.measuring import MEASURED
from tv2sim.engines.kernel.routing import KERNELS, kernels_for, weighs
from tv2sim.engines.kernel.single_runs import facts_of
from tv2sim.engines.kernel.world_columns import world_of
from tv2sim.strategies import PART_2C, Strategy, coverage
from tv2sim.world.scenario import Scenario
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from tv2sim.engines.kernel.world_columns import World

__all__ = ["compile_all", "not_compiled"]

_RULE = "coverage"
"""The name of what the coverage rule compiles besides *events*."""

_COMPILED = {
    "lanes": (lanes.replicate, 9.0),
    "stream": (stream.advance, 4.0),
    "varied": (varied.simulate, 9.0),
    "stage": (replicating._replicate_stage, 10.0),
    "events": (replicating._replicate, 25.0),
    _RULE: (coverage.decide, 20.0),
}
"""By part: a function that is compiled with it, and about how many seconds of a processor all of it takes."""

_WORLDS = {
    "lanes": (PART_2C, Scenario()),
    "stream": (PART_2C, Scenario()),
    "varied": (PART_2C, Scenario(arrivals="poisson", publishing_time="uniform(0, 1)")),
    "stage": (Strategy("stage", prewarmed=2, queue_order="deadline"), Scenario()),
    "events": (Strategy("events", prewarmed=2), Scenario(faults=Faults(startup=0.1), until=60)),
    _RULE: (Strategy("coverage", price=30.0), Scenario()),
}
"""By part: what it simulates."""


def not_compiled(world: World) -> dict[str, float]:
    """Return what the fastest kernel that knows a world needs and is not on disk.

    By the name of each part, it is about how many seconds of a processor compiling it takes.
    """
    parts = [kernels_for(world)[0], *([_RULE] if weighs(world.strategy) else [])]
    return {part: _COMPILED[part][1] for part in parts if not is_compiled(_COMPILED[part][0])}


def compile_all() -> Iterator[tuple[str, float]]:
    """Compile what is not on disk; yield each part's name, and the seconds that it took (0: it was there)."""
    catalogue, replications = generate_catalogue(5), range(2)
    for part, (strategy, scenario) in _WORLDS.items():
        begun, is_new = perf_counter(), not is_compiled(_COMPILED[part][0])
        world = world_of(catalogue, strategy.sized(catalogue, scenario), scenario)
        kernel = part if part in KERNELS else "events"
        replicating.measured(world, 1, replications, MEASURED, kernel)
        elapsed_of(world, 1, replications, kernel)
        if kernel == "events":
            list(facts_of(world, 1, replications))
        yield part, is_new * (perf_counter() - begun)
