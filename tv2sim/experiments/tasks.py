"""Replications as tasks, which are divided into chunks, and the results of a chunk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.progress import bar as progress_bar
from tv2sim.catalogue import Catalogue
from tv2sim.engines.choice import Measured, chunks_of, measure_chunk
from tv2sim.results.facts import Facts
from tv2sim.results.metrics import measure, on_time
from tv2sim.strategies import Strategy
from tv2sim.world.scenario import Scenario

__all__ = [
    "Bar", "Chunk", "Done", "Job", "Task", "do", "jobs_of", "joined", "parts_of", "room_for",
]  # fmt: skip


@dataclass(frozen=True)
class Task:
    """Replications of one strategy in one scenario on one catalogue, with the engine and the metrics."""

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    replications: range
    engine: str
    metrics: tuple[str, ...]
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Values that the engine reuses in later parts of the task."""
    divided: Callable[[Task], Iterator[Task]] | None = None
    """Divides it into tasks for its replications, one after the other, where they are not all in one world."""

    def room(self) -> Chunk:
        """Return a chunk for the whole task, to be filled in, so that results are never in memory twice."""
        return room_for(self.metrics, len(self.catalogue), len(self.replications))


@dataclass(frozen=True, eq=False)
class Chunk:
    """The results of a task: for each metric a value per replication, and how often each video was on time."""

    values: Mapping[str, NDArray[np.float64]]
    on_time: NDArray[np.int64]


def room_for(metrics: Iterable[str], videos: int, replications: int = 0) -> Chunk:
    """Return a chunk for so many replications: to be filled in or, without any, to which others are joined."""
    return Chunk({name: np.empty(replications) for name in metrics}, np.zeros(videos, dtype=np.int64))


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Return one chunk for several of one strategy, which are in the order of their replications."""
    values = {}
    for name in chunks[0].values:
        columns = [chunk.values[name] for chunk in chunks if len(chunk.values[name])]
        values[name] = columns[0] if len(columns) == 1 else np.concatenate([np.empty(0), *columns])
    return Chunk(values, np.sum([chunk.on_time for chunk in chunks], axis=0))


Job: TypeAlias = tuple[int, Task]
"""The number of a task, and the part of it that gives one chunk."""
Done: TypeAlias = Generator[tuple[Job, Chunk], None, None]
"""Jobs and their chunks, in the order in which they are done."""


def do(task: Task, bar: Bar | None = None) -> Chunk:
    """Do a task in this process."""
    parts = [task] if task.divided is None else task.divided(task)
    return joined([_simulated(one, bar) for one in parts])


def _simulated(task: Task, bar: Bar | None) -> Chunk:
    def of_facts(several: Iterator[Facts], metrics: Sequence[str]) -> Measured:
        rows, counts = [], np.zeros(len(task.catalogue), dtype=np.int64)
        for facts in several:
            found = measure(task.catalogue, facts, task.scenario.encoder_count, metrics)
            rows.append(list(found.values()))
            counts += on_time(facts)
            if bar is not None:
                bar.advance(1)
        return dict(zip(metrics, np.array(rows, dtype=np.float64).T, strict=True)), counts

    what = task.catalogue, task.strategy, task.scenario, task.seed, task.replications
    return Chunk(*measure_chunk(task.engine, *what, task.metrics, of_facts, task.memo))


def parts_of(task: Task, replications: range) -> Iterator[Task]:
    """Yield the parts of a task that give these replications, each of them one chunk of its engine."""
    for part in chunks_of(task.engine, task.catalogue, task.strategy, replications):
        yield replace(task, replications=part)


def jobs_of(tasks: Mapping[int, Task]) -> Iterator[Job]:
    """Yield the chunks of tasks, which are given by their numbers."""
    return ((number, part) for number, task in tasks.items() for part in parts_of(task, task.replications))


class Bar:
    """The number of replications that are done, and a tqdm bar that shows it after a second if asked for."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._done, self._total = 0, total
        self._bar: Any = progress_bar(None, "replication", total) if shown and total > 1 else None

    def advance(self, by: int) -> None:
        """Count replications that are done."""
        self._done += by
        if self._bar is not None:
            self._bar.update(by)

    def close(self) -> None:
        """Leave the terminal as it is."""
        if self._bar is not None:
            self._bar.close()

    def __str__(self) -> str:
        return f"{self._done} of {self._total}"
