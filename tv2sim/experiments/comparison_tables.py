"""The tables of a comparison: means, differences from the baseline, quantiles, costs, failures against price.

They are functions of the replications by cell, so that they can be made before there is a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.experiments.replications import Cell, Replications
from tv2sim.experiments.startup_resampling import ENDS
from tv2sim.experiments.video_figures import QUANTITIES, SHARES
from tv2sim.inference.intervals import Difference, Interval, Quantile, holm
from tv2sim.results.metrics import METRICS, ON_TIME_RATE, Verdict, hypothesis_of
from tv2sim.theory.conditions import if_covered
from tv2sim.theory.queueing import failed_bound

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Compared", "by", "compared", "costs", "differences", "dominance", "frontier_of", "quantiles", "summary",
    "tidy",
]  # fmt: skip

_TESTED = Difference._fields.index("between")
"""The fields of a difference before this place are columns."""


# -- means -------------------------------------------------------------------------------------------------


def summary(cells: Mapping[Cell, Replications], confidence: float) -> pd.DataFrame:
    """Return a row per cell; per metric its mean, half_width, ci_low, ci_high and the wider interval."""
    import pandas as pd

    from tv2sim.experiments.summary import Summary

    one = _any(cells)
    rows = [
        [number for metric in one.metrics for number in _numbers(reps, metric, confidence)]
        for reps in cells.values()
    ]
    index = pd.MultiIndex.from_tuples(list(cells), names=Cell._fields)
    columns = pd.MultiIndex.from_product([one.metrics, _statistics(one)], names=("metric", "statistic"))
    return Summary(rows, index=index, columns=columns)


def tidy(cells: Mapping[Cell, Replications], confidence: float) -> pd.DataFrame:
    """Return a row per cell and metric, with the number of replications that each figure rests on."""
    import pandas as pd

    one = _any(cells)
    rows = [
        [*cell, metric, len(reps), *_numbers(reps, metric, confidence), reps.interval(metric, confidence).n]
        for cell, reps in cells.items()
        for metric in one.metrics
    ]
    names = [*Cell._fields, "metric", "replications", *_statistics(one), "n"]
    return pd.DataFrame(rows, columns=names)


def _any(cells: Mapping[Cell, Replications]) -> Replications:
    return next(iter(cells.values()))


def _statistics(one: Replications) -> tuple[str, ...]:
    """Return the names of the numbers of a metric; measured start-up times add the wider interval."""
    return (*Interval._fields[:4], *(ENDS if one.resamples else ()))


def _numbers(reps: Replications, metric: str, confidence: float) -> tuple[float, ...]:
    wider = reps.input_interval(metric, confidence)[2:4] if reps.resamples else ()
    return (*reps.interval(metric, confidence)[:4], *wider)


def costs(cells: Mapping[Cell, Replications]) -> pd.DataFrame:
    """Return a row per cell: the mean of each part of the cost, and of the cost."""
    import pandas as pd

    rows = [reps.mean_costs for reps in cells.values()]
    index = pd.MultiIndex.from_tuples(list(cells), names=Cell._fields)
    return pd.DataFrame(rows).set_axis(index)


# -- videos ------------------------------------------------------------------------------------------------


def quantiles(cells: Mapping[Cell, Replications], confidence: float) -> pd.DataFrame:
    """Return a row per cell, quantity and share: quantiles over the videos of all replications."""
    import pandas as pd

    rows = [
        (*cell, quantity, share, *found)
        for cell, reps in cells.items()
        for quantity in QUANTITIES
        for share, found in zip(SHARES, reps.video_times.quantiles(quantity, SHARES, confidence), strict=True)
    ]
    return pd.DataFrame(rows, columns=[*Cell._fields, "quantity", "share", *Quantile._fields])


def by(cells: Mapping[Cell, Replications], column: str, confidence: float) -> pd.DataFrame:
    """Return :meth:`Replications.by` of every cell in one table, after the cell's names."""
    import pandas as pd

    tables = []
    for cell, reps in cells.items():
        table = reps.by(column, confidence)
        for place, (name, value) in enumerate(cell._asdict().items()):
            table.insert(place, name, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


# -- differences -------------------------------------------------------------------------------------------


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


def differences(rows: Sequence[Compared], wider: Sequence[Interval] | None, baseline: str) -> pd.DataFrame:
    """Return a row per metric and cell, except the baseline's; `wider` has the ends of wider intervals."""
    import pandas as pd

    table = [
        (
            *(*one.cell, baseline, one.metric, *one.difference[:4]),
            *(() if wider is None else wider[place][2:4]),
            *(*one.difference[4:_TESTED], one.p_adjusted, one.verdict.value),
        )
        for place, one in enumerate(rows)
    ]
    names = [
        *Cell._fields, "baseline", "metric", *Difference._fields[:4], *(() if wider is None else ENDS),
        *Difference._fields[4:_TESTED], "p_adjusted", "verdict",
    ]  # fmt: skip
    return pd.DataFrame(table, columns=names).astype({"p_adjusted": np.float64})


# -- failures against price --------------------------------------------------------------------------------

_DECIMALS = 9
"""Sums of the same times in another order may differ in the last bits."""


def dominance(failures: ArrayLike, price: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return for each point whether another one dominates it, and what one failure less costs there.

    A point is dominated if another one has no more failures and no higher price, and less of one of them. The
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
    import pandas as pd

    names = dict.fromkeys([metric, *prices])
    rows = [
        {**cell._asdict(), **_means(reps, names, confidence), "bound": _bound(reps, metric)}
        for cell, reps in cells.items()
    ]
    table = pd.DataFrame(rows).assign(dominated=False, price_of_failure=nan)
    missing = np.array([_missing(reps) if metric == "failed" else 0.0 for reps in cells.values()])
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


def _missing(reps: Replications) -> float:
    """Return how many videos are neither published in time nor failed, on average."""
    return round(float((reps.failures - reps.values("failed")).mean()), _DECIMALS)


def _bound(reps: Replications, metric: str) -> float:
    """Return the expected number of videos that must fail; NaN if theory does not know it."""
    if metric != "failed":
        return nan
    known = reps.control and reps.control.bound
    found = known or if_covered(lambda: failed_bound(reps.catalogue, reps.strategy, reps.scenario))
    return nan if found is None else found.failed
