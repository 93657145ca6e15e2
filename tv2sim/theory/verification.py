"""Verification: the engines simulate worlds in which formulas hold exactly, and are compared with theory.

The facts of both engines must be the same. Replications and comparisons take the kernels, which give metrics
without facts. Each kernel that knows a world simulates it, and its metrics must be those of the facts.

The level holds for all rows together (Bonferroni): each row that depends on chance is judged with an interval
of confidence 1 - (1 - confidence) / (number of such rows). The engines draw the same numbers, so that a row
counts once for all engines. Rows that must hold in each run, such as those of the kernels, do not count.

These intervals reach far out, where a little skewness matters. So they are Hall's intervals, except for counts
that take few values. Rows over the long run rest on independent replications. MSER-5 on the mean over
replications finds how much of the start is left out, and each replication gives one mean of the rest.

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
from numpy.typing import NDArray

from tv2sim.base.checks import MOST, a_whole_number, plural
from tv2sim.base.digits import decimals_for, listed, number, rate, three_digits
from tv2sim.base.errors import CatalogueError
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.notebook_html import display, paragraph, table
from tv2sim.base.progress import with_bar
from tv2sim.base.random_numbers import as_seed
from tv2sim.catalogue import Catalogue, generate_catalogue, read_catalogue
from tv2sim.engines.choice import EngineName, as_engine, engine_for, measure_by_kernels, simulate_chunk
from tv2sim.inference.intervals import Interval, as_confidence, exactly, mean_interval, mser5
from tv2sim.results.metrics import measure, on_time
from tv2sim.theory.verified_worlds import Relation, Row, Runs, World, worlds
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    from tv2sim.results.facts import Facts


BOTH = ("kernel", "simpy")
_FEWEST = 10
"""The least number of replications that shows how much a quantity varies."""
_AT_ONCE = 50
"""Replications that are in memory at a time."""
_TOLD = 3
"""The most rows named in the answer that do not agree."""


class Result(NamedTuple):
    """The result of one engine in a row."""

    case: str
    row: Row
    theory: float
    simulated: Interval
    agrees: bool | None
    engine: str
    replications: int
    differs: str = ""
    """The names of what differs between engines or kernels, as the end of a sentence."""


@dataclass(frozen=True, eq=False, repr=False)
class Verification:
    """Whether the engines simulate what theory says; made by :func:`verify`, and ``str()`` is a sentence.

    Attributes
    ----------
    rows : tuple of Result
        The rows of the table.
    confidence : float
        If the engines are right, all rows agree with at least this probability.
    missing : str
        The reason why an engine was left out; empty if none was.
    """

    rows: tuple[Result, ...]
    confidence: float
    missing: str

    @property
    def agrees(self) -> bool:
        """Whether all rows with a verdict agree."""
        return not self._wrong

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each formula, case and engine.

        The `simulated` quantity must be "equal", "at least" or "at most" that of `theory`, as `relation` says;
        an "approximation" is shown, but not judged. `simulated` is a mean over `replications`, judged by the
        interval from `ci_low` to `ci_high`. Where the interval has no width, the relation must hold in each
        replication, and for each video if theory has values by video. `agrees` is missing for approximations,
        and where replications are too few or too short to tell. The last rows compare the facts of both
        engines, and the metrics of each kernel, the `engine`, with the facts.
        """
        names = [
            "formula", "case", "quantity", "theory", "simulated", "ci_low", "ci_high", "relation", "agrees",
            "replications", "engine",
        ]  # fmt: skip
        rows = [
            (
                row.formula, case, row.quantity, theory, found.mean, found.ci_low, found.ci_high, row.relation,
                agrees, replications, engine,
            )
            for case, row, theory, found, agrees, engine, replications, _ in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=names).astype({"agrees": "boolean"})

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
        """Return :attr:`table` as texts, the head first; engines with the same result share a row."""
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
            told = [_disagreement(one) for one in wrong[:_TOLD]]
            more = [f"{len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else []
            yield f"{'; '.join(told + more)}."
        else:
            yield f"All {plural(len(judged), 'row')} agree with theory {basis}."
        if self.missing:
            yield self.missing
        if unsure := [one for one in self.rows if one.agrees is None and one.row.relation != "approximation"]:
            yield f"In {plural(len(unsure), 'row')} the replications are too few or too short to tell."


def _disagreement(one: Result) -> str:
    """Return a disagreement in words."""
    what = f"{one.row.formula} ({one.case}, {one.engine}), {one.row.quantity}"
    word, _ = _RELATIONS[one.row.relation]
    if one.row.over == "each run":
        return f"{what}: not in each run {word}what theory says{one.differs}"
    return f"{what}: {three_digits(one.simulated.mean)}, not {word}{three_digits(one.theory)}"


_RELATIONS: dict[Relation, tuple[str, str]] = {
    "equal": ("", ""), "at least": ("at least ", "≥ "), "at most": ("at most ", "≤ "),
    "approximation": ("about ", "≈ "),
}  # fmt: skip
"""The word and the sign before the value of theory."""


def _in_words(several: list[Result]) -> list[str]:
    one = several[0]
    mean, half_width, low, high = one.simulated[:4]
    decimals = decimals_for(half_width, mean)
    judged = {True: "yes", False: "no", None: "–" if one.row.relation == "approximation" else "?"}
    return [
        one.case,
        one.row.formula,
        one.row.quantity,
        f"{_RELATIONS[one.row.relation][1]}{three_digits(one.theory)}",
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
    servers are the places of a pool. The engines simulate these worlds, and must give the same facts, to the
    last bit.

    Replications, comparisons and plans take the kernels of the compiled engine, which give metrics without
    facts. Each kernel that knows a world simulates it, and its metrics must be those of the facts, to the last
    bit. Further worlds have a full queue, a blocked client, times of publishing, and events at the same
    instant.

    Parameters
    ----------
    catalogue : Catalogue, optional
        The videos for formulas about strategies, or whatever :func:`tv2sim.read_catalogue` accepts; default is
        the catalogue of :func:`tv2sim.generate_catalogue`.
    seed : int or None
        As for :func:`tv2sim.simulate`.
    replications : int
        Of each world, at least 10. 100 of all worlds take about 22 s, of which SimPy takes 16 s. All kernels
        are compiled the first time, which takes another minute.
    confidence : float
        The least probability that all rows agree if the engines are right.
    engine : {"auto", "simpy", "kernel"}
        The engines to verify; "auto" verifies all that are installed.
    progress : bool
        As for :func:`tv2sim.simulate`.

    Returns
    -------
    Verification
        It has ``.agrees`` and ``.table``, and ``str()`` is a sentence.

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
    catalogue = generate_catalogue() if catalogue is None else read_catalogue(catalogue)
    if not catalogue:
        raise CatalogueError(f"no valid video in {catalogue.name!r}")
    return verify_worlds(
        worlds(catalogue),
        seed=as_seed(seed),
        replications=a_whole_number("replications", replications, at_least=_FEWEST, at_most=MOST),
        confidence=as_confidence(confidence),
        engines=_engines(as_engine(engine)),
        progress=progress,
    )


def _engines(engine: str) -> tuple[str, ...]:
    if engine != "auto":
        return (engine,)
    return BOTH if find_spec("numba") is not None else ("simpy",)


def verify_worlds(
    several: Iterable[World],
    *,
    seed: int,
    replications: int,
    confidence: float,
    engines: tuple[str, ...],
    progress: bool = False,
    change: Callable[[Scenario], Scenario] = lambda scenario: scenario,
) -> Verification:
    """Verify these worlds; `change` makes the simulated scenario from the scenario of the formula."""
    several = [*several]
    random = sum(
        row.relation != "approximation" and row.over != "each run" for world in several for row in world.rows
    )
    level = 1 - (1 - confidence) / max(1, random)
    rows: list[Result] = []
    facts, kernels = _Same(), defaultdict[str, _Same](_Same)
    for world in with_bar(several, "world", wanted=progress):
        runs = Runs(*world[1:4], seed, range(replications))
        simulated = runs._replace(scenario=change(world.scenario))
        values = _simulate(world, simulated, engines, facts, kernels)
        for row, by_engine in zip(world.rows, values, strict=True):
            theory = np.asarray(row.theory(runs), dtype=np.float64)
            rows += [
                Result(world.case, row, *_judge(row, theory, found, level), engine, replications)
                for engine, found in zip(engines, by_engine, strict=True)
            ]
    if len(engines) > 1:
        rows.append(_row_of_engines("the engines", "runs with same facts", facts, "both", replications))
    rows += [
        _row_of_engines("the kernels", "runs with same metrics", found, kernel, replications)
        for kernel, found in kernels.items()
    ]
    left_out = "" if len(engines) > 1 or find_spec("numba") is not None else _WITHOUT
    return Verification(tuple(rows), confidence, left_out)


_WITHOUT = "numba is not installed, so that only SimPy was verified (pip install 'tv2sim[fast]')."


@dataclass
class _Same:
    """The number of runs, how many of them are the same, and the names of what differs by case."""

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
        """Return the names of what differs in the first case, as the end of a sentence."""
        if not self.differs:
            return ""
        case, what = next(iter(self.differs.items()))
        others = f" and {plural(len(self.differs) - 1, 'other case')}" if len(self.differs) > 1 else ""
        return f", as in {case} ({listed(what)}){others}"


def _row_of_engines(formula: str, quantity: str, found: _Same, engine: str, replications: int) -> Result:
    """Return a row that compares engines or kernels."""
    row = Row(formula, quantity, lambda runs: 0, lambda runs: np.zeros(0), over="each run")
    same = exactly(found.same, found.runs)
    agrees = found.same == found.runs
    return Result("all cases", row, found.runs, same, agrees, engine, replications, str(found))


# -- simulating ----------------------------------------------------------------------------------------------


def _simulate(
    world: World, runs: Runs, engines: tuple[str, ...], same: _Same, kernels: defaultdict[str, _Same]
) -> list[list[NDArray[np.float64]]]:
    """Return the values of each row by engine; count the runs that are the same, by engine and by kernel.

    The metrics of a kernel are compared with the facts of the last engine, which is the model if there are two.
    """
    engines = tuple(engine_for(engine, *runs.what, len(runs.replications)) for engine in engines)
    parts: list[list[list[NDArray[np.float64]]]] = [[[] for _ in engines] for _ in world.rows]
    for start in range(0, len(runs.replications), _AT_ONCE):
        part = runs.replications[start : start + _AT_ONCE]
        facts = [tuple(simulate_chunk(engine, *runs.what, runs.seed, part)) for engine in engines]
        several = [runs._replace(replications=part, facts=of_engine) for of_engine in facts]
        same.add(world.case, *_alike(facts[0], facts[-1]))
        if "kernel" in engines:
            for kernel, alike, differs in kernels_compared(several[-1]):
                kernels[kernel].add(world.case, alike, differs)
        for row, by_engine in zip(world.rows, parts, strict=True):
            for values, of_engine in zip(by_engine, several, strict=True):
                values.append(np.asarray(row.simulated(of_engine), dtype=np.float64))
    return [[np.concatenate(found) for found in by_engine] for by_engine in parts]


def _alike(some: tuple[Facts, ...], others: tuple[Facts, ...]) -> tuple[NDArray[np.bool_], list[str]]:
    """Return whether the facts of each run are the same, and the names of what differs."""
    differences = [one.differences(other) for one, other in zip(some, others, strict=True)]
    return np.array([not of_run for of_run in differences]), [name for of_run in differences for name in of_run]


# -- judging -------------------------------------------------------------------------------------------------


def _judge(
    row: Row, theory: NDArray[np.float64], values: NDArray[np.float64], confidence: float
) -> tuple[float, Interval, bool | None]:
    """Return the value of theory, the simulated value with its interval, and whether they agree."""
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
    """Judge each video of each run."""
    theory = np.broadcast_to(theory, values.shape)
    holds = {"equal": values == theory, "at least": values >= theory, "at most": values <= theory}
    expected, found = (float(of.sum() / len(of)) for of in (theory, values))
    return expected, exactly(found, len(values)), bool(holds[row.relation].all())


def _agrees(row: Row, theory: float, interval: Interval) -> bool | None:
    if row.relation == "approximation" or isnan(interval.half_width):
        return None
    above, below = theory <= interval.ci_high, interval.ci_low <= theory
    return {"equal": above and below, "at least": above, "at most": below}[row.relation]


# -- comparing kernels -------------------------------------------------------------------------------------


def kernels_compared(runs: Runs) -> Iterator[tuple[str, NDArray[np.bool_], tuple[str, ...]]]:
    """Yield the name of each kernel that knows the world, whether each run is the same, and what differs.

    All metrics are compared, the elapsed times, and the videos on time, which a kernel counts over all runs. If
    a kernel raises an error, no run is the same, and the error stands for what differs.
    """
    facts, encoders = runs.facts, runs.scenario.encoder_count
    expected: list[dict[str, float]] = []  # by run, the same for all kernels
    published = np.sum([on_time(of_run) for of_run in facts], axis=0)
    elapsed = np.array([of_run.elapsed for of_run in facts])
    elapsed[np.isnan(elapsed)] = np.inf
    for kernel, simulate in measure_by_kernels(*runs.what, runs.seed, runs.replications):
        try:
            (metrics, counts), times = simulate()
        except Exception as error:  # noqa: BLE001 (any error is a difference)
            yield kernel, np.zeros(len(facts), dtype=np.bool_), (f"{type(error).__name__}: {error}",)
            continue
        expected = expected or [measure(runs.catalogue, of_run, encoders, metrics) for of_run in facts]
        same = {
            name: np.isclose(values, [of_run[name] for of_run in expected], rtol=0, atol=0, equal_nan=True)
            for name, values in metrics.items()
        }
        same["videos on time"] = np.full(len(facts), np.array_equal(counts, published))
        same["elapsed times"] = np.all(times == elapsed, axis=1)
        yield kernel, np.all([*same.values()], axis=0), tuple(name for name in same if not same[name].all())
