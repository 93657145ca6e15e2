"""Expected numbers of videos in time: with publishers of their own, and with a pool ordered in advance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.catalogue import read_catalogue
from tv2sim.strategies import as_strategy
from tv2sim.theory.conditions import ADVANCE, OWN, Asked, Timetable, asked, timetable
from tv2sim.theory.queue_formulas import gauss_legendre
from tv2sim.theory.startup_times import Ready, numbers_ready, ready_times
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario


# -- what a formula gives for each video -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected outcomes of the videos of a run.

    Attributes
    ----------
    fails : numpy.ndarray
        The probability of each video to fail.
    error : float
        A bound on the error of each probability: 0 unless start-ups fail, except for rounding.
    """

    fails: NDArray[np.float64]
    error: float

    @property
    def on_time(self) -> NDArray[np.float64]:
        """The probability of each video to be published in time."""
        return 1 - self.fails

    @property
    def failed(self) -> float:
        """The expected number of videos that fail."""
        return float(self.fails.sum())

    @property
    def published(self) -> float:
        """The expected number of videos that are published in time."""
        return len(self.fails) - self.failed


def between(
    formula: Callable[[Ready], NDArray[np.float64]], several: Sequence[Ready]
) -> tuple[NDArray[np.float64], float]:
    """Return the middle of a formula's values for the bounds of a distribution, and half their distance."""
    values = [formula(ready) for ready in several]
    low, high = values[0], values[-1]
    return (low + high) / 2, float(np.abs(high - low).max(initial=0.0)) / 2


# -- videos with publishers of their own -------------------------------------------------------------------


CLASSES = ["never", "sometimes", "always"]


def on_time_probability(
    catalogue: Catalogue | Any, strategy: Strategy | str, scenario: Scenario | None = None
) -> Expected:
    """Return the probability of each video to be published in time by a publisher of its own.

    The publisher is started at a known moment, and has until the video's deadline: F(timeout - encoding time)
    under parts 1 and 2b and F(timeout) under part 2a, F being the distribution function of the start-up time;
    0 if the encoding alone takes longer than the timeout. A start-up that fails is followed by another when
    that is noticed. Then F is that of a sum of a random (geometric) number of start-up times, found
    numerically, with a bound of the error.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        One under which each video has a publisher of its own, with any lead.
    scenario : Scenario, optional
        The system. Times of encoding and publishing must not be drawn, and nothing but start-ups may fail.

    Returns
    -------
    Expected
        The probabilities, and the expected numbers.

    Raises
    ------
    StrategyError, ScenarioError
        If the formula does not cover the strategy or the scenario.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> tv.queueing.on_time_probability(catalogue, "1").published
    62.25
    >>> failing = tv.Scenario(faults=tv.Faults(startup=0.1))
    >>> found = tv.queueing.on_time_probability(catalogue, "1", failing)
    >>> round(found.published, 2), found.error < 1e-4
    (56.44, True)
    """
    given = asked("on_time_probability", catalogue, strategy, scenario, OWN)
    left = _left(given)
    fails, error = between(
        lambda ready: 1 - _reached(ready, left), ready_times(given.scenario, left.max(initial=1))
    )
    return Expected(fails, error)


def classification(
    catalogue: Catalogue | Any,
    strategies: Iterable[Strategy | str] = ("1", "2a", "2b"),
    scenario: Scenario | None = None,
) -> pd.DataFrame:
    """Return which videos are always published in time, which sometimes, and which never.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategies : iterable of Strategy or str
        Those under which each video has a publisher of its own.
    scenario : Scenario, optional
        As for :func:`on_time_probability`.

    Returns
    -------
    pandas.DataFrame
        A row for each video: `id`, `encoding_time`, `publication_timeout`, and a column for each strategy with
        "never", "sometimes" or "always", which are ordered.

    Raises
    ------
    StrategyError, ScenarioError
        As by :func:`on_time_probability`.

    Examples
    --------
    >>> import tv2sim as tv
    >>> table = tv.queueing.classification(tv.generate_catalogue(), ["1", "2a"])
    >>> table.groupby(["1", "2a"], observed=True).size()
    1          2a
    never      never         4
               sometimes    30
               always       25
    sometimes  sometimes    11
               always       51
    always     always       33
    dtype: int64
    """
    import pandas as pd

    catalogue = read_catalogue(catalogue)
    times = {name: getattr(catalogue, name) for name in ("encoding_time", "publication_timeout")}
    table = pd.DataFrame({"id": catalogue.ids, **times}, index=pd.RangeIndex(len(catalogue), name="video"))
    for each in map(as_strategy, strategies):
        given = asked("classification", catalogue, each, scenario, OWN)
        table[each.name] = pd.Categorical.from_codes(_class_of(given), pd.Index(CLASSES), ordered=True)
    return table


