"""``tv2sim verify``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tv2sim.base.errors import InputError
from tv2sim.cli.inputs import catalogue_of, note_rejected, seed_of
from tv2sim.cli.text import fitted, plain, printing, wrapped
from tv2sim.theory.verification import Verification, verify
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from tv2sim.catalogue import Catalogue


def main(options: argparse.Namespace) -> int:
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
    yield from wrapped(plain(found.answer))
