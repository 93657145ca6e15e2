"""How often intervals hold the quantile: ``python -m tests.benchmarks.coverage_quantiles [EXPERIMENTS]``.

The truth is the quantile over many replications of another seed. Where many videos have one value, such as an
elapsed time without a wait, that value is the quantile in every experiment: the interval has no width, or ends
at the next such value, and holds it more often than 95 %.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import tv2sim as tv
from tv2sim.engines import choice
from tv2sim.experiments.video_figures import QUANTITIES, SHARES
from tv2sim.inference.intervals import pooled_quantiles
from tv2sim.strategies import as_strategy

CATALOGUE = Path(__file__).parent.parent.parent / "data" / "catalogue.jsonl"
TRUTH, SAMPLES = 1_000_003, 7
"""The seeds."""


class Coverage(NamedTuple):
    """How often the intervals of a quantile held the truth."""

    strategy: str
    replications: int
    quantity: str
    share: float
    truth: float
    experiments: int
    covered: float
    half_width: float
    """The mean of those that end."""
    fixed: float
    """The share of the intervals that have no width."""
    endless: float
    """The share of the intervals that end at infinity."""


def truths(
    catalogue: tv.Catalogue, strategy: str, shares: Sequence[float] = SHARES, replications: int = 200_000
) -> dict[str, list[float]]:
    """Return the quantiles of each quantity over many replications, in ticks."""
    elapsed = _elapsed(catalogue, strategy, TRUTH, range(replications))
    found = {}
    for quantity, of in QUANTITIES.items():
        values = of(catalogue, elapsed).reshape(-1)
        ranks = [int(np.ceil(share * len(values))) - 1 for share in shares]
        found[quantity] = np.partition(values, ranks)[ranks].tolist()
    return found


def coverages(
    catalogue: tv.Catalogue,
    strategy: str,
    replications: int,
    experiments: int,
    true: dict[str, list[float]],
    shares: Sequence[float] = SHARES,
    confidence: float = 0.95,
) -> Iterator[Coverage]:
    """Yield the coverage for each quantity and share; `true` are the quantiles by :func:`truths`."""
    several: dict[str, list[list[tuple[float, ...]]]] = {quantity: [] for quantity in QUANTITIES}
    for experiment in range(experiments):
        part = range(experiment * replications, (experiment + 1) * replications)
        elapsed = _elapsed(catalogue, strategy, SAMPLES, part)
        for quantity, of in QUANTITIES.items():
            found = pooled_quantiles(of(catalogue, elapsed), shares, confidence)
            several[quantity].append([one[1:4] for one in found])
    for quantity, samples in several.items():
        for number, share in enumerate(shares):
            truth = true[quantity][number]
            half, low, high = np.array(samples)[:, number].T
            ends = half[np.isfinite(half)]
            yield Coverage(
                strategy, replications, quantity, share, truth / 1e6, experiments,
                float(np.mean((low <= truth) & (truth <= high))),
                float(ends.mean()) / 1e6 if len(ends) else float("nan"),
                float(np.mean(half == 0)), float(np.mean(np.isinf(high))),
            )  # fmt: skip


def _elapsed(catalogue: tv.Catalogue, strategy: str, seed: int, part: range) -> NDArray[np.float64]:
    return choice.elapsed("kernel", catalogue, as_strategy(strategy), tv.Scenario(), seed, part)


def main() -> None:
    """Print the table for pools of 9 to 14 and 10 to 1,000 replications."""
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    catalogue = tv.read_catalogue(CATALOGUE)
    print("strategy  replications  quantity  share  truth (s)  covered  half width (s)  no width  no end")
    for size in range(9, 15):
        strategy = f"2c:{size}"
        true = truths(catalogue, strategy)
        for replications in (10, 30, 100, 1000):
            count = min(experiments, 1_000_000 // replications)
            for one in coverages(catalogue, strategy, replications, count, true):
                what = f"{one.strategy:8}  {one.replications:12}  {one.quantity:8}  {one.share:5}"
                found = f"{one.truth:9.3f}  {one.covered:7.3f}  {one.half_width:14.4f}"
                print(f"{what}  {found}  {one.fixed:8.2f}  {one.endless:6.2f}", flush=True)


if __name__ == "__main__":
    main()
