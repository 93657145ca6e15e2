"""The client: offers the videos in the order of the catalogue, at its pace, each until an encoder takes it."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from itertools import chain, count, repeat
from math import isnan
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.draws import drawn
from tv2sim.engines.model.instant import HANDED_OVER, RETRIED, PlacedTimeout, later
from tv2sim.world.distributions import Exponential

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from simpy import Environment, Event

    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.engines.model.encoders import Encoders, NoEncoders
    from tv2sim.results.recorder import Recorder
    from tv2sim.world.scenario import Scenario
    from tv2sim.world.scenario_parts import RetryLater

__all__ = ["LiveVideos", "RetryingClient", "Wait", "at", "client", "known_times", "pauses"]


Wait: TypeAlias = "Callable[[int], Generator[Event, object, None]]"
"""A function that takes a video and returns a generator, which ends when the video may be offered."""


class LiveVideos(Protocol):
    """Videos that are added to a system while it runs."""

    def rows(self) -> Iterator[int]:
        """Yield the row of the next video, as long as there may be one."""

    def wait(self, video: int) -> Generator[Event, object, None]:
        """Let a process wait until a video may be offered."""


def client(
    env: Environment,
    videos: Iterable[int],
    pauses: Iterator[float],
    encoders: Encoders | NoEncoders,
    record: Recorder,
    wait: Wait | None = None,
) -> Generator[Event, None, None]:
    """Offer each video after its pause, and hand it over when an encoder is free.

    The hand-over has no buffer: a SimPy ``Store(capacity=1)`` in its place would let the client run one video
    ahead of the encoders.
    """
    for video, pause in zip(videos, pauses):  # noqa: B905 (pauses have no end)
        yield PlacedTimeout(env, pause, HANDED_OVER)
        if wait is not None:
            yield from wait(video)
        record.offered(video)
        while not encoders.free:  # an interrupted video may take the one that became free
            yield encoders.released()
        encoders.take(video)


class RetryingClient:
    """A client that does not wait for an encoder, but offers a refused video again later.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    retry : RetryLater
        When it offers a video again, and how often.
    fixed : bool
        Whether arrivals are fixed beforehand: then no offer is followed by a pause, and `pauses` has one for
        each video. Else it has one for each offer.
    pauses, encoders, record
        As for :func:`client`.
    on_outcome : callable
        Called when a video is refused for good.
    """

    def __init__(
        self,
        env: Environment,
        retry: RetryLater,
        fixed: bool,
        pauses: Iterator[float],
        encoders: Encoders,
        record: Recorder,
        on_outcome: Callable[[], None],
    ) -> None:
        self._env, self._retry, self._fixed, self._pauses = env, retry, fixed, pauses
        self._encoders, self._record, self._on_outcome = encoders, record, on_outcome
        self._next_offer = 0.0 if fixed else next(pauses)  # the client pauses until then
        self._refusals = Counter[int]()  # by video
        self._refused: list[tuple[float, int]] = []  # a heap of (when it is due, video)
        self._wakes: list[float] = []  # a heap of the times at which it is woken for them
        self._offers_new = False  # whether it waits to offer another video

    @property
    def futile(self) -> int:
        """The number of offers to come, if they change nothing: no encoder will ever be free again."""
        for_ever = self._retry.attempts is None and self._encoders.stuck
        return len(self._wakes) + self._offers_new if for_ever else 0

    def offer_all(self, videos: Iterable[int], wait: Wait | None = None) -> Generator[Event, None, None]:
        """Offer each video for the first time."""
        env = self._env
        self._offers_new = True
        for video in videos:
            if self._fixed:
                yield PlacedTimeout(env, next(self._pauses), HANDED_OVER)
            if wait is not None:
                yield from wait(video)
            while True:  # the pause after a retry comes in between
                yield PlacedTimeout(env, max(0.0, self._next_offer - env.now), HANDED_OVER)
                if self._next_offer <= env.now:
                    break
            self._record.offered(video)
            self._offer(video)
        self._offers_new = False

    def _offer(self, video: int) -> None:
        """Hand a video over, or let the server refuse it; then begin a pause."""
        if self._encoders.free:
            self._encoders.take(video)
        else:
            self._record.refused(video)
            self._refusals[video] += 1
            if self._refusals[video] == self._retry.attempts:
                self._on_outcome()
            else:
                due = self._env.now + self._retry.wait(self._refusals[video])
                heappush(self._refused, (due, video))
        if not self._fixed:
            self._next_offer = self._env.now + next(self._pauses)
        self._plan()

    def _plan(self) -> None:
        """Let the client be woken when it may offer the video that is due first, unless it is before."""
        if self._refused:
            time = max(self._env.now, self._refused[0][0], self._next_offer)
            if not self._wakes or time < self._wakes[0]:
                heappush(self._wakes, time)
                later(self._env, time - self._env.now, RETRIED, self._woken)

    def _woken(self) -> None:
        heappop(self._wakes)
        if self._refused and max(self._refused[0][0], self._next_offer) <= self._env.now:
            self._offer(heappop(self._refused)[1])
        else:
            self._plan()


def known_times(env: Environment, times: Sequence[float]) -> Wait:
    """Return a :data:`Wait` for the time of each video, in seconds; NaN: it may be offered at once."""
    ticks = [0.0 if time != time else to_ticks(time) for time in times]
    return lambda video: at(env, ticks[video])


def at(env: Environment, time: float) -> Generator[Event, object, None]:
    """Wait until `time`, in ticks, at the client's place of that instant; not at all if it has passed."""
    if time > env.now:
        yield PlacedTimeout(env, time - env.now, HANDED_OVER)


