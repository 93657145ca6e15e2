"""What a reader of the report should be warned of: each caveat appears only if it applies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.metrics import METRICS, ON_TIME_RATE
from tv2sim.numbers import listed, number, plural, rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tv2sim.experiment import Comparison, Replications
    from tv2sim.report.text import World
    from tv2sim.scenario import Explanation

__all__ = ["CHECKED", "Caveat", "caveats", "explained"]

_FEW = 30
"""Below so many replications the mean is not yet near enough to a normal distribution to trust a t interval."""

_TAIL = 100
"""Publications beyond a quantile that it takes to know it: with fewer, the slowest handful decide."""

CHECKED = (
    "enough replications for the intervals and for the p99, intervals without variance, pools and encoders "
    "near "
    "saturation, rejected lines of the catalogue, videos that cannot be in time, unfinished videos, and a "
    "precision that was not reached"
)


class Caveat(NamedTuple):
    """A warning: what it is about, and why."""

    title: str
    text: str


def caveats(study: Comparison, parts: Sequence[World]) -> list[Caveat]:
    """Return the caveats that apply, the most general first."""
    found = [
        *_few(study),
        *_budget(study),
        *_p99(study, parts),
        *_no_variance(study),
        *(caveat for part in parts for caveat in _load(part, several=len(parts) > 1)),
        *(caveat for part in _one_per_catalogue(parts) for caveat in _of_catalogue(part)),
        *(caveat for part in parts for caveat in _unfinished(part, several=len(parts) > 1)),
    ]
    return list(dict.fromkeys(found))


def _few(study: Comparison) -> Iterator[Caveat]:
    n = study.replications
    if n == 1:
        yield Caveat(
            "One replication is an anecdote",
            f"A single one does not tell how far another would differ: intervals are missing, or as wide "
            f"as they can be. Make at least {_FEW}.",
        )
    elif n < _FEW:
        yield Caveat(
            "Few replications",
            f"With {n} replications the intervals are wide and rest on the assumption that means are nearly "
            f"normally distributed, which fewer than about {_FEW} do not ensure.",
        )


def _budget(study: Comparison) -> Iterator[Caveat]:
    if study.stopped is not None and not study.stopped.met:
        yield Caveat("The precision that was asked for was not reached", f"{_sentence(str(study.stopped))}.")


def _p99(study: Comparison, parts: Sequence[World]) -> Iterator[Caveat]:
    shown = [METRICS[name].label for name in ("elapsed_p99", "lateness_p99") if name in study.metrics]
    videos = min(len(part.catalogue) for part in parts)
    beyond = study.replications * videos / 100
    if shown and beyond < _TAIL:
        yield Caveat(
            "Too few replications for the p99",
            f"Only 1 % of publications lie beyond it: about {number(beyond)} in "
            f"{plural(study.replications, 'replication')} "
            f"of {plural(videos, 'video')}, and those of one replication are alike, because videos wait for "
            f"each other. A p99 ({listed(shown)}) wants about {_TAIL} of them, 100/(1 − 0.99) = 10,000 "
            f"publications "
            f"in all: at least {plural(-(-100 * _TAIL // videos), 'replication')} here.",
        )


def _no_variance(study: Comparison) -> Iterator[Caveat]:
    """Warn of figures that could vary, but did not."""
    if study.replications < 2:
        return
    where: dict[str, list[str]] = {}
    several = len({cell[:2] for cell in study.cells}) > 1
    for cell, reps in study.cells.items():
        for metric in (ON_TIME_RATE, "any_failure"):
            if np.ptp(reps.values(metric)) == 0:
                name = f"{cell.strategy} ({cell.catalogue}, {cell.scenario})" if several else cell.strategy
                where.setdefault(metric, []).append(name)
    if where:
        shown = "; ".join(
            f"{METRICS[metric].label} under {listed(_few_of(names))}" for metric, names in where.items()
        )
        yield Caveat(
            "The same in every replication is not certainty",
            f"Some figures did not vary over the {plural(study.replications, 'replication')} ({shown}). A "
            f"t interval "
            f"would have no width there; the interval shown is the Clopper-Pearson bound on the share of "
            f"replications that could still turn out otherwise ({rate(study.confidence)}).",
        )


def _few_of(names: list[str], most: int = 6) -> list[str]:
    return names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]


# -- load --------------------------------------------------------------------------------------------------


def explained(reps: Replications) -> Explanation:
    """Return what the scenario offers; with the pool judged if it is all that serves the videos."""
    strategy, catalogue = reps.strategy, reps.catalogue
    alone = not any(strategy.orders(catalogue).moment) and not strategy.adapts
    return reps.scenario.explain(catalogue, prewarmed=strategy.prewarmed if alone else None)


def _load(part: World, *, several: bool) -> Iterator[Caveat]:
    where = f" ({part.name})" if several else ""
    for name, reps in part.strategies.items():
        for warning in explained(reps).warnings:
            says = _sentence(str(warning))
            when = f" in the busiest minute{where}" if warning.busiest else where
            if warning.of == "pool":
                load = f" Its load {'then ' * warning.busiest}is {warning.load} its capacity." * bool(
                    warning.size
                )
                after = "" if warning.busiest else " What is measured then depends on how long the run is."
                yield Caveat(f"The pool of {name} is near or beyond saturation{when}", f"{says}.{load}{after}")
            else:
                rate = (
                    ""
                    if warning.busiest
                    else " The strategies are compared at that rate, not at the one asked for."
                )
                yield Caveat(f"The encoders are overloaded{when}", f"{says}.{rate}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


# -- the catalogue, and what was not finished --------------------------------------------------------------


def _one_per_catalogue(parts: Sequence[World]) -> list[World]:
    return list({part.catalogue_name: part for part in parts}.values())


def _of_catalogue(part: World) -> Iterator[Caveat]:
    catalogue = part.catalogue
    if catalogue.rejected:
        first = catalogue.rejected[0]
        yield Caveat(
            f"Lines of {part.catalogue_name} were left out",
            f"{plural(len(catalogue.rejected), 'line')} rejected, {plural(len(catalogue), 'video')} "
            f"simulated. The "
            f"first, line {first.line}: {first.reason}. Every rate is of the videos that were accepted.",
        )
    never = int((catalogue.publication_timeout < catalogue.encoding_time).sum())
    if never:
        best = number(100 * (1 - never / len(catalogue)), 1)
        yield Caveat(
            f"{plural(never, 'video')} of {part.catalogue_name} can never be in time",
            f"Encoding alone takes longer than the timeout: no strategy can publish more than {best} % in "
            f"time.",
        )


def _unfinished(part: World, *, several: bool) -> Iterator[Caveat]:
    means = {name: float(reps.values("unfinished").mean()) for name, reps in part.strategies.items()}
    shown = [f"{name} ({number(mean, 1)} per run)" for name, mean in means.items() if mean > 0]
    if shown:
        until = part.scenario.until
        why = f"The run is cut off at {until:g} s" if until is not None else "No publisher came for them"
        yield Caveat(
            f"Not every video was finished{f' ({part.name})' if several else ''}",
            f"{why}. Unfinished under {listed(shown)}: they count as not in time, but have no elapsed "
            f"time, so that "
            f"elapsed and lateness look better than they are.",
        )
