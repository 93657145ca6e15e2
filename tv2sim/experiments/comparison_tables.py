"""The tables of a comparison: means, differences, quantiles, costs, and failures against prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan, nan
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tv2sim.base.lazy_pandas import pd
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.experiments.startup_resampling import ENDS, Resamples
from tv2sim.experiments.video_figures import QUANTITIES, SHARES
from tv2sim.inference.intervals import Difference, Interval, Quantile, Stopped, holm
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE, Verdict, hypothesis_of
from tv2sim.theory.conditions import if_covered
from tv2sim.theory.queueing import failed_bound
from tv2sim.world.prices import Prices

_TESTED = Difference._fields.index("between")
"""The fields of a difference before this place are columns."""


class Compared(NamedTuple):
    """A strategy compared with the baseline of its world in one metric."""

    cell: Cell
    metric: str
    difference: Difference
    """Strategy less baseline, paired by replication."""
    p_adjusted: float
    """The p-value after Holm's adjustment for all comparisons of the study."""
    verdict: Verdict

    @property
    def interval(self) -> Interval:
        """The mean of the difference with its interval."""
        return self.difference.interval

    @property
    def is_same(self) -> bool:
        """Whether the values are the same in every replication."""
        return self.difference.mean == 0 and self.difference.differing == 0


