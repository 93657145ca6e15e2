"""The compiled engine gives what the SimPy model gives: the same facts and metrics, to the last bit."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import tv2sim as tv
from tests.helpers.managed_worlds import managed_world, strategy_features
from tests.helpers.sizes import examples
from tests.helpers.worlds import World, worlds
from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.engines.choice import elapsed, engine_for, simulate_chunk, simulate_one
from tv2sim.results.event_kinds import log_of
from tv2sim.results.facts import TABLES, Facts
from tv2sim.results.metrics import measure, on_time
from tv2sim.strategies import as_strategy
from tv2sim.world.distributions import drawn_ticks, line_of

kernel = pytest.importorskip("tv2sim.engines.kernel", reason="numba is not installed")

from tv2sim.engines.kernel import events, lanes, replicating, routing  # noqa: E402
from tv2sim.engines.kernel.pauses import pause_from, steps_of  # noqa: E402
from tv2sim.engines.kernel.philox import LANES, line_lanes, uniform_lanes, uniform_rows  # noqa: E402

ALL = kernel.MEASURED


# -- generated worlds ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mixed(tv.Strategy):
    """Each hook answers as a number that belongs to the video says."""

    salt: int = 0
    owns: float = 0.0
    delays_some: bool = False
    orders: bool = False

    def _share(self, video: tv.Video, of: str) -> float:
        return Random(f"{self.salt} {of} {video.id}").random()

    def owns_publisher(self, video: tv.Video) -> bool:
        return self._share(video, "own") < self.owns

    def start_moment(self, video: tv.Video) -> Any:
        share = self._share(video, "moment")
        if share < 0.4 and not self.owns_publisher(video):
            return None
        return ("encoding_started", "encoded", "queued")[int(share * 1000) % 3]

    def start_delay(self, video: tv.Video) -> float:
        return round(4 * self._share(video, "delay"), 1) if self.delays_some else 0.0

    def priority(self, video: tv.Video, deadline: float) -> float:
        return deadline if self.orders else 0.0


PUBLISHING_TIMES = ("uniform(0, 2)", "exponential(1)", "empirical(0, 0.5, 1)")


def generated(number: int) -> World:
    """Return a world that the number determines: of `tests.helpers.worlds`, or with a strategy of all rules.

    The wider world is added to half of them. Some have what the fastest kernels know.
    """
    random = Random(f"wider {number}")
    world = _ruled(number)
    if random.random() < 0.15:
        scenario = world.scenario.replace(until=None, publishing_queue_capacity=random.choice((1, 100)))
        world = world._replace(
            strategy=random.choice((tv.PART_1, tv.PART_2A, tv.PART_2B, tv.PART_2C)), scenario=scenario
        )
    return _widened(world, random) if random.random() < 0.5 else world


def _widened(world: World, random: Random) -> World:
    def often(share: float, value: Any, otherwise: Any) -> Any:
        return value if random.random() < share else otherwise

    scenario = world.scenario.replace(
        publishing_time=often(0.5, random.choice(PUBLISHING_TIMES), world.scenario.publishing_time),
        deadline=often(0.3, "assigned", "published"),
        requests_per_second=often(0.35, _profile(random), world.scenario.requests_per_second),
        arrivals=often(0.35, "poisson", "even"),
        encoders=often(0.25, None, often(0.3, _speeds(random), world.scenario.encoders)),
        encoding_factor=often(0.3, random.choice((0.7, "uniform(0.5, 1.5)", "empirical(0.5, 1, 2)")), None),
        max_publishers=often(0.4, random.choice((1, 2, 3, 8)), None),
        provisioning_delay=often(0.25, random.choice((0.5, 1, 2.25)), 0),
        faults=tv.Faults(
            startup=often(0.3, random.choice((0.1, 0.3, 0.6)), 0), noticed_after=often(0.5, 1.5, 0)
        ),
    )
    catalogue = world.catalogue
    if random.random() < 0.3:
        records = [
            msgspec.structs.replace(video, publishing_time=often(0.5, random.choice((0.0, 0.5, 2.25)), None))
            for video in catalogue
        ]
        catalogue = tv.Catalogue(records)
    return world._replace(catalogue=catalogue, scenario=scenario)


def _profile(random: Random) -> tv.Profile:
    step = random.choice((0.5, 1, 2.3))
    steps = [(0, random.choice((1, 2, 0.7))), (step, random.choice((0, 0.3, 4, 128)))]
    return tv.Profile([*steps, (step + 1, 0.9)], random.choice((step + 2, step + 1.1, None)))


def _speeds(random: Random) -> list[float]:
    return [random.choice((0.5, 0.7, 1, 3)) for _ in range(random.choice((1, 2, 5, 10)))]


def _ruled(number: int) -> World:
    random = Random(number)
    world = worlds(1, first=number)[0]
    if not world.strategy.adapts and random.random() < 0.4:
        return world
    strategy: tv.Strategy = Mixed(
        "mixed", prewarmed=random.choice((0, 1, 2, 4, 8)), review_every=random.choice((None, None, 0.7)),
        salt=number, owns=random.choice((0.0, 0.3, 1.0)), delays_some=random.random() < 0.5,
        orders=random.random() < 0.5,
    )  # fmt: skip
    return world._replace(strategy=strategy)


def features(world: World, facts: Facts) -> set[str]:
    """Return what occurs in a world and its run."""
    encoded, queued = facts.videos["encoded"], facts.videos["queued"]
    strategy, catalogue = world.strategy, world.catalogue
    starts = strategy.starts(catalogue, world.scenario)
    delays = starts.delay or ()
    causes = np.unique(facts.publishers["cause"][facts.publishers["cause"] >= 0], return_counts=True)[1]
    moments = {"starts at start": 1, "starts at encoded": 2, "starts at queued": 3, "starts at nothing": 0}
    occurs = {
        "ties": len(np.unique(encoded[~np.isnan(encoded)])) < np.count_nonzero(~np.isnan(encoded)),
        "few encoders": world.scenario.encoder_count <= 2,
        "full queue": bool((queued > encoded).any()),
        "cut-off": facts.ending == "cut-off",
        "no publisher": facts.ending == "no publisher will come",
        "submittedAt": catalogue.submitted_at is not None,
        "own and shared": 0 < sum(starts.own) < len(catalogue),
        "delays": any(delay > 0 for delay in delays),
        "priorities": strategy.reorders,
        "reviews": strategy.review_every is not None,
        "publishing time": world.scenario.publishing_time != 0,
        "publishing time drawn": not isinstance(world.scenario.publishing_time, float),
        "publishing time of the catalogue": catalogue.publishing_time is not None,
        "deadline of the assignment": world.scenario.deadline == "assigned",
        "poisson": world.scenario.arrivals == "poisson",
        "profile": isinstance(world.scenario.requests_per_second, tv.Profile),
        "no encoders": world.scenario.encoders is None,
        "speeds": isinstance(world.scenario.encoders, tuple),
        "factor": world.scenario.encoding_factor is not None,
        "quota waits": facts.quota_waits > 0,
        "provisioning delay": world.scenario.provisioning_delay > 0,
        "start-ups fail": len(facts.attempts["kind"]) > 0,
        "prewarmed": strategy.prewarmed > 0,
        "second publishers": causes.max(initial=0) > 1,
        **{name: index in starts.moment for name, index in moments.items()},
    }
    return {name for name, there in occurs.items() if there}


def checked(world: World) -> tuple[Facts, list[str]]:
    """Compare facts, and the metrics of each kernel that knows the world; return facts and names of kernels."""
    what = world.catalogue, world.strategy, world.scenario, world.seed, world.replication
    facts = simulate_one("simpy", *what)
    compiled = simulate_one("kernel", *what)
    assert compiled == facts
    for table, columns in TABLES.items():
        for name in columns:
            assert getattr(compiled, table)[name].dtype == getattr(facts, table)[name].dtype
    one = range(world.replication, world.replication + 1)
    expected = measure(world.catalogue, facts, world.scenario.encoder_count, ALL)
    prepared = prepared_world(world)
    usable = kernel.kernels_for(prepared)
    for name in usable:
        values, counts = replicating.measured(prepared, world.seed, one, ALL, name)
        found = {metric: value[0] for metric, value in values.items()}
        assert all(same(found[metric], expected[metric]) for metric in ALL), (name, found, expected)
        assert counts.tolist() == on_time(facts).tolist()
    return facts, usable


def prepared_world(world: World) -> Any:
    strategy = world.strategy.sized(world.catalogue, world.scenario)
    return kernel.world_of(world.catalogue, strategy, world.scenario)


@pytest.mark.parametrize("examples", [300, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_compiled_engine_knows_every_field_of_a_strategy(examples: int) -> None:
    """Also what is discarded, retired, held back and begun again by reviews, to the sequence of the log."""
    occurred: Counter[str] = Counter()
    for number in range(examples):
        world = managed_world(number)
        facts, _ = checked(world)
        log = [entry.event for entry in log_of(facts).entries()]
        occurred.update([*strategy_features(world.strategy), facts.ending, *{*log}])
    endings = [occurred.pop(ending) for ending in ("no publisher will come", "no progress")]
    assert min(endings) > 0.01 * examples
    del occurred["nothing left to happen"]  # seldom without failures of encoders
    assert min(occurred.values()) > 0.04 * examples, occurred
    assert {"publisher_retired", "discarded", "publisher_failed"} < set(occurred)


@pytest.mark.parametrize(
    "examples",
    [60, pytest.param(300, marks=pytest.mark.full), pytest.param(3000, marks=pytest.mark.slow)],
)
def test_decisions_about_a_queue_with_little_room_are_those_of_the_model(examples: int) -> None:
    """Encoders are blocked. In the last four a decision starts a publisher whose time is not drawn yet."""
    occurred: Counter[str] = Counter()
    for number in [*range(examples), 4235, 4864, 6188, 7051]:
        world = crowded(managed_world(number), Random(number))
        facts, _ = checked(world)
        videos = facts.videos
        occurred["a blocked encoder"] += bool((videos["queued"] > videos["encoded"]).any())
        occurred["given up in its encoder"] += bool((videos["outcome"] > 0)[np.isnan(videos["queued"])].any())
    assert occurred["a blocked encoder"] > 0.2 * examples, occurred
    assert occurred["given up in its encoder"] > 0.03 * examples, occurred


def crowded(world: World, random: Random) -> World:
    """Let decisions serve a queue for at most two videos."""
    scenario = world.scenario.replace(publishing_queue_capacity=random.choice((0, 0, 1, 1, 2)))
    strategy = world.strategy
    if not strategy.dispatches_late:
        strategy = strategy.replace(dispatch="end_of_instant")
    if random.random() < 0.4:
        strategy = strategy.replace(discards_hopeless=True)
    return world._replace(strategy=strategy, scenario=scenario)


@pytest.mark.parametrize("examples", [250, pytest.param(3000, marks=pytest.mark.slow)])
def test_both_engines_give_the_same_facts_and_metrics(examples: int) -> None:
    occurred: Counter[str] = Counter()

    @settings(max_examples=examples, database=None)
    @given(number=st.integers(0, 2**32 - 1))
    def agree(number: int) -> None:
        world = generated(number)
        facts, usable = checked(world)
        occurred.update(["examples", *usable, *features(world, facts)])

    agree()
    few = {name: count for name, count in occurred.items() if count < 0.05 * occurred["examples"]}
    assert not few
    assert len(occurred) == 1 + len(routing.KERNELS) + 28


def same(one: float, other: float) -> bool:
    return bool(one == other) or (one != one and other != other)


def test_the_kernels_agree_over_many_replications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole groups of lanes, the last one not full, streams of several parts, and blocked ones done again."""
    monkeypatch.setattr(replicating, "_PART", 8)
    for world in [*worlds(60), *map(generated, range(60))]:
        if world.strategy.adapts:
            continue
        prepared = prepared_world(world)
        expected, counts = replicating.measured(prepared, world.seed, range(5, 140), ALL, "events")
        for name in kernel.kernels_for(prepared)[:-1]:
            values, found = replicating.measured(prepared, world.seed, range(5, 140), ALL, name)
            assert all(np.array_equal(values[metric], expected[metric], equal_nan=True) for metric in ALL)
            assert found.tolist() == counts.tolist()


