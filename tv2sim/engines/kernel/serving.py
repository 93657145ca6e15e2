"""Serving: how videos and ready publishers meet, and what becomes of both.

Videos for any publisher wait in a queue, which is a list, or a heap if it has another order. Where a strategy
decides once an instant it is a list sorted by its order, ``K[FIFO, Q_OUT:Q_IN]`` with the places in T[QUEUE],
and the videos are in it for which there is no room, ``STUCK_NOW`` of them.
"""

from __future__ import annotations

from typing import Any

from tv2sim.base.compiling import inlined
from tv2sim.engines.kernel import state_rows as s
from tv2sim.engines.kernel.heaps import pop, push
from tv2sim.engines.kernel.starting import fill_up, for_pool, gone, order

__all__ = ["admit", "assign", "discard", "has_room", "hopeless", "lose", "publish", "put", "take", "waiting"]


# -- the publishing queue ----------------------------------------------------------------------------------


@inlined
def waiting(n: Any) -> Any:
    """Return how many videos wait in the queue."""
    return n[s.QUEUE] + n[s.Q_IN] - n[s.Q_OUT]


@inlined
def has_room(n: Any, pool: Any) -> Any:
    """Return whether there is room for another video: a ready publisher that takes one at once, or a place."""
    taken = waiting(n) + n[s.A_IN] - n[s.A_OUT]
    if pool is not None and n[s.LATE]:
        return taken - n[s.STUCK_NOW] < n[s.CAPACITY]
    return taken < n[s.CAPACITY] + n[s.R_IN] - n[s.R_OUT]


@inlined
def admit(K: Any, n: Any, pool: Any) -> None:
    """Let encoders that are blocked pass their videos as far as there is room, longest blocked first."""
    while n[s.B_IN] > n[s.B_OUT] and has_room(n, pool):
        video = K[s.BLOCKED, n[s.B_OUT]]
        n[s.B_OUT] += 1
        if pool is not None and n[s.LATE] and not K[s.STUCK, video]:
            continue  # it has left its encoder
        K[s.ADMITTED, n[s.A_IN]] = video
        n[s.A_IN] += 1


@inlined
def put(video: Any, T: Any, K: Any, n: Any) -> None:
    """Let a video wait."""
    if n[s.ORDERING] == s.FIRST_IN:
        K[s.FIFO, n[s.Q_IN]] = video
        n[s.Q_IN] += 1
    elif n[s.ORDERING] == s.BY_DEADLINE:
        push(s.QUEUE, T[s.STARTED, video] + T[s.TIMEOUT, video], video, T, K, n)
    else:
        push(s.QUEUE, T[s.PRIORITY, video], n[s.ARRIVALS] << 32 | video, T, K, n)
        n[s.ARRIVALS] += 1


@inlined
def take(T: Any, K: Any, n: Any) -> Any:
    """Return the first video, which waits no more."""
    if n[s.ORDERING] != s.FIRST_IN:
        return pop(s.QUEUE, T, K, n) & 0xFFFFFFFF
    n[s.Q_OUT] += 1
    return K[s.FIFO, n[s.Q_OUT] - 1]


# -- publishers that serve ---------------------------------------------------------------------------------


@inlined
def assign(
    now: Any, video: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any
) -> None:
    """Let a publisher take a video; one of the pool is replaced if the level requires it."""
    T[s.ASSIGNED, video] = T[s.P_ASSIGNED, publisher] = now
    K[s.PUBLISHER, video] = publisher
    K[s.P_VIDEO, publisher] = video
    s.note(s.E_ASSIGNED, video, n, log)
    if not K[s.OWN, video]:
        if pool is not None:
            n[s.STOCK] -= 1
            n[s.BUSY] += 1
            if n[s.LATE]:
                K[s.GIVEN, n[s.SERVED]] = video
                n[s.SERVED] += 1
            else:
                fill_up(now, video, D, T, K, n, c, log, pool)
        elif n[s.STOCK] > n[s.LEVEL]:
            n[s.STOCK] -= 1
        else:
            order(now, for_pool(video, n), 0.0, D, T, K, n, c, log, pool)
    if T[s.PUBLISHING, video] > 0:
        push(s.TIMERS, now + T[s.PUBLISHING, video], s.END_OF_PUBLISHING << s.KIND | publisher, T, K, n)
    else:
        publish(now, publisher, D, T, K, n, c, log, pool)


@inlined
def publish(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Give a video its outcome, and end its publisher."""
    video = K[s.P_VIDEO, publisher]
    T[s.PUBLISHED, video] = T[s.P_ENDED, publisher] = now
    if T[n[s.HELD], video] - T[s.STARTED, video] <= T[s.TIMEOUT, video]:
        K[s.OUTCOME, video] = s.IN_TIME
        s.note(s.E_PUBLISHED, video, n, log)
    else:
        K[s.OUTCOME, video] = s.TOO_LATE
        s.note(s.E_FAILED, video, n, log)
    K[s.P_OUTCOME, publisher] = s.ENDED
    s.note(s.E_P_ENDED, publisher, n, log)
    n[s.OUTCOMES] += 1
    gone(now, D, T, K, n, log, pool)
    if pool is not None and not K[s.OWN, video]:
        n[s.BUSY] -= 1
        if n[s.POOL_MOST] < s.UNLIMITED and not n[s.LATE]:
            fill_up(now, video, D, T, K, n, c, log, pool)


@inlined
def lose(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """End a publisher whose start-up fails; it is replaced when that is noticed."""
    if pool is not None and K[s.OWNER, publisher] < 0:
        n[s.IN_FLIGHT] -= 1
    T[s.P_ENDED, publisher] = now
    K[s.P_OUTCOME, publisher] = s.FAILED
    K[s.LOST, n[s.LOSSES]] = publisher
    n[s.LOSSES] += 1
    s.note(s.E_P_FAILED, publisher, n, log)
    push(s.TIMERS, now + c[s.NOTICED_AFTER], s.NOTICE << s.KIND | publisher, T, K, n)
    gone(now, D, T, K, n, log, pool)


# -- videos that are given up ------------------------------------------------------------------------------


@inlined
def hopeless(now: Any, video: Any, T: Any, K: Any, n: Any) -> Any:
    """Return whether the strategy gives a video up if it would be served now."""
    return n[s.DISCARDS] > 0 and now - T[s.STARTED, video] > T[s.TIMEOUT, video] and K[s.OUTCOME, video] == 0


@inlined
def discard(now: Any, video: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    """Give up a video that waits no more."""
    T[s.SETTLED, video] = now
    K[s.OUTCOME, video] = s.TOO_LATE
    n[s.OUTCOMES] += 1
    s.note(s.E_DISCARDED, video, n, log)
