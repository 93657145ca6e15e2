"""Which small mistakes `tv2sim verify` catches, and in which rows of its table.

``python -m tests.benchmarks.mutants`` makes each mistake in a copy of the package, runs ``tv2sim verify`` with
the copy, and prints a table; ``--write`` replaces the table in the reference. A mistake in a kernel takes more
than a minute, since kernels are compiled anew. Numbers select some: ``python -m tests.benchmarks.mutants 1 9``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tv2sim.base.compiling import _sources

__all__ = ["MUTANTS", "PAGE", "ROOT", "Mutant", "Verdict", "mutated", "verdict_of"]

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tv2sim"
PAGE = ROOT / "docs" / "reference" / "verification.md"
HEAD = ("| Mistake | File | Rows that do not agree |", "|---|---|---|")


class Mutant(NamedTuple):
    """A mistake: a text of a file of the package, what stands there instead, and what it means."""

    meaning: str
    file: str
    text: str
    replacement: str


MUTANTS = (
    Mutant(
        "the publisher that takes the last video is not replaced",
        "engines/model/life.py",
        "            self._pool.replenish(video)\n",
        "            if video + 1 < len(self._run.own):\n                self._pool.replenish(video)\n",
    ),
    Mutant(
        "a publisher is replaced when it has published, not when it takes a video",
        "engines/model/life.py",
        "self._pool.replenish(video)",
        "self._env.call(takes, Place.PUBLISHED, partial(self._pool.replenish, video))",
    ),
    Mutant(
        "a publication at the deadline is late",
        "engines/model/replication.py",
        "if held <= self.deadline(video):",
        "if held < self.deadline(video):",
    ),
    Mutant(
        "the deadline counts from the offer",
        "engines/model/replication.py",
        'columns["encoding_started"]',
        'columns["offered"]',
    ),
    Mutant(
        "the deadline counts from the end of encoding",
        "engines/model/replication.py",
        'columns["encoding_started"]',
        'columns["encoded"]',
    ),
    Mutant(
        "the time of publishing is not held against the deadline",
        "engines/model/replication.py",
        "held = self._assigned[video] if self._by_assignment else self.env.now",
        "held = self._assigned[video]",
    ),
    Mutant(
        "start-up times are drawn in the order of the starts, not by video",
        "engines/model/life.py",
        "return draws[_VIDEO](publisher.cause, publisher.before)",
        "return draws[_VIDEO](publisher.number, 0)",
    ),
    Mutant(
        "start and end of encoding are confused as the moment of a start",
        "engines/model/pool.py",
        'map(MOMENTS.index, ("encoding_started", "encoded", "queued"))',
        'map(MOMENTS.index, ("encoded", "encoding_started", "queued"))',
    ),
    Mutant(
        "the queue is last in, first out",
        "engines/model/publishing_stage.py",
        "            _, video = self._queue[0]\n"
        "            if not self._gives_up(video):\n"
        "                del self._queue[0]\n",
        '            at = -1 if self._run.strategy.order == "fifo" else 0\n'
        "            _, video = self._queue[at]\n"
        "            if not self._gives_up(video):\n"
        "                del self._queue[at]\n",
    ),
    Mutant(
        "the queue holds one video more",
        "engines/model/publishing_stage.py",
        "return len(self._queue) + len(self.hidden) < self._capacity + at_once",
        "return len(self._queue) + len(self.hidden) <= self._capacity + at_once",
    ),
    Mutant(
        "the publisher that became ready last takes a video",
        "engines/model/publishing_stage.py",
        "            self.ready.popleft().process.send(video)\n        self.look_for_room()",
        "            self.ready.pop().process.send(video)\n        self.look_for_room()",
    ),
    Mutant(
        "an encoder passes its video on to a full queue",
        "engines/model/publishing_stage.py",
        "return bool(self._run.own[video]) or self.has_room",
        "return True",
    ),
    Mutant(
        "the encoder that is blocked last passes its video on first",
        "engines/model/publishing_stage.py",
        "self.blocked.pop(next(iter(self.blocked))).send()",
        "self.blocked.pop(next(reversed(self.blocked))).send()",
    ),
    Mutant(
        "the free encoder with the lowest number takes a video",
        "engines/model/encoders.py",
        "heappush(self.free, (self._env.now, encoder))",
        "heappush(self.free, (0, encoder))",
    ),
    Mutant(
        "the pause counts from the offer, not from the hand-over",
        "engines/model/client.py",
        "now, constant = self._env.now, self._constant_pause",
        'now, constant = run.record.tables["videos"]["offered"][video], self._constant_pause',
    ),
    Mutant(
        "publishers become ready before the encodings of the same instant end",
        "engines/model/schedule.py",
        "READY = next(_kinds)",
        "READY = 2",
    ),
    Mutant(
        "publishers that are never used are not idle",
        "results/metrics.py",
        '"idle": np.where(np.isnan(publishers["ready"]), 0.0, last - publishers["ready"]),',
        '"idle": np.where(np.isnan(publishers["assigned"]), 0.0, last - publishers["ready"]),',
    ),
    Mutant(
        "lanes: a publisher is replaced when it has published, not when it takes a video",
        "engines/kernel/lanes.py",
        "x[lane] = time + times[base + lane]",
        "x[lane] = time + busy + times[base + lane]",
    ),
    Mutant(
        "lanes: an assignment at the deadline is late",
        "engines/kernel/lanes.py",
        "idle[lane] += time - free\n            hit = 1 if time <= latest else 0",
        "idle[lane] += time - free\n            hit = 1 if time < latest else 0",
    ),
    Mutant(
        "lanes: a full queue is noticed one video too late",
        "engines/kernel/lanes.py",
        "if i >= capacity:",
        "if i > capacity:",
    ),
    Mutant(
        "lanes: publishers that are never used are not idle",
        "engines/kernel/lanes.py",
        "idle[lane] += left if left > 0.0 else 0.0",
        "idle[lane] += 0.0",
    ),
    Mutant(
        "stage: a video is given up at its deadline",
        "engines/kernel/stage.py",
        "if discards and now > deadline[video]:",
        "if discards and now >= deadline[video]:",
    ),
    Mutant(
        "stage: publishers are replaced at the next step, not when they take videos",
        "engines/kernel/stage.py",
        "_insert(at, taken, there, now + _startup(",
        "_insert(at, taken, there, time + _startup(",
    ),
    Mutant(
        "varied: the time of publishing is not held against the deadline",
        "engines/kernel/varied.py",
        "hit = 1 if time + held * busy - started[base + lane] <= limit else 0",
        "hit = 1 if time - started[base + lane] <= limit else 0",
    ),
    Mutant(
        "stream: the deadline counts from the offer",
        "engines/kernel/stream.py",
        "limit = start + timeout[i] - held_against",
        "limit = offered + timeout[i] - held_against",
    ),
)


class Verdict(NamedTuple):
    """What the command says with a mistake: its exit status, and which rows do not agree."""

    status: int | None
    rows: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether the mistake is noticed."""
        return self.status != 0

    def __str__(self) -> str:
        if self.rows:
            return ", ".join(self.rows)
        return {0: "none", None: "does not end"}.get(self.status, "stops with an error")


