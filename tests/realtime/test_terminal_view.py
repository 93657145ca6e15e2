"""What the view in the terminal draws: at any size, of any state."""

from __future__ import annotations

import codecs
import io
import os
import re
import select
from math import nan
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

import tv2sim as tv
from tests.helpers.snapshots import empty, huge, snapshot, video
from tests.helpers.terminals import Terminal, set_size
from tv2sim.realtime.pipeline_state import Client, Encoder, Snapshot
from tv2sim.realtime.terminal import Output
from tv2sim.realtime.terminal_view import Charset, Picture, Screen, changed_speed, summary

URL = "http://127.0.0.1:8080/#token=abcdefghijklmnopqrstuv"
SIZES = [(140, 40), (120, 30), (80, 24), (60, 20), (40, 15), (250, 70), (30, 8), (20, 5), (7, 3), (1, 1)]


def drawn(
    of: Snapshot,
    width: int = 140,
    height: int = 40,
    charset: Charset | None = None,
    *,
    keys: bool = True,
    url: str = URL,
    warning: str = "",
) -> str:
    """Return the lines of the picture; each fills the screen."""
    console = Console(file=io.StringIO(), width=width, height=height, legacy_windows=False)
    charset = charset or Charset()
    whole = Picture(of, charset, keys, url, warning).layout(width, height)
    lines = []
    for segments in console.render_lines(whole, console.options.update_dimensions(width, height)):
        line = charset.drawn("".join(segment.text for segment in segments))
        assert cell_len(line) == width
        lines.append(line.rstrip())
    assert len(lines) == height
    return "\n".join(lines)


# -- any size, any state -----------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [snapshot(), empty(), huge()], ids=["usual", "empty", "huge"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_fits_any_terminal(of: Snapshot, size: tuple[int, int]) -> None:
    for charset in (Charset(), Charset("ascii")):
        assert drawn(of, *size, charset, warning="late " * 50).strip()


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    title=st.text(max_size=60),
    encoders=st.integers(0, 60),
    publishers=st.integers(0, 60),
)
def test_nothing_is_longer_than_its_line(
    width: int, height: int, title: str, encoders: int, publishers: int
) -> None:
    of = huge(title)
    of.pipeline.encoders = of.pipeline.encoders[:encoders]
    of.pipeline.encoders_total = encoders
    of.pipeline.publishers = of.pipeline.publishers[:publishers]
    of.pipeline.publishers_busy, of.pipeline.publishers_starting = publishers, 0
    drawn(of, width, height)


def test_the_least_important_is_dropped_first() -> None:
    heads = ("encoders ", "queue ", "counters ", "pool ", "events ")
    for width, rows in ((80, 40), (60, 45), (40, 45)):
        assert all(head in drawn(snapshot(), width, rows) for head in heads)
    for width, rows in ((80, 20), (60, 18), (40, 15)):
        shown = [head for head in heads if head in drawn(snapshot(), width, rows)]
        assert shown == list(heads[:4]), (width, rows)
    assert "encoders " in drawn(snapshot(), 60, 12)
    assert "pool " not in drawn(snapshot(), 60, 9)
    assert drawn(snapshot(), 60, 1).startswith("20.0 s  RUNNING  speed 5")


def test_parts_stay_where_they_are_whatever_happens() -> None:
    for size in SIZES[:5]:
        usual, quiet = (drawn(of, *size).split("\n") for of in (snapshot(), empty()))
        for head in ("encoders ", "counters "):
            at = [next(n for n, line in enumerate(lines) if head in line) for lines in (usual, quiet)]
            assert at[0] == at[1], (size, head)


# -- what it says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES[:5], ids=str)
def test_the_counters_are_those_of_the_stats_line(size: tuple[int, int]) -> None:
    shown = drawn(snapshot(), *size)
    expected = {"submitted": 49, "encoded": 48, "published": 36, "failed": 9, "parse errors": 7}
    for name, value in expected.items():
        assert re.search(rf"\b{name} +{value}\b", shown), name
    assert re.search(r"publishers (started)? *37\b", shown)
    assert "80.0 % on time" in shown
    assert "45 of 154 done" in shown or size[0] < 44


