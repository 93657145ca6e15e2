"""Sensitivity: what is moved and how far, and what it changes, in a world whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

import tv2sim as tv
from tests.helpers.commands import video
from tv2sim.experiments.sensitivity import _move
from tv2sim.world.distributions import as_distribution

CATALOGUE = tv.generate_catalogue(40)
STEADY = tv.Scenario(startup_time=4)
THREE = [
    video(0, encoding=2, timeout=6.5),
    video(1, encoding=5, timeout=9.3),
    video(2, encoding=5, timeout=8.8),
]
"""Under part 1 in a steady world, they take 6, 9 and 9 s, so that the last one fails.

Start-ups of 4.4 s: 6.4, 9.4 and 9.4 s, two fail; of 3.6 s: 5.6, 8.6 and 8.6 s, none does.
Encoding times by a tenth higher: 6.2, 9.5 and 9.5 s, two fail; lower: 5.8, 8.5 and 8.5 s, none does.
Timeouts by a tenth lower: 5.85, 8.37 and 7.92 s, three fail; higher: 7.15, 10.23 and 9.68 s, none does.
"""


@pytest.fixture(scope="module")
def by_hand() -> tv.Sensitivity:
    return tv.sensitivity(THREE, "1", STEADY, replications=3, progress=False)


def rows(found: tv.Sensitivity) -> Any:
    """Return the table by field."""
    return found.table.set_index("field")


# -- a world that is known ---------------------------------------------------------------------------------


def test_failures_by_hand(by_hand: tv.Sensitivity) -> None:
    assert by_hand.interval.mean == 1
    table = by_hand.table
    assert table["field"].tolist()[:3] == ["publication timeout", "encoding time", "startup_time"]
    assert table["low_mean"].tolist()[:3] == [3, 0, 0]
    assert table["high_mean"].tolist()[:3] == [0, 2, 2]
    assert table["low_difference"].tolist()[:3] == [2, -1, -1]
    assert table["high_difference"].tolist()[:3] == [-1, 1, 1]
    assert table["high_difference_ci_low"].tolist()[:3] == [-1, 1, 1]
    assert table["high_ci_high"].tolist()[:3] == [0, 2, 2]
    assert table["matters"].tolist() == [True] * 3 + [False] * 3
    assert (table[["low_difference", "high_difference"]][3:] == 0).all(axis=None)


def test_the_values_in_words(by_hand: tv.Sensitivity) -> None:
    words = {name: (row["usual"], row["low"], row["high"]) for name, row in rows(by_hand).iterrows()}
    assert words == {
        "publication timeout": ("mean 8.2 s", "mean 7.38 s", "mean 9.02 s"),
        "encoding time": ("mean 4 s", "mean 3.6 s", "mean 4.4 s"),
        "startup_time": ("4", "3.6", "4.4"),
        "encoders": ("10", "9", "11"),
        "requests_per_second": ("2", "1.8", "2.2"),
        "publishing_queue_capacity": ("100", "90", "110"),
    }
    assert rows(by_hand)["of"].tolist() == ["catalogue", "catalogue", *["scenario"] * 4]


def test_the_result_in_sentences(by_hand: tv.Sensitivity) -> None:
    assert str(by_hand) == (
        "The most important of 6 fields moved by 10 % is publication timeout: published too late is 3 at mean "
        "7.38 s and 0 at mean 9.02 s, usually 1. Then follow encoding time and startup time. No difference is "
        "shown for encoders, requests per second and publishing queue capacity."
    )
    assert repr(by_hand) == "<Sensitivity of failed to 6 fields moved by 10 %>"
    page = by_hand._repr_html_()
    assert "<td>mean 7.38 s</td>" in page
    assert "Left out: publishing_time: off; until: off; arrivals: not a number;" in page


def test_another_share() -> None:
    """By a fifth, start-ups take 3.2 or 4.8 s, and the videos 5.2, 8.2, 8.2 or 6.8, 9.8, 9.8 s."""
    found = rows(tv.sensitivity(THREE, "1", STEADY, by=0.2, replications=2, progress=False))
    assert found.loc["startup_time", ["low", "high", "low_mean", "high_mean"]].tolist() == ["3.2", "4.8", 0, 3]
    assert found.loc["encoders", ["low", "high"]].tolist() == ["8", "12"]


def test_nothing_matters() -> None:
    found = tv.sensitivity([video(0, encoding=1, timeout=99)], "1", STEADY, replications=2, progress=False)
    assert str(found) == "Nothing that is moved by 10 % is shown to change published too late, usually 0."


# -- what is moved -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (10, 9, 11),
        (1, 0, 2),
        (12, 10, 14),
        (100, 90, 110),
        (2.0, 1.8, 2.2),
        ((1.0, 2.0), (0.9, 1.8), (1.1, 2.2)),
        (tv.Uniform(2, 6), tv.Uniform(1.8, 5.4), tv.Uniform(2.2, 6.6)),
        (tv.Profile([(0, 2.0)]), tv.Profile([(0, 1.8)]), tv.Profile([(0, 2.2)])),
        (True, None, None),
        ("even", None, None),
        (((1.0, 2.0, 3),), None, None),
        (None, None, None),
    ],
)
def test_how_far_a_value_is_moved(value: object, low: object, high: object) -> None:
    assert (_move(value, -0.1), _move(value, 0.1)) == (low, high)


class Own(tv.Distribution):
    """Ten or twenty seconds."""

    mean = 15.0

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(u < 0.5, 10.0, 20.0)


@pytest.mark.parametrize(
    "times",
    [
        tv.Constant(3),
        tv.Uniform(2, 6),
        tv.Triangular(2, 3, 6),
        tv.Exponential(4),
        tv.LogNormal(4, 0.5),
        tv.Gamma(4, 1),
        tv.Empirical([5, 2, 3]),
        as_distribution("times", scipy.stats.weibull_min(1.5, loc=1, scale=4)),
        as_distribution("times", scipy.stats.poisson(4)),
        Own(),
    ],
    ids=lambda times: str(times).split(" at ")[0],
)
def test_a_distribution_is_scaled(times: tv.Distribution) -> None:
    u = np.array([0.1, 0.4, 0.9])
    assert times.scaled(1.1).quantile(u) == pytest.approx(1.1 * times.quantile(u))
    assert times.scaled(1.1).mean == pytest.approx(1.1 * times.mean)


WIDER = tv.Scenario(
    encoders=[1.0, 2.0],
    requests_per_second=tv.Profile([(0, 2.0), (5, 1.0)]),
    startup_time=Own(),
    faults=tv.Faults(startup=0.2, attempts=1, ready_lifetime="exponential(300)"),
    hand_over=tv.RetryLater(after=1),
    broker=tv.Broker(latency=0.5),
    max_publishers=1,
)


def test_fields_within_fields_have_dotted_names() -> None:
    strategy = tv.STRATEGIES["just in time"].replace(name="own", prewarmed=1)
    found = tv.sensitivity(CATALOGUE, strategy, WIDER, replications=2, progress=False)
    words = {name: (row["low"], row["high"]) for name, row in rows(found).iterrows()}
    assert words["encoders"] == ("0.9, 1.8", "1.1, 2.2")
    assert words["requests_per_second"] == ("1.8 from 0 s, 0.9 from 5 s", "2.2 from 0 s, 1.1 from 5 s")
    assert words["faults.startup"] == ("0.18", "0.22")
    assert words["faults.ready_lifetime"] == ("exponential(270)", "exponential(330)")
    assert words["hand_over.after"] == ("0.9", "1.1")
    assert words["broker.latency"] == ("0.45", "0.55")
    assert words["lead.quantile"] == ("0.675", "0.825")
    assert words["prewarmed"] == ("0", "2")
    assert {row.field: row.label for row in found.rows}["faults.startup"] == "share of start-ups that fail"


def test_no_value_is_beyond_its_limit() -> None:
    """At least one publisher must be possible, and one attempt."""
    found = tv.sensitivity(CATALOGUE, "2c", WIDER, replications=2, progress=False)
    for name in ("max_publishers", "faults.attempts"):
        row = rows(found).loc[name]
        assert pd.isna(row["low"])
        assert np.isnan([row["low_mean"], row["low_difference"], row["low_difference_ci_high"]]).all()
        assert (row["usual"], row["high"]) == ("1", "2")


def test_what_is_left_out_and_why() -> None:
    sure = tv.Strategy("sure", prewarmed=0, dedicated_from=1.0, starts_on="encoding_started")
    found = tv.sensitivity(CATALOGUE, sure, tv.Scenario(startup_time=0), replications=2, progress=False)
    off, text = "off", "not a number"
    expected = {"startup_time": off, "arrivals": text, "until": off, "faults.startup": off, "broker": off}
    expected |= {"prewarmed": off, "queue_order": text, "dedicated": text}
    assert expected.items() <= found.left_out.items()
    assert not {*found.left_out} & {*found.table["field"]}
    assert "name" not in found.left_out
    assert rows(found).loc["dedicated_from", "low"] == "0.9"
    assert pd.isna(rows(found).loc["dedicated_from", "high"])


def test_a_field_that_has_no_other_value_is_left_out() -> None:
    class Fixed(tv.Strategy):
        def __init__(self, level: int) -> None:
            super().__init__("fixed", prewarmed=level)

    found = tv.sensitivity(CATALOGUE, Fixed(level=3), replications=2, progress=False)
    assert found.left_out["prewarmed"] == "no other value is possible"


def test_further_times_of_the_catalogue_are_moved() -> None:
    videos = [
        {"id": "a", "encodingTime": 1, "publicationTimeout": 9, "submittedAt": 10, "priority": 3},
        {"id": "b", "encodingTime": 1, "publicationTimeout": 9, "publishingTime": 2},
    ]
    found = rows(tv.sensitivity(videos, "1", STEADY, metric="makespan", replications=2, progress=False))
    assert found.loc["submitted at", ["usual", "low", "high"]].tolist() == [
        "mean 10 s",
        "mean 9 s",
        "mean 11 s",
    ]
    assert found.loc["submitted at", "high_difference"] == 1
    assert found.loc["publishing time", "high_difference"] == pytest.approx(0.2)
    assert "priority" not in found.index


# -- how it is simulated -----------------------------------------------------------------------------------


@pytest.mark.full
def test_a_world_is_the_one_that_replicate_simulates() -> None:
    how: dict[str, Any] = {"replications": 50, "seed": 7, "progress": False}
    row = rows(tv.sensitivity(CATALOGUE, "2c:8", by=0.2, **how)).loc["encoders"]
    usual = tv.replicate(CATALOGUE, "2c:8", **how)
    fewer = tv.replicate(CATALOGUE, "2c:8", tv.Scenario(encoders=8), **how)
    assert row["low_mean"] == fewer.interval("failed").mean
    difference = fewer.less(usual, "failed")
    columns = ["low_difference", "low_difference_ci_low", "low_difference_ci_high"]
    assert row[columns].tolist() == [difference.mean, difference.ci_low, difference.ci_high]


def test_a_pool_that_follows_the_rate_follows_the_one_that_is_moved() -> None:
    """A pool of 'rate' has 2 x 4 publishers, and at 2.2 requests a second 9."""
    strategy = tv.Strategy("own", prewarmed="rate")
    how: dict[str, Any] = {"replications": 5, "progress": False}
    found = rows(tv.sensitivity(CATALOGUE, strategy, metric="idle", **how))
    other = tv.replicate(CATALOGUE, "2c:9", tv.Scenario(requests_per_second=2.2), **how)
    assert found.loc["requests_per_second", "high_mean"] == other.interval("idle").mean


def test_engines_and_kept_results_give_the_same(tmp_path: Path) -> None:
    how: dict[str, Any] = {"replications": 5, "progress": False}
    world = tv.Scenario(startup_time=Own())
    first = tv.sensitivity(CATALOGUE, "2c", world, results=tmp_path, **how).table
    kept = tv.sensitivity(CATALOGUE, "2c", world, results=tmp_path, workers=2, **how).table
    pd.testing.assert_frame_equal(first, kept)
    other = tv.sensitivity(CATALOGUE, "2c", world, engine="simpy", **how).table
    pd.testing.assert_frame_equal(first, other)


def test_costs() -> None:
    """Each failure costs 5 in a world in which nothing else has a price."""
    prices = tv.Prices(failed=5)
    found = tv.sensitivity(THREE, "1", STEADY, metric="cost", prices=prices, replications=2, progress=False)
    assert found.interval.mean == 5
    assert rows(found).loc["publication timeout", ["low_mean", "high_mean"]].tolist() == [15, 0]
    with pytest.raises(tv.InputError, match="there is no cost without prices"):
        tv.sensitivity(THREE, "1", metric="cost")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"by": 0}, "by must be a finite number greater than 0, not 0"),
        ({"by": 1}, "by must be a share below 1, such as 0.1, not 1"),
        ({"metric": "fail"}, "metric must be one of 'published', .* not 'fail'"),
        ({"replications": 0}, "replications must be a whole number of at least 1"),
        ({"confidence": 1}, "confidence must be less than 1"),
    ],
)
def test_wrong_arguments(how: dict[str, Any], message: str) -> None:
    with pytest.raises(tv.InputError, match=message):
        tv.sensitivity(THREE, "1", **how)


# -- the chart ---------------------------------------------------------------------------------------------


def bars(ax: Axes) -> list[tuple[float, float, float | None]]:
    found = [cast("Rectangle", patch) for patch in ax.patches]
    return [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_alpha()) for bar in found]


def test_the_bars_by_hand(by_hand: tv.Sensitivity) -> None:
    ax = tv.plots.tornado(by_hand)
    assert bars(ax)[:6] == [(1, 3, 1), (1, 0, 1), (1, 0, 1), (1, 2, 1), (1, 0, 1), (1, 2, 1)]
    assert bars(ax)[6:] == [(1, 1, 0.3)] * 6
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[:3] == ["publication timeout: 8.2", "encoding time: 4", "startup time: 4"]
    places = {text.get_text(): text.xy for text in ax.texts if hasattr(text, "xy")}
    assert places["7.38"] == pytest.approx((3, 0.18))
    assert places["9.02"] == pytest.approx((0, -0.18))
    assert ax.get_title(loc="left") == "What matters most: published too late"


@pytest.mark.parametrize("width", [3.4, 8.0])
@pytest.mark.full
def test_the_values_are_within_the_figure_at_any_width(width: float) -> None:
    found = tv.sensitivity(CATALOGUE, "2c:6", WIDER, replications=20, progress=False)
    figure = Figure(figsize=(width, 2 + 0.5 * len(found.rows)), layout="constrained")
    ax = tv.plots.tornado(found, figure.add_subplot())
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    values = boxes[:-1]  # the last text is the line below the title
    assert not any(box.count_overlaps([one for one in values if one is not box]) for box in values)


def test_a_chart_needs_a_sensitivity_with_a_mean(by_hand: tv.Sensitivity) -> None:
    with pytest.raises(tv.InputError, match="needs what sensitivity gave, not 1"):
        tv.plots.tornado(1)  # type: ignore[arg-type]
    never = tv.Scenario(startup_time=4, until=1)
    endless = tv.sensitivity(THREE, "1", never, metric="elapsed_p99", replications=2, progress=False)
    with pytest.raises(tv.InputError, match="has no place in a chart"):
        tv.plots.tornado(endless)
