"""The wall clock: how long a replay takes at a speed, pauses, other speeds, and being late.

The machine may be busy, so what is measured has a lower bound that holds always, and a generous upper one.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

import tv2sim as tv
from tests.realtime.test_replay import BARELY, equal, log_of, nothing_left_behind, one, small, until
from tv2sim.realtime.clock import Clock, Stopped

BUSY = 20.0
"""Wall seconds by which a busy machine may make anything later."""


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    with nothing_left_behind():
        yield


def quick(videos: int = 30) -> tuple[tv.Catalogue, tv.Scenario]:
    """Make a catalogue of which part 2a takes a bit more than 16 s."""
    return small(videos), tv.Scenario(encoders=20)


# -- at a speed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "speed", "takes"), [(20, 100, 0.2), (0.03, 0.1, 0.3), (200, 1000, 0.2), (0.2, 1, 0.2)]
)
def test_simulated_seconds_take_their_share_of_wall_seconds(seconds: float, speed: float, takes: float) -> None:
    """One video, encoded from 0 on, whose publisher has been ready long before: the run ends right then."""
    begun = time.monotonic()
    run = tv.replay(one(seconds), "2a", tv.Scenario(startup_time=0), speed=speed)
    took = time.monotonic() - begun
    assert run.end == seconds
    assert takes <= took < takes + BUSY


def test_no_event_comes_before_its_time_nor_much_after() -> None:
    came: list[tuple[float, float]] = []
    catalogue, scenario = quick()
    begun = time.monotonic()
    tv.replay(
        catalogue, "2a", scenario, speed=40, observers=lambda entry: came.append((entry.time, time.monotonic()))
    )
    late = sorted(wall - begun - at / 40 for at, wall in came)
    assert late[0] >= 0
    assert late[len(late) // 2] < BUSY


def test_as_fast_as_it_goes() -> None:
    begun = time.monotonic()
    run = tv.replay(one(86_400), speed="max")
    assert time.monotonic() - begun < BARELY
    assert run.end == 86_400


@pytest.mark.full
def test_as_fast_as_it_goes_it_takes_a_few_times_the_work_of_a_simulation() -> None:
    """Nothing looks at it: what views would show is not worked out. It was 5 times the work."""
    catalogue = tv.generate_catalogue(1000)

    def work(run: Callable[[], tv.Run]) -> int:
        """Return the number of functions that are called, in all threads."""
        calls = 0

        def count(frame: FrameType, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        run()  # imports are not counted
        threading.setprofile(count)
        sys.setprofile(count)
        try:
            run()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return calls

    assert work(lambda: tv.replay(catalogue, speed="max")) < 3 * work(
        lambda: tv.simulate(catalogue, engine="simpy")
    )


def test_the_time_of_the_handle_goes_on_evenly() -> None:
    with tv.replay(one(1000), speed=50, block=False) as handle:
        assert until(lambda: handle.time > 0)
        looks = []
        for _ in range(5):
            before = time.monotonic()
            at = handle.time
            looks.append((before, at, time.monotonic()))
            time.sleep(0.03)
        for (_, earlier, after), (before, later, _) in itertools.pairwise(looks):
            assert later - earlier >= 50 * (before - after) - 1e-6
        (first, start, _), (_, end, last) = looks[0], looks[-1]
        assert end - start <= 50 * (last - first) + 1e-6


# -- pauses -------------------------------------------------------------------------------------------------


def test_paused_time_does_not_pass() -> None:
    """20 s at speed 100 take 0.2 s, and the pause of 0.3 s comes on top."""
    begun = time.monotonic()
    with tv.replay(one(20), "2a", tv.Scenario(startup_time=0), speed=100, block=False) as handle:
        handle.pause()
        assert handle.paused
        at = handle.time
        with pytest.raises(TimeoutError):
            handle.wait(0.3)
        assert handle.time == at < 20
        assert handle.phase == "running"
        handle.resume()
        assert not handle.paused
        assert handle.wait(BARELY).end == 20
    assert 0.5 <= time.monotonic() - begun < 0.5 + BUSY


def test_nothing_happens_while_paused() -> None:
    seen: list[tv.LogEntry] = []
    with tv.replay(small(), speed=200, observers=seen.append, block=False) as handle:
        assert until(lambda: len(seen) > 30)
        handle.pause()
        time.sleep(0.02)  # one that was under way may still come
        count = len(seen)
        time.sleep(0.1)
        assert len(seen) == count
        handle.resume()
        equal(handle.wait(BARELY), tv.simulate(small()))


def test_pausing_and_resuming_twice_is_doing_it_once() -> None:
    with tv.replay(one(20), "2a", tv.Scenario(startup_time=0), speed=100, block=False) as handle:
        handle.resume()
        handle.pause()
        at = handle.time
        handle.pause()
        time.sleep(0.02)
        assert handle.time == at
        handle.resume()
        handle.resume()
        assert handle.wait(BARELY).end == 20


def test_a_pause_at_full_speed() -> None:
    seen: list[tv.LogEntry] = []
    asked, waiting = threading.Event(), threading.Event()

    def hold(entry: tv.LogEntry) -> None:
        seen.append(entry)
        if len(seen) == 40:
            waiting.set()
            asked.wait(BARELY)

    with tv.replay(small(), speed="max", observers=hold, block=False) as handle:
        assert waiting.wait(BARELY)
        handle.pause()
        asked.set()
        time.sleep(0.05)
        assert len({entry.time for entry in seen[39:]}) == 1
        assert handle.time == seen[-1].time
        handle.resume()
        equal(handle.wait(BARELY), tv.simulate(small()))
    assert seen == log_of(tv.simulate(small()))


# -- other speeds -------------------------------------------------------------------------------------------


def test_another_speed_counts_from_now_on() -> None:
    """A bit at speed 1, the rest of 20 s at 100."""
    begun = time.monotonic()
    with tv.replay(one(20), "2a", tv.Scenario(startup_time=0), speed=1, block=False) as handle:
        time.sleep(0.1)
        handle.speed = 100
        assert handle.speed == 100
        assert 0 < handle.time < 20
        changed = handle.time
        assert changed < 0.1 + BUSY + 100 * BUSY
        handle.wait(BARELY)
    assert 0.1 + 0.98 * 0.2 - 0.01 <= time.monotonic() - begun < 0.3 + BUSY


def test_slower_from_now_on() -> None:
    with tv.replay(one(1000), speed=1000, block=False) as handle:
        assert until(lambda: handle.time > 10)
        handle.speed = 0.1
        at = handle.time
        time.sleep(0.05)
        assert at <= handle.time < at + 0.1 * BUSY


def test_to_full_speed_and_back() -> None:
    with tv.replay(small(), speed=1, block=False) as handle:
        handle.pause()
        handle.speed = "max"
        assert handle.speed == "max"
        handle.speed = 500
        assert handle.speed == 500
        handle.resume()
        equal(handle.wait(BARELY), tv.simulate(small()))


def test_time_never_runs_backwards() -> None:
    """Whatever is done to the handle, and also at the end."""
    looks: list[float] = []
    with tv.replay(small(), speed=300, block=False) as handle:
        speeds: list[Any] = [30, 1000, "max", 3, 400]
        for speed in speeds * 4:
            looks.append(handle.time)
            handle.pause()
            looks.append(handle.time)
            handle.speed = speed
            looks.append(handle.time)
            handle.resume()
            looks += [handle.time for _ in range(50)]
        handle.stop()
        looks.append(handle.time)
    # at the end it is that of the end of the run, which was less than what the clock showed if it was late
    assert looks[:-1] == sorted(looks[:-1])


# -- late ---------------------------------------------------------------------------------------------------


def sleeps(seconds: float, when: str = "encoded") -> Any:
    """Make an observer that sleeps once."""
    slept: list[tv.LogEntry] = []

    def observer(entry: tv.LogEntry) -> None:
        if entry.event == when and not slept:
            slept.append(entry)
            time.sleep(seconds)

    return observer


def test_it_is_late_warns_once_catches_up_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """At speed 40 the observer's 0.15 s are 6 s, of 16."""
    catalogue, scenario = quick()
    came: list[tuple[float, float]] = []
    begun = time.monotonic()
    with caplog.at_level(logging.DEBUG, logger="tv2sim.replay"):
        handle = tv.replay(
            catalogue,
            "2a",
            scenario,
            speed=40,
            observers=[
                lambda entry: came.append((entry.time, time.monotonic())),
                sleeps(0.15),
            ],
            block=False,
        )
        run = handle.wait(BARELY)
    assert 0.1 < handle.lag_max < 0.15 + BUSY
    assert handle.lag < handle.lag_max
    assert handle.lag_max >= handle.lag >= 0
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("tv2sim.replay", "WARNING")
    assert "ms behind the clock" in record.getMessage()
    equal(run, tv.simulate(catalogue, "2a", scenario))
    late = [wall - begun - at / 40 for at, wall in came]
    assert max(late) >= 0.1
    assert sum(late[-20:]) / 20 < max(late)


