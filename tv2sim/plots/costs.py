"""What a run costs, by part: publishers in each state, their starts, and failed videos."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.plots import style
from tv2sim.plots.rows import laid_out
from tv2sim.plots.study import Study, study_of
from tv2sim.results.figures import axis, estimate
from tv2sim.results.metrics import COST
from tv2sim.world.prices import Prices, needed

__all__ = ["costs", "costs_height"]


class _Look(NamedTuple):
    """How a part is drawn; hatching tells parts apart where colours cannot."""

    colour: str
    hatch: str = ""


_LOOKS = {
    "starting": _Look(style.MIDDLE),
    "ready": _Look(style.GREEN),
    "busy": _Look(style.BLUE, "///"),
    "start": _Look(style.ORANGE, "..."),
    "failed": _Look(style.VERMILLION, "xxx"),
}
"""By price, publishers as in a timeline; bars and legend are in the order of the prices' fields."""


def costs(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show the mean cost of a run as a bar of its parts, for every strategy and scenario.

    A line at the end of a bar is the interval of the cost. Parts without a price are left out.

    Parameters
    ----------
    study : Comparison or Replications
        What :func:`tv2sim.compare` or :func:`tv2sim.replicate` returned, with prices.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is neither, or there are no prices.

    Examples
    --------
    >>> import tv2sim as tv
    >>> prices = tv.Prices(starting=0.01, ready=0.02, failed=5)
    >>> study = tv.compare(tv.generate_catalogue(), ["2c", "2c:12"], replications=20, prices=prices)
    >>> ax = tv.plots.costs(study)
    >>> [text.get_text() for text in ax.get_legend().texts]
    ['starting', 'ready', 'failures']
    """
    data = study_of(study)
    parts = _parts(data)
    ax, places, _ = laid_out(ax, data, data.shown, pitch=0.3)
    for shown, y in places:
        left = 0.0
        for part in parts:
            mean, look = shown.reps.mean_costs[part], _LOOKS[part]
            ax.barh(y, mean, 0.62, left, **_fill(look))
            left += mean
        interval = shown.interval(COST)
        ends = [interval.ci_low, interval.ci_high]
        ax.plot(ends, [y, y], color=style.INK, linewidth=2, solid_capstyle="butt")
        style.remark(ax, y, estimate(COST, interval))
    ax.set_xlim(left=0)
    below = f"Means of {data.size}; line: {data.interval} of the cost"
    style.titles(ax, "What a run costs", below, x=axis(COST))
    style.legend(ax, [Patch(**_fill(_LOOKS[part])) for part in parts], list(parts.values()))
    return ax


def costs_height(study: Comparison | Replications) -> float:
    """Return the height in inches that :func:`costs` needs where its names and its legend take a line each."""
    data = study_of(study)
    heads = len(data.groups) if len(data.groups) > 1 and len(data.strategies) > 1 else 0
    return max(style.HEIGHT, 2.2 + 0.25 * (len(data.shown) + heads))


def _fill(look: _Look) -> dict[str, Any]:
    return {"facecolor": look.colour, "hatch": look.hatch, "edgecolor": "white", "linewidth": 0.8}


def _parts(data: Study) -> dict[str, str]:
    """Return the label of each price that some cell has."""
    prices = [needed(shown.reps.prices) for shown in data.shown]
    return {
        field.name: field.metadata["label"]
        for field in fields(Prices)
        if any(getattr(one, field.name) for one in prices)
    }
