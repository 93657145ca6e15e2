"""Durations and counts for the metrics that the state does not hold."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tv2sim.catalogue import Video
    from tv2sim.events import LogEntry

__all__ = ["Histogram", "Tally"]


class Histogram:
    """Counts of values up to each of some bounds.

    Parameters
    ----------
    bounds : tuple of float
        In ascending order; beyond the last one there is another bucket.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self._names = (*map(str, bounds), "+Inf")
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Yield how many values were at most each bound, as Prometheus wants it."""
        return zip(self._names, accumulate(self.counts), strict=True)


class Tally:
    """An observer of the event log that measures how long things take.

    Parameters
    ----------
    videos : list of Video
        By row; others may be added to it as they come.
    """

    def __init__(self, videos: list[Video]) -> None:
        self._videos = videos
        self.elapsed = Histogram((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0))
        self.slack_left = Histogram((-10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0))
        self.startup = Histogram((0.5, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 8.0, 10.0, 15.0, 30.0))
        self.handoff = Histogram((0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0))
        self.warm = self.cold = 0
        """Videos that got a publisher in the instant in which they were encoded, or later."""
        self.stockouts = 0
        """Videos that got none in that instant, including those that still wait."""
        self.time = 0.0
        self._just_encoded: set[int] = set()  # at that time, and without a publisher so far
        self._idle = self._alive = 0.0  # of publishers that have a video
        # the largest values so far: Prometheus takes a counter that decreases by a rounding error for a restart
        self._idle_told = self._alive_told = 0.0
        self._ready: dict[int, float] = {}
        self._started: dict[int, float] = {}
        self._offered: dict[int, float] = {}
        self._encoding: dict[int, float] = {}

    def __call__(self, entry: LogEntry) -> None:
        """Follow a line of the log."""
        time, event, video, _, publisher = entry
        if time > self.time:
            self.complete()
            self.time = time
        if event == "offered":
            self._offered[video] = time  # type: ignore[index]
        elif event == "encoding_started":
            self._encoding[video] = time  # type: ignore[index]
            self.handoff.observe(time - self._offered.pop(video))  # type: ignore[arg-type]
        elif event == "encoded":
            self._just_encoded.add(video)  # type: ignore[arg-type]
        elif event == "publisher_started":
            self._started[publisher] = time  # type: ignore[index]
        elif event == "publisher_ready":
            self.startup.observe(time - self._started[publisher])  # type: ignore[index]
            self._ready[publisher] = time  # type: ignore[index]
        elif event == "assigned":
            self._assigned(time, video, publisher)  # type: ignore[arg-type]
        elif event in ("published", "failed"):
            elapsed = time - self._encoding.pop(video)  # type: ignore[arg-type]
            self.elapsed.observe(elapsed)
            self.slack_left.observe(self._videos[video].publication_timeout - elapsed)  # type: ignore[index]

    def _assigned(self, time: float, video: int, publisher: int) -> None:
        if video in self._just_encoded:
            self._just_encoded.remove(video)
            self.warm += 1
        else:
            self.cold += 1
        self._idle += time - self._ready.pop(publisher)
        self._alive += time - self._started.pop(publisher)

    def complete(self) -> None:
        """Count the stockouts of the instant of the last line, which is over."""
        self.stockouts += len(self._just_encoded)
        self._just_encoded.clear()

    def idle(self, now: float) -> float:
        """Return the seconds for which publishers were ready without a video, up to now."""
        waiting = sum(now - since for since in self._ready.values())
        self._idle_told = max(self._idle_told, self._idle + waiting)
        return self._idle_told

    def alive(self, now: float) -> float:
        """Return the publisher-seconds up to now: from started to assigned."""
        waiting = sum(now - since for since in self._started.values())
        self._alive_told = max(self._alive_told, self._alive + waiting)
        return self._alive_told
