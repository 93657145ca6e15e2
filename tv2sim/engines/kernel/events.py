"""All rules, one replication at a time: a function for each place of an instant, as in the model.

:mod:`tv2sim.engines.kernel.state` says what it is made of.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np

from tv2sim.base.compiling import inner, spliced
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.deciding import (
    at_latest_start,
    begins_encoding,
    count_as_queued,
    decide,
    discard_hopeless,
    ends_encoding,
    make_room,
    next_latest_start,
    starts_no_more,
    wait_for_any,
    wait_for_own,
)
from tv2sim.engines.kernel.heaps import clear, pop, push, size_of
from tv2sim.engines.kernel.pauses import pause_from
from tv2sim.engines.kernel.serving import (
    admit,
    assign,
    discard,
    has_room,
    hopeless,
    lose,
    publish,
    put,
    take,
    waiting,
)
from tv2sim.engines.kernel.starting import (
    begin,
    due,
    fill_up,
    is_own,
    lapse,
    next_lapse,
    order,
    retire,
    start_for,
    start_up,
)

__all__ = ["ASKED", "ENDINGS", "NO_ROOM", "OPEN", "TOO_HIGH", "UNDRAWN", "simulate"]

ENDINGS = ("completed", "cut-off", "no progress", "no publisher will come", "nothing left to happen")
_COMPLETED, _CUT_OFF, _NO_PROGRESS, _NO_PUBLISHER, _NOTHING, ASKED, OPEN, UNDRAWN, NO_ROOM, TOO_HIGH = range(10)
"""The last ones are no endings. The coverage rule is asked for its decision, or start-up times lack: then the
replication goes on. Or it is open how long the client pauses, the arrays are too short, or the pool's level is
too high."""


# -- the places of an instant ------------------------------------------------------------------------------


@spliced
def _encoding_ends(now: Any, video: Any, state: Any) -> None:
    rule, count, it = state.rule, state.count, s.videos(state)[video]
    it.encoded = count.progress = now
    s.note(s.ENCODED, video, state)
    if it.moment == s.AT_ENCODED:
        start_for(now, video, state)
    if rule.adapts and not rule.late:
        fill_up(now, video, state)
    if it.own or has_room(state):
        _arrives(now, video, state)
        return
    s.lists(state)[count.blocked_in].blocked = video
    count.blocked_in += 1
    count_as_queued(state)


@inner
def _arrives(now: Any, video: Any, state: Any) -> None:
    rule, it, publisher = state.rule, s.videos(state)[video], -1
    it.queued = state.count.progress = now
    s.note(s.QUEUED, video, state)
    if it.moment == s.AT_QUEUED:
        start_for(now, video, state)
    if it.own:
        publisher = it.own_publisher
        if publisher < 0:
            it.waits_for_own = 1
            if rule.late and rule.discards:
                wait_for_own(video, state)
    else:
        if rule.ruled:
            ends_encoding(video, state)
        publisher = _join(video, state)
    if publisher >= 0 and hopeless(now, video, state):
        discard(now, video, state)
        if it.own:
            retire(now, publisher, state)
        else:
            state.count.ready_out -= 1
            admit(state)
        publisher = -1
    if publisher >= 0:
        assign(now, video, publisher, state)
    if rule.adapts and not rule.late and (publisher < 0 or it.own):
        fill_up(now, video, state)
    if rule.encoders:
        push(s.free(state), now, it.encoder)


@spliced
def _join(video: Any, state: Any) -> Any:
    """Let a video wait for any publisher, or return the one that has been ready longest."""
    count = state.count
    if state.rule.late:
        wait_for_any(video, state)
    elif count.ready_in > count.ready_out:
        count.ready_out += 1
        return s.lists(state)[count.ready_out - 1].ready
    else:
        put(video, state)
    return -1


@spliced
def _becomes_ready(now: Any, publisher: Any, state: Any) -> None:
    count, server = state.count, s.publishers(state)[publisher]
    owner = server.owner
    server.ready = now
    s.note(s.PUBLISHER_READY, publisher, state)
    if owner >= 0:
        _ready_for_its_own(now, publisher, owner, state)
        return
    count.in_flight -= 1
    if state.rule.ruled:
        starts_no_more(publisher, state)
    video = _claimed(now, state)
    if video >= 0:
        assign(now, video, publisher, state)
    else:
        s.lists(state)[count.ready_in].ready = publisher
        count.ready_in += 1
        admit(state)


@inner
def _ready_for_its_own(now: Any, publisher: Any, owner: Any, state: Any) -> None:
    it = s.videos(state)[owner]
    waits = it.waits_for_own
    it.waits_for_own = 0
    if waits and hopeless(now, owner, state):
        discard(now, owner, state)
    if it.outcome:
        retire(now, publisher, state)
    elif waits:
        assign(now, owner, publisher, state)
    else:
        it.own_publisher = publisher


@spliced
def _claimed(now: Any, state: Any) -> Any:
    """Return the video that a newly ready publisher of the pool takes at once, or NOBODY."""
    if state.rule.late:
        return s.NOBODY
    while waiting(state) > 0:
        video = take(state)
        admit(state)
        if not hopeless(now, video, state):
            return video
        discard(now, video, state)
    return s.NOBODY


@spliced
def _pause(now: Any, given: Any, state: Any) -> Any:
    """Return how long the client pauses after it has handed over a video, NaN if that is open."""
    if given.steps.shape[1] == 0:
        return state.rule.gap
    pause = pause_from(now, 1.0, given.steps)
    if pause != pause:
        for i in range(state.rule.pauses):
            if given.pauses[i].start == now:
                pause = given.pauses[i].length
    return pause


@spliced
def _client(now: Any, given: Any, state: Any) -> Any:
    """Offer the next video and hand it over if an encoder is free; return when the client goes on by itself."""
    rule, count, video = state.rule, state.count, state.count.next
    count.progress = now
    it = s.videos(state)[video]
    if not count.is_offered:
        if now < it.before:
            return it.before
        it.offered = now
        s.note(s.OFFERED, video, state)
        count.is_offered = 1
    time = it.encoding_time
    if rule.encoders:
        if size_of(s.free(state)) == 0:
            return inf
        it.encoder = pop(s.free(state))
        if rule.speeds_differ:
            time = np.rint(time / given.speeds[it.encoder] * PER_SECOND)
    it.started = now
    s.note(s.STARTED, video, state)
    count.next += 1
    count.is_offered = 0
    begins_encoding(now, video, state)
    if it.moment == s.AT_START:
        start_for(now, video, state)
    if rule.adapts and not rule.late:
        fill_up(now, video, state)
    push(s.ends(state), now + time, video)
    if count.next == rule.videos:
        return inf
    goes_on, before = now + _pause(now, given, state), s.videos(state)[count.next].before
    return before if before > goes_on else goes_on


@inner
def _timer(now: Any, state: Any) -> None:
    rule, count, key = state.rule, state.count, pop(s.timers(state))
    kind, number = key >> s.KIND, key & s.NUMBER
    if kind == s.END_OF_PUBLISHING:
        count.publishing -= 1
        publish(now, number, state)
    elif kind == s.NOTICE:
        _noticed(now, number, state)
    elif kind == s.DELAYED_START:
        due(now, s.lists(state)[number & s.BELOW_CAUSE].timed, state)
    else:
        push(s.timers(state), now + rule.review_every, s.REVIEW << s.KIND)
        if rule.late:
            count.seen = -1
        elif rule.managed:
            fill_up(now, s.NOBODY, state)


@spliced
def _noticed(now: Any, publisher: Any, state: Any) -> None:
    """Order another publisher in place of one that failed, unless a rule decides on it."""
    rule, count, number = state.rule, state.count, s.publishers(state)[publisher].order
    if not is_own(number, state):
        count.stock -= 1
        if rule.ruled:
            starts_no_more(publisher, state)
        if rule.by_rule:
            count.seen = -1
            return
    order(now, number, 0.0, state)


# -- the whole ---------------------------------------------------------------------------------------------


@inner
def _begin_at_0(given: Any, state: Any) -> None:
    rule, count = state.rule, state.count
    for i in range(len(given.counts)):
        given.counts[i] = 0
    count.nearest = count.latest_start = inf
    for entity in range(rule.slots + rule.videos):
        s.lists(state)[entity].begun = 0
    for video in range(rule.videos):
        _forget(s.videos(state)[video])
    clear(s.free(state))
    clear(s.ends(state))
    clear(s.starts(state))
    clear(s.timers(state))
    clear(s.queue(state))
    for encoder in range(rule.encoders):
        push(s.free(state), 0.0, encoder)
    if rule.managed:
        count.seen = -1
    for slot in range(rule.slots):
        if rule.ready_at_start:
            _order_warm(slot, state)
        else:
            order(0.0, slot, 0.0, state)
    if rule.review_every > 0:
        push(s.timers(state), rule.review_every, s.REVIEW << s.KIND)


@spliced
def _forget(it: Any) -> None:
    """Let nothing have happened to a video."""
    it.offered = it.started = it.encoded = it.queued = it.assigned = it.published = it.settled = nan
    it.encoder = it.publisher = it.own_publisher = -1
    it.outcome = it.waits_for_own = 0


@spliced
def _order_warm(slot: Any, state: Any) -> None:
    """Order a publisher that is ready at once, unless too many exist."""
    rule, count = state.rule, state.count
    count.orders += 1
    count.stock += 1
    count.in_flight += 1
    if rule.most and count.existing >= rule.most:
        due(0.0, slot, state)
    else:
        begin(0.0, slot, True, state)


@inner
def _go_on(state: Any) -> None:
    """Let publishers start up whose times have been drawn, or finish the decision that the rule has taken."""
    count = state.count
    for i in range(count.undrawn):
        row = s.lists(state)[i].undrawn
        startup = s.publishers(state)[row].ready
        s.publishers(state)[row].ready = nan
        start_up(count.now, row, startup, state)
    count.undrawn = 0
    if count.deciding == s.ANSWERED:
        count.deciding = 0
        decide(count.now, state)


@spliced
def _hindered(state: Any) -> Any:
    """Return what hinders going on, or 0."""
    count = state.count
    if count.too_high:
        return TOO_HIGH
    if count.orders >= state.rule.room:
        return NO_ROOM
    return UNDRAWN if count.undrawn else 0


@spliced
def _patience_ends(client: Any, state: Any) -> Any:
    """Return after which time no progress is waited for: infinity if some is known to come."""
    is_coming = client < inf or state.count.publishing or size_of(s.ends(state))
    return inf if is_coming else state.count.progress + state.rule.patience


@inner
def _why_nothing_is_left(state: Any) -> Any:
    for video in range(state.rule.videos):
        it = s.videos(state)[video]
        if it.encoded == it.encoded and not it.outcome:
            return _NO_PUBLISHER
    return _NOTHING


@inner
def simulate(given: Any, state: Any) -> Any:
    """Simulate one replication; return when it ended, and which of :data:`ENDINGS` it was, or a hindrance.

    Of what is due at one time, the lowest place goes next, also if a later one has just caused it.
    """
    rule, count, now, client, lapses = state.rule, state.count, 0.0, 0.0, inf
    if rule.resumed:
        now, client = count.now, count.client
        _go_on(state)
    else:
        _begin_at_0(given, state)
    while True:
        if count.is_offered and client == inf and size_of(s.free(state)):
            client = now
        end, ready, timer = s.ends(state)[1].time, s.starts(state)[1].time, s.timers(state)[1].time
        admitted = now if count.admitted_in > count.admitted_out else inf
        first = min(min(min(end, ready), min(client, timer)), admitted)
        if rule.managed:
            count.now, count.client = now, client
            hindrance = _hindered(state)
            if hindrance > 0:
                return now, hindrance
            if count.deciding:
                return now, ASKED
            lapses = next_lapse(now, state)
            first = min(first, lapses)
            if now < count.latest_start < first:
                count.latest_start = next_latest_start(now, state)
            first = min(first, count.latest_start)
            if rule.late and count.seen != count.noted:
                first = now
        if count.outcomes == rule.videos and first > now:
            return now, _COMPLETED
        if first == inf:
            return now, _why_nothing_is_left(state)
        patience_ends = _patience_ends(client, state)
        if first > min(patience_ends, rule.until):
            return (rule.until, _CUT_OFF) if rule.until <= patience_ends else (patience_ends, _NO_PROGRESS)
        now = first
        if end == now:
            _encoding_ends(now, pop(s.ends(state)), state)
        elif ready == now:
            key = pop(s.starts(state))
            if key & 1:
                lose(now, key >> 1, state)
            else:
                _becomes_ready(now, key >> 1, state)
        elif admitted == now:
            count.admitted_out += 1
            _arrives(now, s.lists(state)[count.admitted_out - 1].admitted, state)
        elif client == now:
            client = _client(now, given, state)
            if client != client:
                return now, OPEN
        elif timer == now and (lapses > now or s.timers(state)[1].key >> s.KIND != s.REVIEW):
            _timer(now, state)
        elif lapses == now:
            lapse(now, state)
        elif count.latest_start == now:
            at_latest_start(now, state)
        else:
            discard_hopeless(now, state)
            if rule.ruled:
                make_room(now, state)
                count.deciding = s.TO_BE_ASKED
            else:
                decide(now, state)
