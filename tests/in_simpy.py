"""What the executable specification is given, as the library takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tv2sim as tv
from tests.reference import Clip, Faults, Profile, World

__all__ = ["KINDS", "catalogue_of", "scenario_of"]

KINDS: dict[type, Any] = {Faults: tv.Faults, Profile: tv.Profile}
"""The library's class for each of the specification's."""


def catalogue_of(clips: Sequence[Clip]) -> tv.Catalogue:
    """Return the clips as a catalogue; where the encoding time does not matter, it is 0."""
    records = []
    for row, clip in enumerate(clips):
        record: dict[str, Any] = {"id": f"v{row}", "title": "T", "provider": "P"}
        record |= {"encodingTime": clip.encoding_time or 0, "publicationTimeout": clip.publication_timeout}
        optional = {"submittedAt": clip.submitted_at, "publishingTime": clip.publishing_time}
        records.append(record | {name: value for name, value in optional.items() if value is not None})
    return tv.read_catalogue(records)


def scenario_of(world: World) -> tv.Scenario:
    """Return the library's scenario."""
    return tv.Scenario(**{name: _in_library(value) for name, value in world.changes().items()})


def _in_library(value: Any) -> Any:
    return KINDS[type(value)](**vars(value)) if type(value) in KINDS else value
