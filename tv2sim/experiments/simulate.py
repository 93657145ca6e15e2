"""The smallest experiment: one replication, kept in full detail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tv2sim.base.progress import counting
from tv2sim.base.random_numbers import as_replication, as_seed
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.engines.choice import EngineName, as_engine, engine_for, simulate_one
from tv2sim.engines.model import Observer
from tv2sim.results.event_kinds import as_observers
from tv2sim.results.run import Run
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.world.prices import Prices, as_prices
from tv2sim.world.scenario import Scenario, as_scenario


def simulate(
    catalogue: Catalogue | Any,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    seed: int | None = 1,
    replication: int = 0,
    observers: Observer | Iterable[Observer] = (),
    progress: bool = False,
    engine: EngineName = "auto",
    prices: Prices | None = None,
) -> Run:
    """Simulate one replication and keep it in full detail.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        The rule for starting publishers, or a built-in one's name.
    scenario : Scenario, optional
        The system to simulate; default is that of the original.
    seed : int or None
        A whole number, 0 to 2**64 - 1, or None to draw one. The result's ``seed`` holds the number.
    replication : int
        0-based: which of the seed's replications. Each is independent of the others.
    observers : callable, or iterable of callables
        Each is called with every line of the event log (:class:`tv2sim.LogEntry`) as it happens.
    progress : bool
        Whether to show a bar on standard error, if that is a terminal and it takes longer than a second.
    engine : {"auto", "simpy", "kernel"}
        The engine that simulates; all give the same facts. "auto" takes the compiled one, the kernel, for a
        large catalogue, if it is installed and knows what is asked for.
    prices : Prices, optional
        What publishers and failed videos cost: the summary then has a `cost`. See :meth:`Run.priced`.

    Returns
    -------
    Run
        Tables, log, levels and metrics.

    Raises
    ------
    InputError
        If an argument is wrong; it may be a CatalogueError, ScenarioError or StrategyError.

    Examples
    --------
    >>> import tv2sim as tv
    >>> run = tv.simulate(tv.generate_catalogue(), "2c", tv.Scenario(encoders=5), seed=1)
    >>> print(run.stats)
    stats: client_parse_errors=0 client_submitted=154 encoded=154 published=154 publish_failed=0
    >>> run.publishers[["publisher", "started", "assigned", "video"]].head(2)
       publisher  started  assigned  video
    0          0      0.0  3.260247      0
    1          1      0.0  7.500000      3
    """
    catalogue = read_catalogue(catalogue)
    strategy = as_strategy(strategy)
    scenario = as_scenario(scenario)
    seed, replication, prices = as_seed(seed), as_replication(replication), as_prices(prices)
    watchers = as_observers(observers)
    used = engine_for(as_engine(engine), catalogue, strategy, scenario, 1, watched=bool(watchers))
    with counting(
        "step", len(catalogue) + strategy.known_stock, wanted=progress and used == "simpy"
    ) as counted:
        how = {"observers": watchers, "counted": counted} if used == "simpy" else {}
        facts = simulate_one(used, catalogue, strategy, scenario, seed, replication, **how)
    return Run(catalogue, strategy, scenario, seed, replication, facts, prices=prices)
