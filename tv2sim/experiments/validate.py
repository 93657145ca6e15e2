"""Validation: does the simulation reproduce runs of the real system.

The observed runs of a strategy are held against its replications by the distance of their means,

    z = (mean observed - mean simulated) / sqrt(s² (1/n + 1/m)),

for n observed and m simulated runs, where s² is the variance of all of them. The sum of z² over the strategies
is about chi-square, with as many degrees of freedom as there are strategies, if the means are about normal.
That is not so for a figure that takes few values, such as the videos published by a pool that is nearly
perfect. So p-values are those of a permutation test (Fisher, Pitman): if the simulation is right, any n of the
n + m runs could have been observed. The p-value is the share of such choices that are at least as far from the
other runs. It needs no distribution and takes account of how well the simulated mean is known. Of all choices
9,999 are drawn, and the observed one is added, which keeps the test exact (Phipson and Smyth). Where a figure
cannot vary, any other value contradicts it, and there is nothing to test.

References
----------
Fisher (1935), The Design of Experiments, ch. III; Pitman (1937), Suppl. JRSS 4; Bentley and Floyd (1987),
Commun. ACM 30 (choices without replacement); Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb, copysign, inf, isnan, prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_number, a_share, a_whole_number, one_of, plural, shown
from tv2sim.base.digits import number, p_equals, rate
from tv2sim.base.errors import InputError
from tv2sim.base.later_methods import Displayed
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.random_numbers import as_seed
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.inference.intervals import exactly, holm
from tv2sim.results.figures import scaled, unit
from tv2sim.results.metrics import METRICS

_CHOICES = 9_999
"""The number of choices of runs that are drawn: the smallest p-value is 1 in 10,000."""
_UNUSUAL = 0.05
"""A p-value below this is worth a word, though the simulation is not rejected."""
_ROUNDING = 1e-9
"""A relative difference that is only rounding."""


def validate(
    study: Comparison | Replications,
    observed: Mapping[str, Any],
    *,
    metric: str | None = None,
    level: float = 0.01,
    step: float | None = None,
    seed: int = 1,
) -> Validation:
    """Test whether a simulation reproduces runs of the real system.

    What was observed is compared with the replications, in one of two ways: one value by run, or the elapsed
    time of each video. The test looks at the means over runs: it does not notice runs that scatter more than
    simulated ones around the same mean.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned, of one catalogue in one scenario.
    observed : mapping
        By strategy, what was observed of its runs, at least one: a list of values, ``{"2c": [154, 153]}``; or
        the elapsed times of a run, or of several in a list, each a mapping from the video's id to seconds, or a
        frame with the columns `id` and `elapsed`, such as ``run.videos``. A time that is NaN or None stands
        for a video that was not published. Videos may be left out, the same in each run of a strategy.
    metric : str, optional
        What the values by run are: one of the study's metrics; default is ``"published"``.
    level : float
        The simulation is rejected if the p-value is below this. A simulation that is right is rejected with
        this probability.
    step : float, optional
        The least amount by which observed values differ, such as 1 for times in whole seconds. Simulated
        values are rounded to multiples of it, as the observed ones are.
    seed : int
        Of the permutations.

    Returns
    -------
    Validation
        ``.rejected``, ``.answer`` in words, ``.table`` by strategy; :func:`tv2sim.plots.validation` shows it.

    Raises
    ------
    InputError
        If a strategy or a video is unknown, a list is empty, a value is impossible, the study lacks the metric
        or has several worlds.

    Notes
    -----
    The p-value of a strategy is exact for any number of runs and replications (see the source of this module
    for the statistic). The p-value of all is that of the sum of their z², and holds if the replications are
    many more than the observed runs: strategies share their random numbers, so the errors of their simulated
    means are alike.

    Elapsed times give two figures of a run. `rank` is the mean over its videos of the share of all runs,
    observed and simulated, in which the video took less time: .5 is expected, and more if videos took longer
    than simulated. `spread` is 12 times the mean square of that share less .5: it is larger than in the
    simulated runs if times are often far from the usual ones, above or below.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2c"], replications=500)
    >>> found = tv.validate(study, {"1": [58, 64], "2c": [154, 152, 153]})
    >>> found.rejected
    False
    >>> found.table[["strategy", "runs", "observed", "simulated", "p_value"]].round(3)
      strategy  runs  observed  simulated  p_value
    0        1     2      61.0     62.398    0.618
    1       2c     3     153.0    152.354    0.489
    >>> print(found)
    Nothing that was observed speaks against the simulation at a level of 1 % (p = 0.582; chi-square 1.0 on 2
    degrees of freedom).
    """
    strategies = strategies_of(study)
    names = next(iter(strategies.values())).metrics
    wanted = "published" if metric is None else one_of("metric", metric, names)
    level = a_share("level", level, above=0)
    if step is not None:
        step = a_number("step", step, above=0)
    by_strategy = beside(strategies, observed, wanted, step)
    quantities = [runs.quantity for runs in by_strategy[0]]
    if metric not in (None, *quantities):
        raise InputError(f"elapsed times by video have no metric, so leave out metric={metric!r}")
    return _test(by_strategy, level, np.random.default_rng(as_seed(seed)))


class Agreement(NamedTuple):
    """The agreement of one figure between the observed and the simulated runs."""

    runs: Runs
    z: float
    """The difference of the means in its standard errors."""
    p_value: float
    usual: float
    """The size of z that is exceeded with a probability of at most the level."""
    p_adjusted: float
    """The p-value after Holm's adjustment for all rows of the table."""


