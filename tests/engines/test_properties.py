"""What holds in every run, whatever the catalogue, the strategy, the scenario and the random numbers."""

from __future__ import annotations

import itertools
import math
import os
import pickle
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.engines.test_reference import (
    PART_1,
    PART_2A,
    PART_2B,
    PART_2C,
    PARTS,
    Case,
    cases,
    large_case,
    records,
    rows_of,
    rules,
    simulate,
    strategy_of,
)
from tests.helpers.sizes import examples
from tests.helpers.specification import Rule, World, microseconds

TABLES = ("videos", "publishers", "events", "levels")
MOMENTS_OF_A_VIDEO = ["offered", "encoding_started", "encoded", "queued", "assigned", "published"]
LEVELS = [
    "encoders_busy",
    "publishing_queue",
    "publishers_starting",
    "publishers_ready",
    "published",
    "failed",
]

SOME = settings(max_examples=examples(120))
FEW = settings(max_examples=examples(40))

startup_times: st.SearchStrategy[tv.Constant | tv.Uniform] = st.sampled_from(
    [tv.Constant(0), tv.Constant(2), tv.Uniform(2, 6), tv.Uniform(0, 1), tv.Uniform(3, 3.5)]
)
every_run = given(case=cases(), startup_time=startup_times, seed=st.integers(0, 2**40))


def is_shared(case: Case) -> bool:
    """Tell if the case's videos wait in the publishing queue."""
    return not case.rule.dedicated


def same(left: tv.Run, right: tv.Run) -> None:
    """Hold two runs against each other: the same in every table, to the last bit."""
    for name in TABLES:
        assert_frame_equal(getattr(left, name), getattr(right, name), check_exact=True)
    assert (left.end, left.ending, str(left.stats)) == (right.end, right.ending, str(right.stats))


@SOME
@every_run
def test_every_video_has_exactly_one_of_three_outcomes(
    case: Case, startup_time: tv.Constant | tv.Uniform, seed: int
) -> None:
    run = simulate(case, startup_time, seed)
    videos = run.videos
    assert len(videos) == len(case.encoding_times)
    assert set(videos["outcome"]) <= {"published", "failed", "unfinished"}
    late = videos["published"] - videos["encoding_started"] > videos["publication_timeout"]
    has_an_end = videos["published"].notna()
    assert ((videos["outcome"] == "unfinished") == ~has_an_end).all()
    assert ((videos["outcome"] == "failed") == (has_an_end & late)).all()
    assert ((videos["outcome"] == "published") == (has_an_end & ~late)).all()
    assert (run.ending == "completed") == has_an_end.all()
    assert run.ending in {"completed", "cut-off", "no publisher will come"}
    if run.ending == "completed":
        assert run.end == videos["published"].max()
    if run.ending == "cut-off":
        assert run.end == case.world.until
    if run.ending == "no publisher will come":
        assert case.rule == Rule() or case.world.publishing_queue_capacity == 0
        assert run.end == run.events["time"].max()


@SOME
@every_run
def test_the_stats_line_counts_the_rows(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int) -> None:
    run = simulate(case, startup_time, seed)
    expected = {
        "client_parse_errors": 0,
        "client_submitted": int(run.videos["encoding_started"].notna().sum()),
        "encoded": int(run.videos["encoded"].notna().sum()),
        "published": int((run.videos["outcome"] == "published").sum()),
        "publish_failed": int((run.videos["outcome"] == "failed").sum()),
    }
    assert {name: run.stats[name] for name in expected} == expected
    assert str(run.stats) == "stats: " + " ".join(f"{name}={count}" for name, count in expected.items())


@SOME
@every_run
def test_a_publisher_serves_at_most_one_video(
    case: Case, startup_time: tv.Constant | tv.Uniform, seed: int
) -> None:
    run = simulate(case, startup_time, seed)
    served = {row: video["publisher"] for row, video in enumerate(rows_of(run.videos))}
    serving = {p["publisher"]: p["video"] for p in rows_of(run.publishers)}
    assert list(serving) == list(range(len(run.publishers)))
    by_video = {row: publisher for row, publisher in served.items() if publisher is not None}
    by_publisher = {video: publisher for publisher, video in serving.items() if video is not None}
    assert by_video == by_publisher
    assert len(set(by_video.values())) == len(by_video)
    if case.rule.dedicated:
        assert all(p["video"] in (None, p["cause"]) for p in rows_of(run.publishers))


