"""The figures of tiny runs without chance, all by hand: run.summary, run.levels, run.stats.

A clip is (encoding time, timeout); one encoder and 2 requests/s unless a test says otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tv2sim as tv
from tests.helpers.micro_scenarios import LEVELS, actual, literal, simulate

NAN = math.nan


def check_summary(run: tv.Run, **expected: float) -> None:
    """Hold every figure against one computed by hand."""
    assert list(run.summary) == list(expected)
    for name, value in expected.items():
        assert run.summary[name] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), name


def check_all_levels(run: tv.Run, text: str) -> None:
    """Hold every row of the levels against a literal table."""
    columns = text.strip().splitlines()[0]
    assert columns.split() in (f"time {LEVELS}".split(), f"time {LEVELS} publishers_busy".split())
    assert run.levels.columns.tolist() == columns.split()
    assert actual(run.levels, columns) == literal(text, columns)


@pytest.fixture
def pool() -> tv.Run:
    """Three videos, a pool of 1, start-up 3.

    v0 0 -> 2, v1 2 -> 3, v2 3 -> 4. p0 is ready at 3 and takes v0 (elapsed 3), p1 at 6 takes v1 (elapsed 4),
    p2 at 9 takes v2 (elapsed 6); p3 starts at 9, when the run ends.
    """
    return simulate([(2, 3), (1, 2), (1, 9)], tv.PART_2C.replace(prewarmed=1), 3)


class TestAPool:
    def test_summary(self, pool: tv.Run) -> None:
        check_summary(
            pool,
            published=2,  # v0 in 3 of 3, v2 in 6 of 9
            failed=1,  # v1 in 4 of 2
            unfinished=0,
            on_time_rate=2 / 3,
            elapsed_p50=4,  # of 3, 4, 6
            elapsed_p95=4 + 0.9 * 2,
            elapsed_p99=4 + 0.98 * 2,
            lateness_p50=0,  # of -3, 0, 2
            lateness_p95=0.9 * 2,
            lateness_p99=0.98 * 2,
            lateness_max=2,
            stockouts=3,  # each waited: 1, 3, 5 s
            idle=0,
            publisher_seconds=3 + 3 + 3 + 0,
            publishers_started=4,
            publishers_wasted=1,
            peak_publishers=1,  # each starts at the end of the one before
            encoder_utilization=(2 + 1 + 1) / 9,
            publishing_queue_mean=(1 + 3 + 5) / 9,
            client_blocked_time=0 + 1.5 + 0.5,  # v1 offered at 0.5, v2 at 2.5
            makespan=9,
        )

    def test_levels(self, pool: tv.Run) -> None:
        check_all_levels(
            pool,
            """
            time encoders_busy publishing_queue publishers_starting publishers_ready published failed
            0    1             0                1                   0                0         0
            0.5  1             0                1                   0                0         0
            2    1             1                1                   0                0         0
            2.5  1             1                1                   0                0         0
            3    1             1                1                   0                1         0
            4    0             2                1                   0                1         0
            6    0             1                1                   0                1         1
            9    0             0                1                   0                2         1
            """,
        )

    def test_types(self, pool: tv.Run) -> None:
        """Plain numbers, so that a summary can be written as JSON; whole ones for counts."""
        counts = "published failed unfinished stockouts publishers_started publishers_wasted peak_publishers"
        for name, value in pool.summary.items():
            assert type(value) is (int if name in counts.split() else float), name

    def test_levels_are_whole_numbers(self, pool: tv.Run) -> None:
        assert {str(pool.levels[name].dtype) for name in LEVELS.split()} == {"int64"}


class TestPublishersReadyAhead:
    """Pool of 2, start-up 1, publishing takes 2, two encoders; p0 and p1 are ready at 1.

    v0 0 -> 3, v1 0.5 -> 1.5, v2 offered at 1, taken at 1.5 -> 4.5. p0 takes v1 at 1.5 until 3.5, p1 takes v0 at
    3 until 5. p2 starts at 1.5, ready 2.5, takes v2 at 4.5 until 6.5. p3 starts at 3, ready 4; p4 at 4.5,
    ready 5.5; both idle to the end at 6.5.
    """

    @pytest.fixture
    def run(self) -> tv.Run:
        strategy = tv.PART_2C.replace(prewarmed=2)
        return simulate([(3, 5), (1, 3), (3, 4.5)], strategy, 1, encoders=2, publishing_time=2)

    def test_summary(self, run: tv.Run) -> None:
        check_summary(
            run,
            published=2,  # v0 in 5 of 5, v1 in 3 of 3
            failed=1,  # v2 in 5 of 4.5
            unfinished=0,
            on_time_rate=2 / 3,
            elapsed_p50=5,  # of 3, 5, 5
            elapsed_p95=5,
            elapsed_p99=5,
            lateness_p50=0,  # of 0, 0, 0.5
            lateness_p95=0.9 * 0.5,
            lateness_p99=0.98 * 0.5,
            lateness_max=0.5,
            stockouts=0,
            idle=0.5 + 2 + 2 + 2.5 + 1,
            busy=2 + 2 + 2,
            publisher_seconds=3.5 + 5 + 5 + 3.5 + 2,  # ended or end of the run, less started
            publishers_started=5,
            publishers_wasted=2,
            peak_publishers=4,  # at 3: p0, p1 publish, p2 is ready, p3 starts; at 4.5: p1, p2, p3, p4
            encoder_utilization=(3 + 1 + 3) / (2 * 6.5),
            publishing_queue_mean=0,
            client_blocked_time=0.5,
            makespan=6.5,
        )

    def test_levels(self, run: tv.Run) -> None:
        check_all_levels(
            run,
            """
       time encoders_busy publishing_queue publishers_starting publishers_ready published failed publishers_busy
        0    1             0                2                   0                0         0      0
        0.5  2             0                2                   0                0         0      0
        1    2             0                0                   2                0         0      0
        1.5  2             0                1                   1                0         0      1
        2.5  2             0                0                   2                0         0      1
        3    1             0                1                   1                0         0      2
        3.5  1             0                1                   1                1         0      1
        4    1             0                0                   2                1         0      1
        4.5  0             0                1                   1                1         0      2
        5    0             0                1                   1                2         0      1
        5.5  0             0                0                   2                2         0      1
        6.5  0             0                0                   2                2         1      0
            """,
        )


class TestOwnPublishers:
    """Part 2a, start-up 2, two encoders: v0 0 -> 3, v1 0.5 -> 1.5; p0 is ready at 2, p1 at 2.5."""

    @pytest.fixture
    def run(self) -> tv.Run:
        return simulate([(3, 3), (1, 1.5)], "2a", 2, encoders=2)

    def test_summary(self, run: tv.Run) -> None:
        check_summary(
            run,
            published=1,  # v0 in 3 of 3
            failed=1,  # v1 in 2 of 1.5
            unfinished=0,
            on_time_rate=0.5,
            elapsed_p50=2.5,  # of 2, 3
            elapsed_p95=2.95,
            elapsed_p99=2.99,
            lateness_p50=0.25,  # of 0, 0.5
            lateness_p95=0.475,
            lateness_p99=0.495,
            lateness_max=0.5,
            stockouts=1,  # v1 waited for its own publisher from 1.5 to 2.5
            idle=1,  # p0 from 2 to 3
            publisher_seconds=3 + 2,
            publishers_started=2,
            publishers_wasted=0,
            peak_publishers=2,
            encoder_utilization=(3 + 1) / (2 * 3),
            publishing_queue_mean=0,  # v1 waits beside it
            client_blocked_time=0,
            makespan=3,
        )

    def test_levels(self, run: tv.Run) -> None:
        check_all_levels(
            run,
            """
            time encoders_busy publishing_queue publishers_starting publishers_ready published failed
            0    1             0                1                   0                0         0
            0.5  2             0                2                   0                0         0
            1.5  1             0                2                   0                0         0
            2    1             0                1                   1                0         0
            2.5  1             0                0                   1                0         1
            3    0             0                0                   0                1         1
            """,
        )

    def test_every_video_of_parts_1_and_2b_is_a_stockout(self) -> None:
        for part in ("1", "2b"):
            run = simulate([(3, 3), (1, 1.5)], part, 2, encoders=2)
            assert (run.summary["stockouts"], run.summary["idle"]) == (2, 0)

    def test_a_publisher_that_is_ready_when_the_encoding_ends_is_none(self) -> None:
        run = simulate([(2, 3)], "2a", 2)
        assert run.summary["stockouts"] == 0


class TestCutOff:
    """Pool of 2, start-up 3, publishing 2, cut off at 5.5.

    v0 0 -> 1, v1 1 -> 2, v2 2 -> 6, v3 offered at 2.5. p0 and p1 are ready at 3 and take v0 and v1 until 5;
    p2 and p3 start at 3, ready at 6, after the cut-off.
    """

    @pytest.fixture
    def run(self) -> tv.Run:
        strategy = tv.PART_2C.replace(prewarmed=2)
        clips = [(1, 9), (1, 3.5), (4, 9), (1, 9)]
        return simulate(clips, strategy, 3, publishing_time=2, until=5.5)

    def test_summary(self, run: tv.Run) -> None:
        check_summary(
            run,
            published=1,  # v0 in 5 of 9
            failed=1,  # v1 in 4 of 3.5
            unfinished=2,
            on_time_rate=1 / 4,
            elapsed_p50=4.5,  # of 4, 5
            elapsed_p95=4.95,
            elapsed_p99=4.99,
            lateness_p50=-1.75,  # of -4, 0.5
            lateness_p95=-4 + 0.95 * 4.5,
            lateness_p99=-4 + 0.99 * 4.5,
            lateness_max=0.5,
            stockouts=2,
            idle=0,
            busy=2 + 2,
            publisher_seconds=5 + 5 + 2.5 + 2.5,
            publishers_started=4,
            publishers_wasted=2,
            peak_publishers=4,
            encoder_utilization=1,
            publishing_queue_mean=(2 + 1) / 5.5,
            client_blocked_time=0 + 0.5 + 0.5 + 3,  # v1 from 0.5, v2 from 1.5, v3 from 2.5 to the end
            makespan=5.5,
        )
        assert run.ending == "cut-off"

    def test_levels(self, run: tv.Run) -> None:
        check_all_levels(
            run,
            """
       time encoders_busy publishing_queue publishers_starting publishers_ready published failed publishers_busy
        0    1             0                2                   0                0         0      0
        0.5  1             0                2                   0                0         0      0
        1    1             1                2                   0                0         0      0
        1.5  1             1                2                   0                0         0      0
        2    1             2                2                   0                0         0      0
        2.5  1             2                2                   0                0         0      0
        3    1             0                2                   0                0         0      2
        5    1             0                2                   0                1         1      0
            """,
        )

    def test_a_video_that_waits_at_the_cut_off_is_a_stockout(self) -> None:
        """Encoded at 1, its publisher ready at 4, cut off at 2: it found none, and it counts to the end."""
        run = simulate([(1, 9)], tv.PART_2C.replace(prewarmed=1), 4, until=2)
        assert run.summary["stockouts"] == 1
        assert run.summary["publishing_queue_mean"] == 0.5
        own = simulate([(1, 9)], "2a", 4, until=2)
        assert (own.summary["stockouts"], own.summary["publishing_queue_mean"]) == (1, 0)

    def test_a_publisher_that_is_ready_at_the_cut_off_has_been_idle_to_there(self) -> None:
        """Pool of 3, start-up 1; v0's encoding ends at 4, after the cut-off at 3."""
        run = simulate([(4, 9)], tv.PART_2C.replace(prewarmed=3), 1, until=3)
        assert (run.summary["idle"], run.summary["publisher_seconds"]) == (3 * 2, 3 * 3)
        assert run.summary["stockouts"] == 0
        assert run.summary["publishers_wasted"] == 3

    def test_nothing_published_has_no_quantiles(self) -> None:
        run = simulate([(4, 9)], "2a", 1, until=3)
        check_summary(
            run,
            published=0,
            failed=0,
            unfinished=1,
            on_time_rate=0,
            elapsed_p50=NAN,
            elapsed_p95=NAN,
            elapsed_p99=NAN,
            lateness_p50=NAN,
            lateness_p95=NAN,
            lateness_p99=NAN,
            lateness_max=NAN,
            stockouts=0,
            idle=2,
            publisher_seconds=3,
            publishers_started=1,
            publishers_wasted=1,
            peak_publishers=1,
            encoder_utilization=1,
            publishing_queue_mean=0,
            client_blocked_time=0,
            makespan=3,
        )


