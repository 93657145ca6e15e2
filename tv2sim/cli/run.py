"""``tv2sim run``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tv2sim.base.checks import MOST, a_whole_number, plural
from tv2sim.base.errors import InputError
from tv2sim.base.progress import watched
from tv2sim.base.random_numbers import as_replication
from tv2sim.base.storage import may_replace, whole_folder
from tv2sim.cli.inputs import catalogue_of, note_load, prices_of, scenario_of, seed_of, strategy_of
from tv2sim.cli.log import costs_line, data_of, end_of, head_of, json_line, line_of
from tv2sim.cli.output import note, printing
from tv2sim.cli.text_tables import run_by_group
from tv2sim.experiments.simulate import simulate
from tv2sim.results.event_kinds import log_of
from tv2sim.results.run import Run
from tv2sim.results.saving import is_saved_run, write_run


def run_command(options: argparse.Namespace) -> None:
    """Simulate, print and write as the options require, after all options and files are checked."""
    replications = _replications(options)
    runs = len(replications)
    strategy, scenario, prices = strategy_of(options), scenario_of(options), prices_of(options)
    seed = seed_of(options)
    if options.out is not None:
        may_replace(Path(options.out), options.force, _ours)
    catalogue = catalogue_of(options, [scenario])
    if options.by is not None:
        catalogue.groups(options.by)  # an unknown column is refused before the simulation
    note_load(catalogue, strategy, scenario)
    how = {"seed": seed, "progress": runs == 1, "engine": options.engine, "prices": prices}
    simulated = (
        simulate(catalogue, strategy, scenario, replication=replication, **how) for replication in replications
    )
    with ExitStack() as stack:
        draft = None
        if options.out is not None:
            draft = stack.enter_context(whole_folder(Path(options.out), force=options.force, ours=_ours))
        for run in watched(simulated, "run", wanted=runs > 1, total=runs):
            with printing(in_vain=draft is not None):
                _print(run, options.log, options.by)
            if draft is not None:
                folder = draft if runs == 1 else draft / f"replication-{run.replication}"
                folder.mkdir(exist_ok=True)
                write_run(run, folder, options.format)


def _replications(options: argparse.Namespace) -> Sequence[int]:
    """Return the replications of the options, after a check that the output suits their number."""
    runs = 1 if options.runs is None else a_whole_number("--runs", options.runs, at_least=1, at_most=MOST)
    if options.log == "json" and runs > 1:
        raise InputError(f"--log json is for one run, not {runs}: choose one with --replication")
    if options.log == "json" and options.by is not None:
        raise InputError("--by prints a table to read, --log json lines for programs: leave one of them out")
    return range(runs) if options.replication is None else [as_replication(options.replication)]


def _ours(folder: Path) -> bool:
    """Return whether a folder contains only what this command writes."""
    return is_saved_run(folder) or all(
        path.is_dir() and path.name.startswith("replication-") and is_saved_run(path)
        for path in folder.iterdir()
    )


def _print(run: Run, log: str | None, by: str | None) -> None:
    """Print the stats line of a run, after its log and the table of its groups if they are asked for."""
    own, entries = run.facts.videos["own"].tolist(), log_of(run.facts).entries() if log else ()
    if log == "json":
        write = sys.stdout.buffer.write
        write(json_line(head_of(run, run.catalogue)))
        for entry in entries:
            write(json_line(data_of(entry, own)))
        write(json_line(end_of(run)))
    else:
        titles = run.catalogue.titles
        for entry in entries:
            print(line_of(entry, titles, own))
        for line in run_by_group(run, by) if by is not None else ():
            print(line)
        if run.prices:
            print(costs_line(run))
        print(run.stats)
    if run.ending != "completed":
        left = plural(run.summary["unfinished"], "video")
        note(f"replication {run.replication} ended at {run.end:g} s, {left} unfinished: {run.ending}")
