"""From a path, a stream, a table or records to a catalogue, with the lines that were rejected."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import IOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from tv2sim.catalogue.judging import LONGEST_LINE, Entry, judged
from tv2sim.catalogue.videos import Catalogue, Rejected, Video
from tv2sim.errors import CatalogueError
from tv2sim.validation import plural, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Source", "entries", "label_of", "lines_of", "no_video", "opened", "read_catalogue"]

Source: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str] | pd.DataFrame | Iterable[Any]"


def read_catalogue(source: Source | Catalogue, *, name: str | None = None) -> Catalogue:
    r"""Read a catalogue of videos.

    Parameters
    ----------
    source : path, "-", open file, DataFrame or records
        JSON lines in UTF-8 (a byte order mark, CRLF and blank lines do no harm) from a path, from an open
        file, or with ``"-"`` from standard input; or a DataFrame or an iterable of mappings, whose fields
        may be spelled ``encodingTime`` or ``encoding_time``. Further fields are ignored.
    name : str, optional
        The name of the catalogue; default is the file's name.

    Returns
    -------
    Catalogue
        The valid videos in their order. Its ``rejected`` has the line number, the reason and the text of each
        line that is not valid: it is not JSON, a field is missing or of a wrong type, the encoding time is
        below 0, the timeout is 0 or less, a time is longer than 2**32 s or not finite, the id is empty or was
        seen before.

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
    sha256, whole = hashlib.sha256(), True

    def hashed(stream: Iterable[Entry]) -> Iterator[Entry]:
        nonlocal whole
        for entry in stream:
            if isinstance(entry, bytes) and len(entry) <= LONGEST_LINE:
                sha256.update(entry)
            else:
                whole = False
            yield entry

    with opened(source) as (stream, label):
        outcomes = list(judged(hashed(entries(lines_of(stream), label))))
    videos = [outcome for outcome in outcomes if isinstance(outcome, Video)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    if not videos:
        raise CatalogueError(no_video(label, rejected))
    return Catalogue(videos, rejected, name or label, sha256.hexdigest() if whole else None)


def no_video(label: str, rejected: list[Rejected]) -> str:
    """Return the message that a source holds no valid video, and why."""
    why = "it is empty"
    if rejected:
        count, (line, reason, _) = plural(len(rejected), "line"), rejected[0]
        why = f"{count} rejected, the first, line {line}, because {reason}"
    return f"no valid video in {label!r}: {why}; a line looks like {EXAMPLE}"


EXAMPLE = '{"id": "a1", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}'


@contextmanager
def opened(source: Any) -> Iterator[tuple[Iterable[Entry], str]]:
    """Give the entries of `source` one by one, and its name; a file that is opened here is closed here."""
    if isinstance(source, str) and source == "-":
        # a notebook, or a test, may have replaced standard input by a text stream without a buffer
        source, label = getattr(sys.stdin, "buffer", sys.stdin), "standard input"
        if source is None:
            raise CatalogueError("there is no standard input to read the catalogue from")
    elif isinstance(source, (str, os.PathLike)):
        if not os.fspath(source):
            raise CatalogueError("cannot read the catalogue '': its name is empty")
        path = Path(source)
        with _open(path) as stream:
            yield stream, path.name.encode("utf-8", "replace").decode()
        return
    elif hasattr(source, "to_dict") and hasattr(source, "columns"):
        source, label = source.to_dict("records"), "table"
    elif isinstance(source, Iterable) and not isinstance(source, bytes | Mapping):
        label = label_of(source)
    else:
        raise CatalogueError(
            f"a catalogue is a path, '-', an open file, a DataFrame or records, not {shown(source, 60)}"
        )
    if getattr(source, "closed", False) is True:
        raise CatalogueError(f"cannot read {label!r}: it is closed")
    yield source, label


def label_of(source: object) -> str:
    """Return the name of an open file; one that was opened by its number is called "records"."""
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "records"


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise CatalogueError(f"cannot read the catalogue {str(path)!r}: {reason}") from error


def lines_of(stream: Iterable[Entry]) -> Iterable[Entry]:
    """Return the lines of an open file, a too long one cut off, or any other entries as they are."""
    # a named temporary file wraps the real one
    return _lines(stream) if isinstance(getattr(stream, "file", stream), IOBase) else stream


def _lines(stream: Any) -> Iterator[bytes | str]:
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        rest, end = line, b"\n" if isinstance(line, bytes) else "\n"
        while len(line) > LONGEST_LINE and rest and not rest.endswith(end):
            rest = stream.readline(1 << 16)


def entries(stream: Iterable[Entry], label: str) -> Iterator[Entry]:
    """Yield what `stream` holds; an error while it is read becomes a CatalogueError."""
    try:
        yield from stream
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{label!r} is not UTF-8 text: open it in binary mode ({error})") from error
    except OSError as error:
        raise CatalogueError(f"cannot read {label!r}: {error.strerror or error}") from error
