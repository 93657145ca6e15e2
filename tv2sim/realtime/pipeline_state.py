"""The state of a replay: an observer of the event log from which views and metrics are read."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice
from math import nan
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from tv2sim.base.lazy_pandas import pd
from tv2sim.catalogue import Catalogue, Video
from tv2sim.realtime.clock import Speed
from tv2sim.results.event_kinds import EVENTS, LogEntry, words
from tv2sim.results.facts import ATTEMPTS
from tv2sim.results.levels import WAITING, Places, shown
from tv2sim.results.metrics import Stats

if TYPE_CHECKING:
    from tv2sim.realtime.player import Player
    from tv2sim.world.scenario import Scenario

# -- the state at one time, as plain data for views ---------------------------------------------------------


Phase: TypeAlias = Literal["waiting", "running", "finished", "stopped", "failed"]
"""The phase of a replay; "waiting" is for the first video of a feed."""
UNDER_WAY = ("waiting", "running")
"""The phases in which time passes and control has an effect."""


class Waiting(msgspec.Struct):
    """A video, as a view shows it."""

    row: int
    title: str
    provider: str
    encoding_time: float
    deadline: float
    """Simulated time by which it has to be published; NaN before its encoding starts."""


class Client(msgspec.Struct):
    """The client: the video that it offers now, since when, and how many it has offered."""

    video: Waiting | None
    since: float
    taken: int
    left: int | None
    """Videos that are not offered yet; None if more may come."""
    again: int = 0
    """Videos that were refused and will be offered again."""


class Encoder(msgspec.Struct):
    """An encoder: its video, if it holds one, and the start and the end of the encoding.

    It is blocked when the encoding has ended and the publishing queue is full, and down while it is repaired.
    """

    number: int
    video: Waiting | None = None
    start: float = nan
    end: float = nan
    blocked: bool = False
    down: bool = False


class Publisher(msgspec.Struct):
    """A publisher: its state ("starting", "ready" or "busy"), since when, and its video."""

    number: int
    state: str
    since: float
    video: Waiting | None = None


class Happened(msgspec.Struct):
    """A line of the event log, as a view shows it."""

    time: float
    event: str
    resource: str | None
    row: int | None
    title: str


class Pipeline(msgspec.Struct):
    """Everything that a view shows of the system. Lists have a limited length; the totals count all."""

    version: int
    client: Client
    encoders: list[Encoder]
    encoders_total: int
    encoders_busy: int
    encoders_blocked: int
    encoders_down: int
    interrupted: int
    """Videos that have lost their encoder and wait to be encoded again."""
    queue: list[Waiting]
    queue_total: int
    beside: list[Waiting]
    """Videos beside the queue, which wait for a publisher of their own."""
    beside_total: int
    publishers: list[Publisher]
    publishers_starting: int
    publishers_ready: int
    publishers_busy: int
    publishers_started: int
    stats: dict[str, int]
    settled: int
    """Videos that have an outcome."""
    further: dict[str, int]
    """Counters of the scenario that the stats line does not have."""
    on_time_rate: float | None
    published: list[Waiting]
    """The last ones, the latest first."""
    failed: list[Waiting]
    events: list[Happened]
    """The last ones, the latest first."""


class Snapshot(msgspec.Struct):
    """A replay at one time. Times are in simulated seconds, lags in wall seconds."""

    phase: Phase
    ending: str | None
    """Why the run ended; None before."""
    time: float
    speed: Speed
    paused: bool
    lag: float
    lag_max: float
    catalogue: str
    strategy: str
    strategy_in_words: str
    seed: int
    replication: int
    startup_mean: float
    """Mean start-up time of a publisher in the scenario."""
    until: float | None
    restartable: bool
    """Whether the replay can be played again."""
    pipeline: Pipeline


class Frame(NamedTuple):
    """A snapshot, and the rows of the levels that a viewer does not have."""

    snapshot: Snapshot
    names: list[str]
    """The names of the levels: the columns of `rows` after the time."""
    generation: int
    """How often rows were left out: if it has changed, the rows that a viewer has are out of date."""
    start: int
    """The index of the first of `rows`; the last row that was sent may have changed."""
    rows: list[tuple[float, ...]]


PUBLISHER_STATES = ("starting", "ready", "busy", "failed")
"""States of publishers that views count; the last one is final."""
SHOWN = 40
"""Encoders, waiting videos and publishers that are described one by one; all are counted."""
EVENTS_SHOWN = 12
COUNTED = {
    "encoding_started": "client_submitted",
    "encoded": "encoded",
    "published": "published",
    "failed": "publish_failed",
    "discarded": "publish_failed",
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
    """The place of each video and publisher, the counters, and the durations so far. The caller holds a lock.

    Parameters
    ----------
    player : Player
        The source of the events.

    Attributes
    ----------
    time : float
        The time of the last line of the log.
    offered : dict
        For each video that the client offers: when the offer began.
    refused : set
        The videos that were refused and will be offered again.
    encoding_started : dict
        For each video whose encoding has started and that has no outcome yet: when it started.
    occupied : dict
        For each video that holds an encoder: the encoder.
    publishers : dict
        The publishers that have not ended, by number.
    places : Places
        The state of each video, publisher and encoder.
    levels : list
        The names of the levels that are noted in the history.
    attempts : dict
        By kind: how many attempts did not succeed.
    retries, redeliveries : int
        How often a video was offered again, and delivered again by the broker.
    elapsed, slack_left, startup, handoff : Histogram
        Simulated seconds; see the metrics of these names.
    warm, cold : int
        Videos that were assigned in the instant at which they were encoded (`warm`), or later (`cold`).
    """

    def __init__(self, player: Player) -> None:
        self._scenario = scenario = player.scenario
        self.encoders = scenario.encoder_count
        speeds = scenario.encoders
        self._speeds = speeds if isinstance(speeds, tuple) else (1.0,) * self.encoders
        self.videos = list(player.videos)
        self._more = player.live
        self._rejected = player.source.rejected
        self._own = player.own
        self.version = 0
        self.time = 0.0
        self.stats = Stats(client_parse_errors=0, client_submitted=0, encoded=0, published=0, publish_failed=0)
        self.history = History()
        self.places = Places(scenario, self._own)
        source = player.source
        self._times = isinstance(source, Catalogue) and source.publishing_time is not None
        self.levels = shown(scenario, self._times)
        self.offered: dict[int, float] = {}
        self.refused: set[int] = set()
        self.encoding_started: dict[int, float] = {}
        self.occupied: dict[int, Encoder] = {}
        self._queued: dict[int, None] = {}  # in the order in which they were queued: the videos without outcome
        self.publishers: dict[int, Publisher] = {}
        self.started = 0
        self.attempts = dict.fromkeys(ATTEMPTS, 0)
        self.elapsed = Histogram(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
        self.slack_left = Histogram(-10.0, -5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
        self.startup = Histogram(0.5, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 8.0, 10.0, 15.0, 30.0)
        self.handoff = Histogram(0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
        self.warm = self.cold = 0
        self.retries = self.redeliveries = 0
        self._stockouts: set[int] = set()  # the videos that found no ready publisher when they were encoded
        self._just_encoded: set[int] = set()  # at the time of the last line
        self._just_assigned: set[int] = set()  # likewise
        self._starts: dict[int, float] = {}  # when each of the publishers was started
        # idle seconds of publishers that are idle no more, and seconds of publishers that are gone
        self._idle = self._alive = 0.0
        # the largest values so far: Prometheus takes a counter that decreases by a rounding error for a restart
        self._most_idle = self._most_alive = 0.0
        self._taken = 0  # videos that the client has offered
        self._last = {name: deque[Waiting](maxlen=EVENTS_SHOWN) for name in ("published", "failed")}
        self._events = deque["LogEntry"](maxlen=EVENTS_SHOWN)
        self._act = {event: getattr(self, f"_on_{event}", None) for event in EVENTS}

    def accepted(self, video: Video) -> None:
        """Add a video that has come."""
        self.videos.append(video)
        if video.publishing_time is not None and not self._times:
            self._times = True
            before, self.levels = self.levels, shown(self._scenario, True)
            self.history.insert(*(place for place, name in enumerate(self.levels, 1) if name not in before))
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
        self.places.follow(entry)
        is_again = event == "encoding_started" and video in self.encoding_started
        if event in COUNTED and not is_again:
            self.stats[COUNTED[event]] += 1
        if video is not None and event in ("published", "failed", "discarded"):
            self._last["published" if event == "published" else "failed"].appendleft(self._shown(video))
        if (act := self._act.get(event)) is not None:
            act(time, video, publisher if encoder is None else encoder)
        self._events.appendleft(entry)
        levels = self.places.levels
        self.history.note(time, *[levels[name] for name in self.levels])
        self.version += 1

    def _end_instant(self) -> None:
        self._stockouts |= self._just_encoded - self._just_assigned
        self._just_encoded.clear()
        self._just_assigned.clear()

    # -- events: the time, the video, and the number of the encoder or publisher ---------------------------

    def _on_offered(self, time: float, video: int, _: None) -> None:
        self.offered[video] = time
        self._taken += 1

    def _on_encoding_started(self, time: float, video: int, encoder: int | None) -> None:
        if (offered := self.offered.pop(video, None)) is not None:
            self.handoff.observe(time - offered)
        if video in self.refused:
            self.refused.remove(video)
            self.retries += 1
        self.encoding_started.setdefault(video, time)
        if encoder is not None:
            end = time + self.videos[video].encoding_time / self._speeds[encoder]
            self.occupied[video] = Encoder(encoder, self._shown(video), time, end)

    def _on_refused(self, time: float, video: int, _: None) -> None:
        self.offered.pop(video, None)
        self.retries += video in self.refused
        self.refused.add(video)
        if self.places.of("video", video) == "refused":  # for good
            self.refused.remove(video)

    def _on_encoded(self, time: float, video: int, encoder: int | None) -> None:
        self._just_encoded.add(video)
        if encoder is not None:
            # blocked until it is queued, which is at once if there is room
            self.occupied[video] = replace(self.occupied[video], blocked=True)

    def _on_queued(self, time: float, video: int, _: None) -> None:
        self.occupied.pop(video, None)
        self._queued[video] = None

    def _on_redelivered(self, time: float, video: int, _: None) -> None:
        self.redeliveries += 1
        self._queued.setdefault(video)

    def _on_encoder_failed(self, time: float, video: int | None, _: int) -> None:
        if video is not None:
            del self.occupied[video]
            self.attempts["encoding"] += 1

    def _on_publisher_started(self, time: float, _: int | None, publisher: int) -> None:
        self.started += 1
        self._starts[publisher] = time
        self.publishers[publisher] = Publisher(publisher, "starting", time)

    def _on_publisher_ready(self, time: float, _: None, publisher: int) -> None:
        self.startup.observe(time - self._starts[publisher])
        self.publishers[publisher] = Publisher(publisher, "ready", time)

    def _on_assigned(self, time: float, video: int, publisher: int) -> None:
        if video in self._just_encoded:
            self.warm += 1
        else:
            self.cold += 1
        self._just_assigned.add(video)
        self._is_idle_no_more(time, self.publishers[publisher])
        self.publishers[publisher] = Publisher(publisher, "busy", time, self._shown(video))

    def _is_idle_no_more(self, time: float, publisher: Publisher) -> None:
        if publisher.state == "ready":
            self._idle += time - publisher.since

    def _remove(self, time: float, publisher: int) -> Publisher:
        """Remove a publisher that ends or fails, and add up its seconds."""
        one = self.publishers.pop(publisher)
        self._is_idle_no_more(time, one)
        self._alive += time - self._starts.pop(publisher)
        return one

    def _on_discarded(self, time: float, video: int, _: None) -> None:
        self.occupied.pop(video, None)
        self._forget(video)

    def _forget(self, video: int) -> float | None:
        """Forget a video that has its outcome; return when its encoding started, None if it had one before."""
        self._queued.pop(video, None)
        return self.encoding_started.pop(video, None)

    def _on_publisher_ended(self, time: float, video: int, publisher: int) -> None:
        one = self._remove(time, publisher)
        if (begun := self._forget(video)) is not None:
            # times are whole microseconds: rounded, the value equals ``run.videos`` and is in the right bucket
            self.elapsed.observe(round(time - begun, 6))
            held = one.since if self._scenario.deadline == "assigned" else time
            self.slack_left.observe(self.videos[video].publication_timeout - round(held - begun, 6))

    def _on_publisher_failed(self, time: float, video: int | None, publisher: int) -> None:
        if self._remove(time, publisher).state == "starting":
            self.attempts["startup"] += 1
        if video is None:
            return
        self.attempts["publishing"] += 1
        if self.places.of("video", video) not in WAITING:  # that was its last attempt
            self._forget(video)

    def _on_publisher_retired(self, time: float, _: None, publisher: int) -> None:
        self._remove(time, publisher)

    # -- figures -------------------------------------------------------------------------------------------

    @property
    def blocked(self) -> bool:
        """Whether the client offers a video that no encoder can take."""
        both = sum(self._is_down(encoder.number) for encoder in self.occupied.values())
        return bool(self.offered) and 0 < len(self.occupied) + self.down - both == self.encoders

    def _is_down(self, encoder: int) -> bool:
        return self.places.of("encoder", encoder) == "down"

    @property
    def down(self) -> int:
        """How many encoders are being repaired."""
        return self.places.counts["encoder", "down"]

    @property
    def settled(self) -> int:
        """How many videos have an outcome."""
        return self.stats["published"] + self.stats["publish_failed"] + self.places.counts["video", "refused"]

    @property
    def on_time_rate(self) -> float | None:
        """The share of published videos among the videos with an outcome; None before the first outcome."""
        return self.stats["published"] / self.settled if self.settled else None

    @property
    def publisher_states(self) -> dict[str, int]:
        """The number of publishers by state: of existing ones, and of all that have failed so far."""
        return {state: self.places.counts["publisher", state] for state in PUBLISHER_STATES}

    @property
    def stockouts(self) -> int:
        """Videos that were not assigned at the instant at which they were encoded, once that is over."""
        return len(self._stockouts)

    def idle(self, now: float) -> float:
        """Return the seconds for which publishers were ready without a video, up to now."""
        waiting = sum(now - one.since for one in self.publishers.values() if one.state == "ready")
        self._most_idle = max(self._most_idle, self._idle + waiting)
        return self._most_idle

    def alive(self, now: float) -> float:
        """Return the publisher-seconds from started to ended or failed, up to now."""
        existing = sum(now - since for since in self._starts.values())
        self._most_alive = max(self._most_alive, self._alive + existing)
        return self._most_alive

    # -- snapshots -----------------------------------------------------------------------------------------

    def pipeline(self) -> Pipeline:
        """Return a copy for other threads."""
        offered = next(iter(self.offered), None)
        busy = {encoder.number: encoder for encoder in self.occupied.values()}
        places, (queue, beside) = self.places, map(self._waiting, WAITING)
        return Pipeline(
            version=self.version,
            client=Client(
                None if offered is None else self._shown(offered),
                nan if offered is None else self.offered[offered],
                self._taken,
                None if self._more else len(self.videos) - self._taken,
                len(self.refused),
            ),
            encoders=[
                replace(busy.get(n, Encoder(n)), down=self._is_down(n))
                for n in range(min(self.encoders, SHOWN))
            ],
            encoders_total=self.encoders,
            encoders_busy=len(self.occupied),
            encoders_blocked=sum(encoder.blocked for encoder in self.occupied.values()),
            encoders_down=self.down,
            interrupted=places.counts["video", "interrupted"],
            queue=queue,
            queue_total=places.counts["video", WAITING[0]],
            beside=beside,
            beside_total=places.counts["video", WAITING[1]],
            publishers=list(islice(self.publishers.values(), SHOWN)),
            publishers_starting=places.levels["publishers_starting"],
            publishers_ready=places.levels["publishers_ready"],
            publishers_busy=places.levels["publishers_busy"],
            publishers_started=self.started,
            stats=dict(self.stats),
            settled=self.settled,
            further={name: row.count(self) for name, row in FURTHER.items() if row.has(self._scenario)},
            on_time_rate=self.on_time_rate,
            published=list(self._last["published"]),
            failed=list(self._last["failed"]),
            events=[self._shown_event(entry) for entry in self._events],
        )

    def _waiting(self, state: str) -> list[Waiting]:
        """Return the first videos that wait for a publisher in the queue, or beside it."""
        videos = (video for video in self._queued if self.places.of("video", video) == state)
        return [self._shown(video) for video in islice(videos, SHOWN)]

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


class Further(NamedTuple):
    """A counter that views show if its events can happen in the scenario."""

    count: Callable[[State], int]
    has: Callable[[Scenario], bool]


FURTHER = {
    "publishers failed": Further(
        lambda state: state.places.counts["publisher", "failed"], lambda world: world.faults.of_publishers
    ),
    "start-ups failed": Further(
        lambda state: state.attempts["startup"], lambda world: world.faults.startup > 0
    ),
    "publications failed": Further(
        lambda state: state.attempts["publishing"], lambda world: world.faults.publishing > 0
    ),
    "encodings lost": Further(lambda state: state.attempts["encoding"], lambda world: world.encoders_die),
    "retries": Further(lambda state: state.retries, lambda world: world.refuses),
    "videos refused": Further(
        lambda state: state.places.counts["video", "refused"], lambda world: world.most_offers is not None
    ),
    "redeliveries": Further(lambda state: state.redeliveries, lambda world: world.broker is not None),
}
"""The further counters, by their names for people. A new counter is a new row."""


# -- levels over time --------------------------------------------------------------------------------------


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

    def insert(self, *places: int) -> None:
        """Insert columns at places in ascending order; all rows so far are 0 in them."""
        for place in places:
            self.rows = [(*row[:place], 0, *row[place:]) for row in self.rows]
        self.generation += 1

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


def levels_of(rows: list[tuple[float, ...]], names: Sequence[str]) -> pd.DataFrame:
    """Return rows of a history as a table."""
    kinds = {"time": "float64"} | dict.fromkeys(names, "int64")
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
