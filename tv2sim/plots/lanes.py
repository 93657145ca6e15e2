"""What a timeline shows, before it is drawn: bars in rows, within a window of time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tv2sim.errors import InputError
from tv2sim.run import Run
from tv2sim.validation import a_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Block", "as_run", "encoder_block", "lanes_of", "publisher_block", "window"]

_USUAL_VIDEOS, _MOST_VIDEOS = 200, 5000
_MOST_ROWS = 40


@dataclass(frozen=True)
class Block:
    """Rows of encoders or of publishers, and the bars in them."""

    rows: int
    hidden: int
    """How many rows more there would be."""
    number: NDArray[np.int64]
    """Per bearer of bars: the number of its video or publisher."""
    row: NDArray[np.int64]
    bars: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    """Per kind and bearer: from when to when; nowhere if NaN."""


def as_run(run: object) -> Run:
    """Return a run, or raise an InputError."""
    if not isinstance(run, Run):
        raise InputError(f"a chart of one run needs what simulate gave, not {run!r}")
    return run


def window(run: Run, until: float | None) -> tuple[float, str]:
    """Return up to when to show a run, and a remark if that is not all of it."""
    most = _USUAL_VIDEOS if until is None else _MOST_VIDEOS
    stop = run.end if until is None else min(a_number("until", until, above=0), max(run.end, 1e-9))
    begun = run.videos["encoding_started"].to_numpy()
    if len(begun) > most and begun[most] < stop:
        stop = float(begun[most])
    if stop < run.end:
        return stop, f"first {stop:,.4g} of {run.end:,.6g} s"
    return max(stop, 1e-9), ""


def encoder_block(run: Run, stop: float) -> Block:
    """Return a row per encoder, with a bar per video from the start of its encoding until it is queued."""
    begun, encoded, left = (run.videos[name].to_numpy() for name in ("encoding_started", "encoded", "queued"))
    video = np.flatnonzero(begun <= stop)
    row = run.videos["encoder"].to_numpy(dtype=np.int64, na_value=-1)[video]
    rows = min(run.scenario.encoders, _MOST_ROWS)
    video, row = video[row < rows], row[row < rows]
    begun, encoded, left = begun[video], _by(encoded[video], run.end), _by(left[video], run.end)
    bars = {"encoding": (begun, encoded), "encoder kept waiting": (encoded, left)}
    return Block(rows, run.scenario.encoders - rows, video, row, _cut(bars, stop))


def publisher_block(run: Run, stop: float) -> Block:
    """Return rows of publishers, each with one after another, from start to ready, assigned and ended."""
    shown = run.publishers["started"].to_numpy() <= stop
    publisher = np.flatnonzero(shown)
    started = run.publishers["started"].to_numpy()[shown]
    ready, assigned, ended = (
        _by(run.publishers[name].to_numpy()[shown], run.end) for name in ("ready", "assigned", "ended")
    )
    row = lanes_of(started, ended)
    needed = int(row.max(initial=-1)) + 1
    rows = min(needed, _MOST_ROWS)
    kept = row < rows
    bars = {
        "publisher starting": (started[kept], ready[kept]),
        "publisher ready, idle": (ready[kept], assigned[kept]),
        "publishing": (assigned[kept], ended[kept]),
    }
    return Block(rows, needed - rows, publisher[kept], row[kept], _cut(bars, stop))


def lanes_of(start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give each interval, in the order of their starts, the first row that is free.

    Examples
    --------
    >>> lanes_of(np.array([0.0, 0.0, 2.0, 3.0]), np.array([3.0, 2.0, 9.0, 4.0])).tolist()
    [0, 1, 1, 0]
    """
    row = np.empty(len(start), dtype=np.int64)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    used = 0
    for number, (begin, end) in enumerate(zip(start.tolist(), stop.tolist(), strict=True)):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, used = used, used + 1
        row[number] = lane
        heapq.heappush(busy, (end, lane))
    return row


def _by(times: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Return times, with the end of the run for what did not happen by then."""
    return np.where(np.isnan(times), end, times)


def _cut(
    bars: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]], stop: float
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the bars within the window; those of no length, and beyond it, are NaN."""
    within = {}
    for name, (begin, end) in bars.items():
        shown = (begin < np.minimum(end, stop)) & (begin < stop)
        within[name] = (np.where(shown, begin, np.nan), np.where(shown, np.minimum(end, stop), np.nan))
    return within
