"""The random numbers of one replication: each belongs to a purpose, an entity, and how many it had before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.world.distributions import Distribution, drawn_times

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Chance", "Draw", "Draws"]

Draw: TypeAlias = Callable[[int, int], float]
"""Takes an entity, and how many numbers it had before for the same purpose; returns its next number."""
Chance: TypeAlias = Callable[[int, int], bool]
"""Takes the same, and returns whether something happens."""


class Draws:
    """Makes the functions that draw in one replication; a number does not depend on when it is asked for.

    Parameters
    ----------
    seed, replication : int
        The keys of the random numbers.
    """

    def __init__(self, seed: int, replication: int) -> None:
        self.seed, self.replication = seed, replication

    def ticks(self, name: str, time: Distribution | float, purpose: Purpose) -> Draw:
        """Draw ticks from a distribution of seconds; `name` is the field's, for messages."""
        if not isinstance(time, Distribution):
            return _always(to_ticks(time))
        return self.numbers(purpose, lambda u: whole_ticks(drawn_times(time, u, name)))

    def values(self, name: str, value: Distribution | float, purpose: Purpose) -> Draw:
        """Draw numbers from a distribution; `name` is the field's, for messages."""
        if not isinstance(value, Distribution):
            return _always(value)
        return self.numbers(purpose, lambda u: drawn_times(value, u, name))

    def chance(self, probability: float, purpose: Purpose) -> Chance:
        """Draw whether something of this probability happens."""
        if not probability:
            return _always(False)
        number = self.numbers(purpose, lambda u: u)
        return lambda entity, further: number(entity, further) < probability

    def numbers(self, purpose: Purpose, convert: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Draw:
        """Draw what `convert` makes of uniform numbers, for :data:`_TOGETHER` neighbouring entities at once."""
        chunks: dict[tuple[int, int], list[float]] = {}

        def draw(entity: int, further: int) -> float:
            key = entity // _TOGETHER, further
            chunk = chunks.get(key)
            if chunk is None:
                if len(chunks) == _MOST_CHUNKS:
                    chunks.clear()
                start = entity - entity % _TOGETHER
                u = uniforms(self.seed, purpose, self.replication, _TOGETHER, start=start, further=further)
                chunk = chunks[key] = convert(u).tolist()
            return chunk[entity % _TOGETHER]

        return draw


def _always(answer: Any) -> Callable[[int, int], Any]:
    return lambda entity, further: answer


_TOGETHER = 256
"""The entities whose numbers are drawn at once, which takes little more time than to draw one."""
_MOST_CHUNKS = 256
"""The most chunks that are kept; others are drawn again when they are needed."""
