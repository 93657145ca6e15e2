"""Everything that is derived from the facts of a run: its two tables, its log, its levels and its figures.

The words (elapsed, lateness, stockout, idle, publisher-seconds, utilization, ...) are defined where they are
computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.facts import EVENTS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.facts import Facts

__all__ = [
    "Stats",
    "elapsed",
    "events_frame",
    "levels_frame",
    "on_time",
    "publisher_figures",
    "publishers_frame",
    "stats",
    "summary",
    "videos_frame",
]

_PUBLISHED, _FAILED, _ENDED = map(EVENTS.index, ("published", "failed", "publisher_ended"))


def elapsed(facts: Facts) -> NDArray[np.float64]:
    """Return per video the seconds from the start of its encoding to its publication."""
    return facts.published - facts.encoding_started


def on_time(catalogue: Catalogue, facts: Facts) -> NDArray[np.bool_]:
    """Return per video whether it was published no later than its timeout allows."""
    return elapsed(facts) <= catalogue.publication_timeout


def videos_frame(catalogue: Catalogue, facts: Facts) -> pd.DataFrame:
    """Return the table of videos, a row each, in the order of the catalogue."""
    import pandas as pd

    good = on_time(catalogue, facts)
    outcome = np.where(good, "published", np.where(np.isnan(facts.published), "unfinished", "failed"))
    return pd.concat(
        [
            catalogue.frame,
            pd.DataFrame(
                {
                    "offered": facts.offered,
                    "encoder": _nullable(facts.encoder),
                    "encoding_started": facts.encoding_started,
                    "encoded": facts.encoded,
                    "queued": facts.queued,
                    "publisher": _nullable(facts.publisher),
                    "assigned": facts.assigned,
                    "published": facts.published,
                    "elapsed": elapsed(facts),
                    "on_time": good,
                    "outcome": outcome.astype(object),
                }
            ).astype({"outcome": "str"}),
        ],
        axis="columns",
    )


def _nullable(numbers: NDArray[np.int64]) -> pd.arrays.IntegerArray:
    """Return whole numbers with those below 0 missing."""
    import pandas as pd

    return pd.arrays.IntegerArray(np.maximum(numbers, 0), numbers < 0)


def publisher_figures(facts: Facts) -> dict[str, NDArray[Any]]:
    """Return the columns of the table of publishers that follow from the facts.

    `idle` is the time from ready to assigned, or to the end of the run; 0 if it was not ready by then. Its
    publisher-seconds, `alive`, are the time from started to assigned, or to the end of the run.
    """
    videos = np.flatnonzero(facts.publisher >= 0)
    publishers = facts.publisher[videos]
    video = np.full(len(facts.cause), -1, dtype=np.int64)
    video[publishers] = videos
    assigned = np.full(len(facts.cause), np.nan)
    assigned[publishers] = facts.assigned[videos]
    ended = np.full(len(facts.cause), np.nan)
    ended[publishers] = facts.published[videos]
    last = np.where(np.isnan(assigned), facts.end, assigned)
    return {
        "assigned": assigned,
        "ended": ended,
        "video": video,
        "idle": np.where(np.isnan(facts.ready), 0.0, last - facts.ready),
        "alive": last - facts.started,
    }


def publishers_frame(facts: Facts) -> pd.DataFrame:
    """Return the table of publishers, a row each, in the order of their start."""
    import pandas as pd

    figures = publisher_figures(facts)
    return pd.DataFrame(
        {
            "publisher": _nullable(np.arange(len(facts.cause))),
            "cause": _nullable(facts.cause),
            "started": facts.started,
            "ready": facts.ready,
            "assigned": figures["assigned"],
            "ended": figures["ended"],
            "video": _nullable(figures["video"]),
            "idle": figures["idle"],
        }
    )


def events_frame(catalogue: Catalogue, facts: Facts) -> pd.DataFrame:
    """Return the event log, in the order in which things happened.

    `resource` is "encoder 3", "publisher 7" or "publishing queue"; missing where none is concerned, as for a
    video that waits for its own publisher beside the queue.
    """
    import pandas as pd

    row, kind = _log_rows(on_time(catalogue, facts), facts)
    time = np.empty(len(row))
    video = np.empty(len(row), dtype=np.int64)
    resource = np.empty(len(row), dtype=object)
    encoder, publisher = _named("encoder", facts.encoder), _named("publisher", facts.publisher)
    itself = _named("publisher", np.arange(len(facts.cause)))
    queue = np.where(facts.own, None, "publishing queue")  # type: ignore[call-overload]
    videos, no_video = np.arange(len(facts.offered)), np.full(len(facts.cause), -1)
    for index, times, of, resources in (
        ("offered", facts.offered, videos, np.full(len(videos), None)),
        ("encoding_started", facts.encoding_started, videos, encoder),
        ("encoded", facts.encoded, videos, encoder),
        ("queued", facts.queued, videos, queue),
        ("publisher_started", facts.started, facts.cause, itself),
        ("publisher_ready", facts.ready, no_video, itself),
        ("assigned", facts.assigned, videos, publisher),
        ("published", facts.published, videos, publisher),
        ("failed", facts.published, videos, publisher),
        ("publisher_ended", facts.published, videos, publisher),
    ):
        at = np.flatnonzero(kind == EVENTS.index(index))
        time[at], video[at], resource[at] = times[row[at]], of[row[at]], resources[row[at]]
    return pd.DataFrame(
        {
            "time": time,
            "event": pd.Series(np.array(EVENTS, dtype=object)[kind], dtype="str"),
            "video": _nullable(video),
            "resource": pd.Series(resource, dtype="str"),
        }
    )


def _log_rows(good: NDArray[np.bool_], facts: Facts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and kind of each line of the log; an end of publishing becomes two of them."""
    row, kind = facts.order >> 4, facts.order & 15
    lines = 1 + (kind == _PUBLISHED)
    first = np.cumsum(lines) - lines
    row, kind = np.repeat(row, lines), np.repeat(kind, lines)
    publications = first[lines == 2]
    kind[publications] = np.where(good[row[publications]], _PUBLISHED, _FAILED)
    kind[publications + 1] = _ENDED
    return row, kind


