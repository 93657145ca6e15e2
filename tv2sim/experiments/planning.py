"""The smallest pool, or the cheapest strategy, that publishes enough videos in time: with a guarantee."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from functools import cached_property
from inspect import signature
from itertools import pairwise
from math import ceil, floor, isclose, isnan, log10, nan
from typing import Any, Literal, NamedTuple

from tv2sim.base.checks import MOST, a_number, a_share, a_whole_number, one_of, plural, shown
from tv2sim.base.digits import listed, number, rate
from tv2sim.base.errors import InputError, ScenarioError, StrategyError
from tv2sim.base.later_methods import Displayed
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.random_numbers import as_seed
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.engines.choice import EngineName, as_engine
from tv2sim.experiments.candidates import Candidate, as_given, at_least, groups_of, in_short, never_on_time
from tv2sim.experiments.comparison_tables import dominance
from tv2sim.experiments.race import FIRST, Choice, Decision, Inputs, Race, Racer, Search, in_resamples, rate_of
from tv2sim.experiments.results_store import as_folder
from tv2sim.experiments.startup_resampling import as_samples, with_samples
from tv2sim.inference.intervals import Interval, as_confidence
from tv2sim.results.figures import estimate, heading, unit
from tv2sim.results.metrics import COST, ON_TIME_RATE
from tv2sim.strategies import Strategy
from tv2sim.strategies.policies import agones, github_arc, gitlab_runner, sandbox_warm_pool
from tv2sim.strategies.strategy import Changes
from tv2sim.theory.bounds import first_fails
from tv2sim.theory.queueing import certificate
from tv2sim.world.prices import Prices, as_prices
from tv2sim.world.scenario import Scenario, as_scenario, check_encoding_times

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
        rows = [self._row(*one) for one in self._looked_at]
        return self._ordered(pd.DataFrame(rows))

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """A row per candidate, with its rate and its price: what the chart shows.

        They are simulated when the table is first asked for: each as often as the plan has simulated one, but
        at most 1,000 times. Of long series of sizes, those about the answer are shown. Columns: `strategy` and
        the fields that are varied; `on_time_rate`, `ci_low` and `ci_high`; `bound`, above which the rate cannot
        be; `idle`, `idle_ci_low` and `idle_ci_high`, and with prices the same columns for `cost`; whether
        another one is better in both rate and price, so that it is `dominated`; `price_of_failure`, as
        :attr:`frontier` has it; and whether it is the `best`. Each interval holds with the plan's confidence.
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

    Theory decides what it can. Other candidates are simulated under common random numbers, until an interval is
    on one side of the target. The intervals hold at all looks of all candidates together. For pools that are
    first in, first out, the videos that must fail are a control variate: their expected number is known
    exactly, so that only the few other failures are estimated.

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


