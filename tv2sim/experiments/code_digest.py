"""A text for a value and for its code, which is another one whenever they may behave otherwise.

It is the key under which results are kept, also those of strategies and distributions of a user's own class.
"""

from __future__ import annotations

import dis
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

__all__ = ["Description", "IndescribableError"]


class IndescribableError(Exception):
    """Something that cannot be told from what it may become later; the message names it."""


class Description:
    """The text; values are added to it, each with all that it consists of.

    The code of functions and classes is described as it was compiled, with the global variables and the other
    functions that it uses. Source text would not do: a file may have changed since it was imported. What comes
    with Python, NumPy, SciPy and tv2sim is described by its name alone.

    Attributes
    ----------
    own : bool
        Whether there is code that does not come with these.

    Examples
    --------
    >>> import tv2sim as tv
    >>> one, other = Description(), Description()
    >>> one.add(tv.Scenario(encoders=5))
    >>> other.add(tv.Scenario(encoders=6))
    >>> str(one) == str(other), one.own
    (False, False)
    """

    def __init__(self) -> None:
        self.own = False
        self._texts: list[str] = []
        self._seen: dict[int, tuple[int, object]] = {}  # by id; held, so that nothing else gets its id

    def __str__(self) -> str:
        return "".join(f"{len(text)}:{text}" for text in self._texts)

    def add(self, value: Any) -> None:
        """Add a value.

        Raises
        ------
        IndescribableError
            If it, or a part of it, has no such text.
        """
        kind = type(value)
        if value is None or value is ... or kind in (bool, int, float, complex, str, bytes):
            self._texts.append(f"{kind.__name__} {value!r}")
        elif id(value) in self._seen:
            self._texts.append(f"again {self._seen[id(value)][0]}")
        elif _comes_along(value):
            self._texts.append(f"{_module(value)} {_name(value)}")
        else:
            if kind not in (tuple, frozenset, CodeType):  # equal ones of these may be one or several
                self._seen[id(value)] = len(self._seen), value
            try:
                parts = list(self._parts(value))
                self._texts.append(f"{kind.__qualname__} of {len(parts)}")
                for part in parts:
                    self.add(part)
            except IndescribableError:
                raise
            except Exception as error:  # of a user's object, which may raise anything
                raise IndescribableError(f"{_module(value)}.{_name(value)}") from error

    def _parts(self, value: Any) -> Iterable[object]:
        if type(value) in (tuple, list):
            return tuple(value)
        if type(value) in (set, frozenset):
            return sorted(value, key=repr)
        if type(value) is dict:
            return (part for name in sorted(value, key=repr) for part in (name, value[name]))
        if isinstance(value, CodeType):
            self.own = True
            call = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
            return (value.co_code, value.co_exceptiontable, value.co_names, value.co_consts, call)
        if isinstance(value, FunctionType):
            used = dict(_used(value.__code__, value.__globals__))
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            return (value.__code__, value.__defaults__, value.__kwdefaults__, cells, used)
        if isinstance(value, type):
            own = {name: part for name, part in vars(value).items() if name not in _MACHINERY}
            return (value.__qualname__, type(value), value.__bases__, own)
        if isinstance(value, property):
            return (value.fget,)
        if isinstance(value, classmethod | staticmethod):
            return (value.__func__,)
        reduced = value.__reduce_ex__(2)  # what pickle writes of it
        if isinstance(reduced, str):
            raise TypeError("it is known by its name alone")
        return [list(part) if isinstance(part, Iterator) else part for part in reduced]


_MACHINERY = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__static_attributes__", "__firstlineno__", "__parameters__", "__orig_bases__",
    "__dataclass_fields__", "__dataclass_params__", "_abc_impl",
}  # fmt: skip
"""What Python adds to a class, and what does not decide how it works."""


def _used(code: CodeType, known: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the global variables and the modules that a function uses, and those inside it."""
    for one in dis.get_instructions(code):
        if one.opname == "IMPORT_NAME":
            yield str(one.argval), import_module(one.argval)
        elif one.opname in _LOADS and one.argval in known:
            yield str(one.argval), known[one.argval]
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _used(inner, known)


_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
"""The instructions that may load a global variable."""


def _comes_along(value: Any) -> bool:
    """Return whether it is a module, a class or a function of Python, NumPy, SciPy or tv2sim."""
    if not isinstance(value, type | FunctionType | BuiltinFunctionType | ModuleType | _OF_NUMPY):
        return False
    package = _module(value).partition(".")[0]
    if package in ("tv2sim", "numpy", "scipy"):
        return True
    # a user's file may have the name of a module of Python
    file = getattr(sys.modules.get(package), "__file__", None) or os.__file__
    return package in sys.stdlib_module_names and Path(file).is_relative_to(Path(os.__file__).parent)


_OF_NUMPY = np.ufunc | type(np.where)


def _module(value: Any) -> str:
    """Return the name of the module in which something is, or of its class."""
    named = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return str(named or type(value).__module__)


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", None) or getattr(value, "__name__", type(value).__qualname__))
