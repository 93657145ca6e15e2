"""`compare`: its cells, its differences with their verdicts, and what common random numbers are worth."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.experiments.test_replicate_and_compare import CATALOGUE, FEW, NO_POOL, same
from tests.helpers.commands import video
from tests.helpers.exact import TIMEOUT_OF_6, moments
from tv2sim.engines import choice
from tv2sim.engines.model import run_model
from tv2sim.experiments.replications import Cell
from tv2sim.inference.intervals import holm

STATISTICS = ["mean", "half_width", "ci_low", "ci_high"]
POOLS = [tv.PART_2C.replace(name=f"pool of {size}", prewarmed=size) for size in (5, 6)]
EASY = [video(0, encoding=1, timeout=60)]


@cache
def parts() -> tv.Comparison:
    """Compare the four parts on the whole catalogue."""
    return tv.compare(CATALOGUE, replications=60, seed=3)


@cache
def one_and_2a() -> tv.Comparison:
    return tv.compare(CATALOGUE, ["1", "2a"], replications=1000, metrics=["published"])


def same_study(one: tv.Comparison, other: tv.Comparison) -> None:
    assert list(one.cells) == list(other.cells)
    for cell, reps in one.cells.items():
        same(reps, other.cells[cell])
    assert_frame_equal(one.summary, other.summary, check_exact=True)
    assert_frame_equal(one.differences, other.differences, check_exact=True)


def row(study: tv.Comparison, strategy: str, metric: str) -> Mapping[str, Any]:
    """Return the one row of the differences of a strategy and a metric."""
    table = study.differences
    (found,) = table[(table["strategy"] == strategy) & (table["metric"] == metric)].to_dict("records")
    return {str(name): value for name, value in found.items()}


# -- cells ----------------------------------------------------------------------------------------------------


class TestCells:
    @pytest.mark.full
    def test_each_is_what_replicate_gives(self) -> None:
        for strategy in ("1", "2a", "2b", "2c"):
            same(parts()[strategy], tv.replicate(CATALOGUE, strategy, replications=60, seed=3))

    def test_catalogues_by_scenarios_by_strategies(self) -> None:
        catalogues = {"short": FEW, "one": EASY}
        scenarios = {"usual": tv.Scenario(), "slow": tv.Scenario(encoders=1)}
        study = tv.compare(catalogues, ["1", "2c"], scenarios, replications=3, seed=8)
        expected = [Cell(c, s, k) for c in ("short", "one") for s in ("usual", "slow") for k in ("1", "2c")]
        assert list(study.cells) == expected
        assert study.summary.index.tolist() == expected
        for cell, reps in study.cells.items():
            source, world = catalogues[cell.catalogue], scenarios[cell.scenario]
            same(reps, tv.replicate(source, cell.strategy, world, replications=3, seed=8))

    def test_the_four_parts_are_compared_if_nothing_is_said(self) -> None:
        assert [cell.strategy for cell in parts().cells] == ["1", "2a", "2b", "2c"]
        assert parts().baseline == "1"

    def test_one_catalogue_has_its_own_name(self) -> None:
        assert {cell.catalogue for cell in parts().cells} == {CATALOGUE.name}

    def test_a_strategy_of_ones_own_beside_a_name(self) -> None:
        study = tv.compare(FEW, [*POOLS, "2c"], replications=2)
        assert [cell.strategy for cell in study.cells] == ["pool of 5", "pool of 6", "2c"]
        same(study["pool of 6"], tv.replicate(FEW, POOLS[1], replications=2))

    @pytest.mark.parametrize("strategy", ["2a", tv.PART_2A], ids=["by name", "itself"])
    def test_a_single_strategy(self, strategy: Any) -> None:
        study = tv.compare(FEW, strategy, replications=2)
        assert list(study.summary.index.get_level_values("strategy")) == ["2a"]
        assert len(study.differences) == 0

    def test_a_strategy_is_asked_for_by_name(self) -> None:
        with pytest.raises(tv.InputError, match="0 cells have the strategy '3'"):
            parts()["3"]
        several = tv.compare({"a": FEW, "b": FEW}, "1", replications=1)
        with pytest.raises(tv.InputError, match="2 cells have the strategy '1'"):
            several["1"]

    def test_seed_none_is_one_seed_for_all(self) -> None:
        study = tv.compare(FEW, ["1", "2b"], replications=3, seed=None)
        (seed,) = {reps.seed for reps in study.cells.values()}
        same_study(study, tv.compare(FEW, ["1", "2b"], replications=3, seed=seed))

    def test_extended_is_all_at_once(self) -> None:
        study = tv.compare(CATALOGUE, replications=20, seed=3).extend(30).extend(10)
        same_study(study, parts())
        assert study.replications == 60

    def test_extending_keeps_what_was_asked_for(self) -> None:
        study = tv.compare(FEW, ["1", "2a"], replications=5, baseline="2a", confidence=0.9, metrics=["idle"])
        at_once = tv.compare(FEW, ["1", "2a"], replications=8, baseline="2a", confidence=0.9, metrics=["idle"])
        same_study(study.extend(3), at_once)

    def test_those_done_are_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        study = tv.compare(FEW, ["1", "2a"], replications=5)
        done: list[int] = []
        original = run_model

        def watched(*arguments: Any, **named: Any) -> Any:
            done.append(arguments[3].replication)
            return original(*arguments, **named)

        monkeypatch.setattr(choice, "run_model", watched)
        study.extend(2)
        assert done == [5, 6, 5, 6]


class TestScenarios:
    def test_a_grid(self) -> None:
        grid = {"encoders": [5, 10], "requests_per_second": [1, 2, 3]}
        study = tv.compare(FEW, ["1"], grid, replications=2)
        expected = {
            f"encoders={encoders}, requests_per_second={rate}": tv.Scenario(encoders, rate)
            for encoders in (5, 10)
            for rate in (1, 2, 3)
        }
        assert [cell.scenario for cell in study.cells] == list(expected)
        for cell, reps in study.cells.items():
            assert reps.scenario == expected[cell.scenario]

    def test_a_grid_over_start_up_times_and_a_range(self) -> None:
        grid = {"startup_time": ["uniform(2, 6)", 4], "encoders": range(1, 3)}
        study = tv.compare(FEW, ["1"], grid, replications=1)
        worlds = [reps.scenario for reps in study.cells.values()]
        times: list[Any] = [tv.Uniform(2, 6), tv.Constant(4)]
        assert worlds == [tv.Scenario(encoders, startup_time=time) for time in times for encoders in (1, 2)]

    def test_a_list_is_named_by_what_is_unusual(self) -> None:
        worlds = [tv.Scenario(), tv.Scenario(encoders=5), tv.Scenario(encoders=5, startup_time="gamma(4, 1)")]
        study = tv.compare(FEW, ["1"], worlds, replications=1)
        names = [cell.scenario for cell in study.cells]
        assert names == ["default", "encoders=5", "encoders=5, startup_time=gamma(4, 1)"]
        assert [reps.scenario for reps in study.cells.values()] == worlds

    @pytest.mark.parametrize("scenario", [None, tv.Scenario()], ids=["none", "usual"])
    def test_the_usual_one(self, scenario: tv.Scenario | None) -> None:
        study = tv.compare(FEW, ["1"], scenario, replications=1)
        assert [cell.scenario for cell in study.cells] == ["default"]

    def test_no_scenario_vanishes(self) -> None:
        """Two distributions that read the same, in a grid, would share a name."""
        times = [tv.Empirical([2, 3, 6]), tv.Empirical([2, 5, 6])]
        with pytest.raises(tv.InputError, match=r"two of the scenarios are called .* name them with a mapping"):
            tv.compare(FEW, ["1"], {"startup_time": times}, replications=1)


# -- tables ---------------------------------------------------------------------------------------------------


class TestTheSummary:
    def test_four_numbers_per_metric(self) -> None:
        table = tv.compare(FEW, ["1", "2c"], replications=3, metrics=["published", "idle"]).summary
        assert table.index.names == ["catalogue", "scenario", "strategy"]
        columns: list[Any] = [(metric, one) for metric in ("published", "idle") for one in STATISTICS]
        assert table.columns.tolist() == columns
        assert table.index.tolist() == [(FEW.name, "default", "1"), (FEW.name, "default", "2c")]

    def test_every_metric_if_nothing_is_said(self) -> None:
        metrics = [column for column in parts()["1"].frame if column != "replication"]
        assert list(dict.fromkeys(parts().summary.columns.get_level_values(0))) == metrics

    def test_the_numbers_are_the_cells_intervals(self) -> None:
        study = tv.compare(FEW, ["1", "2c"], replications=30, confidence=0.8)
        for cell, reps in study.cells.items():
            for metric in study.metrics:
                found = study.summary.loc[cell, metric]
                assert isinstance(found, pd.Series)
                np.testing.assert_equal(found.tolist(), list(reps.interval(metric, 0.8)[:4]))

    def test_part_1_by_scipy(self) -> None:
        values = parts()["1"].values("published")
        low, high = scipy.stats.t.interval(0.95, 59, values.mean(), scipy.stats.sem(values))
        found = parts().summary.xs("1", level="strategy")["published"]
        assert isinstance(found, pd.DataFrame)
        assert found[["ci_low", "ci_high"]].to_numpy().tolist() == [pytest.approx([low, high])]

    def test_the_same_as_a_tidy_table(self) -> None:
        study = tv.compare(FEW, ["1", "2c"], {"encoders": [1, 2]}, replications=3, metrics=["failed", "idle"])
        names = ["catalogue", "scenario", "strategy", "metric"]
        assert list(study.frame.columns) == [*names, "replications", *STATISTICS, "n"]
        assert list(study.frame["metric"]) == ["failed", "idle"] * 4
        tidy = study.summary.stack("metric", future_stack=True)
        assert isinstance(tidy, pd.DataFrame)
        assert_frame_equal(study.frame.set_index(names)[list(STATISTICS)], tidy, check_names=False)

    def test_a_metric_that_does_not_exist_in_each_replication_rests_on_fewer(self) -> None:
        # 2 s of encoding and a start-up time of 2 to 6 s, cut off at 5 s: some runs publish nothing
        one = tv.Catalogue([tv.Video("v", "", "", 2, 9)])
        study = tv.compare(one, ["1"], tv.Scenario(until=5), replications=40, metrics=["elapsed_p50", "failed"])
        count = int((~np.isnan(study["1"].values("elapsed_p50"))).sum())
        assert 0 < count < 40
        assert study.frame[["replications", "n"]].to_numpy().tolist() == [[40, count], [40, 40]]


class TestDifferences:
    def test_the_baseline_has_no_row(self) -> None:
        study = tv.compare({"a": FEW, "b": EASY}, ["1", "2a", "2c"], replications=3, baseline="2a")
        table = study.differences
        assert set(table["baseline"]) == {"2a"}
        assert table[["catalogue", "scenario", "strategy", "metric"]].to_numpy().tolist() == [
            [catalogue, "default", strategy, metric]
            for catalogue in ("a", "b")
            for strategy in ("1", "2c")
            for metric in study.metrics
        ]

    def test_the_columns(self) -> None:
        names = ["catalogue", "scenario", "strategy", "baseline", "metric", *STATISTICS]
        names += ["p_value", "variance_ratio", "n", "differing", "p_adjusted", "verdict"]
        assert list(parts().differences) == names
        alone = tv.compare(FEW, ["1"], replications=2).differences
        assert list(alone) == names
        assert len(alone) == 0

    @pytest.mark.parametrize("baseline", ["2a", tv.PART_2A], ids=["by name", "itself"])
    def test_a_baseline_is_given_by_name_or_itself(self, baseline: Any) -> None:
        study = tv.compare(FEW, ["1", "2a"], replications=3, baseline=baseline)
        assert set(study.differences["strategy"]) == {"1"}

    @pytest.mark.parametrize("metric", ["published", "idle", "elapsed_p50", "on_time_rate"])
    @pytest.mark.parametrize("strategy", ["2a", "2c"])
    def test_replication_by_replication(self, strategy: str, metric: str) -> None:
        found = row(parts(), strategy, metric)
        ours = parts()[strategy].frame[metric].to_numpy(dtype=np.float64)
        theirs = parts()["1"].frame[metric].to_numpy(dtype=np.float64)
        differences = [a - b for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
        assert found["mean"] == pytest.approx(math.fsum(differences) / 60)
        test = scipy.stats.ttest_rel(ours, theirs)
        expected = test.confidence_interval(0.95)
        assert [found["ci_low"], found["ci_high"]] == pytest.approx([expected.low, expected.high])
        assert found["half_width"] == pytest.approx((expected.high - expected.low) / 2)
        assert found["p_value"] == pytest.approx(test.pvalue)
        unpaired = np.var(ours, ddof=1) + np.var(theirs, ddof=1)
        assert found["variance_ratio"] == pytest.approx(unpaired / np.var(differences, ddof=1))

    def test_against_the_baseline_of_the_same_world(self) -> None:
        study = tv.compare(FEW, ["1", "2a"], {"encoders": [1, 5]}, replications=4, metrics=["published"])
        for cell, reps in study.cells.items():
            if cell.strategy == "2a":
                base = study.cells[cell._replace(strategy="1")]
                expected = (reps.values("published") - base.values("published")).mean()
                table = study.differences
                assert table[table["scenario"] == cell.scenario]["mean"].tolist() == [expected]

    def test_holm_over_all_rows(self) -> None:
        study = tv.compare(FEW, [*POOLS, "2a"], {"encoders": [2, 5]}, replications=20)
        table = study.differences
        assert len(table) == 2 * 2 * len(study.metrics)
        same = {"published", "failed", "on_time_rate"}  # each follows from the others: one hypothesis
        tested = table[~table["metric"].isin(same - {"published"})]
        np.testing.assert_equal(tested["p_adjusted"].to_numpy(), holm(tested["p_value"].to_numpy()))
        for _, rows in table[table["metric"].isin(same)].groupby(["scenario", "strategy"]):
            assert rows["p_adjusted"].nunique() == 1
        fixed = {"unfinished", "publishers_started", "publishers_wasted"}
        assert fixed <= set(table[table["p_value"].isna()]["metric"])
        table = tested
        smallest = int(np.nanargmin(table["p_value"].to_numpy()))
        raw, adjusted = (float(table[name].iloc[smallest]) for name in ("p_value", "p_adjusted"))
        assert adjusted == pytest.approx(min(1.0, raw * int(table["p_value"].notna().sum())))

    def test_identical_strategies_show_no_difference(self) -> None:
        """Parts 1 and 2b are the same rule wherever the queue has room."""
        table = parts().differences
        table = table[table["strategy"] == "2b"]
        assert set(table["verdict"]) == {"no difference shown"}
        assert set(table["p_value"].dropna()) == set(table["p_adjusted"].dropna()) == {1}
        assert not table[["mean", "differing"]].to_numpy().any()

    def test_waits_that_are_the_same_are_no_difference(self) -> None:
        """Pools of 14 and 20 never run empty: with exact time the same waits are the same numbers."""
        pools = [tv.PART_2C.replace(name=f"{size}", prewarmed=size) for size in (14, 20)]
        scenario = tv.Scenario(encoders=5, requests_per_second=3)
        study = tv.compare(CATALOGUE, pools, scenario, replications=100, metrics=["lateness_p99"])
        first, second = (study[pool.name].values("lateness_p99") for pool in pools)
        assert first.tolist() == second.tolist()
        assert row(study, "20", "lateness_p99")["verdict"] == "no difference shown"

    def test_what_never_happened_shows_none(self) -> None:
        study = tv.compare(FEW, [NO_POOL, "2c"], replications=9, metrics=["elapsed_p50", "published"])
        found = row(study, "2c", "elapsed_p50")
        assert math.isnan(found["mean"])
        assert math.isnan(found["p_adjusted"])
        assert found["verdict"] == "no difference shown"
        assert row(study, "2c", "published")["verdict"] == "better"

    def test_one_replication_shows_none(self) -> None:
        study = tv.compare(FEW, ["1", "2a"], replications=1)
        assert set(study.differences["verdict"]) == {"no difference shown"}


class TestVerdicts:
    @pytest.mark.parametrize(
        ("metric", "of_2a", "of_1"),
        [
            ("published", "better", "worse"),
            ("on_time_rate", "better", "worse"),
            ("failed", "better", "worse"),
            ("elapsed_p50", "better", "worse"),
            ("lateness_max", "better", "worse"),
            ("stockouts", "better", "worse"),
            ("idle", "worse", "better"),
            ("publishers_started", "no difference shown", "no difference shown"),
        ],
    )
    @pytest.mark.full
    def test_2a_against_1_and_1_against_2a(self, metric: str, of_2a: str, of_1: str) -> None:
        """A publisher that starts earlier publishes earlier, but may wait for its video."""
        forward = tv.compare(CATALOGUE, ["1", "2a"], replications=30, metrics=[metric])
        backward = tv.compare(CATALOGUE, ["1", "2a"], replications=30, metrics=[metric], baseline="2a")
        assert (row(forward, "2a", metric)["verdict"], row(backward, "1", metric)["verdict"]) == (of_2a, of_1)

    @pytest.mark.parametrize(("baseline", "verdict"), [("2c", "lower"), ("pool of 5", "higher")])
    def test_what_is_neither_good_nor_bad(self, baseline: str, verdict: str) -> None:
        """The pool of 10 ends sooner, so that the same encodings fill more of the time."""
        study = tv.compare(
            FEW, ["2c", POOLS[0]], replications=60, metrics=["encoder_utilization"], baseline=baseline
        )
        assert study.differences["verdict"].tolist() == [verdict]

    def test_they_rest_on_the_adjusted_p_value(self) -> None:
        """A difference of which 0.05 < 2 p: shown alone, not beside others."""
        few: dict[str, Any] = {"replications": 10, "seed": 4, "baseline": "pool of 5", "control": False}
        p_value = 2 / 2**6  # all of 6 replications that differ have the same sign
        alone = tv.compare(FEW, POOLS, metrics=["published"], **few)
        assert row(alone, "pool of 6", "published")["verdict"] == "better"
        # part 1 twice more, which differ from each other in nothing but tell of the family's size
        beside = tv.compare(
            FEW, [*POOLS, *[POOLS[0].replace(name=n) for n in "ab"]], metrics=["published"], **few
        )
        assert row(beside, "pool of 6", "published")["p_value"] == pytest.approx(p_value)
        assert row(beside, "pool of 6", "published")["verdict"] == "no difference shown"

    def test_they_rest_on_the_confidence(self) -> None:
        study = tv.compare(FEW, POOLS, replications=30, metrics=["published"])
        p_value = row(study, "pool of 6", "published")["p_adjusted"]
        assert 0 < p_value < 0.05
        verdicts = [
            row(
                tv.compare(FEW, POOLS, replications=30, metrics=["published"], confidence=confidence),
                "pool of 6",
                "published",
            )["verdict"]
            for confidence in (1 - p_value * 1.01, 1 - p_value * 0.99)
        ]
        assert verdicts == ["better", "no difference shown"]


# -- common random numbers ------------------------------------------------------------------------------------


class TestPairing:
    """Exact: both parts decide a video by its one draw, so that it is on time with p = min of both, in both."""

    def test_the_exact_numbers_of_the_issue(self) -> None:
        exact = moments(CATALOGUE)
        assert (exact.mean_1, exact.mean_2a) == (62.25, 128)
        assert exact.unpaired == 21.5625
        assert exact.paired == 18.9375

    @pytest.mark.full
    def test_2a_less_1_is_65_75(self) -> None:
        found = row(one_and_2a(), "2a", "published")
        standard_error = math.sqrt(moments(CATALOGUE).paired / 1000)
        assert abs(found["mean"] - 65.75) < 3 * standard_error
        assert found["half_width"] == pytest.approx(1.962 * standard_error, rel=0.1)
        assert found["ci_low"] <= 65.75 <= found["ci_high"]
        assert found["verdict"] == "better"

    def test_the_variance_ratio_is_the_exact_one(self) -> None:
        """1.139; within 3 standard errors, these found by resampling the replications."""
        exact = moments(CATALOGUE)
        assert exact.unpaired / exact.paired == pytest.approx(1.139, abs=5e-4)
        values, base = (one_and_2a()[strategy].values("published") for strategy in ("2a", "1"))
        rows = np.random.default_rng(1).integers(0, 1000, (1000, 1000))
        unpaired = values[rows].var(axis=1, ddof=1) + base[rows].var(axis=1, ddof=1)
        standard_error = float((unpaired / (values - base)[rows].var(axis=1, ddof=1)).std())
        assert standard_error < 0.05
        ratio = row(one_and_2a(), "2a", "published")["variance_ratio"]
        assert abs(ratio - exact.unpaired / exact.paired) < 3 * standard_error
        assert ratio > 1

    def test_it_pays_far_more_between_rules_that_are_alike(self) -> None:
        """A publisher 0.1 s later misses few other videos; pools of 12 and 13 idle for the same videos."""

        class Later(tv.Strategy):
            def start_delay(self, video: tv.Video) -> float:
                return 0.1

        late = Later("2a, 0.1 s later", starts_on="encoding_started", dedicated=True)
        study = tv.compare(CATALOGUE, ["2a", late], replications=200, metrics=["published"])
        assert row(study, late.name, "published")["variance_ratio"] > 3
        pools = [tv.PART_2C.replace(name=str(size), prewarmed=size) for size in (12, 13)]
        study = tv.compare(CATALOGUE, pools, replications=200, metrics=["idle"])
        assert row(study, "13", "idle")["variance_ratio"] > 100

    def test_strategies_share_the_draws(self) -> None:
        """A video that is on time under part 1 is so under 2a too, in each replication."""
        for replication in range(5):
            first, second = (
                tv.simulate(CATALOGUE, strategy, seed=3, replication=replication).videos["on_time"]
                for strategy in ("1", "2a")
            )
            assert not (first & ~second).any()

    def test_6_seconds_are_always_enough_under_2a(self) -> None:
        table = parts()["2a"].on_time
        enough = table["publication_timeout"] >= TIMEOUT_OF_6
        enough &= table["publication_timeout"] >= table["encoding_time"]
        assert (table["probability"][enough] == 1).all()
        assert (table["probability"][~enough] < 1).all()


# -- how many -------------------------------------------------------------------------------------------------


class TestPrecision:
    def test_every_cell_meets_it(self) -> None:
        precision = tv.Precision("published", absolute=0.2)
        study = tv.compare(FEW, ["1", "2a"], replications=5000, precision=precision)
        intervals = [reps.interval("published") for reps in study.cells.values()]
        assert all(map(precision.is_met, intervals))
        assert study.stopped is not None
        assert str(study.stopped).startswith(f"the precision was met after {study.replications} replications")
        assert 100 <= study.replications < 5000
        same_study(study, tv.compare(FEW, ["1", "2a"], replications=study.replications))

    def test_or_the_budget_ends(self) -> None:
        study = tv.compare(
            FEW, ["1", "2a"], replications=150, precision=tv.Precision("published", relative=1e-6)
        )
        assert study.replications == 150
        assert str(study.stopped).startswith("the budget ended after 150 replications")

    @pytest.mark.parametrize("names", [("2c", "nobody"), ("nobody", "2c")])
    def test_one_cell_that_never_meets_it_is_enough(self, names: tuple[str, str]) -> None:
        """Nothing is ever published without a pool, so that its median is unknown."""
        strategies = [NO_POOL if name == "nobody" else name for name in names]
        precision = tv.Precision("elapsed_p50", absolute=100)
        study = tv.compare(FEW, strategies, replications=120, precision=precision)
        assert study.replications == 120
        assert str(study.stopped).startswith("the budget ended after 120 replications")


# -- saving ---------------------------------------------------------------------------------------------------


class TestSaving:
    @pytest.fixture
    def study(self) -> tv.Comparison:
        pool = tv.PART_2C.replace(name="pool of 3", prewarmed=3)
        catalogues = {"few": tv.read_catalogue([video(0), video(1, timeout=0.5), {"id": ""}]), "five": FEW}
        precision = tv.Precision("idle", relative=1e-6, confidence=0.9)
        prices = tv.Prices(starting=0.1, failed=2)
        how: dict[str, Any] = {
            "precision": precision, "metrics": ["makespan", "lateness_p99"], "prices": prices,
        }  # fmt: skip
        return tv.compare(catalogues, ["1", pool], {"encoders": [1, 3]}, replications=6, seed=9, **how)

    def test_it_is_the_same_again(self, study: tv.Comparison) -> None:
        text = msgspec.json.encode(study.to_dict())
        again = tv.Comparison.from_dict(msgspec.json.decode(text))
        same_study(again, study)
        assert_frame_equal(again.differences, study.differences)
        assert again.stopped == study.stopped
        assert [reps.catalogue.rejected for reps in again.cells.values()] == [
            reps.catalogue.rejected for reps in study.cells.values()
        ]
        assert again.to_dict() == study.to_dict()
        same_study(again.extend(2), study.extend(2))

    def test_a_field_that_is_added_is_saved(self) -> None:
        study = tv.compare(FEW, ["1"], replications=2, prices=tv.Prices(failed=2), startup_samples=[2, 6])
        data = study.to_dict()
        apart = {"cells", "whole"}
        assert {field.name for field in dataclasses.fields(study)} - apart < set(data)
        (reps,) = (one["replications"] for one in data["cells"][:1])
        assert {field.name for field in dataclasses.fields(tv.Replications)} == {*reps, "catalogue"} - {"kind"}

    def test_another_form_is_refused(self, study: tv.Comparison) -> None:
        with pytest.raises(tv.InputError, match="in format 1, and this version reads format"):
            tv.Comparison.from_dict({**study.to_dict(), "format": 1})
        with pytest.raises(tv.InputError, match="not a comparison as it was saved"):
            tv.Comparison.from_dict({**study.to_dict(), "cells": [{}]})
        with pytest.raises(tv.InputError, match="not a comparison as it was saved"):
            tv.Comparison.from_dict({"kind": "comparison"})


# -- parts ----------------------------------------------------------------------------------------------------


class TestParts:
    @pytest.fixture
    def study(self) -> tv.Comparison:
        return tv.compare({"a": FEW, "b": FEW}, ["1", "2a"], {"encoders": [1, 5]}, replications=20)

    def test_worlds_are_catalogues_in_scenarios(self, study: tv.Comparison) -> None:
        worlds = study.worlds()
        assert [list(world.cells) for world in worlds] == [
            [Cell(catalogue, scenario, strategy) for strategy in ("1", "2a")]
            for catalogue in ("a", "b")
            for scenario in ("encoders=1", "encoders=5")
        ]
        assert list(worlds[0].strategies) == ["1", "2a"]

    def test_their_differences_are_those_of_the_whole(self, study: tv.Comparison) -> None:
        parts = pd.concat([world.differences for world in study.worlds()], ignore_index=True)
        assert_frame_equal(parts, study.differences)
        (world,) = study.worlds()[0].worlds()
        assert world.whole is study

    def test_select(self, study: tv.Comparison) -> None:
        assert list(study.select(strategy="2a", catalogue="b").cells) == [
            Cell("b", "encoders=1", "2a"),
            Cell("b", "encoders=5", "2a"),
        ]
        part = study.select(scenario="encoders=5").select(catalogue="a")
        compared = part.difference("2a", "published")
        assert compared is not None
        assert compared.cell == Cell("a", "encoders=5", "2a")
        assert compared.verdict == row(part, "2a", "published")["verdict"]
        assert part.difference("1", "published") is None
        assert study.select().cells == study.cells
        both = study.select(strategy=["1", "2a"], catalogue="a")
        assert {(cell.catalogue, cell.strategy) for cell in both.cells} == {("a", "1"), ("a", "2a")}

    def test_what_there_is_not(self, study: tv.Comparison) -> None:
        with pytest.raises(tv.InputError, match="no cell 'c, 2a', only a, encoders=1, 1; "):
            study.select(catalogue="c", strategy="2a")


# -- wrong calls ----------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown strategy": (
        {"strategies": ["1", "3"]},
        "a strategy is one of 1, 2a, 2b, 2c, advance, .*, or a tv2sim.Strategy .*, not '3'",
    ),
    "no strategy": ({"strategies": []}, "compare needs at least one strategy"),
    "strategies that are none": ({"strategies": 5}, "strategies must be .*1, 2a, 2b, 2c.*, not 5"),
    "the same name twice": (
        {"strategies": ["1", "2a", "1"]},
        "two strategies are called '1': give one another name",
    ),
    "two of one name": (
        {"strategies": ["2c", tv.PART_2C.replace(prewarmed=9)]},
        "two strategies are called '2c': give one another name",
    ),
    "baseline": (
        {"strategies": ["1", "2a"], "baseline": "2c"},
        "the baseline must be one of the strategies, 1, 2a, not '2c'",
    ),
    "a baseline that is none": (
        {"strategies": ["1", "2a"], "baseline": ["1"]},
        r"the baseline must be one of the strategies, 1, 2a, not \['1'\]",
    ),
    "another baseline of that name": (
        {"strategies": ["1", "2c"], "baseline": tv.PART_2C.replace(prewarmed=9)},
        "the baseline must be one of the strategies, 1, 2c, .*prewarmed=9",
    ),
    "zero replications": (
        {"replications": 0},
        "replications must be a whole number of at least 1 and at most 1000000000, not 0",
    ),
    "no catalogue": ({"catalogue": {}}, "compare needs at least one catalogue"),
    "catalogue": ({"catalogue": {"a": "no/such/file.jsonl"}}, "no/such/file.jsonl"),
    "scenario": ({"scenario": 5}, "scenario must be a tv2sim.Scenario, several .*, or a grid .*, not 5"),
    "no scenario": ({"scenario": []}, "compare needs at least one scenario"),
    "no named scenario": ({"scenario": {}}, "compare needs at least one scenario"),
    "no values": ({"scenario": {"encoders": []}}, "compare needs at least one scenario"),
    "a grid of one number": ({"scenario": {"encoders": 5}}, "a grid has a list of values for encoders, not 5"),
    "a grid of a word": ({"scenario": {"encoder": [5]}}, "a scenario has no 'encoder'; it has encoders, "),
    "a grid of wrong values": ({"scenario": {"encoders": [5, 0]}}, "encoders must be .* at least 1, not 0"),
    "a value twice": ({"scenario": {"encoders": [5, 5]}}, "two of the scenarios are called 'encoders=5'"),
    "a scenario twice": ({"scenario": [tv.Scenario(), tv.Scenario()]}, "two of the scenarios are .*default"),
    "confidence": (
        {"confidence": 95},
        "confidence must be a finite number greater than 0 and at most 1, not 95",
    ),
    "metric": ({"metrics": ["price"]}, "a metric must be one of 'published', .*, not 'price'"),
    "seed": ({"seed": 1.5}, "seed, if not None, must be a whole number .*, not 1.5"),
    "workers": (
        {"workers": 0},
        "workers, if not None, must be a whole number of at least 1 and at most 1000, not 0",
    ),
    "precision": ({"precision": "published"}, "precision must be a tv2sim.Precision, not 'published'"),
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
            tv.compare(arguments.pop("catalogue"), **arguments)
        assert "\n" not in str(caught.value)

    def test_extending_by_nothing(self) -> None:
        with pytest.raises(
            tv.InputError, match="more must be a whole number of at least 1 and at most 1000000000, not 0"
        ):
            parts().extend(0)


@pytest.mark.parametrize("several", [["a", "b"], [tv.generate_catalogue(2), tv.generate_catalogue(3)]])
def test_several_catalogues_are_given_by_name(several: list[object]) -> None:
    with pytest.raises(tv.InputError, match="by name, in a mapping"):
        tv.compare(several, ["1"], replications=1)


def test_names_that_are_the_same_as_text_are_refused() -> None:
    catalogue = tv.generate_catalogue(2)
    with pytest.raises(tv.InputError, match="two of the catalogues are called '1'"):
        tv.compare({1: catalogue, "1": catalogue}, ["1"], replications=1)
    worlds: Any = {1: tv.Scenario(), "1": tv.Scenario(encoders=5)}
    with pytest.raises(tv.InputError, match="two of the scenarios are called '1'"):
        tv.compare(catalogue, ["1"], worlds, replications=1)


def test_the_engine_is_checked() -> None:
    engine: Any = "fast"
    with pytest.raises(tv.InputError, match="engine must be one of 'auto', 'simpy', 'kernel', not 'fast'"):
        tv.compare(tv.generate_catalogue(2), ["1"], replications=1, engine=engine)


def test_an_interval_ends_where_the_figure_does() -> None:
    study = tv.compare(tv.generate_catalogue(1), ["1"], replications=5, seed=3)
    rate = study.summary["on_time_rate"].iloc[0]
    assert 0 <= rate["ci_low"] <= rate["mean"] <= rate["ci_high"] <= 1
