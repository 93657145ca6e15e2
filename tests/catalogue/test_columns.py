"""Logs that others wrote: what a mapping says, what is taken by it, and what is left out and why.

Times are by hand: the logs in `logs` are made up, in the formats of GitLab, GitHub and Kubernetes.
"""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.commands import SAMPLE
from tests.helpers.sizes import examples
from tv2sim.catalogue import batches
from tv2sim.catalogue.batches import moments, numbers
from tv2sim.catalogue.columns import Column, Constant, Sum, as_columns, shipped
from tv2sim.catalogue.videos import UNKNOWN

LOGS = Path(__file__).parent / "logs"
SAME = "encodingTime=0,publicationTimeout=30"
JOBS = f"id=job,title=name,submittedAt=created,publishingTime=finished-started,{SAME}"

HEADER = ["job", "name", "created", "started", "finished"]
ROWS = [
    ["7", "build, all", "2026-03-02T08:00:00.25Z", "2026-03-02T08:00:02Z", "2026-03-02T08:00:12.5Z"],
    ["8", 'a "quoted"\nname', "2026-03-02 09:00:01+01:00", "2026-03-02T08:00:02Z", "2026-03-02T08:00:03Z"],
    ["9", "", "2026-03-02T08:00:00Z", "2026-03-02T08:00:02Z", "2026-03-02T08:00:02Z"],
]
RECORDS = [dict(zip(HEADER, row, strict=True)) for row in ROWS]


def csv_of(rows: list[list[str]], header: list[str] = HEADER, **options: Any) -> str:
    return str(pd.DataFrame(rows, columns=header).to_csv(index=False, **options))


def reasons(catalogue: tv.Catalogue) -> list[tuple[int, str]]:
    return [(line, reason) for line, reason, _ in catalogue.rejected]


# -- every kind of source ----------------------------------------------------------------------------------


def as_csv(folder: Path) -> Any:
    path = folder / "log.csv"
    path.write_text(csv_of(ROWS), encoding="utf-8-sig", newline="")
    return path


def as_tsv(folder: Path) -> Any:
    path = folder / "log.tsv"
    path.write_text(csv_of(ROWS, sep="\t", lineterminator="\r\n"), newline="")
    return path


def as_parquet(folder: Path) -> Any:
    pytest.importorskip("pyarrow")
    pd.DataFrame(RECORDS).to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def as_times(folder: Path) -> Any:
    frame = pd.DataFrame(RECORDS)
    for name in HEADER[2:]:
        frame[name] = pd.to_datetime(frame[name], format="ISO8601", utc=True)
    return frame