def test_many_replications_of_managed_pools_are_those_of_the_model() -> None:
    """Also those that need more draws or more room than most, which are simulated again."""
    for number in range(40):
        world = managed_world(number)
        if number % 4 == 0 and world.strategy.headroom is not None:
            world = world._replace(strategy=world.strategy.replace(headroom=20, maximum=None))
        replications = range(3, 9)
        several = simulate_chunk("simpy", *world[:4], replications)
        prepared = prepared_world(world)
        values, counts = replicating.measured(prepared, world.seed, replications, ALL, "events")
        expected = [measure(world.catalogue, facts, world.scenario.encoder_count, ALL) for facts in several]
        for metric in ALL:
            one, other = values[metric].tolist(), [each[metric] for each in expected]
            assert all(map(same, one, other)), (number, metric, one, other)
        assert counts.sum() == sum(each["published"] for each in expected)


@pytest.mark.parametrize("dispatch", ["at_once", "end_of_instant"])
@pytest.mark.parametrize("failures", [0, 0.3])
def test_a_pool_that_starts_many_publishers_at_once(dispatch: Any, failures: float) -> None:
    """More because of one video than are drawn beforehand, and more than there is room for at first."""
    strategy = tv.Strategy("many", headroom=(30, 2), idle_time_to_live=1, dispatch=dispatch, review_every=0.7)
    scenario = tv.Scenario(startup_time="exponential(3)", faults=tv.Faults(startup=failures))
    catalogue = tv.generate_catalogue(20)
    facts, _ = checked(World(catalogue, strategy, scenario, 1, 0))
    causes = facts.publishers["cause"]
    assert np.unique(causes, return_counts=True)[1].max() > 60
    assert len(causes) > 200
    reps = [
        tv.replicate(catalogue, strategy, scenario, replications=5, engine=engine)
        for engine in ("kernel", "simpy")
    ]
    assert reps[0].frame.equals(reps[1].frame)


