"""The tables that are derived from the facts of a run: videos, publishers, attempts, event log and levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.results import levels
from tv2sim.results.event_kinds import EVENTS, log_of, times_of
from tv2sim.results.facts import ATTEMPTS, PUBLISHER_OUTCOMES, TABLES, VIDEO_OUTCOMES
from tv2sim.results.levels import LEVELS
from tv2sim.results.metrics import ON_TIME_RATE, happened, on_time, publisher_times, quantile

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.results.facts import Columns, Facts
    from tv2sim.world.scenario import Scenario


MEANINGS: dict[str, dict[str, str]] = {
    "videos": {
        "id": "its unique name",
        "title": "free text",
        "provider": "free text",
        "encoding_time": "seconds for which it occupies an encoder",
        "publication_timeout": "seconds from the start of its encoding within which it must be published",
        "submitted_at": "the time before which the client does not offer it, if the catalogue has such times",
        "publishing_time": "seconds for which its publisher is busy with it, if the catalogue has such times",
        "priority": "a number for rules of your own, if the catalogue has such numbers",
        "encoder": "the number of its encoder",
        "publisher": "the number of its publisher",
        "published": "when it is published, in time or too late",
        "elapsed": "seconds from the start of its encoding to its publication",
        "on_time": "whether it was published no later than its timeout",
        "outcome": "published, failed (too late, or not at all), refused, or unfinished when the run ended",
    },
    "publishers": {
        "publisher": "its number; publishers are numbered in the order in which they are started",
        "cause": "the video because of which it was started; missing if prewarmed, or started by a review",
        "assigned": "when it takes its video",
        "ended": "when it ends after the publication of its video, or fails",
        "video": "the video that it took",
        "idle": "seconds from ready to assigned, or to the end of the run; 0 if it was not ready by then",
        "outcome": "ended; failed; unfinished, if it had a video when the run ended; unused, if it had none",
    },
    "attempts": {
        "kind": "encoding, startup or publishing",
        "video": "the video, if there is one",
        "encoder": "the encoder, if there is one",
        "publisher": "the publisher, if there is one",
        "started": "when the attempt began",
        "ended": "when it failed",
    },
    "events": {
        "time": "seconds since the start of the run",
        "event": "what happened",
        "video": "the video to which it happened, if there is one",
        "encoder": "the encoder, if there is one",
        "publisher": "the publisher, if there is one",
    },
    "levels": {
        "time": "seconds since the start of the run; a row holds until the time of the next",
        **{name: level.meaning for name, level in LEVELS.items()},
    },
}
"""What the columns of a run's tables hold; for times of events, :data:`EVENTS` says it."""


def meaning(table: str, column: str) -> str:
    """Return what a column of a run's table holds.

    >>> meaning("videos", "elapsed"), meaning("videos", "encoded")
    ('seconds from the start of its encoding to its publication', 'when the encoding of the video ends')
    """
    if column in MEANINGS[table]:
        return MEANINGS[table][column]
    (kind,) = (kind for kind in EVENTS.values() if (kind.table, kind.time) == (table, column))
    return f"when {kind.meaning}"


def videos_frame(catalogue: Catalogue, facts: Facts) -> pd.DataFrame:
    """Return the table of videos, a row each, in the order of the catalogue."""
    import pandas as pd

    return pd.concat(
        [
            catalogue.frame,
            pd.DataFrame(
                {
                    **_shown("videos", facts.videos, but=("own", "settled", "outcome")),
                    "elapsed": facts.elapsed / PER_SECOND,
                    "on_time": on_time(facts),
                    "outcome": _named(VIDEO_OUTCOMES, facts.videos["outcome"]),
                }
            ),
        ],
        axis="columns",
    )


def groups_frame(catalogue: Catalogue, facts: Facts, column: str) -> pd.DataFrame:
    """Return a row for each group of videos with the same value in a column of the catalogue."""
    import pandas as pd

    late = facts.elapsed - whole_ticks(catalogue.publication_timeout)
    table = []
    for group, rows in catalogue.groups(column):
        outcomes = np.bincount(facts.videos["outcome"][rows], minlength=len(VIDEO_OUTCOMES)).tolist()
        ordered = np.sort(happened(late[rows]))
        times = [quantile(ordered, percent) for percent in _PERCENTS]
        table.append((group, len(rows), *outcomes, float(on_time(facts)[rows].mean()), *times))
    names = ["group", "videos", *VIDEO_OUTCOMES, ON_TIME_RATE, *(f"lateness_p{p}" for p in _PERCENTS)]
    return pd.DataFrame(table, columns=names)


_PERCENTS = (50, 95, 99)


def publishers_frame(facts: Facts) -> pd.DataFrame:
    """Return the table of publishers, a row each, in the order of their start.

    The outcome of an unfinished publisher that never got a video is "unused".
    """
    import pandas as pd

    publishers = facts.publishers
    outcome = _named(PUBLISHER_OUTCOMES, publishers["outcome"])
    unused = (publishers["outcome"] == 0) & (publishers["video"] < 0)
    return pd.DataFrame(
        {
            "publisher": _nullable(np.arange(len(publishers["cause"]))),
            **_shown("publishers", publishers, but=("outcome",)),
            "idle": publisher_times(facts)["idle"] / PER_SECOND,
            "outcome": outcome.mask(unused, "unused"),
        }
    )


def attempts_frame(facts: Facts) -> pd.DataFrame:
    """Return the table of the attempts that did not succeed, a row each."""
    import pandas as pd

    attempts = facts.attempts
    return pd.DataFrame(
        {"kind": _named(ATTEMPTS, attempts["kind"]), **_shown("attempts", attempts, but=("kind",))}
    )


def events_frame(facts: Facts) -> pd.DataFrame:
    """Return the event log, in the order in which things happened."""
    import pandas as pd

    log = log_of(facts)
    return pd.DataFrame(
        {
            "time": log.time,
            "event": _named((None, *EVENTS), log.code),
            "video": _nullable(log.video),
            "encoder": _nullable(log.encoder),
            "publisher": _nullable(log.publisher),
        }
    )


def levels_frame(facts: Facts, scenario: Scenario, publishing_times: bool = False) -> pd.DataFrame:
    """Return the step functions: a row for each time at which anything happened, the state after it.

    `publishing_times`: whether videos have publishing times of their own.
    """
    import pandas as pd

    every = [getattr(facts, table)[name] for table in TABLES for name in times_of(table)]
    times = np.unique(happened(np.concatenate(every))) / PER_SECOND
    names = levels.shown(scenario, publishing_times)
    return pd.DataFrame({"time": times, **levels.levels_of(facts, scenario, times, names)})


def _shown(table: str, columns: Columns, *, but: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns of facts for a table: times in seconds, and numbers that may be missing."""
    return {
        name: columns[name] / PER_SECOND if column.code == "d" else _nullable(columns[name])
        for name, column in TABLES[table].items()
        if name not in but
    }


def _nullable(numbers: NDArray[np.int64]) -> pd.arrays.IntegerArray:
    """Return whole numbers as a column in which numbers below 0 are missing."""
    import pandas as pd

    return pd.arrays.IntegerArray(np.maximum(numbers, 0), numbers < 0)


def _named(names: tuple[str | None, ...], codes: NDArray[Any]) -> pd.Series[str]:
    import pandas as pd

    return pd.Series(np.array(names, dtype=object)[codes], dtype="str")
