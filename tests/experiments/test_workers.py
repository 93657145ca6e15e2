"""Where the work is done does not show in the results; what stops it, and what is seen of it meanwhile."""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.experiments.test_comparison import same_study
from tests.experiments.test_replicate_and_compare import CATALOGUE, FEW, same
from tv2sim.engines import choice
from tv2sim.engines.model import run_model
from tv2sim.experiments import workers

ROOT = Path(__file__).parents[2]


@cache
def serial() -> tv.Replications:
    return tv.replicate(CATALOGUE, "2c", replications=100, seed=4)


class Patient(tv.Strategy):
    """A rule of a user's own, in a module that worker processes can import."""

    def owns_publisher(self, video: tv.Video) -> bool:
        return video.publication_timeout >= 6

    def start_moment(self, video: tv.Video) -> Any:
        return "encoding_started" if self.owns_publisher(video) else None


class Deadly(tv.Strategy):
    """Ends whatever worker process simulates it, as a lack of memory would."""

    def start_delay(self, video: tv.Video) -> float:
        if multiprocessing.parent_process() is not None:
            os._exit(3)
        return 0.0


class Slow(tv.Strategy):
    """Takes a while in whatever worker process simulates it."""

    def start_delay(self, video: tv.Video) -> float:
        if multiprocessing.parent_process() is not None:
            time.sleep(0.003)
        return 0.0


class Hasty(tv.Strategy):
    """Answers a hook with something impossible."""

    def start_delay(self, video: tv.Video) -> float:
        return -1.0


@pytest.fixture
def _nothing_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_SHORT", 0.0)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """List the replications that this process itself simulates."""
    done: list[int] = []
    original = run_model

    def watched(*arguments: Any, **named: Any) -> Any:
        done.append(arguments[3].replication)
        return original(*arguments, **named)

    monkeypatch.setattr(choice, "run_model", watched)
    return done


# -- processes ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_nothing_is_short")
class TestProcesses:
    def test_two_give_the_same_frames(self, calls: list[int]) -> None:
        expected = serial()
        calls.clear()
        same(tv.replicate(CATALOGUE, "2c", replications=100, seed=4, workers=2), expected)
        assert len(calls) == 25, "one chunk, to see how long it takes; the others elsewhere"

    def test_they_extend_what_was_done_here(self) -> None:
        reps = tv.replicate(CATALOGUE, "2c", replications=20, seed=4)
        same(reps.extend(80, workers=2), serial())

    @pytest.mark.full
    def test_they_give_the_same_comparison(self) -> None:
        how: dict[str, Any] = {"scenario": {"encoders": [2, 5]}, "replications": 30, "seed": 4}
        strategies: list[tv.Strategy | str] = ["1", Patient(prewarmed=3)]
        same_study(tv.compare(FEW, strategies, workers=2, **how), tv.compare(FEW, strategies, **how))

    def test_a_rule_and_a_distribution_that_they_cannot_import_are_sent_to_them(self) -> None:
        class Local(tv.Strategy):
            def start_moment(self, video: tv.Video) -> Any:
                return "encoded"

        class LocalTime(tv.Constant):
            pass

        what: Any = FEW, Local(prewarmed=3), tv.Scenario(startup_time=LocalTime(3))
        same(tv.replicate(*what, replications=50, workers=2), tv.replicate(*what, replications=50))

    def test_one_that_cannot_be_sent_is_refused(self, calls: list[int]) -> None:
        class Locked(tv.Strategy):
            lock = threading.Lock()

        message = r"Locked cannot be sent to worker processes \(.*lock.*\): simulate without workers"
        with pytest.raises(tv.InputError, match=message) as caught:
            tv.compare(FEW, ["1", Locked(prewarmed=3)], replications=50, workers=2)
        assert "\n" not in str(caught.value)
        assert len(calls) == 25, "one chunk to see how long it takes"

    @pytest.mark.full
    def test_one_that_ends_is_reported(self) -> None:
        message = r"a worker process ended unexpectedly after \d+ of 50 replications .*: try workers=None"
        with pytest.raises(tv.TV2SimError, match=message):
            tv.replicate(FEW, Deadly("deadly", prewarmed=3), replications=50, workers=2)

    def test_none_is_left(self) -> None:
        tv.replicate(FEW, "1", replications=50, workers=2)
        assert multiprocessing.active_children() == []

    @pytest.mark.full
    def test_one_that_is_done_before_the_others_says_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        slow = Slow("slow", starts_on="encoded", dedicated=True)
        tv.compare(FEW, ["1", "2a", slow], replications=25, workers=2, progress=False)
        assert capfd.readouterr().err == ""


class TestShortWork:
    @pytest.mark.parametrize("workers", [None, 1, 2, 64])
    def test_is_done_here(self, monkeypatch: pytest.MonkeyPatch, workers: int | None) -> None:
        def refused(*_: Any, **__: Any) -> Any:
            raise AssertionError("processes were started for work of less than a second")

        monkeypatch.setattr("tv2sim.experiments.workers._in_processes", refused)
        same(tv.replicate(FEW, "1", replications=9, workers=workers), tv.replicate(FEW, "1", replications=9))


@pytest.mark.full
def test_a_rule_of_a_notebook_is_sent_to_processes() -> None:
    # as a notebook, a command has a main module without a file, which worker processes cannot import
    code = """
