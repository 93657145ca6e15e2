"""The state of a replay: an observer of the event log that knows where every video and publisher is."""

from __future__ import annotations

from collections import deque
from itertools import islice
from math import nan
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tv2sim.events import EVENTS, words
from tv2sim.metrics import Stats
from tv2sim.realtime.snapshot import Client, Encoder, Happened, Pipeline, Publisher, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from tv2sim.catalogue import Video
    from tv2sim.events import LogEntry

__all__ = ["COUNTED", "LEVELS", "History", "State", "frame_of"]

SHOWN = 40
"""Encoders, waiting videos and publishers that are described one by one; all are counted."""
EVENTS_SHOWN = 12
COUNTED = {
    "encoding_started": "client_submitted",
    "encoded": "encoded",
    "published": "published",
    "failed": "publish_failed",
}
"""The counter of the stats line that an event adds to."""


class State:
    """Where everything is. It has no lock of its own.

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
        self._encoders: dict[int, tuple[int, float, bool]] = {}  # of busy ones: video, since when, blocked
        self._encoder: dict[int, int] = {}  # of each video that holds one
        self._deadline: dict[int, float] = {}  # of each video from the start of its encoding to its outcome
        self._video: dict[int, int] = {}  # of each publisher that has one
        self._last = {name: deque[tuple[int, float]](maxlen=EVENTS_SHOWN) for name in ("published", "failed")}
        self._events = deque["LogEntry"](maxlen=EVENTS_SHOWN)
        self._act = {event: getattr(self, f"_{event}", None) for event in EVENTS}

    def accepted(self, video: Video) -> None:
        """Add a video that has come."""
        self.videos.append(video)
        self.version += 1

    def rejected(self, lines: int) -> None:
        """Set the number of lines that are no valid video."""
        if lines != self.stats["client_parse_errors"]:
            self.stats["client_parse_errors"] = lines
            self.version += 1

    def complete(self) -> None:
        """Note that no further video will come."""
        self.version += self._more
        self._more = False

    def __call__(self, entry: LogEntry) -> None:
        """Follow a line of the log."""
        time, event, video, encoder, publisher = entry
        if event in COUNTED:
            self.stats[COUNTED[event]] += 1
        if (act := self._act.get(event)) is not None:
            act(time, video, publisher if encoder is None else encoder)
        self._events.appendleft(entry)
        self.history.note(
            time,
            self.busy,
            len(self.queue),
            self.starting,
            self.ready,
            self.stats["published"],
            self.stats["publish_failed"],
        )
        self.version += 1

    # -- events: their time, the video and the number of the encoder or publisher ------ -------------------

    def _offered(self, time: float, video: int, _: None) -> None:
        self.offered, self._since = video, time
        self._taken += 1

    def _encoding_started(self, time: float, video: int, encoder: int) -> None:
        self.offered = None
        self.busy += 1
        self._deadline[video] = time + self.videos[video].publication_timeout
        self._encoders[encoder] = (video, time, False)
        self._encoder[video] = encoder

    def _encoded(self, time: float, video: int, encoder: int) -> None:
        # blocked until it is queued, which is at once if there is room
        self._encoders[encoder] = (video, self._encoders[encoder][1], True)

    def _queued(self, time: float, video: int, _: None) -> None:
        self.busy -= 1
        del self._encoders[self._encoder.pop(video)]
        (self.beside if self._own[video] else self.queue)[video] = None

    def _publisher_started(self, time: float, video: int | None, publisher: int) -> None:
        self.starting += 1
        self.started += 1
        self.publishers[publisher] = Publisher(publisher, "starting", time)

    def _publisher_ready(self, time: float, _: None, publisher: int) -> None:
        self.starting -= 1
        self.ready += 1
        self.publishers[publisher] = Publisher(publisher, "ready", time)

    def _assigned(self, time: float, video: int, publisher: int) -> None:
        self.ready -= 1
        self.publishers[publisher] = Publisher(publisher, "publishing", time)
        self._video[publisher] = video
        (self.beside if self._own[video] else self.queue).pop(video, None)

    def _published(self, time: float, video: int, _: int) -> None:
        self._last["published"].appendleft((video, self._deadline.pop(video)))

    def _failed(self, time: float, video: int, _: int) -> None:
        self._last["failed"].appendleft((video, self._deadline.pop(video)))

    def _publisher_ended(self, time: float, _: int | None, publisher: int) -> None:
        del self.publishers[publisher]
        self._video.pop(publisher, None)

    # -- what is shown -------------------------------------------------------------------------------------

    @property
    def publishing(self) -> int:
        """Publishers that publish a video."""
        return len(self.publishers) - self.starting - self.ready

    @property
    def on_time_rate(self) -> float | None:
        """The share of published videos among those with an outcome; None before the first outcome."""
        out = self.stats["published"] + self.stats["publish_failed"]
        return self.stats["published"] / out if out else None

    def pipeline(self) -> Pipeline:
        """Return a copy for other threads."""
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
            publishers=[self._shown_publisher(one) for one in islice(self.publishers.values(), SHOWN)],
            publishers_starting=self.starting,
            publishers_ready=self.ready,
            publishers_publishing=self.publishing,
            publishers_started=self.started,
            stats=dict(self.stats),
            on_time_rate=self.on_time_rate,
            published=[self._shown(*last) for last in self._last["published"]],
            failed=[self._shown(*last) for last in self._last["failed"]],
            events=[self._shown_event(entry) for entry in self._events],
        )

    def _shown_encoders(self) -> list[Encoder]:
        """Return the first encoders, the busy ones with their video."""
        encoders = [Encoder(number) for number in range(min(self.encoders, SHOWN))]
        for number, (video, start, blocked) in self._encoders.items():
            if number < len(encoders):
                end = start + self.videos[video].encoding_time
                encoders[number] = Encoder(number, self._shown(video), start, end, blocked)
        return encoders

    def _shown_publisher(self, publisher: Publisher) -> Publisher:
        video = self._video.get(publisher.number)
        return publisher if video is None else replace(publisher, video=self._shown(video))

    def _shown_event(self, entry: LogEntry) -> Happened:
        title = "" if entry.video is None else self.videos[entry.video].title
        resource = words(entry, own=entry.video is not None and bool(self._own[entry.video])) or None
        return Happened(entry.time, entry.event, resource, entry.video, title)

    def _shown(self, row: int, deadline: float = nan) -> Waiting:
        video = self.videos[row]
        return Waiting(
            row,
            video.title[:_TITLE],
            video.provider[:_TITLE],
            video.encoding_time,
            self._deadline.get(row, deadline),
        )


_TITLE = 120
"""Characters of a title that are shown."""


# -- levels over time --------------------------------------------------------------------------------------

LEVELS = (
    "time",
    "encoders_busy",
    "publishing_queue",
    "publishers_starting",
    "publishers_ready",
    "published",
    "failed",
)
"""The columns of ``run.levels``."""

Row = tuple[float, int, int, int, int, int, int]


class History:
    """A row for each time at which something happened, with the state after it.

    Parameters
    ----------
    most : int
        With more rows than that, every second one is left out, and from then on of the new ones as well.
    """

    def __init__(self, most: int = 4000) -> None:
        self.rows: list[Row] = []
        """The last one changes as long as events of its time happen."""
        self.generation = 0
        """How often rows were left out: when it changes, rows that were read before are out of date."""
        self._most = most
        self._every = 1
        self._skipped = 0

    def note(self, *row: float) -> None:
        """Note the levels after an event: the values of :data:`LEVELS`."""
        fresh: Row = row  # type: ignore[assignment]
        if self.rows and (self.rows[-1][0] == fresh[0] or self._skipped < self._every - 1):
            self._skipped += self.rows[-1][0] != fresh[0]
            self.rows[-1] = fresh
            return
        self._skipped = 0
        self.rows.append(fresh)
        if len(self.rows) > self._most:
            del self.rows[1:-1:2]
            self.generation += 1
            self._every *= 2


def frame_of(rows: list[Row]) -> pd.DataFrame:
    """Return rows of levels as a table."""
    import pandas as pd

    kinds = dict.fromkeys(LEVELS[1:], "int64") | {"time": "float64"}
    return pd.DataFrame(rows, columns=list(LEVELS)).astype(kinds)
