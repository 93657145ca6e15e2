"""The conclusions from a comparison in one world, in sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from math import inf, isnan
from typing import NamedTuple

from tv2sim.base.digits import listed, number, rate, three_digits
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.comparison_tables import Compared
from tv2sim.experiments.planning import Plan
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.experiments.verdicts import Judgement
from tv2sim.inference.intervals import Interval, exactly
from tv2sim.results import figures
from tv2sim.results.metrics import COST, ON_TIME_RATE
from tv2sim.strategies import Strategy
from tv2sim.world.prices import Prices


def with_on_time_rate(study: Comparison) -> Comparison:
    """Return the comparison with the on-time rate among its metrics, since the verdict rests on it."""
    if ON_TIME_RATE in study.metrics:
        return study
    metrics = (*study.metrics, ON_TIME_RATE)
    cells = {cell: replace(reps, metrics=metrics) for cell, reps in study.cells.items()}
    return replace(study, cells=cells, whole=study.whole and with_on_time_rate(study.whole))


def verdict_if_one_world(study: Comparison) -> str:
    """Return the verdict on a comparison of one world that has its baseline; else an empty text."""
    worlds = {cell[:2] for cell in study.cells}
    if len(worlds) > 1 or all(cell.strategy != study.baseline for cell in study.cells):
        return ""
    return verdict(with_on_time_rate(study))


def name_of(world: Comparison) -> str:
    """Return the names of a world's catalogue and scenario."""
    catalogue, scenario, _ = next(iter(world.cells))
    return f"{catalogue}, {scenario}"


def names_of(study: Comparison) -> list[str]:
    """Return a name for each world of a study that says what differs; empty if there is only one."""
    names = [next(iter(world.cells))[:2] for world in study.worlds()]
    differ = [part for part in (0, 1) if len({name[part] for name in names}) > 1]
    return [", ".join(name[part] for part in differ) for name in names]


def in_words(strategies: Collection[Strategy]) -> dict[str, str]:
    """Return the rule of each strategy in words; of strategies that differ in numbers, the first in full.

    Examples
    --------
    >>> import tv2sim as tv
    >>> pools = [tv.PART_2C.replace(name=f"2c:{size}", prewarmed=size) for size in (8, 12)]
    >>> list(in_words(pools).values())[1]
    'A pool of 12 publishers …, as 2c:8'
    """
    first: dict[str, str] = {}
    told = {}
    for strategy in strategies:
        says = strategy.in_words()
        like = first.setdefault(_NUMBER.sub("0", says), strategy.name)
        short = "" if like == strategy.name else _UP_TO_NUMBER.match(says)
        told[strategy.name] = f"{short[0]} …, as {like}" if short else says
    return told


_NUMBER = re.compile(r"[0-9][0-9,.]*")
_UP_TO_NUMBER = re.compile(rf"[^0-9]*{_NUMBER.pattern}( \w+)?")


def differences(world: Comparison, metrics: Collection[str]) -> Iterator[tuple[str, list[Compared]]]:
    """Yield each strategy except the baseline, with its differences in these metrics.

    A strategy has no differences if it is the same as the baseline in every replication and each metric.
    """
    for strategy in world.strategies:
        if rows := [one for metric in metrics if (one := world.difference(strategy, metric)) is not None]:
            same = world.replications > 1 and all(compared.is_same for compared in rows)
            yield strategy, [] if same else rows


def controlled(cells: Mapping[Cell, Replications]) -> str:
    """Return which strategies have a control variate for their failures, and its gain; nothing if none has.

    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2c:10", "2c:13"], replications=1000)
    >>> controlled(study.cells).partition(": ")[2]
    '2c:10 (variance 4.79 times lower), 2c:13 (no others were seen).'
    """
    gains: dict[str, list[float]] = {}
    for cell, reps in cells.items():
        if not isnan(gain := reps.variance_ratio):
            gains.setdefault(cell.strategy, []).append(gain)
    which = ", ".join(f"{name} ({_gain(found)})" for name, found in gains.items())
    begin = "Mean failures are exact for videos that must fail and estimated for the others (control variate): "
    return f"{begin}{which}." if which else ""


def _gain(gains: list[float]) -> str:
    """Return in words how much lower variances are, of a strategy in one world or in several."""
    low, high = min(gains), max(gains)
    if low == inf:
        return "no others were seen"
    most = f" to {three_digits(high)}" if low < high < inf else ""
    return f"variance {'at least ' if high == inf else ''}{three_digits(low)}{most} times lower"


