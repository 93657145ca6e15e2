"""All rules, one replication at a time: a function for each place of an instant, as in the model.

The state is held in few arrays, because each function is given all of them: the columns are rows of two
matrices, `T` of times and `K` of whole numbers; `n` holds counts and the rule, `c` durations, `D` start-up
times. A heap has its times in a row of T, its keys in the row of K with the same number, and its size in `n`.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np

from tv2sim.compiled import borrowing, inlined
from tv2sim.events import EVENTS, pack
from tv2sim.facts import PUBLISHER_OUTCOMES, VIDEO_OUTCOMES
from tv2sim.kernel.arrivals import pause_from
from tv2sim.strategies import MOMENTS
from tv2sim.ticks import PER_SECOND

# What functions are given is a number of a type of NumPy: they are compiled again for each literal.

# rows of T: heaps, what is given, what is drawn, exact pauses from some times, and the facts
FREE, ENDS, STARTS, TIMERS, QUEUE = map(np.int64, range(5))
TIMEOUT, DELAY, PRIORITY, SPEED = range(5, 9)
PUBLISHING, ENCODING_TIME, BEFORE = range(9, 12)
PAUSED, PAUSES, SINCE = range(12, 15)
OFFERED, STARTED, ENCODED, QUEUED, ASSIGNED, PUBLISHED = range(15, 21)
P_STARTED, P_READY, P_ASSIGNED, P_ENDED = range(21, 25)
TIMES = 25
# rows of K: after the keys of the heaps, what is given, lists, and the facts
MOMENT, OWN, BEGUN, OWN_READY, OWN_WAITS, OWNER, FIFO, READY, BLOCKED, ADMITTED = range(5, 15)
TIMED, IN_LINE, ORDER, LOST = range(15, 19)
ENCODER, PUBLISHER, OUTCOME = range(19, 22)
P_CAUSE, P_VIDEO, P_OUTCOME = range(22, 25)
NUMBERS = 25
# n: after the sizes of the heaps, the ends of lists, counts, and what is given
Q_IN, Q_OUT, R_IN, R_OUT, B_IN, B_OUT, A_IN, A_OUT = range(5, 13)
L_IN, L_OUT, STOCK, PUBLISHERS, LOGGED, OUTCOMES, NEXT, IS_OFFERED, ARRIVALS = range(13, 22)
TIMES_SET, EXISTING, WAITS, LOSSES = range(22, 26)
VIDEOS, ENCODERS, CAPACITY, LEVEL, REORDERS, HELD, DIFFER, MOST, KNOWN = range(26, 35)
COUNTS = 35
# c
GAP, UNTIL, REVIEW_EVERY, PROVISIONING, NOTICED_AFTER = range(5)

ENDINGS = ("completed", "cut-off", "no publisher will come", "nothing left to happen")
_COMPLETED, _CUT_OFF, _NO_PUBLISHER, _NOTHING, OPEN = range(5)
"""The last one is no ending: it is open how long the client pauses, which T and `n` have to say."""

_BITS = pack(None, 1).bit_length() - 1
(
    _E_OFFERED, _E_STARTED, _E_ENCODED, _E_QUEUED, _E_P_STARTED, _E_P_READY, _E_ASSIGNED, _E_PUBLISHED,
    _E_FAILED, _E_P_ENDED, _E_P_FAILED,
) = map(np.int64, map(pack, list(EVENTS)[:11]))  # fmt: skip
_PUBLISHED, _FAILED = map(VIDEO_OUTCOMES.index, ("published", "failed"))
_ENDED, _P_FAILED = map(PUBLISHER_OUTCOMES.index, ("ended", "failed"))
_AT_START, _AT_ENCODED, _AT_QUEUED = map(MOMENTS.index, ("encoding_started", "encoded", "queued"))
_END_OF_PUBLISHING, _NOTICE, _DELAYED_START, _REVIEW = range(4)
_KIND, _CAUSE = 60, 32
"""Bits of a timer's key that hold a number; the kind is above them. An order has its cause above its number."""
_NUMBER, _BELOW_CAUSE = (1 << _KIND) - 1, (1 << _CAUSE) - 1
_NOBODY = np.int64(-1)


