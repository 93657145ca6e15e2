"""What a chart is given, made uniform: cells in comparable groups, each with its names and its look."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

from tv2sim.errors import InputError
from tv2sim.experiment import Cell, Comparison, Replications
from tv2sim.plots.style import Look, look
from tv2sim.validation import one_of

if TYPE_CHECKING:
    from tv2sim.statistics import Interval

__all__ = ["METRICS", "Metric", "Shown", "Study", "metric_named", "study_of"]


class Metric(NamedTuple):
    """How a figure is written: words, unit, and what it is multiplied by."""

    words: str
    unit: str
    scale: float = 1.0

    @property
    def label(self) -> str:
        """Words and unit, for an axis."""
        return f"{self.words} ({self.unit})"

    def write(self, interval: Interval) -> str:
        """Return an estimate with its interval, with the decimals that the interval's width justifies."""
        mean, half, low, high = (self.scale * number for number in interval)
        if not isfinite(mean):
            return "no value"
        digits = min(6, max(0, 1 - floor(log10(half)))) if half > 0 else 2
        sign = " %" if self.unit == "%" else ""
        if not half > 0:
            return f"{mean:.{digits if isfinite(half) else 2}f}{sign}"
        if abs((high - mean) - (mean - low)) < 0.02 * half:
            return f"{mean:.{digits}f} ± {half:.{digits}f}{sign}"
        return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{sign}"


METRICS = {
    "published": Metric("published in time", "videos"),
    "failed": Metric("published late", "videos"),
    "unfinished": Metric("unfinished", "videos"),
    "on_time_rate": Metric("on-time rate", "%", 100),
    "elapsed_p50": Metric("elapsed, median", "s"),
    "elapsed_p95": Metric("elapsed, 95th percentile", "s"),
    "elapsed_p99": Metric("elapsed, 99th percentile", "s"),
    "lateness_p50": Metric("lateness, median", "s"),
    "lateness_p95": Metric("lateness, 95th percentile", "s"),
    "lateness_p99": Metric("lateness, 99th percentile", "s"),
    "lateness_max": Metric("greatest lateness", "s"),
    "stockouts": Metric("stockouts", "videos"),
    "idle": Metric("idle publishers", "publisher-seconds"),
    "publisher_seconds": Metric("cost of publishers", "publisher-seconds"),
    "publishers_started": Metric("publishers started", "publishers"),
    "publishers_wasted": Metric("publishers wasted", "publishers"),
    "peak_publishers": Metric("publishers at once, peak", "publishers"),
    "encoder_utilization": Metric("encoder utilization", "%", 100),
    "publishing_queue_mean": Metric("publishing queue, mean", "videos"),
    "client_blocked_time": Metric("client blocked", "s"),
    "makespan": Metric("makespan", "s"),
    "any_failure": Metric("replications with a failure", "%", 100),
}


def metric_named(name: object) -> Metric:
    """Return how a figure is written.

    Raises
    ------
    InputError
        If there is none of that name, naming those that there are.
    """
    one_of("metric", name, METRICS)
    return METRICS[str(name)]


@dataclass(frozen=True)
class Shown:
    """A cell of a study: its replications, the name of its group and its strategy's look."""

    cell: Cell
    reps: Replications
    group: str
    look: Look


@dataclass(frozen=True)
class Study:
    """The cells, by group: the strategies of a group share catalogue and scenario."""

    groups: dict[str, list[Shown]]
    confidence: float
    title: str
    """What all have in common: the catalogue's name, and the scenario's if it is not the default."""

    @property
    def shown(self) -> list[Shown]:
        """All cells."""
        return [shown for group in self.groups.values() for shown in group]

    @property
    def strategies(self) -> dict[str, Look]:
        """The strategies with their looks."""
        return {shown.cell.strategy: shown.look for shown in self.shown}

    @property
    def size(self) -> str:
        """How many replications, in words."""
        counts = sorted({len(shown.reps) for shown in self.shown})
        return " or ".join(f"{n:,}" for n in counts) + (" replications" if counts != [1] else " replication")

    @property
    def interval(self) -> str:
        """What the intervals are, in words."""
        return f"{100 * self.confidence:g} % interval"


def study_of(study: object, *, least: int = 1) -> Study:
    """Return the cells of a comparison, or of one strategy's replications, in groups.

    Raises
    ------
    InputError
        If it is neither, or has too few replications.
    """
    if isinstance(study, Comparison):
        cells, confidence = study.cells, study.confidence
    elif isinstance(study, Replications):
        cells, confidence = study.cells, 0.95
    else:
        raise InputError(f"a chart of replications needs what compare or replicate gave, not {study!r}")
    if min(map(len, cells.values()), default=0) < least:
        raise InputError(f"this chart needs at least {least} replication{'s' * (least > 1)}")
    catalogues, scenarios = ({cell[part] for cell in cells} for part in (0, 1))
    looks = {name: look(number) for number, name in enumerate(dict.fromkeys(cell.strategy for cell in cells))}
    groups: dict[str, list[Shown]] = {}
    for cell, reps in cells.items():
        differs = [cell.catalogue] * (len(catalogues) > 1) + [cell.scenario] * (len(scenarios) > 1)
        name = ", ".join(differs)
        groups.setdefault(name, []).append(Shown(cell, reps, name, looks[cell.strategy]))
    common = [next(iter(names)) for names in (catalogues, scenarios) if len(names) == 1]
    return Study(groups, confidence, ", ".join(name for name in common if name != "default"))
