"""Run many replications in this process, in worker processes, or on any executor, with the same results."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tv2sim.base.checks import MOST_WORKERS, a_whole_number
from tv2sim.base.errors import InputError, TV2SimError
from tv2sim.base.progress import bar as progress_bar
from tv2sim.engines.choice import Measured, chunks_of, measure_chunk, runs_in_threads
from tv2sim.results.metrics import measure, on_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.results.facts import Facts
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["Chunk", "Interrupted", "Task", "compute", "joined", "no_results", "room_for"]

_SHORT = 1.0
"""Seconds of remaining work below which no worker processes are started."""
_AHEAD = 1000
"""The most chunks that an executor has at a time."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came while replications were simulated; the message says how many were finished."""


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
    """What the engine keeps from one part of the task for the next."""
    divided: Callable[[Task], Iterator[Task]] | None = None
    """Divides it into tasks for its replications, one after the other, where they are not all in one world."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """The results of a task: for each metric a value per replication, and how often each video was on time."""

    values: Mapping[str, NDArray[np.float64]]
    on_time: NDArray[np.int64]


def no_results(metrics: Iterable[str], videos: int) -> Chunk:
    """Return the results of no replications, to which others are joined."""
    return Chunk(dict.fromkeys(metrics, np.empty(0)), np.zeros(videos, dtype=np.int64))


_Job: TypeAlias = tuple[int, Task]
"""The number of a task, and the part of it that gives one chunk."""
_Done: TypeAlias = Generator[tuple[_Job, Chunk], None, None]
"""Jobs and their chunks, in the order in which they are done."""


def compute(
    tasks: Sequence[Task],
    *,
    workers: int | None = None,
    executor: Executor | str | None = None,
    progress: bool = True,
    rooms: Sequence[Chunk] | None = None,
    keep: Callable[[int, Task, Chunk], None] | None = None,
) -> list[Chunk]:
    """Do the tasks and return a chunk for each, in their order.

    Invariant: the results depend neither on where the chunks are computed nor on which is finished first.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks; each is divided into the chunks of its engine.
    workers : int, optional
        The number of worker processes. By default, and for work of less than a second, there are none.
    executor : concurrent.futures.Executor or str, optional
        An executor that does the work instead, or the address of a Dask scheduler; it is not shut down.
    progress : bool
        Whether to show a bar, if standard error is a terminal and it takes longer than a second.
    rooms : sequence of Chunk, optional
        A chunk for each task to fill in, as :func:`room_for` makes it.
    keep : callable
        Is called with each part that is finished: the task's number, the part of the task, and its chunk.

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
        workers = a_whole_number("workers, if not None,", workers, at_least=1, at_most=MOST_WORKERS)
    if not (executor is None or isinstance(executor, str) or callable(getattr(executor, "submit", None))):
        raise InputError(
            f"executor must be a concurrent.futures.Executor, such as ThreadPoolExecutor() or Dask's "
            f"client.get_executor(), or the address of a Dask scheduler, not {executor!r}"
        )
    bar = _Bar(sum(len(task.replications) for task in tasks), shown=progress)
    if executor is None:
        source = _on_this_machine(tasks, workers, bar)
    elif isinstance(executor, str) or type(executor).__module__.startswith("distributed."):
        from tv2sim.experiments.dask_cluster import on_cluster

        source = on_cluster(executor, tasks, bar)
    else:
        source = _on(executor, _jobs(dict(enumerate(tasks))), bar)
    done = [room_for(task) for task in tasks] if rooms is None else list(rooms)
    try:
        with closing(bar), closing(source):
            for (number, part), chunk in source:
                first = part.replications.start - tasks[number].replications.start
                for name, values in done[number].values.items():
                    values[first : first + len(part.replications)] = chunk.values[name]
                done[number].on_time[:] += chunk.on_time
                if keep is not None:
                    keep(number, part, chunk)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {bar} replications were finished") from None
    return done


def room_for(task: Task) -> Chunk:
    """Return a chunk for the whole task, to be filled in; so its results are never in memory twice."""
    count, videos = len(task.replications), len(task.catalogue)
    return Chunk({name: np.empty(count) for name in task.metrics}, np.zeros(videos, dtype=np.int64))