@pytest.mark.parametrize("engine", ["kernel", "simpy"])
def test_a_level_that_is_too_high_is_refused(engine: Any) -> None:
    strategy = tv.Strategy("vast", headroom=1e9, maximum=3)
    asked = "the answer of vast.pool_level must be .* at most 1000000000, not 8000000000"
    with pytest.raises(tv.StrategyError, match=asked):
        tv.replicate(tv.generate_catalogue(5), strategy, replications=2, engine=engine)


def test_what_takes_long_to_compile_is_compiled_once() -> None:
    """Not again for another catalogue, pool or strategy; what asks the coverage rule, with it and without."""
    for world in [*worlds(60), *map(managed_world, range(20))]:
        if world.strategy.adapts and not world.strategy.manages:
            continue
        prepared = prepared_world(world)
        for name in kernel.kernels_for(prepared):
            replicating.measured(prepared, world.seed, range(2), ALL, name)
    slow: tuple[tuple[Any, int], ...] = (
        (lanes.replicate, 1), (replicating._replicate, 2), (replicating._replicate_stage, 1),
        (events.simulate, 1),
    )  # fmt: skip
    # none where a cache had the function that calls it
    assert all(len(function.signatures) <= number for function, number in slow)
    assert [len(function.signatures) for function, _ in slow[:2]] == [1, 2]


