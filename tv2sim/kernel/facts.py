"""Facts of single replications, by :mod:`tv2sim.kernel.events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.compiled import announced
from tv2sim.draws import Purpose
from tv2sim.facts import TABLES, Facts
from tv2sim.kernel import events
from tv2sim.kernel.encoding import arrivals_of
from tv2sim.kernel.world import World, draw_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Machine", "facts_of"]

_DTYPES = {"d": np.float64, "q": np.int64, "b": np.int8}
_VIDEOS = {
    "offered": events.OFFERED,
    "encoding_started": events.STARTED,
    "encoded": events.ENCODED,
    "queued": events.QUEUED,
    "assigned": events.ASSIGNED,
    "published": events.PUBLISHED,
    "settled": events.PUBLISHED,
    "encoder": events.ENCODER,
    "publisher": events.PUBLISHER,
    "outcome": events.OUTCOME,
}
_PUBLISHERS = {
    "started": events.P_STARTED,
    "ready": events.P_READY,
    "assigned": events.P_ASSIGNED,
    "ended": events.P_ENDED,
    "cause": events.P_CAUSE,
    "video": events.P_VIDEO,
    "outcome": events.P_OUTCOME,
}
"""The rows of T, for columns of times, and of K, for others."""


class Machine:
    """The arrays in which replications of one world are simulated, one after the other."""

    def __init__(self, world: World, *, logged: bool) -> None:
        videos = len(world.catalogue)
        width = world.level + 2 * videos + 1
        self.world = world
        self.T, self.K = np.zeros((events.TIMES, width)), np.zeros((events.NUMBERS, width), dtype=np.int64)
        self.n = np.zeros(events.COUNTS, dtype=np.int64)
        self.c = np.array([world.gap, world.publishing_time, world.until, world.review_every])
        self.guess = np.full(videos, np.nan)
        """When the encoding of each video starts, as assumed by the priorities."""
        if world.strategy.reorders:
            self.guess = arrivals_of(world).started
            self.T[events.PRIORITY, :videos] = world.priorities(self.guess)
        self.log = np.empty(6 * videos + 3 * width if logged else 0, dtype=np.int64)
        given = (world.encoding_time, world.timeout, world.delay, world.submitted)
        for row, column in zip(range(events.ENCODING_TIME, events.PRIORITY), given, strict=True):
            self._fill(self.T[row], column)
        self._fill(self.K[events.MOMENT], world.moment)
        self._fill(self.K[events.OWN], world.own)
        self.n[events.VIDEOS :] = (
            videos, min(world.scenario.encoder_count, videos), world.capacity, world.level,
            world.strategy.reorders,
        )  # fmt: skip

    @staticmethod
    def _fill(row: NDArray[Any], column: NDArray[Any]) -> None:
        if column.any():  # what is not written to takes no memory
            row[: len(column)] = column

    def run(
        self, slots: NDArray[np.float64], startup: NDArray[np.float64], further: NDArray[np.float64]
    ) -> tuple[float, int]:
        """Simulate a replication with these start-up times; return when it ended, and how.

        A strategy's `priority` is asked for deadlines, which depend on when encoding starts. If the queue
        blocks encoders, that depends on the priorities. So the starts are guessed, and corrected until the
        guess holds: with each round the earliest video whose priority was wrong is right.
        """
        T = self.T
        T[events.SLOT_STARTUP, : len(slots)] = slots
        T[events.STARTUP, : len(startup)], T[events.FURTHER_STARTUP, : len(further)] = startup, further
        while True:
            end, ending = events.simulate(T, self.K, self.n, self.c, self.log)
            if not (self.world.strategy.reorders and self._corrected()):
                return end, ending

    def _corrected(self) -> bool:
        """Ask for the priorities of the videos that started at another time than was guessed, if any did."""
        started = self.T[events.STARTED, : len(self.guess)]
        moved = ~np.isnan(started) & (started != self.guess) & (self.world.own == 0)
        for row in np.flatnonzero(moved).tolist():
            self.guess[row] = started[row]
            self.T[events.PRIORITY, row] = self.world.priority(row, float(started[row]))
        return bool(moved.any())

    def facts(self, end: float, ending: int, *, last: bool) -> Facts:
        """Return the facts of the replication that was simulated, without a copy if it is the last one."""
        videos, publishers = len(self.world.catalogue), int(self.n[events.PUBLISHERS])
        queued = ~np.isnan(self.T[events.QUEUED, :videos])
        own = {"own": self.world.own * queued}
        tables: dict[str, Any] = {
            "videos": self._columns("videos", _VIDEOS, videos, copied=not last) | own,
            "publishers": self._columns("publishers", _PUBLISHERS, publishers, copied=not last),
        }
        for table in TABLES.keys() - tables.keys():
            tables[table] = {
                name: np.empty(0, dtype=_DTYPES[column.code]) for name, column in TABLES[table].items()
            }
        ordered = {table: {name: tables[table][name] for name in columns} for table, columns in TABLES.items()}
        sequence = self.log[: self.n[events.LOGGED]].astype(np.int64, copy=not last)
        return Facts(**ordered, sequence=sequence, end=end, ending=events.ENDINGS[ending])  # type: ignore[arg-type]

    def _columns(
        self, table: str, rows: dict[str, int], count: int, *, copied: bool
    ) -> dict[str, NDArray[Any]]:
        return {
            name: (self.T if TABLES[table][name].code == "d" else self.K)[row, :count].astype(
                _DTYPES[TABLES[table][name].code], copy=copied
            )
            for name, row in rows.items()
        }


def facts_of(world: World, seed: int, replications: range) -> Iterator[Facts]:
    """Yield the facts of each replication."""
    machine = Machine(world, logged=True)
    videos = len(world.catalogue)
    slots = draw_rows(world, seed, Purpose.STARTUP_OF_SLOT, replications, world.level)
    startup = draw_rows(world, seed, Purpose.STARTUP_FOR_VIDEO, replications, videos)
    further = (
        draw_rows(world, seed, Purpose.STARTUP_FOR_VIDEO, replications, videos, further=1)
        if world.second_starts
        else np.empty((len(replications), 0))
    )
    for row in range(len(replications)):
        with announced():
            end, ending = machine.run(slots[row], startup[row], further[row])
        yield machine.facts(end, ending, last=row + 1 == len(replications))
