"""``tv2sim compare`` and ``plan``."""

from __future__ import annotations

import itertools
import shlex
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import MOST, MOST_WORKERS, a_share, a_whole_number
from tv2sim.base.dictionaries import changed
from tv2sim.base.errors import InputError, need_pyarrow, printable
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.storage import records, resolved, whole_file, write_table
from tv2sim.catalogue import Catalogue
from tv2sim.cli import inputs
from tv2sim.cli.log import json_text
from tv2sim.cli.options import SCENARIO
from tv2sim.cli.output import fit_table, note, printing, warnings_noted, wrap
from tv2sim.cli.text_tables import tidy, to_read
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.planning import Plan, plan
from tv2sim.experiments.replicate_and_compare import compare, in_words
from tv2sim.inference.intervals import Precision
from tv2sim.results.metrics import COST, as_metrics
from tv2sim.strategies import as_strategy
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    import argparse


def compare_command(options: argparse.Namespace) -> None:
    """Simulate, print and write as the options require, after all options and files are checked."""
    fields = inputs.fields_of(options, several=True)
    call = _call(options, fields)
    about = _about(options)
    catalogues = _catalogues(options, call["scenario"])
    kind, computation = _format(options), _computation(options)
    for catalogue in catalogues.values() if options.by is not None else ():
        catalogue.groups(options.by)  # an unknown column is refused before the simulation
    with ExitStack() as files:
        # the files are created before the simulation, so that it is known now whether they can be written
        report = _begun(files, options.report, options, ours=_is_report)
        out = _begun(files, options.out, options, ours=lambda _: False)
        if kind == "parquet":
            need_pyarrow()
        for name, catalogue in catalogues.items():
            inputs.note_rejected(catalogue, f"{name}: ")
            for scenario in _each(call["scenario"]):
                inputs.note_never_encoded(catalogue, scenario, f"{name}: ")
        with warnings_noted("tv2sim.results"):
            planned = _plan(options, catalogues, call["scenario"], computation)
            study = compare(catalogues, **call, **computation)
        if report is not None:
            from tv2sim.report.build import build_report

            command = _command(options, fields, study.baseline, computation["seed"])
            page = build_report(study, command=command, by=options.by, plan=planned, **about)
            report.write_text(page, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
        if out is not None and kind == "parquet":
            write_table(tidy(study), out, "parquet")
        elif out is not None:
            out.write_bytes(_encode(tidy(study), kind))
    if study.stopped is not None:
        note(str(study.stopped))
    with printing(in_vain=False):
        _print(study, kind if options.out is None else "text", options.by, planned)


# -- the options as arguments ------------------------------------------------------------------------------


def _call(options: argparse.Namespace, fields: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the arguments of the comparison, checked."""
    scenario = _worlds(options, fields)
    a_whole_number("--replications", options.replications, at_least=1, at_most=MOST)
    strategies = [as_strategy(name) for name in options.strategies]
    names = [strategy.name for strategy in strategies]
    if options.baseline is not None and options.baseline not in names:
        known = ", ".join(names)
        raise InputError(f"--baseline must be one of the strategies, {known}, not {options.baseline!r}")
    return inputs.arguments_of(options, "replications", "baseline") | {
        "strategies": strategies,
        "scenario": scenario,
        "margin": a_share("--margin", options.margin),
        "precision": _precision(options),
    }


def _computation(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments that a comparison and a plan have in common, checked."""
    if options.workers is not None:
        a_whole_number("--workers", options.workers, at_least=1, at_most=MOST_WORKERS)
    given = {"executor": options.dask, "prices": inputs.prices_of(options), "seed": inputs.seed_of(options)}
    return given | inputs.arguments_of(options, "workers", "engine", "results", "startup_samples", "control")


def _target(options: argparse.Namespace) -> dict[str, Any]:
    """Return the target of a plan, if one is given."""
    targets = inputs.arguments_of(options, "target", "failures_per_day")
    return {name: value for name, value in targets.items() if value is not None}


def _precision(options: argparse.Namespace) -> Precision | None:
    if options.precision is None:
        return None
    metric, kind, width = options.precision
    (metric,) = as_metrics(metric)
    if metric == COST and not options.prices:
        raise InputError("--precision of the cost needs prices: give them, such as --prices failed=5")
    return Precision(metric, **{kind: width})


def _format(options: argparse.Namespace) -> str:
    """Return the format of the table; "text" is for people."""
    kind: str = options.format or ("csv" if options.out is not None else "text")
    if kind == "parquet" and options.out is None:
        raise InputError("--format parquet is for a file: name it with --out")
    if options.by is not None and kind != "text" and options.out is None and options.report is None:
        raise InputError(f"--by prints a table to read: leave out --format {kind}, or name a file with --out")
    return kind


def _worlds(options: argparse.Namespace, fields: Mapping[str, list[Any]]) -> Scenario | dict[str, Scenario]:
    """Return the scenario of each file with each combination of the values that are given."""
    bases = _bases(_once(options.scenario or [], "scenario"))
    grid = list(itertools.product(*([(name, value) for value in values] for name, values in fields.items())))
    if not bases and len(grid) == 1:
        return changed(Scenario(), dict(grid[0]))
    return {
        ", ".join(filter(None, [name, _name_of_values(chosen)])): changed(base, dict(chosen))
        for name, base in (bases or {"": Scenario()}).items()
        for chosen in grid
    }


def _bases(paths: list[str]) -> dict[str, Scenario]:
    """Read the scenarios; each is named by its file, without the suffix unless that distinguishes it."""
    names = [_name(path, paths) for path in paths]
    stems = [name.rpartition(".")[0] or name for name in names]
    return {
        stem if stems.count(stem) == 1 else name: Scenario.from_file(path)
        for path, name, stem in zip(paths, names, stems, strict=True)
    }


def _name_of_values(values: Iterable[tuple[str, Any]]) -> str:
    """Return the name of the scenario with these values of options, tables as they are typed."""
    return in_words((name, _text(value) if isinstance(value, dict) else value) for name, value in values)


def _once(paths: list[str], what: str) -> list[str]:
    """Return these paths, of which no two may be the same."""
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"the {what} {path!r} is given twice")
    return paths


def _plan(
    options: argparse.Namespace,
    catalogues: Mapping[str, Catalogue],
    scenarios: Scenario | dict[str, Scenario],
    computation: Mapping[str, Any],
) -> Plan | None:
    """Return the plan over the strategies in the one world, if there is a target."""
    if not _target(options):
        return None
    (catalogue,), (scenario,) = catalogues.values(), _each(scenarios)
    return plan(catalogue, options.strategies, scenario, **_target(options), **computation)


def _about(options: argparse.Namespace) -> dict[str, str | None]:
    """Return the title, the author, the date and the notes of the report."""
    about = {name: getattr(options, name) for name in ("title", "author", "date", "notes")}
    for name, value in about.items():
        if value is not None and options.report is None:
            raise InputError(f"--{name} is for a report: write one with --report FILE")
    return about


def _catalogues(options: argparse.Namespace, scenario: Scenario | dict[str, Scenario]) -> dict[str, Catalogue]:
    """Read the catalogues; each is named by its file, with the folders that distinguish it from the others."""
    paths = _once(options.catalogue, "catalogue")
    if _target(options):
        worlds = len(paths) * len(_each(scenario))
        if worlds > 1:
            raise InputError(
                f"a plan is for one catalogue in one scenario, not for {worlds}: leave out the target"
            )
    return {_name(path, paths): inputs.catalogue_of(options, _each(scenario), path) for path in paths}


def _each(scenario: Scenario | dict[str, Scenario]) -> list[Scenario]:
    return [scenario] if isinstance(scenario, Scenario) else [*scenario.values()]


def _name(path: str, paths: list[str]) -> str:
    """Return the end of a path, with as many folders as distinguish it from the others."""
    if path == "-":
        return "standard input"
    parts = Path(path).parts
    others = [Path(other).parts for other in paths if other != path]
    count = 1
    while count < len(parts) and any(parts[-count:] == other[-count:] for other in others):
        count += 1
    # bytes of a file name that are not UTF-8 could not be written: they are escaped
    return "/".join(parts[-count:]).encode("utf-8", "backslashreplace").decode()


def _command(options: argparse.Namespace, fields: Mapping[str, list[Any]], baseline: str, seed: int) -> str:
    """Return the command with which a reader can repeat the comparison, with every choice explicit."""
    values = {
        "columns": options.columns,
        "strategies": ",".join(options.strategies),
        "baseline": baseline,
        "replications": options.replications,
        "precision": options.precision and _text_of_precision(*options.precision),
        "margin": _percent(options.margin or None),
        "startup-samples": options.startup_samples,
        "target": _percent(options.target),
        "failures-per-day": options.failures_per_day,
        "prices": options.prices,
        "scenario": options.scenario and ",".join(options.scenario),
        **{SCENARIO[name].flag[2:]: ",".join(map(_text, several)) for name, several in fields.items()},
        "seed": seed,
    }
    words = [] if options.control else ["--no-control"]
    for name, value in values.items():
        words += [] if value is None else [f"--{name}", _text(value)]
    return shlex.join(["tv2sim", "compare", *options.catalogue, *words])


def _text_of_precision(metric: str, kind: str, width: float) -> str:
    return f"{metric}={f'{100 * width:g}%' if kind == 'relative' else f'{width:g}'}"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.15g}%"


