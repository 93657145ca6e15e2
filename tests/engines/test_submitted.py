"""`submittedAt`: how it is read and kept, and that the client offers no video earlier, to the last bit.

Micro-scenarios have every time computed by hand. A clip is (encoding time, timeout, submitted at); there is
one encoder, the client's gap is 0.5 s and start-up takes 1 s unless a test says otherwise.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.engines.test_properties import same
from tests.engines.test_reference import VIDEO_COLUMNS
from tests.helpers.commands import Json, json_log, tv2sim, write_catalogue
from tests.helpers.micro_scenarios import check, log
from tests.helpers.sizes import examples
from tests.helpers.specification import microseconds
from tests.report.test_report import caveats_in_words
from tests.results.test_saving import every_format
from tests.world.test_distributions import ALL, LARGEST_U, SMALLEST_U

Clip = tuple[float, float] | tuple[float, float, float | None]

COLUMNS = ["id", "title", "provider", "encoding_time", "publication_timeout"]
FEW = settings(max_examples=examples(60))


def record(number: int, **fields: object) -> Json:
    """Make a record that is a valid video, but for the given fields."""
    return {
        "id": f"v{number}",
        "title": "T",
        "provider": "P",
        "encodingTime": 1,
        "publicationTimeout": 9,
        **fields,
    }


def clips(*given: Clip) -> tv.Catalogue:
    """Make a catalogue of clips."""
    return tv.Catalogue(tv.Video(f"v{row}", "T", "P", *clip) for row, clip in enumerate(given))


def simulate(
    catalogue: tv.Catalogue, strategy: tv.Strategy | str, startup_time: float = 1, **world: Any
) -> tv.Run:
    """Run them in a world of one encoder and without chance."""
    scenario = tv.Scenario(**{"encoders": 1, "startup_time": startup_time, **world})
    return tv.simulate(catalogue, strategy, scenario)


def times(catalogue: tv.Catalogue) -> list[float | None]:
    return [video.submitted_at for video in catalogue]


# -- reading ------------------------------------------------------------------------------------------------

MIXED = [record(0), record(1, submittedAt=12.5), record(2, submittedAt=0), record(3, submittedAt=None)]
MIXED_TIMES = [None, 12.5, 0.0, None]
MIXED_LINES = b"".join(json.dumps(entry).encode() + b"\n" for entry in MIXED)


def test_it_is_read_from_every_kind_of_source(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.jsonl"
    path.write_bytes(MIXED_LINES)
    snake = [{name.replace("submittedAt", "submitted_at"): x for name, x in entry.items()} for entry in MIXED]
    with path.open("rb") as opened:
        sources: list[Any] = [
            path,
            opened,
            io.BytesIO(MIXED_LINES),
            io.StringIO(MIXED_LINES.decode()),
            MIXED,
            iter(snake),
        ]
        catalogues = [tv.read_catalogue(source) for source in sources]
    catalogues.append(tv.read_catalogue(MIXED_LINES.splitlines()))
    catalogues.append(
        tv.read_catalogue([tv.Video(f"v{n}", "T", "P", 1, 9, t) for n, t in enumerate(MIXED_TIMES)])
    )
    for catalogue in catalogues:
        assert times(catalogue) == MIXED_TIMES
        assert catalogue == catalogues[0]
        assert catalogue.rejected == ()


@pytest.mark.parametrize("name", ["submittedAt", "submitted_at"])
@pytest.mark.parametrize(
    ("missing", "dtype"),
    [
        (math.nan, "float64"),
        (np.nan, "float32"),
        (None, "object"),
        (math.nan, "object"),
        (pd.NA, "object"),
        (pd.NaT, "object"),
        (pd.NA, "Float64"),
        (pd.NA, "Int64"),
    ],
)
def test_a_missing_cell_of_a_table_is_no_time(name: str, missing: Any, dtype: str) -> None:
    frame = pd.DataFrame([record(number) for number in range(3)])
    frame[name] = pd.Series([7, missing, 0], dtype=dtype)
    catalogue = tv.read_catalogue(frame)
    assert times(catalogue) == [7.0, None, 0.0]
    assert catalogue.rejected == ()


def test_a_column_without_any_time_is_none() -> None:
    frame = pd.DataFrame([record(number, submittedAt=math.nan) for number in range(3)])
    for source in (frame, [record(n) for n in range(3)], [record(n, submittedAt=None) for n in range(3)]):
        catalogue = tv.read_catalogue(source)
        assert catalogue.submitted_at is None
        assert list(catalogue.frame.columns) == COLUMNS


@pytest.mark.parametrize(
    ("literal", "value"),
    [("0", 0.0), ("12", 12.0), ("1.25e1", 12.5), ("0.1", 0.1), ("5e-324", 5e-324), ("4294967296", 2.0**32)],
)
def test_every_number_from_0_to_2_to_the_32_is_accepted(literal: str, value: float) -> None:
    text = json.dumps(record(0, submittedAt="X")).replace('"X"', literal)
    (video,) = tv.read_catalogue([text])
    assert video.submitted_at == value
    assert type(video.submitted_at) is float


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        ("-1", "submittedAt must be at least 0"),
        ("-1e-300", "submittedAt must be at least 0"),
        ('"12"', "submittedAt must be a number, not str"),
        ('""', "submittedAt must be a number, not str"),
        ("true", "submittedAt must be a number, not bool"),
        ("[1]", "submittedAt must be a number, not array"),
        ("{}", "submittedAt must be a number, not object"),
        ("1732483205123", "submittedAt must be at most 4294967296 s: is it in milliseconds?"),
        ("1e999", "submittedAt is too large for a number"),
        ("9" * 400, "submittedAt is too large for a number"),
    ],
)
def test_a_line_with_another_value_is_rejected(literal: str, reason: str, tmp_path: Path) -> None:
    line = json.dumps(record(1, submittedAt="X")).replace('"X"', literal)
    catalogue = tv.read_catalogue([json.dumps(record(0)), line])
    assert catalogue.rejected == ((2, reason, line[:200]),)
    assert catalogue.ids == ("v0",)
    survey = tv.survey_catalogue(write_catalogue(tmp_path / "catalogue.jsonl", [record(0), line]))
    assert [(r.line, r.reason) for r in survey.rejected] == [(2, reason)]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "07", "1.", ".5", "nan"])
def test_what_is_no_json_is_rejected(literal: str) -> None:
    line = json.dumps(record(1, submittedAt="X")).replace('"X"', literal)
    (rejected,) = tv.read_catalogue([record(0), line]).rejected
    assert rejected.reason.startswith("no JSON: ")


@pytest.mark.parametrize("name", ["submittedAt", "submitted_at"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.inf, "submittedAt must be a finite number, not inf"),
        (-math.inf, "submittedAt must be a finite number, not -inf"),
        (np.float32("inf"), "submittedAt must be a finite number, not inf"),
        (Decimal("1e999"), "submittedAt must be a finite number, not inf"),
        (-1, "submittedAt must be at least 0"),
        (np.int64(-3), "submittedAt must be at least 0"),
        ("12", "submittedAt must be a number, not str"),
        (True, "submittedAt must be a number, not bool"),
        (np.array([1, 2]), "submittedAt must be a number, not ndarray"),
        (pd.Timedelta(3, "s"), "submittedAt must be a number, not Timedelta"),
        (1732483205123, "submittedAt must be at most 4294967296 s: is it in milliseconds?"),
        (10**400, "submittedAt is too large for a number"),
    ],
)
def test_a_record_with_another_value_is_rejected(name: str, value: object, reason: str) -> None:
    catalogue = tv.read_catalogue([record(0), record(1, **{name: value})])
    assert [(r.line, r.reason) for r in catalogue.rejected] == [(2, reason)]


def test_a_rejected_video_makes_no_id_seen() -> None:
    assert times(tv.read_catalogue([record(0, submittedAt=-1), record(0, submittedAt=1)])) == [1.0]


# -- the catalogue ------------------------------------------------------------------------------------------


def test_its_column_is_read_only_and_only_there_if_a_video_has_one() -> None:
    catalogue = tv.read_catalogue(MIXED)
    assert catalogue.submitted_at is not None
    assert catalogue.submitted_at.dtype == np.float64
    np.testing.assert_array_equal(catalogue.submitted_at, [math.nan, 12.5, 0, math.nan])
    with pytest.raises(ValueError, match="read-only"):
        catalogue.submitted_at[0] = 99


def test_the_frame_has_it_last_and_can_be_read_back() -> None:
    catalogue = tv.read_catalogue(MIXED)
    frame = catalogue.frame
    assert list(frame.columns) == [*COLUMNS, "submitted_at"]
    assert frame["submitted_at"].dtype == np.float64
    np.testing.assert_array_equal(frame["submitted_at"], [math.nan, 12.5, 0, math.nan])
    assert tv.read_catalogue(frame) == catalogue
    frame["submitted_at"] = 99.0
    assert times(catalogue) == MIXED_TIMES


def test_the_lines_have_it_where_it_is_given_and_can_be_read_back() -> None:
    catalogue = tv.read_catalogue(MIXED)
    lines = list(catalogue.lines())
    assert [json.loads(line) for line in lines] == [record(0), MIXED[1], MIXED[2], record(3)]
    assert tv.read_catalogue(lines) == catalogue


@FEW
@given(st.lists(st.one_of(st.none(), st.floats(0, 2.0**32)), min_size=1, max_size=6))
def test_any_time_survives_lines_frame_and_pickling(given: list[float | None]) -> None:
    catalogue = clips(*((1, 9, time) for time in given))
    assert times(catalogue) == given
    for copy in (
        tv.read_catalogue(catalogue.lines()),
        tv.read_catalogue(catalogue.frame),
        tv.read_catalogue(list(catalogue)),
        pickle.loads(pickle.dumps(catalogue)),
    ):
        assert times(copy) == given
        assert copy == catalogue


def test_equality_looks_at_it() -> None:
    catalogue = clips((1, 9), (1, 9, 4))
    assert catalogue == clips((1, 9), (1, 9, 4))
    for other in (
        clips((1, 9), (1, 9)),
        clips((1, 9), (1, 9, 5)),
        clips((1, 9, 0), (1, 9, 4)),
        clips((1, 9, 4), (1, 9)),
    ):
        assert catalogue != other
        assert other != catalogue


def test_indexing_iterating_and_slicing_keep_it() -> None:
    catalogue = clips((1, 9), (2, 9, 4), (3, 9, 0), (4, 9))
    assert catalogue[1] == tv.Video("v1", "T", "P", 2, 9, 4)
    assert catalogue[-1] == tv.Video("v3", "T", "P", 4, 9)
    assert type(catalogue[1].submitted_at) is float
    assert times(catalogue) == [None, 4.0, 0.0, None]
    assert times(catalogue[1:3]) == [4.0, 0.0]
    assert catalogue[::3].submitted_at is None
    assert times(catalogue[::-1]) == [None, 0.0, 4.0, None]


def test_generated_and_shipped_catalogues_have_none() -> None:
    assert tv.generate_catalogue(20).submitted_at is None


# -- tables and files ---------------------------------------------------------------------------------------


def test_the_table_of_videos_has_it_only_if_a_video_has() -> None:
    without = simulate(clips((1, 9), (1, 9)), "1").videos
    assert list(without.columns) == list(VIDEO_COLUMNS)
    having = simulate(clips((1, 9), (1, 9, 0)), "1").videos
    assert list(having.columns) == [*COLUMNS, "submitted_at", *list(VIDEO_COLUMNS)[5:]]
    assert having["submitted_at"].dtype == np.float64
    np.testing.assert_array_equal(having["submitted_at"], [math.nan, 0])
    assert_frame_equal(having.drop(columns="submitted_at"), without, check_exact=True)


@every_format
@pytest.mark.parametrize("until", [None, 6.0])
def test_a_run_with_it_comes_back_from_files(suffix: Any, until: float | None, tmp_path: Path) -> None:
    catalogue = clips((1, 9), (1, 9, math.pi), (1, 9, 0), (1, 9, 20 / 3), (1, 9))
    run = simulate(catalogue, "2a", until=until)
    loaded = tv.load_run(run.save(tmp_path / "out", format=suffix))
    same(loaded, run)
    assert loaded == run
    assert loaded.catalogue == catalogue
    assert loaded != simulate(catalogue[:3], "2a", until=until)


@every_format
def test_a_run_without_it_is_saved_as_before(suffix: Any, tmp_path: Path) -> None:
    run = simulate(clips((1, 9), (1, 9)), "1")
    folder = run.save(tmp_path / "out", format=suffix)
    assert tv.load_run(folder).catalogue.submitted_at is None
    assert b"submitted_at" not in (folder / f"videos.{suffix}").read_bytes()


def test_runs_that_differ_in_it_alone_are_not_equal() -> None:
    assert simulate(clips((1, 9)), "1") != simulate(clips((1, 9, 0)), "1")


def test_it_works_in_the_shell(tmp_path: Path) -> None:
    path = write_catalogue(
        tmp_path / "c.jsonl", [record(0), record(1, submittedAt=7.25), record(2, submittedAt=-1)]
    )
    result = tv2sim("run", path, "--out", tmp_path / "out")
    assert result.out.startswith("stats: client_parse_errors=1 client_submitted=2 ")
    _, events, _ = json_log(path)
    assert [e["time"] for e in events if e["event"] == "offered"] == [0, 7.25]
    assert pd.read_csv(tmp_path / "out" / "videos.csv")["submitted_at"].tolist()[1] == 7.25
    check_ = tv2sim("check", path)
    assert "line 3: submittedAt must be at least 0: {" in check_.out


# -- the client, by hand ------------------------------------------------------------------------------------


def test_a_video_held_back_delays_those_after_it() -> None:
    """Part 2a: v1's own time is 0.5, but it comes at 4; v2 is offered 0.5 s after that."""
    check(
        simulate(clips((1, 9), (1, 9, 4), (1, 9)), "2a"),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         1        1         published
            4       0       4                5       5      1         5        5         published
            4.5     0       5                6       6      2         6        6         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     1        1     0     0
            1     4       5     5        5     1     0
            2     5       6     6        6     2     0
        """,
        end=6,
    )


def test_a_time_that_is_earlier_or_the_client_s_own_changes_nothing() -> None:
    """The client's own times are 0, 0.5 and 1.5."""
    expected = {
        "videos": """
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         1        1         published
            0.5     0       1                2       2      1         2        2         published
            1.5     0       2                3       3      2         3        3         published
        """,
        "publishers": """
            cause started ready assigned ended video idle
            0     0       1     1        1     0     0
            1     1       2     2        2     1     0
            2     2       3     3        3     2     0
        """,
    }
    for second, third in itertools.product([None, 0.0, 0.25, 0.5], [None, 0.0, 1.25, 1.5]):
        check(simulate(clips((1, 9, 0), (1, 9, second), (1, 9, third)), "2a"), **expected, end=3)


def test_a_time_just_after_the_client_s_own_counts() -> None:
    run = simulate(clips((0, 9), (0, 9, 0.500001)), "2a")
    assert run.videos["offered"].tolist() == [0.0, 0.500001]


def test_the_first_video_held_back_and_decreasing_times() -> None:
    """Part 2a: v0 at 5; v1, there since 2, 0.5 s after v0; v2's own time is 6.5, but it comes at 7."""
    check(
        simulate(clips((1, 9, 5), (1, 9, 2), (1, 9, 7)), "2a"),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            5       0       5                6       6      0         6        6         published
            5.5     0       6                7       7      1         7        7         published
            7       0       7                8       8      2         8        8         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     5       6     6        6     0     0
            1     6       7     7        7     1     0
            2     7       8     8        8     2     0
        """,
        end=8,
    )


def test_the_pool_starts_at_0_whenever_the_first_video_comes() -> None:
    """Part 2c with a pool of 1: its publisher is ready at 1 and idle until 6, when v0 is encoded."""
    check(
        simulate(clips((1, 1, 5)), tv.PART_2C.replace(prewarmed=1)),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            5       0       5                6       6      0         6        6         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       1     6        6     0     5
            0     6       -     -        -     -     0
        """,
        end=6,
    )


def test_a_blocked_client() -> None:
    """v1 comes at 3 and waits for the encoder to 6; v2's time passes meanwhile, so its own one, 6.5, counts.

    A timeout counts from the start of the encoding: v1's of 1 s is met exactly, though it came at 3.
    """
    check(
        simulate(clips((6, 9), (1, 1, 3), (1, 9, 4)), "2a"),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                6       6      0         6        6         published
            3       0       6                7       7      1         7        7         published
            6.5     0       7                8       8      2         8        8         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     6        6     0     5
            1     6       7     7        7     1     0
            2     7       8     8        8     2     0
        """,
        end=8,
    )


def test_at_an_instant_with_other_events_it_comes_after_them() -> None:
    """At 4 an encoding ends, a publisher becomes ready, a blocked encoder is admitted, and v3 comes.

    Two encoders, 2c with a pool of 1, start-up 4, capacity 1. v0 0 -> 1 fills the queue; v1 0.5 -> 1.5 keeps
    encoder 1; v2 1 -> 4 on encoder 0. At 4: v2 is encoded and blocked as well; publisher 0 takes v0; v1 moves
    up and leaves encoder 1; only then is v3 offered, and encoder 1 takes it at once.
    """
    run = simulate(
        clips((1, 20), (1, 20), (3, 20), (2, 20, 4)),
        tv.PART_2C.replace(prewarmed=1),
        4,
        encoders=2,
        publishing_queue_capacity=1,
    )
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            0.5     1       0.5              1.5     4      1         8        8         published
            1       0       1                4       8      2         12       12        published
            4       1       4                6       12     3         16       16        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            0     4       8     8        8     1     0
            1     8       12    12       12    2     0
            2     12      16    16       16    3     0
            3     16      -     -        -     -     0
        """,
        end=16,
    )
    kinds = ("encoded", "publisher_ready", "queued", "offered", "encoding_started")
    assert [line.split()[0] for line in log(run, 4, *kinds)] == list(kinds)


def test_a_cut_off_before_it_leaves_it_unfinished() -> None:
    """Cut off at 3.75; v1 comes at 4, so nothing at all has happened to it, nor to v2."""
    check(
        simulate(clips((1, 9), (1, 9, 4), (1, 9)), "2a", until=3.75),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         1        1         published
            -       -       -                -       -      -         -        -         unfinished
            -       -       -                -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     1        1     0     0
        """,
        end=3.75,
        ending="cut-off",
    )


def test_a_cut_off_at_its_very_time_still_counts() -> None:
    check(
        simulate(clips((1, 9), (1, 9, 4)), "2a", until=4),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         1        1         published
            4       0       4                -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     1        1     0     0
            1     4       -     -        -     -     0
        """,
        end=4,
        ending="cut-off",
    )


def test_no_publisher_will_come_is_known_only_when_all_videos_came() -> None:
    """2c with a pool of 0: v0 waits from 1 on, but the run goes on until v1, which comes at 10, is encoded."""
    check(
        simulate(clips((1, 9), (1, 9, 10)), tv.PART_2C.replace(prewarmed=0)),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      -         -        -         unfinished
            10      0       10               11      11     -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
        """,
        end=11,
        ending="no publisher will come",
    )


class FromThreeOn(tv.Strategy):
    """No pool before 3, then one publisher."""

    def pool_level(self, state: tv.PoolState) -> int:
        return 1 if state.time >= 3 else 0


def test_reviews_go_on_while_a_video_is_held_back() -> None:
    """Review every 1 s, start-up 2: v0 waits from 1 on, the review at 3 starts a publisher, ready at 5.

    So it is without v1, which comes at 5.
    """
    check(
        simulate(clips((1, 9), (1, 9, 5)), FromThreeOn(review_every=1), 2),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         5        5         published
            5       0       5                6       6      1         7        7         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     3       5     5        5     0     0
            0     5       7     7        7     1     0
            1     7       -     -        -     -     0
        """,
        end=7,
    )
    alone = simulate(clips((1, 9)), FromThreeOn(review_every=1), 2)
    assert (alone.end, alone.ending) == (5, "completed")


# -- to the last bit ----------------------------------------------------------------------------------------

moments = st.one_of(
    st.none(),
    st.floats(0, 30),
    st.floats(0, 1e9),
    st.integers(0, 60).map(lambda halves: math.nextafter(halves / 2, math.inf)),
    st.integers(1, 60).map(lambda halves: math.nextafter(halves / 2, 0)),
    st.floats(0, 1e-300),
)


@settings(max_examples=examples(150))
@given(
    given=st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1.0, 1 / 3]), moments), min_size=1, max_size=8),
    rate=st.sampled_from([0.3, 2.0, 3.0, 7.0]),
    encoders=st.integers(1, 3),
    review_every=st.sampled_from([None, 0.7]),
)
@example(given=[(0.0, 0.1), (0.1, 0.7999999999999999)], rate=3.0, encoders=1, review_every=None)
def test_it_is_reached_exactly(
    given: list[tuple[float, float | None]], rate: float, encoders: int, review_every: float | None
) -> None:
    if review_every is not None:  # or there would be too many of them
        given = [(encoding, time and min(time, 99 + time / 1e9)) for encoding, time in given]
    catalogue = clips(*((encoding, 9, time) for encoding, time in given))
    strategy = tv.PART_2C.replace(review_every=review_every)
    videos = simulate(catalogue, strategy, encoders=encoders, requests_per_second=rate).videos
    own = 0
    for (_, time), offered, started in zip(given, videos["offered"], videos["encoding_started"], strict=True):
        assert offered == max(own, microseconds(time or 0)) / 1e6
        own = microseconds(started) + microseconds(1 / rate)


