"""What the coverage rule reaches on a catalogue: ``python -m tests.benchmarks.coverage_rule CATALOGUE``.

A small simulator of the default world, which decides at the end of each instant: failed videos and idle
publisher-seconds for several prices, and the time that a decision and a run take.
"""

from __future__ import annotations

import argparse
import time
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import tv2sim as tv
from tv2sim.strategies.coverage import Coverage, begin, coverage, decide, seen, startups
from tv2sim.ticks import PER_SECOND, whole_ticks

try:
    from numba import njit
except ModuleNotFoundError:

    def njit(**_: bool) -> Any:
        """Leave a function as it is."""
        return lambda function: function


if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.distributions import Distribution

__all__ = ["Found", "Setting", "simulated"]

GAP = 0.5
_ENCODERS = 10


class Found(NamedTuple):
    """Failed videos and idle publisher-seconds of each replication, and decisions in all of them."""

    failed: NDArray[np.float64]
    idle: NDArray[np.float64]
    decisions: int
    seconds: float

    def __str__(self) -> str:
        count = len(self.failed) ** 0.5
        means = (f"{x.mean():8.4f} ± {x.std() / count:.4f}" for x in (self.failed, self.idle))
        cost = self.seconds / self.decisions * 1e6, len(self.failed) / self.seconds
        return "failed {}, idle {}, {:.2f} µs a decision, {:.0f} runs/s".format(*means, *cost)


class Setting(NamedTuple):
    """A rule, and what it has beforehand."""

    price: float = 0.0
    holding: float | None = None
    learned: bool = False
    pool: int = 0
    base_stock: bool = False
    """Whether each publisher that takes a video is replaced."""
    poisson: bool = False
    shuffled: bool = False
    gap: float = GAP
    startup_time: Distribution = tv.Uniform(2, 6)
    startup_fails: float = 0.0


def simulated(catalogue: Catalogue, setting: Setting, replications: int, seed: int = 1) -> Found:
    """Simulate replications one after the other."""
    encoding_time = whole_ticks(np.array(catalogue.encoding_time, dtype=np.float64))
    timeout = whole_ticks(np.array(catalogue.publication_timeout, dtype=np.float64))
    state = coverage(
        startups(setting.startup_time),
        [setting.gap * PER_SECOND],
        price=setting.price,
        holding=setting.price if setting.holding is None else setting.holding,
        startup_fails=setting.startup_fails,
        arrivals="poisson" if setting.poisson else "even",
        forecast="online"
        if setting.learned
        else list(zip(encoding_time.tolist(), timeout.tolist(), strict=True)),
    )
    random = np.random.default_rng(seed)
    failed, idle, decisions = np.empty(replications), np.empty(replications), 0
    seconds = 0.0
    for run in range(replications):
        order = random.permutation(len(timeout)) if setting.shuffled else np.arange(len(timeout))
        drawn = whole_ticks(setting.startup_time.quantile(random.random(8 * len(timeout)).clip(1e-15)))
        fails = random.random(len(drawn)) < setting.startup_fails
        pauses = np.full(len(timeout), setting.gap)
        if setting.poisson:
            pauses = random.exponential(setting.gap, len(timeout))
        columns = encoding_time[order], timeout[order], whole_ticks(pauses)
        begun = time.process_time()
        outcome = _run(state, *columns, setting.poisson, drawn, fails, setting.pool, setting.base_stock)
        seconds += time.process_time() - begun
        failed[run], idle[run] = outcome[0], outcome[1] / PER_SECOND
        decisions += outcome[2]
    return Found(failed, idle, decisions, seconds)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _run(
    state: Coverage,
    encoding_time: Any,
    timeout: Any,
    pauses: Any,
    poisson: Any,
    drawn: Any,
    fails: Any,
    pool: Any,
    base_stock: Any,
) -> Any:
    """Return failed videos, idle ticks and decisions of a run."""
    videos = len(timeout)
    ends, deadlines = np.empty(_ENCODERS), np.empty(_ENCODERS)
    waiting, ready = np.empty(videos + 1), np.empty(len(drawn))
    started, comes = np.empty(len(drawn)), np.empty(len(drawn))
    lives = np.empty(len(drawn), np.bool_)
    encoding = waits = free = starting = publishers = 0
    handed_over = outcomes = failed = decisions = 0
    idle = 0.0
    begin(state)
    now, offer = 0.0, pauses[0] if poisson else 0.0
    for _ in range(pool):
        started[starting], comes[starting], lives[starting] = 0.0, drawn[publishers], not fails[publishers]
        starting += 1
        publishers += 1
    while outcomes < videos:
        now = offer if handed_over < videos and encoding < _ENCODERS else inf
        for i in range(encoding):
            now = min(now, ends[i])
        for i in range(starting):
            now = min(now, comes[i])
        i = 0
        while i < encoding:
            if ends[i] > now:
                i += 1
                continue
            k = waits
            while k > 0 and waiting[k - 1] > deadlines[i]:
                waiting[k] = waiting[k - 1]
                k -= 1
            waiting[k] = deadlines[i]
            waits += 1
            encoding -= 1
            ends[i], deadlines[i] = ends[encoding], deadlines[encoding]
        i = 0
        while i < starting:
            if comes[i] > now:
                i += 1
                continue
            if lives[i]:
                ready[free] = now
                free += 1
            starting -= 1
            started[i], comes[i], lives[i] = started[starting], comes[starting], lives[starting]
        if handed_over < videos and encoding < _ENCODERS and offer <= now:
            ends[encoding], deadlines[encoding] = now + encoding_time[handed_over], now + timeout[handed_over]
            seen(state, encoding_time[handed_over], timeout[handed_over], now)
            encoding += 1
            handed_over += 1
            if handed_over < videos:
                offer = (offer if poisson else now) + pauses[handed_over]
        late = 0
        while late < waits and waiting[late] < now:
            late += 1
        failed += late
        outcomes += late
        waits -= late
        for i in range(waits):
            waiting[i] = waiting[i + late]
        decisions += 1
        taken, more, _ = decide(
            state, now, 0, free, started[:starting], waiting[:waits], ends[:encoding], deadlines[:encoding]
        )
        for i in range(taken):
            idle += now - ready[i]
        outcomes += taken
        free -= taken
        waits -= taken
        for i in range(free):
            ready[i] = ready[i + taken]
        for i in range(waits):
            waiting[i] = waiting[i + taken]
        if outcomes == videos:
            break
        for _ in range(taken if base_stock else more):
            started[starting], comes[starting] = now, now + drawn[publishers]
            lives[starting] = not fails[publishers]
            starting += 1
            publishers += 1
    for i in range(free):
        idle += now - ready[i]
    return failed, idle, decisions


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser()
    parser.add_argument("catalogue")
    parser.add_argument("--replications", type=int, default=20_000)
    given = parser.parse_args()
    catalogue = tv.read_catalogue(given.catalogue)
    settings = {
        **{f"price {price}, mix known": Setting(price) for price in (20, 60, 100, 240, 1000)},
        **{f"price {price}, mix learned": Setting(price, learned=True, pool=8) for price in (60, 240, 1000)},
        "2c, 10, holding": Setting(holding=100, pool=10, base_stock=True),
    }
    simulated(catalogue, Setting(100, learned=True), 2)
    for name, setting in settings.items():
        print(f"{name:26}", simulated(catalogue, setting, given.replications), flush=True)


if __name__ == "__main__":
    main()
