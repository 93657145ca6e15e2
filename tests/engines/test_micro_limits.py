"""Micro-scenarios of what limits a video: client, encoders, queue, deadline, cut-off; and of zero times.

Constant start-up times, one to four videos, every time computed by hand. A clip is (encoding time,
timeout); there is one encoder and the client's gap is 0.5 s unless a test says otherwise.
"""

import pytest

import tv2sim as tv
from tests.helpers.micro_scenarios import check, check_levels, simulate


def test_blocked_client() -> None:
    """One encoder: v1 awaits it from 0.5 to 3, v2 from 3.5 to 5; timeouts count from the encoding's start."""
    # Part 2a, start-up 1. v1 is published 4.5 after it was offered, but 2 after its encoding started:
    # exactly met.
    check(
        simulate([(3, 9), (2, 2), (1, 9)], "2a", 1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      0         3        3         published
            0.5     0       3                5       5      1         5        5         published
            3.5     0       5                6       6      2         6        6         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     3        3     0     2
            1     3       4     5        5     1     1
            2     5       6     6        6     2     0
        """,
        end=6,
    )


def test_blocked_client_with_two_encoders() -> None:
    """Two encoders: v2, offered at 1, takes the first free one, 1 at 2.5; the gap counts from there."""
    # Part 1, start-up 1. v0 0 -> 4, v1 0.5 -> 2.5, v2 2.5 -> 3.5, v3 offered 3, encoder 1 at 3.5 -> 4.5.
    check(
        simulate([(4, 5), (2, 3), (1, 2), (1, 1)], "1", 1, encoders=2),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                4       4      2         5        5         published
            0.5     1       0.5              2.5     2.5    0         3.5      3.5       published
            1       1       2.5              3.5     3.5    1         4.5      4.5       published
            3       1       3.5              4.5     4.5    3         5.5      5.5       failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            1     2.5     3.5   3.5      3.5   1     0
            2     3.5     4.5   4.5      4.5   2     0
            0     4       5     5        5     0     0
            3     4.5     5.5   5.5      5.5   3     0
        """,
        end=5.5,
    )


def test_the_encoder_that_has_been_free_longest_serves() -> None:
    """Gap 4, two encoders: 0, 1, 1, 0; the lowest free number would be 0, 1, 0, 0, in turns 0, 1, 0, 1."""
    # v0 on 0 until 6; v1 at 4 on 1 until 5; at 8 encoder 1 is free since 5, 0 since 6; at 12 0 since 6, 1
    # since 10.
    check(
        simulate([(6, 9), (1, 9), (2, 9), (1, 9)], "1", 1, encoders=2, requests_per_second=0.25),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                6       6      1         7        7         published
            4       1       4                5       5      0         6        6         published
            8       1       8                10      10     2         11       11        published
            12      0       12               13      13     3         14       14        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            1     5       6     6        6     1     0
            0     6       7     7        7     0     0
            2     10      11    11       11    2     0
            3     13      14    14       14    3     0
        """,
        end=14,
    )


def test_an_encoder_never_used_has_been_free_since_0() -> None:
    """Gap 4, two encoders: at 4 encoder 1, free since 0, goes before encoder 0, free since 3."""
    check(
        simulate([(3, 9), (2, 9)], "2a", 1, encoders=2, requests_per_second=0.25),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      0         3        3         published
            4       1       4                6       6      1         6        6         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     3        3     0     2
            1     4       5     6        6     1     1
        """,
        end=6,
    )


def test_full_queue_blocks_the_encoder() -> None:
    """Capacity 1, one encoder, 2c with a pool of 1: the encoder holds v1 from 2 to 4 and v2 from 5 to 8."""
    # v0 0 -> 1 fills the queue. v1 1 -> 2 blocks. At 4 publisher 0 takes v0, v1 moves up, v2 is handed
    # over. At 8 and 12 the same again. v0 4 <= 4 exactly, v1 8 - 1 = 7 <= 7 exactly, v2 12 - 4 = 8 > 7.
    run = simulate([(1, 4), (1, 7), (1, 7)], tv.PART_2C.replace(prewarmed=1), 4, capacity=1)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            0.5     0       1                2       4      1         8        8         published
            1.5     0       4                5       8      2         12       12        failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            0     4       8     8        8     1     0
            1     8       12    12       12    2     0
            2     12      -     -        -     -     0
        """,
        end=12,
    )
    # A blocked encoder is busy, and the video that it holds is not in the queue.
    check_levels(
        run,
        """
        time encoders_busy publishing_queue publishers_starting publishers_ready published failed
        1    1             1                1                   0                0         0
        2    1             1                1                   0                0         0
        4    1             1                1                   0                1         0
        5    1             1                1                   0                1         0
        8    0             1                1                   0                2         0
        12   0             0                1                   0                2         1
        """,
    )


@pytest.mark.parametrize("capacity", [2, 100, None])
def test_queue_with_room_does_not_block(capacity: int | None) -> None:
    """The same with room for two: v1 leaves at 2, v2 at 3, and only the publishers are waited for."""
    check(
        simulate([(1, 4), (1, 7), (1, 7)], tv.PART_2C.replace(prewarmed=1), 2, capacity=capacity),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         2        2         published
            0.5     0       1                2       2      1         4        4         published
            1.5     0       2                3       3      2         6        6         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        2     0     0
            0     2       4     4        4     1     0
            1     4       6     6        6     2     0
            2     6       -     -        -     -     0
        """,
        end=6,
    )


