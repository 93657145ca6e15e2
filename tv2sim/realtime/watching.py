"""What is known of a replay from outside, at any moment and from any thread."""

from __future__ import annotations

import threading
from collections import deque
from math import isfinite
from typing import TYPE_CHECKING

from tv2sim.errors import need
from tv2sim.events import LogEntry
from tv2sim.figures import Stats
from tv2sim.realtime.snapshot import Frame, Phase, Snapshot
from tv2sim.realtime.state import State, frame_of
from tv2sim.realtime.tally import Tally

if TYPE_CHECKING:
    import pandas as pd
    from prometheus_client.registry import CollectorRegistry

    from tv2sim.catalogue import Video
    from tv2sim.realtime.clock import Clock
    from tv2sim.realtime.session import Player
    from tv2sim.run import Run

__all__ = ["Watch"]


class Watch:
    """Follows a replay, and tells how it stands.

    Parameters
    ----------
    player : Player
        What is played.
    clock : Clock
        What time it is.
    """

    def __init__(self, player: Player, clock: Clock) -> None:
        self._player, self._clock = player, clock
        self._lock = threading.RLock()
        self._unread: deque[LogEntry | Video] = deque()
        source = player.source
        self._state = State(
            player.scenario.encoders,
            player.videos,
            more=player.live,
            rejected=len(source.rejected),
            own=player.own,
        )
        self._tally = Tally(self._state.videos)
        self._registry: CollectorRegistry | None = None
        self._over = False
        self._ending: str | None = None
        self.phase: Phase = "waiting" if player.live else "running"

    # -- following -----------------------------------------------------------------------------------------

    def __call__(self, entry: LogEntry) -> None:
        """Note a line of the event log, to be followed when the state is looked at."""
        self._unread.append(entry)
        self.phase = "running"
        if len(self._unread) > _UNREAD:
            with self._lock:
                self._catch_up()

    def accepted(self, video: Video) -> None:
        """Note a video that a feed has sent."""
        self._unread.append(video)

    def over(self, run: Run | None) -> None:
        """Note that the replay is over: with a run, or without one."""
        with self._lock:
            self._over = True
            if run is not None:
                self._ending = run.ending
                self.phase = "stopped" if run.ending == "stopped" else "finished"
            else:
                self.phase = "stopped" if self._clock.stopped else "failed"
            self._clock.stand_at(self._clock.now if run is None else run.end)

    def _catch_up(self) -> None:
        """Follow what has happened since the last look; with the lock held."""
        unread, state, tally = self._unread, self._state, self._tally
        # the replay's thread may add to the right of it meanwhile
        for _ in range(len(unread)):
            item = unread.popleft()
            if isinstance(item, LogEntry):
                state(item)
                tally(item)
            else:
                state.accepted(item)
        state.rejected(len(self._player.source.rejected))
        if self._over:
            state.complete()
            tally.complete()

    # -- telling -------------------------------------------------------------------------------------------

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error."""
        return self.phase == "failed"

    @property
    def stats(self) -> Stats:
        """The counters so far."""
        with self._lock:
            self._catch_up()
            return Stats(self._state.stats)

    @property
    def levels(self) -> pd.DataFrame:
        """The levels so far, thinned out if they are many."""
        with self._lock:
            rows = list(self._state.history.rows)
        return frame_of(rows)  # pandas is slow to import, and to begin: nobody has to wait for that

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics, a registry of their own.

        Raises
        ------
        MissingExtraError
            Without the extra "replay".
        """
        with self._lock:
            if self._registry is None:
                need("prometheus_client", to="keep metrics")
                from prometheus_client import CollectorRegistry

                from tv2sim.realtime.metrics import Collector

                self._registry = CollectorRegistry(auto_describe=False)
                self._registry.register(
                    Collector(self._lock, self._catch_up, self._state, self._tally, self._clock)
                )
            return self._registry

    def snapshot(self) -> Snapshot:
        """Return everything that a view shows, as it is now."""
        player, mean = self._player, self._player.scenario.startup_time.mean
        with self._lock:
            self._catch_up()
            return Snapshot(
                phase=self.phase,
                ending=self._ending,
                time=self._clock.now,
                speed=self._clock.speed,
                paused=self._clock.paused,
                lag=self._clock.lag,
                lag_max=self._clock.lag_max,
                catalogue=player.source.name,
                strategy=player.strategy.name,
                seed=player.seed,
                replication=player.replication,
                startup_mean=mean if isfinite(mean) else 0.0,
                until=player.scenario.until,
                pipeline=self._state.pipeline(),
            )

    def look(self, generation: int, rows: int) -> Frame:
        """Return how it stands, for the page, and the levels beyond those that are known."""
        with self._lock:
            history = self._state.history
            # the last row that was sent may have changed since
            start = max(0, rows - 1) if generation == history.generation else 0
            return Frame(self.snapshot(), history.generation, start, list(history.rows[start:]))


_UNREAD = 200_000
"""Lines that may wait to be followed: a replay that nothing looks at is spared the work, but not any memory."""
