"""Starts of publishers: orders, from the decision until the start-up, and the level of a managed pool.

An order is a number: a slot of the pool, or else, after these, twice the video that is its cause, plus 1 if the
publisher is for this video alone; or ``NOBODY``, if it is for the pool and has no cause.
"""

from __future__ import annotations

from math import ceil, inf, nan
from typing import Any

from tv2sim.base.checks import MOST
from tv2sim.base.compiling import borrowing, inlined
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel import state_rows as s
from tv2sim.engines.kernel.heaps import push

__all__ = [
    "begin", "due", "fill_up", "for_pool", "gone", "is_needed", "is_own", "lapse", "next_lapse", "order",
    "retire", "start_for", "start_up",
]  # fmt: skip


@inlined
def for_pool(video: Any, n: Any) -> Any:
    """Return the order of a publisher for the pool, because of a video."""
    return n[s.SLOTS] + 2 * video


@inlined
def cause_of(number: Any, n: Any) -> Any:
    """Return the video because of which a publisher is ordered, or -1."""
    return (number - n[s.SLOTS]) >> 1 if number >= n[s.SLOTS] else -1


@inlined
def is_own(number: Any, n: Any) -> Any:
    """Return whether an order is for the video alone that is its cause."""
    return number >= n[s.SLOTS] and (number - n[s.SLOTS]) & 1 > 0


@inlined
def order(
    now: Any, number: Any, lead: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any
) -> None:
    """Decide that a publisher is to be started. The level counts it already, unless the pool is managed."""
    if pool is not None:
        if n[s.ORDERS] >= n[s.ROOM]:
            return
        n[s.ORDERS] += 1
        if not is_own(number, n):
            n[s.STOCK] += 1
            n[s.IN_FLIGHT] += 1
    wait = lead + c[s.PROVISIONING]
    if wait > 0:
        times_set = n[s.TIMES_SET]
        n[s.TIMES_SET] = times_set + 1
        K[s.TIMED, times_set] = number
        key = s.DELAYED_START << s.KIND | (cause_of(number, n) + 1) << s.CAUSE | times_set
        push(s.TIMERS, now + wait, key, T, K, n)
    else:
        due(now, number, D, T, K, n, log, pool)


@inlined
def due(now: Any, number: Any, D: Any, T: Any, K: Any, n: Any, log: Any, pool: Any) -> None:
    """Start a publisher, or let its order wait if too many exist."""
    if n[s.MOST] and (n[s.EXISTING] >= n[s.MOST] or n[s.L_IN] > n[s.L_OUT]):
        T[s.SINCE, n[s.L_IN]] = now
        K[s.IN_LINE, n[s.L_IN]] = number
        n[s.L_IN] += 1
    elif pool is None or is_needed(number, K, n):
        begin(now, number, False, D, T, K, n, log, pool)


@inlined
def is_needed(number: Any, K: Any, n: Any) -> Any:
    """Return whether an order has not lost its purpose, as it does if its video is given up."""
    return not (is_own(number, n) and K[s.OUTCOME, cause_of(number, n)])


@inlined
def begin(now: Any, number: Any, warm: Any, D: Any, T: Any, K: Any, n: Any, log: Any, pool: Any) -> None:
    """Let a publisher start up, with the next number of its slot or its cause; a warm one is ready at once."""
    cause = cause_of(number, n)
    entity = number if cause < 0 else n[s.SLOTS] + cause
    if pool is not None and number < 0:
        # without a cause, they are numbered through all rows
        others = D.shape[1] - n[s.SLOTS] - n[s.VIDEOS]
        before, entity = n[s.OTHERS] // others, n[s.SLOTS] + n[s.VIDEOS] + n[s.OTHERS] % others
        n[s.OTHERS] += 1
    else:
        before = K[s.BEGUN, entity]
        K[s.BEGUN, entity] = before + 1
    publisher = n[s.PUBLISHERS]
    n[s.PUBLISHERS] = publisher + 1
    if n[s.MOST]:
        n[s.EXISTING] += 1
    K[s.ORDER, publisher] = number
    K[s.OWNER, publisher] = cause if is_own(number, n) else -1
    K[s.P_CAUSE, publisher] = cause
    K[s.P_VIDEO, publisher] = -1
    K[s.P_OUTCOME, publisher] = 0
    T[s.P_STARTED, publisher] = now
    T[s.P_READY, publisher] = T[s.P_ASSIGNED, publisher] = T[s.P_ENDED, publisher] = nan
    s.note(s.E_P_STARTED, publisher, n, log)
    if pool is not None:
        if n[s.RULED] and K[s.OWNER, publisher] < 0:
            K[s.STARTING, n[s.STARTING_NOW]] = publisher
            n[s.STARTING_NOW] += 1
        if not warm and before >= len(D):
            T[s.P_READY, publisher] = before if number >= 0 else n[s.OTHERS] - 1
            K[s.UNDRAWN, n[s.MISSED]] = publisher
            n[s.MISSED] += 1
            return
    start_up(now, publisher, 0.0 if warm else D[before, entity], T, K, n)