@pytest.mark.parametrize("strategy", ["1", "2a", "2c", "2c:8", Mixed("mixed", prewarmed=6, owns=0.3)])
@pytest.mark.full
def test_a_large_catalogue_gives_the_same_in_a_stream(strategy: Any) -> None:
    """Whole parts and one that is not full, also where the queue is full at last."""
    catalogue, replications = tv.generate_catalogue(20_011), range(2, 4)
    for capacity in (10, 20_000):
        scenario = tv.Scenario(publishing_queue_capacity=capacity, publishing_time=0.25)
        world = kernel.world_of(catalogue, as_strategy(strategy), scenario)
        expected, counts = replicating.measured(world, 1, replications, ALL, "events")
        values, found = replicating.measured(world, 1, replications, ALL)
        assert all(np.array_equal(values[metric], expected[metric]) for metric in ALL)
        assert np.array_equal(found, counts)


def test_a_stream_makes_no_column_of_what_is_the_same_for_all_videos() -> None:
    """Each takes 80 MB for ten million videos."""
    world = kernel.world_of(tv.generate_catalogue(20_011), tv.PART_2C, tv.Scenario(publishing_time=0.25))
    replicating.measured(world, 1, range(1), ["published", "idle"])
    assert {"given", "publishing", "timeout", "encoding_time"}.isdisjoint(vars(world))


