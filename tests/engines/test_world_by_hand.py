"""The wider world by hand: a tiny system for each rule, every number computed by hand.

Each case runs in every engine of `ENGINES`. Of a table, only the columns in its first line are compared; `-` is
what did not happen. Chance is in the seed: `seed_for` looks for one whose random numbers are small or large
where the case needs it. What has a probability of .5 happens if its number is small; of the two times of
`EITHER`, 1 s and 3 s, the shorter one is drawn if it is small.

Unless a case says otherwise, there is one encoder, the client's gap is 0.5 s, and a start-up takes 1 s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest

import tv2sim as tv
from tests.helpers.engines import compiled, simpy
from tests.helpers.micro_scenarios import literal
from tests.helpers.specification import (
    Broker,
    Clip,
    Draws,
    Faults,
    Outcome,
    Profile,
    RetryLater,
    Rule,
    World,
    reference,
)
from tv2sim.base.random_numbers import Purpose

Engine: TypeAlias = Callable[[Sequence[Clip], Rule, World, int], Outcome]
EITHER = tv.Empirical([1, 3])
PART_1, PART_2A, PART_2B = (
    Rule(moment, dedicated=True) for moment in ("encoded", "encoding_started", "queued")
)


def specification(clips: Sequence[Clip], rule: Rule, world: World, seed: int) -> Outcome:
    """Run the executable specification."""
    return reference(clips, rule, world, Draws(seed))


ENGINES: list[Engine] = [specification, simpy, compiled]


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.__name__)
def simulate(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Run clips in a world of one encoder, in which nothing is drawn unless the case says so."""
    engine: Engine = request.param

    def run(clips: Sequence[Clip], rule: Rule, *, seed: int = 1, **fields: Any) -> Outcome:
        rate = fields.get("requests_per_second")
        if isinstance(rate, Profile) and not (rate.period or rate.steps[-1][1]) and engine is not specification:
            pytest.skip("the library refuses a rate that ends")
        return engine(clips, rule, World(**{"encoders": 1, "startup_time": 1} | fields), seed)

    return run


Simulate: TypeAlias = Callable[..., Outcome]


def seed_for(numbers: dict[tuple[Purpose, int, int], str]) -> int:
    """Return the first seed whose number of each purpose, entity and order is "small" (below .5) or "large"."""
    return next(
        seed
        for seed in count(1)
        if all((Draws(seed).number(*key) < 0.5) == (size == "small") for key, size in numbers.items())
    )


def check(rows: list[dict[str, Any]], columns: str, *expected: str) -> None:
    """Compare some columns of a table with its expected rows."""
    shown = [{name: None if pd.isna(row[name]) else row[name] for name in columns.split()} for row in rows]
    assert shown == literal("\n".join((columns, *expected)), columns)


def at(outcome: Outcome, time: float) -> list[str]:
    """Return the events of one instant, each with the video, encoder and publisher that it names."""
    return [
        " ".join([line[1], *(str(number) for number in line[2:] if number is not None)])
        for line in outcome.log
        if line[0] == time
    ]


class TestServiceTime:
    def test_a_publisher_is_busy_from_assigned_to_ended(self, simulate: Simulate) -> None:
        """Encoded at 2, assigned at 2 + 1, published 1.5 later: elapsed 4.5 > 4."""
        outcome = simulate([Clip(2, 4)], PART_1, publishing_time=1.5)
        check(outcome.videos, "encoded assigned published settled elapsed outcome", "2 3 4.5 4.5 4.5 failed")
        check(outcome.publishers, "started ready assigned ended idle outcome", "2 3 3 4.5 0 ended")

    def test_the_assignment_can_be_held_against_the_deadline(self, simulate: Simulate) -> None:
        """Assigned at 3: 3 <= 3, although the publication comes at 4.5; `elapsed` goes to the publication."""
        for timeout, expected in ((3, "published"), (2.9, "failed")):
            outcome = simulate([Clip(2, timeout)], PART_1, publishing_time=1.5, deadline="assigned")
            check(outcome.videos, "assigned published elapsed outcome", f"3 4.5 4.5 {expected}")

    def test_it_is_drawn_by_video(self, simulate: Simulate) -> None:
        """Assigned at 0 + 1 and 0.5 + 1; the first takes 3 s, the second 1 s."""
        seed = seed_for({(Purpose.PUBLISHING_TIME, 0, 0): "large", (Purpose.PUBLISHING_TIME, 1, 0): "small"})
        outcome = simulate([Clip(0, 9), Clip(0, 9)], PART_1, publishing_time=EITHER, seed=seed)
        check(outcome.videos, "assigned published", "1 4", "1.5 2.5")

    def test_that_of_the_catalogue_wins(self, simulate: Simulate) -> None:
        """Assigned at 1 and 1.5; the first takes its own 0.25 s, the second the world's 2 s."""
        clips = [Clip(0, 9, publishing_time=0.25), Clip(0, 9)]
        outcome = simulate(clips, PART_1, publishing_time=2)
        check(outcome.videos, "assigned published", "1 1.25", "1.5 3.5")

    def test_a_pool_replaces_a_publisher_when_it_takes_a_video(self, simulate: Simulate) -> None:
        """Pool of 1, publishing 3: the second video is served at 2, before the first is published."""
        outcome = simulate([Clip(1, 9), Clip(0.5, 9)], Rule(prewarmed=1), publishing_time=3)
        check(outcome.videos, "encoded publisher assigned published", "1 0 1 4", "1.5 1 2 5")
        check(outcome.publishers, "cause started ready ended", "- 0 1 4", "0 1 2 5", "1 2 3 -")


def offered(outcome: Outcome) -> list[float]:
    """Return when each video was offered."""
    return [video["offered"] for video in outcome.videos]


class TestArrivals:
    MANY = (Clip(0, 9),) * 5

    def test_a_profile_across_a_step(self, simulate: Simulate) -> None:
        """Rate 1/s until 2, then 4/s: 1 s each up to 2, then 0.25 s."""
        outcome = simulate(self.MANY, PART_1, requests_per_second=Profile(((0, 1), (2, 4))))
        assert offered(outcome) == [0, 1, 2, 2.25, 2.5]

    def test_a_pause_that_a_step_cuts(self, simulate: Simulate) -> None:
        """Half a unit until 1, the other half at 2/s, until 1.25; from there on 0.5 s."""
        outcome = simulate(self.MANY, PART_1, requests_per_second=Profile(((0, 0.5), (1, 2))))
        assert offered(outcome) == [0, 1.25, 1.75, 2.25, 2.75]

    def test_a_pause_follows_the_hand_over(self, simulate: Simulate) -> None:
        """The second waits from 1 to 3 for the encoder; from 3 on the rate is 4/s."""
        clips = [Clip(3, 9), Clip(0, 9), Clip(0, 9)]
        outcome = simulate(clips, PART_1, requests_per_second=Profile(((0, 1), (2, 4))))
        assert offered(outcome) == [0, 1, 3.25]

    def test_a_profile_with_a_period(self, simulate: Simulate) -> None:
        """Rate 0 until 2, 1/s until 3, again and again: a unit is full at 3, 6, 9, 12."""
        outcome = simulate(self.MANY, PART_1, requests_per_second=Profile(((0, 0), (2, 1)), 3))
        assert offered(outcome) == [0, 3, 6, 9, 12]

    def test_a_rate_that_ends(self, simulate: Simulate) -> None:
        """Half a unit is full when the rate becomes 0 at 1.5: the third never comes. The second ends at 2."""
        outcome = simulate(self.MANY, PART_1, requests_per_second=Profile(((0, 1), (1.5, 0))))
        check(
            outcome.videos[:3], "offered published outcome", "0 1 published", "1 2 published", "- - unfinished"
        )
        assert (outcome.end, outcome.ending) == (2, "nothing left to happen")

    def test_poisson_arrivals_are_fixed_beforehand(self, simulate: Simulate) -> None:
        """Sums of -log(1 - u) / rate; the third is offered when the second is handed over, with no pause."""
        numbers = [Draws(1).number(Purpose.PAUSE, row, 0) for row in range(3)]
        first, second, _ = (round(-math.log1p(-number) / 2 * 1e6) for number in numbers)
        outcome = simulate([Clip(10, 99)] * 3, PART_1, arrivals="poisson")
        started = [first / 1e6, (first + 10_000_000) / 1e6, (first + 20_000_000) / 1e6]
        assert [video["encoding_started"] for video in outcome.videos] == started
        assert offered(outcome) == [first / 1e6, (first + second) / 1e6, started[1]]

    def test_poisson_arrivals_under_a_profile(self, simulate: Simulate) -> None:
        """A rate of 0 until 5, then 2/s: the first comes at 5 + its pause."""
        pause = round(-math.log1p(-Draws(1).number(Purpose.PAUSE, 0, 0)) / 2 * 1e6)
        profile = Profile(((0, 0), (5, 2)))
        outcome = simulate([Clip(0, 9)], PART_1, arrivals="poisson", requests_per_second=profile)
        assert offered(outcome) == [(5_000_000 + pause) / 1e6]

    def test_poisson_arrivals_and_times_of_submission(self, simulate: Simulate) -> None:
        """Both pauses end before 50; the second is offered when the first is handed over, at 50."""
        outcome = simulate([Clip(0, 9, 50), Clip(0, 9)], PART_1, arrivals="poisson")
        assert offered(outcome) == [50, 50]