@dataclass(frozen=True, eq=False, repr=False)
class Tables:
    """The data of a comparison, and its tables."""

    cells: dict[Cell, Replications]
    baseline: str
    confidence: float = 0.95
    stopped: Stopped | None = None
    whole: Self | None = None
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
        """The prices of publishers and of failed videos."""
        return next(iter(self.cells.values())).prices

    @property
    def resamples(self) -> Resamples | None:
        """With measured start-up times: how many they are, and what their resamples gave in the first cell."""
        return next(iter(self.cells.values())).resamples

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the tables show."""
        return next(iter(self.cells.values())).metrics

    # -- means ---------------------------------------------------------------------------------------------

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
        rows = [
            [*cell, metric, len(reps), *self._numbers(reps, metric), reps.interval(metric, self.confidence).n]
            for cell, reps in self.cells.items()
            for metric in self.metrics
        ]
        return pd.DataFrame(rows, columns=[*Cell._fields, "metric", "replications", *self._statistics, "n"])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy; per metric: mean, half_width, ci_low, ci_high.

        With measured start-up times also `input_ci_low` and `input_ci_high`, which hold their uncertainty.
        """
        from tv2sim.experiments.summary import Summary

        rows = [
            [number for metric in self.metrics for number in self._numbers(reps, metric)]
            for reps in self.cells.values()
        ]
        index = pd.MultiIndex.from_tuples(list(self.cells), names=Cell._fields)
        columns = pd.MultiIndex.from_product([self.metrics, self._statistics], names=("metric", "statistic"))
        return Summary(rows, index=index, columns=columns)

    @property
    def _statistics(self) -> tuple[str, ...]:
        """The names of the numbers of a metric; measured start-up times add the wider interval."""
        return (*Interval._fields[:4], *(ENDS if self.resamples else ()))

    def _numbers(self, reps: Replications, metric: str) -> tuple[float, ...]:
        wider = reps.input_interval(metric, self.confidence)[2:4] if self.resamples else ()
        return (*reps.interval(metric, self.confidence)[:4], *wider)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy: the mean of each part of the cost, and of the cost.

        The parts have the names of the prices; `study.summary["cost"]` has the interval of the cost.

        Raises
        ------
        InputError
            If there are no prices.
        """
        rows = [reps.mean_costs for reps in self.cells.values()]
        return pd.DataFrame(rows).set_axis(pd.MultiIndex.from_tuples(list(self.cells), names=Cell._fields))

    # -- videos --------------------------------------------------------------------------------------------

    @cached_property
    def quantiles(self) -> pd.DataFrame:
        """A row per catalogue, scenario, strategy, quantity and share: quantiles over all videos together.

        `value` is what this share of the videos of all replications does not exceed in "elapsed" or "lateness",
        with half_width, ci_low and ci_high; unfinished videos exceed everything. A metric such as
        ``lateness_p99`` is something else: the mean of the runs' own quantiles. `replications` and `videos` (in
        each of them) say what it rests on: at most 1,000,000 videos. See :meth:`Replications.quantile`.
        """
        rows = [
            (*cell, quantity, share, *found)
            for cell, reps in self.cells.items()
            for quantity in QUANTITIES
            for share, found in zip(
                SHARES, reps.video_times.quantiles(quantity, SHARES, self.confidence), strict=True
            )
        ]
        return pd.DataFrame(rows, columns=[*Cell._fields, "quantity", "share", *Quantile._fields])

    def by(self, column: str) -> pd.DataFrame:
        """Return :meth:`Replications.by` of every cell in one table, after the cell's names.

        Raises
        ------
        InputError
            If a catalogue has no such column; the message lists those that it has.
        """
        tables = {cell: reps.by(column, self.confidence) for cell, reps in self.cells.items()}
        found = pd.concat(tables, names=[*Cell._fields, None])
        return found.reset_index(list(Cell._fields)).reset_index(drop=True)

    # -- differences ---------------------------------------------------------------------------------------

    @cached_property
    def differences(self) -> pd.DataFrame:
        """A row per metric and cell, except the baseline's: the paired difference and its verdict.

        `mean`, `half_width`, `ci_low` and `ci_high` are of the difference, strategy less baseline; `p_adjusted`
        is the p-value after Holm's adjustment for all hypotheses of the table; `variance_ratio` says how much
        the pairing reduced the variance; `differing` of `n` replications differ from the commonest one. Metrics
        that follow from each other, as the on-time rate does from the videos published, are one hypothesis;
        where neither strategy's value can vary, there is none, and the p-value is missing. The `verdict` is
        "better", "worse" or "no difference shown"; "higher" or "lower" of a metric without a better direction;
        "no difference that matters" if the interval of an on-time rate lies within the margin. With measured
        start-up times there are the ends of the wider interval, `input_ci_low` and `input_ci_high`, which has
        no effect on the verdict.
        """
        rows = [
            [
                *(*one.cell, self.baseline, one.metric, *one.difference[:4]),
                *(self.input_difference(one)[2:4] if self.resamples else ()),
                *(*one.difference[4:_TESTED], one.p_adjusted, one.verdict.value),
            ]
            for one in self.compared
        ]
        names = [
            *(*Cell._fields, "baseline", "metric", *self._statistics),
            *(*Difference._fields[4:_TESTED], "p_adjusted", "verdict"),
        ]
        return pd.DataFrame(rows, columns=names).astype({"p_adjusted": np.float64})

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
        return compared(self.cells, self.baseline, self.confidence, self.margin)

    # -- failures against price ----------------------------------------------------------------------------

    @cached_property
    def frontier(self) -> pd.DataFrame:
        """A row per catalogue, scenario and strategy: failures, what they cost to avoid, and who is dominated.

        Columns: `failed`, `idle` and, with prices, `cost`, each with `_ci_low` and `_ci_high`; `bound`, the
        expected number of videos that must fail (:func:`tv2sim.queueing.failed_bound`), missing where
        theory does not cover the strategy or the scenario; `dominated`, whether the mean of another strategy
        of the same world is no higher in both failures and idle time, or cost, and lower in one; and
        `price_of_failure`: of the others, from the cheapest on, what one failed video less costs against the
        one before. Means decide, so strategies that are close may change places with other replications.
        `failed` has the videos that are late; where strategies are compared, videos that are unfinished or
        refused count as well: a pool that publishes nothing is not the best.

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
        return frontier_of(self.cells, self.confidence, ["idle", *([COST] if self.prices else [])])


# -- verdicts ----------------------------------------------------------------------------------------------


def compared(
    cells: Mapping[Cell, Replications], baseline: str, confidence: float, margin: float
) -> list[Compared]:
    """Return how each cell compares with the baseline of its world in each metric."""
    found: list[tuple[Cell, str, Difference, tuple[Cell, str]]] = []
    for cell, reps in cells.items():
        base = cells.get(cell._replace(strategy=baseline), reps)
        for metric in reps.metrics if base is not reps else ():
            hypothesis = hypothesis_of(metric, (reps.setting, base.setting))
            found.append((cell, metric, reps.less(base, metric, confidence), (cell, hypothesis)))
    # metrics that are one hypothesis have one p-value; where nothing can vary there is no p-value
    p_values = {
        key: difference.p_value for *_, difference, key in reversed(found) if not isnan(difference.p_value)
    }
    adjusted = dict(zip(p_values, holm(np.array([*p_values.values()])).tolist(), strict=True))
    rows = []
    for cell, metric, difference, key in found:
        p = nan if isnan(difference.p_value) else adjusted[key]
        is_exact = difference.interval.is_exact and abs(difference.mean) > 0
        verdict = METRICS[metric].verdict(difference.mean, significant=p < 1 - confidence or is_exact)
        if _is_small(len(cells[cell].catalogue), metric, difference, key[1], margin):
            verdict = Verdict.SMALL
        rows.append(Compared(cell, metric, difference, p, verdict))
    return rows


