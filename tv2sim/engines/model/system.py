"""Wires the processes together and runs them to the end."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cached_property, partial
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy
from simpy.core import EmptySchedule, StopSimulation

from tv2sim.base.checks import a_number
from tv2sim.base.errors import ScenarioError, StrategyError, call
from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import LAST, PER_SECOND, to_ticks, whole_ticks
from tv2sim.engines.model.breakdowns import BreakableEncoders
from tv2sim.engines.model.brokers import BrokersPublishers, BrokersQueue, BrokersStage
from tv2sim.engines.model.client import LiveVideos, RetryingClient, Wait, client, known_times, pauses
from tv2sim.engines.model.draws import drawn, encodings
from tv2sim.engines.model.encoders import DifferentEncoders, Encoders, NoEncoders
from tv2sim.engines.model.failures import FailingPublishers, RetryingStage
from tv2sim.engines.model.instant import END, CountingEnvironment, PlacedTimeout
from tv2sim.engines.model.late import Decisions, LateBrokersStage, LateRetryingStage, LateStage
from tv2sim.engines.model.managed import ManagedBrokersPublishers, ManagedFailingPublishers, ManagedPublishers
from tv2sim.engines.model.orders import OrderedPublishers
from tv2sim.engines.model.publishers import Publishers, reviews
from tv2sim.engines.model.publishing import PriorityQueue, PublishingStage
from tv2sim.results.recorder import Observer, Recorder
from tv2sim.strategies import Starts
from tv2sim.strategies.expectations import nominal_times
from tv2sim.world.distributions import Distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tv2sim.base.progress import Counted
    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.results.facts import Ending, Facts
    from tv2sim.strategies import Strategy
    from tv2sim.strategies.coverage import Coverage
    from tv2sim.world.scenario import Scenario

__all__ = ["System", "run_model"]


def run_model(
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    startups: StartupTimes,
    *,
    observers: Sequence[Observer] = (),
    counted: Counted = iter,
    env: simpy.Environment | None = None,
    own: bytearray | None = None,
    feed: Callable[[System], LiveVideos] | None = None,
    knowledge: Coverage | None = None,
) -> Facts:
    """Simulate one replication with SimPy and return what happened.

    Parameters
    ----------
    catalogue, strategy, scenario
        What to simulate.
    startups : StartupTimes
        The replication's start-up times.
    observers : sequence of callables
        Called with each line of the event log as it happens.
    counted : callable, optional
        Wraps an iterable to show progress while its items are taken: the videos that the client offers, and
        the prewarmed publishers, each when it becomes ready.
    env : simpy.Environment, optional
        The clock; another one lets the same processes run in real time.
    own : bytearray, optional
        As for :class:`System`.
    feed : callable, optional
        Takes the system and returns the videos that are added to it while it runs, after the catalogue.
    knowledge : Coverage, optional
        What a strategy's coverage rule knows before the run; used again for each replication.
    """
    may_go_on = scenario.may_go_on_for_ever or strategy.may_go_on_for_ever
    env = env or (CountingEnvironment() if may_go_on else simpy.Environment())
    system = System(env, strategy, scenario, startups, observers, own, knowledge)
    system.add(catalogue)
    if feed is not None:
        live = feed(system)
        return system.run(live.rows(), live.wait)
    system.close()
    wait = None if catalogue.submitted_at is None else known_times(env, catalogue.submitted_at.tolist())
    return system.run(range(len(catalogue)), wait, counted)


class System:
    """The wired processes of one replication; videos can be added before and while it runs.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    strategy, scenario
        What to simulate.
    startups : StartupTimes
        The replication's start-up times.
    observers : sequence of callables
        Called with each line of the event log as it happens.
    own : bytearray, optional
        Extended as videos are added: 1 for each video that waits for a publisher of its own.
    knowledge : Coverage, optional
        As for :func:`run_model`.
    """

    def __init__(
        self,
        env: simpy.Environment,
        strategy: Strategy,
        scenario: Scenario,
        startups: StartupTimes,
        observers: Sequence[Observer] = (),
        own: bytearray | None = None,
        knowledge: Coverage | None = None,
    ) -> None:
        self._env, self._strategy, self._scenario, self._startups = env, strategy, scenario, startups
        # one value per video; the objects that get one of these lists see it grow
        self._encoding_time: list[float] = []
        self._nominal: list[float] = []  # encoding times in seconds
        self._nominal_ticks: list[float] = []  # kept only for a rule that decides once an instant
        self._timeout: list[float] = []
        self._publishing_time: list[float] = []
        self._measured = set[int]()  # videos of which the catalogue has the publishing time
        self._submitted: list[float] = []  # NaN where it is not known
        self._delay: list[float] = []
        self._videos: list[Video] = []  # kept only if the strategy reorders the queue
        own = bytearray() if own is None else own
        self._starts = Starts(bytearray(), own, self._delay if strategy.delays else None)
        self._without_outcome = 0  # videos added so far that have no outcome yet
        self._open = True  # whether more videos may be added
        self._record = Recorder(env, observers, scenario.most_offers)
        stage = self._stage(None if scenario.encoders is None else scenario.publishing_queue_capacity)
        self._ends_matter = _orders(scenario) or strategy.manages
        self._publishers = self._kind()(
            env,
            strategy,
            self._starts,
            startups,
            self._timeout,
            self._publishing_time,
            scenario.deadline == "assigned",
            stage,
            self._record,
            self._on_outcome,
        )
        self._decisions: Decisions | None = None
        if isinstance(stage, LateStage):
            stage.gives_up = strategy.discards
            self._decisions = self._deciding(knowledge)(env, stage, self._publishers, self._record)
        self._encoders: Encoders | NoEncoders
        if scenario.encoders is None:
            self._encoders = NoEncoders(self._publishers, stage, self._record)
        else:
            durations = encodings(scenario, startups, self._nominal)
            encoders: Callable[..., Encoders] = Encoders
            if scenario.faults.encoder_lifetime is not None:
                again = durations or (lambda video, *_: self._encoding_time[video])
                encoders = partial(BreakableEncoders, scenario, startups, again)
            elif durations is not None:
                encoders = partial(DifferentEncoders, durations)
            self._encoders = encoders(
                env, scenario.encoder_count, self._encoding_time, self._publishers, stage, self._record
            )
        self._pauses = pauses(env, scenario, startups, self._submitted)
        self._retrying: RetryingClient | None = None
        if scenario.hand_over is not None and isinstance(self._encoders, Encoders):
            fixed = scenario.arrivals == "poisson"
            of_system = self._pauses, self._encoders, self._record, self._on_outcome
            self._retrying = RetryingClient(env, scenario.hand_over, fixed, *of_system)

    def _stage(self, capacity: int | None) -> PublishingStage:
        """Return the publishing stage."""
        late, place, own = self._strategy.dispatches_late, dict[int, int](), self._starts.own
        if self._scenario.broker is not None:
            brokers = LateBrokersStage if late else BrokersStage
            return brokers(place, self._env, self._queue(place, BrokersQueue), capacity, own)
        if self._scenario.faults.publishing:
            retrying = LateRetryingStage if late else RetryingStage
            return retrying(place, self._env, self._queue(place), capacity, own)
        return (LateStage if late else PublishingStage)(self._env, self._queue(), capacity, own)

    def _deciding(self, knowledge: Coverage | None) -> Callable[..., Decisions]:
        """Return what makes the decisions at the end of instants."""
        if knowledge is None and not self._strategy.decides:
            return Decisions
        from tv2sim.engines.model.rules import (  # which loads numba, if it is there
            AskedDecisions,
            CoveringDecisions,
        )

        known = [self._nominal_ticks, self._timeout]
        if knowledge is None:
            return partial(AskedDecisions, self._strategy, self._videos, *known)
        return partial(CoveringDecisions, knowledge, self._scenario, *known)

    def _kind(self) -> Callable[..., Publishers]:
        """Return what makes the publishers of what they have in common."""
        scenario, managed = self._scenario, self._strategy.manages
        failing = scenario, self._startups, self._publishing_time_of
        if scenario.broker is not None:
            brokers = ManagedBrokersPublishers if managed else BrokersPublishers
            return partial(brokers, scenario.broker, *failing)
        if scenario.faults.of_publishers:
            return partial(ManagedFailingPublishers if managed else FailingPublishers, *failing)
        if managed:
            return partial(ManagedPublishers, scenario)
        return partial(OrderedPublishers, scenario) if self._ends_matter else Publishers

    def add(self, catalogue: Catalogue) -> None:
        """Add the videos of a catalogue; their rows follow the rows of those added before."""
        starts = self._strategy.starts(catalogue, self._scenario)
        self._starts.moment.extend(starts.moment)  # type: ignore[union-attr]
        self._starts.own.extend(starts.own)  # type: ignore[union-attr]
        self._delay.extend(starts.delay or ())
        self._nominal.extend(catalogue.encoding_time.tolist())
        if self._strategy.dispatches_late:
            self._nominal_ticks.extend(whole_ticks(nominal_times(catalogue, self._scenario)).tolist())
        self._encoding_time.extend(whole_ticks(catalogue.encoding_time).tolist())
        self._timeout.extend(whole_ticks(catalogue.publication_timeout).tolist())
        self._extend_publishing_times(catalogue)
        submitted = catalogue.submitted_at
        self._submitted.extend([nan] * len(catalogue) if submitted is None else whole_ticks(submitted).tolist())
        if self._strategy.order == "priority" or self._strategy.decides:
            self._videos.extend(catalogue)
        for grows in (self._record, self._startups, self._publishers, self._encoders):
            grows.add(len(catalogue))
        self._without_outcome += len(catalogue)

    def _extend_publishing_times(self, catalogue: Catalogue) -> None:
        """Add the ticks of publishing of each video: the catalogue's, or drawn ones.

        The list stays empty as long as nothing depends on when publishing ends: it then ends at once.
        """
        time, first = self._scenario.publishing_time, len(self._timeout) - len(catalogue)
        if isinstance(time, float):
            found = [to_ticks(time)] * len(catalogue)
        else:
            found = [self._drawn_time(row) for row in range(first, first + len(catalogue))]
        if (given := catalogue.publishing_time) is not None:
            found = np.where(np.isnan(given), found, whole_ticks(given)).tolist()
            self._measured.update(first + row for row in np.flatnonzero(~np.isnan(given)).tolist())
        if self._publishing_time or self._ends_matter or any(found):
            self._publishing_time += [0.0] * (first - len(self._publishing_time)) + found

    def _publishing_time_of(self, video: int, attempt: int) -> float:
        """Return the ticks of publishing at the first attempt (0), or at a later one."""
        if not attempt or isinstance(self._scenario.publishing_time, float) or video in self._measured:
            return self._publishing_time[video]
        return self._drawn_time(video, attempt)

    @cached_property
    def _drawn_time(self) -> Callable[..., float]:
        """The publishing times that are drawn by video."""
        time = self._scenario.publishing_time
        assert isinstance(time, Distribution)
        return drawn("publishing_time", time, Purpose.PUBLISHING_TIME, self._startups)

    def close(self) -> None:
        """Declare that no more videos will be added, so that the run ends with the last outcome."""
        self._open = False
        self._end_if_done()

    def run(self, offered: Iterable[int], wait: Wait | None = None, counted: Counted = iter) -> Facts:
        """Run to the end, and return the facts.

        Parameters
        ----------
        offered : iterable of int
            The rows in the order in which the client offers them, taken one by one.
        wait : callable, optional
            Lets the client wait until a row may be offered; default is not to wait.
        counted : callable, optional
            As for :func:`run_model`.
        """
        env, scenario = self._env, self._scenario
        self._publishers.prewarm(counted)
        if isinstance(self._publishers, ManagedPublishers):
            self._publishers.wake()
        if self._retrying is None:
            env.process(client(env, counted(offered), self._pauses, self._encoders, self._record, wait))
        else:
            env.process(self._retrying.offer_all(counted(offered), wait))
        if self._strategy.review_every is not None:
            every = to_ticks(self._strategy.review_every)
            env.process(reviews(env, self._publishers, every, self._reviews_matter))
        until = None if scenario.until is None else to_ticks(scenario.until)
        if isinstance(env, CountingEnvironment):
            env.ends_if(self._stalled, inf if self._retrying else self._encoders.futile_at_most)
        ending = _run_to_the_end(env, until)
        end = until if ending == "cut-off" and until is not None else float(env.now)
        if end > LAST:
            raise ScenarioError(
                f"the run lasts {end / PER_SECOND:.3g} s, and time is exact up to {LAST / PER_SECOND:.3g} s: "
                f"cut it off with until=..."
            )
        waits = self._publishers.quota_waits
        facts = self._record.facts(self._starts.own, end, ending, scenario.deadline, waits)
        if ending == "nothing left to happen" and _waits_encoded(facts.videos):
            return replace(facts, ending="no publisher will come")
        return facts

    def _stalled(self, foreground: int) -> bool:
        """Return whether no event can change a video's fate any more, given how many keep the run alive."""
        futile = self._encoders.futile + (0 if self._retrying is None else self._retrying.futile)
        decides = self._decisions is not None and self._decisions.has_latest_starts
        alive = foreground > futile or self._encoders.awaits_repair or decides
        return not (alive or self._open or self._publishers.awaits_death or self._reviews_matter())

    def _reviews_matter(self) -> bool:
        """Return whether reviews alone may let a publisher come that a video waits for."""
        return self._publishers.level_changes and _waits_encoded(self._record.tables["videos"])

    def _on_outcome(self) -> None:
        self._without_outcome -= 1
        if not self._without_outcome:
            self._end_if_done()

    def _end_if_done(self) -> None:
        if not (self._open or self._without_outcome):
            PlacedTimeout(self._env, 0, END, "completed").callbacks.append(StopSimulation.callback)

    def _queue(
        self, place: dict[int, int] | None = None, kind: type[PriorityQueue] = PriorityQueue
    ) -> deque[int] | PriorityQueue:
        """Return the publishing queue: first in, first out, or in the order of `place`, after priorities."""
        if not self._strategy.reorders:
            return deque() if place is None else kind(lambda row: 0, place)
        encoding_started, strategy = self._record.tables["videos"]["encoding_started"], self._strategy
        if strategy.order == "deadline":
            return kind(lambda row: (encoding_started[row] + self._timeout[row], row), place)

        def priority(row: int) -> float:
            video = self._videos[row]
            answer = call(strategy.priority, video, (encoding_started[row] + self._timeout[row]) / PER_SECOND)
            asked = f"the answer of {strategy.name}.priority({video.id!r})"
            return a_number(asked, answer, at_least=-inf, error=StrategyError)

        return kind(priority, place)


def _waits_encoded(videos: Mapping[str, Any]) -> bool:
    """Return whether a video is encoded and has no outcome."""
    return any(
        time == time and not done for time, done in zip(videos["encoded"], videos["outcome"], strict=True)
    )


def _orders(scenario: Scenario) -> bool:
    """Return whether publishers may start later than they are ordered."""
    limited = scenario.max_publishers is not None or scenario.provisioning_delay > 0
    return limited or scenario.faults.of_publishers or scenario.broker is not None


def _run_to_the_end(env: simpy.Environment, until: float | None) -> Ending:
    """Step until the last outcome, until nothing is left, or to the cut-off; return which it was."""
    try:
        if until is None:
            while True:
                env.step()
        while env.peek() <= until:
            env.step()
    except StopSimulation as stop:
        ending: Ending = stop.args[0]
        return ending
    except EmptySchedule:
        return "nothing left to happen"
    return "nothing left to happen" if env.peek() == inf else "cut-off"
