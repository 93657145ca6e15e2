"""The door to the engines: names, and start-up times drawn for many publishers at once."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest

import tv2sim as tv
from tests.experiments.test_replicate_and_compare import FEW, same
from tv2sim.engines.choice import engine_for, engines_for, simulate_chunk


def test_auto_chooses() -> None:
    few, many = (engine_for("auto", FEW, tv.PART_2C, tv.Scenario(), count) for count in (10, 10**6))
    assert (few, many) == ("simpy", "kernel")


def test_auto_counts_all_that_is_simulated_in_one_call() -> None:
    catalogue = tv.generate_catalogue(100)
    assert tv.compare(catalogue, ["2a", "2c"], replications=100)["2c"].engine == "simpy"
    study = tv.compare(catalogue, ["2a", "2b", "2c"], replications=100)
    assert {reps.engine for reps in study.cells.values()} == {"kernel"}


WORLDS = [(FEW, tv.PART_2C.replace(prewarmed=size), tv.Scenario()) for size in (1, 2)]


@pytest.mark.parametrize(
    ("seconds", "engine"),
    [({}, "kernel"), ({"lanes": 9, "coverage": 9.9}, "kernel"), ({"lanes": 9, "coverage": 10.1}, "simpy")],
)
def test_auto_compiles_only_what_saves_more_than_it_takes(
    seconds: dict[str, float], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two worlds of 50,000 videos each take SimPy 10 s."""
    monkeypatch.setattr("tv2sim.engines.choice._not_compiled", lambda *world: seconds)
    replications = 50_000 // len(FEW)
    assert engines_for("auto", WORLDS, replications) == [engine] * 2
    assert engines_for("kernel", WORLDS, replications) == ["kernel"] * 2


def test_worlds_that_need_the_same_share_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {1: {"lanes": 7.0}, 2: {"stage": 7.0}}
    monkeypatch.setattr(
        "tv2sim.engines.choice._not_compiled", lambda _, strategy, __: needs[strategy.prewarmed]
    )
    replications = 50_000 // len(FEW)
    assert engines_for("auto", WORLDS, replications) == ["simpy"] * 2
    needs[2] = {"lanes": 7.0}
    assert engines_for("auto", WORLDS, replications) == ["kernel"] * 2


def test_replications_know_their_engine() -> None:
    reps = tv.replicate(FEW, "1", replications=2)
    assert reps.engine == reps.extend(1).engine == "simpy"
    study = tv.compare(FEW, ["1"], replications=2, engine="simpy").extend(2)
    assert study["1"].engine == "simpy"


