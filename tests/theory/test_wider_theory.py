"""Exact theory of the wider world: each figure within three standard errors of it, at fixed seeds.

A queue with c servers is built in two ways: as publishers, of which at most c exist, that start up at once and
are busy for the service time; and as encoders, whose factor is the service time.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tv2sim as tv
from tv2sim.base.random_numbers import Purpose, uniforms

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

pytestmark = pytest.mark.full

DEDICATED = tv.Strategy("own", starts_on="encoding_started", dedicated=True)


def jobs(count: int) -> tv.Catalogue:
    """Return jobs that take 1 s to encode and may take for ever."""
    return tv.Catalogue(tv.Video(f"j{row}", encoding_time=1, publication_timeout=1e6) for row in range(count))


def within(found: NDArray[np.float64] | list[float], expected: float, errors: float = 3) -> bool:
    """Tell whether the mean of independent values is as expected, within so many standard errors."""
    values = np.asarray(found, np.float64)
    return bool(abs(values.mean() - expected) <= errors * values.std(ddof=1) / len(values) ** 0.5)


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that find all servers busy and are lost (Erlang 1917)."""
    return (load**servers / factorial(servers)) / sum(load**n / factorial(n) for n in range(servers + 1))


def erlang_c(servers: int, load: float) -> float:
    """Return the share of arrivals that have to wait (Erlang 1917)."""
    blocked = erlang_b(servers, load)
    return blocked / (1 - load / servers * (1 - blocked))


def arrivals(seed: int, replication: int, count: int, rate: float) -> NDArray[np.float64]:
    """Return the arrivals of a Poisson process as the library draws them."""
    pauses = tv.Exponential(1).quantile(uniforms(seed, Purpose.PAUSE, replication, count)) / rate
    return np.asarray(np.cumsum(pauses))


# -- start-ups that fail -------------------------------------------------------------------------------------


def irwin_hall(count: int, x: float) -> float:
    """Return the probability that the sum of so many uniform numbers is at most x (Irwin 1927, Hall 1927)."""
    x = min(max(x, 0.0), float(count))
    return sum((-1.0) ** k * comb(count, k) * (x - k) ** count for k in range(int(x) + 1)) / factorial(count)


@pytest.mark.parametrize("noticed_after", [0, 0.7])
def test_part_1_with_start_ups_that_fail(noticed_after: float) -> None:
    """A video is in time if the start-ups up to the first one that succeeds fit into its slack."""
    catalogue, fails = tv.generate_catalogue(), 0.3
    expected = sum(
        (1 - fails) * fails ** (k - 1) * irwin_hall(k, (video.slack - (k - 1) * noticed_after - 2 * k) / 4)
        for video in catalogue
        for k in range(1, 12)
    )
    world = tv.Scenario(faults=tv.Faults(startup=fails, noticed_after=noticed_after))
    reps = tv.replicate(catalogue, "1", world, replications=150, metrics=["published"])
    assert within(reps.values("published"), expected)
    assert not within(reps.values("published"), expected + 1)


# -- queues ----------------------------------------------------------------------------------------------------

SERVERS, RATE, SERVICE = 3, 2.0, 1.2
LOAD = RATE * SERVICE


@pytest.fixture(scope="module")
def waits() -> list[NDArray[np.float64]]:
    """Return the waits of jobs in M/M/3, one array a replication, without the first 300."""
    world = tv.Scenario(
        encoders=None, arrivals="poisson", requests_per_second=RATE, startup_time=0,
        publishing_time=tv.Exponential(SERVICE), max_publishers=SERVERS,
    )  # fmt: skip
    catalogue = jobs(2000)
    runs = (tv.simulate(catalogue, DEDICATED, world, replication=r) for r in range(30))
    return [(run.videos["assigned"] - run.videos["encoded"]).to_numpy()[300:] for run in runs]


def test_erlang_c(waits: list[NDArray[np.float64]]) -> None:
    assert within([float((each > 0).mean()) for each in waits], erlang_c(SERVERS, LOAD))


def test_the_mean_wait(waits: list[NDArray[np.float64]]) -> None:
    expected = erlang_c(SERVERS, LOAD) * SERVICE / (SERVERS - LOAD)
    assert within([each.mean() for each in waits], expected)
    assert not within([each.mean() for each in waits], 1.25 * expected)


