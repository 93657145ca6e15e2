"""The checks of every public argument; their messages quote the value and say what is accepted."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import TYPE_CHECKING, Any, TypeVar

from tv2sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LONGEST_TIME", "a_number", "a_time", "a_whole_number", "one_of", "with_changes"]

T = TypeVar("T")

LONGEST_TIME = 2.0**32
"""Seconds (136 years): no time that is handed in may be longer."""


def a_number(
    name: str,
    value: object,
    *,
    at_least: float = 0.0,
    above: float | None = None,
    at_most: float = math.inf,
    error: type[InputError] = InputError,
) -> float:
    """Return `value` as a finite float within its bounds.

    Parameters
    ----------
    name : str
        What the number is called, for the message.
    value : object
        What the user handed in; ``bool`` is no number.
    at_least, above, at_most : float
        The accepted range; `above`, if given, replaces `at_least` and excludes the bound itself.
    error : type of InputError
        What to raise.

    Raises
    ------
    InputError
        If it is none, quoting the value.
    """
    lower = f"of at least {at_least:g}" if above is None else f"greater than {above:g}"
    accepted = f"a finite number {lower}" + (f" and at most {at_most:g}" if at_most < math.inf else "")
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise error(f"{name} must be {accepted}, not {value!r}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    too_low = result < at_least if above is None else result <= above
    if not math.isfinite(result) or too_low or result > at_most:
        raise error(f"{name} must be {accepted}, not {value!r}")
    return result


def a_time(
    name: str,
    value: object,
    *,
    at_least: float = 0.0,
    above: float | None = None,
    error: type[InputError] = InputError,
) -> float:
    """Return `value` as a number of seconds within its bounds, no longer than :data:`LONGEST_TIME`.

    Raises
    ------
    InputError
        If it is none, quoting the value.
    """
    seconds = a_number(name, value, at_least=at_least, above=above, error=error)
    if seconds > LONGEST_TIME:
        raise error(f"{name} must be at most {LONGEST_TIME:.0f} s, not {value!r}")
    return seconds


def a_whole_number(
    name: str,
    value: object,
    *,
    at_least: int,
    at_most: int | None = None,
    error: type[InputError] = InputError,
) -> int:
    """Return `value` as an int within its bounds (numpy's integers count, 10.0 and True do not).

    Raises
    ------
    InputError
        If it is none, quoting the value.
    """
    accepted = f"a whole number of at least {at_least}" + ("" if at_most is None else f" and at most {at_most}")
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or int(value) < at_least or (at_most is not None and int(value) > at_most):  # type: ignore[call-overload]
        raise error(f"{name} must be {accepted}, not {value!r}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def one_of(name: str, value: object, known: Iterable[object], *, error: type[InputError] = InputError) -> None:
    """Raise `error`, naming what is known, unless `value` is among them."""
    known = list(known)
    if value not in known:
        raise error(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")


def with_changes(one: T, what: str, changes: Mapping[str, Any], *, error: type[InputError]) -> T:
    """Return a copy of a dataclass with some fields changed; raise `error` if it has no such field."""
    known = [field.name for field in dataclasses.fields(one)]  # type: ignore[arg-type]
    for name in changes:
        if name not in known:
            raise error(f"{what} has no {name!r}; it has {', '.join(known)}")
    return dataclasses.replace(one, **changes)  # type: ignore[type-var]
