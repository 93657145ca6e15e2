"""The system as SimPy processes: client, encoders and publishers, wired in `system`."""

from tv2sim.base.errors import UsersError
from tv2sim.engines.model.draws import startup_times
from tv2sim.engines.model.system import System, run_model
from tv2sim.results.recorder import Observer

__all__ = ["Observer", "System", "UsersError", "run_model", "startup_times"]