@dataclass(frozen=True, eq=False, repr=False)
class Validation(Displayed):
    """Whether a simulation reproduces what was observed; made by :func:`validate`, and ``str()`` is a sentence.

    Attributes
    ----------
    rows : tuple of Agreement
        The rows of the table as values.
    p_value : float
        The share of choices of runs that are at least as far from the others as the observed ones, in the sum
        of all z².
    level : float
        The simulation is rejected if the p-value is below this.
    """

    rows: tuple[Agreement, ...]
    p_value: float
    level: float

    @property
    def rejected(self) -> bool:
        """Whether the simulation is rejected."""
        return self.p_value < self.level

    @property
    def chi_square(self) -> float:
        """The sum of all z²."""
        return sum(row.z**2 for row in self.rows)

    @property
    def degrees_of_freedom(self) -> int:
        """The number of figures that can vary."""
        return sum(not row.runs.is_fixed for row in self.rows)

    @property
    def p_chi_square(self) -> float:
        """The p-value that the sum would have if it was chi-square, for comparison with :attr:`p_value`.

        It may be far too small where a figure takes few values.
        """
        from scipy.special import chdtrc

        if not self.degrees_of_freedom:
            return float(self.chi_square == 0)
        return float(chdtrc(self.degrees_of_freedom, self.chi_square))

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per strategy and figure.

        `observed` and `simulated` are the means over so many `runs`, and over the replications; `sd` is the
        standard deviation of all of them; `z` is the difference of the means in its standard errors;
        `p_adjusted` is the p-value after Holm's adjustment for all rows.
        """
        names = ["strategy", "quantity", "runs", "observed", "simulated", "sd", "z", "p_value", "p_adjusted"]
        return pd.DataFrame([_figures(row) for row in self.rows], columns=names)

    @property
    def answer(self) -> str:
        """The result in a sentence or two."""
        return " ".join(self._says())

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"<Validation by {plural(len(self.rows), 'figure')}: p-value {self.p_value:.4g}>"

    def _says(self) -> Iterator[str]:
        level = f"at a level of {rate(self.level)}"
        freedom = plural(self.degrees_of_freedom, "degree")
        basis = f"{p_equals(self.p_value)}; chi-square {number(self.chi_square, 1)} on {freedom} of freedom"
        if self.rejected:
            yield f"The simulation does not reproduce what was observed, {level} ({basis})."
        elif self.p_value < _UNUSUAL:
            yield f"The simulation is not rejected {level}, but it is suspicious ({basis})."
        else:
            yield f"Nothing that was observed speaks against the simulation {level} ({basis})."
        if self.p_value < _UNUSUAL:
            runs = min(self.rows, key=lambda row: (row.p_value, -abs(row.z))).runs
            seen, made = runs.means
            yield f"It is farthest off under strategy {runs.strategy!r}: {runs.label} {seen}, simulated {made}."
        if self._smallest >= self.level:
            yield f"So few runs could not reject it: no p-value can be below {self._smallest:.2g}."

    @property
    def _smallest(self) -> float:
        """The smallest p-value that there can be."""
        several = {row.runs.strategy: row.runs for row in self.rows}.values()
        if any(runs.is_fixed for runs in several):
            return 0.0
        counts = ((len(runs.observed), len(runs.simulated)) for runs in several)
        return 1 / min(prod(comb(seen + made, seen) for seen, made in counts), 1 + _CHOICES)


def _figures(row: Agreement) -> tuple[Any, ...]:
    runs = row.runs
    means = float(runs.observed.mean()), float(runs.simulated.mean())
    tested = row.z, row.p_value, row.p_adjusted
    return runs.strategy, runs.quantity, len(runs.observed), *means, runs.deviation, *tested


# -- the test ------------------------------------------------------------------------------------------------


def _test(by_strategy: list[list[Runs]], level: float, random: np.random.Generator) -> Validation:
    """Compare observed and simulated runs; a strategy's figures are of the same runs."""
    found: list[tuple[Runs, float, float, float]] = []
    together = np.zeros(1 + _CHOICES)
    for several in by_strategy:
        if several[0].is_fixed:
            found += [(runs, *_compared(runs)) for runs in several]
            continue
        chosen = _choices(several[0], random)
        for runs in several:
            z = _distances(runs, chosen)
            usual = float(np.quantile(np.abs(z), 1 - level, method="inverted_cdf"))
            found.append((runs, float(z[0]), _share_as_far(z**2), usual))
            together += z**2
    p_values = np.array([p for _, _, p, _ in found])
    rows = tuple(Agreement(*one, p) for one, p in zip(found, holm(p_values).tolist(), strict=True))
    return Validation(rows, _share_as_far(together) if p_values.all() else 0.0, level)


