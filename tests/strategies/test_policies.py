"""The pools that people run, `tv2sim.policies`: each holds what its product's documentation or source says."""

from __future__ import annotations

import pickle
import re
from math import ceil, floor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tv2sim as tv
from tests.engines.test_reference import cells, rows_of
from tests.engines.test_wider import GIVEN
from tests.helpers.engines import simpy
from tests.helpers.specification import Draws, Rule, reference
from tests.helpers.wider_worlds import case_of, strategy_case_of
from tv2sim.results.saving import strategy_of
from tv2sim.strategies import as_strategy
from tv2sim.strategies.policies import GitLabRunner

# -- the formulas --------------------------------------------------------------------------------------------

BIG = 10**9


def wanted(strategy: tv.Strategy, waiting: int, busy: int, time: float = 0.0) -> int:
    """Return how many publishers there are to be in all, those in use included."""
    state = tv.PoolState(time, starting=0, ready=0, waiting=waiting, encoding=0, encoded=0, busy=busy)
    for_videos = waiting if strategy.starts_on == "queued" else 0
    return min(busy + strategy.pool_level(state) + for_videos, strategy.maximum or BIG)


FORMULAS: dict[str, list[tuple[int, int, int]]] = {
    # waiting, in use: in all
    "gitlab_runner(idle_count=4)": [(0, 0, 4), (0, 3, 7), (9, 3, 7)],
    "gitlab_runner(idle_count=4, limit=6)": [(0, 0, 4), (0, 2, 6), (9, 3, 6), (0, 6, 6)],
    "gitlab_runner(idle_count=4, limit=3)": [(0, 0, 3), (0, 2, 3)],
    # a machine for each job if none is to be idle
    "gitlab_runner(idle_count=0)": [(0, 0, 0), (3, 0, 3), (3, 2, 5)],
    "gitlab_runner(limit=4)": [(3, 2, 4), (0, 4, 4)],
    # the example of the section about IdleScaleFactor in GitLab's documentation
    "gitlab_runner(idle_count=100, idle_scale_factor=1.1, idle_count_min=10)": [
        (0, 0, 10), (0, 10, 21), (0, 20, 42), (0, 100, 200),
    ],
    # rounded down; at least one is idle, whatever IdleCountMin says
    "gitlab_runner(idle_count=5, idle_scale_factor=0.5, idle_count_min=0)": [
        (0, 0, 1), (0, 1, 2), (0, 3, 4), (0, 4, 6), (0, 5, 7), (7, 20, 25),
    ],
    "github_arc(min_runners=2)": [(0, 0, 2), (1, 0, 3), (0, 3, 5), (4, 3, 9)],
    "github_arc(min_runners=2, max_runners=6)": [(0, 0, 2), (1, 0, 3), (0, 3, 5), (4, 3, 6), (0, 6, 6)],
    "github_arc(min_runners=2, max_runners=6, before_0_8=True)": [
        (0, 0, 2), (1, 0, 2), (2, 0, 2), (0, 1, 2), (1, 2, 3), (0, 3, 3), (4, 3, 6),
    ],
    "github_arc(max_runners=3, before_0_8=True)": [(0, 0, 0), (2, 0, 2), (1, 1, 2), (4, 1, 3)],
    "agones(buffer=5, maximum=20)": [(0, 0, 5), (0, 8, 13), (2, 8, 13), (0, 17, 20)],
    "agones(buffer=5, minimum=10, maximum=20)": [(0, 0, 10), (0, 4, 10), (0, 5, 10), (0, 6, 11), (0, 20, 20)],
    # the example of a comment in Agones' source: 8 of 12 are in use, so 4, a third, are not
    "agones(buffer='30%', minimum=1, maximum=50)": [(0, 8, 12), (0, 0, 1), (0, 1, 2), (0, 7, 10), (0, 40, 50)],
    "agones(buffer='99%', minimum=3)": [(0, 0, 3), (0, 1, 100)],
    "sandbox_warm_pool(replicas=3)": [(0, 0, 3), (0, 5, 8), (2, 5, 10)],
}  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_the_formula(text: str) -> None:
    strategy = as_strategy(text)
    found = [(waiting, busy, wanted(strategy, waiting, busy)) for waiting, busy, _ in FORMULAS[text]]
    assert found == FORMULAS[text]


