"""What a plan has found, in words."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor, isnan, log10
from typing import TYPE_CHECKING, NamedTuple

from tv2sim.metrics import COST
from tv2sim.numbers import estimate, listed, rate
from tv2sim.planning.candidates import in_short
from tv2sim.planning.race import Decision
from tv2sim.planning.reasons import reason
from tv2sim.statistics import exactly
from tv2sim.validation import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tv2sim.planning.candidates import Candidate
    from tv2sim.planning.race import Race, Racer
    from tv2sim.planning.search import Choice

__all__ = ["Words", "percent", "price_in_words"]


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
        """What is to be reached."""
        return f"{rate(self.race.target or 0)} of the videos in time"

    @property
    def enough(self) -> str:
        """What a candidate publishes that meets the target."""
        return "all videos in time" if self.race.target == 1 else f"at least {self.what}"

    # -- the target is met ---------------------------------------------------------------------------------

    def met(self) -> str:
        """Return the answer if it is known which candidate is the best."""
        best = self.choice.best(self.race)
        assert best is not None
        if self.race.by_price:
            return self._cheapest(best)
        (search,) = self.choice.searches
        candidate = best.candidate
        does = f"publishes {self.enough}: {_how_many(best)}{self._for(best)}"
        if not candidate.values:
            return f"{candidate.family} {does}{self._sure(best)}"
        extreme = _extreme(search.candidates)
        if (before := search.before_winner) is None:
            asked = f"with {candidate}, the {extreme} that was asked for"
            return f"{candidate.family} {asked}, {does}{self._sure(best)}"
        values = _values(search.candidates)
        return (
            f"{candidate} is the {extreme} of {values} with which {candidate.family} {does}; with "
            f"{before.candidate} it is {self._high(before)}{self._sure(best, before)}"
        )

    def _cheapest(self, best: Racer) -> str:
        """Return the answer if the price decides."""
        race, label = self.race, best.candidate.label
        price = "costs least" if race.prices else "is cheapest"
        others = sorted((one for one in self.choice.winners if one is not best), key=race.mean_price)
        known = [one for one in others if one.reps is not None][:2]
        if race.target is None:
            many = len(self.choice.searches)
            what = f"{price} of {plural(many, 'candidate')}" if many > 1 else "is the only candidate"
            after = f"; {known[0].candidate.label} costs {_price(known[0])}" if known else ""
            return f"{label} {what}: {price_in_words(best)}{after}{self._sure(best, *known)}"
        also = listed(f"{one.candidate.label} for {_price(one)}" for one in known)
        after = f"; so {'do' if len(known) > 1 else 'does'} {also}" if known else ""
        return (
            f"{label} publishes {self.enough} and {price}: {_how_many(best)}{self._for(best)}{after}"
            f"{self._sure(best, *known)}"
        )

    # -- it is not -----------------------------------------------------------------------------------------

    def infeasible(self) -> str:
        """Return the answer if no candidate meets the target."""
        racers = [racer for search in self.choice.searches for racer in search.looked_at]
        best = max(racers, key=lambda racer: racer.rate.ci_high)
        candidate, why = best.candidate, reason(best, self.race)
        end = f"it is {self._high(best)}{f', since {why}' if why else ''}{self._sure(best)}"
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
        does = f"publishes {self.enough}, {_how_many(best)}{self._for(best)}"
        if self.race.target is None:
            does = f"costs {price_in_words(best)}"
        if close.decision is Decision.MEETS:
            so_far = f"{price_in_words(close)} with {plural(close.replications, 'replication')}"
            gap = self.race.mean_price(close) - self.race.mean_price(best) + self.race.matters(best)
            more = self.race.more(close, best)
            tell = _would_tell(close, gap, gap - more - self.race.matters(best))
            at_most = "" if isnan(more) else f" by up to {estimate(self.race.price, exactly(-more, 1))}"
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
        return f"at most {percent(racer.rate.ci_high, up=True, unlike=self.race.target)}"

    def _for(self, racer: Racer) -> str:
        return "" if racer.reps is None else f", for {price_in_words(racer)}"

    def _sure(self, *racers: Racer) -> str:
        """Return how sure it is."""
        if all(racer.reps is None for racer in racers):
            return " (exact, without simulation)"
        if all(racer.reps is None or racer.is_fixed for racer in racers):
            return " (exact)"
        return f" (confidence {rate(1 - self.race.alpha)})"


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
    """Return what a candidate that was simulated costs."""
    return f"{_price(racer)}{'' if racer.reps and racer.reps.prices else ' of idle publishers'} a run"


def _price(racer: Racer) -> str:
    assert racer.reps is not None
    metric = COST if racer.reps.prices else "idle"
    return estimate(metric, racer.reps.interval(metric))


def percent(share: float, *, up: bool, unlike: float | None = None) -> str:
    """Return a rate in percent, rounded up or down to two digits of the share that is late.

    There are as many decimals as distinguish it from the rate `unlike`.

    >>> percent(0.99971234, up=False), percent(0.99971234, up=True), percent(1.0, up=True)
    ('99.971 %', '99.972 %', '100 %')
    >>> percent(0.99779995, up=True, unlike=0.9978)
    '99.779995 %'
    """
    late = 100 * (1 - share)
    if late <= 1e-12 or late >= 100:
        return rate(share)
    decimals = min(12, max(1, 1 - floor(log10(late))))
    while True:
        rounded = (ceil if up else floor)(round(100 * share * 10**decimals, 6)) / 10**decimals
        if unlike is None or decimals >= 12 or abs(rounded - 100 * unlike) > 1e-12 or share == unlike:
            return f"{rounded:.{decimals}f} %"
        decimals += 1


def _how_many(racer: Racer) -> str:
    """Return the rate of a candidate, with the limit that decides."""
    low, mean = percent(racer.rate.ci_low, up=False), racer.rate.mean
    if isnan(mean):
        return low if racer.rate.ci_low == 1 else f"{low} or more"
    exact = percent(mean, up=False)
    return exact if racer.rate.half_width < 1e-9 else f"{exact} ({low} or more)"


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
