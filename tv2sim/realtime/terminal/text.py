"""Text that fits, written with what the terminal can show."""

from __future__ import annotations

import codecs
import locale
import os
import sys
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

__all__ = ["Pen", "joined", "pen_for"]


class Glyphs(NamedTuple):
    """The characters of a bar (whole cells, a half cell, its rest), of levels, rules, separators and cuts."""

    full: str
    half: str
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
    ascii_only : bool
        Whether to draw with ASCII characters even if the encoding has others.
    """

    def __init__(self, encoding: str = "utf-8", *, ascii_only: bool = False) -> None:
        self._encoding = encoding
        try:
            "".join(UNICODE).encode(encoding)
        except UnicodeEncodeError:
            ascii_only = True
        self.glyphs = ASCII if ascii_only else UNICODE

    def plain(self, text: str) -> str:
        """Return text with what a terminal would obey, or cannot show, escaped."""
        # a variation selector has no width of its own, but changes that of its neighbour in some terminals
        visible = text if text.isascii() else "".join(c for c in text if not "\ufe00" <= c <= "\ufe0f")
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in visible)
        return shown.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def title(self, text: str, width: int) -> str:
        """Return text from a catalogue in at most `width` cells."""
        shown, more = self.plain(text), self.glyphs.more
        if cell_len(shown) <= width:
            return shown
        if width <= len(more):
            return set_cell_size(shown, max(0, width)).rstrip()
        return set_cell_size(shown, width - len(more)).rstrip() + more

    def bar(self, fraction: float, width: int, style: str) -> Text:
        """Return a bar of `width` cells of which a fraction is full."""
        glyphs = self.glyphs
        steps = len(glyphs.half) + 1
        whole, half = divmod(int(min(1.0, max(0.0, fraction)) * width * steps), steps)
        filled = glyphs.full * whole + glyphs.half * half
        return Text.assemble((filled, style), (glyphs.rest * (width - len(filled)), "dim"))

    def level(self, fraction: float) -> str:
        """Return one character that tells a fraction."""
        levels = self.glyphs.levels
        return levels[min(len(levels) - 1, max(0, int(fraction * len(levels))))]

    def heading(self, name: str, detail: str, width: int) -> Text:
        """Return the line above a part of the picture."""
        return Text.assemble((name, "bold"), f"  {detail} ", (self.glyphs.rule * width, "dim"))


def pen_for(stream: object) -> Pen:
    """Return a pen for what is written to a stream."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    if sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8"):
        # Python takes UTF-8 in the locale C, whose terminal may know no more than ASCII
        encoding = locale.getencoding()
    # the console of Linux has neither half cells nor eighths
    return Pen(codecs.lookup(encoding).name, ascii_only=os.environ.get("TERM") == "linux")


def joined(left: Text, right: Text, width: int) -> Text:
    """Return a line with something at both its ends; without the right one if there is no room for both."""
    gap = width - left.cell_len - right.cell_len
    return left if gap < 2 else Text.assemble(left, " " * gap, right)
