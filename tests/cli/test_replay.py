"""``tv2sim replay``: what it prints and what it writes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    ENVIRONMENT,
    SAMPLE,
    Json,
    Replaying,
    events_of,
    is_one_line,
    json_log,
    lines_of,
    replay,
    start,
    tv2sim,
    video,
    write_catalogue,
)
from tv2sim.base.storage import write_table
from tv2sim.results.metrics import Stats


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def counted(run: tv.Run) -> Iterator[tuple[Json, Stats, bool]]:
    """Yield the events of a run, the counters after each, and whether they were told before."""
    counts = Stats(
        client_parse_errors=len(run.catalogue.rejected),
        client_submitted=0,
        encoded=0,
        published=0,
        publish_failed=0,
    )
    counted_by = {
        "encoding_started": "client_submitted",
        "encoded": "encoded",
        "published": "published",
        "failed": "publish_failed",
    }
    told = None
    for event in events_of(run):
        if event["event"] in counted_by:
            counts[counted_by[event["event"]]] += 1
        yield event, Stats(counts), told != counts
        told = Stats(counts)


def expected_text(run: tv.Run, *, events: bool = True) -> list[str]:
    """Return what must be printed: each line of run's log, the stats line when it has changed, and at last."""
    log = iter(lines_of(tv2sim("run", _as_file(run), "--log", "text", "--strategy", run.strategy.name).out))
    lines = []
    for _, counts, fresh in counted(run):
        lines += [next(log)] * events + [str(counts)] * fresh
    return lines if lines[-1] == str(run.stats) else [*lines, str(run.stats)]


def _as_file(run: tv.Run) -> Path:
    return SAMPLE if run.catalogue.name == SAMPLE.name else CATALOGUE


# -- what is printed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", ["max", "1000"])
@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
def test_the_text_is_the_log_of_run_with_the_stats_line_whenever_it_changes(strategy: str, speed: str) -> None:
    status, out, _ = replay(CATALOGUE, "--strategy", strategy, "--speed", speed)
    assert status == 0
    assert lines_of(out) == expected_text(tv.simulate(CATALOGUE, strategy))


def test_the_json_is_the_log_of_run_with_the_stats_whenever_they_change() -> None:
    options = ["--strategy", "2a", "--encoders", 5, "--replication", 2, "--seed", 3, "--queue-capacity", "none"]
    status, out, _ = replay(SAMPLE, *options, "--log", "json")
    head, events, last = json_log(SAMPLE, *options)
    expected = [head]
    scenario = tv.Scenario(encoders=5, publishing_queue_capacity=None)
    for event, counts, fresh in counted(tv.simulate(SAMPLE, "2a", scenario, seed=3, replication=2)):
        expected += [event] + [{"time": event["time"], "stats": dict(counts)}] * fresh
    assert status == 0
    assert [json.loads(line) for line in lines_of(out)] == [*expected, last]
    assert [line for line in expected if "event" in line] == events


def test_the_stats_alone() -> None:
    status, out, _ = replay(SAMPLE, "--log", "stats")
    lines = lines_of(out)
    assert status == 0
    assert lines == expected_text(tv.simulate(SAMPLE), events=False)
    assert all(before != after for before, after in pairwise(lines))


def test_nothing_but_the_last_stats_line() -> None:
    status, out, _ = replay(CATALOGUE, "--log", "none")
    assert (status, out) == (0, tv2sim("run", CATALOGUE).out)


def test_it_says_how_it_went_and_how_late_it_was() -> None:
    status, _, err = replay(CATALOGUE)
    assert status == 0
    assert is_one_line(err)
    assert "completed at 80 s" in err
    assert "ms behind the clock" in err


def test_a_replay_that_is_cut_off_says_so() -> None:
    status, out, err = replay(CATALOGUE, "--until", 10)
    assert status == 0
    assert lines_of(out)[-1] == lines_of(tv2sim("run", CATALOGUE, "--until", 10).out)[-1]
    assert is_one_line(err)
    assert "cut-off" in err
    assert " videos unfinished" in err


def test_a_drawn_seed_is_told_and_repeats_the_replay() -> None:
    out, err = replay(CATALOGUE, "--strategy", "1", "--seed", "none")[1:]
    seed = err.split("--seed ")[1].split()[0]
    assert replay(CATALOGUE, "--strategy", "1", "--seed", seed).out == out


def test_rejected_lines_are_counted_and_told() -> None:
    _, out, err = replay(SAMPLE)
    assert lines_of(out)[1].startswith("stats: client_parse_errors=2 client_submitted=0 ")
    assert lines_of(err)[0] == tv2sim("run", SAMPLE).err.removesuffix("\n")


