"""The metrics of a replay tell what is the case: at every moment, at the end, in every format."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

import tv2sim as tv
from tests.engines.test_reference import Case, cases, records, strategy_of
from tests.helpers.commands import CATALOGUE, SAMPLE, tv2sim, video
from tests.helpers.sizes import examples
from tv2sim.realtime import Replay
from tv2sim.realtime.clock import Clock
from tv2sim.realtime.pipeline_state import State
from tv2sim.realtime.prometheus_metrics import Collector, exposition

Labels: TypeAlias = tuple[tuple[str, str], ...]
Scrape: TypeAlias = dict[tuple[str, Labels], float]

SOON = 60.0
"""Wall seconds that are more than enough, however busy the machine is."""
OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


def values_of(families: Iterable[Metric]) -> Scrape:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in families
        for sample in metric.samples
    }


def scrape(registry: CollectorRegistry) -> Scrape:
    return values_of(registry.collect())


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


def scraped_at_every_event(
    catalogue: tv.Catalogue, strategy: tv.Strategy | str, scenario: tv.Scenario, seed: int = 1
) -> tuple[tv.Run, CollectorRegistry, list[tuple[tv.LogEntry, Scrape]]]:
    """Replay as fast as it goes, scraping after every line of the log."""
    handle = Replay(catalogue, strategy, scenario, speed="max", seed=seed)
    registry, found = handle.registry, list[tuple[tv.LogEntry, Scrape]]()
    handle.observe(lambda entry: found.append((entry, scrape(registry))))
    handle.start()
    return handle.wait(SOON), registry, found


# -- moments computed by hand -------------------------------------------------------------------------------

COLUMNS = {
    "queue": ("tv2_video_encoding_queue", ()),
    "avail": ("tv2_video_encoders_available", ()),
    "busy": ("tv2_video_encoders_busy", ()),
    "running": ("tv2_video_publishers_running", ()),
    "errors": ("tv2_video_metadata_parse_errors_total", ()),
    "accepted": ("tv2_video_encoding_requests_accepted_total", ()),
    "encoded": ("tv2_video_encoded_total", ()),
    "ok": ("tv2_video_publication_successes_total", ()),
    "failed": ("tv2_video_publication_failures_total", ()),
    "waiting": ("tv2_video_publishing_queue", ()),
    "starting": ("tv2_video_publishers", (("state", "starting"),)),
    "ready": ("tv2_video_publishers", (("state", "ready"),)),
    "at_work": ("tv2_video_publishers", (("state", "busy"),)),
    "started": ("tv2_video_publishers_started_total", ()),
    "warm": ("tv2_video_publisher_claims_total", (("start", "warm"),)),
    "cold": ("tv2_video_publisher_claims_total", (("start", "cold"),)),
    "stockouts": ("tv2_video_stockouts_total", ()),
    "idle": ("tv2_video_publisher_idle_seconds_total", ()),
    "cost": ("tv2_video_publisher_seconds_total", ()),
}


def check_moments(found: list[tuple[tv.LogEntry, Scrape]], text: str) -> None:
    """Hold what was scraped at the end of each instant against a literal table."""
    header, *rows = [line.split() for line in text.splitlines() if line.strip()]
    at_end = {entry.time: values for entry, values in found}
    assert list(at_end) == [float(row[0]) for row in rows]
    for moment, *expected in rows:
        values = at_end[float(moment)]
        actual = [values[COLUMNS[name]] for name in header[1:]]
        assert actual == [float(number) for number in expected], f"at {moment}: {header[1:]}"


def world(**options: Any) -> tv.Scenario:
    return tv.Scenario(requests_per_second=2.0, **options)


def clips(*times: tuple[float, float]) -> tv.Catalogue:
    return tv.read_catalogue([video(n, encoding=e, timeout=t) for n, (e, t) in enumerate(times)])


def test_one_encoder_and_publishers_of_their_own() -> None:
    """The client is blocked from 0.5 to 3; publishers start when an encoding ends, and publish for 1 s."""
    scenario = world(encoders=1, startup_time=tv.Constant(2), publishing_time=1)
    run, registry, found = scraped_at_every_event(clips((3, 9), (3, 5)), "1", scenario)
    check_moments(
        found,
        """
        time queue avail busy running errors accepted encoded ok failed starting ready at_work
        0    0     1     1    0       0      1        0       0  0      0        0     0
        0.5  1     1     1    0       0      1        0       0  0      0        0     0
        3    0     1     1    1       0      2        1       0  0      1        0     0
        5    0     1     1    1       0      2        1       0  0      0        0     1
        6    0     1     0    1       0      2        2       1  0      1        0     0
        8    0     1     0    1       0      2        2       1  0      0        0     1
        9    0     1     0    0       0      2        2       1  1      0        0     0
        """,
    )
    check_moments(
        found,
        """
        time waiting started warm cold stockouts idle cost
        0    0       0       0    0    0         0    0
        0.5  0       0       0    0    0         0    0
        3    0       1       0    0    0         0    0
        5    0       1       0    1    1         0    2
        6    0       2       0    1    1         0    3
        8    0       2       0    2    2         0    5
        9    0       2       0    2    2         0    6
        """,
    )
    assert run.end == 9
    elapsed, slack, blocked = "tv2_video_elapsed_seconds", "tv2_video_slack_left_seconds", "handoff_blocked"
    assert value(registry, f"{elapsed}_bucket", le="6.0") == 2
    assert value(registry, f"{elapsed}_bucket", le="5.0") == 0
    assert value(registry, f"{elapsed}_sum") == 12
    assert [value(registry, f"{slack}_bucket", le=le) for le in ("-2.0", "-1.0", "2.0", "3.0")] == [0, 1, 1, 2]
    assert value(registry, f"tv2_video_{blocked}_seconds_bucket", le="0.0") == 1
    assert value(registry, f"tv2_video_{blocked}_seconds_sum") == 2.5


def test_blocked_encoders_count_as_busy() -> None:
    """There is no room to queue: encoders keep their videos at 1 and 1.5, until a publisher is there."""
    scenario = world(encoders=2, startup_time=tv.Constant(4), publishing_queue_capacity=0)
    pool = tv.PART_2C.replace(prewarmed=1)
    _, _, found = scraped_at_every_event(clips((1, 9), (1, 9), (1, 9)), pool, scenario)
    check_moments(
        found,
        """
        time queue avail busy running accepted encoded ok failed waiting starting warm cold stockouts
        0    0     2     1    1       1        0       0  0      0       1        0    0    0
        0.5  0     2     2    1       2        0       0  0      0       1        0    0    0
        1    1     2     2    1       2        1       0  0      0       1        0    0    0
        1.5  1     2     2    1       2        2       0  0      0       1        0    0    1
        4    0     2     2    1       3        2       1  0      0       1        0    1    2
        5    0     2     2    1       3        3       1  0      0       1        0    1    2
        8    0     2     1    1       3        3       2  0      0       1        0    2    3
        12   0     2     0    1       3        3       3  0      0       1        0    3    3
        """,
    )


def test_a_pool_waits_and_videos_wait() -> None:
    """Two publishers are ready from 1 to 2; the third video has to wait for the one that was started at 2."""
    scenario = world(encoders=3, startup_time=tv.Constant(1), publishing_time=0.5)
    pool = tv.PART_2C.replace(prewarmed=2)
    _, _, found = scraped_at_every_event(clips((2, 9), (1.5, 9), (1.25, 9)), pool, scenario)
    check_moments(
        found,
        """
        time queue busy running accepted encoded ok waiting starting ready at_work warm cold stockouts idle cost
        0    0     1    2       1        0       0  0       2        0     0       0    0    0         0    0
        0.5  0     2    2       2        0       0  0       2        0     0       0    0    0         0    1
        1    0     3    2       3        0       0  0       0        2     0       0    0    0         0    2
        2    0     1    4       3        2       0  0       2        0     2       2    0    0         2    4
        2.25 0     0    4       3        3       0  1       2        0     2       2    0    0         2    5
        2.5  0     0    2       3        3       2  1       2        0     0       2    0    1         2    6
        3    0     0    3       3        3       2  0       1        1     1       2    1    1         2    7
        3.5  0     0    2       3        3       3  0       1        1     0       2    1    1         2.5  8.5
        """,
    )


def test_encoders_available_stay_what_there_are() -> None:
    run, registry, found = scraped_at_every_event(tv.read_catalogue(SAMPLE), "2c", world(encoders=3))
    assert {values[COLUMNS["avail"]] for _, values in found} == {3}
    assert {values[COLUMNS["errors"]] for _, values in found} == {2}
    assert value(registry, "tv2_video_metadata_parse_errors_total") == run.stats["client_parse_errors"] == 2


def test_a_stockout_counts_although_no_publisher_ever_comes() -> None:
    run, registry, _ = scraped_at_every_event(clips((1, 9)), tv.PART_2C.replace(prewarmed=0), world(encoders=1))
    assert run.ending == "no publisher will come"
    assert value(registry, "tv2_video_stockouts_total") == run.summary["stockouts"] == 1
    assert value(registry, "tv2_video_publisher_claims_total", start="cold") == 0


def test_rejected_lines_count_before_the_first_video() -> None:
    begin, go_on = threading.Event(), threading.Event()

    def lines() -> Iterator[Any]:
        begin.wait(SOON)
        yield {}
        yield {"id": "no video"}
        go_on.wait(SOON)
        yield video(0)

    handle = Replay(lines(), speed="max")
    handle.start()
    assert value(handle.registry, "tv2_video_metadata_parse_errors_total") == 0
    begin.set()
    until(lambda: value(handle.registry, "tv2_video_metadata_parse_errors_total") == 2)
    assert handle.phase == "waiting"
    go_on.set()
    assert handle.wait(SOON).stats["client_parse_errors"] == 2


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


@settings(max_examples=examples(60))
@given(case=cases(), startup_time=st.sampled_from([tv.Constant(2), tv.Uniform(2, 6)]), seed=st.integers(0, 99))
def test_every_moment_of_any_case_is_that_of_the_tables(
    case: Case, startup_time: tv.Distribution, seed: int
) -> None:
    catalogue = tv.read_catalogue(records(case.encoding_times, case.timeouts, case.submitted))
    scenario = tv.Scenario(**case.world.changes() | {"startup_time": startup_time})
    run, registry, found = scraped_at_every_event(catalogue, strategy_of(case.rule), scenario, seed)
    for at, values in {entry.time: values for entry, values in found}.items():
        expected = {name: float(number) for name, number in state_at(run, at).items()}
        assert {name: values[COLUMNS[name]] for name in expected} == expected, f"at {at}"
    for _, values in found:
        blocked = values[COLUMNS["queue"]]
        assert not blocked or values[COLUMNS["busy"]] == scenario.encoder_count
        assert values[COLUMNS["running"]] == sum(values[COLUMNS[n]] for n in ("starting", "ready", "at_work"))
    check_end(run, scrape(registry))
    check_never_fall([values for _, values in found])


def state_at(run: tv.Run, at: float) -> dict[str, int]:
    """Count in the tables what is so after an instant."""
    videos, publishers = run.videos, run.publishers

    def during(table: pd.DataFrame, start: str, stop: str) -> int:
        return int(((table[start] <= at) & ~(table[stop] <= at)).sum())

    out = videos["published"] <= at
    return {
        "queue": during(videos, "offered", "encoding_started"),
        "avail": run.scenario.encoder_count,
        "busy": during(videos, "encoding_started", "queued"),
        "running": during(publishers, "started", "ended"),
        "accepted": int((videos["encoding_started"] <= at).sum()),
        "encoded": int((videos["encoded"] <= at).sum()),
        "ok": int((out & videos["on_time"]).sum()),
        "failed": int((out & ~videos["on_time"]).sum()),
        "starting": during(publishers, "started", "ready"),
        "ready": during(publishers, "ready", "assigned"),
        "started": int((publishers["started"] <= at).sum()),
    }


# -- the end ------------------------------------------------------------------------------------------------


def check_end(run: tv.Run, values: Scrape) -> None:
    """Hold the last values against the run's own figures."""
    totals = {name: values[at] for name, at in COLUMNS.items()}
    stats, summary = run.stats, run.summary
    assert (totals["errors"], totals["accepted"]) == (stats["client_parse_errors"], stats["client_submitted"])
    assert totals["encoded"] == stats["encoded"]
    assert (totals["ok"], totals["failed"]) == (stats["published"], stats["publish_failed"])
    assert totals["started"] == summary["publishers_started"]
    assert totals["stockouts"] == summary["stockouts"]
    assert totals["warm"] + totals["cold"] == run.videos["assigned"].notna().sum()
    if run.ending == "completed":
        assert totals["cold"] == summary["stockouts"]
    assert totals["idle"] == pytest.approx(summary["idle"], rel=1e-12, abs=1e-12)
    assert totals["cost"] == pytest.approx(summary["publisher_seconds"], rel=1e-12, abs=1e-12)
    assert values["tv2_replay_simulated_seconds_total", ()] == run.end
    videos, publishers = run.videos, run.publishers
    check_histogram(values, "tv2_video_elapsed_seconds", videos["elapsed"])
    slack_left = videos["publication_timeout"] - videos["elapsed"]
    check_histogram(values, "tv2_video_slack_left_seconds", slack_left, negative=True)
    check_histogram(values, "tv2_video_publisher_startup_seconds", publishers["ready"] - publishers["started"])
    blocked = videos["encoding_started"] - videos["offered"]
    check_histogram(values, "tv2_video_handoff_blocked_seconds", blocked)


