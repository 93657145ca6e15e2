"""Text for people's terminals."""

from __future__ import annotations

import sys

__all__ = ["note", "plain"]


def note(message: str) -> None:
    """Say something that is no result, on standard error."""
    print(f"tv2sim: {message}", file=sys.stderr)


def plain(text: str) -> str:
    """Return text from a catalogue with what a terminal would obey, or not show, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
