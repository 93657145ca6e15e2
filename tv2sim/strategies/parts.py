"""The four parts of the original, and how a strategy is named."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from tv2sim.errors import StrategyError
from tv2sim.strategies.rule import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PART_1", "PART_2A", "PART_2B", "PART_2C", "STRATEGIES", "as_strategy"]

PART_1 = Strategy("1", starts_on="encoded", dedicated=True)
"""A publisher for each video, started when its encoding ends."""

PART_2A = Strategy("2a", starts_on="encoding_started", dedicated=True)
"""A publisher for each video, started when its encoding starts."""

PART_2B = Strategy("2b", starts_on="queued", dedicated=True)
"""A publisher for each video, started when it reaches the publishing stage."""

PART_2C = Strategy("2c", prewarmed=10)
"""A pool of 10 publishers started at time 0; each one that takes a video is replaced."""

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {strategy.name: strategy for strategy in (PART_1, PART_2A, PART_2B, PART_2C)}
)
"""The built-in strategies by name."""


def as_strategy(strategy: object) -> Strategy:
    """Return a strategy as it is, or the built-in one of that name.

    Raises
    ------
    StrategyError
        If there is none of that name; the message names those that there are.

    Examples
    --------
    >>> as_strategy("2b").starts_on
    'queued'
    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        raise StrategyError(
            f"{strategy.__name__} is a class: hand in a strategy made of it, {strategy.__name__}()"
        )
    if isinstance(strategy, str) and strategy in STRATEGIES:
        return STRATEGIES[strategy]
    raise StrategyError(
        f"a strategy is one of {', '.join(STRATEGIES)}, or a tv2sim.Strategy of your own, not {strategy!r}"
    )