def check_histogram(values: Scrape, name: str, of: pd.Series[float], *, negative: bool = False) -> None:
    """Hold buckets, count and sum against the values that were observed."""
    true = of.dropna().to_numpy()
    bounds = {float(labels[0][1]): number for (n, labels), number in values.items() if n == f"{name}_bucket"}
    assert np.inf in bounds
    assert bounds == {bound: (true <= bound).sum() for bound in bounds}
    assert (min(bounds) < 0) == negative
    if negative:
        assert (f"{name}_sum", ()) not in values
    else:
        assert values[f"{name}_count", ()] == len(true)
        assert values[f"{name}_sum", ()] == pytest.approx(true.sum(), rel=1e-12, abs=1e-12)


def check_never_fall(scrapes: list[Scrape]) -> None:
    """See that what counts has never become less, and that no series has come or gone."""
    for before, after in pairwise(scrapes):
        assert before.keys() == after.keys()
        for (name, labels), number in before.items():
            if name.endswith(("_total", "_bucket", "_count", "_sum")):
                assert after[name, labels] >= number, (name, labels)


@contextmanager
def scraping(registry: CollectorRegistry, every: float) -> Iterator[list[Scrape]]:
    """Scrape all the time, from another thread."""
    found: list[Scrape] = []
    over = threading.Event()

    def scrape_on() -> None:
        while not over.wait(every):
            found.append(scrape(registry))

    thread = threading.Thread(target=scrape_on)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
