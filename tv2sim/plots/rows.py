"""Charts with a row per cell: published per replication, on-time rates, paired differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tv2sim.errors import InputError
from tv2sim.experiment import Comparison
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.plots import style
from tv2sim.plots.study import Shown, Study, metric_named, study_of
from tv2sim.statistics import Interval
from tv2sim.validation import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tv2sim.experiment import Replications

__all__ = ["differences", "on_time_rates", "published_per_replication"]

_MOST_BARS = 160
"""Of a histogram: more would be thinner than a line."""


def published_per_replication(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show how the number of videos published in time varies from replication to replication.

    Each row is a histogram over replications, drawn to its own peak; below it the mean with its interval.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` gave.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is something else.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
    >>> ax = tv.plots.published_per_replication(study)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1', '2a']
    """
    data = study_of(study)
    ax, table = _table(ax, data, data.shown, pitch=0.27)
    values = {shown.cell: shown.reps.values("published") for shown in data.shown}
    edges = _edges(np.concatenate(list(values.values())))
    metric = metric_named("published")
    for shown, y in table.rows:
        counts = np.histogram(values[shown.cell], edges)[0]
        ax.stairs(
            y - 0.12 + 0.55 * counts / counts.max(), edges, baseline=y - 0.12, fill=True,
            color=shown.look.colour, linewidth=0,
        )  # fmt: skip
        ax.axhline(y - 0.12, color=style.LIGHT, linewidth=0.7, zorder=0.5)
        interval = shown.reps.interval("published", data.confidence)
        _point(ax, interval, y - 0.25, style.INK, "D", size=4.5)
        table.remark(ax, y, metric.write(interval))
    videos = {len(shown.reps.catalogue) for shown in data.shown}
    of = f"of {videos.pop()}" if len(videos) == 1 else "videos"
    style.few_ticks(ax, whole=True)
    below = f"Histograms over {data.size}; below each: mean with {data.interval}"
    style.titles(ax, "Videos published in time, per replication", below, x=f"videos published in time ({of})")
    return ax


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of the histograms' bars: a bar for each whole number, or for a few of them together."""
    low, high = int(values.min()), int(values.max())
    width = -(-(high - low + 1) // _MOST_BARS)
    return np.arange(low, high + width + 1, width, dtype=np.float64) - 0.5


def on_time_rates(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show the share of videos published in time, with its interval, of every strategy and scenario.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` gave.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is something else.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ax = tv.plots.on_time_rates(tv.replicate(tv.generate_catalogue(), "2a", replications=20))
    >>> ax.get_xlabel()
    'on-time rate (%)'
    """
    data, metric = study_of(study), metric_named(ON_TIME_RATE)
    ax, table = _table(ax, data, data.shown, pitch=0.24)
    for shown, y in table.rows:
        interval = shown.reps.interval(ON_TIME_RATE, data.confidence)
        _point(ax, _scaled(interval, metric.scale), y, shown.look.colour, shown.look.marker)
        table.remark(ax, y, metric.write(interval))
    ax.margins(x=0.06)
    style.span(ax, x=1)
    style.few_ticks(ax)
    below = f"Mean of {data.size} with {data.interval}"
    style.titles(ax, "Share of videos published in time", below, x=metric.label)
    return ax


class _Verdict(NamedTuple):
    colour: str
    marker: str


_VERDICTS = {
    "better": _Verdict(style.BLUE, "^"),
    "worse": _Verdict(style.VERMILLION, "v"),
    "no difference shown": _Verdict(style.GREY, "o"),
    "higher": _Verdict(style.BLACK, ">"),
    "lower": _Verdict(style.BLACK, "<"),
}


def differences(study: Comparison, ax: Axes | None = None, *, metric: str = ON_TIME_RATE) -> Axes:
    """Show the paired differences from the baseline as a forest plot, with the verdicts.

    Parameters
    ----------
    study : Comparison
        What :func:`tv2sim.compare` gave, with a strategy beside the baseline.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
    metric : str
        Which of the study's figures.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is no comparison, has only the baseline, or does not have the metric.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
    >>> tv.plots.differences(study).get_xlabel()
    'difference in on-time rate (percentage points)'
    """
    if not isinstance(study, Comparison):
        raise InputError(f"a chart of differences needs what compare gave, not {study!r}")
    one_of("metric", metric, study.metrics)
    written, data = metric_named(metric), study_of(study)
    shown = [shown for shown in data.shown if shown.cell.strategy != study.baseline]
    if not shown:
        raise InputError(
            f"the study has only its baseline, {study.baseline!r}: there is nothing to compare it with"
        )
    frame = study.differences[study.differences["metric"] == metric]
    ax, table = _table(ax, data, shown, pitch=0.24)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    written = written._replace(unit="percentage points" if written.unit == "%" else written.unit)
    for (_, y), verdict, numbers in zip(
        table.rows, frame["verdict"], frame[list(Interval._fields)].to_numpy(dtype=np.float64), strict=True
    ):
        colour, marker = _VERDICTS[verdict]
        interval = Interval(*numbers.tolist())
        hollow = verdict == "no difference shown"
        _point(ax, _scaled(interval, written.scale), y, colour, marker, size=9, hollow=hollow)
        number = written.write(interval)
        sign = "+" if interval.mean > 0 and float(number.split()[0]) > 0 else ""
        table.remark(ax, y, f"{verdict}\n{sign}{number}".replace("-", "−"), colour)
    ax.margins(x=0.08)
    style.few_ticks(ax)
    below = f"Paired, {data.size}, {data.interval}s; verdicts adjusted after Holm"
    name = style.fold(study.baseline, 24, 1)
    style.titles(
        ax, f"Difference from the baseline, strategy {name}", below,
        x=f"difference in {written.words.replace('published in time', 'videos published in time')} "
        f"({written.unit})".replace(" (videos)", ""),
    )  # fmt: skip
    return ax


# -- rows --------------------------------------------------------------------------------------------------


@dataclass
class _Rows:
    """Where the rows are, and how they are remarked upon at the right."""

    rows: list[tuple[Shown, float]]
    folded: bool

    def remark(self, ax: Axes, y: float, text: str, colour: str = style.INK) -> None:
        """Write at the right of a row; on one line where rows are dense."""
        text = ", ".join(text.split("\n")) if self.folded else text
        how = {"ha": "left", "va": "center", "fontsize": style.SMALL, "color": colour}
        style.note(ax, text, (1, y), (8, 0), xycoords=("axes fraction", "data"), **how)


def _table(ax: Axes | None, data: Study, shown: list[Shown], pitch: float) -> tuple[Axes, _Rows]:
    """Lay out rows from top to bottom: one per strategy, below the group's name if there are several.

    Where each group has only one strategy, the groups are the rows.
    """
    several = len(data.groups) > 1
    headed = several and len({one.cell.strategy for one in shown}) > 1
    places: list[tuple[Shown, float]] = []
    heads: list[tuple[str, float]] = []
    y = 0.0
    for one in shown:
        if headed and (not heads or heads[-1][0] != one.group):
            heads.append((one.group, y))
            y -= 1
        places.append((one, y))
        y -= 1
    names = [style.fold(one.group if several and not headed else one.cell.strategy, 26) for one, _ in places]
    lines = sum(name.count("\n") + 1 for name in names)
    ax = style.axes(ax, 1.5 + max(pitch * -y, 0.19 * lines + 0.1 * len(names)))
    style.tick_names(ax, [y for _, y in places], names, size=style.SMALL if -y > 8 else style.TEXT)
    for name, at in heads:
        ax.axhspan(at - 0.45, at + 0.45, color=style.PALE, linewidth=0, zorder=2.5)
        how = {"ha": "left", "va": "center", "fontsize": style.SMALL, "color": style.INK}
        style.note(ax, style.fold(name, 70, 1), (0, at), (4, 0), xycoords=("axes fraction", "data"), **how)
    ax.set_ylim(y + 0.4, 0.6)
    return ax, _Rows(places, folded=-y > 8)


def _scaled(interval: Interval, scale: float) -> Interval:
    return Interval(*(scale * number for number in interval))


def _point(
    ax: Axes, interval: Interval, y: float, colour: str, marker: str, *, size: float = 8, hollow: bool = False
) -> None:
    """Draw an estimate with its interval; without a width, as after one replication, the point alone."""
    mean, _, low, high = interval
    ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    ax.plot(
        [mean], [y], linestyle="none", marker=marker, markersize=size, markeredgecolor=colour,
        markerfacecolor="white" if hollow else colour, markeredgewidth=1.6 if hollow else 0,
    )  # fmt: skip
