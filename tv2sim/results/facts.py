"""The result of an engine: the times of what happened to each video and to each publisher.

Tables, log, levels and metrics are derived from it. The columns are listed here only: code that allocates or
shows them loops over :data:`TABLES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import nan
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.world.scenario import Deadline


Ending: TypeAlias = Literal[
    "completed", "cut-off", "no progress", "no publisher will come", "nothing left to happen", "stopped"
]  # fmt: skip
Columns: TypeAlias = Mapping[str, "NDArray[Any]"]


class Column(NamedTuple):
    """The type of a column: its code in :mod:`array`, and the value that means "missing"."""

    code: Literal["d", "q", "b"]
    missing: float


_TIME, _NUMBER, _CODE = Column("d", nan), Column("q", -1), Column("b", 0)

TABLES: dict[str, dict[str, Column]] = {
    "videos": {
        "offered": _TIME,
        "encoder": _NUMBER,
        "encoding_started": _TIME,
        "encoded": _TIME,
        "queued": _TIME,
        "own": _CODE,
        "publisher": _NUMBER,
        "assigned": _TIME,
        "published": _TIME,
        "settled": _TIME,
        "outcome": _CODE,
    },
    "publishers": {
        "cause": _NUMBER,
        "started": _TIME,
        "ready": _TIME,
        "assigned": _TIME,
        "ended": _TIME,
        "video": _NUMBER,
        "outcome": _CODE,
    },
    "attempts": {
        "kind": _CODE,
        "video": _NUMBER,
        "encoder": _NUMBER,
        "publisher": _NUMBER,
        "started": _TIME,
        "ended": _TIME,
    },
    "others": {
        "kind": _CODE,
        "time": _TIME,
        "video": _NUMBER,
        "encoder": _NUMBER,
        "publisher": _NUMBER,
    },
}
"""The columns of each table of facts. Columns of times are in the order in which they are filled."""

VIDEO_OUTCOMES = ("unfinished", "published", "failed", "refused")
"""The outcomes of a video; the column `outcome` holds an index into these."""
PUBLISHER_OUTCOMES = ("unfinished", "ended", "failed", "retired")
"""The same for a publisher; "unfinished" is one that still exists when the run ends."""
ATTEMPTS = ("encoding", "startup", "publishing")
"""The kinds of attempts; the column `kind` holds an index into these."""


@dataclass(frozen=True, eq=False)
class Facts:
    """Four tables of columns, and the sequence in which things happened.

    Times are ticks (:mod:`tv2sim.base.ticks`) in float64, NaN if the event did not happen; numbers are int64,
    -1 if missing; codes are int8.

    Attributes
    ----------
    videos : mapping of columns
        A row per accepted video. `own`: whether it waits for a publisher of its own, beside the queue;
        `settled`: when it got its outcome.
    publishers : mapping of columns
        A row per publisher, in the order of their start. `cause`: the video because of which it was started.
    attempts : mapping of columns
        A row per attempt to encode, start up or publish that did not succeed.
    others : mapping of columns
        A row per event that no column above holds, such as the second start of the same video's encoding.
    sequence : numpy.ndarray of int64
        One item per event, in the order in which the events happened; see
        :func:`tv2sim.results.event_kinds.pack`.
    end : float
        The tick at which the run ended.
    ending : str
        Why the run ended.
    deadline : str
        Which column of the videos is held against their timeouts.
    quota_waits : int
        How many publishers waited before their start, because too many others existed.
    """

    videos: Columns
    publishers: Columns
    attempts: Columns
    others: Columns
    sequence: NDArray[Any]
    end: float
    ending: Ending
    deadline: Deadline = "published"
    quota_waits: int = 0

    @property
    def elapsed(self) -> NDArray[Any]:
        """Per video the ticks from the start of its encoding to its publication; NaN without one."""
        return self.videos["published"] - self.videos["encoding_started"]

    def equals(self, other: Facts) -> bool:
        """Return whether all values are the same, to the last bit; NaN equals NaN."""
        return not self.differences(other)

    def differences(self, other: Facts) -> list[str]:
        """Return the names of the tables and other attributes that are not the same."""
        names = (field.name for field in fields(self))
        return [name for name in names if not _same(getattr(self, name), getattr(other, name))]

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, Facts) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if hasattr(one, "dtype"):
        import numpy as np

        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(one == other)