@pytest.mark.parametrize(
    ("kind", "name", "what"),
    [
        (tv.Strategy, "starts_at_most", (tv.PART_2C.replace(starts_at_most=3), tv.Scenario())),
        (tv.Scenario, "provisioning_delay", (tv.PART_2C, tv.Scenario(provisioning_delay=1))),
    ],
)
def test_a_field_that_declares_no_engine_is_for_simpy_alone(
    kind: type[Any], name: str, what: tuple[tv.Strategy, tv.Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine_for("auto", FEW, *what, 10**6) == "kernel"
    (field,) = (each for each in dataclasses.fields(kind) if each.name == name)
    undeclared = {key: value for key, value in field.metadata.items() if key != "engines"}
    monkeypatch.setattr(field, "metadata", undeclared)
    assert engine_for("auto", FEW, *what, 10**6) == "simpy"
    with pytest.raises(tv.InputError, match=rf"does not know the (strategy|scenario)'s {name}"):
        tv.simulate(FEW, *what, engine="kernel")
    same_world = tv.PART_2C, tv.Scenario()  # the field is at its default
    assert engine_for("kernel", FEW, *same_world, 1) == "kernel"


@pytest.mark.parametrize("engine", ["numba", "SimPy", None, 1])
def test_another_name_lists_those_that_there_are(engine: Any) -> None:
    with pytest.raises(tv.InputError, match=f"engine must be one of 'auto', 'simpy', 'kernel', not {engine!r}"):
        tv.replicate(FEW, "1", replications=2, engine=engine)


class Answering(tv.Distribution):
    """Answers with what a function makes of the shares, and remembers their shapes."""

    mean = 4.0

    def __init__(self, answer: Any) -> None:
        self.answer, self.shapes = answer, list[tuple[int, ...]]()

    def quantile(self, u: Any) -> Any:
        self.shapes.append(u.shape)
        return self.answer(u)


class TestStartupTimes:
    def test_are_drawn_for_256_videos_or_slots_at_once_in_one_dimension(self) -> None:
        distribution = Answering(lambda u: 2 + 4 * u)
        scenario = tv.Scenario(startup_time=distribution, patience=3600)
        distribution.shapes.clear()  # the scenario has asked for the extremes
        tv.replicate(FEW, "2c", scenario, replications=60)
        assert distribution.shapes == [(256,)] * (60 * 2)  # in each replication: for videos, and of slots

    def test_are_those_of_a_replication_alone(self) -> None:
        scenario = tv.Scenario(startup_time="gamma(2, 2)")
        several = simulate_chunk("simpy", FEW, tv.PART_2C, scenario, 3, range(5, 9))
        for replication, facts in zip(range(5, 9), several, strict=True):
            alone = tv.simulate(FEW, "2c", scenario, seed=3, replication=replication)
            assert facts.equals(alone.facts)

    def test_a_pool_that_a_hook_makes_larger_or_smaller_than_its_field_says(self) -> None:
        class Other(tv.Strategy):
            level = 0

            def pool_level(self, state: tv.PoolState) -> int:
                return self.level

        for level in (1, 14):
            Other.level = level
            strategy = Other("other", prewarmed=5)
            reps = tv.replicate(FEW, strategy, replications=3)
            idle = [tv.simulate(FEW, strategy, replication=r).summary["idle"] for r in range(3)]
            assert reps.values("idle").tolist() == idle

    def test_a_function_may_answer_with_a_list(self) -> None:
        one_by_one = Answering(lambda u: [2 + 4 * float(share) for share in u])
        same(
            tv.replicate(FEW, "2c", tv.Scenario(startup_time=one_by_one), replications=30),
            tv.replicate(FEW, "2c", replications=30),
        )


def extreme(u: Any) -> Any:
    """Say which shares are so near 0 or 1 that they are hardly ever drawn."""
    return (u < 1e-9) | (u > 1 - 1e-9)


WRONG: dict[str, Any] = {
    "complex": lambda u: u + 1j,
    "text": lambda u: np.full(u.shape, "4"),
    "objects": lambda u: np.full(u.shape, object()),
    "fractions as objects": lambda u: u.astype(object),
    "booleans": lambda u: u > 0.5,
    "dates": lambda u: np.full(u.shape, np.datetime64("2026-01-01")),
    "nothing": lambda u: None,
    "one number": lambda u: 4.0,
    "rows": lambda u: u.reshape(1, -1),
    "ragged rows": lambda u: [[4.0], [4.0, 4.0]],
    "too few": lambda u: u[:-1],
    "negative": lambda u: np.where(extreme(u), 4.0, -1e-9),
    "infinite": lambda u: np.where(extreme(u), 4.0, np.inf),
    "not a number": lambda u: np.where(extreme(u), 4.0, np.nan),
}
"""What a scenario does not find out when it is made: there the extremes alone are looked at, and their size."""


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_time_gets_one_sentence(wrong: str) -> None:
    scenario = tv.Scenario(startup_time=Answering(WRONG[wrong]))
    message = "startup_time .* gives other than one time from 0 to 4294967296 s each"
    for strategy in ("1", "2c"):
        with pytest.raises(tv.ScenarioError, match=message) as caught:
            tv.simulate(FEW, strategy, scenario)
        assert "\n" not in str(caught.value)
        with pytest.raises(tv.ScenarioError, match=message):
            tv.replicate(FEW, strategy, scenario, replications=3)


@pytest.mark.parametrize(("time", "quoted"), [(-1.0, "-1"), (np.inf, "inf")])
def test_extremes_that_are_no_times_are_refused_by_the_scenario(time: float, quoted: str) -> None:
    message = f"startup_time .* gives other than times from 0 to 4294967296 s: {quoted}"
    with pytest.raises(tv.ScenarioError, match=message) as caught:
        tv.Scenario(startup_time=Answering(lambda u: np.full(u.shape, time)))
    assert "\n" not in str(caught.value)


def test_a_scenario_warns_of_nothing_while_it_asks_for_the_extremes() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        tv.Scenario(startup_time=Answering(WRONG["complex"]))
    assert warned == []
