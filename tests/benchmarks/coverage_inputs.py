"""How often intervals with input uncertainty hold: ``python -m tests.benchmarks.coverage_inputs [SETS]``.

Start-up times are uniform(2, 6). Sets of 20, 50 and 200 of them are measured, and each set is given to a study
as `startup_samples`. The true values are those of uniform(2, 6): by theory for parts 1 and 2a, else the means
of many replications. With ``--write`` the table in ``docs/intervals.md``, and in the template of that page, is
replaced.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tv2sim as tv
from tv2sim.base.digits import three_digits

__all__ = ["COUNTS", "KINDS", "Coverage", "Kind", "coverages", "held", "lines", "truth", "written"]

COUNTS = (20, 50, 200)
TRUE = tv.Uniform(2, 6)
_STRATEGIES = ("1", "2a", "2c:9", "2c:10", "2c:11", "2c:12", "advance")
_BEGIN, _END = "<!-- by coverage_inputs -->\n", "<!-- end -->\n"
_HERE = Path(__file__).parent
_PAGES = (_HERE.parent.parent / "docs" / "intervals.md", _HERE / "intervals.md")


class Kind(NamedTuple):
    """What an interval is of."""

    metric: str
    strategy: str
    less: str | None = None

    def __str__(self) -> str:
        name = {"failed": "too late", "idle": "idle time"}[self.metric]
        return f"{self.strategy} − {self.less}, {name}" if self.less else f"{self.strategy}, {name}"


KINDS = (
    *(Kind("failed", name) for name in _STRATEGIES),
    *(Kind("idle", name) for name in _STRATEGIES[2:]),
    Kind("failed", "2a", "1"),
    Kind("failed", "2c:10", "2a"),
    Kind("failed", "2c:10", "advance"),
    Kind("failed", "2c:11", "2c:10"),
    Kind("failed", "2c:12", "2c:11"),
    Kind("idle", "2c:12", "2c:10"),
)


class Coverage(NamedTuple):
    """How often two intervals held the true value, and how wide they were."""

    plain: float
    """That of the replications alone."""
    wider: float
    below: float
    """How often the true value was below the wider one."""
    above: float
    plain_width: float
    """The mean width."""
    wider_width: float
    share: float
    """The share of the variance between resamples that is due to the start-up times; NaN of a difference."""


@cache
def truth(strategy: str, metric: str, replications: int) -> float:
    """Return the true mean."""
    catalogue = tv.generate_catalogue()
    if metric == "failed" and strategy in ("1", "2a"):
        return len(catalogue) - tv.queueing.on_time_probability(catalogue, strategy).published
    reps = tv.replicate(
        catalogue, strategy, replications=replications, seed=7_000, metrics=["failed", "idle"], progress=False
    )
    return float(reps.values(metric).mean())


def coverages(
    count: int,
    sets: range,
    kinds: Sequence[Kind] = KINDS,
    *,
    replications: int = 1000,
    of_truth: int = 200_000,
) -> dict[Kind, Coverage]:
    """Make a study for each set of so many measured times, and compare its intervals with the truth."""
    found = held(count, sets, kinds, replications=replications, of_truth=of_truth)
    return {kind: Coverage(*np.mean(rows, axis=0).tolist()) for kind, rows in found.items()}


def held(
    count: int, sets: range, kinds: Sequence[Kind] = KINDS, *, replications: int = 1000, of_truth: int = 200_000
) -> dict[Kind, list[tuple[float, ...]]]:
    """Return the numbers of :class:`Coverage` for each set."""
    catalogue = tv.generate_catalogue()
    strategies = dict.fromkeys(name for kind in kinds for name in (kind.strategy, kind.less) if name)
    found: dict[Kind, list[tuple[float, ...]]] = {kind: [] for kind in kinds}
    for number in sets:
        samples = TRUE.quantile(np.random.default_rng([count, number]).random(count))
        study = tv.compare(
            catalogue, strategies, replications=replications, seed=number, metrics=["failed", "idle"],
            startup_samples=samples, control=False, progress=False,
        )  # fmt: skip
        for kind in kinds:
            found[kind].append(_held(study, kind, of_truth))
    return found


def _held(study: tv.Comparison, kind: Kind, of_truth: int) -> tuple[float, ...]:
    reps, less = study[kind.strategy], study[kind.less] if kind.less else None
    true = truth(kind.strategy, kind.metric, of_truth)
    true -= truth(kind.less, kind.metric, of_truth) if kind.less else 0
    plain = reps.less(less, kind.metric).interval if less else reps.interval(kind.metric)
    wider, drawn = reps.input_interval(kind.metric, less=less), reps.resamples
    assert drawn is not None
    return (
        plain.ci_low <= true <= plain.ci_high,
        wider.ci_low <= true <= wider.ci_high,
        true < wider.ci_low,
        true > wider.ci_high,
        plain.ci_high - plain.ci_low,
        wider.ci_high - wider.ci_low,
        np.nan if less else drawn.share(kind.metric),
    )


def lines(found: Mapping[int, Mapping[Kind, Coverage]], sets: Mapping[int, int]) -> Iterator[str]:
    """Yield the table: a row for each kind, a column for each number of measured times."""
    counts = [f"{count} times" for count in found]
    yield f"| Mean of | {' | '.join(counts)} | narrow, 50 times | widths, 50 times | noise |"
    yield "|---|" + "---:|" * (len(counts) + 3)
    for kind in KINDS:
        of = found[50][kind]
        cells = [f"{by_kind[kind].wider:.3f}" for by_kind in found.values()]
        noise = "" if np.isnan(of.share) else f"{100 * (1 - of.share):.0f} %"
        widths = f"{three_digits(of.plain_width)}, {three_digits(of.wider_width)}"
        yield f"| {kind} | {' | '.join(cells)} | {of.plain:.3f} | {widths} | {noise} |"
    yield ""
    counted = ", ".join(f"{sets[count]} of {count} times" for count in found)
    error = (0.95 * 0.05 / sets[50]) ** 0.5
    yield f"Sets: {counted}. The standard error of a share of .95 of those of 50 times is {error:.3f}."


def written(page: str, table: Iterable[str]) -> str:
    """Return a page with this table in the place of the earlier one."""
    before, rest = page.split(_BEGIN)
    return before + _BEGIN + "\n".join(["", *table, "", ""]) + _END + rest.split(_END)[1]


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="?", type=int, default=1000, help="sets of measured times")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    options = parser.parse_args()
    found = {}
    for count in COUNTS:
        found[count] = coverages(count, range(options.sets))
        for kind, of in found[count].items():
            print(count, kind, " ".join(f"{value:.3f}" for value in of), flush=True)
    for page in _PAGES if options.write else ():
        table = lines(found, dict.fromkeys(COUNTS, options.sets))
        page.write_text(written(page.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main()
