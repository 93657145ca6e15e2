"""What a message says, whatever the words in between."""

from __future__ import annotations

__all__ = ["says"]


def says(message: str, *facts: str) -> bool:
    """Return whether a message holds these texts, one after the other, the last one at its end.

    >>> says("low must be a number of at least 0, not -1", "low must", "at least 0", "not -1")
    True
    >>> says("low must be a number of at least 0, not -10", "low must", "at least 0", "not -1")
    False
    """
    at = 0
    for fact in facts:
        if (found := message.find(fact, at)) < 0:
            return False
        at = found + len(fact)
    return message.endswith(facts[-1])
