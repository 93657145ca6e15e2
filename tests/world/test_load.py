"""What ``Scenario.explain`` knows of the wider world: rates and capacities, by hand and against simulations."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, tv2sim
from tests.helpers.messages import says
from tests.helpers.scenario_files import ROOT, WORLD


def videos(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"v{row}", "encodingTime": 3, "publicationTimeout": 9}
        | {name: value(row) if callable(value) else value for name, value in more.items()}
        for row in range(count)
    ]


class TestEncoders:
    def test_speeds_and_the_factor_count(self) -> None:
        # 2/s x 3 s x 1.5 = 9 s of work a second for speeds of 1 + 1 + 0.5; each video is 4.5 s of work
        found = tv.Scenario(encoders=[1, 1, 0.5], encoding_factor="uniform(1, 2)").explain(3)
        assert (found.encoder_speed, found.encoding_factor) == (2.5, 1.5)
        assert found.load_per_encoder == pytest.approx(9 / 2.5)
        assert found.encoder_capacity == pytest.approx(2.5 / 4.5)
        assert str(found).splitlines()[0] == (
            "offered load: 2 requests/s x 3 s encoding x 1.5 = 9 encoders' work, 360 % of each of 3, of speed "
            "2.5 in all"
        )

    def test_broken_ones_do_not_work(self) -> None:
        # up 90 of 100 s: 4 encoders are 3.6, which take 1.2 videos of 3 s
        faults = tv.Faults(encoder_lifetime="exponential(90)", encoder_repair=10)
        found = tv.Scenario(encoders=4, faults=faults).explain(3)
        assert found.encoder_availability == 0.9
        assert found.encoder_capacity == pytest.approx(1.2)
        assert "167 % of each of 4, which work 90 % of the time" in str(found)
        assert str(found.warnings[0]).endswith(
            "cannot take 2 requests/s: the client is held back to 1.2 videos/s"
        )

    def test_videos_that_take_longer_to_encode_than_encoders_live(self) -> None:
        """Videos take 3, 4 and 9 s; with the least factor and the fastest encoder .75, 1 and 2.25 s."""
        catalogue = tv.read_catalogue(
            [{"id": str(time), "encodingTime": time, "publicationTimeout": 9} for time in (3, 4, 9)]
        )
        for lifetime, number in ((2.5, 0), (2.25, 0), (2.24, 1), (1, 1), (0.8, 2), ("exponential(0.1)", 3)):
            scenario = tv.Scenario(
                encoders=[1, 2], encoding_factor="uniform(0.5, 2)", faults=tv.Faults(encoder_lifetime=lifetime)
            )
            never = scenario.explain(catalogue).never_encoded
            assert (0 if never is None else never.videos) == number
        found = tv.Scenario(faults=tv.Faults(encoder_lifetime=5)).explain(catalogue)
        sentence = (
            "1 of 3 videos takes longer to encode than encoders live, which is hardly ever more than 5 s: "
            "a run makes no progress with them"
        )
        assert str(found.never_encoded) == sentence
        assert f"warning: {sentence}" in str(found)
        assert tv.Scenario().explain(catalogue).never_encoded is None

    def test_a_client_that_retries_is_not_held_back(self) -> None:
        (warning,) = tv.Scenario(encoders=5, hand_over=tv.RetryLater(after=1)).explain(4).warnings
        assert str(warning) == "5 encoders cannot take 2 requests/s: videos are refused"

    def test_without_an_encoding_stage_all_arrive(self) -> None:
        found = tv.Scenario(encoders=None, requests_per_second=5).explain(tv.read_catalogue(videos(9)))
        assert (found.load_per_encoder, found.arrival_rate) == (None, 5)


class TestArrivals:
    DAY = tv.Profile([(0, 1), (100, 3), (130, 1)], period=200)

    def test_the_busiest_minute_of_a_profile(self) -> None:
        # 30 s at 3 and 30 s at 1; the mean is (170 + 90) / 200
        found = tv.Scenario(requests_per_second=self.DAY).explain()
        assert found.requested_rate == pytest.approx(1.3)
        assert found.busiest_rate == 2
        assert "1.3 videos/s, 2 in the busiest minute" in str(found)

    def test_of_as_many_videos_as_there_are(self) -> None:
        # the first 101 come in 100 s, one a second; the 161st after 120 s, since 60 come in 20 s
        scenario = tv.Scenario(requests_per_second=self.DAY)
        few = scenario.explain(tv.read_catalogue(videos(101)))
        assert (few.requested_rate, few.busiest_rate) == (1, 1)
        more = scenario.explain(tv.read_catalogue(videos(161)))
        assert (more.requested_rate, more.busiest_rate) == (160 / 120, (40 + 60) / 60)
        shortest = scenario.explain(tv.read_catalogue(videos(11)))
        assert (shortest.requested_rate, shortest.busiest_rate) == (1, 1)

    @pytest.mark.parametrize(
        ("profile", "seconds", "busiest"),
        [
            (tv.Profile([(0, 2)]), 60, 2),
            (tv.Profile([(0, 2), (60, 5)]), 60, 5),
            (tv.Profile([(0, 5), (30, 2)]), 60, 3.5),
            (tv.Profile([(0, 4), (10, 0)], period=20), 60, 2),
            (tv.Profile([(0, 1), (90, 3)], period=100), 20, 2),
            (tv.Profile([(0, 3), (10, 1), (90, 3)], period=100), 20, 3),  # from the end to the next beginning
        ],
    )
    def test_of_profiles(self, profile: tv.Profile, seconds: float, busiest: float) -> None:
        assert profile.busiest(seconds) == busiest

    def test_the_amount_is_what_the_pause_undoes(self) -> None:
        for count in (0.5, 100, 161, 1000.25):
            assert self.DAY.amount(self.DAY.pause(0, count)) == pytest.approx(count)

    def test_given_arrivals_have_no_limit(self) -> None:
        # 120 in 6 s are a minute of 2/s for a client that paces them, and 20/s for none
        log = tv.read_catalogue(videos(121, submittedAt=lambda row: row / 20))
        assert tv.Scenario().explain(log).requested_rate == pytest.approx(2)
        assert tv.Scenario(encoders=None).explain(log).requested_rate == pytest.approx(20)
        at_once = tv.read_catalogue(videos(9, submittedAt=0))
        assert math.isinf(tv.Scenario(encoders=None).explain(at_once).arrival_rate)


class TestPublishers:
    def test_the_offered_load(self) -> None:
        # each of 2 videos a second takes a publisher for 4 s of start-up and 3 s of publishing
        found = tv.Scenario(publishing_time="uniform(2, 4)").explain(prewarmed=10)
        assert (found.publisher_time, found.publishers, found.pool_capacity) == (7, 14, 2.5)
        assert "publishers: 2 videos/s x (4 s start-up + 3 s publishing) = 14 at a time" in str(found)
        assert found.warnings == ()

    def test_the_publishing_times_of_the_catalogue_win(self) -> None:
        some = tv.read_catalogue(videos(4, publishingTime=lambda row: 5 if row else None))
        assert tv.Scenario(publishing_time=1).explain(some).publishing_time == 4

    def test_failures_take_more_starts(self) -> None:
        # 1 / (1 - 0.5) publishings, of which each takes 1 / (1 - 0.2) starts
        found = tv.Scenario(publishing_time=1, faults=tv.Faults(startup=0.2, publishing=0.5)).explain(
            prewarmed=10
        )
        assert (found.publishings_per_video, found.starts_per_video) == (2, 2.5)
        assert (found.publisher_time, found.pool_capacity) == (2.5 * 4 + 2 * 1, 10 / (2.5 * 4))
        assert "(2.5 x 4 s start-up + 2 x 1 s publishing)" in str(found)
        assert "pool: 10 publishers / 10 s a video = 1 videos/s" in str(found)

    def test_attempts_are_limited(self) -> None:
        # 1 + 0.5 + 0.25
        assert tv.Scenario(faults=tv.Faults(publishing=0.5, attempts=3)).explain().publishings_per_video == 1.75

    def test_a_broker_delivers_again(self) -> None:
        # one of 5 deliveries is lost: 1/4 for each that is not; half of the acknowledgements spend one more
        broker = tv.Broker(latency=0.5, loss=0.2, redelivered_after=30, acknowledgement_loss=0.5)
        found = tv.Scenario(broker=broker).explain(prewarmed=10)
        assert found.visible_after == 0.5 + 0.25 * 30
        assert (found.publishings_per_video, found.pool_capacity) == (2, 1.25)
        assert "broker: publishers see a video after 8 s on average" in str(found)

    def test_what_is_not_noticed_takes_a_place(self) -> None:
        # 1.25 starts of 4 + 1 s, and 0.25 failures for 2 s
        faults = tv.Faults(startup=0.2, noticed_after=2)
        found = tv.Scenario(provisioning_delay=1, faults=faults).explain(prewarmed=27)
        assert (found.pool_time, found.pool_capacity) == (6.75, 4)
        assert found.pool_needed == 13.5

    def test_the_limit_of_publishers(self) -> None:
        found = tv.Scenario(publishing_time=3, max_publishers=7).explain(prewarmed=20)
        assert found.quota_capacity == 1
        assert "limit: 7 publishers / 7 s a video = 1 videos/s" in str(found)
        (warning,) = found.warnings
        assert says(
            str(warning), "limit of 7 publishers", "cannot keep up", "2 requests/s", "waits grow steadily"
        )
        assert (warning.of, warning.load) == ("quota", "200 % of")

    @pytest.mark.parametrize(
        "more",
        [
            {"publishing_time": 3},
            {"provisioning_delay": 1},
            {"publishing_time": 3, "max_publishers": 5},
            {"faults": tv.Faults(startup=0.2)},
            {"faults": tv.Faults(startup=0.2, noticed_after=2)},
            {"publishing_time": 3, "max_publishers": 5, "faults": tv.Faults(startup=0.2, publishing=0.1)},
        ],
        ids=str,
    )
    def test_a_pool_under_pressure_serves_as_many(self, more: dict[str, Any]) -> None:
        scenario = tv.Scenario(encoders=None, requests_per_second=50, **more)
        found = scenario.explain(prewarmed=4)
        count = 1500
        end = tv.simulate(tv.generate_catalogue(count), "2c:4", scenario).end
        assert count / end == pytest.approx(min(found.pool_capacity or 0, found.quota_capacity), rel=0.04)


class TestInWords:
    def test_check_says_it(self) -> None:
        out = tv2sim("check", CATALOGUE, "--scenario", ROOT / "data" / "world.toml").out
        explanation = str(WORLD.explain(tv.survey_catalogue(CATALOGUE)))
        assert [line for line in explanation.splitlines() if line not in out] == []
        assert " in the busiest minute more than " in out

    def test_the_report_warns_of_the_limit(self) -> None:
        from tests.report.test_report import caveats_in_words

        study = tv.compare(CATALOGUE, ["2a"], tv.Scenario(max_publishers=5), replications=2, progress=False)
        found = caveats_in_words(study)
        assert found["The limit of publishers is reached"] == (
            "A limit of 5 publishers cannot keep up with 2 requests/s: waits grow steadily. The load is 160 % "
            "of what they can serve."
        )
