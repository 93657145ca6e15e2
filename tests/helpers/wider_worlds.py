"""Generated cases of the wider world: small catalogues, cramped worlds, each feature in at least 10 % of them.

A second generator gives strategies with all their fields, each in at least 5 % of its cases, and those of rules
that decide once an instant in at least 10 %. Most times lie on
a grid of 0.5 s, so that simultaneous events are the rule. The case of a number is the same every time.
"""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any, NamedTuple

import tv2sim as tv
from tests.helpers.specification import (
    Answer,
    Broker,
    Clip,
    Faults,
    Lead,
    Profile,
    RetryLater,
    Rule,
    Seen,
    World,
)

__all__ = ["Case", "case_of", "features", "strategy_case_of", "strategy_features"]


class Case(NamedTuple):
    """What goes into one run."""

    clips: list[Clip]
    rule: Rule
    world: World
    seed: int


def case_of(number: int) -> Case:
    """Return the case of a number."""
    random = Random(number)
    encoders = _encoders(random)
    given = random.random() < (0.6 if encoders is None else 0.2)
    return Case(_clips(random, encoders, given), _rule(random), _world(random, encoders), number)


def strategy_case_of(number: int) -> Case:
    """Return the case of a number whose strategy may have any field."""
    random = Random(f"strategy {number}")
    encoders = _encoders(random)
    given = random.random() < (0.6 if encoders is None else 0.2)
    clips, rule, world = _clips(random, encoders, given), _strategy(random), _world(random, encoders)
    if rule.headroom is not None:  # the rate up to an arrival in the first microseconds would be immense
        world = dataclasses.replace(world, arrivals="even")
    urgent = [clip._replace(priority=random.choice((None, 0, 1, -2.5))) for clip in clips]
    return Case(urgent, rule, world, number)


def strategy_features(case: Case) -> set[str]:
    """Name the fields of the strategy that are not what they are by default, and what is special about them."""
    rule = case.rule
    fields = {each.name for each in dataclasses.fields(rule) if getattr(rule, each.name) != each.default}
    special = {
        "queue_order": rule.queue_order,
        "dispatch": rule.dispatch,
        "prewarmed": "rate" if rule.prewarmed == "rate" else "number",
        "forecast": "none" if rule.forecast is None else "known",
    }
    found = {f"{name} {special[name]}" if name in special else name for name in fields}
    return found | ({"a newsvendor's lead"} if rule.lead is not None and rule.lead.late is not None else set())


def features(case: Case) -> set[str]:
    """Name what a case has beyond the world of old."""
    clips, _, world, _ = case
    faults, broker, retry = world.faults, world.broker, world.hand_over
    found = {
        "publishing time drawn": hasattr(world.publishing_time, "quantile"),
        "publishing time of the catalogue": any(clip.publishing_time is not None for clip in clips),
        "deadline assigned": world.deadline == "assigned",
        "poisson": world.arrivals == "poisson",
        "profile": isinstance(world.requests_per_second, Profile),
        "no encoding stage": world.encoders is None,
        "times of submission": any(clip.submitted_at is not None for clip in clips),
        "speeds": isinstance(world.encoders, tuple),
        "factor": world.encoding_factor is not None,
        "quota": world.max_publishers is not None,
        "provisioning delay": world.provisioning_delay > 0,
        "start-ups fail": faults.startup > 0,
        "ready ones die": faults.ready_lifetime is not None,
        "publishing fails": faults.publishing > 0,
        "attempts are limited": faults.attempts is not None,
        "noticed later": faults.noticed_after > 0,
        "encoders die": world.encoders is not None and faults.encoder_lifetime is not None,
        "retry later": world.encoders is not None and retry is not None,
        "broker": broker is not None,
        "deliveries are lost": broker is not None and broker.loss > 0,
        "acknowledgements are lost": broker is not None and broker.acknowledgement_loss > 0,
    }
    return {name for name, is_there in found.items() if is_there}


def _rule(random: Random) -> Rule:
    moment = random.choice(("encoding_started", "encoded", "queued"))
    return random.choice(
        (
            Rule(moment, dedicated=True),
            Rule(moment, dedicated=True),
            Rule(prewarmed=random.randint(0, 3)),
            Rule(prewarmed=random.randint(1, 3)),
            Rule(moment, prewarmed=random.randint(0, 2)),
        )
    )