def test_the_recorded_offers_of_a_run_give_the_run_again() -> None:
    """Each video submitted at the very time at which the client would have offered it: nothing changes."""
    catalogue = tv.generate_catalogue()
    scenario = tv.Scenario(encoders=7, requests_per_second=3)
    for strategy in ("1", "2a", "2b", "2c"):
        run = tv.simulate(catalogue, strategy, scenario)
        held = catalogue.frame.assign(submitted_at=run.videos["offered"])
        again = tv.simulate(held, strategy, scenario)
        assert_frame_equal(again.videos.drop(columns="submitted_at"), run.videos, check_exact=True)
        for table in ("publishers", "events", "levels"):
            assert_frame_equal(getattr(again, table), getattr(run, table), check_exact=True)


# -- many runs ----------------------------------------------------------------------------------------------


def held_back() -> tv.Catalogue:
    """Make a catalogue of 40 videos that come in four bursts."""
    frame = tv.generate_catalogue(40).frame
    return tv.read_catalogue(frame.assign(submitted_at=np.repeat([0.0, 20.25, 37.5, 61.1], 10)), name="held")


def test_replications_know_it() -> None:
    catalogue = held_back()
    reps = tv.replicate(catalogue, "2c", replications=5, seed=3)
    runs = [tv.simulate(catalogue, "2c", seed=3, replication=number) for number in range(5)]
    for metric in ("published", "on_time_rate", "publisher_seconds", "idle"):
        assert reps.frame[metric].tolist() == [run.summary[metric] for run in runs]
    assert all(run.end > 61 for run in runs)
    with ThreadPoolExecutor(2) as executor:
        spread = tv.replicate(catalogue, "2c", replications=5, seed=3, executor=executor)
    assert_frame_equal(spread.frame, reps.frame, check_exact=True)


