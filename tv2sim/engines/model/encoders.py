"""The encoders: each holds one video from the hand-over until the publishing stage accepts it."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from simpy import Event

from tv2sim.engines.model.instant import ENCODED, HANDED_OVER, happens

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from simpy import Environment

    from tv2sim.engines.model.publishers import Publishers
    from tv2sim.engines.model.publishing import PublishingStage
    from tv2sim.results.recorder import Recorder

__all__ = ["DifferentEncoders", "Encoders", "NoEncoders"]


class Encoders:
    """The encoder processes, and the choice among the encoders that are free.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    number : int
        The number of encoders.
    encoding_time : list of float
        The encoding time of each video, in ticks.
    publishers : Publishers
        Called at each step of a video, since publishers may be started because of it.
    stage : PublishingStage
        Where encoded videos go.
    record : Recorder
        Records each step.
    """

    def __init__(
        self,
        env: Environment,
        number: int,
        encoding_time: list[float],
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
        """The free encoders: a heap of (tick since which it is free, encoder)."""
        self._encoding_ends: list[Event] = []  # by encoder: the event that its process waits for
        self._waiting_client: Event | None = None  # the event that a blocked client waits for

    awaits_repair = False
    """Whether a video waits until an encoder is back."""

    futile = futile_at_most = 0
    """The number of encodings under way that change nothing, and the most that it can be."""

    @property
    def stuck(self) -> bool:
        """Whether each encoder has a video for which there is no room."""
        return self._stage.shut and self._stage.blocked == self._number

    def add(self, videos: int) -> None:
        """Prepare for more videos.

        Invariant: there are no more processes than videos. Further encoders would never be used: of the
        encoders that have been free since time 0, the one with the lowest number takes the next video.
        """
        there = len(self._encoding_ends)
        for encoder in range(there, min(self._number, there + videos)):
            self._encoding_ends.append(Event(self._env))
            heappush(self.free, (0, encoder))
            self._env.process(self._encoder(encoder))

    def take(self, video: int) -> None:
        """Hand a video to the encoder that has been free longest; its process wakes when the encoding ends."""
        _, encoder = heappop(self.free)
        self._record.encoding_started(video, encoder)
        if self._publishers.watches_encoding:
            self._publishers.encoding_started(video)
        happens(self._encoding_ends[encoder], self._encoding_time[video], ENCODED + video, video)

    def released(self) -> Event:
        """Return an event that happens when an encoder becomes free, at the client's place of that instant."""
        self._waiting_client = Event(self._env)
        return self._waiting_client

    def _encoder(self, encoder: int) -> Generator[Event, Any, None]:
        """Wait for the end of each encoding, then for room at the publishing stage, and become free."""
        record, publishers, stage = self._record, self._publishers, self._stage
        watched = publishers.watches_encoding
        while True:
            video = yield self._encoding_ends[encoder]
            record.encoded(video)
            if watched:
                publishers.encoded(video)
            if not stage.full_for(video) or (yield from stage.admission(video)):
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


class DifferentEncoders(Encoders):
    """Encoders of which each may take another time for the same video.

    Parameters
    ----------
    durations : callable
        Takes a video and its encoder, and returns the ticks of the encoding.
    *wiring
        As for :class:`Encoders`.
    """

    def __init__(self, durations: Callable[..., float], *wiring: Any) -> None:
        super().__init__(*wiring)
        self._durations = durations

    def take(self, video: int) -> None:
        """Hand a video to the encoder that has been free longest, whatever its speed."""
        self._encoding_time[video] = self._durations(video, self.free[0][1])
        super().take(video)


class NoEncoders:
    """In place of the encoders where there is no encoding stage: a video is encoded when it arrives.

    Parameters
    ----------
    publishers, stage, record
        As for :class:`Encoders`.
    """

    free = True
    awaits_repair = False
    futile = futile_at_most = 0

    def __init__(self, publishers: Publishers, stage: PublishingStage, record: Recorder) -> None:
        self._publishers, self._stage, self._record = publishers, stage, record

    def add(self, videos: int) -> None:
        """Prepare for more videos, which needs nothing."""

    def take(self, video: int) -> None:
        """Pass a video to the publishing stage, whose queue has no limit."""
        record, publishers = self._record, self._publishers
        record.encoding_started(video, -1)
        publishers.encoding_started(video)
        record.encoded(video)
        publishers.encoded(video)
        record.queued(video)
        publishers.queued(video)
        publishers.arrived(video, self._stage.accept(video))

    def released(self) -> Event:
        """Never called: it is always free."""
        raise NotImplementedError
