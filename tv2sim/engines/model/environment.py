"""An environment that knows whether anything but background events is left."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import simpy
from simpy.core import EmptySchedule

from tv2sim.engines.model.instant import PlacedTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from simpy import Environment, Event

__all__ = ["Background", "CountingEnvironment"]


class Background(PlacedTimeout):
    """A timeout that keeps no run alive, such as a review or the end of a lifetime."""

    def __init__(self, env: Environment, delay: float, place: int) -> None:
        super().__init__(env, delay, place)
        if isinstance(env, CountingEnvironment):
            env.disregard(self)


class CountingEnvironment(simpy.Environment):
    """SimPy's environment, whose schedule ends when what is left can change nothing.

    It counts the events of the background, of which there are few, and not those that keep the run alive.
    """

    def __init__(self) -> None:
        super().__init__()
        self._background = 0
        self._at_most: float = -1
        self._stalled: Callable[[int], bool]

    def ends_if(self, stalled: Callable[[int], bool], at_most: float) -> None:
        """Let the schedule end after an instant if nothing that is left can change anything.

        `stalled` takes the number of scheduled events that are not of the background, and says whether that is
        so. It is asked only if this number is `at_most` or less.
        """
        self._stalled, self._at_most = stalled, at_most

    def disregard(self, event: Event) -> None:
        """Let a scheduled event keep no run alive."""
        self._background += 1
        event.callbacks.append(self._happened)

    def cancel(self, event: Event) -> None:
        """Let a scheduled event have no effect, and keep no run alive."""
        event.callbacks.clear()
        self.disregard(event)

    def _happened(self, _: Event) -> None:
        self._background -= 1

    def step(self) -> None:
        """Process the next event, unless what is left can change nothing."""
        # the first condition of _ends() here saves a call at nearly every step
        if len(self._queue) - self._background <= self._at_most and self._ends():
            raise EmptySchedule
        super().step()

    def peek(self) -> float:
        """Return the time of the next event; infinite if what is left can change nothing."""
        return inf if self._ends() else super().peek()

    def _ends(self) -> bool:
        foreground = len(self._queue) - self._background
        return foreground <= self._at_most and super().peek() > self.now and self._stalled(foreground)
