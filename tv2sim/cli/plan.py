"""``tv2sim plan``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from tv2sim.base.checks import MOST_WORKERS, a_whole_number
from tv2sim.base.dictionaries import changed
from tv2sim.base.errors import InputError
from tv2sim.cli.inputs import arguments_of, catalogue_of, note_rejected, prices_of, scenario_of, seed_of
from tv2sim.cli.options import SCENARIO
from tv2sim.cli.output import fitted, plain, printing, warnings_noted, wrapped
from tv2sim.experiments.planning import Plan, plan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from tv2sim.world.scenario import Scenario


def plan_command(options: argparse.Namespace) -> None:
    """Plan, and print the answer and what it rests on."""
    if options.workers is not None:
        a_whole_number("--workers", options.workers, at_least=1, at_most=MOST_WORKERS)
    scenario = scenario_of(options)
    vary = _vary(options.vary, scenario)
    catalogue = catalogue_of(options, [scenario])
    note_rejected(catalogue)
    with warnings_noted("tv2sim.results"):
        asked = arguments_of(
            options, "target", "failures_per_day", "confidence", "indifference", "replications", "control",
            "engine", "workers", "results", "startup_samples",
        )  # fmt: skip
        found = plan(
            catalogue,
            options.strategy,
            scenario,
            vary=vary or None,
            prices=prices_of(options),
            seed=seed_of(options),
            executor=options.dask,
            **asked,
        )
    with printing(in_vain=False):
        for line in _lines(found):
            print(line)


def _vary(given: list[tuple[str, list[Any]]], scenario: Scenario) -> dict[str, list[Any]]:
    """Return the values of each field, those of the scenario as its options take them."""
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
    yield plain(found.answer)  # one line, which programs may read
    yield ""
    yield from fitted([[plain(cell) for cell in row] for row in found.table()], left=1)
    if found.settings:
        yield ""
        says = ", ".join(f"{product} {setting}" for product, setting in found.settings.items())
        yield from wrapped(f"as a setting: {says}")
