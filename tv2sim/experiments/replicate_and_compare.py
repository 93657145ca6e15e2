"""The two experiments: many replications of one strategy, and a comparison of several."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import fields, replace
from math import ceil, nan
from typing import Any, Literal, TypeVar

from tv2sim.base.checks import MOST, a_name, a_share, a_whole_number
from tv2sim.base.errors import InputError, ScenarioError, StrategyError
from tv2sim.base.random_numbers import as_seed
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.engines.choice import EngineName, as_engine, engines_for
from tv2sim.experiments import startup_resampling as resampling
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Cell, Replications, with_cost
from tv2sim.experiments.results_store import as_folder
from tv2sim.inference.intervals import Interval, Precision, Stopped, as_confidence
from tv2sim.results.metrics import ON_TIME_RATE, Setting, as_metrics, measured_for
from tv2sim.strategies import STRATEGIES, Strategy, as_strategy
from tv2sim.world.prices import Prices, as_prices
from tv2sim.world.scenario import Scenario, as_scenario

T = TypeVar("T")

_FIRST = 100
"""Replications before the first check of the precision."""
_GROWTH = 4
"""The largest factor by which the number of replications grows between two checks."""


def replicate(
    catalogue: Catalogue | Any,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    replications: int = 1000,
    seed: int | None = 1,
    engine: EngineName = "auto",
    metrics: Literal["all"] | Iterable[str] = "all",
    precision: Precision | None = None,
    workers: int | None = None,
    executor: Executor | str | None = None,
    results: str | os.PathLike[str] | None = None,
    progress: bool = True,
    prices: Prices | None = None,
    startup_samples: Any = None,
    control: bool = True,
) -> Replications:
    """Simulate replications 0, 1, 2, ... and keep the metrics of each.

    Replication `r` of a seed is the same alone, in a batch, and on any number of workers, to the last bit;
    ``simulate(..., seed=seed, replication=r)`` opens it in full detail.

    Parameters
    ----------
    catalogue, strategy, scenario, seed, progress
        As for :func:`tv2sim.simulate`.
    replications : int
        The number of replications; with a `precision`, the largest number.
    engine : {"auto", "simpy", "kernel"}
        The engine that simulates; the results are the same. "auto" takes the compiled one, the kernel, if that
        is installed, knows the strategy and is worth loading. ``.engine`` says which it was.
    metrics : "all" or names
        The metrics to compute: names in :data:`tv2sim.results.metrics.METRICS`; "all" stands for those that say
        something in these worlds. The on-time rate and the
        precision's metric are computed in any case; others, when they are asked for, by simulating again.
    precision : Precision, optional
        Stop as soon as a mean is known this precisely; ``.stopped`` then says why it ended.
    workers : int, optional
        The number of processes of SimPy (default: this one alone), or of threads of the kernel (default: one
        per processor). A script that uses processes needs ``if __name__ == "__main__":`` around what it does.
    executor : concurrent.futures.Executor or str, optional
        An executor that simulates instead: Dask's ``client.get_executor()``, MPI's, loky's. Or the address of a
        Dask scheduler, ``"tcp://host:8786"``, which needs the extra ``dask``.
    results : path, optional
        A folder that keeps finished replications, for this call and later ones: only what is missing is
        simulated. The results are the same to the last bit. It does not matter which engine, how many workers
        or which other program filled the folder, nor how that ended. What cannot be used, or not be kept, is
        logged as a warning of "tv2sim.results".
    prices : Prices, optional
        As for :func:`tv2sim.simulate`: the metric `cost` is then among the metrics. Prices change nothing that
        is simulated or kept: :meth:`Replications.priced` gives the costs at other prices.
    startup_samples : array, column, path or Empirical, optional
        Measured start-up times in seconds, at least two, which are those of the scenario.
        :meth:`Replications.input_interval` then holds also the uncertainty of not knowing more of them: 500
        resamples are simulated besides, 10 to 50 replications each, a 20th of `replications`. They are not kept
        in `results`.
    control : bool
        Whether the mean of failed videos, and of what follows from it, rests on a control variate where there
        is one: for pools of one size, first in, first out, the mean number of videos that must fail is known
        exactly (:func:`tv2sim.queueing.failed_bound`), so that only the other failures are estimated.
        ``.variance_ratio`` says what that gains. If not, all means are those of the replications.

    Returns
    -------
    Replications
        ``.frame`` has a row per replication, ``.on_time`` a row per video.

    Raises
    ------
    InputError
        If an argument is wrong.
    OutputError
        If `results` cannot be written.
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
    scenario = as_scenario(scenario)
    one = read_catalogue(catalogue)
    study = compare(
        {one.name: one},
        [as_strategy(strategy)],
        {"default": scenario},
        replications=replications,
        seed=seed,
        engine=engine,
        metrics=metrics,
        precision=precision,
        workers=workers,
        executor=executor,
        results=results,
        progress=progress,
        prices=prices,
        startup_samples=startup_samples,
        control=control,
    )
    (reps,) = study.cells.values()
    return replace(reps, stopped=study.stopped)


