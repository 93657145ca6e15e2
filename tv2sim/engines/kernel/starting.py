"""Starts of publishers: orders, from the decision until the start-up, and the level of the pool.

An order is a number: a slot of the pool, or else, after these, twice the video that is its cause, plus 1 if the
publisher is for this video alone; or ``NOBODY``, if it is for the pool and has no cause.
"""

from __future__ import annotations

from math import ceil, inf, nan
from typing import Any

from tv2sim.base.checks import MOST
from tv2sim.base.compiling import inner, spliced
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.heaps import push

__all__ = [
    "begin", "due", "fill_up", "gone", "is_needed", "is_own", "lapse", "next_lapse", "order", "retire",
    "start_for", "start_up",
]  # fmt: skip


@spliced
def cause_of(number: Any, state: Any) -> Any:
    """Return the video because of which a publisher is ordered, or -1."""
    slots = state.rule.slots
    return (number - slots) >> 1 if number >= slots else -1


@spliced
def is_own(number: Any, state: Any) -> Any:
    """Return whether an order is for the video alone that is its cause."""
    slots = state.rule.slots
    return number >= slots and (number - slots) & 1 > 0


@inner
def start_for(now: Any, video: Any, state: Any) -> None:
    """Order a publisher because of a video."""
    each = s.videos(state)[video]
    order(now, state.rule.slots + 2 * video + each.own, each.delay, state)


@inner
def order(now: Any, number: Any, lead: Any, state: Any) -> None:
    """Decide that a publisher is to be started."""
    rule, count = state.rule, state.count
    if count.orders >= rule.room:
        return
    count.orders += 1
    if not is_own(number, state):
        count.stock += 1
        count.in_flight += 1
    wait = lead + rule.provisioning
    if wait > 0:
        s.lists(state)[count.timed].timed = number
        cause = (cause_of(number, state) + 1) << s.CAUSE
        push(s.timers(state), now + wait, s.DELAYED_START << s.KIND | cause | count.timed)
        count.timed += 1
    else:
        due(now, number, state)


@spliced
def due(now: Any, number: Any, state: Any) -> None:
    """Start a publisher, or let its order wait if too many exist."""
    rule, count = state.rule, state.count
    if rule.most and (count.existing >= rule.most or count.line_in > count.line_out):
        last = s.lists(state)[count.line_in]
        last.since = now
        last.in_line = number
        count.line_in += 1
    elif is_needed(number, state):
        begin(now, number, False, state)


@spliced
def is_needed(number: Any, state: Any) -> Any:
    """Return whether an order has not lost its purpose, as it does if its video is given up."""
    return not (is_own(number, state) and s.videos(state)[cause_of(number, state)].outcome)


@inner
def begin(now: Any, number: Any, warm: Any, state: Any) -> None:
    """Let a publisher start up, with the next number of its slot or its cause; a warm one is ready at once."""
    rule, count = state.rule, state.count
    cause = cause_of(number, state)
    entity = number if cause < 0 else rule.slots + cause
    if number < 0:
        # without a cause, they are numbered through all rows
        known = rule.slots + rule.videos
        others = state.entities - known
        before, entity = count.without_cause // others, known + count.without_cause % others
        count.without_cause += 1
    else:
        before = s.lists(state)[entity].begun
        s.lists(state)[entity].begun = before + 1
    row = count.publishers
    count.publishers = row + 1
    count.existing += 1
    publisher = s.publishers(state)[row]
    publisher.order = number
    publisher.owner = cause if is_own(number, state) else -1
    publisher.cause = cause
    publisher.video = -1
    publisher.outcome = 0
    publisher.started = now
    publisher.ready = publisher.assigned = publisher.ended = nan
    s.note(s.PUBLISHER_STARTED, row, state)
    if rule.ruled and publisher.owner < 0:
        s.lists(state)[count.starting].starting = row
        count.starting += 1
    if warm:
        start_up(now, row, 0.0, state)
    elif before < state.numbers:
        place = (rule.row * state.numbers + before) * state.entities + entity
        start_up(now, row, s.startups(state)[place], state)
    else:
        publisher.ready = before if number >= 0 else count.without_cause - 1
        s.lists(state)[count.undrawn].undrawn = row
        count.undrawn += 1


