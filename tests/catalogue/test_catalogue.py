"""Reading a catalogue: what it is read from, which lines are rejected and with what words, what survives."""

from __future__ import annotations

import gzip
import io
import json
import math
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv

DATA = Path(__file__).parents[2] / "data"

COLUMNS = ["id", "title", "provider", "encoding_time", "publication_timeout"]

NASTY_TITLES = [
    "He said \"hello\", 'twice', and `left`",
    "back\\slash, not an escape: \\n \\u0041",
    "emoji 🎬, flag 🇩🇰, family 👨‍👩‍👧, accents é é, æøå ÆØÅ",
    "</script><script>alert('x')</script>",
    "<b>bold</b> & &amp; {{ 7 * 7 }} {% raw %} ${HOME} %s %(x)s {0}",
    "two\nlines, and\r\nthree, and a lone\rreturn",
    "next line \x85, line separator \u2028, paragraph separator \u2029",
    "control \x01\x08\x0b\x0c\x1b[31m\x7f\x9b, tab \t",
    "a NUL \x00 in it",
    "\ufeffmarked as if it were a file",
    "right to left \u202e and a last code point \U0010ffff",
    "=cmd|'/c calc'!A1",
    "  blanks around it  ",
    "NaN",
    "",
]


def video(number: int = 1, **fields: object) -> dict[str, Any]:
    """Make a record that is a valid video, but for the given fields."""
    return {
        "id": f"v{number}",
        "title": f"Title {number}",
        "provider": "TV 2",
        "encodingTime": number,
        "publicationTimeout": number + 4,
        **fields,
    }


def line(number: int = 1, **fields: object) -> bytes:
    """Write such a record as a line of JSON."""
    return json.dumps(video(number, **fields)).encode() + b"\n"


def raw(**literals: str) -> bytes:
    """Write a line whose given fields have exactly this text as their value."""
    fields = {name: json.dumps(value) for name, value in video().items()} | literals
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}").encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in video().items() if name != field}).encode()


OPTIONAL = ("title", "provider")

THREE = [video(1), video(2), video(3)]
THREE_LINES = b"".join(map(line, (1, 2, 3)))
THREE_VIDEOS = [tv.Video(f"v{n}", f"Title {n}", "TV 2", n, n + 4) for n in (1, 2, 3)]


def check_three(catalogue: tv.Catalogue) -> None:
    """Assert that it holds the three videos, and that nothing was rejected."""
    assert list(catalogue) == THREE_VIDEOS
    assert catalogue.rejected == ()


def rejection(entry: object) -> tv.Rejected:
    """Read a valid line and `entry`, which must be rejected alone."""
    catalogue = tv.read_catalogue([line(9), entry])
    assert catalogue.ids == ("v9",)
    (rejected,) = catalogue.rejected
    assert rejected.line == 2
    return rejected


def kind(value: object) -> str:
    """Name a parameter; some are too large or too deep to be shown."""
    return value if isinstance(value, str) else type(value).__name__


# -- what it is read from ----------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "three.jsonl"
    path.write_bytes(THREE_LINES)
    return path


def test_read_from_a_path(path: Path) -> None:
    for source in (path, str(path)):
        catalogue = tv.read_catalogue(source)
        check_three(catalogue)
        assert catalogue.name == "three.jsonl"


def test_read_from_open_files(path: Path) -> None:
    with path.open("rb") as binary:
        check_three(tv.read_catalogue(binary))
    with path.open("rb", buffering=0) as unbuffered:
        check_three(tv.read_catalogue(unbuffered))
    with path.open(encoding="utf-8") as text:
        catalogue = tv.read_catalogue(text)
        assert not text.closed, "who opened it closes it"
    check_three(catalogue)
    assert catalogue.name == "three.jsonl"


def test_read_from_where_the_file_stands(path: Path) -> None:
    with path.open("rb") as binary:
        binary.readline()
        assert tv.read_catalogue(binary).ids == ("v2", "v3")


def test_read_from_memory() -> None:
    check_three(tv.read_catalogue(io.BytesIO(THREE_LINES)))
    check_three(tv.read_catalogue(io.StringIO(THREE_LINES.decode())))


@pytest.mark.parametrize(
    "stdin",
    [io.TextIOWrapper(io.BytesIO(THREE_LINES), encoding="ascii"), io.StringIO(THREE_LINES.decode())],
    ids=["as in a shell", "replaced by text, as in a notebook"],
)
def test_read_from_standard_input(monkeypatch: pytest.MonkeyPatch, stdin: io.TextIOBase) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    catalogue = tv.read_catalogue("-")
    check_three(catalogue)
    assert catalogue.name == "standard input"
    assert not stdin.closed


def test_standard_input_is_utf8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(video(title="Blåbær 🫐"), ensure_ascii=False)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="ascii"))
    assert tv.read_catalogue("-").titles == ("Blåbær 🫐",)


def test_without_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(tv.CatalogueError, match="standard input"):
        tv.read_catalogue("-")


