"""The formulas of queues in the long run, against tables, each other, chains solved by hand, and recursions."""

from __future__ import annotations

from heapq import heapreplace
from itertools import pairwise
from math import exp, factorial, inf, isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tv2sim as tv
from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.theory import queueing
from tv2sim.world.distributions import mean_of_least, mean_over, squared_variation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# -- Erlang --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("servers", "load", "lost"),
    [
        (1, 0.0101, 0.01), (5, 1.361, 0.01), (10, 4.461, 0.01), (20, 12.031, 0.01), (50, 37.901, 0.01),
        (100, 84.064, 0.01), (10, 5.084, 0.02), (50, 40.255, 0.02),
    ],
)  # fmt: skip
def test_erlang_b_is_as_in_the_tables(servers: int, load: float, lost: float) -> None:
    assert queueing.erlang_b(servers, load) == pytest.approx(lost, abs=2e-5)


@given(st.integers(0, 30), st.floats(0, 40))
def test_erlang_b_is_the_last_of_the_states(servers: int, load: float) -> None:
    states = [load**n / factorial(n) for n in range(servers + 1)]
    assert queueing.erlang_b(servers, load) == pytest.approx(states[-1] / sum(states))


@pytest.mark.parametrize(("servers", "load", "wait"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9)])
def test_erlang_c_of_few_servers_by_hand(servers: int, load: float, wait: float) -> None:
    assert queueing.erlang_c(servers, load) == pytest.approx(wait)


def test_the_wait_of_one_server_is_that_of_mm1() -> None:
    """P(W > t) = rho exp(-(mu - lambda) t), and the mean is rho / (mu - lambda)."""
    wait = queueing.mms_wait(arrival_rate=0.5, service_time=1.0, servers=1)
    assert wait == pytest.approx((0.5, 1.0))
    assert wait.mean_of_waiting == pytest.approx(2.0)
    assert wait.longer_than(3.0) == pytest.approx(0.5 * exp(-1.5))
    assert wait.longer_than(0) == wait.probability


def test_the_figures_of_a_pool_of_ten() -> None:
    wait = queueing.mms_wait(2.0, 4.0, 10)
    assert (round(wait.probability, 4), round(wait.mean, 3)) == (0.4092, 0.818)
    assert round(queueing.allen_cunneen(2.0, tv.Uniform(2, 6), 10), 3) == 0.443
    assert round(queueing.gi_m_s(0.5, 4.0, 10).mean, 3) == 0.242


# -- GI/M/c ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [1, 2, 9, 10, 40])
@pytest.mark.parametrize("load", [0.3, 0.8, 0.9999])
def test_with_poisson_arrivals_it_is_mmc(servers: int, load: float) -> None:
    """Also where a load is a whole number, so that a ratio of the formula is 0 / 0."""
    rate = 2.0
    service = load * servers / rate
    found = queueing.gi_m_s(tv.Exponential(1 / rate), service, servers)
    assert found == pytest.approx(queueing.mms_wait(rate, service, servers), rel=1e-6)


def test_the_root_of_d_m_1() -> None:
    """The equation x = exp(-2 (1 - x)) has the root .2032."""
    found = queueing.gi_m_s(1.0, 0.5, 1)
    assert found.probability == pytest.approx(exp(-2 * (1 - found.probability)))
    assert found.probability == pytest.approx(0.2032, abs=5e-5)
    assert found.mean == pytest.approx(found.probability / (1 - found.probability) * 0.5)


def in_two_phases(servers: int, rate: float, service: float) -> tuple[float, float]:
    """Return the share that waits and the mean wait of E2/M/c, from its chain of (number, phase)."""
    most = 150
    flow = np.zeros((2 * (most + 1), 2 * (most + 1)))
    for jobs in range(most + 1):
        for phase in range(2):
            here = 2 * jobs + phase
            ways = [(2 * rate, here + 1)] if here + 1 < len(flow) else []
            ways += [(min(jobs, servers) / service, here - 2)] if jobs else []
            for at, there in ways:
                flow[here, there] += at
                flow[here, here] -= at
    flow[:, 0] = 1
    shares = np.linalg.solve(flow.T, np.eye(len(flow))[0]).reshape(-1, 2)
    seen = shares[:, 1] / shares[:, 1].sum()  # by arrivals, which end the second phase
    ahead = np.maximum(np.arange(most + 1) - servers + 1, 0)
    return float(seen[servers:].sum()), float(seen @ ahead * service / servers)


