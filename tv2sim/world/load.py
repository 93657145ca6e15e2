"""The load that a scenario offers and the capacities of its parts, without a simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_number, a_whole_number, plural
from tv2sim.base.errors import ScenarioError
from tv2sim.base.notebook_html import display, meter, paragraph, strong, table
from tv2sim.base.ticks import PER_SECOND
from tv2sim.world.distributions import Distribution, longest_ticks, mean_of, shortest_ticks
from tv2sim.world.profiles import Profile
from tv2sim.world.scenario_parts import Broker, Faults

_TIGHT = 1.1
"""Below this ratio of capacity to arrival rate, videos wait for long."""

Part: TypeAlias = Literal["encoders", "pool", "quota"]

_MANY = 10
_MINUTE = 60.0


@dataclass(frozen=True)
class LoadWarning:
    """A limit of the scenario that its load reaches; ``str()`` of it is a sentence.

    Attributes
    ----------
    of : {"encoders", "pool", "quota"}
        The part of the system that reaches its limit; "quota" is the scenario's `max_publishers`.
    size : int
        The number of encoders, of publishers in the pool, or of those that may exist.
    rate : float
        Videos per second that arrive there.
    capacity : float
        Videos per second that it can serve.
    unit : str
        The unit of the rate: requests of the client, or videos that arrive.
    busiest : bool
        Whether the rate is that of the busiest minute; the capacity is then enough for the mean rate.
    retries : bool
        Whether the client goes on when no encoder is free, and offers the video again later.
    """

    of: Part
    size: int
    rate: float
    capacity: float
    unit: str = "videos/s"
    busiest: bool = False
    retries: bool = False

    @property
    def load(self) -> str:
        """The rate as a share of the capacity."""
        return load_in_words(self.rate / self.capacity if self.capacity else math.inf)

    def __str__(self) -> str:
        rate = f"{self.rate:.3g} {self.unit}"
        if self.busiest:
            rate = f"the {rate} of the busiest minute"
        if self.of == "encoders":
            cannot = f"{plural(self.size, 'encoder')} cannot take {rate}"
            then = "then" if self.busiest else f"to {self.capacity:.3g} videos/s"
            return f"{cannot}: {'videos are refused' if self.retries else f'the client is held back {then}'}"
        what = f"a pool of {self.size}" if self.of == "pool" else f"a limit of {plural(self.size, 'publisher')}"
        if not self.size:
            return f"{what} publishes nothing unless publishers are started otherwise"
        if self.busiest:
            return f"{what} keeps up on average, but not with {rate}: waits grow then"
        if math.isclose(self.rate, self.capacity, rel_tol=1e-5):
            return f"{what} just keeps up with {rate}: waits grow without bound in a long run"
        if self.rate > self.capacity:
            return f"{what} cannot keep up with {rate}: waits grow steadily"
        return f"{what} barely keeps up with {rate}: expect long waits"


@dataclass(frozen=True)
class NeverEncoded:
    """Videos that no encoder lives long enough to encode; ``str()`` of it is a sentence.

    Attributes
    ----------
    videos, all : int
        How many such videos there are, and videos in all.
    lifetime : float
        The longest lifetime of an encoder in seconds; of unbounded ones, the quantile .999.
    """

    videos: int
    all: int
    lifetime: float

    def __str__(self) -> str:
        count = f"{self.videos:,} of {plural(self.all, 'video')} {'takes' if self.videos == 1 else 'take'}"
        lives = f"which is hardly ever more than {self.lifetime:.3g} s"
        return f"{count} longer to encode than encoders live, {lives}: a run makes no progress with them"


def load_in_words(share: float) -> str:
    """Return a share of a capacity in words, such as "64 % of"."""
    return f"{100 * share:.0f} % of" if share <= _MANY else f"more than {_MANY} times"


@dataclass(frozen=True)
class Explanation:
    """The result of :meth:`Scenario.explain`; ``str()`` of it is a text of a few lines.

    All figures are means in the long run. A publisher that dies while it waits for a video is left out: where
    the load is near a capacity, none waits for long.

    Attributes
    ----------
    scenario : Scenario
        The scenario that is explained.
    encoding_time : float or None
        Mean encoding time in the catalogue, seconds.
    publishing_time : float
        Mean seconds that a publisher is busy with a video.
    requested_rate : float
        Videos per second that the client offers unless it is held back; if the videos have times of submission,
        the mean rate.
    busiest_rate : float
        Videos per second that the client offers in the busiest minute.
    submitted : bool
        Whether the videos have times of submission.
    prewarmed : int or None
        The pool's size.
    never_encoded : NeverEncoded or None
        The videos that no encoder lives long enough to encode, if there are any.
    """

    scenario: Any = field(repr=False)  # a Scenario, whose file imports this one
    encoding_time: float | None
    publishing_time: float
    requested_rate: float
    busiest_rate: float
    submitted: bool
    prewarmed: int | None
    never_encoded: NeverEncoded | None = None

    # -- encoders ------------------------------------------------------------------------------------------

    @property
    def encoding_factor(self) -> float:
        """The mean of the factor of encoding times."""
        return mean_of(self.scenario.encoding_factor, none=1.0)

    @property
    def encoder_speed(self) -> float:
        """The speeds of all encoders together."""
        encoders = self.scenario.encoders
        return math.fsum(encoders) if isinstance(encoders, tuple) else float(encoders or 0)

    @property
    def encoder_availability(self) -> float:
        """The share of the time in which an encoder is not broken."""
        faults: Faults = self.scenario.faults
        lifetime = mean_of(faults.encoder_lifetime, none=math.inf)
        return 1.0 if math.isinf(lifetime) else lifetime / (lifetime + mean_of(faults.encoder_repair))

    @property
    def encoder_capacity(self) -> float:
        """Videos per second that the encoders can take."""
        if not self.encoding_time or self.scenario.encoders is None:
            return math.inf
        work = self.encoding_time * self.encoding_factor
        return self.encoder_speed * self.encoder_availability / work if work else math.inf

    @property
    def load_per_encoder(self) -> float | None:
        """Offered work per encoder; above 1 the encoders cannot take all videos at the requested rate."""
        if self.encoding_time is None or self.scenario.encoders is None:
            return None
        work = self.requested_rate * self.encoding_time * self.encoding_factor
        return work / (self.encoder_speed * self.encoder_availability)

    @property
    def arrival_rate(self) -> float:
        """Videos per second that reach the publishing stage: those requested, or what the encoders can do."""
        return min(self.requested_rate, self.encoder_capacity)

    @property
    def busiest_arrival_rate(self) -> float:
        """Videos per second that reach the publishing stage in the busiest minute."""
        return min(self.busiest_rate, self.encoder_capacity)

    # -- publishers ----------------------------------------------------------------------------------------

    @property
    def publishings_per_video(self) -> float:
        """The number of publishers that take a video: more than 1 if publishing or acknowledgements fail."""
        faults: Faults = self.scenario.faults
        broker: Broker | None = self.scenario.broker
        again = 0.0 if broker is None else broker.acknowledgement_loss
        given_up = 0.0 if faults.attempts is None else faults.publishing**faults.attempts
        return (1 - given_up) / (1 - faults.publishing) / (1 - again)

    @property
    def visible_after(self) -> float:
        """Mean seconds from the time at which the broker has a video until publishers can take it."""
        broker: Broker | None = self.scenario.broker
        if broker is None:
            return 0.0
        lost = broker.loss / (1 - broker.loss)
        return mean_of(broker.latency) + lost * broker.redelivered_after

    @property
    def starts_per_video(self) -> float:
        """The number of publishers that are started for a video: more than 1 if publishers fail."""
        faults: Faults = self.scenario.faults
        return self.publishings_per_video / (1 - faults.startup)

    @property
    def publisher_time(self) -> float:
        """Seconds of publishers that a video takes, without the time in which they wait for it."""
        starting = self.starts_per_video * self._startup_time
        return starting + self.publishings_per_video * self.publishing_time

    @property
    def _startup_time(self) -> float:
        """Mean start-up time of a publisher, seconds."""
        startup_time: Distribution = self.scenario.startup_time
        return startup_time.mean

    @property
    def publishers(self) -> float:
        """The mean number of publishers at a time, without those that wait: the offered load."""
        return self.arrival_rate * self.publisher_time

    @property
    def pool_time(self) -> float:
        """Seconds for which a video occupies a place of the pool.

        A place is taken from the decision to start a publisher to its assignment, and if it fails until that is
        noticed.
        """
        faults: Faults = self.scenario.faults
        until_ready: float = self._startup_time + self.scenario.provisioning_delay
        failed = self.starts_per_video * faults.startup + self.publishings_per_video * faults.publishing
        return self.starts_per_video * until_ready + failed * faults.noticed_after

    @property
    def pool_capacity(self) -> float | None:
        """Videos per second that the pool can serve."""
        if self.prewarmed is None:
            return None
        return self.prewarmed / self.pool_time if self.pool_time else math.inf

    @property
    def pool_needed(self) -> float:
        """The size of a pool whose capacity is the rate at which videos arrive."""
        return self.pool_time * self.arrival_rate

    @property
    def busiest_pool_needed(self) -> float:
        """The size of a pool whose capacity is the rate in the busiest minute."""
        return self.pool_time * self.busiest_arrival_rate

    @property
    def quota_capacity(self) -> float:
        """Videos per second that the largest number of publishers (`max_publishers`) can serve."""
        most: int | None = self.scenario.max_publishers
        return math.inf if most is None or not self.publisher_time else most / self.publisher_time

    # -- in words ------------------------------------------------------------------------------------------

    @property
    def _limits(self) -> Iterator[tuple[Part, int, float, float, float]]:
        """Each part that has a limit: its size, the rate and the busiest rate that it gets, its capacity."""
        scenario = self.scenario
        if self.load_per_encoder is not None:
            encoders = scenario.encoder_count, self.requested_rate, self.busiest_rate, self.encoder_capacity
            yield "encoders", *encoders
        rates = self.arrival_rate, self.busiest_arrival_rate
        if self.prewarmed is not None and self.pool_capacity is not None:
            yield "pool", self.prewarmed, *rates, self.pool_capacity
        if scenario.max_publishers is not None:
            yield "quota", scenario.max_publishers, *rates, self.quota_capacity

    @property
    def warnings(self) -> tuple[LoadWarning, ...]:
        """The limits that the load reaches."""
        found = []
        for part, size, rate, most, capacity in self._limits:
            tight = capacity < (1 if part == "encoders" else _TIGHT) * rate or not size
            if tight or capacity < most:
                requests = rate == self.requested_rate and not self.submitted
                unit = "requests/s" if requests else "videos/s"
                retries = part == "encoders" and self.scenario.hand_over is not None
                reached = rate if tight else most
                found.append(LoadWarning(part, size, reached, capacity, unit, not tight, retries))
        return tuple(found)

    def _repr_html_(self) -> str:
        rows = []
        for part, size, rate, _, capacity in self._limits:
            share = rate / capacity if capacity else math.inf
            percent = f"{100 * share:.0f} %" if share <= _MANY else load_in_words(share)
            bar = meter(share, f"load of the {part}")
            rows.append([part, size, f"{rate:.3g}", f"{capacity:.3g}", percent, bar])
        head = ["", "size", "arrivals per second", "capacity per second", "load", ""]
        unit = "videos/s submitted" if self.submitted else "requests/s"
        note = f"{self.requested_rate:.3g} {unit}, {self.arrival_rate:.3g} videos/s at the publishing stage"
        warnings = [paragraph(strong(f"warning: {warning}")) for warning in self._all_warnings]
        return display("Load", note + self._busiest, *([table(head, rows)] if rows else ()), *warnings)

    def __str__(self) -> str:
        lines = [self._encoders] if self.load_per_encoder is not None else []
        lines.append(f"arrivals at the publishing stage: {self.arrival_rate:.3g} videos/s{self._busiest}")
        if self.scenario.broker is not None:
            lines.append(f"broker: publishers see a video after {self.visible_after:.3g} s on average")
        if self.publisher_time != self._startup_time:
            lines.append(
                f"publishers: {self.arrival_rate:.3g} videos/s x {self._life} = {self.publishers:.3g} at a time"
            )
        if self.prewarmed is not None:
            plain = self.pool_time == self._startup_time
            lines.append(
                f"pool: {plural(self.prewarmed, 'publisher')} / {self.pool_time:.3g} s "
                f"{'mean start-up' if plain else 'a video'} = {self.pool_capacity:.3g} videos/s"
            )
        if (most := self.scenario.max_publishers) is not None:
            each = f"{plural(most, 'publisher')} / {self.publisher_time:.3g} s a video"
            lines.append(f"limit: {each} = {self.quota_capacity:.3g} videos/s")
        return "\n".join(lines + [f"warning: {warning}" for warning in self._all_warnings])

    @property
    def _all_warnings(self) -> tuple[LoadWarning | NeverEncoded, ...]:
        return self.warnings if self.never_encoded is None else (self.never_encoded, *self.warnings)

    @property
    def _encoders(self) -> str:
        rate, factor, up = self.requested_rate, self.encoding_factor, self.encoder_availability
        work = rate * (self.encoding_time or 0.0) * factor
        encoders = str(self.scenario.encoder_count)
        if isinstance(self.scenario.encoders, tuple):
            encoders += f", of speed {self.encoder_speed:.3g} in all"
        if up < 1:
            encoders += f", which work {100 * up:.3g} % of the time"
        return (
            f"offered load: {rate:.3g} {'videos/s submitted' if self.submitted else 'requests/s'} x "
            f"{self.encoding_time:.3g} s encoding{'' if factor == 1 else f' x {factor:.3g}'} = {work:.3g} "
            f"encoders' work, {load_in_words(self.load_per_encoder or 0.0)} each of {encoders}"
        )

    @property
    def _busiest(self) -> str:
        varies = self.submitted or isinstance(self.scenario.requests_per_second, Profile)
        return f", {self.busiest_arrival_rate:.3g} in the busiest minute" if varies else ""

    @property
    def _life(self) -> str:
        """The seconds of publishers that a video takes."""
        parts = [
            f"{'' if count == 1 else f'{count:.3g} x '}{time:.3g} s {what}"
            for count, time, what in (
                (self.starts_per_video, self._startup_time, "start-up"),
                (self.publishings_per_video, self.publishing_time, "publishing"),
            )
            if time
        ]
        return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


# -- of a scenario and a catalogue -------------------------------------------------------------------------


def load_of(scenario: Any, videos: Any, prewarmed: int | None) -> Explanation:
    """Return the load of a scenario with a catalogue; see :meth:`Scenario.explain`."""
    encoding = getattr(videos, "encoding_time", videos)
    submitted = getattr(videos, "submitted_at", None)
    publishing = getattr(videos, "publishing_time", None)
    if prewarmed is not None:
        prewarmed = a_whole_number("prewarmed", prewarmed, at_least=0, error=ScenarioError)
    count = len(encoding) if isinstance(encoding, np.ndarray) else 0
    times = _mean_encoding(encoding), _mean_publishing(publishing, mean_of(scenario.publishing_time))
    rates = _rates(scenario, submitted, count)
    never = _never_encoded(scenario, encoding) if count else None
    return Explanation(scenario, *times, *rates, isinstance(submitted, np.ndarray), prewarmed, never)


def _never_encoded(scenario: Any, encoding_time: NDArray[np.float64]) -> NeverEncoded | None:
    """Return how many videos take longer to encode, at the fastest, than encoders live; None if none do."""
    lifetime: float | Distribution | None = scenario.faults.encoder_lifetime
    if lifetime is None or scenario.encoders is None:
        return None
    factor = 1.0 if scenario.encoding_factor is None else shortest_ticks(scenario.encoding_factor) / PER_SECOND
    speed = max(scenario.encoders) if isinstance(scenario.encoders, tuple) else 1.0
    longest = longest_ticks(lifetime) / PER_SECOND
    never = int((encoding_time * factor / speed > longest).sum())
    return NeverEncoded(never, len(encoding_time), longest) if never else None


def _mean_encoding(given: Any) -> float | None:
    """Return the mean of the encoding times that are known; None if no time is known."""
    if isinstance(given, np.ndarray):
        known = given[~np.isnan(given)]
        given = float(known.mean()) if len(known) else None
    return None if given is None else a_number("encoding_time", given, error=ScenarioError)


def _mean_publishing(given: Any, usual: float) -> float:
    """Return the mean of the publishing times, where videos without one have the usual one."""
    return float(np.where(np.isnan(given), usual, given).mean()) if isinstance(given, np.ndarray) else usual


def _rates(scenario: Any, submitted: Any, videos: int) -> tuple[float, float]:
    """Return the rates in videos per second at which the client offers videos if no encoder holds it back.

    The first is the mean from the first offer to the last, the second that of the busiest minute.
    """
    limit = 1 / scenario.gap
    profile = scenario.requests_per_second
    if isinstance(submitted, np.ndarray):
        return _rates_of(submitted, math.inf if scenario.encoders is None else limit)
    if not isinstance(profile, Profile):
        return limit, limit
    if videos < 2:
        return limit, profile.busiest(_MINUTE)
    end = profile.pause(0, videos - 1)
    mean = (videos - 1) / end
    return mean, mean if end < _MINUTE else profile.busiest(_MINUTE, end)


def _rates_of(submitted_at: NDArray[np.float64], limit: float) -> tuple[float, float]:
    """Return the mean rate and the busiest one for times of submission; both are at most `limit`."""
    if len(submitted_at) < 2:
        return limit, limit
    paced = np.arange(len(submitted_at)) / limit  # the earliest offers; each late one delays those after it
    offered = paced + np.maximum.accumulate(np.nan_to_num(submitted_at) - paced)
    span = float(offered[-1] - offered[0])
    mean = (len(offered) - 1) / span if span else math.inf
    in_a_minute = np.searchsorted(offered, offered + _MINUTE) - np.arange(len(offered))
    busiest = int(in_a_minute.max()) / _MINUTE
    # a catalogue shorter than a minute has only its mean rate
    return min(mean, limit), min(max(mean, busiest), limit)
