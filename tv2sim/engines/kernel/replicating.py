"""Metrics of many replications, in blocks, by the fastest of the kernels that knows the world.

*lanes* and *stage* simulate the publishing stage alone, since client and encoders are the same in all
replications as long as no encoder is blocked; *stream* assumes that as well. A replication in which one might
be is done again by *events*.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import announced, compiled
from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.engines.kernel import events, lanes, stage, stream, varied
from tv2sim.engines.kernel import state as kernel_state
from tv2sim.engines.kernel.drawing import (
    before_of,
    draw_encoding_lanes,
    draw_lanes,
    draw_part,
    draw_publishing,
    draw_publishing_lanes,
    draw_startup,
)
from tv2sim.engines.kernel.encoding import Arrivals, arrivals_of, order_of, script_of
from tv2sim.engines.kernel.machine import Machine
from tv2sim.engines.kernel.measuring import MEASURED, OF_SUMS, Fixed, measure, peak, quantile, quantile_weights
from tv2sim.engines.kernel.philox import draw_rows, whole_blocks
from tv2sim.engines.kernel.routing import kernels_for
from tv2sim.engines.kernel.weighing import go_on
from tv2sim.strategies import MOMENTS
from tv2sim.world.distributions import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tv2sim.engines.kernel.world_columns import World

__all__ = ["Block", "measured"]

_QUANTILES = {"elapsed_p50": 50, "elapsed_p95": 95, "elapsed_p99": 99}
_OF_MORE_SUMS = {
    "stockouts", "publishing_queue_mean", "publisher_seconds", "encoder_utilization", "makespan",
}  # fmt: skip
"""Metrics for which lanes add up more than videos in time and idle times."""
_DRAWN_AT_ONCE = 200_000
"""Start-up times that are drawn at a time for replications that are simulated one after the other."""
_IN_CACHE = 3000
"""Videos and slots of all groups of lanes that are drawn at a time, so that a cache holds their draws."""
_FIRST, _MOST = 256, 8192
"""How many replications are simulated at a time at first, and at most."""
_LATENESS = {"lateness_p50": 50, "lateness_p95": 95, "lateness_p99": 99, "lateness_max": 100}
_PART = 8192
"""Videos that are streamed at a time, so that a cache holds their columns; a multiple of what a block draws."""


def measured(
    world: World,
    seed: int,
    replications: range,
    metrics: Sequence[str],
    kernel: str | None = None,
    idle: list[Block] | None = None,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Return the values of metrics, one for each replication, and how often each video was on time.

    Parameters
    ----------
    metrics : sequence of str
        Of :data:`tv2sim.engines.kernel.measuring.MEASURED`.
    kernel : {"lanes", "stage", "events"}, optional
        Which of them does it; by default, the fastest that can.
    idle : list of Block, optional
        What earlier calls for the same world and metrics have left, and what this one leaves, to be used again.
        Calls in several threads may share it.
    """
    idle = [] if idle is None else idle
    with announced():
        try:
            block = idle.pop()
        except IndexError:
            block = _BLOCKS[kernel or kernels_for(world)[0]](world, metrics)
        values = np.empty((len(metrics), len(replications)))
        on_time = np.zeros(len(world.catalogue), dtype=np.int64)
        idle.append(_fill(block, seed, replications, values, on_time))
    return dict(zip(metrics, values, strict=True)), on_time


def _fill(
    block: Block, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
) -> Block:
    """Fill in values and count videos on time; return what simulates the replications after these."""
    start, size = 0, _FIRST  # little is done twice if most are blocked
    while start < len(replications):
        part = replications[start : start + min(size, block.size)]
        blocked = block.simulate(seed, part, values[:, start : start + len(part)], on_time)
        for first, stop in _runs(blocked):
            found = values[:, start + first : start + stop]
            block.coupled.simulate(seed, part[first:stop], found, on_time)
        start, size = start + len(part), block.size
        if blocked.sum() > len(part) / 2:  # as many of the following ones will be blocked
            block = block.coupled
    return block


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where each run of true values begins and ends."""
    if not flags.any():
        return []
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


class Block:
    """Simulates some replications at a time in arrays that it keeps.

    Attributes
    ----------
    size : int
        The most replications at a time.
    """

    size = 64

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        self.world, self.metrics = world, metrics
        self._coupled: Block | None = None

    @property
    def coupled(self) -> Block:
        """What simulates replications that this kernel does not know."""
        self._coupled = self._coupled or Events(self.world, self.metrics)
        return self._coupled

    def simulate(
        self, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Fill in the values of each metric, and count the videos on time; say what is to be done again."""
        raise NotImplementedError

    def fill(
        self, values: NDArray[np.float64], fixed: Fixed, sums: Mapping[str, Any], more: Mapping[str, Any]
    ) -> None:
        """Fill in the metrics that follow from sums, by replication; `more` are others, by their names."""
        for row, metric in enumerate(self.metrics):
            values[row] = more[metric] if metric in more else OF_SUMS[metric](fixed, sums)


