"""Validation: does the simulation reproduce runs of the real system.

The observed runs of a strategy are held against its replications by the distance of their means,

    z = (mean observed - mean simulated) / sqrt(s² (1/n + 1/m)),

for n observed and m simulated runs, where s² is the variance of all of them. The sum of z² over the strategies
is about chi-square, with as many degrees of freedom as there are strategies, if the means are about normal.
That is not so for a figure that takes few values, such as the videos published by a pool that is nearly
perfect. So p-values are those of a permutation test (Fisher, Pitman): if the simulation is right, any n of the
n + m runs could have been the observed ones, and the p-value is the share of such choices that are at least as
far from the others. It needs no distribution and takes account of how well the simulated mean is known. Of all
choices 9,999 are drawn, and the observed one is added, which keeps the test exact (Phipson and Smyth). Where a
figure cannot vary, any other value contradicts it, and there is nothing to test.

References
----------
Fisher (1935), The Design of Experiments, ch. III; Pitman (1937), Suppl. JRSS 4; Bentley and Floyd (1987),
Commun. ACM 30 (choices without replacement); Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb, copysign, inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.checks import a_number, a_share, one_of, plural
from tv2sim.base.digits import number, p_equals, p_value, rate
from tv2sim.base.errors import InputError
from tv2sim.base.notebook_html import display, paragraph, table
from tv2sim.base.random_numbers import as_seed
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.observed_runs import Runs, beside, strategies_of
from tv2sim.experiments.replications import Replications
from tv2sim.inference.intervals import holm

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Agreement", "Validation", "validate"]

_CHOICES = 9_999
"""How many choices of runs stand for all of them: the smallest p-value is 1 in 10,000."""
_UNUSUAL = 0.05
"""A p-value below this is worth a word, though the simulation is not rejected."""
_ROUNDING = 1e-9
"""A relative difference that is only rounding."""


def validate(
    study: Comparison | Replications,
    observed: Mapping[str, Any],
    *,
    metric: str | None = None,
    level: float = 0.01,
    step: float | None = None,
    seed: int = 1,
) -> Validation:
    """Test whether a simulation reproduces runs of the real system.

    What was observed is compared with the replications, in one of two ways: one value by run, or the elapsed
    time of each video. The test looks at the means over runs: it does not notice runs that scatter more than
    simulated ones around the same mean.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned, of one catalogue in one scenario.
    observed : mapping
        By strategy, what was observed of its runs, at least one: a list of values, ``{"2c": [154, 153]}``; or
        the elapsed times of a run, or of several in a list, each a mapping from the video's id to seconds, or a
        frame with the columns `id` and `elapsed`, such as ``run.videos``. A time that is NaN or None stands
        for a video that was not published. Videos may be left out, the same in each run of a strategy.
    metric : str, optional
        What the values by run are: one of the study's metrics; default is ``"published"``.
    level : float
        The simulation is rejected if the p-value is below this. A simulation that is right is rejected with
        this probability.
    step : float, optional
        The least amount by which observed values differ, such as 1 for times in whole seconds. Simulated
        values are rounded to multiples of it, as the observed ones are.
    seed : int
        Of the permutations.

    Returns
    -------
    Validation
        ``.rejected``, ``.answer`` in words, ``.table`` by strategy; :func:`tv2sim.plots.validation` shows it.

    Raises
    ------
    InputError
        If a strategy or a video is unknown, a list is empty, a value is impossible, the study lacks the metric
        or has several worlds.

    Notes
    -----
    The p-value of a strategy is exact for any number of runs and replications (see the source of this module
    for the statistic). The p-value of all is that of the sum of their z², and holds if the replications are
    many more than the observed runs: strategies share their random numbers, so the errors of their simulated
    means are alike.

    Elapsed times give two figures of a run. `rank` is the mean over its videos of the share of all runs,
    observed and simulated, in which the video took less time: .5 is expected, and more if videos took longer
    than simulated. `spread` is 12 times the mean square of that share less .5: it is larger than in the
    simulated runs if times are often far from the usual ones, above or below.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2c"], replications=500)
    >>> found = tv.validate(study, {"1": [58, 64], "2c": [154, 152, 153]})
    >>> found.rejected
    False
    >>> found.table[["strategy", "runs", "observed", "simulated", "p_value"]].round(3)
      strategy  runs  observed  simulated  p_value
    0        1     2      61.0     62.398    0.618
    1       2c     3     153.0    152.354    0.489
    >>> print(found)
    Nothing that was observed speaks against the simulation at a level of 1 % (p = 0.582; chi-square 1.0 on 2
    degrees of freedom).
    """
    strategies = strategies_of(study)
    names = next(iter(strategies.values())).metrics
    wanted = "published" if metric is None else one_of("metric", metric, names)
    level = a_share("level", level, above=0)
    if step is not None:
        step = a_number("step", step, above=0)
    by_strategy = beside(strategies, observed, wanted, step)
    quantities = [runs.quantity for runs in by_strategy[0]]
    if metric not in (None, *quantities):
        raise InputError(f"elapsed times by video have no metric, so leave out metric={metric!r}")
    return _tested(by_strategy, level, np.random.default_rng(as_seed(seed)))


class Agreement(NamedTuple):
    """How one figure of the observed runs agrees with that of the simulated ones."""

    runs: Runs
    z: float
    """The difference of the means in its standard errors."""
    p_value: float
    usual: float
    """What the size of z exceeds with a probability of no more than the level."""
    p_adjusted: float
    """The p-value after Holm's adjustment for all rows of the table."""