class TestStalled:
    """A pool of 0, and room for one video: v0 waits from 1, v1 and v2 keep their encoders from 2.

    Nothing happens after 2, where the run ends.
    """

    @pytest.fixture
    def run(self) -> tv.Run:
        run = simulate([(1, 9), (1.5, 9), (1, 9)], tv.PART_2C.replace(prewarmed=0), 3, encoders=2, capacity=1)
        assert run.ending == "no publisher will come"
        return run

    def test_summary(self, run: tv.Run) -> None:
        # v0 0 -> 1, v1 0.5 -> 2, v2 1 -> 2 on the encoder of v0: both are blocked at 2
        check_summary(
            run,
            published=0,
            failed=0,
            unfinished=3,
            on_time_rate=0,
            elapsed_p50=NAN,
            elapsed_p95=NAN,
            elapsed_p99=NAN,
            lateness_p50=NAN,
            lateness_p95=NAN,
            lateness_p99=NAN,
            lateness_max=NAN,
            stockouts=3,
            idle=0,
            publisher_seconds=0,
            publishers_started=0,
            publishers_wasted=0,
            peak_publishers=0,
            encoder_utilization=(2 + 1.5) / (2 * 2),
            publishing_queue_mean=0.5,  # v0 from 1 to 2
            client_blocked_time=0,
            makespan=2,
        )

    def test_levels(self, run: tv.Run) -> None:
        check_all_levels(
            run,
            """
            time encoders_busy publishing_queue publishers_starting publishers_ready published failed
            0    1             0                0                   0                0         0
            0.5  2             0                0                   0                0         0
            1    2             1                0                   0                0         0
            2    2             1                0                   0                0         0
            """,
        )

    def test_stats(self, run: tv.Run) -> None:
        assert str(run.stats) == (
            "stats: client_parse_errors=0 client_submitted=3 encoded=3 published=0 publish_failed=0"
        )


