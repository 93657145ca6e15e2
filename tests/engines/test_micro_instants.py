"""Micro-scenarios of simultaneous events: each pair of the five phases of an instant, and the order in each.

At one instant: (1) encodings end, in catalogue order, each video taking a ready publisher at once; (2)
publishers become ready, by number, each taking a waiting video at once; (3) room in the queue admits
blocked encoders, longest blocked first; (4) the client hands over, encoding starts; (5) timers: the
client's gap and the cut-off. What one phase causes at the same instant in an earlier one is a further
round of that instant.

Pairs that tables can tell apart are shown by tables, and the docstring says what the wrong order would
give. Others only the log tells apart: 1 and 2 where nobody is blocked, 2 and 3 where an admission between
two publishers gives the same tables, and the client's timer, as the hand-over that it leads to is a later
round in any case; the cut-off, the other timer, does show in tables. A clip is (encoding time, timeout).
"""

import pytest

import tv2sim as tv
from tests.helpers.micro_scenarios import check, check_levels, log, simulate

POOL_1 = tv.PART_2C.replace(prewarmed=1)
POOL_2 = tv.PART_2C.replace(prewarmed=2)


def test_1_before_2_an_encoding_that_ends_finds_the_queue_still_full() -> None:
    """Phases 1, 2: at 4 v1 is encoded and publisher 0 ready; v2 has been blocked since 3, v0 is queued.

    2 before 1 would let publisher 0 take v0 first, and v1 into the room that is v2's: v1 queued 4 and
    published 8, v2 queued 8 and published 12.
    """
    # Gap 1, 3 encoders (each new one has been free longest), capacity 1. v0 0 -> 1, v1 1 -> 4, v2 2 -> 3.
    # At 4 v1 blocks, publisher 0 takes v0, v2 is admitted. At 8 publisher 1 takes v2, v1 is admitted; at
    # 12 2 takes v1. Elapsed: 4 <= 4; 12 - 1 = 11 > 10; 8 - 2 = 6 <= 6.
    check(
        simulate([(1, 4), (3, 10), (1, 6)], POOL_1, 4, encoders=3, requests_per_second=1, capacity=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            1       1       1                4       8      2         12       12        failed
            2       2       2                3       4      1         8        8         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            0     4       8     8        8     2     0
            2     8       12    12       12    1     0
            1     12      -     -        -     -     0
        """,
        end=12,
    )


def test_1_before_2_in_the_log() -> None:
    """Phases 1, 2: v0 is encoded at 4 and its publisher ready at 4; the tables are alike in both orders."""
    # With or without the queue: part 2a, and a pool of 1.
    for strategy, cause in (("2a", "0"), (POOL_1, "-")):
        run = simulate([(4, 4)], strategy, 4)
        successor = "0 4 - - - - 0" if strategy is POOL_1 else ""
        check(
            run,
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                4       4      0         4        4         published
            """,
            publishers=f"""
                cause   started ready assigned ended video idle
                {cause} 0       4     4        4     0     0
                {successor}
            """,
            end=4,
        )
        assert log(run, 4, "encoded", "publisher_ready", "assigned", "published") == [
            "encoded 0 encoder 0",
            "publisher_ready publisher 0",
            "assigned 0 publisher 0",
            "published 0 publisher 0",
        ]


def test_1_and_3_an_encoding_that_ends_does_not_overtake_a_blocked_one() -> None:
    """Phases 1, 3: capacity 0; at 4 v0 is encoded and publisher 0 ready; v1 has been blocked since 3.

    Room comes only from phase 2, so 1 and 3 cannot be told apart without it. 2, 1, 3 would give v0 the
    publisher: v0 published at 4, v1 at 8. 3, 1, 2 would admit nobody at 4, and leave publisher 0 idle.
    """
    # Gap 1, 2 encoders. v0 0 -> 4, v1 1 -> 3. Publisher 1, started at 4, is ready at 8 for v0.
    # Elapsed: v0 8 > 7; v1 4 - 1 = 3 <= 3.
    check(
        simulate([(4, 7), (2, 3)], POOL_1, 4, encoders=2, requests_per_second=1, capacity=0),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                4       8      1         8        8         failed
            1       1       1                3       4      0         4        4         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     1     0
            1     4       8     8        8     0     0
            0     8       -     -        -     -     0
        """,
        end=8,
    )


def test_1_before_4_every_encoding_ends_before_the_client_hands_over() -> None:
    """Phases 1, 4: v1 on encoder 1 and v2 on encoder 0 end at 5; v3 waits: tie, lowest number, encoder 0.

    A hand-over as soon as an encoder is free would give v3 encoder 1, as v1 is first in the catalogue.
    """
    # Gap 1, 2 encoders, part 1, start-up 2. v0 0 -> 1 on 0. v1 at 1: encoder 1, free since 0; 1 -> 5. v2
    # at 2: 0, 2 -> 5. v3 offered 3, started 5 -> 6.
    check(
        simulate([(1, 9), (4, 9), (3, 9), (1, 9)], "1", 2, encoders=2, requests_per_second=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         3        3         published
            1       1       1                5       5      1         7        7         published
            2       0       2                5       5      2         7        7         published
            3       0       5                6       6      3         8        8         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     1       3     3        3     0     0
            1     5       7     7        7     1     0
            2     5       7     7        7     2     0
            3     6       8     8        8     3     0
        """,
        end=8,
    )


def test_encodings_end_in_catalogue_order() -> None:
    """Within phase 1: v1 on encoder 1 goes before v2 on encoder 0; by encoder v2 would be published at 12."""
    # As above with a pool of 1, start-up 6: publisher 0 takes v0 at 6, 1 v1 at 12, 2 v2 at 18.
    check(
        simulate([(1, 6), (4, 11), (3, 16)], POOL_1, 6, encoders=2, requests_per_second=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         6        6         published
            1       1       1                5       5      1         12       12        published
            2       0       2                5       5      2         18       18        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       6     6        6     0     0
            0     6       12    12       12    1     0
            1     12      18    18       18    2     0
            2     18      -     -        -     -     0
        """,
        end=18,
    )


def test_encoders_blocked_at_the_same_instant_are_admitted_in_catalogue_order() -> None:
    """Within phases 1 and 3: the same with capacity 1: both block at 5, v1 is admitted at 6, v2 at 12."""
    check(
        simulate([(1, 6), (4, 11), (3, 16)], POOL_1, 6, encoders=2, requests_per_second=1, capacity=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         6        6         published
            1       1       1                5       6      1         12       12        published
            2       0       2                5       12     2         18       18        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       6     6        6     0     0
            0     6       12    12       12    1     0
            1     12      18    18       18    2     0
            2     18      -     -        -     -     0
        """,
        end=18,
    )


def test_the_longest_blocked_encoder_is_admitted_first() -> None:
    """Within phase 3: v2, blocked since 3, goes before v1, since 5; v1 then goes before v3, since 7."""
    # Gap 1, 2 encoders, capacity 1, start-up 6. v0 0 -> 1 queued. v1 1 -> 5 on 1. v2 2 -> 3 on 0. v3
    # offered 3. At 6 publisher 0 takes v0, v2 is admitted, v3 starts on 0, 6 -> 7. At 12 1 takes v2, v1
    # is admitted; at 18 2 takes v1, v3 is admitted; at 24 3 takes v3. By catalogue or by encoder number
    # of the end v1 would be at 12.
    check(
        simulate([(1, 6), (4, 17), (1, 9), (1, 18)], POOL_1, 6, encoders=2, requests_per_second=1, capacity=1),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         6        6         published
            1       1       1                5       12     2         18       18        published
            2       0       2                3       6      1         12       12        failed
            3       0       6                7       18     3         24       24        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       6     6        6     0     0
            0     6       12    12       12    2     0
            2     12      18    18       18    1     0
            1     18      24    24       24    3     0
            3     24      -     -        -     -     0
        """,
        end=24,
    )


def test_2_before_3_before_4_a_ready_publisher_frees_queue_and_encoder() -> None:
    """Phases 2, 3, 4: at 4 publisher 0 takes v0, v1 is admitted, its encoder is free, v2 is handed over.

    Each phase once in another order, v1 would stay blocked beyond 4 (3 before 2), or v2 with the client
    (4 before 3 or 2). The client's timer is due at 4 as well.
    """
    # Gap 2, 1 encoder, capacity 1. v0 0 -> 1 queued. v1 offered 2, 2 -> 3, blocked. v2 offered 4, 4 -> 5,
    # blocked. At 8 publisher 1 takes v1, v2 is admitted; at 12 2 takes v2. Elapsed 4, 6, 8.
    run = simulate([(1, 4), (1, 5), (1, 8)], POOL_1, 4, requests_per_second=0.5, capacity=1)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            2       0       2                3       4      1         8        8         failed
            4       0       4                5       8      2         12       12        published
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
    # Phases 2, 5 and 3, 5: the client's timer comes last, and only then the hand-over that it leads to.
    assert log(run, 4, "publisher_ready", "assigned", "queued", "offered", "encoding_started") == [
        "publisher_ready publisher 0",
        "assigned 0 publisher 0",
        "queued 1 publishing queue",
        "offered 2 -",
        "encoding_started 2 encoder 0",
    ]


def test_2_before_4_the_client_waiting_before() -> None:
    """Phases 2, 4: the same with gap 0.5: v2 waits from 1.5, is handed over at 4, and is the log's last."""
    run = simulate([(1, 4), (1, 7), (1, 8)], POOL_1, 4, capacity=1)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            0.5     0       1                2       4      1         8        8         published
            1.5     0       4                5       8      2         12       12        published
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
    assert log(run, 4, "publisher_ready", "assigned", "queued", "offered", "encoding_started") == [
        "publisher_ready publisher 0",
        "assigned 0 publisher 0",
        "queued 1 publishing queue",
        "encoding_started 2 encoder 0",
    ]


def test_2_before_3_an_admitted_video_takes_a_publisher_that_is_ready() -> None:
    """Phases 2, 3: at 4 publisher 0 takes v0, 1 finds nobody; v1 is admitted, takes 1, and makes room for v2.

    Each phase once, 3 before 2 would leave v1 and v2 blocked beyond 4; one admission an instant would
    leave v2; v1 admitted between the two publishers would show in the log. At the end, at 12, v3 takes
    publisher 3, ready since 8; publisher 4 is ready at 12 too, and idle for 0.
    """
    # Gap 1, 3 encoders, capacity 1, pool of 2. v0 0 -> 1 queued; v1 1 -> 2 and v2 2 -> 3 blocked; v3 at 3
    # takes encoder 0, free since 1, 3 -> 12. Publishers 2 (v0) and 3 (v1) start at 4, 4 (v2) at 8, 5 (v3)
    # at 12.
    run = simulate([(1, 4), (1, 3), (1, 6), (9, 9)], POOL_2, 4, encoders=3, requests_per_second=1, capacity=1)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            1       1       1                2       4      1         4        4         published
            2       2       2                3       4      2         8        8         published
            3       0       3                12      12     3         12       12        published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            -     0       4     4        4     1     0
            0     4       8     8        8     2     0
            1     4       8     12       12    3     4
            2     8       12    -        -     -     0
            3     12      -     -        -     -     0
        """,
        end=12,
    )
    assert log(run, 4, "publisher_ready", "queued", "assigned") == [
        "publisher_ready publisher 0",
        "assigned 0 publisher 0",
        "publisher_ready publisher 1",
        "queued 1 publishing queue",
        "assigned 1 publisher 1",
        "queued 2 publishing queue",
    ]
    check_levels(
        run,
        """
        time encoders_busy publishing_queue publishers_starting publishers_ready published failed
        3    3             1                2                   0                0         0
        4    1             1                2                   0                2         0
        8    1             0                1                   1                3         0
        12   0             0                1                   1                4         0
        """,
    )


def test_3_before_4_every_admission_before_the_client_hands_over() -> None:
    """Phases 3, 4: at 5 v1 leaves encoder 1 (blocked since 2) and v0 encoder 0 (since 4); v2 takes encoder 0.

    Both encoders are free since 5: tie, lowest number. A hand-over between the admissions would give
    encoder 1.
    """
    # Gap 1, capacity 0, pool of 2, start-up 5. v0 0 -> 4, v1 1 -> 2, v2 offered 2, 5 -> 6. At 5 v1 takes
    # publisher 0, v0 publisher 1; 2 and 3 start, ready at 10, where v2 takes 2. Elapsed 5 <= 5, 4 <= 4, 5
    # > 4.
    check(
        simulate([(4, 5), (1, 4), (1, 4)], POOL_2, 5, encoders=2, requests_per_second=1, capacity=0),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                4       5      1         5        5         published
            1       1       1                2       5      0         5        5         published
            2       0       5                6       10     2         10       10        failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       5     5        5     1     0
            -     0       5     5        5     0     0
            1     5       10    10       10    2     0
            0     5       10    -        -     -     0
            2     10      -     -        -     -     0
        """,
        end=10,
    )


def test_1_2_4_before_5_in_the_log() -> None:
    """Phases 1, 5 and 2, 5: at 1 v0 is encoded, its publisher ready, and only then the client offers v1.

    4 follows 5 here, as 5 causes it: a second round. A hand-over and a timer of the client never meet
    otherwise.
    """
    run = simulate([(1, 1), (1, 1)], "2a", 1, requests_per_second=1)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         1        1         published
            1       0       1                2       2      1         2        2         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       1     1        1     0     0
            1     1       2     2        2     1     0
        """,
        end=2,
    )
    assert log(run, 1, "offered", "encoding_started", "encoded", "publisher_ready", "assigned") == [
        "encoded 0 encoder 0",
        "publisher_ready publisher 0",
        "assigned 0 publisher 0",
        "offered 1 -",
        "encoding_started 1 encoder 0",
    ]


def test_1_before_5_cut_off_when_an_encoding_ends() -> None:
    """Phases 1, 5: cut off at 3: v0 is encoded, its publisher starts; 5 before 1 would leave both out."""
    check(
        simulate([(3, 9)], "1", 4, until=3),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     3       -     -        -     -     0
        """,
        end=3,
        ending="cut-off",
    )


def test_2_before_5_cut_off_when_a_publisher_is_ready() -> None:
    """Phases 2, 5: cut off at 4: publisher 0 is ready and publishes v0; 5 before 2 would leave it out."""
    check(
        simulate([(3, 4), (9, 20)], "2a", 4, encoders=2, until=4),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                3       3      0         4        4         published
            0.5     1       0.5              -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       4     4        4     0     0
            1     0.5     -     -        -     -     0
        """,
        end=4,
        ending="cut-off",
    )


def test_3_and_4_before_5_cut_off_when_an_encoder_is_admitted() -> None:
    """Phases 3, 5 and 4, 5: cut off at 4: v1 is admitted, v2 handed over; 5 earlier would leave them out."""
    # Gap 0.5, 1 encoder, capacity 1: as above, v0 0 -> 1 queued, v1 1 -> 2 blocked, v2 offered 1.5.
    check(
        simulate([(1, 4), (1, 7), (1, 8)], POOL_1, 4, capacity=1, until=4),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         4        4         published
            0.5     0       1                2       4      -         -        -         unfinished
            1.5     0       4                -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            0     4       -     -        -     -     0
        """,
        end=4,
        ending="cut-off",
    )


def test_cut_off_when_the_client_offers() -> None:
    """Within phase 5: cut off at 0.5, when the client's timer is due: v1 is offered and handed over still."""
    check(
        simulate([(3, 9), (3, 9)], "2a", 4, encoders=2, until=0.5),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                -       -      -         -        -         unfinished
            0.5     1       0.5              -       -      -         -        -         unfinished
        """,
        publishers="""
            cause started ready assigned ended video idle
            0     0       -     -        -     -     0
            1     0.5     -     -        -     -     0
        """,
        end=0.5,
        ending="cut-off",
    )


def test_the_last_instant_is_completed() -> None:
    """The last outcome, of a publication begun at 2, comes at 4; publisher 1, due at 4, is ready still."""
    check(
        simulate([(2, 4)], POOL_1, 2, publishing_time=2),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        4         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        4     0     0
            0     2       4     -        -     -     0
        """,
        end=4,
    )


@pytest.mark.parametrize("capacity", [100, 1, 0])
def test_a_successor_without_startup_is_ready_in_the_same_instant(capacity: int) -> None:
    """2c, no start-up: at 2 v0 takes 0, so that 1 starts, is ready in phase 2 and takes v1; and 2 starts."""
    # Gap 1, 2 encoders. Publisher 0 is idle from 0 to 2. With capacity 0 v1 leaves its encoder in phase 3.
    check(
        simulate([(2, 2), (1, 1)], POOL_1, 0, encoders=2, requests_per_second=1, capacity=capacity),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        2         published
            1       1       1                2       2      1         2        2         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       0     2        2     0     2
            0     2       2     2        2     1     0
            1     2       2     -        -     -     0
        """,
        end=2,
    )


def test_no_encoding_time_makes_a_second_round_of_the_instant() -> None:
    """At 2 phase 1 (v0 ends), 2 (0 takes it, 1 is ready), 4 (v1 starts), and again 1: v1 ends and takes 1."""
    # 1 encoder, pool of 2, start-up 2. v0 0 -> 2, v1 offered 0.5, 2 -> 2, v2 2.5 -> 2.5, for which 2 is
    # ready at 4. Elapsed 2, 0, 1.5. Publisher 3, ready at 4, is not needed; 4 starts at 4.
    check(
        simulate([(2, 2), (0, 1), (0, 1)], POOL_2, 2),
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                2       2      0         2        2         published
            0.5     0       2                2       2      1         2        2         published
            2.5     0       2.5              2.5     2.5    2         4        4         failed
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        2     0     0
            -     0       2     2        2     1     0
            0     2       4     4        4     2     0
            1     2       4     -        -     -     0
            2     4       -     -        -     -     0
        """,
        end=4,
    )


def test_all_phases_twice_in_one_instant() -> None:
    """Capacity 0, at 4: phase 2 (0, 1 ready), 3 (v0 takes 0), 4 (v1 starts), and again 1: v1 takes 1."""
    run = simulate([(1, 4), (0, 1)], POOL_2, 4, capacity=0)
    check(
        run,
        videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       4      0         4        4         published
            0.5     0       4                4       4      1         4        4         published
        """,
        publishers="""
            cause started ready assigned ended video idle
            -     0       4     4        4     0     0
            -     0       4     4        4     1     0
            0     4       -     -        -     -     0
            1     4       -     -        -     -     0
        """,
        end=4,
    )
    assert log(run, 4, "publisher_ready", "queued", "assigned", "encoding_started", "encoded") == [
        "publisher_ready publisher 0",
        "publisher_ready publisher 1",
        "queued 0 publishing queue",
        "assigned 0 publisher 0",
        "encoding_started 1 encoder 0",
        "encoded 1 encoder 0",
        "queued 1 publishing queue",
        "assigned 1 publisher 1",
    ]


def test_a_video_is_queued_before_the_publisher_that_it_orders_starts() -> None:
    run = simulate([(2, 9)], "2b", 4)
    assert log(run, 2, "encoded", "queued", "publisher_started") == [
        "encoded 0 encoder 0",
        "queued 0 -",
        "publisher_started publisher 0",
    ]
