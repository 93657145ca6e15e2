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
from tv2sim.engines.kernel import state_rows as state
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
def _total(started: Any, stopped: Any, end: Any) -> Any:
    total = 0.0
    for start, stop in zip(started, stopped):  # noqa: B905 (compiled)
        if start == start:
            total += (stop if stop == stop else end) - start
    return total


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
def _publishers(T: Any, K: Any, n: Any, end: Any, with_peak: Any, out: Any) -> None:
    count = n[state.PUBLISHERS]
    idle = alive = busy = 0.0
    wasted = gone = 0
    ended = np.empty(count if with_peak else 0)
    for publisher in range(count):
        last = T[state.P_ASSIGNED, publisher]
        if last != last:
            last = T[state.P_ENDED, publisher]  # if its start-up failed, or if it was retired
            last = last if last == last else end
            wasted += 1
        else:
            ended_at = T[state.P_ENDED, publisher]
            busy += (ended_at if ended_at == ended_at else end) - last
        ready = T[state.P_READY, publisher]
        if ready == ready:
            idle += last - ready
        alive += last - T[state.P_STARTED, publisher]
        if with_peak and T[state.P_ENDED, publisher] == T[state.P_ENDED, publisher]:
            ended[gone] = T[state.P_ENDED, publisher]
            gone += 1
    out[IDLE], out[BUSY] = idle / PER_SECOND, busy / PER_SECOND
    out[PUBLISHER_SECONDS] = (alive + busy) / PER_SECOND
    out[PUBLISHERS_STARTED] = count
    out[PUBLISHERS_WASTED] = wasted
    if with_peak:
        out[PEAK_PUBLISHERS] = peak(T[state.P_STARTED, :count], np.sort(ended[:gone]))


@compiled
def measure(
    T: Any, K: Any, n: Any, encoders: int, end: float, quantiles: bool, with_peak: bool, out: Any, on_time: Any
) -> None:
    """Compute all metrics of the replication that was simulated last, and count the videos that were on time.

    Parameters
    ----------
    T, K, n
        The state of :func:`tv2sim.engines.kernel.events.simulate`.
    quantiles : bool
        Whether to compute those of elapsed time and lateness, which takes as long as all others.
    with_peak : bool
        Whether to compute the most publishers at once.
    out : numpy.ndarray
        Where the metrics go.
    on_time : numpy.ndarray
        By video, what is increased by one if it was on time.
    """
    videos = n[state.VIDEOS]
    published = failed = stockouts = settled = 0
    queue = after = 0.0
    elapsed, lateness = np.empty(videos if quantiles else 0), np.empty(videos if quantiles else 0)
    for video in range(videos):
        outcome = K[state.OUTCOME, video]
        time, stops = T[state.PUBLISHED, video], end
        if outcome == _IN_TIME:
            published += 1
            on_time[video] += 1
        elif outcome == _TOO_LATE:
            failed += 1
            if time != time:  # it was given up
                time, stops = inf, T[state.SETTLED, video]
        if quantiles and outcome != 0:
            elapsed[settled] = time - T[state.STARTED, video]
            lateness[settled] = elapsed[settled] - T[state.TIMEOUT, video]
            settled += 1
        encoded, queued, assigned = T[state.ENCODED, video], T[state.QUEUED, video], T[state.ASSIGNED, video]
        if encoded == encoded and not assigned <= encoded:
            stockouts += 1
        if queued == queued and not K[state.OWN, video]:
            queue += (assigned if assigned == assigned else stops) - queued
        elif queued != queued:
            after += end - stops  # when it had left its encoder
    out[PUBLISHED], out[FAILED], out[UNFINISHED] = published, failed, videos - published - failed
    out[ON_TIME_RATE], out[ANY_FAILURE] = published / videos, published < videos
    if quantiles:
        elapsed, lateness = np.sort(elapsed[:settled]), np.sort(lateness[:settled])
        out[ELAPSED_P50], out[LATENESS_P50] = quantile(elapsed, 50.0), quantile(lateness, 50.0)
        out[ELAPSED_P95], out[LATENESS_P95] = quantile(elapsed, 95.0), quantile(lateness, 95.0)
        out[ELAPSED_P99], out[LATENESS_P99] = quantile(elapsed, 99.0), quantile(lateness, 99.0)
        out[LATENESS_MAX] = quantile(lateness, 100.0)
    out[STOCKOUTS] = stockouts
    _publishers(T, K, n, end, with_peak, out)
    columns = T[:, :videos]
    work = _total(columns[state.STARTED], columns[state.QUEUED], end) - after
    out[ENCODER_UTILIZATION] = _ratio(work, encoders * end)
    out[PUBLISHING_QUEUE_MEAN] = _ratio(queue, end)
    out[CLIENT_BLOCKED_TIME] = _total(columns[state.OFFERED], columns[state.STARTED], end) / PER_SECOND
    out[MAKESPAN], out[QUOTA_WAITS] = end / PER_SECOND, n[state.WAITS]
