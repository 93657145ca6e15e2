"""The state of a replay: an observer of the event log that holds what views and metrics show."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import accumulate, islice
from math import nan
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tv2sim.events import EVENTS, words
from tv2sim.metrics import Stats
from tv2sim.realtime.snapshot import Client, Encoder, Happened, Pipeline, Publisher, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from tv2sim.catalogue import Video
    from tv2sim.events import LogEntry
    from tv2sim.realtime.simulated import Player

__all__ = ["COUNTED", "Histogram", "History", "State", "levels_of"]

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


class Histogram:
    """Counts of values up to each of some bounds.

    Parameters
    ----------
    bounds : float
        In ascending order; beyond the last one there is another bucket.
    """

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Yield each bound as a text, and how many values were at most that; the last bound is "+Inf"."""
        return zip([*map(str, self.bounds), "+Inf"], accumulate(self.counts), strict=True)


class State:
    """Where each video and publisher is, the counters, and the durations so far. The caller holds a lock.

    Parameters
    ----------
    player : Player
        What is played.

    Attributes
    ----------
    time : float
        The time of the last line of the log.
    offered : dict
        For each video that the client offers: when the offer began.
    encoding_started : dict
        For each video whose encoding has started and that has no outcome yet: when it started.
    occupied : dict
        For each video that holds an encoder: the encoder.
    publishers : dict
        The publishers that have not ended, by number. `publisher_states` counts them by state.
    elapsed, slack_left, startup, handoff : Histogram
        Simulated seconds; see the metrics of these names.
    warm, cold : int
        Videos that were assigned in the instant at which they were encoded (`warm`), or later (`cold`).
    stockouts : int
        Videos that were not assigned in the instant at which they were encoded, including those that still
        wait. They are counted when that instant is over.
    """

    def __init__(self, player: Player) -> None:
        self.encoders = player.scenario.encoder_count
        self.videos = list(player.videos)
        self._more = player.live
        self._rejected = player.source.rejected
        self._own = player.own
        self.version = 0
        self.time = 0.0
        self.stats = Stats(client_parse_errors=0, client_submitted=0, encoded=0, published=0, publish_failed=0)
        self.history = History()
        self.offered: dict[int, float] = {}
        self.encoding_started: dict[int, float] = {}
        self.occupied: dict[int, Encoder] = {}
        self.queue: dict[int, None] = {}
        self.beside: dict[int, None] = {}
        self.publishers: dict[int, Publisher] = {}
        self.publisher_states = {"starting": 0, "ready": 0, "publishing": 0}
        self.started = 0
        self.elapsed = Histogram(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
        self.slack_left = Histogram(-10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
        self.startup = Histogram(0.5, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 8.0, 10.0, 15.0, 30.0)
        self.handoff = Histogram(0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
        self.warm = self.cold = self.stockouts = 0
        self._just_encoded: set[int] = set()  # at the time of the last line, and not assigned
        self._without_video: dict[int, float] = {}  # the start of each publisher that has had no video
        self._idle = self._alive = 0.0  # publisher-seconds of the publishers that have had a video
        # the largest values so far: Prometheus takes a counter that decreases by a rounding error for a restart
        self._most_idle = self._most_alive = 0.0
        self._taken = 0  # videos that the client has offered
        self._last = {name: deque[Waiting](maxlen=EVENTS_SHOWN) for name in ("published", "failed")}
        self._events = deque["LogEntry"](maxlen=EVENTS_SHOWN)
        self._act = {event: getattr(self, f"_on_{event}", None) for event in EVENTS}

    def accepted(self, video: Video) -> None:
        """Add a video that has come."""
        self.videos.append(video)
        self.version += 1

    def count_rejected(self) -> None:
        """Count the lines that are not valid videos."""
        if len(self._rejected) != self.stats["client_parse_errors"]:
            self.stats["client_parse_errors"] = len(self._rejected)
            self.version += 1

    def complete(self) -> None:
        """Note that the replay is over: nothing more will happen, and no video will come."""
        self._end_instant()
        self.version += self._more
        self._more = False

    def __call__(self, entry: LogEntry) -> None:
        """Follow a line of the log."""
        time, event, video, encoder, publisher = entry
        if time > self.time:
            self._end_instant()
            self.time = time
        if event in COUNTED:
            self.stats[COUNTED[event]] += 1
        if (act := self._act.get(event)) is not None:
            act(time, video, publisher if encoder is None else encoder)
        self._events.appendleft(entry)
        self.history.note(time, *(level(self) for level in _LEVELS.values()))
        self.version += 1

    def _end_instant(self) -> None:
        self.stockouts += len(self._just_encoded)
        self._just_encoded.clear()

    # -- events: the time, the video, and the number of the encoder or publisher ---------------------------

    def _on_offered(self, time: float, video: int, _: None) -> None:
        self.offered[video] = time
        self._taken += 1

    def _on_encoding_started(self, time: float, video: int, encoder: int) -> None:
        self.handoff.observe(time - self.offered.pop(video))
        self.encoding_started[video] = time
        end = time + self.videos[video].encoding_time
        self.occupied[video] = Encoder(encoder, self._shown(video), time, end)

    def _on_encoded(self, time: float, video: int, _: int) -> None:
        self._just_encoded.add(video)
        # blocked until it is queued, which is at once if there is room
        self.occupied[video] = replace(self.occupied[video], blocked=True)

    def _on_queued(self, time: float, video: int, _: None) -> None:
        del self.occupied[video]
        (self.beside if self._own[video] else self.queue)[video] = None

    def _on_publisher_started(self, time: float, _: int | None, publisher: int) -> None:
        self.started += 1
        self._without_video[publisher] = time
        self._set(Publisher(publisher, "starting", time))

    def _on_publisher_ready(self, time: float, _: None, publisher: int) -> None:
        self.startup.observe(time - self._without_video[publisher])
        self._set(Publisher(publisher, "ready", time))

    def _on_assigned(self, time: float, video: int, publisher: int) -> None:
        if video in self._just_encoded:
            self._just_encoded.remove(video)
            self.warm += 1
        else:
            self.cold += 1
        self._idle += time - self.publishers[publisher].since
        self._alive += time - self._without_video.pop(publisher)
        self._set(Publisher(publisher, "publishing", time, self._shown(video)))
        (self.beside if self._own[video] else self.queue).pop(video, None)

    def _on_published(self, time: float, video: int, _: int, outcome: str = "published") -> None:
        self._last[outcome].appendleft(self._shown(video))
        # times are whole microseconds: rounded, the value is that of ``run.videos`` and in the right bucket
        elapsed = round(time - self.encoding_started.pop(video), 6)
        self.elapsed.observe(elapsed)
        self.slack_left.observe(self.videos[video].publication_timeout - elapsed)

    def _on_failed(self, time: float, video: int, publisher: int) -> None:
        self._on_published(time, video, publisher, "failed")

    def _on_publisher_ended(self, time: float, _: int | None, publisher: int) -> None:
        self.publisher_states[self.publishers.pop(publisher).state] -= 1

    def _set(self, publisher: Publisher) -> None:
        """Put a publisher in place of the one of its number."""
        if (before := self.publishers.get(publisher.number)) is not None:
            self.publisher_states[before.state] -= 1
        self.publisher_states[publisher.state] += 1
        self.publishers[publisher.number] = publisher

    # -- what is measured ----------------------------------------------------------------------------------

    @property
    def on_time_rate(self) -> float | None:
        """The share of published videos among those with an outcome; None before the first outcome."""
        settled = self.stats["published"] + self.stats["publish_failed"]
        return self.stats["published"] / settled if settled else None

    def idle(self, now: float) -> float:
        """Return the seconds for which publishers were ready without a video, up to now."""
        waiting = sum(now - one.since for one in self.publishers.values() if one.state == "ready")
        self._most_idle = max(self._most_idle, self._idle + waiting)
        return self._most_idle

    def alive(self, now: float) -> float:
        """Return the publisher-seconds from started to assigned, up to now."""
        waiting = sum(now - since for since in self._without_video.values())
        self._most_alive = max(self._most_alive, self._alive + waiting)
        return self._most_alive

    # -- what is shown -------------------------------------------------------------------------------------

    def pipeline(self) -> Pipeline:
        """Return a copy for other threads."""
        offered = next(iter(self.offered), None)
        return Pipeline(
            version=self.version,
            client=Client(
                None if offered is None else self._shown(offered),
                nan if offered is None else self.offered[offered],
                self._taken,
                None if self._more else len(self.videos) - self._taken,
            ),
            encoders=self._shown_encoders(),
            encoders_total=self.encoders,
            encoders_busy=len(self.occupied),
            queue=[self._shown(video) for video in islice(self.queue, SHOWN)],
            queue_total=len(self.queue),
            beside=[self._shown(video) for video in islice(self.beside, SHOWN)],
            beside_total=len(self.beside),
            publishers=list(islice(self.publishers.values(), SHOWN)),
            **{f"publishers_{state}": number for state, number in self.publisher_states.items()},
            publishers_started=self.started,
            stats=dict(self.stats),
            on_time_rate=self.on_time_rate,
            published=list(self._last["published"]),
            failed=list(self._last["failed"]),
            events=[self._shown_event(entry) for entry in self._events],
        )

    def _shown_encoders(self) -> list[Encoder]:
        """Return the first encoders, the busy ones with their video."""
        encoders = [Encoder(number) for number in range(min(self.encoders, SHOWN))]
        for encoder in self.occupied.values():
            if encoder.number < len(encoders):
                encoders[encoder.number] = encoder
        return encoders

    def _shown_event(self, entry: LogEntry) -> Happened:
        title = "" if entry.video is None else self.videos[entry.video].title
        resource = words(entry, own=entry.video is not None and bool(self._own[entry.video])) or None
        return Happened(entry.time, entry.event, resource, entry.video, title)

    def _shown(self, row: int) -> Waiting:
        video = self.videos[row]
        deadline = self.encoding_started.get(row, nan) + video.publication_timeout
        return Waiting(row, video.title[:_TITLE], video.provider[:_TITLE], video.encoding_time, deadline)


_TITLE = 120
"""Characters of a title that are shown."""


# -- levels over time --------------------------------------------------------------------------------------

_LEVELS: dict[str, Callable[[State], int]] = {
    "encoders_busy": lambda state: len(state.occupied),
    "publishing_queue": lambda state: len(state.queue),
    "publishers_starting": lambda state: state.publisher_states["starting"],
    "publishers_ready": lambda state: state.publisher_states["ready"],
    "published": lambda state: state.stats["published"],
    "failed": lambda state: state.stats["publish_failed"],
}
"""The columns of ``run.levels`` after that of the time, and how each is read from the state."""


class History:
    """The levels over time: a row for each time at which something happened, with the state after it.

    Invariant: the first row is kept, and the last row is the latest state even while rows are left out.

    Parameters
    ----------
    most : int
        With more rows than that, every second one is left out, and from then on of the new ones as well.
    """

    def __init__(self, most: int = 4000) -> None:
        self.rows: list[tuple[float, ...]] = []
        """The last one changes as long as events of its time happen."""
        self.generation = 0
        """How often rows were left out: when it changes, rows that were read before are out of date."""
        self._most = most
        self._every = 1
        self._skipped = 0

    def note(self, *row: float) -> None:
        """Note the values of ``run.levels`` after an event, the time first."""
        if self.rows and (self.rows[-1][0] == row[0] or self._skipped < self._every - 1):
            self._skipped += self.rows[-1][0] != row[0]
            self.rows[-1] = row
            return
        self._skipped = 0
        self.rows.append(row)
        if len(self.rows) > self._most:
            del self.rows[1:-1:2]
            self.generation += 1
            self._every *= 2


def levels_of(rows: list[tuple[float, ...]]) -> pd.DataFrame:
    """Return rows of a history as a table."""
    import pandas as pd

    kinds = {"time": "float64"} | dict.fromkeys(_LEVELS, "int64")
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
