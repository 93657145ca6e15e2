"""SIGINT and SIGTERM as exceptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Signalled", "Signals", "signals"]


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


class Signals:
    """Raises :class:`Signalled` in the main thread for the first signal; after that the end is under way."""

    def __init__(self) -> None:
        self.first: int | None = None
        self._holding = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Act on a signal."""
        if self.first is None:
            self.first = number
            self._tell()

    def hold(self) -> None:
        """Let what must not be left half done be finished: up to :meth:`release` a signal is not heard."""
        self._holding = True

    def release(self) -> None:
        """Hear signals again, and the one that has come meanwhile."""
        self._holding = False
        self._tell()

    def _tell(self) -> None:
        if self.first is not None and not self._holding:
            raise Signalled(self.first)


@contextmanager
def signals() -> Iterator[Signals]:
    """Raise :class:`Signalled` in the main thread on SIGINT and SIGTERM."""
    asked = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        if asked.first is None:  # else the process ends, and another signal must not cut that short
            for number, handler in before.items():
                signal.signal(number, handler)
