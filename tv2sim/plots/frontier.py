"""Failures against idle time on a logarithmic scale: a line for each family of strategies."""

from __future__ import annotations

from math import inf, isfinite, nan
from os.path import commonprefix
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from tv2sim.experiment import Comparison, Replications
from tv2sim.metrics import METRICS
from tv2sim.numbers import axis, scaled
from tv2sim.plots import style
from tv2sim.plots.panels import columns_of, label_frame, panels_in
from tv2sim.plots.parameters import Series, families, in_words
from tv2sim.plots.study import Shown, study_of
from tv2sim.validation import one_of

__all__ = ["frontier", "frontier_height"]

_NEAR = 15.0
"""Points between two labels of values, below which the second one is not written."""


def frontier(
    study: Comparison | Replications,
    ax: Axes | None = None,
    *,
    metric: str = "failed",
    against: str = "idle",
) -> Axes:
    """Show a metric against what it costs: failed videos, on a logarithmic scale, against idle time.

    Strategies that differ in one number, such as pools of several sizes, are one line, along which that number
    is written. The lower and the more to the left, the better. A mean of 0 has no place on a logarithmic scale:
    it is a hollow triangle at the lower edge, below the upper end of its interval.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure. There is a panel for each catalogue and scenario.
    metric : str
        The name of the metric to show, of which less is better.
    against : str
        The name of the metric to show it against.

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
    for name in (metric, against):
        one_of("metric", name, METRICS)
    data = study_of(study)
    lines = {group: families(shown) for group, shown in data.groups.items()}
    looks = _looks(lines)
    own = ax is None
    ax = style.axes(ax, _height(list(data.groups), list(looks), style.WIDTH))
    panels = panels_in(ax, list(data.groups))
    low, high = _limits([_ends(metric, one) for one in data.shown])
    for panel, group in zip(panels, lines.values(), strict=True):
        style.grid(panel)
        panel.set_yscale("log")
        panel.set_ylim(low, high)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        for series in group:
            _draw(panel, series, looks[_name(series)], metric, against)
    _share_scale(panels)
    style.titles(
        ax, f"{METRICS[metric].label.capitalize()} against {METRICS[against].label}",
        f"Means with {data.interval}s, {data.size}; lower left is better",
        x=axis(against), y=axis(metric),
    )  # fmt: skip
    style.lay_out(style.figure_of(ax))
    below = label_frame(ax, panels)
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line) for look in looks.values()
    ]
    names = [style.fold(name, 44, 1) for name in looks]
    style.legend(ax, handles, names, below=below + 24)
    if own:
        style.lay_out(style.figure_of(ax))
    for panel, group in zip(panels, lines.values(), strict=True):
        _write_values(panel, group, looks, metric, against)
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
    common = commonprefix(names).rstrip(" :=0123456789")  # noqa: RUF071 (of characters)
    return f"{common or series.name}: {series.of}"


# -- one panel ---------------------------------------------------------------------------------------------


def _ends(metric: str, shown: Shown) -> tuple[float, float, float]:
    """Return a mean and the ends of its interval; NaN for a mean that is infinite."""
    interval = scaled(metric, shown.interval(metric))
    return (interval.mean if isfinite(interval.mean) else nan), interval.ci_low, interval.ci_high


def _limits(ends: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return the limits of the logarithmic axis: at least a tenfold, and a little more than the means."""
    means = [mean for mean, _, _ in ends if mean > 0]
    highs = [high for _, _, high in ends if 0 < high < inf]
    low = min(
        [*means, *(high / 3 for (mean, _, _), high in zip(ends, highs, strict=False) if mean == 0)] or [1.0]
    )
    high = max([*means, *highs] or [10.0])
    return low / 1.8, max(high * 1.4, 10 * low)


def _draw(panel: Axes, series: Series, look: style.Look, metric: str, against: str) -> None:
    """Draw a line with the intervals of both metrics."""
    floor, top = panel.get_ylim()
    points = []
    for shown in series.shown:
        mean, low, high = _ends(metric, shown)
        x, left, right = _ends(against, shown)
        y = mean if mean > 0 else floor
        points.append((x, y))
        for bar in (([left, right], [y, y]), ([x, x], np.clip([low, high], floor, top))):
            panel.plot(*bar, color=look.colour, linewidth=1.2, alpha=0.7, solid_capstyle="butt")
        how: dict[str, Any] = (
            {"marker": look.marker} if mean > 0 else {"marker": "v", "markerfacecolor": "white"}
        )
        panel.plot(x, y, color=look.colour, markersize=6.5, clip_on=False, zorder=3, **how)
    if series.of:
        panel.plot(*zip(*points, strict=True), color=look.colour, linestyle=look.line, linewidth=1.6)


def _share_scale(panels: list[Axes]) -> None:
    """Let all panels have the same horizontal scale, from 0 if that is near."""
    limits = np.array([panel.get_xlim() for panel in panels])
    low, high = limits[:, 0].min(), limits[:, 1].max()
    for panel in panels:
        panel.set_xlim(0 if low < 0.3 * high else low, high)


def _write_values(
    panel: Axes, lines: list[Series], looks: dict[str, style.Look], metric: str, against: str
) -> None:
    """Write the values of the parameters at their points, as far as there is room."""
    point = style.figure_of(panel).dpi / 72
    floor = panel.get_ylim()[0]
    taken: list[Any] = []
    for series in lines:
        for value, shown in zip(series.values, series.shown, strict=False):
            at = _ends(against, shown)[0], max(_ends(metric, shown)[0], floor)
            place = panel.transData.transform(at) / point
            if any(np.abs(place - other).max() < _NEAR for other in taken):
                continue
            taken.append(place)
            style.note(
                panel, in_words(value), at, (5, 6), xycoords="data", color=looks[_name(series)].colour,
                in_layout=False,
            )  # fmt: skip
