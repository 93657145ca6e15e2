"""What the report says of a plan: the answer, what it rests on, and how it was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tv2sim.base.checks import plural
from tv2sim.base.digits import listed
from tv2sim.base.errors import InputError
from tv2sim.experiments.conclusions import names_of
from tv2sim.experiments.planning import Plan
from tv2sim.report.charts import Chart, plan_chart

if TYPE_CHECKING:
    from tv2sim.experiments.comparison import Comparison

__all__ = ["Planned", "planned"]

_QUESTIONS = {"prewarmed": "how many publishers", "encoders": "how many encoders"}
_DECIDED_BY = {
    "theory": "the rate is known exactly, without simulation",
    "bound": "theory knows how many videos must fail, or can fail at most, on average",
    "certificate": "a run in which each start-up takes as long as it can shows whether a video can fail",
    "timeout": "too many videos take longer to encode than their timeouts allow",
    "simulation": "an interval that holds at all looks at all candidates together",
    "order": "a larger one fails, or a smaller one is enough",
}


class Planned(NamedTuple):
    """A plan as a section of the page."""

    plan: Plan
    question: str
    """What is varied, as the heading of the section."""
    world: str
    """The name of its world, if there are several."""
    decided: str
    """How many candidates were decided by what."""
    methods: dict[str, str]
    """What each method is that has decided something."""
    chart: Chart


def planned(study: Comparison, plan: Plan | None) -> Planned | None:
    """Return the section on a plan, which has to be for a world of the study; None if there is no plan.

    Raises
    ------
    InputError
        If it is no plan, or for another catalogue or scenario.
    """
    if plan is None:
        return None
    if not isinstance(plan, Plan):
        raise InputError(f"plan must be what tv2sim.plan returns, not {plan!r}")
    world = _world(study, plan)
    by = plan.evaluated["decided_by"].value_counts()
    counts = {name: int(by[name]) for name in _DECIDED_BY if name in by}
    decided = listed(f"{count} by {name}" for name, count in counts.items())
    return Planned(
        plan,
        _question(plan),
        world,
        f"{plural(len(plan.evaluated), 'candidate')} were looked at and decided: {decided}",
        {name: _DECIDED_BY[name] for name in counts},
        plan_chart(plan),
    )


def _world(study: Comparison, plan: Plan) -> str:
    """Return the name of the plan's world; empty if the study has only one."""
    worlds = [next(iter(world.cells.values())) for world in study.worlds()]
    for reps, name in zip(worlds, names_of(study), strict=True):
        if plan.is_of(reps.catalogue, reps.scenario):
            return name
    raise InputError(
        "the plan is for another catalogue or scenario than the comparison: give both the same ones"
    )


def _question(plan: Plan) -> str:
    """Return what is varied as a question.

    Examples
    --------
    >>> import tv2sim as tv
    >>> _question(tv.plan(tv.generate_catalogue(), ["2a", "2c"], target=0.9))
    'Which strategy, and how many publishers'
    """
    varied = [_QUESTIONS.get(name, f"which {name.replace('_', ' ')}") for name in plan.fields]
    asked = ["which strategy"] * (len(plan.families) > 1 or not varied) + varied
    says = f"{', '.join(asked[:-1])}, and {asked[-1]}" if asked[1:] else asked[0]
    return says[:1].upper() + says[1:]
