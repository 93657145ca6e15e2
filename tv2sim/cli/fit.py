"""``tv2sim fit``."""

from __future__ import annotations

import argparse
import shlex

from tv2sim.cli.text import fitted, note, say
from tv2sim.world.fitting import HEAD, figures, fit
from tv2sim.world.measured_times import unit_question


def main(options: argparse.Namespace) -> None:
    """Print the candidates, what is best, and how to simulate with it."""
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
