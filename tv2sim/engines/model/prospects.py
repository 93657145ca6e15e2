"""Whether anything that is planned can still give a video its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.engines.model.schedule import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from tv2sim.engines.model.client import Client
    from tv2sim.engines.model.encoders import Encoders
    from tv2sim.engines.model.pool import Pool
    from tv2sim.engines.model.publishing_stage import PublishingStage
    from tv2sim.engines.model.replication import Replication
    from tv2sim.engines.model.rules import Rule

__all__ = ["Prospects"]


class Prospects:
    """Judges what is planned, where something may happen again and again although nothing comes of it.

    Idle publishers may die and be replaced for ever, and so may encoders die and be repaired.
    Videos may be refused again and again where no encoder will be free.

    Parameters
    ----------
    run, stage, pool, encoders, client, rule
        The parts of the model.
    """

    def __init__(
        self,
        run: Replication,
        stage: PublishingStage,
        pool: Pool,
        encoders: Encoders,
        client: Client,
        rule: Rule | None,
    ) -> None:
        self._run, self._stage, self._pool, self._encoders, self._client = run, stage, pool, encoders, client
        self._rule = rule

    def goes_on(self) -> bool:
        """Return whether the run goes on, as more videos may come or something that is planned matters."""
        if self._run.is_open:
            return True
        matters = self._what_matters()
        return any(kind not in matters or matters[kind](number) for kind, number in self._run.env.planned())

    def _what_matters(self) -> dict[int, Callable[[int], bool]]:
        """Return for each kind of event whether one with a certain number matters; others always do."""
        run, stage, encoders, faults = self._run, self._stage, self._encoders, self._run.scenario.faults
        stranded = self._stranded()
        waits_for_publisher = self._waits_for_publisher(bool(stranded))
        waits_for_quota = any(
            waits_for_publisher or (publisher.is_own and stage.needs(publisher))
            for publisher, _ in self._pool.line
        )
        if stage.late and run.scenario.broker is None and run.strategy.discards:
            stranded = set()  # they are given up in the end
        all_stuck = 0 < encoders.number == len(stranded)
        waits_for_encoder = bool(encoders.interrupted) or (self._client.waits and not all_stuck)
        refused_for_ever = all_stuck and run.scenario.refuses and run.scenario.most_offers is None

        def always(answer: bool) -> Callable[[int], bool]:
            return lambda _: answer

        of_publishers = always(waits_for_publisher or faults.ready_lifetime is None)
        return {
            Place.ENCODER_DIED: always(False),
            Place.ENCODER_REPAIRED: always(waits_for_encoder),
            Place.READY: of_publishers,
            Place.NOTICED: of_publishers,
            Place.STARTED_LATER: of_publishers,
            Place.DIED: always(waits_for_quota),
            Place.RETIRED: always(waits_for_quota),
            Place.RETRIED: always(not refused_for_ever),
            Place.HANDED_OVER: always(not refused_for_ever),
            Place.REVIEWED: lambda _: self.reviews_matter(),
            Place.LATEST_START: lambda video: self._rule is not None and self._rule.lacks_publisher(video),
        }

    def _stranded(self) -> set[int]:
        """Return the videos that are blocked in their encoders and will find no room."""
        run, stage = self._run, self._stage
        if stage.has_room or (stage.late and run.scenario.broker is None and stage.ready):
            return set()
        return {video for video in run.holding if video in run.encoded}

    def _waits_for_publisher(self, stranded: bool) -> bool:
        stage, outcome = self._stage, self._run.outcome
        waiting = (*stage.in_order(), *stage.hidden, *stage.own_waiting)
        return stranded or any(not outcome[video] for video in waiting)

    def reviews_matter(self) -> bool:
        """Return whether reviews alone may let a publisher come that a video waits for."""
        return self._pool.level_changes and self.waits_encoded()

    def waits_encoded(self) -> bool:
        """Return whether a video is encoded and has no outcome."""
        return any(not self._run.outcome[video] for video in self._run.encoded)
