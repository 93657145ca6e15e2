"""The video of an entry of a catalogue, or the reason why the entry is rejected.

An entry is a line of JSON, a row of a table, or a mapping of Python. The fields of a video,
which of them are required, and their limits are those of the class :class:`~tv2sim.catalogue.videos.Video`.
"""

from __future__ import annotations

import json
import math
import numbers
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeVar

import msgspec
import numpy as np

from tv2sim.base.checks import plural, shown
from tv2sim.catalogue.columns import shipped
from tv2sim.catalogue.videos import NUMBERS, REQUIRED, TEXTS, UNKNOWN, Rejected, Video

Entry: TypeAlias = "bytes | str | Mapping[str, Any] | Video | object"

T = TypeVar("T")

LONGEST_LINE = 16_000_000
"""Bytes, with the line end: a longer line is rejected, and need not be held as a whole."""

TEXT_KEPT = 200
"""The most characters of a rejected line in the result."""


class Broken(NamedTuple):
    """An entry that cannot be read: the reason, and its text."""

    reason: str
    text: str


def judge_entries(
    numbered: Iterable[tuple[int, Entry]], *, encoded: bool | None = None
) -> Iterator[Video | Rejected]:
    """Yield for each entry its video, or that it is rejected: it is not valid, or its id was seen before.

    The parameters are those of :func:`parse_videos`.
    """
    seen: dict[str, int] = {}
    for number, entry, outcome in parse_videos(numbered, encoded=encoded):
        if isinstance(outcome, Video):
            if (first := seen.get(outcome.id)) is None:
                seen[outcome.id] = number
                yield outcome
                continue
            outcome = repeated(outcome.id, first)
        yield Rejected(number, outcome, text_of(entry))


def repeated(video_id: str, first: int) -> str:
    """Return the reason for rejecting an id that was seen before."""
    return f"the id {repr(video_id)[:60]} was seen before, in line {first}"


def parse_videos(
    numbered: Iterable[tuple[int, Entry]], *, encoded: bool | None = None
) -> Iterator[tuple[int, Entry, Video | str]]:
    """Yield for each entry its number, the entry, and its video or the reason why it is not valid.

    Blank lines are not yielded.

    Parameters
    ----------
    numbered : iterable of int and entry
        The entries, each with the 1-based number of its line.
    encoded : bool, optional
        Whether a video needs an encoding time. None: yes, if the first video has one.
    """
    for found in parse_entries(numbered, _video_in, video_of):
        number, entry, outcome = found
        if isinstance(outcome, Video):
            if encoded is None:
                encoded = outcome.encoding_time is not UNKNOWN
            elif encoded and outcome.encoding_time is UNKNOWN:
                found = number, entry, f"the field {_FIELDS['encoding_time']} is missing"
        yield found


def parse_entries(
    numbered: Iterable[tuple[int, Entry]], decode: Callable[[bytes], T], convert: Callable[[Any], T]
) -> Iterator[tuple[int, Entry, T | str]]:
    """Yield number, entry, and record or reason: `decode` reads a line of JSON, `convert` any other entry."""
    for number, entry in numbered:
        if isinstance(entry, str):  # of a text file, or a list of lines
            entry = as_bytes(entry)
        if isinstance(entry, Broken):
            yield number, entry, entry.reason
        elif not isinstance(entry, bytes):
            yield number, entry, outcome_of(convert, entry)
        elif len(entry) > LONGEST_LINE:
            yield number, entry, f"the line is longer than {LONGEST_LINE // 1_000_000} MB"
        else:
            if number == 1:
                entry = entry.removeprefix(b"\xef\xbb\xbf")
            line = entry.rstrip(b"\r\n")  # otherwise a text that is not closed would seem to hold a line break
            if line and not line.isspace():
                outcome = outcome_of(decode, line)
                hint = _hint(line, number) if isinstance(outcome, str) else ""
                yield number, line, f"{outcome}{hint}" if hint else outcome


class UnusableError(Exception):
    """An entry is not valid; the message says why."""


def outcome_of(convert: Callable[[Any], T], entry: Any) -> T | str:
    """Return the result of `convert` for an entry, or the reason why it has none."""
    try:
        return convert(entry)
    except UnusableError as error:
        return str(error)
    except UnicodeError:
        return "a text in it is not valid UTF-8"
    except RecursionError:
        return "no JSON that can be read: nested too deeply"


def _hint(line: bytes, number: int) -> str:
    """Return a hint at the kind of a line that cannot be read, or an empty text."""
    found = of_another_kind(line) if number == 1 else ""
    return found or (held_list(outcome_of(_document_in, line)) if b"[" in line else "")


_PACKED = " (the file is compressed: unpack it with gunzip)"
_UTF_16 = " (the file is UTF-16: save it as UTF-8)"
_CR_ALONE = " (the file's line ends are CR alone: save it with LF or CRLF)"


