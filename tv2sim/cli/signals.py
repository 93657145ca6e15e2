"""SIGINT and SIGTERM as exceptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["Signalled", "signals"]


class Signalled(KeyboardInterrupt):
    """A signal asks the program to end.

    Parameters
    ----------
    number : int
        Which one.
    """

    def __init__(self, number: int) -> None:
        super().__init__("interrupted" if number == signal.SIGINT else "terminated")
        self.status = 128 + number


@contextmanager
def signals() -> Iterator[None]:
    """Raise :class:`Signalled` in the main thread on SIGINT and SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> NoReturn:
        raise Signalled(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
