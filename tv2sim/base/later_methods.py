"""One table of the methods whose function lies in a later file.

A class is defined before the code that uses it, so a method such as ``Comparison.report`` cannot import what
makes the report. All such methods are in this table, which the test of rooms reads.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["SERVED_BY", "served"]

SERVED_BY = {
    "Run.save": "tv2sim.results.saving:save_run",
    "Comparison.verdict": "tv2sim.experiments.conclusions:verdict_if_one_world",
    "Comparison.report": "tv2sim.report.build:write_report",
}
"""The function, as ``module:name``, that each method calls with itself as the first argument."""


def served(method: str, *given: Any, **named: Any) -> Any:
    """Return what the function of a method returns; the function is imported now."""
    module, _, name = SERVED_BY[method].partition(":")
    return getattr(import_module(module), name)(*given, **named)
