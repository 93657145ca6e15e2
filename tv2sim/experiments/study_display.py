"""What notebooks show of experiments: replications, comparisons, plans, sensitivities and validations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tv2sim.base.checks import plural
from tv2sim.base.digits import number, p_value, rate
from tv2sim.base.notebook_html import Markup, display, histogram, paragraph, table, whisker
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.conclusions import controlled
from tv2sim.experiments.planning import Plan, share_in_words
from tv2sim.experiments.replications import Cell, Replications, main_of
from tv2sim.experiments.sensitivity import End, Sensitivity
from tv2sim.experiments.validate import Validation
from tv2sim.inference.intervals import Interval
from tv2sim.results.figures import estimate, heading
from tv2sim.results.metrics import METRICS, ON_TIME_RATE

_MOST_SHOWN = 50
"""The most cells that a notebook shows."""


def replications_html(reps: Replications) -> str:
    """Return the means of the main metrics, and how many videos each replication publishes in time."""
    metrics = main_of(reps.metrics)
    figures = [estimate(metric, reps.interval(metric), units=False) for metric in metrics]
    published = np.rint(reps.values(ON_TIME_RATE) * len(reps.catalogue))
    span = f"{published.min():.0f} to {published.max():.0f}"
    return display(
        f"{reps.strategy.name}, {reps.catalogue.name}",
        f"{plural(len(reps), 'replication')}, seed {reps.seed}",
        table([*map(heading, metrics)], [figures], words=0),
        paragraph(f"Published in time: {span} videos, replication by replication"),
        histogram(published, "videos published in time by replication", width=320, height=48),
        *_paragraphs(controlled(reps.cells), reps.stopped),
    )


def comparison_html(study: Comparison) -> str:
    """Return the means of the main metrics by cell, their on-time rates as a chart, and the verdict."""
    places = [place for place in range(3) if place == 2 or len({cell[place] for cell in study.cells}) > 1]
    shown, metrics = list(study.cells.items())[:_MOST_SHOWN], main_of(study.metrics)
    names = [[cell[place] for place in places] for cell, _ in shown]
    axis, charts = _rates([reps.interval(ON_TIME_RATE, study.confidence) for _, reps in shown])

    def figures(interval: Callable[[str, float], Interval]) -> list[str]:
        return [estimate(metric, interval(metric, study.confidence), units=False) for metric in metrics]

    rows = [
        [*name, chart, *figures(reps.interval)]
        for name, chart, (_, reps) in zip(names, charts, shown, strict=True)
    ]
    head, heads = [Cell._fields[place] for place in places], list(map(heading, metrics))
    parts = [table([*head, axis, *heads], rows, words=len(head))]
    if len(study.cells) > len(shown):
        parts.append(paragraph(f"and {len(study.cells) - len(shown)} more"))
    if study.resamples is not None:
        wide = [[*name, *figures(reps.input_interval)] for name, (_, reps) in zip(names, shown, strict=True)]
        parts.append(paragraph(f"With the uncertainty of {study.resamples.times} measured start-up times:"))
        parts.append(table([*head, *heads], wide, words=len(head)))
    return display(
        f"Comparison of {plural(len({cell.strategy for cell in study.cells}), 'strategy')}",
        f"{plural(study.replications, 'replication')} each, {rate(study.confidence)} intervals",
        *parts,
        *_paragraphs(controlled(dict(shown)), study.verdict, study.stopped),
    )


def _rates(rates: list[Interval]) -> tuple[str, list[Markup]]:
    """Return the head of a column of on-time rates, with the ends of their common scale, and the charts."""
    low = min(np.fmin(one.mean, one.ci_low) for one in rates)
    high = max(np.fmax(one.mean, one.ci_high) for one in rates)
    axis = f"{METRICS[ON_TIME_RATE].label}, {number(100 * low, 1)} to {number(100 * high, 1)} %"
    return axis, [whisker(one.mean, one.ci_low, one.ci_high, (low, high), "on-time rate") for one in rates]


def plan_html(plan: Plan) -> str:
    """Return the answer of a plan, and the table of what was looked at."""
    head, *rows = plan.table()
    target = plan.target
    aim = "the least cost" if target is None else f"{share_in_words(target, up=False)} of the videos in time"
    note = f"{aim}, confidence {share_in_words(plan.confidence, up=False)}"
    return display("Plan", note, paragraph(plan.answer), table(head, rows))


def sensitivity_html(found: Sensitivity) -> str:
    """Return the table of the metric at both ends of each field."""
    label = heading(found.metric)
    head = ["field", "usual", "low", "high", f"{label}, low", f"{label}, high", "matters"]

    def mean(end: End | None) -> str:
        return "–" if end is None else estimate(found.metric, end.interval, units=False)

    rows = [
        [
            row.label,
            row.text,
            *("–" if end is None else end.text for end in (row.low, row.high)),
            *map(mean, (row.low, row.high)),
            "yes" if row.matters else "no",
        ]
        for row in found.rows
    ]
    note = f"each field moved by {rate(found.by)}, {rate(found.confidence)} intervals"
    left = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
    words = (found.answer, controlled(found.usual.cells), left and f"Left out: {left}.")
    return display("Sensitivity", note, table(head, rows), *_paragraphs(*words))


def validation_html(found: Validation) -> str:
    """Return the table of observed and simulated figures, strategy by strategy."""
    head = ["strategy", "figure", "runs", "observed", "simulated", "z", "p", "p after Holm"]
    rows = [
        [
            row.runs.strategy,
            row.runs.label,
            len(row.runs.observed),
            *row.runs.means,
            number(row.z, 2),
            *map(p_value, (row.p_value, row.p_adjusted)),
        ]
        for row in found.rows
    ]
    note = f"at a level of {rate(found.level)}"
    return display("Validation", note, table(head, rows, words=2), paragraph(found.answer))


def _paragraphs(*words: object) -> Iterable[Markup]:
    """Return a paragraph for each text that is not empty."""
    return map(paragraph, filter(None, words))
