"""What is measured of runs: a row for each run, with one number or one for each video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.ticks import PER_SECOND
from tv2sim.results.facts import VIDEO_OUTCOMES
from tv2sim.results.metrics import on_time, publisher_times
from tv2sim.theory.queueing import failed_bound, index_of_dispersion

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.results.facts import Facts
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

    Quantity: TypeAlias = Callable[["Runs"], NDArray[Any]]

__all__ = [
    "Runs", "blocked", "failed", "idle", "index_of", "must_fail", "published", "starting_at", "waited",
    "waited_longer", "waits",
]  # fmt: skip


class Runs(NamedTuple):
    """Replications of a strategy in a scenario, and the facts of each if they are simulated already."""

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    seed: int
    replications: range
    facts: tuple[Facts, ...] = ()

    @property
    def what(self) -> tuple[Catalogue, Strategy, Scenario]:
        """What a formula is asked for."""
        return self[:3]

    def by_run(self, measured: Callable[[Facts], Any]) -> NDArray[Any]:
        """Return a row for each run."""
        return np.array([measured(facts) for facts in self.facts])


def published(runs: Runs) -> NDArray[Any]:
    """Return for each video whether it was published in time."""
    return runs.by_run(on_time)


def failed(runs: Runs) -> NDArray[Any]:
    """Return for each video whether it failed."""
    return runs.by_run(lambda facts: facts.videos["outcome"] == VIDEO_OUTCOMES.index("failed"))


def idle(runs: Runs) -> NDArray[Any]:
    """Return the seconds for which publishers were idle."""
    return runs.by_run(lambda facts: publisher_times(facts)["idle"].sum()) / PER_SECOND


def blocked(runs: Runs) -> NDArray[Any]:
    """Return for how many seconds the client waited for an encoder with each video."""
    return runs.by_run(lambda facts: facts.videos["encoding_started"] - facts.videos["offered"]) / PER_SECOND


def waits(runs: Runs) -> NDArray[Any]:
    """Return how many seconds each video waited for a publisher."""
    return runs.by_run(lambda facts: facts.videos["assigned"] - facts.videos["encoded"]) / PER_SECOND


def waited(runs: Runs) -> NDArray[Any]:
    """Return for each video whether it waited for a publisher."""
    return waits(runs) > 0


def waited_longer(seconds: float) -> Quantity:
    """Return for each video whether it waited longer than so many seconds."""
    return lambda runs: waits(runs) > seconds


def must_fail(runs: Runs) -> NDArray[Any]:
    """Return how many videos must fail with the start-up times that are drawn."""
    return failed_bound(*runs.what).of_replications(runs.seed, runs.replications)


def starting_at(seconds: float) -> Quantity:
    """Return how many publishers start up at a time."""
    time = seconds * PER_SECOND

    def starting(facts: Facts) -> int:
        began, ready = facts.publishers["started"] <= time, facts.publishers["ready"] <= time
        return int(np.count_nonzero(began & ~ready))

    return lambda runs: runs.by_run(starting)


def index_of(window: float) -> Quantity:
    """Return the index of dispersion of the arrivals."""
    return lambda runs: runs.by_run(
        lambda facts: index_of_dispersion(facts.videos["offered"] / PER_SECOND, window)
    )
