"""From a path, a stream, a table or records to a catalogue; what is no valid video is kept as rejected."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import msgspec

from tv2sim.catalogue.videos import Catalogue, Rejected, Video
from tv2sim.errors import CatalogueError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Entry", "Source", "as_bytes", "entries", "opened", "parse", "read_catalogue", "repeated", "text_of"]

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
        return source
    videos: list[Video] = []
    rejected: list[Rejected] = []
    seen: dict[str, int] = {}
    with opened(source) as (stream, label):
        for number, entry, outcome in parse(entries(stream, label)):
            if isinstance(outcome, str):
                rejected.append(Rejected(number, outcome, text_of(entry)))
            elif (first := seen.setdefault(outcome.id, number)) != number:
                rejected.append(Rejected(number, repeated(outcome.id, first), text_of(entry)))
            else:
                videos.append(outcome)
    if not videos:
        raise CatalogueError(_no_video(label, rejected))
    return Catalogue(videos, rejected, name or label)


def _no_video(label: str, rejected: list[Rejected]) -> str:
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
            yield sys.stdin.buffer, "standard input"
            return
        path = Path(source)
        with _open(path) as stream:
            yield stream, path.name
    elif hasattr(source, "to_dict") and hasattr(source, "columns"):
        yield source.to_dict("records"), "table"
    elif isinstance(source, Iterable) and not isinstance(source, bytes | Mapping):
        yield source, Path(str(getattr(source, "name", "records"))).name
    else:
        raise CatalogueError(
            f"a catalogue is a path, '-', an open file, a DataFrame or records, not {repr(source)[:60]}"
        )


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
        entry = msgspec.to_builtins(entry)
    if not isinstance(entry, Mapping):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(entry).__name__}`")
    fields = {python: entry[python] for python in _FIELDS if python in entry}
    given = {_FIELDS[python]: value for python, value in fields.items()}
    given |= {json: entry[json] for json in _FIELDS.values() if json in entry}
    plain = {json: value.item() if hasattr(value, "item") else value for json, value in given.items()}
    video = msgspec.convert(plain, Video)
    for text in (video.id, video.title, video.provider):
        text.encode()
    for field in ("encoding_time", "publication_timeout"):
        if not math.isfinite(getattr(video, field)):
            value = getattr(video, field)
            raise msgspec.ValidationError(f"Expected a finite `float`, got `{value}` - at `$.{_FIELDS[field]}`")
    return video


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
    expected, _, got = found.partition(", got ")
    names = {"`float`": "a number", "`str`": "a string", "`object`": "a JSON object"}
    expected = names.get(
        expected.removeprefix("Expected "), expected.removeprefix("Expected ").replace("`", "")
    )
    return f"{field or 'the line'} must be {expected}, not {got.strip('`')}" if got else found.replace("`", "")


def text_of(entry: Entry) -> str:
    """Return what a rejected entry looked like, cut at 200 characters."""
    if isinstance(entry, bytes):
        # four bytes a character at the most, so no more need be decoded than can be kept
        return entry[: 4 * TEXT_KEPT + 4].decode("utf-8", "replace").rstrip("\r\n")[:TEXT_KEPT]
    return repr(entry)[:TEXT_KEPT]
