"""A log of which the truth is known gives the right answer: import, comparison and plan."""

from __future__ import annotations

import io
import json
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import resources
from math import isfinite
from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.ci_logs import TIMEOUT, History, events, github, gitlab, history, pages
from tests.helpers.commands import Json

MACHINES = 7
WORLD = tv.Scenario(encoders=None, deadline="assigned", startup_time="uniform(30, 70)")
GITLAB_BEFORE = {
    "id": "id",
    "submittedAt": "created_at",
    "publishingTime": "finished_at - started_at",
    "publicationTimeout": TIMEOUT,
}
"""What the mapping of GitLab was: a job arrived when its pipeline was made."""


def boot(uniform: float) -> float:
    return 30 + 40 * uniform


@cache
def on_gitlab() -> History:
    return history(MACHINES, boot, pipelines=220, seed=2)


@cache
def on_github() -> History:
    return history(MACHINES, boot, pipelines=280, seed=5, hosted=0.25)


def read(records: list[Json], columns: Any) -> tv.Import:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    return tv.import_catalogue(io.StringIO(lines), columns)


def on_time(catalogue: tv.Catalogue) -> float:
    found = tv.replicate(catalogue, f"2c:{MACHINES}", WORLD, replications=30, metrics=["on_time_rate"])
    return float(found.frame["on_time_rate"].mean())


def planned(catalogue: tv.Catalogue) -> int:
    plan = tv.plan(catalogue, "2c", WORLD, vary={"prewarmed": range(4, 18)}, target=0.99, seed=1)
    assert plan.best is not None
    return int(plan.best.prewarmed)


def came(one: tv.Catalogue) -> dict[str, float]:
    assert one.submitted_at is not None
    return dict(zip(one.ids, one.submitted_at.tolist(), strict=True))


GITHUB: dict[str, Callable[[], list[Json]]] = {
    "github_jobs": lambda: pages(github(on_github())),
    "github": lambda: events(github(on_github())),
}


# -- GitLab ------------------------------------------------------------------------------------------------


def test_jobs_of_gitlab_arrive_when_they_become_runnable() -> None:
    true = on_gitlab().catalogue()
    found = read(gitlab(on_gitlab()), f"gitlab,publicationTimeout={TIMEOUT}").catalogue
    assert came(found) == pytest.approx(came(true), abs=1e-3)
    assert found.publishing_time is not None
    assert true.publishing_time is not None
    assert found.publishing_time.sum() == pytest.approx(true.publishing_time.sum(), abs=0.1)


def test_a_log_of_gitlab_gives_the_plan_of_the_truth() -> None:
    true = on_gitlab().catalogue()
    found = read(gitlab(on_gitlab()), f"gitlab,publicationTimeout={TIMEOUT}").catalogue
    assert on_time(found) == pytest.approx(on_time(true), abs=0.002)
    assert on_time(found) == pytest.approx(on_gitlab().on_time_rate(), abs=0.02)
    ended = [job for job in gitlab(on_gitlab()) if job["status"] in ("success", "failed")]
    before = read(ended, GITLAB_BEFORE).catalogue
    assert (planned(true), planned(found), planned(before)) == (9, 9, 14)
    assert on_time(before) < on_time(true) - 0.02


def test_what_a_log_of_gitlab_leaves_out_and_tells() -> None:
    told = gitlab(on_gitlab(), without_wait=0.1)
    found = read(told, "gitlab")
    left_out = Counter(reason for _, reason, _ in found.catalogue.rejected)
    never_started = sum(job["started_at"] is None for job in told)
    never_ended = sum(job["started_at"] is not None and job["finished_at"] is None for job in told)
    assert min(never_started, never_ended) > 0
    assert left_out == {
        "left out: it never started": never_started,
        "left out: it never ended in this log": never_ended,
    }
    ran = on_gitlab().ran
    lacking = {job["id"] for job in told if job["queued_duration"] is None}
    cancelled, failed, created = found.notes.items()
    assert cancelled == (
        "cancelled while running, kept with the time on the machine",
        sum(job.result == "canceled" for job in ran),
    )
    assert failed[1] == sum(job.result == "failed" for job in ran)
    assert created[0].startswith("submittedAt is created_at, as started_at - queued_duration has no value: if")
    assert created[1] == sum(job.id in lacking for job in ran)
    assert min(cancelled[1], failed[1], created[1]) > 10
    arrivals = came(found.catalogue)
    first = min((job.created if job.id in lacking else job.runnable) for job in ran)
    assert all(
        arrivals[str(job.id)] == pytest.approx((job.created if job.id in lacking else job.runnable) - first)
        for job in ran
    )


