"""The wider world by hand: each feature of a scenario in a tiny system, every time computed on paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest

import tv2sim as tv
from tests.helpers.micro_scenarios import VIDEOS, actual, check, literal, log, simulate
from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.choice import engine_for
from tv2sim.engines.model.draws import Chance, Draws
from tv2sim.results.event_kinds import log_of

POOL = tv.PART_2C.replace(name="pool", prewarmed=1)


def drawn(distribution: tv.Distribution, purpose: Purpose, count: int, further: int = 0) -> list[float]:
    """Return the times that the entities draw at seed 1, in whole microseconds."""
    u = uniforms(1, purpose, 0, count, further=further)
    return [to_ticks(time) / 1e6 for time in distribution.quantile(u).tolist()]


def catalogue(*videos: tuple[float, float], **columns: list[float]) -> tv.Catalogue:
    """Return a catalogue of (encoding time, publication timeout), with further columns."""
    found = tv.read_catalogue(
        [
            {"id": f"v{row}", "title": "T", "provider": "P", "encodingTime": one, "publicationTimeout": other}
            for row, (one, other) in enumerate(videos)
        ]
    )
    for name, column in columns.items():
        setattr(found, name, np.array(column))
    return found


class TestServiceTime:
    def test_a_publisher_is_busy_from_assigned_to_ended(self) -> None:
        check(
            simulate([(1, 4), (1, 9)], POOL, 2, publishing_time=3),
            # p0 is ready at 2 and busy until 5; p1, started at 2, is ready at 4
            videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         2        5         failed
            0.5     0       1                2       2      1         4        7         published
            """,
            publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        5     0     0
            0     2       4     4        7     1     0
            1     4       6     -        -     -     1
            """,
            end=7,
        )

    def test_it_is_drawn_by_video(self) -> None:
        first, second = drawn(tv.Uniform(1, 3), Purpose.PUBLISHING_TIME, 2)
        run = simulate([(1, 9), (1, 9)], "1", 2, publishing_time="uniform(1, 3)")
        assert first != second
        assert (run.videos["published"] - run.videos["assigned"]).round(6).tolist() == [first, second]

    def test_strategies_meet_the_same_ones(self) -> None:
        scenario = tv.Scenario(publishing_time="exponential(2)")
        runs = [tv.simulate(tv.generate_catalogue(20), part, scenario, seed=1) for part in ("1", "2c")]
        one, other = ((run.videos["published"] - run.videos["assigned"]).round(6).tolist() for run in runs)
        assert one == other

    def test_that_of_the_catalogue_wins(self) -> None:
        videos = catalogue((1, 9), (1, 9), (1, 9), publishing_time=[0.0, np.nan, 2.5])
        scenario = tv.Scenario(startup_time=2, publishing_time=1)
        run = tv.simulate(videos, "1", scenario)
        assert (run.videos["published"] - run.videos["assigned"]).tolist() == [0, 1, 2.5]

    def test_a_catalogue_added_while_it_runs_draws_as_one_that_is_there(self) -> None:
        scenario = tv.Scenario(publishing_time="exponential(2)")
        videos = tv.generate_catalogue(80)
        part, whole = (tv.simulate(some, "1", scenario).videos["published"] for some in (videos[:7], videos))
        assert part.tolist() == whole[:7].tolist()


class TestArrivals:
    def test_a_profile_lets_the_client_wait_for_the_integral_of_the_rate(self) -> None:
        # 2 a second until 1.25 s, then 0.5: the pause from 1 on has 0.25 s at 2 and 1 s at 0.5
        profile = tv.Profile([(0, 2), (1.25, 0.5)])
        run = simulate([(0, 9)] * 5, "1", 1, requests_per_second=profile)
        assert run.videos["offered"].tolist() == [0, 0.5, 1, 2.25, 4.25]

    def test_a_profile_with_a_period_begins_again(self) -> None:
        # 1 a second in the first of 4 s, nothing in the others
        profile = tv.Profile([(0, 1), (1, 0)], period=4)
        run = simulate([(0.5, 9), (0, 9), (0, 9)], "1", 1, requests_per_second=profile)
        # the second video waits for the encoder until 1, since its pause from 0 ends at 1
        assert run.videos["offered"].tolist() == [0, 1, 5]

    def test_a_pause_over_many_periods(self) -> None:
        profile = tv.Profile([(0, 0), (3, 0.5)], period=4)
        assert profile.mean == 0.125
        # 0.5 in each period: 10 of them are complete after 20 periods, at the end of the 20th
        assert profile.pause(0, 10) == 80
        assert profile.pause(3.5, 0.25) == 0.5

    @pytest.mark.parametrize("period", [None, 7.1])
    @pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 3), Fraction(15_700_001, 10**6)])
    @pytest.mark.parametrize("amount", [0.1, 1.0, 25.3])
    def test_a_pause_is_exact(self, period: float | None, start: Fraction, amount: float) -> None:
        steps = [(0, 0.1), (0.7, 0), (3.3, 1.9), (6.1, 0.3)]
        end = start + tv.Profile(steps, period).exact_pause(start, amount)
        # the integral of the rate, step by step in each period
        periods = 1 if period is None else int(end // Fraction(period)) + 1
        ends = [Fraction(begun) for begun, _ in steps[1:]] + [end if period is None else Fraction(period)]
        integral = Fraction(0)
        for number in range(periods):
            offset = number * Fraction(period or 0)
            for (begun, rate), last in zip(steps, ends, strict=True):
                length = min(offset + last, end) - max(offset + Fraction(begun), start)
                integral += Fraction(rate) * max(Fraction(0), length)
        assert integral == Fraction(amount)

    def test_a_profile_of_one_step_is_a_rate(self) -> None:
        videos = tv.generate_catalogue(30)
        one, other = (
            tv.simulate(videos, "2c", tv.Scenario(requests_per_second=rate, encoders=3))
            for rate in (1.5, tv.Profile([(0, 1.5)]))
        )
        assert one.facts == other.facts

    def test_poisson_arrivals_are_fixed_beforehand(self) -> None:
        pauses = drawn(tv.Exponential(0.5), Purpose.PAUSE, 3)
        run = simulate([(100, 9), (1, 9), (1, 9)], "1", 1, arrivals="poisson")
        offered = run.videos["offered"].round(6).tolist()
        first, second = pauses[0], pauses[0] + pauses[1]
        assert second < first + 100
        # the first one comes after its own pause; the third has arrived long before the encoder is free
        assert offered == [round(first, 6), round(second, 6), round(first + 100, 6)]

    def test_strategies_meet_the_same_arrivals(self) -> None:
        scenario = tv.Scenario(arrivals="poisson", encoders=None)
        runs = [tv.simulate(tv.generate_catalogue(20), part, scenario) for part in ("1", "2c")]
        assert runs[0].videos["offered"].tolist() == runs[1].videos["offered"].tolist()

    def test_the_number_of_arrivals_under_a_profile_is_that_of_poisson(self) -> None:
        profile = tv.Profile([(0, 4), (10, 1)], period=20)
        scenario = tv.Scenario(arrivals="poisson", requests_per_second=profile, encoders=None, until=30)
        videos, counts = tv.generate_catalogue(154), []
        for replication in range(200):
            offered = tv.simulate(videos, "1", scenario, replication=replication).videos["offered"]
            counts.append(int((offered <= 30).sum()))
        mean, variance = np.mean(counts), np.var(counts, ddof=1)
        assert abs(mean - 90) < 3 * np.sqrt(90 / 200)  # 40 + 10 + 40
        assert abs(variance / 90 - 1) < 3 * np.sqrt(2 / 199)

    def test_submitted_at_is_a_lower_bound_for_poisson_arrivals(self) -> None:
        videos = catalogue((1, 9), (1, 9), submitted_at=[50.0, np.nan])
        run = tv.simulate(videos, "1", tv.Scenario(arrivals="poisson"))
        assert run.videos["offered"].tolist() == [50, 50]

    @pytest.mark.parametrize(
        ("steps", "period", "said"),
        [
            (
                [],
                None,
                "Profile's steps must be pairs of (from, rate), such as [(0, 2.0), (3600, 0.5)], not []",
            ),
            (
                [(1, 2)],
                None,
                "Profile's steps must begin at 0 and follow each other in time, not start at [1.0]",
            ),
            ([(0, 2), (5, 1), (5, 2)], None, "not start at [0.0, 5.0, 5.0]"),
            ([(0, -1)], None, "a step's rate must be a finite number of at least 0 and at most 1e+06, not -1"),
            ([(0, 2), (5, 1)], 5, "Profile's period must be longer than its steps, 5 s, not 5"),
            ([(0, 2), (5, 0)], None, "Profile's mean rate must be a finite number greater than 0"),
        ],
    )
    def test_a_profile_that_is_none(self, steps: Any, period: float | None, said: str) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            tv.Profile(steps, period)
        assert said in str(caught.value)

    def test_it_comes_back_from_data(self) -> None:
        scenario = tv.Scenario(requests_per_second=tv.Profile([(0, 2), (60, 1)], 120), encoders=None)
        assert tv.Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario
        assert scenario.gap == round(1 / 1.5, 6)


class TestWithoutEncoders:
    def test_a_video_is_queued_when_it_arrives(self) -> None:
        videos = catalogue((5, 3), (7, 9), (0, 2), submitted_at=[0.0, 1.0, 1.0])
        run = tv.simulate(videos, POOL, tv.Scenario(encoders=None, startup_time=3))
        assert actual(run.videos, f"{VIDEOS}") == literal(
            """
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       -       0                0       0      0         3        3         published
            1       -       1                1       1      1         6        6         published
            1       -       1                1       1      2         9        9         failed
            """,
            VIDEOS,
        )
        assert (run.end, run.summary["client_blocked_time"]) == (9, 0)
        assert np.isnan(run.summary["encoder_utilization"])

    def test_the_queue_has_no_limit(self) -> None:
        run = simulate([(1, 9)] * 5, POOL, 3, encoders=None, capacity=0)
        assert run.videos["queued"].tolist() == run.videos["offered"].tolist() == [0, 0.5, 1, 1.5, 2]

    def test_arrivals_at_one_instant_take_ready_publishers_in_the_order_of_the_catalogue(self) -> None:
        videos = catalogue((0, 9), (0, 9), submitted_at=[5.0, 5.0])
        run = tv.simulate(videos, POOL.replace(prewarmed=2), tv.Scenario(encoders=None, startup_time=3))
        assert run.videos["publisher"].tolist() == [0, 1]
        assert log(run, 5, "offered", "queued", "assigned")[:3] == [
            "offered 0 -", "queued 0 publishing queue", "assigned 0 publisher 0",
        ]  # fmt: skip

    def test_parts_1_2a_and_2b_are_the_same(self) -> None:
        videos = tv.generate_catalogue(40)
        scenario = tv.Scenario(encoders=None, arrivals="poisson")
        runs = [tv.simulate(videos, part, scenario).videos for part in ("1", "2a", "2b")]
        assert runs[0].equals(runs[1])
        assert runs[0].equals(runs[2])

    def test_a_saved_run_comes_back(self, tmp_path: Any) -> None:
        run = simulate([(1, 9)] * 3, POOL, 3, encoders=None)
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts

    def test_it_is_compared(self) -> None:
        study = tv.compare(tv.generate_catalogue(12), ["1", "2c"], tv.Scenario(encoders=None), replications=5)
        assert study.summary["client_blocked_time"]["mean"].tolist() == [0, 0]


class TestEncodersThatDiffer:
    def test_the_one_that_has_been_free_longest_takes_the_video_whatever_its_speed(self) -> None:
        # 0 is half as fast: 4 s; 1 twice as fast: 1 s, free at 1.5 and taken by the third, offered at 1
        run = simulate([(2, 9)] * 4, "1", 1, encoders=[0.5, 2])
        assert actual(run.videos, "offered encoder encoding_started encoded") == literal(
            """
            offered encoder encoding_started encoded
            0       0       0                4
            0.5     1       0.5              1.5
            1       1       1.5              2.5
            2       1       2.5              3.5
            """,
            "offered encoder encoding_started encoded",
        )

    def test_speeds_of_1_are_a_number_of_encoders(self) -> None:
        videos = tv.generate_catalogue(40)
        one, other = (tv.simulate(videos, "2c", tv.Scenario(encoders=given)) for given in (3, [1, 1, 1]))
        assert one.facts == other.facts
        assert one.summary == other.summary

    def test_a_factor_makes_encodings_longer_and_is_rounded_last(self) -> None:
        run = simulate([(0.000_001, 9), (2, 9)], "1", 1, encoding_factor=1.6, encoders=[2, 2])
        assert (run.videos["encoded"] - run.videos["encoding_started"]).round(6).tolist() == [0.000_001, 1.6]

    def test_it_is_drawn_by_video(self) -> None:
        factor = tv.Uniform(0.5, 1.5)
        u = uniforms(1, Purpose.ENCODING_FACTOR, 0, 2)
        run = simulate([(2, 9), (3, 9)], "1", 1, encoding_factor=factor)
        encoded = (run.videos["encoded"] - run.videos["encoding_started"]).round(6).tolist()
        times = (np.array([2, 3]) * factor.quantile(u)).tolist()
        assert encoded == [to_ticks(time) / 1e6 for time in times]
        assert not run.scenario.is_deterministic

    @pytest.mark.parametrize(
        ("world", "said"),
        [
            ({"encoders": []}, "encoders must be a whole number of at least 1, not []"),
            ({"encoders": [1, 0]}, "the speed of an encoder must be a finite number greater than 0, not 0"),
            ({"encoding_factor": 0}, "encoding_factor, if not None, must be a finite number greater than 0"),
        ],
    )
    def test_what_is_refused(self, world: dict[str, Any], said: str) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            tv.Scenario(**world)
        assert said in str(caught.value)

    def test_it_comes_back_from_data(self) -> None:
        scenario = tv.Scenario(encoders=[1, 2.5], encoding_factor="lognormal(1, 0.2)")
        assert tv.Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario
        assert scenario.encoder_count == 2


class TestLimits:
    def test_a_start_comes_after_the_delay_and_costs_from_then_on(self) -> None:
        check(
            simulate([(1, 9)], "1", 2, provisioning_delay=1.5),
            videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4.5      4.5       published
            """,
            publishers="""
            cause started ready assigned ended video idle
            0     2.5     4.5   4.5      4.5   0     0
            """,
            end=4.5,
        )

    def test_an_order_counts_in_the_level_of_the_pool(self) -> None:
        # the order at 3 replaces p0 and starts at 4; that at 6 would start after the end of the run
        run = simulate([(1, 9), (2, 9)], POOL, 2, provisioning_delay=1)
        assert actual(run.publishers, "cause started ready assigned") == literal(
            """
            cause started ready assigned
            -     1       3     3
            0     4       6     6
            """,
            "cause started ready assigned",
        )

    def test_starts_beyond_the_most_wait_in_order_until_another_has_ended(self) -> None:
        run = simulate([(1, 9), (1, 9), (1, 9)], "1", 2, max_publishers=1, publishing_time=0.5, encoders=3)
        # ordered at 1, 1.5 and 2; each starts at the end of the one before
        assert actual(run.publishers, "cause started ready ended") == literal(
            """
            cause started ready ended
            0     1       3     3.5
            1     3.5     5.5   6
            2     6       8     8.5
            """,
            "cause started ready ended",
        )
        assert (run.summary["quota_waits"], run.summary["peak_publishers"]) == (2, 1)

    def test_one_that_starts_at_the_instant_of_its_order_has_not_waited(self) -> None:
        run = simulate([(1, 9), (1, 9)], POOL, 2, max_publishers=1)
        # p0 takes the first video at 2 and ends then, which lets the one in its place start
        assert run.publishers["started"].tolist() == [0, 2, 4]
        assert run.summary["quota_waits"] == 0

    def test_prewarmed_publishers_beyond_the_most_wait_too(self) -> None:
        run = simulate([(1, 9)] * 3, POOL.replace(prewarmed=3), 2, max_publishers=2)
        assert run.publishers["started"].tolist() == [0, 0, 2, 2, 4]
        assert run.publishers["cause"].isna().tolist()[:3] == [True] * 3
        assert run.summary["quota_waits"] == 2  # the third slot from 0 to 2, the second order of 2 to 4

    def test_they_draw_what_they_would_draw_without_a_limit(self) -> None:
        worlds = tv.Scenario(max_publishers=2), tv.Scenario()
        limited, free = (tv.simulate(tv.generate_catalogue(30), "1", world).publishers for world in worlds)
        one, other = (
            (table["ready"] - table["started"]).round(6)[table["cause"].argsort()].tolist()
            for table in (limited, free)
        )
        assert one == other

    def test_a_pool_that_takes_all_places_leaves_none_for_a_video_of_its_own(self) -> None:
        class Mixed(tv.Strategy):
            def owns_publisher(self, video: tv.Video) -> bool:
                return video.encoding_time > 1

            def start_moment(self, video: tv.Video) -> Any:
                return "encoded" if self.owns_publisher(video) else None

        run = simulate([(2, 9), (0.5, 9)], Mixed(prewarmed=2), 1.5, max_publishers=2, encoders=2)
        assert run.ending == "no publisher will come"
        assert run.videos["outcome"].tolist() == ["unfinished", "published"]
        assert run.summary["quota_waits"] == 0  # it has not waited to its end

    def test_one_at_a_time_is_enough_for_videos_with_their_own(self) -> None:
        for part in ("1", "2a", "2b"):
            run = tv.simulate(tv.generate_catalogue(), part, tv.Scenario(max_publishers=1))
            assert (run.ending, run.summary["unfinished"], run.summary["peak_publishers"]) == (
                "completed",
                0,
                1,
            )

    def test_a_delay_of_the_strategy_and_that_of_the_platform_are_one(self) -> None:
        class Late(tv.Strategy):
            def start_delay(self, video: tv.Video) -> float:
                return 0.5

        run = simulate([(1, 9)], Late(starts_on="encoded", dedicated=True), 2, provisioning_delay=1)
        assert run.publishers["started"].tolist() == [2.5]

    def test_a_saved_run_keeps_the_waits(self, tmp_path: Any) -> None:
        run = simulate([(1, 9), (1, 9), (1, 9)], "1", 2, max_publishers=1)
        assert run.summary["quota_waits"] > 0
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts


