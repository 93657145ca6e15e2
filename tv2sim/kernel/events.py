"""All rules, one replication at a time: a function for each place of an instant, as in the model.

The state is held in few arrays, because each function is given all of them: the columns are rows of two
matrices, `T` of times and `K` of whole numbers; `n` holds counts and the rule, `c` durations. A heap has its
times in a row of T and its keys in the row of K with the same number, and its size in `n`.
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
SLOT_STARTUP, STARTUP, FURTHER_STARTUP, PUBLISHING, ENCODING_TIME, BEFORE = range(9, 15)
PAUSED, PAUSES = range(15, 17)
OFFERED, STARTED, ENCODED, QUEUED, ASSIGNED, PUBLISHED = range(17, 23)
P_STARTED, P_READY, P_ASSIGNED, P_ENDED = range(23, 27)
TIMES = 27
# rows of K: after the keys of the heaps, what is given, lists, and the facts
MOMENT, OWN, CAUSED, OWN_READY, OWN_WAITS, OWNER, FIFO, READY, BLOCKED, ADMITTED = range(5, 15)
ENCODER, PUBLISHER, OUTCOME = range(15, 18)
P_CAUSE, P_VIDEO, P_OUTCOME = range(18, 21)
NUMBERS = 21
# n: after the sizes of the heaps, the ends of lists, counts, and what is given
Q_IN, Q_OUT, R_IN, R_OUT, B_IN, B_OUT, A_IN, A_OUT = range(5, 13)
STOCK, PUBLISHERS, LOGGED, OUTCOMES, NEXT, IS_OFFERED, ARRIVALS = range(13, 20)
VIDEOS, ENCODERS, CAPACITY, LEVEL, REORDERS, HELD, DIFFER, KNOWN = range(20, 28)
COUNTS = 28
# c
GAP, UNTIL, REVIEW_EVERY = range(3)

ENDINGS = ("completed", "cut-off", "no publisher will come")
_COMPLETED, _CUT_OFF, _NO_PUBLISHER, OPEN = range(4)
"""The last one is no ending: it is open how long the client pauses, which T and `n` have to say."""

_BITS = pack(None, 1).bit_length() - 1
(
    _E_OFFERED, _E_STARTED, _E_ENCODED, _E_QUEUED, _E_P_STARTED, _E_P_READY, _E_ASSIGNED, _E_PUBLISHED,
    _E_FAILED, _E_P_ENDED,
) = map(np.int64, map(pack, list(EVENTS)[:10]))  # fmt: skip
_PUBLISHED, _FAILED = map(VIDEO_OUTCOMES.index, ("published", "failed"))
_ENDED = PUBLISHER_OUTCOMES.index("ended")
_AT_START, _AT_ENCODED, _AT_QUEUED = map(MOMENTS.index, ("encoding_started", "encoded", "queued"))
_END_OF_PUBLISHING, _DELAYED_START, _REVIEW = range(3)
_KIND = 40
"""Bits of a timer's key that hold a number; the kind is above them."""
_NUMBER = (1 << _KIND) - 1
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


