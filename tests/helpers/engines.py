"""The engines, called as the executable specification is, with a result of the same form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tv2sim as tv
from tests.engines.test_reference import rows_of, strategy_of
from tests.helpers.specification import Broker, Clip, Faults, Outcome, Profile, RetryLater, Rule, World
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.choice import why_not_compiled
from tv2sim.results.event_kinds import log_of

__all__ = ["compiled", "simpy"]

KINDS: dict[type, Any] = {Faults: tv.Faults, Profile: tv.Profile, RetryLater: tv.RetryLater, Broker: tv.Broker}
"""The library's class for each of the specification's."""


def simpy(clips: Sequence[Clip], rule: Rule | tv.Strategy, world: World, seed: int) -> Outcome:
    """Run the SimPy model."""
    return _run(clips, rule, world, seed, "simpy")


def compiled(clips: Sequence[Clip], rule: Rule, world: World, seed: int) -> Outcome:
    """Run the compiled engine; the SimPy model, if that does not know the world or numba is not installed."""
    missing = why_not_compiled(strategy_of(rule), scenario_of(world))
    return _run(clips, rule, world, seed, "simpy" if missing else "kernel")


def _run(clips: Sequence[Clip], rule: Rule | tv.Strategy, world: World, seed: int, engine: Any) -> Outcome:
    strategy = strategy_of(rule) if isinstance(rule, Rule) else rule
    run = tv.simulate(catalogue_of(clips), strategy, scenario_of(world), seed=seed, engine=engine)
    settled = run.facts.videos["settled"] / PER_SECOND
    tables = run.videos.assign(settled=settled), run.publishers, run.attempts
    log: list[Any] = list(log_of(run.facts).entries())
    videos, publishers, attempts = map(rows_of, tables)
    return Outcome(videos, publishers, attempts, log, run.end, run.ending, run.facts.quota_waits)


def catalogue_of(clips: Sequence[Clip]) -> tv.Catalogue:
    """Return the clips as a catalogue; where the encoding time does not matter, it is 0."""
    records = []
    for row, clip in enumerate(clips):
        record: dict[str, Any] = {"id": f"v{row}", "title": "T", "provider": "P"}
        record |= {"encodingTime": clip.encoding_time or 0, "publicationTimeout": clip.publication_timeout}
        optional = {
            "submittedAt": clip.submitted_at,
            "publishingTime": clip.publishing_time,
            "priority": clip.priority,
        }
        records.append(record | {name: value for name, value in optional.items() if value is not None})
    return tv.read_catalogue(records)


def scenario_of(world: World) -> tv.Scenario:
    """Return the library's scenario."""
    return tv.Scenario(**{name: _in_library(value) for name, value in world.changes().items()})


def _in_library(value: Any) -> Any:
    return KINDS[type(value)](**vars(value)) if type(value) in KINDS else value
