"""Simulated time that follows the wall clock, at a speed that can be changed, with pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Literal, TypeAlias

from tv2sim.base.checks import a_number
from tv2sim.base.errors import InputError, LagError

Speed: TypeAlias = float | Literal["max"]
"""Simulated seconds per wall second, or "max" for as fast as it goes."""

SLOWEST, FASTEST = 0.1, 1000.0
LAG_LIMIT = 0.1
"""Wall seconds of lag above which there is a warning."""


def _factor(speed: object) -> float:
    """Return a valid speed as a number, infinity for "max"; raise InputError if it is not valid."""
    if speed == "max":
        return inf
    try:
        return a_number("speed", speed, at_least=SLOWEST, at_most=FASTEST)
    except InputError:
        raise InputError(
            f"speed must be 'max' or a number from {SLOWEST:g} to {FASTEST:g} (simulated seconds per wall "
            f"second), not {speed!r}"
        ) from None


class Stopped(Exception):  # noqa: N818 (not an error)
    """The clock was stopped while a thread waited for a time."""


class Clock:
    """The simulated time, which follows the wall clock.

    One thread waits for times; any thread may read the time, pause, resume, change the speed and stop. The
    clock starts at the first wait.

    Invariant: at a finite speed, while the clock runs, the time is `_time` plus `_speed` times the wall time
    since `_since`; while it stands, the time is `_time`. A change sets both to the present first (`_change`),
    so that the time never jumps.

    Parameters
    ----------
    speed : float or "max"
        Simulated seconds per wall second.
    strict : bool
        Whether a lag of more than :data:`LAG_LIMIT` is an error. Otherwise the first one is a warning.
    wall : callable
        Returns the wall clock's time in seconds.

    Attributes
    ----------
    paused, stopped : bool
        Whether it is paused, and whether it was stopped.
    lag, lag_max : float
        Wall seconds by which the last wait ended late, and the largest value so far.
    """

    def __init__(
        self, speed: Speed = 1.0, *, strict: bool = False, wall: Callable[[], float] = time.monotonic
    ) -> None:
        self._strict = strict
        self._wall = wall
        self._changed = threading.Condition()
        self._speed = _factor(speed)
        self.rewind()

    def rewind(self) -> None:
        """Stand at 0 again, at the same speed, until the next wait. No thread may be waiting."""
        self.paused = self.stopped = False
        self.lag = self.lag_max = 0.0
        self._started = False
        self._running = False  # started, and neither paused nor stopped
        self._since, self._time = 0.0, 0.0  # wall time and simulated time at the last change
        self._ran = 0.0  # wall seconds of running up to the last change
        # per speed since `_due`: the simulated time at which it was set, `_ran` at that time, and the speed
        self._speeds = [(0.0, 0.0, self._speed)]
        self._reached = 0.0  # the last time that a wait has reached: the time at speed "max"
        self._due = inf  # the time that is waited for, or whose events are happening

    # -- the time ------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        with self._changed:
            if self._speed == inf:
                return self._reached
            if not self._running:
                return self._time
            return self._time + (self._wall() - self._since) * self._speed

    @property
    def settled(self) -> float:
        """Simulated seconds before which everything has happened.

        Invariant: it never exceeds `_due`. Events of that time may still be happening, and if they are late,
        `now` is already past them. It never decreases while the clock runs.
        """
        with self._changed:
            return min(self.now, self._due)

    @property
    def paced(self) -> bool:
        """Whether the speed is finite."""
        return self._speed < inf

    @property
    def speed(self) -> Speed:
        """Simulated seconds per wall second, or "max"."""
        return "max" if self._speed == inf else self._speed

    # -- control -------------------------------------------------------------------------------------------

    def set_speed(self, speed: object) -> None:
        """Continue at another speed.

        Raises
        ------
        InputError
            If it is neither "max" nor a number from 0.1 to 1000.
        """
        factor = _factor(speed)
        with self._change():
            self._speed = factor
            self._speeds.append((self._time, self._ran, factor))

    def pause(self) -> None:
        """Stop the simulated time until :meth:`resume`."""
        with self._change():
            self.paused = True

    def resume(self) -> None:
        """Continue after a pause."""
        with self._change():
            self.paused = False

    def stop(self) -> None:
        """Raise :class:`Stopped` in the thread that waits, and in every later wait."""
        with self._change():
            self.stopped = True

    def stand_at(self, time: float) -> None:
        """Stop for good, at the time at which the run has ended."""
        with self._change():
            self._time = self._reached = time
            self._due = inf
            self.stopped = True

    def wake(self) -> None:
        """Make the thread that waits evaluate its condition again."""
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Hold the lock for a change: count times from now on, and wake the thread that waits."""
        with self._changed:
            time, wall = self.now, self._wall()
            self._ran += wall - self._since if self._running else 0.0
            self._time, self._since, self._reached = time, wall, time
            yield
            self._running = self._started and not (self.paused or self.stopped)
            self._changed.notify_all()

    # -- waiting -------------------------------------------------------------------------------------------

    def wait(self, due: float, unless: Callable[[], bool] | None = None) -> bool:
        """Block until the time is `due` (True), or `unless` holds (False), evaluated at each :meth:`wake`.

        Raises
        ------
        Stopped
            If the clock is stopped.
        LagError
            If the clock is strict and the time was due more than :data:`LAG_LIMIT` ago.
        """
        with self._changed:
            if not self._started:
                with self._change():
                    self._started = True
            self._due = due
            while True:
                if self.stopped:
                    raise Stopped
                if unless is not None and unless():
                    return False
                ahead = inf if self.paused else self._seconds_to(due)
                if ahead <= 0:
                    break
                self._changed.wait(min(ahead, _LONG))
            self._reached = max(self._reached, due)
            while len(self._speeds) > 1 and self._speeds[1][0] <= due:
                del self._speeds[0]  # no earlier time will be waited for
            self.lag = self.late(due)
        if self.lag > self.lag_max:
            self._grow(self.lag)
        return True

    def _grow(self, lag: float) -> None:
        """Note the largest lag so far, and report the first one above the limit."""
        first, self.lag_max = self.lag_max <= LAG_LIMIT < lag, lag
        if first:
            text = f"the replay is {1000 * lag:.0f} ms behind the clock: choose a lower speed"
            if self._strict:
                raise LagError(text)
            logging.getLogger("tv2sim.replay").warning("%s (it catches up; nothing is lost)", text)

    def wait_for(self, condition: Callable[[], bool], at_most: float | None = None) -> None:
        """Block until a condition holds, evaluated at each :meth:`wake`, or for so many wall seconds.

        Raises
        ------
        Stopped
            If the clock is stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or condition(), at_most)
            if self.stopped:
                raise Stopped

    def late(self, due: float) -> float:
        """Return for how many wall seconds, without pauses, a time has been due; 0 at speed "max"."""
        with self._changed:
            if self._speed == inf:
                return 0.0
            time, ran, speed = next((one for one in reversed(self._speeds) if one[0] <= due), self._speeds[0])
            running = self._wall() - self._since if self._running else 0.0
            return max(0.0, self._ran + running - ran - (due - time) / speed)

    def end_between(self, happened: float, due: float) -> float:
        """Return the end of a stopped run: now if that is between the last event and `due`, else `happened`."""
        time = round(self.now, 6)
        return time if happened <= time < due else happened

    def _seconds_to(self, due: float) -> float:
        """Return the wall seconds until a simulated time."""
        if self._speed == inf:
            return 0.0 if due < inf else inf
        return (due - self.now) / self._speed


_LONG = 86_400.0
"""Wall seconds of one wait: some systems limit the timeout of a lock."""