@pytest.mark.parametrize(
    "entries",
    [
        THREE,
        THREE_VIDEOS,
        THREE_LINES.splitlines(),
        THREE_LINES.splitlines(keepends=True),
        THREE_LINES.decode().splitlines(),
        [video(1), THREE_VIDEOS[1], line(3)],
        [
            {"id": f"v{n}", "title": f"Title {n}", "provider": "TV 2"}
            | {"encoding_time": n, "publication_timeout": n + 4}
            for n in (1, 2, 3)
        ],
    ],
    ids=["records", "videos", "bytes", "lines", "text", "mixed", "snake case"],
)
@pytest.mark.parametrize("container", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_read_from_records(entries: list[object], container: Callable[[list[object]], Any]) -> None:
    check_three(tv.read_catalogue(container(entries)))


def test_read_from_a_generator_that_is_read_once() -> None:
    asked = []

    def records() -> Iterator[dict[str, Any]]:
        for n in (1, 2, 3):
            asked.append(n)
            yield video(n)

    check_three(tv.read_catalogue(records()))
    assert asked == [1, 2, 3]


def test_a_catalogue_is_read_as_itself() -> None:
    catalogue = tv.read_catalogue([line(1), b"nonsense"])
    assert tv.read_catalogue(catalogue) is catalogue


def test_the_name_can_be_given(path: Path) -> None:
    assert tv.read_catalogue(path, name="Monday").name == "Monday"
    assert tv.read_catalogue(tv.read_catalogue(path), name="Tuesday").name == "Tuesday"
    assert tv.read_catalogue(THREE, name="Monday").name == "Monday"


# -- tables ------------------------------------------------------------------------------------------------


def test_read_from_a_table_with_either_spelling() -> None:
    camel = pd.DataFrame(THREE)
    snake = camel.rename(columns={"encodingTime": "encoding_time", "publicationTimeout": "publication_timeout"})
    for frame in (camel, snake, snake[COLUMNS[::-1]], snake.set_index("id", drop=False)):
        check_three(tv.read_catalogue(frame))


def test_a_catalogues_own_table_is_read_back() -> None:
    catalogue = tv.read_catalogue([video(n, title=title) for n, title in enumerate(NASTY_TITLES)])
    assert tv.read_catalogue(catalogue.frame) == catalogue


@pytest.mark.parametrize(
    "dtype", ["int8", "uint64", "float32", "float64", "Int64", "Float32", "object", "category"]
)
def test_read_numbers_of_any_type_from_a_table(dtype: str) -> None:
    frame = pd.DataFrame(THREE)
    check_three(tv.read_catalogue(frame.astype({"encodingTime": dtype, "publicationTimeout": dtype})))


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_read_texts_of_any_type_from_a_table(dtype: str) -> None:
    frame = pd.DataFrame(THREE)
    check_three(tv.read_catalogue(frame.astype({"id": dtype, "title": dtype, "provider": dtype})))


@pytest.mark.parametrize(
    ("column", "missing", "dtype"),
    [
        ("encodingTime", math.nan, "float64"),
        ("publicationTimeout", math.nan, "float64"),
        ("encodingTime", pd.NA, "Float64"),
        ("encodingTime", pd.NA, "Int64"),
        ("publicationTimeout", None, "object"),
        ("publicationTimeout", pd.NaT, "object"),
        ("title", None, "object"),
        ("title", math.nan, "object"),
        ("title", pd.NA, "string"),
        ("provider", None, "str"),
        ("id", pd.NA, "object"),
    ],
)
def test_a_missing_cell_rejects_its_row_only(column: str, missing: Any, dtype: str) -> None:
    frame = pd.DataFrame(THREE)
    cells = frame[column].tolist()
    frame[column] = pd.Series([cells[0], missing, cells[2]], dtype=dtype)
    catalogue = tv.read_catalogue(frame)
    assert catalogue.ids == ("v1", "v3")
    (rejected,) = catalogue.rejected
    assert rejected.line == 2
    assert rejected.reason.startswith(f"{column} must be ")
    assert "'Title 2'" in rejected.text or column == "title"


def test_a_missing_column_rejects_every_row() -> None:
    frame = pd.DataFrame(THREE).drop(columns="publicationTimeout")
    with pytest.raises(tv.CatalogueError, match=r"3 lines rejected.*the field publicationTimeout is missing"):
        tv.read_catalogue(frame)


def test_an_empty_table() -> None:
    with pytest.raises(tv.CatalogueError, match="no valid video in 'table'"):
        tv.read_catalogue(pd.DataFrame(THREE).iloc[:0])


# -- what does no harm -------------------------------------------------------------------------------------

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "data",
    [
        BOM + THREE_LINES,
        THREE_LINES.replace(b"\n", b"\r\n"),
        BOM + THREE_LINES.replace(b"\n", b"\r\n"),
        THREE_LINES.rstrip(b"\n"),
        THREE_LINES.rstrip(b"\n") + b"\r",
        BOM + b"\n\n" + THREE_LINES + b"\n \t \r\n\n",
        THREE_LINES.replace(b"\n", b"\n\n"),
        THREE_LINES.replace(b"{", b"  { ").replace(b"\n", b"\t\n"),
    ],
    ids=["BOM", "CRLF", "both", "no end", "half an end", "blank around", "blank between", "indented"],
)
def test_marks_line_ends_and_blanks_do_no_harm(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    path.write_bytes(data)
    check_three(tv.read_catalogue(path))
    check_three(tv.read_catalogue(io.BytesIO(data)))
    check_three(tv.read_catalogue(io.StringIO(data.decode())))
    check_three(tv.read_catalogue(data.splitlines(keepends=True)))
    with path.open(encoding="utf-8") as text:
        check_three(tv.read_catalogue(text))


def test_unknown_fields_are_kept_out_of_the_way() -> None:
    extra: dict[str, object] = {"rating": None, "tags": ["a", {"b": 1}], "slack": "x", "encoding time": -1}
    check_three(tv.read_catalogue([line(n, **extra) for n in (1, 2, 3)]))
    check_three(tv.read_catalogue([video(n, **extra) for n in (1, 2, 3)]))
    check_three(tv.read_catalogue(pd.DataFrame([video(n, rating=math.nan) for n in (1, 2, 3)])))


def test_an_unknown_field_may_hold_what_no_field_may() -> None:
    assert len(tv.read_catalogue([raw(more="1e999")])) == 1
    assert len(tv.read_catalogue([video(more=object())])) == 1


def test_blank_lines_count_in_line_numbers() -> None:
    data = BOM + b"\n\r\n" + line(1) + b"   \n" + b"nonsense\n" + line(1) + b"\n" + b"{}"
    catalogue = tv.read_catalogue(io.BytesIO(data))
    assert len(catalogue) == 1
    assert [rejected.line for rejected in catalogue.rejected] == [5, 6, 8]
    assert catalogue.rejected[1].reason == "the id 'v1' was seen before, in line 3"


def test_a_byte_order_mark_is_one_at_the_start_only() -> None:
    catalogue = tv.read_catalogue(io.BytesIO(line(1) + BOM + line(2)))
    assert catalogue.ids == ("v1",)
    assert catalogue.rejected[0].line == 2


def test_zero_encoding_time_is_accepted() -> None:
    catalogue = tv.read_catalogue([raw(encodingTime="0"), line(2, encodingTime=0.0), video(3, encodingTime=0)])
    assert catalogue.encoding_time.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("7", 7.0),
        ("7.25", 7.25),
        ("725e-2", 7.25),
        ("0.1", 0.1),
        ("5e-324", 5e-324),
        ("4294967296", 2.0**32),
        ("4294967295.999999999999", 2.0**32),
        ("429496729.6000000238418579", 429496729.6),
        ("1." + "0" * 400, 1.0),
    ],
)
def test_every_positive_number_up_to_2_to_the_32_is_accepted_as_the_nearest_float(
    literal: str, value: float
) -> None:
    catalogue = tv.read_catalogue([raw(encodingTime=literal, publicationTimeout=literal)])
    assert catalogue.encoding_time.tolist() == catalogue.publication_timeout.tolist() == [value]


