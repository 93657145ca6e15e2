"""Metrics for Prometheus: the metrics of the original, with the same names, and further ones.

The collector reads the state at each scrape. So events cost almost nothing, each replay has a registry of its
own, and there are no ``_created`` series.

No label holds the strategy or the catalogue: their names are free text, and each new name would start new
series. Such labels can be added to the target in the scrape configuration (see docs/monitoring.md).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from tv2sim import __version__

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

    from tv2sim.realtime.clock import Clock
    from tv2sim.realtime.pipeline_state import Histogram, State


class Collector:
    """The metrics of a replay.

    Parameters
    ----------
    followed : callable
        Returns a context manager that yields the state after all that has happened.
    clock : Clock
        The time, and how far the simulation is behind it.
    """

    def __init__(self, followed: Callable[[], AbstractContextManager[State]], clock: Clock) -> None:
        self._followed, self.clock = followed, clock
        self.now = 0.0
        with followed() as self.state:
            pass

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now."""
        # Invariant: the state holds all events up to `now`, and no later ones. Otherwise a counter of seconds
        # could include time in which a publisher was no longer idle, and would have to decrease later. So the
        # clock is read first; if events have happened since, `now` is the time of the last one.
        settled = self.clock.settled
        # only the values are read with the lock held
        with self._followed() as state:
            if state is not self.state:  # it is played again: counters begin at 0, as after a restart
                self.state, self.now, settled = state, 0.0, 0.0
            self.now = max(self.now, settled, self.state.time)
            values = [row.read(self) for row in _ROWS]
        return map(_family, _ROWS, values)


class _Row(NamedTuple):
    """A metric: a counter if its name ends with _total, a histogram if the value is one, else a gauge."""

    name: str
    text: str
    read: Callable[[Collector], Any]
    """Returns a number, or the buckets and the sum of a histogram, or with labels a number for each value."""
    labels: tuple[str, ...] = ()


def _read(histogram: Histogram) -> tuple[list[tuple[str, int]], float]:
    return list(histogram.buckets()), histogram.sum


