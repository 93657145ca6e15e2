"""What replications draw: arrivals, encoding and publishing times, and the start-up times of publishers.

Publishers that are started because of the same slot or video have different numbers, counted from 0. A slot has
one, a video one or two; each one that fails is followed by another. So the most publishers that may be started
are known beforehand, and only these are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.compiling import compiled
from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import whole_ticks
from tv2sim.engines.kernel.pauses import pause_from, steps_of
from tv2sim.engines.kernel.philox import (
    LANES,
    draw_numbers,
    draw_rows,
    draw_uniforms,
    uniform_lanes,
    uniform_one,
    uniform_part,
    whole_blocks,
)
from tv2sim.world.distributions import Distribution, Exponential, drawn_ticks, drawn_times
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.engines.kernel.world_columns import World

__all__ = [
    "Drawn", "before_of", "draw", "draw_encoding_lanes", "draw_lanes", "draw_part", "draw_publishing",
    "draw_publishing_lanes", "draw_start", "draw_startup",
]  # fmt: skip


# -- a replication ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Drawn:
    """What replications draw, a row for each; what is the same in all of them may have a single row.

    Attributes
    ----------
    seed, first : int
        The keys of the first row.
    starts, publishers
        As :func:`draw_starts` returns them; of a managed pool, the likely ones.
    publishing, encoding, before : numpy.ndarray
        By video: publishing times, encoding times, and the time before which it is not offered.
    """

    seed: int
    first: int
    starts: NDArray[np.float64]
    publishers: int
    publishing: NDArray[np.float64]
    encoding: NDArray[np.float64]
    before: NDArray[np.float64]

    @property
    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """What is drawn by video, besides start-up times."""
        return self.publishing, self.encoding, self.before

    def of(self, row: int) -> Drawn:
        """Return what one of the replications draws."""
        columns = (column[row : row + 1] if len(column) > 1 else column for column in self.columns)
        return Drawn(self.seed, self.first + row, self.starts[row : row + 1], self.publishers, *columns)


def draw(world: World, seed: int, replications: range, numbers: int = 2, others: int = 0) -> Drawn:
    """Draw all that replications need; of a managed pool, so many numbers of each cause, and others."""
    given = (world, seed, replications)
    if world.managed:
        starts, publishers = draw_likely_starts(*given, numbers, others), 0
    else:
        starts, publishers = draw_starts(*given)
    columns = draw_publishing(*given), _draw_encoding(*given), before_of(*given)
    return Drawn(seed, replications.start, starts, publishers, *columns)


def draw_startup(world: World, seed: int, replications: range) -> tuple[NDArray[np.float64], ...]:
    """Draw the start-up times of slots, of a video's first publisher, and of its second if there may be one."""
    time, videos = world.scenario.startup_time, len(world.catalogue)
    startup = partial(draw_rows, time, "startup_time", seed, Purpose.STARTUP_FOR_VIDEO, replications, videos)
    slots = draw_rows(time, "startup_time", seed, Purpose.STARTUP_OF_SLOT, replications, world.level)
    return (
        np.zeros_like(slots) if world.strategy.ready_at_start else slots,
        startup(),
        startup(further=1) if world.second_starts else np.empty((len(replications), 0)),
    )


def draw_publishing(world: World, seed: int, replications: range) -> NDArray[np.float64]:
    """Draw the publishing times of videos."""
    known = ~np.isnan(world.publishing)
    if not world.draws_publishing:
        return world.publishing[np.newaxis]
    time = world.scenario.publishing_time
    assert isinstance(time, Distribution)
    drawn = draw_rows(time, "publishing_time", seed, Purpose.PUBLISHING_TIME, replications, len(known))
    drawn[:, known] = world.publishing[known]
    return drawn


def _draw_encoding(world: World, seed: int, replications: range) -> NDArray[np.float64]:
    factor, videos = world.scenario.encoding_factor, len(world.catalogue)
    if not isinstance(factor, Distribution) or world.scenario.encoders is None:
        return world.encoding_time[np.newaxis]
    purpose = Purpose.ENCODING_FACTOR
    return world.durations(draw_numbers(factor, "encoding_factor", seed, purpose, replications, videos))


def draw_lanes(world: World, seed: int, first: int, out: NDArray[np.float64], slots: int) -> None:
    """Fill in the start-up times of the slots, and from column `slots` on those of the videos.

    There is a row for each group of replications, with a number for each entity and each of the group.
    """
    for group in out:  # one at a time, because small arrays stay in the processor's cache
        uniform_lanes(np.uint64(seed), int(Purpose.STARTUP_OF_SLOT), first, group[:slots])
        uniform_lanes(np.uint64(seed), int(Purpose.STARTUP_FOR_VIDEO), first, group[slots:])
        drawn_ticks(world.scenario.startup_time, group, out=group)
        first += LANES