# -- what is rejected, and why -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        # not an object
        (b"[1]", "the line must be a JSON object, not array"),
        (b'"text"', "the line must be a JSON object, not str"),
        (b"17", "the line must be a JSON object, not int"),
        (b"null", "the line must be a JSON object, not null"),
        (b"true", "the line must be a JSON object, not bool"),
        # missing
        (b"{}", "the field id is missing"),
        *((without(field), f"the field {field} is missing") for field in video() if field not in OPTIONAL),
        (line().replace(b"encodingTime", b"EncodingTime"), "the field encodingTime is missing"),
        # wrongly typed
        (raw(id="1"), "id must be a string, not int"),
        (raw(id="null"), "id must be a string, not null"),
        (raw(title="1.5"), "title must be a string, not float"),
        (raw(title="false"), "title must be a string, not bool"),
        (raw(provider='["TV 2"]'), "provider must be a string, not array"),
        (raw(provider='{"name": "TV 2"}'), "provider must be a string, not object"),
        (raw(encodingTime='"3"'), "encodingTime must be a number, not str"),
        (raw(encodingTime="true"), "encodingTime must be a number, not bool"),
        (raw(encodingTime="null"), "encodingTime must be a number, not null"),
        (raw(encodingTime="[3]"), "encodingTime must be a number, not array"),
        (raw(publicationTimeout='"9"'), "publicationTimeout must be a number, not str"),
        (raw(publicationTimeout="false"), "publicationTimeout must be a number, not bool"),
        (raw(publicationTimeout="null"), "publicationTimeout must be a number, not null"),
        # out of range
        (raw(publicationTimeout="0"), "publicationTimeout must be greater than 0"),
        (raw(publicationTimeout="0.0"), "publicationTimeout must be greater than 0"),
        (raw(publicationTimeout="-0.0"), "publicationTimeout must be greater than 0"),
        (raw(publicationTimeout="1e-999"), "publicationTimeout must be greater than 0"),
        (raw(publicationTimeout="-7"), "publicationTimeout must be greater than 0"),
        (raw(encodingTime="-1"), "encodingTime must be at least 0"),
        (raw(encodingTime="-1e-9"), "encodingTime must be at least 0"),
        # too long
        (raw(encodingTime="4294967296.1"), "encodingTime must be at most 4294967296 s"),
        (raw(encodingTime="1.7e308"), "encodingTime must be at most 4294967296 s"),
        (raw(encodingTime="1" + "0" * 300), "encodingTime must be at most 4294967296 s"),
        (raw(publicationTimeout="9007199254740993"), "publicationTimeout must be at most 4294967296 s"),
        # too large for a float
        (raw(encodingTime="1e999"), "encodingTime is too large for a number"),
        (raw(publicationTimeout="1e999"), "publicationTimeout is too large for a number"),
        (raw(encodingTime="-1e999"), "encodingTime is too large for a number"),
        (raw(encodingTime="9" * 400), "encodingTime is too large for a number"),
        (raw(publicationTimeout="9" * 400), "publicationTimeout is too large for a number"),
        (raw(publicationTimeout="9" * 5000 + ".5"), "publicationTimeout is too large for a number"),
        # no id
        (raw(id='""'), "id must not be empty"),
        # no text
        (raw(title='"X"').replace(b"X", b"\xff"), "a text in it is not valid UTF-8"),
        (raw(title='"X"').replace(b"X", b"\xc3"), "a text in it is not valid UTF-8"),
        (raw(title='"X"').replace(b"X", b"\xed\xa0\x80"), "a text in it is not valid UTF-8"),
        (raw(id='"X"').replace(b"X", "å".encode("latin-1")), "a text in it is not valid UTF-8"),
        (raw(title=r'"\ud800"'), "a text in it is not valid UTF-8"),
        (raw(title=r'"\udc00\ud800"'), "a text in it is not valid UTF-8"),
        (raw(id=r'"\ud83d"'), "a text in it is not valid UTF-8"),
        (raw(more=r'{"deep": ["\ud83d"]}'), "a text in it is not valid UTF-8"),
    ],
)
def test_a_line_is_rejected_with_its_reason(entry: bytes, reason: str) -> None:
    rejected = rejection(entry)
    assert rejected == (2, reason, entry.decode("utf-8", "replace").rstrip("\n")[:200])
    assert rejection(entry.rstrip() + b"\r\n") == rejected


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (b"nonsense", "invalid character (byte 0)"),
        (line()[:40], "the line ends too early"),
        (b"{", "the line ends too early"),
        (line()[:-5], "the line ends too early"),
        (b'{"id": "a\\', "the line ends too early"),
        (b'{"id": "a\\u00', "the line ends too early"),
        (b'{"id": tr', "the line ends too early"),
        (b'{"id": -', "the line ends too early"),
        (b'{"id": "a" nonsense, "title": "', "invalid character (byte 11)"),
        (line(1)[:-1] + line(2), f"invalid character (byte {len(line(1)) - 1})"),
        (line().replace(b"}", b",}"), "invalid character (byte "),
        (line().replace(b'"', b"'"), "invalid character (byte 1)"),
        ('{"id": "åæø", nonsense}'.encode(), "invalid character (byte 17)"),
        (b"\x00" + line(), "invalid character (byte 0)"),
        (b"\xff\xfe{\x00", "invalid character (byte 0)"),
        (raw(title='"two\tcolumns"'), "invalid character (byte "),
        (raw(title=r'"\x41"'), "invalid character (byte "),
        (raw(encodingTime="NaN"), "NaN is no number"),
        (raw(publicationTimeout="Infinity"), "Infinity is no number"),
        (raw(encodingTime="-Infinity"), "-Infinity is no number"),
        (raw(encodingTime="03"), "invalid character (byte "),
    ],
)
def test_a_line_that_is_no_json_is_rejected(entry: bytes, reason: str) -> None:
    rejected = rejection(entry)
    assert rejected.reason.startswith(f"no JSON: {reason}")
    assert rejected.text == entry.decode("utf-8", "replace").rstrip("\n")
    assert rejection(entry.rstrip() + b"\r\n") == rejected


