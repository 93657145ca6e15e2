"""A replay is the simulated run: the same tables, bit for bit, at any speed and whatever is done to it.

And what the handle does: it pauses, stops, fails and ends as it says, and leaves nothing behind.
"""

from __future__ import annotations

import _thread
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.engines.test_properties import TABLES, same
from tests.engines.test_reference import Case, cases, records, rows_of, strategy_of
from tests.helpers.commands import CATALOGUE, SAMPLE
from tests.helpers.sizes import examples
from tests.results.test_saving import OWN

BARELY = 60.0
"""Wall seconds that are more than enough for what takes a moment, however busy the machine is."""


# -- nothing is left behind ---------------------------------------------------------------------------------


def open_files() -> list[str]:
    """List what this process has open, where the system tells that."""
    here, found = Path("/proc/self/fd"), []
    for number in here.iterdir() if here.is_dir() else ():
        with suppress(OSError):  # of the directory itself, which was open while it was read
            found.append(str(number.readlink()))
    return sorted(found)


def until(holds: Callable[[], bool], at_most: float = BARELY) -> bool:
    """Wait until something holds, and say whether it does."""
    end = time.monotonic() + at_most
    while not holds() and time.monotonic() < end:
        time.sleep(0.002)
    return holds()


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Check that there are afterwards no more threads, open files and metrics than before."""
    from prometheus_client import REGISTRY

    metrics = {metric.name for metric in REGISTRY.collect()}
    threads, files = set(threading.enumerate()), open_files()
    yield
    until(lambda: set(threading.enumerate()) <= threads and len(open_files()) <= len(files))
    assert set(threading.enumerate()) <= threads
    assert len(open_files()) <= len(files), set(open_files()) - set(files)
    assert {metric.name for metric in REGISTRY.collect()} == metrics


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    with nothing_left_behind():
        yield


# -- the same facts -----------------------------------------------------------------------------------------


def one(encoding: float = 20, timeout: float = 90, **more: Any) -> tv.Catalogue:
    """Make a catalogue of one video."""
    return tv.Catalogue([tv.Video("v0", "T", "P", encoding, timeout, **more)])


def small(videos: int = 30) -> tv.Catalogue:
    return tv.generate_catalogue(videos, seed=3)


def log_of(run: tv.Run) -> list[tv.LogEntry]:
    """Return the run's log as an observer gets it."""
    return [tv.LogEntry(*row.values()) for row in rows_of(run.events)]


def equal(replayed: tv.Run, simulated: tv.Run) -> None:
    """Hold a replayed run against the simulated one: equal, and the same in every table to the last bit."""
    assert replayed == simulated
    same(replayed, simulated)
    assert (replayed.seed, replayed.replication) == (simulated.seed, simulated.replication)
    assert replayed.catalogue == simulated.catalogue


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
@pytest.mark.parametrize(("seed", "replication"), [(1, 0), (1, 3), (7, 0), (2**64 - 1, 2**40)])
def test_every_part_with_every_seed(strategy: str, seed: int, replication: int) -> None:
    which: Any = {"seed": seed, "replication": replication}
    run = tv.replay(CATALOGUE, strategy, speed="max", **which)
    equal(run, tv.simulate(CATALOGUE, strategy, **which))


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
def test_every_part_at_a_speed(strategy: str) -> None:
    run = tv.replay(CATALOGUE, strategy, tv.Scenario(encoders=5), speed=1000)
    equal(run, tv.simulate(CATALOGUE, strategy, tv.Scenario(encoders=5)))


def test_part_2c_is_the_default() -> None:
    equal(tv.replay(SAMPLE, speed="max"), tv.simulate(SAMPLE))


def test_a_drawn_seed_is_told() -> None:
    run = tv.replay(small(), seed=None, speed="max")
    assert run.seed != tv.replay(small(), seed=None, speed="max").seed
    equal(run, tv.simulate(small(), seed=run.seed))


@settings(max_examples=examples(90))
@given(
    case=cases(),
    startup_time=st.sampled_from([tv.Constant(0), tv.Constant(2), tv.Uniform(2, 6), tv.Exponential(2)]),
    seed=st.integers(0, 2**40),
    speed=st.sampled_from(["max"] * 9 + [1000]),
)
def test_any_case(case: Case, startup_time: tv.Distribution, seed: int, speed: Any) -> None:
    catalogue = tv.read_catalogue(records(case.encoding_times, case.timeouts, case.submitted))
    scenario = tv.Scenario(**case.world.changes() | {"startup_time": startup_time})
    seen: list[tv.LogEntry] = []
    run = tv.replay(catalogue, strategy_of(case.rule), scenario, seed=seed, speed=speed, observers=seen.append)
    simulated = tv.simulate(catalogue, strategy_of(case.rule), scenario, seed=seed)
    equal(run, simulated)
    assert seen == log_of(simulated)


