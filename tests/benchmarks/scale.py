"""Does a large run stay linear and small? ``python -m tests.benchmarks.scale [VIDEOS]`` (default 1,000,000).

Each size runs in a process of its own. Memory is what the simulation adds to the process's peak, beside the
catalogue that is there already.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import tv2sim as tv


def measure(videos: int) -> None:
    """Print seconds and added megabytes for one run of part 2c on so many videos."""
    catalogue = tv.generate_catalogue(videos)
    before = forget_peak()
    start = time.perf_counter()
    run = tv.simulate(catalogue, "2c")
    seconds = time.perf_counter() - start
    stats = run.stats
    print(f"{seconds:.2f} {status('VmHWM') - before:.0f} {stats['published'] + stats['publish_failed']}")


def forget_peak() -> float:
    """Let Linux forget this process's peak so far; return its memory now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def status(name: str) -> float:
    """Return a field of this process's status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main(videos: int = 1_000_000, repetitions: int = 3) -> None:
    """Print medians for a tenth of the videos and for all of them, in turn."""
    sizes = (videos // 10, videos)
    figures: dict[int, list[list[float]]] = {size: [] for size in sizes}
    for size in sizes * repetitions:
        command = [sys.executable, "-m", "tests.benchmarks.scale", "--one", str(size)]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures[size].append([float(figure) for figure in line.split()])
    medians = {
        size: [statistics.median(column) for column in zip(*figures[size], strict=True)] for size in sizes
    }
    for size, (seconds, megabytes, outcomes) in medians.items():
        print(f"{size:>9} videos: {seconds} s, {megabytes:g} MB beside the catalogue, {outcomes:g} outcomes")
    print(f"ten times the videos take {medians[sizes[1]][0] / medians[sizes[0]][0]:.2f} times the time")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
