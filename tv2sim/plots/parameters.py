"""What varies in a study: fields of its scenarios and strategies, read from their values, not from names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal, NamedTuple

from tv2sim.base.checks import one_of
from tv2sim.base.errors import InputError
from tv2sim.base.fields import label_of, within
from tv2sim.plots.study import Shown, Study
from tv2sim.plots.style import Look, look
from tv2sim.results.figures import as_number, in_words

__all__ = ["Panel", "Series", "Swept", "families", "swept_by"]

_MOST_WORLDS = 5
"""The most worlds that share a panel if there is one line in each: so many kinds of line can be told apart."""

Owner = Literal["scenario", "strategy"]


class Series(NamedTuple):
    """Cells that differ in the parameter only, in the order of its values.

    `values` is empty for a strategy that has no such number: it is the same at each value.
    """

    name: str
    look: Look
    values: list[Any]
    shown: list[Shown]
    of: str = ""
    """The parameter in words, where not all lines have the same."""


class Panel(NamedTuple):
    """The lines in a world that is the same but for the parameter; its name says one thing on each line."""

    name: str
    lines: list[Series]


class Swept(NamedTuple):
    """A study as lines against one parameter."""

    parameter: str
    """The name of the field, with that of the field that holds it: `faults.startup`."""
    label: str
    """What it is, in words."""
    values: list[Any]
    """The distinct values: numbers in ascending order, others in the order of the study."""
    panels: list[Panel]
    of: str = ""
    """The name of all lines, if they have the same."""

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(isinstance(value, float) for value in self.values)

    @property
    def looks(self) -> dict[str, Look]:
        """The look of each line by its name."""
        return {series.name: series.look for panel in self.panels for series in panel.lines}


def swept_by(data: Study, parameter: str | None = None) -> Swept:
    """Return a study as lines against a parameter; default is the numeric one with the most values.

    A parameter is a field in which scenarios differ that are otherwise the same, or a number in which
    strategies differ that are otherwise the same. The fields of failures, retries, a broker and a lead have
    names with a dot.

    Raises
    ------
    InputError
        If nothing varies, or not the parameter that was asked for.
    """
    owners: tuple[Owner, ...] = ("scenario", "strategy")
    names = dict.fromkeys(
        (owner, name)
        for owner in owners
        for one in data.shown
        for field, value in _values(one, owner).items()
        for name in (field, *within(field, value))
    )
    found: dict[str, Swept] = {}
    for owner, name in names:
        swept = _swept(data.shown, owner, name)
        if swept.values and (swept.numeric or owner == "scenario"):
            found.setdefault(name, swept)
    if not found:
        raise InputError(
            "there is no parameter to sweep, since no two scenarios differ in one field only, and no two "
            "strategies in one number only: compare scenarios such as {'encoders': [5, 10]}, or pools such as "
            "'2c:8' and '2c:12'"
        )
    if parameter is not None:
        swept = found[one_of("parameter", parameter, found)]
    else:
        swept = max(found.values(), key=lambda swept: (swept.numeric, len(swept.values)))
    if len(swept.looks) > 1:
        return swept
    together = 1 < len(swept.panels) <= _MOST_WORLDS
    return swept._replace(
        of=next(iter(swept.looks)), panels=_together(swept.panels) if together else swept.panels
    )


def families(cells: list[Shown]) -> list[Series]:
    """Return cells of one world as lines of strategies that differ in one number, each in the longest it fits.

    A strategy that fits in none is a line of its own, without values.
    """
    names = dict.fromkeys(name for one in cells for name in _values(one, "strategy"))
    lines = [
        line._replace(of=swept.label)
        for swept in (_swept(cells, "strategy", name) for name in names)
        for panel in swept.panels
        for line in panel.lines
        if line.values and all(as_number(value) is not None for value in line.values)
    ]
    found: list[Series] = []
    left = list(cells)
    for line in sorted(lines, key=lambda line: -len(line.values)):
        if all(one in left for one in line.shown):
            found.append(line)
            left = [one for one in left if one not in line.shown]
    found += map(_level, left)
    return sorted(found, key=lambda line: min(map(cells.index, line.shown)))


def _together(panels: list[Panel]) -> list[Panel]:
    """Return one panel with the only line of each, named after its world, in the colour of the strategy."""
    lines = []
    for number, (world, (series,)) in enumerate(panels):
        _, marker, line = look(number)
        own = series.look._replace(marker=marker, line=line)
        lines.append(series._replace(name=world.replace("\n", ", "), look=own))
    return [Panel("", lines)]


# -- which field varies, and how ---------------------------------------------------------------------------


def _values(shown: Shown, owner: Owner, parameter: str = "") -> dict[str, Any]:
    """Return the fields of a cell's scenario or strategy; one that holds the parameter, as its own fields."""
    one = getattr(shown.reps, owner)
    values = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "name"}
    holder, dot, _ = parameter.partition(".")
    return values | within(holder, values.pop(holder)) if dot else values


