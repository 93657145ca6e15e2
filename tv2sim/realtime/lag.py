"""How far the simulation is behind the clock."""

from __future__ import annotations

import logging

from tv2sim.errors import LagError

__all__ = ["LIMIT", "Lag"]

LIMIT = 0.1
"""Wall seconds of lag that are worth a warning."""


class Lag:
    """The lag of the last event, and the largest so far, in wall seconds.

    Parameters
    ----------
    strict : bool
        Whether more than :data:`LIMIT` is an error, and not just a warning.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.last = self.most = 0.0
        self._strict = strict
        self._warned = False

    def __call__(self, seconds: float) -> None:
        """Know how late an event is processed.

        Raises
        ------
        LagError
            If that is too late, and this is strict.
        """
        self.last = seconds
        if seconds <= self.most:
            return
        self.most = seconds
        if seconds > LIMIT and not self._warned:
            self._warned = True
            text = f"the replay is {1000 * seconds:.0f} ms behind the clock: choose a lower speed"
            if self._strict:
                raise LagError(text)
            logging.getLogger("tv2sim.replay").warning("%s (it catches up; nothing is lost)", text)
