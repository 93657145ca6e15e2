"""The two orders in which videos can wait for the pool's publishers."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Fifo", "PriorityQueue", "WaitingVideos"]


class WaitingVideos(Protocol):
    """Videos that wait: put in, and taken out in some order."""

    def __len__(self) -> int: ...

    def append(self, video: int, /) -> None:
        """Put a video in."""

    def popleft(self) -> int:
        """Take the next video out."""


Fifo = deque[int]
"""First in, first out."""


class PriorityQueue:
    """Lowest priority first; first in, first out among equal ones.

    Parameters
    ----------
    priority : callable
        Gives a video's priority when it is put in.
    """

    def __init__(self, priority: Callable[[int], float]) -> None:
        self._priority = priority
        self._heap: list[tuple[float, int, int]] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._heap)

    def append(self, video: int, /) -> None:
        """Put a video in."""
        heappush(self._heap, (self._priority(video), self._arrivals, video))
        self._arrivals += 1

    def popleft(self) -> int:
        """Take the video with the lowest priority out."""
        return heappop(self._heap)[2]
