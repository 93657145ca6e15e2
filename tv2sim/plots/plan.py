"""What a plan chose from: how many videos are late against what it costs, and the target."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter
from pandas import isna

from tv2sim.errors import InputError
from tv2sim.metrics import COST, ON_TIME_RATE
from tv2sim.numbers import axis, rate
from tv2sim.planning import Plan
from tv2sim.planning.candidates import in_short
from tv2sim.plots import style

__all__ = ["plan"]

_NEAR = 15.0
"""Points between two labels of values, below which the second one is not written."""


def plan(plan: Plan, ax: Axes | None = None) -> Axes:
    """Show the candidates of a plan: the share of late videos, on a logarithmic scale, against the price.

    The price is idle time, or the cost if the plan has prices. Candidates of a strategy are a line, along which
    the values of its fields are written. A short dash below a candidate is the share that must be late, by
    theory. What is below the dashed line meets the target, and the best of it has a ring. A mean of 0 has no
    place on a logarithmic scale: it is a hollow triangle at the lower edge. If the least cost was asked for, it
    is shown against the idle time.

    Parameters
    ----------
    plan : Plan
        What :func:`tv2sim.plan` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default is a new figure.

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
    points = [_point(plan, row) for row in plan.candidates.to_dict("records")]
    looks = {
        name: style.look(number) for number, name in enumerate(dict.fromkeys(one.family for one in points))
    }
    title, y, below = "What costs least", axis(COST), "Mean costs of a run with intervals"
    if plan.target is not None:
        title, y = f"What publishes {rate(plan.target)} of the videos in time", "late videos (%)"
        below = "Means with intervals; a dash is what must be late; below the dashed line the target is met"
        _logarithmic(ax, [100 * (1 - plan.target), *(one.mean for one in points)])
        ax.axhline(100 * (1 - plan.target), color=style.GREY, linewidth=1.4, linestyle=(0, (5, 3)), zorder=1.5)
    for name, look in looks.items():
        _draw(ax, [one for one in points if one.family == name], look)
    ax.set_xlim(left=0)
    if plan.target is None:
        ax.set_ylim(bottom=0)
    best = [one for one in points if one.is_best]
    ring = f"; ring: {best[0].label}" if best else ""
    style.titles(ax, title, f"{below}{ring}", x=axis(points[0].against), y=y)
    if len(looks) > 1:
        style.legend(
            ax,
            [Line2D([], [], color=one.colour, marker=one.marker, linestyle=one.line) for one in looks.values()],
            [style.fold(name, 44, 1) for name in looks],
        )
    style.lay_out(style.figure_of(ax))
    _write_values(ax, points, looks)
    return ax


class _Point(NamedTuple):
    """A candidate: what it is shown against and its price, with intervals."""

    family: str
    label: str
    text: str
    against: str
    x: tuple[float, float, float]
    mean: float
    low: float
    high: float
    bound: float
    is_best: bool


def _point(plan: Plan, row: Mapping[Hashable, Any]) -> _Point:
    fields = [name for name in plan.fields if not isna(row[name])]
    against = COST if plan.target is not None and COST in row else "idle"
    if plan.target is None:
        y = (row[COST], row[f"{COST}_ci_low"], row[f"{COST}_ci_high"], nan)
    else:
        y = tuple(100 * (1 - row[name]) for name in (ON_TIME_RATE, "ci_high", "ci_low", "bound"))
    return _Point(
        row["strategy"],
        ", ".join([row["strategy"], *(f"{name}={in_short(row[name])}" for name in fields)]),
        ", ".join(in_short(row[name]) for name in fields),
        against,
        (row[against], row[f"{against}_ci_low"], row[f"{against}_ci_high"]),
        *y,
        bool(row["best"]),
    )


def _logarithmic(ax: Axes, shares: list[float]) -> None:
    """Let the vertical axis be logarithmic, with room for what is above 0."""
    above = [share for share in shares if share > 1e-9]
    ax.set_yscale("log")
    ax.set_ylim(min(above) / 3, min(max(above) * 2, 110))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _draw(ax: Axes, points: list[_Point], look: style.Look) -> None:
    """Draw a line with the intervals of both figures, and what must be late."""
    floor = ax.get_ylim()[0] if ax.get_yscale() == "log" else -inf
    heights = [max(one.mean, floor) for one in points]
    ax.plot([one.x[0] for one in points], heights, color=look.colour, linestyle=look.line, linewidth=1.4)
    for one, y in zip(points, heights, strict=True):
        x, left, right = one.x
        for bar in (([left, right], [y, y]), ([x, x], [max(one.low, floor), max(one.high, floor)])):
            ax.plot(*bar, color=look.colour, linewidth=1.2, alpha=0.7, solid_capstyle="butt")
        if one.bound > max(floor, 1e-9):
            ax.plot(x, one.bound, color=look.colour, marker="_", markersize=11, markeredgewidth=1.6)
        how: dict[str, Any] = {"marker": look.marker}
        if one.mean <= floor:
            how = {"marker": "v", "markerfacecolor": "white"}
        ax.plot(x, y, color=look.colour, markersize=6, clip_on=False, zorder=3, **how)
        if one.is_best:
            ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": style.VERMILLION}
            ax.plot(x, y, marker="o", markersize=15, markeredgewidth=1.8, zorder=4, clip_on=False, **ring)


def _write_values(ax: Axes, points: list[_Point], looks: dict[str, style.Look]) -> None:
    """Write the values of the fields at their points, as far as there is room; that of the best one first."""
    dpi = style.figure_of(ax).dpi / 72
    taken: list[Any] = []
    for one in sorted(points, key=lambda one: not one.is_best):
        at = one.x[0], max(one.mean, ax.get_ylim()[0])
        place = ax.transData.transform(at) / dpi
        if not one.text or any(np.abs(place - other).max() < _NEAR for other in taken):
            continue
        taken.append(place)
        style.note(
            ax, one.text, at, (7, 7), xycoords="data", color=looks[one.family].colour,
            in_layout=False, fontweight="bold" if one.is_best else "normal",
        )  # fmt: skip
