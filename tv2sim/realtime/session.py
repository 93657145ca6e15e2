"""A replay: a run that is played on a clock in a thread of its own, and can be watched and controlled."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from tv2sim.catalogue import read_catalogue
from tv2sim.draws import as_replication, as_seed
from tv2sim.errors import InputError, ScenarioError, need
from tv2sim.events import LogEntry
from tv2sim.metrics import Stats
from tv2sim.realtime.clock import Clock, Speed
from tv2sim.realtime.feed import Feed, live
from tv2sim.realtime.recorded import Recorded, read_recorded
from tv2sim.realtime.simulated import Simulated
from tv2sim.realtime.snapshot import Frame, Phase, Snapshot
from tv2sim.realtime.state import State, frame_of
from tv2sim.realtime.tally import Tally
from tv2sim.scenario import Scenario
from tv2sim.strategies import Strategy, as_strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd
    from prometheus_client.registry import CollectorRegistry

    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.model import Observer
    from tv2sim.realtime.server import Server
    from tv2sim.run import Run

__all__ = ["Player", "Replay"]

Player: TypeAlias = Simulated | Recorded
"""What is played: the model, or the log of a run."""


class Replay:
    """A run at the wall clock's pace, under way or over. Made by :func:`tv2sim.replay` with ``block=False``.

    It can be used as a context manager, which stops it at the end.

    Attributes
    ----------
    url : str or None
        The page's address, with what the page needs to pause and to change the speed. Metrics are beside it,
        at ``/metrics``. None if nothing is served.

    Examples
    --------
    >>> import tv2sim as tv
    >>> with tv.replay(tv.generate_catalogue(), "2c", speed="max", block=False) as handle:
    ...     run = handle.wait()
    >>> run == tv.simulate(tv.generate_catalogue(), "2c")
    True
    """

    def __init__(
        self,
        catalogue: Catalogue | Any = None,
        strategy: Strategy | str = "2c",
        scenario: Scenario | None = None,
        *,
        speed: Speed = 1.0,
        seed: int | None = 1,
        replication: int = 0,
        observers: Observer | Iterable[Observer] = (),
        accepted: Callable[[Video], object] | None = None,
        recorded: str | os.PathLike[str] | Any = None,
        strict: bool = False,
        host: str = "127.0.0.1",
        port: int | None = None,
        keep_running: bool = False,
    ) -> None:
        self._clock = Clock(speed, strict=strict)
        watchers = (observers,) if callable(observers) else tuple(observers)
        _check_host(host)
        player_of = _player(catalogue, strategy, scenario, seed, replication, recorded, self._clock)
        self._server = None if port is None else _server(host, port)
        try:
            self._player = player_of()
        except BaseException:
            if self._server is not None:
                self._server.close()
            raise
        player = self._player
        self._lock = threading.RLock()  # of the state
        self._unread: deque[LogEntry | Video] = deque()
        self._state = State(
            player.scenario.encoders,
            player.videos,
            more=player.live,
            rejected=len(player.source.rejected),
            own=player.own,
        )
        self._tally = Tally(self._state.videos)
        self._phase: Phase = "waiting" if player.live else "running"
        self._ended = False
        self._registry: CollectorRegistry | None = None
        self._observers: list[Observer] = [self._follow, *watchers]
        self._accepted: list[Callable[[Video], object]] = [self._unread.append]
        self._accepted += [] if accepted is None else [accepted]
        self._keep_running = keep_running
        self._run: Run | None = None
        self._error: BaseException | None = None
        self._over = threading.Event()
        self.url = None if self._server is None else self._server.control_url
        self._thread = threading.Thread(target=self._play, name="tv2sim replay", daemon=True)

    def observe(self, observer: Observer) -> None:
        """Add an observer.

        Raises
        ------
        InputError
            If the replay has begun.
        """
        self._must_not_have_begun()
        self._observers.append(observer)

    def when_accepted(self, told: Callable[[Video], object]) -> None:
        """Add a function to be called with each video that a feed has sent, before it is offered.

        Raises
        ------
        InputError
            If the replay has begun.
        """
        self._must_not_have_begun()
        self._accepted.append(told)

    def _must_not_have_begun(self) -> None:
        if self._thread.ident is not None:
            raise InputError("the replay has begun: give its observers to tv2sim.replay")

    def start(self) -> None:
        """Begin. Those that :func:`tv2sim.replay` returns have begun."""
        if self._server is not None:
            self._server.start(self)
        self._thread.start()

    def _play(self) -> None:
        try:
            self._run = self._player.play(self._clock, self._observers, self._tell_accepted)
        except BaseException as error:  # noqa: BLE001 (raised by wait)
            self._error = error
        try:
            self._end(self._run)
            self._player.close()
            if self._server is not None and not (self._keep_running and self.phase == "finished"):
                self._server.close()
        except BaseException as error:  # noqa: BLE001 (raised by wait, which must not wait for ever)
            self._error = self._error or error
        finally:
            self._over.set()

    def _tell_accepted(self, video: Video) -> None:
        for told in self._accepted:
            told(video)

    # -- following -----------------------------------------------------------------------------------------

    def _follow(self, entry: LogEntry) -> None:
        """Note a line of the event log, to be followed when the state is looked at."""
        self._unread.append(entry)
        self._phase = "running"
        if len(self._unread) > _UNREAD:
            with self._lock:
                self._catch_up()

    def _catch_up(self) -> None:
        """Follow what has happened since the last look; with the lock held."""
        unread, state, tally = self._unread, self._state, self._tally
        # the replay's thread may append more meanwhile
        for _ in range(len(unread)):
            item = unread.popleft()
            if isinstance(item, LogEntry):
                state(item)
                tally(item)
            else:
                state.accepted(item)
        state.rejected(len(self._player.source.rejected))
        if self._ended:
            state.complete()
            tally.complete()

    def _end(self, run: Run | None) -> None:
        """Note that the replay is over: with a run, or without one."""
        with self._lock:
            self._ended = True
            if run is not None:
                self._phase = "stopped" if run.ending == "stopped" else "finished"
            else:
                self._phase = "stopped" if self._clock.stopped else "failed"
            self._clock.stand_at(self._clock.now if run is None else run.end)

    # -- control -------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop simulated time until :meth:`resume`."""
        self._clock.pause()

    def resume(self) -> None:
        """Continue after a pause."""
        self._clock.resume()

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._clock.paused

    @property
    def speed(self) -> Speed:
        """Simulated seconds per wall second, or "max"; it can be set at any time.

        Raises
        ------
        InputError
            If it is set to neither "max" nor a number from 0.1 to 1000.
        """
        return self._clock.speed

    @speed.setter
    def speed(self, speed: Speed) -> None:
        self._clock.set_speed(speed)

    def stop(self) -> None:
        """End it now, and the server. What has happened so far is the run."""
        self._clock.stop()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._over.wait(_PATIENCE)
            self._thread.join(_PATIENCE)
        if self._server is not None:
            self._server.close()
        self._player.close()  # of a replay that has never begun

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until it is over, and return the run.

        Parameters
        ----------
        timeout : float, optional
            Wall seconds to wait at most.

        Raises
        ------
        TimeoutError
            If it is not over by then; it goes on.
        Exception
            The error that ended it: one of a hook or an observer; LagError if it is strict; CatalogueError
            if a feed had no video.
        """
        end = inf if timeout is None else time.monotonic() + timeout
        # in slices: on some systems Ctrl-C does not interrupt a wait without a timeout
        while not self._over.wait(min(_SLICE, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise TimeoutError(f"the replay is not over after {timeout:g} s of waiting")
        if self._error is not None:
            raise self._error
        assert self._run is not None
        return self._run

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        at = f" at {self.url}" if self.url is not None else ""
        return f"<Replay of {self._player.source.name!r}, {self.phase} at {self.time:.1f} s{at}>"

    # -- watching ------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run | None:
        """The run when it is over, up to where it was stopped if it was; None before, or if it has failed."""
        return self._run

    @property
    def player(self) -> Player:
        """What is played: its source, strategy, scenario, seed and replication."""
        return self._player

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over.is_set()

    @property
    def phase(self) -> Phase:
        """One of "waiting" (for the first video of a feed), "running", "finished", "stopped" and "failed"."""
        return self._phase

    @property
    def time(self) -> float:
        """Simulated seconds since the start."""
        return self._clock.now

    @property
    def lag(self) -> float:
        """Wall seconds by which the last event was late."""
        return self._clock.lag

    @property
    def lag_max(self) -> float:
        """The largest lag so far, in wall seconds."""
        return self._clock.lag_max

    @property
    def stats(self) -> Stats:
        """The counters so far, as in ``run.stats``."""
        with self._lock:
            self._catch_up()
            return Stats(self._state.stats)

    @property
    def levels(self) -> pd.DataFrame:
        """The levels so far, as in ``run.levels``; of more than 4,000 times only some are kept."""
        with self._lock:
            self._catch_up()
            rows = list(self._state.history.rows)
        return frame_of(rows)  # without the lock: pandas takes long to import

    @property
    def registry(self) -> CollectorRegistry:
        """Its metrics, a Prometheus registry of their own.

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
                phase=self._phase,
                ending=self._run.ending if self._ended and self._run is not None else None,
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
        """Return a snapshot, and the levels beyond those that a viewer has: so many rows of a generation."""
        with self._lock:
            history = self._state.history
            # the last row that was sent may have changed since
            start = max(0, rows - 1) if generation == history.generation else 0
            return Frame(self.snapshot(), history.generation, start, list(history.rows[start:]))


