"""The parts of the picture: each draws its lines for a width and a height, and says which heights are useful.

A line may be longer than its part is wide; the picture cuts it off.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import set_cell_size
from rich.text import Text

if TYPE_CHECKING:
    from tv2sim.realtime.snapshot import Encoder, Publisher, Snapshot, Waiting
    from tv2sim.realtime.terminal.text import Pen

__all__ = ["COUNTERS", "ENCODERS", "EVENTS", "POOL", "WAITING", "Part"]


class Part(NamedTuple):
    """A part of the picture."""

    draw: Callable[[Snapshot, Pen, int, int], list[Text]]
    heights: Callable[[Snapshot, int], list[int]]
    """The useful heights at a width, the least first."""


# -- lanes: a line, or where there is little room a character, for each encoder and publisher --------------

GAP = 2
_NARROWEST = 8
"""Cells of a lane with its number and a bar, at least."""


class Lane(NamedTuple):
    """An encoder or a publisher: its progress or a word for its state, a time, and the title of its video."""

    number: int
    style: str
    fraction: float = 0.0
    word: str = ""
    figure: str = ""
    title: str = ""
    mark: str = ""
    """Used for the word where there is room for one character."""


def _lanes(
    pen: Pen, shown: list[Lane], total: int, columns: int, width: int, height: int, *, titled: bool
) -> list[Text]:
    """Return those of `total` lanes that fit, in columns from top to bottom and then from left to right.

    If some do not fit, or are not in `shown`, the last place says how many. `titled` keeps room for titles.
    """
    room = columns * height
    kept = shown if total <= min(room, len(shown)) else shown[: max(0, room - 1)]
    digits = max([2, *(len(str(lane.number)) for lane in kept)])
    cell = (width - GAP * (columns - 1)) // columns
    places = [_lane(pen, lane, digits, cell, titled=titled) for lane in kept]
    if room and total > len(kept):
        more = f"and {total - len(kept)} more" if cell >= 20 else f"+{total - len(kept)}"
        places.append(Text(f"{'':>{digits}} {more}", "dim"))
    for place in places:
        place.truncate(max(0, cell), overflow="crop", pad=True)
    return [Text(" " * GAP).join(places[row::height]) for row in range(min(height, len(places)))]


def _lane(pen: Pen, lane: Lane, digits: int, width: int, *, titled: bool) -> Text:
    line = Text.assemble((f"{lane.number:>{digits}} ", "dim"))
    room = width - line.cell_len
    # the width of the bar does not depend on whether this lane has a title, so that columns are straight
    titled = titled and room >= 24
    if titled:
        bar = 16 if room >= 60 else 12 if room >= 44 else 10 if room >= 36 else 7
    else:
        bar = room - 8 if room >= 15 else max(0, room)
    if lane.word:
        line.append(set_cell_size(pen.title(lane.word, bar), bar), lane.style)
    else:
        line.append(pen.bar(lane.fraction, bar, lane.style))
    if bar < room:
        line.append(f" {lane.figure:>7}")
    if titled:
        line.append("  ").append(pen.title(lane.title, width - line.cell_len))
    return line


def _strip(pen: Pen, shown: list[Lane], total: int, width: int, height: int) -> list[Text]:
    """Return a character for each lane."""
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    line = Text()
    for lane in shown[: max(0, width * height - len(more))]:
        line.append(lane.mark or pen.level(lane.fraction), lane.style)
    line.append(more, "dim")
    return list(line.divide(range(width, len(line), width)))


def _most_columns(width: int) -> int:
    """Return how many lanes fit beside each other."""
    return max(1, (width + GAP) // (_NARROWEST + GAP))


def _seconds(seconds: float) -> str:
    seconds = max(0.0, seconds)
    return f"{seconds:.1f} s" if seconds < 1000 else f"{seconds:.0f} s"


# -- encoders ----------------------------------------------------------------------------------------------


def _encoders(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the encoders, in as few columns as their height allows."""
    pipe = snapshot.pipeline
    found = {"blocked": pipe.encoders_blocked, "down": pipe.encoders_down, "to start over": pipe.interrupted}
    detail = f"{pipe.encoders_busy} of {pipe.encoders_total} busy" if pipe.encoders_total else "none"
    for what, number in found.items():
        more = f"{detail}, {number} {what}"
        if number and len(f"encoders  {more}") <= width:
            detail = more
    head = pen.heading("encoders", detail, width)
    shown = [_encoder(one, snapshot.time, pen) for one in pipe.encoders]
    rows, most = max(1, height - 1), _most_columns(width)
    columns = max(1, -(-pipe.encoders_total // rows))
    many = columns > most
    # if there are so many that `shown` lacks some, those in `shown` have lanes if there is room
    if many and (rows < 3 or most * rows <= len(shown)):
        return [head, *_strip(pen, shown, pipe.encoders_total, width, rows)]
    columns = min(columns, most)
    return [head, *_lanes(pen, shown, pipe.encoders_total, columns, width, rows, titled=not many)]


def _encoders_heights(snapshot: Snapshot, width: int) -> list[int]:
    places = min(snapshot.pipeline.encoders_total, len(snapshot.pipeline.encoders) + 1)
    return [2, *(1 - (-places // columns) for columns in range(_most_columns(width), 0, -1))]


def _encoder(encoder: Encoder, now: float, pen: Pen) -> Lane:
    if encoder.down:
        return Lane(encoder.number, "bold red", word="down", mark="x")
    if encoder.video is None:
        return Lane(encoder.number, "dim", word="free", mark=pen.glyphs.nothing)
    title, left, took = encoder.video.title, encoder.end - now, encoder.end - encoder.start
    if encoder.blocked:
        return Lane(encoder.number, "bold red", 0, "blocked", _seconds(-left), title, "!")
    fraction = 1 - max(0.0, left) / took if took > 0 else 1.0
    return Lane(encoder.number, "cyan", fraction, "", _seconds(left), title)


# -- publishers --------------------------------------------------------------------------------------------

_PUBLISHER = 24
"""Cells of a publisher's lane, at least."""
_USUAL = 12
"""Publishers for which a useful height has room."""


def _pool(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the publishers, in a number of columns that depends on the width alone."""
    pipe = snapshot.pipeline
    name, detail = "publishers", f"{pipe.publishers_starting} starting, {pipe.publishers_ready} ready"
    if pipe.publishers_busy:
        name, detail = "pool", f"{detail}, {pipe.publishers_busy} busy"
    head = pen.heading(name, detail, width)
    total = pipe.publishers_starting + pipe.publishers_ready + pipe.publishers_busy
    shown = [_publisher(one, snapshot) for one in pipe.publishers]
    if height <= 2:
        return [head, *_strip(pen, shown, total, width, 1)]
    return [head, *_lanes(pen, shown, total, _pool_columns(width), width, height - 1, titled=False)]


def _pool_columns(width: int) -> int:
    return max(1, width // _PUBLISHER)


def _publisher(publisher: Publisher, snapshot: Snapshot) -> Lane:
    since, number, mean = snapshot.time - publisher.since, publisher.number, snapshot.startup_mean
    if publisher.state == "starting":
        return Lane(number, "yellow", since / mean if mean > 0 else 0.0, figure=_seconds(since))
    if publisher.state == "ready":
        return Lane(number, "bold green", word="ready", figure=_seconds(since), mark="R")
    title = "" if publisher.video is None else publisher.video.title
    return Lane(number, "magenta", word=f"publishing {title}", figure=_seconds(since), mark="P")


# -- queues ------------------------------------------------------------------------------------------------


def _waiting(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the publishing queue, and the videos beside it that wait for their own publisher."""
    pipe = snapshot.pipeline
    name, own = f"publishing queue {pipe.queue_total}", f"own publisher {pipe.beside_total}"
    if width >= 58:
        own = f"{pipe.beside_total} wait for their own publisher"
    elif width < 41:
        name = f"queue {pipe.queue_total}"
    rows = height - 1
    # the queue and the videos beside it may use the rows that the other leaves; else each gets half
    beside = min(pipe.beside_total, max(rows // 2, rows - pipe.queue_total))
    lines = [_waits(one, f"{place:>3} ", snapshot, pen, width) for place, one in enumerate(pipe.queue, 1)]
    others = [_waits(one, "own ", snapshot, pen, width) for one in pipe.beside]
    return [pen.heading(name, own, width), *lines[: rows - beside], *others[:beside]]


def _waits(video: Waiting, place: str, snapshot: Snapshot, pen: Pen, width: int) -> Text:
    left = video.deadline - snapshot.time
    when = "too late" if left < 0 else f"{left:.1f} s" if isfinite(left) else ""
    line = Text.assemble((place, "dim"), (f"{when:>8}  ", "red" if left < 0 else ""))
    return line.append(pen.title(video.title, width - line.cell_len))


# -- counters ----------------------------------------------------------------------------------------------

_NAMES = {
    "submitted": "client_submitted", "encoded": "encoded", "published": "published", "failed": "publish_failed",
    "parse errors": "client_parse_errors",
}  # fmt: skip
_COUNTER = 17
"""Cells of a counter, at least."""


def _counters(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the counters, and if there is room the videos that failed last."""
    pipe, columns = snapshot.pipeline, _counters_columns(width)
    cell = (width - 3 * (columns - 1)) // columns
    values = {name: pipe.stats[key] for name, key in _NAMES.items()}
    values["publishers started" if cell >= 25 else "publishers"] = pipe.publishers_started
    rows = -(-len(values) // columns)
    places = [_counter(name, value, cell) for name, value in values.items()]
    told = "none is out yet" if pipe.on_time_rate is None else f"{100 * pipe.on_time_rate:.1f} % on time"
    lines = [pen.heading("counters", told, width)]
    lines += [Text("   ").join(places[row::rows]) for row in range(rows)]
    lines += map(Text, _further(snapshot, width))
    if height - len(lines) >= 3 and pipe.failed:
        lines.append(Text("failed, the last first:", "dim"))
        lines += [Text(pen.title(f"  {video.title}", width), "red") for video in pipe.failed]
    return lines


def _further(snapshot: Snapshot, width: int) -> list[str]:
    """Return the lines of the counters of what fails in the scenario."""
    counted = ", ".join(f"{value} {name}" for name, value in snapshot.pipeline.further.items())
    return wrap(counted, width)


def _counters_heights(snapshot: Snapshot, width: int) -> list[int]:
    return [1 - (-6 // _counters_columns(width)) + len(_further(snapshot, width))]


def _counters_columns(width: int) -> int:
    return min(3, max(1, (width + 3) // (_COUNTER + 3)))


def _counter(name: str, value: int, width: int) -> Text:
    style = "bold green" if name == "published" else "bold red" if name == "failed" and value else "bold"
    room = max(0, width - len(str(value)))
    return Text.assemble(f"{name:<{room}.{room}}", (str(value), style))


# -- events ------------------------------------------------------------------------------------------------

_STYLES = {"published": "green", "failed": "red"}


def _events(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the last lines of the event log, the latest first."""
    lines = [pen.heading("events", "the last first", width)]
    for one in snapshot.pipeline.events:
        style, resource = _STYLES.get(one.event, ""), one.resource or ""
        line = Text.assemble((f"{one.time:9.3f}  ", "dim"), (f"{one.event:<17}  ", style))
        if width >= 70:
            line.append(f"{resource:<16}  ")
        elif one.row is None:
            line.append(resource)
        lines.append(line.append(pen.title(one.title, width - line.cell_len)))
    return lines


ENCODERS = Part(_encoders, _encoders_heights)
POOL = Part(_pool, lambda _, width: [2, *range(4, 2 - (-_USUAL // _pool_columns(width)))])
WAITING = Part(_waiting, lambda _, width: [2, 3, 4, 5, 6])
COUNTERS = Part(_counters, _counters_heights)
EVENTS = Part(_events, lambda _, width: list(range(3, 14)))
