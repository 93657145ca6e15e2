"""Where compiled functions are kept, when they are compiled again, and that nobody else can plant any."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers import attacker
from tests.helpers.commands import CATALOGUE, tv2sim

numba = pytest.importorskip("numba")

from tv2sim.base import compiling  # noqa: E402 (it needs numba)

PLACES = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
HERE = Path(tv.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Copy the package to where it may be changed."""
    copy = tmp_path / "copy" / "tv2sim"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


# -- in new processes --------------------------------------------------------------------------------------

SHOW = """
import numpy as np
from tv2sim.base import compiling
from tv2sim.engines.kernel.philox import uniform_rows
uniform_rows(np.uint64(1), 1, 0, 0, np.empty((2, 4)))
print(compiling._place()[0], sum(uniform_rows.stats.cache_hits.values()))
"""


def ran(package: Path, **environment: str) -> tuple[str, int]:
    """Call a function of a copy of the package; return the cache's folder, and its hits."""
    kept = {name: value for name, value in os.environ.items() if name not in PLACES}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, check=True,
        cwd=package.parent, env={**kept, "PYTHONPATH": str(package.parent), **environment},
    )  # fmt: skip
    folder, _, hits = done.stdout.rpartition(" ")
    return folder, int(hits)


@pytest.mark.full
def test_a_changed_source_is_compiled_again(package: Path) -> None:
    """Whichever source of the kernel it is, since functions are compiled into those of other files."""
    folder, hits = ran(package)
    assert hits == 0
    assert ran(package) == (folder, 1)
    source = package / "engines" / "kernel" / "events.py"
    source.write_text(source.read_text() + "\n# changed\n")
    other, hits = ran(package)
    assert other != folder
    assert hits == 0


def test_every_file_with_compiled_functions_is_a_source() -> None:
    declaring = re.compile(r"^ *from tv2sim.base.compiling import .*(compiled|borrowing|inlined)", re.M)
    found = {path for path in HERE.rglob("*.py") if declaring.search(path.read_text(encoding="utf-8"))}
    assert found <= set(compiling._sources())
    assert len(found) > 10


@pytest.mark.full
def test_where_nothing_can_be_written_it_works_uncached(package: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.touch()
    (package / "__pycache__").touch()
    places = dict.fromkeys(PLACES, str(blocked))
    assert ran(package, **places, PYTHONDONTWRITEBYTECODE="1") == ("None", 0)


@pytest.mark.full
def test_a_full_disk_keeps_nothing_and_stops_nobody(tmp_path: Path) -> None:
    small = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    found = subprocess.run(
        [sys.executable, "-c", small + SHOW], capture_output=True, text=True, check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert found.stdout.endswith(" 0\n")
    assert found.stderr == f"tv2sim: compiled code is not kept: {os.strerror(errno.EFBIG)}\n"
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".nbi", ".nbc"}]


