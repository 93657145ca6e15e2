"""The kinds of events: one table that says where the facts of each stand, and the log that follows from it.

A new kind is a row of :data:`EVENTS` and a method of the recorder (:mod:`tv2sim.model.recorder`). The log, the
tables' columns of times, saved runs and recorded replays follow from these two.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.ticks import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from tv2sim.facts import Facts

__all__ = ["EVENTS", "Kind", "Log", "LogEntry", "entry_at", "log_of", "pack", "times_of", "words"]

ROW = "row"
"""In place of a column's name: the number of the row itself."""


class LogEntry(NamedTuple):
    """A line of the event log, as an observer gets it: seconds, and None where it refers to nothing."""

    time: float
    event: str
    video: int | None
    encoder: int | None
    publisher: int | None


class Kind(NamedTuple):
    """Where the facts of an event stand: in columns of one table, at one row.

    Attributes
    ----------
    table : str
        The table of :data:`tv2sim.facts.TABLES`.
    time : str
        The column that holds its time.
    video, encoder, publisher : str or None
        The columns that hold what it refers to; :data:`ROW` for the number of the row.
    given : tuple of str
        Which of these the recorder's method of the event's name is called with.
    """

    table: str
    time: str
    video: str | None = None
    encoder: str | None = None
    publisher: str | None = None
    given: tuple[str, ...] = ("video",)


EVENTS: dict[str, Kind] = {
    "offered": Kind("videos", "offered", video=ROW),
    "encoding_started": Kind(
        "videos", "encoding_started", video=ROW, encoder="encoder", given=("video", "encoder")
    ),
    "encoded": Kind("videos", "encoded", video=ROW, encoder="encoder"),
    "queued": Kind("videos", "queued", video=ROW),
    "publisher_started": Kind("publishers", "started", video="cause", publisher=ROW),
    "publisher_ready": Kind("publishers", "ready", publisher=ROW, given=("publisher",)),
    "assigned": Kind("videos", "assigned", video=ROW, publisher="publisher", given=("video", "publisher")),
    "published": Kind("videos", "published", video=ROW, publisher="publisher"),
    "failed": Kind("videos", "published", video=ROW, publisher="publisher"),
    "publisher_ended": Kind("publishers", "ended", video="video", publisher=ROW, given=("publisher",)),
}
"""The kinds of events by their names in the log."""

OTHER = Kind("others", "time", "video", "encoder", "publisher", given=("video", "encoder", "publisher"))
"""An event that no column holds, such as the second start of a video's encoding, is a row of its own."""


# -- the sequence ------------------------------------------------------------------------------------------

_BITS = 5
"""Of the code of a kind; the rest is the number of the row."""


def pack(event: str | None, row: int = 0) -> int:
    """Return what stands for an event in :attr:`Facts.sequence`: its row and the code of its kind.

    Invariant: code 0 is :data:`OTHER` (event None); the others count from 1 in the order of :data:`EVENTS`.
    """
    return row << _BITS | (0 if event is None else 1 + list(EVENTS).index(event))


def _unpack(item: Any) -> tuple[Any, Any]:
    """Return row and code; of one item, or of an array of them."""
    return item >> _BITS, item & (1 << _BITS) - 1


@cache
def _kind_of(code: int) -> tuple[str | None, Kind]:
    """Return the name (None for :data:`OTHER`) and the kind that a code stands for."""
    return (None, OTHER) if code == 0 else list(EVENTS.items())[code - 1]


def entry_at(tables: Mapping[str, Mapping[str, Any]], item: int) -> LogEntry:
    """Return the line of the log for one item of the sequence, given the tables of facts so far."""
    row, code = _unpack(item)
    name, (table, time, video, encoder, publisher, _) = _kind_of(code)
    columns = tables[table]
    return LogEntry(
        columns[time][row] / PER_SECOND,
        list(EVENTS)[columns["kind"][row] - 1] if name is None else name,
        _number(columns, video, row),
        _number(columns, encoder, row),
        _number(columns, publisher, row),
    )


def _number(columns: Mapping[str, Any], column: str | None, row: int) -> int | None:
    if column is None:
        return None
    number: int = row if column == ROW else columns[column][row]
    return None if number < 0 else number


# -- the log -----------------------------------------------------------------------------------------------


class Log(NamedTuple):
    """The columns of the log: times in seconds, codes of events, and -1 where there is no such reference."""

    time: NDArray[np.float64]
    code: NDArray[np.int64]
    video: NDArray[np.int64]
    encoder: NDArray[np.int64]
    publisher: NDArray[np.int64]

    def entries(self) -> Iterator[LogEntry]:
        """Yield it line by line."""
        names = list(EVENTS)
        for time, code, *references in zip(*(column.tolist() for column in self), strict=True):
            numbers = (None if number < 0 else number for number in references)
            yield LogEntry(time, names[code - 1], *numbers)


def log_of(facts: Facts) -> Log:
    """Return the log that facts give."""
    rows, codes = _unpack(facts.sequence)
    log = Log(np.empty(len(rows)), codes.copy(), *(np.full(len(rows), -1, dtype=np.int64) for _ in range(3)))
    for code in np.unique(codes).tolist():
        name, kind = _kind_of(code)
        at = np.flatnonzero(codes == code)
        row, columns = rows[at], getattr(facts, kind.table)
        log.time[at] = columns[kind.time][row] / PER_SECOND
        if name is None:
            log.code[at] = columns["kind"][row]
        for reference in ("video", "encoder", "publisher"):
            if (column := getattr(kind, reference)) is not None:
                getattr(log, reference)[at] = row if column == ROW else columns[column][row]
    return log


def times_of(table: str) -> list[str]:
    """Return the columns of a table that hold times of events."""
    return list(dict.fromkeys(kind.time for kind in EVENTS.values() if kind.table == table))


def words(entry: LogEntry, *, own: bool = False) -> str:
    """Return what an entry refers to beside the video, for people; `own`: the video waits beside the queue."""
    if entry.event == "queued":
        return "" if own else "publishing queue"
    if entry.encoder is not None:
        return f"encoder {entry.encoder}"
    return "" if entry.publisher is None else f"publisher {entry.publisher}"