SOURCES: dict[str, Callable[[Path], Any]] = {
    "CSV": as_csv,
    "TSV": as_tsv,
    "CSV without a name": lambda folder: io.StringIO(csv_of(ROWS, sep=";")),
    "Parquet": as_parquet,
    "data frame": lambda folder: pd.DataFrame(RECORDS),
    "data frame with times": as_times,
    "records": lambda folder: RECORDS,
    "iterator": lambda folder: iter(RECORDS),
    "JSON lines": lambda folder: io.BytesIO(b"\n".join(json.dumps(one).encode() for one in RECORDS)),
    "a list in one line": lambda folder: io.StringIO(json.dumps(RECORDS)),
    "two pages": lambda folder: io.StringIO(json.dumps(RECORDS[:1]) + "\n" + json.dumps(RECORDS[1:])),
    "JSON document": lambda folder: io.StringIO(json.dumps(RECORDS, indent=1)),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_catalogue(kind: str, tmp_path: Path) -> None:
    catalogue = tv.read_catalogue(SOURCES[kind](tmp_path), columns=JOBS)
    assert list(catalogue) == [
        tv.Video("7", "build, all", "", 0, 30, 0.25, 10.5),
        tv.Video("8", 'a "quoted"\nname', "", 0, 30, 1.0, 1.0),
        tv.Video("9", "", "", 0, 30, 0.0, 0.0),
    ]
    assert catalogue.rejected == ()
    survey = tv.survey_catalogue(SOURCES[kind](tmp_path), columns=JOBS)
    assert survey.publishing_time is not None
    assert (len(survey), survey.publishing_time.tolist()) == (3, [10.5, 1.0, 0.0])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_with_the_names_of_a_catalogue_needs_no_mapping(kind: str, tmp_path: Path) -> None:
    catalogue = tv.read_catalogue(SAMPLE)[:]
    frame = catalogue.frame.assign(submitted_at=np.arange(10) / 3, priority=[1, math.nan] * 5)
    path = tmp_path / f"table.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    assert tv.read_catalogue(path) == tv.read_catalogue(frame)
    assert tv.simulate(path).stats == tv.simulate(frame).stats
    assert len(tv.survey_catalogue(path)) == 10


def test_a_catalogue_is_not_mapped_again() -> None:
    with pytest.raises(tv.CatalogueError, match="not read yet"):
        tv.read_catalogue(tv.generate_catalogue(3), columns=SAME)


# -- the formats that ship ---------------------------------------------------------------------------------


def test_gitlab() -> None:
    found = tv.import_catalogue(LOGS / "gitlab.json", "gitlab")
    assert list(found.catalogue) == [
        tv.Video("901", "build", "autoscaled-3", UNKNOWN, 60, 0.0, 42.125),
        tv.Video("902", "test", "", UNKNOWN, 60, 4.25, 30.75),  # 09:00:04.25+01:00
    ]
    assert reasons(found.catalogue) == [(2, "left out: it never ended in this log")]
    assert (found.startup_times.tolist(), found.without_startup_time) == ([], {})


def test_github() -> None:
    found = tv.import_catalogue(LOGS / "github.jsonl", "github,publicationTimeout=5")
    assert list(found.catalogue) == [
        tv.Video("13", "job 13", "pool", UNKNOWN, 5, 0.0, 11.0),
        tv.Video("11", "job 11", "pool", UNKNOWN, 5, 1.0, 30.0),
    ]
    assert reasons(found.catalogue) == [
        (1, "left out: another record of the same job says more"),
        (2, "left out: it never started"),
        (3, "left out: another record of the same job says more"),
        (4, "left out: another record of the same job says more"),
        (6, "the id '11' was seen before, in line 5"),
    ]


def test_kubernetes() -> None:
    found = tv.import_catalogue(LOGS / "kubernetes.json", "kubernetes")
    assert found.catalogue.ids == ("p-1", "p-2", "p-3")
    assert found.catalogue.titles == ("worker-1", "worker-2", "worker-3")
    assert found.catalogue.submitted_at is not None
    assert found.catalogue.submitted_at.tolist() == [0, 3, 5]
    assert found.startup_times.tolist() == [6, 4]
    ready = "status.conditions[type=Ready,status=True].lastTransitionTime"
    assert found.without_startup_time == {f"{ready} is missing": 1}


def test_a_watched_pod_is_a_line_without_a_list() -> None:
    pods = json.loads((LOGS / "kubernetes.json").read_text())["items"]
    found = tv.import_catalogue(pods, "kubernetes")
    assert found.startup_times.tolist() == [6, 4]


@pytest.mark.parametrize(
    ("log", "mapping"),
    [("gitlab.json", "gitlab"), ("github.jsonl", "github"), ("kubernetes.json", "kubernetes")],
)
def test_jobs_are_for_a_world_without_encoders(log: str, mapping: str) -> None:
    jobs = tv.import_catalogue(LOGS / log, mapping).catalogue
    with pytest.raises(tv.CatalogueError, match="has no encodingTime, which encoders need"):
        tv.simulate(jobs, "2c")
    assert len(tv.simulate(jobs, "2c", tv.Scenario(encoders=None)).videos) == len(jobs)


@pytest.mark.parametrize("name", ["github", "github_jobs", "gitlab", "kubernetes"])
def test_what_ships_says_where_the_format_is_described(name: str) -> None:
    assert 'source = "https://' in shipped()[name]


# -- the mapping -------------------------------------------------------------------------------------------


def test_a_mapping_in_all_its_forms(tmp_path: Path) -> None:
    text = "id=job_id,submittedAt=created_at,publishingTime=finished_at-started_at,publicationTimeout=30"
    toml = '[columns]\nid = "job_id"\nsubmittedAt = "created_at"\npublicationTimeout = 30\n'
    toml += 'publishingTime = "finished_at - started_at"\n'
    (tmp_path / "mapping.toml").write_text(toml)
    columns: dict[str, Any] = {
        "id": "job_id",
        "submitted_at": "created_at",
        "publishing_time": "finished_at - started_at",
        "publicationTimeout": 30,
    }
    (tmp_path / "mapping.json").write_text(json.dumps({"columns": columns}))
    expected = {
        "id": Column("job_id", ("job_id",)),
        "submitted_at": Column("created_at", ("created_at",)),
        "publishing_time": Sum(Column("finished_at", ("finished_at",)), Column("started_at", ("started_at",))),
        "publication_timeout": Constant("30", 30),
    }
    for form in (text, columns, tmp_path / "mapping.toml", tmp_path / "mapping.json"):
        assert as_columns(form).fields == expected
    mixed = as_columns(f"title='a, b',{tmp_path / 'mapping.toml'},id='x'")
    assert mixed.constants == {"title": "a, b", "publicationTimeout": "30", "id": "x"}
    assert mixed.fields["submitted_at"] == expected["submitted_at"]


RECORD = {
    "flat": 1,
    "a": {"b": {"c": 2}, "list": [{"k": "x", "v": 3}, {"k": "y", "s": True, "v": 4}]},
    "a.b.c": 5,
    "created-at": 6,
    "x.y": 7,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("flat", 1),
        ("a.b.c", 2),
        ("a.list[0].v", 3),
        ("a.list[k=y].v", 4),
        ("a.list[k=y, s=True].v", 4),
        ('"created-at"', 6),
        ('"x.y"', 7),
        ('a."b".c', 2),
        ("a.list[k=z].v", None),
        ("a.list[7].v", None),
        ("flat.b", None),
        ("nothing.at.all", None),
    ],
)
def test_the_name_of_a_column(text: str, value: object) -> None:
    expression = as_columns({"priority": text}).fields["priority"]
    assert isinstance(expression, Column)
    assert expression.of(RECORD) == value


