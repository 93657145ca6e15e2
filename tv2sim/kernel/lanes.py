"""Many replications side by side: videos with their own publishers, and a pool that is first in, first out.

A lane is a replication. Arrays have a row of :data:`LANES` numbers for each video or pool slot, and each inner
loop runs over the lanes of a row without a branch, which the compiler turns into vector instructions. The pool
is held as the ready times of its publishers, each lane in ascending order.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.kernel.compiled import compiled
from tv2sim.kernel.measuring import peak, quantile_weights
from tv2sim.ticks import PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LANES", "SUMS", "replicate", "room_for"]

LANES = 64

# rows of the sums
PUBLISHED, STOCKOUTS, IDLE, WAITS, ALIVE, LAST, BLOCKED, PEAK = range(8)
SUMS = 8
"""Of each lane: videos on time, stockouts; ticks of idle publishers, waiting shared videos and own publishers'
lives; the last assignment; whether an encoder may have been blocked; and, if it is wanted, the most publishers
at once."""


@compiled
def _own(
    begins: Any, encoded: Any, limit: Any, rows: Any, startup: Any, assigned: Any, on_time: Any, published: Any,
    stockouts: Any, idle: Any, alive: Any, last: Any, with_more: Any,
) -> None:  # fmt: skip
    """Assign videos that have a publisher of their own, started at `begins`.

    `limit` is the latest assignment that is in time; `rows` are the videos. The arrays of lanes are flat.
    `stockouts`, `alive` and `last` are left alone unless `with_more` says that they are wanted.
    """
    for i in range(len(rows)):
        row = rows[i]
        begin, arrives, latest = begins[row], encoded[row], limit[row]
        base, good = row * LANES, 0
        for lane in range(LANES):
            ready = begin + startup[base + lane]
            time = ready if ready > arrives else arrives
            assigned[base + lane] = time
            hit = 1 if time <= latest else 0
            published[lane] += hit
            good += hit
            idle[lane] += time - ready
        on_time[row] += good
        if with_more:
            for lane in range(LANES):
                time = assigned[base + lane]
                stockouts[lane] += 1.0 if time > arrives else 0.0
                alive[lane] += time - begin
                last[lane] = time if time > last[lane] else last[lane]


@compiled
def _fill_pool(slots: Any, size: Any, ready: Any) -> None:
    """Put the prewarmed publishers into the pool, each lane in ascending order."""
    for i in range(size * LANES):
        ready[i] = slots[i]
    for slot in range(1, size):
        for high in range(slot * LANES, 0, -LANES):
            for lane in range(LANES):
                a, b = ready[high - LANES + lane], ready[high + lane]
                ready[high - LANES + lane] = a if a < b else b
                ready[high + lane] = b if a < b else a


@compiled
def _replace_first(ready: Any, size: Any, x: Any) -> None:
    """Take the first publisher of each lane out of the pool, and put one that is ready at `x` into its place.

    Four slots are passed at a time, so that `x` is loaded and stored a quarter as often.
    """
    low = 0
    top = (size - 1) * LANES
    while low + 4 * LANES <= top:
        for lane in range(LANES):
            a = x[lane]
            b = ready[low + LANES + lane]
            c = ready[low + 2 * LANES + lane]
            d = ready[low + 3 * LANES + lane]
            e = ready[low + 4 * LANES + lane]
            ready[low + lane] = min(a, b)
            a = max(a, b)
            ready[low + LANES + lane] = min(a, c)
            a = max(a, c)
            ready[low + 2 * LANES + lane] = min(a, d)
            a = max(a, d)
            ready[low + 3 * LANES + lane] = min(a, e)
            x[lane] = max(a, e)
        low += 4 * LANES
    while low < top:
        for lane in range(LANES):
            a, b = x[lane], ready[low + LANES + lane]
            ready[low + lane] = min(a, b)
            x[lane] = max(a, b)
        low += LANES
    for lane in range(LANES):
        ready[top + lane] = x[lane]


@compiled
def _pool(
    encoded: Any, limit: Any, rows: Any, capacity: Any, slots: Any, size: Any, startup: Any, ready: Any, x: Any,
    assigned: Any, on_time: Any, published: Any, stockouts: Any, idle: Any, waits: Any, last: Any, blocked: Any,
    with_more: Any,
) -> None:  # fmt: skip
    """Assign the shared videos, which are given in the order of their arrival, from a pool of `size`."""
    _fill_pool(slots, size, ready)
    for i in range(len(rows)):
        row = rows[i]
        arrives, latest = encoded[row], limit[row]
        base, good = row * LANES, 0
        for lane in range(LANES):
            free = ready[lane]
            time = free if free > arrives else arrives
            assigned[base + lane] = time
            x[lane] = time + startup[base + lane]
            idle[lane] += time - free
            hit = 1 if time <= latest else 0
            published[lane] += hit
            good += hit
        on_time[row] += good
        if with_more:
            for lane in range(LANES):
                time = assigned[base + lane]
                waits[lane] += time - arrives
                stockouts[lane] += 1.0 if time > arrives else 0.0
        if i >= capacity:
            # the place of the video that is so many before may not be free yet
            before = rows[i - capacity] * LANES
            for lane in range(LANES):
                blocked[lane] = 1.0 if assigned[before + lane] >= arrives else blocked[lane]
        _replace_first(ready, size, x)
    if len(rows):
        base = rows[len(rows) - 1] * LANES
        for lane in range(LANES):
            time = assigned[base + lane]
            last[lane] = time if time > last[lane] else last[lane]


@compiled
def _idle_at_the_end(ready: Any, size: Any, publishing: Any, last: Any, idle: Any) -> None:
    """Add the idle times of the publishers that are left in the pool when the run ends."""
    for low in range(0, size * LANES, LANES):
        for lane in range(LANES):
            left = last[lane] + publishing - ready[low + lane]
            idle[lane] += left if left > 0.0 else 0.0


@compiled
def _sort(x: Any) -> None:
    """Sort each lane of the flat `x` by Batcher's merge exchange (Knuth, volume 3, algorithm 5.2.2 M)."""
    n = len(x) // LANES
    if n < 2:
        return
    t = 1
    while 1 << t < n:
        t += 1
    p = 1 << (t - 1)
    while p > 0:
        q, r, d = 1 << (t - 1), 0, p
        while True:
            for i in range(n - d):
                if i & p == r:
                    low, high = i * LANES, (i + d) * LANES
                    for lane in range(LANES):
                        a, b = x[low + lane], x[high + lane]
                        x[low + lane] = a if a < b else b
                        x[high + lane] = b if a < b else a
            if q == p:
                break
            d = q - p
            q >>= 1
            r = p
        p >>= 1


