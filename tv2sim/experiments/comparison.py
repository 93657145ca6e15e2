"""Strategies compared with each other under common random numbers, in one world or in several.

A world is a catalogue in a scenario: strategies are compared only within a world.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import a_path
from tv2sim.base.errors import InputError
from tv2sim.base.later_methods import served
from tv2sim.experiments import comparison_tables
from tv2sim.experiments.comparison_tables import Compared
from tv2sim.experiments.replications import Cell, Replications, extended
from tv2sim.experiments.startup_resampling import Resamples
from tv2sim.inference.intervals import Interval, Stopped
from tv2sim.results.metrics import COST
from tv2sim.world.prices import Prices

if TYPE_CHECKING:
    import datetime
    import os
    from pathlib import Path

    import pandas as pd

    from tv2sim.experiments.planning import Plan

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The replications of every cell, and the tables and verdicts that follow; made by :func:`compare`.

    Attributes
    ----------
    cells : dict
        :class:`Replications` by :class:`Cell` (catalogue, scenario, strategy).
    baseline : str
        The strategy that the others are compared with.
    confidence : float
        The confidence level of the intervals.
    margin : float
        The smallest difference of on-time rates that matters, as a share.
    stopped : Stopped or None
        With a precision: why it ended. ``str(study.stopped)`` is a sentence.
    whole : Comparison or None
        The comparison that this one was selected from: p-values are adjusted for all comparisons in it.
    """

    cells: dict[Cell, Replications]
    baseline: str
    confidence: float = 0.95
    stopped: Stopped | None = None
    whole: Comparison | None = None
    margin: float = 0.0

    @property
    def replications(self) -> int:
        """The number of replications of each cell."""
        return len(next(iter(self.cells.values())))

    @property
    def engines(self) -> list[str]:
        """The names of the engines that simulated."""
        return sorted({reps.engine for reps in self.cells.values()})

    @property
    def prices(self) -> Prices | None:
        """What publishers and failed videos cost."""
        return next(iter(self.cells.values())).prices

    @property
    def resamples(self) -> Resamples | None:
        """With measured start-up times: how many they are, and what their resamples gave in the first cell."""
        return next(iter(self.cells.values())).resamples

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

    def _repr_html_(self) -> str:
        return str(served("Comparison._repr_html_", self))

    @property
    def verdict(self) -> str:
        """The verdict in a sentence if there is one world with its baseline, else an empty text."""
        return str(served("Comparison.verdict", self))

    def extend(self, more: int, **how: Any) -> Comparison:
        """Return a comparison with `more` additional replications; those that are done are not repeated.

        `workers`, `executor`, `results` and `progress` are those of :func:`tv2sim.compare`.
        """
        cells = dict(zip(self.cells, extended(self.cells.values(), more, **how), strict=True))
        return replace(self, cells=cells, stopped=None, whole=None)

    # -- what it costs -------------------------------------------------------------------------------------

    def priced(self, prices: Prices | None) -> Comparison:
        """Return the same comparison at other prices, or without any; see :meth:`Replications.priced`.

        The cost is one more metric, so p-values are adjusted for one more hypothesis of each pair.

        Examples
        --------
        When a failed video is dear, a pool pays off:

        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a", "2c"], replications=50)
        >>> for price in (1, 10):
        ...     costs = study.priced(tv.Prices(ready=1, failed=price)).costs["cost"]
        ...     print(price, costs.droplevel(["catalogue", "scenario"]).round(1).to_dict())
        1 {'1': 92.0, '2a': 118.9, '2c': 173.9}
        10 {'1': 919.8, '2a': 352.9, '2c': 188.1}
        """
        cells = {cell: reps.priced(prices) for cell, reps in self.cells.items()}
        return replace(self, cells=cells, whole=self.whole and self.whole.priced(prices))

    @cached_property
    def costs(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy: the mean of each part of the cost, and of the cost.

        The parts have the names of the prices; `study.summary["cost"]` has the interval of the cost.

        Raises
        ------
        InputError
            If there are no prices.
        """
        return comparison_tables.costs(self.cells)

    @cached_property
    def frontier(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy: failures, what they cost to avoid, and who is dominated.

        Columns: `failed`, `idle` and, with prices, `cost`, each with `_ci_low` and `_ci_high`; `bound`, the
        expected number of videos that must fail (:func:`tv2sim.queueing.failed_bound`), missing where
        theory does not cover the strategy or the scenario; `dominated`, whether the mean of another strategy
        of the same world is no higher in both failures and idle time, or cost, and lower in one; and
        `price_of_failure`: of the others, from the cheapest on, what one failed video less costs against the
        one before. Means decide, so strategies that are close may change places with other replications.
        `failed` has the videos that are late; where strategies are compared, those that are unfinished or
        refused count as well, so that a pool which publishes nothing is not the best.

        Examples
        --------
        The coverage rule is better in both than part 2a and a pool of 10:

        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(), ["2a", "2c:10", "2c:12", "coverage"], replications=200)
        >>> columns = ["strategy", "failed", "idle", "bound", "dominated", "price_of_failure"]
        >>> print(study.frontier[columns].round(2).to_string(index=False))
        strategy  failed   idle  bound  dominated  price_of_failure
              2a   26.04  92.44    NaN       True               NaN
           2c:10    1.61 170.88   1.31       True               NaN
           2c:12    0.03 322.88   0.03      False           1233.39
        coverage    0.26  44.16    NaN      False               NaN
        """
        return comparison_tables.frontier_of(
            self.cells, self.confidence, ["idle", *([COST] if self.prices else [])]
        )

    # -- parts ---------------------------------------------------------------------------------------------

    def select(
        self,
        *,
        catalogue: str | Iterable[str] | None = None,
        scenario: str | Iterable[str] | None = None,
        strategy: str | Iterable[str] | None = None,
    ) -> Comparison:
        """Return the cells with these names, with the differences that the whole comparison shows for them.

        Each of them is a name or several; None stands for all.

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
        wanted = [
            [names] if isinstance(names, str) else None if names is None else list(names)
            for names in (catalogue, scenario, strategy)
        ]
        cells = {
            cell: reps
            for cell, reps in self.cells.items()
            if all(names is None or own in names for names, own in zip(wanted, cell, strict=True))
        }
        if not cells:
            known = "; ".join(", ".join(cell) for cell in self.cells)
            asked = ", ".join(" or ".join(map(str, names)) for names in wanted if names is not None)
            raise InputError(f"there is no cell {asked!r}, only {known}")
        return replace(self, cells=cells, whole=self.whole or self)

    def worlds(self) -> list[Comparison]:
        """Return a comparison for each world, that is, for each catalogue in each scenario."""
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

    # -- saving --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain data for JSON, from which :meth:`from_dict` makes it again.

        A part that was selected becomes a separate comparison.
        """
        data: dict[str, Any] = served("Comparison.to_dict", self)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """Return the comparison that :meth:`to_dict` described.

        A plain :class:`tv2sim.Strategy` stands in for a strategy of a class of your own.

        Raises
        ------
        InputError
            If :meth:`to_dict` did not make `data`, or a version with another format did.

        Examples
        --------
        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(5), ["1", "2a"], replications=3)
        >>> tv.Comparison.from_dict(study.to_dict()).summary.equals(study.summary)
        True
        """
        study: Comparison = served("Comparison.from_dict", data)
        return study

    # -- tables --------------------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """The summary as a tidy table: a row per catalogue, scenario, strategy and metric.

        Its columns are these four, `replications`, the statistics of the summary, and `n`, the number of
        replications that the figure rests on: a metric may not exist in each.

        Examples
        --------
        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
        >>> study.frame.query("metric == 'published'")[["strategy", "replications", "mean"]]
           strategy  replications   mean
        0         1            20   62.8
        22       2a            20  127.9
        """
        return comparison_tables.tidy(self.cells, self.confidence)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy; per metric: mean, half_width, ci_low, ci_high.

        With measured start-up times also `input_ci_low` and `input_ci_high`, which hold their uncertainty.
        """
        return comparison_tables.summary(self.cells, self.confidence)

    @cached_property
    def quantiles(self) -> pd.DataFrame:
        """A row per catalogue, scenario, strategy, quantity and share: quantiles over all videos together.

        `value` is what this share of the videos of all replications does not exceed in "elapsed" or "lateness",
        with half_width, ci_low and ci_high; unfinished videos exceed everything. A metric such as
        ``lateness_p99`` is something else: the mean of the runs' own quantiles. `replications` and `videos` (in
        each of them) say what it rests on: at most 1,000,000 videos. See :meth:`Replications.quantile`.
        """
        return comparison_tables.quantiles(self.cells, self.confidence)

    def by(self, column: str) -> pd.DataFrame:
        """Return :meth:`Replications.by` of every cell in one table, after the cell's names.

        Raises
        ------
        InputError
            If a catalogue has no such column; the message lists those that it has.
        """
        return comparison_tables.by(self.cells, column, self.confidence)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """A row per metric and cell, except the baseline's: the paired difference and its verdict.

        `mean`, `half_width`, `ci_low` and `ci_high` are of the difference, strategy less baseline; `p_adjusted`
        is the p-value after Holm's adjustment for all hypotheses of the table; `variance_ratio` says how much
        the pairing reduced the variance; `differing` of `n` replications differ from the commonest one. Metrics
        that follow from each other, as the on-time rate does from the videos published, are one hypothesis;
        where neither strategy's value can vary, there is none, and the p-value is missing. The `verdict` is
        "better", "worse" or "no difference shown" ("higher" or "lower" where neither is better), or "no
        difference that matters" for an on-time rate whose interval lies within the margin. With measured
        start-up times there are the ends of the wider interval, `input_ci_low` and `input_ci_high`, which has
        no effect on the verdict.
        """
        wider = [self.input_difference(one) for one in self.compared] if self.resamples else None
        return comparison_tables.differences(self.compared, wider, self.baseline)

    def input_difference(self, one: Compared) -> Interval:
        """Return a difference from the baseline with the interval that holds the uncertainty of start-up times.

        See :meth:`Replications.input_interval`.
        """
        cells = (self.whole or self).cells
        base = cells[one.cell._replace(strategy=self.baseline)]
        return cells[one.cell].input_interval(one.metric, self.confidence, less=base)

    def is_doubtful(self, one: Compared) -> bool:
        """Return whether a difference is shown, but with other start-up times there might be none."""
        if self.resamples is None or not one.verdict.is_shown:
            return False
        wider = self.input_difference(one)
        return wider.ci_low <= 0 <= wider.ci_high

    @cached_property
    def compared(self) -> list[Compared]:
        """The rows of :attr:`differences` as values."""
        if self.whole is not None:
            return [one for one in self.whole.compared if one.cell in self.cells]
        return comparison_tables.compared(self.cells, self.baseline, self.confidence, self.margin)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        command: str | None = None,
        title: str | None = None,
        author: str | None = None,
        date: str | datetime.date | None = None,
        notes: str | None = None,
        by: str | None = None,
        plan: Plan | None = None,
    ) -> Path:
        """Write the report: one HTML file that needs neither a network nor JavaScript.

        It begins with the verdict, a chart and a table; charts and caveats follow, and as an appendix the
        statistics, the STRESS-DES checklist and the provenance. The same comparison gives the same bytes.

        Parameters
        ----------
        path : path
            The file to write; an existing file is replaced when the new one is complete.
        command : str, optional
            The command that made the comparison, so that readers can repeat it.
        title : str, optional
            The title; default names strategies and catalogues.
        author : str, optional
            Who answers for it.
        date : str or datetime.date, optional
            Its date. By default there is no date, so that the same comparison gives the same bytes on any day.
        notes : str, optional
            What readers should know besides, such as run time and hardware: plain text, with empty lines
            between paragraphs.
        by : str, optional
            A column of the catalogue, such as ``"provider"``: figures of its groups of videos are added, as
            :meth:`by` has them.
        plan : Plan, optional
            What :func:`tv2sim.plan` has found in a catalogue and a scenario of this comparison. Its answer is
            the verdict and its chart the first one; how it was decided is a section.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If it cannot be written.
        InputError
            If `path` is no path, it is a part without the baseline, a text is something else, there is no such
            column, or the plan is for another catalogue or scenario.
        """
        path = a_path("path", path)
        if all(cell.strategy != self.baseline for cell in self.cells):
            raise InputError(f"a report needs the baseline, {self.baseline!r}: select it as well")
        texts = {"command": command, "title": title, "author": author, "date": date, "notes": notes}
        written: Path = served("Comparison.report", self, path, **texts, by=by, plan=plan)
        return written
