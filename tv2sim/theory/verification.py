"""Verification: the engines simulate worlds in which formulas hold exactly, and all of them are compared.

The facts of both engines have to be the same. Replications and comparisons take the kernels, which give metrics
without facts: each kernel that knows a world simulates it, and its metrics have to be those of the facts.

The level is kept for all rows together (Bonferroni): each row that depends on chance is judged with an interval
whose confidence is 1 - (1 - confidence) / (number of such rows). The engines draw the same numbers, so that a
row of each of them counts once. Rows that have to hold in each run, such as those of the kernels, do not count.
These intervals reach far out, where a little skewness matters: so they are Hall's, except for counts of which
few differ. Rows over the long run rest on independent replications: how much of their start is left out is
found by MSER-5 in the mean over replications, and each gives one mean of what is kept.

References
----------
White, Cobb and Spratt (2000), A comparison of five steady-state truncation heuristics for simulation, Proc.
Winter Simulation Conf.; Law (2015), Simulation Modeling and Analysis, 5th ed., ch. 9.5 (replication and
deletion).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from itertools import groupby
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tv2sim.base.checks import MOST, a_whole_number, plural
from tv2sim.base.digits import decimals_for, listed, number, rate, three_digits
from tv2sim.base.errors import CatalogueError
from tv2sim.base.notebook_html import display, paragraph, table
from tv2sim.base.progress import watched
from tv2sim.base.random_numbers import as_seed
from tv2sim.catalogue import Catalogue, generate_catalogue, read_catalogue
from tv2sim.engines.choice import EngineName, as_engine, engine_for, simulate_chunk
from tv2sim.inference.intervals import Interval, as_confidence, exactly, mean_interval, mser5
from tv2sim.theory.verified_kernels import compared
from tv2sim.theory.verified_quantities import Runs
from tv2sim.theory.verified_worlds import Relation, Row, World, worlds
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.results.facts import Facts

__all__ = ["Result", "Verification", "verify"]

BOTH = ("kernel", "simpy")
_FEWEST = 10
"""Fewer replications do not show how much a quantity varies."""
_AT_ONCE = 50
"""So many replications are kept in memory."""
_TOLD = 3
"""So many rows that do not agree are told in a sentence."""


class Result(NamedTuple):
    """What one engine makes of a row."""

    case: str
    row: Row
    theory: float
    simulated: Interval
    agrees: bool | None
    engine: str
    replications: int
    differs: str = ""
    """What is not the same, where engines are compared."""


@dataclass(frozen=True, eq=False, repr=False)
class Verification:
    """Whether the engines simulate what theory says; made by :func:`verify`, and ``str()`` is a sentence.

    Attributes
    ----------
    rows : tuple of Result
        The rows of the table as values.
    confidence : float
        If the engines are right, all rows agree with at least this probability.
    missing : str
        Why an engine was left out, or an empty text.
    """

    rows: tuple[Result, ...]
    confidence: float
    missing: str

    @property
    def agrees(self) -> bool:
        """Whether all rows agree that can be judged."""
        return not self._wrong

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each formula, case and engine.

        `relation` says what the `simulated` quantity has to be of that of `theory`: "equal", "at least" or "at
        most"; an "approximation" is shown, but not judged. `simulated` is a mean over `replications`, with the
        interval by which it is judged, from `ci_low` to `ci_high`. Where that has no width, the relation has to
        hold in each replication, and there for each video if theory knows it. `agrees` is missing for
        approximations, and where replications are too few or too short to tell. The last rows compare: the
        facts of both engines, and with them the metrics of each kernel, which is named as the `engine`.
        """
        import pandas as pd

        found = pd.DataFrame([_figures(one) for one in self.rows])
        return found.astype({"agrees": "boolean"})

    @property
    def answer(self) -> str:
        """The result in a sentence or two."""
        return " ".join(self._says())

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"<Verification of {plural(len(self.rows), 'row')}: {self.answer}>"

    def _repr_html_(self) -> str:
        head, *rows = self.in_words()
        note = f"confidence {rate(self.confidence)}, for all rows together"
        return display("Verification", note, paragraph(self.answer), table(head, rows, words=3))

    def in_words(self) -> list[list[str]]:
        """Return :attr:`table` as texts to read, the head first; engines that agree in a row share it."""
        head = ["case", "formula", "quantity", "theory", "simulated", "interval", "engine", "agrees"]
        alike = groupby(self.rows, key=lambda one: (one.case, one.row, one.theory, one.simulated, one.agrees))
        return [head, *(_in_words([*several]) for _, several in alike)]

    @property
    def _wrong(self) -> list[Result]:
        return [one for one in self.rows if one.agrees is False]

    def _says(self) -> Iterator[str]:
        judged = [one for one in self.rows if one.agrees is not None]
        engines = listed(dict.fromkeys(one.engine for one in self.rows if one.engine in BOTH))
        basis = f"({engines}; confidence {rate(self.confidence)})"
        if wrong := self._wrong:
            yield f"{len(wrong)} of {plural(len(judged), 'row')} do not agree with theory {basis}:"
            told = [_told(one) for one in wrong[:_TOLD]]
            more = [f"{len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else []
            yield f"{'; '.join(told + more)}."
        else:
            yield f"All {plural(len(judged), 'row')} agree with theory {basis}."
        if self.missing:
            yield self.missing
        if unsure := [one for one in self.rows if one.agrees is None and one.row.relation != "approximation"]:
            yield f"In {plural(len(unsure), 'row')} the replications are too few or too short to tell."


def _told(one: Result) -> str:
    """Return in words how a row does not agree."""
    what = f"{one.row.formula} ({one.case}, {one.engine}), {one.row.quantity}"
    if one.row.over == "each run":
        return f"{what}: not in each run {_WORDS[one.row.relation]}what theory says{one.differs}"
    return (
        f"{what}: {three_digits(one.simulated.mean)}, not {_WORDS[one.row.relation]}{three_digits(one.theory)}"
    )


_WORDS: dict[Relation, str] = {
    "equal": "",
    "at least": "at least ",
    "at most": "at most ",
    "approximation": "about ",
}
_SIGNS: dict[Relation, str] = {"equal": "", "at least": "≥ ", "at most": "≤ ", "approximation": "≈ "}


def _figures(one: Result) -> dict[str, Any]:
    return {
        "formula": one.row.formula,
        "case": one.case,
        "quantity": one.row.quantity,
        "theory": one.theory,
        "simulated": one.simulated.mean,
        "ci_low": one.simulated.ci_low,
        "ci_high": one.simulated.ci_high,
        "relation": one.row.relation,
        "agrees": one.agrees,
        "replications": one.replications,
        "engine": one.engine,
    }


def _in_words(several: list[Result]) -> list[str]:
    one = several[0]
    mean, half_width, low, high = one.simulated[:4]
    decimals = decimals_for(half_width, mean)
    judged = {True: "yes", False: "no", None: "–" if one.row.relation == "approximation" else "?"}
    return [
        one.case,
        one.row.formula,
        one.row.quantity,
        f"{_SIGNS[one.row.relation]}{three_digits(one.theory)}",
        number(mean, decimals),
        f"{number(low, decimals)} to {number(high, decimals)}" if half_width > 0 else "",
        "both" if len(several) > 1 else one.engine,
        judged[one.agrees],
    ]


def verify(
    catalogue: Catalogue | Any = None,
    *,
    seed: int | None = 1,
    replications: int = 100,
    confidence: float = 0.99,
    engine: EngineName = "auto",
    progress: bool = True,
) -> Verification:
    """Compare the simulation with every formula of :mod:`tv2sim.queueing`, on all engines and kernels.

    Each formula has worlds in which it holds exactly: strategies that publish a catalogue, and queues whose
    servers are the places of a pool. The engines simulate them, and have to give the same facts, to the last
    bit. Replications, comparisons and plans take the kernels of the compiled engine, which give metrics without
    facts. Each kernel that knows a world simulates it, and its metrics have to be those of the facts, to the
    last bit. Further worlds have a full queue, a blocked client, times of publishing, and events at the same
    instant.

    Parameters
    ----------
    catalogue : Catalogue, optional
        The videos for formulas about strategies, or whatever :func:`tv2sim.read_catalogue` accepts; default is
        that of :func:`tv2sim.generate_catalogue`.
    seed : int or None
        As for :func:`tv2sim.simulate`.
    replications : int
        Of each world, at least 10. 100 of all worlds take about 22 s, of which SimPy takes 16 s. All kernels
        are compiled the first time, which takes another minute.
    confidence : float
        The probability that all rows agree if the engines are right, at least.
    engine : {"auto", "simpy", "kernel"}
        What is verified; "auto" is all that is installed.
    progress : bool
        As for :func:`tv2sim.simulate`.

    Returns
    -------
    Verification
        ``.agrees``, ``.table``, and ``str()`` of it is a sentence.

    Raises
    ------
    InputError
        If an argument is wrong, or the kernel is asked for and is not installed.

    Examples
    --------
    >>> import tv2sim as tv
    >>> found = tv.verify(engine="kernel")
    >>> print(found)
    All 71 rows agree with theory (kernel; confidence 99 %).
    >>> found.table.query("formula == 'gi_m_s'")[["quantity", "theory", "simulated", "agrees"]].round(3)
                      quantity  theory  simulated  agrees
    38        share that waits   0.225      0.225    True
    39            mean wait, s   0.242      0.242    True
    40  share waiting over 1 s   0.089      0.091    True
    """
    return verified(
        worlds(generate_catalogue() if catalogue is None else _with_videos(read_catalogue(catalogue))),
        seed=as_seed(seed),
        replications=a_whole_number("replications", replications, at_least=_FEWEST, at_most=MOST),
        confidence=as_confidence(confidence),
        engines=_engines(as_engine(engine)),
        progress=progress,
    )


def _with_videos(catalogue: Catalogue) -> Catalogue:
    if not catalogue:
        raise CatalogueError(f"no valid video in {catalogue.name!r}")
    return catalogue


def _engines(engine: str) -> tuple[str, ...]:
    if engine != "auto":
        return (engine,)
    return BOTH if find_spec("numba") is not None else ("simpy",)


def verified(
    several: Iterable[World],
    *,
    seed: int,
    replications: int,
    confidence: float,
    engines: tuple[str, ...],
    progress: bool = False,
    change: Callable[[Scenario], Scenario] = lambda scenario: scenario,
) -> Verification:
    """Verify these worlds, each simulated in a scenario that may be another one than that of theory."""
    several = [*several]
    random = sum(_is_random(row) for world in several for row in world.rows)
    level = 1 - (1 - confidence) / max(1, random)
    rows: list[Result] = []
    facts, kernels = _Same(), defaultdict[str, _Same](_Same)
    for world in watched(several, "world", wanted=progress):
        runs = Runs(*world[1:4], seed, range(replications))
        simulated = runs._replace(scenario=change(world.scenario))
        values = _simulated(world, simulated, engines, facts, kernels)
        for row, by_engine in zip(world.rows, values, strict=True):
            theory = np.asarray(row.theory(runs), dtype=np.float64)
            rows += [
                Result(world.case, row, *_judged(row, theory, found, level), engine, replications)
                for engine, found in zip(engines, by_engine, strict=True)
            ]
    if len(engines) > 1:
        rows.append(_compared("the engines", "runs with same facts", facts, "both", replications))
    rows += [
        _compared("the kernels", "runs with same metrics", found, kernel, replications)
        for kernel, found in kernels.items()
    ]
    left_out = "" if len(engines) > 1 or find_spec("numba") is not None else _WITHOUT
    return Verification(tuple(rows), confidence, left_out)


_WITHOUT = "numba is not installed, so that only SimPy was verified (pip install 'tv2sim[fast]')."


def _is_random(row: Row) -> bool:
    return row.relation != "approximation" and row.over != "each run"


@dataclass
class _Same:
    """How many runs there are, how many of them are the same, and what differs by case."""

    runs: int = 0
    same: int = 0
    differs: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, case: str, same: NDArray[np.bool_], differs: Iterable[str]) -> None:
        """Count the runs of a case."""
        self.runs += len(same)
        self.same += int(same.sum())
        if not same.all():
            self.differs.setdefault(case, {}).update(dict.fromkeys(differs))

    def __str__(self) -> str:
        """Return what differs in the first case, as the end of a sentence."""
        if not self.differs:
            return ""
        case, what = next(iter(self.differs.items()))
        others = f" and {plural(len(self.differs) - 1, 'other case')}" if len(self.differs) > 1 else ""
        return f", as in {case} ({listed(what)}){others}"


