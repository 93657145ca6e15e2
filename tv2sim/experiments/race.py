"""The simulation of candidates until each is decided, with one error probability for all decisions together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import takewhile
from math import comb, inf, isnan, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.digits import rate
from tv2sim.engines.choice import engine_for, engines_for
from tv2sim.experiments.candidates import Candidate, Exact, at_least, at_most
from tv2sim.experiments.replications import Replications, extend_all, with_cost
from tv2sim.experiments.startup_resampling import Resampling, resample_of
from tv2sim.experiments.workers import Task, compute
from tv2sim.inference.intervals import Interval, rare_interval
from tv2sim.results.metrics import COST, ON_TIME_RATE, Setting, measured_for
from tv2sim.world.distributions import Empirical
from tv2sim.world.prices import Prices

FIRST = 100
"""Replications of the first look."""
_ROUNDING = 1e-12
_UNKNOWN = Interval(nan, nan, 0.0, 1.0, 0)
_UNASKED = Exact(0.0, 1.0)


class Decision(StrEnum):
    """The decision on a candidate: it meets the target, fails it, or is open."""

    MEETS = "meets"
    FAILS = "fails"
    OPEN = "too close to call"


@dataclass(eq=False)
class Racer:
    """A candidate with its replications, its rate and the decision so far.

    Attributes
    ----------
    exact : Exact
        The bounds that theory has, once they were asked for.
    looks : int
        How often it was simulated further.
    rate : Interval
        The on-time rate: the interval holds at all looks of all candidates together.
    by : str
        The method that has decided.
    beaten : bool
        Whether it is shown to be dearer than another one that meets the target.
    """

    candidate: Candidate
    exact: Exact = _UNASKED
    looks: int = 0
    reps: Replications | None = None
    decision: Decision = Decision.OPEN
    rate: Interval = _UNKNOWN
    by: str = ""
    beaten: bool = False

    @property
    def replications(self) -> int:
        """The number of replications that were simulated."""
        return 0 if self.reps is None else len(self.reps)

    @property
    def is_fixed(self) -> bool:
        """Whether all its replications are the same, so that one is enough."""
        return self.candidate.scenario.is_deterministic


@dataclass
class Race:
    """The rules by which candidates are simulated and decided.

    At look i of a candidate its interval has the error probability alpha / (i (i + 1)) / `compared`: over all
    looks, which may be without end, and all candidates, they add up to alpha (Lan and DeMets 1983; Jennison and
    Turnbull 1984). The number of replications doubles from look to look. Where prices decide as well, half of
    alpha is for them, shared by all pairs of candidates in the same way.

    Attributes
    ----------
    target : float or None
        The on-time rate to reach; None: the least cost alone counts.
    alpha : float
        The probability that any of the decisions is wrong, at most.
    budget : int
        The largest number of replications of a candidate.
    control : bool
        Whether theory and the bound are used.
    prices : Prices or None
        What makes the price of a candidate; None: its idle seconds are.
    indifference : float
        The share of a price by which another one may be lower, so that it does not matter.
    seed, engine, how
        As for :func:`tv2sim.replicate`.
    compared : int
        The number of candidates that theory has not excluded.
    by_price : bool
        Whether prices decide as well.
    """

    target: float | None
    alpha: float
    budget: int
    control: bool
    prices: Prices | None
    indifference: float
    seed: int
    engine: str
    how: dict[str, Any]
    compared: int = 1
    by_price: bool = False

    @property
    def price(self) -> str:
        """The metric that is a candidate's price."""
        return COST if self.prices else "idle"

    # -- does it meet the target? --------------------------------------------------------------------------

    def known(self, racer: Racer) -> Decision:
        """Return the decision on a candidate that theory alone makes, before it is simulated."""
        if racer.exact is _UNASKED:
            asks = self.control and self.target is not None
            racer.exact = at_most(racer.candidate) if asks else replace(_UNASKED)
            racer.rate = racer.exact.rate
            self._decide(racer, racer.exact.by)
        return racer.decision

    def seems_to_meet(self, racer: Racer) -> bool:
        """Return whether the mean of a candidate that was simulated meets the target."""
        return racer.looks > 0 and racer.rate.mean >= (self.target or 0)

    def is_over(self, racer: Racer) -> bool:
        """Return whether there is nothing more to find out about a candidate's rate."""
        return racer.beaten or racer.decision is not Decision.OPEN or self.is_spent(racer)

    def is_spent(self, racer: Racer) -> bool:
        """Return whether a candidate has all its replications: one where nothing is random."""
        return racer.replications >= self._most(racer)

    def look(self, racers: Iterable[Racer]) -> None:
        """Simulate candidates further, and decide those that can be decided; theory is asked first."""
        for racer in racers:
            if self.known(racer) is Decision.OPEN and self.control and not racer.looks:
                self._prove(racer)
        self.simulate([racer for racer in racers if not self.is_over(racer)])

    def simulate(self, racers: Sequence[Racer]) -> None:
        """Double the replications of candidates, from 100 on."""
        for count in sorted({self._next(racer) - racer.replications for racer in racers} - {0}):
            self._extend([racer for racer in racers if self._next(racer) - racer.replications == count], count)
        for racer in racers:
            racer.looks += 1
            racer.rate = rate_of(racer, self._level(racer.looks, self.compared))
            if racer.decision is Decision.OPEN:
                self._decide(racer, "simulation")

    def simulate_alike(self, racers: Sequence[Racer], count: int) -> None:
        """Simulate so many replications of candidates that were not simulated yet; nothing is decided."""
        for racer in racers:
            self.known(racer)
        self._extend(racers, count)

    def _extend(self, racers: Sequence[Racer], count: int) -> None:
        worlds = [racer.candidate.world for racer in racers]
        engines = engines_for(self.engine, worlds, count)
        begun = list(map(self._begun, racers, engines))
        for racer, reps in zip(racers, extend_all(begun, count, **self.how), strict=True):
            racer.reps = reps

    def _decide(self, racer: Racer, by: str) -> None:
        """Decide if the interval of the rate is on one side of the target."""
        if self.target is None or racer.rate.ci_low >= self.target - _ROUNDING:
            racer.decision, racer.by = Decision.MEETS, by
        elif racer.rate.ci_high < self.target - _ROUNDING:
            racer.decision, racer.by = Decision.FAILS, by

    def _prove(self, racer: Racer) -> None:
        """Decide by the lower bound that theory knows, if that is enough."""
        known = at_least(racer.candidate)
        racer.exact = replace(racer.exact, low=max(racer.exact.low, known.low))
        racer.rate = racer.exact.rate
        self._decide(racer, known.by)
        if self.target == 1 and known.may_fail:
            racer.decision, racer.by = Decision.FAILS, "certificate"

    def _most(self, racer: Racer) -> int:
        return 1 if racer.is_fixed else self.budget

    def _next(self, racer: Racer) -> int:
        """Return the number of replications at the next look."""
        return min(max(FIRST, 2 * racer.replications), self._most(racer))

    def _begun(self, racer: Racer, engine: str) -> Replications:
        """Return the replications of a candidate so far, for an engine that simulates more."""
        if racer.reps is not None:
            return replace(racer.reps, engine=engine)
        names = with_cost((ON_TIME_RATE, "idle"), self.prices)
        computed = ["published", *measured_for(names, [Setting(*racer.candidate.world, self.prices)])]
        return Replications.none(
            racer.candidate.world, self.seed, engine=engine, metrics=names, computed=computed,
            prices=self.prices, control=self.control,
        )  # fmt: skip

    # -- what does it cost? --------------------------------------------------------------------------------

    def mean_price(self, racer: Racer) -> float:
        """Return the mean price of a candidate; infinity if that is not known."""
        return inf if racer.reps is None else racer.reps.mean(self.price)

    def is_dearer(self, racer: Racer, other: Racer) -> bool:
        """Return whether a candidate is shown to be dearer than another one."""
        return self.more(racer, other) > 0

    def may_be_cheaper(self, racer: Racer, best: Racer) -> bool:
        """Return whether a candidate may be cheaper than the best one by more than the indifference."""
        if self.is_spent(racer) and self.is_spent(best) and self.costs_the_same(racer, best):
            return False
        return not self.more(racer, best) >= -self.matters(best)

    def costs_the_same(self, racer: Racer, other: Racer) -> bool:
        """Return whether two candidates have the same price in each replication that both have."""
        if racer.reps is None or other.reps is None or racer.is_fixed != other.is_fixed:
            return False
        count = min(racer.replications, other.replications)
        return np.array_equal(racer.reps.values(self.price)[:count], other.reps.values(self.price)[:count])

    def matters(self, best: Racer) -> float:
        """Return the difference from the best price from which on it matters."""
        return self.indifference * abs(self.mean_price(best))

    def more(self, racer: Racer, other: Racer) -> float:
        """Return by how much a candidate is dearer than another one, at least; NaN if that is not known."""
        if racer.reps is None or other.reps is None:
            return nan
        pairs = comb(self.compared, 2)
        if racer.is_fixed != other.is_fixed:  # one price is known, and the other one has an interval
            level = self._level(other.looks if racer.is_fixed else racer.looks, pairs)
            low, high = racer.reps.interval(self.price, level), other.reps.interval(self.price, level)
            return (low.mean if racer.is_fixed else low.ci_low) - (
                high.mean if other.is_fixed else high.ci_high
            )
        count = min(racer.replications, other.replications)
        level = self._level(min(racer.looks, other.looks), pairs)
        found = racer.reps.less(other.reps, self.price, level, first=count)
        if found.differing or not isnan(found.ci_low):
            return found.ci_low
        # none differs, which says nothing of how much one may: no more than prices do between replications
        prices = np.concatenate([one.values(self.price)[:count] for one in (racer.reps, other.reps)])
        spread = float(np.ptp(prices))
        return found.mean + (rare_interval(np.zeros(count), level, spread)[0] if spread else 0.0)

    def _level(self, looks: int, shared_by: int) -> float:
        """Return the confidence level of an interval at a look."""
        alpha = self.alpha / 2 if self.by_price and self.target is not None else self.alpha
        return 1 - alpha / max(shared_by, 1) / (looks * (looks + 1))


