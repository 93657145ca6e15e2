"""Whether a larger pool publishes no video later: a proof for some strategies in some worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.strategies import Strategy
from tv2sim.theory.conditions import DEPENDENT, STATIC, WORLD, Condition, asked, if_covered, refuse
from tv2sim.theory.timetable import may_be_full, timetable

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.theory.conditions import Asked
    from tv2sim.world.scenario import Scenario

__all__ = ["idles_longer_with_pool", "rises_with_pool"]

_PLAIN = (
    Condition(lambda asked: type(asked.strategy) is not Strategy, "a class of its own, {strategy.name!r}"),
    Condition(lambda asked: not asked.shares, "strategy {strategy.name!r}, whose videos share no publishers"),
    *STATIC,
    Condition(
        lambda asked: asked.strategy.holds is not None,
        "strategy {strategy.name!r}, which holds publishers back",
    ),
    Condition(
        lambda asked: asked.strategy.starts_on is None and asked.strategy.reorders,
        "strategy {strategy.name!r}, which replaces publishers and serves in the order of {strategy.order}",
    ),
)
"""Strategies without a proof: their rules may depend on the size, or on who is served first."""


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
    return if_covered(lambda: _proved(catalogue, strategy, scenario)) is not None


def _proved(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> Asked:
    given = asked("the order of pools", catalogue, strategy, scenario, *_PLAIN, world=DEPENDENT)
    if may_be_full(given):  # then encodings have to be the same in all replications, and never blocked
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