def test_periods_of_gitlab() -> None:
    """10 from 9 to 17 o'clock, else 3; and by a factor no more than that. Nobody is idle from 22 o'clock on."""
    hour = 3600
    day = tv.Profile([(0, 3), (9 * hour, 10), (17 * hour, 3), (22 * hour, 0)], period=24 * hour)
    pool = tv.policies.gitlab_runner(idle_count=day, idle_time=60)
    times = [0, 9 * hour - 1, 9 * hour, 17 * hour - 1, 17 * hour, 33 * hour]
    assert [wanted(pool, 0, 0, time) for time in times] == [3, 3, 10, 10, 3, 10]
    assert [wanted(pool, 2, 1, time) for time in (12 * hour, 23 * hour)] == [11, 3]
    half = tv.policies.gitlab_runner(idle_count=day, idle_scale_factor=0.5)
    assert [wanted(half, 0, 40, time) for time in (0, 12 * hour)] == [43, 50]
    assert (pool.review_every, pool.replace(review_every=5).review_every) == (60, 5)
    assert tv.policies.gitlab_runner(idle_count=day, review_every=1).review_every == 1


# -- by hand -------------------------------------------------------------------------------------------------


def serve(strategy: tv.Strategy | str, boot: float, *jobs: tuple[float, float]) -> tv.Run:
    """Simulate jobs of (arrival, run time), which wait as long as it takes."""
    records = [
        {"id": f"j{row}", "submittedAt": arrival, "publishingTime": time, "publicationTimeout": 1000}
        for row, (arrival, time) in enumerate(jobs)
    ]
    world = tv.Scenario(encoders=None, startup_time=tv.Constant(boot), deadline="assigned")
    return tv.simulate(tv.read_catalogue(records), strategy, world)


def lives(run: tv.Run) -> list[tuple[float, int | str]]:
    """Return for each publisher when it was started, and its job or what became of it."""
    found: list[tuple[float, int | str]] = []
    for row in rows_of(run.publishers):
        unused = f"retired at {row['ended']:g}" if row["outcome"] == "retired" else row["outcome"]
        found.append((row["started"], unused if row["video"] is None else row["video"]))
    return found


def assigned(run: tv.Run) -> list[float]:
    return [float(time) for time in run.videos["assigned"]]


def test_gitlab_keeps_idle_machines_up_to_its_limit() -> None:
    """Two idle, three in all. The third machine is the last until job 2 ends at 35; then job 0 ends at 120."""
    run = serve("gitlab_runner(idle_count=2, limit=3)", 10, (20, 100), (21, 100), (22, 5))
    assert assigned(run) == [20, 21, 30]
    assert lives(run) == [(0, 0), (0, 1), (20, 2), (35, "unused"), (120, "unused")]
    assert run.end == 121


def test_gitlab_without_idle_machines() -> None:
    """One machine at most: the second one is created for job 1 when the first has ended at 15."""
    run = serve("gitlab_runner(limit=1)", 10, (0, 5), (1, 5))
    assert assigned(run) == [10, 25]
    assert lives(run) == [(0, 0), (15, 1)]


def test_gitlab_scales_idle_machines_with_those_in_use() -> None:
    """Half of those in use, but one at least: two for four of them, and one too many when one of these ends."""
    pool = "gitlab_runner(idle_count=3, idle_scale_factor=0.5, idle_time=4)"
    run = serve(pool, 1, (10, 20), (11, 39), (12, 38), (13, 37))
    assert assigned(run) == [10, 11, 12, 13]
    assert lives(run) == [(0, 0), (10, 1), (11, 2), (12, 3), (13, "retired at 30"), (13, "unused")]


