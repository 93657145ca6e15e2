"""A terminal that keeps what is drawn on it, and the command in one of its own."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.cells import cell_len

__all__ = ["Session", "Terminal", "session", "set_size"]

_SEQUENCE = re.compile(r"\x1b(?:\[[?0-9;]*[A-Za-z]|[^\[])")
_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\S?|([\r\n\b\a])|([^\x1b\r\n\b\a])", re.DOTALL)

# becomes the foreground of its terminal, so that Ctrl-C in it is a signal, and then the program
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """What is to be seen: the usual screen, and the other one."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.other = self.cursor_hidden = False
        self.others_seen = 0
        self.scrolled_other = False
        self._rest = ""
        self._lock = threading.Lock()
        self._at = {False: (0, 0), True: (0, 0)}
        self._cells: dict[bool, dict[tuple[int, int], str]] = {False: {}, True: {}}

    def feed(self, text: str) -> None:
        """Obey. The beginning of a sequence at the end waits for the rest."""
        with self._lock:
            text, self._rest = _cut(self._rest + text)
            for numbers, command, control, character in (match.groups() for match in _TOKEN.finditer(text)):
                if command:
                    self._obey(numbers, command)
                elif character:
                    self._put(character)
                elif control:
                    self._move(control)

    def _obey(self, numbers: str, command: str) -> None:
        cells, (row, column) = self._cells[self.other], self._at[self.other]
        if command == "H":
            given = [int(number or 1) - 1 for number in numbers.split(";")] if numbers else [0, 0]
            self._at[self.other] = (given[0], given[1])
        elif command == "J":
            cells.clear()
        elif command == "K":
            for place in range(column, self.columns):
                cells.pop((row, place), None)
        elif command in "hl" and "?1049" in numbers:
            self.other = command == "h"
            self.others_seen += self.other
        elif command in "hl" and "?25" in numbers:
            self.cursor_hidden = command == "l"

    def _put(self, character: str) -> None:
        row, column = self._at[self.other]
        width = cell_len(character)
        if self.other and column + width > self.columns:
            self.scrolled_other = True
        self._cells[self.other][row, column if width else column - 1] = character
        if width == 2:
            self._cells[self.other][row, column + 1] = ""
        self._at[self.other] = (row, column + width)

    def _move(self, control: str) -> None:
        row, column = self._at[self.other]
        if control == "\n":
            self.scrolled_other = self.scrolled_other or self.other
            self._at[self.other] = (row + 1, column)
        elif control == "\r":
            self._at[self.other] = (row, 0)

    def shown(self, other: bool | None = None) -> str:
        """Return the lines of a screen, by default of the one that is seen."""
        with self._lock:
            cells = dict(self._cells[self.other if other is None else other])
        if not cells:
            return ""
        rows = range(max(row for row, _ in cells) + 1)
        columns = range(max(column for _, column in cells) + 1)
        return "\n".join("".join(cells.get((row, at), " ") for at in columns).rstrip() for row in rows)


class Session:
    """A program in a terminal of its own, which is read all the time, unless `reading` is set to False."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, terminal: Terminal) -> None:
        self.process, self.terminal = process, terminal
        self.text = ""
        self.reading = True
        self._master, self._closed = master, False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        while not self._closed:
            if not self.reading:
                time.sleep(0.05)
                continue
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                text = decoder.decode(os.read(self._master, 65536))
            except OSError:  # nobody has it open any more
                return
            self.text += text
            self.terminal.feed(text)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal larger or smaller."""
        self.terminal.columns, self.terminal.rows = columns, rows
        set_size(self._master, columns, rows)

    def modes(self) -> list[Any]:
        """Return what the terminal does with what is typed and shown."""
        return termios.tcgetattr(self._master)

    def until(self, holds: Callable[[], object], seconds: float = 60) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"it never did; the screen:\n{self.terminal.shown()}"
            time.sleep(0.02)

    def until_shown(self, text: str) -> None:
        """Wait until a text is to be seen."""
        self.until(lambda: text in self.terminal.shown())

    def wait(self, seconds: float = 60) -> int:
        """Wait until the program has ended, and return its status."""
        status = self.process.wait(seconds)
        self._reader.join(5)  # there may be something left to read
        self._closed = True
        self._reader.join()
        return status


def _cut(text: str) -> tuple[str, str]:
    """Return a text without the beginning of a sequence at its end, and that."""
    at = text.rfind("\x1b")
    if at < 0 or _SEQUENCE.match(text, at):
        return text, ""
    return text[:at], text[at:]


def set_size(number: int, columns: int, rows: int) -> None:
    """Say how large a terminal is."""
    fcntl.ioctl(number, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def session(
    *arguments: object,
    program: str | None = None,
    columns: int = 80,
    rows: int = 24,
    stdin: IO[bytes] | None = None,
    **environment: str,
) -> Iterator[Session]:
    """Start the command, or a program in Python, in a terminal; standard input may be something else."""
    master, slave = os.openpty()
    set_size(master, columns, rows)
    own = {"TERM": "xterm", "LANG": "C.UTF-8", "PORT": "0"}
    unwanted = {"NO_COLOR", "FORCE_COLOR", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES", "KEEP_RUNNING", "ENCODERS"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    what = ["-m", "tv2sim"] if program is None else ["-c", program]
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *what, *map(str, arguments)],
            stdin=slave if stdin is None else stdin,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=kept | own | environment,
        )
    finally:
        os.close(slave)
    started = Session(process, master, Terminal(columns, rows))
    try:
        yield started
    finally:
        process.kill()
        started.wait()
        os.close(master)
