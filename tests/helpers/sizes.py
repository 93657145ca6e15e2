"""How many random examples a property is tried with: the more, the longer the chosen tests may take."""

from __future__ import annotations

import os

__all__ = ["SHARE", "examples"]

SHARE = "TV2SIM_SHARE_OF_EXAMPLES"
"""The variable of the environment with the share: 1 where everything runs, .5 in `.ci/run`, otherwise .25."""


def examples(most: int) -> int:
    """Return the number of examples to try of `most`."""
    return max(round(most * float(os.environ.get(SHARE, 0.25))), min(most, 10))
