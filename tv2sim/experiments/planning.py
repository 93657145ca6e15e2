"""The smallest pool, or the cheapest strategy, that publishes enough videos in time: with a guarantee."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from functools import cached_property
from inspect import signature
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Literal

from tv2sim.base.checks import MOST, a_number, a_share, a_whole_number, one_of, shown
from tv2sim.base.errors import InputError
from tv2sim.base.later_methods import Displayed
from tv2sim.base.random_numbers import as_seed
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.engines.choice import EngineName, as_engine
from tv2sim.experiments.candidates import Candidate, as_given, at_least, groups_of, in_short
from tv2sim.experiments.comparison_tables import dominance
from tv2sim.experiments.plan_answers import Words, percent, settings_of
from tv2sim.experiments.race import FIRST, Choice, Decision, Inputs, Race, Racer, Search, in_resamples, rate_of
from tv2sim.experiments.results_store import as_folder
from tv2sim.experiments.startup_resampling import as_samples, with_samples
from tv2sim.inference.intervals import Interval, as_confidence
from tv2sim.results.figures import estimate, heading
from tv2sim.results.metrics import ON_TIME_RATE
from tv2sim.strategies import Strategy
from tv2sim.world.prices import Prices, as_prices
from tv2sim.world.scenario import Scenario, as_scenario, check_encoding_times

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["Plan", "plan"]

USUAL_TARGET = 0.999
Status = Literal["met", "infeasible", "undecided"]


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Displayed):
    """The answer of :func:`plan`, and what it rests on.

    Attributes
    ----------
    answer : str
        A sentence that names the field and its value.
    status : {"met", "infeasible", "undecided"}
        Whether it is known which candidate is the best, or that none meets the target, or some are too close to
        call.
    best : Strategy or None
        The best strategy of those that are shown to meet the target; None if there is none. If the plan is
        undecided, another one may be better.
    scenario : Scenario or None
        The scenario in which it is, of interest if fields of the scenario are varied.
    target : float or None
        The on-time rate that was asked for; None: the least cost was.
    confidence : float
        The probability that the answer is right, at least.
    call : str
        The call that makes the plan again, of the same catalogue and scenario.
    """

    answer: str
    status: Status
    best: Strategy | None
    scenario: Scenario | None
    target: float | None
    confidence: float
    call: str
    _choice: Choice
    _race: Race
    _inputs: Inputs | None = None

    def __repr__(self) -> str:
        return f"<plan, {self.status}: {self.answer}>"

    @property
    def replications(self) -> int:
        """The number of replications that were simulated, of all candidates together."""
        return sum(racer.replications for _, racer in self._looked_at)

    @property
    def settings(self) -> dict[str, str]:
        """The setting of each product that has the best pool, if that is a pool of one size.

        >>> import tv2sim as tv
        >>> plan = tv.plan(tv.generate_catalogue(), "2c", target=0.999)
        >>> plan.settings
        {'GitLab Runner': 'IdleCount = 12', 'Agones': 'bufferSize: 12'}
        """
        return {} if self.best is None else settings_of(self.best)

    @cached_property
    def inputs(self) -> pd.DataFrame:
        """With measured start-up times: a row per candidate that was asked how often it meets the target.

        Columns: `strategy` and the fields that are varied; `met`, the share of the resamples of the measured
        times in which it meets the target; and how many `resamples` and `samples` there are.

        Raises
        ------
        InputError
            If there were no `startup_samples`, or there is no target.
        """
        import pandas as pd

        found = self._inputs
        if found is None:
            raise InputError("there are no resamples: give a target, and measured times with startup_samples=")
        table = pd.DataFrame([{"strategy": one.family, **one.values} for one in found.met])
        shares, resamples = map(found.share, found.met), map(len, found.met.values())
        count = len(found.samples.samples)
        return self._ordered(table.assign(met=[*shares], resamples=[*resamples], samples=count))

    @property
    def fields(self) -> list[str]:
        """The names of the fields that are varied."""
        return list(dict.fromkeys(name for one in self._candidates for name in one.values))

    @property
    def families(self) -> list[str]:
        """The names of the strategies, before their fields were varied."""
        return list(dict.fromkeys(one.family for one in self._candidates))

    def is_of(self, catalogue: Catalogue, scenario: Scenario) -> bool:
        """Return whether the plan is for this catalogue in this scenario, but for what is varied."""
        one = self._candidates[0]
        same = [field.name for field in fields(Scenario) if field.name not in self.fields]
        return one.catalogue == catalogue and all(
            getattr(one.scenario, name) == getattr(scenario, name) for name in same
        )

    @cached_property
    def evaluated(self) -> pd.DataFrame:
        """A row per candidate that was looked at.

        Columns: `strategy` and the fields that are varied; `decided_by`, which is "theory", "bound",
        "certificate", "simulation", or "order" if a larger one fails or a smaller one is enough;
        `replications`; `on_time_rate` with `ci_low` and `ci_high`, which hold for all rows together with the
        plan's confidence; the means of `idle` and, with prices, `cost`; and `decision`.
        """
        import pandas as pd

        rows = [self._row(*one) for one in self._looked_at]
        return self._ordered(pd.DataFrame(rows))

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """A row per candidate, with its rate and its price: what the chart shows.

        All of them are simulated for this table when it is asked for first, each as often as the plan has
        simulated one, but at most 1,000 times. Of long series of sizes, those about the answer are shown.
        Columns: `strategy` and the fields that are varied; `on_time_rate`, `ci_low` and `ci_high`; `bound`,
        above which the rate cannot be; `idle`, `idle_ci_low` and `idle_ci_high`, and with prices the same of
        `cost`; whether another one is better in both rate and price, so that it is `dominated`;
        `price_of_failure`, as :attr:`frontier` has it; and whether it is the `best`. Each interval holds with
        the plan's confidence.
        """
        return self._ordered(_candidates_table(self._choice, self._race, self.confidence))

    @cached_property
    def frontier(self) -> pd.DataFrame:
        """The rows of :attr:`candidates` that no other one beats in both rate and price, the cheapest first.

        `price_of_failure` is what one failed video less costs, against the row before: idle seconds, or cost.
        """
        table = self.candidates
        kept = table[~table["dominated"]].sort_values([self._race.price, "on_time_rate"])
        return kept.drop(columns="dominated").reset_index(drop=True)

    def _ordered(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the fields first; whole numbers stay so where some rows have none."""
        first = ["strategy", *self.fields]
        table = table.reindex(columns=[*first, *(name for name in table if name not in first)])
        for name in self.fields:
            column = table[name]
            if column.dtype == float and column.isna().any() and (column.dropna() % 1 == 0).all():
                table[name] = column.astype("Int64")
        return table

    @property
    def _candidates(self) -> list[Candidate]:
        return [one for search in self._choice.searches for one in search.candidates]

    @property
    def _looked_at(self) -> list[tuple[Search, Racer]]:
        return [(search, racer) for search in self._choice.searches for racer in search.looked_at]

    def _row(self, search: Search, racer: Racer) -> dict[str, Any]:
        reps, prices = racer.reps, dict.fromkeys(["idle", self._race.price])
        return {
            "decided_by": self._by(search, racer),
            "replications": racer.replications,
            **_rate_columns(racer.candidate, racer.rate),
            **{name: nan if reps is None else reps.interval(name).mean for name in prices},
            "decision": self._decision(search, racer),
        }

    def _by(self, search: Search, racer: Racer) -> str:
        implied = search.implied(racer) is not racer.decision
        return "order" if implied else racer.by or "simulation"

    def _decision(self, search: Search, racer: Racer) -> str:
        if self.target is None:
            best = self._choice.best(self._race)
            if best is None or racer is best:
                return "cheapest"
            if racer in self._choice.rivals(self._race):
                return str(Decision.OPEN)
            return "the same" if self._race.costs_the_same(racer, best) else "not cheaper"
        implied = search.implied(racer)
        return "dearer" if racer.beaten and implied is Decision.OPEN else str(implied)

    def table(self) -> list[list[str]]:
        """Return :attr:`evaluated` as texts to read, the head first."""
        metrics = dict.fromkeys(["idle", self._race.price])
        heads = [heading(name) for name in (ON_TIME_RATE, *metrics)]
        head = ["strategy", *self.fields, *heads, "replications", "decided by", ""]
        return [head, *(self._in_words(search, racer, metrics) for search, racer in self._looked_at)]

    def _in_words(self, search: Search, racer: Racer, metrics: Iterable[str]) -> list[str]:
        reps, values = racer.reps, racer.candidate.values
        return [
            racer.candidate.family,
            *(in_short(values[name]) if name in values else "" for name in self.fields),
            _rate_in_words(racer.rate),
            *("–" if reps is None else estimate(name, reps.interval(name), units=False) for name in metrics),
            f"{racer.replications:,}",
            self._by(search, racer),
            self._decision(search, racer),
        ]


