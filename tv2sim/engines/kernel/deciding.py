"""The decision at the end of an instant: who is given up, who is served, and what is started."""

from __future__ import annotations

from math import inf
from typing import Any

from tv2sim.base.compiling import borrowing, inlined
from tv2sim.engines.kernel import state_rows as s
from tv2sim.engines.kernel.heaps import push
from tv2sim.engines.kernel.serving import admit, assign, discard, hopeless, waiting
from tv2sim.engines.kernel.starting import fill_up, is_own, order, start_for
from tv2sim.strategies import coverage as rule

__all__ = [
    "at_latest_start", "begins_encoding", "decide", "next_latest_start", "remove", "wait_for_any",
    "wait_for_own",
]  # fmt: skip


# -- what waits, and what is known of the others -----------------------------------------------------------


@borrowing
def wait_for_any(video: Any, T: Any, K: Any, n: Any, c: Any) -> None:
    """Let a video wait for any publisher at its place, also if there is no room for it."""
    ordering, deadline = n[s.ORDERING], T[s.STARTED, video] + T[s.TIMEOUT, video]
    place = 0.0
    if ordering == s.BY_DEADLINE:
        place = deadline
    elif ordering != s.FIRST_IN:
        place = T[s.PRIORITY, video]
    i = n[s.Q_IN]
    n[s.Q_IN] = i + 1
    while i > n[s.Q_OUT] and (
        T[s.QUEUE, i - 1] > place
        or (ordering == s.BY_DEADLINE and T[s.QUEUE, i - 1] == place and K[s.FIFO, i - 1] > video)
    ):
        T[s.QUEUE, i] = T[s.QUEUE, i - 1]
        K[s.FIFO, i] = K[s.FIFO, i - 1]
        i -= 1
    T[s.QUEUE, i] = place
    K[s.FIFO, i] = video
    c[s.NEAREST] = min(c[s.NEAREST], deadline)


@inlined
def wait_for_own(video: Any, T: Any, K: Any, n: Any, c: Any) -> None:
    """Let a video wait for its own publisher."""
    K[s.OWN_LINE, n[s.OWN_IN_LINE]] = video
    n[s.OWN_IN_LINE] += 1
    c[s.NEAREST] = min(c[s.NEAREST], T[s.STARTED, video] + T[s.TIMEOUT, video])


@inlined
def begins_encoding(now: Any, video: Any, T: Any, K: Any, n: Any, c: Any, coverage: Any) -> None:
    """Let the coverage rule know of the start of an encoding."""
    if coverage is not None and not K[s.OWN, video]:
        K[s.CODING, n[s.CODING_NOW]] = video
        n[s.CODING_NOW] += 1
        rule.seen(coverage, T[s.NOMINAL, video], T[s.TIMEOUT, video], now)
        time = rule.latest_start(coverage, now + T[s.TIMEOUT, video])
        if time > now:
            c[s.LATEST_START] = min(c[s.LATEST_START], time)


@borrowing
def at_latest_start(now: Any, T: Any, K: Any, n: Any, c: Any, coverage: Any) -> None:
    """Decide in this instant if it is the latest start of a video without a publisher."""
    if next_latest_start(now - 1.0, T, K, n, coverage) == now:
        n[s.SEEN] = -1
    c[s.LATEST_START] = next_latest_start(now, T, K, n, coverage)


@borrowing
def next_latest_start(after: Any, T: Any, K: Any, n: Any, coverage: Any) -> Any:
    """Return the next latest start of a video without a publisher after a time, or infinity."""
    first = inf
    if coverage is not None:
        for i in range(n[s.CODING_NOW] + n[s.Q_IN] - n[s.Q_OUT]):
            waits = i - n[s.CODING_NOW]
            video = K[s.CODING, i] if waits < 0 else K[s.FIFO, n[s.Q_OUT] + waits]
            time = rule.latest_start(coverage, T[s.STARTED, video] + T[s.TIMEOUT, video])
            if after < time < first:
                first = time
    return first


@inlined
def remove(value: Any, row: Any, length: Any, K: Any, n: Any) -> None:
    """Take a number out of a list, which is in a row of K and whose length is in n."""
    left = n[length] - 1
    n[length] = left
    i = 0
    while i < left and K[row, i] != value:
        i += 1
    while i < left:
        K[row, i] = K[row, i + 1]
        i += 1


# -- deciding ----------------------------------------------------------------------------------------------


