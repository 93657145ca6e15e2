"""The command ``tv2sim``: options in, lines out, one clear sentence when something is wrong.

Results go to standard output, progress and diagnostics to standard error. Exit status 0 is fine, 2 means that
the input or the options are wrong, 1 that tv2sim failed, 130 that it was interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tv2sim.errors import TV2SimError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (default: the process's) and return its exit status."""
    from tv2sim.cli.options import parse

    try:
        options = parse(argv)
        # what a terminal cannot show is shown escaped, rather than ending the program
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read it has had enough; Python would complain once more when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except TV2SimError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except OSError as error:
        return _complain(f"cannot write the output: {error.strerror or error}", 2)
    except Exception as error:
        if os.environ.get("TV2SIM_DEBUG"):
            raise
        message = f"a failure of tv2sim itself, please report it: {type(error).__name__}: {error}"
        return _complain(message + " (TV2SIM_DEBUG=1 shows where)", 1)
    return 0


def _complain(message: str, status: int) -> int:
    line = " ".join(message.splitlines())
    print(f"tv2sim: {line}", file=sys.stderr)
    return status