@SOME
@every_run
def test_no_encoder_holds_two_videos(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int) -> None:
    run = simulate(case, startup_time, seed)
    stays = defaultdict(list)
    for video in rows_of(run.videos):
        if video["encoder"] is not None:
            left = math.inf if video["queued"] is None else video["queued"]
            stays[video["encoder"]].append((video["encoding_started"], left))
    assert set(stays) <= set(range(case.world.encoders))
    for of_one_encoder in stays.values():
        for (_, left), (entered, _) in itertools.pairwise(of_one_encoder):
            assert left <= entered


@SOME
@every_run
def test_times_are_ordered_and_all_known_up_to_the_end(
    case: Case, startup_time: tv.Constant | tv.Uniform, seed: int
) -> None:
    run = simulate(case, startup_time, seed)
    end = microseconds(run.end)
    gap = microseconds(1 / case.world.requests_per_second)
    offered: float = 0
    for video in rows_of(run.videos):
        times = [video[moment] for moment in MOMENTS_OF_A_VIDEO]
        happened = [time for time in times if time is not None]
        assert times[: len(happened)] == happened == sorted(happened)
        assert all(time <= run.end for time in happened)
        offered = max(offered, microseconds(video.get("submitted_at") or 0.0))
        assert video["offered"] == (offered / 1e6 if offered <= end else None)
        started, assigned = video["encoding_started"], video["assigned"]
        offered = math.inf if started is None else microseconds(started) + gap
        if started is not None:
            encoded = microseconds(started) + microseconds(video["encoding_time"])
            assert video["encoded"] == (encoded / 1e6 if encoded <= end else None)
        if assigned is not None:
            published = microseconds(assigned) + microseconds(case.world.publishing_time)
            assert video["published"] == (published / 1e6 if published <= end else None)
        if case.rule.dedicated:
            assert video["queued"] == video["encoded"]
    for publisher in rows_of(run.publishers):
        times = [publisher[moment] for moment in ("started", "ready", "assigned", "ended")]
        happened = [time for time in times if time is not None]
        assert times[: len(happened)] == happened == sorted(happened)
        assert all(time <= run.end for time in happened)


@SOME
@every_run
def test_the_two_tables_tell_the_same_story(
    case: Case, startup_time: tv.Constant | tv.Uniform, seed: int
) -> None:
    run = simulate(case, startup_time, seed)
    videos, publishers = rows_of(run.videos), rows_of(run.publishers)
    for publisher in publishers:
        if publisher["video"] is not None:
            video = videos[publisher["video"]]
            assert publisher["assigned"] == video["assigned"]
            assert publisher["ended"] == video["published"]
            # It serves the moment that both are there, and not later.
            assert video["assigned"] == max(video["queued"], publisher["ready"]) or is_shared(case)
        else:
            assert (publisher["assigned"], publisher["ended"]) == (None, None)
    started = [publisher["started"] for publisher in publishers]
    assert started == sorted(started)
    causes = Counter(p["cause"] for p in publishers)
    if case.rule.starts_on is not None:
        reached = {row for row, video in enumerate(videos) if video[case.rule.starts_on] is not None}
        assert reached <= set(causes)
        moments = {videos[row][case.rule.starts_on] for row in reached}
        assert moments <= set(started)
    assert causes[None] == case.rule.prewarmed


@SOME
@every_run
def test_the_queue_is_first_in_first_out(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int) -> None:
    case = replace(case, rule=case.rule if is_shared(case) else Rule(prewarmed=2))
    run = simulate(case, startup_time, seed)
    queued = [(v["queued"], v["encoded"], row, v) for row, v in enumerate(rows_of(run.videos))]
    line = sorted(entry[:3] for entry in queued if entry[0] is not None)
    assigned = [run.videos["assigned"].iloc[row] for _, _, row in line]
    known = [time for time in assigned if not math.isnan(time)]
    assert assigned[: len(known)] == known == sorted(known)
    # Those that are served in one instant are served in the order in which publishers became ready.
    ready = run.publishers["ready"]
    serving = [run.videos["publisher"].iloc[row] for _, _, row in line[: len(known)]]
    order = [(time, ready.iloc[number], number) for time, number in zip(known, serving, strict=True)]
    assert order == sorted(order)
    # Encoders come to the queue in the order in which they were done.
    done = sorted((v["encoded"], row) for row, v in enumerate(rows_of(run.videos)) if v["encoded"] is not None)
    assert [row for _, row in done][: len(line)] == [row for _, _, row in line]


