"""Text that is safe to print on a terminal, and streams that may be closed."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from tv2sim.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["discard", "escaped", "note", "one_line", "plain", "printing", "warnings_noted"]


def note(message: str) -> None:
    """Print a message that is not a result on standard error; if that fails, the message is lost."""
    try:
        print(f"tv2sim: {message}", file=sys.stderr)
    except OSError:
        discard(sys.stderr)


def plain(text: str) -> str:
    r"""Return text with characters escaped that are not printable, such as controls and direction marks.

    >>> plain("\N{ESCAPE}[31mred") == r"\x1b[31mred"
    True
    """
    return escaped(text, lambda c: c.encode("unicode_escape").decode())


def one_line(message: str) -> str:
    """Return a message as one line, with characters escaped that are not printable."""
    return plain(" ".join(message.splitlines()))


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return text with characters that are not printable replaced by what `escape` makes of them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escape(c) for c in text)


def discard(stream: TextIO) -> None:
    """Redirect a stream to the null device, with what it has buffered, so that no later flush fails."""
    try:
        number, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
    except OSError:  # it is not a stream of the process
        pass


@contextmanager
def printing(*, in_vain: bool) -> Iterator[None]:
    """Distinguish failures of standard output from those of a file that is written at the same time.

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
            note(f"warning: {plain(record.getMessage())}")

    logger, handler = logging.getLogger(of), Noted()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
