"""``tv2sim run``: what it simulates, what it prints, what it writes."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.commands import (
    CATALOGUE,
    SAMPLE,
    events_of,
    is_one_line,
    json_log,
    lines_of,
    tv2sim,
    video,
    write_catalogue,
)
from tv2sim.base.storage import write_table
from tv2sim.results.event_kinds import words

TABLES = ("videos", "publishers", "attempts", "events", "levels")
FORMATS = ("csv", "jsonl", "parquet")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCODERS", "TV2SIM_DEBUG"):
        monkeypatch.delenv(name, raising=False)


def stats(strategy: str = "2c", scenario: tv.Scenario | None = None, **which: Any) -> str:
    """Return the stats line of the shipped catalogue."""
    return str(tv.simulate(CATALOGUE, strategy, scenario, **which).stats)


def files(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


# -- the stats line ----------------------------------------------------------------------------------------


def test_the_default_is_one_run_of_part_2c_with_seed_1() -> None:
    assert tv2sim("run", CATALOGUE) == (0, stats("2c", tv.Scenario(encoders=10), seed=1) + "\n", "")


def test_the_stats_line_is_the_original_s() -> None:
    line = (
        r"stats: client_parse_errors=0 client_submitted=154 encoded=154 published=(\d+) publish_failed=(\d+)\n"
    )
    counts = re.fullmatch(line, tv2sim("run", CATALOGUE).out)
    assert counts is not None
    assert int(counts[1]) + int(counts[2]) == 154


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
def test_each_strategy(strategy: str) -> None:
    assert tv2sim("run", CATALOGUE, "--strategy", strategy).out == stats(strategy) + "\n"


def test_runs_are_the_replications_from_0() -> None:
    status, out, err = tv2sim("run", CATALOGUE, "--strategy", "1", "--runs", 4, "--seed", 5)
    lines = lines_of(out)
    assert (status, err) == (0, "")
    assert lines == [stats("1", seed=5, replication=r) for r in range(4)]
    assert len(set(lines)) > 1


def test_one_replication_alone() -> None:
    out = tv2sim("run", CATALOGUE, "--strategy", "1", "--replication", 3).out
    assert out == stats("1", replication=3) + "\n"
    assert out != stats("1", replication=0) + "\n"


def test_the_seed_decides() -> None:
    outs = [tv2sim("run", CATALOGUE, "--strategy", "1", "--seed", seed).out for seed in (1, 2, 2**64 - 1)]
    assert outs == [stats("1", seed=seed) + "\n" for seed in (1, 2, 2**64 - 1)]
    assert len(set(outs)) > 1


def test_a_drawn_seed_is_told_and_repeats_the_run() -> None:
    status, out, err = tv2sim("run", CATALOGUE, "--strategy", "1", "--seed", "none", "--runs", 3)
    drawn = re.fullmatch(r"tv2sim: .*--seed (\d+)\n", err)
    assert status == 0
    assert drawn is not None
    again = tv2sim("run", CATALOGUE, "--strategy", "1", "--seed", drawn[1], "--runs", 3)
    assert again == (0, out, "")


def test_drawn_seeds_differ() -> None:
    assert len({tv2sim("run", CATALOGUE, "--seed", "none").err for _ in range(4)}) > 1


def test_a_catalogue_comes_from_standard_input() -> None:
    assert tv2sim("run", "-", stdin=CATALOGUE.read_bytes()) == (0, stats() + "\n", "")


# -- the scenario ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "scenario"),
    [
        (["--encoders", "3"], tv.Scenario(encoders=3)),
        (["--requests-per-second", "0.5"], tv.Scenario(requests_per_second=0.5)),
        (["--publishing-time", "1.25"], tv.Scenario(publishing_time=1.25)),
        (["--queue-capacity", "1"], tv.Scenario(publishing_queue_capacity=1)),
        (["--queue-capacity", "0"], tv.Scenario(publishing_queue_capacity=0)),
        (["--until", "20.5"], tv.Scenario(until=20.5)),
        (["--startup-time", "4"], tv.Scenario(startup_time=tv.Constant(4))),
        (["--startup-time", "3.5e0"], tv.Scenario(startup_time=tv.Constant(3.5))),
        (["--startup-time", "constant(3)"], tv.Scenario(startup_time=tv.Constant(3))),
        (["--startup-time", "uniform(1, 9)"], tv.Scenario(startup_time=tv.Uniform(1, 9))),
        (["--startup-time", "Uniform(1,9)"], tv.Scenario(startup_time=tv.Uniform(1, 9))),
        (["--startup-time", "triangular(2, 3, 6)"], tv.Scenario(startup_time=tv.Triangular(2, 3, 6))),
        (["--startup-time", "exponential(4)"], tv.Scenario(startup_time=tv.Exponential(4))),
        (["--startup-time", "lognormal(4, 0.5)"], tv.Scenario(startup_time=tv.LogNormal(4, 0.5))),
        (["--startup-time", "gamma(4, 1)"], tv.Scenario(startup_time=tv.Gamma(4, 1))),
        (["--startup-time", "empirical(2, 3, 5, 9)"], tv.Scenario(startup_time=tv.Empirical((2, 3, 5, 9)))),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_options_make_the_scenario(options: list[str], scenario: tv.Scenario) -> None:
    head, events, _ = json_log(CATALOGUE, *options)
    assert tv.Scenario.from_dict(head["scenario"]) == scenario
    assert events == events_of(tv.simulate(CATALOGUE, "2c", scenario))


def test_a_queue_without_limit() -> None:
    crowd = ["--requests-per-second", "10", "--encoders", "50"]
    unlimited = tv.Scenario(requests_per_second=10, encoders=50, publishing_queue_capacity=None)
    head, events, _ = json_log(CATALOGUE, *crowd, "--queue-capacity", "none")
    assert head["scenario"]["publishing_queue_capacity"] is None
    assert events == events_of(tv.simulate(CATALOGUE, "2c", unlimited))
    assert events != json_log(CATALOGUE, *crowd, "--queue-capacity", "20")[1]


def test_another_pool() -> None:
    head, events, _ = json_log(CATALOGUE, "--prewarmed", 7)
    assert head["strategy"]["prewarmed"] == 7
    assert events == events_of(tv.simulate(CATALOGUE, tv.PART_2C.replace(prewarmed=7)))


# -- ENCODERS in the environment ---------------------------------------------------------------------------


def test_the_environment_tells_the_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCODERS", "3")
    head, events, _ = json_log(CATALOGUE)
    assert head["scenario"]["encoders"] == 3
    assert events == events_of(tv.simulate(CATALOGUE, "2c", tv.Scenario(encoders=3)))


@pytest.mark.parametrize("value", ["3", "", "x"])
def test_the_option_wins_over_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCODERS", value)
    head, _, _ = json_log(CATALOGUE, "--encoders", 7)
    assert head["scenario"]["encoders"] == 7


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("value", ["", " ", "0", "00", "-1", "x", "2.5", "1e3", "१०", "5\x1b[31m", "9" * 5000])
def test_an_environment_that_makes_no_sense_is_an_error(
    command: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCODERS", value)
    status, out, err = tv2sim(command, CATALOGUE)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert "ENCODERS" in err
    assert "positive whole number" in err
    assert repr(value)[:1000] in err
    assert len(err) < 5000


# -- notes go to standard error ----------------------------------------------------------------------------


def test_rejected_lines_are_told_on_standard_error() -> None:
    status, out, err = tv2sim("run", SAMPLE)
    assert status == 0
    assert out == str(tv.simulate(SAMPLE).stats) + "\n"
    assert out.startswith("stats: client_parse_errors=2 client_submitted=10 ")
    assert is_one_line(err)
    assert "2 lines rejected" in err
    assert "line 4" in err


def test_warnings_are_told_on_standard_error() -> None:
    status, out, err = tv2sim("run", CATALOGUE, "--prewarmed", 8)
    assert status == 0
    assert [line[:6] for line in lines_of(out)] == ["stats:"]
    assert is_one_line(err)
    assert "a pool of 8 just keeps up with 2 requests/s" in err


def test_a_cut_off_run_says_so_on_standard_error() -> None:
    status, out, err = tv2sim("run", CATALOGUE, "--until", 10)
    run = tv.simulate(CATALOGUE, "2c", tv.Scenario(until=10))
    assert (status, out) == (0, f"{run.stats}\n")
    assert is_one_line(err)
    assert "cut-off" in err
    assert f"{(run.videos['outcome'] == 'unfinished').sum()} videos unfinished" in err


def test_a_pool_that_never_comes_is_told_on_standard_error() -> None:
    status, out, err = tv2sim("run", CATALOGUE, "--prewarmed", 0)
    assert status == 0
    assert " published=0 publish_failed=0\n" in out
    assert "no publisher will come" in err
    assert "154 videos unfinished" in err
    assert all(line.startswith("tv2sim: ") for line in lines_of(err))


def test_a_run_without_progress_says_where_its_videos_are() -> None:
    """Encoders live for 3 s; videos of the catalogue that take longer are encoded again and again."""
    faults = ("--faults", "encoder_lifetime=3")
    status, _, err = tv2sim("run", CATALOGUE, *faults, "--startup-time", 4, "--patience", 60)
    run = tv.simulate(
        CATALOGUE, "2c", tv.Scenario(faults=tv.Faults(encoder_lifetime=3), startup_time=4, patience=60)
    )
    assert (status, run.ending) == (0, "no progress")
    warning, err = lines_of(err)
    assert "videos take longer to encode than encoders live" in warning
    left = run.videos[run.videos["outcome"] == "unfinished"]
    waiting, offered = left["encoding_started"].isna(), left["offered"].notna()
    where = (
        f"{(~offered).sum()} not offered, {(waiting & offered).sum()} waiting for an encoder, 10 encoding anew"
    )
    assert f"{len(left)} videos unfinished: no progress ({where} as their encoders die)" in err
    assert "--patience sets another" in err


def test_each_run_that_was_cut_off_says_so() -> None:
    _, out, err = tv2sim("run", CATALOGUE, "--until", 10, "--runs", 3)
    assert len(lines_of(out)) == 3
    assert ["cut-off" in line for line in lines_of(err)] == [True] * 3


# -- the log as text ---------------------------------------------------------------------------------------


def test_the_text_log_has_the_events_in_order_then_the_stats() -> None:
    status, out, err = tv2sim("run", CATALOGUE, "--log", "text")
    run = tv.simulate(CATALOGUE)
    *lines, last = lines_of(out)
    assert (status, err, last) == (0, "", str(run.stats))
    assert len(lines) == len(run.events)
    for line, event in zip(lines, events_of(run), strict=True):
        assert line.split()[:2] == [f"{event['time']:.3f}", event["event"]]
        shown = re.search(r"  (encoder \d+|publisher \d+|publishing queue)(?=  |$)", line)
        entry = tv.LogEntry(*(event[name] for name in tv.LogEntry._fields))
        assert ((shown and shown[1]) or "") == words(entry, own="own" in event)
        told = re.search(r"  video (\d+) +(.*)$", line)
        row = event["video"]
        assert (told and (int(told[1]), told[2])) == (None if row is None else (row, run.catalogue.titles[row]))


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("return\r\n", r"return\r\n"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("bell\x07tab\tnul\x00", r"bell\x07tab\tnul\x00"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("\u202eright to left\u2028\u2066", r"\u202eright to left\u2028\u2066"),
        ("</script> “Ærø” 🎬", "</script> “Ærø” 🎬"),
    ],
)
def test_a_title_never_moves_the_terminal(title: str, shown: str, tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.jsonl", [video(0, title=title)])
    status, out, _ = tv2sim("run", path, "--log", "text")
    lines = lines_of(out)
    assert status == 0
    assert len(lines) == len(tv.simulate(path).events) + 1
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if " video 0 " in line and not line.endswith(" " + shown)] == []


def test_the_text_log_of_several_runs() -> None:
    _, out, _ = tv2sim("run", CATALOGUE, "--log", "text", "--runs", 2, "--strategy", "1")
    lines = lines_of(out)
    runs = [tv.simulate(CATALOGUE, "1", replication=r) for r in range(2)]
    assert [line for line in lines if line.startswith("stats:")] == [str(run.stats) for run in runs]
    assert lines[len(runs[0].events)].startswith("stats:")
    assert len(lines) == sum(len(run.events) + 1 for run in runs)


# -- the log as JSON ---------------------------------------------------------------------------------------


def test_the_json_log_is_head_events_and_stats() -> None:
    head, events, last = json_log(SAMPLE, "--strategy", "2a", "--encoders", 5, "--replication", 2, "--seed", 3)
    run = tv.simulate(SAMPLE, "2a", tv.Scenario(encoders=5), seed=3, replication=2)
    assert events == events_of(run)
    assert last["stats"] == dict(run.stats)
    assert (head["seed"], head["replication"]) == (3, 2)
    assert head["strategy"] == run.strategy.to_dict()
    assert head["scenario"] == json.loads(json.dumps(run.scenario.to_dict()))
    catalogue = head["catalogue"]
    assert tv.read_catalogue(catalogue["videos"]).ids == run.catalogue.ids
    assert [tuple(line.values()) for line in catalogue["rejected"]] == [
        tuple(r) for r in run.catalogue.rejected
    ]


def test_missing_values_are_null() -> None:
    _, events, _ = json_log(CATALOGUE)
    ready = next(event for event in events if event["event"] == "publisher_ready")
    offered = next(event for event in events if event["event"] == "offered")
    assert (ready["video"], offered["encoder"], offered["publisher"]) == (None, None, None)


def test_the_json_head_repeats_the_run() -> None:
    head, events, _ = json_log(SAMPLE, "--startup-time", "gamma(2, 2)", "--seed", "none")
    again = tv.simulate(
        tv.read_catalogue(head["catalogue"]["videos"]),
        head["strategy"]["name"],
        tv.Scenario.from_dict(head["scenario"]),
        seed=head["seed"],
        replication=head["replication"],
    )
    assert events_of(again) == events


def test_json_only_on_standard_output_whatever_there_is_to_note(tmp_path: Path) -> None:
    options = ["--seed", "none", "--until", 5, "--prewarmed", 8, "--log", "json", "--out", tmp_path / "out"]
    status, out, err = tv2sim("run", SAMPLE, *options)
    assert status == 0
    assert [type(json.loads(line)) for line in lines_of(out)] == [dict] * len(lines_of(out))
    assert len(lines_of(err)) >= 3
    assert all(line.startswith("tv2sim: ") for line in lines_of(err))


def test_the_json_log_has_any_title_as_it_is(tmp_path: Path) -> None:
    titles = ["two\nlines\u2028\x00", "\x1b[31m</script>", '"🎬\\', ""]
    videos = [video(i, title=title) for i, title in enumerate(titles)]
    head, _, _ = json_log(write_catalogue(tmp_path / "c.jsonl", videos))
    assert [each["title"] for each in head["catalogue"]["videos"]] == titles


def test_the_json_log_has_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    title = "\x1b[31m \x7f \x85 \x9b31m \u200f\u202e\u2066 \u2028 \ufeff å 🎬 \U000e0001"
    path = write_catalogue(tmp_path / "c.jsonl", [video(0, title=title)])
    out = tv2sim("run", path, "--log", "json").out
    assert all(line.isprintable() for line in out.split("\n"))
    assert "å 🎬 \\udb40\\udc01" in out
    assert json.loads(out.split("\n")[0])["catalogue"]["videos"][0]["title"] == title


def test_the_json_log_ends_with_how_it_ended() -> None:
    *_, last = json_log(CATALOGUE, "--until", 10)
    assert last["ending"] == "cut-off"


# -- --out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_out_writes_the_run(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert tv2sim("run", CATALOGUE, "--out", out, "--format", suffix) == (0, stats() + "\n", "")
    assert set(files(out)) == {"run.json", "SHA256SUMS"} | {f"{name}.{suffix}" for name in TABLES}
    assert tv.load_run(out) == tv.simulate(CATALOGUE)
    assert list(tmp_path.iterdir()) == [out]


def test_csv_is_the_default(tmp_path: Path) -> None:
    tv2sim("run", SAMPLE, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "videos.csv").is_file()


def test_several_runs_are_written_beside_each_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert tv2sim("run", CATALOGUE, "--strategy", "1", "--runs", 3, "--out", out).status == 0
    assert sorted(path.name for path in out.iterdir()) == [f"replication-{r}" for r in range(3)]
    for r in range(3):
        assert tv.load_run(out / f"replication-{r}") == tv.simulate(CATALOGUE, "1", replication=r)


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert tv2sim("run", SAMPLE, "--out", tmp_path / "out").status == 0
    assert (tmp_path / "out" / "run.json").is_file()


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[tv.Run]:
    """Give the list of runs that the command simulates from now on."""
    runs: list[tv.Run] = []

    def record(*args: Any, **kwargs: Any) -> tv.Run:
        runs.append(tv.simulate(*args, **kwargs))
        return runs[-1]

    monkeypatch.setattr("tv2sim.cli.small_commands.simulate", record)
    return runs


@pytest.mark.parametrize("runs", [1, 2])
def test_an_earlier_result_is_not_replaced_unasked(runs: int, simulated: list[tv.Run], tmp_path: Path) -> None:
    out = tmp_path / "out"
    tv2sim("run", CATALOGUE, "--out", out, "--runs", runs)
    before = files(tmp_path)
    simulated.clear()
    status, printed, err = tv2sim("run", CATALOGUE, "--out", out, "--seed", 2)
    assert (status, printed, simulated) == (2, "", [])
    assert is_one_line(err)
    assert str(out) in err
    assert "--force" in err
    assert files(tmp_path) == before


def test_an_earlier_result_is_found_before_the_catalogue_is_read(tmp_path: Path) -> None:
    tv2sim("run", SAMPLE, "--out", tmp_path / "out")
    err = tv2sim("run", "there-is-none.jsonl", "--out", tmp_path / "out").err
    assert str(tmp_path / "out") in err
    assert "there-is-none" not in err


@pytest.mark.parametrize("earlier", [1, 3])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_force_replaces_an_earlier_result(earlier: int, suffix: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tv2sim("run", CATALOGUE, "--out", out, "--runs", earlier)
    status, _, err = tv2sim("run", CATALOGUE, "--out", out, "--seed", 2, "--force", "--format", suffix)
    assert (status, err) == (0, "")
    assert set(files(out)) == {"run.json", "SHA256SUMS"} | {f"{name}.{suffix}" for name in TABLES}
    assert tv.load_run(out) == tv.simulate(CATALOGUE, seed=2)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
@pytest.mark.parametrize(
    "foreign",
    ["thesis.txt", "videos.csv", ".hidden", "replication-0/thesis.txt", "replication-0/videos.csv", "folder/"],
)
def test_a_folder_with_other_files_is_never_touched(
    foreign: str, force: list[str], simulated: list[tv.Run], tmp_path: Path
) -> None:
    path = tmp_path / "out" / foreign
    path.parent.mkdir(parents=True)
    if foreign.endswith("/"):
        path.mkdir()
    else:
        path.write_text("years of work")
    before = files(tmp_path)
    status, out, err = tv2sim("run", CATALOGUE, "--out", tmp_path / "out", *force)
    assert (status, out, simulated) == (2, "", [])
    assert is_one_line(err)
    assert str(tmp_path / "out") in err
    assert files(tmp_path) == before


@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("foreign", ["thesis.txt", "replication-0/thesis.txt", "replication-7/thesis.txt"])
def test_an_earlier_result_with_other_files_in_it_is_never_touched(
    runs: int, foreign: str, tmp_path: Path
) -> None:
    tv2sim("run", CATALOGUE, "--out", tmp_path / "out", "--runs", runs)
    path = tmp_path / "out" / foreign
    path.parent.mkdir(exist_ok=True)
    path.write_text("years of work")
    before = files(tmp_path)
    assert tv2sim("run", CATALOGUE, "--out", tmp_path / "out", "--force").status == 2
    assert files(tmp_path) == before


def test_the_folder_one_is_in_is_not_replaced(
    simulated: list[tv.Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A shell would be left in a folder that is gone."""
    monkeypatch.chdir(tmp_path)
    status, out, err = tv2sim("run", CATALOGUE, "--out", ".")
    assert (status, out, simulated) == (2, "", [])
    assert is_one_line(err)


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "large-disk")
    assert tv2sim("run", SAMPLE, "--out", tmp_path / "out").status == 0
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "large-disk" / "run.json").is_file()


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_a_file_is_no_folder(force: list[str], simulated: list[tv.Run], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("years of work")
    status, out, err = tv2sim("run", CATALOGUE, "--out", tmp_path / "out", *force)
    assert (status, out, simulated) == (2, "", [])
    assert is_one_line(err)
    assert (tmp_path / "out").read_text() == "years of work"


def _fails_at(call: int) -> Any:
    """Return a write_table for which the disk is full at its `call`-th call."""
    calls = iter(range(1, 1000))

    def write(frame: Any, path: Path, format: Any) -> None:  # noqa: A002
        write_table(frame, path, format)
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    return write


@pytest.mark.parametrize(("runs", "call"), [(1, 1), (1, 4), (3, 6)])
def test_a_failure_halfway_leaves_nothing(
    runs: int, call: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tv2sim.results.saving.write_table", _fails_at(call))
    status, _, err = tv2sim("run", CATALOGUE, "--out", tmp_path / "out", "--runs", runs)
    assert status == 2
    assert is_one_line(err)
    assert str(tmp_path / "out") in err
    assert os.strerror(errno.ENOSPC) in err
    assert list(tmp_path.iterdir()) == []


def test_a_failure_halfway_leaves_an_earlier_result_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tv2sim("run", CATALOGUE, "--out", tmp_path / "out")
    before = files(tmp_path)
    monkeypatch.setattr("tv2sim.results.saving.write_table", _fails_at(3))
    assert tv2sim("run", CATALOGUE, "--out", tmp_path / "out", "--seed", 2, "--force").status == 2
    assert files(tmp_path) == before


def test_a_failure_at_the_very_last_step_leaves_an_earlier_result_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    tv2sim("run", CATALOGUE, "--out", out)
    before = files(tmp_path)
    really = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    status, _, err = tv2sim("run", CATALOGUE, "--out", out, "--seed", 2, "--force")
    assert status == 2
    assert is_one_line(err)
    assert files(tmp_path) == before


def test_a_folder_below_one_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("years of work")
    status, _, err = tv2sim("run", SAMPLE, "--out", tmp_path / "file" / "out")
    assert status == 2
    assert is_one_line(err.splitlines(keepends=True)[-1])
    assert files(tmp_path) == {"file": b"years of work"}


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, _, err = tv2sim("run", CATALOGUE, "--out", tmp_path / "out", "--format", "parquet")
    assert status == 2
    assert is_one_line(err)
    assert "tv2sim[parquet]" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="file names that are no text")
@pytest.mark.parametrize("options", [["--log", "json"], ["--out", "out"]], ids=["log", "out"])
def test_a_catalogue_whose_name_is_not_utf_8(
    options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("caf\udce9.jsonl").write_bytes(CATALOGUE.read_bytes())
    assert tv2sim("run", "caf\udce9.jsonl", *options).status == 0


def test_runs_are_printed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is simulated has been printed before the next run begins: 10 million runs take no memory."""

    def runs(*args: Any, replication: int, **kwargs: Any) -> tv.Run:
        if replication == 2:
            raise tv.InputError("enough")
        return tv.simulate(*args, replication=replication, **kwargs)

    monkeypatch.setattr("tv2sim.cli.small_commands.simulate", runs)
    status, out, err = tv2sim("run", CATALOGUE, "--runs", 10_000_000)
    assert (status, err) == (2, "tv2sim: enough\n")
    assert len(lines_of(out)) == 2
