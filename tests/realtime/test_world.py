"""Replays of the wider world: what views show, and recorded logs, over generated cases and by hand."""

from __future__ import annotations

import io
import json
from collections import Counter

import msgspec
import pytest

import tv2sim as tv
from tests.engines import test_micro_world as in_the_world
from tests.helpers.micro_scenarios import simulate
from tests.helpers.wider_worlds import strategy_case_of
from tests.results.test_levels import run_of, runs
from tv2sim.base.errors import InputError
from tv2sim.cli.log import data_of, end_of, head_of, json_line, line_of
from tv2sim.realtime.pipeline_state import FURTHER, State, levels_of
from tv2sim.realtime.player import Simulated
from tv2sim.realtime.recorded_log import read_recorded
from tv2sim.results.event_kinds import log_of

failing = in_the_world.failing
NOTHING_FAILS = (tv.Scenario(), tv.Scenario(publishing_time=2), tv.Scenario(encoders=None))


def runs_of_strategies(number: int) -> list[tv.Run]:
    """Return the runs of generated cases of strategies, some of which give videos up."""
    return [run_of(strategy_case_of(case)) for case in range(number)]


def followed(run: tv.Run, upto: int | None = None) -> State:
    """Return the state after lines of the log."""
    own = bytearray(run.facts.videos["own"].tolist())
    state = State(Simulated(run.catalogue, run.strategy, run.scenario, run.seed, run.replication, own))
    for entry in list(log_of(run.facts).entries())[:upto]:
        state(entry)
    return state


@pytest.mark.full
def test_at_the_end_the_state_is_what_the_run_says() -> None:
    found = Counter[str]()
    for run in [*runs(), *runs_of_strategies(80)]:
        state = followed(run)
        state.complete()
        assert state.stats == run.stats
        assert state.stockouts == run.summary["stockouts"]
        assert levels_of(state.history.rows, state.levels).equals(run.levels)
        kinds = Counter(run.attempts["kind"].tolist())
        assert {kind: number for kind, number in state.attempts.items() if number} == kinds
        outcomes = Counter(run.publishers["outcome"].tolist())
        assert state.publisher_states["failed"] == outcomes["failed"]
        assert len(state.publishers) == outcomes["unfinished"] + outcomes["unused"]
        assert round(state.idle(run.end), 6) == round(run.summary["idle"], 6)
        assert round(state.alive(run.end), 6) == round(run.summary["publisher_seconds"], 6)
        assert sum(state.elapsed.counts) == run.videos["published"].notna().sum()
        assert state.settled == (run.videos["outcome"] != "unfinished").sum()
        events = Counter(run.events["event"].tolist())
        assert state.redeliveries == events["redelivered"]
        retries = refused_before(run)
        assert state.retries == retries
        found.update(kinds)
        found.update(retries=retries, redeliveries=state.redeliveries, discarded=events["discarded"])
    assert min(found.values()) > 20


def refused_before(run: tv.Run) -> int:
    """Count the offers of videos that had been refused: those that succeed, and refusals beyond the first."""
    refusals = Counter(run.events["video"][run.events["event"] == "refused"].tolist())
    taken = run.videos["encoding_started"].notna().tolist()
    return sum(number - 1 + taken[video] for video, number in refusals.items())


def test_at_every_time_a_view_can_show_it() -> None:
    for run in [*runs(40), *runs_of_strategies(40)]:
        state = followed(run, 0)
        for entry in log_of(run.facts).entries():
            state(entry)
            pipeline = state.pipeline()
            msgspec.json.encode(pipeline)
            assert pipeline.encoders_busy == sum(one.video is not None for one in pipeline.encoders)
            assert pipeline.encoders_down == sum(one.down for one in pipeline.encoders)
            assert pipeline.encoders_blocked == sum(one.blocked for one in pipeline.encoders)
            states = Counter(one.state for one in pipeline.publishers)
            assert states["busy"] == pipeline.publishers_busy
            level = dict(zip(state.levels, state.history.rows[-1][1:], strict=True))
            assert level["publishing_queue"] == pipeline.queue_total == len(pipeline.queue)


