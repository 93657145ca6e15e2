"""The report as a page and as a file: which values go to the templates, which put them into words."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import os
import platform
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from tv2sim import __version__
from tv2sim.base import digits
from tv2sim.base.checks import plural
from tv2sim.base.digits import listed, number
from tv2sim.base.errors import InputError, escape
from tv2sim.base.storage import whole_file
from tv2sim.catalogue import Catalogue
from tv2sim.engines.choice import package_of, runs_in_threads
from tv2sim.experiments import conclusions
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.conclusions import controlled
from tv2sim.experiments.planning import Plan
from tv2sim.experiments.replications import Replications, main_of
from tv2sim.experiments.verdicts import Judgement
from tv2sim.experiments.video_figures import QUANTITIES, SHARES
from tv2sim.inference.intervals import Interval, exactly
from tv2sim.report.caveats import caveats, expected_load
from tv2sim.report.charts import Chart, charts, plan_chart
from tv2sim.results import figures
from tv2sim.results.figures import decimals_of, heading
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE
from tv2sim.world.prices import Prices
from tv2sim.world.profiles import Profile
from tv2sim.world.scenario import Scenario

# -- the report --------------------------------------------------------------------------------------------


def write_report(study: Comparison, path: str | os.PathLike[str], *, force: bool = True, **how: Any) -> Path:
    """Write the report of a comparison to a file; see :meth:`tv2sim.Comparison.report`."""
    path = Path(path)
    with whole_file(path, force=force) as draft:
        page = build_report(study, **how)
        # the name of a catalogue's file may contain bytes that are not valid text
        draft.write_text(page, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    return path


def build_report(study: Comparison, *, plan: Plan | None = None, **how: Any) -> str:
    """Return the report as one HTML page that refers to no other file.

    `study` has at least one replication; `plan` and `how` are as for :meth:`tv2sim.Comparison.report`.
    """
    about = _About(**how)
    section = plan_section(study, plan)
    study = conclusions.with_on_time_rate(study)
    parts = study.worlds()
    of_plan = None if len(parts) > 1 else conclusions.name_of_answer(parts[0], plan)
    judgements = [Judgement(part, of_plan) for part in parts]
    page = render(
        "template.html.j2",
        about=about,
        study=study,
        worlds=[_world(part, name) for part, name in zip(parts, conclusions.names_of(study), strict=True)],
        planned=section,
        charts=[*([section.chart] if section else []), *charts(study, of_plan)],
        differences=conclusions.differences,
        quantiles=_quantiles(study),
        groups=None if about.by is None else [_groups(part, about.by) for part in parts],
        versions=_versions(study.engines),
        style_hash=base64.b64encode(hashlib.sha256(render("style.css").encode()).digest()).decode(),
        **_answers(judgements, plan),
        **_inputs(study),
        **_metrics(study),
    )
    return _CONTROLS.sub(lambda found: escape(found[0]), page)


def _answers(judgements: list[Judgement], plan: Plan | None) -> dict[str, Any]:
    """Return what the page concludes: of one world in sentences, of several in a table."""
    first, *others = judgements
    several = bool(others)
    return {
        "several": several,
        "conclusion": conclusions.conclusion_of(first, plan) if plan or not several else None,
        "cost": None if several or plan else conclusions.cost(first.world),
        "overall": conclusions.overall(judgements) if several else None,
        "choices": list(map(conclusions.choice, judgements)) if several else [],
        "by": first.by,
        "spent": first.spent,
    }


def _inputs(study: Comparison) -> dict[str, Any]:
    """Return what was simulated: catalogues, strategies, scenarios and prices."""
    cells = study.cells.items()
    scenarios = {cell.scenario: reps.scenario for cell, reps in cells}
    catalogues = {cell.catalogue: reps.catalogue for cell, reps in cells}
    strategies = list({cell.strategy: reps.strategy for cell, reps in cells}.values())
    labels = {field.name: field.metadata["label"] for field in dataclasses.fields(Scenario)}

    def varies(field: str) -> bool:
        return len({repr(getattr(one, field)) for one in scenarios.values()}) > 1

    return {
        "catalogues": catalogues,
        "strategies": strategies,
        "rules": conclusions.in_words(strategies),
        "scenarios": scenarios,
        "scenario_fields": labels,
        "varied": {field: label for field, label in labels.items() if varies(field)},
        "added": additions(scenarios, catalogues),
        "startup_times": list(dict.fromkeys(str(reps.scenario.startup_time) for _, reps in cells)),
        "usual": str(Scenario().startup_time),
        "prices": _prices(study.prices),
        "seed": next(iter(study.cells.values())).seed,
    }


def _metrics(study: Comparison) -> dict[str, Any]:
    """Return the metrics of the page, and remarks on their figures."""
    main = main_of(study.metrics)
    return {
        "main": main,
        "others": _blocks([metric for metric in study.metrics if metric not in main]),
        "caveats": caveats(study),
        "controlled": controlled(study.cells),
    }


_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")
"""Control characters and direction marks. Only names can bring them to the page; they are shown escaped."""


@dataclasses.dataclass(frozen=True)
class _About:
    """The words of a report's author: title, name, date and notes."""

    command: str | None = None
    title: str | None = None
    author: str | None = None
    date: str | datetime.date | None = None
    notes: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not isinstance(value, str | datetime.date | None) or (
                isinstance(value, datetime.date) and name != "date"
            ):
                raise InputError(f"{name} must be a text, not {value!r}")

    @property
    def byline(self) -> str:
        """Return the author and the date, if they are given."""
        return ", ".join(str(given) for given in (self.author, self.date) if given)

    @property
    def paragraphs(self) -> list[str]:
        """Return the notes; an empty line separates paragraphs."""
        return [text for text in re.split(r"\n\s*\n", (self.notes or "").strip()) if text]