def test_gitlab_removes_no_machine_before_its_idle_time() -> None:
    """As before, but job 0 ends at 16, and the machine is idle since 14: it is removed at 18."""
    pool = "gitlab_runner(idle_count=3, idle_scale_factor=0.5, idle_time=4)"
    run = serve(pool, 1, (10, 6), (11, 39), (12, 38), (13, 37))
    assert lives(run)[4:] == [(13, "retired at 18"), (13, "unused")]


def test_gitlab_has_periods() -> None:
    """One until 100, two until 200, then one again; looked at every 60 s."""
    pool = "gitlab_runner(idle_count=Profile([(0, 1), (100, 2)], period=200), idle_time=30)"
    run = serve(pool, 5, (250, 1))
    assert lives(run) == [(0, "retired at 240"), (120, 0), (250, "unused")]


def test_gitlab_creates_no_more_at_a_time_than_its_growth_rate() -> None:
    """Four wanted, one at a time: the next when the one before is needed, since a boot's end is no occasion."""
    run = serve("gitlab_runner(idle_count=4, max_growth_rate=1)", 10, (12, 9), (13, 9))
    assert assigned(run) == [12, 22]
    assert [started for started, _ in lives(run)][:3] == [0, 12, 22]


def test_github_wants_idle_runners_besides_the_assigned_jobs() -> None:
    """One idle, two at most: job 1 has the second runner at 30, job 2 the one that is started as job 0 ends."""
    run = serve("github_arc(min_runners=1, max_runners=2)", 10, (20, 30), (21, 30), (22, 30))
    assert assigned(run) == [20, 30, 60]
    assert lives(run) == [(0, 0), (20, 1), (50, 2), (60, "unused")]


def test_github_wanted_runners_in_all_before_0_8() -> None:
    """Two in all, as long as no more jobs are there: one for job 2, and one more as jobs 1 and 2 end."""
    run = serve("github_arc(min_runners=2, max_runners=3, before_0_8=True)", 10, (20, 30), (21, 30), (22, 30))
    assert assigned(run) == [20, 21, 32]
    assert lives(run) == [(0, 0), (0, 1), (22, 2), (51, "unused"), (62, "unused")]
    newer = serve("github_arc(min_runners=2)", 10, (20, 30), (21, 30), (22, 30))
    assert lives(newer) == [(0, 0), (0, 1), (20, 2), (21, "unused"), (22, "unused")]


def test_agones_keeps_a_number_and_a_minimum() -> None:
    """One ready, at least three in all, four at most."""
    fleet = "agones(buffer=1, minimum=3, maximum=4)"
    run = serve(fleet, 10, (20, 100), (21, 100), (22, 100), (23, 100))
    assert assigned(run) == [20, 21, 22, 32]
    servers = [(0, 0), (0, 1), (0, 2), (22, 3)]
    assert lives(run) == [*servers, (120, "unused"), (122, "unused"), (132, "unused")]


def test_agones_keeps_a_share() -> None:
    """Half of all: as many ready ones as matches, and one that is too many is removed when a match ends."""
    run = serve("agones(50%, minimum=1)", 5, (10, 50), (20, 10))
    assert assigned(run) == [10, 20]
    assert lives(run) == [(0, 0), (10, 1), (20, "retired at 30"), (20, "unused")]


def test_agones_removes_one_too_many_as_soon_as_it_is_ready() -> None:
    """The match ends at 12, and what was started because of it is ready at 15."""
    run = serve("agones(50%, minimum=1)", 5, (10, 2), (20, 10))
    assert lives(run) == [(0, 0), (10, 1), (20, "unused")]
    run = serve("agones(60%, minimum=1)", 5, (10, 2), (20, 10))
    assert lives(run)[:3] == [(0, 0), (10, "retired at 15"), (10, 1)]


def test_a_sandbox_is_created_for_a_claim_that_finds_none() -> None:
    """One warm: claim 0 has it, and is replaced; claim 1 comes before that one is ready."""
    run = serve("sandbox_warm_pool(replicas=1)", 10, (20, 5), (21, 5))
    assert assigned(run) == [20, 30]
    assert lives(run) == [(0, 0), (20, 1), (21, "unused")]