class Reviewed(tv.Strategy):
    """Every hook at once; the pool follows what it sees, at its own times as well."""

    def start_moment(self, video: tv.Video) -> Any:
        return "encoded" if video.slack > 2 else None

    def owns_publisher(self, video: tv.Video) -> bool:
        return video.slack > 3

    def start_delay(self, video: tv.Video) -> float:
        return video.encoding_time / 7

    def priority(self, video: tv.Video, deadline: float) -> float:
        return -deadline

    def pool_level(self, state: tv.PoolState) -> int:
        return 1 + state.waiting + state.encoding // 2 + int(state.time) % 3


@pytest.mark.parametrize("strategy", [*OWN, Reviewed(review_every=0.7)], ids=lambda own: type(own).__name__)
@pytest.mark.parametrize("speed", ["max", 1000])
def test_own_strategies(strategy: tv.Strategy, speed: Any) -> None:
    scenario = tv.Scenario(encoders=4, publishing_queue_capacity=2, publishing_time=0.25)
    seen: list[tv.LogEntry] = []
    run = tv.replay(small(), strategy, scenario, speed=speed, observers=seen.append)
    equal(run, tv.simulate(small(), strategy, scenario))
    assert run.strategy is strategy
    assert seen == log_of(run)


@pytest.mark.parametrize("until", [0.25, 3.0, 12.34, 500.0])
@pytest.mark.parametrize("strategy", ["1", "2c"])
def test_up_to_a_cut_off(strategy: str, until: float) -> None:
    scenario = tv.Scenario(until=until)
    run = tv.replay(small(), strategy, scenario, speed=1000)
    equal(run, tv.simulate(small(), strategy, scenario))
    assert run.ending == ("completed" if until == 500 else "cut-off")


def test_a_cut_off_comes_when_the_clock_says_so() -> None:
    """Between 6 s, when all publishers are ready, and 60 nothing happens; cut off at 20."""
    begun = time.monotonic()
    run = tv.replay(one(60), "2c", tv.Scenario(until=20), speed=100)
    assert time.monotonic() - begun >= 0.2
    equal(run, tv.simulate(one(60), "2c", tv.Scenario(until=20)))


@pytest.mark.parametrize("until", [None, 500.0])
def test_no_publisher_will_come(until: float | None) -> None:
    scenario = tv.Scenario(until=until)
    run = tv.replay(small(), tv.PART_2C.replace(prewarmed=0), scenario, speed=1000)
    equal(run, tv.simulate(small(), tv.PART_2C.replace(prewarmed=0), scenario))
    assert run.ending == "no publisher will come"


def test_a_catalogue_with_times_of_submission_and_rejected_lines() -> None:
    lines = [*records([1, 1, 2], [9, 9, 9], [0.125, None, 7.7]), "nonsense", *records([1], [9])]
    run = tv.replay(lines, speed=1000)
    equal(run, tv.simulate(lines))
    assert run.stats["client_parse_errors"] == 2
    assert run.videos["offered"].tolist() == [0.125, 0.625, 7.7]


def test_pauses_and_other_speeds_in_the_middle_change_nothing() -> None:
    simulated = tv.simulate(CATALOGUE, "2a")
    for speeds in ([300, 20, 1000, 0.1, "max"], [1000, "max", 1, 400, 1000]):
        seen: list[tv.LogEntry] = []
        handle = tv.replay(CATALOGUE, "2a", speed=200, observers=seen.append, block=False)
        for speed in speeds:
            time.sleep(0.01)
            handle.pause()
            time.sleep(0.005)
            handle.speed = speed  # type: ignore[assignment]
            handle.resume()
        handle.speed = 1000
        equal(handle.wait(BARELY), simulated)
        assert seen == log_of(simulated)


