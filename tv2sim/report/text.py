"""What a comparison says, in sentences: the verdict of each world."""

from __future__ import annotations

from dataclasses import replace
from math import comb, isnan
from typing import TYPE_CHECKING, NamedTuple

from tv2sim.metrics import ON_TIME_RATE
from tv2sim.numbers import listed, number, points, span, with_span
from tv2sim.statistics import Interval, paired_difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from tv2sim.catalogue import Catalogue
    from tv2sim.experiment import Comparison, Replications
    from tv2sim.scenario import Scenario

__all__ = ["World", "best_of", "cost", "judged", "verdict", "worlds"]


class World(NamedTuple):
    """One catalogue in one scenario: what the strategies of a comparison are compared in."""

    catalogue_name: str
    scenario_name: str
    study: Comparison
    """The cells of this world alone; its differences are those of the whole comparison."""
    worlds: int
    """How many worlds the whole comparison has."""

    @property
    def strategies(self) -> dict[str, Replications]:
        """The replications by strategy."""
        return {cell.strategy: reps for cell, reps in self.study.cells.items()}

    @property
    def baseline(self) -> Replications:
        """The replications of the baseline."""
        return self.strategies[self.study.baseline]

    @property
    def catalogue(self) -> Catalogue:
        """What is published."""
        return self.baseline.catalogue

    @property
    def scenario(self) -> Scenario:
        """Where."""
        return self.baseline.scenario

    @property
    def name(self) -> str:
        """What to call it where there are several."""
        return f"{self.catalogue_name}, {self.scenario_name}"

    def difference(self, strategy: str, metric: str) -> pd.Series | None:
        """Return the row of a strategy and a figure in the table of differences, if there is one."""
        table = self.study.differences
        rows = table[(table["strategy"] == strategy) & (table["metric"] == metric)]
        return rows.iloc[0] if len(rows) else None


def judged(study: Comparison) -> Comparison:
    """Return the comparison with the on-time rate among its metrics, since the verdict rests on it."""
    if ON_TIME_RATE in study.metrics:
        return study
    metrics = (*study.metrics, ON_TIME_RATE)
    cells = {cell: replace(reps, metrics=metrics) for cell, reps in study.cells.items()}
    return replace(study, cells=cells, whole=study.whole and judged(study.whole))


def worlds(study: Comparison) -> list[World]:
    """Take a comparison apart, a world for each catalogue and scenario.

    A world's differences are rows of the whole table, so that its p-values are adjusted for all of them.
    """
    parts = study.worlds()
    return [World(*next(iter(part.cells))[:2], part, len(parts)) for part in parts]


def interval_of(row: pd.Series) -> Interval:
    """Return the interval in a row of the table of differences."""
    return Interval(*(float(row[name]) for name in Interval._fields))


# -- the verdict -------------------------------------------------------------------------------------------


def verdict(world: World) -> str:
    """Say in a sentence or two which strategy publishes most in time, by how much, and how sure that is."""
    strategies, baseline = world.strategies, world.study.baseline
    best = best_of(world)
    says = f"Strategy {best} publishes {_rate_of(world, best, ' of videos in time')}"
    if len(strategies) == 1:
        return f"{says}. Nothing else was simulated to compare it with."
    if best == baseline:
        return f"{says}, and no other strategy is shown to publish more. {_others(world)}".strip()
    row = world.difference(best, ON_TIME_RATE)
    assert row is not None
    gain = interval_of(row)
    if row["verdict"] == "better":
        usual = number(100 * float(strategies[baseline].values(ON_TIME_RATE).mean()), 1)
        return (
            f"{says}, {points(gain)} more ({_bounds(gain)}) than strategy {baseline}, which publishes "
            f"{usual} %. "
            f"{_against_others(world, best)}"
        ).strip()
    return (
        f"No strategy is shown to publish more videos in time than strategy {baseline}, which publishes "
        f"{_rate_of(world, baseline)}. The highest rate was observed with {best}, "
        f"{_rate_of(world, best)}, but its difference from {baseline}, {_bounds(gain)}, may be chance. "
        f"{_worse(world)}"
    ).strip()


