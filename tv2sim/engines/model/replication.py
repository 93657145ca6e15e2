"""What all parts of the model share: what goes into a replication, and what has become of the videos."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import TYPE_CHECKING

from simpy.core import StopSimulation

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import whole_ticks
from tv2sim.engines.model.schedule import Place
from tv2sim.results.recorder import Recorder
from tv2sim.strategies.expectations import nominal_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simpy import Event

    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.engines.model.draws import Draws
    from tv2sim.engines.model.schedule import Schedule, Steps
    from tv2sim.results.recorder import Observer
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["Replication"]


class Replication:
    """The clock, the draws and the recorder of one replication, and its videos.

    A video is its row. Lists have a value for each video, with times in ticks unless they say otherwise.

    Parameters
    ----------
    env : Schedule
        The clock.
    strategy, scenario
        What to simulate.
    draws : Draws
        The random numbers.
    observers : sequence of callables
        Called with each line of the event log as it happens.
    own : bytearray, optional
        Extended as videos are added: 1 for each video that waits for a publisher of its own.
    """

    def __init__(
        self,
        env: Schedule,
        strategy: Strategy,
        scenario: Scenario,
        draws: Draws,
        observers: Sequence[Observer] = (),
        own: bytearray | None = None,
    ) -> None:
        self.env, self.strategy, self.scenario, self.draws = env, strategy, scenario, draws
        self.record = Recorder(env, observers, scenario.most_offers)
        self._discards, self.decides_late = strategy.discards, strategy.dispatches_late
        self._by_assignment = scenario.deadline == "assigned"
        self._draw_publishing_time = draws.ticks(
            "publishing_time", scenario.publishing_time, Purpose.PUBLISHING_TIME
        )
        # what the catalogue and the strategy say of each video
        self.videos: list[Video] = []  # empty unless the strategy is asked about single videos
        self._is_asked = strategy.order == "priority" or strategy.decides
        self.encoding_time: list[float] = []  # in seconds, before factors and speeds
        self.nominal: list[float] = []  # the encoding time that is known beforehand
        self.timeout: list[float] = []
        self.submitted: list[float] = []  # NaN: not known
        self._publishing_time: list[float] = []  # NaN: the scenario's
        self.moment = bytearray()  # when its publisher is started: an index of `strategies.MOMENTS`
        self.own = bytearray() if own is None else own
        self.lead: list[float] = []  # from that moment to the order
        # what has become of the videos
        columns = self.record.tables["videos"]
        self.outcome, self._encoding_started = columns["outcome"], columns["encoding_started"]
        self._assigned = columns["assigned"]
        self.holding: dict[int, int] = {}
        """The videos that hold an encoder, and which."""
        self.encoded: set[int] = set()
        """The videos whose encoding has ended."""
        self.encoding_ends: dict[int, float | None] = {}
        """For decisions: when the encoding of each video ends, without those that are served or given up.

        It has the videos for the pool whose encoding has started. None: the video has lost its encoder."""
        self._without_outcome = 0
        self.is_open = True
        """Whether more videos may be added."""
        self._patience = 0.0
        self._progress = 0.0  # the tick at which a video last got further, or something known to come ended
        self._coming = 0  # how much is known to come

    def add(self, catalogue: Catalogue) -> None:
        """Add videos; their rows follow the rows of those added before."""
        absent = [nan] * len(catalogue)
        given, submitted = catalogue.publishing_time, catalogue.submitted_at
        starts = self.strategy.starts(catalogue, self.scenario)
        patience = self.scenario.ticks_of_patience(catalogue, starts.delay or ())
        self._patience = max(self._patience, patience)
        if self._is_asked:
            self.videos.extend(catalogue)
        self.encoding_time.extend(catalogue.encoding_time.tolist())
        self.nominal.extend(whole_ticks(nominal_times(catalogue, self.scenario)).tolist())
        self.timeout.extend(whole_ticks(catalogue.publication_timeout).tolist())
        self.submitted.extend(absent if submitted is None else whole_ticks(submitted).tolist())
        self._publishing_time.extend(absent if given is None else whole_ticks(given).tolist())
        self.moment.extend(starts.moment)
        self.own.extend(starts.own)
        self.lead.extend(starts.delay or [0.0] * len(catalogue))
        self.record.add(len(catalogue))
        self._without_outcome += len(catalogue)

    def publishing_takes(self, video: int, attempt: int) -> float:
        """Return the ticks of an attempt to publish (0: the first): the catalogue's, or else the scenario's."""
        given = self._publishing_time[video]
        return self._draw_publishing_time(video, attempt) if isnan(given) else given

    def deadline(self, video: int) -> float:
        """Return the tick at which a video's timeout ends, which counts from the start of its encoding."""
        deadline: float = self._encoding_started[video] + self.timeout[video]
        return deadline

    def is_hopeless(self, video: int) -> bool:
        """Return whether the strategy gives a video up if it would be served now."""
        return self._discards and not self.outcome[video] and self.env.now > self.deadline(video)

    # -- progress ------------------------------------------------------------------------------------------

    def progress(self) -> None:
        """Take note that a video reaches a state for the first time."""
        self._progress = self.env.now

    def coming(self, event: Event) -> Steps:
        """Wait for something that is known to come: a first encoding, a publishing, or the next offer."""
        self._coming += 1
        try:
            yield event
        finally:
            self._coming -= 1
            self._progress = self.env.now

    @property
    def patience_ends(self) -> float:
        """The tick after which no further progress is waited for; infinite if some is known to come."""
        return inf if self._coming or self.is_open else self._progress + self._patience

    # -- outcomes ------------------------------------------------------------------------------------------

    def publish(self, video: int) -> None:
        """Give a video the outcome of its publication, unless it had one and was delivered again."""
        if not self.outcome[video]:
            held = self._assigned[video] if self._by_assignment else self.env.now
            if held <= self.deadline(video):
                self.record.published(video)
            else:
                self.record.failed(video)
            self.settle()

    def settle(self) -> None:
        """Take note that a video has its outcome; the run ends after the instant of the last one."""
        self.progress()
        self._without_outcome -= 1
        if not self._without_outcome:
            self._end_if_done()

    def close(self) -> None:
        """Declare that no more videos will be added."""
        self.is_open = False
        self.progress()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if not (self.is_open or self._without_outcome):
            self.env.call(0, Place.END, _complete)


def _complete() -> None:
    raise StopSimulation("completed")
