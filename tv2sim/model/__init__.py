"""The system as SimPy processes: client, encoders and publishers, wired in :mod:`tv2sim.model.system`."""

from tv2sim.model.recorder import Observer
from tv2sim.model.startups import startup_times
from tv2sim.model.system import System, run_model
from tv2sim.model.users import UsersError

__all__ = ["Observer", "System", "UsersError", "run_model", "startup_times"]
