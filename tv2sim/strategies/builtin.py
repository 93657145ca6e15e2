"""The built-in strategies, and a strategy by its name or by a text such as "2c(prewarmed=8)".

The constants of those that are not parts of the original are chosen by ``python -m tests.benchmarks.tuning`` on
generated catalogues.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tv2sim.base.checks import did_you_mean, shown
from tv2sim.base.errors import InputError, StrategyError
from tv2sim.base.line_syntax import Call, as_call
from tv2sim.strategies import policies
from tv2sim.strategies.expectations import Lead
from tv2sim.strategies.strategy import Strategy
from tv2sim.world.profiles import Profile

PART_1 = Strategy("1", starts_on="encoded", dedicated=True)
"""A publisher for each video, started when its encoding ends."""

PART_2A = Strategy("2a", starts_on="encoding_started", dedicated=True)
"""A publisher for each video, started when its encoding starts."""

PART_2B = Strategy("2b", starts_on="queued", dedicated=True)
"""A publisher for each video, started when it reaches the publishing stage."""

PART_2C = Strategy("2c", prewarmed=10)
"""A pool of 10 publishers started at time 0; each one that takes a video is replaced."""

ADVANCE = Strategy(
    "advance", starts_on="encoding_started", prewarmed=2, queue_order="deadline", dispatch="end_of_instant"
)
"""A publisher for the pool at the start of each encoding, beside a small stock; the nearest deadline first."""

JUST_IN_TIME = ADVANCE.replace(name="just in time", lead=Lead(quantile=0.75))
"""The same, with publishers that start so late that three of four are ready by the end of the encoding."""

SLACK_AWARE = Strategy(
    "slack aware", dedicated_from=1, lead=Lead(quantile=0.9), prewarmed=5, queue_order="deadline"
)
"""Own publishers for videos that can wait for them, and a pool for the others, the nearest deadline first."""

ADAPTIVE = Strategy(
    "adaptive", prewarmed="rate", headroom=1.25, minimum=1, idle_time_to_live=60, queue_order="deadline"
)
"""A pool that follows the recent rate, and retires what is idle for long."""

COVERAGE = Strategy("coverage", price=60, prewarmed="rate")
"""The coverage rule: a publisher is started if the failures that it prevents are worth its idle time."""

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            PART_1, PART_2A, PART_2B, PART_2C, ADVANCE, JUST_IN_TIME, SLACK_AWARE, ADAPTIVE, COVERAGE,
        )
    }
)  # fmt: skip
"""The built-in strategies by name."""


# -- by name --------------------------------------------------------------------------------------------------

_PRESETS: Mapping[str, Callable[..., Strategy]] = {name: getattr(policies, name) for name in policies.__all__}

_KINDS: tuple[type[Strategy], ...] = (Strategy, *policies.CLASSES)
_CLASSES = {kind.__name__: kind for kind in _KINDS}

_VALUES: Mapping[str, Callable[..., object]] = {kind.__name__.lower(): kind for kind in (Lead, Profile)}
"""What a value may be made by, by its name in small letters."""

_WORDS = {"none": None, "true": True, "false": False}


def as_strategy(strategy: object) -> Strategy:
    """Return a strategy unchanged, or the strategy that a text stands for, with the text as its name.

    The text is the name of a built-in strategy, with fields in brackets that differ, or a call of `Strategy` or
    of a function of :mod:`tv2sim.policies`. "2c:8" is 2c with a pool of 8. Words need no quotes.

    Raises
    ------
    StrategyError
        If there is no such strategy; the message quotes the text and lists the names.

    Examples
    --------
    >>> as_strategy("2b").starts_on
    'queued'
    >>> as_strategy("2c:8")
    Strategy(name='2c:8', prewarmed=8)
    >>> as_strategy("2c(prewarmed=8, queue_order=deadline)")
    Strategy(name='2c(prewarmed=8, queue_order=deadline)', prewarmed=8, queue_order='deadline')
    >>> as_strategy("advance(lead=Lead(encoding=3, timeout=6), name=late)").lead
    Lead(encoding=3.0, timeout=6.0)
    >>> as_strategy("agones(20%, minimum=2)").buffer
    '20%'
    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        raise StrategyError(f"{strategy.__name__} is a class: pass an instance of it, {strategy.__name__}()")
    if not isinstance(strategy, str):
        raise _unknown(strategy)
    try:
        written = Call(strategy, (), {}) if strategy in _PRESETS else as_call(strategy)
    except ValueError as error:
        raise StrategyError(f"{strategy!r}: {error}") from error
    if written is None and "(" in strategy:
        raise StrategyError(
            f"a strategy is written like 2c(prewarmed=8, queue_order=deadline), not {strategy!r}"
        )
    return _of_name(strategy) if written is None else _of_call(strategy, written)


def _unknown(strategy: object) -> StrategyError:
    name = strategy.partition("(")[0].partition(":")[0] if isinstance(strategy, str) else ""
    return StrategyError(
        f"a strategy is one of {', '.join(STRATEGIES)}, one of {', '.join(policies.__all__)} with its settings "
        f"in brackets, or a tv2sim.Strategy of your own, not {shown(strategy)}"
        f"{did_you_mean(name, [*STRATEGIES, *policies.__all__])}"
    )


def _of_name(text: str) -> Strategy:
    """Return a built-in strategy by its name, perhaps with another pool."""
    name, colon, size = text.partition(":")
    if name not in STRATEGIES:
        raise _unknown(text)
    if not colon:
        return STRATEGIES[name]
    if not STRATEGIES[name].prewarmed or not (size.isascii() and size.isdigit()):
        raise StrategyError(f"a strategy with another pool is written like 2c:8, not {text!r}")
    return STRATEGIES[name].replace(name=text, prewarmed=int(size[:4000]))


def _of_call(text: str, written: Call) -> Strategy:
    """Return the strategy of a name with values in brackets."""
    preset = _PRESETS.get(written.name)
    if preset is None and written.values:
        raise StrategyError(f"{text!r}: the fields of a strategy are given by name, such as prewarmed=8")
    try:
        make = preset or _CLASSES.get(written.name) or _of_name(written.name).replace
        values, named = _values(written)
        return make(*values, **{"name": text.strip(), **named})
    except InputError as error:
        raise StrategyError(f"{text!r}: {error}") from error


def _values(written: Call) -> tuple[list[Any], dict[str, Any]]:
    """Return the values of a call, those without a name and those with one."""
    return [*map(_value, written.values)], {name: _value(value) for name, value in written.named.items()}


def _value(text: str) -> Any:
    """Return a number, a word, what has another form of Python's literals, or a lead or profile."""
    written = as_call(text)
    if written is not None and (make := _VALUES.get(written.name.lower())):
        values, named = _values(written)
        try:
            return make(*values, **named)
        except TypeError as error:
            raise StrategyError(f"{text!r} has too many values, too few, or one of them twice") from error
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _WORDS.get(text.lower(), text)
