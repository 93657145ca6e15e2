"""Keys, one by one and without a return, from the terminal that is there."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from types import TracebackType
from typing import Any

try:
    import termios
    import tty
except ImportError:  # on Windows
    HAVE_TERMINALS = False
else:
    HAVE_TERMINALS = True

__all__ = ["Keys"]

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What an arrow or a function key sends, or a key with Alt."""


class Keys:
    """Reads keys between enter and leave; afterwards the terminal is as it was."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._owned = False
        self._before: list[Any] | None = None

    @property
    def working(self) -> bool:
        """Whether there is a terminal to read from."""
        return self._number is not None

    def __enter__(self) -> Keys:
        if HAVE_TERMINALS:
            self._open()
            self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.leave()
        finally:
            self._close()

    def _open(self) -> None:
        """Take standard input, or the terminal itself where standard input is something else."""
        try:
            if sys.stdin is not None and sys.stdin.isatty():
                self._number = sys.stdin.fileno()
                return
            self._number = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
            self._owned = True
        except (OSError, ValueError):  # there is none
            self._number = None

    def _close(self) -> None:
        if self._owned and self._number is not None:
            os.close(self._number)
        self._number = None

    def enter(self) -> None:
        """Let the terminal pass on each key at once, without showing it. Ctrl-C remains a signal."""
        if self._number is None:
            return
        try:
            if self._before is None:
                self._before = termios.tcgetattr(self._number)
            tty.setcbreak(self._number, termios.TCSANOW)
        except termios.error:
            self._before = None
            self._close()

    def leave(self) -> None:
        """Let the terminal be as it was."""
        if self._number is not None and self._before is not None:
            before, self._before = self._before, None
            try:
                # at once: what waits to be written may wait for ever
                termios.tcsetattr(self._number, termios.TCSANOW, before)
            except termios.error:  # it is gone
                return

    def pressed(self, timeout: float) -> str:
        """Return the keys that were pressed, after so many seconds or as soon as there is one."""
        if self._number is None:
            time.sleep(timeout)
            return ""
        if not select.select([self._number], [], [], timeout)[0]:
            return ""
        try:
            read = os.read(self._number, 1024)
        except OSError:  # the terminal is gone
            read = b""
        if not read:
            self.leave()
            self._close()
        return _SEQUENCE.sub(b"", read).decode("ascii", "ignore")
