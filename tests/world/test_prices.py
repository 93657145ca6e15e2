"""What runs cost: by hand for each state, the same from every engine, and no part of what is simulated."""

from __future__ import annotations

import dataclasses
import json
from importlib.util import find_spec
from math import inf, nan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.engines.test_reference import strategy_of
from tests.experiments.test_comparison import same_study
from tests.experiments.test_replicate_and_compare import FEW, same
from tests.helpers.commands import CATALOGUE, replay, tv2sim
from tests.helpers.engines import catalogue_of, scenario_of
from tests.helpers.micro_scenarios import simulate
from tests.helpers.wider_worlds import strategy_case_of
from tests.helpers.worlds import worlds
from tests.report.test_report import Page, caveats_in_words
from tv2sim.base.digits import three_digits
from tv2sim.cli.options import COMMANDS
from tv2sim.cli.parse import parse
from tv2sim.experiments import workers
from tv2sim.experiments.conclusions import cost, verdict
from tv2sim.experiments.verdicts import Judgement
from tv2sim.inference.intervals import Interval, mean_interval, mean_of_sum, paired_difference, paired_sum
from tv2sim.report.build import build_report
from tv2sim.results.figures import estimate

PARTS = [field.name for field in dataclasses.fields(tv.Prices)]
PRICES = tv.Prices(starting=0.5, ready=0.25, busy=0.125, start=2, failed=10)
"""All of them are multiples of 1/8, so that costs of whole seconds are exact."""


@pytest.fixture(scope="module")
def plain_study() -> tv.Comparison:
    pools = ["2a", "2c", "2c:11", "2c:12", "2c:13"]
    how: dict[str, Any] = {"replications": 300, "baseline": "2a", "progress": False, "control": False}
    return tv.compare(tv.generate_catalogue(), pools, **how)


@pytest.fixture(scope="module")
def study(plain_study: tv.Comparison) -> tv.Comparison:
    return plain_study.priced(tv.Prices(starting=0.01, ready=0.02, failed=5))


# -- prices ------------------------------------------------------------------------------------------------


class TestPrices:
    def test_they_say_what_is_not_0(self) -> None:
        assert str(tv.Prices(ready=0.02, failed=5)) == "ready=0.02, failed=5"
        assert repr(tv.Prices(ready=0.02, failed=5)) == "Prices(ready=0.02, failed=5.0)"
        assert str(tv.Prices()) == "none"
        assert bool(tv.Prices(start=1e-9))
        assert not tv.Prices()

    @pytest.mark.parametrize("value", [-1, nan, inf, 1e13, "5", None, True])
    @pytest.mark.parametrize("name", PARTS)
    def test_a_price_is_a_number_of_at_least_0(self, name: str, value: object) -> None:
        with pytest.raises(tv.InputError, match=rf"{name} must be a finite number of at least 0 .*, not "):
            tv.Prices(**{name: value})  # type: ignore[arg-type]

    def test_an_unknown_one(self) -> None:
        with pytest.raises(tv.InputError, match=r"Prices has no 'starts'; it has .*: did you mean start"):
            tv.Prices(starts=1)  # type: ignore[call-arg]

    @pytest.mark.parametrize("ask", [tv.simulate, tv.replicate, tv.compare, tv.replay])
    def test_something_else(self, ask: Any) -> None:
        with pytest.raises(
            tv.InputError, match=r"prices must be a tv2sim.Prices, such as Prices\(failed=5\), not"
        ):
            ask(FEW, prices={"failed": 5})

    def test_each_is_described(self) -> None:
        for field in dataclasses.fields(tv.Prices):
            assert field.metadata["label"]
            assert field.metadata["help"].startswith("The price of each ")


# -- by hand -----------------------------------------------------------------------------------------------


def costs_of(run: tv.Run) -> dict[str, float]:
    """Return what a run costs at prices of 1, which are seconds, starts and videos, and check the sum."""
    found = run.priced(tv.Prices(1, 1, 1, 1, 1)).costs
    priced = run.priced(PRICES)
    total = 0.0  # added up one by one, as `sum` rounds otherwise from Python 3.12 on
    for name in PARTS:
        total += getattr(PRICES, name) * found[name]
    assert priced.costs["cost"] == priced.summary["cost"] == total
    return {name: found[name] for name in PARTS}


