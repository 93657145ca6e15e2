"""A queue in the order of priorities, with the methods of a deque that the publishing stage uses."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["PriorityQueue"]


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


_LAST = 1 << 60
