"""``tv2sim replay``: signals, and whoever should read what it prints but does not."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import unpack

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    SAMPLE,
    Ended,
    Replaying,
    is_one_line,
    lines_of,
    replay,
    start,
    tv2sim,
    video,
)
from tv2sim.cli.replay import PatientOutput
from tv2sim.realtime import Replay

pytestmark = pytest.mark.full  # they wait for processes

PIPE = subprocess.PIPE
SAYS = {signal.SIGINT: "tv2sim: interrupted", signal.SIGTERM: "tv2sim: terminated"}
FULL = Path("/dev/full")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="pipes of a chosen size")
LONGEST = 30.0
"""Seconds in which it has to be gone on a machine that is busy; on an idle one it takes less than 1."""


def results(folder: Path) -> list[object]:
    """Return options that ask for everything that can be written."""
    return ["--out", folder / "out", "--record", folder / "record.jsonl"]


def stats_line(submitted: int) -> str:
    """Return the stats line when so many videos were submitted, and published."""
    return (
        f"stats: client_parse_errors=0 client_submitted={submitted} encoded={submitted} "
        f"published={submitted} publish_failed=0"
    )


def ended_well(ended: Ended, number: int, folder: Path) -> tv.Run:
    """Check that a signal has ended it as it should, and return the run that it has left."""
    assert ended.status == 128 + number
    assert ended.err[-1] == SAYS[signal.Signals(number)]
    assert sum(line in SAYS.values() for line in ended.err) == 1
    assert all(line.startswith("tv2sim: ") and line.isprintable() for line in ended.err)
    assert ended.seconds < LONGEST
    assert sorted(path.name for path in folder.iterdir()) == ["out", "record.jsonl"]
    run = tv.load_run(folder / "out")
    assert run.ending == "stopped"
    assert list(tv.read_catalogue(folder / "record.jsonl")) == list(run.catalogue)
    return run


# -- a signal, at different times --------------------------------------------------------------------------


@pytest.mark.parametrize(("until", "number"), [("offered", signal.SIGINT), ("publisher_ready", signal.SIGTERM)])
def test_a_signal_ends_it_with_the_stats_line(until: str, number: int, tmp_path: Path) -> None:
    with Replaying(CATALOGUE, "--speed", 20, "--port", 0, *results(tmp_path)) as replaying:
        printed = replaying.read_until(until)
        ended = replaying.end(number)
    run = ended_well(ended, number, tmp_path)
    assert ended.out[-1] == str(run.stats)
    log = [line for line in printed + ended.out if not line.startswith("stats:")]
    assert log == lines_of(tv2sim("run", CATALOGUE, "--log", "text").out)[: len(log)]
    assert len(log) == len(run.events)


@pytest.mark.parametrize("number", SAYS)
def test_a_signal_as_early_as_that_ends_it_with_the_stats_line_too(number: int, tmp_path: Path) -> None:
    """What it leaves depends on whether anything has happened, but is whole."""
    with Replaying(CATALOGUE, "--port", 0, *results(tmp_path)) as replaying:
        replaying.url()
        ended = replaying.end(number)
    assert ended.out[-1].startswith("stats: ")
    assert (ended.status, ended.err[-1]) == (128 + number, SAYS[signal.Signals(number)])
    assert ended.seconds < LONGEST
    if any(tmp_path.iterdir()):
        ended_well(ended, number, tmp_path)


@pytest.mark.usefixtures("_own_handlers")
def test_a_signal_while_it_starts_is_heard_when_it_has_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start_it = Replay.start

    def start(self: Replay) -> None:
        signal.raise_signal(signal.SIGTERM)
        start_it(self)

    monkeypatch.setattr(Replay, "start", start)
    status, out, err = tv2sim("replay", CATALOGUE, "--port", 0, *results(tmp_path))
    ended = Ended(status, lines_of(out), lines_of(err), 0)
    assert ended.out[-1] == str(ended_well(ended, signal.SIGTERM, tmp_path).stats)


@pytest.fixture
def _own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SAYS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_before_the_first_line_of_a_feed_leaves_nothing(tmp_path: Path) -> None:
    number = signal.SIGINT
    with Replaying("-", "--port", 0, *results(tmp_path), stdin=PIPE) as replaying:
        replaying.url()
        time.sleep(0.2)
        ended = replaying.end(number)
    assert ended.status == 128 + number
    assert ended.out == [stats_line(submitted=0)]
    assert ended.err == [SAYS[number]]
    assert ended.seconds < LONGEST
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_a_feed_is_dry(tmp_path: Path) -> None:
    with Replaying("-", "--speed", 100, "--port", "none", *results(tmp_path), stdin=PIPE) as replaying:
        replaying.write(video(0), video(1))
        replaying.read_until("published=2")
        ended = replaying.end(signal.SIGTERM)
    run = ended_well(ended, signal.SIGTERM, tmp_path)
    assert ended.out[-1] == str(run.stats) == stats_line(submitted=2)


def test_a_signal_while_a_recorded_log_is_awaited(tmp_path: Path) -> None:
    with Replaying("--recorded", "-", "--port", "none", *results(tmp_path), stdin=PIPE) as replaying:
        replaying.write(*lines_of(tv2sim("run", SAMPLE, "--log", "json").out)[:3])
        time.sleep(0.3)
        ended = replaying.end(signal.SIGTERM)
    assert (abs(ended.status) % 128, ended.out) == (signal.SIGTERM, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("between", [0, 0.1])
def test_a_second_signal_does_not_cut_the_end_short(between: float, tmp_path: Path) -> None:
    with Replaying(CATALOGUE, "--speed", 20, "--port", 0, *results(tmp_path)) as replaying:
        replaying.read_until("publisher_ready")
        replaying.process.send_signal(signal.SIGINT)
        time.sleep(between)
        ended = replaying.end(signal.SIGTERM)
    run = tv.load_run(tmp_path / "out")
    assert ended.out[-1] == str(run.stats)
    # of two at once the system may deliver either first
    first = signal.SIGTERM if not between and ended.status == 128 + signal.SIGTERM else signal.SIGINT
    ended_well(ended, first, tmp_path)


def test_a_viewer_who_never_reads_does_not_hold_it_up(tmp_path: Path) -> None:
    with Replaying(CATALOGUE, "--speed", 20, "--port", 0, *results(tmp_path)) as replaying:
        url = replaying.url()
        port = int(re.findall(r":(\d+)/", url)[0])
        with socket.socket() as viewer:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            viewer.connect(("127.0.0.1", port))
            viewer.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            replaying.read_until("video 40 ")
            ended = replaying.end(signal.SIGTERM)
    assert ended.out[-1] == str(ended_well(ended, signal.SIGTERM, tmp_path).stats)


# -- who does not read -------------------------------------------------------------------------------------


@contextmanager
def printing_little(*arguments: object) -> Iterator[Replaying]:
    """Replay with a pipe of standard output that holds just 4 KiB."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    with Replaying(*arguments, stdout=writing) as replaying:
        os.close(writing)
        replaying.process.stdout = os.fdopen(reading, "rb")
        yield replaying


