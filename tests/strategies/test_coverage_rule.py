"""The coverage rule: small cases by hand, and its specification over generated states."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.coverage_reference import Encoding, State, Type, startup
from tv2sim.strategies.coverage import (
    MOST_STARTS,
    Coverage,
    begin,
    chance,
    coverage,
    decide,
    seen,
    startups,
)

S = 1e6
UNIFORM = startups(tv.Uniform(2, 6))


def decided(
    state: Coverage,
    now: float = 0,
    *,
    ready: int = 0,
    starting: Any = (),
    waiting: Any = (),
    encoding: Any = (),
    rate: int = 0,
) -> tuple[int, int, bool]:
    """Return what is decided; times are in seconds, and `encoding` has pairs of end and deadline."""
    begun, deadlines = (np.array(times, dtype=np.float64) * S for times in (starting, sorted(waiting)))
    ends, due = np.array(encoding, dtype=np.float64).reshape(-1, 2).T.copy() * S
    taken, started, held = decide(state, now * S, rate, ready, begun, deadlines, ends, due)
    return int(taken), int(started), bool(held)


# -- the start-up time ---------------------------------------------------------------------------------------


def at(distribution: Any, *times: float) -> list[float]:
    table = startups(distribution)
    return [round(float(chance(table, time * S)), 5) for time in times]


def test_a_table_has_the_distribution_function() -> None:
    assert at(tv.Uniform(2, 6), 0, 1.9, 2, 3, 4.5, 6, 99) == [0, 0, 0, 0.25, 0.625, 1, 1]
    assert at(tv.Constant(4), 3.999999, 4) == [0, 1]
    assert at(tv.Constant(1 / 3), 0.333332, 0.333333) == [0, 1]  # as it is rounded
    assert at(tv.Constant(0), 0) == [1]


@pytest.mark.parametrize(
    "distribution", [tv.Exponential(4), tv.LogNormal(4, 0.5), tv.Gamma(3, 1), tv.Triangular(2, 3, 6)]
)
def test_a_table_is_near_to_a_smooth_function(distribution: Any) -> None:
    times = np.linspace(0, 9, 500)
    assert at(distribution, *times) == pytest.approx(distribution.cdf(times), abs=2e-4)


def test_before_a_step_the_last_value_is_kept() -> None:
    """Also where there are several steps between two points of the table."""
    times = [2, 2, 3, 5]
    assert at(tv.Empirical(times), 1.99, 2, 2.9985, 2.9999, 3.002, 4.99, 5) == [0, 0.5, 0.5, 0.5, 0.75, 0.75, 1]


def test_the_longest_time_is_the_end_or_a_quantile() -> None:
    longest = {str(d): startups(d).longest / S for d in (tv.Uniform(2, 6), tv.Constant(3), tv.Exponential(4))}
    assert longest == {
        "uniform(2, 6)": 6,
        "constant(3)": 3,
        "exponential(4)": pytest.approx(-4 * np.log(0.005)),
    }
    assert startups(tv.Uniform(2, 6), delay=1.5e6).longest == 7.5e6


# -- by hand -------------------------------------------------------------------------------------------------


def test_one_more_is_started_if_the_failure_that_it_prevents_is_worth_its_idle_time() -> None:
    """One publisher has been starting for 1 s, and one video is due in 3 s.

    The risk is highest in 3.5 s: 3/8 that a new one is ready, times 3/8 that the other is not. The new one is
    idle when it is ready and the other is too, at each of 0.5, 1, ..., 8 s: by the sum of F(u) p(u) / 2.
    """
    idle = sum(min(1, (u - 2) / 4) * min(1, (u - 1) / 4) / 2 for u in np.arange(2.5, 8.1, 0.5))
    assert idle == 3.9765625
    for price, started in ((28.2, 0), (28.4, 1)):
        state = coverage(UNIFORM, [0.5 * S], price=price, forecast=None)
        seen(state, 2 * S, 3 * S, 0.0)
        assert decided(state, starting=[-1], encoding=[(2, 3)]) == (0, started, False)


def test_publishers_of_videos_that_are_expected_count_in_part() -> None:
    """The only video so far is encoded and due in 6 s. A publisher more is idle until then.

    Videos are expected in 0.5, 1, ... s, each with the weight 1/11, for which publishers are started at once.
    The first one lacks a publisher if none of these is ready.
    """
    alone = sum((u - 2) / 8 for u in np.arange(2.5, 5.6, 0.5))
    none_ready = np.prod([1 - (since - 2) / 4 / 11 for since in np.arange(2.5, 5.6, 0.5)])
    for forecast, worth in ((None, alone), ("online", alone / none_ready)):
        for factor, started in ((0.9999, 0), (1.0001, 1)):
            state = coverage(UNIFORM, [0.5 * S], price=worth * factor, forecast=forecast)  # type: ignore[arg-type]
            seen(state, 6 * S, 6 * S, 0.0)
            assert decided(state, encoding=[(6, 6)]) == (0, started, False)


@pytest.mark.parametrize(("starting", "price"), [((), 1), ((-2,), 3.5)])
def test_a_publisher_is_held_for_a_more_urgent_video(starting: Any, price: float) -> None:
    """One is ready. A video that is due in 7 s waits; another is encoded in 1 s, and due in 3 s.

    If the first takes it, the second fails for certain, or by 1/4 with a publisher that has been starting for
    2 s. The first waits for 1 s, or for 7/8 of it, since by 1/8 that one is ready in half a second.
    """
    for factor, held in ((1.01, True), (0.99, False)):
        state = coverage(UNIFORM, [0.5 * S], holding=price * factor)
        seen(state, S, 3 * S, 0.0)
        known = {"starting": starting, "waiting": [7], "encoding": [(1, 3)]}
        assert decided(state, ready=1, **known) == (int(not held), 0, held)


def test_nothing_is_held_without_cause() -> None:
    state = coverage(UNIFORM, [0.5 * S], holding=1e6)
    seen(state, S, 3 * S, 0.0)
    assert decided(state, ready=2, waiting=[7], encoding=[(1, 3)]) == (1, 0, False)  # there is one for each
    assert decided(state, ready=1, waiting=[7], encoding=[(1, 8)]) == (1, 0, False)  # the other is less urgent
    assert decided(state, ready=1, waiting=[7, 3]) == (1, 0, False)  # none is encoding
    assert decided(state, ready=1, waiting=[-1, 3], encoding=[(1, 3)]) == (1, 0, False)  # it is late already
    assert decided(state, ready=1, waiting=[0], encoding=[(1, 3)]) == (1, 0, False)  # it is due now
    assert decided(state, ready=0, waiting=[7], encoding=[(1, 3)]) == (0, 0, False)
    unpriced = coverage(UNIFORM, [0.5 * S])
    assert decided(unpriced, ready=1, waiting=[7], encoding=[(1, 3)]) == (1, 0, False)


def test_of_several_waiting_videos_the_first_ones_are_served() -> None:
    state = coverage(UNIFORM, [0.5 * S], holding=100)
    seen(state, S, 3 * S, 0.0)
    assert decided(state, ready=2, waiting=[2, 7, 8], encoding=[(1, 3)]) == (1, 0, True)


def test_an_encoding_that_should_have_ended_ends_now() -> None:
    state = coverage(UNIFORM, [0.5 * S], holding=1e-6)
    seen(state, S, 3 * S, 0.0)
    assert decided(state, 0.25, ready=1, waiting=[7.25], encoding=[(0.2, 3.25)]) == (0, 0, True)


def test_at_most_so_many_are_started_in_an_instant() -> None:
    state = coverage(UNIFORM, [0.5 * S], price=1e9, forecast=None)
    assert MOST_STARTS == 24
    assert decided(state, encoding=[(1, 5)] * 30) == (0, 24, False)


def test_publishing_takes_time_before_the_deadline() -> None:
    encoding, waiting = [(2.0, 3.5), (1.0, 4.0)], [7.0, 6.25]
    for price in (1, 5, 20, 50):
        both = []
        for later in (0, 1.25):
            state = coverage(UNIFORM, [0.5 * S], price=price, holding=price, publishing=later * S)
            seen(state, 1.5 * S, (3.5 + later) * S, 0.0)
            moved = [(end, deadline + later) for end, deadline in encoding]
            both.append(
                decided(state, starting=[-1], ready=2, waiting=[d + later for d in waiting], encoding=moved)
            )
        assert both[0] == both[1]


def test_a_run_begins_anew() -> None:
    state = coverage(UNIFORM, [0.5 * S], price=20)
    answers = []
    for _ in range(2):
        begin(state)
        for i in range(8):
            seen(state, 2 * S, 4 * S, i * 0.5 * S)
            answers.append(decided(state, i / 2, encoding=[(2 + j / 2, 4 + j / 2) for j in range(i + 1)]))
    assert answers[:8] == answers[8:]
    assert any(started for _, started, _ in answers)


# -- the specification ---------------------------------------------------------------------------------------

DISTRIBUTIONS = [
    tv.Uniform(2, 6), tv.Exponential(2), tv.Constant(3), tv.Empirical([1.0, 2.0, 2.0, 4.5]), tv.Uniform(0, 0.8),
    tv.Constant(0),
]  # fmt: skip
TABLES = [startups(each, delay=0.25 * S) for each in DISTRIBUTIONS] + [startups(each) for each in DISTRIBUTIONS]
PLAIN_TABLES = [
    startup(
        lambda shares, each=each: each.quantile(np.array(shares)).tolist(),  # type: ignore[misc]
        lambda times, each=each: each.cdf(np.array(times)).tolist(),  # type: ignore[misc]
        delay,
    )
    for delay in (0.25 * S, 0.0)
    for each in DISTRIBUTIONS
]
NOW = 20.0


def a_time(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(round(low * 4), round(high * 4)).map(lambda quarters: quarters / 4 * S)


def pairs(low: float, high: float, size: int) -> st.SearchStrategy[list[tuple[float, float]]]:
    return st.lists(st.tuples(a_time(low, high), a_time(0, 10)), max_size=size)


@settings(max_examples=200)
@given(data=st.data())
def test_the_specification_decides_the_same(data: st.DataObject) -> None:
    """Also where both sides of a comparison are the same but for errors of arithmetic: times are on a grid."""

    def one_of(*values: Any) -> Any:
        return data.draw(st.sampled_from(values))

    place = one_of(*range(len(TABLES)))
    gaps = [2 * S, one_of(0.125, 0.5, 0.7, 1, 3, 1 / 3, np.inf) * S]
    price, works, publishing, poisson = (
        one_of(0, 1, 10, 100, 1000),
        one_of(1, 0.8),
        one_of(0, 0.5) * S,
        one_of(False, True),
    )
    holding = one_of(0, 1, 100) or price
    types, learned = data.draw(pairs(0, 10, 5)), one_of(False, True)
    state = coverage(
        TABLES[place], gaps, price=price, holding=holding, startup_fails=1 - works, publishing=publishing,
        arrivals="poisson" if poisson else "even", forecast="online" if learned else types or None,
    )  # fmt: skip
    for encoding_time, timeout in types if learned else ():
        seen(state, encoding_time, timeout, 0.0)
        decided(state, rate=one_of(0, 1))  # which renews the tables, or those of another rate
    last = (NOW - one_of(0, 0.1, 0.25, 0.5, 0.7, 0.75, 1, 2, 10, np.inf)) * S
    state.memory[0] = last
    plain = State(
        PLAIN_TABLES[place], NOW * S, gaps, 1, last, price * S, holding * S,
        [Type(e, t - publishing) for e, t in types] if learned or types else None,
        learned, poisson, 1.0 - (1 - works), publishing, data.draw(st.integers(0, 4)),
        [NOW * S - age for age in data.draw(st.lists(a_time(0, 10), max_size=6))],
        [NOW * S + left for left in data.draw(st.lists(a_time(-1, 10), max_size=5))],
        [Encoding(NOW * S + left, NOW * S + left + more) for left, more in data.draw(pairs(-1, 8, 6))],
    )  # fmt: skip
    columns = [np.array(column) for column in (plain.starting, sorted(plain.waiting))]
    encoding = np.array(plain.encoding).reshape(-1, 2).T.copy()
    assert decide(state, NOW * S, 1, plain.ready, *columns, *encoding) == plain.decision()


@pytest.mark.parametrize("place", range(len(TABLES)))
def test_the_tables_are_the_same(place: int) -> None:
    table, plain = TABLES[place], PLAIN_TABLES[place]
    assert (table.low, table.per_tick, table.longest) == (plain.first, plain.per_tick, plain.longest)
    assert table.value.tolist() == plain.values
    assert table.slope.tolist() == plain.rises


# -- whole runs ----------------------------------------------------------------------------------------------

CATALOGUE = tv.generate_catalogue()
USUAL = tv.Scenario()
RUNS = {
    "known": (tv.Strategy(price=100, forecast=CATALOGUE), USUAL),
    "learned": (tv.STRATEGIES["coverage"], USUAL),
    "poisson": (tv.STRATEGIES["coverage"], USUAL.replace(arrivals="poisson", faults=tv.Faults(startup=0.1))),
    "base stock": (tv.Strategy(prewarmed=10, holds_back=100), USUAL),
}

SHOW = """
import sys
sys.modules["numba"] = None
from tests.strategies.test_coverage_rule import RUNS, of_one_run
for strategy, scenario in RUNS.values():
    print(*of_one_run(strategy, scenario))
