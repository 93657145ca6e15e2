"""`tv2sim import` tried again: what it has written itself is replaced, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_import import JOBS, job_log
from tests.helpers.commands import tv2sim

MAPPING = f"{JOBS},startupTime=started_at-created_at"
LOGS = Path(__file__).parents[1] / "catalogue" / "logs"
HERE = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
OUT = ("--out", "jobs.jsonl", "--startup-times", "times.csv")
FILES = ("jobs.jsonl", "times.csv")


@pytest.fixture(autouse=True)
def _imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job_log(Path("log.csv"), 5)
    assert tv2sim("import", MAPPING, "log.csv", *OUT).status == 0


def refused(*arguments: str) -> None:
    """Check that an import is refused, and changes nothing."""
    before = [Path(name).read_bytes() for name in FILES]
    found = tv2sim("import", *arguments)
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert "exists: choose another, or --force" in found.err
    assert [Path(name).read_bytes() for name in FILES] == before


@pytest.mark.parametrize("log", ["log.csv", "./log.csv", "sub/../log.csv"])
def test_the_same_log_and_mapping(log: str) -> None:
    Path("sub").mkdir()
    job_log(Path("log.csv"), 7)  # it has grown
    for _ in range(2):
        found = tv2sim("import", MAPPING, log, *OUT)
        assert (found.status, found.err) == (0, "")
        assert [len(Path(name).read_text().splitlines()) for name in FILES] == [7, 8]


def test_another_log_or_mapping() -> None:
    job_log(Path("other.csv"), 5)
    refused(MAPPING, "other.csv", *OUT)
    refused(f"{MAPPING},title=name", "log.csv", *OUT)
    assert tv2sim("import", MAPPING, "other.csv", *OUT, "--force").status == 0
    assert tv2sim("import", MAPPING, "other.csv", *OUT).status == 0
    refused(MAPPING, "log.csv", *OUT)


@pytest.mark.parametrize("name", FILES)
def test_an_output_that_was_changed(name: str) -> None:
    with Path(name).open("a") as stream:
        stream.write("years of work\n")
    refused(MAPPING, "log.csv", *OUT)


def test_a_file_of_others() -> None:
    for name in FILES:
        Path(name).write_text("years of work")
    refused(MAPPING, "log.csv", *OUT)
    for name in FILES:
        Path(f".{name}.imported").write_text("{}")
    refused(MAPPING, "log.csv", *OUT)


def test_a_record_of_others_is_kept() -> None:
    """Then the output has no record, and is not replaced again."""
    Path(".new.jsonl.imported").write_text("years of work")
    call = ("import", MAPPING, "log.csv", "--out", "new.jsonl")
    assert tv2sim(*call).status == 0
    assert tv2sim(*call).status == 2
    assert Path(".new.jsonl.imported").read_text() == "years of work"


def test_standard_input_is_never_the_same() -> None:
    log = Path("log.csv").read_bytes()
    call = ("import", MAPPING, "-", "--out", "piped.jsonl")
    assert tv2sim(*call, stdin=log).status == 0
    assert tv2sim(*call, stdin=log).status == 2


@pytest.mark.parametrize(
    ("mapping", "log"), [("gitlab", "gitlab.json"), ("github,hosted=keep", "github.jsonl")]
)
@pytest.mark.full
def test_a_mapping_with_filters_is_the_same_in_another_process(mapping: str, log: str) -> None:
    command = [sys.executable, "-m", "tv2sim", "import", mapping, str(LOGS / log), "--out", "ci.jsonl"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=HERE)
        assert (done.returncode, done.stderr) == (0, "")
