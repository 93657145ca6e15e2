"""``tv2sim replay --view`` in a terminal: its keys, its end, and that the terminal is what it was before."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, is_one_line, start, tv2sim
from tests.helpers.terminals import Session, session, set_size
from tv2sim.realtime.terminal_view import show

pytestmark = pytest.mark.full  # they wait for terminals

STATS = str(tv.simulate(tv.read_catalogue(CATALOGUE), "2c").stats)
FOOTER = "space pause   + - speed   q stop"


def assert_restored(seen: Session, modes: list[Any]) -> None:
    """Assert that the terminal is as it was, without a trace of what the view has shown."""
    assert seen.terminal.others_seen >= 1
    assert not seen.terminal.other
    assert not seen.terminal.cursor_hidden
    assert not seen.terminal.scrolled_other
    assert seen.text.rindex("\x1b[?7h") > seen.text.rindex("\x1b[?7l")
    assert not re.search("[━▁▂▃▄▅▆▇█]|" + re.escape(FOOTER), seen.terminal.shown())
    assert seen.modes() == modes


def test_a_whole_replay_ends_with_a_summary_and_the_stats_line() -> None:
    with session("replay", CATALOGUE, "--view", "--speed", 100, "--port", "none", columns=100) as seen:
        modes = seen.modes()
        seen.until_shown("encoders  ")
        assert not seen.modes()[3] & (termios.ICANON | termios.ECHO)
        assert seen.modes()[3] & termios.ISIG
        assert seen.terminal.cursor_hidden
        assert seen.wait() == 0
        assert_restored(seen, modes)
        shown = [line for line in seen.terminal.shown().split("\n") if line and "behind the clock:" not in line]
        assert shown[0] == "catalogue.jsonl · strategy 2c · seed 1"
        assert shown[1] == "153 of 154 published in time · 99.4 % · 164 publishers started"
        assert shown[2].startswith("failed, the last first: ")
        assert shown[3] == STATS
        assert shown[4].startswith("tv2sim: completed at 80 s of simulated time")
        assert len(shown) == 5


def simulated_time(seen: Session) -> float:
    found = re.search(r"^(\d+\.\d) s ", seen.terminal.shown(), flags=re.MULTILINE)
    assert found is not None, seen.terminal.shown()
    return float(found[1])


def test_keys_pause_resume_change_the_speed_and_stop() -> None:
    with session("replay", CATALOGUE, "--view") as seen:
        modes = seen.modes()
        seen.until_shown("RUNNING  speed 1 ")
        seen.until_shown(FOOTER)
        assert "http://127.0.0.1:" in seen.terminal.shown()
        seen.press("\x1b[A\x1bOq\x1bqx ")  # neither an arrow nor anything with Alt is a key
        seen.until_shown("PAUSED  speed 1 ")
        seen.until_shown("space resume")
        paused_at = simulated_time(seen)
        seen.press("+++")
        seen.until_shown("PAUSED  speed 10 ")
        assert simulated_time(seen) == paused_at
        seen.press(" ")
        seen.until(lambda: "RUNNING" in seen.terminal.shown() and simulated_time(seen) > paused_at + 2)
        seen.press("--")
        seen.until_shown("RUNNING  speed 2 ")
        seen.resize(120, 30)
        seen.until_shown("queue 0  own publisher")
        seen.until_shown("events  the last first")
        seen.press("q")
        assert seen.wait() == 0
        assert_restored(seen, modes)
        shown = seen.terminal.shown()
        assert re.search(r"^stats: client_parse_errors=0 client_submitted=\d+ ", shown, flags=re.MULTILINE)
        assert "videos unfinished: stopped" in shown


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_it_and_the_terminal_is_restored(how: str) -> None:
    with session("replay", CATALOGUE, "--view", "--port", "none") as seen:
        modes = seen.modes()
        seen.until_shown("RUNNING  speed 1 ")
        if how == "Ctrl-C":
            seen.press("\x03")
        else:
            seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == (130 if how == "Ctrl-C" else 143)
        assert_restored(seen, modes)
        shown = seen.terminal.shown()
        assert "stats: client_parse_errors=0 " in shown
        assert shown.endswith("interrupted" if how == "Ctrl-C" else "terminated")


@pytest.mark.parametrize("how", ["q", "SIGTERM"])
def test_a_terminal_that_was_stopped_does_not_keep_it_from_ending(how: str) -> None:
    with session("replay", CATALOGUE, "--view", "--port", "none") as seen:
        modes = seen.modes()
        seen.until_shown("RUNNING  speed 1 ")
        seen.press("\x13")  # Ctrl-S
        if how == "q":
            time.sleep(0.5)  # it tries to draw
            seen.press("q")
        else:
            seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == (0 if how == "q" else 143)
        assert_restored(seen, modes)


def test_neither_does_one_that_shows_the_log() -> None:
    with session("replay", CATALOGUE, "--port", "none", "--speed", "2") as seen:
        seen.until(lambda: "offered" in seen.text)
        seen.press("\x13")
        time.sleep(0.5)  # it tries to print
        seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == 143


def test_who_suspends_it_where_nobody_can_resume_it_is_shown_it_again() -> None:
    with session("replay", CATALOGUE, "--view", "--port", "none") as seen:
        modes = seen.modes()
        seen.until_shown("RUNNING  speed 1 ")
        seen.press("\x1a")
        seen.until(lambda: seen.terminal.others_seen == 2)
        seen.until_shown("RUNNING  speed 1 ")
        seen.press("q")
        assert seen.wait() == 0
        assert_restored(seen, modes)


@pytest.mark.full
def test_with_the_catalogue_on_standard_input_keys_come_from_the_terminal(tmp_path: Path) -> None:
    read, write = os.pipe()
    with (
        os.fdopen(read, "rb") as stdin,
        session("replay", "-", "--view", "--port", "none", stdin=stdin) as seen,
    ):
        modes = seen.modes()
        seen.until_shown("WAITING")
        os.write(write, CATALOGUE.read_bytes().split(b"\n")[0] + b"\n")
        seen.until_shown("RUNNING")
        seen.until_shown("more may come")
        seen.press(" ")
        seen.until_shown("PAUSED")
        seen.press(" ")
        os.close(write)
        assert seen.wait() == 0
        assert_restored(seen, modes)
        assert "submitted=1 encoded=1 published=1 publish_failed=0" in seen.terminal.shown()


def test_kept_running_it_shows_the_end_until_it_is_quit() -> None:
    with session("replay", CATALOGUE, "--view", "--speed", "max", "--keep-running", "--port", "none") as seen:
        modes = seen.modes()
        seen.until(lambda: seen.terminal.others_seen == 2 and "FINISHED  completed" in seen.terminal.shown())
        assert STATS[:60] in seen.terminal.shown(other=False)  # and on the usual screen is the result
        seen.until(lambda: seen.terminal.shown().endswith("q quit"))
        seen.until_shown("154 of 154 done")
        seen.press(" +q")
        assert seen.wait() == 0
        assert_restored(seen, modes)


FAILING = """
import os, sys, time
import tv2sim as tv
from tv2sim.realtime.terminal_view import show
def fail(entry):
    if entry.time > 3:
        time.sleep(0.3)
        print("something to read", file=sys.stderr)
        while not os.path.exists(os.environ["READ"]):
            time.sleep(0.01)
        raise ValueError("on purpose")
