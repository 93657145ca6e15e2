"""What an entry of a catalogue is: a video, or rejected, and why in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from tv2sim.catalogue.records import video_of
from tv2sim.catalogue.videos import Rejected, Video
from tv2sim.validation import LONGEST_TIME, shown

__all__ = ["LONGEST_LINE", "Entry", "as_bytes", "judged", "parse", "repeated", "text_of"]

Entry: TypeAlias = "bytes | str | Mapping[str, Any] | Video | object"

LONGEST_LINE = 16_000_000
"""Bytes, with the line end: a longer line is rejected, and need not be held as a whole."""

TEXT_KEPT = 200
"""Characters of a rejected line that are kept."""


def judged(stream: Iterable[Entry]) -> Iterator[Video | Rejected]:
    """Yield what each entry is: a video, or rejected with the reason, such as an id that was seen before."""
    seen: dict[str, int] = {}
    for number, entry, outcome in parse(stream):
        if isinstance(outcome, str):
            yield Rejected(number, outcome, text_of(entry))
        elif (first := seen.setdefault(outcome.id, number)) != number:
            yield Rejected(number, repeated(outcome.id, first), text_of(entry))
        else:
            yield outcome


def repeated(video_id: str, first: int) -> str:
    """Say that an id was seen before, and where."""
    return f"the id {repr(video_id)[:60]} was seen before, in line {first}"


def parse(stream: Iterable[Entry]) -> Iterator[tuple[int, Entry, Video | str]]:
    """Yield for each entry its 1-based number, itself, and its video or the reason why it is none.

    Blank lines are passed over, but counted.
    """
    decode = msgspec.json.Decoder(Video).decode
    for number, entry in enumerate(stream, start=1):
        outcome: Video | str
        if isinstance(entry, str):  # of a text file, or a list of lines
            entry = as_bytes(entry)
        try:
            if isinstance(entry, bytes):
                if len(entry) > LONGEST_LINE:
                    yield number, entry, f"the line is longer than {LONGEST_LINE // 1_000_000} MB"
                    continue
                if number == 1:
                    entry = entry.removeprefix(b"\xef\xbb\xbf")
                entry = entry.rstrip(b"\r\n")  # or an open string would seem to have a line break in it
                if not entry or entry.isspace():
                    continue
                outcome = decode(entry)
            else:
                outcome = video_of(entry)
        except msgspec.ValidationError as error:
            outcome = _invalid(error)
        except msgspec.DecodeError as error:
            outcome = f"no JSON: {_malformed(error)}"
        except UnicodeError:
            outcome = "a text in it is not valid UTF-8"
        except RecursionError:
            outcome = "no JSON that can be read: nested too deeply"
        if number == 1 and isinstance(outcome, str) and isinstance(entry, bytes):
            outcome += _of_another_kind(entry)
        yield number, entry, outcome


def _of_another_kind(start: bytes) -> str:
    """Say what kind of file it seems to be whose first line is no video, if that can be told."""
    if start.startswith(b"\x1f\x8b"):
        return " (the file is compressed: unpack it with gunzip)"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:2]:
        return " (the file is UTF-16: save it as UTF-8)"
    if b"}\r" in start:
        return " (the file's line ends are CR alone: save it with LF or CRLF)"
    return ""


def as_bytes(line: Any) -> bytes:
    """Return a line of text as UTF-8; what cannot be, comes out as invalid UTF-8 and will be rejected."""
    return line.encode("utf-8", "surrogatepass") if isinstance(line, str) else bytes(line)


def _malformed(error: msgspec.DecodeError) -> str:
    words = str(error).removeprefix("JSON is malformed: ")
    return "the line ends too early" if words == "Input data was truncated" else words


def _invalid(error: msgspec.ValidationError) -> str:
    """Put what msgspec found into words; what is unknown here is passed on as it is."""
    found, _, path = str(error).partition(" - at `$.")
    field = path.rstrip("`")
    if found.startswith("Object missing required field"):
        return f"the field {found.split('`')[1]} is missing"
    hint = ": is it in milliseconds?" if field == "submittedAt" else ""
    words = {
        "Expected `float` >= 0.0": f"{field} must be at least 0",
        "Expected `float` > 0.0": f"{field} must be greater than 0",
        f"Expected `float` <= {LONGEST_TIME}": f"{field} must be at most {LONGEST_TIME:.0f} s{hint}",
        "Expected `str` of length >= 1": f"{field} must not be empty",
        "Number out of range": f"{field} is too large for a number",
        "Integer value out of range": f"{field} is too large for a number",
    }.get(found)
    if words is not None:
        return words
    expected, _, got = found.removeprefix("Expected ").replace("`", "").partition(", got ")
    names = {
        "float": "a number",
        "float | null": "a number",
        "finite float": "a finite number",
        "str": "a string",
        "object": "a JSON object",
    }
    if not got:
        return expected
    return f"{field or 'the line'} must be {names.get(expected, expected)}, not {got}"


def text_of(entry: Entry) -> str:
    """Return what a rejected entry looked like, cut at 200 characters."""
    if isinstance(entry, bytes):
        # four bytes a character at the most, so no more need be decoded than can be kept
        return entry[: 4 * TEXT_KEPT + 4].decode("utf-8", "replace")[:TEXT_KEPT]
    return shown(entry, TEXT_KEPT)
