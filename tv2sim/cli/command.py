"""A call of the command: its options, its signals, and its errors, each in one sentence."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from tv2sim.base.errors import LagError, TV2SimError
from tv2sim.cli.signals import Signals, signals
from tv2sim.cli.text import discard, note, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["call"]


def call(argv: Sequence[str] | None) -> int:
    """Run the command with these arguments and return its exit status."""
    if sys.stderr is None:  # it is closed: another file may have its number, and must not get messages
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        return _complain("standard output is closed", 2)
    # a character that the encoding lacks is escaped, and is not an error
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    with signals() as asked:
        return _flushed(_run(argv, asked), asked)


def _flushed(status: int, asked: Signals) -> int:
    """Flush standard output, and return the exit status."""
    try:
        with asked.afresh():  # another signal ends the wait for a reader that does not read
            sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        if status == 0 and not isinstance(error, BrokenPipeError):
            return _complain(f"cannot write to standard output: {error.strerror or error}", 2)
    except KeyboardInterrupt as error:
        discard(sys.stdout)
        return status or _complain(str(error), asked.status)
    return status


def _run(argv: Sequence[str] | None, asked: Signals) -> int:
    """Run the command, and report an error in one line."""
    try:
        # an exception that a signal raises during an import may be lost in the import system
        asked.hold()
        from tv2sim.cli.options import parse

        options = parse(argv)
        command = import_module(f"tv2sim.cli.{options.command}")
        options.signals = asked
        asked.release()
        return command.main(options) or 0
    except SystemExit as end:  # of the parser, which has reported the error
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:  # the reader has closed the pipe, as head does
        return 0
    except LagError as error:
        return _complain(str(error), 1)
    except TV2SimError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt as error:  # Interrupted has a message that says what was finished
        return _complain(str(error) or "interrupted", asked.status)
    except OSError as error:
        return _complain(f"cannot write the output: {error.strerror or error}", 2)
    except MemoryError:
        return _complain("not enough memory for so much", 2)
    except Exception as error:
        if os.environ.get("TV2SIM_DEBUG"):
            raise
        message = f"a failure of tv2sim itself, please report it: {type(error).__name__}: {error}"
        return _complain(message + " (TV2SIM_DEBUG=1 shows where)", 1)


def _complain(message: str, status: int) -> int:
    note(one_line(message))
    return status