def rate_of(racer: Racer, level: float) -> Interval:
    """Return the on-time rate of a candidate that was simulated, with an interval of this confidence."""
    assert racer.reps is not None
    found = racer.reps.interval(ON_TIME_RATE, level)
    low = float(np.fmax(found.ci_low, racer.exact.low))
    high = float(np.fmin(found.ci_high, racer.exact.high))
    mean = min(max(found.mean, low), high)
    return found._replace(mean=mean, half_width=max(mean - low, high - mean), ci_low=low, ci_high=high)


# -- which one is next? ----------------------------------------------------------------------------------


@dataclass(eq=False)
class Search:
    """A search for the first candidate of a group that meets the target.

    The last candidates may be a chain, in which the on-time rate is proved to rise. There, a candidate that
    meets the target speaks for all after it, and one that fails for all before it in the chain. Undecided ones
    speak by their means, until it is clear between which two the means pass the target; only these two are
    simulated further. The next new candidate of the chain is the middle one, or if theory has excluded some,
    the first, which is mostly the answer.

    Candidates before the chain are all simulated once. Then those up to the first whose mean meets the target
    are simulated further.
    """

    racers: list[Racer]
    rises_from: int
    """The number of the first candidate of the chain."""
    excluded: int = 0
    """The number of candidates of the chain that theory alone has excluded."""

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates in the order of preference."""
        return [racer.candidate for racer in self.racers]

    def begin(self, race: Race) -> int:
        """Let theory exclude what it can, and return how many candidates are left."""
        free, chain = self.racers[: self.rises_from], self.racers[self.rises_from :]
        self.excluded = bisect_left(chain, True, key=lambda one: race.known(one) is not Decision.FAILS)
        failing = sum(race.known(one) is Decision.FAILS for one in free)
        return len(self.racers) - failing - self.excluded

    @property
    def winner(self) -> Racer | None:
        """The first candidate that is shown to meet the target."""
        return next((racer for racer in self.racers if racer.decision is Decision.MEETS), None)

    @property
    def before_winner(self) -> Racer | None:
        """The candidate before the winner."""
        number = 0 if self.winner is None else self.racers.index(self.winner)
        return self.racers[number - 1] if number else None

    @property
    def open(self) -> list[Racer]:
        """Candidates that may meet the target, and are before the winner."""
        return [racer for part in self._between() for racer in part if racer.decision is Decision.OPEN]

    def implied(self, racer: Racer) -> Decision:
        """Return the decision on a candidate, which may follow from another one of the chain."""
        number = self.racers.index(racer)
        if number >= self.rises_from:
            decisions = [one.decision for one in self.racers]
            if Decision.MEETS in decisions[self.rises_from : number]:
                return Decision.MEETS
            if Decision.FAILS in decisions[number:]:
                return Decision.FAILS
        return racer.decision

    @property
    def looked_at(self) -> list[Racer]:
        """The candidates of which something was found out, or has to be."""
        return [racer for racer in self.racers if racer.by or racer.looks]

    def next(self, race: Race) -> list[Racer]:
        """Return the candidates that are to be simulated next; none if the search is over."""
        free, chain = self._between()
        left = [racer for racer in free if not race.is_over(racer)]
        seeming = next((number for number, racer in enumerate(left) if race.seems_to_meet(racer)), None)
        if seeming is not None:  # what comes after it matters only if it fails
            left, chain = left[: seeming + 1], []
        least = min((racer.looks for racer in left), default=0)
        return [racer for racer in left if racer.looks == least] + self._next_of_chain(chain, race)

    def _next_of_chain(self, chain: list[Racer], race: Race) -> list[Racer]:
        """Return a candidate at which the means pass the target, or may pass it."""
        seeming = (n for n, one in enumerate(chain) if race.seems_to_meet(one) and not race.is_over(one))
        high = next(seeming, len(chain))
        low = max((n for n in range(high) if chain[n].looks), default=-1)
        if new := chain[low + 1 : high]:
            return [new[0] if self.excluded else new[len(new) // 2]]
        neighbours = [chain[n] for n in (low, high) if 0 <= n < len(chain)]
        left = [one for one in neighbours if not race.is_over(one)]
        return sorted(left, key=lambda one: one.looks)[:1]

    def _between(self) -> tuple[list[Racer], list[Racer]]:
        """Return the candidates before the winner: outside the chain, and within it where they may matter.

        Of the chain, candidates up to the last failing one are left out. Where prices decide, they rise in the
        chain as well: candidates after one that is too dear are left out, too.
        """
        before = list(takewhile(lambda one: one.decision is not Decision.MEETS, self.racers))
        chain = list(takewhile(lambda one: not one.beaten, before[self.rises_from :]))
        failing = [n for n, one in enumerate(chain) if one.decision is Decision.FAILS]
        return before[: self.rises_from], chain[failing[-1] + 1 :] if failing else chain


@dataclass(eq=False)
class Choice:
    """The choice of the cheapest among the candidates that were found in several searches.

    A candidate that is shown to be dearer than the cheapest so far is beaten: it is not simulated further, even
    if it may meet the target. The choice is made when no other one can be cheaper by more than the indifference
    (Kim and Nelson 2001; with targets Andradottir and Kim 2010).
    """

    searches: list[Search]

    @property
    def winners(self) -> list[Racer]:
        """The candidates that meet the target, the first of each search, by price; those without one last."""
        return [winner for search in self.searches if (winner := search.winner) is not None]

    @property
    def _others(self) -> list[Racer]:
        return [*self.winners, *(racer for search in self.searches for racer in search.open)]

    def best(self, race: Race) -> Racer | None:
        """Return the candidate whose mean price is lowest, or the only one."""
        left = [racer for racer in self.winners if not racer.beaten]
        return min(left, key=race.mean_price, default=None)

    def rivals(self, race: Race) -> list[Racer]:
        """Return the candidates that may be cheaper than the best one, so that it matters."""
        best = self.best(race)
        return [
            racer
            for racer in self._others
            if racer is not best and not racer.beaten and (best is None or race.may_be_cheaper(racer, best))
        ]

    def beat(self, race: Race) -> None:
        """Mark the candidates that are shown to be dearer than the best one."""
        if (best := self.best(race)) is None:
            return
        for racer in self._others:
            if racer is not best and not racer.beaten:
                racer.beaten = race.is_dearer(racer, best)

    def next(self, race: Race) -> list[Racer]:
        """Return the candidates that are to be simulated next, so that their prices can be compared."""
        best = self.best(race)
        close = [racer for racer in self.rivals(race) if racer.decision is Decision.MEETS]
        if best is None or not (close or best.reps is None):
            return []
        left = [racer for racer in (best, *close) if not race.is_spent(racer)]
        least = min((racer.replications for racer in left), default=0)
        return [racer for racer in left if racer.replications == least]


# -- other start-up times --------------------------------------------------------------------------------

RESAMPLES, _EACH = 200, 100
"""The number of resamples of the measured times, and of replications of each resample."""
_CLEAR = 3.0
"""A mean that is so many standard errors from the target decides; else the bound is asked as well."""


@dataclass
class Inputs:
    """In which share of the resamples of measured start-up times candidates meet the target.

    Attributes
    ----------
    samples : Empirical
        The measured times.
    race : Race
        The target, and how it is simulated.
    met : dict
        For each candidate that was tried, whether it meets the target in each resample.
    """

    samples: Empirical
    race: Race
    met: dict[Candidate, NDArray[np.bool_]] = field(default_factory=dict)

    def share(self, candidate: Candidate) -> float:
        """Return the share of the resamples in which a candidate meets the target."""
        return float(self.met[candidate].mean())

    def ask(self, candidate: Candidate, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Find out in which resamples a candidate meets the target, besides those in which that is known."""
        met, numbers = known.copy(), np.flatnonzero(~known).tolist()
        if numbers:
            met[numbers] = self._meets(candidate, numbers)
        self.met[candidate] = met
        return met

    def _meets(self, candidate: Candidate, numbers: Sequence[int]) -> NDArray[np.bool_]:
        """Return whether a candidate meets the target in each of these resamples: by theory, or by the mean."""
        worlds = [self._of(candidate, number) for number in numbers]
        target = self.race.target or 0.0
        if self.race.control and at_most(worlds[0]).by == "theory":
            return np.array([at_most(world).high >= target for world in worlds])
        videos, late = len(candidate.catalogue), self._late(candidate, numbers)
        most = (1 - target) * videos
        found = late.mean(axis=1)
        for row, number in enumerate(numbers):
            error = sqrt(max(float(late[row].var(ddof=1)), most) / _EACH)
            if self.race.control and abs(found[row] - most) <= _CLEAR * error:
                bound = at_most(worlds[row]).bound
                if bound is not None:
                    part = range(number * _EACH, (number + 1) * _EACH)
                    found[row] += bound.failed - bound.of_replications(self.race.seed, part).mean()
        return np.asarray(found <= most + 1e3 * _ROUNDING)

    def _of(self, candidate: Candidate, number: int) -> Candidate:
        times = resample_of(self.samples, self.race.seed, number)
        return replace(candidate, scenario=candidate.scenario.replace(startup_time=times))

    def _late(self, candidate: Candidate, numbers: Sequence[int]) -> NDArray[np.float64]:
        """Return how many videos are not published in time: a row for each resample, of its replications."""
        asked = candidate.world
        count = len(numbers) * _EACH
        engine = engine_for(self.race.engine, *asked, count)
        divided = Resampling(self.samples, _EACH, tuple(numbers))
        task = Task(*asked, self.race.seed, range(count), engine, ("published",), divided=divided)
        (chunk,) = compute(
            [task], **{name: value for name, value in self.race.how.items() if name != "results"}
        )
        return len(candidate.catalogue) - chunk.values["published"].reshape(-1, _EACH)

    def in_words(self, answer: Candidate) -> str:
        """Return a sentence about the answer, and about the last one that was asked."""
        *_, last = self.met
        told = [answer] if last is answer else [answer, last]
        where = [f"{f'with {one} ' if one.values else ''}in {rate(round(self.share(one), 3))}" for one in told]
        if last is not answer and self.share(last) < 1 - self.race.alpha:
            where[-1] += ", and there is no larger one"
        count = len(self.samples.samples)
        return (
            f"The start-up times are known from {count} samples: of their resamples the target is met "
            f"{', '.join(where)}"
        )


def in_resamples(choice: Choice, race: Race, samples: Empirical) -> tuple[Inputs, Candidate]:
    """Return how often the answer of a plan meets the target in the resamples of measured start-up times.

    If no candidate is the answer, the last one is asked. Where the on-time rate is proved to rise, so do the
    shares: the candidate before the answer is asked as well, and those after it until one meets the target in
    as many resamples as the plan's confidence.
    """
    found, best = Inputs(samples, race), choice.best(race)
    search = next((one for one in choice.searches if best in one.racers), choice.searches[-1])
    answer = search.candidates[-1] if best is None else best.candidate
    at = search.candidates.index(answer)
    rising = range(max(search.rises_from, at - 1), len(search.candidates))
    known = np.zeros(RESAMPLES, dtype=np.bool_)
    for number in rising if at in rising else [at]:
        known = found.ask(search.candidates[number], known)
        if number >= at and known.mean() >= 1 - race.alpha:
            break
    return found, answer
