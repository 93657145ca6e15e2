"""The conclusions from a comparison in one world: the best strategy, its cost, and sentences about them."""

from __future__ import annotations

from dataclasses import replace
from math import comb
from typing import TYPE_CHECKING

from tv2sim.metrics import ON_TIME_RATE, Verdict
from tv2sim.numbers import listed, number, points, span, with_span
from tv2sim.statistics import paired_difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tv2sim.experiment import Comparison
    from tv2sim.experiment.comparison import Compared

__all__ = ["best_of", "cost", "differences", "judged", "name_of", "verdict"]


def judged(study: Comparison) -> Comparison:
    """Return the comparison with the on-time rate among its metrics, since the verdict rests on it."""
    if ON_TIME_RATE in study.metrics:
        return study
    metrics = (*study.metrics, ON_TIME_RATE)
    cells = {cell: replace(reps, metrics=metrics) for cell, reps in study.cells.items()}
    return replace(study, cells=cells, whole=study.whole and judged(study.whole))


def name_of(world: Comparison) -> str:
    """Return the names of a world's catalogue and scenario."""
    catalogue, scenario, _ = next(iter(world.cells))
    return f"{catalogue}, {scenario}"


# -- conclusions -------------------------------------------------------------------------------------------


def differences(world: Comparison, metrics: Collection[str]) -> Iterator[tuple[str, list[Compared]]]:
    """Yield each strategy except the baseline, with its differences in these metrics.

    A strategy has no differences if it is the same as the baseline in every replication and each metric.
    """
    for strategy in world.strategies:
        found = [world.difference(strategy, metric) for metric in metrics]
        rows = [compared for compared in found if compared is not None]
        if rows:
            same = world.replications > 1 and all(compared.is_same for compared in rows)
            yield strategy, [] if same else rows


def best_of(world: Comparison) -> str:
    """Return the strategy with the highest on-time rate among those that are not shown to be worse.

    At a tie it is the baseline, or the first.
    """
    others = [name for name, compared in _against_baseline(world).items() if compared.verdict != Verdict.WORSE]
    return max([world.baseline, *others], key=lambda name: _mean(world, name, ON_TIME_RATE))


def _against_baseline(world: Comparison) -> dict[str, Compared]:
    """Return the difference of each strategy's on-time rate from the baseline's."""
    return {one.cell.strategy: one for one in world.compared if one.metric == ON_TIME_RATE}


def _mean(world: Comparison, strategy: str, metric: str) -> float:
    return float(world[strategy].values(metric).mean())


# -- in words ----------------------------------------------------------------------------------------------


def verdict(world: Comparison) -> str:
    """Say in a few sentences which strategy has the highest on-time rate, by how much, and how sure that is."""
    best, baseline, against = best_of(world), world.baseline, _against_baseline(world)
    says = f"Strategy {best} publishes {_rate(world, best, ' of videos in time')}"
    if len(world.strategies) == 1:
        return f"{says}. Nothing else was simulated to compare it with."
    if best == baseline:
        undecided = [
            f"{name} ({'the same in every replication' if compared.is_same else _bounds(compared)})"
            for name, compared in against.items()
            if compared.verdict != Verdict.WORSE
        ]
        sentences = [
            f"{says}, and no other strategy is shown to publish more.",
            *_worse(against),
            *_naming("No difference is shown for {}.", undecided),
        ]
    elif against[best].verdict == Verdict.BETTER:
        gain, usual = against[best].interval, number(100 * _mean(world, baseline, ON_TIME_RATE), 1)
        sentences = [
            f"{says}, {points(gain)} more ({_bounds(against[best])}) than strategy {baseline}, which publishes "
            f"{usual} %.",
            *_compared_with_others(world, best),
        ]
    else:
        sentences = [
            f"No strategy is shown to publish more videos in time than strategy {baseline}, which publishes "
            f"{_rate(world, baseline)}. The highest rate was observed with {best}, {_rate(world, best)}, but "
            f"its difference from {baseline}, {_bounds(against[best])}, may be chance.",
            *_worse(against),
        ]
    return " ".join(sentences)


def _rate(world: Comparison, strategy: str, of: str = "") -> str:
    interval = world[strategy].interval(ON_TIME_RATE, world.confidence)
    return with_span(ON_TIME_RATE, interval, world.confidence, of)


def _bounds(compared: Compared) -> str:
    return span(ON_TIME_RATE, compared.interval, difference=True)


def _naming(sentence: str, names: list[str]) -> list[str]:
    """Return the sentence with the names in it, if there are any."""
    return [sentence.format(listed(names))] if names else []


def _worse(against: dict[str, Compared]) -> list[str]:
    names = [name for name, compared in against.items() if compared.verdict == Verdict.WORSE]
    return _naming("Shown to publish less: {}.", names)


def _compared_with_others(world: Comparison, best: str) -> list[str]:
    """Say of each strategy but the baseline and the best whether the best is shown to publish more.

    The best was picked from the results, so any pair could have been looked at: p-values are adjusted after
    Bonferroni for all pairs, in all metrics and all worlds. This family contains the table of differences for
    every baseline, and the adjustment is at least as strict as Holm's, so a claim made here holds in each of
    these tables.
    """
    rates = {name: reps.values(ON_TIME_RATE) for name, reps in world.strategies.items()}
    family = len((world.whole or world).worlds()) * len(world.metrics) * comb(len(rates), 2)
    beaten: dict[bool, list[str]] = {True: [], False: []}
    for name, values in rates.items():
        if name in (best, world.baseline):
            continue
        one = paired_difference(rates[best], values)
        beaten[one.mean > 0 and family * one.p_value < 1 - world.confidence].append(name)
    return [
        *_naming("It is also shown to publish more than {}.", beaten[True]),
        *_naming("Whether it publishes more than {} is not shown.", beaten[False]),
    ]


def cost(world: Comparison) -> str:
    """Say what the best strategy costs, compared with the baseline; nothing if it is the baseline."""
    best, baseline = best_of(world), world.baseline
    price, usual = (_mean(world, name, "publisher_seconds") for name in (best, baseline))
    if best == baseline or usual <= 0:
        return ""
    more = price - usual
    word, sign = ("more", "+") if more >= 0 else ("less", "−")
    return (
        f"Its cost: {number(price)} publisher-seconds per run, {number(abs(more))} {word} than strategy "
        f"{baseline} ({sign}{number(abs(100 * more / usual))} %)."
    )
