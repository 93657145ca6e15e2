"""The simulated system in plain Python: an executable specification to hold tv2sim against.

It is written to be read, not to be fast, and shares nothing with the library. Inside, time is a whole number of
microseconds: a duration in seconds is rounded where it comes in, a time is divided by 10**6 where it goes out.
Whatever may happen next is an event `(time, phase, key)`, and always the smallest one happens. Events with a
known time stand on the agenda; two kinds wait for a condition instead (room in the queue, a free encoder) and
are candidates whenever it holds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple

NAN = math.nan

# The order within one instant. "The client hands over" is two steps here, as it may have to wait in between.
ENCODING_ENDS, PUBLISHER_READY, ADMISSION, OFFER, HAND_OVER, PUBLICATION, DELAYED_START = range(1, 8)

Event = tuple[int, int, int]
Row = dict[str, Any]
Startup = Callable[[int | None, int], float]
"""The seconds that a publisher takes to start, given its cause and its number."""


def microseconds(seconds: float) -> int:
    """Round to the nearest microsecond, halves to the even one."""
    return round(seconds * 1e6)


@dataclass(frozen=True)
class Rule:
    """A strategy: when to order a publisher for a video, whether for it alone; the pool's base stock."""

    starts_on: str | None = None
    dedicated: bool = False
    prewarmed: int = 0
    delay: float = 0.0


@dataclass(frozen=True)
class World:
    """A scenario's numbers, except for the start-up time."""

    encoders: int = 10
    requests_per_second: float = 2.0
    publishing_time: float = 0.0
    publishing_queue_capacity: int | None = 100
    until: float | None = None


class Outcome(NamedTuple):
    """The rows of the two tables, when the run ended, and why."""

    videos: list[Row]
    publishers: list[Row]
    end: float
    ending: str


@dataclass
class Video:
    """A row of the videos' table: nothing has happened yet."""

    encoding_time: float
    publication_timeout: float
    submitted_at: float | None = None
    offered: float = NAN
    encoder: int | None = None
    encoding_started: float = NAN
    encoded: float = NAN
    queued: float = NAN
    publisher: int | None = None
    assigned: float = NAN
    published: float = NAN
    elapsed: float = NAN
    on_time: bool = False
    outcome: str = "unfinished"


@dataclass
class Publisher:
    """A row of the publishers' table: it has just been started."""

    publisher: int
    cause: int | None
    started: float
    ready: float = NAN
    assigned: float = NAN
    ended: float = NAN
    video: int | None = None
    idle: float = 0.0
    outcome: str = "unfinished"