class Words(NamedTuple):
    """The answers, each a sentence.

    Attributes
    ----------
    choice : Choice
        What was found.
    race : Race
        By which rules.
    """

    choice: Choice
    race: Race

    @property
    def what(self) -> str:
        """The target in words, rounded up: a rate below the text is below the target."""
        return f"{share_in_words(self.race.target or 0, up=True)} of the videos in time"

    def enough(self, before: Racer | None = None) -> str:
        """Return the target in words, rounded down, but to more than the rate of the candidate before."""
        if self.race.target == 1:
            return "all videos in time"
        than = None if before is None else before.rate.ci_high
        return f"at least {share_in_words(self.race.target or 0, up=False, than=than)} of the videos in time"

    # -- the target is met ---------------------------------------------------------------------------------

    def met(self) -> str:
        """Return the answer if it is known which candidate is the best."""
        best = self.choice.best(self.race)
        assert best is not None
        if self.race.by_price:
            return self._cheapest(best)
        (search,) = self.choice.searches
        candidate, before = best.candidate, search.before_winner
        does = f"publishes {self.enough(before)}: {self._how_many(best)}{self._for(best)}"
        if not candidate.values:
            return f"{candidate.family} {does}{self._sure()}"
        extreme = _extreme(search.candidates)
        if before is None:
            asked = f"with {candidate}, the {extreme} that was asked for"
            return f"{candidate.family} {asked}, {does}{self._sure()}"
        values = _values(search.candidates)
        return (
            f"{candidate} is the {extreme} of {values} with which {candidate.family} {does}; with "
            f"{before.candidate} it is {self._high(before)}{self._sure()}"
        )

    def _cheapest(self, best: Racer) -> str:
        """Return the answer if the price decides."""
        race, label = self.race, best.candidate.label
        others = sorted((one for one in self.choice.winners if one is not best), key=race.mean_price)
        shown = all(race.is_dearer(one, best) or race.costs_the_same(one, best) for one in others)
        within = "" if shown else f", to within {rate(race.indifference)}"
        price = "costs least" if race.prices else "is cheapest"
        next_ones = self._next_cheapest(best, others)
        if race.target is None:
            many = len(self.choice.searches)
            what = f"{price} of {plural(many, 'candidate')}{within}" if many > 1 else "is the only candidate"
            after = "".join(f"; {other} costs {paid}" for other, paid in next_ones[:1])
            return f"{label} {what}: {price_in_words(best)}{after}{self._sure()}"
        also = listed(f"{other} for {paid}" for other, paid in next_ones)
        after = f"; so {'do' if len(next_ones) > 1 else 'does'} {also}" if next_ones else ""
        does = f"publishes {self.enough()} and {price}{within}: {self._how_many(best)}{self._for(best)}"
        return f"{label} {does}{after}{self._sure()}"

    def _next_cheapest(self, best: Racer, others: list[Racer]) -> list[tuple[str, str]]:
        """Return up to two of the others and their prices: those of other strategies, if there are any."""
        known = [one for one in others if one.reps is not None]
        of_best = best.candidate.family
        families = {one.candidate.family: one for one in reversed(known) if one.candidate.family != of_best}
        chosen = [one for one in known if not families or one in families.values()][:2]
        same = self.race.costs_the_same
        return [(one.candidate.label, "the same" if same(one, best) else _price(one)) for one in chosen]

    # -- it is not -----------------------------------------------------------------------------------------

    def infeasible(self) -> str:
        """Return the answer if no candidate meets the target."""
        racers = [racer for search in self.choice.searches for racer in search.looked_at]
        best = max(racers, key=lambda racer: racer.rate.ci_high)
        candidate, why = best.candidate, reason(best, self.race)
        end = f"it is {self._high(best)}{f', since {why}' if why else ''}{self._sure()}"
        candidates = [one for search in self.choice.searches for one in search.candidates]
        families = list(dict.fromkeys(one.family for one in candidates))
        if len(candidates) == 1:
            return f"{candidate.label} does not publish {self.what}: {end}"
        if len(families) == 1 and len(candidate.values) == 1:
            values = f"{next(iter(candidate.values))} {_among(candidates)}"
            return f"{candidate.family} does not publish {self.what} with any {values}: with {candidate} {end}"
        return f"None of {listed(families)} publishes {self.what}: with {candidate.label} {end}"

    def undecided(self) -> str:
        """Return the answer if some candidates are too close to call, and what would tell."""
        best = self.choice.best(self.race)
        if self.race.by_price:
            close = max(self.choice.rivals(self.race), key=lambda racer: racer.looks)
        else:
            close = self.choice.searches[0].open[-1]
        if best is None:
            return (
                f"It is not known whether {close.candidate.family} publishes {self.what}: {self._call(close)}"
            )
        label = best.candidate.label
        does = f"publishes {self.enough()}, {self._how_many(best)}{self._for(best)}"
        if self.race.target is None:
            does = f"costs {price_in_words(best)}"
        if close.decision is Decision.MEETS:
            so_far = f"{price_in_words(close)} with {plural(close.replications, 'replication')}"
            gap = self.race.mean_price(close) - self.race.mean_price(best) + self.race.matters(best)
            more = self.race.more(close, best)
            tell = _would_tell(close, gap, gap - more - self.race.matters(best))
            at_most = "" if isnan(more) else f" by up to {_rounded_up(-more)}{unit(self.race.price)}"
            return f"{label} {does}, but {close.candidate.label} may be cheaper{at_most}, {so_far}: {tell}"
        return f"{label} {does}, but {self._call(close)}"

    def _call(self, close: Racer) -> str:
        low, high = percent(close.rate.ci_low, up=False), percent(close.rate.ci_high, up=True)
        label = close.candidate.label if self.race.by_price else str(close.candidate)
        done = plural(close.replications, "replication")
        gap = abs(close.rate.mean - (self.race.target or 0))
        rare = close.reps is not None and len(set(close.reps.estimated_failures.tolist())) == 1
        tell = _would_tell(close, gap, close.rate.half_width, rare=rare)
        return f"{label} is too close to call, {low} to {high} with {done}: {tell}"

    # -- parts of sentences --------------------------------------------------------------------------------

    def _high(self, racer: Racer) -> str:
        """Return how high the rate of a candidate that does not meet the target can be."""
        if racer.by == "certificate":
            return "less than 100 %"
        return f"at most {percent(racer.rate.ci_high, up=True, than=self.race.target)}"

    def _how_many(self, racer: Racer) -> str:
        """Return the rate of a candidate that meets the target, with the limit that decides."""
        low, mean = (
            percent(share, up=False, than=self.race.target) for share in (racer.rate.ci_low, racer.rate.mean)
        )
        if isnan(racer.rate.mean):
            return low if racer.rate.ci_low == 1 else f"{low} or more"
        return mean if racer.rate.half_width < 1e-9 else f"{mean} ({low} or more)"

    def _for(self, racer: Racer) -> str:
        return "" if racer.reps is None else f", for {price_in_words(racer)}"

    def _sure(self) -> str:
        """Return how sure the answer is, which rests on all candidates that were looked at."""
        simulated = [one for search in self.choice.searches for one in search.looked_at if one.reps is not None]
        if not simulated:
            return " (exact, without simulation)"
        if all(racer.is_fixed for racer in simulated):
            return " (exact)"
        return f" (confidence {share_in_words(1 - self.race.alpha, up=False)})"


