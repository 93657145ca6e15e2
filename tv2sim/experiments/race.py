"""Candidates are simulated until each is decided, with an error probability that holds for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import comb, inf, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.engines.choice import engine_for
from tv2sim.experiments.replications import Replications, extended, with_cost
from tv2sim.experiments.theory_limits import Exact, at_least, at_most
from tv2sim.inference.intervals import Interval, rare_interval
from tv2sim.results.metrics import COST, ON_TIME_RATE, Setting, measured_for

if TYPE_CHECKING:
    from tv2sim.experiments.candidates import Candidate
    from tv2sim.world.prices import Prices

__all__ = ["FIRST", "Decision", "Race", "Racer"]

FIRST = 100
"""Replications of the first look."""
_ROUNDING = 1e-12
_UNKNOWN = Interval(nan, nan, 0.0, 1.0, 0)


class Decision(StrEnum):
    """What a plan has found out about a candidate."""

    MEETS = "meets"
    FAILS = "fails"
    OPEN = "too close to call"


@dataclass(eq=False)
class Racer:
    """A candidate, and what is known of it so far.

    Attributes
    ----------
    exact : Exact or None
        What theory knows, once it was asked.
    looks : int
        How often it was simulated further.
    rate : Interval
        The on-time rate: the interval holds at all looks of all candidates together.
    by : str
        What has decided.
    beaten : bool
        Whether it is shown to be dearer than another one that meets the target.
    """

    candidate: Candidate
    exact: Exact | None = None
    looks: int = 0
    reps: Replications | None = None
    decision: Decision = Decision.OPEN
    rate: Interval = _UNKNOWN
    by: str = ""
    beaten: bool = False

    @property
    def replications(self) -> int:
        """How many replications were simulated."""
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
        """Return what theory alone decides about a candidate, before it is simulated."""
        if racer.exact is None:
            asks = self.control and self.target is not None
            racer.exact = at_most(racer.candidate) if asks else Exact(0.0, 1.0)
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
            racer.rate = self._rate(racer)
            if racer.decision is Decision.OPEN:
                self._decide(racer, "simulation")

    def simulate_alike(self, racers: Sequence[Racer], count: int) -> None:
        """Simulate so many replications of candidates that were not simulated yet; nothing is decided."""
        for racer in racers:
            self.known(racer)
        self._extend(racers, count)

    def _extend(self, racers: Sequence[Racer], count: int) -> None:
        begun = [self._begun(racer, count * len(racers)) for racer in racers]
        for racer, reps in zip(racers, extended(begun, count, **self.how), strict=True):
            racer.reps = reps

    def _decide(self, racer: Racer, by: str) -> None:
        """Decide if the interval of the rate is on one side of the target."""
        if self.target is None or racer.rate.ci_low >= self.target - _ROUNDING:
            racer.decision, racer.by = Decision.MEETS, by
        elif racer.rate.ci_high < self.target - _ROUNDING:
            racer.decision, racer.by = Decision.FAILS, by

    def _prove(self, racer: Racer) -> None:
        """Decide by the lower bound that theory knows, if that is enough."""
        assert racer.exact is not None
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

    def _begun(self, racer: Racer, count: int) -> Replications:
        """Return the replications of a candidate so far, for the engine that suits `count` more of all."""
        what = racer.candidate.catalogue, racer.candidate.strategy, racer.candidate.scenario
        if racer.reps is not None:
            return replace(racer.reps, engine=engine_for(self.engine, *what, count))
        names = with_cost((ON_TIME_RATE, "idle"), self.prices)
        computed = ["published", *measured_for(names, [Setting(*what, self.prices)])]
        return Replications.none(
            what, self.seed, engine=self.engine, count=count, metrics=names, computed=computed,
            prices=self.prices, control=self.control,
        )  # fmt: skip

    def _rate(self, racer: Racer) -> Interval:
        """Return the interval of the on-time rate."""
        assert racer.reps is not None
        assert racer.exact is not None
        return rate_of(racer, self._level(racer.looks, self.compared))

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
    assert racer.exact is not None
    found = racer.reps.interval(ON_TIME_RATE, level)
    low = float(np.fmax(found.ci_low, racer.exact.low))
    high = float(np.fmin(found.ci_high, racer.exact.high))
    mean = min(max(found.mean, low), high)
    return found._replace(mean=mean, half_width=max(mean - low, high - mean), ci_low=low, ci_high=high)
