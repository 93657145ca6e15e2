"""Parts 1 and 2c as models of Cimba (in the extra `bench`): processes that it compiles, and its own draws."""

# mypy: disable-error-code="misc, untyped-decorator"

from typing import Any

import cimba as cb
from cimba import inputs

import tv2sim as tv

__all__ = ["published"]


class World(cb.Model):
    """A client that waits for a free encoder, ten encoders, and what both parts count."""

    encoding_time: cb.Array[float]
    timeout: cb.Array[float]
    started: cb.Array[float]
    gap: float = 0.5
    startup: cb.Input[float] = inputs.dist.uniform(low=2.0, high=6.0)
    free: cb.Container = cb.Container(10)
    offered: cb.Store[int]
    encoded: cb.Store[int] = cb.Store(capacity=100)
    done: int = 0
    idle_since: float = 0.0
    on_time: int = 0
    idle: cb.Output[float]
    published: cb.Output[int]

    def __init__(self, catalogue: tv.Catalogue) -> None:
        self.encoding_time = cb.Array(catalogue.encoding_time.tolist())
        self.timeout = cb.Array(catalogue.publication_timeout.tolist())
        self.started = cb.Array(len(catalogue))

    @cb.process
    def client(self) -> None:
        for row in range(len(self.encoding_time)):
            self.free.get(1)
            self.offered.put(row)
            cb.hold(self.gap)

    @cb.process(copies=10)
    def encoder(self) -> None:
        while True:
            row = self.offered.get()
            self.started[row] = cb.now()
            cb.hold(self.encoding_time[row])
            self.encoded.put(row)
            self.free.put(1)

    @cb.function
    def publish(self, row: int) -> None:
        self.done += 1
        if cb.now() - self.started[row] <= self.timeout[row]:
            self.on_time += 1
        if self.done == len(self.encoding_time):
            cb.end_trial()


class Part1(World):
    """A publisher is started when a video's encoding ends; at most 24 are under way at a time.

    They are those of the videos handed over in the last 12 s: 6 s of encoding and 6 s of starting at most.
    """

    @cb.process(copies=24)
    def publisher(self) -> None:
        while True:
            row = self.encoded.get()
            cb.hold(self.startup.next())
            self.publish(row)

    @cb.on_end
    def measure(self) -> None:
        self.idle = 0.0
        self.published = self.on_time


class Part2c(World):
    """A process is a place in the pool: it starts a publisher, waits for a video, and starts the next one."""

    ready: int = 0

    @cb.process(copies=10)
    def place(self) -> None:
        while True:
            cb.hold(self.startup.next())
            self.ready += 1
            self.idle_since += cb.now()
            row = self.encoded.get()
            self.ready -= 1
            self.idle_since -= cb.now()
            self.publish(row)

    @cb.on_end
    def measure(self) -> None:
        self.idle = self.ready * cb.now() - self.idle_since
        self.published = self.on_time


def published(part: str, catalogue: tv.Catalogue, replications: int, seed: int) -> Any:
    """Return the number of published videos of each replication."""
    model = {"1": Part1, "2c": Part2c}[part](catalogue)
    results = cb.Experiment(model, replications=replications, seed=seed).run(workers=1, on_failure="raise")
    return results[model].published.values[0]
