"""What was observed of the real system beside what was simulated: the same figures of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf, isnan, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.checks import a_number, a_whole_number, one_of, plural, shown
from tv2sim.base.digits import number
from tv2sim.base.errors import InputError
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.inference.intervals import exactly
from tv2sim.results.figures import scaled, unit
from tv2sim.results.metrics import METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OF_ELAPSED", "Runs", "beside", "strategies_of"]


class Runs(NamedTuple):
    """One figure of the observed runs of a strategy and of the simulated ones."""

    strategy: str
    quantity: str
    """The name of a metric, or one of :data:`OF_ELAPSED`."""
    observed: NDArray[np.float64]
    """One per observed run."""
    simulated: NDArray[np.float64]
    """One per replication."""
    is_fixed: bool
    """Whether the simulated figure cannot vary."""

    @property
    def all(self) -> NDArray[np.float64]:
        """All runs, the observed ones first."""
        return np.concatenate([self.observed, self.simulated])

    @property
    def deviation(self) -> float:
        """The standard deviation of all runs; exactly 0 if they are the same, whatever the rounding."""
        return float(self.all.std(ddof=1)) if np.ptp(self.all) > 0 else 0.0

    @property
    def error(self) -> float:
        """The standard error of the difference of the means."""
        return self.deviation * sqrt(1 / len(self.observed) + 1 / len(self.simulated))

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many standard deviations values are from the simulated mean."""
        apart: NDArray[np.float64] = values - self.simulated.mean()
        return apart / (self.deviation or 1.0)

    @property
    def label(self) -> str:
        """The quantity as people read it."""
        return (
            f"{self.quantity} of elapsed times" if self.quantity in OF_ELAPSED else METRICS[self.quantity].label
        )

    @property
    def means(self) -> tuple[str, str]:
        """The observed mean and the simulated one as people read them."""
        seen, made = (float(values.mean()) for values in (self.observed, self.simulated))
        return self._written(seen), self._written(made)

    def _written(self, mean: float) -> str:
        if self.quantity in OF_ELAPSED:
            return number(mean, 2)
        return f"{number(scaled(self.quantity, exactly(mean, 1)).mean, 2)}{unit(self.quantity)}"


OF_ELAPSED: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "rank": lambda shares: shares.mean(axis=1),
    "spread": lambda shares: 12 * ((shares - 0.5) ** 2).mean(axis=1),
}
"""The figures of a run's elapsed times: functions of the share of runs in which each video took less time."""


def strategies_of(study: object) -> dict[str, Replications]:
    """Return the replications by strategy of a study with one catalogue and one scenario.

    Raises
    ------
    InputError
        If it is something else.
    """
    if not isinstance(study, Comparison | Replications):
        raise InputError(f"validate needs what compare or replicate gave, not {shown(study)}")
    worlds = {cell[:2] for cell in study.cells}
    if len(worlds) > 1:
        raise InputError(
            f"validate needs one catalogue in one scenario, not {len(worlds)} worlds: choose one with "
            f"study.select(catalogue=..., scenario=...)"
        )
    return {cell.strategy: reps for cell, reps in study.cells.items()}


def beside(
    strategies: Mapping[str, Replications], observed: object, metric: str, step: float | None
) -> list[list[Runs]]:
    """Return for each strategy that was observed its figures.

    Raises
    ------
    InputError
        If `observed` is not what :func:`tv2sim.validate` accepts.
    """
    if not isinstance(observed, Mapping) or not observed:
        raise InputError(
            f"observed must have a list of runs by strategy, such as {{'2c': [154, 153]}}, not "
            f"{shown(observed)}"
        )
    found = []
    for strategy, given in observed.items():
        one_of("a strategy in observed", strategy, strategies)
        runs, reps = _listed(strategy, given), strategies[strategy]
        if any(map(_is_by_video, runs)):
            found.append(_elapsed(strategy, runs, reps, step))
        else:
            found.append([_values(strategy, runs, reps, metric, step)])
        if len(found[-1][0].simulated) < 2 and not found[-1][0].is_fixed:
            raise InputError("validate needs at least 2 replications, since one does not show how runs vary")
    if len({len(several) for several in found}) > 1:
        raise InputError(
            "observed must be values by run or elapsed times by video for all strategies, not both"
        )
    return found


def _listed(strategy: str, given: Any) -> list[Any]:
    """Return the runs of a strategy."""
    if _is_by_video(given):
        return [given]
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"observed[{strategy!r}] must be a list with a value for each run, not {shown(given)}")
    runs = list(given)
    if not runs:
        raise InputError(f"observed[{strategy!r}] is empty: give at least one run, or leave the strategy out")
    return runs


