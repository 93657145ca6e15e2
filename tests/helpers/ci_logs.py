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
from datetime import UTC, datetime, timedelta
from math import inf, isfinite

import numpy as np

import tv2sim as tv
from tests.helpers.commands import Json

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


# -- as the interfaces tell it -----------------------------------------------------------------------------


def gitlab(history: History, *, without_wait: float = 0) -> list[Json]:
    """Return the jobs as GitLab lists them, the latest first; a share has no `queued_duration`."""
    random = np.random.default_rng(1)
    return [
        _gitlab(job, history.taken, lacks_wait=random.random() < without_wait)
        for job in reversed(history.jobs)
        if job.created <= history.taken
    ]


def _gitlab(job: Job, taken: float, *, lacks_wait: bool) -> Json:
    started, finished = (time if time <= taken else inf for time in (job.started, job.finished))
    status = job.result
    if isfinite(job.runnable) and finished == inf:
        status = "running" if isfinite(started) else "pending" if job.runnable <= taken else "created"
    wait = min(started, taken) - job.runnable if job.runnable <= taken else None
    return {
        "id": job.id,
        "status": status,
        "stage": f"stage {job.stage}",
        "name": job.name,
        "ref": "main",
        "tag_list": ["pool"],
        "created_at": stamp(job.created, "milliseconds"),
        "started_at": stamp(started, "milliseconds"),
        "finished_at": stamp(finished, "milliseconds"),
        "erased_at": None,
        "duration": round(finished - started, 6) if isfinite(started + finished) else None,
        "queued_duration": None if wait is None or lacks_wait else round(wait, 6),
        "pipeline": {"id": job.pipeline, "ref": "main", "status": "success"},
        "runner": {"id": 12, "description": "autoscaled", "is_shared": False} if isfinite(started) else None,
    }


def github(history: History) -> list[Json]:
    """Return the jobs as GitHub lists them: one is created when it becomes runnable, in whole seconds."""
    return [_github(job, history.taken) for job in history.jobs if job.result != "manual"]


def _github(job: Job, taken: float) -> Json:
    started, finished = (time if time <= taken else inf for time in (job.started, job.finished))
    created = job.runnable if isfinite(job.runnable) else job.created
    over = isfinite(finished) or job.result == "skipped"
    hosted = {"runner_id": 7, "runner_name": "GitHub Actions 7", "runner_group_name": "GitHub Actions"}
    own = {"runner_id": 41, "runner_name": "pool-41", "runner_group_name": "Default"}
    none = {"runner_id": 0, "runner_name": "", "runner_group_name": ""} if over else dict.fromkeys(own)
    conclusion = {"canceled": "cancelled", "failed": "failure"}.get(job.result, job.result)
    return {
        "id": job.id,
        "run_id": job.pipeline,
        "run_attempt": 1,
        "name": job.name,
        "status": "completed" if over else "in_progress" if isfinite(started) else "queued",
        "conclusion": conclusion if over else None,
        "created_at": stamp(created, "seconds"),
        "started_at": stamp(started if isfinite(started) else created, "seconds"),
        "completed_at": stamp(finished if isfinite(finished) else created, "seconds") if over else None,
        "labels": ["ubuntu-latest"] if job.hosted else ["self-hosted", "linux", "pool"],
        **(none if not isfinite(started) else hosted if job.hosted else own),
    }


def pages(jobs: list[Json]) -> list[Json]:
    """Return what GitHub's interface answers, 100 jobs a page."""
    return [{"total_count": len(jobs), "jobs": jobs[n : n + 100]} for n in range(0, len(jobs), 100)]


def events(jobs: list[Json]) -> list[Json]:
    """Return the events that GitHub's webhooks deliver, in the order of jobs."""
    found = []
    unassigned = {"conclusion": None, "completed_at": None}
    unassigned |= {"runner_id": None, "runner_name": None, "runner_group_name": None}
    for job in jobs:
        if job["conclusion"] != "skipped":
            queued = job | unassigned | {"status": "queued", "started_at": job["created_at"]}
            found.append({"action": "queued", "workflow_job": queued})
            if job["runner_id"]:
                running = job | {"status": "in_progress", "conclusion": None, "completed_at": None}
                found.append({"action": "in_progress", "workflow_job": running})
        if job["status"] == "completed":
            found.append({"action": "completed", "workflow_job": job})
    return found


def stamp(time: float, unit: str) -> str | None:
    """Return a time as ISO 8601; None for one that has not come."""
    if not isfinite(time):
        return None
    return (START + timedelta(seconds=time)).isoformat(timespec=unit).replace("+00:00", "Z")
