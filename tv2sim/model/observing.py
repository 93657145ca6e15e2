"""Tells observers what happens, as it happens: for live logs, metrics and views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from tv2sim.events import EVENTS, LogEntry, entry_at
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
        for event in EVENTS:
            setattr(self, event, self._observed(getattr(self, event)))

    def _observed(self, record: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*given: int) -> Any:
            answer = record(*given)
            entry = entry_at(self.tables, self.order[-1])
            for observer in self._observers:
                call(observer, entry)
            return answer

        return recorded
