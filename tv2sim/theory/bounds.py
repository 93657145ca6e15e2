"""What is proven of failures: bounds under part 2c, certificates, and that a larger pool is never later."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tv2sim.base.checks import plural, shown
from tv2sim.base.errors import InputError
from tv2sim.base.random_numbers import as_seed
from tv2sim.base.ticks import PER_SECOND, to_ticks, whole_ticks
from tv2sim.strategies import Strategy
from tv2sim.theory import conditions
from tv2sim.theory.conditions import Arguments, Conditions, Timetable, arguments_of, refuse, timetable
from tv2sim.theory.expected import FOR_VIDEOS, OF_SLOTS, Ready, between, numbers_ready, ready_times, startups

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.world.scenario import Scenario

# -- at least: a bound from sums of independent yes and no -------------------------------------------------


_AT_ONCE = 2**17
"""Start-up times that are drawn together, so that they fit into a processor's cache."""
_LEAST = 16
"""The least number of replications that are drawn together, since a step has a fixed cost."""


@dataclass(frozen=True, eq=False)
class FailedBound:
    """How many videos must fail under part 2c, even if no other video ever waits.

    Attributes
    ----------
    fails : numpy.ndarray
        The probability that each video must fail, a lower bound of its probability to fail.
    error : float
        A bound on the error of each probability: 0 unless start-ups fail, except for rounding.
    """

    fails: NDArray[np.float64]
    error: float
    _given: Arguments = field(repr=False)
    _times: Timetable = field(repr=False)

    @property
    def failed(self) -> float:
        """The expected number of videos that must fail, a lower bound of the expected failures."""
        return float(self.fails.sum())

    def of(self, slots: ArrayLike, videos: ArrayLike) -> NDArray[np.int64]:
        """Return how many videos must fail in replications with given start-up times.

        Parameters
        ----------
        slots, videos : array
            Seconds from the first start until a publisher is ready: for each place of the pool, and for the
            replacement of each video's publisher. There is a row for each replication.

        Raises
        ------
        InputError
            If the shapes do not fit.

        Examples
        --------
        A pool of one, and two videos, which are encoded after 1 s and 1.5 s, and have to be published within
        1 s: the second would need a start-up of less than a second.

        >>> import tv2sim as tv
        >>> videos = [tv.Video(id, encoding_time=1, publication_timeout=2) for id in "ab"]
        >>> bound = tv.queueing.failed_bound(tv.Catalogue(videos), "2c:1")
        >>> bound.of(slots=[[1.0], [3.0]], videos=[[2.0, 2.0], [2.0, 2.0]])
        array([1, 2])
        """
        size, count = self._given.strategy.prewarmed, len(self.fails)
        times = np.asarray(slots, dtype=np.float64), np.asarray(videos, dtype=np.float64)
        if times[0].shape[1:] != (size,) or times[1].shape != (len(times[0]), count):
            raise InputError(
                f"slots and videos must have a row for each replication, of {size} and of {count} seconds, not "
                f"the shapes {times[0].shape} and {times[1].shape}"
            )
        return self._count(*map(whole_ticks, times))

    def of_replications(self, seed: int, replications: range) -> NDArray[np.int64]:
        """Return how many videos must fail in each replication, a lower bound of its failures.

        Parameters
        ----------
        seed : int
            0 to 2**64 - 1.
        replications : range
            The replications.

        Examples
        --------
        >>> import tv2sim as tv
        >>> catalogue = tv.generate_catalogue()
        >>> must_fail = tv.queueing.failed_bound(catalogue, "2c:9").of_replications(1, range(4))
        >>> reps = tv.replicate(catalogue, "2c:9", replications=4, seed=1, progress=False)
        >>> must_fail.tolist(), reps.values("failed").tolist()
        ([5, 7, 8, 4], [6.0, 9.0, 11.0, 5.0])
        """
        seed, given = as_seed(seed), self._given
        found = np.empty(len(replications), dtype=np.int64)
        size = max(_LEAST, _AT_ONCE // (len(self.fails) + given.strategy.prewarmed))
        for start in range(0, len(replications), size):
            part = slice(start, start + size)
            keys = seed, replications[part]
            slots = startups(given.scenario, OF_SLOTS, *keys, given.strategy.prewarmed)
            if given.strategy.ready_at_start:
                slots[:] = 0
            found[part] = self._count(slots, startups(given.scenario, FOR_VIDEOS, *keys, len(self.fails)))
        return found

    def _count(self, slots: NDArray[np.float64], videos: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many videos must fail; start-up times are in ticks."""
        times, provisioning = self._times, to_ticks(self._given.scenario.provisioning_delay)
        order = times.order
        encoded, deadline = times.encoded[order] + provisioning, times.deadline[order]
        slots = slots.T + (0 if self._given.strategy.ready_at_start else provisioning)
        # a row for each video, so that a video's numbers of all replications lie together
        ready = videos.T[order] + encoded[:, np.newaxis]
        before = np.arange(len(order))
        longest, shortest = videos.max(initial=0.0), videos.min(initial=np.inf)
        sure = np.minimum(np.searchsorted(encoded, deadline - longest, "right"), before)
        possible = np.minimum(np.searchsorted(encoded, deadline - shortest, "right"), before)
        found, coldest = np.full(slots.shape[1], np.count_nonzero(times.too_long)), slots.max(initial=0)
        for k in np.flatnonzero(~times.too_long[order]).tolist():
            number = _how_many(ready[sure[k] : possible[k]] <= deadline[k])
            if deadline[k] < coldest:
                found += sure[k] + number + _how_many(slots <= deadline[k]) <= k
            else:
                found += number <= k - sure[k] - len(slots)
        return found


def _how_many(true: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the number of true values in each column; small types are added faster."""
    small = len(true) <= np.iinfo(np.int8).max
    return np.asarray(np.add.reduce(true.view(np.int8), axis=0, dtype=np.int8 if small else np.int64))


def failed_bound(
    catalogue: Catalogue | Any, strategy: Strategy | str = "2c", scenario: Scenario | None = None
) -> FailedBound:
    """Return how many videos must fail under part 2c: a lower bound, exact where failures are rare.

    The videos are numbered from 0 in the order in which they are encoded. The S prewarmed publishers can serve
    video k or an earlier one, and so can one publisher for each video j < k, started when j is encoded or
    later. If at most k of these can be ready by the deadline of video k, then it must fail: N_k <= k with

        N_k = #{places of the pool ready by d_k} + #{j < k: e_j + D_j <= d_k},

    where d_k is the deadline, e_j the end of an encoding, and D_j the start-up time of the publisher that video
    j brings. A publisher that is ready at the very moment of the deadline is in time. A video whose encoding
    takes longer than its timeout must fail, too. In each replication, at least as many videos fail as there are
    such k. The mean number of such k is a sum of tails of sums of independent yes and no (Poisson-binomial),
    without simulation.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        Part 2c with a pool of any size, also one that is ready at the start.
    scenario : Scenario, optional
        The system. Nothing but start-up times may be drawn, nothing but start-ups may fail, and the publishing
        queue must not become full.

    Returns
    -------
    FailedBound
        The probability of each video, the expected number, and the number for replications.

    Raises
    ------
    StrategyError, ScenarioError
        If the bound does not cover the strategy or the scenario.

    Notes
    -----
    The bound takes each publisher to be started when its video is encoded. It starts when the video takes a
    publisher, which is the same if no video waits. So bound and truth differ by failures that follow from waits
    before them.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> [round(tv.queueing.failed_bound(catalogue, f"2c:{size}").failed, 4) for size in (10, 12, 13)]
    [1.312, 0.034, 0.0022]
    """
    given = arguments_of("failed_bound", catalogue, strategy, scenario, conditions.BASE_STOCK)
    times = timetable(given)
    several = ready_times(given.scenario, times.deadline.max(initial=0) + 1)
    fails, error = between(lambda ready: _fails(given, times, ready), several)
    return FailedBound(fails, error, given, times)


def first_fails(
    catalogue: Catalogue | Any, strategy: Strategy | str = "2c", scenario: Scenario | None = None
) -> float:
    """Return the probability that the first video that is encoded fails: the pool is still cold.

    Arguments and errors are those of :func:`failed_bound`. For this video the bound is the truth.
    """
    found = failed_bound(catalogue, strategy, scenario)
    return float(found.fails[found._times.order[0]])


def _fails(given: Arguments, times: Timetable, ready: Ready) -> NDArray[np.float64]:
    order = times.order
    fails = np.empty(len(order))
    fails[order] = _too_few(given, ready, times.encoded[order], times.deadline[order])
    return np.where(times.too_long, 1.0, fails)


def _too_few(
    given: Arguments, ready: Ready, orders: NDArray[np.float64], by: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each video k the probability that at most k publishers are ready by a time.

    The prewarmed publishers count, and those that are ordered because of videos before k, at these times.
    """
    rank = np.arange(len(by))
    return numbers_ready(
        lambda numbers, part: numbers.below(rank[part] + 1),
        by,
        given.begun(orders),
        ready,
        rank + given.strategy.prewarmed,
    )


# -- at most: limits of waits that few videos break --------------------------------------------------------


_WAITS = (0.0, 0.02, 0.1, 0.25)
_STARTS = (0.4, 0.6, 0.8, 0.9, 1.0)
"""Limits to try, in longest start-up times: on a wait, and on the time at which the pool is warm."""
_NEARLY_ALL = 0.999
"""Of start-up times without an upper end, this quantile is taken as the longest."""


def failed_at_most(
    catalogue: Catalogue | Any, strategy: Strategy | str = "2c", scenario: Scenario | None = None
) -> float:
    """Return an upper bound of the expected number of failed videos under part 2c.

    No simulation is needed. If few videos ever wait, since the pool is large, the upper bound is close to the
    lower one of :func:`failed_bound`: both are close to the truth. For smaller pools the upper bound is of no
    use: it may be as large as the catalogue.

    Each video k, in the order in which they are encoded, is given a limit c_k >= e_k, the end of its encoding.
    As long as no video before k has taken a publisher later than its limit, at least N_k(x) + 1 publishers that
    can serve video k are ready by x if

        N_k(x) = #{places of the pool ready by x} + #{j < k: c_j + D_j <= x} > k,

    and then video k has a publisher by x. With x = c_k the video keeps its limit; with x = d_k, its deadline,
    it is in time. So the first video that breaks its limit is k with a probability of at most
    P(N_k(c_k) <= k). Then the n - 1 - k videos after it may fail. The expected number of failures is at most

        sum of P(N_k(d_k) <= k) + sum of (n - 1 - k) P(N_k(c_k) <= k).

    The limits are c_k = max(e_k + w, v); the best of a few w and v is taken.

    Parameters
    ----------
    catalogue, strategy, scenario
        As for :func:`failed_bound`.

    Returns
    -------
    float
        The bound, at most the number of videos of the catalogue.

    Raises
    ------
    StrategyError, ScenarioError
        If the bound does not cover the strategy or the scenario.

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
    given = arguments_of("failed_at_most", catalogue, strategy, scenario, conditions.BASE_STOCK)
    times = timetable(given)
    longest = conditions.longest_startup(given.scenario)
    if longest == inf:
        longest = float(given.scenario.startup_time.quantile(np.array([_NEARLY_ALL]))[0])
    longest *= PER_SECOND
    last = max(times.deadline.max(initial=0), times.encoded.max(initial=0)) + longest + 1
    ready = ready_times(given.scenario, last)[0]  # if start-ups fail, the bound of the distribution from below
    limits = itertools.product(_WAITS, _STARTS)
    found = (_failed(given, times, ready, wait * longest, start * longest) for wait, start in limits)
    return min(float(len(times.order)), *found)


def _failed(given: Arguments, times: Timetable, ready: Ready, wait: float, warm: float) -> float:
    order = times.order
    limit = np.maximum(times.encoded[order] + wait, warm)
    fails = np.where(times.too_long[order], 1.0, _too_few(given, ready, limit, times.deadline[order]))
    breaks = _too_few(given, ready, limit, limit)
    return float(fails.sum() + (np.arange(len(order))[::-1] * breaks).sum())


# -- that no video can fail --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """Whether it is proven that no video can fail; ``str()`` says so in a sentence.

    Attributes
    ----------
    strategy : str
        The name of the strategy.
    startup_time : float
        The longest start-up time, in seconds.
    failed : int
        How many videos fail if every start-up takes the longest time.
    video : int or None
        The row of the first video that fails.
    id : str or None
        The id of this video.
    late : float
        The seconds by which this video is late. If no video fails: minus the seconds that the latest video has
        left.
    """

    strategy: str
    startup_time: float
    failed: int
    video: int | None
    id: str | None
    late: float

    @property
    def holds(self) -> bool:
        """Whether the proof succeeded: no video fails if every start-up takes the longest time."""
        return self.failed == 0

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        slowest = f"if every start-up takes {self.startup_time:g} s"
        if self.holds:
            spare = f"each is in time even {slowest}, the latest with {abs(self.late):g} s left"
            return f"under {self.strategy} no video can fail: {spare}"
        fail = f"{plural(self.failed, 'video')} {'fails' if self.failed == 1 else 'fail'}"
        return (
            f"under {self.strategy} it is not proven that no video can fail: {slowest}, {fail}, "
            f"the first of them {shown(self.id, 60)}, {self.late:g} s late"
        )


def certificate(
    catalogue: Catalogue | Any, strategy: Strategy | str, scenario: Scenario | None = None
) -> Certificate:
    """Return whether it is proven that no video can fail, in any replication.

    One run is simulated, in which every start-up takes as long as it can. If a publisher is ready earlier, no
    video gets its publisher later: with first in, first out, all times are sums, maxima and minima of start-up
    times (Kiefer and Wolfowitz 1955). So a run without a failure proves that failures have probability 0. A run
    with failures proves nothing. Where start-up times are independent and may all be close to their upper end,
    it shows that failures are possible.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        Publishers of a video's own, a pool of one size that is first in, first out, or both.
    scenario : Scenario, optional
        The system. Nothing but start-up times may be drawn, which must have an upper end, nothing may fail, and
        the publishing queue must not become full.

    Returns
    -------
    Certificate
        Whether no video can fail, and if that is not proven, the first video that fails.

    Raises
    ------
    StrategyError, ScenarioError
        If there is no such proof for the strategy or the scenario.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> warm = tv.PART_2C.replace(name="a warm pool of 14", prewarmed=14, ready_at_start=True)
    >>> print(tv.queueing.certificate(catalogue, warm))
    under a warm pool of 14 no video can fail: each is in time even if every start-up takes 6 s, the latest
    with 0 s left
    >>> print(tv.queueing.certificate(catalogue, warm.replace(name="a warm pool of 13", prewarmed=13)))
    under a warm pool of 13 it is not proven that no video can fail: if every start-up takes 6 s, 1 video
    fails, the first of them '476930ba-3d33-47bd-8a41-0c56e0f1a640', 0.5 s late
    """
    given = arguments_of("certificate", catalogue, strategy, scenario, conditions.FIFO)
    refuse(given, conditions.BOUNDED)
    longest = conditions.longest_startup(given.scenario)
    late = conditions.slowest_run(given, longest).videos["assigned"] - timetable(given).deadline
    fail = np.flatnonzero(late > 0).tolist()
    video = fail[0] if fail else None
    return Certificate(
        given.strategy.name,
        longest,
        len(fail),
        video,
        None if video is None else given.catalogue.ids[video],
        float(late.max(initial=-np.inf) if video is None else late[video]) / PER_SECOND,
    )


# -- that a larger pool publishes no video later -----------------------------------------------------------


_PLAIN: Conditions = {
    "a class of its own, {strategy.name!r}": lambda given: type(given.strategy) is not Strategy,
    "strategy {strategy.name!r}, whose videos share no publishers": lambda given: not given.shares,
    **conditions.STATIC,
    "strategy {strategy.name!r}, which holds publishers back": lambda given: given.strategy.holds is not None,
    "strategy {strategy.name!r}, which replaces publishers and serves in the order of {strategy.order}": (
        lambda given: given.strategy.starts_on is None and given.strategy.reorders
    ),
}
"""Strategies without a proof, since their rules may depend on the size, or on who is served first."""


def rises_with_pool(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> bool:
    """Return whether it is proved that a larger `prewarmed` publishes no video later, in any replication.

    The larger pool has the same random numbers, and one slot more. The proof is for encodings that no publisher
    influences, and for two kinds of pools:

    * First in, first out, where a publisher is started each time one is taken. Video k, in the order of the
      encodings, takes the publisher that is the (k + 1)-th to be ready. Of those started because of videos,
      only the ones of videos before k may be among them. By induction, these videos have taken publishers no
      later, so their replacements are ready no later, and there is one slot more.
    * In any order that is fixed beforehand, where publishers are started at times that no pool influences. At
      each step the videos that wait for the larger pool wait for the smaller one as well: both serve the first
      of their queues, and the larger pool has had at least as many publishers ready.

    Videos with publishers of their own take nothing from the pool.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> rises_with_pool(catalogue, tv.PART_2C, tv.Scenario())
    True
    >>> rises_with_pool(catalogue, tv.PART_2C, tv.Scenario(max_publishers=14))
    False
    """
    return conditions.if_covered(lambda: _covered(catalogue, strategy, scenario)) is not None


def _covered(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> Arguments:
    given = arguments_of(
        "the order of pools", catalogue, strategy, scenario, _PLAIN, world=conditions.DEPENDENT
    )
    # with little room, encodings must be the same in all replications, and never blocked
    if conditions.may_be_full(given):
        refuse(given, conditions.WORLD)
        timetable(given)
    return given


def idles_longer_with_pool(catalogue: Catalogue, scenario: Scenario) -> bool:
    """Return whether publishers also idle longer in a larger pool, if its videos are published no later.

    As long as a video waits, no publisher is ready. Else all videos that are encoded have publishers, as many
    as in the larger pool, in which at least as many were ready. A run that ends earlier with the larger pool
    ends while videos wait for the smaller one. That holds if publishing takes no time.
    """
    times = catalogue.publishing_time
    given = np.array([]) if times is None else times[~np.isnan(times)]
    return scenario.publishing_time == 0 and not given.any()
