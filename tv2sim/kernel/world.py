"""What the kernels are given: columns in ticks, the rule as numbers, and start-up times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.distributions import drawn_ticks
from tv2sim.draws import Purpose
from tv2sim.errors import StrategyError
from tv2sim.kernel.draws import LANES, uniform_lanes, uniform_part, uniform_rows
from tv2sim.strategies import MOMENTS
from tv2sim.ticks import PER_SECOND, to_ticks, whole_ticks
from tv2sim.validation import a_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["World", "draw_lanes", "draw_part", "draw_rows", "whole_blocks", "world_of"]

_UNLIMITED = 1 << 60
_IN_CACHE = 8192
"""Numbers that become times together: a processor's cache holds them and what is computed on the way."""


@dataclass(frozen=True, eq=False)
class World:
    """A catalogue, a strategy and a scenario in columns by video and in numbers; all times in ticks.

    Attributes
    ----------
    moment, own, delay
        The answers of the strategy's hooks; see :class:`tv2sim.strategies.Starts`.
    submitted : numpy.ndarray
        The time before which a video is not offered; 0 where there is none.
    level : int
        The size of the pool.
    """

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    submitted: NDArray[np.float64]
    moment: NDArray[np.int8]
    own: NDArray[np.int8]
    delay: NDArray[np.float64]
    level: int
    capacity: int
    gap: float
    publishing_time: float
    until: float
    review_every: float

    @cached_property
    def encoding_time(self) -> NDArray[np.float64]:
        """The encoding times of all videos."""
        return whole_ticks(self.catalogue.encoding_time)

    @cached_property
    def timeout(self) -> NDArray[np.float64]:
        """The timeouts of all videos."""
        return whole_ticks(self.catalogue.publication_timeout)

    @property
    def second_starts(self) -> bool:
        """Whether a video may cause two publishers: one for it, and one in place of the one it takes."""
        return bool(self.level and ((self.moment != MOMENTS.index(None)) & (self.own == 0)).any())

    @cached_property
    def _videos(self) -> list[Video]:
        return list(self.catalogue)

    def priority(self, row: int, encoding_started: float) -> float:
        """Ask the strategy for the place of a video in the queue, given when its encoding started."""
        video, strategy = self._videos[row], self.strategy
        answer = strategy.priority(video, (encoding_started + self.timeout[row]) / PER_SECOND)
        asked = f"the answer of {strategy.name}.priority({video.id!r})"
        return a_number(asked, answer, at_least=-inf, error=StrategyError)

    def priorities(self, encoding_started: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ask for the places of all videos that the pool serves; the others have 0."""
        found = np.zeros(len(self.catalogue))
        for row in np.flatnonzero(self.own == 0).tolist():
            found[row] = self.priority(row, float(encoding_started[row]))
        return found


def world_of(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> World:
    """Ask the strategy's hooks, and turn everything into ticks."""
    starts = strategy.starts(catalogue)
    assert isinstance(scenario.publishing_time, float)  # routing.FEATURES
    capacity, until, every = scenario.publishing_queue_capacity, scenario.until, strategy.review_every
    submitted = catalogue.submitted_at
    return World(
        catalogue,
        strategy,
        scenario,
        np.zeros(len(catalogue)) if submitted is None else whole_ticks(np.nan_to_num(submitted)),
        np.frombuffer(bytes(starts.moment), dtype=np.int8),
        np.frombuffer(bytes(starts.own), dtype=np.int8),
        np.zeros(len(catalogue)) if starts.delay is None else np.array(starts.delay),
        strategy.prewarmed,
        _UNLIMITED if capacity is None else min(capacity, _UNLIMITED),
        to_ticks(scenario.gap),
        to_ticks(scenario.publishing_time),
        inf if until is None else to_ticks(until),
        0.0 if every is None else to_ticks(every),
    )


def whole_blocks(count: int) -> int:
    """Return the count rounded up to what whole blocks of random numbers give."""
    return -(-count // 4) * 4


def draw_rows(
    world: World, seed: int, purpose: Purpose, replications: range, count: int, further: int = 0
) -> NDArray[np.float64]:
    """Return the start-up times of so many entities, a row for each replication."""
    u = np.empty((len(replications), whole_blocks(count)))
    uniform_rows(np.uint64(seed), int(purpose), further, replications.start, u)
    flat = u.reshape(-1)
    for start in range(0, len(flat), _IN_CACHE):
        piece = flat[start : start + _IN_CACHE]
        drawn_ticks(world.scenario.startup_time, piece, out=piece)
    # kernels would be compiled again for rows that are parts of longer ones
    return np.ascontiguousarray(u[:, :count])


def draw_lanes(world: World, seed: int, first: int, out: NDArray[np.float64], slots: int) -> None:
    """Fill in the start-up times of the slots, and from column `slots` on those of the videos.

    There is a row for each group of replications, with a number for each entity and each of the group.
    """
    for group in out:  # one at a time, because small arrays stay in the processor's cache
        uniform_lanes(np.uint64(seed), int(Purpose.STARTUP_OF_SLOT), first, group[:slots])
        uniform_lanes(np.uint64(seed), int(Purpose.STARTUP_FOR_VIDEO), first, group[slots:])
        drawn_ticks(world.scenario.startup_time, group, out=group)
        first += LANES


def draw_part(world: World, seed: int, replication: int, start: int, count: int) -> NDArray[np.float64]:
    """Return the start-up times of `count` videos of one replication; `start` is a multiple of 4."""
    u = np.empty(whole_blocks(count))
    uniform_part(np.uint64(seed), int(Purpose.STARTUP_FOR_VIDEO), 0, replication, start, u)
    return drawn_ticks(world.scenario.startup_time, u[:count])
