"""Rules that decide once an instant, by hand: the coverage rule, holding, and the hook `decide`.

As in `tests.engines.test_strategies_by_hand`, each case runs in every engine of `ENGINES`, and every number
is computed by hand. Unless a case says otherwise, there is one encoder, the client's gap is 0.5 s, and a
start-up takes 2 s.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv
from tests.engines.test_world_by_hand import (
    EITHER,
    PUBLISHING,
    STARTUP_SLOT,
    Engine,
    Simulate,
    at,
    check,
    seed_for,
    specification,
)
from tests.helpers.engines import simpy
from tests.helpers.specification import Answer, Broker, Clip, Faults, Lead, Outcome, Rule, Seen, World
from tv2sim.base.random_numbers import Purpose
from tv2sim.strategies.hooks import HOOKS

ENGINES: list[Engine] = [specification, simpy]


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.__name__)
def simulate(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Run clips in a world of one encoder, in which nothing is drawn unless the case says so."""
    engine: Engine = request.param

    def run(clips: Sequence[Clip], rule: Rule, *, seed: int = 1, **fields: Any) -> Outcome:
        return engine(clips, rule, World(**{"encoders": 1, "startup_time": 2} | fields), seed)

    return run


def started(outcome: Outcome) -> list[float]:
    """Return when each publisher was started."""
    return [publisher["started"] for publisher in outcome.publishers]


class TestPrice:
    def test_one_is_started_when_a_video_is_due_by_the_time_it_is_ready(self, simulate: Simulate) -> None:
        """Encoded at 3 and due at 5, which is as far ahead as a start-up takes; nothing happens before."""
        outcome = simulate([Clip(3, 5)], Rule(price=1, forecast=None))
        check(outcome.videos, "encoded queued publisher assigned outcome", "3 3 0 5 published")
        check(outcome.publishers, "cause started ready ended idle", "- 3 5 5 0")

    def test_a_video_can_wait_until_a_review(self, simulate: Simulate) -> None:
        """Due at 9, so one is started at 7, of the reviews each second; v1 is still encoding."""
        rule = Rule(price=1, forecast=None, review_every=1)
        outcome = simulate([Clip(3, 9), Clip(9, 99)], rule, encoders=2, until=9)
        assert started(outcome) == [7]

    def test_several_are_started_while_it_pays(self, simulate: Simulate) -> None:
        """v0 is encoded at 1 and due at 2. A start-up takes 1 s or 3 s: F(u) is .5 from 1 s on, then 1.

        The first is idle only when v0 is gone. The second prevents a failure at 2 s with the probability
        .5 * .5. On the grid, it is idle at 1, 1.5, 2 and 2.5 s with .5 * .5, and at 3, 3.5 and 4 s: for half a
        second each, 2 s in all. The third: .5 * .25, and with .5 * .75, 2.25 s in all.
        """
        for price, number in ((0.001, 1), (7.9, 1), (8.1, 2), (17.9, 2), (18.1, 3)):
            rule = Rule(price=price, forecast=None)
            outcome = simulate([Clip(1, 2)], rule, startup_time=EITHER, until=0.5)
            assert started(outcome) == [0] * number

    def test_the_prewarmed_ones_are_not_replaced(self, simulate: Simulate) -> None:
        """Ready at 2, and v0 takes one of two at 3; v1, due in 98 s, takes the other at 4."""
        rule = Rule(price=1, forecast=None, prewarmed=2)
        outcome = simulate([Clip(3, 9), Clip(1, 99)], rule)
        check(outcome.publishers, "cause started ready ended", "- 0 2 3", "- 0 2 4")

    def test_nor_is_one_that_has_failed(self, simulate: Simulate) -> None:
        """The start-up of 2 s fails; at 5, v0 is encoded and due at 7."""
        seed = seed_for({(STARTUP_SLOT, 0, 0): "small", (WITHOUT_CAUSE, 0, 0): "large"})
        rule = Rule(price=1, forecast=None, prewarmed=1)
        outcome = simulate([Clip(5, 7)], rule, faults=Faults(startup=0.5), seed=seed, until=7)
        check(outcome.publishers[:2], "started ready ended", "0 - 2", "5 7 7")

    def test_start_ups_that_fail_count_as_starting_until_that_is_noticed(self, simulate: Simulate) -> None:
        """It fails at 2 and v0, due at 4, is encoded then; the notice is at 3, too late for another one.

        A publisher that has been starting for 2 s counts as ready with .5. One more prevents a failure with
        .5 * .5, and is idle with .5 * .5 at each of 2, 2.25 and 2.5 s, the grid's steps being half a gap.
        """
        seed = seed_for({(STARTUP_SLOT, 0, 0): "small"})
        for price, starts in ((0.74, [0]), (0.76, [0, 2])):
            rule = Rule(price=price, forecast=None, prewarmed=1)
            fields = {"faults": Faults(startup=0.5, noticed_after=1), "until": 2}
            assert started(simulate([Clip(2, 4)], rule, seed=seed, **fields)) == starts

    def test_it_discards_in_deadline_order(self, simulate: Simulate) -> None:
        """One is ready at 2, when three wait: v0 is past its deadline of 1.5, v2 is due before v1."""
        clips = [Clip(0.5, 1.5), Clip(0.5, 99), Clip(0.5, 9)]
        outcome = simulate(clips, Rule(price=1, forecast=None, prewarmed=1), encoders=3, until=2)
        assert at(outcome, 2) == [
            "publisher_ready 0", "discarded 0", "assigned 2 0", "published 2 0", "publisher_ended 2 0",
        ]  # fmt: skip

    def test_a_lead_and_an_order_count_as_starting(self, simulate: Simulate) -> None:
        """The order of 0 is started at 3 and ready at 5, when v0 is due: at 3 no other one is started."""
        rule = Rule("encoding_started", lead=Lead(encoding=0), price=1, forecast=None)
        assert started(simulate([Clip(3, 5)], rule)) == [3]

    def test_the_provisioning_delay_belongs_to_the_start_up(self, simulate: Simulate) -> None:
        """1 s and then 2 s: ordered at 3, when v0 is due in 3 s."""
        outcome = simulate([Clip(3, 6)], Rule(price=1, forecast=None), provisioning_delay=1)
        check(outcome.publishers, "started ready assigned", "4 6 6")

    def test_a_video_with_its_own_publisher_asks_nothing_of_the_pool(self, simulate: Simulate) -> None:
        """Part 2a for v0, which can wait for it; v1 cannot, and has one of the pool in time."""
        rule = Rule(dedicated_from=1, price=1, forecast=None, prewarmed=1)
        outcome = simulate([Clip(3, 5), Clip(1.5, 1.9)], rule, encoders=2)
        check(outcome.publishers, "cause started video", "- 0 1", "0 0 0")


