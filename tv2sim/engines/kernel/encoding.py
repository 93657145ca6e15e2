"""Client and encoders alone, once for all replications: the publishing stage does not hold them up."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import compiled, inlined
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel.drawing import before_of
from tv2sim.engines.kernel.pauses import pause_from
from tv2sim.strategies import MOMENTS
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.engines.kernel.world_columns import World

__all__ = ["ARRIVES", "DECIDED", "READY_FIRST", "STARTS", "Arrivals", "arrivals_of", "order_of", "script_of"]

ARRIVES, STARTS, DECIDED, READY_FIRST = 1, 2, 4, 8
"""Bits of what happens at a step: a video arrives at the stage, a publisher is started because of it, that is
decided, and publishers that become ready at this very time come first."""


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
    offered, started, encoded = np.empty(videos), np.empty(videos), np.empty(videos)
    encoders = min(world.scenario.encoder_count, videos)
    (before,) = before_of(world, 0, range(1))
    free, numbers = np.zeros(encoders), np.arange(encoders)
    video, client = 0, 0.0
    while video < videos:
        given = (world.encoding_time, world.speeds, before, world.gap, world.steps)
        video = _encode(video, client, given, free, numbers, offered, started, encoded)
        if video < videos:
            rate = world.scenario.requests_per_second
            assert isinstance(rate, Profile)
            client = started[video - 1] + rate.ticks_of_pause(started[video - 1], 1.0)
    order = np.argsort(encoded, kind="stable")
    return Arrivals(offered, started, encoded, order[world.own[order] == 0])


@compiled
def _encode(
    first: Any, client: Any, given: Any, free: Any, numbers: Any, offered: Any, started: Any, encoded: Any
) -> Any:
    """Fill in when each video is offered, taken and encoded; return before which video the pause is open.

    `free` and `numbers` are a heap of when encoders are free; without encoders, a video is encoded at once.
    """
    encoding_time, speeds, before, gap, steps = given
    encoders, videos = len(free), len(offered)
    for video in range(first, videos):
        offered[video] = max(client, before[video])
        start = max(offered[video], free[0]) if encoders else offered[video]
        time = encoding_time[video]
        if len(speeds):
            time = np.rint(time / speeds[numbers[0]] * PER_SECOND)
        started[video] = start
        encoded[video] = end = start + time
        if encoders:
            _hand_to_the_first(end, free, numbers)
        client = start + (pause_from(start, 1.0, steps) if steps.shape[1] else gap)
        if client != client and video + 1 < videos:
            return video + 1
    return videos


@inlined
def _hand_to_the_first(end: Any, free: Any, numbers: Any) -> None:
    """Let the encoder that has been free longest be free again at the end."""
    number, i = numbers[0], 0
    while True:
        child = 2 * i + 1
        if child >= len(free):
            break
        other = child + 1
        if other < len(free) and (
            free[other] < free[child] or (free[other] == free[child] and numbers[other] < numbers[child])
        ):
            child = other
        if end < free[child] or (end == free[child] and number < numbers[child]):
            break
        free[i], numbers[i] = free[child], numbers[child]
        i = child
    free[i], numbers[i] = end, number


def script_of(
    world: World, arrivals: Arrivals
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return times, kinds and videos of what is known of the shared videos, in the order of the instants.

    At one time, encodings that started earlier end before the client hands over; one that starts then and takes
    no time ends after that; delayed starts come last. If videos are given up at the end of an instant, there
    are steps for all instants at which something happens. These, and the last step, which never comes, have no
    kind, and any video.
    """
    rows, delay = arrivals.shared, world.delay[arrivals.shared]
    started, arrives, moment = arrivals.started[rows], arrivals.encoded[rows], world.moment[arrivals.shared]
    at_start = moment == MOMENTS.index("encoding_started")
    if world.scenario.encoders is None:  # then it is the same moment, and nothing comes between
        at_start[:] = False
    later = (moment != MOMENTS.index(None)) & ~at_start
    last = (at_start | later) & (delay > 0)
    late = (np.where(at_start, started, arrives) + delay)[last]
    ranks = np.where(started == arrives, 2, 0), np.full(at_start.sum(), 1), np.full(last.sum(), 3)
    begins = DECIDED | np.where(delay == 0, STARTS, 0)
    kinds = (
        ARRIVES | np.where(later, begins, 0) | np.where(started == arrives, READY_FIRST, 0),
        begins[at_start] | READY_FIRST,
        np.full(last.sum(), STARTS | READY_FIRST),
    )
    others = np.array([inf])
    if world.strategy.dispatches_late and world.strategy.discards:
        others = np.unique(np.concatenate([arrivals.offered, arrivals.started, others]))
    none = np.zeros(len(others), dtype=np.int64)
    times, rank, kind, videos = map(
        np.concatenate,
        ((arrives, started[at_start], late, others), (*ranks, none + 4), (*kinds, none),
         (rows, rows[at_start], rows[last], none)),
    )  # fmt: skip
    order = np.lexsort((videos, rank, times))
    return times[order], kind[order], videos[order]


def order_of(
    world: World, arrivals: Arrivals
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the place in the queue by video, the shared videos by their places, and the deadlines by video."""
    rows, deadline = arrivals.shared, arrivals.started + world.timeout
    if world.strategy.order == "deadline":
        rows = rows[np.lexsort((rows, deadline[rows]))]
    elif world.strategy.reorders:  # first in, first out among equal ones
        rows = rows[np.argsort(world.priorities(arrivals.started)[rows], kind="stable")]
    rank = np.empty(len(deadline), dtype=np.int64)
    rank[rows] = np.arange(len(rows))
    return rank, rows, deadline
