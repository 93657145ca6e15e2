"""``tv2sim run``, ``engines``, ``verify`` and ``fit``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import InputError, printable
from tv2sim.base.progress import with_bar
from tv2sim.base.random_numbers import as_replication
from tv2sim.base.storage import may_replace, whole_folder
from tv2sim.cli import inputs
from tv2sim.cli.log import costs_line, data_of, end_of, head_of, json_line, line_of, unfinished_line
from tv2sim.cli.output import fit_table, note, printing, say, wrap
from tv2sim.cli.text_tables import run_by_group
from tv2sim.engines.choice import compiles_at_all, engines_for, explained
from tv2sim.experiments.simulate import simulate
from tv2sim.results.event_kinds import log_of
from tv2sim.results.run import Run
from tv2sim.results.saving import is_saved_run, write_run
from tv2sim.strategies import as_strategy
from tv2sim.theory.verification import Verification, verify
from tv2sim.world.fitting import HEAD, figures, fit
from tv2sim.world.measured_times import unit_question
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue

# -- ``tv2sim run`` -----------------------------------------------------------------------------------------


def run_command(options: argparse.Namespace) -> None:
    """Simulate, print and write as the options require, after all options and files are checked."""
    replications = _replications(options)
    runs = len(replications)
    strategy, scenario, prices = (
        inputs.strategy_of(options),
        inputs.scenario_of(options),
        inputs.prices_of(options),
    )
    seed = inputs.seed_of(options)
    if options.out is not None:
        may_replace(Path(options.out), options.force, _ours)
    catalogue = inputs.catalogue_of(options, [scenario])
    if options.by is not None:
        catalogue.groups(options.by)  # an unknown column is refused before the simulation
    inputs.note_load(catalogue, strategy, scenario)
    how = {"seed": seed, "progress": runs == 1, "engine": options.engine, "prices": prices}
    simulated = (
        simulate(catalogue, strategy, scenario, replication=replication, **how) for replication in replications
    )
    with ExitStack() as stack:
        draft = None
        if options.out is not None:
            draft = stack.enter_context(whole_folder(Path(options.out), force=options.force, ours=_ours))
        for run in with_bar(simulated, "run", wanted=runs > 1, total=runs):
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
        note(f"replication {run.replication} ended at {run.end:g} s, {unfinished_line(run)}")


def engines_command(options: argparse.Namespace) -> None:
    """Compile all kernels, if asked to; say for each strategy which engine simulates it, which kernel, and why.

    Standard error says where compiled code is kept.
    """
    if options.compile:
        _compile()
    if options.catalogue is not None:
        _explain(options)
    elif not options.compile:
        raise InputError("name the CATALOGUE that is simulated, or --compile")


def _compile() -> None:
    """Compile what is not on disk, and say how long each part took."""
    if not compiles_at_all():
        raise InputError("there is nothing to compile without numba: pip install 'tv2sim[fast]'")
    from tv2sim.base.compiling import whereabouts  # which needs numba
    from tv2sim.engines.kernel import compile_all

    note(whereabouts())
    for part, seconds in compile_all():
        say(f"{part}: compiled in {seconds:.1f} s" if seconds else f"{part}: compiled before")


def _explain(options: argparse.Namespace) -> None:
    """Say for each strategy which engine simulates it, and why."""
    count = a_whole_number("--replications", options.replications, at_least=1, at_most=MOST)
    scenario = inputs.scenario_of(options)
    catalogue = inputs.catalogue_of(options, [scenario])
    strategies = [as_strategy(name) for name in options.strategies]
    engines = engines_for("auto", [(catalogue, strategy, scenario) for strategy in strategies], count)
    compiles = False
    for strategy, engine in zip(strategies, engines, strict=True):
        kernel, reasons = explained(catalogue, strategy, scenario)
        why = "; ".join(reasons)
        able = f"can, by its {kernel}" + (f" (because of {why})" if why else "") if kernel else f"cannot: {why}"
        say(f"{strategy.name}: auto takes {engine}; the kernel {able}")
        compiles = compiles or bool(kernel)
    if compiles and not options.compile:
        from tv2sim.base.compiling import whereabouts  # which needs numba

        note(whereabouts())


def verify_command(options: argparse.Namespace) -> int:
    """Verify the engines, print the table and the answer, and return 1 if not all agrees."""
    found = verify(
        _catalogue(options),
        seed=inputs.seed_of(options),
        replications=options.replications,
        confidence=options.confidence,
        engine=options.engine,
    )
    with printing(in_vain=False):
        for line in _lines(found):
            print(line)
    return 0 if found.agrees else 1


def _catalogue(options: argparse.Namespace) -> Catalogue | None:
    if options.catalogue is not None:
        catalogue = inputs.catalogue_of(options, [Scenario()])
        inputs.note_rejected(catalogue)
        return catalogue
    if options.columns is not None:
        raise InputError("--columns is for the videos of a CATALOGUE: name one, or leave it out")
    return None


def _lines(found: Verification) -> Iterator[str]:
    """Yield the table, in which each case of a formula has a line of its own, and the answer."""
    head, *rows = found.in_words()
    cells: list[list[str] | str] = [head[2:]]
    for (case, formula), several in groupby(rows, key=lambda row: row[:2]):
        cells += [f"{formula}: {case}", *([f"  {row[2]}", *row[3:]] for row in several)]
    yield from fit_table(cells, left=1)
    yield ""
    yield from wrap(printable(found.answer))


def fit_command(options: argparse.Namespace) -> None:
    """Print the candidates, the best one, and the option that simulates with it."""
    found = fit(options.samples, seed=options.seed)
    if found.families:
        rows = [["", *HEAD], *([str(one), *figures(one)] for one in found.families)]
        print(*fit_table(rows, left=1), "", sep="\n")
        for family, why in found.left_out.items():
            say(f"{family} is no candidate: {why}")
    for sentence in str(found).splitlines():
        say(sentence)
    if question := unit_question("start-up times", found.sample.equally_likely()):
        note(f"warning: {question}")
    file = options.samples if options.samples.lower().endswith(".csv") else "FILE.csv"
    print(f"--startup-time {shlex.quote(found.text or file)}")
