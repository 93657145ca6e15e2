"""Distributions of times, each by its quantile function, so that one uniform number is one time.

Every strategy and every engine turns the same uniforms into times by the same NumPy call: that is what makes
runs comparable and engines agree to the last bit.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tv2sim.errors import ScenarioError
from tv2sim.validation import a_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Constant",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "LogNormal",
    "Triangular",
    "Uniform",
    "as_distribution",
    "distribution_from_dict",
]


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
            numbers = ", ".join(f"{getattr(self, field.name):g}" for field in fields(self))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return repr(self)
        return f"{type(self).__name__.lower()}({numbers})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, which :func:`distribution_from_dict` takes back."""
        kind = type(self).__name__.lower()
        if kind not in _KINDS:
            return {"kind": "custom", "description": repr(self), "mean": self.mean}
        return {"kind": kind, **asdict(self)}  # type: ignore[call-overload]

    def _check(self, name: str, **bounds: float) -> None:
        value = a_number(f"{type(self).__name__}'s {name}", getattr(self, name), **bounds, error=ScenarioError)
        object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Constant(Distribution):
    """Always the same time.

    >>> Constant(4).mean
    4.0
    """

    value: float

    def __post_init__(self) -> None:
        self._check("value")

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value, whatever `u`."""
        return np.full_like(u, self.value)

    @property
    def mean(self) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True)
class Uniform(Distribution):
    """Every time from `low` to `high` seconds equally likely.

    >>> Uniform(2, 6).quantile(np.array([0.25, 0.5]))
    array([3., 4.])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        self._check("low")
        self._check("high", at_least=self.low)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return low + (high - low) u."""
        return self.low + (self.high - self.low) * u

    @property
    def mean(self) -> float:
        """The middle of the interval."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Triangular(Distribution):
    """From `low` to `high` seconds, most likely `mode`.

    >>> Triangular(2, 3, 6).quantile(np.array([0.25]))
    array([3.])
    """

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        self._check("low")
        self._check("mode", at_least=self.low)
        self._check("high", at_least=self.mode)

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
class Exponential(Distribution):
    """Memoryless, with the given mean in seconds.

    >>> Exponential(4).quantile(np.array([1 - np.exp(-1)])).round(9)
    array([4.])
    """

    mean: float = 0.0

    def __post_init__(self) -> None:
        self._check("mean", above=0)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -mean log(1 - u)."""
        return -self.mean * np.log1p(-u)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """The logarithm is normal: half of the times are below `median` seconds; `sigma` is its deviation.

    A 99 % quantile q99 that was measured gives sigma = log(q99 / median) / 2.326.

    >>> LogNormal(4, 0.5).quantile(np.array([0.5]))
    array([4.])
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        self._check("median", above=0)
        self._check("sigma", above=0)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return median exp(sigma z), z the standard normal quantile of `u`."""
        from scipy.special import ndtri

        return np.asarray(self.median * np.exp(self.sigma * ndtri(u)), dtype=np.float64)

    @property
    def mean(self) -> float:
        """The median times exp(sigma**2 / 2)."""
        return float(self.median * np.exp(self.sigma**2 / 2))


@dataclass(frozen=True)
class Gamma(Distribution):
    """The gamma distribution; with a whole `shape`, the sum of so many exponentials of mean `scale` s.

    >>> Gamma(4, 1).mean
    4.0
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        self._check("shape", above=0)
        self._check("scale", above=0)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scale times the inverse of the regularized lower incomplete gamma function."""
        from scipy.special import gammaincinv

        return np.asarray(self.scale * gammaincinv(self.shape, u), dtype=np.float64)

    @property
    def mean(self) -> float:
        """Shape times scale."""
        return self.shape * self.scale


@dataclass(frozen=True)
class Empirical(Distribution):
    """Times that were measured, each equally likely; quantiles are those of the sample itself.

    >>> Empirical([5, 2, 3, 9]).quantile(np.array([0.1, 0.6]))
    array([2., 5.])
    """

    samples: tuple[float, ...]
    name: ClassVar[str] = "sample"

    def __post_init__(self) -> None:
        given: ArrayLike = self.samples
        try:
            samples = sorted(
                a_number("a sample", value, error=ScenarioError) for value in np.ravel(given).tolist()
            )
        except (TypeError, AttributeError):
            samples = []
        if not samples:
            raise ScenarioError(f"Empirical needs a list of times in seconds, not {self.samples!r}")
        object.__setattr__(self, "samples", tuple(samples))

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


_KINDS: dict[str, type[Distribution]] = {
    kind.__name__.lower(): kind
    for kind in (Constant, Uniform, Triangular, Exponential, LogNormal, Gamma, Empirical)
}


def as_distribution(name: str, value: object) -> Distribution:
    """Return a distribution as it is, a number as a :class:`Constant`, a text such as "uniform(2, 6)" parsed.

    Raises
    ------
    ScenarioError
        If it is none of these, quoting it and naming the kinds.

    Examples
    --------
    >>> as_distribution("startup_time", "uniform(2, 6)")
    Uniform(low=2.0, high=6.0)
    """
    if isinstance(value, Distribution):
        return value
    if not isinstance(value, str):
        return Constant(a_number(f"{name}, if not a distribution,", value, error=ScenarioError))
    written = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", value)
    kind = _KINDS.get(written[1].lower()) if written else None
    try:
        numbers = [float(number) for number in written[2].split(",")] if written else [float(value)]
        if kind is None:
            if written:
                raise ValueError
            return Constant(*numbers)
        return Empirical(tuple(numbers)) if kind is Empirical else kind(*numbers)
    except (ValueError, TypeError) as error:
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(
            f"{name} must be a number of seconds or one of constant(value), uniform(low, high), "
            f"triangular(low, mode, high), exponential(mean), lognormal(median, sigma), gamma(shape, scale), "
            f"empirical(sample, sample, ...), not {value!r}"
        ) from error


def distribution_from_dict(data: Mapping[str, Any]) -> Distribution:
    """Return the distribution that :meth:`Distribution.to_dict` described.

    Raises
    ------
    ScenarioError
        If the kind is unknown (as for a user's own class).

    Examples
    --------
    >>> distribution_from_dict(Gamma(4, 1).to_dict())
    Gamma(shape=4.0, scale=1.0)
    """
    numbers = dict(data)
    kind = _KINDS.get(str(numbers.pop("kind", None)))
    if kind is None:
        raise ScenarioError(
            f"a distribution's kind must be one of {', '.join(_KINDS)}, not {data.get('kind')!r}"
        )
    return kind(**numbers)
