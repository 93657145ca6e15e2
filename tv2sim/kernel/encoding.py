"""Client and encoders alone, once for all replications: the publishing stage does not hold them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.compiled import compiled
from tv2sim.strategies import MOMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.kernel.world import World

__all__ = ["ARRIVAL", "START", "Arrivals", "arrivals_of", "script_of"]

_READY_FIRST = 4
ARRIVAL, START, START_AND_ARRIVAL = range(3)
"""What happens at a step: a video arrives at the stage, a publisher is started because of it, or both."""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """What the publishing stage is given, if no encoder is blocked: times in ticks, by video.

    Attributes
    ----------
    offered, started, encoded : numpy.ndarray
        When each video is offered, its encoding starts, and it arrives at the stage.
    shared : numpy.ndarray
        The rows of the videos that the pool serves, in the order of their arrival.
    """

    offered: NDArray[np.float64]
    started: NDArray[np.float64]
    encoded: NDArray[np.float64]
    shared: NDArray[np.int64]


def arrivals_of(world: World) -> Arrivals:
    """Let the client offer and the encoders encode every video."""
    videos = len(world.catalogue)
    offered, started = np.empty(videos), np.empty(videos)
    encoders = min(world.scenario.encoder_count, videos)
    _encode(world.encoding_time, world.submitted, world.gap, np.zeros(encoders), offered, started)
    encoded = started + world.encoding_time
    order = np.argsort(encoded, kind="stable")
    return Arrivals(offered, started, encoded, order[world.own[order] == 0])


@compiled
def _encode(encoding_time: Any, submitted: Any, gap: Any, free: Any, offered: Any, started: Any) -> None:
    """Fill in when each video is offered and taken; `free` is a heap of when encoders are free."""
    client = 0.0
    encoders = len(free)
    for video in range(len(offered)):
        offered[video] = max(client, submitted[video])
        start = max(offered[video], free[0])
        started[video] = start
        client = start + gap
        end = start + encoding_time[video]
        i = 0
        while True:
            child = 2 * i + 1
            if child >= encoders:
                break
            if child + 1 < encoders and free[child + 1] < free[child]:
                child += 1
            if end <= free[child]:
                break
            free[i] = free[child]
            i = child
        free[i] = end


def script_of(
    world: World, arrivals: Arrivals
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return times, kinds and videos of what is known of the shared videos, in the order of the instants.

    At one time, encodings that started earlier end before the client hands over; one that starts then and takes
    no time ends after that; delayed starts come last. Bit 2 of a kind says that publishers which become ready
    at that very time come first.
    """
    rows, delay = arrivals.shared, world.delay[arrivals.shared]
    started, arrives, moment = arrivals.started[rows], arrivals.encoded[rows], world.moment[arrivals.shared]
    at_start = moment == MOMENTS.index("encoding_started")
    later = (moment == MOMENTS.index("encoded")) | (moment == MOMENTS.index("queued"))
    both, first, last = later & (delay == 0), at_start & (delay == 0), (at_start | later) & (delay > 0)
    times = np.concatenate([arrives, started[first], (np.where(at_start, started, arrives) + delay)[last]])
    rank = np.concatenate([np.where(started == arrives, 2, 0), np.full(first.sum(), 1), np.full(last.sum(), 3)])
    kinds = np.concatenate(
        [np.where(both, START_AND_ARRIVAL, ARRIVAL), np.full(first.sum() + last.sum(), START | _READY_FIRST)]
    )
    videos = np.concatenate([rows, rows[first], rows[last]])
    order = np.lexsort((videos, rank, times)) if len(times) > len(rows) else slice(None)
    return times[order], kinds[order], videos[order]