# -- the verdict -------------------------------------------------------------------------------------------


class Conclusion(NamedTuple):
    """Which strategy to take in one world, and how sure that is; ``str()`` gives a few sentences."""

    lead: str
    """Which one, and how many videos it publishes in time; or what it costs, if they are judged by that."""
    basis: str
    """The interval of that, or the rest of a plan's answer, to be read right after it."""
    further: list[str]
    """Sentences that compare it with the others."""

    def __str__(self) -> str:
        return " ".join([f"{self.lead}{self.basis}.", *self.further])


def verdict(world: Comparison, plan: Plan | None = None) -> str:
    """Say which strategy to take, how many videos it publishes in time or its cost, and how sure that is.

    With a plan, it is the plan's answer, and how its strategy differs from the others.
    """
    return str(conclusion_of(Judgement(world, name_of_answer(world, plan)), plan))


def name_of_answer(world: Comparison, plan: Plan | None) -> str | None:
    """Return the name under which a world has the best strategy of a plan; None if it does not have it."""
    best = plan.best if plan else None
    if best is None or plan is None:
        return None
    cells = world.strategies.items()
    same = (
        name
        for name, reps in cells
        if reps.strategy.replace(name=best.name) == best and reps.scenario == plan.scenario
    )
    return next(same, None)


def conclusion_of(judgement: Judgement, plan: Plan | None = None) -> Conclusion:
    """Return the parts of the sentences that :func:`verdict` returns."""
    world, chosen = judgement.world, judgement.chosen
    if plan is not None:
        lead, colon, basis = plan.answer.partition(": ")
        if judgement.taken is not None:
            own = [_OWN_FIGURES] if plan.replications else []
            further = [*_beside(judgement), *_of_measured_times(judgement), *own]
        else:
            further = [_NOT_COMPARED] if plan.best else []
        return Conclusion(lead, colon + basis, further)
    share, basis = _figure_and_basis(judgement, judgement.by)
    others = [name for name in world.strategies if name != chosen]
    in_time = f"It publishes {''.join(_figure_and_basis(judgement, ON_TIME_RATE))}."
    further = [in_time] if judgement.by == COST else []
    if not others:
        does = "costs" if judgement.by == COST else "publishes"
        alone = [*further, *_of_measured_times(judgement), "Nothing else was simulated to compare it with."]
        return Conclusion(f"Strategy {chosen} {does} {share}", basis, alone)
    further += [*_beside(judgement), *_of_measured_times(judgement)]
    return Conclusion(f"{_why(judgement)}: {share}", basis, further)


_OWN_FIGURES = "The plan's own figures are of other replications than those of the comparison."
_NOT_COMPARED = "The answer of the plan is not among the strategies that were compared."


def _beside(judgement: Judgement) -> Iterator[str]:
    """Say how the chosen strategy differs from the runner-up, from the baseline, and from the others."""
    others = [name for name in judgement.rates if name != judgement.chosen]
    told = dict.fromkeys(name for name in (judgement.runner_up, judgement.world.baseline) if name in others)
    yield from (_against(judgement, name) for name in told)
    yield from _others(judgement, [name for name in others if name not in told])


def _of_measured_times(judgement: Judgement) -> Iterator[str]:
    """Say which differences remain with the uncertainty of measured start-up times."""
    world, by = judgement.world, judgement.by
    if world.resamples is None:
        return
    what = "cost" if by == COST else "rate"
    yield (
        f"With the uncertainty of {world.resamples.times} measured start-up times, its {what} is "
        f"{figures.span(by, judgement.wider())} ({rate(world.confidence)} interval)."
    )
    if judgement.doubtful:
        spans = {name: figures.span(by, judgement.wider(name), difference=True) for name in judgement.doubtful}
        told = listed(f"{name} ({span})" for name, span in spans.items())
        yield f"They are too few to tell it from {told}: measure more."


