"""When publishers are started, and for whom: the rule as data with hooks, and those that are built in."""

from tv2sim.strategies.builtin import PART_1, PART_2A, PART_2B, PART_2C, STRATEGIES, as_strategy
from tv2sim.strategies.expectations import Lead
from tv2sim.strategies.hooks import HOOKS, MOMENTS, Decision, KnownVideo, Moment, PoolState, Starts, State
from tv2sim.strategies.strategy import DEFAULT_WINDOW, Strategy

__all__ = [
    "DEFAULT_WINDOW", "HOOKS", "MOMENTS", "PART_1", "PART_2A", "PART_2B", "PART_2C", "STRATEGIES", "Decision",
    "KnownVideo", "Lead", "Moment", "PoolState", "Starts", "State", "Strategy", "as_strategy",
]  # fmt: skip