handle = tv.replay(tv.generate_catalogue(), speed=20, observers=fail, block=False)
show(handle)
handle.wait()
"""


def test_messages_do_not_tear_the_screen_and_an_exception_leaves_it(tmp_path: Path) -> None:
    with session(program=FAILING, READ=str(tmp_path / "read")) as seen:
        modes = seen.modes()
        seen.until(lambda: seen.terminal.other and "something to read" in seen.terminal.shown())
        seen.until(lambda: seen.terminal.shown().split("\n")[-2:] == ["something to read", FOOTER])
        assert "something to read" not in seen.terminal.shown(other=False)
        (tmp_path / "read").touch()
        assert seen.wait() == 1
        assert_restored(seen, modes)
        shown = seen.terminal.shown()
        assert 0 <= shown.index("something to read\n") < shown.index("Traceback")
        assert shown.endswith("ValueError: on purpose")


# -- terminals and what is none ----------------------------------------------------------------------------


def drawn(text: str) -> str:
    """Return what was written to the other screen."""
    return text[text.index("\x1b[?1049h") : text.index("\x1b[?1049l")]


def test_neither_colours_nor_blocks_where_they_are_not_wanted() -> None:
    with session(
        "replay", CATALOGUE, "--view", "--speed", 200, "--port", "none", NO_COLOR="1", LC_ALL="C"
    ) as seen:
        assert seen.wait() == 0
        assert drawn(seen.text).isascii()
        assert "####" in drawn(seen.text)
        assert set(re.findall(r"\x1b\[([\d;]*)m", drawn(seen.text))) <= {"0", "1", "2", "1;2", "1;7"}
        assert STATS in re.sub(r"\s+", " ", seen.text)


def test_a_dumb_terminal_gets_plain_lines() -> None:
    with session("replay", CATALOGUE, "--view", "--speed", "max", "--port", "none", TERM="dumb") as seen:
        assert seen.wait() == 0
        assert "\x1b" not in seen.text
        assert "".join(tv2sim(*PLAIN).out.split()) in "".join(seen.text.split())


PLAIN = ("replay", CATALOGUE, "--speed", "max", "--port", "none")


def test_lines_are_printed_as_without_it_where_output_is_no_terminal() -> None:
    assert tv2sim(*PLAIN, "--view").out == tv2sim(*PLAIN).out
    with start(*PLAIN, "--view") as process:
        out, _ = process.communicate(timeout=30)
    assert out.decode() == tv2sim(*PLAIN).out


def test_without_rich_one_sentence_says_what_to_install() -> None:
    program = "import sys; sys.modules['rich'] = None; from tv2sim.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "replay", str(CATALOGUE), "--view", "--port", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert is_one_line(done.stderr)
    assert "pip install 'tv2sim[replay]'" in done.stderr
    assert done.stderr.startswith("tv2sim: to show itself in the terminal a replay needs rich")


def test_a_terminal_that_nobody_reads_makes_nothing_late(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    set_size(master, 250, 80)
    with os.fdopen(slave, "w") as terminal, os.fdopen(os.dup(slave)) as keys, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(sys, "stdin", keys)
        with tv.replay(tv.generate_catalogue(), "2c", speed=100, block=False) as replay:
            view = threading.Thread(target=show, args=[replay])
            view.start()
            run = replay.wait(30)
            view.join(30)
            assert not view.is_alive()  # although nothing was read
    os.close(master)
    assert run == tv.simulate(tv.generate_catalogue(), "2c")
    assert run.ending == "completed"


@pytest.mark.full
def test_a_terminal_that_nobody_reads_does_not_keep_it_from_ending() -> None:
    with session("replay", CATALOGUE, "--view", "--port", "none") as seen:
        seen.until_shown("RUNNING  speed 1 ")
        seen.reading = False
        for columns in range(220, 250):  # each is a whole picture, together more than the terminal buffers
            seen.resize(columns, 80)
            time.sleep(0.1)
        seen.process.send_signal(signal.SIGTERM)
        assert seen.process.wait(30) == 143
        seen.reading = True