def _strategy(random: Random) -> Rule:
    """Return a strategy that the library accepts: what contradicts itself is left out."""

    def often(share: float, value: Any, otherwise: Any = None) -> Any:
        return _often(random, share, value, otherwise)

    kind = random.choice(("own", "level", "level", "level", "holds", "price", "price", "hook"))
    dedicated, has_level = kind == "own", kind in ("level", "holds")
    moments = ("encoding_started", "encoding_started", "encoded", "queued", *[None] * 4)
    starts_on = random.choice(moments[:4] if dedicated else moments)
    chosen = not dedicated and starts_on in (None, "encoding_started")
    dedicated_from = often(0.4, random.choice((0.05, 0.3, 0.5, 1))) if chosen else None
    has_lead = starts_on == "encoding_started" or dedicated_from is not None
    size = random.choice((0, 0, 1, 2, 3))
    prewarmed: Any = often(0.2, "rate", size)
    minimum = often(0.45, random.randint(0, 3)) if has_level else None
    limited = has_level and starts_on is None
    least = max(minimum or 0, size)
    return Rule(
        starts_on,
        dedicated,
        prewarmed,
        ready_at_start=bool(prewarmed or minimum) and random.random() < 0.25,
        dedicated_from=dedicated_from,
        lead=often(0.5, _lead(random)) if has_lead else None,
        minimum=minimum,
        headroom=often(0.4, random.choice((0.5, 1, (1, 2), (2, 0.5), (1.5, 4)))) if has_level else None,
        maximum=often(0.5, least + random.randint(0, 2)) if limited else None,
        starts_at_most=often(0.5, random.randint(1, 2)) if limited else None,
        idle_time_to_live=often(0.5, random.choice((0.5, 1, 2, 0.3))) if has_level else None,
        review_every=often(0.3, random.choice((0.5, 1, 0.7))),
        queue_order=random.choice(("fifo", "deadline", "priority")[: 2 if kind in ("holds", "price") else 3]),
        dispatch=random.choice((None, "at_once", LATE, LATE) if kind in ("own", "level") else (None, LATE)),
        discards_hopeless=kind != "hook" and random.random() < 0.4,
        price=random.choice((0.5, 5, 60, 1000)) if kind == "price" else None,
        holds_back=_holding(random, kind),
        forecast=random.choice(("online", None, _mix(random), _mix(random))) if kind == "price" else "online",
        decide=random.choice((cover_what_is_known, keep_one, late_ones_last)) if kind == "hook" else None,
    )


LATE = "end_of_instant"


def _holding(random: Random, kind: str) -> float | bool | None:
    if kind == "holds":
        return random.choice((0.5, 5, 60))
    return random.choice((None, None, True, False, 2)) if kind == "price" else None


def _mix(random: Random) -> tuple[tuple[float, float, int], ...]:
    return tuple(
        (random.choice((0, 0.5, 2, 2.1)), random.randint(1, 24) / 2, random.randint(1, 3))
        for _ in range(random.randint(1, 4))
    )


# rules of a user's own: they read what the states of the library and of the specification have in common


def cover_what_is_known(state: Seen) -> Answer:
    """Start a publisher for each known video, and give up what is late."""
    late = [video.row for video in state.waiting if video.deadline < state.time]
    lacking = len(state.waiting) + len(state.encoding) - len(late)
    return Answer(max(0, lacking - state.ordered - len(state.starting) - state.ready), discard=late)


def keep_one(state: Seen) -> Answer:
    """Keep a publisher ready as long as anything is encoding, and start as many as come in 2 s, or one."""
    wanted = max(1, round(2 * state.rate), len({timeout for _, timeout in state.mix}))
    there = state.ordered + state.ready + sum(age < 1.5 for age in state.starting)
    return Answer(max(0, wanted - there), hold=1 if state.encoding else 0)


def late_ones_last(state: Seen) -> Answer:
    """Serve those that are in time first, with the publisher that is started for what is encoded in 1 s."""
    in_time = [video.row for video in state.waiting if video.deadline >= state.time]
    rows = in_time + [video.row for video in state.waiting if video.row not in in_time]
    soon = sum(video.remaining <= 1 for video in (*state.waiting, *state.encoding))
    return Answer(max(0, soon - state.ordered - len(state.starting) - state.ready), rows)