def test_a_flat_column_goes_before_a_nested_one() -> None:
    record = {"id": "a", "a.b": 1, "a": {"b": 2}, "c": {"b": 3}}
    for source in ([record], pd.DataFrame([record])):
        for column, value in (("a.b", 1), ("c.b", 3)):
            (video,) = tv.read_catalogue(source, columns=f"encodingTime={column},publicationTimeout=9")
            assert video.encoding_time == value


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("idd=job", "a video has no field 'idd'; it has id, title"),
        ("encodingtime=3", "did you mean encodingTime?"),
        ("id=a b", "id must be a column"),
        ("id=", "id must be a column"),
        ("submittedAt=a-'x'", "submittedAt must be a column, a sum"),
        ("title=a or b", "title must be a column or a text in single quotes, not the choice 'a or b'"),
        ("id=a+b", "not the sum 'a+b'"),
        ("priority=a or", "priority must be a column"),
        ("publicationTimeout=a or 0", "publicationTimeout must be a finite number greater than 0, not 0.0"),
        ("id=a-b", "not the difference 'a-b' (a column with '-' in its name is in double quotes)"),
        ("publishingTime=a-b-c", "publishingTime must be a column"),
        ("publicationTimeout=0", "publicationTimeout must be a finite number greater than 0, not 0.0"),
        ("encodingTime='x'", "encodingTime must be a finite number of at least 0, not 'x'"),
        ("publicationTimeout=none", "publicationTimeout cannot be none"),
        ("nowhere.toml", "cannot read the mapping 'nowhere.toml': No such file or directory; it is field=e"),
        ({"id": True}, "id must be a column"),
        ({"priority": None}, "priority must be a column"),
        (7, "columns are a text, a dictionary or a file, not 7"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused(given: Any, says: str) -> None:
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue([{"id": "a"}], columns=given)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("columns = 3", "Expected `object`, got `int` - at `$.columns`"),
        ("[column]\nid = 'a'", "unknown field `column`"),
        ("[columns]\n[more]", "contains unknown field `more`"),
        ("[columns", "Expected ']'"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(tv.CatalogueError, match=r"'.*m\.toml' is no mapping file: ") as caught:
        as_columns(tmp_path / "m.toml")
    assert says in str(caught.value)


def test_none_is_not_even_the_column_of_its_name() -> None:
    record = {"id": "a", "encodingTime": 1, "publicationTimeout": 2, "priority": "high"}
    assert reasons_alone(record, "title='x'") == [(2, "the field priority is no number: 'high'")]
    (video,) = tv.read_catalogue([record], columns="priority=none")
    assert video.priority is None


def reasons_alone(record: object, columns: str) -> list[tuple[int, str]]:
    good = {"id": "good", "encodingTime": 1, "publicationTimeout": 2}
    return reasons(tv.read_catalogue([good, record], columns=columns))


# -- times plus and minus seconds, choices, filters --------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "submitted"),
    [
        ("started-waited", [0.0, 2.5]),
        ("started - waited", [0.0, 2.5]),
        ("waited + started", [0.0, 0.5]),
        ("started - 1", [0.0, 1.5]),
        ("nothing or started", [0.0, 1.5]),
        ("nothing - waited or started - waited or created", [0.0, 2.5]),
        ('"not or there" or started', [0.0, 1.5]),
    ],
)
def test_a_time_of_day_plus_or_minus_seconds(text: str, submitted: list[float]) -> None:
    jobs = [
        {"id": "a", "started": "2026-03-02T08:00:02.5Z", "waited": 1.5},
        {"id": "b", "started": "2026-03-02T09:00:04+01:00", "waited": "0.5"},
    ]
    for source in (jobs, pd.DataFrame(jobs).assign(nothing=None, **{"not or there": None})):
        catalogue = tv.read_catalogue(source, columns=f"{SAME},submittedAt={text}")
        assert catalogue.submitted_at is not None
        assert catalogue.submitted_at.tolist() == submitted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("created + created", "submittedAt: created + created adds two times of day"),
        ("waited - created", "submittedAt: waited - created takes a time of day from a number of seconds"),
        ("created - queued", "submittedAt: queued is missing"),
        ("created - queued or began", "submittedAt: queued is missing, and began is missing"),
    ],
)
def test_a_sum_that_is_no_time(text: str, reason: str) -> None:
    good = {"id": "good", "publicationTimeout": 2, "submittedAt": 1}
    record = {"created": RECORDS[0]["created"], "waited": 3} | good
    with pytest.raises(tv.CatalogueError, match=r"no valid video in 'records'") as caught:
        tv.read_catalogue([record], columns={"submittedAt": text})
    assert reason in str(caught.value)


