"""The publishing stage, where encoded videos and ready publishers meet, and its queue."""

from __future__ import annotations

from collections import OrderedDict, deque
from heapq import heapify, heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Any

from simpy import Event

from tv2sim.engines.model.instant import ADMITTED, CountingEnvironment, happens

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from simpy import Environment

__all__ = ["PriorityQueue", "PublishingStage"]

_LAST = 1 << 60
"""More than the place of any video that is in a queue."""


class PriorityQueue:
    """Lowest priority first; first in, first out among equal ones.

    Parameters
    ----------
    priority : callable
        Takes a video and returns its priority, which has an order; called when the video is put in.
    place : mapping, optional
        The order of videos with equal priorities; default is that in which they are put in.
    """

    def __init__(self, priority: Callable[[int], Any], place: Mapping[int, int] | None = None) -> None:
        self._priority, self._place = priority, place
        self._heap: list[tuple[Any, int, int]] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._heap)

    def append(self, video: int, /) -> None:
        """Put a video in."""
        place = self._arrivals if self._place is None else self._place[video]
        heappush(self._heap, (self._priority(video), place, video))
        self._arrivals += 1

    def popleft(self) -> int:
        """Take the video with the lowest priority out."""
        return heappop(self._heap)[2]

    def __iter__(self) -> Iterator[int]:
        return (video for *_, video in sorted(self._heap))

    def remove(self, video: int, /) -> None:
        """Take a video out."""
        self._heap.remove(next(entry for entry in self._heap if entry[2] == video))
        heapify(self._heap)

    def merged(self, others: Iterable[int]) -> list[int]:
        """Return the videos with others that would come after them, all in the order of their priorities."""
        later = [(self._priority(video), _LAST + place, video) for place, video in enumerate(others)]
        return [video for *_, video in sorted([*self._heap, *later])]


class PublishingStage:
    """The publishing queue with its capacity, and beside it the videos that have a publisher of their own.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    queue : deque or PriorityQueue
        Holds the videos that any publisher may serve.
    capacity : int or None
        The most videos that the queue holds; None: no limit.
    own : bytes or bytearray
        By video: 1 if only its own publisher may serve it.
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
        self._blocked: OrderedDict[int, Event] = OrderedDict()  # by video in its encoder, longest first
        self._called = False  # whether the first of them has been called to pass its video in this instant
        self._own_ready: dict[int, int] = {}  # ready publishers by the only video that each may serve
        self._own_waiting: set[int] = set()

    # -- the encoders' side --------------------------------------------------------------------------------

    def full_for(self, video: int) -> bool:
        """Return whether a video has to stay in its encoder, because there is no room for it."""
        return not self._own[video] and not self._room()

    @property
    def full(self) -> bool:
        """Whether there is no room in the queue."""
        return not self._room()

    @property
    def shut(self) -> bool:
        """Whether no video can leave its encoder, as things are."""
        return self.full

    @property
    def blocked(self) -> int:
        """The number of encoders that wait for room."""
        return len(self._blocked)

    def admission(self, video: int) -> Generator[Event, bool | None, bool]:
        """Wait for room in the queue, behind the videos that wait already; return whether there is some.

        If not, the video has left its encoder otherwise.
        """
        gone = yield self.block(video)
        while not gone and self.full:
            gone = yield self.block_again(video)
        if not gone:
            self.unblock(video)
        return not gone

    def block(self, video: int) -> Event:
        """Return an event that happens when there is room, behind the videos that wait already.

        Its value is true if the video has left its encoder otherwise.
        """
        self._blocked[video] = event = Event(self._env)
        return event

    def block_again(self, video: int) -> Event:
        """Return the same for the video that was called, if the room was taken or the publisher died."""
        self._called = False
        return self.block(video)

    def unblock(self, video: int) -> None:
        """Take note that the video that was called leaves its encoder now."""
        self._called = False
        del self._blocked[video]

    def withdraw_call(self, video: int) -> None:
        """Forget a video that is blocked; if it had been called, the next one is."""
        called = self._called and video == next(iter(self._blocked))
        event = self._blocked.pop(video)
        if called:
            assert isinstance(self._env, CountingEnvironment)  # as wherever encoders die
            self._env.cancel(event)
            self._called = False
            self._admit()

    def accept(self, video: int) -> int | None:
        """Return the ready publisher that takes a video, or None if the video has to wait."""
        if self._own[video]:
            publisher = self._own_ready.pop(video, None)
            if publisher is None:
                self._own_waiting.add(video)
            return publisher
        publisher = self.ready.popleft() if self.ready else None
        if publisher is None:
            self.queue.append(video)
        if self._blocked:
            self._admit()
        return publisher

    # -- the publishers' side ------------------------------------------------------------------------------

    def claim(self, owner: int) -> int | None:
        """Return the video that a newly ready publisher takes, or None if no video waits for it.

        `owner` is the only video that the publisher may serve; -1: any video of the queue.
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
        """Keep a ready publisher for the video `owner`, or for the next video of the queue (-1)."""
        if owner >= 0:
            self._own_ready[owner] = publisher
        else:
            self.ready.append(publisher)
            self._admit()

    def give_back(self, publisher: int) -> None:
        """Keep a publisher for the next video after all; it is the one ready longest."""
        self.ready.appendleft(publisher)
        self._admit()

    @property
    def has_ready(self) -> bool:
        """Whether a publisher is ready and has no video."""
        return bool(self.ready or self._own_ready)

    def withdraw(self, publisher: int, owner: int) -> None:
        """Forget a ready publisher."""
        if owner >= 0:
            del self._own_ready[owner]
        else:
            self.ready.remove(publisher)

    # -- room ----------------------------------------------------------------------------------------------

    def _room(self) -> bool:
        """Return whether there is room for another video: a ready publisher, or a place in the queue."""
        return len(self.queue) < self._capacity + len(self.ready)

    def _admit(self) -> None:
        """Call the encoder that is blocked longest, if there is room; it comes later in this instant.

        When it has passed its video, the next one is called.
        """
        if self._blocked and not self._called and self._room():
            self._called = True
            happens(next(iter(self._blocked.values())), 0, ADMITTED)
