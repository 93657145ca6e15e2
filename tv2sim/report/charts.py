"""The charts of the report: drawn by tv2sim.plots, and made fit for the inside of a page.

An SVG file of matplotlib cannot go into a page as it is: several in one page share ids, its style sheet would
reach the whole page, and style attributes are what a strict content security policy forbids.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, NamedTuple

from tv2sim import plots
from tv2sim.metrics import ON_TIME_RATE
from tv2sim.numbers import listed, number, plural, rate
from tv2sim.report.text import best_of
from tv2sim.run import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

    from tv2sim.report.text import World

__all__ = ["Chart", "brief_charts", "charts", "inline_svg"]

_VIDEOS_IN_TIMELINE = 400
"""With more, the bars of a timeline are thinner than a line."""
_VIDEOS_SIMULATED = 20_000
"""So many in all are simulated once more for the distribution of lateness."""
_RUNS = 20


class Chart(NamedTuple):
    """A chart with the sentence below it and the one for those who cannot see it."""

    svg: str
    caption: str
    narrow: bool
    """Whether it fits the width of a phone; the others scroll there."""


def brief_charts(world: World, prefix: str) -> Iterator[Chart]:
    """Yield the charts that answer the question itself."""
    study, n = world.study, plural(world.study.replications, "replication")
    means = {name: 100 * float(reps.values(ON_TIME_RATE).mean()) for name, reps in world.strategies.items()}
    yield _chart(
        f"{prefix}-rates",
        lambda ax: plots.on_time_rates(study, ax),
        f"On-time rate by strategy: {listed(f'{name} {number(mean, 1)} %' for name, mean in means.items())}.",
        f"How often each strategy is in time, over {n}. Where no bar is seen, the {rate(study.confidence)} "
        f"interval is narrower than the mark.",
        _narrow(world),
    )
    if len(world.strategies) > 1:
        yield _chart(
            f"{prefix}-differences",
            lambda ax: plots.differences(study, ax, metric=ON_TIME_RATE),
            f"Paired differences of the on-time rate from strategy {study.baseline}; the numbers are in "
            f"the table.",
            f"Right of the line publishes more in time than {study.baseline}. In one replication, "
            f"the publisher started because of a video takes equally long to start under every strategy.",
            _narrow(world),
        )
    yield _chart(
        f"{prefix}-tradeoff",
        lambda ax: plots.tradeoff(study, ax),
        "On-time rate against idle publisher-seconds, one point per strategy; the numbers are in the table.",
        "Up is better, left is cheaper. A strategy below and to the right of another is dominated by it.",
        _narrow(world),
    )


def charts(world: World, prefix: str) -> Iterator[Chart]:
    """Yield all charts of one world."""
    study, best = world.study, best_of(world)
    yield from brief_charts(world, prefix)
    yield _chart(
        f"{prefix}-published",
        lambda ax: plots.published_per_replication(study, ax),
        "Distribution over replications of the number of videos published in time, by strategy.",
        "One day differs from the next: how many videos are in time in each replication.",
        _narrow(world),
    )
    runs = max(
        1, min(_RUNS, study.replications, _VIDEOS_SIMULATED // (len(world.catalogue) * len(study.cells)))
    )
    yield _chart(
        f"{prefix}-lateness",
        lambda _: plots.lateness({name: _runs(world, name, runs) for name in world.strategies}),
        "Distribution of lateness (elapsed - timeout) by strategy.",
        f"How much too late, or in time (left of 0), videos of {_first(runs)} are published.",
    )
    yield _chart(
        f"{prefix}-map",
        lambda _: plots.on_time_map(world.strategies[best]),
        f"Probability of being on time under strategy {best}, by encoding time and timeout.",
        f"Under strategy {best}, which videos are at risk: the probability of being in time by encoding "
        f"time and timeout.",
    )
    if study.replications > 1:
        yield _chart(
            f"{prefix}-convergence",
            lambda ax: plots.convergence(study, ax, metric=ON_TIME_RATE),
            "Running mean of the on-time rate over replications, by strategy.",
            "Whether there are enough replications: the lines should be flat at the right.",
            _narrow(world),
        )
    if len(world.catalogue) <= _VIDEOS_IN_TIMELINE:
        yield from _one_run(world, prefix, best)


def _one_run(world: World, prefix: str, best: str) -> Iterator[Chart]:
    (run,) = _runs(world, best, 1)
    yield _chart(
        f"{prefix}-timeline",
        lambda _: plots.timeline(run),
        f"Timeline of encoders and publishers in replication 0 of strategy {best}.",
        f"One run in detail: replication 0 of strategy {best}, {run.stats['published']} of "
        f"{plural(len(world.catalogue), 'video')} in time.",
    )
    yield _chart(
        f"{prefix}-levels",
        lambda _: plots.levels(run),
        f"Busy encoders, waiting videos and publishers over time in replication 0 of strategy {best}.",
        "The same run: what is busy, waiting and ready at each time.",
    )


def _runs(world: World, strategy: str, count: int) -> list[Any]:
    reps = world.strategies[strategy]
    return [
        simulate(reps.catalogue, reps.strategy, reps.scenario, seed=reps.seed, replication=replication)
        for replication in range(count)
    ]


def _first(runs: int) -> str:
    return "replication 0" if runs == 1 else f"the first {runs} replications"


# -- from an Axes to the inside of a page ------------------------------------------------------------------


_NARROW = 5.9
"""Inches: what is 10 points high is nearly 8 pixels high when this is as wide as a phone."""


def _narrow(world: World) -> tuple[float, float] | None:
    """Return the size for a chart with a row per strategy, if their names leave room for it."""
    if max(map(len, world.strategies)) > 12:
        return None
    return _NARROW, max(3.9, 1.5 + 0.5 * len(world.strategies))


def _chart(
    name: str,
    draw: Callable[[Axes | None], Axes],
    alt: str,
    caption: str,
    size: tuple[float, float] | None = None,
) -> Chart:
    """Draw a chart of this size in inches, or of the size that it gives itself."""
    import matplotlib.style
    from matplotlib.figure import Figure

    # the same picture and the same bytes, whatever style the user has set
    settings: Any = ["default", {"svg.hashsalt": name, "svg.fonttype": "path"}]
    with matplotlib.style.context(settings), warnings.catch_warnings():
        # a letter that the font lacks is a box in the chart, and itself in the tables
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        buffer = io.BytesIO()
        axes = draw(Figure(figsize=size, layout="constrained").add_subplot() if size else None)
        figure: Any = axes.figure
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(inline_svg(buffer.getvalue(), name, alt), caption, size is not None)


_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"


def inline_svg(file: bytes, prefix: str, alt: str) -> str:
    """Return an SVG file as an element for a page: ids of its own, attributes instead of styles, a name.

    Parameters
    ----------
    file : bytes
        What matplotlib wrote.
    prefix : str
        What its ids begin with; unique in the page.
    alt : str
        What is read out instead of it.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(file)
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _mend(element, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    # what matplotlib's style sheet says
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt", "role": "img", "aria-label": alt}
    return ET.tostring(root, encoding="unicode").replace(f'xmlns="{_SVG}" ', "", 1)


def _mend(element: ET.Element, prefix: str) -> None:
    attributes = element.attrib
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


_LONG = re.compile(r"-?\d+\.\d{3,}(?!e)")
