"""Scenario, strategy, seed and port as the options give them; some are else taken from the environment."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Container, Iterable, Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import plural
from tv2sim.base.dictionaries import changed, read_tables
from tv2sim.base.errors import InputError, printable
from tv2sim.base.random_numbers import as_seed
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.catalogue.columns import FIELDS, STARTUP_TIME
from tv2sim.cli.options import SCENARIO
from tv2sim.cli.output import note
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.world.measured_times import unit_question
from tv2sim.world.prices import Prices
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def arguments_of(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the values of options that are arguments of the same name."""
    return {name: getattr(options, name) for name in names}


def fields_of(options: argparse.Namespace, *, several: bool = False) -> dict[str, Any]:
    """Return the fields of the scenario that options give, as they are written.

    The environment's ENCODERS counts as given if no file says how many. With `several`, there are several
    files, and each value is a list.

    Raises
    ------
    InputError
        If a file cannot be read, or the environment's value is not a positive whole number.
    """
    given = vars(options).copy()
    files = [options.scenario] if isinstance(options.scenario, str) else options.scenario or []
    said = "encoders" in given or any("encoders" in read_tables(Path(path), "scenario") for path in files)
    if not said and (text := os.environ.get("ENCODERS")) is not None:
        number = _whole(text, 1, inf, "the environment variable ENCODERS must be a positive whole number")
        given["encoders"] = [number] if several else number
    return {name: given[name] for name in SCENARIO if name in given}


def catalogue_of(
    options: argparse.Namespace, scenarios: Iterable[Scenario], path: str | None = None
) -> Catalogue:
    """Return the catalogue of the options, or of a path if there are several.

    Where no scenario has encoders it is sorted by submission, and this is noted if it changes the order.
    """
    catalogue = read_catalogue(options.catalogue if path is None else path, columns=options.columns)
    if any(scenario.encoders is not None for scenario in scenarios):
        return catalogue
    ordered = catalogue.by_submission()
    if ordered.ids != catalogue.ids:
        note(f"{printable(catalogue.name)}: sorted by submittedAt, since videos arrive in this order")
    return ordered


def scenario_of(options: argparse.Namespace) -> Scenario:
    """Return the scenario of the options."""
    base = Scenario() if options.scenario is None else Scenario.from_file(options.scenario)
    return changed(base, fields_of(options))


def strategy_of(options: argparse.Namespace) -> Strategy:
    """Return the strategy of the options."""
    strategy = as_strategy(getattr(options, "strategy", "2c"))
    return strategy.replace(prewarmed=options.prewarmed) if hasattr(options, "prewarmed") else strategy


def prices_of(options: argparse.Namespace) -> Prices | None:
    """Return the prices of the options, or None.

    Raises
    ------
    InputError
        If there is no such price, or a value is impossible.
    """
    try:
        return None if options.prices is None else Prices(**options.prices)
    except InputError as error:
        raise InputError(f"--prices: {error}") from error


def seed_of(options: argparse.Namespace) -> int:
    """Return the seed of the options; a seed that is drawn is noted."""
    given = getattr(options, "seed", 1)
    seed = as_seed(given)
    if given is None:
        note(f"drawn: --seed {seed}")
    return seed


def port_of(options: argparse.Namespace) -> int | None:
    """Return the port to serve at: by the option, else by PORT, else 8080; None serves nothing.

    Raises
    ------
    InputError
        If it is not the number of a port.
    """
    if options.port is None:
        text, what = os.environ.get("PORT", "8080"), "the environment variable PORT must be"
    elif options.port.lower() == "none":
        return None
    else:
        text, what = options.port, "--port must be none or"
    return _whole(text, 0, 65535, f"{what} a whole number from 0 (any free port) to 65535")


def keep_running(options: argparse.Namespace) -> bool:
    """Return whether to serve after the end: by the option, else by KEEP_RUNNING, else no.

    Raises
    ------
    InputError
        If the environment's value is neither yes nor no.
    """
    if options.keep_running is not None:
        return bool(options.keep_running)
    text = os.environ.get("KEEP_RUNNING", "")
    answer = {"yes": True, "true": True, "no": False, "false": False, "": False}.get(text.strip().lower())
    if answer is None:
        rule = "the environment variable KEEP_RUNNING must be yes or true, or no or false"
        raise InputError(f"{rule}, not {text!r}")
    return answer


def _whole(text: str, least: int, most: float, rule: str) -> int:
    if not re.fullmatch(r"\s*[0-9]{1,30}\s*", text) or not least <= int(text) <= most:
        raise InputError(f"{rule}, not {text!r}")
    return int(text)


def note_units(numbers: Mapping[str, NDArray[np.float64]], constants: Container[str]) -> None:
    """Ask about times that look like milliseconds, except constants of the mapping."""
    names = ("encoding_time", "publishing_time", "publication_timeout", STARTUP_TIME)
    for name in names:
        if name in numbers and FIELDS[name] not in constants:
            what = "start-up times" if name == STARTUP_TIME else f"{name.replace('_', ' ')}s"
            if question := unit_question(what, numbers[name]):
                note(f"warning: {question}")


def note_rejected(catalogue: Catalogue, name: str = "") -> None:
    """Note how many lines were rejected, and the first of them."""
    if catalogue.rejected:
        first, lines = catalogue.rejected[0], plural(len(catalogue.rejected), "line")
        why = f"the first, line {first.line}, because {first.reason} (tv2sim check lists them)"
        note(printable(f"{name}{lines} rejected, {why}"))


def note_never_encoded(catalogue: Catalogue, scenario: Scenario, name: str = "") -> None:
    """Warn of videos that no encoder lives long enough to encode; `name` is put before the sentence."""
    never = scenario.explain(catalogue).never_encoded
    if never is not None:
        note(printable(f"warning: {name}{never}"))


def note_load(catalogue: Catalogue, strategy: Strategy, scenario: Scenario) -> None:
    """Warn of rejected lines, an unused pool, and a load beyond the capacity."""
    note_rejected(catalogue)
    strategy = strategy.sized(catalogue, scenario)
    if strategy.dedicated and strategy.prewarmed:
        own = f"strategy {strategy.name} gives each video its own publisher"
        note(f"warning: {own}: those prewarmed are never used")
    is_pool = strategy.keeps_its_size and not strategy.starts_for_videos
    pool = strategy.prewarmed if is_pool else None
    note_never_encoded(catalogue, scenario)
    for warning in scenario.explain(catalogue, prewarmed=pool).warnings:
        # a few videos never fill the encoders, however long they take
        if warning.of != "encoders" or len(catalogue) > scenario.encoder_count:
            note(f"warning: {warning}")
