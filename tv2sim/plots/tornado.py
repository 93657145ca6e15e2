"""What matters: a metric when each field is moved, one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tv2sim.base.checks import plural
from tv2sim.base.digits import rate
from tv2sim.base.errors import InputError
from tv2sim.experiments.sensitivity import End, Moved, Sensitivity
from tv2sim.experiments.verdicts import is_shown
from tv2sim.plots import style
from tv2sim.plots.study import checked
from tv2sim.plots.style import width_of
from tv2sim.results.figures import axis, estimate, scaled
from tv2sim.results.metrics import METRICS

_HALF = 0.36
"""The height of a bar; rows are 1 apart."""
_PALE = 0.3
"""The opacity of a bar whose interval includes 0."""


def tornado(sensitivity: Sensitivity, ax: Axes | None = None) -> Axes:
    """Show how a metric changes when each field is moved, the field with the longest bar on top.

    Each field has two bars that begin at the metric's usual value: the upper one is for the lower value of the
    field, and the lower one for the higher value. The value of the field is at the end of its bar: of times
    and rates the mean. A line across the end is the interval of the difference from the usual value; where it
    includes 0, the bar is pale.

    Parameters
    ----------
    sensitivity : Sensitivity
        What :func:`tv2sim.sensitivity` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `sensitivity` is something else, or the usual mean is infinite or missing.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ax = tv.plots.tornado(tv.sensitivity(tv.generate_catalogue(), "2c", replications=50))
    >>> [label.get_text() for label in ax.get_yticklabels()][:2]
    ['prewarmed publishers: 10', 'startup time: 4']
    """
    sensitivity = checked(sensitivity, Sensitivity, "a chart of a sensitivity", "sensitivity")
    usual = scaled(sensitivity.metric, sensitivity.interval).mean
    if not isfinite(usual):
        raise InputError(
            f"a mean of {METRICS[sensitivity.metric].label} that is {usual:g} has no place in a chart"
        )
    ax = style.axes(ax, 1.4 + 0.44 * len(sensitivity.rows), grid="x")
    figure = style.figure_of(ax)
    narrow = figure.get_figwidth() < 0.6 * style.WIDTH
    names = [_named(row, 16 if narrow else 30) for row in sensitivity.rows]
    style.tick_names(ax, [-float(at) for at in range(len(names))], names)
    ax.axvline(usual, color=style.INK, linewidth=1.2)
    ends = [
        (end.short, *_bar(ax, sensitivity.metric, usual, end, -at + side * _HALF / 2, colour))
        for at, row in enumerate(sensitivity.rows)
        for end, side, colour in ((row.low, 1, style.BLUE), (row.high, -1, style.ORANGE))
        if end is not None and isfinite(end.difference.mean)
    ]
    ax.set_ylim(-len(names) + 0.4, 0.6)
    style.lay_out(figure)
    _label(ax, usual, ends)
    share = rate(sensitivity.by)
    below = [
        f"Upper bars: {share} less, lower bars: {share} more; pale: no effect shown",
        f"{rate(sensitivity.confidence)} intervals, {plural(len(sensitivity.usual), 'replication')}",
        f"usually {estimate(sensitivity.metric, sensitivity.interval)}",
    ]
    title = f"What matters most: {METRICS[sensitivity.metric].label}"
    style.titles(
        ax, "What matters" if narrow else title, "; ".join(below[: 1 if narrow else 3]),
        x=axis(sensitivity.metric), width=width_of(ax),
    )  # fmt: skip
    return ax


def _named(row: Moved, width: int) -> str:
    """Return the name of a field with its usual value, on the same line if there is room."""
    name, value = style.fold(row.label, width), style.fold(row.short, width, 1)
    fits = len(name.rpartition("\n")[2]) + len(value) + 2 <= width
    return f"{name}:{' ' if fits else chr(10)}{value}"


def _bar(ax: Axes, metric: str, usual: float, end: End, y: float, colour: str) -> tuple[float, float]:
    """Draw a bar with its interval; return its end, beyond the interval, and its height."""
    difference = scaled(metric, end.difference.interval)
    alpha = 1 if is_shown(end.difference) else _PALE
    ax.barh(y, difference.mean, _HALF, left=usual, color=colour, alpha=alpha, linewidth=0)
    ends = [usual + one for one in (difference.ci_low, difference.ci_high)]
    ax.plot(ends, [y, y], color=style.INK, linewidth=1.2, alpha=max(alpha, 0.5), solid_capstyle="butt")
    reach = [usual + difference.mean, *(one for one in ends if isfinite(one))]
    return (max(reach) if difference.mean >= 0 else min(reach)), y


def _label(ax: Axes, usual: float, ends: list[tuple[str, float, float]]) -> None:
    """Write the values of the fields at the ends of their bars, and make room for them."""
    places = [usual, *(x for _, x, _ in ends)]
    low, high = min(places), max(places)
    width = 72 * width_of(ax)
    left = _room(text for text, x, _ in ends if x < usual)
    right = _room(text for text, x, _ in ends if x >= usual)
    unit = (high - low or 1.0) / max(width - left - right, 0.3 * width)
    first, last = low - unit * left, high + unit * right
    ticks = MaxNLocator(max(4, int(width / 50)), steps=[1, 2, 2.5, 5, 10]).tick_values(first, last)
    ax.set_xlim(first, last)
    ax.set_xticks([tick for tick in ticks if (first if low < 0 else max(first, 0)) <= tick <= last])
    for text, x, y in ends:
        side, where = (-1, "right") if x < usual else (1, "left")
        style.note(ax, text, (x, y), (4 * side, 0), xycoords="data", in_layout=False, ha=where)


def _room(texts: Iterable[str]) -> float:
    """Return the points that the longest text takes."""
    return max((style.LETTER * len(text) for text in texts), default=0.0) + 8
