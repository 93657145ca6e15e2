"""What ``.ci/install`` does, with a Python that only notes what it is asked, and what is locked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts for a POSIX shell")

ROOT = Path(__file__).parent.parent
STUB = """#!/bin/sh
# says that it is Python {version}, makes environments with a copy of itself, and notes what pip is asked
if [ "$1" = -c ]; then
    exec {python} -c "import sys; sys.version_info = ({version}); exec(sys.argv[1])" "$2"
elif [ "$2" = venv ]; then
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
elif [ "$3" = install ]; then
    echo "$* PIP_CONSTRAINT=${{PIP_CONSTRAINT:-}}" >>pip.txt
    for line in $(seq 116); do echo "line $line"; done
    if [ -e interrupt ]; then kill -INT $PPID; sleep 5; fi
    if [ -e fail ]; then echo "no such host" >&2; exit 1; fi
fi
"""


def stub(path: Path, version: str) -> Path:
    """Write a Python that says that it has this version."""
    path.write_text(STUB.format(version=version, python=sys.executable))
    path.chmod(0o755)
    return path


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone"
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def install(
    clone: Path, *arguments: str, version: str = "3, 12, 0", **environment: str
) -> tuple[int, list[str]]:
    """Call the script with a Python of this version; return its status, and what it says."""
    python = {"PYTHON": str(stub(clone.parent / "python-stub", version))}
    environment = dict(os.environ) | (environment or python)
    command = ["sh", str(clone / ".ci" / "install"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", cwd=clone.parent)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def pips(clone: Path) -> list[str]:
    """Return what pip was asked so far."""
    return (clone / "pip.txt").read_text().splitlines()


def test_it_says_a_line_of_its_own_and_installs_once(clone: Path) -> None:
    status, said = install(clone)
    assert (status, len(said)) == (0, 1)
    assert "'replay' into .venv: the versions of .ci/constraints.txt" in said[0]
    assert len((clone / ".venv" / "install.log").read_text().splitlines()) == 116
    assert "--editable .[replay] PIP_CONSTRAINT=.ci/constraints.txt" in pips(clone)[0]
    assert install(clone) == (0, [])
    assert len(pips(clone)) == 1
    assert len(install(clone, "all")[1]) == 1
    assert "--editable .[all] " in pips(clone)[1]


@pytest.mark.parametrize("name", ["pyproject.toml", ".ci/constraints.txt"])
def test_it_installs_again_when_what_it_reads_has_changed(name: str, clone: Path) -> None:
    install(clone)
    later = (clone / ".venv" / "installed-replay").stat().st_mtime + 10
    os.utime(clone / name, (later, later))
    assert install(clone)[0] == 0
    assert len(pips(clone)) == 2


def test_what_has_failed_is_shown_and_done_anew(clone: Path) -> None:
    (clone / "fail").touch()
    status, said = install(clone)
    assert status == 1
    assert said[-2:] == ["no such host", "pip has failed; .venv/install.log has all that it said"]
    assert len(said) < 20
    (clone / "fail").unlink()
    (clone / ".venv" / "a part").touch()
    assert install(clone)[0] == 0
    assert not (clone / ".venv" / "a part").exists()
    assert len(pips(clone)) == 2


@pytest.mark.full
def test_what_was_interrupted_is_done_anew(clone: Path) -> None:
    install(clone)
    (clone / "interrupt").touch()
    assert install(clone, "all")[0] != 0
    (clone / "interrupt").unlink()
    (clone / ".venv" / "a part").touch()
    assert install(clone)[0] == 0
    assert not (clone / ".venv" / "a part").exists()


def test_with_another_version_the_newest_are_installed(clone: Path) -> None:
    status, said = install(clone, version="3, 14, 0")
    assert (status, len(said)) == (0, 1)
    assert "the newest versions, since .ci/constraints.txt is for Python 3.11 to 3.13" in said[0]
    assert pips(clone)[0].endswith(" PIP_CONSTRAINT=")


def test_a_version_of_the_lock_is_preferred(clone: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    stub(programs / "python3", "3, 14, 0")
    for name, version in (("python3.13", "2, 7, 0"), ("python3.12", "3, 12, 0"), ("python3.11", "3, 11, 0")):
        stub(programs / name, version)
    for name in ("sh", "mkdir", "cp", "rm", "touch", "seq", "dirname", "tail", "sleep"):
        (programs / name).symlink_to(str(shutil.which(name)))
    assert "the versions of .ci/constraints.txt" in install(clone, PATH=str(programs), PYTHON="")[1][0]
    assert "3, 12, 0" in (clone / ".venv" / "bin" / "python").read_text()
    (programs / "python3.12").unlink()
    (programs / "python3.11").unlink()
    shutil.rmtree(clone / ".venv")
    assert "the newest versions, since" in install(clone, PATH=str(programs), PYTHON="")[1][0]


def test_the_newest_of_everything_has_an_environment_of_its_own(clone: Path) -> None:
    for number in (1, 2):
        status, said = install(clone, "all", "newest")
        assert (status, len(said)) == (0, 1)
        assert "into .venv-newest: the newest versions (" in said[0]
        assert len(pips(clone)) == number, "what is the newest changes"
    assert pips(clone)[0].endswith(" PIP_CONSTRAINT=")
    assert not (clone / ".venv").exists()


# -- what is locked ----------------------------------------------------------------------------------------

LOCK = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize("version", ["3.11.7", "3.12.1", "3.13.0"])
def test_every_requirement_has_one_version_in_the_lock(version: str) -> None:
    """If not: ``sh .ci/lock``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += [one for extra in everything.extras for one in extras[extra]]
    here = {"python_version": version.rpartition(".")[0], "python_full_version": version}
    pins: dict[str, str] = {}
    for line in LOCK:
        pin = Requirement(line.partition("#")[0] or "none; python_version < '3'")
        if pin.marker is None or pin.marker.evaluate(here):
            (exactly,) = pin.specifier
            assert exactly.operator == "=="
            assert pins.setdefault(pin.name, exactly.version) == exactly.version
    for requirement in map(Requirement, asked):
        assert pins[requirement.name] in requirement.specifier
    assert len(pins) > 100


def test_the_lock_names_no_machine() -> None:
    assert not [line for line in LOCK if "/" in line.replace(".ci/lock", "") or "@" in line]


# -- where the tests run -----------------------------------------------------------------------------------

_ASK = "import signal; print([signal.getsignal(n) == signal.SIG_DFL for n in (signal.SIGHUP, signal.SIGTERM)])"


def test_processes_of_the_tests_obey_signals() -> None:
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "[True, True]\n"


@pytest.mark.skipif("TV2SIM_IN_NOHUP" in os.environ, reason="runs the tests in the tests once")
@pytest.mark.full
def test_with_nohup_and_without_a_terminal_too() -> None:
    test = f"{Path(__file__)}::{test_processes_of_the_tests_obey_signals.__name__}"
    done = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$@" <&-', "sh", sys.executable, "-m", "pytest", "-q", test],
        env=os.environ | {"TV2SIM_IN_NOHUP": "1"},
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    assert "1 passed" in done.stdout, done.stdout
