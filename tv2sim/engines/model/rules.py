"""Decisions at the end of an instant: which videos are given up or served, and what is started."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import chain, repeat
from math import inf
from operator import index
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.base.checks import MOST, a_whole_number, shown
from tv2sim.base.errors import StrategyError, call
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.engines.model.schedule import Occasion, Place
from tv2sim.strategies.hooks import Decision, KnownVideo, State
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simpy import Event

    from tv2sim.engines.model.pool import Pool
    from tv2sim.engines.model.publishing_stage import PublishingStage
    from tv2sim.engines.model.replication import Replication
    from tv2sim.strategies.coverage import Coverage

__all__ = ["AskedRule", "CoverageRule", "Rule"]


class Rule:
    """Serves the videos that wait at the end of an instant, in the order of the queue.

    Each event that is recorded is an occasion for a decision in its instant. A decision is about the videos
    that wait when it begins. If others wait when it is finished, the next one is about these, in the same
    instant: the room that it has made admits them, or their publishing has failed at once.

    Parameters
    ----------
    run : Replication
        What all parts share.
    stage : PublishingStage
        Where videos and publishers wait.
    pool : Pool
        What starts publishers.
    """

    def __init__(self, run: Replication, stage: PublishingStage, pool: Pool) -> None:
        self._run, self._env, self._stage, self._pool = run, run.env, stage, pool
        pool.decision = Occasion(run.env, Place.DECIDED, self._decide)
        run.record.after_each(pool.wake)

    def sees(self, video: int) -> None:
        """Take note of the first start of the encoding of a video for the pool."""

    def _decide(self) -> bool:
        """Decide, and return whether to decide again."""
        pool, stage = self._pool, self._stage
        pool.given.clear()
        waiting = stage.in_order()
        others = self._carry_out(waiting)
        pool.fill_up(chain(list(pool.given), repeat(-1)))
        for _ in range(others):
            pool.order()
        stage.look_for_room()
        return not set(stage.in_order()) <= set(waiting)

    def _carry_out(self, waiting: list[int]) -> int:
        """Take out of the list whom it discards or serves, and return how many publishers to order besides.

        These are ordered whatever the level of the pool is.
        """
        self._discard_hopeless(waiting)
        self._serve(waiting, len(self._stage.ready))
        return 0

    def _discard_hopeless(self, waiting: list[int]) -> None:
        stage = self._stage
        hopeless = set(filter(self._run.is_hopeless, [*waiting, *stage.own_waiting]))
        for video in sorted(hopeless):
            stage.discard(video)
        waiting[:] = [video for video in waiting if video not in hopeless]

    def _serve(self, waiting: list[int], number: int) -> None:
        for video in waiting[:number]:
            self._stage.give(video)
        del waiting[:number]

    def _encoding(self, waiting: Sequence[int]) -> list[tuple[int, float]]:
        """Return the videos that will wait for the pool, each with the tick at which its encoding ends.

        A video that has lost its encoder could start over now.
        """
        now, nominal, others = self._env.now, self._run.nominal, set(waiting)
        return [
            (video, now + nominal[video] if end is None else max(now, end))
            for video, end in sorted(self._run.encoding_ends.items())
            if video not in others
        ]

    def _ordered_since(self) -> list[float]:
        """Return the tick at which each publisher of the pool was ordered that is not ready.

        One that waits for the quota counts as started just now.
        """
        pool = self._pool
        in_line = [self._env.now for publisher, _ in pool.line if not publisher.is_own]
        return [start - pool.provisioning for start in (*pool.starting.values(), *pool.due, *in_line)]


class CoverageRule(Rule):
    """The coverage rule, or holding alone: see :mod:`tv2sim.strategies.coverage`.

    Parameters
    ----------
    knowledge : Coverage
        What the rule knows at the beginning.
    run, stage, pool
        As for :class:`Rule`.
    """

    def __init__(self, knowledge: Coverage, run: Replication, stage: PublishingStage, pool: Pool) -> None:
        super().__init__(run, stage, pool)
        from tv2sim.strategies import coverage  # which loads numba, if it is there

        self._coverage, self._knowledge = coverage, knowledge
        self._timer: Event | None = None
        # the ticks by which a latest start is before its deadline; infinite if the rule starts none
        self._ahead = -float(coverage.latest_start(knowledge, 0.0))
        coverage.begin(knowledge)

    def sees(self, video: int) -> None:
        """Learn from a video."""
        run = self._run
        self._coverage.seen(self._knowledge, run.nominal[video], run.timeout[video], self._env.now)

    def _decide(self) -> bool:
        """Decide, also at the next latest start for a video that then lacks a publisher."""
        again = super()._decide()
        if self._timer is not None:
            self._env.cancel(self._timer)
        self._timer, latest = None, self._next_latest_start()
        if latest < inf:
            self._timer = self._env.call(latest - self._env.now, Place.LATEST_START, self._pool.wake)
        return again

    def _next_latest_start(self) -> float:
        """Return when the last publisher is started that comes in time for one of those that lack any."""
        lacking = {*self._run.encoding_ends, *self._stage.in_order()}
        now, latest_start = self._env.now, self._coverage.latest_start
        # few calls, since a tick less is enough to leave out those whose latest start is over
        deadlines = sorted(due for due in map(self._run.deadline, lacking) if due > now + self._ahead - 1.0)
        starts = (float(latest_start(self._knowledge, due)) for due in deadlines)
        return next((start for start in starts if start > now), inf)

    def _carry_out(self, waiting: list[int]) -> int:
        run, stage = self._run, self._stage
        self._discard_hopeless(waiting)
        if self._knowledge.holding:
            self._make_room(waiting)
        encoding = self._encoding(waiting)
        served, started, _ = self._coverage.decide(
            self._knowledge,
            self._env.now,
            self._step_of_rate(),
            len(stage.ready),
            np.array(self._ordered_since(), dtype=np.float64),
            np.array([run.deadline(video) for video in waiting], dtype=np.float64),
            np.array([end for _, end in encoding], dtype=np.float64),
            np.array([run.deadline(video) for video, _ in encoding], dtype=np.float64),
        )
        self._serve(waiting, served)
        return int(started)

    def _make_room(self, waiting: list[int]) -> None:
        """Serve those that wait until there is room: to hold for a video that cannot come would be in vain."""
        stage = self._stage
        while not stage.has_room and stage.ready and waiting:
            self._serve(waiting, 1)

    def _step_of_rate(self) -> int:
        """Return the number of the step of its profile in which the client's rate is now."""
        rate, now = self._run.scenario.requests_per_second, self._env.now
        if not isinstance(rate, Profile):
            return 0
        time = now if rate.period is None else now % to_ticks(rate.period)
        return bisect_right([to_ticks(start) for start, _ in rate.steps], time) - 1


