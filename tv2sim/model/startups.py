"""How long each publisher of a run takes to start, in ticks, whatever the order in which publishers ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.distributions import drawn_ticks
from tv2sim.draws import Purpose, uniforms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tv2sim.distributions import Distribution

__all__ = ["StartupTimes", "startup_times"]


class StartupTimes:
    """The start-up times of one replication.

    Parameters
    ----------
    distribution : Distribution
        Of the start-up time.
    seed, replication : int
        Which numbers to draw.
    by_video, of_slots : list of float
        Times of the first videos and slots, in ticks, if drawn before; others are drawn on demand.
    """

    def __init__(
        self,
        distribution: Distribution,
        seed: int,
        replication: int,
        by_video: list[float] | None = None,
        of_slots: list[float] | None = None,
    ) -> None:
        self._distribution, self._seed, self.replication = distribution, seed, replication
        self._videos = 0
        self._of_slots = of_slots or []
        self.by_video = by_video or []
        """Of the first publisher that is started because of each video; it may be ahead of the videos added."""

    def add(self, videos: int) -> None:
        """Have the times of so many more videos; of videos that come one by one, in growing chunks."""
        self._videos += videos
        drawn = len(self.by_video)
        if self._videos > drawn:
            count = max(self._videos - drawn, drawn)
            self.by_video += self._times(Purpose.STARTUP_FOR_VIDEO, count, start=drawn)

    def of_slots(self, count: int) -> list[float]:
        """Return those of the publishers prewarmed at time 0."""
        drawn = len(self._of_slots)
        if count > drawn:
            self._of_slots += self._times(Purpose.STARTUP_OF_SLOT, count - drawn, start=drawn)
        return self._of_slots[:count]

    def further(self, video: int, number: int) -> float:
        """Return that of a video's second (1), third (2), ... publisher."""
        return self._times(Purpose.STARTUP_FOR_VIDEO, 1, start=video, further=number)[0]

    def without_cause(self, number: int) -> float:
        """Return that of the n-th publisher that neither a video nor the beginning has caused."""
        return self._times(Purpose.STARTUP_WITHOUT_CAUSE, 1, start=number)[0]

    def _times(self, purpose: Purpose, count: int, start: int, further: int = 0) -> list[float]:
        u = uniforms(self._seed, purpose, self.replication, count, start=start, further=further)
        ticks: list[float] = drawn_ticks(self._distribution, u).tolist()
        return ticks


def startup_times(
    distribution: Distribution, seed: int, replications: range, videos: int, slots: int
) -> Iterator[StartupTimes]:
    """Yield the start-up times of each replication, with those of so many videos and slots drawn in bulk."""
    by_video, of_slots = (
        drawn_ticks(distribution, np.concatenate([uniforms(seed, purpose, r, count) for r in replications]))
        for purpose, count in ((Purpose.STARTUP_FOR_VIDEO, videos), (Purpose.STARTUP_OF_SLOT, slots))
    )
    for row, replication in enumerate(replications):
        yield StartupTimes(
            distribution,
            seed,
            replication,
            by_video[row * videos : (row + 1) * videos].tolist(),
            of_slots[row * slots : (row + 1) * slots].tolist(),
        )