def until_full(replaying: Replaying) -> None:
    """Wait until nothing more comes into the pipe of standard output, or the process has ended."""
    pipe = replaying.process.stdout
    assert pipe is not None
    before, held = -1, 0
    while replaying.process.poll() is None and (not held or held != before):
        time.sleep(0.15)
        before, held = held, unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@LINUX
def test_a_reader_who_has_stopped_reading_does_not_hold_it_up(tmp_path: Path) -> None:
    with printing_little(CATALOGUE, "--speed", "max", "--port", 0, *results(tmp_path)) as replaying:
        until_full(replaying)
        ended = replaying.end(signal.SIGTERM, signal.SIGINT, reading=False)
    run = ended_well(ended, ended.status - 128, tmp_path)  # the system delivers them in an order of its own
    assert 0 < len(run.events) < 1000


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals")
def test_a_terminal_that_is_not_read_does_not_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a part of the last line, and then nothing: the writer must not block."""
    import pty

    master, slave = pty.openpty()
    with os.fdopen(master), os.fdopen(slave, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        output = PatientOutput()
        writer = threading.Thread(target=output.write, args=[b"line\n" * 200_000], daemon=True)
        writer.start()
        writer.join(0.5)
        assert writer.is_alive()
        output.hurry()
        writer.join(30)
        assert not writer.is_alive()
        assert os.get_blocking(slave)


@LINUX
def test_a_signal_ends_it_even_if_the_first_line_is_not_read(tmp_path: Path) -> None:
    """The first line of the log as JSON holds the whole catalogue."""
    with printing_little(CATALOGUE, "--port", "none", "--log", "json", *results(tmp_path)) as replaying:
        until_full(replaying)
        ended = replaying.end(signal.SIGTERM, reading=False)
    assert (ended.status, ended.err) == (128 + signal.SIGTERM, [SAYS[signal.SIGTERM]])
    assert ended.seconds < LONGEST
    assert list(tmp_path.iterdir()) == []


@LINUX
def test_a_signal_ends_it_even_if_the_last_line_is_not_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
    options = ["--speed", "max", "--port", 0, "--keep-running", "--log", "none", *results(tmp_path)]
    with Replaying(SAMPLE, *options, stdout=writing) as replaying:
        until_published(replaying)
        ended = replaying.end(signal.SIGTERM)
    os.close(reading)
    os.close(writing)
    assert (ended.status, ended.err[-1]) == (128 + signal.SIGTERM, SAYS[signal.SIGTERM])
    assert ended.seconds < LONGEST
    assert tv.load_run(tmp_path / "out") == tv.simulate(SAMPLE)


def until_published(replaying: Replaying) -> None:
    """Wait until the last video of the sample has its outcome."""
    url = replaying.url()
    while "successes_total 10.0" not in replaying.get(url + "metrics"):
        time.sleep(0.05)


@LINUX
@pytest.mark.parametrize("strict", [False, True])
def test_a_reader_who_was_away_is_a_warning_and_with_strict_an_error(strict: bool) -> None:
    options = ["--speed", 200, "--port", "none", *["--strict"] * strict]
    with printing_little(CATALOGUE, *options) as replaying:
        until_full(replaying)  # a busy machine may be late before, which ends a strict one
        ended = replaying.end()
    told = [line for line in ended.err if "choose a lower speed" in line]
    assert len(told) == 1
    assert all(line.startswith("tv2sim: ") and line.isprintable() for line in ended.err)
    if strict:
        assert (ended.status, ended.err) == (1, told)
    else:
        assert (ended.status, ended.out) == (0, lines_of(replay(CATALOGUE).out))


def test_a_pipe_closed_early_ends_it_without_a_word() -> None:
    with Replaying(CATALOGUE, "--speed", 100, "--port", "none") as replaying:
        assert replaying.process.stdout is not None
        assert all(replaying.process.stdout.readline().endswith(b"\n") for _ in range(3))
        replaying.process.stdout.close()
        replaying.process.stdout = None
        ended = replaying.end()
    assert (ended.status, ended.err) == (0, [])
    assert ended.seconds < LONGEST


def test_a_signal_tells_how_it_ended_also_if_nobody_reads_the_last_line() -> None:
    with Replaying(CATALOGUE, "--port", 0, "--log", "none") as replaying:
        replaying.url()
        assert replaying.process.stdout is not None
        replaying.process.stdout.close()
        replaying.process.stdout = None
        ended = replaying.end(signal.SIGTERM)
    assert (ended.status, ended.err[-1]) == (128 + signal.SIGTERM, SAYS[signal.SIGTERM])


def test_results_are_written_whoever_reads_the_log(tmp_path: Path) -> None:
    with Replaying(CATALOGUE, "--speed", 200, "--port", "none", *results(tmp_path)) as replaying:
        assert replaying.process.stdout is not None
        replaying.process.stdout.close()
        replaying.process.stdout = None
        ended = replaying.end()
    assert ended.status == 0
    assert tv.load_run(tmp_path / "out") == tv.simulate(CATALOGUE)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("log", ["json", "none"])
def test_a_full_standard_output_is_one_line_and_2_and_leaves_nothing(log: str, tmp_path: Path) -> None:
    options = ["--speed", "max", "--port", "none", "--log", log, *results(tmp_path)]
    with FULL.open("wb") as full:
        process = start("replay", CATALOGUE, *options, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert is_one_line(err.decode())
    assert "standard output" in err.decode()
    assert os.strerror(28) in err.decode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="has no pseudo-terminals")
@pytest.mark.parametrize("how", [["--view"], []])
def test_a_terminal_that_is_closed_keeps_no_results_from_being_written(how: list[str], tmp_path: Path) -> None:
    """As when the window is closed: a signal, and whatever is printed from then on fails."""
    master, slave = os.openpty()
    command = ["replay", CATALOGUE, "--speed", 1, "--port", "none", *how, *results(tmp_path)]
    process = start(*command, stdin=slave, stdout=slave, stderr=PIPE, TERM="xterm")
    os.close(slave)
    until = time.monotonic() + LONGEST
    seen = b""
    while b"encoding_started" not in seen and b"encoders" not in seen:
        assert time.monotonic() < until, seen
        seen += os.read(master, 4096)
    os.close(master)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode().splitlines()[-1]) == (129, "tv2sim: terminated")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "record.jsonl"]
    assert tv.load_run(tmp_path / "out").ending == "stopped"