@dataclass(frozen=True, eq=False, repr=False)
class Validation:
    """Whether a simulation reproduces what was observed; made by :func:`validate`, and ``str()`` is a sentence.

    Attributes
    ----------
    rows : tuple of Agreement
        The rows of the table as values.
    p_value : float
        The share of choices of runs that are at least as far from the others as the observed ones, in the sum
        of all z².
    level : float
        The simulation is rejected if the p-value is below this.
    """

    rows: tuple[Agreement, ...]
    p_value: float
    level: float

    @property
    def rejected(self) -> bool:
        """Whether the simulation is rejected."""
        return self.p_value < self.level

    @property
    def chi_square(self) -> float:
        """The sum of all z²."""
        return sum(row.z**2 for row in self.rows)

    @property
    def degrees_of_freedom(self) -> int:
        """The number of figures that can vary."""
        return sum(not row.runs.is_fixed for row in self.rows)

    @property
    def p_chi_square(self) -> float:
        """The p-value that the sum would have if it was chi-square, for comparison with :attr:`p_value`.

        It may be far too small where a figure takes few values.
        """
        from scipy.special import chdtrc

        if not self.degrees_of_freedom:
            return float(self.chi_square == 0)
        return float(chdtrc(self.degrees_of_freedom, self.chi_square))

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per strategy and figure.

        `observed` and `simulated` are the means over so many `runs`, and over the replications; `sd` is the
        standard deviation of all of them; `z` is the difference of the means in its standard errors;
        `p_adjusted` is the p-value after Holm's adjustment for all rows.
        """
        import pandas as pd

        names = ["strategy", "quantity", "runs", "observed", "simulated", "sd", "z", "p_value", "p_adjusted"]
        return pd.DataFrame([_figures(row) for row in self.rows], columns=names)

    @property
    def answer(self) -> str:
        """The result in a sentence or two."""
        return " ".join(self._says())

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"<Validation by {plural(len(self.rows), 'figure')}: p-value {self.p_value:.4g}>"

    def _repr_html_(self) -> str:
        head = ["strategy", "figure", "runs", "observed", "simulated", "z", "p", "p after Holm"]
        rows = [
            [
                row.runs.strategy,
                row.runs.label,
                len(row.runs.observed),
                *row.runs.means,
                number(row.z, 2),
                *map(p_value, (row.p_value, row.p_adjusted)),
            ]
            for row in self.rows
        ]
        note = f"at a level of {rate(self.level)}"
        return display("Validation", note, table(head, rows, words=2), paragraph(self.answer))

    def _says(self) -> Iterator[str]:
        level = f"at a level of {rate(self.level)}"
        freedom = plural(self.degrees_of_freedom, "degree")
        basis = f"{p_equals(self.p_value)}; chi-square {number(self.chi_square, 1)} on {freedom} of freedom"
        if self.rejected:
            yield f"The simulation does not reproduce what was observed, {level} ({basis})."
        elif self.p_value < _UNUSUAL:
            yield f"The simulation is not rejected {level}, but it is suspicious ({basis})."
        else:
            yield f"Nothing that was observed speaks against the simulation {level} ({basis})."
        if self.p_value < _UNUSUAL:
            runs = min(self.rows, key=lambda row: (row.p_value, -abs(row.z))).runs
            seen, made = runs.means
            yield f"It is farthest off under strategy {runs.strategy!r}: {runs.label} {seen}, simulated {made}."
        if self._smallest >= self.level:
            yield f"So few runs could not reject it: no p-value can be below {self._smallest:.2g}."

    @property
    def _smallest(self) -> float:
        """The smallest p-value that there can be."""
        several = {row.runs.strategy: row.runs for row in self.rows}.values()
        if any(runs.is_fixed for runs in several):
            return 0.0
        counts = ((len(runs.observed), len(runs.simulated)) for runs in several)
        return 1 / min(prod(comb(seen + made, seen) for seen, made in counts), 1 + _CHOICES)


def _figures(row: Agreement) -> tuple[Any, ...]:
    runs = row.runs
    means = float(runs.observed.mean()), float(runs.simulated.mean())
    tested = row.z, row.p_value, row.p_adjusted
    return runs.strategy, runs.quantity, len(runs.observed), *means, runs.deviation, *tested


# -- the test ------------------------------------------------------------------------------------------------


def _tested(by_strategy: list[list[Runs]], level: float, random: np.random.Generator) -> Validation:
    """Hold what was observed against what was simulated; a strategy's figures are of the same runs."""
    found: list[tuple[Runs, float, float, float]] = []
    together = np.zeros(1 + _CHOICES)
    for several in by_strategy:
        if several[0].is_fixed:
            found += [(runs, *_compared(runs)) for runs in several]
            continue
        chosen = _choices(several[0], random)
        for runs in several:
            z = _distances(runs, chosen)
            usual = float(np.quantile(np.abs(z), 1 - level, method="inverted_cdf"))
            found.append((runs, float(z[0]), _share_as_far(z**2), usual))
            together += z**2
    p_values = np.array([p for _, _, p, _ in found])
    rows = tuple(Agreement(*one, p) for one, p in zip(found, holm(p_values).tolist(), strict=True))
    return Validation(rows, _share_as_far(together) if p_values.all() else 0.0, level)