def test_erlang_b() -> None:
    """Encoders that refuse at once, and a client that never comes again."""
    world = tv.Scenario(
        encoders=SERVERS, arrivals="poisson", requests_per_second=RATE, startup_time=0,
        encoding_factor=tv.Exponential(SERVICE), hand_over=tv.RetryLater(after=1, attempts=1),
    )  # fmt: skip
    catalogue = jobs(1500)
    runs = (tv.simulate(catalogue, DEDICATED, world, replication=r) for r in range(30))
    refused = [float((run.videos["outcome"] == "refused")[100:].mean()) for run in runs]
    assert within(refused, erlang_b(SERVERS, LOAD))
    assert not within(refused, 1.05 * erlang_b(SERVERS, LOAD))


def test_encoders_that_break_down() -> None:
    """M/M/2, servers of which break down and are repaired, busy or not (Mitrany and Avi-Itzhak 1968)."""
    rate, service, lives, repair, count = 1.1, 1.0, 4.0, 0.5, 1500
    world = tv.Scenario(
        encoders=2, arrivals="poisson", requests_per_second=rate, encoding_factor=tv.Exponential(service),
        startup_time=0,
        faults=tv.Faults(encoder_lifetime=tv.Exponential(lives), encoder_repair=tv.Exponential(repair)),
    )  # fmt: skip
    expected = in_system_with_breakdowns(2, rate, 1 / service, 1 / lives, 1 / repair) / rate
    found = []
    catalogue = jobs(count)
    for replication in range(30):
        run = tv.simulate(catalogue, DEDICATED, world, replication=replication)
        found.append(float((run.videos["encoded"] - arrivals(1, replication, count, rate))[200:].mean()))
    assert within(found, expected)
    assert not within(found, 1.3 * expected)


@cache
def in_system_with_breakdowns(servers: int, arrive: float, serve: float, die: float, repair: float) -> float:
    """Return the mean number in the system, from the chain of (number in it, servers that are up)."""
    most = 200
    size = (most + 1) * (servers + 1)
    flow = np.zeros((size, size))

    def place(jobs: int, up: int) -> int:
        return jobs * (servers + 1) + up

    for jobs in range(most + 1):
        for up in range(servers + 1):
            here = place(jobs, up)
            for rate, there in (
                (arrive, place(jobs + 1, up) if jobs < most else here),
                (serve * min(jobs, up), place(jobs - 1, up)),
                (die * up, place(jobs, up - 1)),
                (repair * (servers - up), place(jobs, up + 1)),
            ):
                if rate and there != here:
                    flow[here, there] += rate
                    flow[here, here] -= rate
    flow[:, 0] = 1  # in place of one balance equation: the shares add up to 1
    shares = np.linalg.solve(flow.T, np.eye(size)[0])
    return float(sum(shares[place(jobs, up)] * jobs for jobs in range(most + 1) for up in range(servers + 1)))


# -- arrivals under a profile ----------------------------------------------------------------------------------

STEPS = ((0, 1.0), (10, 4.0), (20, 0.0), (25, 2.0))
PERIOD = 40.0


