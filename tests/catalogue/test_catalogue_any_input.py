"""Whatever is fed to the reader: it raises nothing but the library's own errors, and loses no good line."""

from __future__ import annotations

import io
import json
import math
from typing import Any, TypeAlias

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.catalogue.test_catalogue import line, video
from tests.helpers.sizes import examples

SOME = settings(max_examples=examples(150))
MANY = settings(max_examples=examples(500))

# -- lines that are nearly good ----------------------------------------------------------------------------

BOM = b"\xef\xbb\xbf"
GOOD = {line(number).rstrip(): number for number in range(6)}

ids = st.sampled_from(sorted(GOOD.values()))
good_lines = st.sampled_from(sorted(GOOD))
snippets = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=3).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            *(bytes([byte]) for byte in b'"\\{}[],: \x00\r\xff'),
            *(b"\xef\xbb\xbf", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"-0", b"null", b"true"),
            *(b"9" * 400, b"[" * 2000, b'{"id":' * 2000),
        ]
    ),
)


@st.composite
def mutated_lines(draw: st.DrawFn) -> bytes:
    """Take a good line, and cut, repeat, replace or insert something here and there."""
    mutated = draw(good_lines)
    for _ in range(draw(st.integers(1, 3))):
        start, stop = sorted(draw(st.tuples(*[st.integers(0, len(mutated))] * 2)))
        match draw(st.sampled_from(["cut", "repeat", "replace", "insert"])):
            case "cut":
                mutated = mutated[:start] + mutated[stop:]
            case "repeat":
                mutated = mutated[:stop] + mutated[start:]
            case "replace":
                mutated = mutated[:start] + draw(snippets) + mutated[stop:]
            case _:
                mutated = mutated[:start] + draw(snippets) + mutated[start:]
    return mutated


Json: TypeAlias = "bool | float | str | list[Json] | dict[str, Json] | None"

scalars: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=5),
    st.sampled_from(
        [
            0,
            -0.0,
            1,
            3.5,
            10**308,
            10**309,
            10**400,
            -(10**400),
            5e-324,
            2**32,
            2.0**32 + 1,
            "",
            "a",
            "7",
            "\ud800",
        ]
    ),
)
values: st.SearchStrategy[Json] = st.one_of(
    scalars, st.lists(scalars, max_size=2), st.dictionaries(st.text(max_size=2), scalars, max_size=2)
)


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """Take a good record, and change, drop or add a few of its fields."""
    record = video(draw(ids))
    record |= draw(st.dictionaries(st.sampled_from([*record, "more"]), values, max_size=3))
    for field in draw(st.sets(st.sampled_from([*record]), max_size=1)) if draw(st.booleans()) else ():
        del record[field]
    return record


def is_no_gzip(data: bytes) -> bool:
    return not data.startswith(b"\x1f\x8b")  # a gzip file is no text of lines


arbitrary_bytes = st.binary(max_size=300).filter(is_no_gzip)
junk_lines = (
    st.one_of(
        st.binary(max_size=40),
        mutated_lines(),
        objects().map(lambda record: json.dumps(record).encode()),
    )
    .map(lambda data: data.replace(b"\n", b""))
    .filter(is_no_gzip)
)

lines_with_junk = st.lists(st.one_of(good_lines, junk_lines), max_size=12)


# -- what must hold ----------------------------------------------------------------------------------------


def read(data: bytes) -> tv.Catalogue | None:
    """Read what may hold no valid video at all; any other error than the library's own is a failure."""
    try:
        return tv.read_catalogue(io.BytesIO(data))
    except tv.TV2SimError:
        return None


def check_no_good_line_is_lost(lines: list[bytes], catalogue: tv.Catalogue) -> None:
    """Account for every line, by its number: blank, accepted in order, or rejected with a good reason."""
    rejected = {number: reason for number, reason, _ in catalogue.rejected}
    assert list(rejected) == sorted(rejected)
    assert len(rejected) == len(catalogue.rejected)
    bare = [lines[0].removeprefix(BOM), *lines[1:]]
    filled = [number for number, line in enumerate(bare, 1) if line.strip()]
    assert set(rejected) <= set(filled)
    accepted = dict(zip([n for n in filled if n not in rejected], catalogue, strict=True))
    for number, text in enumerate(bare, 1):
        if (which := GOOD.get(text)) is None:
            continue
        (expected,) = tv.read_catalogue([video(which)])
        seen = [n for n, earlier in accepted.items() if n < number and earlier.id == expected.id]
        if seen:
            assert rejected[number] == f"the id {expected.id!r} was seen before, in line {seen[0]}"
        else:
            assert accepted[number] == expected
    assert len(set(catalogue.ids)) == len(catalogue)


