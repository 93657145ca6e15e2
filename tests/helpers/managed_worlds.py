"""Generated worlds for the compiled engine: `tests.helpers.wider_worlds` with every field of a strategy.

Half of them have a pool, as those cases do; the others have the coverage rule, or hold publishers back.
"""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import tv2sim as tv
from tests.engines.test_reference import strategy_of
from tests.helpers.engines import catalogue_of, scenario_of
from tests.helpers.specification import Faults
from tests.helpers.wider_worlds import strategy_case_of
from tests.helpers.worlds import World
from tv2sim.strategies.strategy import OF_POOL

__all__ = ["managed_world", "strategy_features"]


def managed_world(number: int) -> World:
    """Return the world of a number, without what the compiled engine does not know."""
    random = Random(f"managed {number}")
    case = strategy_case_of(number)
    faults = Faults(startup=case.world.faults.startup, noticed_after=case.world.faults.noticed_after)
    world = dataclasses.replace(case.world, faults=faults, hand_over=None, broker=None)
    catalogue, strategy = catalogue_of(case.clips), strategy_of(case.rule)
    if strategy.decides:  # by code, which only Python can ask
        strategy = tv.PART_2C
    if random.random() < 0.5:
        strategy = _ruled(strategy, catalogue, random)
    return World(catalogue, strategy, scenario_of(world), number, random.choice((0, 1, 7)))


def _ruled(strategy: tv.Strategy, catalogue: tv.Catalogue, random: Random) -> tv.Strategy:
    """Let the coverage rule decide what is started, or only what is held back."""
    changes: dict[str, Any] = {"dispatch": None, "queue_order": random.choice(("fifo", "deadline"))}
    if strategy.dedicated:
        changes |= {"dedicated": False, "starts_on": None, "lead": None}
    if random.random() < 0.3:
        return strategy.replace(**changes, holds_back=random.choice((0.1, 1, 20, 100)))
    if strategy.prewarmed == 0:
        changes["ready_at_start"] = False
    others = tv.generate_catalogue(12)
    changes |= dict.fromkeys(OF_POOL)
    return strategy.replace(
        **changes,
        price=random.choice((0.2, 1, 5, 20, 60, 1000)),
        holds_back=random.choice((None, True, False, 0.5, 30)),
        forecast=random.choice(("online", "online", None, catalogue, others)),
    )


def strategy_features(strategy: tv.Strategy) -> set[str]:
    """Name the fields that are not what they are by default, and what is special about some."""
    fields = {
        each.name
        for each in dataclasses.fields(strategy)
        if getattr(strategy, each.name) != each.default and each.name != "name"
    }
    named = {"forecast", "queue_order", "dispatch", "prewarmed", "holds_back"}

    def value(name: str) -> Any:
        found = getattr(strategy, name)
        return found if isinstance(found, (str, bool)) else type(found).__name__

    return {f"{name} {value(name)}" if name in named else name for name in fields}