def test_comparisons_know_it() -> None:
    catalogue = held_back()
    bare = tv.read_catalogue(catalogue.frame.drop(columns="submitted_at"), name="bare")
    study = tv.compare({"held": catalogue, "bare": bare}, ["1", "2c"], replications=4, seed=3)
    for name, which in (("held", catalogue), ("bare", bare)):
        for strategy in ("1", "2c"):
            alone = tv.replicate(which, strategy, replications=4, seed=3)
            mean = study.summary.loc[name].xs(strategy, level="strategy")["publisher_seconds", "mean"]
            assert mean.tolist() == pytest.approx([alone.frame["publisher_seconds"].mean()], rel=1e-12)


@pytest.mark.full
def test_workers_get_it() -> None:
    """What is sent to another process still has it."""
    program = (
        "import pickle, sys; import tv2sim as tv; catalogue = pickle.load(sys.stdin.buffer); "
        "pickle.dump(tv.simulate(catalogue, '2c').videos, sys.stdout.buffer)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(held_back()), capture_output=True, check=True
    )
    assert_frame_equal(pickle.loads(done.stdout), tv.simulate(held_back(), "2c").videos, check_exact=True)


# -- draws, in bulk and one by one --------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_quantiles_are_the_same_in_bulk_and_one_by_one(distribution: tv.Distribution) -> None:
    """A live feed draws one at a time what `simulate` draws at once; vectorised code may round differently."""
    numbers = np.random.default_rng(4).random(4_001)
    u = np.concatenate([numbers, [SMALLEST_U, LARGEST_U, 0.5, 0.25], numbers[:5] / 1e9]).clip(
        SMALLEST_U, LARGEST_U
    )
    bulk = distribution.quantile(u)
    alone = np.array([distribution.quantile(u[row : row + 1])[0] for row in range(len(u))])
    np.testing.assert_array_equal(bulk.view(np.int64), alone.view(np.int64))
    for size in (2, 3, 5, 8, 17):
        parts = [distribution.quantile(u[start : start + size]) for start in range(1, len(u), size)]
        np.testing.assert_array_equal(bulk[1:].view(np.int64), np.concatenate(parts).view(np.int64))


