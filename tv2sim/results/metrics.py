"""The metrics of a run: one registry of their names, labels, units, definitions and functions.

Code that shows, saves, compares or selects metrics loops over :data:`METRICS`. The quantities that metrics and
tables share (elapsed, idle, publisher-seconds, ...) are defined here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import inf, nan
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import one_of
from tv2sim.base.errors import InputError
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.results.event_kinds import code_of
from tv2sim.results.facts import ATTEMPTS, VIDEO_OUTCOMES, Facts
from tv2sim.strategies import MOMENTS, Strategy
from tv2sim.world.distributions import Distribution
from tv2sim.world.prices import Prices

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.world.scenario import Scenario


_NO_PRICES = Prices()

# -- quantities that metrics and tables share --------------------------------------------------------------


def on_time(facts: Facts) -> NDArray[np.bool_]:
    """Return per video whether it was published in time."""
    return np.equal(facts.videos["outcome"], VIDEO_OUTCOMES.index("published"))


def publisher_times(facts: Facts) -> dict[str, NDArray[Any]]:
    """Return per publisher the ticks for which it was idle, busy and alive.

    `idle` is the time from ready to assigned, or to the end of the run; 0 if it was not ready by then. `busy`
    is the time from assigned to ended, or to the end of the run. `alive`, its publisher-seconds, is the time
    from started to the end of its life, or of the run.
    """
    publishers = facts.publishers
    gone = np.where(np.isnan(publishers["ended"]), facts.end, publishers["ended"])
    last = np.where(np.isnan(publishers["assigned"]), gone, publishers["assigned"])
    return {
        "idle": np.where(np.isnan(publishers["ready"]), 0.0, last - publishers["ready"]),
        "busy": gone - last,
        "alive": gone - publishers["started"],
    }


def holds(facts: Facts) -> dict[str, NDArray[Any]]:
    """Return a row for each stay of a video on an encoder; stays that the encoder's death ended come last.

    `ended` is when the video left the encoder, or when the encoder died; NaN if neither has happened.
    """
    videos, attempts, others = facts.videos, facts.attempts, facts.others
    lost = np.flatnonzero(attempts["kind"] == ATTEMPTS.index("encoding"))
    again = np.flatnonzero(others["kind"] == code_of("encoding_started"))
    number = len(videos["encoder"])
    starts = np.maximum(np.bincount(others["video"][again], minlength=number), 1)
    started = videos["encoding_started"].copy()  # starts of the last encodings are in the table of others
    np.maximum.at(started, others["video"][again], others["time"][again])
    held = ~np.isnan(started) & (starts > np.bincount(attempts["video"][lost], minlength=number))
    last = {
        "video": np.arange(number),
        "encoder": videos["encoder"],
        "started": started,
        # without ends of earlier encodings
        "encoded": np.where(videos["encoded"] >= started, videos["encoded"], nan),
        "ended": left_encoder(facts),
    }
    before = {name: attempts[name][lost] for name in ("video", "encoder", "started", "ended")}
    before["encoded"] = np.full(len(lost), nan)
    interrupted = {"interrupted": np.repeat([False, True], [int(held.sum()), len(lost)])}
    return {name: np.concatenate([last[name][held], before[name]]) for name in last} | interrupted


def left_encoder(facts: Facts) -> NDArray[np.float64]:
    """Return when each video left its encoder: as it was queued, or given up while there was no room."""
    queued: NDArray[np.float64] = facts.videos["queued"]
    return np.where(np.isnan(queued), facts.videos["settled"], queued)


def happened(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the times that are not NaN."""
    return times[~np.isnan(times)]


