"""The broker's deliveries: a video may be lost on the way, come late, and come again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model.schedule import Place

if TYPE_CHECKING:
    from tv2sim.engines.model.pool import Pool
    from tv2sim.engines.model.publishing_stage import PublishingStage
    from tv2sim.engines.model.replication import Replication
    from tv2sim.engines.model.schedule import Steps
    from tv2sim.world.scenario_parts import Broker

__all__ = ["Deliveries"]


class Deliveries:
    """Delivers videos to the publishing stage.

    Parameters
    ----------
    broker : Broker
        How it delivers.
    run : Replication
        What all parts share.
    stage : PublishingStage
        Where videos become visible.
    pool : Pool
        What orders another publisher for a video of its own that comes again.
    """

    def __init__(self, broker: Broker, run: Replication, stage: PublishingStage, pool: Pool) -> None:
        self._run, self._env, self._stage, self._pool = run, run.env, stage, pool
        self._again_after = to_ticks(broker.redelivered_after)
        self._latency = run.draws.ticks("latency", broker.latency, Purpose.LATENCY)
        self._is_lost = run.draws.chance(broker.loss, Purpose.LOSS)
        self._is_unacknowledged = run.draws.chance(broker.acknowledgement_loss, Purpose.ACKNOWLEDGEMENT_LOSS)
        self._publications: dict[int, int] = {}  # so far, by video

    def accept(self, video: int) -> None:
        """Take a video over from its encoder."""
        self._stage.hide(video)
        self._env.begin(self._deliver(video))

    def _deliver(self, video: int) -> Steps:
        """Deliver a video, again and again until it is not lost."""
        place, delivery = Place.DELIVERED + video, 0
        while self._is_lost(video, delivery):
            yield self._env.plan(self._again_after, place)
            self._run.record.other("redelivered", video=video)
            delivery += 1
        yield self._env.plan(self._latency(video, delivery), place)
        self._run.record.other("visible", video=video)
        self._stage.wait(video)

    def acknowledge(self, video: int) -> None:
        """Tell the broker that a video is published, unless that is lost: then it delivers the video again."""
        before = self._publications.get(video, 0)
        self._publications[video] = before + 1
        if self._is_unacknowledged(video, before):
            self._env.begin(self._deliver_again(video))

    def _deliver_again(self, video: int) -> Steps:
        """Deliver a video that is published; its own publisher has ended, so another one is ordered."""
        yield self._env.plan(self._again_after, Place.DELIVERED + video)
        self._run.record.other("redelivered", video=video)
        self._stage.wait(video)
        if self._run.own[video]:
            self._pool.order(video, owner=video)