@pytest.mark.full
def test_at_the_end_they_are_the_figures_of_the_run_also_if_it_was_late(strategy: str) -> None:
    # at this speed a millisecond is a second, and what is late must not have counted any
    handle = Replay(CATALOGUE, strategy, tv.Scenario(encoders=8), speed=1000)
    handle.observe(lambda entry: time.sleep(0.003 if entry.event == "encoded" else 0))
    with scraping(handle.registry, 0.001) as found:
        handle.start()
        run = handle.wait(SOON)
        time.sleep(0.02)
    assert handle.lag_max > 0.002
    found += [scrape(handle.registry) for _ in range(3)]
    check_end(run, found[-1])
    assert found[-1] == found[-3]
    assert len({values[COLUMNS["cost"]] for values in found}) > 10
    check_never_fall(found)


@pytest.mark.parametrize("until", [0.5, 7.25, 40.0])
def test_at_a_cut_off_too(until: float) -> None:
    run, registry, _ = scraped_at_every_event(tv.read_catalogue(CATALOGUE), "2c", tv.Scenario(until=until))
    assert run.ending == "cut-off"
    check_end(run, scrape(registry))


@pytest.mark.parametrize("strategy", ["1", "2c"])
def test_of_a_recorded_log_too(strategy: str) -> None:
    log = tv2sim("run", CATALOGUE, "--strategy", strategy, "--log", "json").out
    handle = Replay(recorded=io.BytesIO(log.encode()), speed=1000)
    with scraping(handle.registry, 0.002) as found:
        handle.start()
        run = handle.wait(SOON)
    found.append(scrape(handle.registry))
    check_end(run, found[-1])
    check_never_fall(found)


