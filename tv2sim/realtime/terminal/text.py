"""Text that fits: bars, titles and lines of an exact width, in what the terminal can show."""

from __future__ import annotations

import codecs
import locale
import os
import sys
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

__all__ = ["ASCII", "UNICODE", "Glyphs", "Pen", "fitted", "joined", "pen_for"]


class Glyphs(NamedTuple):
    """What is drawn with: a bar's whole cells, its last cell by eighths, its rest, and so on."""

    full: str
    parts: str
    rest: str
    levels: str
    rule: str
    between: str
    more: str
    nothing: str


UNICODE = Glyphs("━", "╸", "─", "▁▂▃▄▅▆▇█", "─", " · ", "…", "·")
ASCII = Glyphs("#", "", ".", "0123456789", "-", ", ", "..", "_")


class Pen:
    """Writes what a terminal can show.

    Parameters
    ----------
    encoding : str
        The terminal's.
    glyphs : Glyphs, optional
        Default is the best that the encoding has.
    """

    def __init__(self, encoding: str = "utf-8", glyphs: Glyphs | None = None) -> None:
        self._encoding = encoding
        if glyphs is None:
            glyphs = UNICODE if _has(encoding, "".join(UNICODE)) else ASCII
        self.glyphs = glyphs

    def plain(self, text: str) -> str:
        """Return text with what a terminal would obey, or cannot show, escaped."""
        # a variation selector has no width of its own, but changes that of its neighbour in some terminals
        visible = text if text.isascii() else "".join(c for c in text if not "\ufe00" <= c <= "\ufe0f")
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in visible)
        return shown.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def title(self, text: str, width: int) -> str:
        """Return text from a catalogue in at most `width` cells."""
        shown = self.plain(text)
        if cell_len(shown) <= width:
            return shown
        more = self.glyphs.more
        if width <= len(more):
            return set_cell_size(shown, max(0, width)).rstrip()
        return set_cell_size(shown, width - len(more)).rstrip() + more

    def bar(self, fraction: float, width: int, style: str) -> Text:
        """Return a bar of `width` cells of which a fraction is full."""
        glyphs, fraction = self.glyphs, min(1.0, max(0.0, fraction))
        steps = len(glyphs.parts) + 1
        whole, part = divmod(int(fraction * width * steps), steps)
        filled = glyphs.full * whole + (glyphs.parts[part - 1] if part else "")
        return Text.assemble((filled, style), (glyphs.rest * (width - len(filled)), "dim"))

    def level(self, fraction: float) -> str:
        """Return one character that tells a fraction."""
        levels = self.glyphs.levels
        return levels[min(len(levels) - 1, max(0, int(fraction * len(levels))))]

    def heading(self, name: str, detail: str, width: int) -> Text:
        """Return the line above a part of the picture."""
        line = Text.assemble((name, "bold"), ("  " if detail else ""), detail, " ")
        return fitted(line.append(self.glyphs.rule * max(0, width - line.cell_len), "dim"), width)


def pen_for(stream: object) -> Pen:
    """Return a pen for what is written to a stream."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    if sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8"):
        # so Python does in the locale C; but who has asked for that may have a terminal that knows no more
        encoding = locale.getencoding()
    encoding = codecs.lookup(encoding).name
    # the console of Linux has no eighths
    return Pen(encoding, ASCII if os.environ.get("TERM") == "linux" else None)


def fitted(line: Text, width: int) -> Text:
    """Return a line as exactly so many cells: cut off, or filled up."""
    line.truncate(max(0, width), overflow="crop", pad=True)
    return line


def joined(left: Text, right: Text, width: int) -> Text:
    """Return a line with something at both its ends; for the right one there has to be room."""
    room = width - right.cell_len
    if room < left.cell_len + 2:
        return fitted(left, width)
    return fitted(left, room).append_text(right)


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