# -- the load that they offer -------------------------------------------------------------------------------

ONE_IN_10_SECONDS = [record(row, encodingTime=3, submittedAt=10 * row) for row in range(300)]
BURST = [record(row, encodingTime=3, submittedAt=1200 * (row // 120)) for row in range(121)]
"""120 at once, which the client spreads over a minute, and one after 20 minutes: 0.1/s on average."""


def test_a_pool_that_keeps_up_with_the_submissions_is_not_said_to_be_too_small() -> None:
    catalogue = tv.read_catalogue(ONE_IN_10_SECONDS)
    assert tv.simulate(catalogue, "2c:3").stats["published"] == 300
    found = tv.Scenario().explain(catalogue, prewarmed=3)
    # any 60 s hold 6 of them; 3 publishers serve 3 / 4 s; 0.1/s x 3 s = 0.3 encoders
    assert (found.arrival_rate, found.busiest_arrival_rate) == pytest.approx((0.1, 0.1))
    assert found.warnings == ()
    assert str(found).splitlines() == [
        "offered load: 0.1 videos/s submitted x 3 s encoding = 0.3 encoders' work, 3 % of each of 10",
        "arrivals at the publishing stage: 0.1 videos/s, 0.1 in the busiest minute",
        "pool: 3 publishers / 4 s mean start-up = 0.75 videos/s",
    ]


def test_a_burst_is_said_to_be_one() -> None:
    catalogue = tv.read_catalogue(BURST)
    found = tv.Scenario(encoders=5).explain(catalogue, prewarmed=3)
    # 2/s for a minute, of which 5 encoders of 3 s take 1.67/s; 120 gaps in 1200 s
    assert (found.requested_rate, found.busiest_rate) == pytest.approx((0.1, 2))
    assert list(map(str, found.warnings)) == [
        "5 encoders cannot take the 2 videos/s of the busiest minute: the client is held back then",
        "a pool of 3 keeps up on average, but not with the 1.67 videos/s of the busiest minute: waits grow "
        "then",
    ]
    assert [(warning.of, warning.busiest) for warning in found.warnings] == [("encoders", True), ("pool", True)]
    assert found.warnings[1].load == "222 % of"  # 1.67 / 0.75


def test_a_pool_that_is_too_small_for_the_submissions_is_said_to_be() -> None:
    found = tv.Scenario(startup_time=40).explain(tv.read_catalogue(ONE_IN_10_SECONDS), prewarmed=3)
    (warning,) = found.warnings
    assert str(warning) == "a pool of 3 cannot keep up with 0.1 videos/s: waits grow steadily"
    assert (warning.rate, warning.capacity) == pytest.approx((0.1, 0.075))


def test_the_clients_limit_bounds_the_rates_of_the_submissions() -> None:
    at_once = tv.read_catalogue([record(row, submittedAt=0) for row in range(500)])
    found = tv.Scenario(requests_per_second=3).explain(at_once)
    assert (found.requested_rate, found.busiest_rate) == (1 / 0.333333, 1 / 0.333333)
    few = tv.read_catalogue(
        [record(row, submittedAt=2 * row or None) for row in range(5)]
    )  # less than a minute
    found = tv.Scenario(requests_per_second=3).explain(few)
    assert (found.requested_rate, found.busiest_rate) == pytest.approx((0.5, 0.5))
    one = tv.Scenario(requests_per_second=3).explain(tv.read_catalogue([record(0, submittedAt=60)]))
    assert (one.requested_rate, one.busiest_rate) == (1 / 0.333333, 1 / 0.333333)


def test_a_log_of_12_hours_is_no_overload() -> None:
    """The client's limit is out of the way: the load is that of the log, one video in 10 s."""
    log_ = tv.read_catalogue([record(row, submittedAt=10 * row) for row in range(4320)])
    found = tv.Scenario(requests_per_second=1e6).explain(log_, prewarmed=10)
    assert found.load_per_encoder == pytest.approx(0.01)
    assert found.warnings == ()


def test_a_load_of_many_times_the_capacity_is_no_percentage() -> None:
    found = tv.Scenario(requests_per_second=1e6).explain(3, prewarmed=10)
    assert "3e+06 encoders' work, more than 10 times each of 10" in str(found)
    assert [warning.load for warning in found.warnings] == ["more than 10 times", "133 % of"]  # 3.33 / 2.5


def test_check_judges_the_rates_of_the_submissions(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "catalogue.jsonl", [*BURST, record(0, submittedAt=7)])
    out = tv2sim("check", path).out.splitlines()
    assert "submitted at         0 to 1200 s, mean 9.92 s" in out
    assert "arrivals at the publishing stage: 0.1 videos/s, 2 in the busiest minute" in out
    assert (
        "a pool keeps up with more than 0.4 publishers, in the busiest minute more than 8 "
        "(uniform(2, 6) s start-up time)" in out
    )


def test_a_survey_keeps_the_submissions() -> None:
    survey = tv.survey_catalogue([*MIXED, record(1, submittedAt=99), record(5)])
    assert survey.submitted_at is not None
    np.testing.assert_array_equal(survey.submitted_at, [math.nan, 12.5, 0, math.nan, math.nan])
    assert tv.survey_catalogue([record(0), record(1)]).submitted_at is None
    assert tv.survey_catalogue([record(0), record(0, submittedAt=3)]).submitted_at is None


def test_the_report_and_the_command_warn_of_no_pool_that_keeps_up(tmp_path: Path) -> None:
    study = tv.compare(ONE_IN_10_SECONDS, ["2c:3", "2c:1"], replications=2, progress=False)
    found = caveats_in_words(study)
    assert not any("2c:3" in title or "encoders" in title for title in found)
    assert not any("2c:1" in title for title in found)  # 1 / 4 s
    study = tv.compare(BURST, ["2c:3"], replications=2, progress=False)
    found = caveats_in_words(study)
    assert found["The pool of 2c:3 is near or beyond saturation in the busiest minute"] == (
        "A pool of 3 keeps up on average, but not with the 2 videos/s of the busiest minute: waits grow then. "
        "Its load then is 267 % of its capacity."
    )
    path = write_catalogue(tmp_path / "catalogue.jsonl", ONE_IN_10_SECONDS)
    assert "warning" not in tv2sim("run", path, "--strategy", "2c:3").err
