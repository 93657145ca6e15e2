"""Time is exact: whole microseconds inside, each duration rounded once, and one order for each instant."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.sizes import examples
from tv2sim.base.ticks import LAST, next_tick, to_ticks, whole_ticks


def clips(*pairs: tuple[float, float], **more: Any) -> list[dict[str, Any]]:
    """Return records with these encoding times and timeouts."""
    return [
        {
            "id": f"v{row}",
            "title": "T",
            "provider": "P",
            "encodingTime": encoding,
            "publicationTimeout": timeout,
            **more,
        }
        for row, (encoding, timeout) in enumerate(pairs)
    ]


class TestTicks:
    @given(st.integers(0, 2**32 * 10**6))
    def test_a_tick_comes_back_from_its_seconds(self, tick: int) -> None:
        assert to_ticks(tick / 1e6) == next_tick(tick / 1e6) == tick

    @given(st.lists(st.floats(0, 2**32), min_size=1))
    def test_numbers_and_arrays_are_rounded_alike(self, seconds: list[float]) -> None:
        assert whole_ticks(np.array(seconds)).tolist() == [to_ticks(one) for one in seconds]

    def test_halves_go_to_the_even_tick(self) -> None:
        assert [to_ticks(half / 2e6) for half in (1, 3, 5)] == [0, 2, 2]

    @given(st.floats(0, 1e6))
    def test_a_measured_time_is_rounded_up(self, seconds: float) -> None:
        tick = next_tick(seconds)
        assert (tick - 1) / 1e6 < seconds <= tick / 1e6


tenths = st.integers(0, 200).map(lambda n: n / 10)


@settings(max_examples=examples(300))
@given(encoding=tenths, startup=tenths, late=st.integers(-1, 1))
def test_decimals_tie_as_on_paper(encoding: float, startup: float, late: int) -> None:
    timeout = float(Fraction(round(encoding * 10) + round(startup * 10) - late, 10))
    if timeout > 0:
        run = tv.simulate(clips((encoding, timeout)), "1", tv.Scenario(startup_time=startup))
        assert run.stats["published"] == (late <= 0)


def test_the_case_that_floats_miss() -> None:
    assert 1.1 + 2.2 > 3.3
    run = tv.simulate(clips((1.1, 3.3)), "1", tv.Scenario(startup_time=2.2))
    assert run.videos[["published", "elapsed", "outcome"]].iloc[0].tolist() == [3.3, 3.3, "published"]


def test_each_duration_is_rounded_once_where_it_enters() -> None:
    scenario = tv.Scenario(requests_per_second=3, startup_time=1.00000049, publishing_time=0.2500005)
    run = tv.simulate(clips((1 / 3, 9), (2 / 3, 9)), "1", scenario)
    first, second = run.videos.to_dict("records")
    assert (first["encoded"], second["offered"], second["encoded"]) == (0.333333, 0.333333, 1.0)
    # half a microsecond goes to the even one
    assert (first["assigned"], first["published"]) == (1.333333, 1.583333)
    assert scenario.gap == 0.333333


def test_the_gap_has_at_least_one_microsecond() -> None:
    assert tv.Scenario(requests_per_second=1e6).gap == 1e-6


def test_a_cut_off_counts_what_happens_at_that_very_time() -> None:
    run = tv.simulate(clips((0.1, 9)), "1", tv.Scenario(startup_time=0.2, until=0.3))
    assert (run.end, run.ending) == (0.3, "completed")


def test_sums_are_exact_in_any_order() -> None:
    run = tv.simulate(tv.generate_catalogue(), "2c", tv.Scenario(startup_time="exponential(4)"))
    microseconds = [round(idle * 10**6) for idle in run.publishers["idle"]]
    assert run.summary["idle"] == sum(microseconds) / 10**6


def test_levels_and_tables_have_the_same_times() -> None:
    run = tv.simulate(tv.generate_catalogue(), "2a", tv.Scenario(requests_per_second=3))
    assert set(run.levels["time"]) == set(run.events["time"])
    assert set(run.videos["published"]) <= set(run.events["time"])


def test_hooks_and_observers_see_seconds() -> None:
    class Watching(tv.Strategy):
        def priority(self, video: tv.Video, deadline: float) -> float:
            deadlines.append(deadline)
            return deadline

        def pool_level(self, state: tv.PoolState) -> int:
            times.append(state.time)
            return 1

    deadlines, times, seen = list[float](), list[float](), list[float]()
    run = tv.simulate(
        clips((0.3, 2.5), (0.1, 1.5)),
        Watching(),
        tv.Scenario(startup_time=4),
        observers=lambda entry: seen.append(entry.time),
    )
    assert deadlines == [2.5, 2.0]
    assert set(times) <= set(run.events["time"]) == set(seen)


def test_a_delayed_start_is_after_publications_and_before_reviews() -> None:
    class Later(tv.Strategy):
        def start_delay(self, video: tv.Video) -> float:
            return 1.0

        def pool_level(self, state: tv.PoolState) -> int:
            levels.append((state.time, state.starting))
            return 0

    levels = list[tuple[float, int]]()
    scenario = tv.Scenario(startup_time=2, publishing_time=1, requests_per_second=1)
    run = tv.simulate(
        clips((0, 9), (3, 9)), Later(starts_on="encoded", review_every=1.0, prewarmed=1), scenario
    )
    at_four = [(entry.event, entry.video) for entry in run.events.itertuples(index=False) if entry.time == 4.0]
    assert at_four == [
        ("encoded", 1), ("queued", 1), ("published", 0), ("publisher_ended", 0),
    ]  # fmt: skip
    # video 0 causes a publisher at 0 + 1: the review of that time sees it
    assert (1.0, 1) in levels


def test_two_delayed_starts_of_an_instant_go_by_the_number_of_the_video() -> None:
    class Later(tv.Strategy):
        def start_delay(self, video: tv.Video) -> float:
            return {"v0": 2.0, "v1": 1.0}[video.id]

    run = tv.simulate(
        clips((0, 9), (0, 9)), Later(starts_on="encoded"), tv.Scenario(requests_per_second=1, startup_time=1)
    )
    assert run.publishers[["cause", "started"]].to_numpy().tolist() == [[0, 2.0], [1, 2.0]]


def test_publications_of_an_instant_go_by_the_number_of_the_publisher() -> None:
    # publisher 1 takes its video first, but both end publishing at 5
    run = tv.simulate(
        clips((4, 9), (3.5, 9)), tv.Strategy(starts_on="queued"), tv.Scenario(startup_time=0, publishing_time=1)
    )
    ended = run.events.query("event == 'publisher_ended'")
    assert ended["publisher"].tolist() == [0, 1]
    assert ended["video"].tolist() == run.publishers["video"].tolist()


@pytest.mark.parametrize("engine", ["simulate", "replicate"])
def test_a_run_longer_than_exact_time_is_refused(engine: str) -> None:
    longest = 2.0**32
    catalogue = clips(*[(longest, 1)] * 3)
    with pytest.raises(
        tv.ScenarioError, match=r"the run lasts 1\.29e\+10 s, and time is exact up to 9\.01e\+09 s"
    ):
        getattr(tv, engine)(catalogue, "1", tv.Scenario(encoders=1))
    assert 2 * to_ticks(longest) < LAST
    assert tv.simulate(catalogue, "1", tv.Scenario(encoders=1, until=9)).end == 9


@pytest.mark.parametrize(
    "text", ["exponential(1e9)", "lognormal(1e9, 2)", "uniform(0, 1e300)", "gamma(1, 1e12)"]
)
def test_a_distribution_beyond_the_limit_is_refused_when_it_is_made(text: str) -> None:
    with pytest.raises(tv.ScenarioError, match="gives times outside 0 to 4294967296 s"):
        tv.Scenario(startup_time=text)


def test_a_run_of_many_prewarmed_publishers_is_that_of_one_process_each() -> None:
    run = tv.simulate(tv.generate_catalogue(5), tv.PART_2C.replace(prewarmed=300))
    publishers = run.publishers
    ready = publishers["ready"].dropna()
    assert run.events.query("event == 'publisher_ready'")["time"].is_monotonic_increasing
    assert len(publishers) == 305
    assert (publishers["started"][:300] == 0).all()
    # those that would be ready after the end are not
    assert ready.max() <= run.end
    assert publishers["ready"].isna().any()
    assert math.isclose(publishers["idle"].sum(), run.summary["idle"])
