"""The terminal: its screen, which is written without blocking, its keys, and the signals of the process."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live

from tv2sim.realtime.terminal import takes

HAVE_TERMINALS = sys.platform != "win32"
if HAVE_TERMINALS:
    import termios
    import tty

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Screen", "Terminal", "taken"]

# -- what is shown -----------------------------------------------------------------------------------------

_HOME, _ENTER, _LEAVE = "\x1b[H", "\x1b[?1049h", "\x1b[?1049l"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[0m\x1b[?7h"


class Screen:
    """The terminal's alternate screen: rich's `Live`, and the file that it writes to.

    Only the rows of a picture that have changed are written. No write blocks: rows that the terminal does not
    take in time are left out, and written with the next picture.

    Parameters
    ----------
    stream : text file
        The terminal.
    hurried : callable
        Returns whether to leave out the rest of a picture that is being drawn.
    """

    def __init__(self, stream: TextIO, hurried: Callable[[], bool] = lambda: False) -> None:
        self._stream, self._hurried = stream, hurried
        self._number: int | None = None
        self._piece = 0
        self._rows: dict[int, str] = {}  # what the terminal shows; rows that are not known are missing
        self._console = Console(
            file=cast("IO[str]", self), force_terminal=True, force_interactive=True, legacy_windows=False
        )
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    @property
    def size(self) -> tuple[int, int]:
        """The terminal's columns and rows, as they are now."""
        columns, rows = 0, 0
        with suppress(OSError, ValueError):  # not a file of the operating system
            columns, rows = os.get_terminal_size(self._stream.fileno())
        return columns or 80, rows or 24

    def takes(self) -> bool:
        """Return whether the terminal takes data now."""
        return self._number is None or takes(self._number, 0)

    def enter(self) -> None:
        """Switch to the alternate screen."""
        self._number, self._piece = _opened(self._stream)
        self._rows.clear()
        self._stream.flush()  # what follows is not written to the stream
        self._live.start()

    def draw(self, picture: RenderableType, size: tuple[int, int]) -> None:
        """Draw a picture for a size."""
        if self._console.size != size:
            self._console.size = size
            self._rows.clear()
            self._console.clear()
        self._live.update(picture, refresh=True)

    def leave(self) -> None:
        """Switch back from the alternate screen."""
        if HAVE_TERMINALS and not self.takes():
            # the terminal is stopped with Ctrl-S: start it; TCOON has an effect only after TCOOFF
            with suppress(OSError, ValueError, termios.error):
                termios.tcflow(self._stream.fileno(), termios.TCOOFF)
                termios.tcflow(self._stream.fileno(), termios.TCOON)
        self._live.stop()
        if self._number is not None:
            os.close(self._number)
            self._number = None

    # -- the file that rich writes to ----------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Write what rich has rendered: a picture, which begins with the home position, or a command."""
        if not text.startswith(_HOME):
            # without wrapping, a title that the terminal shows wider does not shift the next row
            self._send(text.replace(_ENTER, _ENTER + _NO_WRAP).replace(_LEAVE, _WRAP + _LEAVE))
            return
        for number, row in enumerate(text.removeprefix(_HOME).split("\n"), 1):
            if row != self._rows.get(number):
                # erased first, since a title that the terminal shows narrower would leave old text
                if self._hurried() or not self._send(f"\x1b[0m\x1b[{number};1H\x1b[K{row}"):
                    self._rows.pop(number, None)  # a part of it may be on the screen
                    return
                self._rows[number] = row

    def flush(self) -> None:
        """Do nothing: `write` has no buffer."""

    def _send(self, text: str) -> bool:
        """Write a text piece by piece while the terminal takes it; return whether it took all."""
        if self._number is None:
            self._stream.write(text)
            return True
        left = text.encode(self._stream.encoding, "backslashreplace")
        with suppress(OSError):  # the terminal was stopped just now, or is closed
            while left and takes(self._number):
                left = left[os.write(self._number, left[: self._piece]) :]
        return not left


def _opened(stream: TextIO) -> tuple[int | None, int]:
    """Return a file descriptor, and how many bytes can be written to it at once without blocking."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # not a file of the operating system
        return None, 0
    try:
        # opened again, since O_NONBLOCK applies to all programs that share the open file
        return os.open(os.ttyname(number), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK), 4096
    except (OSError, AttributeError):  # a terminal without a name, or of another user; or Windows
        return os.dup(number), 1 if HAVE_TERMINALS else 4096  # if it takes data, it has room for a byte


# -- keys --------------------------------------------------------------------------------------------------

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What an arrow key, a function key or a key with Alt sends."""


