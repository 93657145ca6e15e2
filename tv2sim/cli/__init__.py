"""The command ``tv2sim``: options in, lines out, one clear sentence when something is wrong.

Results go to standard output, progress and diagnostics to standard error. The exit status is:

- 0: the command has succeeded
- 1: tv2sim has failed, a strict replay was late, or a verification does not agree
- 2: the input or an option is wrong
- 130, 143, 129: the command was interrupted, was terminated, or its terminal was closed
"""

TYPE_CHECKING = False  # nothing is imported here, not even typing: Ctrl-C in an import shows a traceback
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the command with these arguments (default: the process's) and return its exit status."""
    try:
        from tv2sim.cli.command import call

        return call(argv)
    except KeyboardInterrupt:
        import sys

        print("tv2sim: interrupted", file=sys.stderr)
        return 130
