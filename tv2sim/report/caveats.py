"""The warnings of a report, as values; ``caveat.html.j2`` has a macro with the words of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from tv2sim.metrics import METRICS, ON_TIME_RATE
from tv2sim.report.text import name_of
from tv2sim.run import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from tv2sim.catalogue import Catalogue
    from tv2sim.experiment import Comparison, Replications
    from tv2sim.scenario import Explanation, LoadWarning
    from tv2sim.statistics import Stopped

__all__ = ["Caveat", "caveats", "explained"]

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


class PoolNearSaturation(NamedTuple):
    """A pool is too small for the rate at which videos arrive, or just large enough."""

    strategy: str
    warning: LoadWarning
    world: str


class EncodersOverloaded(NamedTuple):
    """The encoders cannot take the rate that is asked for."""

    warning: LoadWarning
    world: str


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
    world: str


class ColdPool(NamedTuple):
    """Most failures are of the first video that a pool serves, since no publisher is ready at time 0."""

    strategy: str
    video: str
    of_it: int
    """Failures of that video."""
    failures: int
    patience: float
    """Seconds from time 0 by which a publisher must be ready for it."""
    alone: float
    """The probability that one publisher is not."""
    size: int
    world: str


class SimultaneousEncodings(NamedTuple):
    """Videos whose encodings end at one instant, and for which a pool is shared: their order decides."""

    videos: int
    of: int
    world: str


class ClockAndEncoders(NamedTuple):
    """Worlds with different numbers of encoders: how long the client waits in each, in seconds."""

    waits: dict[int, float]


Caveat: TypeAlias = (
    FewReplications | PrecisionMissed | FewBeyondP99 | NoVariance | PoolNearSaturation | EncodersOverloaded
    | RejectedLines | NeverInTime | Unfinished | ColdPool | SimultaneousEncodings | ClockAndEncoders
)  # fmt: skip


def caveats(study: Comparison) -> list[Caveat]:
    """Return the caveats that apply, the most general first."""
    several = len(study.worlds()) > 1
    worlds = [(name_of(world) if several else "", world) for world in study.worlds()]
    catalogues = {cell.catalogue: reps.catalogue for cell, reps in study.cells.items()}
    found: list[Caveat] = [*_precision(study), *_p99(study), *_no_variance(study, several=several)]
    for name, world in worlds:
        found += dict.fromkeys(_load(world, name))  # that of the encoders is the same under every strategy
    for name, catalogue in catalogues.items():
        found += _of_catalogue(name, catalogue)
    for name, world in worlds:
        found += [*_unfinished(world, name), *_simultaneous(world, name), *_cold(world, name)]
    return [*found, *_encoders(study)]


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


def _no_variance(study: Comparison, *, several: bool) -> Iterator[Caveat]:
    where: dict[str, list[str]] = {}
    for cell, reps in study.cells.items():
        name = f"{cell.strategy} ({cell.catalogue}, {cell.scenario})" if several else cell.strategy
        for metric in (ON_TIME_RATE, "any_failure"):
            if np.ptp(reps.values(metric)) == 0 and not METRICS[metric].is_fixed(reps.setting):
                where.setdefault(metric, []).append(name)
    if where and study.replications > 1:
        yield NoVariance(study.replications, where, study.confidence)


def explained(reps: Replications) -> Explanation:
    """Return the expected load; with that of the pool if its size is fixed and it serves all videos."""
    pool = reps.strategy.prewarmed if reps.setting.is_pool else None
    return reps.scenario.explain(reps.catalogue, prewarmed=pool)


def _load(part: Comparison, world: str) -> Iterator[Caveat]:
    for name, reps in part.strategies.items():
        for warning in explained(reps).warnings:
            pool = warning.of == "pool"
            yield PoolNearSaturation(name, warning, world) if pool else EncodersOverloaded(warning, world)


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
        yield Unfinished(left, part[part.baseline].scenario.until, world)


def _simultaneous(part: Comparison, world: str) -> Iterator[Caveat]:
    shared = [reps for reps in part.strategies.values() if reps.strategy.prewarmed]
    for reps in shared[:1]:
        ends = _first_run(reps)["encoded"].to_numpy()
        _, counts = np.unique(ends[~np.isnan(ends)], return_counts=True)
        together = int(counts[counts > 1].sum())
        if together >= _MANY_TOGETHER * len(ends):
            yield SimultaneousEncodings(together, len(ends), world)


_MANY_TOGETHER = 0.05


def _cold(part: Comparison, world: str) -> Iterator[Caveat]:
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
        size, of_it = reps.strategy.prewarmed, int(failures[first])
        yield ColdPool(name, str(row["id"]), of_it, int(failures.sum()), patience, alone, size, world)


def _encoders(study: Comparison) -> Iterator[Caveat]:
    one_of_each = {reps.scenario.encoder_count: reps for reps in study.cells.values()}
    if len(one_of_each) > 1:
        yield ClockAndEncoders({encoders: _wait(reps) for encoders, reps in sorted(one_of_each.items())})


def _wait(reps: Replications) -> float:
    videos = _first_run(reps)
    return float((videos["encoding_started"] - videos["offered"]).sum())


def _first_run(reps: Replications) -> pd.DataFrame:
    return simulate(reps.catalogue, reps.strategy, reps.scenario, seed=reps.seed).videos
