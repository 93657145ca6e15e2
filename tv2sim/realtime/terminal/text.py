"""Text cut to a width, in characters that the terminal can show."""

from __future__ import annotations

import codecs
import locale
import os
import sys
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tv2sim.base.errors import printable

__all__ = ["Pen", "joined", "pen_for"]


class Glyphs(NamedTuple):
    """The characters of bars (full cell, half cell, empty cell), levels, rules, separators, cuts and blanks."""

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
    """Makes texts of characters that a terminal can show.

    Parameters
    ----------
    encoding : str
        The encoding of the terminal.
    ascii_only : bool
        Whether to draw with ASCII characters even if the encoding has the others.
    """

    def __init__(self, encoding: str = "utf-8", *, ascii_only: bool = False) -> None:
        self._encoding = encoding
        try:
            "".join(UNICODE).encode(encoding)
        except UnicodeEncodeError:
            ascii_only = True
        self.glyphs = ASCII if ascii_only else UNICODE

    def plain(self, text: str) -> str:
        """Return text with control characters, and characters that the terminal cannot show, escaped."""
        # in some terminals a variation selector changes the width of the character before it
        visible = text if text.isascii() else "".join(c for c in text if not "\ufe00" <= c <= "\ufe0f")
        return printable(visible).encode(self._encoding, "backslashreplace").decode(self._encoding)

    def title(self, text: str, width: int) -> str:
        """Return text from a catalogue, escaped and cut to at most `width` cells."""
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
        """Return one character that shows a fraction."""
        levels = self.glyphs.levels
        return levels[min(len(levels) - 1, max(0, int(fraction * len(levels))))]

    def heading(self, name: str, detail: str, width: int) -> Text:
        """Return the heading of a part of the picture."""
        return Text.assemble((name, "bold"), f"  {detail} ", (self.glyphs.rule * width, "dim"))


def pen_for(stream: object) -> Pen:
    """Return a pen for a stream."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    if sys.flags.utf8_mode and not os.environ.get("PYTHONUTF8"):
        # in the locale C Python takes UTF-8, but the terminal may have ASCII only
        encoding = locale.getencoding()
    # the font of the Linux console has neither half nor eighth blocks
    return Pen(codecs.lookup(encoding).name, ascii_only=os.environ.get("TERM") == "linux")


def joined(left: Text, right: Text, width: int) -> Text:
    """Return a line with a text at each end, or only the left text if there is no room for both."""
    gap = width - left.cell_len - right.cell_len
    return left if gap < 2 else Text.assemble(left, " " * gap, right)