def test_a_repeated_field_is_checked_each_time() -> None:
    assert rejection(b'{"id": 3, ' + line()[1:]).reason == "id must be a string, not int"
    assert rejection(line()[:-2] + b', "id": 3}').reason == "id must be a string, not int"


def test_an_id_seen_before_is_rejected() -> None:
    catalogue = tv.read_catalogue([line(1), b"", line(2), line(1, title="Another"), line(2), line(1), line(3)])
    assert catalogue.titles == ("Title 1", "Title 2", "Title 3")
    assert [(line, reason) for line, reason, _ in catalogue.rejected] == [
        (4, "the id 'v1' was seen before, in line 1"),
        (5, "the id 'v2' was seen before, in line 3"),
        (6, "the id 'v1' was seen before, in line 1"),
    ]
    assert '"Another"' in catalogue.rejected[0].text


def test_only_an_accepted_line_makes_an_id_seen() -> None:
    catalogue = tv.read_catalogue([line(1, publicationTimeout=0), line(1), line(1)])
    assert catalogue.ids == ("v1",)
    assert [line for line, _, _ in catalogue.rejected] == [1, 3]
    assert catalogue.rejected[1].reason == "the id 'v1' was seen before, in line 2"


def test_ids_are_compared_as_they_are() -> None:
    ids = ["a", "A", "a ", " a", "á", "a\u0301", "a\x00", "1", "01", "１"]
    assert tv.read_catalogue([line(id=id_) for id_ in ids]).ids == tuple(ids)
    assert rejection(raw(id=r'"\u0076\u0039"')).reason == "the id 'v9' was seen before, in line 1"


def test_a_long_id_is_shortened_in_the_reason() -> None:
    catalogue = tv.read_catalogue([line(id="x" * 1000), line(id="x" * 1000)])
    assert catalogue.rejected[0].reason == f"the id '{'x' * 59} was seen before, in line 1"


@pytest.mark.parametrize("filler", ["x", "å", "€", "🎬"], ids=["1 byte", "2", "3", "4"])
@pytest.mark.parametrize("length", [199, 200, 201, 5000])
def test_the_text_is_cut_at_200_characters(filler: str, length: int) -> None:
    text = filler * length
    assert rejection(text.encode() + b"\r\n").text == text[:200]
    assert rejection(text).text == text[:200]
    assert rejection(b"\xff" * length).text == ("\ufffd" * length)[:200]


def test_the_text_of_a_rejected_record_is_cut_as_well() -> None:
    record = video(title="x" * 1000, encodingTime=-1)
    assert rejection(record).text == repr(record)[:200]


@pytest.mark.parametrize("depth", [10**6, 25 * 10**5])
@pytest.mark.parametrize(
    ("start", "end"), [("[", "]"), ('{"x":', "}"), ("[", "")], ids=["lists", "objects", "open"]
)
def test_very_deep_nesting_is_rejected(start: str, end: str, depth: int) -> None:
    rejected = rejection(raw(more=start * depth + "1" + end * depth))
    assert rejected.reason == "no JSON that can be read: nested too deeply"
    assert len(rejected.text) == 200
    assert rejection(start.encode() * depth)


