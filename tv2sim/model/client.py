"""The client: offers the videos in their order, and waits until an encoder takes each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.model.order import HANDED_OVER, Moment

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from simpy import Environment, Event

    from tv2sim.model.encoders import Encoders
    from tv2sim.model.recorder import Recorder

__all__ = ["client"]


def client(
    env: Environment, videos: Iterable[int], gap: float, encoders: Encoders, record: Recorder
) -> Generator[Event, None, None]:
    """Offer each video, hand it over when an encoder is free, and pause for `gap` seconds.

    The hand-over has no buffer: a SimPy ``Store(capacity=1)`` in its place would let the client run one video
    ahead of the encoders.
    """
    pause = 0.0
    for video in videos:
        yield Moment(env, pause, HANDED_OVER)
        record.offered(video)
        if not encoders.free:
            yield encoders.released()
        encoders.take(video)
        pause = gap
