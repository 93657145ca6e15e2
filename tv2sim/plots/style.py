"""How charts look: size, colours, type, plain text, panels in a chart, and names where they cover nothing."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, inf, isfinite, isnan
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, NullFormatter, ScalarFormatter
from matplotlib.transforms import Bbox, BboxBase, ScaledTranslation, Transform
from numpy.typing import NDArray

from tv2sim.base.errors import InputError, printable

# -- figures, axes and text --------------------------------------------------------------------------------


WIDTH, HEIGHT = 8.0, 4.5
"""Inches; 16 to 9, as a slide."""
TITLE, TEXT, SMALL = 14.0, 11.0, 10.0
"""Sizes of type in points."""
LINE, LETTER = 13.0, 6.0
"""Points from one line of small type to the next, and the width of a letter."""
_LEGEND = 96
"""How many characters fit side by side in a legend."""

# the colours of Okabe and Ito, without the yellow, which is too faint on white
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
INK, GREY, MIDDLE, LIGHT, PALE = "#222222", "#6B6B6B", "#C4C4C4", "#DDDDDD", "#F2F2F2"

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, BLACK)
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "h", "<", ">")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (3, 3)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))


class Look(NamedTuple):
    """How a strategy is drawn in every chart."""

    colour: str
    marker: str
    line: Any


def look(number: int) -> Look:
    """Return how the strategy of this number is drawn; 7 x 11 x 5 = 385 looks differ."""
    return Look(*(choices[number % len(choices)] for choices in (_COLOURS, _MARKERS, _LINES)))


def line(look: Look, number: int, of: int) -> dict[str, Any]:
    """Return the style of a line; earlier lines are wider, so that all lines that coincide are seen."""
    width = 1.8 + 1.8 * (of - 1 - number) / max(of - 1, 1)
    return {"color": look.colour, "linestyle": look.line, "linewidth": width}


def axes(ax: object, height: float = HEIGHT, *, grid: Literal["both", "x", "y"] | None = "both") -> Axes:
    """Return the given Axes, or one in a new figure; both in the style of all charts, with these grid lines.

    Raises
    ------
    InputError
        If `ax` is neither an Axes nor None.
    """
    if ax is None:
        figure = ChartFigure(figsize=(WIDTH, max(height, HEIGHT)), layout="constrained")
        ax = figure.add_subplot(axes_class=Chart)
    if not isinstance(ax, Axes):
        raise InputError(f"ax must be a matplotlib Axes, not {ax!r}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(labelsize=SMALL, color=GREY, labelcolor=INK)
    ax.set_axisbelow(True)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(_Grouped(useOffset=False))
    if grid:
        ax.grid(axis=grid, color=LIGHT, linewidth=0.7)
    return ax


class _Grouped(ScalarFormatter):
    """Numbers with separators from five digits on, and without a common power of ten."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:,.0f}" if abs(x) >= 10_000 else super().__call__(x, pos)