def _text(value: object) -> str:
    """Return a value as it is typed."""
    if isinstance(value, dict):
        return ",".join(f"{name}={_text(one)}" for name, one in value.items())
    return "none" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


# -- output ------------------------------------------------------------------------------------------------


def _begun(
    files: ExitStack, name: str | None, options: argparse.Namespace, *, ours: Callable[[Path], bool]
) -> Path | None:
    """Create a draft of a file and return its path; the draft replaces the file when all is done.

    `ours` returns whether an existing file may be replaced without --force.
    """
    if name is None:
        return None
    path = Path(name)
    others = [*options.catalogue, *([options.report] if name == options.out and options.report else [])]
    if any(resolved(path) == resolved(Path(other)) for other in others if other != "-"):
        raise InputError(f"{name!r} is already used, as catalogue or report: choose another name")
    return files.enter_context(whole_file(path, force=options.force, ours=ours))


def _is_report(path: Path) -> bool:
    """Return whether a file is an earlier report, which the next one may replace."""
    try:
        with path.open("rb") as stream:
            start = stream.read(4096)
    except OSError:
        return False
    return start.startswith(b"<!DOCTYPE html>") and b"tv2sim" in start


def _encode(table: pd.DataFrame, kind: str) -> bytes:
    if kind == "json":
        return json_text(list(records(table)))
    return table.to_csv(index=False, lineterminator="\n").encode("utf-8", errors="backslashreplace")