Failing: TypeAlias = "Callable[..., None]"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Let exactly those draws fail that are given as purpose=[(entity, further), ...]."""

    def only(**which: list[tuple[int, int]]) -> None:
        def chance(_: Draws, probability: float, purpose: Purpose) -> Chance:
            fail = which.get(purpose.name, []) if probability else []
            return lambda entity, further: (entity, further) in fail

        monkeypatch.setattr(Draws, "chance", chance)

    return only


class TestStartupsThatFail:
    def test_the_publisher_ends_when_it_would_have_been_ready_and_is_replaced(self, failing: Failing) -> None:
        failing(STARTUP_FAILURE_FOR_VIDEO=[(0, 0), (0, 1)])
        check(
            simulate([(1, 9), (2, 9)], "1", 2, faults=tv.Faults(startup=0.5, noticed_after=0.25), encoders=2),
            # v0's start-ups fail at 3 and 5.25, which is noticed at 3.25 and 5.5
            videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      3         7.5      7.5       published
            0.5     1       0.5              2.5     2.5    1         4.5      4.5       published
            """,
            publishers="""
            cause started ready assigned ended video idle
            0     1       -     -        3     -     0
            1     2.5     4.5   4.5      4.5   1     0
            0     3.25    -     -        5.25  -     0
            0     5.5     7.5   7.5      7.5   0     0
            """,
            end=7.5,
        )

    def test_each_is_an_attempt(self, failing: Failing) -> None:
        failing(STARTUP_FAILURE_FOR_VIDEO=[(0, 0)])
        run = simulate([(1, 9)], "1", 2, faults=tv.Faults(startup=0.5))
        assert actual(run.attempts, "kind video encoder publisher started ended") == literal(
            """
            kind    video encoder publisher started ended
            startup 0     -       0         1       3
            """,
            "kind video encoder publisher started ended",
        )
        assert run.publishers["outcome"].tolist() == ["failed", "ended"]
        assert log(run, 3, "publisher_failed", "publisher_started") == [
            "publisher_failed publisher 0", "publisher_started publisher 1",
        ]  # fmt: skip

    def test_one_fails_at_the_instant_at_which_another_becomes_ready(self, failing: Failing) -> None:
        failing(STARTUP_FAILURE_OF_SLOT=[(0, 0)])
        run = simulate([(1, 9)], POOL.replace(prewarmed=2), 2, faults=tv.Faults(startup=0.5))
        # at 2: p0 fails, p1 takes v0, then the failure is noticed; the level of 2 is kept
        assert log(run, 2, "publisher_failed", "publisher_ready", "assigned", "publisher_started") == [
            "publisher_failed publisher 0",
            "publisher_ready publisher 1",
            "assigned 0 publisher 1",
            "publisher_started publisher 2",
            "publisher_started publisher 3",
        ]
        # p2 replaces p1, which has taken v0; p3 replaces p0, and inherits its slot
        assert run.publishers["cause"].isna().tolist() == [True, True, False, True]

    def test_a_slot_draws_its_next_time(self, failing: Failing) -> None:
        failing(STARTUP_FAILURE_OF_SLOT=[(0, 0)])
        scenario = tv.Scenario(faults=tv.Faults(startup=0.5))
        publishers = tv.simulate(catalogue((9, 99)), POOL, scenario, seed=1).publishers
        again = drawn(tv.Uniform(2, 6), Purpose.STARTUP_OF_SLOT, 1, further=1)
        assert (publishers["ready"] - publishers["started"]).round(6)[1] == again[0]

    def test_until_it_is_noticed_it_counts_in_the_level_and_serves_nobody(self, failing: Failing) -> None:
        failing(STARTUP_FAILURE_OF_SLOT=[(0, 0)])
        run = simulate([(1, 99)], POOL, 2, faults=tv.Faults(startup=0.5, noticed_after=10))
        assert run.publishers["started"].tolist() == [0, 12, 14]
        assert run.videos["assigned"].tolist() == [14]

    def test_what_part_1_publishes_with_failing_start_ups_is_a_convolution(self) -> None:
        # start-up 2 s, fails with .4: on time if the start-up that succeeds is at most the third of 2 s
        scenario = tv.Scenario(startup_time=2, faults=tv.Faults(startup=0.4))
        videos = catalogue(*[(1, 7.5)] * 100)
        counts = tv.replicate(videos, "1", scenario, replications=60).values("published")
        expected, variance = 100 * (1 - 0.4**3), 100 * 0.4**3 * (1 - 0.4**3)
        assert abs(counts.mean() - expected) < 3 * np.sqrt(variance / 60)

    def test_a_failure_frees_the_place_of_one_that_waits(self, failing: Failing) -> None:
        failing(STARTUP_FAILURE_FOR_VIDEO=[(0, 0)])
        run = simulate([(1, 99), (1, 99)], "1", 2, faults=tv.Faults(startup=0.5), max_publishers=1, encoders=2)
        # p0 fails at 3, where p1 starts, ordered at 1.5; the one in place of p0 waits until 5
        assert run.publishers["started"].tolist() == [1, 3, 5]
        assert run.publishers["cause"].tolist() == [0, 1, 0]
        assert run.summary["quota_waits"] == 2