# -- heaps -------------------------------------------------------------------------------------------------


@borrowing
def _push(heap: Any, time: Any, key: Any, T: Any, K: Any, n: Any) -> None:
    i = n[heap]
    n[heap] = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if T[heap, up] < time or (T[heap, up] == time and K[heap, up] < key):
            break
        T[heap, i] = T[heap, up]
        K[heap, i] = K[heap, up]
        i = up
    T[heap, i] = time
    K[heap, i] = key


@borrowing
def _pop(heap: Any, T: Any, K: Any, n: Any) -> Any:
    first = K[heap, 0]
    size = n[heap] - 1
    n[heap] = size
    time, key = T[heap, size], K[heap, size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            T[heap, other] < T[heap, child]
            or (T[heap, other] == T[heap, child] and K[heap, other] < K[heap, child])
        ):
            child = other
        if time < T[heap, child] or (time == T[heap, child] and key < K[heap, child]):
            break
        T[heap, i] = T[heap, child]
        K[heap, i] = K[heap, child]
        i = child
    T[heap, i] = time
    K[heap, i] = key
    return first


@inlined
def _note(event: Any, row: Any, n: Any, log: Any) -> None:
    if n[LOGGED] < len(log):
        log[n[LOGGED]] = row << _BITS | event
        n[LOGGED] += 1


# -- publishers --------------------------------------------------------------------------------------------


# An order is a number: a slot of the pool, or else, after these, twice the video that is its cause, plus 1 if
# the publisher is for this video alone.


@inlined
def _for_pool(video: Any, n: Any) -> Any:
    return n[LEVEL] + 2 * video


@inlined
def _cause_of(order: Any, n: Any) -> Any:
    return (order - n[LEVEL]) >> 1 if order >= n[LEVEL] else -1