def of_another_kind(start: bytes) -> str:
    """Return a hint at the kind of a file whose first line is no video or header, or an empty text."""
    if start.startswith(b"\x1f\x8b"):
        return _PACKED
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:2]:
        return _UTF_16
    if b"}\r" in start or (start[:1] not in b"{[" and re.match(rb"[^\"\n]*\r[^\r\n]", start)):
        return _CR_ALONE
    return ""


def as_bytes(line: Any) -> bytes:
    """Return a line of text as UTF-8. A lone surrogate becomes invalid UTF-8, so that the line is rejected."""
    return line.encode("utf-8", "surrogatepass") if isinstance(line, str) else bytes(line)


_FIELDS = {field.name: field.encode_name for field in msgspec.structs.fields(Video)}
_NAMES = {json: python for python, json in _FIELDS.items()}

# -- why a line or a mapping is not valid ------------------------------------------------------------------


def decoding(
    decode: Callable[[bytes], T], fault: Callable[[Iterable[tuple[str, Any]]], str | None] = lambda fields: None
) -> Callable[[bytes], T]:
    """Return a function that decodes a line with msgspec, and raises an UnusableError if it is not valid.

    The reason does not depend on the words of msgspec: the line is read again, and `fault` is given its fields.
    """

    def read(line: bytes) -> T:
        try:
            return decode(line)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise UnusableError(fault(_fields_of(line)) or f"it cannot be read: {error}") from error

    return read


class _Object(list[tuple[str, Any]]):
    """The fields of an object of JSON; a field may be repeated."""


_BEYOND = 10**400
"""The value of a number of JSON that is too large for a float."""


def _fields_of(line: bytes) -> _Object:
    """Return the fields of a line of JSON.

    Raises
    ------
    UnusableError
        If it is not an object of JSON.
    UnicodeError
        If a text in it cannot be encoded.
    """
    text = line.decode("utf-8", "surrogateescape")  # bytes that are not UTF-8 are an error only within a text
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_float=lambda digits: number if math.isfinite(number := float(digits)) else _BEYOND,
            parse_int=lambda digits: int(digits) if len(digits) < 400 else _BEYOND,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        rest = text[error.pos :].rstrip()
        # an error in a text that is not closed, or in a word that is not complete
        if error.pos >= _CLOSED.match(text).end() or any(word.startswith(rest) for word in _WORDS):  # type: ignore[union-attr]
            raise UnusableError("no JSON: the line ends too early") from None
        position = len(text[: error.pos].encode("utf-8", "surrogateescape"))
        raise UnusableError(f"no JSON: invalid character (byte {position})") from None
    json.dumps(value, ensure_ascii=False).encode()
    if not isinstance(value, _Object):
        raise UnusableError(no_object(_kind(value)))
    return value


_CLOSED = re.compile(r'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
"""The start of a line of JSON, up to a text that is not closed."""
_WORDS = ("true", "false", "null", "-")


def _no_number(name: str) -> NoReturn:
    raise UnusableError(f"no JSON: {name} is no number")


def no_object(kind: str) -> str:
    """Return the reason for rejecting an entry that is not an object of JSON, but of another kind."""
    return f"the line must be a JSON object, not {kind}"


def _fault(fields: Iterable[tuple[str, Any]]) -> str | None:
    """Return the first fault in the fields of a video, by their names in JSON; None for a valid video."""
    present = set()
    for field, value in fields:
        present.add(field)
        if (name := _NAMES.get(field)) in TEXTS and not isinstance(value, str):
            return f"{field} must be a string, not {_kind(value)}"
        if name == "id" and not value:
            return f"{field} must not be empty"
        if name in NUMBERS and (reason := _fault_of_number(name, value)):
            return f"{field} {reason}"
    missing = [_FIELDS[name] for name in REQUIRED if name != "encoding_time" and _FIELDS[name] not in present]
    return f"the field {missing[0]} is missing" if missing else None


def _fault_of_number(name: str, value: Any) -> str | None:
    limits = NUMBERS[name]
    if value is None and limits.optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_kind(value)}"
    try:
        number = float(value)
    except OverflowError:
        return "is too large for a number"
    if number < limits.at_least:
        return f"must be at least {limits.at_least:.0f}"
    if number <= limits.above:
        return f"must be greater than {limits.above:.0f}"
    if number > limits.at_most:
        hint = ": is it in milliseconds?" if name == "submitted_at" else ""
        return f"must be at most {limits.at_most:.0f} s{hint}"
    return None


def _kind(value: object) -> str:
    """Return the name of a value's type, as JSON calls it."""
    return {_Object: "object", dict: "object", list: "array", NoneType: "null"}.get(
        type(value), type(value).__name__
    )


_document_in = decoding(msgspec.json.decode)
_video_in = decoding(msgspec.json.Decoder(Video).decode, _fault)