def test_a_table_without_the_wait_takes_when_jobs_were_created() -> None:
    header = "id,name,created_at,started_at,finished_at,status,runner.description\n"
    row = "7,build,2026-03-02T08:00:00Z,2026-03-02T08:00:05Z,2026-03-02T08:00:25Z,success,a\n"
    found = tv.import_catalogue(io.StringIO(header + row), "gitlab")
    assert list(found.notes.values()) == [1]
    with pytest.raises(tv.CatalogueError, match="has no column 'created'"):
        tv.import_catalogue(io.StringIO(header + row), "gitlab,submittedAt=queued or created")


# -- GitHub ------------------------------------------------------------------------------------------------


def test_both_mappings_of_github_have_the_same_rules() -> None:
    """They differ in where a job stands: within an event, or by itself."""
    folder = resources.files("tv2sim.catalogue") / "mappings"
    events, jobs = (
        tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8").replace("workflow_job.", ""))
        for name in ("github", "github_jobs")
    )
    assert (events["left_out"].keys(), events["kept"]) == (jobs["left_out"].keys(), jobs["kept"])
    assert events["left_out"]["hosted"] == jobs["left_out"]["hosted"]
    assert events["left_out"]["never_started"]["where"][1:] == jobs["left_out"]["never_started"]["where"][1:]
    assert events["columns"] == jobs["columns"]


@pytest.mark.parametrize("mapping", GITHUB)
def test_a_log_of_github_gives_the_plan_of_the_truth(mapping: str) -> None:
    true = on_github().catalogue()
    found = read(GITHUB[mapping](), f"{mapping},publicationTimeout={TIMEOUT}").catalogue
    assert came(found) == pytest.approx(came(true), abs=1)  # whole seconds
    assert on_time(found) == pytest.approx(on_time(true), abs=0.02)
    assert on_time(found) == pytest.approx(on_github().on_time_rate(), abs=0.02)
    assert planned(found) == planned(true)


@pytest.mark.parametrize("mapping", GITHUB)
def test_what_a_log_of_github_leaves_out_and_tells(mapping: str) -> None:
    found = read(GITHUB[mapping](), mapping)
    left_out = Counter(reason for _, reason, _ in found.catalogue.rejected)
    more = left_out.pop("left out: another record of the same job says more", 0)
    assert (more > 0) == (mapping == "github")
    jobs, taken = [job for job in on_github().jobs if job.result != "manual"], on_github().taken
    hosted = sum(job.hosted and isfinite(job.started) and job.finished <= taken for job in jobs)
    assert left_out == {
        "left out: it never started": sum(job.started > taken for job in jobs),
        "left out: it never ended in this log": sum(job.started <= taken < job.finished for job in jobs),
        "left out: it ran on a machine that GitHub hosts (hosted=keep keeps these)": hosted,
    }
    assert min(left_out.values()) > 0
    ran = on_github().ran
    assert found.notes == {
        "cancelled while running, kept with the time on the machine": sum(j.result == "canceled" for j in ran),
        "failed or timed out while running, kept with the time on the machine": sum(
            j.result == "failed" for j in ran
        ),
    }
    both = read(GITHUB[mapping](), f"{mapping},hosted=keep")
    assert len(both.catalogue) == len(ran) + hosted
    assert both.notes["it ran on a machine that GitHub hosts (hosted=keep keeps these)"] == hosted


def test_a_runner_scale_set_has_no_label_self_hosted() -> None:
    job = next(job for job in github(on_github()) if job["runner_group_name"] == "Default")
    found = read([{"total_count": 2, "jobs": [job | {"labels": ["arc-set"]}, job | {"id": 9}]}], "github_jobs")
    assert len(found.catalogue) == 2
    assert [count for note, count in found.notes.items() if "scale set" in note] == [1]


def test_a_catalogue_of_another_name_keeps_its_time_zone() -> None:
    log = [{"id": "a", "at": "2026-03-02T08:00:00", "publishingTime": 3, "publicationTimeout": 9}]
    found = tv.import_catalogue(log, "submittedAt=at", timezone="Europe/Copenhagen").catalogue
    named = tv.read_catalogue(found, name="Monday")
    assert (named.name, named.timezone) == ("Monday", "Europe/Copenhagen")
    assert named[:1].timezone == "Europe/Copenhagen"