def _rate_columns(candidate: Candidate, rate: Interval) -> dict[str, Any]:
    """Return the columns of a candidate that all tables have."""
    rates = {"on_time_rate": rate.mean, "ci_low": rate.ci_low, "ci_high": rate.ci_high}
    return {"strategy": candidate.family, **candidate.values, **rates}


def _rate_in_words(interval: Interval) -> str:
    if not isnan(interval.mean):
        return estimate(ON_TIME_RATE, interval._replace(n=None), units=False)
    low, high = interval.ci_low, interval.ci_high
    return f"at least {percent(low, up=False)[:-2]}" if low else f"at most {percent(high, up=True)[:-2]}"


def plan(
    catalogue: Catalogue | Any,
    strategy: Strategy | str | Iterable[Strategy | str] = "2c",
    scenario: Scenario | None = None,
    *,
    vary: Mapping[str, Any] | None = None,
    target: float | None = None,
    failures_per_day: float | None = None,
    prices: Prices | None = None,
    seed: int | None = 1,
    confidence: float = 0.95,
    indifference: float = 0.01,
    replications: int = 20_000,
    control: bool = True,
    engine: EngineName = "auto",
    workers: int | None = None,
    executor: Executor | str | None = None,
    results: str | os.PathLike[str] | None = None,
    progress: bool = True,
    startup_samples: Any = None,
) -> Plan:
    """Return the smallest pool, or the cheapest strategy, that publishes enough videos in time.

    Theory decides what it can. What is left is simulated under common random numbers, until an interval that
    holds at all looks of all candidates together is on one side of the target. For pools that are first in,
    first out, the videos that must fail are a control variate: their expected number is known exactly, so that
    only the few other failures are estimated.

    Parameters
    ----------
    catalogue, scenario
        As for :func:`tv2sim.simulate`.
    strategy : Strategy, str or several
        One strategy, or a list of them, of which the cheapest is sought.
    vary : mapping, optional
        Fields of the strategy or of the scenario, each with its values, such as
        ``{"prewarmed": range(6, 21)}``. One field of one strategy is chosen in the order of its values: the
        first that meets the target is the best. Of all combinations of several, the cheapest is. None: the
        names of built-in strategies stand for all their sizes (`prewarmed`, or `price` of the coverage rule),
        and any other strategy for itself.
    target : float, optional
        The on-time rate to reach: the expected share of the videos that are published in time. None: .999, or
        if failed videos have a price, the least cost.
    failures_per_day : float, optional
        The target as a number of videos that are late or not published in a day, at the rate of the scenario.
    prices : Prices, optional
        As for :func:`tv2sim.simulate`: the candidate with the least cost is the cheapest. None: the candidate
        whose publishers idle least.
    seed : int or None
        As for :func:`tv2sim.simulate`.
    confidence : float
        The probability that the answer is right, at least, however often the candidates are looked at.
    indifference : float
        The share of a price that does not matter: another candidate may be cheaper by at most this share.
    replications : int
        The largest number of replications of each candidate.
    control : bool
        Whether theory is used: exact rates, bounds, and the bound as a control variate. If not, simulation
        alone decides.
    engine, workers, executor, results, progress
        As for :func:`tv2sim.replicate`.
    startup_samples : array, column, path or Empirical, optional
        As for :func:`tv2sim.replicate`. The answer then also says in which share of 200 resamples of them it
        meets the target, and which candidate does so in a share of `confidence`. Each resample is decided by
        theory, or by the mean of 100 replications, with the bound where that is close to the target.

    Returns
    -------
    Plan
        ``.answer``, ``.best``, ``.status``, ``.evaluated`` and ``.frontier``; ``.inputs`` with measured times.

    Raises
    ------
    InputError
        If an argument is wrong.
    OutputError
        If `results` cannot be written.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> plan = tv.plan(catalogue, "2c", vary={"prewarmed": range(6, 21)}, target=0.999)
    >>> plan.best.prewarmed, plan.status, plan.replications
    (12, 'met', 100)
    """
    catalogue, scenario, priced = read_catalogue(catalogue), as_scenario(scenario), as_prices(prices)
    strategy, vary = as_given(strategy, vary)
    samples = None if startup_samples is None else as_samples(startup_samples)
    if samples is not None:
        if isinstance(vary, Mapping) and "startup_time" in vary:
            raise InputError("startup_samples are the start-up times: leave startup_time out of vary")
        scenario = with_samples(scenario, samples)
    asked = {"vary": vary, "target": target, "failures_per_day": failures_per_day, "prices": priced}
    asked |= {"confidence": confidence, "indifference": indifference, "replications": replications}
    groups = groups_of(catalogue, strategy, scenario, vary, ordered=priced is None)
    for candidate in (one for group in groups for one in group.candidates):
        check_encoding_times(catalogue, candidate.scenario)
    race = Race(
        target=_target(target, failures_per_day, priced, catalogue, scenario),
        alpha=1 - as_confidence(confidence),
        budget=a_whole_number("replications", replications, at_least=1, at_most=MOST),
        control=bool(one_of("control", control, (False, True))),
        prices=priced,
        indifference=a_share("indifference", indifference),
        seed=as_seed(seed),
        engine=as_engine(engine),
        how={"workers": workers, "executor": executor, "progress": progress, "results": as_folder(results)},
        by_price=priced is not None or len(groups) > 1,
    )
    choice = Choice([Search([*map(Racer, group.candidates)], group.rises_from) for group in groups])
    race.compared = sum(search.begin(race) for search in choice.searches)
    _run(choice, race)
    call = _call(strategy, asked | {"control": control}, race.seed, measured=samples is not None)
    found = _found(choice, race, confidence, call)
    if samples is None or race.target is None:
        return found
    inputs, answer = in_resamples(choice, race, samples)
    return replace(found, answer=f"{found.answer}. {inputs.in_words(answer)}", _inputs=inputs)


