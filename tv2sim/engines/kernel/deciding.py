"""The decision at the end of an instant: who is given up, who is served, and what is started.

If the coverage rule decides, the replication stops for its answer; :mod:`tv2sim.engines.kernel.weighing` asks.
"""

from __future__ import annotations

from math import inf
from typing import Any

from tv2sim.base.compiling import inner, spliced
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.heaps import push
from tv2sim.engines.kernel.serving import admit, assign, discard, has_room, hopeless, waiting
from tv2sim.engines.kernel.starting import fill_up, order, start_for

__all__ = [
    "at_latest_start", "begins_encoding", "count_as_queued", "decide", "discard_hopeless", "ends_encoding",
    "make_room", "next_latest_start", "starts_no_more", "wait_for_any", "wait_for_own",
]  # fmt: skip


# -- what waits, and what is known of the others -----------------------------------------------------------


@inner
def wait_for_any(video: Any, state: Any) -> None:
    """Let a video wait for any publisher at its place."""
    rule, count, queue, it = state.rule, state.count, s.queue(state), s.videos(state)[video]
    place = 0.0
    if rule.ordering == s.BY_DEADLINE:
        place = it.started + it.timeout
    elif rule.ordering != s.FIRST_IN:
        place = it.priority
    count.queue_in += 1
    i = count.queue_in
    while i - 1 > count.queue_out and (
        queue[i - 1].time > place
        or (rule.ordering == s.BY_DEADLINE and queue[i - 1].time == place and queue[i - 1].key > video)
    ):
        queue[i].time = queue[i - 1].time
        queue[i].key = queue[i - 1].key
        i -= 1
    queue[i].time = place
    queue[i].key = video
    count.nearest = min(count.nearest, it.started + it.timeout)


@inner
def count_as_queued(state: Any) -> Any:
    """Let the video blocked longest wait in a queue without any place, and return whether it now does.

    It keeps its encoder until a decision has served it or given it up.
    """
    rule, count = state.rule, state.count
    can_wait = rule.late and not rule.capacity and count.queue_in == count.queue_out
    if not can_wait or count.blocked_in == count.blocked_out:
        return False
    video = s.lists(state)[count.blocked_out].blocked
    count.blocked_out += 1
    if rule.ruled:
        ends_encoding(video, state)
    wait_for_any(video, state)
    return True


@spliced
def wait_for_own(video: Any, state: Any) -> None:
    """Let a video wait for its own publisher."""
    count, it = state.count, s.videos(state)[video]
    s.lists(state)[count.own].own = video
    count.own += 1
    count.nearest = min(count.nearest, it.started + it.timeout)


@spliced
def begins_encoding(now: Any, video: Any, state: Any) -> None:
    """Let the coverage rule know of the start of an encoding."""
    count = state.count
    if state.rule.ruled and not s.videos(state)[video].own:
        s.lists(state)[count.encoding].encoding = video
        count.encoding += 1
        time = _latest_start(video, state)
        if time > now:
            count.latest_start = min(count.latest_start, time)


@inner
def ends_encoding(video: Any, state: Any) -> None:
    """Take a video out of the list of those that hold an encoder."""
    lists, left = s.lists(state), state.count.encoding - 1
    state.count.encoding = left
    i = 0
    while i < left and lists[i].encoding != video:
        i += 1
    while i < left:
        lists[i].encoding = lists[i + 1].encoding
        i += 1


@inner
def starts_no_more(publisher: Any, state: Any) -> None:
    """Take a publisher out of the list of those that are starting."""
    lists, left = s.lists(state), state.count.starting - 1
    state.count.starting = left
    i = 0
    while i < left and lists[i].starting != publisher:
        i += 1
    while i < left:
        lists[i].starting = lists[i + 1].starting
        i += 1


@spliced
def _latest_start(video: Any, state: Any) -> Any:
    """Return when the last publisher is started that surely comes in time, as the coverage rule has it."""
    it = s.videos(state)[video]
    return it.started + it.timeout - state.rule.publishing - state.rule.longest


@inner
def at_latest_start(now: Any, state: Any) -> None:
    """Decide in this instant if it is the latest start of a video without a publisher."""
    if next_latest_start(now - 1.0, state) == now:
        state.count.seen = -1
    state.count.latest_start = next_latest_start(now, state)


