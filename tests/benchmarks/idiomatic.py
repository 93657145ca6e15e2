"""Parts 1 and 2c as one would write them in SimPy: resources, stores, a process per video and per publisher.

They are the peers that the speed of the engines is measured against. They give the same number of published
videos where no two events of different kinds fall on the same time; the benchmarks check that they agree in the
mean.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

Row = tuple[int, float, float, float, float, bool]


def simulate(
    encoding_time: Sequence[float],
    timeout: Sequence[float],
    startup_by_video: Sequence[float],
    startup_by_slot: Sequence[float],
    *,
    encoders: int = 10,
    gap: float = 0.5,
) -> list[Row]:
    """Return (video, offered, started, encoded, published, on time) in order of publication."""
    env = simpy.Environment()
    encoder = simpy.Resource(env, encoders)
    queue = simpy.Store(env, capacity=100)
    pool = simpy.Store(env)
    done = env.event()
    rows: list[Row] = []

    def publisher(startup: float) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(startup)
        yield pool.put(env.now)

    def video(number: int, request: Any, offered: float) -> Generator[simpy.Event, Any, None]:
        started = env.now
        yield env.timeout(encoding_time[number])
        encoded = env.now
        yield queue.put(number)
        encoder.release(request)
        yield pool.get()
        yield queue.get()
        env.process(publisher(startup_by_video[number]))
        rows.append((number, offered, started, encoded, env.now, env.now - started <= timeout[number]))
        if len(rows) == len(encoding_time):
            done.succeed()

    def client() -> Generator[simpy.Event, Any, None]:
        for number in range(len(encoding_time)):
            offered = env.now
            request = encoder.request()
            yield request
            env.process(video(number, request, offered))
            yield env.timeout(gap)

    for startup in startup_by_slot:
        env.process(publisher(startup))
    env.process(client())
    env.run(done)
    return rows


def simulate_part_1(
    encoding_time: Sequence[float],
    timeout: Sequence[float],
    startup_by_video: Sequence[float],
    *,
    encoders: int = 10,
    gap: float = 0.5,
) -> list[Row]:
    """Return the rows of part 1, where a video's own publisher is started when its encoding ends."""
    env = simpy.Environment()
    encoder = simpy.Resource(env, encoders)
    done = env.event()
    rows: list[Row] = []

    def publisher(number: int, ready: simpy.Event) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(startup_by_video[number])
        ready.succeed()

    def video(number: int, request: Any, offered: float) -> Generator[simpy.Event, Any, None]:
        started = env.now
        yield env.timeout(encoding_time[number])
        encoded = env.now
        encoder.release(request)
        ready = env.event()
        env.process(publisher(number, ready))
        yield ready
        rows.append((number, offered, started, encoded, env.now, env.now - started <= timeout[number]))
        if len(rows) == len(encoding_time):
            done.succeed()

    def client() -> Generator[simpy.Event, Any, None]:
        for number in range(len(encoding_time)):
            offered = env.now
            request = encoder.request()
            yield request
            env.process(video(number, request, offered))
            yield env.timeout(gap)

    env.process(client())
    env.run(done)
    return rows
