"""What the kernels are given: columns in ticks, the rule as numbers, and start-up times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from math import inf, nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.distributions import Distribution, drawn_ticks
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

__all__ = [
    "Drawn", "World", "draw", "draw_lanes", "draw_part", "draw_publishing_lanes", "draw_rows", "whole_blocks",
    "world_of",
]  # fmt: skip

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

    @cached_property
    def publishing(self) -> NDArray[np.float64]:
        """The publishing times of all videos, NaN where they are drawn."""
        time, given = self.scenario.publishing_time, self.catalogue.publishing_time
        found = np.full(len(self.catalogue), to_ticks(time) if isinstance(time, float) else nan)
        return found if given is None else np.where(np.isnan(given), found, whole_ticks(given))

    @cached_property
    def draws_publishing(self) -> bool:
        """Whether any publishing time is drawn."""
        return bool(np.isnan(self.publishing).any())

    @property
    def held(self) -> float:
        """The share of the publishing time that is held against the timeout: all (1) or nothing (0)."""
        return float(self.scenario.deadline == "published")

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
        inf if until is None else to_ticks(until),
        0.0 if every is None else to_ticks(every),
    )


def whole_blocks(count: int) -> int:
    """Return the count rounded up to what whole blocks of random numbers give."""
    return -(-count // 4) * 4


class Drawn(NamedTuple):
    """What replications draw, a row for each; what is the same in all of them may have a single row.

    Attributes
    ----------
    slots, startup, further : numpy.ndarray
        Start-up times of the prewarmed publishers, of a video's first and of its second.
    publishing : numpy.ndarray
        Publishing times by video.
    """

    slots: NDArray[np.float64]
    startup: NDArray[np.float64]
    further: NDArray[np.float64]
    publishing: NDArray[np.float64]

    def of(self, row: int) -> Drawn:
        """Return what one of the replications draws."""
        return Drawn(*(column[row : row + 1] if len(column) > 1 else column for column in self))


def draw(world: World, seed: int, replications: range) -> Drawn:
    """Draw all that replications need."""
    time, videos = world.scenario.startup_time, len(world.catalogue)
    startup = partial(draw_rows, time, "startup_time", seed, Purpose.STARTUP_FOR_VIDEO, replications, videos)
    return Drawn(
        draw_rows(time, "startup_time", seed, Purpose.STARTUP_OF_SLOT, replications, world.level),
        startup(),
        startup(further=1) if world.second_starts else np.empty((len(replications), 0)),
        _draw_publishing(world, seed, replications),
    )


def _draw_publishing(world: World, seed: int, replications: range) -> NDArray[np.float64]:
    known = ~np.isnan(world.publishing)
    if not world.draws_publishing:
        return world.publishing[np.newaxis]
    time = world.scenario.publishing_time
    assert isinstance(time, Distribution)
    drawn = draw_rows(time, "publishing_time", seed, Purpose.PUBLISHING_TIME, replications, len(known))
    drawn[:, known] = world.publishing[known]
    return drawn


def draw_rows(
    time: Distribution,
    name: str,
    seed: int,
    purpose: Purpose,
    replications: range,
    count: int,
    further: int = 0,
) -> NDArray[np.float64]:
    """Return the ticks of so many entities, a row for each replication; `name` is the field's, for messages."""
    u = np.empty((len(replications), whole_blocks(count)))
    uniform_rows(np.uint64(seed), int(purpose), further, replications.start, u)
    flat = u.reshape(-1)
    for start in range(0, len(flat), _IN_CACHE):
        piece = flat[start : start + _IN_CACHE]
        drawn_ticks(time, piece, out=piece, name=name)
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


def draw_publishing_lanes(world: World, seed: int, first: int, out: NDArray[np.float64]) -> None:
    """Fill in the publishing times of a group of replications, a number for each video and lane."""
    time, known = world.scenario.publishing_time, np.flatnonzero(~np.isnan(world.publishing))
    if world.draws_publishing:
        assert isinstance(time, Distribution)
        uniform_lanes(np.uint64(seed), int(Purpose.PUBLISHING_TIME), first, out)
        drawn_ticks(time, out, out=out, name="publishing_time")
    out.reshape(-1, LANES)[known] = world.publishing[known, np.newaxis]


def draw_part(world: World, seed: int, replication: int, start: int, count: int) -> NDArray[np.float64]:
    """Return the start-up times of `count` videos of one replication; `start` is a multiple of 4."""
    u = np.empty(whole_blocks(count))
    uniform_part(np.uint64(seed), int(Purpose.STARTUP_FOR_VIDEO), 0, replication, start, u)
    return drawn_ticks(world.scenario.startup_time, u[:count])
