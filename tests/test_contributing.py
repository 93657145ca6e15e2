"""What CONTRIBUTING.md says of how to add something is done in copies of the files, and then works."""

from __future__ import annotations

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
        path = copied(self.file, root)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (at,) = [number for number, line in enumerate(lines) if line.strip().startswith(self.line)]
        code = textwrap.indent(self.code, lines[at][: lines[at].index(self.line)])
        start, stop = {"before": (at, at), "after": (at + 1, at + 1), "in place of": (at, at + 1)}[self.where]
        lines[start:stop] = [code, *["\n"] * (self.where == "before")]
        path.write_text("".join(lines), encoding="utf-8")


def test_it_says_how_to_add_five_things() -> None:
    assert list(PARTS) == ["strategy", "field", "event", "metric", "distribution"]


def copied(file: str, root: Path) -> Path:
    """Return the copy of a file of the package in a folder; it is made if it is not there yet."""
    path = root / file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, path)
    return path


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of the package to which everything was added that the text adds."""
    root = tmp_path_factory.mktemp("changed")
    for part in PARTS.values():
        changes = [Change(*found) for found in CHANGE.findall(part)]
        assert changes
        for change in changes:
            change.make(root)
    return root


CHANGED = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

class Changed:
    def find_spec(name, path=None, target=None):
        file = Path.cwd() / f"{name.replace('.', '/')}.py"
        if name == "tv2sim":
            return spec_from_file_location(name, f"{name}/__init__.py", submodule_search_locations=[PACKAGE])
        return spec_from_file_location(name, file) if file.exists() else None

sys.meta_path.insert(0, Changed)
""".replace("PACKAGE", repr(str(ROOT / "tv2sim")))
"""Takes the changed files in the current folder in place of the package's, and the package's own otherwise. So
the kernel is the package's, and is not compiled again."""

BEGIN = "import tv2sim as tv\ncatalogue = tv.generate_catalogue()\n"
BY_KERNEL = """
from functools import partial
tv.simulate, tv.compare = partial(tv.simulate, engine="kernel"), partial(tv.compare, engine="kernel")
"""
"""Makes the kernel simulate what names no engine."""


def run_in(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    for file in ("tv2sim/__init__.py", "tv2sim/__init__.pyi"):
        copied(file, root)
    command = [sys.executable, "-W", "error", "-c", CHANGED + code]
    return subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8")


@pytest.mark.parametrize("engine", ["simpy", pytest.param("kernel", marks=pytest.mark.full)])  # it compiles
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.full
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
@pytest.mark.full
def test_the_kernel_refuses_a_field_that_declares_no_engine(tmp_path: Path, holder: str, file: str) -> None:
    pytest.importorskip("numba")
    error = f"_error = {holder.capitalize()}Error"
    Change(
        f"tv2sim/{file}.py", "before", error, 'patina: float = parameter(0.0, a_time, text="Seconds.")\n'
    ).make(tmp_path)
    done = run_in(
        tmp_path,
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
