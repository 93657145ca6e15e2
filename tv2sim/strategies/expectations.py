"""What a strategy knows of a world before a run: when to start a publisher, and which videos to expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tv2sim.base import fields
from tv2sim.base.checks import a_number, a_time, a_whole_number, shown
from tv2sim.base.errors import InputError, StrategyError
from tv2sim.base.fields import EVERY_ENGINE, Accepts, Fields, or_none, parameter, with_parameters
from tv2sim.base.ticks import PER_SECOND, to_ticks, whole_ticks
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from tv2sim.strategies.coverage import Arrivals, Coverage, Startups
    from tv2sim.world.distributions import Distribution
    from tv2sim.world.scenario import Scenario


Table: TypeAlias = tuple[tuple[tuple[float, float], float], ...]


def _a_share(name: str, value: object, *, error: type[InputError]) -> float:
    share = a_number(name, value, above=0, error=error)
    if share >= 1:
        raise error(f"{name} must be a number between 0 and 1, not {shown(value)}")
    return share


def _as_table(name: str, value: Any, *, error: type[InputError]) -> Table:
    try:
        given = value.items() if isinstance(value, Mapping) else value
        pairs = {(one, other): time for (one, other), time in given}  # in JSON, pairs are lists
    except (TypeError, ValueError):
        pairs = {}
    if not pairs:
        raise error(
            f"{name} must give seconds by (encoding time, timeout), such as {{(6, 7): 2.5}}, not {shown(value)}"
        )
    return tuple(
        sorted(
            (
                (a_time("an encoding time", one, error=error), a_time("a timeout", other, error=error)),
                a_time("the seconds of a table", time, error=error),
            )
            for (one, other), time in pairs.items()
        )
    )


AsTable: TypeAlias = Accepts[Mapping[tuple[float, float], float] | Table | None, Table | None]
"""A mapping becomes a sorted tuple."""


@with_parameters
@dataclass(frozen=True, repr=False)
class Lead(Fields):
    """How many seconds after the start of a video's encoding the publisher that is ordered for it starts.

    It is given by `encoding`, `timeout` or both, or by `quantile`, or by `table`. Encoding times are the
    catalogue's: the true ones are not known beforehand.

    {parameters}

    Raises
    ------
    StrategyError
        If a value is impossible, a name unknown, or more than one way is given.

    Examples
    --------
    >>> Lead(encoding=3, timeout=6)
    Lead(encoding=3.0, timeout=6.0)
    >>> Lead.newsvendor(late=60, idle=20)
    Lead(quantile=0.75)
    """

    encoding: float | None = parameter(
        None, or_none(a_time), engines=EVERY_ENGINE, label="Start before the end of the encoding (s)",
        text="The publisher starts so many seconds before the end of the encoding, or at once.",
    )  # fmt: skip
    timeout: float | None = parameter(
        None, or_none(a_time), engines=EVERY_ENGINE, label="Start before the timeout (s)",
        text="The publisher starts so many seconds before the video's timeout ends, or at once. With "
        "`encoding`, the earlier of the two counts.",
    )  # fmt: skip
    quantile: float | None = parameter(
        None, or_none(_a_share), engines=EVERY_ENGINE, label="Share of publishers ready when the encoding ends",
        text="The publisher is ready by the end of the encoding with this probability, if there is time.",
    )  # fmt: skip
    table: AsTable = parameter(
        None, or_none(_as_table), engines=EVERY_ENGINE,
        text="Seconds by (encoding time, timeout); 0 for videos of other kinds.",
    )  # fmt: skip

    _error = StrategyError

    def __post_init__(self) -> None:
        fields.check_fields(self, error=self._error, owner="a lead's ")
        ways = (self.encoding is not None or self.timeout is not None, self.quantile, self.table)
        if sum(map(bool, ways)) != 1:
            raise StrategyError(
                "a lead is given by encoding or timeout or both, or by quantile, or by table, not by "
                f"{shown(self)}"
            )

    def __str__(self) -> str:
        return fields.in_short(self)

    @classmethod
    def newsvendor(cls, *, late: float, idle: float) -> Lead:
        """Return the lead that is best for one video, given the prices of a second late and of one idle.

        Raises
        ------
        StrategyError
            If a price is not a number above 0.
        """
        prices = [
            a_number(f"the price of a second {what}", price, above=0, error=StrategyError)
            for what, price in (("late", late), ("idle", idle))
        ]
        return cls(quantile=prices[0] / sum(prices))

    def seconds(self, catalogue: Catalogue, scenario: Scenario) -> NDArray[np.float64]:
        """Return the seconds for each video."""
        encoding, timeout = nominal_times(catalogue, scenario), catalogue.publication_timeout
        if self.table is not None:
            known = dict(self.table)
            pairs = zip(encoding.tolist(), timeout.tolist(), strict=True)
            return np.array([known.get(pair, 0.0) for pair in pairs])
        if self.quantile is not None:
            startup = float(scenario.startup_time.quantile(np.array([self.quantile]))[0])
            return np.maximum(0.0, encoding - startup)
        limits = [
            times - before
            for times, before in ((encoding, self.encoding), (timeout, self.timeout))
            if before is not None
        ]
        first, *second = limits
        return np.maximum(0.0, np.minimum(first, *second) if second else first)


def lead(name: str, value: object, *, error: type[InputError]) -> Lead:
    """Return a lead as it is."""
    if not isinstance(value, Lead):
        raise error(f"{name} must be a tv2sim.Lead, such as Lead(encoding=3), not {shown(value)}")
    return value


def nominal_times(catalogue: Catalogue, scenario: Scenario) -> NDArray[np.float64]:
    """Return the encoding times that a strategy knows, in seconds: 0 where there is no encoding stage."""
    return np.zeros(len(catalogue)) if scenario.encoders is None else catalogue.encoding_time


def ready_in_time(catalogue: Catalogue, scenario: Scenario) -> NDArray[np.float64]:
    """Return for each video the probability that its own publisher, started with its encoding, is in time.

    It is 0 if the encoding alone takes too long.
    """
    publishing = np.full(len(catalogue), scenario.mean_publishing_time)
    if (given := catalogue.publishing_time) is not None and scenario.deadline == "published":
        publishing = np.where(np.isnan(given), publishing, given)
    patience = whole_ticks(catalogue.publication_timeout) - whole_ticks(publishing)
    ready = scenario.startup_time.cdf(patience / PER_SECOND) * (1 - scenario.faults.startup)
    return np.where(whole_ticks(nominal_times(catalogue, scenario)) <= patience, ready, 0.0)


# -- the videos that a rule expects ---------------------------------------------------------------------------


Mix: TypeAlias = tuple[tuple[float, float, int], ...]
"""(encoding time, timeout, how many), sorted."""
AsForecast: TypeAlias = Accepts[object, Literal["online"] | Mix | None]
"""A catalogue becomes its mix."""


def mix_of(catalogue: Catalogue) -> Mix:
    """Return how often each pair of encoding time and timeout is in a catalogue; unknown times count as 0.

    >>> from tv2sim.catalogue import read_catalogue
    >>> video = {"id": "a", "encodingTime": 3, "publicationTimeout": 9}
    >>> mix_of(read_catalogue([video, {**video, "id": "b"}]))
    ((3.0, 9.0, 2),)
    """
    encoding = [0.0 if time != time else time for time in catalogue.encoding_time.tolist()]
    pairs = Counter(zip(encoding, catalogue.publication_timeout.tolist(), strict=True))
    return tuple((*pair, count) for pair, count in sorted(pairs.items()))


def a_forecast(name: str, value: Any, *, error: type[InputError]) -> Literal["online"] | Mix | None:
    """Return "online", None, or the mix of a catalogue, which may be given as everywhere else."""
    if value is None:
        return None
    if isinstance(value, str) and value == "online":
        return "online"
    if isinstance(value, (tuple, list)) and value and all(isinstance(kind, (tuple, list)) for kind in value):
        return tuple(sorted(_a_kind(kind, error) for kind in value))
    return mix_of(read_catalogue(value))


def _a_kind(value: Any, error: type[InputError]) -> tuple[float, float, int]:
    if len(value) != 3:
        raise error(f"a kind of videos is (encoding time, timeout, how many), not {shown(value)}")
    encoding, timeout, count = value
    return (
        a_time("an encoding time", encoding, error=error),
        a_time("a timeout", timeout, above=0, error=error),
        a_whole_number("the number of videos of a kind", count, at_least=1, error=error),
    )


def submitted_rate(catalogue: Catalogue) -> float | None:
    """Return the videos per second of a catalogue in which all videos have times; else None."""
    times = catalogue.submitted_at
    if times is not None and len(times) > 1 and (span := float(times.max() - times.min())) > 0:
        return (len(times) - 1) / span
    return None


# -- what the coverage rule knows -----------------------------------------------------------------------------


def knowledge(
    price: float, holding: float, forecast: Any, catalogue: Catalogue, scenario: Scenario
) -> Coverage:
    """Return what the coverage rule knows: the start-up time, the client's rate, and the mix of a forecast.

    `price` and `holding` are those of a failed video, 0 where the rule does not start or hold publishers. A
    catalogue whose videos have times, in a world without encoders, comes at random with its mean rate.
    """
    from tv2sim.strategies.coverage import coverage  # needs the compiled engine's package

    rate = submitted_rate(catalogue) if scenario.encoders is None else None
    arrivals: Arrivals = "poisson" if rate is not None or scenario.arrivals == "poisson" else "even"
    if forecast is not None and forecast != "online":
        forecast = [
            (0.0 if scenario.encoders is None else to_ticks(encoding), to_ticks(timeout))
            for encoding, timeout, number in forecast
            for _ in range(number)
        ]
    return coverage(
        _startups(scenario.startup_time, to_ticks(scenario.provisioning_delay)),
        _gaps(scenario, rate),
        price=price,
        holding=holding,
        startup_fails=scenario.faults.startup,
        publishing=to_ticks(scenario.mean_publishing_time),
        arrivals=arrivals,
        forecast=forecast,
    )


def _gaps(scenario: Scenario, submitted: float | None) -> list[float]:
    """Return the ticks between two videos, for each rate of the client; all alike if the catalogue has one."""
    rate = scenario.requests_per_second
    rates = [one for _, one in rate.steps] if isinstance(rate, Profile) else [rate]
    if submitted is not None:
        return [PER_SECOND / submitted] * len(rates)
    if isinstance(rate, Profile):
        return [max(1.0, PER_SECOND / one) if one else inf for one in rates]
    return [to_ticks(scenario.gap)]


def _startups(startup_time: Distribution, delay: float) -> Startups:
    try:
        return _remembered_startups(startup_time, delay)
    except TypeError:  # a user's class without a hash
        return _remembered_startups.__wrapped__(startup_time, delay)


@lru_cache(maxsize=16)
def _remembered_startups(startup_time: Distribution, delay: float) -> Startups:
    from tv2sim.strategies.coverage import startups

    return startups(startup_time, delay)
