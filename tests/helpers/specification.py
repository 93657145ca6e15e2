"""The simulated system in plain Python: an executable specification to hold tv2sim against.

It is written to be read, not to be fast. It shares nothing with the library but the random numbers
(`tv2sim.base.random_numbers`) and distributions: their quantile function, distribution function and mean.
Inside, time is a whole number of microseconds: a duration in seconds is rounded where it comes in, and a time
is divided by 10**6 where it goes out. What the coverage rule decides in a state is in
`tests.helpers.coverage_reference`.

Whatever may happen next is an event `(time, place, key)`, and always the smallest one happens. `Place` is the
order of an instant; the method of `System` with a place's name says what happens there. Events with a known
time stand on the agenda. Others wait for a condition, such as room in the queue or a free encoder, and are
candidates whenever it holds.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum, auto
from fractions import Fraction
from functools import cache
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tests.helpers.coverage_reference import Encoding, Startup, Type, startup
from tests.helpers.coverage_reference import State as Coverage
from tv2sim import Exponential, Uniform
from tv2sim.base.random_numbers import Purpose, uniforms

NAN = math.nan

Row = dict[str, Any]
Value: TypeAlias = Any
"""A number, or a distribution: what has the method `quantile`."""


class Place(IntEnum):
    """What happens at one instant, in this order; behind each, the key that orders several of its kind."""

    ENCODING_ENDS = auto()  # video
    ENCODER_DIES = auto()  # encoder
    ENCODER_REPAIRED = auto()  # encoder
    PUBLISHER_READY = auto()  # publisher; or its start-up fails
    READY_DIES = auto()  # publisher
    ADMISSION = auto()  # the video blocked longest
    RESTART = auto()  # since when the video waits for another encoder, video
    RETRY = auto()  # since when it is due, video
    OFFER = auto()  # video
    HAND_OVER = auto()  # video; a step of its own, as the client may have to wait between the offer and this
    PUBLICATION = auto()  # publisher; at once, if publishing takes no time
    NOTICE = auto()  # publisher
    DELIVERY = auto()  # video
    DELAYED_START = auto()  # video, then order
    RETIREMENT = auto()  # publisher that has been idle long enough
    REVIEW = auto()  # one at a time
    LATEST_START = auto()  # video
    DECISION = auto()  # of a rule that decides at the end of the instant


class Event(NamedTuple):
    """Something that happens: events compare as tuples."""

    time: float
    place: Place
    key: tuple[float, ...]


def microseconds(seconds: float) -> int:
    """Round to the nearest microsecond, halves to the even one."""
    return round(seconds * 1e6)


def mean_of(times: Value) -> float:
    """Return the mean of a distribution, and a number as it is."""
    return float(times.mean) if hasattr(times, "quantile") else float(times)


def share_up_to(seconds: float, times: Value) -> float:
    """Return the share of all times that are at most so long."""
    return float(times.cdf(seconds)) if hasattr(times, "quantile") else float(times <= seconds)


def quantile_of(times: Value, share: float) -> float:
    """Return the time below which a share of all times lies."""
    return float(times.quantile(np.array([share]))[0]) if hasattr(times, "quantile") else float(times)


@cache
def table_of(times: Value, delay: int) -> Startup:
    """Return the table of a start-up time that the coverage rule reads; the delay is in microseconds."""
    if hasattr(times, "quantile"):
        return startup(
            lambda shares: [float(time) for time in times.quantile(np.array(shares))],
            lambda seconds: [float(share) for share in times.cdf(np.array(seconds))],
            delay,
        )
    return startup(
        lambda shares: [float(times) for _ in shares],
        lambda seconds: [float(s >= times) for s in seconds],
        delay,
    )


def longest_of(times: Value) -> float:
    """Return the longest time in seconds; if the times have no end, the quantile .999."""
    likely, end = quantile_of(times, 0.999), quantile_of(times, 1 - 2.0**-53)
    return end if end <= 1.1 * likely else likely


def rounded_up(number: float) -> int:
    """Return the next whole number; what is above one by an error of arithmetic alone is this one."""
    return math.ceil(number - 1e-9)


# -- what goes in ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lead:
    """How many seconds after a video's encoding starts its publisher is started, at least 0.

    The encoding time less `encoding`, or the timeout less `timeout`, whichever is smaller; or the encoding time
    less a `quantile` of the start-up time; or less the one that is best for one video (the newsvendor's), where
    each second has a price for which the publisher is `late`, or `idle`; or what a `table` has for the encoding
    time and timeout.
    """

    encoding: float | None = None
    timeout: float | None = None
    quantile: float | None = None
    table: Mapping[tuple[float, float], float] | None = None
    late: float | None = None
    idle: float | None = None

    def seconds(self, encoding_time: float, timeout: float, startup_time: Value) -> float:
        """Return how many for a video, whose nominal encoding time and timeout are known."""
        if self.table is not None:
            return self.table.get((encoding_time, timeout), 0.0)
        quantile = self.quantile
        if self.late is not None and self.idle is not None:
            quantile = self.late / (self.late + self.idle)
        if quantile is not None:
            return max(0.0, encoding_time - quantile_of(startup_time, quantile))
        left = [
            time - less
            for time, less in ((encoding_time, self.encoding), (timeout, self.timeout))
            if less is not None
        ]
        return max(0.0, min(left))


@dataclass(frozen=True)
class Rule:
    """A strategy: when publishers are started, for whom, and whom they serve."""

    # for each video: at which of its steps, for it alone or for the pool
    starts_on: str | None = None
    dedicated: bool = False
    # the pool at time 0; "rate": as many as start up at a time at the mean rate
    prewarmed: int | str = 0
    ready_at_start: bool = False
    # a publisher for a video alone if it is in time with at least this probability; how much later it starts
    dedicated_from: float | None = None
    lead: Lead | None = None
    delay: float = 0.0  # in place of a hook
    # the pool's level from then on, and its limits
    minimum: int | None = None  # the level is at least this; None: `prewarmed`
    headroom: float | tuple[float, float] | None = None  # a factor on the recent rate, and how recent (30 s)
    level: Callable[[float, int, int], int] | None = None  # in place of a hook: of time, waiting and busy
    maximum: int | None = None  # publishers that exist
    starts_at_most: int | None = None  # publishers ordered or starting
    idle_time_to_live: float | None = None  # of those beyond the level
    review_every: float | None = None
    # the queue
    queue_order: str = "fifo"
    dispatch: str | None = None  # "at_once" or "end_of_instant"
    discards_hopeless: bool = False
    # the coverage rule: prices in seconds, and which videos it expects
    price: float | None = None
    holds_back: float | bool | None = None  # None and True: as `price`
    forecast: str | tuple[tuple[float, float, int], ...] | None = (
        "online"  # or (encoding time, timeout, number)
    )
    # in place of all other rules of what the pool starts and whom it serves
    decide: Callable[[Seen], Answer] | None = None

    @property
    def holding(self) -> float | None:
        """The price at which ready publishers are held back; None: they are not."""
        return self.price if self.holds_back in (None, True) else self.holds_back or None

    @property
    def covers(self) -> bool:
        """Whether the coverage rule says who is served."""
        return self.price is not None or self.holding is not None

    @property
    def has_level(self) -> bool:
        """Whether the pool has a level up to which it is filled."""
        return self.price is None and self.decide is None

    @property
    def decides(self) -> bool:
        """Whether publishers are given to videos at the end of an instant, not at once."""
        return self.dispatch == "end_of_instant" or self.covers or self.decide is not None

    @property
    def discards(self) -> bool:
        """Whether videos are given up after their deadline."""
        return self.discards_hopeless or self.price is not None

    @property
    def order(self) -> str:
        """The order of the queue."""
        return "deadline" if self.covers else self.queue_order


class Known(NamedTuple):
    """A video as a rule sees it: its deadline, and how long it will be encoding."""

    row: int
    deadline: float
    remaining: float


class Seen(NamedTuple):
    """What a rule sees at the end of an instant, in seconds."""

    time: float
    waiting: tuple[Known, ...]  # for any publisher, in the order of the queue
    encoding: tuple[Known, ...]  # by row
    ordered: int  # publishers of the pool that are not started
    starting: tuple[float, ...]  # since how long each of the pool starts
    ready: int
    rate: float  # videos a second, from the first to the last start of an encoding
    mix: Mapping[tuple[float, float], int]  # how many videos by encoding time and timeout


class Answer(NamedTuple):
    """What a rule decides."""

    start: int = 0
    serve: Sequence[int] | None = None  # rows, in this order; None: all, in the order of the queue
    hold: int = 0  # publishers that stay ready
    discard: Sequence[int] = ()  # rows


@dataclass(frozen=True)
class Profile:
    """A rate that changes over time: steps (from, rate), of which the first is from 0, repeated each period."""

    steps: tuple[tuple[float, float], ...]
    period: float | None = None

    def pieces(self, start: Fraction) -> Iterator[tuple[Fraction, Fraction, Fraction | None]]:
        """Yield (from, rate, until) from a time on; the last has no end."""
        begins = [Fraction(begin) for begin, _ in self.steps]
        ends = [*begins[1:], None if self.period is None else Fraction(self.period)]
        rates = [Fraction(rate) for _, rate in self.steps]
        shift = Fraction(0)
        while True:
            for begin, end, rate in zip(begins, ends, rates, strict=True):
                if end is None or end + shift > start:
                    yield max(begin + shift, start), rate, None if end is None else end + shift
            if self.period is None:
                return
            shift += Fraction(self.period)

    @property
    def mean(self) -> float:
        """The rate in the long run."""
        if self.period is None:
            return self.steps[-1][1]
        ends = [begin for begin, _ in self.steps[1:]] + [self.period]
        lasts = [Fraction(end) - Fraction(begin) for (begin, _), end in zip(self.steps, ends, strict=True)]
        area = sum(Fraction(rate) * time for (_, rate), time in zip(self.steps, lasts, strict=True))
        return float(area / Fraction(self.period))


@dataclass(frozen=True)
class Faults:
    """What breaks: probabilities, and lifetimes in seconds."""

    startup: float = 0.0
    ready_lifetime: Value | None = None
    publishing: float = 0.0
    attempts: int | None = None
    encoder_lifetime: Value | None = None
    encoder_repair: Value = 0.0
    noticed_after: float = 0.0


@dataclass(frozen=True)
class RetryLater:
    """What the client does if no encoder is free: it goes on, and offers the video again later."""

    after: float
    factor: float = 1.0
    at_most: float | None = None
    attempts: int | None = None


@dataclass(frozen=True)
class Broker:
    """A queue outside of the system: times in seconds, and probabilities."""

    latency: Value = 0.0
    loss: float = 0.0
    redelivered_after: float = 30.0
    acknowledgement_loss: float = 0.0


@dataclass(frozen=True)
class World:
    """A scenario's fields, as tests write them or as they are read from a `tv2sim.Scenario`."""

    encoders: Any = 10
    requests_per_second: Any = 2.0
    publishing_time: Value = 0.0
    publishing_queue_capacity: int | None = 100
    until: float | None = None
    patience: float | None = None
    startup_time: Value = Uniform(2, 6)  # noqa: RUF009 (distributions are immutable)
    deadline: str = "published"
    arrivals: str = "even"
    encoding_factor: Value | None = None
    max_publishers: int | None = None
    provisioning_delay: float = 0.0
    faults: Any = Faults()
    hand_over: Any = None
    broker: Any = None

    @property
    def speeds(self) -> list[float]:
        """The speed of each encoder."""
        return [1.0] * self.encoders if isinstance(self.encoders, int) else list(self.encoders or ())

    @classmethod
    def of(cls, scenario: object) -> World:
        """Read those fields that the scenario has."""
        names = [each.name for each in fields(cls) if hasattr(scenario, each.name)]
        return cls(**{name: getattr(scenario, name) for name in names})

    def changes(self) -> dict[str, Any]:
        """Return the fields that are not the default."""
        return {
            each.name: value for each in fields(self) if (value := getattr(self, each.name)) != each.default
        }


class Clip(NamedTuple):
    """A video as the catalogue has it."""

    encoding_time: float | None
    publication_timeout: float
    submitted_at: float | None = None
    publishing_time: float | None = None
    priority: float | None = None


@dataclass(frozen=True)
class Draws:
    """The random numbers of a replication: each belongs to a purpose, an entity, and how many came before."""

    seed: int = 1
    replication: int = 0

    def number(self, purpose: Purpose, entity: int, further: int) -> float:
        """Return a number between 0 and 1."""
        return float(uniforms(self.seed, purpose, self.replication, 1, start=entity, further=further)[0])

    def value(self, of: Value, purpose: Purpose, entity: int, further: int) -> float:
        """Return a number as it is, and draw from a distribution."""
        if not hasattr(of, "quantile"):
            return float(of)
        return float(of.quantile(np.array([self.number(purpose, entity, further)]))[0])

    def time(self, of: Value, purpose: Purpose, entity: int, further: int) -> int:
        """Return the same in microseconds, of a number or distribution of seconds."""
        return microseconds(self.value(of, purpose, entity, further))

    def lifetime(self, of: Value, purpose: Purpose, entity: int, further: int) -> int:
        """Return the same of a lifetime, which is at least one microsecond."""
        return max(1, self.time(of, purpose, entity, further))

    def happens(self, probability: float, purpose: Purpose, entity: int, further: int) -> bool:
        """Tell whether what has this probability happens."""
        return probability > 0 and self.number(purpose, entity, further) < probability


# -- what comes out ----------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """The rows of the tables, the log (time, event, video, encoder, publisher), and how the run ended."""

    videos: list[Row]
    publishers: list[Row]
    attempts: list[Row]
    log: list[tuple[float, str, int | None, int | None, int | None]]
    end: float
    ending: str
    quota_waits: int


@dataclass
class Video:
    """A row of the videos' table: nothing has happened yet."""

    encoding_time: float | None
    publication_timeout: float
    submitted_at: float | None = None
    publishing_time: float | None = None
    priority: float | None = None
    offered: float = NAN
    encoder: int | None = None
    encoding_started: float = NAN
    encoded: float = NAN
    queued: float = NAN
    publisher: int | None = None
    assigned: float = NAN
    published: float = NAN
    settled: float = NAN
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


@dataclass
class Attempt:
    """A row of the table of attempts that did not succeed."""

    kind: str
    video: int | None
    encoder: int | None
    publisher: int | None
    started: float
    ended: float


TIMES = {
    "offered", "encoding_started", "encoded", "queued", "assigned", "published", "settled", "elapsed",
    "started", "ready", "ended", "idle",
}  # fmt: skip
"""The columns that are in microseconds while the system runs."""


def in_seconds(table: Sequence[Any]) -> list[Row]:
    """Write down the rows of a table, their times in seconds."""
    return [{name: cell / 1e6 if name in TIMES else cell for name, cell in vars(row).items()} for row in table]


# -- what the tables do not show -----------------------------------------------------------------------------


@dataclass
class Counts:
    """What has happened to a video how often so far; it numbers its draws."""

    offers: int = 0
    encodings: int = 0
    holds_since: int = 0  # its encoder
    attempts: int = 0  # to publish it
    deliveries: int = 0  # by the broker
    publications: int = 0
    place: int = 0  # in the publishing queue, by the first time that it joined it


class Order(NamedTuple):
    """A publisher that is to be started."""

    number: int
    cause: int | None
    slot: int | None  # of a publisher of the pool at time 0, which has no cause
    own: bool  # whether it serves only the video that is its cause
    warm: bool = False  # whether it is ready as soon as it starts

    @property
    def origin(self) -> tuple[str, int | None]:
        """What its draws belong to: a video or a slot, and its number; or neither, and they are numbered."""
        if self.cause is not None:
            return ("video", self.cause)
        return ("slot", self.slot) if self.slot is not None else ("neither", None)


@dataclass
class Life:
    """What belongs to a publisher besides its row: its order, and how many of the same origin came before."""

    order: Order
    further: int
    timers: set[Event] = field(default_factory=set)  # of a ready one: its death, the end of its idle time

    def draw(self, purpose: str) -> tuple[Purpose, int, int]:
        """Return what its number of a purpose belongs to."""
        kind, entity = self.order.origin
        name = purpose + {"video": "_FOR_VIDEO", "slot": "_OF_SLOT", "neither": "_WITHOUT_CAUSE"}[kind]
        return (Purpose[name], self.further, 0) if entity is None else (Purpose[name], entity, self.further)


# -- what happens ------------------------------------------------------------------------------------------


class System:
    """The state of the system, and one method for each thing that may happen to it."""

    def __init__(self, videos: list[Video], rule: Rule, world: World, draws: Draws) -> None:
        self.videos, self.rule, self.world, self.draws = videos, rule, world, draws
        self.publishers: list[Publisher] = []
        self.attempts: list[Attempt] = []
        self.log: list[tuple[float, str, int | None, int | None, int | None]] = []
        self.now = 0
        self.agenda: set[Event] = set()
        self.without_outcome = len(videos)
        self.counts = [Counts() for _ in videos]
        # what the rule makes of the world
        self.has_own = [rule.dedicated or self.is_worth_its_own(row) for row in range(len(videos))]
        self.prewarmed = self.needed_at_the_mean_rate() if rule.prewarmed == "rate" else int(rule.prewarmed)
        self.encoding_starts: list[int] = []  # the first of each video
        self.of_pool: list[tuple[int, int]] = []  # the same of the videos that use the pool, and their rows
        self.has_to_decide = True  # whether something has happened since the last decision, or it is time 0
        # client
        self.next = 0  # the first video that has not been offered
        self.next_offer: float = 0  # the client's pause lasts until then
        self.offering: int | None = None  # the video that the client offers at the moment
        self.retries: set[tuple[int, int]] = set()  # since when they are due, video
        # whether arrivals are fixed beforehand
        self.fixed = world.arrivals == "poisson" or world.encoders is None
        self.not_before = list(self.arrivals())
        # encoders
        self.free = {(0, number) for number in range(len(world.speeds))}  # free since when, number
        self.holding: dict[int, int] = {}  # encoders and the videos that hold them
        self.blocked: deque[int] = deque()  # encoded videos that still hold their encoder
        self.interrupted: set[tuple[int, int]] = set()  # since when, video
        self.down: set[int] = set()  # encoders that are being repaired
        self.encoder_deaths = [0] * len(world.speeds)
        # publishing stage
        self.queue: set[int] = set()  # videos that wait for any publisher
        self.hidden: set[int] = set()  # those of the queue that publishers do not see yet
        self.deliveries: dict[int, str] = {}  # what the delivery of a video will be that is on the agenda
        self.places = 0  # given to videos in the queue
        self.waits_for_own: set[int] = set()  # videos that wait for their dedicated publisher
        self.own: dict[int, int] = {}  # dedicated publisher of a video that it has not taken
        # publishers
        self.orders = 0
        self.provisioned: dict[int, tuple[Order, int]] = {}  # orders that wait for their timer, which ends then
        self.in_line: deque[tuple[Order, int]] = deque()  # orders that wait for the quota, and since when
        self.quota_waits = 0  # waits for the quota that were longer than 0
        self.lives: list[Life] = []
        self.started_for: dict[tuple[str, int | None], int] = {}  # publishers started for an origin
        self.alive = 0  # publishers that have neither ended nor failed
        self.ordered = 0  # shared publishers that are ordered but not started
        self.starting = 0  # shared publishers that are not ready yet
        self.ready: set[tuple[int, int]] = set()  # shared publishers: ready since when, number
        self.busy = 0  # shared publishers that publish
        self.publishing: set[int] = set()  # those of them that take time for it
        self.dead = 0  # shared publishers that have failed, which has not been noticed
        self.unnoticed: set[int] = set()  # all publishers that have failed so
        self.got_further = 0  # when a video reached a state for the first time, or this was to come

    def run(self) -> Outcome:
        """Let everything happen up to the end of the run."""
        self.prewarm()
        if self.rule.review_every is not None:
            self.plan(microseconds(self.rule.review_every), Place.REVIEW)
        for number in range(len(self.world.speeds)):
            self.begin_life(number)
        last = math.inf if self.world.until is None else microseconds(self.world.until)
        patience = self.patience()
        while (event := self.next_event()) is not None:
            ends = math.inf if self.is_progress_coming() else self.got_further + patience
            if self.without_outcome and event.time > ends and ends < last:
                return self.outcome(ends, "no progress")
            if event.time > last:
                break
            self.agenda.discard(event)
            if ends == math.inf:
                self.got_further = int(event.time)  # as it was to come until now
            self.now = int(event.time)
            happen, before = getattr(self, event.place.name.lower()), self.states_reached()
            happen(*event.key)
            if self.states_reached() > before:
                self.got_further = self.now
            if self.without_outcome == 0:
                last = self.now  # the rest of this instant still happens
        if self.without_outcome == 0:
            return self.outcome(self.now, "completed")
        if event is None:
            return self.outcome(self.now, self.why_nothing_happens())
        return self.outcome(last, "cut-off")

    def patience(self) -> int:
        """Return for how long no video has to get any further until the run ends."""
        if self.world.patience is not None:
            return microseconds(self.world.patience)
        world, faults, broker, retry = self.world, self.world.faults, self.world.broker, self.world.hand_over
        times = [
            world.startup_time, world.publishing_time, world.provisioning_delay, faults.ready_lifetime,
            faults.encoder_lifetime, faults.encoder_repair, faults.noticed_after,
        ]  # fmt: skip
        if broker is not None:
            times += [broker.latency, broker.redelivered_after]
        if retry is not None and retry.at_most is not None:
            times += [retry.at_most]
        elif retry is not None:
            refusals = range(1, max(2, retry.attempts or 1))
            times += [max(self.until_retry(number) for number in refusals) / 1e6]
        for row, video in enumerate(self.videos):
            times += [video.publication_timeout, video.publishing_time, self.delay(row) / 1e6]
            if world.speeds and video.encoding_time is not None:
                factor = longest_of(1.0 if world.encoding_factor is None else world.encoding_factor)
                times += [video.encoding_time * factor / min(world.speeds)]
        longest = max(microseconds(longest_of(time)) for time in times if time is not None)
        return max(3_600_000_000, 10 * longest)

    def states_reached(self) -> int:
        """Return how many states the videos have reached, each counted once for a video."""
        names = ("offered", "encoding_started", "encoded", "queued", "settled")
        times = sum(not math.isnan(getattr(video, name)) for video in self.videos for name in names)
        return times + sum(counts.attempts > 0 for counts in self.counts)

    def is_progress_coming(self) -> bool:
        """Tell whether a video's first encoding or a publishing runs, or when the next is offered is known."""
        runs = any(
            event.place is Place.PUBLICATION
            or (event.place is Place.ENCODING_ENDS and self.counts[int(event.key[0])].encodings == 1)
            for event in self.agenda
        )
        return runs or any(event.place is Place.OFFER for event in self.candidates())

    def why_nothing_happens(self) -> str:
        """Say why the run has ended with videos that have no outcome."""
        if any(video.outcome == "unfinished" and not math.isnan(video.encoded) for video in self.videos):
            return "no publisher will come"
        return "nothing left to happen"

    def plan(self, time: float, place: Place, *key: float) -> Event:
        """Put an event with a known time on the agenda."""
        event = Event(time, place, key)
        assert event not in self.agenda
        self.agenda.add(event)
        return event

    def next_event(self) -> Event | None:
        """Find out what happens next; None if nothing will ever happen again."""
        planned = (
            event
            for event in self.agenda
            if event.place is not Place.LATEST_START
            or (event.time >= self.now and self.lacks_publisher(int(event.key[0])))
        )
        return min([*planned, *self.candidates()], default=None)

    def candidates(self) -> Iterator[Event]:
        """Yield what happens as soon as a condition holds, where it does."""
        if self.blocked and self.has_room():
            yield Event(self.now, Place.ADMISSION, (self.blocked[0],))
        if self.interrupted and self.free:
            yield Event(self.now, Place.RESTART, min(self.interrupted))
        if self.retries:
            due, row = min(self.retries)
            yield Event(max(self.now, due, self.next_offer), Place.RETRY, (due, row))
        if self.offering is not None:
            if self.free:
                yield Event(self.now, Place.HAND_OVER, (self.offering,))
        elif self.next < len(self.videos):
            time = max(self.now, self.next_offer, self.not_before[self.next])
            if time < math.inf:
                yield Event(time, Place.OFFER, (self.next,))
        if self.rule.decides and self.has_to_decide:
            yield Event(self.now, Place.DECISION, ())

    def note(
        self, event: str, video: int | None = None, encoder: int | None = None, publisher: int | None = None
    ) -> None:
        """Write a line of the log; a rule that decides once an instant will look at what has changed."""
        self.log.append((self.now / 1e6, event, video, encoder, publisher))
        self.has_to_decide = True

    # -- client --------------------------------------------------------------------------------------------

    def arrivals(self) -> Iterator[float]:
        """Yield before which time each video is not offered, whatever has become of those before it."""
        time: float = 0
        for row, video in enumerate(self.videos):
            submitted = None if video.submitted_at is None else microseconds(video.submitted_at)
            if not self.fixed:
                yield submitted or 0
            elif self.world.encoders is None and submitted is not None:
                yield (time := max(time, submitted))
            else:
                poisson = self.world.arrivals == "poisson"
                one = self.draws.value(Exponential(1), Purpose.PAUSE, row, 0) if poisson else float(row > 0)
                yield max(time := time + self.pause(time, one), submitted or 0)

    def pause(self, start: float, grows_by: float) -> float:
        """Return how long it takes from a time on until the integral of the rate has grown so much."""
        rate = self.world.requests_per_second
        if not grows_by or start == math.inf:
            return 0
        if not hasattr(rate, "steps"):
            return max(1, microseconds(grows_by / rate))
        left = Fraction(grows_by)
        for begin, height, end in Profile(rate.steps, rate.period).pieces(Fraction(int(start), 10**6)):
            if height and (end is None or left <= height * (end - begin)):
                return max(1, round((begin + left / height) * 10**6 - int(start)))
            if end is not None:
                left -= height * (end - begin)
        return math.inf

    def offer(self, row: int) -> None:
        self.next = row + 1
        self.videos[row].offered = self.now
        self.note("offered", row)
        if self.world.encoders is None:
            self.skip_encoding(row)
        elif self.world.hand_over is None:
            self.offering = row
        else:
            self.offer_once(row)

    def hand_over(self, row: int) -> None:
        self.offering = None
        self.start_encoding(row)
        self.begin_pause()

    def begin_pause(self) -> None:
        self.next_offer = self.now + (0 if self.fixed else self.pause(self.now, 1))

    def offer_once(self, row: int) -> None:
        """Hand the video over, or let the server refuse it if no encoder is free."""
        self.counts[row].offers += 1
        if self.free:
            self.start_encoding(row)
        elif self.counts[row].offers == self.world.hand_over.attempts:
            self.settle(row, "refused")
        else:
            self.note("refused", row)
            self.retries.add((self.now + self.until_retry(self.counts[row].offers), row))
        self.begin_pause()

    def until_retry(self, refusals: int) -> int:
        """Return how long the client waits after so many refusals of a video, at least one microsecond."""
        retry = self.world.hand_over
        wait = retry.after * retry.factor ** (refusals - 1)
        return max(1, microseconds(wait if retry.at_most is None else min(wait, retry.at_most)))

    def retry(self, due: int, row: int) -> None:
        self.retries.remove((due, row))
        self.offer_once(row)

    def skip_encoding(self, row: int) -> None:
        """Let the video go straight to the publishing stage."""
        self.videos[row].encoding_started = self.counts[row].holds_since = self.now
        self.begins_first(row)
        self.note("encoding_started", row)
        self.moment("encoding_started", row)
        self.step(row)
        self.videos[row].encoded = self.now
        self.note("encoded", row)
        self.moment("encoded", row)
        self.step(row)
        self.reach_publishing_stage(row)

    # -- encoders ------------------------------------------------------------------------------------------

    def begins_first(self, row: int) -> None:
        """Let the rule know that the encoding of a video starts, for the first time."""
        self.encoding_starts.append(self.now)
        if not self.has_own[row]:
            self.of_pool.append((self.now, row))
            if self.rule.price and (time := self.coverage([]).latest_start(self.deadline(row))) > self.now:
                self.plan(time, Place.LATEST_START, row)

    def start_encoding(self, row: int) -> None:
        """Let the encoder free longest take the video."""
        video, counts = self.videos[row], self.counts[row]
        longest = min(self.free)
        self.free.remove(longest)
        _, encoder = longest
        video.encoder, counts.holds_since = encoder, self.now
        self.holding[encoder] = row
        self.note("encoding_started", row, encoder)
        drawn = 1.0 if self.world.encoding_factor is None else self.world.encoding_factor
        factor = self.draws.value(drawn, Purpose.ENCODING_FACTOR, row, counts.encodings)
        counts.encodings += 1
        assert video.encoding_time is not None
        takes = microseconds(video.encoding_time * factor / self.world.speeds[encoder])
        self.plan(self.now + takes, Place.ENCODING_ENDS, row)
        if math.isnan(video.encoding_started):
            video.encoding_started = self.now
            self.begins_first(row)
            self.moment("encoding_started", row)
        self.step(row)

    def encoding_ends(self, row: int) -> None:
        video = self.videos[row]
        video.encoded = self.now
        self.note("encoded", row, video.encoder)
        self.moment("encoded", row)
        self.step(row)
        if self.has_own[row] or self.has_room():
            self.free_encoder(row)
            self.reach_publishing_stage(row)
        else:
            self.blocked.append(row)

    def admission(self, row: int) -> None:
        self.blocked.remove(row)
        self.free_encoder(row)
        self.reach_publishing_stage(row)

    def free_encoder(self, row: int) -> None:
        encoder = self.videos[row].encoder
        assert encoder is not None
        del self.holding[encoder]
        if encoder not in self.down:
            self.free.add((self.now, encoder))

    def begin_life(self, encoder: int) -> None:
        if (of := self.world.faults.encoder_lifetime) is not None:
            further = self.encoder_deaths[encoder]
            lives = self.draws.lifetime(of, Purpose.ENCODER_LIFETIME, encoder, further)
            self.plan(self.now + lives, Place.ENCODER_DIES, encoder)

    def encoder_dies(self, encoder: int) -> None:
        self.down.add(encoder)
        row = self.holding.get(encoder)
        if row in self.blocked:
            self.note("encoder_failed", None, encoder)  # the video is encoded, and stays
        elif row is not None:
            del self.holding[encoder]
            self.note("encoder_failed", row, encoder)
            self.interrupt(row, encoder)
        else:
            self.note("encoder_failed", None, encoder)
            self.free = {free for free in self.free if free[1] != encoder}
        further = self.encoder_deaths[encoder]
        takes = self.draws.time(self.world.faults.encoder_repair, Purpose.ENCODER_REPAIR, encoder, further)
        self.encoder_deaths[encoder] += 1
        self.plan(self.now + takes, Place.ENCODER_REPAIRED, encoder)

    def interrupt(self, row: int, encoder: int) -> None:
        """Let a video that has lost its encoder start over."""
        self.attempts.append(Attempt("encoding", row, encoder, None, self.counts[row].holds_since, self.now))
        self.agenda = {
            event for event in self.agenda if (event.place, *event.key) != (Place.ENCODING_ENDS, row)
        }
        self.interrupted.add((self.now, row))
        self.step(row)

    def encoder_repaired(self, encoder: int) -> None:
        self.note("encoder_repaired", None, encoder)
        self.down.remove(encoder)
        if encoder not in self.holding:
            self.free.add((self.now, encoder))
        self.begin_life(encoder)

    def restart(self, since: int, row: int) -> None:
        self.interrupted.remove((since, row))
        self.start_encoding(row)

    # -- publishing stage ----------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Tell if one more video may join the queue; one that is taken at once takes no place there."""
        capacity = self.world.publishing_queue_capacity
        if capacity is None or self.world.encoders is None:
            return True
        at_once = len(self.ready) if self.world.broker is None and not self.rule.decides else 0
        return len(self.queue) < capacity + at_once

    def reach_publishing_stage(self, row: int) -> None:
        self.videos[row].queued = self.now
        self.note("queued", row)
        self.moment("queued", row)
        self.places += 1
        self.counts[row].place = self.places
        if self.world.broker is None:
            self.wait_for_publisher(row)
            self.step(row)
        else:
            if not self.has_own[row]:
                self.queue.add(row)
                self.hidden.add(row)
            self.step(row)
            self.deliver(row)

    def deliver(self, row: int) -> None:
        """Let the broker deliver the video, which may be lost."""
        broker, j = self.world.broker, self.counts[row].deliveries
        self.counts[row].deliveries += 1
        if self.draws.happens(broker.loss, Purpose.LOSS, row, j):
            self.plan_delivery(row, "sent again", microseconds(broker.redelivered_after))
        else:
            self.plan_delivery(row, "visible", self.draws.time(broker.latency, Purpose.LATENCY, row, j))

    def plan_delivery(self, row: int, what: str, after: int) -> None:
        self.deliveries[row] = what
        self.plan(self.now + after, Place.DELIVERY, row)

    def delivery(self, row: int) -> None:
        match self.deliveries.pop(row):
            case "visible":
                self.note("visible", row)
                self.wait_for_publisher(row)
            case "sent again":
                self.note("redelivered", row)
                self.deliver(row)
            case "visible again":
                self.note("redelivered", row)
                self.wait_for_publisher(row)
                if self.has_own[row]:
                    self.order(row, None, own=True)

    def wait_for_publisher(self, row: int) -> None:
        """Let the video wait where publishers see it."""
        if self.has_own[row]:
            self.waits_for_own.add(row)
            self.serve_own(row)
        else:
            self.queue.add(row)
            self.hidden.discard(row)
            self.serve_at_once()

    def serve_own(self, row: int) -> None:
        """Give the video its own publisher as soon as both are there, unless it is too late."""
        if row in self.waits_for_own and row in self.own:
            publisher = self.publishers[self.own[row]]
            if not math.isnan(publisher.ready):
                if self.is_hopeless(row):
                    self.discard(row)
                else:
                    self.waits_for_own.remove(row)
                    self.own.pop(row)
                    self.publish(publisher.publisher, self.assign(publisher, row))

    def serve_at_once(self) -> None:
        """Serve those that wait as long as publishers are ready, and review the pool after each."""
        while not self.rule.decides and (waiting := self.waiting()) and self.ready:
            row = min(waiting, key=self.urgency)
            if self.is_hopeless(row):
                self.discard(row)
            else:
                publisher, taken = self.give_publisher(row)
                self.fill_up(repeat(row))
                self.publish(publisher, taken)

    def decision(self) -> None:
        """Discard, dispatch, start: what happens here is no occasion to decide again, but what follows is.

        It is about those that wait when it begins. If others wait at its end, it is followed by another one:
        they have failed at once, or one more counts as queued.
        """
        given: list[int] = []
        queue = self.in_order()
        left = set(queue)
        if self.rule.decide is not None:
            started = self.carry_out(self.rule.decide(self.seen()), queue, given)
        else:
            for row in sorted(filter(self.is_hopeless, [*queue, *self.waits_for_own])):
                self.discard(row)
                if row in left:
                    queue.remove(row)
                    left.remove(row)
            if self.rule.covers:
                started = self.cover(queue, given)
            else:
                started = 0
                for row in queue[: len(self.ready)]:
                    self.serve(row, given)
            self.fill_up(chain(given, repeat(None)))
        for _ in range(started):
            self.order(None, None, own=False)
        self.has_to_decide = not set(self.waiting()) <= left.difference(given)

    def cover(self, queue: list[int], given: list[int]) -> int:
        """Serve as many as the coverage rule says, and return how many publishers it starts."""
        while self.rule.holding and not self.has_room() and self.ready and queue:
            self.serve(queue.pop(0), given)  # for what cannot come, none is held
        taken, started, _ = self.coverage(queue).decision()
        for row in queue[:taken]:
            self.serve(row, given)
        return started

    def carry_out(self, answer: Answer, queue: list[int], given: list[int]) -> int:
        """Discard and serve what a rule answers, and return how many publishers it starts."""
        for row in answer.discard:
            if self.videos[row].outcome == "unfinished":  # as otherwise it has been delivered again
                self.discard(row)
                queue.remove(row)
        served = queue if answer.serve is None else answer.serve
        for row in served[: max(0, len(self.ready) - answer.hold)]:
            self.serve(row, given)
        return answer.start

    def serve(self, row: int, given: list[int]) -> None:
        self.publish(*self.give_publisher(row))
        given.append(row)

    def in_order(self) -> list[int]:
        """Return the videos that any publisher may take, in the order of the queue."""
        return sorted(self.waiting(), key=self.urgency)

    def waiting(self) -> list[int]:
        """Return the videos that any publisher may take."""
        has_no_place = self.world.publishing_queue_capacity == 0 and self.rule.decides and not self.world.broker
        return [*(self.queue - self.hidden), *(list(self.blocked)[:1] if has_no_place else ())]

    def urgency(self, row: int) -> tuple[float, ...]:
        """Return what says which video is served first: the one for which it is smallest."""
        place = self.counts[row].place or self.places + 1
        match self.rule.order:
            case "deadline":
                return (self.deadline(row), row)
            case "priority":
                return (self.videos[row].priority or 0.0, place)
            case _:
                return (place,)

    def deadline(self, row: int) -> int:
        video = self.videos[row]
        return int(video.encoding_started) + microseconds(video.publication_timeout)

    def is_hopeless(self, row: int) -> bool:
        """Tell if the rule gives a video up; what waits again after its publication is no such video."""
        if not self.rule.discards or self.videos[row].outcome != "unfinished":
            return False
        return self.now > self.deadline(row)

    def discard(self, row: int) -> None:
        """Give a video up that waits, together with its own publisher: now, or when it is ready."""
        if row in self.blocked:
            self.blocked.remove(row)
            self.free_encoder(row)
        self.queue.discard(row)
        self.waits_for_own.discard(row)
        self.settle(row, "failed", event="discarded")
        if row in self.own and not math.isnan(self.publishers[self.own[row]].ready):
            self.retire(self.own[row])

    def give_publisher(self, row: int) -> tuple[int, int]:
        """Let the publisher ready longest take the video; return it, and how long it will publish."""
        if row in self.blocked:
            self.admission(row)
        self.queue.remove(row)
        first = min(self.ready)
        self.ready.remove(first)
        self.busy += 1
        taken = self.assign(self.publishers[first[1]], row)
        if taken:
            self.publishing.add(first[1])
        return first[1], taken

    def assign(self, publisher: Publisher, row: int) -> int:
        """Let the publisher take the video; return how long it will publish it."""
        video, counts = self.videos[row], self.counts[row]
        self.agenda -= self.lives[publisher.publisher].timers
        publisher.video, publisher.assigned = row, self.now
        if video.outcome == "unfinished":
            video.publisher, video.assigned = publisher.publisher, self.now
        self.note("assigned", row, None, publisher.publisher)
        own, drawn = video.publishing_time, self.world.publishing_time
        counts.attempts += 1
        takes = drawn if own is None else own
        return self.draws.time(takes, Purpose.PUBLISHING_TIME, row, counts.attempts - 1)

    def publish(self, number: int, taken: int) -> None:
        if taken:
            self.plan(self.now + taken, Place.PUBLICATION, number)
        else:
            self.publication(number)

    def publication(self, number: int) -> None:
        """End the publishing, which may have failed."""
        row = self.publishers[number].video
        assert row is not None
        took_time = number in self.publishing
        self.publishing.discard(number)
        attempt = self.counts[row].attempts - 1
        if self.draws.happens(self.world.faults.publishing, Purpose.PUBLISHING_FAILURE, row, attempt):
            self.publishing_fails(number, row)
        else:
            if self.videos[row].outcome == "unfinished":
                self.published(row)
            self.acknowledge(row)
            self.publishers[number].ended, self.publishers[number].outcome = self.now, "ended"
            self.note("publisher_ended", row, None, number)
            self.gone()
            if not self.has_own[row]:
                self.busy -= 1
                if self.rule.maximum is not None:
                    self.step(row)  # there may be room for another one
        if took_time and self.rule.level is not None:
            self.step(row)  # the level may depend on it

    def publishing_fails(self, number: int, row: int) -> None:
        """Let the video wait again at its place, or fail after its last attempt."""
        taken = self.publishers[number].assigned
        self.attempts.append(Attempt("publishing", row, None, number, taken, self.now))
        most = self.world.faults.attempts
        last = most is not None and self.counts[row].attempts >= most
        if self.videos[row].outcome == "unfinished":
            self.videos[row].publisher, self.videos[row].assigned = None, NAN
            if last:
                self.settle(row, "failed")
        self.busy -= not self.has_own[row]
        self.fail(number)
        if not last:
            self.wait_for_publisher(row)

    def acknowledge(self, row: int) -> None:
        """Tell the broker that the video is published; if that is lost, it will be visible again."""
        broker, j = self.world.broker, self.counts[row].publications
        self.counts[row].publications += 1
        loss = 0 if broker is None else broker.acknowledgement_loss
        if self.draws.happens(loss, Purpose.ACKNOWLEDGEMENT_LOSS, row, j):
            self.plan_delivery(row, "visible again", microseconds(broker.redelivered_after))

    def published(self, row: int) -> None:
        video = self.videos[row]
        video.published = self.now
        video.elapsed = video.published - video.encoding_started
        held = video.assigned if self.world.deadline == "assigned" else video.published
        video.on_time = held - video.encoding_started <= microseconds(video.publication_timeout)
        self.settle(row, "published" if video.on_time else "failed", publisher=video.publisher)

    def settle(self, row: int, outcome: str, *, publisher: int | None = None, event: str | None = None) -> None:
        """Give the video its outcome."""
        self.videos[row].settled, self.videos[row].outcome = self.now, outcome
        self.note(event or outcome, row, None, publisher)
        self.without_outcome -= 1

    # -- the rule ------------------------------------------------------------------------------------------

    def encoding_time(self, row: int) -> float:
        """Return the nominal one, in seconds, which is what a rule knows."""
        return 0.0 if self.world.encoders is None else self.videos[row].encoding_time or 0.0

    def is_worth_its_own(self, row: int) -> bool:
        """Tell if a publisher started with the video's encoding is in time with the probability asked for."""
        if self.rule.dedicated_from is None:
            return False
        video, startup_fails = self.videos[row], self.world.faults.startup
        own, drawn = video.publishing_time, self.world.publishing_time
        publishing = 0.0 if self.world.deadline == "assigned" else mean_of(drawn if own is None else own)
        left = microseconds(video.publication_timeout) - microseconds(publishing)
        if microseconds(self.encoding_time(row)) > left:
            return False
        in_time = share_up_to(left / 1e6, self.world.startup_time) * (1 - startup_fails)
        return bool(in_time >= self.rule.dedicated_from - 1e-12)  # equal but for errors of arithmetic

    def moment(self, moment: str, row: int) -> None:
        """Order a publisher for the video if the strategy says that this is the moment."""
        own = self.has_own[row]
        starts_on = "encoding_started" if own and not self.rule.dedicated else self.rule.starts_on
        if starts_on == moment:
            self.order(row, None, own=own, delay=self.delay(row))

    def delay(self, row: int) -> int:
        """Return how long after its moment the video's publisher is to be started."""
        lead, timeout = self.rule.lead, self.videos[row].publication_timeout
        if lead is None:
            return microseconds(self.rule.delay)
        return microseconds(lead.seconds(self.encoding_time(row), timeout, self.world.startup_time))

    def needed_at_the_mean_rate(self) -> int:
        """Return how many publishers are started up at a time if each is replaced."""
        rate = self.world.requests_per_second
        mean = Profile(rate.steps, rate.period).mean if hasattr(rate, "steps") else rate
        return rounded_up((self.submitted_rate() or mean) * mean_of(self.world.startup_time))

    def submitted_rate(self) -> float | None:
        """Return the mean rate of a catalogue in which all videos have times."""
        times = [video.submitted_at for video in self.videos if video.submitted_at is not None]
        if len(times) == len(self.videos) > 1 and max(times) > min(times):
            return (len(times) - 1) / (max(times) - min(times))
        return None

    def wanted(self) -> int:
        """Return the level that the pool should have now."""
        if not self.rule.has_level:
            return 0
        if self.rule.level is not None:
            return self.rule.level(self.now / 1e6, len(self.queue), len(self.publishing))
        least = self.prewarmed if self.rule.minimum is None else self.rule.minimum
        if self.rule.headroom is None:
            return least
        factor, window = self.headroom
        recent = sum(time > self.now - window for time in self.encoding_starts)
        covered = min(window, max(self.now, 1_000_000))  # at first as if it had gone on for 1 s
        rate = recent / (covered / 1e6) if self.now else 0.0
        return max(least, rounded_up(factor * rate * mean_of(self.world.startup_time)))

    @property
    def headroom(self) -> tuple[float, int]:
        """The factor on the recent rate, and how recent that is."""
        headroom = self.rule.headroom
        factor, window = headroom if isinstance(headroom, tuple) else (headroom or 0.0, 30.0)
        return factor, microseconds(window)

    def level(self) -> int:
        """Return how many publishers of the pool are ordered, starting or ready, as far as is known."""
        return self.ordered + self.starting + len(self.ready) + self.dead

    def may_order(self) -> bool:
        """Tell if the rule's limits allow another publisher of the pool."""
        most, most_in_flight = self.rule.maximum, self.rule.starts_at_most
        exist, in_flight = self.level() + self.busy, self.ordered + self.starting
        return (most is None or exist < most) and (most_in_flight is None or in_flight < most_in_flight)

    def prewarm(self) -> None:
        """Order the publishers of time 0."""
        warm, maximum, in_flight = self.rule.ready_at_start, self.rule.maximum, self.rule.starts_at_most
        limits = [maximum, None if warm else in_flight]
        wanted = max(self.prewarmed if self.rule.level is None else 0, self.wanted())
        for slot in range(min([wanted, *(limit for limit in limits if limit is not None)])):
            self.order(None, slot, own=False, warm=warm)

    def step(self, row: int) -> None:
        """Review the pool because of a step of the video, if there is no decision later in this instant."""
        if not self.rule.decides:
            self.fill_up(repeat(row))

    def fill_up(self, causes: Iterator[int | None]) -> None:
        """Order what is missing, as far as the limits allow it; what is too much is retired at its place."""
        while self.level() < self.wanted() and self.may_order():
            self.order(next(causes), None, own=False)
        if (number := self.surplus()) is not None:
            self.agenda.add(Event(self.now, Place.RETIREMENT, (number,)))

    def surplus(self) -> int | None:
        """Return the publisher ready longest if it has been idle for long, and the pool exceeds its level."""
        if self.rule.idle_time_to_live is None or not self.ready or self.level() <= self.wanted():
            return None
        since, number = min(self.ready)
        return number if self.now - since >= microseconds(self.rule.idle_time_to_live) else None

    def retirement(self, timer_of: int) -> None:
        while (number := self.surplus()) is not None:
            self.retire(number)

    def review(self) -> None:
        assert self.rule.review_every is not None
        self.plan(self.now + microseconds(self.rule.review_every), Place.REVIEW)
        if self.rule.decides:
            self.has_to_decide = True
        else:
            self.fill_up(repeat(None))

    def latest_start(self, row: int) -> None:
        """Let the coverage rule decide while a publisher surely comes in time; the video lacks one."""
        self.has_to_decide = True

    def lacks_publisher(self, row: int) -> bool:
        return row in self.waiting() or row in dict(self.encoding_now())

    # -- what rules see that decide once an instant ------------------------------------------------------

    def nominal(self, row: int) -> int:
        return microseconds(self.encoding_time(row))

    def encoding_now(self) -> list[tuple[int, int]]:
        """Return the videos that will wait for any publisher, each with the nominal end of its encoding.

        Among them are those that have lost their encoder, and those that the broker has not delivered yet.
        """
        interrupted = {row for _, row in self.interrupted}
        known = {row for _, row in self.of_pool} - set(self.waiting())
        return [
            (row, max(self.now, (self.now if row in interrupted else since) + self.nominal(row)))
            for row in sorted(known)
            if self.videos[row].outcome == "unfinished" and not self.counts[row].attempts
            for since in (self.counts[row].holds_since,)
        ]

    def starting_since(self) -> list[int]:
        """Return when each publisher of the pool was started that is starting, as far as is known."""
        return [
            int(publisher.started)
            for publisher, life in zip(self.publishers, self.lives, strict=True)
            if not life.order.own
            and math.isnan(publisher.ready)
            and (math.isnan(publisher.ended) or publisher.publisher in self.unnoticed)
        ]

    def ordered_until(self) -> list[int]:
        """Return when each publisher starts that is ordered for the pool: one that waits for the quota, now."""
        timers = sorted(ends for order, ends in self.provisioned.values() if not order.own)
        return timers + [self.now for order, _ in self.in_line if not order.own]

    def seen(self) -> Seen:
        """Return what a rule of a user's own sees."""

        def known(row: int, end: int) -> Known:
            return Known(row, self.deadline(row) / 1e6, (end - self.now) / 1e6)

        span = (self.of_pool[-1][0] - self.of_pool[0][0]) / 1e6 if self.of_pool else 0.0
        mix = Counter(
            (self.nominal(row) / 1e6, self.videos[row].publication_timeout) for _, row in self.of_pool
        )
        return Seen(
            self.now / 1e6,
            tuple(known(row, self.now) for row in self.in_order()),
            tuple(known(row, end) for row, end in self.encoding_now()),
            len(self.ordered_until()),
            tuple((self.now - since) / 1e6 for since in self.starting_since()),
            len(self.ready),
            (len(self.of_pool) - 1) / span if span else 0.0,
            mix,
        )

    def coverage(self, queue: Sequence[int]) -> Coverage:
        """Return what the coverage rule knows."""
        rule, world = self.rule, self.world
        delay = microseconds(world.provisioning_delay)
        publishing = 0 if world.deadline == "assigned" else microseconds(mean_of(world.publishing_time))
        gaps, rate, poisson = self.gaps()
        return Coverage(
            table_of(world.startup_time, delay),
            self.now,
            gaps,
            rate,
            self.of_pool[-1][0] if self.of_pool else -math.inf,
            microseconds(rule.price or 0),
            microseconds(rule.holding or 0),
            self.expected_mix(publishing),
            rule.forecast == "online",
            poisson,
            1.0 - world.faults.startup,
            publishing,
            len(self.ready),
            [since - delay for since in (*self.starting_since(), *self.ordered_until())],
            [self.deadline(row) for row in queue],
            [Encoding(end, self.deadline(row)) for row, end in self.encoding_now()],
        )

    def gaps(self) -> tuple[list[float], int, bool]:
        """Return the time between two videos at each rate, which rate it is now, and if it is random."""
        rate, submitted = self.world.requests_per_second, self.submitted_rate()
        place = 0
        if hasattr(rate, "steps"):
            time = self.now if rate.period is None else self.now % microseconds(rate.period)
            place = sum(microseconds(begin) <= time for begin, _ in rate.steps) - 1
            gaps = [max(1.0, 1e6 / height) if height else math.inf for _, height in rate.steps]
        else:
            gaps = [max(1, microseconds(1 / rate))]
        if self.world.encoders is None and submitted is not None:
            return [1e6 / submitted] * len(gaps), place, True
        return gaps, place, self.world.arrivals == "poisson"

    def expected_mix(self, publishing: int) -> list[Type] | None:
        """Return what each video of the mix takes; None if none are expected."""
        forecast = self.rule.forecast
        if forecast is None:
            return None
        if isinstance(forecast, str):
            rows = (row for _, row in self.of_pool)
            kinds = [(self.nominal(row), microseconds(self.videos[row].publication_timeout)) for row in rows]
        else:
            has_encoders = self.world.encoders is not None
            kinds = [
                (microseconds(time) if has_encoders else 0, microseconds(timeout))
                for time, timeout, number in sorted(forecast)
                for _ in range(number)
            ]
        return [Type(time, timeout - publishing) for time, timeout in kinds]

    # -- publishers ----------------------------------------------------------------------------------------

    def order(
        self, cause: int | None, slot: int | None, *, own: bool, delay: int = 0, warm: bool = False
    ) -> None:
        """Decide that a publisher is to be started; it counts in the pool's level from now on."""
        self.orders += 1
        order = Order(self.orders, cause, slot, own, warm and self.may_start())
        self.ordered += not own
        timer = 0 if warm else delay + microseconds(self.world.provisioning_delay)
        if timer:
            self.provisioned[order.number] = (order, self.now + timer)
            self.plan(self.now + timer, Place.DELAYED_START, -1 if cause is None else cause, order.number)
        else:
            self.start(order)

    def delayed_start(self, video: int, number: int) -> None:
        order, _ = self.provisioned.pop(number)
        self.start(order)

    def start(self, order: Order) -> None:
        """Make a publisher of an order, as soon as the quota has room for it."""
        self.in_line.append((order, self.now))
        self.start_those_in_line()

    def may_start(self) -> bool:
        return self.world.max_publishers is None or self.alive < self.world.max_publishers

    def gone(self) -> None:
        """Let orders that wait for the quota start when a publisher has ended or failed."""
        self.alive -= 1
        self.start_those_in_line()

    def start_those_in_line(self) -> None:
        """Start as many as the quota has room for, except for a video that needs no publisher any more."""
        while self.in_line and self.may_start():
            order, since = self.in_line.popleft()
            if self.is_needed(order):
                self.quota_waits += since < self.now
                self.start_publisher(order)

    def is_needed(self, order: Order) -> bool:
        """Tell whether it is for the pool, or for a video that has no outcome or has been delivered again."""
        row = order.cause
        if row is None or not order.own:
            return True
        return row in self.waits_for_own or self.videos[row].outcome == "unfinished"

    def start_publisher(self, order: Order) -> None:
        self.ordered -= not order.own
        self.alive += 1
        number = len(self.publishers)
        self.publishers.append(Publisher(number, order.cause, self.now))
        self.note("publisher_started", order.cause, None, number)
        further = self.started_for.get(order.origin, 0)
        self.started_for[order.origin] = further + 1
        life = Life(order, further)
        self.lives.append(life)
        takes = 0 if order.warm else self.draws.time(self.world.startup_time, *life.draw("STARTUP"))
        self.plan(self.now + takes, Place.PUBLISHER_READY, number)
        if order.own and order.cause is not None:
            self.own[order.cause] = number
        else:
            self.starting += 1

    def publisher_ready(self, number: int) -> None:
        publisher, life, faults = self.publishers[number], self.lives[number], self.world.faults
        self.starting -= not life.order.own
        if not life.order.warm and self.draws.happens(faults.startup, *life.draw("STARTUP_FAILURE")):
            self.attempts.append(Attempt("startup", publisher.cause, None, number, publisher.started, self.now))
            self.fail(number)
            return
        publisher.ready = self.now
        self.note("publisher_ready", None, None, number)
        if faults.ready_lifetime is not None:
            lives = self.draws.lifetime(faults.ready_lifetime, *life.draw("READY_LIFETIME"))
            life.timers.add(self.plan(self.now + lives, Place.READY_DIES, number))
        if not self.is_needed(life.order):
            self.retire(number)  # its video has been discarded
        elif life.order.own and life.order.cause is not None:
            self.serve_own(life.order.cause)
        else:
            if (idle := self.rule.idle_time_to_live) is not None:
                life.timers.add(self.plan(self.now + microseconds(idle), Place.RETIREMENT, number))
            self.ready.add((self.now, number))
            self.serve_at_once()

    def ready_dies(self, number: int) -> None:
        self.forget_ready(number)
        self.fail(number)

    def forget_ready(self, number: int) -> None:
        self.ready.discard((int(self.publishers[number].ready), number))
        self.agenda -= self.lives[number].timers

    def retire(self, number: int) -> None:
        """End a ready publisher that is not needed."""
        publisher, order = self.publishers[number], self.lives[number].order
        self.forget_ready(number)
        publisher.ended, publisher.outcome = self.now, "retired"
        self.note("publisher_retired", None, None, number)
        if order.own and order.cause is not None:
            self.own.pop(order.cause)
        self.gone()

    def fail(self, number: int) -> None:
        """End the life of a publisher; one is started in its place when this is noticed."""
        publisher, order = self.publishers[number], self.lives[number].order
        publisher.ended, publisher.outcome = self.now, "failed"
        self.note("publisher_failed", publisher.video, None, number)
        if order.own and order.cause is not None:
            self.own.pop(order.cause, None)
        self.dead += not order.own
        self.unnoticed.add(number)
        self.plan(self.now + microseconds(self.world.faults.noticed_after), Place.NOTICE, number)
        self.gone()

    def notice(self, number: int) -> None:
        """Start another publisher in its place, except for a pool of which a rule says what it starts."""
        order = self.lives[number].order
        self.dead -= not order.own
        self.unnoticed.remove(number)
        if order.own or self.rule.has_level:
            self.order(order.cause, order.slot, own=order.own)
        else:
            self.has_to_decide = True

    # -- the end -------------------------------------------------------------------------------------------

    def outcome(self, end: float, ending: str) -> Outcome:
        """Write the tables, now that the idle time of ready publishers without a video is known."""
        for publisher in self.publishers:
            if not math.isnan(publisher.ready):
                until = next(
                    time for time in (publisher.assigned, publisher.ended, end) if not math.isnan(time)
                )
                publisher.idle = until - publisher.ready
            if publisher.video is None and publisher.outcome == "unfinished":
                publisher.outcome = "unused"
        videos, publishers = in_seconds(self.videos), in_seconds(self.publishers)
        attempts = in_seconds(self.attempts)
        return Outcome(videos, publishers, attempts, self.log, end / 1e6, ending, self.quota_waits)


def reference(clips: Sequence[Clip], rule: Rule, world: World, draws: Draws | None = None) -> Outcome:
    """Work out what must happen."""
    return System([Video(*clip) for clip in clips], rule, world, draws or Draws()).run()
