"""The event log and its frame, as lines for people or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tv2sim.cli.text import plain
from tv2sim.run import versions_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tv2sim.catalogue import Rejected, Video
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["head_of", "line_of"]


def line_of(time: float, event: str, video: int | None, resource: str | None, title: str) -> str:
    """Return a line of the log for people."""
    shown = "" if video is None else f"video {video:<4} {plain(title)}"
    return f"{time:10.3f}  {event:<17}  {resource or '':<16}  {shown}".rstrip()


def head_of(
    name: str,
    videos: Iterable[Video],
    rejected: Iterable[Rejected],
    scenario: Scenario,
    strategy: Strategy,
    seed: int,
    replication: int,
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what the first line of the log in JSON holds: everything that went in."""
    return {
        "versions": versions_here() if versions is None else dict(versions),
        "catalogue": {
            "name": name,
            "videos": list(videos),
            "rejected": [line._asdict() for line in rejected],
        },
        "scenario": scenario.to_dict(),
        "strategy": strategy.to_dict(),
        "seed": seed,
        "replication": replication,
    }
