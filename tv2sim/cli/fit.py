"""``tv2sim fit``."""

from __future__ import annotations

import argparse
import shlex

from tv2sim.cli.text import fitted, say
from tv2sim.fitting import HEAD, figures, fit


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
    file = options.samples if options.samples.lower().endswith(".csv") else "FILE.csv"
    print(f"--startup-time {shlex.quote(found.text or file)}")
