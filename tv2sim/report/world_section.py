"""What the scenarios of a report add to the system that the report describes, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.base.digits import listed
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tv2sim.catalogue import Catalogue
    from tv2sim.world.scenario import Scenario

__all__ = ["added"]

_PUBLISHING = "Publishing takes time, for which a publisher is busy."
_ADDED: dict[str, Callable[[Scenario], object]] = {
    "There is no encoding stage: a video is encoded when it arrives, and its timeout counts from then.": (
        lambda scenario: scenario.encoders is None
    ),
    "Videos arrive at random.": lambda scenario: scenario.arrivals != "even",
    "The rate of requests changes over time.": (
        lambda scenario: isinstance(scenario.requests_per_second, Profile)
    ),
    "If no encoder is free, a video is refused and offered again later; meanwhile the client goes on.": (
        lambda scenario: scenario.refuses
    ),
    "After its last offer, a video is refused for good, and is not in time.": (
        lambda scenario: scenario.most_offers
    ),
    "Encoders differ in speed.": lambda scenario: isinstance(scenario.encoders, tuple),
    "Encoding takes longer or shorter than the catalogue says, and no strategy knows it beforehand.": (
        lambda scenario: scenario.encoding_factor is not None
    ),
    "Encoders die and are repaired; a video that loses its encoder starts over, while its timeout goes on.": (
        lambda scenario: scenario.encoders_die
    ),
    "Between encoders and publishers, a broker delivers the videos; a delivery may come late, or twice.": (
        lambda scenario: scenario.broker
    ),
    _PUBLISHING: lambda scenario: scenario.publishing_time != 0,
    "A video is in time if a publisher takes it no later than its timeout, however long publishing takes.": (
        lambda scenario: scenario.deadline == "assigned"
    ),
    "A publisher starts some time after it is ordered.": lambda scenario: scenario.provisioning_delay,
    "The number of publishers at a time is limited; other starts wait until one has ended.": (
        lambda scenario: scenario.max_publishers
    ),
    "Start-ups may fail.": lambda scenario: scenario.faults.startup,
    "A ready publisher dies if it waits too long for a video.": (
        lambda scenario: scenario.faults.ready_lifetime is not None
    ),
    "Publishing may fail; the video then waits for another publisher, at its old place.": (
        lambda scenario: scenario.faults.publishing
    ),
    "After its last attempt, a video has failed without being published.": (
        lambda scenario: scenario.faults.publishing and scenario.faults.attempts
    ),
    "A publisher that has failed is replaced when that is noticed.": (
        lambda scenario: scenario.faults.of_publishers
    ),
}
"""What a scenario may add, and whether it does."""
_BY_CATALOGUE: dict[str, Callable[[Catalogue], object]] = {
    _PUBLISHING: lambda catalogue: catalogue.publishing_time is not None,
}
"""What a catalogue may add as well."""


def added(scenarios: Mapping[str, Scenario], catalogues: Mapping[str, Catalogue]) -> list[str]:
    """Return what scenarios and catalogues add, with the names of those that do it unless all of them do.

    Examples
    --------
    >>> from tv2sim import Faults, Scenario
    >>> added({"usual": Scenario()}, {})
    []
    >>> added({"usual": Scenario(max_publishers=5), "failing": Scenario(faults=Faults(startup=0.1))}, {})[1:]
    ['failing: Start-ups may fail.', 'failing: A publisher that has failed is replaced when that is noticed.']
    """
    found = []
    for sentence, has in _ADDED.items():
        names = [name for name, scenario in scenarios.items() if has(scenario)]
        too = _BY_CATALOGUE.get(sentence)
        by = [name for name, catalogue in catalogues.items() if too and too(catalogue)]
        if names or by:
            everywhere = len(names) == len(scenarios) or 0 < len(by) == len(catalogues)
            found.append(sentence if everywhere else f"{listed([*names, *by])}: {sentence}")
    return found
