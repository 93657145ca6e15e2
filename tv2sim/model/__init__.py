"""The system as SimPy processes: client, encoders and publishers, wired in :mod:`tv2sim.model.system`."""

from tv2sim.model.observing import Observer
from tv2sim.model.startups import startup_times
from tv2sim.model.system import System, run_model

__all__ = ["Observer", "System", "run_model", "startup_times"]
