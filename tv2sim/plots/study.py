"""The data of charts: a run, or a study as cells in comparable groups, or as lines against a parameter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from math import isfinite, nan
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from tv2sim.base.checks import one_of, shown
from tv2sim.base.digits import rate
from tv2sim.base.errors import InputError
from tv2sim.base.fields import label_of, within
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.inference.intervals import Interval
from tv2sim.plots.style import Look, look
from tv2sim.results.figures import as_number, in_words, scaled
from tv2sim.results.metrics import ON_TIME_RATE

T = TypeVar("T")

# -- a run, or the cells of a study in groups --------------------------------------------------------------


def checked(given: object, kind: type[T], chart: str, by: str) -> T:
    """Return what a chart is given if it is of this kind.

    Raises
    ------
    InputError
        If it is something else; the message names the chart, and the function that returns this kind.
    """
    if not isinstance(given, kind):
        raise InputError(f"{chart} needs what {by} gave, not {shown(given)}")
    return given


class Shown(NamedTuple):
    """A cell of a study: its replications, the name of its group and the look of its strategy."""

    cell: Cell
    reps: Replications
    group: str
    look: Look
    confidence: float

    def interval(self, metric: str, first: int | None = None) -> Interval:
        """Return the mean of a metric with its interval, over all or the first few replications."""
        return self.reps.interval(metric, self.confidence, first=first)


class Study(NamedTuple):
    """The cells by group: the strategies of a group share catalogue and scenario."""

    groups: dict[str, list[Shown]]
    strategies: dict[str, Look]
    size: str
    """The number of replications, in words."""
    interval: str
    """The kind of interval, in words."""

    @property
    def shown(self) -> list[Shown]:
        """All cells, group by group."""
        return [shown for group in self.groups.values() for shown in group]


def is_rarely_late(study: Study) -> bool:
    """Return whether strategies differ on the scale of late videos only, not on that of on-time rates.

    Of some group, at least two strategies, or its only one, publish 99 % of the videos in time. There are late
    videos, or there could be.
    """
    for group in study.groups.values():
        found = [shown.interval(ON_TIME_RATE) for shown in group]
        rates = sorted(one.mean for one in found)
        if rates[-2:][0] >= _RARELY and any(min(one.mean, one.ci_low) < 1 for one in found):
            return True
    return False


_RARELY = 0.99
"""From this on-time rate on, a chart of rates shows nothing but points near its edge."""


def share_late(interval: Interval) -> Interval:
    """Return the share of late videos for an on-time rate."""
    return interval._replace(mean=1 - interval.mean, ci_low=1 - interval.ci_high, ci_high=1 - interval.ci_low)


Ends: TypeAlias = tuple[float, float, float]
"""A mean and the ends of its interval."""


def ends(metric: str, interval: Interval) -> Ends:
    """Return a mean and the ends of its interval in the unit of a chart; a mean that is infinite is NaN."""
    mean, _, low, high = scaled(metric, interval)[:4]
    return (mean if isfinite(mean) else nan), low, high


def count_of(numbers: Iterable[int], thing: str) -> str:
    """Return the distinct numbers, followed by the name of the thing that they count.

    >>> count_of([1], "run"), count_of([20, 10, 20], "run")
    ('1 run', '10 or 20 runs')
    """
    distinct = sorted(set(numbers))
    return " or ".join(f"{n:,}" for n in distinct) + f" {thing}" + "s" * (distinct != [1])


def study_of(study: object, *, least: int = 1) -> Study:
    """Return the cells of a comparison, or of the replications of one strategy.

    Raises
    ------
    InputError
        If it is neither, or has too few replications.
    """
    if not isinstance(study, Comparison | Replications):
        raise InputError(f"a chart of replications needs what compare or replicate gave, not {study!r}")
    cells, confidence = study.cells, study.confidence if isinstance(study, Comparison) else 0.95
    if min(map(len, cells.values()), default=0) < least:
        raise InputError(f"this chart needs at least {least} replication{'s' * (least > 1)}")
    # the name of a group says what differs: the catalogue, the scenario, or both
    differ = [part for part in (0, 1) if len({cell[part] for cell in cells}) > 1]
    looks = {name: look(number) for number, name in enumerate(dict.fromkeys(cell.strategy for cell in cells))}
    groups: dict[str, list[Shown]] = {}
    for cell, reps in cells.items():
        name = ", ".join(cell[part] for part in differ)
        groups.setdefault(name, []).append(Shown(cell, reps, name, looks[cell.strategy], confidence))
    size = count_of(map(len, cells.values()), "replication")
    return Study(groups, looks, size, f"{rate(confidence)} interval")


# -- the cells of a study as lines against a parameter -----------------------------------------------------


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
    """The name of the field; of a field within another, both names: `faults.startup`."""
    label: str
    """The parameter in words."""
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
    """Return the cells of one world as lines; the strategies of a line differ in one number.

    Each strategy is in the longest line that it fits. A strategy that fits no line is a line of its own,
    without values.
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
    """Return the label of a parameter: that of its field, or its name for a scenario's own field."""
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


def _alike(cells: list[Shown], owner: Owner, parameter: str) -> dict[Any, list[tuple[Any, Shown]]]:
    """Return the cells of each line with their values of a field: all else that they have is the same."""
    alike: dict[Any, list[tuple[Any, Shown]]] = {}
    for one in cells:
        values = _values(one, owner, parameter)
        value = values.pop(parameter, None)
        key = (one.cell._replace(**{owner: ""}), type(getattr(one.reps, owner)), repr(values))
        alike.setdefault(key, []).append((value, one))
    return alike


def _swept(cells: list[Shown], owner: Owner, parameter: str) -> Swept:
    """Return the lines against one field, with no values if it does not vary on its own."""
    alike = _alike(cells, owner, parameter)
    moving = [key for key, group in alike.items() if len(_distinct(value for value, _ in group)) > 1]
    if owner == "scenario" and moving:
        moving = list(alike)
    values = _distinct(value for key in moving for value, _ in alike[key])
    numbers = [number for value in values if (number := as_number(value)) is not None]
    if len(numbers) == len(values):
        values = sorted(numbers)
        for key in moving:
            pairs = [(as_number(value), shown) for value, shown in alike[key]]
            alike[key] = sorted(pairs, key=lambda pair: pair[0] or 0.0)
    lines = {
        key: [_line(group)] if key in moving else [_level(shown) for _, shown in group]
        for key, group in alike.items()
    }
    return Swept(parameter, _label(cells, owner, parameter), values, _panels(cells, owner, parameter, lines))


def _panels(cells: list[Shown], owner: Owner, parameter: str, lines: dict[Any, list[Series]]) -> list[Panel]:
    """Return a panel for each world, with the lines that are in it, of which each has its key of `_alike`."""
    of_scenario = owner == "scenario"
    apart = _apart(cells, parameter) if of_scenario else []
    worlds: dict[Any, list[Series]] = {}
    names: dict[Any, str] = {}
    for (cell, _, others), several in lines.items():
        first = several[0].shown[0]
        world = (cell._replace(strategy=""), others if of_scenario else "")
        names[world] = _world(cells, first, parameter, apart) if of_scenario else first.group
        worlds.setdefault(world, []).extend(several)
    return [Panel(name, found) for name, found in zip(_unlike(names.values()), worlds.values(), strict=True)]


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
    """Return the values in which a cell's world differs from others, besides the parameter."""
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
