"""Replications of one strategy in one scenario."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.catalogue import Catalogue
from tv2sim.experiment.kept import compute
from tv2sim.experiment.work import Chunk, Task, joined
from tv2sim.metrics import METRICS, ON_TIME_RATE, Setting, as_metrics
from tv2sim.scenario import Scenario
from tv2sim.statistics import (
    Difference,
    Interval,
    Stopped,
    as_confidence,
    exactly,
    mean_interval,
    paired_difference,
    share_interval,
)
from tv2sim.strategies import Strategy
from tv2sim.validation import MOST, a_whole_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Cell", "Replications", "extended"]


class Cell(NamedTuple):
    """The names of a catalogue, a scenario and a strategy."""

    catalogue: str
    scenario: str
    strategy: str


@dataclass(frozen=True, eq=False, repr=False)
class Replications:
    """Replications 0 to n - 1 of one strategy in one scenario; made by :func:`replicate`.

    Attributes
    ----------
    catalogue, strategy, scenario, seed
        What was simulated.
    engine : str
        The name of the engine that simulated.
    metrics : tuple of str
        The metrics that the frame shows.
    results : Chunk
        For each metric that was computed, one value per replication; and how often each video was on time.
    stopped : Stopped or None
        With a precision: why it ended. ``str(reps.stopped)`` is a sentence.
    """

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    engine: str
    metrics: tuple[str, ...]
    results: Chunk
    stopped: Stopped | None = None

    @property
    def cells(self) -> dict[Cell, Replications]:
        """These replications as the one cell of a comparison."""
        return {Cell(self.catalogue.name, "default", self.strategy.name): self}

    def __len__(self) -> int:
        return len(self.values(ON_TIME_RATE))

    def __repr__(self) -> str:
        mean = self.interval(ON_TIME_RATE).mean
        return (
            f"<{len(self)} replications of {self.catalogue.name!r} under {self.strategy.name!r}, "
            f"seed {self.seed}: on-time rate {mean:.4f}>"
        )

    def values(self, metric: str) -> NDArray[np.float64]:
        """Return a metric, one number per replication.

        For a metric that was not computed, the replications are simulated again, once for all such metrics.

        Raises
        ------
        InputError
            If there is no metric of that name.
        """
        as_metrics(metric)
        results = self.results if metric in self.results.values else self._results_of_all
        return results.values[metric]

    @cached_property
    def _results_of_all(self) -> Chunk:
        (chunk,) = compute([_task(self, range(len(self)), as_metrics("all"))])
        return chunk

    def interval(self, metric: str, confidence: float = 0.95, *, first: int | None = None) -> Interval:
        """Return the mean of a metric, with its interval, over all replications or the `first` few.

        The method follows from the values: see :func:`tv2sim.statistics.mean_interval` and, for a metric that
        is true or false, :func:`tv2sim.statistics.share_interval`. The interval ends at the bounds of the
        metric. If it cannot vary, the width is 0; if too few replications differ, there is no interval.
        """
        values, confidence = self.values(metric)[:first], as_confidence(confidence)
        of, videos = METRICS[metric], len(self.catalogue)
        if len(values) and of.is_fixed(self.setting):
            return exactly(float(values[0]), len(values))
        if of.dtype is bool:
            return share_interval(int(values.sum()), len(values), confidence)
        low, high = of.limits(videos)
        return mean_interval(values, confidence, low=low, high=high, step=of.step(videos))

    def less(self, other: Replications, metric: str, confidence: float = 0.95) -> Difference:
        """Return the mean of a metric less that of other replications, paired by replication.

        If neither can vary, the difference is exact: it has the width 0 and no p-value.
        """
        of, values, others = METRICS[metric], self.values(metric), other.values(metric)
        if len(values) and of.is_fixed(self.setting) and of.is_fixed(other.setting):
            exact = exactly(float(values[0] - others[0]), len(values))
            return Difference(*exact[:4], p_value=nan, variance_ratio=nan, n=len(values), differing=0)
        return paired_difference(values, others, confidence, step=of.step(len(self.catalogue)))

    @cached_property
    def setting(self) -> Setting:
        """What is simulated, of which metrics ask whether they can vary."""
        return Setting(self.catalogue, self.strategy, self.scenario)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per replication: its number and its metrics."""
        import pandas as pd

        columns = {metric: self.values(metric).astype(METRICS[metric].dtype) for metric in self.metrics}
        return pd.DataFrame({"replication": np.arange(len(self)), **columns})

    @cached_property
    def on_time(self) -> pd.DataFrame:
        """A row per video: how often it was on time, and the probability of it with its 95 % interval."""
        import pandas as pd

        counts = self.results.on_time
        shares = pd.DataFrame([share_interval(count, len(self)) for count in counts.tolist()])
        frame = self.catalogue.frame[["id", "title", "encoding_time", "publication_timeout"]]
        shares = shares[["mean", "ci_low", "ci_high"]].rename(columns={"mean": "probability"})
        return frame.assign(on_time=counts).join(shares)

    def extend(self, more: int, **how: Any) -> Replications:
        """Return these and `more` additional replications; those that are done are not repeated.

        `workers`, `executor`, `results` and `progress` are those of :func:`tv2sim.replicate`.
        """
        (reps,) = extended([self], more, **how)
        return reps


def extended(several: Collection[Replications], more: int, **how: Any) -> list[Replications]:
    """Return each with `more` additional replications; `how` is for :func:`tv2sim.experiment.kept.compute`."""
    count = a_whole_number("more", more, at_least=1, at_most=MOST)
    tasks = [_task(reps, range(len(reps), len(reps) + count), tuple(reps.results.values)) for reps in several]
    chunks = compute(tasks, **how)
    return [
        replace(reps, results=joined(reps.results, chunk), stopped=None)
        for reps, chunk in zip(several, chunks, strict=True)
    ]


def _task(reps: Replications, replications: range, metrics: tuple[str, ...]) -> Task:
    return Task(reps.catalogue, reps.strategy, reps.scenario, reps.seed, replications, reps.engine, metrics)
