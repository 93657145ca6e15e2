"""Charts along a line: a metric against a parameter, a mean as replications are added, quantiles of times."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, nan
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter
from matplotlib.transforms import ScaledTranslation, Transform
from numpy.typing import NDArray

from tv2sim.base.checks import one_of
from tv2sim.base.digits import p_equals
from tv2sim.base.errors import InputError
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.plots import style
from tv2sim.plots.study import (
    Ends,
    Series,
    Swept,
    checked,
    ends,
    is_rarely_late,
    share_late,
    study_of,
    swept_by,
)
from tv2sim.results.figures import axis, estimate, in_words, scaled
from tv2sim.results.metrics import METRICS, ON_TIME_RATE
from tv2sim.world.fitting import Fit

# -- a metric against a parameter --------------------------------------------------------------------------


_LONGEST = 7
"""The most characters of a number that is written at its tick; otherwise ticks are at round numbers."""


def sweep(
    study: Comparison, ax: Axes | None = None, *, metric: str = ON_TIME_RATE, parameter: str | None = None
) -> Axes:
    """Show a metric, with its interval, against a parameter: a line for each strategy.

    The parameter is a field in which scenarios differ, or the only number in which strategies differ, such as
    the size of the pool. Such strategies are one line, and other strategies are level lines. There is a panel
    for each combination of the other values in which scenarios differ. Where each of a few panels would have
    one line, the lines are in one panel. On-time rates of 99 % and more are shown as shares of late videos on a
    logarithmic scale, as by :func:`on_time_rates`.

    Parameters
    ----------
    study : Comparison
        What :func:`tv2sim.compare` returned for several scenarios, or for strategies that differ in a number.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure. Several panels are drawn within it (``ax.child_axes``).
    metric : str
        As for :func:`tv2sim.plots.convergence`.
    parameter : str, optional
        The name of the field, such as "encoders" or "faults.startup"; default is the numeric one with the
        most values.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If there is no such metric, or nothing varies, or not the parameter that was asked for.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> study = tv.compare(catalogue, ["2a", "2c"], {"encoders": [4, 6, 8]}, replications=20)
    >>> ax = tv.plots.sweep(study)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('encoders', 'on-time rate (%)')

    How large the pool has to be, for two rates of requests:

    >>> pools = [f"2c:{size}" for size in range(6, 13)]
    >>> study = tv.compare(catalogue, pools, {"requests_per_second": [1, 2]}, replications=20)
    >>> ax = tv.plots.sweep(study, metric="failed")
    >>> ax.get_xlabel()
    'prewarmed publishers'
    >>> [text.get_text() for text in ax.texts][1:]
    ['requests_per_second=1', 'requests_per_second=2']
    """
    one_of("metric", metric, METRICS)
    data = study_of(study)
    swept = swept_by(data, parameter)
    own = ax is None
    names = [panel.name for panel in swept.panels]
    ax = style.axes(ax, style.panels_height(style.WIDTH, names))
    right = style.columns_of(style.width_of(ax), names) - 1
    panels = style.panels_in(ax, names)
    rare = metric == ON_TIME_RATE and is_rarely_late(data)
    found = {shown.cell: shown.interval(metric) for shown in data.shown}
    means = {cell: ends(metric, share_late(one) if rare else one) for cell, one in found.items()}
    for panel, (_, lines) in zip(panels, swept.panels, strict=True):
        if rare:
            style.scale_of_late_videos(panel, means.values(), "y")
        else:
            panel.set_ylim(_limits(metric, np.array(list(means.values()))))
        _scale(panel, swept)
        for series in lines:
            _draw_line(panel, swept, series, means)
    name, what = swept.label.removesuffix(" (s)"), "late videos" if rare else METRICS[metric].label
    below = f"Means with {data.interval}s, {data.size}" + (f"; {swept.of}" if swept.of else "")
    y = "late videos (%)" if rare else axis(metric)
    style.titles(ax, f"{what.capitalize()} against {name}", below, x=swept.label, y=y)
    _name_lines(ax, panels, swept, means, right=right, own=own)
    return ax


def sweep_height(study: Comparison, width: float, *, parameter: str | None = None) -> float:
    """Return the height in inches that :func:`sweep` needs in a figure of this width, for all of its panels.

    Raises
    ------
    InputError
        If nothing varies, or not the parameter that was asked for.
    """
    return style.panels_height(width, [panel.name for panel in swept_by(study_of(study), parameter).panels])


# -- the lines of a sweep ----------------------------------------------------------------------------------


Means: TypeAlias = dict[Cell, Ends]
"""The mean of each cell and the ends of its interval, NaN where there is none."""


def _limits(metric: str, ends: NDArray[np.float64]) -> tuple[float, float]:
    """Return the limits of the vertical axis, the same in all panels; what is infinite does not count."""
    ends = ends[np.isfinite(ends)]
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (0.0, 1.0)
    # tiny differences are not magnified
    least = 1.0 if METRICS[metric].unit == "%" else 0.05 * max(abs(low), abs(high)) or 1.0
    middle, half = (low + high) / 2, 0.57 * max(high - low, least)
    return middle - half, middle + half


def _draw_line(panel: Axes, swept: Swept, series: Series, means: Means) -> None:
    """Draw a line with its intervals: bars, or a band if it is level.

    A mean below a logarithmic axis is a hollow triangle at its edge.
    """
    mean, low, high = np.array([means[shown.cell] for shown in series.shown]).T
    floor = panel.get_ylim()[0]
    below = np.flatnonzero(mean <= floor)
    mean, (low, high) = np.maximum(mean, floor), np.clip([low, high], *panel.get_ylim())
    colour, how = series.look.colour, _line_style(swept, series.name)
    if not series.values:
        panel.axhline(mean[0], **how | {"marker": ""})
        if isfinite(low[0]):
            panel.axhspan(low[0], high[0], color=colour, alpha=0.15, linewidth=0)
        return
    x, coordinates = _places(swept, series), _coordinates(panel, swept, series.name)
    for at, *bar in zip(x, low, high, strict=True):
        panel.plot([at, at], bar, color=colour, linewidth=1.6, solid_capstyle="butt", transform=coordinates)
    panel.plot(x, mean, transform=coordinates, markevery=np.flatnonzero(mean > floor).tolist(), **how)
    if len(below):
        triangle: dict[str, Any] = {"marker": "v", "facecolor": "white", "edgecolor": colour, "zorder": 3}
        panel.scatter(np.array(x)[below], mean[below], 42, transform=coordinates, clip_on=False, **triangle)


def _line_style(swept: Swept, name: str) -> dict[str, Any]:
    """Return how a line is drawn."""
    look = swept.looks[name]
    line = style.line(look, list(swept.looks).index(name), len(swept.looks))
    return line | {"marker": look.marker, "markersize": 6.5} | ({} if swept.numeric else {"linewidth": 0.8})


def _coordinates(panel: Axes, swept: Swept, name: str) -> Transform:
    """Return the coordinates of a line, a few points beside the others, so that no interval hides another."""
    names = list(dict.fromkeys(one.name for panel in swept.panels for one in panel.lines if one.values))
    points = min(4.0, 18 / len(names)) * (names.index(name) - (len(names) - 1) / 2)
    return panel.transData + ScaledTranslation(points / 72, 0, style.figure_of(panel).dpi_scale_trans)


# -- the names of a sweep ----------------------------------------------------------------------------------


def _name_lines(ax: Axes, panels: list[Axes], swept: Swept, means: Means, *, right: int, own: bool) -> None:
    """Name the values at their ticks, and the lines beside the panel at the right, or else in a legend."""
    panel, lines = panels[right], {series.name: series for series in swept.panels[right].lines}
    figure, several = style.figure_of(ax), len(swept.looks) > 1
    labels = style.write_names(panel, list(lines)) if several and list(lines) == list(swept.looks) else []
    style.lay_out(figure)
    for each in panels:
        _name_values(each, swept)
    below = style.label_frame(ax, panels)
    if panels != [ax] or not swept.numeric:  # ticks or labels of the axes have become higher
        style.lay_out(figure)
    if labels and style.place_names(
        panel, labels, [_end(panel, swept, series, means) for series in lines.values()]
    ):
        return
    style.remove_names(labels)
    if several:
        handles = [Line2D([], [], **_line_style(swept, name)) for name in swept.looks]
        entries = [style.fold(name, 40, 1) for name in swept.looks]
        style.legend(ax, handles, entries, below=below + 26)
        if own:
            figure.set_figheight(figure.get_figheight() + style.room_for(entries) - style.HEIGHT)


def _end(panel: Axes, swept: Swept, series: Series, means: Means) -> style.End:
    """Return the right end of a line."""
    heights = [float(np.maximum(means[shown.cell][0], panel.get_ylim()[0])) for shown in series.shown]
    if not series.values:
        return style.End(1, heights[0], panel.get_yaxis_transform(), series.look.colour)
    coordinates = _coordinates(panel, swept, series.name)
    there = [(x, y) for x, y in zip(_places(swept, series), heights, strict=True) if isfinite(y)]
    return style.End(*max(there, default=(nan, nan)), coordinates, series.look.colour)


# -- the horizontal axis of a sweep ------------------------------------------------------------------------


def _places(swept: Swept, series: Series) -> list[float]:
    """Return the horizontal places of a line's points: their numbers, or their places in the list of values."""
    if swept.numeric:
        return [float(value) for value in series.values]
    known = list(map(repr, swept.values))
    return [float(known.index(repr(value))) for value in series.values]