def _others(judgement: Judgement, names: Collection[str]) -> Iterator[str]:
    """Say for which of these strategies a difference from the chosen one is shown, and for which not."""
    less, more, none = "Shown to be dearer: {}.", "Shown to be cheaper: {}.", "Not shown to be dearer: {}."
    if judgement.by != COST:
        that_matters = " that matters" if judgement.margin else ""
        less, more = "Shown to publish less: {}.", "Shown to publish more: {}."
        none = f"No difference{that_matters} is shown for {{}}."
    for says, told in (
        (less, [name for name in judgement.worse if name in names]),
        (more, [name for name in judgement.better if name in names]),
        (none, [_name_of_undecided(judgement, name) for name in judgement.undecided if name in names]),
    ):
        if told:
            yield says.format(listed(told))


def _name_of_undecided(judgement: Judgement, name: str) -> str:
    """Name a strategy for which no difference is shown; where costs decide, with the difference of its cost."""
    if judgement.by != COST:
        return name
    by = figures.dearer(judgement.difference(name, judgement.chosen).interval)
    return f"{name} by {by.replace(' dearer', '')}"


def _why(judgement: Judgement) -> str:
    """Say why the strategy was chosen, up to the colon before its rate or its cost."""
    chosen, margin = judgement.chosen, judgement.margin
    if judgement.world.replications == 1:
        is_best = "is the cheapest" if judgement.by == COST else "publishes the most"
        return f"One replication shows no difference; in it, strategy {chosen} {is_best}"
    if judgement.by == COST:
        return f"Strategy {chosen} is the cheapest, failed videos included"
    if chosen != judgement.best:
        by = f" by more than {figures.in_points(margin)}" if margin else ""
        return f"Strategy {chosen} is the cheapest that is not shown to publish less than the best{by}"
    if len(judgement.worse) == len(judgement.rates) - 1:
        return f"Strategy {chosen} publishes the most"
    cheapest = min(judgement.rates, key=judgement.cost) == chosen
    return f"Strategy {chosen} has the highest rate{' and is the cheapest' if cheapest else ''}"


def _figure_and_basis(judgement: Judgement, metric: str) -> tuple[str, str]:
    """Return the chosen strategy's rate or cost, and its interval; of few late videos also their number."""
    interval, confidence = judgement.interval(judgement.chosen, metric), judgement.world.confidence
    of = " per run" if metric == COST else " of videos in time"
    value, bracket, basis = figures.with_span(metric, interval, confidence, of).partition(" (")
    if metric == judgement.by and len(judgement.rates) > 1 and interval.half_width > 0:
        basis = basis.removesuffix(")") + f", widened for the choice among {len(judgement.rates)})"
    few_late = metric == ON_TIME_RATE and interval.mean >= figures.RARELY_LATE
    few = f", {figures.late(interval)}" if few_late else ""
    return value, f"{bracket}{basis}{few}"


def _against(judgement: Judgement, other: str) -> str:
    """Say how the chosen strategy differs from another in its on-time rate and its cost."""
    gain = judgement.difference(judgement.chosen, other)
    baseline = ", the baseline" if other == judgement.world.baseline else ""
    if gain.mean == gain.differing == 0:
        same = "the same cost" if judgement.by == COST else "as many"
        return f"Against {other}{baseline}: {same} in every replication, {_price(judgement, other)}."
    if judgement.by == COST:
        cost = number(judgement.cost(other), figures.decimals_of(COST, gain.half_width, gain.mean))
        size = f"{figures.dearer(gain.interval)}{_meaning(judgement, other)}"
        return f"Against {other} ({cost}{baseline}): {size}, {_price(judgement, other)}."
    usual = judgement.rates[other]
    few_late = min(usual, judgement.rates[judgement.chosen]) >= figures.RARELY_LATE
    size, share = (figures.fewer_late(gain.interval), figures.late(exactly(usual, gain.n))) if few_late else (
        figures.points(gain.interval), figures.percent(usual, gain.interval)
    )  # fmt: skip
    return (
        f"Against {other} ({share}{baseline}): {size}{_meaning(judgement, other)}, {_price(judgement, other)}."
    )


def _price(judgement: Judgement, other: str) -> str:
    """Say how the chosen strategy differs from another in cost; if costs are compared already, in its rate."""
    if judgement.by == COST:
        gain = judgement.difference(judgement.chosen, other, ON_TIME_RATE)
        few_late = min(judgement.rates[other], judgement.rates[judgement.chosen]) >= figures.RARELY_LATE
        size = (figures.fewer_late if few_late else figures.points)(gain.interval).partition(" (")[0]
        return f"and {size if few_late else f'{size} in time'}" if gain.mean else "and as many in time"
    if judgement.spent == COST:
        gain = judgement.difference(judgement.chosen, other, COST)
        says = f"and {three_digits(abs(gain.mean))} {'dearer' if gain.mean > 0 else 'cheaper'}"
        return says if gain.mean else "at the same cost"
    price = judgement.cost(judgement.chosen) - judgement.cost(other)
    if not round(price):
        return "for as many publisher-seconds"
    return f"for {number(abs(price))} publisher-seconds {'more' if price > 0 else 'fewer'}"


