"""The means over many replications, against what probability theory and the original system say.

With a uniform start-up time, video i is published in parts 1 and 2b if its start-up time is at most
timeout - encoding time, in part 2a if it is at most the timeout, and never if the encoding alone takes longer.
So the expected number of published videos is a sum of values of the distribution function.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.stats

import tv2sim as tv
from tv2sim.engines.choice import simulate_chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

REPOSITORY = Path(__file__).parents[2]
REAL = REPOSITORY.parent / "shared" / "data" / "tv2-video-metadata-ingest.txt"
SHIPPED = REPOSITORY / "data" / "catalogue.jsonl"

EXACT = {"1": 62.25, "2b": 62.25, "2a": 128.0}
SEED = 1

catalogues = pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            REAL, id="real", marks=pytest.mark.skipif(not REAL.exists(), reason="the real catalogue is absent")
        ),
        pytest.param(SHIPPED, id="shipped"),
    ],
)
real = pytest.mark.skipif(not REAL.exists(), reason="the real catalogue is absent")
replications = pytest.mark.parametrize("replications", [200, pytest.param(1000, marks=pytest.mark.slow)])


@cache
def catalogue(path: Path) -> tv.Catalogue:
    return tv.read_catalogue(path)


@cache
def published(path: Path, part: str, encoders: int, replications: int) -> NDArray[np.int64]:
    """Count the videos published in time, in each replication."""
    videos, strategy, scenario = catalogue(path), tv.STRATEGIES[part], tv.Scenario(encoders=encoders)
    counts = []
    for facts in simulate_chunk("simpy", videos, strategy, scenario, SEED, range(replications)):
        assert facts.ending == "completed"
        assert len(facts.publishers["started"]) == len(videos) + strategy.prewarmed
        counts.append(np.count_nonzero(facts.elapsed / 1e6 <= videos.publication_timeout))
    return np.array(counts)


def check_mean(counts: NDArray[np.int64], expected: float) -> None:
    """Hold the mean within 3 standard errors of what is expected."""
    standard_error = counts.std(ddof=1) / np.sqrt(len(counts))
    assert 0 < standard_error < 0.5
    assert abs(counts.mean() - expected) <= 3 * standard_error


@catalogues
def test_the_exact_expectations(path: Path) -> None:
    """The sums themselves, from the catalogue and the distribution function of U(2, 6)."""
    videos = catalogue(path)
    assert (len(videos), len(videos.rejected)) == (154, 0)
    startup_time = scipy.stats.uniform(2, 4)
    slack = videos.publication_timeout - videos.encoding_time
    assert startup_time.cdf(slack).sum() == EXACT["1"]
    in_time = np.where(slack < 0, 0, startup_time.cdf(videos.publication_timeout))
    assert in_time.sum() == EXACT["2a"]


@catalogues
@replications
@pytest.mark.parametrize("part", EXACT)
@pytest.mark.full
def test_parts_with_an_exact_expectation(path: Path, part: str, replications: int) -> None:
    check_mean(published(path, part, 10, replications), EXACT[part])


@catalogues
@replications
@pytest.mark.parametrize("part", EXACT)
@pytest.mark.full
def test_with_5_encoders_they_keep_it(path: Path, part: str, replications: int) -> None:
    """The client is held back, but timeouts count from the start of the encoding."""
    with_5 = published(path, part, 5, replications)
    check_mean(with_5, EXACT[part])
    assert with_5.tolist() == published(path, part, 10, replications).tolist()


@catalogues
@replications
def test_parts_1_and_2b_are_the_same(path: Path, replications: int) -> None:
    part_1 = published(path, "1", 10, replications)
    assert part_1.tolist() == published(path, "2b", 10, replications).tolist()


@catalogues
def test_the_spread_of_part_1_is_that_of_independent_videos(path: Path) -> None:
    """Each video is a coin of its own: the variance is the sum of p (1 - p)."""
    videos = catalogue(path)
    p = scipy.stats.uniform(2, 4).cdf(videos.publication_timeout - videos.encoding_time)
    counts = published(path, "1", 10, 200)
    ratio = (len(counts) - 1) * counts.var(ddof=1) / (p * (1 - p)).sum()
    assert 1e-3 < scipy.stats.chi2.cdf(ratio, len(counts) - 1) < 1 - 1e-3


@real
@replications
@pytest.mark.parametrize(("encoders", "expected"), [(10, 152.37), (5, 153.98)])
@pytest.mark.full
def test_part_2c_on_the_real_catalogue(encoders: int, expected: float, replications: int) -> None:
    check_mean(published(REAL, "2c", encoders, replications), expected)


@replications
def test_part_2c_on_the_shipped_catalogue(replications: int) -> None:
    assert 152.1 <= published(SHIPPED, "2c", 10, replications).mean() <= 152.6


@replications
def test_part_2c_on_the_shipped_catalogue_with_5_encoders_is_nearly_perfect(replications: int) -> None:
    counts = published(SHIPPED, "2c", 5, replications)
    assert 153.9 <= counts.mean() <= 154


@catalogues
def test_part_2c_starts_164_publishers(path: Path) -> None:
    for replication in range(5):
        run = tv.simulate(catalogue(path), "2c", seed=SEED, replication=replication)
        assert len(run.publishers) == run.summary["publishers_started"] == 164
        assert run.summary["publishers_wasted"] == 10
        assert run.publishers["cause"].isna().sum() == 10


@real
def test_what_was_measured_on_the_original_is_nothing_unusual() -> None:
    """Published of 154 in its runs: each within 4 standard deviations of the replications here."""
    measured = {"1": (54, 66, 61), "2a": (128, 126, 123), "2b": (63, 59), "2c": (154, 153, 153, 151)}
    for part, numbers in measured.items():
        counts = published(REAL, part, 10, 200)
        for number in numbers:
            assert abs(number - counts.mean()) <= 4 * counts.std(ddof=1)


@pytest.mark.slow
@catalogues
def test_part_2c_beats_the_others_in_every_replication(path: Path) -> None:
    best = published(path, "2c", 10, 1000)
    for part in EXACT:
        assert (published(path, part, 10, 1000) < best).all()
