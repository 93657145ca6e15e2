"""The client: offers the videos in the order of the catalogue, each one until an encoder takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from tv2sim.model.instant import HANDED_OVER, PlacedTimeout
from tv2sim.ticks import to_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from simpy import Environment, Event

    from tv2sim.model.encoders import Encoders, NoEncoders
    from tv2sim.model.recorder import Recorder

__all__ = ["LiveVideos", "Wait", "at", "client", "known_times"]


Wait: TypeAlias = "Callable[[int], Generator[Event, object, None]]"
"""A function that takes a video and returns a generator, which ends when the video may be offered."""


class LiveVideos(Protocol):
    """Videos that are added to a system while it runs."""

    def rows(self) -> Iterator[int]:
        """Yield the row of the next video, as long as there may be one."""

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Let a process wait until a video may be offered."""


def client(
    env: Environment,
    videos: Iterable[int],
    pauses: Iterator[float],
    encoders: Encoders | NoEncoders,
    record: Recorder,
    wait: Wait | None = None,
) -> Generator[Event, None, None]:
    """Offer each video after its pause, and hand it over when an encoder is free.

    The hand-over has no buffer: a SimPy ``Store(capacity=1)`` in its place would let the client run one video
    ahead of the encoders.
    """
    for video, pause in zip(videos, pauses):  # noqa: B905 (pauses have no end)
        yield PlacedTimeout(env, pause, HANDED_OVER)
        if wait is not None:
            yield from wait(video)
        record.offered(video)
        while not encoders.free:  # an interrupted video may take the one that became free
            yield encoders.released()
        encoders.take(video)


def known_times(env: Environment, times: Sequence[float]) -> Wait:
    """Return a :data:`Wait` for the time of each video, in seconds; NaN: it may be offered at once."""
    ticks = [0.0 if time != time else to_ticks(time) for time in times]
    return lambda video: at(env, ticks[video])


def at(env: Environment, time: float) -> Generator[Event, object, None]:
    """Wait until `time`, in ticks, at the client's place of that instant; not at all if it has passed."""
    if time > env.now:
        yield PlacedTimeout(env, time - env.now, HANDED_OVER)
