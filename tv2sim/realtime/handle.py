"""A replay: a run that is played on a clock in a thread of its own, and can be watched and controlled."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from tv2sim.base.errors import InputError, need
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.random_numbers import as_replication, as_seed
from tv2sim.catalogue import Catalogue, Video, read_catalogue
from tv2sim.realtime.clock import Clock, Speed
from tv2sim.realtime.feed import Feed, live
from tv2sim.realtime.pipeline_state import UNDER_WAY, Frame, Phase, Snapshot, State, levels_of
from tv2sim.realtime.player import Player, Simulated
from tv2sim.realtime.recorded_log import read_recorded
from tv2sim.results.event_kinds import LogEntry, as_observers
from tv2sim.results.metrics import Stats
from tv2sim.strategies import Strategy, as_strategy
from tv2sim.world.prices import Prices, as_prices
from tv2sim.world.scenario import Scenario, as_scenario, check_encoding_times

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

    from tv2sim.engines.model import Observer
    from tv2sim.realtime.server import Server
    from tv2sim.results.run import Run


class Replay:
    """A run at the wall clock's pace, under way or over. Made by :func:`tv2sim.replay` with ``block=False``.

    It can be used as a context manager, which stops it at the end.

    Attributes
    ----------
    url : str or None
        The page's address, with the token that the page needs to pause, to change the speed and to play again.
        The metrics are at ``/metrics`` of the same server. None if nothing is served.
    phase : str
        "waiting" (for the first video of a feed), "running", "finished", "stopped" or "failed".
    run : Run or None
        The run when it is over, up to where it was stopped if it was; None before, or if it has failed.
    player
        What is played: its source, strategy, scenario, seed and replication.

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
        prices: Prices | None = None,
    ) -> None:
        self._clock, self._prices = Clock(speed, strict=strict), as_prices(prices)
        watchers = as_observers(observers)
        # the system would take "" for all of its addresses
        if not isinstance(host, str) or not host:  # type: ignore[redundant-expr]
            raise InputError(f"host must be an address or a name of this machine, not {host!r}")
        read = _prepare(catalogue, (strategy, scenario, seed, replication), recorded, self._clock)
        self._server: Server | None = None
        if port is not None:
            need("prometheus_client", "starlette", "uvicorn", to="serve a page and metrics")
            from tv2sim.realtime.server import Server

            self._server = Server(host, port)
        self.url = None if self._server is None else self._server.url
        try:
            self.player: Player = read()
            self._in_words = str(self.player.in_words())
        except BaseException:
            if self._server is not None:
                self._server.close()
            raise
        self.phase: Phase = "waiting" if self.player.live else "running"
        self.run: Run | None = None
        self._error: BaseException | None = None
        self._lock = threading.RLock()  # held while the state is read or changed
        self._unread: deque[LogEntry | Video] = deque()
        self._state = State(self.player)
        self._registry: CollectorRegistry | None = None
        self._observers: list[Observer] = list(watchers)
        self._lines = self._told = 0  # lines of the log since the start, and lines that observers were told
        self._again = self._stopping = False  # requests: to play again, and to stop
        self._accepted: list[Callable[[Video], object]] = [self._unread.append]
        self._accepted += [] if accepted is None else [accepted]
        self._keep_running = keep_running
        self._over = threading.Event()
        self._thread = self._new_thread()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._play, name="tv2sim replay", daemon=True)

    def observe(self, observer: Observer) -> None:
        """Add an observer.

        Raises
        ------
        InputError
            If the replay has begun.
        """
        self._check_not_begun()
        self._observers.append(observer)

    def when_accepted(self, told: Callable[[Video], object]) -> None:
        """Add a function to be called with each video that a feed has sent, before it is offered.

        Raises
        ------
        InputError
            If the replay has begun.
        """
        self._check_not_begun()
        self._accepted.append(told)

    def _check_not_begun(self) -> None:
        if self._thread.ident is not None:
            raise InputError("the replay has begun: give its observers to tv2sim.replay")

    def start(self) -> None:
        """Start the replay. :func:`tv2sim.replay` returns a replay that has been started."""
        if self._server is not None:
            self._server.start(self)
        self._thread.start()

    def _play(self) -> None:
        """Run in the replay's thread: play to the end, again if that is asked for, and stop serving."""
        try:
            while not self._is_over(self._play_once()):
                pass
            self.player.close()
            if self._server is not None and not (self._keep_running and self.phase == "finished"):
                self._server.close()
        except BaseException as error:  # noqa: BLE001 (raised by wait, which must end)
            self._error = self._error or error
        finally:
            self._over.set()

    def _play_once(self) -> Run | None:
        """Play from the start, and return the run; None if an error ends it."""
        try:
            run = self.player.play(self._clock, (self._note,), self._accepted)
            return run.priced(self._prices) if self._prices else run
        except BaseException as error:  # noqa: BLE001 (raised by wait)
            if self.run is None:
                self._error = error
            return None

    def _is_over(self, run: Run | None) -> bool:
        """Note the outcome and return True; if it was asked to play again, get ready for that instead."""
        with self._lock:
            if self._again and run is not None:
                self._rewind()
                return False
            stopped = self._clock.stopped if run is None else run.ending == "stopped"
            self.phase = "stopped" if stopped else "failed" if run is None else "finished"
            self.run = self.run or run
            self._clock.stand_at(self._clock.now if run is None else run.end)
        return True

    def _rewind(self) -> None:
        """Show the state before the first event. The thread that plays is at its end, and the lock is held."""
        self._unread.clear()
        rows_that_viewers_have = self._state.history.generation
        self._state = State(self.player)
        self._state.history.generation = rows_that_viewers_have + 1
        self._clock.rewind()
        self._lines, self._again = 0, False
        self.phase = "running"

    # -- following -----------------------------------------------------------------------------------------

    def _note(self, entry: LogEntry) -> None:
        """Keep a line of the event log until the state is read, and tell the observers if it is new to them.

        The replay's thread calls this.
        """
        self._unread.append(entry)
        self.phase = "running"
        if len(self._unread) > _UNREAD:
            with self._state_now():
                pass
        self._lines += 1
        if self._lines > self._told:
            self._told = self._lines
            for observer in self._observers:
                observer(entry)

    @contextmanager
    def _state_now(self) -> Iterator[State]:
        """Hold the lock, and yield the state after all that has happened."""
        with self._lock:
            # the replay's thread may append more meanwhile
            for _ in range(len(self._unread)):
                item = self._unread.popleft()
                if isinstance(item, LogEntry):
                    self._state(item)
                else:
                    self._state.accepted(item)
            self._state.count_rejected()
            if self.phase not in UNDER_WAY:
                self._state.complete()
            yield self._state

    # -- control -------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop simulated time until :meth:`resume`."""
        self._clock.pause()

    def resume(self) -> None:
        """Continue after a pause."""
        self._clock.resume()

    @property
    def paused(self) -> bool:
        """Whether the replay is paused."""
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

    @property
    def restartable(self) -> bool:
        """Whether the replay can be played again: no feed, and under way or, with `keep_running`, finished."""
        stays = self.phase in UNDER_WAY or (self._keep_running and self.phase == "finished")
        return stays and not self._stopping and not self.player.live

    def restart(self) -> None:
        """Play again from the start, at the present speed.

        Observers are told each line of the log once: nothing if it was over before, else the lines from the one
        on that they have not been told. The run that :meth:`wait` returns is the same.

        Raises
        ------
        InputError
            If it is not :attr:`restartable`.
        """
        with self._lock:
            if not self.restartable:
                why = "a feed is gone" if self.player.live else "it has ended, without keep_running=True"
                raise InputError(f"this replay cannot be played again: {why}")
            if self.phase in UNDER_WAY:
                self._again = True
                self._clock.stop()
            else:
                self._rewind()
                self._thread = self._new_thread()
                self._thread.start()

    def stop(self) -> None:
        """End the replay and the server now. The run holds what has happened so far."""
        with self._lock:  # it must not be played again from now on
            self._stopping, self._again = True, False
            self._clock.stop()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._over.wait(_PATIENCE)
            self._thread.join(_PATIENCE)
        if self._server is not None:
            self._server.close()
        self.player.close()  # the thread does this as well, unless it has never started

    def wait(self, timeout: float | None = None) -> Run:
        """Wait for the end of the replay, and return the run.

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
        assert self.run is not None
        return self.run

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        at = f" at {self.url}" if self.url is not None else ""
        return f"<Replay of {self.player.source.name!r}, {self.phase} at {self.time:.1f} s{at}>"

    # -- watching ------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the replay has ended."""
        return self._over.is_set()

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
        with self._state_now() as state:
            return Stats(state.stats)

    @property
    def levels(self) -> pd.DataFrame:
        """The levels so far, as in ``run.levels``; of more than 4,000 times only some are kept."""
        with self._state_now() as state:
            rows, names = list(state.history.rows), state.levels
        return levels_of(rows, names)  # without the lock: importing pandas takes long

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of this replay, in a Prometheus registry of its own.

        Raises
        ------
        MissingExtraError
            Without the extra "replay".
        """
        with self._lock:
            if self._registry is None:
                need("prometheus_client", to="keep metrics")
                from prometheus_client import CollectorRegistry

                from tv2sim.realtime.prometheus_metrics import Collector

                self._registry = CollectorRegistry()
                self._registry.register(Collector(self._state_now, self._clock))
            return self._registry

    def snapshot(self) -> Snapshot:
        """Return the present state as views show it."""
        player, clock, mean = self.player, self._clock, self.player.scenario.startup_time.mean
        with self._state_now() as state:
            return Snapshot(
                phase=self.phase,
                ending=None if self.run is None or self.phase in UNDER_WAY else self.run.ending,
                time=clock.now,
                speed=clock.speed,
                paused=clock.paused,
                lag=clock.lag,
                lag_max=clock.lag_max,
                catalogue=player.source.name,
                strategy=player.strategy.name,
                strategy_in_words=self._in_words,
                seed=player.seed,
                replication=player.replication,
                startup_mean=mean if isfinite(mean) else 0.0,
                until=player.scenario.until,
                restartable=self.restartable,
                pipeline=state.pipeline(),
            )

    def look(self, generation: int, rows: int) -> Frame:
        """Return a snapshot, and the rows of the levels that a viewer lacks.

        Parameters
        ----------
        generation, rows : int
            The generation of the levels that the viewer has, and the number of their rows.
        """
        with self._state_now() as state:
            history = state.history
            # the last row that was sent may have changed since
            start = max(0, rows - 1) if generation == history.generation else 0
            return Frame(self.snapshot(), state.levels, history.generation, start, list(history.rows[start:]))


_UNREAD = 1 << 18
"""Lines of the log that are kept until the state is read, at most, so that memory is limited."""
_SLICE = 0.2
"""Wall seconds of one wait for the end."""
_PATIENCE = 0.4
"""Wall seconds of each of the two waits for the end of a replay that is stopped."""


# -- starting one -------------------------------------------------------------------------------------------


class _Options(TypedDict, total=False):
    speed: Speed
    seed: int | None
    replication: int
    observers: Observer | Iterable[Observer]
    accepted: Callable[[Video], object] | None
    recorded: str | os.PathLike[str] | Any
    strict: bool
    host: str
    port: int | None
    keep_running: bool
    prices: Prices | None


@overload
def replay(
    catalogue: Catalogue | Any = ...,
    strategy: Strategy | str = ...,
    scenario: Scenario | None = ...,
    *,
    block: Literal[True] = ...,
    **options: Unpack[_Options],
) -> Run: ...
@overload
def replay(
    catalogue: Catalogue | Any = ...,
    strategy: Strategy | str = ...,
    scenario: Scenario | None = ...,
    *,
    block: Literal[False],
    **options: Unpack[_Options],
) -> Replay: ...
def replay(
    catalogue: Catalogue | Any = None,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    block: bool = True,
    **options: Unpack[_Options],
) -> Run | Replay:
    """Simulate at the wall clock's pace; the run's tables are those of :func:`tv2sim.simulate`.

    Parameters
    ----------
    catalogue : Catalogue
        As for :func:`tv2sim.simulate`. Standard input (``"-"``), a named pipe and an iterator are feeds, whose
        videos are taken as they come. The run starts with the first video. If the next one is not there when
        the client could offer it, it is offered when it comes; that time is its `submitted_at` in
        ``run.catalogue``.
    strategy, scenario, seed, replication, prices
        As for :func:`tv2sim.simulate`.
    speed : float or "max"
        Simulated seconds per wall second, from 0.1 to 1000, or "max" for as fast as it goes. Default is 1.
    observers : callable, or iterable of callables
        As for :func:`tv2sim.simulate`, in the replay's thread. A slow one makes the replay late.
    accepted : callable, optional
        Called with each :class:`tv2sim.Video` of a feed before it is offered.
    recorded : path, "-" or open file, optional
        In place of a catalogue: a log that ``tv2sim run --log json`` has printed, to be played again. The
        strategy, the scenario, the seed and the replication are in the log.
    strict : bool
        Whether it is an error to be more than 100 ms behind the clock. Otherwise that is a warning (of the
        logger "tv2sim.replay"), and the replay catches up. Default is False.
    host : str
        The address of this machine to listen at; by default only programs on the same machine reach it.
    port : int, optional
        Where to serve a page (at ``/``), metrics for Prometheus (``/metrics``) and ``/healthz``; 0 takes a
        free port. Default is to serve nothing.
    keep_running : bool
        Whether to continue to serve after the end, until :meth:`Replay.stop`. Default is False.
    block : bool
        Whether to wait until it is over.

    Returns
    -------
    Run or Replay
        The run; or with ``block=False`` a handle with `pause`, `resume`, `speed`, `stop` and `wait`.

    Raises
    ------
    InputError
        If an argument is wrong, or the port is in use.
    LagError
        If it is strict and late.
    MissingExtraError
        If a port is given without the extra "replay".

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> run = tv.replay(catalogue, "2c", speed=1000)
    >>> run == tv.simulate(catalogue, "2c")
    True
    """
    if block and options.get("keep_running"):
        raise InputError("keep_running=True needs block=False, and stop() when you have seen enough")
    handle = Replay(catalogue, strategy, scenario, **options)
    try:
        handle.start()
        return handle.wait() if block else handle
    except BaseException:
        handle.stop()
        raise


def _prepare(catalogue: Any, chosen: tuple[Any, ...], recorded: Any, clock: Clock) -> Callable[[], Player]:
    """Check the arguments, and return a function that reads the source and returns the player.

    `chosen` has the strategy, the scenario, the seed and the replication.
    """
    if recorded is not None:
        if catalogue is not None:
            raise InputError("a replay is of a catalogue or of a recorded log, not of both")
        if chosen != ("2c", None, 1, 0):
            raise InputError(
                "a recorded log has its own strategy, scenario, seed and replication: leave these arguments out"
            )
        return lambda: read_recorded(recorded)
    if catalogue is None:
        raise InputError("a replay needs a catalogue, or a recorded log: recorded='log.jsonl'")
    strategy, scenario, seed, replication = chosen
    rule, world = as_strategy(strategy), as_scenario(scenario)
    drawn, number = as_seed(seed), as_replication(replication)

    def read() -> Player:
        if (coming := live(catalogue)) is not None:
            feed = Feed(coming, clock.wake, encoded=world.encoders is not None)
            return Simulated(feed, rule, world, drawn, number)
        videos = read_catalogue(catalogue)
        check_encoding_times(videos, world)
        return Simulated(videos, rule, world, drawn, number)

    return read
