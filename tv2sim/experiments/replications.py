"""Replications of one strategy in one scenario."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import MOST, a_share, a_whole_number, one_of, shown
from tv2sim.base.errors import InputError
from tv2sim.base.later_methods import Displayed
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.ticks import PER_SECOND
from tv2sim.catalogue import Catalogue
from tv2sim.experiments import control_variate
from tv2sim.experiments.control_variate import Control, PartsOfCost
from tv2sim.experiments.results_store import compute
from tv2sim.experiments.startup_resampling import Resamples, input_interval
from tv2sim.experiments.video_figures import QUANTITIES, VideoTimes
from tv2sim.experiments.workers import Chunk, Task, join_chunks, room_for
from tv2sim.inference import intervals
from tv2sim.inference.intervals import Difference, Interval, Quantile, Stopped, as_confidence, exactly
from tv2sim.results.metrics import (
    COST,
    MAIN,
    METRICS,
    ON_TIME_RATE,
    Setting,
    as_metrics,
    costs,
    measured_for,
    total,
)
from tv2sim.strategies import Strategy
from tv2sim.world.prices import Prices, as_prices, needed
from tv2sim.world.scenario import Scenario


class Cell(NamedTuple):
    """The names of a catalogue, a scenario and a strategy."""

    catalogue: str
    scenario: str
    strategy: str


@dataclass(frozen=True, eq=False, repr=False)
class Replications(Displayed):
    """Replications 0 to n - 1 of one strategy in one scenario; made by :func:`replicate`.

    Attributes
    ----------
    catalogue, strategy, scenario, seed
        What was simulated.
    engine : str
        The name of the engine that simulated.
    metrics : tuple of str
        The metrics that the frame shows.
    results : Chunk
        For each metric that was computed, one value per replication; and how often each video was on time.
    stopped : Stopped or None
        With a precision: why it ended. ``str(reps.stopped)`` is a sentence.
    prices : Prices or None
        What publishers and failed videos cost.
    control : Control or None
        The control variate for failed videos; None: means are those of the replications alone.
    resamples : Resamples or None
        With measured start-up times: what other samples of as many might have given.
    """

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    engine: str
    metrics: tuple[str, ...]
    results: Chunk
    stopped: Stopped | None = None
    prices: Prices | None = None
    control: Control | None = None
    resamples: Resamples | None = None

    @property
    def cells(self) -> dict[Cell, Replications]:
        """These replications as the one cell of a comparison."""
        return {Cell(self.catalogue.name, "default", self.strategy.name): self}

    def __len__(self) -> int:
        return len(self.values(ON_TIME_RATE))

    def __repr__(self) -> str:
        mean = self.mean(ON_TIME_RATE)
        return (
            f"<{len(self)} replications of {self.catalogue.name!r} under {self.strategy.name!r}, "
            f"seed {self.seed}: on-time rate {mean:.4f}>"
        )

    def values(self, metric: str) -> NDArray[np.float64]:
        """Return a metric, one number per replication.

        For a metric that was not computed, the replications are simulated again, once for all such metrics.

        Raises
        ------
        InputError
            If there is no metric of that name, or it is the cost and there are no prices.
        """
        as_metrics(metric)
        if metric == COST:
            values: NDArray[np.float64] = total(self.parts_of_cost)
            return values
        results = self.results if metric in self.results.values else self._results_of_all
        return results.values[metric]

    def task(self, replications: range, metrics: tuple[str, ...]) -> Task:
        """Return the task of simulating replications of the same."""
        what = self.catalogue, self.strategy, self.scenario, self.seed
        return Task(*what, replications, self.engine, metrics)

    @cached_property
    def _results_of_all(self) -> Chunk:
        (chunk,) = compute([self.task(range(len(self)), measured_for(METRICS, ()))])
        return chunk

    def interval(self, metric: str, confidence: float = 0.95, *, first: int | None = None) -> Interval:
        """Return the mean of a metric, with its interval, over all replications or the `first` few.

        The method follows from the values: see :func:`tv2sim.inference.intervals.mean_interval` and, for a
        metric that is true or false, :func:`tv2sim.inference.intervals.share_interval`. The interval ends at
        the bounds of the metric. If it cannot vary, the width is 0; if too few replications differ, there is
        no interval.

        For a pool of one size, first in, first out, the mean of `failed` has two parts: the exact mean of the
        videos that must fail, and the mean of the others in the replications (:class:`Control`). Metrics that
        follow from `failed` have the same parts.
        """
        values, confidence = self.values(metric)[:first], as_confidence(confidence)
        of, videos = METRICS[metric], len(self.catalogue)
        if len(values) and of.is_fixed(self.setting):
            return exactly(float(values[0]), len(values))
        if metric == COST:
            prices, control = needed(self.prices), self.used_control("failed")
            return control_variate.cost_interval(prices, self._cost(first), videos, control, confidence)
        if (control := self.used_control(metric)) and len(values) > 1:
            return control_variate.controlled_interval(control, self.failures[:first], metric, confidence)
        if of.dtype is bool:
            return intervals.share_interval(int(values.sum()), len(values), confidence)
        low, high = of.limits(videos)
        return intervals.mean_interval(values, confidence, low=low, high=high, step=of.step(videos))

    def less(
        self, other: Replications, metric: str, confidence: float = 0.95, *, first: int | None = None
    ) -> Difference:
        """Return the mean difference of a metric from other replications, paired by replication.

        All replications are taken, which must be as many of both, or the `first` few. If neither can vary, the
        difference is exact: it has the width 0 and no p-value. Costs are compared at the prices of these
        replications. Failures are controlled as in :meth:`interval` if both have a control variate.
        """
        other = other.priced(self.prices) if metric == COST else other
        of, values, others = METRICS[metric], self.values(metric)[:first], other.values(metric)[:first]
        if len(values) and of.is_fixed(self.setting) and of.is_fixed(other.setting):
            exact = exactly(float(values[0] - others[0]), len(values))
            return Difference(*exact[:4], p_value=nan, variance_ratio=nan, n=len(values), differing=0)
        if metric == COST:
            controls = self.used_control("failed"), other.used_control("failed")
            parts = self._cost(first), other._cost(first)
            return control_variate.cost_difference(needed(self.prices), *parts, controls, confidence)
        controls = self.used_control(metric), other.used_control(metric)
        if controls[0] and controls[1] and len(values) > 1:
            failed = self.failures[:first], other.failures[:first]
            return control_variate.controlled_difference((controls[0], controls[1]), failed, metric, confidence)
        return intervals.paired_difference(values, others, confidence, step=of.step(len(self.catalogue)))

    def input_interval(
        self, metric: str, confidence: float = 0.95, *, less: Replications | None = None
    ) -> Interval:
        """Return the mean of a metric, with an interval that holds the uncertainty of measured start-up times.

        The times are `startup_samples`. With `less`, the result is a difference from other replications. The
        interval is a bootstrap of the times; ``docs/intervals.md`` has the method and how often it holds.

        Raises
        ------
        InputError
            If there were no `startup_samples`.

        Examples
        --------
        >>> import tv2sim as tv
        >>> measured = tv.Uniform(2, 6).quantile((np.arange(20) + 0.5) / 20)
        >>> reps = tv.replicate(tv.generate_catalogue(), "2a", replications=200, startup_samples=measured)
        >>> for found in (reps.interval("published"), reps.input_interval("published")):
        ...     print(f"{found.mean:.1f} ({found.ci_low:.1f} to {found.ci_high:.1f})")
        128.0 (127.5 to 128.4)
        128.0 (120.4 to 136.2)
        """
        confidence, means = as_confidence(confidence), self._resampled.values(metric, self.setting)
        if less is None:
            plain = self.interval(metric, confidence)
        else:
            less = less.priced(self.prices) if metric == COST else less
            if self._like != less._like:
                raise InputError(
                    "resamples can be compared only if they are of the same times and replications"
                )
            plain = self.less(less, metric, confidence).interval
            means = means - less._resampled.values(metric, less.setting)
        return input_interval(plain, means, self._resampled.times, confidence)

    @property
    def _resampled(self) -> Resamples:
        if self.resamples is None:
            raise InputError("there are no resamples: give measured start-up times with startup_samples=")
        return self.resamples

    @property
    def _like(self) -> tuple[object, ...]:
        """The values that two resamplings must share, so that their differences are paired."""
        return self.scenario.startup_time, self.seed, self._resampled.replications

    def mean(self, metric: str) -> float:
        """Return the mean of a metric over all replications, as :meth:`interval` has it."""
        of_failures = "failed" if metric == COST and needed(self.prices).failed else metric
        if self.used_control(of_failures) is None or len(self) < 2:
            return float(self.values(metric).mean())
        return self.mean_costs[COST] if metric == COST else self.interval(metric).mean

    # -- the control variate -------------------------------------------------------------------------------

    def used_control(self, metric: str) -> Control | None:
        """Return the control variate for a metric that follows from failures, else None."""
        follows = METRICS[ON_TIME_RATE].follows in (metric, METRICS[metric].follows)
        covered = self.control is not None and self.control.bound is not None
        return self.control if follows and covered else None

    @property
    def variance_ratio(self) -> float:
        """By what factor the control variate lowers the variance of failed videos; NaN if it is not used.

        Examples
        --------
        >>> import tv2sim as tv
        >>> reps = tv.replicate(tv.generate_catalogue(), "2c:10", replications=1000)
        >>> round(reps.control.mean, 3), round(reps.variance_ratio, 1)
        (1.312, 4.8)
        """
        control = self.used_control("failed")
        return nan if control is None or len(self) < 2 else control.variance_ratio(self.failures)

    @cached_property
    def failures(self) -> NDArray[np.float64]:
        """The number of videos that were not published in time, by replication."""
        videos = len(self.catalogue)
        return videos - np.rint(self.values(ON_TIME_RATE) * videos)

    @property
    def estimated_failures(self) -> NDArray[np.float64]:
        """The failures of each replication whose mean is estimated: where there is a control, the others."""
        control = self.used_control("failed")
        return self.failures if control is None else control.others(self.failures)

    @cached_property
    def setting(self) -> Setting:
        """Catalogue, strategy, scenario and prices, which tell whether a metric can vary."""
        return Setting(self.catalogue, self.strategy, self.scenario, self.prices)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per replication: its number and its metrics."""
        columns = {metric: self.values(metric).astype(METRICS[metric].dtype) for metric in self.metrics}
        return pd.DataFrame({"replication": np.arange(len(self)), **columns})

    # -- what it costs -------------------------------------------------------------------------------------

    def priced(self, prices: Prices | None) -> Replications:
        """Return the same replications at other prices, or without any; nothing is simulated again.

        Except that metrics from which the cost follows are simulated again if they were not computed.

        Raises
        ------
        InputError
            If it is given something else.

        Examples
        --------
        >>> import tv2sim as tv
        >>> reps = tv.replicate(tv.generate_catalogue(), "2a", replications=20)
        >>> reps.priced(tv.Prices(failed=2)).frame["cost"].equals(2.0 * reps.frame["failed"])
        True
        """
        prices = as_prices(prices)
        names = self.metrics if prices else tuple(name for name in self.metrics if name != COST)
        return replace(self, prices=prices, metrics=with_cost(names, prices))

    @cached_property
    def costs(self) -> pd.DataFrame:
        """A row per replication: its number, the parts of its cost by the names of the prices, and the cost.

        Raises
        ------
        InputError
            If there are no prices.
        """
        columns = {**self.parts_of_cost, COST: self.values(COST)}
        return pd.DataFrame({"replication": np.arange(len(self)), **columns})

    @cached_property
    def parts_of_cost(self) -> dict[str, NDArray[np.float64]]:
        """The columns of :attr:`costs` that add up to the cost."""
        measured, zeros = self.setting.priced, np.zeros(len(self))
        parts = costs(needed(self.prices), lambda name: self.values(name) if name in measured else zeros)
        return {name: part + zeros for name, part in parts.items()}

    def _cost(self, first: int | None) -> PartsOfCost:
        """Return the cost of publishers and the number of failed videos, by replication."""
        publishers = total({name: part for name, part in self.parts_of_cost.items() if name != "failed"})
        failed = self.values("failed") if needed(self.prices).failed else np.zeros(len(self))
        return publishers[:first], failed[:first]

    @cached_property
    def mean_costs(self) -> dict[str, float]:
        """The means of :attr:`costs`; the means of failed videos are as in :meth:`interval`."""
        means = {
            name: float(part.mean()) for name, part in (self.parts_of_cost | {COST: self.values(COST)}).items()
        }
        failed = needed(self.prices).failed
        more = failed * self.mean("failed") - means["failed"] if failed and self.used_control("failed") else 0.0
        return {**means, "failed": means["failed"] + more, COST: means[COST] + more}

    @cached_property
    def on_time(self) -> pd.DataFrame:
        """A row per video: how often it was on time, and the probability of it with its 95 % interval."""
        counts = self.results.on_time
        shares = pd.DataFrame([intervals.share_interval(count, len(self)) for count in counts.tolist()])
        columns = ["id", "title", "encoding_time", "publication_timeout"]
        frame = self.catalogue.frame.assign(encoding_time=self.catalogue.encoding_time)[columns]
        shares = shares[["mean", "ci_low", "ci_high"]].rename(columns={"mean": "probability"})
        return frame.assign(on_time=counts).join(shares)

    # -- videos of all replications ------------------------------------------------------------------------

    def elapsed(self, first: int | None = None) -> NDArray[np.float64]:
        """Return the elapsed time of every video in seconds: a row per replication, a column per video.

        It is the time from the start of a video's encoding to its publication, and infinity if it was not
        published when the run ended. The replications are simulated again for it.

        Parameters
        ----------
        first : int, optional
            How many replications; default is all of them, but at most 1,000,000 videos together.

        Raises
        ------
        InputError
            If there are not so many replications, or they cannot be repeated: a strategy of a class of your own
            is not saved with a comparison.

        Examples
        --------
        >>> import tv2sim as tv
        >>> reps = tv.replicate(tv.generate_catalogue(), "2c", replications=20)
        >>> reps.elapsed().shape
        (20, 154)
        >>> in_time = reps.elapsed() <= reps.catalogue.publication_timeout
        >>> in_time.sum(axis=1).tolist() == reps.frame["published"].tolist()
        True
        """
        return self.video_times.ticks(first) / PER_SECOND

    def lateness(self, first: int | None = None) -> NDArray[np.float64]:
        """Return elapsed time less timeout of every video, like :meth:`elapsed`.

        Above 0 is too late, unless the scenario's `deadline` is "assigned".
        """
        return self.video_times.of("lateness", first) / PER_SECOND

    @cached_property
    def video_times(self) -> VideoTimes:
        """The elapsed times of the videos, which quantiles and groups are made of."""
        return VideoTimes(self.setting, self.strategy, self.seed, self.engine, self.values(ON_TIME_RATE))

    def quantile(
        self,
        quantity: str,
        share: float,
        confidence: float = 0.95,
        *,
        first: int | None = None,
        videos: Any = None,
    ) -> Quantile:
        """Return a quantile over the videos of all replications together, with its interval.

        It answers "how late are the latest 1 % of all videos?". The metric ``lateness_p99`` is something else:
        the mean of the runs' own p99. Unfinished videos are later than all others (infinity).

        Parameters
        ----------
        quantity : {"elapsed", "lateness"}
            The quantity.
        share : float
            Between 0 and 1: 0.99 gives what 99 % of the videos do not exceed.
        confidence : float
            Of the interval; see :func:`tv2sim.inference.intervals.pooled_quantiles`.
        first : int, optional
            How many replications, as in :meth:`elapsed`.
        videos : array of bool, optional
            Which videos of the catalogue; default is all.

        Returns
        -------
        Quantile
            value, half_width, ci_low, ci_high, and what it rests on: replications, videos (in each of them).

        Examples
        --------
        >>> import tv2sim as tv
        >>> reps = tv.replicate(tv.generate_catalogue(), "2c:9", replications=50)
        >>> found = reps.quantile("lateness", 0.99)
        >>> round(found.value, 2), found.replications, found.videos
        (0.64, 50, 154)
        >>> reps.quantile("lateness", 0.99, videos=reps.catalogue.frame.provider == "Kanal Nord").videos
        101
        """
        one_of("quantity", quantity, QUANTITIES, error=InputError)
        share = a_share("share", share, above=0)
        if share == 1:
            raise InputError(f"share must be less than 1, not {share!r}: there is no largest time")
        rows = slice(None) if videos is None else _rows(videos, len(self.catalogue))
        (found,) = self.video_times.quantiles(quantity, (share,), as_confidence(confidence), first, rows)
        return found

    def by(self, column: str, confidence: float = 0.95, *, first: int | None = None) -> pd.DataFrame:
        """Return a row for each group of videos with the same value in a column of the catalogue.

        Parameters
        ----------
        column : str
            Such as ``"provider"``. Videos without a value are a group of their own, the last one.
        confidence : float
            Of the interval of the on-time rate, which is a mean over replications.
        first : int, optional
            How many replications, as in :meth:`elapsed`.

        Returns
        -------
        DataFrame
            group, videos; on_time_rate of the group with half_width, ci_low and ci_high; lateness_50,
            lateness_95 and lateness_99, which that many % of the group's videos in all replications do not
            exceed; and the number of replications.

        Raises
        ------
        InputError
            If the catalogue has no such column; the message lists those that it has.

        Examples
        --------
        >>> import tv2sim as tv
        >>> reps = tv.replicate(tv.generate_catalogue(), "2c", replications=50)
        >>> reps.by("provider")[["group", "videos", "on_time_rate", "lateness_99"]].round(3)
                group  videos  on_time_rate  lateness_99
        0  Kanal Nord     101         0.992       -0.065
        1  Kanal Sund      30         0.981        0.262
        2   Ø-Kanalen      23         0.989        0.031
        """
        return self.video_times.by(column, as_confidence(confidence), first)

    @classmethod
    def none(
        cls,
        what: tuple[Catalogue, Strategy, Scenario],
        seed: int,
        *,
        engine: str,
        metrics: tuple[str, ...],
        computed: Iterable[str],
        prices: Prices | None,
        control: bool,
    ) -> Replications:
        """Return no replications, from which :meth:`extend` makes some.

        Parameters
        ----------
        what : catalogue, strategy and scenario
            What is simulated.
        engine : str
            As :func:`tv2sim.engines.choice.engine_for` returns it.
        computed : iterable of str
            The metrics that are computed, at least those that the frame shows.
        control : bool
            Whether failures have a control variate.
        """
        controlled = Control(Setting(*what), seed) if one_of("control", control, (False, True)) else None
        room = room_for(computed, len(what[0]))
        return cls(*what, seed, engine, metrics, room, prices=prices, control=controlled)

    def extend(self, more: int, **how: Any) -> Replications:
        """Return these and `more` additional replications; those that are done are not repeated.

        `workers`, `executor`, `results` and `progress` are those of :func:`tv2sim.replicate`.
        """
        (reps,) = extend_all([self], more, **how)
        return reps


