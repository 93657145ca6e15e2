"""Writes down when things happened."""

from __future__ import annotations

from array import array
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.facts import EVENTS, Ending, Facts

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from simpy import Environment

__all__ = ["Recorder"]

_OFFERED, _STARTED, _ENCODED, _QUEUED = map(EVENTS.index, ("offered", "encoding_started", "encoded", "queued"))
_PUBLISHER_STARTED, _READY, _ASSIGNED, _PUBLISHED = map(
    EVENTS.index, ("publisher_started", "publisher_ready", "assigned", "published")
)


class Recorder:
    """The facts of one run, column by column; a method for each thing that can happen."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.times = {
            name: array("d")
            for name in ("offered", "encoding_started", "encoded", "queued", "assigned", "published")
        }
        (
            self._offered,
            self._encoding_started,
            self._encoded,
            self._queued,
            self._assigned,
            self._published,
        ) = self.times.values()
        self._encoder, self._publisher = array("q"), array("q")
        self._cause, self._started, self._ready = array("q"), array("d"), array("d")
        self._order = array("q")
        self._note = self._order.append

    def add(self, videos: int) -> None:
        """Make room for so many more videos."""
        for times in self.times.values():
            times.extend(array("d", [nan]) * videos)
        for numbers in (self._encoder, self._publisher):
            numbers.extend(array("q", [-1]) * videos)

    def offered(self, video: int) -> None:
        """Record that the client begins to offer a video."""
        self._offered[video] = self._env.now
        self._note(video << 4 | _OFFERED)

    def encoding_started(self, video: int, encoder: int) -> None:
        """Record that an encoder takes a video."""
        self._encoding_started[video] = self._env.now
        self._encoder[video] = encoder
        self._note(video << 4 | _STARTED)

    def encoded(self, video: int) -> None:
        """Record that a video's encoding ends."""
        self._encoded[video] = self._env.now
        self._note(video << 4 | _ENCODED)

    def queued(self, video: int) -> None:
        """Record that a video leaves its encoder for the publishing stage."""
        self._queued[video] = self._env.now
        self._note(video << 4 | _QUEUED)

    def publisher_started(self, cause: int) -> int:
        """Record that a publisher starts because of a video (-1: of none), and give it its number."""
        number = len(self._cause)
        self._cause.append(cause)
        self._started.append(self._env.now)
        self._ready.append(nan)
        self._note(number << 4 | _PUBLISHER_STARTED)
        return number

    def publisher_ready(self, publisher: int) -> None:
        """Record that a publisher can serve."""
        self._ready[publisher] = self._env.now
        self._note(publisher << 4 | _READY)

    def assigned(self, video: int, publisher: int) -> None:
        """Record that a publisher takes a video."""
        self._assigned[video] = self._env.now
        self._publisher[video] = publisher
        self._note(video << 4 | _ASSIGNED)

    def published(self, video: int) -> None:
        """Record that a video is published, in time or late, and that its publisher ends."""
        self._published[video] = self._env.now
        self._note(video << 4 | _PUBLISHED)

    def facts(self, own: bytes | bytearray, end: float, ending: Ending) -> Facts:
        """Return the columns, without copying them."""
        return Facts(
            offered=_floats(self._offered),
            encoder=_integers(self._encoder),
            encoding_started=_floats(self._encoding_started),
            encoded=_floats(self._encoded),
            queued=_floats(self._queued),
            own=np.frombuffer(own, dtype=np.bool_) & ~np.isnan(_floats(self._queued)),
            publisher=_integers(self._publisher),
            assigned=_floats(self._assigned),
            published=_floats(self._published),
            cause=_integers(self._cause),
            started=_floats(self._started),
            ready=_floats(self._ready),
            order=_integers(self._order),
            end=end,
            ending=ending,
        )


def _floats(column: array[float]) -> NDArray[np.float64]:
    return np.frombuffer(column, dtype=np.float64)


def _integers(column: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(column, dtype=np.int64)
