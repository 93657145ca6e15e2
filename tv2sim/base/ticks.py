"""Exact time: whole microseconds (ticks) inside, seconds outside.

The clock, durations and facts are in ticks: floats that hold whole numbers, which SimPy's schedule and columns
of numbers take as they are. So sums are exact in any order, and "at the same time" means equal. A duration is
rounded once, where it enters; a time is divided by :data:`PER_SECOND` once, where it leaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PER_SECOND = 1_000_000
"""Ticks in a second."""

LAST = 2.0**53
"""The latest time: a float64 holds each whole number up to here."""


def to_ticks(seconds: float) -> float:
    """Return the nearest tick; halves go to the even one.

    >>> 1.1 + 2.2 == 3.3, to_ticks(1.1) + to_ticks(2.2) == to_ticks(3.3)
    (False, True)
    """
    return float(round(seconds * PER_SECOND))


def whole_ticks(seconds: NDArray[np.float64], out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the nearest ticks of each number of an array (see :func:`to_ticks`); in `out`, if it is given."""
    ticks = np.multiply(seconds, PER_SECOND, out=out)
    return np.rint(ticks, out=ticks)


def in_decimals(value: float) -> float:
    """Return a computed number without the rounding error of its last digits.

    >>> 6 * 1.1, in_decimals(6 * 1.1)
    (6.6000000000000005, 6.6)
    """
    return float(f"{value:.12g}")


def next_tick(seconds: float) -> float:
    """Return the first tick at or after a measured time.

    >>> next_tick(1.1), next_tick(1.1000004)
    (1100000.0, 1100001.0)
    """
    tick = to_ticks(seconds)
    return tick if tick / PER_SECOND >= seconds else tick + 1
