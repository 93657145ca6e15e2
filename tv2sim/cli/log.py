"""The event log as lines for people or for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tv2sim.base.checks import plural
from tv2sim.base.errors import printable
from tv2sim.results.event_kinds import LogEntry, words
from tv2sim.results.facts import ATTEMPTS, VIDEO_OUTCOMES
from tv2sim.results.run import Run, versions_here
from tv2sim.results.saving import FORMAT

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue
    from tv2sim.realtime.player import Player


def line_of(entry: LogEntry, titles: Sequence[str], own: Sequence[int]) -> str:
    """Return an entry of the log as a line for people.

    `titles` and `own` are by video: its title, and 1 if it waits for its own publisher beside the queue.
    """
    shown, waits_beside = "", False
    if entry.video is not None:
        shown, waits_beside = f"video {entry.video:<4} {printable(titles[entry.video])}", bool(own[entry.video])
    text = words(entry, own=waits_beside)
    return f"{entry.time:10.3f}  {entry.event:<17}  {text:<16}  {shown}".rstrip()


def data_of(entry: LogEntry, own: Sequence[int]) -> dict[str, Any]:
    """Return an entry of the log as data for programs; `own` as in :func:`line_of`."""
    waits_beside = entry.event == "queued" and entry.video is not None and own[entry.video]
    return entry._asdict() | ({"own": True} if waits_beside else {})


def end_of(run: Run) -> dict[str, Any]:
    """Return the data of the last line of a log in JSON: the counters, and how it ended."""
    waits = run.facts.quota_waits
    how = {"stats": run.stats, "end": run.end, "ending": run.ending}
    how |= {"quota_waits": waits} if waits else {}
    return how | ({"costs": run.costs} if run.prices else {})


def costs_line(run: Run) -> str:
    """Return the costs of a run as a line for people, in the form of the stats line."""
    return "costs: " + " ".join(f"{name}={cost:.10g}" for name, cost in run.costs.items())


def unfinished_line(run: Run) -> str:
    """Say why a run ended before all videos had an outcome, where these are, and what may help."""
    videos, attempts = run.facts.videos, run.facts.attempts
    offered, begun, encoded, taken = (
        ~np.isnan(videos[name]) for name in ("offered", "encoding_started", "encoded", "assigned")
    )
    lost = attempts["video"][attempts["kind"] == ATTEMPTS.index("encoding")]
    has_lost = np.isin(np.arange(len(offered)), lost)
    places = {
        "not offered": ~offered,
        "waiting for an encoder": offered & ~begun,
        "encoding": begun & ~encoded & ~has_lost,
        "encoding anew as their encoders die": begun & ~encoded & has_lost,
        "waiting for a publisher": encoded & ~taken,
        "being published": taken,
    }
    left = videos["outcome"] == VIDEO_OUTCOMES.index("unfinished")
    counts = {place: int((left & there).sum()) for place, there in places.items()}
    where = ", ".join(f"{number:,} {place}" for place, number in counts.items() if number)
    text = f"{plural(int(left.sum()), 'video')} unfinished: {run.ending} ({where})"
    if run.ending != "no progress":
        return text
    return f"{text}; none got any further until the scenario's patience ended: --patience sets another"


def json_line(value: Any) -> bytes:
    r"""Return a value as a line of JSON, with characters escaped that are not printable.

    JSON can hold every character as an escape: a program reads the same text, and a terminal gets no controls.

    >>> json_line({"title": "two\N{LINE SEPARATOR}lines"})
    b'{"title":"two\\u2028lines"}\n'
    """
    return printable(msgspec.json.encode(value).decode(), _in_json).encode() + b"\n"


def json_text(value: Any) -> bytes:
    """Return a value as indented JSON, with characters escaped that are not printable."""
    lines = msgspec.json.format(msgspec.json.encode(value), indent=2).decode().split("\n")
    return b"".join(printable(line, _in_json).encode() + b"\n" for line in lines)


def _in_json(character: str) -> str:
    """Return a character as escapes of JSON, which has two for each beyond 16 bits."""
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def head_of(played: Player | Run, catalogue: Catalogue) -> dict[str, Any]:
    """Return the data of the first line of a log in JSON: all inputs of the run, and the versions."""
    return {
        "format": FORMAT,
        "versions": versions_here(),
        "catalogue": {
            "name": catalogue.name,
            "videos": list(catalogue),
            "rejected": [line._asdict() for line in catalogue.rejected],
        },
        "scenario": played.scenario.to_dict(),
        "strategy": played.strategy.to_dict(),
        "seed": played.seed,
        "replication": played.replication,
    }
