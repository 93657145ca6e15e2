"""The table of a comparison, which suggests a name where one is misspelled."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tv2sim.base.checks import did_you_mean, shown


class Summary(pd.DataFrame):
    """A table with named columns; tables derived from it are plain frames, except the columns of a metric.

    >>> Summary({"on_time_rate": [0.9], "failed": [3]})["on_time"]
    Traceback (most recent call last):
    KeyError: "no column 'on_time'; there are on_time_rate, failed: did you mean on_time_rate?"
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __getitem__(self, key: Any) -> Any:
        try:
            found = super().__getitem__(key)
        except KeyError as error:
            if not isinstance(key, str):
                raise
            known = list(dict.fromkeys(self.columns.get_level_values(0)))
            raise KeyError(
                f"no column {shown(key, 60)}; there are {', '.join(known)}{did_you_mean(key, known)}"
            ) from error
        return Summary(found) if isinstance(found, pd.DataFrame) and isinstance(key, str) else found
