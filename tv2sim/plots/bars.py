"""The timeline of one run: what every encoder and every publisher did when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tv2sim.plots import style
from tv2sim.plots.lanes import Block, as_run, encoder_block, publisher_block, window

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from tv2sim.run import Run

__all__ = ["timeline"]

_TINY = 15
"""Up to so many videos, bars bear numbers."""
_GAP = 1.2
"""Rows between encoders and publishers."""

_BARS: dict[str, dict[str, Any]] = {
    "encoding": {"facecolor": style.SKY, "edgecolor": "white"},
    "encoder kept waiting": {"facecolor": "white", "edgecolor": style.BLUE, "hatch": "xxxx"},
    "publisher starting": {"facecolor": style.MIDDLE, "edgecolor": "white"},
    "publisher ready, idle": {"facecolor": style.GREEN, "edgecolor": "white"},
    "publishing": {"facecolor": style.BLUE, "edgecolor": "white"},
}
_MARKS: dict[str, dict[str, Any]] = {
    "published in time": {"marker": "|", "color": style.BLACK},
    "published late": {"marker": "X", "color": style.VERMILLION, "markeredgecolor": "white"},
}


def timeline(run: Run, ax: Axes | None = None, *, until: float | None = None) -> Axes:
    """Show a bar per video on the encoders, and the lives of the publishers with their publications.

    A row of publishers holds one after another: each takes the first row that is free. Up to 15 videos bear
    their number (v) and their publishers theirs (p), as in the run's tables.

    Parameters
    ----------
    run : Run
        What :func:`tv2sim.simulate` gave.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.
    until : float, optional
        Seconds to show (and never more than 5,000 videos); default is all of it, or the first 200 videos.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `run` is something else, or `until` no positive number.

    Examples
    --------
    >>> import tv2sim as tv
    >>> run = tv.simulate(tv.generate_catalogue(), "2c")
    >>> [label.get_text() for label in tv.plots.timeline(run, until=30).get_yticklabels()]
    ['encoders', 'publishers']
    """
    run = as_run(run)
    stop, remark = window(run, until)
    encoders, publishers = encoder_block(run, stop), publisher_block(run, stop)
    below = encoders.rows + _GAP
    rows = below + max(publishers.rows, 1)
    ax = style.axes(ax, 1.7 + 0.115 * rows)
    ax.set_xlim(0, stop)
    ax.set_ylim(rows - 0.4, -0.6)
    pitch = _points(ax) / (rows + 0.2)
    drawn = {**_bars(ax, encoders, 0), **_bars(ax, publishers, below)}
    drawn |= _publications(ax, run, publishers, below, stop, pitch)
    _name_rows(ax, encoders, publishers, below, pitch)
    if len(run.catalogue) <= _TINY:
        _number(ax, encoders, "encoding", "v", 0)
        _number(ax, publishers, "publisher starting", "p", below)
    if run.ending != "completed" and not remark:
        ax.axvline(run.end, color=style.VERMILLION, linewidth=2, linestyle=(0, (3, 2)), clip_on=False)
    ax.grid(axis="x", color=style.LIGHT, linewidth=0.7)
    style.legend(ax, list(drawn.values()), list(drawn))
    style.titles(
        ax,
        f"Timeline of one run: strategy {style.fold(run.strategy.name, 26, 1)}",
        _outcome(run, remark),
        x="time (s)",
    )
    return ax


def _outcome(run: Run, remark: str) -> str:
    """Say what came of the videos, and what part of the run is seen."""
    published, late = run.stats["published"], run.stats["publish_failed"]
    unfinished = len(run.catalogue) - published - late
    parts = [f"{published:,} of {len(run.catalogue):,} videos published in time, {late:,} late"]
    parts += [f"{unfinished:,} unfinished ({run.ending} at {run.end:,.6g} s)"] if unfinished else []
    return "; ".join([*parts, *filter(None, [remark and f"shown: {remark}"])])


def _points(ax: Axes) -> float:
    """Return the height of the axes in points."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return float(ax.bbox.height / figure.dpi * 72)


def _bars(ax: Axes, block: Block, above: float) -> dict[str, Artist]:
    """Draw a block's bars below so many rows, and return a patch for the legend per kind that occurs."""
    used: dict[str, Artist] = {}
    for name, (begin, end) in block.bars.items():
        there = ~np.isnan(begin)
        if not there.any():
            continue
        left, right, y = begin[there], end[there], above + block.row[there]
        corners = [(left, y - 0.4), (left, y + 0.4), (right, y + 0.4), (right, y - 0.4)]
        shape = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
        ax.add_collection(PolyCollection(list(shape), linewidth=0.4, label=name, **_BARS[name]), autolim=False)
        used[name] = Patch(**_BARS[name])
    return used


def _publications(
    ax: Axes, run: Run, publishers: Block, above: float, stop: float, pitch: float
) -> dict[str, Artist]:
    """Mark publications at the ends of their publishers' bars, the late ones on top."""
    place = np.full(len(run.publishers), -1, dtype=np.int64)
    place[publishers.number] = publishers.row
    published = run.videos["published"].to_numpy()
    video = np.flatnonzero(published <= stop)
    y = place[run.videos["publisher"].to_numpy(dtype=np.int64, na_value=-1)[video]]
    video, y = video[y >= 0], y[y >= 0]
    good = run.videos["on_time"].to_numpy()[video]
    used: dict[str, Artist] = {}
    for (name, look), chosen in zip(_MARKS.items(), (good, ~good), strict=True):
        if not chosen.any():
            continue
        late = name == "published late"
        how = {
            "linestyle": "none", "markersize": min(12.0, max(7.0, pitch)) if late else min(12.0, 0.85 * pitch),
            "markeredgewidth": 0.6 if late else 1.8, "zorder": 4 if late else 3, **look,
        }  # fmt: skip
        ax.plot(published[video[chosen]], above + y[chosen], label=name, clip_on=False, **how)
        used[name] = Line2D([], [], **{**how, "markersize": 9.0})
    return used


def _name_rows(ax: Axes, encoders: Block, publishers: Block, below: float, pitch: float) -> None:
    """Name each encoder where there is room, else the two blocks."""
    some = pitch >= 13
    ticks: list[float] = list(range(encoders.rows)) if some else [(encoders.rows - 1) / 2]
    hidden = [
        f"\n({block.rows} of {block.rows + block.hidden})" if block.hidden else ""
        for block in (encoders, publishers)
    ]
    names = [f"encoder {number}" for number in ticks] if some else [f"encoders{hidden[0]}"]
    ticks.append(below + max(publishers.rows - 1, 0) / 2)
    names.append(f"publishers{hidden[1]}" if publishers.rows else "no publisher")
    style.tick_names(ax, ticks, names, size=style.SMALL if some else style.TEXT)


def _number(ax: Axes, block: Block, kind: str, letter: str, above: float) -> None:
    """Write numbers into a block's bars of one kind."""
    begin, end = block.bars[kind]
    for number, row, left, right in zip(block.number, block.row, begin, end, strict=True):
        if not np.isnan(left):
            ax.text(
                (left + right) / 2, above + row, f"{letter}{number}", ha="center", va="center", color=style.INK,
                fontsize=style.SMALL, clip_on=True,
            )  # fmt: skip