def test_of_a_feed_that_is_there_too() -> None:
    handle = Replay(iter(tv.read_catalogue(CATALOGUE)), "2c", speed=1000)
    handle.start()
    check_end(handle.wait(SOON), scrape(handle.registry))


def test_seconds_grow_between_events() -> None:
    """A pool of two is ready at 1, and nothing happens until 1000."""
    catalogue = tv.read_catalogue([video(0), video(1) | {"submittedAt": 1000}])
    scenario = tv.Scenario(startup_time=tv.Constant(1))
    pool = tv.PART_2C.replace(prewarmed=2)
    with tv.replay(catalogue, pool, scenario, speed=100, block=False) as handle:
        until(lambda: handle.time > 10)
        first, second = (spaced_scrape(handle.registry) for _ in range(2))
    for values in (first, second):
        now = values["tv2_replay_simulated_seconds_total", ()]
        # one of the two took the first video when that was encoded, at 1; its successor was ready at 2
        assert values[COLUMNS["idle"]] == pytest.approx((now - 1) + (now - 2))
        assert values[COLUMNS["cost"]] == pytest.approx(1 + now + (now - 1))
    assert second[COLUMNS["idle"]] > first[COLUMNS["idle"]]


def test_seconds_do_not_fall_with_the_clock() -> None:
    clock = Clock()
    state = State(Replay(CATALOGUE).player)
    collector = Collector(lambda: nullcontext(state), clock)
    for time_of_clock, told in ((5.0, 5.0), (4.9999995, 5.0), (6.0, 6.0)):
        clock.stand_at(time_of_clock)
        assert values_of(collector.collect())["tv2_replay_simulated_seconds_total", ()] == told


