"""One instant, one order.

Times sit on a grid, so that simultaneous events are the rule. SimPy processes those of one time by their
priority, and the model uses that openly: each event with a duration names its place in the instant.

Signals between processes (``Event.succeed()``, the start and the end of a process) have SimPy's own priorities
0 and 1, below all of these. So what a signal sets off is done before the next place in the order is reached.
"""

from __future__ import annotations

from typing import Any

from simpy import Environment, Event
from simpy.events import EventPriority

__all__ = ["ADMITTED", "CUT_OFF", "ENCODED", "END", "HANDED_OVER", "READY", "TIMER", "Moment", "at_place"]

_PLACES = 1 << 40
"""More than a run can have videos or publishers."""

ENCODED = 1 * _PLACES
"""Encodings end; plus the video's row."""
READY = 2 * _PLACES
"""Publishers become ready; plus the publisher's number."""
ADMITTED = 3 * _PLACES
"""Room in the publishing queue admits blocked encoders, in the order in which they are called."""
HANDED_OVER = 4 * _PLACES
"""The client offers and hands over."""
TIMER = 5 * _PLACES
"""Timers, in the order in which they were set."""
END = 6 * _PLACES - 2
"""The last video has its outcome: the run ends with this instant."""
CUT_OFF = 6 * _PLACES - 1
"""The cut-off: the very last of an instant."""


class Moment(Event):
    """A SimPy event that happens after `delay`, at its `place` among those of the same time."""

    def __init__(self, env: Environment, delay: float, place: int, value: Any = None) -> None:
        # as simpy.Timeout does, which has no priority; the base class's __init__ would set the same again
        self.env = env
        self.callbacks = []
        self._value = value
        self._ok = True
        env.schedule(self, EventPriority(place), delay)


def at_place(event: Event, place: int) -> None:
    """Let a pending `event` happen at this instant's `place`."""
    event._ok = True
    event._value = None
    event.env.schedule(event, EventPriority(place))
