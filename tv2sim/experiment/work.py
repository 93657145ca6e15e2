"""Doing many replications: one after the other, or in chunks on any executor; the results are the same."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.errors import InputError, TV2SimError
from tv2sim.figures import METRICS, on_time, summary
from tv2sim.model import run_model
from tv2sim.progress import bar as progress_bar
from tv2sim.validation import a_whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["Chunk", "Interrupted", "Task", "compute"]

_SHORT = 1.0
"""Seconds of work below which processes are not worth their start."""
_CHUNKS_PER_WORKER = 8
_LARGEST_CHUNK = 250


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came while replications were simulated; the message says how many were finished."""


@dataclass(frozen=True)
class Task:
    """Some replications of one strategy in one scenario on one catalogue."""

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    replications: range


@dataclass(frozen=True)
class Chunk:
    """What came out of a task: a row of figures per replication, and how often each video was on time."""

    figures: NDArray[np.float64]
    on_time: NDArray[np.int64]


def compute(
    tasks: Sequence[Task],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> list[Chunk]:
    """Do the tasks and return their chunks, in their order.

    Parameters
    ----------
    tasks : sequence of Task
        What to do; each is cut into chunks where that helps.
    workers : int, optional
        How many processes; by default, and for work that takes less than a second, this one alone.
    executor : concurrent.futures.Executor, optional
        Where to do it instead; it is left running.
    progress : bool
        Whether to show a bar, if standard error is a terminal and it takes longer than a second.

    Raises
    ------
    Interrupted
        On Ctrl-C, when everything has stopped.
    InputError
        If the work cannot be sent to other processes.
    """
    if workers is not None and executor is not None:
        raise InputError("give workers or executor, not both")
    if workers is not None:
        workers = a_whole_number("workers, if not None,", workers, at_least=1)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise InputError(
            f"executor must be a concurrent.futures.Executor, such as ThreadPoolExecutor() or Dask's "
            f"client.get_executor(), not {executor!r}"
        )
    total = sum(len(task.replications) for task in tasks)
    with closing(_Bar(total)) as bar:
        try:
            if progress:
                bar.show()
            if executor is not None:
                return _on(executor, tasks, max(2, os.cpu_count() or 1), bar)
            if workers is None or workers == 1 or _is_short(tasks):
                return [_do(task, bar) for task in tasks]
            _check_sendable(tasks)
            with _processes(workers) as pool:
                return _on(pool, tasks, workers, bar, _ctrl_c_later())
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {bar.done} of {total} replications were finished") from None
        except BrokenProcessPool:
            raise TV2SimError(
                f"a worker process ended unexpectedly after {bar.done} of {total} replications (out of memory, "
                f"or a script without `if __name__ == '__main__':` around what it does): try workers=None"
            ) from None


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Give an executor of worker processes, which Ctrl-C ends after the replications that they are at."""
    # spawn, since a fork of a process with threads may hang; the same on every system
    context = multiprocessing.get_context("spawn")
    unwanted = context.RawValue("b", 0)
    with ProcessPoolExecutor(workers, context, _begin_worker, (unwanted,)) as pool:
        try:
            yield pool
        except BaseException:
            unwanted.value = 1
            raise


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Let Ctrl-C wait for a moment.

    A pool of processes never ends if Ctrl-C comes while work is submitted to it; and processes that start
    meanwhile inherit that they do not get it, where the system can do so.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # Ctrl-C is for the main thread, if for any
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if os.name == "posix" else []
    try:
        yield
    finally:
        if os.name == "posix":
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(came[0], None)


_unwanted: Any = None
"""In a worker process: a number, not 0 as soon as nobody waits for its results any more."""


def _begin_worker(unwanted: Any) -> None:
    """Prepare a worker process: a terminal sends Ctrl-C to it too, but the first process decides."""
    global _unwanted
    _unwanted = unwanted
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _is_short(tasks: Sequence[Task]) -> bool:
    """Say, from one replication of each task, whether processes would not be worth their start."""
    seconds = 0.0
    for task in tasks:
        start = time.perf_counter()
        _do(Task(task.catalogue, task.strategy, task.scenario, task.seed, task.replications[:1]))
        seconds += (time.perf_counter() - start) * len(task.replications)
        if seconds > _SHORT:
            return False
    return True


def _do(task: Task, bar: _Bar | None = None) -> Chunk:
    """Do a task here, replication by replication."""
    figures = np.empty((len(task.replications), len(METRICS)))
    good = np.zeros(len(task.catalogue), dtype=np.int64)
    for row, replication in enumerate(task.replications):
        if _unwanted is not None and _unwanted.value:
            raise CancelledError
        facts = run_model(task.catalogue, task.strategy, task.scenario, seed=task.seed, replication=replication)
        figures[row] = list(summary(task.catalogue, facts, task.scenario.encoders).values())
        good += on_time(facts)
        if bar is not None:
            bar.advance(1)
    return Chunk(figures, good)


def _on(
    executor: Executor,
    tasks: Sequence[Task],
    workers: int,
    bar: _Bar,
    submitting: AbstractContextManager[None] = nullcontext(),  # noqa: B008 (it has no state)
) -> list[Chunk]:
    """Do the tasks on an executor, in chunks that keep all workers busy to the end."""
    total = sum(len(task.replications) for task in tasks)
    size = max(1, min(_LARGEST_CHUNK, total // (workers * _CHUNKS_PER_WORKER)))
    parts = [(number, part) for number, task in enumerate(tasks) for part in _cut(task, size)]
    futures: dict[Future[Chunk], int] = {}
    try:
        with submitting:
            for position, (_, part) in enumerate(parts):
                futures[executor.submit(_do, part)] = position
        chunks: dict[int, Chunk] = {}
        for future in as_completed(futures):
            chunks[futures[future]] = future.result()
            bar.advance(len(parts[futures[future]][1].replications))
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    done: list[list[Chunk]] = [[] for _ in tasks]
    for position, (number, _) in enumerate(parts):
        done[number].append(chunks[position])
    return [joined(chunks) for chunks in done]


def _cut(task: Task, size: int) -> Iterator[Task]:
    for start in range(0, len(task.replications), size):
        part = task.replications[start : start + size]
        yield Task(task.catalogue, task.strategy, task.scenario, task.seed, part)


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Put chunks of one strategy, in the order of their replications, into one."""
    return Chunk(
        np.concatenate([chunk.figures for chunk in chunks]),
        np.sum([chunk.on_time for chunk in chunks], axis=0, dtype=np.int64),
    )


def _check_sendable(tasks: Sequence[Task]) -> None:
    """Say in one sentence, before any process starts, what could not be sent to it."""
    for task in tasks:
        for part in (task.strategy, task.scenario.startup_time):
            kind = type(part)
            interactive = kind.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
            try:
                pickle.dumps(part)
            except (pickle.PicklingError, AttributeError, TypeError):
                interactive = True
            if interactive:
                raise InputError(
                    f"{kind.__qualname__} cannot be sent to worker processes: define it in a module that they "
                    f"can import, or simulate without workers"
                )


class _Bar:
    """A tqdm bar that appears after a second, on a terminal or in a notebook only; and a count."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total = total
        self._bar: Any = None

    def show(self) -> None:
        if self._total > 1:
            self._bar = progress_bar(None, "replication", self._total)

    def advance(self, by: int) -> None:
        self.done += by
        if self._bar is not None:
            self._bar.update(by)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