@pytest.mark.parametrize(("servers", "service"), [(1, 0.4), (3, 1.2), (10, 4.0), (10, 4.4)])
def test_with_two_phases_between_arrivals_it_is_what_the_chain_says(servers: int, service: float) -> None:
    found = queueing.gi_m_s(tv.Gamma(2, 0.25), service, servers)
    assert found == pytest.approx(in_two_phases(servers, 2.0, service), rel=1e-6)


def test_servers_that_are_never_busy_all_at_once() -> None:
    assert queueing.gi_m_s(1.0, 1.0, 1000) == (0.0, 0.0)
    assert queueing.Wait(0.0, 0.0).longer_than(1) == queueing.Wait(0.0, 0.0).mean_of_waiting == 0


# -- Allen and Cunneen -----------------------------------------------------------------------------------------


def test_allen_cunneen_is_exact_for_mmc_and_for_mg1() -> None:
    """Pollaczek and Khinchin: the mean wait of M/G/1 is rho E[S] (1 + c^2) / (2 (1 - rho))."""
    assert queueing.allen_cunneen(2.0, "exponential(4)", 10) == pytest.approx(
        queueing.mms_wait(2.0, 4.0, 10).mean
    )
    assert queueing.allen_cunneen(0.15, "uniform(2, 6)", 1) == pytest.approx(0.6 * 4 * (1 + 1 / 12) / 0.8)
    assert queueing.allen_cunneen(0.15, 4.0, 1, arrivals_scv=0.0) == 0


# -- Palm ------------------------------------------------------------------------------------------------------


def test_palms_mean_number() -> None:
    assert queueing.palm(2.0, "uniform(2, 6)") == 8
    assert queueing.palm(2.0, tv.Exponential(3), time=3.0) == pytest.approx(6 * (1 - exp(-1)))
    assert queueing.palm(2.0, 4.0, time=1.0) == pytest.approx(2.0)
    assert queueing.palm(2.0, 4.0, time=1e6) == pytest.approx(8.0)
    assert queueing.palm(2.0, 4.0, time=0) == 0


STEPS = ((0, 1.0), (10, 4.0), (20, 0.0), (25, 2.0))


@pytest.mark.parametrize("time", [3.0, 10.0, 22.5, 40.0, 57.3, 119.0])
@pytest.mark.parametrize("service", [tv.Uniform(2, 6), tv.Exponential(3), tv.Empirical([1, 4, 20])], ids=str)
def test_palms_number_under_a_rate_that_changes(time: float, service: tv.Distribution) -> None:
    """The integral of rate(t - u) P(S > u), by the midpoints of small steps."""
    step = 1e-3
    u = np.arange(step / 2, time, step)
    begins, rates = np.array(STEPS).T
    rate = rates[np.searchsorted(begins, (time - u) % 40, side="right") - 1]
    expected = float((rate * (1 - service.cdf(u))).sum() * step)
    assert queueing.palm(tv.Profile(STEPS, period=40), service, time) == pytest.approx(expected, abs=5e-3)


def test_a_profile_that_does_not_change_is_a_number() -> None:
    for time in (2.0, 7.0):
        expected = queueing.palm(3.0, tv.Gamma(2, 2), time)
        assert queueing.palm(tv.Profile([(0, 3.0)]), tv.Gamma(2, 2), time) == pytest.approx(expected)


# -- Kiefer and Wolfowitz --------------------------------------------------------------------------------------


def by_heap(arrivals: list[float], services: list[float], free: list[float]) -> list[float]:
    """Return the waits, one arrival after the other."""
    free, waits = sorted(free), []
    for time, service in zip(arrivals, services, strict=True):
        begun = max(time, free[0])
        waits.append(begun - time)
        heapreplace(free, begun + service)
    return waits


@given(st.data())
def test_each_wait_is_that_of_a_program_with_a_heap(data: Any) -> None:
    times = st.integers(0, 20).map(float)
    servers, count, rows = (data.draw(st.integers(1, most)) for most in (4, 12, 3))
    several = data.draw(st.lists(st.lists(times, min_size=count, max_size=count), min_size=rows, max_size=rows))
    free = data.draw(st.lists(times, min_size=servers, max_size=servers))
    arrivals = sorted(data.draw(st.lists(times, min_size=count, max_size=count)))
    found = queueing.kiefer_wolfowitz(arrivals, several, servers, free)
    assert found.tolist() == [by_heap(arrivals, services, free) for services in several]