class TestByHand:
    def test_starting_is_up_to_the_end_of_the_run(self) -> None:
        """A pool of 1: each publisher starts when the one before takes a video, at 0, 3, 6 and 9."""
        run = simulate([(2, 3), (1, 2), (1, 9)], tv.PART_2C.replace(prewarmed=1), 3)
        assert costs_of(run) == {"starting": 9, "ready": 0, "busy": 0, "start": 4, "failed": 1}
        assert run.priced(PRICES).summary["cost"] == 4.5 + 8 + 10

    @pytest.mark.parametrize(
        ("until", "starting", "busy"),
        [(None, 3 + 3 + 2, 2 + 2), (7, 3 + 3 + 1, 2 + 1)],
        ids=["whole", "cut off"],
    )
    def test_busy_and_unfinished(self, until: float | None, starting: float, busy: float) -> None:
        """P0 is ready at 3 and busy until 5; p1 starts at 3, is ready at 6, busy until 8; p2 starts at 6.

        A video that is under way at the cut-off has not failed, and costs nothing.
        """
        clips = [(1, 9), (1, 9)]
        run = simulate(clips, tv.PART_2C.replace(prewarmed=1), 3, encoders=2, publishing_time=2, until=until)
        expected = {"starting": starting, "ready": 0, "busy": busy, "start": 3, "failed": 0}
        assert costs_of(run) == expected
        assert run.summary["unfinished"] == (until is not None)

    def test_ready_is_until_a_video_or_the_end(self) -> None:
        """Two are ready at 3; one takes the video at 5 and another one starts, the other is idle to the end."""
        run = simulate([(5, 9)], tv.PART_2C.replace(prewarmed=2), 3)
        assert costs_of(run) == {"starting": 6, "ready": 2 + 2, "busy": 0, "start": 3, "failed": 0}

    def test_its_own_publisher_waits_too(self) -> None:
        run = simulate([(5, 9)], "2a", 3)
        assert costs_of(run) == {"starting": 3, "ready": 2, "busy": 0, "start": 1, "failed": 0}

    def test_nothing_happens(self) -> None:
        run = simulate([(5, 9)], tv.Strategy(prewarmed=0), 3)
        assert costs_of(run) == dict.fromkeys(PARTS, 0)
        assert run.ending == "no publisher will come"

    def test_a_video_that_is_given_up_has_failed(self) -> None:
        """Its deadline is 2, and the publisher is ready at 3, when it finds the second one."""
        strategy = tv.Strategy(prewarmed=1, discards_hopeless=True)
        run = simulate([(1, 2), (1, 9)], strategy, 3)
        assert run.videos["outcome"].tolist() == ["failed", "published"]
        assert run.videos["published"].isna().tolist() == [True, False]
        assert costs_of(run) == {"starting": 3, "ready": 0, "busy": 0, "start": 2, "failed": 1}

    def test_a_video_that_is_refused_has_not(self) -> None:
        run = simulate([(2, 9), (2, 9), (1, 9)], "1", 1, hand_over=tv.RetryLater(1, attempts=2))
        assert run.summary["refused"] == 1
        assert costs_of(run) == {"starting": 2, "ready": 0, "busy": 0, "start": 2, "failed": 0}

    def test_a_start_up_that_fails_costs_its_time_and_another_start(self) -> None:
        faults = tv.Faults(startup=0.9)
        run = next(
            run
            for seed in range(99)
            if len((run := simulate([(1, 9)], "1", 0.5, faults=faults)).publishers) > 1 or seed == 98
        )
        starts = len(run.publishers)
        assert starts > 1
        assert costs_of(run) == {
            "starting": 0.5 * starts, "ready": 0, "busy": 0, "start": starts, "failed": 0,
        }  # fmt: skip

    def test_part_by_part_of_many(self) -> None:
        reps = tv.replicate(FEW, "2a", tv.Scenario(publishing_time=1), replications=3, prices=PRICES)
        for row, costs in enumerate(reps.costs.to_dict("records")):
            run = tv.simulate(FEW, "2a", reps.scenario, replication=row, prices=PRICES)
            assert costs == {"replication": row, **run.costs}
            assert list(costs) == ["replication", *PARTS, "cost"]

    def test_the_means_of_a_comparison(self) -> None:
        study = tv.compare(FEW, ["1", "2c"], {"encoders": [2, 9]}, replications=5, prices=PRICES, control=False)
        assert list(study.costs) == [*PARTS, "cost"]
        assert study.costs.index.tolist() == list(study.cells)
        for cell, reps in study.cells.items():
            means = reps.costs[[*PARTS, "cost"]].mean()
            row = list(study.cells).index(cell)
            assert study.costs.iloc[row].tolist() == means.tolist()
            assert means["cost"] == pytest.approx(study.summary["cost"]["mean"].iloc[row])


# -- from the tables, and from every engine ----------------------------------------------------------------


def from_tables(run: tv.Run) -> dict[str, float]:
    """Return seconds by state, starts and failed videos, as the tables of a run have them."""
    publishers = run.publishers
    gone = publishers["ended"].fillna(run.end)
    ready = publishers["ready"].fillna(gone)
    assigned = publishers["assigned"].fillna(gone)
    return {
        "starting": (ready - publishers["started"]).sum(),
        "ready": (assigned - ready).sum(),
        "busy": (gone - assigned).sum(),
        "start": len(publishers),
        "failed": (run.videos["outcome"] == "failed").sum(),
    }


def check(run: tv.Run) -> None:
    found = costs_of(run)
    for name, amount in from_tables(run).items():
        assert found[name] == pytest.approx(amount, rel=1e-9, abs=1e-9), name
        assert found[name] == round(found[name], 6), name  # whole ticks
    if not run.scenario.publishing_time and run.catalogue.publishing_time is None:
        assert found["busy"] == 0


class TestEverywhere:
    def test_in_generated_worlds(self) -> None:
        for catalogue, strategy, scenario, seed, replication in worlds(80):
            check(tv.simulate(catalogue, strategy, scenario, seed=seed, replication=replication))

    @pytest.mark.full
    def test_where_anything_fails_under_any_rule(self) -> None:
        parts = dict.fromkeys(PARTS, 0)
        for number in range(150):
            clips, rule, world, seed = strategy_case_of(number)
            run = tv.simulate(catalogue_of(clips), strategy_of(rule), scenario_of(world), seed=seed)
            check(run)
            for name, amount in from_tables(run).items():
                parts[name] += amount > 0
        assert min(parts.values()) > 20

    @pytest.mark.skipif(not find_spec("numba"), reason="numba")
    def test_the_engines_agree_to_the_last_bit(self) -> None:
        compared = 0
        prices = tv.Prices(starting=0.013, ready=0.017, busy=0.019, start=0.0231, failed=4.7)
        for catalogue, strategy, scenario, seed, _ in worlds(60):
            how: dict[str, Any] = {"replications": 3, "seed": seed, "prices": prices, "progress": False}
            one = tv.replicate(catalogue, strategy, scenario, engine="simpy", **how)
            try:
                other = tv.replicate(catalogue, strategy, scenario, engine="kernel", **how)
            except tv.InputError:  # it does not know the strategy
                continue
            assert_frame_equal(one.costs, other.costs, check_exact=True)
            run = tv.simulate(catalogue, strategy, scenario, seed=seed, replication=2, prices=prices)
            assert run.summary["cost"] == other.frame["cost"][2]
            compared += 1
        assert compared > 40


