"""Exact and approximate formulas for queues in the long run, and for the strategies of tv2sim.

Each function names its source and its conditions, and refuses with a sentence what it does not cover. For
strategies, one run is simulated to find the times of the encodings.

>>> import tv2sim as tv
>>> tv.queueing.on_time_probability(tv.generate_catalogue(), "2a").published
128.0
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tv2sim.base.checks import MOST, a_number, a_time, a_whole_number, plural, shown
from tv2sim.base.errors import InputError
from tv2sim.theory.bounds import Certificate, FailedBound, certificate, failed_at_most, failed_bound
from tv2sim.theory.expected import AdvanceOrder, Expected, advance_order, classification, on_time_probability
from tv2sim.world.distributions import (
    Distribution,
    as_distribution,
    mean_of_least,
    mean_over,
    squared_variation,
)
from tv2sim.world.profiles import Profile

__all__ = [
    "AdvanceOrder", "Certificate", "Expected", "FailedBound", "Wait", "advance_order", "allen_cunneen",
    "certificate", "classification", "erlang_b", "erlang_c", "failed_at_most", "failed_bound", "gi_m_s",
    "index_of_dispersion", "kiefer_wolfowitz", "mms_wait", "on_time_probability", "palm",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


# -- in the long run ---------------------------------------------------------------------------------------


class Wait(NamedTuple):
    """The wait of an arrival in the long run: none, or an exponential time.

    >>> wait = mms_wait(2.0, 4.0, 10)
    >>> round(wait.longer_than(2.0), 4)
    0.1505
    """

    probability: float
    """The share of arrivals that wait."""
    mean: float
    """The mean wait in seconds, of all arrivals."""

    @property
    def mean_of_waiting(self) -> float:
        """The mean wait in seconds of the arrivals that wait."""
        return self.mean / self.probability if self.probability else 0.0

    def longer_than(self, time: float) -> float:
        """Return the share of arrivals that wait longer than this time in seconds."""
        time = a_time("time", time)
        return self.probability * exp(-time / self.mean_of_waiting) if self.mean else 0.0


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that are lost, if those that find all servers busy do not wait.

    It holds for Poisson arrivals and service times of any distribution (M/G/c/c).

    Parameters
    ----------
    servers : int
        Their number.
    load : float
        The arrivals in a mean service time, which is the mean number of busy servers if none were lost.

    Returns
    -------
    float
        A share.

    Raises
    ------
    InputError
        If a number is impossible.

    References
    ----------
    Erlang (1917); for any service times Sevastyanov (1957), Theory Probab. Appl. 2; the recursion over the
    number of servers: Cooper (1981), Introduction to Queueing Theory, 2nd ed.

    Examples
    --------
    >>> round(erlang_b(10, 8.0), 4)
    0.1217
    """
    servers = a_whole_number("servers", servers, at_least=0, at_most=MOST)
    load = a_number("load", load)
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Return the share of arrivals that wait, if those that find all servers busy do (M/M/c).

    The formula holds for Poisson arrivals and exponential service times, first come, first served. For other
    service times it is close: with U(2, 6), a load of 8 and 10 servers, .390 wait, and the formula gives .409.
    For other arrivals it may be far off.

    Parameters
    ----------
    servers : int
        Their number.
    load : float
        The arrivals in a mean service time; less than `servers`.

    Returns
    -------
    float
        A share.

    Raises
    ------
    InputError
        If a number is impossible, or the load is not below the number of servers.

    References
    ----------
    Erlang (1917).

    Examples
    --------
    >>> round(erlang_c(10, 8.0), 4)
    0.4092
    """
    servers = a_whole_number("servers", servers, at_least=1, at_most=MOST)
    blocked = erlang_b(servers, load)
    _check_load(servers, load)
    return blocked / (1 - load / servers * (1 - blocked))


def mms_wait(arrival_rate: float, service_time: float, servers: int) -> Wait:
    """Return how long arrivals wait in M/M/c, first come, first served.

    Arrivals are Poisson, service times exponential.

    Parameters
    ----------
    arrival_rate : float
        Arrivals per second.
    service_time : float
        The mean service time in seconds.
    servers : int
        Their number.

    Returns
    -------
    Wait
        The share that waits, and the mean wait.

    Raises
    ------
    InputError
        If a number is impossible, or the servers cannot keep up with the arrivals.

    References
    ----------
    Erlang (1917).

    Examples
    --------
    >>> wait = mms_wait(arrival_rate=2.0, service_time=4.0, servers=10)
    >>> round(wait.probability, 4), round(wait.mean, 4)
    (0.4092, 0.8184)
    """
    load = _load(arrival_rate, service_time, servers)
    probability = erlang_c(servers, load)
    return Wait(probability, probability * service_time / (servers - load))


def allen_cunneen(
    arrival_rate: float, service_time: Distribution | float | str, servers: int, arrivals_scv: float = 1.0
) -> float:
    """Return the approximate mean wait in G/G/c, first come, first served.

    The mean wait of M/M/c is multiplied by the mean of both squared coefficients of variation. The
    approximation is good where the load is high and the times between arrivals are independent.

    Parameters
    ----------
    arrival_rate : float
        Arrivals per second.
    service_time : Distribution, float or str
        The service time in seconds, or what a scenario accepts for one.
    servers : int
        Their number.
    arrivals_scv : float
        The squared coefficient of variation of the times between arrivals: 1 for Poisson arrivals, 0 for even
        ones. Where these times depend on each other, the :func:`index_of_dispersion` over about one service
        time says more.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        If a number is impossible, or the servers cannot keep up with the arrivals.

    References
    ----------
    Allen (1990), Probability, Statistics, and Queueing Theory with Computer Science Applications, 2nd ed.

    Examples
    --------
    >>> round(allen_cunneen(2.0, "uniform(2, 6)", 10), 4)
    0.4433
    """
    service = as_distribution("service_time", service_time, error=InputError)
    variation = a_number("arrivals_scv", arrivals_scv) + squared_variation(service)
    return mms_wait(arrival_rate, service.mean, servers).mean * variation / 2


def gi_m_s(interarrival_time: Distribution | float | str, service_time: float, servers: int) -> Wait:
    """Return how long arrivals wait in GI/M/c: exponential service times, first come, first served.

    The times between arrivals are independent and have any distribution; D/M/c if they are a number.

    Parameters
    ----------
    interarrival_time : Distribution, float or str
        The time between two arrivals in seconds, or what a scenario accepts for one.
    service_time : float
        The mean service time in seconds.
    servers : int
        Their number.

    Returns
    -------
    Wait
        The share that waits, and the mean wait.

    Raises
    ------
    InputError
        If a number is impossible, or the servers cannot keep up with the arrivals.

    References
    ----------
    Kendall (1953), Ann. Math. Statist. 24; Takács (1962), Introduction to the Theory of Queues, ch. 2;
    Kleinrock (1975), Queueing Systems I, ch. 6. The root of the equation is found numerically.

    Examples
    --------
    >>> round(gi_m_s(0.5, service_time=4.0, servers=10).mean, 4)
    0.2422
    >>> round(gi_m_s("exponential(0.5)", service_time=4.0, servers=10).mean, 4)
    0.8184
    """
    between = as_distribution("interarrival_time", interarrival_time, error=InputError)
    arrival_rate = 1 / a_number("the mean of interarrival_time", between.mean, above=0)
    _load(arrival_rate, service_time, servers)
    free = _root(between, service_time, servers)
    total, term = 1 / free, 1.0
    for busy in range(1, servers + 1):
        none, some = _transform(between, busy / service_time)
        if not none:  # more servers than are ever busy
            return Wait(0.0, 0.0)
        term *= (servers - busy + 1) / busy * some / none
        total += term / some * _slope(between, busy, servers * free, service_time, servers)
    probability = 1 / (total * free)
    return Wait(probability, probability * service_time / (servers * free))


def _root(between: Distribution, service_time: float, servers: int) -> float:
    """Return 1 less the root in (0, 1) of x = E[exp(-servers (1 - x) between / service_time)]."""
    from scipy.optimize import brentq

    def growth(free: float) -> float:
        return _transform(between, servers * free / service_time)[1] / free - 1

    return float(brentq(growth, 1e-12, 1.0, xtol=1e-15))


def _transform(between: Distribution, rate: float) -> tuple[float, float]:
    """Return the probabilities that a Poisson process has no event between two arrivals, and some."""
    none = mean_over(between, lambda time: np.exp(-rate * time))
    return none, mean_over(between, lambda time: -np.expm1(-rate * time))


def _slope(between: Distribution, busy: int, root: float, service_time: float, servers: int) -> float:
    """Return (servers * some - busy) / (root - busy), with the probability `some` of :func:`_transform`.

    Both differences are 0 where `root` is `busy`; close to it, the ratio is a derivative.
    """
    if abs(root - busy) > 1e-5:
        return (servers * _transform(between, busy / service_time)[1] - busy) / (root - busy)
    rate = (root + busy) / 2 / service_time
    return 1 - servers / service_time * mean_over(between, lambda time: time * np.exp(-rate * time))


def palm(
    arrival_rate: float | Profile, service_time: Distribution | float | str, time: float | None = None
) -> float:
    """Return the mean number of busy servers where there are always enough (M/G/infinity).

    The number of busy servers has a Poisson distribution with this mean: in the long run, or at a time after an
    empty start (M(t)/G/infinity). The formula holds for Poisson arrivals, at a rate that may change, and
    service times of any distribution. It gives the number of publishers where each video has its own and they
    never wait.

    Parameters
    ----------
    arrival_rate : float or Profile
        Arrivals per second.
    service_time : Distribution, float or str
        The service time in seconds, or what a scenario accepts for one.
    time : float, optional
        Seconds since the start. None: in the long run, which a rate that changes does not have.

    Returns
    -------
    float
        The mean, which is also the variance.

    Raises
    ------
    InputError
        If a number is impossible, or the rate changes and there is no time.

    References
    ----------
    Palm (1943), Intensitätsschwankungen im Fernsprechverkehr; Eick, Massey and Whitt (1993), The physics of the
    Mt/G/infinity queue, Operations Research 41.

    Examples
    --------
    >>> palm(2.0, "uniform(2, 6)")
    8.0
    >>> round(palm(2.0, "uniform(2, 6)", time=3.0), 4)
    5.75
    """
    service = as_distribution("service_time", service_time, error=InputError)
    if not isinstance(arrival_rate, Profile):
        rate = a_number("arrival_rate", arrival_rate)
        return rate * (service.mean if time is None else mean_of_least(service, a_time("time", time)))
    if time is None:
        raise InputError(f"arrival_rate {arrival_rate} changes, so a time is needed: palm(..., time=60)")
    now = a_time("time", time)
    return sum(
        rate * (mean_of_least(service, now - begun) - mean_of_least(service, now - end))
        for begun, end, rate in _steps(arrival_rate, now)
    )


def _steps(profile: Profile, until: float) -> Iterator[tuple[float, float, float]]:
    """Yield the begin, the end and the rate of each step, up to a time."""
    begins, rates = zip(*profile.steps, strict=True)
    ends = [*begins[1:], inf if profile.period is None else profile.period]
    first = 0.0
    while first < until:
        for begun, end, rate in zip(begins, ends, rates, strict=True):
            if first + begun < until:
                yield first + begun, min(first + end, until), rate
        first += ends[-1]


def _load(arrival_rate: float, service_time: float, servers: int) -> float:
    """Return the arrivals in a mean service time; raise an error if the servers cannot keep up with them."""
    rate = a_number("arrival_rate", arrival_rate, above=0)
    load = rate * a_time("service_time", service_time, above=0)
    _check_load(a_whole_number("servers", servers, at_least=1, at_most=MOST), load)
    return load


def _check_load(servers: int, load: float) -> None:
    if load >= servers:
        raise InputError(
            f"{plural(servers, 'server')} cannot keep up with a load of {load:g}: the wait grows without "
            f"limit; more than {load:g} servers are needed"
        )


# -- for given arrivals ------------------------------------------------------------------------------------


def kiefer_wolfowitz(
    arrivals: ArrayLike, service_times: ArrayLike, servers: int, free_from: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return the wait of each arrival for one of several servers, first come, first served (G/G/c).

    The recursion is exact for any sequences. Part 2c is such a queue, whose servers are the places of the pool.
    Arrivals are the ends of encodings. The service time of a video is the start-up time of the publisher that
    is started because of it. Each server is free from the start-up time of its first publisher on.

    Parameters
    ----------
    arrivals : array
        Their times, ascending: a row for each replication, or one for all.
    service_times : array
        The service time of each arrival: a row for each replication, or one for all.
    servers : int
        Their number.
    free_from : array or float
        The time from which each server is free: a row for each replication, or one for all.

    Returns
    -------
    numpy.ndarray
        The wait of each arrival, in the unit of the times; a row for each replication if any of the arrays has
        rows.

    Raises
    ------
    InputError
        If numbers are not times, arrivals not ascending, or arrays do not fit together.

    References
    ----------
    Kiefer and Wolfowitz (1955), On the theory of queues with many servers, Trans. Amer. Math. Soc. 78.

    Examples
    --------
    Two servers; the third arrival finds both busy, until 5 and 3:

    >>> kiefer_wolfowitz(arrivals=[0, 1, 2], service_times=[5, 2, 4], servers=2)
    array([0., 0., 1.])
    """
    servers = a_whole_number("servers", servers, at_least=1, at_most=MOST)
    times, service = _times("arrivals", arrivals), _times("service_times", service_times)
    if not (np.diff(times) >= 0).all():
        raise InputError("arrivals must be in ascending order: sort them, and their service times with them")
    first = _times("free_from", free_from)
    try:
        times, service = np.broadcast_arrays(times, service)
        free = np.broadcast_to(first, np.broadcast_shapes((*service.shape[:-1], servers), first.shape))
        shape = (*free.shape[:-1], service.shape[-1])
        times, service = np.broadcast_to(times, shape), np.broadcast_to(service, shape)
    except ValueError:
        raise InputError(
            f"arrays of shapes {times.shape}, {service.shape} and {first.shape} do not fit together: the last "
            f"axis is one of arrivals, of service times, and of {servers} servers"
        ) from None
    free, waits = np.sort(free), np.empty(shape)
    for number in range(shape[-1]):
        begun = np.maximum(times[..., number], free[..., 0])
        waits[..., number] = begun - times[..., number]
        free[..., 0] = begun + service[..., number]
        free.sort()
    return waits


