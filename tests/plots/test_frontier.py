"""Failures against idle time, and the times at which publishers are held back."""

from __future__ import annotations

from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection

import tv2sim as tv
from tv2sim.experiments.comparison_tables import dominance
from tv2sim.plots import style
from tv2sim.plots.point_charts import Point, frontier_height, write_texts
from tv2sim.plots.study import families, study_of

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
    assert {"8", "10", "14"} <= {text.get_text() for text in even.texts}
    assert {text.get_text().partition("\n")[0] for text in even.texts} >= {"even"}


def test_a_mean_of_0_is_a_hollow_triangle_at_the_edge(study: tv.Comparison) -> None:
    none_fails = [one.interval("failed").mean == 0 for one in study_of(study).groups["even"]]
    panel = cast("Axes", tv.plots.frontier(study).child_axes[0])
    hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == sum(none_fails) > 0
    assert {float(np.asarray(line.get_ydata())[0]) for line in hollow} == {panel.get_ylim()[0]}


def test_other_metrics(study: tv.Comparison) -> None:
    ax = tv.plots.frontier(study, against="failed", metric="idle")
    assert ax.get_xlabel() == "published too late (videos)"
    with pytest.raises(tv.InputError, match="metric must be one of"):
        tv.plots.frontier(study, metric="idl")


def by_hand() -> tv.Comparison:
    """Ten videos, encoded at 1, 2, 3, ... and due half a second later; a publisher is away for 3 s.

    A warm pool of one serves v0 and then one video every 3 s, but late, so that 9 fail; one of two serves v0
    and v1, and then two late ones every 3 s, so that 8 fail; three are enough. They idle only before the first
    videos: 1 s, 1 + 2 s and 1 + 2 + 3 s.
    """
    videos = [tv.Video(str(n), encoding_time=1, publication_timeout=1.5) for n in range(10)]
    pools = [tv.Strategy(f"warm {size}", prewarmed=size, ready_at_start=True) for size in (1, 2, 3, 4)]
    world = tv.Scenario(requests_per_second=1.0, startup_time=3.0)
    return tv.compare(tv.Catalogue(videos), pools, world, replications=3, progress=False)


def test_the_table_by_hand() -> None:
    table = by_hand().frontier
    assert table["strategy"].tolist() == ["warm 1", "warm 2", "warm 3", "warm 4"]
    assert table["failed"].tolist() == table["failed_ci_low"].tolist() == [9, 8, 0, 0]
    assert table["idle"].tolist()[:3] == [1, 3, 6]
    assert table["dominated"].tolist() == [False, False, False, True]
    assert table["price_of_failure"].tolist() == pytest.approx([np.nan, 2 / 1, 3 / 8, np.nan], nan_ok=True)
    assert (table["bound"] <= table["failed"]).all()
    assert table["bound"].tolist()[2:] == [0, 0]


def test_the_table_by_cost() -> None:
    """An idle second costs 2, a failure 1: so all costs of the second pool are above those of the first."""
    table = by_hand().priced(tv.Prices(ready=2, failed=1)).frontier
    assert table["cost"].tolist()[:3] == [2 * 1 + 9, 2 * 3 + 8, 2 * 6]
    assert table["dominated"].tolist() == [False, True, False, True]
    assert table["price_of_failure"].tolist()[2] == pytest.approx((12 - 11) / 9)


def test_a_pool_that_publishes_nothing_is_dominated() -> None:
    """Its videos are unfinished and not late, and its publishers never idle; those of part 2b do not either."""
    world = tv.Scenario(startup_time=3.0)
    table = tv.compare(
        tv.generate_catalogue(20), ["2b", "2c:0"], world, replications=2, progress=False
    ).frontier
    assert table["failed"].tolist()[0] > table["failed"].tolist()[1] == 0
    assert table["idle"].tolist() == [0, 0]
    assert table["dominated"].tolist() == [False, True]


def test_each_world_has_its_own_frontier(study: tv.Comparison) -> None:
    table = study.frontier
    assert len(table) == len(study.cells)
    for world in study.worlds():
        own = table[table["scenario"] == next(iter(world.cells)).scenario].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, world.frontier)
        assert not own["dominated"].all()
    covered = table["strategy"].str.startswith("2c") & (table["scenario"] == "even")
    assert table["bound"].notna().tolist() == covered.tolist()


def test_points_that_are_equal_are_both_on_the_frontier() -> None:
    dominated, slopes = dominance([5, 5, 1, 1 + 1e-12, 1], [0, 1, 4, 4, 5])
    assert dominated.tolist() == [False, True, False, False, True]
    assert slopes.tolist() == pytest.approx([np.nan, np.nan, 1, 1, np.nan], nan_ok=True)


def test_the_chart_shows_what_is_dominated_and_the_price_of_the_last_failure() -> None:
    ax = tv.plots.frontier(by_hand())
    markers = [line for line in ax.lines if line.get_markersize() == 6.5]
    assert [line.get_alpha() for line in markers] == [1, 1, 1, 0.35]
    assert [np.asarray(line.get_ydata())[0] for line in markers][:2] == [9, 8]
    assert ax.texts[0].get_text().replace("\n", " ").endswith("price of the last failure: 0.375 s")
    bounds = [np.asarray(line.get_ydata())[0] for line in ax.lines if line.get_marker() == "_"]
    assert bounds == by_hand().frontier["bound"].tolist()[:2]


def test_the_chart_shows_costs_where_there_are_prices() -> None:
    ax = tv.plots.frontier(by_hand().priced(tv.Prices(ready=2, failed=1)))
    assert ax.get_xlabel() == "cost"
    assert ax.texts[0].get_text().replace("\n", " ").endswith("price of the last failure: 0.111")


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


def test_long_texts_do_not_overlap_and_stay_below_the_top() -> None:
    figure, ax = plt.subplots()
    ax.set(xlim=(0, 100), ylim=(0, 100))
    points = [
        Point("2c", text, (x, x, x), (y, y, y))
        for text, x, y in [("10, 10", 50, 50), ("12, 10", 54, 50), ("8, 5", 0, 99)]
    ]
    write_texts(ax, points, {"2c": style.look(0)})
    figure.canvas.draw()
    assert [text.get_text() for text in ax.texts] == ["10, 10", "8, 5"]
    assert max(text.get_window_extent().y1 for text in ax.texts) < ax.bbox.y1 + 5
    plt.close(figure)


def test_nothing_is_simulated_again_for_a_frontier(monkeypatch: pytest.MonkeyPatch) -> None:
    how: dict[str, Any] = {"replications": 3, "metrics": ["failed", "idle"], "progress": False}
    few = tv.compare(tv.generate_catalogue(), ["2c", "2c:12"], **how)
    monkeypatch.setattr("tv2sim.experiments.replications.compute", None)
    assert few.frontier["failed"].notna().all()
