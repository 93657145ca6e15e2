"""Drafts that a killed process has left, and files that are no regular ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers.commands import SAMPLE
from tv2sim.base.storage import read_file, whole_file, whole_folder

pytest.importorskip("fcntl")

WRITES = """
import sys
from pathlib import Path
from tv2sim.base.storage import whole_file, whole_folder
path = Path(sys.argv[1])
with whole_folder(path, force=False, ours=bool) if sys.argv[2] == "folder" else whole_file(path) as draft:
    (draft / "table" if draft.is_dir() else draft).write_text("half")
    print("drafted", flush=True)
    sys.stdin.read()
"""


@contextmanager
def writer(path: Path, kind: str) -> Iterator[subprocess.Popen[str]]:
    """Give a process that has begun to write to a path, and goes on when its standard input is closed."""
    command = [sys.executable, "-c", WRITES, str(path), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "drafted\n"
            yield process
        finally:
            process.kill()


def write_file(path: Path) -> None:
    with whole_file(path) as draft:
        draft.write_text("whole")


def write_folder(path: Path) -> None:
    with whole_folder(path, force=False, ours=bool) as draft:
        (draft / "table").write_text("whole")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("write", [write_file, write_folder])
def test_the_next_command_removes_what_a_killed_one_has_left(
    kind: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    with writer(tmp_path / "one", kind) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (left,) = names(tmp_path)
    assert left.startswith(".one.")
    write(tmp_path / "other")
    assert names(tmp_path) == ["other"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_draft_of_a_live_process_stays(kind: str, tmp_path: Path) -> None:
    with writer(tmp_path / "one", kind) as process:
        write_file(tmp_path / "other")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    assert names(tmp_path) == ["one", "other"]


def test_only_drafts_are_removed(tmp_path: Path) -> None:
    """Not what only looks like one: other hidden files, a symbolic link, a pipe, and what was put aside."""
    end = f"{'0' * 16}.tv2sim-draft"
    (tmp_path / "mine").write_text("years of work")
    (tmp_path / f".{'0' * 16}").write_text("years of work")
    (tmp_path / f"x.{end}").write_text("years of work")
    (tmp_path / f".link.{end}").symlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / f".pipe.{end}")
    aside = tmp_path / f".folder.{end}"
    (aside / "old").mkdir(parents=True)
    (aside / "old" / "table").write_text("years of work")
    before = names(tmp_path)
    write_file(tmp_path / "other")
    assert names(tmp_path) == sorted([*before, "other"])
    assert (aside / "old" / "table").read_text() == "years of work"


def test_kept_results_lose_their_drafts_too(tmp_path: Path) -> None:
    catalogue = tv.read_catalogue(SAMPLE)
    tv.replicate(catalogue, replications=5, engine="simpy", results=tmp_path)
    (chunk,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    left = chunk.with_name(f".{chunk.name}.{'0' * 16}.tv2sim-draft")
    left.write_bytes(b"half")
    tv.replicate(catalogue, replications=5, engine="simpy", results=tmp_path)
    assert names(chunk.parent) == [chunk.name]


class TestRegularFiles:
    def test_a_pipe_among_kept_results(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Reading it would wait for ever for somebody to write to it."""
        catalogue = tv.read_catalogue(SAMPLE)
        first = tv.replicate(catalogue, replications=5, engine="simpy", results=tmp_path)
        (chunk,) = [path for path in tmp_path.rglob("*") if path.is_file()]
        chunk.unlink()
        os.mkfifo(chunk)
        again = tv.replicate(catalogue, replications=5, engine="simpy", results=tmp_path)
        assert again.frame.equals(first.frame)
        assert caplog.messages == [f"{str(chunk)!r} cannot be read (it is not a regular file), and is not used"]

    @pytest.mark.parametrize("name", ["run.json", "videos.csv", "SHA256SUMS"])
    def test_a_pipe_in_a_saved_run(self, name: str, tmp_path: Path) -> None:
        folder = tv.simulate(SAMPLE, "2c").save(tmp_path / "run")
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(tv.InputError, match="it is not a regular file"):
            tv.load_run(folder)

    def test_a_file_beyond_all_measure(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        with path.open("wb") as stream:
            stream.truncate(1 << 40)  # it occupies no space
        with pytest.raises(OSError, match="it has 1,099,511,627,776 bytes, more than 1,000"):
            read_file(path, 1000)

    def test_a_folder_and_nothing(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises(OSError, match=r"directory|No such file"):
                read_file(path)
