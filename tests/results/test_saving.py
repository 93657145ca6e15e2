"""Runs saved to a folder and loaded again: equal, whole or not at all, and readable by other tools."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import math
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, SAMPLE, tv2sim, video
from tv2sim.base.storage import whole_file, whole_folder
from tv2sim.results.saving import is_saved_run

TABLES = {
    "videos": "id title provider encoding_time publication_timeout offered encoder encoding_started encoded "
    "queued publisher assigned published elapsed on_time outcome",
    "publishers": "publisher cause started ready assigned ended video idle outcome",
    "attempts": "kind video encoder publisher started ended",
    "events": "time event video encoder publisher",
    "levels": "time encoders_busy publishing_queue publishers_starting publishers_ready published failed",
}
"""The tables and their columns, as the design has them."""

Format = Literal["csv", "jsonl", "parquet"]

_NO_PYARROW = importlib.util.find_spec("pyarrow") is None
PARQUET = pytest.param("parquet", marks=pytest.mark.skipif(_NO_PYARROW, reason="needs tv2sim[parquet]"))
every_format = pytest.mark.parametrize("suffix", ["csv", "jsonl", PARQUET])
text_format = pytest.mark.parametrize("suffix", ["csv", "jsonl"])

NASTY = (
    "", " ", "NA", "nan", "NaN", "null", "None", "N/A", "True", "<NA>", "inf", "-", "0", "007", "1e5", "1.0",
    "=1+1", "@cmd", "+1", "'", '"', '""', '"quoted", and more', "a,b;c\td", "\x00", "a\x00b", "\r", "a\rb",
    "a\r\nb", "\n", "a\nb", "\n\r", "\\", "\\n", " leading", "trailing ", "\ufeff", "\u2028\u2029\x85\x0b\x0c",
    "\x1b[31m", "\x1a", "</script>", "🎬 Æøå", "e\u0301", "\U0010ffff", "\ufffe", "x" * 200_000,
)  # fmt: skip


def run_of(titles: Sequence[str]) -> tv.Run:
    """Return a run of videos with these titles, the provider's name and the id being nasty too."""
    videos = [
        tv.Video(title[:50] + f"#{i}", title, title, 1.0 + i % 3, 5.0 + i % 4) for i, title in enumerate(titles)
    ]
    return tv.simulate(tv.Catalogue(videos), "2c")


def same(loaded: tv.Run, saved: tv.Run) -> None:
    """Hold a loaded run against the one that was saved: equal in itself and in whatever is derived from it."""
    assert loaded == saved
    for name in TABLES:
        assert_frame_equal(getattr(loaded, name), getattr(saved, name), check_exact=True)
    assert (loaded.end, loaded.ending, loaded.versions) == (saved.end, saved.ending, saved.versions)
    assert (str(loaded.stats), repr(loaded)) == (str(saved.stats), repr(saved))
    assert {name: repr(value) for name, value in loaded.summary.items()} == {
        name: repr(value) for name, value in saved.summary.items()
    }
    assert (loaded.catalogue.name, loaded.catalogue.rejected) == (
        saved.catalogue.name,
        saved.catalogue.rejected,
    )


def unsealed(folder: Path) -> Path:
    """Return a folder of a run without its checksums, as runs were saved before they had any."""
    (folder / "SHA256SUMS").unlink()
    return folder


def again(run: tv.Run, folder: Path, suffix: Format, **options: Any) -> tv.Run:
    """Save a run, check that what comes back is the same, and return it."""
    loaded = tv.load_run(run.save(folder / suffix, format=suffix), **options)
    same(loaded, run)
    return loaded


# -- a loaded run equals the one that was saved ------------------------------------------------------------


@every_format
@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
@pytest.mark.full
def test_each_part_comes_back(strategy: str, suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, strategy, seed=2**64 - 1, replication=3)
    loaded = again(run, tmp_path, suffix)
    assert loaded.strategy == tv.STRATEGIES[strategy]
    assert (loaded.seed, loaded.replication) == (2**64 - 1, 3)


@every_format
@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
@pytest.mark.parametrize("until", [0.25, 3.0, 40.0])
@pytest.mark.full
def test_a_run_that_was_cut_off_comes_back(strategy: str, until: float, suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, strategy, tv.Scenario(until=until))
    assert run.ending == "cut-off"
    again(run, tmp_path, suffix)


