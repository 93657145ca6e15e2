"""What is verified: worlds in which a formula holds exactly, what it says, and what is measured of runs.

A pool is a queue: each place is a server, whose service is a start-up. With Poisson arrivals and exponential
start-ups it is Erlang's. A pool that gives up whatever finds no publisher ready is a queue with losses.

Further worlds have events at the same instant, a full queue, a blocked client, or times of publishing. A world
without rows is one that no formula covers: engines and kernels are compared in it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from tv2sim.base.ticks import PER_SECOND, to_ticks, whole_ticks
from tv2sim.catalogue import Catalogue, Video
from tv2sim.results.facts import VIDEO_OUTCOMES
from tv2sim.results.metrics import on_time, publisher_times
from tv2sim.strategies import Strategy
from tv2sim.strategies.builtin import ADVANCE, PART_1, PART_2A, PART_2B, PART_2C, SLACK_AWARE
from tv2sim.strategies.expectations import Lead
from tv2sim.theory import queueing
from tv2sim.theory.conditions import BASE_STOCK, arguments_of, timetable
from tv2sim.theory.expected import FOR_VIDEOS, OF_SLOTS, startups
from tv2sim.theory.queueing import failed_bound, index_of_dispersion
from tv2sim.world.distributions import Empirical, Exponential, LogNormal, Uniform
from tv2sim.world.profiles import Profile
from tv2sim.world.scenario import Scenario
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.results.facts import Facts

    Quantity: TypeAlias = Callable[["Runs"], NDArray[Any]]

# -- what is measured of runs ------------------------------------------------------------------------------


class Runs(NamedTuple):
    """Replications of a strategy in a scenario, with their facts if they are simulated already."""

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    replications: range
    facts: tuple[Facts, ...] = ()

    @property
    def what(self) -> tuple[Catalogue, Strategy, Scenario]:
        """The catalogue, the strategy and the scenario: the arguments of a formula."""
        return self[:3]

    @property
    def startups(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The start-up times drawn for places of the pool and for videos, in ticks: a row for each run."""
        what = self.seed, self.replications
        return (
            startups(self.scenario, OF_SLOTS, *what, self.strategy.prewarmed),
            startups(self.scenario, FOR_VIDEOS, *what, len(self.catalogue)),
        )

    def by_run(self, measured: Callable[[Facts], Any]) -> NDArray[Any]:
        """Return a measured value, or one by video, for each run."""
        return np.array([measured(facts) for facts in self.facts])


def published(runs: Runs) -> NDArray[Any]:
    """Return for each video whether it was published in time."""
    return runs.by_run(on_time)


def failed(runs: Runs) -> NDArray[Any]:
    """Return for each video whether it failed."""
    return runs.by_run(lambda facts: facts.videos["outcome"] == VIDEO_OUTCOMES.index("failed"))


def idle(runs: Runs) -> NDArray[Any]:
    """Return the seconds for which publishers were idle."""
    return runs.by_run(lambda facts: publisher_times(facts)["idle"].sum()) / PER_SECOND


def blocked(runs: Runs) -> NDArray[Any]:
    """Return for how many seconds the client waited for an encoder with each video."""
    return runs.by_run(lambda facts: facts.videos["encoding_started"] - facts.videos["offered"]) / PER_SECOND


def waits(runs: Runs) -> NDArray[Any]:
    """Return how many seconds each video waited for a publisher."""
    return runs.by_run(lambda facts: facts.videos["assigned"] - facts.videos["encoded"]) / PER_SECOND


def waited(runs: Runs) -> NDArray[Any]:
    """Return for each video whether it waited for a publisher."""
    return waits(runs) > 0


def waited_longer(seconds: float) -> Quantity:
    """Return for each video whether it waited longer than so many seconds."""
    return lambda runs: waits(runs) > seconds


def must_fail(runs: Runs) -> NDArray[Any]:
    """Return how many videos must fail in each run, with the start-up times that are drawn."""
    return failed_bound(*runs.what).of_replications(runs.seed, runs.replications)


def starting_at(seconds: float) -> Quantity:
    """Return the number of publishers that start up at a time."""
    time = seconds * PER_SECOND

    def starting(facts: Facts) -> int:
        began, ready = facts.publishers["started"] <= time, facts.publishers["ready"] <= time
        return int(np.count_nonzero(began & ~ready))

    return lambda runs: runs.by_run(starting)


