"""The state of a replication in :mod:`tv2sim.engines.kernel.events`: records, addressed by name.

A record array has a row for each video, publisher or entry of a list; `s.videos(state)[row].encoded` is one of
its fields. What is counted is a single record, and so is what is given. All functions take a state, which has
these two, and the addresses of the arrays.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import numpy as np

from tv2sim.base.compiling import spliced
from tv2sim.engines.kernel.memory import at, located
from tv2sim.results.facts import PUBLISHER_OUTCOMES, VIDEO_OUTCOMES
from tv2sim.strategies import MOMENTS


def _record(floats: str, integers: str = "", flags: str = "") -> np.dtype[Any]:
    """Return the type of a record with numbers, whole numbers, and whole numbers up to 127 of these names."""
    kinds = ((floats, "f8"), (integers, "i8"), (flags, "i1"))
    return np.dtype([(name, kind) for names, kind in kinds for name in names.split()], align=True)


VIDEO = _record(
    # what is given, and what a replication draws
    "timeout delay priority nominal publishing encoding_time before "
    # the facts
    "offered started encoded queued assigned published settled",
    # its own publisher that is ready, or NOBODY
    "encoder publisher own_publisher",
    # whether it waits for its own publisher
    "moment own outcome waits_for_own",
)
"""A video; it is not offered before `before`, and the coverage rule expects the encoding time `nominal`."""

PUBLISHER = _record("started ready assigned ended", "cause video order owner", "outcome")
"""A publisher, with its order and the video whose own it is, or NOBODY."""

HEAPED = _record("time", "key")
"""An item of a heap; see :mod:`tv2sim.engines.kernel.heaps`."""

LISTED = _record(
    # since when an order is in line
    "since",
    # by slot and video: publishers begun because of it
    "begun "
    # ready publishers; videos in blocked encoders, and those that may leave these
    "ready blocked admitted "
    # orders: that start later, and that wait for others to end; publishers whose start-up has failed
    "timed in_line lost "
    # videos that wait for their own publishers, are given up, and were served in a decision
    "own given_up served "
    # videos that are being encoded, publishers that are starting, and those whose start-up time is not drawn
    "encoding starting undrawn",
)
"""Rows of lists, each of which is a field."""

PAUSE = _record("start length")
"""A pause of the client that is known to be exact."""

RULE = _record(
    # times: of the client, the cut-off, without progress, between reviews; until an order starts, and until a
    # failure is noticed
    "gap until patience review_every provisioning noticed_after "
    # what the level of the pool follows, and how long a publisher may be idle
    "headroom window startup time_to_live "
    # how much earlier than its deadline a video is due, and how long a start-up takes
    "publishing longest",
    # counts; `most` publishers exist at once (0: any number), `room` is how many orders the arrays can hold
    "videos encoders capacity slots level ordering most pool_most starts_most room log_room pauses row",
    # whether speeds differ, the deadline is for publishing, a decision comes at the end of an instant, and
    "speeds_differ for_published late discards adapts "
    # whether the coverage rule holds or starts, holds, and alone starts; if prewarmed ones are ready; a pool is
    # managed
    "ruled holds by_rule ready_at_start managed "
    # whether the replication goes on, instead of beginning
    "resumed",
)
"""What is given, and the row of what is drawn."""

COUNTS = _record(
    # when a replication goes on; the nearest deadline of those that wait, the next latest start, a level asked
    "now client nearest latest_start asked "
    # the last time at which a video reached a state for the first time
    "progress",
    # ends of lists
    "queue_in queue_out ready_in ready_out blocked_in blocked_out admitted_in admitted_out line_in line_out "
    # lengths of lists
    "timed lost own given_up served encoding starting undrawn "
    # the pool: its stock, those in flight and busy, all that exist, and orders
    "stock in_flight busy existing orders publishers without_cause quota_waits "
    # videos: with an outcome, the next one, those that were put into a heap, and that are being published
    "outcomes next arrivals publishing "
    # events noted, and those seen by the last decision; starts of encodings outside the window, and told ones
    "noted seen recent told "
    # ready publishers whose idle time was looked at; how many are served and started, as a rule decides
    "lapsed to_serve to_start is_offered surplus too_high deciding",
)
"""What is counted in a replication; each number has eight bytes."""


STATE = np.dtype(
    [
        ("rule", RULE),
        ("count", COUNTS),
        *(
            (name, "i8")
            for name in (
                "videos",
                "publishers",
                "lists",
                "free",
                "ends",
                "starts",
                "timers",
                "queue",
                "startups",
                "log",
                "numbers",
                "entities",
            )
        ),
    ],
    align=True,
)
"""A replication: what is given, what is counted, and the addresses of its arrays, which functions return."""

_NUMBER, _WHOLE = np.dtype("f8"), np.dtype("i8")


@located
def videos(state: Any) -> Any:
    """Return the videos."""
    return at(state.videos, VIDEO)


@located
def publishers(state: Any) -> Any:
    """Return the publishers."""
    return at(state.publishers, PUBLISHER)


@located
def lists(state: Any) -> Any:
    """Return the rows of the lists."""
    return at(state.lists, LISTED)


@located
def free(state: Any) -> Any:
    """Return the heap of encoders, by when they became free."""
    return at(state.free, HEAPED)


@located
def ends(state: Any) -> Any:
    """Return the heap of encodings, by when they end."""
    return at(state.ends, HEAPED)


@located
def starts(state: Any) -> Any:
    """Return the heap of start-ups, by when they end: twice the publisher, plus 1 if it fails."""
    return at(state.starts, HEAPED)


@located
def timers(state: Any) -> Any:
    """Return the heap of what else is due."""
    return at(state.timers, HEAPED)


@located
def queue(state: Any) -> Any:
    """Return the videos that wait for any publisher: a list from row 1 on, or a heap."""
    return at(state.queue, HEAPED)


@located
def startups(state: Any) -> Any:
    """Return the start-up times by replication, number and entity, one after the other."""
    return at(state.startups, _NUMBER)


@located
def log(state: Any) -> Any:
    """Return the log."""
    return at(state.log, _WHOLE)


class Given(NamedTuple):
    """What few functions need: steps of the client's rate, its known pauses, speeds of encoders, and counts."""

    steps: Any
    pauses: Any
    speeds: Any
    counts: Any
    """The memory of `count`, as an array of whole numbers."""


