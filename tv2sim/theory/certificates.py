"""Proofs that no video can fail, from one run in which every start-up takes as long as it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import plural, shown
from tv2sim.base.ticks import PER_SECOND
from tv2sim.theory.conditions import BOUNDED, FIFO, asked, longest_startup, refuse
from tv2sim.theory.timetable import slowest_run, timetable

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["Certificate", "certificate"]


@dataclass(frozen=True)
class Certificate:
    """Whether it is proven that no video can fail; ``str()`` of it is a sentence.

    Attributes
    ----------
    strategy : str
        The name of the strategy.
    startup_time : float
        The longest start-up time, in seconds.
    failed : int
        How many videos fail if every start-up takes that long.
    video : int or None
        The row of the first one of them.
    id : str or None
        Its id.
    late : float
        The seconds by which it is late. If no video fails, it is 0 or less: the latest video has so much left.
    """

    strategy: str
    startup_time: float
    failed: int
    video: int | None
    id: str | None
    late: float

    @property
    def holds(self) -> bool:
        """Whether it is proven."""
        return self.failed == 0

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        slowest = f"if every start-up takes {self.startup_time:g} s"
        if self.holds:
            spare = f"each is in time even {slowest}, the latest with {abs(self.late):g} s left"
            return f"under {self.strategy} no video can fail: {spare}"
        fail = f"{plural(self.failed, 'video')} {'fails' if self.failed == 1 else 'fail'}"
        return (
            f"under {self.strategy} it is not proven that no video can fail: {slowest}, {fail}, "
            f"the first of them {shown(self.id, 60)}, {self.late:g} s late"
        )


def certificate(
    catalogue: Catalogue | Any, strategy: Strategy | str, scenario: Scenario | None = None
) -> Certificate:
    """Return whether it is proven that no video can fail, in any replication.

    One run is simulated, in which every start-up takes as long as it can. If a publisher is ready earlier, then
    no video gets its publisher later: with first in, first out, all times are sums, maxima and minima of
    start-up times (Kiefer and Wolfowitz 1955). So a run without a failure proves that the probability of one is
    0. A run with failures proves nothing; where start-up times are independent and may all be close to their
    upper end, it shows that failures are possible.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        Publishers of a video's own, a pool of one size that is first in, first out, or both.
    scenario : Scenario, optional
        The system. Nothing but start-up times may be drawn, which must have an upper end, nothing may fail, and
        the publishing queue must not become full.

    Returns
    -------
    Certificate
        Whether it is proven, and which video fails first if not.

    Raises
    ------
    StrategyError, ScenarioError
        If there is no such proof for the strategy or the scenario.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> warm = tv.PART_2C.replace(name="a warm pool of 14", prewarmed=14, ready_at_start=True)
    >>> print(tv.queueing.certificate(catalogue, warm))
    under a warm pool of 14 no video can fail: each is in time even if every start-up takes 6 s, the latest
    with 0 s left
    >>> print(tv.queueing.certificate(catalogue, warm.replace(name="a warm pool of 13", prewarmed=13)))
    under a warm pool of 13 it is not proven that no video can fail: if every start-up takes 6 s, 1 video
    fails, the first of them '476930ba-3d33-47bd-8a41-0c56e0f1a640', 0.5 s late
    """
    given = asked("certificate", catalogue, strategy, scenario, *FIFO)
    refuse(given, BOUNDED)
    longest = longest_startup(given.scenario)
    late = slowest_run(given, longest).videos["assigned"] - timetable(given).deadline
    fail = np.flatnonzero(late > 0).tolist()
    video = fail[0] if fail else None
    return Certificate(
        given.strategy.name,
        longest,
        len(fail),
        video,
        None if video is None else given.catalogue.ids[video],
        float(late.max(initial=-np.inf) if video is None else late[video]) / PER_SECOND,
    )