def _png(figure: Figure) -> tuple[bytes, dict[str, Any]]:
    """Return a picture of a figure, the size at which a notebook shows it, and its title for screen readers.

    The picture has two pixels for each pixel shown, to be sharp on dense screens. Its 256 colours make the file
    a third as large.
    """
    from PIL import Image  # matplotlib needs this package for PNG files

    large, file = io.BytesIO(), io.BytesIO()
    figure.savefig(large, format="png", dpi=2 * figure.dpi, bbox_inches="tight")
    picture = Image.open(large).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    title = figure.axes[0].get_title(loc="left") if figure.axes else ""
    return file.getvalue(), {"width": picture.width // 2, "height": picture.height // 2, "alt": title}


class ChartFigure(Figure):
    """A figure that notebooks show, with pyplot and without."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        return _png(self)


class Chart(Axes):
    """Axes of which a notebook shows the figure."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        return _png(figure_of(self))


def figure_of(ax: Axes) -> Figure:
    """Return the figure that an Axes belongs to, through subfigures."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def lay_out(figure: Figure) -> None:
    """Lay out a figure without drawing it, so that sizes and places can be asked for."""
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)


def plain(text: object) -> str:
    """Return a text on one line, without characters that cannot be printed (and would break an SVG)."""
    return " ".join(printable(str(text), lambda _: " ").split())


def fold(text: object, width: int, lines: int = 2) -> str:
    """Return a text folded into lines, with an ellipsis where it does not fit."""
    return "\n".join(textwrap.wrap(plain(text), width, max_lines=lines, placeholder="…")) or "…"


def titles(
    ax: Axes, title: str, below: str = "", *, x: str = "", y: str = "", width: float | None = None
) -> Annotation:
    """Set the title, the explanation below it and the labels of the axes; return the explanation.

    The explanation is folded to a width in inches, by default that of the figure.
    """
    letters = min(76, int(72 * (width or figure_of(ax).get_figwidth()) / 6.4))
    folded = fold(below, letters, 3) if below else ""
    height = 14.5 * len(folded.splitlines())
    ax.set_title(plain(title), loc="left", fontsize=TITLE, color=INK, parse_math=False, pad=8 + height)
    ax.set_xlabel(plain(x), fontsize=TEXT, color=INK, parse_math=False)
    ax.set_ylabel(plain(y), fontsize=TEXT, color=INK, parse_math=False)
    # the padding of the title makes room for the note, whose width would shrink the axes if it were laid out
    return note(ax, folded, (0, 1), (0, 6), va="bottom", color=GREY, linespacing=1.15, in_layout=False)


def note(ax: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **how: Any) -> Annotation:
    """Write a text at a place in fractions of the axes (or other coordinates), moved by an offset in points."""
    usual = {"xycoords": "axes fraction", "ha": "left", "va": "center", "fontsize": SMALL, "color": INK}
    how = {**usual, **how}
    return ax.annotate(
        text, at, offset, textcoords="offset points", parse_math=False, annotation_clip=False, **how
    )


def remark(ax: Axes, y: float, text: str, *, x: float = 1, offset: float = 8, colour: str = INK) -> None:
    """Write a text at a height of the data: right of the axes, or at another fraction of their width."""
    note(ax, text, (x, y), (offset, 0), xycoords=("axes fraction", "data"), color=colour)


def tick_names(ax: Axes, positions: Sequence[float], names: Iterable[str], *, size: float = SMALL) -> None:
    """Name places on the vertical axis; the names are plain text."""
    ax.set_yticks(positions)
    ax.set_yticklabels(list(names), fontsize=size, color=INK, parse_math=False)
    ax.tick_params(axis="y", length=0)


def _columns(names: Sequence[str], width: float) -> tuple[int, int]:
    """Return how many columns a legend has in a figure of this width, evenly filled, and how many lines."""
    longest = max((len(line) for name in names for line in name.split("\n")), default=1)
    most = max(1, min(len(names), int(_LEGEND * width / WIDTH) // (longest + 7)))
    rows = -(-len(names) // most)
    lines = rows * max((name.count("\n") + 1 for name in names), default=1)
    return -(-len(names) // max(rows, 1)), lines


def room_for(names: Sequence[str], width: float = WIDTH) -> float:
    """Return the height in inches of a figure of this width with a legend of these names."""
    return HEIGHT + 0.2 * max(0, _columns(names, width)[1] - 2)


def legend(ax: Axes, handles: Sequence[Artist], names: Sequence[str], *, below: float = 42) -> None:
    """Put a legend under the axes; `below` is the points that ticks and label of the horizontal axis take."""
    figure = figure_of(ax)
    moved = ax.transAxes + ScaledTranslation(0, -below / 72, figure.dpi_scale_trans)
    columns, _ = _columns(names, figure.get_figwidth())
    made = ax.legend(
        handles, ["-"] * len(handles), loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=moved,
        ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK, handlelength=2.4,
        columnspacing=1.4, borderaxespad=0,
    )  # fmt: skip
    # matplotlib drops entries whose text begins with an underscore: so the texts are set afterwards
    for text, name in zip(made.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def span(ax: Axes, *, x: float = 0, y: float = 0) -> None:
    """Widen the axes to at least these lengths, so that tiny differences are not magnified."""
    for least, get, put in ((x, ax.get_xlim, ax.set_xlim), (y, ax.get_ylim, ax.set_ylim)):
        low, high = get()
        if high - low < least:
            put((low + high - least) / 2, (low + high + least) / 2)


def logarithmic(
    ax: Axes,
    heights: Iterable[tuple[float, float, float]],
    *,
    at_least: float = 0.0,
    at_most: float = inf,
    along: Literal["x", "y"] = "y",
) -> None:
    """Make an axis logarithmic, over at least a factor of ten, with room for all means and ends above 0.

    A mean of 0 has no place on the axis; the upper end of its interval has.
    """
    seen = [(mean, high) for mean, _, high in heights if isfinite(mean)]
    highs = [high for _, high in seen if 0 < high < inf]
    lows = [mean if mean > 0 else high / 3 for mean, high in seen if 0 < max(mean, high) < inf]
    low = max(min(lows, default=1.0) / 1.8, at_least)
    ends = low, min(max(1.4 * max(highs, default=0.0), 18 * low), at_most)
    ax.set(**{f"{along}scale": "log", f"{along}lim": ends})
    axis = ax.xaxis if along == "x" else ax.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def scale_of_late_videos(
    ax: Axes, shares: Iterable[tuple[float, float, float]], along: Literal["x", "y"]
) -> None:
    """Make an axis logarithmic for shares of late videos in percent, down to one in a million."""
    logarithmic(ax, shares, at_least=1e-4, at_most=110, along=along)


# -- several panels in one chart ---------------------------------------------------------------------------


_LEAST = 1.35
"""The least width of a panel in inches."""
_CHARACTERS = 24
"""The most characters of a name for which a panel is made wider, and on one line beside a line's end."""
_GAP = 14.0
"""Points between panels."""


def columns_of(width: float, names: Sequence[str]) -> int:
    """Return how many panels with these names are side by side in a width in inches, with rows evenly filled.

    >>> [columns_of(6, ["encoders=5"] * panels) for panels in (2, 4, 5, 8, 9)]
    [2, 4, 3, 4, 3]
    """
    longest = max(len(line) for name in names for line in name.split("\n"))
    least = max(_LEAST, min(longest, _CHARACTERS) * LETTER / 72)
    most = max(1, int((width + _GAP / 72) / (least + _GAP / 72)))
    return ceil(len(names) / ceil(len(names) / most))


def panels_height(width: float, names: Sequence[str]) -> float:
    """Return the height in inches of a figure of this width that has panels with these names."""
    # matplotlib gives the axes this share of the width before it lays them out
    rows = ceil(len(names) / columns_of(0.775 * width, names))
    return HEIGHT if rows == 1 else 1.6 + 1.9 * rows


def width_of(ax: Axes) -> float:
    """Return the width of the axes in inches."""
    return ax.get_position().width * ax.figure.bbox.width / figure_of(ax).dpi


def panels_in(ax: Axes, names: Sequence[str]) -> list[Axes]:
    """Return panels within the axes, row by row, each below its name; the axes themselves if there is one."""
    if len(names) == 1:
        return [ax]
    columns = columns_of(width_of(ax), names)
    letters = int(72 * width_of(ax) / columns / LETTER)
    heads = ["\n".join(fold(line, letters) for line in name.split("\n")) for name in names]
    head = max(name.count("\n") + 1 for name in heads) * LINE + 6
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[], facecolor="none")
    panels = []
    for number, name in enumerate(heads):
        panel = axes(ax.inset_axes((0, 0, 1, 1)))
        panel.set_axes_locator(_Place(ax, number, columns, len(names), head))
        # inner panels share the ticks of those at the left and at the bottom
        panel.tick_params(labelleft=number % columns == 0, labelbottom=number + columns >= len(names))
        note(panel, name, (0, 1), (0, 4), va="bottom", linespacing=1.1)
        panels.append(panel)
    return panels


