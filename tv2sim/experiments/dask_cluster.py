"""Do tasks on a Dask cluster, which is given by the address of its scheduler or by its executor.

The tasks, with their catalogues, are sent once. How long a chunk takes on a worker is not known beforehand. So
each call is given a share of what is left, stops after a second or two, and returns what it has not done, to be
shared out again. The results depend on none of this: a replication is the same in whichever chunk it is.
"""

from __future__ import annotations

import pickle
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from math import ceil, inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tv2sim.base.errors import InputError, MissingExtraError, TV2SimError
from tv2sim.engines.choice import chunks_of, package_of
from tv2sim.experiments.workers import Chunk, Task, _do, _signals_later

if TYPE_CHECKING:
    from tv2sim.experiments.workers import _Bar, _Done

__all__ = ["on_cluster"]

_SECONDS = 1.5
"""How long a call works: an empty one costs 2 ms, and one that has begun cannot be stopped."""
_TO_CONNECT = 3.0
"""Seconds within which a scheduler must answer."""
_WITHOUT_WORKERS = 15.0
"""Seconds after which a cluster without workers is given up."""

_Part: TypeAlias = tuple[int, range]
"""The number of a task, and some of its replications."""
_Answer: TypeAlias = tuple[list[tuple[_Part, Chunk]], list[_Part], dict[str, str]]
"""What a call has done, what it has left, and the versions of packages with which it worked."""


def on_cluster(executor: Executor | str, tasks: Sequence[Task], bar: _Bar) -> _Done:
    """Do tasks on the cluster that an address or an executor of Dask stands for.

    Signals are delayed and results come by a queue, as where any executor works.
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
    """Take whole chunks from the front of what is left: the share of one call, where `calls` run at once."""
    weights = [len(task.catalogue) + 1 for task in tasks]
    amount = sum(weights[number] * len(replications) for number, replications in left) / calls
    parts: list[_Part] = []
    while left and amount > 0:
        number, replications = left.popleft()
        last = replications[min(ceil(amount / weights[number]), len(replications)) - 1]
        stop = next(_chunks(tasks[number], range(last, replications.stop))).stop
        if stop < replications.stop:
            left.appendleft((number, range(stop, replications.stop)))
        parts.append((number, range(replications.start, stop)))
        amount -= weights[number] * len(parts[-1][1])
    return parts


def _chunks(task: Task, replications: range) -> Iterator[range]:
    return chunks_of(task.engine, task.catalogue, task.strategy, replications)


# -- on a worker -------------------------------------------------------------------------------------------


def _simulate(
    tasks: Sequence[Task], parts: Sequence[_Part], packages: Sequence[str], seconds: float
) -> _Answer:
    """Do parts of tasks, one chunk after another, for so many seconds; one chunk at least."""
    end = time.perf_counter() + seconds
    done: list[tuple[_Part, Chunk]] = []
    left: list[_Part] = []
    for number, replications in parts:
        chunks: list[Chunk] = []
        stop = replications.start
        for part in _chunks(tasks[number], replications):
            if time.perf_counter() > end and (done or chunks):
                left.append((number, range(stop, replications.stop)))
                break
            chunks.append(_do(replace(tasks[number], replications=part)))
            stop = part.stop
        if chunks:
            done.append(((number, range(replications.start, stop)), _together(chunks)))
    return done, left, _versions(packages)


def _together(chunks: Sequence[Chunk]) -> Chunk:
    """Return one chunk for several of a task, which are in the order of their replications."""
    values = {name: np.concatenate([chunk.values[name] for chunk in chunks]) for name in chunks[0].values}
    return Chunk(values, np.sum([chunk.on_time for chunk in chunks], axis=0))


def _versions(packages: Sequence[str]) -> dict[str, str]:
    return {name: import_module(name).__version__ for name in packages}


# -- the cluster -------------------------------------------------------------------------------------------


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
def _said_clearly(bar: _Bar) -> Iterator[None]:
    """Raise what can happen to a cluster as an error of ours."""
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
