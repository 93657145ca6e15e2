"""The options of each command. Nothing heavy is imported here, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any, NoReturn

from tv2sim import __version__
from tv2sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["parse"]


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, with the function to call as ``command``."""
    parser = _Parser(prog="tv2sim", description="Simulate when to start single-use publishers, and how many.")
    parser.add_argument("--version", action="version", version=f"tv2sim {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _run(commands)
    _check(commands)
    _generate(commands)
    return parser.parse_args(argv)


def _run(commands: Any) -> None:
    run = _command(commands, "run", "simulate a catalogue and print the stats line of each run")
    _catalogue(run)
    run.add_argument("--strategy", default="2c", metavar="NAME", help="1, 2a, 2b or 2c (default: %(default)s)")
    run.add_argument("--prewarmed", type=_whole, metavar="N", help="the strategy's pool size (2c has 10)")
    _scenario(run)
    run.add_argument(
        "--startup-time",
        metavar="DIST",
        help="a publisher's start-up time in seconds: a number, or uniform(low, high), triangular(low, mode, "
        "high), exponential(mean), lognormal(median, sigma), gamma(shape, scale), empirical(sample, ...) "
        "(default: uniform(2, 6))",
    )
    run.add_argument(
        "--publishing-time", type=_number, metavar="S", help="seconds to publish a video (default: 0)"
    )
    run.add_argument(
        "--queue-capacity",
        dest="publishing_queue_capacity",
        type=_capacity,
        default=argparse.SUPPRESS,
        metavar="N",
        help="videos that may wait in the publishing queue, or none for no limit (default: 100)",
    )
    run.add_argument("--until", type=_number, metavar="S", help="cut the run off after so many seconds")
    run.add_argument(
        "--seed", type=_seed, default=1, metavar="S", help="a whole number, or none to draw one (default: 1)"
    )
    which = run.add_mutually_exclusive_group()
    which.add_argument("--runs", type=_whole, metavar="N", help="simulate replications 0 to N-1 (default: 1)")
    which.add_argument("--replication", type=_whole, metavar="R", help="simulate replication R alone")
    run.add_argument("--out", metavar="DIR", help="write tables, log and figures to this folder")
    run.add_argument(
        "--format",
        choices=("csv", "jsonl", "parquet"),
        default="csv",
        help="of the tables (default: %(default)s)",
    )
    run.add_argument("--force", action="store_true", help="replace an earlier result in DIR")
    run.add_argument("--log", choices=("text", "json"), help="print the event log of the run as well")
    run.set_defaults(command=_lazily("run"))


def _check(commands: Any) -> None:
    check = _command(commands, "check", "report what a catalogue holds and what of it is rejected")
    _catalogue(check)
    _scenario(check)
    check.add_argument(
        "--rejected",
        type=_whole,
        default=20,
        metavar="N",
        help="list at most N rejected lines (default: %(default)s)",
    )
    check.set_defaults(command=_lazily("check"))


def _generate(commands: Any) -> None:
    generate = _command(commands, "generate", "make a synthetic catalogue with the mix of a real day")
    generate.add_argument(
        "--videos", type=_whole, default=154, metavar="N", help="how many (default: %(default)s)"
    )
    generate.add_argument(
        "--seed", type=_whole, default=20, metavar="S", help="which one (default: %(default)s)"
    )
    generate.add_argument("--out", metavar="FILE", help="where to write it (default: standard output)")
    generate.add_argument("--force", action="store_true", help="replace FILE if it exists")
    generate.set_defaults(command=_lazily("generate"))


def _command(commands: Any, name: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=description, description=description[0].upper() + description[1:] + "."
    )
    return parser


def _catalogue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalogue", metavar="CATALOGUE", help="a file of JSON lines, or - for standard input")


def _scenario(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--encoders", type=_whole, metavar="N", help="(default: the environment's ENCODERS, else 10)"
    )
    parser.add_argument("--requests-per-second", type=_number, metavar="R", help="(default: 2)")


def _lazily(command: str) -> Callable[[argparse.Namespace], None]:
    """Return a function that imports the command when it is called."""

    def call(options: argparse.Namespace) -> None:
        from importlib import import_module

        import_module(f"tv2sim.cli.{command}").main(options)

    return call


# -- values ------------------------------------------------------------------------------------------------


def encoders(options: argparse.Namespace) -> int | None:
    """Return the number of encoders that the option or, without it, the environment asks for.

    Raises
    ------
    InputError
        If the environment's value is no positive whole number.
    """
    if options.encoders is not None:
        return int(options.encoders)
    text = os.environ.get("ENCODERS")
    if text is None:
        return None
    if not re.fullmatch(r"\s*[0-9]+\s*", text) or int(text) < 1:
        raise InputError(f"the environment variable ENCODERS must be a positive whole number, not {text!r}")
    return int(text)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _capacity(text: str) -> int | None:
    return None if text.lower() == "none" else _whole(text)


_seed = _capacity