class _Place:
    """The locator of a panel, which matplotlib asks for the box at each drawing; gaps are in points."""

    def __init__(self, ax: Axes, number: int, columns: int, panels: int, head: float) -> None:
        self.ax, self.columns, self.rows = ax, columns, ceil(panels / columns)
        self.row, self.column = divmod(number, columns)
        # in an incomplete last row, ticks of the row above are between the rows
        self.above, self.between = head, head + _GAP * (2 if panels % columns else 1)

    def __call__(self, panel: object, renderer: object) -> Bbox:
        box, figure = self.ax.get_position(), self.ax.figure
        point = figure_of(self.ax).dpi / 72
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
    point = figure_of(ax).dpi / 72

    def beyond(of: Any) -> Bbox:
        boxes = [box for panel in panels if (box := of(panel).get_tightbbox(None, for_layout_only=True))]
        return Bbox.union(boxes) if boxes else panels[0].bbox

    bottom = min(panel.bbox.y0 for panel in panels)
    below = float(bottom - beyond(lambda panel: panel.xaxis).y0) / point
    if panels != [ax]:
        left = (panels[0].bbox.x0 - beyond(lambda panel: panel.yaxis).x0) / point
        ax.xaxis.labelpad, ax.yaxis.labelpad = below + 4, left + 4
    return below


