"""The charts: what they draw, computed by hand for tiny cases, and what they leave alone."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Annotation, Text
from numpy.typing import NDArray

import tv2sim as tv
from tests.engines import test_micro_world as in_the_world
from tests.helpers.micro_scenarios import simulate
from tv2sim.inference.intervals import Interval
from tv2sim.plots import style
from tv2sim.plots.point_charts import efficient, tradeoff_height
from tv2sim.results.figures import estimate
from tv2sim.results.metrics import METRICS

failing = in_the_world.failing
CATALOGUE = tv.read_catalogue(Path(__file__).parents[2] / "data" / "catalogue.jsonl")
NASTY = "$x^2_{$ <script>alert(1)</script> & \x00\n_"


@pytest.fixture(scope="module")
def study() -> tv.Comparison:
    return tv.compare(CATALOGUE, replications=20, progress=False)


@pytest.fixture(scope="module")
def grid() -> tv.Comparison:
    """Three worlds with two strategies each."""
    return tv.compare(
        tv.generate_catalogue(20), ["1", "2a"], {"encoders": [1, 2, 3]}, replications=3, progress=False
    )


@pytest.fixture(scope="module")
def eight() -> tv.Comparison:
    """Eight worlds with three strategies each."""
    scenario = {"encoders": [5, 10], "requests_per_second": [1, 2, 3, 4]}
    return tv.compare(CATALOGUE, ["1", "2a", "2c"], scenario, replications=5, progress=False)


@pytest.fixture(scope="module")
def run() -> tv.Run:
    return tv.simulate(CATALOGUE, "2c")


@pytest.fixture(scope="module")
def pool() -> tv.Run:
    """Three videos, one encoder, a pool of 1, start-up 3.

    v0 0 -> 2, v1 2 -> 3, v2 3 -> 4. p0 is ready at 3 and takes v0 (elapsed 3), p1 at 6 takes v1 (elapsed 4 of
    2, late), p2 at 9 takes v2 (elapsed 6); p3 starts at 9, when the run ends.
    """
    return simulate([(2, 3), (1, 2), (1, 9)], tv.PART_2C.replace(prewarmed=1), 3)


@cache
def several_pools() -> tv.Comparison:
    """Two pools in two worlds, beside a strategy that has none."""
    return tv.compare(CATALOGUE, ["2a", "2c:8", "2c:12"], {"encoders": [5, 10]}, replications=3, progress=False)


@cache
def fitted() -> tv.Fit:
    return tv.fit(tv.Gamma(2, 2).quantile((np.arange(40) + 0.5) / 40))


@cache
def validated() -> tv.Validation:
    study = tv.compare(CATALOGUE, ["1", "2c"], replications=50, progress=False)
    return tv.validate(study, {"1": [54, 66, 61], "2c": [154, 153, 153, 120]})


@cache
def planned() -> tv.Plan:
    return tv.plan(CATALOGUE, "2c", vary={"prewarmed": [9, 12]}, target=0.9, replications=100, progress=False)


@cache
def moved() -> tv.Sensitivity:
    return tv.sensitivity(CATALOGUE, "2c", replications=20, progress=False)


def charts(study: tv.Comparison, run: tv.Run) -> dict[str, Callable[[Axes | None], Axes]]:
    return {
        "published_per_replication": lambda ax: tv.plots.published_per_replication(study, ax),
        "on_time_rates": lambda ax: tv.plots.on_time_rates(study, ax),
        "differences": lambda ax: tv.plots.differences(study, ax),
        "tradeoff": lambda ax: tv.plots.tradeoff(study, ax),
        "frontier": lambda ax: tv.plots.frontier(several_pools(), ax),
        "lateness": lambda ax: tv.plots.lateness([run], ax),
        "on_time_map": lambda ax: tv.plots.on_time_map(study["1"], ax),
        "sweep": lambda ax: tv.plots.sweep(several_pools(), ax),
        "convergence": lambda ax: tv.plots.convergence(study, ax),
        "costs": lambda ax: tv.plots.costs(study.priced(PRICES), ax),
        "timeline": lambda ax: tv.plots.timeline(run, ax),
        "levels": lambda ax: tv.plots.levels(run, ax),
        "tornado": lambda ax: tv.plots.tornado(moved(), ax),
        "plan": lambda ax: tv.plots.plan(planned(), ax),
        "qq": lambda ax: tv.plots.qq(fitted(), ax),
        "validation": lambda ax: tv.plots.validation(validated(), ax),
    }


NAMES = sorted(tv.plots.__all__)
PRICES = tv.Prices(starting=0.01, ready=0.02, start=0.1, failed=5)


def svg(ax: Axes) -> str:
    """Save the figure of an Axes as the report does."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    with mpl.rc_context({"svg.hashsalt": "tv2sim", "svg.fonttype": "none"}):
        figure.savefig(text := io.StringIO(), format="svg", metadata={"Date": None})
    return text.getvalue()