def _class_of(given: Asked) -> NDArray[np.int64]:
    """Return the index of each video's class.

    The first publisher decides whether the video can be in time. Where start-ups fail, each video can be late.
    """
    (first,) = ready_times(given.scenario.replace(faults=Faults()), 0)
    reached = _reached(first, _left(given))
    sometimes, always = reached > 0, (reached == 1) & (not given.scenario.faults.startup)
    return np.asarray(np.add(sometimes, always, dtype=np.int64))


def _left(given: Asked) -> NDArray[np.float64]:
    """Return the ticks from the start of each video's publisher to the deadline, -1 where none is left."""
    times = timetable(given)
    moment = np.where(given.starts_on("encoding_started"), times.started, times.encoded)
    begun = moment + given.delay + to_ticks(given.scenario.provisioning_delay)
    return np.where(times.too_long, -1.0, times.deadline - begun)


def _reached(ready: Ready, left: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(left >= 0, ready.by(np.maximum(left, 0.0)), 0.0)


# -- a publisher for the pool with each encoding -----------------------------------------------------------


_NODES = 8


@dataclass(frozen=True, eq=False)
class AdvanceOrder(Expected):
    """Expected outcomes of advance order.

    Attributes
    ----------
    idle : float
        The mean seconds per run for which ready publishers wait for videos. NaN where publishing takes time,
        since the end of the run is then unknown.
    idle_error : float
        A bound on the error of `idle`.
    """

    idle: float
    idle_error: float


def advance_order(
    catalogue: Catalogue | Any, strategy: Strategy | str, scenario: Scenario | None = None
) -> AdvanceOrder:
    """Return what to expect if a publisher for the pool is started with each encoding, first in, first out.

    The k-th video to be encoded takes the k-th publisher to be ready. So it is in time exactly if at least k
    publishers are ready by its deadline. They start at known times, so their number is a sum of independent yes
    and no (Poisson-binomial).

    The idle publishers are those ready beyond the videos encoded so far. Their mean number is integrated by
    Gauss and Legendre's rule between the times at which it has corners. Measured start-up times have many
    corners; for them the integral is off by about a thousandth.

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
    given = asked("advance_order", catalogue, strategy, scenario, ADVANCE)
    times = timetable(given)
    begun = np.sort(given.begun(times.started + given.delay))
    several = ready_times(given.scenario, max(times.deadline.max(initial=0), times.encoded.max(initial=0)) + 1)
    fails, error = between(lambda ready: _fails_in_order(times, begun, ready), several)
    idle, idle_error = between(lambda ready: np.array([_idle(times, begun, ready)]), several)
    publishing = given.catalogue.publishing_time is not None or given.scenario.publishing_time != 0
    return AdvanceOrder(fails, error, np.nan if publishing else float(idle[0]), idle_error)


def _fails_in_order(times: Timetable, begun: NDArray[np.float64], ready: Ready) -> NDArray[np.float64]:
    order = times.order
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    late = numbers_ready(lambda numbers, part: numbers.below(rank[part]), times.deadline, begun, ready)
    return np.where(times.too_long, 1.0, late)


def _idle(times: Timetable, begun: NDArray[np.float64], ready: Ready) -> float:
    """Return the mean idle seconds of all publishers; none is idle after the end of the last encoding."""
    encoded = np.sort(times.encoded)
    corners = np.unique(np.concatenate([np.zeros(1), encoded, begun + ready.shortest, begun + ready.longest]))
    corners = corners[(corners >= 0) & (corners <= encoded.max(initial=0))]
    at, weights = gauss_legendre(corners, _NODES)
    so_far = np.searchsorted(encoded, at, "right")
    idle = numbers_ready(lambda numbers, part: numbers.above(so_far[part]), at, begun, ready)
    return float(weights @ idle) / PER_SECOND
