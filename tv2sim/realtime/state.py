"""What goes on at the moment: an observer of the event log that knows where every video and publisher is."""

from __future__ import annotations

from collections import deque
from itertools import islice
from math import nan
from typing import TYPE_CHECKING

import msgspec

from tv2sim.events import words
from tv2sim.figures import Stats
from tv2sim.realtime.history import History
from tv2sim.realtime.snapshot import Client, Encoder, Happened, Pipeline, Publisher, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tv2sim.catalogue import Video
    from tv2sim.events import LogEntry

__all__ = ["State"]

SHOWN = 40
"""Of encoders, waiting videos and publishers, so many are described one by one; all are counted."""
EVENTS_SHOWN = 12


class State:
    """Where everything is.

    It is not locked: whoever shares it between threads does that.

    Parameters
    ----------
    encoders : int
        How many there are.
    videos : iterable of Video
        Those that are known beforehand; others are :meth:`accepted` as they come.
    more : bool
        Whether others may come.
    rejected : int
        Lines that are no valid video.
    own : sequence of int
        By video, as they come: 1 for those that wait for a publisher of their own, beside the queue.
    """

    def __init__(
        self,
        encoders: int,
        videos: Iterable[Video] = (),
        *,
        more: bool = False,
        rejected: int = 0,
        own: Sequence[int],
    ) -> None:
        self._own = own
        self.videos = list(videos)
        self.version = 0
        self.encoders = encoders
        self.stats = Stats(
            client_parse_errors=rejected, client_submitted=0, encoded=0, published=0, publish_failed=0
        )
        self.history = History()
        self.publishers: dict[int, Publisher] = {}
        self.starting = self.ready = self.started = 0
        self.queue: dict[int, None] = {}
        self.beside: dict[int, None] = {}
        self.busy = 0
        self.offered: int | None = None
        self._more = more
        self._taken = 0
        self._since = nan
        self._encoders: dict[int, Encoder] = {}
        self._encoding: dict[int, int] = {}
        self._deadline: dict[int, float] = {}
        self._last = {name: deque[Waiting](maxlen=EVENTS_SHOWN) for name in ("published", "failed")}
        self._events = deque[Happened](maxlen=EVENTS_SHOWN)

    def accepted(self, video: Video) -> None:
        """Know of a video that has come."""
        self.videos.append(video)
        self.version += 1

    def rejected(self, lines: int) -> None:
        """Know of lines that are no valid video: so many by now."""
        if lines != self.stats["client_parse_errors"]:
            self.stats["client_parse_errors"] = lines
            self.version += 1

    def complete(self) -> None:
        """Know that no further video will come."""
        self._more = False
        self.version += 1

    def __call__(self, entry: LogEntry) -> None:
        """Follow a line of the log."""
        video = -1 if entry.video is None else entry.video
        number = entry.publisher if entry.encoder is None else entry.encoder
        if (act := getattr(self, f"_{entry.event}", None)) is not None:
            act(entry.time, video, -1 if number is None else number)
        title = "" if video < 0 else self.videos[video].title
        resource = words(entry, own=video >= 0 and bool(self._own[video])) or None
        self._events.appendleft(Happened(entry.time, entry.event, resource, entry.video, title))
        self.history.note(
            entry.time,
            self.busy,
            len(self.queue),
            self.starting,
            self.ready,
            self.stats["published"],
            self.stats["publish_failed"],
        )
        self.version += 1

    # -- what can happen: its time, the video and the number of the resource, -1 where there is none --------

    def _offered(self, time: float, video: int, number: int) -> None:
        self.offered, self._since = video, time
        self._taken += 1

    def _encoding_started(self, time: float, video: int, number: int) -> None:
        self.offered = None
        self.busy += 1
        self.stats["client_submitted"] += 1
        what = self.videos[video]
        self._deadline[video] = time + what.publication_timeout
        self._encoders[number] = Encoder(number, self._shown(video), time, time + what.encoding_time)
        self._encoding[video] = number

    def _encoded(self, time: float, video: int, number: int) -> None:
        self.stats["encoded"] += 1
        self._encoders[number].blocked = True  # until it is queued, which is at once if there is room

    def _queued(self, time: float, video: int, number: int) -> None:
        self.busy -= 1
        del self._encoders[self._encoding.pop(video)]
        (self.beside if self._own[video] else self.queue)[video] = None

    def _publisher_started(self, time: float, video: int, number: int) -> None:
        self.starting += 1
        self.started += 1
        self.publishers[number] = Publisher(number, "starting", time)

    def _publisher_ready(self, time: float, video: int, number: int) -> None:
        self.starting -= 1
        self.ready += 1
        publisher = self.publishers[number]
        publisher.state, publisher.since = "ready", time

    def _assigned(self, time: float, video: int, number: int) -> None:
        self.ready -= 1
        publisher = self.publishers[number]
        publisher.state, publisher.since, publisher.video = "publishing", time, self._shown(video)
        self.queue.pop(video, None)
        self.beside.pop(video, None)

    def _published(self, time: float, video: int, number: int) -> None:
        self.stats["published"] += 1
        self._out("published", video)

    def _failed(self, time: float, video: int, number: int) -> None:
        self.stats["publish_failed"] += 1
        self._out("failed", video)

    def _publisher_ended(self, time: float, video: int, number: int) -> None:
        del self.publishers[number]

    def _out(self, outcome: str, video: int) -> None:
        self._last[outcome].appendleft(self._shown(video))
        del self._deadline[video]

    # -- what is shown -------------------------------------------------------------------------------------

    @property
    def publishing(self) -> int:
        """Publishers that are at work on a video."""
        return len(self.publishers) - self.starting - self.ready

    @property
    def on_time_rate(self) -> float | None:
        """Published ones of those that have an outcome; None if there is none yet."""
        out = self.stats["published"] + self.stats["publish_failed"]
        return self.stats["published"] / out if out else None

    def pipeline(self) -> Pipeline:
        """Return all of it, apart from what goes on: to be handed to another thread."""
        offered = self.offered
        known = len(self.videos) - self._taken
        return Pipeline(
            version=self.version,
            client=Client(
                None if offered is None else self._shown(offered),
                self._since,
                self._taken,
                None if self._more else known,
            ),
            encoders=self._shown_encoders(),
            encoders_total=self.encoders,
            encoders_busy=self.busy,
            queue=[self._shown(video) for video in islice(self.queue, SHOWN)],
            queue_total=len(self.queue),
            beside=[self._shown(video) for video in islice(self.beside, SHOWN)],
            beside_total=len(self.beside),
            publishers=[msgspec.structs.replace(one) for one in islice(self.publishers.values(), SHOWN)],
            publishers_starting=self.starting,
            publishers_ready=self.ready,
            publishers_publishing=self.publishing,
            publishers_started=self.started,
            stats=dict(self.stats),
            on_time_rate=self.on_time_rate,
            published=list(self._last["published"]),
            failed=list(self._last["failed"]),
            events=list(self._events),
        )

    def _shown_encoders(self) -> list[Encoder]:
        """Return the first encoders, the busy ones with what they do."""
        numbers = range(min(self.encoders, SHOWN))
        return [
            msgspec.structs.replace(busy) if (busy := self._encoders.get(n)) else Encoder(n) for n in numbers
        ]

    def _shown(self, row: int) -> Waiting:
        video = self.videos[row]
        return Waiting(
            row,
            video.title[:_TITLE],
            video.provider[:_TITLE],
            video.encoding_time,
            self._deadline.get(row, nan),
        )


_TITLE = 120
"""Characters of a title that are shown."""
