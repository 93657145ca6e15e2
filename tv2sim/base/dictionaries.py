"""Dataclasses to plain data and back, field by field, for saving, comparing and reporting them.

All fields of a dataclass are saved. An object of a user's own class is saved with its fields, under the kind
"custom". Its code is not saved, so the object has to be passed again when a run is loaded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from math import inf, nan
from typing import Any

__all__ = ["comes_along", "from_dict", "to_dict"]

KIND, CUSTOM = "kind", "custom"


def to_dict(one: Any, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """Return a dataclass as plain data, with the name of its class; some fields may be left out.

    >>> from tv2sim.world.distributions import Uniform
    >>> to_dict(Uniform(2, 6))
    {'kind': 'uniform', 'low': 2.0, 'high': 6.0}
    """
    kind = type(one)
    fields = dataclasses.fields(one) if dataclasses.is_dataclass(one) else ()
    values = {field.name: _plain(getattr(one, field.name)) for field in fields if field.name not in leave_out}
    if comes_along(kind):
        return {KIND: kind.__name__.lower(), **values}
    return {KIND: CUSTOM, "class": kind.__qualname__, "description": repr(one), **values}


def comes_along(kind: type) -> bool:
    """Return whether a class comes with tv2sim, so that its name says all about it."""
    return kind.__module__.startswith("tv2sim.")


def _plain(value: Any) -> Any:
    """Return a value of a field as plain data; for a value of an unknown type, its repr."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "tolist"):  # numpy's
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):  # a named tuple
        return {KIND: type(value).__name__.lower(), **_plain(value._asdict())}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return to_dict(value) if dataclasses.is_dataclass(value) else repr(value)


def from_dict(data: Mapping[str, Any], *kinds: type) -> Any:
    """Return the object that :func:`to_dict` described; its class is one of `kinds`.

    Raises
    ------
    LookupError
        If it describes an object of another class.
    TypeError
        If it has a field that the class does not have, or lacks one.
    """
    known: dict[Any, type] = {kind.__name__.lower(): kind for kind in kinds}
    values = {
        name: from_dict(value, *kinds) if isinstance(value, Mapping) and KIND in value else value
        for name, value in data.items()
        if name != KIND
    }
    kind = known[data.get(KIND)]
    for name, of in kind.__annotations__.items():
        written, value = str(_named(of)), values.get(name, 0)
        # JSON has neither NaN, infinity nor tuples: they are null and lists there
        if written == "float" and value is None:
            values[name] = nan
        elif written.startswith("tuple[float") and isinstance(value, list):
            values[name] = tuple(inf if one is None else one for one in value)
    return kind(**values)


def _named(annotation: Any) -> Any:
    """Return an annotation as it is written; named tuples wrap it."""
    return getattr(annotation, "__forward_arg__", annotation)
