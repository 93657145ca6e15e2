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

from tv2sim.plots.line_charts import convergence, qq, sweep
from tv2sim.plots.point_charts import frontier, plan, tradeoff
from tv2sim.plots.row_charts import (
    costs,
    differences,
    on_time_map,
    on_time_rates,
    published_per_replication,
    tornado,
    validation,
)
from tv2sim.plots.run_charts import lateness, levels, timeline

__all__ = [
    "convergence", "costs", "differences", "frontier", "lateness", "levels", "on_time_map", "on_time_rates",
    "plan", "published_per_replication", "qq", "sweep", "timeline", "tornado", "tradeoff",
    "validation",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
