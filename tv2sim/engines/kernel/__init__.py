"""The rules of the model, compiled by numba: the same facts, and metrics of many replications.

There are five kernels: *lanes* simulate replications side by side, *varied* as well, where more is drawn than
start-up times, *stream* large catalogues, *stage* the publishing stage under any rule, *events* everything that
any of them knows. :mod:`tv2sim.engines.kernel.routing` says which knows what.
"""

from tv2sim.engines.kernel.compiling_ahead import compile_all, not_compiled
from tv2sim.engines.kernel.elapsed import elapsed_of
from tv2sim.engines.kernel.measuring import MEASURED
from tv2sim.engines.kernel.replicating import measured
from tv2sim.engines.kernel.routing import features_of, kernels_for
from tv2sim.engines.kernel.single_runs import facts_of
from tv2sim.engines.kernel.world_columns import world_of

__all__ = [
    "MEASURED",
    "compile_all",
    "elapsed_of",
    "facts_of",
    "features_of",
    "kernels_for",
    "measured",
    "not_compiled",
    "world_of",
]
