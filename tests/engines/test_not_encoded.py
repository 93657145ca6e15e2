"""Catalogues without encoding times: they are read, simulated without encoders, and refused with encoders."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tv2sim as tv
from tests.helpers.commands import is_one_line, replay, tv2sim

JOBS: list[dict[str, Any]] = [
    {"id": f"job{row}", "publicationTimeout": 5 + row % 3, "submittedAt": 2.0 * row} for row in range(40)
]
ENCODED = {"id": "e", "encodingTime": 3, "publicationTimeout": 9}
WORLD = tv.Scenario(encoders=None)
MISSING = "the field encodingTime is missing"


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "jobs.jsonl").write_bytes(lines(JOBS))
    return tmp_path / "jobs.jsonl"


class TestReading:
    @pytest.mark.parametrize(
        "source",
        [
            lambda: io.BytesIO(lines(JOBS)),
            lambda: JOBS,
            lambda: pd.DataFrame(JOBS),
            lambda: io.StringIO("\n".join(json.dumps(record) for record in JOBS)),
        ],
        ids=["JSON", "records", "table", "text"],
    )
    def test_it_is_unknown(self, source: Any) -> None:
        catalogue = tv.read_catalogue(source())
        assert (len(catalogue), catalogue.rejected) == (40, ())
        assert np.isnan(catalogue.encoding_time).all()
        assert list(catalogue.frame.columns) == [
            "id",
            "title",
            "provider",
            "publication_timeout",
            "submitted_at",
        ]
        assert catalogue[3].slack == catalogue[3].publication_timeout

    @pytest.mark.parametrize("columns", ["id=id", "encodingTime=none"])
    def test_with_a_mapping(self, columns: str) -> None:
        csv = "id,publicationTimeout,encodingTime\na,5,\nb,6,\n"
        if columns == "id=id":
            csv = csv.replace(",encodingTime", "").replace(",\n", "\n")
        catalogue = tv.read_catalogue(io.StringIO(csv), columns=columns)
        assert (len(catalogue), catalogue.rejected) == (2, ())
        assert np.isnan(catalogue.encoding_time).all()

    def test_it_is_the_same_after_writing(self, path: Path) -> None:
        catalogue = tv.read_catalogue(path)
        assert b"encodingTime" not in b"".join(catalogue.lines())
        for again in (
            tv.read_catalogue(io.BytesIO(b"".join(catalogue.lines()))),
            tv.read_catalogue(catalogue.frame),
        ):
            assert list(again.lines()) == list(catalogue.lines())
            assert again == catalogue

    def test_the_first_video_decides(self) -> None:
        catalogue = tv.read_catalogue([ENCODED, JOBS[0], {**ENCODED, "id": "f"}])
        assert catalogue.ids == ("e", "f")
        assert [(one.line, one.reason) for one in catalogue.rejected] == [(2, MISSING)]
        mixed = tv.read_catalogue([JOBS[0], ENCODED])
        assert (mixed.ids, mixed.rejected) == (("job0", "e"), ())
        np.testing.assert_array_equal(mixed.encoding_time, [np.nan, 3])

    def test_a_cell_without_one_is_rejected_as_ever(self) -> None:
        csv = "id,publicationTimeout,encodingTime\na,5,\nb,6,1\n"
        catalogue = tv.read_catalogue(io.StringIO(csv), columns="id=id")
        assert (catalogue.ids, catalogue.rejected[0].reason) == (("b",), MISSING)

    def test_none_is_still_no_number(self) -> None:
        catalogue = tv.read_catalogue([ENCODED, {**ENCODED, "id": "f", "encodingTime": None}])
        assert catalogue.rejected[0].reason == "encodingTime must be a number, not null"

    def test_a_survey_agrees(self, path: Path) -> None:
        survey = tv.survey_catalogue(path)
        assert (len(survey), survey.rejected_lines, set(survey.numbers)) == (
            40,
            0,
            {"publication_timeout", "submitted_at"},
        )
        mixed = tv.survey_catalogue([ENCODED, JOBS[0]])
        assert (len(mixed), mixed.rejected[0].reason) == (1, MISSING)


class TestSimulating:
    def test_it_makes_no_difference(self, path: Path) -> None:
        """Encoding times are ignored without encoders."""
        encoded = [{**job, "encodingTime": 50} for job in JOBS]
        for strategy in ("1", "2a", "2c:3"):
            mine, theirs = tv.simulate(path, strategy, WORLD), tv.simulate(encoded, strategy, WORLD)
            assert mine.summary == theirs.summary
            pd.testing.assert_frame_equal(mine.events, theirs.events)
            pd.testing.assert_frame_equal(mine.publishers, theirs.publishers)

    @pytest.mark.full
    def test_everything_that_follows(self, path: Path, tmp_path: Path) -> None:
        run = tv.simulate(path, "2c:3", WORLD)
        run.save(tmp_path / "run")
        again = tv.load_run(tmp_path / "run")
        assert again.catalogue == run.catalogue
        pd.testing.assert_frame_equal(again.videos, run.videos)
        study = tv.compare(path, ["2a", "2c:3"], WORLD, replications=20, progress=False)
        assert len(study["2a"].on_time) == 40
        study.report(tmp_path / "report.html")
        assert not re.search(r"\bnan\b", (tmp_path / "report.html").read_text(encoding="utf-8"), re.IGNORECASE)
        assert tv.plots.on_time_map(study["2a"]) is not None
        assert run.catalogue._repr_html_()

    @pytest.mark.parametrize(
        "simulated",
        [
            lambda path: tv.simulate(path, "2c"),
            lambda path: tv.compare(path, ["2c"], replications=2),
            lambda path: tv.replicate(path, "2c", replications=2),
            lambda path: tv.replay(path, "2c", speed="max"),
        ],
    )
    def test_encoders_need_it(self, simulated: Any, path: Path) -> None:
        with pytest.raises(tv.CatalogueError) as caught:
            simulated(path)
        assert str(caught.value) == (
            "video 'job0' of 'jobs.jsonl' has no encodingTime, which encoders need: add it, or leave encoding "
            "out with encoders=None (--encoders none)"
        )

    def test_the_first_without_is_named(self) -> None:
        some = tv.Catalogue(
            [tv.Video("a", encoding_time=1, publication_timeout=5), tv.Video("b", publication_timeout=5)]
        )
        with pytest.raises(tv.CatalogueError, match="video 'b' of 'catalogue' has no encodingTime"):
            tv.simulate(some, "2c")

    def test_explain(self, path: Path) -> None:
        found = WORLD.explain(tv.read_catalogue(path))
        assert (found.encoding_time, found.arrival_rate) == (None, 0.5)


class TestCommands:
    def test_run(self, path: Path) -> None:
        status, out, err = tv2sim("run", path, "--encoders", "none")
        assert (status, out[:6], err) == (0, "stats:", "")
        status, out, err = tv2sim("run", path)
        assert (status, out, is_one_line(err)) == (2, "", True)
        assert "--encoders none" in err

    @pytest.mark.parametrize("options", [[], ["--encoders", "none"]])
    def test_check(self, path: Path, options: list[str]) -> None:
        status, out, err = tv2sim("check", path, *options)
        assert (status, err) == (0, "")
        missing = "encoding time        missing in 40 of 40 videos: simulate without encoders (--encoders none)"
        assert (missing in out) == ("requests" in out) == (not options)
        assert "nan" not in out

    def test_a_replay_of_a_pipe(self) -> None:
        catalogue = replay("-", "--encoders", "none", stdin=lines(JOBS))
        assert catalogue.status == 0
        assert catalogue.out.endswith(f"{tv.simulate(JOBS, '2c', WORLD).stats}\n")

    def test_import(self, path: Path) -> None:
        status, out, _ = tv2sim("import", "encodingTime=none", path)
        assert (status, len(out.splitlines()), "encodingTime" in out) == (0, 40, False)

    @pytest.mark.parametrize("command", ["run", "compare", "replay"])
    def test_videos_arrive_in_the_order_of_submission(self, command: str, tmp_path: Path) -> None:
        (tmp_path / "jobs.jsonl").write_bytes(lines(JOBS))
        (tmp_path / "mixed.jsonl").write_bytes(lines(JOBS[::-1]))
        more = {
            "compare": "--replications 2 --strategies 2c --format csv",
            "replay": "--speed max --port none",
        }
        options = ["--encoders", "none", *more.get(command, "").split()]
        ordered = tv2sim(command, tmp_path / "jobs.jsonl", *options)
        mixed = tv2sim(command, tmp_path / "mixed.jsonl", *options)
        assert mixed.out.replace("mixed", "jobs") == ordered.out
        assert "mixed.jsonl: sorted by submittedAt, since videos arrive in this order" in mixed.err
        assert "sorted" not in ordered.err

    def test_with_encoders_the_order_is_that_of_the_file(self, tmp_path: Path) -> None:
        encoded = [{**job, "encodingTime": 1} for job in JOBS[::-1]]
        (tmp_path / "mixed.jsonl").write_bytes(lines(encoded))
        assert "sorted" not in tv2sim("run", tmp_path / "mixed.jsonl").err
