"""Text that is safe to print on a terminal and fits its width, and streams that may be closed."""

from __future__ import annotations

import errno
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import TextIO

from tv2sim.base.errors import OutputError, printable, shortened


def note(message: str) -> None:
    """Print a message that is not a result on standard error; if that fails, the message is lost."""
    try:
        print(f"tv2sim: {message}", file=sys.stderr)
    except OSError:
        discard(sys.stderr)


def one_line(message: str) -> str:
    """Return a message as one line of bounded length, with characters escaped that are not printable."""
    return printable(" ".join(shortened(message).splitlines()))


# -- the width of the terminal -----------------------------------------------------------------------------

USUAL = 80
"""The width of tables where standard output is no terminal."""


def width_of_terminal() -> int | None:
    """Return the number of columns: COLUMNS of the environment, else the columns of standard output."""
    if (given := os.environ.get("COLUMNS", "")).isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):  # no terminal, or no file
        return None


def wrap(text: str, indent: str = "") -> list[str]:
    """Return a text as lines that fit the terminal, indented after the first; one line without a terminal."""
    if (width := width_of_terminal()) is None:
        return [text]
    together = text.replace(" %", "\xa0%")  # a number and its unit stay in one line
    lines = textwrap.wrap(together, width, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\xa0%", " %") for line in lines]


def say(text: str, indent: str = "  ") -> None:
    """Print a text on standard output, escaped, in lines that fit the terminal (:func:`wrap`)."""
    print(*wrap(printable(text), indent), sep="\n")


def fit_table(rows: Sequence[Sequence[str] | str], left: int, keys: int = 1) -> Iterator[str]:
    """Yield the lines of a table that fits the terminal.

    Where it is too wide, words of the head and of text are wrapped. If that is not enough, the columns are
    split into several tables, each with the first `keys` columns.

    Parameters
    ----------
    rows : sequence
        The head, then the rows; a row that is a string is a line of its own.
    left : int
        So many columns hold text and are aligned to the left; the others hold numbers.
    """
    width = width_of_terminal() or USUAL
    columns = list(zip(*(row for row in rows if not isinstance(row, str)), strict=True))
    whole = [max(map(len, column)) for column in columns]
    least = [_least(column, width // 3 if n < left else None) for n, column in enumerate(columns)]
    parts = _parts(least, width, keys) if _total(whole) > width else [[*range(len(whole))]]
    for part in parts:
        if part is not parts[0]:
            yield ""
        widths = _widths(part, least, whole, width)
        for row in rows:
            if isinstance(row, str):
                yield from textwrap.wrap(row, width)
            else:
                yield from _lines([(row[n], widths[n], n < left) for n in part], head=row is rows[0])


def _widths(part: list[int], least: list[int], whole: list[int], width: int) -> dict[int, int]:
    """Return the widths of the columns of a table: the least ones, and what room is left from the first on."""
    widths, room = {}, width - _total(least[n] for n in part)
    for n in part:
        widths[n] = least[n] + max(0, min(room, whole[n] - least[n]))
        room -= widths[n] - least[n]
    return widths


def _least(column: Sequence[str], most: int | None) -> int:
    """Return the least width of a column: of text at most `most`; without it, the column holds numbers."""
    if most is not None:
        return min(max(map(_longest_word, column)), most)
    return max(_longest_word(column[0]), *map(len, column[1:]), 0)


def _parts(least: Sequence[int], width: int, keys: int) -> list[list[int]]:
    """Return the columns of each of several tables that fit the width, given each column's least width."""
    parts = [[*range(keys)]]
    for number in range(keys, len(least)):
        if len(parts[-1]) > keys and _total(least[n] for n in (*parts[-1], number)) > width:
            parts.append([*range(keys)])
        parts[-1].append(number)
    return parts


def _cell(text: str, width: int, *, whole_words: bool = False) -> list[str]:
    """Return a text as lines of a cell, all with the indent of the first one."""
    indent = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=not whole_words)


def _longest_word(text: str) -> int:
    return max(map(len, _cell(text, 1, whole_words=True)), default=0)


def _total(widths: Iterable[int]) -> int:
    """Return the width of columns with two blanks between them."""
    return sum(width + 2 for width in widths) - 2


def _lines(cells: Sequence[tuple[str, int, bool]], *, head: bool) -> Iterator[str]:
    """Yield the lines of a row, given each cell's text and width, and whether it is aligned to the left.

    The words of a head stand at the bottom.
    """
    in_lines = [_cell(text, width) for text, width, _ in cells]
    if head:
        most = max(map(len, in_lines))
        in_lines = [[""] * (most - len(lines)) + lines for lines in in_lines]
    for line in zip_longest(*in_lines, fillvalue=""):
        placed = [
            text.ljust(width) if to_the_left else text.rjust(width)
            for text, (_, width, to_the_left) in zip(line, cells, strict=True)
        ]
        yield "  ".join(placed).rstrip()


# -- streams -----------------------------------------------------------------------------------------------


def discard(stream: TextIO) -> None:
    """Redirect a stream and its buffered text to the null device, so that no later flush fails."""
    try:
        number, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
    except OSError:  # it is not a stream of the process
        pass


@contextmanager
def printing(*, in_vain: bool) -> Iterator[None]:
    """Distinguish failures of standard output from failures of a file that is written at the same time.

    Parameters
    ----------
    in_vain : bool
        Whether to continue without printing when the reader of a pipe has closed it, or the terminal is closed.

    Raises
    ------
    OutputError
        If standard output cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        broken = isinstance(error, BrokenPipeError)
        if in_vain and (broken or error.errno == errno.EIO):  # EIO: the terminal is closed
            discard(sys.stdout)
        elif broken:
            raise
        else:
            raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


@contextmanager
def warnings_noted(of: str) -> Iterator[None]:
    """Print warnings of the logger with this name as notes of this command."""
    import logging  # here, since `--help` needs it not

    class Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(f"warning: {printable(record.getMessage())}")

    logger, handler = logging.getLogger(of), Noted()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