def test_when_it_is_played_again_all_begins_at_0() -> None:
    handle = Replay(CATALOGUE, speed="max", keep_running=True)
    handle.start()
    run = handle.wait(SOON)
    before = scrape(handle.registry)
    handle.speed = 1
    handle.restart()
    until(lambda: handle.stats["client_submitted"] > 0)
    handle.pause()
    again = scrape(handle.registry)
    for name in ("tv2_replay_simulated_seconds_total", "tv2_video_publisher_seconds_total"):
        assert 0 <= again[name, ()] < before[name, ()]
    assert again["tv2_video_encoding_requests_accepted_total", ()] == handle.stats["client_submitted"] < 154
    handle.speed = "max"
    handle.resume()
    until(lambda: handle.phase == "finished")
    lag = {sample for sample in before if sample[0].startswith("tv2_replay_")}
    assert {k: v for k, v in scrape(handle.registry).items() if k not in lag} == {
        k: v for k, v in before.items() if k not in lag
    }
    assert handle.time == run.end
    handle.stop()


def spaced_scrape(registry: CollectorRegistry) -> Scrape:
    time.sleep(0.01)
    return scrape(registry)


def test_a_pause_holds_everything() -> None:
    def pause(entry: tv.LogEntry) -> None:
        if entry.event == "encoded":
            handle.pause()

    handle = Replay(CATALOGUE, speed=500)
    handle.observe(pause)
    handle.start()
    until(lambda: handle.paused)
    first, second = (spaced_scrape(handle.registry) for _ in range(2))
    while first != second:  # what had already fallen due when it was paused
        first, second = second, spaced_scrape(handle.registry)
    assert first["tv2_replay_paused", ()] == 1
    handle.stop()


def test_clock_and_lag() -> None:
    handle = Replay(CATALOGUE, speed=1000)
    assert value(handle.registry, "tv2_replay_speed_ratio") == 1000
    handle.speed = "max"
    assert value(handle.registry, "tv2_replay_speed_ratio") == float("inf")
    handle.speed = 500
    handle.observe(lambda entry: time.sleep(0.03 if entry.time == entry.video == 0 else 0))
    handle.start()
    handle.wait(SOON)
    assert value(handle.registry, "tv2_replay_clock_lag_max_seconds") == handle.lag_max >= 0.03
    assert value(handle.registry, "tv2_replay_clock_lag_seconds") == handle.lag
    assert value(handle.registry, "tv2_replay_paused") == 0


# -- formats ------------------------------------------------------------------------------------------------

NAMES = {
    "tv2_video_encoding_queue": "gauge",
    "tv2_video_encoders_available": "gauge",
    "tv2_video_encoders_busy": "gauge",
    "tv2_video_publishers_running": "gauge",
    "tv2_video_metadata_parse_errors": "counter",
    "tv2_video_encoding_requests_accepted": "counter",
    "tv2_video_encoded": "counter",
    "tv2_video_publication_successes": "counter",
    "tv2_video_publication_failures": "counter",
    "tv2_video_publishing_queue": "gauge",
    "tv2_video_encoders_down": "gauge",
    "tv2_video_publishers": "gauge",
    "tv2_video_publishers_started": "counter",
    "tv2_video_publisher_claims": "counter",
    "tv2_video_stockouts": "counter",
    "tv2_video_failed_attempts": "counter",
    "tv2_video_retries": "counter",
    "tv2_video_redeliveries": "counter",
    "tv2_video_elapsed_seconds": "histogram",
    "tv2_video_slack_left_seconds": "histogram",
    "tv2_video_publisher_startup_seconds": "histogram",
    "tv2_video_handoff_blocked_seconds": "histogram",
    "tv2_video_publisher_idle_seconds": "counter",
    "tv2_video_publisher_seconds": "counter",
    "tv2_replay_clock_lag_seconds": "gauge",
    "tv2_replay_clock_lag_max_seconds": "gauge",
    "tv2_replay_simulated_seconds": "counter",
    "tv2_replay_speed_ratio": "gauge",
    "tv2_replay_paused": "gauge",
    "tv2_build_info": "gauge",
}