@inlined
def _start(now: Any, cause: Any, owner: Any, startup: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    publisher = n[PUBLISHERS]
    n[PUBLISHERS] = publisher + 1
    K[OWNER, publisher] = owner
    K[P_CAUSE, publisher] = cause
    K[P_VIDEO, publisher] = -1
    K[P_OUTCOME, publisher] = 0
    T[P_STARTED, publisher] = now
    T[P_READY, publisher] = T[P_ASSIGNED, publisher] = T[P_ENDED, publisher] = nan
    _note(_E_P_STARTED, publisher, n, log)
    _push(STARTS, now + startup, publisher, T, K, n)


@inlined
def _start_because_of(now: Any, video: Any, owner: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    """Start a publisher that draws the video's number: a first or, if the pool had one, a second one."""
    startup = T[STARTUP + K[CAUSED, video], video]
    K[CAUSED, video] += 1
    _start(now, video, owner, startup, T, K, n, log)


@inlined
def _start_for(now: Any, video: Any, T: Any, K: Any, n: Any, log: Any) -> None:
    if not K[OWN, video]:
        n[STOCK] += 1
    if T[DELAY, video] > 0:
        _push(TIMERS, now + T[DELAY, video], _DELAYED_START << _KIND | video, T, K, n)
    else:
        _start_because_of(now, video, video if K[OWN, video] else -1, T, K, n, log)


@inlined
def _assign(now: Any, video: Any, publisher: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[ASSIGNED, video] = T[P_ASSIGNED, publisher] = now
    K[PUBLISHER, video] = publisher
    K[P_VIDEO, publisher] = video
    _note(_E_ASSIGNED, video, n, log)
    if not K[OWN, video]:
        if n[STOCK] > n[LEVEL]:
            n[STOCK] -= 1
        else:
            _start_because_of(now, video, _NOBODY, T, K, n, log)
    if T[PUBLISHING, video] > 0:
        _push(TIMERS, now + T[PUBLISHING, video], _END_OF_PUBLISHING << _KIND | publisher, T, K, n)
    else:
        _publish(now, publisher, T, K, n, log)


@inlined
def _publish(now: Any, publisher: Any, T: Any, K: Any, n: Any, log: Any) -> None:
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
def _encoding_ends(now: Any, video: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[ENCODED, video] = now
    _note(_E_ENCODED, video, n, log)
    if K[MOMENT, video] == _AT_ENCODED:
        _start_for(now, video, T, K, n, log)
    if not K[OWN, video] and not _room(n):
        K[BLOCKED, n[B_IN]] = video
        n[B_IN] += 1
    else:
        _arrives(now, video, T, K, n, c, log)


@inlined
def _arrives(now: Any, video: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[QUEUED, video] = now
    _note(_E_QUEUED, video, n, log)
    if K[MOMENT, video] == _AT_QUEUED:
        _start_for(now, video, T, K, n, log)
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
        _assign(now, video, publisher, T, K, n, c, log)
    if n[ENCODERS]:
        _push(FREE, now, K[ENCODER, video], T, K, n)


@inlined
def _becomes_ready(now: Any, publisher: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    T[P_READY, publisher] = now
    _note(_E_P_READY, publisher, n, log)
    owner = K[OWNER, publisher]
    if owner >= 0:
        if K[OWN_WAITS, owner]:
            K[OWN_WAITS, owner] = 0
            _assign(now, owner, publisher, T, K, n, c, log)
        else:
            K[OWN_READY, owner] = publisher + 1
    elif _waiting(n) > 0:
        video = _take(T, K, n)
        _admit(K, n)
        _assign(now, video, publisher, T, K, n, c, log)
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
def _client(now: Any, steps: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> Any:
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
        _start_for(now, video, T, K, n, log)
    _push(ENDS, now + time, video, T, K, n)
    n[NEXT] += 1
    n[IS_OFFERED] = 0
    return now + _pause(now, steps, T, n, c) if n[NEXT] < n[VIDEOS] else inf


@inlined
def _timer(now: Any, client: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    key = _pop(TIMERS, T, K, n)
    kind, number = key >> _KIND, key & _NUMBER
    if kind == _END_OF_PUBLISHING:
        _publish(now, number, T, K, n, log)
    elif kind == _DELAYED_START:
        _start_because_of(now, number, number if K[OWN, number] else -1, T, K, n, log)
    elif n[ENDS] + n[STARTS] + n[TIMERS] + n[A_IN] - n[A_OUT] > 0 or client < inf:
        # a review, which finds the pool at its level, goes on as long as anything else is under way
        _push(TIMERS, now + c[REVIEW_EVERY], _REVIEW << _KIND, T, K, n)


# -- the whole ---------------------------------------------------------------------------------------------


@inlined
def _begin(T: Any, K: Any, n: Any, c: Any, log: Any) -> None:
    videos = n[VIDEOS]
    n[:VIDEOS] = 0
    for row in range(CAUSED, OWN_WAITS + 1):
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
        _start(0.0, _NOBODY, _NOBODY, T[SLOT_STARTUP, slot], T, K, n, log)
    if c[REVIEW_EVERY] > 0:
        _push(TIMERS, c[REVIEW_EVERY], _REVIEW << _KIND, T, K, n)


@borrowing
def simulate(steps: Any, T: Any, K: Any, n: Any, c: Any, log: Any) -> Any:
    """Simulate one replication; return when it ended, and which of :data:`ENDINGS` it was, or :data:`OPEN`.

    Of what is due at one time, the lowest place goes next, also if something later in the order has just caused
    it. `log` gets as many items of the sequence as it has room for.
    """
    _begin(T, K, n, c, log)
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
            return now, _NO_PUBLISHER
        if first > c[UNTIL]:
            return c[UNTIL], _CUT_OFF
        now = first
        if end == now:
            _encoding_ends(now, _pop(ENDS, T, K, n), T, K, n, c, log)
        elif ready == now:
            _becomes_ready(now, _pop(STARTS, T, K, n), T, K, n, c, log)
        elif admitted == now:
            n[A_OUT] += 1
            _arrives(now, K[ADMITTED, n[A_OUT] - 1], T, K, n, c, log)
        elif client == now:
            client = _client(now, steps, T, K, n, c, log)
            if client != client:
                return now, OPEN
        else:
            _timer(now, client, T, K, n, c, log)
        if n[IS_OFFERED] and n[FREE] and client == inf:
            client = now