def index_of(window: float) -> Quantity:
    """Return the index of dispersion of the arrivals."""
    return lambda runs: runs.by_run(
        lambda facts: index_of_dispersion(facts.videos["offered"] / PER_SECOND, window)
    )


# -- client, encoders, queue and pool as a recursion -------------------------------------------------------


class Tandem(NamedTuple):
    """The results of the recursion, a row for each run.

    Attributes
    ----------
    blocked, waits : numpy.ndarray
        Seconds by video for which the client waits for an encoder, and the video for a publisher.
    published : numpy.ndarray
        Whether each video is published in time.
    idle : numpy.ndarray
        The idle seconds of all publishers.
    """

    blocked: NDArray[np.float64]
    waits: NDArray[np.float64]
    published: NDArray[np.bool_]
    idle: NDArray[np.float64]


def tandem(runs: Runs) -> Tandem:
    """Return the times of a pool of one size, first in, first out, with a queue that has some room.

    All encodings take equally long, so that videos keep their order everywhere. Then each time is a sum or a
    maximum of earlier times (max-plus recursion with manufacturing blocking). That holds also where the queue
    is full, encoders are blocked, and the client waits.

    References
    ----------
    Buzacott and Shanthikumar (1993), Stochastic Models of Manufacturing Systems, ch. 5 (tandem queues).
    """
    catalogue, _, scenario = runs.what
    capacity, rate, publishing = (
        scenario.publishing_queue_capacity, scenario.requests_per_second, scenario.publishing_time,
    )  # fmt: skip
    assert capacity
    assert isinstance(rate, float)
    assert isinstance(publishing, float)
    encoding, timeout = whole_ticks(catalogue.encoding_time), whole_ticks(catalogue.publication_timeout)
    gap, busy, encoders = to_ticks(1 / rate), to_ticks(publishing), scenario.encoder_count
    pool, startups = runs.startups
    offered, started, queued, assigned = np.zeros((4, *startups.shape[::-1]))
    idle = np.zeros(len(startups))
    for k in range(len(catalogue)):
        if k:
            offered[k] = started[k - 1] + gap
        # an encoder is free when it has passed its video on, and passes it on when there is room
        started[k] = np.maximum(offered[k], queued[k - encoders]) if k >= encoders else offered[k]
        queued[k] = started[k] + encoding[k]
        if k >= capacity:
            queued[k] = np.maximum(queued[k], assigned[k - capacity])
        pool.sort(axis=1)
        assigned[k] = np.maximum(queued[k], pool[:, 0])
        idle += assigned[k] - pool[:, 0]
        pool[:, 0] = assigned[k] + startups[:, k]
    idle += np.maximum(0, assigned[-1][:, np.newaxis] + busy - pool).sum(axis=1)
    held = busy if scenario.deadline == "published" else 0
    on_time = assigned - started + held <= timeout[:, np.newaxis]
    blocked, waits = started - offered, assigned - started - encoding[:, np.newaxis]
    return Tandem(blocked.T / PER_SECOND, waits.T / PER_SECOND, on_time.T, idle / PER_SECOND)


# -- the table of what is verified -------------------------------------------------------------------------


Relation: TypeAlias = Literal["equal", "at least", "at most", "approximation"]
"""How the simulated quantity relates to that of theory."""
Over: TypeAlias = Literal["each run", "runs", "the long run"]
"""Where the relation holds: in each run and video, in the mean over runs, or in that without their start."""


class Row(NamedTuple):
    """A quantity of a world: the value of a formula, and how it is measured."""

    formula: str
    quantity: str
    theory: Callable[[Runs], Any]
    simulated: Callable[[Runs], NDArray[Any]]
    relation: Relation = "equal"
    over: Over = "runs"
    step: float | None = None
    """The least difference between two runs, if the quantity has one."""


class World(NamedTuple):
    """A world in which formulas hold."""

    case: str
    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    rows: tuple[Row, ...]


# -- what formulas say of videos ---------------------------------------------------------------------------


def _class(of: str) -> Callable[[Runs], NDArray[np.bool_]]:
    """Return a function that says which videos are of this class."""

    def them(runs: Runs) -> NDArray[np.bool_]:
        catalogue, strategy, scenario = runs.what
        table = queueing.classification(catalogue, [strategy], scenario)
        return np.asarray(table[strategy.name] == of)

    return them


