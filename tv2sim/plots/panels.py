"""Several panels within the axes of one chart, with one horizontal and one vertical scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from tv2sim.plots import style

__all__ = ["columns_of", "label_frame", "panels_in", "width_of"]

_LEAST = 1.35
"""The least width of a panel in inches."""
_CHARACTERS = 24
"""The most characters of a name for which a panel is made wider."""
_GAP = 14.0
"""Points between panels."""


def columns_of(width: float, names: Sequence[str]) -> int:
    """Return how many panels with these names are side by side in a width in inches, with rows evenly filled.

    >>> [columns_of(6, ["encoders=5"] * panels) for panels in (2, 4, 5, 8, 9)]
    [2, 4, 3, 4, 3]
    """
    longest = max(len(line) for name in names for line in name.split("\n"))
    least = max(_LEAST, min(longest, _CHARACTERS) * style.LETTER / 72)
    most = max(1, int((width + _GAP / 72) / (least + _GAP / 72)))
    return ceil(len(names) / ceil(len(names) / most))


def width_of(ax: Axes) -> float:
    """Return the width of the axes in inches."""
    return ax.get_position().width * ax.figure.bbox.width / style.figure_of(ax).dpi


def panels_in(ax: Axes, names: Sequence[str]) -> list[Axes]:
    """Return panels within the axes, row by row, each below its name; the axes themselves if there is one."""
    if len(names) == 1:
        return [ax]
    columns = columns_of(width_of(ax), names)
    letters = int(72 * width_of(ax) / columns / style.LETTER)
    heads = ["\n".join(style.fold(line, letters) for line in name.split("\n")) for name in names]
    head = max(name.count("\n") + 1 for name in heads) * style.LINE + 6
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[], facecolor="none")
    panels = []
    for number, name in enumerate(heads):
        panel = style.axes(ax.inset_axes((0, 0, 1, 1)))
        panel.set_axes_locator(_Place(ax, number, columns, len(names), head))
        # the ticks of the others are the same
        panel.tick_params(labelleft=number % columns == 0, labelbottom=number + columns >= len(names))
        style.note(panel, name, (0, 1), (0, 4), va="bottom", linespacing=1.1)
        panels.append(panel)
    return panels


class _Place:
    """Where a panel is, as matplotlib asks for it each time it draws: gaps are in points, not in fractions."""

    def __init__(self, ax: Axes, number: int, columns: int, panels: int, head: float) -> None:
        self.ax, self.columns, self.rows = ax, columns, ceil(panels / columns)
        self.row, self.column = divmod(number, columns)
        # in an incomplete last row, ticks of the row above are between the rows
        self.above, self.between = head, head + _GAP * (2 if panels % columns else 1)

    def __call__(self, panel: object, renderer: object) -> Bbox:
        box, figure = self.ax.get_position(), self.ax.figure
        point = style.figure_of(self.ax).dpi / 72
        across, along = point / figure.bbox.width, point / figure.bbox.height
        width = (box.width - (self.columns - 1) * _GAP * across) / self.columns
        height = (box.height - (self.above + (self.rows - 1) * self.between) * along) / self.rows
        left = box.x0 + self.column * (width + _GAP * across)
        top = box.y1 - self.above * along - self.row * (height + self.between * along)
        return Bbox([[left, top - height], [left + width, top]])


def label_frame(ax: Axes, panels: list[Axes]) -> float:
    """Move the labels of the axes beyond the ticks of the panels; return how many points the ticks take below.

    Call it after the figure has been laid out.
    """
    point = style.figure_of(ax).dpi / 72

    def beyond(of: Any) -> Bbox:
        boxes = [box for panel in panels if (box := of(panel).get_tightbbox(None, for_layout_only=True))]
        return Bbox.union(boxes) if boxes else panels[0].bbox

    bottom = min(panel.bbox.y0 for panel in panels)
    below = float(bottom - beyond(lambda panel: panel.xaxis).y0) / point
    if panels != [ax]:
        left = (panels[0].bbox.x0 - beyond(lambda panel: panel.yaxis).x0) / point
        ax.xaxis.labelpad, ax.yaxis.labelpad = below + 4, left + 4
    return below
