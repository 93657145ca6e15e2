"""Figures over the videos of many replications: quantiles, and groups of videos.

They need the elapsed time of every video, which is not among the results of replications: those are simulated
again when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_whole_number
from tv2sim.base.errors import InputError
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.catalogue import Catalogue
from tv2sim.engines import choice
from tv2sim.inference.intervals import Quantile, exactly, mean_interval, pooled_quantiles, quantile_of
from tv2sim.results.metrics import ON_TIME_RATE, Setting
from tv2sim.strategies import Strategy

MOST_VIDEOS = 1_000_000
"""The most videos, of all replications together, over which quantiles are taken unless more are asked for."""
SHARES = (0.5, 0.95, 0.99)
"""The quantiles that tables show."""

QUANTITIES: Mapping[str, Callable[[Catalogue, NDArray[np.float64]], NDArray[np.float64]]] = {
    "elapsed": lambda _, elapsed: elapsed,
    "lateness": lambda catalogue, elapsed: elapsed - whole_ticks(catalogue.publication_timeout),
}
"""The quantities that have quantiles: functions of the catalogue and of the elapsed times, in ticks."""


@dataclass(frozen=True, eq=False)
class VideoTimes:
    """The elapsed times of the videos in replications, which are simulated again when they are asked for first.

    Attributes
    ----------
    setting, strategy, seed, engine
        What was simulated.
    rates : array
        The on-time rate of each replication, with which the times must agree.
    """

    setting: Setting
    strategy: Strategy
    seed: int
    engine: str
    rates: NDArray[np.float64]
    _elapsed: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def count(self, first: int | None) -> int:
        """Return the number of replications to pool: the first so many, or up to :data:`MOST_VIDEOS`."""
        if first is None:
            return min(len(self.rates), max(1, MOST_VIDEOS // max(1, len(self.setting.catalogue))))
        return a_whole_number("first", first, at_least=1, at_most=len(self.rates))

    def ticks(self, first: int | None = None) -> NDArray[np.float64]:
        """Return the elapsed times in ticks: a row per replication, a column per video.

        Raises
        ------
        InputError
            If they differ from the replications, for instance as a class of the user's own is not saved with a
            comparison.
        """
        count, known = self.count(first), self._elapsed.get("ticks")
        if known is None or len(known) < count:
            known = self._elapsed["ticks"] = self._simulated(range(count))
        return known[:count]

    def _simulated(self, replications: range) -> NDArray[np.float64]:
        catalogue, scenario = self.setting.catalogue, self.setting.scenario
        elapsed = choice.elapsed(self.engine, catalogue, self.strategy, scenario, self.seed, replications)
        in_time = np.count_nonzero(elapsed <= whole_ticks(catalogue.publication_timeout), axis=1)
        rates = self.rates[replications.start : replications.stop]
        # those that are assigned in time may be published later
        agree = np.equal if scenario.deadline == "published" else np.less_equal
        if not agree(in_time / max(1, len(catalogue)), rates).all():
            raise InputError(
                f"the replications under strategy {self.strategy.name!r} cannot be repeated, so nothing is "
                f"known of their videos: simulate anew, since strategies and distributions of your own are not "
                f"saved"
            )
        return elapsed

    def of(self, quantity: str, first: int | None = None) -> NDArray[np.float64]:
        """Return a quantity in ticks: a row per replication, a column per video."""
        return QUANTITIES[quantity](self.setting.catalogue, self.ticks(first))

    def quantiles(
        self,
        quantity: str,
        shares: tuple[float, ...],
        confidence: float,
        first: int | None = None,
        rows: Any = slice(None),
    ) -> list[Quantile]:
        """Return quantiles of a quantity, in seconds, over some rows of the catalogue."""
        several = pooled_quantiles(self.of(quantity, first)[:, rows] / PER_SECOND, shares, confidence)
        if self.setting.is_deterministic:
            return [
                found._replace(half_width=0.0, ci_low=found.value, ci_high=found.value) for found in several
            ]
        return several

    def by(self, column: str, confidence: float, first: int | None) -> pd.DataFrame:
        """Return the table of the groups of videos that have the same value in a column of the catalogue."""
        groups = self.setting.catalogue.groups(column)
        lateness, table = self.of("lateness", first), []
        for group, rows in groups:
            of_group = lateness[:, rows]
            # videos of one replication depend on each other: each replication gives one number
            rates = np.count_nonzero(of_group <= 0, axis=1) / len(rows)
            ordered = np.sort(of_group, axis=None)
            interval = mean_interval(rates, confidence, low=0, high=1, step=1 / len(rows))
            if self.setting.is_deterministic:
                interval = exactly(float(rates[0]), len(rates))
            times = [quantile_of(ordered, share) / PER_SECOND for share in SHARES]
            table.append((group, len(rows), *interval[:4], *times))
        late = [f"lateness_{100 * share:g}" for share in SHARES]
        names = ["group", "videos", ON_TIME_RATE, "half_width", "ci_low", "ci_high", *late]
        return pd.DataFrame(table, columns=names).assign(replications=len(lateness))
