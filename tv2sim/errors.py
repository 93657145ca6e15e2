"""Everything that tv2sim raises on purpose.

::

    TV2SimError
     ├── InputError (ValueError)          an argument, an option or a file; the message says how to correct it
     │    ├── CatalogueError              a catalogue that cannot be read, or has no valid video
     │    ├── ScenarioError               a number or a distribution of the scenario
     │    └── StrategyError               an unknown strategy, or one that contradicts itself
     ├── OutputError (OSError)            a result could not be written, or would overwrite another
     ├── MissingExtraError (ImportError)  an optional package is not installed
     └── LagError (RuntimeError)          a strict replay could not keep up with the clock

Catching :class:`TV2SimError` catches them all; catching the built-in class in brackets works as well.
"""

from __future__ import annotations

from importlib import import_module

__all__ = [
    "CatalogueError", "InputError", "LagError", "MissingExtraError", "OutputError", "ScenarioError",
    "StrategyError", "TV2SimError", "need", "need_pyarrow",
]  # fmt: skip


class TV2SimError(Exception):
    """The base class of every error that tv2sim raises on purpose."""


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
