"""A comparison as tables: one to compute with, and text to read."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import plural
from tv2sim.base.digits import number, p_value, rate
from tv2sim.base.errors import printable
from tv2sim.base.lazy_pandas import pd
from tv2sim.cli.output import fit_table, wrap
from tv2sim.experiments.conclusions import controlled, differences, name_of, verdict
from tv2sim.experiments.startup_resampling import ENDS
from tv2sim.inference.intervals import Interval
from tv2sim.results.facts import VIDEO_OUTCOMES
from tv2sim.results.figures import estimate, heading, in_points, span
from tv2sim.results.metrics import MAIN, METRICS, ON_TIME_RATE

if TYPE_CHECKING:
    from tv2sim.experiments.comparison import Comparison
    from tv2sim.experiments.comparison_tables import Compared
    from tv2sim.experiments.planning import Plan
    from tv2sim.experiments.replications import Replications
    from tv2sim.results.run import Run


_DIFFERENCE = {
    "baseline": "baseline", "mean": "difference", "half_width": "difference_half_width",
    "ci_low": "difference_ci_low", "ci_high": "difference_ci_high",
    **{end: f"difference_{end}" for end in ENDS}, "p_value": "p_value",
    "p_adjusted": "p_adjusted", "variance_ratio": "variance_ratio", "verdict": "verdict",
}  # fmt: skip


def tidy(study: Comparison) -> pd.DataFrame:
    """Return the comparison as one table: a row per catalogue, scenario, strategy and metric.

    The first columns are those of :attr:`tv2sim.Comparison.frame` without `n`. Then come the columns of the
    difference from the baseline, which are empty in the rows of the baseline.
    """
    keys = ["catalogue", "scenario", "strategy", "metric"]
    names = [name for name in _DIFFERENCE if study.resamples or name not in ENDS]
    differences = study.differences[[*keys, *names]].rename(columns=_DIFFERENCE)
    return study.frame.drop(columns="n").merge(differences, on=keys, how="left", validate="1:1")


def to_read(study: Comparison, by: str | None = None, plan: Plan | None = None) -> Iterator[str]:
    """Yield the lines of the text: for each world the metrics, the differences, and the verdict.

    `by` is a column of the catalogue: a table of its groups of videos is added. The verdict is that of the
    plan if there is one.
    """
    parts = study.worlds()
    for part in parts:
        if part is not parts[0]:
            yield ""
        first = part[part.baseline]
        yield from wrap(
            printable(
                f"{name_of(part)}: {plural(len(first.catalogue), 'video')}, "
                f"{plural(study.replications, 'replication')}, "
                f"seed {first.seed}, {rate(study.confidence)} intervals"
                f"{f', margin {in_points(study.margin)}' if study.margin else ''}"
            )
        )
        yield ""
        yield from _metrics(part)
        if part.resamples is not None:
            yield ""
            yield f"with the uncertainty of {part.resamples.times} measured start-up times"
            yield ""
            yield from _metrics(part, wider=True)
        if words := controlled(part.cells):
            yield ""
            yield from wrap(printable(words))
        if len(part.strategies) > 1:
            yield ""
            head = f"differences from strategy {printable(study.baseline)}, paired; p-values adjusted (Holm)"
            yield from wrap(head)
            yield ""
            yield from _differences(part)
        yield ""
        if by is not None:
            yield from _by_group(part, by)
        yield from wrap(printable(verdict(part, plan)))


def _metrics(part: Comparison, *, wider: bool = False) -> Iterator[str]:
    confidence, main = part.confidence, _main(part)

    def interval(reps: Replications, metric: str) -> Interval:
        return (reps.input_interval if wider else reps.interval)(metric, confidence)

    rows = [
        [printable(name), *(estimate(metric, interval(reps, metric), units=False) for metric in main)]
        for name, reps in part.strategies.items()
    ]
    yield from fit_table([["strategy", *map(heading, main)], *rows], left=1)


def _main(part: Comparison) -> list[str]:
    """Return the metrics on which a decision is based; the cost is one where there are prices."""
    return [name for name in MAIN if name in part.metrics]


def _differences(part: Comparison) -> Iterator[str]:
    measured = ["with measured start-up times"] if part.resamples else []
    rows: list[list[str] | str] = [["metric", "verdict", "difference", *measured, "p"]]
    for strategy, compared in differences(part, _main(part)):
        rows.append(
            printable(strategy) if compared else f"{printable(strategy)}: the same in every replication"
        )
        for one in compared:
            gain = estimate(one.metric, one.interval, difference=True)
            label = METRICS[one.metric].label
            wider = [_wider(part, one)] if measured else []
            rows.append([f"  {label}", one.verdict.value, gain, *wider, p_value(one.p_adjusted)])
    yield from fit_table(rows, left=2)


def _wider(part: Comparison, one: Compared) -> str:
    """Return the wider interval of a difference, and whether it contradicts the verdict."""
    wider = part.input_difference(one)
    if wider.is_exact:
        return estimate(one.metric, wider, difference=True)
    shown = span(one.metric, wider, difference=True)
    return f"{shown}, may be 0" if part.is_doubtful(one) else shown


# -- groups of videos --------------------------------------------------------------------------------------


def run_by_group(run: Run, column: str) -> Iterator[str]:
    """Yield the lines of a run's table of groups, with an empty line after it."""
    table = run.by(column)
    outcomes = [name for name in VIDEO_OUTCOMES if name != "published" and table[name].any()]
    rows = [
        [*(number(row[name]) for name in ("videos", *outcomes)), number(100 * row[ON_TIME_RATE], 1)]
        for row in table.to_dict("records")
    ]
    yield from _groups(table, column, "publications", ["videos", *outcomes], rows)


def _by_group(part: Comparison, column: str) -> Iterator[str]:
    table = part.by(column)
    rows = [
        [number(row["videos"]), estimate(ON_TIME_RATE, Interval(*(row[name] for name in _RATE)), units=False)]
        for row in table.to_dict("records")
    ]
    notes = []
    if np.isinf(table.filter(like="lateness")).any(axis=None):
        notes.append("(∞: they are not published when the run ends)")
    if (pooled := int(table["replications"].iloc[0])) < part.replications:
        notes.append(f"of the first {plural(pooled, 'replication')}, which are a million videos")
    yield from _groups(table, column, "videos", ["videos"], rows, *notes)


def _groups(
    table: pd.DataFrame, column: str, what: str, heads: list[str], rows: list[list[str]], *notes: str
) -> Iterator[str]:
    """Yield the lines of a table of groups; `rows` has the cells between the group and its lateness."""
    keys = [name for name in ("strategy", "group") if name in table]
    cells = [
        [*(_group(record[name]) for name in keys), *row, *_lateness(record)]
        for record, row in zip(table.to_dict("records"), rows, strict=True)
    ]
    yield from wrap(f"by {printable(column)}; lateness (s) that so many % of a group's {what} do not exceed")
    yield from (*notes, "")
    head = [*keys[:-1], printable(column), *heads, "on time (%)", *_PERCENTS]
    yield from fit_table([head, *cells], left=len(keys), keys=len(keys))
    yield ""


_PERCENTS = ("50 %", "95 %", "99 %")
_RATE = (ON_TIME_RATE, "half_width", "ci_low", "ci_high")


def _lateness(row: Mapping[Hashable, Any]) -> list[str]:
    return [number(value, 2) for name, value in row.items() if str(name).startswith("lateness")]


def _group(value: object) -> str:
    if value == "" or value != value:
        return "(none)"
    return printable(f"{value:.15g}" if isinstance(value, float) else str(value))