def with_cost(names: tuple[str, ...], prices: Prices | None) -> tuple[str, ...]:
    """Return names of metrics with the cost if there are prices: where it was asked for, else last.

    Raises
    ------
    InputError
        If it was asked for, and there are none.
    """
    if COST in names:
        needed(prices)
    return names if COST in names or prices is None else (*names, COST)


def main_of(metrics: Sequence[str]) -> list[str]:
    """Return the metrics that a notebook shows: the main ones that there are, or else the first few.

    Of two metrics that always follow from each other, one is shown.
    """
    shown = [metric for metric in MAIN if metric in metrics] or metrics[: len(MAIN)]
    told = {METRICS[metric].follows for metric in shown if METRICS[metric].given is None}
    return [metric for metric in shown if metric not in told]


def extend_all(several: Collection[Replications], more: int, **how: Any) -> list[Replications]:
    """Return each with `more` additional replications; `how` is for `results_store.compute`."""
    count = a_whole_number("more", more, at_least=1, at_most=MOST)
    tasks = [reps.task(range(len(reps), len(reps) + count), tuple(reps.results.values)) for reps in several]
    chunks = compute(tasks, **how)
    return [
        replace(reps, results=join_chunks([reps.results, chunk]), stopped=None)
        for reps, chunk in zip(several, chunks, strict=True)
    ]


def _rows(videos: Any, count: int) -> NDArray[np.bool_]:
    """Return which videos were chosen."""
    chosen = np.asarray(videos)
    if chosen.dtype != np.bool_ or chosen.shape != (count,) or not chosen.any():
        raise InputError(
            f"videos must be a true or false for each of the {count} videos of the catalogue, at least one of "
            f"them true, not {shown(videos)}"
        )
    return chosen
