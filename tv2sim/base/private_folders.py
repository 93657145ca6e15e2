"""Folders that no other user can change, for files that are trusted as much as the program itself."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["private_folder", "user_cache"]

_MOST_LINKS = 40
"""Symbolic links on the way to a folder, as Linux counts them; more are taken for a circle."""


def user_cache() -> Path:
    """Return the folder in which programs of this user keep what they can make anew; it need not exist.

    Raises
    ------
    OSError
        If the user has no home.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():  # the specification ignores any other
        return given
    try:
        home = Path.home()
    except RuntimeError:
        raise FileNotFoundError("the user has no home") from None
    if not home.is_dir():
        raise FileNotFoundError(f"the home {str(home)!r} does not exist")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    return home / ".cache"


def private_folder(path: Path) -> Path:
    """Return the real path of a folder that is closed to all other users; what is missing is made.

    Another user who can change a folder on the way can put another one in place of the next folder. So each
    folder and each symbolic link on the way belongs to the user or to root, and only they can write to these
    folders. A sticky folder, as the shared temporary one, may be writable: only the owner of a file can rename
    the file there. Windows has no such owners and modes, so nothing is checked there.

    Parameters
    ----------
    path : Path
        The folder, as an absolute path.

    Raises
    ------
    OSError
        If it cannot be made, or another user could have put something into it.
    """
    if not hasattr(os, "geteuid"):
        path.mkdir(parents=True, exist_ok=True)
        return path.resolve()
    folder = _followed(path)
    status = folder.lstat()
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise PermissionError(f"{str(folder)!r} is open to other users")
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):  # another process renames its drafts
                _check_owner(Path(above, name))
    return folder


def _followed(path: Path) -> Path:
    """Return a path without symbolic links, after a check of all that is on the way.

    Each name is checked before the next one is looked up, so nobody can change what is checked already.
    """
    here, ahead, links = Path(path.anchor), [*reversed(path.parts[1:])], 0
    _check_folder(here)
    while ahead:
        name = ahead.pop()
        if name == os.pardir:
            here = here.parent
            continue
        there = here / name
        if not os.path.lexists(there):
            with suppress(FileExistsError):  # another process was faster
                there.mkdir(mode=0o700)
        if not there.is_symlink():
            _check_folder(there)
            here = there
            continue
        _check_owner(there)
        if (links := links + 1) > _MOST_LINKS:
            raise OSError(f"{str(path)!r} leads through too many symbolic links")
        target = there.readlink()
        if target.is_absolute():
            here = Path(target.anchor)
        ahead += reversed(target.relative_to(target.anchor).parts)
    return here


def _check_folder(path: Path) -> None:
    mode = _check_owner(path).st_mode
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(f"{str(path)!r} is not a folder")
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        raise PermissionError(f"{str(path)!r} can be changed by other users")


def _check_owner(path: Path) -> os.stat_result:
    status = path.lstat()
    if status.st_uid not in (0, os.geteuid()):
        raise PermissionError(f"{str(path)!r} belongs to another user")
    return status