def test_reading_goes_on_after_very_deep_nesting() -> None:
    catalogue = tv.read_catalogue([line(1), raw(more="[" * 10**5), line(2)])
    assert catalogue.ids == ("v1", "v2")


def test_lone_surrogates_in_lines_of_text_are_rejected() -> None:
    for surrogate in ("\ud800", "\udcff", "\udfff"):
        entry = json.dumps(video(), ensure_ascii=False).replace("TV 2", surrogate)
        rejected = rejection(entry)
        assert rejected.reason == "a text in it is not valid UTF-8"
        assert rejected.text.startswith('{"id": "v1"')
        rejected.text.encode()  # it can be printed


def test_escaped_surrogate_pairs_are_characters() -> None:
    assert tv.read_catalogue([raw(title=r'"\ud83c\udfac"')]).titles == ("🎬",)


# -- rejected records --------------------------------------------------------------------------------------


def deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(10**5):
        nested = [nested]
    return nested


DEEP = deep()  # at module level, for taking it apart is recursive as well


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, "the field id is missing"),
        ({1: 2}, "the field id is missing"),
        (video(encodingTime=math.nan), "encodingTime must be a finite number, not nan"),
        (video(publicationTimeout=math.nan), "publicationTimeout must be a finite number, not nan"),
        (video(encodingTime=np.float32("nan")), "encodingTime must be a finite number, not nan"),
        (video(encodingTime=Decimal("nan")), "encodingTime must be a finite number, not nan"),
        (video(encodingTime=Decimal("snan")), "encodingTime must be a finite number, not nan"),
        (video(encodingTime=Decimal("1e999")), "encodingTime must be a finite number, not inf"),
        (video(encodingTime=np.longdouble("inf")), "encodingTime must be a finite number, not inf"),
        (video(encodingTime=math.inf), "encodingTime must be a finite number, not inf"),
        (video(encodingTime=-math.inf), "encodingTime must be a finite number, not -inf"),
        (video(publicationTimeout=math.inf), "publicationTimeout must be a finite number, not inf"),
        (tv.Video("v1", "T", "P", math.nan, 3), "encodingTime must be a finite number, not nan"),
        (video(publicationTimeout=0), "publicationTimeout must be greater than 0"),
        (video(publicationTimeout=np.int64(-1)), "publicationTimeout must be greater than 0"),
        (video(encodingTime=np.float64(-0.5)), "encodingTime must be at least 0"),
        (tv.Video("v1", "T", "P", -1, 3), "encodingTime must be at least 0"),
        (video(encodingTime=True), "encodingTime must be a number, not bool"),
        (video(encodingTime=np.True_), "encodingTime must be a number, not bool"),
        (video(encodingTime="3"), "encodingTime must be a number, not str"),
        (video(encodingTime=None), "encodingTime must be a number, not null"),
        (video(encodingTime=pd.NA), "encodingTime must be a number, not NAType"),
        (video(encodingTime=pd.Timedelta(3, "s")), "encodingTime must be a number, not Timedelta"),
        (video(encodingTime=1 + 0j), "encodingTime must be a number, not complex"),
        (video(encodingTime=np.array([1, 2])), "encodingTime must be a number, not ndarray"),
        (video(encodingTime=2**32 + 1), "encodingTime must be at most 4294967296 s"),
        (video(publicationTimeout=np.float64(1e300)), "publicationTimeout must be at most 4294967296 s"),
        (video(encodingTime=10**400), "encodingTime is too large for a number"),
        (video(publicationTimeout=10**5000), "publicationTimeout is too large for a number"),
        (video(id=""), "id must not be empty"),
        (video(id=np.str_("")), "id must not be empty"),
        (video(id=7), "id must be a string, not int"),
        (video(title=b"News"), "title must be a string, not bytes"),
        (video(title=math.nan), "title must be a string, not float"),
        (video(title=DEEP), "title must be a string, not array"),
        (tv.Video("v1", object(), "P", 1, 3), "title must be a string, not object"),  # type: ignore[arg-type]
        (video(id="\ud800"), "a text in it is not valid UTF-8"),
        (video(title="News \udcff"), "a text in it is not valid UTF-8"),
        (video(provider="\ud83d\ude00"), "a text in it is not valid UTF-8"),
        (tv.Video("v1", "\ud800", "P", 1, 3), "a text in it is not valid UTF-8"),
        (video(id="v9"), "the id 'v9' was seen before, in line 1"),
        (tv.Video("v9", "T", "P", 1, 3), "the id 'v9' was seen before, in line 1"),
        (3, "the line must be a JSON object, not int"),
        (None, "the line must be a JSON object, not NoneType"),
        (["v1", "T", "P", 1, 3], "the line must be a JSON object, not list"),
        (10**5000, "the line must be a JSON object, not int"),
    ],
    ids=kind,
)
def test_a_record_is_rejected_with_its_reason(entry: object, reason: str) -> None:
    rejected = rejection(entry)
    assert rejected.reason == reason
    assert 0 < len(rejected.text) <= 200
    rejected.text.encode()  # it can be printed


def test_a_record_may_hold_numbers_of_other_types() -> None:
    numbers = [np.int8(3), np.uint64(3), np.float16(3), np.float64(3), np.longdouble(3), Decimal(3)]
    catalogue = tv.read_catalogue([video(n, encodingTime=number) for n, number in enumerate(numbers)])
    assert catalogue.encoding_time.tolist() == [3] * 6
    assert catalogue.encoding_time.dtype == np.float64