# -- no part of the simulation -----------------------------------------------------------------------------


@pytest.fixture
def _no_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("it was simulated again")

    monkeypatch.setattr(workers, "measure_chunk", refuse)


def without_cost(study: tv.Comparison) -> dict[Any, Any]:
    return dict(study.summary.drop(columns="cost", level="metric", errors="ignore").items())


class TestPricedLater:
    @pytest.mark.parametrize("metrics", ["all", ["published"], ["cost", "idle"]], ids=str)
    def test_is_the_same_as_priced_at_once(self, metrics: Any) -> None:
        how: dict[str, Any] = {"replications": 20, "progress": False}
        if metrics == "all":
            later = tv.compare(FEW, ["1", "2c:3"], **how).priced(PRICES)
        else:
            names = [name for name in metrics if name != "cost"]
            later = tv.compare(FEW, ["1", "2c:3"], metrics=names, **how).priced(PRICES)
        at_once = tv.compare(FEW, ["1", "2c:3"], metrics=metrics, prices=PRICES, **how)
        assert set(later.metrics) == set(at_once.metrics)
        if metrics != ["cost", "idle"]:
            same_study(later, at_once)
        assert_frame_equal(later.costs, at_once.costs, check_exact=True)

    @pytest.mark.usefixtures("_no_simulation")
    def test_simulates_nothing(self, plain_study: tv.Comparison) -> None:
        other = plain_study.priced(PRICES).priced(tv.Prices(start=1, busy=1))
        assert (other.costs["cost"] == other.costs["start"]).all()
        assert other.priced(None).to_dict() == plain_study.to_dict()
        assert other.priced(tv.Prices()).metrics == plain_study.metrics

    def test_a_restricted_study_has_measured_what_it_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        how: dict[str, Any] = {"replications": 5, "prices": PRICES, "progress": False}
        timed = tv.Scenario(publishing_time=1)
        some = tv.compare(FEW, ["1", "2c:3"], timed, metrics=["makespan"], **how)
        monkeypatch.setattr(workers, "measure_chunk", None)
        assert some.metrics == ("makespan", "cost")
        assert (some.costs[["starting", "busy", "start", "cost"]] > 0).all(axis=None)
        starts = some.priced(tv.Prices(start=1))
        assert starts.costs["cost"].tolist() == some.costs["start"].div(2).tolist()

    def test_two_are_compared_at_the_prices_of_the_first(self, plain_study: tv.Comparison) -> None:
        one, other = plain_study["2c"].priced(PRICES), plain_study["2a"]
        expected = one.less(other.priced(PRICES), "cost")
        assert one.less(other, "cost") == one.less(other.priced(tv.Prices(start=3)), "cost") == expected

    def test_changes_nothing_else(self, plain_study: tv.Comparison, study: tv.Comparison) -> None:
        assert plain_study.prices is None
        assert "cost" not in plain_study.metrics
        assert study.metrics == (*plain_study.metrics, "cost")
        same_values = without_cost(study).items()
        assert all(values.equals(plain_study.summary[name]) for name, values in same_values)
        run = tv.simulate(FEW, "2c:3")
        assert run.priced(PRICES).summary == {**run.summary, "cost": run.priced(PRICES).summary["cost"]}
        assert run.priced(PRICES).priced(None) == run != run.priced(PRICES)

    def test_there_is_no_cost_without_prices(self, plain_study: tv.Comparison) -> None:
        run, reps = tv.simulate(FEW), plain_study["2c"]
        for ask in (
            lambda: run.costs, lambda: reps.costs, lambda: plain_study.costs, lambda: reps.values("cost"),
            lambda: reps.interval("cost"), lambda: reps.less(reps, "cost"),
            lambda: tv.compare(FEW, ["1"], metrics=["idle", "cost"]),
            lambda: tv.replicate(FEW, precision=tv.Precision("cost", relative=0.1)),
            lambda: tv.plots.costs(plain_study), lambda: tv.plots.tradeoff(plain_study, cost="cost"),
        ):  # fmt: skip
            with pytest.raises(tv.InputError, match="there is no cost without prices: give them to the sim"):
                ask()

    def test_more_replications_keep_the_prices(self, study: tv.Comparison) -> None:
        one = tv.compare(FEW, ["1", "2c:3"], replications=7, prices=PRICES, progress=False).extend(5)
        other = tv.compare(FEW, ["1", "2c:3"], replications=12, prices=PRICES, progress=False)
        same_study(one, other)
        assert study.select(strategy=["2a", "2c"]).prices == study.prices
        part = study.select(strategy=["2a", "2c"]).priced(PRICES)
        whole = study.priced(PRICES).select(strategy=["2a", "2c"])
        assert_frame_equal(part.differences, whole.differences, check_exact=True)

    def test_a_precision_of_the_cost(self) -> None:
        precision = tv.Precision("cost", relative=0.02)
        reps = tv.replicate(FEW, "2c:3", replications=5000, precision=precision, prices=PRICES, progress=False)
        assert reps.stopped is not None
        assert reps.stopped.met
        assert reps.interval("cost").half_width <= 0.02 * reps.frame["cost"].mean()


