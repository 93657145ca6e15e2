"""The commands with their options, as one table. No heavy package is imported: ``--help`` answers at once.

``{plan.target}`` in a text stands for the first sentence on the parameter `target` in the docstring of
:func:`tv2sim.plan`. So a parameter that is an option as well is described once.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from typing import Any, NamedTuple

from tv2sim.base.checks import did_you_mean
from tv2sim.base.line_syntax import parts

# -- the kinds of values that options take ------------------------------------------------------------------


def whole(text: str) -> int:
    """Return a whole number."""
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Return a number; its bounds are checked where it is used."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def share(text: str) -> float:
    """Return a share, given as a number or in percent; its bounds are checked where it is used."""
    return number(text.removesuffix("%")) / 100 if text.endswith("%") else number(text)


def whole_or_none(text: str) -> int | None:
    """Return a whole number, or None for "none"."""
    return None if text.lower() == "none" else whole(text)


def speed(text: str) -> float | str:
    """Return a number, or "max"."""
    return "max" if text.lower() == "max" else number(text)


class ListOf:
    """Reads a list; commas in brackets, as in uniform(2, 6), do not separate."""

    def __init__(self, kind: Callable[[str], Any]) -> None:
        self.kind = kind

    def __call__(self, text: str) -> list[Any]:
        """Return the values, each of which may be there once."""
        found = parts(text)
        if "" in found:
            raise argparse.ArgumentTypeError(f"{text!r} has nothing between its commas")
        values = [self.kind(part) for part in found]
        for value in values:
            if values.count(value) > 1:
                raise argparse.ArgumentTypeError(f"{text!r} has {value} twice")
        return values


class TablesOr(ListOf):
    """Reads a list, or a table alone, which has commas of its own."""

    def __call__(self, text: str) -> list[Any]:
        """Return the values, or the table as the only one."""
        return [self.kind(text)] if "=" in parts(text)[0].partition("(")[0] else super().__call__(text)


def choice(*names: str) -> Callable[[str], str]:
    """Return a function that reads one of several words."""

    def read(text: str) -> str:
        if text not in names:
            meant = did_you_mean(text, names)
            raise argparse.ArgumentTypeError(
                f"invalid choice: {text!r} (choose from {', '.join(names)}){meant}"
            )
        return text

    return read


# -- values that a schema describes ------------------------------------------------------------------------


def forms(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the forms that a value may have."""
    found: list[dict[str, Any]] = part.get("anyOf", [part])
    return found


def is_table(part: dict[str, Any]) -> bool:
    """Return whether it is a table, or has a name or none."""
    kinds = {form.get("type") for form in forms(part)}
    return "object" in kinds and kinds <= {"object", None}


def is_text(part: dict[str, Any]) -> bool:
    """Return whether it may be any text."""
    return any("$ref" in form for form in forms(part))


def setting(part: dict[str, Any]) -> Callable[[str], Any]:
    """Return a function that reads a value in one of its forms; limits are checked where it is used."""
    kinds = {form.get("type"): form for form in forms(part)}
    names = [name for form in forms(part) for name in form.get("enum", ())]
    words = [name for name in names if name is not None]

    def read(text: str) -> Any:
        if text.lower() == "none" and None in names:
            return None
        if text in words:
            return text
        if "object" in kinds and ("=" in text or is_table(part)):
            return _table(text, kinds["object"]["properties"], words)
        return _array(text) if "array" in kinds and re.search(r"[,\[]", text) else _scalar_of(part)(text)

    return read


def _scalar_of(part: dict[str, Any]) -> Callable[[str], Any]:
    """Return the function that reads a single value: a text, a whole number or a number."""
    if is_text(part) or "enum" in part:
        return str
    return whole if any(form.get("type") == "integer" for form in forms(part)) else number