WITHOUT_CAUSE = Purpose.STARTUP_FAILURE_WITHOUT_CAUSE


class TestForecast:
    """v0 is encoding from 0 to 9, and due at 99."""

    CLIPS = (Clip(9, 99),)

    def test_a_mix_that_is_known(self, simulate: Simulate) -> None:
        """Videos come at 0.5, 1, 1.5 and 2, are encoded at once and due 1 s later: two of them by 2."""
        rule = Rule(price=1000, forecast=((0, 1, 3),))
        assert started(simulate(self.CLIPS, rule, until=1e-6)) == [0, 0]

    def test_such_as_have_come(self, simulate: Simulate) -> None:
        """Those that are due in 99 s bring a publisher in time; the weight of v0 is 1 of 11."""
        assert started(simulate(self.CLIPS, Rule(price=1000), until=1e-6)) == []

    def test_a_mix_of_which_a_part_is_urgent(self, simulate: Simulate) -> None:
        """By 2, one that is due has come with 1 - (10 / 11)^2.

        A publisher more is idle at 2, 2.25 and 2.5 s unless an urgent one is among the 4, 4 and 5 of that time:
        for 0.25 s each, which is (2 * .6830 + .6209) / 4 = .4967 s, and .4967 * 121 / 21 = 2.862.
        """
        for price, number in ((2.86, 0), (2.87, 1)):
            rule = Rule(price=price, forecast=((0, 1, 1), (9, 99, 10)))
            assert started(simulate(self.CLIPS, rule, until=1e-6)) == [0] * number

    def test_none(self, simulate: Simulate) -> None:
        assert started(simulate(self.CLIPS, Rule(price=1000, forecast=None), until=1e-6)) == []


