"""How work is shared out on a Dask cluster, and what is said if there is none. test_dask.py has a real one."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import deque
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tv2sim as tv
from tests.experiments.test_replicate_and_compare import CATALOGUE, FEW
from tests.helpers.commands import SAMPLE, tv2sim
from tv2sim.experiments import workers
from tv2sim.experiments.workers import Task, join_chunks
from tv2sim.results.metrics import ON_TIME_RATE


def task(replications: range, catalogue: tv.Catalogue = FEW, *, engine: str = "simpy") -> Task:
    metrics = ("published", ON_TIME_RATE)
    return Task(catalogue, tv.PART_2C, tv.Scenario(), 3, replications, engine, metrics)


class TestShares:
    @given(
        st.lists(st.tuples(st.integers(0, 90), st.integers(1, 400)), min_size=1, max_size=4),
        st.lists(st.integers(1, 9), min_size=1),
    )
    def test_everything_is_given_once(self, cells: list[tuple[int, int]], rooms: list[int]) -> None:
        tasks = [task(range(start, start + count), CATALOGUE) for start, count in cells]
        left = deque((number, one.replications) for number, one in enumerate(tasks))
        given: list[tuple[int, range]] = []
        while left:
            given += workers._share(left, tasks, rooms[len(given) % len(rooms)])
        for number, one in enumerate(tasks):
            parts = [part for owner, part in given if owner == number]
            assert [replication for part in parts for replication in part] == list(one.replications)
            assert all(part.stop % 25 == 0 for part in parts[:-1]), "they end where chunks end"

    def test_they_are_about_equal_and_hold_small_cells_together(self) -> None:
        tasks = [task(range(10)) for _ in range(12)]
        left = deque((number, one.replications) for number, one in enumerate(tasks))
        assert [len(workers._share(left, tasks, calls)) for calls in (4, 3, 2, 1)] == [3, 3, 3, 3]

    def test_there_is_always_something_in_them(self) -> None:
        left = deque([(0, range(3))])
        assert workers._share(left, [task(range(3))], 1000) == [(0, range(3))]


class TestACall:
    parts = ((0, range(10, 60)), (1, range(25)))

    def test_it_gives_the_metrics_that_were_asked_for_and_no_more(self) -> None:
        tasks = [task(range(10, 60)), task(range(25), CATALOGUE)]
        done, left, versions = workers._simulate(tasks, self.parts, ["numpy"], 100)
        assert (left, versions) == ([], {"numpy": np.__version__})
        for one, (number, expected) in zip(tasks, self.parts, strict=True):
            mine = [(replications, chunk) for (of, replications), chunk in done if of == number]
            assert [each for replications, _ in mine for each in replications] == list(expected)
            chunk = join_chunks([chunk for _, chunk in mine])
            assert set(chunk.values) == {"published", ON_TIME_RATE}
            (same,) = workers.compute([one])
            np.testing.assert_array_equal(chunk.on_time, same.on_time)
            for metric, values in same.values.items():
                np.testing.assert_array_equal(chunk.values[metric], values)

    def test_it_stops_in_time_but_does_one_chunk(self) -> None:
        tasks = [task(range(10, 60)), task(range(25), CATALOGUE)]
        done, left, _ = workers._simulate(tasks, self.parts, [], -1)
        assert [part for part, _ in done] == [(0, range(10, 25))]
        assert left == [(0, range(25, 60)), (1, range(25))]


class TestNoCluster:
    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(
            tv.MissingExtraError, match=r"^a Dask cluster needs distributed: pip install 'tv2sim\[dask\]'$"
        ):
            tv.replicate(FEW, "1", replications=3, executor="tcp://127.0.0.1:8786")

    @pytest.mark.parametrize(
        ("address", "why"),
        [
            ("tcp://127.0.0.1:1", "refused"),
            ("somewhere", "missing port number"),
            ("http://127.0.0.1:1", "unknown address scheme 'http'"),
            ("", "missing port number"),
        ],
    )
    def test_a_wrong_address(self, address: str, why: str) -> None:
        pytest.importorskip("distributed", reason="needs the extra `dask`")
        with pytest.raises(tv.InputError, match=f"^no Dask scheduler answers at '{address}': .*{why}"):
            tv.replicate(FEW, "1", replications=3, executor=address)

    def test_on_the_command_line(self) -> None:
        pytest.importorskip("distributed", reason="needs the extra `dask`")
        failed = tv2sim("compare", SAMPLE, "--replications", 2, "--dask", "127.0.0.1:1")
        assert (failed.status, failed.out) == (2, "")
        assert failed.err.splitlines()[-1].startswith("tv2sim: no Dask scheduler answers at '127.0.0.1:1': ")
        failed = tv2sim("compare", SAMPLE, "--dask", "127.0.0.1:1", "--workers", 2)
        assert failed.err.startswith("tv2sim compare: argument --workers: not allowed with argument --dask")

    def test_workers_as_well(self) -> None:
        with pytest.raises(tv.InputError, match="give workers or executor, not both"):
            tv.replicate(FEW, "1", replications=3, executor="tcp://127.0.0.1:1", workers=2)


@pytest.mark.full
@pytest.mark.parametrize(
    ("says", "why"), [(b"", "timed out"), (b"SSH-2.0-OpenSSH", "what answers is something else")]
)
def test_a_server_that_is_no_scheduler(says: bytes, why: str) -> None:
    pytest.importorskip("distributed", reason="needs the extra `dask`")

    def serve() -> None:
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            connection.sendall(says)
            connection.recv(1)  # until the other side ends it

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        begun, address = time.monotonic(), f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(tv.InputError, match=f"^no Dask scheduler answers at '{address}': {why}$"):
            tv.replicate(FEW, "1", replications=3, executor=address)
    assert time.monotonic() - begun < 5
