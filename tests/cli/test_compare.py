"""``tv2sim compare``: what it prints, writes and refuses."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, SAMPLE, Result, is_one_line, start, tv2sim

FEW = ("--replications", 5)


def ran(*arguments: object) -> Result:
    result = tv2sim("compare", *arguments)
    assert result.status == 0, result.err
    return result


def refused(*arguments: object) -> str:
    result = tv2sim("compare", *arguments)
    assert result.status == 2
    assert result.out == ""
    assert is_one_line(result.err), result.err
    return result.err


@pytest.fixture
def no_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("it was simulated")

    monkeypatch.setattr("tv2sim.experiments.replications.compute", fail)


# -- tables ------------------------------------------------------------------------------------------------


def test_the_text_has_figures_differences_and_verdict() -> None:
    lines = ran(CATALOGUE, "--replications", 50).out.splitlines()
    assert lines[0] == "catalogue.jsonl, default: 154 videos, 50 replications, seed 1, 95 % intervals"
    heads = [line.split()[0] for line in lines[3:8]]
    assert heads == ["strategy", "1", "2a", "2b", "2c"]
    assert "± " in lines[4]
    of_2c = lines[lines.index("2c", lines.index("2b: the same in every replication")) :]
    assert of_2c[2].startswith("  on-time rate           better ")
    assert lines[-1].startswith("Strategy 2c publishes the most: 9")


def test_csv_and_json_are_the_same_table_and_that_of_the_library() -> None:
    arguments = (CATALOGUE, "--strategies", "2a,2c,1", "--baseline", "2c", "--seed", 7, *FEW)
    table = pd.read_csv(
        io.StringIO(ran(*arguments, "--format", "csv").out), dtype={"strategy": str, "baseline": str}
    )
    records = json.loads(ran(*arguments, "--format", "json").out)
    pd.testing.assert_frame_equal(table, pd.DataFrame(records), check_dtype=False)
    study = tv.compare(CATALOGUE, ["2a", "2c", "1"], replications=5, seed=7, baseline="2c", progress=False)
    assert len(table) == 3 * len(study.metrics)
    idle = table[table["metric"] == "idle"]
    assert list(idle["mean"]) == [study[strategy].interval("idle").mean for strategy in ("2a", "2c", "1")]
    compared = table[table["strategy"] != "2c"]
    assert list(compared["difference"]) == list(study.differences["mean"])
    assert list(compared["verdict"]) == list(study.differences["verdict"])
    assert table[table["strategy"] == "2c"]["verdict"].isna().all()


NASTY = '\x1b[31mred \x9b1m \u202e,"\n🎬.jsonl'


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    """Write a catalogue whose name has what a terminal obeys, and what CSV has to quote."""
    path = tmp_path / NASTY
    path.write_bytes(SAMPLE.read_bytes())
    return path


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_name_never_moves_the_terminal(nasty: Path, kind: str) -> None:
    out = ran(nasty, *FEW, *(["--format", kind] if kind == "json" else [])).out
    assert all(line.isprintable() for line in out.split("\n"))
    if kind == "json":
        assert {row["catalogue"] for row in json.loads(out)} == {NASTY}


def test_csv_in_a_pipe_has_the_name_as_it_is(nasty: Path) -> None:
    table = pd.read_csv(io.StringIO(ran(nasty, *FEW, "--format", "csv").out, newline=""))
    assert set(table["catalogue"]) == {NASTY}


def test_csv_and_json_in_a_file_have_the_name_as_it_is(nasty: Path, tmp_path: Path) -> None:
    ran(nasty, *FEW, "--out", tmp_path / "t.csv")
    assert set(pd.read_csv(tmp_path / "t.csv")["catalogue"]) == {NASTY}
    ran(nasty, *FEW, "--out", tmp_path / "t.json", "--format", "json")
    assert {row["catalogue"] for row in json.loads((tmp_path / "t.json").read_text("utf-8"))} == {NASTY}


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_name_that_is_not_utf_8_is_escaped(tmp_path: Path, kind: str) -> None:
    for name in (b"\xff.jsonl", b"\xfe.jsonl"):
        (tmp_path / os.fsdecode(name)).write_bytes(SAMPLE.read_bytes())
    out = ran(*sorted(tmp_path.iterdir()), *FEW, "--format", kind).out
    table = pd.read_csv(io.StringIO(out)) if kind == "csv" else pd.DataFrame(json.loads(out))
    assert set(table["catalogue"]) == {r"\udcff.jsonl", r"\udcfe.jsonl"}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.full
def test_csv_on_a_terminal_has_nothing_that_it_obeys(nasty: Path) -> None:
    master, slave = os.openpty()
    process = start("compare", nasty, *FEW, "--strategies", "1", "--format", "csv", stdout=slave)
    os.close(slave)
    shown = b"".join(iter(lambda: _read(master), b"")).decode()
    os.close(master)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert all(line.isprintable() for line in shown.split("\r\n"))
    assert r'"\x1b[31mred \x9b1m \u202e,""\n🎬.jsonl",' in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the program has ended
        return b""


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_the_table_goes_to_a_file_and_the_text_to_standard_output(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "table"
    result = ran(SAMPLE, "--strategies", "2a,2c", *FEW, "--out", path, "--format", kind)
    assert result.out.startswith("sample.jsonl, default: 10 videos")
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[kind]
    assert list(read(path)["mean"]) == pytest.approx(  # type: ignore[operator]
        [row["mean"] for row in json.loads(ran(SAMPLE, "--strategies", "2a,2c", *FEW, "--format", "json").out)]
    )
    assert [one.name for one in tmp_path.iterdir()] == ["table"]


# -- the world ---------------------------------------------------------------------------------------------


def test_lists_make_a_grid_and_commas_in_brackets_do_not_separate() -> None:
    out = ran(
        SAMPLE, "--strategies", "2c", *FEW, "--encoders", "2,10", "--startup-time", "uniform(2, 6),4",
        "--queue-capacity", "none", "--format", "json",
    ).out  # fmt: skip
    assert list(dict.fromkeys(row["scenario"] for row in json.loads(out))) == [
        f"encoders={encoders}, startup_time={startup}, publishing_queue_capacity=None"
        for encoders in (2, 10)
        for startup in ("uniform(2, 6)", "4")
    ]


def test_encoders_come_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (SAMPLE, "--strategies", "2c", *FEW)
    monkeypatch.setenv("ENCODERS", "3")
    assert ran(*arguments).out.startswith("sample.jsonl, encoders=3:")
    assert ran(*arguments, "--encoders", 4).out.startswith("sample.jsonl, encoders=4:")
    monkeypatch.setenv("ENCODERS", "none")
    assert "ENCODERS" in refused(*arguments)


def test_catalogues_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / day / "day.jsonl" for day in ("monday", "tuesday")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(SAMPLE.read_bytes())
    out = ran(*paths, SAMPLE, "--strategies", "2c", *FEW, "--format", "json").out
    names = dict.fromkeys(row["catalogue"] for row in json.loads(out))
    assert list(names) == ["monday/day.jsonl", "tuesday/day.jsonl", "sample.jsonl"]


def test_a_precision_ends_it_and_says_why() -> None:
    result = ran(CATALOGUE, "--strategies", "2c", "--precision", "on_time_rate=1%")
    assert "100 replications" in result.out
    assert "the precision was met after 100 replications" in result.err
    result = ran(CATALOGUE, "--strategies", "2c", "--precision", "published=0.0001", *FEW)
    assert "the budget ended after 5 replications" in result.err


def test_a_drawn_seed_is_told() -> None:
    result = ran(SAMPLE, "--strategies", "2c", *FEW, "--seed", "none")
    seed = result.err.split("drawn: --seed ")[1].split()[0]
    assert result.out == ran(SAMPLE, "--strategies", "2c", *FEW, "--seed", seed).out


# -- the report --------------------------------------------------------------------------------------------


@pytest.mark.full
def test_two_runs_of_a_command_give_the_same_report(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    pages = []
    for _ in range(2):  # the second replaces the first, which is an earlier report
        ran(SAMPLE, "--strategies", "1,2c", *FEW, "--encoders", 5, "--report", report)
        pages.append(report.read_bytes())
    assert pages[0] == pages[1]
    options = "--strategies 1,2c --baseline 1 --replications 5 --encoders 5 --seed 1"
    assert f"tv2sim compare {SAMPLE} {options}" in pages[0].decode()
    assert str(tmp_path) not in pages[0].decode()
    assert hashlib.sha256(Path(SAMPLE).read_bytes()).hexdigest() in pages[0].decode()


@pytest.mark.usefixtures("no_charts")
def test_a_report_has_what_its_author_says_and_videos_by_a_column(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    ran(
        SAMPLE, "--strategies", "1,2c", *FEW, "--report", report, "--by", "provider", "--title", "How <many>?",
        "--author", "A. B.", "--date", "3 May", "--notes", "Made in 3 s.\n\nOn 2 cores.", "--format", "csv",
    )  # fmt: skip
    page = report.read_text(encoding="utf-8")
    for said in ("<h1>How &lt;many&gt;?</h1>", "A. B., 3 May", "<p>Made in 3 s.</p>", "<p>On 2 cores.</p>"):
        assert said in page
    assert "Videos by provider" in page


@pytest.mark.full
def test_a_margin_is_told_and_recorded(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    arguments = (CATALOGUE, "--strategies", "2c:12,2c:15", "--replications", 100, "--report", report)
    out = " ".join(ran(*arguments, "--margin", "1.5%").out.split())
    assert "95 % intervals, margin 1.5 percentage points" in out
    assert ", too little to matter, for 240 publisher-seconds fewer." in out
    page = report.read_text(encoding="utf-8")
    assert "--replications 100 --margin 1.5% --seed 1" in page
    assert out == " ".join(ran(*arguments, "--margin", 0.015).out.split())
    assert report.read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("options", "asked"), [("--target 90%", "target=0.9"), ("--failures-per-day 17280", "")]
)
@pytest.mark.usefixtures("no_charts")
@pytest.mark.full
def test_a_target_makes_a_plan_which_is_printed_and_reported(tmp_path: Path, options: str, asked: str) -> None:
    """Of 172,800 videos a day 17,280 are a tenth."""
    report, arguments = tmp_path / "report.html", (CATALOGUE, "--strategies", "2a,2c", *FEW)
    out = ran(*arguments, *options.split(), "--report", report).out
    plan = tv.plan(tv.read_catalogue(CATALOGUE), ["2a", "2c"], target=0.9, progress=False)
    assert plan.best is not None
    assert plan.best.prewarmed == 9
    usual = ran(*arguments).out
    tables = usual[: usual.rindex("\n\n")]
    alone = "The answer of the plan is not among the strategies that were compared."
    assert " ".join(out.split()) == " ".join(f"{tables} {plan.answer}. {alone}".split())
    page = report.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    lead, basis = plan.answer.split(": ")
    assert f'<p class="says">{lead}<span class="basis">: {basis}.</span></p>' in page
    assert "publishes the most" not in out + page
    assert f" {options} --seed 1</code>" in page
    assert f"tv2sim.plan(catalogue, [&#39;2a&#39;, &#39;2c&#39;], scenario, {asked}" in page


def test_the_answer_of_a_plan_is_beside_data() -> None:
    arguments = (CATALOGUE, "--strategies", "2a", *FEW, "--format", "csv")
    result = ran(*arguments, "--target", "99%")
    assert result.out == ran(*arguments).out
    assert "2a does not publish 99 % of the videos in time" in result.err


@pytest.mark.full
def test_a_plan_knows_the_prices_and_the_scenario() -> None:
    options = ("--strategies", "2c", *FEW, "--prices", "ready=1,failed=60", "--requests-per-second", 1)
    out = ran(CATALOGUE, *options, "--target", "99%").out
    world = tv.Scenario(requests_per_second=1)
    plan = tv.plan(CATALOGUE, ["2c"], world, target=0.99, prices=tv.Prices(ready=1, failed=60), progress=False)
    assert f"{plan.answer}." in " ".join(out.split())


@pytest.mark.usefixtures("no_charts")
def test_a_report_is_not_replaced_by_a_table(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    ran(SAMPLE, *FEW, "--report", path)
    before = path.read_bytes()
    assert tv2sim("compare", SAMPLE, *FEW, "--out", path).status == 2
    assert path.read_bytes() == before


def test_a_file_that_is_no_report_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "thesis.html"
    path.write_text("<!DOCTYPE html><title>Years of work</title>")
    assert tv2sim("compare", SAMPLE, *FEW, "--report", path).status == 2
    assert "Years of work" in path.read_text()


@pytest.mark.usefixtures("no_simulation")
@pytest.mark.parametrize("option", ["--report", "--out"])
def test_a_file_that_cannot_be_written_is_known_before_the_simulation(tmp_path: Path, option: str) -> None:
    old = tmp_path / "old.html"
    old.write_text("old")
    assert "there is no folder" in refused(SAMPLE, option, tmp_path / "missing" / "r.html")
    assert "is a folder" in refused(SAMPLE, option, tmp_path)
    assert "there is no folder" in refused(SAMPLE, option, old / "r.html")
    assert "--force" in refused(SAMPLE, option, old)
    assert "already used" in refused(SAMPLE, option, SAMPLE, "--force")
    assert "cannot write" in refused(SAMPLE, option, "/proc/r.html")
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.full
def test_force_replaces_a_report(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    ran(SAMPLE, "--strategies", "2c", *FEW, "--report", path, "--force")
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


# -- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_simulation")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--strategies", "1,3"), "a strategy is one of 1, 2a, 2b, 2c, advance, "),
        (("--strategies", "1,,2a"), "nothing between its commas"),
        (("--strategies", "1,1"), "has 1 twice"),
        (("--baseline", "2d"), "one of the strategies, 1, 2a, 2b, 2c, not '2d'"),
        (("--replications", "0"), "must be a whole number of at least 1 and at most 1000000000, not 0"),
        (("--replications", "1" + "0" * 23), "--replications must be a whole number of at least 1 and at most"),
        (("--strategies", "2a:8"), "written like 2c:8, not '2a:8'"),
        (("--workers", "0"), "--workers must be a whole number of at least 1 and at most 1000, not 0"),
        (("--encoders", "5,0"), "encoders must be a whole number of at least 1, not 0"),
        (("--encoders", "5,x"), "'x' is not a whole number"),
        (("--seed", "1" + "0" * 33), "seed, if not None, must be a whole number of at least 0 and at most"),
        (("--startup-time", "uniform(2,6),soon"), "not 'soon'"),
        (("--precision", "on_time_rate"), "is not like on_time_rate=0.001"),
        (("--precision", "luck=1%"), "'luck'"),
        (("--precision", "published=0"), "not 0.0"),
        (("--margin", "0.1pp"), "'0.1pp' is not a number"),
        (("--margin", "200%"), "--margin must be a finite number of at least 0 and at most 1, not 2.0"),
        (("--margin", "nan"), "--margin must be a finite number"),
        (("--target", "99%", "--encoders", "5,10"), "a plan is for one catalogue in one scenario, not for 2"),
        (("--target", "99%", "--failures-per-day", "5"), "not allowed with argument --target"),
        (("--title", "T"), "--title is for a report: write one with --report FILE"),
        (("--format", "parquet"), "name it with --out"),
        (("--format", "xml"), "invalid choice"),
        (("--seed", "-1"), "seed"),
        ((SAMPLE,), "given twice"),
        (("missing.jsonl",), "missing.jsonl"),
    ],
)  # fmt: skip
def test_wrong_calls_get_one_sentence_before_the_simulation(arguments: tuple[object, ...], said: str) -> None:
    assert said in refused(SAMPLE, *arguments)


@pytest.mark.usefixtures("no_simulation")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "0"), "target must be a finite number greater than 0 and at most 1, not 0"),
        (("--failures-per-day", "1e9"), "failures_per_day must be less than the 172,800 videos of a day"),
    ],
)
def test_a_wrong_target_is_told_before_the_simulation(arguments: tuple[object, ...], said: str) -> None:
    assert said in refused(CATALOGUE, *arguments)


def test_ctrl_c_says_what_was_finished_and_leaves_nothing(tmp_path: Path) -> None:
    # the compiled engine would be through before the signal
    many = ("--replications", 100_000, "--engine", "simpy")
    process = start("compare", CATALOGUE, *many, "--report", tmp_path / "r.html")
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()):  # the report is begun: it simulates now
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = (text.decode() for text in process.communicate(timeout=60))
    assert process.returncode == 130
    assert out == ""
    assert is_one_line(err)
    assert "of 400000 replications were finished" in err
    assert list(tmp_path.iterdir()) == []
