"""Encoders that die and are repaired; a video that loses its encoder starts over."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from simpy import Event

from tv2sim.base.random_numbers import Purpose
from tv2sim.engines.model.draws import drawn
from tv2sim.engines.model.encoders import Encoders
from tv2sim.engines.model.instant import (
    ENCODED,
    ENCODER_DIED,
    ENCODER_REPAIRED,
    HANDED_OVER,
    RESTARTED,
    Background,
    CountingEnvironment,
    PlacedTimeout,
    happens,
    later,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tv2sim.engines.model.draws import StartupTimes
    from tv2sim.world.scenario import Scenario

__all__ = ["BreakableEncoders"]


class BreakableEncoders(Encoders):
    """Encoders that die, and are back after a repair.

    Parameters
    ----------
    scenario : Scenario
        How long they live, and how long a repair takes.
    startups : StartupTimes
        The keys of the random numbers.
    durations : callable
        Takes a video, its encoder and the number of its encodings before; returns the ticks of this one.
    *wiring
        As for :class:`Encoders`.
    """

    _env: CountingEnvironment

    def __init__(
        self,
        scenario: Scenario,
        startups: StartupTimes,
        durations: Callable[[int, int, int], float],
        *wiring: Any,
    ) -> None:
        super().__init__(*wiring)
        faults = scenario.faults
        self._durations = durations
        assert faults.encoder_lifetime is not None
        self._lifetime = drawn("encoder_lifetime", faults.encoder_lifetime, Purpose.ENCODER_LIFETIME, startups)
        self._repair = drawn("encoder_repair", faults.encoder_repair, Purpose.ENCODER_REPAIR, startups)
        self._holds: dict[int, int] = {}  # the video in each encoder that has one
        self._ends: dict[int, PlacedTimeout] = {}  # by encoder: the end of its encoding
        self._starts: list[int] = []  # by video: encodings so far
        self._told: list[bool] = []  # by video: whether its encoding has ended before
        self._interrupted: list[tuple[float, int]] = []  # a heap of (since when, video)
        self._called = False
        self._dead = 0
        for encoder in range(self._number):
            heappush(self.free, (0, encoder))
            self._live(encoder, 0)

    def add(self, videos: int) -> None:
        """Prepare for more videos; the encoders are there from the beginning, since each dies at its time."""
        self._starts += [0] * videos
        self._told += [False] * videos

    # -- whether a repair matters --------------------------------------------------------------------------

    def _stranded(self) -> set[int]:
        """Return the videos that are encoded, and find no room: to encode them again changes nothing."""
        if not self._stage.shut:
            return set()
        lost = (video for _, video in self._interrupted)
        return {video for video in (*lost, *self._holds.values()) if self._told[video]}

    @property
    def awaits_repair(self) -> bool:  # type: ignore[override]
        """Whether a video waits until an encoder is back, and can go on from there."""
        if not self._dead:
            return False
        stranded = self._stranded()
        held_up = self._waiting_client is not None and len(stranded) < self._number
        return held_up or any(video not in stranded for _, video in self._interrupted)

    @property
    def stuck(self) -> bool:
        """Whether each encoder has, or had, a video for which there is no room."""
        return len(self._stranded()) == self._number

    @property
    def futile_at_most(self) -> int:  # type: ignore[override]
        """The number of encoders."""
        return self._number

    @property
    def futile(self) -> int:  # type: ignore[override]
        """The number of encodings under way that change nothing."""
        stranded = self._stranded()
        return sum(self._holds[encoder] in stranded for encoder in self._ends)

    # -- encoding ------------------------------------------------------------------------------------------

    def take(self, video: int) -> None:
        """Hand a video to the encoder that has been free longest."""
        _, encoder = heappop(self.free)
        before = self._starts[video]
        self._starts[video] += 1
        self._holds[encoder] = video
        if before:
            self._record.restarted(video, encoder)
            self._publishers.encoding_restarted(video)
        else:
            self._record.encoding_started(video, encoder)
            self._publishers.encoding_started(video)
        time = self._durations(video, encoder, before)
        self._ends[encoder] = end = PlacedTimeout(self._env, time, ENCODED + video)
        end.callbacks.append(lambda _: self._encoded(video, encoder))

    def _encoded(self, video: int, encoder: int) -> None:
        del self._ends[encoder]
        self._record.encoded(video)
        if self._told[video]:
            self._publishers.encoded_again(video)
        else:
            self._told[video] = True
            self._publishers.encoded(video)
        if self._stage.full_for(video):
            self._wait_for(self._stage.block(video), video, encoder)
        else:
            self._pass_on(video, encoder)

    def _wait_for(self, call: Event, video: int, encoder: int) -> None:
        """Keep a video in its encoder until the stage calls."""
        call.callbacks.append(lambda _: self._admitted(video, encoder, bool(call.value)))

    def _admitted(self, video: int, encoder: int, gone: bool) -> None:
        if gone:
            self._let_go(encoder)
        elif self._stage.full:
            self._wait_for(self._stage.block_again(video), video, encoder)
        else:
            self._stage.unblock(video)
            self._pass_on(video, encoder)

    def _pass_on(self, video: int, encoder: int) -> None:
        """Let a video leave its encoder, which becomes free."""
        self._record.queued(video)
        self._publishers.queued(video)
        self._publishers.arrived(video, self._stage.accept(video))
        self._let_go(encoder)

    def _let_go(self, encoder: int) -> None:
        del self._holds[encoder]
        self._release(encoder)

    def _release(self, encoder: int) -> None:
        heappush(self.free, (self._env.now, encoder))
        self._call()
        if self._waiting_client is not None:
            happens(self._waiting_client, 0, HANDED_OVER)
            self._waiting_client = None

    # -- dying and coming back -----------------------------------------------------------------------------

    def _live(self, encoder: int, life: int) -> None:
        """Let an encoder begin a life."""
        death = Background(self._env, max(1.0, self._lifetime(encoder, life)), ENCODER_DIED + encoder)
        death.callbacks.append(lambda _: self._dies(encoder, life))

    def _dies(self, encoder: int, life: int) -> None:
        """Let an encoder die; the video in it is interrupted, even if it is encoded."""
        video = self._holds.pop(encoder, -1)
        self._record.encoder_failed(video, encoder)
        self._dead += 1
        if video < 0:
            self.free[:] = [one for one in self.free if one[1] != encoder]
            heapify(self.free)
        else:
            if (end := self._ends.pop(encoder, None)) is not None:
                self._env.cancel(end)
            else:
                self._stage.withdraw_call(video)
            self._publishers.interrupted(video)
            heappush(self._interrupted, (self._env.now, video))
            self._call()
        repair = Background(self._env, self._repair(encoder, life), ENCODER_REPAIRED + encoder)
        repair.callbacks.append(lambda _: self._repaired(encoder, life))

    def _repaired(self, encoder: int, life: int) -> None:
        self._record.other("encoder_repaired", encoder=encoder)
        self._dead -= 1
        self._live(encoder, life + 1)
        self._release(encoder)

    def _call(self) -> None:
        """Let interrupted videos start over later in this instant, before the client hands over another."""
        if self.free and self._interrupted and not self._called:
            self._called = True
            later(self._env, 0, RESTARTED, self._restart)

    def _restart(self) -> None:
        self._called = False
        if self.free:  # it may have died in this instant
            self.take(heappop(self._interrupted)[1])
            self._call()
