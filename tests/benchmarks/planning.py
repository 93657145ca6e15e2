"""How often plans are right: one plan with many seeds.

    python -m tests.benchmarks.planning --catalogue FILE --target 0.9978 --right 12 --tries 200

A plan is right if it is decided, for the pool that is given; else it is undecided or wrong.
"""

from __future__ import annotations

import argparse
from collections import Counter
from time import perf_counter
from typing import Any

import numpy as np

import tv2sim as tv


def outcomes(right: int | None, tries: int, catalogue: Any, strategy: str, **asked: Any) -> dict[str, float]:
    """Return how many plans are right, undecided and wrong, and their mean replications."""
    found, replications = Counter[str](), []
    for seed in range(1, tries + 1):
        plan = tv.plan(catalogue, strategy, seed=seed, progress=False, **asked)
        size = None if plan.best is None else plan.best.prewarmed
        found["undecided" if plan.status == "undecided" else "right" if size == right else "wrong"] += 1
        replications.append(plan.replications)
    counts = {name: found[name] for name in ("right", "undecided", "wrong")}
    return {**counts, "replications": float(np.mean(replications)), "most": max(replications)}


def main() -> None:
    """Print the outcomes of a plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", default=None)
    parser.add_argument("--strategy", default="2c")
    parser.add_argument("--target", type=float, default=0.999)
    parser.add_argument("--sizes", type=int, nargs=2, default=(6, 20))
    parser.add_argument("--right", type=int, default=12)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--replications", type=int, default=20_000)
    parser.add_argument("--no-control", dest="control", action="store_false")
    given = parser.parse_args()
    catalogue = tv.generate_catalogue() if given.catalogue is None else tv.read_catalogue(given.catalogue)
    started = perf_counter()
    vary = {"prewarmed": range(given.sizes[0], given.sizes[1] + 1)}
    asked = {"target": given.target, "replications": given.replications, "control": given.control, "vary": vary}
    found = outcomes(given.right, given.tries, catalogue, given.strategy, **asked)
    print(f"{given.strategy}, target {given.target:g}, {given.tries} tries, {perf_counter() - started:.0f} s")
    print(", ".join(f"{name} {value:g}" for name, value in found.items()))


if __name__ == "__main__":
    main()
