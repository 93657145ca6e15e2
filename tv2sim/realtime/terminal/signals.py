"""Signals that come while the terminal is drawn on: it is given back before they act."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Signals"]


def _there(*names: str) -> list[int]:
    """Return the signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


_ENDING = _there("SIGINT", "SIGTERM", "SIGHUP")
_SUSPENDING, _RESUMING = _there("SIGTSTP"), _there("SIGCONT")


class Signals:
    """Notes signals between enter and leave; one that ends the program is sent again at the end.

    An exception at any moment, as a signal's handler raises it, could prevent that the terminal is given back.

    Parameters
    ----------
    urgent : callable
        Says whether a signal has to act at once, since something goes on that may never end.
    """

    def __init__(self, *, urgent: Callable[[], bool]) -> None:
        self.end = 0
        """The signal that ends the program, if one has come."""
        self.suspend = self.resumed = False
        self._urgent = urgent
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in _ENDING + _SUSPENDING + _RESUMING:
            before = signal.getsignal(number)
            # who has other plans with Ctrl-Z keeps them; what is ignored stays ignored
            if before not in (signal.SIG_IGN, None) and (number in _ENDING or before == signal.SIG_DFL):
                self._before[number] = before
                signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self.end and error is None:
            signal.raise_signal(self.end)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in _SUSPENDING:
            self.suspend = True
        elif number in _RESUMING:
            self.resumed = True
        elif not self.end:
            self.end = number
            before = self._before[number]
            if self._urgent() and callable(before):
                before(number, frame)

    def stand_still(self) -> None:
        """Stop as the signal wants, until the program is let go on."""
        number = signal.SIGTSTP
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        # here it stands still
        signal.signal(number, self._note)
        self.suspend = self.resumed = False
