"""Sensitivity: what a metric does when each field of a world is moved by a tenth, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from functools import cached_property
from math import ceil, isfinite, nan
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from tv2sim.base.checks import MOST, a_number, a_whole_number, one_of, plural
from tv2sim.base.digits import listed, rate
from tv2sim.base.errors import InputError
from tv2sim.base.fields import label_of, with_value, within
from tv2sim.base.later_methods import Displayed
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.random_numbers import as_seed
from tv2sim.base.ticks import in_decimals
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.catalogue.videos import NUMBERS
from tv2sim.engines.choice import EngineName, as_engine, engines_for
from tv2sim.experiments.replications import Replications, extend_all, with_cost
from tv2sim.experiments.results_store import as_folder
from tv2sim.experiments.verdicts import is_shown
from tv2sim.inference.intervals import Difference, Interval, as_confidence
from tv2sim.results.figures import estimate, in_words
from tv2sim.results.metrics import METRICS, ON_TIME_RATE, Setting, measured_for
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.world.distributions import Distribution
from tv2sim.world.prices import Prices, as_prices
from tv2sim.world.profiles import Profile
from tv2sim.world.scenario import Scenario, as_scenario

_MOST_NAMED = 5
"""The most fields that a sentence names."""

Owner: TypeAlias = Literal["catalogue", "scenario", "strategy"]


class End(NamedTuple):
    """A world in which one field has another value."""

    text: str
    """The value in words."""
    short: str
    """The same as one number: the mean of times and rates."""
    interval: Interval
    """The mean of the metric."""
    difference: Difference
    """The difference of the metric from the usual world, paired by replication."""


class Moved(NamedTuple):
    """A field, and what the metric is when it is lower and higher; None where there is no such value."""

    owner: Owner
    field: str
    label: str
    text: str
    short: str
    low: End | None
    high: End | None

    @property
    def ends(self) -> list[End]:
        """The ends that are possible."""
        return [end for end in (self.low, self.high) if end is not None]

    @property
    def size(self) -> float:
        """The larger of the two differences, without its sign."""
        sizes = (abs(end.difference.mean) for end in self.ends)
        return max((size for size in sizes if isfinite(size)), default=0.0)

    @property
    def matters(self) -> bool:
        """Whether one of the differences is shown to be other than 0."""
        return any(is_shown(end.difference) for end in self.ends)


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity(Displayed):
    """What a metric does when each field is moved; made by :func:`sensitivity`, and ``str()`` is a sentence.

    Attributes
    ----------
    rows : tuple of Moved
        The rows of the table as values, those that change the metric most first.
    usual : Replications
        The world in which nothing is moved.
    by : float
        The share by which fields are moved.
    metric : str
        What is looked at.
    confidence : float
        Of each interval.
    left_out : dict
        The other fields by their names, each with the reason.
    """

    rows: tuple[Moved, ...]
    usual: Replications
    by: float
    metric: str
    confidence: float
    left_out: dict[str, str]

    @property
    def interval(self) -> Interval:
        """The mean of the metric in the usual world."""
        return self.usual.interval(self.metric, self.confidence)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per field, those that change the metric most first.

        Columns: `of`, which is "catalogue", "scenario" or "strategy"; `field`; its values in words, `usual`,
        `low` and `high`; the metric at the low value, `low_mean`, `low_ci_low` and `low_ci_high`, and how it
        differs from the usual world, `low_difference`, `low_difference_ci_low` and `low_difference_ci_high`;
        the same for `high`; and whether it `matters`: whether one of the differences is shown to be other than
        0. All are missing where there is no such value, as of a pool below 0.
        """
        return pd.DataFrame([_figures(row) for row in self.rows])

    @property
    def answer(self) -> str:
        """The result in a few sentences."""
        return " ".join(self._says())

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"<Sensitivity of {self.metric} to {plural(len(self.rows), 'field')} moved by {rate(self.by)}>"

    def _says(self) -> Iterator[str]:
        label, usual = METRICS[self.metric].label, estimate(self.metric, self.interval)
        matter = [row for row in self.rows if row.matters]
        if not matter:
            yield f"Nothing that is moved by {rate(self.by)} is shown to change {label}, usually {usual}."
            return
        most, *others = matter
        ends = [f"{estimate(self.metric, end.interval)} at {end.text}" for end in most.ends]
        moved = f"{plural(len(self.rows), 'field')} moved by {rate(self.by)}"
        yield f"The most important of {moved} is {most.label}: {label} is {listed(ends)}, usually {usual}."
        if others:
            yield f"{'Then follows' if len(others) == 1 else 'Then follow'} {_few(others)}."
        if without := [row for row in self.rows if not row.matters]:
            yield f"No difference is shown for {_few(without)}."


