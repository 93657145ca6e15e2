"""``tv2sim replay``: the environment, and that what is wrong is found before anything starts."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    ENVIRONMENT,
    SAMPLE,
    Replaying,
    is_one_line,
    lines_of,
    replay,
    tv2sim,
    video,
    write_catalogue,
)

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that somebody listens at: whatever tries to open it fails and says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def a_free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# -- what is wrong is found before anything starts ---------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ([], "catalogue"),
        *(([SAMPLE, f"--speed={speed}"], speed) for speed in ("0", "-1", "0.09", "1001", "nan", "inf", "fast")),
        ([SAMPLE, "--strategy", "3d"], "3d"),
        ([SAMPLE, "--prewarmed", "-1"], "-1"),
        ([SAMPLE, "--encoders", "0"], "0"),
        ([SAMPLE, "--replication", "-1"], "-1"),
        ([SAMPLE, "--seed", "x"], "x"),
        ([SAMPLE, "--log", "xml"], "xml"),
        ([SAMPLE, "--startup-time", "uniform(2)"], "uniform(2)"),
        (["there-is-none.jsonl"], "there-is-none.jsonl"),
        ([SAMPLE.parent], SAMPLE.parent.name),
        ([SAMPLE, "another.jsonl"], "another.jsonl"),
        ([SAMPLE, "--recorded", "log"], "both"),
        (["--recorded", "there-is-none"], "there-is-none"),
        (["--recorded", SAMPLE], "--log json"),
        (["--recorded", os.devnull], "empty"),
        *(([SAMPLE, f"--port={port}"], port) for port in ("x", "", "-1", "65536", "1.5", "9" * 5000)),
        *(([SAMPLE, "--port", "0", "--host", host], host) for host in ("there is none", "192.0.2.1")),
        (["-"], "standard input"),
        *(
            (["--recorded", "log", option, value], option)
            for option, value in (
                ("--strategy", "2c"),
                ("--prewarmed", "3"),
                ("--encoders", "3"),
                ("--requests-per-second", "2"),
                ("--startup-time", "2"),
                ("--publishing-time", "0"),
                ("--queue-capacity", "none"),
                ("--until", "2"),
                ("--seed", "1"),
                ("--replication", "0"),
            )
        ),
    ],
    ids=lambda value: " ".join(str(word)[-20:] for word in value if isinstance(value, list)),
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_quotes_it(arguments: list[object], quoted: str) -> None:
    status, out, err = replay(*arguments)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert quoted[:1000] in err


def test_what_must_not_be_written_is_found_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("years of work")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("years of work")
    new, file, folder = tmp_path / "new", tmp_path / "file", tmp_path / "folder"
    for options in (
        ["--out", folder],
        ["--out", file],
        ["--out", file / "out"],
        ["--record", file],
        ["--record", folder, "--force"],
        ["--record", new / "record"],
        ["--record", file / "record"],
        ["--record", os.devnull, "--force"],
        ["--out", new, "--record", new],
        ["--out", new, "--record", new / "record"],
    ):
        status, out, err = replay(CATALOGUE, *options)
        assert (status, out) == (2, ""), options
        assert is_one_line(err), options
        assert str(options[1]) in err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "file", "folder"]


def test_the_input_is_not_replaced_unasked(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path / "c.jsonl", [video(0), "{}"])
    before = catalogue.read_bytes()
    status, out, err = replay(catalogue, "--record", catalogue)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert catalogue.read_bytes() == before


def test_parquet_without_pyarrow_is_found_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, out, err = replay(CATALOGUE, "--out", tmp_path / "out", "--format", "parquet")
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "tv2sim[parquet]" in err
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_option() -> None:
    status, out, err = tv2sim("replay", "--help")
    text = " ".join(out.split())
    named = (
        "CATALOGUE recorded speed strategy prewarmed encoders requests-per-second startup-time publishing-time "
        "queue-capacity until seed replication log view host port keep-running strict record out format force"
    )
    assert (status, err) == (0, "")
    assert [name for name in named.split() if name not in out] == []
    assert all(f"environment's {name}" in text for name in ("PORT", "KEEP_RUNNING", "ENCODERS"))


# -- PORT --------------------------------------------------------------------------------------------------


def test_a_port_that_is_in_use_is_one_line_and_2(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    by_option = tv2sim("replay", CATALOGUE, "--port", taken)
    monkeypatch.setenv("PORT", str(taken))
    by_environment = tv2sim("replay", CATALOGUE)
    assert by_option == by_environment
    assert by_option[:2] == (2, "")
    assert is_one_line(by_option.err)
    assert f"port {taken} is in use" in by_option.err


def test_without_option_and_environment_it_is_8080(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = []

    def listening(host: str, port: int) -> None:
        ports.append((host, port))
        raise tv.InputError("enough")

    monkeypatch.setattr("tv2sim.realtime.server._listening", listening)
    assert tv2sim("replay", CATALOGUE).status == 2
    assert ports == [("127.0.0.1", 8080)]


def test_the_environment_names_the_port() -> None:
    port = a_free_port()
    with Replaying(SAMPLE, PORT=str(port)) as replaying:
        assert replaying.url() == f"http://127.0.0.1:{port}/"
        assert replaying.get(f"http://127.0.0.1:{port}/healthz") == "ok\n"


@pytest.mark.parametrize("value", ["", "x", "-1", "65536", "80.5", "http", "9" * 5000, "\x1b[31m"])
def test_a_port_in_the_environment_that_makes_no_sense_is_an_error(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", value)
    status, out, err = tv2sim("replay", CATALOGUE)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "PORT" in err
    assert repr(value)[:1000] in err


def test_the_option_wins_over_the_environment_s_port(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (str(taken), "x"):
        monkeypatch.setenv("PORT", value)
        assert tv2sim("replay", SAMPLE, "--speed", "max", "--port", "none").status == 0
        assert tv2sim("replay", SAMPLE, "--speed", "max", "--port", "0").status == 0


def test_port_0_takes_a_free_one_and_says_which() -> None:
    with Replaying(SAMPLE, "--port", 0) as replaying:
        url = replaying.url()
        assert replaying.get(url + "healthz") == "ok\n"
        assert "\ntv2_video_encoders_available 10.0\n" in replaying.get(url + "metrics")


def test_port_none_serves_nothing() -> None:
    assert "http" not in replay(SAMPLE, "--port", "NONE").err


# -- KEEP_RUNNING ------------------------------------------------------------------------------------------


def test_it_ends_with_the_work_unless_it_is_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, " ", "NO"):
        if value is not None:
            monkeypatch.setenv("KEEP_RUNNING", value)
        assert tv2sim("replay", SAMPLE, "--speed", "max", "--port", "0").status == 0
    monkeypatch.setenv("KEEP_RUNNING", "yes")
    assert tv2sim("replay", SAMPLE, "--speed", "max", "--port", "0", "--no-keep-running").status == 0


@POSIX
@pytest.mark.parametrize(
    ("arguments", "environment", "number"),
    [
        ([], {"KEEP_RUNNING": "yes"}, signal.SIGTERM),
        ([], {"KEEP_RUNNING": "TRUE"}, signal.SIGINT),
        (["--keep-running"], {"KEEP_RUNNING": "maybe"}, signal.SIGINT),
    ],
    ids=["yes", "TRUE", "option"],
)
@pytest.mark.full
def test_it_goes_on_serving_until_a_signal_comes_which_is_no_failure(
    arguments: list[str], environment: dict[str, str], number: int, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Replaying(
        SAMPLE, "--speed", "max", "--log", "none", "--port", 0, "--out", out, *arguments, **environment
    ) as replaying:
        url = replaying.url()
        last = replaying.read_until("stats:")
        assert any(b"still serving" in line for line in replaying.process.stderr or ())
        assert tv.load_run(out) == tv.simulate(SAMPLE)
        assert "\ntv2_video_encoded_total 10.0\n" in replaying.get(url + "metrics")
        assert replaying.get(url + "healthz") == "ok\n"
        ended = replaying.end(number)
    assert last == lines_of(tv2sim("run", SAMPLE).out)
    assert (ended.status, ended.out, ended.err) == (0, [], [])
    assert ended.seconds < 30


@pytest.mark.parametrize("value", ["maybe", "1", "0", "on", "y", "yes!", "\x1b[31m"])
def test_an_environment_that_neither_keeps_nor_ends_it_is_an_error(
    value: str, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEP_RUNNING", value)
    monkeypatch.setenv("PORT", str(taken))  # it would be another sentence if it was opened first
    status, out, err = tv2sim("replay", SAMPLE)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "KEEP_RUNNING" in err
    assert repr(value) in err


# -- ENCODERS ----------------------------------------------------------------------------------------------


def test_the_environment_tells_the_encoders_and_the_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCODERS", "3")
    three = json.loads(lines_of(replay(SAMPLE, "--log", "json").out)[0])
    seven = json.loads(lines_of(replay(SAMPLE, "--log", "json", "--encoders", 7).out)[0])
    assert (three["scenario"]["encoders"], seven["scenario"]["encoders"]) == (3, 7)


@pytest.mark.parametrize("value", ["", "0", "-1", "x", "2.5"])
def test_encoders_in_the_environment_that_make_no_sense_are_an_error(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCODERS", value)
    status, out, err = replay(SAMPLE)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "ENCODERS" in err