def startups(replication: int, count: int, purpose: Purpose) -> NDArray[np.float64]:
    return tv.Uniform(2, 6).quantile(uniforms(1, purpose, replication, count))


@pytest.mark.parametrize("size", [7, 10])
def test_the_waits_of_part_2c_are_those_of_the_queue(size: int) -> None:
    """A place of the pool is a server, a start-up a service; to the microsecond."""
    catalogue = tv.generate_catalogue()
    for replication in range(3):
        run = tv.simulate(catalogue, f"2c:{size}", replication=replication)
        videos = run.videos.sort_values("encoded", kind="stable")
        waits = queueing.kiefer_wolfowitz(
            videos["encoded"],
            startups(replication, len(catalogue), Purpose.STARTUP_FOR_VIDEO)[videos.index],
            size,
            startups(replication, size, Purpose.STARTUP_OF_SLOT),
        )
        assert waits.max() > 1
        assert waits == pytest.approx((videos["assigned"] - videos["encoded"]).to_numpy(), abs=2e-4)


@pytest.mark.parametrize(
    ("service", "servers", "expected"),
    [
        (tv.Exponential(0.9), 3, lambda: queueing.mms_wait(2.0, 0.9, 3)),
        (tv.Uniform(0, 0.6), 1, lambda: (None, queueing.allen_cunneen(2.0, tv.Uniform(0, 0.6), 1))),
    ],
    ids=["M/M/3", "M/G/1"],
)
def test_its_means_are_those_of_the_formulas(
    service: tv.Distribution, servers: int, expected: Callable[[], tuple[float | None, float]]
) -> None:
    rng = np.random.default_rng(1)
    arrivals = np.cumsum(rng.exponential(0.5, (60, 4000)), axis=1)
    waits = queueing.kiefer_wolfowitz(arrivals, service.quantile(rng.random(arrivals.shape)), servers)[:, 500:]
    for values, theory in zip(((waits > 0).mean(axis=1), waits.mean(axis=1)), expected(), strict=True):
        if theory is not None:
            error = values.std(ddof=1) / len(values) ** 0.5
            assert abs(values.mean() - theory) <= 3 * error
            assert abs(values.mean() - 1.15 * theory) > 3 * error


# -- the index of dispersion -----------------------------------------------------------------------------------


def test_the_index_of_dispersion_by_hand() -> None:
    """Pairs at 0, 2, 4 and 6: a window of 1 s that begins in [0, 5] holds 2 for 2 s and 0 for 3 s."""
    assert queueing.index_of_dispersion([0, 0, 2, 2, 4, 4, 6, 6], 1.0) == pytest.approx(0.96 / 0.8)
    assert queueing.index_of_dispersion(np.arange(50.0), 3.0) == 0
    three = 23 / 46.5  # the share of the time in which it holds 3, not 2
    expected = three * (1 - three) / (2 + three)
    assert queueing.index_of_dispersion(np.arange(50.0), 2.5) == pytest.approx(expected)
    assert isnan(queueing.index_of_dispersion([0, 1, 2], 2.0))
    assert isnan(queueing.index_of_dispersion([], 2.0))


def test_the_index_of_a_poisson_process_is_one() -> None:
    times = np.cumsum(np.random.default_rng(1).exponential(0.5, 40_000))
    assert queueing.index_of_dispersion(times, 4.0) == pytest.approx(1, abs=0.05)


# -- means over distributions ----------------------------------------------------------------------------------

VARIATIONS = (
    (tv.Constant(4), 0.0), (tv.Uniform(2, 6), 1 / 12), (tv.Exponential(3), 1.0), (tv.Gamma(0.3, 2), 1 / 0.3),
    (tv.LogNormal(4, 0.5), exp(0.25) - 1), (tv.Empirical([2, 4, 9]), 26 / 75), (tv.Constant(0), 0.0),
)  # fmt: skip


@pytest.mark.parametrize(("distribution", "expected"), VARIATIONS, ids=lambda value: str(value))
def test_squared_coefficients_of_variation(distribution: tv.Distribution, expected: float) -> None:
    assert squared_variation(distribution) == pytest.approx(expected)
    assert mean_over(distribution, lambda times: times) == pytest.approx(distribution.mean)


