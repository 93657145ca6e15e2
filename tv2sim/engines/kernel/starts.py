"""The start-up times of all publishers that may be started, also in place of others whose start-up has failed.

Publishers that are started because of the same slot or video have different numbers, counted from 0. A slot has
one, a video one or two; each one that fails is followed by another. So it is known beforehand how many there
may be, and only these are drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.compiling import compiled
from tv2sim.base.random_numbers import Purpose
from tv2sim.engines.kernel.philox import draw_rows, draw_uniforms, uniform_one
from tv2sim.world.distributions import drawn_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.engines.kernel.inputs import World

__all__ = ["draw_likely_starts", "draw_start", "draw_starts"]


class _Origin(NamedTuple):
    """Slots or videos: their number, how many publishers each has for sure, and what these draw."""

    entities: int
    sure: int
    time: Purpose
    failure: Purpose


_OF_SLOT = (Purpose.STARTUP_OF_SLOT, Purpose.STARTUP_FAILURE_OF_SLOT)
_FOR_VIDEO = (Purpose.STARTUP_FOR_VIDEO, Purpose.STARTUP_FAILURE_FOR_VIDEO)
_WITHOUT_CAUSE = (Purpose.STARTUP_WITHOUT_CAUSE, Purpose.STARTUP_FAILURE_WITHOUT_CAUSE)


def draw_starts(world: World, seed: int, replications: range) -> tuple[NDArray[np.float64], int]:
    """Return start-up times, and the most publishers that may be started in a replication.

    There is a row for each replication, in it one for each number, and in it a time for each slot and then each
    video; it is -1 less the time, if it fails. What cannot be needed is left undefined.
    """
    slots = _Origin(world.level, 1, *_OF_SLOT)
    causes = _Origin(len(world.catalogue), 1 + world.second_starts, *_FOR_VIDEO)
    several = [_Starts(world, seed, replications, origin) for origin in (slots, causes)]
    numbers = max(int(each.counts.max(initial=1)) for each in several)
    found = np.empty((len(replications), numbers, world.level + len(world.catalogue)))
    several[0].fill(found[:, :, : world.level])
    several[1].fill(found[:, :, world.level :])
    return found, int(sum(each.counts.sum(axis=1) for each in several).max(initial=0))


# -- of managed pools ----------------------------------------------------------------------------------------


def draw_likely_starts(
    world: World, seed: int, replications: range, numbers: int, others: int
) -> NDArray[np.float64]:
    """Return the start-up times of a managed pool's first publishers; it is not known how many there will be.

    There is a row for each replication, in it one for each of so many numbers, and in it a time for each slot
    and then each video, and after these the `others`, which have no cause, counted through row by row. Times of
    start-ups that fail are as in :func:`draw_starts`. What cannot be needed is left undefined.
    """
    slots, videos, columns = world.level, len(world.catalogue), max(1, -(-others // numbers))
    found = np.empty((len(replications), numbers, slots + videos + columns))
    for number in range(numbers):
        if not number or world.scenario.faults.startup:
            found[:, number, :slots] = _drawn(world, seed, replications, _OF_SLOT, slots, number)
        if not world.by_rule or world.starts_for_videos:
            of_videos = _drawn(world, seed, replications, _FOR_VIDEO, videos, number)
            found[:, number, slots : slots + videos] = of_videos
    rest = _drawn(world, seed, replications, _WITHOUT_CAUSE, numbers * columns, 0)
    found[:, :, slots + videos :] = rest.reshape(-1, numbers, columns)
    return found


def _drawn(
    world: World, seed: int, replications: range, origin: tuple[Purpose, Purpose], entities: int, number: int
) -> NDArray[np.float64]:
    time, failure = origin
    given = seed, time, replications, entities, number
    times = draw_rows(world.scenario.startup_time, "startup_time", *given)
    if not world.scenario.faults.startup:
        return times
    chances = draw_uniforms(seed, failure, replications, entities, number)
    return np.where(chances < world.scenario.faults.startup, -1 - times, times)


def draw_start(world: World, seed: int, replication: int, number: int, slot: int, cause: int) -> float:
    """Return one more of these times: of a slot or of a video (-1: none), else the one of that number."""
    (time, failure), entity = (_OF_SLOT, slot) if slot >= 0 else (_FOR_VIDEO, cause)
    if entity < 0:
        (time, failure), entity, number = _WITHOUT_CAUSE, number, 0
    key = number, replication, entity
    u = uniform_one(np.uint64(seed), int(time), *key)
    found = float(drawn_ticks(world.scenario.startup_time, np.array([u]))[0])
    fails = world.scenario.faults.startup
    return -1 - found if fails and uniform_one(np.uint64(seed), int(failure), *key) < fails else found


# -- of others -----------------------------------------------------------------------------------------------


class _Starts:
    """The start-up times of publishers of one origin.

    Attributes
    ----------
    counts : numpy.ndarray
        How many may be started because of each slot or video, a row for each replication.
    """

    def __init__(self, world: World, seed: int, replications: range, origin: _Origin) -> None:
        self._time, self._fails = world.scenario.startup_time, world.scenario.faults.startup
        self._seed, self._replications, self._origin = seed, replications, origin
        self.counts = np.full((len(replications) if self._fails else 1, origin.entities), origin.sure)
        if self._fails:
            self._chances = np.stack(
                [
                    draw_uniforms(seed, origin.failure, replications, origin.entities, further)
                    for further in range(origin.sure)
                ]
            )
            _count(
                self._chances,
                np.uint64(seed),
                int(origin.failure),
                replications.start,
                self._fails,
                self.counts,
            )

    def fill(self, out: NDArray[np.float64]) -> None:
        """Fill in the times."""
        origin, seed, fails = self._origin, self._seed, self._fails
        for further in range(origin.sure):
            given = seed, origin.time, self._replications, origin.entities, further
            times = draw_rows(self._time, "startup_time", *given)
            out[:, further] = np.where(self._chances[further] < fails, -1 - times, times) if fails else times
        if fails:
            more = int((self.counts - origin.sure).sum())
            where, u, fail = np.empty((3, more), dtype=np.int64), np.empty(more), np.empty(more, dtype=np.bool_)
            keys = np.uint64(seed), int(origin.time), int(origin.failure), self._replications.start
            _further(self.counts, origin.sure, *keys, fails, where, u, fail)
            times = drawn_ticks(self._time, u)
            out[tuple(where)] = np.where(fail, -1 - times, times)


@compiled
def _count(chances: Any, seed: Any, purpose: int, first: int, fails: Any, counts: Any) -> None:
    """Fill in how many publishers may be started because of each entity; `chances` decide on the sure ones."""
    sure, rows, entities = chances.shape
    for row in range(rows):
        for entity in range(entities):
            count, number = sure, 0
            while number < count:
                if number < sure:
                    u = chances[number, row, entity]
                else:
                    u = uniform_one(seed, purpose, number, first + row, entity)
                count += u < fails
                number += 1
            counts[row, entity] = count


@compiled
def _further(
    counts: Any, sure: int, seed: Any, drawn: int, purpose: int, first: int, fails: Any, where: Any, u: Any,
    fail: Any,
) -> None:  # fmt: skip
    """Fill in row, number and entity of each further publisher, its uniform number, and whether it fails."""
    i = 0
    for row in range(len(counts)):
        for entity in range(counts.shape[1]):
            for number in range(sure, counts[row, entity]):
                where[0, i], where[1, i], where[2, i] = row, number, entity
                u[i] = uniform_one(seed, drawn, number, first + row, entity)
                fail[i] = uniform_one(seed, purpose, number, first + row, entity) < fails
                i += 1