# -- the pace -----------------------------------------------------------------------------------------------


def pauses(
    env: Environment, scenario: Scenario, startups: StartupTimes, given: Sequence[float]
) -> Iterator[float]:
    """Return for one video after the other the ticks from now until the client may offer it.

    Each is asked for right after the hand-over before it. `given` are the ticks of the videos' submission, NaN
    where unknown.
    """
    poisson, rate = scenario.arrivals == "poisson", scenario.requests_per_second
    if poisson or scenario.encoders is None:
        times = given if scenario.encoders is None else None
        return _fixed(env, _pause(scenario, startups), times, pauses_first=poisson)
    if isinstance(rate, float):
        return chain((0.0,), repeat(to_ticks(scenario.gap)))
    return _after_each_other(env, _pause(scenario, startups))


def _pause(scenario: Scenario, startups: StartupTimes) -> Callable[[float, int], float]:
    """Return a function of a tick and a video: the ticks from then on until the rate lets it come."""
    rate = scenario.requests_per_second
    amount: Callable[[int], float] = _one
    if scenario.arrivals == "poisson":
        amount = drawn("arrivals", Exponential(1), Purpose.PAUSE, startups, ticks=False)
    if isinstance(rate, float):
        return lambda time, video: max(1.0, to_ticks(amount(video) / rate))
    return lambda time, video: rate.ticks_of_pause(time, amount(video))


def _one(video: int) -> float:
    return 1.0


def _after_each_other(env: Environment, pause: Callable[[float, int], float]) -> Iterator[float]:
    """Let the first video come at once, and each other one a pause after the hand-over before it."""
    yield 0.0
    for video in count(1):
        yield pause(env.now, video)


def _fixed(
    env: Environment,
    pause: Callable[[float, int], float],
    given: Sequence[float] | None,
    *,
    pauses_first: bool,
) -> Iterator[float]:
    """Let each video come at an arrival that does not depend on what happens to the others.

    It is the one given, or a pause after the arrival before; `pauses_first`: the first one has a pause, too.
    """
    arrival = 0.0
    for video in count():
        if given is not None and not isnan(given[video]):
            arrival = given[video]
        elif video or pauses_first:
            arrival += pause(arrival, video)
        yield max(0.0, arrival - env.now)
