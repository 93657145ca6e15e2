"""The publishing stage under any rule, one replication at a time, where no encoder is blocked.

A publisher's ready time is all that matters of it. ``at[taken:there]`` holds those of the publishers without a
video, in ascending order. The videos that wait are ``queue[q_out:q_in]``, by their ranks, in the order in which
they are served. Before a step of the script, or before the first one of an instant if all that has come at one
instant is matched together, the videos that wait are given the publishers that are ready by then.
"""

from __future__ import annotations

from math import inf
from typing import Any

from tv2sim.base.compiling import borrowing, inlined
from tv2sim.engines.kernel.encoding import ARRIVES, DECIDED, READY_FIRST, STARTS

__all__ = [
    "ALIVE", "BLOCKED", "END", "IDLE", "NO_PUBLISHER", "SUMS", "TAKEN", "WAITED", "assign", "own_ready",
]  # fmt: skip

BLOCKED, NO_PUBLISHER = -1, -2
"""Instead of the number of publishers: an encoder would be blocked, or a video waits for ever."""

IDLE, ALIVE, END, TAKEN, WAITED = range(5)
SUMS = 5
"""The idle times of all publishers; the lives of videos' own ones, without publishing; when the run ends; how
many publishers of the pool take a video; for how long videos wait for them that are given up."""


@inlined
def _insert(items: Any, low: Any, there: Any, item: Any) -> None:
    """Put an item into its place in ``items[low:there]``, which are in ascending order."""
    i = there
    while i > low and items[i - 1] > item:
        items[i] = items[i - 1]
        i -= 1
    items[i] = item


@inlined
def _startup(row: Any, startup: Any, further: Any, caused: Any) -> Any:
    """Return the start-up time of the next publisher that is started because of a video."""
    if len(further):
        caused[row] += 1
        if caused[row] > 1:
            return further[row]
    return startup[row]


@inlined
def _give_up(now: Any, video: Any, encoded: Any, assigned: Any, sums: Any) -> None:
    assigned[video] = inf
    sums[WAITED] += now - encoded[video]
    sums[END] = max(sums[END], now)


@inlined
def _clear(
    now: Any, ranked: Any, deadline: Any, encoded: Any, queue: Any, q_out: Any, q_in: Any, assigned: Any,
    sums: Any,
) -> Any:  # fmt: skip
    """Give up the videos of the queue whose deadline has passed; return its new end."""
    kept = q_out
    for i in range(q_out, q_in):
        video = ranked[queue[i]]
        if now > deadline[video]:
            _give_up(now, video, encoded, assigned, sums)
        else:
            queue[kept] = queue[i]
            kept += 1
    return kept


@inlined
def own_ready(row: Any, begins: Any, encoded: Any, startup: Any) -> Any:
    """Return when a video's own publisher is ready, and when both are."""
    ready = begins[row] + startup[row]
    return ready, max(ready, encoded[row])


@borrowing
def assign(
    script: Any, order: Any, rule: Any, own: Any, publishing: Any, starts: Any, state: Any, assigned: Any,
    started: Any, takes: Any, sums: Any,
) -> Any:  # fmt: skip
    """Give all videos their publishers; return how many the pool has started.

    Parameters
    ----------
    script : tuple
        As :func:`tv2sim.engines.kernel.encoding.script_of` returns it.
    order : tuple
        As :func:`tv2sim.engines.kernel.encoding.order_of` returns it.
    rule : tuple
        The size of the pool and of the queue; whether videos get publishers at the end of an instant, and
        whether they are given up.
    own : tuple
        The rows of the videos with a publisher of their own; by video, its start, and the end of encoding.
    publishing : numpy.ndarray
        The publishing time of each video; the run ends with the last outcome.
    starts : tuple
        The start-up times of the prewarmed publishers, of a video's first and of its second; the last is empty
        if there are none.
    state : tuple
        Room for ready times, the queue, and how many publishers each video has caused.
    assigned : numpy.ndarray
        By video: gets the time at which a publisher takes it, infinite if it is given up.
    started, takes : numpy.ndarray
        Get the times at which publishers of the pool are started, and those at which they take videos; both
        ascending.
    sums : numpy.ndarray
        Gets the sums.
    """
    owned, begins, encoded = own
    slots, startup, further = starts
    _, _, deadline = order
    _, _, _, discards = rule
    for i in range(SUMS):
        sums[i] = 0.0
    for row in owned:
        ready, time = own_ready(row, begins, encoded, startup)
        sums[IDLE] += time - ready
        sums[ALIVE] += time - begins[row]
        lost = discards and time > deadline[row]
        assigned[row] = inf if lost else time
        sums[END] = max(sums[END], time if lost else time + publishing[row])
    return _share(
        script, order, rule, encoded, publishing, slots, startup, further, state, assigned, started, takes, sums
    )


