"""The tables that are derived from the facts of a run: videos, publishers, event log and levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tv2sim.facts import EVENTS
from tv2sim.figures import elapsed, happened, on_time, publisher_figures

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.facts import Facts

__all__ = ["events_frame", "levels_frame", "publishers_frame", "videos_frame"]

_PUBLISHED, _FAILED, _ENDED = map(EVENTS.index, ("published", "failed", "publisher_ended"))


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
    times = np.unique(happened(np.concatenate([*of_videos, facts.published, facts.started, facts.ready])))

    def count(*columns: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many of the first column have happened by each time, less those of the second."""
        counts = [np.searchsorted(np.sort(happened(column)), times, side="right") for column in columns]
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
