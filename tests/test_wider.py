"""The wider world over generated cases (`tests.wider`): what holds in each of them."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from math import isnan

import pytest

from tests.in_simpy import simpy
from tests.reference import Clip, Draws, Outcome, Row, System, Video, World, reference
from tests.test_reference import cells
from tests.wider import Case, case_of, features

FEW, MANY = 300, 6000
PARTS = 6


@pytest.fixture(params=range(PARTS), scope="module")
def runs(request: pytest.FixtureRequest) -> list[tuple[Case, Outcome]]:
    """Return some cases, each with what must happen in it."""
    cases = map(case_of, range(request.param, FEW, PARTS))
    return [(case, reference(case.clips, case.rule, case.world, Draws(case.seed))) for case in cases]


def times(row: Row, *columns: str) -> list[float]:
    """Return the times of a row that are known."""
    return [row[column] for column in columns if not isnan(row[column])]


def test_each_feature_is_in_a_tenth_of_the_cases() -> None:
    for many in (FEW, MANY):
        found = Counter(feature for number in range(many) for feature in features(case_of(number)))
        assert len(found) == 21
        assert min(found.values()) >= many / 10


def check(case: Case, expected: Outcome) -> None:
    """Compare what the SimPy model gives with what must happen: each cell, each line of the log, the end."""
    found = simpy(case.clips, case.rule, case.world, case.seed)
    for table in ("videos", "publishers", "attempts"):
        rows = getattr(found, table)
        columns = [name for name in rows[0] if name not in GIVEN] if rows else []
        must = [{name: row[name] for name in columns} for row in cells(getattr(expected, table))]
        assert [{name: row[name] for name in columns} for row in rows] == must, table
    assert found.log == expected.log
    assert (found.end, found.ending, found.quota_waits) == (expected.end, expected.ending, expected.quota_waits)


GIVEN = {"id", "title", "provider", *Clip._fields}
"""The columns of videos that come from the catalogue."""


def test_the_simpy_model_agrees(runs: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in runs:
        check(case, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_the_simpy_model_agrees_in_many_cases(part: int) -> None:
    for case in map(case_of, range(part, MANY, 10)):
        check(case, reference(case.clips, case.rule, case.world, Draws(case.seed)))


def test_the_tables_of_videos(runs: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in runs:
        for video in outcome.videos:
            on_the_way = times(video, "offered", "encoding_started", "encoded", "queued")
            assert on_the_way == sorted(on_the_way)
            assert isnan(video["settled"]) == (video["outcome"] == "unfinished")
            assert video["on_time"] == (video["outcome"] == "published")
            if video["outcome"] == "published":
                assert video["queued"] <= video["assigned"] <= video["published"] == video["settled"]
                held = video["assigned" if case.world.deadline == "assigned" else "published"]
                took = round((held - video["encoding_started"]) * 1e6)
                assert took <= round(video["publication_timeout"] * 1e6)


def test_the_tables_of_publishers(runs: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in runs:
        for publisher in outcome.publishers:
            life = times(publisher, "started", "ready", "assigned", "ended")
            assert life == sorted(life)
            if case.rule.dedicated and publisher["cause"] is not None:
                assert publisher["video"] in (None, publisher["cause"])


def test_each_attempt_that_failed_is_a_row(runs: list[tuple[Case, Outcome]]) -> None:
    for _, outcome in runs:
        failed = [publisher for publisher in outcome.publishers if publisher["outcome"] == "failed"]
        kinds = Counter(attempt["kind"] for attempt in outcome.attempts)
        assert kinds["startup"] == sum(isnan(publisher["ready"]) for publisher in failed)
        assert kinds["publishing"] == sum(publisher["video"] is not None for publisher in failed)
        interrupted = [line for line in outcome.log if line[1] == "encoder_failed" and line[2] is not None]
        assert kinds["encoding"] == len(interrupted)


def test_there_are_never_more_publishers_than_the_quota(runs: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in runs:
        starts = [(publisher["started"], 1) for publisher in outcome.publishers]
        ends = [(publisher["ended"], -1) for publisher in outcome.publishers if not isnan(publisher["ended"])]
        alive = list(accumulate(step for _, step in sorted([*starts, *ends])))
        assert case.world.max_publishers is None or max(alive, default=0) <= case.world.max_publishers


def test_an_encoder_has_one_video_at_a_time(runs: list[tuple[Case, Outcome]]) -> None:
    for case, outcome in runs:
        encoder_of: dict[int, int] = {}
        for _, event, video, encoder, _ in outcome.log if case.world.encoders is not None else ():
            if event == "encoding_started" and video is not None and encoder is not None:
                assert encoder not in encoder_of.values()
                encoder_of[video] = encoder
            elif event in ("queued", "encoder_failed") and video is not None:
                del encoder_of[video]


def test_runs_that_end_early_have_nothing_to_wait_for(runs: list[tuple[Case, Outcome]]) -> None:
    """If they go on, whatever dies or is repaired, no video gets an outcome."""

    class GoesOn(System):
        def fate_can_change(self) -> bool:
            return True

    for (clips, rule, world, seed), outcome in runs:
        assert all(video["outcome"] != "unfinished" for video in outcome.videos) == (
            outcome.ending == "completed"
        )
        if outcome.ending in ("no publisher will come", "nothing left to happen"):
            longer = World(**world.changes() | {"until": outcome.end + 100})
            later = GoesOn([Video(*clip) for clip in clips], rule, longer, Draws(seed)).run()
            settled = [[video["outcome"] for video in each.videos] for each in (outcome, later)]
            assert settled[0] == settled[1]
