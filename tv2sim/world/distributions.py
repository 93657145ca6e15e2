"""Distributions of times, given by quantile functions, which turn one uniform number into one time.

Every strategy and every engine turns the same uniforms into times by the same NumPy call. So runs are
comparable, and engines agree to the last bit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from tv2sim.base import dictionaries
from tv2sim.base.checks import LONGEST_TIME, a_number, a_time, shown
from tv2sim.base.dictionaries import NOTHING, NUMBER
from tv2sim.base.errors import InputError, ScenarioError
from tv2sim.base.fields import Accepts, Fields, check_fields, checked
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.line_syntax import as_call, parts
from tv2sim.base.ticks import in_decimals, to_ticks, whole_ticks
from tv2sim.world.measured_times import as_measured

if TYPE_CHECKING:
    from scipy.stats.distributions import rv_frozen

__all__ = [
    "DISTRIBUTIONS", "NOTATIONS", "BuiltIn", "Constant", "Distribution", "Empirical", "Exponential", "Gamma",
    "LogNormal", "Scipy", "Triangular", "Uniform", "a_time_or_distribution", "as_distribution",
    "distribution_from_dict", "distributions_of", "drawn_ticks", "drawn_times", "line_of", "mean_of",
]  # fmt: skip

EXTREMES = np.array([2.0**-53, 1 - 2.0**-53])
"""The smallest and the largest number that :mod:`tv2sim.base.random_numbers` can give."""

_DIGITS = 53
"""The binary digits of a float, which are the halvings of an interval that reach any number."""


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

    @overload
    def cdf(self, time: float) -> float: ...
    @overload
    def cdf(self, time: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def cdf(self, time: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Return the share of all times that are at most `time`, a number or an array.

        >>> Uniform(2, 6).cdf(3.5)
        0.375
        >>> Uniform(2, 6).cdf(np.array([1, 3, 6]))
        array([0.  , 0.25, 1.  ])
        """
        times = np.asarray(time, dtype=np.float64)
        shares = self._cdf(times.reshape(-1)).reshape(times.shape)
        return shares if times.ndim else float(shares)

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inverse of :meth:`quantile` by bisection; a subclass may have a formula."""
        low, high = np.zeros(len(times)), np.ones(len(times))
        for _ in range(_DIGITS):
            u = (low + high) / 2
            reached = self.quantile(u) <= times
            low, high = np.where(reached, u, low), np.where(reached, high, u)
        return high.round(15)

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

    def scaled(self, factor: float) -> Distribution:
        """Return the distribution of these times multiplied by a factor.

        >>> Uniform(2, 6).scaled(1.1), LogNormal(4, 0.5).scaled(2)
        (Uniform(low=2.2, high=6.6), LogNormal(median=8.0, sigma=0.5))
        """
        return _Scaled(self, factor)

    def to_dict(self) -> dict[str, Any]:
        """Return the distribution as plain data, from which :func:`distribution_from_dict` makes it again."""
        data = dictionaries.to_dict(self)
        return data | ({"mean": self.mean} if data["kind"] == dictionaries.CUSTOM else {})

    def to_text(self) -> str:
        """Return the text for the distribution in a scenario's file.

        Raises
        ------
        ScenarioError
            If it is of a user's own class, whose code a file cannot hold.
        """
        if type(self).__module__ != Distribution.__module__:
            raise ScenarioError(f"a distribution of your own class cannot be written to a file: {shown(self)}")
        return str(self)


def _shortest(number: float) -> str:
    """Return the shortest text of a number; raise ValueError or TypeError for anything else."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


@dataclass(frozen=True)
class _Scaled(Distribution):
    """The times of a distribution of a user's own class, multiplied by a factor."""

    of: Distribution
    factor: float

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.factor * np.asarray(self.of.quantile(u))

    @property
    def mean(self) -> float:
        return self.factor * self.of.mean

    def __str__(self) -> str:
        return f"{self.factor:g} x {self.of}"


# -- the distributions that come with tv2sim ---------------------------------------------------------------