class AskedRule(Rule):
    """A strategy's hook `decide`. The parameters are those of :class:`Rule`."""

    def __init__(self, run: Replication, stage: PublishingStage, pool: Pool) -> None:
        super().__init__(run, stage, pool)
        self._mix: Counter[tuple[float, float]] = Counter()  # videos by encoding time and timeout, in seconds
        self._first = self._last = 0.0  # ticks at which encodings have started
        self._name = f"the answer of {run.strategy.name}.decide"

    def sees(self, video: int) -> None:
        """Count a video."""
        self._last = self._env.now
        if not self._mix:
            self._first = self._last
        self._mix[self._run.nominal[video] / PER_SECOND, self._run.videos[video].publication_timeout] += 1

    def _carry_out(self, waiting: list[int]) -> int:
        """Do what the hook answers."""
        stage = self._stage
        answer = self._ask(waiting)
        for video in self._rows("discard", answer.discard, waiting):
            if not self._run.outcome[video]:  # otherwise it has been published, and delivered again
                stage.discard(video)
                waiting.remove(video)
        hold, start = (
            a_whole_number(f"{self._name}'s {what}", number, at_least=0, at_most=MOST, error=StrategyError)
            for what, number in (("hold", answer.hold), ("start", answer.start))
        )
        served = [*waiting] if answer.serve is None else self._rows("serve", answer.serve, waiting)
        number = max(0, len(stage.ready) - hold)
        taken = set(served[:number])
        waiting[:] = [video for video in waiting if video not in taken]
        self._serve(served, number)
        return start

    def _ask(self, waiting: Sequence[int]) -> Decision:
        """Ask the hook, which is told times in seconds."""
        now = self._env.now
        ages = tuple((now - since) / PER_SECOND for since in self._pool.starting.values())
        number, span = sum(self._mix.values()), (self._last - self._first) / PER_SECOND
        state = State(
            now / PER_SECOND,
            tuple(self._known(video, now) for video in waiting),
            tuple(self._known(video, end) for video, end in self._encoding(waiting)),
            len(self._ordered_since()) - len(ages),
            ages,
            len(self._stage.ready),
            (number - 1) / span if span else 0.0,
            dict(self._mix),
        )
        answer = call(self._run.strategy.decide, state)
        if not isinstance(answer, Decision):
            raise StrategyError(f"{self._name} must be a tv2sim.Decision, not {shown(answer)}")
        return answer

    def _known(self, video: int, encoded: float) -> KnownVideo:
        run = self._run
        left = (encoded - self._env.now) / PER_SECOND
        return KnownVideo(video, run.videos[video], run.deadline(video) / PER_SECOND, left)

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
