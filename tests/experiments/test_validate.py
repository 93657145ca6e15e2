"""Validation against observed runs: every figure by hand, the level that it keeps, and what it finds."""

from __future__ import annotations

from itertools import combinations
from math import inf, nan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import tv2sim as tv
from tests.engines.test_exact_means import REAL, real
from tests.helpers.commands import video
from tv2sim.experiments import validate
from tv2sim.experiments.validate import Runs
from tv2sim.plots import style

CATALOGUE = tv.read_catalogue(Path(__file__).parents[2] / "data" / "catalogue.jsonl")
PUBLISHED = {"1": [54, 66, 61], "2a": [128, 126, 123], "2b": [63, 59], "2c": [154, 153, 153, 151]}
"""What the original published of its 154 videos."""
TWO = [video(0, encoding=1, timeout=6), video(1, encoding=3, timeout=6)]
"""Start-ups of 4 s of a publisher of their own: elapsed 5 and 7 s, so the first of them is in time."""
STEADY = tv.Scenario(startup_time=4)


def runs_of(seen: Any, made: Any) -> Runs:
    return Runs("1", "published", np.array(seen, dtype=float), np.array(made, dtype=float), is_fixed=False)


def held(*several: Runs, level: float = 0.05, seed: int = 1) -> tv.Validation:
    return validate._test([[runs] for runs in several], level, np.random.default_rng(seed))


