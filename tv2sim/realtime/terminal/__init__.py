"""The replay in a terminal: a screen that is drawn ten times a second, and keys.

``text`` cuts and escapes text, ``parts`` draws the parts of the picture, and ``picture`` arranges them for a
size. ``screen`` is the terminal with its keys and signals, and ``view`` shows a replay until it is over. All of
these modules need rich; this one does not.
"""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

__all__ = ["is_suited", "takes"]

_PATIENCE = 0.3
"""Wall seconds to wait for the terminal to take data."""


def is_suited() -> bool:
    """Return whether standard output is a terminal that can be drawn on."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return False
    from rich.console import detect_legacy_windows

    return not detect_legacy_windows()


def takes(stream: TextIO | int, timeout: float = _PATIENCE) -> bool:
    """Return whether a stream or file takes data within `timeout` seconds; a stopped terminal does not."""
    try:
        return bool(select.select([], [stream], [], timeout)[1])
    except (OSError, ValueError):  # it is not a file of the operating system
        return True