def test_observers_may_steer() -> None:
    """Pausing and changing the speed from within an observer, which is in the replay's own thread."""
    simulated = tv.simulate(small(), "2c")
    handles: list[tv.Replay] = []
    count = 0

    def steer(_: tv.LogEntry) -> None:
        nonlocal count
        count += 1
        if count % 20 == 0 and handles:
            handle = handles[0]
            handle.pause()
            handle.speed = 500 + count
            threading.Timer(0.004, handle.resume).start()

    handles.append(tv.replay(small(), "2c", speed=400, observers=steer, block=False))
    equal(handles[0].wait(BARELY), simulated)


def test_slow_observers_change_nothing() -> None:
    seen: list[tv.LogEntry] = []
    slept: list[float] = []

    def slow(entry: tv.LogEntry) -> None:
        if len(slept) < 25 and entry.event == "encoded":
            time.sleep(0.004)
            slept.append(entry.time)

    run = tv.replay(small(), "2b", speed=1000, observers=[slow, seen.append])
    assert len(slept) == 25
    equal(run, tv.simulate(small(), "2b"))
    assert seen == log_of(run)


def test_observers_get_the_log_row_by_row_and_in_turn() -> None:
    seen: list[tuple[int, tv.LogEntry]] = []
    observers = [lambda entry, which=which: seen.append((which, entry)) for which in (0, 1, 2)]
    run = tv.replay(SAMPLE, "2a", speed="max", observers=iter(observers))
    assert seen == [(which, entry) for entry in log_of(run) for which in (0, 1, 2)]
    assert all(type(entry) is tv.LogEntry for _, entry in seen)
    assert {type(entry.video) for _, entry in seen} == {int, type(None)}


def test_observers_are_called_in_the_replay_s_own_thread() -> None:
    threads: set[threading.Thread] = set()
    tv.replay(SAMPLE, speed="max", observers=lambda _: threads.add(threading.current_thread()))
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_a_replay_of_a_catalogue_adds_no_time_of_submission() -> None:
    run = tv.replay(small(), speed=1000)
    assert run.catalogue.submitted_at is None
    assert "submitted_at" not in run.videos


def test_a_replayed_run_can_be_saved(tmp_path: Path) -> None:
    run = tv.replay(SAMPLE, speed="max")
    same(tv.load_run(run.save(tmp_path / "out")), run)


# -- the handle ---------------------------------------------------------------------------------------------


def test_wait_gives_the_run_again_and_again() -> None:
    handle = tv.replay(SAMPLE, speed="max", block=False)
    assert isinstance(handle, tv.Replay)
    run = handle.wait()
    assert handle.wait() is handle.wait(0) is run is handle.run
    assert handle.over
    assert handle.phase == "finished"
    assert handle.time == run.end
    handle.stop()
    assert handle.wait() is run
    assert (handle.phase, run.ending) == ("finished", "completed")


def test_wait_for_so_long_only() -> None:
    with tv.replay(one(), speed=1, block=False) as handle:
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match=re.escape("0.05")):
            handle.wait(0.05)
        assert 0.05 <= time.monotonic() - begun < BARELY
        assert not handle.over
        assert (handle.run, handle.phase) == (None, "running")
        handle.speed = "max"
        equal(handle.wait(BARELY), tv.simulate(one()))


def test_it_can_be_watched_while_it_runs() -> None:
    """One video, encoded from 0 to 900; it is paused in the middle and looked at."""
    scenario = tv.Scenario(startup_time=3)
    with tv.replay(one(900), tv.PART_2C.replace(prewarmed=2), scenario, speed=100, block=False) as handle:
        assert until(lambda: handle.time > 5 and handle.snapshot().pipeline.publishers_ready == 2)
        handle.pause()
        now = handle.time
        assert 5 < now < 900
        assert str(handle.stats) == (
            "stats: client_parse_errors=0 client_submitted=1 encoded=0 published=0 publish_failed=0"
        )
        levels = handle.levels
        assert list(levels.columns) == list(tv.simulate(one(900)).levels.columns)
        assert levels.tail(1).to_numpy().tolist() == [[3, 1, 0, 0, 2, 0, 0]]
        snapshot = handle.snapshot()
        assert (snapshot.phase, snapshot.paused, snapshot.speed) == ("running", True, 100)
        assert snapshot.time == now == handle.time
        assert snapshot.strategy == "2c"
        assert (snapshot.pipeline.encoders_busy, snapshot.pipeline.publishers_ready) == (1, 2)
        assert "running" in repr(handle)
        handle.speed = "max"
        handle.resume()
        run = handle.wait(BARELY)
    assert str(handle.stats) == str(run.stats)
    assert_frame_equal(handle.levels, run.levels, check_exact=True)
    assert (handle.snapshot().phase, handle.snapshot().ending) == ("finished", "completed")
    assert handle.snapshot().time == handle.time == run.end
    assert "finished" in repr(handle)


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c"])
def test_levels_and_stats_at_the_end_are_those_of_the_run(strategy: str) -> None:
    scenario = tv.Scenario(encoders=3, publishing_queue_capacity=1)
    handle = tv.replay(CATALOGUE, strategy, scenario, speed="max", block=False)
    run = handle.wait()
    assert handle.stats == run.stats
    assert_frame_equal(handle.levels, run.levels, check_exact=True)


