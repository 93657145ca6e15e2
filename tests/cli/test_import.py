"""`tv2sim import`, and `--columns` of the other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tv2sim as tv
from tests.catalogue.test_columns import LOGS
from tests.engines.test_submitted import record
from tests.helpers.commands import CATALOGUE, assert_facts, replay, tv2sim

MAPPING = "id=job_id,submittedAt=created_at,publishingTime=finished_at-started_at,encodingTime=0"
JOBS = f"{MAPPING},publicationTimeout=30"


def job_log(path: Path, rows: int) -> Path:
    """Write a CSV log: a job in 2 s, which starts 3 s after it came and takes 30 to 49 s."""
    start = 1_772_438_400
    lines = ["job_id,name,created_at,started_at,finished_at"]
    for n in range(rows):
        came = start + 2 * n
        lines.append(f"{n},build {n % 5},{came},{came + 3},{came + 33 + n % 20}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_from_a_job_log_to_a_table_of_pools_in_three_commands(tmp_path: Path) -> None:
    log, jobs = job_log(tmp_path / "jobs.csv", 1500), tmp_path / "jobs.jsonl"
    made = tv2sim("import", JOBS, log, "--out", jobs)
    assert (made.status, made.err) == (0, "")
    assert made.out.splitlines() == [
        "jobs.csv: 1,500 videos, in the order of submission; nothing left out",
        "the time zone is UTC, as the log names none; --timezone Europe/Copenhagen sets another",
        "the same for all: encodingTime=0, publicationTimeout=30",
    ]
    checked = tv2sim("check", jobs)
    assert checked.out.startswith("jobs.jsonl: 1,500 videos, 0 lines rejected\n")
    compared = tv2sim("compare", jobs, "--strategies", "2c:2,2c:4,2c:8", "--replications", 5)
    assert compared.status == 0
    assert all(f"2c:{pool}" in compared.out for pool in (2, 4, 8))
    assert tv.read_catalogue(jobs) == tv.read_catalogue(log, columns=JOBS)


def test_times_that_look_like_milliseconds_are_asked_about(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.csv"
    jobs.write_text("id,took,boot\na,61000,4000\nb,45000,5000\n")
    mapping = "encodingTime=none,publishingTime=took,startupTime=boot,publicationTimeout=3600"
    made = tv2sim("import", mapping, jobs)
    assert made.status == 0
    assert made.err.splitlines()[-2:] == [
        f"tv2sim: warning: the median of the {what} s: are they in milliseconds? tv2sim takes seconds"
        for what in ("publishing times is 53,000", "start-up times is 4,500")
    ]


def test_it_says_what_it_left_out_and_why() -> None:
    made = tv2sim("import", "github,publicationTimeout=5", LOGS / "github.jsonl")
    assert made.status == 0
    assert [json.loads(line)["id"] for line in made.out.splitlines()] == ["13", "11"]
    lines = made.err.splitlines()
    assert all(line.startswith("tv2sim: ") for line in lines)
    facts = [
        ("github.jsonl: 2 videos", "in the order of submission", "5 lines left out"),
        ("3 lines, first line 1: ", "left out", "another record of the same job"),
        ("1 line, first line 2: ", "left out", "never started"),
        ("1 line, first line 6: ", "id '11' was seen before, in line 5"),
        ("1 video: ", "failed or timed out while running", "kept with the time on the machine"),
        ("time zone is UTC", "the log names none", "--timezone Europe/Copenhagen"),
        ("same for all: publicationTimeout=5",),
    ]
    assert_facts(lines, facts)


def test_the_time_zone_is_told_and_kept(tmp_path: Path) -> None:
    out = tmp_path / "jobs.jsonl"
    log = job_log(tmp_path / "jobs.csv", 3)
    made = tv2sim("import", JOBS, log, "--out", out, "--timezone", "Europe/Copenhagen")
    assert "the time zone is Europe/Copenhagen, as given" in made.out.splitlines()
    assert tv.read_catalogue(out).timezone == "Europe/Copenhagen"
    refused = tv2sim("import", f"{JOBS},submittedAt=1", log, "--timezone", "Europe/Copenhagen")
    assert (refused.status, "--timezone is for a log with times of day" in refused.err) == (2, True)
    wrong = tv2sim("import", JOBS, log, "--timezone", "CPH")
    assert (wrong.status, wrong.err.count("\n")) == (2, 1)
    assert "'CPH' is no time zone of the IANA database" in wrong.err


def test_it_writes_the_start_up_times(tmp_path: Path) -> None:
    times = tmp_path / "times.csv"
    made = tv2sim("import", "kubernetes", LOGS / "kubernetes.json", "--startup-times", times)
    assert made.status == 0
    assert times.read_text() == "startup_time\n6.0\n4.0\n"
    missing = "status.conditions[type=Ready,status=True].lastTransitionTime is missing"
    facts = [
        ("tv2sim: 2 start-up times, ", "4 to 6 s, mean 5 s"),
        ("tv2sim:   1 video without a start-up time: ", missing),
    ]
    assert_facts(made.err.splitlines()[-2:], facts)


def test_from_standard_input() -> None:
    made = tv2sim("import", f"{JOBS},id=n", "-", stdin=b"n,created_at,started_at,finished_at\na,5,6,7.5\n")
    assert json.loads(made.out) == {
        "id": "a", "title": "", "provider": "", "encodingTime": 0, "publicationTimeout": 30, "submittedAt": 5,
        "publishingTime": 1.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gitlab", "nowhere.json"], "cannot read the catalogue 'nowhere.json': No such file or directory"),
        (["gitlap", "x.json"], "cannot read the mapping 'gitlap': No such file or directory; it is"),
        (["gitlab", LOGS / "gitlab.json", "--startup-times", "s.csv"], "--startup-times needs a mapping with"),
        (["gitlab", "a.json", "--out", "./a.json"], "must be different files"),
        (["gitlab", LOGS / "gitlab.json", "--out", CATALOGUE], "exists: choose another, or --force"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(arguments: list[object], says: str) -> None:
    made = tv2sim("import", *arguments)
    assert (made.status, made.out) == (2, "")
    assert says in made.err
    assert made.err.count("\n") == 1


def test_a_log_without_jobs_leaves_no_file(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    made = tv2sim("import", "kubernetes", LOGS / "gitlab.json", "--out", out)
    assert made.status == 2
    assert "3 lines rejected, all of them, the first in line 2, because id: metadata.uid is missing" in made.err
    assert not out.exists()


@pytest.mark.parametrize("command", ["run", "check", "compare", "engines", "replay"])
def test_every_command_takes_columns(command: str, tmp_path: Path) -> None:
    log = job_log(tmp_path / "jobs.csv", 4)
    more = {"compare": ["--replications", 2], "engines": ["--replications", 2]}.get(command, [])
    call = replay if command == "replay" else lambda *arguments: tv2sim(command, *arguments)
    done = call(log, "--columns", JOBS, *more)
    assert done.status == 0, done.err
    if command in ("run", "replay"):
        assert "client_submitted=4" in done.out
    refused = call(log, "--columns", "id=job", *more)
    assert refused.status == 2
    assert "'jobs.csv' has no column 'job'; it has job_id, name, " in refused.err


def test_standard_input_with_columns_is_read_as_a_whole(tmp_path: Path) -> None:
    lines = job_log(tmp_path / "jobs.csv", 3).read_bytes()
    assert "client_submitted=3" in replay("-", "--columns", JOBS, "--log", "none", stdin=lines).out


@pytest.mark.full
def test_a_report_names_the_columns(tmp_path: Path) -> None:
    log, report = job_log(tmp_path / "jobs.csv", 4), tmp_path / "report.html"
    tv2sim("compare", log, "--columns", JOBS, "--strategies", "2c", "--replications", 2, "--report", report)
    assert f"--columns {JOBS} --strategies" in report.read_text().replace("&#39;", "")


def test_a_recorded_log_has_its_columns(tmp_path: Path) -> None:
    done = replay("--recorded", tmp_path / "log.jsonl", "--columns", "id=job")
    assert (done.status, "--columns is for a catalogue" in done.err) == (2, True)


def test_a_catalogue_of_csv_needs_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "videos.csv"
    tv.read_catalogue([record(n, submittedAt=n) for n in range(3)]).frame.to_csv(path, index=False)
    assert "client_submitted=3" in tv2sim("run", path).out
