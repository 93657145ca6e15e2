"""The publishing stage: where encoded videos and ready publishers meet."""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import a_number
from tv2sim.base.errors import StrategyError, call
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.model.publisher import RETIRED
from tv2sim.engines.model.schedule import Occasion, Place, Signal

if TYPE_CHECKING:
    from tv2sim.engines.model.publisher import Publisher
    from tv2sim.engines.model.replication import Replication

__all__ = ["PublishingStage"]


class PublishingStage:
    """The publishing queue with its capacity, and beside it the videos that have a publisher of their own.

    With a broker, a video is in the queue at once, but hidden from publishers until it is delivered.

    Parameters
    ----------
    run : Replication
        What all parts share.
    """

    def __init__(self, run: Replication) -> None:
        self._run, scenario = run, run.scenario
        self.late = run.decides_late
        """Whether publishers of the pool are given to videos by a decision at the end of an instant."""
        self._serves_at_once = not self.late and scenario.broker is None
        capacity = None if scenario.encoders is None else scenario.publishing_queue_capacity
        self._capacity = inf if capacity is None else capacity
        self._counts_as_queued = int(self.late and capacity == 0 and scenario.broker is None)
        self._queue: list[tuple[tuple[Any, ...], int]] = []  # (urgency, video), ascending
        self._place: dict[int, int] = {}  # of each video: how many came before it for the first time
        self.hidden: set[int] = set()
        """The videos of the queue that the broker has not delivered."""
        self.blocked: dict[int, Signal] = {}
        """The videos for which there is no room, longest first, each with what its encoder waits for."""
        self.ready: deque[Publisher] = deque()
        """Publishers of the pool that wait for a video, the one ready longest first."""
        self.own_ready: dict[int, Publisher] = {}
        """Ready publishers by the only video that each may serve."""
        self.own_waiting: set[int] = set()
        """Videos that wait for a publisher of their own."""
        self._admission = Occasion(run.env, Place.ADMITTED, self._admit)

    # -- room ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many videos are in the queue."""
        return len(self._queue) + len(self.hidden)

    @property
    def has_room(self) -> bool:
        """Whether one more video may join the queue; one that is served at once needs no place."""
        at_once = len(self.ready) if self._serves_at_once else 0
        return len(self._queue) + len(self.hidden) < self._capacity + at_once

    def has_room_for(self, video: int) -> bool:
        """Return whether a video may leave its encoder."""
        return bool(self._run.own[video]) or self.has_room

    def block(self, video: int) -> Signal:
        """Return the event that a video may leave its encoder. Videos leave in the order of these calls."""
        self.blocked[video] = Signal(self._run.env)
        return self.blocked[video]

    def _admit(self) -> bool:
        """Let the encoder that is blocked longest pass its video on; return whether there is room for more."""
        if self.blocked and self.has_room:
            self.blocked.pop(next(iter(self.blocked))).send()
        return bool(self.blocked) and self.has_room

    def look_for_room(self) -> None:
        """If there is room, let an encoder that is blocked pass its video on later in this instant."""
        if self.blocked and self.has_room:
            self._admission.call()

    # -- videos --------------------------------------------------------------------------------------------

    def arrive(self, video: int) -> None:
        """Accept a video for the first time; it keeps its place if it comes again."""
        self._place[video] = len(self._place)

    def hide(self, video: int) -> None:
        """Keep a video in the queue that publishers cannot take yet."""
        if not self._run.own[video]:
            self.hidden.add(video)

    def wait(self, video: int) -> bool:
        """Let a video wait for a publisher, and return whether a ready one of the pool takes it at once.

        Invariant: unless a decision serves (`late`), the queue is empty or no publisher of the pool is ready.
        """
        if self._run.own[video]:
            self.own_waiting.add(video)
            if video in self.own_ready and not self._gives_up(video):
                self.own_waiting.remove(video)
                self.own_ready.pop(video).process.send(video)
            return False
        self.hidden.discard(video)
        is_taken = False
        if self.late or not self.ready:
            insort(self._queue, (self._urgency(video, self._place[video]), video))
        elif not self._gives_up(video):
            is_taken = True
            self.ready.popleft().process.send(video)
        self.look_for_room()
        return is_taken

    def _urgency(self, video: int, place: int) -> tuple[Any, ...]:
        """Return what orders the queue: the video for which it is smallest is served first."""
        strategy, deadline = self._run.strategy, self._run.deadline(video)
        if strategy.order == "deadline":
            return deadline, video
        if strategy.order == "priority":
            about = self._run.videos[video]
            answer = call(strategy.priority, about, deadline / PER_SECOND)
            asked = f"the answer of {strategy.name}.priority({about.id!r})"
            return a_number(asked, answer, at_least=-inf, error=StrategyError), place
        return (place,)

    def in_order(self) -> list[int]:
        """Return the videos that publishers of the pool may take, in the order in which they are served.

        If decisions serve a queue without any place, the video that is blocked longest counts as queued.
        """
        first = islice(self.blocked, self._counts_as_queued)
        return [video for _, video in sorted([*self._queue, *map(self._next, first)])]

    def _next(self, video: int) -> tuple[tuple[Any, ...], int]:
        """Return what a video would be in the queue if it came now for the first time."""
        return self._urgency(video, len(self._place)), video

    def discard(self, video: int) -> None:
        """Give a video up that waits for a publisher, together with its own publisher if that is ready."""
        self._run.record.discarded(video)
        self._run.settle()
        if self._run.own[video]:
            self.own_waiting.remove(video)
            if video in self.own_ready:
                self.withdraw(self.own_ready[video], RETIRED)
        else:
            self._take_out(video)

    def _gives_up(self, video: int) -> bool:
        """Give a video up if it is hopeless, and return whether it was."""
        hopeless = self._run.is_hopeless(video)
        if hopeless:
            self.discard(video)
        return hopeless

    def _take_out(self, video: int) -> None:
        """Take a video for the pool out of the queue, for which it may have to leave its encoder first."""
        self._run.encoding_ends.pop(video, None)
        if video in self.blocked:
            self.blocked.pop(video).send()
        for at, (_, other) in enumerate(self._queue):
            if other == video:
                del self._queue[at]
                break

    # -- publishers ----------------------------------------------------------------------------------------

    def needs(self, publisher: Publisher) -> bool:
        """Return whether a publisher belongs to the pool, or its video still needs it."""
        owner = publisher.owner
        return owner < 0 or owner in self.own_waiting or not self._run.outcome[owner]

    def claim(self, publisher: Publisher) -> int | None:
        """Return what a publisher that becomes ready gets at once: a waiting video, RETIRED or None."""
        if publisher.is_own:
            video = publisher.owner
            if video in self.own_waiting and not self._gives_up(video):
                self.own_waiting.remove(video)
                return video
            return None if self.needs(publisher) else RETIRED
        while self._queue and not self.late:
            _, video = self._queue[0]
            if not self._gives_up(video):
                del self._queue[0]
                self.look_for_room()
                return video
        return None

    def keep(self, publisher: Publisher) -> None:
        """Keep a ready publisher until it is sent a video, DIED or RETIRED."""
        if publisher.is_own:
            self.own_ready[publisher.owner] = publisher
        else:
            self.ready.append(publisher)
            self.look_for_room()

    def give(self, video: int) -> None:
        """Give a waiting video the publisher that has been ready longest."""
        self._take_out(video)
        self.ready.popleft().process.send(video)

    def withdraw(self, publisher: Publisher, fate: int) -> None:
        """Send DIED or RETIRED to a ready publisher, which then ends without a video."""
        if publisher.is_own:
            del self.own_ready[publisher.owner]
        else:
            self.ready.remove(publisher)
        publisher.process.send(fate)