def _world(part: Comparison, name: str) -> dict[str, Any]:
    """Return the values that the page shows for one world."""
    reps = part[part.baseline]
    return {
        "name": name,
        "part": part,
        "catalogue": reps.catalogue,
        "scenario": reps.scenario,
        "strategies": part.strategies,
        "costs": {name: _costs(part, name) for name in (part.strategies if part.prices else ())},
        "load": _load(part),
    }


def _load(part: Comparison) -> list[str]:
    """Return the lines of the expected load; those of some strategies only begin with their names."""
    lines: dict[str, list[str]] = {}
    for name, reps in part.strategies.items():
        for line in str(expected_load(reps)).splitlines():
            lines.setdefault(line, []).append(name)
    everywhere = len(part.strategies)
    return [line if len(names) == everywhere else f"{listed(names)}: {line}" for line, names in lines.items()]


def _costs(part: Comparison, name: str) -> list[str]:
    """Return the mean of each part of a strategy's cost, with as many decimals as the whole."""
    whole = part[name].interval(COST, part.confidence)
    decimals = decimals_of(COST, whole.half_width, whole.mean)
    return [number(mean, decimals) for mean in conclusions.parts_of(part, name).values()]


def _prices(prices: Prices | None) -> list[tuple[str, str, str]]:
    """Return the label, the value and the meaning of each price that is not 0."""
    return [
        (field.metadata["label"], f"{value:.15g}", field.metadata["help"])
        for field in (dataclasses.fields(Prices) if prices else ())
        if (value := getattr(prices, field.name))
    ]


_MOST_COLUMNS = 8
"""More columns of figures are wider than a sheet of paper."""


