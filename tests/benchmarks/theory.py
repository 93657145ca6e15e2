"""How far formulas are off: ``python -m tests.benchmarks.theory [REPLICATIONS [CATALOGUE ...]]``.

It prints the tables of ``docs/background/theory.md``, those of the shipped catalogue unless others are named.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tv2sim as tv
from tv2sim.theory import queueing

SHIPPED = Path(__file__).parent.parent.parent / "data" / "catalogue.jsonl"
SIZES = (9, 10, 11, 12, 13)
RATE, STARTUP = 2.0, tv.Uniform(2, 6)
WINDOWS = (0.5, 1.0, 2.0, 4.0, 8.0)


def waits(catalogue: tv.Catalogue, size: int, replications: int) -> tuple[float, float]:
    """Return the share of videos that wait for a publisher, and the mean wait (by Little's law)."""
    metrics = ["stockouts", "publishing_queue_mean", "makespan"]
    reps = tv.replicate(catalogue, f"2c:{size}", replications=replications, metrics=metrics, progress=False)
    waiting, queue, end = map(reps.values, metrics)
    return float(waiting.mean()) / len(catalogue), float((queue * end).mean()) / len(catalogue)


def encoded(catalogue: tv.Catalogue) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return when videos are encoded, in order."""
    return np.sort(tv.simulate(catalogue, "2c:20").videos["encoded"].to_numpy())


def approximations(catalogue: tv.Catalogue, replications: int) -> Iterator[str]:
    """Yield a table of mean waits, and of the shares that wait."""
    index = queueing.index_of_dispersion(encoded(catalogue), STARTUP.mean)
    yield "| Pool | simulated | Erlang C | Allen-Cunneen | with the index | D/M/c | even arrivals |"
    yield "|---:|" + "---:|" * 6
    for size in SIZES:
        share, mean = waits(catalogue, size, replications)
        erlang = queueing.mms_wait(RATE, STARTUP.mean, size)
        even = queueing.gi_m_s(1 / RATE, STARTUP.mean, size)
        allen, corrected, none = (queueing.allen_cunneen(RATE, STARTUP, size, scv) for scv in (1.0, index, 0.0))
        cells = [
            f"{mean:.4f} ({share:.3f})", f"{erlang.mean:.3f} ({erlang.probability:.3f})", f"{allen:.3f}",
            f"{corrected:.3f}", f"{even.mean:.3f} ({even.probability:.3f})", f"{none:.3f}",
        ]  # fmt: skip
        yield f"| {size} | " + " | ".join(cells) + " |"


def dispersion(catalogue: tv.Catalogue) -> Iterator[str]:
    """Yield a table of the index of dispersion of the ends of encodings."""
    yield "| Window, s | " + " | ".join(f"{window:g}" for window in WINDOWS) + " |"
    yield "|---|" + "---:|" * len(WINDOWS)
    indices = (queueing.index_of_dispersion(encoded(catalogue), window) for window in WINDOWS)
    yield "| Index | " + " | ".join(f"{index:.2f}" for index in indices) + " |"


def bounds(catalogue: tv.Catalogue, replications: int) -> Iterator[str]:
    """Yield a table of the bound, of failures, and of the variance that the bound explains."""
    yield "| Pool | must fail | fail | replications in which they are the same | variance ratio |"
    yield "|---:|" + "---:|" * 4
    for size in SIZES:
        bound = queueing.failed_bound(catalogue, f"2c:{size}")
        least = bound.of_replications(1, range(replications))
        reps = tv.replicate(
            catalogue, f"2c:{size}", replications=replications, metrics=["failed"], progress=False
        )
        failed, same = reps.values("failed"), float((least == reps.values("failed")).mean())
        assert (least <= failed).all()
        left = 1 - np.corrcoef(least, failed)[0, 1] ** 2
        ratio = f"{1 / left:.1f}" if left > 1e-3 else "over 1,000"
        yield f"| {size} | {bound.failed:.5f} | {failed.mean():.5f} | {100 * same:.2f} % | {ratio} |"


def lines(catalogue: tv.Catalogue, replications: int) -> list[str]:
    """Return the tables of a catalogue."""
    tables = (approximations(catalogue, replications), dispersion(catalogue), bounds(catalogue, replications))
    return [line for table in tables for line in (*table, "")]


if __name__ == "__main__":
    number, *paths = sys.argv[1:] or ["1000000"]
    for path in paths or [str(SHIPPED)]:
        print("\n".join([f"{path}:", "", *lines(tv.read_catalogue(path), int(number))]))
