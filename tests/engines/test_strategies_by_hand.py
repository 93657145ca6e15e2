"""Strategies by hand: a tiny system for each field and for pairs that meet at one instant.

As in `tests.engines.test_world_by_hand`, each case runs in every engine of `ENGINES`, and every number is
computed by hand. Unless a case says otherwise, there is one encoder, the client's gap is 0.5 s, and a
start-up takes 1 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

import tv2sim as tv
from tests.engines.test_world_by_hand import (
    ATTEMPT,
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
from tests.helpers.engines import compiled, simpy
from tests.helpers.specification import Broker, Clip, Faults, Lead, Outcome, Profile, RetryLater, Rule, World
from tv2sim.base.random_numbers import Purpose

ENGINES: list[Engine] = [specification, simpy, compiled]

AT_ONCE, AT_THE_END = "at_once", "end_of_instant"
DISPATCHES = pytest.mark.parametrize("dispatch", [AT_ONCE, AT_THE_END])


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.__name__)
def simulate(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Run clips in a world of one encoder, in which nothing is drawn unless the case says so."""
    engine: Engine = request.param

    def run(clips: Sequence[Clip], rule: Rule, *, seed: int = 1, **fields: Any) -> Outcome:
        return engine(clips, rule, World(**{"encoders": 1, "startup_time": 1} | fields), seed)

    return run


def started(outcome: Outcome) -> list[float]:
    """Return when each publisher was started."""
    return [publisher["started"] for publisher in outcome.publishers]


