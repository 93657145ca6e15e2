"""Dataclasses as plain data: dictionaries that save them, TOML that people write, and its JSON schema.

Both forms follow from the fields of a dataclass and their types, so a new field needs no further code:

* :func:`to_dict` and :func:`from_dict` save all fields, with the name of the class. An object of a user's own
  class is saved under the kind "custom", without its code: it has to be passed again when a run is loaded.
* :func:`tables` and :func:`from_tables` hold only the fields that are not at their default, as people write
  them: None is the text "none", a dataclass in a field is a table of its own, and an object that has a method
  `to_text` is that text. :func:`to_toml` makes TOML of it, and :func:`schema` describes such files.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from math import inf, nan
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tv2sim.base.checks import shown
from tv2sim.base.errors import InputError

T = TypeVar("T")

KIND, CUSTOM = "kind", "custom"
"""The key of the name of a class, and the common name of the classes of users."""

NONE = "none"
"""The text for None in files, since TOML has no null."""

_SCHEMA = "$schema"
"""The key with which a JSON file names its schema, for editors."""


@cache
def _types(kind: type) -> dict[str, tuple[Any, ...]]:
    """Return the types of each field of a class: the members of a union, or a single type."""
    unknown: dict[str, Any] = {}
    while True:
        try:
            hints = get_type_hints(kind, localns=unknown)
            break
        except NameError as error:  # the name exists for type checkers alone
            unknown[str(error.name)] = Any
    unions = (Union, UnionType)
    return {name: get_args(hint) if get_origin(hint) in unions else (hint,) for name, hint in hints.items()}


# -- saved, with the name of the class ---------------------------------------------------------------------


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
    """Return whether a class comes with tv2sim, so that its name is enough to find it."""
    return kind.__module__.startswith("tv2sim.")


def _plain(value: Any) -> Any:
    """Return the value of a field as plain data; for a value of an unknown type, its repr."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "tolist"):  # numpy's
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if hasattr(value, "_asdict"):  # a named tuple
        return {KIND: type(value).__name__.lower(), **_plain(value._asdict())}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return to_dict(value) if dataclasses.is_dataclass(value) else repr(value)


def from_dict(data: Mapping[str, Any], *kinds: type) -> Any:
    """Return the object that :func:`to_dict` described; its class is one of `kinds`.

    Raises
    ------
    LookupError
        If the data describe an object of another class.
    TypeError
        If the data have a field that the class does not have, or lack one.
    """
    known: dict[Any, type] = {each.__name__.lower(): each for each in kinds}
    kind = known[data.get(KIND)]
    types = _types(kind)
    values = {
        name: _restored(value, types.get(name, ()), kinds) for name, value in data.items() if name != KIND
    }
    return kind(**values)


def _restored(value: Any, types: tuple[Any, ...], kinds: tuple[type, ...]) -> Any:
    """Return the value of a field; JSON has neither NaN, infinity nor tuples, only null and lists."""
    if isinstance(value, Mapping) and KIND in value:
        return from_dict(value, *kinds)
    if value is None and types == (float,):
        return nan
    if isinstance(value, list) and any(get_origin(each) is tuple and float in get_args(each) for each in types):
        return tuple(inf if each is None else each for each in value)
    return value


# -- read as people write it -------------------------------------------------------------------------------


def read_tables(path: Path, what: str, *, error: type[InputError] = InputError) -> dict[str, Any]:
    """Return the fields that a file holds: JSON if its name ends in .json, else TOML.

    Raises
    ------
    InputError
        If the file cannot be read, or has another format; the message names the file, after `what` it is.
    """
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    what = f"the {what} {str(path)!r}"
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except OSError as failed:
        raise error(f"cannot read {what}: {failed.strerror or failed}") from failed
    except (ValueError, RecursionError) as failed:
        raise error(f"{what} is not valid {kind}: {failed}") from failed
    if not isinstance(found, dict):
        raise error(f"{what} must hold fields by name, not {shown(found, 60)}")
    found.pop(_SCHEMA, None)
    return found


def from_tables(kind: type, given: Mapping[str, Any], folder: Path | None = None) -> Any:
    """Return an object of a dataclass, given its fields as people write them.

    Parameters
    ----------
    kind : type
        The dataclass.
    given : mapping
        The values of fields by name; all other fields have their default.
    folder : path, optional
        The folder to which the names of CSV files are relative.

    Raises
    ------
    InputError
        If a name is unknown, or a value impossible.
    """
    return kind(**_values(kind, None, given, folder))


def changed(one: T, given: Mapping[str, Any]) -> T:
    """Return a copy of a dataclass with some fields changed; a table changes the table that is there.

    >>> from tv2sim.world.scenario import Faults, Scenario
    >>> changed(Scenario(faults=Faults(startup=0.1)), {"faults": {"attempts": 2}}).faults.startup
    0.1
    """
    return dataclasses.replace(one, **_values(type(one), one, given, None))  # type: ignore[type-var]


