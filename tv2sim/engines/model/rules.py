"""Rules that weigh everything anew once an instant: the coverage rule, and the hook `decide`."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import MOST, a_whole_number, shown
from tv2sim.base.errors import StrategyError, call
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.engines.model.instant import REVIEWED, Background
from tv2sim.engines.model.late import Decisions
from tv2sim.strategies.coverage import begin, decide, latest_start, seen
from tv2sim.strategies.hooks import Decision, KnownVideo, State
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tv2sim.catalogue import Video
    from tv2sim.strategies import Strategy
    from tv2sim.strategies.coverage import Coverage
    from tv2sim.world.scenario import Scenario

__all__ = ["AskedDecisions", "CoveringDecisions", "RuledDecisions"]


class RuledDecisions(Decisions):
    """Decisions that depend on the videos that are encoding, and on the publishers that are starting.

    Parameters
    ----------
    nominal, timeouts : sequence of float
        By video: the encoding time that is known beforehand, and the publication timeout, in ticks.
    *wiring
        As for :class:`Decisions`.
    """

    def __init__(self, nominal: Sequence[float], timeouts: Sequence[float], *wiring: Any) -> None:
        super().__init__(*wiring)
        self._nominal, self._timeouts = nominal, timeouts
        self._started = self._record.tables["videos"]["encoding_started"]
        self._ends: dict[int, float | None] = {}
        """When the encoding of each video ends that has no publisher; None: it has lost its encoder."""
        self._publishers.watch(self)

    def encoding_started(self, video: int, *, again: bool = False) -> None:
        """Take note of the start of an encoding; it may be another one of the same video."""
        self._ends[video] = self._env.now + self._nominal[video]

    def interrupted(self, video: int) -> None:
        """Take note that a video has lost its encoder."""
        self._ends[video] = None

    def taken(self, video: int) -> None:
        """Take note that a video has a publisher, or needs none."""
        self._ends.pop(video, None)

    def deadline(self, video: int) -> float:
        """Return the tick at which a video's timeout ends."""
        deadline: float = self._started[video] + self._timeouts[video]
        return deadline

    def look_again(self) -> None:
        """Decide again if a video that has been served waits again, as its publishing has failed at once."""
        self._again = not set(self._publishers.given).isdisjoint(self._stage.waiting())

    def encoding(self, waiting: Sequence[int]) -> list[tuple[int, float]]:
        """Return the videos that will wait for a publisher of the pool, each with the end of its encoding."""
        now, others = self._env.now, set(waiting)
        return [
            (video, now + self._nominal[video] if end is None else max(now, end))
            for video, end in sorted(self._ends.items())
            if video not in others
        ]


class CoveringDecisions(RuledDecisions):
    """Decisions of the coverage rule, or of holding alone.

    Parameters
    ----------
    knowledge : Coverage
        What the rule knows at the beginning.
    scenario : Scenario
        The rate of the client.
    *wiring
        As for :class:`RuledDecisions`.
    """

    def __init__(self, knowledge: Coverage, scenario: Scenario, *wiring: Any) -> None:
        super().__init__(*wiring)
        self._knowledge = knowledge
        self._rate_at = _rates(scenario)
        begin(knowledge)

    def encoding_started(self, video: int, *, again: bool = False) -> None:
        """Learn from the start of an encoding, and decide again at the latest start of a publisher for it."""
        super().encoding_started(video)
        if not again:
            seen(self._knowledge, self._nominal[video], self._timeouts[video], self._env.now)
            if (left := self._until_latest_start(video)) > 0:
                timer = Background(self._env, left, REVIEWED)
                timer.callbacks.append(lambda _: self._at_latest_start(video))

    @property
    def has_latest_starts(self) -> bool:
        """Whether the latest start of a video without a publisher is still to come."""
        return any(self._until_latest_start(video) > 0 for video in self._without_publisher())

    def _until_latest_start(self, video: int) -> float:
        return float(latest_start(self._knowledge, self.deadline(video))) - self._env.now

    def _at_latest_start(self, video: int) -> None:
        if video in self._without_publisher():
            self.wake()

    def _without_publisher(self) -> set[int]:
        return {*self._ends, *self._stage.waiting()}

    def carry_out(self) -> None:
        """Discard, dispatch as far as nothing is held, start."""
        self.discard_hopeless()
        if self._knowledge.holding:
            self._make_room()
        waiting = self._stage.waiting()
        encoding = self.encoding(waiting)
        taken, started, _ = decide(
            self._knowledge,
            self._env.now,
            self._rate_at(self._env.now),
            len(self._stage.ready),
            np.array(self._publishers.ordered_since(), dtype=np.float64),
            np.array([self.deadline(video) for video in waiting], dtype=np.float64),
            np.array([end for _, end in encoding], dtype=np.float64),
            np.array([self.deadline(video) for video, _ in encoding], dtype=np.float64),
        )
        for video in waiting[:taken]:
            self.serve(video)
        self.look_again()
        self.start()
        self._publishers.start_others(int(started))

    def _make_room(self) -> None:
        """Serve those that wait until there is room: to hold for a video that cannot come would be in vain."""
        stage = self._stage
        while not stage.sees_blocked and stage.full and stage.ready and (waiting := stage.waiting()):
            self.serve(waiting[0])