_ROWS = (
    # the nine metrics of the original, with their meaning there
    # (a free encoder takes a video in the instant of the offer, but a scrape may come between the two events)
    _Row("tv2_video_encoding_queue",
         "Videos that the client offers and no encoder can take: 1 while it is blocked, else 0.",
         lambda of: of.state.blocked),
    _Row("tv2_video_encoders_available", "Encoders that exist, free, busy or down.",
         lambda of: of.state.encoders),
    _Row("tv2_video_encoders_busy",
         "Encoders that hold a video, those included that are done and find the publishing queue full.",
         lambda of: len(of.state.occupied)),
    _Row("tv2_video_publishers_running", "Publishers that were started and have not ended.",
         lambda of: len(of.state.publishers)),
    _Row("tv2_video_metadata_parse_errors_total", "Lines that are not valid videos.",
         lambda of: of.state.stats["client_parse_errors"]),
    _Row("tv2_video_encoding_requests_accepted_total", "Videos that an encoder has taken.",
         lambda of: of.state.stats["client_submitted"]),
    _Row("tv2_video_encoded_total", "Videos whose encoding has ended.", lambda of: of.state.stats["encoded"]),
    _Row("tv2_video_publication_successes_total", "Videos published in time.",
         lambda of: of.state.stats["published"]),
    _Row("tv2_video_publication_failures_total", "Videos published too late, or given up.",
         lambda of: of.state.stats["publish_failed"]),
    # levels and counts
    _Row("tv2_video_publishing_queue",
         "Videos in the publishing queue; those with a publisher of their own wait beside it.",
         lambda of: of.state.places.levels["publishing_queue"]),
    _Row("tv2_video_encoders_down", "Encoders that have died and are not back yet.",
         lambda of: of.state.down),
    _Row("tv2_video_publishers", "Publishers by state; those that have failed stay in that state.",
         lambda of: of.state.publisher_states, labels=("state",)),
    _Row("tv2_video_publishers_started_total", "Publishers started.", lambda of: of.state.started),
    _Row("tv2_video_publisher_claims_total",
         "Videos that got a publisher: warm if it was ready when they were encoded, cold if it came later.",
         lambda of: {"warm": of.state.warm, "cold": of.state.cold}, labels=("start",)),
    _Row("tv2_video_failed_attempts_total",
         "Attempts to encode a video, to start a publisher up or to publish a video that did not succeed.",
         lambda of: of.state.attempts, labels=("kind",)),
    _Row("tv2_video_retries_total", "Offers of videos that had been refused before.",
         lambda of: of.state.retries),
    _Row("tv2_video_redeliveries_total",
         "Deliveries that the broker repeated, since one or its acknowledgement was lost.",
         lambda of: of.state.redeliveries),
    # cold claims are fewer: a video that is never assigned has none
    _Row("tv2_video_stockouts_total", "Videos that found no ready publisher when they were encoded.",
         lambda of: of.state.stockouts),
    # how long things took, in simulated seconds
    _Row("tv2_video_elapsed_seconds", "Simulated time from the start of a video's encoding to its publication.",
         lambda of: _read(of.state.elapsed)),
    # A histogram with negative bounds has neither _sum nor _count in OpenMetrics, since the sum may decrease.
    # Quantiles across 0 and shares of videos need only the buckets (the last one is the count). Two histograms,
    # one of slack left and one of lateness, would have sums, but no such quantiles.
    _Row("tv2_video_slack_left_seconds",
         "What was left of a video's timeout at its publication, in simulated time; below 0: it was late.",
         lambda of: _read(of.state.slack_left)),
    _Row("tv2_video_publisher_startup_seconds", "Simulated time from a publisher's start until it was ready.",
         lambda of: _read(of.state.startup)),
    _Row("tv2_video_handoff_blocked_seconds",
         "Simulated time for which a video blocked the client until an encoder took it; 0 if one was free.",
         lambda of: _read(of.state.handoff)),
    _Row("tv2_video_publisher_idle_seconds_total",
         "Simulated publisher-seconds from ready to assigned, or to now.", lambda of: of.state.idle(of.now)),
    _Row("tv2_video_publisher_seconds_total",
         "Simulated publisher-seconds from started to ended or failed, or to now: the cost.",
         lambda of: of.state.alive(of.now)),
    # the replay itself
    _Row("tv2_replay_clock_lag_seconds", "Wall seconds by which the last event was late.",
         lambda of: of.clock.lag),
    _Row("tv2_replay_clock_lag_max_seconds", "The largest clock lag so far, in wall seconds.",
         lambda of: of.clock.lag_max),
    # a counter, since its rate is the actual speed
    _Row("tv2_replay_simulated_seconds_total", "Simulated time that has been replayed.", lambda of: of.now),
    _Row("tv2_replay_speed_ratio",
         "Simulated seconds per wall second that are asked for; +Inf for as fast as it goes.",
         lambda of: float("inf") if of.clock.speed == "max" else of.clock.speed),
    _Row("tv2_replay_paused", "1 while it is paused, else 0.", lambda of: of.clock.paused),
    _Row("tv2_build_info", "What made these metrics; always 1.",
         lambda of: {(__version__, platform.python_version()): 1}, labels=("version", "python")),
)  # fmt: skip


def _family(row: _Row, value: Any) -> Metric:
    """Return a family of the client library. Its unit, for OpenMetrics, is the last part of its name."""
    last = row.name.removesuffix("_total").rpartition("_")[2]
    unit = last if last in ("seconds", "ratio") else ""
    if isinstance(value, tuple):
        return HistogramMetricFamily(row.name, row.text, buckets=value[0], sum_value=value[1], unit=unit)
    kind = CounterMetricFamily if row.name.endswith("_total") else GaugeMetricFamily
    if not row.labels:
        return kind(row.name, row.text, value, unit=unit)
    family = kind(row.name, row.text, labels=row.labels, unit=unit)
    for labels, number in value.items():
        family.add_metric((labels,) if isinstance(labels, str) else labels, number)
    return family


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics in the format that an Accept header asks for, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
