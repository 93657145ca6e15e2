"""Verification: right engines agree with theory for every seed, wrong ones do not."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, is_one_line, tv2sim
from tv2sim.theory.verified_worlds import Row, Runs, World, tandem, worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tv2sim.results.facts import Facts

pytest.importorskip("numba", reason="numba is not installed")

from tv2sim.engines.kernel import kernels_for, replicating, world_of
from tv2sim.engines.kernel.routing import KERNELS

module = import_module("tv2sim.theory.verification")  # the package has a function of this name

pytestmark = pytest.mark.full  # every kernel simulates each world


@pytest.fixture(scope="module")
def found() -> tv.Verification:
    return tv.verify(replications=20, progress=False)


def of_kernel(seed: int, replications: int = 100, **more: Any) -> tv.Verification:
    """Verify the facts of the compiled engine alone, since comparing the kernels takes longer."""
    several = worlds(tv.generate_catalogue())
    how = {"replications": replications, "confidence": 0.99, "engines": ("kernel",)}
    with patch.object(module, "kernels_compared", return_value=()):
        verification: tv.Verification = module.verify_worlds(several, seed=seed, **how, **more)
    return verification


def times(factor: float) -> Callable[[tv.Scenario], tv.Scenario]:
    """Return what makes all start-ups take longer by a factor."""

    def changed(scenario: tv.Scenario) -> tv.Scenario:
        match scenario.startup_time:
            case tv.Uniform(low, high):
                return scenario.replace(startup_time=tv.Uniform(factor * low, factor * high))
            case tv.Exponential(mean):
                return scenario.replace(startup_time=tv.Exponential(factor * mean))
            case tv.LogNormal(median, sigma):
                return scenario.replace(startup_time=tv.LogNormal(factor * median, sigma))
            case tv.Empirical(samples):
                return scenario.replace(startup_time=tv.Empirical(factor * time for time in samples))
        raise AssertionError

    return changed


def theory_of(verification: tv.Verification, case: str, formula: str) -> list[float]:
    """Return what theory says in the rows of a formula, once."""
    of_formula = (one for one in verification.rows if (one.case, one.row.formula) == (case, formula))
    return [one.theory for one in of_formula if one.engine == verification.rows[0].engine]


# -- what is right agrees ------------------------------------------------------------------------------------


def test_every_formula_is_there_on_both_engines(found: tv.Verification) -> None:
    table = found.table
    formulas = {name for name in tv.queueing.__all__ if inspect.isfunction(getattr(tv.queueing, name))}
    for engine in ("kernel", "simpy"):
        assert formulas <= set(table["formula"][table["engine"] == engine])
    others = {"Lead.newsvendor", "tandem", "the engines", "the kernels"}
    assert others == set(table["formula"]) - formulas


def test_the_table(found: tv.Verification) -> None:
    table = found.table
    assert list(table.columns) == [
        "formula", "case", "quantity", "theory", "simulated", "ci_low", "ci_high", "relation", "agrees",
        "replications", "engine",
    ]  # fmt: skip
    assert found.agrees
    assert table["agrees"].dropna().all()
    approximations = table["relation"] == "approximation"
    assert approximations.sum() == 6
    assert table["agrees"][approximations].isna().all()
    judged = table[table["agrees"].notna() & (table["relation"] == "equal")]
    assert ((judged["ci_low"] <= judged["theory"]) & (judged["theory"] <= judged["ci_high"])).all()
    of_formulas, compared = table[:-6], table[-6:]
    by_engine = of_formulas.groupby("engine")
    of_engine = [part.drop(columns="engine").reset_index(drop=True) for _, part in by_engine]
    assert of_engine[0].equals(of_engine[1])
    assert compared["engine"].tolist() == ["both", *KERNELS]
    assert compared["theory"].equals(compared["simulated"])
    assert compared["theory"].tolist() == [740, 420, 380, 480, 600, 740]


def test_each_kernel_is_held_against_the_facts_of_each_world_that_it_knows() -> None:
    """Worlds with times that are drawn, full queues, and so on, are there for each."""
    known = dict.fromkeys(KERNELS, 0)
    for world in worlds(tv.generate_catalogue()):
        what = world.strategy.sized(world.catalogue, world.scenario), world.scenario
        for kernel in kernels_for(world_of(world.catalogue, *what)):
            known[kernel] += 1
    assert known == {"lanes": 21, "stream": 19, "varied": 24, "stage": 30, "events": 37}


def test_the_recursion_by_hand() -> None:
    """Two encoders that take 3 s, a queue for one video, and one publisher at a time, which takes 4 s to start.

    Offered at 0, 0.5 and 1; encoding from 0, 0.5 and, when the first has left its encoder, 3; encoded at 3, 3.5
    and 6; queued at 3, 4 and 8; assigned at 4, 8 and 12.
    """
    jobs = tv.Catalogue(tv.Video(f"j{row}", encoding_time=3, publication_timeout=8) for row in range(3))
    scenario = tv.Scenario(encoders=2, startup_time=4, publishing_queue_capacity=1)
    runs = Runs(jobs, tv.PART_2C.replace(prewarmed=1), scenario, 1, range(2))
    for deadline, publishing, idle, published in (
        ("published", 0, 0, [True, True, False]),
        ("published", 0.5, 0, [True, True, False]),
        ("published", 5, 1, [False, False, False]),
        ("assigned", 5, 1, [True, True, False]),
    ):
        changed = scenario.replace(deadline=deadline, publishing_time=publishing)
        found = tandem(runs._replace(scenario=changed))
        assert found.blocked.tolist() == 2 * [[0, 0, 2]]
        assert found.waits.tolist() == 2 * [[1, 4.5, 6]]
        assert found.published.tolist() == 2 * [published]
        assert found.idle.tolist() == 2 * [idle]


def test_theory_is_what_is_known_by_other_ways(found: tv.Verification) -> None:
    known: dict[tuple[str, str], list[float]] = {
        ("part 1", "on_time_probability"): [62.25],
        ("part 2a", "on_time_probability"): [128.0],
        ("part 1", "classification"): [33, 95],
        ("part 2c, pool of 10", "failed_bound"): [1.312],
        ("M/M/12", "mms_wait"): [0.1398, 0.1398 * np.exp(-1)],
        ("D/M/10", "gi_m_s"): [0.2253, 0.2422],
        ("M(t)/G/infinity", "palm"): [3 + 0.875, 16, 4 * 1.125],
        ("late costs 3, idle 1", "Lead.newsvendor"): [0.25],
    }
    for (case, formula), values in known.items():
        assert theory_of(found, case, formula)[: len(values)] == pytest.approx(values, abs=1e-3), case


@pytest.mark.parametrize(
    ("seeds", "replications"), [(range(1, 4), 40), pytest.param(range(1, 21), 100, marks=pytest.mark.slow)]
)
def test_all_rows_agree_for_each_seed(seeds: range, replications: int) -> None:
    for seed in seeds:
        verification = of_kernel(seed, replications)
        assert verification.agrees, verification.answer
        assert verification.table["agrees"].isna().sum() <= 3 + 2


# -- what is wrong does not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.95, 1.05])
@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (3, 4))])
@pytest.mark.full
def test_start_ups_that_are_wrong_by_5_percent_are_caught(seed: int, factor: float) -> None:
    verification = of_kernel(seed, change=times(factor))
    assert not verification.agrees
    wrong = verification.table[verification.table["agrees"].eq(False).fillna(False)]
    steady = {
        one.row.formula for one in verification.rows if one.row.over == "the long run" and one.agrees is False
    }
    assert {"erlang_b", "erlang_c", "gi_m_s", "mms_wait"} == steady
    assert {"on_time_probability", "advance_order", "kiefer_wolfowitz", "tandem"} <= set(wrong["formula"])
    assert f"{len(wrong)} of 66 rows do not agree with theory (kernel; confidence 99 %): " in str(verification)
    assert "on_time_probability (part 1, kernel), videos published: " in str(verification)


def test_engines_that_differ_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one run of one world, one time is off by a microsecond."""

    def off(engine: str, *what: Any) -> Iterator[Facts]:
        for replication, facts in enumerate(simulate_right(engine, *what)):
            if engine == "simpy" and replication == 7:
                facts = replace(facts, end=facts.end + 1)
            yield facts

    simulate_right = module.simulate_chunk
    monkeypatch.setattr(module, "simulate_chunk", off)
    few = worlds(tv.generate_catalogue())[:1]
    how = {"seed": 1, "replications": 10, "confidence": 0.99}
    verification = module.verify_worlds(few, **how, engines=("kernel", "simpy"))
    assert not verification.agrees
    said = "not in each run what theory says, as in part 1"
    assert (
        f"the engines (all cases, both), runs with same facts: {said} (end); the kernels (all cases, lanes), "
        f"runs with same metrics: {said} (encoder_utilization and makespan); "
    ) in str(verification)
    assert verification.table["simulated"].tolist()[6:] == [9] * 6
    assert verification.table["agrees"].tolist() == [True] * 6 + [False] * 6


