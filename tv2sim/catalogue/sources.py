"""Sources of a catalogue: paths, streams, tables and records, read entry by entry in any layout."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, IOBase, TextIOBase
from itertools import chain
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias

import msgspec

from tv2sim.base.checks import shown
from tv2sim.base.errors import CatalogueError, need_pyarrow
from tv2sim.base.lazy_pandas import pd
from tv2sim.catalogue.judging import LONGEST_LINE, Broken, Entry, as_bytes

# -- any source, entry by entry ----------------------------------------------------------------------------


class ArrowStream(Protocol):
    """A table as Arrow data, from pyarrow, polars, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of an ArrowArrayStream."""


Source: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str] | pd.DataFrame | ArrowStream | Iterable[Any]"


@contextmanager
def open_source(source: Any) -> Iterator[tuple[Iterable[Entry], str]]:
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
            yield _unpack(stream, label), label
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
    yield _unpack(source, label), label


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
"""The most entries at the start that cannot be videos, since a source may have no end."""


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


def _unpack(stream: Any, label: str) -> Any:
    """Return a stream of bytes without its gzip, and any other source as it is."""
    file = getattr(stream, "file", stream)
    if isinstance(file, IOBase) and not isinstance(file, TextIOBase) and _begins_with(file, _GZIP):
        return BufferedReader(_Unpacked(file, label), _PIECE)
    return stream


_GZIP = b"\x1f\x8b\x08"
_PIECE = 1 << 16


def _begins_with(stream: Any, start: bytes) -> bool:
    """Return whether the next bytes of a stream are these; the position in the stream stays."""
    try:
        if hasattr(stream, "peek"):
            return bool(stream.peek(len(start))[: len(start)] == start)
        if not stream.seekable():
            return False
        found, _ = stream.read(len(start)), stream.seek(-len(start), os.SEEK_CUR)
    except (OSError, ValueError):  # the same error is reported when the entries are read
        return False
    return bool(found == start)


class _Unpacked(gzip.GzipFile):
    """The contents of a gzip file; a suspiciously high ratio of packing is an error."""

    def __init__(self, packed: Any, label: str) -> None:
        self._packed, self._label = _Packed(packed), label
        super().__init__(fileobj=self._packed, mode="rb")

    def seekable(self) -> bool:
        return self._packed.start is not None

    def readinto(self, buffer: Any, /) -> int:
        try:
            count = super().readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = "it ends too early" if isinstance(error, EOFError) else "it is damaged"
            raise CatalogueError(f"cannot unpack {self._label!r}: {why}") from error
        size, packed = self.tell(), self._packed.size
        if size > max(_UNPACKED, min(_RATIO * packed, _UNPACKED_AT_MOST)):
            raise CatalogueError(
                f"{self._label!r} unpacks to {size // 1_000_000:,} MB and more, from "
                f"{packed / 1_000_000:.3g} MB: if that is meant, unpack it with gunzip"
            )
        return count


_UNPACKED, _UNPACKED_AT_MOST, _RATIO = 1 << 26, 1 << 32, 100
"""The most bytes of any unpacked gzip file; the most at a lower ratio of packing; and this ratio."""


class _Packed:
    """A gzip file from its place on, which may lie behind other data; it counts the bytes read."""

    def __init__(self, file: Any) -> None:
        self._file, self.size = file, 0
        self.start: int | None = file.tell() if file.seekable() else None

    def read(self, size: int = -1) -> bytes:
        found: bytes = self._file.read(size)
        self.size += len(found)
        return found

    def seek(self, position: int) -> None:
        self._file.seek((self.start or 0) + position)
        self.size = 0


def _is_file(stream: object) -> bool:
    return isinstance(getattr(stream, "file", stream), IOBase)  # a named temporary file wraps the real one


def _lines(stream: Any) -> Iterator[bytes | str]:
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        rest, end = line, b"\n" if isinstance(line, bytes) else "\n"
        while len(line) > LONGEST_LINE and rest and not rest.endswith(end):
            rest = stream.readline(_PIECE)


class Reading:
    """The entries of an open file, or of another source, from the first on; each is read when it is needed.

    Parameters
    ----------
    stream : iterable
        An open file, or entries.
    label : str
        Its name.
    """

    def __init__(self, stream: Iterable[Entry], label: str) -> None:
        self._stream, self._label = stream, label
        self._sha256, self._is_text = hashlib.sha256(), True
        self._lines = self._digested(_lines(stream) if _is_file(stream) else stream)
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

    def _digested(self, stream: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries(stream, self._label):
            if isinstance(entry, bytes) and len(entry) <= LONGEST_LINE:
                self._sha256.update(entry)
            else:
                self._is_text = False
            yield entry

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of what was read, or None where the entries were not the lines of a file."""
        return self._sha256.hexdigest() if self._is_text else None

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
        if self.begins_with not in (b"[", b"{") or (not inside and _is_json(self.first, dict)):
            return enumerate(self.lines(), start=1)
        is_file = _is_file(self._stream)
        as_text = as_bytes if is_file else _line
        parts = [as_text(entry) for entry in self._before]
        size = sum(map(len, parts))
        while size < _PIECE and (entry := next(self._lines, _NO_MORE)) is not _NO_MORE:
            self._before.append(entry)
            parts.append(as_text(entry))
            size += len(parts[-1])
        start = b"".join(parts)
        if not is_document(start, size < _PIECE, inside):
            return enumerate(self.lines(), start=1)
        # of a file the text is read on, since its lines are cut off
        pieces = iter(lambda: self._stream.read(_PIECE) or None, None) if is_file else None  # type: ignore[attr-defined]
        rest = self._lines if pieces is None else self._digested(pieces)
        return records_of(chain([start], map(as_text, rest)), inside)


