"""Micro-scenarios of the parts, and of strategies beside them; the log's and the tables' form.

Constant start-up times, one to four videos, every time computed by hand. A clip is (encoding time,
timeout); the client's gap is 0.5 s unless a test says otherwise.
"""

from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.micro_scenarios import LEVELS, PUBLISHERS, check, check_levels, log, simulate

# The catalogue on which the four parts are compared: 2 encoders, start-up 4.
#   v0 offered 0, encoder 0, 0 -> 3.          v1 offered 0.5, encoder 1, 0.5 -> 2.5.
#   v2 offered 1, waits for encoder 1, 2.5 -> 5.5; it was handed over at 2.5, so v3 is offered at 3 and takes
#   encoder 0, free at that instant, 3 -> 9.
FOUR = [(3, 7), (2, 6), (3, 6), (6, 6)]

# Own publisher at the end of encoding: 2.5, 3, 5.5, 9, ready 4 later. Elapsed 7 and 6 meet their timeouts
# exactly; 7 > 6 and 10 > 6 miss them.
ENCODED_VIDEOS = """
    offered encoder encoding_started encoded queued publisher assigned published outcome
    0       0       0                3       3      1         7        7         published
    0.5     1       0.5              2.5     2.5    0         6.5      6.5       published
    1       1       2.5              5.5     5.5    2         9.5      9.5       failed
    3       0       3                9       9      3         13       13        failed
"""
ENCODED_PUBLISHERS = """
    cause started ready assigned ended video idle
    1     2.5     6.5   6.5      6.5   1     0
    0     3       7     7        7     0     0
    2     5.5     9.5   9.5      9.5   2     0
    3     9       13    13       13    3     0
"""


@pytest.mark.parametrize("capacity", [100, 1, 0, None])
@pytest.mark.parametrize("strategy", ["1", "2b", tv.PART_1, tv.PART_2B])
def test_parts_1_and_2b(strategy: tv.Strategy | str, capacity: int | None) -> None:
    """Parts 1 and 2b: a publisher for each encoded video; the queue's capacity does not matter."""
    run = simulate(FOUR, strategy, 4, encoders=2, capacity=capacity)
    check(run, videos=ENCODED_VIDEOS, publishers=ENCODED_PUBLISHERS, end=13)


@pytest.mark.parametrize("capacity", [100, 0])
@pytest.mark.parametrize("strategy", ["2a", tv.PART_2A])
def test_part_2a(strategy: tv.Strategy | str, capacity: int) -> None:
    """Part 2a: a publisher from the start of encoding; v3's is ready at 7, idle until v3 is encoded at 9."""
    check(
        simulate(FOUR, strategy, 4, encoders=2, capacity=capacity),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      0         4        4         published
            0.5     1       0.5              2.5     2.5    1         4.5      4.5       published
            1       1       2.5              5.5     5.5    2         6.5      6.5       published
            3       0       3                9       9      3         9        9         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       4     4        4     0     0
            1     0.5     4.5   4.5      4.5   1     0
            2     2.5     6.5   6.5      6.5   2     0
            3     3       7     9        9     3     2
        """,
        end=9,
    )


def test_part_2c_with_a_pool_of_2() -> None:
    """Part 2c, 2 prewarmed: 0 and 1 serve the queue (v1 before v0) at 4, their successors serve the rest."""
    # At 4 publisher 0 takes v1, publisher 1 takes v0; 2 and 3 start, ready at 8. Publisher 2 takes v2 at
    # 8, 4 starts. Publisher 3 is idle until v3 comes at 9; 5 starts. Neither 4 nor 5 is ready by the end.
    run = simulate(FOUR, tv.PART_2C.replace(prewarmed=2), 4, encoders=2)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      1         4        4         published
            0.5     1       0.5              2.5     2.5    0         4        4         published
            1       1       2.5              5.5     5.5    2         8        8         published
            3       0       3                9       9      3         9        9         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     1     0
            -     0       4     4        4     0     0
            1     4       8     8        8     2     0
            0     4       8     9        9     3     1
            2     8       -     -        -     -     0
            3     9       -     -        -     -     0
        """,
        end=9,
    )
    check_levels(
        run,
        """
        time encoders_busy publishing_queue publishers_starting publishers_ready published failed
        0    1             0                2                   0                0         0
        0.5  2             0                2                   0                0         0
        2.5  2             1                2                   0                0         0
        3    2             2                2                   0                0         0
        4    2             0                2                   0                2         0
        5.5  1             1                2                   0                2         0
        8    1             0                1                   1                3         0
        9    0             0                2                   0                4         0
        """,
    )


