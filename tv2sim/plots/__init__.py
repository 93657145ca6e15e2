"""Charts: one function per chart, each takes and returns a matplotlib Axes.

`ax` is where to draw; without it, each makes a figure of the size of a slide, which
``ax.figure.savefig("chart.svg")`` saves. A notebook shows it where a cell ends with the Axes or its figure.
Neither pyplot nor global state is used. Colour-blind people can tell the colours apart, and no meaning is
carried by colour alone.

>>> import tv2sim as tv
>>> run = tv.simulate(tv.generate_catalogue(), "2c", seed=1)
>>> ax = tv.plots.timeline(run)
>>> ax.get_xlabel()
'time (s)'
"""

from tv2sim.plots.convergence import convergence
from tv2sim.plots.costs import costs
from tv2sim.plots.differences import differences
from tv2sim.plots.frontier import frontier
from tv2sim.plots.lateness import lateness
from tv2sim.plots.levels import levels
from tv2sim.plots.on_time_map import on_time_map
from tv2sim.plots.on_time_rates import on_time_rates
from tv2sim.plots.plan import plan
from tv2sim.plots.published_per_replication import published_per_replication
from tv2sim.plots.qq import qq
from tv2sim.plots.sweep import sweep
from tv2sim.plots.timeline import timeline
from tv2sim.plots.tornado import tornado
from tv2sim.plots.tradeoff import tradeoff
from tv2sim.plots.validation import validation

__all__ = [
    "convergence", "costs", "differences", "frontier", "lateness", "levels", "on_time_map", "on_time_rates",
    "plan", "published_per_replication", "qq", "sweep", "timeline", "tornado", "tradeoff",
    "validation",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
