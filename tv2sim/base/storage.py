"""Files and folders: tables in files, files written completely or not at all, folders closed to other users."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from tv2sim.base.checks import one_of
from tv2sim.base.errors import InputError, MissingExtraError, OutputError, need_pyarrow
from tv2sim.base.lazy_pandas import pd

try:
    import fcntl
except ImportError:  # on Windows abandoned drafts stay
    fcntl = None  # type: ignore[assignment]


Format: TypeAlias = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ROWS_AT_ONCE = 1 << 16


# -- tables ------------------------------------------------------------------------------------------------


def write_table(frame: pd.DataFrame, path: Path, format: Format) -> None:  # noqa: A002 (what users call it)
    """Write a table as CSV, JSON lines or Parquet; a missing value is an empty field or null.

    Raises
    ------
    InputError
        If the format is another one.
    MissingExtraError
        For Parquet without pyarrow.
    """
    one_of("format", format, FORMATS, error=InputError)
    if format == "csv":
        # before Python 3.13 a field with a carriage return is written without quotes, and read as two lines
        bare = any(frame[name].str.contains("\r", regex=False).any() for name in _FREE if name in frame)
        quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL
        frame.to_csv(path, index=False, lineterminator="\n", quoting=quoting)
    elif format == "jsonl":
        with path.open("wb") as stream:
            stream.writelines(msgspec.json.encode(record) + b"\n" for record in records(frame))
    else:
        need_pyarrow()
        frame.to_parquet(path, index=False)


def records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows as plain data, with None where a value is missing."""
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        part = frame.iloc[start : start + _ROWS_AT_ONCE].astype(object)
        yield from part.where(part.notna(), None).to_dict("records")  # type: ignore[misc]


def read_file(path: Path, at_most: int | None = None) -> bytes:
    """Return the bytes of a regular file; a pipe, which might never end, and a larger file are refused.

    Raises
    ------
    OSError
        If the file cannot be read, is no regular file, or has more than `at_most` bytes.
    """
    with open(path, "rb", opener=_open_at_once) as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if at_most is not None and found.st_size > at_most:
            raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, more than {at_most:,}", str(path))
        return stream.read(found.st_size)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for another process to write to it, as a pipe would."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_table(name: str, data: bytes, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return the named columns of a file that :func:`write_table` wrote, each as its pandas dtype.

    Raises
    ------
    InputError
        If the file does not hold such a table.
    """
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    try:
        columns = readers[Path(name).suffix](io.BytesIO(data), kinds)
        return pd.DataFrame({name: pd.array(columns[name], dtype=kind) for name, kind in kinds.items()})  # type: ignore[call-overload]
    except KeyError as error:
        raise InputError(f"{name!r} has no column {error}") from error
    except MissingExtraError:
        raise
    except Exception as error:  # pyarrow's errors have no base class of Python's
        raise InputError(f"{name!r} does not hold such a table: {error}") from error


def _read_csv(file: io.BytesIO, names: Collection[str]) -> dict[str, list[Any]]:
    """Read with the csv module, which keeps a title such as "NA", or one that contains a NUL, as it is."""
    limit = csv.field_size_limit(_LONGEST)
    try:
        header, *rows = csv.reader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
    finally:
        csv.field_size_limit(limit)
    columns = dict(zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True))
    return {name: _from_text(columns[name]) if name not in _TEXTS else list(columns[name]) for name in names}


_LONGEST = 2**31 - 1
"""The most characters in a field of a CSV file that is read; Python's default limit is 2**17."""

_FREE = ("id", "title", "provider")
_TEXTS = (*_FREE, "event", "outcome")


def _from_text(fields: Collection[str]) -> list[Any]:
    named = {"": None, "True": True, "False": False}
    return [named[field] if field in named else field if " " in field else float(field) for field in fields]