@spliced
def start_up(now: Any, publisher: Any, startup: Any, state: Any) -> None:
    """Let a publisher be ready after its start-up time; this is -1 less the time, if it fails."""
    push(s.starts(state), now + max(startup, -1 - startup), 2 * publisher + (startup < 0))


@spliced
def gone(now: Any, state: Any) -> None:
    """Let orders have the place of a publisher that exists no more."""
    state.count.existing -= 1
    if state.count.line_in > state.count.line_out:
        _move_up(now, state)


@inner
def _move_up(now: Any, state: Any) -> None:
    rule, count = state.rule, state.count
    while count.line_in > count.line_out and count.existing < rule.most:
        first = s.lists(state)[count.line_out]
        count.line_out += 1
        if is_needed(first.in_line, state):
            count.quota_waits += first.since < now
            begin(now, first.in_line, False, state)


# -- the level of the pool ---------------------------------------------------------------------------------


@spliced
def _level(now: Any, state: Any) -> Any:
    """Return how many publishers the pool should have, which may follow the rate of the starts of encodings."""
    rule, count = state.rule, state.count
    if rule.headroom == 0:
        return rule.level
    while count.recent < count.next and s.videos(state)[count.recent].started <= now - rule.window:
        count.recent += 1
    if now == 0:
        return rule.level
    rate = (count.next - count.recent) / (min(rule.window, max(now, PER_SECOND)) / PER_SECOND)
    wanted = rule.headroom * rate * rule.startup - 1e-9
    if wanted > MOST:
        count.too_high = 1
        count.asked = wanted
        return rule.level
    return max(rule.level, ceil(wanted))


@inner
def fill_up(now: Any, cause: Any, state: Any) -> None:
    """Order what is missing because of a video or without a cause (-1); see later to what is too much.

    What the videos have taken that were served in this decision is ordered because of them.
    """
    rule, count = state.rule, state.count
    level, served = _level(now, state), 0
    while (
        count.stock < level
        and count.stock + count.busy < rule.pool_most
        and count.in_flight < rule.starts_most
        and count.orders < rule.room
    ):
        because = s.lists(state)[served].served if served < count.served else cause
        served += 1
        order(now, rule.slots + 2 * because if because >= 0 else s.NOBODY, 0.0, state)
    count.served = 0
    if _has_surplus(now, level, state):
        count.surplus = 1


@spliced
def _has_surplus(now: Any, level: Any, state: Any) -> Any:
    """Return whether the publisher ready longest is idle for long, and the pool exceeds its level."""
    rule, count = state.rule, state.count
    if rule.time_to_live == 0 or count.ready_in == count.ready_out or count.stock <= max(level, rule.level):
        return False
    first = s.lists(state)[count.ready_out].ready
    return now - s.publishers(state)[first].ready >= rule.time_to_live


@spliced
def next_lapse(now: Any, state: Any) -> Any:
    """Return when it is seen next whether publishers are retired.

    It is at the end of the idle time to live of each one that has had to wait, and at once for a surplus.
    """
    rule, count = state.rule, state.count
    if count.surplus:
        return now
    count.lapsed = max(count.lapsed, count.ready_out)
    if rule.time_to_live > 0 and count.lapsed < count.ready_in:
        return s.publishers(state)[s.lists(state)[count.lapsed].ready].ready + rule.time_to_live
    return inf


@inner
def lapse(now: Any, state: Any) -> None:
    """Retire the publishers that are idle for long, while the pool exceeds its level."""
    count = state.count
    if count.surplus:
        count.surplus = 0
    else:
        count.lapsed += 1
    while _has_surplus(now, _level(now, state), state):
        count.stock -= 1
        count.ready_out += 1
        retire(now, s.lists(state)[count.ready_out - 1].ready, state)


@inner
def retire(now: Any, publisher: Any, state: Any) -> None:
    """End a publisher without a video."""
    each = s.publishers(state)[publisher]
    each.ended = now
    each.outcome = s.RETIRED
    s.note(s.PUBLISHER_RETIRED, publisher, state)
    gone(now, state)
