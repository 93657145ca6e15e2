"""The metrics of :data:`tv2sim.results.metrics.METRICS`, compiled, with the same operations in the same order.

Sums of ticks are exact in any order; each metric is rounded once, when it is divided. A metric that is not
listed here is computed from facts, in the way of the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from tv2sim.base.compiling import borrowing, compiled
from tv2sim.base.ticks import PER_SECOND
from tv2sim.engines.kernel import state as s
from tv2sim.results.facts import VIDEO_OUTCOMES

__all__ = ["MEASURED", "OF_SUMS", "Fixed", "measure", "peak", "quantile", "quantile_weights"]

MEASURED = (
    "published", "failed", "unfinished", "on_time_rate", "elapsed_p50", "elapsed_p95", "elapsed_p99",
    "lateness_p50", "lateness_p95", "lateness_p99", "lateness_max", "stockouts", "idle", "publisher_seconds",
    "publishers_started", "publishers_wasted", "peak_publishers", "encoder_utilization",
    "publishing_queue_mean", "client_blocked_time", "makespan", "any_failure", "quota_waits",
    "busy",
)  # fmt: skip
"""The metrics that the compiled engine knows, in the order in which it gives them."""

(
    PUBLISHED, FAILED, UNFINISHED, ON_TIME_RATE, ELAPSED_P50, ELAPSED_P95, ELAPSED_P99, LATENESS_P50,
    LATENESS_P95, LATENESS_P99, LATENESS_MAX, STOCKOUTS, IDLE, PUBLISHER_SECONDS, PUBLISHERS_STARTED,
    PUBLISHERS_WASTED, PEAK_PUBLISHERS, ENCODER_UTILIZATION, PUBLISHING_QUEUE_MEAN, CLIENT_BLOCKED_TIME,
    MAKESPAN, ANY_FAILURE, QUOTA_WAITS, BUSY,
) = range(len(MEASURED))  # fmt: skip


class Fixed(NamedTuple):
    """What is the same in all replications, as long as no encoder is blocked.

    Attributes
    ----------
    videos, encoders : int
        How many.
    work, blocked, busy : float, or an array by replication
        The ticks for which encoders are busy, for which the client waits for one, and for which publishers are
        busy.
    """

    videos: int
    encoders: int
    work: Any
    blocked: Any
    busy: Any


def _long(sums: Mapping[str, Any]) -> Any:
    """Return the ends of the runs, NaN where a run has no length."""
    return np.where(sums["end"] > 0, sums["end"], nan)


OF_SUMS: Mapping[str, Callable[[Fixed, Mapping[str, Any]], Any]] = {
    "published": lambda _, sums: sums["published"],
    "failed": lambda fixed, sums: fixed.videos - sums["published"],
    "unfinished": lambda *_: 0,
    "on_time_rate": lambda fixed, sums: sums["published"] / fixed.videos,
    "stockouts": lambda _, sums: sums["stockouts"],
    "idle": lambda _, sums: sums["idle"] / PER_SECOND,
    "publisher_seconds": lambda fixed, sums: (sums["alive"] + fixed.busy) / PER_SECOND,
    "publishers_started": lambda _, sums: sums["publishers"],
    "publishers_wasted": lambda fixed, sums: sums["publishers"] - fixed.videos,
    "encoder_utilization": lambda fixed, sums: fixed.work / ((fixed.encoders or nan) * _long(sums)),
    "publishing_queue_mean": lambda _, sums: sums["waits"] / _long(sums),
    "client_blocked_time": lambda fixed, _: fixed.blocked / PER_SECOND,
    "makespan": lambda _, sums: sums["end"] / PER_SECOND,
    "any_failure": lambda fixed, sums: sums["published"] < fixed.videos,
    "quota_waits": lambda *_: 0,
    "busy": lambda fixed, _: fixed.busy / PER_SECOND,
}
"""The metrics that follow from sums, for many replications of which every video is published."""

_IN_TIME, _TOO_LATE = map(VIDEO_OUTCOMES.index, ("published", "failed"))


@borrowing
def quantile_weights(count: Any, percent: Any) -> Any:
    """Return the rows of the two sorted values between which a quantile lies, and how far from the first."""
    at = percent / 100 * (count - 1)
    below = int(at)
    return below, min(below + 1, count - 1), at - below


@borrowing
def quantile(ordered: Any, percent: Any) -> Any:
    """Do as :func:`tv2sim.results.metrics.quantile`."""
    if len(ordered) == 0:
        return nan
    below, above, share = quantile_weights(len(ordered), percent)
    low, high = ordered[below], ordered[above]
    if high == inf:
        return high if share > 0 or low == inf else low / PER_SECOND
    between = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
    return between / PER_SECOND


@borrowing
def _ratio(part: Any, whole: Any) -> Any:
    return part / whole if whole > 0 else nan


@borrowing
def peak(started: Any, ended: Any) -> Any:
    """Return the most publishers that existed after any instant; both are in ascending order."""
    peak = born = gone = 0
    count = len(started)
    while born < count:
        time = started[born]
        while born < count and started[born] <= time:
            born += 1
        while gone < len(ended) and ended[gone] <= time:
            gone += 1
        peak = max(peak, born - gone)
    return peak


@compiled
def _publishers(state: Any, end: Any, with_peak: Any, out: Any) -> None:
    count = state.count.publishers
    idle = alive = busy = 0.0
    wasted = gone = 0
    started, ended = np.empty(count if with_peak else 0), np.empty(count if with_peak else 0)
    for row in range(count):
        publisher = s.publishers(state)[row]
        stops, last = publisher.ended, publisher.assigned
        if last != last:
            last = stops if stops == stops else end  # its start-up failed, or it was retired
            wasted += 1
        else:
            busy += (stops if stops == stops else end) - last
        if publisher.ready == publisher.ready:
            idle += last - publisher.ready
        alive += last - publisher.started
        if with_peak:
            started[row] = publisher.started
            if stops == stops:
                ended[gone] = stops
                gone += 1
    out[IDLE], out[BUSY] = idle / PER_SECOND, busy / PER_SECOND
    out[PUBLISHER_SECONDS] = (alive + busy) / PER_SECOND
    out[PUBLISHERS_STARTED] = count
    out[PUBLISHERS_WASTED] = wasted
    if with_peak:
        out[PEAK_PUBLISHERS] = peak(started, np.sort(ended[:gone]))


@compiled
def measure(state: Any, encoders: int, end: float, wanted: Any, out: Any, on_time: Any) -> None:
    """Compute all metrics of the replication that was simulated last, and count the videos that were on time.

    Parameters
    ----------
    state
        That of :func:`tv2sim.engines.kernel.events.simulate`.
    wanted : pair of bool
        Whether to compute the quantiles of elapsed time and lateness, which takes as long as all others, and
        the most publishers at once.
    out : numpy.ndarray
        Where the metrics go.
    on_time : numpy.ndarray
        By video, what is increased by one if it was on time.
    """
    videos, (quantiles, with_peak) = state.rule.videos, wanted
    published = failed = stockouts = settled = 0
    queue = work = blocked = 0.0
    elapsed, lateness = np.empty(videos if quantiles else 0), np.empty(videos if quantiles else 0)
    for video in range(videos):
        it = s.videos(state)[video]
        queued, assigned, time, stops = it.queued, it.assigned, it.published, end
        if it.outcome == _IN_TIME:
            published += 1
            on_time[video] += 1
        elif it.outcome == _TOO_LATE:
            failed += 1
            if time != time:  # it was given up
                time, stops = inf, it.settled
        if quantiles and it.outcome != 0:
            elapsed[settled] = time - it.started
            lateness[settled] = elapsed[settled] - it.timeout
            settled += 1
        if it.encoded == it.encoded and not assigned <= it.encoded:
            stockouts += 1
        if queued == queued and not it.own:
            queue += (assigned if assigned == assigned else stops) - queued
        if it.started == it.started:
            work += (queued if queued == queued else stops) - it.started
        if it.offered == it.offered:
            blocked += (it.started if it.started == it.started else end) - it.offered
    out[PUBLISHED], out[FAILED], out[UNFINISHED] = published, failed, videos - published - failed
    out[ON_TIME_RATE], out[ANY_FAILURE] = published / videos, published < videos
    if quantiles:
        elapsed, lateness = np.sort(elapsed[:settled]), np.sort(lateness[:settled])
        out[ELAPSED_P50], out[LATENESS_P50] = quantile(elapsed, 50.0), quantile(lateness, 50.0)
        out[ELAPSED_P95], out[LATENESS_P95] = quantile(elapsed, 95.0), quantile(lateness, 95.0)
        out[ELAPSED_P99], out[LATENESS_P99] = quantile(elapsed, 99.0), quantile(lateness, 99.0)
        out[LATENESS_MAX] = quantile(lateness, 100.0)
    out[STOCKOUTS] = stockouts
    _publishers(state, end, with_peak, out)
    out[ENCODER_UTILIZATION] = _ratio(work, encoders * end)
    out[PUBLISHING_QUEUE_MEAN] = _ratio(queue, end)
    out[CLIENT_BLOCKED_TIME] = blocked / PER_SECOND
    out[MAKESPAN], out[QUOTA_WAITS] = end / PER_SECOND, state.count.quota_waits
