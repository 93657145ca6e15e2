"""Publishers that fail, and the stage that takes their videos back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.draws import Drawn, drawn
from tv2sim.engines.model.instant import DIED, NOTICED, READY, Background, later
from tv2sim.engines.model.orders import Key, Order, OrderedPublishers
from tv2sim.engines.model.publishing import PublishingStage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.world.scenario import Scenario

__all__ = ["FailingPublishers", "RetryingStage", "numbers"]

_STARTUP_FAILURE = (
    Purpose.STARTUP_FAILURE_FOR_VIDEO, Purpose.STARTUP_FAILURE_OF_SLOT, Purpose.STARTUP_FAILURE_WITHOUT_CAUSE,
)  # fmt: skip
_READY_LIFETIME = (
    Purpose.READY_LIFETIME_FOR_VIDEO, Purpose.READY_LIFETIME_OF_SLOT, Purpose.READY_LIFETIME_WITHOUT_CAUSE,
)  # fmt: skip


class FailingPublishers(OrderedPublishers):
    """Publishers that may fail as they start up, while they wait for a video, and at the end of publishing.

    Parameters
    ----------
    scenario : Scenario
        What fails, and how often.
    startups : StartupTimes
        The keys of the random numbers.
    times : callable
        Takes a video and the number of attempts to publish it before this one; returns the ticks of publishing.
    *wiring
        As for :class:`Publishers`.
    """

    _stage: RetryingStage  # a plain one if publishing does not fail

    def __init__(
        self, scenario: Scenario, startups: StartupTimes, times: Callable[[int, int], float], *wiring: Any
    ) -> None:
        super().__init__(scenario, *wiring)
        self._faults, self._times = scenario.faults, times
        self._noticed_after = to_ticks(scenario.faults.noticed_after)
        self._startup_fails = [numbers(startups, purpose) for purpose in _STARTUP_FAILURE]
        self._publishing_fails = numbers(startups, Purpose.PUBLISHING_FAILURE)
        lifetime = scenario.faults.ready_lifetime
        self._dies = lifetime is not None
        self._lifetimes = [
            drawn("ready_lifetime", lifetime or 0.0, purpose, startups) for purpose in _READY_LIFETIME
        ]
        self._of: dict[int, tuple[Order, Key]] = {}  # by publisher: why it was started, and what it draws
        self._attempts: list[int] = []  # by video, so far

    def add(self, videos: int) -> None:
        """Prepare for more videos."""
        super().add(videos)
        self._attempts += [0] * videos

    # -- starting up and waiting ---------------------------------------------------------------------------

    def _begin(self, order: Order, publisher: int) -> None:
        key = self._key(order)
        self._of[publisher] = order, key
        startup = 0.0 if order.warm else self._startup_by(key)
        kind, entity, further = key
        fails = 0.0 if order.warm else self._faults.startup
        if fails and self._startup_fails[kind](entity, further) < fails:
            later(self._env, startup, READY + publisher, self._not_started, publisher, order.owner)
        else:
            ready = self._ready_to_die if self._dies else self._ready
            later(self._env, startup, READY + publisher, ready, publisher, order.owner)

    def _ready_to_die(self, publisher: int, owner: int) -> None:
        """Let a publisher be ready, for the time for which it lives if no video waits for it."""
        self._ready(publisher, owner)
        if self._is_idle(publisher):
            kind, entity, further = self._of[publisher][1]
            lifetime = max(1.0, self._lifetimes[kind](entity, further))  # a microsecond
            death = Background(self._env, lifetime, DIED + publisher)
            death.callbacks.append(lambda _: self._lifetime_ends(publisher, owner))

    def _lifetime_ends(self, publisher: int, owner: int) -> None:
        """Let a ready publisher die, unless it has taken a video before."""
        if self._is_idle(publisher):
            self._stage.withdraw(publisher, owner)
            self._lost(publisher)

    # -- publishing ----------------------------------------------------------------------------------------

    def arrived(self, video: int, publisher: int | None) -> None:
        """Act on a video that the stage has accepted: `publisher` takes it at once, or (None) it waits."""
        super().arrived(video, publisher)
        if self._adapts and publisher is not None and self._faults.publishing:
            self.review(video)  # publishing may have failed at once, after the pool was reviewed

    def _ticks_of_publishing(self, video: int) -> float:
        attempt = self._attempts[video]
        return self._times(video, attempt) if attempt else self._publishing_time[video]

    def _published(self, video: int, publisher: int) -> None:
        attempt, fails = self._attempts[video], self._faults.publishing
        self._attempts[video] += 1
        if fails and self._publishing_fails(video, attempt) < fails:
            self._publishing_failed(video, publisher)
        else:
            del self._of[publisher]
            self._succeeded(video, publisher)

    def _succeeded(self, video: int, publisher: int) -> None:
        super()._published(video, publisher)

    def _publishing_failed(self, video: int, publisher: int) -> None:
        """Let the video wait again, or give it up; the publisher counts in the level until that is noticed."""
        most = self._faults.attempts
        given_up = most is not None and self._attempts[video] >= most
        if given_up and not self._outcome[video]:
            self._record.given_up(video)
            self._on_outcome()
        if not self._own[video]:
            self._dead_in_pool()
        self._lost(publisher)
        if not given_up and (other := self._stage.accept_again(video)) is not None:
            self._serve(video, other)

    def _ready_one_may_end(self) -> bool:
        return (self._dies and self._stage.has_ready) or super()._ready_one_may_end()

    # -- after a failure -----------------------------------------------------------------------------------

    def _not_started(self, publisher: int, owner: int) -> None:
        self._landed(owner)
        self._lost(publisher)

    def _lost(self, publisher: int) -> None:
        """End a publisher that failed; it is replaced when that is noticed."""
        self._record.publisher_failed(publisher)
        later(self._env, self._noticed_after, NOTICED + publisher, self._noticed, publisher)
        self._gone()

    def _noticed(self, publisher: int) -> None:
        """Order another publisher in place of one that failed, with its cause or slot."""
        order, _ = self._of.pop(publisher)
        if order.owner < 0:
            self._stock -= 1
        self._order_again(order._replace(warm=False))


def numbers(startups: StartupTimes, purpose: Purpose) -> Drawn:
    """Return the numbers between 0 and 1 of one purpose."""
    return Drawn(startups.seed, startups.replication, purpose, lambda u: u)


class RetryingStage(PublishingStage):
    """A stage to which a video may come again; it then has the place that it had at first.

    Parameters
    ----------
    place : dict
        Filled by it: for each video, how many came before it for the first time. The queue is ordered by it.
    *wiring
        As for :class:`PublishingStage`.
    """

    def __init__(self, place: dict[int, int], *wiring: Any) -> None:
        super().__init__(*wiring)
        self._place = place

    def accept(self, video: int) -> int | None:
        """Return the ready publisher that takes a video, or None if the video has to wait."""
        self._place[video] = len(self._place)
        return super().accept(video)

    def accept_again(self, video: int) -> int | None:
        """Do the same for a video that came before, even if the queue is full."""
        return super().accept(video)