def test_part_2c_with_a_pool_of_1() -> None:
    """Part 2c, 1 prewarmed: one publication every 4 s, in the order of encoding v1, v0, v2, v3."""
    # Elapsed: v1 3.5 <= 6; v0 8 > 7; v2 9.5 > 6; v3 13 > 6.
    check(
        simulate(FOUR, tv.PART_2C.replace(prewarmed=1), 4, encoders=2),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      1         8        8         failed
            0.5     1       0.5              2.5     2.5    0         4        4         published
            1       1       2.5              5.5     5.5    2         12       12        failed
            3       0       3                9       9      3         16       16        failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     1     0
            1     4       8     8        8     0     0
            0     8       12    12       12    2     0
            2     12      16    16       16    3     0
            3     16      -     -        -     -     0
        """,
        end=16,
    )


def test_part_2c_with_more_publishers_than_videos() -> None:
    """Part 2c, 3 prewarmed, 1 video: number 0 of the three ready since 4 serves; 1 and 2 stay idle."""
    check(
        simulate([(5, 9)], tv.PART_2C.replace(prewarmed=3), 4),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                5       5      0         5        5         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     5        5     0     1
            -     0       4     -        -     -     1
            -     0       4     -        -     -     1
            0     5       -     -        -     -     0
        """,
        end=5,
    )


@pytest.mark.parametrize("strategy", ["2c", tv.PART_2C])
def test_part_2c_has_a_pool_of_10(strategy: tv.Strategy | str) -> None:
    """Part 2c as it was: 10 at time 0 and one more when the first of them takes the video."""
    publishers = simulate([(1, 9)], strategy, 4).publishers
    assert publishers["started"].tolist() == [0.0] * 10 + [4.0]
    assert publishers["cause"].isna().tolist() == [True] * 10 + [False]
    assert publishers["video"].isna().tolist() == [False] + [True] * 10


