"""When videos are encoded, which publishers cannot change as long as the publishing queue has room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.errors import ScenarioError
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.engines.choice import engine_for, simulate_one
from tv2sim.world.distributions import EXTREMES, Constant
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.results.facts import Facts
    from tv2sim.theory.conditions import Asked

__all__ = ["Timetable", "may_be_full", "slowest_run", "timetable"]


@dataclass(frozen=True, eq=False)
class Timetable:
    """What is the same in all replications: ticks, by video.

    Attributes
    ----------
    started, encoded : numpy.ndarray
        When its encoding starts and ends.
    deadline : numpy.ndarray
        The last moment at which a publisher may take it.
    order : numpy.ndarray
        The videos in the order in which they are encoded.
    """

    started: NDArray[np.float64]
    encoded: NDArray[np.float64]
    deadline: NDArray[np.float64]

    @property
    def order(self) -> NDArray[np.int64]:
        """The videos in the order in which they are encoded."""
        # of those that end at the same time, one that takes no time starts when the others have ended
        return np.lexsort((self.started == self.encoded, self.encoded))

    @property
    def too_long(self) -> NDArray[np.bool_]:
        """Which videos are late although a publisher takes them as soon as they are encoded."""
        return self.encoded > self.deadline


def timetable(asked: Asked) -> Timetable:
    """Return the times of the encodings.

    They are those of the run with the longest start-ups: if the queue is never full in it, then it never is.

    Raises
    ------
    ScenarioError
        If the queue may become full, so that encoders have to wait for publishers.
    """
    scenario = asked.scenario
    longest = float(scenario.startup_time.quantile(EXTREMES)[1])
    facts = slowest_run(asked, longest).videos
    room = scenario.publishing_queue_capacity
    if may_be_full(asked) and (scenario.faults.startup or not (facts["queued"] <= facts["encoded"]).all()):
        raise ScenarioError(
            f"{asked.formula} does not cover a queue that may become full, publishing_queue_capacity={room}: "
            f"leave it unlimited with publishing_queue_capacity=None, or simulate it instead"
        )
    started, encoded = facts["encoding_started"], facts["encoded"]
    return Timetable(
        started, encoded, started + whole_ticks(asked.catalogue.publication_timeout) - _held(asked)
    )


def may_be_full(asked: Asked) -> bool:
    """Return whether the publishing queue has less room than there are videos for it."""
    scenario, room = asked.scenario, asked.scenario.publishing_queue_capacity
    return asked.shares and scenario.encoders is not None and room is not None and room < len(asked.catalogue)


def slowest_run(asked: Asked, startup: float) -> Facts:
    """Simulate the run in which each start-up takes so many seconds, and none fails."""
    catalogue, strategy = asked.catalogue, asked.strategy
    scenario = asked.scenario.replace(startup_time=Constant(startup), faults=Faults())
    engine = engine_for("auto", catalogue, strategy, scenario, 1)
    return simulate_one(engine, catalogue, strategy, scenario, 0, 0)


def _held(asked: Asked) -> NDArray[np.float64] | float:
    """Return the ticks of publishing that are held against each video's timeout."""
    scenario, given = asked.scenario, asked.catalogue.publishing_time
    if scenario.deadline == "assigned":
        return 0.0
    usual = scenario.publishing_time
    held = np.full(len(asked.catalogue), to_ticks(usual) if isinstance(usual, float) else np.nan)
    return held if given is None else np.where(np.isnan(given), held, whole_ticks(given))