_UNREAD = 1 << 18
"""Lines that may wait to be followed: this saves the work where nothing looks, and limits the memory."""
_SLICE = 0.2
_PATIENCE = 0.4
"""Wall seconds for which the end of a stopped replay is waited for."""


def _check_host(host: object) -> None:
    if not isinstance(host, str) or not host:  # for the system, "" is all of its addresses
        raise InputError(f"host must be an address or a name of this machine, not {host!r}")


def _server(host: str, port: int) -> Server:
    from tv2sim.realtime.server import Server

    return Server(host, port)


def _player(
    catalogue: Any,
    strategy: Strategy | str,
    scenario: Scenario | None,
    seed: int | None,
    replication: int,
    recorded: Any,
    clock: Clock,
) -> Callable[[], Player]:
    """Return a function that makes the player. It reads the source, after all checks."""
    if recorded is not None:
        if catalogue is not None:
            raise InputError("a replay is of a catalogue or of a recorded log, not of both")
        if (strategy, scenario, seed, replication) != ("2c", None, 1, 0):
            raise InputError(
                "a recorded log has its own strategy, scenario, seed and replication: leave these arguments out"
            )
        return lambda: read_recorded(recorded)
    if catalogue is None:
        raise InputError("a replay needs a catalogue, or a recorded log: recorded='log.jsonl'")
    rule = as_strategy(strategy)
    world = Scenario() if scenario is None else scenario
    if not isinstance(world, Scenario):
        raise ScenarioError(f"scenario must be a tv2sim.Scenario, not {scenario!r}")
    drawn, number = as_seed(seed), as_replication(replication)

    def player() -> Player:
        coming = live(catalogue)
        source = read_catalogue(catalogue) if coming is None else Feed(coming, clock.wake)
        return Simulated(source, rule, world, drawn, number)

    return player