import numpy as np, tv2sim as tv
from tv2sim.experiments import workers

class Own(tv.Strategy):
    def start_delay(self, video):
        return DELAY

class Later(tv.Constant):
    pass

workers._SHORT, DELAY = 0, 0.5
what = tv.generate_catalogue(20), Own(starts_on="encoded"), tv.Scenario(startup_time=Later(2))
how = {"replications": 60, "progress": False, "engine": "simpy"}
reps = tv.replicate(*what, workers=2, **how)
print(reps.frame.equals(tv.replicate(*what, **how).frame), reps.values("elapsed_p50").max() >= 2.5)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "True True\n"


# -- executors ------------------------------------------------------------------------------------------------


class Backwards(Executor):
    """Does the last that it was given first, once nothing more has come for a while; and remembers."""

    def __init__(self) -> None:
        self.given: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.sizes: list[int] = []
        self._timer = threading.Timer(0, self._do)

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self._timer.cancel()
        future: Future[Any] = Future()
        self.given.append((future, lambda: fn(*arguments, **named)))
        self.sizes.append(len(arguments[0].replications))
        self._timer = threading.Timer(0.1, self._do)
        self._timer.start()
        return future

    def _do(self) -> None:
        while self.given:
            future, call = self.given.pop()
            future.set_result(call())


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