class TestHoldsBack:
    """One publisher is ready from 0 on. v0 waits from 1 on, due at 30; v1, due at 3.5, is encoded at 2.5."""

    CLIPS = (Clip(1, 30), Clip(2, 3))
    POOL: Mapping[str, Any] = {"prewarmed": 1, "ready_at_start": True}
    WORLD: Mapping[str, Any] = {"encoders": 2, "startup_time": 2.5}

    @pytest.mark.parametrize(
        ("fields", "held"),
        [
            ({"holds_back": 1.51}, True),  # v0 waits for 1.5 s
            ({"holds_back": 1.49}, False),
            ({"price": 1.51}, True),
            ({"price": 1.51, "holds_back": True}, True),
            ({"price": 1.51, "holds_back": False}, False),
            ({"price": 0.01, "holds_back": 1.51}, True),
            ({"dispatch": "end_of_instant", "queue_order": "deadline"}, False),
        ],
    )
    def test_it_is_held_then_serves(self, fields: dict[str, Any], held: bool, simulate: Simulate) -> None:
        outcome = simulate(self.CLIPS, Rule(**self.POOL, **fields), **self.WORLD, until=2.5)
        served = {row: video["assigned"] for row, video in enumerate(outcome.videos) if video["publisher"] == 0}
        assert served == ({1: 2.5} if held else {0: 1})

    def test_the_base_stock_stays(self, simulate: Simulate) -> None:
        """Each one that serves is replaced: at 2.5, for v0 at 5."""
        outcome = simulate(self.CLIPS, Rule(**self.POOL, holds_back=60), **self.WORLD)
        check(outcome.videos, "assigned outcome", "5 published", "2.5 published")
        check(outcome.publishers, "cause started ready ended", "- 0 0 2.5", "1 2.5 5 5", "0 5 - -")

    def test_it_is_held_to_the_end(self, simulate: Simulate) -> None:
        outcome = simulate(self.CLIPS, Rule(**self.POOL, holds_back=60), **self.WORLD, until=2)
        check(outcome.videos, "queued assigned outcome", "1 - unfinished", "- - unfinished")
        check(outcome.publishers, "ready assigned ended idle outcome", "0 - - 2 unused")

    def test_it_is_held_then_retired(self, simulate: Simulate) -> None:
        """It has been idle for 1.25 s, and the level is 0: nothing is left when v1 is encoded."""
        rule = Rule(**self.POOL, minimum=0, idle_time_to_live=1.25, holds_back=60)
        outcome = simulate(self.CLIPS, rule, **self.WORLD)
        check(outcome.videos, "queued assigned outcome", "1 - unfinished", "2.5 - unfinished")
        check(outcome.publishers, "ready ended idle outcome", "0 1.25 1.25 retired")
        assert (outcome.end, outcome.ending) == (2.5, "no publisher will come")

    def test_it_is_held_then_dies(self, simulate: Simulate) -> None:
        """At 2; the next one, started then, is ready at 4.5, when v1 is late."""
        outcome = simulate(
            self.CLIPS, Rule(**self.POOL, holds_back=60), **self.WORLD, faults=Faults(ready_lifetime=2)
        )
        check(
            outcome.publishers[:2], "started ready ended video outcome", "0 0 2 - failed", "2 4.5 4.5 1 ended"
        )

    @pytest.mark.parametrize("broker", [None, Broker()])
    def test_nothing_is_held_when_a_video_could_not_come(
        self, broker: Broker | None, simulate: Simulate
    ) -> None:
        """The queue has room for one: v0, visible at 1, has to leave before v1 can come."""
        fields = {**self.WORLD, "broker": broker, "publishing_queue_capacity": 1}
        outcome = simulate(self.CLIPS, Rule(**self.POOL, holds_back=60), **fields)
        check(outcome.videos, "queued assigned", "1 1", "2.5 3.5")
        fields["publishing_queue_capacity"] = 2
        outcome = simulate(self.CLIPS, Rule(**self.POOL, holds_back=60), **fields)
        check(outcome.videos, "queued assigned", "1 5", "2.5 2.5")


