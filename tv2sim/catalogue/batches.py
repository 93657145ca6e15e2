"""Records that others wrote (CSV, JSON, Parquet, data frames), a batch at a time, as columns of raw values.

The raw values are texts of CSV, values of JSON, or cells of frames. They become numbers, moments and texts.
"""

from __future__ import annotations

import csv
import math
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import chain, count, islice
from operator import itemgetter
from types import NoneType
from typing import Any, ClassVar, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import plural, shown
from tv2sim.base.errors import CatalogueError, need_pyarrow
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.ticks import PER_SECOND
from tv2sim.catalogue import judging
from tv2sim.catalogue.columns import FIELDS, Column, Columns
from tv2sim.catalogue.sources import Reading, frames_of, open_source, suffix_of
from tv2sim.catalogue.videos import REQUIRED

# -- a source as batches -----------------------------------------------------------------------------------


Values: TypeAlias = "list[Any] | NDArray[np.number] | pd.DatetimeIndex"

_ROWS = 1 << 14


@contextmanager
def batches(source: Any, columns: Columns) -> Iterator[tuple[Iterator[Batch], str, Reading | None]]:
    """Give the records of a source in batches, its name, and the text that is read, if it is one."""
    if (frames := frames_of(source)) is not None:
        yield _frame_batches(frames, "table"), "table", None
        return
    with open_source(source) as (stream, label):
        suffix = suffix_of(source)
        if suffix == ".parquet":
            yield _parquet_batches(stream, label), label, None
            return
        reading = Reading(stream, label)
        is_csv = suffix in (".csv", ".tsv")
        if not suffix or source == "-":
            is_csv = reading.begins_with not in (b"", b"{", b"[")
        yield _csv_batches(reading, label) if is_csv else _json_batches(reading, columns), label, reading


@dataclass(frozen=True)
class Json:
    """Records of JSON, or Python's own mappings.

    Attributes
    ----------
    lines : sequence of int
        The number of the line at which each begins.
    entries : sequence
        The entry of the source for each.
    rows : sequence of dict
        The records themselves, empty where an entry cannot be read.
    broken : dict
        The reasons why entries cannot be read, by row.
    """

    lines: Sequence[int]
    entries: Sequence[judging.Entry]
    rows: Sequence[dict[str, Any]]
    broken: dict[int, str]
    names: ClassVar[Collection[str]] = ()

    def text(self, row: int) -> str:
        """Return the text of a row."""
        return _text_of(self.entries[row])

    def values(self, column: Column) -> Values:
        """Return a column."""
        name = column.text
        if len(column.steps) == 1:
            return [row.get(column.steps[0]) for row in self.rows]  # type: ignore[arg-type]
        return [row[name] if name in row else column.of(row) for row in self.rows]

    def own(self, name: str) -> Values | None:
        """Return the column that has the name of a field; None if the field is optional and absent."""
        json = FIELDS[name]
        values = [row[json] if json in row else row.get(name) for row in self.rows]
        optional = name not in REQUIRED or name == "encoding_time"
        return None if optional and set(map(type, values)) == {NoneType} else values


@dataclass(frozen=True)
class _Table:
    """Rows of a table.

    Attributes
    ----------
    lines, broken
        As for :class:`Json`.
    names : dict
        The places of the columns, by their names.
    column, text : callable
        Return the column at a place, and the text of a row.
    label : str
        The name of the table.
    """

    lines: Sequence[int]
    broken: dict[int, str]
    names: dict[str, int]
    column: Callable[[int], Values]
    text: Callable[[int], str]
    label: str

    def values(self, column: Column) -> Values:
        """Return a column."""
        if column.text in self.names:
            return self.column(self.names[column.text])
        head, *rest = column.steps
        if head not in self.names:
            known = ", ".join(self.names)
            quoted = "; in a mapping a name with '-' or a blank is in double quotes" if "-" in known else ""
            raise CatalogueError(f"{self.label!r} has no column {head!r}; it has {known[:500]}{quoted}")
        found = self.column(self.names[str(head)])
        return [Column(column.text, tuple(rest)).of(one) for one in found] if rest else found

    def own(self, name: str) -> Values | None:
        """Return the column with the name of a field, or None."""
        index = self.names.get(FIELDS[name], self.names.get(name))
        return None if index is None else self.column(index)