class TestKept:
    def test_prices_are_not_part_of_what_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        world = {"publishing_time": [0, 1]}
        how: dict[str, Any] = {"replications": 9, "results": tmp_path, "progress": False}
        plain_one = tv.compare(FEW, ["1", "2c:3"], world, **how)
        files = sorted(tmp_path.rglob("*"))
        monkeypatch.setattr(workers, "measure_chunk", None)
        priced = tv.compare(FEW, ["1", "2c:3"], world, prices=PRICES, **how)
        same_study(priced, plain_one.priced(PRICES))
        assert sorted(tmp_path.rglob("*")) == files

    def test_a_comparison_is_saved_with_them(self, study: tv.Comparison) -> None:
        data = msgspec.json.decode(msgspec.json.encode(study.to_dict()))
        again = tv.Comparison.from_dict(data)
        assert again.prices == study.prices
        same_study(again, study)
        assert_frame_equal(again.costs, study.costs, check_exact=True)

    def test_a_run_is_saved_with_them(self, tmp_path: Path) -> None:
        run = tv.simulate(FEW, "2c:3", prices=PRICES)
        again = tv.load_run(run.save(tmp_path / "run"))
        assert again == run
        assert again.prices == PRICES
        assert again.summary == run.summary
        saved = json.loads((tmp_path / "run" / "run.json").read_text())
        assert saved["summary"]["cost"] == run.summary["cost"]
        assert saved["prices"]["failed"] == 10
        assert "prices" not in run.priced(None).provenance()

    def test_a_replay_has_them(self) -> None:
        run = tv.replay(FEW, "2c:3", speed="max", prices=PRICES)
        assert run == tv.simulate(FEW, "2c:3", prices=PRICES)


# -- intervals ---------------------------------------------------------------------------------------------


class TestIntervals:
    def test_where_failures_are_common_it_is_the_t_interval_of_the_sum(self, study: tv.Comparison) -> None:
        values = study["2a"].values("cost")
        found, expected = study["2a"].interval("cost"), mean_interval(values)
        assert found[:4] == pytest.approx(expected[:4], rel=2e-3)
        assert found.mean == pytest.approx(values.mean(), rel=1e-12)

    def test_without_a_price_of_failures_it_is_that_of_any_metric(self, study: tv.Comparison) -> None:
        priced = study.priced(tv.Prices(starting=0.01, ready=0.02))
        for one, other in (("2c", "2a"), ("2c:13", "2c")):
            values, others = (priced[name].values("cost") for name in (one, other))
            assert priced[one].interval("cost") == pytest.approx(mean_interval(values))
            expected = paired_difference(values, others)
            found = priced[one].less(priced[other], "cost")
            assert found[:8] == pytest.approx(expected[:8], rel=1e-6, nan_ok=True)
            assert found.between is expected.between is None

    def test_with_a_price_of_failures_alone_it_is_theirs(self, study: tv.Comparison) -> None:
        priced = study.priced(tv.Prices(failed=3))
        for name in ("2a", "2c", "2c:13"):
            failed = priced[name].interval("failed")
            expected = [3 * value for value in failed[:4]]
            assert priced[name].interval("cost")[:4] == pytest.approx(expected)

    def test_failures_that_were_not_seen_count(self) -> None:
        seconds = np.random.default_rng(1).normal(100, 10, 1000)
        found = mean_of_sum(seconds, np.zeros(1000), 5000, low=0, high=154)
        of_seconds = mean_interval(seconds)
        assert found.mean == pytest.approx(of_seconds.mean)
        assert found.ci_low == pytest.approx(of_seconds.ci_low)
        assert found.ci_high == pytest.approx(found.mean + np.hypot(of_seconds.half_width, 5000 * 0.0036820835))

    def test_what_cannot_vary_is_exact(self) -> None:
        starts = tv.compare(FEW, ["1", "2c:3"], replications=20, prices=tv.Prices(start=0.5), progress=False)
        assert starts["1"].interval("cost") == Interval(6.0, 0.0, 6.0, 6.0, 20, 0)
        (difference,) = starts.differences.query("metric == 'cost'").to_dict("records")
        assert (difference["mean"], difference["half_width"]) == (1.5, 0)
        assert np.isnan(difference["p_value"])
        assert difference["verdict"] == "worse"

    def test_the_unit_does_not_matter(self, study: tv.Comparison) -> None:
        for factor in (2.0**-30, 2.0**20):
            prices = tv.Prices(starting=0.01 * factor, ready=0.02 * factor, failed=5 * factor)
            scaled = study.priced(prices)
            columns = ["mean", "half_width", "ci_low", "ci_high"]
            expected = factor * study.differences.query("metric == 'cost'")[columns]
            found = scaled.differences.query("metric == 'cost'")
            assert_frame_equal(found[columns], expected, rtol=1e-9, atol=0)
            same_columns = ["p_value", "p_adjusted", "verdict", "differing", "variance_ratio"]
            assert_frame_equal(
                found[same_columns], study.differences.query("metric == 'cost'")[same_columns], rtol=1e-6
            )

    def test_p_value_and_interval_agree(self) -> None:
        random = np.random.default_rng(5)
        for _ in range(40):
            n = int(random.integers(10, 300))
            one, other = (
                (random.normal(100, 10, n), random.poisson(random.choice([0.005, 0.05, 1]), n).astype(float))
                for _ in range(2)
            )
            p = max(1e-11, paired_sum(one, other, 40.0).p_value)  # the least that is told from 0 is 1e-12
            for confidence, ends_before in ((1 - 1.01 * p, True), (1 - 0.99 * p, False)):
                if 0 < confidence < 1 - 1e-11:
                    found = paired_sum(one, other, 40.0, confidence)
                    assert (found.ci_low > 0 or found.ci_high < 0) is ends_before

    def test_the_same_costs_show_no_difference(self) -> None:
        some = np.arange(20.0), np.zeros(20)
        found = paired_sum(some, some, 10.0)
        assert (found.mean, found.p_value, found.differing) == (0, 1, 0)

    def test_a_few_replications_show_nothing_of_rare_failures(self) -> None:
        few = np.arange(5.0), np.zeros(5)
        found = paired_sum(few, (few[0] + 9, few[1]), 10.0)
        assert np.isnan(found.ci_low)
        assert found.p_value == 1

    @pytest.mark.parametrize("tries", [300, pytest.param(5000, marks=pytest.mark.slow)])
    @pytest.mark.parametrize("rate", [0.003, 0.02, 0.2])
    @pytest.mark.parametrize("correlation", [0.0, 1.0, -1.0])
    def test_they_hold(self, rate: float, correlation: float, tries: int) -> None:
        """The costs of publishers are normal; failures are rare, dear, and more likely where these are high."""
        random, size, n, held = np.random.default_rng(7), 3000.0, 100, 0
        for _ in range(tries):
            seconds = random.normal(100, 10, n)
            rates = rate * np.exp(correlation * (seconds - 100) / 10 - correlation**2 / 2)
            found = mean_of_sum(seconds, random.poisson(rates).astype(float), size, low=0, high=154)
            held += found.ci_low <= 100 + size * rate <= found.ci_high
        assert held / tries > 0.95 - 3 * (0.95 * 0.05 / tries) ** 0.5

    @pytest.mark.parametrize("tries", [300, pytest.param(5000, marks=pytest.mark.slow)])
    def test_the_test_errs_no_more_often_than_it_may(self, tries: int) -> None:
        """What is saved in each replication is what a rare failure costs, so there is no difference."""
        random, size, n, rate = np.random.default_rng(9), 3000.0, 200, 0.01
        found = 0
        for _ in range(tries):
            dearer = random.normal(100 + size * rate, 10, n), np.zeros(n)
            failing = random.normal(100, 10, n), random.poisson(rate, n).astype(float)
            found += paired_sum(dearer, failing, size).p_value < 0.05
        assert found / tries < 0.05 + 3 * (0.95 * 0.05 / tries) ** 0.5


