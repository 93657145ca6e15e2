"""What an engine hands over when it is done: when things happened to each video and to each publisher.

Everything else (tables, log, levels, figures) is derived from these columns in :mod:`tv2sim.tables`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EVENTS", "Ending", "Facts", "LogEntry"]

Ending: TypeAlias = Literal["completed", "cut-off", "no publisher will come", "stopped"]

EVENTS = (
    "offered",
    "encoding_started",
    "encoded",
    "queued",
    "publisher_started",
    "publisher_ready",
    "assigned",
    "published",
    "failed",
    "publisher_ended",
)
"""The names of the events in the log; in :attr:`Facts.order` an event's index stands for it."""


class LogEntry(NamedTuple):
    """A line of the event log, as an observer gets it."""

    time: float
    event: str
    video: int | None
    resource: str | None


@dataclass(frozen=True)
class Facts:
    """The columns; times are float64 seconds, NaN where a thing did not happen; numbers int64, -1 for none.

    Per video: `offered`, `encoder`, `encoding_started`, `encoded`, `queued`, `own` (whether it came to
    wait for a publisher of its own, beside the queue), `publisher`, `assigned`, `published`.
    Per publisher: `cause`, `started`, `ready`.

    `order` lists what happened in the order in which it did, an entry being ``16 * row + index in EVENTS``
    (row of the publisher for publisher_started and publisher_ready, else of the video). An end of publishing
    has one entry, with the index of "published": whether it was in time, and that the publisher ended with
    it, follows from the columns. `end` is the time at which the run ended, `ending` why.
    """

    offered: NDArray[np.float64]
    encoder: NDArray[np.int64]
    encoding_started: NDArray[np.float64]
    encoded: NDArray[np.float64]
    queued: NDArray[np.float64]
    own: NDArray[np.bool_]
    publisher: NDArray[np.int64]
    assigned: NDArray[np.float64]
    published: NDArray[np.float64]
    cause: NDArray[np.int64]
    started: NDArray[np.float64]
    ready: NDArray[np.float64]
    order: NDArray[np.int64]
    end: float
    ending: Ending
