"""Tells observers what happens, as it happens: for live logs, metrics and views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from tv2sim.facts import LogEntry
from tv2sim.model.recorder import Recorder
from tv2sim.model.users import call

if TYPE_CHECKING:
    from simpy import Environment

__all__ = ["ObservedRecorder", "Observer"]

Observer: TypeAlias = Callable[[LogEntry], object]


class ObservedRecorder(Recorder):
    """A recorder that passes each line of the event log to its observers as it happens.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    timeouts : sequence of float
        Each video's publication timeout.
    own : bytes or bytearray
        1 for each video that waits beside the queue.
    observers : sequence of callables
        Called in turn with a :class:`~tv2sim.facts.LogEntry`.
    """

    def __init__(
        self,
        env: Environment,
        timeouts: Sequence[float],
        own: bytes | bytearray,
        observers: Sequence[Observer],
    ) -> None:
        super().__init__(env)
        self._timeouts, self._own, self._observers = timeouts, own, observers

    def _tell(self, event: str, video: int | None, resource: str | None = None) -> None:
        entry = LogEntry(self._env.now, event, video, resource)
        for observer in self._observers:
            call(observer, entry)

    def offered(self, video: int) -> None:
        super().offered(video)
        self._tell("offered", video)

    def encoding_started(self, video: int, encoder: int) -> None:
        super().encoding_started(video, encoder)
        self._tell("encoding_started", video, f"encoder {encoder}")

    def encoded(self, video: int) -> None:
        super().encoded(video)
        self._tell("encoded", video, f"encoder {self._encoder[video]}")

    def queued(self, video: int) -> None:
        super().queued(video)
        self._tell("queued", video, None if self._own[video] else "publishing queue")

    def publisher_started(self, cause: int) -> int:
        number = super().publisher_started(cause)
        self._tell("publisher_started", None if cause < 0 else cause, f"publisher {number}")
        return number

    def publisher_ready(self, publisher: int) -> None:
        super().publisher_ready(publisher)
        self._tell("publisher_ready", None, f"publisher {publisher}")

    def assigned(self, video: int, publisher: int) -> None:
        super().assigned(video, publisher)
        self._tell("assigned", video, f"publisher {publisher}")

    def published(self, video: int) -> None:
        super().published(video)
        elapsed = self._published[video] - self._encoding_started[video]
        publisher = f"publisher {self._publisher[video]}"
        self._tell("published" if elapsed <= self._timeouts[video] else "failed", video, publisher)
        self._tell("publisher_ended", video, publisher)
