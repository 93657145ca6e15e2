"""What a plan has found, in words."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor, isnan, log10
from typing import TYPE_CHECKING

from tv2sim.numbers import estimate, listed, rate
from tv2sim.planning.reasons import reason
from tv2sim.validation import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tv2sim.planning.candidates import Candidate
    from tv2sim.planning.race import Race, Racer
    from tv2sim.planning.search import Search

__all__ = ["infeasible", "met", "percent", "undecided"]


def met(search: Search, race: Race) -> str:
    """Return the answer if a candidate meets the target, and those before it do not."""
    winner = search.winner
    assert winner is not None
    candidate, number = winner.candidate, search.racers.index(winner)
    what = f"at least {rate(race.target)} of the videos in time"
    does = f"publishes {what}: {_how_many(winner)}{_idle(winner)}"
    if not candidate.values:
        return f"{candidate.strategy.name} {does}{_sure([winner], race)}"
    extreme = _extreme(search.candidates)
    if not number:
        asked = f"with {candidate}, the {extreme} that was asked for"
        return f"{candidate.family} {asked}, {does}{_sure([winner], race)}"
    before = search.racers[number - 1]
    return (
        f"{candidate} is the {extreme} of {values_of(search.candidates)} with which {candidate.family} {does}; "
        f"with {before.candidate} it is at most {_high(before, race)}{_sure([winner, before], race)}"
    )


def infeasible(search: Search, race: Race) -> str:
    """Return the answer if no candidate meets the target."""
    best = max(search.looked_at, key=lambda racer: racer.rate.ci_high)
    candidate, why = best.candidate, reason(best, race)
    what = f"{rate(race.target)} of the videos in time"
    end = f"it is at most {_high(best, race)}{f', since {why}' if why else ''}{_sure([best], race)}"
    if not candidate.values:
        return f"{candidate.strategy.name} does not publish {what}: {end}"
    if len(search.racers) == 1:
        return f"{candidate.family} with {candidate} does not publish {what}: {end}"
    values = f"{next(iter(candidate.values))} from {values_of(search.candidates)}"
    return f"{candidate.family} does not publish {what} with any {values}: with {candidate} {end}"


def undecided(search: Search, race: Race) -> str:
    """Return the answer if some candidates are too close to call, and what would tell."""
    close, winner = search.open[-1], search.winner
    candidate = close.candidate
    low, high = percent(close.rate.ci_low, up=False), percent(close.rate.ci_high, up=True)
    what = f"{rate(race.target)} of the videos in time"
    call = (
        f"{candidate} is too close to call, {low} to {high} with {plural(close.replications, 'replication')}: "
        f"{_would_tell(close, race)}"
    )
    if winner is None:
        return f"It is not known whether {candidate.family} publishes {what}: {call}"
    does = f"publishes at least {what}, {_how_many(winner)}"
    return f"With {winner.candidate} {candidate.family} {does}, but {call}"


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


def _high(racer: Racer, race: Race) -> str:
    return percent(racer.rate.ci_high, up=True, unlike=race.target)


def _how_many(racer: Racer) -> str:
    """Return the rate of a candidate, with the limit that decides."""
    low, mean = percent(racer.rate.ci_low, up=False), racer.rate.mean
    if isnan(mean):
        return f"{low} or more"
    exact = percent(mean, up=False)
    return exact if racer.rate.half_width < 1e-9 else f"{exact} ({low} or more)"


def _sure(racers: list[Racer], race: Race) -> str:
    """Return how sure it is."""
    if all(racer.by != "simulation" for racer in racers):
        return " (exact, without simulation)"
    if all(racer.by != "simulation" or racer.rate.is_exact for racer in racers):
        return " (exact)"
    return f" (confidence {rate(1 - race.alpha)})"


def values_of(candidates: Sequence[Candidate]) -> str:
    """Return the values of the field in which candidates differ, "6 to 20"."""
    values = [next(iter(one.values.values())) for one in candidates]
    whole = all(isinstance(value, int) for value in values)
    if len(values) > 2 and whole and all(after - before == 1 for before, after in pairwise(values)):
        return f"{values[0]} to {values[-1]}"
    if len(values) > 6:
        return f"{values[0]}, {values[1]}, ..., {values[-1]}"
    return listed(map(str, values))


def _extreme(candidates: Sequence[Candidate]) -> str:
    """Return in which sense the first candidates are preferred."""
    values = [next(iter(one.values.values())) for one in candidates]
    if all(isinstance(value, int | float) for value in values) and len(candidates[0].values) == 1:
        if values == sorted(values):
            return "smallest"
        if values == sorted(values, reverse=True):
            return "largest"
    return "first"


def _idle(racer: Racer) -> str:
    if racer.reps is None:
        return ""
    return f", for {estimate('idle', racer.reps.interval('idle'))} of idle publishers a run"


def _would_tell(racer: Racer, race: Race) -> str:
    """Return about how many replications would decide.

    An interval shrinks with the root of their number, or with the number itself where nothing has happened yet.
    """
    gap, half = abs(racer.rate.mean - race.target), racer.rate.half_width
    if not gap * 1e6 > half:
        return "no number of replications that can be simulated would tell"
    needed = racer.replications * (1.1 * half / gap) ** (2 if racer.rate.differing else 1)
    digits = 10 ** (floor(log10(needed)) - 1)
    return f"about {plural(ceil(needed / digits) * digits, 'replication')} would tell"
