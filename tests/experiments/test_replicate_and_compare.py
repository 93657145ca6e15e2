"""`replicate`: each row is a run, whatever order, batch or precision it comes from; and what it refuses."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.helpers.commands import video
from tv2sim.engines import choice
from tv2sim.engines.model import run_model
from tv2sim.inference.intervals import mean_interval, share_interval
from tv2sim.results.metrics import METRICS

CATALOGUE = tv.generate_catalogue()
FEW = tv.generate_catalogue(12)
PARTS = ["1", "2a", "2b", "2c"]
SCARCE = tv.PART_2C.replace(name="pool of 5", prewarmed=5)
NO_POOL = tv.Strategy("nobody", prewarmed=0)

ODD = {
    "cut off in the middle": tv.Scenario(until=4.25),
    "cut off before anything": tv.Scenario(until=0.25),
    "nothing may wait": tv.Scenario(publishing_queue_capacity=0, encoders=2),
    "one encoder": tv.Scenario(encoders=1),
    "a crowd at once": tv.Scenario(encoders=50, requests_per_second=1e6, publishing_queue_capacity=None),
    "slow publishing": tv.Scenario(publishing_time=1.75, requests_per_second=3),
    "no chance": tv.Scenario(startup_time=4),
    "heavy tail": tv.Scenario(startup_time="lognormal(4, 1.5)", requests_per_second=0.7),
}


def same(one: tv.Replications, other: tv.Replications) -> None:
    """Hold two results against each other, to the last bit."""
    assert_frame_equal(one.frame, other.frame, check_exact=True)
    assert_frame_equal(one.on_time, other.on_time, check_exact=True)


def check_against_runs(
    reps: tv.Replications, which: list[int], scenario: tv.Scenario | None, seed: int = 1
) -> None:
    """Hold rows of the frame against runs that are opened one by one, the last one first."""
    for replication in reversed(which):
        run = tv.simulate(reps.catalogue, reps.strategy, scenario, seed=seed, replication=replication)
        row = reps.frame.iloc[replication]
        assert row["replication"] == replication
        for metric, figure in run.summary.items():
            np.testing.assert_equal(row[metric], figure, err_msg=metric)
        assert row["any_failure"] == (run.summary["published"] < len(reps.catalogue))


@cache
def thousand() -> tv.Replications:
    """Make a thousand replications of a short catalogue, at once."""
    return tv.replicate(FEW, SCARCE, replications=1000)


# -- a row is a run -------------------------------------------------------------------------------------------


class TestARowIsARun:
    @pytest.mark.parametrize("strategy", PARTS)
    def test_to_the_last_bit(self, strategy: str) -> None:
        reps = tv.replicate(CATALOGUE, strategy, replications=8, seed=7)
        check_against_runs(reps, [7, 0, 3], None, seed=7)

    @pytest.mark.parametrize("strategy", [*PARTS, NO_POOL], ids=str)
    @pytest.mark.parametrize("name", ODD)
    def test_in_odd_worlds_too(self, name: str, strategy: tv.Strategy | str) -> None:
        reps = tv.replicate(FEW, strategy, ODD[name], replications=4, seed=5)
        check_against_runs(reps, [0, 3], ODD[name], seed=5)

    @settings(max_examples=25)
    @given(st.integers(0, 2**64 - 1), st.sampled_from(PARTS), st.integers(1, 4), st.integers(1, 12))
    def test_for_any_seed(self, seed: int, strategy: str, encoders: int, count: int) -> None:
        scenario = tv.Scenario(encoders=encoders)
        reps = tv.replicate(FEW, strategy, scenario, replications=count, seed=seed)
        check_against_runs(reps, [count - 1], scenario, seed=seed)

    def test_a_rule_of_ones_own(self) -> None:
        class Patient(tv.Strategy):
            def owns_publisher(self, video: tv.Video) -> bool:
                return video.publication_timeout >= 6

            def start_moment(self, video: tv.Video) -> Any:
                return "encoding_started" if self.owns_publisher(video) else None

        reps = tv.replicate(FEW, Patient(prewarmed=2), replications=3)
        check_against_runs(reps, [0, 1, 2], None)

    def test_a_video_is_counted_whenever_it_was_on_time(self) -> None:
        reps = tv.replicate(CATALOGUE, "1", replications=6, seed=2)
        runs = [tv.simulate(CATALOGUE, "1", seed=2, replication=r) for r in range(6)]
        expected = np.sum([run.videos["on_time"].to_numpy(dtype=np.int64) for run in runs], axis=0)
        assert reps.on_time["on_time"].tolist() == expected.tolist()
        assert 0 < expected.sum() < 6 * len(CATALOGUE)

    def test_another_seed_gives_other_rows(self) -> None:
        one, other = (tv.replicate(FEW, "1", replications=20, seed=seed) for seed in (1, 2))
        assert one.frame["elapsed_p50"].tolist() != other.frame["elapsed_p50"].tolist()

    def test_no_two_rows_are_the_same_run(self) -> None:
        assert tv.replicate(FEW, "1", replications=300).frame["elapsed_p50"].is_unique


# -- batches --------------------------------------------------------------------------------------------------


class TestBatches:
    @pytest.mark.full
    def test_200_extended_by_800_are_1000_at_once(self) -> None:
        same(tv.replicate(FEW, SCARCE, replications=200).extend(800), thousand())

    @pytest.mark.parametrize("strategy", PARTS)
    @pytest.mark.full
    def test_20_extended_by_80_are_100_at_once(self, strategy: str) -> None:
        reps = tv.replicate(CATALOGUE, strategy, replications=20, seed=3)
        same(reps.extend(80), tv.replicate(CATALOGUE, strategy, replications=100, seed=3))

    def test_extending_twice(self) -> None:
        assert len(thousand()) == 1000
        same(tv.replicate(FEW, "1", replications=1).extend(1).extend(7), tv.replicate(FEW, "1", replications=9))

    def test_extending_changes_nothing_in_what_was_there(self) -> None:
        reps = tv.replicate(FEW, "1", replications=5)
        before = reps.frame.copy(), reps.on_time.copy()
        reps.extend(5)
        assert len(reps) == 5
        fresh = tv.replicate(FEW, "1", replications=5)
        same(reps, fresh)
        assert_frame_equal(before[0], fresh.frame)
        assert_frame_equal(before[1], fresh.on_time)

    def test_those_done_are_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reps = tv.replicate(FEW, "1", replications=5)
        done: list[int] = []
        original = run_model

        def watched(*arguments: Any, **named: Any) -> Any:
            done.append(arguments[3].replication)
            return original(*arguments, **named)

        monkeypatch.setattr(choice, "run_model", watched)
        reps.extend(3)
        assert done == [5, 6, 7]

    def test_extending_keeps_what_went_in(self) -> None:
        scenario = tv.Scenario(encoders=3)
        reps = tv.replicate(FEW, "2a", scenario, replications=2, seed=9, metrics=["idle"]).extend(2)
        assert (reps.strategy, reps.scenario, reps.seed) == (tv.PART_2A, scenario, 9)
        assert list(reps.frame) == ["replication", "idle"]


# -- the seed -------------------------------------------------------------------------------------------------


class TestTheSeed:
    def test_it_is_1_if_nothing_is_said(self) -> None:
        same(tv.replicate(FEW, "1", replications=3), tv.replicate(FEW, "1", replications=3, seed=1))

    def test_none_draws_one_and_records_it(self) -> None:
        reps = tv.replicate(FEW, "1", replications=4, seed=None)
        assert isinstance(reps.seed, int)
        same(reps, tv.replicate(FEW, "1", replications=4, seed=reps.seed))
        same(reps.extend(4), tv.replicate(FEW, "1", replications=8, seed=reps.seed))

    def test_none_draws_another_one_each_time(self) -> None:
        seeds = {tv.replicate(FEW, "1", replications=1, seed=None).seed for _ in range(8)}
        assert len(seeds) > 1


# -- the tables -----------------------------------------------------------------------------------------------

COUNTS = ["published", "failed", "unfinished", "stockouts", "publishers_started", "publishers_wasted",
          "peak_publishers"]  # fmt: skip
OTHERS = ["on_time_rate", "elapsed_p50", "elapsed_p95", "elapsed_p99", "lateness_p50", "lateness_p95",
          "lateness_p99", "lateness_max", "idle", "publisher_seconds", "encoder_utilization",
          "publishing_queue_mean", "client_blocked_time", "makespan"]  # fmt: skip


class TestTheFrame:
    def test_its_columns_are_the_replication_and_the_figures_of_a_run(self) -> None:
        run = tv.simulate(FEW, "2c")
        assert list(thousand().frame) == ["replication", *run.summary, "any_failure"]
        assert set(thousand().frame) == {"replication", *COUNTS, *OTHERS, "any_failure"}

    def test_their_kinds(self) -> None:
        frame = thousand().frame
        kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
        expected = dict.fromkeys(["replication", *COUNTS], "int64")
        assert kinds == expected | dict.fromkeys(OTHERS, "float64") | {"any_failure": "bool"}

    @pytest.mark.parametrize("strategy", [*PARTS, NO_POOL], ids=str)
    @pytest.mark.parametrize("name", ODD)
    def test_their_kinds_are_the_same_in_odd_worlds(self, name: str, strategy: tv.Strategy | str) -> None:
        frame = tv.replicate(FEW, strategy, ODD[name], replications=2).frame
        added = {"busy": np.dtype("float64")} if ODD[name].publishing_time else {}
        assert frame.dtypes.to_dict() == thousand().frame.dtypes.to_dict() | added

    def test_a_row_per_replication_in_their_order(self) -> None:
        frame = thousand().frame
        assert frame["replication"].tolist() == list(range(1000))
        assert isinstance(frame.index, pd.RangeIndex)

    def test_metrics_choose_the_columns_in_their_order(self) -> None:
        frame = tv.replicate(FEW, replications=3, metrics=["makespan", "any_failure", "published"]).frame
        assert list(frame) == ["replication", "makespan", "any_failure", "published"]
        assert_frame_equal(frame, tv.replicate(FEW, replications=3).frame[list(frame)])

    def test_a_single_metric_may_be_given_as_it_is(self) -> None:
        assert list(tv.replicate(FEW, replications=1, metrics="idle").frame) == ["replication", "idle"]
        assert list(tv.replicate(FEW, replications=1, metrics=iter(["idle"])).frame) == ["replication", "idle"]

    def test_other_metrics_can_still_be_asked_for(self) -> None:
        reps = tv.replicate(FEW, replications=3, metrics=["idle"])
        full = tv.replicate(FEW, replications=3)
        assert reps.values("published").tolist() == full.frame["published"].tolist()
        assert reps.interval("makespan") == full.interval("makespan")

    def test_any_failure(self) -> None:
        frame = thousand().frame
        assert (frame["any_failure"] == (frame["published"] < len(FEW))).all()
        assert 0 < frame["any_failure"].sum() < 1000

    def test_unfinished_videos_are_failures_too(self) -> None:
        frame = tv.replicate(FEW, NO_POOL, replications=2).frame
        assert frame["unfinished"].tolist() == [len(FEW)] * 2
        assert frame["any_failure"].all()

    @pytest.mark.parametrize("engine", ["auto", "simpy"])
    def test_engines(self, engine: Any) -> None:
        same(tv.replicate(FEW, replications=3, engine=engine), tv.replicate(FEW, replications=3))


class TestOnTime:
    def test_a_row_per_video(self) -> None:
        table = thousand().on_time
        described = ["id", "title", "encoding_time", "publication_timeout"]
        assert_frame_equal(table[described], FEW.frame[described])
        assert list(table) == [*described, "on_time", "probability", "ci_low", "ci_high"]
        assert table["on_time"].dtype == np.int64

    def test_the_intervals_are_those_of_shares(self) -> None:
        for count, *found in thousand().on_time[
            ["on_time", "probability", "ci_low", "ci_high"]
        ].itertuples(index=False):  # fmt: skip
            interval = share_interval(count, 1000)
            assert found == [interval.mean, interval.ci_low, interval.ci_high]

    def test_they_add_up_to_the_published_ones(self) -> None:
        reps = thousand()
        assert reps.on_time["on_time"].sum() == reps.frame["published"].sum()

    def test_a_video_that_always_or_never_makes_it_is_not_certain(self) -> None:
        """Under part 2a a timeout of 6 s or more is always enough, and one of 2 s never."""
        records = [video(0, encoding=1, timeout=6), video(1, encoding=1, timeout=2)]
        always, never = tv.replicate(records, "2a", replications=50).on_time.to_dict("records")
        assert (always["probability"], always["ci_high"]) == (1, 1)
        assert 0.9 < always["ci_low"] < 1
        assert (never["probability"], never["ci_low"]) == (0, 0)
        assert 0 < never["ci_high"] < 0.1

    def test_the_catalogue_s_own_table_stays_as_it_is(self) -> None:
        catalogue = tv.generate_catalogue(5)
        before = list(catalogue.frame)
        assert len(tv.replicate(catalogue, replications=2).on_time) == 5
        assert list(catalogue.frame) == before


class TestIntervals:
    @pytest.mark.parametrize("metric", ["published", "on_time_rate", "idle", "elapsed_p95"])
    def test_a_mean_has_a_t_interval_over_replications(self, metric: str) -> None:
        reps = thousand()
        values = reps.frame[metric].to_numpy(dtype=np.float64)
        assert np.ptp(values) > 0
        expected = mean_interval(values, 0.9)
        found = replace(reps, control=None).interval(metric, 0.9)
        assert found == expected

    def test_any_failure_is_a_share(self) -> None:
        reps = thousand()
        assert reps.interval("any_failure") == share_interval(int(reps.frame["any_failure"].sum()), 1000)

    def test_no_failure_in_1000_is_not_certainty(self) -> None:
        """Clopper-Pearson: up to 0.368 % of replications may be otherwise."""
        reps = tv.replicate([video(0, encoding=1, timeout=60)], "2a", replications=1000)
        unknown = 1 - 0.025**0.001
        assert reps.frame["failed"].sum() == 0
        assert list(reps.interval("failed"))[2:4] == pytest.approx([0, unknown])
        assert list(reps.interval("any_failure"))[2:4] == pytest.approx([0, unknown])
        assert list(reps.interval("on_time_rate"))[2:4] == pytest.approx([1 - unknown, 1])
        assert reps.interval("published").ci_high == 1

    def test_one_video_may_fail_in_a_replication_that_is_otherwise(self) -> None:
        records = [video(number, encoding=1, timeout=60) for number in range(3)]
        reps = tv.replicate(records, "2a", replications=50)
        unknown = 1 - 0.025 ** (1 / 50)
        assert list(reps.interval("failed"))[2:4] == pytest.approx([0, unknown])
        assert list(reps.interval("published"))[2:4] == pytest.approx([3 - unknown, 3])

    def test_failing_always_is_no_certainty_either(self) -> None:
        reps = tv.replicate(FEW, NO_POOL, replications=10)
        assert reps.interval("any_failure").ci_low == pytest.approx(0.025**0.1)
        assert reps.interval("on_time_rate").ci_high == pytest.approx((1 - 0.025**0.1) / len(FEW))

    def test_what_never_happened_has_none(self) -> None:
        assert np.isnan(tv.replicate(FEW, NO_POOL, replications=3).interval("elapsed_p50")[:4]).all()

    def test_its_text_says_what_it_is(self) -> None:
        text = repr(tv.replicate(FEW, "2a", replications=3, seed=5))
        assert "3 replications" in text
        assert "'2a'" in text
        assert "seed 5" in text


# -- how many -------------------------------------------------------------------------------------------------


class TestPrecision:
    @pytest.mark.parametrize("width", [{"absolute": 0.02}, {"relative": 0.04}], ids=str)
    def test_it_ends_as_soon_as_it_is_met_and_says_so(self, width: dict[str, float]) -> None:
        precision = tv.Precision("on_time_rate", **width)
        reps = tv.replicate(FEW, "1", replications=5000, precision=precision)
        assert precision.is_met(reps.interval("on_time_rate"))
        assert 100 <= len(reps) < 5000
        assert reps.stopped is not None
        assert str(reps.stopped).startswith(
            f"the precision was met after {len(reps)} replications: on_time_rate "
        )

    @pytest.mark.parametrize("width", [{"absolute": 1e-6}, {"relative": 1e-6}], ids=str)
    @pytest.mark.parametrize("budget", [1, 2, 99, 100, 101, 230])
    def test_or_when_the_budget_ends(self, budget: int, width: dict[str, float]) -> None:
        reps = tv.replicate(FEW, "1", replications=budget, precision=tv.Precision("published", **width))
        assert len(reps) == budget
        assert reps.stopped is not None
        assert str(reps.stopped).startswith(f"the budget ended after {budget} replications: published ")

    def test_the_rows_are_those_that_a_plain_call_gives(self) -> None:
        reps = tv.replicate(FEW, "1", replications=5000, precision=tv.Precision("on_time_rate", absolute=0.02))
        same(reps, tv.replicate(FEW, "1", replications=len(reps)))

    def test_the_same_call_ends_at_the_same_place(self) -> None:
        precision = tv.Precision("published", relative=0.05)
        one, other = (tv.replicate(FEW, "1", replications=3000, precision=precision) for _ in range(2))
        assert one.stopped == other.stopped
        same(one, other)

    def test_it_does_not_take_many_more_than_are_needed(self) -> None:
        reps = tv.replicate(FEW, "1", replications=9999, precision=tv.Precision("published", absolute=0.08))
        values = reps.values("published")
        needed = (1.96 * values.std(ddof=1) / 0.08) ** 2
        assert 0.9 * needed <= len(reps) <= 1.3 * needed

    def test_its_own_confidence_counts(self) -> None:
        sure, less = (
            tv.replicate(
                FEW, "1", replications=9999, precision=tv.Precision("published", 0.08, confidence=confidence)
            )
            for confidence in (0.99, 0.9)
        )
        assert len(sure) > len(less)
        assert sure.interval("published", 0.99).half_width <= 0.08

    def test_no_event_is_not_enough(self) -> None:
        records = [video(0, encoding=1, timeout=60)]
        reps = tv.replicate(records, "2a", replications=500, precision=tv.Precision("on_time_rate", 0.1))
        assert len(reps) == 500
        assert str(reps.stopped).endswith(
            "of which none differ from the commonest value; an estimate needs 30 that do"
        )

    def test_of_rare_events_30_are_waited_for(self) -> None:
        """A start-up takes more than 5.8 s in 5 % of replications: 30 of them in about 600."""
        records = [video(0, encoding=0, timeout=5.8)]
        reps = tv.replicate(records, "2a", replications=5000, precision=tv.Precision("failed", 0.1))
        assert reps.stopped is not None
        assert reps.stopped.met
        assert 30 <= reps.frame["failed"].sum() < 60
        assert reps.frame["failed"][:100].sum() < 30

    def test_what_cannot_vary_is_known_at_once(self) -> None:
        precision = tv.Precision("unfinished", absolute=0.1)
        assert len(tv.replicate(FEW, "2a", replications=5000, precision=precision)) == 100

    def test_a_figure_that_never_comes_ends_with_the_budget(self) -> None:
        reps = tv.replicate(FEW, NO_POOL, replications=230, precision=tv.Precision("elapsed_p50", absolute=0.1))
        assert len(reps) == 230
        assert reps.stopped is not None
        assert str(reps.stopped).startswith("the budget ended after 230 replications")

    def test_a_mean_of_0_is_never_known_relatively(self) -> None:
        records = [video(0, encoding=1, timeout=60)]
        reps = tv.replicate(records, "2a", replications=230, precision=tv.Precision("failed", relative=0.1))
        assert len(reps) == 230
        assert str(reps.stopped).startswith("the budget ended")

    def test_without_a_precision_nothing_is_said(self) -> None:
        assert thousand().stopped is None

    def test_its_metric_need_not_be_in_the_frame(self) -> None:
        precision = tv.Precision("published", absolute=5)
        reps = tv.replicate(FEW, "1", replications=200, precision=precision, metrics=["idle"])
        assert str(reps.stopped).startswith("the precision was met")


# -- wrong calls ----------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "zero replications": (
        {"replications": 0},
        "replications must be a whole number of at least 1 and at most 1000000000, not 0",
    ),
    "replications without end": (
        {"replications": 10**23},
        "replications must be a whole number of at least 1 and at most 1000000000, not 1" + "0" * 23,
    ),
    "half a replication": (
        {"replications": 1.5},
        "replications must be a whole number of at least 1 and at most 1000000000, not 1.5",
    ),
    "text": (
        {"replications": "10"},
        "replications must be a whole number of at least 1 and at most 1000000000, not '10'",
    ),
    "true": (
        {"replications": True},
        "replications must be a whole number of at least 1 and at most 1000000000, not True",
    ),
    "strategy": ({"strategy": "3"}, "a strategy is one of 1, 2a, 2b, 2c, .*, not '3'"),
    "scenario": ({"scenario": 5}, "scenario must be a tv2sim.Scenario, not 5"),
    "a grid": ({"scenario": {"encoders": [5]}}, "scenario must be a tv2sim.Scenario, not {"),
    "seed": ({"seed": -1}, "seed, if not None, must be a whole number of at least 0 .*, not -1"),
    "metric": (
        {"metrics": ["idle", "price"]},
        "a metric must be one of 'published', .*'cost', not 'price'",
    ),
    "one metric": ({"metrics": "price"}, "a metric must be one of 'published', .*, not 'price'"),
    "a number as metrics": ({"metrics": 5}, "metrics must be 'all' or names of .*'published', .*, not 5"),
    "a number as metric": ({"metrics": [5]}, "a metric must be one of 'published', .*, not 5"),
    "no metric": ({"metrics": []}, r"metrics must be 'all' or names of .*'published', .*, not \[\]"),
    "a metric twice": ({"metrics": ["idle", "idle"]}, "metrics names 'idle' twice"),
    "engine": ({"engine": "fast"}, "engine must be one of 'auto', 'simpy', 'kernel', not 'fast'"),
    "too many": (
        {"replications": 10**23},
        f"replications must be a whole number of at least 1 and at most 1000000000, not {10**23}",
    ),
    "a million workers": ({"workers": 10**6}, "workers, if not None, .* at most 1000, not 1000000"),
    "zero workers": (
        {"workers": 0},
        "workers, if not None, must be a whole number of at least 1 and at most 1000, not 0",
    ),
    "two and a half": (
        {"workers": 2.5},
        "workers, if not None, must be a whole number of at least 1 and at most 1000, not 2.5",
    ),
    "true workers": (
        {"workers": True},
        "workers, if not None, must be a whole number of at least 1 and at most 1000, not True",
    ),
    "all workers": (
        {"workers": "all"},
        "workers, if not None, must be a whole number of at least 1 and at most 1000, not 'all'",
    ),
    "executor": ({"executor": 4}, "executor must be a concurrent.futures.Executor.*, not 4"),
    "precision": ({"precision": 0.1}, "precision must be a tv2sim.Precision, not 0.1"),
    "metric of it": ({"precision": tv.Precision("price", 0.1)}, "a metric must be one of .*, not 'price'"),
    "catalogue": ({"catalogue": "no/such/file.jsonl"}, "no/such/file.jsonl"),
}


class TestWrongCalls:
    @pytest.mark.parametrize("name", WRONG)
    def test_get_one_clear_sentence(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def simulated(*_: Any, **__: Any) -> None:
            raise AssertionError("it was found out after the simulation had started")

        monkeypatch.setattr(choice, "run_model", simulated)
        wrong, message = WRONG[name]
        arguments: dict[str, Any] = {"catalogue": FEW, "replications": 3} | wrong
        with pytest.raises(tv.InputError, match=message) as caught:
            tv.replicate(arguments.pop("catalogue"), arguments.pop("strategy", "1"), **arguments)
        assert "\n" not in str(caught.value)

    def test_workers_and_an_executor_together(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with (
            ThreadPoolExecutor(1) as executor,
            pytest.raises(tv.InputError, match="workers or executor, not both"),
        ):
            tv.replicate(FEW, replications=3, workers=2, executor=executor)

    @pytest.mark.parametrize("more", [0, -1, 2.0, None])
    def test_extending_by_nothing(self, more: Any) -> None:
        with pytest.raises(
            tv.InputError, match="more must be a whole number of at least 1 and at most 1000000000, not"
        ):
            tv.replicate(FEW, replications=1).extend(more)

    def test_a_figure_that_there_is_not(self) -> None:
        reps = tv.replicate(FEW, replications=2)
        for ask in (reps.values, reps.interval):
            with pytest.raises(tv.InputError, match=r"a metric must be one of .*, not 'price'"):
                ask("price")

    def test_a_confidence_that_is_none(self) -> None:
        with pytest.raises(tv.InputError, match=r"confidence must be .*, not 95"):
            tv.replicate(FEW, replications=2).interval("idle", 95)

    def test_every_figure_is_documented(self) -> None:
        assert all(metric.label and metric.meaning for metric in METRICS.values())


def test_a_catalogue_is_whatever_can_be_read() -> None:
    records = [video(number) for number in range(3)]
    frame = pd.DataFrame(records)
    results = [tv.replicate(source, replications=2) for source in (records, frame, tv.read_catalogue(records))]
    for one, other in itertools.pairwise(results):
        same(one, other)