def draw_encoding_lanes(world: World, seed: int, first: int, out: NDArray[np.float64]) -> None:
    """Fill in the encoding times of a group of replications, a number for each video and lane."""
    factor, lanes = world.scenario.encoding_factor, out.reshape(-1, LANES)[: len(world.catalogue)]
    if isinstance(factor, Distribution) and world.scenario.encoders is not None:
        uniform_lanes(np.uint64(seed), int(Purpose.ENCODING_FACTOR), first, out)
        out[:] = drawn_times(factor, out, "encoding_factor")
        lanes *= world.catalogue.encoding_time[:, np.newaxis]
        whole_ticks(lanes, out=lanes)
    else:
        lanes[:] = world.encoding_time[:, np.newaxis]


def draw_publishing_lanes(world: World, seed: int, first: int, out: NDArray[np.float64]) -> None:
    """Fill in the publishing times of a group of replications, a number for each video and lane."""
    time, known = world.scenario.publishing_time, np.flatnonzero(~np.isnan(world.publishing))
    if world.draws_publishing:
        assert isinstance(time, Distribution)
        uniform_lanes(np.uint64(seed), int(Purpose.PUBLISHING_TIME), first, out)
        drawn_ticks(time, out, out=out, name="publishing_time")
    out.reshape(-1, LANES)[known] = world.publishing[known, np.newaxis]


def draw_part(world: World, seed: int, replication: int, start: int, count: int) -> NDArray[np.float64]:
    """Return the start-up times of `count` videos of one replication; `start` is a multiple of 4."""
    u = np.empty(whole_blocks(count))
    uniform_part(np.uint64(seed), int(Purpose.STARTUP_FOR_VIDEO), 0, replication, start, u)
    return drawn_ticks(world.scenario.startup_time, u[:count])


# -- arrivals -----------------------------------------------------------------------------------------------


def before_of(world: World, seed: int, replications: range) -> NDArray[np.float64]:
    """Return before which tick each video is not offered, in a single row if it is the same in all."""
    if not world.fixed_arrivals:
        return world.submitted[np.newaxis]
    scenario, videos = world.scenario, len(world.catalogue)
    rate, poisson = scenario.requests_per_second, scenario.arrivals == "poisson"
    if poisson:
        amounts = draw_numbers(Exponential(1), "arrivals", seed, Purpose.PAUSE, replications, videos)
    else:
        amounts = np.ones((1, videos))
    pauses = amounts if isinstance(rate, Profile) else np.maximum(1.0, whole_ticks(amounts / rate))
    if not poisson:
        pauses[:, 0] = 0.0
    given = world.given if scenario.encoders is None else np.full(videos, nan)
    out, open_ = np.empty_like(pauses), np.zeros(len(pauses), dtype=np.bool_)
    _arrive(pauses, given, world.submitted, steps_of(rate), out, open_)
    for row in np.flatnonzero(open_).tolist():
        assert isinstance(rate, Profile)
        _arrive_exactly(pauses[row], given, world.submitted, rate, out[row])
    return out


@compiled
def _arrive(pauses: Any, given: Any, submitted: Any, steps: Any, out: Any, open_: Any) -> None:
    """Fill in the arrivals of each replication; say where a pause is open."""
    changing = steps.shape[1] > 0
    for r in range(len(pauses)):
        arrival = 0.0
        for video in range(len(given)):
            time = pauses[r, video]
            if given[video] == given[video]:
                arrival = given[video]
            elif time > 0:
                arrival += pause_from(arrival, time, steps) if changing else time
            if arrival != arrival:
                open_[r] = True
                break
            out[r, video] = max(arrival, submitted[video])


def _arrive_exactly(
    amounts: NDArray[np.float64],
    given: NDArray[np.float64],
    submitted: NDArray[np.float64],
    profile: Profile,
    out: NDArray[np.float64],
) -> None:
    arrival = 0.0
    for video, (amount, known) in enumerate(zip(amounts.tolist(), given.tolist(), strict=True)):
        if known == known:
            arrival = known
        elif amount > 0:
            arrival += profile.ticks_of_pause(arrival, amount)
        out[video] = max(arrival, submitted[video])


# -- start-up times -----------------------------------------------------------------------------------------


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
