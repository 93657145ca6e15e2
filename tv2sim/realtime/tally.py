"""How long things took: what the metrics tell beside the state."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tv2sim.catalogue import Video
    from tv2sim.facts import LogEntry

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
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many values were at most each bound, as Prometheus wants it."""
        total, result = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            result.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
        return result


class Tally:
    """An observer of the event log that counts what the state does not know: how long things took.

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
        self._idle = self._alive = 0.0
        # a counter that fell by a rounding error would count as one that began anew
        self._idle_told = self._alive_told = 0.0
        self._ready: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._ready_sum = self._started_sum = 0.0
        self._offered: dict[int, float] = {}
        self._encoding: dict[int, float] = {}
        self._encoded: dict[int, float] = {}

    def __call__(self, entry: LogEntry) -> None:
        """Follow a line of the log."""
        time, event, video, resource = entry
        if event == "offered":
            self._offered[video] = time  # type: ignore[index]
        elif event == "encoding_started":
            self._encoding[video] = time  # type: ignore[index]
            self.handoff.observe(time - self._offered.pop(video))  # type: ignore[arg-type]
        elif event == "encoded":
            self._encoded[video] = time  # type: ignore[index]
        elif event == "publisher_started":
            self._started[resource] = time  # type: ignore[index]
            self._started_sum += time
        elif event == "publisher_ready":
            self.startup.observe(time - self._started[resource])  # type: ignore[index]
            self._ready[resource] = time  # type: ignore[index]
            self._ready_sum += time
        elif event == "assigned":
            self._assigned(time, video, resource)  # type: ignore[arg-type]
        elif event in ("published", "failed"):
            elapsed = time - self._encoding.pop(video)  # type: ignore[arg-type]
            self.elapsed.observe(elapsed)
            self.slack_left.observe(self._videos[video].publication_timeout - elapsed)  # type: ignore[index]

    def _assigned(self, time: float, video: int, publisher: str) -> None:
        if self._encoded.pop(video) == time:
            self.warm += 1
        else:
            self.cold += 1
        ready, started = self._ready.pop(publisher), self._started.pop(publisher)
        self._idle += time - ready
        self._alive += time - started
        # to the last bit what is left, so that nothing adds up
        self._ready_sum = self._ready_sum - ready if self._ready else 0.0
        self._started_sum = self._started_sum - started if self._started else 0.0

    def idle(self, now: float) -> float:
        """Return the seconds for which publishers were ready without a video, up to now."""
        self._idle_told = max(self._idle_told, self._idle + len(self._ready) * now - self._ready_sum)
        return self._idle_told

    def alive(self, now: float) -> float:
        """Return the publisher-seconds up to now: from started to assigned."""
        self._alive_told = max(self._alive_told, self._alive + len(self._started) * now - self._started_sum)
        return self._alive_told
