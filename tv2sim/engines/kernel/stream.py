"""One replication, video by video: those with their own publishers, and a pool that is first in, first out.

Nothing but a hit is kept of a video, so that a catalogue of any size runs in a processor's cache. Client and
encoders are simulated along with the publishing stage, which never blocks an encoder. The encoders are a heap
of what they hold, by the time when it is encoded and then by row. The next video takes the first encoder, and
only then is that encoder's last video handed to the stage. So videos arrive at the stage in the order in which
they are encoded, and nothing has to be sorted.
"""

from __future__ import annotations

from math import inf
from typing import Any

from tv2sim.base.compiling import compiled, inlined
from tv2sim.engines.kernel.lanes import ALIVE, BLOCKED, IDLE, LAST, PUBLISHED, STOCKOUTS, SUMS, WAITS
from tv2sim.strategies import MOMENTS

__all__ = ["ADVANCED", "HELD_UP", "NOTHING", "WORK", "advance", "finish"]

# rows of the sums, after those of lanes
WORK, HELD_UP, _GOES_ON = range(SUMS, SUMS + 3)
ADVANCED = SUMS + 3
"""The ticks for which encoders are busy, and for which the client waits for one; when the client goes on."""

NOTHING = 1 << 62
"""The key of an encoder that holds no video is its number less this."""
_SLOT_BITS = 32
_SLOT = (1 << _SLOT_BITS) - 1
_STARTED, _LIMIT, _STARTUP = range(3)
_TAKEN, _THERE, _PLACE = range(3)
"""Counts: the pool is ``ready[taken:there]``, in ascending order; the place of its next assignment."""
_AT_START = MOMENTS.index("encoding_started")


@inlined
def _replace_first(time: Any, key: Any, times: Any, keys: Any) -> None:
    """Put another item into the place of the first one of a heap."""
    size, i = len(times), 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            times[other] < times[child] or (times[other] == times[child] and keys[other] < keys[child])
        ):
            child = other
        if time < times[child] or (time == times[child] and key < keys[child]):
            break
        times[i] = times[child]
        keys[i] = keys[child]
        i = child
    times[i] = time
    keys[i] = key


@inlined
def _assigned(
    time: Any, arrives: Any, limit: Any, video: Any, started: Any, sums: Any, hits: Any, kept: Any
) -> None:
    """Add up what follows from the time at which a video is assigned, and keep it if there is room."""
    hit = time <= limit
    hits[video] = hit
    sums[PUBLISHED] += hit
    sums[STOCKOUTS] += time > arrives
    sums[LAST] = max(sums[LAST], time)
    if kept.shape[1]:
        kept[0, video] = time
        kept[1, video] = started


@inlined
def _take(arrives: Any, startup: Any, ready: Any, waiting: Any, n: Any, sums: Any) -> Any:
    """Let the first publisher of the pool take a video, and start another one; return when it takes it."""
    if n[_THERE] == len(ready):
        size = n[_THERE] - n[_TAKEN]
        for i in range(size):
            ready[i] = ready[n[_TAKEN] + i]
        n[_TAKEN], n[_THERE] = 0, size
    taken, i = n[_TAKEN], n[_THERE]
    free = ready[taken]
    time = max(free, arrives)
    again = time + startup
    ready[taken] = -inf  # ends the search for the place of the next one
    while ready[i - 1] > again:
        ready[i] = ready[i - 1]
        i -= 1
    ready[i] = again
    n[_TAKEN] += 1
    n[_THERE] += 1
    sums[IDLE] += time - free
    sums[WAITS] += time - arrives
    if len(waiting):
        # the place of the video that came so many before may not be free yet
        place = n[_PLACE]
        if waiting[place] >= arrives:
            sums[BLOCKED] = 1.0
        waiting[place] = time
        n[_PLACE] = place + 1 if place + 1 < len(waiting) else 0
    return time


@inlined
def _hand_over(
    arrives: Any, key: Any, own: Any, held: Any, ready: Any, waiting: Any, n: Any, sums: Any, hits: Any,
    kept: Any,
) -> None:  # fmt: skip
    """Hand the video of an encoder to the stage, if there is one and the pool serves it."""
    video, slot = key >> _SLOT_BITS, key & _SLOT
    if video >= 0 and not own[video]:
        time = _take(arrives, held[_STARTUP, slot], ready, waiting, n, sums)
        _assigned(time, arrives, held[_LIMIT, slot], video, held[_STARTED, slot], sums, hits, kept)


@compiled
def advance(
    first: Any, encoding_time: Any, timeout: Any, startup: Any, given: Any, rule: Any, encoders: Any, pool: Any,
    n: Any, sums: Any, hits: Any, kept: Any,
) -> None:  # fmt: skip
    """Let the client hand over the videos from `first` on, and simulate what comes before.

    Parameters
    ----------
    encoding_time, timeout, startup : numpy.ndarray
        Of these videos.
    given : tuple
        Columns of all videos: submitted, moment, own, delay.
    rule : tuple
        The client's gap, and the publishing time that is held against the timeout.
    encoders : tuple
        The heap, of times and of keys: a video's row, and the number of its encoder. By that number, the start
        of encoding, the latest assignment in time, and the start-up time.
    pool : tuple
        Ready times; and the latest assignments, as many as the queue has places, or none if it has enough.
    n, sums : numpy.ndarray
        Counts; sums, a row for each.
    hits : numpy.ndarray
        By video: gets 1 if it is in time, else 0.
    kept : numpy.ndarray
        By video, if it has columns: gets the time of the assignment, and that of the start of encoding.
    """
    submitted, moment, own, delay = given
    gap, held_against = rule
    times, keys, held = encoders
    ready, waiting = pool
    client = sums[_GOES_ON]
    for i in range(len(encoding_time)):
        video = first + i
        offered = max(client, submitted[video])
        free, key = times[0], keys[0]
        _hand_over(free, key, own, held, ready, waiting, n, sums, hits, kept)
        start = max(offered, free)
        end = start + encoding_time[i]
        limit = start + timeout[i] - held_against
        client = start + gap
        sums[HELD_UP] += start - offered
        sums[WORK] += encoding_time[i]
        slot = key & _SLOT
        held[_STARTED, slot], held[_LIMIT, slot], held[_STARTUP, slot] = start, limit, startup[i]
        _replace_first(end, video << _SLOT_BITS | slot, times, keys)
        if own[video]:
            begin = (start if moment[video] == _AT_START else end) + delay[video]
            there = begin + startup[i]
            time = max(there, end)
            sums[IDLE] += time - there
            sums[ALIVE] += time - begin
            _assigned(time, end, limit, video, start, sums, hits, kept)
    sums[_GOES_ON] = client


@compiled
def finish(
    own: Any, publishing: Any, encoders: Any, pool: Any, n: Any, sums: Any, hits: Any, kept: Any
) -> None:
    """Let the encoders end what they hold, and end the run."""
    times, keys, held = encoders
    ready, waiting = pool
    while times[0] < inf:
        _hand_over(times[0], keys[0], own, held, ready, waiting, n, sums, hits, kept)
        _replace_first(inf, keys[0], times, keys)
    sums[LAST] += publishing
    for i in range(n[_TAKEN], n[_THERE]):
        sums[IDLE] += max(0.0, sums[LAST] - ready[i])
