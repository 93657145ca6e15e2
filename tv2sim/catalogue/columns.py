"""What the fields of a video are made of where others wrote the file: columns, constants and differences.

A mapping is a text (``id=job_id,publishingTime=finished_at-started_at``), a dictionary, or a file (TOML or
JSON). Those that ship are in the folder ``mappings``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec

from tv2sim.catalogue.videos import NUMBERS, REQUIRED, Video
from tv2sim.errors import CatalogueError
from tv2sim.validation import shown

__all__ = [
    "EXPRESSIONS", "FIELDS", "STARTUP_TIME", "Column", "Columns", "Constant", "Difference", "Expression",
    "Given", "MappingFile", "as_columns", "column", "shipped",
]  # fmt: skip

STARTUP_TIME = "startup_time"
"""What a mapping may find besides the fields of a video: how long the worker took to start."""

FIELDS = {one.name: one.encode_name for one in msgspec.structs.fields(Video)} | {STARTUP_TIME: "startupTime"}
"""The fields that a mapping may have, by the name in Python, with the name in JSON."""


# -- expressions -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column, which may be nested: ``workflow_job.created_at``, ``conditions[type=Ready].time``, ``a[0]``."""

    text: str
    steps: tuple[str | int | tuple[tuple[str, str], ...], ...]

    def of(self, record: Any) -> Any:
        """Return its value in a record; None where it has none."""
        for step in self.steps:
            if isinstance(step, str):
                record = record.get(step) if isinstance(record, Mapping) else None
            elif isinstance(step, int):
                record = record[step] if isinstance(record, list) and step < len(record) else None
            else:
                record = _first(record, step)
        return record


def _first(records: Any, conditions: tuple[tuple[str, str], ...]) -> Any:
    """Return the first of a list of records that has all of these values."""
    for record in records if isinstance(records, list) else ():
        if isinstance(record, Mapping) and all(str(record.get(key)) == value for key, value in conditions):
            return record
    return None


@dataclass(frozen=True)
class Constant:
    """The same for all videos; a text that is no number has NaN as its number."""

    text: str
    number: float


@dataclass(frozen=True)
class Difference:
    """The seconds from one time to a later one."""

    later: Column | Constant
    earlier: Column | Constant

    @property
    def text(self) -> str:
        """What stands in a mapping for it."""
        return f"{self.later.text} - {self.earlier.text}"


Expression: TypeAlias = Column | Constant | Difference | None
"""None: the field is not given, also where a column has its name."""

_TERM = r"""(?:"[^"]+"|\[[^\]]+\]|[^\s,='"\[\]-])+"""
_EXPRESSION = re.compile(rf"({_TERM})(?:\s*-\s*({_TERM}))?")
_STEP = re.compile(r"""(?:^|\.)(?:"([^"]+)"|([^."\[\]]+))|\[([^\]]+)\]""")
EXPRESSIONS = {
    "a column": '`job_id`; in double quotes if its name has a blank or one of `-,=\'[]`: `"job-id"`',
    "a nested column": "`workflow_job.created_at`; `containers[0].name`; `conditions[type=Ready].time`, of the "
    "first in a list that has these values",
    "a difference": "`finished_at - started_at`, the seconds from one time to another",
    "a number": "`30`, for all videos",
    "a text": "`'GitLab'` in single quotes, for all videos",
    "nothing": "`none`: the field is not given, even if there is a column of its name",
}
"""What a field may be made of, and how it is written."""

_HOW = "a column, a difference as in finished - started, a number, a text in single quotes, or none"


def _expression(name: str, given: object) -> Expression:
    """Return what a field is made of."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise CatalogueError(f"{name} must be {_HOW}, not {shown(given, 60)}")
    text = str(given).strip()
    if text == "none":
        return None
    if re.fullmatch(r"'[^']*'", text):
        return Constant(text[1:-1], float("nan"))
    try:
        return Constant(text, float(text))
    except ValueError:
        pass
    if not (found := _EXPRESSION.fullmatch(text)):
        raise CatalogueError(f"{name} must be {_HOW}, not {text[:200]!r}")
    later, earlier = (_term(name, term) for term in found.groups())
    if later is None or earlier is None:
        return later
    return Difference(later, earlier)


def _term(name: str, text: str | None) -> Column | Constant | None:
    if text is None:
        return None
    try:
        return Constant(text, float(text))
    except ValueError:
        return column(name, text)


def column(name: str, text: str) -> Column:
    """Return the column that a text names; `name` is what wants it, for messages."""
    steps: list[str | int | tuple[tuple[str, str], ...]] = []
    end = 0
    while end < len(text) and (found := _STEP.match(text, end)):
        quoted, bare, selector = found.groups()
        steps.append(_selector(selector) if selector else quoted or bare)
        end = found.end()
    if end < len(text) or not isinstance(steps[0], str):
        raise CatalogueError(
            f"{name}: {text!r} is no column such as job.created_at or conditions[type=Ready].time"
        )
    return Column(text, tuple(steps))


def _selector(text: str) -> int | tuple[tuple[str, str], ...]:
    if text.isdecimal():
        return int(text)
    return tuple(
        (key.strip(), value.strip()) for key, _, value in (part.partition("=") for part in text.split(","))
    )


# -- mappings ----------------------------------------------------------------------------------------------


class MappingFile(msgspec.Struct, forbid_unknown_fields=True):
    """What a mapping file holds."""

    columns: Annotated[dict[str, Any], msgspec.Meta(description="what each field of a video is made of")]
    source: Annotated[str, msgspec.Meta(description="where the format is described")] = ""
    records: Annotated[
        str, msgspec.Meta(description="the column of a document that holds the list of records, as `items`")
    ] = ""
    only: Annotated[
        dict[str, str | list[str]],
        msgspec.Meta(description="values of columns: other records are left out, and this is said"),
    ] = {}


@dataclass(frozen=True)
class Columns:
    """A mapping.

    Attributes
    ----------
    fields : dict
        What fields are made of, by their name in Python; other fields are columns of their own name.
    records : Column or None
        The list of records in a document.
    only : dict
        The accepted values of columns.
    """

    fields: dict[str, Expression] = field(default_factory=dict)
    records: Column | None = None
    only: dict[Column, tuple[str, ...]] = field(default_factory=dict)

    @property
    def constants(self) -> dict[str, str]:
        """The texts of the constants, by the field's name in JSON."""
        return {FIELDS[name]: one.text for name, one in self.fields.items() if isinstance(one, Constant)}


