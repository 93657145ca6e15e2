"""How many replications it takes: until every mean is known as precisely as asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, nan
from typing import TYPE_CHECKING, Any, TypeVar

from tv2sim.errors import InputError
from tv2sim.metrics import as_metrics
from tv2sim.statistics import Interval, Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tv2sim.experiment.comparison import Comparison
    from tv2sim.experiment.replications import Replications

__all__ = ["Stopped", "as_precision", "until_precise"]

_FIRST = 100
"""Replications before the intervals are looked at for the first time."""
_GROWTH = 4
"""By how much their number grows at the most before they are looked at again."""

S = TypeVar("S", "Replications", "Comparison")


@dataclass(frozen=True)
class Stopped:
    """Why a study with a precision ended; ``str()`` is a sentence.

    Attributes
    ----------
    precision : Precision
        What was asked for.
    interval : Interval
        Of the mean that is furthest from it.
    replications : int
        How many were made.

    Examples
    --------
    >>> print(Stopped(Precision("published", absolute=0.1), Interval(152.3, 0.08, 152.22, 152.38), 900))
    the precision was met after 900 replications: published 152.3 ± 0.08, asked for ± 0.1
    """

    precision: Precision
    interval: Interval
    replications: int

    @property
    def met(self) -> bool:
        """Whether the precision was met; else the replications were used up."""
        return self.precision.is_met(self.interval)

    def __str__(self) -> str:
        return (
            f"{'the precision was met' if self.met else 'the budget ended'} after {self.replications} "
            f"replications: {self.precision.metric} {self.interval.mean:.6g} ± {self.interval.half_width:.2g}, "
            f"asked for ± {self.precision.target(self.interval.mean):.2g}"
        )


def as_precision(precision: object) -> Precision:
    """Return a precision whose metric exists, or raise an InputError."""
    if not isinstance(precision, Precision):
        raise InputError(f"precision must be a tv2sim.Precision, not {precision!r}")
    as_metrics(precision.metric)
    return precision


def until_precise(study: S, precision: Precision, budget: int, how: dict[str, Any]) -> S:
    """Extend a study until the precision is met in every cell, or there are `budget` replications."""
    intervals: list[Interval] = []
    done = 0
    while done < budget and not (intervals and all(map(precision.is_met, intervals))):
        more = _next_batch(precision, intervals, done, budget)
        study, done = study.extend(more, **how), done + more
        intervals = [reps.interval(precision.metric, precision.confidence) for reps in study.cells.values()]
    unmet = [interval for interval in intervals if not precision.is_met(interval)]
    widest = max(unmet or intervals, key=lambda interval: interval.half_width - precision.target(interval.mean))
    return replace(study, stopped=Stopped(precision, widest, done))


def _next_batch(precision: Precision, intervals: Sequence[Interval], done: int, budget: int) -> int:
    """Return how many more replications to make: half widths shrink with the root of their number."""
    if not intervals:
        return min(_FIRST, budget)
    needed = done
    for interval in intervals:
        target = precision.target(interval.mean)
        # unknown where the mean is 0, or nothing of the kind has happened so far
        factor = 1.05 * (interval.half_width / target) ** 2 if target > 0 else nan
        needed = max(needed, ceil(done * factor) if factor < _GROWTH else done * _GROWTH)
    return min(max(needed - done, _FIRST // 2), budget - done)
