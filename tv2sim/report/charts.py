"""The charts of the report: drawn by tv2sim.plots, and converted into elements of a page.

A page cannot contain an SVG file of matplotlib as it is: the ids of several files in one page are the same, a
file's style sheet applies to the whole page, and a strict content security policy forbids style attributes.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, NamedTuple

from tv2sim import plots
from tv2sim.experiment.judgement import Judgement
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.numbers import listed, number, plural, rate
from tv2sim.run import Run, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

    from tv2sim.experiment import Comparison

__all__ = ["Chart", "charts", "inline_svg"]

_VIDEOS_IN_TIMELINE = 400
"""With more, the bars of a timeline are thinner than a line."""
_VIDEOS_SIMULATED = 20_000
"""The most videos, over all strategies and runs, that are simulated again for the distribution of lateness."""
_RUNS = 20
"""The most runs of a strategy that are simulated again."""


class Drawing(NamedTuple):
    """How a chart is drawn, and its words."""

    name: str
    draw: Callable[[Axes | None], Axes]
    alt: str
    """The text that a screen reader reads instead of the chart."""
    caption: str
    narrow: bool = False
    """Whether it has a row per strategy, which fits the width of a phone; the others scroll there."""


class Chart(NamedTuple):
    """A chart as an element of a page, with its caption."""

    svg: str
    caption: str
    narrow: bool


def charts(world: Comparison, prefix: str, *, in_full: bool) -> list[Chart]:
    """Return the charts of one world: all, or only those that answer the question."""
    drawings = [*_answer(world), *(_further(world) if in_full else ())]
    # the names of the strategies have to leave room for the chart
    fits = max(map(len, world.strategies)) <= 12
    narrow = (_NARROW, max(3.9, 1.5 + 0.5 * len(world.strategies)))
    return [
        _chart(drawing, f"{prefix}-{drawing.name}", narrow if fits and drawing.narrow else None)
        for drawing in drawings
    ]


def _answer(world: Comparison) -> Iterator[Drawing]:
    baseline = world.baseline
    means = {name: 100 * float(reps.values(ON_TIME_RATE).mean()) for name, reps in world.strategies.items()}
    yield Drawing(
        "rates",
        lambda ax: plots.on_time_rates(world, ax),
        f"On-time rate by strategy: {listed(f'{name} {number(mean, 1)} %' for name, mean in means.items())}.",
        f"How often each strategy is in time, over {plural(world.replications, 'replication')}. Where no bar "
        f"is seen, the {rate(world.confidence)} interval is narrower than the mark.",
        narrow=True,
    )
    if len(means) > 1:
        yield Drawing(
            "differences",
            lambda ax: plots.differences(world, ax, metric=ON_TIME_RATE),
            f"Paired differences of the on-time rate from strategy {baseline}; the numbers are in the table.",
            f"Right of the line publishes more in time than {baseline}. In one replication, the publisher "
            "started because of a video takes equally long to start under every strategy.",
            narrow=True,
        )
    yield Drawing(
        "tradeoff",
        lambda ax: plots.tradeoff(world, ax),
        "On-time rate against idle publisher-seconds, one point per strategy; the numbers are in the table.",
        "Up is better, left is cheaper. A strategy below and to the right of another is dominated by it.",
        narrow=True,
    )


def _further(world: Comparison) -> Iterator[Drawing]:
    best = Judgement(world).chosen
    videos = len(world[best].catalogue)
    count = max(1, min(_RUNS, world.replications, _VIDEOS_SIMULATED // (videos * len(world.cells))))
    runs = {name: _runs(world, name, count) for name in world.strategies}
    first = runs[best][0]
    yield Drawing(
        "published",
        lambda ax: plots.published_per_replication(world, ax),
        "Distribution over replications of the number of videos published in time, by strategy.",
        "One day differs from the next: how many videos are in time in each replication.",
        narrow=True,
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
        lambda _: plots.on_time_map(world[best]),
        f"Probability of being on time under strategy {best}, by encoding time and timeout.",
        f"Under strategy {best}, which videos are at risk: the probability of being in time by encoding "
        "time and timeout.",
    )
    if world.replications > 1:
        yield Drawing(
            "convergence",
            lambda ax: plots.convergence(world, ax, metric=ON_TIME_RATE),
            "Running mean of the on-time rate over replications, by strategy.",
            "Whether there are enough replications: the lines should be flat at the right.",
            narrow=True,
        )
    if videos <= _VIDEOS_IN_TIMELINE:
        yield Drawing(
            "timeline",
            lambda _: plots.timeline(first),
            f"Timeline of encoders and publishers in replication 0 of strategy {best}.",
            f"One run in detail: replication 0 of strategy {best}, {first.stats['published']} of "
            f"{plural(videos, 'video')} in time.",
        )
        yield Drawing(
            "levels",
            lambda _: plots.levels(first),
            f"Busy encoders, waiting videos and publishers over time in replication 0 of strategy {best}.",
            "The same run: what is busy, waiting and ready at each time.",
        )


def _runs(world: Comparison, strategy: str, count: int) -> list[Run]:
    reps = world[strategy]
    return [
        simulate(reps.catalogue, reps.strategy, reps.scenario, seed=reps.seed, replication=replication)
        for replication in range(count)
    ]


# -- from an Axes to an element of a page -------------------------------------------------------------------


_NARROW = 5.9
"""Inches: text of 10 points is nearly 8 pixels high when a chart of this width is as wide as a phone."""


def _chart(drawing: Drawing, prefix: str, size: tuple[float, float] | None) -> Chart:
    """Draw a chart of this size in inches, or of its own size if this is None."""
    import matplotlib.style
    from matplotlib.figure import Figure

    # the same picture and the same bytes, whatever style the user has set
    settings: Any = ["default", {"svg.hashsalt": prefix, "svg.fonttype": "path"}]
    with matplotlib.style.context(settings), warnings.catch_warnings():
        # a letter that the font lacks is drawn as a box; the tables show it
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        file = io.BytesIO()
        axes = drawing.draw(Figure(figsize=size, layout="constrained").add_subplot() if size else None)
        figure: Any = axes.figure
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(inline_svg(file.getvalue(), prefix, drawing.alt), drawing.caption, size is not None)


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
        The text that a screen reader reads instead of it.
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