_BLANK = b"\xef\xbb\xbf \t\r\n"
_NO_MORE = object()


def _is_json(text: Any, kind: type = object) -> bool:
    """Return whether a text is JSON of this kind."""
    try:
        return isinstance(msgspec.json.decode(text), kind)
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
    """Yield the entries of `stream`; an error while reading becomes a CatalogueError."""
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
    """Return whether a source is a file of a table, by the end of its name."""
    return suffix_of(source) in (".csv", ".tsv", ".parquet")


# -- JSON documents: records in any layout, without holding the text ---------------------------------------


_INDENT = 200
"""The longest indent that is recognized again."""

_DEEPEST = 1000
"""The most levels of brackets in a value; a line that has more is given up."""

_STRING = rb'"(?:[^"\\\n]++|\\.)*+"'


def _inside(depth: int) -> bytes:
    """Return the pattern of a text between brackets that has at most `depth` levels of brackets in it."""
    deeper = _inside(depth - 1) if depth else b""
    nested = rb"|\{" + deeper + rb"\}|\[" + deeper + rb"\]" if depth else b""
    return rb'(?:[^"{}\[\]]++|' + _STRING + nested + rb")*+"


_SEPARATORS = rb"(?:[\s,\x1e]|\xef\xbb\xbf)*+"
_GAP = re.compile(_SEPARATORS)
_RECORD = re.compile(_SEPARATORS + rb"(\{" + _inside(3) + rb"\})")
_TOKEN = re.compile(rb'([^"{}\[\]]*+)("(?:[^"\\\n]++|\\.)*+(?:"|\\?\n)|[{}\[\]])')
"""The next bracket or string, and the text before it. A string ends at a line break at the latest."""
_NO_RECORD = re.compile(rb"[^{\]\n]*+")
_LISTS = re.compile(rb"(?:\[\s*\]\s*)*+\[\s*(?=\{|\Z)")


def is_document(start: bytes, whole: bool, inside: Sequence[str]) -> bool:
    """Return whether a text is a document, or several after one another, and not JSON lines.

    Parameters
    ----------
    start : bytes
        What the text begins with, from its first line that is not blank.
    whole : bool
        Whether this is all of it.
    inside : sequence of str
        The keys that lead to the list of records in a document.
    """
    start = start[_GAP.match(start).end() :]  # type: ignore[union-attr]
    if start.startswith(b"{"):
        return bool(inside) or _is_printed(start, whole)
    if (found := _LISTS.match(start)) is None:
        return False
    end, _ = _walk(start, found.end(), [], ()) or (len(start), False)
    # records without a comma between them are lines
    return start[:end].rstrip().endswith(b",") or not start[end:].lstrip().startswith(b"{")


def _is_printed(start: bytes, whole: bool) -> bool:
    """Return whether an object takes several lines."""
    if _is_json(start.partition(b"\n")[0]):
        return False
    if (found := _walk(start, 0, [], ())) is None:
        return not whole or start.partition(b"\n")[0].strip() == b"{"
    return b"\n" in start[: found[0]] and _is_json(start[: found[0]])


def records_of(pieces: Iterator[bytes], inside: Sequence[str]) -> Iterator[tuple[int, bytes | Broken]]:
    """Yield the records of a text, each with the number of the line in which it begins.

    The text is a sequence of records, lists of records, and objects that hold a list of records. Other values
    are yielded as well, and rejected later. A broken record ends where the next one begins.
    """
    text = _Text(pieces)
    while byte := text.next():
        if byte == b"[":
            yield from _records_of_list(text)
        elif byte == b"{" and inside:
            end, holds_list = text.walk([], inside)
            found = text.take(end)
            if not holds_list:
                yield found
                continue
            yield from _records_of_list(text)
            text.take(text.walk([b"{"] * len(inside), ())[0])
        elif byte == b"{":
            yield text.take(text.walk([], ())[0])
        else:
            yield text.take(text.end_of_line())