# -- names beside the ends of lines ------------------------------------------------------------------------


_WIDEST = 0.3
"""The largest share of the figure's width that names may take."""


class End(NamedTuple):
    """The right end of a line; NaN if nothing is drawn."""

    x: float
    y: float
    coordinates: Transform
    """The coordinates in which the line is drawn."""
    colour: str


def write_names(ax: Axes, names: Sequence[str]) -> list[Annotation]:
    """Write names right of the axes, for :func:`place_names` to move; return none if they are too long."""
    folded = [fold(name, _CHARACTERS) for name in names]
    if any(name.endswith("…") for name in folded):
        return []
    labels = [note(ax, name, (1, 0.5), (18, 0), linespacing=1.0) for name in folded]
    widest = max(label.get_window_extent().width for label in labels)
    return labels if widest <= _WIDEST * figure_of(ax).bbox.width else remove_names(labels)


def remove_names(labels: list[Annotation]) -> list[Annotation]:
    """Remove the labels and return what is left: nothing."""
    for label in labels:
        label.remove()
    return []


def place_names(ax: Axes, labels: Sequence[Annotation], ends: Sequence[End]) -> bool:
    """Move each label to the height of its line's end, as near as the others allow, and join them.

    Call it last, when the figure is laid out. Returns whether there is room for all; if not, none is moved.
    """
    figure = figure_of(ax)
    point = figure.dpi / 72
    height = ax.bbox.height / point
    pitch = LINE * max(label.get_text().count("\n") + 1 for label in labels)
    if pitch * len(labels) > height:
        return False
    left, bottom = ax.get_xlim()[0], ax.bbox.y0
    heights = [float(ax.transData.transform((left, end.y))[1] - bottom) / point for end in ends]
    wanted = [0.0 if isnan(end.y) else at for end, at in zip(ends, heights, strict=True)]
    places = spread_out(np.array(wanted), pitch, height).tolist()
    for label, end, middle in zip(labels, ends, places, strict=True):
        label.set_position((18, middle - height / 2))
        if isnan(end.y):
            label.set_text(f"{label.get_text()}: –")
            continue
        beside = ax.transAxes + ScaledTranslation(16 / 72, (middle - height / 2) / 72, figure.dpi_scale_trans)
        joint = ConnectionPatch(
            (end.x, end.y), (1, 0.5), coordsA=end.coordinates, coordsB=beside, color=end.colour, linewidth=1,
            shrinkA=6, clip_on=False, in_layout=False,
        )  # fmt: skip
        ax.add_artist(joint)
    return True


def spread_out(wanted: NDArray[np.float64], pitch: float, height: float) -> NDArray[np.float64]:
    """Return the middles of labels, as near as possible to those wanted, at least `pitch` apart.

    Labels keep their order; of labels at the same height, the first becomes the highest. All labels are
    between 0 and `height`.

    Examples
    --------
    >>> spread_out(np.array([50.0, 50.0, 20.0, 99.0]), 10, 100).tolist()
    [55.0, 45.0, 20.0, 95.0]
    """
    number = np.arange(len(wanted))
    order = np.lexsort((-number, wanted))
    # the ascending least squares fit of the heights wanted, less the space that the labels below take
    blocks: list[list[float]] = []
    for height_of_label in (wanted[order] - pitch * number).tolist():
        blocks.append([height_of_label])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    fitted = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    placed = np.empty(len(wanted))
    placed[order] = np.clip(fitted, pitch / 2, height - pitch * (len(wanted) - 0.5)) + pitch * number
    return placed


# -- names beside points -----------------------------------------------------------------------------------


_SIDES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=np.float64)
_DISTANCES = (7, 11, 16, 22, 30, 40, 52)
"""Points from the middle of the marker to the nearest edge of the label."""
_NEAR = 16
"""Labels further away than this are joined to their points by a line."""


