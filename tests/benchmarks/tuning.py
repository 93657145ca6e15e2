"""Which constants do the built-in strategies have? ``python -m tests.benchmarks.tuning [REPLICATIONS]``.

Each candidate is simulated on generated catalogues at three rates. What counts is the mean cost of a run: a
failure costs as much as a minute of a publisher that is idle. The constants of `tv2sim.strategies.builtin` are
the best candidates, or those within a few per cent of them that are easier to remember. No real catalogue is
used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import tv2sim as tv
from tv2sim.strategies import STRATEGIES

CATALOGUES = {f"generated {seed}": tv.generate_catalogue(154, seed=seed) for seed in (1, 2, 3, 4)}
RATES = (1.0, 2.0, 3.0)
FAILURE = 60.0
"""Idle seconds that a failed video costs, as many as the price of the strategy "coverage"."""


def candidates() -> Iterator[tv.Strategy]:
    """Yield the built-in strategies with other constants."""
    for level in range(7):
        yield _variant("advance", prewarmed=level)
    for level, quantile in product(range(2, 9), (0.25, 0.5, 0.75, 0.9)):
        yield _variant("just in time", prewarmed=level, lead=tv.Lead(quantile=quantile))
    for level, ready, quantile in product(range(2, 9), (0.9, 1.0), (0.5, 0.9)):
        yield _variant("slack aware", prewarmed=level, dedicated_from=ready, lead=tv.Lead(quantile=quantile))
    for factor, window, alive in product((1.0, 1.25, 1.5), (10.0, 30.0), (20.0, 60.0)):
        yield _variant("adaptive", headroom=(factor, window), idle_time_to_live=alive)


def costs(strategies: list[tv.Strategy], replications: int) -> dict[str, list[tuple[float, float]]]:
    """Return the mean failures and idle seconds of a run for each rate, by the strategies' names."""
    scenarios = {f"{rate:g}/s": tv.Scenario(requests_per_second=rate) for rate in RATES}
    study = tv.compare(
        CATALOGUES, strategies, scenarios, replications=replications, seed=11,
        metrics=["failed", "idle"], progress=True,
    )  # fmt: skip
    means = study.summary.xs("mean", axis=1, level="statistic").reset_index()
    by = means.groupby(["strategy", "scenario"], sort=False)[["failed", "idle"]].mean()
    return {
        strategy.name: list(by.loc[strategy.name].itertuples(index=False, name=None)) for strategy in strategies
    }


def _variant(name: str, **fields: Any) -> tv.Strategy:
    shown = ", ".join(f"{field}={value}" for field, value in fields.items())
    return STRATEGIES[name].replace(name=f"{name}: {shown}", **fields)


def main() -> None:
    """Print the ten best candidates of each strategy, with failures and idle seconds at each rate."""
    replications = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    found = costs(list(candidates()), replications)
    for strategy in ("advance", "just in time", "slack aware", "adaptive"):
        own = {name: of for name, of in found.items() if name.startswith(f"{strategy}: ")}
        ranked = sorted(own, key=lambda name: sum(FAILURE * failed + idle for failed, idle in own[name]))
        print(f"\n{strategy}: mean cost in idle seconds; failed / idle at {RATES} videos per second")
        for name in ranked[:10]:
            mean = sum(FAILURE * failed + idle for failed, idle in own[name]) / len(RATES)
            points = "  ".join(f"{failed:6.2f} /{idle:7.1f}" for failed, idle in own[name])
            print(f"  {mean:8.1f}   {points}   {name.partition(': ')[2]}")


if __name__ == "__main__":
    main()
