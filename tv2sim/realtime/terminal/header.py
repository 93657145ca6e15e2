"""The lines above and below the picture: what is shown, how it stands, and what one can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from tv2sim.realtime.lag import LIMIT
from tv2sim.realtime.terminal.text import fitted, joined

if TYPE_CHECKING:
    from tv2sim.realtime.snapshot import Snapshot
    from tv2sim.realtime.terminal.text import Pen

__all__ = ["Surroundings", "done_of", "footer", "header", "what"]


class Surroundings(NamedTuple):
    """What is shown beside the replay: whether there are keys, its address, and the last warning."""

    keys: bool = False
    url: str | None = None
    warning: str = ""


# -- above -------------------------------------------------------------------------------------------------


def header(snapshot: Snapshot, pen: Pen, width: int, height: int) -> list[Text]:
    """Return the lines above: two, or three if there is room, or one if there is nearly none."""
    first, second = what(snapshot, pen, width), state(snapshot)
    if height < 8:
        return [fitted(second, width)]
    done = _done(snapshot, pen, width - second.cell_len - 2)
    lags = [Text(lag, "bold red" if snapshot.lag_max > LIMIT else "dim") for lag in _lags(snapshot)]
    lag = next((lag for lag in lags if first.cell_len + 2 + lag.cell_len <= width), None)
    lines = [joined(first, lag or Text(), width), joined(second, done, width)]
    if lag is None and height >= 12:
        lines.append(joined(_client(snapshot, pen, width), lags[-1], width))
    elif height >= 18:
        lines.append(fitted(_client(snapshot, pen, width), width))
    return [*lines, fitted(Text(), width)] if height >= 30 else lines


def _lags(snapshot: Snapshot) -> list[str]:
    """Return how late it is, at length and briefly."""
    now, most = _milliseconds(snapshot.lag), _milliseconds(snapshot.lag_max)
    return [f"lag {now}, at most {most}", f"lag {now}"]


def what(snapshot: Snapshot, pen: Pen, width: int) -> Text:
    """Return what is played; a long name is cut, so that the rest is seen."""
    rest = [f"strategy {pen.plain(snapshot.strategy)}", f"seed {snapshot.seed}"]
    if snapshot.replication:
        rest.append(f"replication {snapshot.replication}")
    tail = "".join(pen.glyphs.between + part for part in rest)
    return Text.assemble((pen.title(snapshot.catalogue, max(8, width - len(tail))), "bold"), tail)


def state(snapshot: Snapshot) -> Text:
    """Return what time it is, and how it goes on."""
    of = "" if snapshot.until is None else f" of {snapshot.until:g}"
    longest = 7 if snapshot.until is None else len(f"{snapshot.until:.1f}{of} s")
    line = Text.assemble((f"{f'{snapshot.time:.1f}{of} s':<{longest}}  ", "bold"))
    speed = "full speed" if snapshot.speed == "max" else f"speed {snapshot.speed:g}"
    if snapshot.phase in ("waiting", "running") and snapshot.paused:
        return line.append("PAUSED", "bold reverse yellow").append(f"   {speed}")
    if snapshot.phase == "waiting":
        return line.append("WAITING for the first video", "bold yellow").append(f"  {speed}")
    if snapshot.phase == "running":
        return line.append("RUNNING", "bold green").append(f"  {speed}")
    if snapshot.phase == "finished":
        return line.append("FINISHED", "bold green").append(f"  {snapshot.ending or ''}")
    return line.append(snapshot.phase.upper(), "bold red")


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 10 else f"{seconds:.0f} s"


def done_of(snapshot: Snapshot) -> tuple[int, int | None]:
    """Return how many videos have their outcome, and of how many; None where nobody knows."""
    pipe = snapshot.pipeline
    done = pipe.stats["published"] + pipe.stats["publish_failed"]
    return done, None if pipe.client.left is None else pipe.client.taken + pipe.client.left


def _done(snapshot: Snapshot, pen: Pen, width: int) -> Text:
    """Return how many videos are done, with a bar if there is room."""
    done, total = done_of(snapshot)
    if total is None:
        return Text(f"{done} done")
    line = Text(f"{done} of {total} done")
    room = min(40, width - line.cell_len - 2)
    if room >= 8 and total:
        return line.append("  ").append_text(pen.bar(done / total, room, "green"))
    return line if room >= -2 else Text(f"{done}/{total}")


def _client(snapshot: Snapshot, pen: Pen, width: int) -> Text:
    """Return what the client does."""
    client = snapshot.pipeline.client
    left = client.left
    if left is None:
        rest = "more may come"
    else:
        rest = f"{left} more to offer" if left else "nothing more to offer"
    if client.video is None:
        return Text.assemble(("client   ", "dim"), rest)
    since = max(0.0, snapshot.time - client.since)
    tail = f"  {since:.1f} s{pen.glyphs.between}{rest}"
    line = Text.assemble(("client   ", "dim"), "waits for an encoder with ")
    title = pen.title(client.video.title, max(8, width - line.cell_len - len(tail)))
    return line.append(title, "bold").append(tail)


# -- below -------------------------------------------------------------------------------------------------


def footer(snapshot: Snapshot, pen: Pen, width: int, height: int, around: Surroundings) -> list[Text]:
    """Return the lines below: the last warning, the keys, and the address."""
    if height < 5:
        return []
    lines = []
    if around.warning and height >= 10:
        lines.append(fitted(Text(pen.title(around.warning, width), "yellow"), width))
    keys = _keys(snapshot, around.keys, brief=width < 44)
    url = "" if around.url is None else pen.plain(around.url)
    short = url.partition("#")[0]
    if keys.cell_len + len(url) + 2 <= width:
        return [*lines, joined(keys, Text(url, "dim"), width)]
    if len(url) <= width and height >= 20:
        return [*lines, fitted(Text(url, "dim"), width), fitted(keys, width)]
    return [*lines, joined(keys, Text(short, "dim"), width)]


def _keys(snapshot: Snapshot, working: bool, *, brief: bool) -> Text:
    if not working:
        return Text("Ctrl-C stops it", "dim")
    if snapshot.phase not in ("waiting", "running"):
        keys = [("q", "quit")]
    else:
        speed = [("+ -", "speed")] if brief else [("+", "faster"), ("-", "slower")]
        keys = [("space", "resume" if snapshot.paused else "pause"), *speed, ("q", "stop")]
    gap = "  " if brief else "   "
    return Text(gap).join(Text.assemble((key, "bold"), (f" {meaning}", "dim")) for key, meaning in keys)