"""


def of_one_run(strategy: tv.Strategy, scenario: tv.Scenario) -> tuple[list[float], list[float], bool]:
    """Return when videos were assigned, when publishers were started, and whether that took less than 3 s."""
    begun = time.process_time()
    run = tv.simulate(CATALOGUE, strategy, scenario, engine="simpy")
    took = time.process_time() - begun
    return run.videos["assigned"].tolist(), run.publishers["started"].tolist(), took < 3


@pytest.mark.full
def test_python_alone_decides_the_same_in_time() -> None:
    of_one_run(*RUNS["known"])  # functions are compiled
    command = [sys.executable, "-c", SHOW]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, env=os.environ)
    for line, (strategy, scenario) in zip(done.stdout.splitlines(), RUNS.values(), strict=True):
        assert line == " ".join(map(str, of_one_run(strategy, scenario)))


@pytest.mark.parametrize(("seconds", "failed"), [(0, 0), (2, 0), (3.7, 1), (5, 1)])
def test_start_up_times_that_are_constant(seconds: float, failed: int) -> None:
    """All are in time but the first video, which is due 3 s after it is known, before any is expected."""
    run = tv.simulate(CATALOGUE, "coverage", tv.Scenario(startup_time=tv.Constant(seconds)))
    assert (run.summary["failed"], run.ending) == (failed, "completed")


@pytest.mark.full
def test_it_fails_less_at_a_third_of_the_idle_time_of_a_pool() -> None:
    def means(strategy: str | tv.Strategy, replications: int) -> tuple[float, float]:
        how: dict[str, Any] = {"replications": replications, "metrics": ["failed", "idle"]}
        frame = tv.replicate(CATALOGUE, strategy, progress=False, **how).frame
        return float(frame["failed"].mean()), float(frame["idle"].mean())

    failed, idle = means("2c", 200)
    for name in ("known", "learned"):
        found = means(RUNS[name][0], 60)
        assert found[0] < failed / 4
        assert found[1] < idle / 3
    held = means(RUNS["base stock"][0], 60)
    assert held[0] < failed / 10
    assert held[1] == pytest.approx(idle, rel=0.02)
