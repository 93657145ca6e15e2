"""On a real Dask cluster, by its executor or its address: the same results, whatever happens to its workers.

Everything is on the loopback device, and stops by itself.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

import tv2sim as tv
from tests.experiments.test_comparison import same_study
from tests.experiments.test_replicate_and_compare import CATALOGUE, FEW, same
from tests.experiments.test_workers import Deadly
from tests.helpers import commands
from tv2sim.experiments import workers

pytestmark = pytest.mark.full
distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")


def local_cluster(workers: int) -> Any:
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        processes=True,
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two worker processes of Dask, and a client of theirs."""
    with local_cluster(2) as two, distributed.Client(two) as client:
        yield client


@pytest.fixture(params=["executor", "address"])
def where(client: Any, request: pytest.FixtureRequest) -> Any:
    """Both ways to name the cluster."""
    return client.get_executor() if request.param == "executor" else client.scheduler.address


@pytest.fixture
def address(client: Any) -> str:
    return str(client.scheduler.address)


@pytest.fixture
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_SECONDS", 0.03)


@pytest.fixture
def at_share(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """Return what makes something happen just before the n-th call is submitted."""
    plan: dict[int, Callable[[], object]] = {}
    original, count = workers._share, 0

    def watched(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        plan.pop(count, lambda: None)()
        return original(*arguments)

    monkeypatch.setattr(workers, "_share", watched)
    return plan.__setitem__


class TestTheSame:
    def test_frames(self, where: Any) -> None:
        one = tv.replicate(CATALOGUE, "2c", replications=100, seed=4, executor=where)
        same(one, tv.replicate(CATALOGUE, "2c", replications=100, seed=4))

    def test_extension_of_what_was_done_here(self, address: str) -> None:
        reps = tv.replicate(CATALOGUE, "1", replications=20)
        same(reps.extend(80, executor=address), tv.replicate(CATALOGUE, "1", replications=100))

    @pytest.mark.parametrize(("engine", "replications"), [("simpy", 60), ("kernel", 40_000)])
    @pytest.mark.usefixtures("_short_calls")
    def test_tables_by_either_engine(self, address: str, engine: Any, replications: int) -> None:
        if engine == "kernel":
            pytest.importorskip("numba", reason="needs the extra `fast`")
        catalogues = {"few": FEW, "all": CATALOGUE}
        how: dict[str, Any] = {"scenario": {"encoders": [2, 5]}, "replications": replications, "engine": engine}
        same_study(
            tv.compare(catalogues, ["1", "2c"], executor=address, **how),
            tv.compare(catalogues, ["1", "2c"], **how),
        )

    def test_end_at_a_precision(self, address: str) -> None:
        precision = tv.Precision("published", absolute=0.3)
        how: dict[str, Any] = {"replications": 2000, "precision": precision}
        one = tv.replicate(FEW, "1", executor=address, **how)
        here = tv.replicate(FEW, "1", **how)
        assert one.stopped == here.stopped
        same(one, here)

    def test_a_rule_that_only_this_process_can_import(self, where: Any) -> None:
        class Local(tv.Strategy):
            def start_delay(self, video: tv.Video) -> float:
                return 0.5

        rule = Local("local", starts_on="encoded")
        same(tv.replicate(FEW, rule, replications=60, executor=where), tv.replicate(FEW, rule, replications=60))

    def test_on_the_command_line(self, client: Any) -> None:
        command = ("compare", commands.SAMPLE, "--strategies", "2a,2c", "--replications", 60)
        assert commands.tv2sim(*command, "--dask", client.scheduler.address) == commands.tv2sim(*command)


def test_a_cluster_is_left_running(client: Any) -> None:
    executor = client.get_executor()
    tv.replicate(FEW, "1", replications=2, executor=executor)
    assert executor.submit(int).result() == 0


@pytest.mark.usefixtures("_short_calls")
def test_the_catalogue_is_sent_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the times it is pickled here, and the bytes that each call sends."""
    first, *others = CATALOGUE
    title = "x" * 12_000_000  # more than what Dask warns of
    large = tv.Catalogue([msgspec.structs.replace(first, title=title), *others])
    pickled, sent = [], []
    reduce, submit = tv.Catalogue.__reduce_ex__, distributed.Client.submit

    def counted(catalogue: tv.Catalogue, protocol: Any) -> Any:
        pickled.append(catalogue)
        return reduce(catalogue, protocol)

    def watched(client: Any, function: Any, *arguments: Any, **how: Any) -> Any:
        data = [one for one in arguments if not isinstance(one, distributed.Future)]
        sent.append(len(pickle.dumps([function, data])))
        return submit(client, function, *arguments, **how)

    monkeypatch.setattr(tv.Catalogue, "__reduce_ex__", counted)
    monkeypatch.setattr(distributed.Client, "submit", watched)
    how: dict[str, Any] = {"scenario": {"encoders": [5, 10]}, "replications": 100, "engine": "simpy"}
    tv.compare(large, ["1", "2c"], executor=address, **how)
    assert len(pickled) == 1
    assert len(sent) > 8
    assert sent[0] > 12_000_000
    assert max(sent[1:]) < 1000


@pytest.mark.usefixtures("_short_calls")
class TestWhatHappensToWorkers:
    @pytest.mark.parametrize("workers", [2, 1])
    def test_what_one_that_is_killed_had_to_do_is_done_again(self, at_share: Any, workers: int) -> None:
        """With one worker the catalogue is lost as well."""
        with local_cluster(workers) as few, distributed.Client(few) as client:
            killed = sorted(client.run(os.getpid).values())[0]
            at_share(2 * workers + 2, lambda: os.kill(killed, signal.SIGKILL))  # after an answer has come
            reps = tv.replicate(
                CATALOGUE, "2c", replications=500, seed=4, engine="simpy", executor=few.scheduler_address
            )
            assert killed not in client.run(os.getpid).values()
        same(reps, tv.replicate(CATALOGUE, "2c", replications=500, seed=4, engine="simpy"))

    def test_what_ends_every_worker_is_given_up(self) -> None:
        import dask

        with dask.config.set({"distributed.scheduler.allowed-failures": 0}), local_cluster(1) as one:
            deadly = Deadly("deadly", starts_on="encoded")
            with pytest.raises(tv.TV2SimError, match=r"the Dask cluster was lost after 0 of 60 replications: "):
                tv.replicate(FEW, deadly, replications=60, executor=one.scheduler_address)

    def test_there_are_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workers, "_WITHOUT_WORKERS", 0.5)
        message = "the Dask cluster has had no workers for 0.5 s: start some with `dask worker`"
        with local_cluster(0) as none, pytest.raises(tv.TV2SimError, match=message):
            tv.replicate(FEW, "1", replications=60, executor=none.scheduler_address)

    @pytest.mark.parametrize("package", [np, tv])
    def test_one_has_another_version(self, client: Any, address: str, package: Any) -> None:
        worker = next(iter(client.nthreads()))
        name, version = package.__name__, package.__version__
        client.run(setattr, package, "__version__", "0.0.1", workers=[worker])
        try:
            message = (
                f"^the Dask worker {worker} has {name} 0.0.1, but here it is {version}: install the same there$"
            )
            with pytest.raises(tv.InputError, match=message):
                tv.replicate(FEW, "1", replications=60, executor=address)
        finally:
            client.run(setattr, package, "__version__", version, workers=[worker])

    def test_one_gets_another_version_meanwhile(self, client: Any, address: str, at_share: Any) -> None:
        at_share(5, lambda: client.run(setattr, np, "__version__", "0.0.1"))
        try:
            with pytest.raises(tv.InputError, match=r"a Dask worker has numpy 0\.0\.1, but here it is"):
                tv.replicate(CATALOGUE, "1", replications=500, engine="simpy", executor=address)
        finally:
            client.run(setattr, np, "__version__", np.__version__)

    def test_one_cannot_import_what_it_needs(self, client: Any, address: str) -> None:
        worker = next(iter(client.nthreads()))
        client.run(lambda: __import__("sys").modules.__setitem__("simpy", None), workers=[worker])
        try:
            with pytest.raises(tv.InputError, match=f"^the Dask worker {worker} cannot import .*simpy"):
                tv.replicate(FEW, "1", replications=60, executor=address)
        finally:
            client.run(lambda: __import__("sys").modules.pop("simpy"), workers=[worker])


@pytest.mark.usefixtures("_short_calls")
def test_ctrl_c_cancels_what_is_left(client: Any, where: Any, at_share: Any) -> None:
    at_share(8, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(tv.Interrupted, match=r"^interrupted: [1-9]\d* of 10000 replications were finished$"):
        tv.replicate(CATALOGUE, "2c", replications=10_000, engine="simpy", executor=where)
    end = time.monotonic() + 60
    while any(client.processing().values()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(client.processing().values())
    same(tv.replicate(FEW, "1", replications=60, executor=where), tv.replicate(FEW, "1", replications=60))


def test_a_client_will_do_as_well(client: Any) -> None:
    same(tv.replicate(FEW, "1", replications=60, executor=client), tv.replicate(FEW, "1", replications=60))


def test_an_error_of_a_replication_comes_through(address: str) -> None:
    class Hasty(tv.Strategy):
        def start_delay(self, video: tv.Video) -> float:
            return -1.0

    with pytest.raises(tv.StrategyError, match=r"the answer of hasty.start_delay\(.*not -1.0"):
        tv.replicate(FEW, Hasty("hasty", starts_on="encoded"), replications=40, executor=address)
