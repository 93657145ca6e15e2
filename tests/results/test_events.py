"""The table of event kinds: its rows are found in log, tables, saved runs and recorded replays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from math import nan
from pathlib import Path

import numpy as np
import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, tv2sim, video
from tests.helpers.worlds import World, worlds
from tv2sim.base.ticks import PER_SECOND
from tv2sim.results.event_kinds import EVENTS, OTHER, ROW, Kind, log_of, pack
from tv2sim.results.facts import ATTEMPTS, TABLES, VIDEO_OUTCOMES, Column, Facts
from tv2sim.results.recorder import Contradiction, Recorder, facts_of_log
from tv2sim.results.run import (
    MEANINGS,
    attempts_frame,
    levels_frame,
    meaning,
    publishers_frame,
    videos_frame,
)

# -- the table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS)
def test_a_kind_names_columns_that_there_are(event: str) -> None:
    kind = EVENTS[event]
    columns = TABLES[kind.table]
    assert kind.time in columns
    assert {kind.video, kind.encoder, kind.publisher} <= {None, ROW, *columns}
    assert set(kind.given) <= {"video", "encoder", "publisher"}
    assert kind.meaning


def test_every_column_of_every_table_has_a_meaning() -> None:
    entry = video(0) | {"submittedAt": 0, "publishingTime": 1, "priority": 2}
    faults, retry = tv.Faults(ready_lifetime=9, encoder_lifetime=9), tv.RetryLater(1, attempts=9)
    run = tv.simulate([entry], "2c", tv.Scenario(faults=faults, hand_over=retry))
    for table, meanings in MEANINGS.items():
        columns = list(getattr(run, table).columns)
        assert all(meaning(table, column) for column in columns)
        assert set(meanings) <= set(columns)


def test_no_two_events_are_packed_alike() -> None:
    items = [pack(event, row) for event in (None, *EVENTS) for row in (0, 1, 2, 10**12)]
    assert len(set(items)) == len(items)


# -- facts and log give each other ---------------------------------------------------------------------------


def run_of(world: World) -> tv.Run:
    return tv.simulate(
        world.catalogue, world.strategy, world.scenario, seed=world.seed, replication=world.replication
    )


def test_the_log_gives_the_facts_again() -> None:
    for world in worlds(60):
        facts = run_of(world).facts
        log = list(log_of(facts).entries())
        timeouts = world.catalogue.publication_timeout
        again = facts_of_log(log, timeouts, facts.videos["own"].tolist(), facts.end / PER_SECOND, facts.ending)
        assert again.equals(facts)
        assert again == facts


def test_observers_get_the_log() -> None:
    for world in worlds(30):
        seen: list[tv.LogEntry] = []
        run = tv.simulate(world.catalogue, world.strategy, world.scenario, observers=seen.append)
        assert seen == list(log_of(run.facts).entries())


def test_facts_compare_without_an_error() -> None:
    one, same, other = (tv.simulate(CATALOGUE, seed=seed).facts for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert one != "facts"
    assert not one.equals(other)


def test_an_event_cannot_come_before_another_time() -> None:
    log = [tv.LogEntry(2.0, "offered", 0, None, None), tv.LogEntry(1.0, "offered", 1, None, None)]
    with pytest.raises(Contradiction) as caught:
        facts_of_log(log, np.array([9.0, 9.0]), [0, 0], 2.0, "stopped")
    assert caught.value.line == 1


# -- a kind of one's own -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def more_events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add an event with a column and one without, for tests that ask for them."""
    if "happens" in request.fixturenames:
        columns = list(TABLES["videos"].items())  # times are in the order in which they are filled
        place = [name for name, _ in columns].index("queued") + 1
        monkeypatch.setitem(
            TABLES, "videos", dict([*columns[:place], ("archived", Column("d", nan)), *columns[place:]])
        )
        monkeypatch.setitem(EVENTS, "archived", Kind("videos", "archived", video=ROW))
        monkeypatch.setitem(EVENTS, "polled", OTHER)