@inner
def next_latest_start(after: Any, state: Any) -> Any:
    """Return the next latest start of a video without a publisher after a time, or infinity."""
    count, first = state.count, inf
    for i in range(count.encoding):
        time = _latest_start(s.lists(state)[i].encoding, state)
        if after < time < first:
            first = time
    for i in range(count.queue_out + 1, count.queue_in + 1):
        time = _latest_start(s.queue(state)[i].key, state)
        if after < time < first:
            first = time
    return first


# -- deciding ----------------------------------------------------------------------------------------------


@inner
def decide(now: Any, state: Any) -> None:
    """Dispatch and start; what is written to the log then is no occasion to decide again."""
    rule, count = state.rule, state.count
    if not rule.ruled:
        count.to_serve = min(waiting(state), count.ready_in - count.ready_out)
        count.to_start = 0
    for _ in range(count.to_serve):
        _serve(now, state)
    if rule.by_rule:
        count.served = 0
    else:
        fill_up(now, s.NOBODY, state)
    for _ in range(count.to_start):
        order(now, s.NOBODY, 0.0, state)
    admit(state)
    count.seen = -1 if count_as_queued(state) else count.noted


@inner
def discard_hopeless(now: Any, state: Any) -> None:
    """Give the videos up whose deadline has passed, in the order of the catalogue."""
    count, lists = state.count, s.lists(state)
    if not state.rule.discards or not count.nearest < now:
        return
    count.given_up = 0
    count.nearest = min(_filter_queue(now, state), _filter_own(now, state))
    for i in range(count.given_up):
        _leave(now, lists[i].given_up, state)
        discard(now, lists[i].given_up, state)


@spliced
def _filter_queue(now: Any, state: Any) -> Any:
    """Give up some of those that wait for any publisher; return the nearest deadline of the others."""
    count, queue = state.count, s.queue(state)
    kept, nearest = count.queue_out, inf
    for i in range(count.queue_out + 1, count.queue_in + 1):
        video = queue[i].key
        if hopeless(now, video, state):
            _insert(video, state)
        else:
            kept += 1
            queue[kept].time = queue[i].time
            queue[kept].key = video
            nearest = min(nearest, s.videos(state)[video].started + s.videos(state)[video].timeout)
    count.queue_in = kept
    return nearest


@spliced
def _filter_own(now: Any, state: Any) -> Any:
    """Do the same for those that wait for their own publishers."""
    count, lists, kept, nearest = state.count, s.lists(state), 0, inf
    for i in range(count.own):
        video = lists[i].own
        it = s.videos(state)[video]
        if it.waits_for_own and hopeless(now, video, state):
            _insert(video, state)
            it.waits_for_own = 0
        elif it.waits_for_own:
            lists[kept].own = video
            kept += 1
            nearest = min(nearest, it.started + it.timeout)
    count.own = kept
    return nearest


@spliced
def _insert(video: Any, state: Any) -> None:
    """Put a video into the list of those that are given up."""
    lists, i = s.lists(state), state.count.given_up
    while i > 0 and lists[i - 1].given_up > video:
        lists[i].given_up = lists[i - 1].given_up
        i -= 1
    lists[i].given_up = video
    state.count.given_up += 1


@spliced
def _leave(now: Any, video: Any, state: Any) -> Any:
    """Let a video leave its encoder if it only counts as queued, and return whether it does."""
    it = s.videos(state)[video]
    if state.rule.capacity or it.own:
        return False
    push(s.free(state), now, it.encoder)
    return True


@inner
def make_room(now: Any, state: Any) -> None:
    """Serve those that wait until there is room: to hold for a video that cannot come would be in vain."""
    count = state.count
    while state.rule.holds and waiting(state) and count.ready_in > count.ready_out and not has_room(state):
        _serve(now, state)


@inner
def _serve(now: Any, state: Any) -> None:
    """Give the first video the publisher that has been ready longest."""
    count = state.count
    count.queue_out += 1
    count.ready_out += 1
    video = s.queue(state)[count.queue_out].key
    if _leave(now, video, state):
        it = s.videos(state)[video]
        it.queued = now
        s.note(s.QUEUED, video, state)
        if it.moment == s.AT_QUEUED:
            start_for(now, video, state)
    assign(now, video, s.lists(state)[count.ready_out - 1].ready, state)