def _rate_of(world: World, strategy: str, after: str = "") -> str:
    confidence = world.study.confidence
    text = with_span(ON_TIME_RATE, world.strategies[strategy].interval(ON_TIME_RATE, confidence), confidence)
    share, _, rest = text.partition(" %")
    return f"{share} %{after}{rest}"


def _bounds(interval: Interval) -> str:
    return "no interval" if isnan(interval.half_width) else span(ON_TIME_RATE, interval, difference=True)


def best_of(world: World) -> str:
    """Return the strategy with the highest mean rate of those not shown to be worse; at a tie the baseline."""
    baseline = world.study.baseline
    candidates = [baseline]
    for name in world.strategies:
        row = world.difference(name, ON_TIME_RATE)
        if row is not None and row["verdict"] != "worse":
            candidates.append(name)
    return max(candidates, key=lambda name: float(world.strategies[name].values(ON_TIME_RATE).mean()))


def _against_others(world: World, best: str) -> str:
    """Say which other strategies the best one is shown to beat, judged over all pairs since it was picked."""
    shown: list[str] = []
    open_: list[str] = []
    for other, is_better in _beaten(world, best):
        if other != world.study.baseline:
            (shown if is_better else open_).append(other)
    sentences = []
    if shown:
        sentences.append(f"It is also shown to publish more than {listed(shown)}.")
    if open_:
        sentences.append(f"Whether it publishes more than {listed(open_)} is not shown.")
    return " ".join(sentences)


def _beaten(world: World, best: str) -> Iterator[tuple[str, bool]]:
    """Say of each other strategy whether the best is shown to publish more.

    The best was picked, and any pair might have been looked at, so p-values are adjusted after Bonferroni for
    all pairs, in all figures and all worlds. That family holds the table of differences whatever its baseline,
    and the adjustment is no milder than Holm's: nothing is claimed here that such a table would deny.
    """
    rates = {name: reps.values(ON_TIME_RATE) for name, reps in world.strategies.items()}
    family = world.worlds * len(world.study.metrics) * comb(len(rates), 2)
    for other in rates:
        if other != best:
            found = paired_difference(rates[best], rates[other])
            yield other, found.mean > 0 and family * found.p_value < 1 - world.study.confidence


def _worse(world: World) -> str:
    names = [name for name in world.strategies if _verdict_of(world, name) == "worse"]
    return f"Shown to publish less: {listed(names)}." if names else ""


def _others(world: World) -> str:
    """Say, where the baseline is best, what is known of the others."""
    same = []
    for name in world.strategies:
        row = world.difference(name, ON_TIME_RATE)
        if row is not None and row["verdict"] != "worse":
            gain = interval_of(row)
            exactly = gain.mean == 0 and gain.half_width == 0
            same.append(f"{name} ({'the same in every replication' if exactly else _bounds(gain)})")
    undecided = f"No difference is shown for {listed(same)}." if same else ""
    return f"{_worse(world)} {undecided}".strip()


def _verdict_of(world: World, strategy: str) -> str:
    row = world.difference(strategy, ON_TIME_RATE)
    return "" if row is None else str(row["verdict"])


def cost(world: World) -> str:
    """Say what the best strategy costs, compared with the baseline; nothing if it is the baseline."""
    best, baseline = best_of(world), world.study.baseline
    if best == baseline:
        return ""
    price, usual = (
        float(world.strategies[name].values("publisher_seconds").mean()) for name in (best, baseline)
    )
    if usual <= 0:
        return ""
    more = price - usual
    share = number(abs(100 * more / usual))
    return (
        f"Its cost: {number(price)} publisher-seconds per run, {number(abs(more))} "
        f"{'more' if more >= 0 else 'less'} "
        f"than strategy {baseline} ({'+' if more >= 0 else '−'}{share} %)."
    )
