"""Orders: from the decision that a publisher is to be started until it starts up.

An order is a number: a slot of the pool, or else, after these, twice the video that is its cause, plus 1 if the
publisher is for this video alone; or ``NOBODY``, if it is for the pool and has no cause.
"""

from __future__ import annotations

from math import nan
from typing import Any

from tv2sim.base.compiling import inlined
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.heaps import push

__all__ = ["begin", "due", "for_pool", "gone", "is_needed", "is_own", "order", "start_for", "start_up"]


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