def texts(ax: Axes) -> list[str]:
    """Give the texts in and beside the chart, without the explanation below the title."""
    return [text.get_text() for text in ax.texts if not is_explanation(text)]


def explanation(ax: Axes) -> str:
    (text,) = filter(is_explanation, ax.texts)
    return text.get_text()


def is_explanation(text: Text) -> bool:
    return isinstance(text, Annotation) and text.xy == (0, 1) and text.get_fontsize() == style.SMALL


def xy(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_xydata(), dtype=np.float64)


def ticks(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def keys(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def points(ax: Axes) -> list[tuple[float, float, str, bool]]:
    """Give the single markers: where, which, and whether it is filled."""
    return [
        (float(x), float(y), str(line.get_marker()), line.get_markerfacecolor() != "white")
        for line in ax.lines
        if line.get_marker() != "None"
        for x, y in xy(line)
    ]


class TestEveryChart:
    def test_all_are_here(self, study: tv.Comparison, run: tv.Run) -> None:
        assert sorted(charts(study, run)) == NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_returns_the_axes_that_it_is_given(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        figure = Figure()
        ax = figure.add_subplot(2, 1, 1)
        assert charts(study, run)[name](ax) is ax
        assert svg(ax)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.full
    def test_makes_a_slide_and_says_what_is_seen(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        ax = charts(study, run)[name](None)
        figure = ax.get_figure()
        assert isinstance(figure, Figure)
        assert tuple(figure.get_size_inches()) == (8, 4.5)
        assert ax.get_title(loc="left")
        assert ax.get_xlabel()

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.full
    def test_stays_within_the_figure(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        ax = charts(study, run)[name](None)
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= 8
        assert box.y1 <= 4.5

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.full
    def test_letters_are_large_enough(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        ax = charts(study, run)[name](None)
        sizes = {
            float(text.get_fontsize()) for text in [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
        }
        assert min(sizes) >= (9 if name == "on_time_map" else 10)  # the numbers of videos are the small print

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.full
    def test_the_same_bytes_twice(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        chart = charts(study, run)[name]
        assert svg(chart(None)) == svg(chart(None))

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.full
    def test_leaves_the_global_settings_alone(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        def settings() -> dict[str, object]:  # to look at the backend would choose one
            return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}

        before = settings()
        charts(study, run)[name](None)
        assert settings() == before

    @pytest.mark.parametrize("name", NAMES)
    def test_an_axes_that_is_none(self, name: str, study: tv.Comparison, run: tv.Run) -> None:
        with pytest.raises(tv.InputError, match="ax must be a matplotlib Axes, not 'here'"):
            charts(study, run)[name]("here")  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", NAMES)
    def test_data_that_is_none(self, name: str) -> None:
        with pytest.raises(tv.InputError, match="not 3"):
            getattr(tv.plots, name)(3)

    @pytest.mark.full
    def test_pyplot_is_not_imported(self) -> None:
        code = """
import sys, tv2sim as tv
assert not any(name.startswith("matplotlib") for name in sys.modules)
catalogue = tv.generate_catalogue(5)
study = tv.compare(catalogue, replications=3, progress=False)
run = tv.simulate(catalogue)
for name in ("published_per_replication", "on_time_rates", "differences", "tradeoff", "convergence"):
    getattr(tv.plots, name)(study).figure.savefig("/dev/null", format="svg")
tv.plots.sweep(tv.compare(catalogue, ["2c:1", "2c:2"], replications=3, progress=False))
tv.plots.on_time_map(study["1"]), tv.plots.lateness(run), tv.plots.timeline(run), tv.plots.levels(run)
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", code], check=True)


class TestText:
    @pytest.mark.full
    def test_names_are_text(self) -> None:
        strategies = [tv.PART_1.replace(name=NASTY), tv.PART_2A.replace(name="_$hidden$")]
        study = tv.compare({"a$b$": CATALOGUE, "<b>": CATALOGUE}, strategies, replications=3, progress=False)
        one = tv.compare(CATALOGUE, strategies, replications=3, progress=False)
        runs = [tv.simulate(CATALOGUE, strategy) for strategy in strategies]
        of_studies = (
            tv.plots.published_per_replication, tv.plots.on_time_rates, tv.plots.differences, tv.plots.tradeoff,
            tv.plots.convergence,
        )  # fmt: skip
        made = [chart(part) for part in (study, one) for chart in of_studies]
        made += [tv.plots.costs(part.priced(PRICES)) for part in (study, one)]
        made += [tv.plots.timeline(runs[0]), tv.plots.levels(runs[0]), tv.plots.on_time_map(one[NASTY])]
        for ax in [*made, tv.plots.lateness(runs)]:
            drawn = svg(ax)
            assert "<script>" not in drawn
            assert "\x00" not in drawn
        assert "alert(1)" in svg(tv.plots.lateness(runs))
        assert keys(tv.plots.lateness(runs))[1].startswith("_$hidden$")
        assert ticks(tv.plots.on_time_rates(one)) == ["$x^2_{$\n<script>alert(1)</script>…", "_$hidden$"]

    @pytest.mark.parametrize(
        ("interval", "text"),
        [
            (Interval(62.25, 0.288, 61.962, 62.538), "62.25 ± 0.29"),
            (Interval(1234.5, 56.7, 1177.8, 1291.2), "1,234 ± 57"),
            (Interval(154.0, 5.6, 148.4, 154.0), "154 (148 to 154)"),
            (Interval(7.0, 0.0, 7.0, 7.0), "7"),
            (Interval(7.0, math.nan, math.nan, math.nan), "7"),
            (Interval(math.nan, math.nan, math.nan, math.nan), "–"),
        ],
    )
    def test_estimates_with_the_decimals_that_they_deserve(self, interval: Interval, text: str) -> None:
        assert estimate("published", interval) == text

    def test_shares_in_percent(self) -> None:
        assert estimate("on_time_rate", Interval(0.4053, 0.0014, 0.4039, 0.4067)) == "40.53 ± 0.14 %"

    def test_folding(self) -> None:
        assert style.fold("one two three", 8) == "one two\nthree"
        assert style.fold("one two three four", 8, 1) == "one two…"
        assert style.fold("a\tb\n\x07c", 9) == "a b c"
        assert style.fold("", 9) == "…"


class TestPublished:
    def test_histograms_and_means(self, study: tv.Comparison) -> None:
        ax = tv.plots.published_per_replication(study)
        assert ticks(ax) == ["1", "2a", "2b", "2c"]
        steps = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
        for number, (name, patch) in enumerate(zip(ticks(ax), steps, strict=True)):
            heights, edges, baseline = patch.get_data()
            counts = np.histogram(study[name].values("published"), edges)[0]
            assert heights - baseline == pytest.approx(0.55 * counts / counts.max())
            assert baseline == -number - 0.12
            assert {edge % 1 for edge in edges} == {0.5}
        means = [study[name].interval("published").mean for name in ticks(ax)]
        assert [x for x, *_ in points(ax)] == means
        assert texts(ax) == [estimate("published", study[name].interval("published")) for name in ticks(ax)]

    def test_10_000_videos_have_no_more_bars_than_can_be_seen(self) -> None:
        catalogue = tv.generate_catalogue(2000)
        ax = tv.plots.published_per_replication(
            tv.compare(catalogue, ["1", "2a"], replications=3, progress=False)
        )
        _, edges, _ = ax.patches[0].get_data()  # type: ignore[attr-defined]
        assert len(edges) <= 162

    def test_groups_have_headings(self, grid: tv.Comparison) -> None:
        ax = tv.plots.published_per_replication(grid)
        assert ticks(ax) == ["1", "2a"] * 3
        assert [text for text in texts(ax) if "=" in text] == ["encoders=1", "encoders=2", "encoders=3"]

    def test_one_strategy_in_several_worlds(self) -> None:
        study = tv.compare(CATALOGUE, "2a", {"encoders": [5, 10]}, replications=2, progress=False)
        assert ticks(tv.plots.on_time_rates(study)) == ["encoders=5", "encoders=10"]

    def test_many_rows_make_a_taller_figure(self) -> None:
        strategies = [tv.PART_2C.replace(name=f"a pool of {n} publishers", prewarmed=n) for n in range(1, 31)]
        study = tv.compare(tv.generate_catalogue(5), strategies, replications=2, progress=False)
        ax = tv.plots.on_time_rates(study)
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
        assert all(low.y1 <= high.y0 for high, low in pairwise(boxes))


class TestRatesAndDifferences:
    def test_rates_and_their_intervals(self, study: tv.Comparison) -> None:
        ax = tv.plots.on_time_rates(study)
        bars = [line for line in ax.lines if len(xy(line)) == 2]
        for number, (name, bar) in enumerate(zip(ticks(ax), bars, strict=True)):
            interval = study[name].interval("on_time_rate")
            assert xy(bar)[:, 0] == pytest.approx([100 * interval.ci_low, 100 * interval.ci_high])
            assert points(ax)[number][:2] == pytest.approx((100 * interval.mean, -number))

    def test_differences_with_verdicts(self, study: tv.Comparison) -> None:
        ax = tv.plots.differences(study)
        assert ticks(ax) == ["2a", "2b", "2c"]
        frame = study.differences.query("metric == 'on_time_rate'")
        assert [x for x, *_ in points(ax)] == pytest.approx((100 * frame["mean"]).tolist())
        assert [(marker, filled) for *_, marker, filled in points(ax)] == [
            ("^", True),
            ("o", False),
            ("^", True),
        ]
        written = [
            estimate("on_time_rate", one.interval, difference=True)
            for one in study.compared
            if one.metric == "on_time_rate"
        ]
        assert [text.split("\n")[1] for text in texts(ax)] == written
        verdicts = [text.split("\n")[0] for text in texts(ax)]
        assert verdicts == frame["verdict"].tolist() == ["better", "no difference shown", "better"]
        assert xy(ax.lines[0])[:, 0].tolist() == [0, 0]

    def test_what_is_worse_points_down(self, study: tv.Comparison) -> None:
        ax = tv.plots.differences(study, metric="idle")
        assert [marker for *_, marker, _ in points(ax)] == ["v", "o", "v"]
        assert ax.get_xlabel() == "difference in idle (s)"

    def test_wrong_calls(self, study: tv.Comparison) -> None:
        with pytest.raises(tv.InputError, match=r"metric must be one of 'published', .*, not 'speed'"):
            tv.plots.differences(study, metric="speed")
        with pytest.raises(tv.InputError, match="only its baseline, '1'"):
            tv.plots.differences(tv.compare(CATALOGUE, "1", replications=2, progress=False))
        with pytest.raises(tv.InputError, match="needs what compare gave"):
            tv.plots.differences(study["1"])  # type: ignore[arg-type]

    def test_one_replication(self) -> None:
        study = tv.compare(CATALOGUE, ["1", "2a"], replications=1, progress=False)
        for chart in (tv.plots.differences, tv.plots.tradeoff, tv.plots.published_per_replication):
            assert svg(chart(study))


class TestTradeoff:
    def test_the_frontier(self) -> None:
        cases = np.array([[0, 40], [0, 40], [5, 40], [5, 80], [4, 79], [9, 80]])
        assert efficient(cases).tolist() == [[0, 40], [4, 79], [5, 80]]

    def test_points_frontier_and_labels(self, study: tv.Comparison) -> None:
        ax = tv.plots.tradeoff(study)
        names = ["1", "2a", "2b", "2c"]
        means = [
            (study[name].interval("idle").mean, 100 * study[name].interval("on_time_rate").mean)
            for name in names
        ]
        assert np.array([(x, y) for x, y, *_ in points(ax)]) == pytest.approx(np.array(means))
        front = next(line for line in ax.lines if line.get_linestyle() == "--")
        assert xy(front) == pytest.approx(np.unique(means, axis=0))
        assert sorted(texts(ax)) == ["1, 2b", "2a", "2c"]

    def test_a_dominated_point_is_hollow(self) -> None:
        pools = [tv.PART_2C.replace(name=str(n), prewarmed=n) for n in (15, 30)]
        ax = tv.plots.tradeoff(tv.compare(CATALOGUE, pools, replications=5, progress=False, control=False))
        assert [filled for *_, filled in points(ax)] == [True, False]

    @pytest.mark.full
    def test_labels_do_not_overlap(self) -> None:
        pools = [tv.PART_2C.replace(name=f"pool {n}", prewarmed=n) for n in (4, 6, 7, 8, 9, 10, 12, 14)]
        ax = tv.plots.tradeoff(tv.compare(CATALOGUE, pools, replications=50, progress=False))
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("pool")]
        assert len(boxes) == 8
        assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[:n])

    def test_a_legend_where_labels_find_no_room(self) -> None:
        pools = [
            tv.PART_2C.replace(name=f"a pool with a long name of {n} publishers", prewarmed=n)
            for n in range(10, 30)
        ]
        ax = tv.plots.tradeoff(tv.compare(CATALOGUE, pools, replications=2, progress=False))
        assert len(keys(ax)) == 20
        assert not texts(ax)

    def test_several_worlds_are_numbered(self, grid: tv.Comparison) -> None:
        ax = tv.plots.tradeoff(grid)
        assert keys(ax) == ["1", "2a", "1: encoders=1", "2: encoders=2", "3: encoders=3"]

    def test_points_that_several_worlds_share_have_one_label(self) -> None:
        # encoders do not matter to a publisher that starts with the encoding, or when it ends
        scenario = {"encoders": [5, 10, 20]}
        study = tv.compare(CATALOGUE, ["1", "2a", "2b", "2c"], scenario, replications=5, progress=False)
        ax = tv.plots.tradeoff(study)
        assert sorted(filter(None, texts(ax))) == ["1", "1–3", "1–3", "2, 3"]
        assert len(points(ax)) == 12

    @pytest.mark.parametrize("width", [9.0, 5.9])
    def test_every_point_of_a_grid_is_labelled_once(self, eight: tv.Comparison, width: float) -> None:
        figure = Figure((width, tradeoff_height(eight, width)), layout="constrained")
        ax = tv.plots.tradeoff(eight, figure.add_subplot())
        written = [text for text in ax.texts if text.get_text() and not is_explanation(text)]
        at = {text.xy: text.get_text() for text in written}  # type: ignore[attr-defined]
        assert len(at) == len(written)
        expected: dict[tuple[float, ...], set[int]] = {}
        for number, world in enumerate(eight.worlds(), start=1):
            for reps in world.strategies.values():
                place = (reps.interval("idle").mean, 100 * reps.interval("on_time_rate").mean)
                expected.setdefault(tuple(np.round(place, 9).tolist()), set()).add(number)
        assert {place: numbers(text) for place, text in at.items()} == expected
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in written]
        assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[:n])
        assert len(set(keys(ax))) == 11
        assert figure.get_tightbbox().x1 <= width

    def test_points_too_close_to_be_numbered(self) -> None:
        scenario = {"startup_time": [3 + n / 1000 for n in range(40)]}
        study = tv.compare(tv.generate_catalogue(9), "2c", scenario, replications=2, progress=False)
        ax = tv.plots.tradeoff(study)
        assert not texts(ax)
        assert explanation(ax).endswith("too close to be numbered")
        assert keys(ax) == ["2c"]


def numbers(label: str) -> set[int]:
    """Read a label such as "1–3, 5"."""
    runs = [[int(end) for end in part.split("–")] for part in label.split(", ")]
    return {number for run in runs for number in range(run[0], run[-1] + 1)}


class TestLateness:
    def test_steps_by_hand(self, pool: tv.Run) -> None:
        ax = tv.plots.lateness({"mine": [pool]})
        x, y = xy(ax.lines[0]).T.tolist()
        assert x[1:-1] == [-3, 0, 2]  # elapsed 6 of 9, 3 of 3, 4 of 2
        assert y[1:-1] == pytest.approx([100 / 3, 200 / 3, 100])
        assert keys(ax) == ["mine: 66.7 % on time"]

    def test_runs_without_publications(self) -> None:
        run = simulate([(1, 1)], tv.PART_2C.replace(prewarmed=0), 1)
        ax = tv.plots.lateness(run)
        assert keys(ax) == ["2c: 0.0 % on time"]
        assert explanation(ax).replace("\n", " ").endswith("; 1 never published")

    def test_many_steps_keep_the_height_at_zero(self) -> None:
        run = tv.simulate(tv.generate_catalogue(5000), "2a")
        x, y = xy(tv.plots.lateness(run).lines[0]).T
        assert len(x) < 2100
        assert y[np.searchsorted(x, 0, side="right") - 1] == pytest.approx(100 * run.summary["on_time_rate"])

    def test_no_runs(self) -> None:
        with pytest.raises(tv.InputError, match="at least one run"):
            tv.plots.lateness({})
        with pytest.raises(tv.InputError, match="at least one run"):
            tv.plots.lateness({"a": []})


class TestMap:
    def records(self, *clips: tuple[float, float]) -> list[dict[str, Any]]:
        return [
            {"id": str(n), "title": "", "provider": "", "encodingTime": encoding, "publicationTimeout": timeout}
            for n, (encoding, timeout) in enumerate(clips)
        ]

    def reps(self, *clips: tuple[float, float]) -> tv.Replications:
        scenario = tv.Scenario(startup_time=3)
        return tv.replicate(self.records(*clips), "1", scenario, replications=2, progress=False)

    def mesh(self, ax: Axes) -> Any:
        (mesh,) = (one for one in ax.collections if isinstance(one, QuadMesh))
        array = mesh.get_array()
        assert array is not None
        return np.ma.filled(array.astype(float), np.nan)

    def test_cells_by_hand(self) -> None:
        # elapsed is the encoding time and 3 s: timeouts of 4 are late, of 5 just in time after 2 s of encoding
        ax = tv.plots.on_time_map(self.reps((1, 4), (1, 4), (2, 4), (2, 7)))
        np.testing.assert_array_equal(self.mesh(ax), [[1, np.nan, np.nan, np.nan][:2], [0, 1]])
        assert texts(ax) == ["100", "2", "0", "1", "100", "1"]

    def test_whole_steps_keep_their_places(self) -> None:
        ax = tv.plots.on_time_map(self.reps((1, 4), (2, 6), (4, 9)))
        assert self.mesh(ax).shape == (4, 6)
        assert ticks(ax) == ["1", "2", "3", "4"]
        assert ax.get_xlim() == (3.5, 9.5)

    def test_few_odd_values_stand_side_by_side(self) -> None:
        ax = tv.plots.on_time_map(self.reps((1, 4), (1.1, 60), (7.7, 9)))
        assert self.mesh(ax).shape == (3, 3)
        assert ticks(ax) == ["1", "1.1", "7.7"]

    def test_many_values_are_put_together(self) -> None:
        clips = [(0.37 * n + 0.01 * n * n, 5 + 0.71 * n) for n in range(50)]
        mesh = self.mesh(tv.plots.on_time_map(self.reps(*clips)))
        assert max(mesh.shape) <= 16
        assert np.isfinite(mesh).sum() > 5

    def test_every_video_is_counted(self, study: tv.Comparison) -> None:
        ax = tv.plots.on_time_map(study["2a"])
        assert sum(int(text) for text in texts(ax)[1::2]) == 154


class TestConvergence:
    @pytest.mark.parametrize("metric", METRICS)
    def test_ends_with_the_study_s_interval(self, study: tv.Comparison, metric: str) -> None:
        reps = study["2c"].priced(PRICES)
        ax = tv.plots.convergence(reps, metric=metric)
        interval, scale = reps.interval(metric), 100 if METRICS[metric].unit == "%" else 1
        assert xy(ax.lines[0])[-1] == pytest.approx([20, scale * interval.mean])
        (band,) = (one for one in ax.collections if isinstance(one, PolyCollection))
        if np.isnan(interval.half_width):
            return
        ends = [y for path in band.get_paths() for x, y in np.array(path.vertices).tolist() if x == 20]
        assert (min(ends), max(ends)) == pytest.approx((scale * interval.ci_low, scale * interval.ci_high))

    def test_the_mean_of_the_first(self, study: tv.Comparison) -> None:
        x, y = xy(tv.plots.convergence(study["1"]).lines[0]).T
        values = study["1"].values("on_time_rate")
        assert y == pytest.approx([100 * values[: int(n)].mean() for n in x])

    def test_wrong_calls(self, study: tv.Comparison) -> None:
        with pytest.raises(tv.InputError, match="metric must be one of"):
            tv.plots.convergence(study, metric="speed")
        with pytest.raises(tv.InputError, match="at least 2 replications"):
            tv.plots.convergence(tv.replicate(CATALOGUE, replications=1, progress=False))


def bars(ax: Axes, name: str) -> list[tuple[float, ...]]:
    """Give the bars of one kind: from, to, and the middle of the row."""
    found = [one for one in ax.collections if one.get_label() == name]
    boxes = [path.get_extents() for one in found for path in one.get_paths()]
    return [(box.x0, box.x1, round((box.y0 + box.y1) / 2, 9)) for box in boxes]


def marks(ax: Axes, name: str) -> list[list[float]]:
    return [point for line in ax.lines if line.get_label() == name for point in xy(line).tolist()]


class TestTimeline:
    def test_bars_by_hand(self, pool: tv.Run) -> None:
        ax = tv.plots.timeline(pool)
        row = 2.2  # of publishers, below one encoder and a gap
        assert bars(ax, "encoding") == [(0, 2, 0), (2, 3, 0), (3, 4, 0)]
        assert bars(ax, "publisher starting") == [(0, 3, row), (3, 6, row), (6, 9, row)]
        assert bars(ax, "publisher ready, idle") == []
        assert marks(ax, "published in time") == [[3, row], [9, row]]
        assert marks(ax, "published late") == [[6, row]]
        assert texts(ax) == ["v0", "v1", "v2", "p0", "p1", "p2"]
        assert explanation(ax) == "2 of 3 videos published in time, 1 late"
        assert keys(ax) == ["encoding", "publisher starting", "published in time", "published late"]

    def test_idle_publishers_blocked_encoders_and_publishing(self) -> None:
        # p0 idles from 1 to 1.5, and publishes v1 until 2.5; no queue: v0 keeps its encoder until p1 is ready
        pool = tv.PART_2C.replace(prewarmed=1)
        run = simulate([(2, 9), (1, 9)], pool, 1, encoders=2, publishing_time=1, capacity=0)
        ax = tv.plots.timeline(run)
        taken = run.videos["assigned"].tolist()
        assert bars(ax, "encoding") == [(0, 2, 0), (0.5, 1.5, 1)]
        first = run.publishers.iloc[0]
        assert bars(ax, "publisher ready, idle")[0] == (first["ready"], first["assigned"], 3.2)
        assert bars(ax, "publishing")[0][:2] == (first["assigned"], first["ended"])
        blocked = [(end, leave) for end, leave in zip([2, 1.5], taken, strict=True) if leave > end]
        assert [bar[:2] for bar in bars(ax, "encoder kept waiting")] == blocked
        assert blocked

    def test_encoders_that_die(self) -> None:
        faults = tv.Faults(encoder_lifetime=3, encoder_repair=1)
        run = simulate([(2, 99), (2, 6), (0.5, 99)], "1", 2, faults=faults)
        ax = tv.plots.timeline(run)
        # v1 loses its encoder at 3 and starts over at 4; the encoder dies again at 7
        assert bars(ax, "encoding") == [(0, 2, 0), (4, 6, 0), (6, 6.5, 0)]
        assert bars(ax, "encoding interrupted") == [(2, 3, 0)]
        assert bars(ax, "encoder down") == [(3, 4, 0), (7, 8, 0)]
        assert texts(ax)[:4] == ["v0", "v1", "v2", "v1"]

    def test_a_video_that_survives_its_encoder(self) -> None:
        faults = tv.Faults(encoder_lifetime=2, encoder_repair=9)
        run = simulate([(1, 99)], "2c:1", 50, capacity=0, faults=faults, until=6)
        assert run.videos["encoded"].tolist() == [1]
        ax = tv.plots.timeline(run)
        # it is encoded and stays in its encoder, which dies at 2
        assert bars(ax, "encoding") == [(0, 1, 0)]
        assert bars(ax, "encoder kept waiting") == [(1, 6, 0)]
        assert bars(ax, "encoding interrupted") == []
        assert bars(ax, "encoder down") == [(2, 6, 0)]

    def test_publishers_that_fail(self, failing: in_the_world.Failing) -> None:
        # p0 fails at 2 as it starts up, p1 at 6 when it publishes, and p2, started at 4, at 6 as it starts up
        failing(
            STARTUP_FAILURE_OF_SLOT=[(0, 0)], STARTUP_FAILURE_FOR_VIDEO=[(0, 0)], PUBLISHING_FAILURE=[(0, 0)]
        )
        faults = tv.Faults(startup=0.5, publishing=0.5, attempts=1)
        run = simulate([(1, 99)], "2c:1", 2, publishing_time=2, faults=faults)
        assert run.publishers["outcome"].tolist()[:3] == ["failed"] * 3
        ax = tv.plots.timeline(run)
        assert bars(ax, "publisher starting")[:2] == [(0, 2, 2.2), (2, 4, 2.2)]
        assert bars(ax, "publishing") == [(4, 6, 2.2)]
        assert marks(ax, "publisher failed") == [[2, 2.2], [6, 2.2], [6, 3.2]]
        assert explanation(ax) == "0 of 1 videos published in time, 0 late, 1 not at all"

    def test_a_video_that_is_delivered_again(self, failing: in_the_world.Failing) -> None:
        # v0 is published at 2 by p0, and at 3 by p1, which is started then because of the redelivery
        failing(ACKNOWLEDGEMENT_LOSS=[(0, 0)])
        broker = tv.Broker(acknowledgement_loss=0.5, redelivered_after=1)
        run = simulate([(1, 9), (5, 9)], "1", 1, encoders=2, broker=broker)
        assert run.publishers["ended"].tolist() == [2, 4, 6.5]
        ax = tv.plots.timeline(run)
        assert marks(ax, "published in time") == [[2, 3.2], [6.5, 3.2]]
        assert marks(ax, "published again") == [[4, 3.2]]

    def test_without_an_encoding_stage(self) -> None:
        ax = tv.plots.timeline(simulate([(2, 9)], "2c:1", 1, encoders=None))
        assert ticks(ax) == ["publishers"]
        assert bars(ax, "publisher starting")[0] == (0, 1, 0)

    def test_an_unfinished_run(self) -> None:
        run = simulate([(2, 9), (9, 9)], "1", 3, until=4)
        ax = tv.plots.timeline(run)
        assert bars(ax, "encoding") == [(0, 2, 0), (2, 4, 0)]
        assert explanation(ax) == "0 of 2 videos published in time, 0 late; 2 unfinished (cut-off at 4 s)"

    def test_no_publisher_at_all(self) -> None:
        ax = tv.plots.timeline(simulate([(1, 9)], tv.PART_2C.replace(prewarmed=0), 3))
        assert ticks(ax)[-1] == "no publisher"

    def test_all_of_the_154_videos(self, run: tv.Run) -> None:
        ax = tv.plots.timeline(run)
        assert len(bars(ax, "encoding")) == 154
        assert len(marks(ax, "published in time")) == run.stats["published"]
        assert len(marks(ax, "published late")) == run.stats["publish_failed"]

    def test_a_window(self, run: tv.Run) -> None:
        ax = tv.plots.timeline(run, until=30)
        assert ax.get_xlim() == (0, 30)
        assert max(end for _, end, _ in bars(ax, "encoding")) == 30
        assert "shown: first 30 of 80 s" in explanation(ax)
        with pytest.raises(tv.InputError, match="until must be a finite number greater than 0, not -1"):
            tv.plots.timeline(run, until=-1)

    def test_a_long_run_is_cut_to_what_can_be_seen(self) -> None:
        pool = tv.PART_2C.replace(prewarmed=300)
        run = tv.simulate(tv.generate_catalogue(6000), pool, tv.Scenario(encoders=100, requests_per_second=20))
        ax = tv.plots.timeline(run)
        assert len(bars(ax, "encoding")) <= 201
        assert ticks(ax) == ["encoders\n(40 of 100)", "publishers\n(40 of 300)"]
        assert len(bars(tv.plots.timeline(run, until=1e9), "encoding")) <= 5001


class TestLevels:
    def test_lanes_of_what_can_be(self) -> None:
        lanes = [*map(str.split, ticks(tv.plots.levels(tv.simulate(CATALOGUE))))]
        assert lanes == [*map(str.split, ("publishers ready", "publishers starting",
                                          "videos in the publishing queue", "encoders busy"))]  # fmt: skip
        world = tv.Scenario(publishing_time=1, faults=tv.Faults(encoder_lifetime=9))
        more = {" ".join(name.split()) for name in ticks(tv.plots.levels(tv.simulate(CATALOGUE, "2c", world)))}
        assert more - {" ".join(lane) for lane in lanes} == {"encoders down", "publishers busy"}
        without = ticks(tv.plots.levels(tv.simulate(CATALOGUE, "2c", tv.Scenario(encoders=None))))
        assert len(without) == 3

    def test_lanes_by_hand(self, pool: tv.Run) -> None:
        ax = tv.plots.levels(pool)
        lanes = [patch.get_data() for patch in ax.patches if isinstance(patch, StepPatch)]
        names = ["publishers_ready", "publishers_starting", "publishing_queue", "encoders_busy"]
        for number, (name, (values, edges, baseline)) in enumerate(zip(names, lanes, strict=True)):
            expected = pool.levels[name].to_numpy()
            assert baseline == number
            assert edges.tolist() == [*pool.levels["time"], pool.end]
            assert values == pytest.approx(number + 0.78 * expected / max(expected.max(), 1))
        # an encoder for 4 of 9 s; v0 waits from 2 to 3, v1 from 3 to 6, v2 from 4 to 9: at most two at once
        assert texts(ax) == ["always 0", "peak 1\nmean 1", "peak 2\nmean 1", "peak 1\nmean 0.444"]

    def test_a_window(self, run: tv.Run) -> None:
        ax = tv.plots.levels(run, until=30)
        assert ax.get_xlim() == (0, 30)
        assert "first 30 of 80 s" in explanation(ax)

    def test_a_long_run_shows_least_and_most(self) -> None:
        run = tv.simulate(tv.generate_catalogue(3000), "2c")
        assert len(run.levels) > 4000
        lanes = [patch.get_data() for patch in tv.plots.levels(run).patches if isinstance(patch, StepPatch)]
        most, least = lanes[-2][0] - 3, lanes[-1][0] - 3
        assert len(most) == len(least) == 400
        assert (least <= most).all()
        busy = run.levels["encoders_busy"][:-1]  # the last one lasts for no time
        assert (most.max(), least.min()) == pytest.approx((0.78, 0.78 * busy.min() / busy.max()), abs=1e-9)


class TestLateVideos:
    """Strategies that publish nearly everything differ on a logarithmic scale of late videos."""

    @pytest.mark.parametrize(
        ("strategies", "label"),
        [
            (["2a", "2c"], "on-time rate (%)"),
            (["1", "2c:12", "2c:14"], "late videos (%)"),
            (["2c:12"], "late videos (%)"),
            (["2a"], "on-time rate (%)"),
        ],
    )
    def test_they_are_shown_where_two_or_the_only_one_are_above_99_percent(
        self, strategies: list[str], label: str
    ) -> None:
        study = tv.compare(tv.generate_catalogue(), strategies, replications=100, progress=False)
        ax = tv.plots.on_time_rates(study)
        assert ax.get_xlabel() == label
        assert ax.get_xscale() == ("log" if "late" in label else "linear")

    def test_their_shares_and_a_triangle_where_none_is(self) -> None:
        study = tv.compare(tv.generate_catalogue(), ["2c:12", "2c:25"], replications=100, progress=False)
        ax = tv.plots.on_time_rates(study)
        rate = study["2c:12"].interval("on_time_rate").mean
        (late, none) = points(ax)
        assert late[0] == pytest.approx(100 * (1 - rate))
        assert late[3]
        assert none[0] == pytest.approx(ax.get_xlim()[0]) == pytest.approx(1e-4)
        assert none[2:] == ("<", False)
        assert any(text.startswith("0.00") for text in texts(ax))

    def test_nothing_that_could_be_late_has_no_such_scale(self) -> None:
        """Each start-up takes 1 s, and each video can wait for 9 s."""
        records = [{"id": str(k), "encodingTime": 1, "publicationTimeout": 9} for k in range(5)]
        study = tv.compare(records, ["2a", "1"], tv.Scenario(startup_time=1), replications=20, progress=False)
        assert tv.plots.on_time_rates(study).get_xscale() == "linear"
