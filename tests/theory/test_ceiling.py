"""The upper bound of failures under part 2c, against every case of tiny systems and against simulations."""

from __future__ import annotations

import itertools
from heapq import heapify, heapreplace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.sizes import examples
from tv2sim.theory.queueing import failed_at_most, failed_bound

STARTUPS = (1.0, 3.0)
"""Each as likely as the other."""
WORLD = tv.Scenario(requests_per_second=1, startup_time=tv.Empirical(STARTUPS), encoders=100)


def exactly(videos: list[tuple[float, float]], size: int, *, warm: bool) -> float:
    """Return the expected number of failures: the mean over all start-up times of places and of videos."""
    encoded = sorted((n + encoding, n + timeout) for n, (encoding, timeout) in enumerate(videos))
    failed = []
    for drawn in itertools.product(STARTUPS, repeat=size + len(videos)):
        ready = [0.0] * size if warm else list(drawn[:size])
        heapify(ready)
        count = 0
        for (ends, deadline), startup in zip(encoded, drawn[size:], strict=True):
            taken = max(ends, ready[0])
            heapreplace(ready, taken + startup)
            count += taken > deadline
        failed.append(count)
    return float(np.mean(failed))


some_videos = st.lists(
    st.tuples(st.sampled_from([0.5, 1.25, 2.125]), st.sampled_from([0.75, 1.5, 2.5, 4.0])),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=examples(60))
@given(some_videos, st.integers(1, 5), st.booleans())
def test_the_truth_lies_between_the_bounds(videos: list[tuple[float, float]], size: int, warm: bool) -> None:
    catalogue = tv.Catalogue(
        [tv.Video(str(n), encoding_time=e, publication_timeout=t) for n, (e, t) in enumerate(videos)]
    )
    strategy = tv.PART_2C.replace(prewarmed=size, ready_at_start=warm)
    truth = exactly(videos, size, warm=warm)
    assert failed_bound(catalogue, strategy, WORLD).failed <= truth + 1e-12
    assert truth <= failed_at_most(catalogue, strategy, WORLD) + 1e-12


def test_it_is_the_truth_where_no_video_waits() -> None:
    """The deadline of the only video is at 2 s: it fails if all publishers take 3 s."""
    one = tv.Catalogue([tv.Video("a", encoding_time=1, publication_timeout=2)])
    for size in (1, 2, 3):
        assert failed_at_most(one, f"2c:{size}", WORLD) == pytest.approx(0.5**size) == exactly(
            [(1, 2)], size, warm=False
        )  # fmt: skip


def test_it_says_nothing_of_a_pool_that_is_too_small() -> None:
    catalogue = tv.generate_catalogue()
    assert failed_at_most(catalogue, "2c:8") == len(catalogue)


WORLDS = {
    "usual": tv.Scenario(),
    "exponential": tv.Scenario(startup_time="exponential(1.5)", publishing_queue_capacity=None),
    "provisioning": tv.Scenario(startup_time="uniform(1, 2)", provisioning_delay=0.5),
    "publishing": tv.Scenario(
        startup_time="uniform(1, 3)", publishing_time=0.25, publishing_queue_capacity=None
    ),
    "failing": tv.Scenario(
        startup_time="uniform(1, 2)", faults=tv.Faults(startup=0.1), publishing_queue_capacity=None
    ),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("size", [14, 20])
@pytest.mark.full
def test_simulations_fail_no_more_often(world: str, size: int) -> None:
    catalogue, scenario = tv.generate_catalogue(), WORLDS[world]
    reps = tv.replicate(
        catalogue, f"2c:{size}", scenario, replications=2000, metrics=["failed"], progress=False
    )
    assert reps.interval("failed", 0.9999).ci_low <= failed_at_most(catalogue, f"2c:{size}", scenario)


@pytest.mark.parametrize("world", WORLDS)
def test_both_bounds_meet_for_large_pools(world: str) -> None:
    catalogue, scenario = tv.generate_catalogue(), WORLDS[world]
    bound = failed_bound(catalogue, "2c:30", scenario)
    at_least = bound.failed - bound.error * len(catalogue)
    assert at_least <= failed_at_most(catalogue, "2c:30", scenario) <= at_least + 2e-4
