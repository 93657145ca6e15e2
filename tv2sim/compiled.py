"""Compiling with numba: the options, and a cache on disk that no change of the source can make stale.

``fastmath`` and contraction stay off: a result that is fused or reassociated differs in its last bits, and the
kernel has to give those of the model.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from threading import Timer
from typing import Any, TypeVar

import llvmlite
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.event import Listener, install_listener

__all__ = ["announced", "borrowing", "compiled", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])

_SOURCES = ("compiled.py", "kernel/*.py", "strategies/coverage.py")
"""Where functions are compiled that may call each other."""

_OPTIONS = {"nogil": True, "error_model": "numpy"}
_COUNTING, _BORROWING = {"_nrt": True}, {"_nrt": False}
"""With and without counts of the references to arrays, which take longer than what most functions do."""


def compiled(function: F) -> F:
    """Compile a function when it is first called, without the GIL, and keep the result on disk."""
    return _kept(function, **_COUNTING)  # also if one that only borrows arrays calls it


def borrowing(function: F) -> F:
    """Compile a function that makes no arrays, and does not count references to those that it is given."""
    return _kept(function, **_BORROWING)


def inlined(function: F) -> F:
    """Compile such a function into those that call it."""
    answer: F = numba.njit(**_OPTIONS, **_BORROWING, forceinline=True)(function)
    return answer


def _kept(function: F, **options: bool) -> F:
    dispatcher: Any = numba.njit(**_OPTIONS, **options)(function)
    if _folder() is not None:
        dispatcher._cache = _Cache(function)
    answer: F = dispatcher
    return answer


@cache
def _stamp() -> str:
    """Return what the results of compilation depend on: all sources with such functions, and the compilers.

    numba looks at the file of the compiled function alone, and does not notice a change in one that it calls.
    """
    found = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in sorted(path for pattern in _SOURCES for path in Path(__file__).parent.glob(pattern)):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


@cache
def _folder() -> Path | None:
    """Return the first place that can be written to: beside the source, in the user's cache, or temporary."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    places = [Path(__file__).parent / "__pycache__", user / "tv2sim"]
    places += [Path(gettempdir()) / f"tv2sim-{os.getuid()}"] if hasattr(os, "getuid") else []
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        places.insert(0, Path(given))
    for place in places:
        folder = place / f"compiled-{_stamp()}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = folder / f".{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError:
            continue
        if not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid():
            return folder
    return None


class _Locator(_CacheLocator):  # type: ignore[misc]
    """Tells numba where compiled functions are kept, and what they depend on."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        self._name = py_func.__qualname__

    def get_cache_path(self) -> str:
        return str(_folder())

    def get_source_stamp(self) -> str:
        return _stamp()

    def get_disambiguator(self) -> str:
        return str(self._name)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator:
        return cls(py_func, py_file)


class _Impl(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)


class _Cache(FunctionCache):  # type: ignore[misc]
    _impl_class = _Impl


class _Teller(Listener):  # type: ignore[misc]
    """Says on standard error, once, that functions are compiled, when that has taken a second in all."""

    def __init__(self) -> None:
        self._depth, self._spent, self._begun = 0, 0.0, 0.0
        self._timer = Timer(0, self._say)

    def on_start(self, event: Any) -> None:
        self._depth += 1
        if self._depth == 1:
            self._begun = time.perf_counter()
            self._timer = Timer(max(0.0, 1.0 - self._spent), self._say)
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._timer.cancel()
            self._spent += time.perf_counter() - self._begun

    def _say(self) -> None:
        _say_once()


@cache
def _say_once() -> None:
    kept = "this is done once" if _folder() is not None else "the result cannot be kept"
    sys.stderr.write(f"tv2sim: compiling ({kept})\n")


@contextmanager
def announced() -> Iterator[None]:
    """Say so if functions that are called in the block have to be compiled, and that takes long."""
    with install_listener("numba:compile", _Teller()):
        yield