def _records_of_list(text: _Text) -> Iterator[tuple[int, bytes | Broken]]:
    """Yield the records of a list."""
    begun, _ = text.take(text.at + 1)
    last = b""
    while True:
        while found := _RECORD.match(text.text, text.at):
            text.take(found.start(1))
            yield text.take(found.end())
        if (byte := text.next()) == b"]":
            text.at += 1
            return
        if not byte:
            if not last or last.rstrip().endswith(b"}"):  # otherwise the last record is rejected as cut off
                yield begun, Broken("the list that begins here does not end", "[")
            return
        if byte in b"{[":
            number, last = text.take(text.walk([], ())[0])
            yield number, last
        else:
            yield text.take(_NO_RECORD.match(text.text, text.at).end())  # type: ignore[union-attr]


class _Text:
    """A text that is read piece by piece: the part that is held, the place in it, and its line."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self.text, self.at, self.line, self.is_whole = pieces, b"", 0, 1, False

    def _read_on(self) -> None:
        """Read as much again as is held, and drop what was taken, but for the start of the line."""
        kept = max(self.text.rfind(b"\n", 0, self.at) + 1, self.at - _INDENT)
        parts = [self.text[kept:]]
        missing = max(_PIECE, len(parts[0]))
        for piece in self._pieces:
            parts.append(piece)
            if (missing := missing - len(piece)) <= 0:
                break
        else:
            self.is_whole = True
        self.text, self.at = b"".join(parts), self.at - kept

    def take(self, end: int) -> tuple[int, bytes]:
        """Return the number of the line and the text up to `end`, and move to `end`."""
        line, found = self.line, self.text[self.at : end]
        self.line += found.count(b"\n")
        self.at = end
        return line, found

    def next(self) -> bytes:
        """Skip what separates values, and return the next byte; nothing at the end."""
        while True:
            self.take(_GAP.match(self.text, self.at).end())  # type: ignore[union-attr]
            if len(self.text) - self.at >= 3 or self.is_whole:  # a byte order mark has three bytes
                return self.text[self.at : self.at + 1]
            self._read_on()

    def end_of_line(self) -> int:
        """Return the end of the line; of a line that is too long only the start is kept."""
        while (end := self.text.find(b"\n", self.at)) < 0 and not self.is_whole:
            if len(self.text) - self.at > LONGEST_LINE:
                self._shorten()
            self._read_on()
        return len(self.text) if end < 0 else end

    def walk(self, stack: list[bytes], inside: Sequence[str]) -> tuple[int, bool]:
        """Return the end of the value and False, or the start of its list of records and True."""
        while (found := _walk(self.text, self.at, stack.copy(), inside)) is None:
            if self.is_whole or len(self.text) - self.at > LONGEST_LINE:
                return self._next_like_this(), False
            self._read_on()
        return found

    def _next_like_this(self) -> int:
        """Return the start of the value in the next line that has the same indent as the line of this value."""
        line = self.text[self.text.rfind(b"\n", 0, self.at) + 1 : self.at]
        indent = line[: len(line) - len(line.lstrip())]
        again = re.compile(rb"\n" + re.escape(indent) + rb"(?:,[ \t]*)?(?=\{)")
        if not line.strip(b" \t[,") and (found := again.search(self.text, self.at)):
            return found.end()
        return len(self.text) if self.is_whole else self.end_of_line()

    def _shorten(self) -> None:
        """Drop a part of a line that is too long; the rest is still too long, so that it is rejected."""
        self.text, self.at = self.text[self.at : self.at + LONGEST_LINE + 1], 0


def _walk(text: bytes, at: int, stack: list[bytes], inside: Sequence[str]) -> tuple[int, bool] | None:
    """Return the end of the value at `at` and False, or the start of its list of records and True.

    Parameters
    ----------
    stack : list of bytes
        The brackets that are open before `at`.
    inside : sequence of str
        The keys that lead to the list of records.

    Returns
    -------
    tuple of int and bool, or None
        None if the text ends before the value does.
    """
    keys: list[str] = []
    last = b""
    while found := _TOKEN.match(text, at):
        before, token = found.groups()
        at = found.end()
        if token in (b"{", b"["):
            is_value = before.strip() == b":"
            if stack and stack[-1] == b"{" and not is_value:
                return found.start(2), False  # an object holds keys, so this is the next record
            if len(stack) == _DEEPEST:
                end = text.find(b"\n", at)
                return None if end < 0 else (end, False)
            keys = [*keys[: len(stack) - 1], _key(last) if is_value else ""] if stack and inside else keys
            stack.append(token)
            if inside and token == b"[" and keys == list(inside):
                return found.start(2), True
        elif token in (b"}", b"]"):
            if not _close(stack, token):
                return found.start(2), False
            if not stack:
                return at, False
        else:
            last = token
    return None


def _close(stack: list[bytes], token: bytes) -> bool:
    """Close the innermost bracket of this kind, and those left open in it; return whether there is one."""
    opening = b"{" if token == b"}" else b"["
    if opening not in stack:
        return False
    while stack.pop() != opening:
        pass
    return True


def _key(token: bytes) -> str:
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return ""
