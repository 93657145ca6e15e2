"""Facts of single replications, by :mod:`tv2sim.engines.kernel.events`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import announced
from tv2sim.engines.kernel import events
from tv2sim.engines.kernel import state_rows as state
from tv2sim.engines.kernel.machine import Machine
from tv2sim.results.event_kinds import pack
from tv2sim.results.facts import ATTEMPTS, TABLES, Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from tv2sim.engines.kernel.world_columns import World

__all__ = ["facts_of"]

_DTYPES = {"d": np.float64, "q": np.int64, "b": np.int8}
_ROWS = {
    "videos": {
        "offered": state.OFFERED,
        "encoding_started": state.STARTED,
        "encoded": state.ENCODED,
        "queued": state.QUEUED,
        "assigned": state.ASSIGNED,
        "published": state.PUBLISHED,
        "encoder": state.ENCODER,
        "publisher": state.PUBLISHER,
        "outcome": state.OUTCOME,
    },
    "publishers": {
        "started": state.P_STARTED,
        "ready": state.P_READY,
        "assigned": state.P_ASSIGNED,
        "ended": state.P_ENDED,
        "cause": state.P_CAUSE,
        "video": state.P_VIDEO,
        "outcome": state.P_OUTCOME,
    },
}
"""The rows of T, for columns of times, and of K, for others, that are columns of facts as they are."""

_ITEMS = np.array([pack(kind) for kind in state.LOGGED_KINDS])
"""The item of the sequence of facts for each kind in the log, of row 0."""
_NO_LOG = np.empty(0, dtype=np.int64)


def facts_of(
    world: World, seed: int, replications: range, columns: Collection[str] | None = None
) -> Iterator[Facts]:
    """Yield the facts of each replication.

    `columns`, such as "videos.encoded", are the only ones that are made, and then there is no sequence. Facts
    with few columns are made much faster. None: all columns.
    """
    machine = Machine(world, logged=columns is None)
    wanted = {
        table: [name for name in names if columns is None or f"{table}.{name}" in columns]
        for table, names in TABLES.items()
    }
    drawn = machine.draw(seed, replications)
    for row in range(len(replications)):
        with nullcontext() if row else announced():  # the first one compiles what is not on disk
            end, ending = machine.run(drawn.of(row))
        yield _facts(machine, end, ending, wanted, last=row + 1 == len(replications))


def _facts(machine: Machine, end: float, ending: int, wanted: dict[str, list[str]], *, last: bool) -> Facts:
    """Return the facts of the replication that was simulated, without a copy if it is the last one."""
    lost = machine.K[state.LOST, : machine.n[state.LOSSES]]
    rows = {
        "videos": len(machine.world.catalogue),
        "publishers": int(machine.n[state.PUBLISHERS]),
        "attempts": len(lost),
        "others": 0,
    }
    tables = {
        table: _Columns(
            {name: _column(machine, table, name, rows[table], lost, copied=not last) for name in names}
        )
        for table, names in wanted.items()
    }
    log = machine.log[: machine.n[state.LOGGED]] if machine.logged else _NO_LOG
    kinds = log & (1 << state.LOG_BITS) - 1
    how: Any = events.ENDINGS[ending]
    return Facts(
        **tables,
        sequence=(log >> state.LOG_BITS) * pack(None, 1) | _ITEMS[kinds],
        end=end,
        ending=how,
        deadline=machine.world.scenario.deadline,
        quota_waits=int(machine.n[state.WAITS]),
    )


class _Columns(dict[str, "NDArray[Any]"]):
    """The columns of a table of facts that were asked for."""

    def __missing__(self, name: str) -> NDArray[Any]:
        raise KeyError(f"the metric reads the column {name}, which its `needs` do not declare")


def _column(
    machine: Machine, table: str, name: str, rows: int, lost: NDArray[np.int64], *, copied: bool
) -> NDArray[Any]:
    """Return a column of facts; one that the kernel does not know has its missing value in all rows.

    `lost` are the publishers whose start-up has failed.
    """
    code, missing = TABLES[table][name]
    dtype = _DTYPES[code]
    if (place := _ROWS.get(table, {}).get(name)) is not None:
        return (machine.T if code == "d" else machine.K)[place, :rows].astype(dtype, copy=copied)
    if make := _MADE.get((table, name)):
        return make(machine, lost).astype(dtype, copy=False)
    return np.full(rows, missing, dtype=dtype)


def _own(machine: Machine, _: NDArray[np.int64]) -> NDArray[Any]:
    world = machine.world
    return world.own * ~np.isnan(machine.T[state.QUEUED, : len(world.own)])


def _settled(machine: Machine, _: NDArray[np.int64]) -> NDArray[Any]:
    videos = len(machine.world.catalogue)
    published = machine.T[state.PUBLISHED, :videos]
    if not machine.world.strategy.discards:
        return published.copy()
    given_up = np.isnan(published) & (machine.K[state.OUTCOME, :videos] == state.TOO_LATE)
    return np.where(given_up, machine.T[state.SETTLED, :videos], published)


_MADE: dict[tuple[str, str], Callable[[Machine, NDArray[np.int64]], NDArray[Any]]] = {
    ("videos", "own"): _own,
    ("videos", "settled"): _settled,
    ("attempts", "kind"): lambda _, lost: np.full(len(lost), ATTEMPTS.index("startup")),
    ("attempts", "video"): lambda machine, lost: machine.K[state.P_CAUSE, lost],
    ("attempts", "publisher"): lambda _, lost: lost.copy(),
    ("attempts", "started"): lambda machine, lost: machine.T[state.P_STARTED, lost],
    ("attempts", "ended"): lambda machine, lost: machine.T[state.P_ENDED, lost],
}
"""The columns that are made of several rows; the only attempts are start-ups that have failed."""