def _is_small(videos: int, metric: str, difference: Difference, hypothesis: str, margin: float) -> bool:
    """Return whether a difference of on-time rates, or of counts behind them, lies within the margin."""
    if not margin or hypothesis != METRICS[ON_TIME_RATE].follows:
        return False
    of_all = videos * (METRICS[metric].step(videos) or 1)  # what is 1 as an on-time rate
    return 0 < max(abs(difference.ci_low), abs(difference.ci_high)) < margin * of_all


# -- failures against price --------------------------------------------------------------------------------

_DECIMALS = 9
"""Sums of the same times in another order may differ in the last bits."""


def dominance(failures: ArrayLike, price: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return for each point whether another one dominates it, and what one failure less costs there.

    A point is dominated if another point has no more failures and no higher price, and less of either. The
    others are the frontier; what one failure less costs is the slope from its previous, cheaper point.

    Parameters
    ----------
    failures, price : array
        One of each per point; of both, less is better.

    Returns
    -------
    tuple of numpy.ndarray
        Whether each point is dominated; and its price of a failure, NaN for dominated points and for the
        cheapest one.

    Examples
    --------
    >>> dominated, price_of_failure = dominance([9, 3, 3, 4, 1], [10, 20, 20, 30, 60])
    >>> dominated.tolist(), price_of_failure.round(3).tolist()
    ([False, False, False, True, False], [nan, 1.667, 1.667, nan, 20.0])
    """
    given = np.column_stack([price, failures]).astype(np.float64)
    points, first, which = np.unique(given.round(_DECIMALS), axis=0, return_index=True, return_inverse=True)
    fewest = np.minimum.accumulate(points[:, 1])
    kept = np.append(True, fewest[1:] < fewest[:-1])
    spent, failed = given[first[kept]].T
    slopes = np.full(len(points), nan)
    slopes[kept] = np.append(nan, np.diff(spent) / -np.diff(failed))
    which = which.reshape(-1)
    return ~kept[which], slopes[which]


def frontier_of(
    cells: Mapping[Cell, Replications], confidence: float, prices: Sequence[str], metric: str = "failed"
) -> pd.DataFrame:
    """Return a row per cell: the means of a metric and of prices, its bound, and whether it is dominated.

    Parameters
    ----------
    cells : mapping
        What was simulated.
    confidence : float
        Of the intervals.
    prices : sequence of str
        Metrics of which less is better; the last one decides which cells are dominated.
    metric : str
        The metric that is bought off. Only that of failed videos has a bound; to it, videos that are
        unfinished or refused are added where cells are compared, since they are not published either.
    """
    names = dict.fromkeys([metric, *prices])
    rows = [
        {**cell._asdict(), **_means(reps, names, confidence), "bound": _bound(reps, metric)}
        for cell, reps in cells.items()
    ]
    table = pd.DataFrame(rows).assign(dominated=False, price_of_failure=nan)
    # videos that are neither published in time nor failed, on average
    more = [(reps.failures - reps.values("failed")).mean() for reps in cells.values()]
    missing = np.round(more, _DECIMALS) if metric == "failed" else np.zeros(len(cells))
    for world in table.groupby(["catalogue", "scenario"], sort=False).groups.values():
        found = dominance(table.loc[world, metric] + missing[world], table.loc[world, prices[-1]])
        table.loc[world, "dominated"], table.loc[world, "price_of_failure"] = found
    return table


def _means(reps: Replications, names: Mapping[str, Any], confidence: float) -> dict[str, float]:
    """Return the mean of each metric with the ends of its interval."""
    intervals = {name: reps.interval(name, confidence) for name in names}
    return {
        f"{name}{end}": value
        for name, one in intervals.items()
        for end, value in zip(("", "_ci_low", "_ci_high"), (one.mean, one.ci_low, one.ci_high), strict=True)
    }


def _bound(reps: Replications, metric: str) -> float:
    """Return the expected number of videos that must fail; NaN if theory does not know it."""
    if metric != "failed":
        return nan
    known = reps.control and reps.control.bound
    found = known or if_covered(lambda: failed_bound(reps.catalogue, reps.strategy, reps.scenario))
    return nan if found is None else found.failed
