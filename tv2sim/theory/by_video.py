"""What a formula gives for each video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tv2sim.theory.startups import Ready

__all__ = ["Expected", "between"]


@dataclass(frozen=True, eq=False)
class Expected:
    """What theory expects of the videos of a run.

    Attributes
    ----------
    fails : numpy.ndarray
        The probability of each video to fail.
    error : float
        None of these probabilities is off by more. It is 0 unless start-ups fail, except for the rounding of
        the arithmetic.
    """

    fails: NDArray[np.float64]
    error: float

    @property
    def on_time(self) -> NDArray[np.float64]:
        """The probability of each video to be published in time."""
        return 1 - self.fails

    @property
    def failed(self) -> float:
        """The expected number of videos that fail."""
        return float(self.fails.sum())

    @property
    def published(self) -> float:
        """The expected number of videos that are published in time."""
        return len(self.fails) - self.failed


def between(
    formula: Callable[[Ready], NDArray[np.float64]], several: Sequence[Ready]
) -> tuple[NDArray[np.float64], float]:
    """Return the middle of what a monotone formula gives for bounds of a distribution, and the error."""
    values = [formula(ready) for ready in several]
    low, high = values[0], values[-1]
    return (low + high) / 2, float(np.abs(high - low).max(initial=0.0)) / 2
