"""Many replications side by side, where publishers are a video's own, or the pool is first in, first out and only replaced.

A lane is a replication. Arrays have a row of :data:`LANES` numbers for each video or pool slot, and each inner loop runs
over the lanes of a row without a branch, which the compiler turns into vector instructions. The pool is held as the
ready times of its publishers, each lane in ascending order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tv2sim.kernel.compiled import compiled
from tv2sim.kernel.measuring import quantile_weights

__all__ = ["LANES", "own", "pool", "quantiles", "sort"]

LANES = 64

# rows of the sums
PUBLISHED, STOCKOUTS, IDLE, WAITS, ALIVE, LAST, BLOCKED = range(7)
SUMS = 7
"""Of each lane: videos on time, stockouts; ticks of idle publishers, waiting shared videos and own publishers' lives; the
last assignment; and whether an encoder may have been blocked."""


@compiled
def own(begins: Any, encoded: Any, limit: Any, rows: Any, startup: Any, assigned: Any, on_time: Any, sums: Any) -> None:
    """Assign videos that have a publisher of their own, started at `begins`.

    `limit` is the latest assignment that is in time; `rows` are the videos.
    """
    published, stockouts, idle = sums[PUBLISHED], sums[STOCKOUTS], sums[IDLE]
    alive, last = sums[ALIVE], sums[LAST]
    for row in rows:
        begin, arrives, latest = begins[row], encoded[row], limit[row]
        takes, gets, good = startup[row], assigned[row], on_time[row]
        for lane in range(LANES):
            ready = begin + takes[lane]
            time = ready if ready > arrives else arrives
            gets[lane] = time
            in_time = 1.0 if time <= latest else 0.0
            published[lane] += in_time
            good[lane] += in_time
            stockouts[lane] += 1.0 if time > arrives else 0.0
            idle[lane] += time - ready
            alive[lane] += time - begin
            last[lane] = time if time > last[lane] else last[lane]


@compiled
def pool(
    encoded: Any, limit: Any, rows: Any, capacity: Any, slots: Any, size: Any, startup: Any, ready: Any, x: Any,
    assigned: Any, on_time: Any, sums: Any,
) -> None:  # fmt: skip
    """Assign the shared videos, which are given in the order of their arrival, from a pool of `size`."""
    for slot in range(size):
        for lane in range(LANES):
            ready[slot, lane] = slots[slot, lane]
    for slot in range(1, size):
        for j in range(slot, 0, -1):
            low, high = ready[j - 1], ready[j]
            for lane in range(LANES):
                a, b = low[lane], high[lane]
                low[lane] = a if a < b else b
                high[lane] = b if a < b else a
    published, stockouts, idle, waits = sums[PUBLISHED], sums[STOCKOUTS], sums[IDLE], sums[WAITS]
    first = ready[0]
    for i in range(len(rows)):
        row = rows[i]
        arrives, latest = encoded[row], limit[row]
        takes, gets, good = startup[row], assigned[row], on_time[row]
        for lane in range(LANES):
            free = first[lane]
            time = free if free > arrives else arrives
            gets[lane] = time
            in_time = 1.0 if time <= latest else 0.0
            published[lane] += in_time
            good[lane] += in_time
            stockouts[lane] += 1.0 if time > arrives else 0.0
            idle[lane] += time - free
            waits[lane] += time - arrives
            x[lane] = time + takes[lane]
        if i >= capacity:
            # the place of the video that is so many before may not be free yet
            before, blocked = assigned[rows[i - capacity]], sums[BLOCKED]
            for lane in range(LANES):
                blocked[lane] = 1.0 if before[lane] >= arrives else blocked[lane]
        for slot in range(size - 1):
            low, high = ready[slot], ready[slot + 1]
            for lane in range(LANES):
                a, b = x[lane], high[lane]
                low[lane] = b if b < a else a
                x[lane] = a if b < a else b
        top = ready[size - 1]
        for lane in range(LANES):
            top[lane] = x[lane]
    if len(rows):
        final, last = assigned[rows[len(rows) - 1]], sums[LAST]
        for lane in range(LANES):
            last[lane] = final[lane] if final[lane] > last[lane] else last[lane]


@compiled
def end_idle(ready: Any, size: Any, end: Any, sums: Any) -> None:
    """Add the idle times of the publishers that are left in the pool at the end."""
    idle = sums[IDLE]
    for slot in range(size):
        row = ready[slot]
        for lane in range(LANES):
            left = end[lane] - row[lane]
            idle[lane] += left if left > 0.0 else 0.0


@compiled
def sort(x: Any) -> None:
    """Sort each lane of ``x[row, lane]`` by Batcher's merge exchange (Knuth, volume 3, algorithm 5.2.2 M)."""
    n = len(x)
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
                    low, high = x[i], x[i + d]
                    for lane in range(LANES):
                        a, b = low[lane], high[lane]
                        low[lane] = a if a < b else b
                        high[lane] = b if a < b else a
            if q == p:
                break
            d = q - p
            q >>= 1
            r = p
        p >>= 1


@compiled
def quantiles(x: Any, percents: Any, out: Any) -> None:
    """Fill ``out[j, lane]`` with quantiles of the sorted lanes."""
    for j in range(len(percents)):
        below, above, share = quantile_weights(len(x), percents[j])
        low, high = x[below], x[above]
        for lane in range(LANES):
            width = high[lane] - low[lane]
            out[j, lane] = low[lane] + width * share if share < 0.5 else high[lane] - width * (1 - share)


def rows_for(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return room for so many videos or slots."""
    return np.zeros((count, LANES))