def records(length: int, kind: np.dtype[Any]) -> Any:
    """Return so many records of zeros, whose fields are attributes."""
    return np.zeros(length, dtype=kind).view(np.recarray)


def record(kind: np.dtype[Any]) -> Any:
    """Return a single record of zeros."""
    return records(1, kind)[0]


def heap(length: int) -> Any:
    """Return an empty heap with room for so many items."""
    found = records(length + 2, HEAPED)
    found[1].time = inf
    return found


FIRST_IN, BY_HOOK, BY_VALUE, BY_DEADLINE = range(4)
"""Orders of the queue: by priorities that depend on deadlines, by those that do not, or by deadlines."""

NOBODY = np.int64(-1)  # a number of a type of NumPy: functions are compiled again for each literal
UNLIMITED = 1 << 60

LOGGED_KINDS = (
    "offered", "encoding_started", "encoded", "queued", "publisher_started", "publisher_ready", "assigned",
    "published", "failed", "publisher_ended", "publisher_failed", "publisher_retired", "discarded",
)  # fmt: skip
"""The kinds of events that the log may hold, by their names in the table of events.

Compiled code holds the places in here, so that what is compiled stays valid when the table of events changes.
"""
LOG_BITS = 4
"""Bits of an item of the log that hold the place; the bits above hold the row."""
(
    OFFERED, STARTED, ENCODED, QUEUED, PUBLISHER_STARTED, PUBLISHER_READY, ASSIGNED, PUBLISHED, LATE,
    PUBLISHER_ENDED, PUBLISHER_FAILED, PUBLISHER_RETIRED, DISCARDED,
) = map(np.int64, range(len(LOGGED_KINDS)))  # fmt: skip
IN_TIME, TOO_LATE = map(VIDEO_OUTCOMES.index, ("published", "failed"))
ENDED, FAILED, RETIRED = map(PUBLISHER_OUTCOMES.index, ("ended", "failed", "retired"))

TO_BE_ASKED, ANSWERED = 1, 2
"""How far a decision of the coverage rule is, in `count.deciding`; 0: there is none."""

END_OF_PUBLISHING, NOTICE, DELAYED_START, REVIEW = range(4)
"""The kinds of timers."""
KIND, CAUSE = 60, 32
"""Bits of a timer's key that hold a number; the kind is above them. An order has its cause above its number."""
NUMBER, BELOW_CAUSE = (1 << KIND) - 1, (1 << CAUSE) - 1
AT_START, AT_ENCODED, AT_QUEUED = map(MOMENTS.index, ("encoding_started", "encoded", "queued"))


@spliced
def note(event: Any, row: Any, state: Any) -> None:
    """Write an event into the log, if there is room."""
    if state.count.noted < state.rule.log_room:
        log(state)[state.count.noted] = row << LOG_BITS | event
    state.count.noted += 1
