"""Replications of one strategy in one scenario."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.draws import as_seed
from tv2sim.engines import engine_named
from tv2sim.errors import ScenarioError
from tv2sim.experiment.choices import (
    ALL_METRICS,
    as_metrics,
    as_precision,
    next_batch,
    reason,
)
from tv2sim.experiment.work import Chunk, Task, compute, joined
from tv2sim.figures import METRICS
from tv2sim.scenario import Scenario
from tv2sim.statistics import Interval, Precision, as_confidence, mean_interval, wilson
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.validation import MOST, a_whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Replications", "replicate"]

_COUNTS = {
    "published", "failed", "unfinished", "stockouts", "publishers_started", "publishers_wasted",
    "peak_publishers",
}  # fmt: skip
_OF_VIDEOS = {"published", "failed", "unfinished", "stockouts"}
_SHARES = {"on_time_rate", "encoder_utilization", "any_failure"}


def replicate(
    catalogue: Catalogue | Any,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    replications: int = 1000,
    seed: int | None = 1,
    engine: Literal["auto", "simpy"] = "auto",
    metrics: Literal["all"] | Iterable[str] = "all",
    precision: Precision | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Replications:
    """Simulate replications 0, 1, 2, ... and keep the figures of each.

    Replication `r` of a seed is the same alone, in a batch, and on any number of workers, to the last bit;
    ``simulate(..., seed=seed, replication=r)`` opens it in full detail.

    Parameters
    ----------
    catalogue, strategy, scenario, seed
        As for :func:`tv2sim.simulate`.
    replications : int
        How many; with a `precision`, how many at the most.
    engine : {"auto", "simpy"}
        What simulates; "auto" chooses, and ``.engine`` tells which it was.
    metrics : "all" or names
        Which figures the frame shows, of those in :func:`tv2sim.figures.summary` and ``"any_failure"``.
    precision : Precision, optional
        Stop as soon as a mean is known so well; ``.stopped`` then says why it ended.
    workers : int, optional
        How many processes, this one alone if None; a script needs ``if __name__ == "__main__":`` around it.
    executor : concurrent.futures.Executor, optional
        Where to simulate instead: Dask's ``client.get_executor()``, MPI's, loky's.
    progress : bool
        Whether to show a bar, on a terminal, when it takes longer than a second.

    Returns
    -------
    Replications
        ``.frame`` has a row per replication, ``.on_time`` a row per video.

    Raises
    ------
    InputError
        If an argument is wrong.
    Interrupted
        On Ctrl-C.

    Examples
    --------
    >>> import tv2sim as tv
    >>> reps = tv.replicate(tv.generate_catalogue(), "2a", replications=50, seed=1)
    >>> reps.frame[["replication", "published", "on_time_rate"]].head(2).round(3)
       replication  published  on_time_rate
    0            0        133         0.864
    1            1        131         0.851
    """
    simulates = engine_named(engine)
    scenario = Scenario() if scenario is None else scenario
    if not isinstance(scenario, Scenario):
        raise ScenarioError(f"scenario must be a tv2sim.Scenario, not {scenario!r}")
    count = a_whole_number("replications", replications, at_least=1, at_most=MOST)
    nothing = Replications(
        read_catalogue(catalogue),
        as_strategy(strategy),
        scenario,
        as_seed(seed),
        [],
        as_metrics(metrics),
        simulates,
    )
    how: dict[str, Any] = {"workers": workers, "executor": executor, "progress": progress}
    if precision is None:
        return nothing.extend(count, **how)
    return _until_precise(nothing, as_precision(precision), count, how)


def _until_precise(reps: Replications, precision: Precision, budget: int, how: dict[str, Any]) -> Replications:
    while len(reps) < budget:
        interval = reps.interval(precision.metric, precision.confidence) if len(reps) else None
        reps = reps.extend(next_batch(precision, [interval] if interval else [], len(reps), budget), **how)
        if precision.is_met(reps.interval(precision.metric, precision.confidence)):
            break
    reps.stopped = reason(precision, reps.interval(precision.metric, precision.confidence), len(reps))
    return reps


class Replications:
    """Replications 0 to n - 1 of one strategy in one scenario; made by :func:`replicate`.

    Attributes
    ----------
    catalogue, strategy, scenario, seed
        What went in.
    metrics : tuple of str
        The figures that the frame shows.
    engine : str
        What simulated.
    stopped : str or None
        With a precision: why it ended.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        strategy: Strategy,
        scenario: Scenario,
        seed: int,
        chunks: Sequence[Chunk],
        metrics: tuple[str, ...] = ALL_METRICS,
        engine: str = "simpy",
    ) -> None:
        self.catalogue, self.strategy, self.scenario, self.seed = catalogue, strategy, scenario, seed
        self.metrics, self.engine = metrics, engine
        self.stopped: str | None = None
        self._chunk = joined(chunks) if chunks else Chunk(np.empty((0, len(METRICS))), _zeros(len(catalogue)))

    def __len__(self) -> int:
        return len(self._chunk.figures)

    def __repr__(self) -> str:
        mean = self.interval("on_time_rate").mean
        return (
            f"<{len(self)} replications of {self.catalogue.name!r} under {self.strategy.name!r}, "
            f"seed {self.seed}: on-time rate {mean:.4f}>"
        )

    def values(self, metric: str) -> NDArray[np.float64]:
        """Return a figure, one number per replication.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        as_metrics(metric)
        if metric == "any_failure":
            return (self.values("published") < len(self.catalogue)).astype(np.float64)
        return self._chunk.figures[:, METRICS.index(metric)]

    def interval(self, metric: str, confidence: float = 0.95, *, first: int | None = None) -> Interval:
        """Return the mean of a figure, over all or the first so many replications, with its interval.

        A t interval over replications; for ``any_failure`` a Wilson interval; and where all replications agree,
        the bound that the number of replications allows (see :func:`tv2sim.statistics.mean_interval`). It ends
        where the figure cannot go on.
        """
        values, confidence = self.values(metric)[:first], as_confidence(confidence)
        if metric == "any_failure" and len(values) and 0 < values.sum() < len(values):
            return wilson(int(values.sum()), len(values), confidence)
        return mean_interval(values, confidence, low=self.bounds(metric)[0], high=self.bounds(metric)[1])

    def bounds(self, metric: str) -> tuple[float, float]:
        """Return what a figure cannot be below and above."""
        if metric in _OF_VIDEOS:
            return 0, len(self.catalogue)
        return (0, 1) if metric in _SHARES else (-inf, inf)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per replication: its number and its figures."""
        import pandas as pd

        columns: dict[str, Any] = {"replication": np.arange(len(self))}
        for metric in self.metrics:
            values = self.values(metric)
            kind = np.int64 if metric in _COUNTS else np.bool_ if metric == "any_failure" else np.float64
            columns[metric] = values.astype(kind)
        return pd.DataFrame(columns)

    @cached_property
    def on_time(self) -> pd.DataFrame:
        """A row per video: how often it was on time, and the probability of it with a 95 % Wilson interval."""
        import pandas as pd

        n = len(self)
        intervals = [wilson(count, n) for count in self._chunk.on_time.tolist()]
        frame = self.catalogue.frame[["id", "title", "encoding_time", "publication_timeout"]].copy()
        frame["on_time"] = self._chunk.on_time
        frame["probability"] = [interval.mean for interval in intervals]
        frame["ci_low"] = [interval.ci_low for interval in intervals]
        frame["ci_high"] = [interval.ci_high for interval in intervals]
        return pd.DataFrame(frame)

    def extend(
        self,
        more: int,
        *,
        workers: int | None = None,
        executor: Executor | None = None,
        progress: bool = True,
    ) -> Replications:
        """Return these and so many more replications; those that are done are not repeated."""
        task = self.task(a_whole_number("more", more, at_least=1, at_most=MOST))
        (chunk,) = compute([task], workers=workers, executor=executor, progress=progress)
        return self.with_chunk(chunk)

    def task(self, more: int) -> Task:
        """Return the work of so many more replications."""
        following = range(len(self), len(self) + more)
        return Task(self.catalogue, self.strategy, self.scenario, self.seed, following, self.engine)

    def with_chunk(self, chunk: Chunk) -> Replications:
        """Return these and the replications that :meth:`task` gave."""
        chunks = [self._chunk, chunk] if len(self) else [chunk]
        return Replications(
            self.catalogue, self.strategy, self.scenario, self.seed, chunks, self.metrics, self.engine
        )


def _zeros(videos: int) -> NDArray[np.int64]:
    return np.zeros(videos, dtype=np.int64)
