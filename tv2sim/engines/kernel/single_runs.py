"""Facts of single replications, by :mod:`tv2sim.engines.kernel.events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import announced
from tv2sim.engines.kernel import events, state
from tv2sim.engines.kernel.machine import Machine
from tv2sim.results.facts import ATTEMPTS, TABLES, Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tv2sim.engines.kernel.inputs import World

__all__ = ["facts_of"]

_DTYPES = {"d": np.float64, "q": np.int64, "b": np.int8}
_VIDEOS = {
    "offered": state.OFFERED,
    "encoding_started": state.STARTED,
    "encoded": state.ENCODED,
    "queued": state.QUEUED,
    "assigned": state.ASSIGNED,
    "published": state.PUBLISHED,
    "settled": state.PUBLISHED,
    "encoder": state.ENCODER,
    "publisher": state.PUBLISHER,
    "outcome": state.OUTCOME,
}
_PUBLISHERS = {
    "started": state.P_STARTED,
    "ready": state.P_READY,
    "assigned": state.P_ASSIGNED,
    "ended": state.P_ENDED,
    "cause": state.P_CAUSE,
    "video": state.P_VIDEO,
    "outcome": state.P_OUTCOME,
}
"""The rows of T, for columns of times, and of K, for others."""


def facts_of(world: World, seed: int, replications: range) -> Iterator[Facts]:
    """Yield the facts of each replication."""
    machine = Machine(world, logged=True)
    drawn = machine.draw(seed, replications)
    for row in range(len(replications)):
        with announced():
            end, ending = machine.run(drawn.of(row))
        yield _facts(machine, end, ending, last=row + 1 == len(replications))


def _facts(machine: Machine, end: float, ending: int, *, last: bool) -> Facts:
    """Return the facts of the replication that was simulated, without a copy if it is the last one."""
    world, publishers = machine.world, int(machine.n[state.PUBLISHERS])
    videos = _columns(machine, "videos", _VIDEOS, len(world.catalogue), copied=not last)
    videos["own"] = world.own * ~np.isnan(videos["queued"])
    if world.strategy.discards:
        given_up = np.isnan(videos["published"]) & (videos["outcome"] == state.TOO_LATE)
        times = machine.T[state.SETTLED, : len(given_up)]
        videos["settled"] = np.where(given_up, times, videos["settled"])
    tables: dict[str, Any] = {
        "videos": videos,
        "publishers": _columns(machine, "publishers", _PUBLISHERS, publishers, copied=not last),
        "attempts": _attempts(machine),
    }
    for table in TABLES.keys() - tables.keys():
        tables[table] = {
            name: np.empty(0, dtype=_DTYPES[column.code]) for name, column in TABLES[table].items()
        }
    ordered: dict[str, Any] = {
        table: {name: tables[table][name] for name in columns} for table, columns in TABLES.items()
    }
    sequence = machine.log[: machine.n[state.LOGGED]].astype(np.int64, copy=not last)
    how: Any = events.ENDINGS[ending]
    held, waits = world.scenario.deadline, int(machine.n[state.WAITS])
    return Facts(**ordered, sequence=sequence, end=end, ending=how, deadline=held, quota_waits=waits)


def _attempts(machine: Machine) -> dict[str, NDArray[Any]]:
    """Return the table of the start-ups that failed."""
    lost = machine.K[state.LOST, : machine.n[state.LOSSES]].copy()
    return {
        "kind": np.full(len(lost), ATTEMPTS.index("startup"), dtype=np.int8),
        "video": machine.K[state.P_CAUSE, lost],
        "encoder": np.full(len(lost), -1, dtype=np.int64),
        "publisher": lost,
        "started": machine.T[state.P_STARTED, lost],
        "ended": machine.T[state.P_ENDED, lost],
    }


def _columns(
    machine: Machine, table: str, rows: dict[str, int], count: int, *, copied: bool
) -> dict[str, NDArray[Any]]:
    return {
        name: (machine.T if TABLES[table][name].code == "d" else machine.K)[row, :count].astype(
            _DTYPES[TABLES[table][name].code], copy=copied
        )
        for name, row in rows.items()
    }
