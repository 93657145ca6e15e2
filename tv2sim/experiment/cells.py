"""What is compared: catalogues, scenarios and strategies, each by a name."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.errors import InputError, ScenarioError, StrategyError
from tv2sim.scenario import Scenario
from tv2sim.strategies import STRATEGIES, Strategy, as_strategy

__all__ = ["Cell", "baseline_of", "named_catalogues", "named_scenarios", "named_strategies"]


class Cell(NamedTuple):
    """The names of a catalogue, a scenario and a strategy."""

    catalogue: str
    scenario: str
    strategy: str


def named_catalogues(catalogue: Any) -> dict[str, Catalogue]:
    """Return one catalogue, or several, by name."""
    if isinstance(catalogue, Mapping):
        if not catalogue:
            raise InputError("compare needs at least one catalogue")
        _distinct("catalogues", catalogue)
        return {str(name): read_catalogue(source) for name, source in catalogue.items()}
    if isinstance(catalogue, list | tuple) and any(isinstance(one, Catalogue | str) for one in catalogue):
        raise InputError("give several catalogues by name, in a mapping: {'monday': ..., 'tuesday': ...}")
    one = read_catalogue(catalogue)
    return {one.name: one}


def named_scenarios(scenario: Any) -> dict[str, Scenario]:
    """Return one scenario, several, or all of a grid, by name."""
    if scenario is None:
        return {"default": Scenario()}
    if isinstance(scenario, Scenario):
        return {_described(scenario): scenario}
    if isinstance(scenario, Mapping):
        if scenario and all(isinstance(value, Scenario) for value in scenario.values()):
            _distinct("scenarios", scenario)
            return {str(name): value for name, value in scenario.items()}
        grid = {name: _listed(name, values) for name, values in scenario.items()}
        worlds = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
        several = [
            (", ".join(f"{name}={_shown(value)}" for name, value in world.items()), Scenario().replace(**world))
            for world in worlds
            if world
        ]
    elif isinstance(scenario, Sequence) and all(isinstance(one, Scenario) for one in scenario):
        several = [(_described(one), one) for one in scenario]
    else:
        raise ScenarioError(
            f"scenario must be a tv2sim.Scenario, several in a list or by name, or a grid such as "
            f"{{'encoders': [5, 10]}}, not {scenario!r}"
        )
    if not several:
        raise ScenarioError("compare needs at least one scenario")
    named: dict[str, Scenario] = {}
    for name, one in several:
        if name in named:
            raise ScenarioError(
                f"two of the scenarios are called {name!r}: leave one out, or name them with a mapping"
            )
        named[name] = one
    return named


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ScenarioError(f"a grid has a list of values for {name}, not {values!r}")
    return list(values)


def _described(scenario: Scenario) -> str:
    """Name a scenario by what is not as in the original."""
    usual = Scenario().to_dict()
    own = {name: value for name, value in scenario.to_dict().items() if value != usual[name]}
    if "startup_time" in own:
        own["startup_time"] = str(scenario.startup_time)
    return ", ".join(f"{name}={_shown(value)}" for name, value in own.items()) or "default"


def _shown(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _distinct(what: str, named: Mapping[Any, Any]) -> None:
    names = [str(name) for name in named]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two of the {what} are called {name!r}: give one another name")


def named_strategies(strategies: Any) -> dict[str, Strategy]:
    """Return the strategies by name; no two may have the same."""
    if isinstance(strategies, (str, Strategy)):
        strategies = [strategies]
    if not isinstance(strategies, Iterable):
        raise StrategyError(
            f"strategies must be a list, of {', '.join(STRATEGIES)} or of your own, not {strategies!r}"
        )
    named: dict[str, Strategy] = {}
    for strategy in map(as_strategy, strategies):
        if strategy.name in named:
            raise StrategyError(
                f"two strategies are called {strategy.name!r}: give one another name, with .replace(name=...)"
            )
        named[strategy.name] = strategy
    if not named:
        raise StrategyError("compare needs at least one strategy")
    return named


def baseline_of(baseline: Strategy | str | None, chosen: dict[str, Strategy]) -> str:
    """Return the name of the strategy that the others are compared with; default is the first."""
    if baseline is None:
        return next(iter(chosen))
    for name, strategy in chosen.items():
        if baseline in (name, strategy):
            return name
    raise StrategyError(f"the baseline must be one of the strategies, {', '.join(chosen)}, not {baseline!r}")
