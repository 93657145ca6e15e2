"""SimPy's environment at the wall's pace, and the client's side of a live feed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from simpy import Event
from simpy.core import StopSimulation

from tv2sim.base.ticks import PER_SECOND, next_tick, to_ticks
from tv2sim.base.user_code import call
from tv2sim.catalogue import Catalogue
from tv2sim.engines.model.schedule import Place, Schedule
from tv2sim.realtime.clock import Clock, Stopped

if TYPE_CHECKING:
    from tv2sim.catalogue import Video
    from tv2sim.engines.model.system import System
    from tv2sim.realtime.feed import Feed

__all__ = ["LiveSubmissions", "RealtimeEnvironment"]


class RealtimeEnvironment(Schedule):
    """Processes each event when a clock shows its time.

    SimPy's own real-time environment sleeps until the next event. This one waits for a clock that can be
    paused, stopped and set to another speed, and takes videos from a feed while it waits.

    Parameters
    ----------
    clock : Clock
        The pace.
    feed : Feed, optional
        The source of videos that come while it runs.
    until : float
        The cut-off. The run ends at that time even if only the feed is waited for.
    """

    def __init__(self, clock: Clock, feed: Feed | None = None, until: float | None = None) -> None:
        super().__init__()
        self._clock, self._feed = clock, feed
        self._until = inf if until is None else to_ticks(until)
        self._asked: Event | None = None  # the arrival that the client waits for
        self._waited: float = -1  # the last tick for which `step` has waited
        self._dry = False  # whether the wall's time passes while the client waits for the feed

    def step(self) -> None:
        """Wait until the next event is due, accept the video that comes before it, if any, and process it."""
        due = self._queue[0][0] if self._queue else inf
        # an instant is indivisible: its other events follow the first one without a wait or a stop
        if due > self._waited or self._asked is not None:
            try:
                due = self._next_due()
            except Stopped:
                if (due := super().peek()) > self.now:
                    latest = min(due, self._until)
                    end = self._clock.end_between(self.now / PER_SECOND, latest / PER_SECOND)
                    self._now = min(next_tick(end), latest)
                    raise StopSimulation("stopped") from None
            self._waited = due
            if due > self._until:
                raise StopSimulation("cut-off")
        super().step()

    def peek(self) -> float:
        """Return the time of the next event or of the cut-off; it is finite as long as a video may come."""
        due = super().peek()
        if due == inf and self._asked is None:
            return inf
        return self.now if (due := min(due, self._until)) == inf else due

    def _next_due(self) -> float:
        """Wait until the next event is due, and return its time.

        Invariant: while the client waits for the feed, simulated time stands still as long as the feed has a
        video or is reading one. So a video that is there when the client can offer it is offered then, even if
        reading it takes long. Once the feed has nothing, time passes until a video comes (`_dry`).
        """
        clock, feed = self._clock, self._feed
        while True:
            due = super().peek()
            stop = min(due, self._until)
            if feed is None or self._asked is None:
                if due == inf or clock.wait(stop / PER_SECOND):
                    return due
            elif feed.ready():
                self._deliver(feed)
            elif not clock.paced:  # at speed "max" time passes only from event to event
                clock.wait_for(lambda: feed.ready() or clock.paced)
            elif not self._dry and feed.coming():
                clock.wait_for(feed.ready, _A_MOMENT)
            else:
                self._dry = True
                if clock.wait(stop / PER_SECOND, unless=lambda: feed.ready() or not clock.paced):
                    return due

    def arrival(self) -> Event:
        """Return the event that the next video comes or the feed ends; its value is an :class:`Arrival`."""
        self._asked, self._dry = Event(self), False
        return self._asked

    def _deliver(self, feed: Feed) -> None:
        """Give the client the next video or the end of the feed: in this instant unless time has passed."""
        event, self._asked = self._asked, None
        assert event is not None
        arrival = Arrival(feed.take(), self._dry)
        if not self._dry:
            event.succeed(arrival)
        else:
            time = max(next_tick(self._clock.now), self.now + 1)
            self.call(time - self.now, Place.HANDED_OVER, lambda: event.succeed(arrival))


_A_MOMENT = 0.005
"""Wall seconds between two checks whether a video is still coming."""


class Arrival(NamedTuple):
    """A video from a feed (None: the feed has ended), and whether time has passed while it was waited for."""

    video: Video | None
    late: bool


class LiveSubmissions:
    """Makes the client take videos from a feed.

    Parameters
    ----------
    env : RealtimeEnvironment
        The environment of the simulation.
    feed : Feed
        The source of the videos.
    system : System
        The model, to which they are added.
    accepted : callable
        Called with each video as the client takes it. If time has passed while the client waited for the
        video, its `submitted_at` is the time at which it came.
    """

    def __init__(
        self, env: RealtimeEnvironment, feed: Feed, system: System, accepted: Callable[[Video], None]
    ) -> None:
        self._env, self._feed, self._system, self._accepted = env, feed, system, accepted

    def rows(self) -> Iterator[int]:
        """Yield the row of the next video, as long as there may be one."""
        row = 0
        while not self._feed.exhausted:
            yield row
            row += 1
        self._system.close()

    def wait(self, video: int) -> Generator[Event, Any, None]:
        """Wait until the next video is there and may be offered."""
        came, late = call(self._feed.take), False
        if came is None:
            came, late = yield self._env.arrival()
        if came is None:
            self._system.close()
            yield Event(self._env)  # this event never happens, since there is nothing more to offer
            return
        if late:
            came = msgspec.structs.replace(
                came, submitted_at=max(self._env.now / PER_SECOND, came.submitted_at or 0.0)
            )
        call(self._system.add, Catalogue([came]))
        call(self._accepted, came)
