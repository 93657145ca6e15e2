"""The replay in a terminal: a screen that is drawn ten times a second, and keys.

``text`` has what fits and is harmless, ``parts`` the parts of the picture, ``picture`` puts them together for a
size; ``screen`` is the terminal with its keys and signals; ``view`` shows a replay until it is over. Everything
but this module needs rich.
"""

from __future__ import annotations

import os
import sys

__all__ = ["is_suited"]


def is_suited() -> bool:
    """Say whether standard output is a terminal that can be drawn on."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    from rich.console import detect_legacy_windows

    return not detect_legacy_windows()
