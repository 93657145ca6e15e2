"""From a path, a stream, a table or records to a catalogue; what is no valid video is kept as rejected."""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from tv2sim.catalogue.videos import Catalogue, Rejected, Video
from tv2sim.errors import CatalogueError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Entry",
    "Source",
    "as_bytes",
    "entries",
    "judged",
    "no_video",
    "opened",
    "parse",
    "read_catalogue",
    "repeated",
    "text_of",
]

Entry: TypeAlias = "bytes | str | Mapping[str, Any] | Video | object"
Source: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str] | pd.DataFrame | Iterable[Any]"

TEXT_KEPT = 200
"""Characters of a rejected line that are kept."""


def read_catalogue(source: Source | Catalogue, *, name: str | None = None) -> Catalogue:
    r"""Read a catalogue of videos.

    Parameters
    ----------
    source : path, "-", open file, DataFrame or records
        JSON lines in UTF-8 (a byte order mark, CRLF and blank lines do no harm) from a path, from an open
        file, or with ``"-"`` from standard input; or a DataFrame or an iterable of mappings, whose fields
        may be spelled ``encodingTime`` or ``encoding_time``. Further fields are ignored.
    name : str, optional
        What to call it; default is the file's name.

    Returns
    -------
    Catalogue
        The valid videos in their order; ``.rejected`` has the line number, the reason and the text of each
        line that is none (no JSON, a field missing or of a wrong type, an encoding time below 0, a timeout
        of 0 or less, no finite number, an empty id, an id seen before).

    Raises
    ------
    CatalogueError
        If the source cannot be read, or no line of it is a valid video.

    Examples
    --------
    >>> video = {"id": "a", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}
    >>> catalogue = read_catalogue([video, video, {"id": "b"}])
    >>> len(catalogue)
    1
    >>> for rejected in catalogue.rejected:
    ...     print(rejected.line, rejected.reason)
    2 the id 'a' was seen before, in line 1
    3 the field title is missing
    """
    if isinstance(source, Catalogue):
        return source if name is None else Catalogue(source, source.rejected, name)
    videos: list[Video] = []
    rejected: list[Rejected] = []
    digest = _Digest()
    with opened(source) as (stream, label):
        for outcome in judged(digest.of(entries(stream, label))):
            if isinstance(outcome, Rejected):
                rejected.append(outcome)
            else:
                videos.append(outcome)
    if not videos:
        raise CatalogueError(no_video(label, rejected))
    return Catalogue(videos, rejected, name or label, digest.hex())


class _Digest:
    """The SHA-256 of what passes, as long as that is the bytes of a file."""

    def __init__(self) -> None:
        self._sha256: Any = hashlib.sha256()

    def of(self, stream: Iterable[Entry]) -> Iterator[Entry]:
        for entry in stream:
            if isinstance(entry, bytes) and self._sha256 is not None:
                self._sha256.update(entry)
            else:
                self._sha256 = None
            yield entry

    def hex(self) -> str | None:
        return None if self._sha256 is None else str(self._sha256.hexdigest())


def no_video(label: str, rejected: list[Rejected]) -> str:
    """Say that a source holds no valid video, and why."""
    if not rejected:
        return f"no valid video in {label!r}: it is empty; a line looks like {EXAMPLE}"
    first = rejected[0]
    return (
        f"no valid video in {label!r}: {len(rejected)} lines rejected, the first, line {first.line}, because "
        f"{first.reason}; a line looks like {EXAMPLE}"
    )


EXAMPLE = '{"id": "a1", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}'


def repeated(video_id: str, first: int) -> str:
    """Say that an id was seen before, and where."""
    return f"the id {repr(video_id)[:60]} was seen before, in line {first}"


@contextmanager
def opened(source: Any) -> Iterator[tuple[Iterable[Entry], str]]:
    """Give the entries of `source` one by one, and its name; close what was opened here."""
    if isinstance(source, (str, os.PathLike)):
        if source == "-":
            # a notebook, or a test, may have put a text stream without a buffer in its place
            source = getattr(sys.stdin, "buffer", sys.stdin)
            if source is None:
                raise CatalogueError("there is no standard input to read the catalogue from")
            yield _still_open(source, "standard input"), "standard input"
            return
        path = Path(source)
        with _open(path) as stream:
            yield stream, path.name.encode("utf-8", "replace").decode()
    elif hasattr(source, "to_dict") and hasattr(source, "columns"):
        yield source.to_dict("records"), "table"
    elif isinstance(source, Iterable) and not isinstance(source, bytes | Mapping):
        label = Path(str(getattr(source, "name", "records"))).name
        yield _still_open(source, label), label
    else:
        raise CatalogueError(
            f"a catalogue is a path, '-', an open file, a DataFrame or records, not {_shown(source, 60)}"
        )


