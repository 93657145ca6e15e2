"""Many replications, and comparisons of strategies under common random numbers."""

from tv2sim.experiment.comparison import Comparison
from tv2sim.experiment.experiments import compare, replicate
from tv2sim.experiment.replications import Cell, Replications
from tv2sim.experiment.sensitivity import Sensitivity, sensitivity
from tv2sim.experiment.validating import Validation, validate
from tv2sim.experiment.work import Interrupted

__all__ = [
    "Cell", "Comparison", "Interrupted", "Replications", "Sensitivity", "Validation", "compare", "replicate",
    "sensitivity", "validate",
]  # fmt: skip
