"""Logs of CI services whose truth is known: a pool of machines runs pipelines, and both interfaces tell of it.

The pool is that of part 2c: `machines` are started at time 0, each runs one job, and another is started when
it takes the job. So a job that becomes runnable waits for the machine that is ready first.

The records have the fields, the values of `status` and `conclusion`, and the missing values that are described
in https://docs.gitlab.com/api/jobs/ and https://docs.github.com/en/rest/actions/workflow-jobs and
https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_job.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite

import numpy as np

import tv2sim as tv

START = datetime(2026, 3, 2, 7, tzinfo=UTC)
STAGES = (("lint", "build"), ("unit 1", "unit 2", "unit 3", "unit 4"), ("package",), ("deploy",))
TIMEOUT = 30
"""Seconds that a job may wait."""


@dataclass
class Job:
    """A job as it was: times in seconds after START, infinite where a thing did not happen."""

    id: int
    pipeline: int
    name: str
    stage: int
    created: float
    runnable: float = inf
    started: float = inf
    finished: float = inf
    result: str = "skipped"
    hosted: bool = False


@dataclass
class History:
    """Jobs, and the time at which the log was taken from the interface."""

    jobs: list[Job]
    taken: float

    @property
    def ran(self) -> list[Job]:
        """The jobs that held a machine of the pool and were over when the log was taken, by arrival."""
        ran = (job for job in self.jobs if job.finished <= self.taken and isfinite(job.started))
        return sorted((job for job in ran if not job.hosted), key=lambda job: (job.runnable, job.id))

    def catalogue(self) -> tv.Catalogue:
        """Return the true catalogue."""
        first = self.ran[0].runnable
        return tv.Catalogue(
            tv.Video(
                str(job.id),
                publication_timeout=TIMEOUT,
                submitted_at=round(job.runnable - first, 3),
                publishing_time=round(job.finished - job.started, 3),
            )
            for job in self.ran
        )

    def on_time_rate(self) -> float:
        """Return the share of these jobs that waited no longer than they may."""
        return float(np.mean([job.started - job.runnable <= TIMEOUT for job in self.ran]))


def history(
    machines: int,
    boot: Callable[[float], float],
    *,
    pipelines: int,
    seed: int,
    hosted: float = 0,
    step: float = 0.001,
) -> History:
    """Return what happens in eight hours; `hosted` is a share of the jobs, and times are whole `step`s."""
    random = np.random.default_rng(seed)
    hours = 8 * 3600
    ready = [at(boot(random.random()), step) for _ in range(machines)]
    heapq.heapify(ready)
    jobs: list[Job] = []
    events: list[tuple[float, int, Job]] = []

    def runnable(job: Job, time: float) -> None:
        heapq.heappush(events, (at(time, step), job.id, job))

    by_pipeline = []
    for pipeline, time in enumerate(np.sort(random.random(pipelines)) * hours):
        stages: list[list[Job]] = []
        for number, names in enumerate(STAGES):
            stages.append([])
            for name in names:
                job = Job(
                    4000 + len(jobs), pipeline, name, number, at(time, step), hosted=random.random() < hosted
                )
                jobs.append(job)
                stages[-1].append(job)
        by_pipeline.append(stages)
        for job in stages[0]:
            runnable(job, job.created)
    while events:
        time, _, job = heapq.heappop(events)
        job.runnable = time
        length = float(np.exp(random.normal(4.6, 0.6)))
        draw = random.random()
        job.result = "failed" if draw < 0.03 else "canceled" if draw < 0.09 else "success"
        cancelled = at(time + random.exponential(40), step) if job.result == "canceled" else inf
        start = at(time + 8 * random.random(), step) if job.hosted else max(time, ready[0])
        if cancelled <= start:  # it never held a machine
            job.finished = cancelled
        else:
            if not job.hosted:
                heapq.heapreplace(ready, at(start + boot(random.random()), step))
            job.started = start
            if job.result == "failed":
                length *= random.random()
            job.finished = min(cancelled, max(at(start + length, step), start + step))
            if job.finished < cancelled and job.result == "canceled":
                job.result = "success"
        stage = by_pipeline[job.pipeline][job.stage]
        if any(one.result == "skipped" for one in stage) or job.stage + 1 == len(STAGES):
            continue
        if all(one.result == "success" for one in stage):
            over = max(one.finished for one in stage)
            for one in by_pipeline[job.pipeline][job.stage + 1]:
                if one.name == "deploy":  # somebody has to press a button, and not everybody does
                    if random.random() < 0.6:
                        runnable(one, over + random.exponential(1800))
                    else:
                        one.result = "manual"
                else:
                    runnable(one, over)
    return History(jobs, taken=hours)


def at(time: float, step: float) -> float:
    """Return a time as a multiple of the step."""
    return round(round(time / step) * step, 3)