class TestABlockedEncoder:
    def test_it_is_used_and_its_video_is_no_part_of_the_queue(self) -> None:
        """Room for none, pool of 1, start-up 4: v0, encoded at 1, keeps its encoder until 4."""
        run = simulate([(1, 9)], tv.PART_2C.replace(prewarmed=1), 4, capacity=0)
        assert run.summary["encoder_utilization"] == 1
        assert run.summary["publishing_queue_mean"] == 0
        assert run.summary["stockouts"] == 1
        assert run.summary["makespan"] == 4


class TestNoTimeAtAll:
    def test_shares_of_no_time_are_no_numbers(self) -> None:
        """Nothing takes time: the run ends at 0, where it began."""
        run = simulate([(0, 1)], "1", 0)
        assert (run.summary["makespan"], run.summary["published"], run.summary["elapsed_p99"]) == (0, 1, 0)
        assert math.isnan(run.summary["encoder_utilization"])
        assert math.isnan(run.summary["publishing_queue_mean"])


class TestStats:
    def test_it_is_a_mapping_in_the_order_of_the_line(self, pool: tv.Run) -> None:
        assert list(pool.stats.items()) == [
            ("client_parse_errors", 0),
            ("client_submitted", 3),
            ("encoded", 3),
            ("published", 2),
            ("publish_failed", 1),
        ]
        assert pool.stats == dict(pool.stats)
        assert {type(value) for value in pool.stats.values()} == {int}

    def test_the_line(self, pool: tv.Run) -> None:
        line = "stats: client_parse_errors=0 client_submitted=3 encoded=3 published=2 publish_failed=1"
        assert str(pool.stats) == line
        assert f"{pool.stats}" == line

    def test_rejected_lines_are_parse_errors(self) -> None:
        good: dict[str, Any] = {"title": "T", "provider": "P", "encodingTime": 1, "publicationTimeout": 9}
        records = [{"id": "a", **good}, {"id": "a", **good}, {"id": "b"}, {"id": "c", **good}]
        run = tv.simulate(tv.read_catalogue(records), "1", tv.Scenario(startup_time=1))
        assert str(run.stats) == (
            "stats: client_parse_errors=2 client_submitted=2 encoded=2 published=2 publish_failed=0"
        )

    def test_submitted_and_encoded_count_what_had_happened_by_the_cut_off(self) -> None:
        """v0 0 -> 2, v1 2 -> 4, v2 is offered at 2.5, cut off at 3."""
        run = simulate([(2, 9), (2, 9), (2, 9)], "1", 2, until=3)
        assert str(run.stats) == (
            "stats: client_parse_errors=0 client_submitted=2 encoded=1 published=0 publish_failed=0"
        )

    def test_a_hand_over_counts_not_an_offer(self) -> None:
        run = simulate([(2, 9), (2, 9)], "1", 2, until=1)
        assert run.videos["offered"].tolist() == [0, 0.5]
        assert run.stats["client_submitted"] == 1