class TestNoEncodingStage:
    @pytest.mark.parametrize("rule", [PART_1, PART_2A, PART_2B])
    def test_everything_up_to_queued_is_the_arrival(self, rule: Rule, simulate: Simulate) -> None:
        """Two come at 2, with no pause between them; started at 2, ready at 3: elapsed 1."""
        clips = [Clip(7, 1, 2), Clip(None, 0.9, 2)]
        outcome = simulate(clips, rule, encoders=None)
        columns = "offered encoder encoding_started encoded queued assigned elapsed outcome"
        check(outcome.videos, columns, "2 - 2 2 2 3 1 published", "2 - 2 2 2 3 1 failed")

    def test_the_queue_is_unlimited(self, simulate: Simulate) -> None:
        """Pool of 1, each start-up 1: assigned at 1, 2, 3 although the capacity is 0."""
        clips = [Clip(None, 9, 0)] * 3
        outcome = simulate(clips, Rule(prewarmed=1), encoders=None, publishing_queue_capacity=0)
        check(outcome.videos, "queued assigned", "0 1", "0 2", "0 3")

    def test_even_arrivals(self, simulate: Simulate) -> None:
        """Every 0.5 s from 0."""
        assert offered(simulate([Clip(None, 9)] * 3, PART_1, encoders=None)) == [0, 0.5, 1]

    def test_poisson_arrivals(self, simulate: Simulate) -> None:
        """The sums of the pauses."""
        numbers = [Draws(1).number(Purpose.PAUSE, row, 0) for row in range(2)]
        first, second = (round(-math.log1p(-number) / 2 * 1e6) for number in numbers)
        outcome = simulate([Clip(None, 9)] * 2, PART_1, encoders=None, arrivals="poisson")
        assert offered(outcome) == [first / 1e6, (first + second) / 1e6]

    def test_a_publisher_ready_at_the_arrival_serves_at_once(self, simulate: Simulate) -> None:
        """Places 2 and 4 meet at 1; the two publishers serve in the order of their numbers."""
        outcome = simulate([Clip(None, 9, 1), Clip(None, 9, 1)], Rule(prewarmed=2), encoders=None)
        check(outcome.videos, "queued publisher assigned", "1 0 1", "1 1 1")


class TestEncodersThatDiffer:
    def test_each_has_its_speed(self, simulate: Simulate) -> None:
        """Speeds 2 and 0.5: 3 s of work take 1.5 s and 6 s; the third awaits encoder 0."""
        outcome = simulate([Clip(3, 9), Clip(3, 9), Clip(3, 9)], PART_1, encoders=[2, 0.5])
        check(outcome.videos, "encoder encoding_started encoded", "0 0 1.5", "1 0.5 6.5", "0 1.5 3")

    def test_the_one_free_longest_is_taken_whatever_its_speed(self, simulate: Simulate) -> None:
        """At 1, encoder 0 has been free since 0.1, the ten times slower encoder 1 since 0."""
        outcome = simulate([Clip(1, 9), Clip(1, 9)], PART_1, encoders=[10, 1], requests_per_second=1)
        check(outcome.videos, "encoder encoding_started encoded", "0 0 0.1", "1 1 2")

    def test_a_factor_is_drawn_by_video(self, simulate: Simulate) -> None:
        """Factors 3 and 1, speed 2: 2 s of work take 2 * 3 / 2 = 3 s and 2 * 1 / 2 = 1 s."""
        seed = seed_for({(Purpose.ENCODING_FACTOR, 0, 0): "large", (Purpose.ENCODING_FACTOR, 1, 0): "small"})
        outcome = simulate([Clip(2, 9)] * 2, PART_1, encoders=[2, 2], encoding_factor=EITHER, seed=seed)
        check(outcome.videos, "encoding_started encoded", "0 3", "0.5 1.5")

    def test_factor_and_speed_are_not_rounded(self, simulate: Simulate) -> None:
        """1.000003 s * 1.5 / 3 = 0.5000015 s: 500001.5 microseconds are rounded once, to the even 500002."""
        outcome = simulate([Clip(1.000003, 9)], PART_1, encoders=[3], encoding_factor=1.5)
        check(outcome.videos, "encoding_started encoded", "0 0.500002")


class TestLimits:
    def test_an_order_becomes_a_publisher_after_the_delay(self, simulate: Simulate) -> None:
        """Ordered when encoded at 1, started at 3, ready at 4; the pool's, ordered at 0, is started at 2."""
        outcome = simulate([Clip(1, 9)], PART_1, provisioning_delay=2)
        check(outcome.publishers, "cause started ready", "0 3 4")
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=1), provisioning_delay=2)
        check(outcome.publishers, "cause started ready", "- 2 3")

    def test_an_order_counts_in_the_level_from_its_decision(self, simulate: Simulate) -> None:
        """The order of 1 counts when the only publisher is taken at 2.5, and replaces it at 2.5."""
        rule = Rule("queued", prewarmed=1)
        outcome = simulate([Clip(1, 9), Clip(2, 9)], rule, startup_time=1, provisioning_delay=1.5, encoders=2)
        check(outcome.videos, "queued publisher assigned", "1 0 2.5", "2.5 1 3.5")
        check(outcome.publishers, "cause started ready", "- 1.5 2.5", "0 2.5 3.5")

    def test_starts_beyond_the_quota_wait_in_order(self, simulate: Simulate) -> None:
        """One at a time, each 1 s until ready and 1 s busy: started at 1, 3, 5; the first did not wait."""
        clips = [Clip(1, 9)] * 3
        outcome = simulate(clips, PART_1, encoders=3, max_publishers=1, publishing_time=1)
        check(outcome.videos, "encoded assigned published", "1 2 3", "1.5 4 5", "2 6 7")
        check(outcome.publishers, "cause started ready ended", "0 1 2 3", "1 3 4 5", "2 5 6 7")
        assert outcome.quota_waits == 2

    def test_a_pool_larger_than_the_quota(self, simulate: Simulate) -> None:
        """Pool of 2, quota of 1: the second starts when the first ends at 1, and the replacement at 2."""
        outcome = simulate([Clip(1, 9), Clip(0, 9)], Rule(prewarmed=2), max_publishers=1)
        check(outcome.videos, "queued assigned", "1 1", "1 2")
        check(outcome.publishers, "cause started ready ended", "- 0 1 1", "- 1 2 2", "0 2 - -")
        assert outcome.quota_waits == 2

    def test_a_quota_that_is_free_at_once_is_no_wait(self, simulate: Simulate) -> None:
        """Publishing takes no time: the replacement starts in the instant in which it is ordered."""
        outcome = simulate([Clip(2, 9)], Rule(prewarmed=1), max_publishers=1)
        check(outcome.publishers, "cause started ended", "- 0 2", "0 2 -")
        assert outcome.quota_waits == 0

    def test_a_quota_frees_as_a_dedicated_start_waits(self, simulate: Simulate) -> None:
        """Part 2a, quota of 1: the order of 0.5 waits until 3; at 3 its video is encoded, and waits until 4."""
        outcome = simulate([Clip(3, 9), Clip(2.5, 9)], PART_2A, encoders=2, max_publishers=1)
        check(outcome.videos, "encoded queued publisher assigned", "3 3 0 3", "3 3 1 4")
        check(outcome.publishers, "cause started ready ended idle", "0 0 1 3 2", "1 3 4 4 0")