@inlined
def start_up(now: Any, publisher: Any, startup: Any, T: Any, K: Any, n: Any) -> None:
    """Let a publisher be ready after its start-up time; this is -1 less the time, if it fails."""
    push(s.STARTS, now + max(startup, -1 - startup), 2 * publisher + (startup < 0), T, K, n)


@inlined
def start_for(now: Any, video: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Order a publisher because of a video."""
    own = K[s.OWN, video]
    if pool is None and not own:
        n[s.STOCK] += 1
    order(now, for_pool(video, n) + own, T[s.DELAY, video], D, T, K, n, c, log, pool)


@inlined
def gone(now: Any, D: Any, T: Any, K: Any, n: Any, log: Any, pool: Any) -> None:
    """Let orders have the place of a publisher that exists no more."""
    if n[s.MOST]:
        n[s.EXISTING] -= 1
    while n[s.L_IN] > n[s.L_OUT] and n[s.EXISTING] < n[s.MOST]:
        first = n[s.L_OUT]
        n[s.L_OUT] = first + 1
        if pool is None or is_needed(K[s.IN_LINE, first], K, n):
            n[s.WAITS] += T[s.SINCE, first] < now
            begin(now, K[s.IN_LINE, first], False, D, T, K, n, log, pool)


# -- the level of a managed pool ---------------------------------------------------------------------------


@inlined
def _level(now: Any, T: Any, n: Any, c: Any) -> Any:
    """Return how many publishers the pool should have, which may follow the rate of the starts of encodings."""
    if c[s.FACTOR] == 0:
        return n[s.LEVEL]
    while n[s.RECENT] < n[s.NEXT] and T[s.STARTED, n[s.RECENT]] <= now - c[s.WINDOW]:
        n[s.RECENT] += 1
    if now == 0:
        return n[s.LEVEL]
    rate = (n[s.NEXT] - n[s.RECENT]) / (min(c[s.WINDOW], max(now, PER_SECOND)) / PER_SECOND)
    wanted = c[s.FACTOR] * rate * c[s.STARTUP] - 1e-9
    if wanted > MOST:
        n[s.TOO_HIGH] = 1
        c[s.ASKED] = wanted
        return n[s.LEVEL]
    return max(n[s.LEVEL], ceil(wanted))


@borrowing
def fill_up(now: Any, cause: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Order what is missing because of a video or without a cause (-1); see later to what is too much.

    What the videos have taken that were served in this decision is ordered because of them.
    """
    level, served = _level(now, T, n, c), 0
    while (
        n[s.STOCK] < level
        and n[s.STOCK] + n[s.BUSY] < n[s.POOL_MOST]
        and n[s.IN_FLIGHT] < n[s.STARTS_MOST]
        and n[s.ORDERS] < n[s.ROOM]
    ):
        because = K[s.GIVEN, served] if served < n[s.SERVED] else cause
        served += 1
        order(now, for_pool(because, n) if because >= 0 else s.NOBODY, 0.0, D, T, K, n, c, log, pool)
    n[s.SERVED] = 0
    if _has_surplus(now, level, T, K, n, c):
        n[s.SURPLUS] = 1


@inlined
def _has_surplus(now: Any, level: Any, T: Any, K: Any, n: Any, c: Any) -> Any:
    """Return whether the publisher ready longest is idle for long, and the pool exceeds its level."""
    if c[s.TO_LIVE] == 0 or n[s.R_IN] == n[s.R_OUT] or n[s.STOCK] <= max(level, n[s.LEVEL]):
        return False
    return now - T[s.P_READY, K[s.READY, n[s.R_OUT]]] >= c[s.TO_LIVE]


@inlined
def next_lapse(now: Any, T: Any, K: Any, n: Any, c: Any) -> Any:
    """Return when it is seen next whether publishers are retired.

    It is at the end of the idle time to live of each one that has had to wait, and at once for a surplus.
    """
    if n[s.SURPLUS]:
        return now
    if c[s.TO_LIVE] > 0 and n[s.LAPSED] < n[s.R_IN]:
        return T[s.P_READY, K[s.READY, n[s.LAPSED]]] + c[s.TO_LIVE]
    return inf


@borrowing
def lapse(now: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Retire the publishers that are idle for long, while the pool exceeds its level."""
    waits = True
    if n[s.SURPLUS]:
        n[s.SURPLUS] = 0
    else:
        waits = n[s.LAPSED] >= n[s.R_OUT]
        n[s.LAPSED] += 1
    while waits and _has_surplus(now, _level(now, T, n, c), T, K, n, c):
        n[s.STOCK] -= 1
        n[s.R_OUT] += 1
        retire(now, K[s.READY, n[s.R_OUT] - 1], D, T, K, n, log, pool)


@inlined
def retire(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, log: Any, pool: Any) -> None:
    """End a publisher without a video."""
    T[s.P_ENDED, publisher] = now
    K[s.P_OUTCOME, publisher] = s.RETIRED
    s.note(s.E_P_RETIRED, publisher, n, log)
    gone(now, D, T, K, n, log, pool)
