"""Charts: one function per chart, each takes and returns a matplotlib Axes.

Without an Axes each makes a figure of the size of a slide; ``ax.figure.savefig("chart.svg")`` saves it. There
is no pyplot and no global state. Colours can be told apart by colour-blind people, and never stand alone for
something.

>>> import tv2sim as tv
>>> run = tv.simulate(tv.generate_catalogue(), "2c", seed=1)
>>> ax = tv.plots.timeline(run)
>>> ax.get_xlabel()
'time (s)'
"""

from tv2sim.plots.bars import timeline
from tv2sim.plots.distribution import lateness
from tv2sim.plots.frontier import tradeoff
from tv2sim.plots.heat import on_time_map
from tv2sim.plots.rows import differences, on_time_rates, published_per_replication
from tv2sim.plots.running import convergence
from tv2sim.plots.steps import levels

__all__ = [
    "convergence",
    "differences",
    "lateness",
    "levels",
    "on_time_map",
    "on_time_rates",
    "published_per_replication",
    "timeline",
    "tradeoff",
]
