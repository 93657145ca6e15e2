"""The encoders: each holds one video from the hand-over until the publishing stage accepts it."""

from __future__ import annotations

from collections import defaultdict
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from simpy import Interrupt

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.pool import ENCODED, QUEUED
from tv2sim.engines.model.schedule import Occasion, Place, Planned

if TYPE_CHECKING:
    from simpy import Event

    from tv2sim.engines.model.deliveries import Deliveries
    from tv2sim.engines.model.pool import Pool
    from tv2sim.engines.model.publishing_stage import PublishingStage
    from tv2sim.engines.model.replication import Replication
    from tv2sim.engines.model.rules import Rule
    from tv2sim.engines.model.schedule import DirectProcess, Steps

__all__ = ["Encoders"]


class Encoders:
    """Encoders, which may differ in speed, and may die and be repaired. Each encoding is a process.

    If there is no encoding stage, an encoder with the number -1 takes no time for a video.
    An encoder that dies takes the video that it encodes; one that is encoded and blocked stays in it.

    Invariant: an encoder is in `free` unless it is dead or holds a video. A dead one may hold a blocked one.

    Parameters
    ----------
    run : Replication
        What all parts share.
    stage : PublishingStage
        Where encoded videos go.
    pool : Pool
        What starts publishers because of the steps of a video.
    deliveries : Deliveries, optional
        The broker's, through which videos come to the stage.
    rule : Rule, optional
        What decides at the end of an instant, and learns from the videos that it sees.
    """

    def __init__(
        self,
        run: Replication,
        stage: PublishingStage,
        pool: Pool,
        deliveries: Deliveries | None,
        rule: Rule | None,
    ) -> None:
        self._run, self._env, self._record = run, run.env, run.record
        self._stage, self._pool, self._deliveries, self._rule = stage, pool, deliveries, rule
        scenario, speeds = run.scenario, run.scenario.encoders
        self.number = scenario.encoder_count
        self._speed = speeds if isinstance(speeds, tuple) else None  # 1.0: as the catalogue says
        factor = 1.0 if scenario.encoding_factor is None else scenario.encoding_factor
        self._as_nominal = factor == 1.0 and self._speed is None
        self._factor = run.draws.values("encoding_factor", factor, Purpose.ENCODING_FACTOR)
        self.encodes = speeds is not None
        self.free = [(0.0, encoder) for encoder in (range(self.number) if self.encodes else (-1,))]
        """A heap of (tick since which it is free, encoder)."""
        self.interrupted: list[tuple[float, int]] = []
        """A heap of (tick, video): when each video has lost its encoder that has none."""
        self._dead: set[int] = set()  # encoders that are being repaired
        self._encodings: dict[int, DirectProcess] = {}  # by encoder
        self._begun: defaultdict[int, int] = defaultdict(int)  # encodings by video
        self._client: Planned | None = None  # what a client waits for that has found no encoder free
        self._restart = Occasion(run.env, Place.RESTARTED, self._start_over)
        if scenario.encoders_die:
            for encoder in range(self.number):
                run.env.begin(self._life(encoder))

    # -- encoding ------------------------------------------------------------------------------------------

    def take(self, video: int) -> None:
        """Let the encoder that has been free longest take a video."""
        _, encoder = heappop(self.free)
        self._encodings[encoder] = self._env.begin(self._encode(video, encoder))

    def _encode(self, video: int, encoder: int) -> Steps:
        """Encode a video, and keep it in its encoder until the publishing stage has room."""
        run, stage, pool = self._run, self._stage, self._pool
        is_first = not self._begun[video]
        takes = self._begin(video, encoder)
        try:
            if self.encodes:
                ends = self._env.plan(takes, Place.ENCODED + video)
                yield from run.coming(ends) if is_first else (ends,)
        except Interrupt:  # the encoder has died
            self._lose(video)
            return
        self._record.encoded(video)
        run.progress()
        run.encoded.add(video)
        pool.moment(ENCODED, video)
        pool.step(video)
        if not stage.has_room_for(video):
            yield stage.block(video)
        del run.holding[video]
        if not run.outcome[video]:  # otherwise it has been given up
            self._pass_on(video)
        if encoder not in self._dead:
            self._release(encoder)

    def _begin(self, video: int, encoder: int) -> float:
        """Begin an encoding, the first one of a video or another one, and return its ticks."""
        run, before = self._run, self._begun[video]
        self._begun[video] += 1
        run.holding[video] = encoder
        if before:
            self._record.restarted(video, encoder)
        else:
            self._record.encoding_started(video, encoder)
            run.progress()
        if run.decides_late and not run.own[video]:
            run.encoding_ends[video] = self._env.now + run.nominal[video]
        if not before:
            if self._rule is not None and not run.own[video]:
                self._rule.sees(video)
            self._pool.encoding_starts(video)
        self._pool.step(video)
        if self._as_nominal:
            return run.nominal[video]
        speed = 1.0 if self._speed is None else self._speed[encoder]
        return to_ticks(run.encoding_time[video] * self._factor(video, before) / speed)

    def _pass_on(self, video: int) -> None:
        """Let a video leave its encoder for the publishing stage, directly or through the broker."""
        self._record.queued(video)
        self._run.progress()
        self._stage.arrive(video)
        self._pool.moment(QUEUED, video)
        is_taken = False
        if self._deliveries is None:
            is_taken = self._stage.wait(video)
        else:
            self._deliveries.accept(video)
        if not is_taken or self._run.scenario.faults.publishing:  # else the pool is full again
            self._pool.step(video)

    def _release(self, encoder: int) -> None:
        """Let an encoder be free, for a video that has lost its own, or else for the client."""
        heappush(self.free, (self._env.now, encoder))
        self._look_for_interrupted()
        if self._client is not None:
            self._env.schedule(self._client, Place.HANDED_OVER)  # type: ignore[arg-type]
            self._client = None

    def released(self) -> Event:
        """Return an event that happens when an encoder becomes free, at the client's place of that instant."""
        self._client = Planned(self._env)
        return self._client

    # -- encoders that die ---------------------------------------------------------------------------------

    def _life(self, encoder: int) -> Steps:
        """Let an encoder live, die and be repaired, again and again."""
        faults, draws, env = self._run.scenario.faults, self._run.draws, self._env
        assert faults.encoder_lifetime is not None
        lifetime = draws.ticks("encoder_lifetime", faults.encoder_lifetime, Purpose.ENCODER_LIFETIME)
        repair = draws.ticks("encoder_repair", faults.encoder_repair, Purpose.ENCODER_REPAIR)
        for life in count():
            yield env.plan(max(1.0, lifetime(encoder, life)), Place.ENCODER_DIED + encoder)
            self._die(encoder)
            yield env.plan(repair(encoder, life), Place.ENCODER_REPAIRED + encoder)
            self._record.other("encoder_repaired", encoder=encoder)
            self._dead.remove(encoder)
            if encoder not in self._run.holding.values():
                self._release(encoder)

    def _die(self, encoder: int) -> None:
        """Let an encoder die: the video that it encodes is interrupted, one that is blocked in it is not."""
        held = next((video for video, holds in self._run.holding.items() if holds == encoder), -1)
        is_lost = held >= 0 and held not in self._stage.blocked
        self._dead.add(encoder)
        self._record.encoder_failed(held if is_lost else -1, encoder)
        if is_lost:
            self._encodings[encoder].interrupt()
        elif held < 0:
            self.free[:] = [one for one in self.free if one[1] != encoder]
            heapify(self.free)

    def _lose(self, video: int) -> None:
        """Let a video that has lost its encoder wait for another one."""
        run = self._run
        del run.holding[video]
        if video in run.encoding_ends:
            run.encoding_ends[video] = None
        heappush(self.interrupted, (self._env.now, video))
        self._pool.step(video)
        self._look_for_interrupted()

    def _look_for_interrupted(self) -> None:
        """If an encoder is free, let an interrupted video start over later in this instant."""
        if self.free and self.interrupted:
            self._restart.call()

    def _start_over(self) -> bool:
        """Let the video that lost its encoder first have another; return whether the next one can, too."""
        if self.free:
            self.take(heappop(self.interrupted)[1])
        return bool(self.free and self.interrupted)
