"""Text for people's terminals."""

from __future__ import annotations

import os
import select
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from tv2sim.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["discard", "note", "one_line", "plain", "printing", "takes"]


def note(message: str) -> None:
    """Say something that is no result, on standard error; that nobody may hear it is no failure."""
    try:
        print(f"tv2sim: {message}", file=sys.stderr)
    except OSError:
        discard(sys.stderr)


def plain(text: str) -> str:
    """Return text from a catalogue with what a terminal would obey, or not show, escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(message: str) -> str:
    """Return a message as one line, with what a terminal would obey escaped."""
    return plain(" ".join(message.splitlines()))


def discard(stream: TextIO) -> None:
    """Send what a stream still holds, and what is to come, nowhere, so that no later flush fails."""
    try:
        number, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
    except OSError:  # it is no stream of the process
        pass


def takes(stream: TextIO | int, timeout: float) -> bool:
    """Return whether a stream or file number takes data within so many seconds; a stopped terminal does not."""
    try:
        return bool(select.select([], [stream], [], timeout)[1])
    except (OSError, ValueError):  # it is no file of the system
        return True


@contextmanager
def printing(*, in_vain: bool) -> Iterator[None]:
    """Tell standard output's failures from those of a file that is written meanwhile.

    Parameters
    ----------
    in_vain : bool
        Whether to go on, printing nowhere, when the reader of a pipe has closed it.

    Raises
    ------
    OutputError
        If it is full.
    """
    try:
        yield
    except BrokenPipeError:
        if not in_vain:
            raise
        discard(sys.stdout)
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error
