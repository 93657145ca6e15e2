"""When publishers are started, and for whom: the rule as data with hooks, the four parts, the coverage rule."""

from tv2sim.strategies.strategy import (
    HOOKS,
    MOMENTS,
    PART_1,
    PART_2A,
    PART_2B,
    PART_2C,
    STRATEGIES,
    Moment,
    PoolState,
    Starts,
    Strategy,
    as_strategy,
)

__all__ = [
    "HOOKS", "MOMENTS", "PART_1", "PART_2A", "PART_2B", "PART_2C", "STRATEGIES", "Moment", "PoolState",
    "Starts", "Strategy", "as_strategy",
]  # fmt: skip
