"""A metric against a parameter: what varies, what is drawn, and the names that are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import ConnectionPatch
from matplotlib.text import Annotation

import tv2sim as tv
from tv2sim.inference.intervals import Interval
from tv2sim.plots.line_charts import sweep_height
from tv2sim.plots.study import study_of, swept_by
from tv2sim.results.figures import scaled
from tv2sim.results.metrics import METRICS

pytestmark = pytest.mark.full

CATALOGUE = tv.read_catalogue(Path(__file__).parents[2] / "data" / "catalogue.jsonl")
SHORT = tv.generate_catalogue(12)
POOLS = [f"2c:{size}" for size in range(8, 16)]
GRID = {"encoders": [5, 10], "requests_per_second": [1, 2, 3, 4]}
WIDTHS = [9.0, 5.9]


def compared(strategies: Any, scenario: Any = None, **how: Any) -> tv.Comparison:
    return tv.compare(how.pop("catalogue", SHORT), strategies, scenario, replications=3, progress=False, **how)


@pytest.fixture(scope="module")
def encoders() -> tv.Comparison:
    return tv.compare(
        CATALOGUE, ["1", "2a", "2b", "2c"], {"encoders": [5, 10, 20]}, replications=5, progress=False
    )


@pytest.fixture(scope="module")
def grid() -> tv.Comparison:
    return tv.compare(CATALOGUE, ["2a", "2c"], GRID, replications=5, progress=False)


@pytest.fixture(scope="module")
def pools() -> tv.Comparison:
    return tv.compare(CATALOGUE, ["1", *POOLS], replications=5, progress=False)


def drawn(study: tv.Comparison, width: float, **how: Any) -> Axes:
    height = sweep_height(study, width, parameter=how.get("parameter"))
    return tv.plots.sweep(study, Figure((width, height), layout="constrained").add_subplot(), **how)


def panels(ax: Axes) -> list[Axes]:
    return ax.child_axes or [ax]  # type: ignore[return-value]


def data(line: Line2D) -> list[list[float]]:
    return np.asarray(line.get_xydata(), dtype=np.float64).tolist()  # type: ignore[no-any-return]


def means(panel: Axes) -> list[list[list[float]]]:
    """Give the points of each line in a panel, without level lines and bars."""
    return [data(line) for line in panel.lines if line.get_marker() not in ("None", "")]


def bars(panel: Axes) -> list[list[list[float]]]:
    return [data(line) for line in panel.lines if line.get_marker() == "None"]


def labels(ax: Axes) -> list[str]:
    """Give the names of lines in the order of the axes' height, the highest first."""
    return [text.get_text() for text in sorted(written(ax), key=lambda text: -text.get_position()[1])]


def written(ax: Axes) -> list[Annotation]:
    """Give the texts right of a panel."""
    every = [text for panel in {ax, *panels(ax)} for text in panel.texts]
    return [text for text in every if isinstance(text, Annotation) and text.xy[0] == 1]


def heads(ax: Axes) -> list[str]:
    return [panel.texts[0].get_text() for panel in panels(ax)]


def legend(ax: Axes) -> list[Any]:
    found = ax.get_legend()
    return [] if found is None else list(found.get_texts())


def overlapping(texts: Iterable[Any]) -> list[tuple[str, str]]:
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    return [(one, other) for (one, box), (other, second) in combinations(boxes, 2) if box.overlaps(second)]


def ticks(panel: Axes) -> list[str]:
    return [label.get_text() for label in panel.get_xticklabels()]


