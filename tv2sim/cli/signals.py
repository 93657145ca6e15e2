"""SIGINT and SIGTERM as exceptions."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Signalled", "Signals", "signals"]

_PATIENCE = 5.0
"""Wall seconds that the end which a signal has begun may take before another signal cuts it short."""


class Signalled(KeyboardInterrupt):
    """A signal asks the program to end; the message says how."""


class Signals:
    """Raises :class:`Signalled` in the main thread for the first signal; after that the end is under way."""

    def __init__(self) -> None:
        self.first: int | None = None
        self._told = 0.0
        self._holding = False

    @property
    def status(self) -> int:
        """The exit status of a program that ends because of them."""
        return 128 + (self.first or signal.SIGINT)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Act on a signal."""
        if self.first is None or (self._told and time.monotonic() - self._told > _PATIENCE):
            self.first = self.first or number
            self._tell()

    def hold(self) -> None:
        """Let what must not be left half done be finished: up to :meth:`release` a signal is not heard."""
        self._holding = True

    def release(self) -> None:
        """Hear signals again, and the one that has come meanwhile."""
        self._holding = False
        self._tell()

    @contextmanager
    def afresh(self) -> Iterator[None]:
        """Hear another signal, though the end is under way."""
        first, self.first = self.first, None
        try:
            yield
        finally:
            if self.first is None:
                self.first = first

    def _tell(self) -> None:
        if self.first is not None and not self._holding:
            self._told = time.monotonic()
            raise Signalled("interrupted" if self.first == signal.SIGINT else "terminated")


@contextmanager
def signals() -> Iterator[Signals]:
    """Raise :class:`Signalled` in the main thread on SIGINT and SIGTERM, unless they are ignored."""
    asked = Signals()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in a shell's background
                before[number] = signal.signal(number, asked.handle)
    try:
        yield asked
    finally:
        if asked.first is None:  # else the process ends, and another signal must not cut that short
            for number, handler in before.items():
                signal.signal(number, handler)
