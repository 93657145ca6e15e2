"""How fast is the SimPy model? ``python -m tests.benchmarks.model [REPETITIONS]``.

Interleaves it with the idiomatic SimPy version of part 2c on 154 videos, and prints the ratio pair by pair.
Both get the same start-up times; theirs are drawn beforehand, ours inside the measured time.
"""

from __future__ import annotations

import statistics
import sys
import time

import tv2sim as tv
from tests.benchmarks import idiomatic
from tv2sim.base.random_numbers import Purpose, uniforms
from tv2sim.engines.choice import simulate_one
from tv2sim.results.facts import VIDEO_OUTCOMES


def main(repetitions: int = 300) -> float:
    """Print the ratio of our time to that of the idiomatic version; return its median."""
    catalogue = tv.generate_catalogue()
    scenario = tv.Scenario()
    encoding_time, timeout = catalogue.encoding_time.tolist(), catalogue.publication_timeout.tolist()
    ours, theirs, difference = [], [], []
    for replication in range(repetitions):
        by_video, by_slot = (
            scenario.startup_time.quantile(uniforms(1, purpose, replication, count)).tolist()
            for purpose, count in ((Purpose.STARTUP_FOR_VIDEO, len(catalogue)), (Purpose.STARTUP_OF_SLOT, 10))
        )
        start = time.perf_counter()
        rows = idiomatic.simulate(encoding_time, timeout, by_video, by_slot)
        between = time.perf_counter()
        facts = simulate_one("simpy", catalogue, tv.PART_2C, scenario, 1, replication)
        ours.append(time.perf_counter() - between)
        theirs.append(between - start)
        published = int((facts.videos["outcome"] == VIDEO_OUTCOMES.index("published")).sum())
        difference.append(published - sum(row[-1] for row in rows))
    if abs(statistics.mean(difference)) > 0.5:
        raise AssertionError(f"the two disagree by {statistics.mean(difference)} videos")
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    median = statistics.median(ratios)
    print(f"part 2c, {len(catalogue)} videos, {repetitions} interleaved pairs")
    print(f"idiomatic SimPy  {statistics.median(theirs) * 1e3:.2f} ms (median)")
    print(f"tv2sim           {statistics.median(ours) * 1e3:.2f} ms (median), facts recorded")
    quartiles = f"{ratios[repetitions // 4]:.3f}, {ratios[-repetitions // 4]:.3f}"
    print(f"ratio            {median:.3f} (quartiles {quartiles})")
    print(f"published, ours - theirs: {statistics.mean(difference):+.3f} videos a run")
    return median


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
