"""A folder that no other user can change: each way on which one could get in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tv2sim.base.storage import private_folder, user_cache

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no such owners and modes here")


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    """Let what is made be open to all, unless its mode is given."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    folder = tmp_path / "outer"
    folder.mkdir(mode=0o755)
    return folder


def give(path: Path, monkeypatch: pytest.MonkeyPatch, *, owner: int) -> None:
    """Let a file or folder look as if it belonged to another user."""
    real = Path.lstat

    def lstat(self: Path) -> os.stat_result:
        found = real(self)
        if self != path:
            return found
        values = list(found)
        values[4] = owner
        return os.stat_result(values)

    monkeypatch.setattr(Path, "lstat", lstat)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_what_is_missing_is_made_for_this_user_alone(outer: Path) -> None:
    inner = outer / "one" / "two"
    assert private_folder(inner) == private_folder(inner) == inner
    assert mode(inner) == mode(inner.parent) == 0o700


@pytest.mark.parametrize("writable", [0o775, 0o757, 0o777, 0o722])
def test_a_folder_to_which_others_write_is_none_on_the_way(writable: int, outer: Path) -> None:
    private_folder(outer / "one")
    outer.chmod(writable)
    with pytest.raises(PermissionError, match="outer' can be changed by other users"):
        private_folder(outer / "one")
    with pytest.raises(PermissionError, match="outer' can be changed by other users"):
        private_folder(outer / "missing")
    assert not (outer / "missing").exists()


def test_a_sticky_one_is_but_not_as_the_last(outer: Path) -> None:
    outer.chmod(0o1777)
    assert private_folder(outer / "one") == outer / "one"
    with pytest.raises(PermissionError, match="outer' is open to other users"):
        private_folder(outer)


@pytest.mark.parametrize("open_to", [0o755, 0o710, 0o701, 0o704])
def test_the_last_one_is_closed(open_to: int, outer: Path) -> None:
    private_folder(outer / "one").chmod(open_to)
    with pytest.raises(PermissionError, match="one' is open to other users"):
        private_folder(outer / "one")


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("theirs", ["", "one", "one/two", "one/two/three", "one/two/three/four"])
def test_all_on_the_way_and_in_the_folder_belongs_to_this_user(
    theirs: str, sticky: bool, outer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = private_folder(outer / "one" / "two")
    (inner / "three").mkdir()
    (inner / "three" / "four").touch()
    if sticky:
        outer.chmod(0o1777)
    give(outer / theirs, monkeypatch, owner=os.geteuid() + 1)
    with pytest.raises(PermissionError, match=r"belongs to another user|is open to other users"):
        private_folder(inner)


def test_what_belongs_to_root_is_safe_but_as_the_last(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.geteuid() or 1
    inner = private_folder(outer / "one" / "two")
    real = Path.lstat

    def lstat(self: Path) -> os.stat_result:
        values = list(real(self))
        values[4] = owners.get(self, 0)
        return os.stat_result(values)

    monkeypatch.setattr(os, "geteuid", lambda: me)
    monkeypatch.setattr(Path, "lstat", lstat)
    owners = {inner: me}
    assert private_folder(inner) == inner
    owners = {inner.parent: me}
    with pytest.raises(PermissionError, match="two' is open to other users"):
        private_folder(inner)


def test_a_link_is_followed(outer: Path) -> None:
    (outer / "real").mkdir(mode=0o755)
    (outer / "link").symlink_to("real")
    (outer / "far").symlink_to(outer / "real" / ".." / "link")
    assert private_folder(outer / "far" / "one") == outer / "real" / "one"
    assert private_folder(outer / "far" / ".." / "two") == outer / "two"


def test_both_the_way_to_a_link_and_the_way_on_are_looked_at(outer: Path) -> None:
    for name in ("here", "there"):
        (outer / name).mkdir(mode=0o755)
    private_folder(outer / "there" / "one")
    link = outer / "here" / "link"
    link.symlink_to(outer / "there" / "one")
    assert private_folder(link) == outer / "there" / "one"
    for name in ("here", "there"):
        (outer / name).chmod(0o777)
        with pytest.raises(PermissionError, match=f"{name}' can be changed by other users"):
            private_folder(link)
        (outer / name).chmod(0o755)


def test_a_link_of_another_user_is_not_followed(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sticky folder its owner can let it point elsewhere at any time."""
    outer.chmod(0o1777)
    private_folder(outer / "one")
    (outer / "link").symlink_to("one")
    give(outer / "link", monkeypatch, owner=os.geteuid() + 1)
    with pytest.raises(PermissionError, match="link' belongs to another user"):
        private_folder(outer / "link")


def test_links_in_a_circle_end(outer: Path) -> None:
    (outer / "one").symlink_to("two")
    (outer / "two").symlink_to("one")
    with pytest.raises(OSError, match="leads through too many symbolic links"):
        private_folder(outer / "one" / "three")


def test_a_file_is_no_folder(outer: Path) -> None:
    (outer / "one").touch(mode=0o600)
    for path in (outer / "one", outer / "one" / "two"):
        with pytest.raises(NotADirectoryError, match="one' is not a folder"):
            private_folder(path)


def test_a_file_that_another_process_renames_meanwhile_is_no_reason(
    outer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private_folder(outer / "one")
    monkeypatch.setattr(os, "walk", lambda top: [(str(top), [], ["gone"])])
    assert private_folder(outer / "one") == outer / "one"


def test_without_owners_a_folder_is_made_unseen(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "geteuid")
    outer.chmod(0o777)
    assert private_folder(outer / "one" / "two") == outer / "one" / "two"
    assert (outer / "one" / "two").is_dir()


# -- the user's cache --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "place"), [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")]
)
def test_the_cache_of_a_user_is_where_the_system_has_it(
    system: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which has no meaning
    assert user_cache() == tmp_path / place
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert user_cache() == tmp_path / "other"


def test_a_home_that_does_not_exist_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="missing' does not exist"):
        user_cache()

    def none() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(FileNotFoundError, match="the user has no home"):
        user_cache()
