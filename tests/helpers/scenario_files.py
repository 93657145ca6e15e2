"""The two files that are made from the fields of a scenario: the JSON schema, and the example that ships.

After a change of the fields, ``python -m tests.helpers.scenario_files`` writes both again.
"""

from __future__ import annotations

import json
from pathlib import Path

import tv2sim as tv
from tv2sim.base.dictionaries import schema
from tv2sim.world.distributions import DEFINITIONS

ROOT = Path(__file__).parents[2]

WORLD = tv.Scenario(
    encoders=[1, 1, 1, 1, 1, 1, 1, 0.5],
    requests_per_second=tv.Profile([(0, 1.5), (30, 2.5), (60, 1.0)], period=90),
    startup_time="lognormal(3.8, 0.3)",
    publishing_time="uniform(0.5, 1.5)",
    encoding_factor="triangular(0.9, 1, 1.3)",
    max_publishers=30,
    provisioning_delay=0.2,
    faults=tv.Faults(startup=0.02, ready_lifetime="exponential(300)", publishing=0.01, attempts=3),
    hand_over=tv.RetryLater(after=1, factor=2, at_most=8),
)
"""A world in which much is switched on; it ships as data/world.toml."""


def files() -> dict[Path, str]:
    """Return what the files have to hold."""
    made = schema(tv.Scenario, title="A scenario of tv2sim", definitions=DEFINITIONS)
    return {
        ROOT / "tv2sim" / "world" / "scenario.schema.json": json.dumps(made, indent=2) + "\n",
        ROOT / "data" / "world.toml": WORLD.to_toml(),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
