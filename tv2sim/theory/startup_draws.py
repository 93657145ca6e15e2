"""The start-up times that replications draw, as the engines do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.base.ticks import to_ticks
from tv2sim.world.distributions import drawn_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.world.scenario import Scenario

__all__ = ["FOR_VIDEOS", "OF_SLOTS", "drawn_startups"]

OF_SLOTS = Purpose.STARTUP_OF_SLOT, Purpose.STARTUP_FAILURE_OF_SLOT
FOR_VIDEOS = Purpose.STARTUP_FOR_VIDEO, Purpose.STARTUP_FAILURE_FOR_VIDEO


def drawn_startups(
    scenario: Scenario, origin: tuple[Purpose, Purpose], seed: int, replications: range, count: int
) -> NDArray[np.float64]:
    """Return the ticks from the first start for each slot or video until a start-up has succeeded.

    There is a row for each replication.
    """
    times, chances = origin
    found = _times(scenario, times, seed, replications, count, 0)
    failed = _fail(scenario, chances, seed, replications, count, 0)
    between = to_ticks(scenario.faults.noticed_after) + to_ticks(scenario.provisioning_delay)
    further = 1
    while failed.any():
        found[failed] += between + _times(scenario, times, seed, replications, count, further)[failed]
        failed &= _fail(scenario, chances, seed, replications, count, further)
        further += 1
    return found


def _times(
    scenario: Scenario, purpose: Purpose, seed: int, replications: range, count: int, further: int
) -> NDArray[np.float64]:
    u = _uniforms(seed, purpose, replications, count, further)
    return drawn_ticks(scenario.startup_time, u.ravel()).reshape(u.shape)


def _fail(
    scenario: Scenario, purpose: Purpose, seed: int, replications: range, count: int, further: int
) -> NDArray[np.bool_]:
    if not scenario.faults.startup:
        return np.zeros((len(replications), count), dtype=np.bool_)
    return _uniforms(seed, purpose, replications, count, further) < scenario.faults.startup


def _uniforms(
    seed: int, purpose: Purpose, replications: range, count: int, further: int
) -> NDArray[np.float64]:
    if "tv2sim.engines.kernel" in sys.modules:  # else loading it would take longer than to draw without it
        from tv2sim.engines.kernel.philox import draw_uniforms

        return draw_uniforms(seed, purpose, replications, count, further)
    rows = [uniforms(seed, purpose, replication, count, further=further) for replication in replications]
    return np.array(rows).reshape(len(replications), count)