def _values(kind: type, one: Any, given: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the values of fields as the class accepts them; `one` is the object to change, if there is one."""
    values = {}
    for name, value in given.items():
        types = _types(kind).get(name, ())
        table = next(filter(dataclasses.is_dataclass, types), None)
        if table is not None and isinstance(value, Mapping):
            values[name] = _of_table(table, getattr(one, name, None), name, value, folder)
        elif value == NONE and any(NOTHING in _forms(each) for each in types):
            values[name] = None
        elif folder is not None and isinstance(value, str) and value.lower().endswith(".csv"):
            values[name] = str(folder / value)
        else:
            values[name] = value
    return values


def _of_table(kind: Any, one: Any, name: str, given: Mapping[str, Any], folder: Path | None) -> Any:
    """Return the object of a table; if `one` is such an object, a copy of it with the changes."""
    is_there = isinstance(one, kind)
    needed = [each.name for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING]
    if missing := [each for each in needed if not is_there and each not in given]:
        raise kind._error(f"{name} must say {', '.join(missing)}, not only {shown(dict(given), 60)}")
    try:
        return changed(one, given) if is_there else from_tables(kind, given, folder)
    except InputError as error:
        raise type(error)(f"{name}: {error}") from error


# -- written as people write it ----------------------------------------------------------------------------


def tables(one: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not at their default, as people write them.

    >>> from tv2sim.world.scenario import Scenario
    >>> tables(Scenario(encoders=None, startup_time="gamma(4, 1)"))
    {'encoders': 'none', 'startup_time': 'gamma(4, 1)'}
    """
    values = ((field, getattr(one, field.name)) for field in dataclasses.fields(one))
    return {field.name: _written(value) for field, value in values if value != field.default}


def _written(value: Any) -> Any:
    """Return the value of a field as people write it."""
    if value is None:
        return NONE
    if hasattr(value, "to_text"):
        return value.to_text()
    if isinstance(value, tuple):
        return list(map(_written, value))
    return tables(value) if dataclasses.is_dataclass(value) else value


def to_toml(one: Any, *, title: str) -> str:
    """Return a dataclass as TOML, with the description of each field; a field at its default is a comment."""
    head = f'{title}. A field in a comment has its default; "{NONE}" stands for None.'
    return "\n".join([*_comment(head), *_lines(type(one), one, ())]) + "\n"


def _lines(kind: Any, one: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: its fields, then the tables in it; without an object, all are comments."""
    in_tables = []
    for field in dataclasses.fields(kind):
        value = getattr(one, field.name, field.default)
        if (table := _table_for(value, _types(kind)[field.name])) is not None:
            in_tables.append((field, table, value))
            continue
        text = "..." if value is dataclasses.MISSING else json.dumps(_written(value), ensure_ascii=False)
        is_default = one is None or value == field.default
        yield from ("", *_comment(field.metadata["help"]), f"{'# ' * is_default}{field.name} = {text}")
    for field, table, value in in_tables:
        head = ".".join((*path, field.name))
        is_default = not dataclasses.is_dataclass(value) or value == field.default
        yield from ("", *_comment(field.metadata["help"]), f"{'# ' * is_default}[{head}]")
        yield from _lines(table, None if is_default else value, (*path, field.name))


def _table_for(value: Any, types: tuple[Any, ...]) -> Any:
    """Return the dataclass of a field whose value is such an object, or can be nothing else but None."""
    table = next(filter(dataclasses.is_dataclass, types), None)
    return table if dataclasses.is_dataclass(value) or set(types) <= {table, NoneType} else None


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ")


# -- the schema --------------------------------------------------------------------------------------------

NUMBER, WHOLE, NOTHING = {"type": "number"}, {"type": "integer"}, {"enum": [NONE, None]}
"""The JSON schema of a number, of a whole number, and of None."""

_STEPS = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2},
    "minItems": 1,
}
_FORMS: dict[Any, list[dict[str, Any]]] = {
    int: [WHOLE], float: [NUMBER], NoneType: [NOTHING], tuple[tuple[float, float], ...]: [_STEPS],
}  # fmt: skip
"""The JSON schemas of the values that a field of a type accepts, unless the type has its own `forms`."""

_BOUNDS = {
    "at_least": "minimum", "above": "exclusiveMinimum", "at_most": "maximum", "below": "exclusiveMaximum",
}  # fmt: skip


def schema(kind: type, *, title: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of files that hold a dataclass, for editors and for the command line.

    `definitions` are the schemas to which the `forms` of types refer.
    """
    described = _schema_of(kind)
    described["properties"] = {_SCHEMA: {"type": "string"}, **described["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **described,
        "$defs": dict(definitions),
    }


def _schema_of(kind: Any) -> dict[str, Any]:
    properties, required = {}, []
    for field in dataclasses.fields(kind):
        properties[field.name] = described = {"description": field.metadata["help"]}
        if field.default is dataclasses.MISSING:
            required.append(field.name)
        else:
            described["default"] = _written(field.default)
        choices = _choices(_types(kind)[field.name], field.metadata["bounds"])
        described |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _choices(types: tuple[Any, ...], bounds: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas of what a field accepts, given its types and the bounds of its check."""
    if "known" in bounds:
        return [{"enum": list(bounds["known"])}]
    limits = {_BOUNDS[name]: value for name, value in bounds.items() if name in _BOUNDS}
    if not {"minimum", "exclusiveMinimum"} & set(limits):
        limits = {"minimum": 0, **limits}
    forms = [form | limits if form in (NUMBER, WHOLE) else form for each in types for form in _forms(each)]
    names = [{"enum": list(bounds["names"])}] if "names" in bounds else []
    return names + forms + [_schema_of(each) for each in types if dataclasses.is_dataclass(each)]


def _forms(kind: Any) -> list[dict[str, Any]]:
    """Return the schemas of what a field of a type accepts, except for the table of a dataclass."""
    if dataclasses.is_dataclass(kind):
        return []
    found: list[dict[str, Any]] = _FORMS[kind] if kind in _FORMS else getattr(kind, "forms", [])
    return found