def _is_by_video(run: Any) -> bool:
    """Return whether this is a mapping, a frame, or a series by the videos' ids."""
    if isinstance(run, Mapping) or hasattr(run, "columns"):
        return True
    return getattr(getattr(run, "index", None), "inferred_type", None) == "string"


# -- values by run -------------------------------------------------------------------------------------------


def _values(strategy: str, runs: list[Any], reps: Replications, metric: str, step: float | None) -> Runs:
    videos = len(reps.catalogue)
    given = [_value(f"{metric} in observed[{strategy!r}]", run, metric, videos) for run in runs]
    simulated = reps.values(metric).astype(np.float64)
    if missing := int(np.count_nonzero(~np.isfinite(simulated))):
        raise InputError(
            f"{metric} has no finite value in {plural(missing, 'replication')} under strategy {strategy!r}: "
            f"validate another metric"
        )
    fixed = METRICS[metric].is_fixed(reps.setting)
    return Runs(strategy, metric, _rounded(np.array(given), step), _rounded(simulated, step), fixed)


def _value(name: str, value: Any, metric: str, videos: int) -> float:
    """Return a value of a metric, or raise an InputError if it cannot have that value."""
    of = METRICS[metric]
    low, high = of.limits(videos)
    if of.dtype is bool:
        return float(one_of(name, value, (False, True)))
    if of.dtype is int:
        return float(a_whole_number(name, value, at_least=0, at_most=int(high) if high < inf else None))
    return a_number(name, value, at_least=low, at_most=high)


def _rounded(values: NDArray[np.float64], step: float | None) -> NDArray[np.float64]:
    return values if step is None else np.rint(values / step) * step


# -- elapsed times by video ----------------------------------------------------------------------------------


def _elapsed(strategy: str, runs: list[Any], reps: Replications, step: float | None) -> list[Runs]:
    """Return the figures of the ranks that the videos' elapsed times have among all runs.

    Observed and simulated runs are ranked together, so that each run is treated alike. Runs are what varies
    independently: a run's videos depend on each other, and give one figure together.
    """
    from scipy.stats import rankdata

    rows = {video.id: row for row, video in enumerate(reps.catalogue)}
    given = [_seconds(strategy, run, rows) for run in runs]
    ids = list(given[0])
    for at, one in enumerate(given):
        if one.keys() != given[0].keys():
            lacking = next(iter(given[0].keys() ^ one.keys()))
            raise InputError(
                f"observed[{strategy!r}] has the video {lacking!r} in one of its runs 0 and {at} only: give "
                f"the same videos in each run, with NaN for one that was not published"
            )
    observed = whole_ticks(np.array([[one[id_] for id_ in ids] for one in given]))
    simulated = reps._ticks(None)[:, [rows[id_] for id_ in ids]]
    times = _rounded(np.concatenate([observed, simulated]), step and step * PER_SECOND)
    shares = (rankdata(times, axis=0) - 0.5) / len(times)
    figures = {name: of(shares) for name, of in OF_ELAPSED.items()}
    fixed, count = reps.setting.is_deterministic, len(given)
    return [Runs(strategy, name, of[:count], of[count:], fixed) for name, of in figures.items()]


def _seconds(strategy: str, run: Any, rows: Mapping[str, int]) -> dict[str, float]:
    """Return the elapsed times of a run by the ids of its videos; infinity where one was not published."""
    if not _is_by_video(run):
        raise InputError(
            f"observed[{strategy!r}] must have elapsed times by video in each run, not {shown(run)}"
        )
    if hasattr(run, "columns"):
        if not {"id", "elapsed"} <= set(run.columns):
            columns = ", ".join(map(repr, run.columns))
            raise InputError(f"observed[{strategy!r}] must have the columns 'id' and 'elapsed', not {columns}")
        run = run.set_index("id")["elapsed"]
    if not isinstance(run, Mapping) and not run.index.is_unique:
        twice = run.index[run.index.duplicated()][0]
        raise InputError(f"observed[{strategy!r}] has the video {twice!r} twice in one run")
    if not len(run):
        raise InputError(f"observed[{strategy!r}] has a run without videos")
    found = {}
    for id_, seconds in run.items():
        if id_ not in rows:
            raise InputError(f"observed[{strategy!r}] has a video that is not in the catalogue: {shown(id_)}")
        found[id_] = _time(f"the elapsed time of {id_!r} in observed[{strategy!r}]", seconds)
    return found


def _time(name: str, seconds: Any) -> float:
    if seconds is None or (isinstance(seconds, float) and (isnan(seconds) or seconds == inf)):
        return inf  # as the simulation has it
    return a_number(name, seconds, at_least=0)
