"""Failures against price: which strategies no other one beats in both, and what one failure less costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.theory.conditions import if_covered
from tv2sim.theory.queueing import failed_bound

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from tv2sim.experiments.replications import Cell, Replications

__all__ = ["dominance", "frontier_of"]

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
