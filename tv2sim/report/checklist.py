"""The STRESS-DES checklist (Monks et al. 2019), filled in for a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tv2sim.numbers import listed, plural, rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tv2sim.experiment import Comparison
    from tv2sim.report.text import World
    from tv2sim.strategies import Strategy

__all__ = ["Item", "Section", "checklist", "described"]

_MOMENTS = {
    "encoding_started": "its encoding starts",
    "encoded": "its encoding ends",
    "queued": "it reaches the publishing stage",
}


class Item(NamedTuple):
    """An item of the checklist: its number and name there, and what this study says to it."""

    number: str
    name: str
    text: str


class Section(NamedTuple):
    """One of its six sections."""

    title: str
    items: tuple[Item, ...]


def described(strategy: Strategy) -> str:
    """Say in words when a strategy starts publishers, and for whom."""
    parts = []
    if strategy.starts_on is not None:
        whom = "for that video alone" if strategy.dedicated else "for whichever video is first in the queue"
        parts.append(f"a publisher is started for each video when {_MOMENTS[strategy.starts_on]}, {whom}")
    if strategy.prewarmed:
        parts.append(
            f"{plural(strategy.prewarmed, 'publisher')} started at time 0, and one more each time one of "
            f"them takes a "
            f"video, for whichever video is first in the queue"
        )
    if type(strategy).__name__ != "Strategy":
        parts.append(f"with a rule of its own, {type(strategy).__qualname__}")
    text = "; ".join(parts) or "no publisher is ever started"
    return text[:1].upper() + text[1:]


def checklist(study: Comparison, parts: Sequence[World], versions: Mapping[str, str]) -> list[Section]:
    """Return the six sections with every item filled in."""
    return [
        Section("1. Objectives", _objectives(study, parts)),
        Section("2. Logic", _logic(parts)),
        Section("3. Data", _data(parts)),
        Section("4. Experimentation", _experimentation(study, parts)),
        Section("5. Implementation", _implementation(parts, versions)),
        Section("6. Code access", _access(versions)),
    ]


def _objectives(study: Comparison, parts: Sequence[World]) -> tuple[Item, ...]:
    compared = listed(parts[0].strategies)
    return (
        Item(
            "1.1", "Purpose of the model",
            "To find out, before it is built or changed, when a broadcaster should start single-use "
            "publishers, how "
            "many to keep warm and for whom, so that videos are published within their timeouts at little "
            "cost.",
        ),
        Item(
            "1.2", "Model outputs",
            "Figures of a run, computed after it from the times at which things happened; each is defined "
            "in “All "
            f"figures”. Shown are means over replications with their {rate(study.confidence)} intervals.",
        ),
        Item(
            "1.3", "Experimentation aims",
            f"Scenario-based comparison of {plural(len(parts[0].strategies), 'strategy')} "
            f"({compared}) in {plural(len(parts), 'world')} (catalogue and scenario); the baseline is "
            f"{study.baseline}.",
        ),
    )  # fmt: skip


def _logic(parts: Sequence[World]) -> tuple[Item, ...]:
    rules = " ".join(f"{name}: {described(reps.strategy)}." for name, reps in parts[0].strategies.items())
    return (
        Item("2.1", "Base model overview diagram", "See “What was simulated”."),
        Item(
            "2.2", "Base model logic",
            "The client offers videos in the catalogue's order, waits until an encoder takes one, then "
            "leaves the "
            "gap of the request rate before the next. An encoded video is published by one publisher; a "
            "publisher "
            "starts, becomes ready, serves one video and ends. A video is in time if it is published no "
            "later than "
            "its timeout after its encoding started.",
        ),
        Item(
            "2.3", "Scenario logic",
            f"The strategies differ only in when publishers are started, and for whom. {rules}",
        ),
        Item(
            "2.4", "Algorithms",
            "Simultaneous events have a fixed order: encodings end, in catalogue order; publishers become "
            "ready, in "
            "order of their numbers; blocked encoders are admitted to the queue, longest blocked first; "
            "the client "
            "hands over; timers.",
        ),
        Item("2.5.1", "Components: entities", "Videos, with an encoding time and a publication timeout each."),
        Item("2.5.2", "Components: activities", "Encoding, the start of a publisher, and publishing."),
        Item(
            "2.5.3", "Components: resources",
            "Encoders, held from the start of encoding until the video has room in the publishing queue; "
            "publishers, "
            "used once.",
        ),
        Item(
            "2.5.4", "Components: queues",
            "No buffer before the encoders. The publishing queue is first in, first out unless a strategy "
            "has a "
            "priority of its own; a video with its own publisher waits beside it. Nobody leaves a queue.",
        ),
        Item(
            "2.5.5", "Components: entry and exit points",
            "Videos enter through the client, one at a time, and leave when they are published, in time or "
            "not.",
        ),
    )  # fmt: skip


def _data(parts: Sequence[World]) -> tuple[Item, ...]:
    catalogues = {part.catalogue_name: part.catalogue for part in parts}
    sources = "; ".join(f"{name} ({plural(len(one), 'video')})" for name, one in catalogues.items())
    rejected = sum(len(one.rejected) for one in catalogues.values())
    startups = listed(dict.fromkeys(str(part.scenario.startup_time) for part in parts))
    return (
        Item("3.1", "Data sources", f"Catalogues of videos with their times: {sources}; see “Provenance”."),
        Item(
            "3.2", "Pre-processing",
            f"Lines that are no valid video, or repeat an id, are left out, here "
            f"{plural(rejected, 'line')}. Nothing else "
            f"is changed.",
        ),
        Item("3.3", "Input parameters", "All are listed in “What was simulated”."),
        Item(
            "3.4", "Assumptions",
            f"Encoding takes exactly the time in the catalogue; start-up times are {startups} s, "
            f"independent of each "
            f"other and of the load; neither encoders nor publishers fail.",
        ),
    )  # fmt: skip


def _experimentation(study: Comparison, parts: Sequence[World]) -> tuple[Item, ...]:
    cuts = {part.scenario.until for part in parts}
    until = "the outcome of the last video"
    if cuts != {None}:
        times = listed(f"{cut:g} s" for cut in sorted(cut for cut in cuts if cut is not None))
        until += f", or the cut-off at {times}"
    why = str(study.stopped or "")
    stopped = f" {why[:1].upper()}{why[1:]}." if why else ""
    return (
        Item(
            "4.1", "Initialisation",
            "A terminating system that starts empty: no warm-up. Prewarmed publishers are started at time 0.",
        ),
        Item("4.2", "Run length", f"To {until}; time is in seconds."),
        Item(
            "4.3", "Estimation approach",
            f"{plural(study.replications, 'independent replication')} of each strategy and world.{stopped} "
            f"Means have "
            f"Student t intervals over replications ({rate(study.confidence)}); the share of runs with any "
            f"failure has a "
            f"Wilson interval; where no replication differs, the Clopper-Pearson bound. Differences are "
            f"paired by "
            f"replication; p-values are adjusted by Holm's method for all differences of the study. "
            f"Intervals are not "
            f"adjusted.",
        ),
    )  # fmt: skip


def _implementation(parts: Sequence[World], versions: Mapping[str, str]) -> tuple[Item, ...]:
    return (
        Item(
            "5.1", "Software and programming language",
            f"{', '.join(f'{name} {version}' for name, version in versions.items())}.",
        ),
        Item(
            "5.2", "Random sampling",
            f"Philox, a counter-based generator, keyed by the seed ({parts[0].baseline.seed}); a draw is a "
            f"function of "
            f"purpose, replication and entity. Common random numbers: the publisher of video k draws the "
            f"same start-up "
            f"time under every strategy that starts one for it.",
        ),
        Item(
            "5.3", "Model execution",
            "Process interaction (SimPy) with the order of simultaneous events given in 2.4. Results do "
            "not depend on "
            "the number of worker processes.",
        ),
        Item(
            "5.4", "System specification",
            "Any machine that runs this software; run time and hardware are left out, since they do not "
            "change the "
            "results and this file is the same wherever it is made.",
        ),
    )  # fmt: skip


def _access(versions: Mapping[str, str]) -> tuple[Item, ...]:
    text = (
        f"tv2sim {versions['tv2sim']} is open source (MIT licence). With the catalogue, the versions and the "
        f"seed in “Provenance”, the strategies (their code, where a rule is somebody's own) and the "
        f"scenario above, every number is reproduced; a command that is named there does it."
    )
    return (Item("6.1", "Computer model sharing statement", text),)