@borrowing
def _share(
    script: Any, order: Any, rule: Any, encoded: Any, publishing: Any, slots: Any, startup: Any, further: Any,
    state: Any, assigned: Any, started: Any, takes: Any, sums: Any,
) -> Any:  # fmt: skip
    """Simulate the pool until the run ends, not before ``sums[END]``; do as :func:`assign`."""
    times, kinds, rows = script
    rank, ranked, deadline = order
    level, capacity, late, discards = rule
    at, queue, caused = state
    if len(further):
        for row in range(len(caused)):
            caused[row] = 0
    for slot in range(level):
        _insert(at, 0, slot, slots[slot])
        started[slot] = 0.0
    there = stock = level
    clears = late and discards
    first = 0 if late else READY_FIRST
    taken = q_in = q_out = 0
    to_come, instant, idle, end = len(ranked), 0.0, 0.0, 0.0
    for step in range(len(times)):
        time, kind = times[step], kinds[step]
        until = time if kind & first else time - 1.0  # times are whole numbers
        if q_in > q_out and (time > instant or not late):
            now = instant  # of the step before, then the times at which publishers become ready
            while q_in > q_out and (clears or (taken < there and at[taken] <= until)):
                if clears:
                    q_in = _clear(now, ranked, deadline, encoded, queue, q_out, q_in, assigned, sums)
                cause, ready = q_out, min(now, until)
                while q_in > q_out and taken < there and at[taken] <= ready:
                    video = ranked[queue[q_out]]
                    q_out += 1
                    if discards and now > deadline[video]:
                        _give_up(now, video, encoded, assigned, sums)
                    else:
                        assigned[video] = takes[taken] = now
                        idle += now - at[taken]
                        end = max(end, now + publishing[video])
                        taken += 1
                        stock -= 1
                    if not late:
                        break
                # invariant: the pool lacks no more than were taken just now, which are replaced in their order
                while stock < level:
                    _insert(at, taken, there, now + _startup(ranked[queue[cause]], startup, further, caused))
                    started[there] = now
                    there += 1
                    stock += 1
                    cause += 1
                if taken == there or at[taken] > until:
                    break
                now = max(now, at[taken])
        if to_come == 0 and q_in == q_out and time > max(end, sums[END]):
            break
        instant = time
        if kind & DECIDED:
            stock += 1
        if kind & STARTS:
            _insert(at, taken, there, time + _startup(rows[step], startup, further, caused))
            started[there] = time
            there += 1
        if kind & ARRIVES:
            if q_in - q_out >= capacity:
                return BLOCKED
            _insert(queue, q_out, q_in, rank[rows[step]])
            q_in += 1
            to_come -= 1
    if q_in > q_out:
        return NO_PUBLISHER
    end = max(end, sums[END])
    for i in range(taken, there):
        idle += max(0.0, end - at[i])
    sums[IDLE] += idle
    sums[END], sums[TAKEN] = end, taken
    return there
