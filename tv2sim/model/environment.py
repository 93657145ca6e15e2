"""An environment that knows whether anything but background events is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import simpy

from tv2sim.model.instant import PlacedTimeout

if TYPE_CHECKING:
    from simpy import Event

__all__ = ["Background", "CountingEnvironment"]


class Background(PlacedTimeout):
    """A timeout that keeps no run alive, such as a review or the end of a lifetime."""


class CountingEnvironment(simpy.Environment):
    """SimPy's environment, which counts the events that are scheduled, except those of the background."""

    def __init__(self) -> None:
        super().__init__()
        self.foreground = 0
        """Scheduled events that keep the run alive."""

    def schedule(self, event: Event, priority: Any = 1, delay: float = 0) -> None:
        """Schedule an event, and count it until it has happened."""
        super().schedule(event, priority, delay)
        if not isinstance(event, Background):
            self.foreground += 1
            event.callbacks.append(self._happened)

    def cancel(self, event: Event) -> None:
        """Let a scheduled event have no effect, and keep no run alive."""
        event.callbacks.clear()
        self.foreground -= 1

    def _happened(self, _: Event) -> None:
        self.foreground -= 1