def _would_tell(racer: Racer, gap: float, half: float, *, rare: bool = False) -> str:
    """Return about how many replications would decide.

    The half width of an interval shrinks with the root of their number, until it is less than the gap; or with
    the number itself where nothing has happened yet.
    """
    if not gap * 1e6 > half:
        return "no number of replications that can be simulated would tell"
    needed = max(racer.replications * (1.1 * half / gap) ** (1 if rare else 2), 2.0 * racer.replications)
    digits = 10 ** max(0, floor(log10(needed)) - 1)
    return f"about {plural(ceil(needed / digits) * digits, 'replication')} would tell"


def price_in_words(racer: Racer) -> str:
    """Return the mean price of a candidate that was simulated."""
    return f"{_price(racer)}{'' if racer.reps and racer.reps.prices else ' of idle publishers'} a run"


def _price(racer: Racer) -> str:
    assert racer.reps is not None
    metric = COST if racer.reps.prices else "idle"
    return estimate(metric, racer.reps.interval(metric))


def percent(share: float, *, up: bool, than: float | None = None, digits: int = 2) -> str:
    """Return a rate in percent, rounded up or down to so many digits of the share that is late.

    There are as many decimals as keep it below the rate `than` if it is rounded up, or else not below it.

    >>> percent(0.99971234, up=False), percent(0.99971234, up=True), percent(1.0, up=True)
    ('99.971 %', '99.972 %', '100 %')
    >>> percent(0.99779995, up=True, than=0.9978), percent(0.99780005, up=False, than=0.9978)
    ('99.779995 %', '99.78 %')
    >>> percent(0.8311688, up=True, than=0.831169), percent(0.8311695, up=False, than=0.831169)
    ('83.11688 %', '83.1169 %')
    """
    late = 100 * (1 - share)
    if isnan(share) or late <= 1e-12 or late >= 100:
        return rate(share)
    decimals = min(12, max(1, digits - 1 - floor(log10(late))))
    while True:
        rounded = (ceil if up else floor)(round(100 * share * 10**decimals, 6)) / 10**decimals
        beyond = 0.0 if than is None else rounded - 100 * than
        if than is None or decimals == 12 or (beyond < -1e-12 if up else beyond > -1e-12):
            return f"{rounded:.{decimals}f} %"
        decimals += 1


def share_in_words(share: float, *, up: bool, than: float | None = None) -> str:
    """Return a share that was asked for in percent: as it is if it has few digits, else rounded up or down.

    >>> share_in_words(0.999, up=False), share_in_words(1 - 1 / 1728, up=False)
    ('99.9 %', '99.94212 %')
    >>> share_in_words(0.99999999, up=True), share_in_words(1 - 1 / 1728, up=True)
    ('99.999999 %', '99.94213 %')
    """
    text = f"{100 * share:.10g}"
    few = isclose(float(text), 100 * share, rel_tol=0, abs_tol=1e-12)
    return f"{text} %" if few else percent(share, up=up, than=than, digits=4)


def _rounded_up(value: float) -> str:
    """Return a positive number, rounded up to two digits.

    >>> _rounded_up(0.000123), _rounded_up(17.2)
    ('0.00013', '18')
    """
    decimals = max(0, 1 - floor(log10(value)))
    return number(ceil(round(value * 10**decimals, 6)) / 10**decimals, decimals)