def test_a_title_never_moves_the_terminal(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.jsonl", [video(0, title="\x1b[31mred\n\u2028")])
    lines = lines_of(replay(path).out)
    assert all(line.isprintable() for line in lines)
    assert [r"\x1b[31mred\n\u2028" in line for line in lines if " video 0 " in line].count(False) == 0


def test_the_json_log_has_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    title = "\x1b[31m \x7f \x9b31m \u202e\u2066 \u2028 å 🎬 \U000e0001"
    path = write_catalogue(tmp_path / "c.jsonl", [video(0, title=title), "no \x1b[31mJSON \u202e"])
    process = start("replay", "-", "--speed", "max", "--port", "none", "--log", "json", stdin=subprocess.PIPE)
    fed = process.communicate(path.read_bytes(), timeout=60)[0].decode()
    for out in (replay(path, "--log", "json").out, fed):
        assert all(line.isprintable() for line in out.split("\n"))
        assert "å 🎬 \\udb40\\udc01" in out
    (accepted,) = (line for line in fed.split("\n") if '"accepted"' in line)
    assert json.loads(accepted)["accepted"]["title"] == title
    assert "no \\u001b[31mJSON \\u202e" in fed


@pytest.mark.parametrize("log", ["text", "json"])
def test_things_are_printed_as_they_happen(log: str, tmp_path: Path) -> None:
    """The next line would come an hour later, and no buffer keeps those before it meanwhile."""
    catalogue = write_catalogue(tmp_path / "c.jsonl", [video(0, encoding=3600)])
    with Replaying(catalogue, "--port", "none", "--log", log) as replaying:
        replaying.read_until("encoding_started")
        assert replaying.process.poll() is None
        ended = replaying.end(signal.SIGTERM)
    assert ended.status == 128 + signal.SIGTERM


# -- a recorded log ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "replay"])
@pytest.mark.parametrize("log", ["text", "json", "stats"])
def test_a_recorded_log_is_played_as_it_was(command: str, log: str, tmp_path: Path) -> None:
    options = ["--strategy", "2a", "--seed", 4, "--encoders", 3]
    extra = ["--port", "none", "--speed", "max"] if command == "replay" else []
    (tmp_path / "log").write_text(tv2sim(command, SAMPLE, *options, *extra, "--log", "json").out)
    status, out, _ = replay("--recorded", tmp_path / "log", "--log", log)
    assert (status, out) == (0, replay(SAMPLE, *options, "--log", log).out)


def test_a_recorded_log_comes_from_standard_input(tmp_path: Path) -> None:
    recorded = tv2sim("run", SAMPLE, "--strategy", "1", "--log", "json").out.encode()
    out = tmp_path / "out"
    again = replay("--recorded", "-", "--out", out, stdin=recorded)
    assert (again.status, again.out) == (0, replay(SAMPLE, "--strategy", "1").out)
    assert tv.load_run(out) == tv.simulate(SAMPLE, "1")


# -- what is written ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_out_and_record_write_the_run_and_its_catalogue(suffix: str, tmp_path: Path) -> None:
    out, record = tmp_path / "out", tmp_path / "record.jsonl"
    status, _, _ = replay(SAMPLE, "--out", out, "--record", record, "--format", suffix)
    assert status == 0
    assert tv.load_run(out) == tv.simulate(SAMPLE)
    assert tv.read_catalogue(record).ids == tv.read_catalogue(SAMPLE).ids
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "record.jsonl"]


def test_force_replaces_what_an_earlier_replay_has_written(tmp_path: Path) -> None:
    results = ["--out", tmp_path / "out", "--record", tmp_path / "record.jsonl"]
    replay(SAMPLE, *results)
    assert replay(CATALOGUE, *results).status == 2
    assert len(tv.load_run(tmp_path / "out").catalogue) == 10
    assert replay(CATALOGUE, *results, "--force").status == 0
    assert len(tv.load_run(tmp_path / "out").catalogue) == 154
    assert len(tv.read_catalogue(tmp_path / "record.jsonl")) == 154


def test_a_folder_that_is_full_in_the_end_is_one_line_and_leaves_the_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(frame: Any, path: Path, format: Any) -> None:  # noqa: A002
        write_table(frame, path, format)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tv2sim.results.saving.write_table", full)
    status, _, err = replay(SAMPLE, "--out", tmp_path / "out", "--record", tmp_path / "record.jsonl")
    said = lines_of(err)[-1]
    assert status == 2
    assert str(tmp_path / "out") in said
    assert os.strerror(errno.ENOSPC) in said
    assert [path.name for path in tmp_path.iterdir()] == ["record.jsonl"]
