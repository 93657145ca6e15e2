"""The registry of metrics: every entry by hand, what is computed, and a new one by one row."""

from __future__ import annotations

import dataclasses
import io
from collections import Counter
from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, tv2sim
from tests.helpers.micro_scenarios import simulate
from tv2sim.report.build import build_report
from tv2sim.results.figures import axis, estimate, heading
from tv2sim.results.metrics import MAIN, METRICS, ON_TIME_RATE, Measured, Metric, Setting, measure, metrics_of
from tv2sim.strategies import Moment

EXPECTED: dict[str, float] = {
    "published": 2,  # v0 in 3 of 3, v2 in 6 of 9
    "failed": 1,  # v1 in 4 of 2
    "unfinished": 0,
    "on_time_rate": 2 / 3,
    "elapsed_p50": 4,  # of 3, 4, 6
    "elapsed_p95": 4 + 0.9 * 2,
    "elapsed_p99": 4 + 0.98 * 2,
    "lateness_p50": 0,  # of -3, 0, 2
    "lateness_p95": 0.9 * 2,
    "lateness_p99": 0.98 * 2,
    "lateness_max": 2,
    "stockouts": 3,  # each waited: 1, 3, 5 s
    "idle": 0,
    "busy": 0,
    "publisher_seconds": 3 + 3 + 3 + 0,
    "publishers_started": 4,
    "publishers_wasted": 1,
    "peak_publishers": 1,  # each starts at the end of the one before
    "quota_waits": 0,
    "refused": 0,
    "retries": 0,
    "redeliveries": 0,
    "encoder_utilization": (2 + 1 + 1) / 9,
    "publishing_queue_mean": (1 + 3 + 5) / 9,
    "client_blocked_time": 0 + 1.5 + 0.5,  # v1 offered at 0.5, v2 at 2.5
    "makespan": 9,
    "any_failure": True,
    "cost": 0.5 * 9 + 0.25 * 0 + 2 * 4 + 10 * 1,
}
"""Three videos, a pool of 1, start-up 3.

v0 0 -> 2, v1 2 -> 3, v2 3 -> 4. p0 is ready at 3 and takes v0 (elapsed 3), p1 at 6 takes v1 (elapsed 4), p2 at
9 takes v2 (elapsed 6); p3 starts at 9, when the run ends.
"""


PRICES = tv.Prices(starting=0.5, ready=0.25, busy=0.125, start=2, failed=10)


@pytest.fixture
def run() -> tv.Run:
    return simulate([(2, 3), (1, 2), (1, 9)], tv.PART_2C.replace(prewarmed=1), 3)


def test_a_video_that_is_given_up_waits_until_then() -> None:
    """v0, due at 2, is encoded at 1 and given up as v1 is encoded at 3; v1 takes the publisher at 4."""
    strategy = tv.Strategy(
        starts_on="queued", dispatch="end_of_instant", discards_hopeless=True, queue_order="deadline"
    )
    run = simulate([(1, 2), (2, 9)], strategy, 3)
    assert run.videos["outcome"].tolist() == ["failed", "published"]
    assert run.end == 4
    assert run.summary["publishing_queue_mean"] == (2 + 1) / 4


