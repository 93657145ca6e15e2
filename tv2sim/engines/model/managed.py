"""Publishers of pools that adapt, and of strategies that give videos up or decide once an instant."""

from __future__ import annotations

from bisect import insort
from itertools import repeat
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.brokers import BrokersPublishers
from tv2sim.engines.model.failures import FailingPublishers
from tv2sim.engines.model.instant import RETIRED, Background, later
from tv2sim.engines.model.orders import Order, OrderedPublishers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tv2sim.base.progress import Counted
    from tv2sim.world.scenario import Scenario

__all__ = ["ManagedBrokersPublishers", "ManagedFailingPublishers", "ManagedPublishers"]


class Watch(Protocol):
    """A rule that is told what happens to videos that use the pool."""

    def encoding_started(self, video: int, *, again: bool = False) -> None:
        """Take note of the start of an encoding; it may be another one of the same video."""

    def interrupted(self, video: int) -> None:
        """Take note that a video has lost its encoder."""

    def taken(self, video: int) -> None:
        """Take note that a video has a publisher, or needs none."""


def _nothing() -> None:
    pass


class ManagedPublishers(OrderedPublishers):
    """Publishers whose pool has limits and a level that changes, and that give hopeless videos up.

    The parameters are those of :class:`OrderedPublishers`.
    """

    def __init__(self, scenario: Scenario, *wiring: Any) -> None:
        super().__init__(scenario, *wiring)
        strategy = self._strategy
        self._late, self._discards = strategy.dispatches_late, strategy.discards
        self._by_rule = strategy.decides or strategy.price is not None
        self._at_most = inf if strategy.maximum is None else strategy.maximum
        self._starts_at_most = inf if strategy.starts_at_most is None else strategy.starts_at_most
        alive = strategy.idle_time_to_live
        self._idle_at_most = None if alive is None else to_ticks(alive)
        self._timed = set[int]()  # publishers that have not been ready for so long
        self._ready_since = self._record.tables["publishers"]["ready"]
        self.wake: Callable[[], None] = _nothing
        """Lets a strategy that decides once an instant decide in this one; set by who wires them."""
        self._watch: Watch | None = None
        self._provided: list[float] = []  # when each ordered one of the pool is due to start, ascending
        self._starting: dict[int, float] = {}  # when each starting one of the pool has started
        self._in_flight = 0  # publishers of the pool that are ordered or starting
        self._busy = 0  # publishers of the pool that publish
        self.given: list[int] = []
        """The videos that have taken a publisher of the pool in this decision."""

    # -- the pool's level and its limits -------------------------------------------------------------------

    def prewarm(self, counted: Counted) -> None:
        """Order the publishers of time 0, as far as the limits allow."""
        strategy = self._strategy
        for slot in counted(range(strategy.prewarms(self._level_now()))):
            order = Order(-1, -1, slot, strategy.ready_at_start and self._existing < self._most)
            if strategy.ready_at_start:
                self._stock += 1
                self._in_flight += 1
                self._due(order)
            else:
                self._order(order)

    @property
    def level_changes(self) -> bool:  # type: ignore[override]
        """Whether reviews may find another level of the pool, although nothing else happens."""
        strategy, recent = self._strategy, self._recent
        follows = strategy.headroom is not None and strategy.review_every is not None
        return follows and bool(recent) and self._env.now < recent[-1] + self._window

    def _level_now(self) -> int:
        """Return how many publishers the pool should have, as far as it is not a rule that decides."""
        if self._by_rule:
            return 0
        return self._wanted() if self._adapts else self._level

    def review(self, cause: int = -1) -> None:
        """Fill the pool up because of a video or without a cause (-1), now or at the end of the instant."""
        if self._late:
            self.wake()
        else:
            self.fill_up(repeat(cause))

    def fill_up(self, causes: Iterator[int]) -> None:
        """Order what is missing, each with the next cause; what is too much is retired at its place."""
        level = self._level_now()
        while self._stock < level and self._may_order():
            self._order(Order(next(causes), -1))
        if self._has_surplus(level):
            later(self._env, 0, RETIRED + self._stage.ready[0], self._retire_surplus)

    def _may_order(self) -> bool:
        return self._stock + self._busy < self._at_most and self._in_flight < self._starts_at_most

    def _order(self, order: Order, lead: float = 0.0) -> None:
        if order.owner < 0:
            self._in_flight += 1
            if wait := lead + self._provisioning:
                insort(self._provided, self._env.now + wait)
        super()._order(order, lead)

    def _due(self, order: Order) -> None:
        if order.owner < 0 and self._provided and self._provided[0] == self._env.now:
            del self._provided[0]
        super()._due(order)

    def _begin(self, order: Order, publisher: int) -> None:
        self._note_start(order, publisher)
        super()._begin(order, publisher)

    def _note_start(self, order: Order, publisher: int) -> None:
        if order.owner < 0:
            self._starting[publisher] = self._env.now

    def _order_again(self, order: Order) -> None:
        if order.owner >= 0 or not self._by_rule:
            self._order(order)
        else:
            self.wake()

    def _landed(self, owner: int) -> None:
        self._in_flight -= owner < 0

    # -- for rules that decide once an instant -------------------------------------------------------------

    def watch(self, rule: Watch) -> None:
        """Let a rule know what happens to videos that use the pool."""
        self._watch = rule
        self.watches_encoding = True

    def encoding_started(self, video: int) -> None:
        """Act on the start of a video's encoding."""
        if self._watch is not None and not self._own[video]:
            self._watch.encoding_started(video)
        super().encoding_started(video)

    def encoding_restarted(self, video: int) -> None:
        """Act on another start of a video's encoding."""
        if self._watch is not None and not self._own[video]:
            self._watch.encoding_started(video, again=True)
        super().encoding_restarted(video)

    def interrupted(self, video: int) -> None:
        """Act on the loss of a video's encoder."""
        if self._watch is not None and not self._own[video]:
            self._watch.interrupted(video)
        super().interrupted(video)

    def starting_since(self) -> list[float]:
        """Return when each publisher of the pool has started that is starting, as far as is known."""
        return list(self._starting.values())

    def ordered_since(self) -> list[float]:
        """Return when each publisher of the pool was ordered that is not ready; one that waits, just now."""
        before, now = self._provisioning, self._env.now
        in_line = sum(order.owner < 0 for _, order in self._waiting)
        return [time - before for time in (*self._starting.values(), *self._provided, *[now] * in_line)]

    def start_others(self, number: int) -> None:
        """Start publishers of the pool without a cause."""
        for _ in range(number):
            self._order(Order(-1, -1))

    # -- serving -------------------------------------------------------------------------------------------

    def assign(self, video: int, publisher: int) -> None:
        """Let a ready publisher take a video."""
        if self._watch is not None:
            self._watch.taken(video)
        self._assign(video, publisher)

    def _replace(self, cause: int = -1) -> None:
        self._busy += 1
        if self._late:
            self.given.append(cause)
        else:
            self.fill_up(repeat(cause))

    def arrived(self, video: int, publisher: int | None) -> None:
        """Act on a video that the stage has accepted: `publisher` takes it at once, or (None) it waits."""
        if publisher is not None and self.hopeless(video):
            self._give_up(video, publisher)
            publisher = None
        super().arrived(video, publisher)

    def _serve(self, video: int, publisher: int) -> None:
        if self.hopeless(video):
            self._give_up(video, publisher)
        else:
            super()._serve(video, publisher)

    def _ready(self, publisher: int, owner: int) -> None:
        self._landed(owner)
        self._starting.pop(publisher, None)
        self._record.publisher_ready(publisher)
        if owner >= 0 and not self._needs_publisher(owner):
            self._retire(publisher)  # its video has been given up
            return
        while (video := self._stage.claim(owner)) is not None:
            if not self.hopeless(video):
                self._assign(video, publisher)
                return
            self.discard(video)
            if owner >= 0:
                self._retire(publisher)
                return
        self._stage.stand_by(publisher, owner)
        if owner < 0 and self._idle_at_most is not None:
            self._timed.add(publisher)
            idle = Background(self._env, self._idle_at_most, RETIRED + publisher)
            idle.callbacks.append(lambda _: self._idle_for_long(publisher))

    def _served(self, video: int) -> None:
        super()._served(video)
        if not self._own[video]:
            self._busy -= 1
            if self._at_most < inf:
                self.review(video)

    def _dead_in_pool(self) -> None:
        super()._dead_in_pool()
        self._busy -= 1

    # -- giving up -----------------------------------------------------------------------------------------

    def hopeless(self, video: int) -> bool:
        """Return whether the strategy gives a video up if it would be served now."""
        late = self._env.now - self._encoding_started[video] > self._timeouts[video]
        return self._discards and late and not self._outcome[video]

    def discard(self, video: int) -> None:
        """Give up a video that has left the stage."""
        if self._watch is not None:
            self._watch.taken(video)
        self._record.discarded(video)
        self._on_outcome()

    def _give_up(self, video: int, publisher: int) -> None:
        """Give up a video that a ready publisher would take; this one waits for another, or is retired."""
        self.discard(video)
        if self._own[video]:
            self._retire(publisher)
        else:
            self._stage.give_back(publisher)

    # -- retiring ------------------------------------------------------------------------------------------

    def _ready_one_may_end(self) -> bool:
        return not self._timed.isdisjoint(self._stage.ready) or super()._ready_one_may_end()

    def _idle_for_long(self, publisher: int) -> None:
        self._timed.discard(publisher)
        if self._is_idle(publisher):
            self._retire_surplus()

    def _retire_surplus(self) -> None:
        """Retire the publishers that are idle for long, while the pool exceeds its level."""
        while self._has_surplus(self._level_now()):
            self._stock -= 1
            self._retire(self._stage.ready.popleft())

    def _has_surplus(self, level: int) -> bool:
        """Return whether the publisher ready longest is idle for long, and the pool exceeds its level."""
        if self._idle_at_most is None or not self._stage.ready or self._stock <= max(level, self._level):
            return False
        idle: float = self._env.now - self._ready_since[self._stage.ready[0]]
        return idle >= self._idle_at_most

    def _retire(self, publisher: int) -> None:
        """End a publisher without a video."""
        self._record.publisher_retired(publisher)
        self._gone()


class ManagedFailingPublishers(FailingPublishers, ManagedPublishers):
    """The same where publishers fail; a start-up that has failed counts until that is noticed."""

    def _begin(self, order: Order, publisher: int) -> None:
        self._note_start(order, publisher)
        super()._begin(order, publisher)

    def _noticed(self, publisher: int) -> None:
        self._starting.pop(publisher, None)
        super()._noticed(publisher)

    def _retire(self, publisher: int) -> None:
        del self._of[publisher]
        super()._retire(publisher)


class ManagedBrokersPublishers(BrokersPublishers, ManagedFailingPublishers):
    """The same where a broker delivers the videos."""
