"""The client: offers the videos in their order, and waits until an encoder takes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tv2sim.model.instant import HANDED_OVER, PlacedTimeout
from tv2sim.ticks import to_ticks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from simpy import Environment, Event

    from tv2sim.model.encoders import Encoders
    from tv2sim.model.recorder import Recorder

__all__ = ["LiveVideos", "Submission", "Submissions", "client"]


class Submission(Protocol):
    """Holds videos back until they may be offered."""

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Let a process wait until a video may be offered."""


class LiveVideos(Submission, Protocol):
    """Videos that are added to a system while it runs."""

    def rows(self) -> Iterator[int]:
        """Yield the row of the next video, as long as there may be one."""


def client(
    env: Environment,
    videos: Iterable[int],
    gap: float,
    encoders: Encoders,
    record: Recorder,
    submissions: Submission | None = None,
) -> Generator[Event, None, None]:
    """Offer each video, hand it over when an encoder is free, and pause for `gap` ticks.

    The hand-over has no buffer: a SimPy ``Store(capacity=1)`` in its place would let the client run one video
    ahead of the encoders.
    """
    pause = 0.0
    for video in videos:
        yield PlacedTimeout(env, pause, HANDED_OVER)
        if submissions is not None:
            yield from submissions.wait(video)
        record.offered(video)
        if not encoders.free:
            yield encoders.released()
        encoders.take(video)
        pause = gap


class Submissions:
    """Known times before which videos are not offered.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    times : sequence of float
        Seconds, by video; NaN where there is none.
    """

    def __init__(self, env: Environment, times: Sequence[float]) -> None:
        self._env = env
        self._times = [0.0 if time != time else to_ticks(time) for time in times]

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Wait until a video's time has come."""
        return at(self._env, self._times[video])


def at(env: Environment, time: float) -> Generator[Event, object, None]:
    """Wait until `time`, in ticks, unless it has passed; at the client's place of that instant."""
    if time > env.now:
        yield PlacedTimeout(env, time - env.now, HANDED_OVER)
