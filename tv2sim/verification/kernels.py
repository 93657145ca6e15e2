"""Whether each kernel measures what follows from the facts, replication by replication, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.engines import measure_by_kernels
from tv2sim.metrics import measure, on_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tv2sim.facts import Facts
    from tv2sim.verification.quantities import Runs

__all__ = ["compared"]


def compared(runs: Runs) -> Iterator[tuple[str, NDArray[np.bool_], tuple[str, ...]]]:
    """Yield for each kernel that knows the world: its name, which runs are the same, and what is not.

    Compared are all metrics, the elapsed times, and the videos on time, which a kernel counts over all runs. If
    a kernel raises an error, no run is the same, and the error is what is not.
    """
    for kernel, simulate in measure_by_kernels(*runs.what, runs.seed, runs.replications):
        try:
            (metrics, counts), elapsed = simulate()
        except Exception as error:  # noqa: BLE001 (whatever it raises is what it differs by)
            yield kernel, np.zeros(len(runs.facts), dtype=np.bool_), (f"{type(error).__name__}: {error}",)
            continue
        expected = [_metrics(runs, facts, metrics) for facts in runs.facts]
        same = {
            name: _equal(values, np.array([of_run[name] for of_run in expected], dtype=np.float64))
            for name, values in metrics.items()
        }
        published = np.sum([on_time(facts) for facts in runs.facts], axis=0)
        same["videos on time"] = np.full(len(runs.facts), np.array_equal(counts, published))
        times = np.array([facts.elapsed for facts in runs.facts])
        same["elapsed times"] = np.all(_equal(elapsed, np.where(np.isnan(times), np.inf, times)), axis=1)
        yield kernel, np.all([*same.values()], axis=0), tuple(name for name in same if not same[name].all())


def _metrics(runs: Runs, facts: Facts, names: object) -> dict[str, float]:
    return measure(runs.catalogue, facts, runs.scenario.encoder_count, names)  # type: ignore[arg-type]


def _equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return equal
