"""What does `replicate` cost beside the runs? ``python -m tests.benchmarks.replicate [PAIRS] [REPLICATIONS]``.

Interleaves it with the bare model runs, in a loop that throws their facts away, and prints the ratio pair by
pair: figures, counts and frames are what the difference pays for. The goal is at most 1.10.
"""

from __future__ import annotations

import statistics
import sys
import time

import tv2sim as tv
from tv2sim.engines.choice import simulate_one


def main(pairs: int = 40, replications: int = 100) -> float:
    """Print the ratio for each of the four parts; return the largest median."""
    catalogue, scenario = tv.generate_catalogue(), tv.Scenario()
    tv.replicate(catalogue, "1", replications=2).frame.to_numpy()  # imports
    medians: list[float] = []
    print(f"{len(catalogue)} videos, {pairs} interleaved pairs of {replications} replications")
    for name, strategy in tv.STRATEGIES.items():
        ours: list[float] = []
        bare: list[float] = []
        for pair in range(pairs):

            def whole(seed: int = pair, strategy: tv.Strategy = strategy) -> None:
                reps = tv.replicate(catalogue, strategy, scenario, replications=replications, seed=seed)
                assert len(reps.frame) == replications

            def runs(seed: int = pair, strategy: tv.Strategy = strategy) -> None:
                for replication in range(replications):
                    simulate_one("simpy", catalogue, strategy, scenario, seed, replication)

            # whichever comes second finds the machine in the same state as often
            for call, times in ((whole, ours), (runs, bare))[:: 1 if pair % 2 else -1]:
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
        ratios = sorted(a / b for a, b in zip(ours, bare, strict=True))
        medians.append(statistics.median(ratios))
        quartiles = f"{ratios[pairs // 4]:.3f}, {ratios[-pairs // 4]:.3f}"
        print(
            f"part {name:<3} runs {statistics.median(bare) / replications * 1e3:.3f} ms each, replicate "
            f"{statistics.median(ours) / replications * 1e3:.3f} ms, ratio {medians[-1]:.3f} "
            f"(quartiles {quartiles})"
        )
    return max(medians)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
