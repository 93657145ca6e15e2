"""The uncertainty of measured start-up times: the resamples, the wider interval, and what is said of it."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import tv2sim as tv
from tests.benchmarks.coverage_inputs import KINDS, Kind, coverages
from tests.helpers.commands import CATALOGUE, tv2sim
from tv2sim.cli.text_tables import tidy
from tv2sim.experiments.race import RESAMPLES as OF_A_PLAN
from tv2sim.experiments.startup_resampling import (
    RESAMPLES,
    _level,
    _percentiles,
    _summed_up,
    as_samples,
    replications_of_each,
    resample_of,
)
from tv2sim.experiments.verdicts import Judgement
from tv2sim.experiments.workers import Chunk
from tv2sim.report.build import build_report

TIMES = np.random.default_rng(3).uniform(2, 6, 12)
FIVE = tv.generate_catalogue(5)


@pytest.fixture(scope="module")
def study() -> tv.Comparison:
    """Twelve measured times: too few to tell part 2c from advance order, which 1,000 replications do."""
    return tv.compare(tv.generate_catalogue(), ["2c", "advance", "2a"], startup_samples=TIMES, progress=False)


@pytest.fixture(scope="module")
def small() -> tv.Comparison:
    return tv.compare(
        FIVE, ["1", "2a"], replications=30, startup_samples=TIMES, prices=tv.Prices(ready=1, failed=3)
    )


class TestTheTimes:
    def test_they_may_come_as_any_measured_times(self, tmp_path: Path) -> None:
        path = tmp_path / "times.csv"
        path.write_text("seconds\n5\n2\n3\n")
        given: list[Any] = [[5, 2, 3], np.array([3, 2, 5]), path, str(path), tv.Empirical([2, 5, 3])]
        given.append(pd.Series(pd.to_timedelta([2, 3, 5], unit="s")))
        assert {as_samples(one) for one in given} == {tv.Empirical([2, 3, 5])}

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ([3.0], "at least 2 times"),
            ([], "there are no samples"),
            ([3, -1], "sample 2"),
            (tv.Uniform(2, 6), r"not the distribution uniform\(2, 6\)"),
            (pd.DataFrame({"time": [2, 3], "censored": [0, 1]}), "known in full, not 2 samples, 1 of them"),
            ({"1": 0, "5": 3, "+Inf": 4}, "known in full, not 4 samples in 3 buckets"),
        ],
    )
    def test_what_is_no_such_sample_is_refused(self, given: Any, message: str) -> None:
        with pytest.raises(tv.InputError, match=message):
            tv.compare(FIVE, ["1"], startup_samples=given)

    def test_a_scenario_with_start_up_times_of_its_own_is_refused(self) -> None:
        with pytest.raises(tv.ScenarioError, match=r"one has its own, constant\(3\): leave out one"):
            tv.compare(FIVE, ["1"], {"startup_time": [3.0]}, startup_samples=TIMES)
        with pytest.raises(tv.ScenarioError, match="of every scenario"):
            tv.plan(FIVE, "2c", tv.Scenario(startup_time=3), startup_samples=TIMES)
        with pytest.raises(tv.InputError, match="leave startup_time out of vary"):
            tv.plan(FIVE, "2c", vary={"startup_time": [3]}, startup_samples=TIMES)

    @pytest.mark.full
    def test_they_are_the_times_that_are_simulated(self, small: tv.Comparison) -> None:
        times = tv.Empirical(TIMES)
        alone = tv.compare(
            FIVE, ["1", "2a"], tv.Scenario(startup_time=times), replications=30, prices=small.prices
        )
        shown = [name for name in small.summary if "input" not in str(name)]
        assert [cell.scenario for cell in small.cells] == ["default"] * 2
        np.testing.assert_array_equal(small.summary[shown], alone.summary)
        with_them = tv.replicate(
            FIVE, "1", tv.Scenario(startup_time=times), replications=30, startup_samples=times
        )
        assert with_them.values("published").tolist() == small["1"].values("published").tolist()


class TestTheResamples:
    def test_a_resample_is_drawn_from_the_times_with_replacement(self) -> None:
        times = tv.Empirical(range(1, 41))
        drawn = np.array([resample_of(times, 1, number).samples for number in range(2000)])
        assert drawn.shape == (2000, 40)
        assert set(drawn.ravel()) == set(times.samples)
        # the means vary as those of 40 draws of a time, of variance (40**2 - 1) / 12
        assert drawn.mean() == pytest.approx(20.5, abs=4 * np.sqrt(1599 / 12 / 40 / 2000))
        assert drawn.mean(axis=1).var() == pytest.approx(1599 / 12 / 40, rel=0.15)

    def test_each_has_replications_of_its_own_which_any_study_repeats(self, small: tv.Comparison) -> None:
        for number in (0, 1, 7):
            world = tv.Scenario(startup_time=resample_of(tv.Empirical(TIMES), 1, number))
            for strategy, reps in small.strategies.items():
                assert reps.resamples is not None
                alone = tv.replicate(FIVE, strategy, world, replications=10 * (number + 1))
                means = reps.resamples.means
                assert means["failed"][number] == alone.values("failed")[10 * number :].mean()
                assert means["idle"][number] == pytest.approx(alone.values("idle")[10 * number :].mean())

    @pytest.mark.full
    def test_neither_engine_nor_workers_matter(self) -> None:
        two = tv.generate_catalogue(2)

        def means(**how: Any) -> list[float]:
            reps = tv.replicate(
                two, "2c:1", replications=20, startup_samples=TIMES[:4], metrics=["idle"], **how
            )
            assert reps.resamples is not None
            found: list[float] = reps.resamples.means["idle"].tolist()
            return found

        with ThreadPoolExecutor(2) as threads:
            assert means(engine="simpy") == means(executor=threads) == means(engine="kernel", workers=1)
        assert means(seed=2, engine="kernel") != means(engine="kernel")

    @pytest.mark.parametrize(("replications", "each"), [(1, 10), (400, 20), (1000, 50), (10**6, 50)])
    def test_how_many_replications_each_has(self, replications: int, each: int) -> None:
        assert replications_of_each(replications) == each

    def test_values_that_lack_or_are_infinite(self) -> None:
        column = np.array([1.0, np.nan, np.nan, np.nan, np.inf, 1.0, 2.0, 4.0])
        found = _summed_up(Chunk({"makespan": column}, np.zeros(1, dtype=np.int64)), 9, 2)
        np.testing.assert_array_equal(found.means["makespan"], [1.0, np.nan, np.inf, 3.0])
        assert found.variances["makespan"] == 2.0  # of 2 and 4; the other resamples have none
        assert found.share("makespan") == 1 - 2 / 2 / 2  # of the means 1 and 3

    def test_the_share_of_the_variance_that_is_due_to_the_times(self) -> None:
        rows = np.array([[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]])  # means 1, 5, 9: variance 16; within: 2
        found = _summed_up(Chunk({"idle": rows.ravel()}, np.zeros(1, dtype=np.int64)), 9, 2)
        assert found.share("idle") == 1 - 2 / 2 / 16
        assert repr(found) == "<3 resamples of 9 start-up times, 2 replications each>"


class TestTheInterval:
    def test_its_levels_are_those_of_hesterberg(self) -> None:
        """Table 1 of Hesterberg (2015): for n = 5, 20 and 100 the ends are at 0.0010, 0.0159 and 0.0231."""
        assert [round(_level(0.95, n), 4) for n in (5, 20, 100)] == [0.001, 0.0159, 0.0231]

    def test_its_ends_are_means_of_resamples(self) -> None:
        assert _percentiles(np.arange(500.0)[::-1], 0.0159) == (7.0, 492.0)
        assert _percentiles(np.arange(20.0), 0.0159) == (0.0, 19.0)
        assert np.isnan(_percentiles(np.empty(0), 0.0159)).all()

    def test_part_1_with_two_times_has_the_interval_of_a_binomial_share(self) -> None:
        """Each video fails if its start-up takes the longer of two times: the rate is the other one's share.

        So that of a resample is binomial, and with 400 videos the simulation adds little.
        """
        videos = [tv.Video(str(n), encoding_time=1, publication_timeout=5) for n in range(400)]
        reps = tv.replicate(
            tv.Catalogue(videos), "1", tv.Scenario(encoders=400), startup_samples=[2] * 10 + [6] * 10,
            replications=200, metrics=["on_time_rate"],
        )  # fmt: skip
        found = reps.input_interval("on_time_rate")
        ends = np.asarray(stats.binom.ppf([_level(0.95, 20), 1 - _level(0.95, 20)], 20, 0.5)) / 20
        assert ends.tolist() == [0.25, 0.75]
        assert [found.ci_low, found.ci_high] == pytest.approx(ends, abs=0.03)
        assert found.mean == reps.interval("on_time_rate").mean
        drawn = reps.resamples
        assert drawn is not None
        # of all resamples: the variance of the share, and of 4,000 videos besides
        assert drawn.means["on_time_rate"].var() == pytest.approx(0.25 / 20 + 0.25 * 0.95 / 4000, rel=0.25)
        assert drawn.share("on_time_rate") > 0.99

    @pytest.mark.full
    def test_it_holds_the_interval_of_the_replications(
        self, study: tv.Comparison, small: tv.Comparison
    ) -> None:
        for one in (study, small):
            frame = pd.concat([one.frame, one.differences])
            frame = frame[frame["half_width"].notna()]
            assert len(frame) > 20
            assert (frame["input_ci_low"] <= frame["ci_low"]).all()
            assert (frame["input_ci_high"] >= frame["ci_high"]).all()

    def test_of_a_difference_it_is_paired_by_resample(self, study: tv.Comparison) -> None:
        pool, advance = study["2c"], study["advance"]
        assert pool.resamples is not None
        assert advance.resamples is not None
        paired = pool.resamples.means["failed"] - advance.resamples.means["failed"]
        found = pool.input_interval("failed", less=advance)
        assert [found.ci_low, found.ci_high] == list(_percentiles(paired, _level(0.95, 12)))
        apart = [reps.input_interval("failed") for reps in (pool, advance)]
        assert found.ci_high - found.ci_low < apart[0].ci_high - apart[1].ci_low

    def test_of_a_cost_it_follows_from_the_metrics(self, small: tv.Comparison) -> None:
        for reps in small.strategies.values():
            assert reps.resamples is not None
            means = reps.resamples.means
            found = reps.resamples.values("cost", reps.setting)
            np.testing.assert_allclose(found, means["idle"] + 3 * means["failed"], atol=1e-6)
        dearer = small.priced(tv.Prices(failed=30))["1"].input_interval("cost")
        of_failed = small["1"].input_interval("failed")
        assert dearer.ci_high == pytest.approx(30 * of_failed.ci_high)

    @pytest.mark.full
    def test_what_cannot_vary_has_no_width(self) -> None:
        reps = tv.replicate(FIVE, "2a", replications=20, startup_samples=[3, 3, 3])
        for metric in ("failed", "idle", "publishers_started"):
            assert reps.input_interval(metric)[:4] == reps.interval(metric)[:4]
            assert reps.input_interval(metric).is_exact

    @pytest.mark.full
    def test_what_lacks_is_said(self, small: tv.Comparison) -> None:
        plain = tv.replicate(FIVE, "1", replications=20)
        with pytest.raises(tv.InputError, match="give measured start-up times with startup_samples="):
            plain.input_interval("failed")
        with pytest.raises(tv.InputError, match="no resamples"):
            small["1"].input_interval("failed", less=plain)
        few = tv.replicate(FIVE, "1", replications=20, startup_samples=TIMES + 1, metrics=["failed"])
        with pytest.raises(tv.InputError, match="only if they are of the same times"):
            small["1"].input_interval("failed", less=few)
        with pytest.raises(tv.InputError, match="the resamples have no 'idle', only"):
            few.input_interval("idle")


@pytest.mark.full
class TestTheStudy:
    def test_tables_have_the_ends_after_the_narrow_interval(self, small: tv.Comparison) -> None:
        ends = ["input_ci_low", "input_ci_high"]
        assert [*small.summary["failed"].columns] == ["mean", "half_width", "ci_low", "ci_high", *ends]
        assert [*small.frame][5:] == ["mean", "half_width", "ci_low", "ci_high", *ends, "n"]
        assert [*small.differences][5:12] == ["mean", "half_width", "ci_low", "ci_high", *ends, "p_value"]
        row = small.differences.query("metric == 'failed'").iloc[0]
        found = small["2a"].input_interval("failed", less=small["1"])
        assert row[ends].tolist() == [found.ci_low, found.ci_high]
        assert small.summary["cost"]["input_ci_low"].notna().all()

    @pytest.mark.usefixtures("no_charts")
    def test_without_measured_times_there_is_none_of_it(self) -> None:
        plain = tv.compare(FIVE, ["1", "2a"], replications=30)
        assert plain.resamples is None
        for text in (
            repr([*plain.summary, *plain.frame, *plain.differences, *tidy(plain)]),
            plain._repr_html_(),
        ):
            assert "input" not in text
            assert "measured" not in text
        assert "resamples" not in json.dumps(plain.to_dict())
        assert "measured start-up" not in build_report(plain)

    def test_it_is_saved(self, small: tv.Comparison) -> None:
        again = tv.Comparison.from_dict(json.loads(json.dumps(small.to_dict())))
        pd.testing.assert_frame_equal(again.summary, small.summary)
        pd.testing.assert_frame_equal(again.differences, small.differences)
        pd.testing.assert_frame_equal(
            tv.Comparison.from_dict(small.select(strategy="2a").to_dict()).summary, small.summary.iloc[1:]
        )
        assert again["1"].resamples is not None
        assert small["1"].resamples is not None
        assert again["1"].resamples.share("failed") == small["1"].resamples.share("failed")

    def test_a_part_of_it_and_more_replications_keep_it(self, small: tv.Comparison) -> None:
        part = small.select(strategy="2a")
        pd.testing.assert_frame_equal(part.differences, small.differences)
        longer = small.extend(10)
        assert longer["1"].resamples is small["1"].resamples
        assert longer["1"].input_interval("failed").mean == longer["1"].interval("failed").mean

    @pytest.mark.usefixtures("no_charts")
    def test_a_verdict_that_the_times_are_too_few_for_is_told(self, study: tv.Comparison) -> None:
        compared = study.difference("advance", "failed")
        assert compared is not None
        assert compared.verdict == "worse"
        assert study.is_doubtful(compared)
        clear = study.difference("2a", "failed")
        assert clear is not None
        assert not study.is_doubtful(clear)
        judgement = Judgement(study)
        assert judgement.doubtful == ["advance"]
        wider = judgement.wider("advance")
        assert wider.ci_low < 0 < wider.ci_high
        says = study._repr_html_()
        assert "With the uncertainty of 12 measured start-up times, its rate is" in says
        assert re.search(r"too few to tell it from advance \([−0-9.]+ to [0-9.]+ points\): measure more", says)
        assert "which the measured start-up times are too few to show" in says
        page = build_report(study)
        assert "Too few measured start-up times" in page
        assert page.count("in italics") >= 2

    def test_the_verdicts_stay_as_they_are(self, study: tv.Comparison) -> None:
        scenario = tv.Scenario(startup_time=tv.Empirical(TIMES))
        plain = tv.compare(tv.generate_catalogue(), [*study.strategies], scenario, progress=False)
        assert plain.differences["verdict"].tolist() == study.differences["verdict"].tolist()
        assert Judgement(plain).doubtful == []


@pytest.mark.full
class TestTheCommand:
    @pytest.fixture
    def times(self, tmp_path: Path) -> Path:
        path = tmp_path / "times.csv"
        np.savetxt(path, TIMES)
        return path

    @pytest.mark.usefixtures("no_charts")
    def test_compare(self, times: Path, tmp_path: Path) -> None:
        asked = ("compare", CATALOGUE, "--strategies", "2c,advance", "--startup-samples", times)
        done = tv2sim(*asked, "--replications", 400, "--report", tmp_path / "page.html")
        assert done.status == 0, done.err
        assert "with the uncertainty of 12 measured start-up times" in done.out
        assert "points, may be 0" in done.out
        assert f"--startup-samples {times}" in (tmp_path / "page.html").read_text(encoding="utf-8")
        table = tv2sim(*asked, "--replications", 20, "--format", "csv").out.splitlines()[0].split(",")
        assert {"input_ci_low", "input_ci_high", "difference_input_ci_low"} < set(table)

    def test_plan(self, times: Path) -> None:
        asked = ("plan", CATALOGUE, "--vary", "prewarmed=8:14", "--startup-samples", times)
        first = tv2sim(*asked).out.splitlines()[0]
        assert (
            "The start-up times are known from 12 samples: of their resamples the target is met with" in first
        )

    def test_a_file_that_is_not_there(self) -> None:
        done = tv2sim("compare", CATALOGUE, "--startup-samples", "none.csv")
        assert done.status == 2
        assert "cannot read the measured times 'none.csv'" in done.err


class TestThePlan:
    @pytest.mark.full
    def test_where_theory_knows_the_rate_the_share_is_exact(self) -> None:
        catalogue, times = tv.generate_catalogue(), tv.Empirical(TIMES)
        plan = tv.plan(catalogue, "2a", target=0.85, startup_samples=times)
        rates = [
            tv.queueing.on_time_probability(
                catalogue, "2a", tv.Scenario(startup_time=resample_of(times, 1, number))
            ).published
            / len(catalogue)
            for number in range(OF_A_PLAN)
        ]
        assert plan.inputs["met"].tolist() == [np.mean(np.array(rates) >= 0.85)]
        assert 0.05 < plan.inputs["met"][0] < 0.95

    @pytest.mark.full
    def test_the_smallest_pool_that_is_enough_for_nearly_all_resamples_is_named(self) -> None:
        plan = tv.plan(tv.generate_catalogue(), "2c", target=0.999, startup_samples=TIMES)
        assert plan.best is not None
        rows = plan.inputs.set_index("prewarmed")["met"]
        assert [*rows.index] == [*range(plan.best.prewarmed - 1, rows.index[-1] + 1)]
        assert rows.is_monotonic_increasing
        assert (rows.iloc[:-1] < 0.95).all()
        assert rows.iloc[-1] >= 0.95
        found = re.search(
            r"with prewarmed=(\d+) in ([\d.]+) %, with prewarmed=(\d+) in ([\d.]+) %$", plan.answer
        )
        assert found is not None
        smaller, larger = plan.best.prewarmed, rows.index[-1]
        assert [int(found[1]), int(found[3])] == [smaller, larger]
        assert [float(found[2]), float(found[4])] == pytest.approx([100 * rows[smaller], 100 * rows[larger]])

    @pytest.mark.full
    def test_the_bound_decides_what_few_replications_cannot(self) -> None:
        """99.9999 % is .000154 failures a run, of which 100 replications of a resample mostly show nothing."""
        asked: dict[str, Any] = {"vary": {"prewarmed": [16, 25]}, "target": 0.999999, "startup_samples": TIMES}
        exact = tv.plan(tv.generate_catalogue(), "2c", **asked).inputs["met"]
        asked |= {"control": False, "replications": 100}
        by_means = tv.plan(tv.generate_catalogue(), "2c", **asked).inputs["met"]
        assert exact.iloc[0] == 0.46
        assert by_means.iloc[0] == 0.895
        worlds = [
            tv.Scenario(startup_time=resample_of(tv.Empirical(TIMES), 1, number)) for number in range(OF_A_PLAN)
        ]
        must = [tv.queueing.failed_bound(tv.generate_catalogue(), "2c:16", world).failed for world in worlds]
        assert np.mean(np.array(must) <= 0.000154) == 0.46

    @pytest.mark.full
    def test_what_is_never_enough_is_said(self) -> None:
        plan = tv.plan(
            tv.generate_catalogue(), "2c", vary={"prewarmed": [9, 10]}, target=0.999, startup_samples=TIMES
        )
        assert plan.status == "infeasible"
        assert plan.inputs["prewarmed"].tolist() == [9, 10]
        assert plan.inputs["met"].iloc[-1] < 0.95

    def test_there_is_no_table_without_samples_or_target(self) -> None:
        catalogue = tv.generate_catalogue()
        for plan in (
            tv.plan(catalogue, "2a", target=0.8),
            tv.plan(
                catalogue, ["1", "2a"], prices=tv.Prices(failed=1), startup_samples=TIMES, replications=100
            ),
        ):
            assert "samples" not in plan.answer
            with pytest.raises(tv.InputError, match="there are no resamples"):
                _ = plan.inputs


OF_PARTS = (Kind("failed", "1"), Kind("failed", "2a"), Kind("failed", "2a", "1"))


@pytest.mark.full
class TestCoverage:
    def test_of_parts_1_and_2a_reduced(self) -> None:
        """Of 20 intervals at most 3 miss the truth, with a probability of .98 if .95 hold."""
        for kind, of in coverages(50, range(20), OF_PARTS, replications=100).items():
            assert of.wider >= 17 / 20, kind
            assert of.plain <= 12 / 20, kind
            assert of.wider_width > 5 * of.plain_width or kind.less, kind

    @pytest.mark.slow
    def test_at_full_size(self) -> None:
        for kind, of in coverages(50, range(400), KINDS).items():
            assert of.wider >= 0.93 - 2 * 0.011, kind

    def test_what_fifty_times_leave_open(self) -> None:
        """The failures of a pool of 10: 1.62 a run with uniform(2, 6), from .6 to 4.4 over sets of 50 times."""
        (of,) = coverages(50, range(3), (Kind("failed", "2c:10"),), of_truth=20_000).values()
        assert 0.1 < of.plain_width < 0.3
        assert 2 < of.wider_width < 8
        assert of.share > 0.9
        assert RESAMPLES == 500
