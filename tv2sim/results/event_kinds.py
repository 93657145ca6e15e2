"""The kinds of events: one table of the columns that hold each kind, and the log that is derived with it.

A new kind is a row of :data:`EVENTS`. The recorder (:mod:`tv2sim.results.recorder`), the log, the tables'
columns of times, saved runs and recorded replays follow from that row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import shown
from tv2sim.base.errors import InputError
from tv2sim.base.fields import suggests_names
from tv2sim.base.ticks import PER_SECOND

if TYPE_CHECKING:
    from tv2sim.results.facts import Facts


ROW = "row"
"""Used in place of a column's name where the value is the number of the row itself."""


NEW = None
"""The state of a video, an encoder or a publisher before its first event."""


@suggests_names
class LogEntry(NamedTuple):
    """A line of the event log, as observers get it: the time in seconds, and None for a missing reference."""

    time: float
    event: str
    video: int | None
    encoder: int | None
    publisher: int | None


Observer: TypeAlias = Callable[[LogEntry], object]
"""What is called with each line of the event log."""


def as_observers(observers: object) -> tuple[Observer, ...]:
    """Return observers, of which one may be given alone.

    Raises
    ------
    InputError
        If one of them is not callable.
    """
    found = []
    for each in [observers] if callable(observers) or not isinstance(observers, Iterable) else observers:
        if not callable(each):
            raise InputError(
                f"observers must be a function of a tv2sim.LogEntry, or several, not {shown(observers)}"
            )
        found.append(each)
    return tuple(found)


class Kind(NamedTuple):
    """The place of an event in the facts: columns of one table, in one row.

    Attributes
    ----------
    table : str
        The table of :data:`tv2sim.results.facts.TABLES`.
    time : str
        The column that holds the time of the event.
    video, encoder, publisher : str or None
        The columns that hold the references of the event; :data:`ROW` for the number of the row.
    given : tuple of str
        The references that the recorder is given with the event.
    meaning : str
        What happens, as a clause that can follow "when".
    then : mapping
        The state that the video, the encoder or the publisher of the event has from then on.
    after : mapping
        The states that each of these may have before; :data:`NEW` if nothing has happened to it, or if the
        event may have none.
    """

    table: str
    time: str
    video: str | None = None
    encoder: str | None = None
    publisher: str | None = None
    given: tuple[str, ...] = ("video",)
    meaning: str = ""
    then: Mapping[str, str] = {}
    after: Mapping[str, tuple[str | None, ...]] = {}


OTHER = Kind("others", "time", "video", "encoder", "publisher")
"""The kind of an event that no column of its own holds, such as a second start of a video's encoding."""

