"""Charts of single runs: a timeline, levels over time, and the distribution of lateness."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from tv2sim.base.checks import a_number
from tv2sim.base.digits import number
from tv2sim.base.errors import InputError
from tv2sim.base.ticks import PER_SECOND
from tv2sim.plots import style
from tv2sim.plots.study import checked, count_of
from tv2sim.results.metrics import happened, holds
from tv2sim.results.run import Run

# -- the timeline of a run ---------------------------------------------------------------------------------


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
    were ready. Where something fails, bars show interrupted encodings and encoders that are down. Marks show
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
    run = checked(run, Run, "a chart of one run", "simulate")
    stop, remark = _window(run, until)
    encoders, interrupted = _encoders(run, stop)
    publishers = _publishers(run, stop)
    below = encoders.rows + _GAP if encoders.rows else 0
    rows = below + max(publishers.rows, 1)
    ax = style.axes(ax, 1.7 + 0.115 * rows, grid="x")
    ax.set_xlim(0, stop)
    ax.set_ylim(rows - 0.4, -0.6)
    pitch = float(ax.bbox.height / style.figure_of(ax).dpi * 72) / (rows + 0.2)  # points from row to row
    keys: dict[str, Artist] = {}
    for block in (encoders, interrupted, _down(run, stop)):
        keys |= _bars(ax, block, 0)
    keys |= _bars(ax, publishers, below)
    keys |= _held_back(ax, run, below, rows, stop)
    keys |= _marks(ax, run, publishers, below, stop, pitch)
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
    style.legend(ax, list(keys.values()), list(keys))
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


# -- what a timeline shows ---------------------------------------------------------------------------------


class _Block(NamedTuple):
    """Rows of encoders or of publishers, and the bars in them."""

    rows: int
    hidden: int
    """The number of rows that are not shown."""
    number: NDArray[np.int64]
    """The numbers of the videos or publishers that have bars."""
    row: NDArray[np.int64]
    """The row of each video or publisher."""
    bars: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    """The begin and the end of each video's or publisher's bar, by kind; NaN without a bar in the window."""


def _window(run: Run, until: float | None) -> tuple[float, str]:
    """Return the end of the time shown, and a remark if the run goes on after it."""
    most = _USUAL_VIDEOS if until is None else _MOST_VIDEOS
    stop = max(run.end, 1e-9)
    if until is not None:
        stop = min(a_number("until", until, above=0), stop)
    begun = run.videos["encoding_started"].to_numpy()
    if len(begun) > most:
        stop = float(np.fmin(stop, begun[most]))  # the begin is NaN if that encoding did not start
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
    events = events.sort_values("encoder", kind="stable")  # the two events of an encoder alternate
    encoder = events["encoder"].to_numpy(dtype=np.int64)
    time = events["time"].to_numpy()
    died = (events["event"] == "encoder_failed").to_numpy()
    back = np.append(np.where(died[1:], np.nan, time[1:]), np.nan)[: len(time)]
    seen = died & (time <= stop) & (encoder < rows)
    bars = _between(("encoder down",), [time[seen], back[seen]], run.end, stop)
    return _Block(rows, 0, encoder[seen], encoder[seen], bars)


def _publishers(run: Run, stop: float) -> _Block:
    """Return rows of publishers, each with one after another, from started to ready, assigned and ended."""
    shown = run.publishers[run.publishers["started"] <= stop]
    times = [shown[name].to_numpy() for name in ("started", "ready", "assigned", "ended")]
    row = lanes_of(times[0], np.where(np.isnan(times[-1]), run.end, times[-1]))
    needed = int(row.max(initial=-1)) + 1
    rows = min(needed, _MOST_ROWS)
    seen = row < rows
    kinds = ("publisher starting", "publisher ready, idle", "publishing")
    bars = _between(kinds, [time[seen] for time in times], run.end, stop)
    return _Block(rows, needed - rows, shown["publisher"].to_numpy(dtype=np.int64)[seen], row[seen], bars)


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
    for place, (begin, end) in enumerate(zip(start.tolist(), stop.tolist(), strict=True)):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        rows[place] = row = heapq.heappop(free)
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


# -- how a timeline is drawn -------------------------------------------------------------------------------


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
        return {}  # a video's own publisher is ready for this video alone
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
    """Write numbers into the bars of one kind that are wide enough; `letter` is the width of a letter."""
    begin, end = block.bars[kind]
    for one, row, x, width in zip(block.number, block.row, (begin + end) / 2, end - begin, strict=True):
        if width >= len(f"{name}{one}") * letter:  # false for a bar that is NaN
            how: dict[str, Any] = {"ha": "center", "va": "center", "color": style.INK, "fontsize": style.SMALL}
            ax.text(x, above + row, f"{name}{one}", clip_on=True, **how)


# -- the levels of a run over time -------------------------------------------------------------------------


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
_MOST_STEPS_OF_LEVEL = 4000
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
        Where to draw; default is a new figure.
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
    run = checked(run, Run, "a chart of one run", "simulate")
    stop = run.end if until is None else min(a_number("until", until, above=0), run.end)
    times = run.levels["time"].to_numpy(dtype=np.float64)
    steps = int(np.searchsorted(times, stop, side="right"))
    edges = np.append(times[:steps], max(stop, times[steps - 1] if steps else 0.0, 1e-9))
    hidden = {"encoders_busy"} if run.scenario.encoders is None else set()
    lanes = {name: look for name, look in _LEVELS.items() if name in run.levels and name not in hidden}
    ax = style.axes(ax, style.HEIGHT * len(lanes) / _USUAL, grid="x")
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(-0.06, len(lanes) - 0.1)
    for lane, (name, (_, colour)) in enumerate(reversed(lanes.items())):
        _draw_lane(ax, lane, run.levels[name].to_numpy(dtype=np.float64)[:steps], edges, colour)
    middles = [lane + _TALL / 2 for lane in range(len(lanes))]
    style.tick_names(ax, middles, [words for words, _ in reversed(lanes.values())])
    ax.spines["left"].set_visible(False)
    below = "Each lane is drawn to its own peak"
    if steps > _MOST_STEPS_OF_LEVEL:
        below += "; pale: the highest in each stretch of time"
    if stop < run.end:
        below += f"; first {stop:,.4g} of {run.end:,.6g} s"
    style.titles(ax, f"Levels in one run: strategy {style.fold(run.strategy.name, 28, 1)}", below, x="time (s)")
    return ax


def _draw_lane(
    ax: Axes, lane: int, values: NDArray[np.float64], edges: NDArray[np.float64], colour: str
) -> None:
    """Draw a level to its own peak, and write its peak and its mean."""
    peak = values.max(initial=0)
    mean = float((values * np.diff(edges)).sum() / edges[-1])
    for curve, at, alpha in _curves(values, edges):
        height = lane + _TALL * curve / max(peak, 1)
        ax.stairs(height, at, baseline=lane, fill=True, color=colour, alpha=alpha, linewidth=0)
    ax.axhline(lane, color=style.GREY, linewidth=0.8)
    style.remark(ax, lane + _TALL / 2, f"peak {peak:,.0f}\nmean {mean:,.3g}" if peak else "always 0")


def _curves(
    values: NDArray[np.float64], edges: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """Yield curves, each with its edges and opacity: the step function, or its envelope if it is very long."""
    if len(values) <= _MOST_STEPS_OF_LEVEL:
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


# -- the distribution of lateness --------------------------------------------------------------------------


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
        Where to draw; default is a new figure.

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
    return [
        checked(run, Run, "a chart of lateness", "simulate")
        for run in (runs if isinstance(runs, Iterable) else [runs])
    ]


def _curve(runs: list[Run]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each lateness that occurs, and the share of all videos that are at most so late."""
    late = [run.videos["elapsed"].to_numpy() - run.catalogue.publication_timeout for run in runs]
    x, counts = np.unique(happened(np.concatenate(late)), return_counts=True)
    share = np.cumsum(counts) / max(sum(len(run.catalogue) for run in runs), 1)
    if len(x) > _MOST_STEPS:
        # evenly spaced steps, the first and the last, and the step at 0, whose height is the on-time rate
        at_zero = max(int(np.searchsorted(x, 0, side="right")) - 1, 0)
        steps = np.unique([*np.linspace(0, len(x) - 1, _MOST_STEPS).astype(np.int64), at_zero])
        x, share = x[steps], share[steps]
    return x, share


def _rate(runs: list[Run]) -> str:
    """Return the on-time rate over all videos of some runs, in words."""
    published, videos = sum(run.stats["published"] for run in runs), sum(len(run.catalogue) for run in runs)
    return f"{number(100 * published / videos, 1)} %" if videos else "none"


def _below(named: dict[str, list[Run]]) -> str:
    """Return the explanation below the title."""
    runs = [run for group in named.values() for run in group]
    each = count_of(map(len, named.values()), "run")
    each += " of each" if len(named) > 1 else ""
    without = sum(int(run.summary["unfinished"]) for run in runs)
    missing = f"; {without:,} never published" if without else ""
    return f"Share of all videos of {each}; at 0 s it is the on-time rate{missing}"