def test_the_first_choice_that_has_a_value_counts_and_the_import_says_for_how_many_it_is_another() -> None:
    jobs = [{"id": "a", "took": 3, "spent": 4}, {"id": "b", "took": None, "spent": 5}, {"id": "c"}]
    found = tv.import_catalogue(jobs, "publishingTime=took or spent,publicationTimeout=most or 30,title=none")
    assert [(one.id, one.publishing_time, one.publication_timeout) for one in found.catalogue] == [
        ("a", 3, 30), ("b", 5, 30),
    ]  # fmt: skip
    assert reasons(found.catalogue) == [(3, "publishingTime: took is missing, and spent is missing")]
    assert found.notes == {
        "publicationTimeout is 30, as most has no value": 2,
        "publishingTime is spent, as took has no value": 1,
    }


FILTERED = """
[only]
state = ["passed", "failed"]
labels = "self-hosted"
cached = false

[left_out.draft]
reason = "it is a draft"
where = [{ name = "draft*" }, { name = "", number = 3 }]
unless = { labels = ["real", "important"] }

[kept.failed]
reason = "failed"
where = { state = "failed" }

[columns]
id = "id"
encodingTime = 0
publicationTimeout = 30
"""


def test_filters_have_several_values_and_look_into_lists(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(FILTERED)
    good = {"state": "passed", "labels": ["linux", "self-hosted"], "cached": False, "name": "x"}
    changes: list[dict[str, Any]] = [
        {}, {"state": "failed"}, {"state": "new"}, {"state": None}, {"labels": ["linux"]}, {"labels": []},
        {"labels": "self-hosted"}, {"cached": True}, {"name": "draft 7"}, {"name": "a draft"},
        {"name": None, "number": 3.0}, {"name": None, "number": 4},
        {"name": "draft", "labels": ["self-hosted", "real"]},
    ]  # fmt: skip
    jobs = [good | change | {"id": str(n)} for n, change in enumerate(changes)]
    found = tv.import_catalogue(jobs, tmp_path / "m.toml")
    assert found.catalogue.ids == ("0", "1", "6", "9", "11", "12")
    assert found.notes == {"failed": 1}
    assert reasons(found.catalogue) == [
        (3, "left out: state is 'new', not passed or failed"),
        (4, "left out: state is missing"),
        (5, "left out: labels is \"['linux']\", not self-hosted"),
        (6, "left out: labels is '[]', not self-hosted"),
        (8, "left out: cached is 'True', not False"),
        (9, "left out: it is a draft"),
        (11, "left out: it is a draft"),
    ]
    kept = tv.import_catalogue(jobs, f"{tmp_path / 'm.toml'},draft=keep")
    assert len(kept.catalogue) == 8
    assert kept.notes == {"it is a draft": 2, "failed": 1}
    with pytest.raises(tv.CatalogueError, match="draft is left out by the mapping; draft=keep keeps it, not"):
        as_columns(f"{tmp_path / 'm.toml'},draft=yes")


# -- the time zone -----------------------------------------------------------------------------------------


def test_a_catalogue_has_the_time_zone_that_is_given_and_its_first_line_keeps_it(tmp_path: Path) -> None:
    found = tv.import_catalogue(RECORDS, JOBS, timezone="Europe/Copenhagen")
    catalogue = found.catalogue
    assert (catalogue.timezone, found.timezone_from) == ("Europe/Copenhagen", "given")
    assert (catalogue[:1].timezone, catalogue.by_submission().timezone) == (catalogue.timezone,) * 2
    lines = list(catalogue.lines())
    assert [b"timezone" in line for line in lines] == [True, False, False]
    (tmp_path / "jobs.jsonl").write_bytes(b"\xef\xbb\xbf" + b"".join(lines))
    for source in (tmp_path / "jobs.jsonl", lines, [json.loads(line) for line in lines]):
        again = tv.read_catalogue(source)
        assert (again, again.timezone) == (catalogue, "Europe/Copenhagen")
    assert tv.read_catalogue([{"id": "a", "encodingTime": 1, "publicationTimeout": 2}]).timezone is None
    mine = {"id": "a", "encodingTime": 1, "publicationTimeout": 2, "timezone": 7}
    assert tv.read_catalogue([mine]).timezone is None  # any further field is ignored


def test_the_time_zone_is_that_of_the_log_or_utc() -> None:
    assert tv.read_catalogue(RECORDS, columns=JOBS).timezone == "UTC"  # offsets are no zone
    frame = pd.DataFrame(RECORDS)
    frame["created"] = pd.to_datetime(frame["created"], format="ISO8601", utc=True)
    for zone, expected in (("America/New_York", "log"), ("UTC+03:00", "default")):
        found = tv.import_catalogue(frame.assign(created=frame["created"].dt.tz_convert(zone)), JOBS)
        assert found.timezone_from == expected
        assert found.catalogue.timezone == ("UTC" if expected == "default" else zone)
    plain = tv.import_catalogue([{"id": "a", "submittedAt": 3}], SAME)
    assert (plain.catalogue.timezone, plain.timezone_from) == (None, "")


@pytest.mark.parametrize("kind", ["records", "table", "times"])
def test_times_without_an_offset_are_times_of_the_zone(kind: str) -> None:
    """The clocks of Copenhagen go from 2:00 to 3:00 on 29 March 2026."""
    times = ["2026-03-29T01:30:00", "2026-03-29T03:30:00", "2026-03-29T03:00:00Z"]
    if kind == "times":
        times = times[:2]
    frame = pd.DataFrame({"id": ["a", "b", "c"][: len(times)], "at": times})
    if kind == "times":
        frame["at"] = pd.to_datetime(frame["at"])
    source = frame.to_dict("records") if kind == "records" else frame
    local = tv.read_catalogue(source, columns=f"{SAME},submittedAt=at,timezone=Europe/Copenhagen")
    assert local.submitted_at is not None
    assert local.submitted_at.tolist() == [0.0, 3600.0, 9000.0][: len(times)]


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ("Europe/Kopenhagen", "no time zone of the IANA database: did you mean Europe/Copenhagen?"),
        ("+01:00", "'+01:00' is no time zone of the IANA database, such as Europe/Copenhagen or UTC"),
        ("../x", "is no time zone of the IANA database"),
        ("", "is no time zone of the IANA database"),
        (7, "7 is no time zone of the IANA database"),
    ],
)
def test_a_wrong_time_zone_is_refused(zone: Any, says: str) -> None:
    with pytest.raises(tv.CatalogueError) as caught:
        tv.import_catalogue(RECORDS, JOBS, timezone=zone)
    assert says in str(caught.value)


