"""What CONTRIBUTING.md says of how to add something is done in a copy of the package, and then works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

import tv2sim as tv

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"## How to add (?:a|an) (\w+)\n(.*?)(?=\n## )", TEXT, flags=re.DOTALL))
CHANGE = re.compile(
    r"In `([^`]+)`, (before|after|in place of) `([^`]+)`:\n\n```(?:python)?\n(.*?)```", re.DOTALL
)
CHECK = re.compile(r"\nThen [^`].*?:\n\n```python\n(.*?)```", re.DOTALL)


class Change(NamedTuple):
    """Code to be put before, after or in place of the only line that begins with a text, at its indent."""

    file: str
    where: str
    line: str
    code: str

    def make(self, root: Path) -> None:
        path = root / self.file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (at,) = [number for number, line in enumerate(lines) if line.strip().startswith(self.line)]
        code = textwrap.indent(self.code, lines[at][: lines[at].index(self.line)])
        start, stop = {"before": (at, at), "after": (at + 1, at + 1), "in place of": (at, at + 1)}[self.where]
        lines[start:stop] = [code, *["\n"] * (self.where == "before")]
        path.write_text("".join(lines), encoding="utf-8")


def test_it_says_how_to_add_five_things() -> None:
    assert list(PARTS) == ["strategy", "field", "event", "metric", "distribution"]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the package in which everything was added that the text adds."""
    root = copy_of_the_package(tmp_path_factory.mktemp("changed"))
    for part in PARTS.values():
        changes = [Change(*found) for found in CHANGE.findall(part)]
        assert changes
        for change in changes:
            change.make(root)
    return root


def copy_of_the_package(root: Path) -> Path:
    shutil.copytree(ROOT / "tv2sim", root / "tv2sim", ignore=shutil.ignore_patterns("__pycache__"))
    return root


BEGIN = "import tv2sim as tv\ncatalogue = tv.generate_catalogue()\n"
BY_KERNEL = """
from functools import partial
tv.simulate, tv.compare = partial(tv.simulate, engine="kernel"), partial(tv.compare, engine="kernel")
"""
"""Makes the kernel simulate what names no engine."""


def run_in(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    where = {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "yes"}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=os.environ | where, cwd=root, capture_output=True, encoding="utf-8")


@pytest.mark.parametrize("engine", ["simpy", pytest.param("kernel", marks=pytest.mark.full)])  # it compiles
@pytest.mark.parametrize("part", PARTS)
def test_what_is_added_as_the_text_says_works(changed: Path, part: str, engine: str) -> None:
    first, *others = CHECK.findall(PARTS[part])
    if engine == "kernel":
        pytest.importorskip("numba")
    with pytest.raises((AssertionError, tv.TV2SimError, KeyError, AttributeError)):
        exec(BEGIN + first, {})  # what this package does not have
    code = BEGIN + BY_KERNEL + first + "\n".join(others) if engine == "kernel" else BEGIN + first
    done = run_in(changed, code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("holder", "file"), [("strategy", "strategies/strategy"), ("scenario", "world/scenario")]
)
def test_the_kernel_refuses_a_field_that_declares_no_engine(tmp_path: Path, holder: str, file: str) -> None:
    pytest.importorskip("numba")
    root = copy_of_the_package(tmp_path)
    error = f"_error = {holder.capitalize()}Error"
    Change(
        f"tv2sim/{file}.py", "before", error, 'patina: float = parameter(0.0, a_time, text="Seconds.")\n'
    ).make(root)
    done = run_in(
        root,
        f"""
import tv2sim as tv
from tv2sim.engines.choice import engine_for
catalogue = tv.generate_catalogue()
for patina in (0, 1):
    asked = {{"strategy": tv.PART_2C, "scenario": tv.Scenario()}}
    asked["{holder}"] = asked["{holder}"].replace(patina=patina)
    print(engine_for("auto", catalogue, *asked.values(), 10**6))
    print(engine_for("kernel", catalogue, *asked.values(), 10**6))
""",
    )
    assert done.stdout.split() == ["kernel", "kernel", "simpy"]
    assert f"engine 'kernel' cannot simulate this: it does not know the {holder}'s patina;" in done.stderr


def test_the_citation_is_of_this_version() -> None:
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {tv.__version__}" in lines
    assert {line.partition(":")[0] for line in lines} >= {
        "cff-version",
        "message",
        "title",
        "authors",
        "license",
    }
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load("\n".join(lines))["authors"] == [{"name": "The tv2sim authors"}]
