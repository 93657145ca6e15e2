"""``tv2sim run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tv2sim.catalogue import read_catalogue
from tv2sim.cli.environment import encoders
from tv2sim.cli.log import data_of, head_of, json_line, line_of
from tv2sim.cli.text import note, printing
from tv2sim.draws import as_replication, as_seed
from tv2sim.errors import InputError
from tv2sim.events import log_of
from tv2sim.progress import watched
from tv2sim.run import Run, simulate
from tv2sim.saved import is_saved_run, write_run
from tv2sim.scenario import Scenario
from tv2sim.storage import may_replace, whole_folder
from tv2sim.strategies import as_strategy
from tv2sim.validation import MOST, a_whole_number, plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from tv2sim.catalogue import Catalogue
    from tv2sim.events import LogEntry
    from tv2sim.strategies import Strategy

_SCENARIO = ("requests_per_second", "startup_time", "publishing_time", "until")


def main(options: argparse.Namespace) -> None:
    """Simulate, print and write as the options say; whatever can be wrong is found before that."""
    runs = 1 if options.runs is None else options.runs
    a_whole_number("--runs", runs, at_least=1, at_most=MOST)
    if options.log == "json" and runs > 1:
        raise InputError(f"--log json is for one run, not {runs}: choose one with --replication")
    strategy = as_strategy(options.strategy)
    if options.prewarmed is not None:
        strategy = strategy.replace(prewarmed=options.prewarmed)
    scenario = scenario_of(options)
    replications = range(runs) if options.replication is None else [as_replication(options.replication)]
    seed = as_seed(options.seed)
    if options.seed is None:
        note(f"drawn: --seed {seed}")
    out = Path(options.out) if options.out is not None else None
    if out is not None:
        may_replace(out, options.force, _ours)
    catalogue = read_catalogue(options.catalogue)
    notes(catalogue, strategy, scenario)
    simulated = (
        simulate(catalogue, strategy, scenario, seed=seed, replication=r, progress=runs == 1)
        for r in replications
    )
    if out is None:
        for run in watched(simulated, "run", wanted=runs > 1, total=runs):
            with printing(in_vain=False):
                _print(run, options.log)
    else:
        with whole_folder(out, force=options.force, ours=_ours) as draft:
            for run in watched(simulated, "run", wanted=runs > 1, total=runs):
                with printing(in_vain=True):
                    _print(run, options.log)
                folder = draft if runs == 1 else draft / f"replication-{run.replication}"
                folder.mkdir(exist_ok=True)
                write_run(run, folder, options.format)


def scenario_of(options: argparse.Namespace) -> Scenario:
    """Return the scenario that the options describe."""
    given: dict[str, Any] = {"encoders": encoders(options)}
    given |= {name: getattr(options, name, None) for name in _SCENARIO}
    given = {name: value for name, value in given.items() if value is not None}
    if hasattr(options, "publishing_queue_capacity"):
        given["publishing_queue_capacity"] = options.publishing_queue_capacity
    return Scenario(**given)


def _ours(folder: Path) -> bool:
    """Say whether a folder holds what this command wrote, and nothing else."""
    return is_saved_run(folder) or all(
        path.is_dir() and path.name.startswith("replication-") and is_saved_run(path)
        for path in folder.iterdir()
    )


def notes(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> None:
    """Say what of the input deserves a look."""
    if catalogue.rejected:
        first = catalogue.rejected[0]
        note(
            f"{plural(len(catalogue.rejected), 'line')} rejected, the first, line {first.line}, because "
            f"{first.reason} (tv2sim check lists them)"
        )
    if strategy.dedicated and strategy.prewarmed:
        note(
            f"warning: strategy {strategy.name} gives each video its own publisher: "
            f"those prewarmed are never used"
        )
    pool = strategy.prewarmed if strategy.starts_on is None else None
    for warning in scenario.explain(catalogue, prewarmed=pool).warnings:
        # a handful of videos never fills the encoders, whatever their mean
        if warning.of != "encoders" or len(catalogue) > scenario.encoders:
            note(f"warning: {warning}")


def _print(run: Run, log: str | None) -> None:
    if log == "json":
        _print_json(run)
    else:
        if log == "text":
            for line in _log_lines(run):
                print(line)
        print(run.stats)
    if run.ending != "completed":
        left = plural(run.summary["unfinished"], "video")
        note(f"replication {run.replication} ended at {run.end:g} s, {left} unfinished: {run.ending}")


def _log_lines(run: Run) -> Iterator[str]:
    titles = run.catalogue.titles
    for entry, own in _log(run):
        yield line_of(entry, "" if entry.video is None else titles[entry.video], own=own)


def _log(run: Run) -> Iterator[tuple[LogEntry, bool]]:
    """Yield each entry, and whether its video has a publisher of its own."""
    own = run.facts.videos["own"].tolist()
    for entry in log_of(run.facts).entries():
        yield entry, entry.video is not None and bool(own[entry.video])


def _print_json(run: Run) -> None:
    """Print what went in, the events, and the stats, each as one line of JSON."""
    stream = sys.stdout.buffer
    catalogue = run.catalogue
    head = head_of(
        catalogue.name,
        catalogue,
        catalogue.rejected,
        run.scenario,
        run.strategy,
        run.seed,
        run.replication,
        run.versions,
    )
    stream.write(json_line(head))
    for entry, own in _log(run):
        stream.write(json_line(data_of(entry, own=own)))
    stream.write(json_line({"stats": run.stats, "end": run.end, "ending": run.ending}))
