"""Metrics for Prometheus: the original's by their names, and further ones.

A collector of our own reads the state when it is scraped. So an event costs next to nothing, each replay has
a registry of its own, and no series tells when a metric was created.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from tv2sim import __version__

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

    from tv2sim.realtime.clock import Clock
    from tv2sim.realtime.lag import Lag
    from tv2sim.realtime.state import State
    from tv2sim.realtime.tally import Histogram, Tally

__all__ = ["Collector", "exposition", "registry_of"]


class Collector:
    """What is there to be scraped.

    Parameters
    ----------
    lock : context manager
        Held while the state is read.
    state : State
        Where everything is.
    tally : Tally
        How long things took.
    clock : Clock
        What time it is.
    lag : Lag
        How far the simulation is behind it.
    """

    def __init__(
        self, lock: AbstractContextManager[Any], state: State, tally: Tally, clock: Clock, lag: Lag
    ) -> None:
        self._lock, self._state, self._tally, self._clock, self._lag = lock, state, tally, clock, lag

    def describe(self) -> list[Metric]:
        """Return nothing: so that registering it does not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        with self._lock:
            found = [*self._original(), *self._levels(), *self._times(), *self._itself()]
        return iter(found)

    def _original(self) -> Iterator[Metric]:
        """Yield the original's nine, with its meaning."""
        state, stats = self._state, self._state.stats
        yield _gauge(
            "tv2_video_encoding_queue",
            "Videos that the client offers and no encoder has taken: 1 while it is blocked, else 0.",
            state.offered is not None,
        )
        yield _gauge("tv2_video_encoders_available", "Encoders that exist, free or busy.", state.encoders)
        yield _gauge(
            "tv2_video_encoders_busy",
            "Encoders that hold a video, those included that are done and find the queue full.",
            state.busy,
        )
        yield _gauge(
            "tv2_video_publishers_running",
            "Publishers that were started and have not ended.",
            len(state.publishers),
        )
        for name, text, value in (
            ("metadata_parse_errors", "Lines that are no valid video.", "client_parse_errors"),
            ("encoding_requests_accepted", "Videos that an encoder has taken.", "client_submitted"),
            ("encoded", "Videos whose encoding has ended.", "encoded"),
            ("publication_successes", "Videos published in time.", "published"),
            ("publication_failures", "Videos published too late.", "publish_failed"),
        ):
            yield _counter(f"tv2_video_{name}_total", text, stats[value])

    def _levels(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        state, tally = self._state, self._tally
        yield _gauge(
            "tv2_video_publishing_queue",
            "Videos in the publishing queue.",
            len(state.queue),
        )
        publishers = GaugeMetricFamily("tv2_video_publishers", "Publishers by state.", labels=["state"])
        for name, number in (
            ("starting", state.starting),
            ("ready", state.ready),
            ("publishing", state.publishing),
        ):
            publishers.add_metric([name], number)
        yield publishers
        yield _counter("tv2_video_publishers_started_total", "Publishers started.", state.started)
        claims = CounterMetricFamily(
            "tv2_video_publisher_claims_total",
            "Videos that got a publisher: warm if it was ready when they were encoded, else cold (a stockout).",
            labels=["start"],
        )
        claims.add_metric(["warm"], tally.warm)
        claims.add_metric(["cold"], tally.cold)
        yield claims

    def _times(self) -> Iterator[Metric]:
        tally, now = self._tally, self._clock.now
        yield _histogram(
            "tv2_video_elapsed_seconds", "From the start of encoding to publication.", tally.elapsed
        )
        yield _histogram(
            "tv2_video_slack_left_seconds",
            "What was left of the timeout at publication; below 0: it came so much too late.",
            tally.slack_left,
        )
        yield _histogram("tv2_video_publisher_startup_seconds", "From started to ready.", tally.startup)
        yield _histogram(
            "tv2_video_handoff_blocked_seconds",
            "For which the client was blocked until an encoder took its video.",
            tally.handoff,
        )
        yield _counter(
            "tv2_video_publisher_idle_seconds_total",
            "Publisher-seconds from ready to assigned, or to now.",
            tally.idle(now),
        )
        yield _counter(
            "tv2_video_publisher_seconds_total",
            "Publisher-seconds from started to assigned, or to now: the cost.",
            tally.alive(now),
        )

    def _itself(self) -> Iterator[Metric]:
        """Yield what is not of the system, but of its replay. Those above are in simulated seconds."""
        from prometheus_client.core import GaugeMetricFamily

        clock = self._clock
        yield _gauge(
            "tv2_replay_clock_lag_seconds",
            "Wall seconds by which the last event was late.",
            self._lag.last,
        )
        yield _gauge(
            "tv2_replay_clock_lag_max_seconds", "The largest clock lag so far, in wall seconds.", self._lag.most
        )
        yield _gauge("tv2_replay_simulated_seconds", "Simulated time since the start.", clock.now)
        yield _gauge(
            "tv2_replay_speed_ratio",
            "Simulated seconds per wall second; +Inf for as fast as it goes.",
            float("inf") if clock.speed == "max" else clock.speed,
        )
        yield _gauge("tv2_replay_paused", "1 while it is paused, else 0.", clock.paused)
        info = GaugeMetricFamily(
            "tv2_build_info", "What made these metrics; always 1.", labels=["version", "python"]
        )
        info.add_metric([__version__, platform.python_version()], 1)
        yield info


def _gauge(name: str, text: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(name, text, value=float(value))


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    return HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.sum)


def registry_of(collector: Collector) -> CollectorRegistry:
    """Return a registry that holds this one alone."""
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics as whoever scrapes accepts them, and the type of that."""
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