def test_without_a_publishing_time_nobody_is_ever_in_use() -> None:
    catalogue = tv.generate_catalogue(40)
    share = tv.simulate(catalogue, "agones(50%, minimum=3)")
    number = tv.simulate(catalogue, "2c:3")
    assert share.videos.equals(number.videos)
    assert share.publishers.equals(number.publishers)


# -- against the executable specification ----------------------------------------------------------------------

AT_ONCE = 1e-6
RULES = {
    "gitlab_runner(idle_count=2)": Rule(prewarmed=2),
    "gitlab_runner(idle_count=3, idle_time=2, limit=4, max_growth_rate=2)": Rule(
        prewarmed=3, maximum=4, starts_at_most=2, idle_time_to_live=2
    ),
    "gitlab_runner(limit=3)": Rule(level=lambda _, waiting, __: waiting, maximum=3, idle_time_to_live=AT_ONCE),
    "gitlab_runner(idle_count=4, idle_scale_factor=1.5, idle_time=1, queue_order=deadline)": Rule(
        level=lambda _, __, busy: min(4, max(1, floor(1.5 * busy))), idle_time_to_live=1, queue_order="deadline"
    ),
    "gitlab_runner(idle_count=Profile([(0, 1), (3, 3)], period=6), idle_time=0.5, review_every=0.5)": Rule(
        level=lambda time, _, __: 1 if time % 6 < 3 else 3, idle_time_to_live=0.5, review_every=0.5
    ),
    "github_arc(min_runners=2)": Rule("queued", prewarmed=2),
    "github_arc(min_runners=1, max_runners=3)": Rule(
        level=lambda _, waiting, busy: min(3, 1 + waiting + busy) - busy, maximum=3
    ),
    "github_arc(min_runners=2, max_runners=4, before_0_8=True, dispatch=end_of_instant)": Rule(
        level=lambda _, waiting, busy: max(2, min(4, waiting + busy)) - busy,
        maximum=4,
        dispatch="end_of_instant",
    ),
    "agones(2, minimum=4, maximum=5, ready_at_start=True)": Rule(
        level=lambda _, __, busy: max(4, busy + 2) - busy,
        maximum=5,
        idle_time_to_live=AT_ONCE,
        ready_at_start=True,
    ),
    "agones(40%, minimum=1)": Rule(
        level=lambda _, __, busy: max(1, ceil(100 * busy / 60)) - busy, idle_time_to_live=AT_ONCE
    ),
    "sandbox_warm_pool(2)": Rule("queued", prewarmed=2),
}


def check_against_the_specification(text: str, number: int) -> None:
    """In the world of a number, which may be of any kind."""
    clips, _, world, seed = (strategy_case_of if number % 2 else case_of)(number)
    expected = reference(clips, RULES[text], world, Draws(seed))
    found = simpy(clips, as_strategy(text), world, seed)
    assert found.log == expected.log
    assert (found.ending, found.quota_waits) == (expected.ending, expected.quota_waits)
    for table in ("videos", "publishers", "attempts"):
        rows = getattr(found, table)
        columns = set(rows[0]) - GIVEN if rows else set()
        must = [{name: row[name] for name in columns} for row in cells(getattr(expected, table))]
        assert [{name: row[name] for name in columns} for row in rows] == must, table


@pytest.mark.parametrize("text", RULES)
@pytest.mark.full
def test_the_specification_agrees(text: str) -> None:
    for number in range(24):
        check_against_the_specification(text, number)


@pytest.mark.slow
@pytest.mark.parametrize("text", RULES)
def test_the_specification_agrees_in_many_worlds(text: str) -> None:
    for number in range(24, 600):
        check_against_the_specification(text, number)


# -- as other strategies -----------------------------------------------------------------------------------

