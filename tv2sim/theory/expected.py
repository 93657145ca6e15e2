"""Expected numbers of videos in time, from the distribution of the time until a publisher is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.lazy_pandas import pd
from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.theory.conditions import ADVANCE, OWN, Arguments, Timetable, arguments_of, timetable
from tv2sim.world.distributions import EXTREMES, drawn_ticks, gauss_legendre
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from tv2sim.world.scenario import Scenario

# -- the distribution of a start-up time, with start-ups that fail -----------------------------------------


_POINTS = 2**17
"""The most multiples of a step on which times are rounded."""
_NOTHING = 1e-12
"""A probability that is taken for 0."""


@dataclass(frozen=True)
class Ready:
    """A distribution of ticks.

    Attributes
    ----------
    by : callable
        The probability that a publisher is ready by so many ticks after the first start.
    shortest, longest : float
        The probability is 0 before `shortest`, and 1 from `longest` on.
    """

    by: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    shortest: float
    longest: float


def ready_times(scenario: Scenario, until: float) -> tuple[Ready, ...]:
    """Return the distribution of the time until a publisher is ready; two bounds of it if start-ups fail.

    The time is that of the first start-up if it succeeds. A start-up that fails is followed by another one,
    after the failure is noticed and a start is provided. The first bound is not above the distribution, the
    second one is not below it.

    Parameters
    ----------
    scenario : Scenario
        Start-up times, how often start-ups fail, and when that is noticed.
    until : float
        Ticks up to which the distribution is needed.

    Notes
    -----
    With failures, times are rounded up, or down, to the multiples of a step, and the geometric sum of their
    convolutions is taken on these. The truth lies between. The step is 1, 2 or 5 times a power of ten in ticks,
    so that times such as 2.5 s are not rounded at all.
    """
    time, fails = scenario.startup_time, scenario.faults.startup
    shortest, longest = drawn_ticks(time, EXTREMES).tolist()
    if not fails:
        return (Ready(lambda ticks: time.cdf(ticks / PER_SECOND), shortest - 1, longest + 1),)
    step = _step(until / _POINTS)
    return tuple(_on_grid(scenario, step, ceil(until / step) + 1, up=up) for up in (True, False))


def _step(least: float) -> float:
    """Return the first of 1, 2, 5, 10, 20, 50, ... that is at least this."""
    return next(
        step for exponent in range(20) for step in (10.0**exponent * n for n in (1, 2, 5)) if step >= least
    )


def _on_grid(scenario: Scenario, step: float, points: int, *, up: bool) -> Ready:
    """Return the distribution of times that are rounded to multiples of a step."""
    time, faults = scenario.startup_time, scenario.faults
    grid = np.arange(points) * step
    # rounded down, a time belongs to the point before it: a thousandth of a tick excludes the next point
    first = time.cdf((grid if up else grid + step - 1e-3) / PER_SECOND)
    between = (to_ticks(faults.noticed_after) + to_ticks(scenario.provisioning_delay)) / step
    pause = ceil(between) if up else floor(between)
    one, again = np.diff(first, prepend=0.0), np.zeros(points)
    again[pause:] = faults.startup * one[: max(0, points - pause)]
    reached = np.cumsum((1 - faults.startup) * _geometric_sum(one, again))
    reached = np.where(first > 0, np.minimum(reached, 1.0), 0.0)
    begins, full = (np.flatnonzero(of)[:1] * step for of in (reached > 0, reached >= 1 - _NOTHING))
    return Ready(
        lambda ticks: reached[np.clip(ticks // step, 0, points - 1).astype(np.int64)] * (ticks >= 0),
        float(begins.min(initial=inf)),
        float(full.min(initial=inf)),
    )


def _geometric_sum(one: NDArray[np.float64], again: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the convolution of a sequence with 1 + a + a * a + a * a * a + ..., up to its length.

    The sum is (1 + a)(1 + a^2)(1 + a^4)..., whose powers soon become negligible.
    """
    size = 2 ** (2 * len(one) - 1).bit_length()
    while again.sum() > _NOTHING:
        power = np.fft.rfft(again, size)
        one = one + np.maximum(np.fft.irfft(np.fft.rfft(one, size) * power, size)[: len(one)], 0)
        again = np.maximum(np.fft.irfft(power * power, size)[: len(one)], 0)
    return one


# -- the start-up times that replications draw -------------------------------------------------------------


OF_SLOTS = Purpose.STARTUP_OF_SLOT, Purpose.STARTUP_FAILURE_OF_SLOT
FOR_VIDEOS = Purpose.STARTUP_FOR_VIDEO, Purpose.STARTUP_FAILURE_FOR_VIDEO