STARTUP_SLOT, STARTUP_VIDEO = Purpose.STARTUP_FAILURE_OF_SLOT, Purpose.STARTUP_FAILURE_FOR_VIDEO
PUBLISHING = Purpose.PUBLISHING_FAILURE
ATTEMPT = "kind video encoder publisher started ended"


class TestPublishersThatFail:
    def test_a_start_up_of_the_pool_fails(self, simulate: Simulate) -> None:
        """It fails at 1, when it would have been ready; the slot's next one draws 3 s, ready at 4."""
        seed = seed_for(
            {
                (STARTUP_SLOT, 0, 0): "small",
                (STARTUP_SLOT, 0, 1): "large",
                (Purpose.STARTUP_OF_SLOT, 0, 0): "small",
                (Purpose.STARTUP_OF_SLOT, 0, 1): "large",
            }
        )
        faults = Faults(startup=0.5)
        outcome = simulate([Clip(2, 9)], Rule(prewarmed=1), faults=faults, startup_time=EITHER, seed=seed)
        columns = "cause started ready ended video idle outcome"
        check(outcome.publishers[:2], columns, "- 0 - 1 - 0 failed", "- 1 4 4 0 0 ended")
        check(outcome.attempts, ATTEMPT, "startup - - 0 0 1")
        check(outcome.videos, "queued publisher assigned outcome", "2 1 4 published")

    def test_start_ups_of_a_dedicated_publisher_fail(self, simulate: Simulate) -> None:
        """Started at 2, 3, 4: two fail, the third is ready at 5; each is noticed at once."""
        seed = seed_for({(STARTUP_VIDEO, 0, j): "small" if j < 2 else "large" for j in range(3)})
        outcome = simulate([Clip(2, 9)], PART_1, faults=Faults(startup=0.5), seed=seed)
        columns = "cause started ready ended outcome"
        check(outcome.publishers, columns, "0 2 - 3 failed", "0 3 - 4 failed", "0 4 5 5 ended")
        check(outcome.attempts, ATTEMPT, "startup 0 - 0 2 3", "startup 0 - 1 3 4")

    def test_a_failure_is_noticed_later(self, simulate: Simulate) -> None:
        """Failed at 3, noticed at 3.5: ready at 4.5."""
        seed = seed_for({(STARTUP_VIDEO, 0, 0): "small", (STARTUP_VIDEO, 0, 1): "large"})
        faults = Faults(startup=0.5, noticed_after=0.5)
        outcome = simulate([Clip(2, 9)], PART_1, faults=faults, seed=seed)
        check(outcome.publishers, "started ready ended", "2 - 3", "3.5 4.5 4.5")

    def test_a_ready_publisher_dies(self, simulate: Simulate) -> None:
        """Ready at 1, dead at 3, idle for 2; the one started then serves at 4 the video encoded at 3.5."""
        outcome = simulate([Clip(3.5, 9)], Rule(prewarmed=1), faults=Faults(ready_lifetime=2))
        columns = "cause started ready assigned ended idle outcome"
        check(outcome.publishers[:2], columns, "- 0 1 - 3 2 failed", "- 3 4 4 4 0 ended")
        assert outcome.attempts == []

    def test_a_dedicated_publisher_dies_before_its_video_is_encoded(self, simulate: Simulate) -> None:
        """Part 2a: ready at 1, dead at 3, the next ready at 4 and dead at 6, the next one ready at 7."""
        outcome = simulate([Clip(6.5, 9)], PART_2A, faults=Faults(ready_lifetime=2))
        check(outcome.publishers, "cause started ready ended", "0 0 1 3", "0 3 4 6", "0 6 7 7")
        check(outcome.videos, "encoded queued publisher assigned", "6.5 6.5 2 7")

    def test_one_that_dies_serves_what_is_encoded_now(self, simulate: Simulate) -> None:
        """Place 1 before 2: both at 3."""
        outcome = simulate([Clip(3, 9)], Rule(prewarmed=1), faults=Faults(ready_lifetime=2))
        check(outcome.publishers, "started ready ended outcome", "0 1 3 ended", "3 - - unused")

    def test_each_one_draws_its_own_lifetime(self, simulate: Simulate) -> None:
        """Part 2a: ready at 1 for 1 s; the next one ready at 3 for 3 s, which takes the video at 5.5."""
        lives = {
            (Purpose.READY_LIFETIME_FOR_VIDEO, 0, 0): "small",
            (Purpose.READY_LIFETIME_FOR_VIDEO, 0, 1): "large",
        }
        faults = Faults(ready_lifetime=EITHER)
        outcome = simulate([Clip(5.5, 9)], PART_2A, faults=faults, seed=seed_for(lives))
        check(outcome.publishers, "started ready ended", "0 1 2", "2 3 5.5")

    def test_a_lifetime_is_at_least_one_microsecond(self, simulate: Simulate) -> None:
        """Ready at 1, dead at 1.000001."""
        outcome = simulate([Clip(1.5, 9)], Rule(prewarmed=1), faults=Faults(ready_lifetime=1e-9), until=1.5)
        check(outcome.publishers, "started ready ended", "0 1 1.000001", "1.000001 - -")

    def test_orders_that_become_publishers_at_one_time_go_by_video(self, simulate: Simulate) -> None:
        """Publisher 1, of v1, and 2, of v0, fail at 4: theirs are of 5, number 3 for v0 and 4 for v1."""
        # part 2a, 1 s until started: v0's from 1 to 2 (failed) and 3 to 4, v1's from 1.5 to 4
        sizes = {
            (STARTUP_VIDEO, 0, 0): "small", (STARTUP_VIDEO, 0, 1): "small", (STARTUP_VIDEO, 1, 0): "small",
            (Purpose.STARTUP_FOR_VIDEO, 0, 0): "small", (Purpose.STARTUP_FOR_VIDEO, 0, 1): "small",
            (Purpose.STARTUP_FOR_VIDEO, 1, 0): "large",
        }  # fmt: skip
        fields = {"startup_time": tv.Empirical([1, 2.5]), "provisioning_delay": 1, "encoders": 2, "until": 5}
        outcome = simulate(
            [Clip(9, 9)] * 2, PART_2A, faults=Faults(startup=0.5), seed=seed_for(sizes), **fields
        )
        check(outcome.publishers, "cause started ended", "0 1 2", "1 1.5 4", "0 3 4", "0 5 -", "1 5 -")

    def test_until_noticed_it_counts_but_serves_nobody(self, simulate: Simulate) -> None:
        """Pool of 2: dead at 3; one start each when noticed at 5; the videos of 3.5 and 4 are served at 6."""
        faults = Faults(ready_lifetime=2, noticed_after=2)
        outcome = simulate([Clip(3.5, 9), Clip(0.5, 9)], Rule(prewarmed=2), faults=faults)
        check(outcome.videos, "queued publisher assigned", "3.5 2 6", "4 3 6")
        columns = "cause started ready ended"
        check(outcome.publishers, columns, "- 0 1 3", "- 0 1 3", "- 5 6 6", "- 5 6 6", "0 6 - -", "1 6 - -")

    def test_one_fails_as_another_becomes_ready(self, simulate: Simulate) -> None:
        """Place 2, at 1: the one ready takes the video, one start because of it, one for the failed one."""
        seed = seed_for({(STARTUP_SLOT, 0, 0): "small", (STARTUP_SLOT, 1, 0): "large"})
        outcome = simulate([Clip(0.5, 9)], Rule(prewarmed=2), faults=Faults(startup=0.5), seed=seed)
        check(outcome.publishers, "cause started ready ended", "- 0 - 1", "- 0 1 1", "0 1 - -", "- 1 - -")

    def test_the_quota_frees_when_it_fails_not_when_noticed(self, simulate: Simulate) -> None:
        """Part 2a, quota of 1: the first fails at 1, the second starts then; the third waits from 3 on."""
        seed = seed_for(
            {(STARTUP_VIDEO, 0, 0): "small", (STARTUP_VIDEO, 0, 1): "large", (STARTUP_VIDEO, 1, 0): "large"}
        )
        faults = Faults(startup=0.5, noticed_after=2)
        outcome = simulate(
            [Clip(2, 9), Clip(4, 9)], PART_2A, encoders=2, max_publishers=1, faults=faults, seed=seed
        )
        check(outcome.publishers, "cause started ready ended", "0 0 - 1", "1 1 2 4.5", "0 4.5 5.5 5.5")
        assert outcome.quota_waits == 2

    def test_adding_failures_of_publishing_moves_no_start_up(self, simulate: Simulate) -> None:
        """The first publisher of each video takes the same time to start up, or fails after the same time."""
        world = {"startup_time": tv.Uniform(2, 6), "encoders": 9}
        first: list[list[tuple[bool, float]]] = []
        for publishing in (0, 0.5):
            faults = Faults(startup=0.5, publishing=publishing)
            outcome = simulate([Clip(1, 9)] * 9, PART_1, faults=faults, **world)
            by_cause = {publisher["cause"]: publisher for publisher in reversed(outcome.publishers)}
            failed = [bool(pd.isna(by_cause[row]["ready"])) for row in range(9)]
            ends = [by_cause[row]["ended" if failed[row] else "ready"] for row in range(9)]
            first.append([(failed[row], ends[row] - by_cause[row]["started"]) for row in range(9)])
        assert first[0] == first[1]
        assert {failed for failed, _ in first[0]} == {True, False}


