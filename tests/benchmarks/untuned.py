"""Where the coverage rule is better than any pool: ``python -m tests.benchmarks.untuned CATALOGUE [RUNS]``.

Worlds in which no constant was chosen. In each, pools (part 2c) and advance order of all sizes are simulated in
the order of deadlines, and the coverage rule at several prices. A size counts as beaten if the rule, at one of
its prices, has no more failures at half of the idle time. Sizes with which more than a tenth of the videos fail
are left out, and those with which next to none does: fewer than 20 in all replications.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import tv2sim as tv
from tv2sim.strategies import STRATEGIES

PRICES = (5, 20, 60, 240, 1000, 4000, 16000)
LEVELS = range(0, 31)
MORE = 4
"""How many times as many replications the sizes have, which are faster."""
WORLD = tv.Scenario()
WORLDS: Mapping[str, tv.Scenario] = {
    "1 video per second": WORLD.replace(requests_per_second=1.0),
    "2 per second (the original)": WORLD,
    "3 per second": WORLD.replace(requests_per_second=3.0),
    "5 per second": WORLD.replace(requests_per_second=5.0),
    "Poisson arrivals": WORLD.replace(arrivals="poisson"),
    "exponential start-up, mean 4": WORLD.replace(startup_time="exponential(4)"),
    "lognormal start-up, median 4, sigma .3": WORLD.replace(startup_time="lognormal(4, 0.3)"),
    "10 % of start-ups fail": WORLD.replace(faults=replace(WORLD.faults, startup=0.1)),
    "no encoding stage": WORLD.replace(encoders=None),
}


class Point(NamedTuple):
    """What a strategy costs in a world: means of a run."""

    strategy: str
    failed: float
    idle: float


def points(
    catalogue: tv.Catalogue, scenario: tv.Scenario, replications: int
) -> tuple[list[Point], list[Point]]:
    """Return what pools and advance order of each size cost, and what the coverage rule costs at each price."""
    sizes = [
        STRATEGIES[name].replace(name=f"{name}:{level}", prewarmed=level, queue_order="deadline")
        for name in ("2c", "advance")
        for level in LEVELS
        if level or name != "2c"
    ]
    rules = [STRATEGIES["coverage"].replace(name=f"coverage at {price}", price=price) for price in PRICES]
    return (
        _points(catalogue, sizes, scenario, MORE * replications),
        _points(catalogue, rules, scenario, replications),
    )


def _points(
    catalogue: tv.Catalogue, strategies: list[tv.Strategy], scenario: tv.Scenario, replications: int
) -> list[Point]:
    study = tv.compare(
        catalogue, strategies, scenario, replications=replications, seed=17, metrics=["failed", "idle"],
        progress=False,
    )  # fmt: skip
    means = study.summary.xs("mean", axis=1, level="statistic").reset_index()
    return list(map(Point._make, means[["strategy", "failed", "idle"]].itertuples(index=False, name=None)))


def unbeaten(sizes: list[Point], rules: list[Point]) -> list[Point]:
    """Return the sizes that no price beats at half of their idle time."""
    return [
        size
        for size in sizes
        if not any(rule.failed <= size.failed and rule.idle <= size.idle / 2 for rule in rules)
    ]


def main() -> None:
    """Print a line for each world and price, and the sizes that are not beaten."""
    catalogue = tv.read_catalogue(sys.argv[1])
    replications = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    for name, scenario in WORLDS.items():
        sizes, rules = points(catalogue, scenario, replications)
        fewest = 20 / (MORE * replications)
        sizes = [size for size in sizes if fewest <= size.failed <= len(catalogue) / 10]
        print(f"\n{name}")
        for rule in rules:
            # the size with the least idle time that has no more failures
            as_good = min((s for s in sizes if s.failed <= rule.failed), key=lambda s: s.idle, default=None)
            beside = f"{as_good.idle:6.1f} ({as_good.strategy})" if as_good else "none is as good"
            print(
                f"  {rule.strategy:18} {rule.failed:7.4f} / {rule.idle:6.1f}   idle of as good a size: {beside}"
            )
        left = unbeaten(sizes, rules)
        shown = ", ".join(f"{size.strategy} ({size.failed:.3f} / {size.idle:.0f})" for size in left[:8])
        print(
            f"  not beaten at half of their idle time: {len(left)} of {len(sizes)}{': ' if left else ''}{shown}"
        )


if __name__ == "__main__":
    main()
