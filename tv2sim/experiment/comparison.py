"""Strategies compared with each other, in one world or in several, under common random numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from tv2sim.experiment.precision import Stopped, as_precision, until_precise
from tv2sim.experiment.replications import Replications
from tv2sim.experiment.verdicts import Compared, verdict_on
from tv2sim.experiment.work import compute
from tv2sim.metrics import as_metrics
from tv2sim.scenario import Scenario
from tv2sim.statistics import Difference, Interval, as_confidence, holm, paired_difference
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
        What is computed, as for :func:`tv2sim.replicate`.
    confidence : float
        Of the intervals, and 1 less the error rate of the verdicts.
    precision : Precision, optional
        Stop as soon as every cell's mean is known this precisely.
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
    precision = None if precision is None else as_precision(precision)
    cells = {
        Cell(*names): Replications.none(
            catalogues[names[0]], chosen[names[2]], scenarios[names[1]], seed, engine, metrics, precision
        )
        for names in itertools.product(catalogues, scenarios, chosen)
    }
    none = Comparison(cells, base, confidence)
    how: dict[str, Any] = {"workers": workers, "executor": executor, "progress": progress}
    return none.extend(count, **how) if precision is None else until_precise(none, precision, count, how)


@dataclass(frozen=True, eq=False, repr=False)
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
    stopped : Stopped or None
        With a precision: why it ended. ``str(study.stopped)`` is a sentence.
    whole : Comparison or None
        What this is a part of, if it was selected: p-values are adjusted for all comparisons in the whole.
    """

    cells: dict[Cell, Replications]
    baseline: str
    confidence: float = 0.95
    stopped: Stopped | None = None
    whole: Comparison | None = None

    @property
    def replications(self) -> int:
        """How many each cell has."""
        return len(next(iter(self.cells.values())))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the tables show."""
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
        return replace(self, cells=cells, stopped=None, whole=None)

    # -- parts ---------------------------------------------------------------------------------------------

    def select(
        self, *, catalogue: str | None = None, scenario: str | None = None, strategy: str | None = None
    ) -> Comparison:
        """Return the cells with these names, with the differences that the whole comparison shows for them.

        Raises
        ------
        InputError
            If there is no such cell.

        Examples
        --------
        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(5), ["1", "2a"], {"encoders": [5, 10]}, replications=2)
        >>> study.select(scenario="encoders=5").strategies.keys()
        dict_keys(['1', '2a'])
        """
        wanted = (catalogue, scenario, strategy)
        cells = {
            cell: reps
            for cell, reps in self.cells.items()
            if all(name in (None, own) for name, own in zip(wanted, cell, strict=True))
        }
        if not cells:
            known = "; ".join(", ".join(cell) for cell in self.cells)
            raise InputError(f"there is no cell {', '.join(filter(None, wanted))!r}, only {known}")
        return replace(self, cells=cells, whole=self.whole or self)

    def worlds(self) -> list[Comparison]:
        """Return a comparison for each world: each catalogue in each scenario."""
        names = dict.fromkeys((cell.catalogue, cell.scenario) for cell in self.cells)
        return [self.select(catalogue=catalogue, scenario=scenario) for catalogue, scenario in names]

    @property
    def strategies(self) -> dict[str, Replications]:
        """The replications by strategy, if there is one catalogue and one scenario."""
        return {cell.strategy: self[cell.strategy] for cell in self.cells}

    def difference(self, strategy: str, metric: str) -> Compared | None:
        """Return how a strategy compares with the baseline in one world; None for the baseline itself."""
        return next(
            (one for one in self.compared if (one.cell.strategy, one.metric) == (strategy, metric)), None
        )

    # -- tables --------------------------------------------------------------------------------------------

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy; per metric: mean, half_width, ci_low, ci_high."""
        import pandas as pd

        rows = [
            [number for metric in self.metrics for number in reps.interval(metric, self.confidence)]
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

        rows = [
            (*one.cell, self.baseline, one.metric, *one.difference, one.p_adjusted, one.verdict.value)
            for one in self.compared
        ]
        names = [*Cell._fields, "baseline", "metric", *Difference._fields, "p_adjusted", "verdict"]
        return pd.DataFrame(rows, columns=names).astype({"p_adjusted": np.float64})

    @cached_property
    def compared(self) -> list[Compared]:
        """The rows of :attr:`differences` as values."""
        if self.whole is not None:
            return [one for one in self.whole.compared if one.cell in self.cells]
        found: dict[tuple[Cell, str], Difference] = {}
        for cell, reps in self.cells.items():
            base = self.cells.get(cell._replace(strategy=self.baseline))
            if base is None or base is reps:
                continue
            for metric in self.metrics:
                values, usual = reps.values(metric), base.values(metric)
                found[cell, metric] = paired_difference(values, usual, self.confidence)
        adjusted = holm(np.array([difference.p_value for difference in found.values()], dtype=np.float64))
        alpha = 1 - self.confidence
        return [
            Compared(cell, metric, difference, p, verdict_on(metric, difference.mean, significant=p < alpha))
            for ((cell, metric), difference), p in zip(found.items(), adjusted.tolist(), strict=True)
        ]

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
