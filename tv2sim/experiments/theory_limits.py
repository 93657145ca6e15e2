"""What theory knows of a candidate before anything is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.inference.intervals import Interval
from tv2sim.theory.conditions import if_covered
from tv2sim.theory.queueing import advance_order, certificate, failed_at_most, failed_bound, on_time_probability
from tv2sim.world.distributions import Distribution

if TYPE_CHECKING:
    from tv2sim.experiments.candidates import Candidate
    from tv2sim.theory.queueing import FailedBound

__all__ = ["Exact", "at_least", "at_most", "never_on_time"]


@dataclass(frozen=True)
class Exact:
    """Bounds of an on-time rate that hold for certain.

    Attributes
    ----------
    low, high : float
        The on-time rate lies between them.
    by : str
        What knows it: "theory", "bound", "certificate", or nothing.
    bound : FailedBound or None
        What counts in each replication the videos that must fail.
    may_fail : bool
        Whether it is proven that the rate is less than 1.
    """

    low: float
    high: float
    by: str = ""
    bound: FailedBound | None = None
    may_fail: bool = False

    @property
    def rate(self) -> Interval:
        """The bounds as an interval, with a mean if the rate itself is known but for the arithmetic's error."""
        half_width = (self.high - self.low) / 2
        mean = self.low + half_width if self.by == "theory" else nan
        return Interval(mean, half_width, self.low, self.high, 0)


def at_most(candidate: Candidate) -> Exact:
    """Return what is known at once: the rate itself, or else its upper bound."""
    asked = candidate.catalogue, candidate.strategy, candidate.scenario
    videos = len(candidate.catalogue)
    for formula in (on_time_probability, advance_order):
        if (found := if_covered(lambda: formula(*asked))) is not None:  # noqa: B023 (it is called at once)
            rate = found.published / videos
            return Exact(max(0.0, rate - found.error), min(1.0, rate + found.error), "theory")
    if (bound := if_covered(lambda: failed_bound(*asked))) is not None:
        return Exact(0.0, 1 - max(0.0, bound.failed / videos - bound.error), "bound", bound)
    return Exact(0.0, 1 - never_on_time(candidate) / videos, "timeout")


def at_least(candidate: Candidate) -> Exact:
    """Return the lower bound of the rate, which takes longer to find."""
    asked = candidate.catalogue, candidate.strategy, candidate.scenario
    certified = if_covered(lambda: certificate(*asked))
    if certified:
        return Exact(1.0, 1.0, "certificate")
    failed = if_covered(lambda: failed_at_most(*asked))
    low = 0.0 if failed is None else 1 - failed / len(candidate.catalogue)
    # start-up times are independent, and each may be as close to its upper end as it takes
    return Exact(low, 1.0, "bound", may_fail=certified is not None)


def never_on_time(candidate: Candidate) -> int:
    """Return how many videos take longer to encode than their timeout, under any strategy."""
    catalogue, scenario = candidate.catalogue, candidate.scenario
    factor = 1.0 if scenario.encoding_factor is None else scenario.encoding_factor
    if scenario.encoders is None or isinstance(factor, Distribution):
        return 0
    fastest = max(scenario.encoders) if isinstance(scenario.encoders, tuple) else 1.0
    encoding = catalogue.encoding_time * factor / fastest
    return int(np.count_nonzero(encoding > catalogue.publication_timeout + 1e-6))
