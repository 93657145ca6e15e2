"""The charts of the report: drawn by tv2sim.plots, and converted into elements of a page.

A page cannot contain an SVG file of matplotlib as it is: the ids of several files in one page are the same, a
file's style sheet applies to the whole page, and a strict content security policy forbids style attributes.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tv2sim import plots
from tv2sim.base.checks import plural
from tv2sim.base.digits import number, rate
from tv2sim.base.errors import InputError
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.planning import Plan
from tv2sim.experiments.simulate import simulate
from tv2sim.experiments.verdicts import Judgement, cost_of
from tv2sim.plots.line_charts import sweep_height
from tv2sim.plots.point_charts import frontier_height, tradeoff_height
from tv2sim.plots.row_charts import costs_height
from tv2sim.plots.study import Shown, is_rarely_late, study_of, swept_by
from tv2sim.plots.style import HEIGHT
from tv2sim.results.figures import estimate
from tv2sim.results.metrics import COST, METRICS, ON_TIME_RATE
from tv2sim.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_VIDEOS_IN_TIMELINE = 400
"""With more, the bars of a timeline are thinner than a line."""
_VIDEOS_SIMULATED = 20_000
"""The most videos, over all strategies and runs, that are simulated again for the distribution of lateness."""
_RUNS = 20
"""The most runs of a strategy that are simulated again."""


class Drawing(NamedTuple):
    """A chart of the report: the function that draws it, and its words."""

    name: str
    draw: Callable[[Axes | None], Axes]
    alt: str
    """The text that a screen reader reads instead of the chart."""
    caption: str
    height: float | None = None
    """Inches, if it can be drawn as wide as fits a phone; the others scroll there."""
    light: bool = False
    """Whether the chart stays light on a dark page, since its text is on coloured cells."""


class Chart(NamedTuple):
    """A chart as an element of a page, with its caption."""

    svg: str
    caption: str
    narrow: bool
    light: bool


def charts(study: Comparison, taken: str | None = None) -> list[Chart]:
    """Return the charts of a study, the first of which answers its question.

    Several worlds share each chart, and have none of single runs. Those of one world are of the strategy that
    is taken; None: that of the comparison.
    """
    further = _of_the_chosen(study, taken) if len(study.worlds()) == 1 else ()
    # the names of the strategies have to leave room for the chart
    fits = max(len(cell.strategy) for cell in study.cells) <= 12
    return [_chart(drawing, narrow=fits) for drawing in (*_answer(study), *further)]


def plan_chart(plan: Plan) -> Chart:
    """Return the chart of what a plan chose from."""
    spent = "cost" if "cost" in plan.evaluated else "idle time"
    shown = "late videos against the " + spent if plan.target is not None else "the cost against idle time"
    drawing = Drawing(
        "plan",
        lambda ax: plots.plan(plan, ax),
        f"What the plan chose from: {shown}, one point per candidate; the table has what was decided.",
        "Lower is better, left is cheaper; the best candidate has a ring. Pale candidates are dominated."
        if plan.target is not None
        else "Lower is better; the best candidate has a ring.",
        HEIGHT,
    )
    return _chart(drawing, narrow=max(map(len, plan.families)) <= 12)


def _answer(study: Comparison) -> Iterator[Drawing]:
    compared = len({cell.strategy for cell in study.cells}) > 1
    rows = max(_LOW, 1.5 + 0.5 * len(study.cells)) if len(study.worlds()) == 1 else None
    swept = _parameter(study)
    by = Judgement(study.worlds()[0]).by
    answer = [_sweep(study, swept, ON_TIME_RATE) if swept else _rates(study, rows)]
    answer += [_costs(study)] if study.prices else []
    yield from reversed(answer) if by == COST else answer
    spent = "cost" if study.prices else "idle publisher-seconds"
    if compared and is_rarely_late(study_of(study)):
        yield Drawing(
            "frontier",
            lambda ax: plots.frontier(study, ax),
            f"Failed videos against {spent}, one point per strategy; the tables have the numbers.",
            "Lower is better, left is cheaper. Pale is dominated: the means of another point are no worse.",
            frontier_height(study, _NARROW),
        )
    elif compared:
        yield Drawing(
            "tradeoff",
            lambda ax: plots.tradeoff(study, ax),
            f"On-time rate against {spent}, one point per strategy; the tables have the numbers.",
            "Up is better, left is cheaper. A strategy below and to the right of another is dominated by it.",
            tradeoff_height(study, _NARROW),
        )
    if swept:
        yield _sweep(study, swept, cost_of(study))
    elif compared:
        yield Drawing(
            "differences",
            lambda ax: plots.differences(study, ax, metric=by),
            f"Paired differences of the {METRICS[by].label} from {study.baseline}; the tables have the "
            "numbers.",
            f"{_SIDES[by]} than {study.baseline}. In one replication, the "
            "publisher started because of a video takes equally long to start under every strategy.",
            rows,
        )


def _parameter(study: Comparison) -> str:
    """Return the parameter that a study sweeps, if there is one; two pools in one world are no sweep."""
    try:
        swept = swept_by(study_of(study))
    except InputError:
        return ""
    return swept.parameter if len(study.worlds()) > 1 or len(swept.values) > 2 else ""


def _sweep(study: Comparison, parameter: str, metric: str) -> Drawing:
    of, name = METRICS[metric].label, parameter.replace("_", " ")
    height = sweep_height(study, _NARROW, parameter=parameter)
    return Drawing(
        f"sweep-{metric}",
        lambda ax: plots.sweep(study, ax, metric=metric, parameter=parameter),
        f"{of.capitalize()} against {name}; the tables have the numbers.",
        _reading(study, metric, "Lower"),
        height if height > HEIGHT else _LOW,
    )


def _reading(study: Comparison, metric: str, better: str) -> str:
    """Say how to read a chart of intervals: that of on-time rates may be one of late videos."""
    says = f"Where no bar is seen, the {rate(study.confidence)} interval is narrower than the mark."
    if metric != ON_TIME_RATE or not is_rarely_late(study_of(study)):
        return says
    return f"{better} is better; a hollow triangle: less than the scale shows. {says}"


_SIDES = {ON_TIME_RATE: "Right of the line publishes more in time", COST: "Left of the line is cheaper"}


def _costs(study: Comparison) -> Drawing:
    means = _each(study, lambda shown: estimate(COST, shown.interval(COST)))
    return Drawing(
        "costs",
        lambda ax: plots.costs(study, ax),
        f"Mean cost of a run by strategy: {means}; the table of costs has its parts.",
        f"What a run costs, and for what. Where no line is seen, the {rate(study.confidence)} interval is "
        "narrower than one.",
        costs_height(study),
    )


def _rates(study: Comparison, height: float | None) -> Drawing:
    means = _each(study, lambda shown: f"{number(100 * shown.interval(ON_TIME_RATE).mean, 1)} %")
    return Drawing(
        "rates",
        lambda ax: plots.on_time_rates(study, ax),
        f"On-time rate by strategy: {means}.",
        _reading(study, ON_TIME_RATE, "Left"),
        height,
    )


def _each(study: Comparison, figure: Callable[[Shown], str]) -> str:
    """Return a figure of each strategy, after the names of its group and its own."""
    return ", ".join(
        f"{shown.group + ': ' if shown.group else ''}{shown.cell.strategy} {figure(shown)}"
        for shown in study_of(study).shown
    )


def _of_the_chosen(world: Comparison, taken: str | None) -> Iterator[Drawing]:
    """Yield the charts of distributions, and of single runs under the strategy to take."""
    chosen = Judgement(world, taken).chosen
    videos = len(world[chosen].catalogue)
    count = max(1, min(_RUNS, world.replications, _VIDEOS_SIMULATED // (videos * len(world.cells))))
    runs = {name: _runs(world, name, count) for name in world.strategies}
    first = runs[chosen][0]
    rows = max(_LOW, 1.5 + 0.5 * len(world.strategies))
    yield Drawing(
        "published",
        lambda ax: plots.published_per_replication(world, ax),
        "Distribution over replications of the number of videos published in time, by strategy.",
        "One day differs from the next: how many videos are in time in each replication.",
        rows,
    )
    if world.replications > 1:
        yield Drawing(
            "convergence",
            lambda ax: plots.convergence(world, ax, metric=ON_TIME_RATE),
            "Running mean of the on-time rate over replications, by strategy.",
            "Whether there are enough replications: the lines should be flat at the right.",
            rows,
        )
    yield Drawing(
        "lateness",
        lambda _: plots.lateness(runs),
        "Distribution of lateness (elapsed - timeout) by strategy.",
        "How much too late, or in time (left of 0), videos of "
        f"{'replication 0' if count == 1 else f'the first {count} replications'} are published.",
    )
    yield Drawing(
        "map",
        lambda _: plots.on_time_map(world[chosen]),
        f"Probability of being on time under strategy {chosen}, by encoding time and timeout.",
        f"Under strategy {chosen}, which videos are at risk: the probability of being in time by encoding "
        "time and timeout.",
        light=True,
    )
    if videos <= _VIDEOS_IN_TIMELINE:
        yield Drawing(
            "timeline",
            lambda _: plots.timeline(first),
            f"Timeline of encoders and publishers in replication 0 of strategy {chosen}.",
            f"One run in detail: replication 0 of strategy {chosen}, {first.stats['published']} of "
            f"{plural(videos, 'video')} in time.",
        )
        yield Drawing(
            "levels",
            lambda _: plots.levels(first),
            f"Busy encoders, waiting videos and publishers over time in replication 0 of strategy {chosen}.",
            "The same run: what is busy, waiting and ready at each time.",
        )


def _runs(world: Comparison, strategy: str, count: int) -> list[Run]:
    reps = world[strategy]
    return [
        simulate(reps.catalogue, reps.strategy, reps.scenario, seed=reps.seed, replication=replication)
        for replication in range(count)
    ]


# -- from an Axes to an element of a page -------------------------------------------------------------------


_LOW = 3.6
"""Inches: with less, there is no room for an axis."""
_NARROW = 5.9
"""Inches: text of 10 points is nearly 8 pixels high when a chart of this width is as wide as a phone."""


def _chart(drawing: Drawing, *, narrow: bool) -> Chart:
    """Draw a chart as narrow as fits a phone, or in its own size."""
    import matplotlib.style
    from matplotlib.figure import Figure

    narrow = narrow and drawing.height is not None
    size: Any = (_NARROW, drawing.height)
    # the same picture and the same bytes, whatever style the user has set
    settings: Any = ["default", {"svg.hashsalt": drawing.name, "svg.fonttype": "path"}]
    with matplotlib.style.context(settings), warnings.catch_warnings():
        # a letter that the font lacks is drawn as a box; the tables show it
        warnings.simplefilter("ignore", UserWarning)
        file = io.BytesIO()
        axes = drawing.draw(Figure(figsize=size, layout="constrained").add_subplot() if narrow else None)
        figure: Any = axes.figure
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = inline_svg(file.getvalue(), drawing.name, drawing.alt)
    return Chart(svg, drawing.caption, narrow, drawing.light)


_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_LONG = re.compile(r"-?\d+\.\d{3,}(?!e)")
"""A number with more decimals than a screen can show."""


def inline_svg(file: bytes, prefix: str, alt: str) -> str:
    """Return an SVG file as an element of a page.

    Its ids and the references to them get a prefix, and its styles become attributes.

    Parameters
    ----------
    file : bytes
        The file that matplotlib wrote.
    prefix : str
        The text that its ids begin with; unique in the page.
    alt : str
        The text that a screen reader reads instead of the chart.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(file)
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _convert(element.attrib, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    # the rules of the style sheet that was removed
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt", "role": "img", "aria-label": alt}
    return ET.tostring(root, encoding="unicode").replace(f'xmlns="{_SVG}" ', "", 1)


def _convert(attributes: dict[str, str], prefix: str) -> None:
    """Turn styles into attributes, add the prefix to ids and references, and shorten numbers."""
    for declaration in attributes.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if value:
            attributes[name.strip()] = value.strip()
    if _HREF in attributes:
        attributes["href"] = attributes.pop(_HREF)
    for name, value in attributes.items():
        if name == "id":
            attributes[name] = f"{prefix}-{value}"
        elif name == "href" and value.startswith("#"):
            attributes[name] = f"#{prefix}-{value[1:]}"
        elif "url(#" in value:
            attributes[name] = value.replace("url(#", f"url(#{prefix}-")
        elif name in ("d", "x", "y"):
            attributes[name] = _LONG.sub(lambda found: f"{float(found[0]):.2f}", " ".join(value.split()))