def test_all_give_the_same_elapsed_times() -> None:
    """Of groups of lanes, the last one not full, and of blocked ones; unfinished videos are infinitely late."""
    kernels: Counter[str] = Counter()
    for world in [*map(generated, range(30)), *worlds(30)]:
        if world.strategy.adapts:
            continue
        what = world.catalogue, world.strategy, world.scenario, world.seed
        first = world.replication
        some, many = range(first, first + 3), range(first, first + 70)
        expected = elapsed("simpy", *what, some)
        assert elapsed("kernel", *what, some).tolist() == expected.tolist()
        assert not np.isnan(expected).any()
        prepared = kernel.world_of(*what[:3])
        of_events = kernel.elapsed_of(prepared, world.seed, many, "events")
        assert of_events[:3].tolist() == expected.tolist()
        for name in kernel.kernels_for(prepared)[:-1]:
            assert kernel.elapsed_of(prepared, world.seed, many, name).tolist() == of_events.tolist()
            kernels[name] += 1
        kernels["unfinished"] += bool(np.isinf(expected).any())
    assert all(kernels[name] >= 5 for name in (*routing.KERNELS[:-1], "unfinished")), kernels


@pytest.fixture(scope="module")
def by_simpy() -> dict[str | tv.Strategy, tv.Replications]:
    """Replications of some strategies by the SimPy model, with all metrics."""
    early = tv.Strategy("early", starts_on="encoding_started", prewarmed=3)
    hasty = tv.STRATEGIES["adaptive"].replace(name="hasty", idle_time_to_live=1, discards_hopeless=True)
    strategies = ("1", "2c", early, "advance", "adaptive", hasty, "coverage")
    return {
        strategy: tv.replicate(tv.generate_catalogue(40), strategy, replications=70, engine="simpy")
        for strategy in strategies
    }


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.full
def test_each_metric_alone_is_the_same(metric: str, by_simpy: dict[str | tv.Strategy, tv.Replications]) -> None:
    catalogue = tv.generate_catalogue(40)
    for strategy, expected in by_simpy.items():
        found = tv.replicate(catalogue, strategy, replications=70, metrics=metric, engine="kernel")
        assert found.values(metric).tolist() == expected.values(metric).tolist()
        assert found.on_time.equals(expected.on_time)


@pytest.mark.parametrize("longest", [2100, 2160, 100_000])
def test_times_that_fill_32_bits_are_the_same(longest: float) -> None:
    """2**31 ticks are 2,147 s: lanes sort what is below that in another way than what is not."""
    scenario = tv.Scenario(startup_time=tv.Uniform(0, longest), publishing_time=0.25)
    for strategy in ("1", "2c"):
        prepared = kernel.world_of(tv.generate_catalogue(40), tv.STRATEGIES[strategy], scenario)
        of_lanes, of_events = (
            replicating.measured(prepared, 1, range(200), ALL, name)[0] for name in ("lanes", "events")
        )
        assert all(np.array_equal(of_lanes[metric], of_events[metric]) for metric in ALL)
        assert (of_lanes["elapsed_p99"].max() > 2**31 / 1e6) == (longest > 2100 or strategy == "2c")


