"""The distribution of lateness: how late, or how early, videos are published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from tv2sim.base.digits import number
from tv2sim.base.errors import InputError
from tv2sim.plots import style
from tv2sim.plots.study import as_run, counted
from tv2sim.results.metrics import happened
from tv2sim.results.run import Run

__all__ = ["lateness"]

_MOST_STEPS = 2000
"""The most steps of a curve; more could not be seen."""


def lateness(runs: Mapping[str, Run | Iterable[Run]] | Iterable[Run] | Run, ax: Axes | None = None) -> Axes:
    """Show the distribution of lateness, elapsed - timeout, which is at most 0 for a video that is on time.

    The height of a curve at x is the share of all videos that were published at most x seconds after their
    deadline; at 0 it is the on-time rate. Where videos were never published, the curve ends below 100 %.

    Parameters
    ----------
    runs : mapping of name to runs, or runs
        What :func:`tv2sim.simulate` returned; runs without names are grouped by strategy.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If there is no run, or one of the values is not a run.

    Examples
    --------
    >>> import tv2sim as tv
    >>> runs = [tv.simulate(tv.generate_catalogue(), part) for part in ("1", "2a")]
    >>> ax = tv.plots.lateness(runs)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1: 37.7 % on time', '2a: 86.4 % on time']
    """
    named = _named(runs)
    names = [f"{style.fold(name, 40, 1)}: {_rate(group)} on time" for name, group in named.items()]
    ax = style.axes(ax, style.room_for(names))
    style.grid(ax)
    handles = []
    curves = [_curve(group) for group in named.values()]
    low = min((float(x[0]) for x, _ in curves if len(x)), default=-1.0)
    high = max((float(x[-1]) for x, _ in curves if len(x)), default=1.0)
    margin = 0.04 * max(high - low, 1.0)
    left, right = min(low, -3 * margin) - margin, max(high, 3 * margin) + margin  # both sides of 0 are shown
    for place, (x, share) in enumerate(curves):
        at = np.concatenate([[left], x, [right]])
        height = 100 * np.concatenate([[0.0], share, share[-1:] if len(share) else [0.0]])
        how = style.line(style.look(place), place, len(curves))
        ax.step(at, height, where="post", **how)
        handles.append(Line2D([], [], **how))
    ax.axvspan(0, right, color=style.ORANGE, alpha=0.13, linewidth=0, zorder=0)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    ax.set_xlim(left, right)
    ax.set_ylim(0, 103)
    # the two corners that a distribution function leaves free
    style.note(ax, "on time", (0, 1), (6, -4), va="top", fontsize=style.TEXT)
    style.note(ax, "late", (1, 0), (-6, 6), ha="right", va="bottom", fontsize=style.TEXT)
    style.legend(ax, handles, names)
    x_label, y_label = "lateness: elapsed − timeout (s)", "videos published by then (%)"
    style.titles(ax, "How late videos are published", _below(named), x=x_label, y=y_label)
    return ax


def _named(runs: object) -> dict[str, list[Run]]:
    """Return the runs by their given names, or by the names of their strategies."""
    named: dict[str, list[Run]] = {}
    if isinstance(runs, Mapping):
        named = {str(name): _listed(group) for name, group in runs.items()}
    else:
        for run in _listed(runs):
            named.setdefault(run.strategy.name, []).append(run)
    if not named or not all(named.values()):
        raise InputError("a chart of lateness needs at least one run of each name")
    return named


def _listed(runs: object) -> list[Run]:
    return [as_run(run, "lateness") for run in (runs if isinstance(runs, Iterable) else [runs])]


def _curve(runs: list[Run]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each lateness that occurs, and the share of all videos with no more than it."""
    late = [run.videos["elapsed"].to_numpy() - run.catalogue.publication_timeout for run in runs]
    x, counts = np.unique(happened(np.concatenate(late)), return_counts=True)
    share = np.cumsum(counts) / max(sum(len(run.catalogue) for run in runs), 1)
    if len(x) > _MOST_STEPS:
        # evenly spaced steps, with the first and the last, and the one at 0, which is the on-time rate
        at_zero = max(int(np.searchsorted(x, 0, side="right")) - 1, 0)
        kept = np.unique([*np.linspace(0, len(x) - 1, _MOST_STEPS).astype(np.int64), at_zero])
        x, share = x[kept], share[kept]
    return x, share


def _rate(runs: list[Run]) -> str:
    """Return the on-time rate over all videos of some runs, in words."""
    published, videos = sum(run.stats["published"] for run in runs), sum(len(run.catalogue) for run in runs)
    return f"{number(100 * published / videos, 1)} %" if videos else "none"


def _below(named: dict[str, list[Run]]) -> str:
    """Return the explanation below the title."""
    runs = [run for group in named.values() for run in group]
    each = counted(map(len, named.values()), "run")
    each += " of each" if len(named) > 1 else ""
    without = sum(int(run.summary["unfinished"]) for run in runs)
    missing = f"; {without:,} never published" if without else ""
    return f"Share of all videos of {each}; at 0 s it is the on-time rate{missing}"