class TestWhatIsDrawn:
    def test_every_strategy_at_every_value_with_its_interval(self, encoders: tv.Comparison) -> None:
        ax = tv.plots.sweep(encoders)
        expected = [
            [scaled("on_time_rate", reps.interval("on_time_rate")) for cell, reps in encoders.cells.items()
             if cell.strategy == name]
            for name in ("1", "2a", "2b", "2c")
        ]  # fmt: skip
        assert means(ax) == [
            [[x, one.mean] for x, one in zip([5, 10, 20], line, strict=True)] for line in expected
        ]
        assert bars(ax) == [
            [[x, one.ci_low], [x, one.ci_high]]
            for line in expected
            for x, one in zip([5, 10, 20], line, strict=True)
        ]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("encoders", "on-time rate (%)")
        assert (ax.get_xscale(), ticks(ax)) == ("linear", ["5", "10", "20"])

    def test_a_panel_for_each_value_of_the_other_parameter(self, grid: tv.Comparison) -> None:
        ax = tv.plots.sweep(grid)
        assert heads(ax) == ["encoders=5", "encoders=10"]
        assert ax.get_xlabel() == "requests per second"
        for panel, encoders in zip(panels(ax), (5, 10), strict=True):
            worlds = [f"encoders={encoders}, requests_per_second={rate}" for rate in (1, 2, 3, 4)]
            assert means(panel) == [
                [
                    [rate, 100 * grid.select(scenario=world)[name].interval("on_time_rate").mean]
                    for rate, world in enumerate(worlds, start=1)
                ]
                for name in ("2a", "2c")
            ]
            assert len(bars(panel)) == 8
        assert len({panel.get_ylim() for panel in panels(ax)}) == 1

    def test_pools_are_one_line_and_others_are_level(self, pools: tv.Comparison) -> None:
        ax = tv.plots.sweep(pools, metric="failed")
        (line,) = means(ax)
        assert line == [[size, pools[f"2c:{size}"].interval("failed").mean] for size in range(8, 16)]
        level = data(ax.lines[0])
        assert [y for _, y in level] == [pools["1"].interval("failed").mean] * 2
        band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        interval = pools["1"].interval("failed")
        assert (band.y0, band.y1) == pytest.approx((interval.ci_low, interval.ci_high))
        assert labels(ax) == ["1", "2c:8 to 2c:15"]
        assert ax.get_xlabel() == "prewarmed publishers"

    def test_colours_are_those_of_other_charts(self, encoders: tv.Comparison, grid: tv.Comparison) -> None:
        for study in (encoders, grid):
            looks = study_of(study).strategies
            for panel in panels(tv.plots.sweep(study)):
                lines = [line for line in panel.lines if line.get_marker() not in ("None", "")]
                assert [line.get_color() for line in lines] == [look.colour for look in looks.values()]

    def test_any_metric(self, encoders: tv.Comparison) -> None:
        for metric in ("lateness_max", "any_failure"):
            assert METRICS[metric].label in tv.plots.sweep(encoders, metric=metric).get_ylabel()

    def test_what_is_not_a_number_is_a_place(self) -> None:
        study = compared(["1", "2a"], {"startup_time": ["uniform(2, 6)", "exponential(4)", 4]})
        ax = tv.plots.sweep(study)
        assert ticks(ax) == ["uniform(2, 6)", "exponential(4)", "4"]
        assert [[x for x, _ in line] for line in means(ax)] == [[0, 1, 2]] * 2

    def test_constant_times_are_numbers(self) -> None:
        ax = tv.plots.sweep(compared(["1", "2a"], {"startup_time": [6, 2]}))
        assert [[x for x, _ in line] for line in means(ax)] == [[2, 6]] * 2

    def test_even_decades_are_logarithmic(self) -> None:
        ax = tv.plots.sweep(compared("2c", {"publishing_queue_capacity": [1, 2, 5, 10, 20, 50, 100]}))
        assert ax.get_xscale() == "log"
        assert ticks(ax) == ["1", "2", "5", "10", "20", "50", "100"]

    def test_ticks_are_left_out_where_they_would_touch(self) -> None:
        ax = tv.plots.sweep(compared([f"2c:{size}" for size in [*range(0, 40), 400]]))
        shown = ax.get_xticklabels()
        assert 2 < len(shown) < 41
        assert ticks(ax)[0] == "0"
        assert not overlapping(shown)


