"""Replications side by side, as in *lanes*, where the times of encoding or of publishing differ between them.

Arrays have a row of :data:`LANES` numbers for each video. The encoders of a lane are the times at which they
are free, in ascending order, as the pool of *lanes*. Videos reach the pool in another order in each lane, so
their arrivals are sorted, each a number that holds the time and the video's row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tv2sim.base.compiling import compiled
from tv2sim.engines.kernel.lanes import (
    ALIVE,
    BLOCKED,
    IDLE,
    LANES,
    LAST,
    PEAK,
    PUBLISHED,
    STOCKOUTS,
    SUMS,
    WAITS,
    fill_pool,
    idle_at_the_end,
    quantiles,
    replace_first,
    sort,
)
from tv2sim.engines.kernel.measuring import peak

__all__ = ["HELD_UP", "VARIED", "WORK", "simulate"]

# rows of the sums, after those of lanes
WORK, HELD_UP = range(SUMS, SUMS + 2)
VARIED = SUMS + 2
"""The ticks for which encoders are busy, and for which the client waits for one."""

_ROW = np.uint64(LANES)
_LARGE = 2.0**31
_EXACT = 2.0**53


@compiled
def _clear(row: Any) -> None:
    for i in range(len(row)):
        row[i] = 0.0


# -- client and encoders -----------------------------------------------------------------------------------


@compiled
def _encode(
    before: Any, encoding_time: Any, gap: Any, encoders: Any, free: Any, x: Any, client: Any, started: Any,
    encoded: Any, work: Any, held_up: Any,
) -> None:  # fmt: skip
    """Let the client offer each video, not before its time, and an encoder take it; 0 encoders are no stage."""
    _clear(free)
    _clear(client)
    for row in range(len(started) // LANES):
        base = np.uint64(row) * _ROW
        for lane in range(_ROW):
            offered = max(client[lane], before[base + lane])
            start = max(offered, free[lane])
            end = start + encoding_time[base + lane]
            started[base + lane] = start
            encoded[base + lane] = end
            x[lane] = end
            client[lane] = start + gap
            held_up[lane] += start - offered
            work[lane] += end - start
        if encoders:
            replace_first(free, encoders, x)


@compiled
def _arrange(encoded: Any, shared: Any, width: Any, keys: Any, blocked: Any) -> None:
    """Sort the arrivals of the shared videos in each lane, by time and then by row."""
    for i in range(len(shared)):
        row, base = float(shared[i]), shared[i] * _ROW
        for lane in range(_ROW):
            key = encoded[base + lane] * width + row
            blocked[lane] = 1.0 if key >= _EXACT else blocked[lane]
            keys[np.uint64(i) * _ROW + lane] = key if key < _EXACT else row
    sort(keys)


# -- publishers --------------------------------------------------------------------------------------------


@compiled
def _own(
    rows: Any, at_start: Any, delay: Any, started: Any, encoded: Any, times: Any, begins: Any, idle: Any,
    alive: Any,
) -> None:  # fmt: skip
    """Assign videos that have a publisher of their own; `times` has start-up times, and gets assignments."""
    for i in range(len(rows)):
        row = rows[i]
        base, late, early = row * _ROW, delay[row], at_start[row]
        for lane in range(_ROW):
            arrives = encoded[base + lane]
            begin = (started[base + lane] if early else arrives) + late
            ready = begin + times[base + lane]
            time = max(ready, arrives)
            begins[base + lane] = begin
            times[base + lane] = time
            idle[lane] += time - ready
            alive[lane] += time - begin


@compiled
def _pool(
    keys: Any, width: Any, capacity: Any, size: Any, times: Any, begins: Any, taken: Any, ready: Any, x: Any,
    idle: Any, waits: Any, blocked: Any,
) -> None:  # fmt: skip
    """Assign the shared videos from a pool of `size`, in the order of `keys`; do as :func:`_own`."""
    arriving = len(keys) // LANES
    for i in range(arriving):
        at = np.uint64(i) * _ROW
        for lane in range(_ROW):
            key = keys[at + lane]
            arrives = np.floor(key / width)
            place = np.uint64(np.int64(key - arrives * width)) * _ROW + lane
            free = ready[lane]
            time = max(free, arrives)
            x[lane] = time + times[place]
            times[place] = begins[place] = time
            taken[at + lane] = time
            idle[lane] += time - free
            waits[lane] += time - arrives
        if i >= capacity:
            # the place of the video that is so many before may not be free yet
            before = np.uint64(i - capacity) * _ROW
            for lane in range(_ROW):
                arrives = np.floor(keys[at + lane] / width)
                blocked[lane] = 1.0 if taken[before + lane] >= arrives else blocked[lane]
        replace_first(ready, size, x)


@compiled
def _outcomes(
    times: Any, started: Any, encoded: Any, publishing: Any, held: Any, timeout: Any, count: Any, on_time: Any,
    wanted: Any, lanes: Any,
) -> None:  # fmt: skip
    """Count the videos on time; not those of lanes that are blocked, or beyond the last replication."""
    published, stockouts, last = lanes[PUBLISHED], lanes[STOCKOUTS], lanes[LAST]
    for lane in range(LANES):
        wanted[lane] = 1 if lane < count and not lanes[BLOCKED, lane] else 0
    for row in range(len(timeout)):
        base, limit, good = np.uint64(row) * _ROW, timeout[row], 0
        for lane in range(_ROW):
            time, busy = times[base + lane], publishing[base + lane]
            hit = 1 if time + held * busy - started[base + lane] <= limit else 0
            published[lane] += hit
            good += hit * wanted[lane]
            stockouts[lane] += 1.0 if time > encoded[base + lane] else 0.0
            last[lane] = max(last[lane], time + busy)
        on_time[row] += good


# -- order statistics --------------------------------------------------------------------------------------


@compiled
def _sorted(
    times: Any, publishing: Any, started: Any, since_start: Any, timeout: Any, late: Any, small: Any, out: Any
) -> None:
    """Fill in publications - `since_start` x starts - `late` x timeouts, lanes sorted."""
    large = 0
    for row in range(len(timeout)):
        base, limit = np.uint64(row) * _ROW, late * timeout[row]
        for lane in range(_ROW):
            time = times[base + lane] + publishing[base + lane]
            time = time - since_start * started[base + lane] - limit
            large += 1 if abs(time) >= _LARGE else 0
            out[base + lane] = time
    if large:
        sort(out)
        return
    for k in range(len(out)):
        small[k] = np.int32(out[k])
    sort(small)
    for k in range(len(out)):
        out[k] = small[k]


@compiled
def _peaks(level: Any, begins: Any, x: Any, out: Any) -> None:
    """Fill in the most publishers at once; `x` are the sorted ends of publishers."""
    videos = len(x) // LANES
    started, ended = np.empty(level + videos), np.empty(videos)
    for lane in range(LANES):
        for i in range(level):
            started[i] = 0.0
        for row in range(videos):
            started[level + row] = begins[row * LANES + lane]
            ended[row] = x[row * LANES + lane]
        started.sort()
        out[lane] = peak(started, ended)


# -- all of it ---------------------------------------------------------------------------------------------


@compiled
def simulate(
    rule: Any, videos: Any, drawn: Any, percents: Any, state: Any, count: Any, on_time: Any, sums: Any,
    found: Any,
) -> None:  # fmt: skip
    """Simulate a group of :data:`LANES` replications, of which `count` are wanted.

    Parameters
    ----------
    rule : tuple
        Size of the pool, capacity of the queue, number of encoders, the client's gap; the share of the
        publishing time that is held against the timeout; whether encodings differ, and are to be simulated;
        and whether the peak is wanted.
    videos : tuple
        Columns: whether an own publisher starts with the encoding, its delay, the timeout; then the rows of
        own and of shared videos, unsigned.
    drawn : tuple
        By entity and lane: start-up times of slots and of videos, which get the times of the assignments; times
        of publishing and encoding, and the time before which a video is not offered.
    percents : tuple
        The quantiles that are wanted of elapsed times and of lateness.
    state : tuple
        By video and lane: start and end of encoding, and the publisher's start; the arrivals, and when the
        places of the queue are free again. Room for encoders, the pool, two rows, and whole numbers of 64 bits;
        and what is sorted, in 32 and in 64 bits.
    on_time : numpy.ndarray
        By video: increased by one for each lane in which the video was on time.
    sums, found : numpy.ndarray
        Get the sums and the quantiles, a column for each lane.
    """
    level, capacity, encoders, gap, held, differ, with_peak = rule
    at_start, delay, timeout, owned, shared = videos
    slots, times, publishing, encoding_time, before = drawn
    started, encoded, begins, keys, taken, free, ready, x, client, wanted, small, ordered = state
    of_elapsed, of_lateness = percents
    width = 1.0
    while width < len(timeout):
        width *= 2.0
    for row in range(VARIED if differ else SUMS):
        _clear(sums[row])
    if differ:
        _encode(
            before, encoding_time, gap, encoders, free, x, client, started, encoded, sums[WORK], sums[HELD_UP]
        )
    _own(owned, at_start, delay, started, encoded, times, begins, sums[IDLE], sums[ALIVE])
    _arrange(encoded, shared, width, keys, sums[BLOCKED])
    fill_pool(slots, level, ready)
    _pool(keys, width, capacity, level, times, begins, taken, ready, x, sums[IDLE], sums[WAITS], sums[BLOCKED])
    _outcomes(times, started, encoded, publishing, held, timeout, count, on_time, wanted, sums)
    idle_at_the_end(ready, level, sums[LAST], sums[IDLE])
    if with_peak:
        _sorted(times, publishing, started, 0.0, timeout, 0.0, small, ordered)
        _peaks(level, begins, ordered, sums[PEAK])
    if len(of_elapsed):
        _sorted(times, publishing, started, 1.0, timeout, 0.0, small, ordered)
        quantiles(ordered, of_elapsed, found[: len(of_elapsed)])
    if len(of_lateness):
        _sorted(times, publishing, started, 1.0, timeout, 1.0, small, ordered)
        quantiles(ordered, of_lateness, found[len(of_elapsed) :])