class Events(Block):
    """Everything, by :mod:`tv2sim.engines.kernel.events`."""

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        super().__init__(world, metrics)
        self._machine = Machine(world, logged=False)
        self._find_size()
        self._columns = [MEASURED.index(metric) for metric in metrics]
        self._wanted = (not {*_QUANTILES, *_LATENESS}.isdisjoint(metrics), "peak_publishers" in metrics)

    def _find_size(self) -> None:
        machine, world = self._machine, self.world
        starts = (world.level + len(world.catalogue)) / (1 - world.scenario.faults.startup)
        if world.managed:
            starts = machine.numbers * (world.level + len(world.catalogue)) + machine.others
        self.size = max(1, min(1024, int(_DRAWN_AT_ONCE // starts)))

    def simulate(
        self, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Simulate one after the other; those again of which something was open or guessed wrong."""
        machine, encoders = self._machine, self.world.scenario.encoder_count
        out, moved = np.empty((len(replications), len(MEASURED))), np.zeros(len(replications), dtype=np.bool_)
        drawn = machine.draw(seed, replications)
        machine.widen(drawn.publishers)
        machine.take(drawn)
        what = (*self._wanted, encoders), out, on_time, moved
        _replicate(machine.given, machine.state, machine.weighed, drawn.columns, machine.guess, what)
        guess, priority = machine.guess.copy(), machine.videos["priority"].copy()
        for row in np.flatnonzero(moved).tolist():
            end, _ = machine.run(drawn.of(row))
            measure(machine.state, encoders, end, self._wanted, out[row], on_time)
        machine.guess[:], machine.videos["priority"] = guess, priority
        self._find_size()
        values[:] = out[:, self._columns].T
        return np.zeros(len(replications), dtype=np.bool_)


@compiled
def _replicate(given: Any, state: Any, weighed: Any, columns: Any, guess: Any, what: Any) -> None:
    """Simulate and measure; say where something is open, or encoding did not start as priorities assume."""
    (quantiles, with_peak, encoders), out, on_time, moved = what
    publishing, encoding, before = columns
    state.rule.pauses = 0
    for row in range(len(out)):
        one, two, three = row % len(publishing), row % len(encoding), row % len(before)
        for video in range(state.rule.videos):
            it = kernel_state.videos(state)[video]
            it.publishing, it.encoding_time = publishing[one, video], encoding[two, video]
            it.before = before[three, video]
        state.rule.row, state.rule.resumed = row, 0
        end, ending = go_on(given, state, weighed)
        moved[row] = ending >= events.OPEN
        if state.rule.ordering == kernel_state.BY_HOOK and not moved[row]:
            for video in range(state.rule.videos):
                it = kernel_state.videos(state)[video]
                if it.started == it.started and it.started != guess[video] and not it.own:
                    moved[row] = True
                    break
        if not moved[row]:
            measure(state, encoders, end, (quantiles, with_peak), out[row], on_time)


class _Uncoupled(Block):
    """What lanes and stage share: client and encoders are simulated once."""

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        super().__init__(world, metrics)
        self.arrivals: Arrivals = arrivals_of(world)
        started, encoded = self.arrivals.started, self.arrivals.encoded
        self.owned = np.flatnonzero(world.own)
        at_start = world.moment == MOMENTS.index("encoding_started")
        self.begins = np.where(at_start, started, encoded) + world.delay
        work, blocked = (encoded - started).sum(), (started - self.arrivals.offered).sum()
        known = len(world.catalogue), world.scenario.encoder_count, float(work), float(blocked)
        self.fixed = Fixed(*known, float(world.publishing.sum()))


class Lanes(_Uncoupled):
    """Own publishers and a FIFO pool, by :mod:`tv2sim.engines.kernel.lanes`."""

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        super().__init__(world, metrics)
        arrivals, videos, level = self.arrivals, len(world.catalogue), world.level
        limit = arrivals.started + world.timeout - world.held * world.publishing
        elapsed = world.publishing - arrivals.started
        self._stages = (
            self.begins, arrivals.encoded, limit, world.publishing, elapsed, elapsed - world.timeout,
            self.owned.astype(np.uint64), arrivals.shared.astype(np.uint64),
        )  # fmt: skip
        self._constant_peak = not len(self.owned) and not world.publishing.any()
        with_peak = "peak_publishers" in metrics and not self._constant_peak
        # publishers that are left in the pool are idle until the last video, also if that has its own
        in_order = not len(self.owned) and (world.publishing == world.publishing[0]).all()
        with_more = bool(level and not in_order) or not _OF_MORE_SUMS.isdisjoint(metrics)
        self._rule = (level, world.capacity, with_more, with_peak)
        self._names = [[name for name in of if name in metrics] for of in (_QUANTILES, _LATENESS)]
        self._percents = tuple(
            np.array([of[name] for name in names], dtype=np.float64)
            for of, names in zip((_QUANTILES, _LATENESS), self._names, strict=True)
        )
        self._born = np.sort(np.concatenate([np.zeros(level), self.begins[self.owned]]))
        ordered = (videos if with_peak or any(self._names) else 0) * lanes.LANES
        self._state = (
            lanes.room_for(lanes.SUMS, lanes.LANES), lanes.room_for(max(1, level) * lanes.LANES),
            lanes.room_for(lanes.LANES), lanes.room_for(ordered, dtype=np.int32), lanes.room_for(ordered),
        )  # fmt: skip
        self._line = line_of(world.scenario.startup_time)
        groups = _MOST // lanes.LANES if self._line else max(1, _IN_CACHE // (videos + level))
        self.size = lanes.LANES * groups
        self._slots = whole_blocks(level)
        entities = self._slots + whole_blocks(videos)
        self._drawn = lanes.room_for(1 if self._line else groups, entities * lanes.LANES)
        self._found = lanes.room_for(lanes.SUMS + sum(map(len, self._names)), self.size)

    def simulate(
        self, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Simulate groups of them side by side."""
        world, first, count = self.world, replications.start, len(replications)
        if not self._line:
            draw_lanes(world, seed, first, self._drawn[: -(-count // lanes.LANES)], self._slots * lanes.LANES)
        drawing = (self._line is not None, np.uint64(seed), first, self._line or (0.0, 0.0))
        sums, found = self._found[: lanes.SUMS], self._found[lanes.SUMS :]
        lanes.replicate(
            self._stages, self._rule, drawing, self._drawn, self._slots, self._percents, self._born,
            self._state, on_time, count, sums, found,
        )  # fmt: skip
        sums, found = sums[:, :count], found[:, :count]
        peaks = float(world.level) if self._constant_peak else sums[lanes.PEAK]
        names = [name for of in self._names for name in of]
        more = {"peak_publishers": peaks, **dict(zip(names, found, strict=True))}
        self.fill(values, self.fixed, _of_fifo(world, sums), more)
        blocked: NDArray[np.bool_] = sums[lanes.BLOCKED] > 0
        return blocked


def _of_fifo(world: World, sums: NDArray[np.float64]) -> dict[str, Any]:
    """Return the sums of lanes, a row for each, by their names."""
    end = sums[lanes.LAST]
    return {
        "published": sums[lanes.PUBLISHED],
        "stockouts": sums[lanes.STOCKOUTS],
        "idle": sums[lanes.IDLE],
        "waits": sums[lanes.WAITS],
        "alive": sums[lanes.ALIVE] + world.level * end,
        "publishers": float(world.level + len(world.catalogue)),
        "end": end,
    }


class Varied(Block):
    """What lanes know where times of encoding or publishing differ, by :mod:`tv2sim.engines.kernel.varied`."""

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        super().__init__(world, metrics)
        videos, level, owned = len(world.catalogue), world.level, np.flatnonzero(world.own)
        shared = np.flatnonzero(world.own == 0)
        at_start = world.moment == MOMENTS.index("encoding_started")
        columns = at_start, world.delay, world.timeout
        self._videos = (*columns, owned.astype(np.uint64), shared.astype(np.uint64))
        self._slots = whole_blocks(level)
        self._drawn = lanes.room_for(self._slots + whole_blocks(videos), lanes.LANES)
        several = lanes.room_for(3, whole_blocks(videos), lanes.LANES)
        self.publishing, self._encoding, self._before = (part.reshape(-1) for part in several)
        self.started, self._encoded, self._begins = lanes.room_for(3, videos, lanes.LANES)
        self._sums = lanes.room_for(varied.VARIED, lanes.LANES)
        if not world.encodings_differ:
            arrivals = arrivals_of(world)
            started, encoded = arrivals.started[:, np.newaxis], arrivals.encoded[:, np.newaxis]
            self.started[:], self._encoded[:] = started, encoded
            self._sums[varied.WORK] = (encoded - started).sum()
            self._sums[varied.HELD_UP] = (arrivals.started - arrivals.offered).sum()
        encoders = min(world.scenario.encoder_count, videos)
        self._names = [[name for name in of if name in metrics] for of in (_QUANTILES, _LATENESS)]
        self._percents = tuple(
            np.array([of[name] for name in names], dtype=np.float64)
            for of, names in zip((_QUANTILES, _LATENESS), self._names, strict=True)
        )
        with_peak = "peak_publishers" in metrics
        ordered = (videos if with_peak or any(self._names) else 0) * lanes.LANES
        self._rule = (level, world.capacity, encoders, world.gap, world.held, world.encodings_differ, with_peak)
        self._state = (
            *(part.reshape(-1) for part in (self.started, self._encoded, self._begins)),
            lanes.room_for(len(shared) * lanes.LANES), lanes.room_for(len(shared) * lanes.LANES),
            *(lanes.room_for(max(1, size) * lanes.LANES) for size in (encoders, level, 1, 1)),
            lanes.room_for(lanes.LANES, dtype=np.int64),
            lanes.room_for(ordered, dtype=np.int32), lanes.room_for(ordered),
        )  # fmt: skip
        self._found = lanes.room_for(sum(map(len, self._names)), lanes.LANES)
        self.assigned = self._drawn[self._slots :][:videos]

    def simulate(
        self, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Simulate them side by side."""
        world, first, count, slots = self.world, replications.start, len(replications), self._slots
        flat = self._drawn.reshape(1, -1)
        draw_lanes(world, seed, first, flat, slots * lanes.LANES)
        draw_publishing_lanes(world, seed, first, self.publishing)
        if world.encodings_differ:
            draw_encoding_lanes(world, seed, first, self._encoding)
            before = before_of(world, seed, range(first, first + lanes.LANES))
            self._before.reshape(-1, lanes.LANES)[: before.shape[1]] = before.T
        times = flat[0, slots * lanes.LANES :]
        drawn = (flat[0, : slots * lanes.LANES], times, self.publishing, self._encoding, self._before)
        varied.simulate(
            self._rule,
            self._videos,
            drawn,
            self._percents,
            self._state,
            count,
            on_time,
            self._sums,
            self._found,
        )
        sums, found = self._sums[:, :count], self._found[:, :count]
        names = [name for of in self._names for name in of]
        more = {"peak_publishers": sums[lanes.PEAK], **dict(zip(names, found, strict=True))}
        busy = self.publishing.reshape(-1, lanes.LANES)[: len(on_time), :count].sum(axis=0)
        known = len(on_time), world.scenario.encoder_count, sums[varied.WORK], sums[varied.HELD_UP]
        fixed = Fixed(*known, busy)
        self.fill(values, fixed, _of_fifo(world, sums), more)
        blocked: NDArray[np.bool_] = sums[lanes.BLOCKED] > 0
        return blocked


class Stream(Block):
    """What lanes know, for catalogues of any size, by :mod:`tv2sim.engines.kernel.stream`.

    Attributes
    ----------
    kept : numpy.ndarray
        By video, if a metric needs them: the times of its assignment and of its start of encoding.
    """

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        super().__init__(world, metrics)
        videos, encoders, level = len(world.catalogue), world.scenario.encoder_count, world.level
        self._given = (before_of(world, 0, range(1))[0], world.moment, world.own, world.delay)
        publishing_time = world.scenario.publishing_time
        assert isinstance(publishing_time, float)
        self._publishing = to_ticks(publishing_time)
        self._rule = (world.gap, world.held * self._publishing)
        slots = min(encoders, videos)
        self._encoders = (np.empty(slots), np.empty(slots, dtype=np.int64), np.empty((3, slots)))
        waiting = world.capacity if world.capacity < videos else 0
        self._pool = (np.empty(2 * level + _PART), np.empty(waiting))
        self._hits = np.empty(videos, dtype=np.int8)
        self._constant_peak = not world.own.any() and not self._publishing
        columns = {*_QUANTILES, *_LATENESS} | (set() if self._constant_peak else {"peak_publishers"})
        self.kept = np.empty((2, 0 if columns.isdisjoint(metrics) else videos))

    def simulate(
        self, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Simulate one after the other."""
        blocked = np.zeros(len(replications), dtype=np.bool_)
        for row, replication in enumerate(replications):
            sums = self.sums(seed, replication)
            blocked[row] = sums[lanes.BLOCKED] > 0
            if not blocked[row]:
                on_time += self._hits
                videos, encoders = len(self._hits), self.world.scenario.encoder_count
                busy = videos * self._publishing
                fixed = Fixed(videos, encoders, sums[stream.WORK], sums[stream.HELD_UP], busy)
                found = _of_fifo(self.world, sums[:, np.newaxis])
                self.fill(values[:, row : row + 1], fixed, found, self._of_columns())
        return blocked

    def sums(self, seed: int, replication: int) -> NDArray[np.float64]:
        """Simulate one replication; return its sums, and leave the columns that are kept."""
        world, state = self.world, (self._rule, self._encoders, self._pool)
        catalogue, level, one = world.catalogue, world.level, range(replication, replication + 1)
        times, keys, _ = self._encoders
        times[:], keys[:] = 0.0, np.arange(len(keys)) - stream.NOTHING
        self._pool[0][:level] = np.sort(
            draw_rows(world.scenario.startup_time, "startup_time", seed, Purpose.STARTUP_OF_SLOT, one, level)[0]
        )
        self._pool[1][:] = -np.inf
        n, sums = np.array([0, level, 0]), np.zeros(stream.ADVANCED)
        for first in range(0, len(catalogue), _PART):
            part = slice(first, first + _PART)
            encoding, timeout = (
                whole_ticks(column[part]) for column in (catalogue.encoding_time, catalogue.publication_timeout)
            )
            startup = draw_part(world, seed, replication, first, len(encoding))
            stream.advance(
                first, encoding, timeout, startup, self._given, *state, n, sums, self._hits, self.kept
            )
        stream.finish(world.own, self._publishing, *state[1:], n, sums, self._hits, self.kept)
        return sums

    def _of_columns(self) -> dict[str, float]:
        """Return the metrics that do not follow from sums."""
        world, found, (assigned, started) = self.world, {"peak_publishers": float(self.world.level)}, self.kept
        if not len(assigned):
            return found
        published = assigned + self._publishing
        elapsed = published - started
        for names, times in ((_LATENESS, elapsed - world.timeout), (_QUANTILES, elapsed)):
            ranks = {rank for percent in names.values() for rank in quantile_weights(len(times), percent)[:2]}
            times.partition(sorted(ranks))  # puts there what sorting would
            found |= {name: quantile(times, percent) for name, percent in names.items()}
        if not self._constant_peak:
            at_start = world.moment == MOMENTS.index("encoding_started")
            begins = np.where(at_start, started, started + world.encoding_time) + world.delay
            born = np.concatenate([np.zeros(world.level), np.where(world.own, begins, assigned)])
            found["peak_publishers"] = peak(np.sort(born), np.sort(published))
        return found


class Stage(_Uncoupled):
    """A pool with any rule, by :mod:`tv2sim.engines.kernel.stage`.

    Attributes
    ----------
    given, room : tuple
        What :func:`tv2sim.engines.kernel.stage.assign` takes before what is drawn, and after it.
    """

    def __init__(self, world: World, metrics: Sequence[str]) -> None:
        super().__init__(world, metrics)
        arrivals, strategy, videos = self.arrivals, world.strategy, len(world.catalogue)
        publishers = world.level + 2 * videos
        rule = world.level, world.capacity, strategy.dispatches_late, strategy.discards
        own = self.owned, self.begins, arrivals.encoded
        self.given = (script_of(world, arrivals), order_of(world, arrivals), rule, own)
        state = np.empty(publishers), np.empty(videos, dtype=np.int64), np.zeros(videos, dtype=np.int64)
        self.room = (state, np.empty(videos), np.empty(publishers), np.empty(videos), np.empty(stage.SUMS))
        several = (_QUANTILES, _LATENESS, {"peak_publishers"})
        self._wanted = tuple(any(name in metrics for name in names) for names in several)

    def drawn(self, seed: int, replications: range) -> tuple[NDArray[np.float64], ...]:
        """Draw what replications need: publishing and start-up times."""
        given = self.world, seed, replications
        return draw_publishing(*given), *draw_startup(*given)

    def simulate(
        self, seed: int, replications: range, values: NDArray[np.float64], on_time: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Simulate one after the other."""
        world, started = self.world, self.arrivals.started
        out, drawn = np.zeros((len(replications), len(_OF_STAGE))), self.drawn(seed, replications)
        limits = started + world.timeout - world.held * drawn[0]
        videos = limits, started, world.timeout
        _replicate_stage(self.given, drawn, self.room, videos, self._wanted, out, on_time)
        columns = dict(zip(_OF_STAGE, out.T, strict=True))
        more = {name: columns[name] for name in _MORE_OF_STAGE}
        self.fill(values, self.fixed._replace(busy=columns["busy"]), columns, more)
        again: NDArray[np.bool_] = columns["again"] > 0
        return again


_SUMS_OF_STAGE = (
    "published", "stockouts", "idle", "waits", "alive", "publishers", "end", "busy", "again"
)  # fmt: skip
_MORE_OF_STAGE = ("publishers_wasted", "peak_publishers", *_QUANTILES, *_LATENESS)
_OF_STAGE = (*_SUMS_OF_STAGE, *_MORE_OF_STAGE)
_AGAIN, _WASTED, _PEAK, _ELAPSED, _LATE = 8, 9, 10, 11, 14
"""Columns of what is computed: sums, whether it is to be done again, and other metrics."""
_PERCENTS = tuple(_LATENESS.values())


@compiled
def _replicate_stage(
    given: Any, drawn: Any, room: Any, videos: Any, wanted: Any, out: Any, on_time: Any
) -> None:
    script, order, rule, own = given
    several, slots, startup, further = drawn
    state, assigned, born, takes, sums = room
    limits, started, timeout = videos
    owned, _, encoded = own
    _, shared, _ = order
    with_elapsed, with_lateness, with_peak = wanted
    for r in range(len(out)):
        publishing, limit, row = several[r % len(several)], limits[r % len(limits)], out[r]
        starts = slots[r], startup[r], further[r]
        there = stage.assign(
            script, order, rule, own, publishing, starts, state, assigned, born, takes, sums
        )  # fmt: skip
        if there < 0:
            row[_AGAIN] = 1
            continue
        end, taken = sums[stage.END], int(sums[stage.TAKEN])
        published = stockouts = served = 0
        busy, waits = 0.0, sums[stage.WAITED]
        for video in range(len(assigned)):
            good = assigned[video] <= limit[video]
            published += good
            on_time[video] += good
            stockouts += assigned[video] > encoded[video]
            if assigned[video] < inf:
                served += 1
                busy += publishing[video]
        for video in shared:
            if assigned[video] < inf:
                waits += assigned[video] - encoded[video]
        alive = sums[stage.ALIVE]
        for i in range(there):
            alive += (takes[i] if i < taken else end) - born[i]
        row[0], row[1], row[2], row[3] = published, stockouts, sums[stage.IDLE], waits
        row[4], row[5], row[6], row[7] = alive, there + len(owned), end, busy
        row[_WASTED] = there + len(owned) - served
        if with_peak:
            row[_PEAK] = _peak_of_stage(born[:there], own, startup[r], assigned, publishing)
        if with_elapsed or with_lateness:
            elapsed = assigned + publishing - started
            if with_lateness:
                _fill_quantiles(elapsed - timeout, _PERCENTS, row[_LATE:])
            if with_elapsed:
                _fill_quantiles(elapsed, _PERCENTS[:-1], row[_ELAPSED:])


@compiled
def _peak_of_stage(born: Any, own: Any, startup: Any, assigned: Any, publishing: Any) -> Any:
    """Return the most publishers at once; a video's own one ends also if the video is given up."""
    owned, begins, encoded = own
    ended = assigned + publishing
    for row in owned:
        if assigned[row] == inf:
            ended[row] = stage.own_ready(row, begins, encoded, startup)[1]
    if len(owned):
        born = np.sort(np.concatenate((born, begins[owned])))
    return peak(born, np.sort(ended))


@compiled
def _fill_quantiles(times: Any, percents: Any, out: Any) -> None:
    times.sort()
    for i, percent in enumerate(percents):
        out[i] = quantile(times, percent)


_BLOCKS: dict[str, type[Block]] = {
    "lanes": Lanes, "stream": Stream, "varied": Varied, "stage": Stage, "events": Events,
}  # fmt: skip
