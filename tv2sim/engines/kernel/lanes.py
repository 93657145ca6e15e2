"""Many replications side by side: videos with their own publishers, and a pool that is first in, first out.

A lane is a replication. Arrays are flat, with a row of :data:`LANES` numbers for each video or pool slot, and
each inner loop runs over the lanes of a row without a branch. The compiler turns it into vector instructions,
but only where an index is unsigned: a signed one may count from the array's end, for which numba has a test.
The pool is held as the ready times of its publishers, each lane in ascending order.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import compiled
from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel.measuring import peak, quantile_weights
from tv2sim.engines.kernel.philox import LANES, line_lanes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LANES", "SUMS", "fill_pool", "idle_at_the_end", "quantiles", "replace_first", "replicate", "room_for",
    "sort",
]  # fmt: skip

_FOR_VIDEO, _OF_SLOT = int(Purpose.STARTUP_FOR_VIDEO), int(Purpose.STARTUP_OF_SLOT)
_ROW = np.uint64(LANES)
_LARGE = 2**31
"""What is smaller is sorted as whole numbers of 32 bits, of which a vector has twice as many."""

# rows of the sums
PUBLISHED, STOCKOUTS, IDLE, WAITS, ALIVE, LAST, BLOCKED, PEAK = range(8)
SUMS = 8
"""Of each lane: videos on time, stockouts; ticks of idle publishers, waiting shared videos and own publishers'
lives; the last publication; whether an encoder may have been blocked; and, if it is wanted, the most publishers
at once."""


@compiled
def _own(
    begins: Any, encoded: Any, limit: Any, ended: Any, rows: Any, times: Any, on_time: Any, published: Any,
    stockouts: Any, idle: Any, alive: Any, last: Any, with_more: Any,
) -> None:  # fmt: skip
    """Assign videos that have a publisher of their own, started at `begins`.

    `limit` is the latest assignment that is in time, `ended` the publishing time; `rows` are the videos.
    `times` has their start-up times, and gets the times of their assignments. `stockouts`, `alive` and `last`
    are left alone unless `with_more` says that they are wanted.
    """
    for i in range(len(rows)):
        row = rows[i]
        begin, arrives, latest, busy = begins[row], encoded[row], limit[row], ended[row]
        base, good = row * _ROW, 0
        for lane in range(_ROW):
            ready = begin + times[base + lane]
            time = ready if ready > arrives else arrives
            times[base + lane] = time
            hit = 1 if time <= latest else 0
            published[lane] += hit
            good += hit
            idle[lane] += time - ready
        on_time[row] += good
        if with_more:
            for lane in range(_ROW):
                time = times[base + lane]
                stockouts[lane] += 1.0 if time > arrives else 0.0
                alive[lane] += time - begin
                end = time + busy
                last[lane] = end if end > last[lane] else last[lane]


@compiled
def _exchange(x: Any, low: Any, high: Any) -> None:
    """Put the numbers of two rows in ascending order in each lane.

    It is a function, so that it is known that these two rows do not overlap. Of the loops around it this is not
    known, and nothing would become vector instructions.
    """
    for lane in range(_ROW):
        a, b = x[low + lane], x[high + lane]
        x[low + lane] = a if a < b else b
        x[high + lane] = b if a < b else a


@compiled
def fill_pool(slots: Any, size: Any, ready: Any) -> None:
    """Put the prewarmed publishers into the pool, each lane in ascending order."""
    for i in range(size * LANES):
        ready[i] = slots[i]
    for slot in range(1, size):
        for row in range(slot, 0, -1):
            _exchange(ready, np.uint64(row - 1) * _ROW, np.uint64(row) * _ROW)


@compiled
def replace_first(ready: Any, size: Any, x: Any) -> None:
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
        ready[low + lane] = x[lane]


@compiled
def _pool(
    encoded: Any, limit: Any, ended: Any, rows: Any, capacity: Any, slots: Any, size: Any, times: Any,
    ready: Any, x: Any, on_time: Any, published: Any, stockouts: Any, idle: Any, waits: Any, last: Any,
    blocked: Any, with_more: Any,
) -> None:  # fmt: skip
    """Assign the shared videos, which are given in the order of their arrival, from a pool of `size`."""
    fill_pool(slots, size, ready)
    for i in range(len(rows)):
        row = rows[i]
        arrives, latest, busy = encoded[row], limit[row], ended[row]
        base, good = row * _ROW, 0
        for lane in range(_ROW):
            free = ready[lane]
            time = free if free > arrives else arrives
            x[lane] = time + times[base + lane]
            times[base + lane] = time
            idle[lane] += time - free
            hit = 1 if time <= latest else 0
            published[lane] += hit
            good += hit
        on_time[row] += good
        if with_more:
            for lane in range(_ROW):
                time = times[base + lane]
                waits[lane] += time - arrives
                stockouts[lane] += 1.0 if time > arrives else 0.0
                end = time + busy
                last[lane] = end if end > last[lane] else last[lane]
        if i >= capacity:
            # the place of the video that is so many before may not be free yet
            before = rows[i - capacity] * _ROW
            for lane in range(_ROW):
                blocked[lane] = 1.0 if times[before + lane] >= arrives else blocked[lane]
        replace_first(ready, size, x)
    if len(rows) and not with_more:  # then all are published in the order of their assignments
        row = rows[len(rows) - 1]
        base, busy = row * _ROW, ended[row]
        for lane in range(_ROW):
            last[lane] = times[base + lane] + busy


@compiled
def idle_at_the_end(ready: Any, size: Any, last: Any, idle: Any) -> None:
    """Add the idle times of the publishers that are left in the pool when the run ends."""
    for slot in range(size):
        base = np.uint64(slot) * _ROW
        for lane in range(_ROW):
            left = last[lane] - ready[base + lane]
            idle[lane] += left if left > 0.0 else 0.0


# -- order statistics --------------------------------------------------------------------------------------


@compiled
def _shifted(assigned: Any, shift: Any, x: Any) -> Any:
    """Fill in the times of assignments, each shifted by a video's number; say if all are small."""
    large = 0
    for row in range(len(shift)):
        by, base = shift[row], np.uint64(row) * _ROW
        for lane in range(_ROW):
            time = assigned[base + lane] + by
            large += 1 if abs(time) >= _LARGE else 0
            x[base + lane] = time
    return large == 0