@dataclass(frozen=True)
class BuiltIn(Fields, Distribution):
    """A dataclass whose parameters are checked when it is made."""

    _error = ScenarioError
    _is_one_value = True
    _notation: ClassVar[str] = ""
    """The text that people write for it, unless it is the name with all parameters in brackets."""
    _times: ClassVar[tuple[str, ...]] = ()
    """The parameters that are times; empty if all are."""

    @classmethod
    def most_likely(cls, times: NDArray[np.float64]) -> tuple[float, ...] | None:
        """Return the parameters of maximum likelihood for times that differ; None if there are none."""
        return None

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the density at these times, for a family that has :meth:`most_likely`."""
        raise NotImplementedError

    def scaled(self, factor: float) -> Distribution:
        """Return the distribution of the same family whose times are multiplied by a factor."""
        if type(self) not in DISTRIBUTIONS:
            return super().scaled(factor)
        names = self._times or [field.name for field in fields(self)]
        return replace(self, **{name: _scaled(getattr(self, name), factor) for name in names})

    def __post_init__(self) -> None:
        check_fields(self, error=self._error, owner=f"{type(self).__name__}'s ")
        with np.errstate(over="ignore", invalid="ignore"):
            extremes = np.array([*self.quantile(EXTREMES), self.mean])
        if not ((extremes >= 0) & (extremes <= LONGEST_TIME)).all():
            raise ScenarioError(f"{shown(self)} gives times outside 0 to {LONGEST_TIME:.0f} s")


def _scaled(time: Any, factor: Any) -> Any:
    """Return a time, or a tuple of times, multiplied by a factor, or by a factor for each."""
    several = isinstance(time, tuple)
    found = tuple(map(in_decimals, np.multiply(time, factor).reshape(-1).tolist()))
    return found if several else found[0]


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

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return (times >= self.value).astype(np.float64)

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
        """Return low + (high - low) u; see :func:`line_of`."""
        return self.low + (self.high - self.low) * u

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.low == self.high:
            return Constant(self.low)._cdf(times)
        return np.clip((times - self.low) / (self.high - self.low), 0, 1)

    @classmethod
    def most_likely(cls, times: NDArray[np.float64]) -> tuple[float, ...]:
        """Return the ends of the times."""
        return float(times.min()), float(times.max())

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -log(high - low) inside of the interval."""
        inside = (times >= self.low) & (times <= self.high)
        return np.where(inside, -math.log(self.high - self.low), -math.inf)

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

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        width, left, right = self.high - self.low, self.mode - self.low, self.high - self.mode
        inside = np.clip(times, self.low, self.high)
        rising = (inside - self.low) ** 2 / (width * left or 1)
        falling = 1 - (self.high - inside) ** 2 / (width * right or 1)
        return np.where(times < self.low, 0, np.where(times < self.mode, rising, falling))

    @classmethod
    def most_likely(cls, times: NDArray[np.float64]) -> tuple[float, ...]:
        """Return the two ends, found numerically, and the time that is the best mode between them."""
        from scipy.optimize import minimize

        ascending = np.sort(times)
        first, last = float(ascending[0]), float(ascending[-1])

        def ends(beyond: NDArray[np.float64]) -> tuple[float, float]:
            # `beyond`: logarithms of distances beyond the first and the last time, as shares of their distance
            shares = np.where(beyond > _NOTHING, np.exp(np.minimum(beyond, 5)), 0)
            below, above = (shares * (last - first)).tolist()
            return max(first - below, 0.0), last + above

        def loss(beyond: NDArray[np.float64]) -> float:
            low, high = ends(beyond)
            return len(times) * math.log(high - low) - float(_heights(ascending, low, high).max())

        # there are several peaks, also where the mode is the first or the last time
        starts = (np.array(pair) for pair in product((_NOTHING, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0), repeat=2))
        how = {"xatol": 1e-3, "fatol": 1e-4}
        found = minimize(loss, min(starts, key=loss), method="Nelder-Mead", options=how)  # type: ignore[call-overload]
        low, high = ends(found.x)
        return low, float(ascending[_heights(ascending, low, high).argmax()]), high

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the triangle's height."""
        left, right = self.mode - self.low, self.high - self.mode
        rising, falling = (times - self.low) / (left or 1), (self.high - times) / (right or 1)
        height = np.where(times < self.mode, rising, np.where(times > self.mode, falling, 1))
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(height, 0) * 2 / (self.high - self.low))

    @property
    def mean(self) -> float:
        """The mean of the three corners."""
        return (self.low + self.mode + self.high) / 3


_NOTHING = -14.0
"""The logarithm of a share that counts as 0."""


