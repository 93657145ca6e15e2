"""The replay in a terminal: a screen that is drawn ten times a second, and keys.

``text`` cuts and escapes text, ``parts`` draws the parts of the picture, and ``picture`` arranges them for a
size. ``screen`` is the terminal with its keys and signals, and ``view`` shows a replay until it is over. All of
these modules need rich; this one does not.
"""

from __future__ import annotations

import os
import sys

__all__ = ["is_suited"]


def is_suited() -> bool:
    """Return whether standard output is a terminal that can be drawn on."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    from rich.console import detect_legacy_windows

    return not detect_legacy_windows()