TEXTS = [*FORMULAS, *RULES]


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_named_after_the_call_and_can_be_written_and_read(text: str) -> None:
    strategy = as_strategy(text)
    assert strategy.name == text
    assert as_strategy(repr(strategy)) == strategy
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    assert {strategy: 1}[as_strategy(text)] == 1
    assert strategy_of(strategy.to_dict()) == strategy
    assert type(strategy_of(strategy.to_dict())) is type(strategy)


def test_the_name_of_a_call_in_python_is_that_of_the_text() -> None:
    policies, four = tv.policies, np.array([4])[0]
    for strategy in (
        policies.gitlab_runner(idle_count=4, idle_time=600),
        policies.gitlab_runner(4),
        policies.gitlab_runner(four, limit=four),
        policies.github_arc(max_runners=9, before_0_8=True),
        policies.agones("20%", 2),
        policies.gitlab_runner(tv.Profile([(0, 1), (60, 2)], period=90)),
        policies.sandbox_warm_pool(),
    ):
        assert as_strategy(strategy.name) == strategy
    assert policies.gitlab_runner(four).name == "gitlab_runner(4)"
    assert policies.agones("20%", minimum=2, name="fleet").name == "fleet"


def test_further_fields_are_those_of_a_strategy() -> None:
    warm = tv.policies.agones("20%", minimum=2, ready_at_start=True, queue_order="deadline")
    assert (warm.ready_at_start, warm.queue_order) == (True, "deadline")
    assert tv.policies.gitlab_runner(idle_count=4, prewarmed=3).prewarmed == 3


def test_settings_of_0_mean_no_limit_as_in_gitlab() -> None:
    pool = tv.policies.gitlab_runner(idle_count=4, limit=0, max_growth_rate=0)
    assert (pool.maximum, pool.starts_at_most) == (None, None)


def test_runs_are_saved_and_loaded(tmp_path: Path) -> None:
    pool = as_strategy("gitlab_runner(idle_count=Profile([(0, 1), (9, 2)], period=20), idle_scale_factor=0.5)")
    run = serve(pool, 5, (10, 20), (12, 20), (30, 5))
    loaded = tv.load_run(run.save(tmp_path / "run"))
    assert loaded.strategy == pool
    assert type(loaded.strategy) is type(pool)
    assert loaded.videos.equals(run.videos)


def test_results_are_kept_whatever_the_name(tmp_path: Path) -> None:
    catalogue = tv.generate_catalogue(10)
    pool = tv.policies.agones("20%", minimum=2)

    def kept(strategy: tv.Strategy) -> tuple[pd.DataFrame, list[str]]:
        reps = tv.replicate(catalogue, strategy, replications=3, progress=False, results=tmp_path)
        return reps.frame, sorted(path.name for path in tmp_path.iterdir())

    first, folders = kept(pool)
    again, same = kept(pool.replace(name="fleet"))
    assert again.equals(first)
    assert same == folders
    assert len(kept(tv.policies.agones("30%", minimum=2))[1]) > len(folders)