def _blocks(names: Collection[str]) -> list[list[str]]:
    """Return names in lists of about the same length, each of which fits side by side.

    >>> [len(block) for block in _blocks("abcdefghi")]
    [5, 4]
    """
    count = -(-len(names) // _MOST_COLUMNS)
    return [list(block) for block in np.array_split(list(names), count)] if count else []


def _versions(engines: list[str]) -> dict[str, str]:
    used = map(package_of, engines)
    ours = {"tv2sim": __version__, "Python": platform.python_version()}
    return ours | {name: version(name) for name in (*used, "numpy", "scipy", "pandas", "matplotlib")}


# -- videos of all replications ----------------------------------------------------------------------------


_MOST_VIDEOS, _MOST_SLOW = 1_000_000, 100_000
"""The most videos of all strategies together that are simulated again: about a second with any engine."""


def _first(study: Comparison, reps: Replications) -> int:
    """Return how many replications are simulated again."""
    slow = not all(map(runs_in_threads, study.engines))
    videos = (_MOST_SLOW if slow else _MOST_VIDEOS) // len(study.cells)
    return min(reps.video_times.count(None), max(1, videos // max(1, len(reps.catalogue))))


def _quantiles(study: Comparison) -> dict[str, Any]:
    """Return quantiles over all videos by world and strategy, or why they are not known."""

    def of_all(reps: Replications) -> dict[str, Any]:
        first = _first(study, reps)
        found = [reps.video_times.quantiles(name, SHARES, study.confidence, first) for name in QUANTITIES]
        return {
            "intervals": [Interval(*one[:4]) for several in found for one in several],
            "replications": first,
        }

    try:
        worlds = [{name: of_all(reps) for name, reps in part.strategies.items()} for part in study.worlds()]
    except InputError as error:
        return {"unknown": str(error)}
    columns = [(quantity, share) for quantity in QUANTITIES for share in SHARES]
    return {"unknown": "", "worlds": worlds, "columns": columns}


_MOST_GROUPS = 40


def _groups(part: Comparison, column: str) -> dict[str, Any]:
    """Return the table of groups of videos in one world: a row for each of the largest groups."""
    whole = part.whole or part
    tables = {
        name: reps.by(column, part.confidence, first=_first(whole, reps))
        for name, reps in part.strategies.items()
    }
    one = next(iter(tables.values()))
    largest = one["videos"].sort_values(ascending=False, kind="stable").index[:_MOST_GROUPS].sort_values()
    rows = [
        {
            "group": one["group"][row],
            "videos": one["videos"][row],
            "of": {name: _in_group(table.loc[row]) for name, table in tables.items()},
        }
        for row in largest
    ]
    return {"rows": rows, "left_out": len(one) - len(rows), "replications": int(one["replications"].iloc[0])}


def _in_group(row: Any) -> tuple[Interval, Interval]:
    """Return the on-time rate and the p99 of the lateness of a group."""
    names = (ON_TIME_RATE, *Interval._fields[1:4], "lateness_99")
    rate, half_width, low, high, late = (float(row[name]) for name in names)
    return Interval(rate, half_width, low, high), exactly(late, 0)


# -- rendering ---------------------------------------------------------------------------------------------


def render(template: str, **values: Any) -> str:
    """Return the text of a template of this package with these values."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tv2sim.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"digits": digits, "figures": figures, "plural": plural, "METRICS": METRICS}
    environment.filters |= {
        "blocks": _blocks,
        "heading": heading,
        "label": lambda metric: METRICS[metric].label,
        "seconds": lambda time: f"{time:g} s",
        "sentence": lambda text: text[:1].upper() + text[1:],
        "thousands": number,
        # a number stays on a line with its percent sign, and with its half width
        "unbroken": lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%").replace("± ", "±\N{NO-BREAK SPACE}"),
        "videos_sha256": lambda catalogue: hashlib.sha256(b"".join(catalogue.lines())).hexdigest(),
    }
    return environment


# -- the section on a plan ---------------------------------------------------------------------------------


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
    """The fields that the plan varies, as the heading of the section."""
    world: str
    """The name of its world, if there are several."""
    decided: str
    """The number of candidates by the method that decided them."""
    methods: dict[str, str]
    """The meaning of each method that has decided a candidate."""
    chart: Chart


def plan_section(study: Comparison, plan: Plan | None) -> Planned | None:
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
    world = _world_of(study, plan)
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


def _world_of(study: Comparison, plan: Plan) -> str:
    """Return the name of the plan's world; empty if the study has only one."""
    worlds = [next(iter(world.cells.values())) for world in study.worlds()]
    for reps, name in zip(worlds, conclusions.names_of(study), strict=True):
        if plan.is_of(reps.catalogue, reps.scenario):
            return name
    raise InputError(
        "the plan is for another catalogue or scenario than the comparison: give both the same ones"
    )


def _question(plan: Plan) -> str:
    """Return the question that a plan answers, made of the fields that it varies.

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


# -- what scenarios add to the system ----------------------------------------------------------------------


_PUBLISHING = "Publishing takes time, for which a publisher is busy."
_ADDED: dict[str, Callable[[Scenario], object]] = {
    "There is no encoding stage: a video is encoded when it arrives, and its timeout counts from then.":
        lambda one: one.encoders is None,
    "Videos arrive at random.": lambda one: one.arrivals != "even",
    "The rate of requests changes over time.":
        lambda one: isinstance(one.requests_per_second, Profile),
    "If no encoder is free, a video is refused and offered again later; meanwhile the client goes on.":
        lambda one: one.refuses,
    "After its last offer, a video is refused for good, and is not in time.":
        lambda one: one.most_offers,
    "Encoders differ in speed.": lambda one: isinstance(one.encoders, tuple),
    "Encoding takes longer or shorter than the catalogue says, and no strategy knows it beforehand.":
        lambda one: one.encoding_factor is not None,
    "Encoders die and are repaired; a video that loses its encoder starts over, while its timeout goes on.":
        lambda one: one.encoders_die,
    "Between encoders and publishers, a broker delivers the videos; a delivery may come late, or twice.":
        lambda one: one.broker,
    _PUBLISHING: lambda one: one.publishing_time != 0,
    "A video is in time if a publisher takes it no later than its timeout, however long publishing takes.":
        lambda one: one.deadline == "assigned",
    "A publisher starts some time after it is ordered.": lambda one: one.provisioning_delay,
    "The number of publishers at a time is limited; other starts wait until one has ended.":
        lambda one: one.max_publishers,
    "Start-ups may fail.": lambda one: one.faults.startup,
    "A ready publisher dies if it waits too long for a video.":
        lambda one: one.faults.ready_lifetime is not None,
    "Publishing may fail; the video then waits for another publisher, at its old place.":
        lambda one: one.faults.publishing,
    "After its last attempt, a video has failed without being published.":
        lambda one: one.faults.publishing and one.faults.attempts,
    "A publisher that has failed is replaced when that is noticed.":
        lambda one: one.faults.of_publishers,
}  # fmt: skip
"""The sentences on what a scenario may add, each with its condition."""
_BY_CATALOGUE: dict[str, Callable[[Catalogue], object]] = {
    _PUBLISHING: lambda catalogue: catalogue.publishing_time is not None,
}
"""The sentences that a catalogue may cause as well, each with its condition."""


def additions(scenarios: Mapping[str, Scenario], catalogues: Mapping[str, Catalogue]) -> list[str]:
    """Return what scenarios and catalogues add, with the names of those that do unless all do.

    Examples
    --------
    >>> from tv2sim import Faults, Scenario
    >>> additions({"usual": Scenario()}, {})
    []
    >>> failing = Scenario(faults=Faults(startup=0.1))
    >>> additions({"usual": Scenario(max_publishers=5), "failing": failing}, {})[1:]
    ['failing: Start-ups may fail.', 'failing: A publisher that has failed is replaced when that is noticed.']
    """
    found = []
    for sentence, has in _ADDED.items():
        names = [name for name, scenario in scenarios.items() if has(scenario)]
        too = _BY_CATALOGUE.get(sentence)
        by = [name for name, catalogue in catalogues.items() if too and too(catalogue)]
        if names or by:
            everywhere = len(names) == len(scenarios) or 0 < len(by) == len(catalogues)
            found.append(sentence if everywhere else f"{listed([*names, *by])}: {sentence}")
    return found
