"""The command ``tv2sim`` as such: options, exit statuses, one sentence for what is wrong, pipes, full disks."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    SAMPLE,
    is_one_line,
    lines_of,
    start,
    tv2sim,
    video,
    write_catalogue,
)
from tv2sim.catalogue.columns import shipped
from tv2sim.cli.options import COMMANDS, SCENARIO
from tv2sim.strategies import policies
from tv2sim.world.distributions import NOTATIONS

FULL = Path("/dev/full")
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and pipes as POSIX has them")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCODERS", "TV2SIM_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a catalogue whose log has more than 100,000 lines."""
    path = tmp_path_factory.mktemp("large") / "large.jsonl"
    path.write_bytes(b"".join(tv.generate_catalogue(12_000).lines()))
    return path


# -- help and version --------------------------------------------------------------------------------------


def test_the_version_is_that_of_the_package() -> None:
    assert tv2sim("--version") == (0, f"tv2sim {tv.__version__}\n", "")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ((), ["run", "check", "generate"]),
        (
            ("run",),
            [
                "CATALOGUE", "--strategy", "--prewarmed", "--encoders", "--requests-per-second",
                "--startup-time", "--publishing-time", "--queue-capacity", "--until", "--seed", "--runs",
                "--replication", "--out", "--format", "--force", "--log",
            ],
        ),
        (("check",), ["CATALOGUE", "--encoders", "--rejected"]),
        (("generate",), ["--videos", "--seed", "--out", "--force"]),
    ],
)  # fmt: skip
def test_help_names_every_option(command: tuple[str, ...], named: list[str]) -> None:
    status, out, err = tv2sim(*command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(" ".join(["usage: tv2sim", *command]))
    assert [name for name in named if name not in out] == []


@pytest.mark.parametrize(
    ("command", "headings"),
    [
        ("compare", ["videos", "strategies", "decision", "replications", "computation", "output", "report"]),
        ("plan", ["videos", "candidates", "decision", "replications", "computation"]),
        ("run", ["videos", "strategy", "replications", "output"]),
        ("replay", ["videos", "strategy", "replication", "pace", "views", "output"]),
    ],
)
def test_options_stand_in_groups(command: str, headings: list[str]) -> None:
    out = tv2sim(command, "--help").out
    groups = re.split(r"\n\n(?=[a-z]+:\n)", out)
    assert [group.partition(":")[0] for group in groups[1:]] == ["options", *headings, "scenario"]
    alone = [line.split()[0] for line in groups[1].splitlines() if line.startswith("  -")]
    assert alone == ["-h,"]  # each other option is in a group with a heading of its own


def test_no_text_is_left_unfilled() -> None:
    for name in COMMANDS:
        assert not re.search(r"\{\w+\.\w+\}", tv2sim(name, "--help").out)
    words = " ".join(tv2sim("plan", "--help").out.split())
    assert "the expected share of the videos that are published in time (default: 99.9%" in words


def test_every_help_ends_with_two_examples_of_the_command() -> None:
    for name, command in COMMANDS.items():
        *_, first, second = tv2sim(name, "--help").out.splitlines()
        assert (first.strip(), second.strip()) == command.examples
        assert all(f"tv2sim {name}" in example for example in command.examples)
        assert len(max(command.examples, key=len)) <= 76


def test_without_a_command_it_says_what_to_try() -> None:
    status, out, err = tv2sim()
    assert (status, err) == (0, "")
    tried = [line.strip() for line in out.splitlines() if line.startswith("  tv2sim")]
    assert tried == [
        COMMANDS[name].examples[0] for name in ("generate", "check", "run", "compare", "plan", "replay")
    ]


@pytest.mark.full
def test_the_examples_run_as_written_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the time that they take, and for going on serving."""
    monkeypatch.chdir(tmp_path)
    for name, command in COMMANDS.items():
        for example in command.examples:
            fast = re.sub(r"--speed \S+", "--speed max --port none", example).replace("--keep-running", "")
            fast += {"compare": " --replications 5", "verify": " --replications 10"}.get(name, "")
            given = b""
            for call in fast.split("|"):
                program, *arguments = shlex.split(call)
                if program == "printf":
                    given = arguments[0].encode().decode("unicode_escape").encode()
                    continue
                if program == "cat":
                    given = Path(arguments[0]).read_bytes()
                    continue
                assert program == "tv2sim"
                status, out, err = tv2sim(*arguments, stdin=given)
                assert (status, "Traceback" in err) == (0, False), (example, err)
                given = out.encode()
            assert out or "--out" in example
    assert {path.name for path in tmp_path.iterdir()} == {
        "videos.jsonl", "run", "report.html", "table.csv", "jobs.jsonl", ".jobs.jsonl.imported",
    }  # fmt: skip


def test_help_of_run_names_every_built_in_strategy() -> None:
    out = tv2sim("run", "--help").out
    assert [name for name in tv.STRATEGIES if not re.search(rf"\b{name}\b", out)] == []


@pytest.mark.parametrize("command", ["run", "compare", "replay", "engines"])
def test_help_names_every_preset_of_a_strategy(command: str) -> None:
    out = tv2sim(command, "--help").out
    assert [name for name in policies.__all__ if not re.search(rf"\b{name}\b", out)] == []


def test_help_of_run_names_every_mapping_that_ships() -> None:
    out = tv2sim("run", "--help").out
    assert [name for name in shipped() if not re.search(rf"\b{name}\b", out)] == []


def test_help_of_run_names_every_distribution() -> None:
    out = tv2sim("run", "--help").out
    names = [notation.partition("(")[0] for notation in NOTATIONS]
    assert [name for name in names if f"{name}(" not in out] == ["constant"]


def test_the_module_is_the_command() -> None:
    process = start("--version")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.decode(), err) == (0, f"tv2sim {tv.__version__}{os.linesep}", b"")


# -- what is wrong is said in one line ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        (["bogus"], "bogus"),
        (["run"], "CATALOGUE"),
        (["check"], "CATALOGUE"),
        (["--bogus", "run", SAMPLE], "--bogus"),
        (["run", SAMPLE, "--bogus"], "--bogus"),
        (["run", SAMPLE, "another.jsonl"], "another.jsonl"),
        (["run", SAMPLE, "--encoders"], "--encoders"),
        *((["run", SAMPLE, "--encoders", text], text) for text in ("0", "-1", "x", "", "2.5", "१०", "1e3")),
        *((["run", SAMPLE, "--prewarmed", text], text) for text in ("-1", "x", "2.5")),
        *((["run", SAMPLE, "--requests-per-second", text], text) for text in ("0", "-2", "nan", "inf", "x")),
        *((["run", SAMPLE, "--publishing-time", text], text) for text in ("-1", "nan", "inf", "x")),
        *((["run", SAMPLE, "--queue-capacity", text], text) for text in ("-1", "x", "nothing", "2.5")),
        *((["run", SAMPLE, "--until", text], text) for text in ("0", "-1", "nan", "inf", "x")),
        *((["run", SAMPLE, "--seed", text], text) for text in ("-1", "x", "1.5", "18446744073709551616")),
        *((["run", SAMPLE, "--runs", text], text) for text in ("0", "-1", "x", "1.5")),
        *((["run", SAMPLE, "--replication", text], text) for text in ("-1", "x", "1.5")),
        *(
            (["run", SAMPLE, "--startup-time", text], text)
            for text in ("x", "", "-1", "nan", "normal(4)", "uniform(2", "uniform(2)", "gamma(4, x)")
        ),
        (["run", SAMPLE, "--startup-time", "uniform(6, 2)"], "2"),
        (["run", SAMPLE, "--startup-time", "exponential(0)"], "0"),
        (["run", SAMPLE, "--runs", "2", "--replication", "1"], "--replication"),
        (["run", SAMPLE, "--format", "xml"], "xml"),
        (["run", SAMPLE, "--log", "xml"], "xml"),
        (["run", SAMPLE, "--log", "json", "--runs", "2"], "--log json"),
        (["run", "there-is-none.jsonl"], "there-is-none.jsonl"),
        (["check", "there-is-none.jsonl"], "there-is-none.jsonl"),
        (["run", SAMPLE.parent], SAMPLE.parent.name),
        (["check", SAMPLE, "--rejected", "-1"], "-1"),
        (["check", SAMPLE, "--rejected", "x"], "x"),
        (["check", SAMPLE, "--encoders", "0"], "0"),
        *((["generate", "--videos", text], text) for text in ("0", "-1", "x", "1.5")),
        *((["generate", "--seed", text], text) for text in ("-1", "x", "18446744073709551616")),
        (["generate", "extra"], "extra"),
    ],
    ids=lambda value: " ".join(str(getattr(word, "name", word)) for word in value if isinstance(value, list)),
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_quotes_it(arguments: list[object], quoted: str) -> None:
    status, out, err = tv2sim(*arguments)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert err.startswith("tv2sim")
    assert quoted in err


def test_an_unknown_strategy_is_answered_with_the_known_ones() -> None:
    status, out, err = tv2sim("run", SAMPLE, "--strategy", "3d")
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "'3d'" in err
    assert [name for name in tv.STRATEGIES if name not in err] == []


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("text", ["", "\n\n", "{}\n", '{"id": "a"}\nno JSON\n'])
def test_a_catalogue_without_a_valid_video_is_an_error(command: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text(text)
    status, _, err = tv2sim(command, tmp_path / "none.jsonl")
    assert status == 2
    assert is_one_line(err)
    assert "no valid video" in err
    assert "none.jsonl" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[31mred\nbogus\r"],
        ["run", SAMPLE, "--bo\ngus\x1b[31m"],
        ["run", SAMPLE, "--strategy", "\x1b[31m\n2c\u2028"],
        ["run", "no\x1b[31m\nsuch\x07.jsonl"],
        ["check", "no\x1b[31m\nsuch\x07.jsonl"],
        ["run", SAMPLE, "--encoders", "\x1b\n"],
        ["run", SAMPLE, "--startup-time", "\x1b\n"],
    ],
    ids=["command", "option", "strategy", "run", "check", "encoders", "startup-time"],
)
def test_a_message_never_passes_on_what_a_terminal_obeys(arguments: list[object]) -> None:
    status, _, err = tv2sim(*arguments)
    assert status == 2
    assert is_one_line(err)


def test_wrong_options_end_the_process_with_2() -> None:
    process = start("run", SAMPLE, "--strategy", "9")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert is_one_line(err.decode())


# -- completion --------------------------------------------------------------------------------------------


def test_completion_knows_commands_options_words_and_files(tmp_path: Path) -> None:
    pytest.importorskip("shtab", reason="needs shtab, of the extra completion")
    status, program, err = tv2sim("--print-completion", "bash")
    assert (status, err) == (0, "")
    (tmp_path / "videos.jsonl").touch()
    calls = ["com", "compare --eng", "compare --engine k", "run vid", "run --out vid"]
    (tmp_path / "program").write_text(program)
    ask = (
        "source ./program; for call in "
        + " ".join(map(shlex.quote, calls))
        + "; do COMP_WORDS=(tv2sim $call); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); "
        '_shtab_tv2sim; echo "${COMPREPLY[*]}"; done'
    )
    done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.splitlines() == ["compare", "--engine", "kernel", "videos.jsonl", ""]
    assert "#compdef tv2sim" in tv2sim("--print-completion", "zsh").out


def test_without_its_package_completion_is_one_line_and_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    status, out, err = tv2sim("--print-completion", "zsh")
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "pip install 'tv2sim[completion]'" in err


# -- failures of ours --------------------------------------------------------------------------------------


def _divide(*_: object, **__: object) -> None:
    raise ZeroDivisionError("by\nnought")


def test_the_options_of_the_scenario_are_its_fields() -> None:
    fields = {field.name: getattr(tv.Scenario(), field.name) for field in dataclasses.fields(tv.Scenario)}
    assert list(SCENARIO) == list(fields)
    for name, default in fields.items():
        said = f"{default:g}" if isinstance(default, float) else str(default)
        assert not (default or default == 0) or SCENARIO[name].help.endswith(
            (f"(default: {said})", f", else {said})")
        ), name


def test_a_failure_of_ours_is_one_line_and_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv2sim.cli.small_commands.simulate", _divide)
    status, out, err = tv2sim("run", CATALOGUE)
    assert (status, out) == (1, "")
    assert is_one_line(err)
    assert "ZeroDivisionError: by nought" in err


def test_a_failure_of_ours_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tv2sim.cli.small_commands.simulate", _divide)
    assert tv2sim("run", CATALOGUE, "--out", tmp_path / "out").status == 1
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_ours_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv2sim.cli.small_commands.simulate", _divide)
    monkeypatch.setenv("TV2SIM_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        tv2sim("run", CATALOGUE)


def test_too_much_for_the_memory_is_one_line_and_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("tv2sim.cli.small_commands.simulate", too_much)
    status, out, err = tv2sim("run", CATALOGUE)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "memory" in err


# -- standard output that is full, closed, or read by someone who has had enough ---------------------------


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", CATALOGUE],
        ["run", CATALOGUE, "--log", "text"],
        ["run", CATALOGUE, "--log", "json"],
        ["check", CATALOGUE],
        ["generate", "--videos", "3"],
        ["generate", "--videos", "3000"],
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}" if "/" not in str(arguments[-1]) else arguments[0],
)
@pytest.mark.full
def test_a_full_disk_is_one_line_and_2(arguments: list[object], unbuffered: str) -> None:
    with FULL.open("wb") as full:
        process = start(*arguments, stdout=full, PYTHONUNBUFFERED=unbuffered)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert is_one_line(err.decode())
    assert os.strerror(28) in err.decode()


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_help_to_a_full_disk_is_one_line_and_2() -> None:
    with FULL.open("wb") as full:
        process = start("--help", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert is_one_line(err.decode())


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_not_taken_for_a_full_folder(tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        process = start(
            "run", CATALOGUE, "--log", "text", "--out", tmp_path / "out", stdout=full, PYTHONUNBUFFERED="1"
        )
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert is_one_line(err.decode())
    assert "standard output" in err.decode()
    assert list(tmp_path.iterdir()) == []


@POSIX
@pytest.mark.parametrize("command", ["text", "json", "generate", "check"])
@pytest.mark.full
def test_a_pipe_closed_early_is_no_traceback(command: str, large: Path, tmp_path: Path) -> None:
    if command == "generate":
        process = start("generate", "--videos", 100_000)
    elif command == "check":
        bad = write_catalogue(tmp_path / "bad.jsonl", [video(0), *["{}"] * 100_000])
        process = start("check", bad, "--rejected", 100_000)
    else:
        process = start("run", large, "--log", command)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().endswith(b"\n")
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 0


@POSIX
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", CATALOGUE], ["check", CATALOGUE], ["generate", "--videos", "3"]],
    ids=lambda arguments: arguments[0],
)
def test_a_pipe_closed_from_the_start_is_no_traceback(arguments: list[object]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@POSIX
@pytest.mark.parametrize("log", ["text", "json"])
@pytest.mark.full
def test_a_folder_is_written_whoever_reads_the_log(log: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("run", CATALOGUE, "--log", log, "--out", tmp_path / "out", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert tv.load_run(tmp_path / "out") == tv.simulate(CATALOGUE)


@POSIX
@pytest.mark.full
def test_notes_that_nobody_reads_do_no_harm(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(
        "run", SAMPLE, "--until", 5, "--out", tmp_path / "out", stdout=writing, stderr=subprocess.STDOUT
    )
    os.close(writing)
    assert process.wait(60) == 0
    assert len(tv.load_run(tmp_path / "out").catalogue) == 10


def _in_shell(redirection: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command with a redirection that only a shell can make."""
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "tv2sim"]
    return subprocess.run([*words, *map(str, arguments)], capture_output=True, timeout=60, check=False)