class TestQueueOrder:
    """A pool of 1, ready at 4, 8 and 12, when all videos wait."""

    WORLD: Mapping[str, Any] = {"encoders": 3, "startup_time": 4}

    @DISPATCHES
    def test_the_earliest_deadline_first(self, dispatch: str, simulate: Simulate) -> None:
        """Deadlines 0 + 9 and 0.5 + 5: the second at 4, the first at 8."""
        rule = Rule(prewarmed=1, queue_order="deadline", dispatch=dispatch)
        outcome = simulate([Clip(1, 9), Clip(1, 5)], rule, **self.WORLD)
        check(outcome.videos, "queued publisher assigned outcome", "1 1 8 published", "1.5 0 4 published")

    @DISPATCHES
    def test_equal_deadlines_go_by_catalogue_row(self, dispatch: str, simulate: Simulate) -> None:
        """0 + 9 and 0.5 + 8.5; the second has come first."""
        clips = [Clip(2, 9), Clip(1, 8.5)]
        outcome = simulate(clips, Rule(prewarmed=1, queue_order="deadline", dispatch=dispatch), **self.WORLD)
        check(outcome.videos, "queued assigned", "2 4", "1.5 8")
        outcome = simulate(clips, Rule(prewarmed=1, dispatch=dispatch), **self.WORLD)
        check(outcome.videos, "queued assigned", "2 8", "1.5 4")

    @DISPATCHES
    def test_the_lowest_priority_of_the_catalogue_first(self, dispatch: str, simulate: Simulate) -> None:
        """Priorities 5, -1 and none, which is 0."""
        clips = [Clip(1, 99, priority=5), Clip(1, 99, priority=-1), Clip(1, 99)]
        outcome = simulate(clips, Rule(prewarmed=1, queue_order="priority", dispatch=dispatch), **self.WORLD)
        check(outcome.videos, "queued assigned", "1 12", "1.5 4", "2 8")

    @DISPATCHES
    def test_equal_priorities_go_by_the_time_at_which_they_were_queued(
        self, dispatch: str, simulate: Simulate
    ) -> None:
        clips = [Clip(3, 99, priority=1), Clip(1, 99, priority=1)]
        outcome = simulate(clips, Rule(prewarmed=1, queue_order="priority", dispatch=dispatch), **self.WORLD)
        check(outcome.videos, "queued assigned", "3 8", "1.5 4")

    def test_a_video_whose_publishing_failed_keeps_its_place(self, simulate: Simulate) -> None:
        """Deadlines 9 and 9.5: the first fails at 5, when one is started for it, and is served again at 8."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large", (PUBLISHING, 1, 0): "large"})
        rule = Rule(prewarmed=1, queue_order="deadline")
        fields = {**self.WORLD, "publishing_time": 1, "faults": Faults(publishing=0.5)}
        outcome = simulate([Clip(1, 9), Clip(1, 9)], rule, seed=seed, **fields)
        check(outcome.videos, "assigned published", "8 9", "9 10")


class TestDispatch:
    def test_the_more_urgent_is_encoded_later_in_the_same_instant(self, simulate: Simulate) -> None:
        """Both are encoded at 2, one is ready since 1, the next one at 3; deadlines 9 and 3.5."""
        clips = [Clip(2, 9), Clip(1.5, 3)]
        for dispatch, first, second in ((AT_ONCE, "2 2", "2 3"), (AT_THE_END, "2 3", "2 2")):
            rule = Rule(prewarmed=1, queue_order="deadline", dispatch=dispatch)
            outcome = simulate(clips, rule, encoders=2)
            check(outcome.videos, "queued assigned", first, second)
        check(outcome.publishers, "cause started ended", "- 0 2", "1 2 3", "0 3 -")

    def test_a_publisher_becomes_ready_as_a_video_is_queued(self, simulate: Simulate) -> None:
        """At 2; the next encoding starts before the publisher is given, and a start comes last."""
        clips = [Clip(2, 9), Clip(9, 9)]
        outcome = simulate(clips, Rule(prewarmed=1, dispatch=AT_THE_END), startup_time=2, until=2)
        come = ["encoded 0 0", "queued 0", "publisher_ready 0"]
        served = ["assigned 0 0", "published 0 0", "publisher_ended 0 0", "publisher_started 0 1"]
        assert at(outcome, 2) == [*come, "encoding_started 1 0", *served]

    def test_at_once_is_the_default(self, simulate: Simulate) -> None:
        for dispatch in (None, AT_ONCE):
            rule = Rule(prewarmed=1, dispatch=dispatch)
            outcome = simulate([Clip(2, 9), Clip(9, 9)], rule, startup_time=2, until=2)
            served = ["assigned 0 0", "publisher_started 0 1", "published 0 0", "publisher_ended 0 0"]
            come = ["encoded 0 0", "queued 0", "publisher_ready 0"]
            assert at(outcome, 2) == [*come, *served, "encoding_started 1 0"]

    def test_starts_have_the_videos_that_were_served_as_causes(self, simulate: Simulate) -> None:
        """Three are encoded at 2 and served in the order of their deadlines, 4, 5.5, and 9."""
        clips = [Clip(2, 9), Clip(1.5, 5), Clip(1, 3)]
        rule = Rule(prewarmed=3, queue_order="deadline", dispatch=AT_THE_END)
        outcome = simulate(clips, rule, encoders=3)
        check(outcome.videos, "publisher assigned", "2 2", "1 2", "0 2")
        assert [publisher["cause"] for publisher in outcome.publishers[3:]] == [2, 1, 0]

    def test_it_decides_again_if_this_leaves_something_new(self, simulate: Simulate) -> None:
        """A start-up takes no time: the one started for the first video serves the second, at 2."""
        rule = Rule(prewarmed=1, dispatch=AT_THE_END)
        outcome = simulate([Clip(2, 9), Clip(1.5, 9)], rule, encoders=2, startup_time=0)
        come = ["encoded 0 0", "queued 0", "encoded 1 1", "queued 1"]
        first = ["assigned 0 0", "published 0 0", "publisher_ended 0 0", "publisher_started 0 1"]
        second = ["assigned 1 1", "published 1 1", "publisher_ended 1 1", "publisher_started 1 2"]
        assert at(outcome, 2) == [*come, *first, "publisher_ready 1", *second, "publisher_ready 2"]

    def test_dedicated_publishers_take_their_videos_at_once(self, simulate: Simulate) -> None:
        """Part 2a: encoded at 2, before the next encoding starts."""
        rule = Rule("encoding_started", dedicated=True, dispatch=AT_THE_END)
        outcome = simulate([Clip(2, 9), Clip(9, 9)], rule, until=2)
        served = ["assigned 0 0", "published 0 0", "publisher_ended 0 0"]
        assert at(outcome, 2)[:5] == ["encoded 0 0", "queued 0", *served]

    def test_a_publisher_that_dies_now_serves_nobody(self, simulate: Simulate) -> None:
        """Place 2 before 6, at 3: dead as the video is encoded; the one started then serves at 4."""
        rule = Rule(prewarmed=1, dispatch=AT_THE_END)
        outcome = simulate([Clip(3, 9)], rule, faults=Faults(ready_lifetime=2))
        check(outcome.publishers[:2], "started ready ended outcome", "0 1 3 failed", "3 4 4 ended")

    def test_publishing_that_fails_at_once_is_tried_again_in_the_same_instant(self, simulate: Simulate) -> None:
        """Two are ready at 1; both take the video at 2, the second in another decision, after the notice."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        rule = Rule(prewarmed=2, dispatch=AT_THE_END)
        outcome = simulate([Clip(2, 9)], rule, faults=Faults(publishing=0.5), seed=seed)
        first = ["assigned 0 0", "publisher_failed 0 0", "publisher_started 2"]
        second = ["assigned 0 1", "published 0 1", "publisher_ended 0 1", "publisher_started 0 3"]
        assert at(outcome, 2)[2:] == [*first, *second]

    def test_a_decision_is_finished_before_publishing_that_has_failed_at_once_is_tried_again(
        self, simulate: Simulate
    ) -> None:
        """Two are ready at 4 for two videos of equal rank; v0 fails at once, and the other takes v1, not v0."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 1, 0): "large"})
        rule = Rule(prewarmed=2, dispatch=AT_THE_END)
        fields = {
            "encoders": 2,
            "startup_time": 4,
            "until": 4,
            "faults": Faults(publishing=0.5, noticed_after=9),
        }
        outcome = simulate([Clip(2, 9), Clip(2, 9)], rule, seed=seed, **fields)
        served = [
            "assigned 0 0",
            "publisher_failed 0 0",
            "assigned 1 1",
            "published 1 1",
            "publisher_ended 1 1",
        ]
        assert at(outcome, 4)[2:] == [*served, "publisher_started 0 2"]


class TestRoomsAtTheEndOfAnInstant:
    def test_ready_publishers_make_no_room(self, simulate: Simulate) -> None:
        """Capacity 1, two are ready: v1, encoded at 2 as well, has room when v0 is served, then is served."""
        rule = Rule(prewarmed=2, dispatch=AT_THE_END)
        clips = [Clip(2, 9), Clip(1.5, 9)]
        outcome = simulate(clips, rule, encoders=2, publishing_queue_capacity=1, publishing_time=1)
        come = ["encoded 0 0", "queued 0", "encoded 1 1", "assigned 0 0", "publisher_started 0 2"]
        assert at(outcome, 2) == [*come, "queued 1", "assigned 1 1", "publisher_started 1 3"]

    def test_a_queue_without_places(self, simulate: Simulate) -> None:
        """Capacity 0: blocked from 1 to 2, when the publisher is ready; queued and assigned then."""
        rule = Rule(prewarmed=1, dispatch=AT_THE_END)
        outcome = simulate([Clip(1, 9)], rule, startup_time=2, publishing_queue_capacity=0)
        check(outcome.videos, "encoded queued assigned outcome", "1 2 2 published")

    def test_without_places_the_one_blocked_longest_is_served_in_each_decision(
        self, simulate: Simulate
    ) -> None:
        """Capacity 0, two ready at 6: v1 is blocked from 1.5, v0, more urgent, from 2."""
        rule = Rule(prewarmed=2, queue_order="deadline", dispatch=AT_THE_END)
        fields = {"encoders": 2, "startup_time": 6, "publishing_queue_capacity": 0, "until": 6}
        outcome = simulate([Clip(2, 7), Clip(1, 20)], rule, **fields)
        first = ["queued 1", "assigned 1 0", "published 1 0", "publisher_ended 1 0", "publisher_started 1 2"]
        assert at(outcome, 6)[2:8] == [*first, "queued 0"]
        check(outcome.videos, "encoded queued assigned", "2 6 6", "1.5 6 6")

    BLOCKED = (Clip(1, 20), Clip(1, 9), Clip(1, 19), Clip(1, 20))
    """Room for one: v0 waits, v1 and v2 are blocked from 1.5 and 2, v3 is offered; deadlines 20, 9.5, 20."""

    @pytest.mark.parametrize("order", ["fifo", "deadline"])
    def test_a_decision_sees_the_queue_alone_and_the_blocked_one_takes_its_place(
        self, order: str, simulate: Simulate
    ) -> None:
        """At 6: v0 is served, although v1 is more urgent; then place 3 for v1, and place 4 for v3."""
        rule = Rule(prewarmed=1, queue_order=order, dispatch=AT_THE_END)
        fields = {"encoders": 2, "startup_time": 6, "publishing_queue_capacity": 1}
        outcome = simulate(self.BLOCKED, rule, until=6, **fields)
        served = ["assigned 0 0", "published 0 0", "publisher_ended 0 0", "publisher_started 0 1"]
        assert at(outcome, 6) == ["publisher_ready 0", *served, "queued 1", "encoding_started 3 1"]

    def test_blocked_ones_come_after_the_queue_and_the_longest_blocked_first(self, simulate: Simulate) -> None:
        """First in, first out: at 6 three are ready, for v0 of the queue, then v1, then v2."""
        fields = {"encoders": 2, "startup_time": 6, "publishing_queue_capacity": 1}
        outcome = simulate(self.BLOCKED, Rule(prewarmed=3, dispatch=AT_THE_END), until=6, **fields)
        check(outcome.videos[:3], "queued publisher assigned", "1 0 6", "6 1 6", "6 2 6")

    def test_a_start_at_queued_follows_from_the_decision(self, simulate: Simulate) -> None:
        """Capacity 0: the publisher of `starts_on="queued"` is started when the blocked video is served."""
        rule = Rule("queued", prewarmed=1, dispatch=AT_THE_END)
        outcome = simulate([Clip(1, 9)], rule, startup_time=2, publishing_queue_capacity=0)
        served = ["queued 0", "publisher_started 0 1", "assigned 0 0", "published 0 0", "publisher_ended 0 0"]
        assert at(outcome, 2) == ["publisher_ready 0", *served]  # the pool has its level

    def test_with_a_broker_only_visible_videos_wait(self, simulate: Simulate) -> None:
        """Room for one: at 6 v0 is served, although v1 is more urgent; v1 is visible then, and served at 12."""
        rule = Rule(prewarmed=1, queue_order="deadline", dispatch=AT_THE_END)
        fields = {"encoders": 2, "startup_time": 6, "publishing_queue_capacity": 1, "broker": Broker()}
        outcome = simulate([Clip(1, 99), Clip(1, 19)], rule, **fields)
        check(outcome.videos, "encoded queued assigned", "1 1 6", "1.5 6 12")
        served = ["assigned 0 0", "published 0 0", "publisher_ended 0 0", "publisher_started 0 1"]
        assert at(outcome, 6) == ["publisher_ready 0", *served, "queued 1", "visible 1"]


class TestDiscardsHopeless:
    @DISPATCHES
    def test_the_publisher_goes_on_to_the_next(self, dispatch: str, simulate: Simulate) -> None:
        """At 4 the first is past its deadline of 3; the second takes the publisher. No instant between."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=dispatch)
        outcome = simulate([Clip(1, 3), Clip(1, 9)], rule, encoders=2, startup_time=4)
        columns = "queued publisher assigned published settled elapsed outcome"
        check(outcome.videos, columns, "1 - - - 4 - failed", "1.5 0 4 4 4 3.5 published")
        assert at(outcome, 4)[:3] == ["publisher_ready 0", "discarded 0", "assigned 1 0"]

    @DISPATCHES
    def test_at_its_deadline_and_a_microsecond_later(self, dispatch: str, simulate: Simulate) -> None:
        """Ready at 4."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=dispatch)
        for timeout, expected in ((4, "4 published"), (3.999999, "- failed")):
            outcome = simulate([Clip(1, timeout)], rule, startup_time=4)
            check(outcome.videos, "assigned settled outcome", expected.replace(" ", " 4 "))

    @DISPATCHES
    def test_as_it_arrives(self, dispatch: str, simulate: Simulate) -> None:
        """Encoded at 3, after its deadline of 2; the publisher ready since 1 stays, and is not replaced."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=dispatch)
        outcome = simulate([Clip(3, 2)], rule)
        check(outcome.videos, "queued assigned settled outcome", "3 - 3 failed")
        check(outcome.publishers, "started ready assigned ended idle outcome", "0 1 - - 2 unused")
        assert (outcome.end, outcome.ending) == (3, "completed")

    def test_at_once_it_waits_until_it_would_be_served(self, simulate: Simulate) -> None:
        """Deadline 2; at 2.5 the second is encoded; the publisher is ready at 5."""
        rule = Rule(prewarmed=1, discards_hopeless=True)
        outcome = simulate([Clip(1, 2), Clip(1.5, 9)], rule, startup_time=5)
        check(outcome.videos, "encoded settled", "1 5", "2.5 5")

    def test_at_the_end_of_an_instant_at_the_first_decision(self, simulate: Simulate) -> None:
        """The same, at 2.5; with a deadline of 2.5 not yet, but at 5."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        for timeout, settled in ((2, 2.5), (2.5, 5)):
            outcome = simulate([Clip(1, timeout), Clip(1.5, 9)], rule, startup_time=5)
            check(outcome.videos, "encoded settled", f"1 {settled}", "2.5 5")

    def test_what_writes_no_line_of_the_log_is_no_occasion(self, simulate: Simulate) -> None:
        """The start-up ends at 3 and fails, which is noticed at 4; the order of then starts at 6."""
        seed = seed_for({(STARTUP_SLOT, 0, 0): "small", (STARTUP_SLOT, 0, 1): "large"})
        fields = {"provisioning_delay": 2, "faults": Faults(startup=0.5, noticed_after=1)}
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        outcome = simulate([Clip(1, 3.5)], rule, seed=seed, **fields)
        check(outcome.videos, "settled", "6")

    def test_but_a_review_is_one(self, simulate: Simulate) -> None:
        """At 0.75, 1.5 and 2.25; the deadline is 2."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END, review_every=0.75)
        outcome = simulate([Clip(1, 2)], rule, startup_time=5)
        check(outcome.videos, "settled", "2.25")

    def test_several_go_in_catalogue_order(self, simulate: Simulate) -> None:
        """Queued at 3 and at 1.5; both are past their deadline of 3.5 at 4, when one is ready."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        fields = {"encoders": 2, "startup_time": 4, "publishing_queue_capacity": 2}
        outcome = simulate([Clip(3, 3.5), Clip(1, 3)], rule, **fields)
        assert at(outcome, 4) == ["publisher_ready 0", "discarded 0", "discarded 1"]

    def test_a_blocked_one_is_given_up_once_it_has_room(self, simulate: Simulate) -> None:
        """The same with room for one: v0 is blocked from 3 until v1 is given up, and then given up itself."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        fields = {"encoders": 2, "startup_time": 4, "publishing_queue_capacity": 1}
        outcome = simulate([Clip(3, 3.5), Clip(1, 3)], rule, **fields)
        assert at(outcome, 4) == ["publisher_ready 0", "discarded 1", "queued 0", "discarded 0"]

    def test_without_places_what_is_not_judged_is_not_served(self, simulate: Simulate) -> None:
        """Capacity 0, ready at 4: v0 and v1, blocked and past 2, are given up; v2, due at 10, is served."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        fields = {"encoders": 3, "startup_time": 4, "publishing_queue_capacity": 0}
        outcome = simulate([Clip(1, 2), Clip(1, 1.5), Clip(1, 9)], rule, **fields)
        check(outcome.videos, "queued assigned outcome", "- - failed", "- - failed", "4 4 published")

    def test_a_blocked_one_frees_its_encoder(self, simulate: Simulate) -> None:
        """Capacity 0, ready at 2: the first, blocked from 1 and due at 1.5, is given up; then place 4."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        outcome = simulate([Clip(1, 1.5), Clip(1, 9)], rule, startup_time=2, publishing_queue_capacity=0)
        columns = "encoding_started encoded queued assigned settled outcome"
        check(outcome.videos, columns, "0 1 - - 2 failed", "2 3 3 3 3 published")
        assert at(outcome, 2) == ["publisher_ready 0", "discarded 0", "encoding_started 1 0"]

    def test_at_once_a_blocked_one_is_given_up_when_it_has_room(self, simulate: Simulate) -> None:
        """The same at 2, but it is queued before."""
        outcome = simulate(
            [Clip(1, 1.5), Clip(1, 9)],
            Rule(prewarmed=1, discards_hopeless=True),
            startup_time=2,
            publishing_queue_capacity=0,
        )
        assert at(outcome, 2) == ["publisher_ready 0", "queued 0", "discarded 0", "encoding_started 1 0"]

    def test_what_is_discarded_makes_room(self, simulate: Simulate) -> None:
        """Capacity 1: v0, due at 2, is given up at 3 when v2 starts; v1, blocked from 2, is queued then."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        fields = {"startup_time": 9, "publishing_queue_capacity": 1, "encoders": 2}
        outcome = simulate([Clip(1, 2), Clip(1.5, 99), Clip(1, 99, 3)], rule, **fields)
        check(outcome.videos[:2], "encoded queued settled", "1 1 3", "2 3 9")
        events = ["offered 2", "encoding_started 2 0", "discarded 0", "queued 1"]
        assert at(outcome, 3) == events

    def test_with_a_broker_when_it_is_visible(self, simulate: Simulate) -> None:
        """Due at 2, visible at 4, though something happens at 3."""
        rule = Rule(prewarmed=1, discards_hopeless=True, dispatch=AT_THE_END)
        fields = {"startup_time": 3, "broker": Broker(latency=3)}
        check(simulate([Clip(1, 2)], rule, **fields).videos, "queued settled outcome", "1 4 failed")

    def test_what_is_delivered_again_is_not_given_up(self, simulate: Simulate) -> None:
        """Published at 1 in time; visible again at 4, after its deadline, for one more publisher."""
        lost = Purpose.ACKNOWLEDGEMENT_LOSS
        seed = seed_for({(lost, 0, 0): "small", (lost, 0, 1): "large", (lost, 1, 0): "large"})
        rule = Rule(prewarmed=1, discards_hopeless=True)
        broker = Broker(acknowledgement_loss=0.5, redelivered_after=3)
        outcome = simulate([Clip(1, 2), Clip(3.5, 9)], rule, broker=broker, seed=seed)
        check(outcome.videos, "published settled outcome", "1 1 published", "5 5 published")
        check(outcome.publishers[:2], "ended video", "1 0", "4 0")

    def test_one_whose_publishing_has_failed(self, simulate: Simulate) -> None:
        """Due at 2, failed at 3, when another publisher is ready: not tried again."""
        seed = seed_for({(PUBLISHING, 0, 0): "small"})
        fields = {"publishing_time": 2, "faults": Faults(publishing=0.5)}
        outcome = simulate([Clip(1, 2)], Rule(prewarmed=1, discards_hopeless=True), seed=seed, **fields)
        columns = "publisher assigned published settled elapsed outcome"
        check(outcome.videos, columns, "- - - 3 - failed")
        check(outcome.attempts, ATTEMPT, "publishing 0 - 0 1 3")
        assert at(outcome, 3)[:2] == ["publisher_failed 0 0", "discarded 0"]


class TestDiscardsOfVideosWithTheirOwnPublisher:
    @DISPATCHES
    def test_it_is_retired_as_soon_as_it_is_ready(self, dispatch: str, simulate: Simulate) -> None:
        """Part 1: started at 2, ready at 3, after the deadline of 2.5."""
        rule = Rule("encoded", dedicated=True, discards_hopeless=True, dispatch=dispatch)
        outcome = simulate([Clip(2, 2.5)], rule)
        check(outcome.videos, "publisher assigned published settled outcome", "- - - 3 failed")
        columns = "started ready assigned ended video idle outcome"
        check(outcome.publishers, columns, "2 3 - 3 - 0 retired")
        assert at(outcome, 3) == ["publisher_ready 0", "discarded 0", "publisher_retired 0"]

    @DISPATCHES
    def test_it_is_retired_at_once_if_it_is_ready(self, dispatch: str, simulate: Simulate) -> None:
        """Part 2a: ready at 1, and the video is encoded at 3, after its deadline of 2."""
        rule = Rule("encoding_started", dedicated=True, discards_hopeless=True, dispatch=dispatch)
        outcome = simulate([Clip(3, 2)], rule)
        check(outcome.publishers, "started ready ended idle outcome", "0 1 3 2 retired")
        assert at(outcome, 3) == ["encoded 0 0", "queued 0", "discarded 0", "publisher_retired 0"]

    def test_it_serves_at_the_deadline(self, simulate: Simulate) -> None:
        """Ready at 3."""
        rule = Rule("encoded", dedicated=True, discards_hopeless=True)
        check(simulate([Clip(2, 3)], rule).videos, "settled outcome", "3 published")

    def test_it_becomes_ready_after_the_decision(self, simulate: Simulate) -> None:
        """Started at 2, ready at 6; v0, due at 2.5, is given up at 3, when v1 is encoded."""
        rule = Rule("encoded", dedicated=True, discards_hopeless=True, dispatch=AT_THE_END)
        outcome = simulate([Clip(2, 2.5), Clip(2.5, 99)], rule, encoders=2, startup_time=4)
        check(outcome.videos, "settled outcome", "3 failed", "7 published")
        check(outcome.publishers, "started ready ended outcome", "2 6 6 retired", "3 7 7 ended")
        assert at(outcome, 6) == ["publisher_ready 0", "publisher_retired 0"]

    def test_an_order_is_dropped(self, simulate: Simulate) -> None:
        """Ordered at 2 for 4; v0 is given up at 3."""
        rule = Rule("encoded", dedicated=True, discards_hopeless=True, dispatch=AT_THE_END)
        outcome = simulate([Clip(2, 2.5), Clip(2.5, 99)], rule, encoders=2, provisioning_delay=2)
        check(outcome.publishers, "cause started", "1 5")

    def test_its_place_under_the_quota_is_free(self, simulate: Simulate) -> None:
        """Quota of 1: the order of 2.5 for v1 starts when the publisher of v0 is retired, at 3."""
        rule = Rule("encoded", dedicated=True, discards_hopeless=True)
        outcome = simulate([Clip(2, 2.5), Clip(2, 9)], rule, encoders=2, max_publishers=1)
        check(outcome.publishers, "cause started ended outcome", "0 2 3 retired", "1 3 4 ended")
        assert outcome.quota_waits == 1


class TestDedicatedFrom:
    """A start-up takes 1 s or 3 s: it takes at most 2 s with probability .5."""

    @pytest.mark.parametrize(
        ("clip", "world", "least", "has_own"),
        [
            (Clip(0, 2), {}, 0.5, True),
            (Clip(0, 2), {}, 0.6, False),
            (Clip(0, 0.9), {}, 0.1, False),
            (Clip(0, 3), {}, 1, True),
            (Clip(2, 2), {}, 0.5, True),  # if it is encoded in time
            (Clip(2.000001, 2), {}, 0.1, False),
            (Clip(0, 4), {"publishing_time": tv.Uniform(0, 4)}, 0.6, False),  # 2 s are left on average
            (Clip(0, 4), {"publishing_time": tv.Uniform(0, 4), "deadline": "assigned"}, 0.6, True),
            (Clip(0, 4, publishing_time=0.5), {"publishing_time": 9}, 0.6, True),
            (Clip(0, 2), {"faults": Faults(startup=0.5)}, 0.3, False),
            (Clip(0, 2), {"faults": Faults(startup=0.5)}, 0.25, True),
            (Clip(9, 2), {"encoders": None}, 0.5, True),  # there is nothing to encode
        ],
    )
    def test_who_has_one(
        self, clip: Clip, world: dict[str, Any], least: float, has_own: bool, simulate: Simulate
    ) -> None:
        outcome = simulate([clip], Rule(dedicated_from=least), startup_time=EITHER, until=1e-6, **world)
        assert len(outcome.publishers) == has_own

    def test_the_others_use_the_pool_and_start_none(self, simulate: Simulate) -> None:
        """v0 has its own, started at 0; v1 takes that of the pool, ready at 1, which is replaced."""
        seed = seed_for(
            {
                (Purpose.STARTUP_OF_SLOT, 0, 0): "small",
                (Purpose.STARTUP_FOR_VIDEO, 0, 0): "small",
                (Purpose.STARTUP_FOR_VIDEO, 1, 0): "small",
            }
        )
        rule, fields = Rule(prewarmed=1, dedicated_from=0.5), {"startup_time": EITHER, "encoders": 2}
        outcome = simulate([Clip(1.5, 2), Clip(1.5, 0.5)], rule, seed=seed, **fields)
        check(outcome.videos, "publisher assigned", "1 1.5", "0 2")
        check(outcome.publishers, "cause started ready video", "- 0 1 1", "0 0 1 0", "1 2 - -")

    def test_the_others_start_one_for_the_pool(self, simulate: Simulate) -> None:
        """v1 starts one at 0.5, ready at 1.5: both are served by it or their own."""
        rule = Rule("encoding_started", dedicated_from=1)
        outcome = simulate([Clip(2, 2), Clip(2, 0.5)], rule, encoders=2)
        check(outcome.videos, "publisher assigned", "0 2", "1 2.5")
        outcome = simulate([Clip(2, 0.5), Clip(1, 0.5), Clip(9, 9)], rule, encoders=3, until=2)
        check(outcome.videos[:2], "publisher assigned", "1 2", "0 1.5")  # that of v0 is taken by v1

    def test_they_take_no_place_in_the_queue(self, simulate: Simulate) -> None:
        """Room for one, which v0 has; v1 waits for its own beside the queue, and its encoder is free."""
        rule = Rule(prewarmed=1, dedicated_from=1)
        fields = {"startup_time": 4, "publishing_queue_capacity": 1, "encoders": 2}
        outcome = simulate([Clip(1, 2), Clip(1, 9)], rule, **fields)
        check(outcome.videos, "encoded queued publisher assigned", "1 1 0 4", "1.5 1.5 1 4.5")


class TestLead:
    """Part 2a with one video of 5 s and a timeout of 9 s: it is started so much later."""

    @pytest.mark.parametrize(
        ("lead", "expected"),
        [
            (Lead(encoding=1), 4),
            (Lead(timeout=6), 3),
            (Lead(encoding=1, timeout=6), 3),
            (Lead(encoding=3, timeout=6), 2),
            (Lead(encoding=6), 0),
            (Lead(quantile=0.25), 4),  # a quarter of all start-ups take at most 1 s
            (Lead(quantile=0.75), 2),
            (Lead(late=1, idle=3), 4),  # a newsvendor's quantile is 1 / (1 + 3)
            (Lead(late=3, idle=1), 2),
            (Lead(table={(5, 9): 2.5}), 2.5),
            (Lead(table={(5, 8): 2.5}), 0),
        ],
    )
    def test_when_it_starts(self, lead: Lead, expected: float, simulate: Simulate) -> None:
        rule = Rule("encoding_started", dedicated=True, lead=lead)
        outcome = simulate([Clip(5, 9)], rule, startup_time=EITHER)
        assert started(outcome) == [expected]

    def test_it_is_the_nominal_time_that_is_known(self, simulate: Simulate) -> None:
        """Nominally 4 s, in truth 4 * 1.5 / 2: started 1 s before the nominal end."""
        rule = Rule("encoding_started", lead=Lead(encoding=1))
        outcome = simulate([Clip(4, 9)], rule, encoders=[2], encoding_factor=1.5)
        check(outcome.videos, "encoded assigned", "3 4")
        assert started(outcome) == [3]

    def test_without_an_encoding_stage(self, simulate: Simulate) -> None:
        """Nothing is to be encoded: 0 s after the arrival at 2, or 9 - 6 s after it."""
        for lead, expected in ((Lead(encoding=1), 2), (Lead(timeout=6), 5), (Lead(table={(0, 9): 1}), 3)):
            rule = Rule("encoding_started", lead=lead)
            assert started(simulate([Clip(5, 9, 2)], rule, encoders=None)) == [expected]

    def test_it_is_one_timer_with_the_provisioning_delay(self, simulate: Simulate) -> None:
        rule = Rule("encoding_started", lead=Lead(encoding=1))
        outcome = simulate([Clip(5, 9)], rule, provisioning_delay=2)
        check(outcome.publishers, "started ready assigned", "6 7 7")

    def test_an_order_counts_in_the_level_from_its_decision(self, simulate: Simulate) -> None:
        """The order of 0 for 2 counts at 1, when v0 takes the publisher of the pool."""
        rule = Rule("encoding_started", prewarmed=1, lead=Lead(timeout=7))
        outcome = simulate([Clip(1, 9), Clip(9, 9)], rule, until=2)
        # that of v1, which starts at 1, is due at 3
        check(outcome.publishers, "cause started ready ended", "- 0 1 1", "0 2 - -")

    def test_it_ends_as_the_video_is_encoded(self, simulate: Simulate) -> None:
        """Place 1, then 5, at 3."""
        rule = Rule("encoding_started", dedicated=True, lead=Lead(encoding=0))
        outcome = simulate([Clip(3, 9)], rule)
        assert at(outcome, 3) == ["encoded 0 0", "queued 0", "publisher_started 0 0"]
        check(outcome.videos, "assigned", "4")

    def test_it_ends_as_the_video_is_encoded_and_the_start_up_takes_no_time(self, simulate: Simulate) -> None:
        """Place 1, then 5, then 2, then 6, at 3."""
        rule = Rule("encoding_started", lead=Lead(encoding=0), dispatch=AT_THE_END)
        outcome = simulate([Clip(3, 9)], rule, startup_time=0)
        served = ["assigned 0 0", "published 0 0", "publisher_ended 0 0"]
        assert at(outcome, 3) == [
            "encoded 0 0",
            "queued 0",
            "publisher_started 0 0",
            "publisher_ready 0",
            *served,
        ]

    def test_a_lead_is_for_those_that_have_their_own(self, simulate: Simulate) -> None:
        """Started at 4 and ready at 5; the other uses the pool."""
        rule = Rule(prewarmed=1, dedicated_from=1, lead=Lead(encoding=1))
        outcome = simulate([Clip(5, 9), Clip(5, 0.5)], rule, encoders=2)
        check(outcome.publishers, "cause started video", "- 0 1", "0 4 0", "1 5.5 -")


class TestThePoolAtTheStart:
    def test_it_is_ready(self, simulate: Simulate) -> None:
        """At 0, whatever a start-up and an order take; what replaces one takes 3 + 1 s."""
        rule = Rule(prewarmed=2, ready_at_start=True)
        outcome = simulate([Clip(0.5, 9), Clip(9, 9)], rule, provisioning_delay=3, until=5)
        check(
            outcome.publishers,
            "cause started ready ended idle",
            "- 0 0 0.5 0.5",
            "- 0 0 - 5",
            "0 3.5 4.5 - 0.5",
        )
        first = ["publisher_started 0", "publisher_started 1", "publisher_ready 0", "publisher_ready 1"]
        assert at(outcome, 0)[:4] == first

    def test_no_start_up_fails_then(self, simulate: Simulate) -> None:
        """Nor does a number count: the next one of the slot is its second."""
        seed = seed_for({(STARTUP_SLOT, 0, 0): "small", (STARTUP_SLOT, 0, 1): "large"})
        faults = Faults(startup=0.5, ready_lifetime=2)
        outcome = simulate(
            [Clip(9, 9)], Rule(prewarmed=1, ready_at_start=True), faults=faults, seed=seed, until=4
        )
        check(outcome.publishers, "started ready ended outcome", "0 0 2 failed", "2 3 - unused")

    def test_those_beyond_the_quota_wait_and_start_up(self, simulate: Simulate) -> None:
        """Quota of 1: the second starts when the first ends at 0.5."""
        rule = Rule(prewarmed=2, ready_at_start=True)
        outcome = simulate([Clip(0.5, 9), Clip(0, 9)], rule, max_publishers=1)
        check(outcome.publishers[:2], "cause started ready ended", "- 0 0 0.5", "- 0.5 1.5 1.5")

    @pytest.mark.parametrize(
        ("rate", "startup_time", "expected"),
        [
            (2.0, tv.Uniform(2, 6), 8),
            (2.0, 0.6, 2),
            (1.1, 50, 55),  # in floats, 55.00000000000001
            (Profile(((0, 1), (2, 4)), 3), 3, 6),  # (2 * 1 + 1 * 4) / 3
            (Profile(((0, 1), (2, 4))), 3, 12),  # in the long run
        ],
    )
    def test_as_many_as_the_rate_needs(
        self, rate: Any, startup_time: Any, expected: int, simulate: Simulate
    ) -> None:
        fields = {"requests_per_second": rate, "startup_time": startup_time, "until": 1e-6}
        assert len(simulate([Clip(9, 9)], Rule(prewarmed="rate"), **fields).publishers) == expected

    def test_the_rate_of_a_catalogue_with_times(self, simulate: Simulate) -> None:
        """Four in 6 s: 3 / 6 per second, for 3 s each; one time is missing: 2 per second."""
        times = (0, 1, 2, 6)
        for last, expected in ((times[3], 2), (None, 6)):
            clips = [Clip(9, 9, time) for time in (*times[:3], last)]
            outcome = simulate(clips, Rule(prewarmed="rate"), startup_time=3, until=1e-6)
            assert len(outcome.publishers) == expected

    def test_the_rate_of_videos_that_come_together(self, simulate: Simulate) -> None:
        """There is none: that of the scenario, 2 per second for 1 s."""
        outcome = simulate([Clip(9, 9, 1), Clip(9, 9, 1)], Rule(prewarmed="rate"), until=1e-6)
        assert len(outcome.publishers) == 2


class TestPoolsThatAdapt:
    def test_the_level_is_the_minimum_after_the_start(self, simulate: Simulate) -> None:
        """Three are ready at 1 and serve at 2, 2.5, 3; only the last is replaced."""
        rule = Rule(prewarmed=3, minimum=1)
        outcome = simulate([Clip(2, 9)] * 3, rule, encoders=3)
        check(outcome.publishers, "cause started ended", "- 0 2", "- 0 2.5", "- 0 3", "2 3 -")

    def test_the_minimum_is_there_at_the_start(self, simulate: Simulate) -> None:
        outcome = simulate([Clip(2, 9)], Rule(prewarmed=1, minimum=2), until=1e-6)
        check(outcome.publishers, "cause started", "- 0", "- 0")

    def test_the_maximum_counts_busy_ones(self, simulate: Simulate) -> None:
        """At most one: busy from 1 to 4, and replaced then because of the video that it published."""
        rule = Rule(prewarmed=1, maximum=1)
        outcome = simulate([Clip(1, 99)] * 2, rule, publishing_time=3)
        check(outcome.videos, "queued assigned published", "1 1 4", "2 5 8")
        check(outcome.publishers, "cause started ended", "- 0 4", "0 4 8", "1 8 -")

    def test_the_maximum_at_the_end_of_an_instant(self, simulate: Simulate) -> None:
        """The same; nothing is assigned at 4 and 8, so the starts have no cause."""
        rule = Rule(prewarmed=1, maximum=1, dispatch=AT_THE_END)
        outcome = simulate([Clip(1, 99)] * 2, rule, publishing_time=3)
        check(outcome.publishers, "cause started ended", "- 0 4", "- 4 8", "- 8 -")

    def test_the_maximum_counts_a_failed_one_until_it_is_noticed(self, simulate: Simulate) -> None:
        """Level 2, at most 2: one dies at 3; v0 takes the other at 4, busy until 9; a start at 5, by notice."""
        times = {
            (Purpose.READY_LIFETIME_OF_SLOT, 0, 0): "small",
            (Purpose.READY_LIFETIME_OF_SLOT, 1, 0): "large",
        }
        faults = Faults(ready_lifetime=tv.Empirical([2, 99]), noticed_after=2)
        rule, fields = Rule(prewarmed=2, maximum=2), {"publishing_time": 5, "faults": faults}
        outcome = simulate([Clip(4, 99)], rule, seed=seed_for(times), **fields)
        check(
            outcome.publishers,
            "cause started ended outcome",
            "- 0 3 failed",
            "- 0 9 ended",
            "- 5 - unused",
            "0 9 - unused",
        )

    def test_the_maximum_after_publishing_has_failed(self, simulate: Simulate) -> None:
        """At most one: the first fails at 2, the second serves from 3 to 4, and is replaced then."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        fields = {"publishing_time": 1, "faults": Faults(publishing=0.5), "seed": seed}
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=1, maximum=1), **fields)
        check(outcome.publishers, "cause started ended outcome", "- 0 2 failed", "- 2 4 ended", "0 4 - unused")

    def test_at_most_so_many_start_at_a_time(self, simulate: Simulate) -> None:
        """Level 3: one at 0, the next when v0 is encoded at 3, since one is ready since 1."""
        rule = Rule(prewarmed=3, starts_at_most=1)
        outcome = simulate([Clip(3, 9), Clip(2.5, 9)], rule)
        # at 3 v0 takes the first; at 5.5, v1 is encoded, and one is started before v1 takes the second
        check(outcome.publishers, "cause started ready ended", "- 0 1 3", "0 3 4 5.5", "1 5.5 - -")

    def test_at_most_so_many_and_reviews(self, simulate: Simulate) -> None:
        """Level 3, reviews each 2 s: one at 0, at 2 and at 4, of which the last two have no cause."""
        rule = Rule(prewarmed=3, starts_at_most=1, review_every=2)
        outcome = simulate([Clip(9, 9)], rule, until=8)
        check(outcome.publishers, "cause started ready", "- 0 1", "- 2 3", "- 4 5")

    def test_at_most_so_many_that_are_ready_at_the_start(self, simulate: Simulate) -> None:
        """They need no time to start, so all of them are there."""
        rule = Rule(prewarmed=3, starts_at_most=1, ready_at_start=True)
        assert started(simulate([Clip(9, 9)], rule, until=1e-6)) == [0, 0, 0]

    def test_the_maximum_of_a_pool_that_is_ready_at_the_start(self, simulate: Simulate) -> None:
        """At most two of a minimum of two: v0 takes one at 0.5 for 2 s, and only then is one started."""
        rule = Rule(minimum=2, maximum=2, starts_at_most=1, ready_at_start=True)
        outcome = simulate([Clip(0.5, 9), Clip(9, 99)], rule, publishing_time=2, until=4)
        columns = "cause started ready assigned ended"
        check(outcome.publishers, columns, "- 0 0 0.5 2.5", "- 0 0 - -", "0 2.5 3.5 - -")

    def test_one_that_failed_is_replaced_beyond_the_limit(self, simulate: Simulate) -> None:
        """One at 0, ready at 1, dies at 3; the other of 2.5 starts until 3.5; the replacement at 3."""
        rule = Rule(prewarmed=2, starts_at_most=1, review_every=2.5)
        outcome = simulate([Clip(9, 9)], rule, faults=Faults(ready_lifetime=2), until=3)
        check(outcome.publishers, "cause started ready ended", "- 0 1 3", "- 2.5 - -", "- 3 - -")

    def test_publishers_without_a_cause_have_their_own_numbers(self, simulate: Simulate) -> None:
        """Reviews at 2 and 4 start one each: the first takes 3 s, the second 1 s, the slot's 1 s."""
        without = Purpose.STARTUP_WITHOUT_CAUSE
        sizes = {(without, 0, 0): "large", (without, 1, 0): "small", (Purpose.STARTUP_OF_SLOT, 0, 0): "small"}
        rule = Rule(prewarmed=3, starts_at_most=2, review_every=2)
        outcome = simulate(
            [Clip(9, 9)],
            rule,
            startup_time=EITHER,
            seed=seed_for(sizes | {(Purpose.STARTUP_OF_SLOT, 1, 0): "small"}),
            until=6,
        )
        check(outcome.publishers, "started ready", "0 1", "0 1", "2 5")

    def test_headroom(self, simulate: Simulate) -> None:
        """Factor 1.5, window 4: at 3, two in 3 s, for 2 s each: 2 publishers, because of v1."""
        # at 4, only the start of 3 is in (0, 4]: 1.5 * 1 / 4 * 2 = .75, so 1
        rule = Rule(headroom=(1.5, 4.0))
        outcome = simulate([Clip(4, 9), Clip(9, 99, 3)], rule, startup_time=2, encoders=2, until=5)
        check(outcome.videos, "encoding_started assigned", "0 5", "3 -")
        check(outcome.publishers, "cause started ready ended", "1 3 5 5", "1 3 5 -")

    def test_headroom_at_the_beginning(self, simulate: Simulate) -> None:
        """No time has passed at 0; from 0.5 on, one in the last 0.5 s, for 1 s each: 2."""
        rule = Rule(headroom=(1, 0.5), prewarmed=1)
        outcome = simulate([Clip(9, 9)] * 3, rule, encoders=3, until=1)
        check(outcome.publishers, "cause started", "- 0", "1 0.5")

    def test_headroom_has_a_window_of_30_s(self, simulate: Simulate) -> None:
        """At 40, one in 30 s, for 15 s each, times 4: 2; with the minimum of 3, none is missing."""
        for minimum, expected in ((0, [40, 40]), (3, [0, 0, 0])):
            rule = Rule(headroom=4, minimum=minimum)
            outcome = simulate([Clip(9, 99, 40)], rule, startup_time=15, until=45)
            assert started(outcome) == expected

    def test_headroom_at_the_end_of_an_instant(self, simulate: Simulate) -> None:
        """As in the first case, but the starts of 3 have no cause."""
        rule = Rule(headroom=(1.5, 4.0), dispatch=AT_THE_END)
        outcome = simulate([Clip(4, 9), Clip(9, 99, 3)], rule, startup_time=2, encoders=2, until=5)
        check(outcome.publishers, "cause started ready ended", "- 3 5 5", "- 3 5 -")

    def test_a_quota_frees_as_the_pool_wants_to_start(self, simulate: Simulate) -> None:
        """Quota of 1: ordered at 1, started at 3, when v1 is encoded; it is one order, as it counts."""
        rule = Rule(prewarmed=1, minimum=1, maximum=2)
        outcome = simulate([Clip(1, 9), Clip(2, 9)], rule, max_publishers=1, publishing_time=2)
        check(outcome.videos, "encoded assigned published", "1 1 3", "3 4 6")
        check(outcome.publishers, "cause started ready ended", "- 0 1 3", "0 3 4 6", "1 6 - -")
        assert outcome.quota_waits == 2