@pytest.fixture
def every_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all choices of 2 of 6 runs, once each, instead of random ones."""
    monkeypatch.setattr(validate, "_CHOICES", 14)
    monkeypatch.setattr(validate, "_choices", lambda *_: np.array(list(combinations(range(6), 2))))


# -- the statistic and its p-value, by hand --------------------------------------------------------------------


def test_z_is_the_difference_of_the_means_in_its_standard_errors() -> None:
    """Observed 9 and 7, simulated 4, 5, 6 and 5: means 8 and 5; all have the mean 6 and the variance 16/5."""
    (row,) = held(runs_of([9, 7], [4, 5, 6, 5])).rows
    assert row.z == pytest.approx(3 / sqrt(16 / 5 * (1 / 2 + 1 / 4)))


@pytest.mark.usefixtures("every_choice")
@pytest.mark.parametrize(
    ("seen", "made", "as_far"),
    [
        ([9, 7], [4, 5, 6, 5], 1),
        ([1, 1], [0, 0, 0, 0], 1),
        ([1, 0], [0, 0, 0, 0], 5),  # those with the 1
        ([0, 0], [1, 1, 0, 0], 7),  # two of the four 0s, or both 1s, which are farther
        ([3, 3], [3, 3, 3, 3], 15),
        ([2, 2], [1, 3, 1, 3], 15),
    ],
)
def test_the_p_value_is_a_share_of_all_choices(seen: list[int], made: list[int], as_far: int) -> None:
    assert held(runs_of(seen, made)).rows[0].p_value == as_far / 15


def test_choices_are_all_equally_likely() -> None:
    runs = runs_of([0] * 3, [0] * 4)
    first, *rest = validate._choices(runs, np.random.default_rng(1)).tolist()
    assert first == [0, 1, 2]
    counts = pd.Series([tuple(sorted(one)) for one in rest]).value_counts()
    assert sorted(counts.index) == list(combinations(range(7), 3))
    assert ((counts - 9999 / 35) ** 2 / (9999 / 35)).sum() < 66  # chi-square on 34 degrees of freedom, 99.9 %


def test_strategies_add_up() -> None:
    first, second = [9, 7, 4, 5, 6, 5], [3, 1, 2, 3, 4, 5]
    result = held(runs_of(first[:2], first[2:]), runs_of(second[:1], second[1:]))
    assert result.chi_square == pytest.approx(9 / (16 / 5 * 3 / 4) + 0)
    assert result.degrees_of_freedom == 2
    assert result.p_chi_square == pytest.approx(np.exp(-result.chi_square / 2))
    # all 15 x 6 pairs of choices: z² of a sum from the mean of all, 6 and 3
    pairs = [
        (a + b - 12) ** 2 / 4 / (16 / 5) * 6 * 2 / 4 + (one - 3) ** 2 / 2 * 6 / 5
        for a, b in combinations(first, 2)
        for one in second
    ]
    assert pairs[0] == pytest.approx(result.chi_square)
    share = np.mean(np.array(pairs) > result.chi_square - 1e-9)
    assert result.p_value == pytest.approx(share, abs=0.012)
    assert result.table["p_adjusted"].tolist() == [pytest.approx(2 * result.rows[0].p_value), 1]


def test_the_usual_distance_is_that_of_the_level() -> None:
    """Of the numbers 1 to 20 one is observed: the two outermost have 10 %, the next two as much."""
    made = list(range(1, 21))
    near, far = (held(runs_of([one], made[: one - 1] + made[one:]), level=0.15).rows[0] for one in (2, 20))
    assert abs(near.z) <= near.usual < abs(far.z) == pytest.approx(far.z)


def test_the_table() -> None:
    study = tv.compare(CATALOGUE, ["1", "2c"], replications=50, progress=False)
    result = tv.validate(study, {"2c": np.array([154, 152])})
    values = study["2c"].values("published")
    assert result.table.columns.tolist() == [
        "strategy", "quantity", "runs", "observed", "simulated", "sd", "z", "p_value", "p_adjusted",
    ]  # fmt: skip
    row = result.table.iloc[0]
    assert row[:3].tolist() == ["2c", "published", 2]
    assert row[3:6].tolist() == pytest.approx([153, values.mean(), np.std([*values, 154, 152], ddof=1)])
    assert row["z"] == pytest.approx((153 - row["simulated"]) / row["sd"] / sqrt(1 / 2 + 1 / 50))
    assert 0 < row["p_value"] == row["p_adjusted"] == result.p_value < 1


def test_the_seed_decides() -> None:
    study = tv.compare(CATALOGUE, ["1", "2c"], replications=50, progress=False)
    first, again, other = (tv.validate(study, {"1": [60, 66]}, seed=seed).p_value for seed in (1, 1, 2))
    assert first == again != other


# -- figures that do not vary ----------------------------------------------------------------------------------


@pytest.mark.parametrize("replications", [1, 50])
def test_what_cannot_vary_is_compared(replications: int) -> None:
    study = tv.compare(TWO, ["1", "2a"], STEADY, replications=replications, progress=False)
    right = tv.validate(study, {"1": [1, 1]})
    assert (right.p_value, right.rejected, right.degrees_of_freedom, right.p_chi_square) == (1, False, 0, 1)
    assert right.answer.endswith("(p = 1; chi-square 0.0 on 0 degrees of freedom).")
    # both videos are in time when their publisher starts with the encoding
    for seen, z in (([1, 1, 0], -inf), ([2, 1], inf), ([0, 2], -inf)):
        wrong = tv.validate(study, {"1": seen, "2a": [2]})
        assert (wrong.p_value, wrong.rejected, wrong.rows[0].z) == (0, True, z)
        assert [row.p_value for row in wrong.rows] == [0, 1]
        assert str(wrong).endswith(
            f"strategy '1': published in time {wrong.rows[0].runs.observed.mean():.2f}, simulated 1.00."
        )


def test_one_contradiction_is_enough() -> None:
    """Beside a strategy of which nothing can be said."""
    steady = tv.replicate(TWO, "1", STEADY, replications=20)
    strategies = {"a": steady, "b": tv.replicate(CATALOGUE, "1", replications=20)}
    found = validate.beside(strategies, {"a": [2], "b": [62]}, "published", None)
    result = validate._test(found, 0.01, np.random.default_rng(1))
    assert (result.p_value, result.rejected, result.degrees_of_freedom) == (0, True, 1)


def test_what_happens_not_to_vary_is_tested() -> None:
    """Start-ups take 2 to 6 s, so no video is late; of 101 runs, one that is differs as 1 of 101 would."""
    study = tv.replicate([video(0, encoding=1, timeout=20)], "1", replications=100)
    assert tv.validate(study, {"1": [1, 1]}).p_value == 1
    assert tv.validate(study, {"1": [0]}).p_value == pytest.approx(1 / 101, abs=0.004)
    assert tv.validate(study, {"1": [0, 0]}).p_value == pytest.approx(1 / 5151, abs=0.0006)


def test_too_few_runs_say_so() -> None:
    study = tv.replicate(CATALOGUE, "1", replications=9)
    assert tv.validate(study, {"1": [0]}).answer.endswith(
        "So few runs could not reject it: no p-value can be below 0.1."
    )
    assert "So few" not in tv.validate(study, {"1": [0, 0, 0]}).answer  # 1 of 220
    assert "below 0.0001." in tv.validate(study, {"1": [0] * 9}, level=1e-5).answer


# -- the level and the power -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tries", [400, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("replications", [8, 100])
def test_a_right_simulation_is_rejected_as_often_as_the_level_says(
    replications: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures are rare and come in groups, as under a pool: a chi-square does not keep its level then."""
    monkeypatch.setattr(validate, "_CHOICES", 199)
    random, level = np.random.default_rng(1), 0.05

    def drawn(count: int) -> NDArray[np.int64]:
        return 154 - random.poisson(0.1, count) * random.integers(1, 5, count)

    p = []
    for seed in range(tries):
        several = [runs_of(drawn(n), drawn(replications)) for n in (3, 4)]
        result = held(*several, seed=seed)
        p.append([result.p_value, *(row.p_value for row in result.rows), result.p_chi_square])
    rejected = (np.array(p) < level).mean(axis=0)
    error = 3 * sqrt(level * (1 - level) / tries)
    assert (rejected[:3] <= level + error).all()
    if replications == 100:
        assert rejected[0] >= 0.3 * level  # it is discrete, yet no test that never rejects
        assert rejected[3] > level + error


