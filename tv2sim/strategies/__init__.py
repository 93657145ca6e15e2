"""When publishers are started, and for whom: the rule as data with hooks, and the four parts."""

from tv2sim.strategies.parts import PART_1, PART_2A, PART_2B, PART_2C, STRATEGIES, as_strategy
from tv2sim.strategies.rule import MOMENTS, Moment, Orders, PoolState, Strategy

__all__ = [
    "MOMENTS",
    "PART_1",
    "PART_2A",
    "PART_2B",
    "PART_2C",
    "STRATEGIES",
    "Moment",
    "Orders",
    "PoolState",
    "Strategy",
    "as_strategy",
]