@compiled
def sort(x: Any) -> None:
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
                    _exchange(x, np.uint64(i) * _ROW, np.uint64(i + d) * _ROW)
            if q == p:
                break
            d = q - p
            q >>= 1
            r = p
        p >>= 1


@compiled
def _sorted(assigned: Any, shift: Any, small: Any, out: Any) -> None:
    """Fill in the shifted times, each lane in ascending order; `small` is room for numbers of 32 bits."""
    if _shifted(assigned, shift, small):
        sort(small)
        for k in range(len(out)):
            out[k] = small[k]
    else:
        _shifted(assigned, shift, out)
        sort(out)


@compiled
def quantiles(x: Any, percents: Any, out: Any) -> None:
    """Fill ``out[j, lane]`` with quantiles of the sorted lanes."""
    for j in range(len(percents)):
        below, above, share = quantile_weights(len(x) // LANES, percents[j])
        for lane in range(LANES):
            low, high = x[below * LANES + lane], x[above * LANES + lane]
            between = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
            out[j, lane] = between / PER_SECOND


@compiled
def _peaks(born: Any, assigned: Any, shared: Any, x: Any, out: Any) -> None:
    """Fill in the most publishers at once; `x` are the sorted ends of publishers.

    `born` are the starts that are the same in all lanes, in ascending order.
    """
    fixed = len(born)
    started, ended = np.empty(fixed + len(shared)), np.empty(len(x) // LANES)
    for lane in range(LANES):
        for i in range(fixed):
            started[i] = born[i]
        if len(shared):
            for i in range(len(shared)):
                started[fixed + i] = assigned[shared[i] * _ROW + np.uint64(lane)]
            started.sort()
        for row in range(len(ended)):
            ended[row] = x[row * LANES + lane]
        out[lane] = peak(started, ended)


@compiled
def _take_back(limit: Any, assigned: Any, count: Any, blocked: Any, on_time: Any) -> None:
    """Do not count the videos of lanes that are blocked, or beyond the last replication."""
    for lane in range(LANES):
        if lane >= count or blocked[lane]:
            for row in range(len(limit)):
                if assigned[row * LANES + lane] <= limit[row]:
                    on_time[row] -= 1


# -- all of it ---------------------------------------------------------------------------------------------


@compiled
def replicate(
    stages: Any, rule: Any, drawing: Any, drawn: Any, videos: Any, percents: Any, born: Any, state: Any,
    on_time: Any, count: Any, sums: Any, found: Any,
) -> None:  # fmt: skip
    """Simulate groups of :data:`LANES` replications, of which `count` are wanted.

    Parameters
    ----------
    stages : tuple
        By video: start of an own publisher, arrival at the stage, latest assignment in time, and from the
        assignment to the end of the publisher, to an elapsed time and to a lateness; then the rows of own and
        of shared videos, unsigned.
    rule : tuple
        Size of the pool, capacity of the queue, whether the sums beside videos in time and idle times are
        wanted, and whether the peak is.
    drawing : tuple
        Whether start-up times are drawn here, with which seed, from which replication on, and with which line.
    drawn : numpy.ndarray
        Start-up times of each group by entity and lane; or room for one group, if they are drawn here. They
        are overwritten.
    videos : int
        The first row of the videos in it, after the slots.
    percents : tuple
        The quantiles that are wanted of elapsed times and of lateness.
    born : numpy.ndarray
        When the publishers start that do so at the same time in all lanes, in ascending order.
    state : tuple
        Room for the sums of a group, for the pool, for a row, and for what is sorted, in 32 and in 64 bits.
    on_time : numpy.ndarray
        By video: increased by one for each lane in which the video was on time.
    sums, found : numpy.ndarray
        Get the sums and the quantiles, a column for each replication.
    """
    begins, encoded, limit, ended, elapsed, lateness, owned, shared = stages
    level, capacity, with_more, with_peak = rule
    here, seed, replication, line = drawing
    lanes, ready, x, small, ordered = state
    of_elapsed, of_lateness = percents
    for first in range(0, count, LANES):
        group = drawn[0 if here else first // LANES]
        slots, times = group[: videos * LANES], group[videos * LANES :]
        if here:
            line_lanes(seed, _OF_SLOT, replication + first, line, slots)
            line_lanes(seed, _FOR_VIDEO, replication + first, line, times)
        lanes[:] = 0.0
        _own(
            begins, encoded, limit, ended, owned, times, on_time, lanes[PUBLISHED], lanes[STOCKOUTS],
            lanes[IDLE], lanes[ALIVE], lanes[LAST], with_more,
        )  # fmt: skip
        _pool(
            encoded, limit, ended, shared, capacity, slots, level, times, ready, x, on_time,
            lanes[PUBLISHED], lanes[STOCKOUTS], lanes[IDLE], lanes[WAITS], lanes[LAST], lanes[BLOCKED],
            with_more,
        )  # fmt: skip
        idle_at_the_end(ready, level, lanes[LAST], lanes[IDLE])
        if with_peak:
            _sorted(times, ended, small, ordered)
            _peaks(born, times, shared, ordered, lanes[PEAK])
        those = found[:, first : first + LANES]
        if len(of_elapsed):
            _sorted(times, elapsed, small, ordered)
            quantiles(ordered, of_elapsed, those[: len(of_elapsed)])
        if len(of_lateness):
            _sorted(times, lateness, small, ordered)
            quantiles(ordered, of_lateness, those[len(of_elapsed) :])
        wanted = min(LANES, count - first)
        if wanted < LANES or lanes[BLOCKED].any():
            _take_back(limit, times, wanted, lanes[BLOCKED], on_time)
        for row in range(SUMS):
            for lane in range(LANES):
                sums[row, first + lane] = lanes[row, lane]


def room_for(*shape: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Return an array of zeros that begins at a multiple of 64 bytes.

    A vector of 8 numbers that lies across two lines of the cache takes twice as long to load and to store.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    bytes_ = np.zeros(size + _LINE, dtype=np.uint8)
    skipped = -bytes_.ctypes.data % _LINE
    room: NDArray[Any] = bytes_[skipped : skipped + size].view(dtype).reshape(shape)
    return room


_LINE = 64
"""Bytes of a line of the cache."""
