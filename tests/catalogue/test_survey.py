"""Surveying a catalogue: it finds what reading finds, from a file or a pipe, and holds no text."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.catalogue.test_catalogue import NASTY_TITLES, THREE, THREE_LINES, line, video
from tests.catalogue.test_catalogue_any_input import BOM, arbitrary_bytes, junk_lines, lines_with_junk
from tests.helpers.sizes import examples
from tv2sim.base.checks import plural
from tv2sim.catalogue import generate_lines

GZIP = b"\x1f\x8b"
SOME = settings(max_examples=examples(150))
SURVEY = "tv2sim.catalogue.survey"

MIXED = [
    *(line(1), b"nonsense\n", b"\n", line(2), line(1), b"\xff\n", line(3, publicationTimeout=0), line(2)),
    *(line(4), b"[]\n", line(1), line(3), b"[" * 10**5 + b"\n", line(4).rstrip()),
]
"""Good lines 1, 4, 9 and 12; five that are no video; repeated ids in lines 5, 8, 11 and 14; a blank one."""


def check_agrees(survey: tv.Survey, source: Any) -> None:
    """Compare with what reading the same source gives."""
    try:
        catalogue = tv.read_catalogue(source)
    except tv.CatalogueError:
        assert len(survey) == 0
        assert survey.rejected_lines == len(survey.rejected)
        return
    assert len(survey) == len(catalogue)
    np.testing.assert_array_equal(survey.encoding_time, catalogue.encoding_time)  # NaN equals NaN
    assert survey.publication_timeout.tolist() == catalogue.publication_timeout.tolist()
    assert survey.rejected == catalogue.rejected
    assert survey.rejected_lines == len(catalogue.rejected)


@contextmanager
def piped(data: bytes | Path, encoding: str | None = None, newline: str | None = None) -> Iterator[IO[Any]]:
    """Give the reading end of a pipe into which the data is written."""
    reading, writing = os.pipe()

    def write() -> None:
        with (
            os.fdopen(writing, "wb") as stream,
            data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as source,
        ):
            shutil.copyfileobj(source, stream)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "r" if encoding else "rb", encoding=encoding, newline=newline) as stream:
        yield stream
    writer.join()


# -- it agrees with reading --------------------------------------------------------------------------------


@SOME
@given(lines_with_junk, st.sampled_from([b"\n", b"\r\n"]), st.sampled_from([b"", BOM]))
def test_a_survey_agrees_with_reading(lines: list[bytes], end: bytes, mark: bytes) -> None:
    data = mark + end.join(lines)
    check_agrees(tv.survey_catalogue(io.BytesIO(data)), io.BytesIO(data))
    with piped(data) as pipe:
        check_agrees(tv.survey_catalogue(pipe), io.BytesIO(data))


@SOME
@given(st.lists(junk_lines, max_size=5))
def test_a_survey_of_junk_counts_it(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    assume(not data.startswith(GZIP))
    survey = tv.survey_catalogue(io.BytesIO(data))
    filled = [text for text in [b"".join(lines[:1]).removeprefix(BOM), *lines[1:]] if text.strip()]
    assert len(survey) + survey.rejected_lines == len(filled)


@SOME
@given(arbitrary_bytes)
def test_a_survey_of_arbitrary_bytes(data: bytes) -> None:
    assume(not data.startswith(GZIP))
    survey = tv.survey_catalogue(io.BytesIO(data))
    assert len(survey) == 0
    if survey.rejected_lines:
        count, first = survey.reasons[0]
        with pytest.raises(tv.CatalogueError) as caught:
            tv.read_catalogue(io.BytesIO(data))
        message = str(caught.value)
        assert f"{plural(survey.rejected_lines, 'line')} rejected, " in message
        if "(the file is " in survey.rejected[0].reason:
            assert survey.rejected[0].reason in message
        else:
            assert f"line {first.line}, because {first.reason}" in message
            assert count == 1 or f"{count:,} of them" in message or count == survey.rejected_lines


def test_the_survey_of_a_mixed_catalogue() -> None:
    survey = tv.survey_catalogue(io.BytesIO(b"".join(MIXED)))
    assert survey.encoding_time.tolist() == [1, 2, 4, 3]
    assert survey.publication_timeout.tolist() == [5, 6, 8, 7]
    assert [line for line, _, _ in survey.rejected] == [2, 5, 6, 7, 8, 10, 11, 13, 14]
    assert survey.rejected[1].reason == "the id 'v1' was seen before, in line 1"
    assert survey.rejected[8].reason == "the id 'v4' was seen before, in line 9"
    check_agrees(survey, MIXED)


@pytest.mark.parametrize("data", [THREE_LINES, b"".join(MIXED), BOM + b"\n\n" + b"".join(MIXED), b"", b"\n"])
def test_a_survey_of_every_kind_of_stream(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    path.write_bytes(data)
    check_agrees(tv.survey_catalogue(path), path)
    check_agrees(tv.survey_catalogue(str(path)), path)
    for options in ({"mode": "rb"}, {"mode": "rb", "buffering": 0}, {"encoding": "latin-1"}):
        with path.open(**options) as stream:
            survey = tv.survey_catalogue(stream)
            assert survey.name == "catalogue.jsonl"
        with path.open(**options) as stream:
            check_agrees(survey, stream)
    text = data.replace(b"\xff", b"?")
    check_agrees(tv.survey_catalogue(io.StringIO(text.decode())), io.BytesIO(text))
    with piped(text, encoding="utf-8") as pipe:
        check_agrees(tv.survey_catalogue(pipe), io.BytesIO(text))


def test_a_survey_of_a_pipe_whose_lines_end_in_carriage_returns() -> None:
    data = b"".join([line(1), b"x\n", line(2), line(1)]).replace(b"\n", b"\r")
    with piped(data, encoding="utf-8", newline="") as pipe:
        survey = tv.survey_catalogue(pipe)
    assert len(survey) == 2
    check_agrees(survey, io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=""))


def test_a_survey_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with piped(b"".join(MIXED), encoding="ascii") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        survey = tv.survey_catalogue("-")
    assert survey.name == "standard input"
    check_agrees(survey, MIXED)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_survey_of_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[b"".join(MIXED)])
    writer.start()
    check_agrees(tv.survey_catalogue(path), MIXED)
    writer.join()


@pytest.mark.parametrize("container", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_a_survey_of_records(container: Callable[[list[Any]], Any]) -> None:
    records = [
        *THREE,
        video(1),
        17,
        video(4, encodingTime=float("nan")),
        tv.Video("v1", "T", "P", 1, 2),
        line(2),
    ]
    records += [video(10 + n, title=title) for n, title in enumerate(NASTY_TITLES)]
    survey = tv.survey_catalogue(container(records))
    assert survey.rejected_lines == 5
    check_agrees(survey, records)


def test_a_survey_of_a_table_and_of_a_catalogue() -> None:
    frame = pd.DataFrame([*THREE, video(1), video(4, publicationTimeout=-1)])
    check_agrees(tv.survey_catalogue(frame), frame)
    catalogue = tv.read_catalogue(THREE)
    check_agrees(tv.survey_catalogue(catalogue), catalogue)


def test_a_survey_begins_where_the_stream_stands() -> None:
    stream = io.BytesIO(b"".join(MIXED))
    stream.readline()
    check_agrees(tv.survey_catalogue(stream), MIXED[1:])


def test_a_survey_of_a_text_file_whose_position_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    path.write_bytes(b"".join([line(7), line(1), line(2), line(1)]))
    with path.open(encoding="utf-8") as stream:
        next(stream)  # Python tells no position after this
        check_agrees(tv.survey_catalogue(stream), [line(1), line(2), line(1)])


def test_a_survey_of_a_temporary_file() -> None:
    with tempfile.NamedTemporaryFile() as stream:
        Path(stream.name).write_bytes(line(1) + line(2) + line(1))
        check_agrees(tv.survey_catalogue(stream), [line(1), line(2), line(1)])


def test_what_cannot_be_surveyed(tmp_path: Path) -> None:
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(line(1) + line(2).replace(b"TV 2", b"TV \xf8"))
    with latin.open("rb") as closed:
        pass
    for source in (tmp_path, tmp_path / "nowhere", "a\x00b", 3, None, b"x", video(), closed):
        with pytest.raises(tv.CatalogueError):
            tv.survey_catalogue(source)  # type: ignore[arg-type]
    with latin.open(encoding="utf-8") as text, pytest.raises(tv.CatalogueError, match="open it in binary mode"):
        tv.survey_catalogue(text)
    with latin.open(encoding="utf-8") as text, pytest.raises(tv.CatalogueError, match="open it in binary mode"):
        tv.survey_catalogue(line for line in text)
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as wrapper:
        Path(wrapper.name).write_bytes(latin.read_bytes())
        with pytest.raises(tv.CatalogueError, match="open it in binary mode"):
            tv.survey_catalogue(wrapper)


# -- how much of the rejected is kept ----------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 1, 2, 5, 8, 9, 10, 1000])
def test_the_first_rejected_lines_are_kept_and_all_are_counted(keep: int) -> None:
    survey = tv.survey_catalogue(MIXED, keep=keep)
    assert survey.rejected == tv.read_catalogue(MIXED).rejected[:keep]
    assert survey.rejected_lines == 9
    assert len(survey) == 4


@pytest.mark.parametrize("keep", [-1, 2.5, "3", None, True])
def test_how_many_to_keep_is_a_whole_number(keep: Any) -> None:
    with pytest.raises(tv.InputError, match=f"keep must be a whole number of at least 0, not {keep!r}"):
        tv.survey_catalogue(THREE, keep=keep)


# -- collisions --------------------------------------------------------------------------------------------

HASHES: list[Callable[[str], int]] = [
    lambda text: 0,
    lambda text: -(2**63),
    lambda text: 2**63 - 1,
    lambda text: len(text),
    lambda text: ord(text[-1]) % 2,
]


@pytest.mark.parametrize("number", range(len(HASHES)))
def test_a_collision_rejects_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SURVEY}.hash", HASHES[number], raising=False)
    lines = [line(n) for n in range(30)]
    check_agrees(tv.survey_catalogue(lines), lines)
    assert tv.survey_catalogue(lines).rejected_lines == 0
    check_agrees(tv.survey_catalogue(MIXED), MIXED)
    with piped(b"".join(MIXED)) as pipe:
        check_agrees(tv.survey_catalogue(pipe), MIXED)


@SOME
@given(lines=lines_with_junk)
def test_surveys_full_of_collisions_agree_with_reading(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(f"{SURVEY}.hash", lambda text: 7, raising=False)
        survey = tv.survey_catalogue(io.BytesIO(data))
    check_agrees(survey, io.BytesIO(data))


# -- memory ------------------------------------------------------------------------------------------------

LINES = 200_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("survey") / "large.jsonl"
    with path.open("wb") as stream:
        stream.writelines(generate_lines(LINES))
    assert path.stat().st_size > 120 * LINES, "holding the text would show"
    return path


def peak(survey: Callable[[], tv.Survey]) -> tuple[tv.Survey, float]:
    """Survey, and return the most bytes a line that were held at any time."""
    tracemalloc.start()
    try:
        return survey(), tracemalloc.get_traced_memory()[1] / LINES
    finally:
        tracemalloc.stop()


@pytest.mark.full
def test_a_survey_holds_no_text_of_a_file(large: Path) -> None:
    survey, held = peak(lambda: tv.survey_catalogue(large))
    assert len(survey) == LINES
    assert survey.rejected == ()
    assert held < 60, "as the docstring says"


@pytest.mark.full
def test_a_survey_holds_no_text_of_a_pipe(large: Path) -> None:
    with large.open("rb") as stream:
        first = stream.readline()
    with large.open("ab") as stream:
        stream.write(first)
    with piped(large) as pipe:
        survey, held = peak(lambda: tv.survey_catalogue(pipe))
    assert len(survey) == LINES
    assert [rejected.line for rejected in survey.rejected] == [LINES + 1]
    assert held < 100
