"""Strategies without feedback, compiled: the stage gives what the SimPy model gives, to the last bit."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.engines.test_kernel import PUBLISHING_TIMES, Mixed, same
from tests.helpers.worlds import World, worlds
from tv2sim.engines.choice import elapsed, explained, simulate_chunk
from tv2sim.results.facts import Facts
from tv2sim.results.metrics import measure, on_time
from tv2sim.strategies import as_strategy

kernel = pytest.importorskip("tv2sim.engines.kernel", reason="numba is not installed")

from tv2sim.engines.kernel import replicating  # noqa: E402

ALL = kernel.MEASURED
TOGETHER = 3
"""Replications of each world."""


# -- generated worlds ----------------------------------------------------------------------------------------


class Moments(Mixed):
    """The same, with the order of the queue that the field says."""

    priority = tv.Strategy.priority


def generated(number: int) -> World:
    """Return a world that the number determines, in which nothing but the publishing stage is random."""
    random = Random(f"stage {number}")
    world = worlds(1, first=number)[0]

    def often(share: float, value: Any, otherwise: Any) -> Any:
        return value if random.random() < share else otherwise

    scenario = world.scenario.replace(
        until=None,
        publishing_queue_capacity=random.choice((1, 3, 100, 100, None)),
        publishing_time=random.choice((0, 0, 0, 0.5, random.choice(PUBLISHING_TIMES))),
        deadline=often(0.2, "assigned", "published"),
        requests_per_second=often(0.2, tv.Profile([(0, 2), (2.3, 0.7)], 5), world.scenario.requests_per_second),
        encoders=often(0.15, None, often(0.15, [0.5, 1, 3], world.scenario.encoders)),
        encoding_factor=often(0.15, 0.7, None),
    )
    catalogue = tv.Catalogue(
        [
            msgspec.structs.replace(
                video,
                priority=random.choice((None, 0, 1, -2.5)),
                publishing_time=often(0.5, 0.5, None) if number % 7 == 0 else None,
            )
            for video in world.catalogue
        ]
    )
    return world._replace(catalogue=catalogue, scenario=scenario, strategy=_strategy(random))


def _strategy(random: Random) -> tv.Strategy:
    size: Any = random.choice((0, 1, 2, 4, 8, "rate"))
    fields: dict[str, Any] = {
        "prewarmed": size,
        "ready_at_start": bool(size) and random.random() < 0.3,
        "queue_order": random.choice(("fifo", "deadline", "priority")),
        "dispatch": random.choice(("at_once", "end_of_instant")),
        "discards_hopeless": random.random() < 0.5,
    }
    hooks: dict[str, Any] = {"salt": random.randrange(10**6), "owns": random.choice((0.0, 0.0, 0.3, 1.0))}
    lead = random.choice(
        (
            None,
            tv.Lead(encoding=random.choice((0, 1, 3))),
            tv.Lead(encoding=1, timeout=4),
            tv.Lead(quantile=0.5),
        )
    )
    on: Any = random.choice((None, "encoding_started"))
    return random.choice(
        (
            tv.Strategy("early", starts_on="encoding_started", lead=lead, **fields),
            tv.Strategy("early", starts_on="encoding_started", lead=lead, **fields),
            tv.Strategy("own", on, dedicated_from=random.choice((0.05, 0.5, 1)), lead=lead, **fields),
            tv.Strategy("moment", random.choice((None, "encoding_started", "encoded", "queued")), **fields),
            Moments("hooks", delays_some=random.random() < 0.5, **hooks, **fields),
            Mixed("hooks", orders=True, delays_some=True, **hooks, **fields | {"queue_order": "fifo"}),
        )
    )


def prepared(world: World) -> Any:
    """Return what the kernels are given."""
    strategy = world.strategy.sized(world.catalogue, world.scenario)
    return kernel.world_of(world.catalogue, strategy, world.scenario)


def of_simpy(world: World, replications: range) -> list[Facts]:
    return list(
        simulate_chunk("simpy", world.catalogue, world.strategy, world.scenario, world.seed, replications)
    )


def features(world: World, facts: Facts) -> set[str]:
    """Return what occurs in a world and its run."""
    strategy, videos = world.strategy, facts.videos
    starts = strategy.starts(world.catalogue, world.scenario)
    causes = facts.publishers["cause"][facts.publishers["cause"] >= 0]
    own, lost = videos["own"] == 1, np.isnan(videos["assigned"]) & (videos["outcome"] > 0)
    late = strategy.dispatches_late
    occurs = {
        f"order {strategy.order}, {'late' if late else 'at once'}": True,
        "ready at start": strategy.ready_at_start,
        "by rate": strategy.follows_rate,
        "delays": any(delay > 0 for delay in starts.delay or ()),
        "second publishers": np.unique(causes, return_counts=True)[1].max(initial=0) > 1,
        "own": bool(own.any()),
        "given up, late": bool(lost.any()) and late,
        "given up, at once": bool((lost & ~own).any()) and not late,
        "own given up": bool((lost & own).any()),
        "publishing times": bool((facts.publishers["ended"] > facts.publishers["assigned"]).any()),
        "several at an instant": bool((np.unique(videos["assigned"], return_counts=True)[1] > 1).any()),
    }
    return {name for name, there in occurs.items() if there}


@pytest.mark.parametrize("examples", [300, pytest.param(2500, marks=pytest.mark.slow)])
def test_the_stage_gives_what_the_model_gives(examples: int) -> None:
    """All metrics, the videos on time and the elapsed times.

    It leaves out replications in which an encoder may be blocked, or a video waits for ever.
    """
    occurred: Counter[str] = Counter()

    @settings(max_examples=examples, database=None)
    @given(number=st.integers(0, 2**32 - 1))
    def agree(number: int) -> None:
        world = generated(number)
        given = prepared(world)
        if "stage" not in kernel.kernels_for(given):
            occurred["not known"] += 1
            return
        replications = range(world.replication, world.replication + TOGETHER)
        on_times, values = np.zeros(len(world.catalogue), dtype=np.int64), np.empty((len(ALL), TOGETHER))
        again = replicating.Stage(given, ALL).simulate(world.seed, replications, values, on_times)
        several = of_simpy(world, replications)
        for row, facts in enumerate(several):
            occurred.update(["examples", *features(world, facts)])
            if again[row]:
                occurred["left out"] += 1
                assert facts.ending != "completed" or (facts.videos["own"] == 0).sum() > given.capacity
                continue
            assert facts.ending == "completed"
            expected = measure(world.catalogue, facts, world.scenario.encoder_count, ALL)
            found = dict(zip(ALL, values[:, row].tolist(), strict=True))
            assert all(same(found[metric], expected[metric]) for metric in ALL), (found, expected)
        counted = [on_time(facts) for facts, left_out in zip(several, again, strict=True) if not left_out]
        assert on_times.tolist() == sum(counted, np.zeros_like(on_times)).tolist()
        if not again.any():
            times = kernel.elapsed_of(given, world.seed, replications, "stage")
            assert times.tolist() == [np.nan_to_num(facts.elapsed, nan=np.inf).tolist() for facts in several]

    agree()
    few = {name: count for name, count in occurred.items() if count < 0.03 * occurred["examples"]}
    assert not few
    assert len(occurred) == 3 + 16
    assert occurred["examples"] - occurred["left out"] > 1.5 * examples


@pytest.mark.full
def test_events_gives_the_same() -> None:
    """Over many replications, those that are done again among them."""
    compared = 0
    for number in range(50):
        world = generated(number)
        given = prepared(world)
        if "stage" in kernel.kernels_for(given):
            compared += 1
            one, other = (
                replicating.measured(given, world.seed, range(5, 80), ALL, name) for name in ("stage", "events")
            )
            assert all(np.array_equal(one[0][metric], other[0][metric], equal_nan=True) for metric in ALL)
            assert one[1].tolist() == other[1].tolist()
    assert compared > 30


# -- the choice ----------------------------------------------------------------------------------------------


@pytest.mark.full
def test_whichever_kernel_it_takes_the_engine_gives_what_the_model_gives() -> None:
    """Also in worlds that the stage does not know, and where queues are full."""
    taken: Counter[str] = Counter()
    for number in range(48):
        world = generated(number)
        changes = ({}, {"until": 20}, {"arrivals": "poisson"}, {"publishing_queue_capacity": 1})[number % 4]
        what = world.catalogue, world.strategy, world.scenario.replace(**changes)
        one, other = (
            tv.replicate(*what, replications=2, seed=world.seed, engine=engine)
            for engine in ("kernel", "simpy")
        )
        assert one.frame.equals(other.frame)
        assert one.on_time.equals(other.on_time)
        times = [elapsed(engine, *what, world.seed, range(2)).tolist() for engine in ("kernel", "simpy")]
        assert times[0] == times[1]
        taken[explained(*what)[0]] += 1
    assert min(taken["stage"], taken["events"]) > 10


@pytest.mark.parametrize(
    "name", ["advance", "just in time", "slack aware", "advance:0", "just in time:4", "slack aware:8"]
)
def test_built_in_strategies_without_feedback_take_the_stage(name: str) -> None:
    assert explained(tv.generate_catalogue(), as_strategy(name), tv.Scenario())[0] == "stage"


# -- by hand -------------------------------------------------------------------------------------------------

AT_THE_END: dict[str, Any] = {"dispatch": "end_of_instant"}
LOST: dict[str, float] = {
    "published": 1,
    "publishers_started": 2,
    "publishers_wasted": 1,
    "lateness_max": np.inf,
}
LATE: dict[str, float] = {"published": 1, "publishers_started": 3, "publishers_wasted": 1, "lateness_max": 1}
GOOD: dict[str, float] = {"published": 2, "publishers_started": 3, "publishers_wasted": 1}
BY_HAND: list[tuple[str, float, dict[str, Any], dict[str, float]]] = [
    ("a at 0, b at 4", 0, {"ready_at_start": True}, LATE),
    ("a at 0; b is lost at 4", 0, {"ready_at_start": True, "discards_hopeless": True}, LOST),
    ("b at 0, a at 4", 0, {"ready_at_start": True, **AT_THE_END}, GOOD | {"lateness_max": -3}),
    ("b at 4, a at 8", 0, AT_THE_END, LATE),
    ("b is lost at 4, a at 4", 0, {"discards_hopeless": True, **AT_THE_END}, LOST),
    ("a at 4 before b comes, b at 8", 4, {}, LATE),
    ("b at 4, a at 8", 4, AT_THE_END, GOOD | {"lateness_max": -1}),
]


@pytest.mark.parametrize("engine", ["kernel", "simpy"])
@pytest.mark.parametrize(
    ("comes", "fields", "expected"), [case[1:] for case in BY_HAND], ids=[case[0] for case in BY_HAND]
)
def test_two_jobs_and_one_publisher(
    engine: Any, comes: float, fields: dict[str, Any], expected: dict[str, float]
) -> None:
    """The nearest deadline first; a comes at 0 with a timeout of 9, b with one of 3; a start-up takes 4 s."""
    jobs = [
        {"id": "a", "publicationTimeout": 9, "submittedAt": 0},
        {"id": "b", "publicationTimeout": 3, "submittedAt": comes},
    ]
    given: dict[str, Any] = {"prewarmed": 1, "queue_order": "deadline", **fields}
    scenario = tv.Scenario(encoders=None, startup_time=4)
    frame = tv.replicate(jobs, tv.Strategy(**given), scenario, replications=2, engine=engine).frame
    assert frame[[*expected]].iloc[1].to_dict() == expected
