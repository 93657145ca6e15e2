"""What a plan chooses from: strategies in scenarios, in which some fields are varied."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from math import ceil, nan
from typing import Any

import numpy as np

from tv2sim.base.checks import shown
from tv2sim.base.errors import InputError
from tv2sim.base.fields import check_names
from tv2sim.catalogue import Catalogue
from tv2sim.inference.intervals import Interval
from tv2sim.strategies import STRATEGIES, Strategy, as_strategy
from tv2sim.strategies.expectations import submitted_rate
from tv2sim.theory import queueing
from tv2sim.theory.bounds import idles_longer_with_pool, rises_with_pool
from tv2sim.theory.conditions import if_covered
from tv2sim.world.distributions import Distribution
from tv2sim.world.scenario import Scenario

_OF_SCENARIO = [field.name for field in fields(Scenario)]
_PRICES = [4**number for number in range(7)]
"""The prices of the coverage rule that its name stands for, in mean start-up times."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A strategy in a scenario.

    Attributes
    ----------
    catalogue, strategy, scenario
        What may be simulated.
    family : str
        The name of the strategy before its fields were varied.
    values : dict
        The fields that are varied, with their values here.
    """

    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    family: str
    values: dict[str, Any]

    @property
    def world(self) -> tuple[Catalogue, Strategy, Scenario]:
        """What is simulated."""
        return self.catalogue, self.strategy, self.scenario

    def __str__(self) -> str:
        return ", ".join(f"{name}={in_short(value)}" for name, value in self.values.items()) or self.family

    @property
    def label(self) -> str:
        """The strategy with the values of its fields, in words."""
        return f"{self.family} with {self}" if self.values else self.family


@dataclass(frozen=True)
class Group:
    """Candidates in the order of preference: the first one that meets the target is the best of them.

    Attributes
    ----------
    rises_from : int
        The first candidate from which on the rate is proved to rise: each one publishes at least as many videos
        in time as the one before. The number of candidates, if there is no proof.
    """

    candidates: list[Candidate]
    rises_from: int


def as_given(strategies: Any, vary: Any) -> tuple[Any, Any]:
    """Return one strategy or a list of them, and the values of each field as a range or a list."""
    if not isinstance(strategies, str | Strategy) and isinstance(strategies, Iterable):
        strategies = [*strategies]
    if isinstance(vary, Mapping):
        vary = {name: _values(values) for name, values in vary.items()}
    return strategies, vary


def _values(values: Any) -> Any:
    if isinstance(values, str | Mapping | range) or not isinstance(values, Iterable):
        return values
    return [value.item() if hasattr(value, "item") else value for value in values]


def groups_of(
    catalogue: Catalogue, strategies: Any, scenario: Scenario, vary: Any, *, ordered: bool
) -> list[Group]:
    """Return the candidates in groups, each in the order of preference.

    Parameters
    ----------
    catalogue, strategies, scenario, vary
        As for :func:`tv2sim.plan`.
    ordered : bool
        Whether the order of values may be one of preference; if not, each candidate is a group of its own.

    Raises
    ------
    InputError
        If a field is unknown, has no values or has one twice, or two strategies have the same name.
    """
    given = strategies if isinstance(strategies, list) else [strategies]
    chosen = [as_strategy(one) for one in given]
    names = [one.name for one in chosen]
    if not chosen:
        raise InputError("plan needs at least one strategy")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two strategies are called {twice!r}: give one another name, with .replace(name=...)")
    grid = _grid(vary, chosen)
    found = []
    for name, strategy in zip(given, chosen, strict=True):
        usual = Candidate(catalogue, strategy, scenario, strategy.name, {})
        values = _usual_values(name, usual) if vary is None else grid
        found += _groups(usual, values, ordered=ordered, several=len(chosen) > 1)
    return found


def _usual_values(given: object, usual: Candidate) -> dict[str, list[Any]]:
    """Return the sizes that the name of a built-in strategy stands for, if nothing is said to be varied."""
    strategy, scenario = usual.strategy, usual.scenario
    if not (isinstance(given, str) and given in STRATEGIES and strategy.shares):
        return {}
    startup = scenario.startup_time.mean
    if strategy.price is not None:
        return {"price": [startup * times for times in _PRICES]} if startup else {}
    if not strategy.keeps_its_size:
        return {}
    load = (submitted_rate(usual.catalogue) or scenario.mean_rate) * startup
    return {"prewarmed": [*range(0 if strategy.starts_for_videos else 1, 3 * ceil(load) + 17)]}


def _grid(vary: Any, strategies: list[Strategy]) -> dict[str, list[Any]]:
    """Return the values of each field that is varied, checked."""
    if not isinstance(vary, Mapping | None):
        raise InputError(
            f"vary must be a mapping of fields to values, such as {{'prewarmed': range(6, 21)}}, not "
            f"{shown(vary)}"
        )
    known = list(dict.fromkeys(field.name for one in strategies for field in fields(one)))
    known = [name for name in (*known, *_OF_SCENARIO) if name != "name"]
    check_names("a strategy or scenario", vary or {}, known, error=InputError)
    return {name: _several(name, values) for name, values in (vary or {}).items()}


def _several(name: str, given: Any) -> list[Any]:
    """Return the values of a field that is varied: at least one, and none twice."""
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise InputError(f"vary has a list of values for {name}, such as range(6, 21), not {shown(given)}")
    values = [*given]
    if not values:
        raise InputError(f"vary has no value for {name}: {shown(given)}")
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"vary has {shown(value)} twice for {name}")
    return values


def _groups(usual: Candidate, grid: dict[str, list[Any]], *, ordered: bool, several: bool) -> list[Group]:
    """Return the candidates of one strategy; a pool has no size where no video uses it."""
    if not usual.strategy.shares:
        grid = {name: values for name, values in grid.items() if name != "prewarmed"}
    of_pool = _is_ascending(grid.get("prewarmed", ()))
    if ordered and not several and len(grid) == 1:
        candidates = [_varied(usual, values) for values in _choices(grid)]
        first = _rises_from(candidates, by_price=False) if of_pool else len(candidates)
        return [Group(candidates, first)]
    if not (ordered and of_pool):
        return [Group([_varied(usual, values)], 0) for values in _choices(grid)]
    found = []
    for values in _choices(grid | {"prewarmed": [None]}):
        candidates = [_varied(usual, values | {"prewarmed": size}) for size in grid["prewarmed"]]
        first = _rises_from(candidates, by_price=True)
        # whatever has no proof may be the cheapest
        groups = [*([one] for one in candidates[:first]), candidates[first:]]
        found += [Group(group, 0) for group in groups if group]
    return found


def _rises_from(candidates: list[Candidate], *, by_price: bool) -> int:
    """Return from which pool on rates, and prices if they decide, are proved to rise.

    Invariant: a proof for a pool is one for each larger pool, which blocks no encoder either.
    """

    def proved(one: Candidate) -> bool:
        price_rises = not by_price or idles_longer_with_pool(one.catalogue, one.scenario)
        return price_rises and rises_with_pool(one.catalogue, one.strategy, one.scenario)

    return bisect_left(candidates, True, key=proved)


def _is_ascending(values: Any) -> bool:
    numbers = all(isinstance(value, int | float) for value in values)
    return len(values) > 0 and numbers and list(values) == sorted(values)


def _choices(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _varied(usual: Candidate, values: dict[str, Any]) -> Candidate:
    """Return a candidate with other values of fields of the scenario or of the strategy."""
    strategy = usual.strategy
    world = usual.scenario.replace(**{name: value for name, value in values.items() if name in _OF_SCENARIO})
    own = {name: value for name, value in values.items() if name not in _OF_SCENARIO}
    if own:
        name = f"{strategy.name}({', '.join(f'{field}={in_short(value)}' for field, value in own.items())})"
        if [*own] == ["prewarmed"] and strategy.name in STRATEGIES:
            name = f"{strategy.name}:{own['prewarmed']}"
        strategy = strategy.replace(**own, name=name)
    return replace(usual, strategy=strategy, scenario=world, values=values)


def in_short(value: object) -> str:
    """Return a value as it is typed."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value) if isinstance(value, str | Distribution) else shown(value, 60)