@SOME
@given(case=cases(), pool=st.integers(0, 4), startup_time=startup_times, seed=st.integers(0, 2**40))
def test_the_pool_holds_its_base_stock(
    case: Case, pool: int, startup_time: tv.Constant | tv.Uniform, seed: int
) -> None:
    run = simulate(replace(case, rule=Rule(prewarmed=pool)), startup_time, seed)
    assert (run.levels["publishers_starting"] + run.levels["publishers_ready"] == pool).all()
    assert len(run.publishers) == pool + run.videos["assigned"].notna().sum()
    causes = run.publishers["cause"]
    assert causes.iloc[:pool].isna().all()
    assert causes.iloc[pool:].is_unique
    # A replacement is started in the moment in which its cause gets a publisher.
    taken = rows_of(run.videos[["assigned"]])
    for publisher in rows_of(run.publishers)[pool:]:
        assert publisher["started"] == taken[publisher["cause"]]["assigned"]


def levels_of(case: Case) -> list[str]:
    """Return the columns of levels: busy publishers have one where publishing takes time."""
    return LEVELS + ["publishers_busy"] * (case.world.publishing_time != 0)


def levels_from_events(case: Case, events: pd.DataFrame) -> dict[float, list[int]]:
    """Work out the state after every distinct time of the log."""
    through_the_queue = set(events.loc[events["event"] == "queued", "video"]) if is_shared(case) else set()
    state = dict.fromkeys(levels_of(case), 0)
    after: dict[float, list[int]] = {}
    for event in rows_of(events):
        match event["event"]:
            case "encoding_started":
                state["encoders_busy"] += 1
            case "queued":
                state["encoders_busy"] -= 1
                state["publishing_queue"] += event["video"] in through_the_queue
            case "publisher_started":
                state["publishers_starting"] += 1
            case "publisher_ready":
                state["publishers_starting"] -= 1
                state["publishers_ready"] += 1
            case "assigned":
                state["publishers_ready"] -= 1
                state["publishing_queue"] -= event["video"] in through_the_queue
                if "publishers_busy" in state:
                    state["publishers_busy"] += 1
            case "publisher_ended" if "publishers_busy" in state:
                state["publishers_busy"] -= 1
            case "published" | "failed" as outcome:
                state[outcome] += 1
        after[event["time"]] = list(state.values())
    return after


@SOME
@every_run
def test_levels_follow_from_the_events(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int) -> None:
    run = simulate(case, startup_time, seed)
    names = levels_of(case)
    assert list(run.levels.columns) == ["time", *names]
    assert run.events["time"].is_monotonic_increasing
    expected = levels_from_events(case, run.events)
    actual = {row["time"]: [row[name] for name in names] for row in rows_of(run.levels)}
    assert list(actual) == sorted(actual)
    assert len(actual) == len(run.levels)
    # A step function may say once more what holds at the edges of the run, but nothing else.
    assert set(expected) <= set(actual) <= set(expected) | {0.0, run.end}
    state = [0] * len(names)
    for time, levels in actual.items():
        state = expected.get(time, state)
        assert levels == state, time


@SOME
@every_run
def test_levels_stay_within_their_bounds(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int) -> None:
    run = simulate(case, startup_time, seed)
    levels = run.levels
    assert (levels[LEVELS] >= 0).all().all()
    assert (levels["encoders_busy"] <= case.world.encoders).all()
    assert levels["published"].is_monotonic_increasing
    assert levels["failed"].is_monotonic_increasing
    if case.world.publishing_queue_capacity is not None:
        assert (levels["publishing_queue"] <= case.world.publishing_queue_capacity).all()
    if is_shared(case):
        # Nobody waits while somebody is ready.
        assert ((levels["publishing_queue"] == 0) | (levels["publishers_ready"] == 0)).all()
    else:
        assert (levels["publishing_queue"] == 0).all()


@SOME
@every_run
def test_the_log_holds_every_fact_once(case: Case, startup_time: tv.Constant | tv.Uniform, seed: int) -> None:
    run = simulate(case, startup_time, seed)
    assert list(run.events.columns) == ["time", "event", "video", "encoder", "publisher"]
    of_videos: Counter[tuple[float, str, int]] = Counter()
    with_resource: Counter[tuple[float, str, int | None, int | None]] = Counter()
    for row, video in enumerate(rows_of(run.videos)):
        for moment in MOMENTS_OF_A_VIDEO:
            if video[moment] is not None:
                of_videos[video[moment], video["outcome"] if moment == "published" else moment, row] += 1
        if video["encoding_started"] is not None:
            with_resource[video["encoding_started"], "encoding_started", video["encoder"], None] += 1
        if video["assigned"] is not None:
            with_resource[video["assigned"], "assigned", None, video["publisher"]] += 1
    causes: dict[int, int | None] = {}
    for publisher in rows_of(run.publishers):
        number = publisher["publisher"]
        causes[number] = publisher["cause"]
        for moment in ("started", "ready", "ended"):
            if publisher[moment] is not None:
                with_resource[publisher[moment], f"publisher_{moment}", None, number] += 1
    log = rows_of(run.events)
    assert of_videos == Counter(
        (e["time"], e["event"], e["video"]) for e in log if not e["event"].startswith("publisher_")
    )
    compared = {"encoding_started", "assigned", "publisher_started", "publisher_ready", "publisher_ended"}
    assert with_resource == Counter(
        (e["time"], e["event"], e["encoder"], e["publisher"]) for e in log if e["event"] in compared
    )
    for event in log:
        if event["event"] == "publisher_started":
            assert event["video"] == causes[event["publisher"]]


