"""Levels over time in the wider world: by hand, and from tables and log over generated cases."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

import tv2sim as tv
from tests.engines import test_micro_world as in_the_world
from tests.engines.test_reference import strategy_of
from tests.helpers.engines import catalogue_of, scenario_of
from tests.helpers.micro_scenarios import simulate
from tests.helpers.wider_worlds import Case, case_of
from tv2sim.results.event_kinds import log_of
from tv2sim.results.levels import LEVELS, Places
from tv2sim.results.run import levels_frame

failing = in_the_world.failing


@cache
def runs(number: int = 200) -> list[tv.Run]:
    """Return the runs of generated cases."""
    return [run_of(case_of(case)) for case in range(number)]


def run_of(case: Case) -> tv.Run:
    """Run a case in the library."""
    clips, rule, world, seed = case
    return tv.simulate(catalogue_of(clips), strategy_of(rule), scenario_of(world), seed=seed, engine="simpy")


def followed(run: tv.Run) -> list[list[float]]:
    """Follow the log, and return the levels after each time."""
    return [[time, *(levels[name] for name in run.levels.columns[1:])] for time, levels, _ in states_after(run)]


def states_after(run: tv.Run) -> list[tuple[float, dict[str, int], Counter[tuple[str, str]]]]:
    """Follow the log, and return after each time the levels and the number in each state."""
    places = Places(run.scenario, run.facts.videos["own"].tolist())
    after = {}
    for entry in log_of(run.facts).entries():
        places.follow(entry)
        after[entry.time] = (entry.time, dict(places.levels), Counter(places.counts))
    return list(after.values())


def changes(run: tv.Run, *columns: str) -> list[tuple[float, ...]]:
    """Return the times at which one of these levels changes, each with the levels."""
    levels = run.levels[["time", *columns]]
    changed = levels[list(columns)].diff().fillna(1).any(axis="columns")
    return [tuple(row) for row in levels[changed].itertuples(index=False)]


def test_an_encoder_that_is_down_and_a_video_that_is_encoded_again() -> None:
    run = simulate([(2, 99), (2, 6), (0.5, 99)], "1", 2, faults=tv.Faults(encoder_lifetime=3, encoder_repair=1))
    # v1 loses its encoder at 3 and starts over at 4; the encoder dies again at 7, when it is free
    assert changes(run, "encoders_busy", "encoders_down") == [
        (0, 1, 0), (3, 0, 1), (4, 1, 0), (6.5, 0, 0), (7, 0, 1), (8, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("attempts", "ends"),
    [(None, [(3, 1, 1, 1), (3.5, 2, 0, 2), (4, 1, 1, 2), (4.5, 0, 2, 2), (5, 0, 1, 2), (5.5, 0, 0, 2)]),
     (1, [(3, 0, 1, 1), (3.5, 0, 0, 2)])],
)  # fmt: skip
def test_a_video_whose_publishing_fails_waits_again(
    attempts: int | None, ends: list[tuple[float, ...]], failing: in_the_world.Failing
) -> None:
    """The first attempts fail, of v0 at 3 and of v1 at 3.5; with one attempt each, that was the last one."""
    failing(PUBLISHING_FAILURE=[(0, 0), (1, 0)])
    faults = tv.Faults(publishing=0.5, attempts=attempts)
    run = simulate([(1, 99), (2, 99)], "2c:2", 2, faults=faults, publishing_time=1, encoders=2)
    assert changes(run, "publishing_queue", "publishers_busy", "publishers_failed") == [
        (0, 0, 0, 0), (1, 1, 0, 0), (2, 0, 1, 0), (2.5, 0, 2, 0), *ends,
    ]  # fmt: skip


def test_tables_and_log_give_the_same_levels() -> None:
    for run in runs():
        assert run.levels.to_numpy().tolist() == followed(run)


@pytest.mark.full
def test_levels_agree_with_the_outcomes_and_stay_within_their_bounds() -> None:
    found = set()
    for run in runs():
        levels, last = run.levels, run.levels.iloc[-1]
        found |= set(levels.columns)
        assert (levels >= 0).all().all()
        assert (last["published"], last["failed"], last.get("refused", 0)) == tuple(
            (run.videos["outcome"] == outcome).sum() for outcome in ("published", "failed", "refused")
        )
        assert (levels["encoders_busy"] <= run.scenario.encoder_count).all()
        for time, _, states in states_after(run):  # an encoder that is down may hold a blocked video
            working = states["video", "encoding"] + states["encoder", "down"]
            assert working <= run.scenario.encoder_count, time
        alive = levels["publishers_starting"] + levels["publishers_ready"] + levels.get("publishers_busy", 0)
        assert alive.max() == run.summary["peak_publishers"] or run.scenario.max_publishers is None
        if run.scenario.max_publishers is not None:
            assert alive.max() <= run.scenario.max_publishers
        failed = (run.publishers["outcome"] == "failed").sum()
        assert last.get("publishers_failed", 0) == failed
    assert found == {"time", *LEVELS}


def test_levels_that_are_left_out_are_always_0() -> None:
    for run in runs():
        everything = levels_frame(
            run.facts, run.scenario.replace(faults=tv.Faults(1e-9, 9, encoder_lifetime=9))
        )
        for name in set(everything.columns) - set(run.levels.columns):
            assert not everything[name].any()