def test_capacity_0() -> None:
    """Capacity 0: a video leaves its encoder only to a ready publisher: v0 after a wait, v1 at once."""
    # One encoder, 2c with a pool of 1, start-up 4. v0 0 -> 1, blocked until 4. v1 offered 0.5, 4 -> 9;
    # publisher 1, ready since 8, takes it at 9. v2 offered 4.5, 9 -> 10, blocked until publisher 2 is
    # ready at 13.
    run = simulate([(1, 9), (5, 9), (1, 3)], tv.PART_2C.replace(prewarmed=1), 4, capacity=0)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       4      0         4        4         published
            0.5     0       4                9       9      1         9        9         published
            4.5     0       9                10      13     2         13       13        failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            0     4       8     9        9     1     1
            1     9       13    13       13    2     0
            2     13      -     -        -     -     0
        """,
        end=13,
    )
    assert run.levels["publishing_queue"].tolist() == [0] * len(run.levels)


@pytest.mark.parametrize(
    ("startup_time", "outcome"), [(3.5, "published"), (4.0, "published"), (4.5, "failed"), (40.0, "failed")]
)
def test_timeout_met_exactly_and_missed_by_half_a_second(startup_time: float, outcome: str) -> None:
    """Part 1, encoding 3, timeout 7: a start-up of 4 meets it exactly, 4.5 misses it; both have a time."""
    at = 3 + startup_time
    check(
        simulate([(3, 7)], "1", startup_time),
        videos=f"""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      0         {at}     {at}      {outcome}
        """,
        publishers=f"""
            cause started ready assigned ended video idle
            0     3       {at}  {at}     {at}  0     0
        """,
        end=at,
    )


def test_timeout_shorter_than_the_encoding() -> None:
    """Part 2a, timeout 2 < encoding 3: failed, though the publisher was ready at 1."""
    check(
        simulate([(3, 2)], "2a", 1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      0         3        3         failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     3        3     0     2
        """,
        end=3,
    )


def test_publishing_time_with_own_publishers() -> None:
    """Part 2a, publishing takes 3 s: it counts for the deadline, v0 meets 5 exactly, v1 misses 4."""
    check(
        simulate([(2, 5), (2, 4)], "2a", 2, encoders=2, publishing_time=3),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        5         published
            0.5     1       0.5              2.5     2.5    1         2.5      5.5       failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       2     2        5     0     0
            1     0.5     2.5   2.5      5.5   1     0
        """,
        end=5.5,
    )


def test_publishing_time_with_a_pool() -> None:
    """Part 2c, pool of 1, publishing takes 3 s: the successor starts as v0 is taken, at 2, not at 5."""
    # Publisher 1 2 -> 4 takes v1 at 4, published at 7: elapsed 6.5 > 6. Publisher 2 4 -> 6, idle from 6
    # to 7.
    check(
        simulate([(2, 5), (2, 6)], tv.PART_2C.replace(prewarmed=1), 2, encoders=2, publishing_time=3),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        5         published
            0.5     1       0.5              2.5     2.5    1         4        7         failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        5     0     0
            0     2       4     4        7     1     0
            1     4       6     -        -     -     1
        """,
        end=7,
    )


