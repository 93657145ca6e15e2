"""Compiling with numba: the options, and a cache on disk that no change of the source can make stale.

``fastmath`` and contraction stay off: a result that is fused or reassociated differs in its last bits, and the
kernel has to give those of the model.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Any, TypeVar

import llvmlite
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

__all__ = ["compiled", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function when it is first called, without the GIL, and keep the result on disk."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if _folder() is not None:
        dispatcher._cache = _Cache(function)
    answer: F = dispatcher
    return answer


def inlined(function: F) -> F:
    """Compile a function into those that call it."""
    answer: F = numba.njit(nogil=True, error_model="numpy", inline="always")(function)
    return answer


@cache
def _stamp() -> str:
    """Return what the results of compilation depend on: all sources of the kernel, and the compilers.

    numba looks at the file of the compiled function alone, and does not notice a change in one that it calls.
    """
    found = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
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
        folder = place / f"kernel-{_stamp()}"
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
