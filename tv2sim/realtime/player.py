"""What can be played on a clock: the model, or a log that it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.model import Observer
    from tv2sim.realtime.clock import Clock
    from tv2sim.realtime.feed import Feed
    from tv2sim.run import Run
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["Player"]


class Player(Protocol):
    """Something that happens, once."""

    strategy: Strategy
    scenario: Scenario
    seed: int
    replication: int
    own: bytearray
    """By video, as they come: 1 for those that wait for a publisher of their own, beside the queue."""

    @property
    def source(self) -> Catalogue | Feed:
        """Where the videos are from: its name, and the lines that it has rejected so far."""

    @property
    def videos(self) -> Iterable[Video]:
        """Those that are known beforehand."""

    @property
    def live(self) -> bool:
        """Whether others may come."""

    def play(
        self,
        clock: Clock,
        late: Callable[[float], None],
        observers: Sequence[Observer],
        accepted: Callable[[Video], None],
    ) -> Run:
        """Let it happen, and return the run.

        Parameters
        ----------
        clock : Clock
            The pace.
        late : callable
            Told for each event how many wall seconds late it is.
        observers : sequence of callables
            Called with each line of the event log as it happens.
        accepted : callable
            Told of each video that comes, before anything happens to it.
        """

    def close(self) -> None:
        """Give back what it holds."""
