"""How often ``tv.validate`` rejects a simulation: ``python -m tests.benchmarks.validating [TRIES]``.

Twelve runs of the four parts are observed, as many of each as are known of the original, in worlds that differ
from the one that is simulated. They are given as videos published by run, and as elapsed times by video.
"""

from __future__ import annotations

import sys

import numpy as np

import tv2sim as tv

RUNS = {"1": 3, "2a": 3, "2b": 2, "2c": 4}
"""How many runs are observed of each part."""
WORLDS = {
    "as simulated": tv.Scenario(),
    "8 encoders": tv.Scenario(encoders=8),
    "5 encoders": tv.Scenario(encoders=5),
    "start-ups 2 % longer": tv.Scenario(startup_time="uniform(2.04, 6.12)"),
    "start-ups 5 % longer": tv.Scenario(startup_time="uniform(2.1, 6.3)"),
    "start-ups 10 % longer": tv.Scenario(startup_time="uniform(2.2, 6.6)"),
    "start-ups of 1.5 to 6.5 s": tv.Scenario(startup_time="uniform(1.5, 6.5)"),
}


def rejected(world: tv.Scenario, tries: int, replications: int = 1000, level: float = 0.01) -> list[float]:
    """Return how often a simulation of the default scenario is rejected: by published videos, and by times."""
    catalogue = tv.generate_catalogue()
    ids = [video.id for video in catalogue]
    study = tv.compare(catalogue, RUNS, replications=replications, metrics=["published"], progress=False)
    real = {
        part: tv.replicate(catalogue, part, world, replications=runs * tries, seed=seed, progress=False)
        for seed, (part, runs) in enumerate(RUNS.items(), start=2)
    }
    published = {part: reps.values("published").astype(int).reshape(tries, -1) for part, reps in real.items()}
    elapsed = {part: reps.elapsed().reshape(tries, -1, len(ids)) for part, reps in real.items()}
    found = []
    for number in range(tries):
        counts = {part: values[number].tolist() for part, values in published.items()}
        times = {
            part: [dict(zip(ids, run.tolist(), strict=True)) for run in values[number]]
            for part, values in elapsed.items()
        }
        found.append([tv.validate(study, given, level=level).rejected for given in (counts, times)])
    return [float(share) for share in np.mean(found, axis=0)]


def main(tries: int) -> None:
    """Print a table for the guide."""
    print("| the real system | published by run | elapsed by video |\n|---|---:|---:|")
    for name, world in WORLDS.items():
        shares = rejected(world, tries)
        print(f"| {name} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["300"]))
