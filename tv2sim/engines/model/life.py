"""The life of a publisher: ordered, starting, ready, busy with one video, ended."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from math import inf
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.publisher import DIED, RETIRED, Publisher, State
from tv2sim.engines.model.schedule import DirectProcess, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simpy import Event

    from tv2sim.base.progress import Counted
    from tv2sim.engines.model.deliveries import Deliveries
    from tv2sim.engines.model.draws import Chance
    from tv2sim.engines.model.pool import Pool
    from tv2sim.engines.model.publishing_stage import PublishingStage
    from tv2sim.engines.model.replication import Replication
    from tv2sim.engines.model.schedule import Steps

__all__ = ["PublisherDraws", "PublisherLives"]


class PublisherLives:
    """Leads each publisher through its life, which is a process.

    Parameters
    ----------
    run : Replication
        What all parts share.
    stage : PublishingStage
        Where publishers get their videos.
    pool : Pool
        What orders, counts and replaces publishers.
    deliveries : Deliveries, optional
        The broker's, to which publications are acknowledged.
    """

    def __init__(
        self, run: Replication, stage: PublishingStage, pool: Pool, deliveries: Deliveries | None
    ) -> None:
        self._run, self._env, self._stage, self._pool, self._deliveries = run, run.env, stage, pool, deliveries
        self._draws = PublisherDraws(run)
        self._attempts: defaultdict[int, int] = defaultdict(int)  # to publish, by video
        most = run.scenario.faults.attempts
        self._most_attempts = inf if most is None else most
        self._noticed_after = to_ticks(run.scenario.faults.noticed_after)

    def begin(self, publisher: Publisher, wait: float) -> None:
        """Begin the life of a publisher whose order is carried out after `wait` ticks."""
        publisher.process = DirectProcess(self._env, self.life(publisher, wait))
        publisher.process.begin()

    def life(self, publisher: Publisher, wait: float) -> Steps:
        """Lead a publisher from its order to its end; a prewarmed one, from the end of its start-up."""
        env, pool, stage = self._env, self._pool, self._stage
        if publisher.state == State.ORDERED:
            if wait or pool.is_at_quota:
                yield from pool.turn(publisher, wait)
            if not stage.needs(publisher):
                return
            takes = self._start(publisher)
            yield env.plan(takes, Place.READY + publisher.number)
        if self._draws.startup_fails(publisher):
            self._fail(publisher)
            yield from self._until_replaced(publisher)
            return
        self._become_ready(publisher)
        video = stage.claim(publisher)
        if video is None:
            stage.keep(publisher)
            timers = self._timers(publisher)
            video = yield None  # until the stage sends one
            for timer in timers:
                env.cancel(timer)
        if video == RETIRED:
            self._retire(publisher)
        elif video == DIED:
            self._fail(publisher)
            yield from self._until_replaced(publisher)
        else:
            attempt, takes = self._take(publisher, video)
            if takes:
                yield from self._run.coming(env.plan(takes, Place.PUBLISHED + publisher.number))
            if not self._publish(publisher, video, attempt, takes):
                yield from self._until_replaced(publisher)

    # -- the steps of a life -------------------------------------------------------------------------------

    def _start(self, publisher: Publisher) -> float:
        """Start, with a number, and return the ticks of the start-up."""
        publisher.number = self._run.record.publisher_started(publisher.cause)
        self._pool.exists(publisher)
        self._draws.count(publisher)
        return self._draws.startup_time(publisher)

    def _become_ready(self, publisher: Publisher) -> None:
        self._pool.count(publisher, State.READY)
        self._run.record.publisher_ready(publisher.number)

    def _timers(self, publisher: Publisher) -> Sequence[Event]:
        """Plan what may end the wait for a video, if anything does."""
        timers: tuple[Event, ...] = ()
        if self._draws.may_die:
            lives, place = self._draws.ready_lifetime(publisher), Place.DIED + publisher.number
            timers += (self._env.call(max(1.0, lives), place, partial(self._stage.withdraw, publisher, DIED)),)
        if self._pool.idle_at_most is not None and not publisher.is_own:
            place = Place.RETIRED + publisher.number
            timers += (self._env.call(self._pool.idle_at_most, place, self._pool.retire_surplus),)
        return timers

    def _take(self, publisher: Publisher, video: int) -> tuple[int, float]:
        """Take a video; return the attempts to publish it before, and the ticks that this one takes."""
        attempt = self._attempts[video]
        self._attempts[video] += 1
        self._run.record.assigned(video, publisher.number)
        if not attempt:
            self._run.progress()
        self._pool.count(publisher, State.BUSY)
        takes = self._run.publishing_takes(video, attempt)
        if not publisher.is_own:
            self._pool.publishing += takes > 0
            self._pool.replenish(video)
        return attempt, takes

    def _publish(self, publisher: Publisher, video: int, attempt: int, takes: float) -> bool:
        """Have a video published, and end; or fail to publish it. Return whether it is published."""
        run, pool = self._run, self._pool
        if not publisher.is_own:
            pool.publishing -= takes > 0
        fails = self._draws.publishing_fails(video, attempt)
        if fails:
            self._fail_to_publish(publisher, video, attempt)
        else:
            run.publish(video)
            if self._deliveries is not None:
                self._deliveries.acknowledge(video)
            run.record.publisher_ended(publisher.number)
            self._end(publisher, State.ENDED)
        if not publisher.is_own:
            pool.publishing_ended(video, takes, fails)
        return not fails

    def _fail_to_publish(self, publisher: Publisher, video: int, attempt: int) -> None:
        """Fail; the video waits again, or is given up after its last attempt."""
        given_up = attempt + 1 >= self._most_attempts
        if given_up and not self._run.outcome[video]:
            self._run.record.given_up(video)
            self._run.settle()
        self._fail(publisher)
        if not given_up:
            self._stage.wait(video)

    def _retire(self, publisher: Publisher) -> None:
        self._run.record.publisher_retired(publisher.number)
        self._end(publisher, State.ENDED)

    def _fail(self, publisher: Publisher) -> None:
        self._run.record.publisher_failed(publisher.number)
        self._end(publisher, State.FAILED)

    def _end(self, publisher: Publisher, state: int) -> None:
        self._pool.count(publisher, state)
        self._pool.gone()

    def _until_replaced(self, publisher: Publisher) -> Steps:
        """Wait until a failure is noticed; then another publisher is ordered."""
        yield self._env.plan(self._noticed_after, Place.NOTICED + publisher.number)
        self._pool.count(publisher, State.ENDED)
        self._pool.replace(publisher)

    # -- publishers of time 0 ------------------------------------------------------------------------------

    def prewarm(self, number: int, warm: bool, counted: Counted) -> None:
        """Start publishers of the pool at time 0; `counted` wraps them as they become ready."""
        for _ in range(number):
            self._run.record.publisher_started(-1)
        ready = [0.0 if warm else self._draws.startup_of_slot(slot) for slot in range(number)]
        order = np.argsort(ready, kind="stable").tolist()
        self._env.begin(self._prewarmed(counted(order), ready, warm))

    def _prewarmed(self, slots: Iterable[int], ready: Sequence[float], warm: bool) -> Steps:
        """Wait for the end of each start-up, at ticks `ready`, and begin the rest of the publisher's life.

        Invariant: the schedule holds one event for all of them, and not a million for a pool of a million. The
        number of each is its slot, since no other has started before.
        """
        env = self._env
        for slot in slots:
            yield env.plan(ready[slot] - env.now, Place.READY + slot)
            publisher = Publisher(slot=slot, warm=warm)
            publisher.number, publisher.state = slot, State.STARTING
            self.begin(publisher, 0.0)


class PublisherDraws:
    """The random numbers of publishers: each belongs to a video, to a slot, or to the count of all others.

    Parameters
    ----------
    run : Replication
        Has the draws, and what is drawn.
    """

    def __init__(self, run: Replication) -> None:
        draws, faults = run.draws, run.scenario.faults
        self._started: defaultdict[int, int] = defaultdict(int)  # publishers by cause; -1: without one
        ticks, chance = draws.ticks, draws.chance
        self._startup_time = _of_each("STARTUP", partial(ticks, "startup_time", run.scenario.startup_time))
        self._startup_fails = _of_each("STARTUP_FAILURE", partial(chance, faults.startup))
        self.publishing_fails: Chance = draws.chance(faults.publishing, Purpose.PUBLISHING_FAILURE)
        """Takes a video, and the attempts to publish it before this one."""
        self.may_die = faults.ready_lifetime is not None
        """Whether a publisher that is ready may die."""
        lifetime = 0.0 if faults.ready_lifetime is None else faults.ready_lifetime
        self._ready_lifetime = _of_each("READY_LIFETIME", partial(ticks, "ready_lifetime", lifetime))

    def count(self, publisher: Publisher) -> None:
        """Count a publisher that starts among those that have the same cause, or neither cause nor slot."""
        if publisher.slot < 0:
            publisher.before = self._started[publisher.cause]
            self._started[publisher.cause] += 1

    def startup_time(self, publisher: Publisher) -> float:
        """Return the ticks of the start-up."""
        return 0.0 if publisher.warm else _drawn(self._startup_time, publisher)

    def startup_of_slot(self, slot: int) -> float:
        """Return the ticks of the start-up of the first publisher of a slot."""
        return self._startup_time[_SLOT](slot, 0)

    def startup_fails(self, publisher: Publisher) -> bool:
        """Return whether the start-up fails."""
        return not publisher.warm and _drawn(self._startup_fails, publisher)

    def ready_lifetime(self, publisher: Publisher) -> float:
        """Return the ticks for which it lives if no video comes for it."""
        return _drawn(self._ready_lifetime, publisher)


_VIDEO, _SLOT, _NEITHER = range(3)

T = TypeVar("T")


def _of_each(what: str, draw_of: Callable[[Purpose], T]) -> tuple[T, ...]:
    """Return the draws of something that belongs to a video, a slot or neither."""
    return tuple(draw_of(Purpose[f"{what}_{whose}"]) for whose in ("FOR_VIDEO", "OF_SLOT", "WITHOUT_CAUSE"))


def _drawn(draws: tuple[Callable[[int, int], T], ...], publisher: Publisher) -> T:
    """Return the number of a publisher."""
    if publisher.cause >= 0:
        return draws[_VIDEO](publisher.cause, publisher.before)
    if publisher.slot >= 0:
        return draws[_SLOT](publisher.slot, publisher.before)
    return draws[_NEITHER](publisher.before, 0)
