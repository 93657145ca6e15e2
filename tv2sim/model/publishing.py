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

    from tv2sim.model.queues import PriorityQueue

__all__ = ["PublishingStage"]


class PublishingStage:
    """The publishing queue with its capacity, and beside it the videos that have a publisher of their own.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    queue : deque or PriorityQueue
        Holds the videos that any publisher may serve.
    capacity : int or None
        How many the queue holds at the most.
    own : bytes or bytearray
        1 for each video that only its own publisher may serve.
    """

    def __init__(
        self, env: Environment, queue: deque[int] | PriorityQueue, capacity: int | None, own: bytes | bytearray
    ) -> None:
        self._env = env
        self._own = own
        self._capacity = inf if capacity is None else capacity
        self.queue = queue
        self.ready: deque[int] = deque()
        """Publishers of the pool that wait for a video, the one ready longest first."""
        self._blocked: deque[Event] = deque()
        self._admitted = 0
        self._own_ready: dict[int, int] = {}  # publishers, by the only video that they may serve
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

    def accept(self, video: int) -> int | None:
        """Return the ready publisher that takes the video; without one the video waits."""
        if self._own[video]:
            publisher = self._own_ready.pop(video, None)
            if publisher is None:
                self._own_waiting.add(video)
            return publisher
        if self.ready:
            return self.ready.popleft()
        self.queue.append(video)
        return None

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

    def stand_by(self, publisher: int, owner: int) -> None:
        """Let a publisher wait for a video: for `owner`, or for any that comes (-1)."""
        if owner >= 0:
            self._own_ready[owner] = publisher
        else:
            self.ready.append(publisher)
            self._admit()

    # -- room ----------------------------------------------------------------------------------------------

    def _room(self) -> bool:
        """Say whether another video may come.

        Invariant: there are never more waiting videos and admitted ones, which come later in this instant, than
        places in the queue and publishers that are ready to take them.
        """
        return len(self.queue) + self._admitted < self._capacity + len(self.ready)

    def _admit(self) -> None:
        """Call blocked encoders for whom there is room now; they come at their place of this instant."""
        while self._blocked and self._room():
            self._admitted += 1
            happens(self._blocked.popleft(), 0, ADMITTED)
