"""The arrays in which :mod:`tv2sim.engines.kernel.events` simulates, and what only Python does for it."""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import StrategyError
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.engines.kernel import events
from tv2sim.engines.kernel import state as kernel
from tv2sim.engines.kernel.drawing import Drawn, draw, draw_start
from tv2sim.engines.kernel.encoding import arrivals_of
from tv2sim.engines.kernel.weighing import Weighing, go_on, weighing
from tv2sim.engines.kernel.world_columns import World
from tv2sim.strategies.expectations import nominal_times
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.world.scenario import Scenario

__all__ = ["Machine"]

_MOST_NUMBERS = 64
"""The most publishers because of one video that are drawn beforehand; others are when they are needed."""
_DRAWN = ("publishing", "encoding_time", "before")
"""The fields of videos that get what a replication draws."""


class Machine:
    """The arrays in which replications of one world are simulated, one after the other.

    Attributes
    ----------
    state, given, weighed
        What the compiled functions take; `weighed` is None unless the coverage rule decides.
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
        memory = kernel.records(1, kernel.STATE)
        counts = memory["count"].view(np.ndarray).view((np.int64, len(kernel.COUNTS.names or ())))[0]
        self.state = memory[0]
        speeds, pauses = np.asarray(world.speeds), kernel.records(videos + 1, kernel.PAUSE)
        self.given = kernel.Given(world.steps, pauses, speeds, counts)
        self.count, self._rule = self.state["count"], self.state["rule"]
        self._fill_rule()
        self.videos = self._fill_videos()
        self._make_room(2 * videos + self.others if world.managed else 0)
        by_guess = order == kernel.BY_HOOK and not world.encodings_differ
        if by_guess:
            self.guess = arrivals_of(world).started
        if by_guess or order == kernel.BY_VALUE:
            self.videos["priority"] = world.priorities(self.guess)

    def _fill_rule(self) -> None:
        """Fill in what is given."""
        world, scenario, strategy, coverage = (
            self.world,
            self.world.scenario,
            self.world.strategy,
            self._coverage,
        )
        managed, videos = world.managed, len(world.catalogue)
        values: dict[str, float] = {
            "gap": world.gap,
            "until": world.until,
            "patience": world.patience,
            "review_every": world.review_every,
            "provisioning": to_ticks(scenario.provisioning_delay),
            "noticed_after": to_ticks(scenario.faults.noticed_after),
            "videos": videos,
            "encoders": min(scenario.encoder_count, videos),
            "capacity": world.capacity,
            "slots": world.level,
            "level": world.least if managed else world.level,
            "ordering": world.ordering,
            "most": scenario.max_publishers or 0,
            "pool_most": _limit(strategy.maximum),
            "starts_most": _limit(strategy.starts_at_most),
            "speeds_differ": len(world.speeds) > 0,
            "for_published": world.held > 0,
            "late": strategy.dispatches_late,
            "discards": strategy.discards,
            "adapts": managed and strategy.adapts,
            "ruled": coverage is not None,
            "holds": coverage is not None and coverage.holding > 0,
            "by_rule": world.by_rule,
            "ready_at_start": strategy.ready_at_start,
            "managed": managed,
            "longest": inf,
        }
        if strategy.headroom is not None:
            values["headroom"], window = strategy.headroom
            values["window"], values["startup"] = to_ticks(window), scenario.startup_time.mean
        if strategy.idle_time_to_live is not None:
            values["time_to_live"] = to_ticks(strategy.idle_time_to_live)
        if coverage is not None and coverage.price > 0:
            values["publishing"], values["longest"] = coverage.publishing, coverage.startup.longest // 1.0
        for name, value in values.items():
            self._rule[name] = value

    def _fill_videos(self) -> Any:
        """Return the videos with what is given of them."""
        world = self.world
        videos = kernel.records(len(world.catalogue), kernel.VIDEO)
        for name in ("timeout", "delay", "moment", "own"):
            videos[name] = getattr(world, name)
        if self._coverage is not None:
            videos["nominal"] = whole_ticks(nominal_times(world.catalogue, world.scenario))
        return videos

    def _make_room(self, publishers: int) -> None:
        """Make the other arrays, with room for so many publishers besides those for slots and videos."""
        world, videos = self.world, len(self.videos)
        width = world.level + 2 * videos + 2 + publishers * (world.orders or world.managed)
        self._room = publishers
        self._rule["room"] = width - 2 if world.managed else kernel.UNLIMITED
        self.arrays = {
            "videos": self.videos,
            "publishers": kernel.records(width, kernel.PUBLISHER),
            "lists": kernel.records(width, kernel.LISTED),
            "free": kernel.heap(int(self._rule["encoders"])),
            "ends": kernel.heap(videos),
            "starts": kernel.heap(width),
            "timers": kernel.heap(width),
            "queue": kernel.heap(videos),
            "log": np.empty(6 * videos + 3 * width if self.logged else 0, dtype=np.int64),
        }
        self._rule["log_room"] = len(self.arrays["log"])
        for name, array in self.arrays.items():
            self.state[name] = array.ctypes.data
        coverage = self._coverage
        self.weighed: Weighing | None = None
        if coverage is not None:
            self.weighed = weighing(coverage, _rates(world.scenario, len(coverage.gaps)), width)

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
        self._rule["pauses"] = 0
        while True:
            for name, columns in zip(_DRAWN, drawn.columns, strict=True):
                self.videos[name] = columns[0]
            self._rule["row"] = 0
            end, ending = self._simulate(drawn, resumed=False)
            while ending == events.UNDRAWN:
                self._draw_missing(drawn)
                end, ending = self._simulate(drawn, resumed=True)
            if ending == events.OPEN:
                self._decide_pause(end)
            elif ending == events.NO_ROOM:
                self.widen(2 * self._room)
            elif ending == events.TOO_HIGH:
                self._refuse_level()
            elif not (self.world.ordering == kernel.BY_HOOK and self._corrected()):
                return end, ending

    def _simulate(self, drawn: Drawn, *, resumed: bool) -> Any:
        self.take(drawn)
        self._rule["resumed"] = resumed
        return go_on(self.given, self.state, self.weighed)

    def take(self, drawn: Drawn) -> None:
        """Let publishers start up with the times that replications have drawn."""
        self._starts = np.ascontiguousarray(drawn.starts)  # it must not vanish
        self.state["startups"] = self._starts.ctypes.data
        _, self.state["numbers"], self.state["entities"] = self._starts.shape

    def widen(self, publishers: int) -> None:
        """Make room for this number of publishers."""
        if publishers > self._room and (self.world.orders or self.world.managed):
            self._make_room(publishers)

    def _draw_missing(self, drawn: Drawn) -> None:
        """Draw the start-up times that lack, so that the replication can go on."""
        publishers = self.arrays["publishers"]
        for row in self.arrays["lists"]["undrawn"][: self.count["undrawn"]].tolist():
            order, cause = int(publishers["order"][row]), int(publishers["cause"][row])
            number, slot = int(publishers["ready"][row]), order if order < self.world.level else -1
            found = draw_start(self.world, drawn.seed, drawn.first, number, slot, cause)
            publishers["ready"][row] = found
        self.learn()

    def learn(self) -> None:
        """Draw as much beforehand for the replications to come as this one needs."""
        entities = self.world.level + len(self.videos)
        most = int(self.arrays["lists"]["begun"][:entities].max(initial=0))
        self.numbers = max(self.numbers, min(most, _MOST_NUMBERS))
        self.others = max(self.others, int(self.count["without_cause"] * 1.25))

    def _refuse_level(self) -> None:
        """Refuse a level of the pool that is too high, as the model does."""
        asked = f"the answer of {self.world.strategy.name}.pool_level"
        a_whole_number(asked, ceil(self.count["asked"]), at_least=0, at_most=MOST, error=StrategyError)

    def _decide_pause(self, time: float) -> None:
        """Say how long the client pauses after it has handed over a video at this time."""
        rate, known = self.world.scenario.requests_per_second, self._rule["pauses"]
        assert isinstance(rate, Profile)
        self.given.pauses[known] = time, rate.ticks_of_pause(time, 1.0)
        self._rule["pauses"] += 1

    def _corrected(self) -> bool:
        """Ask for the priorities of the videos that started at another time than was guessed, if any did."""
        started = self.videos["started"]
        moved = ~np.isnan(started) & (started != self.guess) & (self.world.own == 0)
        for row in np.flatnonzero(moved).tolist():
            self.guess[row] = started[row]
            self.videos["priority"][row] = self.world.priority(row, float(started[row]))
        return bool(moved.any())


def _limit(number: int | None) -> int:
    return kernel.UNLIMITED if number is None else number


def _rates(scenario: Scenario, number: int) -> NDArray[np.float64]:
    """Return when each of so many rates of the client begins, and their period."""
    rate = scenario.requests_per_second
    if number < 2 or not isinstance(rate, Profile):
        return np.array([inf])
    period = inf if rate.period is None else to_ticks(rate.period)
    return np.array([*(to_ticks(start) for start, _ in rate.steps), period])
