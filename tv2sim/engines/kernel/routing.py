"""Which kernel simulates a world: a row for each feature says which of them know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.strategies import MOMENTS
from tv2sim.world.distributions import Distribution

if TYPE_CHECKING:
    from tv2sim.engines.kernel.world_columns import World
    from tv2sim.strategies import Strategy

__all__ = ["FEATURES", "KERNELS", "features_of", "kernels_for", "weighs"]

KERNELS = ("lanes", "stream", "varied", "stage", "events")
"""From the fastest to the slowest."""

_MOST_IN_LANES = 20_000
"""Videos and pool slots; more would need more memory for all lanes than a processor's cache has."""


class Feature(NamedTuple):
    """Something that a world may have.

    Attributes
    ----------
    text : str
        For people.
    has : callable
        Whether a world has it.
    known : tuple of str
        The kernels that know it.
    """

    text: str
    has: Callable[[World], bool]
    known: tuple[str, ...]


def _starts_for_pool(world: World) -> bool:
    return bool(((world.moment != MOMENTS.index(None)) & (world.own == 0)).any())


_NOT_STREAM = tuple(kernel for kernel in KERNELS if kernel != "stream")


def weighs(strategy: Strategy) -> bool:
    """Return whether the coverage rule decides."""
    return strategy.price is not None or bool(strategy.holds)


def _changes(world: World) -> bool:
    return not isinstance(world.scenario.requests_per_second, float)


FEATURES = (
    Feature(
        "a strategy that weighs everything once an instant, or has a pool that adapts",
        lambda world: weighs(world.strategy) or world.strategy.has_pool_that_adapts,
        ("events",),
    ),
    Feature(
        "videos that get publishers at the end of an instant, dispatch",
        lambda world: world.strategy.dispatches_late,
        ("stage", "events"),
    ),
    Feature(
        "videos that are given up, discards_hopeless",
        lambda world: world.strategy.discards,
        ("stage", "events"),
    ),
    Feature(
        "videos that are given up at the end of an instant, and publishing times or publishers of their own",
        lambda world: (
            world.strategy.dispatches_late
            and world.strategy.discards
            and bool(world.draws_publishing or world.publishing.any() or world.own.any())
        ),
        ("events",),
    ),
    Feature(
        "prewarmed publishers that are ready at time 0, ready_at_start",
        lambda world: world.strategy.ready_at_start,
        ("stage", "events"),
    ),
    Feature(
        "start-ups that fail, and a limit or a delay of starts",
        lambda world: world.orders,
        ("events",),
    ),
    Feature(
        "arrivals at random, arrivals", lambda world: world.scenario.arrivals != "even", ("varied", "events")
    ),
    Feature("a rate that changes over time, a tv.Profile", _changes, _NOT_STREAM),
    Feature("a system without encoders", lambda world: world.scenario.encoders is None, _NOT_STREAM),
    Feature("the speeds of encoders", lambda world: len(world.speeds) > 0, _NOT_STREAM),
    Feature(
        "a factor of encoding times, encoding_factor",
        lambda world: world.scenario.encoding_factor is not None,
        _NOT_STREAM,
    ),
    Feature(
        "a factor of encoding times that is drawn",
        lambda world: isinstance(world.scenario.encoding_factor, Distribution) and world.encodings_differ,
        ("varied", "events"),
    ),
    Feature(
        "encodings that differ between replications, and a rate that changes or the speeds of encoders",
        lambda world: world.encodings_differ and bool(len(world.speeds) or world.steps.shape[1]),
        ("events",),
    ),
    Feature(
        "publishing times that are drawn, publishing_time",
        lambda world: world.draws_publishing,
        ("varied", "stage", "events"),
    ),
    Feature(
        "publishing times of the catalogue, publishingTime",
        lambda world: world.catalogue.publishing_time is not None,
        _NOT_STREAM,
    ),
    Feature("a cut-off, until", lambda world: world.until < np.inf, ("events",)),
    Feature("start-ups that may take longer than patience", lambda world: world.may_lose_patience, ("events",)),
    Feature("reviews, review_every", lambda world: world.review_every > 0, ("events",)),
    Feature("publishers started because of videos, for the pool", _starts_for_pool, ("stage", "events")),
    Feature(
        "a queue in another order than first in, first out, queue_order or priority",
        lambda world: world.strategy.reorders,
        ("stage", "events"),
    ),
    Feature(
        "encodings that take no time, and a queue in another order than first in, first out",
        lambda world: (
            world.strategy.reorders
            and not world.strategy.dispatches_late
            and world.scenario.encoders is not None
            and not world.encoding_time.all()
        ),
        ("events",),
    ),
    Feature("a publishing queue without room", lambda world: world.capacity == 0, ("events",)),
    Feature(
        f"more than {_MOST_IN_LANES} videos and prewarmed publishers",
        lambda world: len(world.catalogue) + world.level > _MOST_IN_LANES,
        ("stream", "stage", "events"),
    ),
    Feature(
        "a pool without publishers", lambda world: not world.level and not world.own.all(), ("stage", "events")
    ),
)
"""What not every kernel knows."""


def features_of(world: World) -> list[Feature]:
    """Return those of :data:`FEATURES` that a world has."""
    return [feature for feature in FEATURES if feature.has(world)]


def kernels_for(world: World) -> list[str]:
    """Return the kernels that know all that a world has, the fastest first."""
    known = [feature.known for feature in features_of(world)]
    return [kernel for kernel in KERNELS if all(kernel in kernels for kernels in known)]