@pytest.mark.parametrize("capacity", [1, 100])
def test_what_a_call_leaves_is_used_again_with_the_same_results(capacity: int) -> None:
    scenario = tv.Scenario(publishing_queue_capacity=capacity)
    prepared = kernel.world_of(tv.generate_catalogue(40), tv.PART_2C.replace(prewarmed=3), scenario)
    idle: list[replicating.Block] = []

    def used_again(part: range) -> tuple[list[float], list[int]]:
        values, counts = replicating.measured(prepared, 1, part, ["idle"], idle=idle)
        return values["idle"].tolist(), counts.tolist()

    parts = [range(first, first + 400) for first in range(0, 4000, 400)]
    with ThreadPoolExecutor(2) as threads:
        for part, (found, counted) in zip(parts, threads.map(used_again, parts), strict=True):
            values, counts = replicating.measured(prepared, 1, part, ["idle"])
            assert (found, counted) == (values["idle"].tolist(), counts.tolist())
    assert 1 <= len(idle) <= 2


# -- draws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("first", [0, 7, 2**63 - 70])
@pytest.mark.parametrize("further", [0, 1])
def test_the_draws_are_those_of_the_model(seed: int, first: int, further: int) -> None:
    rows, lanes = np.empty((64, 12)), np.empty((12, 64))
    for purpose in (Purpose.STARTUP_FOR_VIDEO, Purpose.STARTUP_OF_SLOT):
        expected = [uniforms(seed, purpose, first + r, 12, further=further).tolist() for r in range(64)]
        uniform_rows(np.uint64(seed), int(purpose), further, first, rows)
        assert rows.tolist() == expected
        if not further:  # lanes have no second ones
            uniform_lanes(np.uint64(seed), int(purpose), first, lanes.reshape(-1))
            assert lanes.T.tolist() == expected


times = st.one_of(st.floats(0, 1e6), st.integers(0, 2_000_000).map(lambda halves: halves / 2e6))


@settings(max_examples=examples(300), database=None)
@given(ends=st.tuples(times, times).map(sorted), seed=st.integers(0, 2**64 - 1), first=st.integers(0, 2**62))
def test_compiled_quantile_functions_are_those_of_numpy(ends: list[float], seed: int, first: int) -> None:
    """Of each distribution that has a line, which are the simplest ones."""
    u, compiled = np.empty(12 * LANES), np.empty(12 * LANES)
    uniform_lanes(np.uint64(seed), 0, first, u)
    for distribution in (tv.Uniform(*ends), tv.Constant(ends[0])):
        line = line_of(distribution)
        line_lanes(np.uint64(seed), 0, first, line, compiled)
        assert compiled.tolist() == drawn_ticks(distribution, u).tolist()


profiles = st.builds(
    lambda lengths, rates, period: tv.Profile(
        [(sum(lengths[:k]), rate) for k, rate in enumerate(rates[: len(lengths)])],
        sum(lengths) if period else None,
    ),
    st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.3, 86_400.0, 1 / 3]), min_size=3, max_size=3),
    st.tuples(*[st.sampled_from([0.0, 0.1, 0.9, 1.0, 4.0, 128.0, 1e-4])] * 2, st.sampled_from([0.9, 2.0, 3.0])),
    st.booleans(),
)


@settings(max_examples=examples(300), database=None)
@given(profile=profiles, seed=st.integers(0, 2**32 - 1))
def test_a_compiled_pause_is_exact_or_open(profile: tv.Profile, seed: int) -> None:
    """It is seldom open at random times, and never wrong at those at which everything happens."""
    steps, random = steps_of(profile), Random(seed)
    amounts = [1.0, 1.0, random.expovariate(1), 5 * random.random()]
    times = [random.choice((0, 100_000, 500_000)) * random.randrange(200) for _ in range(4)]
    others = [random.randrange(10**11) for _ in range(8)]
    for time in map(float, times + others):
        for amount in amounts:
            found = pause_from(time, amount, steps)
            assert found != found or found == profile.ticks_of_pause(time, amount)
    exact = tv.Profile([(0, 1.0), (86_400, 0.3), (172_800, 2.0)], 259_200)
    assert not any(np.isnan(pause_from(float(time), amounts[2], steps_of(exact))) for time in others)


