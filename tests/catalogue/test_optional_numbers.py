"""`publishingTime` and `priority`: optional numbers of a video that every way of keeping a catalogue keeps."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import tv2sim as tv
from tests.engines.test_submitted import record
from tests.results.test_saving import every_format
from tv2sim.base.storage import Format

ALL = [
    record(0, publishingTime=2.5, priority=-1),
    record(1),
    record(2, publishingTime=0, priority=1e300, submittedAt=4),
    record(3, priority=0.1),
]
OPTIONAL = ("submitted_at", "publishing_time", "priority")


def test_they_are_columns_with_nan_where_missing() -> None:
    catalogue = tv.read_catalogue(ALL)
    np.testing.assert_array_equal(catalogue.publishing_time, [2.5, math.nan, 0, math.nan])
    np.testing.assert_array_equal(catalogue.priority, [-1, math.nan, 1e300, 0.1])
    assert [video.priority for video in catalogue] == [-1, None, 1e300, 0.1]
    assert [video.publishing_time for video in catalogue] == [2.5, None, 0, None]
    assert list(catalogue.frame.columns)[-3:] == list(OPTIONAL)
    assert tv.read_catalogue(ALL[1:2]).publishing_time is None
    assert tv.read_catalogue(ALL[1:2]).priority is None


def test_every_copy_of_a_catalogue_has_them() -> None:
    catalogue = tv.read_catalogue(ALL)
    for copy in (
        tv.read_catalogue(catalogue.lines()),
        tv.read_catalogue(catalogue.frame),
        tv.read_catalogue(list(catalogue)),
        pickle.loads(pickle.dumps(catalogue)),
        catalogue[::-1][::-1],
    ):
        assert copy == catalogue
    assert catalogue[2:].publishing_time is not None
    assert catalogue[3:].publishing_time is None
    for name in ("publishingTime", "priority"):
        other = [{**one, name: 7} for one in ALL]
        assert tv.read_catalogue(other) != catalogue


@pytest.mark.parametrize(
    ("field", "literal", "reason"),
    [
        ("publishingTime", "-1", "publishingTime must be at least 0"),
        ("publishingTime", "4294967297", "publishingTime must be at most 4294967296 s"),
        ("publishingTime", '"2"', "publishingTime must be a number, not str"),
        ("priority", '"high"', "priority must be a number, not str"),
        ("priority", "1e999", "priority is too large for a number"),
        ("priority", "true", "priority must be a number, not bool"),
    ],
)
def test_a_line_with_another_value_is_rejected(field: str, literal: str, reason: str) -> None:
    line = json.dumps(record(1, **{field: "X"})).replace('"X"', literal)
    assert tv.read_catalogue([record(0), line]).rejected == ((2, reason, line),)
    assert [one.reason for one in tv.survey_catalogue([record(0), line]).rejected] == [reason]


@pytest.mark.parametrize("field", ["publishing_time", "priority"])
def test_a_value_in_python_is_checked(field: str) -> None:
    with pytest.raises(tv.CatalogueError, match=f"^{field} of video 'b' must be a finite number"):
        tv.Catalogue([tv.Video("a", "", "", 1, 9), tv.Video("b", "", "", 1, 9, **{field: math.inf})])


def test_a_survey_has_them() -> None:
    survey = tv.survey_catalogue([*ALL, record(1, priority=5)])
    np.testing.assert_array_equal(survey.publishing_time, [2.5, math.nan, 0, math.nan])
    np.testing.assert_array_equal(survey.priority, [-1, math.nan, 1e300, 0.1])
    alone = tv.survey_catalogue([record(1), record(1, priority=5), record(1, publishingTime=5)])
    assert alone.priority is alone.publishing_time is None


@every_format
def test_a_saved_run_has_them(suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(ALL, "2a", tv.Scenario(startup_time=1))
    assert set(OPTIONAL) < set(run.videos.columns)
    loaded = tv.load_run(run.save(tmp_path / "out", format=suffix))
    assert loaded == run
    assert loaded.catalogue == run.catalogue


@pytest.mark.parametrize("field", ["publishingTime", "priority"])
def test_results_that_are_kept_depend_on_them(
    field: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for videos in (ALL, [{**one, field: 7} for one in ALL], ALL):
        tv.replicate(videos, "1", replications=2, results=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