@pytest.mark.parametrize("moment", ["start", "middle", "end"])
@pytest.mark.parametrize("accept", ["", "text/plain", OPENMETRICS])
def test_both_formats_are_valid_at_any_time(moment: str, accept: str) -> None:
    handle = Replay(CATALOGUE, speed="max")
    found: list[tuple[bytes, str]] = []
    if moment == "middle":
        handle.observe(lambda e: found.append(exposition(handle.registry, accept)) if e.video == 77 else None)
    if moment != "start":
        handle.start()
        handle.wait(SOON)
    text, kind = found[0] if found else exposition(handle.registry, accept)
    families = families_of(text, kind)
    if accept == OPENMETRICS:
        assert {family.name: family.unit for family in families} == {name: unit_of(name) for name in NAMES}
    assert kind.startswith("application/openmetrics-text; " if accept == OPENMETRICS else "text/plain; ")
    assert {family.name: family.type for family in families} == NAMES
    expected = scrape(handle.registry) if moment != "middle" else None
    assert expected is None or values_of(families) == expected
    for family in families:
        assert re.fullmatch(r"[A-Z1][^\n]{12,}\.", family.documentation), family.name
    assert b"_created" not in text


def families_of(text: bytes, kind: str) -> list[Metric]:
    """Read what was scraped, as its type says, as strictly as the library does that."""
    if kind.startswith("application/openmetrics-text; version=1.0.0;"):
        return list(openmetrics.text_string_to_metric_families(text.decode()))  # type: ignore[no-untyped-call]
    assert kind.startswith("text/plain; version=0.0.4;")
    return list(text_string_to_metric_families(text.decode()))


def unit_of(name: str) -> str:
    return next((unit for unit in ("seconds", "ratio") if name.endswith(f"_{unit}")), "")


def test_no_label_tells_what_was_in_the_catalogue() -> None:
    evil = 'a"b\\\n{le="1"}\u2028'
    theirs = tv.read_catalogue(
        [video(n, title=f"{evil}{n}") | {"id": f"{evil}{n}"} for n in range(9)], name=evil
    )
    handles = [
        Replay(theirs, tv.PART_2A.replace(name=evil), speed="max"),
        Replay(CATALOGUE, speed="max"),
        Replay(CATALOGUE, "1", tv.Scenario(encoders=200), speed="max"),
    ]
    for handle in handles:
        handle.start()
        handle.wait(SOON)
    one, *others = [scrape(handle.registry).keys() for handle in handles]
    assert all(other == one for other in others)
    labels = {name for _, labels in one for name, _ in labels}
    assert labels == {"le", "state", "start", "kind", "version", "python"}
    assert len(one) < 100


def test_without_the_extra_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(tv.MissingExtraError, match=r"prometheus_client: pip install 'tv2sim\[replay\]'$"):
        _ = Replay(CATALOGUE).registry


# -- many at once -------------------------------------------------------------------------------------------


@pytest.mark.full
def test_ten_at_once_are_scraped_by_themselves() -> None:
    default = [metric.name for metric in REGISTRY.collect()]
    handles = [
        tv.replay(CATALOGUE, "2c", seed=seed, speed=1000, port=0, keep_running=True, block=False)
        for seed in range(1, 11)
    ]
    try:
        assert len({id(handle.registry) for handle in handles}) == 10
        runs = [handle.wait(SOON) for handle in handles]
        for handle, run in zip(handles, runs, strict=True):
            request = urllib.request.Request(str(handle.url).partition("#")[0] + "metrics")
            request.add_header("Accept", OPENMETRICS)
            with urllib.request.urlopen(request, timeout=SOON) as answer:
                families = families_of(answer.read(), answer.headers["Content-Type"])
            check_end(run, values_of(families))
        assert len({str(run.stats) for run in runs}) > 1
    finally:
        for handle in handles:
            handle.stop()
    assert [metric.name for metric in REGISTRY.collect()] == default
