"""A run's figures, and the quantities that tables and figures are made of.

The words (elapsed, lateness, stockout, idle, publisher-seconds, utilization, ...) are defined where they are
computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.facts import VIDEO_OUTCOMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.facts import Facts

__all__ = ["METRICS", "Stats", "elapsed", "happened", "on_time", "publisher_figures", "stats", "summary"]


def elapsed(facts: Facts) -> NDArray[np.float64]:
    """Return per video the seconds from the start of its encoding to its publication."""
    return facts.videos["published"] - facts.videos["encoding_started"]


def on_time(facts: Facts) -> NDArray[np.bool_]:
    """Return per video whether it was published no later than its timeout allows."""
    return np.equal(facts.videos["outcome"], VIDEO_OUTCOMES.index("published"))


def publisher_figures(facts: Facts) -> dict[str, NDArray[Any]]:
    """Return what follows from the facts for each publisher.

    `idle` is the time from ready to assigned, or to the end of the run; 0 if it was not ready by then. Its
    publisher-seconds, `alive`, are the time from started to assigned, or to the end of the run.
    """
    publishers = facts.publishers
    gone = np.where(np.isnan(publishers["ended"]), facts.end, publishers["ended"])
    last = np.where(np.isnan(publishers["assigned"]), gone, publishers["assigned"])
    return {
        "idle": np.where(np.isnan(publishers["ready"]), 0.0, last - publishers["ready"]),
        "alive": last - publishers["started"],
    }


def happened(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the times of what did happen."""
    return times[~np.isnan(times)]


class Stats(dict[str, int]):
    """The original's counters; ``str()`` is its stats line."""

    def __str__(self) -> str:
        return "stats: " + " ".join(f"{name}={value}" for name, value in self.items())


def stats(catalogue: Catalogue, facts: Facts) -> Stats:
    """Return the original's counters; a submission is a hand-over to an encoder."""
    videos = facts.videos
    return Stats(
        client_parse_errors=len(catalogue.rejected),
        client_submitted=len(happened(videos["encoding_started"])),
        encoded=len(happened(videos["encoded"])),
        published=_count(facts, "published"),
        publish_failed=_count(facts, "failed"),
    )


def summary(catalogue: Catalogue, facts: Facts, encoders: int) -> dict[str, float]:
    """Return one run's figures.

    published, failed, unfinished
        Videos by outcome.
    on_time_rate
        Published ones among all videos.
    elapsed_p50, elapsed_p95, elapsed_p99; lateness_p50, lateness_p95, lateness_p99, lateness_max
        Quantiles in seconds over the videos that have a publication; lateness is elapsed - timeout.
    stockouts
        Videos that found no ready publisher when they were encoded.
    idle, publisher_seconds
        Seconds, summed over all publishers (see :func:`publisher_figures`).
    publishers_started, publishers_wasted, peak_publishers
        How many were started, how many of them never got a video, and how many existed at once at the most.
    encoder_utilization
        Share of the encoders' time in which they held a video.
    publishing_queue_mean
        Videos in the publishing queue, averaged over time.
    client_blocked_time
        Seconds for which the client waited for an encoder.
    makespan
        Seconds from the start to the end of the run.
    """
    videos, publishers = facts.videos, facts.publishers
    taken = np.sort(happened(elapsed(facts)))
    late = np.sort(happened(elapsed(facts) - catalogue.publication_timeout))
    figures = publisher_figures(facts)
    shared = videos["own"] == 0
    encoders_held = _lasted(videos["encoding_started"], videos["queued"], facts.end)
    waited = _lasted(videos["queued"][shared], videos["assigned"][shared], facts.end)
    waits = ~np.isnan(videos["encoded"]) & ~(videos["assigned"] <= videos["encoded"])
    published = _count(facts, "published")
    return {
        "published": published,
        "failed": _count(facts, "failed"),
        "unfinished": _count(facts, "unfinished"),
        "on_time_rate": published / len(catalogue),
        **{f"elapsed_p{percent}": _quantile(taken, percent) for percent in (50, 95, 99)},
        **{f"lateness_p{percent}": _quantile(late, percent) for percent in (50, 95, 99)},
        "lateness_max": _quantile(late, 100),
        "stockouts": int(np.count_nonzero(waits)),
        "idle": float(figures["idle"].sum()),
        "publisher_seconds": float(figures["alive"].sum()),
        "publishers_started": len(publishers["cause"]),
        "publishers_wasted": int(np.count_nonzero(publishers["video"] < 0)),
        "peak_publishers": _peak(publishers["started"], publishers["ended"]),
        "encoder_utilization": _share(encoders_held, encoders * facts.end),
        "publishing_queue_mean": _share(waited, facts.end),
        "client_blocked_time": _lasted(videos["offered"], videos["encoding_started"], facts.end),
        "makespan": facts.end,
    }


def _count(facts: Facts, outcome: str) -> int:
    return int(np.count_nonzero(facts.videos["outcome"] == VIDEO_OUTCOMES.index(outcome)))


METRICS = (
    "published", "failed", "unfinished", "on_time_rate", "elapsed_p50", "elapsed_p95", "elapsed_p99",
    "lateness_p50", "lateness_p95", "lateness_p99", "lateness_max", "stockouts", "idle", "publisher_seconds",
    "publishers_started", "publishers_wasted", "peak_publishers", "encoder_utilization",
    "publishing_queue_mean", "client_blocked_time", "makespan",
)  # fmt: skip
"""The names of the figures in :func:`summary`, in its order."""


def _quantile(ordered: NDArray[np.float64], percent: int) -> float:
    """Return a quantile of ordered values, interpolated as ``numpy.percentile`` does, which is slow for few."""
    if not len(ordered):
        return float("nan")
    below, share = divmod(percent / 100 * (len(ordered) - 1), 1)
    low = float(ordered[int(below)])
    high = float(ordered[min(int(below) + 1, len(ordered) - 1)])
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def _lasted(start: NDArray[np.float64], stop: NDArray[np.float64], end: float) -> float:
    """Return the sum of the times from start to stop, or to the end, of those that have started."""
    lasted = np.where(np.isnan(stop), end, stop) - start
    return float(happened(lasted).sum())


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _peak(started: NDArray[np.float64], ended: NDArray[np.float64]) -> int:
    """Return the most publishers that existed after any instant; they are in the order of their start."""
    born = np.searchsorted(started, started, side="right")
    gone = np.searchsorted(np.sort(happened(ended)), started, side="right")
    return int((born - gone).max(initial=0))
