"""Failures against idle time or cost on a logarithmic scale: a line for each family of strategies."""

from __future__ import annotations

import re
from math import nan
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from tv2sim.base.checks import one_of
from tv2sim.base.digits import three_digits
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.frontier import frontier_of
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.plots.panels import columns_of, label_frame, panels_in
from tv2sim.plots.parameters import Series, families
from tv2sim.plots.points import Ends, Point, draw, ends, handles_of, logarithmic, write_texts
from tv2sim.plots.study import study_of
from tv2sim.results.figures import axis, in_words
from tv2sim.results.metrics import COST, METRICS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

__all__ = ["frontier", "frontier_height"]


def frontier(
    study: Comparison | Replications,
    ax: Axes | None = None,
    *,
    metric: str = "failed",
    against: str | None = None,
) -> Axes:
    """Show a metric against what it costs: failed videos, on a logarithmic scale, against idle time or cost.

    Strategies that differ in one number, such as pools of several sizes, are one line, along which that number
    is written. The lower and the more to the left, the better. A pale point is dominated: the means of another
    one in its panel are no worse, and one of them is better. A short dash is the number of videos that must
    fail, by theory (:func:`tv2sim.queueing.failed_bound`). The price of the last failure is what one
    failure less costs at the point with the fewest failures, against the one before it. A mean of 0 has no
    place on a logarithmic scale: it is a hollow triangle at the lower edge, below the upper end of its
    interval.
    :attr:`tv2sim.Comparison.frontier` has the figures.

    Parameters
    ----------
    study : Comparison or Replications
        As for :func:`tv2sim.plots.on_time_rates`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure. There is a panel for each catalogue and scenario.
    metric : str
        The name of the metric to show, of which less is better.
    against : str, optional
        The name of the metric to show it against, of which less is better; default is "cost" if there are
        prices, else "idle".

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is neither, or there is no such metric.

    Examples
    --------
    >>> import tv2sim as tv
    >>> pools = [f"2c:{size}" for size in range(8, 13)]
    >>> study = tv.compare(tv.generate_catalogue(), ["2a", *pools], replications=20, progress=False)
    >>> ax = tv.plots.frontier(study)
    >>> ax.get_xlabel(), [text.get_text() for text in ax.get_legend().get_texts()]
    ('idle (s)', ['2a', '2c: prewarmed publishers'])
    """
    data = study_of(study)
    against = against or (COST if data.shown[0].reps.prices else "idle")
    for name in (metric, against):
        one_of("metric", name, METRICS)
    table = frontier_of(study.cells, data.shown[0].confidence, [against], metric).to_dict("records")
    rows = dict(zip(study.cells, table, strict=True))
    lines = {group: families(shown) for group, shown in data.groups.items()}
    points = [_points(group, rows, metric, against) for group in lines.values()]
    last = [_last_failure((rows[one.cell] for one in group), metric, against) for group in data.groups.values()]
    looks, own = _looks(lines), ax is None
    ax = style.axes(ax, _height(list(data.groups), list(looks), style.WIDTH))
    panels = panels_in(ax, [f"{name}\n{price}".strip() for name, price in zip(data.groups, last, strict=True)])
    for panel, group in zip(panels, points, strict=True):
        style.grid(panel)
        logarithmic(panel, [one.y for group in points for one in group])
        for name, look in looks.items():
            draw(panel, [one for one in group if one.family == name], look)
    _share_scale(panels)
    explained = f"Means with {data.interval}s, {data.size}; lower left is better; pale: dominated"
    style.titles(
        ax, f"{METRICS[metric].label.capitalize()} against {METRICS[against].label}",
        "; ".join(filter(None, [explained, *(last if len(last) == 1 else [])])),
        x=axis(against), y=axis(metric),
    )  # fmt: skip
    style.lay_out(style.figure_of(ax))
    below = label_frame(ax, panels)
    style.legend(ax, *handles_of(looks), below=below + 24)
    if own:
        style.lay_out(style.figure_of(ax))
    for panel, group in zip(panels, points, strict=True):
        write_texts(panel, group, looks)
    return ax


def frontier_height(study: Comparison | Replications, width: float) -> float:
    """Return the height in inches that :func:`frontier` needs in a figure of this width."""
    data = study_of(study)
    looks = _looks({name: families(shown) for name, shown in data.groups.items()})
    return _height(list(data.groups), list(looks), width)


def _height(groups: list[str], names: list[str], width: float) -> float:
    rows = -(-len(groups) // columns_of(0.775 * width, groups)) if len(groups) > 1 else 1
    panels = style.HEIGHT if rows == 1 else 1.6 + 1.9 * rows
    return panels + style.room_for(names, width) - style.HEIGHT


def _looks(lines: dict[str, list[Series]]) -> dict[str, style.Look]:
    """Return the look of each family by its name."""
    names = dict.fromkeys(_name(series) for group in lines.values() for series in group)
    return {name: style.look(number) for number, name in enumerate(names)}


def _name(series: Series) -> str:
    """Return what the strategies of a line have in common, and the parameter in which they differ."""
    if not series.of:
        return series.name
    names = list(dict.fromkeys(shown.cell.strategy for shown in series.shown))
    common = re.sub(r"\([^)]*$", "", commonprefix(names)).rstrip(" :=0123456789")  # noqa: RUF071 (of characters)
    return f"{common or series.name}: {series.of}"


# -- the points --------------------------------------------------------------------------------------------


def _points(
    lines: Iterable[Series], rows: Mapping[Cell, Mapping[Hashable, Any]], metric: str, against: str
) -> list[Point]:
    """Return the points of a panel, line by line."""
    return [
        Point(
            _name(series),
            in_words(series.values[number]) if series.values else "",
            _ends(row, against),
            _ends(row, metric),
            row["bound"],
            row["dominated"],
        )
        for series in lines
        for number, row in enumerate(rows[shown.cell] for shown in series.shown)
    ]


def _ends(row: Mapping[Hashable, Any], metric: str) -> Ends:
    """Return a mean and the ends of its interval; NaN for a mean that is infinite."""
    return ends(metric, Interval(row[metric], nan, row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]))


def _last_failure(rows: Iterable[Mapping[Hashable, Any]], metric: str, against: str) -> str:
    """Return the price of the last failure in words.

    The text is empty if the metric is not that of failed videos, or no point has a price of a failure.
    """
    prices = [(row[metric], row["price_of_failure"]) for row in rows if not np.isnan(row["price_of_failure"])]
    if metric != "failed" or not prices:
        return ""
    return f"price of the last failure: {three_digits(min(prices)[1])} {METRICS[against].unit}".strip()


def _share_scale(panels: list[Axes]) -> None:
    """Let all panels have the same horizontal scale, from 0 if that is near."""
    limits = np.array([panel.get_xlim() for panel in panels])
    low, high = limits[:, 0].min(), limits[:, 1].max()
    for panel in panels:
        panel.set_xlim(0 if low < 0.3 * high else low, high)
