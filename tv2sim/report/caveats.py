"""The warnings of a report, as values; ``caveat.html.j2`` has a macro with the words of each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from tv2sim.base.lazy_pandas import pd
from tv2sim.catalogue import Catalogue
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.conclusions import names_of
from tv2sim.experiments.replications import Replications, main_of
from tv2sim.experiments.simulate import simulate
from tv2sim.inference.intervals import Stopped
from tv2sim.results.metrics import METRICS, ON_TIME_RATE
from tv2sim.world.load import Explanation, LoadWarning

_ENOUGH_REPLICATIONS = 30
"""With fewer, the distribution of the mean is not close enough to normal for a t interval."""

_ENOUGH_BEYOND = 100
"""Publications beyond a quantile that are needed to estimate it."""


class FewReplications(NamedTuple):
    """The intervals rest on few replications, or on one."""

    replications: int
    enough: int


class PrecisionMissed(NamedTuple):
    """The budget of replications ended before the precision was met."""

    stopped: Stopped


class FewBeyondP99(NamedTuple):
    """Too few publications lie beyond the p99 of these metrics."""

    metrics: tuple[str, ...]
    replications: int
    videos: int
    beyond: float
    enough: int
    least_replications: int


class NoVariance(NamedTuple):
    """Metrics that could vary, but did not; with the names of the cells in which they did not."""

    replications: int
    where: dict[str, list[str]]
    confidence: float


class Overloaded(NamedTuple):
    """A pool, the encoders or a limit of publishers cannot take the rate at which videos arrive, or just so."""

    warning: LoadWarning
    strategy: str
    """The strategy that has the pool; empty if it is no pool."""
    world: str


class DoubtfulDifferences(NamedTuple):
    """Differences from the baseline are shown that other start-up times than the measured ones may change."""

    times: int
    baseline: str
    confidence: float
    where: dict[str, list[str]]
    """The strategies by metric, with the world if there are several."""


class RejectedLines(NamedTuple):
    """Lines of a catalogue were rejected."""

    name: str
    catalogue: Catalogue


class NeverInTime(NamedTuple):
    """Some videos of a catalogue take longer to encode than their timeouts."""

    name: str
    videos: int
    best: float
    """The highest on-time rate that is left, in percent."""


class Unfinished(NamedTuple):
    """Videos were under way when the run ended: their mean number by strategy."""

    means: dict[str, float]
    until: float | None
    priced: bool
    """Whether failed videos have a price, and these have none."""
    world: str


class ColdPool(NamedTuple):
    """Most failures are of the first video that a pool serves, since no publisher is ready at time 0."""

    strategy: str
    video: str
    patience: float
    """Seconds from time 0 by which a publisher must be ready for it."""
    alone: float
    """The probability that one publisher is not."""
    size: int
    of_it: int
    """Failures of that video, in all worlds in which the above is the same."""
    failures: int
    world: str


class SimultaneousEncodings(NamedTuple):
    """Videos whose encodings end at one instant, and for which a pool is shared: their order decides."""

    fewest: tuple[int, int]
    """The number of these videos and of all videos, in the world with the smallest share."""
    most: tuple[int, int]
    world: str


class ClockAndEncoders(NamedTuple):
    """Worlds with different numbers of encoders: how long the client waits in each, in seconds."""

    waits: dict[int, float]


Caveat: TypeAlias = (
    FewReplications | PrecisionMissed | FewBeyondP99 | NoVariance | DoubtfulDifferences | Overloaded
    | RejectedLines | NeverInTime | Unfinished | ColdPool | SimultaneousEncodings | ClockAndEncoders
)  # fmt: skip


def caveats(study: Comparison) -> list[Caveat]:
    """Return the caveats that apply, the most general first."""
    worlds = list(zip(names_of(study), study.worlds(), strict=True))
    catalogues = {cell.catalogue: reps.catalogue for cell, reps in study.cells.items()}
    found: list[Caveat] = [*_precision(study), *_p99(study), *_no_variance(worlds), *_doubtful(worlds)]
    for name, world in worlds:
        found += dict.fromkeys(_load(world, name))  # that of the encoders is the same under every strategy
    for name, catalogue in catalogues.items():
        found += _of_catalogue(name, catalogue)
    for name, world in worlds:
        found += _unfinished(world, name)
    return [*found, *_simultaneous(worlds), *_cold(worlds), *_encoders(study)]


def _in_worlds(names: list[str]) -> str:
    """Return the name of a world, or how many there are."""
    return names[0] if len(names) == 1 else f"in {len(names)} worlds"


def _precision(study: Comparison) -> Iterator[Caveat]:
    if study.replications < _ENOUGH_REPLICATIONS:
        yield FewReplications(study.replications, _ENOUGH_REPLICATIONS)
    if study.stopped is not None and not study.stopped.met:
        yield PrecisionMissed(study.stopped)


def _p99(study: Comparison) -> Iterator[Caveat]:
    metrics = tuple(name for name in ("elapsed_p99", "lateness_p99") if name in study.metrics)
    videos = min(len(reps.catalogue) for reps in study.cells.values())
    beyond = study.replications * videos / 100
    if metrics and beyond < _ENOUGH_BEYOND:
        least = -(-100 * _ENOUGH_BEYOND // videos)
        yield FewBeyondP99(metrics, study.replications, videos, beyond, _ENOUGH_BEYOND, least)


def _no_variance(worlds: list[tuple[str, Comparison]]) -> Iterator[Caveat]:
    where: dict[str, list[str]] = {}
    for world, part in worlds:
        for name, reps in part.strategies.items():
            for metric in (ON_TIME_RATE, "any_failure"):
                if np.ptp(reps.values(metric)) == 0 and not METRICS[metric].is_fixed(reps.setting):
                    where.setdefault(metric, []).append(f"{name} ({world})" if world else name)
    _, study = worlds[0]
    if where and study.replications > 1:
        yield NoVariance(study.replications, where, study.confidence)


def _doubtful(worlds: list[tuple[str, Comparison]]) -> Iterator[Caveat]:
    where: dict[str, list[str]] = {}
    for world, part in worlds:
        for one in part.compared:
            if one.metric in main_of(part.metrics) and part.is_doubtful(one):
                name = one.cell.strategy
                where.setdefault(one.metric, []).append(f"{name} ({world})" if world else name)
    _, study = worlds[0]
    if where and study.resamples is not None:
        yield DoubtfulDifferences(study.resamples.times, study.baseline, study.confidence, where)


def expected_load(reps: Replications) -> Explanation:
    """Return the expected load; with that of the pool if its size is fixed and it serves all videos."""
    pool = reps.setting.strategy.prewarmed if reps.setting.is_pool else None
    return reps.scenario.explain(reps.catalogue, prewarmed=pool)


def _load(part: Comparison, world: str) -> Iterator[Caveat]:
    for name, reps in part.strategies.items():
        for warning in expected_load(reps).warnings:
            yield Overloaded(warning, name if warning.of == "pool" else "", world)


def _of_catalogue(name: str, catalogue: Catalogue) -> Iterator[Caveat]:
    if catalogue.rejected:
        yield RejectedLines(name, catalogue)
    never = int((catalogue.publication_timeout < catalogue.encoding_time).sum())
    if never:
        yield NeverInTime(name, never, 100 * (1 - never / len(catalogue)))


def _unfinished(part: Comparison, world: str) -> Iterator[Caveat]:
    means = {name: float(reps.values("unfinished").mean()) for name, reps in part.strategies.items()}
    left = {name: mean for name, mean in means.items() if mean > 0}
    if left:
        priced = part.prices is not None and part.prices.failed > 0
        yield Unfinished(left, part[part.baseline].scenario.until, priced, world)


def _simultaneous(worlds: list[tuple[str, Comparison]]) -> Iterator[Caveat]:
    found: dict[str, tuple[int, int]] = {}
    for name, part in worlds:
        shared = [reps for reps in part.strategies.values() if reps.strategy.prewarmed]
        for reps in shared[:1]:
            ends = _first_run(reps)["encoded"].to_numpy()
            _, counts = np.unique(ends[~np.isnan(ends)], return_counts=True)
            together = int(counts[counts > 1].sum())
            if together >= _MANY_TOGETHER * len(ends):
                found[name] = together, len(ends)
    if found:
        ascending = sorted(found.values(), key=lambda counts: counts[0] / counts[1])
        yield SimultaneousEncodings(ascending[0], ascending[-1], _in_worlds(list(found)))


_MANY_TOGETHER = 0.05


def _cold(worlds: list[tuple[str, Comparison]]) -> Iterator[Caveat]:
    found: dict[tuple[str, str, float, float, int], dict[str, tuple[int, int]]] = {}
    for world, part in worlds:
        for name, reps in part.strategies.items():
            failures = len(reps) - reps.results.on_time
            if not (reps.setting.is_pool and reps.strategy.prewarmed and failures.any()):
                continue
            videos = _first_run(reps)
            first = int(videos["encoded"].argmin())
            if 2 * failures[first] < failures.sum():
                continue
            row, time = videos.iloc[first], reps.scenario.mean_publishing_time
            patience = float(row["encoding_started"] + row["publication_timeout"] - time)
            alone = 1 - reps.scenario.startup_time.cdf(patience)
            key = name, str(row["id"]), patience, alone, reps.setting.strategy.prewarmed
            found.setdefault(key, {})[world] = int(failures[first]), int(failures.sum())
    for key, counts in found.items():
        of_it, of_all = map(sum, zip(*counts.values(), strict=True))
        yield ColdPool(*key, of_it, of_all, _in_worlds(list(counts)))


def _encoders(study: Comparison) -> Iterator[Caveat]:
    one_of_each = {reps.scenario.encoder_count: reps for reps in study.cells.values()}
    if len(one_of_each) > 1:
        runs = {encoders: _first_run(reps) for encoders, reps in sorted(one_of_each.items())}
        yield ClockAndEncoders(
            {count: float((run["encoding_started"] - run["offered"]).sum()) for count, run in runs.items()}
        )


def _first_run(reps: Replications) -> pd.DataFrame:
    return simulate(reps.catalogue, reps.strategy, reps.scenario, seed=reps.seed).videos
