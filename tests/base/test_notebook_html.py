"""What a notebook shows of each object: tables and charts that are right, escaped, and fit any theme."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import tv2sim as tv
from tv2sim.base.notebook_html import MARK, display, histogram, meter, paragraph, steps, strong, table, whisker
from tv2sim.results.figures import estimate, heading
from tv2sim.results.metrics import MAIN

ROOT = Path(__file__).parents[2]
NASTY = "<script>alert('1')</script> & \x1b\u202e"
NASTY_SHOWN = "<script>alert('1')</script> & \\x1b\\u202e"


def videos(*times: tuple[float, float], title: str = "t") -> tv.Catalogue:
    made = [tv.Video(f"v{row}", title, "p", *pair) for row, pair in enumerate(times)]
    return tv.Catalogue(made, name="two")


# the on-time rate says as well how many are published, and there are no prices
SHOWN = [name for name in MAIN if name not in ("published", "cost")]
TWO = videos((2, 5), (4, 9))


@pytest.fixture(scope="module")
def study() -> tv.Comparison:
    return tv.compare(tv.generate_catalogue(), ["1", "2a", "2c"], replications=20)


def shown(one: Any) -> ET.Element:
    """Return what a notebook shows of an object, which has to be well-formed."""
    return ET.fromstring(one._repr_html_())


def text(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def tables(one: Any) -> list[list[list[str]]]:
    """Return the texts of the cells of each table."""
    return [[[text(cell) for cell in row] for row in found.iter("tr")] for found in shown(one).iter("table")]


def paragraphs(one: Any) -> list[str]:
    return [text(found) for found in shown(one).iter("p")]


class Mine(tv.Strategy):
    def pool_level(self, state: tv.PoolState) -> int:
        return 2


ALL: dict[str, Callable[[], Any]] = {
    "catalogue": lambda: tv.read_catalogue([*TWO, {"id": NASTY}], name=NASTY),
    "survey": lambda: tv.survey_catalogue([*TWO, {"id": NASTY}]),
    "scenario": lambda: tv.Scenario(until=3),
    "strategy": lambda: tv.Strategy(NASTY, prewarmed=1),
    "own strategy": lambda: Mine(NASTY),
    "explanation": lambda: tv.Scenario(encoders=1).explain(TWO, prewarmed=2),
    "run": lambda: tv.simulate(videos((2, 5), title=NASTY), tv.Strategy(NASTY, prewarmed=1)),
    "replications": lambda: tv.replicate(TWO, tv.Strategy(NASTY, prewarmed=1), replications=3),
    "comparison": lambda: tv.compare(
        {NASTY: TWO, "b": TWO}, ["1", tv.Strategy(NASTY, prewarmed=1)], replications=3
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
class TestEachObject:
    def test_is_shown_without_what_a_name_smuggles_in(self, name: str) -> None:
        element = shown(ALL[name]())
        assert not list(element.iter("script"))
        assert "\x1b" not in text(element)

    def test_has_the_colours_of_the_theme(self, name: str) -> None:
        colours = re.findall(
            r"#[0-9a-fA-F]{3,8}\b|\brgb|\b(?:white(?!-)|black|gr[ae]y)\b", ALL[name]()._repr_html_()
        )
        assert set(colours) <= {MARK}

    def test_has_a_short_text(self, name: str) -> None:
        assert len(repr(ALL[name]())) < 400


class TestCatalogue:
    def test_times(self) -> None:
        times, first = tables(TWO)
        assert times == [
            ["seconds", "smallest", "median", "mean", "largest", "distribution"],
            ["encoding time", "2", "3", "3", "4", ""],
            ["publication timeout", "5", "7", "7", "9", ""],
            ["slack", "3", "4", "4", "5", ""],
        ]
        assert first[1:] == [["v0", "t", "p", "2", "5"], ["v1", "t", "p", "4", "9"]]

    def test_a_survey_shows_the_same_times(self) -> None:
        assert tables(tv.survey_catalogue(TWO)) == tables(TWO)[:1]
        assert repr(tv.survey_catalogue(TWO)) == "<Survey of 'two': 2 videos, 0 lines rejected>"

    def test_rejected_lines_of_which_the_first_five_are_shown(self) -> None:
        records: list[Any] = [TWO[0], *[{"id": NASTY}] * 8]
        for one in (tv.read_catalogue(records), tv.survey_catalogue(records, keep=2)):
            kept = len(one.rejected[:5])
            *_, rejected = tables(one)
            assert rejected[1][:2] == ["2", "the field publicationTimeout is missing"]
            assert len(rejected) == 1 + kept + 1
            assert rejected[-1][1] == f"{8 - kept} more lines"

    def test_times_of_submission(self) -> None:
        videos = [tv.Video("a", "", "", 1, 2, submitted_at=7), tv.Video("b", "", "", 1, 2)]
        assert tables(tv.Catalogue(videos))[0][-1][:5] == ["submitted at", "7", "7", "7", "7"]

    def test_an_empty_one(self) -> None:
        assert paragraphs(tv.Catalogue([], name="none")) == ["none 0 videos, 0 lines rejected"]


class TestScenario:
    def test_a_row_for_each_field_and_what_is_changed_in_bold(self) -> None:
        scenario = tv.Scenario(encoders=5, startup_time=3)
        (rows,) = tables(scenario)
        assert rows[:3] == [
            ["Encoders", "5", "encoders"],
            ["Requests", "2", "requests_per_second"],
            ["Start-up time of a publisher", "constant(3)", "startup_time"],
        ]
        assert len(rows) == len(scenario.to_dict()) - 1
        assert [text(found) for found in shown(scenario).iter("strong")] == ["Scenario", "5", "constant(3)"]

    def test_what_it_means_for_a_catalogue(self) -> None:
        # 2 requests/s of 3 s: 6 s of work a second for 4 encoders, which take 4/3 videos/s; the pool 2/4
        explanation = tv.Scenario(encoders=4).explain(3, prewarmed=2)
        assert tables(explanation)[0][1:] == [
            ["encoders", "4", "2", "1.33", "150 %", ""],
            ["pool", "2", "1.33", "0.5", "267 %", ""],
        ]
        assert paragraphs(explanation) == [
            "Load 2 requests/s, 1.33 videos/s at the publishing stage",
            *(f"warning: {warning}" for warning in explanation.warnings),
        ]
        assert len(explanation.warnings) == 2

    def test_a_pool_of_none_and_nothing_known(self) -> None:
        assert tables(tv.Scenario().explain(1, prewarmed=0))[0][-1][4] == "more than 10 times"
        assert tables(tv.Scenario().explain()) == []

    def test_the_busiest_minute(self) -> None:
        submitted = [tv.Video(f"v{at}", "", "", 1, 2, submitted_at=at) for at in (0.0, 0.5, 200.0)]
        words = paragraphs(tv.Scenario().explain(tv.Catalogue(submitted)))[0]
        assert words.startswith(
            "Load 0.01 videos/s submitted, 0.01 videos/s at the publishing stage, 0.0333 in"
        )


def test_a_strategy_shows_what_differs_from_the_default() -> None:
    assert tables(tv.PART_1) == [[["starts_on", "'encoded'"], ["dedicated", "True"]]]
    assert tables(Mine(prewarmed=4)) == [[["prewarmed", "4"]]]
    assert paragraphs(Mine()) == [f"Mine {Mine().in_words()}"]


class TestResults:
    def test_a_run(self) -> None:
        # publisher 0, ready at 4, serves v0, encoded at 2; publisher 1, ready at 8, serves v1, encoded at 4.5
        run = tv.simulate(videos((2, 3), (4, 9)), tv.Strategy("one", prewarmed=1), tv.Scenario(startup_time=4))
        ((head, row),) = tables(run)
        assert head[:2] == ["published in time", "on-time rate (%)"]
        assert row[:2] == ["1", "50"]
        first, chart = paragraphs(run)
        assert first == "one, two seed 1, replication 0: 1 of 2 published in time, completed at 8 s"
        assert "(above the line, up to 0), waiting videos (below, up to 1)" in chart
        assert len(list(shown(run).iter("svg"))) == 1
        assert shown(run).findall(f".//rect[@fill='{MARK}']")[0].get("x") == f"{640 * 4 / 8 - 1:g}"

    def test_a_run_without_pool_or_with_too_many_videos_has_no_chart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not list(shown(tv.simulate(TWO, "1")).iter("svg"))
        assert list(shown(tv.simulate(TWO, "2c")).iter("svg"))
        monkeypatch.setattr("tv2sim.results.run_display._MOST_SHOWN", 1)
        assert not list(shown(tv.simulate(TWO, "2c")).iter("svg"))

    def test_replications(self, study: tv.Comparison) -> None:
        reps = study["2a"]
        ((head, row),) = tables(reps)
        assert head == [*map(heading, SHOWN)]
        assert row == [estimate(name, reps.interval(name), units=False) for name in SHOWN]
        least, most = reps.frame["published"].agg(["min", "max"])
        assert f"Published in time: {least} to {most} videos, replication by replication" in paragraphs(reps)

    def test_metrics_that_were_chosen(self) -> None:
        how: dict[str, Any] = {"replications": 3, "metrics": ["makespan", "failed"]}
        assert tables(tv.replicate(TWO, "1", **how))[0][0] == ["makespan (s)", "published too late"]
        assert tables(tv.compare(TWO, ["1", "2a"], **how))[0][0][2:] == ["makespan (s)", "published too late"]

    def test_why_they_stopped(self) -> None:
        reps = tv.replicate(TWO, "2c", replications=40, precision=tv.Precision("published", absolute=1))
        assert str(reps.stopped) in paragraphs(reps)

    def test_a_comparison(self, study: tv.Comparison) -> None:
        ((head, *rows),) = tables(study)
        low, high = study["1"].interval("on_time_rate").ci_low, study["2c"].interval("on_time_rate").ci_high
        assert head == [
            "strategy",
            f"on-time rate, {100 * low:.1f} to {100 * high:.1f} %",
            *map(heading, SHOWN),
        ]
        assert [row[0] for row in rows] == ["1", "2a", "2c"]
        assert rows[1][2:] == [estimate(name, study["2a"].interval(name), units=False) for name in SHOWN]
        title, control, verdict = paragraphs(study)
        assert title == "Comparison of 3 strategies 20 replications each, 95 % intervals"
        assert control.endswith("(control variate): 2c (variance 3.28 times lower).")
        assert verdict.startswith("Strategy 2c publishes ")

    def test_a_comparison_of_several_worlds_has_names_for_them_and_no_verdict(self) -> None:
        grid = tv.compare(TWO, ["1"], {"encoders": [1, 2]}, replications=2)
        assert [row[:2] for row in tables(grid)[0]] == [
            ["scenario", "strategy"], ["encoders=1", "1"], ["encoders=2", "1"],
        ]  # fmt: skip
        assert len(paragraphs(grid)) == 1

    def test_a_part_without_baseline(self, study: tv.Comparison) -> None:
        assert len(paragraphs(study.select(strategy="2a"))) == 1

    def test_of_many_cells_the_first_are_shown(
        self, monkeypatch: pytest.MonkeyPatch, study: tv.Comparison
    ) -> None:
        monkeypatch.setattr("tv2sim.experiments.study_display._MOST_SHOWN", 2)
        assert len(tables(study)[0]) == 1 + 2
        assert paragraphs(study)[1] == "and 1 more"

    def test_one_replication(self) -> None:
        one = tv.compare(TWO, ["1", "2a"], replications=1)
        assert len(tables(one)[0]) == 3
        assert "nan" not in one._repr_html_()


# -- what they are made of ---------------------------------------------------------------------------------


def test_text_is_escaped_and_markup_is_not() -> None:
    found = ET.fromstring(display(NASTY, NASTY, paragraph(NASTY), table([NASTY], [[strong(NASTY)]])))
    assert [text(one) for one in found.iter("p")] == [f"{NASTY_SHOWN} {NASTY_SHOWN}", NASTY_SHOWN]
    assert [text(one) for one in found.iter("th")] == [NASTY_SHOWN, NASTY_SHOWN]


def rects(svg: str) -> list[tuple[float, ...]]:
    places = ("x", "y", "width", "height")
    return [tuple(float(one.get(name, "nan")) for name in places) for one in ET.fromstring(svg).iter("rect")]


def test_a_histogram_has_a_bar_for_each_whole_number() -> None:
    values = np.array([3.0, 3, 3, 3, 5, 5])
    assert rects(histogram(values, "h", width=120, height=24)) == [(0, 0, 39, 24), (80, 12, 39, 12)]
    assert len(rects(histogram(np.linspace(0, 1, 1000), "h", width=120))) == 30


def test_a_whisker_is_on_the_shared_scale() -> None:
    drawn = ET.fromstring(whisker(5, 4, 7, (0, 10), "w", width=112))
    assert drawn.find("circle").get("cx") == "56"  # type: ignore[union-attr]
    assert rects(whisker(5, 4, 7, (0, 10), "w", width=112))[1][::2] == (46, 30)
    assert len(rects(whisker(5, np.nan, np.nan, (5, 5), "w"))) == 1


def test_a_meter_is_marked_where_it_is_too_much() -> None:
    assert rects(meter(0.25, "m", width=160))[1][2] == 40
    assert MARK not in meter(1.0, "m")
    assert rects(meter(np.inf, "m", width=160))[1][2] == 160
    assert MARK in meter(np.inf, "m")


def test_steps_show_the_largest_value_in_each_column() -> None:
    # 4 columns of 2 s: 1 until 3, then 5 for a moment, then 0
    times, above = np.array([0.0, 3.0, 3.5]), np.array([1, 5, 0])
    drawn = steps(times, above, np.zeros(3, dtype=np.int64), np.array([7.9]), 8.0, "s", width=4)
    paths = [path.get("d") for path in ET.fromstring(drawn).iter("path")]
    assert paths == ["M0 44H0V36H1V4H2V44H4V44Z", "M0 44H0V44H4V44Z"]
    assert rects(drawn)[1] == (2, 39, 3, 10)


def test_the_size_of_steps_does_not_grow_with_the_run() -> None:
    times = np.linspace(0, 1000, 1_000_000)
    level = np.tile([0.0, 1, 2, 3], len(times) // 4)
    assert len(steps(times, level, level, times, 1000.0, "s")) < 80_000
    assert "nan" not in steps(np.zeros(1), np.ones(1), np.ones(1), np.zeros(1), 0.0, "s")


# -- charts ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ax() -> Axes:
    return tv.plots.levels(tv.simulate(TWO, "2c"))


def formatter() -> Any:
    from IPython.core.formatters import DisplayFormatter

    return DisplayFormatter()


class TestCharts:
    def test_are_matplotlibs_own(self, ax: Axes) -> None:
        assert isinstance(ax, Axes)
        assert isinstance(ax.figure, Figure)

    def test_are_shown_once_and_sharp(self, ax: Axes) -> None:
        for one in (ax, ax.figure):
            data, metadata = formatter().format(one)
            assert data.keys() == {"text/plain", "image/png"}
            size = struct.unpack(">II", data["image/png"][16:24])
            about = metadata["image/png"]
            assert size == pytest.approx((2 * about["width"], 2 * about["height"]), abs=1)
            assert about["alt"] == "Levels in one run: strategy 2c"

    def test_are_shown_once_where_pyplot_shows_figures_too(self, ax: Axes) -> None:
        import matplotlib.pyplot as plt
        from IPython.core.pylabtools import select_figure_formats

        shell = SimpleNamespace(display_formatter=formatter())
        select_figure_formats(shell, {"png"})  # type: ignore[no-untyped-call]  # as the inline backend does
        for one in (ax, ax.figure):
            assert shell.display_formatter.format(one)[0].keys() == {"text/plain", "image/png"}
        assert plt.get_fignums() == [], "what pyplot shows at the end of a cell"

    def test_an_axes_that_is_given_is_left_to_its_owner(self) -> None:
        own = Figure().add_subplot()
        assert tv.plots.levels(tv.simulate(TWO, "2c"), own) is own
        assert not hasattr(own, "_repr_png_")


# -- names -------------------------------------------------------------------------------------------------


def test_only_public_names_are_listed() -> None:
    code = "import sys, tv2sim as tv; tv.simulate; print('matplotlib' in sys.modules, *dir(tv))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded, *names = done.stdout.split()
    assert loaded == "False"
    assert names == sorted([*tv.__all__, "plots"])
    assert not [name for name in names if name.startswith("_")]
    assert dir(tv.plots) == sorted(tv.plots.__all__)


def test_a_notebook_completes_them() -> None:
    from IPython.core.completer import IPCompleter, provisionalcompleter

    completer = IPCompleter(namespace={"tv": tv}, use_jedi=False)  # type: ignore[no-untyped-call]
    with provisionalcompleter():
        for line, found in {"tv.plo": ".plots", "tv.plots.ti": ".timeline"}.items():
            assert [one.text for one in completer.completions(line, len(line))] == [found]
