"""Wires the processes together and runs them to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy
from simpy.core import StopSimulation

from tv2sim.model.client import client
from tv2sim.model.encoders import Encoders
from tv2sim.model.order import CUT_OFF, END, Moment
from tv2sim.model.publishers import Publishers, reviews
from tv2sim.model.publishing import PublishingStage
from tv2sim.model.queues import Fifo, PriorityQueue, WaitingVideos
from tv2sim.model.recorder import ObservedRecorder, Observer, Recorder
from tv2sim.model.startups import StartupTimes
from tv2sim.validation import a_number
from tv2sim.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            _stop(env, 0, END, "completed")

    publishers = Publishers(
        env, strategy, orders, startups, scenario.publishing_time, stage, record, on_outcome
    )
    encoders = Encoders(env, scenario.encoders, catalogue.encoding_time.tolist(), publishers, stage, record)
    publishers.prewarm()
    env.process(client(env, range(len(catalogue)), scenario.gap, encoders, record))
    if scenario.until is not None:
        _stop(env, scenario.until, CUT_OFF, "cut-off")
    if strategy.review_every is not None:
        env.process(reviews(env, publishers, strategy.review_every))
    ending: Ending = env.run() or "no publisher will come"
    return record.facts(orders.own, ending)


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
        answer = strategy.priority(video, encoding_started[row] + video.publication_timeout)
        asked = f"the answer of {strategy.name}.priority({video.id!r})"
        return a_number(asked, answer, at_least=float("-inf"), error=StrategyError)

    return PriorityQueue(priority)


def _stop(env: simpy.Environment, delay: float, place: int, ending: Ending) -> None:
    """Let the run end `delay` seconds from now, at the given place of that instant."""
    Moment(env, delay, place, ending).callbacks.append(StopSimulation.callback)
