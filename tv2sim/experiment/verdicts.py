"""What a paired difference shows."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from tv2sim.experiment.cells import Cell
from tv2sim.metrics import METRICS
from tv2sim.statistics import Difference, Interval

__all__ = ["Compared", "Verdict", "verdict_on"]


class Verdict(StrEnum):
    """What is shown of a strategy, compared with the baseline in one metric."""

    BETTER = "better"
    WORSE = "worse"
    HIGHER = "higher"
    """Where neither direction is the better one."""
    LOWER = "lower"
    UNDECIDED = "no difference shown"


class Compared(NamedTuple):
    """A strategy compared with the baseline of its world in one metric."""

    cell: Cell
    metric: str
    difference: Difference
    """Strategy less baseline, paired by replication."""
    p_adjusted: float
    """The p-value after Holm's adjustment for all comparisons of the study."""
    verdict: Verdict

    @property
    def interval(self) -> Interval:
        """The mean of the difference with its interval."""
        return Interval(*self.difference[:4])

    @property
    def is_same(self) -> bool:
        """Whether the values are the same in every replication."""
        return self.difference.mean == 0 and self.difference.half_width == 0


def verdict_on(metric: str, difference: float, *, significant: bool) -> Verdict:
    """Return what a mean difference in a metric says.

    >>> verdict_on("failed", -2.0, significant=True).value
    'better'
    """
    better = METRICS[metric].better
    if not significant:
        return Verdict.UNDECIDED
    if better is None:
        return Verdict.HIGHER if difference > 0 else Verdict.LOWER
    return Verdict.BETTER if (difference > 0) == (better == "more") else Verdict.WORSE