class AskedDecisions(RuledDecisions):
    """Decisions of a strategy's hook.

    Parameters
    ----------
    strategy : Strategy
        Whose hook is asked.
    videos : sequence of Video
        What it is told of each.
    *wiring
        As for :class:`RuledDecisions`.
    """

    def __init__(self, strategy: Strategy, videos: Sequence[Video], *wiring: Any) -> None:
        super().__init__(*wiring)
        self._strategy, self._videos = strategy, videos
        self._outcome = self._record.tables["videos"]["outcome"]
        self._mix = Counter[tuple[float, float]]()
        self._first = self._last = 0.0

    def encoding_started(self, video: int, *, again: bool = False) -> None:
        """Count the video."""
        super().encoding_started(video)
        if not again:
            if not self._mix:
                self._first = self._env.now
            self._last = self._env.now
            self._mix[self._nominal[video] / PER_SECOND, self._videos[video].publication_timeout] += 1

    def carry_out(self) -> None:
        """Do what the hook answers."""
        waiting = self._stage.waiting()
        answer = self._asked(waiting)
        for video in self._rows("discard", answer.discard, waiting):
            if not self._outcome[video]:  # as otherwise it has been published, and delivered again
                self.discard(video)
                waiting.remove(video)
        hold, start = (
            a_whole_number(f"{self._name}'s {what}", number, at_least=0, at_most=MOST, error=StrategyError)
            for what, number in (("hold", answer.hold), ("start", answer.start))
        )
        serve = waiting if answer.serve is None else self._rows("serve", answer.serve, waiting)
        for video in serve[: max(0, len(self._stage.ready) - hold)]:
            self.serve(video)
        self.look_again()
        self._publishers.given.clear()
        self._publishers.start_others(start)

    @property
    def _name(self) -> str:
        return f"the answer of {self._strategy.name}.decide"

    def _asked(self, waiting: Sequence[int]) -> Decision:
        now, publishers = self._env.now, self._publishers
        ages = tuple((now - since) / PER_SECOND for since in publishers.starting_since())
        number, span = sum(self._mix.values()), (self._last - self._first) / PER_SECOND
        state = State(
            now / PER_SECOND,
            tuple(self._known(video, now) for video in waiting),
            tuple(self._known(video, end) for video, end in self.encoding(waiting)),
            len(publishers.ordered_since()) - len(ages),
            ages,
            len(self._stage.ready),
            (number - 1) / span if span else 0.0,
            dict(self._mix),
        )
        answer = call(self._strategy.decide, state)
        if not isinstance(answer, Decision):
            raise StrategyError(f"{self._name} must be a tv2sim.Decision, not {shown(answer)}")
        return answer

    def _known(self, video: int, end: float) -> KnownVideo:
        remaining = (end - self._env.now) / PER_SECOND
        return KnownVideo(video, self._videos[video], self.deadline(video) / PER_SECOND, remaining)

    def _rows(self, what: str, rows: Sequence[int], waiting: Sequence[int]) -> list[int]:
        try:
            found = [index(row) for row in rows]
        except TypeError:  # not numbers, or not several
            found = [-1]
        if len(set(found)) < len(found) or not set(found) <= set(waiting):
            raise StrategyError(
                f"{self._name} must {what} rows of videos that are waiting, each once, not {shown(rows)}"
            )
        return found


def _rates(scenario: Scenario) -> Callable[[float], int]:
    """Return a function of a tick: the number of the step in which the client's rate is then."""
    rate = scenario.requests_per_second
    if not isinstance(rate, Profile):
        return lambda time: 0
    starts = [to_ticks(start) for start, _ in rate.steps]
    period = None if rate.period is None else to_ticks(rate.period)
    return lambda time: bisect_right(starts, time if period is None else time % period) - 1
