"""The options of each command. Nothing heavy is imported here, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from tv2sim import __version__
from tv2sim.cli.text import one_line
from tv2sim.cli.values import capacity, list_of, number, one, precision, seed, seed_or_none, speed, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parse"]


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, with the name of the command as ``command``."""
    parser = _Parser(prog="tv2sim", description="Simulate when to start single-use publishers, and how many.")
    parser.add_argument("--version", action="version", version=f"tv2sim {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _run(commands)
    _compare(commands)
    _replay(commands)
    _check(commands)
    _generate(commands)
    return parser.parse_args(argv)


def _run(commands: Any) -> None:
    run = _command(commands, "run", "simulate a catalogue and print the stats line of each run")
    _catalogue(run)
    run.add_argument(
        "--strategy",
        default="2c",
        metavar="NAME",
        help="1, 2a, 2b or 2c, or 2c:8 for a pool of 8 (default: %(default)s)",
    )
    run.add_argument("--prewarmed", type=whole, metavar="N", help="the strategy's pool size (2c has 10)")
    _scenario(run)
    _rest_of_scenario(run)
    _random(run)
    which = run.add_mutually_exclusive_group()
    which.add_argument("--runs", type=whole, metavar="N", help="simulate replications 0 to N-1 (default: 1)")
    which.add_argument("--replication", type=whole, metavar="R", help="simulate replication R alone")
    run.add_argument("--out", metavar="DIR", help="write tables, log and figures to this folder")
    run.add_argument(
        "--format",
        choices=("csv", "jsonl", "parquet"),
        default="csv",
        help="of the tables (default: %(default)s)",
    )
    run.add_argument("--force", action="store_true", help="replace an earlier result in DIR")
    run.add_argument("--log", choices=("text", "json"), help="print the event log of the run as well")
    run.set_defaults(command="run")


def _compare(commands: Any) -> None:
    compare = _command(commands, "compare", "compare strategies over many replications")
    _catalogue(compare, several=True)
    compare.add_argument(
        "--strategies",
        type=list_of(str),
        default=["1", "2a", "2b", "2c"],
        metavar="NAMES",
        help="of 1, 2a, 2b, 2c, and 2c:8 for a pool of 8, with commas between them (default: all)",
    )
    compare.add_argument("--baseline", metavar="NAME", help="what to compare with (default: the first)")
    compare.add_argument(
        "--replications", type=whole, default=1000, metavar="N", help="of each (default: %(default)s)"
    )
    compare.add_argument(
        "--precision",
        type=precision,
        metavar="M=W",
        help="stop as soon as the intervals of metric M have half width W, such as on_time_rate=0.001, or "
        "published=1%% of the mean; --replications then is the limit",
    )
    _scenario(compare, several=True)
    _rest_of_scenario(compare, several=True)
    _random(compare)
    compare.add_argument("--workers", type=whole, metavar="N", help="processes (default: this one alone)")
    compare.add_argument("--report", metavar="FILE", help="write a report as one HTML file")
    compare.add_argument("--out", metavar="FILE", help="write the table to this file")
    compare.add_argument(
        "--format",
        choices=("csv", "json", "parquet"),
        help="of the table, a row per strategy and metric (default: text to read; csv with --out)",
    )
    compare.add_argument("--force", action="store_true", help="replace FILE if it exists")
    compare.set_defaults(command="compare")


def _replay(commands: Any) -> None:
    replay = _command(commands, "replay", "let a run happen in real time, to watch and to scrape")
    _catalogue(replay, optional=True)
    replay.add_argument(
        "--recorded",
        metavar="FILE",
        help="play a log again that --log json has printed, here or with tv2sim run (- for standard input)",
    )
    replay.add_argument(
        "--speed",
        type=speed,
        default=1.0,
        metavar="X",
        help="simulated seconds per second, 0.1 to 1000, or max (default: 1)",
    )
    replay.add_argument(
        "--strategy", metavar="NAME", help="1, 2a, 2b or 2c, or 2c:8 for a pool of 8 (default: 2c)"
    )
    replay.add_argument("--prewarmed", type=whole, metavar="N", help="the strategy's pool size (2c has 10)")
    _scenario(replay)
    _rest_of_scenario(replay)
    replay.add_argument(
        "--seed", type=seed_or_none, metavar="S", help="a whole number, or none to draw one (default: 1)"
    )
    replay.add_argument("--replication", type=whole, metavar="R", help="which replication (default: 0)")
    replay.add_argument(
        "--log",
        choices=("text", "json", "stats", "none"),
        default="text",
        help="print the event log as it happens, or just the stats line whenever it changes (stats), or that "
        "at the end (none) (default: %(default)s)",
    )
    replay.add_argument(
        "--view",
        action="store_true",
        help="show it in the terminal instead, with keys to pause it, change its speed and stop it; where "
        "standard output is no terminal, lines are printed as without it",
    )
    replay.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="the address to serve the page and the metrics at; 0.0.0.0 lets other machines in "
        "(default: %(default)s)",
    )
    replay.add_argument(
        "--port",
        metavar="N",
        help="0 takes a free port, none serves nothing (default: the environment's PORT, else 8080)",
    )
    replay.add_argument(
        "--keep-running",
        action=argparse.BooleanOptionalAction,
        help="go on serving when the work is done (default: if the environment's KEEP_RUNNING is yes)",
    )
    replay.add_argument(
        "--strict", action="store_true", help="fail when more than 100 ms behind the clock, instead of warning"
    )
    replay.add_argument(
        "--record",
        metavar="FILE",
        help="write the videos to this file, those of a feed that ran dry with the times at which they came",
    )
    replay.add_argument("--out", metavar="DIR", help="write tables, log and figures to this folder")
    replay.add_argument(
        "--format",
        choices=("csv", "jsonl", "parquet"),
        default="csv",
        help="of the tables (default: %(default)s)",
    )
    replay.add_argument("--force", action="store_true", help="replace an earlier FILE, or result in DIR")
    replay.set_defaults(command="replay")


