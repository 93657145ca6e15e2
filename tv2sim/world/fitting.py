"""The distribution of measured times: families fitted by maximum likelihood, compared by AIC, and tested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import plural
from tv2sim.base.digits import number, p_equals, p_value
from tv2sim.base.errors import ScenarioError
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.notebook_html import display, paragraph, table
from tv2sim.base.random_numbers import as_seed
from tv2sim.base.ticks import PER_SECOND
from tv2sim.world.distributions import DISTRIBUTIONS, BuiltIn, Constant, Empirical
from tv2sim.world.measured_times import Measured, Times, as_measured

_LEVEL = 0.01
"""The least p-value of a candidate that fits."""
_ALIKE = 2.0
"""The largest difference of the AIC of candidates that fit about as well."""
_RESAMPLES, _ENOUGH = 199, 20
"""The most samples of the bootstrap, and the number of those as far away as the measured one that ends it."""
_LARGEST = 1000
"""The most times in a sample of the bootstrap: the distribution of the statistic stays the same beyond."""
_FEW = 20
"""The least number of times that can tell one family from another."""


def fit(samples: Any, *, censored: Any = None, seed: int = 1) -> Fit:
    """Find the distribution of measured times.

    The parameters of each family are those of maximum likelihood. Families are compared by AIC; the test of
    Anderson and Darling, with a p-value of the parametric bootstrap, says whether one fits at all.

    Parameters
    ----------
    samples : list, array, Series, DataFrame, mapping or path
        Times in seconds, in one of these forms:

        * a list, an array or a column (differences of times are converted)
        * a frame or a CSV file of one column, or with a further column `censored`, which is true where a
          start-up was not over yet at that time
        * the buckets of a Prometheus histogram: a mapping from `le` to the cumulative count, or two columns,
          one of them called `le`
    censored : sequence of bool, optional
        For each of the samples, whether it is censored.
    seed : int
        The seed of the bootstrap.

    Returns
    -------
    Fit
        Its `best` is the distribution; its `candidates` is a table of the families.

    Raises
    ------
    InputError
        If there are no samples, or a sample is no time; the message quotes it.

    Examples
    --------
    >>> import tv2sim as tv
    >>> measured = tv.LogNormal(4, 0.8).quantile((np.arange(200) + 0.5) / 200)
    >>> found = fit(measured)
    >>> print(found)
    lognormal(4, 0.797434) fits 200 samples (p = 1)
    >>> scenario = tv.Scenario(startup_time=found.best)
    """
    sample, seed = as_measured(samples, censored), as_seed(seed)
    families = [kind for kind in DISTRIBUTIONS if "most_likely" in vars(kind)]
    found = {kind.__name__.lower(): _candidate(kind, sample, seed) for kind in families}
    ordered = sorted((one for one in found.values() if isinstance(one, Candidate)), key=lambda one: one.aic)
    return Fit(sample, tuple(ordered), {name: one for name, one in found.items() if isinstance(one, str)})


def _candidate(kind: type[BuiltIn], sample: Measured, seed: int) -> Candidate | str:
    """Return the most likely distribution of a family, or why it cannot be fitted."""
    if sample.distinct <= (count := len(fields(kind))):
        return f"{plural(count, 'parameter')} need more than {plural(sample.distinct, sample.unit)}"
    parameters = _most_likely(kind, sample)
    if parameters is None:
        return "it has no times of 0"
    try:
        return Candidate(kind(*parameters), sample, seed)
    except ScenarioError as error:
        return str(error)


@dataclass(frozen=True, eq=False)
class Candidate:
    """The most likely distribution of a family."""

    distribution: BuiltIn
    sample: Measured
    seed: int

    @property
    def family(self) -> str:
        """The name of its family."""
        return type(self.distribution).__name__.lower()

    @property
    def parameters(self) -> int:
        """The number of its parameters."""
        return len(fields(self.distribution))

    @cached_property
    def log_likelihood(self) -> float:
        """The logarithm of the likelihood."""
        return self.sample.log_likelihood(self.distribution)

    @property
    def aic(self) -> float:
        """Akaike's information criterion; lower is better."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @cached_property
    def anderson_darling(self) -> float:
        """The distance of the measured shares from those of the distribution (Anderson and Darling)."""
        return self.sample.distance(self.distribution)

    @cached_property
    def p_value(self) -> float:
        """The p-value of the parametric bootstrap.

        Samples are drawn from the distribution. The p-value is the share of them that are at least as far from
        their own most likely distribution as the measured sample is from this one.

        The bootstrap ends early when the answer is clear (Besag and Clifford 1991).
        """
        random, kind = np.random.default_rng(self.seed), type(self.distribution)
        start = _values(self.distribution)
        farther = 0
        for done in range(1, _RESAMPLES + 1):
            again = self.sample.resampled(self.distribution, random, min(len(self.sample), _LARGEST))
            if again.distinct:
                nearest = _unchecked(kind, _most_likely(kind, again, start) or start)
                farther += again.distance(nearest) >= self.anderson_darling
            if farther == _ENOUGH:
                return farther / done
        return (farther + 1) / (_RESAMPLES + 1)

    @property
    def fits(self) -> bool:
        """Whether the p-value is at least 0.01."""
        return self.p_value >= _LEVEL

    def __str__(self) -> str:
        return str(type(self.distribution)(*(float(f"{value:.6g}") for value in _values(self.distribution))))


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of :func:`fit`; ``str()`` of it is a sentence or two.

    Attributes
    ----------
    sample : Measured
        The measured times.
    families : tuple of Candidate
        The candidates by their AIC, lowest first.
    left_out : dict of str to str
        The families that are no candidates, each with the reason.
    """

    sample: Measured
    families: tuple[Candidate, ...]
    left_out: dict[str, str]

    @cached_property
    def chosen(self) -> Candidate | None:
        """The best candidate; None if none fits.

        It has the fewest parameters of the candidates that fit about as well as the one with the lowest AIC.
        """
        return min(self._fitting(), key=lambda one: (one.parameters, one.aic), default=None)

    def _fitting(self) -> Iterator[Candidate]:
        """Yield the candidate with the lowest AIC that fits, then the candidates that fit about as well."""
        lowest = None
        for one in self.families:
            if lowest is not None and one.aic > lowest + _ALIKE:
                return
            if one.fits:
                lowest = one.aic if lowest is None else lowest
                yield one

    @cached_property
    def best(self) -> BuiltIn:
        """The best candidate; a constant if all times are equal; where none fits, the measured times."""
        if self.chosen is not None:
            return self.chosen.distribution
        samples = self.empirical.samples
        return Constant(samples[0]) if self._is_constant else self.empirical

    @property
    def _is_constant(self) -> bool:
        """Whether all times are known, and equal."""
        return self.sample.complete and self.sample.distinct == 1

    @cached_property
    def empirical(self) -> Empirical:
        """The measured times as a distribution; times that are censored or counted are estimated."""
        return Empirical(self.sample.equally_likely())

    @property
    def candidates(self) -> pd.DataFrame:
        """A row for each candidate, the lowest AIC first."""
        columns = ("parameters", "log_likelihood", "aic", "anderson_darling", "p_value")
        return pd.DataFrame(
            {
                "distribution": [one.distribution for one in self.families],
                **{name: [getattr(one, name) for one in self.families] for name in columns},
            },
            index=pd.Index([one.family for one in self.families], name="family"),
        )

    @property
    def text(self) -> str | None:
        """The text of the best distribution for a scenario; None for the measured times themselves."""
        return None if self.best is self.empirical else str(self.chosen or self.best)

    def __str__(self) -> str:
        return "\n".join(self._says())

    def _says(self) -> Iterator[str]:
        if self._is_constant:
            only = "there is only 1 sample" if len(self.sample) == 1 else f"all {self.sample} are equal"
            yield f"{self.best}: {only}"
        elif self.chosen is None:
            few = f"{self.sample} are too few to fit a family"
            why = f"no family fits {self.sample}" if self.families else few
            yield f"{why}: they are taken as they are, {self.best}"
        else:
            yield f"{self.chosen} fits {self.sample} ({p_equals(self.chosen.p_value)})"
            if others := [str(one) for one in self._fitting() if one is not self.chosen]:
                yield f"about as well: {', '.join(others)}"
            if len(self.sample) < _FEW:
                yield f"so few samples hardly tell one family from another: {_FEW} or more would"

    def _repr_html_(self) -> str:
        rows = [[one, *figures(one)] for one in self.families]
        tables = [table(["", *HEAD], rows)] if rows else []
        return display("Fit", str(self.sample), *tables, *map(paragraph, self._says()))


HEAD = ["AIC", "Anderson-Darling", "p"]
"""The heads of the columns that :func:`figures` returns."""


def figures(one: Candidate) -> list[str]:
    """Return the figures of a candidate as texts."""
    return [number(one.aic, 1), number(one.anderson_darling, 2), p_value(one.p_value)]


# -- maximum likelihood with times that are not known ------------------------------------------------------


def _most_likely(
    kind: type[BuiltIn], sample: Measured, near: tuple[float, ...] | None = None
) -> tuple[float, ...] | None:
    """Return the most likely parameters, searched for from `near` if it is given; None if there are none."""
    if isinstance(sample, Times) and sample.complete:
        return kind.most_likely(sample.times)
    start = near or kind.most_likely(sample.equally_likely())
    if start is None:
        return None
    from scipy.optimize import minimize

    def loss(steps: NDArray[np.float64]) -> float:
        return -sample.log_likelihood(_unchecked(kind, _from_steps(kind, steps)))

    first = _to_steps(kind, start)
    simplex = np.vstack([first, first + 0.2 * np.eye(len(first))])
    near_enough, most = (1e-3, 200) if near else (1e-7, 2000)
    how = {"initial_simplex": simplex, "xatol": near_enough, "fatol": near_enough, "maxfev": most}
    return _from_steps(kind, minimize(loss, first, method="Nelder-Mead", options=how).x)  # type: ignore[call-overload]


@cache
def _bounds(kind: type[BuiltIn]) -> list[tuple[int | None, bool]]:
    """Return the lower bound of each parameter: the index of another (None: 0), and whether it is included."""
    names = [field.name for field in fields(kind)]
    bounds = [field.metadata["bounds"] for field in fields(kind)]
    return [(names.index(b["at_least"]) if "at_least" in b else None, "above" not in b) for b in bounds]


def _to_steps(kind: type[BuiltIn], parameters: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the logarithms of the distances of the parameters from their lower bounds."""
    bases = [0.0 if at is None else parameters[at] for at, _ in _bounds(kind)]
    return np.log(np.maximum(np.subtract(parameters, bases), _TINY * max(parameters)))


_TINY = 1e-3
"""The first distance of a parameter from its lower bound, as a share of the largest parameter."""


def _from_steps(kind: type[BuiltIn], steps: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the parameters of logarithms of distances; a distance below a tick is 0 where this is allowed."""
    parameters: list[float] = []
    for (at, reached), above in zip(_bounds(kind), np.exp(np.clip(steps, -50, 50)).tolist(), strict=True):
        base = 0.0 if at is None else parameters[at]
        parameters.append(base if reached and above < 1 / PER_SECOND else base + above)
    return tuple(parameters)


def _unchecked(kind: type[BuiltIn], parameters: tuple[float, ...]) -> BuiltIn:
    """Return a distribution without its checks, which take longer than its likelihood."""
    one = object.__new__(kind)
    vars(one).update(zip((field.name for field in fields(kind)), parameters, strict=True))
    return one


def _values(one: BuiltIn) -> tuple[float, ...]:
    return tuple(getattr(one, field.name) for field in fields(one))
