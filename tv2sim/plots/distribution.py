"""How late, or how early, videos are published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from tv2sim.errors import InputError
from tv2sim.metrics import happened
from tv2sim.plots import style
from tv2sim.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["lateness"]

_MOST_STEPS = 2000


def lateness(runs: Mapping[str, Run | Iterable[Run]] | Iterable[Run] | Run, ax: Axes | None = None) -> Axes:
    """Show the distribution of lateness: elapsed less timeout, at most 0 for a video that is on time.

    The height of a curve at x is the share of all videos that were published at most x seconds after their
    deadline; at 0 that is the on-time rate. Videos without a publication keep a curve below 100 %.

    Parameters
    ----------
    runs : mapping of name to runs, or runs
        What :func:`tv2sim.simulate` gave; without names they are grouped by strategy.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If there is no run, or something that is none.

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
    ax.grid(color=style.LIGHT, linewidth=0.7)
    handles = []
    curves = {name: _curve(group) for name, group in named.items()}
    low = min((float(x[0]) for x, _ in curves.values() if len(x)), default=-1.0)
    high = max((float(x[-1]) for x, _ in curves.values() if len(x)), default=1.0)
    margin = 0.04 * max(high - low, 1.0)
    left, right = min(low, -3 * margin) - margin, max(high, 3 * margin) + margin  # both sides of 0 are seen
    for number, (x, share) in enumerate(curves.values()):
        look = style.look(number)
        at = np.concatenate([[left], x, [right]])
        height = 100 * np.concatenate([[0.0], share, share[-1:] if len(share) else [0.0]])
        how = {"color": look.colour, "linestyle": look.line, "linewidth": style.line_width(number, len(curves))}
        ax.step(at, height, where="post", **how)
        handles.append(Line2D([], [], **how))
    ax.axvspan(0, right, color=style.ORANGE, alpha=0.13, linewidth=0, zorder=0)
    ax.axvline(0, color=style.INK, linewidth=1.2)
    ax.set_xlim(left, right)
    ax.set_ylim(0, 103)
    # in the two corners that a distribution function leaves free
    style.note(ax, "on time", (0, 1), (6, -4), ha="left", va="top", fontsize=style.TEXT, color=style.INK)
    style.note(ax, "late", (1, 0), (-6, 6), ha="right", va="bottom", fontsize=style.TEXT, color=style.INK)
    style.legend(ax, handles, names)
    style.titles(
        ax, "How late videos are published", _below(named), x="lateness: elapsed − timeout (s)",
        y="videos published by then (%)",
    )  # fmt: skip
    return ax


def _named(runs: object) -> dict[str, list[Run]]:
    """Return the runs by name, or by their strategies' names."""
    named: dict[str, list[Run]] = {}
    if isinstance(runs, Mapping):
        for name, group in runs.items():
            named[str(name)] = [group] if isinstance(group, Run) else _listed(group)
    else:
        for run in _listed(runs):
            named.setdefault(run.strategy.name, []).append(run)
    if not named or not all(named.values()):
        raise InputError("a chart of lateness needs at least one run of each name")
    return named


def _listed(runs: object) -> list[Run]:
    listed: list[Run] = []
    for run in runs if isinstance(runs, Iterable) else [runs]:
        if not isinstance(run, Run):
            raise InputError(f"a chart of lateness needs what simulate gave, not {run!r}")
        listed.append(run)
    return listed


def _curve(runs: list[Run]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each lateness that occurs, and the share of all videos with no more than it."""
    late = np.concatenate(
        [happened(run.videos["elapsed"].to_numpy() - run.catalogue.publication_timeout) for run in runs]
    )
    x, counts = np.unique(late, return_counts=True)
    share = np.cumsum(counts) / max(sum(len(run.catalogue) for run in runs), 1)
    if (
        len(x) > _MOST_STEPS
    ):  # more than can be seen: keep evenly spaced steps, the first, the last, and that at 0
        kept = np.unique(np.linspace(0, len(x) - 1, _MOST_STEPS).astype(np.int64))
        at_zero = max(int(np.searchsorted(x, 0, side="right")) - 1, 0)
        kept = np.unique(np.append(kept, at_zero))
        x, share = x[kept], share[kept]
    return x, share


def _rate(runs: list[Run]) -> str:
    videos = sum(len(run.catalogue) for run in runs)
    return f"{100 * sum(run.stats['published'] for run in runs) / videos:.1f} %" if videos else "none"


def _below(named: dict[str, list[Run]]) -> str:
    runs = [run for group in named.values() for run in group]
    counts = sorted({len(group) for group in named.values()})
    each = " or ".join(f"{n:,}" for n in counts) + (" runs" if counts != [1] else " run")
    each += " of each" if len(named) > 1 else ""
    without = sum(int(run.summary["unfinished"]) for run in runs)
    missing = f"; {without:,} never published" if without else ""
    return f"Share of all videos of {each}; at 0 s it is the on-time rate{missing}"
