"""Recorded logs: what was printed with ``--log json`` is played again, and is the run that was recorded."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.engines.test_properties import TABLES, same
from tests.helpers.commands import CATALOGUE, SAMPLE, Json, replay, tv2sim, video, write_catalogue
from tests.helpers.sizes import examples
from tests.realtime.test_replay import BARELY, equal, log_of, nothing_left_behind, until


@pytest.fixture(autouse=True)
def _tidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ENCODERS", "PORT", "KEEP_RUNNING"):
        monkeypatch.delenv(name, raising=False)
    with nothing_left_behind():
        yield


def recorded(*arguments: object) -> bytes:
    """Return what ``tv2sim run --log json`` prints."""
    result = tv2sim("run", *arguments, "--log", "json")
    assert result.status == 0, result.err
    return result.out.encode()


LOG = recorded(SAMPLE, "--strategy", "2c")
LINES = LOG.splitlines(keepends=True)
RUN = tv.simulate(SAMPLE)


def play(log: bytes, **options: Any) -> tuple[tv.Run, list[tv.LogEntry]]:
    """Play a log at full speed; return the run, and what an observer got."""
    seen: list[tv.LogEntry] = []
    run = tv.replay(recorded=io.BytesIO(log), observers=seen.append, **{"speed": "max", **options})
    return run, seen


def is_the_same(log: bytes, run: tv.Run) -> None:
    """Check that a log, played, is the run, and gives the same events."""
    played, seen = play(log)
    equal(played, run)
    assert seen == log_of(run)
    assert (played.strategy, played.scenario) == (run.strategy, run.scenario)
    assert (played.catalogue.name, played.catalogue.rejected) == (run.catalogue.name, run.catalogue.rejected)
    assert played.versions == run.versions
    assert repr(played.summary) == repr(run.summary)


# -- the run that was recorded ------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
def test_a_simulated_run(strategy: str) -> None:
    log = recorded(CATALOGUE, "--strategy", strategy, "--seed", 2**64 - 1, "--replication", 3)
    is_the_same(log, tv.simulate(CATALOGUE, strategy, seed=2**64 - 1, replication=3))


@pytest.mark.parametrize(
    ("options", "scenario"),
    [
        (["--until", 12.34], tv.Scenario(until=12.34)),
        (["--until", 0.25], tv.Scenario(until=0.25)),
        (["--encoders", 2, "--queue-capacity", 0], tv.Scenario(encoders=2, publishing_queue_capacity=0)),
        (["--queue-capacity", "none"], tv.Scenario(publishing_queue_capacity=None)),
        (["--publishing-time", 1.5], tv.Scenario(publishing_time=1.5)),
        (["--startup-time", "lognormal(3, 0.5)"], tv.Scenario(startup_time=tv.LogNormal(3, 0.5))),
        (["--requests-per-second", 3], tv.Scenario(requests_per_second=3)),
    ],
)
def test_in_other_worlds(options: list[object], scenario: tv.Scenario) -> None:
    is_the_same(recorded(SAMPLE, *options), tv.simulate(SAMPLE, "2c", scenario))


def test_no_publisher_came() -> None:
    run = tv.simulate(SAMPLE, tv.PART_2C.replace(prewarmed=0))
    assert run.ending == "no publisher will come"
    is_the_same(recorded(SAMPLE, "--prewarmed", 0), run)


def test_with_times_of_submission_rejected_lines_and_strange_titles(tmp_path: Path) -> None:
    titles = ["", "encoder 3", "\u2028 line?", '"quoted"', "\x1b[31m", "🎬", "\\n"]
    entries: list[Json | str] = [video(n, title=title) for n, title in enumerate(titles)]
    entries[2] = {**video(2), "submittedAt": 7.7}
    path = write_catalogue(tmp_path / "c.jsonl", [*entries, "nonsense", video(0), {"id": 3}])
    run = tv.simulate(path, "2a")
    assert len(run.catalogue.rejected) == 3
    is_the_same(recorded(path, "--strategy", "2a"), run)


@pytest.mark.parametrize("strategy", ["2a", "2c"])
def test_a_replay_of_a_file(strategy: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = replay(SAMPLE, "--strategy", strategy, "--log", "json", "--out", out)
    assert result.status == 0, result.err
    is_the_same(result.out.encode(), tv.load_run(out))
    is_the_same(result.out.encode(), tv.simulate(SAMPLE, strategy))


def fed_slowly(path: Path, *pieces: bytes | float) -> threading.Thread:
    """Write pieces into a named pipe, with pauses between them, in a thread."""

    def write() -> None:
        with path.open("wb", buffering=0) as stream:
            for piece in pieces:
                if isinstance(piece, bytes):
                    stream.write(piece)
                else:
                    time.sleep(piece)

    os.mkfifo(path)
    thread = threading.Thread(target=write)
    thread.start()
    return thread


def line(number: int, **more: object) -> bytes:
    return json.dumps({**video(number), **more}).encode() + b"\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("open_for", [0.0, 0.3])
def test_a_live_feed(open_for: float, tmp_path: Path) -> None:
    """With rejected lines and late videos; and one that stays open long after the last outcome."""
    path, out = tmp_path / "feed.jsonl", tmp_path / "out"
    pieces: list[bytes | float] = [
        line(0),
        b"nonsense\n",
        line(1),
        0.1,
        line(1),
        line(2),
        0.1,
        line(3, submittedAt=2),
        open_for,
    ]
    thread = fed_slowly(path, *pieces)
    result = tv2sim("replay", path, "--log", "json", "--speed", 200, "--port", "none", "--out", out)
    thread.join()
    assert result.status == 0, result.err
    run = tv.load_run(out)
    assert run.ending == "completed"
    assert run.catalogue.submitted_at is not None
    assert [(rejected.line, rejected.reason.split(":")[0]) for rejected in run.catalogue.rejected] == [
        (2, "no JSON"),
        (4, "the id 'v1' was seen before, in line 3"),
    ]
    is_the_same(result.out.encode(), run)


def test_a_played_one_that_was_printed_again() -> None:
    """Recorded, played, printed and played again."""
    log = recorded(SAMPLE, "--strategy", "2a")
    result = tv2sim("replay", "--recorded", "-", "--speed", "max", "--port", "none", "--log", "json", stdin=log)
    assert result.status == 0, result.err
    is_the_same(result.out.encode(), tv.simulate(SAMPLE, "2a"))


class Mine(tv.Strategy):
    """A strategy that the log cannot bring back, but stand in for."""

    def pool_level(self, state: tv.PoolState) -> int:
        return 3 + state.waiting


def test_the_log_of_an_own_strategy() -> None:
    from tv2sim.cli.log import head_of

    strategy = Mine("mine", review_every=2)
    run = tv.simulate(SAMPLE, strategy)
    lines = [
        head_of(run, run.catalogue),
        *(entry._asdict() for entry in log_of(run)),
        {"end": run.end, "ending": run.ending},
    ]
    import msgspec

    log = b"".join(msgspec.json.encode(entry, enc_hook=int) + b"\n" for entry in lines)
    played, seen = play(log)
    same(played, run)
    assert seen == log_of(run)
    assert played.strategy.name == "mine"
    assert played.strategy.review_every == 2


# -- how it is played ---------------------------------------------------------------------------------------


def test_from_a_path_an_open_file_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(recorded(SAMPLE))
    run = tv.simulate(SAMPLE)
    with path.open("rb") as binary, path.open(encoding="utf-8") as text:
        for source in (path, str(path), binary, text, io.StringIO(path.read_text(encoding="utf-8"))):
            assert tv.replay(recorded=source, speed="max") == run
            assert not binary.closed
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert tv.replay(recorded="-", speed="max") == run


def test_marks_line_ends_and_blanks_do_no_harm() -> None:
    log = recorded(SAMPLE)
    for changed in (
        b"\xef\xbb\xbf" + log,
        log.replace(b"\n", b"\r\n"),
        log.replace(b"\n", b"\n\n"),
        log.rstrip(),
    ):
        is_the_same(changed, tv.simulate(SAMPLE))


def test_at_a_speed() -> None:
    """It takes as long as the run that was recorded, and no event comes before its time."""
    log, run = recorded(SAMPLE), tv.simulate(SAMPLE)
    came: list[tuple[float, float]] = []
    begun = time.monotonic()
    handle = tv.replay(
        recorded=io.BytesIO(log),
        speed=40,
        observers=lambda entry: came.append((entry.time, time.monotonic())),
        block=False,
    )
    equal(handle.wait(BARELY), run)
    assert time.monotonic() - begun >= run.end / 40
    assert min(wall - begun - at / 40 for at, wall in came) >= 0
    assert handle.stats == run.stats
    assert_frame_equal(handle.levels, run.levels, check_exact=True)
    assert handle.player.strategy == tv.PART_2C
    assert handle.time == run.end


def test_it_can_be_paused_and_stopped() -> None:
    log = recorded(CATALOGUE, "--strategy", "2a")
    with tv.replay(recorded=io.BytesIO(log), speed=100, block=False) as handle:
        assert until(lambda: handle.stats["encoded"] > 0)  # what is played follows the clock
        handle.pause()
        at = handle.time
        time.sleep(0.03)
        assert handle.time == at
        handle.stop()
        run = handle.wait(BARELY)
    assert run.ending == "stopped"
    assert 0 < run.end <= at + 1e-5
    cut = tv.simulate(CATALOGUE, "2a", tv.Scenario(until=run.end))
    for name in TABLES:
        assert_frame_equal(getattr(run, name), getattr(cut, name), check_exact=True)
    handle = tv.replay(recorded=io.BytesIO(log), speed=100, block=False)
    handle.pause()
    handle.speed = "max"
    handle.resume()
    equal(handle.wait(BARELY), tv.simulate(CATALOGUE, "2a"))


def test_an_observer_may_stop_it_and_the_instant_is_completed() -> None:
    handles: list[tv.Replay] = []
    there = threading.Event()
    seen: list[tv.LogEntry] = []

    def stop(entry: tv.LogEntry) -> None:
        seen.append(entry)
        if entry.event == "encoded":
            assert there.wait(BARELY)
            handles[0].stop()

    handles.append(tv.replay(recorded=io.BytesIO(LOG), speed="max", observers=stop, block=False))
    there.set()
    run = handles[0].wait(BARELY)
    assert run.ending == "stopped"
    assert seen == log_of(run) == [entry for entry in log_of(RUN) if entry.time <= run.end]
    assert seen[-1].event != "encoded"


def test_an_observer_s_exception_reaches_wait() -> None:
    error = ZeroDivisionError("mine")

    def fail(entry: tv.LogEntry) -> None:
        if entry.event == "published":
            raise error

    handle = tv.replay(recorded=io.BytesIO(recorded(SAMPLE)), speed="max", observers=fail, block=False)
    with pytest.raises(ZeroDivisionError) as caught:
        handle.wait(BARELY)
    assert caught.value is error
    assert handle.phase == "failed"


# -- logs that end early ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 2, 11, 13, 40, len(LINES) - 2, len(LINES) - 1])
def test_a_log_that_was_cut_off_is_played_as_far_as_it_goes(kept: int) -> None:
    run, seen = play(b"".join(LINES[:kept]))
    log = log_of(RUN)[: kept - 1]
    if log and log[-1].event == "published":  # that its publisher ends right then goes without saying
        log = log_of(RUN)[:kept]
    assert seen == log_of(run) == log
    assert (run.end, run.ending) == (log[-1].time if log else 0, "stopped")
    assert run.catalogue == RUN.catalogue
    usable(run)


@pytest.mark.parametrize("kept", [2, 12, 40, len(LINES)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_last_line_is_left_out(kept: int, share: float) -> None:
    last = LINES[kept - 1].rstrip()
    run, seen = play(b"".join(LINES[: kept - 1]) + last[: int(len(last) * share)])
    assert seen == log_of(run)
    assert seen[: kept - 2] == log_of(RUN)[: kept - 2]
    assert run.ending == "stopped"


def test_a_log_of_another_that_was_cut_off_tells_no_more() -> None:
    """Cut off in the middle of an instant: a publisher is assigned, and no more is known of it."""
    row = next(n for n, text in enumerate(LINES) if b'"assigned"' in text)
    run, _ = play(b"".join(LINES[: row + 1]))
    assert run.videos["assigned"].notna().sum() == 1
    assert set(run.videos["outcome"]) == {"unfinished"}
    usable(run)


def usable(run: tv.Run) -> None:
    """Ask for everything that a run can be asked for."""
    assert len(run.videos) == len(run.catalogue)
    for name in TABLES:
        getattr(run, name).to_dict("records")
    assert run.levels["time"].is_monotonic_increasing
    assert (run.levels.drop(columns="time") >= 0).all().all()
    assert str(run.stats).startswith("stats: ")
    assert repr(run)
    assert run.summary["publishers_started"] == len(run.publishers)


# -- what is no log -----------------------------------------------------------------------------------------


def refused(log: bytes, name: str = "log.jsonl") -> str:
    """Check that a log is refused in one sentence that names it, and return the sentence."""
    stream = io.BytesIO(log)
    stream.name = name
    with pytest.raises(tv.InputError) as caught:
        tv.replay(recorded=stream, speed="max")
    message = str(caught.value)
    assert message.isprintable()
    assert f"'{name}'" in message
    assert len(message) < 500
    return message


def events(changes: Callable[[list[Json]], object]) -> bytes:
    """Return the log with changed events."""
    head, *rest, last = map(json.loads, LINES)
    changes(rest)
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in (head, *rest, last))


def test_what_is_no_log() -> None:
    assert "is empty" in refused(b"")
    assert "is empty" in refused(b"\n\n")
    for data in (b"nonsense\n", b"[]\n", b"7", b"{}\n", b"\x00\xff", b"null\n", b'{"versions": {}}\n'):
        assert "does not begin like the log of a run" in refused(data)


def test_a_catalogue_is_no_log() -> None:
    for path in (CATALOGUE, SAMPLE):
        with pytest.raises(tv.InputError, match="does not begin like the log of a run") as caught:
            tv.replay(recorded=path)
        assert path.name in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_log_is_no_catalogue() -> None:
    with pytest.raises(tv.CatalogueError):
        tv.replay(io.BytesIO(LOG))


def test_the_events_alone_are_no_log() -> None:
    refused(b"".join(LINES[1:]))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("scenario", {}),
        ("scenario", {"encoders": 0}),
        ("scenario", None),
        ("strategy", {}),
        ("strategy", {"name": 5}),
        ("strategy", "2c"),
        ("seed", -1),
        ("seed", "x"),
        ("replication", None),
        ("catalogue", None),
        ("catalogue", {"name": "x", "videos": [{"id": "a"}], "rejected": []}),
        ("catalogue", {"name": 5, "videos": [], "rejected": []}),
        ("versions", 3),
    ],
)
def test_a_head_with_something_else_in_it(part: str, value: object) -> None:
    head = json.loads(LINES[0])
    head[part] = value
    message = refused(json.dumps(head).encode() + b"\n" + b"".join(LINES[1:]))
    assert "does not begin like the log of a run" in message or "line 1" in message


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense",
        b"[]",
        b"7",
        b'{"time": -1, "event": "offered", "video": 0}',
        b'{"time": "soon", "event": "offered", "video": 0}',
        b'{"time": 1e999, "event": "offered", "video": 0}',
        b'{"time": 1, "event": 5}',
        b'{"time": 1, "event": "offered", "video": -3}',
        b'{"time": 1, "event": "offered", "video": 1.5}',
        b'{"accepted": {"id": ""}}',
        b'{"end": 7, "ending": "eaten"}',
        b"\xff\xfe",
        b"{}",
        b'{"end": 7, "ending": "ea\xe2\x80\xa8ten"}',
        b'{"time": 1}',
        line(5).rstrip(),
    ],
)
def test_a_line_that_is_none_of_a_log_s_is_named(text: bytes) -> None:
    assert "line 13" in refused(b"".join([*LINES[:12], text + b"\n", *LINES[12:]]))


@pytest.mark.parametrize(
    "entry",
    [
        {"time": 0.25, "event": "eaten", "video": 0, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "offered", "video": 10, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "offered", "video": 10**30, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "offered", "video": None, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "offered", "video": 0, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "encoding_started", "video": 0, "encoder": 1, "publisher": None},
        {"time": 0.25, "event": "encoding_started", "video": 5, "encoder": 0, "publisher": None},
        {"time": 0.25, "event": "encoding_started", "video": 5, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "encoded", "video": 4, "encoder": 0, "publisher": None},
        {"time": 0.25, "event": "queued", "video": 4, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "assigned", "video": 0, "encoder": None, "publisher": 0},
        {"time": 0.25, "event": "published", "video": 0, "encoder": None, "publisher": 0},
        {"time": 0.25, "event": "failed", "video": 0, "encoder": None, "publisher": 0},
        {"time": 0.25, "event": "publisher_ready", "video": None, "encoder": None, "publisher": 77},
        {"time": 0.25, "event": "publisher_ready", "video": None, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "publisher_started", "video": None, "encoder": None, "publisher": 0},
        {"time": 0.25, "event": "publisher_started", "video": None, "encoder": None, "publisher": 77},
        {"time": 0.25, "event": "publisher_started", "video": None, "encoder": None, "publisher": None},
        {"time": 0.25, "event": "publisher_started", "video": 99, "encoder": None, "publisher": 10},
        {"time": 0.25, "event": "publisher_ended", "video": 0, "encoder": None, "publisher": 0},
        {"time": 99.0, "event": "publisher_started", "video": None, "encoder": None, "publisher": 10},
    ],
    ids=lambda entry: f"{entry['event']} {entry['video']} {entry['encoder']} {entry['publisher']}",
)
def test_an_event_that_contradicts_the_others_is_named(entry: Json) -> None:
    """It stands in line 14, after ten publishers and the first video were started."""
    message = refused(events(lambda rest: rest.insert(12, entry)))
    # what comes too early is noticed where it comes, what comes too late with the next one
    assert "line 14" in message or ("line 15" in message and entry["time"] == 99)
    assert entry["event"] in message or "line 15" in message


def test_an_outcome_that_its_times_contradict_is_named() -> None:
    """The first video is published in time; the log says that it failed."""
    row = next(n for n, text in enumerate(LINES) if b'"event":"published"' in text)
    changed = LINES[row].replace(b'"event":"published"', b'"event":"failed"')
    assert f"line {row + 1}" in refused(b"".join([*LINES[:row], changed, *LINES[row + 1 :]]))


def test_unsorted_times_are_named() -> None:
    def swap(rest: list[Json]) -> None:
        rest[30]["time"], rest[50]["time"] = rest[50]["time"], rest[30]["time"]

    assert "line 33" in refused(events(swap))


def refused_or_played(log: bytes) -> str:
    """Check that a log is refused in one sentence, which is returned, or played and can be used."""
    try:
        run, seen = play(log)
    except tv.InputError as error:
        message = str(error)
    else:
        usable(run)
        assert seen == log_of(run)
        return "every line is fine"
    assert message.isprintable()
    return message


EVENTS = st.sampled_from(sorted({json.loads(text).get("event", "offered") for text in LINES[1:]} | {"eaten"}))
ROWS = st.one_of(st.none(), st.integers(0, 12))
NUMBERS = st.one_of(st.none(), st.integers(-1, 25))
CHANGES = st.lists(
    st.tuples(
        st.integers(0, len(LINES) - 3),
        st.one_of(
            st.just("delete"),
            st.just("repeat"),
            st.just("swap"),
            st.tuples(st.just("event"), EVENTS),
            st.tuples(st.just("video"), ROWS),
            st.tuples(st.sampled_from(["encoder", "publisher"]), NUMBERS),
            st.tuples(st.just("time"), st.floats(0, 12)),
        ),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=examples(250))
@given(changes=CHANGES)
def test_any_other_log_is_refused_or_played(changes: list[tuple[int, Any]]) -> None:
    """Never anything in between: what is played can be asked for all its tables."""

    def change(rest: list[Json]) -> None:
        for row, what in changes:
            row = min(row, len(rest) - 2)
            if what == "delete":
                del rest[row]
            elif what == "repeat":
                rest.insert(row, dict(rest[row]))
            elif what == "swap":
                rest[row], rest[row + 1] = rest[row + 1], rest[row]
            else:
                rest[row][what[0]] = what[1]

    assert "line " in refused_or_played(events(change))


@settings(max_examples=examples(150))
@given(at=st.integers(0, len(LOG) - 1), junk=st.binary(max_size=3), kept=st.integers(0, 4))
def test_any_other_bytes_are_refused_or_played(at: int, junk: bytes, kept: int) -> None:
    refused_or_played(LOG[:at] + junk + LOG[at + kept :])


@pytest.mark.parametrize("source", [pd.DataFrame({"a": [1]}), [1], b"x", object(), {}], ids=type)
def test_what_is_no_source(source: Any) -> None:
    with pytest.raises(tv.InputError) as caught:
        tv.replay(recorded=source)
    assert str(caught.value).isprintable()


def test_a_closed_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(LOG)
    with path.open("rb") as stream:
        pass
    with pytest.raises(tv.InputError, match="closed"):
        tv.replay(recorded=stream)


@pytest.mark.parametrize(
    "further", [{"strategy": "1"}, {"scenario": tv.Scenario()}, {"seed": 2}, {"replication": 1}]
)
def test_what_the_log_has_decided_cannot_be_said_again(further: dict[str, Any]) -> None:
    with pytest.raises(tv.InputError, match="leave these arguments out"):
        tv.replay(recorded=io.BytesIO(b""), **further)


def test_one_that_is_started_over_is_told_once_and_the_run_that_was_recorded() -> None:
    seen: list[tv.LogEntry] = []
    with tv.replay(recorded=io.BytesIO(LOG), speed=20, observers=seen.append, block=False) as handle:
        end = time.monotonic() + 60
        while len(seen) < 10 and time.monotonic() < end:
            time.sleep(0.01)
        told = len(seen)
        handle.restart()
        handle.speed = "max"
        assert handle.wait(60) == RUN
    assert 10 <= told < len(seen) == len(RUN.events)


def test_what_its_strategy_does_is_said_in_words() -> None:
    def words(log: bytes) -> str:
        with tv.replay(recorded=io.BytesIO(log), speed="max", block=False) as handle:
            return handle.snapshot().strategy_in_words

    assert words(LOG) == tv.PART_2C.in_words()
    assert words(recorded(SAMPLE, "--strategy", "1")) == tv.PART_1.in_words()
    # the code of a class is not in the log, but what it was
    head = json.loads(LINES[0])
    head["strategy"] |= {"kind": "custom", "class": "Own", "description": "Own(patience=6)"}
    own = json.dumps(head).encode() + b"\n" + b"".join(LINES[1:])
    assert words(own) == "A rule of its own: Own(patience=6)."
