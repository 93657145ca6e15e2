"""Tells observers what happens, as it happens: for live logs, metrics and views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from tv2sim.events import LogEntry, entry_at
from tv2sim.model.recorder import Recorder
from tv2sim.model.users import call

if TYPE_CHECKING:
    from simpy import Environment

__all__ = ["ObservedRecorder", "Observer"]

Observer: TypeAlias = Callable[[LogEntry], object]


class ObservedRecorder(Recorder):
    """A recorder that passes each line of the event log to its observers as it happens.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    observers : sequence of callables
        Called in turn with a :class:`~tv2sim.events.LogEntry`.
    """

    def __init__(self, env: Environment, observers: Sequence[Observer]) -> None:
        super().__init__(env)
        self._observers = observers
        self._note = self._tell

    def _tell(self, item: int) -> None:
        self.sequence.append(item)
        entry = entry_at(self.tables, item)
        for observer in self._observers:
            call(observer, entry)
