"""Figures over the videos of many replications: quantiles, and groups of videos.

They need the elapsed time of every video, which is not among the results of replications: those are simulated
again when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import a_whole_number
from tv2sim.base.errors import InputError
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.engines import choice
from tv2sim.inference.intervals import Quantile, exactly, mean_interval, pooled_quantiles, quantile_of
from tv2sim.results.metrics import ON_TIME_RATE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.experiments.replications import Cell, Replications

__all__ = ["MOST_VIDEOS", "QUANTITIES", "SHARES", "by_group", "elapsed_ticks", "how_many", "quantiles"]

MOST_VIDEOS = 1_000_000
"""The most videos, of all replications together, over which quantiles are taken unless more are asked for."""
SHARES = (0.5, 0.95, 0.99)
"""The quantiles that tables show."""

QUANTITIES: Mapping[str, Callable[[Catalogue, NDArray[np.float64]], NDArray[np.float64]]] = {
    "elapsed": lambda _, elapsed: elapsed,
    "lateness": lambda catalogue, elapsed: elapsed - whole_ticks(catalogue.publication_timeout),
}
"""What quantiles are taken of: functions of the catalogue and of the elapsed times, in ticks."""


def how_many(reps: Replications, first: int | None) -> int:
    """Return the number of replications to pool: the first so many, by default up to :data:`MOST_VIDEOS`."""
    if first is None:
        return min(len(reps), max(1, MOST_VIDEOS // max(1, len(reps.catalogue))))
    return a_whole_number("first", first, at_least=1, at_most=len(reps))


def elapsed_ticks(reps: Replications, replications: range) -> NDArray[np.float64]:
    """Simulate replications again, and return the elapsed time of every video in ticks.

    Raises
    ------
    InputError
        If they are not what they were: a class of the user's own is not saved with a comparison, for instance.
    """
    what = reps.engine, reps.catalogue, reps.strategy, reps.scenario, reps.seed
    elapsed = choice.elapsed(*what, replications)
    in_time = np.count_nonzero(elapsed <= whole_ticks(reps.catalogue.publication_timeout), axis=1)
    rates = reps.values(ON_TIME_RATE)[replications.start : replications.stop]
    # those that are assigned in time may be published later
    agree = np.equal if reps.scenario.deadline == "published" else np.less_equal
    if not agree(in_time / max(1, len(reps.catalogue)), rates).all():
        raise InputError(
            f"the replications under strategy {reps.strategy.name!r} cannot be repeated, so nothing is known "
            f"of their videos: simulate anew, since strategies and distributions of your own are not saved"
        )
    return elapsed


def quantiles(cells: Mapping[Cell, Replications], confidence: float) -> pd.DataFrame:
    """Return the table of quantiles: a row for each cell, quantity and share."""
    import pandas as pd

    rows = [
        (*cell, quantity, share, *found)
        for cell, reps in cells.items()
        for quantity in QUANTITIES
        for share, found in zip(
            SHARES, pooled(reps, quantity, SHARES, confidence, None, slice(None)), strict=True
        )
    ]
    names = ["catalogue", "scenario", "strategy", "quantity", "share", *Quantile._fields]
    return pd.DataFrame(rows, columns=names)


def pooled(
    reps: Replications,
    quantity: str,
    shares: tuple[float, ...],
    confidence: float,
    first: int | None,
    rows: Any,
) -> list[Quantile]:
    """Return quantiles of a quantity, in seconds, over some rows of the catalogue."""
    values = QUANTITIES[quantity](reps.catalogue, reps._ticks(first))[:, rows]
    several = pooled_quantiles(values / PER_SECOND, shares, confidence)
    if reps.setting.is_deterministic:
        return [found._replace(half_width=0.0, ci_low=found.value, ci_high=found.value) for found in several]
    return several


def by_group(reps: Replications, column: str, confidence: float, first: int | None) -> pd.DataFrame:
    """Return the table of the groups of videos that have the same value in a column of the catalogue."""
    import pandas as pd

    groups = reps.catalogue.groups(column)
    elapsed = reps._ticks(first)
    lateness = QUANTITIES["lateness"](reps.catalogue, elapsed)
    table = []
    for group, rows in groups:
        of_group = lateness[:, rows]
        # videos of one replication depend on each other: each replication gives one number
        rates = np.count_nonzero(of_group <= 0, axis=1) / len(rows)
        ordered = np.sort(of_group, axis=None)
        interval = mean_interval(rates, confidence, low=0, high=1, step=1 / len(rows))
        if reps.setting.is_deterministic:
            interval = exactly(float(rates[0]), len(rates))
        times = [quantile_of(ordered, share) / PER_SECOND for share in SHARES]
        table.append((group, len(rows), *interval[:4], *times))
    late = [f"lateness_{100 * share:g}" for share in SHARES]
    names = ["group", "videos", ON_TIME_RATE, "half_width", "ci_low", "ci_high", *late]
    return pd.DataFrame(table, columns=names).assign(replications=len(elapsed))
