"""What the tests of the command line share: calls of it, in this process and in one of its own."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias
from unittest.mock import patch
from urllib.request import ProxyHandler, build_opener

import tv2sim as tv
from tv2sim.cli import main
from tv2sim.results.event_kinds import log_of

Json: TypeAlias = dict[str, Any]

DATA = Path(__file__).parents[2] / "data"
ENVIRONMENT = ("ENCODERS", "PORT", "KEEP_RUNNING", "TV2SIM_DEBUG", "COLUMNS")
"""What the command looks at."""
CATALOGUE = DATA / "catalogue.jsonl"
SAMPLE = DATA / "sample.jsonl"


class Result(NamedTuple):
    """What a call of the command gave."""

    status: int
    out: str
    err: str


def tv2sim(*arguments: object, stdin: bytes = b"") -> Result:
    """Call the command in this process, as a shell would with these arguments."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with patch.object(sys, "stdin", given), redirect_stdout(out), redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Result(status, _written(out), _written(err))


def replay(*arguments: object, stdin: bytes = b"") -> Result:
    """Replay in this process, at full speed and serving nothing unless the arguments say otherwise."""
    return tv2sim("replay", "--speed", "max", "--port", "none", *arguments, stdin=stdin)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def start(
    *arguments: object,
    stdout: int | IO[Any] | None = subprocess.PIPE,
    stderr: int | IO[Any] | None = subprocess.PIPE,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    **environment: str,
) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own, its output buffered as in a user's shell."""
    unwanted = {"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", *ENVIRONMENT}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    command = [sys.executable, "-m", "tv2sim", *map(str, arguments)]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=kept | environment)


class Ended(NamedTuple):
    """How a process ended, and what was still to be read of it."""

    status: int
    out: list[str]
    err: list[str]
    seconds: float


class Replaying:
    """``tv2sim replay`` in a process of its own; leaving its context ends it, and nothing lasts for ever.

    Parameters
    ----------
    *arguments, **options
        As for :func:`start`.
    """

    def __init__(self, *arguments: object, **options: Any) -> None:
        self.process = start("replay", *arguments, **options)
        self._limit = threading.Timer(120, self.process.kill)
        self._limit.start()

    def __enter__(self) -> Replaying:
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        with self.process:
            self.process.kill()

    def url(self) -> str:
        """Wait until it says where it serves, and return that address."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(rb"serving (http://[^/]+/)", line):
                return found[1].decode()
        raise AssertionError("it serves nothing")

    def get(self, url: str) -> str:
        """Return what is at an address, whatever proxy the environment names."""
        with build_opener(ProxyHandler({})).open(url, timeout=60) as answer:
            return str(answer.read().decode())

    def read_until(self, text: str) -> list[str]:
        """Wait until a line of standard output has this in it, and return the lines up to there."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line.decode().removesuffix("\n"))
            if text in lines[-1]:
                return lines
        raise AssertionError(f"it ended without {text!r}: {lines[-3:]}")

    def write(self, *lines: Json | str) -> None:
        """Give it lines on standard input, at once."""
        assert self.process.stdin is not None
        text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def close(self) -> None:
        """End its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self, *signals: int, reading: bool = True) -> Ended:
        """Send signals, and wait until it is over; unless `reading`, read what it has printed just then."""
        begun = time.monotonic()
        for number in signals:
            self.process.send_signal(number)
        if not reading:
            self.process.wait()
        out, err = (_rest(stream) for stream in (self.process.stdout, self.process.stderr))
        return Ended(self.process.wait(), out, err, time.monotonic() - begun)


def _rest(stream: IO[bytes] | None) -> list[str]:
    text = "" if stream is None else stream.read().decode()
    return text.removesuffix("\n").split("\n") if text else []


def assert_facts(lines: list[str], facts: Sequence[Sequence[str]]) -> None:
    """Assert that each line holds its facts, and that there are no other lines."""
    assert len(lines) == len(facts), lines
    for line, parts in zip(lines, facts, strict=True):
        assert [part for part in parts if part not in line] == [], line


def is_one_line(text: str) -> bool:
    """Say whether a text is one line that a person can read."""
    return text.endswith("\n") and len(text) > 1 and text.removesuffix("\n").isprintable()


def lines_of(text: str) -> list[str]:
    """Return the lines of a text that ends with a line end, not taking anything else for one."""
    assert text.endswith("\n")
    return text.split("\n")[:-1]


def json_log(*arguments: object) -> tuple[Json, list[Json], Json]:
    """Call ``run --log json`` and return the head, the events and the last line."""
    result = tv2sim("run", *arguments, "--log", "json")
    assert result.status == 0, result.err
    head, *events, last = map(json.loads, lines_of(result.out))
    return head, events, last


def events_of(run: tv.Run) -> list[Json]:
    """Return the events of a run as ``--log json`` must print them."""
    own = run.facts.videos["own"]
    return [
        {**entry._asdict(), "own": True} if entry.event == "queued" and own[entry.video] else entry._asdict()
        for entry in log_of(run.facts).entries()
    ]


def video(number: int, *, title: str = "T", encoding: float = 1, timeout: float = 9) -> Json:
    """Return a video as a catalogue has it."""
    return {
        "id": f"v{number}",
        "title": title,
        "provider": "P",
        "encodingTime": encoding,
        "publicationTimeout": timeout,
    }


def write_catalogue(path: Path, videos: Sequence[Json | str]) -> Path:
    """Write a catalogue of videos, and of lines that are none."""
    lines = (line if isinstance(line, str) else json.dumps(line) for line in videos)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return path
