"""One replication in full detail: its facts, and the tables that are derived from them."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tv2sim import __version__
from tv2sim.base import dictionaries
from tv2sim.base.later_methods import Displayed, serve
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.catalogue import Catalogue
from tv2sim.results import levels, metrics
from tv2sim.results.event_kinds import EVENTS, log_of, times_of
from tv2sim.results.facts import ATTEMPTS, PUBLISHER_OUTCOMES, TABLES, VIDEO_OUTCOMES, Columns, Facts
from tv2sim.results.levels import LEVELS
from tv2sim.results.metrics import ON_TIME_RATE, happened, on_time, publisher_times, quantile
from tv2sim.strategies import Strategy
from tv2sim.world.prices import Prices, as_prices, needed
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from tv2sim.base.storage import Format

MEANINGS: dict[str, dict[str, str]] = {
    "videos": {
        "id": "its unique name",
        "title": "free text",
        "provider": "free text",
        "encoding_time": "seconds for which it occupies an encoder",
        "publication_timeout": "seconds from the start of its encoding within which it must be published",
        "submitted_at": "the time before which the client does not offer it, if the catalogue has such times",
        "publishing_time": "seconds for which its publisher is busy with it, if the catalogue has such times",
        "priority": "a number for rules of your own, if the catalogue has such numbers",
        "encoder": "the number of its encoder",
        "publisher": "the number of its publisher; missing if the attempts of all that it had have failed",
        "published": "when it is published, in time or too late",
        "elapsed": "seconds from the start of its encoding to its publication",
        "on_time": "whether it was published no later than its timeout",
        "outcome": "published, failed (too late, or not at all), refused, or unfinished when the run ended",
    },
    "publishers": {
        "publisher": "its number; publishers are numbered in the order in which they are started",
        "cause": "the video because of which it was started; missing if prewarmed, or started by a review",
        "assigned": "when it takes its video",
        "ended": "when it ends after the publication of its video, or fails",
        "video": "the video that it took",
        "idle": "seconds from ready to assigned, or to the end of the run; 0 if it was not ready by then",
        "outcome": "ended; failed; unfinished, if it had a video when the run ended; unused, if it had none",
    },
    "attempts": {
        "kind": "encoding, startup or publishing",
        "video": "the video, if there is one",
        "encoder": "the encoder, if there is one",
        "publisher": "the publisher, if there is one",
        "started": "when the attempt began",
        "ended": "when it failed",
    },
    "events": {
        "time": "seconds since the start of the run",
        "event": "what happened",
        "video": "the video to which it happened, if there is one",
        "encoder": "the encoder, if there is one",
        "publisher": "the publisher, if there is one",
    },
    "levels": {
        "time": "seconds since the start of the run; a row holds until the time of the next",
        **{name: level.meaning for name, level in LEVELS.items()},
    },
}
"""What the columns of a run's tables hold; for times of events, :data:`EVENTS` says it."""


def meaning(table: str, column: str) -> str:
    """Return what a column of a run's table holds.

    >>> meaning("videos", "elapsed"), meaning("videos", "encoded")
    ('seconds from the start of its encoding to its publication', 'when the encoding of the video ends')
    """
    if column in MEANINGS[table]:
        return MEANINGS[table][column]
    (kind,) = (kind for kind in EVENTS.values() if (kind.table, kind.time) == (table, column))
    return f"when {kind.meaning}"


def videos_frame(catalogue: Catalogue, facts: Facts) -> pd.DataFrame:
    """Return the table of videos, a row each, in the order of the catalogue."""
    return pd.concat(
        [
            catalogue.frame,
            pd.DataFrame(
                {
                    **_columns_of("videos", facts.videos, but=("own", "settled", "outcome")),
                    "elapsed": facts.elapsed / PER_SECOND,
                    "on_time": on_time(facts),
                    "outcome": _named(VIDEO_OUTCOMES, facts.videos["outcome"]),
                }
            ),
        ],
        axis="columns",
    )


