"""The benchmark of the engines runs, and the page that it writes names all that it measures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="numba is not installed")

from tests.benchmarks import engines

PAGE = engines.ROOT / "docs" / "performance.md"


def missing(page: str, plan: engines.Plan) -> list[str]:
    """Return what is measured and has no line in a page."""
    starts = [f"| {row.engine} | {row.world} | {row.kernel} |" for row in engines.rows()]
    starts += [f"| {figure.name} |" for figure in engines.figures(plan)]
    return [start for start in starts if f"\n{start}" not in page]


def test_the_page_names_every_row() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert missing(page, engines.FULL) == []
    assert "not installed" not in page
    assert str(Path.home()) not in page


def test_rows_have_names_of_their_own() -> None:
    names = [(row.engine, row.world) for row in engines.rows()]
    assert len(set(names)) == len(names)


@pytest.mark.slow
def test_the_quick_form_runs(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    command = [sys.executable, "-m", "tests.benchmarks.engines", "--quick", "--write", str(page)]
    done = subprocess.run(command, cwd=engines.ROOT, capture_output=True, text=True, check=True)
    assert "published" in done.stdout
    assert "publishes" not in done.stdout  # which is said where means differ
    assert missing(page.read_text(encoding="utf-8"), engines.QUICK) == []
