"""The probability of being on time, by encoding time and timeout."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tv2sim.base.errors import InputError
from tv2sim.experiments.replications import Replications
from tv2sim.plots import style
from tv2sim.plots.study import checked

_MOST_CELLS = 16
_COLOURS = "cividis"


def on_time_map(reps: Replications, ax: Axes | None = None) -> Axes:
    """Show the probability of being on time by encoding time and timeout, and the number of videos.

    Values that are multiples of a step have a cell each, at their place on the axes; others are grouped into
    intervals. Cells without videos are blank.

    Parameters
    ----------
    reps : Replications
        What :func:`tv2sim.replicate` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `reps` is something else, or has no video or no replication.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ax = tv.plots.on_time_map(tv.replicate(tv.generate_catalogue(), "1", replications=20))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('publication timeout (s)', 'encoding time (s)')
    """
    reps = checked(reps, Replications, "a map of on-time probabilities", "replicate")
    if not len(reps) or not len(reps.catalogue):
        raise InputError("a map of on-time probabilities needs at least one replication and one video")
    encoding_time = np.nan_to_num(reps.catalogue.encoding_time)
    across, along = _scale(reps.catalogue.publication_timeout), _scale(encoding_time)
    shape = (len(along.edges) - 1, len(across.edges) - 1)
    cell = np.ravel_multi_index((along.places, across.places), shape)
    count, good = (
        np.bincount(cell, weights, minlength=math.prod(shape)).reshape(shape)
        for weights in (None, reps.on_time["on_time"])
    )
    share = np.divide(good, count * len(reps), out=np.full(shape, np.nan), where=count > 0)
    ax = style.axes(ax, 1.6 + 0.46 * shape[0], grid=None)
    mesh = ax.pcolormesh(
        across.edges, along.edges, share, cmap=_COLOURS, vmin=0, vmax=1, edgecolor="white", linewidth=1.2
    )
    for row, column in np.argwhere(count > 0).tolist():
        at = (across.edges[column : column + 2].mean(), along.edges[row : row + 2].mean())
        value = float(share[row, column])
        how = {"xycoords": "data", "ha": "center", "color": _on(colormaps[_COLOURS](value)[:3])}
        style.note(ax, _percent(value), at, (0, 5), fontsize=style.TEXT, **how)
        style.note(ax, f"{count[row, column]:,}", at, (0, -8), fontsize=9, **how)
    for axis, scale in ((ax.xaxis, across), (ax.yaxis, along)):
        axis.set_ticks(*scale.ticks)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    bar = style.figure_of(ax).colorbar(mesh, ax=ax, pad=0.02, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0", "25", "50", "75", "100"], fontsize=style.SMALL, color=style.INK)
    bar.set_label("on time (%)", fontsize=style.TEXT, color=style.INK)
    bar.outline.set_visible(False)
    title = f"Which videos are on time: strategy {style.fold(reps.strategy.name, 24, 1)}"
    below = f"On-time probability in %, below it the number of videos; {len(reps):,} replications"
    style.titles(ax, title, below, x="publication timeout (s)", y="encoding time (s)")
    return ax


class _Scale(NamedTuple):
    """The intervals that an axis is divided into, and its ticks: positions and texts."""

    edges: NDArray[np.float64]
    ticks: tuple[list[float], list[str]]
    places: NDArray[np.int64]
    """The number of the interval of each video."""


def _scale(values: NDArray[np.float64]) -> _Scale:
    """Divide an axis: a cell per step, or per distinct value if they are few, or intervals of round numbers."""
    distinct = np.unique(values)
    step = _step(distinct)
    cells = round((distinct[-1] - distinct[0]) / step) + 1 if step else 0
    if 0 < cells <= _MOST_CELLS:
        middles = distinct[0] + step * np.arange(cells)
        edges = np.append(middles - step / 2, middles[-1] + step / 2)
        return _Scale(edges, (middles.tolist(), _written(middles)), np.searchsorted(edges, values) - 1)
    if len(distinct) <= _MOST_CELLS:
        places = np.searchsorted(distinct, values)
        number = np.arange(len(distinct) + 1.0)
        return _Scale(number - 0.5, (number[:-1].tolist(), _written(distinct)), places)
    round_numbers = MaxNLocator(_MOST_CELLS - 4, steps=[1, 2, 2.5, 5, 10])
    edges = np.asarray(round_numbers.tick_values(distinct[0], distinct[-1]), dtype=np.float64)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return _Scale(edges, (edges.tolist(), _written(edges)), places)


def _step(distinct: NDArray[np.float64]) -> float:
    """Return the greatest step that all differences are multiples of, or 0 if values have over 3 decimals.

    Examples
    --------
    >>> _step(np.array([1.0, 3.0, 6.0])), _step(np.array([0.5, 1.5, 3.0])), _step(np.array([0.0, 1 / 3]))
    (1.0, 0.5, 0.0)
    """
    if len(distinct) == 1:
        return 1.0
    for decimals in range(4):
        whole = np.rint(distinct * 10**decimals)
        if abs(whole[-1]) < 1e15 and np.allclose(whole, distinct * 10**decimals, rtol=1e-12, atol=1e-9):
            return float(np.gcd.reduce(np.diff(whole).astype(np.int64)) / 10**decimals)
    return 0.0


def _written(values: NDArray[np.float64]) -> list[str]:
    return [f"{value:.6g}".replace("-", "−") for value in values]


def _on(colour: tuple[float, ...]) -> str:
    """Return black or white, whichever has more contrast with a colour (relative luminance of WCAG 2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def _percent(share: float) -> str:
    """Write a share in whole percent; only never is 0, and only always is 100.

    >>> [_percent(share) for share in (0, 0.001, 0.5, 0.999, 1)]
    ['0', '<1', '50', '>99', '100']
    """
    if 0 < share < 0.01:
        return "<1"
    return ">99" if 0.99 < share < 1 else f"{100 * share:.0f}"