def of_kernels(several: list[World]) -> dict[str, bool]:
    """Return whether each kernel agrees with the facts of these worlds, and say what does not."""
    how = {"seed": 1, "replications": 10, "confidence": 0.99, "engines": ("kernel",)}
    verification = module.verify_worlds(several, **how)
    rows = (one for one in verification.rows if one.row.formula == "the kernels")
    agree = {one.engine: one.agrees for one in rows}
    assert verification.agrees is all(agree.values())
    return agree | {"says": verification.answer}


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_that_raise_are_caught(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(replicating._BLOCKS[kernel], "simulate", broken)
    agree = of_kernels(worlds(tv.generate_catalogue())[:1])
    said = f"the kernels (all cases, {kernel}), runs with same metrics: not in each run what theory says, as in"
    assert f"{said} part 1 (RuntimeError: broken)" in str(agree.pop("says"))
    assert agree == {name: name != kernel for name in KERNELS}


def test_a_metric_of_a_kernel_that_is_wrong_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes lose a microsecond of a publisher's idle time."""
    right = replicating._of_fifo

    def off(*arguments: Any) -> dict[str, Any]:
        sums = right(*arguments)
        return sums | {"idle": sums["idle"] - 1}

    monkeypatch.setattr(replicating, "_of_fifo", off)
    several = worlds(tv.generate_catalogue())
    agree = of_kernels([*several[:2], several[-1]])
    assert "not in each run what theory says, as in part 1 (idle) and 2 other cases" in str(agree.pop("says"))
    assert agree == {name: name in ("stage", "events") for name in KERNELS}


@pytest.mark.parametrize(
    ("relation", "theory", "agrees"),
    [
        ("equal", 2.0, True), ("equal", 2.4, False), ("equal", 1.6, False), ("at least", 1.6, True),
        ("at least", 2.4, False), ("at most", 2.4, True), ("at most", 1.6, False), ("approximation", 9.0, None),
    ],
)  # fmt: skip
def test_relations(relation: Any, theory: float, agrees: bool | None) -> None:
    values = 2 + 0.1 * np.tile([-1.0, 1.0], 50)
    for over, simulated in (("runs", values), ("the long run", np.tile(values[:, np.newaxis], 100))):
        row = Row("f", "q", lambda runs: theory, lambda runs: values, relation, over)  # type: ignore[arg-type]
        assert module._judge(row, np.float64(theory), simulated, 0.99)[2] is agrees


def test_each_run_is_judged_by_itself_and_each_of_its_videos() -> None:
    values = np.array([[True, False], [True, True]])
    for relation, theory, agrees in (
        ("at least", [True, False], True), ("at least", [False, True], False), ("at most", [True, True], True),
        ("at most", [True, False], False), ("equal", values, True), ("equal", [True, True], False),
    ):  # fmt: skip
        row = Row("f", "q", lambda runs: 0, lambda runs: values, relation, "each run")  # type: ignore[arg-type]
        of_theory, interval, found = module._judge(row, np.asarray(theory, float), values.astype(float), 0.99)
        assert (of_theory, interval.mean, found) == (np.sum(theory) / np.ndim(theory), 1.5, agrees)


def test_a_start_that_is_left_out_and_runs_that_are_too_short() -> None:
    row = Row("f", "q", lambda runs: 2, lambda runs: np.zeros(0), over="the long run")
    noise = 0.1 * np.tile([-1.0, 1.0], 50)[:, np.newaxis]
    cold = np.concatenate([np.full(20, 9.0), np.full(180, 2.0)]) + noise
    assert module._judge(row, np.float64(2), cold, 0.99)[2] is True
    assert cold.mean() > 2.5
    rising = np.linspace(0, 4, 200) + noise
    assert module._judge(row, np.float64(2), rising, 0.99)[2] is None
    assert module._judge(row, np.float64(2), cold[:, :40], 0.99)[2] is None


def test_what_cannot_be_told_is_said() -> None:
    nothing: Callable[[Runs], NDArray[Any]] = lambda runs: np.zeros(len(runs.replications))  # noqa: E731
    usual = tv.generate_catalogue(), tv.PART_1, tv.Scenario()
    row = Row("f", "seconds", lambda runs: 1, nothing)
    verification = module.verify_worlds(
        [World("zeros", *usual, (row,))], seed=1, replications=10, confidence=0.99, engines=("simpy",)
    )
    assert verification.agrees
    assert verification.table["agrees"].isna().all()
    assert verification.in_words()[1][-1] == "?"
    agreeing, unsure = str(verification).split(". ")
    assert re.match(r"All 0 rows agree .*\(simpy; confidence 99 %\)$", agreeing)
    assert re.match("In 1 row .*too few or too short", unsure)


# -- how it is called ----------------------------------------------------------------------------------------


def test_without_numba_simpy_is_verified_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda package: None)
    monkeypatch.setattr("tv2sim.engines.choice.find_spec", lambda package: None)
    monkeypatch.setattr(module, "worlds", lambda catalogue: worlds(catalogue)[:1])
    verification = tv.verify(replications=10, progress=False)
    agreeing, missing = str(verification).split(". ")
    assert re.match(r"All 3 rows agree .*\(simpy; confidence 99 %\)$", agreeing)
    assert re.match(r"numba is not installed.*only SimPy.*\(pip install 'tv2sim\[fast\]'\)\.$", missing)
    with pytest.raises(tv.InputError, match="engine 'kernel' cannot simulate this: it needs numba"):
        tv.verify(engine="kernel")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"replications": 9}, "replications must be a whole number"),
        ({"confidence": 1}, "confidence must be less than 1, not 1"),
        ({"engine": "abacus"}, "engine must be one of 'auto', 'simpy', 'kernel', not 'abacus'"),
        ({"seed": -1}, "seed, if not None, must be"),
        ({"catalogue": []}, "no valid video in "),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(tv.InputError) as caught:
        tv.verify(**arguments)
    assert sentence in str(caught.value)