def compare(
    catalogue: Catalogue | Mapping[str, Any] | Any,
    strategies: Iterable[Strategy | str] = ("1", "2a", "2b", "2c"),
    scenario: Scenario | Sequence[Scenario] | Mapping[str, Any] | None = None,
    *,
    replications: int = 1000,
    seed: int | None = 1,
    baseline: Strategy | str | None = None,
    engine: EngineName = "auto",
    metrics: str | Iterable[str] = "all",
    confidence: float = 0.95,
    margin: float = 0.0,
    precision: Precision | None = None,
    workers: int | None = None,
    executor: Executor | str | None = None,
    results: str | os.PathLike[str] | None = None,
    progress: bool = True,
    prices: Prices | None = None,
    startup_samples: Any = None,
    control: bool = True,
) -> Comparison:
    """Simulate each strategy in each scenario on each catalogue, with the same random numbers.

    Parameters
    ----------
    catalogue : Catalogue or mapping
        One, or several by name.
    strategies : iterable of Strategy or str
        At least one; their names must differ.
    scenario : Scenario, sequence, mapping of scenarios, or grid
        One; several; several by name; or ``{"encoders": [5, 10], "requests_per_second": [1, 2]}`` for all
        combinations of these values.
    replications : int
        The number of replications of each; with a `precision`, the largest number.
    seed : int or None
        As for :func:`tv2sim.simulate`.
    baseline : Strategy or str, optional
        The strategy that the others are compared with (default: the first).
    engine : {"auto", "simpy", "kernel"}
        As for :func:`tv2sim.replicate`.
    metrics : "all" or names
        The metrics to compute, as for :func:`tv2sim.replicate`.
    confidence : float
        The confidence level of the intervals; the error rate of the verdicts is 1 - confidence.
    margin : float
        The smallest difference of on-time rates that matters, as a share. With 0.001, a cheaper strategy is
        recommended unless it is shown to publish more than 0.1 percentage points less than the best. The margin
        has no effect on the verdict where failed videos have a price.
    precision : Precision, optional
        Stop as soon as every cell's mean is known this precisely.
    workers, executor, results, progress
        As for :func:`tv2sim.replicate`.
    prices : Prices, optional
        As for :func:`tv2sim.replicate`; the verdict goes by the cost. With a price of failed videos it names
        the strategy with the least mean cost. Without one it names the cheapest of the strategies that are not
        shown to publish less than the best. ``.costs`` has the parts, and :meth:`Comparison.priced` gives the
        same comparison at other prices.
    startup_samples : array, column, path or Empirical, optional
        As for :func:`tv2sim.replicate`; they are the start-up times of every scenario. Summary, frame and
        differences then have the ends of a wider interval, `input_ci_low` and `input_ci_high`, and the verdict
        says whether the samples are too few for it.
    control : bool
        As for :func:`tv2sim.replicate`. A difference is controlled if both strategies are.

    Returns
    -------
    Comparison
        ``.summary``, ``.differences`` and ``.report(path)``.

    Raises
    ------
    InputError
        If an argument is wrong: an unknown strategy, two of the same name, a baseline that is not among them.
    OutputError
        If `results` cannot be written.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=100, seed=1)
    >>> study.summary["published"].round(2).droplevel(["catalogue", "scenario"])
    statistic    mean  half_width  ci_low  ci_high
    strategy
    1           62.46        0.71   61.75    63.17
    2a         127.99        0.60  127.39   128.59
    """
    catalogues, scenarios = _named_catalogues(catalogue), _named_scenarios(scenario)
    samples = None if startup_samples is None else resampling.as_samples(startup_samples)
    if samples is not None:
        scenarios = {name: resampling.with_samples(one, samples) for name, one in scenarios.items()}
    chosen = _named_strategies(strategies)
    base, confidence = _baseline_of(baseline, chosen), as_confidence(confidence)
    wanted, seed, prices = as_engine(engine), as_seed(seed), as_prices(prices)
    worlds = itertools.product(catalogues.values(), chosen.values(), scenarios.values(), [prices])
    settings = list(itertools.starmap(Setting, worlds))
    names = with_cost(as_metrics(metrics, settings), prices)
    count = a_whole_number("replications", replications, at_least=1, at_most=MOST)
    wished = (*names, ON_TIME_RATE, *([_as_precision(precision).metric] if precision is not None else []))
    computed = measured_for(with_cost(wished, prices), settings)
    more = 0 if samples is None else resampling.RESAMPLES * resampling.replications_of_each(count)
    what = {
        cell: (catalogues[cell.catalogue], chosen[cell.strategy], scenarios[cell.scenario])
        for cell in itertools.starmap(Cell, itertools.product(catalogues, scenarios, chosen))
    }
    engines = engines_for(wanted, list(what.values()), count + more)
    cells = {
        cell: Replications.none(
            what[cell], seed, engine=used, metrics=names, computed=computed, prices=prices, control=control
        )
        for cell, used in zip(what, engines, strict=True)
    }
    share = a_share("margin", margin)
    study = Comparison(cells, base, confidence, margin=share)
    how = dict[str, Any](workers=workers, executor=executor, progress=progress, results=as_folder(results))
    study = study.extend(count, **how) if precision is None else _until_precise(study, precision, count, how)
    if samples is None:
        return study
    del how["results"]
    tasks = [reps.task(range(0), computed) for reps in study.cells.values()]
    found = resampling.resample(tasks, samples, resampling.replications_of_each(study.replications), **how)
    pairs = zip(study.cells.items(), found, strict=True)
    return replace(study, cells={cell: replace(reps, resamples=one) for (cell, reps), one in pairs})


