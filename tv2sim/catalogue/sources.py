"""What a catalogue is read from: a path, a stream, a table or records, entry by entry."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, IOBase, RawIOBase, TextIOBase
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from tv2sim.base.checks import shown
from tv2sim.base.errors import CatalogueError, need_pyarrow
from tv2sim.catalogue.documents import is_document, records_of
from tv2sim.catalogue.judging import LONGEST_LINE, Entry, as_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Digest", "Reading", "Source", "entries", "frames_of", "is_table", "label_of", "lines_of", "opened",
    "suffix_of",
]  # fmt: skip


class ArrowStream(Protocol):
    """What gives a table as Arrow data: of pyarrow, polars, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of an ArrowArrayStream."""


Source: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str] | pd.DataFrame | ArrowStream | Iterable[Any]"


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
        label = path.name.encode("utf-8", "replace").decode()
        with _open(path) as stream:
            yield _unpacked(stream, label), label
        return
    elif (frames := frames_of(source)) is not None:
        source, label = _records(frames), "table"
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
    yield _unpacked(source, label), label


def _with_records(source: Iterable[Any]) -> Iterator[Any]:
    """Yield the entries of a list or a generator, which must not begin with thousands that cannot be videos."""
    entries = iter(source)
    for count, entry in enumerate(entries, start=1):
        yield entry
        if isinstance(entry, str | bytes | Mapping | msgspec.Struct):
            break
        if count == _MOST_OTHERS:
            raise CatalogueError(
                f"a catalogue is records or lines, and the first {_MOST_OTHERS:,} entries of "
                f"{shown(source, 60)} are neither, such as {shown(entry, 60)}"
            )
    yield from entries


_MOST_OTHERS = 10_000
"""Entries after which what holds nothing else is not read any further; it may have no end."""


# -- tables ------------------------------------------------------------------------------------------------


def frames_of(source: Any) -> Iterable[pd.DataFrame] | None:
    """Return the frames of a data frame, or of anything that gives Arrow data; None for other sources."""
    if hasattr(source, "iloc") and hasattr(source, "columns"):  # a pandas frame, and pandas may not be imported
        return [source]
    return _arrow_frames(source) if hasattr(source, "__arrow_c_stream__") else None


def _arrow_frames(source: Any) -> Iterator[pd.DataFrame]:
    need_pyarrow()
    import pyarrow

    try:
        for batch in pyarrow.RecordBatchReader.from_stream(source):
            yield batch.to_pandas()
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise CatalogueError(f"cannot read {shown(source, 60)} as a table: {error}") from error


def _records(frames: Iterable[pd.DataFrame]) -> Iterator[dict[Any, Any]]:
    for frame in frames:
        for start in range(0, len(frame), _ROWS):
            yield from frame.iloc[start : start + _ROWS].to_dict("records")


_ROWS = 1 << 16


# -- files -------------------------------------------------------------------------------------------------


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


def _unpacked(stream: Any, label: str) -> Any:
    """Return a stream of bytes without its gzip, and any other source as it is."""
    file = getattr(stream, "file", stream)
    if isinstance(file, IOBase) and not isinstance(file, TextIOBase) and _begins_with(file, _GZIP):
        return BufferedReader(_Unpacked(file, label), _PIECE)
    return stream


_GZIP = b"\x1f\x8b\x08"
_PIECE = 1 << 16


def _begins_with(stream: Any, start: bytes) -> bool:
    """Return whether a stream of bytes goes on with these; it stays where it is."""
    try:
        if hasattr(stream, "peek"):
            return bool(stream.peek(len(start))[: len(start)] == start)
        if not stream.seekable():
            return False
        found, _ = stream.read(len(start)), stream.seek(-len(start), os.SEEK_CUR)
    except (OSError, ValueError):  # it cannot be read, which is told when it is
        return False
    return bool(found == start)


class _Unpacked(RawIOBase):
    """What a gzip file holds, as long as it is not suspiciously much."""

    def __init__(self, packed: Any, label: str) -> None:
        self._packed, self._label, self._start = packed, label, packed.tell() if packed.seekable() else None
        self._begin()

    def _begin(self) -> None:
        self._read, self._size = _Counted(self._packed), 0
        self._file = gzip.GzipFile(fileobj=self._read, mode="rb")  # type: ignore[call-overload]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._start is not None

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_CUR and position == 0:
            return self._size
        if position or whence != os.SEEK_SET:
            raise OSError("only the start of a gzip file can be gone back to")
        self._packed.seek(self._start)
        self._begin()
        return 0

    def readinto(self, buffer: Any, /) -> int:
        try:
            found = self._file.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = "it ends too early" if isinstance(error, EOFError) else "it is damaged"
            raise CatalogueError(f"cannot unpack {self._label!r}: {why}") from error
        self._size += len(found)
        if self._size > max(_UNPACKED, min(_RATIO * self._read.size, _UNPACKED_AT_MOST)):
            raise CatalogueError(
                f"{self._label!r} unpacks to {self._size // 1_000_000:,} MB and more, from "
                f"{self._read.size / 1_000_000:.3g} MB: if that is meant, unpack it with gunzip"
            )
        buffer[: len(found)] = found
        return len(found)


_UNPACKED, _UNPACKED_AT_MOST, _RATIO = 1 << 26, 1 << 32, 100
"""A gzip file may hold so many bytes; or so many if it is packed no further than by this ratio."""


class _Counted:
    """A file that is read, and how many bytes were."""

    def __init__(self, file: Any) -> None:
        self._file, self.size = file, 0

    def read(self, size: int = -1) -> bytes:
        found: bytes = self._file.read(size)
        self.size += len(found)
        return found


def lines_of(stream: Iterable[Entry]) -> Iterable[Entry]:
    """Return the lines of an open file, a too long one cut off, or any other entries as they are."""
    return _lines(stream) if _is_file(stream) else stream


def _is_file(stream: object) -> bool:
    return isinstance(getattr(stream, "file", stream), IOBase)  # a named temporary file wraps the real one


def _lines(stream: Any) -> Iterator[bytes | str]:
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        rest, end = line, b"\n" if isinstance(line, bytes) else "\n"
        while len(line) > LONGEST_LINE and rest and not rest.endswith(end):
            rest = stream.readline(_PIECE)


class Reading:
    """An open file, or other entries, from the first entry on; nothing more is read before it is asked for.

    Parameters
    ----------
    stream : iterable
        An open file, or entries.
    label : str
        Its name.
    digest : Digest, optional
        What is told all that is read.
    """

    def __init__(self, stream: Iterable[Entry], label: str, digest: Digest | None = None) -> None:
        self._stream, self._label, self._digest = stream, label, digest or Digest()
        self._lines = self._told(lines_of(stream))
        self._before: list[Entry] = []
        self.first: Entry = None
        """The first entry that is not blank; a text as bytes."""
        for entry in self._lines:
            self._before.append(entry)
            self.first = as_bytes(entry) if isinstance(entry, str) else entry
            if not isinstance(self.first, bytes) or self.first.strip(_BLANK):
                break
        else:
            self.first = None

    def _told(self, entries_: Iterable[Entry]) -> Iterator[Entry]:
        return self._digest.of(entries(entries_, self._label))

    @property
    def begins_with(self) -> bytes:
        """The first byte that is not blank; nothing if the first entry is no text."""
        return self.first.lstrip(_BLANK)[:1] if isinstance(self.first, bytes) else b""

    def lines(self) -> Iterator[Entry]:
        """Return all entries."""
        return chain(self._before, self._lines)

    def records(self, inside: Sequence[str] = ()) -> Iterator[tuple[int, Entry]]:
        """Return the records of JSON in any layout, or the entries as they are, each with its line's number.

        `inside` is the keys that lead to the list of records in a document.
        """
        if self.begins_with not in (b"[", b"{") or (not inside and _is_object(self.first)):
            return enumerate(self.lines(), start=1)
        is_file = _is_file(self._stream)
        as_text = as_bytes if is_file else _line
        parts = [as_text(entry) for entry in self._before]
        size = sum(map(len, parts))
        while is_more := size < _PIECE:
            for entry in self._lines:
                self._before.append(entry)
                parts.append(as_text(entry))
                size += len(parts[-1])
                break
            else:
                break
        start = b"".join(parts)
        if not is_document(start, is_more, inside):
            return enumerate(self.lines(), start=1)
        # of a file the text is read on, since its lines are cut off
        pieces = iter(lambda: self._stream.read(_PIECE) or None, None) if is_file else None  # type: ignore[attr-defined]
        rest = self._lines if pieces is None else self._told(pieces)
        return records_of(chain([start], map(as_text, rest)), inside)


_BLANK = b"\xef\xbb\xbf \t\r\n"


def _is_object(entry: Any) -> bool:
    """Return whether a line is a JSON object."""
    try:
        return isinstance(msgspec.json.decode(entry), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _line(entry: Entry) -> bytes:
    """Return an entry as a line of JSON."""
    if not isinstance(entry, bytes | str):
        try:
            entry = msgspec.json.encode(entry)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
            entry = shown(entry)
    line = as_bytes(entry)
    return line if line.endswith(b"\n") else line + b"\n"


def entries(stream: Iterable[Entry], label: str) -> Iterator[Entry]:
    """Yield what `stream` holds; an error while it is read becomes a CatalogueError."""
    try:
        yield from stream
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{label!r} is not UTF-8 text: open it in binary mode ({error})") from error
    except OSError as error:
        raise CatalogueError(f"cannot read {label!r}: {error.strerror or error}") from error


def suffix_of(source: Any) -> str:
    """Return the end of the name of a file, in small letters and without .gz; other sources have none."""
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    if not isinstance(name, (str, os.PathLike)):
        return ""
    path = Path(os.fspath(name).lower())
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def is_table(source: object) -> bool:
    """Return whether it is a file of a table, which is told by its name."""
    return suffix_of(source) in (".csv", ".tsv", ".parquet")


class Digest:
    """The SHA-256 of a file that is read line by line."""

    def __init__(self) -> None:
        self._sha256, self._whole = hashlib.sha256(), True
        self._begun = False

    def of(self, stream: Iterable[Entry]) -> Iterator[Entry]:
        """Yield all entries."""
        self._begun = True
        for entry in stream:
            if isinstance(entry, bytes) and len(entry) <= LONGEST_LINE:
                self._sha256.update(entry)
            else:
                self._whole = False
            yield entry

    @property
    def value(self) -> str | None:
        """The digits, or None where the entries were not the lines of a file."""
        return self._sha256.hexdigest() if self._begun and self._whole else None
