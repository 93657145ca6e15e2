"""Random numbers of one replication; they do not depend on the order in which they are asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.base.ticks import to_ticks
from tv2sim.world.distributions import Distribution, drawn_ticks, drawn_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tv2sim.world.scenario import Scenario

__all__ = ["Drawn", "StartupTimes", "drawn", "encodings", "startup_times"]


class Drawn:
    """The numbers of one purpose, which are drawn and kept in chunks of neighbouring entities.

    Parameters
    ----------
    seed, replication : int
        The keys of the random numbers.
    purpose : Purpose
        What they are for.
    convert : callable
        Makes of uniforms what is returned.
    """

    def __init__(
        self,
        seed: int,
        replication: int,
        purpose: Purpose,
        convert: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        self._keys = seed, purpose, replication
        self._convert = convert
        self._chunks: dict[tuple[int, int], list[float]] = {}

    def __call__(self, entity: int, further: int = 0) -> float:
        """Return the number of an entity: its first one, or with `further` its second, third, ..."""
        number = entity // _TOGETHER
        return (self._chunks.get((number, further)) or self._draw(number, further))[entity % _TOGETHER]

    def _draw(self, number: int, further: int) -> list[float]:
        if len(self._chunks) == _KEPT:
            self._chunks.clear()
        u = uniforms(*self._keys, _TOGETHER, start=number * _TOGETHER, further=further)
        chunk: list[float] = self._convert(u).tolist()
        self._chunks[number, further] = chunk
        return chunk


_TOGETHER = 256
"""The entities whose numbers are drawn at once. It takes little more time than to draw one."""
_KEPT = 256
"""The most chunks that are kept. Others are drawn again when they are needed."""


def drawn(
    name: str, time: Distribution | float, purpose: Purpose, startups: StartupTimes, *, ticks: bool = True
) -> Callable[..., float]:
    """Return the times of one purpose, in ticks or as they are drawn; `name` is the field's, for messages."""
    if not isinstance(time, Distribution):
        always = to_ticks(time) if ticks else time
        return lambda entity, further=0: always
    made = drawn_ticks if ticks else drawn_times
    return Drawn(startups.seed, startups.replication, purpose, lambda u: made(time, u, name=name))


class StartupTimes:
    """The start-up times of one replication.

    Parameters
    ----------
    distribution : Distribution
        The distribution of the start-up time.
    seed, replication : int
        The keys of the random numbers.
    by_video, of_slots : list of float
        Times of the first videos and slots, in ticks, that are drawn already; others are drawn on demand.
    """

    def __init__(
        self,
        distribution: Distribution,
        seed: int,
        replication: int,
        by_video: list[float] | None = None,
        of_slots: list[float] | None = None,
    ) -> None:
        self._distribution, self.seed, self.replication = distribution, seed, replication
        self._videos = 0
        self._of_slots = of_slots or []
        self.by_video = by_video or []
        """By video: the time of the first publisher started because of it. Some are drawn in advance."""
        self.further, self.of_slot_again, self.without_cause = (
            drawn("startup_time", distribution, purpose, self)
            for purpose in (Purpose.STARTUP_FOR_VIDEO, Purpose.STARTUP_OF_SLOT, Purpose.STARTUP_WITHOUT_CAUSE)
        )
        """The times of other publishers: the second (1), third (2), ... of a video or a slot, or of neither."""

    @cached_property
    def mean(self) -> float:
        """The mean in seconds."""
        return self._distribution.mean

    def add(self, videos: int) -> None:
        """Draw the times for more videos; for videos that come one by one, in growing chunks."""
        self._videos += videos
        drawn = len(self.by_video)
        if self._videos > drawn:
            count = max(self._videos - drawn, drawn)
            self.by_video += self._times(Purpose.STARTUP_FOR_VIDEO, count, start=drawn)

    def of_slots(self, count: int) -> list[float]:
        """Return the times of the publishers prewarmed at time 0."""
        drawn = len(self._of_slots)
        if count > drawn:
            self._of_slots += self._times(Purpose.STARTUP_OF_SLOT, count - drawn, start=drawn)
        return self._of_slots[:count]

    def _times(self, purpose: Purpose, count: int, start: int) -> list[float]:
        u = uniforms(self.seed, purpose, self.replication, count, start=start)
        ticks: list[float] = drawn_ticks(self._distribution, u).tolist()
        return ticks


def startup_times(
    distribution: Distribution, seed: int, replications: range, videos: int, slots: int
) -> Iterator[StartupTimes]:
    """Yield the start-up times of each replication; those of `videos` and `slots` are drawn in bulk."""
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


def encodings(
    scenario: Scenario, startups: StartupTimes, nominal: Sequence[float]
) -> Callable[..., float] | None:
    """Return a function of a video, its encoder and its encodings before: the ticks of this one.

    None stands for the nominal ones.
    `nominal` are the encoding times in seconds.
    """
    speeds, factor = scenario.encoders, scenario.encoding_factor
    if factor is None and not isinstance(speeds, tuple):
        return None
    speed = speeds if isinstance(speeds, tuple) else (1.0,) * scenario.encoder_count
    if isinstance(factor, Distribution):
        factors = drawn("encoding_factor", factor, Purpose.ENCODING_FACTOR, startups, ticks=False)
        return lambda video, encoder, before=0: to_ticks(
            nominal[video] * factors(video, before) / speed[encoder]
        )
    constant = 1.0 if factor is None else factor
    return lambda video, encoder, before=0: to_ticks(nominal[video] * constant / speed[encoder])