# -- the verdict -------------------------------------------------------------------------------------------


class TestVerdict:
    def test_the_cheapest_and_those_not_shown_to_be_dearer(self, study: tv.Comparison) -> None:
        (world,) = study.worlds()
        judgement = Judgement(world)
        means = study.costs["cost"].droplevel(["catalogue", "scenario"])
        assert judgement.chosen == judgement.best == means.idxmin() == "2c:11"
        assert (judgement.by, judgement.spent, judgement.runner_up) == ("cost", "cost", "2c:12")
        assert (judgement.undecided, judgement.better) == (["2c:12"], [])
        assert judgement.worse == ["2a", "2c", "2c:13"]
        for name in judgement.worse:
            assert judgement.difference(name, "2c:11").ci_low > 0
        assert judgement.difference("2c:12", "2c:11").ci_low < 0
        assert verdict(world) == (
            "Strategy 2c:11 is the cheapest, failed videos included: 12.7 per run (95 % interval 12.3 to 13.1, "
            "widened for the choice among 5). It publishes 99.8 % of videos in time (95 % interval 99.7 to "
            "99.9 %). Against 2c:12 (13.0): 0.3 cheaper (−0.2 to 0.8), which may be chance, and 0.2 percentage "
            "points less in time. Against 2a (138, the baseline): 126 cheaper (123 to 129), and 16.8 "
            "percentage points more in time. Shown to be dearer: 2c and 2c:13."
        )
        assert cost(world) == "Its parts: starting 6.34, ready 4.92 and failures 1.43."

    def test_others_that_are_not_shown_to_be_dearer_are_named_with_their_intervals(self) -> None:
        pools = [f"2c:{size}" for size in (11, 12, 13, 14)]
        how: dict[str, Any] = {"baseline": "2c:11", "progress": False, "control": False}
        some = tv.compare(tv.generate_catalogue(), pools, replications=100, **how)
        (world,) = some.priced(tv.Prices(ready=0.002, failed=5)).worlds()
        judgement = Judgement(world)
        assert (judgement.chosen, judgement.runner_up) == ("2c:12", "2c:13")
        apart = judgement.difference("2c:14", "2c:12")
        assert apart.ci_low < 0 < apart.ci_high
        said = (
            f"Not shown to be dearer: 2c:14 by {apart.mean:.1f} (−{-apart.ci_low:.1f} to {apart.ci_high:.1f})."
        )
        assert verdict(world).endswith(said)

    def test_it_is_adjusted_for_all_pairs_and_hypotheses(self, study: tv.Comparison) -> None:
        priced, plain_one = (Judgement(one.worlds()[0]) for one in (study, study.priced(None)))
        # published in time, too late and the rate are one; the cost is one more
        hypotheses = len(study.metrics) - 2
        assert priced.error_rate == pytest.approx(0.05 / hypotheses / 10)
        assert plain_one.error_rate == pytest.approx(0.05 / (hypotheses - 1) / 10)

    def test_without_a_price_of_failures_the_rate_decides(self, study: tv.Comparison) -> None:
        (world,) = study.priced(tv.Prices(starting=0.01, ready=0.02)).worlds()
        judgement = Judgement(world)
        assert (judgement.by, judgement.spent, judgement.chosen) == ("on_time_rate", "cost", "2c:12")
        assert verdict(world).startswith(
            "Strategy 2c:12 is the cheapest that is not shown to publish less than"
        )
        assert ", which may be chance, and 1.56 cheaper." in verdict(world)
        assert ", and 4.81 dearer. Shown to publish less: " in verdict(world)
        assert cost(world) == "Its cost: 12.818 ± 0.017 per run, starting 6.382 and ready 6.436."

    def test_prices_may_turn_the_order_of_cheapness(self) -> None:
        """Part 2a starts fewer publishers, but they wait longer than those of part 1."""
        catalogue = [tv.Video(str(n), "", "", 3, 9) for n in range(6)]
        study = tv.compare(catalogue, ["1", "2a"], replications=30, progress=False)
        assert study["1"].frame["failed"].sum() == 0
        starting, ready = (
            Judgement(study.priced(prices).worlds()[0]).chosen
            for prices in (tv.Prices(start=1), tv.Prices(ready=1))
        )
        assert (starting, ready) == ("1", "1")
        assert Judgement(study.worlds()[0]).chosen == "1"

    def test_of_one_strategy_and_of_one_replication(self) -> None:
        (alone,) = tv.compare(FEW, ["2a"], replications=20, prices=PRICES, progress=False).worlds()
        assert verdict(alone).startswith("Strategy 2a costs ")
        assert verdict(alone).endswith("Nothing else was simulated to compare it with.")
        (one,) = tv.compare(FEW, ["1", "2a"], replications=1, prices=PRICES, progress=False).worlds()
        assert verdict(one).startswith(
            "One replication shows no difference; in it, strategy 2a is the cheapest:"
        )
        assert "(no interval, one replication)" in verdict(one)

    def test_where_strategies_are_the_same(self) -> None:
        (world,) = tv.compare(FEW, ["1", "2b"], replications=20, prices=PRICES, progress=False).worlds()
        assert verdict(world).endswith("Against 2b: the same cost in every replication, and as many in time.")

    def test_a_margin_of_the_rate_does_not_matter(self, study: tv.Comparison) -> None:
        """Nor where it is larger than all costs."""
        cents = study.priced(tv.Prices(starting=1e-6, ready=2e-6, failed=5e-4))
        (world,) = dataclasses.replace(cents, margin=1.0).worlds()
        assert verdict(world) == verdict(cents.worlds()[0])
        assert "Shown to be dearer: 2c and 2c:13." in verdict(world)

    def test_a_notebook_says_it(self, study: tv.Comparison) -> None:
        shown = study._repr_html_()
        assert "is the cheapest, failed videos included" in shown
        assert estimate("cost", study["2c:11"].interval("cost")) in shown
        assert ">cost<" in shown
        assert ">cost<" in study["2c"]._repr_html_()
        assert ">cost<" in tv.simulate(FEW, prices=PRICES)._repr_html_()
        assert ">cost<" not in tv.simulate(FEW)._repr_html_()