def _waits_of_the_queue(runs: Runs) -> NDArray[np.float64]:
    """Return the wait of each video by the recursion, with the start-up times that are drawn."""
    times = timetable(arguments_of("kiefer_wolfowitz", *runs.what, BASE_STOCK))
    order, found = times.order, np.empty((len(runs.replications), len(runs.catalogue)))
    slots, videos = runs.startups
    found[:, order] = queueing.kiefer_wolfowitz(
        times.encoded[order], videos[:, order], runs.strategy.prewarmed, slots
    )
    return found / PER_SECOND


ON_TIME = Row(
    "on_time_probability", "videos published",
    lambda runs: queueing.on_time_probability(*runs.what).published, published, step=1.0,
)  # fmt: skip
CLASSES = (
    Row("classification", "videos published", _class("always"), published, "at least", "each run"),
    Row(
        "classification", "videos published",
        lambda runs: ~_class("never")(runs), published, "at most", "each run",
    ),
)  # fmt: skip
ADVANCE_ORDER = (
    Row(
        "advance_order", "videos failed", lambda runs: queueing.advance_order(*runs.what).failed, failed,
        step=1.0,
    ),
    Row("advance_order", "idle seconds", lambda runs: queueing.advance_order(*runs.what).idle, idle),
)  # fmt: skip
MUST_FAIL = Row(
    "failed_bound", "videos that must fail", lambda runs: queueing.failed_bound(*runs.what).failed, must_fail,
    step=1.0,
)  # fmt: skip
AT_LEAST = Row(
    "failed_bound", "videos failed",
    lambda runs: must_fail(runs)[:, np.newaxis], lambda runs: failed(runs).sum(axis=1, keepdims=True),
    "at least", "each run",
)  # fmt: skip
AT_MOST = Row(
    "failed_at_most", "videos failed", lambda runs: queueing.failed_at_most(*runs.what), failed, "at most",
    step=1.0,
)  # fmt: skip
QUEUE = Row("kiefer_wolfowitz", "seconds waited", _waits_of_the_queue, waits, over="each run")
CERTIFIED = Row("certificate", "videos failed", lambda runs: 0, failed, over="each run")
TANDEM = (
    Row("tandem", "seconds blocked", lambda runs: tandem(runs).blocked, blocked, over="each run"),
    Row("tandem", "seconds waited", lambda runs: tandem(runs).waits, waits, over="each run"),
    Row("tandem", "videos published", lambda runs: tandem(runs).published, published, over="each run"),
    Row("tandem", "idle seconds", lambda runs: tandem(runs).idle, idle, over="each run"),
)


# -- what formulas say of queues ---------------------------------------------------------------------------

SERVICE, RATE = 4.0, 2.0
POOL, SMALLER = PART_2C.replace(prewarmed=12), PART_2C.replace(prewarmed=10)
OWN_PUBLISHERS = Strategy("own", starts_on="encoding_started", dedicated=True)
POISSON = Scenario(
    encoders=None, arrivals="poisson", requests_per_second=RATE, publishing_queue_capacity=None
)  # fmt: skip
MEMORYLESS = Exponential(SERVICE)
DAY = Profile([(0, 1.0), (10, 4.0), (20, 0.0), (25, 2.0)], period=40)


def _waiting(
    formula: str, wait: Callable[[Runs], queueing.Wait], probability: str | None = None
) -> tuple[Row, ...]:
    """Return the rows of a wait; `probability` is the formula of the share that waits, if it is another one."""
    share = "share that waits"
    return (
        Row(probability or formula, share, lambda runs: wait(runs).probability, waited, over="the long run"),
        Row(formula, "mean wait, s", lambda runs: wait(runs).mean, waits, over="the long run"),
        Row(
            formula, f"share waiting over {_LONG:g} s", lambda runs: wait(runs).longer_than(_LONG),
            waited_longer(_LONG), over="the long run",
        ),
    )  # fmt: skip


_LONG = 1.0
MMS = _waiting("mms_wait", lambda runs: queueing.mms_wait(RATE, SERVICE, POOL.prewarmed), "erlang_c")
DMS = _waiting("gi_m_s", lambda runs: queueing.gi_m_s(1 / RATE, SERVICE, SMALLER.prewarmed))
LOST = Row(
    "erlang_b", "share given up", lambda runs: queueing.erlang_b(POOL.prewarmed, RATE * SERVICE), failed,
    over="the long run",
)  # fmt: skip
EVEN = Row("index_of_dispersion", "index over 4 s", lambda runs: 0, index_of(4.0), over="each run")
RANDOM = Row("index_of_dispersion", "index over 4 s", lambda runs: 1, index_of(4.0), "approximation")