def startups(
    scenario: Scenario, origin: tuple[Purpose, Purpose], seed: int, replications: range, count: int
) -> NDArray[np.float64]:
    """Return the ticks from the first start for each slot or video until a start-up has succeeded.

    There is a row for each replication.
    """
    times_of, chances_of = origin

    def times(further: int) -> NDArray[np.float64]:
        u = _uniforms(seed, times_of, replications, count, further)
        return drawn_ticks(scenario.startup_time, u.ravel()).reshape(u.shape)

    found, further = times(0), 0
    if not scenario.faults.startup:
        return found
    between = to_ticks(scenario.faults.noticed_after) + to_ticks(scenario.provisioning_delay)
    failed = np.ones(found.shape, dtype=np.bool_)
    while True:
        failed &= _uniforms(seed, chances_of, replications, count, further) < scenario.faults.startup
        if not failed.any():
            return found
        further += 1
        found[failed] += between + times(further)[failed]


def _uniforms(
    seed: int, purpose: Purpose, replications: range, count: int, further: int
) -> NDArray[np.float64]:
    if "tv2sim.engines.kernel" in sys.modules:  # if not loaded, loading takes longer than drawing without it
        from tv2sim.engines.kernel.philox import draw_uniforms

        return draw_uniforms(seed, purpose, replications, count, further)
    rows = [uniforms(seed, purpose, replication, count, further=further) for replication in replications]
    return np.array(rows).reshape(len(replications), count)


# -- how many publishers are ready (Poisson-binomial) ------------------------------------------------------


_AT_ONCE = 256
"""Times whose distributions are computed together, so that they fit into a processor's cache."""


class Numbers(NamedTuple):
    """The distribution of the number of publishers that are ready, a row for each time."""

    sure: NDArray[np.int64]
    """How many publishers are ready with certainty."""
    others: NDArray[np.float64]
    """The probability that 0, 1, 2, ... others are ready."""

    def below(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability that fewer than `count` are ready."""
        missing = np.minimum(count - self.sure, self.others.shape[1])
        up_to = np.take_along_axis(
            self.others.cumsum(axis=1), np.maximum(missing - 1, 0)[:, np.newaxis], axis=1
        )
        return np.where(missing > 0, up_to[:, 0], 0.0)

    def above(self, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean number of publishers ready beyond `count`."""
        more = self.sure[:, np.newaxis] + np.arange(self.others.shape[1]) - count[:, np.newaxis]
        return np.asarray((np.maximum(more, 0) * self.others).sum(axis=1))


def numbers_ready(
    of_numbers: Callable[[Numbers, slice], NDArray[np.float64]],
    times: NDArray[np.float64],
    begun: NDArray[np.float64],
    ready: Ready,
    first: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return a function of the distribution of the number of publishers ready by each time.

    Parameters
    ----------
    of_numbers : callable
        The function: takes the numbers at a slice of the times, and the slice; returns a value for each time.
    times : numpy.ndarray
        Ticks.
    begun : numpy.ndarray
        When each start-up begins, ascending; minus infinity for a publisher that is ready at the start.
    ready : Ready
        The distribution of start-up times.
    first : numpy.ndarray, optional
        For each time, how many of the first publishers count; default is all.

    Notes
    -----
    Publishers that started long before a time are ready, and those that started just before it are not. The
    others are convolved one by one. All terms are positive, so that small probabilities are exact too.
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
    given = arguments_of("on_time_probability", catalogue, strategy, scenario, OWN)
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
    catalogue = read_catalogue(catalogue)
    times = {name: getattr(catalogue, name) for name in ("encoding_time", "publication_timeout")}
    table = pd.DataFrame({"id": catalogue.ids, **times}, index=pd.RangeIndex(len(catalogue), name="video"))
    for each in map(as_strategy, strategies):
        given = arguments_of("classification", catalogue, each, scenario, OWN)
        table[each.name] = pd.Categorical.from_codes(_class_of(given), pd.Index(CLASSES), ordered=True)
    return table


def _class_of(given: Arguments) -> NDArray[np.int64]:
    """Return the index of each video's class.

    The first publisher decides whether the video can be in time. Where start-ups fail, each video can be late.
    """
    (first,) = ready_times(given.scenario.replace(faults=Faults()), 0)
    reached = _reached(first, _left(given))
    sometimes, always = reached > 0, (reached == 1) & (not given.scenario.faults.startup)
    return np.asarray(np.add(sometimes, always, dtype=np.int64))


def _left(given: Arguments) -> NDArray[np.float64]:
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
    given = arguments_of("advance_order", catalogue, strategy, scenario, ADVANCE)
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