def label_points(
    ax: Axes,
    points: NDArray[np.float64],
    names: Sequence[str],
    *,
    around: NDArray[np.float64],
    lines: Sequence[NDArray[np.float64]] = (),
) -> bool:
    """Write a name beside each point, at the nearest place where it covers nothing, or write none at all.

    Call it last: it lays out the figure as it is, and fixes the limits of the axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where the points are.
    points : array of shape (n, 2)
        In the coordinates of the data.
    names : sequence of str
        One per point.
    around : array of shape (m, 2)
        All markers that must stay visible.
    lines : sequence of arrays of shape (k, 2)
        Lines that labels must not cover.

    Returns
    -------
    bool
        Whether there was room for all.
    """
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    figure = figure_of(ax)
    lay_out(figure)
    unit = figure.dpi / 72  # pixels per point
    # labels are placed within the layout as it is, so they must not change it
    usual: dict[str, Any] = {"textcoords": "offset points", "in_layout": False}
    labels = [
        ax.annotate(
            name, (x, y), (0, 0), parse_math=False, fontsize=SMALL + 0.5, color=INK,
            ha="center", va="center", linespacing=1.0, zorder=4, **usual,
        )
        for (x, y), name in zip(points.tolist(), names, strict=True)
    ]  # fmt: skip
    middles = ax.transData.transform(points)
    sizes = np.array([label.get_window_extent().size for label in labels])
    markers = _squares(ax.transData.transform(around), 6 * unit)
    crossed = [
        box
        for line in lines
        for start, stop in pairwise(ax.transData.transform(line))
        for box in _along(start, stop, unit)
    ]
    # if there is no room elsewhere, labels may cover lines, but neither markers nor each other
    found = _all_free(middles, sizes, markers + crossed, ax.bbox, unit) or _all_free(
        middles, sizes, markers, ax.bbox, unit
    )
    if found is None:
        for label in labels:
            label.remove()
        return False
    joint = {"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 5}
    for label, size, (offset, covered) in zip(labels, sizes, found, strict=True):
        label.set_position(tuple(offset / unit))
        if len(covered) > 1:
            nearest = np.sign(offset) * np.maximum(np.abs(offset) - size / 2, 0) / unit
            ax.annotate("", label.xy, tuple(nearest), arrowprops=joint, **usual)
    return True


_Label: TypeAlias = tuple[NDArray[np.float64], list[Bbox]]
"""The offset of a label, and the boxes that it covers with its line."""


def _all_free(
    middles: NDArray[np.float64],
    sizes: NDArray[np.float64],
    taken: Sequence[Bbox],
    inside: BboxBase,
    unit: float,
) -> list[_Label] | None:
    """Return a free place for each label, one after the other; None if one of them finds no place."""
    taken, found = list(taken), []
    for at, size in zip(middles, sizes, strict=True):
        if (place := _free(at, size, taken, inside, unit)) is None:
            return None
        found.append(place)
        taken += place[1]
    return found


def _free(
    at: NDArray[np.float64], size: NDArray[np.float64], taken: Sequence[Bbox], inside: BboxBase, unit: float
) -> _Label | None:
    """Return the nearest free place of a label; all lengths are in pixels."""
    for distance in _DISTANCES:
        for side in _SIDES:
            offset = side * (size / 2 + distance * unit / np.hypot(*side))
            box = Bbox([at + offset - size / 2, at + offset + size / 2])
            if not (inside.contains(*box.min) and inside.contains(*box.max)) or box.count_overlaps(taken):
                continue
            if distance <= _NEAR:
                return offset, [box]
            nearest = np.clip(at, box.min, box.max)
            away = 8 * unit * (nearest - at) / np.hypot(*(nearest - at))
            joint = _along(at + away, nearest, unit)
            if not any(piece.count_overlaps(taken) for piece in joint):
                return offset, [box, *joint]
    return None


def _squares(middles: NDArray[np.float64], reach: float) -> list[Bbox]:
    return [Bbox([middle - reach, middle + reach]) for middle in middles]


def _along(start: NDArray[np.float64], stop: NDArray[np.float64], unit: float) -> list[Bbox]:
    """Return small boxes along a line."""
    steps = max(2, int(np.hypot(*(stop - start)) / (3 * unit)))
    return _squares(np.linspace(start, stop, steps), unit)
