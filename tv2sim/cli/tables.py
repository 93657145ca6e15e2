"""A comparison as tables: one to compute with, and text to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.cli.text import plain
from tv2sim.metrics import MAIN, METRICS
from tv2sim.numbers import estimate, heading, p_value, plural, rate
from tv2sim.report.text import differences, name_of, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from tv2sim.experiment import Comparison

__all__ = ["tidy", "to_read"]

_DIFFERENCE = {
    "baseline": "baseline", "mean": "difference", "half_width": "difference_half_width",
    "ci_low": "difference_ci_low", "ci_high": "difference_ci_high", "p_value": "p_value",
    "p_adjusted": "p_adjusted", "variance_ratio": "variance_ratio", "verdict": "verdict",
}  # fmt: skip


def tidy(study: Comparison) -> pd.DataFrame:
    """Return the comparison as one table: a row per catalogue, scenario, strategy and metric.

    The columns are those of the summary, then those of the difference from the baseline, which are missing in
    the baseline's own rows.
    """
    import pandas as pd

    keys = ["catalogue", "scenario", "strategy", "metric"]
    rows = [
        [*cell, metric, *reps.interval(metric, study.confidence)[:4]]
        for cell, reps in study.cells.items()
        for metric in study.metrics
    ]
    table = pd.DataFrame(rows, columns=[*keys, "mean", "half_width", "ci_low", "ci_high"])
    table.insert(len(keys), "replications", study.replications)
    differences = study.differences[[*keys, *_DIFFERENCE]].rename(columns=_DIFFERENCE)
    return table.merge(differences, on=keys, how="left", validate="1:1")


def to_read(study: Comparison) -> Iterator[str]:
    """Yield the lines of the text: for each world the metrics, the differences, and the verdict."""
    parts = study.worlds()
    for part in parts:
        if part is not parts[0]:
            yield ""
        first = part[part.baseline]
        yield plain(
            f"{name_of(part)}: {plural(len(first.catalogue), 'video')}, "
            f"{plural(study.replications, 'replication')}, "
            f"seed {first.seed}, {rate(study.confidence)} intervals"
        )
        yield ""
        yield from _metrics(part)
        if len(part.strategies) > 1:
            yield ""
            yield f"differences from strategy {plain(study.baseline)}, paired; p-values adjusted (Holm)"
            yield ""
            yield from _differences(part)
        yield ""
        yield plain(verdict(part))


def _metrics(part: Comparison) -> Iterator[str]:
    confidence = part.confidence
    rows = [
        [plain(name), *(estimate(metric, reps.interval(metric, confidence), units=False) for metric in MAIN)]
        for name, reps in part.strategies.items()
    ]
    yield from _aligned([["strategy", *map(heading, MAIN)], *rows], left=1)


def _differences(part: Comparison) -> Iterator[str]:
    rows = [["strategy", "metric", "verdict", "difference", "p"]]
    for strategy, compared in differences(part, MAIN):
        if not compared:
            rows.append([plain(strategy), "all of these", "the same in every replication", "", ""])
        for one in compared:
            gain = estimate(one.metric, one.interval, difference=True)
            label = METRICS[one.metric].label
            rows.append([plain(strategy), label, one.verdict.value, gain, p_value(one.p_adjusted)])
    yield from _aligned(rows, left=3)


def _aligned(rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Align the first `left` columns to the left and the others, which hold numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