def _meaning(judgement: Judgement, other: str) -> str:
    """Return a remark on a difference between strategies: it may be chance, or is too small to matter."""
    chosen, gain = judgement.chosen, judgement.difference(judgement.chosen, other)
    if 0 < max(abs(gain.ci_low), abs(gain.ci_high)) < judgement.margin:
        return ", too little to matter"
    if other in judgement.doubtful:
        return ", which the measured start-up times are too few to show"
    shown = judgement.is_worse(other, chosen, by=0) or judgement.is_worse(chosen, other, by=0)
    return "" if shown or isnan(gain.ci_low) else ", which may be chance"


def cost(world: Comparison) -> str:
    """Say the cost of the chosen strategy."""
    judgement = Judgement(world)
    if judgement.spent != COST:
        return f"Its cost: {number(judgement.cost(judgement.chosen))} publisher-seconds per run."
    found = world[judgement.chosen].interval(COST, world.confidence)
    decimals = figures.decimals_of(COST, found.half_width, found.mean)
    parts = [f"{label} {number(mean, decimals)}" for label, mean in parts_of(world, judgement.chosen).items()]
    if judgement.by == COST:
        return f"Its parts: {listed(parts)}."
    return f"Its cost: {figures.estimate(COST, found)} per run{f', {listed(parts)}' if len(parts) > 1 else ''}."


def parts_of(world: Comparison, strategy: str) -> dict[str, float]:
    """Return the mean of each part of a strategy's cost that has a price, by its label."""
    parts = world[strategy].mean_costs
    return {
        field.metadata["label"]: parts[field.name]
        for field in fields(Prices)
        if getattr(world.prices, field.name)
    }


# -- several worlds ----------------------------------------------------------------------------------------


class Choice(NamedTuple):
    """Which strategy to take in one of several worlds, as a row of a table."""

    strategy: str
    rate: Interval
    cost: Interval
    runner_up: str | None
    gain: Interval | None
    """The difference of on-time rates from the runner-up; of costs, if strategies are judged by costs."""
    meaning: str
    """A remark on the gain, such as that it may be chance; mostly empty."""
    price: str
    """The difference of costs from the runner-up in words; of rates, if strategies are judged by costs."""


def choice(judgement: Judgement) -> Choice:
    """Return the row of one world."""
    chosen, other = judgement.chosen, judgement.runner_up
    in_time, spent = (judgement.interval(chosen, metric) for metric in (ON_TIME_RATE, judgement.spent))
    if other is None:
        return Choice(chosen, in_time, spent, None, None, "", "")
    gain = judgement.difference(chosen, other)
    meaning = "" if gain.mean == gain.differing == 0 else _meaning(judgement, other).removeprefix(", ")
    return Choice(chosen, in_time, spent, other, gain.interval, meaning, _price(judgement, other))


def overall(judgements: Sequence[Judgement]) -> str:
    """Say in how many worlds which strategy is the one to take.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2c"], {"encoders": [5, 10]}, replications=20)
    >>> overall([Judgement(world) for world in study.worlds()])
    'Strategy 2c is the one to take in each of 2 worlds'
    """
    first, *_ = judgements
    if len(first.rates) == 1:
        return f"Strategy {first.chosen} was simulated alone, in {len(judgements)} worlds"
    (most, count), *others = Counter(judgement.chosen for judgement in judgements).most_common()
    told = [
        f"strategy {most} in {count} of {len(judgements)} worlds",
        *(f"{name} in {n}" for name, n in others),
    ]
    where = listed(told) if others else f"strategy {most} in each of {len(judgements)} worlds"
    if first.world.replications == 1:
        is_best = "the cheapest is" if first.by == COST else "the most is published by"
        return f"One replication shows no difference; in it, {is_best} {where}"
    if others:
        return f"It depends on the world which one to take: {where}"
    return f"Strategy {most} is the one to take in each of {len(judgements)} worlds"
