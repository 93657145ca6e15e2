"""Distributions of times, each by its quantile function, so that one uniform number is one time.

Every strategy and every engine turns the same uniforms into times by the same NumPy call: that is what makes
runs comparable and engines agree to the last bit.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim import plain
from tv2sim.errors import InputError, ScenarioError
from tv2sim.fields import Fields, check_fields, checked
from tv2sim.ticks import whole_ticks
from tv2sim.validation import LONGEST_TIME, a_number, a_time, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = [
    "DISTRIBUTIONS", "NOTATIONS", "Constant", "Distribution", "Empirical", "Exponential", "Gamma", "LogNormal",
    "Triangular", "Uniform", "a_time_or_distribution", "as_distribution", "distribution_from_dict",
    "drawn_ticks", "drawn_times",
]  # fmt: skip

EXTREMES = np.array([2.0**-53, 1 - 2.0**-53])
"""The smallest and the largest number that :mod:`tv2sim.draws` can give."""


class Distribution(ABC):
    """A distribution of times in seconds.

    To define another distribution, write a subclass with :meth:`quantile` and :attr:`mean`; a scenario accepts
    it like the built-in ones. An engine calls `quantile` for many numbers at a time, and needs one finite time
    of at least 0 for each.

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

    def cdf(self, time: float) -> float:
        """Return the share of all times that are at most `time`: the inverse of :meth:`quantile`.

        >>> Uniform(2, 6).cdf(3.5)
        0.375
        """
        low, high = 0.0, 1.0
        while low < (u := (low + high) / 2) < high:
            low, high = (u, high) if float(self.quantile(np.array([u]))[0]) <= time else (low, u)
        return round(high, 15)

    @property
    def is_constant(self) -> bool:
        """Whether all times are the same."""
        return len(np.unique(drawn_ticks(self, EXTREMES))) == 1

    def __str__(self) -> str:
        try:
            numbers = ", ".join(_shortest(getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return repr(self)
        return f"{type(self).__name__.lower()}({numbers})"

    def to_dict(self) -> dict[str, Any]:
        """Return the distribution as plain data, from which :func:`distribution_from_dict` makes it again."""
        data = plain.to_dict(self)
        return data | ({"mean": self.mean} if data["kind"] == plain.CUSTOM else {})


def _shortest(number: float) -> str:
    """Return the shortest text that stands for a number; ValueError or TypeError if it is not one."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


# -- the distributions that come with tv2sim ---------------------------------------------------------------


@dataclass(frozen=True)
class BuiltIn(Fields, Distribution):
    """A dataclass whose parameters are checked when it is made."""

    _error = ScenarioError

    def __post_init__(self) -> None:
        check_fields(self, error=self._error, owner=f"{type(self).__name__}'s ")
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
        """Return the value for each `u`."""
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
    """The gamma distribution; with a whole `shape`, the sum of `shape` exponentials of mean `scale` s.

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


DISTRIBUTIONS: tuple[type[BuiltIn], ...] = tuple(BuiltIn.__subclasses__())
"""The distributions that come with tv2sim."""

# -- from what people write and from what files hold -------------------------------------------------------

_KINDS = {kind.__name__.lower(): kind for kind in DISTRIBUTIONS}
"""The distributions by the names that people write."""

NOTATIONS = tuple(
    f"{name}({'sample, sample, ...' if kind is Empirical else ', '.join(field.name for field in fields(kind))})"
    for name, kind in _KINDS.items()
)
"""What people may write for each kind, such as "uniform(low, high)"."""


if TYPE_CHECKING:

    class AsDistribution:
        """The type of a field that accepts a distribution, a number or a text, and holds a distribution."""

        def __get__(self, one: object, owner: object) -> Distribution: ...
        def __set__(self, one: object, value: Distribution | float | str) -> None: ...

    class AsTime:
        """The same for a field that holds a number, or a distribution of more than one."""

        def __get__(self, one: object, owner: object) -> Distribution | float: ...
        def __set__(self, one: object, value: Distribution | float | str) -> None: ...

    class AsTimeOrNone:
        """The same for a field that may hold None as well."""

        def __get__(self, one: object, owner: object) -> Distribution | float | None: ...
        def __set__(self, one: object, value: Distribution | float | str | None) -> None: ...


def as_distribution(name: str, value: object, *, error: type[InputError] = ScenarioError) -> Distribution:
    """Return a distribution unchanged, a number as a :class:`Constant`, or a parsed text like "uniform(2, 6)".

    Raises
    ------
    ScenarioError
        If it is something else; the message quotes it and lists the kinds.

    Examples
    --------
    >>> as_distribution("startup_time", "uniform(2, 6)")
    Uniform(low=2.0, high=6.0)
    """
    if isinstance(value, Distribution):
        if type(value) not in DISTRIBUTIONS:  # the built-in ones were checked when they were made
            _check_own(name, value, error)
        return value
    if not isinstance(value, str):
        return Constant(a_time(f"{name}, if not a distribution,", value, error=error))
    written = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", value)
    try:
        kind, listed = (_KINDS[written[1].lower()], written[2]) if written else (Constant, value)
        numbers = [float(number) for number in listed.split(",")]
        return Empirical(numbers) if kind is Empirical else kind(*numbers)
    except ScenarioError:
        raise
    except (LookupError, ValueError, TypeError) as unread:
        raise error(
            f"{name} must be a number of seconds or one of {', '.join(NOTATIONS)}, not {value!r}"
        ) from unread


def a_time_or_distribution(
    name: str, value: object, *, error: type[InputError] = ScenarioError, **bounds: float
) -> Distribution | float:
    """Return a number of seconds as it is, or what else :func:`as_distribution` accepts as a distribution.

    A constant becomes its number. `bounds` are those of :func:`tv2sim.validation.a_time` for it.

    >>> a_time_or_distribution("publishing_time", 4), a_time_or_distribution("publishing_time", "uniform(1, 2)")
    (4.0, Uniform(low=1.0, high=2.0))
    """
    if isinstance(value, Distribution | str):
        found = as_distribution(name, value, error=error)
        if type(found) is not Constant:
            return found
        value = found.value
    return a_time(name, value, error=error, **bounds)


def _check_own(name: str, distribution: Distribution, error: type[InputError]) -> None:
    """Refuse a distribution of a user's class whose times can be too long; other errors are found in use."""
    try:
        extremes = np.asarray(distribution.quantile(EXTREMES.copy()))
    except Exception:  # noqa: BLE001 (a user's code)
        return
    for time in extremes.ravel().tolist() if extremes.dtype.kind in "iuf" else ():
        if not (0 <= time <= LONGEST_TIME or math.isnan(time)):
            raise error(
                f"{name} {distribution} gives other than times from 0 to {LONGEST_TIME:.0f} s: {time:g}"
            )


def distribution_from_dict(data: Mapping[str, Any], *holders: type) -> Any:
    """Return the distribution that :meth:`Distribution.to_dict` described, or a dataclass that holds one.

    Parameters
    ----------
    data : mapping
        The plain data.
    *holders : type
        Dataclasses that `data` may describe as well.

    Raises
    ------
    ScenarioError
        If the kind is unknown, as that of a user's own class.

    Examples
    --------
    >>> distribution_from_dict(Gamma(4, 1).to_dict())
    Gamma(shape=4.0, scale=1.0)
    """
    try:
        return plain.from_dict(data, *holders, *DISTRIBUTIONS)
    except LookupError as error:
        known = ", ".join(_KINDS)
        raise ScenarioError(f"a distribution's kind must be one of {known}, not {error}") from error


def drawn_ticks(
    distribution: Distribution,
    u: NDArray[np.float64],
    out: NDArray[np.float64] | None = None,
    name: str = "startup_time",
) -> NDArray[np.float64]:
    """Return what :func:`drawn_times` gives in ticks; in `out`, if it is given."""
    return whole_ticks(drawn_times(distribution, u, name), out=out) if len(u) else np.empty(0)


def drawn_times(distribution: Distribution, u: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return the quantiles of `u`, which is one-dimensional and not empty; `name` is the field's, for messages.

    Raises
    ------
    ScenarioError
        Unless they are times.
    """
    answer = distribution.quantile(u)
    try:
        found = np.asarray(answer)
    except ValueError:  # rows of different lengths
        found = np.empty(0)
    numbers = found.shape == u.shape and found.dtype.kind in "iuf"
    times = found.astype(np.float64, copy=False) if numbers else np.empty(1)
    # the extremes of a built-in one have been checked; those of an array with NaN are NaN
    checked = isinstance(distribution, BuiltIn)
    if not checked and not (numbers and times.min() >= 0 and times.max() <= LONGEST_TIME):
        raise ScenarioError(
            f"{name} {distribution} gives other than one time from 0 to {LONGEST_TIME:.0f} s each"
        )
    return times