Batch: TypeAlias = Json | _Table


# -- JSON, and Python's own mappings -----------------------------------------------------------------------


def _json_batches(reading: Reading, columns: Columns) -> Iterator[Batch]:
    """Yield the records of JSON in any layout, or of Python's own. A line may also be a list of records."""
    records = _records(reading, columns.records)
    while part := list(islice(records, _ROWS)):
        lines, entries, rows = zip(*part, strict=True)
        broken = {row: reason for row, reason in enumerate(rows) if isinstance(reason, str)}
        yield Json(lines, entries, [{} if row in broken else one for row, one in enumerate(rows)], broken)


def _text_of(entry: judging.Entry) -> str:
    if isinstance(entry, str):
        return entry.rstrip("\r\n")[: judging.TEXT_KEPT]
    with suppress(UnicodeError, TypeError):  # Python's own may hold what JSON does not
        return judging.text_of(msgspec.json.encode(entry) if isinstance(entry, dict) else entry)
    return judging.text_of(entry)


_decode = judging.decoding(msgspec.json.Decoder(dict[str, Any] | list[Any]).decode)


def _mapping(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        entry = msgspec.to_builtins(entry) if isinstance(entry, msgspec.Struct) else entry
        if not isinstance(entry, dict):
            raise judging.UnusableError(judging.no_object(type(entry).__name__))
    return entry


def _records(reading: Reading, inside: Column | None) -> Iterator[tuple[int, judging.Entry, Any]]:
    """Yield number, entry and record; in place of the record, the reason why it cannot be read."""
    keys = [step for step in inside.steps if isinstance(step, str)] if inside else []
    for number, entry, found in judging.parse_entries(reading.records(keys), _decode, _mapping):
        if isinstance(found, list):
            yield from ((number, record, judging.outcome_of(_mapping, record)) for record in found)
        else:
            yield number, entry, found


# -- tables ------------------------------------------------------------------------------------------------


def _csv_batches(reading: Reading, label: str) -> Iterator[Batch]:
    """Yield the records of a CSV file with a header; commas, semicolons or tabs separate."""
    if isinstance(reading.first, bytes) and (hint := judging.of_another_kind(reading.first)):
        raise CatalogueError(f"cannot read {label!r} as a table{hint}")
    source = _Csv(reading.lines())
    header = source.header(label)
    names = _places(header, label)
    while header and (lines := source.block()):
        numbers, rows, texts, broken = source.rows(lines)
        if rows:  # lines may all be blank
            column, text = partial(_of_rows, rows), partial(_of_texts, texts)
            yield _Table(numbers, broken, names, column, text, label)


def _places(header: Iterable[str], label: str) -> dict[str, int]:
    """Return the places of the columns of a table by their names."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if name and places.setdefault(name, place) != place:
            raise CatalogueError(f"{label!r} has several columns named {name[:60]!r}: rename them")
    return places


def _of_rows(rows: list[list[str]], place: int) -> Values:
    return list(map(itemgetter(place), rows))


def _of_texts(texts: list[str], row: int) -> str:
    return _text_of(texts[row])


class _Csv:
    """The rows of a text, each with its text and the number of its first line; `number` counts lines."""

    def __init__(self, stream: Iterable[judging.Entry]) -> None:
        self._lines = (
            line.decode("utf-8", "surrogateescape") if isinstance(line, bytes) else str(line) for line in stream
        )
        self._ahead: deque[str] = deque()
        """Lines that were read, and belong to no row yet."""
        self._delimiter = ","
        self._width: int | None = None
        self.number = 0

    def header(self, label: str) -> list[str]:
        """Return the names of the columns."""
        while line := next(self._lines, ""):
            line = line.removeprefix("\ufeff")
            if line.strip():
                self._delimiter = max(",;\t", key=line.count)
                _, rows, _, broken = self._one_by_one([line])
                if broken:
                    raise CatalogueError(f"cannot read {label!r}: line {self.number}: {broken[0]}")
                self._width = len(rows[0])
                return rows[0]
            self.number += 1
        return []

    def block(self) -> list[str]:
        """Return the next block of lines."""
        found = list(islice(chain(self._ahead, self._lines), max(_ROWS, len(self._ahead))))
        self._ahead.clear()
        return found

    def rows(self, lines: list[str]) -> tuple[Sequence[int], list[list[str]], list[str], dict[int, str]]:
        """Return the numbers, rows and texts that begin in these lines, and by row why it cannot be read."""
        try:
            rows = list(csv.reader([*lines, _END], delimiter=self._delimiter))
        except csv.Error:
            return self._one_by_one(lines)
        # a row of several lines, or one that goes on after these, would have taken a line of another row
        if len(rows) != len(lines) + 1 or rows.pop() != [_END] or set(map(len, rows)) != {self._width}:
            return self._one_by_one(lines)
        self.number += len(lines)
        return range(self.number - len(lines) + 1, self.number + 1), rows, lines, {}

    def _one_by_one(self, lines: list[str]) -> tuple[list[int], list[list[str]], list[str], dict[int, str]]:
        numbers: list[int] = []
        rows: list[list[str]] = []
        texts: list[str] = []
        broken: dict[int, str] = {}
        self._ahead.extend(lines)
        end = self.number + len(lines)
        while self.number < end:
            row, size = self._row()
            text = "".join(self._ahead.popleft() for _ in range(size))
            self.number += size
            if not row:  # a blank line
                continue
            if isinstance(row, list) and self._width not in (None, len(row)):
                row = f"it has {plural(len(row), 'value')}, but the header has {self._width}"
            if isinstance(row, str):
                broken[len(rows)] = row
                row = [""] * (self._width or 1)
            rows.append(row)
            numbers.append(self.number - size + 1)
            texts.append(text)
        return numbers, rows, texts, broken

    def _row(self) -> tuple[list[str] | str, int]:
        """Return the row that begins in the next line, or why it cannot be read, and its number of lines."""
        first = self._ahead[0]
        try:
            found = list(csv.reader([first, _END], delimiter=self._delimiter))
        except csv.Error as error:
            if max(map(len, first.split(self._delimiter))) > csv.field_size_limit():
                return f"a value in it is longer than {csv.field_size_limit():,} characters", 1
            if "\r" in first.rstrip("\r\n"):
                return "a carriage return stands in it, outside of quotes", 1
            return f"no CSV: {error}", 1
        if found[1:] == [[_END]]:
            return found[0], 1
        # A quote is open. After a stray quote, the next one is not before a separator, or the row has another
        # number of values. Invariant: a stray quote costs its own row only.
        reader = csv.reader(self._lines_ahead(), delimiter=self._delimiter, strict=True)
        with suppress(csv.Error):
            row = next(reader)
            if self._width in (None, len(row)):
                return row, reader.line_num
        return "a quote opens in it and is not closed", 1

    def _lines_ahead(self) -> Iterator[str]:
        for place in count():
            if place == len(self._ahead):
                if not (line := next(self._lines, "")):
                    return
                self._ahead.append(line)
            yield self._ahead[place]


_END = "\0"
"""The line that ends a block: it occurs in no text file."""


def _frame_batches(frames: Iterable[pd.DataFrame], label: str) -> Iterator[Batch]:
    """Yield the rows of data frames."""
    first = 1
    for frame in frames:
        names = _places(map(str, frame.columns), label)
        for start in range(0, len(frame), _ROWS):
            part = frame.iloc[start : start + _ROWS]
            numbers = range(first + start, first + start + len(part))
            yield _Table(numbers, {}, names, partial(_of_frame, part), partial(_row_of_frame, part), label)
        first += len(frame)


def _of_frame(part: pd.DataFrame, place: int) -> Values:
    return _plain(part.iloc[:, place])


def _row_of_frame(part: pd.DataFrame, row: int) -> str:
    return judging.text_of(part.iloc[row].to_dict())


def _parquet_batches(file: Any, label: str) -> Iterator[Batch]:
    """Yield the rows of a Parquet file."""
    need_pyarrow()
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        yield from _frame_batches((batch.to_pandas() for batch in table.iter_batches(_ROWS)), label)
    except (pyarrow.ArrowException, OSError) as error:
        raise CatalogueError(f"cannot read {label!r} as Parquet: {error}") from error


def _plain(series: pd.Series[Any]) -> Values:
    """Return the values of a column of a data frame."""
    kind = series.dtype
    if isinstance(kind, pd.DatetimeTZDtype) or kind.kind == "M":
        return pd.DatetimeIndex(series)
    if kind.kind in "iuf" and not series.hasnans:
        return series.to_numpy()
    if kind.kind in "iuf":
        return series.to_numpy(dtype="float64", na_value=float("nan"))
    return series.astype(object).where(series.notna(), None).tolist()


# -- one value of a cell -----------------------------------------------------------------------------------


MISSING = "is missing"

_FIRST_STAMP = 10**8
"""Seconds: this is March 1973; a smaller number is no timestamp, but seconds since the start of the log."""
_LAST_STAMP = 2**32
_UNITS = ((10**11, PER_SECOND), (10**14, PER_SECOND // 1000), (10**17, 1))
"""Pairs (limit, ticks per unit): a number below the limit is in this unit; larger ones are nanoseconds."""


class _UnusableError(Exception):
    """A value cannot be used; the message says why."""


def _number(value: Any) -> int | float:
    """Return one value as a number."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            raise _UnusableError(MISSING)
        try:
            # a whole number is exact as an int; float() would also take 1_000
            value = (
                int(value) if re.fullmatch(r"[0-9]{1,300}", value) else float(value.replace("_", "no number"))
            )
        except ValueError:
            raise _UnusableError(f"is no number: {shown(value, 60)}") from None
    value = judging.plain(value)
    if judging.is_missing(value):
        raise _UnusableError(MISSING)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnusableError(f"is no number: {shown(value, 60)}")
    if not math.isfinite(value):
        raise _UnusableError(f"is no finite number: {value}")
    return value


def _moment(value: Any, zone: tzinfo) -> tuple[float, bool]:
    """Return one value as ticks, and whether it is a timestamp; without an offset it is a time of this zone."""
    if (time := _time(value)) is not None:
        aware = time if time.tzinfo else time.replace(tzinfo=zone)
        since = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return _checked(float(since // timedelta(microseconds=1)), value), True
    try:
        number = _number(value)
    except _UnusableError as error:
        raise _UnusableError(str(error).replace("number", "time")) from None
    unit = next((unit for above, unit in _UNITS if abs(number) < above), 0)
    ticks = float(round(number * unit) if unit else number // 1000)
    stamped = abs(number) >= _FIRST_STAMP
    return (_checked(ticks, value) if stamped else ticks), stamped


def _time(value: Any) -> datetime | None:
    """Return the calendar time of a value; None for any other value, such as an epoch."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str) and value.strip()[4:5] == "-":
        try:
            return datetime.fromisoformat(value.strip().removesuffix("UTC").strip())
        except ValueError:
            raise _UnusableError(f"is no time: {shown(value, 60)}") from None
    return value if isinstance(value, datetime) and value == value else None  # NaT differs from itself


def _checked(ticks: float, value: Any) -> float:
    if not 0 <= ticks < _LAST_STAMP * PER_SECOND:
        raise _UnusableError(f"is no time from 1970 to 2106: {shown(value, 60)}")
    return ticks


def _text(value: Any) -> str:
    """Return one value as text; whole numbers, as ids often are, have no decimals."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if judging.is_missing(value):
        raise _UnusableError(MISSING)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _UnusableError(f"is no text: {shown(value, 60)}")
    return str(value)


# -- the values of a column --------------------------------------------------------------------------------


def numbers(values: Values) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Return the numbers of a column, NaN where one is missing, and the reason by row."""
    fast = _fast_numbers(values)
    result = np.full(len(values), np.nan) if fast is None else fast.astype(np.float64)
    rows = np.flatnonzero(~np.isfinite(result)).tolist()
    found, reasons = _one_by_one(_number, values, rows)
    result[rows] = [found.get(row, np.nan) for row in rows]
    return result, reasons


def moments(
    values: Values, zone: tzinfo = UTC
) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
    """Return the ticks of a column (NaN: no time), whether each is a timestamp, and the reasons by row.

    Times of the calendar without an offset are times of `zone`.
    """
    ticks, stamped = np.full(len(values), np.nan), np.zeros(len(values), dtype=bool)
    if (times := _fast_times(values, zone)) is not None:
        ticks, stamped = times, ~np.isnan(times)
    elif (fast := _fast_numbers(values)) is not None:
        size, least = np.abs(fast), 0
        for above, unit in _UNITS:
            here = (size >= least) & (size < above)
            ticks[here], least = np.rint(fast[here] * float(unit)), above
        stamped = (size >= _FIRST_STAMP) & (size < least)
    with np.errstate(invalid="ignore"):
        outside = stamped & ~((ticks >= 0) & (ticks < _LAST_STAMP * PER_SECOND))
    ticks[outside] = np.nan
    rows = np.flatnonzero(np.isnan(ticks)).tolist()
    found, reasons = _one_by_one(partial(_moment, zone=zone), values, rows)
    for row in rows:
        ticks[row], stamped[row] = found.get(row, (np.nan, False))
    return ticks, stamped, reasons


def texts(values: Values) -> tuple[list[str], dict[int, str]]:
    """Return the texts of a column, empty where one is missing, and the reason by row."""
    listed: list[Any] = list(values)
    kinds = set(map(type, listed))
    if kinds <= {str} or kinds == {int}:
        return (list(map(str, listed)) if int in kinds else listed), {}
    found, reasons = _one_by_one(_text, listed, range(len(listed)))
    return [found.get(row, "") for row in range(len(listed))], reasons


def _one_by_one(
    function: Callable[[Any], Any], values: Values, rows: Iterable[int]
) -> tuple[dict[int, Any], dict[int, str]]:
    """Return for each row what a function makes of its value, or the reason for its rejection."""
    found, reasons = {}, {}
    for row in rows:
        try:
            found[row] = function(values[row])
        except _UnusableError as error:
            reasons[row] = str(error)
        except (ValueError, OverflowError, TypeError):
            reasons[row] = f"cannot be used: {shown(values[row], 60)}"
    return found, reasons


def _fast_numbers(values: Values) -> NDArray[Any] | None:
    """Return the numbers of a column, NaN for other values; None if values have to be parsed one by one."""
    found = values
    if isinstance(values, list):
        kinds = set(map(type, values))
        if kinds == {str}:
            found = np.asarray(pd.to_numeric(np.array(values, dtype=object), errors="coerce"))
        elif kinds <= {int, float}:
            found = np.array(values)
    # whole numbers that are too large for numpy are objects
    return found if isinstance(found, np.ndarray) and found.dtype.kind in "iuf" else None


def _fast_times(values: Values, zone: tzinfo) -> NDArray[np.float64] | None:
    """Return the ticks of a column of ISO times, NaN for other values; None if it has no such time."""
    if isinstance(values, list):
        if set(map(type, values)) != {str} or next(filter(None, values), "")[4:5] != "-":
            return None
        # pandas takes "now" and "2024" for times as well
        iso = [text if text[4:5] == text[7:8] == "-" else "" for text in values]
        if zone is not UTC:  # those without an offset are read one by one
            iso = [text if _OFFSET.search(text) else "" for text in iso]
        values = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
    if not isinstance(values, pd.DatetimeIndex):
        return None
    if values.tz is None and zone is not UTC:
        return None
    ticks = values.as_unit("us").asi8.astype(np.float64)
    ticks[np.asarray(values.isna())] = np.nan
    return ticks


_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)\s*$")