EVENTS: dict[str, Kind] = {
    "offered": Kind(
        "videos", "offered", video=ROW, meaning="the client begins to offer the video",
        then={"video": "offered"}, after={"video": (NEW,)},
    ),
    "encoding_started": Kind(
        "videos", "encoding_started", video=ROW, encoder="encoder", given=("video", "encoder"),
        meaning="an encoder takes the video",
        then={"video": "encoding"}, after={"video": ("offered", "interrupted")},
    ),
    "encoded": Kind(
        "videos", "encoded", video=ROW, encoder="encoder", meaning="the encoding of the video ends",
        then={"video": "encoded"}, after={"video": ("encoding",)},
    ),
    "queued": Kind(
        "videos", "queued", video=ROW,
        meaning="the video leaves its encoder, for the publishing queue or to wait for its own publisher",
        then={"video": "queued"}, after={"video": ("encoded",)},
    ),
    "publisher_started": Kind(
        "publishers", "started", video="cause", publisher=ROW,
        meaning="a publisher is started, because of the video if one is named",
        then={"publisher": "starting"}, after={"publisher": (NEW,)},
    ),
    "publisher_ready": Kind(
        "publishers", "ready", publisher=ROW, given=("publisher",),
        meaning="the publisher has started up and can take a video",
        then={"publisher": "ready"}, after={"publisher": ("starting",)},
    ),
    "assigned": Kind(
        "videos", "assigned", video=ROW, publisher="publisher", given=("video", "publisher"),
        meaning="a publisher takes the video",
        then={"video": "assigned", "publisher": "busy"}, after={"video": ("queued",), "publisher": ("ready",)},
    ),
    "published": Kind(
        "videos", "published", video=ROW, publisher="publisher",
        meaning="the video is published no later than its timeout",
        then={"video": "published"}, after={"video": ("assigned",)},
    ),
    "failed": Kind(
        "videos", "settled", video=ROW, publisher="publisher",
        meaning="the video is published too late; or, if no publisher is named, its last attempt fails",
        then={"video": "failed"}, after={"video": ("assigned",)},
    ),
    "publisher_ended": Kind(
        "publishers", "ended", video="video", publisher=ROW, given=("publisher",),
        meaning="the publisher ends, after the publication of its only video",
        then={"publisher": "ended"}, after={"publisher": ("busy",)},
    ),
    "publisher_failed": Kind(
        "publishers", "ended", video="video", publisher=ROW, given=("publisher",),
        meaning="the publisher fails: as it starts up, while it waits for a video, or at the end of publishing",
        then={"publisher": "failed", "video": "queued"},
        after={"publisher": ("starting", "ready", "busy"), "video": (NEW, "assigned", "failed")},
    ),
    "publisher_retired": Kind(
        "publishers", "ended", publisher=ROW, given=("publisher",),
        meaning="the publisher is no longer needed and ends without a video",
        then={"publisher": "retired"}, after={"publisher": ("ready",)},
    ),
    "encoder_failed": OTHER._replace(
        given=("video", "encoder"),
        meaning="the encoder dies, and the video that it encodes has to start over",
        then={"encoder": "down", "video": "interrupted"},
        after={"encoder": (NEW, "up"), "video": (NEW, "encoding")},
    ),
    "encoder_repaired": OTHER._replace(
        given=("encoder",), meaning="the encoder is back", then={"encoder": "up"}, after={"encoder": ("down",)}
    ),
    "refused": Kind(
        "videos", "settled", video=ROW,
        meaning="no encoder is free for the video; the client offers it again, or that was its last offer",
        then={"video": "offered"}, after={"video": ("offered",)},
    ),
    "visible": OTHER._replace(
        meaning="the broker has delivered the video, so that publishers can take it",
        after={"video": ("queued",)},
    ),
    "redelivered": OTHER._replace(
        meaning="the broker delivers the video again, since a delivery or an acknowledgement was lost",
        then={"video": "queued"}, after={"video": ("queued", "assigned", "published", "failed")},
    ),
    "discarded": Kind(
        "videos", "settled", video=ROW,
        meaning="the video is given up, since its deadline has passed and no publisher has taken it",
        then={"video": "failed"}, after={"video": ("encoded", "queued")},
    ),
}  # fmt: skip
"""The kinds of events, by their names in the log."""


# -- the sequence ------------------------------------------------------------------------------------------

_BITS = len(EVENTS).bit_length()
"""Bits of an item that hold the code of the kind; the bits above hold the row."""


def code_of(event: str | None) -> int:
    """Return the code of a kind: 0 for :data:`OTHER` (None), 1, 2, ... for :data:`EVENTS` in their order."""
    return 0 if event is None else 1 + list(EVENTS).index(event)


def pack(event: str | None, row: int = 0) -> int:
    """Return the item of :attr:`Facts.sequence` for an event: its row and the code of its kind."""
    return row << _BITS | code_of(event)


def _unpack(item: Any) -> tuple[Any, Any]:
    """Return the row and the code of an item, or of an array of items."""
    return item >> _BITS, item & (1 << _BITS) - 1


@cache
def _kind_of(code: int) -> tuple[str | None, Kind]:
    """Return the name (None for :data:`OTHER`) and the kind that a code stands for."""
    return (None, OTHER) if code == 0 else list(EVENTS.items())[code - 1]


def entry_at(tables: Mapping[str, Mapping[str, Any]], item: int) -> LogEntry:
    """Return the line of the log for one item of the sequence, given the tables of facts so far."""
    row, code = _unpack(item)
    name, (table, time, video, encoder, publisher, *_) = _kind_of(code)
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
    """The log in columns: times in seconds, codes as :func:`code_of` gives them, and -1 for no reference."""

    time: NDArray[np.float64]
    code: NDArray[np.int64]
    video: NDArray[np.int64]
    encoder: NDArray[np.int64]
    publisher: NDArray[np.int64]

    def entries(self) -> Iterator[LogEntry]:
        """Yield the log line by line."""
        names = list(EVENTS)
        for time, code, *references in zip(*(column.tolist() for column in self), strict=True):
            numbers = (None if number < 0 else number for number in references)
            yield LogEntry(time, names[code - 1], *numbers)


def log_of(facts: Facts) -> Log:
    """Return the log that is derived from facts."""
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
    """Return in words what an entry refers to besides the video; `own`: it waits for its own publisher."""
    if entry.event == "queued":
        return "" if own else "publishing queue"
    if entry.encoder is not None:
        return f"encoder {entry.encoder}"
    return "" if entry.publisher is None else f"publisher {entry.publisher}"
