"""Which strategy to take in one world, and how sure that is, as values; `conclusions` has the words."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from math import comb

import numpy as np

from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.inference.intervals import Difference, Interval
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE, hypothesis_of


def cost_of(study: Comparison) -> str:
    """Return the metric by which strategies are cheap: the cost if there are prices, else publisher-seconds."""
    return COST if study.prices else "publisher_seconds"


class Judgement:
    """The strategies of one world, judged by their on-time rates and what they cost, or by their costs alone.

    The costs alone say all if failed videos have a price.

    The best and the cheapest are picked from the results, so that any pair could have been looked at:
    statements on pairs are adjusted after Bonferroni for all pairs, hypotheses and worlds of the comparison.
    They are at least as strict as Holm's adjustment in the table of differences for any baseline. A difference
    that is no larger than the comparison's margin does not matter.

    Parameters
    ----------
    world : Comparison
        A comparison of one catalogue in one scenario, or a part of a larger one.
    taken : str, optional
        The name of the strategy that is chosen, if that is known, such as by a plan.

    Attributes
    ----------
    by : str
        The metric that they are judged by.
    spent : str
        The metric by which they are cheap.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a", "2c", "2c:20"], replications=50)
    >>> judgement = Judgement(study)
    >>> judgement.best, judgement.chosen, judgement.runner_up
    ('2c:20', '2c:20', '2c')
    >>> judgement = Judgement(study.priced(tv.Prices(ready=0.02, failed=2)))
    >>> judgement.by, judgement.chosen, judgement.undecided, judgement.worse
    ('cost', '2c', [], ['1', '2a', '2c:20'])
    """

    def __init__(self, world: Comparison, taken: str | None = None) -> None:
        self.world, self.taken, self.spent = world, taken, cost_of(world)
        self.by = COST if world.prices and world.prices.failed else ON_TIME_RATE
        self.margin = world.margin if self.by == ON_TIME_RATE else 0.0
        self.rates = {name: self._mean(name, ON_TIME_RATE) for name in world.strategies}

    def _mean(self, strategy: str, metric: str) -> float:
        return self.world[strategy].mean(metric)

    def cost(self, strategy: str) -> float:
        """Return the mean cost of a run: at the prices if there are any, else in publisher-seconds."""
        return self._mean(strategy, self.spent)

    def _merit(self, strategy: str) -> float:
        """Return the mean by which they are judged, such that more is better."""
        return self.rates[strategy] if self.by == ON_TIME_RATE else -self.cost(strategy)

    @cached_property
    def best(self) -> str:
        """The strategy with the highest mean on-time rate, or the least mean cost; at a tie by the other."""
        return max(self.rates, key=lambda name: (self._merit(name), -self.cost(name), self.rates[name]))

    @cached_property
    def chosen(self) -> str:
        """The cheapest strategy that is not shown to be worse than the best by more than the margin.

        One replication shows nothing: the best is chosen. A strategy that a plan has chosen stays chosen.
        """
        if self.taken is not None:
            return self.taken
        if self.world.replications == 1:
            return self.best
        return min(
            (name for name in self.rates if not self.is_worse(name, self.best)),
            key=lambda name: (self.cost(name), -self.rates[name]),
        )

    @cached_property
    def runner_up(self) -> str | None:
        """The strategy with the best mean besides the chosen one."""
        others = [name for name in self.rates if name != self.chosen]
        return max(others, key=self._merit, default=None)

    @cached_property
    def error_rate(self) -> float:
        """The error rate of each statement on a pair, with which all together have 1 - confidence."""
        worlds = (self.world.whole or self.world).worlds()
        settings = [reps.setting for reps in self.world.strategies.values()]
        hypotheses = {hypothesis_of(metric, settings) for metric in self.world.metrics}
        return (1 - self.world.confidence) / (len(worlds) * len(hypotheses) * max(1, comb(len(self.rates), 2)))

    def difference(self, strategy: str, other: str, metric: str | None = None) -> Difference:
        """Return the paired difference of two strategies, with an interval that is adjusted for all pairs.

        The metric is the one that strategies are judged by, unless another is given.
        """
        return self.world[strategy].less(self.world[other], metric or self.by, 1 - self.error_rate)

    def is_worse(self, strategy: str, other: str, by: float | None = None) -> bool:
        """Return whether a strategy is shown to publish less in time, by more than the margin, or than `by`.

        Or, if they are judged by their costs, to be dearer. Interval and test have to agree: where few
        replications differ, they are not the same method.
        """
        if strategy == other:
            return False
        pair = (other, strategy) if METRICS[self.by].better == "more" else (strategy, other)
        gain = self.difference(*pair)
        return gain.ci_low > (self.margin if by is None else by) and not gain.p_value >= self.error_rate

    @property
    def worse(self) -> list[str]:
        """The strategies that are shown to be worse than the chosen one."""
        return [name for name in self.rates if self.is_worse(name, self.chosen)]

    @property
    def better(self) -> list[str]:
        """The strategies that are shown to be better than the chosen one, though the best is not."""
        return [name for name in self.rates if self.is_worse(self.chosen, name)]

    @property
    def undecided(self) -> list[str]:
        """The other strategies, for which no difference from the chosen one is shown, or none that matters."""
        return [name for name in self.rates if name not in (self.chosen, *self.worse, *self.better)]

    @property
    def doubtful(self) -> list[str]:
        """The strategies that are shown to be worse or better, which other start-up times may change.

        The wider interval of the difference, which is adjusted for nothing, holds 0.
        """
        if self.world.resamples is None:
            return []
        return [name for name in (*self.worse, *self.better) if _holds_0(self.wider(name))]

    def wider(self, other: str | None = None) -> Interval:
        """Return the wider interval of the deciding metric: of the chosen strategy, or of a difference from it.

        It holds the uncertainty of measured start-up times; see :meth:`Replications.input_interval`.
        """
        less = None if other is None else self.world[other]
        return self.world[self.chosen].input_interval(self.by, self.world.confidence, less=less)

    def interval(self, strategy: str, metric: str) -> Interval:
        """Return the mean of a metric.

        The interval of the deciding metric holds for a strategy that was picked among all.
        """
        error_rate = (1 - self.world.confidence) / (len(self.rates) if metric == self.by else 1)
        return self.world[strategy].interval(metric, 1 - error_rate)


def dominated(several: Collection[Replications], confidence: float = 0.95, cost: str = "idle") -> list[bool]:
    """Return for each strategy whether it is dominated by another one.

    The other strategy is shown to have a higher on-time rate or a lower cost, and its mean of the other metric
    is not worse. Intervals are adjusted after Bonferroni for all pairs and both metrics.
    """
    level = 1 - (1 - confidence) / max(1, 2 * comb(len(several), 2))

    def dominates(one: Replications, other: Replications) -> bool:
        rate, price = (one.less(other, metric, level) for metric in (ON_TIME_RATE, cost))
        no_worse = rate.mean >= 0 >= price.mean
        return no_worse and (_is_above_0(rate) or _is_above_0(_turned(price)))

    return [any(one is not other and dominates(other, one) for other in several) for one in several]


def _holds_0(interval: Interval) -> bool:
    return interval.ci_low <= 0 <= interval.ci_high


def is_shown(difference: Difference) -> bool:
    """Return whether a difference is shown to be other than 0."""
    return _is_above_0(difference) or _is_above_0(_turned(difference))


def _is_above_0(difference: Difference) -> bool:
    """Return whether a difference is shown to be above 0."""
    if np.isnan(difference.ci_low):  # too few replications differ for an interval
        return difference.mean > 0 and difference.differing == 0 and difference.n > 1
    return difference.ci_low > 0


def _turned(difference: Difference) -> Difference:
    return difference._replace(mean=-difference.mean, ci_low=-difference.ci_high, ci_high=-difference.ci_low)