# -- how many replications ---------------------------------------------------------------------------------


def _as_precision(precision: object) -> Precision:
    """Return a precision whose metric exists, or raise an InputError."""
    if not isinstance(precision, Precision):
        raise InputError(f"precision must be a tv2sim.Precision, not {precision!r}")
    as_metrics(precision.metric)
    return precision


def _until_precise(study: Comparison, precision: Precision, budget: int, how: dict[str, Any]) -> Comparison:
    """Extend a study until the precision is met in every cell, or there are `budget` replications."""
    intervals: list[Interval] = []
    while study.replications < budget and not (intervals and all(map(precision.is_met, intervals))):
        study = study.extend(_next_batch(precision, intervals, study.replications, budget), **how)
        intervals = [reps.interval(precision.metric, precision.confidence) for reps in study.cells.values()]
    unmet = [interval for interval in intervals if not precision.is_met(interval)]
    wide = [interval for interval in unmet if not precision.is_narrow(interval)]
    widest = max(
        wide or unmet or intervals, key=lambda interval: interval.half_width - precision.target(interval.mean)
    )
    return replace(study, stopped=Stopped(precision, widest, study.replications))


def _next_batch(precision: Precision, intervals: Sequence[Interval], done: int, budget: int) -> int:
    """Return how many more replications to make; a half width falls with the root of their number."""
    if not intervals:
        return min(_FIRST, budget)
    needed = done
    for interval in intervals:
        target, missing = precision.target(interval.mean), precision.lacking(interval)
        # unknown where the mean is 0 or there is no value yet
        factor = 1.05 * (interval.half_width / target) ** 2 if target > 0 else nan
        if missing and not interval.is_exact:
            found = interval.differing or 0
            factor = max(factor, (found + missing) / found) if found else nan
        needed = max(needed, ceil(done * factor) if factor < _GROWTH else done * _GROWTH)
    return min(max(needed - done, _FIRST // 2), budget - done)


# -- what is compared, by name -----------------------------------------------------------------------------


def _named_catalogues(catalogue: Any) -> dict[str, Catalogue]:
    """Return one catalogue, or several, by name."""
    if isinstance(catalogue, list | tuple) and any(isinstance(one, Catalogue | str) for one in catalogue):
        raise InputError("give several catalogues by name, in a mapping: {'monday': ..., 'tuesday': ...}")
    if not isinstance(catalogue, Mapping):
        one = read_catalogue(catalogue)
        return {one.name: one}
    found = ((name, read_catalogue(source)) for name, source in catalogue.items())
    return _by_name(found, InputError, "catalogue", "two of the catalogues", "give one another name")


def _named_scenarios(scenario: Any) -> dict[str, Scenario]:
    """Return one scenario, several, or all of a grid, by name."""
    hint = "leave one out, or name them with a mapping"
    if scenario is None or isinstance(scenario, Scenario):
        scenario = [scenario or Scenario()]
    found: Iterable[tuple[object, Scenario]]
    if isinstance(scenario, Mapping) and all(isinstance(value, Scenario) for value in scenario.values()):
        found, hint = scenario.items(), "give one another name"
    elif isinstance(scenario, Mapping):
        grid = [[(name, value) for value in _listed(name, values)] for name, values in scenario.items()]
        found = ((in_words(chosen), Scenario().replace(**dict(chosen))) for chosen in itertools.product(*grid))
    elif isinstance(scenario, Sequence) and all(isinstance(one, Scenario) for one in scenario):
        found = ((_described(one), one) for one in scenario)
    else:
        raise ScenarioError(
            f"scenario must be a tv2sim.Scenario, several in a list or by name, or a grid such as "
            f"{{'encoders': [5, 10]}}, not {scenario!r}"
        )
    return _by_name(found, ScenarioError, "scenario", "two of the scenarios", hint)


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ScenarioError(f"a grid has a list of values for {name}, not {values!r}")
    return list(values)


def _described(scenario: Scenario) -> str:
    """Name a scenario by the fields that are not as in the original."""
    values = ((field.name, getattr(scenario, field.name), field.default) for field in fields(scenario))
    return in_words((name, value) for name, value, usual in values if value != usual) or "default"


def in_words(values: Iterable[tuple[str, object]]) -> str:
    """Return the name of a scenario with these values of fields."""
    return ", ".join(
        f"{name}={int(value) if isinstance(value, float) and value.is_integer() else value}"
        for name, value in values
    )


def _named_strategies(strategies: Any) -> dict[str, Strategy]:
    """Return the strategies by name."""
    if isinstance(strategies, (str, Strategy)):
        strategies = [strategies]
    if not isinstance(strategies, Iterable):
        raise StrategyError(
            f"strategies must be a list, of {', '.join(STRATEGIES)} or of your own, not {strategies!r}"
        )
    found = ((strategy.name, strategy) for strategy in map(as_strategy, strategies))
    hint = "give one another name, with .replace(name=...)"
    return _by_name(found, StrategyError, "strategy", "two strategies", hint)


def _by_name(
    found: Iterable[tuple[object, T]], error: type[InputError], kind: str, two: str, hint: str
) -> dict[str, T]:
    """Return things by their names, or raise the error if there is nothing or a name is used twice."""
    named: dict[str, T] = {}
    for given, one in found:
        name = a_name(f"the name of a {kind}", str(given), error=error)
        if name in named:
            raise error(f"{two} are called {name!r}: {hint}")
        named[name] = one
    if not named:
        raise error(f"compare needs at least one {kind}")
    return named


def _baseline_of(baseline: Strategy | str | None, chosen: dict[str, Strategy]) -> str:
    """Return the name of the strategy that the others are compared with; default is the first."""
    if baseline is None:
        return next(iter(chosen))
    for name, strategy in chosen.items():
        if baseline in (name, strategy):
            return name
    raise StrategyError(f"the baseline must be one of the strategies, {', '.join(chosen)}, not {baseline!r}")
