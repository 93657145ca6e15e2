"""Prints a replay as it happens."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tv2sim.cli.log import data_of, head_of, line_of
from tv2sim.cli.text import discard, note, one_line, printing, takes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tv2sim.catalogue import Video
    from tv2sim.events import LogEntry
    from tv2sim.realtime.session import Replay
    from tv2sim.run import Run

__all__ = ["Printer"]


class Printer:
    """An observer that prints the event log, and the stats line whenever that changes.

    Parameters
    ----------
    replay : Replay
        What is printed.
    kind : {"text", "json", "stats", "none"}
        How: "stats" leaves the events out, "none" prints just the last stats line.
    in_vain : bool
        Whether to go on, printing nowhere, when the reader of a pipe has closed it.
    """

    def __init__(self, replay: Replay, kind: str, *, in_vain: bool = False) -> None:
        self._replay, self._kind, self._in_vain = replay, kind, in_vain
        self._titles = [video.title for video in replay.player.videos]
        self._last, self._stats_are_last, self._ended = "", False, False
        self._rejected = 0 if replay.player.live else len(replay.player.source.rejected)
        self._turn = threading.RLock()  # of the replay's thread, and of the one that looks on
        self._since: float | None = None  # when what is being printed at the moment was begun, and by whom
        self._thread = 0
        self._encode = msgspec.json.Encoder().encode
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
            with self._printing():
                self._json(head)

    def look(self) -> None:
        """Print what has changed without an event: lines of a feed that are no valid video."""
        with self._printing():
            if self._tell_rejected() and self._last and self._kind != "none":
                self._tell_stats(self._replay.time)

    def __call__(self, entry: LogEntry) -> None:
        """Print a line of the log, and the stats line if that has changed."""
        with self._printing():
            self._tell_rejected()
            if self._kind == "none":
                return
            own = entry.video is not None and bool(self._replay.player.own[entry.video])
            if self._kind == "json":
                self._json(data_of(entry, own=own))
            elif self._kind == "text":
                title = "" if entry.video is None else self._titles[entry.video]
                print(line_of(entry, title, own=own))
                self._stats_are_last = False
            self._tell_stats(entry.time)

    def end(self, run: Run | None) -> None:
        """Print how it ended; without a run nothing has happened."""
        if self._ended:
            return
        self._in_vain = True  # that nobody reads it changes nothing of how it has ended
        stats = self._replay.stats if run is None else run.stats
        with self._printing():
            self._tell_rejected()
            if self._kind == "json":
                if run is not None:
                    self._json({"stats": stats, "end": run.end, "ending": run.ending})
            elif str(stats) != self._last or not self._stats_are_last:
                print(stats)
        self._ended = True

    def hurry(self) -> None:
        """From now on, wait just a moment for a reader who does not read: the program has to end."""
        threading.Thread(target=self._hurry, args=[time.monotonic()], daemon=True).start()
        if not takes(sys.stderr, _PATIENCE):
            discard(sys.stderr)

    def _hurry(self, begun: float) -> None:
        while True:
            since = self._since
            if since is not None and time.monotonic() - max(since, begun) > _PATIENCE:
                discard(sys.stdout)
                if not hasattr(signal, "pthread_kill"):
                    os._exit(130)
                # interrupts the writing, which then goes on, to nowhere
                signal.pthread_kill(self._thread, signal.SIGINT)
            time.sleep(_PATIENCE / 10)

    @contextmanager
    def _printing(self) -> Iterator[None]:
        """Print what follows at once, and let it be seen that this goes on."""
        with self._turn:
            self._thread, self._since = threading.get_ident(), time.monotonic()
            try:
                with printing(in_vain=self._in_vain):
                    yield
                    sys.stdout.flush()
            finally:
                self._since = None

    def _accepted(self, video: Video) -> None:
        self._titles.append(video.title)
        with self._printing():
            self._tell_rejected()
            if self._kind == "json":
                self._json({"accepted": video})

    def _tell_stats(self, now: float) -> None:
        stats = self._replay.stats
        if str(stats) != self._last:
            self._last = str(stats)
            if self._kind == "json":
                self._json({"time": now, "stats": stats})
            else:
                print(stats)
                self._stats_are_last = True

    def _tell_rejected(self) -> bool:
        """Tell of lines that are no valid video, and return whether there were others than before."""
        before, rejected = self._rejected, self._replay.player.source.rejected
        while self._rejected < len(rejected):
            line = rejected[self._rejected]
            self._rejected += 1
            if self._kind == "json":
                self._json({"rejected": line._asdict()})
            if self._rejected <= _TOLD:
                further = " (further ones are only counted)" if self._rejected == _TOLD else ""
                note(one_line(f"line {line.line} rejected: {line.reason}{further}"))
        return self._rejected > before

    def _json(self, line: Any) -> None:
        sys.stdout.buffer.write(self._encode(line) + b"\n")


_PATIENCE = 0.1
"""Wall seconds for which whoever does not read is waited for at the end."""
_TOLD = 10
"""Rejected lines that are told one by one."""