class TestWhatVaries:
    def test_fields_are_read_from_the_scenarios_not_from_their_names(self) -> None:
        named = {"b": tv.Scenario(encoders=2), "a": tv.Scenario(encoders=1)}
        ax = tv.plots.sweep(compared(["1", "2a"], named))
        assert ax.get_xlabel() == "encoders"
        assert [x for x, _ in means(ax)[0]] == [1, 2]

    def test_the_numeric_parameter_with_the_most_values_is_the_default(self) -> None:
        study = compared(
            "2c", {"startup_time": ["uniform(2, 6)", "uniform(3, 5)", "exponential(4)"], "encoders": [1, 2]}
        )
        assert swept_by(study_of(study)).parameter == "encoders"
        assert swept_by(study_of(study), "startup_time").parameter == "startup_time"

    def test_a_field_of_a_strategy_of_ones_own(self) -> None:
        pools = [tv.PART_2C.replace(name=f"p{n}", prewarmed=3, review_every=n) for n in (9.0, 5.0)]
        swept = swept_by(study_of(compared(pools)))
        assert (swept.parameter, swept.values, swept.of) == ("review_every", [5.0, 9.0], "p5.0 to p9.0")

    def test_a_field_of_a_field(self) -> None:
        faults = [tv.Faults(startup=share, noticed_after=later) for later in (0, 2) for share in (0, 0.3, 0.1)]
        study = compared(["2a", "2c"], {"faults": faults, "encoders": [1, 2]})
        ax = tv.plots.sweep(study)
        assert (ax.get_xlabel(), len(panels(ax))) == ("share of start-ups that fail", 4)
        assert [x for x, _ in means(panels(ax)[0])[0]] == [0, 0.1, 0.3]
        assert "encoders=1 faults.noticed_after=2" in [" ".join(head.split()) for head in heads(ax)]
        assert swept_by(study_of(study), "faults.noticed_after").values == [0, 2]
        ax = tv.plots.sweep(study, parameter="faults.noticed_after")
        assert ax.get_xlabel() == "time until a failure is noticed (s)"
        assert ax.get_title(loc="left") == "On-time rate against time until a failure is noticed"
        with pytest.raises(
            tv.InputError, match=r"one of 'encoders', 'faults', 'faults\.startup', 'faults\.noticed"
        ):
            tv.plots.sweep(study, parameter="faults.publishing")

    def test_a_field_that_is_not_always_there(self) -> None:
        study = compared("1", {"hand_over": [None, tv.RetryLater(1), tv.RetryLater(2)]})
        assert swept_by(study_of(study), "hand_over.after").values == [None, 1, 2]
        assert swept_by(study_of(study)).parameter == "hand_over"

    def test_a_number_of_a_lead(self) -> None:
        rules = [tv.STRATEGIES["advance"].replace(name=f"{n}", lead=tv.Lead(encoding=n)) for n in (1, 3)]
        swept = swept_by(study_of(compared(rules)))
        assert (swept.parameter, swept.values) == ("lead.encoding", [1, 3])
        assert swept.label == "start before the end of the encoding (s)"

    def test_one_line_in_each_of_a_few_worlds(self) -> None:
        study = compared(["2c:2", "2c:3", "2c:4"], {"encoders": [1, 2]})
        ax = tv.plots.sweep(study)
        assert len(panels(ax)) == 1
        assert sorted(labels(ax)) == ["encoders=1", "encoders=2"]
        assert len(means(ax)) == 2
        assert ax.texts[0].get_text().endswith("; 2c:2 to 2c:4")

    def test_several_catalogues(self) -> None:
        study = compared(["1", "2a"], {"encoders": [1, 2]}, catalogue={"mon": SHORT, "tue": CATALOGUE})
        assert heads(tv.plots.sweep(study)) == ["mon", "tue"]

    def test_scenarios_that_are_no_grid(self) -> None:
        worlds = [
            tv.Scenario(encoders=n, requests_per_second=rate) for n, rate in [(1, 1), (2, 1), (3, 1), (9, 2)]
        ]
        ax = tv.plots.sweep(compared(["1", "2a"], worlds))
        assert heads(ax) == ["requests_per_second=1", "requests_per_second=2"]
        assert [[x for x, _ in line] for panel in panels(ax) for line in means(panel)] == [
            [1, 2, 3], [1, 2, 3], [9], [9]
        ]  # fmt: skip

    def test_samples_that_read_alike(self) -> None:
        samples = [tv.Empirical([1, 2, 4]), tv.Empirical([1, 3, 4])]
        worlds = [tv.Scenario(encoders=n, startup_time=sample) for sample in samples for n in (1, 2)]
        study = compared("2a", dict(zip("abcd", worlds, strict=True)))
        names = [" ".join(name.split()) for name in labels(tv.plots.sweep(study))]
        assert sorted(names) == [
            f"startup_time=empirical(3 samples from 1 to 4){again}" for again in ("", " (2)")
        ]

    @pytest.mark.parametrize(
        ("strategies", "scenario"),
        [
            (["1", "2a", "2b", "2c"], None),  # 1, 2a and 2b differ in a moment, which is no number
            ("2c", None),
            (["1", "2a"], [tv.Scenario(encoders=5), tv.Scenario(until=60)]),
            (["1", "2a"], {"a": tv.Scenario(), "b": tv.Scenario()}),
        ],
    )
    def test_nothing_varies(self, strategies: Any, scenario: Any) -> None:
        with pytest.raises(
            tv.InputError, match="there is no parameter to sweep, since no two scenarios differ"
        ):
            tv.plots.sweep(compared(strategies, scenario))

    def test_wrong_calls(self, grid: tv.Comparison) -> None:
        with pytest.raises(
            tv.InputError, match="parameter must be one of 'encoders', 'requests_per_second', not"
        ):
            tv.plots.sweep(grid, parameter="until")
        with pytest.raises(tv.InputError, match="metric must be one of"):
            tv.plots.sweep(grid, metric="speed")
        with pytest.raises(tv.InputError, match="there is no parameter to sweep"):
            tv.plots.sweep(tv.replicate(SHORT, replications=2, progress=False))  # type: ignore[arg-type]