# -- what cannot be read -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", BOM, b"\n", b"\r\n \n\t\n", BOM + b"\n"])
def test_an_empty_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_bytes(data)
    with pytest.raises(tv.CatalogueError, match=r"no valid video in 'empty.jsonl': it is empty.*\{\"id\": "):
        tv.read_catalogue(path)


def test_an_empty_list() -> None:
    with pytest.raises(tv.CatalogueError, match="no valid video in 'records': it is empty"):
        tv.read_catalogue([])


def test_nothing_valid() -> None:
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue([b"", b"nonsense", line(1, publicationTimeout=0), b"[]"])
    message = str(caught.value)
    assert "no valid video in 'records': 3 lines rejected" in message
    assert "line 2, because no JSON: invalid character (byte 0)" in message
    example = message[message.index("{") :]
    assert len(tv.read_catalogue([example])) == 1, "the line that the message shows is a good one"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(tv.CatalogueError, match=r"cannot read the catalogue '.*nowhere.jsonl': No such file"):
        tv.read_catalogue(tmp_path / "nowhere.jsonl")


def test_a_directory(tmp_path: Path) -> None:
    for source in (tmp_path, str(tmp_path), ""):
        with pytest.raises(tv.CatalogueError, match=r"cannot read the catalogue .*: "):
            tv.read_catalogue(source)


@pytest.mark.parametrize("path", ["a\x00b", "\ud800", "x" * 5000, '{"id": "a"}\n'])
def test_a_path_that_cannot_be(path: str) -> None:
    with pytest.raises(tv.CatalogueError, match="cannot read the catalogue "):
        tv.read_catalogue(path)


@pytest.mark.parametrize(
    "source", [3, 2.5, None, True, b"catalogue.jsonl", video(), object(), int, 10**5000], ids=kind
)
def test_what_is_no_source(source: Any) -> None:
    with pytest.raises(
        tv.CatalogueError, match=r"a catalogue is a path, '-', an open file, .* or records, not "
    ):
        tv.read_catalogue(source)


def test_a_closed_file(path: Path) -> None:
    with path.open("rb") as stream:
        pass
    with pytest.raises(tv.CatalogueError, match="closed"):
        tv.read_catalogue(stream)


def test_a_file_that_is_open_for_writing(tmp_path: Path) -> None:
    with (tmp_path / "out.jsonl").open("wb") as stream, pytest.raises(tv.CatalogueError, match="cannot read"):
        tv.read_catalogue(stream)


def test_a_text_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(line(1) + line(2).replace(b"TV 2", b"TV \xf8"))
    with path.open(encoding="utf-8") as text, pytest.raises(tv.CatalogueError, match="open it in binary mode"):
        tv.read_catalogue(text)
    with path.open(encoding="utf-8") as text, pytest.raises(tv.CatalogueError, match="'records' is not UTF-8"):
        tv.read_catalogue(line for line in text)
    with path.open("rb") as binary:
        assert tv.read_catalogue(binary).ids == ("v1",)


# -- titles contain anything -------------------------------------------------------------------------------


def check_texts(texts: list[str], catalogue: tv.Catalogue) -> None:
    """Assert that titles and providers are exactly these, in every form in which a catalogue gives them."""
    assert catalogue.titles == catalogue.providers == tuple(texts)
    assert catalogue.frame["title"].tolist() == catalogue.frame["provider"].tolist() == texts
    assert [video.title for video in catalogue] == texts
    lines = list(catalogue.lines())
    assert [json.loads(line)["title"] for line in lines] == texts
    assert all(line.endswith(b"\n") and len(line.splitlines()) == 1 for line in lines)
    assert tv.read_catalogue(lines) == catalogue
    assert tv.read_catalogue(io.BytesIO(b"".join(lines))) == catalogue


def test_titles_contain_anything() -> None:
    records = [video(n, title=text, provider=text) for n, text in enumerate(NASTY_TITLES)]
    check_texts(NASTY_TITLES, tv.read_catalogue(records))
    for ascii_only in (True, False):
        data = "\n".join(json.dumps(record, ensure_ascii=ascii_only) for record in records)
        check_texts(NASTY_TITLES, tv.read_catalogue(io.BytesIO(data.encode())))
        check_texts(NASTY_TITLES, tv.read_catalogue(io.StringIO(data)))


@settings(max_examples=100)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_every_text_survives(texts: list[str]) -> None:
    records = [video(n, title=text, provider=text) for n, text in enumerate(texts)]
    check_texts(texts, tv.read_catalogue(records))
    check_texts(texts, tv.read_catalogue([json.dumps(record, ensure_ascii=False) for record in records]))


def test_ids_contain_anything_as_well() -> None:
    ids = [title for title in NASTY_TITLES if title]
    catalogue = tv.read_catalogue([video(n, id=id_) for n, id_ in enumerate(ids)])
    assert catalogue.ids == tuple(ids)
    assert catalogue.frame["id"].tolist() == ids
    assert tv.read_catalogue(list(catalogue.lines())) == catalogue


# -- the catalogue -----------------------------------------------------------------------------------------


def test_the_table_has_the_columns_of_the_contract() -> None:
    frame = tv.read_catalogue(THREE).frame
    assert list(frame.columns) == COLUMNS
    assert frame.to_dict("list") == {
        "id": ["v1", "v2", "v3"],
        "title": ["Title 1", "Title 2", "Title 3"],
        "provider": ["TV 2"] * 3,
        "encoding_time": [1.0, 2.0, 3.0],
        "publication_timeout": [5.0, 6.0, 7.0],
    }
    assert list(frame.index) == [0, 1, 2]


