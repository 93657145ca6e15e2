"""Serving: how videos and ready publishers meet, and what becomes of both.

Videos for any publisher wait in a queue, which is a list, or a heap if it has another order. Where a strategy
decides once an instant it is a list sorted by its order.
"""

from __future__ import annotations

from typing import Any

from tv2sim.base.compiling import inner, spliced
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.heaps import pop, push, size_of
from tv2sim.engines.kernel.starting import fill_up, gone

__all__ = ["admit", "assign", "discard", "has_room", "hopeless", "lose", "publish", "put", "take", "waiting"]


# -- the publishing queue ----------------------------------------------------------------------------------


@spliced
def waiting(state: Any) -> Any:
    """Return how many videos wait in the queue."""
    return size_of(s.queue(state)) + state.count.queue_in - state.count.queue_out


@spliced
def has_room(state: Any) -> Any:
    """Return whether there is room for another video: a ready publisher that takes one at once, or a place."""
    rule, count = state.rule, state.count
    taken = waiting(state) + count.admitted_in - count.admitted_out
    if rule.late:
        return taken < rule.capacity
    return taken < rule.capacity + count.ready_in - count.ready_out


@spliced
def admit(state: Any) -> None:
    """Let encoders that are blocked pass their videos as far as there is room, longest blocked first."""
    count, lists = state.count, s.lists(state)
    while count.blocked_in > count.blocked_out and has_room(state):
        lists[count.admitted_in].admitted = lists[count.blocked_out].blocked
        count.blocked_out += 1
        count.admitted_in += 1


@spliced
def put(video: Any, state: Any) -> None:
    """Let a video wait."""
    count, each = state.count, s.videos(state)[video]
    if state.rule.ordering == s.FIRST_IN:
        count.queue_in += 1
        s.queue(state)[count.queue_in].key = video
    elif state.rule.ordering == s.BY_DEADLINE:
        push(s.queue(state), each.started + each.timeout, video)
    else:
        push(s.queue(state), each.priority, count.arrivals << 32 | video)
        count.arrivals += 1


@spliced
def take(state: Any) -> Any:
    """Return the first video, which waits no more."""
    if state.rule.ordering != s.FIRST_IN:
        return pop(s.queue(state)) & 0xFFFFFFFF
    state.count.queue_out += 1
    return s.queue(state)[state.count.queue_out].key


# -- publishers that serve ---------------------------------------------------------------------------------


@inner
def assign(now: Any, video: Any, publisher: Any, state: Any) -> None:
    """Let a publisher take a video; one of the pool is replaced if the level requires it."""
    rule, count = state.rule, state.count
    it, server = s.videos(state)[video], s.publishers(state)[publisher]
    it.assigned = server.assigned = count.progress = now
    it.publisher = publisher
    server.video = video
    s.note(s.ASSIGNED, video, state)
    if not it.own:
        count.stock -= 1
        count.busy += 1
        if rule.late:
            s.lists(state)[count.served].served = video
            count.served += 1
        elif count.stock < rule.level or rule.adapts:
            fill_up(now, video, state)
    if it.publishing > 0:
        count.publishing += 1
        push(s.timers(state), now + it.publishing, s.END_OF_PUBLISHING << s.KIND | publisher)
    else:
        publish(now, publisher, state)


@spliced
def publish(now: Any, publisher: Any, state: Any) -> None:
    """Give a video its outcome, and end its publisher."""
    rule, count, server = state.rule, state.count, s.publishers(state)[publisher]
    video = server.video
    it = s.videos(state)[video]
    it.published = it.settled = server.ended = count.progress = now
    held = now if rule.for_published else it.assigned
    if held - it.started <= it.timeout:
        it.outcome = s.IN_TIME
        s.note(s.PUBLISHED, video, state)
    else:
        it.outcome = s.TOO_LATE
        s.note(s.LATE, video, state)
    server.outcome = s.ENDED
    s.note(s.PUBLISHER_ENDED, publisher, state)
    count.outcomes += 1
    gone(now, state)
    if not it.own:
        count.busy -= 1
        if rule.pool_most < s.UNLIMITED and not rule.late:
            fill_up(now, video, state)


@inner
def lose(now: Any, publisher: Any, state: Any) -> None:
    """End a publisher whose start-up fails; it is replaced when that is noticed."""
    count, each = state.count, s.publishers(state)[publisher]
    if each.owner < 0:
        count.in_flight -= 1
    each.ended = now
    each.outcome = s.FAILED
    s.lists(state)[count.lost].lost = publisher
    count.lost += 1
    s.note(s.PUBLISHER_FAILED, publisher, state)
    push(s.timers(state), now + state.rule.noticed_after, s.NOTICE << s.KIND | publisher)
    gone(now, state)


# -- videos that are given up ------------------------------------------------------------------------------


@spliced
def hopeless(now: Any, video: Any, state: Any) -> Any:
    """Return whether the strategy gives a video up if it would be served now."""
    it = s.videos(state)[video]
    return state.rule.discards > 0 and now - it.started > it.timeout and it.outcome == 0


@inner
def discard(now: Any, video: Any, state: Any) -> None:
    """Give up a video that waits no more."""
    it = s.videos(state)[video]
    it.settled = state.count.progress = now
    it.outcome = s.TOO_LATE
    state.count.outcomes += 1
    s.note(s.DISCARDED, video, state)
