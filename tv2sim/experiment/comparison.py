"""Strategies compared with each other, in one world or in several, under common random numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.catalogue import Catalogue
from tv2sim.draws import as_seed
from tv2sim.engines import engine_named
from tv2sim.errors import InputError
from tv2sim.experiment.cells import (
    Cell,
    baseline_of,
    named_catalogues,
    named_scenarios,
    named_strategies,
)
from tv2sim.experiment.choices import as_metrics, as_precision, next_batch, reason
from tv2sim.experiment.replications import Replications
from tv2sim.experiment.work import compute
from tv2sim.scenario import Scenario
from tv2sim.statistics import Interval, as_confidence, holm, paired_difference
from tv2sim.strategies import Strategy
from tv2sim.validation import MOST, a_whole_number

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from concurrent.futures import Executor
    from pathlib import Path

    import pandas as pd

    from tv2sim.statistics import Precision

__all__ = ["Comparison", "compare"]

_MORE_IS_BETTER = {"published", "on_time_rate"}
_NEITHER_IS_BETTER = {"encoder_utilization"}


def compare(
    catalogue: Catalogue | Mapping[str, Any] | Any,
    strategies: Iterable[Strategy | str] = ("1", "2a", "2b", "2c"),
    scenario: Scenario | Sequence[Scenario] | Mapping[str, Any] | None = None,
    *,
    replications: int = 1000,
    seed: int | None = 1,
    baseline: Strategy | str | None = None,
    engine: str = "auto",
    metrics: str | Iterable[str] = "all",
    confidence: float = 0.95,
    precision: Precision | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Comparison:
    """Simulate each strategy in each scenario on each catalogue, with the same random numbers.

    Parameters
    ----------
    catalogue : Catalogue or mapping
        One, or several by name.
    strategies : iterable of Strategy or str
        At least one; their names must differ.
    scenario : Scenario, sequence, mapping of scenarios, or grid
        One; several; several by name; or ``{"encoders": [5, 10], "requests_per_second": [1, 2]}`` for all
        combinations of these values.
    replications : int
        How many of each; with a `precision`, how many at the most.
    seed : int or None
        As for :func:`tv2sim.simulate`.
    baseline : Strategy or str, optional
        What the others are compared with; default is the first.
    engine : {"auto", "simpy"}
        As for :func:`tv2sim.replicate`.
    metrics : "all" or names
        Which figures the tables show.
    confidence : float
        Of the intervals, and 1 less the error rate of the verdicts.
    precision : Precision, optional
        Stop as soon as every cell's mean is known so well.
    workers, executor, progress
        As for :func:`tv2sim.replicate`.

    Returns
    -------
    Comparison
        ``.summary``, ``.differences`` and ``.report(path)``.

    Raises
    ------
    InputError
        If an argument is wrong: an unknown strategy, two of the same name, a baseline that is none of them.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=100, seed=1)
    >>> study.summary["published"].round(2).droplevel(["catalogue", "scenario"])
    statistic    mean  half_width  ci_low  ci_high
    strategy
    1           62.46        0.71   61.75    63.17
    2a         127.99        0.60  127.39   128.59
    """
    engine = engine_named(engine)
    catalogues = named_catalogues(catalogue)
    scenarios = named_scenarios(scenario)
    chosen = named_strategies(strategies)
    base = baseline_of(baseline, chosen)
    count = a_whole_number("replications", replications, at_least=1, at_most=MOST)
    metrics, confidence, seed = as_metrics(metrics), as_confidence(confidence), as_seed(seed)
    cells = {
        Cell(*names): Replications(
            catalogues[names[0]], chosen[names[2]], scenarios[names[1]], seed, [], metrics, engine
        )
        for names in itertools.product(catalogues, scenarios, chosen)
    }
    nothing = Comparison(cells, base, confidence)
    how: dict[str, Any] = {"workers": workers, "executor": executor, "progress": progress}
    if precision is None:
        return nothing.extend(count, **how)
    return _until_precise(nothing, as_precision(precision), count, how)


def _until_precise(study: Comparison, precision: Precision, budget: int, how: dict[str, Any]) -> Comparison:
    intervals: list[Interval] = []
    while study.replications < budget:
        study = study.extend(next_batch(precision, intervals, study.replications, budget), **how)
        intervals = [reps.interval(precision.metric, precision.confidence) for reps in study.cells.values()]
        if all(map(precision.is_met, intervals)):
            break
    unmet = [interval for interval in intervals if not precision.is_met(interval)]
    widest = max(unmet or intervals, key=lambda interval: interval.half_width - precision.target(interval.mean))
    study.stopped = reason(precision, widest, study.replications)
    return study


class Comparison:
    """The replications of every cell, and what they say; made by :func:`compare`.

    Attributes
    ----------
    cells : dict
        :class:`Replications` by :class:`Cell` (catalogue, scenario, strategy).
    baseline : str
        The strategy that the others are compared with.
    confidence : float
        Of the intervals.
    stopped : str or None
        With a precision: why it ended.
    """

    def __init__(self, cells: dict[Cell, Replications], baseline: str, confidence: float = 0.95) -> None:
        self.cells, self.baseline, self.confidence = cells, baseline, confidence
        self.stopped: str | None = None

    @property
    def replications(self) -> int:
        """How many each cell has."""
        return len(next(iter(self.cells.values())))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The figures that the tables show."""
        return next(iter(self.cells.values())).metrics

    def __getitem__(self, strategy: str) -> Replications:
        """Return a strategy's replications, if there is one catalogue and one scenario."""
        found = [reps for cell, reps in self.cells.items() if cell.strategy == strategy]
        if len(found) != 1:
            raise InputError(
                f"{len(found)} cells have the strategy {strategy!r}; study.cells has them by catalogue, "
                f"scenario and strategy"
            )
        return found[0]

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.cells)} cells with {self.replications} replications each>"

    def extend(self, more: int, **how: Any) -> Comparison:
        """Return a comparison with so many more replications; those that are done are not repeated.

        `workers`, `executor` and `progress` are those of :func:`compare`.
        """
        count = a_whole_number("more", more, at_least=1, at_most=MOST)
        chunks = compute([reps.task(count) for reps in self.cells.values()], **how)
        cells = {
            cell: reps.with_chunk(chunk) for (cell, reps), chunk in zip(self.cells.items(), chunks, strict=True)
        }
        return Comparison(cells, self.baseline, self.confidence)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy; per metric: mean, half_width, ci_low, ci_high."""
        import pandas as pd

        rows = [
            [figure for metric in self.metrics for figure in reps.interval(metric, self.confidence)]
            for reps in self.cells.values()
        ]
        index = pd.MultiIndex.from_tuples(list(self.cells), names=Cell._fields)
        columns = pd.MultiIndex.from_product([self.metrics, Interval._fields], names=("metric", "statistic"))
        return pd.DataFrame(rows, index=index, columns=columns)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """A row per cell but the baseline's, and metric: the paired difference, and what it says.

        `mean`, `half_width`, `ci_low` and `ci_high` are of the difference, strategy less baseline; `p_adjusted`
        is the p-value after Holm's adjustment for all rows of the table; `variance_ratio` is what the pairing
        brought; the `verdict` is "better", "worse" or "no difference shown" ("higher" or "lower" where neither
        is better).
        """
        import pandas as pd

        rows = list(self._differences())
        frame = pd.DataFrame(rows, columns=[*Cell._fields, "baseline", "metric", *_DIFFERENCE])
        frame["p_adjusted"] = holm(frame["p_value"].to_numpy(dtype=np.float64))
        alpha = 1 - self.confidence
        frame["verdict"] = [
            _verdict(metric, mean, p_adjusted < alpha)
            for metric, mean, p_adjusted in zip(
                frame["metric"], frame["mean"], frame["p_adjusted"], strict=True
            )
        ]
        return frame

    def _differences(self) -> Iterator[tuple[Any, ...]]:
        for cell, reps in self.cells.items():
            if cell.strategy == self.baseline:
                continue
            base = self.cells[cell._replace(strategy=self.baseline)]
            for metric in self.metrics:
                found = paired_difference(reps.values(metric), base.values(metric), self.confidence)
                yield (*cell, self.baseline, metric, *found)

    def report(self, path: str | os.PathLike[str], *, command: str | None = None) -> Path:
        """Write the report: one HTML file that needs neither a network nor JavaScript.

        It holds the verdict, tables, charts, caveats, the STRESS-DES checklist and the provenance. The same
        comparison gives the same bytes.

        Parameters
        ----------
        path : path
            Where to write it; what is there is replaced, when the new one is complete.
        command : str, optional
            What made the comparison, for its readers to repeat it.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        # the one import against the flow of the rooms, for the convenience of study.report(...)
        from tv2sim.report.build import write_report

        return write_report(self, path, command=command)


_DIFFERENCE = ("mean", "half_width", "ci_low", "ci_high", "p_value", "variance_ratio")


def _verdict(metric: str, difference: float, shown: bool) -> str:
    if not shown:
        return "no difference shown"
    if metric in _NEITHER_IS_BETTER:
        return "higher" if difference > 0 else "lower"
    return "better" if (difference > 0) == (metric in _MORE_IS_BETTER) else "worse"
