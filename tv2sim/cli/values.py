"""The kinds of values that options take: functions that read a text."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["list_of", "number", "precision", "share", "speed", "whole", "whole_or_none"]


def whole(text: str) -> int:
    """Return a whole number."""
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Return a number; its bounds are checked where it is used."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def share(text: str) -> float:
    """Return a share, given as a number or in percent; its bounds are checked where it is used."""
    return number(text.removesuffix("%")) / 100 if text.endswith("%") else number(text)


def whole_or_none(text: str) -> int | None:
    """Return a whole number, or None for "none"."""
    return None if text.lower() == "none" else whole(text)


def speed(text: str) -> float | str:
    """Return a number, or "max"."""
    return "max" if text.lower() == "max" else number(text)


def list_of(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return a function that reads a list; commas in brackets, as in uniform(2, 6), do not separate."""

    def read(text: str) -> list[Any]:
        parts = [part.strip() for part in re.split(r",(?![^()]*\))", text)]
        if "" in parts:
            raise argparse.ArgumentTypeError(f"{text!r} has nothing between its commas")
        values = [kind(part) for part in parts]
        for value in values:
            if values.count(value) > 1:
                raise argparse.ArgumentTypeError(f"{text!r} has {value} twice")
        return values

    return read


def precision(text: str) -> tuple[str, str, float]:
    """Return the metric, "absolute" or "relative", and the half width."""
    metric, given, width = (part.strip() for part in text.partition("="))
    if not (metric and given and width):
        raise argparse.ArgumentTypeError(f"{text!r} is not like on_time_rate=0.001 or published=1%")
    if width.endswith("%"):
        return metric, "relative", number(width.removesuffix("%")) / 100
    return metric, "absolute", number(width)
