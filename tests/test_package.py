"""The package as a whole: its rooms, its names, and the wheel that is made of it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import tv2sim as tv
from tv2sim.base.later_methods import SERVED_BY

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tv2sim"

ROOMS = (
    "base", "inference", "catalogue", "world", "strategies", "results", "engines", "theory", "experiments",
    "plots", "pages", "report", "realtime", "cli",
)  # fmt: skip
"""From the ground up: a room imports from those before it, and never from those after it."""

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")

DYNAMIC = {
    "__init__.py",  # public names, from the list that type checkers read
    "base/errors.py",  # extras that may be missing
    "base/later_methods.py",  # methods that later files serve
    "cli/command.py",  # the module of a command
    "experiments/results_store.py",  # what a user's function refers to
    "experiments/workers.py",  # the versions of packages
}
"""The files that import what a text names."""


def test_nothing_is_loose() -> None:
    names = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert names == set(ROOMS)
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__init__.pyi", "__main__.py", "py.typed"}


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms that a module imports, for types alone or inside of functions as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "tv2sim":
            found |= {name.name for name in node.names} & set(ROOMS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tv2sim."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("tv2sim.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_earlier_rooms(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    earlier = ROOMS[: ROOMS.index(room) + 1] if room in ROOMS else ROOMS
    assert imported_rooms(path) <= set(earlier)


def test_only_known_files_import_what_a_text_names() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\b(import_module|__import__)\b", path.read_text(encoding="utf-8"))
    }
    assert found == DYNAMIC


@pytest.mark.parametrize(("method", "target"), SERVED_BY.items())
def test_methods_that_later_files_serve_have_their_function(method: str, target: str) -> None:
    owner, _, name = method.partition(".")
    module, _, function = target.partition(":")
    assert hasattr(getattr(tv, owner), name)
    assert callable(getattr(import_module(module), function))


def test_every_public_name_is_there_and_documented() -> None:
    for name in tv.__all__:
        value = getattr(tv, name)
        assert name.startswith(("__", "PART", "STRAT")) or value.__doc__, name
    assert set(tv.__all__) <= set(dir(tv))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        getattr(tv, "simulat")  # noqa: B009 (mypy knows that it is not there)


def fresh(code: str) -> str:
    """Return what Python prints when it runs `code` in a new process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, json, tv2sim, tv2sim.cli.parse; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(fresh(code)))
    assert not loaded & {
        "numpy",
        "simpy",
        "pandas",
        "scipy",
        "matplotlib",
        "msgspec",
        "tqdm",
        "multiprocessing",
        "rich",
        "starlette",
        "uvicorn",
        "prometheus_client",
    }


def test_simulating_needs_neither_pandas_nor_scipy() -> None:
    code = (
        "import sys, json, tv2sim as tv; tv.simulate(tv.generate_catalogue(), '2c').summary; "
        "print(json.dumps(sorted(sys.modules)))"
    )
    assert not set(json.loads(fresh(code))) & {"pandas", "scipy", "matplotlib"}


def test_a_summary_after_a_simpy_run_does_not_load_the_kernel() -> None:
    code = (
        "import sys, tv2sim as tv; study = tv.compare(tv.generate_catalogue(), ['1', '2c:10'], replications=4, "
        "engine='simpy', progress=False); study.summary, study.differences; "
        "print('numba' in sys.modules, study['2c:10'].control.bound is None)"
    )
    assert fresh(code) == "False False\n"


def test_a_replay_that_serves_nothing_needs_none_of_the_extra() -> None:
    code = (
        "import sys, json, tv2sim as tv; tv.replay(tv.generate_catalogue(), '2c', speed='max'); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = set(json.loads(fresh(code)))
    assert not loaded & {"rich", "starlette", "uvicorn", "prometheus_client", "pandas", "asyncio"}


def test_the_function_replay_stays_what_it_is() -> None:
    code = "import tv2sim.realtime.handle, tv2sim.cli.replay, tv2sim as tv; print(callable(tv.replay))"
    assert fresh(code) == "True\n"


def test_nothing_prints_or_keeps_global_random_state() -> None:
    code = (
        "import numpy as np; np.random.seed(1); import tv2sim as tv; tv.simulate(tv.generate_catalogue(), '1')"
    )
    assert fresh(code + "; print(np.random.random())") == fresh(
        "import numpy as np; np.random.seed(1); print(np.random.random())"
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"tv2sim/{path.relative_to(PACKAGE).as_posix()}" for path in MODULES} <= set(names)
    assert {"tv2sim/py.typed", "tv2sim/world/scenario.schema.json", "tv2sim/report/template.html.j2"} <= set(
        names
    )
    page = (PACKAGE / "pages" / "live").iterdir()
    assert {f"tv2sim/pages/live/{path.name}" for path in page} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith("tv2sim") for name in names)
    entry = next(name for name in names if name.endswith("entry_points.txt"))
    assert "tv2sim = tv2sim.cli:main" in zipfile.ZipFile(wheel).read(entry).decode()


def test_the_wheel_works_outside_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import tv2sim as tv, tv2sim.cli
assert tv.__file__.startswith({str(tmp_path)!r}), tv.__file__
tv2sim.cli.main(["generate", "--out", "day.jsonl"])
tv2sim.cli.main(["run", "day.jsonl", "--strategy", "2c", "--seed", "1"])
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == str(tv.simulate(tv.generate_catalogue(), "2c").stats) + "\n"