def test_a_catalogue_has_length_rows_and_iteration() -> None:
    catalogue = tv.read_catalogue(THREE)
    assert len(catalogue) == 3
    assert catalogue[1] == THREE_VIDEOS[1]
    assert list(catalogue) == THREE_VIDEOS
    assert type(catalogue[0].encoding_time) is float
    assert catalogue[0].slack == 4


def test_the_columns_cannot_be_changed() -> None:
    catalogue = tv.read_catalogue(THREE)
    for column in (catalogue.encoding_time, catalogue.publication_timeout):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 99


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("encoding_time", 1e300, "must be at most 4294967296 s, not 1e+300"),
        ("encoding_time", 2**32 + 1, "must be at most 4294967296 s, not 4294967297"),
        ("encoding_time", -0.5, "must be a finite number of at least 0, not -0.5"),
        ("encoding_time", math.nan, "must be a finite number of at least 0, not nan"),
        ("encoding_time", "three", "must be a finite number of at least 0, not 'three'"),
        ("encoding_time", None, "must be a finite number of at least 0, not None"),
        ("encoding_time", 10**400, "must be a finite number of at least 0, not 1000"),
        ("publication_timeout", 1e300, "must be at most 4294967296 s, not 1e+300"),
        ("publication_timeout", 0, "must be a finite number greater than 0, not 0"),
        ("publication_timeout", -9, "must be a finite number greater than 0, not -9"),
        ("publication_timeout", math.inf, "must be a finite number greater than 0, not inf"),
        ("submitted_at", 1e300, "must be at most 4294967296 s, not 1e+300"),
        ("submitted_at", -1, "must be a finite number of at least 0, not -1"),
        ("submitted_at", -math.inf, "must be a finite number of at least 0, not -inf"),
        ("submitted_at", math.nan, "must be a finite number of at least 0, not nan"),
    ],
)
def test_a_catalogue_made_of_videos_refuses_an_impossible_time(field: str, value: Any, says: str) -> None:
    times = {"encoding_time": 3, "publication_timeout": 9, field: value}
    videos = [tv.Video("a", "A", "P", 3, 9), tv.Video("b", "B", "P", **times), tv.Video("c", "C", "P", 3, 9, 5)]
    with pytest.raises(tv.CatalogueError) as caught:
        tv.Catalogue(videos)
    message = str(caught.value)
    assert message.startswith(f"{field} of video 'b' {says}")
    assert "\n" not in message


def test_a_catalogue_made_of_videos_takes_the_times_at_the_limits() -> None:
    shortest, longest = tv.Video("a", "A", "P", 0, 5e-324, 0), tv.Video("b", "B", "P", 2**32, 2**32, 2**32)
    catalogue = tv.Catalogue([shortest, longest, tv.Video("c", "C", "P", 3, 9)])
    assert list(catalogue) == [shortest, longest, tv.Video("c", "C", "P", 3, 9)]


def test_catalogues_are_compared_by_what_they_hold() -> None:
    catalogue = tv.read_catalogue(THREE)
    assert catalogue == tv.read_catalogue(THREE_LINES.splitlines())
    assert catalogue != tv.read_catalogue([*THREE, b"nonsense"])
    assert catalogue != tv.read_catalogue(THREE[:2])
    for change in ({"title": "x"}, {"provider": "x"}, {"encodingTime": 9}, {"publicationTimeout": 9}):
        assert catalogue != tv.read_catalogue([*THREE[:2], video(3, **change)])
    assert catalogue != THREE


def test_lines_are_those_of_the_original_format() -> None:
    (only,) = tv.read_catalogue([line(3, more="dropped")]).lines()
    assert json.loads(only) == video(3)


# -- rejected lines are counted, the rest is simulated -----------------------------------------------------


def test_rejected_lines_are_client_parse_errors() -> None:
    lines = [line(1), b"nonsense", line(2), line(1), b"", line(3, publicationTimeout=0), line(4)]
    stats = tv.simulate(tv.read_catalogue(lines), "2c", seed=1).stats
    assert stats["client_parse_errors"] == 3
    assert stats["client_submitted"] == 3
    assert str(stats).startswith("stats: client_parse_errors=3 client_submitted=3 encoded=3 ")


def test_the_sample_has_two_bad_lines() -> None:
    catalogue = tv.read_catalogue(DATA / "sample.jsonl")
    assert len(catalogue) == 10
    assert [(line, reason) for line, reason, _ in catalogue.rejected] == [
        (4, "publicationTimeout must be greater than 0"),
        (9, "no JSON: the line ends too early"),
    ]
    stats = tv.simulate(catalogue, "2c", seed=1).stats
    assert str(stats).startswith("stats: client_parse_errors=2 client_submitted=10 ")


def test_the_file_of_a_temporary_file_is_read() -> None:
    with tempfile.NamedTemporaryFile() as wrapper:
        wrapper.write(THREE_LINES)
        wrapper.seek(0)
        check_three(tv.read_catalogue(wrapper))


def test_a_slice_is_a_catalogue() -> None:
    catalogue = tv.generate_catalogue(10)
    part = catalogue[2:6]
    assert isinstance(part, tv.Catalogue)
    assert list(part) == list(catalogue)[2:6]
    assert tv.simulate(part, "1").stats["client_submitted"] == 4


def test_a_changed_frame_changes_nothing_else() -> None:
    catalogue = tv.generate_catalogue(10)
    before = tv.simulate(catalogue, "1").videos
    frame = catalogue.frame
    frame["encoding_time"] *= 100
    frame["further"] = 1
    pd.testing.assert_frame_equal(tv.simulate(catalogue, "1").videos, before)


