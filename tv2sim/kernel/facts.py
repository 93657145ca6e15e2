"""Facts of single replications, by :mod:`tv2sim.kernel.events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.compiled import announced
from tv2sim.facts import ATTEMPTS, TABLES, Facts
from tv2sim.kernel import events
from tv2sim.kernel.encoding import arrivals_of
from tv2sim.kernel.world import Drawn, World, draw
from tv2sim.profiles import Profile
from tv2sim.ticks import to_ticks

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

_DRAWN = (events.PUBLISHING, events.ENCODING_TIME, events.BEFORE)
"""The rows of T that get what a replication draws by video."""


class Machine:
    """The arrays in which replications of one world are simulated, one after the other."""

    def __init__(self, world: World, *, logged: bool) -> None:
        self.world, self._logged = world, logged
        self.guess = np.full(len(world.catalogue), np.nan)
        """When the encoding of each video starts, as assumed by the priorities."""
        self._make_room(0)
        if world.strategy.reorders and not world.encodings_differ:
            self.guess = arrivals_of(world).started
            self.T[events.PRIORITY, : len(self.guess)] = world.priorities(self.guess)

    def _make_room(self, publishers: int) -> None:
        """Make the arrays; the number of publishers matters only if some may fail or start later."""
        world, scenario, videos = self.world, self.world.scenario, len(self.world.catalogue)
        width = world.level + 2 * videos + 1 + publishers * world.orders
        self._room = publishers
        self.T, self.K = np.zeros((events.TIMES, width)), np.zeros((events.NUMBERS, width), dtype=np.int64)
        self.n = np.zeros(events.COUNTS, dtype=np.int64)
        delays = scenario.provisioning_delay, scenario.faults.noticed_after
        self.c = np.array([world.gap, world.until, world.review_every, *map(to_ticks, delays)])
        self.log = np.empty(6 * videos + 3 * width if self._logged else 0, dtype=np.int64)
        self._fill(self.T[events.TIMEOUT], world.timeout)
        self._fill(self.T[events.DELAY], world.delay)
        self._fill(self.T[events.SPEED], world.speeds[:width])
        self._fill(self.K[events.MOMENT], world.moment)
        self._fill(self.K[events.OWN], world.own)
        self.n[events.VIDEOS :] = (
            videos, min(world.scenario.encoder_count, videos), world.capacity, world.level,
            world.strategy.reorders, events.PUBLISHED if world.held else events.ASSIGNED,
            len(world.speeds), scenario.max_publishers or 0, 0,
        )  # fmt: skip

    @staticmethod
    def _fill(row: NDArray[Any], column: NDArray[Any]) -> None:
        if column.any():  # what is not written to takes no memory
            row[: len(column)] = column

    def run(self, drawn: Drawn) -> tuple[float, int]:
        """Simulate the replication that draws this; return when it ended, and how.

        A strategy's `priority` is asked for deadlines, which depend on when encoding starts. If the queue
        blocks encoders, that depends on the priorities. So the starts are guessed, and corrected until the
        guess holds: with each round the earliest video whose priority was wrong is right.
        """
        self.widen(drawn.publishers)
        for row, columns in zip(_DRAWN, drawn.columns, strict=True):
            self.T[row, : columns.shape[1]] = columns[0]
        self.n[events.KNOWN] = 0
        while True:
            state = self.T, self.K, self.n, self.c, self.log
            end, ending = events.simulate(self.world.steps, drawn.starts[0], *state)
            if ending == events.OPEN:
                self._decide_pause(end)
            elif not (self.world.strategy.reorders and self._corrected()):
                return end, ending

    def widen(self, publishers: int) -> None:
        """Make room for this number of publishers, and keep the priorities."""
        if publishers > self._room and self.world.orders:
            priority = self.T[events.PRIORITY]
            self._make_room(publishers)
            self.T[events.PRIORITY, : len(priority)] = priority

    def _decide_pause(self, time: float) -> None:
        """Say how long the client pauses after it has handed over a video at this time."""
        rate, known = self.world.scenario.requests_per_second, self.n[events.KNOWN]
        assert isinstance(rate, Profile)
        self.T[events.PAUSED, known], self.T[events.PAUSES, known] = time, rate.ticks_of_pause(time, 1.0)
        self.n[events.KNOWN] += 1

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
            "attempts": self._attempts(),
        }
        for table in TABLES.keys() - tables.keys():
            tables[table] = {
                name: np.empty(0, dtype=_DTYPES[column.code]) for name, column in TABLES[table].items()
            }
        ordered: dict[str, Any] = {
            table: {name: tables[table][name] for name in columns} for table, columns in TABLES.items()
        }
        sequence = self.log[: self.n[events.LOGGED]].astype(np.int64, copy=not last)
        how: Any = events.ENDINGS[ending]
        held, waits = self.world.scenario.deadline, int(self.n[events.WAITS])
        return Facts(**ordered, sequence=sequence, end=end, ending=how, deadline=held, quota_waits=waits)

    def _attempts(self) -> dict[str, NDArray[Any]]:
        """Return the table of the start-ups that failed."""
        lost = self.K[events.LOST, : self.n[events.LOSSES]].copy()
        return {
            "kind": np.full(len(lost), ATTEMPTS.index("startup"), dtype=np.int8),
            "video": self.K[events.P_CAUSE, lost],
            "encoder": np.full(len(lost), -1, dtype=np.int64),
            "publisher": lost,
            "started": self.T[events.P_STARTED, lost],
            "ended": self.T[events.P_ENDED, lost],
        }

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
    drawn = draw(world, seed, replications)
    for row in range(len(replications)):
        with announced():
            end, ending = machine.run(drawn.of(row))
        yield machine.facts(end, ending, last=row + 1 == len(replications))