class TestRetirement:
    def test_those_beyond_the_level_are_retired(self, simulate: Simulate) -> None:
        """Three are ready at 1, level 1: two are retired at 3, by number, and the third serves at 5."""
        rule = Rule(prewarmed=3, minimum=1, idle_time_to_live=2)
        outcome = simulate([Clip(5, 9)], rule)
        retired = "- 0 1 - 3 - 2 retired"
        columns = "cause started ready assigned ended video idle outcome"
        check(outcome.publishers, columns, retired, retired, "- 0 1 5 5 0 4 ended", "0 5 - - - - 0 unused")
        assert at(outcome, 3) == ["publisher_retired 0", "publisher_retired 1"]

    def test_the_level_stays(self, simulate: Simulate) -> None:
        outcome = simulate([Clip(5, 9)], Rule(prewarmed=2, idle_time_to_live=2), until=4)
        check(outcome.publishers, "ready ended outcome", "1 - unused", "1 - unused")

    def test_one_that_is_ready_longest_first(self, simulate: Simulate) -> None:
        """Ready at 3 and 1: the second is retired at 3, as it has been idle for 2 s, and the pool has 2."""
        times = {(Purpose.STARTUP_OF_SLOT, 0, 0): "large", (Purpose.STARTUP_OF_SLOT, 1, 0): "small"}
        rule = Rule(prewarmed=2, minimum=1, idle_time_to_live=2)
        outcome = simulate([Clip(9, 9)], rule, startup_time=EITHER, seed=seed_for(times), until=6)
        check(outcome.publishers, "ready ended outcome", "3 - unused", "1 3 retired")

    def test_a_video_arrives_as_one_is_to_be_retired(self, simulate: Simulate) -> None:
        """Level 1, two are ready since 1; at 3, the video takes the first, and the second stays."""
        rule = Rule(prewarmed=2, minimum=1, idle_time_to_live=2)
        outcome = simulate([Clip(3, 9)], rule)
        check(outcome.publishers, "cause ready ended outcome", "- 1 3 ended", "- 1 - unused")

    def test_a_video_arrives_as_one_is_to_be_retired_at_the_end_of_an_instant(self, simulate: Simulate) -> None:
        """At 3, place 5 before 6: the first is retired, the second takes the video and is replaced."""
        rule = Rule(prewarmed=2, minimum=1, idle_time_to_live=2, dispatch=AT_THE_END)
        outcome = simulate([Clip(3, 9)], rule)
        check(outcome.publishers, "cause ready ended outcome", "- 1 3 retired", "- 1 3 ended", "0 - - unused")
        served = ["assigned 0 1", "published 0 1", "publisher_ended 0 1", "publisher_started 0 2"]
        assert at(outcome, 3) == ["encoded 0 0", "queued 0", "publisher_retired 0", *served]

    def test_at_a_review(self, simulate: Simulate) -> None:
        """Ready at 1, alone; idle since 2 s at 3; when v0 starts one at 5, the pool exceeds its level of 1."""
        rule = Rule("encoding_started", prewarmed=1, idle_time_to_live=2)
        outcome = simulate([Clip(3, 9, 5)], rule)
        check(outcome.publishers, "cause started ended outcome", "- 0 5 retired", "0 5 8 ended", "0 8 - unused")
        assert at(outcome, 5) == [
            "offered 0",
            "encoding_started 0 0",
            "publisher_started 0 1",
            "publisher_retired 0",
        ]

    def test_at_a_review_when_the_rate_has_fallen(self, simulate: Simulate) -> None:
        """Window 3: one started at 1 because of v0, ready at 2, idle for 1 s at 3; the level is 1 until 4."""
        rule = Rule(headroom=(1, 3), idle_time_to_live=1, review_every=0.75)
        outcome = simulate([Clip(9, 9, 1)], rule, until=5)
        # at 4 the start of 1 is no longer in (1, 4]; the next review is at 4.5
        check(outcome.publishers, "cause started ready ended outcome", "0 1 2 4.5 retired")

    def test_starting_ones_count_in_the_pool(self, simulate: Simulate) -> None:
        """Level 1: at 3 the ready one is retired, since another one starts until 4."""
        times = {(Purpose.STARTUP_OF_SLOT, 0, 0): "small", (Purpose.STARTUP_OF_SLOT, 1, 0): "large"}
        rule = Rule(prewarmed=2, minimum=1, idle_time_to_live=2)
        fields = {"startup_time": tv.Empirical([1, 4]), "seed": seed_for(times)}
        outcome = simulate([Clip(9, 9)], rule, until=8, **fields)
        check(outcome.publishers, "ready ended outcome", "1 3 retired", "4 - unused")

    def test_a_failed_one_counts_until_it_is_noticed(self, simulate: Simulate) -> None:
        """Two are ready at 1, level 1: one dies at 2, the other is retired at 2.5; the notice is at 4."""
        times = {
            (Purpose.READY_LIFETIME_OF_SLOT, 0, 0): "small",
            (Purpose.READY_LIFETIME_OF_SLOT, 1, 0): "large",
        }
        faults = Faults(ready_lifetime=tv.Empirical([1, 99]), noticed_after=2)
        rule = Rule(prewarmed=2, minimum=1, idle_time_to_live=1.5)
        outcome = simulate([Clip(9, 9)], rule, faults=faults, seed=seed_for(times), until=4)
        check(outcome.publishers, "started ended outcome", "0 2 failed", "0 2.5 retired", "4 - unused")

    def test_one_that_has_a_video_is_not_retired(self, simulate: Simulate) -> None:
        """Ready at 1, idle for 1 s, busy from 2 to 7."""
        rule = Rule(prewarmed=1, minimum=0, idle_time_to_live=2)
        outcome = simulate([Clip(2, 9)], rule, publishing_time=5)
        check(outcome.publishers, "ready assigned ended outcome", "1 2 7 ended")

    def test_it_frees_its_place_under_the_quota(self, simulate: Simulate) -> None:
        """Quota of 1: the video's own waits until 3, when that of the pool is retired; nothing else is left."""
        rule = Rule(prewarmed=1, minimum=0, idle_time_to_live=2, dedicated_from=1)
        outcome = simulate([Clip(1, 9)], rule, max_publishers=1)
        check(outcome.publishers, "cause started ready ended outcome", "- 0 1 3 retired", "0 3 4 4 ended")
        assert (outcome.ending, outcome.quota_waits) == ("completed", 1)

    def test_a_death_frees_it_as_well(self, simulate: Simulate) -> None:
        rule, faults = Rule(prewarmed=1, dedicated_from=1), Faults(ready_lifetime=2)
        outcome = simulate([Clip(1, 9)], rule, max_publishers=1, faults=faults)
        check(outcome.publishers[:2], "cause started ended outcome", "- 0 3 failed", "0 3 4 ended")


