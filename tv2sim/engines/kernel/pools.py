"""Managed pools: what is missing of their level is ordered, and what is too much is retired."""

from __future__ import annotations

from math import ceil, inf
from typing import Any

from tv2sim.base.checks import MOST
from tv2sim.base.compiling import borrowing, inlined
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.orders import for_pool, gone, order

__all__ = ["fill_up", "lapse", "next_lapse", "retire"]


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