def test_what_it_plays_is_told() -> None:
    handle = tv.replay(SAMPLE, "2a", tv.Scenario(encoders=3), seed=5, replication=2, speed="max", block=False)
    player = handle.player
    handle.wait()
    assert player.strategy == tv.PART_2A
    assert player.scenario == tv.Scenario(encoders=3)
    assert (player.seed, player.replication) == (5, 2)
    assert handle.url is None


def test_a_begun_one_takes_no_further_observers() -> None:
    """They could not follow it from the start on, and nobody would notice that nothing comes."""
    with tv.replay(one(), block=False) as handle:
        for late in (handle.observe, handle.when_accepted):
            with pytest.raises(tv.InputError, match="has begun"):
                late(print)


# -- playing again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["1", "2c", OWN[0]])
@pytest.mark.parametrize("speed", [1000, 50])
def test_one_that_is_started_over_is_the_same_run_and_told_once(
    strategy: tv.Strategy | str, speed: float
) -> None:
    seen: list[tv.LogEntry] = []
    with tv.replay(small(), strategy, speed=speed, observers=seen.append, block=False) as handle:
        for _ in range(3):
            before = handle.stats["encoded"]
            assert until(lambda before=before: handle.stats["encoded"] > before or handle.over)  # type: ignore[misc]
            if not handle.over:
                handle.restart()
        handle.speed = "max"
        run = handle.wait(BARELY)
        equal(run, tv.simulate(small(), strategy))
        assert seen == log_of(run)
        assert dict(handle.stats) == dict(run.stats)
        assert_frame_equal(handle.levels, run.levels)


def test_it_begins_again_at_0_at_the_same_speed_and_not_paused() -> None:
    with tv.replay(one(), speed=200, block=False) as handle:
        assert until(lambda: handle.time > 10)
        handle.pause()
        handle.speed = 2
        handle.restart()
        assert until(lambda: 0 < handle.time < 5 and not handle.paused)
        assert (handle.speed, handle.phase, handle.over) == (2, "running", False)
        assert handle.stats["client_submitted"] == 1
        assert handle.lag_max < 5


def test_after_its_end_it_is_shown_again_and_nobody_is_told() -> None:
    seen: list[tv.LogEntry] = []
    handle = tv.replay(small(), speed="max", observers=seen.append, keep_running=True, block=False)
    run = handle.wait(BARELY)
    assert until(lambda: handle.over and not handle._thread.is_alive())
    handle.speed = 20
    for _ in range(2):
        assert handle.restartable
        assert handle.snapshot().restartable
        handle.restart()
        assert until(lambda: 0 < handle.time < run.end and handle.stats["client_submitted"] > 0)
        assert (handle.phase, handle.over, handle.snapshot().ending) == ("running", True, None)
        assert handle.wait(0) is handle.run is run
    handle.speed = "max"
    assert until(lambda: handle.phase == "finished")
    assert handle.snapshot().ending == "completed"
    assert handle.time == run.end
    assert dict(handle.stats) == dict(run.stats)
    assert seen == log_of(run)
    handle.stop()
    assert handle.phase == "finished"
    with pytest.raises(tv.InputError, match="cannot be played again"):
        handle.restart()


def test_one_that_is_shown_again_ends_when_it_is_stopped() -> None:
    handle = served(speed="max", keep_running=True)
    run = handle.wait(BARELY)
    handle.speed = 1
    handle.restart()
    before = time.monotonic()
    handle.stop()
    assert time.monotonic() - before < BARELY
    assert until(lambda: not handle._thread.is_alive())
    assert handle.wait(0) is run
    with pytest.raises(OSError, match=r".*"):
        socket.create_connection(("127.0.0.1", port_of(handle)), timeout=BARELY)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system has no /dev/fd")
