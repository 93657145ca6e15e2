"""Advance order: a publisher for the pool is started with each encoding, beside a stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.theory.by_video import Expected, between
from tv2sim.theory.conditions import ADVANCE, Asked, asked
from tv2sim.theory.poisson_binomial import numbers_ready
from tv2sim.theory.startups import Ready, ready_times
from tv2sim.theory.timetable import Timetable, timetable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["AdvanceOrder", "advance_order"]

_NODES = 8


@dataclass(frozen=True, eq=False)
class AdvanceOrder(Expected):
    """What theory expects of advance order.

    Attributes
    ----------
    idle : float
        The mean seconds for which ready publishers wait for videos, in a run; NaN where publishing takes time,
        since the end of the run then is a matter of its own.
    idle_error : float
        As `error`, for `idle`.
    """

    idle: float
    idle_error: float


def advance_order(
    catalogue: Catalogue | Any, strategy: Strategy | str, scenario: Scenario | None = None
) -> AdvanceOrder:
    """Return what to expect if a publisher for the pool is started with each encoding, first in, first out.

    The k-th video to be encoded takes the k-th publisher to be ready. So it is in time exactly if at least k
    publishers are ready by its deadline. They start at known times, so their number is a sum of independent yes
    and no (Poisson-binomial). Idle are as many as are ready beyond the videos encoded so far; the integral of
    their mean number is taken by Gauss and Legendre's rule between the times at which it has corners; of
    measured start-up times, which have many, it is off by about a thousandth.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        With ``starts_on="encoding_started"``, not dedicated, first in, first out; any number of prewarmed
        publishers, and any lead.
    scenario : Scenario, optional
        The system. Nothing but start-up times may be drawn, nothing but start-ups may fail, and the publishing
        queue must not become full.

    Returns
    -------
    AdvanceOrder
        The probabilities, the expected numbers, and the expected idle time.

    Raises
    ------
    StrategyError, ScenarioError
        If the formula does not cover the strategy or the scenario.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ahead = tv.Strategy("ahead", starts_on="encoding_started", prewarmed=3)
    >>> found = tv.queueing.advance_order(tv.generate_catalogue(), ahead)
    >>> round(found.failed, 3), round(found.idle, 1)
    (1.089, 149.3)
    """
    given = asked("advance_order", catalogue, strategy, scenario, *ADVANCE)
    times = timetable(given)
    begun = _begun(given, times)
    several = ready_times(given.scenario, max(times.deadline.max(initial=0), times.encoded.max(initial=0)) + 1)
    fails, error = between(lambda ready: _fails(times, begun, ready), several)
    idle, idle_error = between(lambda ready: np.array([_idle(times, begun, ready)]), several)
    publishing = given.catalogue.publishing_time is not None or given.scenario.publishing_time != 0
    return AdvanceOrder(fails, error, np.nan if publishing else float(idle[0]), idle_error)


def _begun(given: Asked, times: Timetable) -> NDArray[np.float64]:
    """Return when each publisher starts up, in ascending order; minus infinity if it is ready at the start."""
    provisioning = to_ticks(given.scenario.provisioning_delay)
    prewarmed = -np.inf if given.strategy.ready_at_start else provisioning
    return np.sort([*[prewarmed] * given.strategy.prewarmed, *(times.started + given.delay + provisioning)])


def _fails(times: Timetable, begun: NDArray[np.float64], ready: Ready) -> NDArray[np.float64]:
    order = times.order
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    late = numbers_ready(lambda numbers, part: numbers.below(rank[part]), times.deadline, begun, ready)
    return np.where(times.too_long, 1.0, late)


def _idle(times: Timetable, begun: NDArray[np.float64], ready: Ready) -> float:
    """Return the mean idle seconds up to the end of the last encoding; later, who is idle has ended the run."""
    encoded = np.sort(times.encoded)
    corners = np.unique(np.concatenate([np.zeros(1), encoded, begun + ready.shortest, begun + ready.longest]))
    corners = corners[(corners >= 0) & (corners <= encoded.max(initial=0))]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    lengths = np.diff(corners)[:, np.newaxis]
    at = (corners[:-1, np.newaxis] + lengths * (nodes + 1) / 2).ravel()
    so_far = np.searchsorted(encoded, at, "right")
    idle = numbers_ready(lambda numbers, part: numbers.above(so_far[part]), at, begun, ready)
    return float((lengths * weights / 2).ravel() @ idle) / PER_SECOND
