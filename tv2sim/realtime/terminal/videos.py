"""Videos that wait, what became of the others, and the last events, as parts of the picture."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from rich.text import Text

from tv2sim.realtime.terminal.text import Pen, fitted

if TYPE_CHECKING:
    from tv2sim.realtime.pipeline import Happened, Waiting
    from tv2sim.realtime.snapshot import Snapshot

__all__ = ["counters", "counters_heights", "events", "events_heights", "waiting", "waiting_heights"]


# -- queues ------------------------------------------------------------------------------------------------


def waiting(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the queues: for any publisher, and beside it for a video's own."""
    pipe = snapshot.pipeline
    name, own = f"publishing queue {pipe.queue_total}", f"own publisher {pipe.beside_total}"
    if width >= 58:
        own = f"{pipe.beside_total} wait for their own publisher"
    elif width < 41:
        name = f"queue {pipe.queue_total}"
    rows = height - 1
    # either may take what the other leaves; half each if there is too little
    beside = min(pipe.beside_total, max(rows // 2, rows - pipe.queue_total))
    return [
        pen.heading(name, own, width),
        *_queue(snapshot, pen, pipe.queue, "", width, rows - beside),
        *_queue(snapshot, pen, pipe.beside, "own", width, beside),
    ]


def waiting_heights(snapshot: Snapshot, width: int) -> list[int]:
    """Return the heights that are of use, the least first."""
    return [2, 3, 4, 5, 6]


def _queue(snapshot: Snapshot, pen: Pen, shown: list[Waiting], word: str, width: int, rows: int) -> list[Text]:
    lines = []
    for place, video in enumerate(shown[:rows], 1):
        left = video.deadline - snapshot.time
        when = "too late" if left < 0 else f"{left:.1f} s" if isfinite(left) else ""
        line = Text.assemble((f"{word or place:>3} ", "dim"), (f"{when:>8}  ", "red" if left < 0 else ""))
        lines.append(fitted(line.append(pen.title(video.title, width - line.cell_len)), width))
    return lines


# -- counters ----------------------------------------------------------------------------------------------

_COUNTERS = {
    "submitted": "client_submitted",
    "encoded": "encoded",
    "published": "published",
    "failed": "publish_failed",
    "parse errors": "client_parse_errors",
}
_COUNTER = 17
"""Cells of a counter, at the least."""


def counters(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the counters, and if there is room the last videos that have failed."""
    pipe = snapshot.pipeline
    rate = pipe.on_time_rate
    columns = _columns(width)
    cell = (width - 3 * (columns - 1)) // columns
    values = {name: pipe.stats[key] for name, key in _COUNTERS.items()}
    values["publishers started" if cell >= 25 else "publishers"] = pipe.publishers_started
    rows = -(-len(values) // columns)
    places = [_counter(name, value, cell) for name, value in values.items()]
    told = "none is out yet" if rate is None else f"{100 * rate:.1f} % on time"
    lines = [pen.heading("counters", told, width)]
    lines += [Text("   ").join(places[row::rows]) for row in range(rows)]
    if height - len(lines) >= 3 and pipe.failed:
        lines.append(fitted(Text("failed, the last first:", "dim"), width))
        lines += [fitted(Text(pen.title(f"  {video.title}", width), "red"), width) for video in pipe.failed]
    return lines[:height]


def counters_heights(snapshot: Snapshot, width: int) -> list[int]:
    """Return the heights that are of use, the least first."""
    return [1 - (-6 // _columns(width))]


def _columns(width: int) -> int:
    return min(3, max(1, (width + 3) // (_COUNTER + 3)))


def _counter(name: str, value: int, width: int) -> Text:
    style = "bold green" if name == "published" else "bold red" if name == "failed" and value else "bold"
    room = max(0, width - len(str(value)))
    return fitted(fitted(Text(name), room).append(str(value), style), width)


# -- events ------------------------------------------------------------------------------------------------

_STYLES = {"published": "green", "failed": "red"}


def events(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the last lines of the event log, the latest first."""
    lines = [_event(one, pen, width) for one in snapshot.pipeline.events]
    return [pen.heading("events", "the last first", width), *lines][:height]


def events_heights(snapshot: Snapshot, width: int) -> list[int]:
    """Return the heights that are of use, the least first."""
    return list(range(3, 14))


def _event(happened: Happened, pen: Pen, width: int) -> Text:
    line = Text.assemble(
        (f"{happened.time:9.3f}  ", "dim"), (f"{happened.event:<17}  ", _STYLES.get(happened.event, ""))
    )
    if width >= 70:
        line.append(f"{happened.resource or '':<16}  ")
    elif happened.resource is not None and happened.row is None:
        line.append(happened.resource)
    return fitted(line.append(pen.title(happened.title, width - line.cell_len)), width)
