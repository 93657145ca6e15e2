"""Dask's LocalCluster as an executor gives the same frames. On the loopback device, without a web page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

import tv2sim as tv

from .test_comparison import same_study
from .test_experiment import CATALOGUE, FEW, same

if TYPE_CHECKING:
    from concurrent.futures import Executor

pytestmark = pytest.mark.full
distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")


@pytest.fixture(scope="module")
def dask() -> Iterator[Executor]:
    """Two worker processes of Dask, as a `concurrent.futures.Executor`."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


def test_replicate_gives_the_same_frames(dask: Executor) -> None:
    one = tv.replicate(CATALOGUE, "2c", replications=100, seed=4, executor=dask)
    same(one, tv.replicate(CATALOGUE, "2c", replications=100, seed=4))


def test_it_extends_what_was_done_here(dask: Executor) -> None:
    reps = tv.replicate(CATALOGUE, "1", replications=20)
    same(reps.extend(80, executor=dask), tv.replicate(CATALOGUE, "1", replications=100))


def test_compare_gives_the_same_tables(dask: Executor) -> None:
    how: dict[str, Any] = {"scenario": {"encoders": [2, 5]}, "replications": 30}
    same_study(tv.compare(FEW, executor=dask, **how), tv.compare(FEW, **how))


def test_it_is_left_running(dask: Executor) -> None:
    tv.replicate(FEW, "1", replications=2, executor=dask)
    assert dask.submit(int).result() == 0