class TestPublishersThatDie:
    def test_a_ready_publisher_dies_after_its_lifetime(self) -> None:
        check(
            simulate([(6, 99)], POOL, 2, faults=tv.Faults(ready_lifetime=1.5, noticed_after=0.5)),
            # ready from 2 to 3.5; noticed at 4; the next is ready at 6, when v0 is encoded
            videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                6       6      1         6        6         published
            """,
            publishers="""
            cause started ready assigned ended video idle
            -     0       2     -        3.5   -     1.5
            -     4       6     6        6     0     0
            0     6       -     -        -     -     0
            """,
            end=6,
        )

    def test_one_that_dies_now_has_served_what_was_encoded_now(self) -> None:
        run = simulate([(3.5, 99)], POOL, 2, faults=tv.Faults(ready_lifetime=1.5))
        assert run.videos["publisher"].tolist() == [0]
        assert run.publishers["outcome"].tolist() == ["ended", "unused"]

    def test_one_that_has_a_video_does_not_die(self) -> None:
        run = simulate([(1, 99)], POOL, 2, faults=tv.Faults(ready_lifetime=1), publishing_time=9)
        assert run.videos["published"].tolist() == [11]

    def test_its_own_publisher_dies_as_the_encoding_goes_on(self) -> None:
        run = simulate([(6, 99)], "2a", 2, faults=tv.Faults(ready_lifetime=1.5))
        # ready at 2, dead at 3.5; the next is ready at 5.5, 6 s after the start
        assert run.publishers["started"].tolist() == [0, 3.5]
        assert run.videos["assigned"].tolist() == [6]

    def test_a_death_leaves_an_encoder_blocked_that_had_been_called(self) -> None:
        # at 2 both publishers are ready: v0 takes p0, v1 is blocked at 3; p1 is ready from 2 to 3 alone
        run = simulate(
            [(1, 99), (2, 99)],
            POOL.replace(prewarmed=1),
            2,
            faults=tv.Faults(ready_lifetime=0.5),
            capacity=0,
            encoders=2,
        )
        # p0 2 takes v0 (blocked since 1), p1 ready at 4 takes v1 (blocked since 2.5)
        assert run.videos["queued"].tolist() == [2, 4]

    def test_lifetimes_alone_keep_no_run_alive(self) -> None:
        class Never(tv.Strategy):
            def start_moment(self, video: tv.Video) -> Any:
                return "encoded" if video.encoding_time > 1 else None

            def owns_publisher(self, video: tv.Video) -> bool:
                return video.encoding_time > 1

        run = simulate([(1, 99), (2, 99)], Never(), 2, faults=tv.Faults(ready_lifetime=0.5), encoders=2)
        assert (run.end, run.ending) == (4.5, "no publisher will come")

    def test_a_death_lets_an_order_start(self) -> None:
        class Mixed(tv.Strategy):
            def start_moment(self, video: tv.Video) -> Any:
                return "encoded"

            def owns_publisher(self, video: tv.Video) -> bool:
                return True

        # the pool's publisher is ready at 2 and dies at 12, which lets that of v0 start; its successor waits
        run = simulate([(1, 99)], Mixed(prewarmed=1), 2, faults=tv.Faults(ready_lifetime=10), max_publishers=1)
        assert run.publishers["started"].tolist() == [0, 12, 14]
        assert (run.videos["published"].tolist(), run.ending) == ([14], "completed")


class TestPublishingThatFails:
    def test_the_video_waits_again_at_its_old_place(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0)])
        run = simulate([(1, 99)] * 3, POOL, 2, faults=tv.Faults(publishing=0.5), publishing_time=1, encoders=3)
        # p0 takes v0 at 2 and fails at 3; p1, ready at 4, takes v0 again, before the others; p2, started at 3
        # for the failure, takes v1 at 5; p3 is started then, since the level is 1 until then
        assert actual(run.videos, VIDEOS) == literal(
            """
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      1         4        5         published
            0.5     1       0.5              1.5     1.5    2         5        6         published
            1       2       1                2       2      3         7        8         published
            """,
            VIDEOS,
        )
        assert actual(run.attempts, "kind video publisher started ended") == literal(
            """
            kind       video publisher started ended
            publishing 0     0         2       3
            """,
            "kind video publisher started ended",
        )

    def test_it_comes_back_beyond_the_capacity(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0)])
        run = simulate(
            [(1, 99)] * 3, POOL, 2, faults=tv.Faults(publishing=0.5), publishing_time=1, encoders=3, capacity=1
        )
        # v1 has the place at 2, v2 is blocked; v0 comes back at 3, takes p1 at 4; p2 takes v1 at 5, v2 enters
        assert run.videos["queued"].tolist() == [1, 2, 5]
        assert run.videos["assigned"].tolist() == [4, 5, 7]

    def test_after_so_many_attempts_it_has_failed(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0), (0, 1)])
        run = simulate([(1, 99), (1, 99)], "1", 2, faults=tv.Faults(publishing=0.5, attempts=2))
        # v0 fails at 3, again at 5, where it gets its outcome
        assert run.videos["outcome"].tolist() == ["failed", "published"]
        assert run.videos["published"].isna().tolist() == [True, False]
        assert run.summary["elapsed_p99"] == run.summary["lateness_max"] == np.inf
        assert (run.end, run.summary["failed"]) == (5, 1)
        assert log(run, 5, "publisher_failed", "failed") == ["failed 0 -", "publisher_failed publisher 2"]
        assert run.levels["failed"].tolist()[-1] == 1
        # what has not succeeded is in the table of attempts
        assert run.videos["publisher"].fillna(-1).tolist() == [-1, 1]
        assert run.videos["assigned"].fillna(-1).tolist() == [-1, 4]
        assert run.attempts[["video", "publisher", "started"]].to_numpy().tolist() == [[0, 0, 3], [0, 2, 5]]

    def test_between_two_attempts_it_has_no_publisher_and_waits_in_the_queue(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0)])
        faults = tv.Faults(publishing=0.5)
        run = simulate([(1, 99)], POOL, 2, faults=faults, publishing_time=1, until=3.5)
        # p0 takes it at 2, and fails at 3; p1 would be ready at 4
        assert run.ending == "cut-off"
        assert run.videos[["publisher", "assigned"]].isna().all(axis=None)
        assert run.summary["publishing_queue_mean"] == pytest.approx(1.5 / 3.5)
        assert run.summary["stockouts"] == 1

    def test_one_that_found_a_publisher_is_no_stockout_if_that_fails(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0), (1, 0)])
        pool = tv.Strategy("a warm pool", prewarmed=2, ready_at_start=True)
        faults = tv.Faults(publishing=0.5, attempts=2)
        run = simulate([(1, 99), (1, 99)], pool, 9, faults=faults, publishing_time=1, encoders=2)
        # p0 and p1 fail at 2 and 2.5, and p2 and p3, started at 1 and 1.5, take both videos again
        assert run.videos["assigned"].tolist() == [10, 10.5]
        assert run.summary["stockouts"] == 0
        assert run.summary["publishing_queue_mean"] == pytest.approx(16 / 11.5)

    def test_no_publisher_is_started_for_a_video_that_has_its_outcome(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0)])
        run = simulate([(1, 99), (9, 99)], "1", 2, faults=tv.Faults(publishing=0.5, attempts=1), encoders=2)
        assert run.publishers["cause"].tolist() == [0, 1]

    def test_it_draws_another_time_unless_the_catalogue_has_it(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0), (1, 0)])
        scenario = tv.Scenario(
            startup_time=2, publishing_time="uniform(1, 2)", faults=tv.Faults(publishing=0.5), encoders=2
        )
        videos = catalogue((1, 99), (1, 99), publishing_time=[np.nan, 3.0])
        run = tv.simulate(videos, "1", scenario)
        again = drawn(tv.Uniform(1, 2), Purpose.PUBLISHING_TIME, 1, further=1)
        taken = (run.videos["published"] - run.videos["assigned"]).round(6).tolist()
        assert taken == [again[0], 3]

    def test_the_log_has_every_assignment(self, failing: Failing) -> None:
        failing(PUBLISHING_FAILURE=[(0, 0)])
        run = simulate([(1, 99)], "1", 2, faults=tv.Faults(publishing=0.5), publishing_time=1)
        assigned = run.events[run.events["event"] == "assigned"]
        assert assigned[["time", "video", "publisher"]].to_numpy().tolist() == [[3, 0, 0], [6, 0, 1]]


class TestEncodersThatDie:
    def test_the_video_in_it_starts_over_before_the_next_of_the_client(self) -> None:
        run = simulate(
            [(2, 99), (2, 6), (0.5, 99)], "1", 2, faults=tv.Faults(encoder_lifetime=3, encoder_repair=1)
        )
        # dies at 3 with v1, is back at 4, and would die at 7 again; the deadline of v1 counts from 2
        assert actual(run.videos, VIDEOS) == literal(
            """
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         4        4         published
            0.5     0       2                6       6      1         8        8         published
            2.5     0       6                6.5     6.5    2         8.5      8.5       published
            """,
            VIDEOS,
        )
        assert actual(run.attempts, "kind video encoder started ended") == literal(
            """
            kind     video encoder started ended
            encoding 1     0       2       3
            """,
            "kind video encoder started ended",
        )
        assert run.summary["encoder_utilization"] == pytest.approx((2 + 1 + 2 + 0.5) / 8.5)
        starts = run.events[run.events["event"] == "encoding_started"]
        assert starts[["time", "video"]].to_numpy().tolist() == [[0, 0], [2, 1], [4, 1], [6, 2]]
        assert log(run, 4, "encoder_repaired", "encoding_started") == [
            "encoder_repaired None encoder 0", "encoding_started 1 encoder 0",
        ]  # fmt: skip

    def test_an_encoding_that_ends_at_the_instant_of_the_death_has_ended(self) -> None:
        run = simulate([(3, 99), (1, 99)], "1", 2, faults=tv.Faults(encoder_lifetime=3, encoder_repair=2))
        assert log(run, 3, "encoded", "queued", "encoder_failed", "encoding_started") == [
            "encoded 0 encoder 0", "queued 0 -", "encoder_failed None encoder 0",
        ]  # fmt: skip
        assert run.videos["encoding_started"].tolist() == [0, 5]
        assert run.attempts.empty

    def test_a_blocked_video_survives_its_encoder(self) -> None:
        run = simulate([(1, 99)], POOL, 5, capacity=0, faults=tv.Faults(encoder_lifetime=2, encoder_repair=0.5))
        # encoded at 1; the encoder dies at 2 and 4.5, and the video stays in it until p0 is ready at 5
        assert actual(run.videos, "encoding_started encoded queued assigned") == literal(
            """
            encoding_started encoded queued assigned
            0                1       5      5
            """,
            "encoding_started encoded queued assigned",
        )
        assert log(run, 2, "encoder_failed") == ["encoder_failed None encoder 0"]
        assert run.attempts.empty
        assert run.summary["encoder_utilization"] == 1

    def test_another_encoder_takes_it_at_once(self) -> None:
        class Lives(tv.Distribution):
            mean = 3.0

            def quantile(self, u: Any) -> Any:
                return np.resize([1.5, 99.0], u.shape)

        run = simulate([(2, 99)], "2a", 2, encoders=2, faults=tv.Faults(encoder_lifetime=Lives()))
        assert (run.videos["encoder"].tolist(), run.videos["encoded"].tolist()) == ([1], [3.5])
        # its publisher is started once
        assert len(run.publishers) == 1

    def test_each_encoding_draws_its_own_factor(self) -> None:
        factor = tv.Uniform(1, 2)
        faults = tv.Faults(encoder_lifetime=1.5, encoder_repair=0)
        first, second = (
            float(factor.quantile(uniforms(1, Purpose.ENCODING_FACTOR, 0, 1, further=n))[0]) for n in (0, 1)
        )
        length = 1.4 / second  # too long for the first life if the first factor is larger
        run = simulate([(length, 99)], "1", 2, faults=faults, encoding_factor=factor)
        started = 0.0 if length * first <= 1.5 else 1.5
        taken = length * (first if started == 0 else second)
        assert run.videos["encoded"].tolist() == [to_ticks(started) / 1e6 + to_ticks(taken) / 1e6]

    @pytest.mark.parametrize("strategy", ["1", "2c", "2c:1"])
    def test_a_saved_run_and_the_observers_say_the_same(self, strategy: str, tmp_path: Any) -> None:
        seen: list[tv.LogEntry] = []
        faults = tv.Faults(encoder_lifetime="exponential(6)", encoder_repair="uniform(0, 3)", startup=0.2)
        scenario = tv.Scenario(faults=faults, encoders=3, publishing_queue_capacity=1)
        run = tv.simulate(tv.generate_catalogue(40), strategy, scenario, observers=seen.append)
        assert run.ending == "completed"
        assert len(run.attempts) > 3
        assert seen == list(log_of(run.facts).entries())
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts

    def test_a_replay_is_the_simulation(self) -> None:
        faults = tv.Faults(
            encoder_lifetime="exponential(6)", encoder_repair=1, ready_lifetime=3, publishing=0.2
        )
        scenario = tv.Scenario(faults=faults, encoders=3)
        videos = tv.generate_catalogue(30)
        for strategy in ("2c", tv.PART_2C.replace(prewarmed=0)):
            replayed = tv.replay(videos, strategy, scenario, speed="max")
            assert replayed.facts == tv.simulate(videos, strategy, scenario).facts

    def test_encoders_that_go_on_dying_keep_a_run_alive_until_patience_ends(self) -> None:
        faults = tv.Faults(encoder_lifetime="exponential(5)", encoder_repair=1)
        pool = tv.PART_2C.replace(prewarmed=0)
        run = tv.simulate(
            tv.generate_catalogue(12), pool, tv.Scenario(faults=faults, encoders=2, publishing_queue_capacity=1)
        )
        assert run.ending == "no progress"

    def test_the_share_of_the_time_in_repair_is_that_of_the_textbook(self) -> None:
        """One encoder that is always wanted: it is dead for repair / (lifetime + repair) of the time."""
        faults = tv.Faults(encoder_lifetime="exponential(10)", encoder_repair="exponential(5)")
        scenario = tv.Scenario(encoders=1, requests_per_second=100, faults=faults, until=600)
        videos, shares = catalogue(*[(1, 9)] * 600), []
        for replication in range(30):
            run = tv.simulate(videos, "1", scenario, replication=replication)
            shares.append(run.summary["encoder_utilization"])
        # it is busy whenever it lives, up to the instants of the hand-overs
        deviation = np.std(shares, ddof=1) / np.sqrt(len(shares))
        assert abs(np.mean(shares) - 10 / 15) < 3 * deviation + 0.01


class TestFaults:
    FAULTS = tv.Faults(startup=0.3, ready_lifetime=2, publishing=0.3, attempts=3, noticed_after=0.5)

    @pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c", "2c:1"])
    def test_a_saved_run_and_the_observers_say_the_same(self, strategy: str, tmp_path: Any) -> None:
        seen: list[tv.LogEntry] = []
        scenario = tv.Scenario(faults=self.FAULTS, publishing_time="uniform(0, 2)", publishing_queue_capacity=3)
        run = tv.simulate(tv.generate_catalogue(40), strategy, scenario, observers=seen.append)
        assert seen == list(log_of(run.facts).entries())
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts
        assert run.summary["unfinished"] == 0

    def test_one_kind_moves_no_draw_of_another(self) -> None:
        """Start-up times and failures of a video are the same with other failures beside them."""

        def first(faults: tv.Faults) -> list[tuple[float, bool]]:
            publishers = tv.simulate(tv.generate_catalogue(40), "1", tv.Scenario(faults=faults)).publishers
            one_each = publishers.drop_duplicates("cause").sort_values("cause")
            failed = one_each["ready"].isna()
            end = one_each["ready"].fillna(one_each["ended"])
            return list(zip((end - one_each["started"]).round(6).tolist(), failed.tolist(), strict=True))

        assert first(tv.Faults(startup=0.3)) == first(
            tv.Faults(startup=0.3, publishing=0.5, ready_lifetime=0.1)
        )

    @pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c", "2c:1"])
    @pytest.mark.parametrize("more", [{}, {"max_publishers": 1}, {"encoders": None}])
    def test_nothing_hangs_at_nine_in_ten(self, strategy: str, more: dict[str, Any]) -> None:
        faults = tv.Faults(startup=0.9, ready_lifetime="exponential(0.5)", publishing=0.9)
        run = tv.simulate(tv.generate_catalogue(12), strategy, tv.Scenario(faults=faults, **more))
        assert run.ending == "completed"

    def test_they_come_back_from_data(self) -> None:
        scenario = tv.Scenario(faults=self.FAULTS)
        assert tv.Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario
        assert not scenario.is_deterministic
        assert tv.Scenario(startup_time=2, faults=tv.Faults(ready_lifetime=3)).is_deterministic

    def test_other_things_are_refused(self) -> None:
        with pytest.raises(tv.ScenarioError, match=r"faults must be a tv2sim.Faults, .*, not \{'startup'"):
            tv.Scenario(faults={"startup": 0.5})  # type: ignore[arg-type]


class TestDeadline:
    def test_the_assignment_is_held_against_it(self) -> None:
        run = simulate([(1, 3), (1, 2)], "1", 2, publishing_time=5, deadline="assigned")
        # both are assigned 3 s after the start of their encoding
        assert actual(run.videos, "assigned published elapsed outcome") == literal(
            """
            assigned published elapsed outcome
            3        8         8       published
            4        9         8       failed
            """,
            "assigned published elapsed outcome",
        )
        assert run.summary["lateness_max"] == 6

    def test_elapsed_is_missing_until_it_is_published(self) -> None:
        run = simulate([(1, 3)], "1", 2, publishing_time=5, deadline="assigned", until=4)
        assert run.videos["assigned"].tolist() == [3]
        assert run.videos["elapsed"].isna().all()
        assert run.summary["unfinished"] == 1

    def test_a_saved_run_keeps_it(self, tmp_path: Any) -> None:
        run = simulate([(1, 3), (1, 2)], "1", 2, publishing_time=5, deadline="assigned")
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts


@pytest.mark.parametrize(
    "world",
    [
        {"hand_over": tv.RetryLater(1)},
        {"broker": tv.REDIS},
        {"faults": tv.Faults(ready_lifetime=60)},
        {"faults": tv.Faults(publishing=0.1)},
        {"faults": tv.Faults(encoder_lifetime=60)},
    ],
)
def test_the_simpy_model_simulates_what_the_kernel_does_not_know(world: dict[str, Any]) -> None:
    videos, many = tv.generate_catalogue(100), 1000
    assert engine_for("auto", videos, tv.PART_2C, tv.Scenario(), many) == "kernel"
    scenario = tv.Scenario(**world)
    assert engine_for("auto", videos, tv.PART_2C, scenario, many) == "simpy"
    with pytest.raises(tv.InputError, match="engine 'kernel' cannot simulate this: it does not know"):
        engine_for("kernel", videos, tv.PART_2C, scenario, many)
