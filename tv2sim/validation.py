"""Checks of arguments. Their messages quote the value and say what is accepted."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any

from tv2sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LONGEST_TIME", "MOST", "MOST_WORKERS", "a_number", "a_time", "a_whole_number", "one_of", "plural", "shown",
]  # fmt: skip

LONGEST_TIME = 2.0**32
"""The longest time that is accepted, in seconds (136 years)."""

MOST = 10**9
"""The most videos, publishers or replications that can be asked for."""

MOST_WORKERS = 1000
"""The most worker processes that can be asked for; all of them are started."""


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
        The name of the number in the message.
    value : object
        The value that the user passed; True and False are not numbers.
    at_least, above, at_most : float
        The accepted range; `above`, if given, replaces `at_least` and excludes the bound itself.
    error : type of InputError
        The class of the exception to raise.

    Raises
    ------
    InputError
        If it is not such a number; the message quotes it.
    """
    lower = f" of at least {at_least:g}" if above is None else f" greater than {above:g}"
    upper = f" and at most {at_most:g}" if at_most < math.inf else ""
    accepted = f"a finite number{lower if at_least > -math.inf else ''}{upper}"
    try:
        result = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        result = math.inf
    too_low = result < at_least if above is None else result <= above
    if not math.isfinite(result) or too_low or result > at_most:
        raise error(f"{name} must be {accepted}, not {shown(value)}")
    return result


def a_time(name: str, value: object, *, error: type[InputError] = InputError, **bounds: float) -> float:
    """Return `value` as a number of seconds within its bounds, at most :data:`LONGEST_TIME`.

    The bounds are those of :func:`a_number`.

    Raises
    ------
    InputError
        If it is not such a number; the message quotes it.
    """
    seconds = a_number(name, value, error=error, **bounds)
    if seconds > LONGEST_TIME:
        raise error(f"{name} must be at most {LONGEST_TIME:.0f} s, not {shown(value)}")
    return seconds


def a_whole_number(
    name: str, value: object, *, at_least: int, at_most: int | None = None, error: type[InputError] = InputError
) -> int:
    """Return `value` as an int within its bounds (numpy's integers count, 10.0 and True do not).

    Raises
    ------
    InputError
        If it is not such a number; the message quotes it.
    """
    accepted = f"a whole number of at least {at_least}" + ("" if at_most is None else f" and at most {at_most}")
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or int(value) < at_least or (at_most is not None and int(value) > at_most):  # type: ignore[call-overload]
        raise error(f"{name} must be {accepted}, not {shown(value)}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def one_of(name: str, value: Any, known: Iterable[object], *, error: type[InputError] = InputError) -> Any:
    """Return `value` if it is among the known ones.

    Raises
    ------
    InputError
        If it is not; the message lists the known ones.
    """
    known = list(known)
    try:
        found = value in set(known)
    except TypeError:  # it has no hash, as an array or a list
        found = False
    if not found:
        raise error(f"{name} must be one of {', '.join(map(repr, known))}, not {shown(value)}")
    return value


def shown(value: object, at_most: int = 500) -> str:
    """Return the repr of a value, cut off; some numbers are too large and some lists too deep to have one."""
    try:
        return repr(value)[:at_most]
    except Exception:  # noqa: BLE001 (a user's class may raise anything)
        return f"<{type(value).__name__} that cannot be shown>"


def plural(count: float, word: str) -> str:
    """Return a number of things.

    >>> plural(1, "video"), plural(1000, "replication"), plural(4, "strategy")
    ('1 video', '1,000 replications', '4 strategies')
    """
    if count != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,.0f} {word}"
