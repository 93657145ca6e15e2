"""The conclusions from a comparison in one world, in sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tv2sim.experiment.judgement import Judgement
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.numbers import RARELY_LATE, fewer_late, late, listed, number, percent, points, with_span
from tv2sim.statistics import exactly

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tv2sim.experiment import Comparison
    from tv2sim.experiment.comparison import Compared
    from tv2sim.statistics import Difference

__all__ = ["cost", "differences", "judged", "name_of", "verdict"]


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


# -- the verdict -------------------------------------------------------------------------------------------


def verdict(world: Comparison) -> str:
    """Say which strategy to take, how many videos it publishes in time, and how sure that is."""
    judgement = Judgement(world)
    chosen, others = judgement.chosen, [name for name in world.strategies if name != judgement.chosen]
    if not others:
        return f"Strategy {chosen} publishes {_rate(judgement)}. Nothing else was simulated to compare it with."
    sentences = [f"{_why(judgement)}: {_rate(judgement)}."]
    told = dict.fromkeys(name for name in (judgement.runner_up, world.baseline) if name in others)
    sentences += [_against(judgement, name) for name in told]
    worse = [name for name in judgement.worse if name not in told]
    undecided = [name for name in judgement.undecided if name not in told]
    sentences += [f"Shown to publish less: {listed(worse)}."] if worse else []
    sentences += [f"No difference is shown for {listed(undecided)}."] if undecided else []
    return " ".join(sentences)


def _why(judgement: Judgement) -> str:
    """Say why the strategy was chosen, up to the colon before its rate."""
    chosen, margin = judgement.chosen, judgement.world.margin
    if judgement.world.replications == 1:
        return f"One replication shows no difference; in it, strategy {chosen} publishes the most"
    if chosen != judgement.best:
        by = f" by more than {100 * margin:.6g} percentage points" if margin else ""
        return f"Strategy {chosen} is the cheapest that is not shown to publish less than the best{by}"
    if len(judgement.worse) == len(judgement.rates) - 1:
        return f"Strategy {chosen} publishes the most"
    cheapest = min(judgement.rates, key=judgement.cost) == chosen
    return f"Strategy {chosen} has the highest rate{' and is the cheapest' if cheapest else ''}"


def _rate(judgement: Judgement) -> str:
    """Return the rate of the chosen strategy; where few videos are late, also how many of 10,000."""
    interval, confidence = judgement.rate(judgement.chosen), judgement.world.confidence
    says = with_span(ON_TIME_RATE, interval, confidence, " of videos in time")
    if len(judgement.rates) > 1 and interval.half_width > 0:
        says = says.removesuffix(")") + f", widened for the choice among {len(judgement.rates)})"
    return f"{says}, {late(interval)}" if interval.mean >= RARELY_LATE else says


def _against(judgement: Judgement, other: str) -> str:
    """Say how the chosen strategy differs from another in its on-time rate and its cost."""
    gain = judgement.difference(judgement.chosen, other)
    price = judgement.cost(judgement.chosen) - judgement.cost(other)
    cost = f"{number(abs(price))} publisher-seconds {'more' if price > 0 else 'fewer'}"
    costs = cost if round(price) else "as many publisher-seconds"
    baseline = ", the baseline" if other == judgement.world.baseline else ""
    if gain.mean == gain.differing == 0:
        return f"Against {other}{baseline}: as many in every replication, for {costs}."
    usual = judgement.rates[other]
    few_late = min(usual, judgement.rates[judgement.chosen]) >= RARELY_LATE
    size, rate = (fewer_late(gain.interval), late(exactly(usual, gain.n))) if few_late else (
        points(gain.interval), percent(usual, gain.interval)
    )  # fmt: skip
    return f"Against {other} ({rate}{baseline}): {size}{_meaning(judgement, gain)}, for {costs}."


def _meaning(judgement: Judgement, difference: Difference) -> str:
    """Say of a difference that it may be chance, or that it is too small to matter."""
    if 0 < max(abs(difference.ci_low), abs(difference.ci_high)) < judgement.world.margin:
        return ", too little to matter"
    return ", which may be chance" if difference.ci_low <= 0 <= difference.ci_high else ""


def cost(world: Comparison) -> str:
    """Say what the chosen strategy costs."""
    judgement = Judgement(world)
    return f"Its cost: {number(judgement.cost(judgement.chosen))} publisher-seconds per run."
