"""The order of an instant: SimPy's environment, with a place for each event among those of the same time.

Events at the same time are the rule, and results depend on their order. SimPy processes the events of one time
by their priority, which may be any whole number. Here the priority is the event's *place*: a kind of
:class:`Place`, plus the number of a video, a publisher or an encoder.
"""

from __future__ import annotations

from heapq import heappop
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

import simpy
from simpy.events import PENDING, Event, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["DirectProcess", "Occasion", "Place", "Planned", "Schedule", "Signal", "Steps"]

Steps: TypeAlias = "Generator[Event | None, Any, None]"
"""What a process does: a generator of the events for which it waits."""

_BITS = 40
"""A run has fewer videos and fewer publishers than whole numbers of so many bits."""
_kinds = count(1 << _BITS, 1 << _BITS)  # above SimPy's own priorities, 0 and 1


class Place:
    """The kinds of events of one instant, in the order in which they happen.

    A place is a kind plus a number, such as ``Place.READY + publisher``. The comments say what the number is.
    """

    ENCODED = next(_kinds)  # the video
    ENCODER_DIED = next(_kinds)  # the encoder
    ENCODER_REPAIRED = next(_kinds)  # the encoder
    READY = next(_kinds)  # the publisher, whose start-up ends or fails
    DIED = next(_kinds)  # the publisher, which was ready
    ADMITTED = next(_kinds)  # none; the encoder that is blocked longest passes its video on
    RESTARTED = next(_kinds)  # none; a video that has lost its encoder gets another one
    RETRIED = next(_kinds)  # none; the client offers a video again that was refused
    HANDED_OVER = next(_kinds)  # none; the client offers a video, and hands it over
    PUBLISHED = next(_kinds)  # the publisher
    NOTICED = next(_kinds)  # the publisher, whose failure is noticed
    DELIVERED = next(_kinds)  # the video, which the broker delivers
    STARTED_LATER = next(_kinds)  # 1 + the video that is the cause of the start, which was ordered before
    RETIRED = next(_kinds)  # the publisher, which has been idle for long
    REVIEWED = next(_kinds)  # none; the pool is reviewed
    LATEST_START = next(_kinds)  # none; a publisher for a video has to start now, if it is to be in time
    DECIDED = next(_kinds)  # none; a rule decides on what has happened in this instant
    END = next(_kinds)  # none; the run ends


class Planned(Event):
    """An event that has a time and cannot fail."""

    _ok, _value = True, None

    def __init__(self, env: Schedule) -> None:
        self.env, self.callbacks = env, []


class Signal(Event):
    """An event that is sent, not planned: processes that wait for it go on within the sender's step."""

    _ok = True

    def send(self, value: Any = None) -> None:
        """Let the event happen now."""
        self._value = value
        callbacks, self.callbacks = self.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(self)


class DirectProcess(Process):
    """A process that begins within the step of whoever begins it, and whose end is no event.

    That is two events fewer on the schedule. A process that yields an event waits for it; one that yields None
    waits until something is sent to it. Nobody can wait for its end. An exception that it does not handle
    leaves the step in which it is raised.
    """

    def __init__(self, env: Schedule, steps: Steps) -> None:
        self.env, self._generator, self._value = env, steps, PENDING  # type: ignore[assignment]

    def begin(self) -> None:
        """Take the first step."""
        self._go_on(self._generator.send, None)

    def send(self, value: int) -> None:
        """Go on with a value."""
        self._go_on(self._generator.send, value)

    def _resume(self, event: Event) -> None:
        """Go on after an event, or with an interrupt; SimPy calls it."""
        self._go_on(self._generator.send if event._ok else self._generator.throw, event._value)

    def _go_on(self, first: Callable[[Any], Event | None], value: Any) -> None:
        """Take the steps up to the next event that has not happened yet, or until something is sent."""
        try:
            event = first(value)
            while event is not None and event.callbacks is None:  # it has happened before
                event = self._generator.send(event._value)
        except StopIteration:
            self._value = None
            return
        if event is not None:
            event.callbacks.append(self._resume)
            self._target = event  # `interrupt` needs it


class Schedule(simpy.Environment):
    """SimPy's environment with places."""

    def plan(self, delay: float, place: int) -> Event:
        """Return an event that happens after `delay` ticks, at its place."""
        event = Planned(self)
        self.schedule(event, place, delay)  # type: ignore[arg-type]
        return event

    def call(self, delay: float, place: int, action: Callable[[], object]) -> Event:
        """Call a function after `delay` ticks, at its place, unless the event returned is cancelled."""
        event = self.plan(delay, place)

        def run(_: Event) -> None:
            action()

        event.callbacks.append(run)
        return event

    def cancel(self, event: Event) -> None:
        """Let a planned event have no effect; nothing changes if it has happened."""
        if event.callbacks is not None:
            event.callbacks.clear()

    def begin(self, steps: Steps) -> DirectProcess:
        """Begin a process now."""
        process = DirectProcess(self, steps)
        process.begin()
        return process

    def peek(self) -> float:
        """Return the tick of the next event that has not been cancelled; infinite if there is none."""
        queue = self._queue
        while queue and not queue[0][3].callbacks:
            heappop(queue)
        return queue[0][0] if queue else inf


class Occasion:
    """An action that runs once in an instant, at its place, however often it is called for.

    The action returns whether to run again in this instant, after events of earlier places.
    """

    def __init__(self, env: Schedule, place: int, action: Callable[[], bool | None]) -> None:
        self._env, self._place, self._action = env, place, action
        self._is_called = False

    def call(self) -> None:
        """Let the action run in this instant."""
        if not self._is_called:
            self._is_called = True
            self._env.call(0, self._place, self._run)

    def _run(self) -> None:
        again = self._action()
        self._is_called = False
        if again:
            self.call()