def rate_at(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rate of the profile at each time."""
    starts, rates = np.array(STEPS).T
    return np.asarray(rates[np.searchsorted(starts, time % PERIOD, side="right") - 1])


@pytest.fixture(scope="module")
def runs_of_profile() -> list[tv.Run]:
    """Return runs of M(t)/G/infinity to the time 70: start-ups of U(2, 6) and Gamma services."""
    world = tv.Scenario(
        encoders=None, arrivals="poisson", requests_per_second=tv.Profile(STEPS, PERIOD), until=70,
        publishing_time=tv.Gamma(2, 3),
    )  # fmt: skip
    catalogue = jobs(400)
    return [tv.simulate(catalogue, DEDICATED, world, replication=r) for r in range(200)]


def test_poisson_counts_under_a_profile(runs_of_profile: list[tv.Run]) -> None:
    """Counts of the pieces are Poisson and independent: mean, variance and covariance."""
    edges = [0, 10, 20, 25, 40, 50, 60, 65, 70]
    counts = np.array([np.histogram(run.videos["offered"].dropna(), edges)[0] for run in runs_of_profile])
    expected = np.array([10, 40, 0, 30, 10, 40, 0, 10])
    n = len(counts)
    for column, mean in zip(counts.T, expected, strict=True):
        assert abs(column.mean() - mean) <= 3 * (mean / n) ** 0.5
        assert abs(column.var(ddof=1) - mean) <= 3 * ((mean + 2 * mean**2) / n) ** 0.5
    covariance = np.cov(counts[:, 0], counts[:, 1])[0, 1]
    assert abs(covariance) <= 3 * (10 * 40 / n) ** 0.5


def test_publishers_at_the_peak(runs_of_profile: list[tv.Run]) -> None:
    """In M(t)/G/infinity their number is Poisson with mean integral of rate(t - u) P(S > u) (Palm 1943)."""

    def lives_longer(u: NDArray[np.float64]) -> NDArray[np.float64]:
        startup = tv.Uniform(2, 6).quantile((np.arange(200) + 0.5) / 200)
        return np.asarray(1 - tv.Gamma(2, 3).cdf(u[:, None] - startup).mean(axis=1))

    step = 0.02
    u = np.arange(step / 2, 70, step)
    left = lives_longer(u)
    mean = {time: float((rate_at(time - u[u < time]) * left[u < time]).sum() * step) for time in range(1, 71)}
    peak = max(mean, key=lambda time: mean[time])
    assert 15 < peak % PERIOD < 25  # it lags behind the rate
    for time in (5, peak, 70):
        alive = [
            float(((run.publishers["started"] <= time) & ~(run.publishers["ended"] <= time)).sum())
            for run in runs_of_profile
        ]
        assert within(alive, mean[time])
        assert (
            abs(np.var(alive, ddof=1) - mean[time])
            <= 3 * ((mean[time] + 2 * mean[time] ** 2) / len(alive)) ** 0.5
        )


# -- common random numbers -------------------------------------------------------------------------------------


def draws_of(run: tv.Run) -> dict[Any, Any]:
    """Return what a run shows of its draws, by (what, entity, how many of the same came before)."""
    found: dict[Any, Any] = {}
    publishers = run.publishers.astype({"cause": float, "video": float})
    failed = set(run.attempts.loc[run.attempts["kind"] == "startup", "publisher"])
    lost = publishers["publisher"].isin(failed)
    up = publishers["ended"].where(lost, publishers["ready"]) - publishers["started"]
    for kind, values in (("startup", up.round(6)), ("startup fails", lost.where(up.notna()))):
        found |= numbered(kind, publishers["cause"], values)
    publishers = publishers.sort_values("assigned", kind="stable")
    took = (publishers["ended"] - publishers["assigned"]).round(6)
    fails = (publishers["outcome"] == "failed").where(took.notna())
    for kind, values in (("publishing", took), ("publishing fails", fails)):
        found |= numbered(kind, publishers["video"], values)
    return found


def numbered(kind: str, entities: pd.Series[float], values: pd.Series[Any]) -> dict[Any, Any]:
    """Return the values that are known, by kind, entity, and number among those of the same entity."""
    numbers = entities.groupby(entities).cumcount()
    keys = zip([kind] * len(entities), entities, numbers, strict=True)
    known = (values.notna() & entities.notna()).tolist()
    return {key: value for key, value, there in zip(keys, values, known, strict=True) if there}


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "start-ups": lambda: {"startup": 0.3},
    "lifetimes": lambda: {"ready_lifetime": tv.Exponential(8)},
    "publishing": lambda: {"publishing": 0.3},
    "encoders": lambda: {"encoder_lifetime": tv.Exponential(20), "encoder_repair": tv.Uniform(1, 2)},
}


@pytest.mark.parametrize("strategy", ["1", "2a", "2b"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_of_one_kind_moves_no_draw_of_another(kind: str, strategy: str) -> None:
    catalogue = tv.generate_catalogue(60, seed=3)
    others = {name: value for other in KINDS if other != kind for name, value in KINDS[other]().items()}
    for seed in range(5):
        worlds = [
            tv.Scenario(publishing_time=tv.Exponential(2), faults=tv.Faults(**others | more))
            for more in ({}, KINDS[kind]())
        ]
        before, after = (draws_of(tv.simulate(catalogue, strategy, world, seed=seed)) for world in worlds)
        ignored = {"start-ups": "startup fails", "publishing": "publishing fails"}.get(kind)
        shared = [key for key in before.keys() & after.keys() if key[0] != ignored]
        assert len(shared) > 150
        assert all(before[key] == after[key] for key in shared)


def test_strategies_meet_the_same_failures() -> None:
    catalogue = tv.generate_catalogue(60, seed=3)
    faults = tv.Faults(**{name: value for kind in KINDS.values() for name, value in kind().items()})
    world = tv.Scenario(publishing_time=tv.Exponential(2), faults=faults)
    for seed in range(5):
        one, *others = (
            draws_of(tv.simulate(catalogue, part, world, seed=seed)) for part in ("1", "2a", "2b", "2c")
        )
        for other in others:
            shared = one.keys() & other.keys()
            assert len(shared) > 100
            assert all(one[key] == other[key] for key in shared)
            assert any(one[key] for key in shared if key[0] == "startup fails")
