"""The number of videos published in time, from replication to replication."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.replications import Replications
from tv2sim.plots import style
from tv2sim.plots.rows import edges_of, laid_out, point
from tv2sim.plots.study import study_of
from tv2sim.results.figures import estimate


def published_per_replication(study: Comparison | Replications, ax: Axes | None = None) -> Axes:
    """Show how the number of videos published in time varies from replication to replication.

    Each row is a histogram over replications, drawn to its own peak; below it the mean with its interval.

    Parameters
    ----------
    study : Comparison or Replications
        As for :func:`tv2sim.plots.on_time_rates`.
    ax : matplotlib.axes.Axes, optional
        As for all of :mod:`tv2sim.plots`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    InputError
        If `study` is neither.

    Examples
    --------
    >>> import tv2sim as tv
    >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a"], replications=20)
    >>> ax = tv.plots.published_per_replication(study)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['1', '2a']
    """
    data = study_of(study)
    ax, places, _ = laid_out(ax, data, data.shown, pitch=0.27, whole=True)
    values = {shown.cell: shown.reps.values("published") for shown in data.shown}
    edges = edges_of(np.concatenate(list(values.values())))
    for shown, y in places:
        counts = np.histogram(values[shown.cell], edges)[0]
        base = y - 0.12
        heights = base + 0.55 * counts / counts.max()
        ax.stairs(heights, edges, baseline=base, fill=True, color=shown.look.colour, linewidth=0)
        ax.axhline(base, color=style.LIGHT, linewidth=0.7, zorder=0.5)
        interval = shown.interval("published")
        point(ax, "published", interval, y - 0.25, style.INK, "D", size=4.5)
        style.remark(ax, y, estimate("published", interval))
    videos = {len(shown.reps.catalogue) for shown in data.shown}
    of = f"of {videos.pop()}" if len(videos) == 1 else "videos"
    below = f"Histograms over {data.size}; below each: mean with {data.interval}"
    style.titles(ax, "Videos published in time, per replication", below, x=f"videos published in time ({of})")
    return ax