def _check(commands: Any) -> None:
    check = _command(commands, "check", "report what a catalogue holds and what of it is rejected")
    _catalogue(check)
    _scenario(check)
    check.add_argument(
        "--rejected",
        type=whole,
        default=20,
        metavar="N",
        help="list at most N rejected lines (default: %(default)s)",
    )
    check.set_defaults(command="check")


def _generate(commands: Any) -> None:
    generate = _command(commands, "generate", "make a synthetic catalogue with the mix of a real day")
    generate.add_argument(
        "--videos", type=whole, default=154, metavar="N", help="how many (default: %(default)s)"
    )
    generate.add_argument(
        "--seed", type=whole, default=20, metavar="S", help="which one (default: %(default)s)"
    )
    generate.add_argument("--out", metavar="FILE", help="where to write it (default: standard output)")
    generate.add_argument("--force", action="store_true", help="replace FILE if it exists")
    generate.set_defaults(command="generate")


def _command(commands: Any, name: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=description, description=description[0].upper() + description[1:] + "."
    )
    return parser


def _catalogue(parser: argparse.ArgumentParser, *, several: bool = False, optional: bool = False) -> None:
    parser.add_argument(
        "catalogue",
        nargs="+" if several else "?" if optional else None,
        metavar="CATALOGUE",
        help="a file of JSON lines, or - for standard input"
        + (", or several" if several else "; of a pipe each line is taken as it comes" if optional else ""),
    )


def _scenario(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    kind, more = (
        (list_of, " (each: several with commas, all combinations are simulated)") if several else (one, "")
    )
    parser.add_argument(
        "--encoders",
        type=kind(whole),
        metavar="N",
        help=f"(default: the environment's ENCODERS, else 10){more}",
    )
    parser.add_argument("--requests-per-second", type=kind(number), metavar="R", help="(default: 2)")


def _rest_of_scenario(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    kind = list_of if several else one
    parser.add_argument(
        "--startup-time",
        type=kind(str),
        metavar="DIST",
        help="a publisher's start-up time in seconds: a number, or uniform(low, high), triangular(low, mode, "
        "high), exponential(mean), lognormal(median, sigma), gamma(shape, scale), empirical(sample, ...) "
        "(default: uniform(2, 6))",
    )
    parser.add_argument(
        "--publishing-time", type=kind(number), metavar="S", help="seconds to publish a video (default: 0)"
    )
    parser.add_argument(
        "--queue-capacity",
        dest="publishing_queue_capacity",
        type=kind(capacity),
        default=argparse.SUPPRESS,
        metavar="N",
        help="videos that may wait in the publishing queue, or none for no limit (default: 100)",
    )
    parser.add_argument("--until", type=kind(number), metavar="S", help="cut the run off after so many seconds")


def _random(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed", type=seed, default=1, metavar="S", help="a whole number, or none to draw one (default: 1)"
    )
