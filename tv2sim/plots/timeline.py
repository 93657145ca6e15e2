"""The timeline of one run: what each encoder and each publisher did when."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from tv2sim.base.checks import a_number
from tv2sim.base.ticks import PER_SECOND
from tv2sim.plots import style
from tv2sim.plots.study import as_run
from tv2sim.results.metrics import holds
from tv2sim.results.run import Run

_USUAL_VIDEOS, _MOST_VIDEOS = 200, 5000
"""How many videos are shown at most: without `until`, and with it."""
_MOST_ROWS = 40
"""The most rows of encoders, and the most of publishers."""
_TINY = 15
"""The most videos for which bars have numbers."""
_GAP = 1.2
"""Rows between encoders and publishers."""
_HELD = "publishers held back"

_BARS: dict[str, dict[str, Any]] = {
    "encoding": {"facecolor": style.SKY, "edgecolor": "white"},
    "encoder kept waiting": {"facecolor": "white", "edgecolor": style.BLUE, "hatch": "xxxx"},
    "encoding interrupted": {"facecolor": "white", "edgecolor": style.VERMILLION, "hatch": "////"},
    "encoder down": {"facecolor": style.INK, "edgecolor": "white"},
    "publisher starting": {"facecolor": style.MIDDLE, "edgecolor": "white"},
    "publisher ready, idle": {"facecolor": style.GREEN, "edgecolor": "white"},
    "publishing": {"facecolor": style.BLUE, "edgecolor": "white"},
}
_OUTLINED = {"markeredgecolor": "white", "markeredgewidth": 0.6}
_MARKS: dict[str, dict[str, Any]] = {
    "published in time": {"marker": "|", "color": style.BLACK, "markeredgewidth": 1.8, "zorder": 3},
    "published late": {"marker": "X", "color": style.VERMILLION, "zorder": 4, **_OUTLINED},
    "published again": {"marker": "D", "color": style.GREY, "zorder": 4, **_OUTLINED},
    "publisher failed": {"marker": "x", "color": style.BLACK, "markeredgewidth": 1.6, "zorder": 4},
}


def timeline(run: Run, ax: Axes | None = None, *, until: float | None = None) -> Axes:
    """Show a bar per video on the encoders, and the lives of the publishers with their publications.

    Where a strategy holds publishers back, shades mark the times at which videos waited although publishers
    were ready. Where something fails, bars show interrupted encodings and encoders that are down, and marks the
    publishers that failed, or that published what a broker had delivered a second time. A row of publishers
    holds one after another: each takes the first row that is free. In a run of up to 15 videos, bars have the
    numbers of videos (v) and publishers (p), as in the run's tables.

    Parameters
    ----------
    run : Run
        What :func:`tv2sim.simulate` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.
    until : float, optional
        Seconds to show (and never more than 5,000 videos); default is all of it, or the first 200 videos.

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
    >>> run = tv.simulate(tv.generate_catalogue(), "2c")
    >>> [label.get_text() for label in tv.plots.timeline(run, until=30).get_yticklabels()]
    ['encoders', 'publishers']
    """
    run = as_run(run)
    stop, remark = _window(run, until)
    encoders, interrupted = _encoders(run, stop)
    publishers = _publishers(run, stop)
    below = encoders.rows + _GAP if encoders.rows else 0
    rows = below + max(publishers.rows, 1)
    ax = style.axes(ax, 1.7 + 0.115 * rows)
    ax.set_xlim(0, stop)
    ax.set_ylim(rows - 0.4, -0.6)
    pitch = float(ax.bbox.height / style.figure_of(ax).dpi * 72) / (rows + 0.2)  # points from row to row
    drawn: dict[str, Artist] = {}
    for block in (encoders, interrupted, _down(run, stop)):
        drawn |= _bars(ax, block, 0)
    drawn |= _bars(ax, publishers, below)
    drawn |= _held_back(ax, run, below, rows, stop)
    drawn |= _marks(ax, run, publishers, below, stop, pitch)
    _name_rows(ax, encoders, publishers, below, pitch)
    if len(run.catalogue) <= _TINY:
        # where something fails, bars may be too short for their numbers
        letter = (
            style.LETTER / (ax.bbox.width / style.figure_of(ax).dpi * 72) * stop if len(run.attempts) else 0
        )
        _number(ax, encoders, "encoding", "v", 0, letter)
        _number(ax, interrupted, "encoding interrupted", "v", 0, letter)
        _number(ax, publishers, "publisher starting", "p", below, letter)
    if run.ending != "completed" and not remark:
        ax.axvline(run.end, color=style.VERMILLION, linewidth=2, linestyle=(0, (3, 2)), clip_on=False)
    style.grid(ax, "x")
    style.legend(ax, list(drawn.values()), list(drawn))
    title = f"Timeline of one run: strategy {style.fold(run.strategy.name, 26, 1)}"
    style.titles(ax, title, _outcome(run, remark), x="time (s)")
    return ax


def _outcome(run: Run, remark: str) -> str:
    """Say how many videos had which outcome, and what part of the run is shown."""
    counts = run.videos["outcome"].value_counts()
    failed, unfinished = counts.get("failed", 0), counts.get("unfinished", 0)
    lost = (run.videos["published"].isna() & (run.videos["outcome"] == "failed")).sum()
    text = f"{counts.get('published', 0):,} of {len(run.catalogue):,} videos published in time"
    text += f", {failed - lost:,} late" + f", {lost:,} not at all" * bool(lost)
    if refused := counts.get("refused", 0):
        text += f", {refused:,} refused"
    if unfinished:
        text += f"; {unfinished:,} unfinished ({run.ending} at {run.end:,.6g} s)"
    return f"{text}; shown: {remark}" if remark else text


# -- what is shown -----------------------------------------------------------------------------------------


class _Block(NamedTuple):
    """Rows of encoders or of publishers, and the bars in them."""

    rows: int
    hidden: int
    """How many more rows there would be."""
    number: NDArray[np.int64]
    """The videos or publishers that have bars."""
    row: NDArray[np.int64]
    """The row of each of them."""
    bars: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    """For each kind of bar, where the bar of each of them begins and ends; NaN if no bar is in the window."""


def _window(run: Run, until: float | None) -> tuple[float, str]:
    """Return up to when a run is shown, and a remark if that is not all of it."""
    most = _USUAL_VIDEOS if until is None else _MOST_VIDEOS
    stop = max(run.end, 1e-9)
    if until is not None:
        stop = min(a_number("until", until, above=0), stop)
    begun = run.videos["encoding_started"].to_numpy()
    if len(begun) > most:
        stop = float(np.fmin(stop, begun[most]))  # which is NaN if that encoding did not start
    return stop, f"first {stop:,.4g} of {run.end:,.6g} s" if stop < run.end else ""


def _encoders(run: Run, stop: float) -> tuple[_Block, _Block]:
    """Return a row per encoder, with bars from the start of an encoding until the video is queued.

    The encodings that were interrupted are a block of their own.
    """
    held = holds(run.facts)
    times = [held[name] / PER_SECOND for name in ("started", "encoded", "ended")]
    rows = min(run.scenario.encoder_count, _MOST_ROWS)
    seen = (times[0] <= stop) & (held["encoder"] < rows) & (held["encoder"] >= 0)

    def block(chosen: NDArray[np.bool_], kinds: tuple[str, ...], times: list[NDArray[np.float64]]) -> _Block:
        bars = _between(kinds, [time[chosen] for time in times], run.end, stop)
        hidden = run.scenario.encoder_count - rows
        return _Block(rows, hidden, held["video"][chosen], held["encoder"][chosen], bars)

    lost = held["interrupted"]
    return (
        block(seen & ~lost, ("encoding", "encoder kept waiting"), times),
        block(seen & lost, ("encoding interrupted",), times[::2]),
    )


def _down(run: Run, stop: float) -> _Block:
    """Return the rows of the encoders, with a bar from the death of one until it is back."""
    rows = min(run.scenario.encoder_count, _MOST_ROWS)
    events = run.events[run.events["event"].isin(["encoder_failed", "encoder_repaired"])]
    events = events.sort_values("encoder", kind="stable")  # of each encoder, they alternate
    encoder = events["encoder"].to_numpy(dtype=np.int64)
    time = events["time"].to_numpy()
    died = (events["event"] == "encoder_failed").to_numpy()
    back = np.append(np.where(died[1:], np.nan, time[1:]), np.nan)[: len(time)]
    kept = died & (time <= stop) & (encoder < rows)
    bars = _between(("encoder down",), [time[kept], back[kept]], run.end, stop)
    return _Block(rows, 0, encoder[kept], encoder[kept], bars)


def _publishers(run: Run, stop: float) -> _Block:
    """Return rows of publishers, each with one after another, from started to ready, assigned and ended."""
    shown = run.publishers[run.publishers["started"] <= stop]
    times = [shown[name].to_numpy() for name in ("started", "ready", "assigned", "ended")]
    row = lanes_of(times[0], np.where(np.isnan(times[-1]), run.end, times[-1]))
    needed = int(row.max(initial=-1)) + 1
    rows = min(needed, _MOST_ROWS)
    kept = row < rows
    kinds = ("publisher starting", "publisher ready, idle", "publishing")
    bars = _between(kinds, [time[kept] for time in times], run.end, stop)
    return _Block(rows, needed - rows, shown["publisher"].to_numpy(dtype=np.int64)[kept], row[kept], bars)


def lanes_of(start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give each interval, in the order of their starts, the first row that is free.

    Examples
    --------
    >>> lanes_of(np.array([0.0, 0.0, 2.0, 3.0]), np.array([3.0, 2.0, 9.0, 4.0])).tolist()
    [0, 1, 1, 0]
    """
    rows = np.empty(len(start), dtype=np.int64)
    busy: list[tuple[float, int]] = []
    free = list(range(len(start)))
    for number, (begin, end) in enumerate(zip(start.tolist(), stop.tolist(), strict=True)):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        rows[number] = row = heapq.heappop(free)
        heapq.heappush(busy, (end, row))
    return rows