def _allen_cunneen(runs: Runs) -> float:
    variation = 0.0 if runs.scenario.arrivals == "even" else 1.0
    return queueing.allen_cunneen(RATE, runs.scenario.startup_time, runs.strategy.prewarmed, variation)


ABOUT = Row("allen_cunneen", "mean wait, s", _allen_cunneen, waits, "approximation", "the long run")


def _palm(time: float | None, at: float) -> Row:
    """Return the row of the number of publishers that start up; a `time` of None is the long run."""

    def theory(runs: Runs) -> float:
        return queueing.palm(runs.scenario.requests_per_second, runs.scenario.startup_time, time)

    return Row("palm", f"starting at {at:g} s", theory, starting_at(at), step=1.0)


def _newsvendor(runs: Runs) -> float:
    assert runs.strategy.lead is not None
    assert runs.strategy.lead.quantile is not None
    return 1 - runs.strategy.lead.quantile


LATE = Row("Lead.newsvendor", "share that waits", _newsvendor, lambda runs: waited(runs).mean(axis=1))

# -- the worlds --------------------------------------------------------------------------------------------


def worlds(catalogue: Catalogue) -> list[World]:
    """Return all worlds: of a catalogue, of long queues of jobs, and of jobs that are all the same."""
    return [*_of_videos(catalogue), *_of_engines(catalogue), *_of_queues(), *_of_tandem()]


WHOLE = Empirical([2, 3, 4, 5, 6])
"""Start-ups of whole seconds: with whole encoding times, many events happen at the same instant."""


def _of_videos(catalogue: Catalogue) -> list[World]:
    usual, pooled = Scenario(), Scenario(publishing_queue_capacity=None)
    other = usual.replace(startup_time=LogNormal(SERVICE, 0.3))
    failing = usual.replace(faults=Faults(startup=0.1, noticed_after=0.5))
    ahead = Strategy("ahead", starts_on="encoding_started")
    several = [
        World(case, catalogue, part, scenario, rows)
        for case, part, scenario, rows in (
            ("part 1", PART_1, usual, (ON_TIME, *CLASSES)),
            ("part 2a", PART_2A, usual, (ON_TIME, *CLASSES)),
            ("part 2b", PART_2B, usual, (ON_TIME,)),
            ("part 1, lognormal start-ups", PART_1, other, (ON_TIME,)),
            ("part 2a, start-ups that fail", PART_2A, failing, (ON_TIME,)),
            ("part 1, whole seconds", PART_1, usual.replace(startup_time=WHOLE), (ON_TIME,)),
            ("part 2a, 4 encoders", PART_2A, usual.replace(encoders=4), (ON_TIME,)),
            ("part 2a, publishing", PART_2A, usual.replace(publishing_time=1), (ON_TIME,)),
            (
                "part 2b, publishing after the deadline", PART_2B,
                usual.replace(publishing_time=1, deadline="assigned"), (ON_TIME,),
            ),
            (
                "part 2c, 4 encoders, whole seconds", PART_2C.replace(prewarmed=6),
                pooled.replace(encoders=4, startup_time=WHOLE), (MUST_FAIL, AT_LEAST, QUEUE),
            ),
        )
    ]  # fmt: skip
    stocks = {f"stock of {size}": ahead.replace(prewarmed=size) for size in (0, 2, 4)}
    stocks["stock of 4, lead"] = stocks["stock of 4"].replace(lead=Lead(encoding=3, timeout=6))
    several += [World(case, catalogue, one, pooled, ADVANCE_ORDER) for case, one in stocks.items()]
    pools = {size: PART_2C.replace(prewarmed=size) for size in (9, 10, 12)}
    several += [
        World(f"part 2c, pool of {size}", catalogue, one, pooled, (MUST_FAIL, AT_LEAST, QUEUE))
        for size, one in pools.items()
    ]
    several += _world_of_certificate(catalogue, pooled)
    return several


