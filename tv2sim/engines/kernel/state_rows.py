"""The state of a replication in :mod:`tv2sim.engines.kernel.events`: few arrays, and names of their rows.

It is held in few arrays, because each function is given all of them: the columns are rows of two matrices, `T`
of times and `K` of whole numbers; `n` holds counts and the rule, `c` durations, `D` start-up times. A heap has
its times in a row of T, its keys in the row of K with the same number, and its size in `n`.

The last argument of the functions, `pool`, is None for strategies that do no more than start publishers and
give them to videos at once, and else a :class:`Managed`. They are compiled for either, so that nobody pays for
what he does not use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.compiling import inlined
from tv2sim.results.facts import PUBLISHER_OUTCOMES, VIDEO_OUTCOMES
from tv2sim.strategies import MOMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.strategies.coverage import Coverage

# What functions are given is a number of a type of NumPy: they are compiled again for each literal.

# rows of T: heaps (and the places of videos in a sorted queue),
FREE, ENDS, STARTS, TIMERS, QUEUE = map(np.int64, range(5))
(
    # what is given, what is drawn, exact pauses from some times, since when orders are in line,
    TIMEOUT, DELAY, PRIORITY, SPEED, NOMINAL, PUBLISHING, ENCODING_TIME, BEFORE, PAUSED, PAUSES, SINCE,
    # what the coverage rule is told: when publishers were ordered, ends and deadlines of encodings,
    ORDERED, CODED, DUE,
    # and the facts
    OFFERED, STARTED, ENCODED, QUEUED, ASSIGNED, PUBLISHED, SETTLED,
    P_STARTED, P_READY, P_ASSIGNED, P_ENDED, TIMES,
) = range(5, 31)  # fmt: skip
(
    # rows of K: after the keys of the heaps, what is given,
    MOMENT, OWN,
    # by slot and video: publishers begun because of it; by video: its own that is ready, and whether it waits
    BEGUN, OWN_READY, OWN_WAITS, OWNER,
    # lists of videos and publishers that wait, and of orders
    FIFO, READY, BLOCKED, ADMITTED, TIMED, IN_LINE, ORDER, LOST,
    # of managed pools: whether an encoder is blocked with a video, and lists of videos and publishers
    STUCK, OWN_LINE, DOOMED, GIVEN, CODING, STARTING, UNDRAWN,
    # the facts
    ENCODER, PUBLISHER, OUTCOME, P_CAUSE, P_VIDEO, P_OUTCOME, NUMBERS,
) = range(5, 33)  # fmt: skip
(
    # n: after the sizes of the heaps, the ends of lists,
    Q_IN, Q_OUT, R_IN, R_OUT, B_IN, B_OUT, A_IN, A_OUT, L_IN, L_OUT,
    # counts,
    STOCK, PUBLISHERS, LOGGED, OUTCOMES, NEXT, IS_OFFERED, ARRIVALS, TIMES_SET, EXISTING, WAITS, LOSSES,
    # of managed pools: counts and lengths of lists, what is to be done, and what hinders going on
    ORDERS, IN_FLIGHT, BUSY, OTHERS, RECENT, LAPSED, STUCK_NOW, OWN_IN_LINE, SERVED, CODING_NOW, STARTING_NOW,
    SURPLUS, SEEN, MISSED, TOO_HIGH,
    # and what is given
    VIDEOS, ENCODERS, CAPACITY, SLOTS, LEVEL, ORDERING, HELD, DIFFER, MOST, KNOWN,
    LATE, DISCARDS, ADAPTS, RULED, BY_RULE, WARM, POOL_MOST, STARTS_MOST, ROOM, RESUMED, COUNTS,
) = range(5, 62)  # fmt: skip
(
    GAP, UNTIL, REVIEW_EVERY, PROVISIONING, NOTICED_AFTER, FACTOR, WINDOW, STARTUP, TO_LIVE, NOW, CLIENT,
    NEAREST, LATEST_START, ASKED, DURATIONS,
) = range(15)  # fmt: skip
"""Durations, of managed pools also the times at which a replication goes on, the nearest deadline of those that
wait, the next latest start, and a level that is too high."""

FIRST_IN, BY_HOOK, BY_VALUE, BY_DEADLINE = range(4)
"""Orders of the queue: by priorities that depend on deadlines, by those that do not, or by deadlines."""

NOBODY = np.int64(-1)
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
    E_OFFERED, E_STARTED, E_ENCODED, E_QUEUED, E_P_STARTED, E_P_READY, E_ASSIGNED, E_PUBLISHED, E_FAILED,
    E_P_ENDED, E_P_FAILED, E_P_RETIRED, E_DISCARDED,
) = map(np.int64, range(len(LOGGED_KINDS)))  # fmt: skip
IN_TIME, TOO_LATE = map(VIDEO_OUTCOMES.index, ("published", "failed"))
ENDED, FAILED, RETIRED = map(PUBLISHER_OUTCOMES.index, ("ended", "failed", "retired"))

END_OF_PUBLISHING, NOTICE, DELAYED_START, REVIEW = range(4)
"""The kinds of timers."""
KIND, CAUSE = 60, 32
"""Bits of a timer's key that hold a number; the kind is above them. An order has its cause above its number."""
NUMBER, BELOW_CAUSE = (1 << KIND) - 1, (1 << CAUSE) - 1
AT_START, AT_ENCODED, AT_QUEUED = map(MOMENTS.index, ("encoding_started", "encoded", "queued"))


class Managed(NamedTuple):
    """What functions are given of a pool that adapts, gives videos up or decides once an instant."""

    coverage: Coverage | None
    """What the coverage rule knows, if it decides or holds publishers back."""
    rates: NDArray[np.float64]
    """When the rates begin that the rule knows, and the period after which the first one does so again."""


@inlined
def note(event: Any, row: Any, n: Any, log: Any) -> None:
    """Write an event into the log, if there is room."""
    if n[LOGGED] < len(log):
        log[n[LOGGED]] = row << LOG_BITS | event
        n[LOGGED] += 1
