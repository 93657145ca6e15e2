"""The options of each command. No heavy package is imported here, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from tv2sim import __version__
from tv2sim.base.checks import did_you_mean
from tv2sim.cli.option_values import (
    ListOf,
    TablesOr,
    choice,
    forms,
    is_table,
    is_text,
    number,
    precision,
    prices,
    setting,
    share,
    speed,
    varied,
    whole,
    whole_or_none,
)  # fmt: skip
from tv2sim.cli.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["SCENARIO", "parse"]


class _Field(NamedTuple):
    """The option for a field of the scenario."""

    flags: tuple[str, ...]
    metavar: str
    kind: Callable[[str], Any]
    help: str
    is_table: bool

    @property
    def flag(self) -> str:
        """The name that is shown."""
        return self.flags[0]


_SHORTER = {"publishing_queue_capacity": "--queue-capacity"}
"""A field's option with a name that is not the field's own, which it has as well."""


def _scenario_schema() -> dict[str, Any]:
    from importlib.resources import files

    schema: dict[str, Any] = json.loads(
        files("tv2sim.world").joinpath("scenario.schema.json").read_text("utf-8")
    )
    return schema


def _field(name: str, part: dict[str, Any]) -> _Field:
    """Return the option for a property of the schema."""
    flags = [_SHORTER[name]] if name in _SHORTER else []
    return _Field(
        (*flags, f"--{name.replace('_', '-')}"),
        _metavar(part),
        setting(part),
        f"{_in_short(part['description'])}{_keys(part)}{_default(name, part)}",
        is_table(part),
    )


def _metavar(part: dict[str, Any]) -> str:
    """Return what stands for a value: what it can be besides a table and none."""
    if is_table(part):
        return "NAME=VALUE,..."
    if "enum" in part:
        return "|".join(part["enum"])
    if is_text(part):
        return "DIST"
    return "N" if any(one.get("type") == "integer" for one in forms(part)) else "X"


def _in_short(description: str) -> str:
    """Return the first sentence of a description, and what None means."""
    first, *rest = re.split(r"(?<=\.) (?=[A-Z])", description)
    none = [f"; none: {one.removeprefix('None: ')}" for one in rest if one.startswith("None: ")]
    words = "".join([first, *none]).replace(".;", ";").removesuffix(".")
    return f"{words[0].lower()}{words[1:]}"


def _keys(part: dict[str, Any]) -> str:
    """Return the names in the table that it may be."""
    found = [list(form["properties"]) for form in forms(part) if "properties" in form]
    return f"; {'' if is_table(part) else 'or '}NAME=VALUE of {', '.join(found[0])}" if found else ""


def _default(name: str, part: dict[str, Any]) -> str:
    if name == "encoders":
        return f" (default: the environment's ENCODERS, else {part['default']})"
    usual = part["default"]
    if usual in ("none", {}):
        return ""
    return f" (default: {usual:g})" if isinstance(usual, float) else f" (default: {usual})"


_SCHEMA = _scenario_schema()
_DIST = f"DIST is {_SCHEMA['$defs']['distribution']['description']}."
_TABLE = "NAME=VALUE,... are keys of a table, such as --faults startup=0.1,attempts=3."
SCENARIO = {name: _field(name, part) for name, part in _SCHEMA["properties"].items() if name[0] != "$"}
"""The option for each field of :class:`tv2sim.Scenario`, which is slow to import: made from its schema."""

_NONE = argparse.SUPPRESS
"""The default of an option that is left out of the namespace if it is not given, since None may be a value."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


_WHAT = "Simulate when to start single-use publishers, and how many."
_EXAMPLES = "examples, with the catalogue that `tv2sim generate --out videos.jsonl` writes:"


class _Help(argparse.HelpFormatter):
    """Leaves examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(_EXAMPLES) else super()._fill_text(text, width, indent)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, with the name of the command as ``command``."""
    parser = _Parser(
        prog="tv2sim", description=_WHAT, epilog=_examples("replay", "compare"), formatter_class=_Help
    )
    parser.add_argument("--version", action="version", version=f"tv2sim {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, (add_options, text, _) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=_sentence(text), epilog=_examples(name), formatter_class=_Help
        )
        command.set_defaults(command=name)
        add_options(command)
    words = sys.argv[1:] if argv is None else [*argv]
    of_command = _parser_of(words, parser, commands.choices)
    _check_flags(words, of_command)
    options, left_over = parser.parse_known_args(words)
    _check_lists(words, options, left_over, of_command)
    if left_over:
        of_command.error(f"unrecognized arguments: {' '.join(left_over)}")
    if options.command is None:
        print(_what_to_try())
        parser.exit()
    return options