Given: TypeAlias = "Columns | str | os.PathLike[str] | Mapping[str, str | float] | None"


def as_columns(given: Given) -> Columns:
    """Return the mapping that is meant; None is the one in which each field is the column of its name.

    Parameters
    ----------
    given : str, path, mapping or Columns
        A text has parts with commas between them: ``field=expression``, or the name of a mapping that ships
        or of a file. Later ones replace earlier ones.

    Raises
    ------
    CatalogueError
        If it is no mapping; the message quotes what is wrong.
    """
    if given is None:
        return Columns()
    if isinstance(given, Columns):
        return given
    if isinstance(given, os.PathLike):
        return _read(Path(given))
    if isinstance(given, Mapping):
        return Columns(_fields(given))
    if not isinstance(given, str):
        raise CatalogueError(f"columns are a text, a dictionary or a file, not {shown(given, 60)}")
    result = Columns()
    for part in re.findall(r"""(?:[^,'"\[]|'[^']*'|"[^"]*"|\[[^\]]*\]|['"\[])+""", given):
        name, is_field, text = part.strip().partition("=")
        if is_field and name.strip().isidentifier():
            result = replace(result, fields=result.fields | _fields({name.strip(): text}))
        else:
            base = _read(Path(part.strip()))
            result = replace(base, fields=result.fields | base.fields)
    return result


def shipped() -> dict[str, str]:
    """Return the text of each mapping that ships, by its name."""
    folder = files(__package__).joinpath("mappings")
    found = sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml"))
    return {name.removesuffix(".toml"): folder.joinpath(name).read_text(encoding="utf-8") for name in found}


def _read(path: Path) -> Columns:
    """Read a mapping file, or the one that ships with this name."""
    known = shipped()
    try:
        text = known[str(path)] if str(path) in known else path.read_text(encoding="utf-8")
        data = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
        file = msgspec.convert(data, MappingFile)
    except OSError as error:
        raise CatalogueError(
            f"cannot read the mapping {str(path)!r}: {error.strerror}; it is field=expression, a file, or "
            f"one of {', '.join(known)}"
        ) from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise CatalogueError(f"{str(path)!r} is no mapping file: {error}") from error
    return Columns(
        _fields(file.columns),
        column("records", file.records) if file.records else None,
        {
            column("only", name): (values,) if isinstance(values, str) else tuple(values)
            for name, values in file.only.items()
        },
    )


def _fields(given: Mapping[str, object]) -> dict[str, Expression]:
    """Return what the fields are made of, and check that it fits them."""
    names = {json: name for name, json in FIELDS.items()} | {name: name for name in FIELDS}
    fields: dict[str, Expression] = {}
    for key, value in given.items():
        if key not in names:
            near = get_close_matches(key, FIELDS.values(), 1)
            meant = f": did you mean {near[0]}?" if near else ""
            raise CatalogueError(f"a video has no field {key!r}; it has {', '.join(FIELDS.values())}{meant}")
        name = names[key]
        fields[name] = one = _expression(key, value)
        if one is None and name in REQUIRED and name != "encoding_time":
            raise CatalogueError(f"{key} cannot be none: every video has it")
        if name not in NUMBERS and name != STARTUP_TIME:
            if isinstance(one, Difference):
                raise CatalogueError(
                    f"{key} must be a column or a text in single quotes, not the difference {value!r} (a "
                    f"column with '-' in its name is in double quotes)"
                )
        elif isinstance(one, Constant):
            NUMBERS.get(name, NUMBERS["encoding_time"]).checked(
                key, one.text if one.number != one.number else one.number
            )
    return fields