def test_if_strict_it_fails() -> None:
    catalogue, scenario = quick()
    options: Any = {"speed": 40, "strict": True}
    with pytest.raises(tv.LagError, match=r"^the replay is \d+ ms behind the clock: .*\w$") as caught:
        tv.replay(catalogue, "2a", scenario, observers=sleeps(0.15), **options)
    assert str(caught.value).isprintable()
    handle = tv.replay(catalogue, "2a", scenario, observers=sleeps(0.15), block=False, **options)
    with pytest.raises(tv.LagError):
        handle.wait(BARELY)
    assert (handle.phase, handle.run) == ("failed", None)


def test_strict_and_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """At full speed there is no clock to be late by, however long an observer takes."""
    handle = tv.replay(small(), speed="max", strict=True, observers=sleeps(0.15), block=False)
    equal(handle.wait(BARELY), tv.simulate(small()))
    assert (handle.lag, handle.lag_max) == (0, 0)
    assert caplog.records == []


@pytest.mark.full
def test_no_lag_while_paused() -> None:
    catalogue, scenario = quick(10)
    with tv.replay(catalogue, "2a", scenario, speed=40, block=False) as handle:
        assert until(lambda: handle.time > 1)
        handle.pause()
        time.sleep(3)
        handle.resume()
        handle.wait(BARELY)
        assert handle.lag_max < 3


