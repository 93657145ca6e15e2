"""SIGINT, SIGTERM and SIGHUP as exceptions."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Signalled", "Signals", "signals"]

_PATIENCE = 5.0
"""Wall seconds after a signal during which another one is ignored, so that the program can clean up."""


class Signalled(KeyboardInterrupt):
    """A signal asked the program to end; the message is "interrupted" or "terminated"."""


class Signals:
    """Raises :class:`Signalled` in the main thread for the first signal; from then on the program is ending."""

    def __init__(self) -> None:
        self.first: int | None = None
        self._told = 0.0
        self._holding = False

    @property
    def status(self) -> int:
        """The exit status of a program that ends because of them."""
        return 128 + (self.first or signal.SIGINT)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: raise, unless the program is ending already or signals are held."""
        if self.first is None or (self._told and time.monotonic() - self._told > _PATIENCE):
            self.first = self.first or number
            self._tell()

    def hold(self) -> None:
        """Defer signals until :meth:`release`, for work that must not be interrupted."""
        self._holding = True

    def release(self) -> None:
        """Raise for signals again, and for the one that came since :meth:`hold`."""
        self._holding = False
        self._tell()

    @contextmanager
    def afresh(self) -> Iterator[None]:
        """Raise for another signal, although the program is ending."""
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
    """Raise :class:`Signalled` in the main thread on SIGINT, SIGTERM and SIGHUP, unless they are ignored."""
    asked = Signals()
    before = {}
    if threading.current_thread() is threading.main_thread():
        hangup = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none
        for number in {signal.SIGINT, signal.SIGTERM, hangup}:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in a shell's background, or by nohup
                before[number] = signal.signal(number, asked.handle)
    try:
        yield asked
    finally:
        if asked.first is None:  # otherwise the process is ending, which another signal must not interrupt
            for number, handler in before.items():
                signal.signal(number, handler)