def test_shared_publishers_started_at_encoding_start() -> None:
    """Ordered for each video at its encoding start, but serving whichever is first: each serves another's."""
    # 2 encoders, start-up 4. v0 0 -> 6; v1 0.5 -> 2.5; v2 offered 1, 2.5 -> 3.5. Publishers ready 4, 4.5,
    # 6.5. Queue v1 (2.5), v2 (3.5): 0 takes v1 at 4, 1 takes v2 at 4.5, and v0 (6) waits for 2 until 6.5.
    # v0 elapsed 6.5 misses 6 by half a second; v2 elapsed 2 meets 2 exactly.
    early = tv.Strategy(name="early", starts_on="encoding_started", dedicated=False, prewarmed=0)
    check(
        simulate([(6, 6), (2, 4), (1, 2)], early, 4, encoders=2),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                6       6      2         6.5      6.5       failed
            0.5     1       0.5              2.5     2.5    0         4        4         published
            1       1       2.5              3.5     3.5    1         4.5      4.5       published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       4     4        4     1     0
            1     0.5     4.5   4.5      4.5   2     0
            2     2.5     6.5   6.5      6.5   0     0
        """,
        end=6.5,
    )


def test_shared_publishers_started_at_encoded_and_at_queued() -> None:
    """A full queue (capacity 1) tells `encoded`, the encoding's end, from `queued`, when there is room."""
    # 1 encoder, start-up 4. v0 0 -> 1 fills the queue, publisher 0 is started at 1, ready at 5. v1 1 -> 2
    # blocks. `encoded`: publisher 1 started at 2, ready 6; at 5 0 takes v0, v1 moves up, v2 5 -> 6 starts
    # 2 and, after 1 has taken v1 at 6, moves up; 2 takes it at 10. Each takes 5 s, met exactly.
    clips = [(1, 5), (1, 5), (1, 5)]
    check(
        simulate(clips, tv.Strategy(name="x", starts_on="encoded", dedicated=False), 4, capacity=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         5        5         published
            0.5     0       1                2       5      1         6        6         published
            1.5     0       5                6       6      2         10       10        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     1       5     5        5     0     0
            1     2       6     6        6     1     0
            2     6       10    10       10    2     0
        """,
        end=10,
    )
    # `queued`: v1 moves up at 5, which orders publisher 1, ready 9; v2 5 -> 6 moves up at 9, publisher 2,
    # ready 13.
    check(
        simulate(clips, tv.Strategy(name="x", starts_on="queued", dedicated=False), 4, capacity=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         5        5         published
            0.5     0       1                2       5      1         9        9         failed
            1.5     0       5                6       9      2         13       13        failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     1       5     5        5     0     0
            1     5       9     9        9     1     0
            2     9       13    13       13    2     0
        """,
        end=13,
    )


def test_shared_publishers_started_at_queued_with_capacity_0() -> None:
    """Nothing is queued before a publisher is ready, so none is started: none will ever come."""
    check(
        simulate([(2, 9)], tv.Strategy(name="x", starts_on="queued", dedicated=False), 4, capacity=0),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       -      -         -        -         unfinished
        """,
        publishers="cause started ready assigned ended video idle",
        end=2,
        ending="no publisher will come",
    )


def test_cut_off_in_the_middle() -> None:
    """Part 2c, 2 prewarmed, cut off at 8.5: v3 is in encoding, publisher 3 idle since 8."""
    check(
        simulate(FOUR, tv.PART_2C.replace(prewarmed=2), 4, encoders=2, until=8.5),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      1         4        4         published
            0.5     1       0.5              2.5     2.5    0         4        4         published
            1       1       2.5              5.5     5.5    2         8        8         published
            3       0       3                -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     1     0
            -     0       4     4        4     0     0
            1     4       8     8        8     2     0
            0     4       8     -        -     -     0.5
            2     8       -     -        -     -     0
        """,
        end=8.5,
        ending="cut-off",
    )


def test_cut_off_after_the_end() -> None:
    """A cut-off that is not reached leaves the run as it is: it ends with the last outcome."""
    run = simulate(FOUR, "1", 4, encoders=2, until=13.5)
    check(run, videos=ENCODED_VIDEOS, publishers=ENCODED_PUBLISHERS, end=13)


def test_a_plain_number_is_a_constant_startup_time() -> None:
    """`startup_time=4` and `tv.Constant(4)` are the same world."""
    plain: Any = 4
    records = [{"id": "v0", "title": "T", "provider": "P", "encodingTime": 3, "publicationTimeout": 7}]
    run = tv.simulate(
        tv.read_catalogue(records), tv.PART_1, tv.Scenario(encoders=1, startup_time=plain), seed=7
    )
    assert run.publishers[["started", "ready"]].to_numpy().tolist() == [[3.0, 7.0]]


def test_columns() -> None:
    """The tables have the contract's columns, in its order; whole numbers that may be missing are `Int64`."""
    run = simulate([(3, 7)], "1", 4)
    assert " ".join(map(str, run.videos)) == (
        "id title provider encoding_time publication_timeout offered encoder encoding_started encoded queued"
        " publisher assigned published elapsed on_time outcome"
    )
    assert " ".join(map(str, run.publishers)) == f"publisher {PUBLISHERS} outcome"
    assert " ".join(map(str, run.attempts)) == "kind video encoder publisher started ended"
    assert " ".join(map(str, run.events)) == "time event video encoder publisher"
    assert " ".join(map(str, run.levels)) == f"time {LEVELS}"
    assert run.videos[["encoder", "publisher"]].dtypes.astype(str).tolist() == ["Int64"] * 2
    assert run.publishers[["cause", "video"]].dtypes.astype(str).tolist() == ["Int64"] * 2
    times = ["offered", "encoding_started", "encoded", "queued", "assigned", "published", "elapsed"]
    assert run.videos[times].dtypes.astype(str).tolist() == ["float64"] * 7
    times = ["started", "ready", "assigned", "ended", "idle"]
    assert run.publishers[times].dtypes.astype(str).tolist() == ["float64"] * 5


def test_log() -> None:
    """The whole log of one video of part 2a, and what the queue is called where a video passes through it."""
    run = simulate([(3, 7)], "2a", 4)
    kinds = set(run.events["event"].tolist())
    assert run.events["time"].tolist() == [0, 0, 0, 3, 3, 4, 4, 4, 4]
    assert log(run, 0, *kinds) == [
        "offered 0 -",
        "encoding_started 0 encoder 0",
        "publisher_started publisher 0",
    ]
    assert log(run, 3, *kinds) == ["encoded 0 encoder 0", "queued 0 -"]
    assert log(run, 4, *kinds) == [
        "publisher_ready publisher 0",
        "assigned 0 publisher 0",
        "published 0 publisher 0",
        "publisher_ended publisher 0",
    ]
    pool = simulate([(5, 4)], tv.PART_2C.replace(prewarmed=1), 4)
    assert log(pool, 5, "encoded", "queued", "assigned", "published", "failed") == [
        "encoded 0 encoder 0",
        "queued 0 publishing queue",
        "assigned 0 publisher 0",
        "failed 0 publisher 0",
    ]
