"""``tv2sim engines``, ``verify`` and ``fit``."""

from __future__ import annotations

import shlex
from itertools import groupby
from typing import TYPE_CHECKING

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import InputError, printable
from tv2sim.cli.inputs import catalogue_of, note_rejected, scenario_of, seed_of
from tv2sim.cli.output import fitted, note, printing, say, wrapped
from tv2sim.engines.choice import engine_for, explained
from tv2sim.strategies import as_strategy
from tv2sim.theory.verification import Verification, verify
from tv2sim.world.fitting import HEAD, figures, fit
from tv2sim.world.measured_times import unit_question
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from tv2sim.catalogue import Catalogue


def engines_command(options: argparse.Namespace) -> None:
    """Say for each strategy which engine simulates it, which of the kernels, and why.

    Standard error says where compiled code is kept.
    """
    count = a_whole_number("--replications", options.replications, at_least=1, at_most=MOST)
    scenario = scenario_of(options)
    catalogue = catalogue_of(options, [scenario])
    strategies = [as_strategy(name) for name in options.strategies]
    compiles = False
    for strategy in strategies:
        engine = engine_for("auto", catalogue, strategy, scenario, count)
        kernel, reasons = explained(catalogue, strategy, scenario)
        why = "; ".join(reasons)
        able = f"can, by its {kernel}" + (f" (because of {why})" if why else "") if kernel else f"cannot: {why}"
        say(f"{strategy.name}: auto takes {engine}; the kernel {able}")
        compiles = compiles or bool(kernel)
    if compiles:
        from tv2sim.base.compiling import whereabouts  # which needs numba

        note(whereabouts())


def verify_command(options: argparse.Namespace) -> int:
    """Verify the engines, print the table and the answer, and return 1 if not all agrees."""
    found = verify(
        _catalogue(options),
        seed=seed_of(options),
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
        catalogue = catalogue_of(options, [Scenario()])
        note_rejected(catalogue)
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
    yield from fitted(cells, left=1)
    yield ""
    yield from wrapped(printable(found.answer))


def fit_command(options: argparse.Namespace) -> None:
    """Print the candidates, the best one, and the option that simulates with it."""
    found = fit(options.samples, seed=options.seed)
    if found.families:
        rows = [["", *HEAD], *([str(one), *figures(one)] for one in found.families)]
        print(*fitted(rows, left=1), "", sep="\n")
        for family, why in found.left_out.items():
            say(f"{family} is no candidate: {why}")
    for sentence in str(found).splitlines():
        say(sentence)
    if question := unit_question("start-up times", found.sample.equally_likely()):
        note(f"warning: {question}")
    file = options.samples if options.samples.lower().endswith(".csv") else "FILE.csv"
    print(f"--startup-time {shlex.quote(found.text or file)}")