class Measured:
    """A finished run, from which metrics are computed, and the quantities that several metrics share.

    Parameters
    ----------
    catalogue : Catalogue
        The videos.
    facts : Facts
        What happened.
    encoders : int
        The number of encoders.
    prices : Prices, optional
        What publishers and failed videos cost; default is nothing.
    """

    def __init__(self, catalogue: Catalogue, facts: Facts, encoders: int, prices: Prices | None = None) -> None:
        self.catalogue, self.facts, self.encoders = catalogue, facts, encoders
        self.prices = prices or _NO_PRICES
        self.videos, self.publishers, self.end = facts.videos, facts.publishers, facts.end

    @cached_property
    def elapsed(self) -> NDArray[np.float64]:
        """The elapsed times of all publications, in ascending order, in ticks; infinite for lost videos."""
        return np.sort(happened(self._elapsed))

    @cached_property
    def _elapsed(self) -> NDArray[np.float64]:
        """The elapsed time of each video; one that failed without a publication is infinitely late."""
        videos = self.videos
        lost = np.isnan(videos["published"]) & (videos["outcome"] == VIDEO_OUTCOMES.index("failed"))
        return np.where(lost, inf, self.facts.elapsed)

    @cached_property
    def lateness(self) -> NDArray[np.float64]:
        """Elapsed less timeout of all publications, in ascending order, in ticks."""
        return np.sort(happened(self._elapsed - whole_ticks(self.catalogue.publication_timeout)))

    @cached_property
    def publisher_times(self) -> dict[str, NDArray[Any]]:
        """The times of each publisher, as :func:`publisher_times` gives them."""
        return publisher_times(self.facts)

    @cached_property
    def outcomes(self) -> dict[str, int]:
        """The number of videos by outcome."""
        counts = np.bincount(self.videos["outcome"], minlength=len(VIDEO_OUTCOMES))
        return dict(zip(VIDEO_OUTCOMES, counts.tolist(), strict=True))

    def until_the_end(self, started: NDArray[np.float64], stopped: NDArray[np.float64]) -> float:
        """Return the sum of the ticks from times of starts to others, or to the end of the run."""
        return float(happened(np.where(np.isnan(stopped), self.end, stopped) - started).sum())

    def waiting_time(self) -> float:
        """Return the ticks for which videos waited in the queue, until they were served or given up."""
        rows = self.videos["own"] == 0
        queued, assigned, settled = (self.videos[name][rows] for name in ("queued", "assigned", "settled"))
        waited = self.until_the_end(queued, np.where(np.isnan(assigned), settled, assigned))
        tried = self._failed_attempts()
        in_queue = rows[tried["video"]]
        return waited - float((tried["ended"] - tried["started"])[in_queue].sum())

    def _failed_attempts(self) -> dict[str, NDArray[Any]]:
        """Return the attempts to publish that failed, without those of videos that had an outcome before."""
        attempts = self.facts.attempts
        settled = self.videos["settled"][attempts["video"]]
        counts = (attempts["kind"] == ATTEMPTS.index("publishing")) & ~(attempts["ended"] > settled)
        return {name: attempts[name][counts] for name in ("video", "started", "ended")}

    def encoder_time(self) -> float:
        """Return the ticks for which encoders held a video, interrupted encodings included."""
        if not len(self.facts.attempts["kind"]):
            return self.until_the_end(self.videos["encoding_started"], left_encoder(self.facts))
        held = holds(self.facts)
        return self.until_the_end(held["started"], held["ended"])

    def others(self, event: str) -> int:
        """Return how often an event happened that no column of its own holds."""
        return int(np.count_nonzero(self.facts.others["kind"] == code_of(event)))

    def stockouts(self) -> int:
        """Return how many videos were first assigned later than they were encoded, or never."""
        encoded, assigned = self.videos["encoded"], self.videos["assigned"].copy()
        tried = self._failed_attempts()
        np.fmin.at(assigned, tried["video"], tried["started"])
        return int(np.count_nonzero(~np.isnan(encoded) & ~(assigned <= encoded)))

    def cost(self) -> float:
        """Return what the run costs."""
        return float(total(costs(self.prices, lambda metric: METRICS[metric].compute(self))))

    def peak_publishers(self) -> int:
        """Return the largest number of publishers that existed after any instant."""
        # publishers are numbered as they start, so `started` is sorted
        started, ended = self.publishers["started"], self.publishers["ended"]
        born = np.searchsorted(started, started, side="right")
        gone = np.searchsorted(np.sort(happened(ended)), started, side="right")
        return int((born - gone).max(initial=0))


