"""Candidates are simulated until each is decided, with an error probability that holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.engines import engine_for
from tv2sim.experiment.experiments import replicate
from tv2sim.experiment.replications import extended
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.planning.exact import Exact, at_least, at_most
from tv2sim.statistics import Interval, mean_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.experiment import Replications
    from tv2sim.planning.candidates import Candidate

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
    looks : int
        How often it was simulated further.
    rate : Interval
        The on-time rate: the interval holds at all looks of all candidates together.
    by : str
        What has decided.
    """

    candidate: Candidate
    exact: Exact | None = None
    looks: int = 0
    reps: Replications | None = None
    decision: Decision = Decision.OPEN
    rate: Interval = _UNKNOWN
    by: str = ""

    @property
    def replications(self) -> int:
        """How many replications were simulated."""
        return 0 if self.reps is None else len(self.reps)

    @cached_property
    def must_fail(self) -> NDArray[np.int64]:
        """How many videos must fail in each replication, as far as that was asked for."""
        return np.empty(0, dtype=np.int64)

    def not_explained(self) -> NDArray[np.float64]:
        """Return the failures of each replication beyond those that the bound counts: mostly 0."""
        assert self.reps is not None
        assert self.exact is not None
        assert self.exact.bound is not None
        done, count = len(self.must_fail), self.replications
        if done < count:
            more = self.exact.bound.of_replications(self.reps.seed, range(done, count))
            self.must_fail = np.concatenate([self.must_fail, more])
        return len(self.candidate.catalogue) - self.reps.values("published") - self.must_fail[:count]


@dataclass
class Race:
    """The rules by which candidates are simulated and decided.

    At look i of a candidate its interval has the error probability alpha / (i (i + 1)) / `compared`: over all
    looks, which may be without end, and all candidates, they add up to alpha (Lan and DeMets 1983; Jennison and
    Turnbull 1984). The number of replications doubles from look to look.

    Attributes
    ----------
    target : float
        The on-time rate to reach.
    alpha : float
        The probability that any of the decisions is wrong, at most.
    budget : int
        The largest number of replications of a candidate.
    control : bool
        Whether theory and the bound are used.
    metrics : tuple of str
        What is computed beside the number of published videos.
    seed, engine, how
        As for :func:`tv2sim.replicate`.
    compared : int
        The number of candidates that theory has not excluded.
    """

    target: float
    alpha: float
    budget: int
    control: bool
    metrics: tuple[str, ...]
    seed: int
    engine: str
    how: dict[str, Any]
    compared: int = 1

    def known(self, racer: Racer) -> Decision:
        """Return what theory alone decides about a candidate, before it is simulated."""
        if racer.exact is None:
            racer.exact = at_most(racer.candidate) if self.control else Exact(0.0, 1.0)
            racer.rate = racer.exact.rate
            self.decide(racer, racer.exact.by)
        return racer.decision

    def is_over(self, racer: Racer) -> bool:
        """Return whether there is nothing more to find out about a candidate."""
        return racer.decision is not Decision.OPEN or racer.replications >= self.most(racer)

    def most(self, racer: Racer) -> int:
        """Return the most replications of a candidate: one where nothing is random."""
        return 1 if racer.candidate.scenario.is_deterministic else self.budget

    def decide(self, racer: Racer, by: str) -> None:
        """Decide if the interval of the rate is on one side of the target."""
        if racer.rate.ci_low >= self.target - _ROUNDING:
            racer.decision, racer.by = Decision.MEETS, by
        elif racer.rate.ci_high < self.target - _ROUNDING:
            racer.decision, racer.by = Decision.FAILS, by

    def prove(self, racer: Racer) -> None:
        """Decide by the lower bound that theory knows, if that is enough."""
        assert racer.exact is not None
        known = at_least(racer.candidate)
        racer.exact = replace(racer.exact, low=max(racer.exact.low, known.low))
        racer.rate = racer.exact.rate
        self.decide(racer, known.by)

    def look(self, racers: Sequence[Racer]) -> None:
        """Simulate candidates further, and decide those that can be decided.

        Each doubles its replications, from 100 on.
        """
        for racer in racers:
            if self.known(racer) is Decision.OPEN and self.control and not racer.looks:
                self.prove(racer)
        racers = [racer for racer in racers if not self.is_over(racer)]
        for racer in racers:
            self._simulate(racer)
            racer.looks += 1
            racer.rate = self._rate(racer)
            self.decide(racer, "simulation")

    def _simulate(self, racer: Racer) -> None:
        asked, done = racer.candidate, racer.replications
        more = min(max(FIRST, 2 * done), self.most(racer)) - done
        engine: Any = engine_for(self.engine, asked.catalogue, asked.strategy, asked.scenario, more)
        if racer.reps is None:
            racer.reps = replicate(
                asked.catalogue, asked.strategy, asked.scenario, replications=more, seed=self.seed,
                engine=engine, metrics=self.metrics, **self.how,
            )  # fmt: skip
        else:
            (racer.reps,) = extended([replace(racer.reps, engine=engine)], more, **self.how)

    def level(self, racer: Racer) -> float:
        """Return the confidence level of a candidate's intervals at its present look."""
        return 1 - self.alpha / self.compared / (racer.looks * (racer.looks + 1))

    def _rate(self, racer: Racer) -> Interval:
        """Return the interval of the on-time rate."""
        assert racer.reps is not None
        assert racer.exact is not None
        exact, videos, level = racer.exact, len(racer.candidate.catalogue), self.level(racer)
        found = racer.reps.interval(ON_TIME_RATE, level)
        if exact.bound is not None and not found.is_exact:
            # failed = the expected number that must fail + the mean of the others, which are rare
            others = mean_interval(racer.not_explained(), level, low=0, high=videos, step=1)
            must, error = exact.bound.failed / videos, exact.bound.error
            mean, _, low, high = (value / videos for value in others[:4])
            found = _interval(1 - must - mean, 1 - must - error - high, 1 - must + error - low, others)
        low, high = float(np.fmax(found.ci_low, exact.low)), float(np.fmin(found.ci_high, exact.high))
        return _interval(min(max(found.mean, low), high), low, high, found)


def _interval(mean: float, low: float, high: float, like: Interval) -> Interval:
    return Interval(mean, max(mean - low, high - mean), low, high, like.n, like.differing)