class Late(tv.Uniform):
    """A distribution with another quantile function than the one that it inherits from."""

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 + super().quantile(u)


def test_only_what_has_no_quantile_function_of_its_own_is_compiled() -> None:
    given = [tv.Uniform(2, 6), tv.Constant(3), tv.Triangular(2, 3, 6), tv.Gamma(4, 1), Late(2, 6)]
    assert [line_of(each) for each in given] == [(2, 4), (3, 0), None, None, None]
    scenario = tv.Scenario(startup_time=Late(2, 6))
    one, other = (
        tv.replicate(tv.generate_catalogue(40), "2c", scenario, replications=70, metrics="idle", engine=engine)
        for engine in ("kernel", "simpy")
    )
    assert one.values("idle").tolist() == other.values("idle").tolist()


# -- the choice ----------------------------------------------------------------------------------------------


class Level(tv.Strategy):
    """The pool's level is decided in Python."""

    def pool_level(self, state: tv.PoolState) -> int:
        return 3


class Decides(tv.Strategy):
    """Each decision is made in Python."""

    def decide(self, state: tv.State) -> tv.Decision:
        return tv.Decision(start=len(state.waiting) + len(state.encoding))


@pytest.mark.parametrize(("strategy", "hook"), [(Level(), "pool_level"), (Decides(), "decide")])
def test_a_pool_level_or_a_decision_of_its_own_takes_simpy(strategy: tv.Strategy, hook: str) -> None:
    catalogue = tv.generate_catalogue()
    assert engine_for("auto", catalogue, strategy, tv.Scenario(), 300) == "simpy"
    with pytest.raises(
        tv.InputError,
        match=f"engine 'kernel' cannot simulate this: strategy '{strategy.name}' has a {hook} of its own",
    ):
        tv.replicate(catalogue, strategy, replications=3, engine="kernel")


def test_observers_take_simpy() -> None:
    catalogue = tv.generate_catalogue(5)
    with pytest.raises(tv.InputError, match="observers are called by the SimPy model alone; use engine='auto'"):
        tv.simulate(catalogue, engine="kernel", observers=print)


def test_without_numba_auto_is_simpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv2sim.engines.choice.find_spec", lambda name: None)
    catalogue = tv.generate_catalogue(5)
    assert engine_for("auto", catalogue, tv.PART_2C, tv.Scenario(), 10**6) == "simpy"
    with pytest.raises(tv.InputError, match=r"it needs numba, .* \(pip install 'tv2sim\[fast\]'\)"):
        tv.replicate(catalogue, replications=10, engine="kernel")


def test_many_replications_take_the_kernel_and_are_those_of_simpy() -> None:
    catalogue = tv.generate_catalogue()
    study = tv.compare(catalogue, ["1", "2c"], replications=300)
    other = tv.compare(catalogue, ["1", "2c"], replications=300, engine="simpy")
    assert [reps.engine for reps in study.cells.values()] == ["kernel"] * 2
    assert study.summary.equals(other.summary)
    assert study.extend(20).summary.equals(other.extend(20).summary)


def test_one_run_by_the_kernel_is_that_of_simpy() -> None:
    run = tv.simulate(tv.generate_catalogue(), "2a", engine="kernel", replication=3)
    assert run == tv.simulate(tv.generate_catalogue(), "2a", replication=3)


@pytest.mark.parametrize("strategy", ["2c", Mixed("mixed", prewarmed=3)])
def test_a_hook_s_error_and_a_wrong_distribution_are_said_as_by_simpy(strategy: Any) -> None:
    class Late(tv.Distribution):
        mean = 4.0

        def quantile(self, u: Any) -> Any:
            return np.where((u < 1e-9) | (u > 1 - 1e-9), 4.0, -1.0)

    for engine in ("kernel", "simpy"):
        with pytest.raises(tv.ScenarioError, match="gives other than one time from 0 to 4294967296 s each"):
            tv.replicate(
                tv.generate_catalogue(5),
                strategy,
                tv.Scenario(startup_time=Late()),
                replications=3,
                engine=engine,
            )