class TestExecutors:
    def test_threads_give_the_same_frames_and_are_left_running(self, threads: ThreadPoolExecutor) -> None:
        same(tv.replicate(CATALOGUE, "2c", replications=100, seed=4, executor=threads), serial())
        assert threads.submit(int).result() == 0

    def test_whatever_is_finished_first(self) -> None:
        executor = Backwards()
        same(tv.replicate(CATALOGUE, "2c", replications=100, seed=4, executor=executor), serial())
        assert len(executor.sizes) > 1

    def test_a_comparison(self, threads: ThreadPoolExecutor) -> None:
        how: dict[str, Any] = {"scenario": {"encoders": [2, 5]}, "replications": 30}
        same_study(
            tv.compare(FEW, executor=threads, **how).extend(3, executor=Backwards()),
            tv.compare(FEW, **{**how, "replications": 33}),
        )

    @pytest.mark.parametrize("replications", [1, 2, 3, 17, 1001])
    @pytest.mark.full
    def test_replications_travel_in_chunks(self, replications: int) -> None:
        executor = Backwards()
        same(
            tv.replicate(FEW, "1", replications=replications, executor=executor),
            tv.replicate(FEW, "1", replications=replications),
        )
        assert executor.sizes == [25] * (replications // 25) + [replications % 25] * (replications % 25 > 0)

    @pytest.mark.parametrize(("videos", "size"), [(1, 25), (200, 25), (1000, 5), (5000, 1), (7000, 1)])
    def test_large_catalogues_come_in_small_chunks(self, videos: int, size: int) -> None:
        parts = choice.chunks_of("simpy", tv.generate_catalogue(videos), tv.PART_1, range(100))
        assert {len(part) for part in parts} == {size}

    def test_so_do_large_pools(self) -> None:
        strategy = tv.PART_2C.replace(prewarmed=10**6)
        assert list(choice.chunks_of("simpy", FEW, strategy, range(7, 9))) == [range(7, 8), range(8, 9)]

    def test_they_begin_at_the_same_replications_wherever_one_begins(self) -> None:
        executor = Backwards()
        tv.replicate(FEW, "1", replications=40).extend(30, executor=executor)
        assert executor.sizes == [10, 20]

    def test_precision_ends_at_the_same_place(self, threads: ThreadPoolExecutor) -> None:
        precision = tv.Precision("published", absolute=0.2)
        one = tv.replicate(FEW, "1", replications=2000, precision=precision)
        other = tv.replicate(FEW, "1", replications=2000, precision=precision, executor=threads)
        assert one.stopped == other.stopped
        same(one, other)

    def test_an_error_of_a_replication_comes_through(self, threads: ThreadPoolExecutor) -> None:
        for executor in (None, threads):
            with pytest.raises(tv.StrategyError, match=r"the answer of hasty.start_delay\(.*not -1.0"):
                tv.replicate(FEW, Hasty("hasty", starts_on="encoded"), replications=40, executor=executor)


# -- Ctrl-C ---------------------------------------------------------------------------------------------------


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what makes Ctrl-C come after so many more replications."""
    lock = threading.Lock()
    left: list[int] = []
    original = run_model

    def watched(*arguments: Any, **named: Any) -> Any:
        with lock:
            left[:] = [count - 1 for count in left]
            if left == [-1]:
                raise KeyboardInterrupt
        if left and left[0] < 0:
            time.sleep(0.01)  # whoever works on is slower than the one who notices
        return original(*arguments, **named)

    monkeypatch.setattr(choice, "run_model", watched)

    def after(count: int) -> None:
        left[:] = [count]

    return after


class TestCtrlC:
    def test_it_is_still_a_keyboard_interrupt(self) -> None:
        assert issubclass(tv.Interrupted, KeyboardInterrupt)
        assert not issubclass(tv.Interrupted, Exception)

    @pytest.mark.parametrize("finished", [0, 1, 7])
    def test_it_says_what_was_finished(self, press: Callable[[int], None], finished: int) -> None:
        press(finished)
        with pytest.raises(tv.Interrupted, match=f"^interrupted: {finished} of 8 replications were finished$"):
            tv.replicate(FEW, "1", replications=8)

    def test_of_all_cells_in_a_comparison(self, press: Callable[[int], None]) -> None:
        press(13)
        with pytest.raises(tv.Interrupted, match=r"^interrupted: 13 of 20 replications were finished$"):
            tv.compare(FEW, ["1", "2c"], replications=10)

    @pytest.mark.full
    def test_on_an_executor(self, press: Callable[[int], None], threads: ThreadPoolExecutor) -> None:
        press(1500)
        with pytest.raises(tv.Interrupted) as caught:
            tv.replicate(FEW, "1", replications=2000, executor=threads)
        numbers = re.fullmatch(r"interrupted: (\d+) of 2000 replications were finished", str(caught.value))
        assert numbers is not None
        assert 0 < int(numbers[1]) <= 1500

    def test_what_waits_on_an_executor_is_cancelled(self, press: Callable[[int], None]) -> None:
        class Watched(ThreadPoolExecutor):
            futures: list[Future[Any]]

            def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
                self.futures.append(super().submit(fn, *arguments, **named))
                return self.futures[-1]

        with Watched(1) as executor:
            executor.futures = []
            press(0)
            # the one thread waits until everything is there, so that all but the first chunks are pending
            gate = threading.Event()
            ThreadPoolExecutor.submit(executor, gate.wait)
            threading.Timer(0.3, gate.set).start()
            with pytest.raises(tv.Interrupted, match=r"^interrupted: 0 of 2000"):
                tv.replicate(FEW, "1", replications=2000, executor=executor)
            assert sum(future.cancelled() for future in executor.futures) >= len(executor.futures) - 3
            press(1000)
            reps = tv.replicate(FEW, "1", replications=20, executor=executor)
        same(reps, tv.replicate(FEW, "1", replications=20))

    @pytest.mark.usefixtures("_nothing_is_short")
    def test_it_waits_until_all_processes_have_been_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Or one that is being started would be left over."""
        started: list[BaseProcess] = []
        begin = SpawnProcess.start

        def pressed(process: SpawnProcess) -> None:
            signal.raise_signal(signal.SIGINT)
            started.append(process)
            begin(process)

        monkeypatch.setattr(SpawnProcess, "start", pressed)
        handler = signal.getsignal(signal.SIGINT)
        with pytest.raises(tv.Interrupted, match=r"^interrupted: 25 of 200 replications were finished$"):
            tv.replicate(CATALOGUE, "1", replications=200, workers=2, engine="simpy")
        assert len(started) == 2
        assert not any(process.is_alive() for process in started)
        assert signal.getsignal(signal.SIGINT) is handler
        assert multiprocessing.active_children() == []

    def test_it_waits_until_an_executor_has_taken_a_job(self) -> None:
        """Or a lock might stay locked that the executor needs to end."""

        class Pressed(ThreadPoolExecutor):
            given = 0

            def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
                if self.given == 2:
                    signal.raise_signal(signal.SIGINT)
                self.given += 1
                return super().submit(fn, *arguments, **named)

        with Pressed(2) as executor, pytest.raises(tv.Interrupted):
            tv.replicate(FEW, "1", replications=2000, executor=executor)
        assert executor.given == 3

    def test_what_was_done_before_stays(self, press: Callable[[int], None]) -> None:
        press(5)
        reps = tv.replicate(FEW, "1", replications=5)
        with pytest.raises(tv.Interrupted):
            reps.extend(5)
        assert len(reps) == 5
        press(1000)
        same(reps.extend(5), tv.replicate(FEW, "1", replications=10))


SCRIPT = """
import multiprocessing, sys, time
from pathlib import Path
import tv2sim as tv

class Telling(tv.Strategy):
    def start_delay(self, video):
        if multiprocessing.parent_process() is not None:
            Path("working").touch()
        return 0.0

if __name__ == "__main__":
    catalogue, replicate = tv.generate_catalogue(VIDEOS), tv.replicate
    strategy = Telling("telling", starts_on="encoded", dedicated=True)
    Path("started").touch()
    try:
        replicate(catalogue, strategy, replications=1_000_000, workers=2, engine="simpy")
    except tv.Interrupted as error:
        print(error, file=sys.stderr)
        sys.exit(130)
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Start the script with a catalogue of so many videos, in a process group of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(videos: int) -> subprocess.Popen[str]:
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.replace("VIDEOS", str(videos)), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, path.name],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.skipif(os.name == "nt", reason="sends signals as a POSIX terminal does")
class TestSignals:
    @pytest.mark.parametrize(
        ("waits_for", "seconds", "to_all", "videos"),
        [
            ("working", 0.2, True, 154),
            ("working", 0.2, False, 154),
            ("working", 0.2, False, 5000),
            ("started", 0.15, True, 154),
            ("started", 0.4, True, 154),
            ("started", 0.8, True, 154),
        ],
    )
    @pytest.mark.full
    def test_at_ctrl_c_everything_stops_and_says_one_line(
        self,
        script: Callable[[int], subprocess.Popen[str]],
        tmp_path: Path,
        waits_for: str,
        seconds: float,
        to_all: bool,
        videos: int,
    ) -> None:
        """As a terminal does it (to all processes), and as ``kill`` does (to the first one alone)."""
        process = script(videos)
        wait_for(tmp_path / waits_for, process)
        time.sleep(seconds)
        if to_all:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert re.fullmatch(r"interrupted: \d+ of 1000000 replications were finished\n", err), err
        assert (out, process.returncode) == ("", 130)

    @pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
    @pytest.mark.parametrize("videos", [154, 50_000])
    @pytest.mark.full
    def test_workers_end_when_their_parent_is_killed(
        self, script: Callable[[int], subprocess.Popen[str]], tmp_path: Path, number: str, videos: int
    ) -> None:
        """While they compute, too: a replication of the large catalogue takes longer than a second."""
        process = script(videos)
        wait_for(tmp_path / "working", process)
        process.send_signal(getattr(signal, number))
        _, err = process.communicate(timeout=60)  # the workers have the same standard error: its end is theirs
        assert (err, process.returncode) == ("", -getattr(signal, number))


# -- the bar --------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestTheBar:
    @pytest.fixture(autouse=True)
    def _slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = run_model

        def slow(*arguments: Any, **named: Any) -> Any:
            time.sleep(0.15)
            return original(*arguments, **named)

        monkeypatch.setattr(choice, "run_model", slow)

    def written(
        self, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, count: int, *, progress: bool = True
    ) -> str:
        monkeypatch.setattr(sys, "stderr", stream)
        reps = tv.replicate(FEW, "1", replications=count, progress=progress)
        assert len(reps) == count
        return stream.getvalue()

    def test_a_terminal_shows_it_after_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = self.written(monkeypatch, Terminal(), 10)
        assert "replication" in text
        assert re.search(r"/10(\.0)? \[", text)

    def test_short_work_shows_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not self.written(monkeypatch, Terminal(), 2).strip()

    def test_it_is_silent_when_piped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.written(monkeypatch, io.StringIO(), 10) == ""

    def test_it_is_silent_when_not_wanted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.written(monkeypatch, Terminal(), 10, progress=False) == ""


def test_results_of_another_place_can_be_told_from_nothing() -> None:
    """The comparison that these tests rest on sees a difference in the last bit."""
    one, other = serial(), tv.replicate(CATALOGUE, "2c", replications=100, seed=4)
    idle = other.frame["idle"].to_numpy(dtype=np.float64, copy=True)
    idle[50] = np.nextafter(idle[50], np.inf)
    other.frame["idle"] = idle
    with pytest.raises(AssertionError):
        same(one, other)
    assert_frame_equal(one.on_time, other.on_time)