@POSIX
def test_notes_never_come_out_on_standard_output() -> None:
    """Python prints on standard output what is meant for a standard error that is closed."""
    shell = _in_shell("2>&-", "run", SAMPLE, "--seed", "none", "--until", "5")
    assert shell.returncode == 0
    assert [line[:6] for line in lines_of(shell.stdout.decode())] == ["stats:"]


@POSIX
def test_a_closed_standard_output_is_one_line_and_2() -> None:
    shell = _in_shell(">&-", "run", CATALOGUE)
    assert shell.returncode == 2
    assert is_one_line(shell.stderr.decode())


# -- an interruption ---------------------------------------------------------------------------------------


def _interrupt(process: subprocess.Popen[bytes]) -> tuple[int, list[str]]:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err.decode().splitlines()


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Let processes that are started obey Ctrl-C, though this one may have been started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@POSIX
@pytest.mark.usefixtures("_interruptible")
def test_an_interruption_is_one_line_and_130() -> None:
    process = start("run", CATALOGUE, "--runs", 100_000)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"stats:")
    assert _interrupt(process) == (130, ["tv2sim: interrupted"])


@POSIX
@pytest.mark.usefixtures("_interruptible")
def test_a_second_interruption_ends_it_even_if_nobody_reads_what_is_left() -> None:
    reading, writing = os.pipe()
    process = start("generate", "--videos", 100_000, stdout=writing)
    os.close(writing)
    assert os.read(reading, 1) == b"{"
    time.sleep(0.2)  # the pipe is full by now
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == b"tv2sim: interrupted\n"
    time.sleep(0.2)
    assert _interrupt(process) == (130, [])
    os.close(reading)


