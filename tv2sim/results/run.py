"""One replication in full detail."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim import __version__
from tv2sim.base import dictionaries
from tv2sim.base.later_methods import Displayed, served
from tv2sim.base.ticks import PER_SECOND
from tv2sim.catalogue import Catalogue
from tv2sim.results import metrics, tables
from tv2sim.results.facts import Facts
from tv2sim.strategies import Strategy
from tv2sim.world.prices import Prices, as_prices, needed
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tv2sim.base.storage import Format


def versions_here() -> dict[str, str]:
    """Return the versions of the packages that simulate."""
    return {
        "tv2sim": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "simpy": version("simpy"),
    }


@dataclass(frozen=True, eq=False, repr=False)
class Run(Displayed):
    """One replication: its inputs, its facts, and the tables and metrics that are derived from them.

    Made by :func:`tv2sim.simulate` and :func:`tv2sim.load_run`. Tables are built when they are first used.
    Two runs are equal if all their inputs, also the prices, and all their facts are equal.

    Attributes
    ----------
    catalogue, strategy, scenario, seed, replication
        The inputs.
    facts : Facts
        The raw columns.
    versions : dict
        The versions of tv2sim, Python, NumPy and SimPy with which the run was made.
    strategy_data : mapping, optional
        For a loaded run: the data of the strategy that was saved, for which `strategy` may be a stand-in.
    prices : Prices or None
        What publishers and failed videos cost.
    """

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    replication: int
    facts: Facts
    versions: Mapping[str, str] = field(default_factory=versions_here)
    strategy_data: Mapping[str, Any] | None = None
    prices: Prices | None = None

    @property
    def end(self) -> float:
        """The time in seconds at which the run ended."""
        return self.facts.end / PER_SECOND

    @property
    def ending(self) -> str:
        """Why it ended: "completed", "cut-off", "no publisher will come" or "nothing left to happen"."""
        return self.facts.ending

    @cached_property
    def stats(self) -> metrics.Stats:
        """The original's counters; ``str(run.stats)`` is the stats line."""
        return metrics.stats(self.catalogue, self.facts)

    @cached_property
    def summary(self) -> dict[str, float]:
        """The metrics of the run, which :data:`tv2sim.results.metrics.METRICS` explains."""
        return metrics.summary(self._setting, self.facts)

    @property
    def _setting(self) -> metrics.Setting:
        return metrics.Setting(self.catalogue, self.strategy, self.scenario, self.prices)

    def priced(self, prices: Prices | None) -> Run:
        """Return the same run at other prices, or without any.

        Raises
        ------
        InputError
            If it is given something else.

        Examples
        --------
        >>> import tv2sim as tv
        >>> run = tv.simulate(tv.generate_catalogue(), "2a")
        >>> priced = run.priced(tv.Prices(ready=0.01, failed=2))
        >>> priced.summary["cost"] == 0.01 * run.summary["idle"] + 2 * run.summary["failed"]
        True
        """
        return replace(self, prices=as_prices(prices))

    @property
    def costs(self) -> dict[str, float]:
        """The cost of the run and its parts, by the names of the prices.

        Raises
        ------
        InputError
            If there are no prices.
        """
        prices, encoders = needed(self.prices), self.scenario.encoder_count
        figures = metrics.measure(self.catalogue, self.facts, encoders, self._setting.priced)
        parts = metrics.costs(prices, lambda name: figures.get(name, 0.0))
        return {name: float(part) for name, part in {**parts, metrics.COST: metrics.total(parts)}.items()}

    @cached_property
    def videos(self) -> pd.DataFrame:
        """A row per video: its fields, the times of its events, and its outcome."""
        return tables.videos_frame(self.catalogue, self.facts)

    def by(self, column: str) -> pd.DataFrame:
        """Return a row for each group of videos with the same value in a column of the catalogue.

        Parameters
        ----------
        column : str
            Such as ``"provider"``. Videos without a value are a group of their own, the last one.

        Returns
        -------
        DataFrame
            group, videos, the number of videos by outcome, on_time_rate, and the metrics lateness_p50,
            lateness_p95 and lateness_p99 of the group's publications.

        Raises
        ------
        InputError
            If the catalogue has no such column; the message lists those that it has.

        Examples
        --------
        >>> import tv2sim as tv
        >>> run = tv.simulate(tv.generate_catalogue(), "2c")
        >>> run.by("provider")[["group", "videos", "published", "failed"]]
                group  videos  published  failed
        0  Kanal Nord     101        101       0
        1  Kanal Sund      30         29       1
        2   Ø-Kanalen      23         23       0
        """
        return tables.groups_frame(self.catalogue, self.facts, column)

    @cached_property
    def publishers(self) -> pd.DataFrame:
        """A row per publisher, in the order of their start."""
        return tables.publishers_frame(self.facts)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """A row per attempt to encode, to start up or to publish that did not succeed."""
        return tables.attempts_frame(self.facts)

    @cached_property
    def events(self) -> pd.DataFrame:
        """The event log: time, event, video, encoder, publisher."""
        return tables.events_frame(self.facts)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Step functions: a row for each distinct time, with the state after it.

        Columns that are always 0 in the scenario, such as `encoders_down`, are left out.
        """
        return tables.levels_frame(self.facts, self.scenario, self.catalogue.publishing_time is not None)

    @property
    def _result(self) -> str:
        """How many videos are published in time, and how the run ended, in a phrase."""
        published, videos = self.stats["published"], len(self.catalogue)
        return f"{published} of {videos} published in time, {self.ending} at {self.end:g} s"

    def __repr__(self) -> str:
        return (
            f"<Run of {self.catalogue.name!r} under {self.strategy.name!r}, seed {self.seed}, replication "
            f"{self.replication}: {self._result}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return (
            self._inputs() == other._inputs()
            and self.catalogue == other.catalogue
            and self.facts.equals(other.facts)
        )

    __hash__ = None  # type: ignore[assignment]

    def _inputs(self) -> dict[str, Any]:
        """Return the inputs as plain data, without the catalogue."""
        apart = ("catalogue", "facts", "versions", "strategy_data", *(() if self.prices else ("prices",)))
        data = dictionaries.to_dict(self, leave_out=apart)
        return data if self.strategy_data is None else data | {"strategy": dict(self.strategy_data)}

    def provenance(self) -> dict[str, Any]:
        """Return what is needed to repeat the run: scenario, strategy, seed, replication and versions."""
        return {
            "versions": dict(self.versions),
            "catalogue": {"name": self.catalogue.name, "videos": len(self.catalogue)},
            **self._inputs(),
        }

    def save(self, folder: str | os.PathLike[str], *, format: Format = "csv", force: bool = False) -> Path:  # noqa: A002
        """Write the run to a folder: videos, publishers, attempts, events and levels, and run.json.

        Parameters
        ----------
        folder : path
            A folder that does not exist, is empty, or (with `force`) holds an earlier run. It is written
            completely or not at all.
        format : {"csv", "jsonl", "parquet"}
            The format of the tables.
        force : bool
            Whether to replace an earlier run.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If it cannot be written, or would overwrite something.
        MissingExtraError
            For Parquet without pyarrow.

        Examples
        --------
        >>> import tempfile, tv2sim as tv
        >>> run = tv.simulate(tv.generate_catalogue(5), "1")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tv.load_run(run.save(folder, format="jsonl")) == run
        True
        """
        written: Path = served("Run.save", self, folder, format, force=force)
        return written
