"""Compiling with numba: the options, and a cache on disk that no change of the source can make stale.

``fastmath`` and contraction stay off: a result that is fused or reassociated differs in its last bits, and the
kernel has to give those of the model.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock, Timer
from typing import Any, TypeVar

import llvmlite
import numba
from numba.core.event import Listener, register, unregister

from tv2sim.base.storage import private_folder, user_cache

__all__ = ["announced", "borrowing", "compiled", "inlined", "inner", "is_compiled", "spliced", "whereabouts"]

F = TypeVar("F", bound=Callable[..., Any])

_SOURCES = ("base/compiling.py", "engines/kernel/*.py", "strategies/coverage.py")
"""The files whose compiled functions call each other."""

_VERSIONS = 4
"""The number of versions (of sources and numba) whose functions stay on disk: the last ones in use."""

_OPTIONS = {"nogil": True, "error_model": "numpy"}
_COUNTING, _BORROWING = {"_nrt": True}, {"_nrt": False}
"""With and without counting references to arrays, which takes longer than most functions themselves."""


def compiled(function: F) -> F:
    """Compile a function when it is first called, without the GIL, and keep the result on disk."""
    return _cached_on_disk(function, **_COUNTING)  # also if one that only borrows arrays calls it


def borrowing(function: F) -> F:
    """Compile a function that makes no arrays, without counting references to the arrays in its arguments."""
    return _cached_on_disk(function, **_BORROWING)


def inner(function: F) -> F:
    """Do as :func:`borrowing` for a function that Python never calls; this takes less time to compile."""
    return _cached_on_disk(function, **_BORROWING, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def inlined(function: F) -> F:
    """Compile a function as :func:`borrowing` does, into the functions that call it."""
    answer: F = numba.njit(**_OPTIONS, **_BORROWING, forceinline=True)(function)
    return answer


def spliced(function: F) -> F:
    """Let a small function be part of those that call it before they are compiled, as if it stood there."""
    answer: F = numba.njit(**_OPTIONS, **_BORROWING, inline="always")(function)
    return answer


def _cached_on_disk(function: F, **options: bool) -> F:
    answer: F
    folder, _ = _place()
    if folder is not None:
        with _cache_folder(folder):
            answer = numba.njit(**_OPTIONS, **options, cache=True)(function)
        _save_if_possible(answer)
        chosen = getattr(answer, "stats", None)  # None where the user has switched numba's compiler off
        if chosen is None or Path(chosen.cache_path).is_relative_to(folder):
            return answer
    answer = numba.njit(**_OPTIONS, **options)(function)
    return answer


def _save_if_possible(function: Any) -> None:
    """Let a compiled function be used where it cannot be saved, as on a full disk: numba would raise."""
    kept: Any = getattr(function, "_cache", None)
    save = getattr(kept, "save_overload", None)
    if save is None:  # where the user has switched numba's compiler off
        return

    def save_overload(signature: Any, data: Any) -> None:
        try:
            save(signature, data)
        except OSError as error:
            _warn_not_kept(error.strerror or type(error).__name__)

    kept.save_overload = save_overload


@cache
def _warn_not_kept(why: str) -> None:
    """Say on standard error, once for each reason, that code is compiled again the next time."""
    sys.stderr.write(f"tv2sim: compiled code is not kept: {why}\n")


def is_compiled(function: Any) -> bool:
    """Return whether a function has been compiled for any arguments, in this process or on disk."""
    stats = getattr(function, "stats", None)  # None where the user has switched numba's compiler off
    if stats is None or function.signatures:
        return True
    if stats.cache_path is None:
        return False
    of = function.py_func
    name = f"{of.__module__.rpartition('.')[2]}.{of.__qualname__}-"
    return any(Path(stats.cache_path).glob(f"{name}*.nbi"))


@contextmanager
def _cache_folder(folder: Path) -> Iterator[None]:
    """Set the cache folder of numba for the functions that are declared in the block.

    numba reads its settings when a function is declared, and the user's own hold again after the block.
    """
    ours = {"CACHE_DIR": str(folder), "CACHE_LOCATOR_CLASSES": ""}
    before = {name: getattr(numba.config, name) for name in ours if hasattr(numba.config, name)}
    try:
        for name in before:
            setattr(numba.config, name, ours[name])
        yield
    finally:
        for name, value in before.items():
            setattr(numba.config, name, value)


@cache
def _stamp() -> str:
    """Return a hash of the inputs of compilation: all sources with compiled functions, and the compilers.

    numba looks at the file of the compiled function alone, and does not notice a changed function that it
    calls.
    """
    found = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in _sources():
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _sources() -> list[Path]:
    package = Path(__file__).parents[1]
    return sorted(path for pattern in _SOURCES for path in package.glob(pattern))


@cache
def _place() -> tuple[Path | None, list[str]]:
    """Return the folder for compiled functions, or None, and the reasons against the places before it.

    numba runs what it finds there, so no other user may be able to write to the folder, or to replace it.
    """
    places: list[Callable[[], Path]] = [
        lambda: Path(__file__).absolute().parents[1] / "__pycache__",
        lambda: user_cache() / "tv2sim",
    ]
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        places.insert(0, Path(given).absolute)
    refused = []
    for place in places:
        try:
            path = place() / f"compiled-{_stamp()}"
            is_new = not path.exists()
            folder = private_folder(path)
            TemporaryFile(dir=folder).close()
            os.utime(folder)  # it is in use
        except OSError as error:
            refused.append(f"{error.strerror}: {error.filename!r}" if error.strerror else str(error))
            continue
        if is_new:
            _remove_old(folder.parent)
        return folder, refused
    return None, refused


def _remove_old(place: Path) -> None:
    """Remove the folders of old versions, except for the last ones in use."""
    with suppress(OSError):
        ours = [path for path in place.iterdir() if re.fullmatch("compiled-[0-9a-f]{16}", path.name)]
        for path in sorted(ours, key=lambda path: path.stat().st_mtime)[:-_VERSIONS]:
            shutil.rmtree(path, ignore_errors=True)


def whereabouts() -> str:
    """Return a sentence with the folder of compiled functions, and the reasons against other places."""
    folder, refused = _place()
    why = "; ".join(dict.fromkeys(refused))
    if folder is None:
        return f"compiled code is not kept: {why} (NUMBA_CACHE_DIR names a folder of your own)"
    return f"compiled code is kept in {str(folder)!r}" + (f" ({why})" if why else "")


class _Announcer(Listener):  # type: ignore[misc]
    """Announcement on standard error of compilation that has taken a second in all, and of its end.

    Meanwhile Python does not look for garbage, which would take a tenth of the time.
    """

    def __init__(self) -> None:
        self._lock, self._users, self._timer = Lock(), 0, Timer(0, self._say)
        self._depth, self._spent, self._begun = 0, 0.0, 0.0
        self._said = self._collects = False

    def enter(self) -> None:
        """Listen; of several threads at a time, the first one begins."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._depth, self._spent, self._said = 0, 0.0, False
                register("numba:compile", self)

    def leave(self) -> None:
        """Listen no more when the last thread ends, and say how long it took if it was announced."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                unregister("numba:compile", self)
                if self._said:
                    sys.stderr.write(f"tv2sim: compiled in {self._spent:.0f} s\n")

    def on_start(self, event: Any) -> None:
        self._depth += 1
        if self._depth == 1:
            self._begun = time.perf_counter()
            self._timer = Timer(max(0.0, 1.0 - self._spent), self._say)
            self._timer.daemon = True
            self._timer.start()
            self._collects = gc.isenabled()
            gc.disable()

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            if self._collects:
                gc.enable()
            self._timer.cancel()
            self._spent += time.perf_counter() - self._begun

    def _say(self) -> None:
        if not self._said:
            self._said = True
            how = "this is done once" if _place()[0] is not None else whereabouts()
            sys.stderr.write(f"tv2sim: compiling ({how})\n")


@cache
def _announcer() -> _Announcer:
    """Return the one that all threads share, since numba tells each listener of all compilation."""
    return _Announcer()


@contextmanager
def announced() -> Iterator[None]:
    """Announce compilation on standard error if functions called in the block need it for long."""
    announcer = _announcer()
    announcer.enter()
    try:
        yield
    finally:
        announcer.leave()
