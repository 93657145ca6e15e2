"""The videos that must fail as a control variate for those that do."""

from __future__ import annotations

import pickle
from dataclasses import replace
from math import inf, isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import tv2sim as tv
from tests.helpers.commands import tv2sim
from tv2sim.base.digits import three_digits
from tv2sim.experiments.conclusions import controlled
from tv2sim.experiments.control_variate import Control
from tv2sim.theory.queueing import FailedBound

TWO = tv.Catalogue([tv.Video(name, encoding_time=1, publication_timeout=2) for name in "ab"])
"""Videos that are encoded after 1 and 1.5 s, and are due at 2 and 2.5 s."""
ONE_TO_TWO = tv.Scenario(startup_time="uniform(1, 2)")
CATALOGUE = tv.generate_catalogue()
SIZES = [f"2c:{size}" for size in range(9, 14)]
FOLLOWING = ("published", "failed", "on_time_rate")


@pytest.fixture(scope="module")
def study() -> tv.Comparison:
    return tv.compare(CATALOGUE, [*SIZES, "1"], replications=2000, baseline="2c:9", progress=False)


@pytest.fixture(scope="module")
def plain(study: tv.Comparison) -> tv.Comparison:
    cells = {cell: replace(reps, control=None) for cell, reps in study.cells.items()}
    return replace(study, cells=cells)


def test_by_hand() -> None:
    """A pool of one, whose start-up times D1 and D2 lie between 1 and 2 s.

    The first video is due at 2 s and never fails: it takes the first publisher at D1. The second one starts
    then, and the second video fails if D1 + D2 > 2.5: in 7/8 of all replications. The bound has it start when
    the first video is encoded, at 1 s: the second video must fail if 1 + D2 > 2.5, in half of them.
    """
    reps = tv.replicate(TWO, "2c:1", ONE_TO_TWO, replications=500, progress=False)
    assert reps.control is not None
    assert reps.control.mean == pytest.approx(0.5)
    others = reps.estimated_failures
    assert set(others.tolist()) == {0.0, 1.0}
    found = reps.interval("failed")
    assert found.mean == pytest.approx(0.5 + others.mean(), abs=1e-12)
    half_width = stats.t.ppf(0.975, 499) * others.std(ddof=1) / np.sqrt(500)
    assert found.half_width == pytest.approx(half_width)
    assert found.ci_low < 0.875 < found.ci_high


def test_metrics_that_follow_from_failures_agree(study: tv.Comparison) -> None:
    for reps in study.cells.values():
        published, failed, rate = (reps.interval(metric) for metric in FOLLOWING)
        assert published.mean + failed.mean == pytest.approx(154)
        assert published.ci_low + failed.ci_high == pytest.approx(154)
        assert published.mean == pytest.approx(154 * rate.mean)
        assert published.half_width == pytest.approx(154 * rate.half_width)
        assert [reps.mean(metric) for metric in FOLLOWING] == pytest.approx(
            [published.mean, failed.mean, rate.mean]
        )


def test_variances_are_lower_by_known_factors(study: tv.Comparison, plain: tv.Comparison) -> None:
    for name, least in zip(SIZES[:3], (2.0, 4.0, 10.0), strict=True):
        narrow, wide = study[name].interval("failed"), plain[name].interval("failed")
        assert (wide.half_width / narrow.half_width) ** 2 > least
        variances = plain[name].estimated_failures.var(), study[name].estimated_failures.var()
        assert study[name].variance_ratio == pytest.approx(variances[0] / variances[1])
    assert study["2c:13"].variance_ratio == inf


def test_a_mean_of_failures_that_were_not_seen_is_theirs_that_must_be(study: tv.Comparison) -> None:
    reps = study["2c:13"]
    assert reps.control is not None
    found = reps.interval("failed")
    assert found.mean == found.ci_low == pytest.approx(reps.control.mean)
    assert found.ci_high == pytest.approx(reps.control.mean - np.log(0.025) / 2000, rel=1e-2)


def test_other_metrics_and_strategies_are_what_they_are(study: tv.Comparison, plain: tv.Comparison) -> None:
    for metric in study.metrics:
        assert study["1"].interval(metric) == plain["1"].interval(metric)
        if metric not in FOLLOWING:
            assert study["2c:10"].interval(metric) == plain["2c:10"].interval(metric)
    assert isnan(study["1"].variance_ratio)
    assert study["2c:10"].frame.equals(plain["2c:10"].frame)


def test_one_replication_is_what_it_is() -> None:
    reps = tv.replicate(CATALOGUE, "2c:9", replications=1, progress=False)
    assert reps.interval("failed").mean == reps.frame["failed"].item() == reps.mean("failed")


def test_a_difference_is_that_of_the_means_if_both_are_controlled(study: tv.Comparison) -> None:
    for name in SIZES[1:]:
        found = study[name].less(study["2c:9"], "failed")
        assert found.mean == pytest.approx(study[name].mean("failed") - study["2c:9"].mean("failed"), abs=2e-9)
        others = study[name].estimated_failures - study["2c:9"].estimated_failures
        half_width = stats.t.ppf(0.975, 1999) * others.std(ddof=1) / np.sqrt(2000)
        assert found.half_width == pytest.approx(half_width)


def test_a_difference_from_a_strategy_without_control_is_that_of_the_replications(
    study: tv.Comparison, plain: tv.Comparison
) -> None:
    assert study["2c:10"].less(study["1"], "failed") == plain["2c:10"].less(plain["1"], "failed")


