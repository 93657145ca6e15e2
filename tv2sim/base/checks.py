"""Checks of arguments. Their messages quote the value and say what is accepted."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Iterable, Sized
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from tv2sim.base.errors import InputError, shortened

T = TypeVar("T")

LONGEST_TIME = 2.0**32
"""The longest time that is accepted, in seconds (136 years)."""

MOST = 10**9
"""The most videos, publishers or replications that can be asked for."""

MOST_WORKERS = 1000
"""The most worker processes that can be asked for; all of them are started."""

LONGEST_NAME = 10_000
"""The most characters of a name; a policy's name is its call, which may hold a profile of many steps."""


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
    try:
        result = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        result = math.inf
    too_low = result < at_least if above is None else result <= above
    if not math.isfinite(result) or too_low or result > at_most:
        lower = f" of at least {at_least:g}" if above is None else f" greater than {above:g}"
        upper = f" and at most {at_most:g}" if at_most < math.inf else ""
        accepted = f"a finite number{lower if at_least > -math.inf else ''}{upper}"
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


def a_share(name: str, value: object, *, error: type[InputError] = InputError, **bounds: float) -> float:
    """Return `value` as a share of at most 1; for a percentage, the message suggests the share.

    Raises
    ------
    InputError
        If it is not such a number.

    Examples
    --------
    >>> a_share("target", 99.9)
    Traceback (most recent call last):
    tv2sim.base.errors.InputError: target must be a finite number of at least 0 and at most 1, not 99.9: did
    you mean 0.999 (99.9%)?
    """
    try:
        return a_number(name, value, at_most=1, error=error, **bounds)
    except error as wrong:
        meant = ""
        if isinstance(value, int | float) and 1 < value <= 100:
            meant = f": did you mean {value / 100:.12g} ({value:.12g}%)?"
        raise error(f"{wrong}{meant}") from None


def a_name(what: str, value: object, *, error: type[InputError] = InputError) -> str:
    """Return a name unchanged.

    Raises
    ------
    InputError
        If it is no string, or has more than :data:`LONGEST_NAME` characters.
    """
    if not isinstance(value, str):
        raise error(f"{what} must be a string, not {shown(value)}")
    if len(value) > LONGEST_NAME:
        raise error(
            f"{what} must have at most {LONGEST_NAME:,} characters, not {len(value):,}: {shown(value, 60)}"
        )
    return value


def a_list(name: str, values: Iterable[T], *, at_most: int, error: type[InputError] = InputError) -> list[T]:
    """Return values as a list; their number is limited, since a range or a generator may be endless.

    Raises
    ------
    InputError
        If there are more than `at_most`.
    """
    try:
        few = not isinstance(values, Sized) or len(values) <= at_most
    except OverflowError:  # a range may be longer than any list
        few = False
    found = list(islice(values, at_most + 1)) if few else []
    if not few or len(found) > at_most:
        raise error(f"{name} must be at most {at_most:,} values, not {shown(values, 60)}")
    return found


def a_path(name: str, value: object, *, error: type[InputError] = InputError) -> Path:
    """Return a path as an object.

    Raises
    ------
    InputError
        If it is neither a string nor a path.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise error(f"{name} must be a path, not {shown(value)}")
    return Path(value)


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
        meant = did_you_mean(value, known) if isinstance(value, str) else ""
        raise error(f"{name} must be one of {', '.join(map(repr, known))}, not {shown(value)}{meant}")
    return value


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return the end of a message that suggests the known name closest to a wrong one, or an empty text.

    >>> did_you_mean("on_time", ["published", "on_time_rate"]), did_you_mean("x", ["published"])
    (': did you mean on_time_rate?', '')
    """
    from difflib import get_close_matches

    wrong, names = str(name)[:100], [each for each in known if isinstance(each, str)]
    by_small = {each.lower(): each for each in reversed(names)}
    near = get_close_matches(wrong.lower(), by_small, 1) or [
        each for each in by_small if wrong and wrong.lower() in each
    ]
    return f": did you mean {by_small[near[0]]}?" if near else ""


def shown(value: object, at_most: int = 500) -> str:
    """Return the repr of a value, shortened; a value whose repr fails is named by its class."""
    try:
        return shortened(repr(value), at_most)
    except Exception:  # noqa: BLE001 (a user's class may raise anything)
        return f"<{type(value).__name__} that cannot be shown>"


def plural(count: float, word: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "video"), plural(1000, "replication"), plural(4, "strategy")
    ('1 video', '1,000 replications', '4 strategies')
    """
    if count != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,.0f} {word}"
