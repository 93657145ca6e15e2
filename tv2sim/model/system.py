"""Wires the processes together and runs them to the end."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import simpy
from simpy.core import EmptySchedule, StopSimulation

from tv2sim.errors import StrategyError
from tv2sim.model.client import client
from tv2sim.model.encoders import Encoders
from tv2sim.model.observing import ObservedRecorder, Observer
from tv2sim.model.order import END, Moment
from tv2sim.model.publishers import Publishers, reviews
from tv2sim.model.publishing import PublishingStage
from tv2sim.model.queues import Fifo, PriorityQueue, WaitingVideos
from tv2sim.model.recorder import Recorder
from tv2sim.model.startups import StartupTimes
from tv2sim.model.users import UsersError, call
from tv2sim.validation import a_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tv2sim.catalogue import Catalogue
    from tv2sim.facts import Ending, Facts
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Orders, Strategy

__all__ = ["run_model"]


def run_model(
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    *,
    seed: int,
    replication: int,
    observers: Sequence[Observer] = (),
    offered: Iterable[int] | None = None,
    env: simpy.Environment | None = None,
) -> Facts:
    """Simulate one replication with SimPy and return what happened.

    Parameters
    ----------
    catalogue, strategy, scenario
        What to simulate.
    seed, replication : int
        Which random numbers.
    observers : sequence of callables
        Called with each line of the event log as it happens.
    offered : iterable of int, optional
        The rows of the catalogue as the client takes them, one by one; default is all of them in order.
    env : simpy.Environment, optional
        The clock; another one lets the same processes run in real time.
    """
    env = env or simpy.Environment(0.0)
    orders = strategy.orders(catalogue)
    record = _recorder(env, catalogue, orders, observers)
    queue = _queue(catalogue, strategy, record)
    stage = PublishingStage(env, queue, scenario.publishing_queue_capacity, orders.own)
    startups = StartupTimes(scenario.startup_time, seed, replication, len(catalogue))
    remaining = len(catalogue)

    def on_outcome() -> None:
        nonlocal remaining
        remaining -= 1
        if not remaining:
            Moment(env, 0, END).callbacks.append(StopSimulation.callback)

    publishers = Publishers(
        env, strategy, orders, startups, scenario.publishing_time, stage, record, on_outcome
    )
    encoders = Encoders(env, scenario.encoders, catalogue.encoding_time.tolist(), publishers, stage, record)
    try:
        publishers.prewarm()
        rows = range(len(catalogue)) if offered is None else offered
        env.process(client(env, rows, scenario.gap, encoders, record))
        if strategy.review_every is not None:
            env.process(reviews(env, publishers, strategy.review_every))
        ending = _run_to_the_end(env, scenario.until)
    except UsersError as carrier:
        raise carrier.error from None
    end = scenario.until if ending == "cut-off" and scenario.until is not None else env.now
    return record.facts(orders.own, float(end), ending)


def _recorder(
    env: simpy.Environment, catalogue: Catalogue, orders: Orders, observers: Sequence[Observer]
) -> Recorder:
    if observers:
        return ObservedRecorder(env, catalogue.publication_timeout.tolist(), orders.own, observers)
    return Recorder(env, len(catalogue))


def _queue(catalogue: Catalogue, strategy: Strategy, record: Recorder) -> WaitingVideos:
    if not strategy.reorders:
        return Fifo()
    encoding_started = record.times["encoding_started"]

    def priority(row: int) -> float:
        video = catalogue[row]
        answer = call(strategy.priority, video, encoding_started[row] + video.publication_timeout)
        asked = f"the answer of {strategy.name}.priority({video.id!r})"
        return a_number(asked, answer, at_least=float("-inf"), error=StrategyError)

    return PriorityQueue(priority)


def _run_to_the_end(env: simpy.Environment, until: float | None) -> Ending:
    """Run until everything has an outcome, nothing is left to happen, or only what is after the cut-off."""
    try:
        if until is None:
            while True:
                env.step()
        while env.peek() <= until:
            env.step()
    except StopSimulation:
        return "completed"
    except EmptySchedule:
        return "no publisher will come"
    return "no publisher will come" if env.peek() == inf else "cut-off"