ALWAYS = list(metrics_of([Setting(tv.generate_catalogue(1), tv.PART_2C, tv.Scenario())]))
"""The metrics of a world to which nothing is added."""


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each metric is computed."""
    calls: Counter[str] = Counter()

    def counting(metric: Metric) -> Metric:
        def compute(run: Measured) -> float:
            calls[metric.name] += 1
            return metric.compute(run)

        return dataclasses.replace(metric, compute=compute)

    for name, metric in list(METRICS.items()):
        monkeypatch.setitem(METRICS, name, counting(metric))
    return calls


class TestTheRegistry:
    @pytest.mark.parametrize("name", METRICS)
    def test_each_metric_by_hand(self, run: tv.Run, name: str) -> None:
        value = measure(run.catalogue, run.facts, run.scenario.encoder_count, [name], PRICES)[name]
        assert value == pytest.approx(EXPECTED[name], rel=1e-12, abs=1e-12)
        assert type(value) is METRICS[name].dtype

    @pytest.mark.parametrize("name", METRICS)
    def test_each_says_what_it_is(self, name: str) -> None:
        metric = METRICS[name]
        low, high = metric.limits(3)
        assert metric.name == name
        assert low <= EXPECTED[name] <= high
        assert (low, high) in ((0, 3), (0, 1), (-inf, inf))
        assert (metric.unit == "%") == (metric.bounds == "share")
        assert metric.label
        assert metric.meaning

    def test_some_are_computed_only_where_they_say_something(self) -> None:
        run = tv.simulate(CATALOGUE, "2c", tv.Scenario(max_publishers=5))
        assert set(run.summary) == {*ALWAYS, "quota_waits"} - {"any_failure"}
        study = tv.compare(CATALOGUE, ["2c"], {"max_publishers": [None, 5]}, replications=3, progress=False)
        assert set(study.metrics) == {*ALWAYS, "quota_waits"}

    def test_those_of_retries_and_of_a_broker(self) -> None:
        """The encoder is busy until 2: v1 is refused at 0.5 and 1.5, v2 at 1."""
        retry = tv.RetryLater(1, attempts=2)
        run = simulate([(2, 9), (2, 9), (1, 9)], "1", 1, hand_over=retry)
        assert {*run.summary} == {*ALWAYS, "refused", "retries"} - {"any_failure", "client_blocked_time"}
        assert (run.summary["refused"], run.summary["retries"], run.summary["published"]) == (1, 2, 2)
        broker = tv.Broker(acknowledgement_loss=0.9, redelivered_after=0.1)
        run = simulate([(1, 9), (9, 99)], "1", 0, broker=broker)
        assert run.summary["redeliveries"] == (run.events["event"] == "redelivered").sum() > 0
        assert run.summary["redeliveries"] == run.summary["publishers_started"] - 2

    def test_a_client_that_meets_no_encoder_never_retries(self) -> None:
        run = simulate([(2, 9), (2, 9)], "1", 1, encoders=None, hand_over=tv.RetryLater(1, attempts=2))
        assert not {"refused", "retries"} & {*run.summary}
        run = simulate([(2, 9), (2, 9)], "1", 1, hand_over=tv.RetryLater(1))
        assert {"refused", "retries"} & {*run.summary} == {"retries"}  # no offer is the last one

    @pytest.mark.parametrize(("until", "busy"), [(None, 2 + 2), (7, 2 + 1)])
    def test_busy_is_from_assigned_to_the_end(self, until: float | None, busy: float) -> None:
        # a pool of 1: p0 is ready at 3 and busy until 5, p1 starts at 3, is ready at 6 and busy until 8
        scenario = tv.Scenario(startup_time=3, publishing_time=2, until=until)
        run = tv.simulate([tv.Video(name, "", "", 1, 9) for name in "ab"], "2c:1", scenario)
        assert run.summary["busy"] == busy
        # p0 has lived for 5 s, p1 since 3 and p2 since 6
        assert run.summary["publisher_seconds"] == 5 + (run.end - 3) + (run.end - 6)
        assert set(run.summary) == {*ALWAYS, "busy"} - {"any_failure"}

    def test_busy_is_known_where_no_time_is_drawn_and_each_video_gets_one_publisher(self) -> None:
        drawn = tv.Scenario(publishing_time="uniform(1, 2)")
        again = tv.Scenario(broker=tv.Broker(acknowledgement_loss=0.5))
        for scenario, by_video, known in [
            (tv.Scenario(publishing_time=1), (None, None), True),
            (drawn, (None, None), False),
            (drawn, (3, None), False),
            (drawn, (3, 4), True),
            (again, (3, 4), False),
        ]:
            videos = [tv.Video(str(n), "", "", 1, 9, publishing_time=time) for n, time in enumerate(by_video)]
            setting = tv.replicate(videos, "2c", scenario, replications=2).setting
            assert METRICS["busy"].is_fixed(setting) == known, scenario

    def test_labels_are_different(self) -> None:
        assert len({metric.label for metric in METRICS.values()}) == len(METRICS)

    def test_the_main_ones_exist(self) -> None:
        assert set(MAIN) < set(METRICS)

    def test_a_run_shows_all_but_those_of_many_runs(self, run: tv.Run) -> None:
        assert list(run.summary) == [name for name in ALWAYS if name != "any_failure"]


class TestWhatIsComputed:
    def test_only_what_was_asked_for_and_the_on_time_rate(self, computed: Counter[str]) -> None:
        reps = tv.replicate(CATALOGUE, "2c", replications=7, metrics=["makespan", "idle"])
        assert computed == {"makespan": 7, "idle": 7, ON_TIME_RATE: 7}
        assert list(reps.frame) == ["replication", "makespan", "idle"]
        assert computed.total() == 3 * 7

    def test_in_a_comparison_too(self, computed: Counter[str]) -> None:
        study = tv.compare(CATALOGUE, ["1", "2c"], replications=3, metrics="published")
        assert study.summary.columns.get_level_values("metric").unique().tolist() == ["published"]
        study.extend(2)
        assert computed == {"published": 2 * 5, ON_TIME_RATE: 2 * 5}

    def test_and_the_metric_of_the_precision(self, computed: Counter[str]) -> None:
        precision = tv.Precision("idle", relative=0.5)
        tv.replicate(CATALOGUE, "2c", replications=4, metrics="makespan", precision=precision)
        assert computed == {"makespan": 4, ON_TIME_RATE: 4, "idle": 4}

    def test_all_by_default(self, computed: Counter[str]) -> None:
        tv.replicate(CATALOGUE, "2c", replications=2)
        assert computed == dict.fromkeys(ALWAYS, 2)

    def test_others_are_simulated_again_once(self, computed: Counter[str]) -> None:
        reps = tv.replicate(CATALOGUE, "2c", replications=3, metrics="makespan")
        everything = tv.replicate(CATALOGUE, "2c", replications=3)
        computed.clear()
        for name in ("idle", "published", "idle"):
            assert reps.values(name).tolist() == everything.values(name).tolist()
        assert computed == dict.fromkeys(set(METRICS) - {"cost"}, 3)


def never(run: Measured) -> float:
    raise AssertionError("the kernel computes this metric itself")


class TestANewOne:
    @pytest.fixture(autouse=True)
    def _longest_queue(self, monkeypatch: pytest.MonkeyPatch) -> None:
        new = Metric("longest_wait", "longest wait", "s", "from encoded to assigned, at most",
                     lambda run: float((run.videos["assigned"] - run.videos["encoded"]).max()))  # fmt: skip
        monkeypatch.setitem(METRICS, new.name, new)

    def test_is_in_the_summary_of_a_run(self, run: tv.Run) -> None:
        assert run.summary["longest_wait"] > 0

    def test_is_in_the_frame_of_replications(self) -> None:
        reps = tv.replicate(CATALOGUE, "2c", replications=3)
        assert reps.frame["longest_wait"].tolist() == reps.values("longest_wait").tolist()

    def test_is_computed_from_the_facts_of_an_engine_that_does_not_know_it(self) -> None:
        pytest.importorskip("numba")
        one, other = (
            tv.replicate(CATALOGUE, "2c", replications=3, engine=name) for name in ("simpy", "kernel")
        )
        assert other.frame["longest_wait"].tolist() == one.frame["longest_wait"].tolist()

    @pytest.mark.parametrize("needs", [(), ("videos.assigned", "videos.encoded")])
    def test_leaves_the_others_to_the_kernel(self, monkeypatch: pytest.MonkeyPatch, needs: Any) -> None:
        pytest.importorskip("numba")
        monkeypatch.setitem(METRICS, "longest_wait", dataclasses.replace(METRICS["longest_wait"], needs=needs))
        usual = tv.replicate(CATALOGUE, "2c", replications=3, engine="simpy").frame
        from tv2sim.engines.kernel import MEASURED

        for name in MEASURED:
            monkeypatch.setitem(METRICS, name, dataclasses.replace(METRICS[name], compute=never))
        frame = tv.replicate(CATALOGUE, "2c", replications=3, engine="kernel").frame
        assert frame.equals(usual)

    def test_that_reads_a_column_which_it_does_not_declare_is_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("numba")
        monkeypatch.setitem(
            METRICS, "longest_wait", dataclasses.replace(METRICS["longest_wait"], needs=("videos.encoded",))
        )
        with pytest.raises(KeyError, match="reads the column assigned, which its `needs` do not declare"):
            tv.replicate(CATALOGUE, "2c", replications=3, engine="kernel")

    def test_is_compared(self) -> None:
        study = tv.compare(CATALOGUE, ["1", "2c"], replications=20)
        assert (study.summary["longest_wait"]["mean"] > 0).all()
        compared = study.difference("2c", "longest_wait")
        assert compared is not None
        assert compared.difference.mean < 0
        assert compared.verdict.value == "better"  # less is, unless the row says otherwise

    @pytest.mark.full
    def test_is_in_the_report(self) -> None:
        page = build_report(tv.compare(CATALOGUE, ["1", "2c"], replications=2))
        assert "longest wait (s)" in page
        assert "from encoded to assigned, at most" in page

    def test_is_in_the_table_of_the_command_and_its_precision_can_be_asked_for(self) -> None:
        result = tv2sim(
            "compare", CATALOGUE, "--strategies", "1,2c", "--replications", 2, "--format", "csv",
            "--precision", "longest_wait=1%",
        )  # fmt: skip
        assert "the budget ended after 2 replications: longest_wait" in result.err
        table = pd.read_csv(io.StringIO(result.out)).query("metric == 'longest_wait'")
        assert table["strategy"].tolist() == ["1", "2c"]
        assert (table["mean"] > 0).all()

    def test_is_written_by_the_one_formatter(self) -> None:
        interval = tv.replicate(CATALOGUE, "1", replications=20).interval("longest_wait")
        assert (heading("longest_wait"), axis("longest_wait")) == ("longest wait (s)", "longest wait (s)")
        assert estimate("longest_wait", interval).endswith(" s")


def test_the_command_knows_the_names_of_the_registry() -> None:
    result = tv2sim("compare", CATALOGUE, "--precision", "costs=1%")
    assert result.status == 2
    assert all(f"'{name}'" in result.err for name in METRICS)


# -- what cannot vary ----------------------------------------------------------------------------------------


class TestWhatCannotVary:
    """If a metric is said to be fixed, every replication has the same value; generated worlds are asked."""

    @pytest.mark.full
    def test_it_does_not_vary(self) -> None:
        fixed: Counter[str] = Counter()
        for seed in range(60):
            random = np.random.default_rng(seed)
            scenario = tv.Scenario(
                hand_over=[None, None, tv.RetryLater(0.5, attempts=2)][random.integers(3)],
                broker=[None, None, tv.Broker(acknowledgement_loss=0.5)][random.integers(3)],
                arrivals="poisson" if random.random() < 0.5 else "even",
                encoders=int(random.integers(1, 6)),
                publishing_queue_capacity=[None, 2, 100][random.integers(3)],
                publishing_time=float(random.integers(2)),
                until=[None, 9.0][int(random.random() < 0.2)],
                startup_time=["uniform(2, 6)", "3"][int(random.random() < 0.1)],
            )
            moments: list[Moment | None] = [None, "encoding_started", "encoded"]
            strategy = tv.Strategy(
                "any",
                starts_on=moments[random.integers(3)],
                prewarmed=int(random.integers(1, 4)) * int(random.random() < 0.7),
            )
            prices = [PRICES, tv.Prices(start=2)][random.integers(2)]
            catalogue = tv.generate_catalogue(12)
            reps = tv.replicate(catalogue, strategy, scenario, replications=12, prices=prices)
            for name, metric in METRICS.items():
                if metric.is_fixed(reps.setting):
                    fixed[name] += 1
                    assert len(np.unique(reps.values(name))) == 1, (name, seed)
                    np.testing.assert_equal(reps.interval(name)[:2], (reps.values(name)[0], 0))
        assert min(fixed[name] for name in METRICS if METRICS[name].fixed) >= 5

    def test_a_constant_start_up_time_leaves_nothing_to_chance(self) -> None:
        study = tv.compare(tv.generate_catalogue(12), ["1", "2a"], tv.Scenario(startup_time=3), replications=5)
        assert study.differences["p_value"].isna().all()
        assert study.differences["p_adjusted"].isna().all()
        verdicts = study.differences.set_index("metric")["verdict"]
        assert verdicts["published"] == "better"
        assert verdicts["unfinished"] == "no difference shown"