class TestIntervals:
    """What an interval may be: absent, one-sided without end, or not symmetric."""

    @pytest.fixture
    def study(self) -> tv.Comparison:
        return compared(["1", "2a"], {"encoders": [1, 2, 3]})

    def given(self, monkeypatch: pytest.MonkeyPatch, study: tv.Comparison, values: list[Interval]) -> None:
        """Let the strategy 2a have these intervals."""
        of = dict(zip((id(r) for c, r in study.cells.items() if c.strategy == "2a"), values, strict=True))
        usual = Interval(5.0, 1.0, 4.0, 6.0)
        monkeypatch.setattr(tv.Replications, "interval", lambda reps, *_, **__: of.get(id(reps), usual))

    def test_a_point_without_an_interval(self, study: tv.Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
        none = Interval(3.0, math.nan, math.nan, math.nan)
        self.given(monkeypatch, study, [none] * 3)
        ax = tv.plots.sweep(study, metric="makespan")
        assert means(ax)[1] == [[1, 3], [2, 3], [3, 3]]
        assert np.isnan(np.array(bars(ax)[3:])[:, :, 1]).all()

    def test_not_symmetric_and_without_end(self, study: tv.Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given(
            monkeypatch, study,
            [Interval(3, 2, 2.5, 7), Interval(3, math.inf, 2, math.inf), Interval(4, 0, 4, 4)],
        )  # fmt: skip
        ax = tv.plots.sweep(study, metric="makespan")
        low, high = ax.get_ylim()
        assert (low, high) == pytest.approx((4.5 - 0.57 * 5, 4.5 + 0.57 * 5))
        assert [[y for _, y in bar] for bar in bars(ax)[3:]] == [[2.5, 7], [2, high], [4, 4]]

    def test_no_mean(self, study: tv.Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
        nan = math.nan
        nothing, late = Interval(nan, nan, nan, nan), Interval(math.inf, nan, nan, nan)
        self.given(monkeypatch, study, [nothing, late, nothing])
        ax = tv.plots.sweep(study, metric="makespan")
        assert labels(ax) == ["1", "2a: –"]
        assert len([one for one in ax.patches if isinstance(one, ConnectionPatch)]) == 1


class TestNames:
    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("name", ["encoders", "grid", "pools"])
    def test_each_line_once_without_overlap(
        self, name: str, width: float, request: pytest.FixtureRequest
    ) -> None:
        study = request.getfixturevalue(name)
        ax = drawn(study, width)
        names = ["1", "2c:8 to 2c:15"] if name == "pools" else list(study_of(study).strategies)
        assert sorted(labels(ax)) == sorted(names)
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        lowest = panels(ax)[-1]
        assert not overlapping([*written(ax), ax.xaxis.label, *lowest.get_xticklabels(), ax.texts[0]])
        box = figure.get_tightbbox()
        assert (box.x0, box.y0) >= (0, 0)
        assert box.x1 <= width

    def test_joined_to_the_ends_of_their_lines(self, encoders: tv.Comparison) -> None:
        ax = tv.plots.sweep(encoders)
        joints = [one for one in ax.patches if isinstance(one, ConnectionPatch)]
        assert [list(one.xy1) for one in joints] == [line[-1] for line in means(ax)]

    def test_a_legend_where_there_is_no_room(self) -> None:
        names = [f"a strategy with a name that is far too long, number {n}" for n in range(4)]
        study = compared([tv.PART_2A.replace(name=name) for name in names], {"encoders": [1, 2]})
        ax = tv.plots.sweep(study)
        assert not written(ax)
        assert len(legend(ax)) == 4

    def test_many_lines_make_a_legend(self) -> None:
        study = compared([tv.PART_2A.replace(name=f"s{n}") for n in range(30)], {"encoders": [1, 2]})
        assert [text.get_text() for text in legend(tv.plots.sweep(study))] == [f"s{n}" for n in range(30)]

    @pytest.mark.parametrize("width", WIDTHS)
    def test_heads_of_panels_are_complete_and_do_not_overlap(self, width: float) -> None:
        scenario = {
            "encoders": [1, 2], "requests_per_second": [1, 2],
            "startup_time": ["uniform(2, 6)", "lognormal(3, 0.5)"],
        }  # fmt: skip
        ax = drawn(compared(["1", "2a"], scenario), width)
        found = [" ".join(head.split()) for head in heads(ax)]
        assert found == [
            f"requests_per_second={rate} startup_time={time}"
            for rate in (1, 2)
            for time in ("uniform(2, 6)", "lognormal(3, 0.5)")
        ]
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        boxes = [panel.bbox for panel in panels(ax)]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        texts = [panel.texts[0] for panel in panels(ax)]
        assert not overlapping([*texts, ax.texts[0], *panels(ax)[0].get_xticklabels()])
        assert not any(text.get_window_extent().overlaps(box) for text in texts for box in boxes)

    def test_ticks_above_a_last_row_that_is_not_full(self) -> None:
        study = compared(["1", "2a"], {"encoders": [1, 2], "requests_per_second": [1, 2, 3]})
        ax = drawn(study, 5.0, parameter="encoders")
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        _, above, last = panels(ax)
        assert above.bbox.y0 > last.bbox.y1
        assert ticks(above) == ticks(last) == ["1", "2"]
        lowest = min(label.get_window_extent().y0 for label in above.get_xticklabels())
        assert lowest > last.texts[0].get_window_extent().y1

    def test_nasty_names(self) -> None:
        nasty = ["$x^2_{$", "_<b>&\n\x00"]
        study = compared([tv.PART_2A.replace(name=name) for name in nasty], {"encoders": [1, 2]})
        assert sorted(labels(tv.plots.sweep(study))) == ["$x^2_{$", "_<b>&"]


def test_pools_that_are_hardly_ever_late_are_on_the_scale_of_late_videos() -> None:
    study = tv.compare(CATALOGUE, ["2c:10", "2c:12", "2c:25"], replications=50, progress=False)
    ax = tv.plots.sweep(study)
    assert (ax.get_ylabel(), ax.get_yscale()) == ("late videos (%)", "log")
    ((_, *late),) = means(ax)
    share = 100 * (1 - study["2c:12"].interval("on_time_rate").mean)
    floor = ax.get_ylim()[0]
    assert late == [[12, pytest.approx(share)], [25, pytest.approx(floor)]]
    assert np.asarray(ax.collections[0].get_offsets()).tolist() == [[25, pytest.approx(floor)]]
    assert tv.plots.sweep(study, metric="failed").get_yscale() == "linear"
