"""Wires the parts of the model together, and runs them to the end."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from simpy.core import StopSimulation

from tv2sim.base.errors import ScenarioError
from tv2sim.base.ticks import LAST, PER_SECOND, to_ticks
from tv2sim.engines.model.client import Client
from tv2sim.engines.model.deliveries import Deliveries
from tv2sim.engines.model.encoders import Encoders
from tv2sim.engines.model.life import PublisherLives
from tv2sim.engines.model.pool import Pool
from tv2sim.engines.model.publishing_stage import PublishingStage
from tv2sim.engines.model.replication import Replication
from tv2sim.engines.model.rules import AskedRule, CoverageRule, Rule
from tv2sim.engines.model.schedule import Place, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tv2sim.base.progress import Counted
    from tv2sim.catalogue import Catalogue
    from tv2sim.engines.model.client import LiveVideos, Wait
    from tv2sim.engines.model.draws import Draws
    from tv2sim.engines.model.schedule import Steps
    from tv2sim.results.facts import Ending, Facts
    from tv2sim.results.recorder import Observer
    from tv2sim.strategies import Strategy
    from tv2sim.strategies.coverage import Coverage
    from tv2sim.world.scenario import Scenario

__all__ = ["System", "run_model"]


def run_model(
    catalogue: Catalogue,
    strategy: Strategy,
    scenario: Scenario,
    draws: Draws,
    *,
    observers: Sequence[Observer] = (),
    counted: Counted = iter,
    env: Schedule | None = None,
    own: bytearray | None = None,
    feed: Callable[[System], LiveVideos] | None = None,
    knowledge: Coverage | None = None,
) -> Facts:
    """Simulate one replication with SimPy and return what happened.

    Parameters
    ----------
    catalogue, strategy, scenario
        What to simulate.
    draws : Draws
        The random numbers of the replication.
    observers : sequence of callables
        Called with each line of the event log as it happens.
    counted : callable, optional
        Wraps an iterable to show progress while its items are taken: the videos that the client offers, and
        the prewarmed publishers, each when it becomes ready.
    env : Schedule, optional
        The clock; another one lets the same processes run in real time.
    own : bytearray, optional
        As for :class:`tv2sim.engines.model.replication.Replication`.
    feed : callable, optional
        Takes the system and returns the videos that are added to it while it runs, after the catalogue.
    knowledge : Coverage, optional
        What a strategy's coverage rule knows before the run; used again for each replication.
    """
    run = Replication(env or Schedule(), strategy, scenario, draws, observers, own)
    system = System(run, knowledge)
    system.add(catalogue)
    if feed is not None:
        live = feed(system)
        return system.run(live.rows(), live.wait)
    system.close()
    return system.run(range(len(catalogue)), counted=counted)


class System:
    """The parts of one replication; videos can be added before and while it runs.

    Parameters
    ----------
    run : Replication
        What all parts share.
    knowledge : Coverage, optional
        As for :func:`run_model`.
    """

    def __init__(self, run: Replication, knowledge: Coverage | None = None) -> None:
        self._run, strategy, scenario = run, run.strategy, run.scenario
        stage = PublishingStage(run)
        self._pool = pool = Pool(run, stage)
        deliveries = None if scenario.broker is None else Deliveries(scenario.broker, run, stage, pool)
        lives = PublisherLives(run, stage, pool, deliveries)
        pool.begin, pool.prewarm = lives.begin, lives.prewarm
        rule: Rule | None = None
        if knowledge is not None:
            rule = CoverageRule(knowledge, run, stage, pool)
        elif strategy.dispatches_late:
            rule = (AskedRule if strategy.decides else Rule)(run, stage, pool)
        encoders = Encoders(run, stage, pool, deliveries, rule)
        self._client = Client(run, encoders)

    def add(self, catalogue: Catalogue) -> None:
        """Add the videos of a catalogue; their rows follow the rows of those added before."""
        self._run.add(catalogue)

    def close(self) -> None:
        """Declare that no more videos will be added, so that the run ends with the last outcome."""
        self._run.close()

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
        run, env, scenario = self._run, self._run.env, self._run.scenario
        self._pool.fill_at_start(counted)
        self._pool.wake()
        env.begin(self._client.offer_all(counted(offered), wait))
        if run.strategy.review_every is not None:
            env.begin(self._reviews(to_ticks(run.strategy.review_every)))
        until = inf if scenario.until is None else to_ticks(scenario.until)
        ending = _run_to_the_end(run, until)
        end = until if ending == "cut-off" else float(env.now)
        if end > LAST:
            raise ScenarioError(
                f"the run lasts {end / PER_SECOND:.3g} s, and time is exact up to {LAST / PER_SECOND:.3g} s: "
                f"cut it off with until=..."
            )
        facts = run.record.facts(run.own, end, ending, scenario.deadline, self._pool.quota_waits)
        if ending == "nothing left to happen" and any(not run.outcome[video] for video in run.encoded):
            return replace(facts, ending="no publisher will come")
        return facts

    def _reviews(self, every: float) -> Steps:
        """Review the pool every so many ticks, for ever."""
        while True:
            yield self._run.env.plan(every, Place.REVIEWED)
            self._pool.review()


def _run_to_the_end(run: Replication, until: float) -> Ending:
    """Step to the last outcome, to the cut-off, or until nothing or no patience is left; return which it is."""
    env = run.env
    try:
        while (due := env.peek()) < inf:
            if (end := run.patience_ends) < min(due, until):
                env.call(end - env.now, Place.END, _lose_patience)
            elif due > until:
                return "cut-off"
            env.step()
    except StopSimulation as stop:
        ending: Ending = stop.args[0]
        return ending
    return "nothing left to happen"


def _lose_patience() -> None:
    raise StopSimulation("no progress")
