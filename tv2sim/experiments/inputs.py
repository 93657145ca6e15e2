"""How often a plan's answer holds with other start-up times than those that happened to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.digits import rate
from tv2sim.engines.choice import engine_for
from tv2sim.experiments.startup_resampling import Resampling, resampled
from tv2sim.experiments.tasks import Task
from tv2sim.experiments.theory_limits import at_most
from tv2sim.experiments.workers import compute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.experiments.candidates import Candidate
    from tv2sim.experiments.race import Race
    from tv2sim.experiments.search import Choice
    from tv2sim.world.distributions import Empirical

__all__ = ["Inputs", "held"]

RESAMPLES, _EACH = 200, 100
"""How often the measured times are drawn again, and replications of each."""
_ROUNDING = 1e-9
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
        return np.asarray(found <= most + _ROUNDING)

    def _of(self, candidate: Candidate, number: int) -> Candidate:
        times = resampled(self.samples, self.race.seed, number)
        return replace(candidate, scenario=candidate.scenario.replace(startup_time=times))

    def _late(self, candidate: Candidate, numbers: Sequence[int]) -> NDArray[np.float64]:
        """Return how many videos are not published in time: a row for each resample, of its replications."""
        asked = candidate.catalogue, candidate.strategy, candidate.scenario
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


def held(choice: Choice, race: Race, samples: Empirical) -> tuple[Inputs, Candidate]:
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
