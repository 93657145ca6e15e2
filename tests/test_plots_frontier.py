"""Failures against idle time, and the times at which publishers are held back."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection

import tv2sim as tv
from tv2sim.plots.frontier import frontier_height
from tv2sim.plots.parameters import families
from tv2sim.plots.study import study_of

POOLS = [f"2c:{size}" for size in (8, 10, 14)]
RULES = [tv.STRATEGIES["coverage"].replace(name=f"coverage {price}", price=price) for price in (20, 60)]


@pytest.fixture(scope="module")
def study() -> tv.Comparison:
    worlds = {"even": tv.Scenario(), "random": tv.Scenario(arrivals="poisson")}
    wanted = ["failed", "idle", "on_time_rate"]
    strategies: list[tv.Strategy | str] = ["2a", *RULES, *POOLS]
    return tv.compare(
        tv.generate_catalogue(40), strategies, worlds, replications=5, metrics=wanted, progress=False
    )


def entries_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_families_are_strategies_that_differ_in_one_number(study: tv.Comparison) -> None:
    lines = [(line.of, line.values) for line in families(study_of(study).groups["even"])]
    assert lines == [("", []), ("price of a failed video (s)", [20, 60]), ("prewarmed publishers", [8, 10, 14])]


def test_each_world_has_a_panel_with_the_same_scales(study: tv.Comparison) -> None:
    ax = tv.plots.frontier(study)
    even, random = cast("list[Axes]", ax.child_axes)
    assert entries_of(ax) == ["2a", "coverage: price of a failed video (s)", "2c: prewarmed publishers"]
    assert even.get_yscale() == "log"
    assert even.get_xlim() == random.get_xlim()
    assert even.get_ylim() == random.get_ylim()
    assert even.get_xlim()[0] == 0
    assert {"8", "10", "14", "even"} <= {text.get_text() for text in even.texts}


def test_a_mean_of_0_is_a_hollow_triangle_at_the_edge(study: tv.Comparison) -> None:
    none_fails = [one.reps.frame["failed"].sum() == 0 for one in study_of(study).groups["even"]]
    panel = cast("Axes", tv.plots.frontier(study).child_axes[0])
    hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == sum(none_fails) > 0
    assert {float(np.asarray(line.get_ydata())[0]) for line in hollow} == {panel.get_ylim()[0]}


def test_other_metrics(study: tv.Comparison) -> None:
    ax = tv.plots.frontier(study, against="failed", metric="idle")
    assert ax.get_xlabel() == "published too late (videos)"
    with pytest.raises(tv.InputError, match="metric must be one of"):
        tv.plots.frontier(study, metric="idl")


def test_there_is_room_for_a_long_legend(study: tv.Comparison) -> None:
    assert frontier_height(study, 3.0) > frontier_height(study, 8.0)


class Holds(tv.Strategy):
    """One publisher, and it is kept for what is due by 4."""

    def decide(self, state: tv.State) -> tv.Decision:
        return tv.Decision(start=int(state.time == 0), hold=sum(one.deadline < 4 for one in state.encoding))


def test_the_timeline_shades_when_publishers_are_held_back() -> None:
    """v0 waits from 1; the publisher that is ready at 2 is held until v1 is encoded at 2.5."""
    videos = [
        {"id": "v0", "encodingTime": 1, "publicationTimeout": 9},
        {"id": "v1", "encodingTime": 2, "publicationTimeout": 2.2},
    ]
    scenario = tv.Scenario(startup_time=2)
    ax = tv.plots.timeline(tv.simulate(videos, Holds(), scenario))
    assert "publishers held back" in entries_of(ax)
    (shade,) = [one for one in ax.collections if isinstance(one, FillBetweenPolyCollection)]
    assert shade.get_datalim(ax.transData).intervalx.tolist() == [2, 2.5]
    assert "publishers held back" not in entries_of(tv.plots.timeline(tv.simulate(videos, "2c", scenario)))
