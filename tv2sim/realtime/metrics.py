"""Metrics for Prometheus: the original's by their names, and further ones.

A collector of our own reads the state when it is scraped. So an event costs next to nothing, each replay has
a registry of its own, and no series tells when a metric was created.

No label tells the strategy or the catalogue. Their names are anybody's text: each would make all series anew,
and whoever scrapes can give a target such labels (see docs/monitoring.md).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from tv2sim import __version__
from tv2sim.realtime.extra import need

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
    refresh : callable
        Called before that, to bring the state up to date with what is no event.
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
        self,
        lock: AbstractContextManager[Any],
        refresh: Callable[[], object],
        state: State,
        tally: Tally,
        clock: Clock,
        lag: Lag,
    ) -> None:
        self._lock, self._refresh = lock, refresh
        self._state, self._tally, self._clock, self._lag = state, tally, clock, lag
        self._now = 0.0

    def describe(self) -> list[Metric]:
        """Return nothing: so that registering it does not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        # the simulation waits for the lock: only what it may change is read under it
        with self._lock:
            self._refresh()
            # not further than the simulation is: what counts seconds cannot take any back
            self._now = max(self._now, self._clock.settled)
            found = [*self._original(), *self._levels(), *self._times(), *self._itself()]
        return map(_metric, found)

    def _original(self) -> Iterator[_Found]:
        """Yield the original's nine, with its meaning."""
        state, stats = self._state, self._state.stats
        yield _gauge(
            "tv2_video_encoding_queue",
            "Videos that the client offers and no encoder can take: 1 while it is blocked, else 0.",
            # between an offer and its taking by a free encoder no time passes, but a scrape may come
            state.offered is not None and state.busy == state.encoders,
        )
        yield _gauge("tv2_video_encoders_available", "Encoders that exist, free or busy.", state.encoders)
        yield _gauge(
            "tv2_video_encoders_busy",
            "Encoders that hold a video, those included that are done and find the publishing queue full.",
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

    def _levels(self) -> Iterator[_Found]:
        """Yield what there is, and how often what happens has happened."""
        state, tally = self._state, self._tally
        yield _gauge(
            "tv2_video_publishing_queue",
            "Videos in the publishing queue; those with a publisher of their own wait beside it.",
            len(state.queue),
        )
        states = {"starting": state.starting, "ready": state.ready, "publishing": state.publishing}
        yield _Found(
            "gauge",
            "tv2_video_publishers",
            "Publishers by state.",
            [("", {"state": name}, number) for name, number in states.items()],
        )
        yield _counter("tv2_video_publishers_started_total", "Publishers started.", state.started)
        yield _Found(
            "counter",
            "tv2_video_publisher_claims_total",
            "Videos that got a publisher: warm if it was ready when they were encoded, cold if it came later.",
            [("", {"start": "warm"}, tally.warm), ("", {"start": "cold"}, tally.cold)],
        )
        # not the cold claims: of a video that no publisher ever comes for there is none
        yield _counter(
            "tv2_video_stockouts_total",
            "Videos that found no ready publisher when they were encoded.",
            tally.stockouts,
        )

    def _times(self) -> Iterator[_Found]:
        """Yield how long things took, in simulated seconds."""
        tally = self._tally
        yield _histogram(
            "tv2_video_elapsed_seconds",
            "Simulated time from the start of a video's encoding to its publication.",
            tally.elapsed,
        )
        # One histogram that goes below 0, without _sum and _count: OpenMetrics allows neither where there are
        # negative bounds, since a sum that can fall is no counter. Quantiles across 0 and the share of videos
        # with less than so much left need just the buckets (the one of +Inf is the count), and these are what
        # one asks it. Two histograms, of what was left and of lateness, would have sums, but no such quantiles.
        yield _histogram(
            "tv2_video_slack_left_seconds",
            "What was left of a video's timeout at its publication, in simulated time; below 0: it was late.",
            tally.slack_left,
        )
        yield _histogram(
            "tv2_video_publisher_startup_seconds",
            "Simulated time from a publisher's start until it was ready.",
            tally.startup,
        )
        yield _histogram(
            "tv2_video_handoff_blocked_seconds",
            "Simulated time for which a video blocked the client until an encoder took it; 0 if one was free.",
            tally.handoff,
        )
        yield _counter(
            "tv2_video_publisher_idle_seconds_total",
            "Simulated publisher-seconds from ready to assigned, or to now.",
            tally.idle(self._now),
        )
        yield _counter(
            "tv2_video_publisher_seconds_total",
            "Simulated publisher-seconds from started to assigned, or to now: the cost.",
            tally.alive(self._now),
        )

    def _itself(self) -> Iterator[_Found]:
        """Yield what is not of the system, but of its replay."""
        speed, lag = self._clock.speed, self._lag
        yield _gauge("tv2_replay_clock_lag_seconds", "Wall seconds by which the last event was late.", lag.last)
        yield _gauge(
            "tv2_replay_clock_lag_max_seconds", "The largest clock lag so far, in wall seconds.", lag.most
        )
        # a counter, for its rate is the speed that is reached
        yield _counter(
            "tv2_replay_simulated_seconds_total", "Simulated time that has been replayed.", self._now
        )
        yield _gauge(
            "tv2_replay_speed_ratio",
            "Simulated seconds per wall second that are asked for; +Inf for as fast as it goes.",
            float("inf") if speed == "max" else speed,
        )
        yield _gauge("tv2_replay_paused", "1 while it is paused, else 0.", self._clock.paused)
        versions = {"version": __version__, "python": platform.python_version()}
        yield _Found("gauge", "tv2_build_info", "What made these metrics; always 1.", [("", versions, 1)])


# -- what is found, and what becomes of it -----------------------------------------------------------------


class _Found(NamedTuple):
    """A metric as plain data; a sample is what its name ends with, its labels and its value."""

    kind: str
    name: str
    text: str
    samples: Sequence[tuple[str, dict[str, str], float]]


def _gauge(name: str, text: str, value: float) -> _Found:
    return _Found("gauge", name, text, [("", {}, value)])


def _counter(name: str, text: str, value: float) -> _Found:
    return _Found("counter", name, text, [("", {}, value)])


def _histogram(name: str, text: str, histogram: Histogram) -> _Found:
    samples: list[tuple[str, dict[str, str], float]]
    samples = [("_bucket", {"le": bound}, count) for bound, count in histogram.buckets()]
    if histogram.bounds[0] >= 0:
        samples += [("_count", {}, samples[-1][2]), ("_sum", {}, histogram.sum)]
    return _Found("histogram", name, text, samples)


def _metric(found: _Found) -> Metric:
    """Return it as the library wants it, with the unit that its name ends with, which OpenMetrics tells."""
    from prometheus_client.core import Metric

    name = found.name.removesuffix("_total")
    last = name.rpartition("_")[2]
    metric = Metric(name, found.text, found.kind, last if last in ("seconds", "ratio") else "")
    for end, labels, value in found.samples:
        metric.add_sample(found.name + end, labels, float(value))
    return metric


def registry_of(collector: Collector) -> CollectorRegistry:
    """Return a registry that holds this one alone.

    Raises
    ------
    MissingExtraError
        Without the extra "replay".
    """
    need("prometheus_client", to="keep metrics")
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics as whoever scrapes accepts them, and the type of that."""
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
