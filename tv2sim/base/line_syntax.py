"""The syntax of values in one line: separated by commas, or calls such as ``uniform(2, 6)``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

_CALL = re.compile(r"\s*([^()\"']*?)\s*\((.*)\)\s*", re.DOTALL)
_NAMED = re.compile(r"([^\W\d]\w*)\s*=(.*)", re.DOTALL)


class Call(NamedTuple):
    """A name with values in brackets, all of them texts.

    Attributes
    ----------
    name : str
        The text before the bracket.
    values : tuple of str
        The values without a name.
    named : dict of str
        The values with one.
    """

    name: str
    values: tuple[str, ...]
    named: dict[str, str]


def parts(text: str, *, quotes: bool = False) -> list[str]:
    """Return the texts between the commas outside of brackets, without spaces around them.

    Commas and brackets in quotes separate nothing. Outside of brackets a quote may be an apostrophe, so it
    counts there only with `quotes`.

    >>> parts("2c(prewarmed=8, name='a, b'), uniform(2, 6)")
    ["2c(prewarmed=8, name='a, b')", 'uniform(2, 6)']
    """
    commas = [
        at for at, (letter, depth) in enumerate(_letters(text, quotes=quotes)) if letter == "," and depth <= 0
    ]
    ends = zip([-1, *commas], [*commas, len(text)], strict=True)
    return [text[before + 1 : after].strip() for before, after in ends]


def _letters(text: str, *, quotes: bool) -> Iterator[tuple[str, float]]:
    """Yield each letter with the number of brackets around it; infinity within quotes.

    A closing bracket or quote counts as outside.
    """
    depth, quote = 0, ""
    for letter in text:
        if quote:
            quote = quote.removesuffix(letter)
        elif letter in "\"'" and (quotes or depth > 0):
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
        yield letter, inf if quote else depth


def as_call(text: str) -> Call | None:
    """Return the call that a text such as ``name(value, name=value)`` is; None for another text.

    Raises
    ------
    ValueError
        If a name is given twice.

    Examples
    --------
    >>> as_call("uniform(2, 6)")
    Call(name='uniform', values=('2', '6'), named={})
    >>> as_call("2c(prewarmed=8, lead=Lead(encoding=3, timeout=6))").named
    {'prewarmed': '8', 'lead': 'Lead(encoding=3, timeout=6)'}
    >>> as_call("2c"), as_call("2c(8"), as_call("2c(8)(9)")
    (None, None, None)
    """
    written = _CALL.fullmatch(text)
    if written is None or not _is_closed(written[2]):
        return None
    name, inside = written.groups()
    values, named = [], dict[str, str]()
    for part in parts(inside, quotes=True) if inside.strip() else ():
        given = _NAMED.fullmatch(part)
        if given is None:
            values.append(part)
        elif given[1] in named:
            raise ValueError(f"{given[1]} is given twice")
        else:
            named[given[1]] = given[2].strip()
    return Call(name, tuple(values), named)


def _is_closed(text: str) -> bool:
    """Return whether the brackets and quotes of a text are balanced."""
    depths = [0, *(depth for _, depth in _letters(text, quotes=True))]
    return min(depths) == depths[-1] == 0