class System:
    """The state of the system, and one method for each thing that may happen to it."""

    def __init__(self, videos: list[Video], rule: Rule, world: World, startup: Startup) -> None:
        self.videos, self.rule, self.world, self.startup = videos, rule, world, startup
        self.publishers: list[Publisher] = []
        self.now = 0
        self.agenda: list[Event] = []
        self.without_outcome = len(videos)
        self.free = [(0, number) for number in range(world.encoders)]  # encoders: free since when, number
        self.offering: int | None = None  # the video that the client offers at the moment
        self.blocked: deque[int] = deque()  # encoded videos that still hold their encoder
        self.queue: deque[int] = deque()  # videos that wait for any publisher
        self.ready: list[tuple[int, int]] = []  # shared publishers: ready since when, number
        self.starting = 0  # shared publishers that are not ready yet
        self.own: dict[int, int] = {}  # dedicated publisher of a video

    def run(self) -> Outcome:
        """Let everything happen up to the end of the run."""
        for _ in range(self.rule.prewarmed):
            self.start_publisher(None, dedicated=False)
        self.plan(microseconds(self.videos[0].submitted_at or 0), OFFER, 0)
        happen = {
            ENCODING_ENDS: self.encoding_ends,
            PUBLISHER_READY: self.publisher_ready,
            ADMISSION: self.admit,
            OFFER: self.offer,
            HAND_OVER: self.hand_over,
            PUBLICATION: self.publication,
            DELAYED_START: self.delayed_start,
        }
        last = math.inf if self.world.until is None else microseconds(self.world.until)
        while (event := self.next_event()) is not None and event[0] <= last:
            if event in self.agenda[:1]:
                heappop(self.agenda)
            self.now, phase, key = event
            happen[phase](key)
            if self.without_outcome == 0:
                last = self.now  # the rest of this instant still happens
        if self.without_outcome == 0:
            return self.outcome(self.now, "completed")
        if event is None:
            return self.outcome(self.now, "no publisher will come")
        return self.outcome(last, "cut-off")

    def plan(self, time: int, phase: int, key: int) -> None:
        """Put an event with a known time on the agenda."""
        heappush(self.agenda, (time, phase, key))

    def next_event(self) -> Event | None:
        """Find out what happens next; None if nothing will ever happen again."""
        candidates = self.agenda[:1]
        if self.blocked and self.has_room():
            candidates.append((self.now, ADMISSION, self.blocked[0]))
        if self.offering is not None and self.free:
            candidates.append((self.now, HAND_OVER, self.offering))
        return min(candidates, default=None)

    def has_room(self) -> bool:
        """Tell if one more video may join the queue; if a publisher is ready, it takes no place there."""
        capacity = self.world.publishing_queue_capacity
        return capacity is None or len(self.queue) < capacity + len(self.ready)

    def offer(self, row: int) -> None:
        self.offering = row
        self.videos[row].offered = self.now

    def hand_over(self, row: int) -> None:
        video = self.videos[row]
        self.offering = None
        _, video.encoder = heappop(self.free)
        video.encoding_started = self.now
        self.plan(self.now + microseconds(video.encoding_time), ENCODING_ENDS, row)
        if row + 1 < len(self.videos):
            after_the_pause = self.now + max(1, microseconds(1 / self.world.requests_per_second))
            submitted = microseconds(self.videos[row + 1].submitted_at or 0)
            self.plan(max(after_the_pause, submitted), OFFER, row + 1)
        self.order_publisher("encoding_started", row)

    def encoding_ends(self, row: int) -> None:
        self.videos[row].encoded = self.now
        self.order_publisher("encoded", row)
        if self.rule.dedicated or self.has_room():
            self.leave_encoder(row)
        else:
            self.blocked.append(row)

    def admit(self, row: int) -> None:
        self.blocked.popleft()
        self.leave_encoder(row)

    def leave_encoder(self, row: int) -> None:
        video = self.videos[row]
        assert video.encoder is not None
        video.queued = self.now
        heappush(self.free, (self.now, video.encoder))
        self.order_publisher("queued", row)
        if self.rule.dedicated:
            self.serve_own(row)
        else:
            self.queue.append(row)
            self.serve_queue()

    def order_publisher(self, moment: str, row: int) -> None:
        """Start a publisher for the video if the strategy says that this is the moment."""
        if self.rule.starts_on == moment:
            if delay := microseconds(self.rule.delay):
                self.plan(self.now + delay, DELAYED_START, row)
            else:
                self.start_publisher(row, self.rule.dedicated)

    def delayed_start(self, row: int) -> None:
        self.start_publisher(row, self.rule.dedicated)

    def start_publisher(self, cause: int | None, dedicated: bool) -> None:
        number = len(self.publishers)
        self.publishers.append(Publisher(number, cause, self.now))
        self.plan(self.now + microseconds(self.startup(cause, number)), PUBLISHER_READY, number)
        if dedicated and cause is not None:
            self.own[cause] = number
        else:
            self.starting += 1

    def publisher_ready(self, number: int) -> None:
        publisher = self.publishers[number]
        publisher.ready = self.now
        if publisher.cause is not None and self.own.get(publisher.cause) == number:
            self.serve_own(publisher.cause)
        else:
            self.starting -= 1
            heappush(self.ready, (self.now, number))
            self.serve_queue()

    def serve_own(self, row: int) -> None:
        """Give the video its own publisher as soon as both are there."""
        if row not in self.own:
            return
        publisher = self.publishers[self.own[row]]
        if not math.isnan(self.videos[row].queued) and not math.isnan(publisher.ready):
            self.assign(publisher, row)

    def serve_queue(self) -> None:
        """Give the queue's first video the publisher ready longest, and restore the base stock."""
        while self.queue and self.ready:
            row, (_, number) = self.queue.popleft(), heappop(self.ready)
            self.assign(self.publishers[number], row)
            while self.starting + len(self.ready) < self.rule.prewarmed:
                self.start_publisher(row, dedicated=False)

    def assign(self, publisher: Publisher, row: int) -> None:
        video = self.videos[row]
        video.publisher, publisher.video = publisher.publisher, row
        video.assigned = publisher.assigned = self.now
        self.plan(self.now + microseconds(self.world.publishing_time), PUBLICATION, publisher.publisher)

    def publication(self, number: int) -> None:
        publisher = self.publishers[number]
        assert publisher.video is not None
        video = self.videos[publisher.video]
        video.published = publisher.ended = self.now
        publisher.outcome = "ended"
        video.elapsed = video.published - video.encoding_started
        video.on_time = video.elapsed <= microseconds(video.publication_timeout)
        video.outcome = "published" if video.on_time else "failed"
        self.without_outcome -= 1

    def outcome(self, end: float, ending: str) -> Outcome:
        """Write the tables, now that the idle time of ready publishers without a video is known."""
        for publisher in self.publishers:
            if not math.isnan(publisher.ready):
                until = end if math.isnan(publisher.assigned) else publisher.assigned
                publisher.idle = until - publisher.ready
            if publisher.video is None:
                publisher.outcome = "unused"
        videos, publishers = ([in_seconds(row) for row in table] for table in (self.videos, self.publishers))
        return Outcome(videos, publishers, end / 1e6, ending)


TIMES = {
    "offered", "encoding_started", "encoded", "queued", "assigned", "published", "elapsed", "started", "ready",
    "ended", "idle",
}  # fmt: skip
"""The columns that are in microseconds while the system runs."""


def in_seconds(row: Video | Publisher) -> Row:
    """Write down a row, its times in seconds."""
    return {name: cell / 1e6 if name in TIMES else cell for name, cell in asdict(row).items()}


def reference(
    encoding_times: Sequence[float],
    timeouts: Sequence[float],
    rule: Rule,
    world: World,
    startup: Startup,
    submitted: Sequence[float | None] = (),
) -> Outcome:
    """Work out what must happen; `startup(cause, number)` is the start-up time of a publisher."""
    given = submitted or [None] * len(timeouts)
    videos = [Video(*row) for row in zip(encoding_times, timeouts, given, strict=True)]
    return System(videos, rule, world, startup).run()
