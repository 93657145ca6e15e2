"""How many publishers are ready by a time: a sum of independent yes and no (Poisson-binomial)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.theory.startups import Ready

__all__ = ["Numbers", "numbers_ready"]

_AT_ONCE = 256
"""Times for which the numbers are found together: a processor's cache holds them."""


class Numbers(NamedTuple):
    """The distribution of the number of publishers that are ready, a row for each time."""

    sure: NDArray[np.int64]
    """How many are ready in any case."""
    others: NDArray[np.float64]
    """The probability that so many others are."""

    def below(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability that fewer than `count` are ready."""
        missing = np.minimum(count - self.sure, self.others.shape[1])
        up_to = np.take_along_axis(
            self.others.cumsum(axis=1), np.maximum(missing - 1, 0)[:, np.newaxis], axis=1
        )
        return np.where(missing > 0, up_to[:, 0], 0.0)

    def above(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean of how many more than `count` are ready; none if fewer are."""
        more = self.sure[:, np.newaxis] + np.arange(self.others.shape[1]) - count[:, np.newaxis]
        return np.asarray((np.maximum(more, 0) * self.others).sum(axis=1))


def numbers_ready(
    of_numbers: Callable[[Numbers, slice], NDArray[np.float64]],
    times: NDArray[np.float64],
    begun: NDArray[np.float64],
    ready: Ready,
    first: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return what a function makes of the number of publishers ready by each time.

    Parameters
    ----------
    of_numbers : callable
        Takes the numbers at some of the times, and which times these are; returns a number for each.
    times : numpy.ndarray
        Ticks.
    begun : numpy.ndarray
        When each publisher starts up, ascending; minus infinity if it is ready from the beginning.
    ready : Ready
        The distribution of start-up times.
    first : numpy.ndarray, optional
        For each time, how many of the publishers count, from the first on; default is all.

    Notes
    -----
    Of those that count, the ones that started long before are ready, those that started just before are not,
    and the others are convolved one by one. All terms are positive, so also small probabilities are exact.
    """
    found = np.empty(len(times))
    counted = np.full(len(times), len(begun)) if first is None else first
    for start in range(0, len(times), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = of_numbers(_numbers(times[part], begun, ready, counted[part]), part)
    return found


def _numbers(
    times: NDArray[np.float64], begun: NDArray[np.float64], ready: Ready, counted: NDArray[np.int64]
) -> Numbers:
    sure = np.minimum(np.searchsorted(begun, times - ready.longest, "right"), counted)
    possible = np.minimum(np.searchsorted(begun, times - ready.shortest, "right"), counted)
    width = int((possible - sure).max(initial=0))
    others = np.zeros((len(times), width + 1))
    others[:, 0] = 1.0
    for further in range(width):
        one = sure + further
        p = np.where(one < possible, ready.by(times - begun[np.minimum(one, len(begun) - 1)]), 0.0)
        p = p[:, np.newaxis]
        some = others[:, : further + 2]
        some[:, 1:] = some[:, 1:] * (1 - p) + some[:, :-1] * p
        some[:, :1] *= 1 - p
    return Numbers(sure, others)
