"""The client: offers the videos in the order of the catalogue, at its pace."""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush
from math import isnan
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.schedule import Place
from tv2sim.world.distributions import Exponential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tv2sim.engines.model.encoders import Encoders
    from tv2sim.engines.model.replication import Replication
    from tv2sim.engines.model.schedule import Steps

__all__ = ["Client", "LiveVideos", "Wait"]

Wait: TypeAlias = "Callable[[int], Steps]"
"""A function that takes a video and returns a generator, which ends when the video may be offered."""


class LiveVideos(Protocol):
    """Videos that are added to a system while it runs."""

    def rows(self) -> Iterator[int]:
        """Yield the row of the next video, as long as there may be one."""

    def wait(self, video: int) -> Steps:
        """Let the client wait until a video may be offered."""


class Client:
    """Offers one video at a time, and hands it over without a buffer.

    If no encoder is free, the client waits for one; in a scenario with retries, it offers the video again.
    After a hand-over or a refusal it pauses, unless arrivals are fixed beforehand.

    Parameters
    ----------
    run : Replication
        What all parts share.
    encoders : Encoders
        Who take the videos.
    """

    def __init__(self, run: Replication, encoders: Encoders) -> None:
        self._run, self._env, self._encoders = run, run.env, encoders
        scenario = run.scenario
        self._is_random = scenario.arrivals == "poisson"
        self._arrivals_are_fixed = self._is_random or not encoders.encodes
        self._retry = scenario.hand_over if encoders.encodes else None
        self._rate = scenario.requests_per_second
        self._amount = run.draws.values("arrivals", Exponential(1), Purpose.PAUSE)
        self._constant_pause = self._pause(0.0, 1.0) if isinstance(self._rate, float) else None
        self._arrival = 0.0  # the tick at which the latest video came, if arrivals are fixed
        # the tick before which nothing is offered
        self._pause_ends = 0.0
        self._refusals: defaultdict[int, int] = defaultdict(int)  # so far, by video
        self._refused: list[tuple[float, int]] = []  # a heap of (tick at which it is due, video)

    def offer_all(self, videos: Iterable[int], wait: Wait | None) -> Steps:
        """Offer one video after the other; `wait` lets the client wait until a video has come."""
        run, env, encoders = self._run, self._env, self._encoders
        for video in videos:
            due = self._arrives(video) if self._arrivals_are_fixed else self._pause_ends
            yield from run.coming(env.plan(max(0.0, due - env.now), Place.HANDED_OVER))
            if wait is not None:
                yield from wait(video)
            if run.submitted[video] > env.now:
                yield from run.coming(env.plan(run.submitted[video] - env.now, Place.HANDED_OVER))
            while self._pause_ends > env.now:  # it has offered a refused video again in between
                yield from run.coming(env.plan(self._pause_ends - env.now, Place.HANDED_OVER))
            run.record.offered(video)
            if self._retry is None:
                while not encoders.free:  # an interrupted video may take the one that became free
                    yield encoders.released()
            self._offer(video)

    def _offer(self, video: int) -> None:
        """Hand a video over, or let it be refused if no encoder is free; then begin a pause."""
        run = self._run
        if self._encoders.free:
            self._encoders.take(video)
        else:
            run.record.refused(video)
            if run.outcome[video]:  # it is refused for good
                run.settle()
            else:
                self._env.begin(self._offer_again(video))
        if not self._arrivals_are_fixed:
            now, constant = self._env.now, self._constant_pause
            self._pause_ends = now + (self._pause(now, 1.0) if constant is None else constant)

    def _offer_again(self, refused: int) -> Steps:
        """When a refused video is due, and the pause is over, offer the one that has been due longest."""
        assert self._retry is not None
        self._refusals[refused] += 1
        wait = self._retry.wait(self._refusals[refused])
        heappush(self._refused, (self._env.now + wait, refused))
        yield self._env.plan(wait, Place.RETRIED)
        while self._pause_ends > self._env.now:
            yield self._env.plan(self._pause_ends - self._env.now, Place.RETRIED)
        _, video = heappop(self._refused)
        self._offer(video)

    # -- the pace ------------------------------------------------------------------------------------------

    def _arrives(self, video: int) -> float:
        """Return the tick at which a video comes if that is fixed: as given, or a pause after the one before.

        The first video comes at once, unless pauses are random.
        """
        if not self._encoders.encodes and not isnan(self._run.submitted[video]):
            self._arrival = self._run.submitted[video]
        elif video or self._is_random:
            self._arrival += self._pause(self._arrival, self._amount(video, 0) if self._is_random else 1.0)
        return self._arrival

    def _pause(self, start: float, amount: float) -> float:
        """Return the ticks from a tick on until the integral of the rate over time has grown by an amount."""
        if isinstance(self._rate, float):
            return max(1.0, to_ticks(amount / self._rate))
        return self._rate.ticks_of_pause(start, amount)