def _compared(formula: str, quantity: str, found: _Same, engine: str, replications: int) -> Result:
    """Return a row that compares engines or kernels."""
    row = Row(formula, quantity, lambda runs: 0, lambda runs: np.zeros(0), over="each run")
    same = exactly(found.same, found.runs)
    agrees = found.same == found.runs
    return Result("all cases", row, found.runs, same, agrees, engine, replications, str(found))


# -- simulating ----------------------------------------------------------------------------------------------


def _simulated(
    world: World, runs: Runs, engines: tuple[str, ...], same: _Same, kernels: defaultdict[str, _Same]
) -> list[list[NDArray[np.float64]]]:
    """Return the values of each row by engine; count the runs that are the same, also by kernel.

    What a kernel measures is held against the facts of the last engine, which is the model if there are two.
    """
    engines = tuple(engine_for(engine, *runs.what, len(runs.replications)) for engine in engines)
    parts: list[list[list[NDArray[np.float64]]]] = [[[] for _ in engines] for _ in world.rows]
    for start in range(0, len(runs.replications), _AT_ONCE):
        part = runs.replications[start : start + _AT_ONCE]
        facts = [tuple(simulate_chunk(engine, *runs.what, runs.seed, part)) for engine in engines]
        several = [runs._replace(replications=part, facts=of_engine) for of_engine in facts]
        same.add(world.case, *_alike(facts[0], facts[-1]))
        if "kernel" in engines:
            for kernel, alike, differs in compared(several[-1]):
                kernels[kernel].add(world.case, alike, differs)
        for row, by_engine in zip(world.rows, parts, strict=True):
            for values, of_engine in zip(by_engine, several, strict=True):
                values.append(np.asarray(row.simulated(of_engine), dtype=np.float64))
    return [[np.concatenate(found) for found in by_engine] for by_engine in parts]


