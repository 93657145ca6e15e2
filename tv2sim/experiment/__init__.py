"""Many replications, and comparisons of strategies under common random numbers."""

from tv2sim.experiment.comparison import Comparison, compare
from tv2sim.experiment.replications import Replications, replicate
from tv2sim.experiment.work import Interrupted

__all__ = ["Comparison", "Interrupted", "Replications", "compare", "replicate"]