@pytest.fixture
def shared() -> Iterator[Path]:
    """Make a folder to which all users of the machine may write, as the shared temporary one."""
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR", "/tmp")))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("setting", ["", *PLACES])
@pytest.mark.full
def test_nobody_else_can_plant_code(setting: str, shared: Path) -> None:
    """An attacker makes the outer folder first, and swaps what is in it when the victim has looked at it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can be two other users")
    program = shared / "program" / "attacker.py"  # where both users can read it
    program.parent.mkdir(mode=0o755)
    shutil.copy(attacker.__file__, program)
    program.chmod(0o644)
    kept = {name: value for name, value in os.environ.items() if name not in PLACES}
    named = {setting: str(shared / attacker.OUTER)} if setting else {}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, cwd=shared,
        env={**kept, "HOME": "/nonexistent", "PYTHONPATH": str(HERE.parent), **named},
    )  # fmt: skip
    if done.returncode == attacker.CANNOT:
        pytest.skip("root cannot be two other users here")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"code of the attacker ran": False, "kept by the victim": []}


# -- the choice of the folder ------------------------------------------------------------------------------


@pytest.fixture
def places(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Make the places where compiled functions may be kept, and return them by name."""
    found = {"numba": tmp_path / "numba", "package": package / "__pycache__", "user": tmp_path / "user"}
    for place in found.values():
        place.mkdir(mode=0o755)
    monkeypatch.setattr(compiling, "__file__", str(package / "base/compiling.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(found["user"]))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(compiling, "_place", compiling._place.__wrapped__)
    return found


def chosen() -> Path | None:
    return compiling._place()[0]


def test_compiled_code_is_kept_beside_the_package_else_with_the_user_else_nowhere(
    places: dict[str, Path],
) -> None:
    name = f"compiled-{compiling._stamp()}"
    folder = places["package"] / name
    assert chosen() == folder
    assert compiling.whereabouts() == f"compiled code is kept in {str(folder)!r}"

    places["package"].chmod(0o775)
    first = f"{str(places['package'])!r} can be changed by other users"
    folder = places["user"] / "tv2sim" / name
    assert chosen() == folder
    assert compiling.whereabouts() == f"compiled code is kept in {str(folder)!r} ({first})"

    places["user"].chmod(0o757)
    second = f"{str(places['user'])!r} can be changed by other users"
    assert chosen() is None
    assert compiling.whereabouts() == (
        f"compiled code is not kept: {first}; {second} (NUMBA_CACHE_DIR names a folder of your own)"
    )

    above = places["user"].parent
    above.chmod(0o777)
    why = f"{str(above)!r} can be changed by other users"
    assert compiling.whereabouts() == (
        f"compiled code is not kept: {why} (NUMBA_CACHE_DIR names a folder of your own)"
    )


def test_a_folder_that_is_given_to_numba_comes_first(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places["numba"]))
    assert chosen() == places["numba"] / f"compiled-{compiling._stamp()}"
    places["numba"].chmod(0o777)
    assert chosen() == places["package"] / f"compiled-{compiling._stamp()}"


def test_a_package_in_the_shared_temporary_folder_keeps_its_cache(places: dict[str, Path]) -> None:
    above = places["package"].parent.parent
    above.chmod(0o1777)
    assert chosen() == places["package"] / f"compiled-{compiling._stamp()}"
    above.chmod(0o777)
    folder = chosen()
    assert folder is not None
    assert folder.is_relative_to(places["user"])


def test_the_versions_that_are_kept_are_few(places: dict[str, Path]) -> None:
    old = [places["package"] / f"compiled-{number:016x}" for number in range(9)]
    other = [places["package"] / name for name in ("compiled.py", "compiled-", "compiled-notes")]
    for age, folder in enumerate([*old, *other]):
        (folder / "kernel").mkdir(parents=True)
        os.utime(folder, (10**9 - age, 10**9 - age))
    assert {chosen(), *old[: compiling._VERSIONS - 1], *other} == {*places["package"].iterdir()}


def test_a_version_that_is_used_is_the_newest(places: dict[str, Path]) -> None:
    folder = chosen()
    assert folder is not None
    os.utime(folder, (10**9, 10**9))
    assert chosen() == folder
    assert folder.stat().st_mtime > 10**9


# -- numba -------------------------------------------------------------------------------------------------


def function(x: int) -> int:
    return x + 1


def where(dispatcher: object) -> Path:
    return Path(dispatcher.stats.cache_path)  # type: ignore[attr-defined]


def test_the_users_own_settings_of_numba_are_untouched(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator", raising=False)
    folder = chosen()
    assert folder is not None
    assert where(compiling.compiled(function)).is_relative_to(folder)
    assert str(tmp_path / "own") == numba.config.CACHE_DIR
    assert numba.config.CACHE_LOCATOR_CLASSES == "UserProvidedCacheLocator"
    assert where(numba.njit(cache=True)(function)).is_relative_to(tmp_path / "own")


def test_the_users_choice_of_folders_is_not_ours(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserWideCacheLocator", raising=False)
    folder = chosen()
    assert folder is not None
    assert where(compiling.compiled(function)).is_relative_to(folder)


def test_a_function_that_numba_would_keep_elsewhere_is_not_kept(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a program in one file, whose sources numba does not find."""
    monkeypatch.setattr(compiling, "_cache_folder", lambda folder: tempfile.TemporaryDirectory())
    dispatcher = compiling.compiled(function)
    assert dispatcher.stats.cache_path is None  # type: ignore[attr-defined]
    assert dispatcher(1) == 2


# -- what is said ------------------------------------------------------------------------------------------


def test_engines_says_where_compiled_code_is_kept() -> None:
    found = tv2sim("engines", CATALOGUE, "--strategies", "2c")
    assert found.err.splitlines()[-1] == f"tv2sim: {compiling.whereabouts()}"
    assert "compiled code is" in found.err


def test_engines_says_nothing_of_it_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv2sim.engines.choice.find_spec", lambda name: None)
    assert tv2sim("engines", CATALOGUE, "--strategies", "2c").err == ""


class Compiles:
    """Stands for a compilation of numba that takes some seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("tv2sim.base.compiling.time.perf_counter", lambda: self.now)

    def __call__(self, seconds: float) -> None:
        announcer = compiling._announcer()
        announcer.on_start(None)
        self.now += seconds
        if seconds >= 1:
            announcer._say()  # as the timer does
        announcer.on_end(None)


def test_what_compilation_took_is_said_once_where_it_is_long(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiles = Compiles(monkeypatch)
    with compiling.announced():
        compiles(0.5)
    assert capsys.readouterr().err == ""
    with compiling.announced(), compiling.announced():  # as two threads do
        compiles(9.0)
        compiles(3.0)
    begun, ended = capsys.readouterr().err.splitlines()
    assert begun == "tv2sim: compiling (this is done once)"
    assert ended == "tv2sim: compiled in 12 s"


def test_who_has_to_wait_each_time_is_told_why(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in places.values():
        place.chmod(0o777)
    with compiling.announced():
        Compiles(monkeypatch)(2.0)
    each_time, _ = capsys.readouterr().err.splitlines()
    assert each_time == f"tv2sim: compiling ({compiling.whereabouts()})"
    assert "compiled code is not kept: " in each_time


def test_garbage_is_looked_for_again_after_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    with compiling.announced():
        announcer = compiling._announcer()
        announcer.on_start(None)
        seen.append(gc.isenabled())
        announcer.on_end(None)
    assert [*seen, gc.isenabled()] == [False, True]


def test_a_function_is_compiled_once_it_was_called_or_is_on_disk(places: dict[str, Path]) -> None:
    first, other = compiling.compiled(function), compiling.compiled(function)
    assert not compiling.is_compiled(first)
    first(1)
    assert compiling.is_compiled(first)
    assert compiling.is_compiled(other)  # by its file
    shutil.rmtree(places["package"])
    assert not compiling.is_compiled(other)
