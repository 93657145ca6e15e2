"""The encoders: each holds one video from the hand-over until the publishing stage has it."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from simpy import Event

from tv2sim.model.instant import ENCODED, HANDED_OVER, happens

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simpy import Environment

    from tv2sim.model.publishers import Publishers
    from tv2sim.model.publishing import PublishingStage
    from tv2sim.model.recorder import Recorder

__all__ = ["Encoders"]


class Encoders:
    """A number of encoder processes, and the choice among those that are free.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    number : int
        How many encoders.
    encoding_time : sequence of float
        Ticks, by video.
    publishers : Publishers
        Told of each step, since they may be started because of it.
    stage : PublishingStage
        Where encoded videos go.
    record : Recorder
        What writes it down.
    """

    def __init__(
        self,
        env: Environment,
        number: int,
        encoding_time: Sequence[float],
        publishers: Publishers,
        stage: PublishingStage,
        record: Recorder,
    ) -> None:
        self._env = env
        self._encoding_time = encoding_time
        self._publishers, self._stage = publishers, stage
        self._record = record
        self._number = number
        self.free: list[tuple[float, int]] = []
        """A heap of (free since this tick, encoder)."""
        self._encoding_ends: list[Event] = []
        self._waiting_client: Event | None = None

    def add(self, videos: int) -> None:
        """Expect so many more videos.

        More encoders than videos are never needed: of those that were always free, the lowest comes first.
        """
        there = len(self._encoding_ends)
        for encoder in range(there, min(self._number, there + videos)):
            self._encoding_ends.append(Event(self._env))
            heappush(self.free, (0, encoder))
            self._env.process(self._encoder(encoder))

    def take(self, video: int) -> None:
        """Hand a video to the encoder that has been free longest: its process wakes when the encoding ends."""
        _, encoder = heappop(self.free)
        self._record.encoding_started(video, encoder)
        if self._publishers.watches_encoding:
            self._publishers.encoding_started(video)
        happens(self._encoding_ends[encoder], self._encoding_time[video], ENCODED + video, video)

    def released(self) -> Event:
        """Return the event, in the client's place of the instant, that an encoder has become free."""
        self._waiting_client = Event(self._env)
        return self._waiting_client

    def _encoder(self, encoder: int) -> Generator[Event, int, None]:
        record, publishers, stage = self._record, self._publishers, self._stage
        watched = publishers.watches_encoding
        while True:
            video = yield self._encoding_ends[encoder]
            record.encoded(video)
            if watched:
                publishers.encoded(video)
            if stage.full_for(video):
                yield from stage.admission()
            record.queued(video)
            if watched:
                publishers.queued(video)
            publishers.arrived(video, stage.accept(video))
            self._release(encoder)

    def _release(self, encoder: int) -> None:
        self._encoding_ends[encoder] = Event(self._env)
        heappush(self.free, (self._env.now, encoder))
        if self._waiting_client is not None:
            happens(self._waiting_client, 0, HANDED_OVER)
            self._waiting_client = None
