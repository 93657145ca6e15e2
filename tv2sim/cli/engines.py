"""``tv2sim engines``."""

from __future__ import annotations

import argparse

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.cli.inputs import catalogue_of, scenario_of
from tv2sim.cli.text import note, say
from tv2sim.engines.choice import engine_for, explained
from tv2sim.strategies import as_strategy


def main(options: argparse.Namespace) -> None:
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
        from tv2sim.base.compiling import whereabouts

        note(whereabouts())
