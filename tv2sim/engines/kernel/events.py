"""All rules, one replication at a time: a function for each place of an instant, as in the model.

:mod:`tv2sim.engines.kernel.state_rows` says what its arrays hold.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np

from tv2sim.base.compiling import borrowing, inlined
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel import state_rows as s
from tv2sim.engines.kernel.deciding import (
    at_latest_start,
    begins_encoding,
    decide,
    next_latest_start,
    remove,
    wait_for_any,
    wait_for_own,
)
from tv2sim.engines.kernel.heaps import pop, push
from tv2sim.engines.kernel.pauses import pause_from
from tv2sim.engines.kernel.serving import (
    admit,
    assign,
    discard,
    has_room,
    hopeless,
    lose,
    publish,
    put,
    take,
    waiting,
)
from tv2sim.engines.kernel.starting import (
    begin,
    due,
    fill_up,
    is_needed,
    is_own,
    lapse,
    next_lapse,
    order,
    retire,
    start_for,
    start_up,
)
from tv2sim.strategies import coverage as rule

__all__ = ["ENDINGS", "NO_ROOM", "OPEN", "TOO_HIGH", "UNDRAWN", "simulate"]

ENDINGS = ("completed", "cut-off", "no publisher will come", "nothing left to happen")
_COMPLETED, _CUT_OFF, _NO_PUBLISHER, _NOTHING, OPEN, UNDRAWN, NO_ROOM, TOO_HIGH = range(8)
"""The last ones are no endings: it is open how long the client pauses, which T and `n` have to say; start-up
times lack, with which the replication goes on; the arrays are too short, or the pool's level is too high."""


# -- the places of an instant ------------------------------------------------------------------------------


