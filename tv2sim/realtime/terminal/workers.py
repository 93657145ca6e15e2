"""The encoders and the publishers, as parts of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.realtime.terminal.lanes import Lane, lanes, most_columns, strip

if TYPE_CHECKING:
    from rich.text import Text

    from tv2sim.realtime.pipeline import Encoder, Publisher
    from tv2sim.realtime.snapshot import Snapshot
    from tv2sim.realtime.terminal.text import Pen

__all__ = ["encoders", "encoders_heights", "pool", "pool_heights"]

_PUBLISHER = 24
"""Cells of a publisher's lane, at the least."""
_USUAL = 12
"""Publishers that should have room."""


def encoders(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the encoders, in as few columns as their height allows."""
    pipe = snapshot.pipeline
    blocked = pipe.encoders_busy - (pipe.stats["client_submitted"] - pipe.stats["encoded"])
    detail = f"{pipe.encoders_busy} of {pipe.encoders_total} busy"
    if blocked > 0:
        detail += f", {blocked} blocked"
    shown = [_encoder(one, snapshot.time, pen) for one in pipe.encoders]
    rows = max(1, height - 1)
    columns = max(1, -(-pipe.encoders_total // rows))
    head = pen.heading("encoders", detail, width)
    if columns <= most_columns(width):
        return [head, *lanes(pen, shown, pipe.encoders_total, columns, width, rows, titled=True)]
    if rows >= 3 and most_columns(width) * rows > len(shown):
        # so many that some are not known one by one: those that are have their lanes
        return [head, *lanes(pen, shown, pipe.encoders_total, most_columns(width), width, rows, titled=False)]
    return [head, *strip(pen, shown, pipe.encoders_total, width, rows)]


def encoders_heights(snapshot: Snapshot, width: int) -> list[int]:
    """Return the heights that are of use, the least first."""
    pipe = snapshot.pipeline
    places = min(pipe.encoders_total, len(pipe.encoders) + 1)
    return [2, *(1 - (-places // columns) for columns in range(most_columns(width), 0, -1))]


def _encoder(encoder: Encoder, now: float, pen: Pen) -> Lane:
    number = encoder.number
    if encoder.video is None:
        return Lane(number, "dim", word="free", mark=pen.glyphs.nothing)
    title = encoder.video.title
    if encoder.blocked:
        figure = _seconds(now - encoder.end)
        return Lane(number, "bold red", word="blocked", figure=figure, title=title, mark="!")
    left, took = max(0.0, encoder.end - now), encoder.end - encoder.start
    return Lane(number, "cyan", 1 - left / took if took > 0 else 1.0, figure=_seconds(left), title=title)


def pool(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Draw the publishers that exist, in the same number of columns whatever comes and goes."""
    pipe = snapshot.pipeline
    name, detail = "publishers", f"{pipe.publishers_starting} starting, {pipe.publishers_ready} ready"
    if pipe.publishers_publishing:
        name, detail = "pool", f"{detail}, {pipe.publishers_publishing} publishing"
    total = pipe.publishers_starting + pipe.publishers_ready + pipe.publishers_publishing
    shown = [_publisher(one, snapshot) for one in pipe.publishers]
    head = pen.heading(name, detail, width)
    if height <= 2:
        return [head, *strip(pen, shown, total, width, 1)]
    return [head, *lanes(pen, shown, total, _pool_columns(width), width, height - 1, titled=False)]


def pool_heights(snapshot: Snapshot, width: int) -> list[int]:
    """Return the heights that are of use, the least first."""
    return [2, *range(4, 2 - (-_USUAL // _pool_columns(width)))]


def _pool_columns(width: int) -> int:
    return max(1, width // _PUBLISHER)


def _publisher(publisher: Publisher, snapshot: Snapshot) -> Lane:
    since, number = snapshot.time - publisher.since, publisher.number
    figure = _seconds(since)
    if publisher.state == "starting":
        mean = snapshot.startup_mean
        return Lane(number, "yellow", since / mean if mean > 0 else 0.0, figure=figure)
    if publisher.state == "ready":
        return Lane(number, "bold green", word="ready", figure=figure, mark="R")
    title = "" if publisher.video is None else publisher.video.title
    return Lane(number, "magenta", word=f"publishing {title}", figure=figure, mark="P")


def _seconds(seconds: float) -> str:
    seconds = max(0.0, seconds)
    return f"{seconds:.1f} s" if seconds < 1000 else f"{seconds:.0f} s"
