"""The publishing stage: where encoded videos and ready publishers meet."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

from simpy import Event

from tv2sim.model.instant import ADMITTED, happens

if TYPE_CHECKING:
    from collections.abc import Generator

    from simpy import Environment

    from tv2sim.model.queues import WaitingVideos

__all__ = ["PublishingStage"]


class PublishingStage:
    """The publishing queue with its capacity, and beside it the videos that have a publisher of their own.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    queue : WaitingVideos
        Holds the videos that any publisher may serve.
    capacity : int or None
        How many the queue holds at the most.
    own : bytes or bytearray
        1 for each video that only its own publisher may serve.
    """

    def __init__(
        self, env: Environment, queue: WaitingVideos, capacity: int | None, own: bytes | bytearray
    ) -> None:
        self._env = env
        self._own = own
        self._capacity = inf if capacity is None else capacity
        self.queue = queue
        self.ready: deque[Event] = deque()
        """Publishers of the pool that wait for a video, the one ready longest first."""
        self._blocked: deque[Event] = deque()
        self._admitted = 0
        self._own_ready: dict[int, Event] = {}
        self._own_waiting: set[int] = set()

    # -- the encoders' side --------------------------------------------------------------------------------

    def full_for(self, video: int) -> bool:
        """Say whether the video has to keep its encoder for now."""
        return not self._own[video] and not self._room()

    def admission(self) -> Generator[Event, None, None]:
        """Wait for room in the queue, behind those that wait already."""
        event = Event(self._env)
        self._blocked.append(event)
        yield event
        self._admitted -= 1

    def accept(self, video: int) -> bool:
        """Give the video to a ready publisher, else let it wait; say whether one of the pool takes it."""
        if self._own[video]:
            if (publisher := self._own_ready.pop(video, None)) is not None:
                publisher.succeed(video)
            else:
                self._own_waiting.add(video)
        elif self.ready:
            self.ready.popleft().succeed(video)
            return True
        else:
            self.queue.append(video)
        return False

    # -- the publishers' side ------------------------------------------------------------------------------

    def claim(self, owner: int) -> int | None:
        """Return the video that a publisher which has become ready takes, if one waits.

        `owner` is the only video that it may serve, or -1.
        """
        if owner >= 0:
            if owner not in self._own_waiting:
                return None
            self._own_waiting.remove(owner)
            return owner
        if not self.queue:
            return None
        video = self.queue.popleft()
        self._admit()
        return video

    def stand_by(self, owner: int) -> Event:
        """Return the event that a video comes for a ready publisher; the video is its value."""
        event = Event(self._env)
        if owner >= 0:
            self._own_ready[owner] = event
        else:
            self.ready.append(event)
            self._admit()
        return event

    # -- room ----------------------------------------------------------------------------------------------

    def _room(self) -> bool:
        return len(self.queue) + self._admitted < self._capacity + len(self.ready)

    def _admit(self) -> None:
        """Call blocked encoders for whom there is room now; they come at their place of this instant."""
        while self._blocked and self._room():
            self._admitted += 1
            happens(self._blocked.popleft(), 0, ADMITTED)