def quantile(ordered: NDArray[np.float64], percent: int) -> float:
    """Return a quantile of sorted ticks, in seconds, as ``numpy.percentile`` does, which is slower."""
    if not len(ordered):
        return nan
    below, share = divmod(percent / 100 * (len(ordered) - 1), 1)
    low = float(ordered[int(below)])
    high = float(ordered[min(int(below) + 1, len(ordered) - 1)])
    if high == inf:
        return high if share or low == inf else low / PER_SECOND
    between = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
    return between / PER_SECOND


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else nan


# -- what it costs -----------------------------------------------------------------------------------------

COST = "cost"
"""The name of the metric that follows from prices; it is there where prices are given."""

_AMOUNTS = {
    "starting": ("publisher_seconds", "idle", "busy"),
    "ready": ("idle",),
    "busy": ("busy",),
    "start": ("publishers_started",),
    "failed": ("failed",),
}
"""The metric that each price multiplies; the other metrics of a row are subtracted from it first."""


def costs(prices: Prices, values: Callable[[str], Any]) -> dict[str, Any]:
    """Return the parts of the cost by the names of the prices: numbers of a run, or arrays of many.

    `values` returns a metric. Seconds are whole ticks again after a subtraction, so all engines agree.
    """
    parts = {}
    for part, (metric, *others) in _AMOUNTS.items():
        price = getattr(prices, part)
        amount: Any = values(metric) if price else 0.0
        for other in others if price else ():
            amount = np.rint((amount - values(other)) * PER_SECOND) / PER_SECOND
        parts[part] = price * amount
    return parts


def total(parts: Mapping[str, Any]) -> Any:
    """Return the cost, added up in one order: ``sum`` rounds floats in another way than arrays."""
    cost: Any = 0.0
    for part in parts.values():
        cost = cost + part
    return cost


# -- what cannot vary --------------------------------------------------------------------------------------


