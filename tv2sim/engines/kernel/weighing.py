"""Replications that the coverage rule decides: whenever one stops for a decision, the rule is asked for it."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import numpy as np

from tv2sim.base.compiling import compiled, inner
from tv2sim.engines.kernel import events
from tv2sim.engines.kernel import state as s
from tv2sim.engines.kernel.serving import waiting
from tv2sim.engines.kernel.starting import is_own
from tv2sim.strategies import coverage as rule

__all__ = ["Weighing", "go_on", "weighing"]


class Weighing(NamedTuple):
    """What the coverage rule knows, and what it is told."""

    coverage: rule.Coverage
    rates: Any
    """When the rates begin that the rule knows, and the period after which the first one does so again."""
    ordered: Any
    """When each publisher of the pool was ordered that is not ready."""
    deadlines: Any
    """Of the videos that wait."""
    ends: Any
    """The nominal end of each encoding."""
    due: Any
    """The deadline of each video that is being encoded."""


def weighing(coverage: rule.Coverage, rates: Any, room: int) -> Weighing:
    """Return what a rule decides with, with room for so many publishers or videos."""
    return Weighing(coverage, rates, *(np.zeros(room) for _ in range(4)))


@compiled
def go_on(given: Any, state: Any, weighed: Any) -> Any:
    """Simulate a replication by *events*, and let the coverage rule decide if there is one."""
    if weighed is not None and not state.rule.resumed:
        rule.begin(weighed.coverage)
    while True:
        end, ending = events.simulate(given, state)
        if weighed is None or ending != events.ASKED:
            return end, ending
        _weigh(end, state, weighed)
        state.rule.resumed = 1


@compiled
def _weigh(now: Any, state: Any, weighed: Any) -> None:
    """Let the rule decide how many videos are served, and how many publishers are started without a cause."""
    count, coverage = state.count, weighed.coverage
    while count.told < count.next:
        it = s.videos(state)[count.told]
        count.told += 1
        if not it.own:
            rule.seen(coverage, it.nominal, it.timeout, it.started)
    orders = _tell_orders(now, state, weighed.ordered)
    queued, encoding = waiting(state), count.encoding
    _tell_videos(now, state, weighed)
    count.to_serve, count.to_start, _ = rule.decide(
        coverage,
        now,
        _rate_at(now, weighed.rates),
        count.ready_in - count.ready_out,
        weighed.ordered[:orders],
        weighed.deadlines[:queued],
        weighed.ends[:encoding],
        weighed.due[:encoding],
    )
    count.deciding = s.ANSWERED


@inner
def _rate_at(now: Any, rates: Any) -> Any:
    """Return the number of the client's present rate."""
    last = len(rates) - 1
    time = now % rates[last] if rates[last] < inf else now
    rate = 0
    while rate + 1 < last and rates[rate + 1] <= time:
        rate += 1
    return rate


@inner
def _tell_orders(now: Any, state: Any, ordered: Any) -> Any:
    """Fill in when each publisher of the pool was ordered that is not ready, and return how many these are.

    First come those that have started, then those that start later, then those that wait for their turn, which
    count as ordered just now.
    """
    count, lists, delay = state.count, s.lists(state), state.rule.provisioning
    size = count.starting
    for i in range(size):
        ordered[i] = s.publishers(state)[lists[i].starting].started - delay
    for i in range(1, s.timers(state)[0].key + 1):
        timer = s.timers(state)[i]
        if timer.key >> s.KIND == s.DELAYED_START and not is_own(lists[timer.key & s.BELOW_CAUSE].timed, state):
            since, at = timer.time - delay, size
            while at > count.starting and ordered[at - 1] > since:
                ordered[at] = ordered[at - 1]
                at -= 1
            ordered[at] = since
            size += 1
    for i in range(count.line_out, count.line_in):
        if not is_own(lists[i].in_line, state):
            ordered[size] = now - delay
            size += 1
    return size


@inner
def _tell_videos(now: Any, state: Any, weighed: Any) -> None:
    """Fill in the deadlines of videos that wait, and the nominal ends and deadlines of those in encoders."""
    count = state.count
    for i in range(count.queue_in - count.queue_out):
        weighed.deadlines[i] = s.queue(state)[count.queue_out + 1 + i].time
    for i in range(count.encoding):
        it = s.videos(state)[s.lists(state)[i].encoding]
        weighed.ends[i] = max(now, it.started + it.nominal)
        weighed.due[i] = it.started + it.timeout