# -- what is meant by what is wrong ------------------------------------------------------------------------


def _parser_of(
    words: Sequence[str], parser: _Parser, commands: Mapping[str, argparse.ArgumentParser]
) -> argparse.ArgumentParser:
    """Return the parser of the command, which is the first word; without a command, the one of all commands."""
    name = next((word for word in words if not word.startswith("-")), None)
    if name is None:
        return parser
    if name not in commands:
        parser.error(f"there is no command {name!r} ({', '.join(commands)}){did_you_mean(name, commands)}")
    return commands[name]


def _flags(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {flag: action for action in parser._actions for flag in action.option_strings}


def _check_flags(words: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Report an unknown option before anything else that it may have led to."""
    known = _flags(parser)
    for word in itertools.takewhile(lambda word: word != "--", words):
        flag = word.partition("=")[0]
        if not re.match("--?[^\\W\\d]", flag) or " " in word or any(one.startswith(flag) for one in known):
            continue
        parser.error(f"there is no option {flag}{did_you_mean(flag, known)}")


def _check_lists(
    words: Sequence[str], options: argparse.Namespace, left_over: list[str], parser: argparse.ArgumentParser
) -> None:
    """Report a list that is written with blanks, of which all but the first value seem to be catalogues."""
    given = getattr(options, "catalogue", None)
    files = len(left_over) + (len(given) if isinstance(given, list) else given is not None)
    for flag, action in _flags(parser).items():
        if flag in words and isinstance(action.type, ListOf):
            after = words[words.index(flag) + 1 :]
            first, *others = [*itertools.takewhile(lambda word: not word.startswith("-"), after), ""]
            more = [*itertools.takewhile(lambda word: word and not _names_a_file(word), others)]
            if 0 < len(more) < files or (more and more == left_over):
                parser.error(
                    f"the values of {flag} have commas between them: {flag} {','.join([first, *more])}"
                )


def _names_a_file(word: str) -> bool:
    return bool(re.search(r"/|\.[^\W\d]\w*$", word)) or Path(word).exists()


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _examples(*names: str) -> str:
    """Return the two examples of a command, or the first one of each of these, for the end of a help text."""
    calls = [_COMMANDS[name].examples[0] for name in names] if len(names) > 1 else _COMMANDS[names[0]].examples
    return f"{_EXAMPLES}\n" + "\n".join(f"  {call}" for call in calls)


def _what_to_try() -> str:
    tries = [f"  {_COMMANDS[name].examples[0]}\n      {_COMMANDS[name].text}" for name in _FIRST]
    return "\n".join(
        [
            _WHAT,
            "",
            "What to try, in this order:",
            *tries,
            "",
            "tv2sim --help lists the commands, tv2sim COMMAND --help the options of one.",
        ]
    )


def _choice(parser: argparse.ArgumentParser, flag: str, names: Sequence[str], **more: Any) -> None:
    """Add an option whose value is one of several words."""
    parser.add_argument(flag, type=choice(*names), metavar=f"{{{','.join(names)}}}", **more)


def _run(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser)
    _strategy(parser)
    _scenario(parser)
    _seed(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--runs", type=whole, metavar="N", help="simulate replications 0 to N-1 (default: 1)")
    which.add_argument("--replication", type=whole, metavar="R", help="simulate replication R alone")
    _folder(parser, force="replace an earlier result in DIR")
    _choice(parser, "--log", ("text", "json"), help="print the event log of the run as well")
    _prices(parser, "a line of costs is printed before the stats line")
    _by(parser)
    _engine(parser)


def _compare(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser, nargs="+", more=", or several")
    _strategies(parser)
    parser.add_argument("--baseline", metavar="NAME", help="what to compare with (default: the first)")
    text = "of each (default: %(default)s)"
    parser.add_argument("--replications", type=whole, default=1000, metavar="N", help=text)
    text = (
        "stop as soon as the intervals of metric M have half width W, such as on_time_rate=0.001, or "
        "published=1%% of the mean; --replications then is the limit"
    )
    parser.add_argument("--precision", type=precision, metavar="M=W", help=text)
    text = "the smallest difference of on-time rates that matters, such as 0.1%% (default: any)"
    parser.add_argument("--margin", type=share, default=0.0, metavar="W", help=text)
    text = "take means of failures from the replications alone, also where theory knows most of them"
    parser.add_argument("--no-control", action="store_false", dest="control", help=text)
    _scenario(parser, several=True)
    _seed(parser)
    _engine(parser)
    _workers(parser)
    _prices(parser, "tables, report and verdict then have the cost of a run")
    _startup_samples(parser, "a second, wider interval holds the uncertainty of not knowing more of them")
    _by(parser)
    text = "as tv2sim plan does, the best of the strategies is sought, printed and added to the report"
    _target(parser, f"; {text} (default: no plan)")
    parser.add_argument("--report", metavar="FILE", help="write a report as one HTML file")
    parser.add_argument("--title", metavar="TEXT", help="the report's title")
    parser.add_argument("--author", metavar="TEXT", help="the report's author")
    parser.add_argument(
        "--date", metavar="TEXT", help="the report's date (default: none, so that it stays the same)"
    )
    text = "what readers of the report should know besides, with empty lines between paragraphs"
    parser.add_argument("--notes", metavar="TEXT", help=text)
    parser.add_argument("--out", metavar="FILE", help="write the table to this file")
    text = "of the table, a row per strategy and metric (default: text to read; csv with --out)"
    _choice(parser, "--format", ("csv", "json", "parquet"), help=text)
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def _replay(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser, nargs="?", more="; of a pipe each line is taken as it comes")
    text = "play a log again that --log json has printed, here or with tv2sim run (- for standard input)"
    parser.add_argument("--recorded", metavar="FILE", help=text)
    text = "simulated seconds per second, 0.1 to 1000, or max (default: 1)"
    parser.add_argument("--speed", type=speed, default=1.0, metavar="X", help=text)
    _strategy(parser)
    _scenario(parser)
    _seed(parser)
    text = "which replication (default: 0)"
    parser.add_argument("--replication", type=whole, default=_NONE, metavar="R", help=text)
    text = (
        "print the event log as it happens, or just the stats line whenever it changes (stats), or that at the "
        "end (none) (default: %(default)s)"
    )
    _choice(parser, "--log", ("text", "json", "stats", "none"), default="text", help=text)
    text = (
        "show it in the terminal instead, with keys to pause it, change its speed and stop it; where standard "
        "output is no terminal, lines are printed as without it"
    )
    parser.add_argument("--view", action="store_true", help=text)
    text = "the address to serve the page and the metrics at; 0.0.0.0 lets other machines in "
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help=f"{text}(default: %(default)s)")
    text = "0 takes a free port, none serves nothing (default: the environment's PORT, else 8080)"
    parser.add_argument("--port", metavar="N", help=text)
    text = "go on serving when the work is done (default: if the environment's KEEP_RUNNING is yes)"
    parser.add_argument("--keep-running", action=argparse.BooleanOptionalAction, help=text)
    text = "fail when more than 100 ms behind the clock, instead of warning"
    parser.add_argument("--strict", action="store_true", help=text)
    text = "write the videos to this file, those of a feed that ran dry with the times at which they came"
    parser.add_argument("--record", metavar="FILE", help=text)
    _prices(parser, "the cost is told at the end")
    _folder(parser, force="replace an earlier FILE, or result in DIR")


def _plan(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser)
    text = (
        f"of {_STRATEGIES}, as for the other commands; several with commas between them, of which the cheapest "
        "is sought (default: 2c)"
    )
    parser.add_argument("--strategy", type=ListOf(str), default=["2c"], metavar="NAME", help=text)
    text = (
        "a field of the strategy or of the scenario and its values, the preferred ones first: prewarmed=6:20 "
        "(20 included), prewarmed=6:20:2 or encoders=4,8; may be given several times (default: a strategy that "
        "is given by its name alone stands for all its sizes)"
    )
    parser.add_argument("--vary", type=varied, action="append", default=[], metavar="FIELD=VALUES", help=text)
    _target(parser, " (default: 99.9%%; with a price of failed videos the least cost)")
    _prices(parser, "the cheapest is sought")
    _startup_samples(parser, "it is said how often other samples of as many would give the same answer")
    text = "the share of a price that does not matter (default: %(default)s)"
    parser.add_argument("--indifference", type=share, default=0.01, metavar="X", help=text)
    text = "the probability that the answer is right, at least (default: %(default)s)"
    parser.add_argument("--confidence", type=share, default=0.95, metavar="X", help=text)
    text = "of each candidate at most (default: %(default)s)"
    parser.add_argument("--replications", type=whole, default=20_000, metavar="N", help=text)
    text = "let simulation alone decide, without theory and bounds"
    parser.add_argument("--no-control", dest="control", action="store_false", help=text)
    _scenario(parser)
    _seed(parser)
    _engine(parser)
    _workers(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser)
    _scenario(parser)
    text = "list at most N reasons for rejecting lines (default: %(default)s)"
    parser.add_argument("--rejected", type=whole, default=20, metavar="N", help=text)


def _engines(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser)
    _strategies(parser)
    _scenario(parser)
    text = "of each (default: %(default)s)"
    parser.add_argument("--replications", type=whole, default=1000, metavar="N", help=text)


def _verify(parser: argparse.ArgumentParser) -> None:
    _catalogue(parser, nargs="?", more=" (default: that of tv2sim generate)")
    _seed(parser)
    text = "of each world, at least 10 (default: %(default)s)"
    parser.add_argument("--replications", type=whole, default=100, metavar="N", help=text)
    text = "the probability that all rows agree if the engines are right, at least (default: %(default)s)"
    parser.add_argument("--confidence", type=share, default=0.99, metavar="X", help=text)
    text = "what is verified (default: all that is installed)"
    _choice(parser, "--engine", ("auto", "simpy", "kernel"), default="auto", help=text)


def _fit(parser: argparse.ArgumentParser) -> None:
    text = (
        "a CSV file, or - for standard input: a column of times in seconds; beside it a column censored, 1 "
        "where a start-up was not over yet; or the columns le and count of a Prometheus histogram"
    )
    parser.add_argument("samples", metavar="FILE", help=text)
    text = "of the test's random numbers (default: %(default)s)"
    parser.add_argument("--seed", type=whole, default=1, metavar="S", help=text)


def _generate(parser: argparse.ArgumentParser) -> None:
    text = "how many (default: %(default)s)"
    parser.add_argument("--videos", type=whole, default=154, metavar="N", help=text)
    parser.add_argument("--seed", type=whole, default=20, metavar="S", help="which one (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="where to write it (default: standard output)")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def _import(parser: argparse.ArgumentParser) -> None:
    text = (
        "as --columns of the other commands, such as gitlab,publicationTimeout=30; hosted=keep after github or "
        "github_jobs keeps the jobs that ran on machines of GitHub"
    )
    parser.add_argument("mapping", metavar="MAPPING", help=text)
    text = "the log: JSON, CSV (.csv) or Parquet (.parquet), or - for standard input"
    parser.add_argument("log", metavar="FILE", help=text)
    parser.add_argument("--out", metavar="FILE", help="where to write the catalogue (default: standard output)")
    text = (
        "the catalogue's time zone, such as Europe/Copenhagen; times of the log without an offset are times of "
        "this zone, and an offset only says which instant a time is (default: what the log says, else UTC)"
    )
    parser.add_argument("--timezone", metavar="ZONE", help=text)
    text = "write the start-up times that were found to this file, one a line"
    parser.add_argument("--startup-times", metavar="FILE", help=text)
    text = "replace files that exist; an import of the same log and mapping is replaced without"
    parser.add_argument("--force", action="store_true", help=text)


class _Command(NamedTuple):
    """A command: what adds its options, what it does, and two calls that work where videos.jsonl is."""

    add_options: Callable[[argparse.ArgumentParser], None]
    text: str
    examples: tuple[str, str]


_COMMANDS = {
    "generate": _Command(
        _generate,
        "make a synthetic catalogue with the mix of a real day",
        ("tv2sim generate --out videos.jsonl", "tv2sim generate --videos 1000 --seed 3 | tv2sim check -"),
    ),
    "check": _Command(
        _check,
        "report what a catalogue holds and what of it is rejected",
        ("tv2sim check videos.jsonl", "tv2sim check videos.jsonl --encoders 8 --requests-per-second 3"),
    ),
    "run": _Command(
        _run,
        "simulate a catalogue and print the stats line of each run",
        ("tv2sim run videos.jsonl --strategy 2c --runs 4", "tv2sim run videos.jsonl --log text --out run"),
    ),
    "compare": _Command(
        _compare,
        "compare strategies over many replications",
        (
            "tv2sim compare videos.jsonl --report report.html",
            "tv2sim compare videos.jsonl --strategies 2c:8,2c:12 --out table.csv",
        ),
    ),
    "plan": _Command(
        _plan,
        "find the smallest pool that publishes enough videos in time",
        (
            "tv2sim plan videos.jsonl --strategy 2c --target 0.999 --vary prewarmed=6:20",
            "tv2sim plan videos.jsonl --target 99% --vary prewarmed=1:30 --encoders 8",
        ),
    ),
    "replay": _Command(
        _replay,
        "let a run happen in real time, to watch and to scrape",
        (
            "tv2sim replay videos.jsonl --speed 5 --view --keep-running",
            "cat videos.jsonl | tv2sim replay - --strategy 2a --speed 20 --log stats",
        ),
    ),
    "import": _Command(
        _import,
        "make a catalogue of a log that others wrote",
        (
            "tv2sim import publicationTimeout=9 videos.jsonl | tv2sim check -",
            "tv2sim import id=title,encodingTime=none videos.jsonl --out jobs.jsonl",
        ),
    ),
    "fit": _Command(
        _fit,
        "find the distribution of measured start-up times",
        (
            r"printf '3.1\n2.4\n5.2\n4.4\n4.5\n' | tv2sim fit -",
            r"printf 'le,count\n2,5\n4,60\n8,98\n+Inf,100\n' | tv2sim fit -",
        ),
    ),
    "engines": _Command(
        _engines,
        "say which engine simulates what, and why",
        ("tv2sim engines videos.jsonl", "tv2sim engines videos.jsonl --strategies 2c --queue-capacity 5"),
    ),
    "verify": _Command(
        _verify,
        "compare engines and kernels with theory and with each other",
        ("tv2sim verify", "tv2sim verify videos.jsonl --seed 2 --engine kernel"),
    ),
}
_FIRST = list(_COMMANDS)[:6]
"""What a newcomer may try, in this order."""


# -- what several commands have ----------------------------------------------------------------------------


def _catalogue(parser: argparse.ArgumentParser, *, nargs: str | None = None, more: str = "") -> None:
    text = f"a file of JSON lines, CSV (.csv) or Parquet (.parquet), or - for standard input{more}"
    parser.add_argument("catalogue", nargs=nargs, metavar="CATALOGUE", help=text)
    text = (
        "what the fields of a video are made of, such as id=job_id,submittedAt=created_at,"
        "publishingTime=finished_at-started_at,publicationTimeout=30, or a mapping file, or one that ships "
        "(github, github_jobs, gitlab, kubernetes), with commas between them"
    )
    parser.add_argument("--columns", metavar="MAPPING", help=text)


_STRATEGIES = "1, 2a, 2b, 2c, advance, 'just in time', 'slack aware', adaptive, coverage"
"""Those that are built in, whose classes take too long to import for a help text."""

_PRESETS = "agones, github_arc, gitlab_runner, sandbox_warm_pool"
"""The functions of :mod:`tv2sim.policies`, likewise."""


def _strategy(parser: argparse.ArgumentParser) -> None:
    text = (
        f"{_STRATEGIES}, or 2c:8 for a pool of 8, or with fields of tv2sim.Strategy, such as "
        f"'2c(prewarmed=8, queue_order=deadline)', or one of {_PRESETS} with its settings, such as "
        "'gitlab_runner(idle_count=4)' (default: 2c)"
    )
    parser.add_argument("--strategy", default=_NONE, metavar="NAME", help=text)
    text = "the strategy's pool size (2c has 10)"
    parser.add_argument("--prewarmed", type=whole, default=_NONE, metavar="N", help=text)


def _strategies(parser: argparse.ArgumentParser) -> None:
    parts = ["1", "2a", "2b", "2c"]
    text = (
        f"of {_STRATEGIES}, and 2c:8 for a pool of 8, and with fields of tv2sim.Strategy, such as "
        f"'2c(prewarmed=8, queue_order=deadline)', and {_PRESETS} with their settings, such as "
        "'gitlab_runner(idle_count=4)', with commas between them (default: the parts 1 to 2c)"
    )
    parser.add_argument("--strategies", type=ListOf(str), default=parts, metavar="NAMES", help=text)


def _engine(parser: argparse.ArgumentParser) -> None:
    text = "what simulates; the results are the same (default: the fastest that can, see tv2sim engines)"
    _choice(parser, "--engine", ("auto", "simpy", "kernel"), default="auto", help=text)


def _workers(parser: argparse.ArgumentParser) -> None:
    """Add the options for where replications are simulated, and where they are kept."""
    text = "processes of SimPy (default: this one alone), or threads of the kernel (default: one per processor)"
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=whole, metavar="N", help=text)
    text = "simulate on the Dask cluster with the scheduler at this address, such as tcp://host:8786"
    where.add_argument("--dask", metavar="ADDRESS", help=text)
    text = "keep finished replications in this folder, and simulate only those that are not there yet"
    parser.add_argument("--results", metavar="DIR", help=text)


def _prices(parser: argparse.ArgumentParser, more: str) -> None:
    text = (
        "what things cost, such as ready=0.02,failed=5: NAME=VALUE of starting, ready, busy (a second of a "
        f"publisher), start (of a publisher), failed (a video); {more}"
    )
    parser.add_argument("--prices", type=prices, metavar="NAME=VALUE,...", help=text)


def _startup_samples(parser: argparse.ArgumentParser, more: str) -> None:
    text = f"a CSV file, a column of measured start-up times in seconds: they are simulated, and {more}"
    parser.add_argument("--startup-samples", metavar="FILE", help=text)


def _target(parser: argparse.ArgumentParser, more: str) -> None:
    target = parser.add_mutually_exclusive_group()
    text = f"the share of videos to be in time{more}"
    target.add_argument("--target", type=share, metavar="X", help=text)
    text = "the target as the videos of a day that may be late, at the rate of the scenario"
    target.add_argument("--failures-per-day", type=number, metavar="N", help=text)


def _by(parser: argparse.ArgumentParser) -> None:
    text = "show figures of the videos grouped by this column of the catalogue, such as provider"
    parser.add_argument("--by", metavar="COLUMN", help=text)


def _scenario(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add an option for each field of the scenario; with `several`, a list of values is read."""
    more = " Several values have commas between them; all combinations are simulated." * several
    group = parser.add_argument_group("scenario", f"{_DIST} {_TABLE}{more}")
    text = "read the scenario from a file, TOML or JSON (.json); the other options win over it"
    text += "; several with commas" * several
    group.add_argument(
        "--scenario", type=ListOf(str) if several else str, default=None, metavar="FILE", help=text
    )
    for name, field in SCENARIO.items():
        kind = TablesOr(field.kind) if several else field.kind
        group.add_argument(
            *field.flags, dest=name, type=kind, default=_NONE, metavar=field.metavar, help=field.help
        )


def _seed(parser: argparse.ArgumentParser) -> None:
    text = "a whole number, or none to draw one (default: 1)"
    parser.add_argument("--seed", type=whole_or_none, default=_NONE, metavar="S", help=text)


def _folder(parser: argparse.ArgumentParser, *, force: str) -> None:
    """Add the options for the folder that a run is written to."""
    parser.add_argument("--out", metavar="DIR", help="write tables, log and metrics to this folder")
    text = "of the tables (default: %(default)s)"
    _choice(parser, "--format", ("csv", "jsonl", "parquet"), default="csv", help=text)
    parser.add_argument("--force", action="store_true", help=force)
