"""``tv2sim replay -``: a catalogue that comes line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    ENVIRONMENT,
    SAMPLE,
    Replaying,
    is_one_line,
    json_log,
    lines_of,
    replay,
    start,
    tv2sim,
    video,
)

PIPE = subprocess.PIPE
POSIX = pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
pytestmark = POSIX

FAST = ["--speed", "max", "--port", "none"]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def events(lines: list[str]) -> list[str]:
    """Return the lines of a log as text without the stats lines."""
    return [line for line in lines if not line.startswith("stats:")]


# -- what is there already ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "pipe"])
@pytest.mark.full
def test_standard_input_gives_what_the_file_gives(kind: str, tmp_path: Path) -> None:
    """The wall clock does not enter what is there when it is needed."""
    out, record = tmp_path / "out", tmp_path / "record.jsonl"
    with CATALOGUE.open("rb") as file:
        given = file if kind == "file" else PIPE
        options = ["--speed", 1000, "--port", "none", "--out", out, "--record", record]
        with Replaying("-", *options, stdin=given) as replaying:
            if kind == "pipe":
                replaying.write(*CATALOGUE.read_text(encoding="utf-8").splitlines())
                replaying.close()
            ended = replaying.end()
    assert ended.status == 0
    assert ended.out == lines_of(replay(CATALOGUE).out)
    assert list(tv.read_catalogue(record)) == list(tv.read_catalogue(CATALOGUE))
    assert tv.load_run(out).videos.equals(tv.simulate(CATALOGUE).videos)


def test_a_named_pipe_is_a_feed_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "feed")
    with Replaying(tmp_path / "feed", *FAST, "--log", "none") as replaying:
        (tmp_path / "feed").write_bytes(SAMPLE.read_bytes())
        ended = replaying.end()
    assert (ended.status, ended.out) == (0, lines_of(tv2sim("run", SAMPLE).out))


# -- what comes while it runs ------------------------------------------------------------------------------


@pytest.mark.parametrize("log", ["text", "json"])
def test_it_starts_with_the_first_line_and_goes_on_as_lines_come(log: str) -> None:
    with Replaying("-", "--speed", 100, "--port", "none", "--log", log, stdin=PIPE) as replaying:
        for number in range(3):
            replaying.write(video(number))
            replaying.read_until(f"video {number}" if log == "text" else f'"video":{number}')
            assert replaying.process.poll() is None
        replaying.close()
        ended = replaying.end()
    assert ended.status == 0
    assert "published" in ended.out[-1]


@pytest.mark.full
def test_simulating_the_record_of_a_slow_feed_gives_the_same(tmp_path: Path) -> None:
    out, record = tmp_path / "out", tmp_path / "record.jsonl"
    options = ["--speed", 20, "--port", "none", "--out", out, "--record", record]
    with Replaying("-", *options, stdin=PIPE) as replaying:
        printed = []
        for number in range(4):
            replaying.write(*(video(2 * number + i, encoding=3) for i in range(2)))
            printed += replaying.read_until(f"encoded            encoder {(2 * number + 1) % 10}")
        replaying.close()
        ended = replaying.end()
    printed += ended.out
    simulated = tv2sim("run", record, "--log", "text", "--out", tmp_path / "again")
    lines = lines_of(simulated.out)
    submitted = [one.submitted_at or 0.0 for one in tv.read_catalogue(record)]
    assert (ended.status, simulated.status) == (0, 0)
    assert printed[-1] == lines[-1]
    assert events(printed)[: len(events(lines))] == events(lines)
    assert submitted[0] == 0  # the clock starts with it
    assert all(before < after for before, after in pairwise(submitted[::2]))
    for name in ("videos.csv", "publishers.csv", "events.csv", "levels.csv"):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert tv.load_run(out) == tv.load_run(tmp_path / "again")


def test_the_json_of_a_feed_can_be_played_again(tmp_path: Path) -> None:
    process = start("replay", "-", *FAST, "--log", "json", stdin=PIPE)
    out, _ = process.communicate(SAMPLE.read_bytes(), timeout=60)
    (tmp_path / "log").write_bytes(out)
    again = replay("--recorded", tmp_path / "log", "--out", tmp_path / "out")
    assert (process.returncode, again.status) == (0, 0)
    assert again.out == replay(SAMPLE).out
    assert tv.load_run(tmp_path / "out").videos.equals(tv.simulate(SAMPLE).videos)


def test_run_s_log_is_piped_into_a_replay() -> None:
    running = start("run", SAMPLE, "--log", "json")
    with Replaying("--recorded", "-", *FAST, stdin=running.stdout) as replaying, running:
        ended = replaying.end()
    assert (running.returncode, ended.status) == (0, 0)
    assert ended.out == lines_of(replay(SAMPLE).out)


def test_the_head_of_the_json_of_a_feed_has_what_goes_in() -> None:
    process = start("replay", "-", *FAST, "--log", "json", "--seed", 5, "--encoders", 3, stdin=PIPE)
    out, _ = process.communicate(SAMPLE.read_bytes(), timeout=60)
    head, *lines = map(json.loads, lines_of(out.decode()))
    expected, happened, last = json_log(SAMPLE, "--seed", 5, "--encoders", 3)
    assert [head[name] for name in ("scenario", "strategy", "seed", "replication")] == [
        expected[name] for name in ("scenario", "strategy", "seed", "replication")
    ]
    assert [line["accepted"] for line in lines if "accepted" in line] == expected["catalogue"]["videos"]
    assert [line["rejected"] for line in lines if "rejected" in line] == expected["catalogue"]["rejected"]
    assert [line for line in lines if "event" in line] == happened
    assert lines[-1] == last


# -- what is no video --------------------------------------------------------------------------------------


def test_rejected_lines_of_a_feed_are_counted_and_told() -> None:
    bad = ["no \x1b[31mJSON", "{}", json.dumps(video(0))]
    with Replaying("-", *FAST, stdin=PIPE) as replaying:
        replaying.write(video(0), *bad, video(1))
        replaying.close()
        ended = replaying.end()
    told = [line for line in ended.err if "rejected" in line]
    assert ended.status == 0
    assert ended.out[-1].startswith("stats: client_parse_errors=3 client_submitted=2 ")
    assert [line.split(":")[1] for line in told] == [f" line {line} rejected" for line in (2, 3, 4)]
    assert all(line.isprintable() for line in ended.err)


@pytest.mark.parametrize("log", ["text", "json"])
def test_rejected_lines_are_told_of_while_nothing_happens(log: str) -> None:
    with Replaying("-", "--speed", 1000, "--port", "none", "--log", log, stdin=PIPE) as replaying:
        replaying.write("no JSON")
        assert replaying.process.stderr is not None
        assert replaying.process.stderr.readline().startswith(b"tv2sim: line 1 rejected: ")
        replaying.write(video(0))
        printed = replaying.read_until("published=1" if log == "text" else '"published":1')
        replaying.write("no JSON")
        printed += replaying.read_until("client_parse_errors=2" if log == "text" else '"client_parse_errors":2')
        assert replaying.process.poll() is None
    told = "stats: client_parse_errors" if log == "text" else '"stats":{"client_parse_errors"'
    errors = [line.split(told)[1][1] for line in printed if told in line]
    assert errors == ["1"] * (len(errors) - 1) + ["2"]


def test_many_rejected_lines_are_no_flood() -> None:
    with Replaying("-", *FAST, "--log", "none", stdin=PIPE) as replaying:
        replaying.write(*["{}"] * 1000, video(0))
        replaying.close()
        ended = replaying.end()
    assert ended.status == 0
    assert ended.out[-1].startswith("stats: client_parse_errors=1000 client_submitted=1 ")
    assert len(ended.err) < 20


@pytest.mark.parametrize("text", ["", "\n\n", "no JSON\n{}\n", '{"id": "cut'])
@pytest.mark.full
def test_a_feed_without_a_video_is_one_sentence_and_2(text: str, tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    process = start("replay", "-", *FAST, "--record", record, "--out", tmp_path / "out", stdin=PIPE)
    out, err = process.communicate(text.encode(), timeout=60)
    *told, said = lines_of(err.decode())  # rejected lines may have been told of before it was over
    assert (process.returncode, out) == (2, b"")
    assert "no valid video" in said
    assert all(" rejected: " in line for line in told)
    assert list(tmp_path.iterdir()) == []


def test_a_standard_input_that_is_closed_is_one_line_and_2() -> None:
    words = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "tv2sim", "replay", "-", *FAST]
    shell = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert (shell.returncode, shell.stdout) == (2, b"")
    assert is_one_line(shell.stderr.decode())
