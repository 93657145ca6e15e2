"""Live feeds: videos that come while it runs, and that the run is the simulation of what was recorded."""

from __future__ import annotations

import io
import itertools
import json
import os
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, SAMPLE
from tests.realtime.test_replay import (
    BARELY,
    MineError,
    Reviewed,
    equal,
    is_cut_off_of,
    log_of,
    nothing_left_behind,
    small,
    until,
)
from tests.results.test_saving import OWN
from tv2sim.realtime import feed as feeding

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    with nothing_left_behind():
        yield


# -- feeding ------------------------------------------------------------------------------------------------


def line(number: int, encoding: float = 1, timeout: float = 9, **more: object) -> bytes:
    """Write a video as a line of a catalogue."""
    fields = {
        "id": f"v{number}",
        "title": f"T{number}",
        "provider": "P",
        "encodingTime": encoding,
        "publicationTimeout": timeout,
        **more,
    }
    return json.dumps(fields).encode() + b"\n"


class Pipe:
    """A named pipe that a replay reads, and its other end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[tv.LogEntry] = []
        self.accepted: list[tv.Video] = []
        self._writing: int | None = None
        os.mkfifo(path)

    def replay(self, *given: Any, **options: Any) -> tv.Replay:
        """Start a replay, and open the other end."""
        handle = tv.replay(
            self.path,
            *given,
            **options,
            observers=self.seen.append,
            accepted=self.accepted.append,
            block=False,
        )
        self._writing = os.open(self.path, os.O_WRONLY)
        return handle

    def send(self, *chunks: bytes) -> None:
        assert self._writing is not None
        for chunk in chunks:
            while chunk:
                chunk = chunk[os.write(self._writing, chunk) :]

    def close(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
        self._writing = None

    def came(self, videos: int) -> bool:
        """Wait until so many videos have come."""
        return until(lambda: len(self.accepted) >= videos)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "feed.jsonl")
    yield pipe
    pipe.close()


def phase_of(handle: tv.Replay) -> str:
    return handle.phase


def dry(handle: tv.Replay, time: float, outcomes: int = 1) -> bool:
    """Wait until that time, and until so many outcomes: by then it is known that the feed is dry."""
    return until(
        lambda: handle.time > time and handle.stats["published"] + handle.stats["publish_failed"] == outcomes
    )


def times(run: tv.Run) -> list[float | None]:
    return [video.submitted_at for video in run.catalogue]


def repeated(run: tv.Run) -> tv.Run:
    """Check that a run is the simulation of what was recorded, and return it."""
    simulated = tv.simulate(
        run.catalogue, run.strategy, run.scenario, seed=run.seed, replication=run.replication
    )
    equal(run, simulated)
    again = tv.read_catalogue(run.catalogue.lines())
    assert tv.simulate(again, run.strategy, run.scenario, seed=run.seed).videos.equals(run.videos)
    return run


def begins_with_the_log(seen: list[tv.LogEntry], run: tv.Run) -> None:
    """Check what was observed: the log; and perhaps, while the feed was open, what came after its end."""
    log = log_of(run)
    assert seen[: len(log)] == log
    assert all(entry.time >= run.end for entry in seen[len(log) :])


# -- every kind of source -----------------------------------------------------------------------------------


def on_stdin(stream: Any, stack: ExitStack) -> str:
    stack.enter_context(pytest.MonkeyPatch.context()).setattr(sys, "stdin", stream)
    return "-"


def reading_end(data: bytes, stack: ExitStack) -> int:
    """Return a pipe's reading end; a thread writes all that it takes, and closes the other one."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as stream:
            stream.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    stack.callback(writer.join)
    return reading


def from_socket(mode: str, data: bytes, stack: ExitStack) -> Any:
    here, there = socket.socketpair()
    stack.enter_context(here)
    there.sendall(data)
    there.close()
    made: Any = here.makefile(mode)  # type: ignore[call-overload]
    return stack.enter_context(made)


def from_fifo(data: bytes, stack: ExitStack, folder: Path) -> Path:
    path = folder / "feed.jsonl"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[data])
    writer.start()
    stack.callback(writer.join)
    return path


def from_file(mode: str, data: bytes, stack: ExitStack, folder: Path) -> Any:
    path = folder / "catalogue.jsonl"
    path.write_bytes(data)
    return stack.enter_context(path.open(mode))


