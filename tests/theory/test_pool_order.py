"""Where it is proved that a larger pool publishes no video later, it does not, in any replication."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tv2sim as tv
from tests.engines.test_reference import strategy_of
from tests.helpers.engines import catalogue_of, scenario_of
from tests.helpers.wider_worlds import strategy_case_of
from tests.helpers.worlds import World, worlds
from tv2sim.strategies.strategy import OF_POOL
from tv2sim.theory.bounds import idles_longer_with_pool, rises_with_pool

# Own publishers beside a pool, and a limit for all: a larger pool leaves too few for the videos with their own.
MIXED = tv.Strategy("mixed", starts_on="encoding_started", dedicated_from=0.6)
QUOTA = tv.Scenario(max_publishers=14)


def generated(first: int, last: int) -> Iterator[World]:
    """Yield worlds of any kind, and for each of them one without most of what forbids a proof."""
    yield from worlds(last - first, first=first)
    for number in range(first, last):
        clips, rule, world, *_ = strategy_case_of(number)
        catalogue, strategy, scenario = catalogue_of(clips), strategy_of(rule), scenario_of(world)
        yield World(catalogue, strategy, scenario, number, number % 3)
        if strategy.decides or strategy.price is not None:
            continue
        plain: dict[str, Any] = dict.fromkeys((*OF_POOL, "holds_back"))
        pool = strategy.replace(
            **plain, discards_hopeless=False, ready_at_start=False, prewarmed=1 + number % 3
        )
        faults = tv.Faults(startup=scenario.faults.startup, noticed_after=scenario.faults.noticed_after)
        calm = scenario.replace(
            faults=faults,
            hand_over=None,
            broker=None,
            max_publishers=None,
            publishing_queue_capacity=(None, None, None, 3)[number % 4],
        )
        yield World(catalogue, pool, calm, number, number % 3)


def run_of(world: World, strategy: tv.Strategy) -> Any:
    return tv.simulate(
        world.catalogue, strategy, world.scenario, seed=world.seed, replication=world.replication
    )


def proofs(first: int, last: int) -> dict[str, int]:
    """Compare each pool that has a proof with the next larger one; return how many of which kind there are."""
    found = {"replaced": 0, "by deadline": 0, "beside own": 0, "failing": 0, "idle": 0, "random": 0}
    for world in generated(first, last):
        catalogue, strategy, scenario, *_ = world
        if not (strategy.shares and strategy.known_stock) or not rises_with_pool(catalogue, strategy, scenario):
            continue
        smaller, larger = (
            run_of(world, strategy.replace(prewarmed=strategy.prewarmed + more)) for more in (0, 1)
        )
        late, soon = (
            np.nan_to_num(run.videos["published"].to_numpy(float), nan=np.inf) for run in (smaller, larger)
        )
        assert (soon <= late).all(), world
        assert larger.stats["published"] >= smaller.stats["published"], world
        if idles := idles_longer_with_pool(catalogue, scenario):
            assert larger.summary["idle"] >= smaller.summary["idle"] - 1e-9, world
        found["replaced"] += strategy.starts_on is None
        found["by deadline"] += strategy.reorders
        found["beside own"] += strategy.dedicated_from is not None
        found["failing"] += scenario.faults.startup > 0
        found["idle"] += idles
        found["random"] += scenario.arrivals != "even" or scenario.encoding_factor is not None
    return found


def test_a_larger_pool_publishes_no_video_later_where_that_is_proved() -> None:
    found = proofs(0, 150)
    assert min(found.values()) >= 2, found


@pytest.mark.slow
def test_a_larger_pool_publishes_no_video_later_in_many_worlds() -> None:
    found = proofs(150, 4000)
    assert min(found.values()) >= 50, found


@pytest.mark.parametrize(
    ("strategy", "scenario"),
    [
        (MIXED, QUOTA),
        (tv.STRATEGIES["coverage"].replace(prewarmed=5), {}),
        (tv.STRATEGIES["slack aware"], {}),
        (tv.STRATEGIES["adaptive"].replace(prewarmed=5), {}),
        (tv.PART_2C.replace(discards_hopeless=True), {}),
        (tv.PART_2C.replace(holds_back=20), {}),
        (tv.PART_2C.replace(prewarmed=3), {}),  # the queue may become full
        (tv.PART_2C, {"arrivals": "poisson"}),  # the same, since its capacity of 100 is less than 154
        (tv.PART_2C, {"faults": tv.Faults(ready_lifetime=60)}),
        (tv.PART_2C, {"faults": tv.Faults(publishing=0.1)}),
    ],
)
def test_there_is_no_proof(strategy: tv.Strategy, scenario: Any) -> None:
    world = scenario if isinstance(scenario, tv.Scenario) else tv.Scenario(**scenario)
    assert not rises_with_pool(tv.generate_catalogue(), strategy, world)


@pytest.mark.parametrize(
    ("strategy", "scenario"),
    [
        (MIXED, {}),
        (tv.STRATEGIES["advance"], {}),
        (tv.STRATEGIES["just in time"], {}),
        (tv.PART_2C.replace(prewarmed=5), {}),
        (tv.PART_2C.replace(prewarmed=1), {"publishing_queue_capacity": None, "until": 30}),
        (tv.PART_2C, {"arrivals": "poisson", "encoders": None, "faults": tv.Faults(startup=0.1)}),
    ],
)
def test_there_is_a_proof(strategy: tv.Strategy, scenario: dict[str, Any]) -> None:
    assert rises_with_pool(tv.generate_catalogue(), strategy, tv.Scenario(**scenario))


def test_a_larger_pool_may_publish_fewer_videos() -> None:
    """A limit of publishers is shared by the pool and by the videos with publishers of their own."""
    catalogue = tv.generate_catalogue()
    rates = [
        tv.replicate(
            catalogue, MIXED.replace(prewarmed=size), QUOTA, replications=50, metrics=["on_time_rate"]
        ).mean("on_time_rate")
        for size in (0, 4, 8)
    ]
    assert rates == pytest.approx([0.83, 0.98, 0.76], abs=0.02)
