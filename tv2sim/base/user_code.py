"""Calls of users' code (hooks and observers) from within processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["UsersError", "call"]

T = TypeVar("T")


class UsersError(Exception):
    """Carries an exception of a user's code out of a process; SimPy would replace it by a new exception."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def call(function: Callable[..., T], *arguments: object) -> T:
    """Call a user's function, so that its exceptions can leave the simulation unchanged.

    Raises
    ------
    UsersError
        If the function raises; it holds the exception.
    """
    try:
        return function(*arguments)
    except BaseException as error:
        raise UsersError(error) from error
