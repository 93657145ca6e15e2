"""A replay at one moment: what every view shows."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tv2sim.realtime.clock import Speed
from tv2sim.realtime.pipeline import Pipeline

__all__ = ["Phase", "Snapshot"]

Phase: TypeAlias = Literal["waiting", "running", "finished", "stopped", "failed"]
"""Waiting: for the first video of a feed."""


class Snapshot(msgspec.Struct):
    """Times are in simulated seconds, lags in wall seconds."""

    phase: Phase
    ending: str | None
    """Of a run that is over: "completed", "cut-off", "no publisher will come" or "stopped"."""
    time: float
    speed: Speed
    paused: bool
    lag: float
    lag_max: float
    catalogue: str
    strategy: str
    seed: int
    replication: int
    startup_mean: float
    """Mean start-up time of a publisher in the scenario."""
    until: float | None
    pipeline: Pipeline
