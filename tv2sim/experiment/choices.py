"""What can be chosen for an experiment: figures, and how exact it should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, nan

from tv2sim.errors import InputError
from tv2sim.figures import METRICS
from tv2sim.statistics import Interval, Precision
from tv2sim.validation import one_of

__all__ = ["ALL_METRICS", "as_metrics", "as_precision", "next_batch", "reason"]

ALL_METRICS = (*METRICS, "any_failure")
"""The figures of a run, and whether any video of the replication was not published in time."""

_FIRST = 100
"""Replications before a precision is looked at for the first time."""
_GROWTH = 4
"""By how much their number grows at the most before it is looked at again."""


def next_batch(precision: Precision, intervals: Sequence[Interval], done: int, budget: int) -> int:
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


def reason(precision: Precision, interval: Interval, done: int) -> str:
    """Say why it ended with so many replications."""
    met = precision.is_met(interval)
    return (
        f"{'the precision was met' if met else 'the budget ended'} after {done} replications: "
        f"{precision.metric} {interval.mean:.6g} ± {interval.half_width:.2g}, "
        f"asked for ± {precision.target(interval.mean):.2g}"
    )


def as_metrics(metrics: object) -> tuple[str, ...]:
    """Return the names of the figures that were asked for.

    Raises
    ------
    InputError
        If one is unknown, naming those that there are; or if there is none, or one twice.
    """
    if isinstance(metrics, str) and metrics == "all":
        return ALL_METRICS
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics) if isinstance(metrics, Iterable) else ()
    if not names:
        known = ", ".join(map(repr, ALL_METRICS))
        raise InputError(f"metrics must be 'all' or names of figures, of {known}, not {metrics!r}")
    for name in names:
        one_of("a metric", name, ALL_METRICS, error=InputError)
        if names.count(name) > 1:
            raise InputError(f"metrics names {name!r} twice")
    return names


def as_precision(precision: object) -> Precision:
    """Return a precision whose metric there is, or raise an InputError."""
    if not isinstance(precision, Precision):
        raise InputError(f"precision must be a tv2sim.Precision, not {precision!r}")
    as_metrics(precision.metric)
    return precision
