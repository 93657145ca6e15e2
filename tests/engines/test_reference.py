"""Every cell of both tables agrees with `tests.helpers.specification`, to the last bit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.sizes import examples
from tests.helpers.specification import Clip, Draws, Lead, Outcome, Rule, World, reference
from tv2sim.results.event_kinds import log_of

MOMENTS = ("encoding_started", "encoded", "queued")
PART_1 = Rule("encoded", dedicated=True)
PART_2A = Rule("encoding_started", dedicated=True)
PART_2B = Rule("queued", dedicated=True)
PART_2C = Rule(prewarmed=10)
PARTS = {"1": PART_1, "2a": PART_2A, "2b": PART_2B, "2c": PART_2C}

VIDEO_COLUMNS = {
    "id": "text",
    "title": "text",
    "provider": "text",
    "encoding_time": "float64",
    "publication_timeout": "float64",
    "offered": "float64",
    "encoder": "Int64",
    "encoding_started": "float64",
    "encoded": "float64",
    "queued": "float64",
    "publisher": "Int64",
    "assigned": "float64",
    "published": "float64",
    "elapsed": "float64",
    "on_time": "bool",
    "outcome": "text",
}
PUBLISHER_COLUMNS = {
    "publisher": "Int64",
    "cause": "Int64",
    "started": "float64",
    "ready": "float64",
    "assigned": "float64",
    "ended": "float64",
    "video": "Int64",
    "idle": "float64",
    "outcome": "text",
}


@dataclass(frozen=True)
class Case:
    """One run's input in plain numbers."""

    encoding_times: tuple[float, ...]
    timeouts: tuple[float, ...]
    rule: Rule
    world: World
    submitted: tuple[float | None, ...] = ()


def records(
    encoding_times: Sequence[float], timeouts: Sequence[float], submitted: Sequence[float | None] = ()
) -> list[dict[str, Any]]:
    """Write a catalogue as it would be read from JSON lines."""
    return [
        {
            "id": f"id-{row}",
            "title": f"Title {row}",
            "provider": f"TV {row % 3}",
            "encodingTime": encoding_time,
            "publicationTimeout": timeout,
        }
        | ({"submittedAt": submitted[row]} if submitted and submitted[row] is not None else {})
        for row, (encoding_time, timeout) in enumerate(zip(encoding_times, timeouts, strict=True))
    ]


def strategy_of(rule: Rule) -> tv.Strategy:
    """Find the library's strategy for the rule: a built-in one where there is one."""
    if rule == PART_1:
        return tv.PART_1
    if rule == PART_2A:
        return tv.PART_2A
    if rule == PART_2B:
        return tv.PART_2B
    data = {each.name: value for each in fields(rule) if (value := getattr(rule, each.name)) != each.default}
    if rule.lead is not None:
        data["lead"] = lead_of(rule.lead)
    if rule.decide is not None:
        return Deciding("of this test", rule=data.pop("decide"), **data)
    if rule.starts_on is None:
        return tv.PART_2C.replace(**{"prewarmed": 0} | data)
    return Delayed("of this test", **data) if rule.delay else tv.Strategy("of this test", **data)


def lead_of(lead: Lead) -> tv.Lead:
    """Return the library's lead."""
    given = {name: value for name, value in vars(lead).items() if value is not None}
    return tv.Lead.newsvendor(**given) if "late" in given else tv.Lead(**given)


@dataclass(frozen=True)
class Delayed(tv.Strategy):
    """Publishers are started some time after the moment."""

    delay: float = 0.0

    def start_delay(self, video: tv.Video) -> float:
        return self.delay


@dataclass(frozen=True)
class Deciding(tv.Strategy):
    """A function decides, which reads nothing but what the specification's state has, too."""

    rule: Any = None

    def decide(self, state: tv.State) -> tv.Decision:
        return tv.Decision(*self.rule(state))


def simulate(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int = 1) -> tv.Run:
    """Run the case in the library."""
    catalogue = tv.read_catalogue(records(case.encoding_times, case.timeouts, case.submitted))
    scenario = tv.Scenario(**case.world.changes() | {"startup_time": startup_time})
    return tv.simulate(catalogue, strategy_of(case.rule), scenario, seed=seed)


def cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put None for everything that is missing, so that `==` compares exactly."""
    return [{name: None if pd.isna(cell) else cell for name, cell in row.items()} for row in rows]


def rows_of(frame: pd.DataFrame, without: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Turn a table into plain rows."""
    plain = frame.drop(columns=list(without))
    return cells([dict(zip(plain.columns, row, strict=True)) for row in plain.itertuples(index=False)])


def check(case: Case, run: tv.Run) -> Outcome:
    """Compare the run with the specification, cell by cell and line by line."""
    given = case.submitted or [None] * len(case.timeouts)
    clips = [Clip(*numbers) for numbers in zip(case.encoding_times, case.timeouts, given, strict=True)]
    expected = reference(clips, case.rule, World.of(run.scenario), Draws(run.seed, run.replication))
    assert rows_of(run.videos, ("id", "title", "provider")) == shown(expected.videos, run.videos)
    assert rows_of(run.publishers) == shown(expected.publishers, run.publishers)
    assert list(log_of(run.facts).entries()) == expected.log
    assert (run.end, run.ending) == (expected.end, expected.ending)
    return expected


OPTIONAL = {"submitted_at", "publishing_time", "priority", "settled"}
"""Columns of the specification's tables that a run's table does not always have."""


def shown(rows: list[dict[str, Any]], frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Leave out the optional columns that the table does not have."""
    missing = OPTIONAL.difference(frame.columns)
    return cells([{name: cell for name, cell in row.items() if name not in missing} for row in rows])


seeds = st.integers(0, 2**32)
rules = st.one_of(
    st.sampled_from([PART_1, PART_2A, PART_2B]),
    st.builds(Rule, prewarmed=st.integers(0, 3)),
    st.builds(Rule, starts_on=st.sampled_from(MOMENTS), prewarmed=st.integers(0, 2)),
)
delayed = st.builds(
    Rule,
    starts_on=st.sampled_from(MOMENTS),
    dedicated=st.booleans(),
    delay=st.sampled_from([0.5, 1.0, 0.3, 1e-6, 4e-7]),
)
worlds = st.builds(
    World,
    encoders=st.integers(1, 4),
    requests_per_second=st.sampled_from([1.0, 2.0, 3.0]),
    publishing_time=st.sampled_from([0.0, 0.5, 3.0, 0.1]),
    publishing_queue_capacity=st.sampled_from([0, 1, 2, 100, None]),
    until=st.one_of(st.none(), st.integers(1, 40).map(lambda halves: halves / 2)),
)


@st.composite
def cases(draw: st.DrawFn, rules: st.SearchStrategy[Rule] = rules) -> Case:
    """Small catalogues in cramped worlds, mostly on a grid, where simultaneous events are the rule."""
    size = draw(st.integers(1, 14))
    encoding_times = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 6.0, 2.1, 0.3])
    timeouts = st.one_of(st.integers(1, 24).map(lambda halves: halves / 2), st.floats(0.5, 12))
    submitted = st.one_of(
        st.none(), st.integers(0, 24).map(lambda halves: halves / 2), st.floats(0, 20, allow_subnormal=False)
    )
    given = draw(st.booleans())
    return Case(
        tuple(draw(st.lists(encoding_times, min_size=size, max_size=size))),
        tuple(draw(st.lists(timeouts, min_size=size, max_size=size))),
        draw(rules),
        draw(worlds),
        tuple(draw(st.lists(submitted, min_size=size, max_size=size))) if given else (),
    )


def large_case(rule: Rule, world: World, whole: bool = True) -> Case:
    """Make a case of 154 videos that look like those of the broadcaster."""
    numbers = random.Random(154)
    encoding_times = [numbers.uniform(0, 8) for _ in range(154)]
    timeouts = [time + numbers.uniform(-1, 6) for time in encoding_times]
    if whole:
        encoding_times, timeouts = [[float(round(x)) for x in xs] for xs in (encoding_times, timeouts)]
    return Case(tuple(encoding_times), tuple(max(time, 0.5) for time in timeouts), rule, world)


class TestTheSpecificationItself:
    """Runs worked out by hand, so that not both sides are wrong in the same way."""

    def test_each_part_starts_its_publisher_at_its_moment(self) -> None:
        for rule, started, published in ((PART_1, 3.0, 7.0), (PART_2A, 0.0, 4.0), (PART_2B, 3.0, 7.0)):
            outcome = reference([Clip(3, 4)], rule, World(startup_time=4))
            assert outcome.publishers[0]["started"] == started
            assert outcome.videos[0]["published"] == outcome.end == published
            assert outcome.videos[0]["on_time"] == (rule is PART_2A)

    def test_two_videos_one_encoder_and_a_pool_of_one(self) -> None:
        outcome = reference([Clip(2, 2), Clip(1, 5)], Rule(prewarmed=1), World(encoders=1, startup_time=4))
        first, second = outcome.videos
        assert (first["offered"], first["encoding_started"], first["encoded"]) == (0, 0, 2)
        assert (second["offered"], second["encoding_started"], second["encoded"]) == (0.5, 2, 3)
        assert (first["assigned"], second["assigned"]) == (4, 8)
        assert (first["outcome"], second["outcome"]) == ("failed", "failed")
        assert [(p["cause"], p["started"]) for p in outcome.publishers] == [(None, 0), (0, 4), (1, 8)]

    def test_a_full_queue_blocks_an_encoder_and_the_client(self) -> None:
        world = World(encoders=1, publishing_queue_capacity=1, startup_time=6)
        outcome = reference([Clip(1, 9), Clip(1, 9), Clip(1, 9)], Rule(prewarmed=1), world)
        assert [v["encoded"] for v in outcome.videos] == [1, 2, 7]
        assert [v["queued"] for v in outcome.videos] == [1, 6, 12]
        assert [v["assigned"] for v in outcome.videos] == [6, 12, 18]

    def test_a_video_takes_no_place_in_a_queue_of_none_if_a_publisher_is_ready(self) -> None:
        world = World(publishing_queue_capacity=0, startup_time=2)
        outcome = reference([Clip(3, 9), Clip(3, 9)], Rule(prewarmed=1), world)
        assert [v["queued"] for v in outcome.videos] == [v["assigned"] for v in outcome.videos] == [3, 5]

    def test_an_order_counts_towards_the_base_stock(self) -> None:
        rule = Rule("queued", prewarmed=1)
        outcome = reference([Clip(3, 9), Clip(3, 9)], rule, World(startup_time=2))
        # The publisher started at 3 is there when the video takes the prewarmed one: nothing is to be replaced.
        assert [(p["cause"], p["started"]) for p in outcome.publishers] == [(None, 0), (0, 3), (1, 3.5)]
        assert [v["assigned"] for v in outcome.videos] == [3, 5]

    def test_the_last_instant_is_completed(self) -> None:
        outcome = reference([Clip(2, 9), Clip(2, 9)], Rule(prewarmed=2), World(startup_time=0.5))
        assert (outcome.end, outcome.ending) == (2.5, "completed")
        assert [(p["started"], p["ready"], p["idle"]) for p in cells(outcome.publishers)] == [
            (0, 0.5, 1.5),
            (0, 0.5, 2),
            (2, 2.5, 0),
            (2.5, None, 0),
        ]

    def test_endings(self) -> None:
        nobody = reference([Clip(3, 9)], Rule(prewarmed=0), World(startup_time=2))
        assert (nobody.end, nobody.ending) == (3, "no publisher will come")
        early = reference([Clip(3, 9)], PART_1, World(until=4.5, startup_time=2))
        assert (early.end, early.ending, early.videos[0]["outcome"]) == (4.5, "cut-off", "unfinished")


@pytest.mark.full
@settings(max_examples=examples(600))
@given(case=cases(rules | delayed), startup_time=st.sampled_from([0.0, 0.5, 2.0, 4.0]))
@example(Case((0.0,) * 6, (1.0,) * 6, Rule(prewarmed=1), World(encoders=1, publishing_queue_capacity=0)), 0.0)
@example(Case((3.0,) * 6, (9.0,) * 6, Rule(), World(encoders=2, publishing_queue_capacity=1)), 2.0)
@example(Case((3.0, 3.0), (5.0, 5.0), Rule("queued", prewarmed=1), World()), 2.0)
@example(Case((3.0,), (3.0,), PART_1, World(until=7.0)), 4.0)
def test_every_cell_agrees_when_start_up_times_are_constant(case: Case, startup_time: float) -> None:
    check(case, simulate(case, tv.Constant(startup_time)))


@pytest.mark.full
@settings(max_examples=examples(300))
@given(case=cases(), width=st.sampled_from([0.5, 4.0]), seed=st.integers(0, 2**32))
def test_every_cell_agrees_when_start_up_times_are_random(case: Case, width: float, seed: int) -> None:
    run = simulate(case, tv.Uniform(2, 2 + width), seed)
    check(case, run)


@pytest.mark.parametrize("rule", [*PARTS.values(), Rule(prewarmed=9), *(Rule(m, False, 2) for m in MOMENTS)])
@pytest.mark.parametrize(
    "world",
    [
        World(),
        World(encoders=5),
        World(encoders=3, publishing_queue_capacity=2, publishing_time=0.5),
        World(encoders=10, requests_per_second=3.0, publishing_queue_capacity=0),
        World(publishing_queue_capacity=None, until=40.0),
    ],
)
@pytest.mark.parametrize("whole", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.full
def test_every_cell_agrees_for_154_videos(rule: Rule, world: World, whole: bool) -> None:
    case = large_case(rule, world, whole)
    check(case, simulate(case, tv.Constant(4)))
    run = simulate(case, tv.Uniform(2, 6))
    check(case, run)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(prewarmed=10, holds_back=100),
        Rule(prewarmed=8, price=240, forecast=((3, 6, 2), (6, 7, 1))),
        pytest.param(Rule(prewarmed="rate", price=60), marks=pytest.mark.full),
        pytest.param(Rule("encoding_started", prewarmed="rate", price=1000), marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("whole", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.full
def test_every_cell_agrees_for_154_videos_of_rules_that_weigh(rule: Rule, whole: bool) -> None:
    for world in (World(), World(encoders=3, publishing_queue_capacity=2, publishing_time=0.5)):
        case = large_case(rule, world, whole)
        check(case, simulate(case, tv.Uniform(2, 6)))


@pytest.mark.parametrize(("name", "rule"), PARTS.items())
def test_the_parts_by_name_and_by_constant_are_the_same(name: str, rule: Rule) -> None:
    constant = {"1": tv.PART_1, "2a": tv.PART_2A, "2b": tv.PART_2B, "2c": tv.PART_2C}[name]
    case = large_case(rule, World())
    catalogue = tv.read_catalogue(records(case.encoding_times, case.timeouts, case.submitted))
    scenario = tv.Scenario(startup_time=tv.Constant(4))
    for strategy in (name, constant):
        run = tv.simulate(catalogue, strategy, scenario, seed=1, replication=0)
        check(case, run)


def test_the_default_scenario_is_the_default_world() -> None:
    case = large_case(PART_2C, World())
    run = tv.simulate(tv.read_catalogue(records(case.encoding_times, case.timeouts)), "2c")
    check(case, run)
    assert len(run.publishers) == 164
    startup_times = (run.publishers["ready"] - run.publishers["started"]).dropna()
    assert startup_times.between(2, 6).all()


@pytest.mark.parametrize("rule", [PART_2A, Rule(prewarmed=0), Rule(prewarmed=3)])
def test_columns_and_their_types_are_the_same_whatever_is_missing(rule: Rule) -> None:
    case = replace(large_case(rule, World(until=20.0)), encoding_times=(3.0,) * 154)
    run = simulate(case, tv.Constant(2))
    for table, columns in ((run.videos, VIDEO_COLUMNS), (run.publishers, PUBLISHER_COLUMNS)):
        assert list(table.columns) == list(columns)
        assert table.index.equals(pd.RangeIndex(len(table)))
        for column, kind in columns.items():
            assert kind == "text" or table[column].dtype == kind, column
    texts = [(record["id"], record["title"], record["provider"]) for record in records([1] * 154, [1] * 154)]
    assert list(run.videos[["id", "title", "provider"]].itertuples(index=False, name=None)) == texts


@pytest.mark.slow
@settings(max_examples=examples(2500))
@given(
    case=cases(), startup=st.tuples(st.sampled_from([0.0, 2.0]), st.sampled_from([0.0, 0.4, 4.0])), seed=seeds
)
def test_every_cell_agrees_in_2500_worlds(case: Case, startup: tuple[float, float], seed: int) -> None:
    low, width = startup
    run = simulate(case, tv.Uniform(low, low + width) if width else tv.Constant(low), seed)
    check(case, run)
