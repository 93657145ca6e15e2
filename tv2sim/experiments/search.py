"""Which candidate is simulated next, until the first that meets the target, or the cheapest, is found."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from tv2sim.experiments.race import Decision, Racer

if TYPE_CHECKING:
    from tv2sim.experiments.candidates import Candidate
    from tv2sim.experiments.race import Race

__all__ = ["Choice", "Search"]


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
    """How many candidates of the chain cannot meet the target, by theory alone."""

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
        """Return what is known of a candidate, also from others of the chain."""
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
        """Return a candidate next to where the means pass the target, or one that may be there."""
        between = [*enumerate(chain)]
        high = next(
            (n for n, one in between if race.seems_to_meet(one) and not race.is_over(one)), len(between)
        )
        low = max((n for n, one in between[:high] if one.looks), default=-1)
        if new := [one for _, one in between[low + 1 : high]]:
            return [new[0] if self.excluded else new[len(new) // 2]]
        left = [one for n, one in between if n in (low, high) and not race.is_over(one)]
        return [min(left, key=lambda one: one.looks)] if left else []

    def _between(self) -> tuple[list[Racer], list[Racer]]:
        """Return the candidates before the winner: those before the chain, and those of it that may matter.

        Of the chain, those up to the last that fails are left out. Where prices decide, they rise in the chain
        as well: what comes after one that is too dear is left out, too.
        """
        before = list(takewhile(lambda one: one.decision is not Decision.MEETS, self.racers))
        chain = list(takewhile(lambda one: not one.beaten, before[self.rises_from :]))
        failing = [n for n, one in enumerate(chain) if one.decision is Decision.FAILS]
        return before[: self.rises_from], chain[failing[-1] + 1 :] if failing else chain


@dataclass(eq=False)
class Choice:
    """The choice of the cheapest among the candidates that were found in several searches.

    One that is shown to be dearer than the cheapest so far is beaten, and is not simulated further, also if it
    is not known whether it meets the target. The choice is made when no other one can be cheaper by more than
    the indifference (Kim and Nelson 2001; with targets Andradottir and Kim 2010).
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
