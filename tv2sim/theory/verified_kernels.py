"""Whether each kernel measures what follows from the facts, replication by replication, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.engines.choice import measure_by_kernels
from tv2sim.results.metrics import measure, on_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tv2sim.theory.verified_quantities import Runs

__all__ = ["compared"]


def compared(runs: Runs) -> Iterator[tuple[str, NDArray[np.bool_], tuple[str, ...]]]:
    """Yield for each kernel that knows the world: its name, which runs are the same, and what is not.

    Compared are all metrics, the elapsed times, and the videos on time, which a kernel counts over all runs. If
    a kernel raises an error, no run is the same, and the error is what is not.
    """
    facts, encoders = runs.facts, runs.scenario.encoder_count
    expected: list[dict[str, float]] = []  # by run, the same for all kernels
    published = np.sum([on_time(of_run) for of_run in facts], axis=0)
    elapsed = np.array([of_run.elapsed for of_run in facts])
    elapsed[np.isnan(elapsed)] = np.inf
    for kernel, simulate in measure_by_kernels(*runs.what, runs.seed, runs.replications):
        try:
            (metrics, counts), times = simulate()
        except Exception as error:  # noqa: BLE001 (whatever it raises is what it differs by)
            yield kernel, np.zeros(len(facts), dtype=np.bool_), (f"{type(error).__name__}: {error}",)
            continue
        expected = expected or [measure(runs.catalogue, of_run, encoders, metrics) for of_run in facts]
        same = {
            name: _equal(values, np.array([of_run[name] for of_run in expected], dtype=np.float64))
            for name, values in metrics.items()
        }
        same["videos on time"] = np.full(len(facts), np.array_equal(counts, published))
        same["elapsed times"] = np.all(times == elapsed, axis=1)
        yield kernel, np.all([*same.values()], axis=0), tuple(name for name in same if not same[name].all())


def _equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return equal
