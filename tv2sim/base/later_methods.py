"""One table of the methods whose function lies in a later file.

A class is defined before the code that uses it, so ``Comparison.report`` cannot import the code that makes the
report. All such methods are in this table, which the test of rooms reads.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

SERVED_BY = {
    "Strategy.in_words": "tv2sim.strategies.words:in_words",
    "Run.save": "tv2sim.results.saving:save_run",
    "Run._repr_html_": "tv2sim.results.run_display:run_html",
    "Comparison.verdict": "tv2sim.experiments.conclusions:verdict_if_one_world",
    "Comparison.to_dict": "tv2sim.experiments.comparison_files:as_data",
    "Comparison.from_dict": "tv2sim.experiments.comparison_files:of_data",
    "Comparison._repr_html_": "tv2sim.experiments.study_display:comparison_html",
    "Replications._repr_html_": "tv2sim.experiments.study_display:replications_html",
    "Plan._repr_html_": "tv2sim.experiments.study_display:plan_html",
    "Sensitivity._repr_html_": "tv2sim.experiments.study_display:sensitivity_html",
    "Validation._repr_html_": "tv2sim.experiments.study_display:validation_html",
    "Comparison.report": "tv2sim.report.build:write_report",
}
"""The function, as ``module:name``, that each method calls with itself as the first argument."""


def serve(method: str, *given: Any, **named: Any) -> Any:
    """Return what the function of a method returns; the function is imported now."""
    module, _, name = SERVED_BY[method].partition(":")
    return getattr(import_module(module), name)(*given, **named)


class Displayed:
    """An object that notebooks show as the table has it for its class."""

    def _repr_html_(self) -> str:
        return str(serve(f"{type(self).__name__}._repr_html_", self))
