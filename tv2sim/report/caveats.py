"""The warnings of a report, as values; ``caveat.html.j2`` has a macro with the words of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from tv2sim.metrics import ON_TIME_RATE
from tv2sim.report.text import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

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


Caveat: TypeAlias = (
    FewReplications | PrecisionMissed | FewBeyondP99 | NoVariance | PoolNearSaturation | EncodersOverloaded
    | RejectedLines | NeverInTime | Unfinished
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
        found += _unfinished(world, name)
    return found


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
            if np.ptp(reps.values(metric)) == 0:
                where.setdefault(metric, []).append(name)
    if where and study.replications > 1:
        yield NoVariance(study.replications, where, study.confidence)


def explained(reps: Replications) -> Explanation:
    """Return the expected load; with that of the pool if its size is fixed and it serves all videos."""
    strategy, catalogue = reps.strategy, reps.catalogue
    only_pool = not any(strategy.starts(catalogue).moment) and not strategy.adapts
    return reps.scenario.explain(catalogue, prewarmed=strategy.prewarmed if only_pool else None)


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