class Keys:
    """Reads single keys, from standard input if that is a terminal, else from the controlling terminal."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._before: list[Any] = []

    @property
    def working(self) -> bool:
        """Whether keys can be read."""
        return self._number is not None

    def enter(self) -> None:
        """Set the terminal to pass on each key at once, without echo. Ctrl-C still sends a signal."""
        if HAVE_TERMINALS:
            with suppress(OSError, ValueError, termios.error):  # there is no terminal
                here = sys.stdin is not None and sys.stdin.isatty()
                number = os.dup(sys.stdin.fileno()) if here else os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
                self._before = termios.tcgetattr(number)
                self._number = number
                tty.setcbreak(number, termios.TCSANOW)

    def leave(self) -> None:
        """Restore the settings of the terminal."""
        if self._number is not None:
            with suppress(termios.error):  # the terminal is closed
                # modes other than TCSANOW wait until all output is written, which may never happen
                termios.tcsetattr(self._number, termios.TCSANOW, self._before)
            os.close(self._number)
            self._number = None

    def pressed(self, timeout: float) -> str:
        """Wait for a key, at most so many seconds, and return the keys that were pressed."""
        if self._number is None:
            time.sleep(timeout)
            return ""
        read = b""
        with suppress(OSError):
            if not select.select([self._number], [], [], timeout)[0]:
                return ""
            read = os.read(self._number, 1024)
        if not read:  # the terminal is closed
            self.leave()
        return _SEQUENCE.sub(b"", read).decode("ascii", "ignore")


# -- the terminal ------------------------------------------------------------------------------------------


def _there(*names: str) -> list[int]:
    """Return the signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


_ENDING = _there("SIGINT", "SIGTERM", "SIGHUP")
_SUSPENDING, _RESUMING = _there("SIGTSTP"), _there("SIGCONT")


class Terminal:
    """The screen, the keys, and the messages and signals that came while they were used."""

    def __init__(self, stream: TextIO) -> None:
        self.keys, self.screen = Keys(), Screen(stream, hurried=lambda: self.end != 0)
        self.messages = io.StringIO()
        """What was written to standard error."""
        self.end = 0
        """The first signal that ends the program."""
        self.suspended = self.resumed = False

    def enter(self) -> None:
        """Start to draw and to read keys."""
        self.keys.enter()
        self.screen.enter()

    def leave(self) -> None:
        """Restore the terminal."""
        self.screen.leave()
        self.keys.leave()

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal. It does not raise, so that the terminal is restored whenever the signal comes."""
        self.suspended |= number in _SUSPENDING
        self.resumed |= number in _RESUMING
        if number in _ENDING:
            self.end = self.end or number

    def suspend(self) -> None:
        """Restore the terminal and stop the process, as Ctrl-Z does, until it is continued."""
        self.leave()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        # the process stops here
        signal.signal(signal.SIGTSTP, handler)
        self.suspended = self.resumed = False
        self.enter()


@contextmanager
def taken(stream: TextIO) -> Iterator[Terminal]:
    """Draw on a terminal, read its keys, and hold back messages to it on standard error.

    At the end the terminal is restored, the messages are written, and a signal that ends the program is raised
    again.
    """
    terminal, handlers, errors = Terminal(stream), {}, sys.stderr
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING + _SUSPENDING + _RESUMING:
            handler = signal.getsignal(number)
            # ignored signals stay ignored, and the program's own handler for Ctrl-Z is kept
            if handler not in (signal.SIG_IGN, None) and (number in _ENDING or handler == signal.SIG_DFL):
                handlers[number] = signal.signal(number, terminal.note)
    held = errors is not None and errors.isatty()
    try:
        with redirect_stderr(terminal.messages if held else errors):
            terminal.enter()
            yield terminal
    finally:
        terminal.leave()
        with suppress(OSError):  # the terminal is closed
            if held and takes(errors):
                errors.write(terminal.messages.getvalue())
                errors.flush()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if terminal.end:
        signal.raise_signal(terminal.end)
