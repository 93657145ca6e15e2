"""A publisher: what it is for, and where it is in its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tv2sim.engines.model.schedule import DirectProcess

__all__ = ["DIED", "RETIRED", "Publisher", "State"]

DIED, RETIRED = -1, -2
"""What a ready publisher may get instead of a video."""


class State:
    """Where a publisher is in its life. FAILED is a failure that nobody has noticed yet."""

    ORDERED, STARTING, READY, BUSY, FAILED, ENDED = range(6)


class Publisher:
    """A worker that serves one video, and the process that is its life.

    Parameters
    ----------
    cause : int
        The video because of which it is ordered; -1: none.
    owner : int
        The only video that it may serve; -1: any, so that it belongs to the pool.
    slot : int
        Its slot among the publishers of time 0, which it has from those that failed before it; -1: none.
    before : int
        The publishers that have started in its slot before it.
    warm : bool
        Whether its start-up takes no time and cannot fail.
    """

    __slots__ = ("before", "cause", "number", "owner", "process", "slot", "state", "warm")

    number: int
    """Its row in the facts, once it has started."""
    process: DirectProcess
    """Its life. While it is ready, this waits until a video, DIED or RETIRED is sent."""

    def __init__(
        self, cause: int = -1, owner: int = -1, slot: int = -1, before: int = 0, warm: bool = False
    ) -> None:
        self.cause, self.owner, self.slot, self.before, self.warm = cause, owner, slot, before, warm
        self.state = State.ORDERED

    @property
    def is_own(self) -> bool:
        """Whether it does not belong to the pool."""
        return self.owner >= 0
