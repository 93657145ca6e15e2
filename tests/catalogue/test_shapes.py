"""Records in the layouts that exist: pages, pretty print, objects that hold the list, gzip, Arrow."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.catalogue.test_catalogue import line, video
from tv2sim.catalogue import sources

Records = list[dict[str, Any]]

SOME = settings(max_examples=100)
FEW = settings(max_examples=40)


def dumped(value: object, **options: Any) -> bytes:
    return json.dumps(value, **options).encode()


def one_by_line(records: Records) -> bytes:
    return b"[" + b",\n".join(map(dumped, records)) + b"]\n"


def held(key: str) -> Callable[[Records], dict[str, Any]]:
    return lambda page: {"total_count": len(page), "links": {"next": [1]}, key: page, "more": {"a": []}}


jobs, items = held("jobs"), held("items")

PAGES: dict[str, Callable[[Records], bytes]] = {
    "a list": dumped,
    "a printed list": lambda page: dumped(page, indent=2),
    "a list printed flat": lambda page: dumped(page, indent=0),
    "a list by line": one_by_line,
    "a list by line, commas first": lambda page: b"[\n" + b"\n, ".join(map(dumped, page)) + b"\n]",
}
HOLDERS: dict[str, Callable[[Records], bytes]] = {
    "an object": lambda page: dumped(jobs(page)),
    "a printed object": lambda page: dumped(jobs(page), indent=4),
}
OTHERS: dict[str, Callable[[Records], bytes]] = {
    "lines": lambda page: b"\n".join(map(dumped, page)),
    "printed records": lambda page: b"\n".join(dumped(one, indent=2) for one in page),
}

texts = st.one_of(
    st.text(st.sampled_from('"\\{}[],: \né'), max_size=8),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
nested = st.recursive(
    st.one_of(texts, st.integers(), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=12,
)


@st.composite
def pages_of_records(draw: st.DrawFn) -> list[Records]:
    count = draw(st.integers(1, 7))
    records = [video(n, title=draw(texts), more=draw(nested)) for n in range(count)]
    size = draw(st.integers(1, count))
    return [records[at : at + size] for at in range(0, count, size)]


def read(data: bytes, columns: Any = None) -> tv.Catalogue:
    return tv.read_catalogue(io.BytesIO(data), columns=columns)


@pytest.fixture(scope="module")
def in_jobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mapping") / "jobs.toml"
    path.write_text('records = "jobs"\n[columns]\n')
    return path


@SOME
@given(pages_of_records(), st.sampled_from([*PAGES]), st.sampled_from([b"", b"\n", b"\r\n\n"]), st.data())
def test_pages_of_lists_are_one_catalogue(
    pages: list[Records], shape: str, end: bytes, data: st.DataObject
) -> None:
    expected = tv.read_catalogue([one for page in pages for one in page])
    shapes = [PAGES[shape], *(PAGES[data.draw(st.sampled_from([*PAGES]))] for _ in pages[1:])]
    text = end.join(write(page) for write, page in zip(shapes, pages, strict=True))
    chunk = data.draw(st.sampled_from([1, 7, 1 << 16]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "_PIECE", max(chunk, 16))
        for source in (text, gzip.compress(text)):
            assert read(source) == expected
            assert read(source, {}) == expected
        assert len(tv.survey_catalogue(io.BytesIO(text))) == len(expected)
        assert tv.read_catalogue(io.StringIO(text.decode(), newline="")) == expected
        assert tv.read_catalogue(text.splitlines(keepends=True)) == expected


@SOME
@given(pages_of_records(), st.sampled_from([*HOLDERS, *PAGES, *OTHERS]), st.sampled_from([b"\n", b"\r\n\n"]))
def test_pages_that_hold_the_list_are_one_catalogue(
    in_jobs: Path, pages: list[Records], shape: str, end: bytes
) -> None:
    write = (HOLDERS | PAGES | OTHERS)[shape]
    text = end.join(map(write, pages))
    expected = tv.read_catalogue([one for page in pages for one in page])
    assert read(text, in_jobs) == expected
    if shape in HOLDERS:
        assert read(text.replace(b"}\n{", b"}{"), in_jobs) == expected, "as curl writes pages"
    if shape not in HOLDERS:
        assert read(text) == expected


@FEW
@given(pages_of_records(), st.sampled_from([*HOLDERS, *PAGES]), st.integers(0, 1000))
def test_a_document_that_is_cut_off_gives_the_records_before(
    in_jobs: Path, pages: list[Records], shape: str, at: int
) -> None:
    text = b"".join(map((HOLDERS | PAGES)[shape], pages))
    found = valid(text[: len(text) * at // 1000], in_jobs)
    whole = list(tv.read_catalogue([one for page in pages for one in page]))
    assert list(found) == whole[: len(found)]
    assert at < 1000 or len(found) == len(whole)


def valid(text: bytes, columns: Any = None) -> list[tv.Video]:
    """Read what may hold no valid video at all."""
    try:
        return list(read(text, columns))
    except tv.CatalogueError as error:
        message = str(error)
    assert message.startswith(("no valid video in 'records'", "cannot unpack 'records': it "))
    return []


@pytest.mark.parametrize(
    "shape", [shape for shape in [*PAGES, *HOLDERS] if shape not in ("a list", "an object")]
)
@pytest.mark.parametrize("change", ['"', '",', "\\", "}", "{", '"}', '": {', '": [', "\n"])
@pytest.mark.parametrize("which", [0, 1, 3])
def test_one_broken_record_loses_one(in_jobs: Path, shape: str, change: str, which: int) -> None:
    """Something too much in one of four records, which stand on lines of their own."""
    text = (PAGES | HOLDERS)[shape]([video(n) for n in range(4)])
    at = text.index(b"Title %d" % which)
    found = valid(text[:at] + change.encode() + text[at:], in_jobs if shape in HOLDERS else None)
    assert {one.id for one in found} >= {f"v{n}" for n in range(4) if n != which}


def test_a_record_has_the_line_in_which_it_begins() -> None:
    records = [video(0), video(1, publicationTimeout=0), video(2), video(0)]
    reasons = ["publicationTimeout must be greater than 0", "the id 'v0' was seen before, in line {}"]
    for text, lines in (
        (one_by_line(records), (1, 2, 4)),
        (dumped(records), (1, 1, 1)),
        (b"\n" + dumped(records, indent=1), (3, 10, 24)),
        (dumped(records[:1]) + dumped(records[1:], indent=1), (1, 2, 16)),
    ):
        catalogue = read(text)
        assert catalogue.ids == ("v0", "v2")
        assert [(one.line, one.reason) for one in catalogue.rejected] == [
            (lines[1], reasons[0]),
            (lines[2], reasons[1].format(lines[0])),
        ]
        survey = tv.survey_catalogue(io.BytesIO(text))
        assert (len(survey), survey.rejected) == (2, catalogue.rejected)


def test_a_list_that_does_not_end_is_told() -> None:
    found = read(b"\n[" + line(1).rstrip() + b",\n" + line(2))
    assert found.ids == ("v1", "v2")
    assert found.rejected == ((2, "the list that begins here does not end", "["),)
    found = read(b"[" + line(1).rstrip() + b",\n" + line(2)[:30])
    assert [(one.line, one.reason) for one in found.rejected] == [(2, "no JSON: the line ends too early")]


def test_what_is_no_record_in_a_list_is_told() -> None:
    found = read(b"[" + line(1).strip() + b", 7, null\n, " + line(2).strip() + b", [" + line(3).strip() + b"]]")
    assert found.ids == ("v1", "v2")
    assert [one.line for one in found.rejected] == [1, 2]


def test_a_long_document_in_one_line_is_not_held(tmp_path: Path) -> None:
    path, rows = tmp_path / "long.json", 9000
    with path.open("wb") as file:
        file.write(b"[" + line(0).strip())
        file.writelines(b"," + line(n, more="x" * 6000).strip() for n in range(1, rows))
        file.write(b"]")
    assert path.stat().st_size > 54_000_000, "more than is held"
    tracemalloc.start()
    try:
        survey = tv.survey_catalogue(path)
        assert (len(survey), survey.rejected_lines) == (rows, 0)
        assert tracemalloc.get_traced_memory()[1] < 45_000_000
    finally:
        tracemalloc.stop()


# -- gzip --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "open", "bytes", "unbuffered", "stdin"])
def test_gzip_is_read_from_everywhere(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = line(1) + b"x\n" + line(2) + line(1)
    path = tmp_path / "catalogue"
    path.write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]))
    with path.open("rb", buffering=0 if kind == "unbuffered" else -1) as stream:
        if kind == "stdin":
            monkeypatch.setattr("sys.stdin", stream)
        source: Any = {"path": path, "bytes": io.BytesIO(path.read_bytes()), "stdin": "-"}.get(kind, stream)
        catalogue = tv.read_catalogue(source)
        stream.seek(0)
        if kind == "bytes":
            source.seek(0)
        survey = tv.survey_catalogue(source)
    assert catalogue == read(data)
    assert (len(survey), survey.rejected) == (2, catalogue.rejected)
    assert catalogue.sha256 == read(data).sha256


def test_gzip_of_a_table_has_the_name_of_one(tmp_path: Path) -> None:
    frame = tv.generate_catalogue(20).frame
    frame.to_csv(tmp_path / "c.csv.gz", index=False)
    assert list(tv.read_catalogue(tmp_path / "c.csv.gz")) == list(tv.generate_catalogue(20))
    assert len(tv.survey_catalogue(tmp_path / "c.csv.gz")) == 20


@pytest.mark.parametrize("name", ["c.jsonl", "c.csv"])
def test_a_bomb_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_UNPACKED", 1 << 20)
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"id\n" + (b"{}" * 1000 + b"\n") * 1500))
    for tried in (tv.read_catalogue, tv.survey_catalogue):
        with pytest.raises(tv.CatalogueError, match=rf"'{name}' unpacks to 1 MB and more, .* gunzip"):
            tried(path, columns="id=id,encodingTime=0,publicationTimeout=3" if name == "c.csv" else None)


def test_what_is_packed_as_far_as_logs_are_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_UNPACKED", 1 << 12)
    text = b"".join(map(line, range(2000)))
    assert len(text) > 1 << 12
    assert len(read(gzip.compress(text))) == 2000


@FEW
@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_damaged_gzip_is_told(junk: bytes, at: int) -> None:
    packed = gzip.compress(b"".join(map(line, range(20))), mtime=0)
    at = at % (len(packed) - 3) + 2
    for data in (packed[:at], packed[:at] + junk):
        assert valid(data) == []


# -- Arrow -------------------------------------------------------------------------------------------------


class Stream:
    """What gives Arrow data and is nothing else."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_arrow_tables_are_catalogues_everywhere() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    frame = tv.generate_catalogue(30).frame
    table = pyarrow.Table.from_pandas(frame)
    expected = tv.read_catalogue(frame)
    for source in (
        table,
        Stream(table),
        pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches(7)),
    ):
        assert tv.read_catalogue(source) == expected
    assert tv.read_catalogue(table, columns="title='x'").titles == ("x",) * 30
    assert tv.simulate(table).stats == tv.simulate(frame).stats
    assert len(tv.survey_catalogue(Stream(table))) == 30
    assert tv.compare(table, ["1", "2a"], replications=2).summary.equals(
        tv.compare(frame, ["1", "2a"], replications=2).summary
    )


def test_what_only_seems_to_give_arrow_data_is_refused() -> None:
    pytest.importorskip("pyarrow")

    class Nothing:
        def __repr__(self) -> str:
            return "<Nothing>"

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return requested_schema

    with pytest.raises(tv.CatalogueError, match="cannot read <Nothing> as a table"):
        tv.read_catalogue(Nothing())
