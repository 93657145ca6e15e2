"""Results stay as they are, to the last bit: hashes of 240 runs, kept in a file.

After a change of results on purpose, which the changelog has to tell, ``python -m tests.engines.test_pinned``
writes the file again.
"""

from __future__ import annotations

from pathlib import Path

import tv2sim as tv
from tests.helpers.worlds import digest, worlds

PINNED = Path(__file__).parent / "pinned.txt"


def digests() -> list[str]:
    """Return the hash of each world's run."""
    return [
        digest(
            tv.simulate(
                world.catalogue, world.strategy, world.scenario, seed=world.seed, replication=world.replication
            )
        )
        for world in worlds()
    ]


def test_results_are_those_that_were_pinned() -> None:
    pinned = PINNED.read_text().split()
    assert len(pinned) == 240
    different = [
        number for number, (one, other) in enumerate(zip(digests(), pinned, strict=True)) if one != other
    ]
    assert different == []


if __name__ == "__main__":
    PINNED.write_text("\n".join(digests()) + "\n")