class Setting:
    """The inputs of a run, which decide the metrics that are the same in every replication."""

    def __init__(
        self, catalogue: Catalogue, strategy: Strategy, scenario: Scenario, prices: Prices | None = None
    ) -> None:
        self.catalogue, self.scenario, self.prices = catalogue, scenario, prices
        self.strategy = strategy.sized(catalogue, scenario)

    @property
    def is_deterministic(self) -> bool:
        """Whether nothing is random."""
        return self.scenario.is_deterministic

    @cached_property
    def _starts(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each video has its own publisher, and whether one is started because of it."""
        starts = self.strategy.starts(self.catalogue, self.scenario)
        own, moment = np.frombuffer(starts.own, np.int8), np.frombuffer(starts.moment, np.int8)
        return own == 1, moment != MOMENTS.index(None)

    @cached_property
    def finishes(self) -> bool:
        """Whether one publisher comes for each video: none is cut off or refused, and nothing fails."""
        own, causes = self._starts
        served = self.strategy.prewarmed > 0 or bool((own | causes).all())
        scenario = self.scenario
        limits = (scenario.until, scenario.max_publishers, scenario.most_offers)
        limited = any(limit is not None for limit in limits) or bool(scenario.faults)
        limited = limited or (scenario.broker is not None and scenario.broker.acknowledgement_loss > 0)
        return not limited and not self.strategy.adapts and not self.strategy.manages and served

    @cached_property
    def starts_are_known(self) -> bool:
        """Whether the number of publishers that are started is known: one for each video, besides the pool."""
        own, causes = self._starts
        return self.finishes and (self.strategy.prewarmed == 0 or not (causes & ~own).any())

    @cached_property
    def is_pool(self) -> bool:
        """Whether all publishers belong to a pool of one size: none is started because of a video."""
        return self.strategy.keeps_its_size and not self._starts[1].any()

    @property
    def publishing_takes_time(self) -> bool:
        """Whether a publisher is busy with a video for a while."""
        return self.scenario.publishing_time != 0 or self.catalogue.publishing_time is not None

    @cached_property
    def priced(self) -> tuple[str, ...]:
        """The metrics that the cost follows from; those that say nothing here are 0."""
        prices = self.prices or _NO_PRICES
        names = dict.fromkeys(name for part, of in _AMOUNTS.items() if getattr(prices, part) for name in of)
        return tuple(name for name in names if METRICS[name].says_something(self))

    @cached_property
    def publishing_is_known(self) -> bool:
        """Whether it is known for how long publishers are busy: no time is drawn."""
        by_video, by_default = self.catalogue.publishing_time, self.scenario.publishing_time
        drawn = isinstance(by_default, Distribution) and (by_video is None or bool(np.isnan(by_video).any()))
        return self.finishes and not drawn

    @cached_property
    def pool_is_constant(self) -> bool:
        """Whether each publisher is replaced at the instant at which it ends, and no others are started."""
        scenario = self.scenario
        return (
            self.is_pool
            and not self.publishing_takes_time
            and not (scenario.max_publishers or scenario.provisioning_delay or scenario.faults)
        )

    @cached_property
    def encodings_are_known(self) -> bool:
        """Whether it is known when each encoding starts and ends.

        The publishing queue needs room for every video that the pool serves, so that no encoder is blocked.
        """
        scenario, room = self.scenario, self.scenario.publishing_queue_capacity
        drawn = scenario.arrivals != "even" or isinstance(scenario.encoding_factor, Distribution)
        drawn = drawn or scenario.encoders_die or scenario.refuses
        return not drawn and (room is None or int(np.count_nonzero(~self._starts[0])) <= room)


# -- the registry ------------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """The result of the comparison of a strategy with the baseline in one metric."""

    BETTER = "better"
    WORSE = "worse"
    HIGHER = "higher"
    """The mean is higher, and neither direction of the metric is better; likewise `LOWER`."""
    LOWER = "lower"
    UNDECIDED = "no difference shown"
    SMALL = "no difference that matters"

    @property
    def is_shown(self) -> bool:
        """Whether there is a difference."""
        return self not in (Verdict.UNDECIDED, Verdict.SMALL)


@dataclass(frozen=True)
class Metric:
    """One metric of a run.

    Parameters
    ----------
    name : str
        The name in tables and arguments.
    label : str
        The name in texts for people.
    unit : str
        "s"; "%" for a share, which is stored as a fraction; or the name of what is counted.
    meaning : str
        The definition, in a phrase.
    compute : callable
        Takes a :class:`Measured` run and returns the value.
    better : {"more", "less"}, optional
        The better direction, if there is one.
    dtype : type
        int for a count; bool for a property of a run, whose mean is a probability; else float.
    bounds : {"videos", "share"}, optional
        The range of the values: from 0 to the number of videos, or from 0 to 1.
    fixed : callable, optional
        Takes a :class:`Setting` and returns whether it alone decides the value, so that no replication differs.
    follows : str, optional
        The metric from which the value follows, as a share does from a count: a test of one is then a test of
        the other.
    given : str, optional
        A metric that has to be fixed for that.
    only : callable, optional
        Takes a :class:`Setting` and returns whether the metric says anything there; if not, "all" leaves it
        out.
    needs : tuple of str
        The columns of facts that `compute` reads, such as "videos.encoded". An engine that does not compute the
        metric itself makes these columns alone, which is much faster. Empty: all columns, and the log.

    Examples
    --------
    >>> METRICS["makespan"].label, METRICS["makespan"].better
    ('makespan', 'less')
    >>> METRICS["failed"].limits(videos=154)
    (0, 154)
    >>> METRICS["failed"].verdict(-2.0, significant=True).value
    'better'
    >>> METRICS["on_time_rate"].step(videos=154) == 1 / 154
    True
    """

    name: str
    label: str
    unit: str
    meaning: str
    compute: Callable[[Measured], float]
    better: Literal["more", "less"] | None = "less"
    dtype: type[int] | type[float] = float
    bounds: Literal["videos", "share"] | None = None
    fixed: Callable[[Setting], bool] | None = None
    follows: str | None = None
    given: str | None = None
    only: Callable[[Setting], bool] | None = None
    needs: tuple[str, ...] = ()

    def says_something(self, setting: Setting) -> bool:
        """Return whether the metric says anything in a setting."""
        return self.only is None or self.only(setting)

    def is_fixed(self, setting: Setting) -> bool:
        """Return whether the value is the same in every replication, whatever the start-up times."""
        return setting.is_deterministic or (self.fixed is not None and self.fixed(setting))

    def step(self, videos: int) -> float | None:
        """Return the least amount by which values differ; None unless they are counts or shares of videos."""
        return 1.0 if self.dtype is not float else 1 / videos if self.follows else None

    def limits(self, videos: int) -> tuple[float, float]:
        """Return the smallest and the largest possible value on a catalogue of `videos` videos."""
        return (0, videos) if self.bounds == "videos" else (0, 1) if self.bounds == "share" else (-inf, inf)

    def verdict(self, difference: float, *, significant: bool) -> Verdict:
        """Return the verdict on a mean difference from the baseline."""
        if not significant:
            return Verdict.UNDECIDED
        if self.better is None:
            return Verdict.HIGHER if difference > 0 else Verdict.LOWER
        return Verdict.BETTER if (difference > 0) == (self.better == "more") else Verdict.WORSE


ON_TIME_RATE = "on_time_rate"
"""The name of the metric that strategies are judged by; it is always computed."""

METRICS: dict[str, Metric] = {metric.name: metric for metric in (
    Metric("published", "published in time", "videos", "videos published no later than their timeout, per run",
           lambda run: run.outcomes["published"], "more", int, "videos"),
    Metric("failed", "published too late", "videos",
           "videos published later than their timeout, or not at all, per run",
           lambda run: run.outcomes["failed"], "less", int, "videos",
           follows="published", given="unfinished"),
    Metric("unfinished", "unfinished", "videos", "videos still under way when the run ended",
           lambda run: run.outcomes["unfinished"], "less", int, "videos", lambda setting: setting.finishes),
    Metric(ON_TIME_RATE, "on-time rate", "%", "share of all videos that is published in time",
           lambda run: run.outcomes["published"] / len(run.catalogue), "more", float, "share",
           follows="published"),
    Metric("elapsed_p50", "elapsed median of a run", "s",
           "time from the start of encoding to publication: half of a run's take less",
           lambda run: quantile(run.elapsed, 50)),
    Metric("elapsed_p95", "elapsed p95 of a run", "s",
           "95 % of a run's publications take no longer",
           lambda run: quantile(run.elapsed, 95)),
    Metric("elapsed_p99", "elapsed p99 of a run", "s",
           "99 % of a run's publications take no longer",
           lambda run: quantile(run.elapsed, 99)),
    Metric("lateness_p50", "lateness median of a run", "s",
           "elapsed - timeout, below 0 is in time: half of a run's publications are earlier",
           lambda run: quantile(run.lateness, 50)),
    Metric("lateness_p95", "lateness p95 of a run", "s",
           "95 % of a run's publications are no later",
           lambda run: quantile(run.lateness, 95)),
    Metric("lateness_p99", "lateness p99 of a run", "s",
           "99 % of a run's publications are no later",
           lambda run: quantile(run.lateness, 99)),
    Metric("lateness_max", "lateness largest of a run", "s",
           "of the latest publication of a run",
           lambda run: quantile(run.lateness, 100)),
    Metric("stockouts", "stockouts", "videos", "videos that found no ready publisher when they were encoded",
           Measured.stockouts, "less", int, "videos"),
    Metric("idle", "idle", "s", "publisher-seconds from ready to assigned, or to the end of the run",
           lambda run: float(run.publisher_times["idle"].sum()) / PER_SECOND),
    Metric("busy", "busy", "s", "publisher-seconds from assigned to ended, or to the end of the run",
           lambda run: float(run.publisher_times["busy"].sum()) / PER_SECOND, None,
           fixed=lambda setting: setting.publishing_is_known,
           only=lambda setting: setting.publishing_takes_time),
    Metric("publisher_seconds", "publisher-seconds", "s",
           "from a publisher's start to the end of its life, or of the run: the cost",
           lambda run: float(run.publisher_times["alive"].sum()) / PER_SECOND),
    Metric("publishers_started", "publishers started", "publishers", "per run",
           lambda run: len(run.publishers["cause"]), "less", int,
           fixed=lambda setting: setting.starts_are_known),
    Metric("publishers_wasted", "publishers wasted", "publishers", "started, but never given a video",
           lambda run: int(np.count_nonzero(run.publishers["video"] < 0)), "less", int,
           fixed=lambda setting: setting.starts_are_known),
    Metric("peak_publishers", "publishers at once", "publishers", "the most that existed at one time",
           Measured.peak_publishers, "less", int, fixed=lambda setting: setting.pool_is_constant),
    Metric("quota_waits", "waits for the quota", "publishers", "starts that waited for the end of another",
           lambda run: run.facts.quota_waits, "less", int,
           only=lambda setting: setting.scenario.max_publishers is not None),
    Metric("refused", "refused", "videos", "videos that the client gives up, as no encoder was free for them",
           lambda run: run.outcomes["refused"], "less", int, "videos",
           fixed=lambda setting: setting.scenario.most_offers is None,
           only=lambda setting: setting.scenario.most_offers is not None),
    Metric("retries", "retries", "offers", "refusals after which the client offers the video again",
           lambda run: run.others("refused"), "less", int,
           fixed=lambda setting: not setting.scenario.refuses,
           only=lambda setting: setting.scenario.refuses),
    Metric("redeliveries", "redeliveries", "deliveries", "deliveries after a loss, also of an acknowledgement",
           lambda run: run.others("redelivered"), "less", int,
           only=lambda setting: setting.scenario.broker is not None),
    Metric("encoder_utilization", "encoder utilization", "%", "share of the encoders' time with a video",
           lambda run: _ratio(run.encoder_time(), run.encoders * run.end),
           None, float, "share"),
    Metric("publishing_queue_mean", "publishing queue", "videos", "videos waiting in it, averaged over time",
           lambda run: _ratio(run.waiting_time(), run.end)),
    Metric("client_blocked_time", "client blocked", "s", "time for which the client waited for an encoder",
           lambda run: run.until_the_end(run.videos["offered"], run.videos["encoding_started"]) / PER_SECOND,
           fixed=lambda setting: setting.encodings_are_known,
           only=lambda setting: not setting.scenario.refuses),
    Metric("makespan", "makespan", "s", "from the start to the end of the run",
           lambda run: run.end / PER_SECOND),
    Metric("any_failure", "runs with any failure", "%", "share of runs in which some video was not in time",
           lambda run: run.outcomes["published"] < len(run.catalogue), "less", bool, "share"),
    Metric(COST, "cost", "", "publisher-seconds by state, starts and failed videos, each times its price",
           Measured.cost,
           fixed=lambda setting: all(METRICS[name].is_fixed(setting) for name in setting.priced),
           only=lambda setting: setting.prices is not None),
)}  # fmt: skip
"""Every metric by its name, in the order of the columns. A new one is a new row."""

MAIN = (
    "published", ON_TIME_RATE, COST, "elapsed_p95", "publisher_seconds", "idle", "publishers_wasted",
    "any_failure",
)  # fmt: skip
"""The metrics on which a decision is based; short tables show only these."""


def hypothesis_of(metric: str, settings: Iterable[Setting]) -> str:
    """Return the metric whose test is also a test of this one, in these settings; else the metric itself."""
    of = METRICS[metric]
    if of.follows and (of.given is None or all(map(METRICS[of.given].is_fixed, settings))):
        return of.follows
    return metric


def metrics_of(settings: Iterable[Setting]) -> tuple[str, ...]:
    """Return the names of the metrics that say something in at least one setting."""
    settings = list(settings)
    return tuple(
        metric.name
        for metric in METRICS.values()
        if metric.only is None or any(map(metric.says_something, settings))
    )


def measured_for(names: Iterable[str], settings: Iterable[Setting]) -> tuple[str, ...]:
    """Return the metrics that engines have to measure for these: the cost follows from others."""
    needed = dict.fromkeys(names)
    if COST in needed:
        del needed[COST]
        needed |= dict.fromkeys(name for setting in settings for name in setting.priced)
    return tuple(needed)


def needs(names: Iterable[str]) -> set[str] | None:
    """Return the columns of facts from which metrics and the on-time videos follow; None: all columns."""
    of = [METRICS[name].needs for name in names]
    return {"videos.outcome"}.union(*of) if all(of) else None


def as_metrics(metrics: object, settings: Iterable[Setting] = ()) -> tuple[str, ...]:
    """Return the names of the metrics that were asked for; "all" stands for those of :func:`metrics_of`.

    Raises
    ------
    InputError
        If a name is unknown (the message lists the known ones) or occurs twice, or if there is no name.
    """
    if isinstance(metrics, str) and metrics == "all":
        return metrics_of(settings)
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics) if isinstance(metrics, Iterable) else ()
    if not names:
        known = ", ".join(map(repr, METRICS))
        raise InputError(f"metrics must be 'all' or names of metrics, of {known}, not {metrics!r}")
    for name in names:
        one_of("a metric", name, METRICS, error=InputError)
        if names.count(name) > 1:
            raise InputError(f"metrics names {name!r} twice")
    return names


def measure(
    catalogue: Catalogue, facts: Facts, encoders: int, names: Iterable[str], prices: Prices | None = None
) -> dict[str, float]:
    """Compute the named metrics of a run, and no others."""
    run = Measured(catalogue, facts, encoders, prices)
    return {name: METRICS[name].compute(run) for name in names}


def summary(setting: Setting, facts: Facts) -> dict[str, float]:
    """Return the metrics of one run that say something, except those of type bool."""
    numbers = [name for name in metrics_of([setting]) if METRICS[name].dtype is not bool]
    return measure(setting.catalogue, facts, setting.scenario.encoder_count, numbers, setting.prices)


# -- the original's counters -------------------------------------------------------------------------------


class Stats(dict[str, int]):
    """The original's counters; ``str()`` is its stats line."""

    def __str__(self) -> str:
        return "stats: " + " ".join(f"{name}={value}" for name, value in self.items())


def stats(catalogue: Catalogue, facts: Facts) -> Stats:
    """Return the original's counters; a submission is a hand-over to an encoder."""
    run = Measured(catalogue, facts, 0)
    return Stats(
        client_parse_errors=len(catalogue.rejected),
        client_submitted=len(happened(run.videos["encoding_started"])),
        encoded=len(happened(run.videos["encoded"])),
        published=run.outcomes["published"],
        publish_failed=run.outcomes["failed"],
    )
