"""What a distribution of times is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EXTREMES", "Distribution"]


class Distribution(ABC):
    """A distribution of times in seconds.

    A distribution of your own is a subclass with :meth:`quantile` and :attr:`mean`; it can be used in a
    scenario at once.

    Examples
    --------
    >>> class Weekend(Distribution):
    ...     mean = 3.0
    ...     def quantile(self, u):
    ...         return np.where(u < 0.5, 2.0, 4.0)
    >>> Weekend().quantile(np.array([0.1, 0.9]))
    array([2., 4.])
    """

    @abstractmethod
    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time below which a share `u` of all times lies (0 < u < 1, any shape)."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """The expected time, in seconds."""

    def __str__(self) -> str:
        try:
            numbers = ", ".join(_shortest(getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return repr(self)
        return f"{type(self).__name__.lower()}({numbers})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, which :func:`distribution_from_dict` takes back."""
        data = plain.to_dict(self)
        return data | ({"mean": self.mean} if data["kind"] == plain.CUSTOM else {})


EXTREMES = np.array([2.0**-53, 1 - 2.0**-53])
"""The smallest and the largest number that :mod:`tv2sim.draws` can give."""


def _shortest(number: float) -> str:
    """Return the shortest text that stands for a number; ValueError or TypeError if it is none."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)