@pytest.fixture
def happens(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let both happen, the second one twice, when a video is queued; undoing the context ends that."""
    queued = Recorder.queued

    def queued_and_archived(self: Recorder, video: int) -> None:
        queued(self, video)
        self.happened("archived", video)
        self.other("polled", video=video)  # nothing holds it but the table of others, and it happens again
        self.other("polled", video=video)

    with monkeypatch.context() as context:
        context.setattr(Recorder, "queued", queued_and_archived)
        yield context


def test_a_new_event_is_found_everywhere(happens: pytest.MonkeyPatch, tmp_path: Path) -> None:
    catalogue = tv.generate_catalogue(5)
    seen: list[tv.LogEntry] = []
    run = tv.simulate(catalogue, "2c", observers=seen.append)
    events = run.events[run.events["event"] == "archived"]
    assert events["video"].tolist() == sorted(range(5), key=lambda row: (run.videos["queued"][row], row))
    assert (run.events["event"] == "polled").sum() == 10
    assert run.videos["archived"].equals(run.videos["queued"].rename("archived"))
    assert seen == list(log_of(run.facts).entries())
    log = tv2sim("run", "-", "--log", "json", stdin=b"".join(catalogue.lines())).out.encode()
    saved = run.save(tmp_path / "out")
    happens.undo()  # what follows is told of it, and records nothing by itself
    assert tv.load_run(saved) == run
    replayed: list[tv.LogEntry] = []
    recorded = tv.replay(recorded=io.BytesIO(log), speed="max", observers=replayed.append)
    assert replayed == seen
    assert recorded.facts == run.facts


# -- facts for a life ----------------------------------------------------------------------------------------


class Clock:
    """Tells the time that it is set to."""

    now = 0.0


def life() -> Facts:
    """Return what processes to come can tell: publishers that failed or retired, and a second encoding."""
    clock = Clock()
    recorder = Recorder(clock)
    recorder.add(2)
    tables = recorder.tables

    for _ in range(3):
        recorder.publisher_started(-1)
    recorder.offered(0)
    recorder.encoding_started(0, 0)
    clock.now = 1 * PER_SECOND
    recorder.other("encoding_started", video=0, encoder=1)
    attempt = {
        "kind": ATTEMPTS.index("encoding"),
        "video": 0,
        "encoder": 0,
        "publisher": -1,
        "started": 0.0,
        "ended": 1.0 * PER_SECOND,
    }
    for name, value in attempt.items():
        tables["attempts"][name].append(value)
    recorder.publisher_failed(0)
    clock.now = 2 * PER_SECOND
    recorder.publisher_ready(1)
    recorder.publisher_ready(2)
    clock.now = 3 * PER_SECOND
    recorder.encoded(0)
    recorder.queued(0)
    recorder.assigned(0, 1)
    recorder.publisher_retired(2)
    clock.now = 4 * PER_SECOND
    recorder.published(0)
    recorder.publisher_ended(1)
    tables["videos"]["settled"][1] = 5.0 * PER_SECOND
    tables["videos"]["outcome"][1] = VIDEO_OUTCOMES.index("refused")
    return recorder.facts([0, 0], 5 * PER_SECOND, "completed")


def test_publishers_that_fail_or_retire_are_rows_that_say_so() -> None:
    publishers = publishers_frame(life())
    assert publishers["outcome"].tolist() == ["failed", "ended", "retired"]
    assert publishers["ended"].tolist() == [1.0, 4.0, 3.0]
    assert publishers["video"].isna().tolist() == [True, False, True]
    assert publishers["idle"].tolist() == [0.0, 1.0, 1.0]


def test_levels_know_that_publishers_end_without_a_video() -> None:
    levels = levels_frame(life(), tv.Scenario()).set_index("time")
    assert levels["publishers_starting"].tolist() == [3, 2, 0, 0, 0, 0]  # the last at 5, when v1 is refused
    assert levels["publishers_ready"].tolist() == [0, 0, 2, 0, 0, 0]


def test_an_attempt_that_did_not_succeed_is_a_row() -> None:
    attempts = attempts_frame(life())
    assert attempts["kind"].tolist() == ["encoding", "startup"]
    assert attempts[["video", "encoder", "started", "ended"]].to_numpy().tolist()[0] == [0, 0, 0.0, 1.0]
    assert attempts[["publisher", "started", "ended"]].to_numpy().tolist()[1] == [0, 0.0, 1.0]


def test_outcomes_are_a_column() -> None:
    catalogue = tv.Catalogue([tv.Video("a", "A", "P", 2, 9), tv.Video("b", "B", "P", 2, 9)])
    assert videos_frame(catalogue, life())["outcome"].tolist() == ["published", "refused"]


def test_a_second_encoding_is_in_the_log() -> None:
    log = [entry for entry in log_of(life()).entries() if entry.event == "encoding_started"]
    assert [(entry.time, entry.video, entry.encoder) for entry in log] == [(0.0, 0, 0), (1.0, 0, 1)]


def test_a_run_without_failures_has_no_attempts() -> None:
    run = tv.simulate(CATALOGUE)
    assert len(run.attempts) == 0
    assert set(run.publishers["outcome"]) == {"ended", "unused"}
