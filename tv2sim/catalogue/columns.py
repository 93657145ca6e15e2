"""Mappings: how the fields of a video follow from a log's columns, constants, sums and differences.

A mapping is a text (``id=job_id,publishingTime=finished_at-started_at``), a dictionary, or a file (TOML or
JSON). Those that ship are in the folder ``mappings``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from importlib.resources import files
from math import isnan
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from tv2sim.base.checks import did_you_mean, shown
from tv2sim.base.errors import CatalogueError
from tv2sim.catalogue.videos import NUMBERS, REQUIRED, Number, Video

STARTUP_TIME = "startup_time"
"""The name of a further field of a mapping: how long the worker took to start."""

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
    """A value that is the same for all videos. Numbers are parsed; the number of other texts is NaN."""

    text: str
    number: float


Term: TypeAlias = Column | Constant


@dataclass(frozen=True)
class Sum:
    """A term plus another, or minus it (`sign` is -1).

    A time of day plus or minus seconds is a time of day. The difference of two of them is a number of seconds.
    """

    first: Term
    second: Term
    sign: int = -1

    @property
    def text(self) -> str:
        """The text of the expression in a mapping."""
        return f"{self.first.text} {'-' if self.sign < 0 else '+'} {self.second.text}"


@dataclass(frozen=True)
class Choice:
    """Several expressions: the first that has a value counts."""

    choices: tuple[Term | Sum, ...]

    @property
    def text(self) -> str:
        """The text of the expression in a mapping."""
        return " or ".join(one.text for one in self.choices)


Expression: TypeAlias = Term | Sum | Choice | None
"""None: the field is not given, also where a column has its name."""

_TERM = r"""(?:"[^"]+"|\[[^\]]+\]|[^\s,='"\[\]+-])+"""
_EXPRESSION = re.compile(rf"({_TERM})(?:\s*([+-])\s*({_TERM}))?")
_CHOICE = re.compile(r"""(?:^|\s+or\s+)((?:"[^"]*"|'[^']*'|\[[^\]]*\]|(?!\s+or\s).)*)""", re.DOTALL)
_STEP = re.compile(r"""(?:^|\.)(?:"([^"]+)"|([^."\[\]]+))|\[([^\]]+)\]""")
EXPRESSIONS = {
    "a column": '`job_id`; in double quotes if its name has a blank or one of `-+,=\'[]`: `"job-id"`',
    "a nested column": "`workflow_job.created_at`; `containers[0].name`; `conditions[type=Ready].time`, of the "
    "first in a list that has these values",
    "a difference": "`finished_at - started_at`, the seconds from one time to another",
    "a time of day plus or minus seconds": "`started_at - queued_duration`, `submitted + delay`",
    "the first that has a value": "`started_at - queued_duration or created_at`",
    "a number": "`30`, for all videos",
    "a text": "`'GitLab'` in single quotes, for all videos",
    "nothing": "`none`: the field is not given, even if there is a column of its name",
}
"""The kinds of expressions of a field, with examples."""

_HOW = (
    "a column, a sum or difference as in started - waited, several of them with or between them, a number, a "
    "text in single quotes, or none"
)


