"""How many videos fail at most under part 2c: exact where the pool is large."""

from __future__ import annotations

import itertools
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.theory.conditions import BASE_STOCK, Asked, asked, longest_startup
from tv2sim.theory.poisson_binomial import numbers_ready
from tv2sim.theory.startups import Ready, ready_times
from tv2sim.theory.timetable import Timetable, timetable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["failed_at_most"]

_WAITS = (0.0, 0.02, 0.1, 0.25)
_STARTS = (0.4, 0.6, 0.8, 0.9, 1.0)
"""The limits that are tried, in longest start-up times: of a wait, and of when the pool is warm."""
_NEARLY_ALL = 0.999
"""The share of the start-up times that the longest one stands for, if there is none."""


def failed_at_most(
    catalogue: Catalogue | Any, strategy: Strategy | str = "2c", scenario: Scenario | None = None
) -> float:
    """Return a number of videos that the expected number of failed ones under part 2c does not exceed.

    It is found without simulation. For a pool so large that few videos ever wait, it is next to the lower bound
    of :func:`failed_bound`, so that both are the truth. For smaller pools it says nothing: it may be as large
    as the catalogue.

    Each video k, in the order in which they are encoded, is given a limit c_k >= e_k, the end of its encoding.
    As long as no video before k has taken a publisher later than its limit, at least N_k(x) + 1 publishers that
    can serve video k are ready by x if

        N_k(x) = #{places of the pool ready by x} + #{j < k: c_j + D_j <= x} > k,

    and then it has one by x: with x = c_k it keeps its limit, with x = d_k, its deadline, it is in time. So
    the first video that breaks its limit is k with a probability of at most P(N_k(c_k) <= k), and then the
    n - 1 - k videos after it may fail. The expected number of failures is at most

        sum of P(N_k(d_k) <= k) + sum of (n - 1 - k) P(N_k(c_k) <= k).

    The limits are c_k = max(e_k + w, v); the best of a few w and v is taken.

    Parameters
    ----------
    catalogue, strategy, scenario
        As for :func:`failed_bound`.

    Returns
    -------
    float
        At most the number of videos of the catalogue.

    Raises
    ------
    StrategyError, ScenarioError
        If it does not cover the strategy or the scenario.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> for size in (14, 16):
    ...     at_least = tv.queueing.failed_bound(catalogue, f"2c:{size}").failed
    ...     print(f"{at_least:.7f} {tv.queueing.failed_at_most(catalogue, f'2c:{size}'):.7f}")
    0.0013878 10.0682646
    0.0005421 0.0005421
    """
    given = asked("failed_at_most", catalogue, strategy, scenario, *BASE_STOCK)
    times = timetable(given)
    longest = longest_startup(given.scenario)
    if longest == inf:
        longest = float(given.scenario.startup_time.quantile(np.array([_NEARLY_ALL]))[0])
    longest *= PER_SECOND
    last = max(times.deadline.max(initial=0), times.encoded.max(initial=0)) + longest + 1
    ready = ready_times(given.scenario, last)[0]  # where start-ups fail, the one that is not above the truth
    limits = itertools.product(_WAITS, _STARTS)
    found = (_failed(given, times, ready, wait * longest, start * longest) for wait, start in limits)
    return min(float(len(times.order)), *found)


def _failed(given: Asked, times: Timetable, ready: Ready, wait: float, warm: float) -> float:
    order, provisioning = times.order, to_ticks(given.scenario.provisioning_delay)
    size, number = given.strategy.prewarmed, np.arange(len(times.order))
    limit = np.maximum(times.encoded[order] + wait, warm)
    prewarmed = -np.inf if given.strategy.ready_at_start else provisioning
    begun = np.concatenate([np.full(size, prewarmed), limit + provisioning])

    def at_most_k(by: NDArray[np.float64]) -> NDArray[np.float64]:
        return numbers_ready(
            lambda numbers, part: numbers.below(number[part] + 1), by, begun, ready, number + size
        )

    fails = np.where(times.too_long[order], 1.0, at_most_k(times.deadline[order]))
    breaks = at_most_k(limit)
    return float(fails.sum() + (number[::-1] * breaks).sum())