# -- what is rejected --------------------------------------------------------------------------------------

START = 1_772_438_400  # 2026-03-02T08:00:00Z


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"job": ""}, "id: job is missing"),
        ({"job": None}, "id: job is missing"),
        ({"job": True}, "id: job is no text: True"),
        ({"created": ""}, "submittedAt: created is missing"),
        ({"created": "soon"}, "submittedAt: created is no time: 'soon'"),
        ({"created": "now"}, "submittedAt: created is no time: 'now'"),
        ({"created": "2026-13-02"}, "submittedAt: created is no time: '2026-13-02'"),
        ({"created": "0001-01-01"}, "submittedAt: created is no time from 1970 to 2106: '0001-01-01'"),
        ({"created": 5}, "submittedAt is a number of seconds, but a timestamp in lines before"),
        ({"finished": None}, "publishingTime: finished is missing"),
        ({"finished": "2026-03-02T07:59:59Z"}, "publishingTime must be at least 0"),
        ({"finished": 3}, "publishingTime: finished - started takes a time of day from a number of seconds"),
        (
            {"started": 3},
            "publishingTime: finished - started is a time of day, and publishingTime a number of seconds",
        ),
        ({"finished": math.inf}, "publishingTime: finished is no finite time: inf"),
        ({"name": ["x"]}, "title: name is no text: ['x']"),
        ({"name": "\ud800"}, "a text in it is not valid UTF-8"),
        ({"job": "7"}, "the id '7' was seen before, in line 1"),
    ],
)  # fmt: skip
def test_a_record_is_rejected_with_the_reason(change: dict[str, Any], reason: str) -> None:
    catalogue = tv.read_catalogue([RECORDS[0], RECORDS[1] | change], columns=JOBS)
    assert reasons(catalogue) == [(2, reason)]
    assert catalogue.ids == ("7",)