def _call(strategy: object, asked: Mapping[str, object], seed: int, *, measured: bool) -> str:
    """Return the call, with the arguments that are not the defaults."""
    usual = signature(plan).parameters
    more = [f"{name}={shown(value)}" for name, value in asked.items() if value != usual[name].default]
    more += ["startup_samples=samples"] if measured else []
    return f"tv2sim.plan({', '.join(['catalogue', shown(strategy), 'scenario', *more, f'seed={seed}'])})"


def _target(
    target: float | None,
    failures_per_day: float | None,
    prices: Prices | None,
    catalogue: Catalogue,
    scenario: Scenario,
) -> float | None:
    """Return the on-time rate to reach; None if the least cost is sought."""
    if target is not None and failures_per_day is not None:
        raise InputError("a plan has a target or failures_per_day, not both")
    if target is not None:
        return a_share("target", target, above=0)
    if failures_per_day is None:
        return None if prices is not None and prices.failed else USUAL_TARGET
    videos = 86_400 * scenario.explain(catalogue).arrival_rate
    most = a_number("failures_per_day", failures_per_day, at_least=0)
    if most >= videos:
        raise InputError(
            f"failures_per_day must be less than the {videos:,.0f} videos of a day, not {failures_per_day!r}"
        )
    return 1 - most / videos


