"""A broker between the encoders and the publishers: what it has is not always visible, and may come again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.draws import drawn
from tv2sim.engines.model.failures import FailingPublishers, RetryingStage, numbers
from tv2sim.engines.model.instant import DELIVERED, later
from tv2sim.engines.model.orders import Order
from tv2sim.engines.model.publishing import PriorityQueue
from tv2sim.world.distributions import Distribution

if TYPE_CHECKING:
    from collections.abc import Callable

    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.world.scenario import Scenario
    from tv2sim.world.scenario_parts import Broker

__all__ = ["BrokersPublishers", "BrokersQueue", "BrokersStage"]


class BrokersPublishers(FailingPublishers):
    """Publishers of the videos that a broker has delivered.

    Parameters
    ----------
    broker : Broker
        How it delivers.
    scenario, startups, times, *wiring
        As for :class:`FailingPublishers`.
    """

    _stage: BrokersStage

    def __init__(
        self,
        broker: Broker,
        scenario: Scenario,
        startups: StartupTimes,
        times: Callable[[int, int], float],
        *wiring: Any,
    ) -> None:
        super().__init__(scenario, startups, times, *wiring)
        self._broker = broker
        self._redelivered_after = to_ticks(broker.redelivered_after)
        self._is_lost = numbers(startups, Purpose.LOSS)
        self._is_unacknowledged = numbers(startups, Purpose.ACKNOWLEDGEMENT_LOSS)
        self._latency = _latency(broker, startups)
        self._deliveries: list[int] = []  # by video, so far
        self._publications: list[int] = []  # by video, so far

    def add(self, videos: int) -> None:
        """Prepare for more videos."""
        super().add(videos)
        self._deliveries += [0] * videos
        self._publications += [0] * videos

    # -- deliveries ----------------------------------------------------------------------------------------

    def arrived(self, video: int, publisher: int | None) -> None:
        """Act on a video that the broker has from now on."""
        super().arrived(video, publisher)
        self._deliver(video)

    def _deliver(self, video: int) -> None:
        delivery = self._deliveries[video]
        self._deliveries[video] += 1
        loss = self._broker.loss
        if loss and self._is_lost(video, delivery) < loss:
            later(self._env, self._redelivered_after, DELIVERED + video, self._deliver_again, video)
        else:
            later(self._env, self._latency(video, delivery), DELIVERED + video, self._visible, video)

    def _deliver_again(self, video: int) -> None:
        self._record.other("redelivered", video=video)
        self._deliver(video)

    def _visible(self, video: int) -> None:
        self._record.other("visible", video=video)
        self._show(video)

    def _visible_again(self, video: int) -> None:
        """Let a video wait again whose publication was not acknowledged; its own publisher is a new one."""
        self._record.other("redelivered", video=video)
        self._show(video)
        if self._own[video]:
            self._order(Order(video, video))

    def _show(self, video: int) -> None:
        if (publisher := self._stage.accept_again(video)) is not None:
            self._serve(video, publisher)

    # -- publications --------------------------------------------------------------------------------------

    def _succeeded(self, video: int, publisher: int) -> None:
        """End a publication; the first one of a video decides."""
        if self._outcome[video]:
            self._record.publisher_ended(publisher)
            self._served(video)
        else:
            super()._succeeded(video, publisher)
        publication = self._publications[video]
        self._publications[video] += 1
        loss = self._broker.acknowledgement_loss
        if loss and self._is_unacknowledged(video, publication) < loss:
            later(self._env, self._redelivered_after, DELIVERED + video, self._visible_again, video)

    def _needs_publisher(self, video: int) -> bool:
        return super()._needs_publisher(video) or self._stage.awaits_own(video)


def _latency(broker: Broker, startups: StartupTimes) -> Callable[[int, int], float]:
    """Return a function of a video and the number of its deliveries before: the ticks until it is visible."""
    if isinstance(broker.latency, Distribution):
        return drawn("latency", broker.latency, Purpose.LATENCY, startups)
    constant = to_ticks(broker.latency)
    return lambda video, delivery: constant


class BrokersQueue(PriorityQueue):
    """A queue that also holds videos which cannot be taken yet; it is false if it has no others."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.hidden = set[int]()
        """The videos that are not visible yet."""

    def __len__(self) -> int:
        return len(self.hidden) + super().__len__()

    def __bool__(self) -> bool:
        return super().__len__() > 0


class BrokersStage(RetryingStage):
    """A stage whose videos are visible to publishers some time after they have come.

    The parameters are those of :class:`RetryingStage`.
    """

    queue: BrokersQueue

    def accept(self, video: int) -> None:
        """Keep a video until it is visible."""
        self._place[video] = len(self._place)
        if not self._own[video]:
            self.queue.hidden.add(video)
            self._admit()

    def accept_again(self, video: int) -> int | None:
        """Make a video visible: return the ready publisher that takes it, or None if it has to wait."""
        self.queue.hidden.discard(video)
        return super().accept_again(video)

    def awaits_own(self, video: int) -> bool:
        """Return whether a video waits for its own publisher."""
        return video in self._own_waiting

    def _room(self) -> bool:
        """Return whether there is a place in the queue; a video takes it even if a publisher is ready."""
        return len(self.queue) < self._capacity