def test_what_cannot_be_played_again_says_why() -> None:
    handle = tv.replay(small(), speed="max", block=False)
    handle.wait(BARELY)
    assert not handle.restartable
    with pytest.raises(tv.InputError, match="it has ended, without keep_running=True"):
        handle.restart()
    path, close = fed(b"".join(small(3).lines()))
    with tv.replay(path, speed=1, block=False) as feed, pytest.raises(tv.InputError, match="a feed is gone"):
        feed.restart()
    close()


def test_many_who_start_it_over_and_one_who_stops_it() -> None:
    """Whichever comes first, a stopped one does not come back, and one that is played to its end is the run."""
    for stopped in (False, True) * 10:
        handle = tv.replay(small(), speed=500, keep_running=True, block=False)
        threads = [threading.Thread(target=_restart, args=(handle,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        if stopped:
            handle.stop()
        for thread in threads:
            thread.join()
        handle.speed = "max"
        run = handle.wait(BARELY)
        assert stopped or run == tv.simulate(small())
        handle.stop()
        assert until(lambda handle=handle: not handle._thread.is_alive())  # type: ignore[misc]
        assert not handle.restartable


def _restart(handle: tv.Replay) -> None:
    for _ in range(5):
        with suppress(tv.InputError):
            handle.restart()
        time.sleep(0.001)


# -- stopping -----------------------------------------------------------------------------------------------


def is_cut_off_of(stopped: tv.Run, simulated: Callable[[float], tv.Run]) -> None:
    """Hold a stopped run against one that was cut off at the same time: the same in every table."""
    cut = simulated(stopped.end or 1e-9)  # a cut-off at 0 is none
    for name in TABLES:
        assert_frame_equal(getattr(stopped, name), getattr(cut, name), check_exact=True)
    assert stopped.ending == "stopped"
    assert stopped.stats == cut.stats
    assert repr(stopped.summary) == repr(cut.summary) or stopped.end == 0


@pytest.mark.parametrize("strategy", ["1", "2a", "2c"])
@pytest.mark.parametrize("speed", [100, 1000, 3])
def test_a_stopped_one_is_the_run_up_to_there(strategy: str, speed: float) -> None:
    catalogue = tv.generate_catalogue(1_000)
    handle = tv.replay(catalogue, strategy, speed=speed, block=False)
    assert until(lambda: handle.stats["client_submitted"] > 2)
    before = time.monotonic()
    handle.stop()
    assert time.monotonic() - before < BARELY
    run = handle.run
    assert run is not None
    assert handle.wait(0) is run
    assert handle.phase == "stopped"
    assert handle.snapshot().ending == "stopped"
    assert set(run.videos["outcome"]) <= {"published", "failed", "unfinished"}
    assert (run.videos["outcome"] == "unfinished").sum() > 0
    is_cut_off_of(run, lambda end: tv.simulate(catalogue, strategy, tv.Scenario(until=end)))


def test_it_ends_when_it_was_stopped_and_not_with_the_last_event() -> None:
    """From 3 to 900 nothing happens; publishers that are ready are idle until the stop at about 10."""
    scenario = tv.Scenario(startup_time=3)
    with tv.replay(one(900), "2c", scenario, speed=100, block=False) as handle:
        assert until(lambda: handle.time > 10 and handle.snapshot().pipeline.publishers_ready == 10)
        handle.pause()
        before = handle.time
        handle.stop()
        assert handle.run is not None
        assert handle.run.end == pytest.approx(before, abs=1e-6)
        assert handle.time == handle.run.end
        assert handle.run.publishers["idle"].tolist() == pytest.approx([before - 3] * 10, abs=1e-5)


def test_an_observer_may_stop_it_and_the_instant_is_completed() -> None:
    """At 1 s much happens at once; the stop comes with its first event."""
    catalogue = tv.read_catalogue(records([0.5] * 6, [9] * 6))
    handles: list[tv.Replay] = []
    there = threading.Event()
    seen: list[tv.LogEntry] = []

    def stop(entry: tv.LogEntry) -> None:
        seen.append(entry)
        if entry.time == 1.0:
            assert there.wait(BARELY)
            handles[0].stop()

    scenario = tv.Scenario(startup_time=0.5)
    handles.append(tv.replay(catalogue, "1", scenario, speed="max", observers=stop, block=False))
    there.set()
    run = handles[0].wait(BARELY)
    assert run.end == 1.0
    assert seen == log_of(run)
    assert sum(entry.time == 1.0 for entry in seen) > 5
    is_cut_off_of(run, lambda end: tv.simulate(catalogue, "1", tv.Scenario(startup_time=0.5, until=end)))


def test_a_stopped_run_can_be_saved(tmp_path: Path) -> None:
    with tv.replay(one(), speed=100, block=False) as handle:
        assert until(lambda: handle.time > 1)
    assert handle.run is not None
    loaded = tv.load_run(handle.run.save(tmp_path / "out"))
    same(loaded, handle.run)
    assert loaded.ending == "stopped"


def test_stopping_twice_and_from_several_threads() -> None:
    handle = tv.replay(one(), block=False)
    threads = [threading.Thread(target=handle.stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    handle.stop()
    handle.stop()
    for thread in threads:
        thread.join()
    assert handle.wait().ending == "stopped"


def test_stopping_before_anything() -> None:
    for _ in range(20):
        handle = tv.replay(small(), speed=1, block=False)
        handle.stop()
        is_cut_off_of(handle.wait(), lambda end: tv.simulate(small(), "2c", tv.Scenario(until=end)))


def test_stopping_while_paused() -> None:
    handle = tv.replay(one(), speed=100, block=False)
    assert until(lambda: handle.time > 1)
    handle.pause()
    before = time.monotonic()
    handle.stop()
    assert time.monotonic() - before < BARELY
    assert handle.wait().ending == "stopped"
    assert handle.phase == "stopped"


def test_nothing_brings_a_stopped_one_back() -> None:
    handle = tv.replay(one(), block=False)
    handle.stop()
    end = handle.time
    handle.resume()
    handle.speed = 1000
    time.sleep(0.02)
    assert handle.time == end
    assert handle.phase == "stopped"
    handle.pause()
    handle.resume()
    assert handle.time == end


def test_the_end_of_a_with_block_stops_it() -> None:
    with tv.replay(one(), block=False) as handle:
        assert isinstance(handle, tv.Replay)
        assert not handle.over
    assert handle.over
    assert handle.phase == "stopped"
    with pytest.raises(ZeroDivisionError), tv.replay(one(), block=False) as other:
        raise ZeroDivisionError
    assert other.phase == "stopped"


def test_stopping_does_not_wait_for_an_observer_that_sleeps() -> None:
    asleep, wake = threading.Event(), threading.Event()

    def sleep(_: tv.LogEntry) -> None:
        asleep.set()
        wake.wait(BARELY * 3)

    handle = tv.replay(small(), observers=sleep, block=False)
    assert asleep.wait(BARELY)
    begun = time.monotonic()
    handle.stop()
    assert time.monotonic() - begun < BARELY
    wake.set()
    assert handle.wait(BARELY).ending == "stopped"


# -- what goes wrong ----------------------------------------------------------------------------------------


class MineError(Exception):
    """With a constructor of its own, so that it cannot be made again from its arguments."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what}: {number}")


def fails_with(error: BaseException, *given: Any, **options: Any) -> None:
    """Check that a replay ends with this very error, however it is waited for."""
    handle = tv.replay(*given, **options, block=False)
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            handle.wait(BARELY)
        assert caught.value is error
    assert (handle.run, handle.phase, handle.over) == (None, "failed", True)
    handle.stop()
    assert handle.phase == "failed"
    with pytest.raises(type(error)) as caught:
        tv.replay(*given, **options)
    assert caught.value is error


@pytest.mark.parametrize(
    "error", [MineError("no", 5), KeyError("x"), StopIteration(3), SystemExit(4)], ids=repr
)
def test_an_observer_s_exception_reaches_wait(error: BaseException) -> None:
    def fail(entry: tv.LogEntry) -> None:
        if entry.event == "encoded":
            raise error

    seen: list[tv.LogEntry] = []
    fails_with(error, small(), speed=1000, observers=[seen.append, fail])
    assert sum(entry.event == "encoded" for entry in seen) == 2


@pytest.mark.parametrize("error", [MineError("no", 5), StopIteration(3)], ids=repr)
def test_a_hook_s_exception_reaches_wait(error: Exception) -> None:
    class Fails(tv.Strategy):
        def pool_level(self, state: tv.PoolState) -> int:
            if state.time > 2:
                raise error
            return 3

    fails_with(error, small(), Fails(), speed=1000)


def test_a_hook_s_impossible_answer_reaches_wait() -> None:
    class Wrong(tv.Strategy):
        def pool_level(self, state: tv.PoolState) -> int:
            return -7 if state.time > 2 else 3

    handle = tv.replay(small(), Wrong(), speed=1000, block=False)
    with pytest.raises(tv.StrategyError, match="-7"):
        handle.wait(BARELY)


@pytest.mark.parametrize("interrupt", [_thread.interrupt_main, lambda: signal.raise_signal(signal.SIGINT)])
def test_ctrl_c_ends_one_that_is_waited_for(interrupt: Callable[[], None]) -> None:
    begun = time.monotonic()
    timer = threading.Timer(0.1, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            tv.replay(one(), speed=0.1)
    finally:
        timer.join()
    assert time.monotonic() - begun < BARELY


def test_ctrl_c_while_waiting_for_a_handle_leaves_it_running() -> None:
    timer = threading.Timer(0.05, _thread.interrupt_main)
    with tv.replay(one(), block=False) as handle:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            handle.wait()
        timer.join()
        assert not handle.over


# -- wrong arguments ----------------------------------------------------------------------------------------

NAN = float("nan")
WRONG: list[dict[str, Any]] = [
    *({"speed": speed} for speed in (0, 0.09, 1001, -1, NAN, float("inf"), "fast", "MAX", "10", True, None)),
    *({"seed": seed} for seed in (-1, 2**64, 1.5, "1", True)),
    *({"replication": replication} for replication in (-1, 2**63, 0.5, "0", True, None)),
    *({"strategy": strategy} for strategy in ("3", "", None, 5)),
    *({"scenario": scenario} for scenario in ("default", 5)),
    *({"port": port} for port in (-1, 65536, "8080", 80.5, True)),
    *({"host": host, "port": 0} for host in ("no such host!", "256.0.0.1", "", 5, None)),
    {"host": 5},
]
UNREADABLE: list[dict[str, Any]] = [
    {"catalogue": "no such file"},
    {"catalogue": 5},
    {"catalogue": "."},
    {"recorded": "no such log", "catalogue": None},
    {"recorded": 5, "catalogue": None},
    {"recorded": ".", "catalogue": None},
]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("block", [True, False])
def test_a_wrong_argument_is_one_sentence(
    wrong: dict[str, Any], block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(threading.Thread, "start", begun.append)
    monkeypatch.setattr(socket.socket, "listen", begun.append)
    given = {"catalogue": SAMPLE, "port": 0, **wrong, "block": block}
    with pytest.raises(tv.InputError) as caught:
        tv.replay(**given)
    assert not begun
    message = str(caught.value)
    assert message.isprintable()
    assert repr(next(iter(wrong.values()))) in message


@pytest.mark.parametrize("source", UNREADABLE, ids=repr)
@pytest.mark.parametrize("block", [True, False])
def test_a_source_that_cannot_be_read_is_one_sentence(
    source: dict[str, Any], block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(threading.Thread, "start", begun.append)
    with pytest.raises(tv.InputError) as caught:
        tv.replay(**{"catalogue": SAMPLE, "port": 0, **source, "block": block})
    assert not begun
    message = str(caught.value)
    assert message.isprintable()
    kind, name = next(iter(source.items()))
    assert repr(name) in message
    assert (" log " in f" {message} ") == (kind == "recorded"), message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs a catalogue"),
        ({"catalogue": SAMPLE, "recorded": "log.jsonl"}, "not of both"),
        ({"catalogue": SAMPLE, "keep_running": True}, "keep_running=True needs block=False"),
        ({"catalogue": []}, "no valid video"),
    ],
)
def test_arguments_that_do_not_go_together(given: dict[str, Any], words: str) -> None:
    with pytest.raises(tv.InputError, match=words) as caught:
        tv.replay(**given)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("speed", [0, NAN, "fast", True, 2000, None])
def test_a_wrong_speed_while_it_runs_changes_nothing(speed: Any) -> None:
    with tv.replay(one(), speed=7, block=False) as handle:
        with pytest.raises(tv.InputError, match=re.escape(repr(speed))):
            handle.speed = speed
        assert handle.speed == 7
        assert not handle.over


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for block in (True, False):
            with pytest.raises(tv.InputError, match=rf"port {port} is in use"):
                tv.replay(SAMPLE, port=port, block=block)


@pytest.mark.parametrize("package", ["prometheus_client", "starlette", "uvicorn"])
def test_without_the_extra_it_serves_nothing_and_says_why(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    equal(tv.replay(SAMPLE, speed="max"), tv.simulate(SAMPLE))
    for block in (True, False):
        with pytest.raises(tv.MissingExtraError, match=re.escape("tv2sim[replay]")) as caught:
            tv.replay(SAMPLE, port=0, block=block)
        assert str(caught.value).isprintable()


# -- ten of them --------------------------------------------------------------------------------------------


def fed(lines: bytes) -> tuple[str, Callable[[], None]]:
    """Return the path of a pipe that has these lines and stays open, and what closes it."""
    reading, writing = os.pipe()
    os.write(writing, lines)

    def close() -> None:
        os.close(writing)
        os.close(reading)

    return f"/dev/fd/{reading}", close


def served(**options: Any) -> tv.Replay:
    """Start one that serves, and see that it does."""
    handle = tv.replay(small(), port=0, block=False, **options)
    assert isinstance(handle, tv.Replay)
    assert handle.url is not None
    with urllib.request.urlopen(handle.url.partition("#")[0] + "healthz", timeout=BARELY) as answer:
        assert answer.status == 200
    return handle


def port_of(handle: tv.Replay) -> int:
    match = re.search(r":(\d+)/", str(handle.url))
    assert match is not None
    return int(match[1])


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system has no /dev/fd")
def test_ten_replays_leave_nothing_behind() -> None:
    """Some finished, some stopped, some failed, some watched, some fed; all at the same time."""

    def fail(entry: tv.LogEntry) -> NoReturn:
        raise MineError("no", 1)

    finished = [
        tv.replay(small(), "1", speed="max", block=False),
        tv.replay(small(), "2c", speed=1000, block=False),
    ]
    stopped = [tv.replay(small(), speed=1, block=False), served(speed=1), served(speed=20)]
    failed = [tv.replay(small(), speed=100, observers=fail, block=False)]
    failed.append(tv.replay(small(), observers=fail, port=0, block=False))
    kept = served(speed="max", keep_running=True)
    lines = b"".join(small(8).lines())
    path, close = fed(lines)
    feeds = [tv.replay(path, speed=200, block=False)]
    empty, close_empty = fed(b"")
    waiting = tv.replay(empty, block=False)
    viewer = urllib.request.urlopen(f"http://127.0.0.1:{port_of(stopped[1])}/events", timeout=BARELY)
    assert viewer.readline()
    everything = [*finished, *stopped, *failed, kept, *feeds, waiting]
    assert len(everything) == 10
    for handle in finished:
        assert handle.wait(BARELY).ending == "completed"
    for handle in failed:
        with pytest.raises(MineError):
            handle.wait(BARELY)
    kept.wait(BARELY)
    ports = [port_of(handle) for handle in (stopped[1], stopped[2], kept)]
    for handle in everything:
        handle.stop()
    for handle in (*stopped, *feeds):
        assert handle.wait(BARELY).ending == "stopped"
    with pytest.raises(tv.CatalogueError):
        waiting.wait(BARELY)
    viewer.close()
    close()
    close_empty()
    for port in ports:
        with pytest.raises(OSError, match=r".*"):
            socket.create_connection(("127.0.0.1", port), timeout=BARELY)


def test_it_serves_as_long_as_it_lasts() -> None:
    handle = served(speed=1)
    handle.speed = "max"
    handle.wait(BARELY)
    with pytest.raises(OSError, match=r".*"):
        socket.create_connection(("127.0.0.1", port_of(handle)), timeout=BARELY)
    handle = served(speed="max", keep_running=True)
    handle.wait(BARELY)
    socket.create_connection(("127.0.0.1", port_of(handle)), timeout=BARELY).close()
    handle.stop()
    with pytest.raises(OSError, match=r".*"):
        socket.create_connection(("127.0.0.1", port_of(handle)), timeout=BARELY)


def test_each_has_metrics_of_its_own() -> None:
    handles = [tv.replay(small(n), speed="max", block=False) for n in (3, 4, 5)]
    for handle, videos in zip(handles, (3, 4, 5), strict=True):
        handle.wait(BARELY)
        name = "tv2_video_encoding_requests_accepted_total"
        assert handle.registry.get_sample_value(name) == videos


def test_nothing_is_logged_when_nothing_is_late(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tv2sim.replay"):
        tv.replay(small(), speed="max")
    assert caplog.records == []