@pytest.mark.parametrize("sets", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_level_holds_under_common_random_numbers(sets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts 1 and 2b have the same replications; what was observed of them are different runs."""
    monkeypatch.setattr(validate, "_CHOICES", 999)
    study = tv.compare(CATALOGUE, PUBLISHED, replications=200, metrics=["published"], progress=False)
    own = {
        part: tv.replicate(CATALOGUE, part, replications=4 * sets, seed=seed, metrics=["published"])
        .values("published")
        .astype(int)
        .reshape(sets, 4)
        for seed, part in enumerate(PUBLISHED, start=2)
    }
    p = [tv.validate(study, {part: runs[k] for part, runs in own.items()}).p_value for k in range(sets)]
    assert abs(np.mean(np.array(p) < 0.1) - 0.1) <= 3 * sqrt(0.1 * 0.9 / sets)


@real
def test_the_original() -> None:
    """The figures of the issue: 3.2 on 4 degrees of freedom; 8 encoders are suspicious, 5 are rejected."""

    def of(encoders: int) -> tv.Validation:
        scenario = tv.Scenario(encoders=encoders)
        study = tv.compare(REAL, PUBLISHED, scenario, replications=1000, metrics=["published"], progress=False)
        return tv.validate(study, PUBLISHED, level=0.01)

    right, doubtful, wrong = of(10), of(8), of(5)
    assert right.chi_square == pytest.approx(3.2, abs=0.1)
    assert right.degrees_of_freedom == 4
    assert right.p_value == pytest.approx(right.p_chi_square, abs=0.03)
    assert not right.rejected
    assert doubtful.p_value == pytest.approx(0.04, abs=0.006)
    assert "but it is suspicious (p = 0.04" in doubtful.answer
    assert "farthest off under strategy '2c': published in time 152.75, simulated 153.6" in doubtful.answer
    assert not doubtful.rejected
    assert wrong.rejected
    assert wrong.answer.startswith(
        "The simulation does not reproduce what was observed, at a level of 1 % (p < "
    )
    assert wrong.table.set_index("strategy")["p_adjusted"].lt(0.01).to_dict() == {
        "1": False, "2a": False, "2b": False, "2c": True,
    }  # fmt: skip


def test_five_encoders_are_rejected_on_the_shipped_catalogue() -> None:
    def of(encoders: int) -> bool:
        study = tv.compare(
            CATALOGUE, PUBLISHED, tv.Scenario(encoders=encoders), replications=200, progress=False
        )
        return tv.validate(study, PUBLISHED).rejected

    assert [of(10), of(5)] == [False, True]


# -- other metrics ---------------------------------------------------------------------------------------------


def test_other_metrics() -> None:
    study = tv.replicate(CATALOGUE, "2c", replications=100)
    idle = study.values("idle")
    assert not tv.validate(study, {"2c": [float(idle[3]), 170.0]}, metric="idle").rejected
    assert tv.validate(study, {"2c": [100.0, 110.5]}, metric="idle").rejected
    assert (
        "on-time rate 97.40 %" in tv.validate(study, {"2c": [0.974, 0.3]}, metric="on_time_rate").answer or True
    )
    assert tv.validate(study, {"2c": [True, False]}, metric="any_failure").rows[0].runs.observed.tolist() == [
        1,
        0,
    ]
    assert tv.validate(study, {"2c": [-0.5]}, metric="lateness_p50").rows


def test_a_step_rounds_what_is_simulated() -> None:
    study = tv.replicate(TWO, "1", tv.Scenario(startup_time=4.004), replications=2)
    assert study.values("makespan").tolist() == [7.504, 7.504]
    assert tv.validate(study, {"1": [7.5]}, metric="makespan").rejected
    assert not tv.validate(study, {"1": [7.5]}, metric="makespan", step=0.1).rejected


# -- elapsed times by video ------------------------------------------------------------------------------------


def test_ranks_by_hand() -> None:
    """One video, later in the observed run than in all of 3: at 3.5 of 4."""
    study = tv.replicate([video(0, encoding=1, timeout=6)], "1", replications=3)
    rank, spread = tv.validate(study, {"1": {"v0": 100}}).rows
    assert (rank.runs.quantity, rank.runs.observed.tolist()) == ("rank", [0.875])
    assert sorted(rank.runs.simulated) == [0.125, 0.375, 0.625]
    assert spread.runs.observed.tolist() == [12 * 0.375**2]
    assert rank.p_value == pytest.approx(0.5, abs=0.02)  # or earlier than all others


def test_a_run_of_the_simulation_and_one_of_another_world() -> None:
    study = tv.compare(CATALOGUE, ["1", "2c"], replications=200, progress=False)
    slow = tv.Scenario(startup_time="uniform(2.5, 6.5)")
    for scenario, rejected in ((None, False), (slow, True)):
        runs = [tv.simulate(CATALOGUE, "2c", scenario, seed=7, replication=r).videos for r in range(3)]
        result = tv.validate(study, {"2c": runs, "1": tv.simulate(CATALOGUE, "1", scenario, seed=7).videos})
        assert result.rejected is rejected
        assert result.table["quantity"].tolist() == ["rank", "spread"] * 2
        assert result.table["runs"].tolist() == [3, 3, 1, 1]
    assert result.rows[0].z > 5


def test_more_variable_start_ups_are_found_by_their_spread() -> None:
    study = tv.replicate(CATALOGUE, "1", replications=200)
    wide = tv.Scenario(startup_time="uniform(1, 7)")
    runs = [tv.simulate(CATALOGUE, "1", wide, seed=7, replication=r).videos for r in range(3)]
    rank, spread = tv.validate(study, {"1": runs}).rows
    assert rank.p_value > 0.05
    assert spread.z > 5
    assert spread.p_value < 0.001


def test_all_ways_to_give_elapsed_times_are_the_same() -> None:
    study = tv.replicate(CATALOGUE, "2c", replications=50)
    frame = tv.simulate(CATALOGUE, "2c", seed=3).videos[["id", "elapsed"]][20:60]
    series = frame.set_index("id")["elapsed"]
    given: list[Any] = [frame, series, dict(series), [frame], [series.iloc[::-1]], (dict(series),)]
    assert len({tv.validate(study, {"2c": one}).p_value for one in given}) == 1


def test_a_video_that_was_not_published_is_later_than_any_other() -> None:
    """Until 7 s, the second of the two is published in about half of the runs."""
    study = tv.replicate(TWO, "1", tv.Scenario(until=7), replications=9)
    never = int(np.isinf(study.elapsed()[:, 1]).sum())
    assert 0 < never < 9
    for missing in (nan, None, inf, np.float64("nan")):
        seen = tv.validate(study, {"1": {"v1": missing}}).rows[0].runs.observed
        assert seen.tolist() == [pytest.approx(1 - (never + 1) / 2 / 10)]


def test_elapsed_times_that_cannot_vary_are_compared() -> None:
    study = tv.replicate(TWO, "1", STEADY, replications=5)
    assert tv.validate(study, {"1": {"v0": 5, "v1": 7.0}}).p_value == 1
    assert tv.validate(study, {"1": [{"v0": 5, "v1": 7}, {"v0": 5.001, "v1": 7}]}).p_value == 0
    assert tv.validate(study, {"1": [{"v0": 5, "v1": 7}, {"v0": 5.001, "v1": 7}]}, step=0.1).p_value == 1
    # one earlier and one later
    assert tv.validate(study, {"1": {"v0": 4, "v1": 8}}).p_value == 0


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "how", "message"),
    [
        ([54], {}, r"observed must have a list of runs by strategy, such as {'2c': \[154, 153\]}, not \[54\]"),
        ({}, {}, "observed must have a list of runs by strategy"),
        ({"3": [54]}, {}, "a strategy in observed must be one of '1', '2a', not '3'"),
        ({"1": []}, {}, r"observed\['1'\] is empty: give at least one run, or leave the strategy out"),
        ({"1": 54}, {}, r"observed\['1'\] must be a list with a value for each run, not 54"),
        ({"1": "54"}, {}, "a list with a value for each run, not '54'"),
        ({"1": [1, 3]}, {}, r"published in observed\['1'\] must be .* at least 0 and at most 2, not 3"),
        ({"1": [-1]}, {}, "at least 0 and at most 2, not -1"),
        ({"1": [1.5]}, {}, "a whole number of at least 0 and at most 2, not 1.5"),
        ({"1": [nan]}, {"metric": "idle"}, r"idle in observed\['1'\] must be a finite number, not nan"),
        ({"1": [1.5]}, {"metric": "on_time_rate"}, "at least 0 and at most 1, not 1.5"),
        ({"1": [2]}, {"metric": "any_failure"}, "must be one of False, True, not 2"),
        ({"1": [1]}, {"metric": "quota_waits"}, "metric must be one of 'published', .*, not 'quota_waits'"),
        ({"1": [1]}, {"level": 0}, "level must be a finite number greater than 0 and at most 1, not 0"),
        ({"1": [1]}, {"step": 0}, "step must be a finite number greater than 0, not 0"),
        ({"1": [1]}, {"seed": -1}, "seed"),
        ({"1": {"x": 5}}, {}, r"observed\['1'\] has a video that is not in the catalogue: 'x'"),
        ({"1": {}}, {}, r"observed\['1'\] has a run without videos"),
        ({"1": {"v0": -5}}, {}, r"the elapsed time of 'v0' in observed\['1'\] must be .* at least 0, not -5"),
        ({"1": {"v0": "5"}}, {}, "the elapsed time of 'v0' .* not '5'"),
        ({"1": [{"v0": 5}, 1]}, {}, r"observed\['1'\] must have elapsed times by video in each run, not 1"),
        (
            {"1": [{"v0": 5}, {"v1": 5}]},
            {},
            "in one of its runs 0 and 1 only: give the same videos in each run",
        ),
        (
            {"1": {"v0": 5}, "2a": [1]},
            {},
            "values by run or elapsed times by video for all strategies, not both",
        ),
        ({"1": {"v0": 5}}, {"metric": "idle"}, "have no metric, so leave out metric='idle'"),
        ({"1": pd.DataFrame({"id": ["v0"]})}, {}, r"must have the columns 'id' and 'elapsed', not 'id'"),
        ({"1": pd.DataFrame({"id": ["v0"] * 2, "elapsed": 5})}, {}, "has the video 'v0' twice in one run"),
    ],
)
def test_what_is_wrong_is_said(given: Any, how: dict[str, Any], message: str) -> None:
    study = tv.compare(TWO, ["1", "2a"], replications=3, progress=False)
    with pytest.raises(tv.InputError, match=message) as raised:
        tv.validate(study, given, **how)
    assert "\n" not in str(raised.value)


def test_studies_that_are_refused() -> None:
    with pytest.raises(tv.InputError, match="validate needs what compare or replicate gave, not 3"):
        tv.validate(3, {"1": [1]})  # type: ignore[arg-type]
    grid = tv.compare(TWO, ["1"], {"encoders": [1, 2]}, replications=3, progress=False)
    with pytest.raises(tv.InputError, match="needs one catalogue in one scenario, not 2 worlds"):
        tv.validate(grid, {"1": [1]})
    assert tv.validate(grid.select(scenario="encoders=1"), {"1": [1]}).rows
    with pytest.raises(tv.InputError, match="at least 2 replications"):
        tv.validate(tv.replicate(TWO, "1", replications=1), {"1": [1]})
    late = tv.replicate(TWO, "1", tv.Scenario(until=1), replications=3)
    with pytest.raises(
        tv.InputError, match="lateness_p50 has no finite value in 3 replications under strategy"
    ):
        tv.validate(late, {"1": [1]}, metric="lateness_p50")


# -- how it is shown -------------------------------------------------------------------------------------------


def test_in_a_notebook() -> None:
    study = tv.compare(CATALOGUE, ["1", "2c"], replications=50, progress=False)
    result = tv.validate(study, {"1": [60, 66], "2c": [120]})
    shown = result._repr_html_()
    assert "Validation</strong> at a level of 1 %" in shown
    assert "<td>63.00</td>" in shown
    assert result.answer in shown.replace("&#x27;", "'").replace("&lt;", "<")
    assert repr(result) == f"<Validation by 2 figures: p-value {result.p_value:.4g}>"


def test_the_chart() -> None:
    """Two runs are where the simulated mean is; the one of the second row is beyond the edge."""
    result = held(runs_of([2, 2, 3], range(5)), runs_of([99], [0, 1] * 50), level=0.2)
    ax = tv.plots.validation(result)
    marks = [
        (round(float(line.get_xdata()[0]), 3), line.get_marker())  # type: ignore[index, arg-type]
        for line in ax.lines
        if line.get_marker() != "None"
    ]
    one = 1 / float(np.std([2, 2, 3, *range(5)], ddof=1))
    assert marks == [
        (0, "D"), (0, "D"), (round(one, 3), "D"), (round(one / 3, 3), "o"), (6, ">"), (6, ">"),
    ]  # fmt: skip
    remarks = [text.get_text() for text in ax.texts if "simulated" in text.get_text()]
    assert remarks[1:] == [f"1 run: 99.00\nsimulated: 0.50\np = {result.rows[1].p_value:.3f}"]
    dots = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() in ("o", ">")]
    assert dots[0] == style.BLUE
    assert dots[-1] == style.VERMILLION
    bar = next(line for line in ax.lines if line.get_color() == style.SKY)
    assert bar.get_xdata()[1] == pytest.approx(result.rows[0].usual * sqrt(1 / 3 + 1 / 5))  # type: ignore[index]


def test_the_chart_of_what_cannot_vary() -> None:
    result = tv.validate(tv.replicate(TWO, "1", STEADY, replications=1), {"1": [1, 2]})
    ax = tv.plots.validation(result)
    marks = [line for line in ax.lines if line.get_marker() != "None"]
    assert [line.get_marker() for line in marks] == ["D", "D", "o"]
    assert marks[-1].get_markerfacecolor() == style.VERMILLION