def test_a_number_is_judged_like_that_of_a_catalogue() -> None:
    table = "id,encodingTime,publicationTimeout,submittedAt,priority\na,1,2,,\nb,-1,2,,\nc,1,0,3,\nd,,2,,\n"
    table += "e,x,2,,\nf,1,2,-3,\ng,1,4294967297,1,2\nh,1e999,2,,\n,1,2,,\ni,1_0,2,,\nj, 1 ,2,0.1,-3.5\n"
    catalogue = tv.read_catalogue(io.StringIO(table), columns={})
    assert list(catalogue) == [tv.Video("a", "", "", 1, 2), tv.Video("j", "", "", 1, 2, 0.1, priority=-3.5)]
    assert reasons(catalogue) == [
        (3, "encodingTime must be at least 0"),
        (4, "publicationTimeout must be greater than 0"),
        (5, "the field encodingTime is missing"),
        (6, "the field encodingTime is no number: 'x'"),
        (7, "submittedAt must be at least 0"),
        (8, "publicationTimeout must be at most 4294967296 s"),
        (9, "the field encodingTime is no finite number: inf"),
        (10, "id must not be empty"),
        (11, "the field encodingTime is no number: '1_0'"),
    ]
    assert catalogue.rejected[0].text == "b,-1,2,,"


def test_lines_of_a_csv_file_are_counted_with_those_of_its_values() -> None:
    text = '\n"id","encodingTime","publicationTimeout"\r\n"a\nb",1,2\n\n"c",1\nd,1,2,3\n"e,1,2\n'
    catalogue = tv.read_catalogue(io.StringIO(text), columns={})
    assert catalogue.ids == ("a\nb",)
    assert catalogue.rejected == (
        (6, "it has 2 values, but the header has 3", '"c",1'),
        (7, "it has 4 values, but the header has 3", "d,1,2,3"),
        (8, "a quote opens in it and is not closed", '"e,1,2'),
    )