def joined(one: Chunk, other: Chunk) -> Chunk:
    """Return one chunk for two of one strategy, which are in the order of their replications."""
    values = {
        name: np.concatenate([before, other.values[name]]) if len(before) else other.values[name]
        for name, before in one.values.items()
    }
    return Chunk(values, one.on_time + other.on_time)


def _do(task: Task, bar: _Bar | None = None) -> Chunk:
    """Do a task in this process."""
    if task.divided is None:
        return _simulated(task, bar)
    parts = [_simulated(one, bar) for one in task.divided(task)]
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in task.metrics}
    return Chunk(values, np.sum([part.on_time for part in parts], axis=0))


def _simulated(task: Task, bar: _Bar | None) -> Chunk:

    def of_facts(several: Iterator[Facts], metrics: Sequence[str]) -> Measured:
        rows, counts = [], np.zeros(len(task.catalogue), dtype=np.int64)
        for facts in several:
            values = measure(task.catalogue, facts, task.scenario.encoder_count, metrics)
            rows.append(list(values.values()))
            counts += on_time(facts)
            if bar is not None:
                bar.advance(1)
        return dict(zip(metrics, np.array(rows, dtype=np.float64).T, strict=True)), counts

    what = task.catalogue, task.strategy, task.scenario, task.seed, task.replications
    values, counts = measure_chunk(task.engine, *what, task.metrics, of_facts, task.memo)
    return Chunk(values, counts)


def _jobs(tasks: Mapping[int, Task]) -> Iterator[_Job]:
    """Yield the chunks of tasks, which are given by their numbers."""
    for number, task in tasks.items():
        for part in chunks_of(task.engine, task.catalogue, task.strategy, task.replications):
            yield number, replace(task, replications=part)


def _on_this_machine(tasks: Sequence[Task], workers: int | None, bar: _Bar) -> _Done:
    """Do tasks in threads if their engine allows that and there are several; others here or in processes."""
    count = workers or _processors()
    threaded = {number: task for number, task in enumerate(tasks) if runs_in_threads(task.engine) and count > 1}
    if threaded:
        with ThreadPoolExecutor(count) as threads:
            yield from _on(threads, _jobs(threaded), bar)
    others = {number: task for number, task in enumerate(tasks) if number not in threaded}
    yield from _here(tasks, others, workers or 1, bar)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(tasks: Sequence[Task], own: Mapping[int, Task], workers: int, bar: _Bar) -> _Done:
    """Do the jobs of some tasks in this process; if much work remains, do the rest in worker processes."""
    begun, done, jobs = time.perf_counter(), 0, _jobs(own)
    total = sum(map(_size, own.values()))
    for job in jobs:
        yield job, _do(job[1], bar)
        done += _size(job[1])
        left = (time.perf_counter() - begun) * (total - done) / done
        if workers > 1 and left > _SHORT:
            yield from _in_processes(_packed(tasks), jobs, workers, bar)


def _size(task: Task) -> int:
    """Return the amount of work in a task, in arbitrary units."""
    return len(task.replications) * (len(task.catalogue) + 1)


# -- worker processes --------------------------------------------------------------------------------------


def _packed(tasks: Sequence[Task]) -> bytes:
    """Return tasks as bytes from which a worker process makes them again.

    Classes that it cannot import, because they are defined in a notebook or inside of a function, are sent with
    their code.

    Raises
    ------
    InputError
        If a strategy or a distribution holds what cannot be sent, such as an open file.
    """
    try:
        if hasattr(sys.modules["__main__"], "__file__"):  # a script, which worker processes import
            return pickle.dumps(tasks)
    except (pickle.PicklingError, AttributeError, TypeError):
        pass
    import cloudpickle

    for part in (part for task in tasks for part in (task.strategy, task.scenario.startup_time)):
        try:
            cloudpickle.dumps(part)
        except Exception as error:
            raise InputError(
                f"{type(part).__qualname__} cannot be sent to worker processes ({error}): simulate without "
                f"workers"
            ) from error
    return bytes(cloudpickle.dumps(tasks))