# -- files of other kinds, and lines without end ------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (gzip.compress(gzip.compress(line(1))), "(the file is compressed: unpack it with gunzip)"),
        ((line(1) + line(2)).decode().encode("utf-16"), "(the file is UTF-16: save it as UTF-8)"),
        ((line(1) + line(2)).decode().encode("utf-16-be"), "(the file is UTF-16: save it as UTF-8)"),
        ((line(1) + line(2)).decode().encode("utf-16-le"), "(the file is UTF-16: save it as UTF-8)"),
        (
            (line(1) + line(2)).replace(b"\n", b"\r"),
            "(the file's line ends are CR alone: save it with LF or CRLF)",
        ),
        (b"nonsense\n" + line(1)[:20], "invalid character (byte 0)"),
    ],
    ids=["gzip twice", "UTF-16", "UTF-16BE", "UTF-16LE", "CR", "nonsense"],
)
def test_a_file_of_another_kind_is_told(data: bytes, hint: str, tmp_path: Path) -> None:
    (tmp_path / "catalogue.jsonl").write_bytes(data)
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue(tmp_path / "catalogue.jsonl")
    assert f"{hint}; a line looks like" in str(caught.value)
    assert tv.survey_catalogue(tmp_path / "catalogue.jsonl").rejected[0].reason.endswith(hint)


def test_the_commonest_reason_is_told_with_its_number() -> None:
    lines = [b"nonsense", *(line(n, publicationTimeout=0) for n in range(3)), b"{}"]
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue(lines)
    why = "5 lines rejected, 3 of them, the first in line 2, because publicationTimeout must be greater than 0"
    assert f": {why}; a line looks like" in str(caught.value)


def test_what_is_wanted_is_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text("encoders = 3\n")
    (tmp_path / "c.csv").write_text("id,encodingTime,publicationTimeout\na,1,0\n")
    for source, columns, wanted in (
        (tmp_path / "world.toml", None, "a scenario file is given with --scenario (scenario=)"),
        (tmp_path / "c.csv", None, "a header looks like id,title,provider,encodingTime,publicationTimeout"),
        (
            [{}],
            "id=a.b,encodingTime=end - start,publicationTimeout=3",
            "the mapping reads id=a.b, encodingTime=end",
        ),
    ):
        with pytest.raises(tv.CatalogueError) as caught:
            tv.read_catalogue(source, columns=columns)
        assert f"; {wanted}" in str(caught.value)


@pytest.mark.parametrize("columns", [None, "gitlab", "encodingTime=0,publicationTimeout=3"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("pages", [1, 3])
def test_records_in_an_object_are_told(columns: str | None, indent: int | None, pages: int) -> None:
    page = json.dumps({"total_count": 1, "jobs": [video(1)], "links": []}, indent=indent).encode()
    with pytest.raises(tv.CatalogueError) as caught:
        tv.read_catalogue(io.BytesIO(b"\n".join([page] * pages)), columns=columns)
    assert "(records are in 'jobs': use --columns github_jobs)" in str(caught.value)


def test_records_in_an_object_of_another_kind_are_told() -> None:
    with pytest.raises(tv.CatalogueError, match=r"name the key in a mapping file, as records = 'builds'"):
        tv.read_catalogue([json.dumps({"builds": [video(1)]})])


def test_one_line_is_rejected_in_the_singular() -> None:
    with pytest.raises(tv.CatalogueError, match=": 1 line rejected, the first"):
        tv.read_catalogue([b"nonsense\n"])
    with pytest.raises(tv.CatalogueError, match=": 2 lines rejected, the first"):
        tv.read_catalogue([b"nonsense\n", b"{}\n"])
    assert repr(tv.read_catalogue([line(1), b"{}\n"])) == "<Catalogue 'records': 1 video, 1 line rejected>"


def long(length: int) -> bytes:
    """Make a line of so many bytes, with its line end, that is a valid video but for its length."""
    start, end = line(9).split(b'"title": "', 1)
    return start + b'"title": "' + b"x" * (length - len(line(9))) + end


@pytest.mark.parametrize("kind", ["path", "open", "text", "bytes", "list"])
@pytest.mark.full
def test_a_line_is_rejected_if_it_is_longer_than_16_mb(kind: str, tmp_path: Path) -> None:
    lines = [
        line(1),
        long(16_000_000),
        line(2),
        long(16_000_001).replace(b"v9", b"v8"),
        long(33_000_000),
        line(3),
    ]
    path = tmp_path / "catalogue.jsonl"
    path.write_bytes(b"".join(lines))
    with ExitStack() as stack:
        source: Any = {"path": path, "bytes": io.BytesIO(path.read_bytes()), "list": lines}.get(kind)
        if kind == "open":
            source = stack.enter_context(path.open("rb"))
        elif kind == "text":
            source = stack.enter_context(path.open(encoding="utf-8"))
        catalogue = tv.read_catalogue(source)
    assert len(catalogue) == 4
    reason = "the line is longer than 16 MB"
    assert [rejected[:2] for rejected in catalogue.rejected] == [(4, reason), (5, reason)]
    assert {len(rejected.text) for rejected in catalogue.rejected} == {200}
    assert tv.survey_catalogue(path).rejected == catalogue.rejected


def test_a_line_without_end_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    with path.open("wb") as stream:
        stream.writelines([line(1), b"[", *(b"0," * 500_000 for _ in range(100)), b"\n", line(2)])
    for read in (tv.read_catalogue, tv.survey_catalogue):
        tracemalloc.start()
        try:
            assert len(read(path)) == 2
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()
