"""The event log and its frame, as lines for people or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tv2sim.cli.text import plain
from tv2sim.events import words
from tv2sim.run import versions_here
from tv2sim.saved import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tv2sim.catalogue import Rejected, Video
    from tv2sim.events import LogEntry
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["data_of", "head_of", "json_line", "line_of"]


def line_of(entry: LogEntry, title: str, *, own: bool) -> str:
    """Return a line of the log for people; `own`: its video waits beside the queue."""
    shown = "" if entry.video is None else f"video {entry.video:<4} {plain(title)}"
    return f"{entry.time:10.3f}  {entry.event:<17}  {words(entry, own=own):<16}  {shown}".rstrip()


def data_of(entry: LogEntry, *, own: bool) -> dict[str, Any]:
    """Return a line of the log for programs."""
    return {**entry._asdict(), "own": True} if own and entry.event == "queued" else entry._asdict()


def json_line(value: Any) -> bytes:
    """Return a value as a line of JSON, with what a terminal would obey, or not show, escaped."""
    line = msgspec.json.encode(value)
    text = line.decode()
    if text.isprintable():
        return line + b"\n"
    return "".join(c if c.isprintable() else _escaped(c) for c in text).encode() + b"\n"


def _escaped(character: str) -> str:
    """Return a character as a JSON string has it in ASCII."""
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


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
        "format": FORMAT,
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