class TestAgainstTheTables:
    """On a whole catalogue, the figures again from the tables that are shown."""

    @pytest.mark.parametrize("part", ["1", "2a", "2b", "2c"])
    @pytest.mark.parametrize("until", [None, 40.0])
    def test_summary(self, part: str, until: float | None) -> None:
        scenario = tv.Scenario(encoders=6, publishing_queue_capacity=3, publishing_time=0.25, until=until)
        run = tv.simulate(tv.generate_catalogue(), part, scenario, seed=3)
        videos, publishers, levels = run.videos, run.publishers, run.levels
        outcome = videos["outcome"].value_counts()
        known = videos["published"].dropna()
        assert run.summary["published"] == outcome.get("published", 0)
        assert run.summary["failed"] == outcome.get("failed", 0)
        assert run.summary["unfinished"] == outcome.get("unfinished", 0)
        assert run.summary["on_time_rate"] == videos["on_time"].mean()
        assert run.summary["elapsed_p95"] == pytest.approx(videos["elapsed"].quantile(0.95))
        lateness = videos["elapsed"] - videos["publication_timeout"]
        assert run.summary["lateness_p99"] == pytest.approx(lateness.quantile(0.99))
        assert run.summary["lateness_max"] == round(lateness.max(), 6)
        waited = videos["encoded"].notna() & ~(videos["assigned"] == videos["encoded"])
        assert run.summary["stockouts"] == waited.sum()
        assert run.summary["idle"] == pytest.approx(publishers["idle"].sum())
        gone = publishers["ended"].fillna(run.end)
        assert run.summary["publisher_seconds"] == pytest.approx((gone - publishers["started"]).sum())
        assert run.summary["publishers_started"] == len(publishers)
        assert run.summary["publishers_wasted"] == publishers["video"].isna().sum()
        assert run.summary["makespan"] == run.end
        if until is None:
            assert run.end == known.max()
        lasts = np.diff(np.append(levels["time"], run.end))
        busy, queue = ((levels[name] * lasts).sum() / run.end for name in LEVELS.split()[:2])
        assert run.summary["encoder_utilization"] == pytest.approx(busy / 6)
        assert run.summary["publishing_queue_mean"] == pytest.approx(queue)
        blocked = (videos["encoding_started"].fillna(run.end) - videos["offered"]).sum()
        assert run.summary["client_blocked_time"] == pytest.approx(blocked)

    def test_peak_publishers(self) -> None:
        """Counted anew from the log, after each instant."""
        scenario = tv.Scenario(encoders=6, publishing_time=0.25)
        for part in ("1", "2a", "2c"):
            run = tv.simulate(tv.generate_catalogue(), part, scenario, seed=3)
            change = run.events["event"].map({"publisher_started": 1, "publisher_ended": -1}).fillna(0)
            after = pd.Series(change.cumsum().to_numpy(), index=run.events["time"]).groupby(level=0).last()
            assert run.summary["peak_publishers"] == after.max()
