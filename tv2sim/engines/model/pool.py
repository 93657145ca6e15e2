"""The pool: when publishers are ordered, how many there should be, and which are retired."""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import repeat
from math import inf
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import StrategyError, call
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.engines.model.publisher import RETIRED, Publisher, State
from tv2sim.engines.model.schedule import Occasion, Place, Signal
from tv2sim.strategies import DEFAULT_WINDOW, MOMENTS, PoolState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tv2sim.engines.model.publishing_stage import PublishingStage
    from tv2sim.engines.model.replication import Replication
    from tv2sim.engines.model.schedule import Steps

__all__ = ["ENCODED", "ENCODING_STARTED", "QUEUED", "Pool"]

ENCODING_STARTED, ENCODED, QUEUED = map(MOMENTS.index, ("encoding_started", "encoded", "queued"))
_IN_STOCK = (1, 1, 1, 0, 1, 0)
"""By state: whether a publisher is in stock, as far as is known."""


class Pool:
    """Orders publishers: at a moment of a video, up to the pool's level, and in place of those that failed.

    The *level* is how many publishers the pool is to have in *stock*: ordered, starting or ready. An order is
    carried out when the strategy's lead and the provisioning delay are over, and when the quota of publishers
    that exist allows it. Publishers that may serve only one video are ordered here, too, but are not in stock.

    Parameters
    ----------
    run : Replication
        What all parts share.
    stage : PublishingStage
        Where publishers wait.
    """

    begin: Callable[[Publisher, float], object]
    """Begins the life of a publisher, whose order is carried out after some ticks; set by who leads it."""
    prewarm: Callable[[int, bool, Any], None]
    """Begins the lives of publishers that start at time 0; set by who leads them."""

    def __init__(self, run: Replication, stage: PublishingStage) -> None:
        self._run, self._env, self._stage = run, run.env, stage
        strategy, scenario = run.strategy, run.scenario
        self._adapts, self._least = strategy.adapts, strategy.least
        self._asks_level = strategy._overrides("pool_level")
        self._has_level = not (strategy.decides or strategy.price is not None)  # else a rule orders
        self._at_most = inf if strategy.maximum is None else strategy.maximum
        self._starts_at_most = inf if strategy.starts_at_most is None else strategy.starts_at_most
        alive = strategy.idle_time_to_live
        self.idle_at_most = None if alive is None else to_ticks(alive)
        """The ticks after which an idle publisher may be retired; None: it never is."""
        self.provisioning = to_ticks(scenario.provisioning_delay)
        self.quota = inf if scenario.max_publishers is None else scenario.max_publishers
        self.quota_waits = 0
        """How many publishers have waited for others to end before they started."""
        self._mean_startup = scenario.startup_time.mean if self._adapts else 0.0
        self._window = to_ticks(DEFAULT_WINDOW if strategy.headroom is None else strategy.headroom[1])
        self._recent: deque[float] = deque()  # starts of encodings
        self._exist = 0  # publishers of any kind that have started and not ended
        self._number = [0] * (1 + State.ENDED)  # publishers of the pool by state
        self.stock = 0
        """Publishers of the pool that are ordered, starting or ready, as far as is known."""
        self.publishing = 0
        """Publishers of the pool that publish, which takes them some time."""
        self.line: deque[tuple[Publisher, Signal]] = deque()
        """Orders that wait for the quota."""
        self.due: list[float] = []
        """When publishers of the pool are to start that are ordered for later, ascending."""
        self.starting: dict[int, float] = {}
        """For decisions: publishers of the pool that are starting, as far as is known, and since when."""
        self.given: list[int] = []
        """For decisions: the videos that have taken a publisher of the pool in this one."""
        self.decision: Occasion | None = None
        """What decides at the end of an instant, if anything does."""
        self._retirement = Occasion(run.env, Place.RETIRED, self.retire_surplus)

    # -- what videos do ------------------------------------------------------------------------------------

    def moment(self, moment: int, video: int) -> None:
        """Order a publisher for a video if it is to be started at this moment of the video."""
        run = self._run
        if run.moment[video] == moment:
            self.order(video, owner=video if run.own[video] else -1, lead=run.lead[video])

    def encoding_starts(self, video: int) -> None:
        """Act on the first start of a video's encoding."""
        if self._adapts:
            self._recent.append(self._env.now)
        self.moment(ENCODING_STARTED, video)

    def replenish(self, video: int) -> None:
        """Order another publisher in place of one that a video has taken, or note it for the decision."""
        if self._stage.late:
            self.given.append(video)
        else:
            self.fill_up(repeat(video))

    def publishing_ended(self, video: int, takes: float, failed: bool) -> None:
        """Act on the end of publishing, on which the limit and the level may depend, each by itself."""
        if self._at_most < inf and not failed:
            self.step(video)
        if takes and self._asks_level:
            self.step(video)

    # -- the level -----------------------------------------------------------------------------------------

    def fill_at_start(self, counted: Any) -> None:
        """Order the publishers of time 0; `counted` wraps them, to show progress."""
        strategy = self._run.strategy
        number, warm = strategy.prewarms(self._wanted()), strategy.ready_at_start
        at_once = int(min(number, self.quota)) if warm or not self.provisioning else 0
        self._exist += at_once
        self.stock += at_once
        self._number[State.STARTING] += at_once
        if self._stage.late:
            self.starting = dict.fromkeys(range(at_once), 0.0)
        self.prewarm(at_once, warm, counted)
        lead = -self.provisioning if warm else 0.0  # those that wait for the quota alone are provisioned
        for slot in range(at_once, number):
            self.order(slot=slot, lead=lead)

    def step(self, cause: int) -> None:
        """Fill the pool up because of a video (-1: none), unless there is a decision later in this instant.

        Invariant: a pool of a constant level is full again after each assignment, so only others are filled up.
        """
        if self._adapts and not self._stage.late:
            self.fill_up(repeat(cause))

    def review(self) -> None:
        """Fill the pool up, now or at the end of the instant."""
        if self._stage.late:
            self.wake()
        else:
            self.fill_up(repeat(-1))

    def wake(self) -> None:
        """Let what decides at the end of instants decide in this one."""
        if self.decision is not None:
            self.decision.call()

    def fill_up(self, causes: Iterator[int]) -> None:
        """Order what is missing, each with the next cause; what is too much is retired at its place."""
        level = self._wanted()
        while self.stock < level and self._may_order():
            self.order(next(causes))
        if self._has_surplus(level):
            self._retirement.call()

    def _may_order(self) -> bool:
        in_flight = self._number[State.ORDERED] + self._number[State.STARTING]
        return self.stock + self._number[State.BUSY] < self._at_most and in_flight < self._starts_at_most

    def _wanted(self) -> int:
        """Return the level of the pool as it should be now."""
        if not self._has_level:
            return 0
        if not self._adapts:
            return self._least
        run, strategy, ready = self._run, self._run.strategy, len(self._stage.ready)
        state = PoolState(
            self._env.now / PER_SECOND,
            self.stock - ready,
            ready,
            len(self._stage),
            len(run.holding),
            len(run.encoded),
            self._rate(),
            self._mean_startup,
            self.publishing,
        )
        asked = f"the answer of {strategy.name}.pool_level"
        answer = call(strategy.pool_level, state)
        return a_whole_number(asked, answer, at_least=0, at_most=MOST, error=StrategyError)

    def _rate(self) -> float:
        """Return how many encodings have started lately in a second, at first as if a second had passed."""
        now, recent = self._env.now, self._recent
        while recent and recent[0] <= now - self._window:
            recent.popleft()
        covered = min(self._window, max(now, PER_SECOND))
        return len(recent) / (covered / PER_SECOND) if now else 0.0

    # -- retiring ------------------------------------------------------------------------------------------

    def retire_surplus(self) -> None:
        """Retire those that are idle for long, while the pool exceeds its level, in order."""
        while self._has_surplus(self._wanted()):
            self._stage.withdraw(self._stage.ready[0], RETIRED)

    def _has_surplus(self, level: int) -> bool:
        """Return whether the publisher ready longest is idle for long, and the pool exceeds its level."""
        ready = self._stage.ready
        if self.idle_at_most is None or not ready or self.stock <= max(level, self._least):
            return False
        since = self._run.record.tables["publishers"]["ready"][ready[0].number]
        return bool(self._env.now - since >= self.idle_at_most)

    # -- orders --------------------------------------------------------------------------------------------

    def order(
        self, cause: int = -1, *, owner: int = -1, slot: int = -1, before: int = 0, lead: float = 0.0
    ) -> None:
        """Order a publisher, which starts after a lead of some ticks, the provisioning, and under the quota.

        The other parameters are those of a :class:`Publisher`.
        """
        publisher = Publisher(cause, owner, slot, before)
        if not publisher.is_own:
            self.stock += 1
            self._number[State.ORDERED] += 1
        self.begin(publisher, lead + self.provisioning)

    @property
    def is_at_quota(self) -> bool:
        """Whether no further publisher may exist now."""
        return self._exist >= self.quota

    def turn(self, publisher: Publisher, wait: float) -> Steps:
        """Wait some ticks, and then until the quota allows another publisher."""
        env = self._env
        if wait:
            if not publisher.is_own:
                insort(self.due, env.now + wait)
            yield env.plan(wait, Place.STARTED_LATER + 1 + publisher.cause)
            if not publisher.is_own:
                self.due.remove(env.now)
        if self.is_at_quota:
            since, turn = env.now, Signal(env)
            self.line.append((publisher, turn))
            yield turn
            self.quota_waits += self._stage.needs(publisher) and since < env.now

    def replace(self, publisher: Publisher) -> None:
        """Order another publisher in place of one whose failure is noticed, unless a rule decides on that."""
        if publisher.is_own or self._has_level:
            before = publisher.before + 1 if publisher.slot >= 0 else 0
            self.order(publisher.cause, owner=publisher.owner, slot=publisher.slot, before=before)
        else:
            self.wake()

    # -- counts --------------------------------------------------------------------------------------------

    def exists(self, publisher: Publisher) -> None:
        """Count a publisher that starts."""
        self._exist += 1
        self.count(publisher, State.STARTING)

    def gone(self) -> None:
        """Count a publisher that exists no more; the orders in line that the quota allows now go on."""
        self._exist -= 1
        while self.line and self._exist < self.quota:
            _, turn = self.line.popleft()
            turn.send()

    def count(self, publisher: Publisher, state: int) -> None:
        """Put a publisher into a state. Invariant: `stock` and `_number` count the publishers of the pool."""
        before, publisher.state = publisher.state, state
        if publisher.owner >= 0:
            return
        self._number[before] -= 1
        self._number[state] += 1
        self.stock += _IN_STOCK[state] - _IN_STOCK[before]
        if self._stage.late:
            if state == State.STARTING:
                self.starting[publisher.number] = self._env.now
            elif state in (State.READY, State.ENDED):
                self.starting.pop(publisher.number, None)