@every_format
def test_a_run_without_any_publisher_comes_back(suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, tv.PART_2C.replace(prewarmed=0))
    assert (len(run.publishers), run.ending) == (0, "no publisher will come")
    again(run, tmp_path, suffix)


@every_format
@pytest.mark.parametrize("capacity", [0, 1, None])
def test_a_run_with_a_full_queue_comes_back(capacity: int | None, suffix: Format, tmp_path: Path) -> None:
    scenario = tv.Scenario(encoders=3, publishing_queue_capacity=capacity, publishing_time=0.75)
    run = tv.simulate(CATALOGUE, tv.PART_2C.replace(prewarmed=2), scenario)
    blocked = (run.videos["queued"] > run.videos["encoded"]).any()
    assert blocked == (capacity is not None)
    again(run, tmp_path, suffix)


@every_format
def test_a_catalogue_with_rejected_lines_comes_back(suffix: Format, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(SAMPLE.read_bytes() + b'\x00\x1b[31m "NA", \xff\r\n' + b"{}" * 300)
    run = tv.simulate(path)
    assert len(run.catalogue.rejected) == 4
    again(run, tmp_path, suffix)


@every_format
@pytest.mark.parametrize(
    "startup_time",
    [
        tv.Constant(0), tv.Uniform(0, 1 / 3), tv.Triangular(2, 3, 6), tv.Exponential(4), tv.LogNormal(4, 0.5),
        tv.Gamma(4, 1), tv.Empirical((5, 2.5, 1 / 3)),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.full
def test_every_distribution_comes_back(startup_time: tv.Distribution, suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(SAMPLE, "2a", tv.Scenario(startup_time=startup_time, requests_per_second=3))
    assert again(run, tmp_path, suffix).scenario == run.scenario


@every_format
def test_nasty_titles_come_back(suffix: Format, tmp_path: Path) -> None:
    again(run_of(NASTY), tmp_path, suffix)


@every_format
@pytest.mark.parametrize("title", ["", "\r", "\x00", "NA", '"'])
def test_a_catalogue_of_one_nasty_title_comes_back(title: str, suffix: Format, tmp_path: Path) -> None:
    again(run_of([title]), tmp_path, suffix)


@every_format
@settings(max_examples=25)
@example(titles=["\r"])
@given(titles=st.lists(st.text() | st.text('"\r\n,\x00 =0'), min_size=1, max_size=6))
@pytest.mark.full
def test_any_titles_come_back(titles: list[str], suffix: Format) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again(run_of(titles), Path(folder), suffix)


@every_format
@settings(max_examples=25)
@given(
    times=st.lists(
        st.tuples(
            st.floats(0, 2.0**32),
            st.floats(0, 2.0**32, exclude_min=True),
        ),
        min_size=1,
        max_size=4,
    ),
    startup_time=st.floats(0, 1e6),
    until=st.none() | st.floats(0, 1e6, exclude_min=True),
)
@pytest.mark.full
def test_floats_come_back_to_the_last_bit(
    times: list[tuple[float, float]], startup_time: float, until: float | None, suffix: Format
) -> None:
    videos = [tv.Video(f"v{i}", "T", "P", *pair) for i, pair in enumerate(times)]
    scenario = tv.Scenario(startup_time=tv.Constant(startup_time), requests_per_second=3, until=until)
    with tempfile.TemporaryDirectory() as folder:
        again(tv.simulate(tv.Catalogue(videos), "2a", scenario), Path(folder), suffix)


@every_format
def test_a_loaded_run_saves_the_same_files(suffix: Format, tmp_path: Path) -> None:
    first = tv.simulate(SAMPLE).save(tmp_path / "first", format=suffix)
    second = tv.load_run(first).save(tmp_path / "second", format=suffix)
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(["SHA256SUMS", "run.json", *(f"{name}.{suffix}" for name in TABLES)])
    assert [(first / name).read_bytes() for name in names] == [(second / name).read_bytes() for name in names]


def test_a_path_may_be_text(tmp_path: Path) -> None:
    run = tv.simulate(SAMPLE)
    folder = run.save(str(tmp_path / "out"))
    assert folder == tmp_path / "out"
    same(tv.load_run(str(folder)), run)


def test_a_loaded_run_tells_the_versions_that_made_it(tmp_path: Path) -> None:
    path = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out")) / "run.json"
    path.write_text(path.read_text(encoding="utf-8").replace(tv.__version__, "0.0.1"), encoding="utf-8")
    assert tv.load_run(tmp_path / "out").versions["tv2sim"] == "0.0.1"


def test_another_run_is_not_equal(tmp_path: Path) -> None:
    loaded = tv.load_run(tv.simulate(CATALOGUE, seed=1).save(tmp_path / "out"))
    assert loaded != tv.simulate(CATALOGUE, seed=2)


# -- strategies and distributions of the user's own --------------------------------------------------------


class EarliestDeadline(tv.Strategy):
    def priority(self, video: tv.Video, deadline: float) -> float:
        return deadline


class Hybrid(tv.Strategy):
    """Own publishers for the videos that can wait, started a little later; a pool for the others."""

    def owns_publisher(self, video: tv.Video) -> bool:
        return video.publication_timeout >= 6

    def start_moment(self, video: tv.Video) -> Literal["encoding_started"] | None:
        return "encoding_started" if self.owns_publisher(video) else None

    def start_delay(self, video: tv.Video) -> float:
        return 0.1


class WhenLong(tv.Strategy):
    """Dedicated, though `starts_on` is None: its own hook says when publishers start."""

    def start_moment(self, video: tv.Video) -> Literal["encoding_started", "encoded"]:
        return "encoded" if video.encoding_time > 3 else "encoding_started"


@dataclass(frozen=True)
class Adaptive(tv.Strategy):
    extra: int = 3

    def pool_level(self, state: tv.PoolState) -> int:
        return state.waiting + state.encoding + self.extra


OWN = [
    EarliestDeadline("edf", prewarmed=7),
    Hybrid(prewarmed=5),
    WhenLong("when long", dedicated=True),
    Adaptive("2c", review_every=5),
]
own_strategies = pytest.mark.parametrize("strategy", OWN, ids=lambda own: type(own).__name__)


@every_format
@own_strategies
@pytest.mark.full
def test_an_own_strategy_is_stood_in_for(strategy: tv.Strategy, suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, strategy, tv.Scenario(encoders=6))
    loaded = again(run, tmp_path, suffix)
    assert type(loaded.strategy) is tv.Strategy
    assert loaded.strategy.name == strategy.name


@every_format
@own_strategies
@pytest.mark.full
def test_an_own_strategy_can_be_passed_again(strategy: tv.Strategy, suffix: Format, tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, strategy, tv.Scenario(encoders=6))
    assert again(run, tmp_path, suffix, strategy=strategy).strategy is strategy


def test_a_changed_part_is_not_taken_for_the_built_in_one(tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, tv.PART_2C.replace(prewarmed=12))
    assert again(run, tmp_path, "csv").strategy == tv.PART_2C.replace(prewarmed=12)


class Weekend(tv.Distribution):
    mean = 3.0

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(u < 0.5, 2.0, 4.0)


def test_a_run_with_an_own_distribution_comes_back(tmp_path: Path) -> None:
    scenario = tv.Scenario(startup_time=Weekend(), encoders=7)
    run = tv.simulate(CATALOGUE, "2c", scenario)
    assert again(run, tmp_path, "csv", scenario=scenario).scenario is scenario


def test_without_its_own_distribution_a_run_says_what_to_pass(tmp_path: Path) -> None:
    folder = tv.simulate(CATALOGUE, "2c", tv.Scenario(startup_time=Weekend())).save(tmp_path / "out")
    with pytest.raises(tv.InputError, match="scenario=") as caught:
        tv.load_run(folder)
    one_sentence(caught.value, folder)


# -- files that other tools open ---------------------------------------------------------------------------


def nasty_saved(folder: Path, suffix: Format) -> tuple[tv.Run, Path]:
    """Save a run with nasty titles, but for NUL, where the readers of some versions of pandas stop."""
    run = run_of([title for title in NASTY if "\x00" not in title])
    return run, run.save(folder / "out", format=suffix)


def test_pandas_opens_the_csv_files_as_they_are(tmp_path: Path) -> None:
    folder = tv.simulate(CATALOGUE, "1", tv.Scenario(until=30)).save(tmp_path / "out")
    for name, columns in TABLES.items():
        frame = pd.read_csv(folder / f"{name}.csv")
        assert frame.columns.tolist() == columns.split()


def test_pandas_finds_in_the_csv_files_what_was_simulated(tmp_path: Path) -> None:
    run = tv.simulate(CATALOGUE, "1", tv.Scenario(until=30))
    folder = run.save(tmp_path / "out")
    for name in TABLES:
        expected = getattr(run, name)
        frame = pd.read_csv(folder / f"{name}.csv")
        texts = pd.read_csv(folder / f"{name}.csv", dtype="str")  # not all of pandas' own readers are exact
        for column in expected.select_dtypes("float64"):
            frame[column] = texts[column].map(float, na_action="ignore")
        assert_frame_equal(frame.astype(expected.dtypes), expected, check_exact=True)


def test_pandas_finds_nasty_titles_in_the_csv_file(tmp_path: Path) -> None:
    run, folder = nasty_saved(tmp_path, "csv")
    frame = pd.read_csv(folder / "videos.csv", keep_default_na=False)
    assert frame["title"].tolist() == run.videos["title"].tolist()


def test_the_csv_files_are_utf_8_with_plain_line_ends(tmp_path: Path) -> None:
    folder = tv.simulate(CATALOGUE).save(tmp_path / "out")
    text = (folder / "videos.csv").read_bytes()
    assert text.decode("utf-8").startswith(",".join(TABLES["videos"].split()) + "\n")
    assert b"\r" not in text
    assert text.count(b"\n") == 155
    assert "ø".encode() in text


def test_any_json_reader_opens_the_json_lines(tmp_path: Path) -> None:
    run = run_of(NASTY)
    folder = run.save(tmp_path / "out", format="jsonl")
    for name, columns in TABLES.items():
        text = (folder / f"{name}.jsonl").read_bytes().decode("utf-8")
        rows = [json.loads(line, parse_constant=_refuse) for line in text.split("\n")[:-1]]
        assert len(rows) == len(getattr(run, name))
        assert all(list(row) == columns.split() for row in rows)


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def test_what_did_not_happen_is_null_in_json_lines(tmp_path: Path) -> None:
    folder = tv.simulate(SAMPLE, "1", tv.Scenario(until=2)).save(tmp_path / "out", format="jsonl")
    first, *_, last = map(json.loads, (folder / "videos.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["encoder"], first["encoding_started"], first["encoded"]) == (0, 0.0, None)
    assert (last["offered"], last["encoder"], last["elapsed"], last["outcome"]) == (
        None,
        None,
        None,
        "unfinished",
    )
    assert (type(first["encoder"]), first["on_time"]) == (int, False)


@pytest.mark.skipif(_NO_PYARROW, reason="needs tv2sim[parquet]")
def test_pandas_finds_in_the_parquet_files_what_was_simulated(tmp_path: Path) -> None:
    run, folder = nasty_saved(tmp_path, "parquet")
    for name in TABLES:
        assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), getattr(run, name), check_exact=True)


@pytest.mark.parametrize("scenario", [tv.Scenario(), tv.Scenario(until=0.25)], ids=["whole", "cut"])
def test_run_json_says_what_it_takes_to_repeat_the_run(scenario: tv.Scenario, tmp_path: Path) -> None:
    run = tv.simulate(SAMPLE, "2a", scenario, seed=5, replication=2)
    text = (run.save(tmp_path / "out") / "run.json").read_text(encoding="utf-8")
    document = json.loads(text, parse_constant=_refuse)
    again_ = tv.simulate(
        SAMPLE,
        document["strategy"]["name"],
        tv.Scenario.from_dict(document["scenario"]),
        seed=document["seed"],
        replication=document["replication"],
    )
    assert again_ == run
    assert document["stats"] == dict(run.stats)
    assert document["summary"] == {
        name: None if math.isnan(value) else value for name, value in run.summary.items()
    }
    assert document["versions"]["tv2sim"] == tv.__version__


# -- Parquet without pyarrow -------------------------------------------------------------------------------


def test_saving_parquet_without_pyarrow_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(tv.MissingExtraError, match=re.escape("tv2sim[parquet]")):
        tv.simulate(SAMPLE).save(tmp_path / "out", format="parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(_NO_PYARROW, reason="needs tv2sim[parquet]")
def test_loading_parquet_without_pyarrow_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tv.simulate(SAMPLE).save(tmp_path / "out", format="parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(tv.MissingExtraError, match=re.escape("tv2sim[parquet]")):
        tv.load_run(folder)


def test_the_other_formats_do_not_need_pyarrow(tmp_path: Path) -> None:
    """In a process of its own: pandas makes other text columns where there is no pyarrow."""
    program = f"""
import sys
class Nowhere:
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nowhere())
import tv2sim as tv
run = tv.simulate({str(SAMPLE)!r})
for suffix in ("csv", "jsonl"):
    loaded = tv.load_run(run.save({str(tmp_path)!r} + "/" + suffix, format=suffix))
    assert loaded == run
    for name in ("videos", "publishers", "events", "levels"):
        assert getattr(loaded, name).equals(getattr(run, name))
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
    for suffix in ("csv", "jsonl"):
        same(tv.load_run(tmp_path / suffix), tv.simulate(SAMPLE))


# -- folders that hold no run ------------------------------------------------------------------------------


def one_sentence(error: Exception, folder: Path) -> None:
    assert str(folder) in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 500


def refused(folder: Path) -> str:
    """Check that the folder is refused in one sentence that names it, and return the sentence."""
    with pytest.raises(tv.InputError) as caught:
        tv.load_run(folder)
    one_sentence(caught.value, folder)
    return str(caught.value)


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "no saved run" in refused(tmp_path / "none")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "no saved run" in refused(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file")


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.95])
def test_a_run_json_that_is_cut(share: float, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out"))
    whole = (folder / "run.json").read_bytes()
    (folder / "run.json").write_bytes(whole[: int(share * len(whole))])
    refused(folder)


@pytest.mark.parametrize("text", ["null", "[]", "{}", "7", '"run"', '{"format": "csv"}', '{"format": "xml"}',
                                  '{"format": 7}', '{"format": null}', "\x00", "[" * 100_000])  # fmt: skip
def test_another_run_json(text: str, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out"))
    (folder / "run.json").write_text(text)
    refused(folder)


@pytest.mark.parametrize(
    "entry",
    [
        "format",
        "catalogue",
        "scenario",
        "strategy",
        "seed",
        "replication",
        "end",
        "ending",
        "rejected",
        "versions",
    ],
)
def test_a_run_json_without_an_entry_or_with_a_wrong_one(entry: str, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out"))
    document = json.loads((folder / "run.json").read_bytes())
    for wrong in ({}, {entry: "wrong"}, {entry: -1}, {entry: None}, {entry: [{"line": 1}]}):
        rest = {name: value for name, value in document.items() if name != entry}
        (folder / "run.json").write_text(json.dumps(rest | wrong))
        refused(folder)


@every_format
@pytest.mark.parametrize("name", ["videos", "publishers", "events"])
def test_a_missing_table(name: str, suffix: Format, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out", format=suffix))
    (folder / f"{name}.{suffix}").unlink()
    refused(folder)


@every_format
@pytest.mark.parametrize(
    ("name", "column"),
    [
        *(("videos", column) for column in TABLES["videos"].split()[:13]),
        *(("publishers", column) for column in ("cause", "started", "ready")),
        *(("events", column) for column in ("time", "event", "video", "encoder", "publisher")),
    ],
)
@pytest.mark.full
def test_a_missing_column(name: str, column: str, suffix: Format, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out", format=suffix))
    path = folder / f"{name}.{suffix}"
    if suffix == "csv":
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    elif suffix == "jsonl":
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        rows = [{key: value for key, value in row.items() if key != column} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pd.read_parquet(path).drop(columns=column).to_parquet(path, index=False)
    assert f"'{column}'" in refused(folder)


@every_format
@pytest.mark.parametrize("name", ["videos", "publishers", "events"])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_table_that_is_cut(share: float, name: str, suffix: Format, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out", format=suffix))
    path = folder / f"{name}.{suffix}"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(folder)


@text_format
@pytest.mark.parametrize("name", ["videos", "publishers", "events"])
@pytest.mark.parametrize("row", [1, -1])
def test_a_table_that_lost_a_row(row: int, name: str, suffix: Format, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out", format=suffix))
    path = folder / f"{name}.{suffix}"
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[row]
    path.write_bytes(b"".join(lines))
    refused(folder)


@text_format
def test_a_table_that_lost_a_video_to_which_nothing_happened(suffix: Format, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE, "1", tv.Scenario(until=1)).save(tmp_path / "out", format=suffix))
    path = folder / f"videos.{suffix}"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    refused(folder)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("videos", r"\n([^\n]*?,[^\n]*?,[^\n]*?),[\d.]+,", r"\n\1,much,"),
        ("videos", r"\n([^\n]*?,[^\n]*?,[^\n]*?),[\d.]+,", r"\n\1,,"),
        ("videos", r",4\.0,7\.0,0\.0,", r",4.0,0.001,0.0,"),  # it had a publication in time
        ("videos", r"(,4\.0,4\.0),9,", r"\1,300,"),
        ("publishers", r"\n0,,0\.0,", r"\n0,,soon,"),
        ("publishers", r"\n0,,0\.0,", r"\n0,0.5,0.0,"),
        ("events", "encoding_started", "encoding_begun"),
        ("events", ",,,3\n", ",,,x\n"),
        ("events", ",,,3\n", ",,,300\n"),
        ("events", ",,,3\n", ",,,\n"),
        ("events", ",,,3\n", ",,3,3\n"),
        ("events", "offered,0,", "offered,99999,"),
        ("events", "offered,0,", "offered,,"),
        ("events", "offered,0,", "offered,-7,"),
        ("events", "offered,0,", "offered,1e300,"),
    ],
)
def test_a_table_with_a_wrong_cell(name: str, old: str, new: str, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out"))
    path = folder / f"{name}.csv"
    text, replaced = re.subn(old, new, path.read_text(encoding="utf-8"), count=1)
    assert replaced == 1
    path.write_text(text, encoding="utf-8")
    refused(folder)


def test_a_table_that_is_not_utf_8(tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out"))
    (folder / "videos.csv").write_bytes(b"\xff\xfe" + (folder / "videos.csv").read_bytes())
    refused(folder)


# -- what is written is written whole, and over nothing else -----------------------------------------------


def test_an_existing_run_is_not_replaced_unasked(tmp_path: Path) -> None:
    first, second = tv.simulate(SAMPLE, seed=1), tv.simulate(SAMPLE, seed=2)
    folder = first.save(tmp_path / "out")
    with pytest.raises(tv.OutputError, match="force=True") as caught:
        second.save(folder)
    one_sentence(caught.value, folder)
    same(tv.load_run(folder), first)


def test_an_existing_run_is_replaced_when_asked(tmp_path: Path) -> None:
    folder = tv.simulate(SAMPLE, seed=1).save(tmp_path / "out")
    second = tv.simulate(SAMPLE, seed=2)
    second.save(folder, format="jsonl", force=True)
    same(tv.load_run(folder), second)
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".json"] + [".jsonl"] * 5
    assert list(tmp_path.iterdir()) == [folder]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    again(tv.simulate(SAMPLE), tmp_path, "csv")


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_with_other_files_is_refused(force: bool, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(tv.OutputError) as caught:
        tv.simulate(SAMPLE).save(tmp_path, force=force)
    one_sentence(caught.value, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["years of work"]


@pytest.mark.parametrize("text", ["{}", '{"distance": 10, "time": "47:11"}', "not even JSON"])
def test_a_run_json_of_another_kind_is_not_replaced(text: str, tmp_path: Path) -> None:
    """A folder with nothing but someone else's run.json is no earlier result."""
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(tv.OutputError):
        tv.simulate(SAMPLE).save(tmp_path, force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == [text]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_not_replaced(force: bool, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("years of work")
    with pytest.raises(tv.OutputError) as caught:
        tv.simulate(SAMPLE).save(tmp_path / "out", force=force)
    one_sentence(caught.value, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "years of work"


def test_a_failure_halfway_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tv2sim.results.saving.write_table", full)
    with pytest.raises(tv.OutputError, match=os.strerror(errno.ENOSPC)) as caught:
        tv.simulate(SAMPLE).save(tmp_path / "out")
    one_sentence(caught.value, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(tv.InputError, match="'csv', 'jsonl', 'parquet', not 'xml'"):
        tv.simulate(SAMPLE).save(tmp_path / "out", format="xml")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    run = tv.simulate(tv.read_catalogue([video(0)]))
    same(tv.load_run(run.save(tmp_path / "a" / "b")), run)


def missing_then(path: Path) -> Path:
    """Return a path to the same place that leads through a folder which does not exist."""
    return path.parent / "missing" / ".." / path.name


def test_a_path_through_a_missing_folder_replaces_no_other_folder(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.txt").write_text("years of work")
    with pytest.raises(tv.OutputError, match="holds other files"):
        tv.simulate(SAMPLE).save(missing_then(thesis))
    assert (thesis / "chapter.txt").read_text() == "years of work"
    assert list(tmp_path.rglob("*")) == [thesis, thesis / "chapter.txt"]


@pytest.mark.parametrize(
    "command",
    [
        ("run", SAMPLE, "--out"),
        ("replay", SAMPLE, "--speed", "max", "--port", "none", "--out"),
        ("replay", SAMPLE, "--speed", "max", "--port", "none", "--record"),
        ("compare", SAMPLE, "--replications", "2", "--out"),
        ("compare", SAMPLE, "--replications", "2", "--report"),
        ("generate", "--out"),
    ],
    ids=["run", "replay", "record", "table", "report", "generate"],
)
def test_no_command_replaces_what_a_path_through_a_missing_folder_leads_to(
    command: Sequence[str | Path], tmp_path: Path
) -> None:
    (tmp_path / "thesis").write_text("years of work")
    (tmp_path / "theses").mkdir()
    (tmp_path / "theses" / "thesis").write_text("years of work")
    for name in ("thesis", "theses"):
        assert tv2sim(*command, missing_then(tmp_path / name)).status == 2
    assert (tmp_path / "thesis").read_text() == "years of work"
    assert (tmp_path / "theses" / "thesis").read_text() == "years of work"
    assert len(list(tmp_path.rglob("*"))) == 3


def test_a_path_through_a_missing_folder_replaces_no_file(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("years of work")
    with pytest.raises(tv.OutputError, match="is a file"):
        tv.simulate(SAMPLE).save(missing_then(tmp_path / "thesis"))
    with (
        pytest.raises(tv.OutputError, match="exists"),
        whole_file(missing_then(tmp_path / "thesis"), force=False),
    ):
        pass
    assert [path.read_text() for path in tmp_path.iterdir()] == ["years of work"]


def test_a_path_through_a_missing_folder_replaces_no_run_unasked(tmp_path: Path) -> None:
    first = tv.simulate(SAMPLE, seed=1)
    first.save(tmp_path / "out")
    with pytest.raises(tv.OutputError, match="force=True"):
        tv.simulate(SAMPLE, seed=2).save(missing_then(tmp_path / "out"))
    same(tv.load_run(tmp_path / "out"), first)


def written(whole: AbstractContextManager[Path], *others: Path) -> None:
    """Write a file or a folder, while somebody else writes others."""
    with whole as draft:
        (draft / "run.json" if draft.is_dir() else draft).write_text("new")
        for other in others:
            other.parent.mkdir(exist_ok=True)
            other.write_text("years of work")


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_appears_meanwhile_is_kept(force: bool, tmp_path: Path) -> None:
    thesis = tmp_path / "out" / "thesis.txt"
    with pytest.raises(tv.OutputError, match="holds other files"):
        written(whole_folder(thesis.parent, force=force, ours=is_saved_run), thesis)
    assert list(tmp_path.rglob("*")) == [thesis.parent, thesis]


def test_a_run_into_which_files_are_put_meanwhile_is_kept(tmp_path: Path) -> None:
    thesis = tv.simulate(SAMPLE).save(tmp_path / "out") / "thesis.txt"
    with pytest.raises(tv.OutputError, match="holds other files"):
        written(whole_folder(thesis.parent, force=True, ours=is_saved_run), thesis)
    assert thesis.read_text() == "years of work"
    assert list(tmp_path.iterdir()) == [thesis.parent]


def test_what_changes_after_the_last_check_is_put_back(tmp_path: Path) -> None:
    """The folder that was moved aside is looked at once more before it is deleted."""
    folder = tv.simulate(SAMPLE).save(tmp_path / "out")
    answers = []

    def ours(path: Path) -> bool:
        answers.append(is_saved_run(path))
        if len(answers) == 2:
            (path / "thesis.txt").write_text("years of work")
        return answers[-1]

    with pytest.raises(tv.OutputError, match="holds other files"):
        written(whole_folder(folder, force=True, ours=ours))
    assert answers == [True, True, False]
    assert (folder / "thesis.txt").read_text() == "years of work"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    links: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", none)
    path = tmp_path / "table.csv"
    for force in (False, True):
        written(whole_file(path, force=force))
        assert path.read_text() == "new"
    path.unlink()
    with pytest.raises(tv.OutputError, match="exists"):
        written(whole_file(path, force=False), path)
    # also between the last check and the end
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(tv.OutputError, match="exists"):
        written(whole_file(path, force=False))
    assert [each.read_text() for each in tmp_path.iterdir()] == ["years of work"]


def test_an_earlier_result_that_is_replaced_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("report")
    with pytest.raises(tv.OutputError, match="exists"):
        written(whole_file(path, force=False, ours=lambda path: path.read_text() == "report"), path)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["years of work"]


def test_what_replaces_a_file_or_a_folder_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.touch()
    path.chmod(0o640)
    with whole_file(path, force=True) as draft:
        draft.write_text("report")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("report", 0o640)
    folder = tv.simulate(SAMPLE).save(tmp_path / "out")
    folder.chmod(0o750)
    tv.simulate(SAMPLE).save(folder, force=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


# -- checksums ---------------------------------------------------------------------------------------------


@every_format
def test_a_changed_file_is_refused(suffix: Format, tmp_path: Path) -> None:
    """Each file of the folder, also one from which nothing is read, such as the table of levels."""
    run = tv.simulate(SAMPLE)
    folder = run.save(tmp_path / "out", format=suffix)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sorted([*sums, "SHA256SUMS"]) == sorted(path.name for path in folder.iterdir())
    for name, digest in sums.items():
        whole = (folder / name).read_bytes()
        assert hashlib.sha256(whole).hexdigest() == digest
        (folder / name).write_bytes(whole[:-1] + b"?")
        with pytest.raises(tv.InputError, match=rf"'{name}' was changed.*or delete SHA256SUMS to load"):
            tv.load_run(folder)
        (folder / name).write_bytes(whole)
    same(tv.load_run(folder), run)


def test_a_figure_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = tv.simulate(SAMPLE).save(tmp_path / "out") / "run.json"
    path.write_text(re.sub(r'"idle": [0-9.]+', '"idle": 0.0', path.read_text()))
    with pytest.raises(tv.InputError, match=r"'run.json' was changed"):
        tv.load_run(path.parent)


def test_a_run_without_checksums_is_loaded(tmp_path: Path) -> None:
    run = tv.simulate(SAMPLE)
    same(tv.load_run(unsealed(run.save(tmp_path / "out"))), run)


@every_format
@pytest.mark.parametrize("name", ["videos", "events", "publishers", "run"])
@pytest.mark.full
def test_flipped_bits_without_checksums_end_in_one_sentence(name: str, suffix: Format, tmp_path: Path) -> None:
    folder = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out", format=suffix))
    path = folder / ("run.json" if name == "run" else f"{name}.{suffix}")
    whole = path.read_bytes()
    random = np.random.default_rng(8)
    for _ in range(25):
        changed = bytearray(whole)
        changed[int(random.integers(len(whole)))] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        with suppress(tv.InputError):
            tv.load_run(folder)


@pytest.mark.parametrize("end", ["1e308", "1e300", "9007199255.0"])
def test_an_end_beyond_all_time(end: str, tmp_path: Path) -> None:
    path = unsealed(tv.simulate(SAMPLE).save(tmp_path / "out")) / "run.json"
    path.write_text(re.sub(r'"end": [0-9.]+', f'"end": {end}', path.read_text()))
    assert "out' does not hold a run as it was saved: " in refused(path.parent)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"folder": 5}, "folder must be a path, not 5"),
        ({"folder": None}, "folder must be a path, not None"),
        ({"folder": b"run"}, "folder must be a path, not b'run'"),
        ({"strategy": "2c"}, "strategy, if not None, must be a tv2sim.Strategy, not '2c'"),
        ({"scenario": 3}, "scenario, if not None, must be a tv2sim.Scenario, not 3"),
    ],
)
def test_arguments_of_a_wrong_type(named: dict[str, Any], said: str, tmp_path: Path) -> None:
    arguments = {"folder": tv.simulate(SAMPLE).save(tmp_path / "out")} | named
    with pytest.raises(tv.InputError, match=f"^{re.escape(said)}$"):
        tv.load_run(**arguments)
