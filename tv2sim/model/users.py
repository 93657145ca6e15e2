"""Calls of users' code (hooks and observers) from within processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["UsersError", "call"]

T = TypeVar("T")


class UsersError(Exception):
    """Carries an exception out of a process as it is: SimPy would make another one of its class."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def call(function: Callable[..., T], *arguments: object) -> T:
    """Call a user's function; what it raises leaves the simulation as it was raised.

    Raises
    ------
    UsersError
        Around whatever the function raises.
    """
    try:
        return function(*arguments)
    except BaseException as error:
        raise UsersError(error) from error
