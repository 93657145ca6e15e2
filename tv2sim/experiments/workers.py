"""Do tasks in this process, in worker processes, on any executor or on a Dask cluster, with one result."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from math import ceil, inf
from multiprocessing.connection import Connection, wait
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import MOST_WORKERS, a_whole_number
from tv2sim.base.errors import InputError, MissingExtraError, TV2SimError
from tv2sim.base.progress import bar as progress_bar
from tv2sim.catalogue import Catalogue
from tv2sim.engines.choice import Measured, chunks_of, measure_chunk, package_of, runs_in_threads
from tv2sim.results.facts import Facts
from tv2sim.results.metrics import measure, on_time
from tv2sim.strategies import Strategy
from tv2sim.world.scenario import Scenario

# -- tasks, which are divided into chunks, and the results of a chunk ---------------------------------------


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


def join_chunks(chunks: Sequence[Chunk]) -> Chunk:
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
    return join_chunks([_simulate_task(one, bar) for one in parts])


def _simulate_task(task: Task, bar: Bar | None) -> Chunk:
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


_SHORT = 1.0
"""Seconds of remaining work below which no worker processes are started."""
_AHEAD = 1000
"""The most chunks that an executor has at a time."""
_SECONDS = 1.5
"""Seconds that a call on a cluster works. An empty call costs 2 ms; one that has begun cannot be stopped."""
_TO_CONNECT = 3.0
"""Seconds within which a scheduler must answer."""
_WITHOUT_WORKERS = 15.0
"""Seconds after which a cluster without workers is given up."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came while replications were simulated; the message says how many were finished."""


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
        A chunk for each task to fill in, as ``task.room()`` makes it.
    keep : callable
        Is called with each part that is finished: the task's number, the part of the task, and its chunk.

    Raises
    ------
    Interrupted
        On Ctrl-C, when everything has stopped.
    InputError
        If the work cannot be sent to other processes.
    """
    bar = Bar(sum(len(task.replications) for task in tasks), shown=progress)
    source = _source(tasks, workers, executor, bar)
    done = [task.room() for task in tasks] if rooms is None else list(rooms)
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


def _source(tasks: Sequence[Task], workers: int | None, executor: Executor | str | None, bar: Bar) -> Done:
    """Return the chunks of the tasks, from the place where they are to be done."""
    if workers is not None and executor is not None:
        raise InputError("give workers or executor, not both")
    if workers is not None:
        workers = a_whole_number("workers, if not None,", workers, at_least=1, at_most=MOST_WORKERS)
    if executor is None:
        return _on_this_machine(tasks, workers, bar)
    if isinstance(executor, str) or type(executor).__module__.startswith("distributed."):
        return _on_cluster(executor, tasks, bar)
    if callable(getattr(executor, "submit", None)):
        return _on(executor, jobs_of(dict(enumerate(tasks))), bar)
    raise InputError(
        f"executor must be a concurrent.futures.Executor, such as ThreadPoolExecutor() or Dask's "
        f"client.get_executor(), or the address of a Dask scheduler, not {executor!r}"
    )


def _on_this_machine(tasks: Sequence[Task], workers: int | None, bar: Bar) -> Done:
    """Do tasks in threads if their engine allows that and there are several; others here or in processes."""
    count = workers or _processors()
    threaded = {number: task for number, task in enumerate(tasks) if runs_in_threads(task.engine) and count > 1}
    if threaded:
        with ThreadPoolExecutor(count) as threads:
            yield from _on(threads, jobs_of(threaded), bar)
    others = {number: task for number, task in enumerate(tasks) if number not in threaded}
    yield from _here(tasks, others, workers or 1, bar)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(tasks: Sequence[Task], own: Mapping[int, Task], workers: int, bar: Bar) -> Done:
    """Do the jobs of some tasks in this process; if much work remains, do the rest in worker processes."""
    begun, done, jobs = time.perf_counter(), 0, jobs_of(own)
    total = sum(map(_size, own.values()))
    for job in jobs:
        yield job, do(job[1], bar)
        done += _size(job[1])
        left = (time.perf_counter() - begun) * (total - done) / done
        if workers > 1 and left > _SHORT:
            yield from _in_processes(_pack(tasks), jobs, workers, bar)


def _size(task: Task) -> int:
    """Return the amount of work in a task, in arbitrary units."""
    return len(task.replications) * (len(task.catalogue) + 1)


# -- worker processes --------------------------------------------------------------------------------------


def _pack(tasks: Sequence[Task]) -> bytes:
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


def _in_processes(packed: bytes, jobs: Iterator[Job], workers: int, bar: Bar) -> Done:
    """Do jobs in worker processes, which are ended when this generator ends.

    Invariant: a worker has at most one job, which `at_work` holds until its answer has come. Only this thread
    uses the connections, and it holds no lock while it waits. So an exception that a signal raises here leaves
    no lock held.
    """
    # spawn is the same on every system; a forked copy of a process with threads may hang
    context = multiprocessing.get_context("spawn")
    processes = []
    connection: Any
    at_work: dict[Any, Job] = {}  # by connection
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
                connection.send(do(replace(tasks[number], replications=replications)))
            except Exception as error:  # noqa: BLE001 (the first process raises it)
                connection.send(_sendable(error))


def _end_with_parent() -> None:
    """End this process when its parent has ended, even in the middle of a job."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _sendable(error: Exception) -> Exception:
    """Return the exception with its traceback as a note, or a RuntimeError if pickle cannot send it."""
    error.add_note(f"in a worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 (pickling runs code of the user's)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


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


def _on(executor: Executor, jobs: Iterator[Job], bar: Bar) -> Done:
    """Do jobs on an executor.

    An exception that a signal raises can leave a future's lock held forever. So signals are delayed while a job
    is submitted, and results come by a queue, not by :func:`concurrent.futures.as_completed`.
    """
    finished: SimpleQueue[Future[Chunk]] = SimpleQueue()
    waiting: dict[Future[Chunk], Job] = {}
    room = _AHEAD
    try:
        while True:
            for job in itertools.islice(jobs, room):
                with _signals_later():
                    future = executor.submit(do, job[1])
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


# -- a Dask cluster ----------------------------------------------------------------------------------------

_Part: TypeAlias = tuple[int, range]
"""The number of a task, and some of its replications."""
_Answer: TypeAlias = tuple[list[tuple[_Part, Chunk]], list[_Part], dict[str, str]]
"""The chunks that a call has done, the parts that it has left, and the versions of its packages."""


def _on_cluster(executor: Executor | str, tasks: Sequence[Task], bar: Bar) -> Done:
    """Do tasks on the cluster that an address or an executor of Dask stands for.

    The tasks, with their catalogues, are sent once. How long a chunk takes on a worker is not known beforehand.
    So each call is given a share of the work that is left, and stops after a second or two. The work that it
    has not done is shared out again. Signals are delayed and results come by a queue, as in :func:`_on`.
    """
    left: deque[_Part] = deque((number, task.replications) for number, task in enumerate(tasks))
    calls: set[Any] = set()  # as Dask's futures
    finished: SimpleQueue[Any] = SimpleQueue()
    with _client_of(executor) as client, _said_clearly(bar):
        import dask
        from distributed.protocol.pickle import dumps  # of a class in a script or a notebook by value

        submit = partial(client.submit, **{**getattr(executor, "_kwargs", {}), "pure": False})
        # SimPy is imported with the model, whichever engine simulates
        packages = sorted({"tv2sim", "numpy", "scipy", "simpy", *(package_of(task.engine) for task in tasks)})
        for address, versions in client.run(_versions, packages, on_error="return").items():
            _check_versions(versions, f"the Dask worker {address}")
        # not scattered: what a call has returned, Dask makes again if the workers that have it are lost
        with _signals_later(), dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            sent = submit(pickle.loads, dumps(list(tasks)))  # type: ignore[no-untyped-call]
        slots = _slots(client, _WITHOUT_WORKERS if isinstance(executor, str) else inf)
        try:
            while left or calls:
                room = next(slots)
                while left and len(calls) < room:
                    with _signals_later():
                        future = submit(_simulate, sent, _share(left, tasks, room), packages, _SECONDS)
                        calls.add(future)
                        future.add_done_callback(finished.put)
                with suppress(Empty):
                    future = finished.get(timeout=1)
                    done, undone, versions = future.result()
                    _check_versions(versions, "a Dask worker")
                    calls.remove(future)
                    left.extendleft(reversed(undone))
                    for (number, replications), chunk in done:
                        bar.advance(len(replications))
                        yield (number, replace(tasks[number], replications=replications)), chunk
        finally:
            client.cancel([*calls, sent])


def _share(left: deque[_Part], tasks: Sequence[Task], calls: int) -> list[_Part]:
    """Take whole chunks from the front of the work: the share of one call, where `calls` run at once."""
    weights = [len(task.catalogue) + 1 for task in tasks]
    amount = sum(weights[number] * len(replications) for number, replications in left) / calls
    parts: list[_Part] = []
    while left and amount > 0:
        number, replications = left.popleft()
        last = replications[min(ceil(amount / weights[number]), len(replications)) - 1]
        stop = next(parts_of(tasks[number], range(last, replications.stop))).replications.stop
        if stop < replications.stop:
            left.appendleft((number, range(stop, replications.stop)))
        parts.append((number, range(replications.start, stop)))
        amount -= weights[number] * len(parts[-1][1])
    return parts


def _simulate(
    tasks: Sequence[Task], parts: Sequence[_Part], packages: Sequence[str], seconds: float
) -> _Answer:
    """Do parts of tasks, one chunk after another, for so many seconds; one chunk at least."""
    end = time.perf_counter() + seconds
    done: list[tuple[_Part, Chunk]] = []
    left: list[_Part] = []
    for number, replications in parts:
        for part in parts_of(tasks[number], replications):
            if done and time.perf_counter() > end:
                left.append((number, range(part.replications.start, replications.stop)))
                break
            done.append(((number, part.replications), do(part)))
    return done, left, _versions(packages)


def _versions(packages: Sequence[str]) -> dict[str, str]:
    return {name: import_module(name).__version__ for name in packages}


def _client_of(executor: Any) -> AbstractContextManager[Any]:
    """Return an executor's client, or one of the scheduler at an address, which is closed in the end."""
    if not isinstance(executor, str):
        return nullcontext(getattr(executor, "_client", executor))  # a client itself will do
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError as error:
        raise MissingExtraError(f"a Dask cluster needs {error.name}: pip install 'tv2sim[dask]'") from error
    try:
        # Dask's client waits for ever for a server of another kind; a scheduler is the first to say something
        with socket.create_connection(get_address_host_port(executor), timeout=_TO_CONNECT) as server:
            plain = "://" not in executor or executor.startswith("tcp:")
            if plain and not 0 < int.from_bytes(server.recv(8), "little") < 1 << 32:
                raise OSError("what answers is something else")
        return closing(Client(executor, timeout=_TO_CONNECT, set_as_default=False))  # type: ignore[no-untyped-call]
    except Exception as error:
        raise InputError(f"no Dask scheduler answers at {executor!r}: {error}") from error


def _check_versions(there: dict[str, str] | Exception, who: str) -> None:
    """Raise an InputError if a worker has other versions than this process: results could differ."""
    if isinstance(there, OSError):  # it is just being lost
        return
    if isinstance(there, Exception):
        raise InputError(f"{who} cannot import what it needs: {there}")
    for name, here in _versions([*there]).items():
        if there[name] != here:
            raise InputError(f"{who} has {name} {there[name]}, but here it is {here}: install the same there")


def _slots(client: Any, patience: float) -> Iterator[int]:
    """Yield how many calls the cluster gets: two for each thread, so that it has its next one at hand."""
    seen = time.monotonic()
    while True:
        threads, now = sum(client.nthreads().values()), time.monotonic()
        seen = now if threads else seen
        if now > seen + patience:
            raise TV2SimError(
                f"the Dask cluster has had no workers for {patience:g} s: start some with `dask worker`"
            )
        while time.monotonic() < now + 1:
            yield 2 * max(threads, 1)


@contextmanager
def _said_clearly(bar: Bar) -> Iterator[None]:
    """Raise failures of a cluster as errors of tv2sim."""
    from distributed import KilledWorker

    try:
        yield
    except TV2SimError:
        raise
    except (ImportError, RuntimeError) as error:
        missing = error.__cause__ or error  # Dask's scheduler raises a RuntimeError because of it
        if not isinstance(missing, ImportError):
            raise
        raise InputError(f"Dask's scheduler or a worker lacks what is needed there: {missing}") from error
    except (CancelledError, KilledWorker, OSError) as error:
        raise TV2SimError(f"the Dask cluster was lost after {bar} replications: {error}") from error