# -- report and charts -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(study: tv.Comparison) -> Page:
    return Page(build_report(study))


class TestReport:
    def test_it_begins_with_the_cheapest(self, page: Page) -> None:
        said = "Strategy 2c:11 is the cheapest, failed videos included: 12.7 per run"
        assert page.text.index(said) < 200
        assert page.text.index("Its parts: starting 6.34, ready 4.92 and failures 1.43.") < 500

    def test_its_first_chart_is_that_of_costs(self, study: tv.Comparison, page: Page) -> None:
        charts = [str(chart["aria-label"]) for chart in page.all("svg")]
        assert charts[0].startswith("Mean cost of a run by strategy: 2a 138.4 ± 1.6, 2c 17.8 ± 0.8, ")
        assert any(chart.startswith("Failed videos against cost,") for chart in charts)
        assert any(chart.startswith("Cost against prewarmed") for chart in charts)

    def test_a_table_has_the_parts_and_another_one_the_prices(self, page: Page) -> None:
        table = page.text[page.text.index("\nCosts\n", page.text.index("Provenance")) :]
        table = table[: table.index("\nCharts\n")]
        rows = [" ".join(row.split()) for row in table.split("\n2c:11\n")[1].split("\n2c:12\n")[:1]]
        assert rows == ["12.69 ± 0.29 6.34 4.92 1.43"]
        assert "\nfailures5The price of each video that fails" in table
        assert "unfinished or refused have no price" in table

    @pytest.mark.usefixtures("no_charts")
    def test_there_is_nothing_of_it_without_prices(self, study: tv.Comparison) -> None:
        html = build_report(study.priced(None))
        assert "\nCosts\n" not in Page(html).text
        assert ">cost<" not in html
        assert "cheapest, failed videos" not in html

    def test_unfinished_videos_are_a_caveat_of_costs(self) -> None:
        study = tv.compare(FEW, ["2c"], tv.Scenario(until=5), replications=40, progress=False)
        said = "Nor have they a price, as failed videos have: costs look lower than they are."
        for prices, warned in ((PRICES, True), (tv.Prices(ready=1), False), (None, False)):
            text = caveats_in_words(study.priced(prices))["Not every video was finished"]
            assert (said in text) is warned

    @pytest.mark.usefixtures("no_charts")
    @pytest.mark.full
    def test_several_worlds(self) -> None:
        study = tv.compare(
            tv.generate_catalogue(), ["1", "2c"], {"encoders": [5, 10]}, replications=30, prices=PRICES,
            progress=False,
        )  # fmt: skip
        page = Page(build_report(study))
        assert "To take: the strategy with the least mean cost, failed videos included." in page.text
        assert page.text.index("Strategy 2c is the one to take in each of 2 worlds") < 200
        other = Page(build_report(study.priced(tv.Prices(ready=1))))
        assert "To take: the cheapest strategy, at the prices below, that is not shown to publish" in other.text

    @pytest.mark.usefixtures("no_charts")
    def test_the_aim_in_the_checklist(self, study: tv.Comparison, page: Page) -> None:
        assert "The aim is the least mean cost, failed videos included." in page.text
        resources = Page(build_report(study.priced(tv.Prices(ready=1)))).text
        assert "The aim is the cheapest strategy, at the prices given, that\nis not shown" in resources