def _still_open(stream: Iterable[Entry], label: str) -> Iterable[Entry]:
    if getattr(stream, "closed", False) is True:
        raise CatalogueError(f"cannot read {label!r}: it is closed")
    return stream


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise CatalogueError(f"cannot read the catalogue {str(path)!r}: {reason}") from error


def entries(stream: Iterable[Entry], label: str) -> Iterator[Entry]:
    """Yield what `stream` holds; what goes wrong while it is read becomes a CatalogueError."""
    try:
        yield from stream
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{label!r} is not UTF-8 text: open it in binary mode ({error})") from error
    except OSError as error:
        raise CatalogueError(f"cannot read {label!r}: {error.strerror or error}") from error


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
                if number == 1:
                    entry = entry.removeprefix(b"\xef\xbb\xbf")
                entry = entry.rstrip(b"\r\n")  # or an open string would seem to have a line break in it
                if not entry or entry.isspace():
                    continue
                outcome = decode(entry)
            else:
                outcome = _convert(entry)
        except msgspec.ValidationError as error:
            outcome = _invalid(error)
        except msgspec.DecodeError as error:
            outcome = f"no JSON: {_malformed(error)}"
        except UnicodeError:
            outcome = "a text in it is not valid UTF-8"
        except RecursionError:
            outcome = "no JSON that can be read: nested too deeply"
        yield number, entry, outcome


def as_bytes(line: Any) -> bytes:
    """Return a line of text as UTF-8; what cannot be, comes out as invalid UTF-8 and will be rejected."""
    return line.encode("utf-8", "surrogatepass") if isinstance(line, str) else bytes(line)


def _convert(entry: Entry) -> Video:
    """Return the video that a mapping describes; unlike JSON it may hold NaN and lone surrogates."""
    if isinstance(entry, Video):
        entry = {field: getattr(entry, field) for field in _FIELDS}
    if not isinstance(entry, Mapping):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(entry).__name__}`")
    given = {json: entry[python] for python, json in _FIELDS.items() if python in entry}
    given |= {json: entry[json] for json in _FIELDS.values() if json in entry}
    plain = {json: _plain(value) for json, value in given.items()}
    if (submitted := plain.get("submittedAt")) is not None and submitted != submitted:
        del plain["submittedAt"]  # as a table has it for a video without
    for field in ("encodingTime", "publicationTimeout", "submittedAt"):
        value = plain.get(field)
        if isinstance(value, float) and not math.isfinite(value):
            raise msgspec.ValidationError(f"Expected `finite float`, got `{value}` - at `$.{field}`")
    video = msgspec.convert(plain, Video)
    for text in (video.id, video.title, video.provider):
        text.encode()
    return video


def _plain(value: Any) -> Any:
    """Return numpy's scalars, and decimals, as numbers of Python's own."""
    if isinstance(value, np.floating):  # not item(): a longdouble's is a longdouble
        return float(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else float(value)
    return value


_FIELDS = {field.name: field.encode_name for field in msgspec.structs.fields(Video)}


def _malformed(error: msgspec.DecodeError) -> str:
    words = str(error).removeprefix("JSON is malformed: ")
    return "the line ends too early" if words == "Input data was truncated" else words


def _invalid(error: msgspec.ValidationError) -> str:
    """Put what msgspec found into words; what is unknown here is passed on as it is."""
    found, _, path = str(error).partition(" - at `$.")
    field = path.rstrip("`")
    if found.startswith("Object missing required field"):
        return f"the field {found.split('`')[1]} is missing"
    words = {
        "Expected `float` >= 0.0": f"{field} must be at least 0",
        "Expected `float` > 0.0": f"{field} must be greater than 0",
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
    return _shown(entry, TEXT_KEPT)


def _shown(value: object, at_most: int) -> str:
    """Return what a value looks like, cut; some numbers are too large for that, and some lists too deep."""
    try:
        return repr(value)[:at_most]
    except (ValueError, RecursionError):
        return f"<{type(value).__name__} that cannot be shown>"