def _heights(ascending: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return for each time as the mode the sum of the logarithms of the triangle's heights, its top being 1."""
    rising, falling = (np.log(np.maximum(side, 1e-300)) for side in (ascending - low, high - ascending))
    rank = np.arange(1, len(ascending) + 1)
    up, down = np.cumsum(rising) - rank * rising, np.cumsum(falling[::-1]) - rank * falling[::-1]
    return np.asarray(up + down[::-1])


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

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return -np.expm1(-np.maximum(times, 0) / self.mean)

    @classmethod
    def most_likely(cls, times: NDArray[np.float64]) -> tuple[float, ...]:
        """Return the mean of the times."""
        return (float(times.mean()),)

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -time / mean - log(mean)."""
        return -times / self.mean - math.log(self.mean)


@dataclass(frozen=True)
class LogNormal(BuiltIn):
    """The logarithm is normal: half of the times are below `median` seconds; `sigma` is its deviation.

    A 99 % quantile q99 that was measured gives sigma = log(q99 / median) / 2.326.

    >>> LogNormal(4, 0.5).quantile(np.array([0.5]))
    array([4.])
    """

    _times = ("median",)
    median: float = field(metadata=checked(a_number, above=0))
    sigma: float = field(metadata=checked(a_number, above=0))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return median exp(sigma z), z the standard normal quantile of `u`."""
        from scipy.special import ndtri

        return np.asarray(self.median * np.exp(self.sigma * ndtri(u)), dtype=np.float64)

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import ndtr

        return np.asarray(ndtr(self._z(times)), dtype=np.float64)

    def _z(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.maximum(times, 0) / self.median) / self.sigma)

    @classmethod
    def most_likely(cls, times: NDArray[np.float64]) -> tuple[float, ...] | None:
        """Return exp of the mean of the logarithms, and their deviation."""
        if times.min() <= 0:
            return None
        logs = np.log(times)
        return float(np.exp(logs.mean())), float(logs.std())

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log density of the normal distribution at log(time), less log(time)."""
        return -(self._z(times) ** 2) / 2 - np.log(times) - math.log(self.sigma * math.sqrt(math.tau))

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

    _times = ("scale",)
    shape: float = field(metadata=checked(a_number, above=0))
    scale: float = field(metadata=checked(a_number, above=0))

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scale times the inverse of the regularized lower incomplete gamma function."""
        from scipy.special import gammaincinv

        return np.asarray(self.scale * gammaincinv(self.shape, u), dtype=np.float64)

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import gammainc

        return np.asarray(gammainc(self.shape, np.maximum(times, 0) / self.scale), dtype=np.float64)

    @classmethod
    def most_likely(cls, times: NDArray[np.float64]) -> tuple[float, ...] | None:
        """Return the shape, by Newton's method from Minka's approximation, and the mean divided by it."""
        from scipy.special import digamma, polygamma

        if times.min() <= 0:
            return None
        mean = float(times.mean())
        gap = math.log(mean) - float(np.log(times).mean())
        shape = (3 - gap + math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
        for _ in range(5):
            slope = 1 / shape - float(polygamma(1, shape))
            shape -= (math.log(shape) - float(digamma(shape)) - gap) / slope
        return shape, mean / shape

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (shape - 1) log(time) - time / scale - log(Gamma(shape)) - shape log(scale)."""
        whole = math.lgamma(self.shape) + self.shape * math.log(self.scale)
        return np.asarray((self.shape - 1) * np.log(times) - times / self.scale - whole)

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
    _notation = "empirical(sample, sample, ...)"

    if TYPE_CHECKING:
        # the generated one accepts any iterable, since __post_init__ makes a sorted tuple of it

        def __init__(self, samples: Iterable[float]) -> None: ...

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest sample that at least a share `u` of the samples does not exceed."""
        rank = np.ceil(u * len(self.samples)).astype(np.int64) - 1
        return np.array(self.samples)[np.clip(rank, 0, len(self.samples) - 1)]

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.searchsorted(np.array(self.samples), times, side="right") / len(self.samples)

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return float(np.mean(self.samples))

    def to_text(self) -> str:
        """Return the text with all samples, of which ``str()`` only says how many there are."""
        return f"empirical({', '.join(map(repr, self.samples))})"

    def __str__(self) -> str:
        return f"empirical({len(self.samples)} samples from {self.samples[0]:g} to {self.samples[-1]:g})"


def _of_scipy(name: str, value: object, *, error: type[InputError]) -> str:
    """Return the name of a distribution in `scipy.stats`."""
    found = _in_scipy(value) if isinstance(value, str) else None
    if isinstance(found, type) or not hasattr(found, "ppf"):
        raise error(
            f"{name} must be that of a distribution in scipy.stats, such as 'gamma', not {shown(value)}"
        )
    return str(value)


def _parameters(name: str, value: Any, *, error: type[InputError]) -> tuple[float, ...]:
    return tuple(a_number(f"each of {name}", one, at_least=-math.inf, error=error) for one in value)


@dataclass(frozen=True)
class Scipy(BuiltIn):
    """A distribution of SciPy, by its name in `scipy.stats` and its parameters: its shapes, `loc`, `scale`.

    >>> import scipy.stats
    >>> as_distribution("startup_time", scipy.stats.weibull_min(1.5, scale=4))
    Scipy(name='weibull_min', parameters=(1.5, 0.0, 4.0))
    """

    name: str = field(metadata=checked(_of_scipy))
    parameters: tuple[float, ...] = field(metadata=checked(_parameters))
    _notation = "scipy.stats.NAME(parameter, ...)"

    @classmethod
    def of(cls, frozen: Any) -> Scipy:
        """Return a frozen distribution by its name and its parameters.

        Raises
        ------
        ScenarioError
            If it is not frozen, not in `scipy.stats`, or its parameters are not single numbers.
        """
        if not hasattr(frozen, "dist"):
            raise ScenarioError(
                "a distribution of SciPy needs parameters, as scipy.stats.gamma(4, scale=1) has"
            )
        name = frozen.dist.name
        if type(_in_scipy(name)) is not type(frozen.dist):
            raise ScenarioError(
                f"{name!r} is no distribution of scipy.stats: derive a class from tv2sim.Distribution"
            )
        names = _parameter_names(frozen.dist)
        given = {"loc": 0.0, "scale": 1.0} | dict(zip(names, frozen.args, strict=False)) | frozen.kwds
        return cls(name, tuple(given[one] for one in names))

    def scaled(self, factor: float) -> Distribution:
        """Return it with `loc` and `scale` multiplied by a factor, if it has both."""
        names = _parameter_names(self._its)
        if "scale" not in names:
            return _Scaled(self, factor)
        factors = [factor if name in ("loc", "scale") else 1.0 for name in names]
        return replace(self, parameters=_scaled(self.parameters, factors))

    @property
    def _its(self) -> Any:
        return _in_scipy(self.name)

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return SciPy's ppf."""
        return np.asarray(self._its.ppf(u, *self.parameters), dtype=np.float64)

    def _cdf(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._its.cdf(times, *self.parameters), dtype=np.float64)

    @property
    def mean(self) -> float:
        """SciPy's mean."""
        return float(self._its.mean(*self.parameters))

    def __str__(self) -> str:
        given = zip(_parameter_names(self._its), map(_shortest, self.parameters), strict=True)
        return f"scipy.stats.{self.name}({', '.join(map('='.join, given))})"


def _in_scipy(name: str) -> Any:
    """Return the attribute of `scipy.stats` with a name, or None."""
    import scipy.stats

    return getattr(scipy.stats, name, None)


def _parameter_names(of: Any) -> list[str]:
    """Return the names of the parameters of a distribution of SciPy, in their order."""
    shapes = of.shapes.split(", ") if of.shapes else []
    return [*shapes, "loc", *(["scale"] if hasattr(of, "pdf") else [])]


DISTRIBUTIONS: tuple[type[BuiltIn], ...] = tuple(BuiltIn.__subclasses__())
"""The distributions that come with tv2sim."""

# -- from texts and files ----------------------------------------------------------------------------------

_KINDS = {kind.__name__.lower(): kind for kind in DISTRIBUTIONS}
"""The distributions by the names that people write."""

NOTATIONS = tuple(
    kind._notation or f"{name}({', '.join(field.name for field in fields(kind))})"
    for name, kind in _KINDS.items()
)
"""The texts that people write for each kind, such as "uniform(low, high)"."""


if TYPE_CHECKING:
    _Given: TypeAlias = NDArray[Any] | pd.Series[Any] | pd.DataFrame | rv_frozen[Any]

DEFINITIONS = {
    "distribution": {
        "type": "string",
        "description": f"seconds, or one of {', '.join(NOTATIONS[1:])}, or a .csv file of measured times",
    }
}
"""The JSON schema of a distribution's text, to which the forms of the types below refer."""


class AsDistribution(Accepts["Distribution | float | str | _Given", "Distribution"]):
    """The type of a field that accepts what :func:`as_distribution` does, and holds a distribution."""

    forms: ClassVar = [NUMBER, {"$ref": "#/$defs/distribution"}]


class AsTime(Accepts[Distribution | float | str, Distribution | float]):
    """The type of a field that holds a number, or a distribution of more than one number."""

    forms: ClassVar = AsDistribution.forms


class AsTimeOrNone(Accepts[Distribution | float | str | None, Distribution | float | None]):
    """The type of a field that holds a number, a distribution, or None."""

    forms: ClassVar = [*AsTime.forms, NOTHING]


def as_distribution(name: str, value: object, *, error: type[InputError] = ScenarioError) -> Distribution:
    """Return a distribution unchanged, or the distribution that a value stands for.

    A number is a :class:`Constant`, and a text like "uniform(2, 6)" is parsed. A frozen distribution of SciPy
    becomes a :class:`Scipy`. Measured times, in an array, a column or a CSV file, become an :class:`Empirical`.

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
    if getattr(value, "ndim", 0) or (isinstance(value, str) and value.lower().endswith(".csv")):
        return Empirical(as_measured(value, error=error).equally_likely())
    if hasattr(value, "ppf"):
        return Scipy.of(value)
    if not isinstance(value, str):
        return Constant(_a_time(f"{name}, if not a distribution,", value, error=error))
    try:
        return _parse(value)
    except ScenarioError:
        raise
    except (LookupError, ValueError, TypeError) as unread:
        raise error(
            f"{name} must be a number of seconds or one of {', '.join(NOTATIONS)}, not {shown(value)}"
            f"{_did_you_mean(value)}"
        ) from unread


def _parse(text: str) -> Distribution:
    """Return the distribution of a text; raise LookupError, ValueError or TypeError for another text."""
    written = as_call(text)
    if written is None or not (written.values or written.named):
        return Constant(float(text))
    numbers = [float(number) for number in written.values]
    room, _, name = written.name.rpartition(".")
    if room == "scipy.stats":
        named = {given: float(number) for given, number in written.named.items()}
        return Scipy.of(_in_scipy(_of_scipy("the name", name, error=ScenarioError))(*numbers, **named))
    kind = _KINDS[written.name.lower()]
    if written.named:
        raise TypeError("the parameters have no names")
    return Empirical(numbers) if kind is Empirical else kind(*numbers)


def a_time_or_distribution(
    name: str, value: object, *, error: type[InputError] = ScenarioError, **bounds: float
) -> Distribution | float:
    """Return a number of seconds as a float, or the distribution that another value stands for.

    A constant becomes its number. `bounds` are those of :func:`tv2sim.base.checks.a_time` for it.

    >>> a_time_or_distribution("publishing_time", 4), a_time_or_distribution("publishing_time", "uniform(1, 2)")
    (4.0, Uniform(low=1.0, high=2.0))
    """
    if isinstance(value, Distribution | str):
        found = as_distribution(name, value, error=error)
        if type(found) is not Constant:
            return found
        value = found.value
    return _a_time(name, value, error=error, **bounds)


def _a_time(name: str, value: object, *, error: type[InputError], **bounds: float) -> float:
    """Return a checked number of seconds; the message suggests the distribution that may be meant."""
    try:
        return a_time(name, value, error=error, **bounds)
    except error as wrong:
        raise error(f"{wrong}{_did_you_mean(value)}") from None


def _did_you_mean(value: object) -> str:
    """Return the end of a message: the distribution that a pair of numbers stands for."""
    pair: Any = parts(value.strip("[()] ")) if isinstance(value, str) else value
    try:
        low, high = sorted(map(float, pair))
    except (TypeError, ValueError, OverflowError):
        return ""
    return f": did you mean uniform({low:.12g}, {high:.12g})?"


def mean_of(time: Distribution | float | None, none: float = 0.0) -> float:
    """Return the mean of a number or a distribution; `none` for None."""
    return time.mean if isinstance(time, Distribution) else none if time is None else time


def distributions_of(one: Any) -> list[Distribution]:
    """Return the distributions among the values of a dataclass."""
    values = (getattr(one, field.name) for field in fields(one))
    return [value for value in values if isinstance(value, Distribution)]


def longest_ticks(time: float | Distribution | None, share: float = 0.999) -> float:
    """Return the longest of such times in ticks, or the quantile of a share if they have no end near it.

    None is 0.

    >>> longest_ticks(Uniform(2, 6)) / 1e6, longest_ticks(Exponential(1)) / 1e6
    (6.0, 6.907755)
    """
    if not isinstance(time, Distribution):
        return to_ticks(time or 0.0)
    likely, end = drawn_ticks(time, np.array([share, EXTREMES[1]])).tolist()
    # the end of an unbounded time, that of the last number that can be drawn, is far beyond the quantile
    return float(end if end <= 1.1 * likely else likely)


def shortest_ticks(time: float | Distribution) -> float:
    """Return the shortest of such times in ticks."""
    return float(drawn_ticks(time, EXTREMES[:1])[0]) if isinstance(time, Distribution) else to_ticks(time)


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
    if not isinstance(data, Mapping):
        raise ScenarioError(f"plain data must be a dictionary, not {shown(data)}")
    try:
        return dictionaries.from_dict(data, *holders, *DISTRIBUTIONS)
    except LookupError as error:
        known = ", ".join(_KINDS)
        raise ScenarioError(f"a distribution's kind must be one of {known}, not {error}") from error


def line_of(distribution: Distribution) -> tuple[float, float] | None:
    """Return a and b if an engine may compute the quantile function as a + b u; otherwise None.

    Sums and products are the same numbers everywhere, unlike logarithms. A subclass may have another function.
    """
    match distribution:
        case Uniform(low, high) if type(distribution) is Uniform:
            return low, high - low
        case Constant(value) if type(distribution) is Constant:
            return value, 0.0
    return None


def drawn_ticks(
    distribution: Distribution,
    u: NDArray[np.float64],
    out: NDArray[np.float64] | None = None,
    name: str = "startup_time",
) -> NDArray[np.float64]:
    """Return the result of :func:`drawn_times` in ticks; in `out`, if it is given."""
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


# -- means over a distribution, from its quantile function -------------------------------------------------


_NODES = 16
_HALVINGS = 50
"""How often pieces are halved towards 0 and 1, where quantile functions may rise without limit."""
_BETWEEN = 64
"""Pieces of the same length from 1/4 to 3/4."""


def mean_over(
    distribution: Distribution,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    share: float = 1.0,
) -> float:
    """Return the integral of function(quantile(u)) for u from 0 to `share`.

    For a share of 1 it is the mean of the function. Gauss and Legendre's rule is applied to pieces. It holds to
    about 12 digits where the quantile function is smooth, and to about 6 where it has corners. Measured times
    are summed up.
    """
    if isinstance(distribution, Empirical):
        samples = np.array(distribution.samples)
        weights = np.diff(np.minimum(np.arange(len(samples) + 1) / len(samples), share))
        return float(weights @ function(samples))
    u, weights = _rule()
    return share * float(weights @ function(distribution.quantile(share * u)))


def mean_of_least(distribution: Distribution, time: float) -> float:
    """Return the mean of the lesser of a drawn time and this time: the integral of 1 - F up to this time."""
    reached = distribution.cdf(time)
    return mean_over(distribution, lambda times: times, reached) + max(0.0, time) * (1 - reached)


def squared_variation(distribution: Distribution) -> float:
    """Return the squared coefficient of variation: the variance divided by the squared mean."""
    mean = distribution.mean
    return mean_over(distribution, lambda times: (times / mean - 1) ** 2) if mean else 0.0


@cache
def _rule() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points between 0 and 1 at which a function is evaluated, and their weights."""
    towards_0 = 2.0 ** -np.arange(_HALVINGS, 1, -1)
    ends = np.concatenate(
        [[0], towards_0, np.linspace(0.25, 0.75, _BETWEEN + 1)[1:-1], 1 - towards_0[::-1], [1]]
    )
    u, weights = gauss_legendre(ends, _NODES)
    return np.minimum(u, EXTREMES[1]), weights


def gauss_legendre(ends: NDArray[np.float64], nodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points of Gauss and Legendre's rule in each piece between two ends, and their weights."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    lengths = np.diff(ends)[:, np.newaxis]
    return (ends[:-1, np.newaxis] + lengths * (places + 1) / 2).ravel(), (lengths * weights / 2).ravel()
