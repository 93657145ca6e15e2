"""Plans: the smallest pool, with tiny systems whose answers are known."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

import tv2sim as tv
from tests.commands import CATALOGUE, tv2sim

EVERY_SECOND = tv.Scenario(requests_per_second=1.0, startup_time=3.0)
WARM = tv.Strategy("warm", prewarmed=1, ready_at_start=True)


def every_second(videos: int = 10, timeout: float = 1.5) -> tv.Catalogue:
    """Return videos that are encoded at 1, 2, 3, ... seconds."""
    return tv.Catalogue([tv.Video(str(n), encoding_time=1, publication_timeout=timeout) for n in range(videos)])


def one_video() -> tv.Catalogue:
    """Return a video that is due 2 s after the start of its encoding, which takes 1 s."""
    return tv.Catalogue([tv.Video("one", encoding_time=1, publication_timeout=2)])


def shown(plan: tv.Plan) -> Any:
    """Return the rows of the table by the value of the field, without the means of NaN."""
    return plan.evaluated.set_index("prewarmed")


# a publisher is away for 3 s, and a video comes every second: three places are enough, two are not


@pytest.mark.parametrize("control", [True, False])
def test_a_pool_of_three_serves_a_video_every_second(control: bool) -> None:
    plan = tv.plan(
        every_second(), WARM, EVERY_SECOND, vary={"prewarmed": range(1, 7)}, target=1.0, control=control
    )
    assert plan.status == "met"
    assert plan.best is not None
    assert plan.best.prewarmed == 3
    assert plan.answer.startswith("prewarmed=3 is the smallest of 1 to 6")
    assert shown(plan)["decision"][3] == "meets"
    assert shown(plan)["decision"][2] == "fails"
    assert plan.replications == plan.evaluated["replications"].sum() == (0 if control else 3)  # one of each


# the publishers of a cold pool of S take 0 to 4 s: the video fails with .5^S


@pytest.mark.parametrize("control", [True, False])
@pytest.mark.parametrize(("target", "size"), [(0.4, 1), (0.7, 2), (0.9, 4), (0.95, 5)])
def test_the_pool_that_is_large_enough_for_one_video(target: float, size: int, control: bool) -> None:
    scenario = tv.Scenario(startup_time="uniform(0, 4)")
    plan = tv.plan(one_video(), "2c", scenario, vary={"prewarmed": range(1, 9)}, target=target, control=control)
    assert plan.best is not None
    assert plan.best.prewarmed == size
    if control:
        assert plan.replications == 0
        assert shown(plan)["ci_low"][size] == pytest.approx(1 - 0.5**size)


def test_no_pool_is_large_enough_for_a_cold_start() -> None:
    scenario = tv.Scenario(startup_time="uniform(0, 4)")
    plan = tv.plan(one_video(), "2c", scenario, vary={"prewarmed": range(1, 9)}, target=0.999)
    assert (plan.status, plan.best, plan.replications) == ("infeasible", None, 0)
    assert "prewarmed from 1 to 8" in plan.answer
    assert "starts cold, and the first video that it serves fails with a probability of 0.0039" in plan.answer


def test_the_command_prints_the_answer_first() -> None:
    given = ["--strategy", "2c", "--target", "0.999", "--vary", "prewarmed=6:20"]
    found = tv2sim("plan", CATALOGUE, *given)
    plan = tv.plan(CATALOGUE, "2c", vary={"prewarmed": range(6, 21)}, target=0.999)
    assert found.status == 0
    assert found.out.splitlines()[0] == plan.answer
    assert plan.answer.startswith(
        "prewarmed=12 is the smallest of 6 to 20 with which 2c publishes at least 99.9 %"
    )
    assert isnan(shown(plan)["on_time_rate"][11])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("prewarmed=6:8", [6, 7, 8]),
        ("prewarmed=6:10:2", [6, 8, 10]),
        ("price=60,240.5", [60, 240.5]),
        ("ready-at-start=0.5:1:0.25", [0.5, 0.75, 1]),
        ("startup_time=uniform(2, 6),3", ["uniform(2, 6)", 3]),
    ],
)
def test_values_are_ranges_or_lists(values: str, expected: list[object]) -> None:
    from tv2sim.cli.values import varied

    assert varied(values) == (values.partition("=")[0].replace("-", "_"), expected)


def test_an_infeasible_target_is_an_answer() -> None:
    found = tv2sim("plan", CATALOGUE, "--vary", "prewarmed=3:8")
    assert found.status == 0
    assert "2c does not publish 99.9 % of the videos in time with any prewarmed from 3 to 8" in found.out
    assert "a pool of 8 just keeps up with 2 requests/s" in found.out
