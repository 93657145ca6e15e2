"""The client: offers the videos in their order, and waits until an encoder takes each."""

from __future__ import annotations

from math import nextafter
from typing import TYPE_CHECKING, Protocol

from tv2sim.model.order import HANDED_OVER, Moment

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from simpy import Environment, Event

    from tv2sim.model.encoders import Encoders
    from tv2sim.model.recorder import Recorder

__all__ = ["Submission", "Submissions", "client"]


class Submission(Protocol):
    """Holds videos back until they may be offered."""

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Let a process wait until a video may be offered."""


def client(
    env: Environment,
    videos: Iterable[int],
    gap: float,
    encoders: Encoders,
    record: Recorder,
    submissions: Submission | None = None,
) -> Generator[Event, None, None]:
    """Offer each video, hand it over when an encoder is free, and pause for `gap` seconds.

    The hand-over has no buffer: a SimPy ``Store(capacity=1)`` in its place would let the client run one video
    ahead of the encoders.
    """
    pause = 0.0
    for video in videos:
        yield Moment(env, pause, HANDED_OVER)
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
        self._env, self._times = env, times

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Let a process wait until a video's time has come."""
        return at(self._env, self._times[video])


def at(env: Environment, time: float) -> Generator[Event, object, None]:
    """Wait, at the client's place of the instant, until it is exactly `time`, if that is still to come.

    ``now + (time - now)`` may be the float beside `time`, so that the way there, or the time at which it is
    begun, would show. Rounded down, it takes a second step, which is exact (Sterbenz's lemma).
    """
    while env.now < time:
        delay = time - env.now
        if env.now + delay > time:
            delay = nextafter(delay, 0.0)
        yield Moment(env, delay, HANDED_OVER)