def _compared(runs: Runs) -> tuple[float, float, float]:
    """Return z, p-value and what is usual for a figure that cannot vary: any other value contradicts it."""
    other = runs.observed[runs.observed != runs.simulated[0]]
    return (copysign(inf, other[0] - runs.simulated[0]), 0.0, 0.0) if len(other) else (0.0, 1.0, 0.0)


def _choices(runs: Runs, random: np.random.Generator) -> NDArray[np.int64]:
    """Return choices of as many runs as were observed, a row for each; the first row is the observed ones.

    No run is chosen twice in a row (Floyd's algorithm, for all rows at once).
    """
    count = len(runs.observed)
    total = count + len(runs.simulated)
    chosen = np.empty((_CHOICES, count), dtype=np.int64)
    for at, last in enumerate(range(total - count, total)):
        one = random.integers(0, last + 1, _CHOICES)
        again = (chosen[:, :at] == one[:, None]).any(axis=1)
        chosen[:, at] = np.where(again, last, one)
    return np.vstack([np.arange(count), chosen])


def _distances(runs: Runs, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return z of each choice of runs against all others; 0 if all runs are the same."""
    values = runs.all - np.median(runs.all)  # whole numbers stay exact, so that ties are seen
    inside = values[chosen].sum(axis=1)
    count, others = len(runs.observed), len(runs.simulated)
    difference: NDArray[np.float64] = inside / count - (values.sum() - inside) / others
    return difference / (runs.error or 1.0)


def _share_as_far(squares: NDArray[np.float64]) -> float:
    """Return the share of choices that are as far as the first one, which is the observed one and counts."""
    return float(np.count_nonzero(squares >= squares[0] * (1 - _ROUNDING)) / len(squares))