def _alike(some: tuple[Facts, ...], others: tuple[Facts, ...]) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which facts are the same, and what is different in the others."""
    differences = [one.differences(other) for one, other in zip(some, others, strict=True)]
    return np.array([not of_run for of_run in differences]), [name for of_run in differences for name in of_run]


# -- judging -------------------------------------------------------------------------------------------------


def _judged(
    row: Row, theory: NDArray[np.float64], values: NDArray[np.float64], confidence: float
) -> tuple[float, Interval, bool | None]:
    """Return the figure of theory, the simulated one with its interval, and whether they agree."""
    if row.over == "each run":
        return _in_each_run(row, theory, values)
    enough, by_run = True, values.reshape(len(values), -1)
    if row.over == "the long run":
        warm_up = mser5(by_run.mean(axis=0))
        enough, means = warm_up.enough, by_run[:, warm_up.left_out :].mean(axis=1)
    else:
        means = by_run.sum(axis=1)
    interval = mean_interval(means, confidence, low=0.0, step=row.step, far_out=True)
    expected = float(theory)
    return expected, interval, _agrees(row, expected, interval) if enough else None


def _in_each_run(
    row: Row, theory: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[float, Interval, bool]:
    """Judge each run by itself, and each of its videos."""
    theory = np.broadcast_to(theory, values.shape)
    holds = {"equal": values == theory, "at least": values >= theory, "at most": values <= theory}
    expected, found = (float(of.sum() / len(of)) for of in (theory, values))
    return expected, exactly(found, len(values)), bool(holds[row.relation].all())


def _agrees(row: Row, theory: float, interval: Interval) -> bool | None:
    if row.relation == "approximation" or isnan(interval.half_width):
        return None
    above, below = theory <= interval.ci_high, interval.ci_low <= theory
    return {"equal": above and below, "at least": above, "at most": below}[row.relation]