def _read_jsonl(file: io.BytesIO, names: Collection[str]) -> dict[str, list[Any]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    rows = [decode(line) for line in file]
    return {name: [row[name] for row in rows] for name in names}


def _read_parquet(file: io.BytesIO, names: Collection[str]) -> dict[str, list[Any]]:
    need_pyarrow()
    frame = pd.read_parquet(file).astype(object)
    return {name: frame[name].where(frame[name].notna(), None).tolist() for name in names}


# -- completely or not at all -----------------------------------------------------------------------------


def resolved(path: Path) -> Path:
    """Return the absolute path that is checked and written for `path`, without ``..`` and symbolic links.

    Invariant: a path is resolved once, before the first check. So ``missing/../thesis`` means `thesis`,
    whether or not `missing` exists later.
    """
    return Path(os.path.realpath(path))


# -- drafts ------------------------------------------------------------------------------------------------

_NEW, _OLD = "new", "old"
"""The names in the draft of a folder: the new folder, and for a short time the one that it replaces."""


@contextmanager
def draft_of(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a new hidden file or folder beside `target`; at the end it is deleted if it is still there.

    Invariant: a draft is locked as long as its process lives, so a draft without a lock is abandoned.
    """
    draft, lock = _locked_draft(target, folder=folder)
    try:
        yield draft
    finally:
        _remove_draft(draft)
        if lock is not None:
            os.close(lock)


def _locked_draft(target: Path, *, folder: bool) -> tuple[Path, int | None]:
    while True:
        draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tv2sim-draft")
        draft.mkdir(mode=0o700) if folder else draft.touch(exist_ok=False)
        lock = _lock(draft, wait=True)
        if os.path.lexists(draft):
            return draft, lock
        if lock is not None:  # another process took it for abandoned before it was locked
            os.close(lock)


_IS_DRAFT = re.compile(r"\..*\.[0-9a-f]{16}\.tv2sim-draft", re.DOTALL).fullmatch


def remove_abandoned(folder: Path) -> None:
    """Remove the drafts in a folder that killed processes of this user have left."""
    try:
        drafts = [path for path in folder.iterdir() if _IS_DRAFT(path.name)]
    except OSError:  # it cannot be listed; whether it can be written is another question
        return
    for draft in drafts:
        if (lock := _lock(draft, wait=False)) is not None:
            with suppress(OSError):
                _remove_draft(draft)
            os.close(lock)


def _remove_draft(draft: Path) -> None:
    """Remove a draft; a folder that an interrupted replacement has put aside in it stays."""
    if not draft.is_dir():
        draft.unlink(missing_ok=True)
        return
    if (draft / _NEW).exists():
        shutil.rmtree(draft / _NEW)
    if not (draft / _OLD).exists():
        draft.rmdir()


def _lock(path: Path, *, wait: bool) -> int | None:
    """Return an open file that locks a draft of this user; None if it cannot be locked."""
    if fcntl is None:
        return None
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # it is gone, or a symbolic link
        return None
    found = os.fstat(number)
    if found.st_uid == os.geteuid() and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        with suppress(OSError):  # another process has locked it, or the file system has no locks
            fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return number
    os.close(number)
    return None


@contextmanager
def whole_file(
    path: Path, *, force: bool = True, ours: Callable[[Path], bool] = lambda path: False
) -> Iterator[Path]:
    """Yield a path to write to; the file is moved to `path` at the end, or deleted if there is an exception.

    Parameters
    ----------
    path : Path
        Its final place.
    force : bool
        Whether an existing file is replaced; it keeps its mode.
    ours : callable
        Returns whether an existing file is an earlier result, which is replaced even without `force`.

    Raises
    ------
    OutputError
        If it cannot be written, or exists and must not be replaced. Both are checked first, and again
        before the file takes its place.
    """
    with _output_errors(path):
        target = resolved(path)
        _check_file(path, target, force, ours)
        remove_abandoned(target.parent)
        with draft_of(target) as draft:
            yield draft
            _check_file(path, target, force, ours)
            if target.exists():
                draft.chmod(stat.S_IMODE(target.stat().st_mode))
                draft.replace(target)
            else:
                _create(path, draft, target)


def _check_file(path: Path, target: Path, force: bool, ours: Callable[[Path], bool]) -> None:
    if target.is_dir():
        raise OutputError(f"{str(path)!r} is a folder, not a file: choose another name")
    if not target.parent.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r}")
    if target.exists() and not target.is_file():
        raise OutputError(f"{str(path)!r} is not a file that could be replaced: choose another name")
    if target.exists() and not (force or ours(target)):
        raise _exists(path)


def _create(path: Path, draft: Path, target: Path) -> None:
    """Give a draft its final name, unless a file of this name was created meanwhile."""
    try:
        try:
            target.hardlink_to(draft)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):  # the file system has no links: reserve the name, then replace
            target.touch(exist_ok=False)
            draft.replace(target)
    except FileExistsError:
        raise _exists(path) from None


@contextmanager
def whole_folder(path: Path, *, force: bool, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a folder to write to; it is moved to `path` at the end, or deleted if there is an exception.

    A hidden folder beside `path` holds the draft (`new`) and, for a short time, what was at `path` (`old`).

    Parameters
    ----------
    path : Path
        Its final place.
    force : bool
        Whether an earlier result is replaced.
    ours : callable
        Returns whether an existing folder is an earlier result; any other folder is never replaced.

    Raises
    ------
    OutputError
        If it cannot be written, or exists and must not be replaced. Both are checked first, and again
        before the folder takes its place.
    """
    with _output_errors(path):
        target = resolved(path)
        _check_folder(path, target, force, ours)
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target.parent)
        with draft_of(target, folder=True) as aside:
            draft = aside / _NEW
            draft.mkdir()
            yield draft
            _check_folder(path, target, force, ours)
            _take_place(path, draft, target, aside / _OLD, ours)


def _take_place(path: Path, draft: Path, target: Path, old: Path, ours: Callable[[Path], bool]) -> None:
    """Rename `draft` to `target`. An earlier result there is deleted; other files are put back.

    Invariant: until the draft is in its place, the earlier files exist, as `target` or as `old`.
    """
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    try:
        if mode is not None:
            target.rename(old)
        # `target` may have changed since it was checked; no other program uses the name `old`
        if mode is not None and any(old.iterdir()) and not ours(old):
            raise _other_files(path)
        draft.rename(target)  # onto a file, or a folder that is not empty, this fails
    except BaseException:
        if old.exists():
            if target.exists():
                raise OutputError(
                    f"{str(path)!r} was made by others meanwhile: what was there before is in {str(old)!r}"
                ) from None
            old.rename(target)
        raise
    if mode is not None:
        target.chmod(mode)
        shutil.rmtree(old)


def may_replace(path: Path, force: bool, ours: Callable[[Path], bool]) -> None:
    """Raise now, before the work is done, the OutputError that :func:`whole_folder` would raise later."""
    with _output_errors(path):
        _check_folder(path, resolved(path), force, ours)


def _check_folder(path: Path, target: Path, force: bool, ours: Callable[[Path], bool]) -> None:
    """Raise an OutputError unless there is no folder, an empty one, or with `force` an earlier result."""
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{str(path)!r} is a file: choose the name of a folder")
    if target.samefile(Path.cwd()):
        raise OutputError(f"{str(path)!r} is the folder you are in: choose the name of another")
    if not any(target.iterdir()):
        return
    if not ours(target):
        raise _other_files(path)
    if not force:
        raise _exists(path)


def _exists(path: Path) -> OutputError:
    return OutputError(f"{str(path)!r} exists: choose another, or --force (force=True) to replace it")


def _other_files(path: Path) -> OutputError:
    return OutputError(f"{str(path)!r} holds other files: choose a new or empty folder")


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Turn an error of the system, such as a full disk or a missing permission, into one sentence."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


# -- folders that no other user can change -----------------------------------------------------------------

_MOST_LINKS = 40
"""The most symbolic links on the way to a folder, as in Linux; more count as a circle."""


def user_cache() -> Path:
    """Return the cache folder of this user; it need not exist.

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
    """Return the real path of a folder that is closed to all other users; missing folders are made.

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
        If it cannot be made, or another user could have put a file into it.
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
    """Return a path without symbolic links, after a check of each folder and link on the way.

    Each folder is checked before a name in it is looked up, so nobody can replace a folder after its check.
    """
    here, ahead, links = Path(path.anchor), [*reversed(path.parts[1:])], 0
    _check_closed(here)
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
            _check_closed(there)
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


def _check_closed(path: Path) -> None:
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