@pytest.mark.parametrize("scenario", NOTHING_FAILS)
def test_counters_of_failures_are_shown_only_where_something_fails(scenario: tv.Scenario) -> None:
    assert followed(tv.simulate(tv.generate_catalogue(5), "2c", scenario)).pipeline().further == {}
    faults, retry = tv.Faults(0.1, 9, 0.1, encoder_lifetime=9), tv.RetryLater(1, attempts=9)
    more = scenario.replace(encoders=2, faults=faults, hand_over=retry, broker=tv.Broker(1))
    pipeline = followed(tv.simulate(tv.generate_catalogue(5), "2c", more)).pipeline()
    assert list(pipeline.further) == list(FURTHER)


def test_a_video_that_comes_back_has_the_place_that_it_had(failing: in_the_world.Failing) -> None:
    """v0 is taken at 2 and comes back at 4, before v1 and v2; its next publisher is ready at 4.5."""
    failing(PUBLISHING_FAILURE=[(0, 0)])
    faults = tv.Faults(publishing=0.5)
    run = simulate([(1, 99)] * 3, "2c:1", 2, publishing_time=2, faults=faults, encoders=3, max_publishers=1)
    back = next(n for n, entry in enumerate(log_of(run.facts).entries(), 1) if "failed" in entry.event)
    assert [video.row for video in followed(run, back).pipeline().queue] == [0, 1, 2]


# -- recorded logs ------------------------------------------------------------------------------------------


def recorded(run: tv.Run) -> list[bytes]:
    """Return the lines of the log of a run, as commands print them."""
    own = run.facts.videos["own"].tolist()
    entries = [data_of(entry, own) for entry in log_of(run.facts).entries()]
    return [*map(json_line, [head_of(run, run.catalogue), *entries, end_of(run)])]


@pytest.mark.full
def test_a_recorded_log_is_the_run() -> None:
    for run in [*runs(80), *runs_of_strategies(40)]:
        seen: list[tv.LogEntry] = []
        played = tv.replay(recorded=io.BytesIO(b"".join(recorded(run))), speed="max", observers=seen.append)
        assert played == run
        assert seen == list(log_of(run.facts).entries())


def test_a_video_that_is_given_up_frees_its_encoder() -> None:
    """v0 has no room in the queue, and is given up at 3; v1 takes its encoder then."""
    rule = tv.PART_2C.replace(prewarmed=1, dispatch="end_of_instant", discards_hopeless=True)
    run = simulate([(1, 2), (1, 99)], rule, 3, capacity=0)
    assert run.events["time"][run.events["event"] == "discarded"].tolist() == [3]
    assert read_recorded(io.BytesIO(b"".join(recorded(run)))).log == list(log_of(run.facts).entries())
    pipeline = followed(run).pipeline()
    assert (pipeline.encoders_busy, pipeline.settled, [video.row for video in pipeline.failed]) == (0, 2, [0])


def test_a_video_that_is_lost_and_then_served_at_once_is_no_stockout() -> None:
    """v1 is lost at 3, after two seconds, and encoded from 4 to 6.5; publishers are ready from 1 on."""
    run = simulate([(1, 99), (2.5, 99)], "2c:2", 1, faults=tv.Faults(encoder_lifetime=3, encoder_repair=1))
    state, counted = followed(run, 0), []
    for entry in log_of(run.facts).entries():
        state(entry)
        counted.append(state.stockouts)
    state.complete()
    assert run.videos["assigned"].tolist() == run.videos["encoded"].tolist() == [1, 6.5]
    assert [*counted, state.stockouts, run.summary["stockouts"]] == [0] * (len(counted) + 2)


def test_an_encoder_that_is_down_and_blocked_is_one_encoder() -> None:
    """Both die at 3: v0 stays in its encoder, v1 is lost, and the client waits with v2."""
    faults = tv.Faults(encoder_lifetime=3, encoder_repair=1)
    run = simulate([(1, 99), (2.6, 99), (1, 99)], "2c:1", 9, encoders=2, capacity=0, faults=faults)
    state = followed(run, sum(run.events["time"] <= 3))
    pipeline = state.pipeline()
    assert [(encoder.blocked, encoder.down) for encoder in pipeline.encoders] == [(True, True), (False, True)]
    assert (pipeline.encoders_busy, pipeline.encoders_down, pipeline.interrupted) == (1, 2, 1)
    assert state.blocked


