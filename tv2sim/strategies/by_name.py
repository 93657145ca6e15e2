"""A strategy by its name, or by a text such as "2c(prewarmed=8, queue_order='deadline')"."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import did_you_mean, shown
from tv2sim.base.errors import InputError, StrategyError
from tv2sim.base.line_syntax import Call, as_call
from tv2sim.strategies import policies
from tv2sim.strategies.builtin import STRATEGIES
from tv2sim.strategies.lead import Lead
from tv2sim.strategies.strategy import Strategy
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["as_strategy"]

_PRESETS: Mapping[str, Callable[..., Strategy]] = {name: getattr(policies, name) for name in policies.__all__}

_KINDS: tuple[type[Strategy], ...] = (Strategy, *policies.CLASSES)
_CLASSES = {kind.__name__: kind for kind in _KINDS}

_VALUES: Mapping[str, Callable[..., object]] = {kind.__name__.lower(): kind for kind in (Lead, Profile)}
"""What a value may be made by, by its name in small letters."""

_WORDS = {"none": None, "true": True, "false": False}


def as_strategy(strategy: object) -> Strategy:
    """Return a strategy unchanged, or the one that a text stands for, which is its name then.

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
    return _named(strategy) if written is None else _called(strategy, written)


def _unknown(strategy: object) -> StrategyError:
    name = strategy.partition("(")[0].partition(":")[0] if isinstance(strategy, str) else ""
    return StrategyError(
        f"a strategy is one of {', '.join(STRATEGIES)}, one of {', '.join(policies.__all__)} with its settings "
        f"in brackets, or a tv2sim.Strategy of your own, not {shown(strategy)}"
        f"{did_you_mean(name, [*STRATEGIES, *policies.__all__])}"
    )


def _named(text: str) -> Strategy:
    """Return a built-in strategy by its name, perhaps with another pool."""
    name, colon, size = text.partition(":")
    if name not in STRATEGIES:
        raise _unknown(text)
    if not colon:
        return STRATEGIES[name]
    if not STRATEGIES[name].prewarmed or not (size.isascii() and size.isdigit()):
        raise StrategyError(f"a strategy with another pool is written like 2c:8, not {text!r}")
    return STRATEGIES[name].replace(name=text, prewarmed=int(size[:4000]))


def _called(text: str, written: Call) -> Strategy:
    """Return the strategy of a name with values in brackets."""
    preset = _PRESETS.get(written.name)
    if preset is None and written.values:
        raise StrategyError(f"{text!r}: the fields of a strategy are given by name, such as prewarmed=8")
    try:
        make = preset or _CLASSES.get(written.name) or _named(written.name).replace
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
