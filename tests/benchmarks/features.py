"""What do a scenario's features cost in the SimPy model? ``python -m tests.benchmarks.features [ROUNDS]``.

Part 2c on 154 videos. Prints how fast an event of SimPy is processed in each world, against the default world:
the median of rounds, in each of which all worlds take turns, in CPU time, from the catalogue to the facts.
"""

from __future__ import annotations

import statistics
import sys
import time
from unittest.mock import patch

import simpy

import tv2sim as tv
from tv2sim.engines.choice import simulate_chunk

SCENARIOS = {
    "default": tv.Scenario(),
    "service time": tv.Scenario(publishing_time="uniform(0, 2)"),
    "poisson": tv.Scenario(arrivals="poisson"),
    "profile": tv.Scenario(requests_per_second=tv.Profile([(0, 1), (30, 2)], period=60)),
    "speeds": tv.Scenario(encoders=[0.5, 1.0, 1.5] * 4),
    "factor": tv.Scenario(encoding_factor="uniform(0.5, 1.5)"),
    "no encoders": tv.Scenario(encoders=None),
    "quota": tv.Scenario(max_publishers=20),
    "provisioning": tv.Scenario(provisioning_delay=1),
    "start-ups fail": tv.Scenario(faults=tv.Faults(startup=0.1)),
    "ready ones die": tv.Scenario(faults=tv.Faults(ready_lifetime="exponential(20)")),
    "publishing fails": tv.Scenario(faults=tv.Faults(publishing=0.05)),
    "publishers fail": tv.Scenario(
        faults=tv.Faults(startup=0.1, ready_lifetime="exponential(20)", publishing=0.05)
    ),
    "retry later": tv.Scenario(encoders=8, hand_over=tv.RetryLater(1.5)),
    "encoders die": tv.Scenario(faults=tv.Faults(encoder_lifetime="exponential(60)", encoder_repair=2)),
}
REPLICATIONS = range(8)


def main(rounds: int = 30) -> None:
    """Print the speed of each world."""
    catalogue = tv.generate_catalogue()
    events = {name: _events(catalogue, scenario) for name, scenario in SCENARIOS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in SCENARIOS}
    for _ in range(rounds):
        for name, scenario in SCENARIOS.items():
            start = time.process_time()
            list(simulate_chunk("simpy", catalogue, tv.PART_2C, scenario, 1, REPLICATIONS))
            seconds[name].append((time.process_time() - start) / events[name])
    for name, each in seconds.items():
        speed = statistics.median(a / b for a, b in zip(seconds["default"], each, strict=True))
        print(f"{name:<20}{statistics.median(each) * 1e6:6.2f} µs per event{speed:7.2f} times the speed")


def _events(catalogue: tv.Catalogue, scenario: tv.Scenario) -> int:
    """Return how many events SimPy processes in all replications."""
    step = simpy.Environment.step
    with patch.object(simpy.Environment, "step", autospec=True, side_effect=step) as counted:
        list(simulate_chunk("simpy", catalogue, tv.PART_2C, scenario, 1, REPLICATIONS))
    return counted.call_count


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