@SOME
@every_run
def test_derived_columns_are_what_they_are_defined_to_be(
    case: Case, startup_time: tv.Constant | tv.Uniform, seed: int
) -> None:
    run = simulate(case, startup_time, seed)
    for video in rows_of(run.videos):
        if video["published"] is None:
            assert (video["elapsed"], video["on_time"]) == (None, False)
        else:
            assert video["elapsed"] == round(video["published"] - video["encoding_started"], 6)
            assert video["on_time"] == (video["elapsed"] <= round(video["publication_timeout"], 6))
            assert video["on_time"] == (video["outcome"] == "published")
    for publisher in rows_of(run.publishers):
        if publisher["ready"] is None:
            assert publisher["idle"] == 0
        else:
            until = run.end if publisher["assigned"] is None else publisher["assigned"]
            assert publisher["idle"] == round(until - publisher["ready"], 6)


@SOME
@given(case=cases(), low=st.floats(0, 5), width=st.floats(0.01, 5), seed=st.integers(0, 2**40))
def test_start_up_times_stay_within_their_distribution(case: Case, low: float, width: float, seed: int) -> None:
    run = simulate(case, tv.Uniform(low, low + width), seed)
    times = (run.publishers["ready"] - run.publishers["started"]).dropna()
    assert times.between(low - 1e-9, low + width + 1e-9).all()


def lines_of(run: tv.Run) -> Counter[tuple[object, ...]]:
    """Collect the lines of the log without their order."""
    return Counter(tuple(event.values()) for event in rows_of(run.events))


@FEW
@given(
    encoding_times=st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0, 6.0]), min_size=1, max_size=14),
    timeout=st.sampled_from([4.0, 7.0, 9.5]),
    startup_time=startup_times,
    publishing_time=st.sampled_from([0.0, 0.5]),
    until=st.sampled_from([None, 6.5]),
    seed=st.integers(0, 2**40),
)
@pytest.mark.full
def test_parts_1_and_2b_are_identical_at_every_capacity(
    encoding_times: list[float],
    timeout: float,
    startup_time: tv.Constant | tv.Uniform,
    publishing_time: float,
    until: float | None,
    seed: int,
) -> None:
    timeouts = (timeout,) * len(encoding_times)
    runs = [
        simulate(
            Case(tuple(encoding_times), timeouts, rule, World(2, 2.0, publishing_time, capacity, until)),
            startup_time,
            seed,
        )
        for rule in (PART_1, PART_2B)
        for capacity in (0, 1, 2, 100, None)
    ]
    first, *others = runs
    for other in others:
        for name in ("videos", "publishers", "levels"):
            assert_frame_equal(getattr(first, name), getattr(other, name), check_exact=True)
        assert (first.end, first.ending) == (other.end, other.ending)
        # Within one instant the log may name the start of the publisher and `queued` in either order.
        assert lines_of(first) == lines_of(other)


def draws(run: tv.Run) -> dict[tuple[str, int | None, int], float]:
    """Collect the start-up times by what they belong to: the cause and a counter, or the slot of the pool."""
    found: dict[tuple[str, int | None, int], float] = {}
    counts: Counter[int | None] = Counter()
    for publisher in rows_of(run.publishers):
        cause = publisher["cause"]
        key = ("slot" if cause is None else "cause", cause, counts[cause])
        counts[cause] += 1
        if publisher["ready"] is not None:
            found[key] = publisher["ready"] - publisher["started"]
    return found


def agree(
    left: dict[tuple[str, int | None, int], float], right: dict[tuple[str, int | None, int], float]
) -> int:
    """Compare the start-up times that both know, but for the rounding of `started + time`; say how many."""
    both = left.keys() & right.keys()
    for key in both:
        assert left[key] == pytest.approx(right[key], abs=1e-9), key
    return len(both)


