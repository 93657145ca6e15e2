"""What a catalogue is read from: a path, a stream, a table or records, entry by entry."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import IOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from tv2sim.catalogue.judging import LONGEST_LINE, Entry
from tv2sim.errors import CatalogueError
from tv2sim.validation import shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Digest", "Source", "entries", "is_frame", "is_table", "label_of", "lines_of", "opened", "suffix_of"]

Source: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str] | pd.DataFrame | Iterable[Any]"


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
    elif is_frame(source):
        source, label = _records(source), "table"
    elif isinstance(source, Iterable) and not isinstance(source, bytes | Mapping):
        label = label_of(source)
        if not hasattr(source, "readline"):
            source = _with_records(source)
    else:
        raise CatalogueError(
            f"a catalogue is a path, '-', an open file, a DataFrame or records, not {shown(source, 60)}"
        )
    if getattr(source, "closed", False) is True:
        raise CatalogueError(f"cannot read {label!r}: it is closed")
    yield source, label


def _with_records(source: Iterable[Any]) -> Iterator[Any]:
    """Yield the entries of a list or a generator, which must not begin with thousands that cannot be videos."""
    entries = iter(source)
    for count, entry in enumerate(entries, start=1):
        yield entry
        if isinstance(entry, str | bytes | Mapping | Struct):
            break
        if count == _MOST_OTHERS:
            raise CatalogueError(
                f"a catalogue is records or lines, and the first {_MOST_OTHERS:,} entries of "
                f"{shown(source, 60)} are neither, such as {shown(entry, 60)}"
            )
    yield from entries


_MOST_OTHERS = 10_000
"""Entries after which what holds nothing else is not read any further; it may have no end."""


def _records(frame: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    for start in range(0, len(frame), _ROWS):
        yield from frame.iloc[start : start + _ROWS].to_dict("records")


_ROWS = 1 << 16


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


def is_frame(source: object) -> bool:
    """Return whether it is a data frame; pandas may not be imported."""
    return hasattr(source, "to_dict") and hasattr(source, "columns")


def suffix_of(source: Any) -> str:
    """Return the end of the name of a file, in small letters; other sources have none."""
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    return Path(name).suffix.lower() if isinstance(name, (str, os.PathLike)) else ""


def is_table(source: object) -> bool:
    """Return whether it is a file of a table, which is told by its name."""
    return suffix_of(source) in (".csv", ".tsv", ".parquet")


class Digest:
    """The SHA-256 of a file that is read line by line."""

    def __init__(self) -> None:
        self._sha256, self._whole = hashlib.sha256(), False

    def of(self, stream: Iterable[Entry]) -> Iterator[Entry]:
        """Yield all entries."""
        self._whole = True
        for entry in stream:
            if isinstance(entry, bytes) and len(entry) <= LONGEST_LINE:
                self._sha256.update(entry)
            else:
                self._whole = False
            yield entry

    @property
    def value(self) -> str | None:
        """The digits, or None where the entries were not the lines of a file."""
        return self._sha256.hexdigest() if self._whole else None
