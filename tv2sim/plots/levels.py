"""The levels of one run over time, as step functions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tv2sim.base.checks import a_number
from tv2sim.plots import style
from tv2sim.plots.study import as_run
from tv2sim.results.run import Run

_LEVELS = {
    "encoders_busy": ("encoders\nbusy", style.SKY),
    "encoders_down": ("encoders\ndown", style.VERMILLION),
    "publishing_queue": ("videos in the\npublishing queue", style.ORANGE),
    "publishers_starting": ("publishers\nstarting", style.MIDDLE),
    "publishers_ready": ("publishers\nready", style.GREEN),
    "publishers_busy": ("publishers\nbusy", style.BLUE),
}
"""The levels that have lanes, where a run has them: their names, and their colours."""
_USUAL = 4
"""Lanes for which a chart of the usual height has room."""
_MOST_STEPS = 4000
"""A curve with more steps is drawn as an envelope."""
_BINS = 400
"""Stretches of time of an envelope: it shows the highest and the lowest level in each."""
_TALL = 0.78
"""Height of a level's peak; each level has a lane of height 1."""


def levels(run: Run, ax: Axes | None = None, *, until: float | None = None) -> Axes:
    r"""Show how many encoders are busy, videos wait, and publishers are starting and ready, over time.

    Encoders that are down and busy publishers have lanes where the scenario can have them. Each level has its
    own lane, drawn to its own peak. For a long run, a lane shows the lowest and (paler) the highest level in
    each of 400 stretches of time.

    Parameters
    ----------
    run : Run
        What :func:`tv2sim.simulate` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.
    until : float, optional
        Seconds to show; default is all of it.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `run` is not a run, or `until` is not a positive number.

    Examples
    --------
    >>> import tv2sim as tv
    >>> ax = tv.plots.levels(tv.simulate(tv.generate_catalogue(), "2c"))
    >>> [text.get_text() for text in ax.texts][1]
    'peak 10\nmean 7.75'
    """
    run = as_run(run)
    stop = run.end if until is None else min(a_number("until", until, above=0), run.end)
    times = run.levels["time"].to_numpy(dtype=np.float64)
    kept = int(np.searchsorted(times, stop, side="right"))
    edges = np.append(times[:kept], max(stop, times[kept - 1] if kept else 0.0, 1e-9))
    hidden = {"encoders_busy"} if run.scenario.encoders is None else set()
    lanes = {name: look for name, look in _LEVELS.items() if name in run.levels and name not in hidden}
    ax = style.axes(ax, style.HEIGHT * len(lanes) / _USUAL)
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(-0.06, len(lanes) - 0.1)
    for lane, (name, (_, colour)) in enumerate(reversed(lanes.items())):
        values = run.levels[name].to_numpy(dtype=np.float64)[:kept]
        peak = values.max(initial=0)
        mean = float((values * np.diff(edges)).sum() / edges[-1])
        for curve, at, alpha in _curves(values, edges):
            height = lane + _TALL * curve / max(peak, 1)
            ax.stairs(height, at, baseline=lane, fill=True, color=colour, alpha=alpha, linewidth=0)
        ax.axhline(lane, color=style.GREY, linewidth=0.8)
        style.remark(ax, lane + _TALL / 2, f"peak {peak:,.0f}\nmean {mean:,.3g}" if peak else "always 0")
    middles = [lane + _TALL / 2 for lane in range(len(lanes))]
    style.tick_names(ax, middles, [words for words, _ in reversed(lanes.values())])
    ax.spines["left"].set_visible(False)
    style.grid(ax, "x")
    below = "Each lane is drawn to its own peak"
    if kept > _MOST_STEPS:
        below += "; pale: the highest in each stretch of time"
    if stop < run.end:
        below += f"; first {stop:,.4g} of {run.end:,.6g} s"
    style.titles(ax, f"Levels in one run: strategy {style.fold(run.strategy.name, 28, 1)}", below, x="time (s)")
    return ax


def _curves(
    values: NDArray[np.float64], edges: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """Yield curves, each with its edges and opacity: the step function, or its envelope if it is very long."""
    if len(values) <= _MOST_STEPS:
        yield values, edges, 1.0
        return
    bins = np.linspace(edges[0], edges[-1], _BINS + 1)
    # a stretch includes the state at its beginning
    first = np.searchsorted(edges[:-1], bins[:-1], side="right") - 1
    last = np.maximum(np.searchsorted(edges[:-1], bins[1:], side="left"), first + 1)
    spans = np.stack([first, last], axis=-1).ravel()
    padded = np.append(values, values[-1])  # the indices of reduceat must be below the length
    yield np.maximum.reduceat(padded, spans)[::2], bins, 0.45
    yield np.minimum.reduceat(padded, spans)[::2], bins, 1.0
