"""A strategy in words: when publishers are started, for whom, and which videos they serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from tv2sim.base.checks import plural, shown
from tv2sim.strategies.hooks import HOOKS, Moment
from tv2sim.strategies.strategy import QueueOrder, Strategy

if TYPE_CHECKING:
    from tv2sim.strategies.expectations import Lead


_MOMENTS: Mapping[Moment | None, str] = {
    "encoding_started": "when the encoding starts",
    "encoded": "when the encoding ends",
    "queued": "when the video reaches the publishing stage",
}
_ORDERS: Mapping[QueueOrder, str] = {
    "fifo": "first come, first served",
    "deadline": "in the order of their deadlines",
    "priority": "in the order of priority",
}
_LATE = "once all that happens at the same time has happened"


def in_words(one: Strategy) -> str:
    """Return a sentence that says what a strategy does."""
    parts = (_starts, _pool, _limits, _coverage, _queue, _class)
    text = "; ".join([clause for part in parts for clause in part(one)] or ["no publisher is ever started"])
    return f"{text[0].upper()}{text[1:]}."


def _starts(one: Strategy) -> Iterator[str]:
    if not one.starts_for_videos:
        return
    asked = one._overrides("start_moment")
    when = "when start_moment says" if asked else _MOMENTS[one.starts_on or "encoding_started"]
    if one.lead is not None:
        when += f", or later: {_lead(one.lead)}"
    when += ", delayed by start_delay" * one._overrides("start_delay")
    video = "a video" if asked else "each video"
    if one.dedicated_from is not None:
        yield (
            f"a video whose own publisher would be ready in time with a probability of "
            f"{one.dedicated_from:g} or more has one, started {when}"
        )
        if one.starts_on is not None:
            yield f"for each other video, a publisher of the pool is started {when}"
    elif not one.shares:
        yield f"each video has its own publisher, started {when}"
    elif one._overrides("owns_publisher"):
        yield f"for {video}, a publisher is started {when}"
        yield "it serves that video alone if owns_publisher says so"
    else:
        yield f"for {video}, a publisher of the pool is started {when}"


def _lead(lead: Lead) -> str:
    if lead.table is not None:
        return f"by a table of {plural(len(lead.table), 'kind')} of videos"
    if lead.quantile is not None:
        return f"ready by the end of the encoding with a probability of {lead.quantile:g}"
    ends = (("end of the encoding", lead.encoding), ("deadline", lead.timeout))
    return " or ".join(f"{before:g} s before the {end}" for end, before in ends if before is not None)


def _pool(one: Strategy) -> Iterator[str]:
    size = "as many publishers" if one.follows_rate else plural(one.prewarmed, "publisher")
    started = f"a pool of {size} is {'ready' if one.ready_at_start else 'started'} at time 0"
    if one.follows_rate:
        started += " as requests come in the mean start-up time"
    often = "" if one.review_every is None else f" and every {one.review_every:g} s"
    follows = one.adapts or one.minimum is not None
    if one.prewarmed and (one.decides or (follows and not one._overrides("pool_level"))):
        yield started
    if one.decides:
        yield f"decide says at the end of each instant{often} what is started and which videos are served"
    elif one._overrides("pool_level"):
        yield _level_by_hook(one, often)
    elif follows:
        yield f"it is filled up to {_level(one)} at each step of a video{often}"
    elif one.prewarmed:
        yield started + _refilled(one)


def _level_by_hook(one: Strategy, often: str) -> str:
    """Return a clause for a pool whose level the hook `pool_level` answers."""
    if level := one._level_in_words():
        at_start = f"at time 0{' (ready at once)' * one.ready_at_start}"
        steps = f"{', ' if often else ' and '}at each step of a video{often}"
        return f"{at_start}{steps}, the pool is filled up to {level}"
    where = ", ready at once," if one.ready_at_start else ""
    return f"the pool is filled up to pool_level at time 0{where}, at each step of a video{often}"


def _refilled(one: Strategy) -> str:
    """Return what follows a pool of prewarmed publishers that has no other rule of its level."""
    if one.price is not None or not (_joined(one) or one.shares):
        return ""
    if _joined(one):
        return ", and refilled when fewer are starting or ready"
    return ", and each one that takes a video is replaced"


def _joined(one: Strategy) -> bool:
    """Return whether publishers that are started because of videos join the pool."""
    return one.starts_for_videos and one.shares and (one.dedicated_from is None or one.starts_on is not None)


def _level(one: Strategy) -> str:
    least = "that number" if one.minimum is None else plural(one.minimum, "publisher")
    if one.headroom is None:
        return least
    factor, window = one.headroom
    return f"{factor:g} times what the rate of the last {window:g} s needs, and at least {least},"


def _limits(one: Strategy) -> Iterator[str]:
    if one.maximum is not None:
        yield f"at most {plural(one.maximum, 'publisher')} of the pool exist at a time"
    if one.starts_at_most is not None:
        yield f"at most {one.starts_at_most:,} of them start at a time"
    if one.idle_time_to_live is not None:
        alive = one.idle_time_to_live
        yield f"a surplus one is retired {f'after {alive:g} s without a video' if alive > 1e-6 else 'at once'}"


def _coverage(one: Strategy) -> Iterator[str]:
    if one.price is not None:
        forecast = "videos like those of another catalogue"
        if one.forecast is None:
            forecast = "no further videos"
        elif one.forecast == "online":
            forecast = "videos like those so far"
        price = f"a price of {one.price:g} s for a failed video"
        yield f"the coverage rule starts others, with {price}, and expects {forecast}"
    if one.holds:
        price = f"a price of {one.holds:g} s for a failed one"
        yield f"ready ones are held back for more urgent videos, with {price}"
    elif one.price is not None:
        yield "ready ones are never held back"


def _queue(one: Strategy) -> Iterator[str]:
    stocked = one.prewarmed or one.minimum or _joined(one)
    if stocked or one.adapts or one.price is not None or one.decides:
        served = f"the pool serves videos {_ORDERS[one.order]}{f', {_LATE}' * one.dispatches_late}"
        yield served if one.shares else "no video uses the pool"
    elif one.dispatches_late:
        yield f"the pool serves videos {_LATE}"
    if one.discards:
        yield "a video that waits is given up after its deadline"


def _class(one: Strategy) -> Iterator[str]:
    """Yield the class, if it has hooks of its own, with the parameters that are not told above."""
    overridden = [each.field for hook, each in HOOKS.items() if one._overrides(hook)]
    if not overridden or one._level_in_words():
        return
    told_above = {each.name for each in fields(Strategy)}.difference(overridden)
    own = [
        each
        for each in fields(one)
        if each.name not in told_above
        and (each.name not in overridden or getattr(one, each.name) != each.default)
    ]
    values = ", ".join(f"{each.name}={shown(getattr(one, each.name), 60)}" for each in own)
    yield f"the rule is {type(one).__name__}({values})"