@pytest.mark.full
def test_a_pause_by_an_observer_that_sleeps_is_a_pause() -> None:
    """It pauses, sleeps and resumes: no simulated time has passed, so nothing is late."""
    handles: list[tv.Replay] = []
    there = threading.Event()

    def pause(entry: tv.LogEntry) -> None:
        if entry.event == "encoded" and entry.video == 0:
            assert there.wait(BARELY)
            handles[0].pause()
            time.sleep(3)
            handles[0].resume()

    catalogue, scenario = quick(10)
    handles.append(tv.replay(catalogue, "2a", scenario, speed=40, observers=pause, block=False))
    there.set()
    handles[0].wait(BARELY)
    assert handles[0].lag_max < 3


# -- the clock alone, with a wall of our own ----------------------------------------------------------------


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def begun(speed: Any) -> tuple[Clock, Wall]:
    """Return a clock that has started now."""
    wall = Wall()
    clock = Clock(speed, wall=wall)
    assert clock.wait(0)
    return clock, wall


def test_a_clock_stands_still_before_it_is_first_waited_for() -> None:
    wall = Wall()
    clock = Clock(10, wall=wall)
    wall.seconds += 5
    assert clock.now == 0
    clock.wait(0)
    wall.seconds += 0.5
    assert clock.now == 5


def test_a_clock_that_is_paused_before_the_start() -> None:
    wall = Wall()
    clock = Clock(10, wall=wall)
    clock.pause()
    wall.seconds += 5
    clock.resume()
    wall.seconds += 5
    assert clock.now == 0
    clock.wait(0)
    wall.seconds += 0.5
    assert clock.now == 5


@pytest.mark.parametrize("pauses", [0, 1, 3])
@pytest.mark.parametrize(("earlier", "later"), [(1000, 20), (20, 1000), (10, 10), (1, 0.1)])
def test_lag_is_wall_seconds_whatever_the_speed_was(earlier: float, later: float, pauses: int) -> None:
    """At half a wall second something is due; at 0.75 the speed changes; at 1 it is looked at: 0.5 s late."""
    clock, wall = begun(earlier)
    due = 0.5 * earlier
    wall.seconds += 0.75
    assert clock.late(due) == pytest.approx(0.25)
    clock.set_speed(later)
    assert clock.late(due) == pytest.approx(0.25)
    for _ in range(pauses):
        clock.pause()
        wall.seconds += 7
        clock.resume()
    wall.seconds += 0.25
    assert clock.late(due) == pytest.approx(0.5)
    assert clock.late(0.75 * earlier) == pytest.approx(0.25)
    assert clock.late(0.75 * earlier + later) == 0
    clock.set_speed("max")
    assert clock.late(due) == 0


def test_changing_the_speed_keeps_the_time() -> None:
    clock, wall = begun(100)
    for speed in (0.1, 1000, "max", 3, "max", 100):
        before = clock.now
        clock.set_speed(speed)
        assert clock.now == before
        wall.seconds += 0.1
        assert clock.wait(clock.now)
        assert clock.now >= before


def test_at_full_speed_it_is_what_was_waited_for_last() -> None:
    clock, wall = begun("max")
    wall.seconds += 5
    assert clock.now == 0
    assert clock.wait(7.5)
    assert clock.now == 7.5
    clock.set_speed(2)
    wall.seconds += 1
    assert clock.now == 9.5


def test_a_stopped_clock_says_so_to_whoever_waits() -> None:
    clock, wall = begun(1)
    wall.seconds += 3
    clock.stop()
    for _ in range(2):
        with pytest.raises(Stopped):
            clock.wait(0)
        with pytest.raises(Stopped):
            clock.wait_for(lambda: True)
    wall.seconds += 3
    clock.resume()
    assert clock.now == 3


def test_it_waits_no_longer_than_until_something_else_has_come() -> None:
    clock = Clock(0.1)
    come = threading.Event()

    def comes() -> None:
        come.set()
        clock.wake()

    threading.Timer(0.05, comes).start()
    before = time.monotonic()
    assert clock.wait(1000, unless=come.is_set) is False
    assert time.monotonic() - before < BARELY
