"""How long do ``import tv2sim`` and ``tv2sim --help`` take? ``python -m tests.benchmarks.imports``.

Whole processes, interleaved with what they are held against; medians of the differences pair by pair.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def seconds(*arguments: str) -> float:
    """Return how long Python takes with these arguments."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(repetitions: int = 20) -> None:
    """Print both differences and their limits."""
    names = "from tv2sim import *"
    pairs = {
        "import tv2sim, less import numpy, simpy (limit 50 ms)": ("import tv2sim", "import numpy, simpy"),
        "all its names, less import numpy, simpy (for interest)": (names, "import numpy, simpy"),
        "tv2sim --help, less bare Python (limit 150 ms)": ("-m", "pass"),
    }
    for title, (ours, theirs) in pairs.items():
        command = ("-m", "tv2sim", "--help") if ours == "-m" else ("-c", ours)
        differences = [seconds(*command) - seconds("-c", theirs) for _ in range(repetitions + 1)][1:]
        print(f"{title}: {statistics.median(differences) * 1e3:+.0f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