def test_the_p_value_is_the_error_rate_with_which_the_interval_ends_at_0() -> None:
    few = tv.compare(TWO, ["2c:1", "2c:2"], ONE_TO_TWO.replace(startup_time="uniform(1, 1.6)"), replications=30)
    found = few["2c:2"].less(few["2c:1"], "failed", 0.95)
    assert 1e-12 < found.p_value < 0.05
    edge = few["2c:2"].less(few["2c:1"], "failed", 1 - found.p_value)
    assert edge.ci_high == pytest.approx(0, abs=1e-3 * abs(edge.mean))


def test_costs_have_the_failures_that_must_be() -> None:
    prices = tv.Prices(failed=3)
    reps = tv.replicate(CATALOGUE, "2c:10", replications=400, prices=prices, progress=False)
    failed, cost = reps.interval("failed"), reps.interval("cost")
    assert cost[:4] == pytest.approx([3 * number for number in failed[:4]])
    assert reps.mean_costs == pytest.approx(
        dict.fromkeys(reps.mean_costs, 0.0) | {"failed": 3 * failed.mean, "cost": cost.mean}
    )
    other = tv.replicate(CATALOGUE, "2c:11", replications=400, prices=prices, progress=False)
    less, fewer = other.less(reps, "cost"), other.less(reps, "failed")
    assert less[:4] == pytest.approx([3 * number for number in fewer[:4]])


def test_start_ups_that_fail_widen_it_by_the_error_of_the_bound() -> None:
    world = tv.Scenario(faults=tv.Faults(startup=0.1), publishing_queue_capacity=None)
    reps = tv.replicate(CATALOGUE, "2c:12", world, replications=300, progress=False)
    assert reps.control is not None
    assert reps.control.error > 0
    assert (reps.estimated_failures >= 0).all()
    known = replace(reps.control.bound, error=0.0)  # type: ignore[type-var]
    exact = replace(reps, control=Control(reps.setting, reps.seed))
    assert exact.control is not None
    exact.control.__dict__["bound"] = known
    wider, narrower = reps.interval("failed"), exact.interval("failed")
    assert wider.ci_high - narrower.ci_high == pytest.approx(reps.control.error, rel=1e-6)


def test_it_is_switched_off_with_one_argument(plain: tv.Comparison) -> None:
    off = tv.compare(CATALOGUE, SIZES, replications=2000, progress=False, control=False)
    for name in SIZES:
        assert off[name].interval("failed") == plain[name].interval("failed")
    assert controlled(off.cells) == ""
    with pytest.raises(tv.InputError, match="control must be"):
        tv.replicate(CATALOGUE, control="no")  # type: ignore[arg-type]


def test_a_precision_is_met_sooner() -> None:
    how: dict[str, Any] = {"replications": 100_000, "precision": tv.Precision("failed", absolute=0.02)}
    few, many = (tv.replicate(CATALOGUE, "2c:11", **how, control=control) for control in (True, False))
    assert few.stopped is not None
    assert few.stopped.met
    assert 4 * len(few) < len(many)


def test_more_replications_keep_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    reps = tv.replicate(CATALOGUE, "2c:9", replications=20, progress=False)
    reps.interval("failed")
    asked: list[range] = []
    count = FailedBound.of_replications

    def noted(self: FailedBound, seed: int, replications: range) -> Any:
        asked.append(replications)
        return count(self, seed, replications)

    monkeypatch.setattr(FailedBound, "of_replications", noted)
    more = reps.extend(30, progress=False)
    assert more.interval("failed") == tv.replicate(CATALOGUE, "2c:9", replications=50).interval("failed")
    assert asked == [range(20, 50), range(50)]


def test_it_is_saved_and_goes_to_other_processes(study: tv.Comparison, plain: tv.Comparison) -> None:
    for one in (study, plain):
        for again in (tv.Comparison.from_dict(one.to_dict()), pickle.loads(pickle.dumps(one))):
            assert again.summary.equals(one.summary)


def test_a_strategy_with_code_of_its_own_is_saved_without() -> None:
    class Mine(tv.Strategy):
        pass

    mine = Mine(name="mine", prewarmed=10)
    reps = tv.compare(CATALOGUE, [mine], replications=20, progress=False)
    assert reps["mine"].used_control("failed")
    assert not tv.Comparison.from_dict(reps.to_dict())["mine"].used_control("failed")


@pytest.mark.usefixtures("no_charts")
@pytest.mark.full
def test_texts_say_so(study: tv.Comparison, tmp_path: Path) -> None:
    said = "Mean failures are exact for videos that must fail and estimated for the others (control variate): "
    words = controlled(study.cells)
    assert words.startswith(f"{said}2c:9 (variance 2.")
    assert words.endswith("2c:13 (no others were seen).")
    assert words in study._repr_html_()
    assert said in study["2c:9"]._repr_html_()
    assert said not in study["1"]._repr_html_()
    assert words in study.report(tmp_path / "report.html").read_text().replace("\n", " ")
    grid = tv.compare(CATALOGUE, ["2c:10"], {"encoders": [8, 10]}, replications=50, progress=False)
    (low, high) = sorted(reps.variance_ratio for reps in grid.cells.values())
    gains = f"{three_digits(low)} to {three_digits(high)}"
    assert controlled(grid.cells).endswith(f"2c:10 (variance {gains} times lower).")


def test_the_command_says_so_and_switches_it_off() -> None:
    how = ("compare", "data/catalogue.jsonl", "--strategies", "2c", "--replications", 50)
    assert "(control variate): 2c (variance " in tv2sim(*how).out
    assert "control variate" not in tv2sim(*how, "--no-control").out
