"""``tv2sim compare``."""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.cli.environment import encoders
from tv2sim.cli.tables import tidy, to_read
from tv2sim.cli.text import note, plain, printing
from tv2sim.cli.values import SCENARIO
from tv2sim.draws import as_seed
from tv2sim.errors import InputError
from tv2sim.experiment import Comparison, compare
from tv2sim.metrics import as_metrics
from tv2sim.scenario import Scenario
from tv2sim.statistics import Precision
from tv2sim.storage import records, resolved, whole_file, write_table
from tv2sim.strategies import as_strategy
from tv2sim.validation import MOST, a_whole_number, plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    import pandas as pd


def main(options: argparse.Namespace) -> None:
    """Simulate, print and write as the options say; whatever can be wrong is found before that."""
    given = _given(options)
    call = _call(options, given)
    catalogues = _catalogues(options.catalogue)
    kind = options.format or ("csv" if options.out is not None else "text")
    if kind == "parquet" and options.out is None:
        raise InputError("--format parquet is for a file: name it with --out")
    command = _command(options, given, call["seed"])
    with ExitStack() as files:
        # the files are begun before the simulation, so that what cannot be written is known now
        report = _begun(files, options.report, options, ours=_is_report)
        out = _begun(files, options.out, options, ours=lambda _: False)
        if kind == "parquet" and out is not None:
            _try_parquet(out)
        if options.seed is None:
            note(f"drawn: --seed {call['seed']}")
        _notes(catalogues)
        study = compare(catalogues, **call)
        if report is not None:
            from tv2sim.report.build import build_report

            page = build_report(study, command=command)
            report.write_text(page, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
        if out is not None:
            _write(tidy(study), out, kind)
    if study.stopped is not None:
        note(str(study.stopped))
    with printing(in_vain=False):
        _print(study, kind if options.out is None else "text")


# -- what is asked for -------------------------------------------------------------------------------------


def _given(options: argparse.Namespace) -> dict[str, list[Any]]:
    """Return the values of the scenario that were given, each a list."""
    given = {name: getattr(options, name, None) for name in SCENARIO}
    if given["encoders"] is None and (number := encoders(options)) is not None:
        given["encoders"] = [number]
    return {name: values for name, values in given.items() if values is not None}


def _call(options: argparse.Namespace, given: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the arguments of the comparison, checked."""
    grid = any(len(values) > 1 for values in given.values())
    for name, values in given.items():
        for value in values:
            Scenario(**{name: value})
    a_whole_number("--replications", options.replications, at_least=1, at_most=MOST)
    if options.workers is not None:
        a_whole_number("--workers", options.workers, at_least=1)
    strategies = [as_strategy(name) for name in options.strategies]
    if options.baseline is not None and options.baseline not in options.strategies:
        raise InputError(
            f"--baseline must be one of the strategies, {', '.join(options.strategies)}, not "
            f"{options.baseline!r}"
        )
    precision = None
    if options.precision is not None:
        metric, kind, width = options.precision
        (metric,) = as_metrics(metric)
        precision = Precision(metric, **{kind: width})
    return {
        "strategies": strategies,
        "scenario": dict(given) if grid else Scenario(**{name: values[0] for name, values in given.items()}),
        "replications": options.replications,
        "seed": as_seed(options.seed),
        "baseline": options.baseline,
        "precision": precision,
        "workers": options.workers,
    }


def _catalogues(paths: list[str]) -> dict[str, Catalogue]:
    """Read the catalogues and name each by its file, with as many folders as it takes to tell them apart."""
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"the catalogue {path!r} is given twice")
    found: dict[str, Catalogue] = {}
    for path in paths:
        found[path] = read_catalogue(path)
    return {_name(path, paths): catalogue for path, catalogue in found.items()}


def _notes(catalogues: Mapping[str, Catalogue]) -> None:
    for name, catalogue in catalogues.items():
        if catalogue.rejected:
            first = catalogue.rejected[0]
            note(
                f"{plain(name)}: {plural(len(catalogue.rejected), 'line')} rejected, the first, "
                f"line {first.line}, because {plain(first.reason)} (tv2sim check lists them)"
            )


def _name(path: str, paths: list[str]) -> str:
    """Return as much of the end of a path as tells it from the others."""
    if path == "-":
        return "standard input"
    parts = Path(path).parts
    others = [Path(other).parts for other in paths if other != path]
    count = next(
        (n for n in range(1, len(parts)) if all(parts[-n:] != other[-n:] for other in others)), len(parts)
    )
    return "/".join(parts[-count:])


def _command(options: argparse.Namespace, given: Mapping[str, list[Any]], seed: int) -> str:
    """Return the command for the reader to repeat, every choice explicit."""
    words = ["tv2sim", "compare", *options.catalogue]
    words += [
        "--strategies",
        ",".join(options.strategies),
        "--baseline",
        options.baseline or options.strategies[0],
    ]
    words += ["--replications", str(options.replications)]
    if options.precision is not None:
        metric, kind, width = options.precision
        words += ["--precision", f"{metric}={100 * width:g}%" if kind == "relative" else f"{metric}={width:g}"]
    for name, values in given.items():
        words += [SCENARIO[name], ",".join("none" if value is None else _text(value) for value in values)]
    return shlex.join([*words, "--seed", str(seed)])


def _text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


# -- what comes out ----------------------------------------------------------------------------------------


def _begun(
    files: ExitStack, name: str | None, options: argparse.Namespace, *, ours: Callable[[Path], bool]
) -> Path | None:
    """Begin a file, which takes its place when all is done, and return where to write it.

    `ours` says of an existing file whether it is replaced even without --force.
    """
    if name is None:
        return None
    path = Path(name)
    inputs = [*options.catalogue, *([options.report] if name == options.out and options.report else [])]
    if any(resolved(path) == resolved(Path(other)) for other in inputs if other != "-"):
        raise InputError(f"{name!r} is already used, as catalogue or report: choose another name")
    return files.enter_context(whole_file(path, force=options.force, ours=ours))


def _is_report(path: Path) -> bool:
    """Say whether there is an earlier report, which the next one may replace."""
    try:
        with path.open("rb") as stream:
            start = stream.read(4096)
    except OSError:
        return False
    return start.startswith(b"<!DOCTYPE html>") and b"tv2sim" in start


def _try_parquet(draft: Path) -> None:
    import pandas as pd

    write_table(pd.DataFrame({"mean": [0.0]}), draft, "parquet")


def _write(table: pd.DataFrame, path: Path, kind: str) -> None:
    if kind == "parquet":
        write_table(table, path, "parquet")
    else:
        path.write_bytes(_encoded(table, kind))


def _encoded(table: pd.DataFrame, kind: str) -> bytes:
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(list(records(table))), indent=2) + b"\n"
    text = io.StringIO(newline="")
    table.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue().encode("utf-8", errors="backslashreplace")


def _print(study: Comparison, kind: str) -> None:
    if kind == "text":
        for line in to_read(study):
            print(line)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(_encoded(tidy(study), kind))
