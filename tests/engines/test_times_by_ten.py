"""All times multiplied by ten, prices too: the same failures, and ten times the idle seconds, run by run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv

CATALOGUE = tv.read_catalogue(Path(__file__).parents[2] / "data" / "catalogue.jsonl")
STRATEGIES = {**tv.STRATEGIES, "coverage 240": tv.STRATEGIES["coverage"].replace(price=240)}
PUBLISHERS = 200
"""More than are started in a run."""


def catalogue_of(times: float, *, first: float | None = None) -> tv.Catalogue:
    """Return the catalogue with its times multiplied; the first video may come later."""
    records: list[dict[str, Any]] = [
        {
            "id": video.id,
            "encodingTime": video.encoding_time * times,
            "publicationTimeout": video.publication_timeout * times,
        }
        for video in CATALOGUE
    ]
    if first is not None:
        records[0]["submittedAt"] = first * times
    return tv.read_catalogue(records)


def strategy_of(strategy: tv.Strategy, times: float) -> tv.Strategy:
    """Return the strategy with its times and prices multiplied."""
    names = ("price", "holds_back", "idle_time_to_live", "review_every")
    changes: dict[str, Any] = {
        name: value * times for name in names if (value := getattr(strategy, name)) is not None
    }
    if strategy.headroom is not None:
        factor, window = strategy.headroom
        changes["headroom"] = (factor, window * times)
    if (lead := strategy.lead) is not None:
        before = {
            name: value * times
            for name in ("encoding", "timeout")
            if (value := getattr(lead, name)) is not None
        }
        changes["lead"] = replace(lead, **before)
    return strategy.replace(**changes)


def figures(
    strategy: tv.Strategy, startup_time: object, replications: int, times: float = 1, **of: Any
) -> tuple[list[int], list[float]]:
    """Return the failed videos and the idle seconds, which are divided again, of each replication."""
    scenario = tv.Scenario(startup_time=startup_time, requests_per_second=2 / times)  # type: ignore[arg-type]
    frame = tv.replicate(
        catalogue_of(times, **of), strategy_of(strategy, times), scenario,
        replications=replications, metrics=["failed", "idle"], progress=False,
    ).frame  # fmt: skip
    return frame["failed"].tolist(), (frame["idle"] / times).tolist()


def check(strategy: tv.Strategy, replications: int) -> None:
    # of a pool that follows the rate, this is taken over at least 1 s, however long everything else takes
    first = None if strategy.headroom is None else 1.0
    failed, idle = figures(strategy, "uniform(2, 6)", replications, first=first)
    slow_failed, slow_idle = figures(strategy, "uniform(20, 60)", replications, 10, first=first)
    assert slow_failed == failed
    # a time that is drawn is rounded to microseconds
    assert slow_idle == pytest.approx(idle, abs=PUBLISHERS * 0.5e-6)
    thousandths, hundredths = (tv.Empirical([times * (2 + i / 1000) for i in range(4001)]) for times in (1, 10))
    failed, idle = figures(strategy, thousandths, replications, first=first)
    slow_failed, slow_idle = figures(strategy, hundredths, replications, 10, first=first)
    assert slow_failed == failed
    assert slow_idle == pytest.approx(idle, rel=1e-15)  # these are sums of ticks


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.full
def test_the_same_failures_and_ten_times_the_idle_seconds(name: str) -> None:
    check(STRATEGIES[name], 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_in_many_replications(name: str) -> None:
    check(STRATEGIES[name], 100)


@pytest.mark.parametrize(
    "strategy",
    [
        tv.Strategy(prewarmed=10, holds_back=100),
        tv.Strategy(price=60, forecast=None, review_every=0.75),
        tv.Strategy(starts_on="encoding_started", prewarmed=4, lead=tv.Lead(encoding=3, timeout=6)),
        tv.Strategy(prewarmed=6, minimum=4, maximum=12, idle_time_to_live=2.5, starts_at_most=3),
    ],
)
def test_other_fields(strategy: tv.Strategy) -> None:
    check(strategy, 3)


def test_a_second_in_the_beginning_does_not_scale() -> None:
    """Two start in the first 0.5 s, and count as two in 1 s; ten times slower, they are two in 5 s."""
    adaptive = tv.STRATEGIES["adaptive"]
    _, idle = figures(adaptive, "uniform(2, 6)", 1)
    _, slow_idle = figures(adaptive, "uniform(20, 60)", 1, 10)
    assert slow_idle[0] > idle[0] + 10
