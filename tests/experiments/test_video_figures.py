"""Figures over the videos of all replications: elapsed times, quantiles and groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, isnan
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.experiments.test_replicate_and_compare import NO_POOL
from tests.helpers.commands import CATALOGUE, is_one_line, tv2sim, video
from tv2sim.engines import choice
from tv2sim.experiments import video_figures
from tv2sim.inference.intervals import (
    _share_up_to,
    clopper_pearson,
    mean_interval,
    pooled_quantiles,
    quantile_of,
)
from tv2sim.results.metrics import METRICS

VIDEOS = tv.generate_catalogue(30)
STEADY = tv.Scenario(startup_time=4)


# -- elapsed times -------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """Encoding takes 1 and 3 s, an own publisher another 4 s."""
    reps = tv.replicate(
        [video(0, encoding=1, timeout=6), video(1, encoding=3, timeout=6)], "1", STEADY, replications=3
    )
    assert reps.elapsed().tolist() == [[5, 7]] * 3
    assert reps.lateness().tolist() == [[-1, 1]] * 3
    assert reps.elapsed(2).shape == (2, 2)


def test_they_are_those_of_the_runs() -> None:
    scenario = tv.Scenario(until=9)
    reps = tv.replicate(VIDEOS, "2c:3", scenario, replications=4, seed=5)
    for replication, row in enumerate(reps.elapsed()):
        videos = tv.simulate(VIDEOS, "2c:3", scenario, seed=5, replication=replication).videos
        assert row.tolist() == videos["elapsed"].fillna(inf).tolist()
        assert np.isinf(row).any()


def test_they_are_simulated_once_and_more_when_more_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[range] = []
    elapsed = choice.elapsed

    def counted(*what: Any) -> Any:
        calls.append(what[-1])
        return elapsed(*what)

    monkeypatch.setattr(choice, "elapsed", counted)
    reps = tv.replicate(VIDEOS, "1", replications=8)
    assert calls == []
    reps.elapsed(3), reps.lateness(2), reps.elapsed(3)
    assert calls == [range(3)]
    assert reps.quantile("elapsed", 0.5).replications == 8
    reps.by("provider")
    assert calls == [range(3), range(8)]


@pytest.mark.parametrize("first", [0, 9, 2.0, "3"])
def test_no_more_than_there_are(first: Any) -> None:
    with pytest.raises(tv.InputError, match="first must be a whole number of at least 1 and at most 8, not"):
        tv.replicate(VIDEOS, "1", replications=8).elapsed(first)


@dataclass(frozen=True)
class Mine(tv.Strategy):
    def start_delay(self, video: tv.Video) -> float:
        return 2.0


def test_replications_of_a_class_that_is_not_there_any_more_are_not_made_up() -> None:
    study = tv.compare(VIDEOS, [Mine("mine", starts_on="encoding_started", dedicated=True)], replications=20)
    assert study["mine"].elapsed().shape == (20, 30)
    loaded = tv.Comparison.from_dict(study.to_dict())
    with pytest.raises(
        tv.InputError, match="the replications under strategy 'mine' cannot be repeated"
    ) as caught:
        loaded["mine"].by("provider")
    assert "\n" not in str(caught.value)


# -- quantiles -----------------------------------------------------------------------------------------------


def test_the_first_value_that_has_the_share() -> None:
    values = np.arange(1.0, 11.0)
    assert [quantile_of(values, share) for share in (0.05, 0.1, 0.11, 0.3, 0.5, 0.99)] == [1, 1, 2, 3, 5, 10]
    assert isnan(quantile_of(values[:0], 0.5))


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_is_where_the_share_may_be_reached(seed: int) -> None:
    """Both ends are values at which the interval of the share passes it, and the value is between them."""
    random = np.random.default_rng(seed)
    n, videos, share = (
        int(random.integers(2, 60)),
        int(random.integers(1, 12)),
        float(random.uniform(0.02, 0.98)),
    )
    known = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, inf])
    values = known[random.integers(len(known), size=(n, videos))]
    (found,) = pooled_quantiles(values, [share])
    assert (found.replications, found.videos) == (n, videos)
    assert found.value == np.quantile(values, share, method="inverted_cdf")
    assert found.ci_low <= found.value <= found.ci_high
    there = np.unique(values)
    for end, which in ((found.ci_low, 1), (found.ci_high, 0)):
        assert end == inf or _share_up_to(end, values, 0.95)[which] >= share
        for before in there[there < end][-1:]:
            assert _share_up_to(before, values, 0.95)[which] < share


def test_the_interval_of_independent_values_is_that_of_a_share() -> None:
    """With one video in each replication it is the exact interval, but for the estimated variance."""
    values = np.arange(400.0).reshape(400, 1)
    low, high = _share_up_to(379.0, values, 0.95)
    exact = clopper_pearson(380, 400)
    assert low == pytest.approx(exact.ci_low, abs=1e-3)
    assert high == pytest.approx(exact.ci_high, abs=1e-3)
    assert exact.ci_low - low < 2e-4


def test_videos_of_one_replication_are_no_samples() -> None:
    """All values of a row are the same, so the interval is that of as many values as there are rows."""
    column = np.arange(50.0).reshape(50, 1)
    (one,), (many,) = pooled_quantiles(column, [0.8]), pooled_quantiles(np.repeat(column, 30, axis=1), [0.8])
    assert one[:5] == many[:5]
    assert one.ci_high - one.ci_low > 8


def test_one_replication_has_no_interval() -> None:
    value, *interval, replications, videos = tv.replicate(VIDEOS, "1", replications=1).quantile("elapsed", 0.5)
    assert value > 0
    assert all(map(isnan, interval))
    assert (replications, videos) == (1, 30)


def test_unfinished_videos_are_later_than_all_others() -> None:
    reps = tv.replicate(VIDEOS, NO_POOL, replications=20)
    assert reps.quantile("lateness", 0.01)[:4] == (inf, 0, inf, inf)
    half = tv.replicate(VIDEOS, "2c", tv.Scenario(until=8, startup_time=4), replications=20)
    share = half.interval("published").mean / 30
    assert 0.2 < share < 0.9
    assert half.quantile("elapsed", share - 0.02).ci_high < inf
    assert half.quantile("elapsed", share + 0.02).ci_low == inf


def test_a_quantile_is_one_value_where_no_other_is_possible() -> None:
    """Of 4 videos, at a pool that is never empty, two take 3 s and two take 6 s."""
    easy = [video(row, encoding=encoding, timeout=9) for row, encoding in enumerate([3, 6, 3, 6])]
    reps = tv.replicate(easy, "2c:20", replications=100)
    assert reps.quantile("elapsed", 0.4)[:4] == (3, 0, 3, 3)
    # half of all videos: one more or one fewer in some replication would move it
    assert reps.quantile("elapsed", 0.5)[:4] == (3, 3, 3, 6)


def test_some_videos() -> None:
    reps = tv.replicate(VIDEOS, "1", replications=9)
    chosen = VIDEOS.frame["encoding_time"] > 3
    found = reps.quantile("lateness", 0.9, videos=chosen)
    expected = np.quantile(reps.lateness()[:, chosen], 0.9, method="inverted_cdf")
    assert (found.value, found.videos) == (expected, chosen.sum())


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"quantity": "idle"}, "quantity must be one of 'elapsed', 'lateness', not 'idle'"),
        ({"share": 1}, "share must be less than 1, not 1.0"),
        ({"share": 95}, "share must be a finite number greater than 0 and at most 1, not 95"),
        ({"videos": [0, 3]}, "videos must be a true or false for each of the 30 videos of the catalogue"),
        ({"videos": [False] * 30}, "at least one of them true, not"),
        ({"confidence": 1}, "confidence must be less than 1"),
    ],
)
def test_what_is_refused(what: dict[str, Any], message: str) -> None:
    reps = tv.replicate(VIDEOS, "1", replications=2)
    with pytest.raises(tv.InputError, match=re.escape(message)):
        reps.quantile(**{"quantity": "elapsed", "share": 0.5, **what})


def test_the_table_of_a_comparison() -> None:
    study = tv.compare(VIDEOS, ["1", "2c"], {"encoders": [2, 10]}, replications=20)
    table = study.quantiles
    assert list(table.columns) == [
        "catalogue", "scenario", "strategy", "quantity", "share",
        "value", "half_width", "ci_low", "ci_high", "replications", "videos",
    ]  # fmt: skip
    assert len(table) == 2 * 2 * len(video_figures.QUANTITIES) * len(video_figures.SHARES)
    for row in table.to_dict("records"):
        (reps,) = study.select(scenario=row["scenario"], strategy=row["strategy"]).cells.values()
        assert tuple(row.values())[5:] == reps.quantile(row["quantity"], row["share"])


def test_a_table_says_on_how_many_replications_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_figures, "MOST_VIDEOS", 200)
    study = tv.compare(VIDEOS, ["1"], replications=20)
    assert set(study.quantiles["replications"]) == set(study.by("provider")["replications"]) == {6}
    assert study["1"].quantile("elapsed", 0.5, first=20).replications == 20


def test_metrics_of_a_run_are_called_so() -> None:
    for name, metric in METRICS.items():
        if name.startswith(("elapsed", "lateness")):
            assert metric.label.endswith(" of a run"), name
            assert " run" in metric.meaning, name


def test_intervals_hold_the_quantile() -> None:
    """At 95 %, 100 experiments miss these bounds with a probability of about 1 in 100; the seeds are fixed."""
    pytest.importorskip("numba")
    from tests.benchmarks.coverage_quantiles import coverages, truths

    catalogue = tv.read_catalogue(CATALOGUE)
    true = truths(catalogue, "2c:9", (0.95, 0.99), 10_000)
    for one in coverages(catalogue, "2c:9", 20, 100, true, (0.95, 0.99)):
        assert 0.89 <= one.covered <= 0.995, one


def test_what_cannot_vary_is_known() -> None:
    reps = tv.replicate(VIDEOS, "1", STEADY, replications=1)
    value = reps.quantile("elapsed", 0.5).value
    assert reps.quantile("elapsed", 0.5)[:4] == (value, 0, value, value)
    assert reps.by("provider")["half_width"].tolist() == [0] * 3


# -- groups --------------------------------------------------------------------------------------------------


def test_groups_by_hand() -> None:
    """Videos take 5, 7 and 6 s; in time are the first and the third."""
    records = [
        {**video(row, encoding=encoding, timeout=6), "provider": provider}
        for row, (encoding, provider) in enumerate([(1, "B"), (3, "B"), (2, "A")])
    ]
    reps = tv.replicate(records, "1", STEADY, replications=10)
    table = reps.by("provider")
    assert table["group"].tolist() == ["A", "B"]
    assert table["videos"].tolist() == [1, 2]
    assert table["on_time_rate"].tolist() == [1, 0.5]
    assert table[["lateness_50", "lateness_95", "lateness_99"]].to_numpy().tolist() == [[0, 0, 0], [-1, 1, 1]]
    run = tv.simulate(records, "1", STEADY).by("provider")
    assert run["group"].tolist() == ["A", "B"]
    assert run[["videos", "published", "failed", "unfinished"]].to_numpy().tolist() == [
        [1, 1, 0, 0],
        [2, 1, 1, 0],
    ]
    assert run["on_time_rate"].tolist() == [1, 0.5]
    assert run["lateness_p50"].tolist() == [0, 0]  # of -1 and 1: between them, as in the metrics of a run


@pytest.mark.parametrize("column", ["provider", "title", "encoding_time", "id"])
def test_groups_are_those_of_the_frame(column: str) -> None:
    reps = tv.replicate(VIDEOS, "2c:3", replications=40)
    table = reps.by(column).set_index("group")
    per_video = reps.on_time.assign(key=VIDEOS.frame[column].to_numpy()).groupby("key")
    assert table.index.tolist() == list(per_video.groups)
    assert table["videos"].tolist() == per_video.size().tolist()
    assert np.allclose(table["on_time_rate"], per_video["probability"].mean())
    for group, row in table.iterrows():
        chosen = VIDEOS.frame[column] == group
        rates = (reps.lateness()[:, chosen] <= 0).mean(axis=1)
        interval = mean_interval(rates, low=0, high=1, step=1 / chosen.sum())[:4]
        assert row[["on_time_rate", "half_width", "ci_low", "ci_high"]].tolist() == pytest.approx(interval)
        for share in (50, 95, 99):
            assert row[f"lateness_{share}"] == reps.quantile("lateness", share / 100, videos=chosen).value


def test_videos_without_a_value_are_the_last_group() -> None:
    records = [video(0), {**video(1), "submittedAt": 3}, video(2), {**video(3), "submittedAt": 1}]
    groups = tv.replicate(records, "1", replications=2).by("submitted_at")
    assert groups["videos"].tolist() == [1, 1, 2]
    assert groups["group"].tolist()[:2] == [1, 3]
    assert isnan(groups["group"].iloc[2])


def test_a_comparison_has_the_groups_of_each_cell() -> None:
    study = tv.compare(VIDEOS, ["1", "2c"], replications=6, confidence=0.9)
    table = study.by("provider")
    assert list(table.columns[:5]) == ["catalogue", "scenario", "strategy", "group", "videos"]
    for strategy, part in table.groupby("strategy"):
        expected = study[str(strategy)].by("provider", 0.9)
        assert_frame_equal(
            part.drop(columns=["catalogue", "scenario", "strategy"]).reset_index(drop=True), expected
        )


def test_an_unknown_column_lists_those_that_there_are() -> None:
    message = "a column of catalogue '.*' must be one of 'id', 'title', 'provider', .*, not 'channel'"
    run, study = tv.simulate(VIDEOS, "1"), tv.compare(VIDEOS, ["1"], replications=2)
    for asked in (run.by, study.by, study["1"].by):
        with pytest.raises(tv.InputError, match=message) as caught:
            asked("channel")
        assert "\n" not in str(caught.value)


# -- the command line ----------------------------------------------------------------------------------------


def test_compare_prints_the_groups(tmp_path: Any) -> None:
    out = tmp_path / "table.csv"
    result = tv2sim(
        "compare", CATALOGUE, "--strategies", "2a,2c", "--replications", 20, "--by", "provider", "--out", out
    )
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    first = next(row for row, line in enumerate(lines) if line.startswith("by provider; "))
    table = lines[first : lines.index("", first + 2)]
    assert table[2].split()[:3] == ["strategy", "provider", "videos"]
    assert [line.split()[0] for line in table[3:]] == ["2a"] * 3 + ["2c"] * 3
    assert max(map(len, table)) <= 80
    assert list(pd.read_csv(out).columns[:4]) == ["catalogue", "scenario", "strategy", "metric"]


def test_tables_say_what_infinity_is_and_on_how_much_they_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_figures, "MOST_VIDEOS", 1000)
    what = (CATALOGUE, "--strategies", "2c", "--replications", 20, "--until", 30, "--by", "title")
    lines = tv2sim("compare", *what).out.splitlines()
    first = next(row for row, line in enumerate(lines) if line.startswith("by title; "))
    assert "∞: they are not published" in lines[first + 1]
    assert "of the first 6 replications" in lines[first + 2]
    assert max(map(len, lines[first : lines.index("", first + 5)])) == 80


def test_run_prints_the_groups_before_the_stats_line() -> None:
    result = tv2sim("run", CATALOGUE, "--until", 60, "--by", "provider")
    lines = result.out.splitlines()
    assert lines[2].split()[:4] == ["provider", "videos", "unfinished", "failed"]
    assert [line.split()[0] for line in lines[3:6]] == ["Kanal", "Kanal", "Ø-Kanalen"]
    assert lines[-1].startswith("stats: ")
    assert max(map(len, lines[:-1])) <= 80


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            ("compare", CATALOGUE, "--by", "channel"),
            "a column of catalogue 'catalogue.jsonl' must be one of 'id', ",
        ),
        (
            ("run", CATALOGUE, "--by", "channel"),
            "a column of catalogue 'catalogue.jsonl' must be one of 'id', ",
        ),
        (
            ("compare", CATALOGUE, "--by", "provider", "--format", "csv"),
            "leave out --format csv, or name a file",
        ),
        (("run", CATALOGUE, "--by", "provider", "--log", "json"), "--log json lines for programs: leave one"),
    ],
)
def test_the_command_refuses_before_it_simulates(
    what: tuple[Any, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("tv2sim.cli.compare_and_plan.compare", "tv2sim.cli.small_commands.simulate"):
        monkeypatch.setattr(place, lambda *_, **__: pytest.fail("it was simulated"))
    result = tv2sim(*what)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert is_one_line(result.err)
