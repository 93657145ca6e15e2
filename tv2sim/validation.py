"""The checks of every public argument; their messages quote the value and say what is accepted."""

from __future__ import annotations

import dataclasses
import math
import numbers
import textwrap
from typing import TYPE_CHECKING, Any, TypeVar

from tv2sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "LONGEST_TIME",
    "MOST",
    "a_number",
    "a_time",
    "a_whole_number",
    "check_fields",
    "checked",
    "one_of",
    "or_none",
    "parameter",
    "plural",
    "shown",
    "with_changes",
    "with_parameters",
]

T = TypeVar("T")

LONGEST_TIME = 2.0**32
"""Seconds (136 years): no time that is handed in may be longer."""

MOST = 10**9
"""The most videos, publishers or replications that can be asked for."""


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
        raise error(f"{name} must be {accepted}, not {shown(value)}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    too_low = result < at_least if above is None else result <= above
    if not math.isfinite(result) or too_low or result > at_most:
        raise error(f"{name} must be {accepted}, not {shown(value)}")
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
        raise error(f"{name} must be at most {LONGEST_TIME:.0f} s, not {shown(value)}")
    return seconds


def a_whole_number(
    name: str, value: object, *, at_least: int, at_most: int | None = None, error: type[InputError] = InputError
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
    """Return what a value looks like, cut; some numbers are too large for that, and some lists too deep."""
    try:
        return repr(value)[:at_most]
    except Exception:  # noqa: BLE001 (a class of the user's may raise anything)
        return f"<{type(value).__name__} that cannot be shown>"


def plural(count: float, word: str) -> str:
    """Return a number of things.

    >>> plural(1, "video"), plural(1000, "replication"), plural(4, "strategy")
    ('1 video', '1,000 replications', '4 strategies')
    """
    if count != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,.0f} {word}"


def with_changes(one: T, what: str, changes: Mapping[str, Any], *, error: type[InputError]) -> T:
    """Return a copy of a dataclass with some fields changed; raise `error` if it has no such field."""
    known = [field.name for field in dataclasses.fields(one)]  # type: ignore[arg-type]
    for name in changes:
        if name not in known:
            raise error(f"{what} has no {name!r}; it has {', '.join(known)}")
    return dataclasses.replace(one, **changes)  # type: ignore[type-var]


# -- dataclasses whose fields hold their own description and check ------------------------------------------


def checked(check: Callable[..., Any], **bounds: Any) -> dict[str, Any]:
    """Return the metadata of a dataclass field whose values are checked by :func:`check_fields`.

    Parameters
    ----------
    check : callable
        One of the checks of this module, or one like them: ``check(name, value, error=..., **bounds)`` returns
        the value to store.
    **bounds
        Further arguments of the check; a text names another field, whose value is the bound.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Span:
    ...     low: float = dataclasses.field(metadata=checked(a_time))
    ...     high: float = dataclasses.field(metadata=checked(a_time, at_least="low"))
    ...     def __post_init__(self):
    ...         check_fields(self, error=InputError)
    >>> Span(2, 6)
    Span(low=2.0, high=6.0)
    >>> Span(2, 1)
    Traceback (most recent call last):
    tv2sim.errors.InputError: high must be a finite number of at least 2, not 1
    """
    return {"check": check, "bounds": bounds}


def parameter(default: object, text: str, check: Callable[..., Any], *, label: str = "", **bounds: Any) -> Any:
    """Return a dataclass field with its default, description and check (see :func:`checked`).

    `text` has the sentences for the documentation and the command line's help, `label` a few words for the row
    of a table; they are the field's ``metadata["help"]`` and ``metadata["label"]``.
    """
    return dataclasses.field(
        default=default, metadata={"help": text, "label": label, **checked(check, **bounds)}
    )


def or_none(check: Callable[..., Any]) -> Callable[..., Any]:
    """Return a check that accepts None as well."""

    def check_or_none(name: str, value: object, **bounds: Any) -> Any:
        return None if value is None else check(f"{name}, if not None,", value, **bounds)

    return check_or_none


def check_fields(one: object, *, error: type[InputError], owner: str = "") -> None:
    """Replace the value of each :func:`checked` field of a dataclass by what the check returns.

    A field that a subclass declares again, with another default, keeps the check of its base class. `owner`
    goes before the field's name in messages.
    """
    checks = {
        field.name: field.metadata
        for kind in reversed(type(one).__mro__)
        if dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
        if "check" in field.metadata
    }
    for name, metadata in checks.items():
        bounds = {
            bound: getattr(one, limit) if isinstance(limit, str) else limit
            for bound, limit in metadata["bounds"].items()
        }
        value = metadata["check"](f"{owner}{name}", getattr(one, name), error=error, **bounds)
        object.__setattr__(one, name, value)


def with_parameters(kind: type[T]) -> type[T]:
    """Put the descriptions of a dataclass's fields into its docstring, where it says ``{parameters}``."""
    lines = ["Parameters", "    ----------"]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        default = "" if field.default is dataclasses.MISSING else f", default {field.default}"
        lines.append(f"    {field.name} : {field.type}{default}")
        lines += textwrap.wrap(field.metadata["help"], 100, initial_indent=" " * 8, subsequent_indent=" " * 8)
    kind.__doc__ = (kind.__doc__ or "").replace("{parameters}", "\n".join(lines))
    return kind