# -- what theory knows of them ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Exact:
    """Bounds of an on-time rate that hold for certain.

    Attributes
    ----------
    low, high : float
        The on-time rate lies between them.
    by : str
        What knows it: "theory", "bound", "certificate", or nothing.
    bound : FailedBound or None
        What counts in each replication the videos that must fail.
    may_fail : bool
        Whether it is proven that the rate is less than 1.
    """

    low: float
    high: float
    by: str = ""
    bound: queueing.FailedBound | None = None
    may_fail: bool = False

    @property
    def rate(self) -> Interval:
        """The bounds as an interval, with a mean if the rate itself is known but for the arithmetic's error."""
        half_width = (self.high - self.low) / 2
        mean = self.low + half_width if self.by == "theory" else nan
        return Interval(mean, half_width, self.low, self.high, 0)


def at_most(candidate: Candidate) -> Exact:
    """Return the exact rate if theory has it, or else its upper bound; both are found quickly."""
    asked = candidate.world
    videos = len(candidate.catalogue)
    for formula in (queueing.on_time_probability, queueing.advance_order):
        if (found := if_covered(lambda: formula(*asked))) is not None:  # noqa: B023 (it is called at once)
            rate = found.published / videos
            return Exact(max(0.0, rate - found.error), min(1.0, rate + found.error), "theory")
    if (bound := if_covered(lambda: queueing.failed_bound(*asked))) is not None:
        return Exact(0.0, 1 - max(0.0, bound.failed / videos - bound.error), "bound", bound)
    return Exact(0.0, 1 - never_on_time(candidate) / videos, "timeout")


def at_least(candidate: Candidate) -> Exact:
    """Return the lower bound of the rate, which takes longer to find."""
    asked = candidate.world
    certified = if_covered(lambda: queueing.certificate(*asked))
    if certified:
        return Exact(1.0, 1.0, "certificate")
    failed = if_covered(lambda: queueing.failed_at_most(*asked))
    low = 0.0 if failed is None else 1 - failed / len(candidate.catalogue)
    # start-up times are independent, and each may be as close to its upper end as it takes
    return Exact(low, 1.0, "bound", may_fail=certified is not None)


def never_on_time(candidate: Candidate) -> int:
    """Return how many videos take longer to encode than their timeout, under any strategy."""
    catalogue, scenario = candidate.catalogue, candidate.scenario
    factor = 1.0 if scenario.encoding_factor is None else scenario.encoding_factor
    if scenario.encoders is None or isinstance(factor, Distribution):
        return 0
    fastest = max(scenario.encoders) if isinstance(scenario.encoders, tuple) else 1.0
    encoding = catalogue.encoding_time * factor / fastest
    return int(np.count_nonzero(encoding > catalogue.publication_timeout + 1e-6))
