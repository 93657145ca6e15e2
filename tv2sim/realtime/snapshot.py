"""A replay at one time, as plain data for views: other threads can read it, and JSON can hold it."""

from __future__ import annotations

from math import nan
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from tv2sim.realtime.clock import Speed

__all__ = [
    "UNDER_WAY", "Client", "Encoder", "Frame", "Happened", "Phase", "Pipeline", "Publisher", "Snapshot",
    "Waiting",
]  # fmt: skip

Phase: TypeAlias = Literal["waiting", "running", "finished", "stopped", "failed"]
"""The phase of a replay; "waiting" is for the first video of a feed."""
UNDER_WAY = ("waiting", "running")
"""The phases in which time passes and control has an effect."""


class Waiting(msgspec.Struct):
    """A video, as a view shows it."""

    row: int
    title: str
    provider: str
    encoding_time: float
    deadline: float
    """Simulated time by which it has to be published; NaN before its encoding starts."""


class Client(msgspec.Struct):
    """The client: the video that it offers now, since when, and how many it has offered."""

    video: Waiting | None
    since: float
    taken: int
    left: int | None
    """Videos that are not offered yet; None if more may come."""
    again: int = 0
    """Videos that were refused and will be offered again."""


class Encoder(msgspec.Struct):
    """An encoder: its video, if it holds one, and the start and the end of the encoding.

    It is blocked when the encoding has ended and the publishing queue is full, and down while it is repaired.
    """

    number: int
    video: Waiting | None = None
    start: float = nan
    end: float = nan
    blocked: bool = False
    down: bool = False


class Publisher(msgspec.Struct):
    """A publisher: its state ("starting", "ready" or "busy"), since when, and its video."""

    number: int
    state: str
    since: float
    video: Waiting | None = None


class Happened(msgspec.Struct):
    """A line of the event log, as a view shows it."""

    time: float
    event: str
    resource: str | None
    row: int | None
    title: str


class Pipeline(msgspec.Struct):
    """Everything that a view shows of the system. Lists have a limited length; the totals count all."""

    version: int
    client: Client
    encoders: list[Encoder]
    encoders_total: int
    encoders_busy: int
    encoders_blocked: int
    encoders_down: int
    interrupted: int
    """Videos that have lost their encoder and wait to be encoded again."""
    queue: list[Waiting]
    queue_total: int
    beside: list[Waiting]
    """Videos beside the queue, which wait for a publisher of their own."""
    beside_total: int
    publishers: list[Publisher]
    publishers_starting: int
    publishers_ready: int
    publishers_busy: int
    publishers_started: int
    stats: dict[str, int]
    settled: int
    """Videos that have an outcome."""
    further: dict[str, int]
    """Counters of the scenario that the stats line does not have."""
    on_time_rate: float | None
    published: list[Waiting]
    """The last ones, the latest first."""
    failed: list[Waiting]
    events: list[Happened]
    """The last ones, the latest first."""


class Snapshot(msgspec.Struct):
    """A replay at one time. Times are in simulated seconds, lags in wall seconds."""

    phase: Phase
    ending: str | None
    """Why the run ended; None before."""
    time: float
    speed: Speed
    paused: bool
    lag: float
    lag_max: float
    catalogue: str
    strategy: str
    strategy_in_words: str
    seed: int
    replication: int
    startup_mean: float
    """Mean start-up time of a publisher in the scenario."""
    until: float | None
    restartable: bool
    """Whether the replay can be played again."""
    pipeline: Pipeline


class Frame(NamedTuple):
    """A snapshot, and the rows of the levels that a viewer does not have."""

    snapshot: Snapshot
    names: list[str]
    """The names of the levels: the columns of `rows` after the time."""
    generation: int
    """How often rows were left out: if it has changed, the rows that a viewer has are out of date."""
    start: int
    """The index of the first of `rows`; the last row that was sent may have changed."""
    rows: list[tuple[float, ...]]