@SOME
@given(case=cases(), startup_time=st.sampled_from([0.0, 0.5, 2.0, 4.0]))
def test_publishers_become_ready_up_to_the_end(case: Case, startup_time: float) -> None:
    run = simulate(case, tv.Constant(startup_time))
    for publisher in rows_of(run.publishers):
        ready = round(publisher["started"] + startup_time, 6)
        # The instant in which the run ends is completed, so this holds at the end itself.
        assert publisher["ready"] == (ready if ready <= run.end else None)


@FEW
@given(case=cases(), more=st.integers(1, 6), rule=rules, seed=st.integers(0, 2**40))
def test_appending_videos_changes_no_earlier_start_up_time(
    case: Case, more: int, rule: Rule, seed: int
) -> None:
    case = replace(case, rule=rule)
    longer = replace(
        case,
        encoding_times=case.encoding_times + (1.0,) * more,
        timeouts=case.timeouts + (5.0,) * more,
        submitted=case.submitted + (None,) * more if case.submitted else (),
    )
    startup_time = tv.Uniform(2, 6)
    agree(draws(simulate(case, startup_time, seed)), draws(simulate(longer, startup_time, seed)))


@pytest.mark.parametrize("rule", [*PARTS.values(), Rule("encoded", prewarmed=2)])
def test_appending_videos_changes_nothing_for_154_videos(rule: Rule) -> None:
    longer = large_case(rule, World())
    case = replace(longer, encoding_times=longer.encoding_times[:100], timeouts=longer.timeouts[:100])
    startup_time = tv.Uniform(2, 6)
    assert agree(draws(simulate(case, startup_time)), draws(simulate(longer, startup_time))) >= 90


def test_strategies_are_compared_under_common_random_numbers() -> None:
    startup_time = tv.Uniform(2, 6)
    by_part = [draws(simulate(large_case(rule, World()), startup_time)) for rule in PARTS.values()]
    for other in by_part[1:]:
        assert agree(by_part[0], other) >= 140
    # The scenario changes no draw either.
    cramped = World(encoders=4, publishing_queue_capacity=1, publishing_time=0.5)
    for rule, drawn in zip(PARTS.values(), by_part, strict=True):
        assert agree(drawn, draws(simulate(large_case(rule, cramped), startup_time))) >= 140


@pytest.mark.parametrize("rule", [PART_1, PART_2C])
def test_other_seeds_and_replications_draw_other_numbers(rule: Rule) -> None:
    case = large_case(rule, World())
    catalogue = tv.read_catalogue(records(case.encoding_times, case.timeouts))
    drawn = [
        draws(tv.simulate(catalogue, strategy_of(rule), tv.Scenario(), seed=seed, replication=replication))
        for seed, replication in ((1, 0), (1, 1), (2, 0), (2, 1))
    ]
    for left, right in itertools.combinations(drawn, 2):
        close = [key for key in left.keys() & right.keys() if abs(left[key] - right[key]) < 1e-6]
        assert not close
    values = list(drawn[0].values())
    assert len({round(value, 9) for value in values}) == len(values)


@FEW
@given(case=cases(), other=cases(), seed=st.integers(0, 2**40))
def test_the_same_seed_gives_the_same_run_whatever_was_run_before(case: Case, other: Case, seed: int) -> None:
    startup_time = tv.Uniform(2, 6)
    first = simulate(case, startup_time, seed)
    simulate(other, startup_time, seed + 1)
    same(first, simulate(case, startup_time, seed))


def all_tables() -> list[pd.DataFrame]:
    """Run every part once on a cramped scenario and gather all the tables."""
    world = World(encoders=5, publishing_queue_capacity=3)
    runs = [simulate(large_case(rule, world), tv.Uniform(2, 6), seed=7) for rule in PARTS.values()]
    return [getattr(run, name) for run in runs for name in TABLES]


@pytest.mark.full
def test_the_same_seed_gives_the_same_run_in_whatever_process() -> None:
    here = all_tables()
    script = (
        "import pickle, sys; from tests.engines.test_properties import all_tables; "
        "sys.stdout.buffer.write(pickle.dumps(all_tables()))"
    )
    for hash_seed in ("0", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        for mine, theirs in zip(here, pickle.loads(done.stdout), strict=True):
            assert_frame_equal(mine, theirs, check_exact=True)


def test_part_2a_never_waits_longer_than_its_publisher() -> None:
    """For part 2a, `assigned` is the later one of encoding's end and `encoding_started` + start-up time."""
    run = simulate(large_case(PART_2A, World()), tv.Uniform(2, 6))
    ready = run.publishers.set_index("cause")["ready"]
    for row, video in enumerate(rows_of(run.videos)):
        assert video["assigned"] == max(video["encoded"], ready.loc[row])