@POSIX
@pytest.mark.usefixtures("_interruptible")
def test_an_interruption_leaves_no_folder_behind(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path / "c.jsonl", [video(0)])
    process = start("run", catalogue, "--runs", 100_000, "--out", tmp_path / "out", stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("**/replication-1")) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(list(tmp_path.iterdir())) == 2
    assert _interrupt(process) == (130, ["tv2sim: interrupted"])
    assert list(tmp_path.iterdir()) == [catalogue]


# -- terminals that cannot show everything -----------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["run", CATALOGUE, "--log", "text"], ["check", SAMPLE]],
    ids=["run", "check"],
)
def test_danish_letters_are_no_failure_where_only_ascii_can_be_shown(
    arguments: list[object], tmp_path: Path
) -> None:
    if arguments[0] == "check":
        arguments = ["check", write_catalogue(tmp_path / "ø.jsonl", [video(0), "Rødgrød"])]
    process = start(*arguments, PYTHONIOENCODING="ascii")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert "\\xf8" in out.decode("ascii")


def test_json_is_utf_8_wherever_it_goes() -> None:
    process = start("run", CATALOGUE, "--log", "json", PYTHONIOENCODING="ascii")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert "ø".encode() in out


@POSIX
@pytest.mark.parametrize(
    "command",
    [
        ["run", CATALOGUE, "--runs", 100_000, "--out"],
        ["compare", CATALOGUE, "--replications", 100_000, "--engine", "simpy", "--out"],
        ["compare", CATALOGUE, "--replications", 100_000, "--engine", "simpy", "--workers", 2, "--report"],
        ["generate", "--videos", 10_000_000, "--out"],
    ],
)
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
@pytest.mark.full
def test_a_signal_to_end_is_one_line_and_leaves_nothing(
    command: list[object], number: str, tmp_path: Path
) -> None:
    """As of ``kill``, and of a terminal that is closed."""
    process = start(*command, tmp_path / "out", stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(1)
    process.send_signal(getattr(signal, number))
    _, err = process.communicate(timeout=60)
    said = err.decode().splitlines()
    assert (process.returncode, len(said)) == (128 + getattr(signal, number), 1), said
    assert re.fullmatch(r"tv2sim: (terminated|interrupted: \d+ of 400000 replications were finished)", said[0])
    assert list(tmp_path.iterdir()) == []


LONG = {"run": ["--runs", "100000"], "compare": ["--engine", "simpy"]}


@POSIX
@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("command", ["run", "compare", "replay"])
@pytest.mark.parametrize(
    "share",
    [0.4, 0.7, *(pytest.param(share, marks=pytest.mark.full) for share in (0.2, 0.3, 0.5, 0.6, 0.8, 0.9))],
)
def test_an_interruption_while_it_starts_shows_no_traceback_of_ours(command: str, share: float) -> None:
    """Wherever in its start it comes, except before Python runs any of this package."""
    begun = time.monotonic()
    start(command, "--help", stdout=subprocess.DEVNULL).communicate(timeout=60)
    takes = time.monotonic() - begun
    # by itself it ends much later
    process = start(command, CATALOGUE, *LONG.get(command, ()), stdout=subprocess.DEVNULL)
    time.sleep(share * takes)
    status, said = _interrupt(process)
    assert "tv2sim/" not in "".join(said), said
    assert status in (130, -signal.SIGINT, 1), said  # 1: Python's own, of its site module
    if status == 130:
        assert not said or re.fullmatch(r"tv2sim: interrupted(: \d+ of 4000 .* finished)?", said[-1])
