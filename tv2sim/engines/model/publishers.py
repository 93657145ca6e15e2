"""The publishers: when each is started, according to the strategy, and what it does then."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import StrategyError, call
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.engines.model.instant import (
    PUBLISHED,
    READY,
    REVIEWED,
    STARTED_LATER,
    Background,
    PlacedTimeout,
    later,
)
from tv2sim.strategies import DEFAULT_WINDOW, MOMENTS, PoolState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from simpy import Environment, Event

    from tv2sim.base.progress import Counted
    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.engines.model.publishing import PublishingStage
    from tv2sim.results.recorder import Recorder
    from tv2sim.strategies import Starts, Strategy

__all__ = ["Publishers", "reviews"]

_ENCODING_STARTED, _ENCODED, _QUEUED = map(MOMENTS.index, ("encoding_started", "encoded", "queued"))


class Publishers:
    """Starts publishers and leads each through its life: starting, ready, publishing, ended.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    strategy : Strategy
        The rule.
    starts : Starts
        The answers of the strategy's hooks for each video.
    startups : StartupTimes
        The start-up times.
    timeouts : sequence of float
        Each video's publication timeout, in ticks.
    publishing_time : sequence of float
        The time that publishing takes for each video, in ticks; empty as long as it takes none.
    by_assignment : bool
        Whether the assignment is held against the timeout, not the publication.
    stage : PublishingStage
        Where videos wait.
    record : Recorder
        Records each step.
    on_outcome : callable
        Called after each publication.
    """

    def __init__(
        self,
        env: Environment,
        strategy: Strategy,
        starts: Starts,
        startups: StartupTimes,
        timeouts: Sequence[float],
        publishing_time: Sequence[float],
        by_assignment: bool,
        stage: PublishingStage,
        record: Recorder,
        on_outcome: Callable[[], None],
    ) -> None:
        self._env, self._strategy, self._startups = env, strategy, startups
        self._moment, self._own, self._delay = starts
        self._timeouts, self._publishing_time = timeouts, publishing_time
        self._by_assignment = by_assignment
        self._encoding_started = record.tables["videos"]["encoding_started"]
        self._assigned = record.tables["videos"]["assigned"]
        self._stage, self._record, self._on_outcome = stage, record, on_outcome
        self._level = strategy.least
        self._adapts = strategy.adapts
        self.watches_encoding = self._adapts or strategy.starts_for_videos
        """Whether the encoders have to report the steps of videos; if not, the reports would have no effect."""
        self._level_is_asked = strategy._overrides("pool_level")
        self._stock = 0  # publishers of the pool that are decided on, starting or ready
        self._publishing = 0  # publishers of the pool that publish, which takes them some time
        self._encoding = self._encoded = 0  # videos that hold an encoder, and videos encoded so far
        self._recent: deque[float] = deque()  # starts of encodings, if the pool adapts
        self._window = to_ticks(DEFAULT_WINDOW if strategy.headroom is None else strategy.headroom[1])
        self._caused: list[int] = []  # publishers started so far because of each video
        self._without_cause = 0  # publishers started so far by reviews without a video

    def add(self, videos: int) -> None:
        """Prepare for more videos."""
        self._caused += [0] * videos

    awaits_death = False
    """Whether a publisher is ordered that can start when a ready one ends without a video."""

    level_changes = False
    """Whether reviews may find another level of the pool, although nothing else happens."""

    quota_waits = 0
    """How many publishers have waited for others to end before they started."""

    # -- occasions to start publishers ---------------------------------------------------------------------

    def prewarm(self, counted: Counted) -> None:
        """Start the publishers of the pool at time 0."""
        startups = self._startups.of_slots(self._wanted())
        self._stock += len(startups)
        started = [(startup, self._record.publisher_started(-1)) for startup in startups]
        self._env.process(self._prewarmed(counted(sorted(started))))

    def review(self, cause: int = -1) -> None:
        """Start publishers until the pool has its level, because of a video or without a cause (-1)."""
        level = self._wanted() if self._adapts else self._level
        while self._stock < level:
            self._start(cause, -1)

    _replace = review
    """Act on a publisher that a video has taken from the pool."""

    def encoding_started(self, video: int) -> None:
        """Act on the start of a video's encoding."""
        if self._moment[video] == _ENCODING_STARTED:
            self._start_for(video)
        if self._adapts:
            self._encoding += 1
            self._recent.append(self._env.now)
            self.review(video)

    def encoded(self, video: int) -> None:
        """Act on the end of a video's encoding."""
        if self._moment[video] == _ENCODED:
            self._start_for(video)
        if self._adapts:
            self._encoded += 1
            self.review(video)

    def encoding_restarted(self, video: int) -> None:
        """Act on another start of a video's encoding."""
        if self._adapts:
            self._encoding += 1
            self.review(video)

    def encoded_again(self, video: int) -> None:
        """Act on the end of an encoding that had ended before."""
        if self._adapts:
            self.review(video)

    def interrupted(self, video: int) -> None:
        """Act on the loss of a video's encoder."""
        if self._adapts:
            self._encoding -= 1
            self.review(video)

    def queued(self, video: int) -> None:
        """Act on a video's arrival at the publishing stage."""
        if self._moment[video] == _QUEUED:
            self._start_for(video)
        if self._adapts:
            self._encoding -= 1

    def arrived(self, video: int, publisher: int | None) -> None:
        """Act on a video that the stage has accepted: `publisher` takes it at once, or (None) it waits."""
        if publisher is not None:
            self._assign(video, publisher)
        if self._adapts and (publisher is None or self._own[video]):
            self.review(video)  # otherwise `_assign` has reviewed the pool

    # -- starting ------------------------------------------------------------------------------------------

    def _wanted(self) -> int:
        """Ask the strategy how many publishers the pool should have."""
        ready = len(self._stage.ready)
        state = PoolState(
            self._env.now / PER_SECOND,
            self._stock - ready,
            ready,
            len(self._stage.queue),
            self._encoding,
            self._encoded,
            self._rate(),
            self._startups.mean,
            self._publishing,
        )
        asked = f"the answer of {self._strategy.name}.pool_level"
        answer = call(self._strategy.pool_level, state)
        return a_whole_number(asked, answer, at_least=0, at_most=MOST, error=StrategyError)

    def _rate(self) -> float:
        """Return how many encodings have started lately in a second."""
        now, recent = self._env.now, self._recent
        while recent and recent[0] <= now - self._window:
            recent.popleft()
        # at first as if it had gone on for a second: a video in the first microseconds is no immense rate
        covered = min(self._window, max(now, PER_SECOND))
        return len(recent) / (covered / PER_SECOND) if now else 0.0

    def _start_for(self, video: int) -> None:
        """Start a publisher because of a video, now or after the strategy's delay."""
        owner = video if self._own[video] else -1
        if self._delay is not None and self._delay[video] > 0:
            if owner < 0:
                self._stock += 1
            later(self._env, self._delay[video], STARTED_LATER + video, self._start_late, video, owner)
        else:
            self._start(video, owner)

    def _start_late(self, video: int, owner: int) -> None:
        """Start a publisher that counts in the pool's level since it was decided on."""
        if owner < 0:
            self._stock -= 1
        self._start(video, owner)

    def _startup(self, cause: int) -> float:
        """Return the next start-up time that belongs to `cause`."""
        if cause < 0:
            self._without_cause += 1
            return self._startups.without_cause(self._without_cause - 1)
        further = self._caused[cause]
        self._caused[cause] += 1
        return self._startups.further(cause, further) if further else self._startups.by_video[cause]

    def _start(self, cause: int, owner: int) -> None:
        """Start a publisher because of `cause` (-1: none), for the video `owner` alone or for the pool (-1)."""
        startup = self._startup(cause)
        if owner < 0:
            self._stock += 1
        publisher = self._record.publisher_started(cause)
        later(self._env, startup, READY + publisher, self._ready, publisher, owner)

    # -- the life of a publisher ---------------------------------------------------------------------------

    def _prewarmed(self, started: Iterable[tuple[float, int]]) -> Generator[Event, None, None]:
        """Make the prewarmed publishers ready, given the tick and the number of each in ascending order.

        Invariant: the schedule holds one event for all of them, and not a million for a pool of a million.
        """
        env = self._env
        for ready, number in started:
            yield PlacedTimeout(env, ready - env.now, READY + number)
            self._ready(number, -1)

    def _ready(self, publisher: int, owner: int) -> None:
        """Let a publisher that is ready now take a waiting video, or wait for one."""
        self._record.publisher_ready(publisher)
        video = self._stage.claim(owner)
        if video is None:
            self._stage.stand_by(publisher, owner)
        else:
            self._assign(video, publisher)

    def _assign(self, video: int, publisher: int) -> None:
        """Let a publisher take a video; a publisher of the pool is replaced if the level requires it."""
        self._record.assigned(video, publisher)
        if not self._own[video]:
            self._stock -= 1
            self._publishing += self._is_counted(video)
            self._replace(video)
        if self._publishing_time:
            self._publish(video, publisher)
        else:
            self._published(video, publisher)

    def _publish(self, video: int, publisher: int) -> None:
        """Let a publisher be busy with a video as long as that takes."""
        if time := self._ticks_of_publishing(video):
            ends = self._publishing_ends if self._is_counted(video) else self._published
            later(self._env, time, PUBLISHED + publisher, ends, video, publisher)
        else:
            self._published(video, publisher)

    def _is_counted(self, video: int) -> bool:
        """Return whether the level of the pool may depend on the publisher that publishes a video."""
        if self._own[video] or not (self._level_is_asked and self._publishing_time):
            return False
        return self._ticks_of_publishing(video) > 0

    def _publishing_ends(self, video: int, publisher: int) -> None:
        """Act on the end of publishing on which the level of the pool may depend."""
        self._publishing -= 1
        self._published(video, publisher)
        self.review(video)

    def _ticks_of_publishing(self, video: int) -> float:
        return self._publishing_time[video]

    def _published(self, video: int, publisher: int) -> None:
        """Give the video its outcome and end the publisher."""
        held = self._assigned[video] if self._by_assignment else self._env.now
        if held - self._encoding_started[video] <= self._timeouts[video]:
            self._record.published(video)
        else:
            self._record.failed(video)
        self._record.publisher_ended(publisher)
        self._on_outcome()


def reviews(
    env: Environment, publishers: Publishers, every: float, matter: Callable[[], bool]
) -> Generator[Event, None, None]:
    """Review the pool every `every` ticks, as long as another event is scheduled or they `matter` alone."""
    while env.peek() < inf or matter():
        yield Background(env, every, REVIEWED)
        publishers.review()
