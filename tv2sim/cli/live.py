"""Prints a replay as it happens."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec

from tv2sim.cli.log import data_of, head_of, line_of
from tv2sim.cli.text import discard, note, one_line, printing, takes
from tv2sim.realtime.state import COUNTED

if TYPE_CHECKING:
    from tv2sim.catalogue import Video
    from tv2sim.events import LogEntry
    from tv2sim.metrics import Stats
    from tv2sim.realtime.session import Replay
    from tv2sim.run import Run

__all__ = ["Output", "Printer"]


class Printer:
    """An observer that prints the event log, and the stats line whenever that changes.

    Parameters
    ----------
    replay : Replay
        What is printed.
    kind : {"text", "json", "stats", "none"}
        How: "stats" leaves the events out, "none" prints just the last stats line.
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
        self._output = Output()
        self._encode = msgspec.json.Encoder().encode
        if kind != "none":
            replay.observe(self)
            replay.when_accepted(self._accepted)

    def begin(self) -> None:
        """Print what comes before the first event."""
        if self._kind == "json":
            player = self._replay.player
            head = head_of(
                player.source.name,
                player.videos,
                player.source.rejected[: self._rejected],
                player.scenario,
                player.strategy,
                player.seed,
                player.replication,
            )
            self._print(head)

    def look(self) -> None:
        """Print what has changed without an event: rejected lines of a feed."""
        with self._turn:
            if self._tell_rejected() and self._last is not None and self._kind != "none":
                self._print(*self._stats(self._replay.time))

    def __call__(self, entry: LogEntry) -> None:
        """Print a line of the log, and the stats line if that has changed."""
        with self._turn:
            changes = self._tell_rejected() or self._last is None or entry.event in COUNTED
            lines: list[Any] = []
            own = entry.video is not None and bool(self._replay.player.own[entry.video])
            if self._kind == "json":
                lines.append(data_of(entry, own=own))
            elif self._kind == "text":
                title = "" if entry.video is None else self._titles[entry.video]
                lines.append(line_of(entry, title, own=own))
                self._stats_are_last = False
            if changes:
                lines += self._stats(entry.time)
            self._print(*lines)

    def end(self, run: Run | None) -> None:
        """Print how it ended; without a run nothing has happened."""
        if self._ended:
            return
        self._in_vain = True  # a reader who has gone changes nothing about how the replay has ended
        stats = self._replay.stats if run is None else run.stats
        with self._turn:
            self._tell_rejected()
            if self._kind != "json":
                self._print(*[] if stats == self._last and self._stats_are_last else [stats])
            elif run is not None:
                self._print({"stats": stats, "end": run.end, "ending": run.ending})
        self._ended = True

    def hurry(self) -> None:
        """From now on, wait just a moment for a reader who does not read: the program has to end."""
        self._output.hurry()
        if not takes(sys.stderr, _PATIENCE):
            discard(sys.stderr)

    def _print(self, *lines: Any) -> None:
        """Print lines, as JSON if that is wanted."""
        if self._kind == "json":
            data = b"".join(self._encode(line) + b"\n" for line in lines)
        else:
            text = "".join(f"{line}\n" for line in lines)
            data = text.encode(sys.stdout.encoding, "backslashreplace")
        try:
            self._output.write(data)
        except OSError:
            with printing(in_vain=self._in_vain):
                raise

    def _accepted(self, video: Video) -> None:
        self._titles.append(video.title)
        with self._turn:
            self._tell_rejected()
            if self._kind == "json":
                self._print({"accepted": video})

    def _stats(self, now: float) -> list[Any]:
        """Return the line of the counters if they have changed."""
        stats = self._replay.stats
        if stats == self._last:
            return []
        self._last, self._stats_are_last = stats, True
        return [{"time": now, "stats": stats} if self._kind == "json" else stats]

    def _tell_rejected(self) -> bool:
        """Report rejected lines, and return whether there were others than before."""
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


class Output:
    """Standard output, which waits for a slow reader, but after :meth:`hurry` only for a moment.

    No write blocks, so between two of them there is time to see whether the program has to end.
    """

    def __init__(self) -> None:
        self._hurried = inf
        self._lost, self._blocks = False, True
        self._file: int | None = None
        with suppress(OSError):  # not a file of the system
            self._file = sys.stdout.fileno()
            mode = os.fstat(self._file).st_mode
            if hasattr(os, "O_NONBLOCK") and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
                # opened once more without blocking, since the mode of the first one belongs to others, too
                self._file = os.open(f"/dev/fd/{self._file}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
                self._blocks = os.get_blocking(self._file)

    def hurry(self) -> None:
        """From now on, wait at most :data:`_PATIENCE` seconds; what is not written then is lost."""
        self._hurried = time.monotonic()

    def write(self, data: bytes) -> None:
        """Write all of it."""
        if self._file is None:
            sys.stdout.buffer.write(data)
            return
        begun = time.monotonic()
        while data and not self._lost:
            taken = self._write_some(self._file, data)
            self._lost = not taken and time.monotonic() > max(begun, self._hurried) + _PATIENCE
            data = data[taken:]

    def _write_some(self, file: int, data: bytes) -> int:
        """Write what the reader takes now, or wait a moment, and return how many bytes were written."""
        if not self._blocks or takes(file, 0):
            with suppress(BlockingIOError):
                return os.write(file, data[:_PIECE])
        takes(file, _SLICE)
        return 0


_PIECE = 512
"""Bytes of one write: where writes may block, a pipe that is ready takes them without blocking."""
_SLICE = 0.05
"""Wall seconds between two looks whether the program has to end."""
_PATIENCE = 0.1
"""Wall seconds for which a reader who does not read is waited for at the end."""
_TOLD = 10
"""Rejected lines that are reported one by one."""
