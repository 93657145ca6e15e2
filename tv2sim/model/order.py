"""One instant, one order.

Times sit on a grid, so that simultaneous events are the rule. SimPy processes those of one time by their
priority, and the model uses that openly: each event with a duration names its place in the instant.

Signals between processes (``Event.succeed()``, the start and the end of a process) have SimPy's own priorities
0 and 1, below all of these. So what a signal sets off is done before the next place in the order is reached.
"""

from __future__ import annotations

from typing import Any

from simpy import Environment, Event

__all__ = ["ADMITTED", "ENCODED", "END", "HANDED_OVER", "READY", "TIMER", "Moment", "happens"]

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
END = 6 * _PLACES
"""The run ends, when everything else of the instant is done."""


class Moment(Event):
    """A SimPy event that happens after `delay`, at its `place` among those of the same time."""

    def __init__(self, env: Environment, delay: float, place: int, value: Any = None) -> None:
        # as simpy.Timeout does, which has no priority; the base class's __init__ would set the same again
        self.env = env
        self.callbacks = []
        self._value = value
        self._ok = True
        env.schedule(self, place, delay)  # type: ignore[arg-type]


def happens(event: Event, delay: float, place: int, value: Any = None) -> None:
    """Let an `event` that others wait for already happen after `delay`, at its `place`, with a `value`."""
    # Event.succeed() would do it now, at SimPy's own place
    event._ok = True
    event._value = value
    event.env.schedule(event, place, delay)  # type: ignore[arg-type]
