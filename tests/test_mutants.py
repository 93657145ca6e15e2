"""The mistakes that `tv2sim verify` has to catch: they can be made, and the reference has them all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="numba is not installed")

from tests.benchmarks.mutants import MUTANTS, PAGE, ROOT, Mutant, mutated, verdict_of

PACKAGE = ROOT / "tv2sim"
BY_MEANING = {mutant.meaning: mutant for mutant in MUTANTS}


@pytest.mark.parametrize("mutant", MUTANTS, ids=[*BY_MEANING])
def test_each_mistake_can_be_made(mutant: Mutant) -> None:
    """The text stands in its file once, and what stands there instead is Python."""
    ast.parse(mutated(mutant, PACKAGE))


def test_a_text_that_is_not_there_is_told() -> None:
    for text, count in (("no such text", 0), ("video", 2)):
        with pytest.raises(
            ValueError, match=rf"engines/model/client.py has '{text}' \d+ times, not once \(a test\)"
        ) as told:
            mutated(Mutant("a test", "engines/model/client.py", text, ""), PACKAGE)
        assert (f"{count} times" in str(told.value)) is (count == 0)


def test_there_are_mistakes_of_each_kind() -> None:
    assert len(BY_MEANING) == len(MUTANTS)
    assert sum(mutant.file.startswith("engines/model/") for mutant in MUTANTS) >= 11
    assert sum(mutant.file in ("engines/kernel/lanes.py", "engines/kernel/stage.py") for mutant in MUTANTS) >= 5


def test_the_reference_says_of_each_that_it_is_caught() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    told = {cells[0]: cells[2] for line in lines if len(cells := line.strip("| ").split(" | ")) == 3}
    assert [*told][1:] == [*BY_MEANING]
    assert "none" not in told.values()


@pytest.mark.full
@pytest.mark.parametrize(
    ("meaning", "row"),
    [
        ("a publication at the deadline is late", "on_time_probability"),
        pytest.param(  # its kernel is compiled anew
            "lanes: a publisher is replaced when it has published, not when it takes a video",
            "lanes",
            marks=[pytest.mark.slow, pytest.mark.timeout(1200)],
        ),
    ],
)
def test_mistakes_are_caught(meaning: str, row: str, tmp_path: Path) -> None:
    verdict = verdict_of(BY_MEANING[meaning], tmp_path, replications=10)
    assert verdict.caught
    assert row in verdict.rows