def test_encoders_say_how_far_they_are() -> None:
    shown = drawn(snapshot())
    assert "encoders  2 of 10 busy, 1 blocked ─" in shown
    bar = re.search(r"\b0 +(━+)(─+) +2\.0 s +Title 48", shown)
    assert bar is not None
    assert len(bar[1]) == len(bar[2])  # from 18 to 22, and it is 20
    assert re.search(r"\b1 +blocked +2\.0 s +Title 41", shown)
    assert re.search(r"\b2 +free", shown)


FURTHER = {"publishers failed": 42, "start-ups failed": 19, "publications failed": 15, "encodings lost": 7}


@pytest.mark.parametrize("size", [(80, 24), (120, 24), (80, 40), (40, 40)], ids=str)
def test_what_fails_is_counted_and_encoders_that_are_down_say_so(size: tuple[int, int]) -> None:
    encoders = [Encoder(0, video(48), 18.0, 22.0), Encoder(1, down=True), *map(Encoder, range(2, 6))]
    down = {"encoders": encoders, "encoders_total": 6, "encoders_busy": 1, "encoders_blocked": 0}
    shown = drawn(snapshot(**down, encoders_down=1, interrupted=1, further=FURTHER), *size)
    assert "encoders  1 of 6 busy, 1 down" in shown
    assert "1  down" in shown
    for name, number in FURTHER.items():
        assert all(word in shown for word in f"{number} {name}".split())
    assert "down" not in drawn(snapshot(), *size)


def test_encoders_that_are_too_many_are_counted() -> None:
    many = [Encoder(n, video(n), 18.0, 22.0) for n in range(40)]
    of = snapshot(encoders=many, encoders_total=60, encoders_busy=60)
    for size in SIZES[:4]:
        shown = drawn(of, *size)
        assert "60 of 60 busy" in shown
        lanes, unseen = (
            len(set(re.findall(r"\b(\d+)  [━─]{4}", shown))),
            re.search(r"\+(\d+)", shown),
        )
        assert unseen is not None
        assert lanes == 60 - int(unseen[1]), size


def test_publishers_are_starting_against_the_mean_ready_or_busy() -> None:
    shown = drawn(snapshot())
    assert "pool  1 starting, 1 ready, 1 busy" in shown
    bar = re.search(r"\b3 +(━+)(─+) +2\.0 s", shown)
    assert bar is not None
    assert len(bar[1]) == len(bar[1] + bar[2]) // 2
    assert re.search(r"\b4 +ready +2\.5 s", shown)
    assert re.search(r"\b5 +busy +0\.1 s +Title 29", shown)
    assert re.search(r"\b3 +─+ +2\.0 s", drawn(snapshot(startup_mean=0.0)))


def test_the_queues_say_who_waits_and_who_is_too_late() -> None:
    assert "queue 2  own publisher 1 ─" in drawn(snapshot(), 80, 24)
    shown = drawn(snapshot())
    for line in (r"\b1 +too late +Title 30", r"\b2 +3\.5 s +Title 31", r"\bown +5\.0 s +Title 32"):
        assert re.search(line, shown), line


