"""What can be computed of given arrivals: each wait, and how evenly they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import MOST, a_time, a_whole_number, shown
from tv2sim.base.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["index_of_dispersion", "kiefer_wolfowitz"]


def kiefer_wolfowitz(
    arrivals: ArrayLike, service_times: ArrayLike, servers: int, free_from: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return how long each arrival waits for one of several servers, first come, first served (G/G/c).

    It is exact for any sequences. The waits of part 2c are those of a queue whose servers are the places of the
    pool: arrivals are the ends of encodings, the service time of a video is the start-up time of the publisher
    that is started because of it, and each server is free from the start-up time of its first publisher on.

    Parameters
    ----------
    arrivals : array
        Their times, ascending: a row for each replication, or one for all.
    service_times : array
        The service time of each arrival: a row for each replication, or one for all.
    servers : int
        Their number.
    free_from : array or float
        From when on each server is free: a row for each replication, or one for all.

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
    """Return the variance of the number of events in a window of time, in means of this number.

    It is 1 for a Poisson process, and 0 for one without chance that has the same number in each window. The
    window moves from the first event to the last.

    Parameters
    ----------
    times : array
        The times of the events, ascending.
    window : float
        Its length, in the same unit.

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