@compiled
def _quantiles(x: Any, percents: Any, out: Any) -> None:
    """Fill ``out[j, lane]`` with quantiles of the sorted lanes."""
    for j in range(len(percents)):
        below, above, share = quantile_weights(len(x) // LANES, percents[j])
        for lane in range(LANES):
            low, high = x[below * LANES + lane], x[above * LANES + lane]
            between = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
            out[j, lane] = between / PER_SECOND


@compiled
def _shifted(assigned: Any, shift: Any, x: Any) -> None:
    for row in range(len(shift)):
        by, base = shift[row], row * LANES
        for lane in range(LANES):
            x[base + lane] = assigned[base + lane] + by


@compiled
def _peaks(born: Any, assigned: Any, shared: Any, publishing: Any, out: Any) -> None:
    """Fill in the most publishers at once; `born` are the starts that are the same in all lanes."""
    videos, fixed = len(assigned) // LANES, len(born)
    started, ended = np.empty(fixed + len(shared)), np.empty(videos)
    for lane in range(LANES):
        started[:fixed] = born
        for i in range(len(shared)):
            started[fixed + i] = assigned[shared[i] * LANES + lane]
        for row in range(videos):
            ended[row] = assigned[row * LANES + lane] + publishing
        started.sort()
        ended.sort()
        out[lane] = peak(started, ended)


@compiled
def _take_back(limit: Any, assigned: Any, count: Any, blocked: Any, on_time: Any) -> None:
    """Do not count the videos of lanes that are blocked, or beyond the last replication."""
    for lane in range(LANES):
        if lane >= count or blocked[lane]:
            for row in range(len(limit)):
                if assigned[row * LANES + lane] <= limit[row]:
                    on_time[row] -= 1


@compiled
def replicate(
    stages: Any, rule: Any, drawn: Any, videos: Any, percents: Any, born: Any, state: Any, on_time: Any,
    count: Any, sums: Any, found: Any,
) -> None:  # fmt: skip
    """Simulate groups of :data:`LANES` replications, of which `count` are wanted.

    Parameters
    ----------
    stages : tuple
        By video: start of an own publisher, arrival at the stage, latest assignment in time, what makes an
        assignment an elapsed time and a lateness; then the rows of own and of shared videos.
    rule : tuple
        Size of the pool, capacity of the queue, publishing time, whether the sums beside videos in time and
        idle times are wanted, and whether the peak is.
    drawn : numpy.ndarray
        Start-up times by group, entity and lane.
    videos : int
        The first row of the videos in it, after the slots.
    percents : tuple
        The quantiles that are wanted of elapsed times and of lateness.
    born : numpy.ndarray
        When the publishers start that do so at the same time in all lanes.
    state : tuple
        Room for the pool, for a row, for assignments and for what is sorted.
    on_time : numpy.ndarray
        By video: increased by one for each lane in which the video was on time.
    sums, found : numpy.ndarray
        Get the sums and the quantiles, a column for each replication.
    """
    begins, encoded, limit, elapsed, lateness, owned, shared = stages
    level, capacity, publishing, with_more, with_peak = rule
    ready, x, assigned, scratch = state
    of_elapsed, of_lateness = percents
    for group in range(len(drawn)):
        first = group * LANES
        lanes = sums[:, first : first + LANES]
        lanes[:] = 0.0
        slots, startup = drawn[group, :videos].reshape(-1), drawn[group, videos:].reshape(-1)
        _own(
            begins, encoded, limit, owned, startup, assigned, on_time, lanes[PUBLISHED], lanes[STOCKOUTS],
            lanes[IDLE], lanes[ALIVE], lanes[LAST], with_more,
        )  # fmt: skip
        _pool(
            encoded, limit, shared, capacity, slots, level, startup, ready, x, assigned, on_time,
            lanes[PUBLISHED], lanes[STOCKOUTS], lanes[IDLE], lanes[WAITS], lanes[LAST], lanes[BLOCKED],
            with_more,
        )  # fmt: skip
        _idle_at_the_end(ready, level, publishing, lanes[LAST], lanes[IDLE])
        if with_peak:
            _peaks(born, assigned, shared, publishing, lanes[PEAK])
        if len(of_elapsed):
            _shifted(assigned, elapsed, scratch)
            _sort(scratch)
            _quantiles(scratch, of_elapsed, found[: len(of_elapsed), first : first + LANES])
        if len(of_lateness):
            _shifted(assigned, lateness, scratch)
            _sort(scratch)
            _quantiles(scratch, of_lateness, found[len(of_elapsed) :, first : first + LANES])
        wanted = min(LANES, count - first)
        if wanted < LANES or lanes[BLOCKED].any():
            _take_back(limit, assigned, wanted, lanes[BLOCKED], on_time)


def room_for(*shape: int) -> NDArray[np.float64]:
    """Return an array of zeros that begins at a multiple of 64 bytes.

    A vector of 8 numbers that lies across two lines of the cache takes twice as long to load and to store.
    """
    count = prod(shape)
    bytes_ = np.zeros(8 * count + _LINE, dtype=np.uint8)
    skipped = -bytes_.ctypes.data % _LINE
    return bytes_[skipped : skipped + 8 * count].view(np.float64).reshape(shape)


_LINE = 64
"""Bytes of a line of the cache."""