def _compared(runs: Runs) -> tuple[float, float, float]:
    """Return z, p-value and usual range of a figure that cannot vary: any other value contradicts it."""
    other = runs.observed[runs.observed != runs.simulated[0]]
    return (copysign(inf, other[0] - runs.simulated[0]), 0.0, 0.0) if len(other) else (0.0, 1.0, 0.0)


def _choices(runs: Runs, random: np.random.Generator) -> NDArray[np.int64]:
    """Return choices of as many runs as were observed, a row for each; the first row is the observed ones.

    No run is chosen twice in a row (Floyd's algorithm, for all rows at once).
    """
    count = len(runs.observed)
    total = count + len(runs.simulated)
    chosen = np.empty((_CHOICES, count), dtype=np.int64)
    for at, last in enumerate(range(total - count, total)):
        one = random.integers(0, last + 1, _CHOICES)
        again = (chosen[:, :at] == one[:, None]).any(axis=1)
        chosen[:, at] = np.where(again, last, one)
    return np.vstack([np.arange(count), chosen])


def _distances(runs: Runs, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return z of each choice of runs against all others; 0 if all runs are the same."""
    values = runs.all - np.median(runs.all)  # whole numbers stay exact, so that ties are seen
    inside = values[chosen].sum(axis=1)
    count, others = len(runs.observed), len(runs.simulated)
    difference: NDArray[np.float64] = inside / count - (values.sum() - inside) / others
    return difference / (runs.error or 1.0)


def _share_as_far(squares: NDArray[np.float64]) -> float:
    """Return the share of choices that are as far as the first one, which is the observed one and counts."""
    return float(np.count_nonzero(squares >= squares[0] * (1 - _ROUNDING)) / len(squares))


# -- what was observed, beside what was simulated ------------------------------------------------------------


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
    simulated = reps.video_times.ticks()[:, [rows[id_] for id_ in ids]]
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
