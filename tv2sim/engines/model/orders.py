"""Publishers that do not start at once: orders take time, and not all that are ordered may exist together."""

from __future__ import annotations

from collections import defaultdict, deque
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.instant import READY, STARTED_LATER, later
from tv2sim.engines.model.publishers import Publishers

if TYPE_CHECKING:
    from tv2sim.base.progress import Counted
    from tv2sim.world.scenario import Scenario

__all__ = ["Key", "Order", "OrderedPublishers"]


class Order(NamedTuple):
    """The decision to start a publisher.

    Attributes
    ----------
    cause : int
        The video because of which it is started; -1: none.
    owner : int
        The only video that it may serve; -1: any.
    slot : int
        The slot of the pool, if it is prewarmed, else -1.
    warm : bool
        Whether the publisher is ready as soon as it starts.
    """

    cause: int
    owner: int
    slot: int = -1
    warm: bool = False


Key: TypeAlias = tuple[int, int, int]
"""The random numbers that a publisher draws: a video's, a slot's or others, its number, and which of them."""

_VIDEO, _SLOT, _NONE = range(3)


class OrderedPublishers(Publishers):
    """Publishers that start some time after they are ordered, and wait if too many exist.

    The parameters are those of :class:`Publishers`, and the scenario. From its start on, a publisher has a
    number, costs, and a place among those that may exist; the pool's level counts it from its order on.
    """

    def __init__(self, scenario: Scenario, *wiring: Any) -> None:
        super().__init__(*wiring)
        self._outcome = self._record.tables["videos"]["outcome"]
        self._taken = self._record.tables["publishers"]["video"]
        self._how = self._record.tables["publishers"]["outcome"]
        self._provisioning = to_ticks(scenario.provisioning_delay)
        self._most = inf if scenario.max_publishers is None else scenario.max_publishers
        self._existing = 0
        self._waiting: deque[tuple[float, Order]] = deque()  # since when each order waits for its turn
        self.quota_waits = 0
        self._slots: defaultdict[int, int] = defaultdict(int)  # publishers started so far for each slot

    # -- ordering ------------------------------------------------------------------------------------------

    def prewarm(self, counted: Counted) -> None:
        """Order the publishers of the pool at time 0."""
        for slot in counted(range(self._wanted())):
            self._order(Order(-1, -1, slot))

    def _start_for(self, video: int) -> None:
        owner = video if self._own[video] else -1
        self._order(Order(video, owner), 0.0 if self._delay is None else self._delay[video])

    def _start(self, cause: int, owner: int) -> None:
        self._order(Order(cause, owner))

    def _order(self, order: Order, lead: float = 0.0) -> None:
        """Decide on a start, after a lead of the strategy."""
        if order.owner < 0:
            self._stock += 1
        if wait := lead + self._provisioning:
            later(self._env, wait, STARTED_LATER + 1 + order.cause, self._due, order)
        else:
            self._due(order)

    # -- starting ------------------------------------------------------------------------------------------

    def _due(self, order: Order) -> None:
        """Start the publisher if it may exist, else let it wait."""
        if self._existing < self._most:
            self._start_ordered(order)
        else:
            self._waiting.append((self._env.now, order))

    def _start_ordered(self, order: Order) -> bool:
        """Start a publisher, unless its video has its outcome; return whether it does start."""
        if order.owner >= 0 and not self._needs_publisher(order.owner):
            return False
        self._existing += 1
        self._begin(order, self._record.publisher_started(order.cause))
        return True

    def _needs_publisher(self, video: int) -> bool:
        return not self._outcome[video]

    def _begin(self, order: Order, publisher: int) -> None:
        """Let a publisher start up."""
        key = self._key(order)
        startup = 0.0 if order.warm else self._startup_by(key)
        later(self._env, startup, READY + publisher, self._ready, publisher, order.owner)

    def _key(self, order: Order) -> Key:
        """Return what the next publisher with this cause or slot draws."""
        cause, _, slot, _ = order
        if cause >= 0:
            further = self._caused[cause]
            self._caused[cause] += 1
            return _VIDEO, cause, further
        if slot >= 0:
            further = self._slots[slot]
            self._slots[slot] += 1
            return _SLOT, slot, further
        self._without_cause += 1
        return _NONE, self._without_cause - 1, 0

    def _startup_by(self, key: Key) -> float:
        kind, entity, further = key
        startups = self._startups
        if kind == _VIDEO:
            return startups.further(entity, further) if further else startups.by_video[entity]
        if kind == _SLOT:
            return startups.of_slot_again(entity, further) if further else startups.of_slots(entity + 1)[entity]
        return startups.without_cause(entity)

    def _is_idle(self, publisher: int) -> bool:
        """Return whether a publisher that was ready has neither taken a video nor ended."""
        return self._taken[publisher] < 0 and not self._how[publisher]

    def _published(self, video: int, publisher: int) -> None:
        super()._published(video, publisher)
        self._served(video)

    def _serve(self, video: int, publisher: int) -> None:
        """Let a ready publisher take a video that waits again."""
        self._assign(video, publisher)

    def _served(self, video: int) -> None:
        """Act on the end of a publisher that has served a video."""
        self._gone()

    def _dead_in_pool(self) -> None:
        """Count a publisher of the pool that has failed in its level, until that is noticed."""
        self._stock += 1

    def _landed(self, owner: int) -> None:
        """Act on the end of a start-up."""

    def _order_again(self, order: Order) -> None:
        """Order another publisher in place of one that failed."""
        self._order(order)

    def _gone(self) -> None:
        """Let an order that waits have the place of a publisher that exists no more."""
        self._existing -= 1
        while self._waiting and self._existing < self._most:
            since, order = self._waiting.popleft()
            self.quota_waits += self._start_ordered(order) and since < self._env.now

    @property
    def awaits_death(self) -> bool:  # type: ignore[override]
        """Whether a publisher is ordered that can start when a ready one ends without a video."""
        if not (self._waiting and self._ready_one_may_end()):
            return False
        return any(order.owner < 0 or self._needs_publisher(order.owner) for _, order in self._waiting)

    def _ready_one_may_end(self) -> bool:
        """Return whether a ready publisher may end without a video."""
        return False