class TestLatestStart:
    """A start-up takes 3.7 s. The rule knows nothing but the videos, and never starts one too early."""

    RULE = Rule(price=60, forecast=None)
    WORLD: Mapping[str, Any] = {"encoders": 3, "startup_time": 3.7}

    def test_a_publisher_comes_at_the_deadline_if_nothing_happens_before(self, simulate: Simulate) -> None:
        """Due at 0 + 10, encoded at 1: started at 10 - 3.7."""
        outcome = simulate([Clip(1, 10)], self.RULE, **self.WORLD)
        check(outcome.publishers, "cause started ready assigned idle", "- 6.3 10 10 0")
        check(outcome.videos, "encoded assigned published outcome", "1 10 10 published")
        assert (outcome.end, outcome.ending) == (10, "completed")

    def test_each_video_has_one(self, simulate: Simulate) -> None:
        """Due at 8, 9.1 and 8; the second one is encoding until 7.5, and the others wait from 1 and 3 on."""
        outcome = simulate([Clip(1, 8), Clip(7, 8.6), Clip(2, 7)], self.RULE, **self.WORLD)
        assert started(outcome) == [4.3, 4.3, 5.4]
        check(outcome.videos, "publisher assigned", "0 8", "2 9.1", "1 8")
        assert all(video["outcome"] == "published" for video in outcome.videos)

    def test_it_leaves_time_for_publishing_and_provisioning(self, simulate: Simulate) -> None:
        """Due at 10 - 2, and 0.5 + 3.7 before: ordered at 3.8, and started at 4.3."""
        world = {**self.WORLD, "publishing_time": 2, "provisioning_delay": 0.5}
        outcome = simulate([Clip(1, 10)], self.RULE, **world)
        check(outcome.publishers, "started ready assigned ended", "4.3 8 8 10")
        check(outcome.videos, "published outcome", "10 published")

    def test_it_is_that_of_the_longest_start_up_time(self, simulate: Simulate) -> None:
        """Start-ups take 1 or 5 s, for certain no more than 5: started at 12 - 5, whatever is drawn."""
        world = {**self.WORLD, "startup_time": tv.Empirical([1, 5])}
        assert started(simulate([Clip(1, 12)], self.RULE, **world)) == [7]

    def test_a_start_up_without_time_has_the_thousandth_part_of_a_gap(self, simulate: Simulate) -> None:
        outcome = simulate([Clip(1, 10)], self.RULE, encoders=3, startup_time=0)
        check(outcome.videos, "assigned outcome", "9.9995 published")

    def test_a_rule_that_only_holds_has_none(self, simulate: Simulate) -> None:
        outcome = simulate([Clip(1, 10)], Rule(holds_back=60), **self.WORLD)
        assert (outcome.end, outcome.ending) == (1, "no publisher will come")

    def test_that_of_a_video_with_a_publisher_keeps_no_run_alive(self, simulate: Simulate) -> None:
        """The first one, whose latest start would be 20 - 3.7, takes the only publisher at 1.

        The second is known 3 s before its deadline, too late for a start. It is encoded at the deadline.
        """
        rule = Rule(price=60, holds_back=False, forecast=None, prewarmed=1, ready_at_start=True)
        outcome = simulate([Clip(1, 20), Clip(3, 3)], rule, **self.WORLD)
        check(outcome.videos, "encoded publisher outcome", "1 0 published", "3.5 - unfinished")
        assert (outcome.end, outcome.ending) == (3.5, "no publisher will come")


