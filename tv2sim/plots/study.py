"""What a chart is given: a run, or a study as cells in comparable groups, each with its names and its look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tv2sim.base.digits import rate
from tv2sim.base.errors import InputError
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.inference.intervals import Interval
from tv2sim.plots.style import Look, look
from tv2sim.results.metrics import ON_TIME_RATE
from tv2sim.results.run import Run

__all__ = ["Shown", "Study", "as_run", "counted", "is_rarely_late", "late", "study_of"]


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
    confidence: float

    def interval(self, metric: str, first: int | None = None) -> Interval:
        """Return the mean of a metric with its interval, over all or the first few replications."""
        return self.reps.interval(metric, self.confidence, first=first)


class Study(NamedTuple):
    """The cells by group: the strategies of a group share catalogue and scenario."""

    groups: dict[str, list[Shown]]
    strategies: dict[str, Look]
    size: str
    """The number of replications, in words."""
    interval: str
    """The kind of interval, in words."""

    @property
    def shown(self) -> list[Shown]:
        """All cells, group by group."""
        return [shown for group in self.groups.values() for shown in group]


def is_rarely_late(study: Study) -> bool:
    """Return whether strategies differ on the scale of late videos only, not on that of on-time rates.

    Of some group, at least two strategies, or its only one, publish 99 % of the videos in time. There are late
    videos, or there could be.
    """
    for group in study.groups.values():
        found = [shown.interval(ON_TIME_RATE) for shown in group]
        rates = sorted(one.mean for one in found)
        if rates[-2:][0] >= _RARELY and any(min(one.mean, one.ci_low) < 1 for one in found):
            return True
    return False


_RARELY = 0.99
"""From this on-time rate on, a chart of rates shows nothing but points near its edge."""


def late(interval: Interval) -> Interval:
    """Return the share of late videos for an on-time rate."""
    return interval._replace(mean=1 - interval.mean, ci_low=1 - interval.ci_high, ci_high=1 - interval.ci_low)


def counted(numbers: Iterable[int], thing: str) -> str:
    """Return the distinct numbers, followed by the name of the thing that they count.

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
    if not isinstance(study, Comparison | Replications):
        raise InputError(f"a chart of replications needs what compare or replicate gave, not {study!r}")
    cells, confidence = study.cells, study.confidence if isinstance(study, Comparison) else 0.95
    if min(map(len, cells.values()), default=0) < least:
        raise InputError(f"this chart needs at least {least} replication{'s' * (least > 1)}")
    # the name of a group says what differs: the catalogue, the scenario, or both
    differ = [part for part in (0, 1) if len({cell[part] for cell in cells}) > 1]
    looks = {name: look(number) for number, name in enumerate(dict.fromkeys(cell.strategy for cell in cells))}
    groups: dict[str, list[Shown]] = {}
    for cell, reps in cells.items():
        name = ", ".join(cell[part] for part in differ)
        groups.setdefault(name, []).append(Shown(cell, reps, name, looks[cell.strategy], confidence))
    size = counted(map(len, cells.values()), "replication")
    return Study(groups, looks, size, f"{rate(confidence)} interval")
