"""The wider world over generated cases (`tests.helpers.wider_worlds`): what holds in each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from itertools import accumulate
from math import isnan
from typing import Any, TypeAlias

import pytest

import tv2sim as tv
from tests.engines.test_reference import cells
from tests.helpers.engines import simpy
from tests.helpers.specification import (
    Clip,
    Draws,
    Event,
    Lead,
    Outcome,
    Row,
    Rule,
    System,
    Video,
    World,
    reference,
)
from tests.helpers.wider_worlds import Case, case_of, features, strategy_case_of, strategy_features

FEW, MANY = 300, 6000
PARTS = 6
SOME = [0, 1, *(pytest.param(part, marks=pytest.mark.full) for part in range(2, PARTS))]
"""The parts, of which .ci/test takes two."""

Runs: TypeAlias = list[tuple[Case, Outcome]]


def outcome_of(case: Case) -> Outcome:
    return reference(case.clips, case.rule, case.world, Draws(case.seed))


@cache
def runs_of(generator: Callable[[int], Case], part: int) -> Runs:
    """Return some cases, each with what must happen in it."""
    return [(case, outcome_of(case)) for case in map(generator, range(part, FEW, PARTS))]


@pytest.fixture(params=SOME, scope="module")
def runs_of_parts(request: pytest.FixtureRequest) -> Runs:
    """Return cases with the strategies of the parts and what lies between them."""
    return runs_of(case_of, request.param)


@pytest.fixture(params=SOME, scope="module")
def runs_of_strategies(request: pytest.FixtureRequest) -> Runs:
    """Return cases with strategies of all kinds."""
    return runs_of(strategy_case_of, request.param)


@pytest.fixture(
    params=[
        pytest.param((kind, part), marks=[pytest.mark.full] if part > 1 else [])
        for kind in (case_of, strategy_case_of)
        for part in range(PARTS)
    ]
)
def runs(request: pytest.FixtureRequest) -> Runs:
    return runs_of(*request.param)


def times(row: Row, *columns: str) -> list[float]:
    """Return the times of a row that are known."""
    return [row[column] for column in columns if not isnan(row[column])]


@pytest.mark.full
def test_each_feature_is_in_a_tenth_of_the_cases() -> None:
    for many in (FEW, MANY):
        found = Counter(feature for number in range(many) for feature in features(case_of(number)))
        assert len(found) == 21
        assert min(found.values()) >= many / 10


def test_each_field_of_a_strategy_is_in_a_twentieth_of_the_cases() -> None:
    """And what a rule that decides once an instant has, in a tenth of them."""
    found = Counter(field for number in range(FEW) for field in strategy_features(strategy_case_of(number)))
    assert len(found) == 24
    assert min(found.values()) >= FEW / 20
    forecasts = found["forecast known"] + found["forecast none"]
    of_rules = [found[name] for name in ("price", "holds_back", "decide", "a newsvendor's lead")]
    assert min(*of_rules, forecasts) >= FEW / 10


def test_each_field_of_a_strategy_is_in_the_specification() -> None:
    ours, theirs = ({each.name for each in fields(kind)} for kind in (Rule, tv.Strategy))
    assert ours - theirs == {"delay", "decide", "level"}  # hooks
    assert theirs - ours == {"name"}
    ours, theirs = ({each.name for each in fields(kind)} for kind in (Lead, tv.Lead))
    assert ours - theirs == {"late", "idle"}  # a newsvendor's
    assert theirs <= ours


@pytest.mark.full
def test_videos_are_given_up_and_publishers_retired_in_a_tenth_of_the_cases() -> None:
    runs = [run for part in range(PARTS) for run in runs_of(strategy_case_of, part)]
    for event in ("discarded", "publisher_retired"):
        assert sum(any(line[1] == event for line in outcome.log) for _, outcome in runs) >= len(runs) / 10


def check(case: Case, expected: Outcome) -> None:
    """Compare what the SimPy model gives with what must happen: each cell, each line of the log, the end."""
    found = simpy(case.clips, case.rule, case.world, case.seed)
    assert found.log == expected.log
    assert (found.ending, found.quota_waits) == (expected.ending, expected.quota_waits)
    assert found.end == expected.end
    for table in ("videos", "publishers", "attempts"):
        rows = getattr(found, table)
        columns = [name for name in rows[0] if name not in GIVEN] if rows else []
        must = [{name: row[name] for name in columns} for row in cells(getattr(expected, table))]
        assert [{name: row[name] for name in columns} for row in rows] == must, table


GIVEN = {"id", "title", "provider", *Clip._fields}
"""The columns of videos that come from the catalogue."""


def test_the_simpy_model_agrees(runs: Runs) -> None:
    for case, outcome in runs:
        check(case, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("generator", [case_of, strategy_case_of])
def test_the_simpy_model_agrees_in_many_cases(generator: Callable[[int], Case], part: int) -> None:
    for case in map(generator, range(part, MANY, 10)):
        check(case, reference(case.clips, case.rule, case.world, Draws(case.seed)))


def test_the_tables_of_videos(runs: Runs) -> None:
    for case, outcome in runs:
        for video in outcome.videos:
            on_the_way = times(video, "offered", "encoding_started", "encoded", "queued")
            assert on_the_way == sorted(on_the_way)
            assert isnan(video["settled"]) == (video["outcome"] == "unfinished")
            assert video["on_time"] == (video["outcome"] == "published")
            if video["outcome"] == "published":
                assert video["queued"] <= video["assigned"] <= video["published"] == video["settled"]
                held = video["assigned" if case.world.deadline == "assigned" else "published"]
                took = round((held - video["encoding_started"]) * 1e6)
                assert took <= round(video["publication_timeout"] * 1e6)


def test_the_tables_of_publishers(runs: Runs) -> None:
    for case, outcome in runs:
        for publisher in outcome.publishers:
            life = times(publisher, "started", "ready", "assigned", "ended")
            assert life == sorted(life)
            assert publisher["idle"] >= 0
            if case.rule.dedicated and publisher["cause"] is not None:
                assert publisher["video"] in (None, publisher["cause"])


def test_each_attempt_that_failed_is_a_row(runs: Runs) -> None:
    for _, outcome in runs:
        failed = [publisher for publisher in outcome.publishers if publisher["outcome"] == "failed"]
        kinds = Counter(attempt["kind"] for attempt in outcome.attempts)
        assert kinds["startup"] == sum(isnan(publisher["ready"]) for publisher in failed)
        assert kinds["publishing"] == sum(publisher["video"] is not None for publisher in failed)
        interrupted = [line for line in outcome.log if line[1] == "encoder_failed" and line[2] is not None]
        assert kinds["encoding"] == len(interrupted)


def test_there_are_never_more_publishers_than_the_quota(runs: Runs) -> None:
    for case, outcome in runs:
        starts = [(publisher["started"], 1) for publisher in outcome.publishers]
        ends = [(publisher["ended"], -1) for publisher in outcome.publishers if not isnan(publisher["ended"])]
        alive = list(accumulate(step for _, step in sorted([*starts, *ends])))
        assert case.world.max_publishers is None or max(alive, default=0) <= case.world.max_publishers


def test_an_encoder_has_one_video_at_a_time(runs: Runs) -> None:
    for case, outcome in runs:
        encoder_of: dict[int, int] = {}
        for _, event, video, encoder, _ in outcome.log if case.world.encoders is not None else ():
            if event == "encoding_started" and video is not None and encoder is not None:
                assert encoder not in encoder_of.values()
                encoder_of[video] = encoder
            elif event in ("queued", "encoder_failed") and video is not None:
                del encoder_of[video]
            elif event == "discarded" and video is not None:
                encoder_of.pop(video, None)  # it was blocked


def test_runs_that_end_early_have_nothing_to_wait_for(runs: Runs) -> None:
    """If they go on, whatever dies or is repaired, no video gets an outcome, except that it may be given up.

    A rule without a level may start a publisher at any instant, but that is no reason to go on.
    """

    class GoesOn(System):
        def fate_can_change(self) -> bool:
            return True

    for (clips, rule, world, seed), outcome in runs:
        assert all(video["outcome"] != "unfinished" for video in outcome.videos) == (
            outcome.ending == "completed"
        )
        if outcome.ending in ("no publisher will come", "nothing left to happen") and rule.has_level:
            longer = World(**world.changes() | {"until": outcome.end + 100})
            later = GoesOn([Video(*clip) for clip in clips], rule, longer, Draws(seed)).run()
            given_up = {line[2] for line in later.log[len(outcome.log) :] if line[1] == "discarded"}
            if any(row is not None and isnan(later.videos[row]["queued"]) for row in given_up):
                continue  # it was blocked, and its encoder is free for others
            for row, video in enumerate(outcome.videos):
                if video["outcome"] != "unfinished" or row not in given_up:
                    assert video["outcome"] == later.videos[row]["outcome"]


# -- strategies ------------------------------------------------------------------------------------------


def test_a_video_has_one_outcome(runs: Runs) -> None:
    for _, outcome in runs:
        settled = Counter(line[2] for line in outcome.log if line[1] in ("published", "failed", "discarded"))
        for row, video in enumerate(outcome.videos):
            assert settled[row] == (video["outcome"] in ("published", "failed"))


def test_no_publisher_serves_two_and_no_retired_one_serves(runs: Runs) -> None:
    for case, outcome in runs:
        served = Counter(line[4] for line in outcome.log if line[1] == "assigned")
        assert max(served.values(), default=0) <= 1
        given_up = {line[2] for line in outcome.log if line[1] == "discarded"}
        for publisher in outcome.publishers:
            if publisher["outcome"] == "retired":
                assert publisher["video"] is None
                assert not served[publisher["publisher"]]
                to_live = case.rule.idle_time_to_live
                was_idle = to_live is not None and round((publisher["idle"] - to_live) * 1e6) >= 0
                assert was_idle or publisher["cause"] in given_up


def test_what_is_given_up_is_late_and_what_is_late_is_given_up(runs: Runs) -> None:
    for case, outcome in runs:
        first_settled: dict[int | None, float] = {}
        for time, event, row, _, _ in outcome.log:
            if event in ("published", "failed", "discarded"):
                first_settled.setdefault(row, time)
            if event in ("assigned", "discarded") and row is not None and case.rule.discards:
                video = outcome.videos[row]
                is_late = round((time - video["encoding_started"] - video["publication_timeout"]) * 1e6) > 0
                assert is_late == (event == "discarded") or first_settled.get(row, time) < time
            if event == "discarded" and row is not None:
                assert case.rule.discards or case.rule.decide is not None
                assert isnan(outcome.videos[row]["published"])
                assert isnan(outcome.videos[row]["elapsed"])


@pytest.mark.full
def test_nothing_is_held_for_ever(runs: Runs) -> None:
    """A publisher that was held serves, is retired, dies, or is not needed: no video waits beside it then."""
    held = 0
    for (clips, rule, world, seed), _ in runs:
        system = Holding([Video(*clip) for clip in clips], rule, world, Draws(seed))
        outcome = system.run()
        held += bool(system.held)
        if rule.covers and outcome.ending != "cut-off":
            assert not (system.waiting() and system.ready)
        for number in system.held:
            assert outcome.publishers[number]["outcome"] in ("ended", "retired", "failed", "unused")
    assert held or all(not rule.covers for (_, rule, *_), _ in runs)


class Holding(System):
    """A system that notes which publishers were ready when a decision let a video wait."""

    held: frozenset[int] = frozenset()

    def decision(self) -> None:
        super().decision()
        if self.waiting():
            self.held |= {number for _, number in self.ready}


def test_of_those_that_wait_the_nearest_deadline_is_served_first(runs: Runs) -> None:
    """Those whose publishing has failed at once wait again, but for the next decision."""
    for case, outcome in runs:
        if case.rule.order != "deadline" or case.rule.decide is not None or case.world.broker is not None:
            continue
        own = System([Video(*clip) for clip in case.clips], case.rule, case.world, Draws(case.seed)).has_own
        waiting: dict[int, float] = {}
        given_up = set()
        failed_now, now = set[int](), 0.0
        for time, event, row, _, _ in outcome.log:
            if time > now:
                failed_now, now = set(), time
            if row is None or own[row]:
                continue
            video = outcome.videos[row]
            deadline = video["encoding_started"] * 1e6 + round(video["publication_timeout"] * 1e6)
            if event == "failed":
                given_up.add(row)
            elif event in ("queued", "publisher_failed") and row not in given_up:
                waiting[row] = deadline
                failed_now |= {row} if event == "publisher_failed" else set()
            elif event == "assigned":
                others = [at for other, at in waiting.items() if other not in failed_now]
                assert waiting.pop(row) == min([deadline, *others])
            elif event in ("discarded", "encoder_failed"):
                waiting.pop(row, None)


class Watched(System):
    """A system that looks at itself whenever an instant is over."""

    def next_event(self) -> Event | None:
        event = super().next_event()
        if event is None or event.time > self.now:
            self.look()
        return event

    def look(self) -> None:
        rule, pool = self.rule, [life.order.own for life in self.lives].count(False)
        lives = [
            publisher for publisher, life in zip(self.publishers, self.lives, strict=True) if not life.order.own
        ]
        ended = sum(not isnan(publisher.ended) for publisher in lives)
        assert self.starting + len(self.ready) + self.busy == pool - ended
        if not (rule.covers or rule.decide):  # which may hold publishers back
            assert not (self.waiting() and self.ready)
        assert not self.waits_for_own & {
            row for row in self.own if not isnan(self.publishers[self.own[row]].ready)
        }
        if rule.maximum is not None:
            assert self.level() + self.busy <= rule.maximum
        fails = self.world.faults != type(self.world.faults)() and self.now > 0
        if rule.starts_at_most is not None and not fails and not rule.ready_at_start:
            assert self.ordered + self.starting <= rule.starts_at_most
        if rule.headroom is None and rule.starts_at_most is None:
            assert self.level() >= self.wanted() or not self.may_order()
        capacity = self.world.publishing_queue_capacity
        again = self.world.faults.publishing or self.world.broker is not None
        if capacity is not None and self.world.encoders is not None and not again:
            assert len(self.queue) <= capacity
        if rule.decides and self.log and self.log[-1][0] == self.now / 1e6:
            assert not any(map(self.is_hopeless, [*self.waiting(), *self.waits_for_own]))


@pytest.mark.full
def test_at_the_end_of_each_instant(runs: Runs) -> None:
    """Nobody waits beside a ready publisher, limits and levels are kept, and what is late has been given up."""
    for (clips, rule, world, seed), outcome in runs:
        watched = Watched([Video(*clip) for clip in clips], rule, world, Draws(seed)).run()
        assert watched.log == outcome.log


SAME: dict[str, Callable[[Rule], dict[str, Any]]] = {
    "at once is the default": lambda rule: {"dispatch": "at_once"},
    "without priorities": lambda rule: {"queue_order": "priority"},
    "a minimum as large as the pool": lambda rule: {"minimum": rule.prewarmed},
    "limits that are never reached": lambda rule: {"maximum": 10**6, "starts_at_most": 10**6},
    "no time to live that ends": lambda rule: {"idle_time_to_live": 10**6},
    "reviews of a pool that is full": lambda rule: {"review_every": 0.5},
    "headroom for next to nothing": lambda rule: {"headroom": 1e-9, "minimum": max(1, rule.prewarmed)},
    "a lead of nothing": lambda rule: {"lead": Lead(encoding=99)},
}


@pytest.mark.parametrize("name", SAME)
def test_fields_that_change_nothing(name: str, runs_of_parts: Runs) -> None:
    for case, outcome in runs_of_parts:
        changes = SAME[name](case.rule)
        if "headroom" in changes and not case.rule.prewarmed:
            continue  # it would be one
        changed = case._replace(rule=replace(case.rule, **changes))
        same = outcome_of(changed)
        assert same.log == outcome.log
        assert same.quota_waits == outcome.quota_waits
        if "review_every" in changes and outcome.ending in ("no publisher will come", "nothing left to happen"):
            assert same.ending in ("no progress", "cut-off")  # reviews are left
        else:
            assert (same.end, same.ending) == (outcome.end, outcome.ending)


def test_all_have_their_own_if_next_to_nothing_is_enough(runs_of_parts: Runs) -> None:
    """Part 2a, where each start-up may be in time."""
    for (clips, rule, world, seed), outcome in runs_of_parts:
        if rule == Rule("encoding_started", dedicated=True):
            own = Rule(dedicated_from=1e-9)
            system = System([Video(*clip) for clip in clips], own, world, Draws(seed))
            if all(system.has_own):
                assert system.run().log == outcome.log


def test_a_pool_that_is_ready_at_the_start_is_one_whose_start_ups_take_no_time(runs_of_parts: Runs) -> None:
    for case, _ in runs_of_parts:
        faults = replace(case.world.faults, startup=0)
        world = replace(case.world, startup_time=0, provisioning_delay=0, faults=faults)
        cold, warm = (
            case._replace(world=world, rule=replace(case.rule, ready_at_start=is_warm))
            for is_warm in (False, True)
        )
        assert outcome_of(warm).log == outcome_of(cold).log