@pytest.mark.full
def test_a_recorded_log_may_end_anywhere() -> None:
    for run in [*runs(60), *runs_of_strategies(20)]:
        lines, log = recorded(run), list(log_of(run.facts).entries())
        for kept in range(1, len(lines), 7):
            told = read_recorded(io.BytesIO(b"".join(lines[:kept]))).log
            assert told[: kept - 1] == log[: kept - 1]
            assert len(told) - (kept - 1) == (kept > 1 and log[kept - 2].event in ("published", "failed"))
            assert told == log[: len(told)] or told[-1].event == "publisher_ended"


FAULTS = tv.Faults(encoder_lifetime=3, encoder_repair=1)
LOST = [line.decode() for line in recorded(simulate([(2, 99), (2, 6), (0.5, 99)], "1", 2, faults=FAULTS))]


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ("encoder_failed", {"encoder": None}),
        ("encoder_failed", {"encoder": 1}),
        ("encoder_failed", {"video": 0}),
        ("encoder_failed", {"video": 2}),
        ("encoder_failed", {"video": None}),
        ("encoder_repaired", {"encoder": None}),
        ("encoder_repaired", {"event": "encoder_failed"}),
        ("encoder_failed", {"event": "encoder_repaired"}),
        ("encoder_failed", {"event": "publisher_failed", "publisher": 0}),
    ],
)
def test_a_failure_that_contradicts_the_others_is_named(event: str, changes: dict[str, object]) -> None:
    at = next(number for number, line in enumerate(LOST) if f'"{event}"' in line)
    changed = json.dumps(json.loads(LOST[at]) | changes) + "\n"
    with pytest.raises(InputError, match=f"line {at + 1}, contradicts those before it"):
        read_recorded(io.BytesIO("".join([*LOST[:at], changed, *LOST[at + 1 :]]).encode()))


def test_an_encoder_that_is_down_takes_no_video() -> None:
    at = next(number for number, line in enumerate(LOST) if '"encoder_repaired"' in line)
    with pytest.raises(InputError, match=r"contradicts those before it: 'encoding_started' at 4 s"):
        read_recorded(io.BytesIO("".join([*LOST[:at], *LOST[at + 1 :]]).encode()))


def test_a_video_is_lost_with_its_own_encoder() -> None:
    run = simulate([(9, 99), (0.1, 99)], "1", 2, encoders=2, faults=FAULTS, until=4)
    lines = [line.decode() for line in recorded(run)]
    at = next(number for number, line in enumerate(lines) if '"encoder_failed"' in line)
    lines[at] = json.dumps(json.loads(lines[at]) | {"encoder": 1}) + "\n"
    with pytest.raises(InputError, match=f"line {at + 1}, contradicts those before it"):
        read_recorded(io.BytesIO("".join(lines).encode()))


def test_the_log_of_a_world_with_a_quota_has_the_waits() -> None:
    scenario = tv.Scenario(max_publishers=2)
    run = tv.simulate(tv.generate_catalogue(9), "1", scenario)
    assert run.facts.quota_waits > 0
    assert json.loads(recorded(run)[-1])["quota_waits"] == run.facts.quota_waits
    assert read_recorded(io.BytesIO(b"".join(recorded(run)))).quota_waits == run.facts.quota_waits


def test_lines_for_people_say_what_fails() -> None:
    run = simulate([(2, 99), (2, 6), (0.5, 99)], "1", 2, faults=FAULTS)
    lines = [line_of(entry, ["A", "B", "C"], [1, 1, 1]) for entry in log_of(run.facts).entries()]
    assert [line.split() for line in lines if "encoder_" in line] == [
        ["3.000", "encoder_failed", "encoder", "0", "video", "1", "B"],
        ["4.000", "encoder_repaired", "encoder", "0"],
        ["7.000", "encoder_failed", "encoder", "0"],
        ["8.000", "encoder_repaired", "encoder", "0"],
    ]
