"""Which candidate is simulated next, so that the first one that meets the target is found soon."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tv2sim.planning.race import Decision, Racer

if TYPE_CHECKING:
    from tv2sim.planning.candidates import Candidate
    from tv2sim.planning.race import Race

__all__ = ["Search"]


@dataclass(eq=False)
class Search:
    """A search for the first candidate of a group that meets the target.

    Where the on-time rate rises from candidate to candidate, one that meets the target speaks for all after it,
    and one that fails for all before it. The next one to be simulated is in the middle of the others, or if
    theory has excluded some, the first of them, since it is mostly the answer. Where the rate may fall again,
    all before the first that meets it are simulated.
    """

    racers: list[Racer]
    rises: bool
    excluded: int = 0
    """How many candidates cannot meet the target, by theory alone."""

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates in the order of preference."""
        return [racer.candidate for racer in self.racers]

    def begin(self, race: Race) -> int:
        """Let theory exclude what it can, and return how many candidates are left."""
        fails = [Decision.FAILS]
        if self.rises:
            self.excluded = bisect_left(self.racers, True, key=lambda one: race.known(one) not in fails)
        else:
            self.excluded = sum(race.known(one) in fails for one in self.racers)
        return len(self.racers) - self.excluded

    @property
    def winner(self) -> Racer | None:
        """The first candidate that is shown to meet the target."""
        return next((racer for racer in self.racers if racer.decision is Decision.MEETS), None)

    @property
    def open(self) -> list[Racer]:
        """Candidates that may meet the target, and are before the winner."""
        return [racer for racer in self._between() if racer.decision is Decision.OPEN]

    @property
    def looked_at(self) -> list[Racer]:
        """The candidates of which something was found out, or has to be."""
        return [racer for racer in self.racers if racer.by or racer.looks]

    def next(self, race: Race) -> list[Racer]:
        """Return the candidates that are to be simulated next; none if the search is over."""
        left = [racer for racer in self.open if not race.is_over(racer)]
        least = min((racer.looks for racer in left), default=0)
        left = [racer for racer in left if racer.looks == least]
        if not self.rises or len(left) < 2:
            return left
        return left[:1] if self.excluded else [left[len(left) // 2]]

    def _between(self) -> list[Racer]:
        """Return the candidates after the last that fails, where that says something, and before the winner."""
        end = next((n for n, one in enumerate(self.racers) if one.decision is Decision.MEETS), len(self.racers))
        before = self.racers[:end]
        failing = [n for n, one in enumerate(before) if one.decision is Decision.FAILS]
        return before[failing[-1] + 1 :] if self.rises and failing else before
