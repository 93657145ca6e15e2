"""The elapsed times of all videos in many replications, by the fastest kernel that knows the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import announced, compiled
from tv2sim.engines.kernel.lanes import BLOCKED, LANES
from tv2sim.engines.kernel.machine import Machine
from tv2sim.engines.kernel.replicating import Lanes, Stage, Stream, Varied
from tv2sim.engines.kernel.routing import kernels_for
from tv2sim.engines.kernel.stage import assign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.engines.kernel.world_columns import World

__all__ = ["elapsed_of"]


def elapsed_of(world: World, seed: int, replications: range, kernel: str | None = None) -> NDArray[np.float64]:
    """Return the ticks from the start of encoding to publication, a row for each replication.

    A video that is not published when the run ends has infinity. `kernel` is as in
    :func:`tv2sim.engines.kernel.replicating.measured`.
    """
    kernel = kernel or kernels_for(world)[0]
    out = np.empty((len(replications), len(world.catalogue)))
    with announced():
        again = np.arange(len(replications))
        if kernel != "events":
            again = np.flatnonzero(_KERNELS[kernel](world, seed, replications, out))
        if len(again):
            _by_events(world, seed, replications, again, out)
    return out


def _by_lanes(world: World, seed: int, replications: range, out: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Fill in a row for each replication; say which are to be done again, because an encoder may be blocked."""
    block = _Lanes(world, ())
    shift = (world.publishing - block.arrivals.started)[:, np.newaxis]
    blocked = np.empty(len(replications), dtype=np.bool_)
    for start in range(0, len(replications), LANES):
        rows = slice(start, start + LANES)
        part = replications[rows]
        blocked[rows] = block.simulate(seed, part, np.empty((0, len(part))), block.on_time)
        np.add(block.assigned[:, : len(part)], shift, out=out[rows].T)
    return blocked


class _Lanes(Lanes):
    """Lanes whose last assignments can be read, a row for each video."""

    def __init__(self, world: World, metrics: tuple[str, ...]) -> None:
        super().__init__(world, metrics)
        self.assigned = self._drawn[0].reshape(-1, LANES)[self._slots :][: len(world.catalogue)]
        self.on_time = np.zeros(len(world.catalogue), dtype=np.int64)


def _by_varied(world: World, seed: int, replications: range, out: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Do as :func:`_by_lanes`."""
    block, videos = Varied(world, ()), len(world.catalogue)
    blocked, on_time = np.empty(len(replications), dtype=np.bool_), np.zeros(videos, dtype=np.int64)
    for start in range(0, len(replications), LANES):
        rows = slice(start, start + LANES)
        part = replications[rows]
        blocked[rows] = block.simulate(seed, part, np.empty((0, len(part))), on_time)
        publishing = block.publishing.reshape(-1, LANES)[:videos]
        elapsed = block.assigned + publishing - block.started
        out[rows] = elapsed[:, : len(part)].T
    return blocked


def _by_stream(world: World, seed: int, replications: range, out: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Do as :func:`_by_lanes`."""
    block = Stream(world, ("elapsed_p50",))
    blocked = np.empty(len(replications), dtype=np.bool_)
    for row, replication in enumerate(replications):
        blocked[row] = block.sums(seed, replication)[BLOCKED] > 0
        assigned, started = block.kept
        np.subtract(assigned + world.publishing, started, out=out[row])
    return blocked


def _by_stage(world: World, seed: int, replications: range, out: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Do as :func:`_by_lanes`."""
    block = Stage(world, ())
    blocked = np.empty(len(replications), dtype=np.bool_)
    for start in range(0, len(replications), block.size):
        rows = slice(start, start + block.size)
        drawn = block.drawn(seed, replications[rows])
        _replicate(block.given, drawn, block.room, block.arrivals.started, out[rows], blocked[rows])
    return blocked


@compiled
def _replicate(given: Any, drawn: Any, room: Any, started: Any, out: Any, blocked: Any) -> None:
    script, order, rule, own = given
    several, slots, startup, further = drawn
    state, assigned, born, takes, sums = room
    for r in range(len(out)):
        publishing, starts = several[r % len(several)], (slots[r], startup[r], further[r])
        there = assign(script, order, rule, own, publishing, starts, state, assigned, born, takes, sums)
        blocked[r] = there < 0
        for video in range(len(assigned)):
            out[r, video] = assigned[video] + publishing[video] - started[video]


def _by_events(
    world: World, seed: int, replications: range, again: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Fill in the rows of the replications that are given by their places."""
    machine = Machine(world, logged=False)
    for row in again.tolist():
        one = replications[row : row + 1]
        machine.run(machine.draw(seed, one))
        started, published = machine.videos["started"], machine.videos["published"]
        out[row] = np.where(np.isnan(published), np.inf, published - started)


_KERNELS = {"lanes": _by_lanes, "stream": _by_stream, "varied": _by_varied, "stage": _by_stage}
