"""Dataclasses as people write them: TOML and JSON, and the JSON schema of such files, all made from the fields.

A field is written as its class accepts it, with three additions: None is the text "none", a dataclass in a
field is a table of its own, and the name of a CSV file is relative to the file that has it.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import textwrap
import tomllib
from collections import ChainMap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tv2sim.base.checks import shown
from tv2sim.base.errors import InputError, ScenarioError
from tv2sim.world.distributions import NOTATIONS, Distribution, Empirical

__all__ = ["NONE", "changed", "commented", "from_tables", "read_tables", "schema", "tables"]

T = TypeVar("T")

NONE = "none"
"""What stands for None, which TOML does not have."""

_SCHEMA = "$schema"
"""The key with which a JSON file names its schema, for editors."""


# -- from files --------------------------------------------------------------------------------------------


def read_tables(path: Path) -> dict[str, Any]:
    """Return what a file holds: JSON if its name ends in .json, else TOML.

    Raises
    ------
    ScenarioError
        If it cannot be read, or is not such a file; the message names it.
    """
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except OSError as error:
        raise ScenarioError(f"cannot read the scenario {str(path)!r}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"the scenario {str(path)!r} is not valid {kind}: {error}") from error
    if not isinstance(found, dict):
        raise ScenarioError(f"the scenario {str(path)!r} must hold fields by name, not {shown(found, 60)}")
    found.pop(_SCHEMA, None)
    return found


def from_tables(kind: type, given: Mapping[str, Any], folder: Path | None = None) -> Any:
    """Return an object of a dataclass from its fields as they are written.

    Parameters
    ----------
    kind : type
        The dataclass.
    given : mapping
        The values of fields by name; the others have their default.
    folder : path, optional
        What the names of CSV files are relative to.

    Raises
    ------
    InputError
        If a name is unknown, or a value impossible.
    """
    return kind(**_read(kind, None, given, folder))


def changed(one: T, given: Mapping[str, Any]) -> T:
    """Return a copy of a dataclass with these fields as they are written; a table changes the table there is.

    >>> from tv2sim.world.faults import Faults
    >>> from tv2sim.world.scenario import Scenario
    >>> changed(Scenario(faults=Faults(startup=0.1)), {"faults": {"attempts": 2}}).faults.startup
    0.1
    """
    kind: Any = type(one)
    return dataclasses.replace(one, **_read(kind, one, given, None))  # type: ignore[type-var]


def _read(kind: type, one: Any, given: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return the values of fields that are written, as the class accepts them."""
    forms = {field.name: _Form.of(kind, field) for field in dataclasses.fields(kind)}
    values = {}
    for name, value in given.items():
        form = forms.get(name, _Form())
        if form.table is not None and isinstance(value, Mapping):
            values[name] = _table(form.table, getattr(one, name, None), name, value, folder)
        elif form.optional and value == NONE:
            values[name] = None
        elif folder is not None and isinstance(value, str) and value.lower().endswith(".csv"):
            values[name] = str(folder / value)
        else:
            values[name] = value
    return values


def _table(kind: type, one: Any, name: str, given: Mapping[str, Any], folder: Path | None) -> Any:
    """Return the object of a table, or the one that there is with changes."""
    one = one if isinstance(one, kind) else None
    needed = [each.name for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING]
    if missing := [each for each in needed if one is None and each not in given]:
        raise ScenarioError(f"{name} must say {', '.join(missing)}, not only {shown(dict(given), 60)}")
    try:
        return from_tables(kind, given, folder) if one is None else changed(one, given)
    except InputError as error:
        raise type(error)(f"{name}: {error}") from error


# -- to files ----------------------------------------------------------------------------------------------


def tables(one: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not at their default, as they are written.

    >>> from tv2sim.world.scenario import Scenario
    >>> tables(Scenario(encoders=None, startup_time="gamma(4, 1)"))
    {'encoders': 'none', 'startup_time': 'gamma(4, 1)'}
    """
    fields = dataclasses.fields(one)
    return {
        field.name: _as_written(value)
        for field in fields
        if (value := getattr(one, field.name)) != field.default
    }


def _as_written(value: Any) -> Any:
    if value is None:
        return NONE
    if isinstance(value, Empirical):  # its text only says how many samples there are
        return f"empirical({', '.join(map(repr, value.samples))})"
    if isinstance(value, Distribution):
        if type(value).__module__ != Distribution.__module__:
            raise ScenarioError(f"a distribution of your own class cannot be written to a file: {shown(value)}")
        return str(value)
    if isinstance(value, tuple):
        return [_as_written(part) for part in value]
    return tables(value) if dataclasses.is_dataclass(value) else value


def commented(one: Any, *, title: str) -> str:
    """Return a dataclass as TOML, with the description of each field; those at their default are comments."""
    head = f'{title}. A field in a comment has its default; "{NONE}" stands for None.'
    return "\n".join([*_comment(head), *_lines(type(one), one, ())]) + "\n"


def _lines(kind: type, one: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of the table of `one`; if that is None, they are comments that describe its fields."""
    forms = [(field, _Form.of(kind, field)) for field in dataclasses.fields(kind)]
    nested = []
    for field, form in forms:
        value = getattr(one, field.name, field.default)
        if form.table is not None and (dataclasses.is_dataclass(value) or form.only_a_table):
            nested.append((field, form.table, value if dataclasses.is_dataclass(value) else None))
            continue
        yield from ("", *_comment(field.metadata["help"]))
        yield from _assigned(field.name, value, one is not None and value != field.default)
    for field, table, value in nested:
        head = ".".join((*path, field.name))
        usual = value is None or value == field.default
        yield from ("", *_comment(field.metadata["help"]), f"{'# ' * usual}[{head}]")
        yield from _lines(table, None if usual else value, (*path, field.name))


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="# ", subsequent_indent="# ")