class TestNothingHangs:
    def test_reviews_and_idle_times_keep_no_run_alive(self) -> None:
        """The rate ends at 0.5, which the library refuses: one is published at 1, the other does not come."""
        rule = Rule(prewarmed=2, minimum=1, idle_time_to_live=7, review_every=1.5)
        world = World(encoders=1, startup_time=1, requests_per_second=Profile(((0, 1), (0.5, 0))))
        outcome = specification([Clip(1, 9)] * 2, rule, world, 1)
        assert (outcome.end, outcome.ending) == (3601, "no progress")

    @DISPATCHES
    def test_a_pool_of_none(self, dispatch: str, simulate: Simulate) -> None:
        """Encoded at 1.25, due at 2. The review at 3 finds it, if it decides; others go on for an hour."""
        rule = Rule(review_every=1, discards_hopeless=True, dispatch=dispatch)
        outcome = simulate([Clip(1.25, 2)], rule)
        expected = (3, "completed") if dispatch == AT_THE_END else (3601.25, "no progress")
        assert (outcome.end, outcome.ending) == expected

    def test_a_retry_lets_a_blocked_video_be_given_up(self, simulate: Simulate) -> None:
        """Capacity 0: v0, due at 2, is blocked from 1; v1 is refused at 0.5, 1.5, 2.5, and taken at 3.5."""
        rule = Rule(discards_hopeless=True, dispatch=AT_THE_END)
        fields = {"publishing_queue_capacity": 0, "hand_over": RetryLater(1)}
        outcome = simulate([Clip(1, 2), Clip(1, 2)], rule, **fields)
        check(outcome.videos, "encoding_started settled outcome", "0 2.5 failed", "3.5 - unfinished")
        assert (outcome.end, outcome.ending) == (4.5, "no publisher will come")

    def test_a_ready_publisher_waits_for_a_video_that_is_encoded_again(self, simulate: Simulate) -> None:
        """Capacity 0: lost at 2, encoded from 2.5 to 4.75; a publisher is ready since 2.25."""
        faults = Faults(encoder_lifetime=tv.Empirical([2, 9]), encoder_repair=0.5)
        fields = {"publishing_queue_capacity": 0, "startup_time": 2.25, "faults": faults}
        seed = seed_for({(Purpose.ENCODER_LIFETIME, 0, 0): "small", (Purpose.ENCODER_LIFETIME, 0, 1): "large"})
        rule = Rule(prewarmed=1, dispatch=AT_THE_END)
        outcome = simulate([Clip(2.25, 9)], rule, seed=seed, **fields)
        check(outcome.videos, "encoded queued assigned outcome", "4.75 4.75 4.75 published")

    def test_a_review_that_raises_the_level(self, simulate: Simulate) -> None:
        """At 0 no time has passed, so the level is 0; at 1.5, one in 1.5 s for 1 s: 1."""
        rule = Rule(headroom=1, review_every=1.5)
        outcome = simulate([Clip(None, 9)], rule, encoders=None)
        check(outcome.publishers, "cause started ready ended", "- 1.5 2.5 2.5", "0 2.5 - -")
        rule = Rule(headroom=1)
        assert simulate([Clip(None, 9)], rule, encoders=None).ending == "no publisher will come"

    def test_a_review_at_which_the_level_has_fallen(self, simulate: Simulate) -> None:
        """Quota of 1, window 4: the pool's is ready at 1 and retired at 5, and the video's own starts then."""
        # from the start of v0 at 1 on, the level is 1, until (1, 5] has none
        rule = Rule(
            prewarmed=1, minimum=0, headroom=(1, 4), review_every=0.5, idle_time_to_live=1, dedicated_from=1
        )
        outcome = simulate([Clip(1, 9, 1)], rule, max_publishers=1)
        check(outcome.publishers, "cause started ready ended outcome", "- 0 1 5 retired", "0 5 6 6 ended")