def markers(ax: Axes) -> list[Line2D]:
    """Return the points of a chart, in the order of the strategies."""
    return [line for line in ax.lines if line.get_marker() not in ("None", None)]


class TestCharts:
    def test_bars_add_up_to_the_cost(self, study: tv.Comparison) -> None:
        ax = tv.plots.costs(study)
        bars: list[Any] = list(ax.patches)
        assert len(bars) == 3 * 5
        for row, (name, reps) in enumerate(study.strategies.items()):
            own = bars[3 * row : 3 * row + 3]
            widths = [bar.get_width() for bar in own]
            expected = [reps.costs[part].mean() for part in ("starting", "ready", "failed")]
            assert widths == pytest.approx(expected)
            assert own[-1].get_x() + widths[-1] == pytest.approx(study.summary["cost"]["mean"].iloc[row])
            assert ax.get_yticklabels()[row].get_text() == name
            ends: Any = ax.lines[row].get_xdata()
            assert list(ends) == list(reps.interval("cost")[2:4])
        assert ax.get_xlim()[0] == 0

    def test_parts_without_a_price_are_left_out(self, study: tv.Comparison) -> None:
        legend = tv.plots.costs(study.priced(tv.Prices(start=1, busy=1))["2c"]).get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.texts] == ["busy", "starts"]

    def test_parts_are_told_apart_without_colours(self) -> None:
        ax = tv.plots.costs(tv.replicate(FEW, "2c:3", replications=2, prices=PRICES))
        assert len({bar.get_hatch() for bar in ax.patches}) >= 4

    def test_the_tradeoff_is_with_the_cost(self, study: tv.Comparison) -> None:
        ax, idle = tv.plots.tradeoff(study), tv.plots.tradeoff(study, cost="idle")
        assert ax.get_xlabel() == "cost"
        assert ax.get_title(loc="left") == "On-time rate against cost"
        of_2a, idle_of_2a = (markers(chart)[0].get_markerfacecolor() for chart in (ax, idle))
        assert (of_2a == "white", idle_of_2a == "white") == (True, False)  # it is dearer, but idles less
        means = [study.summary["cost"]["mean"].iloc[row] for row in range(5)]
        assert [float(np.asarray(line.get_xdata())[0]) for line in markers(ax)] == means
        assert idle.get_xlabel() == "idle (s)"
        assert tv.plots.tradeoff(study.priced(None)).get_xlabel() == "idle (s)"
        seconds = tv.plots.tradeoff(study.priced(None), cost="publisher_seconds")
        assert seconds.get_title(loc="left") == "On-time rate against publisher-seconds"
        with pytest.raises(tv.InputError, match=r"cost must be one of .*, not 'price'"):
            tv.plots.tradeoff(study, cost="price")

    def test_any_chart_of_a_metric_may_be_of_the_cost(self, study: tv.Comparison) -> None:
        assert tv.plots.sweep(study, metric="cost").get_ylabel() == "cost"
        assert tv.plots.differences(study, metric="cost").get_xlabel() == "difference in cost"
        assert tv.plots.convergence(study, metric="cost").get_ylabel() == "cost"


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (Interval(12.3456, 0.29, 12.0556, 12.6356), "12.35 ± 0.29"),
        (Interval(0.00034567, 0.0, 0.0, 0.0), "0.000346"),
        (Interval(0.00034567, 0.00001, 0.00033567, 0.00035567), "0.000346 ± 0.000010"),
        (Interval(12345678.9, 23456.0, 12322222.9, 12369134.9), "12,345,679 ± 23,456"),
        (Interval(168.0, 0.0, 168.0, 168.0), "168"),
        (Interval(168.125, nan, nan, nan, 1), "168.125"),
        (Interval(0.0, 0.0, 0.0, 0.0), "0"),
    ],
)
def test_a_cost_is_written_with_the_digits_that_say_something(interval: Interval, said: str) -> None:
    assert estimate("cost", interval) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.5602, "1.56"), (0.00123456, "0.00123"), (99.96, "100.0"), (0.0, "0"), (1e7, "10,000,000")],
)
def test_three_digits(value: float, said: str) -> None:
    assert three_digits(value) == said


# -- the command line --------------------------------------------------------------------------------------