def _values(candidates: Sequence[Candidate]) -> str:
    """Return the values of the field in which candidates differ, "6 to 20"."""
    values = [next(iter(one.values.values())) for one in candidates]
    whole = all(isinstance(value, int) for value in values)
    if len(values) > 2 and whole and all(after - before == 1 for before, after in pairwise(values)):
        return f"{values[0]} to {values[-1]}"
    if len(values) > 6:
        return f"{in_short(values[0])}, {in_short(values[1])}, ..., {in_short(values[-1])}"
    return listed(map(in_short, values))


def _among(candidates: Sequence[Candidate]) -> str:
    """Return the values as they follow the field's name, "from 6 to 20" or "of 4 and 5"."""
    values = _values(candidates)
    return f"{'from' if ' to ' in values else 'of'} {values}"


def _extreme(candidates: Sequence[Candidate]) -> str:
    """Return in which sense the first candidates are preferred."""
    values = [next(iter(one.values.values())) for one in candidates]
    if all(isinstance(value, int | float) for value in values) and len(candidates[0].values) == 1:
        if values == sorted(values):
            return "smallest"
        if values == sorted(values, reverse=True):
            return "largest"
    return "first"


# -- why a target cannot be met --------------------------------------------------------------------------


def reason(racer: Racer, race: Race) -> str:
    """Return why the candidate that comes closest does not meet the target; empty if that is not known."""
    candidate, videos = racer.candidate, len(racer.candidate.catalogue)
    allowed = (1 - (race.target or 0)) * videos + 1e-9  # the arithmetic's error
    if never := never_on_time(candidate):
        takes = "takes" if never == 1 else "take"
        said = f"{plural(never, 'video')} of {videos:,} {takes} longer to encode than the timeout allows"
        if never > allowed:
            return said
    if racer.by == "certificate":
        slowest = certificate(*candidate.world)
        fail = f"{plural(slowest.failed, 'video')} {'fails' if slowest.failed == 1 else 'fail'}"
        return f"{fail} if every start-up takes {slowest.startup_time:g} s"
    if warning := _cannot_keep_up(candidate):
        return warning
    if (cold := _cold(candidate)) > allowed:
        return (
            f"the pool starts cold, and the first video that it serves fails with a probability of {cold:.2g} "
            f"(ready_at_start=True is a pool that is warm at the start)"
        )
    if racer.by == "bound" and racer.exact.bound is not None:
        return (
            f"{racer.exact.bound.failed:.3g} of {videos:,} videos must fail on average, even if no other video "
            f"ever waits"
        )
    return ""


def _cannot_keep_up(candidate: Candidate) -> str:
    """Return a sentence if the pool, or the limit of publishers, serves no more videos than arrive."""
    strategy = candidate.strategy.sized(candidate.catalogue, candidate.scenario)
    is_pool = strategy.keeps_its_size and not strategy.starts_for_videos
    limits = ("pool", "quota") if is_pool else ("quota",)
    load = candidate.scenario.explain(candidate.catalogue, prewarmed=strategy.prewarmed)
    found = [one for one in load.warnings if one.of in limits and one.rate >= one.capacity * (1 - 1e-9)]
    return str(found[0]) if found else ""


def _cold(candidate: Candidate) -> float:
    """Return the probability that the first video that a pool serves fails since no publisher is ready yet."""
    try:
        return first_fails(*candidate.world)
    except (StrategyError, ScenarioError):
        return 0.0


# -- in the words of products that have such a pool ------------------------------------------------------


_SETTINGS: dict[str, tuple[Callable[..., Strategy], str]] = {
    "GitLab Runner": (gitlab_runner, "IdleCount = {}"),
    "GitHub ARC": (github_arc, "minRunners: {}"),
    "Agones": (agones, "bufferSize: {}"),
    "Kubernetes' agent sandbox": (sandbox_warm_pool, "replicas: {}"),
}
"""The pool of each product by its size, and how the product says the size."""
_POOL: Changes = {"name": "pool", "maximum": None, "starts_at_most": None, "idle_time_to_live": None}
"""The name of a pool that is compared, and fields that are other settings of these products."""


def settings_of(strategy: Strategy) -> dict[str, str]:
    """Return the setting of each product that is this pool.

    >>> import tv2sim as tv
    >>> settings_of(tv.PART_2C.replace(prewarmed=12))
    {'GitLab Runner': 'IdleCount = 12', 'Agones': 'bufferSize: 12'}
    """
    size = strategy.known_stock
    if not size:
        return {}
    plain = strategy.replace(**_POOL)
    return {
        product: text.format(size)
        for product, (preset, text) in _SETTINGS.items()
        if preset(size).replace(name="pool") == plain
    }
