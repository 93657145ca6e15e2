"""A call of the command: its options, its signals as exceptions, and its errors, each in one sentence."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

from tv2sim.base.errors import LagError, TV2SimError
from tv2sim.cli.output import discard, note, one_line


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
        return _flush(_run(argv, asked), asked)


def _flush(status: int, asked: Signals) -> int:
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
        return _call(argv, asked)
    except SystemExit as end:  # of the parser, which has reported the error
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:  # the reader has closed the pipe, as head does
        return 0
    except LagError as error:
        return _complain(str(error), 1)
    except TV2SimError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt as error:  # the message of an interrupted study says how much was finished
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


def _call(argv: Sequence[str] | None, asked: Signals) -> int:
    # an exception that a signal raises during an import may be lost in the import system
    asked.hold()
    from tv2sim.cli.options import COMMANDS
    from tv2sim.cli.parse import completion, parse, what_to_try

    options = parse(argv)
    if options.command is None:
        print(completion(options.print_completion) if options.print_completion else what_to_try())
        return 0
    module = import_module(f"tv2sim.cli.{COMMANDS[options.command].module}")
    options.signals = asked
    asked.release()
    return getattr(module, f"{options.command}_command")(options) or 0


def _complain(message: str, status: int) -> int:
    note(one_line(message))
    return status


# -- signals -----------------------------------------------------------------------------------------------

_PATIENCE = 5.0
"""Wall seconds after a signal during which another one is ignored, so that the program can clean up."""


class Signalled(KeyboardInterrupt):
    """A signal asked the program to end; the message is "interrupted" or "terminated"."""


class Signals:
    """Raises :class:`Signalled` in the main thread for the first signal; from then on the program is ending."""

    def __init__(self) -> None:
        self.first: int | None = None
        self._told = 0.0
        self._holding = False

    @property
    def status(self) -> int:
        """The exit status of a program that ends because of them."""
        return 128 + (self.first or signal.SIGINT)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: raise, unless the program is ending already or signals are held."""
        if self.first is None or (self._told and time.monotonic() - self._told > _PATIENCE):
            self.first = self.first or number
            self._tell()

    def hold(self) -> None:
        """Defer signals until :meth:`release`, for work that must not be interrupted."""
        self._holding = True

    def release(self) -> None:
        """Raise for signals again, and for a signal that came since :meth:`hold`."""
        self._holding = False
        self._tell()

    @contextmanager
    def afresh(self) -> Iterator[None]:
        """Raise for another signal, although the program is ending."""
        first, self.first = self.first, None
        try:
            yield
        finally:
            if self.first is None:
                self.first = first

    def _tell(self) -> None:
        if self.first is not None and not self._holding:
            self._told = time.monotonic()
            raise Signalled("interrupted" if self.first == signal.SIGINT else "terminated")


@contextmanager
def signals() -> Iterator[Signals]:
    """Raise :class:`Signalled` in the main thread on SIGINT, SIGTERM and SIGHUP, unless they are ignored."""
    asked = Signals()
    before = {}
    if threading.current_thread() is threading.main_thread():
        hangup = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none
        for number in {signal.SIGINT, signal.SIGTERM, hangup}:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in a shell's background, or by nohup
                before[number] = signal.signal(number, asked.handle)
    try:
        yield asked
    finally:
        if asked.first is None:  # otherwise the process is ending, which another signal must not interrupt
            for number, handler in before.items():
                signal.signal(number, handler)
