"""Failures against price: all candidates of a plan, simulated equally often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tv2sim.experiments.comparison_tables import dominance
from tv2sim.experiments.race import FIRST, Race, Racer, rate_of
from tv2sim.experiments.theory_limits import at_least

if TYPE_CHECKING:
    import pandas as pd

    from tv2sim.experiments.search import Choice, Search

__all__ = ["compared"]

_MOST = 1000
"""The most replications of a candidate."""
_WIDTH = 8
"""Of a long series of sizes, so many before and after the answer are shown."""


def compared(choice: Choice, race: Race, confidence: float) -> pd.DataFrame:
    """Return a row for each candidate with its rate and its price, after as many replications of each."""
    import pandas as pd

    groups = [_shown(search) for search in choice.searches]
    racers = [Racer(racer.candidate) for group in groups for racer in group]
    done = max((racer.replications for search in choice.searches for racer in search.racers), default=0)
    race.simulate_alike(racers, min(max(FIRST, done), _MOST))
    best = choice.best(race)
    rows = [_row(racer, race, confidence) for racer in racers]
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


def _row(racer: Racer, race: Race, confidence: float) -> dict[str, Any]:
    assert racer.reps is not None
    assert racer.exact is not None
    rate = racer.exact.rate if racer.exact.by == "theory" else rate_of(racer, confidence)
    if racer.exact.bound is not None and not racer.reps.estimated_failures.any():
        rate = rate._replace(ci_low=max(rate.ci_low, at_least(racer.candidate).low))
    row = {
        "strategy": racer.candidate.family,
        **racer.candidate.values,
        "on_time_rate": rate.mean,
        "ci_low": rate.ci_low,
        "ci_high": rate.ci_high,
        "bound": racer.exact.high,
    }
    for metric in dict.fromkeys(["idle", race.price]):
        price = racer.reps.interval(metric, confidence)
        row |= {metric: price.mean, f"{metric}_ci_low": price.ci_low, f"{metric}_ci_high": price.ci_high}
    return row
