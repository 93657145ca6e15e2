"""Client, encoders, queue and pool as a recursion, for videos whose encodings take equally long.

Such videos keep their order everywhere, so that each time is a sum or a maximum of earlier ones, also where the
queue is full, encoders are blocked, and the client waits for one (max-plus recursion; manufacturing blocking).

References
----------
Buzacott and Shanthikumar (1993), Stochastic Models of Manufacturing Systems, ch. 5 (tandem queues).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.base.ticks import PER_SECOND, to_ticks, whole_ticks
from tv2sim.theory.startup_draws import FOR_VIDEOS, OF_SLOTS, drawn_startups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.theory.verified_quantities import Runs

__all__ = ["Tandem", "tandem"]


class Tandem(NamedTuple):
    """What the recursion gives, a row for each run.

    Attributes
    ----------
    blocked, waits : numpy.ndarray
        By video, for how many seconds the client waits for an encoder, and the video for a publisher.
    published : numpy.ndarray
        By video, whether it is published in time.
    idle : numpy.ndarray
        The idle seconds of all publishers.
    """

    blocked: NDArray[np.float64]
    waits: NDArray[np.float64]
    published: NDArray[np.bool_]
    idle: NDArray[np.float64]


def tandem(runs: Runs) -> Tandem:
    """Return the times of a pool of one size, first in, first out, with a queue that has some room."""
    catalogue, strategy, scenario = runs.what
    capacity, rate, publishing = (
        scenario.publishing_queue_capacity, scenario.requests_per_second, scenario.publishing_time,
    )  # fmt: skip
    assert capacity
    assert isinstance(rate, float)
    assert isinstance(publishing, float)
    encoding, timeout = whole_ticks(catalogue.encoding_time), whole_ticks(catalogue.publication_timeout)
    gap, busy, encoders = to_ticks(1 / rate), to_ticks(publishing), scenario.encoder_count
    pool, startups = (
        drawn_startups(scenario, origin, runs.seed, runs.replications, count)
        for origin, count in ((OF_SLOTS, strategy.prewarmed), (FOR_VIDEOS, len(catalogue)))
    )
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
