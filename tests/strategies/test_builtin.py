"""A strategy that is written as a text, `tv2sim.strategies.builtin`, wherever a strategy's name may stand."""

from __future__ import annotations

import html
import re
import shlex
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tv2sim as tv
from tests.engines.test_reference import strategy_of
from tests.helpers.commands import tv2sim
from tests.helpers.wider_worlds import strategy_case_of
from tv2sim.strategies import as_strategy

LEAD = tv.Lead(encoding=3, timeout=6)

TEXTS: dict[str, tv.Strategy] = {
    "2c(prewarmed=8)": tv.PART_2C.replace(prewarmed=8),
    "2c:8(queue_order='deadline')": tv.PART_2C.replace(prewarmed=8, queue_order="deadline"),
    '2c(prewarmed=8, queue_order="deadline")': tv.PART_2C.replace(prewarmed=8, queue_order="deadline"),
    "2c( prewarmed = 8 ,queue_order=deadline )": tv.PART_2C.replace(prewarmed=8, queue_order="deadline"),
    "2c()": tv.PART_2C,
    "1(starts_on=queued)": tv.PART_2B,
    "coverage(price=240)": tv.STRATEGIES["coverage"].replace(price=240),
    "coverage(price=2.5e1, forecast=None, holds_back=False)": tv.STRATEGIES["coverage"].replace(
        price=25, forecast=None, holds_back=False
    ),
    "coverage(forecast=((3, 9, 2), (1, 4, 1)))": tv.STRATEGIES["coverage"].replace(
        forecast=((1, 4, 1), (3, 9, 2))
    ),
    "just in time(prewarmed=5)": tv.STRATEGIES["just in time"].replace(prewarmed=5),
    "advance(lead=Lead(encoding=3, timeout=6))": tv.STRATEGIES["advance"].replace(lead=LEAD),
    "advance(lead=lead(3, 6))": tv.STRATEGIES["advance"].replace(lead=LEAD),
    "advance(lead=Lead(table={(6, 7): 2.5, (3, 4): 1}))": tv.STRATEGIES["advance"].replace(
        lead=tv.Lead(table={(6, 7): 2.5, (3, 4): 1})
    ),
    "adaptive(headroom=(1.5, 60), minimum=2)": tv.STRATEGIES["adaptive"].replace(headroom=(1.5, 60), minimum=2),
    "adaptive(headroom=2, prewarmed=rate)": tv.STRATEGIES["adaptive"].replace(headroom=2),
    "2a(dedicated=False, prewarmed=2, ready_at_start=true)": tv.Strategy(
        starts_on="encoding_started", prewarmed=2, ready_at_start=True
    ),
    "Strategy(starts_on='encoded', dedicated=True)": tv.PART_1,
    "Strategy()": tv.Strategy(),
    "gitlab_runner(idle_count=4, idle_time=600)": tv.policies.gitlab_runner(idle_count=4, idle_time=600),
    "agones(20%, minimum=2)": tv.policies.agones("20%", minimum=2),
    "sandbox_warm_pool": tv.policies.sandbox_warm_pool(),
    "gitlab_runner(Profile([(0, 1), (9, 2)], period=12))": tv.policies.gitlab_runner(
        tv.Profile([(0, 1), (9, 2)], period=12)
    ),
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_is_the_name(text: str) -> None:
    assert as_strategy(text) == TEXTS[text].replace(name=text)


def test_spaces_around_it_are_no_part_of_the_name() -> None:
    assert as_strategy(" 2c(prewarmed=8) ").name == "2c(prewarmed=8)"


def test_another_name_may_be_given() -> None:
    for text in ("2c(prewarmed=8, name='pool of 8, fast')", 'Strategy(prewarmed=8, name="pool of 8, fast")'):
        assert as_strategy(text) == tv.Strategy("pool of 8, fast", prewarmed=8)
    assert as_strategy("agones(5, name=fleet)").name == "fleet"


def test_each_field_can_be_written() -> None:
    """What a strategy shows of itself stands for it."""
    seen = set[str]()
    for number in range(300):
        strategy = strategy_of(strategy_case_of(number).rule)
        if type(strategy) is not tv.Strategy:  # a hook's code cannot be written
            continue
        assert as_strategy(repr(strategy)) == strategy
        seen |= {field.name for field in fields(strategy) if getattr(strategy, field.name) != field.default}
    for strategy in tv.STRATEGIES.values():
        assert as_strategy(repr(strategy)) == strategy
        seen |= {field.name for field in fields(strategy) if getattr(strategy, field.name) != field.default}
    more = tv.Strategy("more", price=3, holds_back=5, forecast=tv.generate_catalogue(5), prewarmed=2)
    assert as_strategy(repr(more)) == more
    assert {field.name for field in fields(tv.Strategy)} - seen == set()


WRONG = {
    "2c(8)": "the fields of a strategy are given by name, such as prewarmed=8",
    "Strategy('mine')": "the fields of a strategy are given by name, such as prewarmed=8",
    "2c(prewarm=8)": "strategy '2c' has no 'prewarm'; it has name, .*: did you mean prewarmed[?]",
    "Strategy(price=1, headrom=2)": "Strategy has no 'headrom'; it has .*: did you mean headroom[?]",
    "2c(prewarmed=eight)": "prewarmed must be a whole number of at least 0 and .*, not 'eight'",
    "2c(prewarmed=)": "prewarmed must be a whole number of .*, not ''",
    "2c(prewarmed=8,)": "the fields of a strategy are given by name, such as prewarmed=8",
    "2c(prewarmed=8, prewarmed=9)": "prewarmed is given twice",
    "2c(queue_order=later)": "queue_order must be one of 'fifo', 'deadline', 'priority', not 'later'",
    "2c(lead=Lead(encoding=3))": "strategy '2c.*' has a lead=.*",
    "advance(lead=3)": "lead, if not None, must be a tv2sim.Lead, .*, not 3",
    "advance(lead=Lead())": "a lead is given by encoding or timeout or both, .*",
    "advance(lead=Lead(1, 2, 3, 4, 5))": r"'Lead\(1, 2, 3, 4, 5\)' has too many values, .*",
    "advance(lead=Lead(encoding=-1))": "a lead's encoding, if not None, must be .*, not -1",
    "gitlab_runner(Profile([(1, 1)]))": "Profile's steps must begin at 0 .*",
    "3(prewarmed=8)": "a strategy is one of 1, 2a, .*, not '3'",
    "2c:x(prewarmed=8)": "a strategy with another pool is written like 2c:8, not '2c:x'",
    "(prewarmed=8)": "a strategy is one of 1, 2a, .*, not ''",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_in_a_sentence_that_quotes_the_text(text: str) -> None:
    with pytest.raises(tv.StrategyError, match=f"^{re.escape(repr(text))}: {WRONG[text]}$") as caught:
        as_strategy(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["2c(prewarmed=8", "2c(prewarmed=8))", "2c(8)(9)", "2c(name='x)", "2c(1) "])
def test_a_bracket_that_is_not_closed(text: str) -> None:
    message = "^a strategy is written like 2c.prewarmed=8, queue_order=deadline., not "
    if text == "2c(1) ":
        message = "are given by name"
    with pytest.raises(tv.StrategyError, match=message):
        as_strategy(text)


@given(st.text("2c(prewamd=8,Led)[]{}'\":.%1 "))
def test_any_text_is_a_strategy_or_answered(text: str) -> None:
    with suppress(tv.StrategyError):
        assert isinstance(as_strategy(text), tv.Strategy)


# -- wherever a name may stand -------------------------------------------------------------------------------

TEXT = "2c(prewarmed=8, queue_order=deadline)"


def test_the_functions_take_it() -> None:
    catalogue = tv.generate_catalogue(30)
    strategy = as_strategy(TEXT)
    assert tv.simulate(catalogue, TEXT).strategy == strategy
    quiet: Any = {"replications": 2, "progress": False}
    assert tv.replicate(catalogue, TEXT, **quiet).strategy == strategy
    study = tv.compare(catalogue, ["2c", TEXT], baseline=TEXT, **quiet)
    assert list(study.strategies) == ["2c", TEXT]
    assert list(tv.compare(catalogue, TEXT, **quiet).strategies) == [TEXT]
    assert tv.replay(catalogue, TEXT, speed="max").strategy == strategy


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    path = tmp_path / "videos.jsonl"
    path.write_bytes(b"".join(tv.generate_catalogue(30).lines()))
    return path


def test_run_and_engines_take_it(videos: Path) -> None:
    run = tv2sim("run", videos, "--strategy", TEXT)
    assert run.out == f"{tv.simulate(tv.generate_catalogue(30), TEXT).stats}\n"
    assert (
        tv2sim("run", videos, "--strategy", "2c(prewarmed=8)").out
        == tv2sim("run", videos, "--strategy", "2c:8").out
    )
    engines = tv2sim("engines", videos, "--strategies", f"{TEXT},gitlab_runner(idle_count=4, limit=9)")
    assert engines.status == 0
    assert [line.partition(": auto")[0] for line in engines.out.splitlines()] == [
        TEXT, "gitlab_runner(idle_count=4, limit=9)",
    ]  # fmt: skip


def test_replay_takes_it(videos: Path) -> None:
    replayed = tv2sim("replay", videos, "--strategy", TEXT, "--speed", "max", "--log", "none", "--port", "none")
    assert replayed.out == tv2sim("run", videos, "--strategy", TEXT).out


def test_compare_takes_several(videos: Path, tmp_path: Path) -> None:
    several = f"1,{TEXT},agones(20%, minimum=2),Strategy(prewarmed=5, name='five, or more')"
    compare: list[Any] = ["compare", videos, "--strategies", several, "--baseline", "five, or more"]
    table, report = tmp_path / "table.csv", tmp_path / "report.html"
    done = tv2sim(*compare, "--replications", 2, "--out", table, "--report", report)
    assert done.status == 0, done.err
    names = ["1", TEXT, "agones(20%, minimum=2)", "five, or more"]
    assert list(dict.fromkeys(pd.read_csv(table)["strategy"])) == names
    assert shlex.join(map(str, ["tv2sim", *compare, "--replications", "2"])) in html.unescape(
        report.read_text()
    )


def test_compare_says_what_the_baseline_may_be(videos: Path) -> None:
    several = f"{TEXT},Strategy(prewarmed=5, name=five)"
    wrong = tv2sim("compare", videos, "--strategies", several, "--baseline", "2c")
    assert wrong.status == 2
    assert wrong.err == f"tv2sim: --baseline must be one of the strategies, {TEXT}, five, not '2c'\n"


def test_a_wrong_text_ends_the_command_with_one_line(videos: Path) -> None:
    status, out, err = tv2sim("run", videos, "--strategy", "2c(prewarm=8)")
    assert (status, out) == (2, "")
    assert err.startswith("tv2sim: '2c(prewarm=8)': strategy '2c' has no 'prewarm'")
    assert err.count("\n") == 1