def _between(
    kinds: tuple[str, ...], times: list[NDArray[np.float64]], end: float, stop: float
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return a kind of bar between each two successive times, cut at `stop`.

    A bar whose end did not happen is drawn up to the next time that did, or to the end of the run. Bars without
    length are NaN.
    """
    by = [np.full(len(times[0]), end)]
    for time in reversed(times):
        by.insert(0, np.where(np.isnan(time), by[0], time))
    bars = {}
    for kind, begin, until in zip(kinds, by, by[1:], strict=False):
        until = np.minimum(until, stop)
        bars[kind] = (np.where(begin < until, begin, np.nan), np.where(begin < until, until, np.nan))
    return bars


# -- how it is drawn ---------------------------------------------------------------------------------------


def _bars(ax: Axes, block: _Block, above: float) -> dict[str, Artist]:
    """Draw a block's bars below `above` rows, and return a patch for the legend per kind that occurs."""
    used: dict[str, Artist] = {}
    for name, (begin, end) in block.bars.items():
        there = ~np.isnan(begin)
        if there.any():
            x = np.stack([begin, begin, end, end], axis=-1)[there]
            y = (above + block.row[there])[:, None] + np.array([-0.4, 0.4, 0.4, -0.4])
            bars = PolyCollection(list(np.stack([x, y], axis=-1)), linewidth=0.4, label=name, **_BARS[name])
            ax.add_collection(bars, autolim=False)
            used[name] = Patch(**_BARS[name])
    return used


def _marks(
    ax: Axes, run: Run, publishers: _Block, above: float, stop: float, pitch: float
) -> dict[str, Artist]:
    """Mark publications and failures at the ends of their publishers' bars, the late ones on top."""
    row = np.full(len(run.publishers) + 1, -1, dtype=np.int64)
    row[publishers.number] = publishers.row
    published, on_time = run.videos["published"].to_numpy(), run.videos["on_time"].to_numpy()
    of_video = row[run.videos["publisher"].to_numpy(dtype=np.int64, na_value=-1)]
    failed = (run.publishers["outcome"] == "failed").to_numpy()
    served = run.publishers["video"].to_numpy(dtype=np.int64, na_value=-1)
    decided = run.videos["publisher"].to_numpy(dtype=np.int64, na_value=-1)[served] == np.arange(len(served))
    again = (run.publishers["outcome"] == "ended").to_numpy() & ~decided
    ended = run.publishers["ended"].to_numpy()
    small, large = min(12.0, 0.85 * pitch), min(12.0, max(7.0, pitch))
    found = (
        (published, of_video, on_time, small),
        (published, of_video, ~on_time, large),
        (ended, row[:-1], again, min(7.0, pitch)),
        (ended, row[:-1], failed, min(7.0, pitch)),
    )
    used: dict[str, Artist] = {}
    for (name, mark), (time, y, chosen, size) in zip(_MARKS.items(), found, strict=True):
        at, look = (time <= stop) & (y >= 0) & chosen, mark | {"markersize": size}
        if at.any():
            ax.plot(time[at], above + y[at], linestyle="none", label=name, clip_on=False, **look)
            used[name] = Line2D([], [], linestyle="none", **look | {"markersize": 9.0})
    return used


def _held_back(ax: Axes, run: Run, below: float, rows: float, stop: float) -> dict[str, Artist]:
    """Shade the time for which videos waited in the queue although publishers of the pool were ready."""
    if not (run.strategy.holds or run.strategy.decides) or run.facts.videos["own"].any():
        return {}  # own publishers are ready for their videos alone
    levels = run.levels
    begin = levels["time"].to_numpy()
    end = np.minimum(np.append(begin[1:], run.end), stop)
    held = (
        (levels["publishing_queue"] > 0).to_numpy()
        & (levels["publishers_ready"] > 0).to_numpy()
        & (begin < end)
    )
    how: dict[str, Any] = {"facecolor": style.ORANGE, "alpha": 0.35, "linewidth": 0, "zorder": 0.5}
    for left, right in zip(begin[held], end[held], strict=True):
        ax.fill_between([left, right], below - 0.6, rows - 0.4, **how)
    return {_HELD: Patch(**how)} if held.any() else {}


def _name_rows(ax: Axes, encoders: _Block, publishers: _Block, below: float, pitch: float) -> None:
    """Name each encoder if there is room, otherwise the two blocks."""
    hidden = [
        f"\n({block.rows} of {block.rows + block.hidden})" if block.hidden else ""
        for block in (encoders, publishers)
    ]
    if each := pitch >= 13 or not encoders.rows:
        named = {float(number): f"encoder {number}" for number in range(encoders.rows)}
    else:
        named = {(encoders.rows - 1) / 2: f"encoders{hidden[0]}"}
    middle = below + max(publishers.rows - 1, 0) / 2
    named[middle] = f"publishers{hidden[1]}" if publishers.rows else "no publisher"
    style.tick_names(ax, list(named), named.values(), size=style.SMALL if each else style.TEXT)


def _number(ax: Axes, block: _Block, kind: str, name: str, above: float, letter: float) -> None:
    """Write numbers into a block's bars of one kind, unless they are wider than that; `letter` is a width."""
    begin, end = block.bars[kind]
    for number, row, x, width in zip(block.number, block.row, (begin + end) / 2, end - begin, strict=True):
        if width >= len(f"{name}{number}") * letter:  # NaN is not
            how: dict[str, Any] = {"ha": "center", "va": "center", "color": style.INK, "fontsize": style.SMALL}
            ax.text(x, above + row, f"{name}{number}", clip_on=True, **how)