def mutated(mutant: Mutant, package: Path) -> str:
    """Return the source of the file with the mistake.

    Raises
    ------
    ValueError
        If the text does not stand there exactly once.
    """
    source = (package / mutant.file).read_text(encoding="utf-8")
    if (count := source.count(mutant.text)) != 1:
        raise ValueError(f"{mutant.file} has {mutant.text!r} {count} times, not once ({mutant.meaning})")
    return source.replace(mutant.text, mutant.replacement)


_WITH_A_MISTAKE = """
import runpy, sys
from importlib.machinery import SourceFileLoader

_, path, source, *sys.argv[1:] = sys.argv
usual = SourceFileLoader.get_code
SourceFileLoader.get_code = lambda self, name: (
    compile(source, path, "exec") if self.get_filename(name) == path else usual(self, name)
)
runpy.run_module("tv2sim", run_name="__main__")
"""
"""A program that runs tv2sim with another source in place of one file's."""


def verdict_of(mutant: Mutant | None, cache: Path, replications: int, timeout: float = 1200) -> Verdict:
    """Run ``tv2sim verify`` in a new process that has the mistake (None: none).

    A file with compiled functions has it in a copy of the package, whose kernels are kept in `cache`. Any other
    file has it in memory alone, and the kernels are those of this package.
    """
    command = [sys.executable, "-m", "tv2sim", "verify", "--replications", str(replications)]
    environment = os.environ | {"COLUMNS": "200"}
    with TemporaryDirectory() as folder:
        if mutant is not None and PACKAGE / mutant.file in _sources():
            copy = Path(folder, "tv2sim")
            shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
            (copy / mutant.file).write_text(mutated(mutant, copy), encoding="utf-8")
            environment |= {"PYTHONPATH": folder, "NUMBA_CACHE_DIR": str(cache)}
        else:
            environment["PYTHONPATH"] = str(ROOT)
            if mutant is not None:
                given = [str(PACKAGE / mutant.file), mutated(mutant, PACKAGE)]
                command[1:3] = ["-c", _WITH_A_MISTAKE, *given]
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return Verdict(None, ())
    return Verdict(done.returncode, tuple(dict.fromkeys(_that_do_not_agree(done.stdout))))


def _that_do_not_agree(printed: str) -> list[str]:
    """Return the formulas of the rows of the printed table that end in "no"; a kernel's row by its name."""
    found, formula = [], ""
    for line in printed.splitlines():
        if not line.startswith(" "):
            formula = line.partition(":")[0]
        elif line.endswith(" no"):
            found.append(line.split()[-2] if formula == "the kernels" else formula)
    return found


def _page(table: list[str]) -> str:
    """Return the page of the reference with another table."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = last = lines.index(HEAD[0])
    while last < len(lines) and lines[last].startswith("|"):
        last += 1
    return "\n".join([*lines[:first], *table, *lines[last:]]) + "\n"


def main() -> None:
    """Print the table, and write it into the page if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="which mistakes, from 1 on (default: all)")
    parser.add_argument("--replications", type=int, default=20, help="of each world (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="replace the table in the reference")
    options = parser.parse_args()
    chosen = [MUTANTS[number - 1] for number in options.numbers] or [*MUTANTS]
    for mutant in chosen:
        mutated(mutant, ROOT / "tv2sim")  # before anything takes long
    print(*HEAD, sep="\n")
    with TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        cache = Path(folder)
        if (unharmed := verdict_of(None, cache, options.replications)).caught:
            raise SystemExit(f"without a mistake, not all rows agree: {unharmed}")
        table, caught = [*HEAD], 0
        verdicts = pool.map(lambda mutant: verdict_of(mutant, cache, options.replications), chosen)
        for mutant, verdict in zip(chosen, verdicts, strict=True):
            table.append(f"| {mutant.meaning} | `{mutant.file}` | {verdict} |")
            caught += verdict.caught
            print(table[-1], flush=True)
    print(f"\n{caught} of {len(chosen)} are caught.")
    if options.write:
        PAGE.write_text(_page(table), encoding="utf-8")


if __name__ == "__main__":
    main()
