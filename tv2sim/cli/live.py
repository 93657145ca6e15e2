"""Prints a replay as it happens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from tv2sim.cli.log import head_of, line_of
from tv2sim.cli.text import printing

if TYPE_CHECKING:
    from tv2sim.catalogue import Video
    from tv2sim.facts import LogEntry
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
    """

    def __init__(self, replay: Replay, kind: str) -> None:
        self._replay, self._kind = replay, kind
        self._titles = [video.title for video in replay.player.videos]
        self._last, self._stats_are_last = "", False
        self._rejected = 0
        self._encode = msgspec.json.Encoder().encode
        replay.when_accepted(self._accepted)

    def begin(self) -> None:
        """Print what comes before the first event."""
        if self._kind == "json":
            player = self._replay.player
            rejected = player.source.rejected
            self._rejected = len(rejected)
            head = head_of(
                player.source.name,
                player.videos,
                rejected,
                player.scenario,
                player.strategy,
                player.seed,
                player.replication,
            )
            self._json(head)
            sys.stdout.flush()

    def __call__(self, entry: LogEntry) -> None:
        """Print a line of the log, and the stats line if that has changed."""
        if self._kind == "none":
            return
        with printing(in_vain=False):
            self._print_rejected()
            if self._kind == "json":
                self._json(entry._asdict())
            elif self._kind == "text":
                title = "" if entry.video is None else self._titles[entry.video]
                print(line_of(*entry, title))
                self._stats_are_last = False
            stats = self._replay.stats
            if str(stats) != self._last:
                self._last = str(stats)
                if self._kind == "json":
                    self._json({"time": entry.time, "stats": stats})
                else:
                    print(stats)
                    self._stats_are_last = True
            sys.stdout.flush()

    def end(self, run: Run | None) -> None:
        """Print how it ended; without a run nothing has happened."""
        stats = self._replay.stats if run is None else run.stats
        if self._kind == "json":
            self._print_rejected()
            if run is not None:
                self._json({"stats": stats, "end": run.end, "ending": run.ending})
        elif str(stats) != self._last or not self._stats_are_last:
            print(stats)
        sys.stdout.flush()

    def _accepted(self, video: Video) -> None:
        self._titles.append(video.title)
        if self._kind == "json":
            with printing(in_vain=False):
                self._json({"accepted": video})

    def _print_rejected(self) -> None:
        if self._kind == "json":
            rejected = self._replay.player.source.rejected
            while self._rejected < len(rejected):
                self._json({"rejected": rejected[self._rejected]._asdict()})
                self._rejected += 1

    def _json(self, line: Any) -> None:
        sys.stdout.buffer.write(self._encode(line) + b"\n")
