"""What a chart is given: a run, or a study as cells in comparable groups, each with its names and its look."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

from tv2sim.errors import InputError
from tv2sim.experiment import Comparison, Replications
from tv2sim.experiment.cells import Cell
from tv2sim.plots.style import Look, look
from tv2sim.run import Run
from tv2sim.validation import one_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tv2sim.statistics import Interval

__all__ = ["METRICS", "Metric", "Shown", "Study", "as_run", "counted", "metric_named", "study_of"]


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


def as_run(run: object, of: str = "one run") -> Run:
    """Return a run, or raise an InputError that names what the chart is of."""
    if not isinstance(run, Run):
        raise InputError(f"a chart of {of} needs what simulate gave, not {run!r}")
    return run


class Shown(NamedTuple):
    """A cell of a study: its replications, the name of its group and the look of its strategy."""

    cell: Cell
    reps: Replications
    group: str
    look: Look


@dataclass(frozen=True)
class Study:
    """The cells by group: the strategies of a group share catalogue and scenario."""

    groups: dict[str, list[Shown]]
    confidence: float

    @property
    def shown(self) -> list[Shown]:
        """All cells, group by group."""
        return [shown for group in self.groups.values() for shown in group]

    @property
    def strategies(self) -> dict[str, Look]:
        """The strategies with their looks."""
        return {shown.cell.strategy: shown.look for shown in self.shown}

    @property
    def size(self) -> str:
        """How many replications, in words."""
        return counted((len(shown.reps) for shown in self.shown), "replication")

    @property
    def interval(self) -> str:
        """What the intervals are, in words."""
        return f"{100 * self.confidence:g} % interval"


def counted(numbers: Iterable[int], thing: str) -> str:
    """Return the distinct numbers with what they count.

    >>> counted([1], "run"), counted([20, 10, 20], "run")
    ('1 run', '10 or 20 runs')
    """
    distinct = sorted(set(numbers))
    return " or ".join(f"{n:,}" for n in distinct) + f" {thing}" + "s" * (distinct != [1])


def study_of(study: object, *, least: int = 1) -> Study:
    """Return the cells of a comparison, or of the replications of one strategy.

    Raises
    ------
    InputError
        If it is neither, or has too few replications.
    """
    if isinstance(study, Comparison):
        cells, confidence = study.cells, study.confidence
    elif isinstance(study, Replications):
        cells, confidence = {Cell(study.catalogue.name, "default", study.strategy.name): study}, 0.95
    else:
        raise InputError(f"a chart of replications needs what compare or replicate gave, not {study!r}")
    if min(map(len, cells.values()), default=0) < least:
        raise InputError(f"this chart needs at least {least} replication{'s' * (least > 1)}")
    # the name of a group says what differs: the catalogue, the scenario, or both
    differ = [part for part in (0, 1) if len({cell[part] for cell in cells}) > 1]
    looks = {name: look(number) for number, name in enumerate(dict.fromkeys(cell.strategy for cell in cells))}
    groups: dict[str, list[Shown]] = {}
    for cell, reps in cells.items():
        name = ", ".join(cell[part] for part in differ)
        groups.setdefault(name, []).append(Shown(cell, reps, name, looks[cell.strategy]))
    return Study(groups, confidence)
