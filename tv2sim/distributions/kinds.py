"""The distributions that come with tv2sim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.distributions.base import EXTREMES, Distribution
from tv2sim.errors import InputError, ScenarioError
from tv2sim.validation import LONGEST_TIME, a_number, check_fields, checked, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Constant", "Empirical", "Exponential", "Gamma", "LogNormal", "Triangular", "Uniform"]


@dataclass(frozen=True)
class BuiltIn(Distribution):
    """A dataclass whose parameters are checked when it is made."""

    def __post_init__(self) -> None:
        check_fields(self, error=ScenarioError, owner=f"{type(self).__name__}'s ")
        with np.errstate(over="ignore", invalid="ignore"):
            extremes = np.array([*self.quantile(EXTREMES), self.mean])
        if not ((extremes >= 0) & (extremes <= LONGEST_TIME)).all():
            raise ScenarioError(f"{shown(self)} gives times outside 0 to {LONGEST_TIME:.0f} s")


@dataclass(frozen=True)
class Constant(BuiltIn):
    """Always the same time.

    >>> Constant(4).mean
    4.0
    """

    value: float = field(metadata=checked(a_number))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value, whatever `u`."""
        return np.full_like(u, self.value)

    @property
    def mean(self) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True)
class Uniform(BuiltIn):
    """Every time from `low` to `high` seconds equally likely.

    >>> Uniform(2, 6).quantile(np.array([0.25, 0.5]))
    array([3., 4.])
    """

    low: float = field(metadata=checked(a_number))
    high: float = field(metadata=checked(a_number, at_least="low"))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return low + (high - low) u."""
        return self.low + (self.high - self.low) * u

    @property
    def mean(self) -> float:
        """The middle of the interval."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Triangular(BuiltIn):
    """From `low` to `high` seconds, most likely `mode`.

    >>> Triangular(2, 3, 6).quantile(np.array([0.25]))
    array([3.])
    """

    low: float = field(metadata=checked(a_number))
    mode: float = field(metadata=checked(a_number, at_least="low"))
    high: float = field(metadata=checked(a_number, at_least="mode"))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inverse of the two parabolas that make up the distribution function."""
        width, left, right = self.high - self.low, self.mode - self.low, self.high - self.mode
        rising = self.low + np.sqrt(u * width * left)
        falling = self.high - np.sqrt((1 - u) * width * right)
        return np.where(u * width < left, rising, falling)

    @property
    def mean(self) -> float:
        """The mean of the three corners."""
        return (self.low + self.mode + self.high) / 3


@dataclass(frozen=True)
class Exponential(BuiltIn):
    """Memoryless, with the given mean in seconds.

    >>> Exponential(4).quantile(np.array([1 - np.exp(-1)])).round(9)
    array([4.])
    """

    mean: float = field(default=0.0, metadata=checked(a_number, above=0))  # hides the property of the base

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -mean log(1 - u)."""
        return -self.mean * np.log1p(-u)


@dataclass(frozen=True)
class LogNormal(BuiltIn):
    """The logarithm is normal: half of the times are below `median` seconds; `sigma` is its deviation.

    A 99 % quantile q99 that was measured gives sigma = log(q99 / median) / 2.326.

    >>> LogNormal(4, 0.5).quantile(np.array([0.5]))
    array([4.])
    """

    median: float = field(metadata=checked(a_number, above=0))
    sigma: float = field(metadata=checked(a_number, above=0))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return median exp(sigma z), z the standard normal quantile of `u`."""
        from scipy.special import ndtri

        return np.asarray(self.median * np.exp(self.sigma * ndtri(u)), dtype=np.float64)

    @property
    def mean(self) -> float:
        """The median times exp(sigma**2 / 2)."""
        return float(self.median * np.exp(self.sigma**2 / 2))


@dataclass(frozen=True)
class Gamma(BuiltIn):
    """The gamma distribution; with a whole `shape`, the sum of so many exponentials of mean `scale` s.

    >>> Gamma(4, 1).mean
    4.0
    """

    shape: float = field(metadata=checked(a_number, above=0))
    scale: float = field(metadata=checked(a_number, above=0))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scale times the inverse of the regularized lower incomplete gamma function."""
        from scipy.special import gammaincinv

        return np.asarray(self.scale * gammaincinv(self.shape, u), dtype=np.float64)

    @property
    def mean(self) -> float:
        """Shape times scale."""
        return self.shape * self.scale


def _samples(name: str, value: Any, *, error: type[InputError]) -> tuple[float, ...]:
    """Return the samples in ascending order."""
    try:
        samples = sorted(a_number("a sample", sample, error=error) for sample in value)
    except TypeError:
        samples = []
    if not samples:
        raise error(f"Empirical needs a list of times in seconds, not {shown(value)}")
    return tuple(samples)


@dataclass(frozen=True)
class Empirical(BuiltIn):
    """Times that were measured, each equally likely; quantiles are those of the sample itself.

    >>> Empirical([5, 2, 3, 9]).quantile(np.array([0.1, 0.6]))
    array([2., 5.])
    """

    samples: tuple[float, ...] = field(metadata=checked(_samples))

    if TYPE_CHECKING:
        # what the generated one accepts, since __post_init__ makes a sorted tuple of it

        def __init__(self, samples: Iterable[float]) -> None: ...

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest sample that at least a share `u` of the samples does not exceed."""
        rank = np.ceil(u * len(self.samples)).astype(np.int64) - 1
        return np.array(self.samples)[np.clip(rank, 0, len(self.samples) - 1)]

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return float(np.mean(self.samples))

    def __str__(self) -> str:
        return f"empirical({len(self.samples)} samples from {self.samples[0]:g} to {self.samples[-1]:g})"