def test_a_long_queue_leaves_room_for_those_beside_it() -> None:
    waiting = [video(row, deadline=30.0) for row in range(40)]
    shown = drawn(snapshot(queue=waiting, queue_total=100, beside=waiting, beside_total=40), 80, 24)
    assert "queue 100" in shown
    assert "own publisher 40" in shown
    assert shown.count("own ") >= 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "20.0 s  RUNNING  speed 5 "),
        ({"paused": True}, "20.0 s  PAUSED  speed 5 "),
        ({"speed": "max"}, "RUNNING  full speed"),
        ({"speed": 0.1}, "speed 0.1 "),
        ({"phase": "waiting"}, "WAITING"),
        ({"phase": "finished", "ending": "cut-off"}, "FINISHED  cut-off"),
        ({"phase": "stopped", "ending": "stopped"}, "STOPPED"),
        ({"phase": "failed"}, "FAILED"),
        ({"until": 60.0}, "20.0 of 60 s  RUNNING"),
        ({"lag": 0.0}, "lag 0.0 ms, at most 3.4 ms"),
        ({"replication": 3}, "day.jsonl · strategy 2c · seed 1 · replication 3"),
        ({"client": Client(None, nan, 50, 104)}, "client   104 more to offer"),
        ({"client": Client(None, nan, 154, 0)}, "client   nothing more to offer"),
        ({"client": Client(None, nan, 50, None)}, "client   more may come"),
        ({"client": Client(video(7), 18.5, 50, 3)}, "waits 1.5 s for an encoder with Title 7"),
    ],
)  # fmt: skip
def test_the_lines_above_say_how_it_stands(changes: dict[str, Any], said: str) -> None:
    for size in ((140, 40), (80, 24)):
        assert said in drawn(snapshot(**changes), *size)


def test_the_lines_below_tell_keys_address_and_the_last_warning() -> None:
    last = drawn(snapshot()).split("\n")[-1]
    assert last.startswith("space pause   + - speed   q stop  ")
    assert last.endswith(URL)
    assert URL in drawn(snapshot(), 60, 24)
    assert re.search(r"q stop +http://127\.0\.0\.1:8080/$", drawn(snapshot(), 80, 15))
    assert drawn(snapshot(), 40, 15).split("\n")[-1] == "space pause   + - speed   q stop"
    assert "space resume" in drawn(snapshot(paused=True))
    assert drawn(snapshot(phase="finished"), url="").split("\n")[-1] == "q quit"
    assert "Ctrl-C" in drawn(snapshot(), keys=False).split("\n")[-1]
    assert drawn(snapshot(), 80, 24, warning="it is late").split("\n")[-3] == "it is late"


# -- what a terminal can show ------------------------------------------------------------------------------

NASTY = "\x1b[31mred\x07 \u202eabc\x9b0m\nnext\t[bold]:smile: \u200d\ue000"


@pytest.mark.parametrize("size", SIZES[:5], ids=str)
def test_titles_are_text(size: tuple[int, int]) -> None:
    shown = drawn(huge(NASTY), *size)
    assert all(character.isprintable() for line in shown.split("\n") for character in line)
    if size[0] >= 120:
        assert r"\x1b[31mred\x07" in shown
    bold = drawn(snapshot(queue=[video(1, title="[bold]:smile:[/]", deadline=21.0)]))
    assert "[bold]:smile:[/]" in bold


def test_what_the_terminal_cannot_show_is_drawn_in_ascii() -> None:
    titled = snapshot(queue=[video(1, title="Ålekær 日本", deadline=21.0)])
    shown = drawn(titled, charset=Charset("ascii"))
    assert shown.isascii()
    assert "encoders  2 of 10 busy, 1 blocked ---" in shown
    bar = re.search(r"\b0 +(#+)(-+) +2\.0 s", shown)
    assert bar is not None
    assert len(bar[1]) == len(bar[2])
    assert r"\xc5lek\xe6r" in shown
    assert drawn(huge(), charset=Charset("ascii")).isascii()
    west = drawn(titled, charset=Charset("latin-1"))
    assert west.encode("latin-1")
    assert r"Ålekær \u65e5" in west


