"""What notebooks show of a run: its main metrics, and the pool over time."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from tv2sim.base.notebook_html import Markup, display, paragraph, steps, table
from tv2sim.base.ticks import PER_SECOND
from tv2sim.inference.intervals import Interval
from tv2sim.results.facts import VIDEO_OUTCOMES
from tv2sim.results.figures import estimate, heading
from tv2sim.results.metrics import MAIN

if TYPE_CHECKING:
    from tv2sim.results.run import Run


_MOST_SHOWN = 20_000
"""The most videos of a run whose levels a notebook shows, since their table takes a while."""


def run_html(run: Run) -> str:
    """Return the main metrics of a run as a table, and a chart of its pool."""
    metrics = [name for name in MAIN if name in run.summary]
    values = [estimate(name, Interval(run.summary[name], nan, nan, nan), units=False) for name in metrics]
    return display(
        f"{run.strategy.name}, {run.catalogue.name}",
        f"seed {run.seed}, replication {run.replication}: {run._result}",
        table([*map(heading, metrics)], [values], words=0),
        *(_pool(run) if len(run.catalogue) <= _MOST_SHOWN else ()),
    )


def _pool(run: Run) -> tuple[Markup, ...]:
    """Return a chart of the pool; nothing if it is never used."""
    levels, videos = run.levels, run.facts.videos
    late = videos["published"][videos["outcome"] == VIDEO_OUTCOMES.index("failed")] / PER_SECOND
    names = ("time", "publishers_ready", "publishing_queue")
    time, ready, waiting = (levels[name].to_numpy() for name in names)
    if not ready.any() and not waiting.any():
        return ()
    return (
        paragraph(
            f"Over time: ready publishers (above the line, up to {ready.max()}), waiting videos (below, up "
            f"to {waiting.max()}), and when videos are published too late (marks)"
        ),
        steps(time, ready, waiting, late, run.end, "publishers and videos over time"),
    )