def _run(choice: Choice, race: Race) -> None:
    """Simulate until all is decided, or all replications are used up."""
    while True:
        if race.by_price:
            choice.beat(race)
        if racers := [racer for search in choice.searches for racer in search.next(race)]:
            race.look(racers)
        elif race.by_price and (racers := choice.next(race)):
            race.simulate(racers)
        else:
            return


def _found(choice: Choice, race: Race, confidence: float, call: str) -> Plan:
    best, words = choice.best(race), Words(choice, race)
    unsure = choice.rivals(race) if race.by_price else choice.searches[0].open
    status: Status = "undecided" if unsure else "infeasible" if best is None else "met"
    answer = {"met": words.met, "infeasible": words.infeasible, "undecided": words.undecided}[status]()
    strategy, world = (None, None) if best is None else (best.candidate.strategy, best.candidate.scenario)
    return Plan(answer, status, strategy, world, race.target, confidence, call, choice, race)


# -- the table of candidates -----------------------------------------------------------------------------

_MOST = 1000
"""The most replications of a candidate."""
_WIDTH = 8
"""Of a long series of sizes, so many before and after the answer are shown."""


def _candidates_table(choice: Choice, race: Race, confidence: float) -> pd.DataFrame:
    """Return a row for each candidate with its rate and its price, after as many replications of each."""
    import pandas as pd

    groups = [_shown(search) for search in choice.searches]
    racers = [Racer(racer.candidate) for group in groups for racer in group]
    done = max((racer.replications for search in choice.searches for racer in search.racers), default=0)
    race.simulate_alike(racers, min(max(FIRST, done), _MOST))
    best = choice.best(race)
    rows = [_shown_row(racer, race, confidence) for racer in racers]
    found = [best is not None and racer.candidate is best.candidate for racer in racers]
    table = pd.DataFrame(rows)
    failures = len(racers[0].candidate.catalogue) * (1 - table["on_time_rate"])
    dominated, price_of_failure = dominance(failures, table[race.price])
    return table.assign(dominated=dominated, price_of_failure=price_of_failure, best=found)


def _shown(search: Search) -> list[Racer]:
    """Return the candidates of a search, of many sizes those about the answer, or where it ended."""
    if len(search.racers) <= 2 * _WIDTH + 1:
        return search.racers
    middle = search.racers.index(search.winner or search.looked_at[-1])
    return search.racers[max(0, middle - _WIDTH) : middle + _WIDTH + 1]


def _shown_row(racer: Racer, race: Race, confidence: float) -> dict[str, Any]:
    assert racer.reps is not None
    rate = racer.exact.rate if racer.exact.by == "theory" else rate_of(racer, confidence)
    if racer.exact.bound is not None and not racer.reps.estimated_failures.any():
        rate = rate._replace(ci_low=max(rate.ci_low, at_least(racer.candidate).low))
    row = {**_rate_columns(racer.candidate, rate), "bound": racer.exact.high}
    for metric in dict.fromkeys(["idle", race.price]):
        price = racer.reps.interval(metric, confidence)
        row |= {metric: price.mean, f"{metric}_ci_low": price.ci_low, f"{metric}_ci_high": price.ci_high}
    return row