def _print(study: Comparison, kind: str, by: str | None, planned: Plan | None) -> None:
    """Print the comparison, without control characters if it goes to a terminal.

    The answer of a plan is the verdict of the text; beside data it is a note. CSV has no escapes. So in a pipe
    or a file, names stay as they are, and are quoted where CSV requires it. On a terminal they are escaped.
    """
    if kind == "text":
        print(*to_read(study, by, planned), sep="\n")
        return
    if planned:
        note(printable(planned.answer))  # beside the data
    table = tidy(study)
    if kind == "csv" and sys.stdout.isatty():
        table = table.map(lambda value: printable(value) if isinstance(value, str) else value)
    sys.stdout.flush()
    sys.stdout.buffer.write(_encode(table, kind))


# -- plan --------------------------------------------------------------------------------------------------


def plan_command(options: argparse.Namespace) -> None:
    """Plan, and print the answer and the table of candidates."""
    scenario = inputs.scenario_of(options)
    vary = _vary(options.vary, scenario)
    catalogue = inputs.catalogue_of(options, [scenario])
    asked = inputs.arguments_of(options, "confidence", "indifference", "replications")
    asked |= _target(options) | _computation(options)
    inputs.note_rejected(catalogue)
    with warnings_noted("tv2sim.results"):
        found = plan(catalogue, options.strategy, scenario, vary=vary or None, **asked)
    with printing(in_vain=False):
        print(*_lines(found), sep="\n")


def _vary(given: list[tuple[str, list[Any]]], scenario: Scenario) -> dict[str, list[Any]]:
    """Return the values of each field; values of scenario fields are read as by their options."""
    vary = {}
    for name, values in given:
        if name in vary:
            raise InputError(f"--vary has {name} twice: write all its values in one list")
        if name in SCENARIO:
            values = [getattr(changed(scenario, {name: _of_option(name, value)}), name) for value in values]
        vary[name] = values
    return vary


def _of_option(name: str, value: object) -> Any:
    """Return a value of the scenario as its option reads it."""
    try:
        return SCENARIO[name].read(str(value))
    except ArgumentTypeError as error:
        raise InputError(f"--vary {name}: {error}") from None


def _lines(found: Plan) -> Iterator[str]:
    yield printable(found.answer)  # one line, which programs may read
    yield ""
    yield from fit_table([[printable(cell) for cell in row] for row in found.table()], left=1)
    if found.settings:
        yield ""
        says = ", ".join(f"{product} {setting}" for product, setting in found.settings.items())
        yield from wrap(f"as a setting: {says}")
