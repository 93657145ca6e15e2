"""The terminal that a replay is shown in: output without blocking, keys, and the signals of the process.

This module does not need rich.
"""

from __future__ import annotations

import io
import os
import re
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any, Self, TextIO

HAVE_TERMINALS = sys.platform != "win32"
if HAVE_TERMINALS:
    import termios
    import tty


_PATIENCE = 0.3
"""Wall seconds to wait for the terminal to take data."""


def is_suited() -> bool:
    """Return whether standard output is a terminal that can be drawn on."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    from rich.console import detect_legacy_windows

    return not detect_legacy_windows()


# -- output ------------------------------------------------------------------------------------------------


def takes(stream: TextIO | int, timeout: float = _PATIENCE) -> bool:
    """Return whether a stream or file takes data within `timeout` seconds; a stopped terminal does not."""
    try:
        return bool(select.select([], [stream], [], timeout)[1])
    except (OSError, ValueError):  # it is not a file of the operating system
        return True


class Output:
    """The file of a stream, which is written without blocking.

    Parameters
    ----------
    stream : text file
        A terminal, a pipe or a file. A stream that is not a file of the operating system is written directly.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        stream.flush()  # all later output goes past the stream
        self._number: int | None = None
        self._piece = 512  # bytes that a pipe takes without blocking, if it takes data
        self._blocks = True
        with suppress(OSError, ValueError):  # not a file of the operating system
            self._number = os.dup(stream.fileno())
            mode = os.fstat(self._number).st_mode
            if hasattr(os, "O_NONBLOCK") and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
                self._piece = 1 if os.isatty(self._number) else self._piece
                self._open_again(self._number)

    def _open_again(self, number: int) -> None:
        """Open the file again, since O_NONBLOCK applies to all programs that share the open file."""
        name = os.ttyname(number) if os.isatty(number) else f"/dev/fd/{number}"
        self._number = os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        os.close(number)
        self._blocks = os.get_blocking(self._number)
        self._piece = self._piece if self._blocks else 4096

    @property
    def size(self) -> tuple[int, int]:
        """The columns and rows of a terminal, as they are now."""
        columns, rows = 0, 0
        with suppress(OSError, ValueError):  # not a terminal
            columns, rows = os.get_terminal_size(self._stream.fileno())
        return columns or 80, rows or 24

    def write(self, data: bytes, timeout: float = 0.0) -> int:
        """Write the bytes that the file takes within `timeout` seconds, and return their number."""
        if self._number is None:
            self._stream.buffer.write(data)
            return len(data)
        written = 0
        while written < len(data) and (takes(self._number, timeout) or not self._blocks):
            try:
                written += os.write(self._number, data[written : written + self._piece])
            except BlockingIOError:
                break
        return written

    def close(self) -> None:
        """Close the file; the stream stays open."""
        if self._number is not None:
            os.close(self._number)
            self._number = None


def start(stream: TextIO) -> None:
    """Start a terminal that was stopped with Ctrl-S."""
    if HAVE_TERMINALS and not takes(stream, 0):
        with suppress(OSError, ValueError, termios.error):
            # TCOON has an effect only after TCOOFF
            termios.tcflow(stream.fileno(), termios.TCOOFF)
            termios.tcflow(stream.fileno(), termios.TCOON)


@contextmanager
def messages_held() -> Iterator[io.StringIO]:
    """Yield the messages on standard error; messages to a terminal are held back until the end."""
    errors, messages = sys.stderr, io.StringIO()
    held = errors is not None and errors.isatty()
    try:
        with redirect_stderr(messages if held else errors):
            yield messages
    finally:
        with suppress(OSError):  # the terminal is closed
            if held and takes(errors):
                errors.write(messages.getvalue())
                errors.flush()


# -- keys --------------------------------------------------------------------------------------------------

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""The bytes of an arrow key, a function key or a key with Alt."""


class Keys:
    """Single keys, from standard input if that is a terminal, else from the controlling terminal."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._modes: list[Any] = []

    @property
    def working(self) -> bool:
        """Whether keys can be read."""
        return self._number is not None

    def __enter__(self) -> Self:
        """Set the terminal to pass on each key at once, without echo. Ctrl-C still sends a signal."""
        if HAVE_TERMINALS:
            with suppress(OSError, ValueError, termios.error):  # there is no terminal
                here = sys.stdin is not None and sys.stdin.isatty()
                number = os.dup(sys.stdin.fileno()) if here else os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
                self._modes = termios.tcgetattr(number)
                self._number = number
                tty.setcbreak(number, termios.TCSANOW)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the modes of the terminal."""
        if self._number is not None:
            with suppress(termios.error):  # the terminal is closed
                # TCSANOW does not wait until all output is written, which may never happen
                termios.tcsetattr(self._number, termios.TCSANOW, self._modes)
            os.close(self._number)
            self._number = None

    def wait_for_keys(self, timeout: float) -> str:
        """Wait for a key, at most `timeout` seconds, and return the keys that were pressed."""
        if self._number is None:
            time.sleep(timeout)
            return ""
        read = b""
        with suppress(OSError):
            if not select.select([self._number], [], [], timeout)[0]:
                return ""
            read = os.read(self._number, 1024)
        if not read:  # the terminal is closed
            self.__exit__()
        return _SEQUENCE.sub(b"", read).decode("ascii", "ignore")


# -- suspensions -------------------------------------------------------------------------------------------


@contextmanager
def suspensions_noted() -> Iterator[list[int]]:
    """Yield a list to which SIGTSTP (Ctrl-Z) and SIGCONT are added; the program's own handlers are kept."""
    noted, handled = list[int](), list[int]()
    if HAVE_TERMINALS and threading.current_thread() is threading.main_thread():
        handled = [one for one in (signal.SIGTSTP, signal.SIGCONT) if signal.getsignal(one) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def suspend(noted: list[int]) -> None:
    """If SIGTSTP was noted, stop the process until it is continued; then clear the list."""
    if HAVE_TERMINALS and signal.SIGTSTP in noted:
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        # the process stops here
        signal.signal(signal.SIGTSTP, handler)
    noted.clear()