def _world_of_certificate(catalogue: Catalogue, scenario: Scenario) -> list[World]:
    """Return the world of the smallest pool that is certified, if there is one."""
    warm = PART_2C.replace(ready_at_start=True)

    def holds(size: int) -> bool:
        return queueing.certificate(catalogue, warm.replace(prewarmed=size), scenario).holds

    if not catalogue or not holds(len(catalogue)):
        return []
    size = 1 + bisect_left(range(1, len(catalogue)), True, key=holds)
    pool = warm.replace(prewarmed=size)
    return [World(f"warm pool of {size}, certified", catalogue, pool, scenario, (CERTIFIED,))]


def _of_engines(catalogue: Catalogue) -> list[World]:
    """Return worlds that no formula covers: with features that few kernels know, or full queues."""
    whole = Scenario(startup_time=WHOLE)
    drawn = Scenario(publishing_time=Uniform(0.5, 1.5), encoding_factor=Uniform(0.8, 1.2))
    small, giving_up = PART_2C.replace(prewarmed=8), PART_2C.replace(prewarmed=8, discards_hopeless=True)
    return [
        World(case, catalogue, strategy, scenario, ())
        for case, strategy, scenario in (
            ("times that are drawn", PART_2C, drawn),
            ("advance, whole seconds", ADVANCE, whole.replace(publishing_time=1)),
            ("slack aware, whole seconds", SLACK_AWARE, whole),
            ("part 2c that gives up, whole seconds", giving_up, whole),
            ("part 2c, queue of 2, whole seconds", small, whole.replace(publishing_queue_capacity=2)),
            ("advance, queue of 2", ADVANCE, Scenario(publishing_queue_capacity=2)),
        )
    ]


def _of_tandem() -> list[World]:
    """Return worlds of jobs that are all the same, with a queue that is full at times, or few encoders."""
    pools = {size: PART_2C.replace(prewarmed=size) for size in (2, 4, 5, 7)}
    full = Scenario(startup_time=WHOLE, publishing_queue_capacity=4, publishing_time=1)
    between = Scenario(publishing_queue_capacity=6, publishing_time=0.5, deadline="assigned")
    return [
        World("full queue, whole seconds", _jobs(60, encoding=3, timeout=11), pools[5], full, TANDEM),
        World("queue full at times", _jobs(40, encoding=3, timeout=4), pools[7], between, TANDEM),
        World(
            "last video finds queue full", _jobs(3, timeout=5), pools[2],
            full.replace(publishing_queue_capacity=2), TANDEM,
        ),
        World(
            "blocked client, whole seconds", _jobs(40, encoding=3, timeout=4), pools[4],
            Scenario(encoders=3, startup_time=WHOLE), TANDEM,
        ),
    ]  # fmt: skip


def _of_queues() -> list[World]:
    many, even = _jobs(2000), POISSON.replace(arrivals="even")
    giving_up = POOL.replace(discards_hopeless=True)
    first, lead = _jobs(30, encoding=1, timeout=2), Lead.newsvendor(late=3, idle=1)
    return [
        World("M/M/12", many, POOL, POISSON.replace(startup_time=MEMORYLESS), (*MMS, RANDOM)),
        World("D/M/10", many, SMALLER, even.replace(startup_time=MEMORYLESS), (*DMS, EVEN)),
        World("M/G/12 with losses", _jobs(2000, timeout=1e-6), giving_up, POISSON, (LOST,)),
        World("M/G/12", many, POOL, POISSON, (ABOUT,)),
        World("D/G/10", many, SMALLER, even, (ABOUT,)),
        World(
            "M(t)/G/infinity", _jobs(120), OWN_PUBLISHERS,
            POISSON.replace(requests_per_second=DAY, until=30), tuple(_palm(at, at) for at in (5, 18, 23)),
        ),
        World("M/G/infinity", _jobs(150), OWN_PUBLISHERS, POISSON.replace(until=40), (_palm(None, 30),)),
        World(
            "short timeouts, pool of 16", first, PART_2C.replace(prewarmed=16), Scenario(),
            (MUST_FAIL, AT_LEAST, AT_MOST),
        ),
        World(
            "late costs 3, idle 1", _jobs(100, encoding=8), OWN_PUBLISHERS.replace(lead=lead),
            Scenario(encoders=20), (LATE,),
        ),
    ]  # fmt: skip


def _jobs(count: int, *, encoding: float = 1.0, timeout: float = 1e6) -> Catalogue:
    """Return jobs that are all the same; by default they have no deadline that matters."""
    return Catalogue(
        Video(f"j{row}", encoding_time=encoding, publication_timeout=timeout) for row in range(count)
    )
