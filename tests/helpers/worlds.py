"""A fixed collection of small worlds: catalogues, scenarios and strategies of every kind, the same every time.

Whatever is meant to leave results as they are can be held against what these gave before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import tv2sim as tv
from tv2sim.results.facts import TABLES

__all__ = ["World", "digest", "worlds"]


class World(NamedTuple):
    """What goes into one run."""

    catalogue: tv.Catalogue
    strategy: tv.Strategy
    scenario: tv.Scenario
    seed: int
    replication: int


@dataclass(frozen=True)
class ByTimeout(tv.Strategy):
    """A publisher of its own for each video that can wait; the others share."""

    limit: float = 6.0

    def owns_publisher(self, video: tv.Video) -> bool:
        return video.publication_timeout >= self.limit

    def start_moment(self, video: tv.Video) -> Any:
        return "encoding_started" if self.owns_publisher(video) else None


class Delayed(tv.Strategy):
    """Publishers are started some time after the moment."""

    def start_delay(self, video: tv.Video) -> float:
        return max(0.0, video.encoding_time - 2.0)


class EarliestDeadline(tv.Strategy):
    """The video whose timeout ends first is served first."""

    def priority(self, video: tv.Video, deadline: float) -> float:
        return deadline


class Adaptive(tv.Strategy):
    """The pool follows the number of videos that are on their way."""

    def pool_level(self, state: tv.PoolState) -> int:
        return 1 + (state.encoding + state.waiting) // 2


_STARTUPS = (
    "uniform(2, 6)", "uniform(2, 6)", "uniform(0, 3)", "constant(4)", "constant(0)", "triangular(2, 3, 6)",
    "empirical(2, 2.5, 3, 5, 9)", "exponential(4)", "lognormal(3, 0.5)", "gamma(4, 1)",
)  # fmt: skip
_MOMENTS = ("encoding_started", "encoded", "queued")


def worlds(count: int = 240, *, first: int = 0) -> list[World]:
    """Return so many worlds, from the first on."""
    return [_world(Random(number), number) for number in range(first, first + count)]


def _world(random: Random, number: int) -> World:
    videos = random.choice((1, 3, 12, 12, 40, 40, 154))
    scenario = tv.Scenario(
        encoders=random.choice((1, 2, 3, 5, 10, 10)),
        requests_per_second=random.choice((0.5, 1, 2, 2, 2, 3, 10)),
        startup_time=random.choice(_STARTUPS),
        publishing_time=random.choice((0, 0, 0, 0.5, 1, 0.3)),
        publishing_queue_capacity=random.choice((100, 100, None, 0, 1, 3)),
        until=random.choice((None, None, None, 10, 33.3)),
    )
    return World(_catalogue(random, videos), _strategy(random), scenario, number, random.choice((0, 1, 7)))


def _catalogue(random: Random, videos: int) -> tv.Catalogue:
    if random.random() < 0.3:
        return tv.generate_catalogue(videos, seed=random.randrange(100))
    step = random.choice((1.0, 0.5, 0.1, 0.001))
    records: list[dict[str, Any]] = []
    time = 0.0
    submitted = random.random() < 0.25
    for row in range(videos):
        record: dict[str, Any] = {
            "id": f"v{row}", "title": f"Title {row}", "provider": "P",
            "encodingTime": round(random.randint(0, int(6 / step)) * step, 3),
            "publicationTimeout": round(random.randint(1, int(12 / step)) * step, 3),
        }  # fmt: skip
        time = round(time + random.randint(0, 4) * step, 3)
        if submitted and random.random() < 0.7:
            record["submittedAt"] = time
        records.append(record)
    return tv.read_catalogue(records, name="records")


def _strategy(random: Random) -> tv.Strategy:
    stock = random.choice((0, 1, 2, 5, 8, 10))
    moment: Any = random.choice(_MOMENTS)
    every = random.choice((None, None, 0.5, 3))
    return random.choice(
        (
            *(tv.PART_1, tv.PART_2A, tv.PART_2B, tv.PART_2C),
            tv.PART_2C.replace(prewarmed=stock),
            tv.Strategy("shared", starts_on=moment, prewarmed=stock),
            tv.Strategy("shared", starts_on="encoding_started", prewarmed=stock),
            ByTimeout(prewarmed=stock),
            Delayed(starts_on=moment, dedicated=bool(stock % 2)),
            Delayed(starts_on=moment, prewarmed=stock),
            EarliestDeadline(prewarmed=stock),
            EarliestDeadline(starts_on=moment, prewarmed=stock // 2),
            Adaptive(review_every=every),
            Adaptive(prewarmed=stock, starts_on=random.choice((None, moment))),
        )
    )


def digest(run: tv.Run) -> str:
    """Return a hash of the facts and the metrics of a run, to the last bit."""
    facts, found = run.facts, hashlib.sha256()
    for table in TABLES:
        for name, column in getattr(facts, table).items():
            found.update(f"{table}.{name} {column.dtype.str}".encode() + column.tobytes())
    found.update(facts.sequence.tobytes())
    found.update(repr((float(facts.end), facts.ending)).encode())
    summary = {name: float(value) for name, value in run.summary.items()}
    found.update(repr(summary).encode())
    return found.hexdigest()[:16]
