"""A catalogue, a strategy and a scenario for the kernels: columns in ticks, and the rule as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.checks import a_number
from tv2sim.base.errors import StrategyError
from tv2sim.base.ticks import PER_SECOND, to_ticks, whole_ticks
from tv2sim.engines.kernel.pauses import steps_of
from tv2sim.engines.kernel.state import BY_DEADLINE, BY_HOOK, BY_VALUE, FIRST_IN, UNLIMITED
from tv2sim.strategies import MOMENTS
from tv2sim.world.distributions import EXTREMES, Distribution, drawn_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["World", "world_of"]


@dataclass(frozen=True, eq=False)
class World:
    """A catalogue, a strategy and a scenario in columns by video and in numbers; all times in ticks.

    Attributes
    ----------
    moment, own, delay
        The answers of the strategy's hooks; see :class:`tv2sim.strategies.Starts`.
    level : int
        The publishers of time 0; the size of the pool, unless it is managed.
    """

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    moment: NDArray[np.int8]
    own: NDArray[np.int8]
    delay: NDArray[np.float64]
    level: int
    capacity: int
    until: float
    review_every: float

    # A column is made when it is first needed: for millions of videos it takes time and memory.

    @cached_property
    def patience(self) -> float:
        """The ticks without progress after which a replication ends."""
        return self.scenario.ticks_of_patience(self.catalogue, (float(self.delay.max(initial=0.0)),))

    @property
    def may_lose_patience(self) -> bool:
        """Whether more time may pass from a video's step to the readiness of a publisher started for it."""
        longest = drawn_ticks(self.scenario.startup_time, EXTREMES)[1]
        return bool(self.delay.max(initial=0.0) + longest > self.patience)

    @cached_property
    def given(self) -> NDArray[np.float64]:
        """The time at which a video is submitted, NaN where it is not known."""
        submitted = self.catalogue.submitted_at
        return np.full(len(self.catalogue), nan) if submitted is None else whole_ticks(submitted)

    @cached_property
    def submitted(self) -> NDArray[np.float64]:
        """The same, 0 where it is not known."""
        none = self.catalogue.submitted_at is None
        return np.zeros(len(self.catalogue)) if none else np.nan_to_num(self.given)

    @property
    def fixed_arrivals(self) -> bool:
        """Whether it is known beforehand when each video arrives, whatever becomes of those before it."""
        return self.scenario.arrivals == "poisson" or self.scenario.encoders is None

    @cached_property
    def gap(self) -> float:
        """The client's pause at a rate that does not change; 0 if arrivals are fixed beforehand."""
        return 0.0 if self.fixed_arrivals else to_ticks(self.scenario.gap)

    @cached_property
    def steps(self) -> NDArray[np.float64]:
        """The steps of the rate, if the client's pauses depend on when it hands over; see `steps_of`."""
        return steps_of(0.0 if self.fixed_arrivals else self.scenario.requests_per_second)

    @property
    def encodings_differ(self) -> bool:
        """Whether encodings start and end at other times in each replication, even if none is blocked."""
        factor = isinstance(self.scenario.encoding_factor, Distribution) and self.scenario.encoders is not None
        return factor or self.scenario.arrivals == "poisson"

    @cached_property
    def speeds(self) -> NDArray[np.float64]:
        """The speed of each encoder, if they are given."""
        return np.array(
            self.scenario.encoders if isinstance(self.scenario.encoders, tuple) else (), dtype=float
        )

    def durations(self, factors: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return the ticks of encodings with such factors; the seconds at speed 1, if there are speeds."""
        if self.scenario.encoders is None:
            return np.zeros(np.broadcast_shapes(np.shape(factors), (len(self.catalogue),)))
        seconds = self.catalogue.encoding_time * factors
        return seconds if len(self.speeds) else whole_ticks(seconds)

    @cached_property
    def encoding_time(self) -> NDArray[np.float64]:
        """The encoding times of all videos, as :meth:`durations`; without a factor, if that is drawn."""
        factor = self.scenario.encoding_factor
        return self.durations(factor if isinstance(factor, float) else 1.0)

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
        given = self.catalogue.publishing_time
        drawn = isinstance(self.scenario.publishing_time, Distribution)
        return drawn and (given is None or bool(np.isnan(given).any()))

    @property
    def held(self) -> float:
        """The share of the publishing time that is held against the timeout: all (1) or nothing (0)."""
        return float(self.scenario.deadline == "published")

    @property
    def second_starts(self) -> bool:
        """Whether a video may cause two publishers: one for it, and one in place of the one it takes.

        If each video brings one before it takes one, the pool never falls below its level.
        """
        brings = self.moment[self.own == 0] != MOMENTS.index(None)
        return bool(self.level and brings.any() and not brings.all())

    @property
    def orders(self) -> bool:
        """Whether a publisher may fail, or be started later than the strategy says."""
        scenario = self.scenario
        return bool(scenario.faults.startup or scenario.max_publishers or scenario.provisioning_delay)

    @property
    def managed(self) -> bool:
        """Whether the strategy does more than start publishers and give them to videos at once."""
        return self.strategy.manages

    @property
    def ordering(self) -> int:
        """The order of the queue, one of those of :mod:`tv2sim.engines.kernel.state`."""
        if self.strategy.order == "deadline":
            return BY_DEADLINE
        if self.strategy.order == "priority":
            return BY_HOOK if self.strategy._overrides("priority") else BY_VALUE
        return FIRST_IN

    @property
    def least(self) -> int:
        """The level below which the pool does not fall; 0 if the coverage rule decides what it starts."""
        return _least(self.strategy)

    @property
    def by_rule(self) -> bool:
        """Whether the coverage rule decides what the pool starts."""
        return self.strategy.price is not None

    @property
    def starts_for_videos(self) -> bool:
        """Whether the strategy starts publishers because of videos, whatever the pool's level."""
        return bool((self.moment != MOMENTS.index(None)).any())

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


def _least(strategy: Strategy) -> int:
    return 0 if strategy.price is not None else strategy.least


def world_of(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> World:
    """Ask the strategy's hooks, and turn everything into ticks."""
    starts = strategy.starts(catalogue, scenario)
    capacity, until, every = scenario.publishing_queue_capacity, scenario.until, strategy.review_every
    capacity = None if scenario.encoders is None else capacity
    return World(
        catalogue,
        strategy,
        scenario,
        np.frombuffer(bytes(starts.moment), dtype=np.int8),
        np.frombuffer(bytes(starts.own), dtype=np.int8),
        np.zeros(len(catalogue)) if starts.delay is None else np.array(starts.delay),
        strategy.prewarms(_least(strategy)),
        UNLIMITED if capacity is None else min(capacity, UNLIMITED),
        inf if until is None else to_ticks(until),
        0.0 if every is None else to_ticks(every),
    )