def _named(what: str, numbers: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array([f"{what} {number}" for number in numbers.tolist()], dtype=object)


def levels_frame(catalogue: Catalogue, facts: Facts) -> pd.DataFrame:
    """Return the step functions: a row for each time at which anything happened, the state after it."""
    import pandas as pd

    good = on_time(catalogue, facts)
    shared = ~facts.own
    of_videos = (facts.offered, facts.encoding_started, facts.encoded, facts.queued, facts.assigned)
    times = np.unique(_happened(np.concatenate([*of_videos, facts.published, facts.started, facts.ready])))

    def count(*columns: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many of the first column have happened by each time, less those of the second."""
        counts = [np.searchsorted(np.sort(_happened(column)), times, side="right") for column in columns]
        return counts[0] - (counts[1] if len(counts) > 1 else 0)

    return pd.DataFrame(
        {
            "time": times,
            "encoders_busy": count(facts.encoding_started, facts.queued),
            "publishing_queue": count(facts.queued[shared], facts.assigned[shared]),
            "publishers_starting": count(facts.started, facts.ready),
            "publishers_ready": count(facts.ready, facts.assigned),
            "published": count(facts.published[good]),
            "failed": count(facts.published[~good]),
        }
    )


def _happened(times: NDArray[np.float64]) -> NDArray[np.float64]:
    return times[~np.isnan(times)]


class Stats(dict[str, int]):
    """The original's counters; ``str()`` is its stats line."""

    def __str__(self) -> str:
        return "stats: " + " ".join(f"{name}={value}" for name, value in self.items())


def stats(catalogue: Catalogue, facts: Facts) -> Stats:
    """Return the original's counters; a submission is a hand-over to an encoder."""
    published = int(on_time(catalogue, facts).sum())
    return Stats(
        client_parse_errors=len(catalogue.rejected),
        client_submitted=len(_happened(facts.encoding_started)),
        encoded=len(_happened(facts.encoded)),
        published=published,
        publish_failed=len(_happened(facts.published)) - published,
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
    good = on_time(catalogue, facts)
    taken = _happened(elapsed(facts))
    late = _happened(elapsed(facts) - catalogue.publication_timeout)
    figures = publisher_figures(facts)
    shared = ~facts.own
    return {
        "published": int(good.sum()),
        "failed": len(taken) - int(good.sum()),
        "unfinished": len(good) - len(taken),
        "on_time_rate": float(good.mean()),
        **{f"elapsed_p{percent}": _quantile(taken, percent) for percent in (50, 95, 99)},
        **{f"lateness_p{percent}": _quantile(late, percent) for percent in (50, 95, 99)},
        "lateness_max": _quantile(late, 100),
        "stockouts": int((~np.isnan(facts.encoded) & ~(facts.assigned <= facts.encoded)).sum()),
        "idle": float(figures["idle"].sum()),
        "publisher_seconds": float(figures["alive"].sum()),
        "publishers_started": len(facts.cause),
        "publishers_wasted": int((figures["video"] < 0).sum()),
        "peak_publishers": _peak(facts.started, figures["ended"]),
        "encoder_utilization": _share(
            _lasted(facts.encoding_started, facts.queued, facts.end), encoders * facts.end
        ),
        "publishing_queue_mean": _share(
            _lasted(facts.queued[shared], facts.assigned[shared], facts.end), facts.end
        ),
        "client_blocked_time": _lasted(facts.offered, facts.encoding_started, facts.end),
        "makespan": facts.end,
    }


def _quantile(values: NDArray[np.float64], percent: int) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")


def _lasted(start: NDArray[np.float64], stop: NDArray[np.float64], end: float) -> float:
    """Return the sum of the times from start to stop, or to the end, of those that have started."""
    return float(np.nansum(np.where(np.isnan(stop), end, stop) - start))


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _peak(started: NDArray[np.float64], ended: NDArray[np.float64]) -> int:
    """Return the most publishers that existed after any instant."""
    times = np.unique(started)
    born = np.searchsorted(np.sort(started), times, side="right")
    gone = np.searchsorted(np.sort(_happened(ended)), times, side="right")
    return int((born - gone).max(initial=0))