def _in_processes(packed: bytes, jobs: Iterator[_Job], workers: int, bar: _Bar) -> _Done:
    """Do jobs in worker processes, which are ended when this generator ends.

    Invariant: a worker has at most one job, which `at_work` holds until its answer has come. Only this thread
    uses the connections, and it holds no lock while it waits. So an exception that a signal raises here leaves
    no lock held.
    """
    # spawn is the same on every system; a forked copy of a process with threads may hang
    context = multiprocessing.get_context("spawn")
    processes = []
    connection: Any
    at_work: dict[Any, _Job] = {}  # by connection
    try:
        with _signals_later(), _ctrl_c_blocked() if os.name == "posix" else nullcontext():
            for _, job in zip(range(workers), jobs, strict=False):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, packed), daemon=True)
                process.start()
                processes.append(process)
                theirs.close()
                at_work[ours] = job
            for connection, (number, task) in at_work.items():  # after all have started
                connection.send((number, task.replications))
        while at_work:
            # with a timeout: a signal that another thread receives is handled when this thread runs again
            for connection in wait(list(at_work), timeout=1):
                answer, job = connection.recv(), at_work.pop(connection)
                for number, task in itertools.islice(jobs, 1):
                    connection.send((number, task.replications))
                    at_work[connection] = number, task
                if isinstance(answer, Exception):
                    raise answer
                bar.advance(len(job[1].replications))
                yield job, answer
    except (EOFError, ConnectionError):
        raise TV2SimError(
            f"a worker process ended unexpectedly after {bar} replications (out of memory, or a script "
            f"without `if __name__ == '__main__':` around what it does): try workers=None"
        ) from None
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def _work(connection: Connection, packed: bytes) -> None:
    """Run in a worker process: do each job that is received, and send back its chunk or its exception."""
    # a terminal sends Ctrl-C to all processes: the parent decides what happens
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tasks: Sequence[Task] = pickle.loads(packed)
    with suppress(EOFError):  # there are no more jobs: the first process has closed its end
        while True:
            number, replications = connection.recv()
            try:
                connection.send(_do(replace(tasks[number], replications=replications)))
            except Exception as error:  # noqa: BLE001 (the first process raises it)
                connection.send(_sendable(error))


def _end_with_parent() -> None:
    """End this process when its parent has ended, even in the middle of a job."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _sendable(error: Exception) -> Exception:
    """Return the exception with its traceback as a note, or one that can be pickled in its place."""
    error.add_note(f"in a worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 (pickling runs code of the user's)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def _signals_later() -> Iterator[None]:
    """Delay the handlers of signals until the end of the block."""
    here = threading.current_thread() is threading.main_thread()  # the only thread that has handlers
    came: list[int] = []
    before: dict[int, Any] = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in signal.valid_signals()
        if here and callable(signal.getsignal(number))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            before[number](number, None)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Block SIGINT, so that processes that are started meanwhile begin with it blocked (POSIX only)."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it unblocks the signal when it starts, so it is started before
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


# -- executors ---------------------------------------------------------------------------------------------


def _on(executor: Executor, jobs: Iterator[_Job], bar: _Bar) -> _Done:
    """Do jobs on an executor.

    An exception that a signal raises can leave a future's lock held forever. So signals are delayed while a job
    is submitted, and results come by a queue, not by :func:`concurrent.futures.as_completed`.
    """
    finished: SimpleQueue[Future[Chunk]] = SimpleQueue()
    waiting: dict[Future[Chunk], _Job] = {}
    room = _AHEAD
    try:
        while True:
            for job in itertools.islice(jobs, room):
                with _signals_later():
                    future = executor.submit(_do, job[1])
                    waiting[future] = job
                    future.add_done_callback(finished.put)
            if not waiting:
                return
            future = finished.get()
            chunk, job, room = future.result(), waiting.pop(future), 1
            bar.advance(len(job[1].replications))
            yield job, chunk
    finally:
        for future in waiting:
            future.cancel()


class _Bar:
    """The number of replications that are done, and a tqdm bar that shows it after a second if asked for."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._done, self._total = 0, total
        self._bar: Any = progress_bar(None, "replication", total) if shown and total > 1 else None

    def advance(self, by: int) -> None:
        self._done += by
        if self._bar is not None:
            self._bar.update(by)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def __str__(self) -> str:
        return f"{self._done} of {self._total}"