@pytest.mark.full
def test_a_catalogue_of_ones_own() -> None:
    """One whose first video cannot be in time, so that there is no certificate."""
    videos = [tv.Video(f"v{row}", encoding_time=5, publication_timeout=4 + row) for row in range(8)]
    verification = tv.verify(tv.Catalogue(videos), replications=20, engine="simpy", progress=False)
    assert verification.agrees
    assert "certificate" not in set(verification.table["formula"])
    # never in time with a slack of -1, 0, 1 and 2 s, always with one of 6 s
    assert theory_of(verification, "part 1", "classification") == [1, 4]
    assert theory_of(verification, "part 1", "on_time_probability") == pytest.approx([0.25 * (1 + 2 + 3 + 4)])


def test_what_a_notebook_shows(found: tv.Verification) -> None:
    shown = found._repr_html_()
    assert found.answer in shown
    assert '<th class="word">part 1</th>' in shown
    assert "≥ 33.0" in shown
    assert repr(found).startswith("<Verification of 144 rows: All 138 rows agree")


# -- the command ---------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_the_answer() -> None:
    status, out, err = tv2sim("verify", "--engine", "kernel", "--seed", 2)
    assert (status, err) == (0, "")
    *lines, empty, answer = out.splitlines()
    assert (empty, answer) == ("", "All 71 rows agree with theory (kernel; confidence 99 %).")
    assert max(map(len, lines)) <= 80
    assert "on_time_probability: part 1" in lines
    assert lines[0].split() == ["quantity", "theory", "simulated", "interval", "engine", "agrees"]
    assert [line for line in lines if line.endswith(" no")] == []


def test_what_does_not_agree_is_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = module.verify_worlds
    monkeypatch.setattr(module, "verify_worlds", lambda *what, **how: usual(*what, **how, change=times(1.05)))
    status, out, err = tv2sim(
        "verify", CATALOGUE, "--engine", "kernel", "--replications", 40, "--confidence", "95%"
    )
    assert (status, err) == (1, "")
    assert "rows do not agree with theory (kernel; confidence 95 %): " in out.splitlines()[-1]
    assert any(line.endswith(" no") for line in out.splitlines())


@pytest.mark.parametrize(
    "options",
    [("--replications", 2), ("--columns", "github"), ("no such file",), (CATALOGUE, "--confidence", 1)],
)
def test_the_command_says_what_is_wrong_in_a_line(options: tuple[object, ...]) -> None:
    status, out, err = tv2sim("verify", *options)
    assert (status, out) == (2, "")
    assert is_one_line(err)
