"""Proofs that hold in every replication: that no video can fail, and that a larger pool is never later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import plural, shown
from tv2sim.base.ticks import PER_SECOND
from tv2sim.strategies import Strategy
from tv2sim.theory.conditions import (
    BOUNDED,
    DEPENDENT,
    FIFO,
    STATIC,
    WORLD,
    Conditions,
    asked,
    if_covered,
    longest_startup,
    may_be_full,
    refuse,
    slowest_run,
    timetable,
)

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.theory.conditions import Asked
    from tv2sim.world.scenario import Scenario


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
    given = asked("certificate", catalogue, strategy, scenario, FIFO)
    refuse(given, BOUNDED)
    longest = longest_startup(given.scenario)
    late = slowest_run(given, longest).videos["assigned"] - timetable(given).deadline
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
    "a class of its own, {strategy.name!r}": lambda asked: type(asked.strategy) is not Strategy,
    "strategy {strategy.name!r}, whose videos share no publishers": lambda asked: not asked.shares,
    **STATIC,
    "strategy {strategy.name!r}, which holds publishers back": lambda asked: asked.strategy.holds is not None,
    "strategy {strategy.name!r}, which replaces publishers and serves in the order of {strategy.order}": (
        lambda asked: asked.strategy.starts_on is None and asked.strategy.reorders
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
    return if_covered(lambda: _covered(catalogue, strategy, scenario)) is not None


def _covered(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> Asked:
    given = asked("the order of pools", catalogue, strategy, scenario, _PLAIN, world=DEPENDENT)
    if may_be_full(
        given
    ):  # with little room, encodings must be the same in all replications, and never blocked
        refuse(given, WORLD)
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
