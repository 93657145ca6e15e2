"""The strategies that have names: the four parts of the original, and others.

The constants of the others are chosen by ``python -m tests.benchmarks.tuning`` on generated catalogues.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from tv2sim.strategies.lead import Lead
from tv2sim.strategies.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ADAPTIVE", "ADVANCE", "COVERAGE", "JUST_IN_TIME", "PART_1", "PART_2A", "PART_2B", "PART_2C", "SLACK_AWARE",
    "STRATEGIES",
]  # fmt: skip

PART_1 = Strategy("1", starts_on="encoded", dedicated=True)
"""A publisher for each video, started when its encoding ends."""

PART_2A = Strategy("2a", starts_on="encoding_started", dedicated=True)
"""A publisher for each video, started when its encoding starts."""

PART_2B = Strategy("2b", starts_on="queued", dedicated=True)
"""A publisher for each video, started when it reaches the publishing stage."""

PART_2C = Strategy("2c", prewarmed=10)
"""A pool of 10 publishers started at time 0; each one that takes a video is replaced."""

ADVANCE = Strategy(
    "advance", starts_on="encoding_started", prewarmed=2, queue_order="deadline", dispatch="end_of_instant"
)
"""A publisher for the pool at the start of each encoding, beside a small stock; the nearest deadline first."""

JUST_IN_TIME = ADVANCE.replace(name="just in time", lead=Lead(quantile=0.75))
"""The same, with publishers that start so late that three of four are ready by the end of the encoding."""

SLACK_AWARE = Strategy(
    "slack aware", dedicated_from=1, lead=Lead(quantile=0.9), prewarmed=5, queue_order="deadline"
)
"""Own publishers for videos that can wait for them, and a pool for the others, the nearest deadline first."""

ADAPTIVE = Strategy(
    "adaptive", prewarmed="rate", headroom=1.25, minimum=1, idle_time_to_live=60, queue_order="deadline"
)
"""A pool that follows the recent rate, and retires what is idle for long."""

COVERAGE = Strategy("coverage", price=60, prewarmed="rate")
"""The coverage rule: a publisher is started if the failures that it prevents are worth its idle time."""

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            PART_1, PART_2A, PART_2B, PART_2C, ADVANCE, JUST_IN_TIME, SLACK_AWARE, ADAPTIVE, COVERAGE,
        )
    }
)  # fmt: skip
"""The built-in strategies by name."""