Source = Callable[[bytes, ExitStack, Path], Any]
SOURCES: dict[str, Source] = {
    "named pipe": from_fifo,
    "binary pipe": lambda data, stack, _: stack.enter_context(os.fdopen(reading_end(data, stack), "rb")),
    "text pipe": lambda data, stack, _: stack.enter_context(os.fdopen(reading_end(data, stack))),
    "raw pipe": lambda data, stack, _: stack.enter_context(os.fdopen(reading_end(data, stack), "rb", 0)),
    "binary socket": lambda data, stack, _: from_socket("rb", data, stack),
    "text socket": lambda data, stack, _: from_socket("r", data, stack),
    "generator of lines": lambda data, *_: (text for text in data.splitlines()),
    "generator of text": lambda data, *_: (text for text in data.decode().splitlines()),
    "generator of videos": lambda data, *_: (video for video in tv.read_catalogue(data.splitlines())),
    "generator of records": lambda data, *_: (json.loads(text) for text in data.splitlines()),
    "iterator": lambda data, *_: iter(data.splitlines()),
    "list": lambda data, *_: data.splitlines(),
    "table": lambda data, *_: tv.read_catalogue(data.splitlines()).frame,
    "bytes in memory": lambda data, *_: io.BytesIO(data),
    "text in memory": lambda data, *_: io.StringIO(data.decode()),
    "binary file": lambda data, stack, folder: from_file("rb", data, stack, folder),
    "text file": lambda data, stack, folder: from_file("r", data, stack, folder),
    "pipe on standard input": lambda data, stack, _: on_stdin(
        stack.enter_context(os.fdopen(reading_end(data, stack))), stack
    ),
    "file on standard input": lambda data, stack, folder: on_stdin(from_file("r", data, stack, folder), stack),
    "text on standard input": lambda data, stack, _: on_stdin(io.StringIO(data.decode()), stack),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("speed", ["max", 1000])
def test_what_is_there_is_offered_as_if_it_were_a_file(kind: str, speed: Any, tmp_path: Path) -> None:
    """Neither the speed nor the way in which the videos come enters the tables, and nothing is recorded."""
    catalogue = small(16)
    with ExitStack() as stack:
        source = SOURCES[kind](b"".join(catalogue.lines()), stack, tmp_path)
        run = tv.replay(source, "2c", speed=speed)
    assert run.catalogue.submitted_at is None
    equal(run, tv.simulate(catalogue, "2c"))


def test_what_is_there_is_offered_in_time_however_fast_the_client_is(tmp_path: Path) -> None:
    """3,000 videos a wall second, all of them in the pipe or on their way into it."""
    catalogue = tv.generate_catalogue(1_500)
    scenario = tv.Scenario(requests_per_second=3_000, encoders=2_000, startup_time=0.1, until=0.6)
    with ExitStack() as stack:
        path = from_fifo(b"".join(catalogue.lines()), stack, tmp_path)
        run = tv.replay(path, "2a", scenario, speed=1)
    assert run.catalogue.submitted_at is None
    equal(run, tv.simulate(catalogue, "2a", scenario))


def test_the_time_that_reading_takes_is_not_the_feed_s(pipe: Pipe) -> None:
    """All of it is in the pipe at once, but it takes a while to find the second video: 30 s at this speed."""
    data = line(0) + b"x\n" * 30_000 + line(1)
    with pipe.replay("2a", speed=1000) as handle:
        pipe.send(data)  # not more than the pipe holds
        assert pipe.came(2)
        pipe.close()
        run = handle.wait(BARELY)
    assert times(run) == [None, None]
    equal(run, tv.simulate(io.BytesIO(data), "2a"))


@pytest.mark.full
def test_nor_is_it_with_a_file_on_standard_input(tmp_path: Path) -> None:
    data = line(0) + (b"x\n" * 60_000).join([line(1), line(2)])
    with ExitStack() as stack:
        source = on_stdin(from_file("r", data, stack, tmp_path), stack)
        run = tv.replay(source, "2a", speed=1000)
    assert times(run) == [None] * 3
    equal(run, tv.simulate(io.BytesIO(data), "2a"))


def test_standard_input_is_left_open() -> None:
    with ExitStack() as stack:
        stream = stack.enter_context(os.fdopen(reading_end(b"".join(small(3).lines()), stack)))
        tv.replay(on_stdin(stream, stack), speed="max")
        os.fstat(stream.fileno())


@pytest.mark.parametrize("stdin", [None, io.StringIO("")])
def test_without_anything_on_standard_input(stdin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(tv.CatalogueError) as caught:
        tv.replay("-")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("videos", [3_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_many_videos_through_a_pipe(videos: int, tmp_path: Path) -> None:
    catalogue = tv.generate_catalogue(videos)
    scenario = tv.Scenario(encoders=40, requests_per_second=10)
    with ExitStack() as stack:
        path = from_fifo(b"".join(catalogue.lines()), stack, tmp_path)
        run = tv.replay(path, tv.PART_2C.replace(prewarmed=60), scenario, speed="max")
    assert run == tv.simulate(catalogue, tv.PART_2C.replace(prewarmed=60), scenario)
    assert run.catalogue == catalogue


# -- what the lines may be ----------------------------------------------------------------------------------

NASTY = (
    b"\xef\xbb\xbf" + line(0) + b"\n \t\n" + b"nonsense\n" + line(1) + line(0) + line(2, -1)
    + line(3).replace(b"\n", b"\r\n") + b'{"id": "v4"}\n' + line(4, submittedAt="x") + b"\xff\xfe\n"
    + line(5, 2, 3, submittedAt=4.5) + b"{'id'}\n" + line(6).rstrip()
)  # fmt: skip


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(1, len(NASTY) - 1), max_size=12).map(sorted))
def test_lines_are_judged_as_those_of_a_file_wherever_they_are_split(cuts: list[int]) -> None:
    chunks = [NASTY[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    reading, writing = os.pipe()

    def write() -> None:
        for chunk in chunks:
            os.write(writing, chunk)
            time.sleep(0.001)
        os.close(writing)

    writer = threading.Thread(target=write)
    with os.fdopen(reading) as stream, ExitStack() as stack:
        writer.start()
        run = tv.replay(on_stdin(stream, stack), "1", speed="max")
    writer.join()
    expected = tv.read_catalogue(io.BytesIO(NASTY))
    assert run.catalogue == expected
    assert [rejected.line for rejected in run.catalogue.rejected] == [4, 6, 7, 9, 10, 11, 13]
    assert run.stats["client_parse_errors"] == 7
    assert run == tv.simulate(expected, "1")


def test_part_of_a_line_is_no_video_yet(pipe: Pipe) -> None:
    """The run does not begin with half a line, and half of the second one does not hold up the time."""
    first, second = line(0), line(1)
    with pipe.replay("2a", speed=100) as handle:
        pipe.send(first[:30])
        time.sleep(0.05)
        assert (phase_of(handle), handle.time) == ("waiting", 0)
        pipe.send(first[30:] + second[:20])
        assert pipe.came(1)
        assert dry(handle, 20)
        assert len(pipe.accepted) == 1
        pipe.send(second[20:])
        pipe.close()
        run = repeated(handle.wait(BARELY))
    first_time, second_time = times(run)
    assert first_time is None
    assert second_time is not None
    assert second_time > 20


def test_a_line_without_end_is_rejected_and_not_held(pipe: Pipe) -> None:
    tracemalloc.start()
    try:
        with pipe.replay("2a", speed="max") as handle:
            pipe.send(line(0), b"[", *[b"0," * 500_000] * 100, b"\n", line(1))
            pipe.close()
            run = handle.wait(BARELY)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert len(run.catalogue) == 2
    (rejected,) = run.catalogue.rejected
    assert rejected == (2, "the line is longer than 16 MB", ("[" + "0," * 100)[:200])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no valid video in 'feed.jsonl': it is empty"),
        (b"\n\n \n", "it is empty"),
        (b"nonsense\n[]", "2 lines rejected, the first, line 1, because no JSON"),
    ],
)
def test_a_feed_without_any_video(data: bytes, words: str, pipe: Pipe) -> None:
    handle = pipe.replay()
    pipe.send(data)
    pipe.close()
    for _ in range(2):
        with pytest.raises(tv.CatalogueError, match=words) as caught:
            handle.wait(BARELY)
    assert str(caught.value).isprintable()
    assert (phase_of(handle), handle.run, handle.over) == ("failed", None, True)


def test_an_iterator_without_any_video() -> None:
    with pytest.raises(tv.CatalogueError, match="no valid video"):
        tv.replay(iter([]))


# -- it starts with the first line, and waits for the next --------------------------------------------------


def test_a_pipe_that_nobody_has_opened_yet_is_waited_for_elsewhere(tmp_path: Path) -> None:
    """The handle is there at once; it is the replay that waits."""
    path = tmp_path / "feed.jsonl"
    os.mkfifo(path)
    begun = time.monotonic()
    handle = tv.replay(path, "2a", speed="max", block=False)
    assert time.monotonic() - begun < BARELY
    time.sleep(0.05)
    assert (phase_of(handle), handle.over) == ("waiting", False)
    path.write_bytes(b"".join(small(3).lines()))
    equal(handle.wait(BARELY), tv.simulate(small(3), "2a"))


def test_it_starts_with_the_first_line_though_the_pipe_stays_open(pipe: Pipe) -> None:
    with pipe.replay("2a", speed=100) as handle:
        assert (phase_of(handle), handle.time, handle.player.live) == ("waiting", 0, True)
        time.sleep(0.05)
        assert handle.time == 0
        pipe.send(line(0))
        assert until(lambda: handle.stats["published"] == 1)
        assert phase_of(handle) == "running"
        assert not handle.over
        pipe.close()
        run = repeated(handle.wait(BARELY))
    assert times(run) == [None]
    assert run.videos["offered"].tolist() == [0]
    assert phase_of(handle) == "finished"


@pytest.mark.full
def test_the_clock_starts_with_the_first_video(pipe: Pipe) -> None:
    """However long it was waited for: nothing is late then, and the first video is offered at 0."""
    with pipe.replay(tv.PART_2C, tv.Scenario(startup_time=1), speed=10) as handle:
        time.sleep(3)
        pipe.send(line(0))
        pipe.close()
        run = repeated(handle.wait(BARELY))
        assert handle.lag_max < 3
    assert run.videos["offered"].tolist() == [0]
    assert run.publishers["ready"].tolist()[:10] == [1.0] * 10


def test_a_late_video_is_offered_when_it_comes(pipe: Pipe) -> None:
    """The first two are there; the third comes after 10 s, the fourth with it, the fifth after 20 s."""
    begun = time.monotonic()
    with pipe.replay("2a", tv.Scenario(startup_time=2), speed=50) as handle:
        pipe.send(line(0), line(1))
        assert dry(handle, 10, 2)
        before_third = handle.time
        pipe.send(line(2), line(3))
        assert pipe.came(3)
        after_third = handle.time
        assert dry(handle, 20, 4)
        before_fifth = handle.time
        pipe.send(line(4))
        assert pipe.came(5)
        after_fifth = handle.time
        wall = time.monotonic() - begun
        pipe.close()
        run = repeated(handle.wait(BARELY))
    first, second, third, fourth, fifth = times(run)
    assert (first, second, fourth) == (None, None, None)
    assert third is not None
    assert fifth is not None
    assert before_third - 1e-6 <= third <= after_third + 1e-6
    assert before_fifth - 1e-6 <= fifth <= after_fifth + 1e-6 <= 50 * wall + 1
    assert run.videos["offered"].tolist() == [0, 0.5, third, third + 0.5, fifth]
    assert "submitted_at" in run.videos
    begins_with_the_log(pipe.seen, run)


def test_a_video_that_comes_while_the_client_is_busy_is_not_late(pipe: Pipe) -> None:
    """One encoder, busy up to 30: whatever comes before the client can offer it has no time recorded."""
    with pipe.replay("2a", tv.Scenario(encoders=1), speed=100) as handle:
        pipe.send(line(0, 30), line(1))
        assert until(lambda: handle.time > 5)
        pipe.send(line(2))
        pipe.close()
        run = repeated(handle.wait(BARELY))
    assert times(run) == [None] * 3
    assert run.videos["offered"].tolist() == [0, 0.5, 30.5]


def test_a_time_of_its_own_counts_if_it_is_later(pipe: Pipe) -> None:
    """Both come at about 10; one may be offered from 5 on, the other from 400 on."""
    with pipe.replay("2a", speed=100) as handle:
        pipe.send(line(0))
        assert dry(handle, 10)
        pipe.send(line(1, submittedAt=5))
        assert dry(handle, 12, 2)
        pipe.send(line(2, submittedAt=400))
        pipe.close()
        handle.speed = 1000
        run = repeated(handle.wait(BARELY))
    _, second, third = times(run)
    assert second is not None
    assert second > 10
    assert third == 400


def test_a_time_in_the_future_holds_up_what_comes_after_it(pipe: Pipe) -> None:
    with pipe.replay("2a", speed=200) as handle:
        pipe.send(line(0, submittedAt=3.25), line(1, submittedAt=0.5), line(2, submittedAt=20))
        pipe.close()
        run = repeated(handle.wait(BARELY))
    assert times(run) == [3.25, 0.5, 20]
    assert run.videos["offered"].tolist() == [3.25, 3.75, 20]


def test_accepted_is_told_of_each_video_before_it_is_offered() -> None:
    told: list[Any] = []

    def items() -> Iterator[bytes]:
        yield line(0)
        yield b"nonsense"
        time.sleep(0.06)
        yield line(1)

    run = repeated(tv.replay(items(), "2a", speed=200, observers=told.append, accepted=told.append))
    videos = [entry for entry in told if isinstance(entry, tv.Video)]
    assert videos == list(run.catalogue)
    assert videos[1].submitted_at is not None
    for row, video in enumerate(videos):
        offered = [e for e in told if isinstance(e, tv.LogEntry) and (e.event, e.video) == ("offered", row)]
        assert told.index(video) < told.index(offered[0])


def test_stats_and_levels_are_those_of_the_run(pipe: Pipe) -> None:
    with pipe.replay("2c", speed=100) as handle:
        pipe.send(line(0), b"nonsense\n")
        assert dry(handle, 8)
        assert handle.stats["client_parse_errors"] == 1
        assert handle.snapshot().pipeline.client.left is None
        pipe.send(line(1))
        pipe.close()
        run = repeated(handle.wait(BARELY))
    assert handle.stats == run.stats
    assert handle.snapshot().pipeline.client.left == 0
    levels = handle.levels[handle.levels["time"] <= run.end]
    assert levels.to_numpy().tolist() == run.levels.to_numpy().tolist()


@pytest.mark.full
def test_no_lag_while_the_feed_is_dry(pipe: Pipe) -> None:
    with pipe.replay("2a", speed=20) as handle:
        pipe.send(line(0))
        time.sleep(3)
        pipe.send(line(1))
        pipe.close()
        repeated(handle.wait(BARELY))
        assert handle.lag_max < 3


# -- iterators that take their time -------------------------------------------------------------------------


def slowly(entries: Iterable[Any], gaps: Iterable[float]) -> Iterator[Any]:
    for entry, gap in zip(entries, gaps, strict=True):
        time.sleep(gap)
        yield entry


strategies = st.sampled_from(
    ["1", "2a", "2b", "2c", tv.PART_2C.replace(prewarmed=1), tv.PART_2C.replace(prewarmed=0),
     *OWN, Reviewed(review_every=0.7)]
)  # fmt: skip
scenarios = st.builds(
    tv.Scenario,
    encoders=st.integers(1, 3),
    startup_time=st.sampled_from([tv.Constant(2), tv.Uniform(2, 6)]),
    publishing_time=st.sampled_from([0.0, 0.5]),
    publishing_queue_capacity=st.sampled_from([0, 1, 100]),
    until=st.sampled_from([None, None, 4.0, 12.5, 1000.0]),
)


@settings(max_examples=35)
@given(
    encodings=st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=1, max_size=7),
    gaps=st.lists(st.sampled_from([0.0, 0.0, 0.002, 0.01, 0.03]), min_size=8, max_size=8),
    strategy=strategies,
    scenario=scenarios,
    speed=st.sampled_from([200, 1000]),
    seed=st.integers(0, 2**40),
    piped=st.booleans(),
)
def test_any_feed_is_the_simulation_of_what_was_recorded(
    encodings: list[float],
    gaps: list[float],
    strategy: Any,
    scenario: tv.Scenario,
    speed: float,
    seed: int,
    piped: bool,
) -> None:
    lines = [line(row, encoding) for row, encoding in enumerate(encodings)]
    seen: list[tv.LogEntry] = []
    # the last gap is the one before the end
    feed = (entry for entry in slowly([*lines, b""], [*gaps[: len(lines)], gaps[7]]))
    with ExitStack() as stack:
        source = on_stdin(stack.enter_context(piped_through(feed)), stack) if piped else feed
        run = tv.replay(source, strategy, scenario, speed=speed, seed=seed, observers=seen.append)
    repeated(run)
    begins_with_the_log(seen, run)


@contextmanager
def piped_through(feed: Iterable[bytes]) -> Iterator[Any]:
    """Give the end of a pipe into which a thread writes; it stops when nobody reads."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as stream:
            for entry in feed:
                stream.write(entry)

    writer = threading.Thread(target=write)
    with os.fdopen(reading) as stream:
        writer.start()
        yield stream
        writer.join()


def test_at_full_speed_nothing_is_late_however_slow_it_comes() -> None:
    lines = [line(row) for row in range(5)]
    run = tv.replay(slowly(lines, [0.03] * 5), "2c", speed="max")
    assert run.catalogue.submitted_at is None
    equal(run, tv.simulate(lines, "2c"))


@pytest.mark.parametrize("error", [MineError("no", 5), OSError(5, "gone"), ValueError("x")], ids=repr)
@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("gap", [0, 0.03])
def test_an_iterator_s_exception_reaches_wait(error: Exception, after: int, gap: float) -> None:
    def items() -> Iterator[bytes]:
        for row in range(after):
            yield line(row)
        time.sleep(gap)
        raise error

    handle = tv.replay(items(), speed=500, block=False)
    with pytest.raises(Exception) as caught:  # noqa: PT011 (it is looked at)
        handle.wait(BARELY)
    if isinstance(error, OSError):  # reading has failed, which is said as it is of a file
        assert isinstance(caught.value, tv.CatalogueError)
        assert "gone" in str(caught.value)
    else:
        assert caught.value is error
    assert (phase_of(handle), handle.run) == ("failed", None)


def test_what_is_told_of_accepted_videos_may_fail() -> None:
    error = MineError("no", 7)

    def fail(_: tv.Video) -> None:
        raise error

    handle = tv.replay(iter([line(0)]), accepted=fail, block=False)
    with pytest.raises(MineError) as caught:
        handle.wait(BARELY)
    assert caught.value is error


def test_a_hook_may_fail_for_a_video_that_comes() -> None:
    error = MineError("no", 8)

    class Fails(tv.Strategy):
        def start_delay(self, video: tv.Video) -> float:
            if video.id == "v2":
                raise error
            return 0.0

    handle = tv.replay(
        iter([line(row) for row in range(4)]), Fails(starts_on="encoded"), speed="max", block=False
    )
    with pytest.raises(MineError) as caught:
        handle.wait(BARELY)
    assert caught.value is error


# -- the end of a feed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["1", "2c", Reviewed(review_every=0.7)], ids=str)
def test_a_feed_that_stays_open_long_after_the_last_outcome(strategy: Any, pipe: Pipe) -> None:
    with pipe.replay(strategy, speed=200) as handle:
        pipe.send(line(0), line(1), line(2))
        assert until(lambda: sum(handle.stats[name] for name in ("published", "publish_failed")) == 3)
        at = handle.time
        assert until(lambda: handle.time > at + 20)
        assert not handle.over
        pipe.close()
        run = repeated(handle.wait(BARELY))
    assert times(run) == [None] * 3
    assert run.end == run.videos["published"].max()
    assert run.ending == "completed"
    begins_with_the_log(pipe.seen, run)


@pytest.mark.parametrize("until_", [None, 300.0])
def test_no_publisher_will_come_is_known_when_the_feed_ends(until_: float | None, pipe: Pipe) -> None:
    with pipe.replay(tv.PART_2C.replace(prewarmed=0), tv.Scenario(until=until_), speed=100) as handle:
        pipe.send(line(0))
        assert until(lambda: handle.time > 10 and handle.stats["encoded"] == 1)
        assert not handle.over
        pipe.send(line(1))
        assert pipe.came(2)
        pipe.close()
        run = repeated(handle.wait(BARELY))
    assert run.ending == "no publisher will come"
    assert len(run.catalogue) == 2


def test_a_cut_off_ends_it_though_the_feed_is_open_and_dry(pipe: Pipe) -> None:
    begun = time.monotonic()
    with pipe.replay("2a", tv.Scenario(until=20), speed=100) as handle:
        pipe.send(line(0), line(1, 90, 99))
        run = repeated(handle.wait(BARELY))
    assert time.monotonic() - begun >= 0.2
    assert (run.end, run.ending, len(run.videos)) == (20, "cut-off", 2)
    assert handle.time == 20


def test_a_cut_off_after_all_outcomes_ends_it_as_well(pipe: Pipe) -> None:
    """What was recorded is complete long before, and its simulation ends there."""
    with pipe.replay("2a", tv.Scenario(until=20), speed=100) as handle:
        pipe.send(line(0))
        run = repeated(handle.wait(BARELY))
    assert (run.end, run.ending) == (run.videos["published"].max(), "completed")
    begins_with_the_log(pipe.seen, run)
    assert max(entry.time for entry in pipe.seen) <= 20


def test_what_comes_after_the_cut_off_is_not_taken(pipe: Pipe) -> None:
    with pipe.replay("2a", tv.Scenario(until=1.25), speed=50) as handle:
        pipe.send(*(line(row) for row in range(9)))
        run = repeated(handle.wait(BARELY))
    assert run.catalogue.ids == ("v0", "v1", "v2")


def test_a_recorded_catalogue_can_be_replayed() -> None:
    run = tv.replay(slowly([line(row) for row in range(4)], [0, 0.04, 0, 0.04]), "2c", speed=200)
    assert run.catalogue.submitted_at is not None
    equal(tv.replay(run.catalogue, "2c", speed="max"), run)
    equal(tv.replay(iter(list(run.catalogue.lines())), "2c", speed=1000), run)


# -- steering -----------------------------------------------------------------------------------------------


def test_stopping_while_it_waits_for_the_first_line(pipe: Pipe) -> None:
    threads = threading.active_count()
    handle = pipe.replay()
    assert threading.active_count() == threads + 2
    begun = time.monotonic()
    handle.stop()
    assert time.monotonic() - begun < BARELY
    assert until(lambda: threading.active_count() == threads)  # though the pipe is still open
    with pytest.raises(tv.CatalogueError, match=r"stopped before the first video of 'feed\.jsonl'"):
        handle.wait(BARELY)
    assert (phase_of(handle), handle.run, handle.time) == ("stopped", None, 0)


def test_stopping_while_it_is_dry(pipe: Pipe) -> None:
    threads = threading.active_count()
    handle = pipe.replay("2a", speed=100)
    pipe.send(line(0), line(1, 90, 99))
    assert dry(handle, 10)
    begun = time.monotonic()
    handle.stop()
    assert time.monotonic() - begun < BARELY
    assert until(lambda: threading.active_count() == threads)  # though the pipe is still open
    run = handle.wait(BARELY)
    assert run.end > 10
    assert len(run.videos) == 2
    assert pipe.seen == log_of(run)
    is_cut_off_of(run, lambda end: tv.simulate(run.catalogue, "2a", tv.Scenario(until=end)))


def test_stopping_does_not_wait_for_an_iterator_that_sleeps() -> None:
    wake = threading.Event()

    def items() -> Iterator[bytes]:
        yield line(0)
        wake.wait(BARELY * 3)
        yield line(1)

    handle = tv.replay(items(), "2a", speed=100, block=False)
    assert dry(handle, 10)
    begun = time.monotonic()
    handle.stop()
    assert time.monotonic() - begun < BARELY
    assert handle.wait(BARELY).catalogue.ids == ("v0",)
    wake.set()


@pytest.mark.parametrize("speed", [100, "max"])
def test_stopping_with_more_in_the_pipe(speed: Any, pipe: Pipe) -> None:
    handle = pipe.replay("2c", tv.Scenario(requests_per_second=1000, encoders=3), speed=speed)
    pipe.send(*(line(row) for row in range(200)))
    assert until(lambda: handle.stats["client_submitted"] > 5)
    handle.stop()
    run = handle.wait(BARELY)
    assert len(run.catalogue) < 200 or speed == "max"
    assert pipe.seen == log_of(run)
    scenario = run.scenario
    is_cut_off_of(run, lambda end: tv.simulate(run.catalogue, "2c", scenario.replace(until=end)))


def test_pausing_while_it_is_dry(pipe: Pipe) -> None:
    """What comes in a pause comes at the time of the pause, and nothing happens before it is over."""
    with pipe.replay("2a", speed=100) as handle:
        pipe.send(line(0))
        assert dry(handle, 10)
        handle.pause()
        at = handle.time
        time.sleep(0.05)
        pipe.send(line(1))
        time.sleep(0.05)
        assert handle.time == at
        assert handle.stats["client_submitted"] == 1
        handle.resume()
        assert pipe.came(2)
        pipe.close()
        run = repeated(handle.wait(BARELY))
    time_of = times(run)[1]
    assert time_of == pytest.approx(at, abs=1e-5)


def test_at_full_speed_while_it_is_dry_time_stands_still(pipe: Pipe) -> None:
    with pipe.replay("2a", speed=100) as handle:
        pipe.send(line(0))
        assert dry(handle, 10)
        time.sleep(0.02)
        handle.speed = "max"
        at = handle.time
        time.sleep(0.05)
        assert handle.time == at
        pipe.send(line(1), line(2))
        assert pipe.came(3)
        pipe.send(line(3))
        pipe.close()
        run = repeated(handle.wait(BARELY))
    second = times(run)[1]
    assert second == pytest.approx(at, abs=1e-5)
    assert times(run)[2:] == [None, None]


@settings(max_examples=10)
@given(
    gaps=st.lists(st.sampled_from([0.0, 0.005, 0.02]), min_size=6, max_size=6),
    speeds=st.lists(st.sampled_from([50, 1000, "max", "max", 300]), min_size=8, max_size=8),
    pauses=st.lists(st.booleans(), min_size=8, max_size=8),
    strategy=strategies,
)
def test_other_speeds_and_pauses_while_it_comes(
    gaps: list[float], speeds: list[Any], pauses: list[bool], strategy: Any
) -> None:
    feed = slowly([line(row) for row in range(6)], gaps)
    seen: list[tv.LogEntry] = []
    scenario = tv.Scenario(encoders=2)
    handle = tv.replay(feed, strategy, scenario, speed=400, observers=seen.append, block=False)
    for speed, pause in zip(speeds, pauses, strict=True):
        if pause:
            handle.pause()
        time.sleep(0.004)
        handle.speed = speed
        time.sleep(0.004)
        handle.resume()
    handle.speed = 1000
    run = repeated(handle.wait(BARELY))
    begins_with_the_log(seen, run)


# -- a hook that is no rule ---------------------------------------------------------------------------------


def test_a_hook_that_does_not_depend_on_its_arguments_alone_is_noticed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such a run cannot be repeated; what has happened is kept, and said so."""

    class Moody(tv.Strategy):
        asked = 0

        def start_delay(self, video: tv.Video) -> float:
            Moody.asked += 1
            return float(Moody.asked)

    seen: list[tv.LogEntry] = []
    strategy = Moody("moody", starts_on="encoded")
    run = tv.replay(iter([line(0), line(1)]), strategy, speed="max", observers=seen.append)
    assert log_of(run) == seen
    (record,) = caplog.records
    assert "strategy moody" in record.getMessage()


def test_the_shipped_catalogues_as_feeds() -> None:
    for path in (CATALOGUE, SAMPLE):
        with path.open("rb") as stream:
            lines = iter(stream.read().splitlines())
        run = tv.replay(lines, "2c", speed="max")
        assert run == tv.simulate(path)


# -- feeds that never tire ----------------------------------------------------------------------------------


def test_at_a_speed_again_a_feed_that_ran_dry_at_max_lets_time_go_on() -> None:
    rest = threading.Event()

    def feed() -> Iterator[tv.Video]:
        yield from tv.generate_catalogue(20)
        rest.wait(BARELY)

    with tv.replay(feed(), "2c", speed="max", block=False) as handle:
        assert until(lambda: handle.stats["client_submitted"] == 20)
        stood = handle.time
        handle.speed = 1000
        assert until(lambda: handle.stats["published"] + handle.stats["publish_failed"] == 20)
        assert handle.time > stood
        rest.set()
        run = handle.wait(BARELY)
    assert run == tv.simulate(run.catalogue, "2c")
    assert run.catalogue == tv.read_catalogue(tv.generate_catalogue(20))


def test_an_endless_feed_is_read_no_further_ahead_than_makes_sense() -> None:
    given = 0

    def feed() -> Iterator[tv.Video]:
        nonlocal given
        for number in itertools.count():
            given += 1
            yield tv.Video(f"v{number}", "T", "P", 1, 9)

    with tv.replay(feed(), "2c", tv.Scenario(until=20), speed=50, block=False) as handle:
        run = handle.wait(BARELY)
    assert len(run.catalogue) == 41
    assert given < 12_000
    assert run == tv.simulate(run.catalogue, "2c", tv.Scenario(until=20))


# -- a video that moves on while it is looked for ----------------------------------------------------------


class Moving:
    """A source whose video is read, and put into the feed's queue, while it is asked what is coming."""

    name = "moving"

    def __init__(self) -> None:
        self.asked, self.done = threading.Event(), threading.Event()
        self.feed: feeding.Feed | None = None

    def __iter__(self) -> Iterator[bytes]:
        assert self.asked.wait(BARELY)
        yield line(0)
        assert self.done.wait(BARELY)

    def coming(self) -> bool:
        self.asked.set()
        assert self.feed is not None
        assert until(self.feed.ready)
        return False

    def close(self) -> None:
        self.done.set()


def test_a_video_that_is_read_while_it_is_looked_for_is_coming() -> None:
    """Looked for in the queue first, it would be in neither place."""
    source = Moving()
    source.feed = feeding.Feed(source, lambda: None)
    try:
        assert source.feed.coming()
    finally:
        source.feed.close()


def test_a_line_that_is_read_while_it_is_looked_for_is_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader takes it from the pipe while it is asked whether there is anything in the pipe."""
    reading, writing = os.pipe()
    source = feeding._Pipe(reading, "a pipe", owned=True)
    source._at_work = False

    def emptied(*_: object) -> list[int]:
        source._at_work = True
        return []

    monkeypatch.setattr(feeding, "_readable", emptied)
    assert source.coming()
    source._release()
    os.close(writing)