def index_of_dispersion(times: ArrayLike, window: float) -> float:
    """Return the variance of the number of events in a window of time, divided by the mean number.

    The index is 1 for a Poisson process, and 0 for a process with the same number in each window. The window
    moves from the first event to the last.

    Parameters
    ----------
    times : array
        The times of the events, ascending.
    window : float
        The length of the window, in the same unit.

    Returns
    -------
    float
        The index; NaN if the events are closer together than the window is long.

    Raises
    ------
    InputError
        If numbers are not times, or not ascending.

    References
    ----------
    Cox and Lewis (1966), The Statistical Analysis of Series of Events; for queues, Fendick and Whitt
    (1989), Measurements and approximations to describe the offered traffic and predict the average workload in
    a single-server queue, Proc. IEEE 77.

    Examples
    --------
    >>> index_of_dispersion(range(100), window=4.0)
    0.0
    >>> round(index_of_dispersion([0, 0, 2, 2, 4, 4, 6, 6], window=1.0), 3)
    1.2
    """
    events = _times("times", times)
    window = a_time("window", window, above=0)
    if not (np.diff(events) >= 0).all():
        raise InputError("times must be in ascending order: sort them")
    last = float(events[-1]) - window if len(events) else -1.0
    if last <= (events[0] if len(events) else 0.0):
        return float("nan")
    # the number changes where the window reaches an event, and where it leaves one
    ends = np.unique(np.concatenate([events, events - window, [last]]))
    ends = ends[(ends >= events[0]) & (ends <= last)]
    middle, lengths = (ends[1:] + ends[:-1]) / 2, np.diff(ends)
    numbers = np.searchsorted(events, middle + window) - np.searchsorted(events, middle)
    mean = np.average(numbers, weights=lengths)
    return float(np.average((numbers - mean) ** 2, weights=lengths) / mean)


def _times(name: str, given: Any) -> NDArray[np.float64]:
    """Return an array of times, which are finite and at least 0."""
    try:
        found = np.atleast_1d(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if not (np.isfinite(found) & (found >= 0)).all():
        raise InputError(f"{name} must be times of at least 0, not {shown(given, 80)}")
    return found