def text_of(entry: Entry) -> str:
    """Return the text of a rejected entry, cut at 200 characters."""
    if isinstance(entry, bytes):
        # a character has at most four bytes, so this much holds all the text that is kept
        return entry[: 4 * TEXT_KEPT + 4].decode("utf-8", "replace")[:TEXT_KEPT]
    if isinstance(entry, Broken):
        return entry.text[:TEXT_KEPT]
    return shown(entry, 10 * TEXT_KEPT)[:TEXT_KEPT]  # of a longer one, the middle is left out


class Reasons(dict[str, tuple[int, Rejected]]):
    """The number of rejected lines and the first of them by reason, for at most 1,000 different reasons."""

    def __init__(self, rejected: Iterable[Rejected] = ()) -> None:
        super().__init__()
        for one in rejected:
            self.add(one)

    def add(self, rejected: Rejected) -> None:
        """Count one more."""
        if rejected.reason in self or len(self) < _REASONS:
            count, first = self.get(rejected.reason, (0, rejected))
            self[rejected.reason] = count + 1, min(first, rejected)

    def commonest(self) -> list[tuple[int, Rejected]]:
        """Return the numbers and the first lines, the commonest reason first."""
        return sorted(self.values(), key=lambda one: (-one[0], one[1].line))


_REASONS = 1000


def no_video(label: str, rejected: Sequence[Rejected], wanted: str = "", hint: str = "") -> str:
    """Return the message that a source holds no valid video, and why.

    `wanted` describes the expected form of a source other than JSON lines; `hint` is added to the reason.
    """
    why = "it is empty"
    if rejected:
        # what the file is as a whole goes before the commonest reason
        is_other = rejected[0].reason.endswith((_PACKED, _UTF_16, _CR_ALONE))
        count, first = (1, rejected[0]) if is_other else Reasons(rejected).commonest()[0]
        of_them = "all of them" if count == len(rejected) else f"{count:,} of them"
        where = f"{of_them}, the first in line {first.line}" if count > 1 else f"the first, line {first.line}"
        why = f"{plural(len(rejected), 'line')} rejected, {where}, because {first.reason}{hint}"
    if label.lower().endswith(".toml"):
        wanted = "a scenario file is given with --scenario (scenario=)"
    return f"no valid video in {label!r}: {why}; {wanted or f'a line looks like {EXAMPLE}'}"


def held_list(found: object) -> str:
    """Return a hint at the records that an object without an id holds in a list, or an empty text."""
    given = found if isinstance(found, Mapping) and "id" not in found else {}
    keys = [key for key, value in given.items() if _is_list_of_records(value)]
    if len(keys) != 1:
        return ""
    key = shown(keys[0], 60)
    names = [name for name, known in _keys_of_records().items() if known == keys[0]]
    how = f"use --columns {names[0]}" if names else f"name the key in a mapping file, as records = {key}"
    return f" (records are in {key}: {how})"


def _is_list_of_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


@cache
def _keys_of_records() -> dict[str, str]:
    """Return the key of the list of records by the name of each mapping that ships."""
    return {name: tomllib.loads(text).get("records", "") for name, text in shipped().items()}


EXAMPLE = '{"id": "a1", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}'


# -- entries that are not text -----------------------------------------------------------------------------


def video_of(entry: object) -> Video:
    """Return the video that a mapping describes; unlike JSON it may hold NaN and lone surrogates.

    Raises
    ------
    UnusableError
        If it does not describe one.
    UnicodeError
        If a text in it cannot be encoded.
    """
    if isinstance(entry, Video):
        entry = {name: value for name, value in msgspec.structs.asdict(entry).items() if value is not UNKNOWN}
    if not isinstance(entry, Mapping):
        raise UnusableError(no_object(type(entry).__name__))
    given = _given(entry)
    try:
        video = msgspec.convert(given, Video)
    except msgspec.ValidationError as error:
        raise UnusableError(_fault(given.items()) or f"it cannot be read: {error}") from error
    for text in (video.id, video.title, video.provider):
        text.encode()
    return video


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a video by their names in JSON; missing optional numbers are left out."""
    given = {
        json: plain(entry[name]) for python, json in _FIELDS.items() for name in (python, json) if name in entry
    }
    for name, number in NUMBERS.items():
        field = _FIELDS[name]
        value = given.get(field)
        if number.optional and is_missing(value):
            given.pop(field, None)
        elif isinstance(value, float) and not math.isfinite(value):
            raise UnusableError(f"{field} must be a finite number, not {value}")
    return given


def plain(value: Any) -> Any:
    """Return a scalar of numpy, or a decimal, as a number of Python's own."""
    if isinstance(value, np.floating):  # not item(): a longdouble's is a longdouble
        return float(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else float(value)
    return value


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, or pandas' NA or NaT."""
    # known by name, since pandas may not be imported
    if isinstance(value, numbers.Number):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")