@SOME
@given(arbitrary_bytes)
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe{\x00}\x00")
@example(b"[" * 200_000)
@example(b'{"id":' * 200_000)
def test_arbitrary_bytes(data: bytes) -> None:
    assert read(data) is None, "nothing in them is a video"
    lines = [data.replace(b"\n", b""), line(1).rstrip()]
    check_no_good_line_is_lost(lines, tv.read_catalogue(io.BytesIO(b"\n".join(lines))))


@MANY
@given(lines_with_junk, st.sampled_from([b"\n", b"\r\n"]))
def test_good_lines_among_junk(lines: list[bytes], end: bytes) -> None:
    catalogue = read(end.join(lines))
    if catalogue is None:
        assert not GOOD.keys() & set(lines)
    else:
        check_no_good_line_is_lost(lines, catalogue)


@SOME
@given(lines_with_junk.map(b"\n".join))
def test_a_byte_order_mark_changes_nothing(data: bytes) -> None:
    assume(not data.startswith(BOM))
    assert read(BOM + data) == read(data)


@SOME
@given(lines_with_junk)
def test_lines_of_a_list_are_read_like_those_of_a_file(lines: list[bytes]) -> None:
    from_file = read(b"\n".join(lines))
    if from_file is None:
        with pytest.raises(tv.CatalogueError):
            tv.read_catalogue(lines)
    else:
        assert tv.read_catalogue(lines) == from_file


@SOME
@given(st.lists(st.one_of(st.text(st.characters(), max_size=30), good_lines.map(bytes.decode)), min_size=1))
def test_arbitrary_text(lines: list[str]) -> None:
    lines = [text.replace("\n", "") for text in lines]
    encoded = [text.encode("utf-8", "surrogatepass") for text in lines]
    catalogue = read(b"\n".join(encoded))
    if catalogue is None:
        with pytest.raises(tv.CatalogueError):
            tv.read_catalogue(lines)
    else:
        check_no_good_line_is_lost(encoded, catalogue)
        assert tv.read_catalogue(lines) == catalogue


# -- the same verdict as that of Python's own json module --------------------------------------------------


def is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # an integer that is no float
        return False


def is_video(record: Any) -> bool:
    """Apply the issue's rules to parsed JSON."""
    return (
        isinstance(record, dict)
        and {"id", "encodingTime", "publicationTimeout"} <= set(record)
        and all(is_text(record.get(field, "")) for field in ("id", "title", "provider"))
        and all(is_number(record[field]) for field in ("encodingTime", "publicationTimeout"))
        and record["id"] != ""
        and 0 <= record["encodingTime"] <= 2**32
        and 0 < record["publicationTimeout"] <= 2**32
    )


def is_json(value: Any) -> bool:
    """Tell if a value can be written; Python's module writes NaN and lone surrogates, which are no JSON."""
    match value:
        case str():
            return is_text(value)
        case float():
            return math.isfinite(value)
        case list():
            return all(map(is_json, value))
        case dict():
            return all(map(is_json, [*value.keys(), *value.values()]))
        case _:
            return True


def verdict(entry: object) -> bool:
    return tv.read_catalogue([line(9), entry]).rejected == ()


@MANY
@given(objects())
def test_a_record_is_accepted_if_and_only_if_it_is_a_video(record: dict[str, Any]) -> None:
    assert verdict(record) == is_video(record)


@MANY
@given(objects())
def test_a_line_is_accepted_if_and_only_if_it_is_a_video(record: dict[str, Any]) -> None:
    text = json.dumps(record)
    parsed = json.loads(text)
    assert verdict(text) == (is_video(parsed) and is_json(parsed.get("more")))


anything = st.recursive(
    st.one_of(scalars, st.binary(max_size=3), st.complex_numbers(), st.decimals(), st.fractions(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)


@SOME
@given(st.lists(st.one_of(anything, objects(), st.builds(tv.Video, *[anything] * 5)), max_size=5))
def test_arbitrary_records(records: list[Any]) -> None:
    catalogue = tv.read_catalogue([line(99), *records])
    assert len(catalogue) + len(catalogue.rejected) <= 1 + len(records)
    assert (catalogue.encoding_time >= 0).all()
    assert (catalogue.publication_timeout > 0).all()


@SOME
@given(anything)
def test_arbitrary_sources(source: Any) -> None:
    with pytest.raises(tv.CatalogueError):
        tv.read_catalogue(source)