def _expression(name: str, given: object) -> Expression:
    """Return the expression of a field."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise CatalogueError(f"{name} must be {_HOW}, not {shown(given, 60)}")
    text = str(given).strip()
    if text == "none":
        return None
    choices = [_one(name, part, text) for part in _CHOICE.findall(text)]
    return choices[0] if len(choices) == 1 else Choice(tuple(choices))


def _one(name: str, part: str, whole: str) -> Term | Sum:
    """Return an expression without a choice; `whole` is the text of the whole expression, for messages."""
    if re.fullmatch(r"'[^']*'", part):
        return Constant(part[1:-1], float("nan"))
    if constant := _constant(part):
        return constant
    if not (found := _EXPRESSION.fullmatch(part)):
        raise CatalogueError(f"{name} must be {_HOW}, not {whole[:200]!r}")
    first, sign, second = found.groups()
    one = _term(name, first)
    return Sum(one, _term(name, second), -1 if sign == "-" else 1) if sign else one


def _term(name: str, text: str) -> Term:
    return _constant(text) or column(name, text)


def _constant(text: str) -> Constant | None:
    """Return the number that a text spells, as a constant; None for any other text."""
    with suppress(ValueError):
        return Constant(text, float(text))
    return None


def column(name: str, text: str) -> Column:
    """Return the column that a text names; `name` is the name of the field, for messages."""
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


_Values: TypeAlias = str | int | bool | list[str | int | bool]
_Conditions: TypeAlias = dict[str, _Values]


class RuleFile(msgspec.Struct, forbid_unknown_fields=True):
    """A rule in a mapping file, on some records."""

    reason: str
    where: _Conditions | list[_Conditions]
    unless: _Conditions = {}


class MappingFile(msgspec.Struct, forbid_unknown_fields=True):
    """The contents of a mapping file."""

    columns: Annotated[dict[str, Any], msgspec.Meta(description="what each field of a video is made of")]
    source: Annotated[str, msgspec.Meta(description="where the format is described")] = ""
    records: Annotated[
        str, msgspec.Meta(description="the column of a document that holds the list of records, as `items`")
    ] = ""
    timezone: Annotated[
        str, msgspec.Meta(description="the time zone of the catalogue, as `Europe/Copenhagen`")
    ] = ""
    only: Annotated[
        _Conditions, msgspec.Meta(description="values of columns: records without them are left out")
    ] = {}
    left_out: Annotated[
        dict[str, RuleFile],
        msgspec.Meta(
            description="records that are left out, by a name of your choice: a `reason`, the values of "
            "columns that they have (`where`; a list of several: any of these), and those that they have not "
            "(`unless`)"
        ),
    ] = {}
    kept: Annotated[
        dict[str, RuleFile],
        msgspec.Meta(description="records that are counted and reported, likewise, and not left out"),
    ] = {}
    instead: Annotated[
        dict[str, str],
        msgspec.Meta(description="by field: what it means that the first of its choices has no value"),
    ] = {}


@dataclass(frozen=True)
class Accepted:
    """Accepted values of a column; ``*`` stands for any letters, and an empty text for a missing value.

    Invariant: the ``repr()`` holds the values, since it identifies an import that is tried again.
    """

    texts: tuple[str, ...]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        several = (".*".join(map(re.escape, text.split("*"))) for text in self.texts if text)
        return re.compile("|".join(several) or r"(?!)", re.DOTALL)

    def __contains__(self, value: object) -> bool:
        """Return whether a value, or an element of a list, is accepted."""
        if isinstance(value, list):
            return any(one in self for one in value) if value else "" in self.texts
        if value is None or value != value:
            return "" in self.texts
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        texts = {str(value), str(value).lower()} if isinstance(value, bool) else {str(value)}
        return any(self._pattern.fullmatch(text) or text in self.texts for text in texts)

    def __str__(self) -> str:
        return " or ".join(text or "missing" for text in self.texts)


Conditions: TypeAlias = dict[Column, Accepted]


@dataclass(frozen=True)
class Rule:
    """A statement on some records of a log.

    Attributes
    ----------
    reason : str
        The statement, in words.
    where : tuple of dict
        Accepted values by column, several times: a record matches if all columns of one of them accept it.
    unless : dict
        Accepted values by column: a record that one of them accepts is left alone.
    """

    reason: str
    where: tuple[Conditions, ...]
    unless: Conditions = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """A mapping from the columns of a log to the fields of videos.

    Attributes
    ----------
    fields : dict
        The expression of each field by its name in Python; other fields are columns of their own name.
    records : Column or None
        The list of records in a document.
    only : dict
        The accepted values of columns.
    left_out, kept : dict
        The rules on records that are left out, and on records that are kept and counted, by name.
    instead : dict
        The meaning of a missing first choice, by the field's name in Python.
    timezone : str or None
        The IANA name of the catalogue's time zone; None: what the log says, or UTC.
    """

    fields: dict[str, Expression] = field(default_factory=dict)
    records: Column | None = None
    only: Conditions = field(default_factory=dict)
    left_out: dict[str, Rule] = field(default_factory=dict)
    kept: dict[str, Rule] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    timezone: str | None = None

    @property
    def constants(self) -> dict[str, str]:
        """The texts of the constants, by the field's name in JSON."""
        return {FIELDS[name]: one.text for name, one in self.fields.items() if isinstance(one, Constant)}

    def keeping(self, name: str) -> Columns:
        """Return the mapping that keeps and counts the records that this rule leaves out."""
        left_out = dict(self.left_out)
        return replace(self, left_out=left_out, kept={name: left_out.pop(name)} | self.kept)


UTC = "UTC"


