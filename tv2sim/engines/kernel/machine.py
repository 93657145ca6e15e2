"""The arrays in which :mod:`tv2sim.engines.kernel.events` simulates, and what only Python does for it."""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import StrategyError
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.engines.kernel import events
from tv2sim.engines.kernel import state_rows as state
from tv2sim.engines.kernel.drawing import Drawn, draw, draw_start
from tv2sim.engines.kernel.encoding import arrivals_of
from tv2sim.engines.kernel.world_columns import World
from tv2sim.strategies.expectations import nominal_times
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.world.scenario import Scenario

__all__ = ["Machine"]

_MOST_NUMBERS = 64
"""The most publishers because of one video that are drawn beforehand; others are when they are needed."""
_DRAWN = (state.PUBLISHING, state.ENCODING_TIME, state.BEFORE)
"""The rows of T that get what a replication draws by video."""


class Machine:
    """The arrays in which replications of one world are simulated, one after the other.

    Attributes
    ----------
    logged : bool
        Whether the log is wanted.
    numbers, others : int
        How many publishers because of the same video, and how many without a cause, a managed pool is likely to
        start; what these draw is drawn beforehand.
    """

    def __init__(self, world: World, *, logged: bool) -> None:
        self.world, self.logged = world, logged
        videos, order = len(world.catalogue), world.ordering
        self.guess = np.full(videos, np.nan)
        """When the encoding of each video starts, as assumed by the priorities."""
        self.numbers, self.others = 2, (videos + videos // 4 if world.by_rule else 0) + 32
        self._coverage = world.strategy.knowledge(world.catalogue, world.scenario)
        self._make_room(2 * videos + self.others if world.managed else 0)
        by_guess = order == state.BY_HOOK and not world.encodings_differ
        if by_guess:
            self.guess = arrivals_of(world).started
        if by_guess or order == state.BY_VALUE:
            self.T[state.PRIORITY, :videos] = world.priorities(self.guess)

    def _make_room(self, publishers: int) -> None:
        """Make the arrays; the number of publishers matters only if it does not follow from that of videos."""
        world, scenario = self.world, self.world.scenario
        videos, managed = len(world.catalogue), world.managed
        width = world.level + 2 * videos + 2 + publishers * (world.orders or managed)
        self._room = publishers
        self.T, self.K = np.zeros((state.TIMES, width)), np.zeros((state.NUMBERS, width), dtype=np.int64)
        self.n = np.zeros(state.COUNTS, dtype=np.int64)
        self.c = np.zeros(state.DURATIONS)
        self.log = np.empty(6 * videos + 3 * width if self.logged or managed else 0, dtype=np.int64)
        self._fill(self.T[state.TIMEOUT], world.timeout)
        self._fill(self.T[state.DELAY], world.delay)
        self._fill(self.T[state.SPEED], world.speeds[:width])
        self._fill(self.K[state.MOMENT], world.moment)
        self._fill(self.K[state.OWN], world.own)
        self.n[state.VIDEOS : state.LATE] = (
            videos, min(world.scenario.encoder_count, videos), world.capacity, world.level, world.level,
            world.ordering, state.PUBLISHED if world.held else state.ASSIGNED, len(world.speeds),
            scenario.max_publishers or 0, 0,
        )  # fmt: skip
        delays = map(to_ticks, (scenario.provisioning_delay, scenario.faults.noticed_after))
        self.c[: state.FACTOR] = (world.gap, world.until, world.review_every, *delays)
        self.pool: state.Managed | None = None
        if managed:
            self._manage(width - 2)

    def _manage(self, room: int) -> None:
        """Add what is particular to managed pools."""
        world, n, c = self.world, self.n, self.c
        strategy, scenario, coverage = world.strategy, world.scenario, self._coverage
        n[state.LEVEL] = world.least
        n[state.LATE :] = (
            strategy.dispatches_late, strategy.discards, strategy.adapts, coverage is not None, world.by_rule,
            strategy.ready_at_start, _limit(strategy.maximum), _limit(strategy.starts_at_most), room, 0,
        )  # fmt: skip
        if strategy.headroom is not None:
            c[state.FACTOR], window = strategy.headroom
            c[state.WINDOW], c[state.STARTUP] = to_ticks(window), scenario.startup_time.mean
        if strategy.idle_time_to_live is not None:
            c[state.TO_LIVE] = to_ticks(strategy.idle_time_to_live)
        if coverage is not None:
            self._fill(self.T[state.NOMINAL], whole_ticks(nominal_times(world.catalogue, scenario)))
        rates = _rates(scenario, 0 if coverage is None else len(coverage.gaps))
        self.pool = state.Managed(coverage, rates)

    @staticmethod
    def _fill(row: NDArray[Any], column: NDArray[Any]) -> None:
        if column.any():  # what is not written to takes no memory
            row[: len(column)] = column

    def draw(self, seed: int, replications: range) -> Drawn:
        """Draw what replications need, or are likely to need."""
        return draw(self.world, seed, replications, self.numbers, self.others)

    def run(self, drawn: Drawn) -> tuple[float, int]:
        """Simulate the replication that draws this; return when it ended, and how.

        A strategy's `priority` is asked for deadlines, which depend on when encoding starts. If the queue
        blocks encoders, that depends on the priorities. So the starts are guessed, and corrected until the
        guess holds: with each round the earliest video whose priority was wrong is right.
        """
        self.widen(drawn.publishers)
        self.n[state.KNOWN] = 0
        while True:
            for row, columns in zip(_DRAWN, drawn.columns, strict=True):
                self.T[row, : columns.shape[1]] = columns[0]
            self.n[state.RESUMED] = 0
            end, ending = self._simulate(drawn)
            while ending == events.UNDRAWN:
                self._draw_missing(drawn)
                end, ending = self._simulate(drawn)
            if ending == events.OPEN:
                self._decide_pause(end)
            elif ending == events.NO_ROOM:
                self.widen(2 * self._room)
            elif ending == events.TOO_HIGH:
                self._refuse_level()
            elif not (self.world.ordering == state.BY_HOOK and self._corrected()):
                return end, ending

    def _simulate(self, drawn: Drawn) -> Any:
        arrays = self.T, self.K, self.n, self.c, self.log
        return events.simulate(self.world.steps, drawn.starts[0], *arrays, self.pool)

    def widen(self, publishers: int) -> None:
        """Make room for this number of publishers, and keep the priorities."""
        if publishers > self._room and (self.world.orders or self.world.managed):
            priority = self.T[state.PRIORITY]
            self._make_room(publishers)
            self.T[state.PRIORITY, : len(priority)] = priority

    def _draw_missing(self, drawn: Drawn) -> None:
        """Draw the start-up times that lack, so that the replication can go on."""
        for publisher in self.K[state.UNDRAWN, : self.n[state.MISSED]].tolist():
            order, cause = int(self.K[state.ORDER, publisher]), int(self.K[state.P_CAUSE, publisher])
            number, slot = int(self.T[state.P_READY, publisher]), order if order < self.world.level else -1
            found = draw_start(self.world, drawn.seed, drawn.first, number, slot, cause)
            self.T[state.P_READY, publisher] = found
        self.n[state.RESUMED] = 1
        self.learn()

    def learn(self) -> None:
        """Draw as much beforehand for the replications to come as this one needs."""
        entities = self.world.level + len(self.world.catalogue)
        most = int(self.K[state.BEGUN, :entities].max(initial=0))
        self.numbers = max(self.numbers, min(most, _MOST_NUMBERS))
        self.others = max(self.others, int(self.n[state.OTHERS] * 1.25))

    def _refuse_level(self) -> None:
        """Refuse a level of the pool that is too high, as the model does."""
        asked = f"the answer of {self.world.strategy.name}.pool_level"
        a_whole_number(asked, ceil(self.c[state.ASKED]), at_least=0, at_most=MOST, error=StrategyError)

    def _decide_pause(self, time: float) -> None:
        """Say how long the client pauses after it has handed over a video at this time."""
        rate, known = self.world.scenario.requests_per_second, self.n[state.KNOWN]
        assert isinstance(rate, Profile)
        self.T[state.PAUSED, known], self.T[state.PAUSES, known] = time, rate.ticks_of_pause(time, 1.0)
        self.n[state.KNOWN] += 1

    def _corrected(self) -> bool:
        """Ask for the priorities of the videos that started at another time than was guessed, if any did."""
        started = self.T[state.STARTED, : len(self.guess)]
        moved = ~np.isnan(started) & (started != self.guess) & (self.world.own == 0)
        for row in np.flatnonzero(moved).tolist():
            self.guess[row] = started[row]
            self.T[state.PRIORITY, row] = self.world.priority(row, float(started[row]))
        return bool(moved.any())


def _limit(number: int | None) -> int:
    return state.UNLIMITED if number is None else number


def _rates(scenario: Scenario, number: int) -> NDArray[np.float64]:
    """Return when each of so many rates of the client begins, and their period."""
    rate = scenario.requests_per_second
    if number < 2 or not isinstance(rate, Profile):
        return np.array([inf])
    period = inf if rate.period is None else to_ticks(rate.period)
    return np.array([*(to_ticks(start) for start, _ in rate.steps), period])
