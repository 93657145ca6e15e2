"""The levels so far, for charts: as ``run.levels`` has them, thinned out when they become many."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEVELS", "History", "frame_of"]

LEVELS = (
    "time",
    "encoders_busy",
    "publishing_queue",
    "publishers_starting",
    "publishers_ready",
    "published",
    "failed",
)
"""The columns of ``run.levels``."""

Row = tuple[float, int, int, int, int, int, int]


class History:
    """A row for each time at which something happened, with the state after it.

    Parameters
    ----------
    most : int
        When there are more rows than that, every second one is left out, and so on.
    """

    def __init__(self, most: int = 4000) -> None:
        self.rows: list[Row] = []
        """The last one may still change."""
        self.generation = 0
        """How often rows were left out: where it is another, those that were seen have moved."""
        self._most = most
        self._every = 1
        self._skipped = 0

    def note(self, *row: float) -> None:
        """Know the levels after something that has happened at a time: the values of :data:`LEVELS`."""
        fresh: Row = row  # type: ignore[assignment]
        if self.rows and (self.rows[-1][0] == fresh[0] or self._skipped < self._every - 1):
            self._skipped += self.rows[-1][0] != fresh[0]
            self.rows[-1] = fresh
            return
        self._skipped = 0
        self.rows.append(fresh)
        if len(self.rows) > self._most:
            del self.rows[1:-1:2]
            self.generation += 1
            self._every *= 2


def frame_of(rows: list[Row]) -> pd.DataFrame:
    """Return rows of levels as a table."""
    import pandas as pd

    kinds = dict.fromkeys(LEVELS[1:], "int64") | {"time": "float64"}
    return pd.DataFrame(rows, columns=list(LEVELS)).astype(kinds)