def a_timezone(given: object) -> str:
    """Return the IANA name of a time zone.

    Raises
    ------
    CatalogueError
        If there is no such time zone; the message quotes the name.
    """
    try:
        return UTC if given == UTC else ZoneInfo(given).key  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError, OSError):
        if not (known := available_timezones()):
            raise CatalogueError("this machine has no database of time zones: pip install tzdata") from None
        meant = did_you_mean(given, known) or ", such as Europe/Copenhagen or UTC"
        raise CatalogueError(f"{shown(given, 60)} is no time zone of the IANA database{meant}") from None


Given: TypeAlias = "Columns | str | os.PathLike[str] | Mapping[str, str | float] | None"


def as_columns(given: Given) -> Columns:
    """Return the mapping of a text, a dictionary or a file. None: each field is the column of its name.

    Parameters
    ----------
    given : str, path, mapping or Columns
        A text has parts with commas between them: ``field=expression``, or the name of a mapping that ships
        or of a file, or ``timezone=Europe/Copenhagen``, or ``hosted=keep`` where the mapping leaves out
        records by a rule of this name. Later ones replace earlier ones.

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
    parts = re.findall(r"""(?:[^,'"\[]|'[^']*'|"[^"]*"|\[[^\]]*\]|['"\[])+""", given)
    return reduce(_with_part, parts, Columns())


def _with_part(columns: Columns, part: str) -> Columns:
    """Return a mapping with one more part of its text: a field, a time zone, a rule to keep, or a file."""
    name, is_field, text = (piece.strip() for piece in part.partition("="))
    if is_field and name == "timezone":
        return replace(columns, timezone=a_timezone(text.strip("'")))
    if is_field and name in columns.left_out:
        if text != "keep":
            raise CatalogueError(f"{name} is left out by the mapping; {name}=keep keeps it, not {part[:60]!r}")
        return columns.keeping(name)
    if is_field and name.isidentifier():
        return replace(columns, fields=columns.fields | _fields({name: text}))
    base = _read(Path(part.strip()))
    return replace(base, fields=columns.fields | base.fields)


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
        _conditions("only", file.only),
        {name: _rule(name, one) for name, one in file.left_out.items()},
        {name: _rule(name, one) for name, one in file.kept.items()},
        {_field(name): text for name, text in file.instead.items()},
        a_timezone(file.timezone) if file.timezone else None,
    )


def _conditions(where: str, given: _Conditions) -> Conditions:
    return {
        column(where, name): Accepted(tuple(map(str, values if isinstance(values, list) else [values])))
        for name, values in given.items()
    }


def _rule(name: str, file: RuleFile) -> Rule:
    where = file.where if isinstance(file.where, list) else [file.where]
    return Rule(file.reason, tuple(_conditions(name, one) for one in where), _conditions(name, file.unless))


def _field(key: str) -> str:
    """Return the name in Python of a field; it may be given by that in JSON."""
    names = {json: name for name, json in FIELDS.items()} | {name: name for name in FIELDS}
    if key not in names:
        has = f"it has {', '.join(FIELDS.values())}{did_you_mean(key, FIELDS.values())}"
        raise CatalogueError(f"a video has no field {shown(key, 60)}; {has}")
    return names[key]


def _fields(given: Mapping[str, object]) -> dict[str, Expression]:
    """Return the expressions of fields, and check that each suits its field."""
    fields = {_field(key): _expression(key, value) for key, value in given.items()}
    for (key, value), (name, one) in zip(given.items(), fields.items(), strict=True):
        if one is None and name in REQUIRED and name != "encoding_time":
            raise CatalogueError(f"{key} cannot be none: every video has it")
        if name in NUMBERS or name == STARTUP_TIME:
            _check_constants(key, one, NUMBERS.get(name, NUMBERS["encoding_time"]))
        elif isinstance(one, Sum | Choice):
            kind = "choice" if isinstance(one, Choice) else "difference" if one.sign < 0 else "sum"
            raise CatalogueError(
                f"{key} must be a column or a text in single quotes, not the {kind} {value!r} (a column with "
                f"'-' in its name is in double quotes)"
            )
    return fields


def _check_constants(key: str, one: Expression, limits: Number) -> None:
    """Raise a CatalogueError if a constant is no number within the limits."""
    for constant in one.choices if isinstance(one, Choice) else (one,):
        if isinstance(constant, Constant):
            limits.checked(key, constant.text if isnan(constant.number) else constant.number)
