"""The decision once an instant: who is given up, who is served, and what is started."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

from tv2sim.engines.model.brokers import BrokersStage
from tv2sim.engines.model.failures import RetryingStage
from tv2sim.engines.model.instant import DECIDED, later
from tv2sim.engines.model.publishing import PriorityQueue, PublishingStage

if TYPE_CHECKING:
    from simpy import Environment

    from tv2sim.engines.model.managed import ManagedPublishers
    from tv2sim.results.recorder import Recorder

__all__ = ["Decisions", "LateBrokersStage", "LateRetryingStage", "LateStage"]


class LateStage(PublishingStage):
    """A stage that gives a publisher of the pool to a video only when it is told to.

    The parameters are those of :class:`PublishingStage`.
    """

    sees_blocked = True
    """Whether videos wait for a publisher that are still in their encoder."""

    gives_up = False
    """Whether videos that wait are given up some time."""

    deciding = False
    """Whether a decision is being carried out; encoders that are blocked are called after it."""

    def accept(self, video: int) -> int | None:
        """Return the ready publisher that takes a video of its own, or None if the video has to wait."""
        if self._own[video]:
            return super().accept(video)
        self.queue.append(video)
        self._admit()
        return None

    def claim(self, owner: int) -> int | None:
        """Return the video that a newly ready publisher takes if it is its own, or None."""
        return super().claim(owner) if owner >= 0 else None

    def waiting(self) -> list[int]:
        """Return the videos that any publisher may serve, in the order in which they are served."""
        blocked = self._blocked if self.sees_blocked else ()
        return self.queue.merged(blocked) if isinstance(self.queue, PriorityQueue) else [*self.queue, *blocked]

    @property
    def shut(self) -> bool:
        """Whether no video can leave its encoder, as things are: no decision would let it."""
        return self.full and not (self.sees_blocked and (self.gives_up or self.ready))

    @property
    def waiting_for_own(self) -> set[int]:
        """The videos that wait for a publisher of their own."""
        return self._own_waiting

    def release(self, video: int) -> bool:
        """Let a video leave its encoder if it is still in there, and return whether it was."""
        event = self._blocked.pop(video, None)
        if event is not None:
            event.succeed(True)
        return event is not None

    def forget(self, video: int) -> None:
        """Take a waiting video out of the stage."""
        if self._own[video]:
            self._own_waiting.remove(video)
        elif not self.release(video):
            self.queue.remove(video)

    def decided(self) -> None:
        """Call the encoder that is blocked longest, if there is room after a decision."""
        self.deciding = False
        self._admit()

    def _room(self) -> bool:
        """Return whether there is a place in the queue: ready publishers are not given at once."""
        return len(self.queue) < self._capacity

    def _admit(self) -> None:
        if not self.deciding:
            super()._admit()


class LateRetryingStage(RetryingStage, LateStage):
    """The same where publishing fails."""


class LateBrokersStage(BrokersStage, LateStage):
    """The same where a broker delivers the videos; those that it does not have yet do not wait."""

    sees_blocked = False


class Decisions:
    """Lets a strategy decide when all that happens at the same time has happened.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    stage : LateStage
        Where videos wait.
    publishers : ManagedPublishers
        Who serve them.
    record : Recorder
        Each event that it records is an occasion to decide, except for those of the decision itself.
    """

    def __init__(
        self, env: Environment, stage: LateStage, publishers: ManagedPublishers, record: Recorder
    ) -> None:
        self._env, self._stage, self._publishers, self._record = env, stage, publishers, record
        self._awake = False  # whether a decision is on the schedule, or being made
        self._again = False  # whether this one leaves something to decide
        record.after_each(self.wake)
        publishers.wake = self.wake

    @property
    def has_latest_starts(self) -> bool:
        """Whether there will be a decision that may start a publisher although nothing else happens."""
        return False

    def wake(self) -> None:
        """Decide at the end of this instant."""
        if not self._awake:
            self._awake = True
            later(self._env, 0, DECIDED, self._decide)

    def _decide(self) -> None:
        self._stage.deciding = True
        self.carry_out()
        self._stage.decided()
        self._awake = False
        if self._again:
            self._again = False
            self.wake()

    def carry_out(self) -> None:
        """Discard, dispatch, start."""
        stage = self._stage
        self.discard_hopeless()
        while stage.ready and (waiting := stage.waiting()):
            self.serve(waiting[0])
        self.start()

    def discard_hopeless(self) -> None:
        """Give the videos up whose deadline has passed."""
        stage = self._stage
        for video in sorted(filter(self._publishers.hopeless, [*stage.waiting(), *stage.waiting_for_own])):
            self.discard(video)

    def discard(self, video: int) -> None:
        """Give a waiting video up."""
        self._stage.forget(video)
        self._publishers.discard(video)

    def serve(self, video: int) -> None:
        """Give a waiting video the publisher that has been ready longest."""
        stage, publishers = self._stage, self._publishers
        if stage.release(video):
            self._record.queued(video)
            publishers.queued(video)
            stage.accept(video)
        stage.queue.remove(video)
        publishers.assign(video, stage.ready.popleft())

    def start(self) -> None:
        """Fill the pool up: what the videos have taken that were served, and what is missing otherwise."""
        given, self._publishers.given = self._publishers.given, []
        self._publishers.fill_up(chain(given, repeat(-1)))
