"""The exceptions that tv2sim raises on purpose, and the shortening and escaping of their messages.

::

    TV2SimError
     ├── InputError (ValueError)          an argument, an option or a file; the message says how to correct it
     │    ├── CatalogueError              a catalogue that cannot be read, or has no valid video
     │    ├── ScenarioError               a number or a distribution of the scenario
     │    └── StrategyError               an unknown strategy, or one that contradicts itself
     ├── OutputError (OSError)            a result could not be written, or would overwrite another
     ├── MissingExtraError (ImportError)  an optional package is not installed
     └── LagError (RuntimeError)          a strict replay could not keep up with the clock

Catching :class:`TV2SimError` catches all of them; catching the built-in class in brackets works as well. A
:class:`TV2SimWarning` (UserWarning) warns of a probable mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")

_LONGEST_MESSAGE = 4000
"""The most characters of a message: it may quote a text of any length."""


def shortened(text: str, at_most: int = _LONGEST_MESSAGE) -> str:
    """Return a text of at most `at_most` characters; the middle of a longer text is left out.

    >>> shortened("a" * 10 + "b" * 10, 11)
    'aaaaa … bbb'
    """
    if len(text) <= at_most:
        return text
    end = max(at_most - 3, 0) * 2 // 5
    return f"{text[: at_most - 3 - end]} … {text[len(text) - end :]}"


def escape(character: str) -> str:
    """Return the escape of a character, as Python's literals have it."""
    return character.encode("unicode_escape").decode()


def printable(text: str, escape: Callable[[str], str] = escape) -> str:
    r"""Return a text in which characters that are not printable, such as controls, are escaped.

    >>> printable("\N{ESCAPE}[31mred") == r"\x1b[31mred"
    True
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else escape(each) for each in text)


class TV2SimError(Exception):
    """The base class of every error that tv2sim raises on purpose; a message is never longer than a page."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(shortened(each) if isinstance(each, str) else each for each in arguments))


class TV2SimWarning(UserWarning):
    """A warning of a probable mistake in a valid input."""


class InputError(TV2SimError, ValueError):
    """An argument, an option or a file is wrong."""


class CatalogueError(InputError):
    """A catalogue cannot be read, or holds no valid video."""


class ScenarioError(InputError):
    """A scenario, or a distribution in it, has an impossible value."""


class StrategyError(InputError):
    """A strategy is unknown, or contradicts itself."""


class OutputError(TV2SimError, OSError):
    """A result cannot be written, or would overwrite an earlier one."""


class MissingExtraError(TV2SimError, ImportError):
    """An optional package that the call needs is not installed."""


class LagError(TV2SimError, RuntimeError):
    """A strict replay could not keep up with the clock."""


def need(*modules: str, to: str) -> None:
    """Import modules of the extra "replay".

    Raises
    ------
    MissingExtraError
        If one is not installed, naming the extra.
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise MissingExtraError(
                f"to {to} a replay needs {error.name}: pip install 'tv2sim[replay]'"
            ) from error


def need_pyarrow() -> None:
    """Check that Parquet can be read and written.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed; the message names the extra.
    """
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError(
            "Parquet needs the package pyarrow: pip install 'tv2sim[parquet]', or choose csv or jsonl"
        ) from error


# -- errors of users' code ----------------------------------------------------------------------------------


class UsersError(Exception):
    """Carrier of an exception of a user's code out of a process, where SimPy would replace the exception."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def call(function: Callable[..., T], *arguments: object) -> T:
    """Call a user's function (a hook or an observer), and carry its exceptions out of the simulation.

    Raises
    ------
    UsersError
        If the function raises; it holds the exception.
    """
    try:
        return function(*arguments)
    except BaseException as error:
        raise UsersError(error) from error
