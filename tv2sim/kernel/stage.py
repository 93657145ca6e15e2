"""The publishing stage under any rule, one replication at a time, where no encoder is blocked.

A publisher's ready time is all that matters of it. ``at[:there]`` holds those of all publishers started so far
in ascending order, split by two indices: ``[:taken]`` have a video, ``[taken:ready]`` stand by,
``[ready:there]`` are starting. The waiting videos are ``queue[q_out:q_in]``, ascending by their place.
"""

from __future__ import annotations

from math import inf
from typing import Any

from tv2sim.compiled import compiled
from tv2sim.kernel.encoding import ARRIVES, DECIDED, READY_FIRST, STARTS

__all__ = ["BLOCKED", "NO_PUBLISHER", "stage"]

BLOCKED, NO_PUBLISHER = -1, -2
"""Instead of the number of publishers: an encoder would be blocked, or a video waits for ever."""


@compiled
def _insert(at: Any, low: Any, there: Any, time: Any) -> None:
    i = there
    while i > low and at[i - 1] > time:
        at[i] = at[i - 1]
        i -= 1
    at[i] = time


@compiled
def stage(
    times: Any, kinds: Any, rows: Any, priority: Any, level: Any, capacity: Any, last: Any, publishing: Any,
    slots: Any, startup: Any, further: Any, at: Any, queue: Any, place: Any, caused: Any, assigned: Any,
    started: Any, takes: Any, idle: Any,
) -> Any:  # fmt: skip
    """Simulate the pool until the run ends; return how many publishers it has started.

    Parameters
    ----------
    times, kinds, rows
        As :func:`tv2sim.kernel.encoding.script_of` returns them.
    priority : numpy.ndarray
        The place of each video in the queue, the lowest first; empty for first in, first out.
    level, capacity : int
        The size of the pool and of the queue.
    last : float
        When the last video that the pool does not serve is published.
    publishing : numpy.ndarray
        The publishing time of each video; the run ends with the last publication.
    slots, startup, further : numpy.ndarray
        The start-up times of the prewarmed publishers, of a video's first and of its second.
    at, queue, place, caused : numpy.ndarray
        Room for the state.
    assigned : numpy.ndarray
        By video: gets the time at which a publisher takes it.
    started, takes : numpy.ndarray
        Get the times at which publishers are started, and those at which they take videos; both ascending.
    idle : numpy.ndarray
        Gets the idle times of all publishers, summed, and when the run ends.
    """
    for slot in range(level):
        _insert(at, 0, slot, slots[slot])
        started[slot] = 0.0
    there = stock = level
    taken = ready = q_in = q_out = step = 0
    steps, ordered = len(times), len(priority) > 0
    videos = 0
    for i in range(steps):
        videos += kinds[i] & ARRIVES
        caused[rows[i]] = 0
    total = 0.0
    end = last
    while True:
        time = times[step] if step < steps else inf
        kind = kinds[step] if step < steps else 0
        becomes = at[ready] if ready < there else inf
        if taken == videos and time > end:
            break
        video = -1
        now = time
        if becomes < time or (becomes == time and kind & READY_FIRST):
            if taken == videos:  # what is left starts publishers only
                ready = there
                continue
            ready += 1
            if q_in > q_out:
                now = becomes
                video = queue[q_out]
                q_out += 1
        elif time == inf:
            return NO_PUBLISHER
        else:
            step += 1
            row = rows[step - 1]
            if kind & DECIDED:
                stock += 1
            if kind & STARTS:
                _insert(at, ready, there, time + (further[row] if caused[row] else startup[row]))
                started[there] = time
                caused[row] += 1
                there += 1
            if kind & ARRIVES:
                if ready > taken:
                    video = row
                else:
                    if q_in - q_out >= capacity:
                        return BLOCKED
                    i = q_in
                    if ordered:
                        mine = priority[row]
                        while i > q_out and place[i - 1] > mine:
                            place[i] = place[i - 1]
                            queue[i] = queue[i - 1]
                            i -= 1
                        place[i] = mine
                    queue[i] = row
                    q_in += 1
        if video >= 0:
            total += now - at[taken]
            takes[taken] = now
            taken += 1
            assigned[video] = now
            end = max(end, now + publishing[video])
            stock -= 1
            if stock < level:
                _insert(at, ready, there, now + (further[video] if caused[video] else startup[video]))
                started[there] = now
                caused[video] += 1
                there += 1
                stock += 1
    for i in range(taken, there):
        if at[i] < end:
            total += end - at[i]
    idle[0], idle[1] = total, end
    return there
