"""SimPy's environment at the wall's pace, and the client's side of a live feed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import simpy
from simpy import Event
from simpy.core import StopSimulation

from tv2sim.catalogue import Catalogue
from tv2sim.model.client import at
from tv2sim.model.order import HANDED_OVER, happens
from tv2sim.model.users import call
from tv2sim.realtime.clock import Clock, Stopped

if TYPE_CHECKING:
    from tv2sim.catalogue import Video
    from tv2sim.model.system import System
    from tv2sim.realtime.feed import Feed

__all__ = ["LiveSubmissions", "RealtimeEnvironment"]


class RealtimeEnvironment(simpy.Environment):
    """Processes each event when its time has come.

    SimPy's own real-time environment sleeps up to the next event; this one waits on a clock that can be
    paused, stopped and changed, and takes in videos meanwhile.

    Parameters
    ----------
    clock : Clock
        What time it is.
    feed : Feed, optional
        Where videos come from while it runs.
    until : float
        The cut-off: it comes when the clock says so, also if there is nothing else to wait for but the feed.
    """

    def __init__(
        self,
        clock: Clock,
        feed: Feed | None = None,
        until: float | None = None,
    ) -> None:
        super().__init__(0.0)
        self._clock, self._feed = clock, feed
        self._until = inf if until is None else until
        self._asked: Event | None = None
        self._waited = -1.0  # the last time that the clock was waited for
        self._dry = False

    def step(self) -> None:
        """Wait until the next event is due, taking in what comes before it, and process it."""
        due = super().peek()
        # an instant is indivisible: its further events neither wait nor are they stopped
        if due > self._waited or self._asked is not None:
            try:
                due = self._next_due()
            except Stopped:
                if (due := super().peek()) > self.now:
                    self._now = self._clock.end_between(self.now, min(due, self._until))
                    raise StopSimulation("stopped") from None
            self._waited = due
            if due > self._until:
                raise StopSimulation("cut-off")
        super().step()

    def peek(self) -> float:
        """Return the time of the next event or of the cut-off; as long as a video may come, that is finite."""
        due = super().peek()
        if due == inf and self._asked is None:
            return inf
        return self.now if (due := min(due, self._until)) == inf else due

    def _next_due(self) -> float:
        clock, feed = self._clock, self._feed
        while True:
            due = super().peek()
            stop = min(due, self._until)
            if feed is None or self._asked is None:
                if due == inf or clock.wait(stop):
                    return due
            elif feed.ready():
                self._deliver(feed)
            elif not clock.paced:  # there is no time to go by: it stands still
                clock.wait_for(lambda: feed.ready() or clock.paced)
            elif not self._dry and feed.coming():  # what is on its way is not late: time stands still for it
                clock.wait_for(feed.ready, _A_MOMENT)
            else:
                self._dry = True
                if clock.wait(stop, unless=lambda: feed.ready() or not clock.paced):
                    return due

    def arrival(self) -> Event:
        """Return the event that the feed gives its next video, or ends; an :class:`Arrival` is its value."""
        self._asked, self._dry = Event(self), False
        return self._asked

    def _deliver(self, feed: Feed) -> None:
        """Let the client have what has come: at once if time stood still for it, else when the wall says so."""
        event, self._asked = self._asked, None
        if event is None:
            return
        arrival = Arrival(feed.take(), self._dry)
        if not self._dry:
            event.succeed(arrival)
        else:
            time = max(round(self._clock.now, 6), self.now + _NEXT)
            happens(event, time - self.now, HANDED_OVER, arrival)


_A_MOMENT = 0.005
"""Wall seconds after which it is looked again whether anything is still coming."""
_NEXT = 1e-6
"""Simulated seconds between what has happened and an arrival, at the least."""


class Arrival(NamedTuple):
    """What a feed gave: a video (None: it has ended), and whether it had to be waited for."""

    video: Video | None
    late: bool


class LiveSubmissions:
    """Lets the client take videos from a feed.

    Parameters
    ----------
    env : RealtimeEnvironment
        The clock.
    feed : Feed
        Where they come from.
    system : System
        Where they are added.
    accepted : callable
        Told of each video as the client takes it, with the time from which it may be offered.
    """

    def __init__(
        self, env: RealtimeEnvironment, feed: Feed, system: System, accepted: Callable[[Video], None]
    ) -> None:
        self._env, self._feed, self._system, self._accepted = env, feed, system, accepted

    def rows(self) -> Iterator[int]:
        """Yield the row of the next video as long as there may be one."""
        row = 0
        while not self._feed.exhausted:
            yield row
            row += 1
        self._system.close()

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Let the client wait until the next video is there, and may be offered."""
        arrival = Arrival(call(self._feed.take), late=False)
        if arrival.video is None:
            answer = yield self._env.arrival()
            assert isinstance(answer, Arrival)
            arrival = answer
        if arrival.video is None:
            self._system.close()
            yield Event(self._env)  # for ever: there is nothing more to offer
            return
        came = arrival.video
        if arrival.late:
            came = msgspec.structs.replace(came, submitted_at=max(self._env.now, came.submitted_at or 0.0))
        call(self._system.add, Catalogue([came]))
        call(self._accepted, came)
        if came.submitted_at is not None:
            yield from at(self._env, came.submitted_at)