@inlined
def _order(now: Any, order: Any, lead: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    """Decide that a publisher is to be started, which the pool's level counts already."""
    wait = lead + c[PROVISIONING]
    if wait > 0:
        _set_timer(now + wait, order, T, K, n)
    else:
        _due(now, order, D, T, K, n, log)


@borrowing
def _set_timer(time: Any, order: Any, T: Any, K: Any, n: Any) -> None:
    number = n[TIMES_SET]
    n[TIMES_SET] = number + 1
    K[TIMED, number] = order
    _push(TIMERS, time, _DELAYED_START << _KIND | (_cause_of(order, n) + 1) << _CAUSE | number, T, K, n)


@inlined
def _due(now: Any, order: Any, D: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    """Start a publisher, or let its order wait if too many exist."""
    if n[MOST] and (n[EXISTING] >= n[MOST] or n[L_IN] > n[L_OUT]):
        T[SINCE, n[L_IN]] = now
        K[IN_LINE, n[L_IN]] = order
        n[L_IN] += 1
    else:
        _begin(now, order, D, T, K, n, log)


@inlined
def _begin(now: Any, order: Any, D: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    """Let a publisher start up: it draws the next number of its slot or its cause."""
    cause = _cause_of(order, n)
    entity = order if cause < 0 else n[LEVEL] + cause
    before = K[BEGUN, entity]
    K[BEGUN, entity] = before + 1
    publisher = n[PUBLISHERS]
    n[PUBLISHERS] = publisher + 1
    if n[MOST]:
        n[EXISTING] += 1
    K[ORDER, publisher] = order
    K[OWNER, publisher] = cause if cause >= 0 and (order - n[LEVEL]) & 1 else -1
    K[P_CAUSE, publisher] = cause
    K[P_VIDEO, publisher] = -1
    K[P_OUTCOME, publisher] = 0
    T[P_STARTED, publisher] = now
    T[P_READY, publisher] = T[P_ASSIGNED, publisher] = T[P_ENDED, publisher] = nan
    _note(_E_P_STARTED, publisher, n, log)
    startup = D[before, entity]  # -1 less the time, if it fails
    _push(STARTS, now + max(startup, -1 - startup), 2 * publisher + (startup < 0), T, K, n)


@inlined
def _start_for(now: Any, video: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    own = K[OWN, video]
    if not own:
        n[STOCK] += 1
    _order(now, _for_pool(video, n) + own, T[DELAY, video], D, T, K, n, c, log)


@inlined
def _gone(now: Any, D: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    """Let orders have the place of a publisher that exists no more."""
    if n[MOST]:
        n[EXISTING] -= 1
    while n[L_IN] > n[L_OUT] and n[EXISTING] < n[MOST]:
        first = n[L_OUT]
        n[L_OUT] = first + 1
        n[WAITS] += T[SINCE, first] < now
        _begin(now, K[IN_LINE, first], D, T, K, n, log)


@inlined
def _lose(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    """End a publisher whose start-up fails; it is replaced when that is noticed."""
    T[P_ENDED, publisher] = now
    K[P_OUTCOME, publisher] = _P_FAILED
    K[LOST, n[LOSSES]] = publisher
    n[LOSSES] += 1
    _note(_E_P_FAILED, publisher, n, log)
    _push(TIMERS, now + c[NOTICED_AFTER], _NOTICE << _KIND | publisher, T, K, n)
    _gone(now, D, T, K, n, log)


@inlined
def _assign(now: Any, video: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[ASSIGNED, video] = T[P_ASSIGNED, publisher] = now
    K[PUBLISHER, video] = publisher
    K[P_VIDEO, publisher] = video
    _note(_E_ASSIGNED, video, n, log)
    if not K[OWN, video]:
        if n[STOCK] > n[LEVEL]:
            n[STOCK] -= 1
        else:
            _order(now, _for_pool(video, n), 0.0, D, T, K, n, c, log)
    if T[PUBLISHING, video] > 0:
        _push(TIMERS, now + T[PUBLISHING, video], _END_OF_PUBLISHING << _KIND | publisher, T, K, n)
    else:
        _publish(now, publisher, D, T, K, n, log)


@inlined
def _publish(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    video = K[P_VIDEO, publisher]
    T[PUBLISHED, video] = T[P_ENDED, publisher] = now
    if T[n[HELD], video] - T[STARTED, video] <= T[TIMEOUT, video]:
        K[OUTCOME, video] = _PUBLISHED
        _note(_E_PUBLISHED, video, n, log)
    else:
        K[OUTCOME, video] = _FAILED
        _note(_E_FAILED, video, n, log)
    K[P_OUTCOME, publisher] = _ENDED
    _note(_E_P_ENDED, publisher, n, log)
    n[OUTCOMES] += 1
    _gone(now, D, T, K, n, log)


# -- the publishing queue ----------------------------------------------------------------------------------


@inlined
def _waiting(n: Any) -> Any:
    return n[QUEUE] + n[Q_IN] - n[Q_OUT]


@inlined
def _room(n: Any) -> Any:
    return _waiting(n) + n[A_IN] - n[A_OUT] < n[CAPACITY] + n[R_IN] - n[R_OUT]


@inlined
def _admit(K: Any, n: Any) -> None:
    while n[B_IN] > n[B_OUT] and _room(n):
        K[ADMITTED, n[A_IN]] = K[BLOCKED, n[B_OUT]]
        n[A_IN] += 1
        n[B_OUT] += 1


@inlined
def _put(video: Any, T: Any, K: Any, n: Any) -> None:
    if n[REORDERS]:
        _push(QUEUE, T[PRIORITY, video], n[ARRIVALS] << 32 | video, T, K, n)
        n[ARRIVALS] += 1
    else:
        K[FIFO, n[Q_IN]] = video
        n[Q_IN] += 1


@inlined
def _take(T: Any, K: Any, n: Any) -> Any:
    if n[REORDERS]:
        return _pop(QUEUE, T, K, n) & 0xFFFFFFFF
    n[Q_OUT] += 1
    return K[FIFO, n[Q_OUT] - 1]


# -- the places of an instant ------------------------------------------------------------------------------


@inlined
def _encoding_ends(now: Any, video: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[ENCODED, video] = now
    _note(_E_ENCODED, video, n, log)
    if K[MOMENT, video] == _AT_ENCODED:
        _start_for(now, video, D, T, K, n, c, log)
    if not K[OWN, video] and not _room(n):
        K[BLOCKED, n[B_IN]] = video
        n[B_IN] += 1
    else:
        _arrives(now, video, D, T, K, n, c, log)


@inlined
def _arrives(now: Any, video: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[QUEUED, video] = now
    _note(_E_QUEUED, video, n, log)
    if K[MOMENT, video] == _AT_QUEUED:
        _start_for(now, video, D, T, K, n, c, log)
    publisher = -1
    if K[OWN, video]:
        publisher = K[OWN_READY, video] - 1
        if publisher < 0:
            K[OWN_WAITS, video] = 1
    elif n[R_IN] > n[R_OUT]:
        publisher = K[READY, n[R_OUT]]
        n[R_OUT] += 1
    else:
        _put(video, T, K, n)
    if publisher >= 0:
        _assign(now, video, publisher, D, T, K, n, c, log)
    if n[ENCODERS]:
        _push(FREE, now, K[ENCODER, video], T, K, n)


@inlined
def _becomes_ready(now: Any, publisher: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[P_READY, publisher] = now
    _note(_E_P_READY, publisher, n, log)
    owner = K[OWNER, publisher]
    if owner >= 0:
        if K[OWN_WAITS, owner]:
            K[OWN_WAITS, owner] = 0
            _assign(now, owner, publisher, D, T, K, n, c, log)
        else:
            K[OWN_READY, owner] = publisher + 1
    elif _waiting(n) > 0:
        video = _take(T, K, n)
        _admit(K, n)
        _assign(now, video, publisher, D, T, K, n, c, log)
    else:
        K[READY, n[R_IN]] = publisher
        n[R_IN] += 1
        _admit(K, n)


@inlined
def _pause(now: Any, steps: Any, T: Any, n: Any, c: Any) -> Any:
    """Return how long the client pauses after it has handed over a video, NaN if that is open."""
    if steps.shape[1] == 0:
        return c[GAP]
    pause = pause_from(now, 1.0, steps)
    if pause != pause:
        for i in range(n[KNOWN]):
            if T[PAUSED, i] == now:
                pause = T[PAUSES, i]
    return pause


@inlined
def _client(now: Any, steps: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> Any:
    """Offer the next video and hand it over if an encoder is free; return when the client goes on by itself."""
    video = n[NEXT]
    if not n[IS_OFFERED]:
        if now < T[BEFORE, video]:
            return T[BEFORE, video]
        T[OFFERED, video] = now
        _note(_E_OFFERED, video, n, log)
        n[IS_OFFERED] = 1
    encoder, time = _NOBODY, T[ENCODING_TIME, video]
    if n[ENCODERS]:
        if n[FREE] == 0:
            return inf
        encoder = _pop(FREE, T, K, n)
        if n[DIFFER]:
            time = np.rint(time / T[SPEED, encoder] * PER_SECOND)
    T[STARTED, video] = now
    K[ENCODER, video] = encoder
    _note(_E_STARTED, video, n, log)
    if K[MOMENT, video] == _AT_START:
        _start_for(now, video, D, T, K, n, c, log)
    _push(ENDS, now + time, video, T, K, n)
    n[NEXT] += 1
    n[IS_OFFERED] = 0
    if n[NEXT] == n[VIDEOS]:
        return inf
    goes_on, before = now + _pause(now, steps, T, n, c), T[BEFORE, n[NEXT]]
    return before if before > goes_on else goes_on


@inlined
def _timer(now: Any, client: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    key = _pop(TIMERS, T, K, n)
    kind, number = key >> _KIND, key & _NUMBER
    if kind == _END_OF_PUBLISHING:
        _publish(now, number, D, T, K, n, log)
    elif kind == _NOTICE:
        _order(now, K[ORDER, number], 0.0, D, T, K, n, c, log)
    elif kind == _DELAYED_START:
        _due(now, K[TIMED, number & _BELOW_CAUSE], D, T, K, n, log)
    elif n[ENDS] + n[STARTS] + n[TIMERS] + n[A_IN] - n[A_OUT] > 0 or client < inf:
        # a review, which finds the pool at its level, goes on as long as anything else is under way
        _push(TIMERS, now + c[REVIEW_EVERY], _REVIEW << _KIND, T, K, n)


# -- the whole ---------------------------------------------------------------------------------------------


@inlined
def _begin_at_0(D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    videos = n[VIDEOS]
    n[:VIDEOS] = 0
    K[BEGUN, : n[LEVEL] + videos] = 0
    for row in range(OWN_READY, OWN_WAITS + 1):
        K[row, :videos] = 0
    K[ENCODER, :videos] = -1
    K[PUBLISHER, :videos] = -1
    K[OUTCOME, :videos] = 0
    for row in range(OFFERED, PUBLISHED + 1):
        T[row, :videos] = nan
    for encoder in range(min(n[ENCODERS], videos)):
        _push(FREE, 0.0, encoder, T, K, n)
    n[STOCK] = n[LEVEL]
    for slot in range(n[LEVEL]):
        _order(0.0, slot, 0.0, D, T, K, n, c, log)
    if c[REVIEW_EVERY] > 0:
        _push(TIMERS, c[REVIEW_EVERY], _REVIEW << _KIND, T, K, n)


@borrowing
def _why_nothing_is_left(T: Any, K: Any, n: Any) -> Any:
    for video in range(n[VIDEOS]):
        if T[ENCODED, video] == T[ENCODED, video] and not K[OUTCOME, video]:
            return _NO_PUBLISHER
    return _NOTHING


@borrowing
def simulate(steps: Any, D: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> Any:
    """Simulate one replication; return when it ended, and which of :data:`ENDINGS` it was, or :data:`OPEN`.

    Of what is due at one time, the lowest place goes next, also if something later in the order has just caused
    it. `log` gets as many items of the sequence as it has room for. D has a column of start-up times for each
    slot, and then for each video, in the order in which publishers are started because of it.
    """
    _begin_at_0(D, T, K, n, c, log)
    now, client = 0.0, 0.0
    while True:
        end = T[ENDS, 0] if n[ENDS] else inf
        ready = T[STARTS, 0] if n[STARTS] else inf
        timer = T[TIMERS, 0] if n[TIMERS] else inf
        admitted = now if n[A_IN] > n[A_OUT] else inf
        first = min(min(min(end, ready), min(client, timer)), admitted)
        if n[OUTCOMES] == n[VIDEOS] and first > now:
            return now, _COMPLETED
        if first == inf:
            return now, _why_nothing_is_left(T, K, n)
        if first > c[UNTIL]:
            return c[UNTIL], _CUT_OFF
        now = first
        if end == now:
            _encoding_ends(now, _pop(ENDS, T, K, n), D, T, K, n, c, log)
        elif ready == now:
            key = _pop(STARTS, T, K, n)
            if key & 1:
                _lose(now, key >> 1, D, T, K, n, c, log)
            else:
                _becomes_ready(now, key >> 1, D, T, K, n, c, log)
        elif admitted == now:
            n[A_OUT] += 1
            _arrives(now, K[ADMITTED, n[A_OUT] - 1], D, T, K, n, c, log)
        elif client == now:
            client = _client(now, steps, D, T, K, n, c, log)
            if client != client:
                return now, OPEN
        else:
            _timer(now, client, D, T, K, n, c, log)
        if n[IS_OFFERED] and n[FREE] and client == inf:
            client = now