def groups_frame(catalogue: Catalogue, facts: Facts, column: str) -> pd.DataFrame:
    """Return a row for each group of videos with the same value in a column of the catalogue."""
    late = facts.elapsed - whole_ticks(catalogue.publication_timeout)
    table = []
    for group, rows in catalogue.groups(column):
        outcomes = np.bincount(facts.videos["outcome"][rows], minlength=len(VIDEO_OUTCOMES)).tolist()
        ordered = np.sort(happened(late[rows]))
        times = [quantile(ordered, percent) for percent in _PERCENTS]
        table.append((group, len(rows), *outcomes, float(on_time(facts)[rows].mean()), *times))
    names = ["group", "videos", *VIDEO_OUTCOMES, ON_TIME_RATE, *(f"lateness_p{p}" for p in _PERCENTS)]
    return pd.DataFrame(table, columns=names)


_PERCENTS = (50, 95, 99)


def publishers_frame(facts: Facts) -> pd.DataFrame:
    """Return the table of publishers, a row each, in the order of their start.

    The outcome of an unfinished publisher that never got a video is "unused".
    """
    publishers = facts.publishers
    outcome = _named(PUBLISHER_OUTCOMES, publishers["outcome"])
    unused = (publishers["outcome"] == 0) & (publishers["video"] < 0)
    return pd.DataFrame(
        {
            "publisher": _nullable(np.arange(len(publishers["cause"]))),
            **_columns_of("publishers", publishers, but=("outcome",)),
            "idle": publisher_times(facts)["idle"] / PER_SECOND,
            "outcome": outcome.mask(unused, "unused"),
        }
    )


def attempts_frame(facts: Facts) -> pd.DataFrame:
    """Return the table of the attempts that did not succeed, a row each."""
    attempts = facts.attempts
    return pd.DataFrame(
        {"kind": _named(ATTEMPTS, attempts["kind"]), **_columns_of("attempts", attempts, but=("kind",))}
    )


def events_frame(facts: Facts) -> pd.DataFrame:
    """Return the event log, in the order in which things happened."""
    log = log_of(facts)
    return pd.DataFrame(
        {
            "time": log.time,
            "event": _named((None, *EVENTS), log.code),
            "video": _nullable(log.video),
            "encoder": _nullable(log.encoder),
            "publisher": _nullable(log.publisher),
        }
    )


def levels_frame(facts: Facts, scenario: Scenario, publishing_times: bool = False) -> pd.DataFrame:
    """Return the step functions: a row for each time at which anything happened, the state after it.

    `publishing_times`: whether videos have publishing times of their own.
    """
    every = [getattr(facts, table)[name] for table in TABLES for name in times_of(table)]
    times = np.unique(happened(np.concatenate(every))) / PER_SECOND
    names = levels.shown(scenario, publishing_times)
    return pd.DataFrame({"time": times, **levels.levels_of(facts, scenario, times, names)})


def _columns_of(table: str, columns: Columns, *, but: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns of facts for a table: times in seconds, and numbers that may be missing."""
    return {
        name: columns[name] / PER_SECOND if column.code == "d" else _nullable(columns[name])
        for name, column in TABLES[table].items()
        if name not in but
    }


def _nullable(numbers: NDArray[np.int64]) -> pd.arrays.IntegerArray:
    """Return whole numbers as a column in which numbers below 0 are missing."""
    return pd.arrays.IntegerArray(np.maximum(numbers, 0), numbers < 0)


def _named(names: tuple[str | None, ...], codes: NDArray[Any]) -> pd.Series[str]:
    return pd.Series(np.array(names, dtype=object)[codes], dtype="str")


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
        """Why it ended: "completed", "cut-off", "no progress", or that nothing was planned any more.

        "no progress": no video got any further for as long as the scenario has `patience`. Without anything
        planned: "no publisher will come" if a video is encoded, else "nothing left to happen". A replay may be
        "stopped".
        """
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
        return videos_frame(self.catalogue, self.facts)

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
        return groups_frame(self.catalogue, self.facts, column)

    @cached_property
    def publishers(self) -> pd.DataFrame:
        """A row per publisher, in the order of their start."""
        return publishers_frame(self.facts)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """A row per attempt to encode, to start up or to publish that did not succeed."""
        return attempts_frame(self.facts)

    @cached_property
    def events(self) -> pd.DataFrame:
        """The event log: time, event, video, encoder, publisher."""
        return events_frame(self.facts)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Step functions: a row for each distinct time, with the state after it.

        Columns that are always 0 in the scenario, such as `encoders_down`, are left out.
        """
        return levels_frame(self.facts, self.scenario, self.catalogue.publishing_time is not None)

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
        written: Path = serve("Run.save", self, folder, format, force=force)
        return written