def _assigned(name: str, value: Any, active: bool) -> Iterator[str]:
    text = "..." if value is dataclasses.MISSING else _toml(_as_written(value))
    yield f"{'' if active else '# '}{name} = {text}"


def _toml(value: Any) -> str:
    """Return a value of TOML; JSON writes texts, numbers and lists in the same way."""
    return json.dumps(value, ensure_ascii=False)


# -- the schema --------------------------------------------------------------------------------------------


def schema(kind: type, *, title: str) -> dict[str, Any]:
    """Return the JSON schema of files that hold a dataclass, for editors and for the command line."""
    described = _schema_of(kind)
    described["properties"] = {_SCHEMA: {"type": "string"}, **described["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **described,
        "$defs": _DEFS,
    }


def _schema_of(kind: type) -> dict[str, Any]:
    properties, required = {}, []
    for field in dataclasses.fields(kind):
        properties[field.name] = described = {"description": field.metadata["help"]}
        if field.default is dataclasses.MISSING:
            required.append(field.name)
        else:
            described["default"] = _as_written(field.default)
        choices = _Form.of(kind, field).choices()
        described |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


_DEFS = {
    "distribution": {
        "type": "string",
        "description": f"seconds, or one of {', '.join(NOTATIONS[1:])}, or a .csv file of measured times",
    }
}

_NUMBER, _WHOLE, _NOTHING = {"type": "number"}, {"type": "integer"}, {"enum": [NONE, None]}
_TIME = [_NUMBER, {"$ref": "#/$defs/distribution"}]
_SPEEDS = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1}
_STEPS = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2},
    "minItems": 1,
}
_FORMS: dict[str, list[dict[str, Any]]] = {
    "int": [_WHOLE],
    "float": [_NUMBER],
    "None": [_NOTHING],
    "AsTime": _TIME,
    "AsDistribution": _TIME,
    "AsTimeOrNone": [*_TIME, _NOTHING],
    "AsEncoders": [_WHOLE, _SPEEDS, _NOTHING],
    "tuple[tuple[float, float], ...]": [_STEPS],
}
"""The forms of values by the annotation of the field."""

_BOUNDS = {
    "at_least": "minimum", "above": "exclusiveMinimum", "at_most": "maximum", "below": "exclusiveMaximum",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Form:
    """How a field can be written: the parts of its annotation, and the limits of its numbers."""

    parts: tuple[str, ...] = ()
    table: type | None = None
    bounds: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, kind: type, field: dataclasses.Field[Any]) -> _Form:
        names = re.split(r" \| ", str(field.type))
        known = ChainMap(*(vars(sys.modules[base.__module__]) for base in kind.__mro__))
        tables = [known[name] for name in names if dataclasses.is_dataclass(known.get(name))]
        parts = tuple(name for name in names if not dataclasses.is_dataclass(known.get(name)))
        return cls(parts, tables[0] if tables else None, field.metadata["bounds"])

    @property
    def optional(self) -> bool:
        """Whether the field may be None."""
        return any(_NOTHING in _FORMS.get(part, ()) for part in self.parts)

    @property
    def only_a_table(self) -> bool:
        """Whether it has no other form, except for None."""
        return set(self.parts) <= {"None"}

    def choices(self) -> list[dict[str, Any]]:
        """Return what the schema accepts."""
        if "known" in self.bounds:
            return [{"enum": list(self.bounds["known"])}]
        found = [self._limited(form) for part in self.parts for form in _FORMS[part]]
        names = [{"enum": list(self.bounds["names"])}] if "names" in self.bounds else []
        return names + found + ([] if self.table is None else [_schema_of(self.table)])

    def _limited(self, form: dict[str, Any]) -> dict[str, Any]:
        if form not in (_NUMBER, _WHOLE):
            return form
        limits = {_BOUNDS[name]: value for name, value in self.bounds.items()}
        return form | ({} if {"minimum", "exclusiveMinimum"} & set(limits) else {"minimum": 0}) | limits
