"""Simulated time that follows the wall clock: at any speed, paused and resumed, and stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Literal, TypeAlias

from tv2sim.errors import InputError
from tv2sim.validation import a_number

__all__ = ["Clock", "Speed", "Stopped", "as_speed"]

Speed: TypeAlias = float | Literal["max"]

SLOWEST, FASTEST = 0.1, 1000.0


def as_speed(speed: object) -> Speed:
    """Return a valid speed: simulated seconds per wall second, or "max" for as fast as it goes.

    Raises
    ------
    InputError
        If it is neither "max" nor a number from 0.1 to 1000.
    """
    if speed == "max":
        return "max"
    try:
        return a_number("speed", speed, at_least=SLOWEST, at_most=FASTEST)
    except InputError:
        raise InputError(
            f"speed must be 'max' or a number from {SLOWEST:g} to {FASTEST:g} (simulated seconds per wall "
            f"second), not {speed!r}"
        ) from None


class Stopped(Exception):  # noqa: N818 (it is no error)
    """The clock was stopped while somebody waited for a time."""


class Clock:
    """What time it is in the simulation.

    One thread waits for times; any may ask, pause, resume, change the speed and stop. It starts when it is
    first waited for.

    Parameters
    ----------
    speed : float or "max"
        Simulated seconds per wall second.
    wall : callable
        Gives the wall's time in seconds.
    """

    def __init__(self, speed: Speed = 1.0, *, wall: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._changed = threading.Condition()
        self._speed = _factor(as_speed(speed))
        self._running = False  # neither before the start, nor paused, nor stopped
        self._started = False
        self._paused = False
        self._stopped = False
        self._since, self._time = 0.0, 0.0  # the wall's time and the simulated one at the last change
        self._ran = 0.0  # wall seconds for which it was running, up to then
        # the last speeds: from what simulated time on, and for how long it had been running by then
        self._speeds = [(0.0, 0.0, self._speed)]
        self._reached = 0.0  # the last time that was waited for, where there is no speed to go by
        self._due = inf  # what is waited for, or was waited for and is happening now

    # -- what time it is -----------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        with self._changed:
            return self._now()

    def _now(self) -> float:
        if self._speed == inf:
            return self._reached
        if not self._running:
            return self._time
        return self._time + (self._wall() - self._since) * self._speed

    @property
    def settled(self) -> float:
        """Simulated seconds up to which everything has happened: `now`, unless the simulation is late."""
        with self._changed:
            return min(self._now(), self._due)

    @property
    def paced(self) -> bool:
        """Whether it follows the wall, at some speed, and not just what happens next."""
        return self._speed < inf

    @property
    def speed(self) -> Speed:
        """Simulated seconds per wall second, or "max"."""
        return "max" if self._speed == inf else self._speed

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    @property
    def stopped(self) -> bool:
        """Whether it was stopped for good."""
        return self._stopped

    # -- what others do to it ------------------------------------------------------------------------------

    def set_speed(self, speed: object) -> None:
        """Go on at another speed.

        Raises
        ------
        InputError
            As for :func:`as_speed`.
        """
        factor = _factor(as_speed(speed))
        with self._changed:
            self._hold()
            self._speed = factor
            self._speeds.append((self._time, self._ran, factor))
            self._changed.notify_all()

    def pause(self) -> None:
        """Stand still until resumed."""
        with self._changed:
            self._hold()
            self._paused, self._running = True, False
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on after a pause."""
        with self._changed:
            self._hold()
            self._paused, self._running = False, self._started and not self._stopped
            self._changed.notify_all()

    def stop(self) -> None:
        """Let whoever waits get :class:`Stopped`, now and from now on."""
        with self._changed:
            self._hold()
            self._stopped, self._running = True, False
            self._changed.notify_all()

    def stand_at(self, time: float) -> None:
        """Stay at a time for good, when everything has happened."""
        with self._changed:
            self._time = self._reached = time
            self._due = inf
            self._stopped, self._running = True, False

    def wake(self) -> None:
        """Let whoever waits look whether what it also waits for has come."""
        with self._changed:
            self._changed.notify_all()

    def _hold(self) -> None:
        """Take the present as the point to count from."""
        time, wall = self._now(), self._wall()
        self._ran += wall - self._since if self._running else 0.0
        self._time, self._since, self._reached = time, wall, time

    # -- waiting -------------------------------------------------------------------------------------------

    def wait(self, due: float, unless: Callable[[], bool] = lambda: False) -> bool:
        """Block until the time is `due` (True), or `unless` holds, which is looked at when woken (False).

        Raises
        ------
        Stopped
            As soon as it is stopped.
        """
        with self._changed:
            if not self._started:
                self._started, self._running, self._since = True, not self._paused, self._wall()
            self._due = due
            while True:
                if self._stopped:
                    raise Stopped
                if unless():
                    return False
                ahead = inf if self._paused else self._seconds_to(due)
                if ahead <= 0:
                    self._reached = max(self._reached, due)
                    while len(self._speeds) > 1 and self._speeds[1][0] <= due:
                        del self._speeds[0]  # nobody will ask for an earlier time
                    return True
                self._changed.wait(min(ahead, _LONG))

    def wait_for(self, come: Callable[[], bool], at_most: float | None = None) -> None:
        """Block until something has come, whatever the time, or for so many wall seconds.

        Raises
        ------
        Stopped
            As soon as it is stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or come(), at_most)
            if self._stopped:
                raise Stopped

    def late(self, due: float) -> float:
        """Return since how many wall seconds, without pauses, it is `due`; 0 if there is no speed to go by."""
        with self._changed:
            if self._speed == inf:
                return 0.0
            time, ran, speed = next((one for one in reversed(self._speeds) if one[0] <= due), self._speeds[0])
            running = self._wall() - self._since if self._running else 0.0
            return max(0.0, self._ran + running - ran - (due - time) / speed)

    def end_between(self, happened: float, due: float) -> float:
        """Return when what was stopped ended: now, if that is between what has happened and what is due."""
        time = round(self.now, 6)
        return time if happened <= time < due else happened

    def _seconds_to(self, due: float) -> float:
        """Return the wall seconds until a simulated time."""
        if self._speed == inf:
            return 0.0 if due < inf else inf
        return (due - self._now()) / self._speed


_LONG = 86_400.0
"""Wall seconds that are waited at once; the threads of some systems take no longer time."""


def _factor(speed: Speed) -> float:
    return inf if speed == "max" else speed