@borrowing
def decide(now: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Discard, dispatch, start; what is written to the log then is no occasion to decide again."""
    if n[s.DISCARDS] and c[s.NEAREST] < now:
        _discard_hopeless(now, T, K, n, c, log)
    served, started = _decided(now, T, K, n, c, pool, pool.coverage)
    for _ in range(served):
        _serve(now, D, T, K, n, c, log, pool)
    if n[s.BY_RULE]:
        n[s.SERVED] = 0
    else:
        fill_up(now, s.NOBODY, D, T, K, n, c, log, pool)
    for _ in range(started):
        order(now, s.NOBODY, 0.0, D, T, K, n, c, log, pool)
    admit(K, n, pool)
    n[s.SEEN] = n[s.LOGGED]


@borrowing
def _discard_hopeless(now: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    """Give the videos up whose deadline has passed, in the order of the catalogue."""
    doomed, nearest = 0, inf
    kept = n[s.Q_OUT]
    for i in range(n[s.Q_OUT], n[s.Q_IN]):
        video = K[s.FIFO, i]
        if hopeless(now, video, T, K, n):
            doomed = _insert(video, doomed, K)
        else:
            T[s.QUEUE, kept] = T[s.QUEUE, i]
            K[s.FIFO, kept] = video
            kept += 1
            nearest = min(nearest, T[s.STARTED, video] + T[s.TIMEOUT, video])
    n[s.Q_IN] = kept
    kept = 0
    for i in range(n[s.OWN_IN_LINE]):
        video = K[s.OWN_LINE, i]
        if K[s.OWN_WAITS, video] and hopeless(now, video, T, K, n):
            doomed = _insert(video, doomed, K)
            K[s.OWN_WAITS, video] = 0
        elif K[s.OWN_WAITS, video]:
            K[s.OWN_LINE, kept] = video
            kept += 1
            nearest = min(nearest, T[s.STARTED, video] + T[s.TIMEOUT, video])
    n[s.OWN_IN_LINE] = kept
    c[s.NEAREST] = nearest
    for i in range(doomed):
        _leave(now, K[s.DOOMED, i], T, K, n)
        discard(now, K[s.DOOMED, i], T, K, n, log)


@inlined
def _insert(video: Any, count: Any, K: Any) -> Any:
    """Put a video into the list of those that are given up, and return how many there are."""
    i = count
    while i > 0 and K[s.DOOMED, i - 1] > video:
        K[s.DOOMED, i] = K[s.DOOMED, i - 1]
        i -= 1
    K[s.DOOMED, i] = video
    return count + 1


@inlined
def _leave(now: Any, video: Any, T: Any, K: Any, n: Any) -> Any:
    """Let a video leave its encoder if it is still in there, and return whether it was."""
    if not K[s.STUCK, video]:
        return False
    K[s.STUCK, video] = 0
    n[s.STUCK_NOW] -= 1
    push(s.FREE, now, K[s.ENCODER, video], T, K, n)
    return True


@inlined
def _serve(now: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Give the first video the publisher that has been ready longest."""
    video, publisher = K[s.FIFO, n[s.Q_OUT]], K[s.READY, n[s.R_OUT]]
    n[s.Q_OUT] += 1
    n[s.R_OUT] += 1
    if _leave(now, video, T, K, n):
        T[s.QUEUED, video] = now
        s.note(s.E_QUEUED, video, n, log)
        if K[s.MOMENT, video] == s.AT_QUEUED:
            start_for(now, video, D, T, K, n, c, log, pool)
    assign(now, video, publisher, D, T, K, n, c, log, pool)


@inlined
def _decided(now: Any, T: Any, K: Any, n: Any, c: Any, pool: Any, coverage: Any) -> Any:
    """Return how many videos are served, and how many publishers are started without a cause."""
    if coverage is None:
        return min(waiting(n), n[s.R_IN] - n[s.R_OUT]), 0
    served, started, _ = rule.decide(
        coverage,
        now,
        _rate_at(now, pool.rates),
        n[s.R_IN] - n[s.R_OUT],
        T[s.ORDERED, : _tell_orders(now, T, K, n, c)],
        T[s.QUEUE, n[s.Q_OUT] : n[s.Q_IN]],
        T[s.CODED, : _tell_encodings(now, T, K, n)],
        T[s.DUE, : n[s.CODING_NOW]],
    )
    return served, started


@inlined
def _rate_at(now: Any, rates: Any) -> Any:
    """Return the number of the client's present rate."""
    last = len(rates) - 1
    time = now % rates[last] if rates[last] < inf else now
    rate = 0
    while rate + 1 < last and rates[rate + 1] <= time:
        rate += 1
    return rate


@inlined
def _tell_orders(now: Any, T: Any, K: Any, n: Any, c: Any) -> Any:
    """Fill in when each publisher of the pool was ordered that is not ready, and return how many these are.

    First come those that have started, then those that start later, then those that wait for their turn, which
    count as ordered just now.
    """
    count = n[s.STARTING_NOW]
    for i in range(count):
        T[s.ORDERED, i] = T[s.P_STARTED, K[s.STARTING, i]] - c[s.PROVISIONING]
    for timer in range(n[s.TIMERS]):
        key = K[s.TIMERS, timer]
        if key >> s.KIND == s.DELAYED_START and not is_own(K[s.TIMED, key & s.BELOW_CAUSE], n):
            ordered, i = T[s.TIMERS, timer] - c[s.PROVISIONING], count
            while i > n[s.STARTING_NOW] and T[s.ORDERED, i - 1] > ordered:
                T[s.ORDERED, i] = T[s.ORDERED, i - 1]
                i -= 1
            T[s.ORDERED, i] = ordered
            count += 1
    for i in range(n[s.L_OUT], n[s.L_IN]):
        if not is_own(K[s.IN_LINE, i], n):
            T[s.ORDERED, count] = now - c[s.PROVISIONING]
            count += 1
    return count


@inlined
def _tell_encodings(now: Any, T: Any, K: Any, n: Any) -> Any:
    """Fill in the nominal end of each encoding, and the deadline of its video; return how many there are."""
    for i in range(n[s.CODING_NOW]):
        video = K[s.CODING, i]
        T[s.CODED, i] = max(now, T[s.STARTED, video] + T[s.NOMINAL, video])
        T[s.DUE, i] = T[s.STARTED, video] + T[s.TIMEOUT, video]
    return n[s.CODING_NOW]
