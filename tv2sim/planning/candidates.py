"""What a plan chooses from: strategies in scenarios, in which some fields are varied."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from tv2sim.errors import InputError
from tv2sim.fields import check_names
from tv2sim.scenario import Scenario
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.validation import shown

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue

__all__ = ["Candidate", "Group", "groups_of", "in_short"]

_RISING = ("prewarmed", "price")
"""Fields of a strategy of which a larger value never publishes fewer videos in time."""
_OF_STRATEGY, _OF_SCENARIO = (
    [field.name for field in fields(kind) if field.name != "name"] for kind in (Strategy, Scenario)
)


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

    def __str__(self) -> str:
        return (
            ", ".join(f"{name}={in_short(value)}" for name, value in self.values.items()) or self.strategy.name
        )


@dataclass(frozen=True)
class Group:
    """Candidates in the order of preference: the first one that meets the target is the best of them.

    Attributes
    ----------
    rises : bool
        Whether each publishes at least as many videos in time as the one before it.
    """

    candidates: list[Candidate]
    rises: bool


def groups_of(
    catalogue: Catalogue, strategies: Any, scenario: Scenario, vary: Mapping[str, Any] | None
) -> list[Group]:
    """Return the candidates, those of a group in the order of preference.

    Raises
    ------
    InputError
        If a field is unknown, has no values or has one twice, or two strategies have the same name.
    """
    if isinstance(strategies, (str, Strategy)) or not isinstance(strategies, Iterable):
        strategies = [strategies]
    chosen = [as_strategy(one) for one in strategies]
    names = [one.name for one in chosen]
    if not chosen:
        raise InputError("plan needs at least one strategy")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two strategies are called {twice!r}: give one another name, with .replace(name=...)")
    grid = _grid(vary)
    return [group for one in chosen for group in _of(catalogue, one, scenario, grid, alone=len(chosen) == 1)]


def _grid(vary: Any) -> dict[str, list[Any]]:
    """Return the values of each field that is varied, checked."""
    if not isinstance(vary, Mapping | None):
        raise InputError(
            f"vary must be a mapping of fields to values, such as {{'prewarmed': range(6, 21)}}, not "
            f"{shown(vary)}"
        )
    check_names("a strategy or scenario", vary or {}, _OF_STRATEGY + _OF_SCENARIO, error=InputError)
    grid = {}
    for name, values in (vary or {}).items():
        if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
            raise InputError(f"vary has a list of values for {name}, such as range(6, 21), not {shown(values)}")
        grid[name] = list(values)
        if not grid[name]:
            raise InputError(f"vary has no value for {name}: {shown(values)}")
        for value in grid[name]:
            if sum(value == other for other in grid[name]) > 1:
                raise InputError(f"vary has {shown(value)} twice for {name}")
    return grid


def _of(
    catalogue: Catalogue, strategy: Strategy, scenario: Scenario, grid: dict[str, list[Any]], *, alone: bool
) -> list[Group]:
    """Return the candidates of one strategy."""
    grid = {name: values for name, values in grid.items() if name != "prewarmed" or strategy.shares}
    inner = next((name for name in _RISING if _is_ascending(grid.get(name, ()))), None)
    if inner is None and alone and len(grid) == 1:
        (inner,) = grid
    outer = [name for name in grid if name != inner]
    return [
        Group(
            [
                _candidate(catalogue, strategy, scenario, {name: (around | within)[name] for name in grid})
                for within in _choices({inner: grid[inner]} if inner else {})
            ],
            rises=inner in _RISING and _is_ascending(grid[inner]),
        )
        for around in _choices({name: grid[name] for name in outer})
    ]


def _is_ascending(values: Any) -> bool:
    numbers = all(isinstance(value, int | float) for value in values)
    return len(values) > 0 and numbers and list(values) == sorted(values)


def _choices(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _candidate(
    catalogue: Catalogue, strategy: Strategy, scenario: Scenario, values: dict[str, Any]
) -> Candidate:
    own = {name: value for name, value in values.items() if name in _OF_STRATEGY}
    if own:
        name = f"{strategy.name}:{own['prewarmed']}" if [*own] == ["prewarmed"] else None
        in_words = ", ".join(f"{field}={in_short(value)}" for field, value in own.items())
        changed = strategy.replace(**own, name=name or f"{strategy.name}, {in_words}")
    else:
        changed = strategy
    world = scenario.replace(**{name: value for name, value in values.items() if name in _OF_SCENARIO})
    return Candidate(catalogue, changed, world, strategy.name, values)


def in_short(value: object) -> str:
    """Return a value as it is typed."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return value if isinstance(value, str) else shown(value, 60)
