"""The log of a replay, printed while it runs."""

from __future__ import annotations

import sys
import threading
import time
from math import inf
from typing import Any

from tv2sim.catalogue import Catalogue, Video
from tv2sim.cli.log import data_of, end_of, head_of, json_line, line_of
from tv2sim.cli.output import discard, note, one_line, printing
from tv2sim.realtime.handle import Replay
from tv2sim.realtime.pipeline_state import COUNTED
from tv2sim.realtime.terminal import Output, takes
from tv2sim.results.event_kinds import LogEntry
from tv2sim.results.metrics import Stats
from tv2sim.results.run import Run

__all__ = ["Printer"]


class Printer:
    """An observer that prints the event log, and the stats line whenever it changes.

    Parameters
    ----------
    replay : Replay
        The replay that is printed.
    kind : {"text", "json", "stats", "none"}
        The format: "stats" prints no events, "none" only the last stats line.
    in_vain : bool
        Whether to continue without printing when the reader of a pipe has closed it.
    """

    def __init__(self, replay: Replay, kind: str, *, in_vain: bool = False) -> None:
        self._replay, self._kind, self._in_vain = replay, kind, in_vain
        self._titles = [video.title for video in replay.player.videos]
        self._last: Stats | None = None
        self._stats_are_last = self._ended = False
        self._rejected = 0 if replay.player.live else len(replay.player.source.rejected)
        self._turn = threading.RLock()  # lines come from the replay's thread and from the main one
        self._output = PatientOutput()
        if kind != "none":
            replay.observe(self)
            replay.when_accepted(self._accepted)

    def begin(self) -> None:
        """Print the head of a log in JSON, which comes before the first event."""
        if self._kind == "json":
            player, source = self._replay.player, self._replay.player.source
            # of a feed, the videos and the rejected lines are printed as they come
            known = source if isinstance(source, Catalogue) else Catalogue([], name=source.name)
            self._print(head_of(player, known))

    def look(self) -> None:
        """Report lines of a feed that were rejected since the last event."""
        with self._turn:
            if self._tell_rejected() and self._last is not None and self._kind != "none":
                self._print(*self._stats(self._replay.time))

    def __call__(self, entry: LogEntry) -> None:
        """Print an entry of the log, and the stats line if it has changed."""
        with self._turn:
            changes = self._tell_rejected() or self._last is None or entry.event in COUNTED
            lines: list[Any] = []
            own = self._replay.player.own
            if self._kind == "json":
                lines.append(data_of(entry, own))
            elif self._kind == "text":
                lines.append(line_of(entry, self._titles, own))
                self._stats_are_last = False
            if changes:
                lines += self._stats(entry.time)
            self._print(*lines)

    def end(self, run: Run | None) -> None:
        """Print the last stats line; there is no run if the replay was stopped before its first event."""
        if self._ended:
            return
        self._in_vain = True  # the replay has ended, whether or not the end can be printed
        stats = self._replay.stats if run is None else run.stats
        with self._turn:
            self._tell_rejected()
            if self._kind != "json":
                self._print(*[] if stats == self._last and self._stats_are_last else [stats])
            elif run is not None:
                self._print(end_of(run))
        self._ended = True

    def hurry(self) -> None:
        """Wait only briefly from now on for a reader that does not read, since the program has to end."""
        self._output.hurry()
        if not takes(sys.stderr, _PATIENCE):
            discard(sys.stderr)

    def _print(self, *lines: Any) -> None:
        """Print lines of text, or values as lines of JSON."""
        if self._kind == "json":
            data = b"".join(map(json_line, lines))
        else:
            data = "".join(f"{line}\n" for line in lines).encode(sys.stdout.encoding, "backslashreplace")
        with printing(in_vain=self._in_vain):
            self._output.write(data)

    def _accepted(self, video: Video) -> None:
        self._titles.append(video.title)
        with self._turn:
            self._tell_rejected()
            if self._kind == "json":
                self._print({"accepted": video})

    def _stats(self, now: float) -> list[Any]:
        """Return the stats line, or nothing if it has not changed."""
        stats = self._replay.stats
        if stats == self._last:
            return []
        self._last, self._stats_are_last = stats, True
        return [{"time": now, "stats": stats} if self._kind == "json" else stats]

    def _tell_rejected(self) -> bool:
        """Report rejected lines that are new, and return whether there were any."""
        before, rejected = self._rejected, self._replay.player.source.rejected
        while self._rejected < len(rejected):
            line = rejected[self._rejected]
            self._rejected += 1
            if self._kind == "json":
                self._print({"rejected": line._asdict()})
            if self._rejected <= _TOLD:
                further = " (further ones are only counted)" if self._rejected == _TOLD else ""
                note(one_line(f"line {line.line} rejected: {line.reason}{further}"))
        return self._rejected > before


class PatientOutput:
    """Standard output, which waits for a slow reader, but after :meth:`hurry` only briefly.

    No write blocks for long, so that a signal is handled between two of them.
    """

    def __init__(self) -> None:
        self._output = Output(sys.stdout)
        self._hurried = inf
        self._lost = False

    def hurry(self) -> None:
        """Wait at most :data:`_PATIENCE` seconds from now on; what is not written by then is lost."""
        self._hurried = time.monotonic()

    def write(self, data: bytes) -> None:
        """Write all data; after :meth:`hurry`, the rest is dropped if the reader does not read."""
        begun = time.monotonic()
        while data and not self._lost:
            written = self._output.write(data, _SLICE)
            self._lost = not written and time.monotonic() > max(begun, self._hurried) + _PATIENCE
            data = data[written:]


_SLICE = 0.05
"""Wall seconds after which a write that waits for a reader is interrupted to handle signals."""
_PATIENCE = 0.1
"""Wall seconds to wait at the end for a reader that does not read."""
_TOLD = 10
"""How many rejected lines are reported one by one."""