class TestDecide:
    def test_what_it_sees(self, simulate: Simulate) -> None:
        """v0 is encoded from 0 to 2, v1 from 2 on; one is ordered at 0, started at 0.5 and ready at 2.5."""
        seen: list[tuple[Any, ...]] = []

        def rule(state: Seen) -> Answer:
            waiting, encoding = (
                [(video.row, video.deadline, video.remaining) for video in videos]
                for videos in (state.waiting, state.encoding)
            )
            now = state.time, waiting, encoding, state.ordered, state.starting, state.ready
            seen.append((*now, state.rate, dict(state.mix)))
            return Answer(1 if state.time == 0 else 0)

        clips = [Clip(2, 9), Clip(4, 5)]
        outcome = simulate(clips, Rule(decide=rule), provisioning_delay=0.5, until=2.5)
        assert seen == [
            (0, [], [(0, 9, 2)], 0, (), 0, 0, {(2, 9): 1}),
            (0.5, [], [(0, 9, 1.5)], 0, (0,), 0, 0, {(2, 9): 1}),
            (2, [(0, 9, 0)], [(1, 7, 4)], 0, (1.5,), 0, 0.5, {(2, 9): 1, (4, 5): 1}),
            (2.5, [(0, 9, 0)], [(1, 7, 3.5)], 0, (), 1, 0.5, {(2, 9): 1, (4, 5): 1}),
        ]
        check(outcome.publishers, "cause started ready ended", "- 0.5 2.5 2.5")

    def test_a_video_that_is_blocked_counts_as_encoding_until_it_leaves_its_encoder(
        self, simulate: Simulate
    ) -> None:
        """Room for one: v0 waits from 1, v1 is blocked from 1.5; v0 is served at 3, and v1 waits then."""
        seen: list[tuple[Any, ...]] = []

        def rule(state: Seen) -> Answer:
            waiting, encoding = (
                [(video.row, video.remaining) for video in videos] for videos in (state.waiting, state.encoding)
            )
            seen.append((state.time, waiting, encoding))
            return Answer(1 if state.time == 1 else 0)

        fields = {"encoders": 2, "startup_time": 2, "publishing_queue_capacity": 1, "until": 3}
        simulate([Clip(1, 9), Clip(1, 9)], Rule(decide=rule), **fields)
        assert seen == [
            (0, [], [(0, 1)]),
            (0.5, [], [(0, 0.5), (1, 1)]),
            (1, [(0, 0)], [(1, 0.5)]),
            (1.5, [(0, 0)], [(1, 0)]),
            (3, [(0, 0)], [(1, 0)]),
            (3, [(1, 0)], []),
        ]

    def test_it_knows_the_nominal_end_of_an_encoding(self, simulate: Simulate) -> None:
        """v0 takes 4 s instead of 2: when v1 is offered at 3, it should have ended."""
        left: list[float] = []

        def rule(state: Seen) -> Answer:
            left.append(state.encoding[0].remaining)
            return Answer()

        simulate([Clip(2, 9), Clip(9, 9, 3)], Rule(decide=rule), encoders=2, encoding_factor=2, until=3)
        assert left == [2, 0]

    def test_what_it_answers(self, simulate: Simulate) -> None:
        """Four wait at 2.5 s, when two are ready: one video is given up, one served, one publisher held."""

        def rule(state: Seen) -> Answer:
            if state.time == 0:
                return Answer(start=2)
            if state.time == 2.5:
                return Answer(start=1, serve=[3, 0], hold=1, discard=[1])
            return Answer(hold=2)

        outcome = simulate([Clip(1, 9)] * 4, Rule(decide=rule), encoders=4, until=2.5)
        served = ["assigned 3 0", "published 3 0", "publisher_ended 3 0", "publisher_started 2"]
        assert at(outcome, 2.5)[2:] == ["discarded 1", *served]

    @pytest.mark.parametrize("fields", [{"decide": lambda state: Answer()}, {"price": 1, "forecast": None}])
    def test_publishing_that_fails_at_once_is_decided_again(
        self, fields: dict[str, Any], simulate: Simulate
    ) -> None:
        """Two are ready at 2; both take the video at 3, although the notice of the failure is far."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        faults = Faults(publishing=0.5, noticed_after=9)
        if "decide" in fields:
            fields = {"decide": lambda state: Answer(2 if state.time == 0 else 0)}
        else:
            fields = {**fields, "prewarmed": 2}
        outcome = simulate([Clip(3, 9)], Rule(**fields), faults=faults, seed=seed)
        assert at(outcome, 3)[2:] == [
            "assigned 0 0", "publisher_failed 0 0", "assigned 0 1", "published 0 1", "publisher_ended 0 1",
        ]  # fmt: skip

    def test_what_is_delivered_again_is_not_discarded(self, simulate: Simulate) -> None:
        """v0 is published at 2, and visible again at 5, after its deadline of 4; v1 is published at 6."""

        def rule(state: Seen) -> Answer:
            late = [video.row for video in state.waiting if video.deadline < state.time]
            return Answer(3 if state.time == 0 else 0, discard=late)

        lost = Purpose.ACKNOWLEDGEMENT_LOSS
        seed = seed_for({(lost, 0, 0): "small", (lost, 0, 1): "large", (lost, 1, 0): "large"})
        broker = Broker(acknowledgement_loss=0.5, redelivered_after=3)
        outcome = simulate([Clip(2, 4), Clip(4, 9)], Rule(decide=rule), broker=broker, seed=seed)
        check(outcome.videos, "published settled outcome", "2 2 published", "6 6 published")
        check(outcome.publishers, "ended video", "2 0", "5 0", "6 1")


# -- nothing is left out -------------------------------------------------------------------------------------

HERE = Path(__file__).parent


def test_each_field_of_a_strategy_is_in_a_case() -> None:
    positional = [each.name for each in fields(Rule)]
    found = set()
    for name in ("test_strategies_by_hand.py", "test_rules_by_hand.py"):
        for node in ast.walk(ast.parse((HERE / name).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule":
                found |= {*positional[: len(node.args)], *(each.arg for each in node.keywords)}
    assert {each.name for each in fields(tv.Strategy)} - found == {"name"}


def test_each_hook_of_a_strategy_is_in_a_case() -> None:
    tree = ast.parse((HERE / "test_micro_strategies.py").read_text())
    methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert set(HOOKS) <= methods
