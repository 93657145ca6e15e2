"""The smallest pool, or the first of other choices, that publishes enough videos in time: with a guarantee."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Literal

from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.draws import as_seed
from tv2sim.engines import EngineName, as_engine
from tv2sim.errors import InputError
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.notebook import display, paragraph, table
from tv2sim.numbers import estimate, heading, rate
from tv2sim.planning.candidates import groups_of, in_short
from tv2sim.planning.race import Race, Racer
from tv2sim.planning.search import Search
from tv2sim.planning.words import infeasible, met, percent, undecided
from tv2sim.scenario import Scenario, as_scenario, check_encoding_times
from tv2sim.statistics import as_confidence
from tv2sim.validation import MOST, a_number, a_whole_number

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from tv2sim.strategies import Strategy

__all__ = ["Plan", "plan"]

Status = Literal["met", "infeasible", "undecided"]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """The answer of :func:`plan`, and what it rests on.

    Attributes
    ----------
    answer : str
        A sentence that names the field and its value.
    status : {"met", "infeasible", "undecided"}
        Whether there is a best one, none meets the target, or some are too close to call.
    best : Strategy or None
        The first strategy that is shown to meet the target; None if there is none. If the plan is undecided,
        one before it may meet the target, too.
    scenario : Scenario or None
        The scenario in which it does, of interest if fields of the scenario are varied.
    target, confidence : float
        What was asked for.
    """

    answer: str
    status: Status
    best: Strategy | None
    scenario: Scenario | None
    target: float
    confidence: float
    _search: Search

    def __repr__(self) -> str:
        return f"<plan, {self.status}: {self.answer}>"

    @property
    def replications(self) -> int:
        """How many replications were simulated, of all candidates together."""
        return sum(racer.replications for racer in self._search.looked_at)

    @cached_property
    def evaluated(self) -> pd.DataFrame:
        """A row per candidate that was looked at.

        `strategy` and the fields that are varied; `decided_by` is "theory", "bound", "certificate" or
        "simulation"; `replications`; `on_time_rate` with `ci_low` and `ci_high`, which hold for all rows
        together with the plan's confidence; `idle`, the mean idle seconds of a run; and `decision`.
        """
        import pandas as pd

        return pd.DataFrame([_row(racer) for racer in self._search.looked_at])

    def table(self) -> list[list[str]]:
        """Return :attr:`evaluated` as texts to read, the head first."""
        values = list(self._search.candidates[0].values)
        head = ["strategy", *values, heading(ON_TIME_RATE), heading("idle"), "replications", "decided by", ""]
        return [head, *([*row] for row in map(_in_words, self._search.looked_at))]

    def _repr_html_(self) -> str:
        head, *rows = self.table()
        note = f"{rate(self.target)} of the videos in time, confidence {rate(self.confidence)}"
        return display("Plan", note, paragraph(self.answer), table(head, rows))


def _in_words(racer: Racer) -> Iterator[str]:
    yield racer.candidate.family
    yield from (in_short(value) for value in racer.candidate.values.values())
    if isnan(racer.rate.mean):
        low, high = racer.rate.ci_low, racer.rate.ci_high
        yield f"at most {percent(high, up=True)[:-2]}" if not low else f"at least {percent(low, up=False)[:-2]}"
    else:
        yield estimate(ON_TIME_RATE, racer.rate._replace(n=None), units=False)
    yield "–" if racer.reps is None else estimate("idle", racer.reps.interval("idle"), units=False)
    yield f"{racer.replications:,}"
    yield racer.by or "simulation"
    yield str(racer.decision)


def _row(racer: Racer) -> dict[str, Any]:
    rate, candidate = racer.rate, racer.candidate
    idle = nan if racer.reps is None else racer.reps.interval("idle").mean
    return {
        "strategy": candidate.family,
        **candidate.values,
        "decided_by": racer.by or "simulation",
        "replications": racer.replications,
        "on_time_rate": rate.mean,
        "ci_low": rate.ci_low,
        "ci_high": rate.ci_high,
        "idle": idle,
        "decision": str(racer.decision),
    }


def plan(
    catalogue: Catalogue | Any,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    vary: Mapping[str, Any] | None = None,
    target: float = 0.999,
    seed: int | None = 1,
    confidence: float = 0.95,
    replications: int = 20_000,
    control: bool = True,
    engine: EngineName = "auto",
    workers: int | None = None,
    executor: Executor | str | None = None,
    results: Any = None,
    progress: bool = True,
) -> Plan:
    """Return the smallest pool, or the first of other choices, that publishes enough videos in time.

    Parameters
    ----------
    catalogue, strategy, scenario
        As for :func:`tv2sim.simulate`.
    vary : mapping
        The field of the strategy or of the scenario that is to be chosen, with its values in the order of
        preference, such as ``{"prewarmed": range(6, 21)}``.
    target : float
        The on-time rate to reach: the expected share of the videos that are published in time.
    seed : int or None
        As for :func:`tv2sim.simulate`.
    confidence : float
        The probability that the answer is right, at least, however often the candidates are looked at.
    replications : int
        The largest number of replications of each candidate.
    control : bool
        Whether theory is used: exact rates, bounds, and the bound as a control variate. If not, simulation
        alone decides.
    engine, workers, executor, results, progress
        As for :func:`tv2sim.replicate`.

    Returns
    -------
    Plan
        ``.answer``, ``.best``, ``.status`` and ``.evaluated``.

    Raises
    ------
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> import tv2sim as tv
    >>> plan = tv.plan(tv.generate_catalogue(), "2c", vary={"prewarmed": range(6, 21)}, target=0.999)
    >>> plan.best.prewarmed, plan.status
    (12, 'met')
    """
    catalogue, scenario = read_catalogue(catalogue), as_scenario(scenario)
    (group,) = groups_of(catalogue, strategy, scenario, vary)
    target = a_number("target", target, above=0, at_most=1)
    if not isinstance(control, bool):
        raise InputError(f"control must be True or False, not {control!r}")
    for candidate in group.candidates:
        check_encoding_times(catalogue, candidate.scenario)
    search = Search([Racer(candidate) for candidate in group.candidates], group.rises)
    race = Race(
        target=target,
        alpha=1 - as_confidence(confidence),
        budget=a_whole_number("replications", replications, at_least=1, at_most=MOST),
        control=control,
        metrics=("published", "idle"),
        seed=as_seed(seed),
        engine=as_engine(engine),
        how={"workers": workers, "executor": executor, "results": results, "progress": progress},
    )
    race.compared = max(1, search.begin(race))
    while racers := search.next(race):
        race.look(racers)
    return _found(search, race, confidence)


def _found(search: Search, race: Race, confidence: float) -> Plan:
    winner = search.winner
    status: Status = "undecided" if search.open else "met" if winner else "infeasible"
    answer = {"met": met, "infeasible": infeasible, "undecided": undecided}[status](search, race)
    best, world = (None, None) if winner is None else (winner.candidate.strategy, winner.candidate.scenario)
    return Plan(answer, status, best, world, race.target, confidence, search)
