"""How long does a log of a million jobs take to read, and how much memory? ``python -m tests.benchmarks.logs``.

Each source is read in a process of its own. The limits are 10 s and 1 GB.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tv2sim as tv

COLUMNS = (
    "id=job_id,title=name,provider=runner,submittedAt=created_at,publishingTime=finished_at-started_at,"
    "encodingTime=0,publicationTimeout=30"
)
SOURCES = ("log.csv", "log.jsonl", "log.parquet", "catalogue.jsonl")


def write(folder: Path, jobs: int) -> None:
    """Write the same log in each format, and a catalogue."""
    random = np.random.default_rng(1)
    created = 0.7 * np.arange(jobs) + random.random(jobs)
    started = created + 9 * random.random(jobs)
    times = {
        "created_at": created,
        "started_at": started,
        "finished_at": started + 30 + 300 * random.random(jobs),
    }
    start = pd.Timestamp("2026-03-02T00:00:00Z")
    columns = {
        name: start + pd.to_timedelta(np.rint(1000 * column), unit="ms") for name, column in times.items()
    }
    log = pd.DataFrame(
        {"job_id": np.arange(jobs), "name": [f"build-{n % 50}" for n in range(jobs)], "runner": "pool"}
        | columns
    )
    log.to_parquet(folder / "log.parquet")
    for name in times:
        log[name] = log[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
    log.to_csv(folder / "log.csv", index=False)
    log.to_json(folder / "log.jsonl", orient="records", lines=True)
    with (folder / "catalogue.jsonl").open("wb") as stream:
        stream.writelines(tv.generate_catalogue(jobs).lines())


def read(path: Path) -> None:
    """Read one source, and print what it took."""
    start, cpu = time.perf_counter(), time.process_time()
    catalogue = tv.read_catalogue(path, columns=COLUMNS if path.stem == "log" else None)
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.name}: {len(catalogue):,} videos in {wall:.1f} s ({used:.1f} s of a processor), {memory:.0f} MB"
    )


def main(jobs: int = 1_000_000) -> None:
    """Write and read all sources."""
    with tempfile.TemporaryDirectory() as name:
        # this process stays small, since the memory of its children begins with that of their parent
        for arguments in ([name, str(jobs)], *([str(Path(name) / source)] for source in SOURCES)):
            subprocess.run([sys.executable, "-m", "tests.benchmarks.logs", *arguments], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, jobs] if Path(folder).is_dir():
            write(Path(folder), int(jobs))
        case [path] if Path(path).is_file():
            read(Path(path))
        case given:
            main(*map(int, given))
