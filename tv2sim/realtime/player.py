"""Sources of a replay's events: the base class, and a simulation at the pace of a clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from simpy import Event
from simpy.core import StopSimulation

from tv2sim.base.errors import CatalogueError, call
from tv2sim.base.ticks import PER_SECOND, next_tick, to_ticks
from tv2sim.catalogue import Catalogue, Video
from tv2sim.catalogue.judging import no_video
from tv2sim.engines.choice import simulate_one
from tv2sim.engines.model import Observer
from tv2sim.engines.model.schedule import Place, Schedule
from tv2sim.realtime.clock import Clock, Stopped
from tv2sim.results.event_kinds import log_of
from tv2sim.results.run import Run

if TYPE_CHECKING:
    from tv2sim.engines.model.system import System
    from tv2sim.realtime.feed import Feed
    from tv2sim.results.facts import Facts
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario


Accepted: TypeAlias = Sequence[Callable[[Video], object]]
"""Functions to be called with each video of a feed."""


@dataclass
class Player:
    """The source of a replay's events: a simulation, or the log of a run.

    Parameters
    ----------
    source : Catalogue or Feed
        The videos.
    strategy, scenario, seed, replication
        As for :func:`tv2sim.simulate`.
    own : bytearray
        For each video, 1 if it waits for its own publisher. A simulation fills it as videos are queued.
    """

    source: Catalogue | Feed
    strategy: Strategy
    scenario: Scenario
    seed: int
    replication: int
    own: bytearray = field(default_factory=bytearray)

    @property
    def live(self) -> bool:
        """Whether more videos may come."""
        return not isinstance(self.source, Catalogue)

    @property
    def videos(self) -> Iterable[Video]:
        """The videos that are known beforehand."""
        return self.source if isinstance(self.source, Catalogue) else ()

    def in_words(self) -> str:
        """Return a sentence that says what the strategy does."""
        return self.strategy.in_words()

    def close(self) -> None:
        """End the feed, if there is one."""
        if not isinstance(self.source, Catalogue):
            self.source.close()

    def play(self, clock: Clock, observers: Sequence[Observer], accepted: Accepted) -> Run:
        """Play at the pace of a clock, and return the run.

        Parameters
        ----------
        clock : Clock
            The pace.
        observers : sequence of callables
            Called with each line of the event log as it happens.
        accepted : sequence of callables
            Called with each video of a feed before anything happens to it.
        """
        raise NotImplementedError

    def _run(self, catalogue: Catalogue, facts: Facts, *given: Any) -> Run:
        return Run(catalogue, self.strategy, self.scenario, self.seed, self.replication, facts, *given)


# -- SimPy at the clock's pace ------------------------------------------------------------------------------


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


# -- the simulation ----------------------------------------------------------------------------------------


class Simulated(Player):
    """A simulation, of a catalogue or of the videos that a feed sends."""

    def play(self, clock: Clock, observers: Sequence[Observer], accepted: Accepted) -> Run:
        """Simulate at the clock's pace, and return the run."""
        self.own.clear()
        if isinstance(self.source, Catalogue):
            env = RealtimeEnvironment(clock, until=self.scenario.until)
            facts = self._simulate(self.source, observers=observers, env=env, own=self.own)
            return self._run(self.source, facts)
        feed, videos = self.source, list[Video]()
        _wait_for_the_first(feed, clock)

        def taken(video: Video) -> None:
            for function in (videos.append, *accepted):
                function(video)

        env = RealtimeEnvironment(clock, feed, self.scenario.until)
        facts = self._simulate(
            Catalogue([]),
            observers=observers,
            env=env,
            own=self.own,
            feed=lambda system: LiveSubmissions(env, feed, system, taken),
        )
        catalogue = Catalogue(videos, feed.rejected, feed.name)
        return self._run(
            catalogue, facts if facts.ending == "stopped" else self._facts_of_all(catalogue, facts)
        )

    def _facts_of_all(self, catalogue: Catalogue, live: Facts) -> Facts:
        """Return the facts of the run up to its last outcome.

        As long as the feed is open, more videos may come, so publishers go on starting after the last outcome.
        A simulation of the videos that came gives the same events, and ends with the last outcome.
        """
        facts = self._simulate(catalogue)
        if not _begins(live, facts):
            logging.getLogger("tv2sim.replay").warning(
                "simulating what the feed has sent gives another run: the hooks of strategy %s depend on more "
                "than their arguments",
                self.strategy.name,
            )
            return live
        return facts

    def _simulate(self, catalogue: Catalogue, **watched: Any) -> Facts:
        return simulate_one(
            "simpy", catalogue, self.strategy, self.scenario, self.seed, self.replication, **watched
        )


def _begins(longer: Facts, facts: Facts) -> bool:
    """Return whether the log of `longer` begins with the log of `facts`."""
    logs = (log_of(longer), log_of(facts))
    return all(np.array_equal(one[: len(other)], other) for one, other in zip(*logs, strict=True))


def _wait_for_the_first(feed: Feed, clock: Clock) -> None:
    """Wait for the first video, with which the clock starts."""
    try:
        clock.wait_for(feed.ready)
    except Stopped:
        raise CatalogueError(f"stopped before the first video of {feed.name!r} had come") from None
    if feed.exhausted:
        raise CatalogueError(no_video(feed.name, feed.rejected))