BAD_ROWS = {
    "a value beyond the limit": (
        f"bad,{'x' * 140_000},1,5\n",
        "a value in it is longer than 131,072 characters",
    ),
    "a lone CR": ("bad,a\rb,1,5\n", "a carriage return stands in it, outside of quotes"),
    "a quote that opens": ('bad,"a,1,5\n', "a quote opens in it and is not closed"),
    "a quote that opens at the end": ('bad,a,1,"5\n', "a quote opens in it and is not closed"),
    "a value too few": ("bad,1,5\n", "it has 3 values, but the header has 4"),
}


@pytest.mark.parametrize("bad", BAD_ROWS)
@pytest.mark.parametrize(
    "after", ['b,"B, 1",1,5\n', "b,B,1,5\n", '"b","B",1,5\n', 'b,"a\nb",1,5\n', "\nb,B,1,5"]
)
@pytest.mark.parametrize("rows", [1, 3, 5000])
def test_one_bad_row_loses_one_row(bad: str, after: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv2sim.catalogue.batches._ROWS", rows)
    row, reason = BAD_ROWS[bad]
    text = f'id,title,encodingTime,publicationTimeout\na,"A\n""1""",1,5\n{row}{after}'
    text += "".join(f"c{n},C,1,5\n" for n in range(5)) if text.endswith("\n") else ""
    found = tv.read_catalogue(io.BytesIO(text.encode()), columns={})
    assert [(one.line, one.reason, one.text) for one in found.rejected] == [(4, reason, row[:200].rstrip("\n"))]
    assert found.ids[:2] == ("a", "b")
    assert len(found) == 2 + 5 * text.endswith("\n")
    assert found.titles[0] == 'A\n"1"'


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (gzip.compress(gzip.compress(b"id,b\n1,2\n")), "(the file is compressed: unpack it with gunzip)"),
        ("id,b\n1,2\n".encode("utf-16"), "(the file is UTF-16: save it as UTF-8)"),
        ("id,b\n1,2\n".encode("utf-16-le"), "(the file is UTF-16: save it as UTF-8)"),
        ("id,b\n1,2\n".encode("utf-16-be"), "(the file is UTF-16: save it as UTF-8)"),
        (b"id,b\r1,2\r", "(the file's line ends are CR alone: save it with LF or CRLF)"),
    ],
    ids=["gzip twice", "UTF-16", "UTF-16LE", "UTF-16BE", "CR"],
)
def test_a_table_of_another_kind_is_told(data: bytes, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue(path)
    assert str(caught.value) == f"cannot read 'log.csv' as a table {hint}"


def test_a_header_has_each_name_once(tmp_path: Path) -> None:
    text = "id,b,id,,\n1,2,3,,\n"
    frame = pd.DataFrame([["1", 2, "3"]], columns=["id", "b", "id"])
    for source in (io.StringIO(text), frame):
        with pytest.raises(tv.CatalogueError, match=r"has several columns named 'id': rename them"):
            tv.read_catalogue(source, columns="encodingTime=b,publicationTimeout=5")
    again = io.StringIO(text.replace(",id", ",c"))
    assert len(tv.read_catalogue(again, columns="encodingTime=b,publicationTimeout=5")) == 1


def test_a_missing_column_says_what_there_is_and_what_helps() -> None:
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue(io.StringIO("job,made\n1,2\n"), columns=SAME)
    assert str(caught.value) == (
        "'records' has no column 'id': map it to a column; it has job, made. --columns (columns=) takes a "
        "mapping, as id=job, and tv2sim import makes a catalogue of a log"
    )


@pytest.mark.parametrize(
    ("source", "columns", "says"),
    [
        ("", SAME, "no valid video in 'records': it is empty"),
        ("id\n", SAME, "no valid video in 'records': it is empty"),
        ("job\n1\n", SAME, "'records' has no column 'id': map it to a column"),
        ("id\n1\n", "encodingTime=0", "'publicationTimeout': map it to a column or a number, as in columns='"),
        ("job-id;b\n1;2\n", f"id=jobid,{SAME}", "'jobid'; it has job-id, b; in a mapping a name with '-'"),
        ("id\ra\r", SAME, "cannot read 'records' as a table (the file's line ends are CR alone"),
        ('\n"id,b\n1,2\n', SAME, "cannot read 'records': line 2: a quote opens in it and is not closed"),
        ('{\n"id": 3\n', SAME, "1 line rejected, the first, line 1, because no JSON: the line ends too"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_at_all(source: str, columns: str, says: str) -> None:
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue(io.BytesIO(source.encode()), columns=columns)
    assert says in str(caught.value)


def test_broken_lines_of_json_are_rejected_as_in_a_catalogue() -> None:
    lines = [json.dumps(RECORDS[0]), "nonsense", "[1]", '"text"', "", json.dumps(RECORDS[1])]
    catalogue = tv.read_catalogue(lines, columns=JOBS)
    assert catalogue.ids == ("7", "8")
    assert [(line, reason.partition(" (")[0]) for line, reason in reasons(catalogue)] == [
        (2, "no JSON: invalid character"),
        (3, "the line must be a JSON object, not int"),
        (4, "the line must be a JSON object, not str"),
    ]


def test_many_batches_are_one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[str(n % 7), f"{n}\n" * (n % 3), str(START + n), "1", "2"] for n in range(9)]
    whole = tv.read_catalogue(io.StringIO(csv_of(rows)), columns=JOBS)
    assert len(whole.rejected) == 2
    for size in (1, 2, 4):
        monkeypatch.setattr(batches, "_ROWS", size)
        for source in (io.StringIO(csv_of(rows)), pd.DataFrame(rows, columns=HEADER)):
            part = tv.read_catalogue(source, columns=JOBS)
            assert list(part) == list(whole)
            assert [one.reason.split(",")[0] for one in part.rejected] == [
                one.reason.split(",")[0] for one in whole.rejected
            ]


# -- numbers and times -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
@pytest.mark.parametrize("kind", [int, float, str])
def test_epochs_of_every_unit_become_seconds_from_the_first(unit: int, kind: Callable[[Any], Any]) -> None:
    if (kind, unit) == (float, 10**9):
        return  # a float does not hold nanoseconds
    records = [{"id": str(n), "created": kind((START + n) * unit)} for n in (5, 3, 9)]
    catalogue = tv.read_catalogue(records, columns=f"submittedAt=created,{SAME}")
    assert catalogue.submitted_at is not None
    assert catalogue.submitted_at.tolist() == [2, 0, 6]


def test_a_number_that_is_no_epoch_stays_as_it_is() -> None:
    records = [{"id": "a", "at": 5}, {"id": "b", "at": 2.5}, {"id": "c", "at": 1e-9}]
    catalogue = tv.read_catalogue(records, columns=f"submittedAt=at,{SAME}")
    assert catalogue.submitted_at is not None
    assert catalogue.submitted_at.tolist() == [5, 2.5, 1e-9]


def test_a_microsecond_is_exact() -> None:
    times = ["2026-03-02T08:00:00.000001Z", "2026-03-02T08:00:00Z", "2026-03-02T08:00:00.3Z"]
    records = [{"id": time, "at": time, "end": "2026-03-02T08:00:01.000002Z"} for time in times]
    catalogue = tv.read_catalogue(records, columns=f"submittedAt=at,publishingTime=end-at,{SAME}")
    assert catalogue.submitted_at is not None
    assert catalogue.publishing_time is not None
    assert catalogue.submitted_at.tolist() == [0.000001, 0, 0.3]
    assert catalogue.publishing_time.tolist() == [1.000001, 1.000002, 0.700002]


instants = st.datetimes(
    datetime(1970, 1, 1),
    datetime(2105, 12, 31),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
)
cells = st.one_of(
    instants.map(lambda one: one.isoformat()),
    instants.map(lambda one: one.isoformat(" ", "milliseconds")),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(["", "now", "2024", "2024-11", "1_0", "٣", "0x10", "1e3", " 7 ", "NaN", "inf", "-"]),
    st.text(max_size=6),
)


@settings(max_examples=examples(150))
@given(st.lists(cells, min_size=1, max_size=6))
def test_a_column_is_read_as_its_values_are_one_by_one(column: list[str]) -> None:
    found, why = numbers(column)
    ticks, stamped, why_not = moments(column)
    for row, cell in enumerate(column):
        alone, reason = numbers([cell, None])  # None, so that each is looked at
        np.testing.assert_array_equal(found[row], alone[0])
        assert why.get(row) == reason.get(0)
        if len(cell) >= 10:  # pandas takes a month for a time as well
            tick, stamp, reason = moments([cell, None])
            np.testing.assert_array_equal(ticks[row], tick[0])
            assert (stamped[row], why_not.get(row)) == (stamp[0], reason.get(0))