def _label(cells: list[Shown], owner: Owner, parameter: str) -> str:
    """Return what a parameter is: the words of its field, or those of its name for a scenario's own field."""
    holder, dot, inner = parameter.rpartition(".")
    ones = [getattr(shown.reps, owner) for shown in cells]
    holders = [getattr(one, holder) for one in ones] if dot else ones if owner == "strategy" else []
    labels = (
        label_of(one, parameter)
        for one, held in zip(ones, holders, strict=False)
        if held is not None and hasattr(held, inner)
    )
    return next(labels, parameter.replace("_", " "))


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return the values that differ; not all of them have a hash."""
    return list({repr(value): value for value in values}.values())


def _swept(cells: list[Shown], owner: Owner, parameter: str) -> Swept:
    """Return the lines against one field, with no values if it does not vary on its own."""
    # cells are in one line if they share the other two names and the other fields
    alike: dict[Any, list[tuple[Any, Shown]]] = {}
    for shown in cells:
        values = _values(shown, owner, parameter)
        value = values.pop(parameter, None)
        key = (shown.cell._replace(**{owner: ""}), type(getattr(shown.reps, owner)), repr(values))
        alike.setdefault(key, []).append((value, shown))
    moving = [key for key, group in alike.items() if len(_distinct(value for value, _ in group)) > 1]
    if owner == "scenario" and moving:
        moving = list(alike)
    distinct = _distinct(value for key in moving for value, _ in alike[key])
    numbers = [number for value in distinct if (number := as_number(value)) is not None]
    if len(numbers) == len(distinct):
        distinct = sorted(numbers)
        for key in moving:
            pairs = [(as_number(value), shown) for value, shown in alike[key]]
            alike[key] = sorted(pairs, key=lambda pair: pair[0] or 0.0)
    worlds: dict[Any, list[Series]] = {}
    names: dict[Any, str] = {}
    apart = _apart(cells, parameter) if owner == "scenario" else []
    for key, group in alike.items():
        cell, _, others = key
        world = (cell._replace(strategy=""), others if owner == "scenario" else "")
        names[world] = (
            _world(cells, group[0][1], parameter, apart) if owner == "scenario" else group[0][1].group
        )
        lines = [_line(group)] if key in moving else [_level(shown) for _, shown in group]
        worlds.setdefault(world, []).extend(lines)
    panels = [Panel(name, lines) for name, lines in zip(_unlike(names.values()), worlds.values(), strict=True)]
    return Swept(parameter, _label(cells, owner, parameter), distinct, panels)


def _line(group: list[tuple[Any, Shown]]) -> Series:
    """Return a line, named after its strategy, or after the first and the last one."""
    values, shown = [value for value, _ in group], [shown for _, shown in group]
    names = list(dict.fromkeys(one.cell.strategy for one in shown))
    return Series(" to ".join(names[:: max(len(names) - 1, 1)]), shown[0].look, values, shown)


def _level(shown: Shown) -> Series:
    return Series(shown.cell.strategy, shown.look, [], [shown])


def _apart(cells: list[Shown], parameter: str) -> list[str]:
    """Return the other fields in which scenarios differ."""
    values = [_values(shown, "scenario", parameter) for shown in cells]
    names = dict.fromkeys(name for one in values for name in one if name != parameter)
    return [name for name in names if len(_distinct(one.get(name) for one in values)) > 1]


def _world(cells: list[Shown], shown: Shown, parameter: str, apart: list[str]) -> str:
    """Return what a cell's world differs in besides the parameter."""
    values = _values(shown, "scenario", parameter)
    several = len({one.cell.catalogue for one in cells}) > 1
    named = [f"{name}={in_words(values.get(name))}" for name in apart]
    return "\n".join([shown.cell.catalogue] * several + named)


def _unlike(names: Iterable[str]) -> list[str]:
    """Return names with a number where one occurs again, as samples with the same range do.

    >>> _unlike(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    names = list(names)
    return [
        f"{name} ({again})" if (again := names[: number + 1].count(name)) > 1 else name
        for number, name in enumerate(names)
    ]
