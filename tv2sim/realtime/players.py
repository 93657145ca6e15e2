"""The players of a replay: their base class, and the one that simulates a catalogue or a feed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tv2sim.base.errors import CatalogueError
from tv2sim.catalogue import Catalogue, Video
from tv2sim.catalogue.judging import no_video
from tv2sim.engines.choice import simulate_one
from tv2sim.engines.model import Observer
from tv2sim.realtime.clock import Clock, Stopped
from tv2sim.realtime.environment import LiveSubmissions, RealtimeEnvironment
from tv2sim.results.event_kinds import log_of
from tv2sim.results.run import Run

if TYPE_CHECKING:
    from tv2sim.realtime.feed import Feed
    from tv2sim.results.facts import Facts
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["Accepted", "Player", "Simulated"]

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
        """Play it, and return the run.

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
        return self._run(catalogue, facts if facts.ending == "stopped" else self._settled(catalogue, facts))

    def _settled(self, catalogue: Catalogue, live: Facts) -> Facts:
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