def _table(text: str, properties: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return a table; `names` are the words that may be written in its place."""
    pairs = [part.partition("=") for part in parts(text)]
    for name, given, _ in pairs:
        if not given:
            alone = name == text
            what = f"{', '.join(names)} or NAME=VALUE" if alone and names else "NAME=VALUE"
            where = repr(name) if alone else f"{name!r} in {text!r}"
            raise argparse.ArgumentTypeError(f"{where} is not {what}, such as {_example(properties)}")
    known = {name: setting(part) for name, part in properties.items()}
    return {name.strip(): known.get(name.strip(), str)(value.strip()) for name, _, value in pairs}


def _example(properties: dict[str, Any]) -> str:
    name, part = next(iter(properties.items()))
    return f"{name}={part.get('default', '...')}"


def _array(text: str) -> Any:
    try:
        return json.loads(text if text.startswith("[") else f"[{text}]")
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers, such as [1, 1, 0.5]") from None


# -- values of other options -------------------------------------------------------------------------------


def prices(text: str) -> dict[str, float]:
    """Return prices by name; names and bounds are checked where they are used."""
    return {name: number(price) for name, price in _table(text, {"ready": {"default": 0.02}}, []).items()}


def varied(text: str) -> tuple[str, list[int | float | str]]:
    """Return a field and its values, from a list or from a range whose end is included."""
    name, given, values = (part.strip() for part in text.partition("="))
    if not (name and given and values):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not like prewarmed=6:20, prewarmed=6:20:2 or price=60,240"
        )
    ends = values.split(":")
    if len(ends) in (2, 3) and all(re.fullmatch(_DECIMAL, end.strip()) for end in ends):
        return name.replace("-", "_"), _range(text, *map(Decimal, ends))
    return name.replace("-", "_"), ListOf(_number_or_text)(values)


_DECIMAL = r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})"
_MOST_VALUES = 10_000


def _range(text: str, first: Decimal, last: Decimal, step: Decimal = Decimal(1)) -> list[int | float | str]:
    if step <= 0 or last < first:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no values: write the smaller end first, and a step above 0"
        )
    count = int((last - first) / step) + 1
    if count > _MOST_VALUES:
        raise argparse.ArgumentTypeError(f"{text!r} has {count:,} values, more than {_MOST_VALUES:,}")
    return [_plain(first + number * step) for number in range(count)]


def _number_or_text(text: str) -> int | float | str:
    return _plain(Decimal(text)) if re.fullmatch(_DECIMAL, text) else text


def _plain(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


def precision(text: str) -> tuple[str, str, float]:
    """Return the metric, "absolute" or "relative", and the half width."""
    metric, given, width = (part.strip() for part in text.partition("="))
    if not (metric and given and width):
        raise argparse.ArgumentTypeError(f"{text!r} is not like on_time_rate=0.001 or published=1%")
    if width.endswith("%"):
        return metric, "relative", number(width.removesuffix("%")) / 100
    return metric, "absolute", number(width)


_UNSET = argparse.SUPPRESS
"""The default of an option that is left out of the namespace if it is not given, since None may be a value."""


class Option(NamedTuple):
    """An option or an argument of a command."""

    flags: tuple[str, ...]
    """The names of an option, or the name of an argument without dashes."""
    help: str
    how: dict[str, Any]
    """The other arguments of ``add_argument``."""

    @property
    def flag(self) -> str:
        """The name that is shown."""
        return self.flags[0]

    def read(self, text: str) -> Any:
        """Return the value that a text stands for."""
        return self.how["type"](text)


class OneOf(NamedTuple):
    """Options of which at most one may be given."""

    options: tuple[Option, ...]


class Command:
    """A command.

    Parameters
    ----------
    module : str
        The module of the command line that has its function, which is named after the command.
    text : str
        A sentence that says what the command does.
    examples : tuple of str
        Two calls that work where videos.jsonl is.
    *options : Option, OneOf or str
        The options; a string is the heading of the options after it.
    """

    def __init__(
        self, module: str, text: str, examples: tuple[str, str], *options: Option | OneOf | str
    ) -> None:
        self.module, self.text, self.examples, self.options = module, text, examples, options


def _option(name: str, text: str, kind: Callable[[str], Any] = str, **how: Any) -> Option:
    """Return an option such as "--runs N"; the value of "--log {text,json}" is one of these words.

    The default is added to the text, unless it is 0 or a list: such texts state it themselves.
    """
    flag, _, metavar = name.partition(" ")
    words = words_of(metavar)
    if (default := how.get("default")) and default != _UNSET and not isinstance(default, list):
        text = f"{text} (default: %(default)s)"
    return Option((flag,), text, how | {"metavar": metavar, "type": choice(*words) if words else kind})


def _switch(flag: str, text: str, **how: Any) -> Option:
    """Return an option without a value."""
    return Option((flag,), text, {"action": "store_true"} | how)


def words_of(metavar: str) -> list[str]:
    """Return the words that a value may be; there are none if it may be anything.

    >>> words_of("{text,json}"), words_of("N")
    (['text', 'json'], [])
    """
    return metavar[1:-1].split(",") if metavar.startswith("{") else []


# -- the scenario ------------------------------------------------------------------------------------------


def _of_field(name: str, part: dict[str, Any]) -> Option:
    """Return the option for a field of the scenario, made from its part of the schema."""
    flags = [f"--{name.replace('_', '-')}"]
    if name == "publishing_queue_capacity":
        flags = ["--queue-capacity", *flags]
    text = f"{_in_short(part['description'])}{_keys(part)}{_default(name, part)}"
    how = {"dest": name, "metavar": _metavar(part), "type": setting(part), "default": _UNSET}
    return Option((*flags,), text, how)


def _metavar(part: dict[str, Any]) -> str:
    """Return the placeholder of a value in the help, by the forms of the value besides a table and none."""
    if is_table(part):
        return "NAME=VALUE,..."
    if "enum" in part:
        return f"{{{','.join(part['enum'])}}}"
    if is_text(part):
        return "DIST"
    return "N" if _scalar_of(part) is whole else "X"


def _in_short(description: str) -> str:
    """Return the first sentence of a description, and the meaning of None."""
    first, *rest = re.split(r"(?<=\.) (?=[A-Z])", description)
    none = [f"; none: {one.removeprefix('None: ')}" for one in rest if one.startswith("None: ")]
    words = "".join([first, *none]).replace(".;", ";").removesuffix(".")
    return f"{words[0].lower()}{words[1:]}"


def _keys(part: dict[str, Any]) -> str:
    """Return the names in the table that the value may be."""
    found = [list(form["properties"]) for form in forms(part) if "properties" in form]
    return f"; {'' if is_table(part) else 'or '}NAME=VALUE of {', '.join(found[0])}" if found else ""


def _default(name: str, part: dict[str, Any]) -> str:
    usual = part["default"]
    if name == "encoders":
        return f" (default: the environment's ENCODERS, else {usual})"
    if usual in ("none", {}):
        return ""
    return f" (default: {usual:g})" if isinstance(usual, float) else f" (default: {usual})"


_SCHEMA: dict[str, Any] = json.loads(files("tv2sim.world").joinpath("scenario.schema.json").read_text("utf-8"))
SCENARIO = {name: _of_field(name, part) for name, part in _SCHEMA["properties"].items() if name[0] != "$"}
"""The option for each field of :class:`tv2sim.Scenario`, which is slow to import: made from its schema."""
FORMS = (
    f"DIST is {_SCHEMA['$defs']['distribution']['description']}. "
    "NAME=VALUE,... are keys of a table, such as --faults startup=0.1,attempts=3."
)
"""The text below the heading of the scenario."""
_FILE = "a scenario file, TOML or JSON (.json); the other options win over it"
_ONE_SCENARIO = (_option("--scenario FILE", _FILE), *SCENARIO.values())
_GRID = "; several files, and several values of the options below, have commas between them: all combinations"
_SCENARIOS = (
    _option("--scenario FILE", f"{_FILE}{_GRID} are simulated", ListOf(str)),
    *(one._replace(how=one.how | {"type": TablesOr(one.how["type"])}) for one in SCENARIO.values()),
)

# -- options of several commands ---------------------------------------------------------------------------

_STRATEGIES = "1, 2a, 2b, 2c, advance, 'just in time', 'slack aware', adaptive, coverage"
"""The built-in strategies, whose classes take too long to import for a help text."""
_NOTATION = (
    f"{_STRATEGIES}; or 2c:8, a pool of 8; or with fields of tv2sim.Strategy, such as "
    "'2c(prewarmed=8, queue_order=deadline)'; or agones, github_arc, gitlab_runner or sandbox_warm_pool of "
    "tv2sim.policies, such as 'gitlab_runner(idle_count=4)'"
)
_COLUMNS = _option(
    "--columns MAPPING",
    "what the fields of a video are made of, such as id=job_id,submittedAt=created_at or "
    "publishingTime=finished_at-started_at; or a mapping file; or a mapping that ships: github, github_jobs, "
    "gitlab or kubernetes; several with commas between them",
)


def _videos(more: str = "", **how: Any) -> tuple[Option, ...]:
    text = f"a file of JSON lines, CSV (.csv) or Parquet (.parquet), or - for standard input{more}"
    return (_option("catalogue CATALOGUE", text, **how), _COLUMNS)


_STRATEGY = (
    _option("--strategy NAME", f"{_NOTATION} (default: 2c)", default=_UNSET),
    _option("--prewarmed N", "the strategy's pool size (2c has 10)", whole, default=_UNSET),
)
_SEVERAL = _option(
    "--strategies NAMES",
    f"strategies with commas between them: {_NOTATION} (default: the parts 1 to 2c)",
    ListOf(str),
    default=["1", "2a", "2b", "2c"],
)
_SEED = _option("--seed S", "{simulate.seed} (default: 1)", whole_or_none, default=_UNSET)
_REPLICATIONS = _option("--replications N", "{compare.replications}", whole, default=1000)
_NO_CONTROL = _switch(
    "--no-control", "use simulation alone, without what theory knows", action="store_false", dest="control"
)
_ENGINE = _option(
    "--engine {auto,simpy,kernel}",
    "{replicate.engine}; auto takes the fastest that can, as tv2sim engines says",
    default="auto",
)
_DASK = _option("--dask ADDRESS", "simulate on the Dask cluster whose scheduler is at tcp://HOST:PORT")
_COMPUTATION = (
    _ENGINE,
    OneOf((_option("--workers N", "{replicate.workers}", whole), _DASK)),
    _option("--results DIR", "{replicate.results}"),
)
_BY = _option(
    "--by COLUMN", "show figures of the videos grouped by this column of the catalogue, such as provider"
)
_FORCE = _switch("--force", "replace FILE if it exists")


def _prices(more: str) -> Option:
    text = (
        "what things cost, such as ready=0.02,failed=5: NAME=VALUE of starting, ready, busy (a second of a "
        f"publisher), start (of a publisher), failed (a video); {more}"
    )
    return _option("--prices NAME=VALUE,...", text, prices)


def _startup_samples(more: str) -> Option:
    return _option("--startup-samples FILE", f"a CSV file: {{replicate.startup_samples}}; {more}")


def _target(more: str) -> OneOf:
    rate = _option("--target X", f"{{plan.target}}{more}", share)
    return OneOf((rate, _option("--failures-per-day N", "{plan.failures_per_day}", number)))


def _folder(force: str) -> tuple[Option, ...]:
    """Return the options for the folder that a run is written to."""
    return (
        _option("--out DIR", "write tables, log and metrics to this folder"),
        _option("--format {csv,jsonl,parquet}", "the format of the tables", default="csv"),
        _switch("--force", force),
    )


# -- the commands ------------------------------------------------------------------------------------------

_GENERATE = Command(
    "catalogues",
    "make a synthetic catalogue with the mix of a real day",
    ("tv2sim generate --out videos.jsonl", "tv2sim generate --videos 1000 --seed 3 | tv2sim check -"),
    _option("--videos N", "{generate_catalogue.videos}", whole, default=154),
    _option("--seed S", "{generate_catalogue.seed}", whole, default=20),
    _option("--out FILE", "where to write it (default: standard output)"),
    _FORCE,
)
_CHECK = Command(
    "catalogues",
    "report what a catalogue holds and what of it is rejected",
    ("tv2sim check videos.jsonl", "tv2sim check videos.jsonl --encoders 8 --requests-per-second 3"),
    "videos",
    *_videos(),
    "output",
    _option("--rejected N", "list at most N reasons for rejecting lines", whole, default=20),
    "scenario",
    *_ONE_SCENARIO,
)
_RUNS = _option("--runs N", "simulate replications 0 to N-1 (default: 1)", whole)
_RUN = Command(
    "small_commands",
    "simulate a catalogue and print the stats line of each run",
    ("tv2sim run videos.jsonl --strategy 2c --runs 4", "tv2sim run videos.jsonl --log text --out run"),
    "videos",
    *_videos(),
    "strategy",
    *_STRATEGY,
    "replications",
    _SEED,
    OneOf((_RUNS, _option("--replication R", "simulate replication R alone", whole))),
    _ENGINE,
    "output",
    _option("--log {text,json}", "print the event log of the run as well"),
    _BY,
    _prices("a line of costs is printed before the stats line"),
    *_folder("replace an earlier result in DIR"),
    "scenario",
    *_ONE_SCENARIO,
)
_PRECISION = (
    "{compare.precision}: the half width W of the intervals of metric M, such as on_time_rate=0.001, or "
    "published=1%% of the mean; --replications then is the limit"
)
_SOUGHT = (
    "; the best of the strategies is sought, as by tv2sim plan, and added to the report (default: no plan)"
)
_COMPARE = Command(
    "compare_and_plan",
    "compare strategies over many replications",
    (
        "tv2sim compare videos.jsonl --report report.html",
        "tv2sim compare videos.jsonl --strategies 2c:8,2c:12 --out table.csv",
    ),
    "videos",
    *_videos("; or several", nargs="+"),
    "strategies",
    *(_SEVERAL, _option("--baseline NAME", "{compare.baseline}")),
    "decision",
    _option("--margin W", "{compare.margin}, such as 0.1%% (default: any)", share, default=0.0),
    _prices("tables, report and verdict then have the cost of a run"),
    _target(_SOUGHT),
    "replications",
    _REPLICATIONS,
    _option("--precision M=W", _PRECISION, precision),
    _SEED,
    _startup_samples("a second, wider interval holds the uncertainty of not knowing more of them"),
    _NO_CONTROL,
    "computation",
    *_COMPUTATION,
    "output",
    _BY,
    _option("--out FILE", "write the table to this file"),
    _option("--format {csv,json,parquet}", "the format of the table (default: text to read; csv with --out)"),
    _FORCE,
    "report",
    _option("--report FILE", "write a report as one HTML file"),
    _option("--title TEXT", "the report's title"),
    _option("--author TEXT", "the report's author"),
    _option("--date TEXT", "the report's date (default: none, so that it stays the same)"),
    _option("--notes TEXT", "what readers should know besides, with empty lines between paragraphs"),
    "scenario",
    *_SCENARIOS,
)
_CANDIDATES = f"{_STRATEGIES}, as for tv2sim run; of several with commas between them the cheapest is sought"
_VARY = (
    "a field of the strategy or of the scenario and its values, the preferred ones first: prewarmed=6:20 "
    "(20 included), prewarmed=6:20:2 or encoders=4,8; may be given several times (default: a strategy that is "
    "given by its name alone stands for all its sizes)"
)
_PLAN = Command(
    "compare_and_plan",
    "find the smallest pool that publishes enough videos in time",
    (
        "tv2sim plan videos.jsonl --strategy 2c --target 0.999 --vary prewarmed=6:20",
        "tv2sim plan videos.jsonl --target 99% --vary prewarmed=1:30 --encoders 8",
    ),
    "videos",
    *_videos(),
    "candidates",
    _option("--strategy NAME", f"{_CANDIDATES} (default: 2c)", ListOf(str), default=["2c"]),
    _option("--vary FIELD=VALUES", _VARY, varied, action="append", default=[]),
    "decision",
    _target(" (default: 99.9%%; with a price of failed videos the least cost)"),
    _prices("the cheapest is sought"),
    _option("--indifference X", "{plan.indifference}", share, default=0.01),
    _option("--confidence X", "{plan.confidence}", share, default=0.95),
    "replications",
    _option("--replications N", "{plan.replications}", whole, default=20_000),
    _SEED,
    _startup_samples("it is said how often other samples of as many would give the same answer"),
    _NO_CONTROL,
    "computation",
    *_COMPUTATION,
    "scenario",
    *_ONE_SCENARIO,
)
_LOG = "print the event log, the stats line whenever it changes (stats), or that at the end (none)"
_VIEW = (
    "show it in the terminal instead, with keys to pause it, change its speed and stop it; where standard "
    "output is no terminal, lines are printed as without it"
)
_KEEP_RUNNING = "go on serving when the work is done (default: if the environment's KEEP_RUNNING is yes)"
_PORT = "{replay.port}, none serves nothing (default: the environment's PORT, else 8080)"
_REPLAY = Command(
    "replay",
    "let a run happen in real time, to watch and to scrape",
    (
        "tv2sim replay videos.jsonl --speed 5 --view --keep-running",
        "cat videos.jsonl | tv2sim replay - --strategy 2a --speed 20 --log stats",
    ),
    "videos",
    *_videos("; of a pipe each line is taken as it comes", nargs="?"),
    _option("--recorded FILE", "{replay.recorded} (- for standard input)"),
    "strategy",
    *_STRATEGY,
    "replication",
    _SEED,
    _option("--replication R", "which replication (default: 0)", whole, default=_UNSET),
    "pace",
    _option("--speed X", "{replay.speed}", speed, default=1),
    _switch("--strict", "fail when more than 100 ms behind the clock, instead of warning"),
    "views",
    _option("--log {text,json,stats,none}", _LOG, default="text"),
    _switch("--view", _VIEW),
    _option("--host HOST", "{replay.host}; 0.0.0.0 lets other machines in", default="127.0.0.1"),
    _option("--port N", _PORT),
    _switch("--keep-running", _KEEP_RUNNING, action=argparse.BooleanOptionalAction),
    "output",
    _option(
        "--record FILE", "write the videos to this file, those of a feed with the times at which they came"
    ),
    _prices("the cost is told at the end"),
    *_folder("replace an earlier FILE, or result in DIR"),
    "scenario",
    *_ONE_SCENARIO,
)
_MAPPING = (
    "as --columns of the other commands, such as gitlab,publicationTimeout=30; hosted=keep after github or "
    "github_jobs keeps the jobs that ran on machines of GitHub"
)
_TIMEZONE = "{import_catalogue.timezone} (default: what the log says, else UTC)"
_IMPORT = Command(
    "catalogues",
    "make a catalogue of a log that others wrote",
    (
        "tv2sim import publicationTimeout=9 videos.jsonl | tv2sim check -",
        "tv2sim import id=title,encodingTime=none videos.jsonl --out jobs.jsonl",
    ),
    _option("mapping MAPPING", _MAPPING),
    _option("log FILE", "the log: JSON, CSV (.csv) or Parquet (.parquet), or - for standard input"),
    _option("--out FILE", "where to write the catalogue (default: standard output)"),
    _option("--timezone ZONE", _TIMEZONE),
    _option("--startup-times FILE", "write the start-up times that were found to this file, one a line"),
    _switch("--force", "replace files that exist; without it only an import of the same log and mapping is"),
)
_SAMPLES = (
    "a CSV file, or - for standard input: a column of times in seconds; beside it a column censored, 1 where a "
    "start-up was not over yet; or the columns le and count of a Prometheus histogram"
)
_FIT = Command(
    "small_commands",
    "find the distribution of measured start-up times",
    (
        r"printf '3.1\n2.4\n5.2\n4.4\n4.5\n' | tv2sim fit -",
        r"printf 'le,count\n2,5\n4,60\n8,98\n+Inf,100\n' | tv2sim fit -",
    ),
    _option("samples FILE", _SAMPLES),
    _option("--seed S", "the seed of the test's random numbers", whole, default=1),
)
_ENGINES = Command(
    "small_commands",
    "say which engine simulates what, and why",
    ("tv2sim engines videos.jsonl", "tv2sim engines --compile"),
    _switch("--compile", "compile all kernels now, so that no later command has to wait for it"),
    "videos",
    *_videos(nargs="?"),
    "strategies",
    _SEVERAL,
    _REPLICATIONS,
    "scenario",
    *_ONE_SCENARIO,
)
_VERIFY = Command(
    "small_commands",
    "compare engines and kernels with theory and with each other",
    ("tv2sim verify", "tv2sim verify videos.jsonl --seed 2 --engine kernel"),
    "videos",
    *_videos(" (default: that of tv2sim generate)", nargs="?"),
    "replications",
    _SEED,
    _option("--replications N", "{verify.replications}", whole, default=100),
    _option("--confidence X", "{verify.confidence}", share, default=0.99),
    _option("--engine {auto,simpy,kernel}", "{verify.engine}", default="auto"),
)
COMMANDS = {
    "generate": _GENERATE, "check": _CHECK, "run": _RUN, "compare": _COMPARE, "plan": _PLAN, "replay": _REPLAY,
    "import": _IMPORT, "fit": _FIT, "engines": _ENGINES, "verify": _VERIFY,
}  # fmt: skip
"""The commands by name, in the order in which a newcomer may try them."""
