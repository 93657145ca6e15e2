"""What the commands print fits the terminal: tables are wrapped at words or split, and no figure is lost."""

from __future__ import annotations

import os
import re
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.commands import CATALOGUE, SAMPLE, start, tv2sim
from tv2sim.cli.options import COMMANDS
from tv2sim.cli.output import fit_table

SIX = "1,2a,2b,2c,2c:8,2c:0000000000000000000000000000000012"
WIDE = ["compare", CATALOGUE, "--strategies", SIX, "--encoders", "5,10", "--publishing-time", "0.5"]
CALLS: dict[str, list[object]] = {
    "compare": [*WIDE, "--replications", 20],
    "one strategy": ["compare", SAMPLE, "--strategies", "2c", "--replications", 2],
    "groups": ["compare", CATALOGUE, "--by", "title", "--replications", 5, "--strategies", SIX],
    "groups of a run": ["run", CATALOGUE, "--by", "title", "--encoders", "5", "--until", "60"],
    "check": ["check", SAMPLE],
    "engines": ["engines", CATALOGUE, "--strategies", SIX, "--publishing-time", "0.5", "--queue-capacity", "3"],
    "nothing": [],
    **{f"{name} --help": [name, "--help"] for name in COMMANDS},
}
FIGURES = re.compile(r"[−+]?[\d,]+\.?\d* (?:± [\d.,]+|\([−\d.,]+ to [−\d.,]+\)|\(\w+ differs?\))")


@pytest.fixture(params=CALLS)
def command(request: pytest.FixtureRequest) -> list[object]:
    return CALLS[request.param]


@pytest.mark.full
def test_no_line_is_wider_than_80_columns(command: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line for line in tv2sim(*command).out.splitlines() if not line.startswith("stats: ")]
    assert max(map(len, lines)) <= 80
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.full
def test_narrow_or_wide_the_figures_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for width in (80, 400):
        monkeypatch.setenv("COLUMNS", str(width))
        found[width] = tv2sim(*CALLS["compare"]).out
    assert sorted(FIGURES.findall(found[80])) == sorted(FIGURES.findall(found[400]))
    assert len(FIGURES.findall(found[80])) > 100
    assert max(map(len, found[400].splitlines())) > 120  # where there is room, it is one table
    assert found[80].count("strategy  ") > found[400].count("strategy  ")


def test_where_there_is_no_terminal_tables_have_80_columns_and_a_sentence_is_one_line() -> None:
    text, _, verdict = tv2sim(*CALLS["compare"]).out.rstrip().rpartition("\n\n")
    assert max(len(line) for line in text.splitlines() if "  " in line) <= 80
    assert len(verdict) > 80
    assert len(verdict.splitlines()) == 1


def test_a_number_and_its_unit_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in range(40, 90, 7):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = tv2sim(*CALLS["one strategy"]).out.splitlines()
        assert not [line for line in lines if line.lstrip().startswith("%")]


def test_a_table_of_counts_that_is_too_wide_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "22")
    lines = tv2sim("check", SAMPLE).out.splitlines()
    heads = [line for line in lines if line.startswith("        ") and set(line) <= set(" 0123456789")]
    assert [head.split() for head in heads] == [["2", "5"], ["6", "7"], ["9", "10"]]
    assert lines[-1].split() == ["6", "1", "."]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.full
def test_the_width_of_the_terminal_is_that_of_the_table() -> None:
    import fcntl
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = start(*CALLS["compare"], stdout=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            shown += os.read(master, 65536)
        except OSError:  # the program has ended
            break
    os.close(master)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert 70 < max(map(len, lines)) <= 80
    assert len(lines) > 60


# -- any table -------------------------------------------------------------------------------------------------

NAMES = st.text("abc -", min_size=1, max_size=60).map(str.strip).filter(bool)
NUMBERS = st.integers(-(10**6), 10**6).map(lambda n: f"{n:,} ± {abs(n)}")


@given(
    st.integers(1, 8).flatmap(
        lambda columns: st.lists(
            st.tuples(NAMES, *[NUMBERS] * columns).map(list), min_size=1, max_size=4
        )
    ),
    st.integers(45, 120),
)  # fmt: skip
def test_any_table_fits_and_has_every_number_in_the_row_of_its_name(rows: list[list[str]], width: int) -> None:
    head = ["strategy", *(f"a long heading of column {n}" for n in range(len(rows[0]) - 1))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        lines = list(fit_table([head, *rows], left=1))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for row in rows:
        assert all(text.count(number) >= 1 for number in row[1:])
    numbers = [number for row in rows for number in row[1:]]
    assert sorted(re.findall(r"-?[\d,]+ ± \d+", text)) == sorted(numbers)
