"""How long each publisher of a run takes to start, whoever asks and in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.draws import Purpose, uniforms
from tv2sim.errors import ScenarioError

if TYPE_CHECKING:
    from tv2sim.distributions import Distribution

__all__ = ["StartupTimes"]


class StartupTimes:
    """The start-up times of one replication.

    Parameters
    ----------
    distribution : Distribution
        Of the start-up time.
    seed, replication : int
        Which numbers to draw.
    """

    def __init__(self, distribution: Distribution, seed: int, replication: int) -> None:
        self._distribution, self._seed, self._replication = distribution, seed, replication
        self.by_video: list[float] = []
        """Of the first publisher that is started because of each video; there may be more than videos."""
        self._videos = 0

    def add(self, videos: int) -> None:
        """Draw those of so many more videos; of videos that come one by one, in growing chunks."""
        self._videos += videos
        drawn = len(self.by_video)
        if self._videos > drawn:
            count = max(self._videos - drawn, drawn)
            self.by_video += self._times(Purpose.STARTUP_FOR_VIDEO, count, start=drawn)

    def of_slots(self, count: int) -> list[float]:
        """Return those of the publishers prewarmed at time 0."""
        return self._times(Purpose.STARTUP_OF_SLOT, count)

    def further(self, video: int, number: int) -> float:
        """Return that of a video's second (1), third (2), ... publisher."""
        return self._times(Purpose.STARTUP_FOR_VIDEO, 1, start=video, further=number)[0]

    def without_cause(self, number: int) -> float:
        """Return that of the n-th publisher that neither a video nor the beginning has caused."""
        return self._times(Purpose.STARTUP_WITHOUT_CAUSE, 1, start=number)[0]

    def _times(self, purpose: Purpose, count: int, start: int = 0, further: int = 0) -> list[float]:
        u = uniforms(self._seed, purpose, self._replication, count, start=start, further=further)
        times = np.asarray(self._distribution.quantile(u), dtype=np.float64)
        if times.shape != u.shape or not (np.isfinite(times) & (times >= 0)).all():
            raise ScenarioError(
                f"startup_time {self._distribution} gives other than one finite time of at least 0 each"
            )
        result: list[float] = times.tolist()
        return result
