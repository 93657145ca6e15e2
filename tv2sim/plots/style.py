"""What all charts share: size, colours, type, and text that is never taken for markup.

Everything is passed explicitly, so that neither pyplot nor the global rcParams are touched.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from tv2sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from matplotlib.artist import Artist

__all__ = [
    "BLACK", "BLUE", "GREEN", "GREY", "HEIGHT", "INK", "LIGHT", "MIDDLE", "ORANGE", "PALE", "SKY", "SMALL",
    "TEXT", "VERMILLION", "Look", "axes", "few_ticks", "fold", "grow", "legend", "line_width", "look", "note",
    "plain", "room_for", "span", "tick_names", "titles",
]  # fmt: skip

WIDTH, HEIGHT = 8.0, 4.5
"""Inches: 16 to 9, as a slide."""
TITLE, TEXT, SMALL = 14.0, 11.0, 10.0
"""Points."""
_LEGEND = 96
"""How many characters fit beside each other in a legend."""

# Okabe and Ito's colours, without the yellow that is too faint on white
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
INK, GREY, MIDDLE, LIGHT, PALE = "#222222", "#6B6B6B", "#C4C4C4", "#DDDDDD", "#F2F2F2"

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, BLACK)
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "p", "h", "<", ">")
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (3, 3)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))


class Look(NamedTuple):
    """How a strategy is drawn in every chart: as 7, 11 and 5 share no factor, 385 looks differ."""

    colour: str
    marker: str
    line: Any


def look(number: int) -> Look:
    """Return how the strategy of this number is drawn."""
    return Look(
        _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)], _LINES[number % len(_LINES)]
    )


def line_width(number: int, of: int) -> float:
    """Return the width of a line: those below are wider, so that coinciding ones are all seen."""
    return 1.8 + 1.8 * (of - 1 - number) / max(of - 1, 1)


def axes(ax: object, height: float = HEIGHT) -> Axes:
    """Return the Axes that was given, or one in a new figure; plainly styled either way.

    Raises
    ------
    InputError
        If it is something else.
    """
    if ax is None:
        ax = Figure(figsize=(WIDTH, max(height, HEIGHT)), layout="constrained").add_subplot()
    if not isinstance(ax, Axes):
        raise InputError(f"ax must be a matplotlib Axes, not {ax!r}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(labelsize=SMALL, color=GREY, labelcolor=INK)
    ax.set_axisbelow(True)
    return ax


def plain(text: object) -> str:
    """Return a text on one line, without what cannot be printed (and would break an SVG)."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def fold(text: object, width: int, lines: int = 2) -> str:
    """Return a text folded into lines, with an ellipsis where it does not fit."""
    return "\n".join(textwrap.wrap(plain(text), width, max_lines=lines, placeholder="…")) or "…"


def titles(ax: Axes, title: str, below: str = "", *, x: str = "", y: str = "") -> None:
    """Set the title, a line of explanation below it, and what the axes show."""
    folded = fold(below, 76, 3) if below else ""
    height = 14.5 * len(folded.splitlines())
    ax.set_title(plain(title), loc="left", fontsize=TITLE, color=INK, parse_math=False, pad=8 + height)
    # the title makes room for it; in the layout, its width would push the axes aside
    note(
        ax,
        folded,
        (0, 1),
        (0, 6),
        fontsize=SMALL,
        color=GREY,
        ha="left",
        va="bottom",
        linespacing=1.15,
        in_layout=False,
    )
    if x:
        ax.set_xlabel(plain(x), fontsize=TEXT, color=INK, parse_math=False)
    if y:
        ax.set_ylabel(plain(y), fontsize=TEXT, color=INK, parse_math=False)


def note(ax: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **how: Any) -> None:
    """Write a text at a place given in fractions of the axes (unless told), moved by so many points."""
    coordinates = how.pop("xycoords", "axes fraction")
    if text:
        ax.annotate(
            text, at, offset, xycoords=coordinates, textcoords="offset points", parse_math=False,
            annotation_clip=False, **how,
        )  # fmt: skip


def tick_names(ax: Axes, positions: Sequence[float], names: Iterable[str], *, size: float = SMALL) -> None:
    """Name places on the vertical axis; the names are text, whatever is in them."""
    ax.set_yticks(positions)
    ax.set_yticklabels(list(names), fontsize=size, color=INK, parse_math=False)
    ax.tick_params(axis="y", length=0)


def _columns(names: Sequence[str]) -> tuple[int, int]:
    """Return how many columns a legend has, evenly filled, and how many lines."""
    most = max(1, min(len(names), _LEGEND // (max(map(len, names), default=1) + 7)))
    lines = -(-len(names) // most)
    return -(-len(names) // max(lines, 1)), lines


def room_for(names: Sequence[str]) -> float:
    """Return the height of a figure whose legend has these names."""
    return HEIGHT + 0.2 * max(0, _columns(names)[1] - 2)


def grow(ax: Axes, height: float) -> None:
    """Give the figure of an Axes another height."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(figure.get_figwidth(), height)


def legend(ax: Axes, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Put a legend below the axes' label, where there is no data."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    below = ax.transAxes + ScaledTranslation(0, -42 / 72, figure.dpi_scale_trans)
    made = ax.legend(
        handles, ["-"] * len(handles), loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below,
        ncols=_columns(names)[0], frameon=False, fontsize=SMALL, labelcolor=INK, handlelength=2.4,
        columnspacing=1.4, borderaxespad=0,
    )  # fmt: skip
    # matplotlib drops entries whose text begins with an underscore: so the texts come afterwards
    for text, name in zip(made.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def span(ax: Axes, *, x: float = 0, y: float = 0) -> None:
    """Widen the axes to at least such lengths: a scale must not magnify what is as good as one number."""
    for least, get, put in ((x, ax.get_xlim, ax.set_xlim), (y, ax.get_ylim, ax.set_ylim)):
        low, high = get()
        if high - low < least:
            put((low + high - least) / 2, (low + high + least) / 2)


def few_ticks(ax: Axes, most: int = 8, *, whole: bool = False) -> None:
    """Let the horizontal axis have a few ticks; at whole numbers where only they occur."""
    ax.xaxis.set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 2.5, 5, 10]))
    ax.grid(axis="x", color=LIGHT, linewidth=0.7)
