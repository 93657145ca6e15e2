"""What can follow what in the log of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.events import EVENTS, LogEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tv2sim.catalogue import Video

__all__ = ["Contradiction", "Story"]

_BEFORE = {
    "offered": None,
    "encoding_started": "offered",
    "encoded": "encoding_started",
    "queued": "encoded",
    "assigned": "queued",
    "published": "assigned",
    "failed": "assigned",
}
"""What must have happened to a video last."""


class Contradiction(Exception):  # noqa: N818 (it says what it is)
    """An event cannot follow those before it."""


class Story:
    """Follows a log, line by line, as long as it makes sense.

    Parameters
    ----------
    videos : sequence of Video
        Those of the catalogue.
    encoders : int
        How many there are.
    """

    def __init__(self, videos: Sequence[Video], encoders: int) -> None:
        self._videos, self._encoders = videos, encoders
        self._time = 0.0
        self._last: dict[int, str] = {}  # what has happened to each video last
        self._encoding_started: dict[int, float] = {}
        self._encoder: dict[int, int] = {}  # of each video that holds one
        self._busy: set[int] = set()
        self._publishers: dict[int | None, str | int] = {}  # "starting", "ready", or the video
        self.owed: LogEntry | None = None
        """The end of a publisher, which comes right after the outcome of its video."""

    def __call__(self, entry: LogEntry) -> None:
        """Follow a line.

        Raises
        ------
        Contradiction
            If it cannot follow those before it.
        """
        _must(entry.time >= self._time)
        self._time = entry.time
        if self.owed is not None:
            _must(entry == self.owed)
            self.owed = None
        elif entry.event == "publisher_started":
            _must(entry.video is None or entry.video < len(self._videos))
            _must(entry.encoder is None and entry.publisher == len(self._publishers))
            self._publishers[entry.publisher] = "starting"
        elif entry.event == "publisher_ready":
            _must(entry.video is None and self._publishers.get(entry.publisher) == "starting")
            self._publishers[entry.publisher] = "ready"
        elif entry.event in _BEFORE or entry.event not in EVENTS:
            self._of_video(entry)

    def _of_video(self, entry: LogEntry) -> None:
        time, event, video, encoder, publisher = entry
        _must(event in _BEFORE and video is not None and video < len(self._videos))
        assert video is not None
        _must(self._last.get(video) == _BEFORE[event])
        self._last[video] = event
        match event:
            case "offered":
                _must(encoder is None and publisher is None)
            case "encoding_started":
                _must(encoder is not None and encoder not in self._busy and encoder < self._encoders)
                assert encoder is not None
                self._encoder[video] = encoder
                self._busy.add(encoder)
                self._encoding_started[video] = time
            case "encoded":
                _must(self._encoder[video] == encoder)
            case "queued":
                _must(encoder is None and publisher is None)
                self._busy.remove(self._encoder.pop(video))
            case "assigned":
                _must(self._publishers.get(publisher) == "ready")
                self._publishers[publisher] = video
            case _:
                elapsed = time - self._encoding_started[video]
                on_time = elapsed <= self._videos[video].publication_timeout
                _must(self._publishers.get(publisher) == video and (event == "published") == on_time)
                self.owed = LogEntry(time, "publisher_ended", video, None, publisher)


def _must(hold: bool) -> None:
    if not hold:
        raise Contradiction
