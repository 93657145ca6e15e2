"""How many random examples a property is tried with: all in ``.ci/run``, a quarter of them in ``.ci/test``."""

from __future__ import annotations

import os

__all__ = ["ALL_EXAMPLES", "examples"]

ALL_EXAMPLES = "TV2SIM_ALL_EXAMPLES"
"""The variable of the environment that is set where the tests that take long run, too."""


def examples(most: int) -> int:
    """Return the number of examples to try of `most`."""
    return most if ALL_EXAMPLES in os.environ else max(most // 4, 10)
