"""One instant, one order: events with a place among those of the same time, and the environment that ends runs.

Events at the same time are the rule, and results depend on their order. SimPy processes the events of one time
by their priority. The model uses the priority as the event's place: a kind, and within it the number of the
video or publisher.

Signals between processes (``Event.succeed()``, the start and the end of a process) have SimPy's own priorities
0 and 1, below all places. So the consequences of an event are complete before the next place is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import simpy
from simpy import Environment, Event
from simpy.core import EmptySchedule

__all__ = [
    "ADMITTED", "DECIDED", "DELIVERED", "DIED", "ENCODED", "ENCODER_DIED", "ENCODER_REPAIRED", "END",
    "HANDED_OVER", "NOTICED", "PUBLISHED", "READY", "RESTARTED", "RETIRED", "RETRIED", "REVIEWED",
    "STARTED_LATER", "Background", "CountingEnvironment", "PlacedTimeout", "happens", "later",
]  # fmt: skip

_WIDTH = 1 << 40
"""The number of places of one kind; a run has fewer videos and fewer publishers."""

ENCODED = 1 * _WIDTH
"""The end of an encoding; the place is this plus the video's row."""
ENCODER_DIED = 2 * _WIDTH
"""An encoder dies; the place is this plus its number."""
ENCODER_REPAIRED = 3 * _WIDTH
"""An encoder is back; the place is this plus its number."""
READY = 4 * _WIDTH
"""A publisher becomes ready; the place is this plus its number."""
DIED = 5 * _WIDTH
"""A ready publisher dies; the place is this plus its number."""
ADMITTED = 6 * _WIDTH
"""A blocked encoder, for which there is room now, passes its video to the publishing stage."""
RESTARTED = 7 * _WIDTH
"""Interrupted videos get an encoder again."""
RETRIED = 8 * _WIDTH
"""The client offers a video again that was refused."""
HANDED_OVER = 9 * _WIDTH
"""The client offers a video and hands it over."""
PUBLISHED = 10 * _WIDTH
"""The end of publishing; the place is this plus the publisher's number."""
NOTICED = 11 * _WIDTH
"""The failure of a publisher is noticed; the place is this plus its number."""
DELIVERED = 12 * _WIDTH
"""The broker delivers a video; the place is this plus the video's row."""
STARTED_LATER = 13 * _WIDTH
"""A delayed start; the place is this plus the row of the video that causes it, plus 1 if starts are ordered."""
RETIRED = 14 * _WIDTH
"""The end of the time for which a ready publisher may be idle; the place is this plus its number."""
REVIEWED = 15 * _WIDTH
"""A review of the pool, or the latest start of a publisher for a video."""
DECIDED = 16 * _WIDTH
"""The decision of a rule that decides when all that happens at the same time has happened."""
END = 17 * _WIDTH
"""The end of the run, after everything else of the instant."""


class PlacedTimeout(Event):
    """An event that happens after `delay` ticks, at its `place` among those of the same time."""

    def __init__(self, env: Environment, delay: float, place: int, value: Any = None) -> None:
        # like simpy.Timeout, but with a priority; Event.__init__ would set these attributes a second time
        self.env = env
        self.callbacks = []
        self._value = value
        self._ok = True
        env.schedule(self, place, delay)  # type: ignore[arg-type]


def later(
    env: Environment, delay: float, place: int, function: Callable[..., None], *arguments: object
) -> None:
    """Call a function after `delay` ticks, at its `place`."""
    PlacedTimeout(env, delay, place).callbacks.append(lambda _: function(*arguments))


def happens(event: Event, delay: float, place: int, value: Any = None) -> None:
    """Schedule an existing `event`, for which processes may wait, after `delay` ticks at its `place`."""
    # Event.succeed() would schedule it now, with SimPy's own priority
    event._ok = True
    event._value = value
    event.env.schedule(event, place, delay)  # type: ignore[arg-type]


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
