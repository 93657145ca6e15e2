"""Many replications, and comparisons of strategies under common random numbers."""

from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replicate_and_compare import compare, replicate
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.experiments.sensitivity import Sensitivity, sensitivity
from tv2sim.experiments.validation import Validation, validate
from tv2sim.experiments.workers import Interrupted

__all__ = [
    "Cell", "Comparison", "Interrupted", "Replications", "Sensitivity", "Validation", "compare", "replicate",
    "sensitivity", "validate",
]  # fmt: skip