def _scale(panel: Axes, swept: Swept) -> None:
    """Set the scale and the limits of the horizontal axis."""
    if not swept.numeric:
        panel.set_xlim(-0.5, len(swept.values) - 0.5)
        return
    low, high = float(swept.values[0]), float(swept.values[-1])
    if _is_log_spaced(swept.values):
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
        margin = (high / low) ** 0.06
        panel.set_xlim(low / margin, high * margin)
    else:
        margin = 0.06 * (high - low)
        panel.set_xlim(low - margin, high + margin)


def _is_log_spaced(values: Sequence[float]) -> bool:
    """Say whether ascending values are spaced evenly on a logarithmic axis.

    >>> [_is_log_spaced(values) for values in ([1, 2, 5, 10, 20], [10, 100, 1000], [5, 10, 15, 20], [0, 1, 10])]
    [True, True, False, False]
    """
    if len(values) < 3 or values[0] <= 0 or values[-1] < 10 * values[0]:
        return False
    steps = np.diff(np.log(np.array(values, dtype=np.float64)))
    return bool(steps.max() < 1.5 * steps.min())


def _name_values(panel: Axes, swept: Swept) -> None:
    """Write the values at their places, as many as there is room for."""
    names = [style.plain(in_words(value)) for value in swept.values]
    point = style.figure_of(panel).dpi / 72
    how: dict[str, Any] = {"fontsize": style.SMALL, "color": style.INK, "parse_math": False}
    if not swept.numeric:
        fits = int(panel.bbox.width / point / len(names) / style.LETTER)
        if max(map(len, " ".join(names).split())) <= fits:
            names = [style.fold(name, fits, 3) for name in names]
        else:
            names = [style.fold(name, 30, 1) for name in names]
            how |= {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        panel.set_xticks(range(len(names)), names, **how)
    elif max(map(len, names)) <= _LONGEST:
        values = [float(value) for value in swept.values]
        places = panel.transData.transform([(value, 0) for value in values])[:, 0] / point
        ticks = _without_overlap(names, places.tolist())
        panel.set_xticks([values[n] for n in ticks], [names[n] for n in ticks], **how)


def _without_overlap(names: Sequence[str], places: Sequence[float]) -> list[int]:
    """Return the numbers of the names that fit beside each other, from the left; places are in points."""
    found: list[int] = []
    free = -inf
    for number, (name, place) in enumerate(zip(names, places, strict=True)):
        half = (len(name) + 1) / 2 * style.LETTER
        if place - half >= free:
            found.append(number)
            free = place + half
    return found


# -- the mean of a metric as replications are added --------------------------------------------------------


_POINTS = 150
"""Numbers of replications at which a mean is drawn; evenly spaced on the logarithmic axis."""
_MOST_BANDS = 12
"""The most cells whose intervals are drawn as bands; more would hide each other."""


def convergence(
    study_or_reps: Comparison | Replications, ax: Axes | None = None, *, metric: str = ON_TIME_RATE
) -> Axes:
    """Show the running mean of a metric, with its interval, against the number of replications.

    Parameters
    ----------
    study_or_reps : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned, with at least 2 replications.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
    metric : str
        The name of the metric to show.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If there is no such metric, or fewer than 2 replications.

    Examples
    --------
    >>> import tv2sim as tv
    >>> reps = tv.replicate(tv.generate_catalogue(), "2c", replications=20)
    >>> tv.plots.convergence(reps, metric="published").get_ylabel()
    'published in time (videos)'
    """
    one_of("metric", metric, METRICS)
    data = study_of(study_or_reps, least=2)
    shown = data.shown
    names = [style.fold(name, 34, 1) for name in data.strategies]
    if len(data.groups) == 1:
        final = [estimate(metric, one.interval(metric)) for one in shown]
        names = [f"{name}: {text}" for name, text in zip(names, final, strict=True)]
    ax = style.axes(ax, style.room_for(names))
    looks = enumerate(data.strategies.items())
    hows = {name: style.line(look, number, len(names)) for number, (name, look) in looks}
    for one in shown:
        first = 10 if len(one.reps) >= 20 else 2  # the interval of very few replications would dwarf all others
        counts = np.unique(np.geomspace(first, len(one.reps), _POINTS).astype(np.int64))
        band = np.array([scaled(metric, one.interval(metric, first=n))[:4] for n in counts])
        if len(shown) <= _MOST_BANDS:
            ax.fill_between(counts, band[:, 2], band[:, 3], color=one.look.colour, alpha=0.2, linewidth=0)
        ax.plot(counts, band[:, 0], **hows[one.cell.strategy])
    _scale_of_replications(ax, max(len(one.reps) for one in shown))
    style.legend(ax, [Line2D([], [], **how) for how in hows.values()], names)
    below = f"Mean of the first n replications, band: its {data.interval}; below: all"
    if len(data.groups) > 1:
        below = f"Mean of the first n replications in each of {len(data.groups)} scenarios"
    title = f"{METRICS[metric].label.capitalize()}: how the mean settles"
    style.titles(ax, title, below, x="replications n (logarithmic)", y=axis(metric))
    return ax


def _scale_of_replications(ax: Axes, most: int) -> None:
    """Make the horizontal axis logarithmic, with ticks at 2, 5, 10, ... and at the last number."""
    ax.set_xscale("log")
    first = 10 if most >= 20 else 2
    ticks = [m * 10**k for k in range(8) for m in (1, 2, 5) if first <= m * 10**k <= most * 0.5]
    ax.set_xticks([*ticks, most])
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", which="minor", length=0)
    ax.set_xlim(first if most > first else 1.5, most * 1.02)


# -- measured times against a fitted distribution ----------------------------------------------------------


_BAND = (0.025, 0.975)


def qq(fit: Fit, ax: Axes | None = None, *, family: str | None = None) -> Axes:
    """Show measured times against the quantiles of a distribution fitted to them (Q-Q chart).

    On the line they agree. If the times had this distribution, each point would be in the band with a
    probability of 95 %.

    Parameters
    ----------
    fit : Fit
        What :func:`tv2sim.fit` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
    family : str, optional
        The candidate, such as "gamma"; default is the best one, or if none fits, the one with the lowest AIC.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `fit` is not a fit, or has no such candidate.

    Examples
    --------
    >>> import tv2sim as tv
    >>> measured = tv.Gamma(2, 2).quantile((np.arange(50) + 0.5) / 50)
    >>> ax = tv.plots.qq(tv.fit(measured), family="gamma")
    >>> ax.get_ylabel()
    'measured time (s)'
    """
    fit = checked(fit, Fit, "a Q-Q chart", "fit")
    candidates = {one.family: one for one in fit.families}
    known = ", ".join(candidates)
    if not candidates:
        raise InputError(f"a Q-Q chart needs a candidate, and this fit has none: {fit}")
    if family not in (None, *candidates):
        raise InputError(f"family must be one of {known}, not {family!r}")
    one = candidates[family] if family else fit.chosen or fit.families[0]
    measured, share = fit.sample.points()
    count = len(fit.sample)

    ax = style.axes(ax)
    expected = one.distribution.quantile(share)
    low, high = (one.distribution.quantile(_quantile_of_order(bound, share, count)) for bound in _BAND)
    ax.fill_between(expected, low, high, color=style.SKY, alpha=0.3, linewidth=0)
    ends = [min(expected[0], measured[0]), max(expected[-1], measured[-1])]
    ax.plot(ends, ends, color=style.INK, linewidth=1.2)
    ax.plot(expected, measured, "o", color=style.BLUE, markersize=4, alpha=0.7, markeredgewidth=0)
    ax.margins(0.04)
    verdict = "fits" if one.fits else "does not fit"
    below = f"{one} {verdict} {fit.sample} ({p_equals(one.p_value)}); band: 95 % of such samples, at each point"
    x = f"quantile of {one} (s)"
    style.titles(ax, "Measured times and a fitted distribution", below, x=x, y="measured time (s)")
    return ax


def _quantile_of_order(bound: float, share: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the quantile of the share that lies below the order statistic of this mean share."""
    from scipy.special import betaincinv

    return np.asarray(betaincinv(count * share + 0.5, count * (1 - share) + 0.5, bound))
