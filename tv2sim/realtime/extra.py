"""What only the extra "replay" brings."""

from __future__ import annotations

from importlib import import_module

from tv2sim.errors import MissingExtraError

__all__ = ["need"]


def need(*modules: str, to: str) -> None:
    """Say what to install if one of some modules is not there.

    Raises
    ------
    MissingExtraError
        Naming the extra.
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise MissingExtraError(
                f"to {to} a replay needs {error.name}: pip install 'tv2sim[replay]'"
            ) from error
