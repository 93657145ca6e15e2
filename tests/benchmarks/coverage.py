"""How often the intervals of tv2sim contain the true value: ``python -m tests.benchmarks.coverage``.

Pools of 9 to 14 on the generated catalogue: failures from seven a run to one in 650 runs. The true values are
the means of all replications, of which samples are taken without overlap. With ``--write docs/intervals.md``
the tables become that page; with ``--quick`` there are a tenth as many replications.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import tv2sim as tv
from tests.benchmarks.coverage_quantiles import coverages, truths
from tv2sim.inference.intervals import Interval, mean_interval, mean_of_sum, paired_difference, share_interval
from tv2sim.results.metrics import COST, METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

__all__ = ["COUNTS", "KINDS", "POOLS", "Cell", "Kind", "covered", "simulated", "tables"]

POOLS = range(9, 15)
COUNTS = (10, 30, 100, 1000)
_REPLICATIONS = 4_000_000
_SAMPLES = 4000
_VIDEOS = 154
OTHERS = "failed, beyond those that must be"
"""What is estimated of failures under a control variate, as if it were a metric."""
ENOUGH_EVENTS = 5
"""With fewer expected, an exact interval has to be wider than its confidence asks for."""


class Kind(NamedTuple):
    """A kind of interval, and the metric on which it is tried."""

    title: str
    metric: str
    paired: bool = False
    """Whether it is of the difference from a pool that is one smaller."""
    failure: float = 0.0
    """For a cost: what a failure costs, where an idle second costs 1."""

    def values(self, found: dict[int, dict[str, Values]], pool: int) -> Values:
        """Return the value of each replication; for a cost, the idle seconds and the failures."""
        names = ["idle", "failed"] if self.metric == COST else [self.metric]
        values = np.stack([found[pool][name] for name in names], axis=-1)
        if self.paired:
            values -= np.stack([found[pool - 1][name] for name in names], axis=-1)
        return values if self.metric == COST else values[:, 0]

    def interval(self, values: Values) -> Interval:
        """Return the interval that tv2sim gives."""
        metric = METRICS["failed" if self.metric == OTHERS else self.metric]
        if self.metric == COST:
            low, high = (-inf, inf) if self.paired else (0, _VIDEOS)
            return mean_of_sum(values[:, 0], values[:, 1], self.failure, low=low, high=high)
        if self.paired:
            return paired_difference(values, np.zeros(len(values)), step=metric.step(_VIDEOS)).interval
        if metric.dtype is bool:
            return share_interval(int(values.sum()), len(values))
        low, high = metric.limits(_VIDEOS)
        return mean_interval(values, low=low, high=high, step=metric.step(_VIDEOS))


KINDS = (
    Kind("Videos published too late", "failed"),
    Kind("Videos published too late that did not have to be (the rest under the control variate)", OTHERS),
    Kind("Runs with any failure", "any_failure"),
    Kind("Stockouts", "stockouts"),
    Kind("Idle time", "idle"),
    Kind("Elapsed time, p95 of a run", "elapsed_p95"),
    Kind("Elapsed time, p99 of a run", "elapsed_p99"),
    Kind("Lateness, p95 of a run", "lateness_p95"),
    Kind("Lateness, largest of a run", "lateness_max"),
    Kind("Publisher-seconds", "publisher_seconds"),
    Kind("Cost, where a failure costs as much as 250 idle seconds", COST, failure=250),
    Kind("Cost, where a failure costs as much as 10,000 idle seconds", COST, failure=10_000),
    Kind("Difference in videos published too late", "failed", paired=True),
    Kind("Difference in runs with any failure", "any_failure", paired=True),
    Kind("Difference in elapsed time, p99 of a run", "elapsed_p99", paired=True),
    Kind("Difference in cost, a failure as 10,000 idle seconds", COST, paired=True, failure=10_000),
)


class Cell(NamedTuple):
    """What was found for one pool and one number of replications."""

    given: float
    """The share of samples for which there is an interval."""
    holds: float
    """The share of these in which it contains the true value."""
    events: float
    """The mean number of replications that differ from the commonest value."""

    def __str__(self) -> str:
        if self.given < 0.5:
            return "–"
        return f"{self.holds:.3f}" + ("" if self.given > 0.995 else f" ({100 * self.given:.0f} %)")


def simulated(replications: int, seed: int = 1) -> dict[int, dict[str, Values]]:
    """Return the metrics of all kinds by pool, and those of the pool below the smallest."""
    catalogue, metrics = (
        tv.generate_catalogue(_VIDEOS),
        sorted({kind.metric for kind in KINDS} - {COST, OTHERS}),
    )
    found = {}
    for pool in (POOLS[0] - 1, *POOLS):
        reps = tv.replicate(catalogue, f"2c:{pool}", replications=replications, seed=seed, metrics=metrics)
        found[pool] = {metric: reps.values(metric) for metric in metrics} | {OTHERS: reps.estimated_failures}
    return found


def covered(values: Values, n: int, samples: int, interval: Callable[[Values], Interval]) -> Cell:
    """Return how often an interval from n values contains the mean of all."""
    true = interval(values).mean
    starts = np.linspace(0, len(values) - n, min(samples, len(values) // n)).astype(np.int64)
    found = [interval(values[start : start + n]) for start in starts.tolist()]
    given = [one for one in found if not np.isnan(one.half_width)]
    near = 1e-9 * max(1.0, abs(true))
    holds = sum(one.ci_low - near <= true <= one.ci_high + near for one in given)
    events = float(np.mean([one.differing or 0 for one in found]))
    return Cell(len(given) / len(found), holds / len(given) if given else np.nan, events)


def tables(
    found: dict[int, dict[str, Values]], samples: int = _SAMPLES
) -> Iterator[tuple[Kind, dict[int, list[Cell]]]]:
    """Yield for each kind a list of cells by pool, one for each of COUNTS."""
    for kind in KINDS:
        yield (
            kind,
            {
                pool: [covered(kind.values(found, pool), n, samples, kind.interval) for n in COUNTS]
                for pool in POOLS
            },
        )


PRECISIONS = (
    (10, tv.Precision("failed", relative=0.1)),
    (11, tv.Precision("failed", absolute=0.05)),
    (12, tv.Precision("failed", absolute=0.01)),
    (13, tv.Precision("failed", absolute=0.01)),
)
"""Pools whose failures are estimated until they are known this precisely."""


class Stopping(NamedTuple):
    """What was found for a study that ends when its precision is met."""

    holds: float
    """The share of studies whose interval contains the true value."""
    replications: float
    bias: float
    """The mean of all estimates over the true value, less 1."""


def stopping(pool: int, precision: tv.Precision, true: float, seeds: range) -> Stopping:
    """Make a study for each seed, and compare its estimate with the true value."""
    catalogue, found = tv.generate_catalogue(_VIDEOS), []
    for seed in seeds:
        reps = tv.replicate(
            catalogue, f"2c:{pool}", replications=10**6, precision=precision, metrics=[precision.metric],
            seed=seed, progress=False, control=False,
        )  # fmt: skip
        interval = reps.interval(precision.metric)
        found.append((interval.ci_low <= true <= interval.ci_high, len(reps), interval.mean / true - 1))
    return Stopping(*np.mean(found, axis=0).tolist())


def _stopping_lines(found: dict[int, dict[str, Values]], seeds: range) -> Iterator[str]:
    yield "| Pool | Asked for | Holds | Replications, mean | Bias |"
    yield "|---:|---|---:|---:|---:|"
    for pool, precision in PRECISIONS:
        asked = f"± {precision.absolute}" if precision.absolute else f"± {100 * (precision.relative or 0):g} %"
        of = stopping(pool, precision, float(found[pool][precision.metric].mean()), seeds)
        yield f"| {pool} | {asked} | {of.holds:.3f} | {of.replications:,.0f} | {100 * of.bias:+.1f} % |"


def _quantile_lines(studies: int, replications: int) -> Iterator[str]:
    """Yield a table of quantiles over all videos: the lowest share of POOLS that holds, and the highest."""
    catalogue = tv.generate_catalogue(_VIDEOS)
    held: dict[tuple[str, float], dict[int, list[float]]] = {}
    for pool in POOLS:
        true = truths(catalogue, f"2c:{pool}", replications=replications)
        for n in COUNTS:
            for one in coverages(catalogue, f"2c:{pool}", n, studies, true):
                held.setdefault((one.quantity, one.share), {}).setdefault(n, []).append(one.covered)
    yield "| Quantile | " + " | ".join(f"n = {n:,}" for n in COUNTS) + " |"
    yield "|---|" + "---:|" * len(COUNTS)
    for (quantity, share), by_count in held.items():
        cells = [f"{min(shares):.3f} to {max(shares):.3f}" for shares in by_count.values()]
        yield f"| {quantity}, {100 * share:g} % | " + " | ".join(cells) + " |"


def _lines(kind: Kind, rows: dict[int, list[Cell]]) -> Iterator[str]:
    yield f"**{kind.title}** (`{kind.metric}`)"
    yield ""
    yield "| Pool | " + " | ".join(f"n = {n:,}" for n in COUNTS) + " |"
    yield "|---:|" + "---:|" * len(COUNTS)
    for pool, cells in rows.items():
        name = f"{pool} − {pool - 1}" if kind.paired else f"{pool}"
        yield f"| {name} | " + " | ".join(map(str, cells)) + " |"
    yield ""


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the replications")
    parser.add_argument("--write", type=Path, help="the page to write, from the template beside this file")
    options = parser.parse_args()
    replications = _REPLICATIONS // (10 if options.quick else 1)
    found = simulated(replications)
    lines: list[str] = []
    sequential = list(_stopping_lines(found, range(1000, 1100 if options.quick else 2000)))
    quantiles = list(_quantile_lines(100 if options.quick else 1000, replications // 20))
    for kind, rows in tables(found):
        lines += _lines(kind, rows)
        for pool, cells in rows.items():
            for n, cell in zip(COUNTS, cells, strict=True):
                expected = cell.events >= ENOUGH_EVENTS
                if cell.given >= 0.5 and (cell.holds < 0.94 or (expected and cell.holds > 0.985)):
                    print(
                        f"outside .94 to .985: {kind.title}, pool {pool}, n = {n}: {cell}, "
                        f"{cell.events:.1f} events"
                    )
    if options.write is None:
        print("\n".join([*lines, *quantiles, *sequential]))
        return
    template = Path(__file__).with_name("intervals.md").read_text(encoding="utf-8")
    page = template.replace("{tables}", "\n".join(lines)).replace("{replications}", f"{replications:,}")
    error = f"{(0.95 * 0.05 / _SAMPLES) ** 0.5:.3f}".removeprefix("0")
    page = page.replace("{samples}", f"{_SAMPLES:,}").replace("{error}", error)
    page = page.replace("{quantiles}", "\n".join(quantiles)).replace("{sequential}", "\n".join(sequential))
    options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