def on_screen(*pictures: Snapshot, size: tuple[int, int] = (80, 24)) -> list[str]:
    """Return what is written to a terminal for each of the pictures, and before the first one."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    written, texts = 0, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Output, "size", size)
        with Screen(stream, Charset()) as screen:
            for of in pictures:
                assert screen.ready()
                screen.draw(Picture(of, Charset(), True, URL))
                texts.append(stream.buffer.getvalue()[written:].decode())
                written += len(texts[-1].encode())
    return texts


def test_colours_are_not_used_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert colour.search(on_screen(snapshot())[0])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(on_screen(snapshot())[0])
    assert "\x1b[1mencoders\x1b[0m  2 of 10 busy" in on_screen(snapshot())[0]  # headings are bold still
    assert "\x1b[0m  speed 5  45 of" in on_screen(snapshot())[0]


@pytest.mark.parametrize(
    "of", [snapshot(), huge("👍🏽 日本語 e\u0301"), huge(NASTY)], ids=["usual", "wide", "nasty"]
)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_terminal_shows_the_picture_and_does_not_scroll(of: Snapshot, size: tuple[int, int]) -> None:
    terminal = Terminal(*size)
    terminal.other = True
    terminal.feed(on_screen(of, size=size)[0])
    assert not terminal.scrolled_other
    expected = [line.rstrip() for line in drawn(of, *size).split("\n")]
    if of.pipeline.queue[0].title != "👍🏽 日本語 e\u0301":  # of such a width no two terminals think the same
        assert terminal.shown().split("\n")[: len(expected)] == expected[: len(terminal.shown().split("\n"))]


def test_only_what_has_changed_is_drawn_again() -> None:
    _, again, changed = on_screen(snapshot(), snapshot(), snapshot(lag=0.002))
    assert not again
    assert "lag 2.0 ms" in changed
    assert len(changed) < 150


# -- speeds, and the end -----------------------------------------------------------------------------------


def test_keys_step_through_the_usual_speeds() -> None:
    steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, "max"]
    speed: Any = 0.1
    for above in [*steps[1:], "max"]:
        speed = changed_speed(speed, faster=True)
        assert speed == above
    for below in [*reversed(steps[:-1]), 0.1]:
        speed = changed_speed(speed, faster=False)
        assert speed == below
    assert changed_speed(3, faster=True) == 5
    assert changed_speed(3, faster=False) == 2


def test_the_summary_tells_the_end_of_a_replay() -> None:
    with tv.replay(tv.generate_catalogue(), "2c", speed="max", block=False) as replay:
        run = replay.wait()
        lines = summary(replay.snapshot(), Charset(), 70)
    failed = run.videos.query("outcome == 'failed'").sort_values("published")["title"].iloc[-1]
    assert lines[0].endswith(" · strategy 2c · seed 1")
    assert lines[1] == "153 of 154 published in time · 99.4 % · 164 publishers started"
    assert lines[2].startswith(f"failed, the last first: {failed[:30]}")
    assert all(len(line) <= 70 for line in lines)
    quiet = summary(msgspec.structs.replace(empty(), catalogue=NASTY), Charset(), 70)
    assert all(line.isprintable() for line in quiet)


def test_a_picture_that_the_terminal_does_not_take_delays_nothing_and_is_finished_later() -> None:
    master, slave = os.openpty()
    set_size(master, 200, 60)
    decode = codecs.getincrementaldecoder("utf-8")().decode
    terminal, whole = Terminal(200, 60), drawn(snapshot(), 200, 60, keys=False, url="").rstrip()
    with (
        os.fdopen(master, "rb", buffering=0) as reader,
        os.fdopen(slave, "w") as stream,
        Screen(stream, Charset()) as screen,
    ):
        for row in range(200):  # more than the system buffers
            if screen.ready():
                screen.draw(Picture(huge(f"Title {row}"), Charset()))
        assert not screen.ready()
        while not screen.ready():
            terminal.feed(decode(reader.read(1 << 16)))
        screen.draw(Picture(snapshot(), Charset()))
        while terminal.shown().rstrip() != whole:
            assert select.select([reader], [], [], 30)[0], terminal.shown()
            terminal.feed(decode(reader.read(1 << 16)))
            screen.ready()