def _lead(random: Random) -> Lead:
    table = {(time, half / 2): random.choice((0.5, 1, 2)) for time in (0, 1, 2.1) for half in range(1, 25)}
    return random.choice(
        (
            Lead(encoding=random.choice((0, 0.5, 1))),
            Lead(timeout=random.choice((1, 2, 4))),
            Lead(encoding=0.5, timeout=2),
            Lead(quantile=random.choice((0.25, 0.5, 0.9))),
            *[Lead(late=random.choice((1, 3)), idle=random.choice((1, 2)))] * 6,
            Lead(table=table),
        )
    )


def _encoders(random: Random) -> Any:
    few = random.randint(1, 3)
    return random.choice((few, few, tuple(random.choice((0.5, 1, 2)) for _ in range(few)), None))


def _clips(random: Random, encoders: Any, given: bool) -> list[Clip]:
    clips = []
    submitted = 0.0
    for _ in range(random.randint(1, 12)):
        submitted += random.choice((0, 0, 0.5, 1, 2, 0.3))
        clips.append(
            Clip(
                None if encoders is None and random.random() < 0.5 else random.choice((0, 0.5, 1, 2, 3, 2.1)),
                random.randint(1, 24) / 2,
                submitted if given and (encoders is None or random.random() < 0.5) else None,
                random.choice((0, 0.5, 2)) if random.random() < 0.1 else None,
            )
        )
    return clips


def _times(random: Random) -> Any:
    return random.choice((0, 0.5, 1, 2, tv.Empirical([0.5, 1, 2]), tv.Uniform(0, 2)))


def _often(random: Random, share: float, value: Any, otherwise: Any) -> Any:
    return value if random.random() < share else otherwise


def _world(random: Random, encoders: Any) -> World:
    step = random.choice((0.5, 1, 2))
    profile = Profile(((0, random.choice((1, 2))), (step, random.choice((0, 0.5, 4)))), step + 1)
    # an encoder must now and then live longer than an encoding takes, or else the run never ends
    lifetime = random.choice((tv.Empirical([1, 2, 5, 20]), tv.Exponential(6)))
    faults = Faults(
        startup=_often(random, 0.3, random.choice((0.2, 0.5)), 0.0),
        ready_lifetime=_often(random, 0.3, random.choice((0.5, 1, 2, tv.Empirical([0.5, 3]))), None),
        publishing=_often(random, 0.3, random.choice((0.2, 0.5)), 0.0),
        attempts=_often(random, 0.3, random.randint(1, 3), None),
        encoder_lifetime=_often(random, 0.3, lifetime, None),
        encoder_repair=_times(random),
        noticed_after=random.choice((0.0, 0.0, 0.5, 2.0)),
    )
    retry = RetryLater(
        random.choice((0.5, 1, 0.3)),
        random.choice((1, 2)),
        random.choice((None, 2)),
        random.choice((None, 1, 2, 4)),
    )
    broker = Broker(
        _times(random),
        random.choice((0.0, 0.3)),
        random.choice((0.5, 2, 30)),
        random.choice((0.0, 0.3)),
    )
    has_broker = random.random() < 0.3
    return World(
        encoders=encoders,
        requests_per_second=_often(random, 0.25, profile, random.choice((1.0, 2.0, 3.0))),
        publishing_time=random.choice((0.0, _times(random))),
        publishing_queue_capacity=random.choice((100, None, 1, 2, 1 if has_broker else 0)),
        until=_often(random, 0.15, random.randint(1, 40) / 2, None),
        startup_time=_times(random),
        deadline=_often(random, 0.25, "assigned", "published"),
        arrivals=_often(random, 0.25, "poisson", "even"),
        encoding_factor=_often(random, 0.25, tv.Empirical([0.5, 1, 1.5]), None),
        max_publishers=_often(random, 0.3, random.randint(1, 3), None),
        provisioning_delay=random.choice((0.0, 0.0, 0.5, 2.0)),
        faults=faults,
        hand_over=_often(random, 0.25, retry, None),
        broker=broker if has_broker else None,
    )