def test_cut_off_while_publishing() -> None:
    """The same, cut off at 6.5: v1 is being published, its publisher has not ended."""
    check(
        simulate(
            [(2, 5), (2, 6)], tv.PART_2C.replace(prewarmed=1), 2, encoders=2, publishing_time=3, until=6.5
        ),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        5         published
            0.5     1       0.5              2.5     2.5    1         4        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        5     0     0
            0     2       4     4        -     1     0
            1     4       6     -        -     -     0.5
        """,
        end=6.5,
        ending="cut-off",
    )


def test_cut_off_with_videos_in_every_state() -> None:
    """Part 1 cut off at 3.75: v0 awaits its publisher, v1 is encoding, v2 awaits the encoder, v3 its turn."""
    # One encoder. v0 0 -> 3; v1 offered 0.5, 3 -> 4; v2 offered 3.5.
    check(
        simulate([(3, 7), (1, 7), (5, 7), (9, 9)], "1", 4, until=3.75),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      -         -        -         unfinished
            0.5     0       3                -       -      -         -        -         unfinished
            3.5     -       -                -       -      -         -        -         unfinished
            -       -       -                -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     3       -     -        -     -     0
        """,
        end=3.75,
        ending="cut-off",
    )


def test_pool_of_0() -> None:
    """Part 2c, pool of 0: both videos are encoded and queued, no publisher will come, the run ends at 3."""
    check(
        simulate([(2, 9), (1, 9)], tv.PART_2C.replace(prewarmed=0), 4),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      -         -        -         unfinished
            0.5     0       2                3       3      -         -        -         unfinished
        """,
        publishers="cause started ready assigned ended video idle",
        end=3,
        ending="no publisher will come",
    )


def test_pool_of_0_behind_a_full_queue() -> None:
    """The same with capacity 1: v1 blocks the encoder for ever, v2 is offered for ever, v3 never."""
    check(
        simulate([(1, 9), (1, 9), (1, 9), (1, 9)], tv.PART_2C.replace(prewarmed=0), 4, capacity=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      -         -        -         unfinished
            0.5     0       1                2       -      -         -        -         unfinished
            1.5     -       -                -       -      -         -        -         unfinished
            -       -       -                -       -      -         -        -         unfinished
        """,
        publishers="cause started ready assigned ended video idle",
        end=2,
        ending="no publisher will come",
    )


def test_no_encoding_time() -> None:
    """Part 1, encoding takes no time: the one encoder is free at once, the start-up is all that counts."""
    check(
        simulate([(0, 4), (0, 3)], "1", 4),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                0       0      0         4        4         published
            0.5     0       0.5              0.5     0.5    1         4.5      4.5       failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       4     4        4     0     0
            1     0.5     4.5   4.5      4.5   1     0
        """,
        end=4.5,
    )


@pytest.mark.parametrize("strategy", ["1", "2b"])
def test_no_startup_time(strategy: str) -> None:
    """Parts 1 and 2b, no start-up: published when encoded."""
    check(
        simulate([(2, 2), (1, 1)], strategy, 0),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        2         published
            0.5     0       2                3       3      1         3        3         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     2       2     2        2     0     0
            1     3       3     3        3     1     0
        """,
        end=3,
    )


def test_no_startup_time_at_encoding_start() -> None:
    """Part 2a, no start-up: each publisher is idle for as long as its video is encoded."""
    check(
        simulate([(2, 2), (1, 1)], "2a", 0),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        2         published
            0.5     0       2                3       3      1         3        3         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       0     2        2     0     2
            1     2       2     3        3     1     1
        """,
        end=3,
    )
