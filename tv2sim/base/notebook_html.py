"""HTML of objects for notebooks: tables and small charts.

The colours are shades of the text's colour, which suits light and dark themes; :data:`MARK` is visible in both.
Texts are escaped, unless they are :class:`Markup`.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.errors import printable

MARK = "#d55e00"
"""The colour of late videos and of loads above the capacity."""

_STYLE = """<style>
.tv2sim {overflow-x: auto}
.tv2sim table {border-collapse: collapse; margin: .5em 0}
.tv2sim th, .tv2sim td {text-align: right; padding: .25em .6em; font-variant-numeric: tabular-nums}
.tv2sim td {white-space: nowrap}
.tv2sim td.word {white-space: normal}
.tv2sim th.word, .tv2sim td.word {text-align: left}
.tv2sim tbody th {font-weight: inherit}
.tv2sim p {margin: .5em 0; max-width: 60em}
.tv2sim svg {display: block; max-width: 100%}
.tv2sim td svg {min-width: 100px}
</style>"""


class Markup(str):
    """HTML that is shown as it is."""

    __slots__ = ()


def _markup(content: object) -> str:
    """Return HTML as it is, and anything else as escaped text without control characters."""
    if isinstance(content, Markup):
        return content
    return html.escape(printable(str(content)))


def display(title: str, note: str, *parts: Markup) -> str:
    """Return the HTML of an object: its title, a note beside the title, and the parts below."""
    first = paragraph(Markup(f"{strong(title)} {_markup(note)}"))
    return f'<div class="tv2sim">{_STYLE}{first}{"".join(parts)}</div>'


def paragraph(content: object) -> Markup:
    """Return a paragraph."""
    return Markup(f"<p>{_markup(content)}</p>")


def strong(content: object) -> Markup:
    """Return a text in bold."""
    return Markup(f"<strong>{_markup(content)}</strong>")


def code(content: object) -> Markup:
    """Return a text as code."""
    return Markup(f"<code>{_markup(content)}</code>")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, words: int = 1) -> Markup:
    """Return a table; the first `words` columns hold words, the others numbers.

    >>> table(["", "s"], [["a < b", 2]]).partition("<tbody>")[2]
    '<tr><th class="word">a &lt; b</th><td>2</td></tr></tbody></table>'
    """

    def line(cells: Sequence[object], heads: int) -> str:
        tags = (
            ("th" if column < heads else "td", ' class="word"' if column < words else "", _markup(cell))
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(f'<{tag}{kind}>{cell}</{tag}>' for tag, kind, cell in tags)}</tr>"

    top = f"<thead>{line(head, len(head))}</thead>" if head else ""
    return Markup(f"<table>{top}<tbody>{''.join(line(row, 1) for row in rows)}</tbody></table>")


# -- charts ------------------------------------------------------------------------------------------------


def _svg(width: int, height: int, label: str, *shapes: str) -> Markup:
    return Markup(
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{html.escape(label)}">{"".join(shapes)}</svg>'
    )


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" {colour}/>'


def _ink(opacity: float) -> str:
    """Return a shade of the text's colour."""
    return f'fill="currentColor" fill-opacity="{opacity:g}"'


_MARKED = f'fill="{MARK}"'


def histogram(values: NDArray[np.float64], label: str, *, width: int = 120, height: int = 24) -> Markup:
    """Return a histogram; whole numbers have a bar each if there is room."""
    low, high = float(values.min()), float(values.max())
    most = width // 4
    whole = high - low < most and np.array_equal(values, values.round())
    bins = int(high - low) + 1 if whole else most
    counts, _ = np.histogram(values, bins, (low - 0.5, high + 0.5) if whole else None)
    step = width / bins
    bars = (
        _rect(at * step, height * (1 - share), step - 1, height * share, _ink(0.6))
        for at, share in enumerate((counts / counts.max()).tolist())
        if share
    )
    return _svg(width, height, label, *bars)


def whisker(
    mean: float, low: float, high: float, scale: tuple[float, float], label: str, *, width: int = 160
) -> Markup:
    """Return an estimate as a point with its interval as a line, on a scale from low to high."""
    first, length = scale[0], (scale[1] - scale[0]) or 1
    x, left, right = (6 + (width - 12) * (value - first) / length for value in (mean, low, high))
    line = _rect(left, 7, max(right - left, 1), 2, _ink(0.6)) if low <= high else ""
    point = f'<circle cx="{x:.4g}" cy="8" r="4" fill="currentColor"/>'
    return _svg(width, 16, label, _rect(0, 7.5, width, 1, _ink(0.2)), line, point)


def meter(share: float, label: str, *, width: int = 160) -> Markup:
    """Return a bar that is filled by a share of a capacity; a share above 1 is marked."""
    full = min(share, 1.0) * width
    bar = _rect(0, 2, full, 12, _MARKED if share > 1 else _ink(0.6))
    return _svg(width, 16, label, _rect(0, 2, width, 12, _ink(0.15)), bar)


def steps(
    times: NDArray[np.float64],
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    marks: NDArray[np.float64],
    end: float,
    label: str,
    *,
    width: int = 640,
) -> Markup:
    """Return two step functions of time, one above a line and one below it, and marks on the line.

    Each column of pixels shows the largest value in its time, so the size is the same for runs of any length.
    """
    first = np.clip(
        np.searchsorted(times, np.linspace(0, end or 1, width, endpoint=False), "right") - 1, 0, None
    )
    ups, downs = np.maximum.reduceat(above, first), np.maximum.reduceat(below, first)
    up, down = max(ups.max(), 1), max(downs.max(), 1)
    scale = min(8.0, 80 / (up + down))
    zero = scale * up + 4
    marked = np.unique((marks / (end or 1) * width).astype(np.int64)).tolist()
    return _svg(
        width, round(scale * (up + down) + 8), label,
        _rect(0, zero - 0.5, width, 1, _ink(0.35)),
        _area(zero - scale * ups, zero, _ink(0.35)), _area(zero + scale * downs, zero, _ink(0.75)),
        *(_rect(at - 1, zero - 5, 3, 10, _MARKED) for at in marked),
    )  # fmt: skip


def _area(heights: NDArray[np.float64], base: float, colour: str) -> str:
    """Return the area between a step function, given for each column of pixels, and a line."""
    steps = [0, *(np.flatnonzero(np.diff(heights)) + 1).tolist()]
    path = "".join(f"H{at}V{heights[at]:.4g}" for at in steps)
    return f'<path d="M0 {base:.4g}{path}H{len(heights)}V{base:.4g}Z" {colour}/>'