class TestCommands:
    GIVEN = ("--prices", "starting=0.01,ready=0.02,failed=5")
    PRICES = tv.Prices(starting=0.01, ready=0.02, failed=5)

    def test_run_prints_a_line_of_costs_before_the_stats_line(self) -> None:
        result = tv2sim("run", CATALOGUE, "--strategy", "2c", "--runs", 2, *self.GIVEN)
        lines = result.out.splitlines()
        runs = [tv.simulate(CATALOGUE, "2c", replication=r, prices=self.PRICES) for r in range(2)]
        assert lines[1::2] == [str(run.stats) for run in runs]
        for line, run in zip(lines[::2], runs, strict=True):
            head, *parts = line.split()
            found = {name: float(text) for name, _, text in (part.partition("=") for part in parts)}
            assert head == "costs:"
            assert found == pytest.approx(run.costs, rel=1e-9)
            assert list(found) == [*PARTS, "cost"]
        assert tv2sim("run", CATALOGUE, "--strategy", "2c", "--runs", 2).out.splitlines() == lines[1::2]

    def test_run_writes_them(self, tmp_path: Path) -> None:
        tv2sim("run", CATALOGUE, "--out", tmp_path / "run", *self.GIVEN)
        assert tv.load_run(tmp_path / "run") == tv.simulate(CATALOGUE, "2c", prices=self.PRICES)
        *_, last = tv2sim("run", CATALOGUE, "--log", "json", *self.GIVEN).out.splitlines()
        assert json.loads(last)["costs"] == tv.simulate(CATALOGUE, "2c", prices=self.PRICES).costs

    def test_compare_shows_the_cost_where_there_are_prices(self) -> None:
        how = ("compare", CATALOGUE, "--strategies", "2c,2c:11", "--replications", 50)
        plain_one, priced = tv2sim(*how), tv2sim(*how, *self.GIVEN)
        assert "cost" not in plain_one.out
        assert "is the cheapest, failed videos included:" in priced.out
        sentences = ("Strategy ", "Mean failures ")
        assert all(len(line) <= 80 for line in priced.out.splitlines() if not line.startswith(sentences))
        (head,) = [line for line in priced.out.splitlines() if line.startswith("strategy") and "cost" in line]
        assert head.index("on-time rate") < head.index("cost")
        rows = tv2sim(*how, *self.GIVEN, "--format", "csv").out.splitlines()
        assert sum(",cost," in row for row in rows) == 2

    @pytest.mark.full
    def test_compare_s_report_has_the_command_with_them(self, tmp_path: Path) -> None:
        file = tmp_path / "r.html"
        given = ("--prices", "failed=0.123456789,ready=0.02")
        tv2sim("compare", CATALOGUE, "--strategies", "1,2c", "--replications", 5, "--report", file, *given)
        page = Page(file.read_text(encoding="utf-8"))
        assert "--prices failed=0.123456789,ready=0.02" in page.text

    def test_a_replay_tells_the_cost_at_the_end(self, tmp_path: Path) -> None:
        result = replay(CATALOGUE, "--log", "none", "--out", tmp_path / "run", *self.GIVEN)
        run = tv.simulate(CATALOGUE, "2c", prices=self.PRICES)
        assert f"cost={run.summary['cost']:.10g}\n" in result.err
        assert result.out == f"{run.stats}\n"
        assert tv.load_run(tmp_path / "run").costs == run.costs

    def test_a_recorded_log_may_be_priced(self, tmp_path: Path) -> None:
        file = tmp_path / "log.json"
        file.write_text(tv2sim("run", CATALOGUE, "--log", "json", *self.GIVEN).out, encoding="utf-8")
        result = replay("--recorded", file, "--log", "none", "--prices", "failed=2")
        assert "cost=2\n" in result.err

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("redy=1", "--prices: Prices has no 'redy'; it has starting, ready, busy, start, failed: did you"),
            ("ready=-1", "--prices: ready must be a finite number of at least 0 and at most 1e+12, not -1.0"),
            ("ready=x", "argument --prices: 'x' is not a number"),
            ("ready", "argument --prices: 'ready' is not NAME=VALUE, such as ready=0.02"),
            ("ready=1,", "argument --prices: '' in 'ready=1,' is not NAME=VALUE, such as ready=0.02"),
        ],
    )
    @pytest.mark.parametrize("command", ["run", "compare", "replay"])
    def test_what_is_wrong_is_said_in_one_line(self, command: str, given: str, said: str) -> None:
        result = tv2sim(command, CATALOGUE, "--prices", given)
        assert (result.status, result.out) == (2, "")
        assert said in result.err
        assert len(result.err.splitlines()) == 1

    def test_a_precision_of_the_cost_needs_them(self) -> None:
        result = tv2sim("compare", CATALOGUE, "--precision", "cost=1%")
        assert result.status == 2
        assert "--precision of the cost needs prices: give them, such as --prices failed=5" in result.err

    def test_the_help_names_all_of_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        for command in ("run", "compare", "replay"):
            with pytest.raises(SystemExit):
                parse([command, "--help"])
            words = " ".join(capsys.readouterr().out.split())
            (said,) = [part for part in words.split("NAME=VALUE of ")[1:] if "of a publisher" in part]
            assert all(name in said.partition(";")[0] for name in PARTS)
        assert {"run", "compare", "replay"} <= set(COMMANDS)


def test_replications_of_one_strategy(plain_study: tv.Comparison) -> None:
    reps = tv.replicate(FEW, "2c:3", replications=9, prices=PRICES, progress=False)
    same(reps, tv.replicate(FEW, "2c:3", replications=9, progress=False).priced(PRICES))
    assert list(reps.frame)[-1] == "cost"
