"""Intervals of costs: failed videos may be rare and dear, so they have an interval of their own in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tv2sim.experiments.control_variate import less_known
from tv2sim.inference.intervals import (
    Difference,
    Interval,
    mean_interval,
    mean_of_sum,
    paired_difference,
    paired_sum,
)
from tv2sim.results.metrics import METRICS, total
from tv2sim.world.prices import Prices, needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.experiments.replications import Replications

__all__ = ["cost_difference", "cost_interval"]

Estimate = TypeVar("Estimate", Interval, Difference)


def cost_interval(reps: Replications, confidence: float, first: int | None) -> Interval:
    """Return the mean cost of a run with its interval, over all replications or the first few."""
    prices = needed(reps.prices)
    unit, (publishers, failed) = _unit(prices), _parts(reps, first)
    if not prices.failed:
        return _times(unit, mean_interval(publishers, confidence))
    low, high = METRICS["failed"].limits(len(reps.catalogue))
    size, known = prices.failed / unit, {}
    if (control := reps.used_control("failed")) and len(failed) > 1:
        failed = control.others(failed)
        known = {"shift": size * control.mean, "error": size * control.error}
    return _times(unit, mean_of_sum(publishers, failed, size, confidence, low=low, high=high, **known))


def cost_difference(
    one: Replications, other: Replications, confidence: float, first: int | None = None
) -> Difference:
    """Return the mean cost of a run less that of others at the same prices, paired, of all or the first few."""
    prices = needed(one.prices)
    unit, parts, others = _unit(prices), _parts(one, first), _parts(other, first)
    if not prices.failed:
        return _times(unit, paired_difference(parts[0], others[0], confidence))
    size, known = prices.failed / unit, {}
    control, base = one.used_control("failed"), other.used_control("failed")
    if control and base and len(parts[1]) > 1:
        parts, others = (parts[0], control.others(parts[1])), (others[0], base.others(others[1]))
        known = {"shift": size * less_known(control, base), "error": size * (control.error + base.error)}
    return _times(unit, paired_sum(parts, others, size, confidence, **known))


def _unit(prices: Prices) -> float:
    """Return the lowest price: in units of it a cost is about a number of seconds or of publishers."""
    unit: float = min(price for price in vars(prices).values() if price)
    return unit


def _parts(reps: Replications, first: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what publishers cost, in units of the lowest price, and how many videos failed."""
    prices = needed(reps.prices)
    publishers = total({name: part for name, part in reps.parts_of_cost.items() if name != "failed"})
    failed = reps.values("failed") if prices.failed else np.zeros(len(reps))
    return publishers[:first] / _unit(prices), failed[:first]


def _times(unit: float, estimate: Estimate) -> Estimate:
    """Return an estimate in units of 1."""
    names = ("mean", "half_width", "ci_low", "ci_high")
    ends = estimate.between
    between = None if ends is None else (unit * ends[0], unit * ends[1])
    return estimate._replace(**{name: unit * getattr(estimate, name) for name in names}, between=between)