def _few(rows: list[Moved]) -> str:
    """Return the names of the first few fields, and how many others there are."""
    names, more = [row.label for row in rows[:_MOST_NAMED]], len(rows) - _MOST_NAMED
    return listed([*names, plural(more, "other")] if more > 0 else names)


def _figures(row: Moved) -> dict[str, Any]:
    found: dict[str, Any] = {"of": row.owner, "field": row.field, "usual": row.text}
    ends = {"low": row.low, "high": row.high}
    found |= {name: None if end is None else end.text for name, end in ends.items()}
    for name, end in ends.items():
        for kind, one in (("", end and end.interval), ("_difference", end and end.difference.interval)):
            figures = (nan, nan, nan) if one is None else (one.mean, one.ci_low, one.ci_high)
            names = (kind or "_mean", f"{kind}_ci_low", f"{kind}_ci_high")
            found |= {f"{name}{part}": value for part, value in zip(names, figures, strict=True)}
    return found | {"matters": row.matters}


def sensitivity(
    catalogue: Catalogue | Any,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    by: float = 0.1,
    metric: str = "failed",
    replications: int = 1000,
    seed: int | None = 1,
    confidence: float = 0.95,
    prices: Prices | None = None,
    control: bool = True,
    engine: EngineName = "auto",
    workers: int | None = None,
    executor: Executor | str | None = None,
    results: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Sensitivity:
    """Return what matters: how a metric changes when each field is moved by a tenth, one at a time.

    Each kind of times of the catalogue is moved as a whole. Each field of scenario and strategy is moved that
    is a number above 0, a distribution or a profile, also within faults, retries, broker and lead. A number is
    multiplied by 1 - `by` and 1 + `by`; a whole number is moved to the next one beyond, at least by one. The
    times of a distribution and the rates of a profile are multiplied, and their shape stays. All worlds have
    the same random numbers.

    Parameters
    ----------
    catalogue, strategy, scenario, seed
        As for :func:`tv2sim.simulate`.
    by : float
        The share by which each field is moved, above 0 and below 1.
    metric : str
        The metric to look at.
    replications : int
        The number of replications of each world; there are up to two for each field, and the usual one.
    confidence : float
        The confidence level of each interval.
    prices : Prices, optional
        As for :func:`tv2sim.simulate`, for ``metric="cost"``. Prices are not moved.
    control, engine, workers, executor, results, progress
        As for :func:`tv2sim.replicate`.

    Returns
    -------
    Sensitivity
        ``.table``, ``.answer`` in words, ``.left_out``; :func:`tv2sim.plots.tornado` shows it.

    Raises
    ------
    InputError
        If an argument is wrong.
    OutputError
        If `results` cannot be written.

    Notes
    -----
    Each interval holds for itself: of 20 fields without any effect, one is expected to matter. Fields are moved
    one at a time, so the joint effect of two fields is not seen.

    Examples
    --------
    >>> import tv2sim as tv
    >>> found = tv.sensitivity(tv.generate_catalogue(), "2c", replications=200)
    >>> columns = ["field", "usual", "low", "low_difference", "high_difference", "matters"]
    >>> print(found.table[columns].to_string(index=False, float_format="{:.2f}".format))
                        field         usual               low  low_difference  high_difference  matters
                    prewarmed            10                 9            5.15            -1.31     True
                 startup_time uniform(2, 6) uniform(1.8, 5.4)           -1.15             3.57     True
          requests_per_second             2               1.8           -1.30             2.90     True
          publication timeout  mean 6.766 s       mean 6.09 s            2.48            -0.88     True
                encoding time  mean 3.377 s      mean 3.039 s           -1.10             2.25     True
                     encoders            10                 9           -0.28             0.00     True
    publishing_queue_capacity           100                90            0.00             0.00    False
    """
    catalogue, strategy, scenario = read_catalogue(catalogue), as_strategy(strategy), as_scenario(scenario)
    by = a_number("by", by, above=0)
    if by >= 1:
        raise InputError(f"by must be a share below 1, such as 0.1, not {by!r}")
    count = a_whole_number("replications", replications, at_least=1, at_most=MOST)
    one_of("metric", metric, METRICS)
    confidence, priced = as_confidence(confidence), as_prices(prices)
    usual = _World(catalogue, strategy, scenario)
    moves, left_out = _moves(usual, by)
    worlds = [usual, *(step.world for move in moves for step in (move.low, move.high) if step)]
    names = with_cost((metric,), priced)
    computed = measured_for((*names, ON_TIME_RATE), [Setting(*world, priced) for world in worlds])
    wanted, seed = as_engine(engine), as_seed(seed)
    how = dict[str, Any](workers=workers, executor=executor, progress=progress, results=as_folder(results))
    several = [
        Replications.none(
            world, seed, engine=used, metrics=names, computed=computed, prices=priced, control=control
        )
        for world, used in zip(worlds, engines_for(wanted, worlds, count), strict=True)
    ]
    base, *others = extend_all(several, count, **how)
    done = iter(others)

    def end(step: _Step | None) -> End | None:
        if step is None:
            return None
        reps = next(done)
        figures = reps.interval(metric, confidence), reps.less(base, metric, confidence)
        return End(_text(step.value), _short(step.value), *figures)

    rows = [
        Moved(*move[:3], _text(move.usual), _short(move.usual), end(move.low), end(move.high)) for move in moves
    ]
    rows.sort(key=lambda row: -row.size)
    return Sensitivity(tuple(rows), base, by, metric, confidence, left_out)


# -- what is moved -----------------------------------------------------------------------------------------


class _World(NamedTuple):
    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario


class _Step(NamedTuple):
    """A value of a field, and the world that has it."""

    value: object
    world: _World


class _Move(NamedTuple):
    """A field, and the steps to both sides; None where the value would be impossible."""

    owner: Owner
    field: str
    label: str
    usual: object
    low: _Step | None
    high: _Step | None


def _moves(world: _World, by: float) -> tuple[list[_Move], dict[str, str]]:
    """Return the fields that can be moved, and the reasons why others cannot."""
    moves, left_out = [], {}
    for owner, name, value in _values(world):
        low, high = (_move(value, share) for share in (-by, by))
        if value is None or (low is not None and _mean(value) == 0):
            left_out[name] = "off"
        elif low is None:
            left_out[name] = "not a number"
        elif (steps := [_step(world, owner, name, end) for end in (low, high)]) == [None, None]:
            left_out[name] = "no other value is possible"
        else:
            moves.append(_Move(owner, *_names_of(world, owner, name), value, *steps))
    return moves, left_out


def _values(world: _World) -> Iterator[tuple[Owner, str, Any]]:
    """Yield the times of the catalogue and the fields of scenario and strategy: owner, name, value."""
    for name, column in world.catalogue.numbers.items():
        if isfinite(NUMBERS[name].at_most):  # a time
            yield "catalogue", name, column
    owners: tuple[Owner, Owner] = ("scenario", "strategy")
    for owner in owners:
        for field in fields(one := getattr(world, owner)):
            value = getattr(one, field.name)
            for name, inner in (within(field.name, value) or {field.name: value}).items():
                if (owner, name) != ("strategy", "name"):
                    yield owner, name, inner


def _names_of(world: _World, owner: Owner, name: str) -> tuple[str, str]:
    """Return the name of a field as it is typed, and in words."""
    words = name.replace("_", " ")
    if owner == "catalogue":
        return words, words
    is_inner = owner == "strategy" or "." in name
    return name, label_of(getattr(world, owner), name) if is_inner else words


def _move(value: object, share: float) -> Any:
    """Return a value moved by a share of it; None if it is not a number, nor made of numbers."""
    match value:
        case bool():
            return None
        case int():
            step = max(1, ceil(in_decimals(abs(share) * value)))
            return value + step if share > 0 else value - step
        case float():
            return in_decimals((1 + share) * value)
        case np.ndarray():
            return (1 + share) * value
        case Distribution() | Profile():
            return value.scaled(1 + share)
        case tuple() if all(isinstance(one, float) for one in value):
            return tuple(_move(one, share) for one in value)
    return None


def _step(world: _World, owner: Owner, name: str, value: Any) -> _Step | None:
    """Return the world in which a field has another value; None if that is impossible."""
    try:
        if owner == "catalogue":
            one = world.catalogue
            columns = one.numbers | {name: value}
            changed: Any = Catalogue.of_columns(one.texts, columns, one.rejected, one.name, None, one.timezone)
        else:
            changed = with_value(getattr(world, owner), name, value)
    except InputError:
        return None
    return _Step(value, world._replace(**{owner: changed}))


def _mean(value: Any) -> float:
    return value.mean if isinstance(value, Distribution | Profile) else float(np.nanmean(value))


def _text(value: Any) -> str:
    """Return a value in words; of a column its mean."""
    if isinstance(value, np.ndarray):
        return f"mean {_mean(value):.4g} s"
    return ", ".join(map(in_words, value)) if isinstance(value, tuple) else in_words(value)


def _short(value: Any) -> str:
    """Return a value as one number: the mean of times and rates."""
    return _text(value) if isinstance(value, tuple) else f"{_mean(value):,.4g}"