@inlined
def _encoding_ends(now: Any, video: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    T[s.ENCODED, video] = now
    s.note(s.E_ENCODED, video, n, log)
    if K[s.MOMENT, video] == s.AT_ENCODED:
        start_for(now, video, D, T, K, n, c, log, pool)
    if pool is not None:
        if n[s.RULED] and not K[s.OWN, video]:
            remove(video, s.CODING, s.CODING_NOW, K, n)
        if n[s.ADAPTS] and not n[s.LATE]:
            fill_up(now, video, D, T, K, n, c, log, pool)
    if not K[s.OWN, video] and not has_room(n, pool):
        K[s.BLOCKED, n[s.B_IN]] = video
        n[s.B_IN] += 1
        if pool is not None and n[s.LATE]:
            K[s.STUCK, video] = 1
            n[s.STUCK_NOW] += 1
            wait_for_any(video, T, K, n, c)
    else:
        _arrives(now, video, D, T, K, n, c, log, pool)


@inlined
def _arrives(now: Any, video: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    T[s.QUEUED, video] = now
    s.note(s.E_QUEUED, video, n, log)
    if K[s.MOMENT, video] == s.AT_QUEUED:
        start_for(now, video, D, T, K, n, c, log, pool)
    publisher = -1
    if K[s.OWN, video]:
        publisher = K[s.OWN_READY, video] - 1
        if publisher < 0:
            K[s.OWN_WAITS, video] = 1
            if pool is not None and n[s.LATE] and n[s.DISCARDS]:
                wait_for_own(video, T, K, n, c)
    elif pool is not None and n[s.LATE]:
        if K[s.STUCK, video]:
            K[s.STUCK, video] = 0
            n[s.STUCK_NOW] -= 1
        else:
            wait_for_any(video, T, K, n, c)
    elif n[s.R_IN] > n[s.R_OUT]:
        publisher = K[s.READY, n[s.R_OUT]]
        n[s.R_OUT] += 1
    else:
        put(video, T, K, n)
    if pool is not None and publisher >= 0 and hopeless(now, video, T, K, n):
        discard(now, video, T, K, n, log)
        if K[s.OWN, video]:
            retire(now, publisher, D, T, K, n, log, pool)
        else:
            n[s.R_OUT] -= 1
            admit(K, n, pool)
        publisher = -1
    if publisher >= 0:
        assign(now, video, publisher, D, T, K, n, c, log, pool)
    if pool is not None and n[s.ADAPTS] and not n[s.LATE] and (publisher < 0 or K[s.OWN, video]):
        fill_up(now, video, D, T, K, n, c, log, pool)
    if n[s.ENCODERS]:
        push(s.FREE, now, K[s.ENCODER, video], T, K, n)


@inlined
def _becomes_ready(
    now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any
) -> None:
    T[s.P_READY, publisher] = now
    s.note(s.E_P_READY, publisher, n, log)
    owner, video = K[s.OWNER, publisher], s.NOBODY
    if owner < 0:
        if pool is not None:
            _landed(publisher, K, n)
        video = _claimed(now, T, K, n, log, pool)
    elif K[s.OWN_WAITS, owner]:
        K[s.OWN_WAITS, owner] = 0
        video = owner
        if pool is not None and hopeless(now, video, T, K, n):
            discard(now, video, T, K, n, log)
    if pool is not None and owner >= 0 and K[s.OUTCOME, owner]:
        retire(now, publisher, D, T, K, n, log, pool)
    elif video >= 0:
        assign(now, video, publisher, D, T, K, n, c, log, pool)
    elif owner >= 0:
        K[s.OWN_READY, owner] = publisher + 1
    else:
        K[s.READY, n[s.R_IN]] = publisher
        n[s.R_IN] += 1
        admit(K, n, pool)


@inlined
def _landed(publisher: Any, K: Any, n: Any) -> None:
    n[s.IN_FLIGHT] -= 1
    if n[s.RULED]:
        remove(publisher, s.STARTING, s.STARTING_NOW, K, n)


@inlined
def _claimed(now: Any, T: Any, K: Any, n: Any, log: Any, pool: Any) -> Any:
    """Return the video that a newly ready publisher of the pool takes at once, or NOBODY."""
    if pool is not None and n[s.LATE]:
        return s.NOBODY
    while waiting(n) > 0:
        video = take(T, K, n)
        admit(K, n, pool)
        if pool is None or not hopeless(now, video, T, K, n):
            return video
        discard(now, video, T, K, n, log)
    return s.NOBODY


@inlined
def _pause(now: Any, steps: Any, T: Any, n: Any, c: Any) -> Any:
    """Return how long the client pauses after it has handed over a video, NaN if that is open."""
    if steps.shape[1] == 0:
        return c[s.GAP]
    pause = pause_from(now, 1.0, steps)
    if pause != pause:
        for i in range(n[s.KNOWN]):
            if T[s.PAUSED, i] == now:
                pause = T[s.PAUSES, i]
    return pause


@inlined
def _client(now: Any, steps: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> Any:
    """Offer the next video and hand it over if an encoder is free; return when the client goes on by itself."""
    video = n[s.NEXT]
    if not n[s.IS_OFFERED]:
        if now < T[s.BEFORE, video]:
            return T[s.BEFORE, video]
        T[s.OFFERED, video] = now
        s.note(s.E_OFFERED, video, n, log)
        n[s.IS_OFFERED] = 1
    encoder, time = s.NOBODY, T[s.ENCODING_TIME, video]
    if n[s.ENCODERS]:
        if n[s.FREE] == 0:
            return inf
        encoder = pop(s.FREE, T, K, n)
        if n[s.DIFFER]:
            time = np.rint(time / T[s.SPEED, encoder] * PER_SECOND)
    T[s.STARTED, video] = now
    K[s.ENCODER, video] = encoder
    s.note(s.E_STARTED, video, n, log)
    n[s.NEXT] += 1
    n[s.IS_OFFERED] = 0
    if pool is not None:
        begins_encoding(now, video, T, K, n, c, pool.coverage)
    if K[s.MOMENT, video] == s.AT_START:
        start_for(now, video, D, T, K, n, c, log, pool)
    if pool is not None and n[s.ADAPTS] and not n[s.LATE]:
        fill_up(now, video, D, T, K, n, c, log, pool)
    push(s.ENDS, now + time, video, T, K, n)
    if n[s.NEXT] == n[s.VIDEOS]:
        return inf
    goes_on, before = now + _pause(now, steps, T, n, c), T[s.BEFORE, n[s.NEXT]]
    return before if before > goes_on else goes_on


@inlined
def _timer(now: Any, client: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    key = pop(s.TIMERS, T, K, n)
    kind, number = key >> s.KIND, key & s.NUMBER
    if kind == s.END_OF_PUBLISHING:
        publish(now, number, D, T, K, n, c, log, pool)
    elif kind == s.NOTICE:
        _noticed(now, number, D, T, K, n, c, log, pool)
    elif kind == s.DELAYED_START:
        due(now, K[s.TIMED, number & s.BELOW_CAUSE], D, T, K, n, log, pool)
    elif pool is not None:
        _reviewed(now, D, T, K, n, c, log, pool)
    elif n[s.ENDS] + n[s.STARTS] + n[s.TIMERS] + n[s.A_IN] - n[s.A_OUT] > 0 or client < inf:
        # a review, which finds the pool at its level, goes on as long as anything else is under way
        push(s.TIMERS, now + c[s.REVIEW_EVERY], s.REVIEW << s.KIND, T, K, n)


@inlined
def _noticed(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    """Order another publisher in place of one that failed, unless a rule decides on it."""
    number = K[s.ORDER, publisher]
    if pool is not None and not is_own(number, n):
        n[s.STOCK] -= 1
        if n[s.RULED]:
            remove(publisher, s.STARTING, s.STARTING_NOW, K, n)
        if n[s.BY_RULE]:
            n[s.SEEN] = -1
            return
    order(now, number, 0.0, D, T, K, n, c, log, pool)


@inlined
def _reviewed(now: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    push(s.TIMERS, now + c[s.REVIEW_EVERY], s.REVIEW << s.KIND, T, K, n)
    if n[s.LATE]:
        n[s.SEEN] = -1
    else:
        fill_up(now, s.NOBODY, D, T, K, n, c, log, pool)


# -- the whole ---------------------------------------------------------------------------------------------


@inlined
def _begin_at_0(D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> None:
    videos = n[s.VIDEOS]
    n[: s.VIDEOS] = 0
    K[s.BEGUN, : n[s.SLOTS] + videos] = 0
    for row in range(s.OWN_READY, s.OWN_WAITS + 1):
        K[row, :videos] = 0
    K[s.ENCODER, :videos] = -1
    K[s.PUBLISHER, :videos] = -1
    K[s.OUTCOME, :videos] = 0
    for row in range(s.OFFERED, s.PUBLISHED + 1):
        T[row, :videos] = nan
    for encoder in range(min(n[s.ENCODERS], videos)):
        push(s.FREE, 0.0, encoder, T, K, n)
    if pool is None:
        n[s.STOCK] = n[s.SLOTS]
    else:
        K[s.STUCK, :videos] = 0
        n[s.SEEN] = -1
        c[s.NEAREST] = c[s.LATEST_START] = inf
        _forget(pool.coverage)
    for slot in range(n[s.SLOTS]):
        if pool is not None and n[s.WARM]:
            _order_warm(slot, D, T, K, n, log, pool)
        else:
            order(0.0, slot, 0.0, D, T, K, n, c, log, pool)
    if c[s.REVIEW_EVERY] > 0:
        push(s.TIMERS, c[s.REVIEW_EVERY], s.REVIEW << s.KIND, T, K, n)


@inlined
def _forget(coverage: Any) -> None:
    if coverage is not None:
        rule.begin(coverage)


@inlined
def _order_warm(slot: Any, D: Any, T: Any, K: Any, n: Any, log: Any, pool: Any) -> None:
    """Order a publisher that is ready at once, unless too many exist."""
    n[s.ORDERS] += 1
    n[s.STOCK] += 1
    n[s.IN_FLIGHT] += 1
    if n[s.MOST] and n[s.EXISTING] >= n[s.MOST]:
        due(0.0, slot, D, T, K, n, log, pool)
    else:
        begin(0.0, slot, True, D, T, K, n, log, pool)


@inlined
def _go_on(T: Any, K: Any, n: Any, c: Any) -> Any:
    """Let those publishers start up whose times have been drawn, and return where the replication goes on."""
    for i in range(n[s.MISSED]):
        publisher = K[s.UNDRAWN, i]
        startup = T[s.P_READY, publisher]
        T[s.P_READY, publisher] = nan
        start_up(c[s.NOW], publisher, startup, T, K, n)
    n[s.MISSED] = 0
    return c[s.NOW], c[s.CLIENT]


@inlined
def _hindered(now: Any, client: Any, n: Any, c: Any) -> Any:
    """Return what hinders going on, or 0."""
    if n[s.TOO_HIGH]:
        return TOO_HIGH
    if n[s.ORDERS] >= n[s.ROOM]:
        return NO_ROOM
    c[s.NOW], c[s.CLIENT] = now, client
    return UNDRAWN if n[s.MISSED] else 0


@inlined
def _is_stalled(now: Any, client: Any, T: Any, K: Any, n: Any, c: Any, pool: Any) -> Any:
    """Return whether nothing is left but reviews and idle times, which can change no video's fate any more."""
    if n[s.ENDS] + n[s.STARTS] + n[s.TIMERS] > (c[s.REVIEW_EVERY] > 0) or client < inf:
        return False
    if c[s.LATEST_START] < inf and next_latest_start(now, T, K, n, pool.coverage) < inf:
        return False
    if c[s.TO_LIVE] > 0 and max(n[s.LAPSED], n[s.R_OUT]) < n[s.R_IN]:
        for i in range(n[s.L_OUT], n[s.L_IN]):  # they start in place of those that are retired
            if is_needed(K[s.IN_LINE, i], K, n):
                return False
    if c[s.FACTOR] > 0 and c[s.REVIEW_EVERY] > 0 and n[s.NEXT] > 0:
        rate_falls = now < T[s.STARTED, n[s.NEXT] - 1] + c[s.WINDOW]
        return not (rate_falls and _why_nothing_is_left(T, K, n) == _NO_PUBLISHER)
    return True


@borrowing
def _why_nothing_is_left(T: Any, K: Any, n: Any) -> Any:
    for video in range(n[s.VIDEOS]):
        if T[s.ENCODED, video] == T[s.ENCODED, video] and not K[s.OUTCOME, video]:
            return _NO_PUBLISHER
    return _NOTHING


@borrowing
def simulate(steps: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any, pool: Any) -> Any:
    """Simulate one replication; return when it ended, and which of :data:`ENDINGS` it was, or a hindrance.

    Of what is due at one time, the lowest place goes next, also if something later in the order has just caused
    it. `log` gets as many items of the sequence as it has room for, which is for all if the pool is managed.
    D has a column of start-up times for each slot, and then for each video, in the order in which publishers
    are started because of it; then those of publishers without a cause, row by row.
    """
    now, client = 0.0, 0.0
    if pool is not None and n[s.RESUMED]:
        now, client = _go_on(T, K, n, c)
    else:
        _begin_at_0(D, T, K, n, c, log, pool)
    while True:
        end = T[s.ENDS, 0] if n[s.ENDS] else inf
        ready = T[s.STARTS, 0] if n[s.STARTS] else inf
        timer = T[s.TIMERS, 0] if n[s.TIMERS] else inf
        admitted = now if n[s.A_IN] > n[s.A_OUT] else inf
        first = min(min(min(end, ready), min(client, timer)), admitted)
        lapses = inf
        if pool is not None:
            hindrance = _hindered(now, client, n, c)
            if hindrance > 0:
                return now, hindrance
            lapses = next_lapse(now, T, K, n, c)
            first = min(first, min(lapses, c[s.LATEST_START]))
            if n[s.LATE] and n[s.SEEN] != n[s.LOGGED]:
                first = now
        if n[s.OUTCOMES] == n[s.VIDEOS] and first > now:
            return now, _COMPLETED
        if first == inf or (pool is not None and first > now and _is_stalled(now, client, T, K, n, c, pool)):
            return now, _why_nothing_is_left(T, K, n)
        if first > c[s.UNTIL]:
            return c[s.UNTIL], _CUT_OFF
        now = first
        if end == now:
            _encoding_ends(now, pop(s.ENDS, T, K, n), D, T, K, n, c, log, pool)
        elif ready == now:
            key = pop(s.STARTS, T, K, n)
            if key & 1:
                lose(now, key >> 1, D, T, K, n, c, log, pool)
            else:
                _becomes_ready(now, key >> 1, D, T, K, n, c, log, pool)
        elif admitted == now:
            n[s.A_OUT] += 1
            _arrives(now, K[s.ADMITTED, n[s.A_OUT] - 1], D, T, K, n, c, log, pool)
        elif client == now:
            client = _client(now, steps, D, T, K, n, c, log, pool)
            if client != client:
                return now, OPEN
        elif pool is None or (timer == now and (lapses > now or K[s.TIMERS, 0] >> s.KIND != s.REVIEW)):
            _timer(now, client, D, T, K, n, c, log, pool)
        elif lapses == now:
            lapse(now, D, T, K, n, c, log, pool)
        elif c[s.LATEST_START] == now:
            at_latest_start(now, T, K, n, c, pool.coverage)
        else:
            decide(now, D, T, K, n, c, log, pool)
        if n[s.IS_OFFERED] and n[s.FREE] and client == inf:
            client = now
