"""The terminal's other screen, drawn on where something has changed."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType

try:
    import termios
except ImportError:  # on Windows
    termios = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from tv2sim.realtime.terminal.picture import Row

__all__ = ["Screen"]

# the other screen, without a cursor, without starting new lines by itself; and the way back
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_USUAL = (80, 24)


class Screen:
    """Draws rows between enter and leave; afterwards the terminal shows what it showed before.

    Parameters
    ----------
    stream : text file
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = Console(file=stream, force_terminal=True, legacy_windows=False, highlight=False)
        self._drawn: list[Row] = []
        self._size = (0, 0)
        self._entered = self._writing = False

    def __enter__(self) -> Screen:
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def enter(self) -> None:
        """Show the other screen."""
        self._entered = True
        self._drawn = []
        self._stream.flush()  # what follows goes past it
        self._write(_ENTER)

    def leave(self) -> None:
        """Show what was shown before."""
        if self._entered:
            if not self.takes():
                self._go_on()
            if self.takes(_PATIENCE):
                self._write(_LEAVE)
            self._entered = False

    def _go_on(self) -> None:
        """Let the terminal go on if Ctrl-S has stopped it, which would be of no use to anybody now."""
        if termios is not None:
            with suppress(OSError, ValueError, termios.error):
                # what was not stopped by the first is not started by the second
                termios.tcflow(self._stream.fileno(), termios.TCOOFF)
                termios.tcflow(self._stream.fileno(), termios.TCOON)

    def takes(self, timeout: float = 0.0) -> bool:
        """Say whether the terminal takes what it is sent now; one that was stopped with Ctrl-S does not."""
        try:
            return bool(select.select([], [self._stream.fileno()], [], timeout)[1])
        except (OSError, ValueError):  # it is no file of the system
            return True

    @property
    def size(self) -> tuple[int, int]:
        """The terminal's columns and rows, as they are now."""
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return _USUAL
        return columns or _USUAL[0], rows or _USUAL[1]

    def draw(self, rows: list[Row], size: tuple[int, int]) -> None:
        """Draw rows for a size; what has not changed is not drawn again."""
        cleared = ""
        if size != self._size or not self._drawn:
            self._size, self._drawn, cleared = size, [], "\x1b[0m\x1b[2J"
            self._console.size = size
        parts = [cleared]
        for number, row in enumerate(rows):
            before = self._drawn[number] if number < len(self._drawn) else []
            parts.append(self._changed(number, before, row))
        self._drawn = rows
        if any(parts):
            self._writing = True
            try:
                if not self._write("".join(parts)):
                    self._drawn = []  # nobody knows what is on the screen
            finally:
                self._writing = False

    def _changed(self, number: int, before: Row, row: Row) -> str:
        """Return what draws a row, each text at its own place: a terminal may take a title for wider."""
        if before == row:
            return ""
        with self._console.capture() as captured:
            for start, text in row:
                self._console.control(Control.move_to(start, number))
                if start == 0 and any(len(one.plain) != one.cell_len for _, one in (*before, *row)):
                    self._console.control(Control((ControlType.ERASE_IN_LINE, 0)))  # or for narrower
                self._console.print(text, end="", soft_wrap=True)
        return captured.get()

    def is_writing(self) -> bool:
        """Say whether somebody waits for the terminal to take a picture, maybe for ever."""
        return self._writing

    def _write(self, text: str) -> bool:
        """Write a text piece by piece, as long as the terminal takes it, and say whether it took all."""
        try:
            number = self._stream.fileno()
        except (OSError, ValueError):  # it is no file of the system
            self._stream.write(text)
            return True
        left = text.encode(self._stream.encoding, "backslashreplace")
        while left:
            if not self.takes(_PATIENCE):
                return False
            left = left[os.write(number, left[:_PIECE]) :]
        return True


_PATIENCE = 0.3
"""Seconds for the terminal to take something."""
_PIECE = 1024
"""Bytes that are written at once."""