AT_STEPS = "At time 0 and at each step of a video, the pool is filled up to"
SURPLUS = "a surplus one is retired"
WORDS = {
    "gitlab_runner(idle_count=4)": [
        "A pool of 4 publishers is started at time 0, and each one that takes a video is replaced"
    ],
    "gitlab_runner(idle_count=4, limit=9)": [
        "A pool of 4 publishers is started at time 0",
        "it is filled up to that number at each step of a video",
        "at most 9 publishers of the pool exist at a time",
    ],
    "gitlab_runner(idle_time=60)": [
        f"{AT_STEPS} one publisher for each video that waits", f"{SURPLUS} after 60 s without a video",
    ],
    "gitlab_runner(idle_count=9, idle_scale_factor=0.5, idle_time=60)": [
        f"{AT_STEPS} 0.5 times the busy publishers, but at least 1 and at most 9",
        f"{SURPLUS} after 60 s without a video",
    ],
    "gitlab_runner(idle_count=Profile([(0, 1), (60, 2)]), idle_time=9)": [
        "At time 0, at each step of a video and every 60 s, the pool is filled up to what its time has "
        "(1 from 0 s, 2 from 60 s)",
        f"{SURPLUS} after 9 s without a video",
    ],
    "github_arc(max_runners=9, ready_at_start=True, min_runners=1)": [
        "At time 0 (ready at once) and at each step of a video, the pool is filled up to 1 publisher and one "
        "for each video that waits",
        "at most 9 publishers of the pool exist at a time",
    ],
    "github_arc(2, before_0_8=True)": [
        f"{AT_STEPS} one publisher for each video that waits, and to 2 publishers together with the busy ones"
    ],
    "agones(20%, minimum=3)": [
        f"{AT_STEPS} 20 % of all publishers, and to 3 publishers together with the busy ones",
        f"{SURPLUS} at once",
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", WORDS)
def test_it_says_what_it_does(text: str) -> None:
    words = [*WORDS[text], "the pool serves videos first come, first served."]
    assert as_strategy(text).in_words() == "; ".join(words)


def test_a_class_of_ones_own_says_what_it_overrides() -> None:
    class Mine(GitLabRunner):
        def priority(self, video: tv.Video, deadline: float) -> float:
            return deadline

    assert "in the order of priority" in Mine("mine", idle_count=3).in_words()


# -- what is refused -----------------------------------------------------------------------------------------

WHOLE = "must be a whole number of at least"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gitlab_runner(idle_count=-1)", f"idle_count {WHOLE} 0 and at most 1000000000, not -1"),
        ("gitlab_runner(idle_count=1.5)", f"idle_count {WHOLE} 0 and at most 1000000000, not 1.5"),
        ("gitlab_runner(idle_count=Profile([(0, 1.5)]))", f"each step of idle_count {WHOLE} 0 .*, not 1.5"),
        ("gitlab_runner(idle_time=-1)", "idle_time must be a finite number of at least 0, not -1"),
        ("gitlab_runner(idle_count=1, idle_scale_factor=-1)", "idle_scale_factor must be a finite .*, not -1"),
        ("gitlab_runner(limit=-1)", f"limit {WHOLE} 0 and at most 1000000000, not -1"),
        (
            "gitlab_runner(idle=4)",
            "gitlab_runner has no 'idle'; it has idle_count, .*: did you mean idle_time[?]",
        ),
        ("gitlab_runner(4, idle_count=4)", "gitlab_runner: multiple values for argument 'idle_count'"),
        ("github_arc(3, 2)", "min_runners must be at most max_runners=2, not 3"),
        ("github_arc(before_0_8=2, max_runners=3)", "before_0_8 must be one of False, True, not 2"),
        ("agones", "agones: missing a required argument: 'buffer'"),
        ("agones(0)", f"buffer, if no percentage, {WHOLE} 1 .*, not 0"),
        ("agones(0%, minimum=1)", "buffer must be a number, or a percentage from '1%' to '99%', not '0%'"),
        ("agones(100%, minimum=1)", "buffer must be a number, or .*, not '100%'"),
        ("agones(1.5%, minimum=1)", "buffer must be a number, or .*, not '1.5%'"),
        ("agones(20%)", "minimum must be at least 1 with a buffer of 20%, not 0"),
        ("agones(5, minimum=4)", "minimum must be 0, or at least the buffer of 5, not 4"),
        ("agones(5, maximum=4)", f"maximum, which includes the buffer and the minimum, {WHOLE} 5 .*, not 4"),
        ("agones(20%, minimum=5, maximum=4)", f"maximum, which .*, {WHOLE} 5 .*, not 4"),
        ("sandbox_warm_pool(replicas=-1)", f"replicas {WHOLE} 0 .*, not -1"),
    ],
)
def test_impossible_settings_are_refused_in_the_words_of_the_product(text: str, message: str) -> None:
    with pytest.raises(tv.StrategyError, match=f"^{re.escape(repr(text))}: {message}$") as caught:
        as_strategy(text)
    assert "\n" not in str(caught.value)
