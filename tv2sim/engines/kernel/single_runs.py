"""Facts of single replications, by :mod:`tv2sim.engines.kernel.events`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.compiling import announced
from tv2sim.engines.kernel import events
from tv2sim.engines.kernel import state as kernel
from tv2sim.engines.kernel.machine import Machine
from tv2sim.results.event_kinds import pack
from tv2sim.results.facts import ATTEMPTS, TABLES, Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from tv2sim.engines.kernel.world_columns import World

__all__ = ["facts_of"]

_DTYPES = {"d": np.float64, "q": np.int64, "b": np.int8}
_FIELDS = {
    "videos": {
        "offered", "encoded", "queued", "assigned", "published", "settled", "encoder", "publisher", "outcome",
    },
    "publishers": {"started", "ready", "assigned", "ended", "cause", "video", "outcome"},
}  # fmt: skip
"""The columns of facts that are fields of records."""

_ITEMS = np.array([pack(kind) for kind in kernel.LOGGED_KINDS])
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
        yield _facts(machine, end, ending, wanted)


def _facts(machine: Machine, end: float, ending: int, wanted: dict[str, list[str]]) -> Facts:
    """Return the facts of the replication that was simulated."""
    arrays, count = machine.arrays, machine.count
    lost = arrays["lists"]["lost"][: count["lost"]]
    rows = {
        "videos": len(machine.world.catalogue),
        "publishers": int(count["publishers"]),
        "attempts": len(lost),
        "others": 0,
    }
    tables = {
        table: _Columns({name: _column(machine, table, name, rows[table], lost) for name in names})
        for table, names in wanted.items()
    }
    log = arrays["log"][: count["noted"]] if machine.logged else _NO_LOG
    kinds = log & (1 << kernel.LOG_BITS) - 1
    how: Any = events.ENDINGS[ending]
    return Facts(
        **tables,
        sequence=(log >> kernel.LOG_BITS) * pack(None, 1) | _ITEMS[kinds],
        end=end,
        ending=how,
        deadline=machine.world.scenario.deadline,
        quota_waits=int(count["quota_waits"]),
    )


class _Columns(dict[str, "NDArray[Any]"]):
    """The columns of a table of facts that were asked for."""

    def __missing__(self, name: str) -> NDArray[Any]:
        raise KeyError(f"the metric reads the column {name}, which its `needs` do not declare")


def _column(machine: Machine, table: str, name: str, rows: int, lost: NDArray[np.int64]) -> NDArray[Any]:
    """Return a column of facts; one that the kernel does not know has its missing value in all rows.

    `lost` are the publishers whose start-up has failed.
    """
    code, missing = TABLES[table][name]
    dtype = _DTYPES[code]
    if name in _FIELDS.get(table, ()):
        column: NDArray[Any] = machine.arrays[table][name][:rows]
        return column.astype(dtype)
    if make := _MADE.get((table, name)):
        return make(machine, lost).astype(dtype, copy=False)
    return np.full(rows, missing, dtype=dtype)


def _own(machine: Machine, _: NDArray[np.int64]) -> NDArray[Any]:
    queued: NDArray[np.float64] = machine.videos["queued"]
    return machine.world.own * ~np.isnan(queued)


_MADE: dict[tuple[str, str], Callable[[Machine, NDArray[np.int64]], NDArray[Any]]] = {
    ("videos", "own"): _own,
    ("videos", "encoding_started"): lambda machine, _: machine.videos["started"].copy(),
    ("attempts", "kind"): lambda _, lost: np.full(len(lost), ATTEMPTS.index("startup")),
    ("attempts", "video"): lambda machine, lost: machine.arrays["publishers"]["cause"][lost],
    ("attempts", "publisher"): lambda _, lost: lost.copy(),
    ("attempts", "started"): lambda machine, lost: machine.arrays["publishers"]["started"][lost],
    ("attempts", "ended"): lambda machine, lost: machine.arrays["publishers"]["ended"][lost],
}
"""The columns that are made otherwise; the only attempts are start-ups that have failed."""
