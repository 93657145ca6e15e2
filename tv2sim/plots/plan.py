"""What a plan chose from: how many videos are late against what it costs, and the target."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import nan
from typing import Any

from matplotlib.axes import Axes
from pandas import isna

from tv2sim.base.digits import rate
from tv2sim.base.errors import InputError
from tv2sim.experiments.planning import Plan
from tv2sim.experiments.planning.candidates import in_short
from tv2sim.plots import style
from tv2sim.plots.points import Ends, Point, draw, handles_of, logarithmic, write_texts
from tv2sim.results.figures import axis
from tv2sim.results.metrics import COST, ON_TIME_RATE

__all__ = ["plan"]

_FAR = 10
"""Costs of which one is so many times another are on a logarithmic scale."""


def plan(plan: Plan, ax: Axes | None = None) -> Axes:
    """Show the candidates of a plan: the share of late videos, on a logarithmic scale, against the price.

    The price is idle time, or the cost if the plan has prices. Candidates of a strategy are a line, along which
    the values of its fields are written. A short dash below a candidate is the share that must be late, by
    theory. What is below the dashed line meets the target, and the best of it has a ring. A pale candidate is
    dominated: another one is better in both. A mean of 0 has no place on a logarithmic scale: it is a hollow
    triangle at the lower edge. If the least cost was asked for, it is shown against the idle time, on a
    logarithmic scale where some candidates cost more than ten times as much as others.

    Parameters
    ----------
    plan : Plan
        What :func:`tv2sim.plan` returned.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `plan` is not one.

    Examples
    --------
    >>> import tv2sim as tv
    >>> plan = tv.plan(tv.generate_catalogue(), "2c", vary={"prewarmed": range(8, 15)}, target=0.999)
    >>> ax = tv.plots.plan(plan)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('idle (s)', 'late videos (%)')
    """
    if not isinstance(plan, Plan):
        raise InputError(f"plan must be what tv2sim.plan returns, not {plan!r}")
    ax = style.axes(ax)
    style.grid(ax)
    rows, against = plan.candidates.to_dict("records"), _against(plan)
    points = [_point(plan, row) for row in rows]
    looks = {
        name: style.look(number) for number, name in enumerate(dict.fromkeys(one.family for one in points))
    }
    title, y, below = "What costs least", axis(COST), "Mean costs of a run with intervals"
    if plan.target is not None:
        title, y = f"What publishes {rate(plan.target)} of the videos in time", "late videos (%)"
        below = "Means with intervals; a dash is what must be late; below the dashed line the target is met"
        late = 100 * (1 - plan.target)
        logarithmic(ax, [(late, late, late), *(one.y for one in points)], at_most=110)
        ax.axhline(late, color=style.GREY, linewidth=1.4, linestyle=(0, (5, 3)), zorder=1.5)
    elif max(one.y[0] for one in points) > _FAR * min(one.y[0] for one in points):
        logarithmic(ax, (one.y for one in points))
    for name, look in looks.items():
        draw(ax, [one for one in points if one.family == name], look)
    ax.set_xlim(left=0)
    if plan.target is None and ax.get_yscale() == "linear":
        ax.set_ylim(bottom=0)
    ring = "".join(f"; ring: {_label(plan, row)}" for row in rows if row["best"])
    style.titles(ax, title, f"{below}{ring}", x=axis(against), y=y)
    if len(looks) > 1:
        style.legend(ax, *handles_of(looks))
    style.lay_out(style.figure_of(ax))
    write_texts(ax, points, looks)
    return ax


def _against(plan: Plan) -> str:
    """Return the metric of the horizontal axis."""
    return COST if plan.target is not None and COST in plan.candidates else "idle"


def _point(plan: Plan, row: Mapping[Hashable, Any]) -> Point:
    """Return a candidate as a point; where the least cost was asked for, no other figure dominates."""
    is_rate, late = plan.target is not None, [100 * (1 - row[name]) for name in _RATES]
    return Point(
        row["strategy"],
        ", ".join(_values(plan, row).values()),
        _ends(row, _against(plan)),
        (late[0], late[1], late[2]) if is_rate else _ends(row, COST),
        late[3] if is_rate else nan,
        is_rate and row["dominated"],
        row["best"],
    )


_RATES = (ON_TIME_RATE, "ci_high", "ci_low", "bound")


def _ends(row: Mapping[Hashable, Any], metric: str) -> Ends:
    return row[metric], row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]


def _values(plan: Plan, row: Mapping[Hashable, Any]) -> dict[str, str]:
    """Return the fields of a candidate that are varied, with their values as they are typed."""
    return {name: in_short(row[name]) for name in plan.fields if not isna(row[name])}


def _label(plan: Plan, row: Mapping[Hashable, Any]) -> str:
    return ", ".join([row["strategy"], *(f"{name}={value}" for name, value in _values(plan, row).items())])