class TestPublishingThatFails:
    def test_it_is_tried_again_by_a_new_publisher(self, simulate: Simulate) -> None:
        """Assigned at 2, failed at 3; the next one is started then, ready at 4, and has published at 5."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        outcome = simulate([Clip(1, 9)], PART_1, faults=Faults(publishing=0.5), publishing_time=1, seed=seed)
        check(outcome.videos, "queued publisher assigned published elapsed outcome", "1 1 4 5 5 published")
        check(outcome.publishers, "started ready assigned ended outcome", "1 2 2 3 failed", "3 4 4 5 ended")
        check(outcome.attempts, ATTEMPT, "publishing 0 - 0 2 3")

    def test_each_attempt_draws_its_own_time(self, simulate: Simulate) -> None:
        """Assigned at 2, 3 s until it fails at 5, ready at 6, 1 s until it is published at 7."""
        numbers = {(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"}
        times = {(Purpose.PUBLISHING_TIME, 0, 0): "large", (Purpose.PUBLISHING_TIME, 0, 1): "small"}
        faults, seed = Faults(publishing=0.5), seed_for(numbers | times)
        outcome = simulate([Clip(1, 9)], PART_1, faults=faults, publishing_time=EITHER, seed=seed)
        check(outcome.videos, "assigned published", "6 7")

    def test_the_video_keeps_its_place_beyond_the_capacity(self, simulate: Simulate) -> None:
        """Capacity 1: back at 1.5, before the one queued at 1 and beside it; the third is blocked from 1.75."""
        # pool of 1: taken at 1, failed at 1.5; the second publisher, started at 1, serves it at 2; the third,
        # started at 1.5 for the failed one, serves the second video at 2.5, which makes room
        seed = seed_for(
            {(PUBLISHING, 0, 0): "small", **{(PUBLISHING, *key): "large" for key in ((0, 1), (1, 0), (2, 0))}}
        )
        clips = [Clip(0.5, 9), Clip(0.5, 9), Clip(0.75, 9)]
        fields = {"publishing_time": 0.5, "publishing_queue_capacity": 1, "encoders": 3}
        outcome = simulate(clips, Rule(prewarmed=1), faults=Faults(publishing=0.5), seed=seed, **fields)
        columns = "encoded queued publisher assigned published"
        check(outcome.videos, columns, "0.5 0.5 1 2 2.5", "1 1 2 2.5 3", "1.75 2.5 3 3.5 4")
        check(outcome.publishers[:4], "cause started ended", "- 0 1.5", "0 1 2.5", "- 1.5 3", "1 2.5 4")

    def test_after_its_attempts_it_has_failed(self, simulate: Simulate) -> None:
        """Two attempts, which end at 3 and 5; no publisher is started after the second."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "small"})
        faults = Faults(publishing=0.5, attempts=2)
        outcome = simulate([Clip(1, 99)], PART_1, faults=faults, publishing_time=1, seed=seed)
        check(outcome.videos, "publisher assigned published settled outcome", "- - - 5 failed")
        check(outcome.attempts, ATTEMPT, "publishing 0 - 0 2 3", "publishing 0 - 1 4 5")
        assert (len(outcome.publishers), outcome.end, outcome.ending) == (2, 5, "completed")

    def test_the_last_attempt_of_a_video_is_followed_by_a_start_for_the_pool(self, simulate: Simulate) -> None:
        """Pool of 1: failed at 2, noticed at 3; the level is 2 from then on, and the start of 4 is saved."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 1, 0): "large"})
        faults = Faults(publishing=0.5, attempts=1, noticed_after=1)
        clips = [Clip(1, 9), Clip(3, 9)]
        outcome = simulate(clips, Rule(prewarmed=1), faults=faults, publishing_time=1, seed=seed)
        check(outcome.videos, "publisher assigned published outcome", "- - - failed", "1 4 5 published")
        check(outcome.publishers, "cause started ended", "- 0 2", "0 1 5", "- 3 -")

    def test_its_publisher_is_replaced_when_noticed(self, simulate: Simulate) -> None:
        """Failed at 3, noticed at 5, ready at 6."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        faults = Faults(publishing=0.5, noticed_after=2)
        outcome = simulate([Clip(1, 9)], PART_1, faults=faults, publishing_time=1, seed=seed)
        check(outcome.publishers, "started ready ended", "1 2 3", "5 6 7")

    def test_a_ready_publisher_takes_it_at_once_and_there_is_one_start_for_it(self, simulate: Simulate) -> None:
        """Pool of 2: served again at 2, which starts none, as the failed one counts until noticed at 3."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        faults = Faults(publishing=0.5, noticed_after=1)
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=2), faults=faults, publishing_time=1, seed=seed)
        check(outcome.videos, "publisher assigned published", "1 2 3")
        check(outcome.publishers, "cause started ended", "- 0 2", "- 0 3", "0 1 -", "- 3 -")


class TestEncodersThatDie:
    def test_the_video_starts_over_before_the_next(self, simulate: Simulate) -> None:
        """Dead at 2, repaired at 3, dead again at 5; the second, begun at 1.5, starts over at 3."""
        faults = Faults(encoder_lifetime=2, encoder_repair=1)
        outcome = simulate([Clip(1.5, 9), Clip(1.5, 3.5), Clip(0.25, 9)], PART_2A, faults=faults)
        columns = "offered encoding_started encoded queued published elapsed outcome"
        # its timeout goes on: 4.5 - 1.5 = 3 <= 3.5; the third waits from 2 to 4.5
        first, second = "0 0 1.5 1.5 1.5 1.5 published", "0.5 1.5 4.5 4.5 4.5 3 published"
        check(outcome.videos, columns, first, second, "2 4.5 4.75 4.75 5.5 1 published")
        check(outcome.attempts, ATTEMPT, "encoding 1 0 - 1.5 2")
        # part 2a starts a publisher at the first start only
        check(outcome.publishers, "cause started ready", "0 0 1", "1 1.5 2.5", "2 4.5 5.5")

    def test_it_is_gone_with_a_new_factor(self, simulate: Simulate) -> None:
        """1 s * 3 would end at 3, the encoder dies at 2.5; from 2.5 on 1 s * 1, until 3.5."""
        seed = seed_for({(Purpose.ENCODING_FACTOR, 0, 0): "large", (Purpose.ENCODING_FACTOR, 0, 1): "small"})
        faults = Faults(encoder_lifetime=2.5)
        outcome = simulate([Clip(1, 9)], PART_1, faults=faults, encoding_factor=EITHER, seed=seed)
        check(outcome.videos, "encoder encoding_started encoded", "0 0 3.5")
        check(outcome.attempts, ATTEMPT, "encoding 0 0 - 0 2.5")

    def test_one_that_dies_while_its_video_is_blocked(self, simulate: Simulate) -> None:
        """Capacity 0, a publisher from 5 on: the encoder dies, and the video stays in it until 5.

        Down from 2 to 2.5 and from 4.5 to 5, from 2 to 2.75 and from 4.75 to 5.5, or from 4 to 6.5, it takes
        the next video as soon as it is both back and empty.
        """
        for lifetime, repair, back in ((2, 0.5, 5), (2, 0.75, 5.5), (4, 2.5, 6.5)):
            faults = Faults(encoder_lifetime=lifetime, encoder_repair=repair)
            fields = {"publishing_queue_capacity": 0, "startup_time": 5, "faults": faults}
            outcome = simulate([Clip(1, 9), Clip(0.25, 9)], Rule(prewarmed=1), **fields)
            check(outcome.videos[:1], "encoding_started encoded queued assigned", "0 1 5 5")
            assert outcome.videos[1]["encoding_started"] == back
            assert outcome.attempts == []
            deaths = [line for line in outcome.log if line[1] == "encoder_failed"]
            assert deaths[0] == (lifetime, "encoder_failed", None, 0, None)

    def test_one_that_dies_as_a_publisher_becomes_ready(self, simulate: Simulate) -> None:
        """Place 1 before 2, at 2: the blocked video leaves all the same, and its encoder is back at 2.5."""
        faults = Faults(encoder_lifetime=2, encoder_repair=0.5)
        fields = {"publishing_queue_capacity": 0, "startup_time": 2, "faults": faults}
        outcome = simulate([Clip(1, 9), Clip(1, 9)], Rule(prewarmed=1), **fields)
        check(outcome.videos, "encoding_started encoded queued assigned", "0 1 2 2", "2.5 3.5 4 4")

    def test_one_that_dies_when_the_encoding_ends(self, simulate: Simulate) -> None:
        """Places 1a and 1b, at 2: the video has left; the encoder is back at 2.5 for the next one."""
        faults = Faults(encoder_lifetime=2, encoder_repair=0.5)
        outcome = simulate([Clip(2, 9), Clip(1, 9)], PART_1, faults=faults)
        check(outcome.videos, "encoding_started encoded", "0 2", "2.5 3.5")
        assert outcome.attempts == []

    def test_a_publisher_is_ordered_once_for_a_video_that_is_encoded_twice(self, simulate: Simulate) -> None:
        """Lost at 2, encoded from 2.5 to 4.75: the publisher is that of the first start, at 0."""
        faults = Faults(encoder_lifetime=tv.Empirical([2, 9]), encoder_repair=0.5)
        seed = seed_for({(Purpose.ENCODER_LIFETIME, 0, 0): "small", (Purpose.ENCODER_LIFETIME, 0, 1): "large"})
        outcome = simulate([Clip(2.25, 9)], Rule("encoding_started"), faults=faults, seed=seed)
        check(outcome.videos, "encoded queued assigned", "4.75 4.75 4.75")
        check(outcome.publishers, "cause started ready", "0 0 1")

    def test_a_repair_that_takes_no_time(self, simulate: Simulate) -> None:
        """Dead at 2 and back at 2: from 2 to 3.5."""
        outcome = simulate([Clip(1, 9), Clip(1.5, 9)], PART_1, faults=Faults(encoder_lifetime=2))
        check(outcome.videos, "encoding_started encoded", "0 1", "1 3.5")

    def test_idle_ones_die_too(self, simulate: Simulate) -> None:
        """Dead from 2 to 6: what is submitted at 3 waits until then."""
        faults = Faults(encoder_lifetime=2, encoder_repair=4)
        outcome = simulate([Clip(1, 9), Clip(1, 9, 3)], PART_1, faults=faults)
        check(outcome.videos, "offered encoding_started", "0 0", "3 6")

    def test_a_repaired_one_is_free_since_its_repair(self, simulate: Simulate) -> None:
        """At 2, encoder 0 is free since 0.5, encoder 1 since its repair at 1.25."""
        seed = seed_for({(Purpose.ENCODER_LIFETIME, 0, 0): "large", (Purpose.ENCODER_LIFETIME, 1, 0): "small"})
        faults = Faults(encoder_lifetime=EITHER, encoder_repair=0.25)
        outcome = simulate([Clip(0.5, 9), Clip(0.5, 9, 2)], PART_1, faults=faults, encoders=2, seed=seed)
        check(outcome.videos, "encoder encoding_started encoded", "0 0 0.5", "0 2 2.5")

    def test_interrupted_ones_go_by_the_time_of_the_interruption(self, simulate: Simulate) -> None:
        """Lost at 1 and 3; encoder 1 is back at 4, for the second video until 4.75, then for the first."""
        lives = {(0, 0): "large", (1, 0): "small", (1, 1): "large"}
        seed = seed_for({(Purpose.ENCODER_LIFETIME, *key): size for key, size in lives.items()})
        faults = Faults(encoder_lifetime=EITHER, encoder_repair=3)
        outcome = simulate([Clip(5, 9), Clip(0.75, 9)], PART_1, faults=faults, encoders=2, seed=seed, until=6)
        check(outcome.videos, "encoder encoding_started encoded", "1 0 -", "1 0.5 4.75")
        check(outcome.attempts, ATTEMPT, "encoding 1 1 - 0.5 1", "encoding 0 0 - 0 3")
        starts = [line for line in outcome.log if line[1] == "encoding_started"]
        assert starts[2:] == [(4, "encoding_started", 1, 1, None), (4.75, "encoding_started", 0, 1, None)]


class TestRetryLater:
    def test_a_refused_video_is_offered_again(self, simulate: Simulate) -> None:
        """The encoder is busy until 2: refused at 0.5 and 1.5, taken at 2.5; the timeout counts from there."""
        outcome = simulate([Clip(2, 9), Clip(1, 2)], PART_1, hand_over=RetryLater(1))
        columns = "offered encoding_started published outcome"
        check(outcome.videos, columns, "0 0 3 published", "0.5 2.5 4.5 published")
        refused = [line[:3] for line in outcome.log if line[1] == "refused"]
        assert refused == [(0.5, "refused", 1), (1.5, "refused", 1)]

    def test_it_waits_longer_each_time(self, simulate: Simulate) -> None:
        """Refused at 0.5, 1.5 (1 later), 3.5 (2 later), taken at 7.5 (4 later); at most 1.5: 3, 4.5, 6."""
        for at_most, expected in ((None, 7.5), (1.5, 6)):
            hand_over = RetryLater(1, factor=2, at_most=at_most)
            outcome = simulate([Clip(5, 9), Clip(1, 9)], PART_1, hand_over=hand_over)
            check(outcome.videos, "encoding_started", "0", f"{expected}")

    def test_after_its_attempts_it_is_refused(self, simulate: Simulate) -> None:
        """Two offers, at 0.5 and 1.5; the first video is published at 6."""
        outcome = simulate([Clip(5, 9), Clip(1, 9)], PART_1, hand_over=RetryLater(1, attempts=2))
        columns = "offered encoding_started settled outcome"
        check(outcome.videos, columns, "0 0 6 published", "0.5 - 1.5 refused")
        assert (outcome.end, outcome.ending) == (6, "completed")

    def test_no_retries(self, simulate: Simulate) -> None:
        """A loss system: the second is refused at its only offer, and the run ends at 3 with the first."""
        outcome = simulate([Clip(2, 9), Clip(1, 9)], PART_1, hand_over=RetryLater(1, attempts=1))
        check(outcome.videos, "settled outcome", "3 published", "0.5 refused")

    def test_without_an_encoding_stage_nothing_is_refused(self, simulate: Simulate) -> None:
        """Offered every 0.5 s, and at the publishing stage at once."""
        outcome = simulate([Clip(9, 9)] * 2, PART_1, encoders=None, hand_over=RetryLater(1))
        check(outcome.videos, "offered queued outcome", "0 0 published", "0.5 0.5 published")

    def test_a_retry_that_is_due_as_an_encoder_becomes_free(self, simulate: Simulate) -> None:
        """Place 1 before 4, at 2."""
        outcome = simulate([Clip(2, 9), Clip(1, 9)], PART_1, hand_over=RetryLater(1.5))
        check(outcome.videos, "offered encoding_started", "0 0", "0.5 2")

    def test_retries_come_before_new_videos_and_are_followed_by_a_pause(self, simulate: Simulate) -> None:
        """The second is offered again at 1, 1.5 and 2; the third, which could come at 1, comes at 2.5."""
        outcome = simulate([Clip(2, 9), Clip(0, 9), Clip(0, 9)], PART_1, hand_over=RetryLater(0.5))
        check(outcome.videos, "offered encoding_started", "0 0", "0.5 2", "2.5 2.5")

    def test_retries_go_by_due_time_then_catalogue_order(self, simulate: Simulate) -> None:
        """Waits of 1, then 2: v1 refused at 0.5, 1.5, due 3.5; v2 at 1, 2, due 4; v3 at 2.5, due 3.5."""
        # the encoder is free from 3.25 on: v1 from 3.5 to 3.75, v3 at 4, when v2 is due as well, v2 at 4.5
        clips = [Clip(3.25, 9), *[Clip(0.25, 9)] * 3]
        outcome = simulate(clips, PART_1, hand_over=RetryLater(1, factor=2))
        check(outcome.videos, "offered encoding_started", "0 0", "0.5 3.5", "1 4.5", "2.5 4")

    def test_where_arrivals_are_fixed_retries_delay_nothing(self, simulate: Simulate) -> None:
        """Poisson: each is first offered at its arrival, and 8 times again, 0.01 after the one before."""
        pauses = [-math.log1p(-Draws(1).number(Purpose.PAUSE, row, 0)) / 2 for row in range(6)]
        arrivals = np.cumsum([round(pause * 1e6) for pause in pauses])
        hand_over = RetryLater(0.01, attempts=9)
        outcome = simulate([Clip(50, 99)] * 6, PART_1, arrivals="poisson", hand_over=hand_over)
        assert offered(outcome) == (arrivals / 1e6).tolist()
        refused = [video["settled"] for video in outcome.videos[1:]]
        assert refused == ((arrivals[1:] + 80_000) / 1e6).tolist()

    def test_an_interrupted_video_comes_before_a_retry(self, simulate: Simulate) -> None:
        """The encoder dies at 2 and is back at 3, when a retry is due: v0 until 5.5, when another one is."""
        faults = Faults(encoder_lifetime=tv.Empirical([2, 9]), encoder_repair=1)
        lives = {(Purpose.ENCODER_LIFETIME, 0, 0): "small", (Purpose.ENCODER_LIFETIME, 0, 1): "large"}
        clips = [Clip(2.5, 9), Clip(1, 9)]
        outcome = simulate(clips, PART_1, faults=faults, hand_over=RetryLater(0.5), seed=seed_for(lives))
        check(outcome.videos, "encoding_started encoded", "0 5.5", "5.5 6.5")


class TestBroker:
    def test_a_video_is_queued_before_it_is_visible(self, simulate: Simulate) -> None:
        """Part 2b starts at 1, ready at 1.5, and waits for the video until 3; the encoder is free at 1."""
        outcome = simulate([Clip(1, 9), Clip(1, 9)], PART_2B, broker=Broker(latency=2), startup_time=0.5)
        check(outcome.videos, "encoding_started encoded queued assigned", "0 1 1 3", "1 2 2 4")
        check(outcome.publishers, "started ready assigned idle", "1 1.5 3 1.5", "2 2.5 4 1.5")
        visible = [line[:3] for line in outcome.log if line[1] == "visible"]
        assert visible == [(3, "visible", 0), (4, "visible", 1)]

    def test_publishers_take_the_visible_video_that_was_queued_first(self, simulate: Simulate) -> None:
        """Queued at 1 and 1.5, visible at 4 and 2.5; ready at 2 and 4.5, or at 5 and 10."""
        seed = seed_for({(Purpose.LATENCY, 0, 0): "large", (Purpose.LATENCY, 1, 0): "small"})
        for startup_time, first, second in ((2, "1 4.5", "0 2.5"), (5, "0 5", "1 10")):
            fields = {"startup_time": startup_time, "encoders": 2, "seed": seed}
            broker = Broker(latency=EITHER)
            outcome = simulate([Clip(1, 9), Clip(1, 9)], Rule(prewarmed=1), broker=broker, **fields)
            check(outcome.videos, "publisher assigned", first, second)

    def test_what_is_not_visible_takes_a_place(self, simulate: Simulate) -> None:
        """Capacity 1, two are ready: the second, encoded at 1, has room when the first is taken at 2.5."""
        fields = {"publishing_queue_capacity": 1, "broker": Broker(latency=2)}
        outcome = simulate([Clip(0.5, 9), Clip(0.5, 9)], Rule(prewarmed=2), **fields)
        check(outcome.videos, "encoded queued assigned", "0.5 0.5 2.5", "1 2.5 4.5")

    def test_without_latency_it_is_visible_in_the_same_instant(self, simulate: Simulate) -> None:
        """Place 5, at 1: the publisher is ready then."""
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=1), broker=Broker())
        check(outcome.videos, "queued assigned published", "1 1 1")

    def test_a_publisher_that_dies_now_does_not_see_it(self, simulate: Simulate) -> None:
        """Places 2 and 5, at 2: dead, replaced by one that is ready at 3."""
        faults = Faults(ready_lifetime=1)
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=1), faults=faults, broker=Broker(latency=1))
        check(outcome.videos, "queued publisher assigned", "1 1 3")

    def test_a_lost_delivery_only_delays(self, simulate: Simulate) -> None:
        """Queued at 1, sent again at 6, visible at 7; one publisher is spent."""
        seed = seed_for({(Purpose.LOSS, 0, 0): "small", (Purpose.LOSS, 0, 1): "large"})
        broker = Broker(latency=1, loss=0.5, redelivered_after=5)
        outcome = simulate([Clip(1, 9)], PART_1, broker=broker, seed=seed)
        check(outcome.videos, "queued assigned", "1 7")
        check(outcome.publishers, "started ready assigned", "1 2 7")
        lines = [line[:2] for line in outcome.log if line[1] in {"redelivered", "visible"}]
        assert lines == [(6, "redelivered"), (7, "visible")]

    def test_a_lost_acknowledgement_spends_one_of_the_pool(self, simulate: Simulate) -> None:
        """Published at 1, visible again at 4: the publisher of 1 is spent, the second video waits until 5."""
        lost, kept = Purpose.ACKNOWLEDGEMENT_LOSS, "large"
        seed = seed_for({(lost, 0, 0): "small", (lost, 0, 1): kept, (lost, 1, 0): kept})
        broker = Broker(acknowledgement_loss=0.5, redelivered_after=3)
        clips = [Clip(1, 2), Clip(3.5, 9)]
        outcome = simulate(clips, Rule(prewarmed=1), broker=broker, seed=seed)
        columns = "queued publisher assigned published outcome"
        check(outcome.videos, columns, "1 0 1 1 published", "4.5 2 5 5 published")
        columns = "cause started ready assigned ended video"
        check(outcome.publishers, columns, "- 0 1 1 1 0", "0 1 2 4 4 0", "0 4 5 5 5 1", "1 5 - - - -")

    def test_a_lost_acknowledgement_of_a_dedicated_video_starts_a_new_one(self, simulate: Simulate) -> None:
        """Published at 2, visible again at 5, for a publisher ready at 6; lost again, visible again at 9."""
        lost = Purpose.ACKNOWLEDGEMENT_LOSS
        sizes = {(0, 0): "small", (0, 1): "small", (0, 2): "large", (1, 0): "large"}
        seed = seed_for({(lost, *key): size for key, size in sizes.items()})
        broker = Broker(acknowledgement_loss=0.5, redelivered_after=3)
        outcome = simulate([Clip(1, 2), Clip(19, 99)], PART_1, broker=broker, seed=seed)
        check(outcome.videos, "publisher assigned published outcome", "0 2 2 published", "3 21 21 published")
        columns = "cause started ready ended video"
        check(outcome.publishers, columns, "0 1 2 2 0", "0 5 6 6 0", "0 9 10 10 0", "1 20 21 21 1")

    def test_redeliveries_pending_at_the_last_outcome_are_dropped(self, simulate: Simulate) -> None:
        """The only video is published at 2; it would be visible again at 5."""
        seed = seed_for({(Purpose.ACKNOWLEDGEMENT_LOSS, 0, 0): "small"})
        broker = Broker(acknowledgement_loss=0.5, redelivered_after=3)
        outcome = simulate([Clip(1, 2)], PART_1, broker=broker, seed=seed)
        assert (outcome.end, outcome.ending, len(outcome.publishers)) == (2, "completed", 1)

    def test_a_video_whose_publishing_failed_is_visible_at_once(self, simulate: Simulate) -> None:
        """Visible at 2, assigned at 2, failed at 3; the next one is ready at 4, without another latency."""
        seed = seed_for({(PUBLISHING, 0, 0): "small", (PUBLISHING, 0, 1): "large"})
        fields = {"publishing_time": 1, "broker": Broker(latency=1), "faults": Faults(publishing=0.5)}
        outcome = simulate([Clip(1, 9)], PART_1, seed=seed, **fields)
        check(outcome.videos, "assigned published", "4 5")

    def test_a_redelivery_waits_for_the_quota(self, simulate: Simulate) -> None:
        """Visible again at 5, when the only place is taken by the publisher of v1, until 5.5."""
        lost = Purpose.ACKNOWLEDGEMENT_LOSS
        sizes = {(0, 0): "small", (0, 1): "large", (1, 0): "large", (2, 0): "large"}
        seed = seed_for({(lost, *key): size for key, size in sizes.items()})
        broker = Broker(acknowledgement_loss=0.5, redelivered_after=3)
        clips = [Clip(1, 9), Clip(3.5, 9), Clip(9, 99)]
        outcome = simulate(clips, PART_1, broker=broker, max_publishers=1, seed=seed)
        check(
            outcome.publishers,
            "cause started ready ended",
            "0 1 2 2",
            "1 4.5 5.5 5.5",
            "0 5.5 6.5 6.5",
            "2 13.5 14.5 14.5",
        )
        assert outcome.quota_waits == 1

    def test_a_redelivery_that_fails_changes_no_outcome(self, simulate: Simulate) -> None:
        """Two attempts: published at 2, visible again at 5, failed at 6, and no other is started for it."""
        seed = seed_for(
            {
                (Purpose.ACKNOWLEDGEMENT_LOSS, 0, 0): "small",
                (Purpose.ACKNOWLEDGEMENT_LOSS, 1, 0): "large",
                (PUBLISHING, 0, 0): "large",
                (PUBLISHING, 0, 1): "small",
                (PUBLISHING, 1, 0): "large",
            }
        )
        broker, faults = (
            Broker(acknowledgement_loss=0.5, redelivered_after=3),
            Faults(publishing=0.5, attempts=2),
        )
        outcome = simulate([Clip(1, 2), Clip(19, 99)], PART_1, broker=broker, faults=faults, seed=seed)
        columns = "publisher assigned published settled outcome"
        check(outcome.videos, columns, "0 2 2 2 published", "2 21 21 21 published")
        check(outcome.attempts, ATTEMPT, "publishing 0 - 1 6 6")
        check(outcome.publishers, "cause started ended outcome", "0 1 2 ended", "0 5 6 failed", "1 20 21 ended")

    def test_a_redelivery_is_tried_again_while_attempts_are_left(self, simulate: Simulate) -> None:
        """Failed at 6, noticed at 7: the start of then is for the redelivery, and ready at 8."""
        sizes = {(0, 0): "large", (0, 1): "small", (0, 2): "large", (1, 0): "large"}
        numbers = {(PUBLISHING, *key): size for key, size in sizes.items()}
        lost = {
            (Purpose.ACKNOWLEDGEMENT_LOSS, *key): size
            for key, size in {(0, 0): "small", (0, 1): "large", (1, 0): "large"}.items()
        }
        broker, faults = (
            Broker(acknowledgement_loss=0.5, redelivered_after=3),
            Faults(publishing=0.5, noticed_after=1),
        )
        outcome = simulate(
            [Clip(1, 2), Clip(19, 99)], PART_1, broker=broker, faults=faults, seed=seed_for(numbers | lost)
        )
        check(outcome.publishers, "cause started ended", "0 1 2", "0 5 6", "0 7 8", "1 20 21")


class TestOneInstant:
    """What the tables cannot tell apart, in the log."""

    def test_deaths_then_repairs_of_encoders_then_publishers_then_the_client(self, simulate: Simulate) -> None:
        """At 3: encoder 1 dies, encoder 0 is back (1 s and 2 s), the pool is ready, v1 starts over."""
        lives = {(Purpose.ENCODER_LIFETIME, 0, 0): "small", (Purpose.ENCODER_LIFETIME, 1, 0): "large"}
        faults, seed = Faults(encoder_lifetime=EITHER, encoder_repair=2), seed_for(lives)
        fields = {"encoders": 2, "startup_time": 3, "until": 3}
        outcome = simulate([Clip(0.5, 9), Clip(9, 9)], Rule(prewarmed=2), faults=faults, seed=seed, **fields)
        expected = ["encoder_failed 1 1", "encoder_repaired 0", "publisher_ready 0", "assigned 0 0"]
        expected += ["publisher_started 0 2", "published 0 0", "publisher_ended 0 0", "publisher_ready 1"]
        assert at(outcome, 3) == [*expected, "encoding_started 1 0"]

    def test_ready_ones_die_after_others_have_become_ready(self, simulate: Simulate) -> None:
        """At 3: publisher 0, ready since 1, dies after 2 s; publisher 1 becomes ready."""
        times = {(Purpose.STARTUP_OF_SLOT, 0, 0): "small", (Purpose.STARTUP_OF_SLOT, 1, 0): "large"}
        fields = {"startup_time": EITHER, "until": 3, "seed": seed_for(times)}
        outcome = simulate([Clip(9, 9)], Rule(prewarmed=2), faults=Faults(ready_lifetime=2), **fields)
        assert at(outcome, 3) == ["publisher_ready 1", "publisher_failed 0", "publisher_started 2"]

    def test_ends_of_publishing_then_notices(self, simulate: Simulate) -> None:
        """At 3: publisher 1 has published v0 for 2 s; publisher 0, whose start-up failed at 1, is noticed."""
        seed = seed_for({(STARTUP_SLOT, 0, 0): "small", (STARTUP_SLOT, 1, 0): "large"})
        fields = {"publishing_time": 2, "until": 3, "faults": Faults(startup=0.5, noticed_after=2)}
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=2), seed=seed, **fields)
        assert at(outcome, 3) == ["published 0 1", "publisher_ended 0 1", "publisher_started 3"]

    def test_publishers_become_ready_then_deliveries(self, simulate: Simulate) -> None:
        """At 2, the publisher of 1 is ready, and the video of 1 visible."""
        outcome = simulate([Clip(1, 9)], PART_1, broker=Broker(latency=1))
        taken = ["assigned 0 0", "published 0 0", "publisher_ended 0 0"]
        assert at(outcome, 2) == ["publisher_ready 0", "visible 0", *taken]

    def test_notices_then_deliveries_then_delayed_starts(self, simulate: Simulate) -> None:
        """At 2, v0 is visible, after a failure of 1 is noticed, and before what was ordered at 0 starts."""
        seed = seed_for({(STARTUP_VIDEO, 0, 0): "small", (STARTUP_VIDEO, 0, 1): "large"})
        faults, broker = Faults(startup=0.5, noticed_after=1), Broker(latency=2)
        outcome = simulate([Clip(0, 9)], PART_2B, faults=faults, broker=broker, seed=seed)
        assert at(outcome, 2) == ["publisher_started 0 1", "visible 0"]
        outcome = simulate([Clip(0, 9)], PART_2B, broker=broker, provisioning_delay=2)
        assert at(outcome, 2) == ["visible 0", "publisher_started 0 0"]


class TestNothingHangs:
    @pytest.mark.parametrize("rule", [PART_1, PART_2A, PART_2B, Rule(prewarmed=2), Rule("encoded")])
    def test_failures_of_every_kind(self, rule: Rule, simulate: Simulate) -> None:
        """However much fails, each video has its outcome at the end."""
        faults = Faults(startup=0.9, ready_lifetime=0.3, publishing=0.9, noticed_after=0.1)
        outcome = simulate([Clip(1, 9)] * 4, rule, faults=faults, max_publishers=1, encoders=2)
        assert outcome.ending == "completed"
        assert {video["outcome"] for video in outcome.videos} <= {"published", "failed"}

    def test_lifetimes_keep_no_run_alive(self, simulate: Simulate) -> None:
        """The rate ends at 0.5: after the publication at 1 there are deaths and replacements, for an hour."""
        profile = Profile(((0, 1), (0.5, 0)))
        faults = Faults(ready_lifetime=0.5)
        outcome = simulate([Clip(1, 9)] * 2, Rule(prewarmed=3), faults=faults, requests_per_second=profile)
        assert (outcome.end, outcome.ending) == (3601, "no progress")

    def test_a_pool_of_none(self, simulate: Simulate) -> None:
        """Encoded at 1; nobody will come."""
        outcome = simulate([Clip(1, 9)], Rule(), faults=Faults(startup=0.5, ready_lifetime=1))
        assert (outcome.end, outcome.ending) == (1, "no publisher will come")

    def test_a_cut_off_is_waited_for_if_something_is_planned(self, simulate: Simulate) -> None:
        """Encoded at 1, and nobody will come; the encoder dies now and then, or never."""
        cases = (None, 1, "no publisher will come"), (50, 100, "cut-off"), (200, 100, "cut-off")
        for lifetime, end, ending in cases:
            outcome = simulate([Clip(1, 9)], Rule(), faults=Faults(encoder_lifetime=lifetime), until=100)
            assert (outcome.end, outcome.ending) == (end, ending)

    def test_encoders_of_videos_for_which_there_is_no_room(self, simulate: Simulate) -> None:
        """Both are blocked from 2.5 on; they die and are repaired for an hour, which changes nothing."""
        fields = {"publishing_queue_capacity": 0, "encoders": 2}
        outcome = simulate([Clip(2, 9)] * 3, Rule(), faults=Faults(encoder_lifetime=3), **fields)
        check(outcome.videos, "offered encoded queued", "0 2 -", "0.5 2.5 -", "1 - -")
        assert (outcome.end, outcome.ending) == (3602.5, "no progress")

    def test_a_client_that_waits_for_a_repair(self, simulate: Simulate) -> None:
        """Only the repair at 100 is left; it lets the second video be encoded until 101."""
        faults = Faults(encoder_lifetime=2, encoder_repair=98)
        outcome = simulate([Clip(1, 9), Clip(1, 9, 3)], PART_1, faults=faults)
        check(outcome.videos, "encoding_started published", "0 2", "100 102")
        assert outcome.ending == "completed"

    def test_retries_that_are_refused_for_ever(self, simulate: Simulate) -> None:
        """Blocked from 1 on, for lack of a publisher; without a limit, retries after 1 change nothing."""
        for attempts, end, ending, others in (
            (None, 3601, "no progress", "unfinished"),
            (2, 2, "no publisher will come", "refused"),
        ):
            fields = {"publishing_queue_capacity": 0, "hand_over": RetryLater(1, attempts=attempts)}
            outcome = simulate([Clip(1, 9)] * 3, Rule(), **fields)
            assert [video["outcome"] for video in outcome.videos] == ["unfinished", others, others]
            assert (outcome.end, outcome.ending) == (end, ending)

    def test_retries_while_encoders_die_with_videos_for_which_there_is_no_room(
        self, simulate: Simulate
    ) -> None:
        """Blocked from 1 on; that the encoder dies at 2 and is repaired makes no place for v1."""
        fields = {"publishing_queue_capacity": 0, "hand_over": RetryLater(1)}
        faults = Faults(encoder_lifetime=2, encoder_repair=0.5)
        outcome = simulate([Clip(1, 9)] * 2, Rule(), faults=faults, **fields)
        assert (outcome.end, outcome.ending) == (3601, "no progress")

    def test_a_client_that_waits_behind_videos_for_which_there_is_no_room(self, simulate: Simulate) -> None:
        """The encoder dies at 2; v1, offered later, is never taken: v0 stays in the encoder."""
        for repair, submitted in ((10, 2.25), (0.5, 3.25)):
            faults = Faults(encoder_lifetime=2, encoder_repair=repair)
            clips = [Clip(1, 9), Clip(1, 9, submitted)]
            outcome = simulate(clips, Rule(), faults=faults, publishing_queue_capacity=0)
            assert (outcome.end, outcome.ending) == (3600 + submitted, "no progress")


class TestPatience:
    """How long a run goes on in which no video gets any further."""

    def test_what_comes_within_patience_still_counts(self, simulate: Simulate) -> None:
        """Queued at 1, so until 6: a publisher that is ready then serves, one that is ready later does not."""
        for startup, end, ending in ((5, 6, "completed"), (5.000001, 6, "no progress")):
            outcome = simulate([Clip(1, 9)], PART_1, startup_time=startup, patience=5)
            assert (outcome.end, outcome.ending) == (end, ending)

    def test_a_cut_off_at_the_same_time_is_a_cut_off(self, simulate: Simulate) -> None:
        for until, end, ending in ((5.9, 5.9, "cut-off"), (6, 6, "cut-off"), (6.1, 6, "no progress")):
            outcome = simulate([Clip(1, 9)], PART_1, startup_time=7, patience=5, until=until)
            assert (outcome.end, outcome.ending) == (end, ending)

    def test_an_attempt_is_progress_if_it_is_the_first(self, simulate: Simulate) -> None:
        """Taken at 2, 4 and 6 by three that fail at once; the next one would be ready at 8."""
        seed = seed_for({(PUBLISHING, 0, attempt): "small" for attempt in range(3)})
        fields = {"startup_time": 2, "faults": Faults(publishing=0.5, noticed_after=2)}
        outcome = simulate([Clip(1, 9)], Rule(prewarmed=1), seed=seed, patience=5, **fields)
        check(outcome.attempts, "started ended", "2 2", "4 4", "6 6")
        assert (outcome.end, outcome.ending) == (7, "no progress")

    def test_a_first_encoding_and_publishing_are_waited_for(self, simulate: Simulate) -> None:
        outcome = simulate([Clip(50, 9)], PART_1, publishing_time=70, patience=1)
        check(outcome.videos, "encoded published", "50 121")

    def test_another_encoding_is_not(self, simulate: Simulate) -> None:
        """Encoded for 3 of 4 s, until its encoder dies, and again from then on: 5 s more."""
        outcome = simulate([Clip(4, 9)], PART_1, faults=Faults(encoder_lifetime=3), patience=5)
        check(outcome.attempts, "started ended", "0 3", "3 6")
        assert (outcome.end, outcome.ending) == (8, "no progress")

    def test_what_the_client_will_offer_is_waited_for(self, simulate: Simulate) -> None:
        """v1 comes at 50; the run ends 5 s after it is encoded, with reviews all the time."""
        outcome = simulate([Clip(1, 9), Clip(1, 9, 50)], Rule(review_every=1), patience=5)
        assert (outcome.end, outcome.ending) == (56, "no progress")

    def test_what_is_offered_again_is_not(self, simulate: Simulate) -> None:
        """v0 is encoded and blocked from 1 on; v1, refused at 0.5, would be offered again at 10.5."""
        fields = {"publishing_queue_capacity": 0, "hand_over": RetryLater(10)}
        outcome = simulate([Clip(1, 9)] * 2, Rule(), patience=5, **fields)
        assert (outcome.end, outcome.ending) == (6, "no progress")

    @pytest.mark.parametrize(
        ("fields", "patience"),
        [
            ({}, 3600),
            ({"startup_time": 400}, 4000),
            ({"startup_time": tv.Exponential(60)}, 4144.65317),  # 600 ln 1000, in whole microseconds
            ({"startup_time": tv.Uniform(2, 500)}, 5000),
            ({"publishing_time": 500}, 5000),
            ({"provisioning_delay": 500}, 5000),
            ({"encoding_factor": 500}, 5000),
            ({"encoders": [1, 0.002]}, 5000),
            ({"broker": Broker(redelivered_after=500)}, 5000),
            ({"hand_over": RetryLater(1, factor=500, attempts=3)}, 5000),
            ({"hand_over": RetryLater(1, factor=500, at_most=400)}, 4000),
            ({"faults": Faults(encoder_lifetime=500)}, 5000),
            ({"faults": Faults(noticed_after=500)}, 5000),
        ],
    )
    def test_the_default_is_an_hour_or_ten_times_the_longest_time(
        self, fields: dict[str, Any], patience: float, simulate: Simulate
    ) -> None:
        """A video is encoded, and reviews go on."""
        outcome = simulate([Clip(1, 9)], Rule(review_every=50), **fields)
        last = outcome.videos[0]["queued"]
        assert outcome.ending == "no progress"
        assert outcome.end == pytest.approx(last + patience, abs=1e-5)

    @pytest.mark.parametrize("clip", [Clip(1, 500), Clip(500, 9), Clip(1, 9, publishing_time=500)])
    def test_so_do_times_of_the_catalogue(self, clip: Clip, simulate: Simulate) -> None:
        outcome = simulate([clip], Rule(review_every=50))
        assert outcome.end == outcome.videos[0]["queued"] + 5000