def test_the_mean_of_the_lesser_time() -> None:
    assert mean_of_least(tv.Uniform(2, 6), 4.0) == pytest.approx(3.5)  # half of them are 3 on average, half 4
    assert mean_of_least(tv.Exponential(2), 3.0) == pytest.approx(2 * (1 - exp(-1.5)))
    assert mean_of_least(tv.Empirical([2, 4, 9]), 5.0) == pytest.approx(11 / 3)
    assert mean_of_least(tv.Uniform(2, 6), -1.0) == 0


# -- what is refused -------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "erlang_b: servers": (lambda: queueing.erlang_b(2.5, 1), "servers must be a whole number"),  # type: ignore[arg-type]
    "erlang_b: load": (lambda: queueing.erlang_b(2, -1), "load must be a finite number of at least 0, not -1"),
    "erlang_c": (lambda: queueing.erlang_c(8, 8.0), "8 servers cannot keep up with a load of 8: "),
    "erlang_c: none": (lambda: queueing.erlang_c(0, 0.0), "servers must be a whole number of at least 1"),
    "erlang_c: one": (lambda: queueing.erlang_c(1, 1.0), "1 server cannot keep up with a load of 1: "),
    "mms_wait": (lambda: queueing.mms_wait(2.0, 4.0, 7), "7 servers cannot keep up with a load of 8: "),
    "mms_wait: rate": (lambda: queueing.mms_wait(0, 4.0, 7), "arrival_rate must be a finite number greater"),
    "longer_than": (lambda: queueing.Wait(0.5, 1).longer_than(-1), "time must be a finite number of at least"),
    "gi_m_s": (lambda: queueing.gi_m_s(0.5, 4.0, 8), "8 servers cannot keep up"),
    "gi_m_s: times": (lambda: queueing.gi_m_s("sometimes", 4.0, 8), "interarrival_time must be a number"),
    "gi_m_s: at once": (lambda: queueing.gi_m_s(0, 4.0, 8), "the mean of interarrival_time must be"),
    "allen_cunneen": (lambda: queueing.allen_cunneen(2, 4.0, 8), "8 servers cannot keep up"),
    "allen_cunneen: scv": (lambda: queueing.allen_cunneen(2, 4.0, 9, -1), "arrivals_scv must be a finite"),
    "palm": (lambda: queueing.palm(tv.Profile(STEPS), 4.0), "changes, so a time is needed"),
    "palm: time": (lambda: queueing.palm(2.0, 4.0, time=-1), "time must be a finite number of at least 0"),
    "waits: order": (lambda: queueing.kiefer_wolfowitz([2, 1], [1, 1], 1), "must be in ascending order"),
    "waits: times": (lambda: queueing.kiefer_wolfowitz([1, inf], [1, 1], 1), "arrivals must be times"),
    "waits: text": (lambda: queueing.kiefer_wolfowitz([1, 2], "x", 1), "service_times must be times"),
    "waits: shapes": (lambda: queueing.kiefer_wolfowitz([1, 2], [1, 2, 3], 1), "do not fit together"),
    "waits: servers": (lambda: queueing.kiefer_wolfowitz([1, 2], [1, 2], 2, [1, 2, 3]), "do not fit together"),
    "index: order": (lambda: queueing.index_of_dispersion([2, 1], 1), "times must be in ascending order"),
    "index: window": (lambda: queueing.index_of_dispersion([1, 2], 0), "window must be a finite number"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    call, sentence = REFUSED[name]
    with pytest.raises(tv.InputError) as caught:
        call()
    assert sentence in str(caught.value)


MEAN_WAITS: list[Callable[[int, float], float]] = [
    lambda servers, load: queueing.mms_wait(load / 4, 4.0, servers).mean,
    lambda servers, load: queueing.gi_m_s(4 / load, 4.0, servers).mean,
    lambda servers, load: queueing.allen_cunneen(load / 4, "uniform(2, 6)", servers),
]


@pytest.mark.parametrize("wait", MEAN_WAITS)
def test_more_servers_wait_less_and_more_load_waits_more(wait: Callable[[int, float], float]) -> None:
    assert all(one > other for one, other in pairwise(wait(servers, 8.0) for servers in range(9, 15)))
    assert all(one < other for one, other in pairwise(wait(10, load) for load in (6.0, 7.5, 9.0)))


def test_the_names_are_those_of_the_module() -> None:
    assert set(dir(queueing)) == set(queueing.__all__)
    assert tv.queueing is queueing
